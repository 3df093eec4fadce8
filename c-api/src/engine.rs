//! A connection table in bounded memory, for a program that may run for ever.

use std::collections::VecDeque;

use dissector_core::capture::{Frame, LinkType};
use dissector_core::connection::{Annotation, Connection};
use dissector_core::{ConnectionTable, IcmpError, LiveTable, Segment};

use crate::verdict::tcphs_verdict;

/// The connections of a capture, and those of them that a program has not asked for yet.
pub struct Engine {
    live: LiveTable,
    /// The frame whose annotations are being handed out, and those of them that are left.
    frame: Option<FrameId>,
    annotations: VecDeque<Noted>,
    /// Closed connections that were taken out of the table, the oldest first.
    closed: VecDeque<Connection>,
    closed_limit: usize,
    /// How many of those were dropped.
    forgotten: u64,
    latest: Option<Place>,
    /// The next of the open connections that are being enumerated; `None` before the first.
    open: Option<VecDeque<tcphs_verdict>>,
    /// The lowest number that is not in `open` yet.
    next_open: u64,
}

/// An annotation, and where its connection is.
type Noted = (Annotation, Option<Place>);

/// Slot and number of a connection.
type Place = (u32, u32);

/// The arguments of a call: link type, address and number of the octets, length on the wire, time.
/// The next call with the same asks for more of the same frame.
type FrameId = (u16, usize, usize, usize, i64);

/// How many open connections are enumerated at a time: a copy of all may not fit into memory.
const OPEN_AT_A_TIME: usize = 1 << 16;

impl Engine {
    /// An empty table that holds up to `connection_limit` connections at once, and as many closed
    /// ones as `closed_limit` until they are asked for.
    pub fn new(connection_limit: usize, closed_limit: usize) -> Self {
        let table = ConnectionTable::with_limit(connection_limit).with_closed_limit(closed_limit);
        Self {
            live: LiveTable::new(table),
            frame: None,
            annotations: VecDeque::new(),
            closed: VecDeque::new(),
            closed_limit,
            forgotten: 0,
            latest: None,
            open: None,
            next_open: 0,
        }
    }

    /// Takes in one segment.
    #[inline]
    pub fn observe(&mut self, segment: &Segment<'_>) -> Annotation {
        let annotation = self.live.table_mut().observe(segment);
        self.latest = place(self.live.table(), &annotation);
        self.open = None;
        annotation
    }

    /// Takes in a frame, and returns the annotation of its first segment or ICMP error, and whether
    /// there are more. The same call again returns the next annotation.
    pub fn observe_frame(
        &mut self,
        link_type: u16,
        octets: &[u8],
        on_the_wire: usize,
        time_ns: i64,
    ) -> Option<(Annotation, bool)> {
        let frame = (link_type, octets.as_ptr().addr(), octets.len(), on_the_wire, time_ns);
        if self.annotations.is_empty() || self.frame != Some(frame) {
            self.annotations.clear();
            self.frame = Some(frame);
            let frame = Frame::new(octets, time_ns)
                .with_wire_octets(u32::try_from(on_the_wire).unwrap_or(u32::MAX))
                .with_link_type(LinkType(link_type));
            self.live.observe(frame, |table, annotation| {
                self.annotations.push_back((annotation, place(table, &annotation)));
            });
            self.open = None;
        }
        let (annotation, place) = self.annotations.pop_front()?;
        self.latest = place;
        Some((annotation, !self.annotations.is_empty()))
    }

    /// Takes in an ICMP error; `None` if it quotes no segment of a connection in the table.
    pub fn observe_icmp(&mut self, error: &IcmpError) -> Option<Annotation> {
        let annotation = self.live.table_mut().observe_icmp(error);
        if let Some(annotation) = &annotation {
            self.latest = place(self.live.table(), annotation);
        }
        self.open = None;
        annotation
    }

    /// Turns the clock on; connections may close because of that. A time that is far ahead waits for
    /// the next one, like that of a frame.
    pub fn tell_time(&mut self, time_ns: i64) {
        self.live.tell_time(time_ns);
        self.open = None;
    }

    /// The connection of the latest annotation as it stands now; `None` before the first, and if it
    /// has left the table.
    pub fn latest(&self) -> Option<tcphs_verdict> {
        let (slot, id) = self.latest?;
        Some(tcphs_verdict::of(self.live.table().get(slot, id)?, self.live.table()))
    }

    /// Takes closed connections out of the table. Like the table, keeps all of them, and only so many
    /// of those taken before.
    fn take_closed(&mut self) {
        let excess = self.closed.len().saturating_sub(self.closed_limit);
        self.forgotten += excess as u64;
        self.closed.drain(..excess);
        self.closed.extend(self.live.table_mut().take_closed());
    }

    /// Takes out the connection that closed first.
    pub fn next_closed(&mut self) -> Option<tcphs_verdict> {
        if self.closed.is_empty() {
            self.take_closed();
        }
        let connection = self.closed.pop_front()?;
        Some(tcphs_verdict::of(&connection, self.live.table()))
    }

    /// The next open connection by number; `None` after the last, and then the first again. A call
    /// that changes the table begins again, too.
    pub fn next_open(&mut self) -> Option<tcphs_verdict> {
        if self.open.is_none() {
            self.next_open = 0;
        }
        if self.open.as_ref().is_none_or(VecDeque::is_empty) {
            // The table would enumerate the closed ones as well.
            self.take_closed();
            let open = self.open.get_or_insert_default();
            let rest =
                self.live.table().connections().filter(|it| u64::from(it.id()) >= self.next_open);
            open.extend(
                rest.take(OPEN_AT_A_TIME).map(|it| tcphs_verdict::of(it, self.live.table())),
            );
        }
        let Some(verdict) = self.open.as_mut().and_then(VecDeque::pop_front) else {
            self.open = None;
            return None;
        };
        self.next_open = u64::from(verdict.connection) + 1;
        Some(verdict)
    }

    /// How many closed connections were dropped before they were asked for.
    pub fn forgotten(&self) -> u64 {
        self.forgotten + self.live.table().forgotten()
    }

    /// How many open connections were dropped because the table was full.
    pub fn evicted(&self) -> u64 {
        self.live.table().evicted()
    }
}

/// Where the connection of the latest annotation is.
#[inline]
fn place(table: &ConnectionTable, annotation: &Annotation) -> Option<Place> {
    table.latest_slot().map(|slot| (slot, annotation.connection))
}
