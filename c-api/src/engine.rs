//! A connection table in bounded memory, for a program that may run for ever.

use std::collections::VecDeque;

use dissector_core::connection::{Annotation, Connection};
use dissector_core::{ConnectionTable, IcmpError, Remaining, Segment};

use crate::verdict::tcphs_verdict;

/// The connections of a capture, and those of them that a program has not asked for yet.
pub struct Engine {
    table: ConnectionTable,
    connection_limit: usize,
    /// Closed connections, the oldest first.
    closed: VecDeque<Connection>,
    closed_limit: usize,
    forgotten: u64,
    /// Slot and number of the connection of the latest annotation.
    latest: Option<(u32, u32)>,
    end: Option<End>,
}

/// The connections that were open at the end, and how many of them were handed out.
struct End {
    remaining: Remaining,
    handed_out: usize,
    now_ns: i64,
}

impl Engine {
    /// An empty table that holds up to `connection_limit` connections at once, and as many closed
    /// ones as `closed_limit` until they are asked for.
    pub fn new(connection_limit: usize, closed_limit: usize) -> Self {
        Self {
            table: ConnectionTable::with_limit(connection_limit),
            connection_limit,
            closed: VecDeque::new(),
            closed_limit,
            forgotten: 0,
            latest: None,
            end: None,
        }
    }

    /// Takes in one segment.
    #[inline]
    pub fn observe(&mut self, segment: &Segment<'_>) -> Annotation {
        let annotation = self.table.observe(segment);
        self.note(&annotation);
        annotation
    }

    /// Takes in an ICMP error; `None` if it quotes no segment of a connection in the table.
    pub fn observe_icmp(&mut self, error: &IcmpError) -> Option<Annotation> {
        let annotation = self.table.observe_icmp(error);
        match &annotation {
            Some(annotation) => self.note(annotation),
            None => self.keep_closed(),
        }
        annotation
    }

    /// Turns the clock on; connections may close because of that.
    pub fn tell_time(&mut self, time_ns: i64) {
        self.table.advance(time_ns);
        self.keep_closed();
    }

    #[inline]
    fn note(&mut self, annotation: &Annotation) {
        self.latest = self.table.latest_slot().map(|slot| (slot, annotation.connection));
        self.end = None;
        self.keep_closed();
    }

    #[inline]
    fn keep_closed(&mut self) {
        self.closed.extend(self.table.take_closed());
        while self.closed.len() > self.closed_limit {
            self.closed.pop_front();
            self.forgotten += 1;
        }
    }

    /// The connection of the latest annotation as it stands now; `None` before the first, and if it
    /// has left the table.
    pub fn latest(&self) -> Option<tcphs_verdict> {
        let (slot, id) = self.latest?;
        let connection = self.table.get(slot, id)?;
        Some(tcphs_verdict::of(connection, self.table.now_ns()))
    }

    /// Takes out the connection that closed first.
    pub fn next_closed(&mut self) -> Option<tcphs_verdict> {
        let connection = self.closed.pop_front()?;
        Some(tcphs_verdict::of(&connection, self.table.now_ns()))
    }

    /// Takes out the next open connection by number; the first call ends the capture.
    pub fn next_open(&mut self) -> Option<tcphs_verdict> {
        let end = self.end.get_or_insert_with(|| {
            let empty = ConnectionTable::with_limit(self.connection_limit);
            let table = std::mem::replace(&mut self.table, empty);
            let now_ns = table.now_ns();
            End { remaining: table.into_remaining(), handed_out: 0, now_ns }
        });
        let connection = end.remaining.get(end.handed_out)?;
        end.handed_out += 1;
        Some(tcphs_verdict::of(connection, end.now_ns))
    }

    /// How many closed connections were dropped before they were asked for.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// How many open connections were dropped because the table was full.
    pub fn evicted(&self) -> u64 {
        self.table.let_go()
    }
}
