//! Which point is nearer the client, and whether a device in between answers for the server.

use super::joining::Joint;
use super::sighting::Sighting;
use super::timing::Timing;
use super::trace::Trace;
use crate::vocabulary::Side;
use crate::wire::TcpFlags;

/// The point that is nearer the client; `None` if nothing tells. `differences` are the second point's
/// times less the first's of the segments that the client and the server have sent.
///
/// A segment takes no less than no time: if the first point is nearer the client, no difference of its
/// segments is below one of the server's. That decides before the TTL does, which devices rewrite.
pub(super) fn nearer_client(traces: [&Trace; 2], differences: [&[i64]; 2]) -> Option<usize> {
    let [client, server] = differences.map(|it| it.iter().min().zip(it.iter().max()));
    let mut same_place = false;
    if let (Some((client_least, client_most)), Some((server_least, server_most))) = (client, server)
    {
        match (client_least >= server_most, client_most <= server_least) {
            (true, false) => return Some(0),
            (false, true) => return Some(1),
            (both, _) => same_place = both,
        }
    }
    let by_ttl = |sender: Side, nearer: [usize; 2]| {
        let [a, b] = traces.map(|trace| trace.way(sender).ttl());
        match a?.cmp(&b?) {
            std::cmp::Ordering::Greater => Some(nearer[0]),
            std::cmp::Ordering::Less => Some(nearer[1]),
            std::cmp::Ordering::Equal => None,
        }
    };
    match (by_ttl(Side::Client, [0, 1]), by_ttl(Side::Server, [1, 0])) {
        (Some(a), Some(b)) if a != b => None,
        // Where no time passes between the points, either may be called the nearer one.
        (a, b) => a.or(b).or(same_place.then_some(0)),
    }
}

/// Whether the client was answered by another SYN/ACK than the server's, before that could have come:
/// the connection is two.
pub(super) fn is_proxied(joint: &Joint<'_>, timing: &Timing) -> bool {
    let is_syn_ack = |it: &&Sighting| it.flags.contains(TcpFlags::SYN | TcpFlags::ACK);
    let syn_acks = |side: Side| -> Vec<&Sighting> {
        let trace = joint.traces[joint.point_near(side)];
        trace.by(Side::Server).filter(is_syn_ack).collect()
    };
    let [theirs, its] = [Side::Client, Side::Server].map(syn_acks);
    let (Some(answer), Some(own)) = (theirs.first(), its.first()) else { return false };
    let is_same = |it: &&Sighting| its.iter().any(|other| other.sequence == it.sequence);
    if theirs.iter().any(is_same) {
        return false;
    }
    // Numbers may be rewritten; the timestamps of one segment are the same at both points.
    let value = |it: &Sighting| it.timestamps().map(|(value, _)| value);
    let both = value(answer).is_some() && value(own).is_some();
    let common = theirs.iter().any(|it| its.iter().any(|other| value(it) == value(other)));
    if both && common {
        return false;
    }
    if !timing.is_known() {
        return both;
    }
    let [to, from] = [Side::Client, Side::Server].map(|side| joint.point_near(side));
    let (came, left) = (timing.common(to, answer.time_ns), timing.common(from, own.time_ns));
    let uncertainty = timing.uncertainty(came).unwrap_or(0);
    // Other timestamps tell enough where the clocks leave the order open.
    let slack = if both { 0 } else { uncertainty };
    came.saturating_add(slack) < left
}
