//! Watching one point: the segments of each connection that a comparison needs.

use super::trace::{PLAIN_KEPT, Trace};
use crate::connection::{Annotation, Connection};
use crate::vocabulary::{Outcome, Repeat};
use crate::{IcmpError, Segment};

/// Watches one point of capture, beside its [`ConnectionTable`](crate::ConnectionTable): it is told of each
/// packet of a connection and of each connection's end, and keeps what a comparison needs: 48 octets of
/// each segment of a handshake, a close or a reset, and of each repeated one. The rest it counts.
#[derive(Debug)]
pub struct Observer {
    traces: Vec<Trace>,
    keep: u32,
}

impl Default for Observer {
    fn default() -> Self {
        Self { traces: Vec::new(), keep: PLAIN_KEPT }
    }
}

/// The time in which a point was capturing, and what it missed by its own account.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Coverage {
    /// When capturing began and ended, by the clock of the point, in nanoseconds since 1970 UTC: as the
    /// capture says, otherwise its first and last frame of any kind. `None` if it has no frame and does not
    /// say; it was not capturing then.
    pub span_ns: Option<(i64, i64)>,
    /// Packets that the capture says it has dropped.
    pub dropped: u64,
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

    /// Takes in a segment with its annotation and its connection, as the table gives them.
    pub fn observe(&mut self, segment: &Segment<'_>, seen: &Annotation, connection: &Connection) {
        let keep = self.keep;
        let second_capture = seen.copy == Repeat::Duplicate;
        let trace = self.trace(seen.connection, connection, segment.packet.time_ns);
        trace.segment(segment, second_capture, keep);
    }

    /// Takes in an ICMP error that quotes a segment of a connection.
    pub fn observe_icmp(&mut self, error: &IcmpError, seen: &Annotation, connection: &Connection) {
        self.trace(seen.connection, connection, error.packet.time_ns).icmp(error);
    }

    fn trace(&mut self, id: u32, connection: &Connection, time_ns: i64) -> &mut Trace {
        // The numbers of a table rise by one.
        while self.traces.len() <= id as usize {
            let (id, ends) = (self.traces.len() as u32, [connection.client(), connection.server()]);
            self.traces.push(Trace::new(id, ends, time_ns));
        }
        &mut self.traces[id as usize]
    }

    /// Takes in the outcome of a connection, at its end or whenever it is asked for.
    pub fn judge(&mut self, connection: &Connection, outcome: Outcome) {
        if let Some(trace) = self.traces.get_mut(connection.id() as usize) {
            trace.outcome = outcome;
            trace.set_client(connection.client());
        }
    }

    /// Ends the watch. `coverage` tells when the point was capturing.
    #[must_use]
    pub fn finish(self, coverage: Coverage) -> Observation {
        Observation { traces: self.traces, coverage }
    }
}

impl Observation {
    /// Number of connections.
    pub fn connections(&self) -> usize {
        self.traces.len()
    }

    /// When the point was capturing.
    pub fn coverage(&self) -> Coverage {
        self.coverage
    }
}
