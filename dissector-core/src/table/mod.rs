//! Many connections, told apart by their addresses and ports.

mod index;
mod predecessors;
pub(crate) mod recent;
mod remaining;
mod shard;
mod slots;
mod tally;

use foldhash::fast::RandomState;

use crate::connection::{Annotation, Connection};
use crate::key::Direction;
use crate::pipeline::batch::Batch;
use crate::{IcmpError, Segment};
pub use remaining::Remaining;
use remaining::{in_order, place, slot_and_shard};
pub use shard::Shard;
pub use tally::ServerTally;

/// A finished connection leaves the table once it was silent for this long, in nanoseconds of
/// capture time: late duplicates still find it until then.
pub const LINGER_NS: i64 = 120_000_000_000;

/// How many connections a table holds at once unless told otherwise.
pub const DEFAULT_LIMIT: usize = 4_000_000;

/// Many connections: finds the one a segment belongs to, and lets it say what the segment was.
///
/// Connections are numbered from 0 in the order of their first segment. A connection that is
/// finished is past after [`LINGER_NS`] of silence: nothing belongs to it any more, and it leaves
/// when the table next comes to look at it. When the table is full, finished
/// connections leave first, then those silent for longest. What has left is kept for
/// [`take_closed`](Self::take_closed); take it from time to time, or memory grows with the capture.
///
/// Keys are two addresses and two ports, nothing else: no VLAN, tunnel or interface.
///
/// Connections are spread over a fixed number of shards, always in the same way. A shard knows
/// nothing of the others, so that several threads can observe a [`Batch`] together; each shard holds
/// its part of the limit, and what comes out is the same however many threads there are.
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
    shards: Vec<Shard>,
    /// Of the indexes of all shards.
    hasher: RandomState,
    /// How many of them there are, lent or not.
    shard_count: usize,
    /// The shard of the packet observed last, unless that was one of a batch.
    latest: Option<usize>,
    left: Vec<Connection>,
    next_id: u32,
    now_ns: i64,
}

/// How many shards the connections are spread over: more than there are threads for, so that a
/// thread that is done with one finds another.
const SHARDS: usize = 8;

const WORD_BITS: usize = u64::BITS as usize;

/// With a limit below this there is one shard: small ones do not fill up evenly.
const FEWEST_SHARED: usize = 1 << 16;

impl Default for ConnectionTable {
    fn default() -> Self {
        Self::new()
    }
}

impl ConnectionTable {
    /// An empty table that holds up to [`DEFAULT_LIMIT`] connections at once.
    pub fn new() -> Self {
        Self::with_limit(DEFAULT_LIMIT)
    }

    /// An empty table that holds up to `limit` connections at once, at least one.
    pub fn with_limit(limit: usize) -> Self {
        let shards = if limit < FEWEST_SHARED { 1 } else { SHARDS };
        let limit = (limit / shards).max(1);
        let hasher = RandomState::default();
        let shard = |place| Shard::new(place, limit, hasher.clone());
        Self {
            shards: (0..shards).map(shard).collect(),
            hasher,
            shard_count: shards,
            latest: None,
            left: Vec::new(),
            next_id: 0,
            now_ns: i64::MIN,
        }
    }

    /// Takes in one segment and says what it was.
    pub fn observe(&mut self, segment: &Segment<'_>) -> Annotation {
        let direction = direction_of(segment);
        let place = self.turn_to(&direction, segment.packet.time_ns);
        let shard = &mut self.shards[place];
        let seen = shard.observe(segment, &direction, self.now_ns, &mut self.next_id);
        if !shard.left().is_empty() {
            self.take_from(place);
        }
        seen
    }

    /// Takes in an ICMP error; `None` if no connection in the table sent what it quotes.
    pub fn observe_icmp(&mut self, error: &IcmpError) -> Option<Annotation> {
        let direction = Direction::new(error.quoted.source, error.quoted.destination);
        let place = self.turn_to(&direction, error.packet.time_ns);
        let seen = self.shards[place].observe_icmp(error, &direction, self.now_ns);
        self.take_from(place);
        seen
    }

    /// Lets time pass where no segment does: turns the clock to `now_ns`, in nanoseconds since 1970 UTC,
    /// unless it is later already, and lets connections leave that are past by then.
    ///
    /// For a live loop, when its source has nothing to say. Segments look for connections that are past
    /// as they come, a few at a time; this looks at a few thousand, the next ones at each call.
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
    /// let left = table.take_closed();
    /// assert_eq!(left[0].outcome(table.now_ns()).label(), "no_reply");
    /// assert!(table.is_empty());
    /// # Ok::<(), dissector_core::wire::HeaderError>(())
    /// ```
    pub fn advance(&mut self, now_ns: i64) {
        self.now_ns = self.now_ns.max(now_ns);
        for shard in 0..self.shards.len() {
            self.shards[shard].advance(self.now_ns);
            self.take_from(shard);
        }
    }

    #[cold]
    fn take_from(&mut self, shard: usize) {
        self.left.append(self.shards[shard].left());
    }

