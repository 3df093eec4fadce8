//! Many connections, told apart by their addresses and ports.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use foldhash::fast::RandomState;

use crate::connection::{Annotation, Connection, Reuse, Stage};
use crate::{IcmpError, Segment};

/// A finished connection leaves the table once it was silent for this long, in nanoseconds of
/// capture time: late duplicates still find it until then.
pub const LINGER_NS: i64 = 120_000_000_000;

/// How many connections a table holds at once unless told otherwise.
pub const DEFAULT_LIMIT: usize = 4_000_000;

/// Addresses and ports of both ends, the smaller end first, so that both directions meet.
type Key<A> = (A, A, u32);
type Map<A> = HashMap<Key<A>, u32, RandomState>;

/// Many connections: finds the one a segment belongs to, and lets it say what the segment was.
///
/// Connections are numbered from 0 in the order of their first segment. A connection that is
/// finished leaves the table after [`LINGER_NS`] of silence; when the table is full, finished
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
    v4: Map<u32>,
    v6: Map<u128>,
    slots: Slots,
    /// When to look whether the connection of a slot can leave; rising times.
    due: VecDeque<Due>,
    /// Slots of unanswered connections, each with the slot of the one before it on the same
    /// addresses and ports, which may still be alive.
    older: HashMap<u32, u32, RandomState>,
    left: Vec<Connection>,
    latest: Option<u32>,
    limit: usize,
    next_id: u32,
    now_ns: i64,
}

