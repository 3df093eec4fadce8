//! What the way did, in the words of the comparison.

use dissector_core::compare::Path;
use testkit::packet::{ACK, RST, SYN};
use testkit::way::{Captured, Origin, Sent, Way};

/// The packets of a connection that the middle has made, at the points where they showed.
pub fn made(way: &Way, number: usize) -> impl Iterator<Item = &Captured> {
    let all = way.points.iter().flatten();
    all.filter(move |it| it.connection == number && it.origin == Origin::Made)
}

/// What this end sent and the way lost.
pub fn lost(way: &Way, number: usize, from: usize) -> impl Iterator<Item = &Sent> {
    let sent = way.connections[number].sent.iter();
    sent.filter(move |it| it.from == from && it.arrived.is_none())
}

/// The path of a connection that both points captured in full.
pub fn expected_path(way: &Way, number: usize) -> Path {
    let connection = &way.connections[number];
    let sent = |from: usize| connection.sent.iter().filter(move |it| it.from == from);
    let none_arrived = |mut copies: Vec<&Sent>| {
        let any = !copies.is_empty();
        copies.retain(|it| it.arrived.is_some());
        any && copies.is_empty()
    };
    let syns: Vec<_> = sent(0).filter(|it| it.segment.syn && it.segment.ack.is_none()).collect();
    let syn_acks: Vec<_> = sent(1).filter(|it| it.segment.syn).collect();
    // The time at which the point nearer the server saw its first SYN/ACK.
    let server_point = 1 - way.nearer_client;
    let first_syn_ack = way.points[server_point]
        .iter()
        .filter(|it| it.connection == number && it.packet.flags & (SYN | ACK) == SYN | ACK)
        .find(|it| matches!(it.origin, Origin::Sent(_)))
        .map(|it| it.true_ns);
    let isn = syns.first().map(|it| it.segment.seq);
    let answers = made(way, number).filter(|it| {
        let server = connection.ends[0][1];
        it.packet.source == server
            && it.packet.flags & ACK != 0
            && it.packet.flags & (SYN | RST) != 0
            && isn.is_some_and(|isn| it.packet.acknowledgment == isn.wrapping_add(1))
            && first_syn_ack.is_none_or(|first| it.true_ns < first)
    });
    let answered = answers.count() > 0;
    if connection.middle.proxy.is_some() && answered && first_syn_ack.is_some() {
        return Path::Proxied;
    }
    // In the numbers of the client's point.
    let shift = connection.middle.shifts[1];
    let behind = syn_acks.first().map(|it| it.segment.seq.wrapping_add(1).wrapping_add(shift));
    let final_acks = sent(0)
        .filter(|it| !it.segment.syn && !it.segment.rst)
        .filter(|it| behind.is_some_and(|behind| it.segment.acks(behind)))
        .collect();
    if answered {
        Path::AnsweredOnTheWay
    } else if none_arrived(syns) {
        Path::SynLost
    } else if none_arrived(syn_acks) {
        Path::SynAckLost
    } else if none_arrived(final_acks) {
        Path::FinalAckLost
    } else if made(way, number).any(|it| it.packet.flags & RST != 0) {
        Path::RstInjected
    } else if [0, 1].into_iter().any(|from| is_cut_off(way, number, from)) {
        Path::CutOff
    } else if connection.sent.iter().any(|it| it.arrived.is_none()) {
        Path::Lossy
    } else {
        Path::Clean
    }
}

/// Whether the last two of an end were lost, in the order in which they passed the point next to it.
fn is_cut_off(way: &Way, number: usize, from: usize) -> bool {
    let sent = &way.connections[number].sent;
    let point = way.nearer_client ^ from;
    let order = way.points[point].iter().filter(|it| it.connection == number);
    let own = order.filter_map(|it| match it.origin {
        Origin::Sent(id) if sent[id].from == from => Some(&sent[id]),
        _ => None,
    });
    let own: Vec<_> = own.collect();
    own.iter().rev().take_while(|it| it.arrived.is_none()).count() >= 2
}
