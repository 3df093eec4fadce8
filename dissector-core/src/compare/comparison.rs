//! Two observations compared.

use super::clocks::Clocks;
use super::company::{Acquaintances, Left, Twins, Usual};
use super::crossing::{Crossing, cross};
use super::joined::{JoinedConnection, judge};
use super::joining::{Joining, Joint, sides, unordered};
use super::measure::Measures;
use super::nearness::is_proxied;
use super::observer::{Coverage, Observation};
use super::timing::Timing;
use super::trace::Trace;
use crate::vocabulary::{Fate, JoinedBy, Path, Side};
use crate::wire::TcpFlags;

/// What two points have seen, compared.
///
/// See the [module](crate::compare) for an example.
#[derive(Debug)]
pub struct Comparison {
    pub(super) points: [Observation; 2],
    pub(super) entries: Vec<Entry>,
    timing: Timing,
}

/// A connection: its traces, and how they are joined.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    places: [u32; 2],
    shifts: [u32; 2],
    pub first_ns: i64,
    pub by: Option<JoinedBy>,
    nearer_client: Option<u8>,
    /// What happened to it, where its segments do not tell.
    pub path: Option<Path>,
}

/// The place of a trace that is not there.
const NOWHERE: u32 = u32::MAX;

impl Entry {
    /// The places of its traces at both points, which are the numbers in their tables.
    pub fn places(&self) -> [Option<u32>; 2] {
        self.places.map(|place| (place != NOWHERE).then_some(place))
    }

    /// The point nearer the client, if something tells.
    pub fn nearer_client(&self) -> Option<usize> {
        self.nearer_client.map(usize::from)
    }

    /// Whether its segments have fates: not those of two connections, nor of one that the other point
    /// need not have seen.
    pub fn has_fates(&self) -> bool {
        self.by != Some(JoinedBy::Time) && self.path.is_none()
    }
}

/// Compares what two points have seen. The first is A, the second B, whichever is nearer the client.
#[must_use]
pub fn compare(first: Observation, second: Observation) -> Comparison {
    compare_clocks(first, second, false)
}

/// Compares what two interfaces of one capture have seen: they have one clock.
#[must_use]
pub fn compare_with_one_clock(first: Observation, second: Observation) -> Comparison {
    compare_clocks(first, second, true)
}

fn compare_clocks(first: Observation, second: Observation, shared: bool) -> Comparison {
    let mut points = [first, second];
    let coverage = points.each_ref().map(|point| &point.coverage);
    let traces = points.each_ref().map(|point| &point.traces[..]);
    let mut joining = Joining::new(traces);
    joining.by_numbers();
    joining.by_translation();
    let mut measures = Measures::new(traces);
    measures.add(traces, &mut joining.pairs);
    let mut timing = measures.timing(shared, coverage, traces);
    let certain = joining.pairs.len();
    joining.by_content(&timing);
    if joining.pairs.len() > certain {
        measures.add(traces, &mut joining.pairs[certain..]);
        timing = measures.timing(shared, coverage, traces);
    }
    for pair in &mut joining.pairs {
        let [a, b] = pair.joint(traces).traces;
        if pair.shifts == [0; 2] && unordered(a.ends()) == unordered(b.ends()) {
            pair.by = JoinedBy::Numbers;
        }
    }
    for pair in &mut joining.pairs[certain..] {
        if is_proxied(&pair.joint(traces), &timing) {
            pair.by = JoinedBy::Time;
        }
    }
    // A mirror port may show one direction only, of all connections.
    for sender in Side::BOTH {
        let sees = |point: usize| {
            let mut pairs = joining.pairs.iter();
            pairs.any(|pair| pair.joint(traces).traces[point].by(sender).next().is_some())
        };
        for point in [0, 1] {
            if sees(1 - point) && !sees(point) {
                timing.set_blind(point, sender);
            }
        }
    }
    let told = joining.pairs.len();
    joining.by_time(&timing);
    let usual = Usual::new(&joining.pairs, traces);
    for pair in &mut joining.pairs[..told] {
        let [first, second] = pair.joint(traces).traces;
        pair.nearer_client =
            pair.nearer_client.or_else(|| usual.nearer(first)).or_else(|| usual.nearer(second));
    }
    for pair in &mut joining.pairs[told..] {
        pair.nearer_client = usual.nearer(pair.joint(traces).traces[0]);
    }
    let mut entries = Vec::with_capacity(joining.pairs.len());
    let nearer = |nearer: Option<usize>| nearer.map(|point| point as u8);
    for pair in &joining.pairs {
        let [a, b] = pair.joint(traces).traces;
        entries.push(Entry {
            places: pair.places.map(|place| place as u32),
            shifts: pair.shifts,
            first_ns: a.first_ns.min(timing.common(1, b.first_ns)),
            by: Some(pair.by),
            nearer_client: nearer(pair.nearer_client),
            path: None,
        });
    }
    let renumbers = joining.pairs.iter().any(|pair| pair.shifts != [0; 2]);
    let translates = joining.pairs.iter().any(|pair| {
        let [a, b] = pair.joint(traces).traces;
        sides(a, b) == Side::BOTH && a.ends() != b.ends()
    });
    let (rewrites, rewrites_all) = (renumbers || translates, renumbers && translates);
    let left_at = |point: usize| joining.left(point).map(move |place| &traces[point][place]);
    let twins =
        [0, 1].map(|point| Twins::new(point, traces[point], &joining.pairs, left_at(point)));
    let left = [0, 1].map(|point| Left::new(point, traces[point], joining.left(point), &timing));
    let company =
        [0, 1].map(|point| Acquaintances::new(point, traces, &joining.pairs, left_at(1 - point)));
    for point in [0, 1] {
        for place in joining.left(point) {
            let trace = &traces[point][place];
            let times = [trace.first_ns, trace.last_ns].map(|time| timing.common(point, time));
            let other = 1 - point;
            // What began before the capture has too little to be joined by, and behind a device that
            // rewrites it may look different at the other point.
            let began_before = trace.way(Side::Client).initial().is_none();
            let may_be_another = began_before && (rewrites || company[other].know_ends_of(trace))
                || left[other].have_ends_of(trace, times)
                || rewrites_all && left[other].are_there_at(times);
            // Behind a load balancer, another server has answered.
            let other_server = company[other].know_server_of_by_translation(trace)
                && trace
                    .by(Side::Server)
                    .any(|it| it.flags.contains(TcpFlags::SYN | TcpFlags::ACK));
            let need_not_be_seen = other_server
                || !timing.is_known()
                || !timing.overlaps(other, times)
                || !company[other].know_server_of(trace);
            // Another joined connection has its numbers: the point saw it before and behind a translator.
            let seen_twice = twins[point].has_other(trace);
            let path = if joining.ambiguous[point][place] || seen_twice {
                Some(Path::Ambiguous)
            } else if need_not_be_seen {
                Some(Path::OnePoint)
            } else {
                may_be_another.then_some(Path::Unknown)
            };
            let mut places = [NOWHERE; 2];
            places[point] = place as u32;
            entries.push(Entry {
                places,
                shifts: [0; 2],
                first_ns: times[0],
                by: None,
                nearer_client: nearer(usual.nearer(trace)),
                path,
            });
        }
    }
    let swapped: Vec<_> = joining
        .pairs
        .iter()
        .filter(|pair| {
            let [a, b] = pair.joint(traces).traces;
            sides(a, b) != Side::BOTH
        })
        .map(|pair| pair.places)
        .collect();
    drop(joining);
    for [first, second] in swapped {
        agree_on_client(&mut points, [first, second]);
    }
    entries.sort_by_key(|entry| (entry.first_ns, entry.places));
    Comparison { points, entries, timing }
}

