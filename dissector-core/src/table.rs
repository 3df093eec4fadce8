//! Many connections, told apart by their addresses and ports.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::connection::{Annotation, Connection, Direction, Recent, Reuse, Side, Stage};
use crate::{IcmpError, Segment};

/// A finished connection leaves the table once it was silent for this long, in nanoseconds of
/// capture time: late duplicates still find it until then.
pub const LINGER_NS: i64 = 120_000_000_000;

/// How many slots are looked at for a connection that is past when another is opened, and how many
/// segments may go by without a look.
const SLOTS_AN_OPENING: u32 = 3;
const SEGMENTS_A_LOOK: u32 = 16;

/// How many connections a table holds at once unless told otherwise.
pub const DEFAULT_LIMIT: usize = 4_000_000;

/// Many connections: finds the one a segment belongs to, and lets it say what the segment was.
///
/// Connections are numbered from 0 in the order of their first segment. A connection that is
/// finished is past after [`LINGER_NS`] of silence: nothing belongs to it any more, and it leaves
/// when the table next comes to look at it. When the table is full, finished
/// connections leave first, then those silent for longest. What has left is kept for
/// [`take_left`](Self::take_left); take it from time to time, or memory grows with the capture.
///
/// Keys are two addresses and two ports, nothing else: no VLAN, tunnel or interface.
///
/// ```
/// use dissector_core::connection::{Stage, State};
/// use dissector_core::{ConnectionTable, PacketInfo, Segment};
///
/// let mut table = ConnectionTable::new();
/// let packet = PacketInfo {
///     frame: 1,
///     time_ns: 0,
///     source: [10, 0, 0, 1].into(),
///     destination: [10, 0, 0, 2].into(),
///     ttl: 64,
///     ip_id: Some(1),
///     tcp_octets: 20,
/// };
/// let syn = b"\x9c\x40\x00\x50\x00\x00\x00\x07\x00\x00\x00\x00\x50\x02\xff\xff\x00\x00\x00\x00";
/// let seen = table.observe(&Segment::parse(packet, syn)?);
/// assert_eq!(seen.stage, Stage::Syn);
/// assert_eq!(seen.client.after(), State::SynSent);
/// assert_eq!(seen.server.to_string(), "SYN-RECEIVED?");
/// # Ok::<(), dissector_core::wire::HeaderError>(())
/// ```
#[derive(Debug)]
pub struct ConnectionTable {
    /// The slot of each connection that may get segments, by addresses and ports: of several on
    /// the same ones, the newest.
    index: HashTable<Listed>,
    hasher: RandomState,
    slots: Slots,
    /// Slots of unanswered connections, each with the slot of the one before it on the same
    /// addresses and ports, which may still be alive.
    older: HashMap<u32, u32, RandomState>,
    recent: Recent,
    left: Vec<Connection>,
    latest: Option<u32>,
    limit: usize,
    next_id: u32,
    now_ns: i64,
    /// The slot to be looked at next for a connection that is past.
    hand: u32,
    /// The longest silence among the slots that were looked at since the first of them, as the time
    /// of its beginning.
    silent_since_ns: i64,
    /// Until then no connection can be past.
    none_past_until_ns: i64,
    /// How many segments came since a slot was looked at.
    waited: u32,
}

/// A slot in the index, with the hash of its addresses and ports: the index grows without a look
/// at the connections.
#[derive(Clone, Copy, Debug)]
struct Listed {
    slot: u32,
    hash: u32,
}

