//! Many connections, identified by their addresses and ports.

pub(crate) mod batches;
mod index;
mod predecessors;
pub(crate) mod recent;
mod remaining;
mod shard;
mod slots;
mod tally;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::ops::Range;

use foldhash::fast::RandomState;

use crate::clock::Clock;
use crate::connection::{Annotation, Connection, Outcome, Verdict};
use crate::key::{FlowKey, MOST_SHARDS};
use crate::{IcmpError, Segment};
pub(crate) use remaining::Remaining;
pub(crate) use shard::Shard;
use slots::{Slots, place, slot_and_shard};
pub use tally::ServerTally;

/// How many connections a table holds at once unless told otherwise.
pub const DEFAULT_LIMIT: usize = 4_000_000;

/// How many closed connections a table keeps for [`ConnectionTable::take_closed`] unless told
/// otherwise.
pub const DEFAULT_CLOSED_LIMIT: usize = 50_000;

/// A table with a lower limit than this has one shard: small shards do not fill up evenly.
const FEWEST_SHARDED: usize = 1 << 16;

/// A table of connections: it finds the connection that a segment belongs to, and follows it.
///
/// Connections are numbered from 0 in the order of their first segments. Two addresses and two ports
/// identify a connection: neither VLAN nor tunnel nor interface counts.
///
/// A finished connection leaves the table after [`LINGER_NS`](crate::LINGER_NS) of silence, or when
/// the next connection on its addresses and ports begins. When the table is full, a sixteenth of its
/// connections is [evicted](Self::evicted): finished ones first, then those silent for longest.
///
/// [`take_closed`](Self::take_closed) gives the connections that have left. A program that never
/// calls it runs in constant memory all the same: the table keeps the last
/// [`DEFAULT_CLOSED_LIMIT`] of them and [counts](Self::forgotten) those that it forgets.
///
/// ```
/// use dissector_core::connection::{Stage, State};
/// use dissector_core::{ConnectionTable, PacketInfo, Segment};
///
/// let mut table = ConnectionTable::new();
/// let packet = PacketInfo::new([10, 0, 0, 1], [10, 0, 0, 2], 0).with_frame(1);
/// let syn = b"\x9c\x40\x00\x50\x00\x00\x00\x07\x00\x00\x00\x00\x50\x02\xff\xff\x00\x00\x00\x00";
/// let seen = table.observe(&Segment::parse(packet, syn)?);
/// assert_eq!(seen.stage, Stage::Syn);
/// assert_eq!(seen.client.after(), State::SynSent);
/// assert_eq!(seen.server.to_string(), "SYN-RECEIVED?");
/// # Ok::<(), dissector_core::wire::HeaderError>(())
/// ```
#[derive(Debug)]
pub struct ConnectionTable {
    /// Connections are spread over a fixed number of shards by their addresses and ports. Each shard
    /// holds its part of the limit and works without the others, so that threads can share a batch.
    shards: Vec<Shard>,
    /// The hasher of the indexes of all shards.
    hasher: RandomState,
    /// The number of shards, including those that are lent.
    shard_count: usize,
    /// The shard of the packet observed last; `None` after a batch.
    latest: Option<usize>,
    /// The connections that have left and were not taken.
    closed: VecDeque<Connection>,
    closed_limit: usize,
    forgotten: u64,
    next_id: u32,
    clock: Clock,
}

impl Default for ConnectionTable {
    fn default() -> Self {
        Self::new()
    }
}

impl ConnectionTable {
    /// An empty table that holds up to [`DEFAULT_LIMIT`] connections at once.
    #[must_use]
    pub fn new() -> Self {
        Self::with_limit(DEFAULT_LIMIT)
    }

    /// An empty table that holds up to `limit` connections at once, at least one.
    #[must_use]
    pub fn with_limit(limit: usize) -> Self {
        let shards = if limit < FEWEST_SHARDED { 1 } else { MOST_SHARDS };
        let limit = (limit / shards).max(1);
        let hasher = RandomState::default();
        let shard = |place| Shard::new(place, limit, hasher.clone());
        Self {
            shards: (0..shards).map(shard).collect(),
            hasher,
            shard_count: shards,
            latest: None,
            closed: VecDeque::new(),
            closed_limit: DEFAULT_CLOSED_LIMIT,
            forgotten: 0,
            next_id: 0,
            clock: Clock::default(),
        }
    }

