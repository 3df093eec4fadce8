//! Two observations compared.

use std::net::SocketAddr;

use super::clocks::{Bound, Bounds, Clocks, Way as BoundWay};
use super::crossing::{Crossing, Way, cross};
use super::joining::{Joining, Joint, Pair, sides};
use super::nearness::{is_proxied, nearer_client};
use super::observer::{Coverage, Observation};
use super::path::{Course, StepFates};
use super::timing::Timing;
use super::totals::Totals;
use super::trace::Trace;
use super::{Map, Set};
use crate::vocabulary::{
    ChangeSet, Fate, JoinedBy, Outcome, Path, Side, Translated, TranslatedSet,
};
use crate::wire::TcpFlags;

/// A connection as two points saw it, or one of them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct JoinedConnection {
    /// Its numbers in the tables of the points.
    pub ids: [Option<u32>; 2],
    /// Client and server as each point saw them.
    pub ends: [Option<[SocketAddr; 2]>; 2],
    /// The time of its first segment by the first point's clock, in nanoseconds since 1970 UTC.
    pub first_ns: i64,
    /// The outcome, judged from the segments that arrived.
    pub outcome: Outcome,
    /// The outcome at each point by itself.
    pub outcomes: [Option<Outcome>; 2],
    /// What happened between the points.
    pub path: Path,
    /// The fates of the steps of the handshake, and of the RST.
    pub steps: StepFates,
    /// The rule by which the points' connections were joined; `None` if only one saw it.
    pub joined_by: Option<JoinedBy>,
    /// The point nearer the client, 0 or 1; `None` if nothing tells, and the first is taken.
    pub nearer_client: Option<usize>,
    /// Which addresses and ports differ.
    pub translated: TranslatedSet,
    /// What differs between the segments.
    pub changes: ChangeSet,
    /// What was lost and what appeared on the way to the client, and to the server.
    pub totals: [Totals; 2],
    /// The least time on the way to the client, and to the server, in nanoseconds; `None` if no segment
    /// was seen at both points.
    pub delays_ns: [Option<i64>; 2],
    /// The second point's clock less the first's at the first segment, in nanoseconds; `None` if nothing
    /// tells.
    pub offset_ns: Option<i64>,
    /// How far `offset_ns` and the delays may be from the truth, in nanoseconds; `None` if segments of
    /// one direction only bound the offset.
    pub uncertainty_ns: Option<u64>,
    place: Place,
}

/// Where its traces are.
#[derive(Clone, Copy, Debug)]
struct Place {
    places: [Option<usize>; 2],
    shifts: [u32; 2],
    nearer_client: usize,
}

impl JoinedConnection {
    /// Whether a segment of it was lost.
    pub fn is_lossy(&self) -> bool {
        self.totals.iter().any(Totals::is_lossy)
    }
}

/// What two points have seen, compared.
///
/// See the [module](self) for an example.
#[derive(Debug)]
pub struct Comparison {
    points: [Observation; 2],
    connections: Vec<JoinedConnection>,
    timing: Timing,
}

/// Compares what two points have seen. The first is A, the second B, whichever is nearer the client.
#[must_use]
pub fn compare(first: Observation, second: Observation) -> Comparison {
    compare_with(first, second, None)
}

/// Compares what two interfaces of one capture have seen: they have one clock.
#[must_use]
pub fn compare_with_one_clock(first: Observation, second: Observation) -> Comparison {
    compare_with(first, second, Some(Clocks::shared()))
}