/// What the index is told of a hash: all its bits have to be of use.
#[inline]
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

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
        Self {
            index: HashTable::new(),
            hasher: RandomState::default(),
            slots: Slots::default(),
            older: HashMap::default(),
            recent: Recent::default(),
            left: Vec::new(),
            latest: None,
            limit: limit.max(1),
            next_id: 0,
            now_ns: i64::MIN,
            hand: 0,
            silent_since_ns: i64::MAX,
            none_past_until_ns: i64::MIN,
            waited: 0,
        }
    }

    /// Takes in one segment and says what it was.
    pub fn observe(&mut self, segment: &Segment<'_>) -> Annotation {
        // A segment with an earlier time does not turn the clock back.
        self.now_ns = self.now_ns.max(segment.packet.time_ns);
        self.waited += 1;
        if self.waited >= SEGMENTS_A_LOOK {
            self.look_for_past(1);
        }
        let (packet, tcp) = (&segment.packet, &segment.tcp);
        let direction =
            Direction::of(packet.source, tcp.source_port, packet.destination, tcp.destination_port);
        let (slot, sender) = match self.find(&direction) {
            None => self.open(segment, &direction, None),
            Some((slot, sender)) => self.choose(segment, &direction, slot, sender),
        };
        self.latest = Some(slot);
        let connection = self.slots.get_mut(slot);
        let seen = connection.observe(segment, sender, self.now_ns, &mut self.recent);
        if !self.older.is_empty() {
            self.settle(slot, segment, &seen);
        }
        seen
    }

    /// The connection of a segment, given the newest on its addresses and ports.
    fn choose(
        &mut self,
        segment: &Segment<'_>,
        direction: &Direction,
        slot: u32,
        sender: Side,
    ) -> (u32, Side) {
        let connection = self.slots.get(slot);
        if connection.is_past(self.now_ns) {
            self.remove(slot);
            self.open(segment, direction, None)
        } else if connection.is_succeeded_by(segment, sender, self.now_ns, &self.recent) {
            self.open(segment, direction, Some((slot, sender)))
        } else if self.older.is_empty() {
            (slot, sender)
        } else {
            self.between_incarnations(segment, direction, slot, sender)
        }
    }

    /// Takes in an ICMP error; `None` if no connection in the table sent what it quotes.
    pub fn observe_icmp(&mut self, error: &IcmpError) -> Option<Annotation> {
        self.now_ns = self.now_ns.max(error.packet.time_ns);
        let (slot, _) =
            self.find(&Direction::new(error.quoted.source, error.quoted.destination))?;
        if self.slots.get(slot).is_past(self.now_ns) {
            self.remove(slot);
            return None;
        }
        let slots = [Some(slot), self.older.get(&slot).copied()];
        let slot = slots.into_iter().flatten().find(|slot| self.slots.get(*slot).sent(error))?;
        self.latest = Some(slot);
        Some(self.slots.get_mut(slot).observe_icmp(error))
    }

    /// While a SYN inside a live connection waits for its answer, both stay: what fits the older
    /// one belongs to it.
    fn between_incarnations(
        &self,
        segment: &Segment<'_>,
        direction: &Direction,
        slot: u32,
        sender: Side,
    ) -> (u32, Side) {
        let newer = (slot, sender);
        let Some(&older) = self.older.get(&slot) else { return newer };
        let Some(side) = self.slots.get(older).sender(direction) else { return newer };
        let is_older = !self.slots.get(slot).takes(segment, sender)
            && self.slots.get(older).fits(segment, side)
            && !self.slots.get(older).is_past(self.now_ns);
        if is_older { (older, side) } else { newer }
    }

    /// The connection in `slot` has had its answer: the one before it is over.
    fn settle(&mut self, slot: u32, segment: &Segment<'_>, seen: &Annotation) {
        let cleared = seen.stage == Stage::RstHalfOpen;
        if !cleared && !self.slots.get(slot).is_answered() {
            return;
        }
        if let Some(older) = self.older.remove(&slot) {
            if cleared {
                self.slots.get_mut(older).clear(segment.packet.frame, self.now_ns);
            }
            self.let_leave(older);
        }
    }

    fn let_leave(&mut self, slot: u32) {
        let mut connection = self.slots.remove(slot);
        connection.leave(self.now_ns);
        self.left.push(connection);
    }

    /// The connection of the segment observed last.
    pub fn latest(&self) -> Option<&Connection> {
        self.latest.map(|slot| self.slots.get(slot))
    }

    /// Where the connection of the segment observed last is kept, for [`get`](Self::get).
    pub fn latest_slot(&self) -> Option<u32> {
        self.latest
    }

    /// The connection number `id`, if it is still in the table, in the slot that
    /// [`latest_slot`](Self::latest_slot) gave for one of its segments.
    pub fn get(&self, slot: u32, id: u32) -> Option<&Connection> {
        self.slots.holding(slot, id)
    }

    /// The clock: the latest time seen, in nanoseconds since 1970 UTC. Outcomes are judged by it.
    pub fn now_ns(&self) -> i64 {
        self.now_ns
    }

    /// How many connections are in the table now.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether no connection is in the table now.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The connections that have left the table since the last call.
    pub fn take_left(&mut self) -> Vec<Connection> {
        std::mem::take(&mut self.left)
    }

    /// Every connection that was not [taken](Self::take_left), by number.
    pub fn connections(&self) -> impl Iterator<Item = &Connection> {
        let mut all: Vec<_> = self.left.iter().chain(self.slots.iter()).collect();
        all.sort_unstable_by_key(|connection| connection.id());
        all.into_iter()
    }

    /// The slot of the newest connection on these addresses and ports, and which end sends.
    #[inline]
    fn find(&self, direction: &Direction) -> Option<(u32, Side)> {
        let mut side = Side::Client;
        let hash = direction.hash(&self.hasher);
        let found = self.index.find(spread(hash), |listed| {
            listed.hash == hash && {
                let sender = self.slots.get(listed.slot).sender(direction);
                side = sender.unwrap_or(side);
                sender.is_some()
            }
        });
        found.map(|listed| (listed.slot, side))
    }

    /// Makes room for a new connection, the successor of the one in slot `previous`; gives its slot
    /// and which end sends.
    fn open(
        &mut self,
        segment: &Segment<'_>,
        direction: &Direction,
        previous: Option<(u32, Side)>,
    ) -> (u32, Side) {
        let reuse =
            previous.map_or(Reuse::No, |(slot, side)| self.slots.get(slot).reuse_by(segment, side));
        let previous = previous.map(|(slot, _)| slot);
        let attempt = previous.map_or(1, |slot| self.slots.get(slot).attempt().saturating_add(1));
        let older = previous.and_then(|slot| self.make_older(slot));
        if self.slots.len() >= self.limit {
            self.make_room();
        } else {
            self.look_for_past(SLOTS_AN_OPENING);
        }
        let id = self.next_id;
        self.next_id = self.next_id.wrapping_add(1);
        let connection = Connection::new(id, attempt, reuse, segment, self.now_ns);
        let sender = connection.sender(direction).unwrap_or(Side::Client);
        let slot = self.slots.insert(connection);
        // Making room may have taken it.
        if let Some((older, _)) = older.filter(|(older, id)| self.get(*older, *id).is_some()) {
            self.older.insert(slot, older);
        }
        let hash = direction.hash(&self.hasher);
        self.index.insert_unique(spread(hash), Listed { slot, hash }, |listed| spread(listed.hash));
        (slot, sender)
    }

    /// Takes a slot out of the index; whether it was there. It is not if it has a successor.
    fn unlist(&mut self, slot: u32) -> bool {
        let hash = self.slots.get(slot).direction().hash(&self.hasher);
        let entry = self.index.find_entry(spread(hash), |listed| listed.slot == slot);
        entry.map(|entry| entry.remove()).is_ok()
    }

    /// The connection in `slot` gets a successor. It leaves, unless it may still be alive: then it
    /// stays beside the successor, and its slot and number are given.
    fn make_older(&mut self, slot: u32) -> Option<(u32, u32)> {
        self.unlist(slot);
        let mut beside = self.older.remove(&slot);
        if let Some(past) = beside.filter(|older| self.slots.get(*older).is_past(self.now_ns)) {
            self.let_leave(past);
            beside = None;
        }
        if beside.is_none() && !self.slots.get(slot).is_closed() {
            return Some((slot, self.slots.get(slot).id()));
        }
        // An attempt that another attempt follows, or a closed connection.
        self.let_leave(slot);
        beside.map(|older| (older, self.slots.get(older).id()))
    }

    /// Looks at the next few slots, and lets go of the connections that are past.
    ///
    /// So each opening pays for looking at a few connections, wherever they are in time, and no
    /// queue has to say when which of them is due.
    fn look_for_past(&mut self, slots: u32) {
        self.waited = 0;
        if self.now_ns < self.none_past_until_ns {
            return;
        }
        for _ in 0..slots {
            self.hand += 1;
            if self.hand >= self.slots.places() {
                self.hand = 0;
                let silent_since_ns = self.silent_since_ns.min(self.now_ns);
                self.none_past_until_ns = silent_since_ns.saturating_add(LINGER_NS);
                self.silent_since_ns = self.now_ns;
            }
            let Some(connection) = self.slots.at(self.hand) else { continue };
            if connection.is_past(self.now_ns) {
                self.remove(self.hand);
            } else {
                self.silent_since_ns = self.silent_since_ns.min(connection.last_ns());
            }
        }
    }

    /// The table is full: a sixteenth of it leaves at once, finished connections first, then those
    /// silent for longest.
    #[cold]
    fn make_room(&mut self) {
        let now_ns = self.now_ns;
        let mut order: Vec<_> = self
            .slots
            .iter_with_slots()
            .map(|(slot, connection)| {
                let open = !connection.is_finished(now_ns);
                (open, connection.last_ns(), connection.id(), slot)
            })
            .collect();
        let leaving = (self.limit / 16).clamp(1, order.len());
        order.select_nth_unstable(leaving - 1);
        for &(_, _, id, slot) in &order[..leaving] {
            // One that leaves takes the one before it along.
            if self.get(slot, id).is_some() {
                self.remove(slot);
            }
        }
    }

    fn remove(&mut self, slot: u32) {
        if !self.unlist(slot) {
            self.older.retain(|_, older| *older != slot);
        }
        if let Some(older) = self.older.remove(&slot) {
            self.let_leave(older);
        }
        if self.latest == Some(slot) {
            self.latest = None;
        }
        self.let_leave(slot);
    }
}

