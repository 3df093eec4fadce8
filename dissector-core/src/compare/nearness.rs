//! Which point is nearer the client, and whether a device in between answers for the server.

use super::crossing::Way;
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

/// Whether the client was answered by another SYN/ACK than the server's, before that was sent: the
/// connection is two.
pub(super) fn is_proxied(joint: &Joint<'_>, timing: &Timing) -> bool {
    let [to_client, to_server] = Side::BOTH.map(|to| Way::new(joint, to, timing));
    let (answers, own) = (to_client.far_with(SYN_ACK), to_client.near_with(SYN_ACK));
    let (Some(answer), Some(first)) = (answers.first(), own.first()) else { return false };
    let is_same = |it: &&Sighting| own.iter().any(|other| other.sequence == it.sequence);
    if answers.iter().any(is_same) {
        return false;
    }
    // A SYN that passed is one connection, whoever has answered it.
    let passed = |near: &Sighting, far: &Sighting| {
        let ids = near.identification().zip(far.identification());
        let times = near.timestamps().zip(far.timestamps());
        let told = ids.is_some() || times.is_some();
        let same = ids.is_none_or(|(a, b)| a == b) && times.is_none_or(|(a, b)| a == b);
        near.is(TcpFlags::SYN) && !near.is(TcpFlags::ACK) && told && same
    };
    let syns = to_server.links();
    if syns.linked().any(|(near, far)| passed(to_server.near(near), to_server.far(far))) {
        return false;
    }
    let [came_at, left_at] = Side::BOTH.map(|side| joint.point_near(side));
    let came = timing.common(came_at, answer.time_ns);
    let left = timing.common(left_at, first.time_ns);
    let uncertainty = timing.uncertainty(came);
    if uncertainty.is_some_and(|it| came.saturating_add(it) < left) && timing.is_known() {
        return true;
    }
    // Where the clocks leave the order open, the segments tell: a device that rewrites numbers leaves the
    // rest as it is.
    let links = to_client.links();
    let fits = |place: usize, arrived: usize| {
        let [near, far] = [to_client.near(place), to_client.far(arrived)];
        let dropped = i16::from(near.ttl) - i16::from(far.ttl);
        links.usual_drop.is_none_or(|usual| usual == dropped)
    };
    let answer_passed = links
        .linked()
        .any(|(near, far)| to_client.near(near).flags.contains(SYN_ACK) && fits(near, far));
    let is_syn = |it: &Sighting| it.is(TcpFlags::SYN) && !it.is(TcpFlags::ACK);
    let syn_passed = syns.linked().any(|(near, _)| is_syn(to_server.near(near)));
    let may_be_early = uncertainty.is_none_or(|it| came.saturating_sub(it) < left);
    !(answer_passed && syn_passed) && may_be_early
}

const SYN_ACK: TcpFlags = TcpFlags::SYN.union(TcpFlags::ACK);
