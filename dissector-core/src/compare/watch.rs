//! Observing a point by its captures.

use std::convert::Infallible;

use super::observer::{Coverage, Observation, Observer};
use crate::capture::{Captures, Packet};
use crate::{FollowEvent, FollowOptions, FollowSummary, follow_packets};

/// Reads the captures of one point to their end.
///
/// The captures of several points can be read at the same time, each in a thread of its own.
#[must_use]
pub fn observe(
    captures: &mut Captures,
    options: FollowOptions<'_>,
    mut observer: Observer,
) -> (Observation, FollowSummary) {
    let mut span_ns = None;
    let summary = follow_packets(captures, options, |event| {
        match event {
            FollowEvent::Packet(followed) => {
                let time_ns = followed.packet.info().time_ns;
                let (first, last) = span_ns.unwrap_or((time_ns, time_ns));
                span_ns = Some((first.min(time_ns), last.max(time_ns)));
                let (seen, connection) = (followed.annotation, followed.connection);
                match followed.packet {
                    Packet::Segment(segment) => observer.observe(segment, seen, connection),
                    Packet::IcmpError(error) => observer.observe_icmp(error, seen, connection),
                }
            }
            FollowEvent::Closed(closed) => observer.judge(closed.connection, closed.outcome()),
        }
        Ok::<(), Infallible>(())
    });
    let summary = match summary {
        Ok(summary) => summary,
        Err(never) => match never {},
    };
    (observer.finish(Coverage { span_ns, dropped: 0 }), summary)
}