/// Storage for connections by slot, in chunks, so that growing never moves or doubles anything.
#[derive(Debug, Default)]
struct Slots {
    chunks: Vec<Vec<Option<Connection>>>,
    free: Vec<u32>,
    used: usize,
}

const CHUNK: usize = 1024;

impl Slots {
    fn len(&self) -> usize {
        self.used
    }

    fn insert(&mut self, connection: Connection) -> u32 {
        self.used += 1;
        if let Some(slot) = self.free.pop() {
            *self.entry(slot) = Some(connection);
            return slot;
        }
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        let last = self.chunks.len() - 1;
        let chunk = &mut self.chunks[last];
        chunk.push(Some(connection));
        (last * CHUNK + chunk.len() - 1) as u32
    }

    fn remove(&mut self, slot: u32) -> Connection {
        self.used -= 1;
        self.free.push(slot);
        self.entry(slot).take().expect("a slot in use holds a connection")
    }

    fn entry(&mut self, slot: u32) -> &mut Option<Connection> {
        &mut self.chunks[slot as usize / CHUNK][slot as usize % CHUNK]
    }

    fn get(&self, slot: u32) -> &Connection {
        self.chunks[slot as usize / CHUNK][slot as usize % CHUNK]
            .as_ref()
            .expect("a slot in use holds a connection")
    }

    fn get_mut(&mut self, slot: u32) -> &mut Connection {
        self.entry(slot).as_mut().expect("a slot in use holds a connection")
    }

    /// The connection in a slot, if there is one.
    fn at(&self, slot: u32) -> Option<&Connection> {
        self.chunks.get(slot as usize / CHUNK)?.get(slot as usize % CHUNK)?.as_ref()
    }

    /// The connection of a slot, if it is still the one numbered `id`.
    fn holding(&self, slot: u32, id: u32) -> Option<&Connection> {
        self.at(slot).filter(|connection| connection.id() == id)
    }

    /// One more than the highest slot that was ever used.
    fn places(&self) -> u32 {
        let last = self.chunks.last().map_or(0, Vec::len);
        (self.chunks.len().saturating_sub(1) * CHUNK + last) as u32
    }

    fn iter(&self) -> impl Iterator<Item = &Connection> {
        self.chunks.iter().flatten().flatten()
    }

    fn iter_with_slots(&self) -> impl Iterator<Item = (u32, &Connection)> {
        let entries = self.chunks.iter().flatten().enumerate();
        entries.filter_map(|(slot, entry)| Some((slot as u32, entry.as_ref()?)))
    }
}
