//! Collects the connections that the command line asks for, in two readings: which connections the points
//! have in common is known at the end of the first.

use std::collections::BTreeMap;

use dissector_core::capture::Captures;
use dissector_core::compare::{Comparison, Observation, Observer, compare, observe};
use dissector_core::{FollowEvent, FollowOptions, FollowSummary};

use super::passage::Traces;
use super::{Hop, Journey, Station, runs};
use crate::Failure;
use crate::args::{PointFiles, Select};
use crate::compare::numbers::Numbers;
use crate::compare::order::{in_order, neighbours};
use crate::compare::reading::{observe_with, read_points};
use crate::compare::{clock, head};
use crate::counted::{Tally, Witnesses};
use crate::reading::input::{Ending, can_be_read_again};
use crate::reading::points::{Point, Points};
use crate::timeline::{Recorder, Timeline};

/// The first matching connections.
pub struct Journeys {
    pub list: Vec<Journey>,
    /// Number of matching connections, in the list or not.
    matching: u64,
    /// Whether one of these failed.
    pub failed: bool,
}

impl Journeys {
    /// The text for standard error if the list is incomplete.
    pub fn note(&self, verb: &str) -> Option<String> {
        let shown = self.list.len() as u64;
        match self.matching {
            matching if matching <= shown => None,
            matching => Some(format!(
                "{matching} connections match, this {verb} the first {shown}. To choose others, use \
                 --conn, --host, --port or --outcome"
            )),
        }
    }
}

/// A connection that is wanted.
struct Wanted {
    conn: u32,
    /// Its place in each comparison.
    conns: Vec<Option<usize>>,
    /// Its number at each point.
    ids: Vec<Option<u32>>,
}

/// Collects up to `max` matching connections of the points.
pub fn collect(
    points: &PointFiles,
    select: &Select,
    max: usize,
    witnesses: Option<&mut Witnesses>,
) -> Result<(Journeys, Vec<Ending>), Failure> {
    let Points::Captures(points) = Points::of(points)? else {
        return Err(Failure::Usage("name the points with --at NAME=FILE".into()));
    };
    if !points.iter().all(|point| can_be_read_again(&point.files)) {
        return Err(Failure::Usage(
            "with points, this command reads the captures twice; standard input and pipes can be read \
             only once"
                .into(),
        ));
    }
    let read = read_points(&points, |_, _, captures, options| {
        Ok(observe(captures, options, Observer::new()))
    })?;
    let observations: Vec<_> = read.into_iter().map(|(seen, _)| seen).collect();
    let (order, comparisons) = match &witnesses {
        // Counters are given for points in their places.
        Some(_) => ((0..points.len()).collect(), neighbours(observations, compare)),
        None => in_order(observations, compare),
    };
    let points: Vec<_> = order.into_iter().map(|place| points[place].clone()).collect();
    let (wanted, matching, failed) = wanted(&comparisons, select, max)?;
    drop(comparisons);
    let tallies = witnesses.as_ref().map(|it| it.tallies()).unwrap_or_default();
    let wants_tally = |point: usize| tallies.get(point).is_some_and(Option::is_some);
    let read = read_points(&points, |point, names, captures, options| {
        let ids: Vec<u32> = wanted.iter().filter_map(|it| it.ids[point]).collect();
        let mut tally = wants_tally(point).then(Tally::default);
        let (recorded, summary) = record(captures, options, names, &ids, tally.as_mut());
        Ok(((recorded, tally), summary))
    })?;
    let (mut observations, mut timelines, mut endings) = (Vec::new(), Vec::new(), Vec::new());
    let mut tallies = Vec::new();
    for (((observation, recorded), tally), ending) in read {
        tallies.push(tally);
        observations.push(observation);
        timelines.push(recorded);
        endings.push(ending);
    }
    let comparisons = neighbours(observations, compare);
    if let Some(witnesses) = witnesses {
        witnesses.take(tallies, &comparisons);
    }
    let list = wanted.iter().map(|it| journey(it, &points, &comparisons, &mut timelines)).collect();
    Ok((Journeys { list, matching, failed }, endings))
}