    /// Sets the clock, and finds the shard.
    #[inline]
    fn turn_to(&mut self, direction: &Direction, time_ns: i64) -> usize {
        // A segment with an earlier time does not turn the clock back.
        self.now_ns = self.now_ns.max(time_ns);
        let place = shard_of(direction, self.shards.len());
        self.latest = Some(place);
        place
    }

    /// The connection of the segment that was [observed](Self::observe) last; `None` after a
    /// [`Batch`].
    pub fn latest(&self) -> Option<&Connection> {
        let shard = self.shards.get(self.latest?)?;
        shard.latest().map(|slot| shard.slots().get(slot))
    }

    /// Where that connection is kept, for [`get`](Self::get).
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

    /// The clock: the latest time seen, in nanoseconds since 1970 UTC. Outcomes are judged by it.
    pub fn now_ns(&self) -> i64 {
        self.now_ns
    }

    /// How many connections are in the table now.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.slots().len()).sum()
    }

    /// Whether no connection is in the table now.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The connections that have left the table since the last call.
    pub fn take_closed(&mut self) -> Vec<Connection> {
        std::mem::take(&mut self.left)
    }

    /// How many connections had to leave because the table was full, although they were not
    /// closed: what they send after that is taken for other connections. 0 as long as there was
    /// room.
    pub fn let_go(&self) -> u64 {
        self.shards.iter().map(Shard::let_go).sum()
    }

    /// Every connection that was not [taken](Self::take_closed), by number.
    pub fn connections(&self) -> impl Iterator<Item = &Connection> {
        let slots: Vec<_> = self.shards.iter().map(Shard::slots).collect();
        in_order(slots, &self.left, self.next_id)
    }

    /// Every connection that was not [taken](Self::take_closed), at the end: with less memory than
    /// [`connections`](Self::connections) takes besides the table.
    pub fn into_remaining(self) -> Remaining {
        Remaining::new(self.shards, self.left, self.next_id)
    }

    /// An empty batch for packets to be observed by several threads: those of this table, no other
    /// one knows its packets.
    pub fn new_batch(&self) -> Batch {
        Batch::new(self.shards.len(), self.hasher.clone())
    }

    /// The shards, each of which observes its packets of one batch and may do so in a thread of its
    /// own; [`end_batch`](Self::end_batch) has to follow.
    pub fn shards_mut(&mut self) -> impl Iterator<Item = &mut Shard> {
        let now_ns = self.now_ns;
        self.latest = None;
        self.shards.iter_mut().for_each(|shard| shard.set_clock(now_ns));
        self.shards.iter_mut()
    }

    /// Takes the shards out, for threads that own what they work with; otherwise as
    /// [`shards_mut`](Self::shards_mut). Until all of them are [given back](Self::give_back), the table
    /// holds no connection, and to let it observe something panics.
    pub fn lend_shards(&mut self) -> Vec<Shard> {
        let _ = self.shards_mut();
        std::mem::take(&mut self.shards)
    }

    /// Takes back the shards that were lent, in whatever order.
    ///
    /// # Panics
    /// Where they are not all of this table's shards, and nothing else.
    pub fn give_back(&mut self, mut shards: Vec<Shard>) {
        shards.sort_unstable_by_key(Shard::place);
        let own = shards.iter().all(|shard| shard.hashes_as(&self.hasher));
        let all = shards.iter().map(Shard::place).eq(0..self.shard_count);
        assert!(own && all && self.shards.is_empty(), "shards that this table has not lent");
        self.shards = shards;
    }

    /// All shards have observed `batch`: the connections that it has opened get their numbers, and
    /// those that have left are given. `opened` is told the number of each new connection, in order,
    /// and the file of its first packet.
    ///
    /// # Panics
    /// Where shards are [lent](Self::lend_shards) still.
    pub fn end_batch(&mut self, batch: &Batch, mut opened: impl FnMut(u32, u32)) -> Left {
        assert_eq!(self.shards.len(), self.shard_count, "some shards are lent");
        self.now_ns = self.now_ns.max(batch.now_ns());
        let last =
            self.shards.iter().filter_map(|shard| shard.opened().last()).max_by_key(|it| it.packet);
        // Of each packet, whether it has opened a connection, and the shard in which it has: few of
        // many packets have, and where the next one is needs not be asked of each.
        let packets = last.map_or(0, |it| it.packet as usize + 1);
        let mut openers = vec![0u64; packets.div_ceil(WORD_BITS)];
        let mut places = vec![0u8; packets];
        let mut ids = Vec::with_capacity(self.shards.len());
        for (place, shard) in (0..).zip(&self.shards) {
            for opened in shard.opened() {
                let packet = opened.packet as usize;
                openers[packet / WORD_BITS] |= 1 << (packet % WORD_BITS);
                places[packet] = place;
            }
            ids.push(Vec::with_capacity(shard.opened().len()));
        }
        for (first, mut bits) in (0..).step_by(WORD_BITS).zip(openers) {
            while bits != 0 {
                let packet = first + bits.trailing_zeros();
                bits &= bits - 1;
                opened(self.next_id, batch.file(packet));
                ids[usize::from(places[packet as usize])].push(self.next_id);
                self.next_id = self.next_id.wrapping_add(1);
            }
        }
        let mut order = Vec::new();
        for (place, shard) in self.shards.iter().enumerate() {
            let left = shard.left_at().iter().enumerate();
            order.extend(left.map(|(index, packet)| (*packet, place as u32, index as u32)));
        }
        order.sort();
        for (shard, ids) in self.shards.iter_mut().zip(&ids) {
            shard.number(ids);
        }
        let shards = self.shards.iter_mut().map(|shard| std::mem::take(shard.left())).collect();
        Left { shards, order }
    }
}

