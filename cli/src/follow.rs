//! Following the connections of the captures that were asked for.

use dissector_core::capture::Packet;
use dissector_core::connection::{Annotation, Connection};
use dissector_core::{ClosedConnection, FollowEvent, Segment, follow_map, follow_packets};

use crate::Failure;
use crate::input::{Ending, Input};

/// A connection at its end, or at the end of the captures.
pub struct Ended<'n, 'c> {
    pub connection: &'c Connection,
    /// The file in which it began, as it was named.
    pub file: &'n str,
    /// The time at which its verdict is given.
    pub now_ns: i64,
}

/// Reads `input`, and calls `make` for each connection when it leaves the table, and at the end for
/// the others by number, in any thread; `put` gets what that has made, in order. `names` are those of
/// the files.
pub fn connections<'n, M: Default + Send>(
    input: Input,
    names: &'n [String],
    make: impl Fn(Ended<'n, '_>, &mut M) + Sync,
    put: impl FnMut(&mut M) -> Result<(), Failure> + Send,
) -> Result<Ending, Failure> {
    let make = |closed: ClosedConnection<'_>, made: &mut M| {
        let ClosedConnection { connection, capture, now_ns, .. } = closed;
        make(Ended { connection, file: &names[capture], now_ns }, made);
    };
    input.follow(|captures, options| follow_map(captures, options, make, put))
}

/// A packet that belongs to a connection.
pub struct Step<'a> {
    /// The file that it is in, as it was named.
    pub file: &'a str,
    pub packet: &'a Packet<'a>,
    pub seen: &'a Annotation,
    pub connection: &'a Connection,
}

impl Step<'_> {
    /// The segment, if it is one.
    pub fn segment(&self) -> Option<&Segment<'_>> {
        match self.packet {
            Packet::Segment(segment) => Some(segment),
            _ => None,
        }
    }
}

/// Reads `input`, and calls `step` for each segment and ICMP error, and `ended` for each connection as
/// [`connections`] does.
pub fn steps<S>(
    input: Input,
    state: &mut S,
    mut step: impl FnMut(&mut S, Step<'_>) -> Result<(), Failure>,
    mut ended: impl FnMut(&mut S, &Connection, i64) -> Result<(), Failure>,
) -> Result<Ending, Failure> {
    let names = input.names();
    input.follow(|captures, options| {
        follow_packets(captures, options, |event| match event {
            FollowEvent::Packet { capture, packet, annotation, connection, .. } => {
                step(state, Step { file: &names[capture], packet, seen: annotation, connection })
            }
            FollowEvent::Closed(closed) => ended(state, closed.connection, closed.now_ns),
            _ => Ok(()),
        })
    })
}