/// The first matching connections, the number of all, and whether one of these failed.
fn wanted(
    comparisons: &[Comparison],
    select: &Select,
    max: usize,
) -> Result<(Vec<Wanted>, u64, bool), Failure> {
    let numbers = Numbers::new(comparisons);
    let mut matching: BTreeMap<u32, Wanted> = BTreeMap::new();
    let mut failed = false;
    for (pair, comparison) in comparisons.iter().enumerate() {
        for joined in comparison.connections() {
            let conn = numbers.of(pair, joined.conn);
            let ends: Vec<_> = joined.ends.iter().flatten().flatten().copied().collect();
            let first_ns = clock::common(comparisons, pair, joined.first_ns);
            if select.matches_joined(conn, joined.outcome, &ends, first_ns) {
                failed |= joined.outcome.failed();
                let pairs = comparisons.len();
                matching.entry(conn).or_insert_with(|| Wanted {
                    conn,
                    conns: vec![None; pairs],
                    ids: vec![None; pairs + 1],
                });
            }
        }
    }
    let connections = u64::from(numbers.count());
    select.check_numbers(connections)?;
    let all = matching.len() as u64;
    select.tell_of_none(all, connections);
    let mut wanted: Vec<_> = matching.into_values().take(max).collect();
    for (pair, comparison) in comparisons.iter().enumerate() {
        for joined in comparison.connections() {
            let conn = numbers.of(pair, joined.conn);
            if let Ok(place) = wanted.binary_search_by_key(&conn, |it| it.conn) {
                let it = &mut wanted[place];
                it.conns[pair] = Some(joined.conn as usize);
                for (point, id) in [pair, pair + 1].into_iter().zip(joined.ids) {
                    it.ids[point] = it.ids[point].or(id);
                }
            }
        }
    }
    Ok((wanted, all, failed))
}

type Recorded = (Observation, BTreeMap<u32, Timeline>);

/// Reads a point, and records these connections; counts all in the tally, if there is one.
fn record(
    captures: &mut Captures,
    options: FollowOptions<'_>,
    names: &[String],
    ids: &[u32],
    mut tally: Option<&mut Tally>,
) -> (Recorded, FollowSummary) {
    let observer = Observer::new().keeping_all_of(ids.iter().copied());
    let mut recorders: BTreeMap<u32, Recorder> = BTreeMap::new();
    let mut timelines = BTreeMap::new();
    let (observation, summary) = observe_with(captures, options, observer, |event| match event {
        FollowEvent::Packet(followed) => {
            let id = followed.connection.id();
            if ids.contains(&id) {
                let file = &names[followed.capture];
                let recorder = recorders.entry(id).or_insert_with(|| Recorder::in_full(file));
                recorder.record(file, followed);
            }
        }
        FollowEvent::Closed(closed) => {
            let connection = closed.connection;
            if let Some(recorder) = recorders.remove(&connection.id()) {
                timelines.insert(connection.id(), recorder.finish(connection, closed.now_ns));
            }
            if let Some(tally) = &mut tally {
                tally.add(closed);
            }
        }
        _ => {}
    });
    ((observation, timelines), summary)
}

fn journey(
    wanted: &Wanted,
    points: &[Point],
    comparisons: &[Comparison],
    timelines: &mut [BTreeMap<u32, Timeline>],
) -> Journey {
    let timelines: Vec<Option<Timeline>> = timelines
        .iter_mut()
        .zip(&wanted.ids)
        .map(|(timelines, id)| timelines.remove(&(*id)?))
        .collect();
    let conns: Vec<Option<usize>> = (0..comparisons.len())
        .map(|pair| place(&comparisons[pair], wanted.conns[pair]?, [pair, pair + 1], wanted))
        .collect();
    let joined: Vec<_> =
        conns.iter().zip(comparisons).map(|(conn, comparison)| comparison.get((*conn)?)).collect();
    let nearer = joined.iter().flatten().find_map(|it| it.nearer_client);
    let reversed = nearer == Some(1);
    let traces = Traces { comparisons, conns: &conns, timelines: &timelines, reversed };
    let steps = runs::sum_up(traces.steps());
    let first = timelines.iter().enumerate().filter_map(|(point, timeline)| {
        Some(clock::common(comparisons, point, timeline.as_ref()?.first_ns))
    });
    let first_ns = first.min().unwrap_or(0);
    let mut hops: Vec<Hop> = joined
        .into_iter()
        .enumerate()
        .map(|(pair, joined)| {
            // A point may be called as an end is.
            let names = [pair, pair + 1].map(|point| format!("[{}]", points[point].name));
            let names = names.each_ref().map(|name| &name[..]);
            let time_ns = joined.as_ref().map_or(first_ns, |it| it.first_ns);
            let clocks = head::clocks(names, comparisons[pair].clocks(), time_ns);
            Hop { joined, clocks }
        })
        .collect();
    let mut stations: Vec<Station> = (0..)
        .zip(points)
        .zip(timelines)
        .map(|((point, it), timeline)| Station { name: it.name.clone(), point, timeline })
        .collect();
    if reversed {
        hops.reverse();
        stations.reverse();
    }
    Journey { conn: wanted.conn, stations, hops, steps, first_ns }
}

/// The place of a connection in the comparison of the second reading, in which other connections may have
/// come before it.
fn place(
    comparison: &Comparison,
    likely: usize,
    points: [usize; 2],
    wanted: &Wanted,
) -> Option<usize> {
    let ids = points.map(|point| wanted.ids[point]);
    let is_it = |it: &dissector_core::compare::JoinedConnection| {
        ids.iter().zip(it.ids).any(|(id, there)| id.is_some() && *id == there)
    };
    if comparison.get(likely).is_some_and(|it| is_it(&it)) {
        return Some(likely);
    }
    comparison.connections().position(|it| is_it(&it))
}