fn compare_with(first: Observation, second: Observation, clocks: Option<Clocks>) -> Comparison {
    let mut points = [first, second];
    let coverage = points.each_ref().map(|point| point.coverage);
    let [a, b] = points.each_ref().map(|point| &point.traces[..]);
    let mut joining = Joining::new([a, b]);
    joining.by_numbers();
    joining.by_translation();
    let mut bounds = Bounds::new();
    add_bounds(&mut bounds, [a, b], &joining.pairs);
    let shared = clocks.is_some();
    let clocks = clocks.unwrap_or_else(|| bounds.clocks());
    let mut timing = Timing::new(clocks, coverage);
    let certain = joining.pairs.len();
    joining.by_content(&timing);
    if !shared && joining.pairs.len() > certain {
        add_bounds(&mut bounds, [a, b], &joining.pairs[certain..]);
        timing = Timing::new(bounds.clocks(), coverage);
    }
    for pair in &mut joining.pairs[certain..] {
        let (joint, _) = oriented([a, b], pair);
        if is_proxied(&joint, &timing) {
            (pair.by, pair.shifts) = (JoinedBy::Time, [0; 2]);
        }
    }
    joining.by_time(&timing);
    let ambiguous = joining.ambiguous.clone();
    let free: [Vec<usize>; 2] = [0, 1].map(|point| {
        let is_single = |place: &usize| ambiguous[point][*place];
        let ambiguous = (0..points[point].traces.len()).filter(is_single);
        joining.free(point).chain(ambiguous).collect()
    });
    let pairs = std::mem::take(&mut joining.pairs);
    drop(joining);
    // Both points agree on who is the client.
    for pair in &pairs {
        let [one, two] = pair.places;
        let (a, b) = (&points[0].traces[one], &points[1].traces[two]);
        if sides(a, b) != Side::BOTH {
            let by_syn = |trace: &Trace| trace.way(Side::Client).initial.is_some();
            if by_syn(b) && !by_syn(a) {
                let client = b.ends[0];
                points[0].traces[one].set_client(client);
            } else {
                let client = a.ends[0];
                points[1].traces[two].set_client(client);
            }
        }
    }
    let traces = points.each_ref().map(|point| &point.traces[..]);
    let joints: Vec<_> = pairs.iter().map(|pair| (pair, oriented(traces, pair))).collect();
    for (pair, (joint, _)) in &joints {
        if pair.by != JoinedBy::Time {
            note_delays(joint, &mut timing);
        }
    }
    let usual = Usual::new(&joints);
    let mut connections = Vec::with_capacity(pairs.len() + free[0].len() + free[1].len());
    for (pair, (joint, told)) in &joints {
        let nearer = told.or_else(|| usual.nearer(joint.traces[0]));
        let joint = Joint { nearer_client: nearer.unwrap_or(0), ..*joint };
        let places = pair.places.map(Some);
        connections.push(join(&joint, places, Some(pair.by), nearer, &timing));
    }
    let servers = [0, 1].map(|point| Servers::new(traces[point], &pairs, point, traces));
    for point in [0, 1] {
        for &place in &free[point] {
            let trace = &traces[point][place];
            let is_ambiguous = ambiguous[point][place];
            let empty = Trace::new(u32::MAX, trace.ends, trace.first_ns);
            let both = if point == 0 { [trace, &empty] } else { [&empty, trace] };
            let nearer = usual.nearer(trace);
            let nearer_client = nearer.unwrap_or(0);
            let joint = Joint { traces: both, shifts: [0; 2], nearer_client };
            let mut places = [None; 2];
            places[point] = Some(place);
            let mut connection = join(&joint, places, None, nearer, &timing);
            let [first_ns, last_ns] =
                [trace.first_ns, trace.last_ns].map(|time| timing.common(point, time));
            let other = 1 - point;
            if is_ambiguous {
                connection.path = Path::Ambiguous;
            } else if !timing.overlaps(other, first_ns, last_ns)
                || !timing.is_known()
                || !servers[other].contains(trace.ends[1])
            {
                connection.path = Path::OnePoint;
            }
            if matches!(connection.path, Path::Ambiguous | Path::OnePoint) {
                connection.forget_fates();
            }
            connections.push(connection);
        }
    }
    connections.sort_by_key(|it| (it.first_ns, it.ids));
    Comparison { points, connections, timing }
}

/// Bounds of the difference of the clocks: from segments with exactly one copy at each point, no RST.
/// Where the numbers were rewritten, the handshake may be that of a proxy.
fn add_bounds(bounds: &mut Bounds, traces: [&[Trace]; 2], pairs: &[Pair]) {
    let oriented: Vec<_> = pairs.iter().map(|pair| (pair, oriented(traces, pair))).collect();
    // Where nothing tells of any connection, the points are in the order of the way.
    let in_order = oriented.iter().all(|(_, (_, nearer))| nearer.is_none());
    for (pair, (joint, nearer)) in oriented {
        if nearer.is_none() && !in_order {
            continue;
        }
        let rewritten = !matches!(pair.by, JoinedBy::Numbers | JoinedBy::Nat);
        for (sender, [first, second], flags) in singles(&joint) {
            if rewritten && flags.contains(TcpFlags::SYN) {
                continue;
            }
            let way = if joint.point_near(sender) == 0 { BoundWay::AToB } else { BoundWay::BToA };
            let difference_ns = second.saturating_sub(first);
            bounds.push(Bound { time_ns: first, difference_ns, way });
        }
    }
}

