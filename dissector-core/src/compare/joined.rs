//! What is said of a connection that two points saw, or one of them.

use std::net::SocketAddr;

use super::comparison::Entry;
use super::crossing::cross;
use super::joining::Joint;
use super::nearness::is_proxied;
use super::path::{Course, StepFates};
use super::timing::Timing;
use super::totals::Totals;
use super::trace::Trace;
use crate::vocabulary::{ChangeSet, JoinedBy, Outcome, Path, Side, Translated, TranslatedSet};

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
    /// Its place among the connections, from 0.
    pub conn: u32,
}

impl JoinedConnection {
    /// Whether a segment of it was lost.
    pub fn is_lossy(&self) -> bool {
        self.totals.iter().any(Totals::is_lossy)
    }
}

/// Judges connection number `conn`.
pub(super) fn judge(
    conn: u32,
    entry: &Entry,
    joint: &Joint<'_>,
    timing: &Timing,
) -> JoinedConnection {
    let ids = entry.places();
    let of_points = |point: usize| ids[point].map(|_| joint.traces[point]);
    let traces = [of_points(0), of_points(1)];
    let crossed = [cross(joint, Side::Client, timing), cross(joint, Side::Server, timing)];
    let crossings = crossed.each_ref().map(|it| &it.crossings[..]);
    let totals = Side::BOTH.map(|to| Totals::new(joint, to, crossings[to as usize], timing));
    let lossy = totals.iter().any(Totals::is_lossy);
    let uncounted = totals.iter().any(Totals::is_uncounted);
    let course = Course { joint, timing, crossings, lossy, uncounted };
    let path = match entry.path {
        Some(path) => path,
        None if entry.by == Some(JoinedBy::Time) => {
            if is_proxied(joint, timing) {
                Path::Proxied
            } else {
                Path::Unknown
            }
        }
        None => course.path(),
    };
    let steps = course.steps();
    let outcomes = traces.map(|trace| trace.map(|trace| trace.outcome));
    let nearer_client = joint.nearer_client;
    let first_ns = entry.first_ns;
    let offset = timing.clocks.at(first_ns);
    let changes = crossings.iter().copied().flatten();
    let changes = changes.map(|it| it.changes).fold(ChangeSet::EMPTY, ChangeSet::union);
    let mut connection = JoinedConnection {
        ids,
        ends: traces.map(|trace| trace.map(|trace| trace.ends())),
        first_ns,
        outcome: outcome(outcomes, nearer_client, path),
        outcomes,
        path,
        steps,
        joined_by: entry.by,
        nearer_client: entry.nearer_client(),
        translated: translated(traces),
        changes,
        totals,
        // Less than nothing is the uncertainty.
        delays_ns: crossed.each_ref().map(|it| it.delay_ns.map(|delay| delay.max(0))),
        offset_ns: timing.is_known().then_some(offset.offset_ns),
        uncertainty_ns: offset.uncertainty_ns,
        conn,
    };
    if !entry.has_fates() {
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
    let [[client, server], [client_b, server_b]] = [a.ends(), b.ends()];
    let differ = [
        (Translated::ClientAddr, client.ip() != client_b.ip()),
        (Translated::ClientPort, client.port() != client_b.port()),
        (Translated::ServerAddr, server.ip() != server_b.ip()),
        (Translated::ServerPort, server.port() != server_b.port()),
    ];
    differ.into_iter().filter(|(_, differs)| *differs).map(|(what, _)| what).collect()
}