/// Makes that end the client whose SYN was seen, or that of the first point.
fn agree_on_client(points: &mut [Observation; 2], [first, second]: [usize; 2]) {
    let [one, two] = points;
    let (a, b) = (&mut one.traces[first], &mut two.traces[second]);
    let knows = |trace: &Trace| trace.way(Side::Client).initial().is_some();
    if knows(b) && !knows(a) {
        a.set_client(b.ends()[0]);
    } else {
        b.set_client(a.ends()[0]);
    }
}

impl Comparison {
    /// Number of connections.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether neither point has seen a connection.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Judges a connection; they are in order of their first segment. `None` behind the last.
    pub fn get(&self, conn: usize) -> Option<JoinedConnection> {
        let entry = self.entries.get(conn)?;
        let missing = self.missing(entry);
        Some(judge(conn as u32, entry, &self.joint(entry, &missing), &self.timing))
    }

    /// Judges one connection after the other, in order of their first segment.
    pub fn connections(&self) -> impl ExactSizeIterator<Item = JoinedConnection> + '_ {
        self.entries.iter().enumerate().map(|(conn, entry)| {
            let missing = self.missing(entry);
            judge(conn as u32, entry, &self.joint(entry, &missing), &self.timing)
        })
    }

    /// The trace of a point that has not seen the connection.
    fn missing(&self, entry: &Entry) -> Trace {
        let seen = entry.places().into_iter().enumerate().find_map(|(point, place)| {
            place.map(|place| &self.points[point].traces[place as usize])
        });
        let nobody = std::net::SocketAddr::from(([0, 0, 0, 0], 0));
        Trace::new(seen.map_or([nobody; 2], Trace::ends), entry.first_ns)
    }

    fn joint<'a>(&'a self, entry: &Entry, missing: &'a Trace) -> Joint<'a> {
        let places = entry.places();
        let trace = |point: usize| {
            places[point].map_or(missing, |place| &self.points[point].traces[place as usize])
        };
        let nearer_client = entry.nearer_client().unwrap_or(0);
        Joint { traces: [trace(0), trace(1)], shifts: entry.shifts, nearer_client }
    }

    /// The difference of the clocks.
    pub fn clocks(&self) -> &Clocks {
        &self.timing.clocks
    }

    /// When each point was capturing.
    pub fn coverage(&self) -> [&Coverage; 2] {
        self.points.each_ref().map(Observation::coverage)
    }

    /// The segments of a connection that were kept, of both directions, in order of their departure.
    pub fn crossings(&self, conn: usize) -> Vec<Crossing> {
        let Some(entry) = self.entries.get(conn) else { return Vec::new() };
        let missing = self.missing(entry);
        let joint = self.joint(entry, &missing);
        let mut crossings = cross(&joint, Side::Client, &self.timing).crossings;
        crossings.extend(cross(&joint, Side::Server, &self.timing).crossings);
        if !entry.has_fates() {
            crossings.iter_mut().for_each(|it| it.fate = Fate::Unknown);
        }
        crossings.sort_by_key(|it| {
            let near = joint.point_near(it.to.other());
            let point = if it.near.is_some() { near } else { 1 - near };
            self.timing.common(point, it.any().time_ns)
        });
        crossings
    }
}