/// The segments with one copy at each point: sender, times at the first and the second point, flags.
fn singles(joint: &Joint<'_>) -> Vec<(Side, [i64; 2], TcpFlags)> {
    let unknown = Timing::new(Bounds::new().clocks(), [Coverage::default(); 2]);
    let mut all = Vec::new();
    for sender in Side::BOTH {
        let way = Way::new(joint, sender.other(), &unknown);
        let links = way.links();
        for (near, far) in way.single(&links) {
            let times = match joint.point_near(sender) {
                0 => [near.time_ns, far.time_ns],
                _ => [far.time_ns, near.time_ns],
            };
            all.push((sender, times, near.flags));
        }
    }
    all
}

/// The traces of a pair, and the point nearer the client, if something tells.
fn oriented<'a>(traces: [&'a [Trace]; 2], pair: &Pair) -> (Joint<'a>, Option<usize>) {
    let traces = [&traces[0][pair.places[0]], &traces[1][pair.places[1]]];
    let joint = Joint { traces, shifts: pair.shifts, nearer_client: 0 };
    let mut differences = [Vec::new(), Vec::new()];
    for (sender, [first, second], _) in singles(&joint) {
        differences[sender as usize].push(second.saturating_sub(first));
    }
    let [client, server] = &differences;
    let nearer = nearer_client(traces, [client, server]);
    (Joint { nearer_client: nearer.unwrap_or(0), ..joint }, nearer)
}

fn note_delays(joint: &Joint<'_>, timing: &mut Timing) {
    for (sender, [first, second], _) in singles(joint) {
        let delay = timing.common(1, second).saturating_sub(first);
        let delay = if joint.point_near(sender) == 0 { delay } else { -delay };
        timing.note_delay(sender.other(), delay);
    }
}

/// Which point is nearer the clients that reach a server, as most connections tell.
struct Usual {
    /// Connections by server for which the first point is nearer, and the second.
    by_server: Map<SocketAddr, [u32; 2]>,
    all: [u32; 2],
}