#[derive(Debug)]
struct Due {
    at_ns: i64,
    slot: u32,
    id: u32,
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
            v4: Map::default(),
            v6: Map::default(),
            slots: Slots::default(),
            due: VecDeque::new(),
            older: HashMap::default(),
            left: Vec::new(),
            latest: None,
            limit: limit.max(1),
            next_id: 0,
            now_ns: i64::MIN,
        }
    }

    /// Takes in one segment and says what it was.
    pub fn observe(&mut self, segment: &Segment<'_>) -> Annotation {
        // A segment with an earlier time does not turn the clock back.
        self.now_ns = self.now_ns.max(segment.packet.time_ns);
        self.let_go();
        let slot = match self.find(segment) {
            Some(slot) if !self.slots.get(slot).is_succeeded_by(segment, self.now_ns) => {
                self.between_incarnations(slot, segment)
            }
            previous => self.open(segment, previous),
        };
        self.latest = Some(slot);
        let connection = self.slots.get_mut(slot);
        let was_closed = connection.is_closed();
        let seen = connection.observe(segment, self.now_ns);
        if connection.is_closed() && !was_closed {
            self.due.push_back(Due {
                at_ns: self.now_ns.saturating_add(LINGER_NS),
                slot,
                id: seen.connection,
            });
        }
        if !self.older.is_empty() {
            self.settle(slot, segment, &seen);
        }
        seen
    }

    /// Takes in an ICMP error; `None` if no connection in the table sent what it quotes.
    pub fn observe_icmp(&mut self, error: &IcmpError) -> Option<Annotation> {
        self.now_ns = self.now_ns.max(error.packet.time_ns);
        self.let_go();
        let (from, to) = (error.quoted.source, error.quoted.destination);
        let slot = match ends(from.ip(), from.port(), to.ip(), to.port()) {
            AnyKey::V4(key) => self.v4.get(&key).copied(),
            AnyKey::V6(key) => self.v6.get(&key).copied(),
        }?;
        let slots = [Some(slot), self.older.get(&slot).copied()];
        let slot = slots.into_iter().flatten().find(|slot| self.slots.get(*slot).sent(error))?;
        self.latest = Some(slot);
        Some(self.slots.get_mut(slot).observe_icmp(error))
    }

    /// While a SYN inside a live connection waits for its answer, both stay: what fits the older
    /// one belongs to it.
    fn between_incarnations(&self, slot: u32, segment: &Segment<'_>) -> u32 {
        match self.older.get(&slot) {
            Some(&older)
                if !self.slots.get(slot).takes(segment) && self.slots.get(older).fits(segment) =>
            {
                older
            }
            _ => slot,
        }
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

    fn find(&self, segment: &Segment<'_>) -> Option<u32> {
        match key(segment) {
            AnyKey::V4(key) => self.v4.get(&key).copied(),
            AnyKey::V6(key) => self.v6.get(&key).copied(),
        }
    }

    /// Makes room for a new connection, the successor of the one in slot `previous`.
    fn open(&mut self, segment: &Segment<'_>, previous: Option<u32>) -> u32 {
        let attempt = previous.map_or(1, |slot| self.slots.get(slot).attempt().saturating_add(1));
        let reuse = previous.map_or(Reuse::No, |slot| self.slots.get(slot).reuse_by(segment));
        let older = previous.and_then(|slot| self.make_older(slot));
        if self.slots.len() >= self.limit {
            self.make_room();
        }
        let id = self.next_id;
        self.next_id = self.next_id.wrapping_add(1);
        let connection = Connection::new(id, attempt, reuse, segment, self.now_ns);
        let slot = self.slots.insert(connection);
        // Making room may have taken it.
        if let Some((older, _)) = older.filter(|(older, id)| self.get(*older, *id).is_some()) {
            self.older.insert(slot, older);
        }
        match key(segment) {
            AnyKey::V4(key) => self.v4.insert(key, slot),
            AnyKey::V6(key) => self.v6.insert(key, slot),
        };
        let at_ns = self.now_ns.saturating_add(LINGER_NS);
        self.due.push_back(Due { at_ns, slot, id });
        slot
    }

    /// The connection in `slot` gets a successor. It leaves, unless it may still be alive: then it
    /// stays beside the successor, and its slot and number are given.
    fn make_older(&mut self, slot: u32) -> Option<(u32, u32)> {
        let beside = self.older.remove(&slot);
        if beside.is_none() && !self.slots.get(slot).is_closed() {
            return Some((slot, self.slots.get(slot).id()));
        }
        // An attempt that another attempt follows, or a closed connection.
        self.let_leave(slot);
        beside.map(|older| (older, self.slots.get(older).id()))
    }

    /// Lets go of the finished connections that have been silent for long enough.
    fn let_go(&mut self) {
        while self.due.front().is_some_and(|due| due.at_ns <= self.now_ns) {
            let Some(Due { slot, id, .. }) = self.due.pop_front() else { return };
            let Some(connection) = self.slots.holding(slot, id) else { continue };
            let at_ns = connection.last_ns().saturating_add(LINGER_NS);
            if at_ns > self.now_ns {
                if self.due.back().is_none_or(|last| last.at_ns <= at_ns) {
                    self.due.push_back(Due { at_ns, slot, id });
                } else {
                    // Rare: keep the queue in order.
                    let place = self.due.partition_point(|due| due.at_ns <= at_ns);
                    self.due.insert(place, Due { at_ns, slot, id });
                }
            } else if connection.is_finished(self.now_ns) {
                self.remove(slot);
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
        let connection = self.slots.get(slot);
        let (client, server) = (connection.client(), connection.server());
        // The key of an older connection is its successor's by now.
        match ends(client.ip(), client.port(), server.ip(), server.port()) {
            AnyKey::V4(key) if self.v4.get(&key) == Some(&slot) => drop(self.v4.remove(&key)),
            AnyKey::V6(key) if self.v6.get(&key) == Some(&slot) => drop(self.v6.remove(&key)),
            _ => self.older.retain(|_, older| *older != slot),
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

enum AnyKey {
    V4(Key<u32>),
    V6(Key<u128>),
}

fn key(segment: &Segment<'_>) -> AnyKey {
    let (packet, tcp) = (&segment.packet, &segment.tcp);
    ends(packet.source, tcp.source_port, packet.destination, tcp.destination_port)
}

fn ends(a: IpAddr, a_port: u16, b: IpAddr, b_port: u16) -> AnyKey {
    match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            AnyKey::V4(ordered(Ipv4Addr::to_bits(a), a_port, Ipv4Addr::to_bits(b), b_port))
        }
        // The two ends of a segment are of one family; where a caller mixes them, both are mapped.
        (a, b) => AnyKey::V6(ordered(to_v6(a), a_port, to_v6(b), b_port)),
    }
}

fn to_v6(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => Ipv6Addr::to_bits(v4.to_ipv6_mapped()),
        IpAddr::V6(v6) => Ipv6Addr::to_bits(v6),
    }
}

fn ordered<A: Ord + Hash>(a: A, a_port: u16, b: A, b_port: u16) -> Key<A> {
    let ports = |low: u16, high: u16| u32::from(low) << 16 | u32::from(high);
    if (&a, a_port) <= (&b, b_port) {
        (a, b, ports(a_port, b_port))
    } else {
        (b, a, ports(b_port, a_port))
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

    /// The connection of a slot, if it is still the one numbered `id`.
    fn holding(&self, slot: u32, id: u32) -> Option<&Connection> {
        let entry = self.chunks.get(slot as usize / CHUNK)?.get(slot as usize % CHUNK)?;
        entry.as_ref().filter(|connection| connection.id() == id)
    }

    fn iter(&self) -> impl Iterator<Item = &Connection> {
        self.chunks.iter().flatten().flatten()
    }

    fn iter_with_slots(&self) -> impl Iterator<Item = (u32, &Connection)> {
        let entries = self.chunks.iter().flatten().enumerate();
        entries.filter_map(|(slot, entry)| Some((slot as u32, entry.as_ref()?)))
    }
}