    /// The same table, which keeps up to `limit` connections that have left and were not
    /// [taken](Self::take_closed).
    ///
    /// Those that left during the last call are kept in any case: a program that takes them after
    /// each call gets every one.
    ///
    /// ```
    /// use dissector_core::{ConnectionTable, PacketInfo, Segment};
    ///
    /// // One connection at a time: each SYN from another host evicts the connection before it.
    /// let mut table = ConnectionTable::with_limit(1).with_closed_limit(2);
    /// let syn = [4, 0, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x02, 0, 0, 0, 0, 0, 0];
    /// for host in 0..10 {
    ///     let packet = PacketInfo::new([10, 0, 0, host], [10, 0, 1, 1], 0);
    ///     table.observe(&Segment::parse(packet, &syn)?);
    /// }
    /// // Nine have left: the last two and the one of the last call are there.
    /// assert_eq!(table.forgotten(), 6);
    /// assert_eq!(table.take_closed().iter().map(|it| it.id()).collect::<Vec<_>>(), [6, 7, 8]);
    /// # Ok::<(), dissector_core::wire::HeaderError>(())
    /// ```
    #[must_use]
    pub fn with_closed_limit(self, limit: usize) -> Self {
        Self { closed_limit: limit, ..self }
    }

    /// Takes in one segment and says what it was.
    pub fn observe(&mut self, segment: &Segment<'_>) -> Annotation {
        let key = FlowKey::of_segment(segment);
        let place = self.turn_to(&key, segment.packet.frame, segment.packet.time_ns);
        let shard = &mut self.shards[place];
        let annotation = shard.observe(segment, &key, self.clock.now_ns(), &mut self.next_id);
        if !shard.closed().is_empty() {
            self.keep_closed(place..place + 1);
        }
        annotation
    }

    /// Takes in an ICMP error and says what it did; `None` if no connection in the table sent the
    /// segment that it quotes.
    pub fn observe_icmp(&mut self, error: &IcmpError) -> Option<Annotation> {
        let key = FlowKey::new(error.quoted.source, error.quoted.destination);
        let place = self.turn_to(&key, error.packet.frame, error.packet.time_ns);
        let annotation = self.shards[place].observe_icmp(error, &key, self.clock.now_ns());
        self.keep_closed(place..place + 1);
        annotation
    }

    /// Takes in the time of a frame that holds no segment, in nanoseconds since 1970 UTC: the
    /// [clock](Self::now_ns) is that of the whole capture. `frame` is its number, or 0.
    ///
    /// Segments and ICMP errors tell their times themselves; where they are told here as well, nothing
    /// changes.
    ///
    /// ```
    /// use dissector_core::{ConnectionTable, PacketInfo, Segment};
    ///
    /// let mut table = ConnectionTable::new();
    /// // A SYN from port 1024 to port 80, and a minute of other traffic.
    /// let octets = [4, 0, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x02, 0, 0, 0, 0, 0, 0];
    /// let packet = PacketInfo::new([10, 0, 0, 1], [10, 0, 0, 2], 0).with_frame(1);
    /// table.observe(&Segment::parse(packet, &octets)?);
    /// (2..=61).for_each(|frame| table.tell_time(frame, (frame as i64 - 1) * 1_000_000_000));
    /// let connection = table.latest().expect("that of the SYN");
    /// assert_eq!(table.outcome(connection).label(), "no_reply");
    /// # Ok::<(), dissector_core::wire::HeaderError>(())
    /// ```
    #[inline]
    pub fn tell_time(&mut self, frame: u64, time_ns: i64) {
        self.clock.tell(frame, time_ns);
    }

    /// Turns the clock to a time that needs no confirmation, unless it is later already: that of a clock
    /// which was followed elsewhere, over all frames of a capture of which this table gets a part.
    ///
    /// ```
    /// use dissector_core::ConnectionTable;
    ///
    /// let mut table = ConnectionTable::new();
    /// table.turn_clock(1_800_000_000_000_000_000);
    /// table.turn_clock(5);
    /// assert_eq!(table.now_ns(), 1_800_000_000_000_000_000);
    /// ```
    #[inline]
    pub fn turn_clock(&mut self, now_ns: i64) {
        self.clock.turn_to(now_ns);
    }

    /// Turns the clock to `now_ns`, in nanoseconds since 1970 UTC, unless it is later already, and
    /// lets finished connections leave that have been silent for long enough by then.
    ///
    /// For a live program that has a clock of its own, while no packet comes. Each call looks at the
    /// next few thousand connections; each packet, at a few.
    ///
    /// ```
    /// use dissector_core::{ConnectionTable, PacketInfo, Segment};
    ///
    /// let mut table = ConnectionTable::new();
    /// // A SYN from port 1024 to port 80.
    /// let octets = [4, 0, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x02, 0, 0, 0, 0, 0, 0];
    /// let packet = PacketInfo::new([10, 0, 0, 1], [10, 0, 0, 2], 0).with_frame(1);
    /// table.observe(&Segment::parse(packet, &octets)?);
    /// table.advance(3_600_000_000_000);
    /// let closed = table.take_closed();
    /// assert_eq!(table.outcome(&closed[0]).label(), "no_reply");
    /// assert!(table.is_empty());
    /// # Ok::<(), dissector_core::wire::HeaderError>(())
    /// ```
    pub fn advance(&mut self, now_ns: i64) {
        self.clock.turn_to(now_ns);
        let now_ns = self.clock.now_ns();
        self.shards.iter_mut().for_each(|shard| shard.advance(now_ns));
        self.keep_closed(0..self.shards.len());
    }

