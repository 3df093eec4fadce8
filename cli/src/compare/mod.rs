//! `tcphs compare`: what happened to each connection between the points of capture.

mod chunks;
pub mod clock;
pub mod differences;
pub mod head;
pub mod numbers;
pub mod order;
pub mod pairing;
pub mod reading;
mod row;
pub mod table;

use std::ops::Range;

use dissector_core::FollowEvent;
use dissector_core::compare::{
    Comparison, InterfaceObservation, JoinedConnection, Observer, compare, compare_with_one_clock,
    observe, observe_interfaces,
};

use self::chunks::in_chunks;
use self::numbers::Numbers;
use self::order::{in_order, neighbours};
use self::pairing::Pairing;
use self::reading::{observe_with, read_points};
pub use self::row::CompareRow;
use self::table::Line;
use crate::args::{CompareArgs, FailOnWay, Format, Source};
use crate::counted::{Tally, Witnesses};
use crate::output::page::Page;
use crate::output::row::Stamps;
use crate::output::{MadeRows, RowFormat, Sink};
use crate::reading::input::{self, DISORDER_ADVICE, Ending, Input};
use crate::reading::points::Points;
use crate::{Done, Failure, warn};

pub fn run(arguments: &CompareArgs) -> Result<Done, Failure> {
    let points = Points::of(&arguments.points)?;
    let output = arguments.output.as_deref();
    let mut files = points.files();
    files.extend(arguments.nstat.iter().flat_map(|it| [it.before.clone(), it.after.clone()]));
    input::keep_apart(output, &files)?;
    let mut witnesses = arguments.witnesses(&points)?;
    let format = arguments.format.of_rows(Stamps::NanosecondsOnly);
    let mut sink = Sink::open::<CompareRow<'_>>(format, output)?;
    let Compared { given, names, comparisons, endings } =
        compare_points(&points, witnesses.as_mut())?;
    let numbers = Numbers::new(&comparisons);
    let (mut pairings, mut lines, mut fails, mut matching) = (Vec::new(), Vec::new(), false, 0);
    for (pair, comparison) in comparisons.iter().enumerate() {
        let names = [&names[pair][..], &names[pair + 1]];
        let make = |chunk: Range<usize>| {
            let mut made = Made::new(names);
            for joined in chunk.filter_map(|conn| comparison.get(conn)) {
                let conn = numbers.of(pair, joined.conn);
                let first_ns = clock::common(&comparisons, pair, joined.first_ns);
                made.add(arguments, format, Line { conn, pair, joined }, first_ns);
            }
            made
        };
        let mut pairing = Pairing::new(names);
        in_chunks(comparison.len(), make, |mut made| {
            pairing.merge(&made.pairing);
            fails |= made.fails;
            matching += made.matching;
            match &mut sink {
                Sink::Rows(rows) => rows.write_made(&mut made.rows)?,
                Sink::Table(_) => lines.append(&mut made.lines),
            }
            Ok(())
        })?;
        pairings.push(pairing);
    }
    match sink {
        Sink::Rows(rows) => rows.finish()?,
        Sink::Table(mut output) => {
            lines.sort_by_key(|line| (line.conn, line.pair));
            let head = head::lines([&given, &names], &comparisons, &pairings);
            let head = head::text(&names, &head, output.columns());
            let table = table::text(&names, &lines, output.columns());
            output.text(&format!("{head}\n{table}"))?;
            if let Some(witnesses) = &witnesses {
                let mut page = Page::new(output.prose_columns());
                witnesses.write(&mut page, lines.iter().map(|line| (line.pair, &line.joined)));
                output.text(&page.finish())?;
            }
            output.flush()?;
        }
    }
    for (pairing, comparison) in pairings.iter().zip(&comparisons) {
        pairing.warnings(comparison).iter().for_each(|warning| warn(warning));
    }
    endings.into_iter().try_for_each(Ending::report)?;
    let connections = u64::from(numbers.count());
    arguments.select.check_numbers(connections)?;
    arguments.tell_of_none(matching, connections);
    Ok(Done::on(fails))
}

/// What one thread has made of a chunk of connections.
struct Made<'n> {
    names: [&'n str; 2],
    /// Counts of all of them.
    pairing: Pairing<'n>,
    /// Rows or lines of the matching ones.
    rows: MadeRows<CompareRow<'n>>,
    lines: Vec<Line>,
    matching: u64,
    /// Whether the status has to tell of one of the matching ones.
    fails: bool,
}

