//! Segments that belong to no connection: scans with illegal flags, and RSTs that answer SYNs which were
//! not captured.

use dissector_core::connection::{Outcome, Seen, Stage};
use dissector_core::wire::TcpFlags;

use crate::timeline::{Event, SegmentEvent, Timeline};

/// The meaning of segments that show no connection at all; `None` if there may be one.
pub fn means(timeline: &Timeline) -> Option<String> {
    if timeline.verdict.outcome != Outcome::Midstream {
        return None;
    }
    let all = |is_one: &dyn Fn(&SegmentEvent) -> bool| {
        timeline.events.iter().all(|event| match event {
            Event::Segment(segment) => is_one(segment),
            Event::Icmp(_) | Event::File(_) => true,
            Event::Run(_) => false,
        })
    };
    let is_rst = |segment: &SegmentEvent| segment.annotation.flags.contains(TcpFlags::RST);
    let is_illegal = |segment: &SegmentEvent| segment.annotation.stage == Stage::IllegalFlags;
    let any_illegal = timeline.events.iter().any(|event| match event {
        Event::Segment(segment) => is_illegal(segment),
        _ => false,
    });
    if any_illegal && all(&|segment| is_illegal(segment) || is_rst(segment)) {
        return Some(
            "No connection was open here: the flags are some that no TCP sends. Either somebody scans \
             ports with them (NULL, FIN, XMAS, SYN with FIN), to see whether an RST comes back, or the \
             header is damaged."
                .into(),
        );
    }
    let answers_syn = |segment: &SegmentEvent| {
        is_rst(segment) && segment.is_from_zero && segment.ack.is_some() && segment.len == 0
    };
    if timeline.verdict.seen != Seen::Both && all(&answers_syn) {
        return Some(
            "No connection was open here. RSTs with ACK and sequence number 0 are the answer to SYNs \
             where nothing listens. The SYNs are not in the capture: it shows only one direction, or \
             their sender's address was forged."
                .into(),
        );
    }
    None
}