/// The connections that have left the table while a batch was observed.
#[derive(Debug, Default)]
pub struct Left {
    shards: Vec<Vec<Connection>>,
    /// The packet at which each has left, its shard and its place there.
    order: Vec<(u32, u32, u32)>,
}

impl Left {
    /// The connections, in the order in which they have left.
    pub fn iter(&self) -> impl Iterator<Item = &Connection> {
        (0..self.len()).filter_map(|place| self.get(place))
    }

    /// The one that has left in this place, from 0.
    pub fn get(&self, place: usize) -> Option<&Connection> {
        let &(_, shard, index) = self.order.get(place)?;
        self.shards[shard as usize].get(index as usize)
    }

    /// How many have left.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether none has left.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }
}

/// Addresses and ports of a segment.
#[inline]
pub(crate) fn direction_of(segment: &Segment<'_>) -> Direction {
    let (packet, tcp) = (&segment.packet, &segment.tcp);
    Direction::of(&packet.source, tcp.source_port, &packet.destination, tcp.destination_port)
}

/// Which of so many shards, a power of two, has a connection: the same one for both directions, and
/// every time, so that all who read a capture find the same.
#[inline(always)]
pub(crate) fn shard_of(direction: &Direction, shards: usize) -> usize {
    // The same whichever end comes first.
    let either = |ports: u32| (ports ^ ports >> 16) << 16;
    let ends = match *direction {
        Direction::V4 { addresses, ports } => (addresses ^ addresses >> 32) as u32 ^ either(ports),
        Direction::V6 { addresses: [a, b], ports } => {
            let addresses = a ^ b;
            let half = addresses as u64 ^ ((addresses >> 64) as u64).rotate_left(23);
            (half ^ half >> 32) as u32 ^ either(ports)
        }
    };
    // The highest bits are those that all the others have a part in.
    (ends.wrapping_mul(0x9e37_79b9) >> (u32::BITS - SHARDS.ilog2())) as usize & (shards - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(a: &str, b: &str) -> Direction {
        Direction::new(a.parse().expect("an address"), b.parse().expect("an address"))
    }

    #[test]
    fn both_directions_are_in_one_shard_and_shards_are_of_a_size() {
        let mut counts = [0; SHARDS];
        for port in 1024..9216 {
            let ends = [
                (format!("10.0.0.1:{port}"), "10.0.0.2:80"),
                (format!("[2001:db8::1]:{port}"), "[2001:db8::2]:80"),
            ];
            for (a, b) in ends {
                let shard = shard_of(&between(&a, b), SHARDS);
                assert_eq!(shard, shard_of(&between(b, &a), SHARDS));
                counts[shard] += 1;
            }
        }
        assert!(counts.iter().all(|count| (1900..2200).contains(count)), "{counts:?}");
    }

    #[test]
    #[should_panic(expected = "a batch of another table")]
    fn a_batch_of_another_table_is_refused() {
        let batch = ConnectionTable::new().new_batch();
        ConnectionTable::new().shards_mut().for_each(|shard| shard.observe_batch(&batch));
    }

    #[test]
    fn while_shards_are_lent_there_is_no_connection() {
        let mut table = ConnectionTable::new();
        let mut shards = table.lend_shards();
        assert_eq!((table.len(), table.latest().is_none(), table.latest_slot()), (0, true, None));
        assert!((0..20).all(|slot| table.get(slot, 0).is_none()));
        shards.reverse();
        table.give_back(shards);
        table.end_batch(&table.new_batch(), |_, _| {});
    }

    #[test]
    #[should_panic(expected = "this table has not lent")]
    fn shards_are_all_given_back() {
        let mut table = ConnectionTable::new();
        let mut shards = table.lend_shards();
        shards.pop();
        table.give_back(shards);
    }

    #[test]
    #[should_panic(expected = "this table has not lent")]
    fn shards_of_another_table_are_refused() {
        let mut table = ConnectionTable::new();
        drop(table.lend_shards());
        table.give_back(ConnectionTable::new().lend_shards());
    }

    #[test]
    #[should_panic(expected = "some shards are lent")]
    fn a_batch_does_not_end_while_shards_are_lent() {
        let mut table = ConnectionTable::new();
        drop(table.lend_shards());
        table.end_batch(&table.new_batch(), |_, _| {});
    }
}