impl<'n> Made<'n> {
    fn new(names: [&'n str; 2]) -> Self {
        let (rows, lines) = Default::default();
        Self { names, pairing: Pairing::new(names), rows, lines, matching: 0, fails: false }
    }

    fn add(
        &mut self,
        arguments: &CompareArgs,
        format: Option<RowFormat>,
        line: Line,
        first_ns: i64,
    ) {
        let Line { conn, ref joined, .. } = line;
        self.pairing.add(joined);
        if !arguments.selects(conn, joined, first_ns) {
            return;
        }
        self.matching += 1;
        self.fails |= arguments.fails(joined);
        match format {
            Some(format) => self.rows.add(format, &CompareRow::new(conn, self.names, joined)),
            None => self.lines.push(line),
        }
    }
}

/// The points, and the comparison of each with the next one.
pub struct Compared {
    /// Their names in the order in which they were given, and in that of the way.
    pub given: Vec<String>,
    pub names: Vec<String>,
    pub comparisons: Vec<Comparison>,
    pub endings: Vec<Ending>,
}

/// Reads the points, and compares each with the next one.
pub fn compare_points(
    points: &Points,
    witnesses: Option<&mut Witnesses>,
) -> Result<Compared, Failure> {
    match points {
        Points::Captures(points) => {
            let wants_tally = |point| witnesses.as_ref().is_some_and(|it| it.at(point).is_some());
            let wants_tally: Vec<_> = (0..points.len()).map(wants_tally).collect();
            let read = read_points(points, |point, _, captures, options| {
                let observer = Observer::new();
                if !wants_tally[point] {
                    let (observed, summary) = observe(captures, options, observer);
                    return Ok(((observed, None), summary));
                }
                let mut tally = Tally::default();
                let (observed, summary) = observe_with(captures, options, observer, |event| {
                    if let FollowEvent::Closed(closed) = event {
                        tally.add(closed);
                    }
                });
                Ok(((observed, Some(tally)), summary))
            })?;
            let (read, endings): (Vec<_>, _) = read.into_iter().unzip();
            let (observations, tallies): (Vec<_>, _) = read.into_iter().unzip();
            let given: Vec<_> = points.iter().map(|point| point.name.clone()).collect();
            let Some(witnesses) = witnesses else {
                let (order, comparisons) = in_order(observations, compare);
                let names = in_places(&given, &order);
                return Ok(Compared { names, given, comparisons, endings });
            };
            // Counters are given for points in their places.
            let comparisons = neighbours(observations, compare);
            witnesses.take(tallies, &comparisons);
            Ok(Compared { names: given.clone(), given, comparisons, endings })
        }
        Points::Interfaces(files) => {
            let source = Source { files: files.clone(), names: false, threads: None };
            let mut observed = Vec::new();
            let ending =
                Input::open(&source, true)?.by_interface().follow(|captures, options| {
                    let (interfaces, summary) =
                        observe_interfaces(captures, options, Observer::new);
                    observed = interfaces;
                    Ok(summary)
                })?;
            if let [] | [_] = &observed[..] {
                return Err(Failure::Usage(
                    "the frames name no second interface: take the captures of two points, or one of \
                     several interfaces (dumpcap -i eth0 -i eth1, tcpdump -i any --linktype LINUX_SLL2)"
                        .into(),
                ));
            }
            for InterfaceObservation { name, disorder, .. } in &observed {
                if let Some(disorder) = disorder {
                    warn(&format!("{name}: {disorder}; {DISORDER_ADVICE}"));
                }
            }
            // Merging has put all times on one clock as far as the captures tell, and no further.
            let merged = observed.iter().any(|it| it.is_point);
            let compare = if merged { compare } else { compare_with_one_clock };
            let (given, observations): (Vec<_>, _) =
                observed.into_iter().map(|it| (it.name, it.observation)).unzip();
            let (order, comparisons) = in_order(observations, compare);
            let names = in_places(&given, &order);
            Ok(Compared { given, names, comparisons, endings: vec![ending] })
        }
    }
}

fn in_places(names: &[String], order: &[usize]) -> Vec<String> {
    order.iter().map(|place| names[*place].clone()).collect()
}

impl CompareArgs {
    /// The counters of the hosts next to the points, if there are any.
    fn witnesses(&self, points: &Points) -> Result<Option<Witnesses>, Failure> {
        let Points::Captures(points) = points else { return Ok(None) };
        if self.nstat.is_empty() {
            return Ok(None);
        }
        if self.format != Format::Table {
            return Err(Failure::Usage(
                "--nstat is told below the table: leave out --format, or --nstat".into(),
            ));
        }
        let names: Vec<_> = points.iter().map(|point| &point.name[..]).collect();
        Witnesses::read(&self.nstat, &names).map(Some)
    }

    /// The first segment has this time by the clock of the first point.
    fn selects(&self, conn: u32, joined: &JoinedConnection, first_ns: i64) -> bool {
        let ends: Vec<_> = joined.ends.iter().flatten().flatten().copied().collect();
        self.select.matches_joined(conn, joined.outcome, &ends, first_ns)
            && (self.path.is_empty() || self.path.contains(&joined.path))
    }

    fn tell_of_none(&self, matching: u64, connections: u64) {
        let by_path = !self.path.is_empty();
        self.select.tell_of_none_but(by_path, matching, connections);
    }

    fn fails(&self, joined: &JoinedConnection) -> bool {
        self.fail_on.iter().any(|what| match what {
            FailOnWay::Failed => joined.outcome.failed(),
            FailOnWay::Lost => joined.is_lossy(),
        })
    }
}