    /// Keeps the connections that have just left these shards. Where too many had left before, the
    /// oldest of those are forgotten.
    #[cold]
    fn keep_closed(&mut self, shards: Range<usize>) {
        let excess = self.closed.len().saturating_sub(self.closed_limit);
        self.forgotten += excess as u64;
        self.closed.drain(..excess);
        for shard in &mut self.shards[shards] {
            self.closed.extend(shard.closed().drain(..));
        }
    }

    /// Sets the clock, and returns the shard of a segment.
    #[inline]
    fn turn_to(&mut self, key: &FlowKey, frame: u64, time_ns: i64) -> usize {
        self.clock.tell(frame, time_ns);
        let place = key.shard(self.shards.len());
        self.latest = Some(place);
        place
    }

    /// The connection of the segment that was [observed](Self::observe) last.
    pub fn latest(&self) -> Option<&Connection> {
        let shard = self.shards.get(self.latest?)?;
        shard.latest().map(|slot| shard.slots().get(slot))
    }

    /// The slot in which that connection is kept, for [`get`](Self::get).
    pub fn latest_slot(&self) -> Option<u32> {
        let latest = self.latest?;
        let slot = self.shards.get(latest)?.latest()?;
        Some(place(slot, latest as u32, self.shard_count as u32))
    }

    /// The connection number `id`, if it is still in the table, in the slot that
    /// [`latest_slot`](Self::latest_slot) gave for one of its segments.
    pub fn get(&self, slot: u32, id: u32) -> Option<&Connection> {
        let (slot, shard) = slot_and_shard(slot, self.shard_count as u32);
        self.shards.get(shard as usize)?.slots().holding(slot, id)
    }

    /// The clock, by which verdicts are given: the highest time so far, in nanoseconds since 1970 UTC,
    /// of segments, ICMP errors and [other frames](Self::tell_time). A time that is more than an hour
    /// ahead counts only once the next frame confirms it.
    pub fn now_ns(&self) -> i64 {
        self.clock.now_ns()
    }

    /// How many connections are in the table now.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.slots().len()).sum()
    }

    /// Whether no connection is in the table now.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The connections that have left the table since the last call, in the order in which they left.
    #[must_use]
    pub fn take_closed(&mut self) -> Vec<Connection> {
        std::mem::take(&mut self.closed).into()
    }

    /// Whether [`take_closed`](Self::take_closed) would return any.
    #[inline]
    pub fn has_closed(&self) -> bool {
        !self.closed.is_empty()
    }

    /// How many connections were forgotten because too many had left without being
    /// [taken](Self::take_closed).
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// How many connections had to leave because the table was full, although they were not closed:
    /// their later segments are taken for those of other connections.
    pub fn evicted(&self) -> u64 {
        self.shards.iter().map(Shard::evicted).sum()
    }

    /// How many closed connections had to leave because the table was full, before they had been silent
    /// for [`LINGER_NS`](crate::LINGER_NS): late segments of theirs are taken for those of other
    /// connections, and the count of attempts on their addresses and ports begins anew.
    pub fn shortened(&self) -> u64 {
        self.shards.iter().map(Shard::shortened).sum()
    }

    /// How many segments were remembered for less than a second because there were too many, a quarter
    /// of a million a second in an eighth of the table: had any of them been captured twice, this would
    /// not have been known.
    pub fn forgotten_segments(&self) -> u64 {
        self.shards.iter().map(Shard::forgotten_segments).sum()
    }

    /// The verdict on a connection of this table at the table's [clock](Self::now_ns); on one that
    /// has left, at the time at which it left.
    pub fn verdict(&self, connection: &Connection) -> Verdict {
        connection.verdict_at(self.now_ns())
    }

    /// The outcome of a connection: that of its [verdict](Self::verdict), which costs more.
    #[must_use]
    pub fn outcome(&self, connection: &Connection) -> Outcome {
        connection.outcome_at(self.now_ns())
    }

    /// Every connection in the table, and those that have left and were not
    /// [taken](Self::take_closed), by number.
    pub fn connections(&self) -> impl Iterator<Item = &Connection> {
        let slots: Vec<_> = self.shards.iter().map(Shard::slots).collect();
        remaining::in_order(slots, &self.closed, self.next_id)
    }

    /// The same connections without the index, which takes less memory.
    pub(crate) fn into_remaining(self) -> Remaining {
        let slots: Vec<Slots> = self.shards.into_iter().map(Shard::into_slots).collect();
        Remaining::new(slots, self.closed, self.next_id)
    }
}
