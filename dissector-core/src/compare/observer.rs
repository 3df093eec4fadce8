//! Watching one point: the segments of each connection that a comparison needs.

use super::Set;
use super::sighting::Sighting;
use super::trace::{PLAIN_KEPT, Trace};
use crate::connection::{Annotation, Connection};
use crate::vocabulary::{Outcome, Repeat, Side};
use crate::{IcmpError, Segment};

/// Watches one point of capture, beside its [`ConnectionTable`](crate::ConnectionTable): it is told of each
/// packet of a connection and of each connection's end, and keeps what a comparison needs: 48 octets of
/// each segment of a handshake, a close or a reset, and of each repeated one. The rest it counts.
#[derive(Debug)]
pub struct Observer {
    pub(super) traces: Vec<Trace>,
    pub(super) keep: u32,
    /// Numbers of connections of which every segment is kept.
    pub(super) all_of: Set<u32>,
}

impl Default for Observer {
    fn default() -> Self {
        Self { traces: Vec::new(), keep: PLAIN_KEPT, all_of: Set::default() }
    }
}

/// The time in which a point was capturing, and what it missed by its own account.
///
/// ```
/// use dissector_core::compare::Coverage;
///
/// // Rotated files: the second begins half a second after the end of the first.
/// let coverage = Coverage::default().with_span(0, 60_000_000_000).with_span(60_500_000_000, 90_000_000_000);
/// assert_eq!(coverage.spans().collect::<Vec<_>>(), [(0, 90_000_000_000)]);
/// assert_eq!(coverage.dropped(), 0);
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Coverage {
    /// In order and apart.
    spans: Vec<(i64, i64)>,
    dropped: u64,
}

/// Captures that begin so soon after the end of another are its continuation: rotated files. In nanoseconds.
const ROTATION_NS: i64 = 1_000_000_000;

impl Coverage {
    /// Adds a time in which the point was capturing, by its own clock, in nanoseconds since 1970 UTC: as the
    /// capture says, otherwise from its first frame of any kind to its last. A point without any was not
    /// capturing.
    #[must_use]
    pub fn with_span(mut self, mut from_ns: i64, mut to_ns: i64) -> Self {
        self.spans.retain(|&(from, to)| {
            let apart = from_ns.saturating_sub(ROTATION_NS) > to
                || from.saturating_sub(ROTATION_NS) > to_ns;
            if !apart {
                (from_ns, to_ns) = (from_ns.min(from), to_ns.max(to));
            }
            apart
        });
        let place = self.spans.partition_point(|(from, _)| *from < from_ns);
        self.spans.insert(place, (from_ns, to_ns));
        self
    }

    /// Adds packets that the capture says it has dropped.
    #[must_use]
    pub fn with_dropped(mut self, packets: u64) -> Self {
        self.dropped = self.dropped.saturating_add(packets);
        self
    }

    /// The times in which the point was capturing, in order.
    pub fn spans(&self) -> impl ExactSizeIterator<Item = (i64, i64)> + '_ {
        self.spans.iter().copied()
    }

    /// Packets that the capture says it has dropped.
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }
}

/// What one point has seen.
#[derive(Clone, Debug)]
pub struct Observation {
    pub(super) traces: Vec<Trace>,
    pub(super) coverage: Coverage,
}

impl Observer {
    /// An observer that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps every segment by itself: each then has a [crossing](super::Comparison::crossings) of its own.
    #[must_use]
    pub fn keeping_all(self) -> Self {
        Self { keep: u32::MAX, ..self }
    }

    /// Keeps every segment of the connections with these numbers by itself.
    #[must_use]
    pub fn keeping_all_of(mut self, connections: impl IntoIterator<Item = u32>) -> Self {
        self.all_of.extend(connections);
        self
    }

    /// Takes in a segment with its annotation and its connection, as the table gives them.
    pub fn observe(&mut self, segment: &Segment<'_>, seen: &Annotation, connection: &Connection) {
        let keep = match self.all_of.contains(&seen.connection) {
            true => u32::MAX,
            false => self.keep,
        };
        let second_capture = seen.copy == Repeat::Duplicate;
        let trace = self.trace(seen.connection, connection, segment.packet.time_ns);
        trace.segment(segment, second_capture, keep);
    }

    /// Takes in an ICMP error that quotes a segment of a connection.
    pub fn observe_icmp(&mut self, error: &IcmpError, seen: &Annotation, connection: &Connection) {
        self.trace(seen.connection, connection, error.packet.time_ns).take_icmp(error);
    }

    fn trace(&mut self, id: u32, connection: &Connection, time_ns: i64) -> &mut Trace {
        // The numbers of a table rise by one.
        while self.traces.len() <= id as usize {
            self.traces.push(Trace::new([connection.client(), connection.server()], time_ns));
        }
        &mut self.traces[id as usize]
    }

    /// Takes in the outcome of a connection, at its end or whenever it is asked for.
    pub fn judge(&mut self, connection: &Connection, outcome: Outcome) {
        if let Some(trace) = self.traces.get_mut(connection.id() as usize) {
            trace.outcome = outcome;
            trace.set_client(connection.client());
            trace.shrink();
        }
    }

    /// Ends the watch. `coverage` tells when the point was capturing.
    #[must_use]
    pub fn finish(mut self, coverage: Coverage) -> Observation {
        // A server that answers a repeated SYN while it repeats its SYN/ACK sends two that look alike. Only
        // where packets with an identification were captured twice, these may have been, too.
        // Only in one direction, a device on the way may have doubled them.
        let is_twice = |side: Side| {
            let mut all = self.traces.iter().flat_map(|trace| trace.by(side));
            all.any(Sighting::is_surely_second_capture)
        };
        if !Side::BOTH.into_iter().all(is_twice) {
            self.traces.iter_mut().for_each(Trace::take_second_captures_for_copies);
        }
        Observation { traces: self.traces, coverage }
    }
}

impl Observation {
    /// Number of connections.
    pub fn connections(&self) -> usize {
        self.traces.len()
    }

    /// When the point was capturing.
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }
}