impl Usual {
    fn new(joints: &[(&Pair, (Joint<'_>, Option<usize>))]) -> Self {
        let mut usual = Self { by_server: Map::default(), all: [0; 2] };
        for (_, (joint, nearer)) in joints {
            let Some(nearer) = *nearer else { continue };
            usual.all[nearer] += 1;
            for trace in joint.traces {
                usual.by_server.entry(trace.ends[1]).or_default()[nearer] += 1;
            }
        }
        usual
    }

    fn nearer(&self, trace: &Trace) -> Option<usize> {
        let counts = self.by_server.get(&trace.ends[1]).unwrap_or(&self.all);
        let [first, second] = *counts;
        (first != second).then_some(usize::from(second > first))
    }
}

/// The servers that a point has seen, under the names of both points.
struct Servers(Set<SocketAddr>);

impl Servers {
    fn new(own: &[Trace], pairs: &[Pair], point: usize, traces: [&[Trace]; 2]) -> Self {
        let mut servers: Set<_> = own.iter().map(|trace| trace.ends[1]).collect();
        let other = 1 - point;
        let there = pairs.iter().map(|pair| traces[other][pair.places[other]].ends[1]);
        servers.extend(there);
        Self(servers)
    }

    fn contains(&self, server: SocketAddr) -> bool {
        self.0.contains(&server)
    }
}

/// Judges a connection.
fn join(
    joint: &Joint<'_>,
    places: [Option<usize>; 2],
    joined_by: Option<JoinedBy>,
    nearer: Option<usize>,
    timing: &Timing,
) -> JoinedConnection {
    let of_points = |point: usize| places[point].map(|_| joint.traces[point]);
    let traces = [of_points(0), of_points(1)];
    let crossed = [cross(joint, Side::Client, timing), cross(joint, Side::Server, timing)];
    let crossings = crossed.each_ref().map(|it| &it.crossings[..]);
    let totals = Side::BOTH.map(|to| Totals::new(joint, to, crossings[to as usize], timing));
    let lossy = totals.iter().any(Totals::is_lossy);
    let course = Course { joint, timing, crossings, lossy };
    let by_time = joined_by == Some(JoinedBy::Time);
    let path = match by_time {
        true if is_proxied(joint, timing) => Path::Proxied,
        true => Path::Unknown,
        false => course.path(),
    };
    let steps = course.steps();
    let outcomes = traces.map(|trace| trace.map(|trace| trace.outcome));
    let nearer_client = joint.nearer_client;
    let first = |point: usize| traces[point].map(|it| timing.common(point, it.first_ns));
    let first_ns = first(0).into_iter().chain(first(1)).min().unwrap_or(0);
    let offset = timing.clocks.at(first_ns);
    let changes = crossings.iter().copied().flatten();
    let changes = changes.map(|it| it.changes).fold(ChangeSet::EMPTY, ChangeSet::union);
    let mut connection = JoinedConnection {
        ids: traces.map(|trace| trace.map(|trace| trace.id)),
        ends: traces.map(|trace| trace.map(|trace| trace.ends)),
        first_ns,
        outcome: outcome(outcomes, nearer_client, path),
        outcomes,
        path,
        steps,
        joined_by,
        nearer_client: nearer,
        translated: translated(traces),
        changes,
        totals,
        delays_ns: crossed.each_ref().map(|it| it.delay_ns),
        offset_ns: timing.is_known().then_some(offset.offset_ns),
        uncertainty_ns: offset.uncertainty_ns,
        place: Place { places, shifts: joint.shifts, nearer_client },
    };
    if by_time {
        connection.forget_fates();
    }
    connection
}

impl JoinedConnection {
    /// The fates are those of two connections, or of one that the other point need not have seen.
    fn forget_fates(&mut self) {
        self.steps = StepFates::default();
        self.totals = [Totals::default(); 2];
        self.changes = ChangeSet::EMPTY;
        self.delays_ns = [None; 2];
    }
}

/// The outcome by the segments that arrived: that of the point next to the client, unless the final ACK
/// did not arrive or only the other point saw the beginning.
fn outcome(outcomes: [Option<Outcome>; 2], client: usize, path: Path) -> Outcome {
    let [near_client, near_server] = [outcomes[client], outcomes[1 - client]];
    let (Some(here), Some(there)) = (near_client, near_server) else {
        return near_client.or(near_server).unwrap_or(Outcome::Midstream);
    };
    let began_later = here == Outcome::Midstream && there != Outcome::Midstream;
    if path == Path::FinalAckLost || began_later { there } else { here }
}

fn translated(traces: [Option<&Trace>; 2]) -> TranslatedSet {
    let [Some(a), Some(b)] = traces else { return TranslatedSet::EMPTY };
    let [[client, server], [client_b, server_b]] = [a.ends, b.ends];
    let differ = [
        (Translated::ClientAddr, client.ip() != client_b.ip()),
        (Translated::ClientPort, client.port() != client_b.port()),
        (Translated::ServerAddr, server.ip() != server_b.ip()),
        (Translated::ServerPort, server.port() != server_b.port()),
    ];
    differ.into_iter().filter(|(_, differs)| *differs).map(|(what, _)| what).collect()
}

impl Comparison {
    /// The connections, in order of their first segment.
    pub fn connections(&self) -> &[JoinedConnection] {
        &self.connections
    }

    /// The difference of the clocks.
    pub fn clocks(&self) -> &Clocks {
        &self.timing.clocks
    }

    /// When each point was capturing.
    pub fn coverage(&self) -> [Coverage; 2] {
        self.points.each_ref().map(Observation::coverage)
    }

    /// The segments of a connection that were kept, in order of their departure: both directions.
    pub fn crossings(&self, connection: &JoinedConnection) -> Vec<Crossing> {
        let Place { places, shifts, nearer_client } = connection.place;
        let first = connection.ends.iter().flatten().next();
        let Some(ends) = first else { return Vec::new() };
        let empty = Trace::new(u32::MAX, *ends, connection.first_ns);
        let traces = [0, 1]
            .map(|point: usize| places[point].map_or(&empty, |it| &self.points[point].traces[it]));
        let joint = Joint { traces, shifts, nearer_client };
        let mut crossings = cross(&joint, Side::Client, &self.timing).crossings;
        crossings.extend(cross(&joint, Side::Server, &self.timing).crossings);
        let no_fate = connection.joined_by == Some(JoinedBy::Time)
            || matches!(connection.path, Path::OnePoint | Path::Ambiguous);
        if no_fate {
            crossings.iter_mut().for_each(|it| it.fate = Fate::Unknown);
        }
        let time = |it: &Crossing| {
            let sender = it.to.other();
            let (point, sighting) = match (&it.near, &it.far) {
                (Some(near), _) => (joint.point_near(sender), near),
                (None, _) => (joint.point_near(it.to), it.any()),
            };
            self.timing.common(point, sighting.time_ns)
        };
        crossings.sort_by_key(time);
        crossings
    }
}
