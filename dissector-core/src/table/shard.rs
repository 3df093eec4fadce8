//! One of the tables that connections are spread over.

use foldhash::fast::RandomState;

use crate::compact::{Digest, Digested};
use crate::connection::{Annotation, Connection, Reuse, Side, Stage};
use crate::key::Direction;
use crate::pipeline::batch::{Batch, Found};
use crate::table::LINGER_NS;
use crate::table::index::Index;
use crate::table::predecessors::Predecessors;
use crate::table::recent::Recent;
use crate::table::slots::Slots;
use crate::{IcmpError, Segment};

/// How many slots are looked at for a connection that is past when another is opened, and how many
/// segments may go by without a look.
const SLOTS_AN_OPENING: u32 = 3;
const SEGMENTS_A_LOOK: u32 = 16;
/// How many when nothing else is to be done.
const SLOTS_AN_ADVANCE: u32 = 1 << 10;

/// Within a batch, connections are numbered from here on until their own numbers are known.
const PROVISIONAL: u32 = u32::MAX - Batch::MOST_PACKETS as u32;

/// The part of the connections of a [`ConnectionTable`](crate::ConnectionTable) that one thread can
/// follow while other threads follow the others.
#[derive(Debug)]
pub struct Shard {
    /// Which of the lists of a batch is this shard's.
    place: usize,
    /// The slot of each connection that may get segments, by addresses and ports: of several on
    /// the same ones, the newest.
    index: Index,
    slots: Slots,
    /// Slots of unanswered connections, each with the slot of the one before it on the same
    /// addresses and ports, which may still be alive.
    older: Predecessors,
    recent: Recent,
    left: Vec<Connection>,
    latest: Option<u32>,
    limit: usize,
    /// How many left because the shard was full, although they were not closed.
    let_go: u64,
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
    /// What the batch observed last has opened.
    opened: Vec<Opened>,
    /// For each of those in `left`, the packet of the batch that it left at.
    left_at: Vec<u32>,
    /// How many connections have got a successor, in a circle.
    successions: u32,
}

/// That a packet of a batch has opened a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opened {
    pub packet: u32,
    slot: u32,
}

/// Where the connection of a packet is expected if it is not known: some place is looked at in any
/// case, and that costs less than to find out whether one has to be.
const ANYWHERE: u32 = 0;

/// How many packets are looked up before the first of them is observed.
const GROUP: usize = 16;

impl Shard {
    /// An empty one, which holds up to `limit` connections at once.
    pub(crate) fn new(place: usize, limit: usize, hasher: RandomState) -> Self {
        Self {
            place,
            index: Index::new(limit, hasher),
            slots: Slots::default(),
            older: Predecessors::default(),
            recent: Recent::default(),
            left: Vec::new(),
            latest: None,
            limit,
            let_go: 0,
            now_ns: i64::MIN,
            hand: 0,
            silent_since_ns: i64::MAX,
            none_past_until_ns: i64::MIN,
            waited: 0,
            opened: Vec::new(),
            left_at: Vec::new(),
            successions: 0,
        }
    }

    /// Whether it is one of the table with this hasher.
    pub(crate) fn hashes_as(&self, hasher: &RandomState) -> bool {
        self.index.hashes_as(hasher)
    }

    /// Which of the shards it is.
    pub(crate) fn place(&self) -> usize {
        self.place
    }

    /// Takes in this shard's packets of a batch. Afterwards, the table has to
    /// [number](crate::ConnectionTable::end_batch) what they have opened.
    ///
    /// # Panics
    /// Where the batch is one of another table: its packets are not to be found here. Where it has more
    /// than [`Batch::MOST_PACKETS`].
    pub fn observe_batch(&mut self, batch: &Batch) {
        assert!(self.hashes_as(batch.hasher()), "a batch of another table");
        assert!(batch.len() <= Batch::MOST_PACKETS, "a batch of {} packets", batch.len());
        let mut packets = batch.packets(self.place);
        loop {
            let coming = packets.coming();
            let slots = self.look_ahead(&coming[..coming.len().min(GROUP)]);
            let successions = self.successions;
            for (slot, packet) in slots.iter().zip(packets.by_ref()) {
                self.observe_packet(&packet, *slot, successions);
            }
            if coming.len() <= GROUP {
                return;
            }
        }
    }

    /// The slots in which the connections of the next packets are to be expected.
    ///
    /// So the memory that they need is fetched for all of them at once, instead of for one after the
    /// other when it is needed. No branch depends on what has to be waited for, or nearly none.
    #[inline(always)]
    fn look_ahead(&self, coming: &[Digest]) -> [u32; GROUP] {
        let mut slots = [ANYWHERE; GROUP];
        for (slot, digest) in slots.iter_mut().zip(coming) {
            *slot = self.index.find(digest.hash, |_| true).unwrap_or(ANYWHERE);
        }
        for slot in &slots {
            if let Some(connection) = self.slots.at(*slot) {
                connection.fetch();
            }
        }
        slots
    }

    /// Takes in a packet of a batch. Its connection was in this slot when it was looked for, and so
    /// many had got a successor.
    #[inline(always)]
    fn observe_packet(&mut self, packet: &Found<'_>, slot: u32, successions: u32) {
        if self.turn_clock(self.now_ns.max(packet.now_ns())) {
            self.left_at.resize(self.left.len(), packet.number());
        }
        // Nearly always there is nothing to decide. The slot may have been given to another
        // connection since; but as long as none has got a successor, it holds the newest of its
        // addresses and ports.
        if packet.error.is_none()
            && successions == self.successions
            && self.older.is_empty()
            && let Some(connection) = self.slots.at_mut(slot)
            && let Some(sender) = connection.sender(&packet.direction())
            && !connection.may_be_succeeded_by(packet.flags())
            && !connection.is_silent(self.now_ns)
        {
            let (digested, segment) = (packet.digested(), || packet.segment());
            connection.follow(&digested, segment, sender, self.now_ns, &mut self.recent);
        } else {
            self.observe_closely(packet);
        }
    }

    #[inline(never)]
    fn observe_closely(&mut self, packet: &Found<'_>) {
        let direction = packet.direction();
        if let Some(error) = packet.error {
            self.take_icmp(error, &direction);
        } else {
            let provisional = PROVISIONAL + self.opened.len() as u32;
            let mut next_id = provisional;
            let seen = packet.digested();
            let (slot, sender) = self.find_or_open(&seen, &direction, packet.hash(), &mut next_id);
            let (connection, segment) = (self.slots.get_mut(slot), || packet.segment());
            let stage = connection.follow(&seen, segment, sender, self.now_ns, &mut self.recent);
            if !self.older.is_empty() {
                self.settle(slot, seen.digest, stage);
            }
            if next_id != provisional {
                self.opened.push(Opened { packet: packet.number(), slot });
            }
        }
        self.left_at.resize(self.left.len(), packet.number());
    }

    /// It is at least this late.
    pub(crate) fn set_clock(&mut self, now_ns: i64) {
        self.now_ns = self.now_ns.max(now_ns);
    }

    /// It is this late, which the clock never goes back from; looks for connections that are past.
    pub(crate) fn advance(&mut self, now_ns: i64) {
        self.now_ns = now_ns;
        self.look_for_past(SLOTS_AN_ADVANCE.min(self.slots.places()));
    }

    /// Takes in one segment at this time, which is that of the clock, and says what it was. A new
    /// connection gets the number `next_id`, which then rises.
    #[inline(always)]
    pub(crate) fn observe(
        &mut self,
        segment: &Segment<'_>,
        direction: &Direction,
        now_ns: i64,
        next_id: &mut u32,
    ) -> Annotation {
        self.turn_clock(now_ns);
        let digest = &Digest::of(segment);
        let seen = Digested { digest, options: segment.tcp.option_octets };
        let (slot, sender) =
            self.find_or_open(&seen, direction, self.index.hash(direction), next_id);
        let connection = self.slots.get_mut(slot);
        let said = connection.observe(&seen, segment, sender, now_ns, &mut self.recent);
        if !self.older.is_empty() {
            self.settle(slot, digest, said.stage);
        }
        said
    }

    /// Sets the clock, for one more segment; whether it was time to look for a connection that is
    /// past, which has left then.
    #[inline(always)]
    fn turn_clock(&mut self, now_ns: i64) -> bool {
        self.now_ns = now_ns;
        self.waited += 1;
        let is_time = self.waited >= SEGMENTS_A_LOOK;
        if is_time {
            self.look_for_past(1);
        }
        is_time
    }

    /// The connection of a segment, and which end has sent it.
    #[inline(always)]
    fn find_or_open(
        &mut self,
        seen: &Digested<'_>,
        direction: &Direction,
        hash: u32,
        next_id: &mut u32,
    ) -> (u32, Side) {
        let (slot, sender) = match self.find(direction, hash) {
            None => self.open(seen.digest, direction, hash, None, next_id),
            Some(found) => self.choose(seen, direction, hash, found, next_id),
        };
        self.latest = Some(slot);
        (slot, sender)
    }

    /// The connection of a segment, given the newest on its addresses and ports.
    #[inline(always)]
    fn choose(
        &mut self,
        seen: &Digested<'_>,
        direction: &Direction,
        hash: u32,
        found: (u32, Side),
        next_id: &mut u32,
    ) -> (u32, Side) {
        // Nearly always.
        let connection = self.slots.get(found.0);
        let is_only_one = self.older.is_empty()
            && !connection.may_be_succeeded_by(seen.digest.flags)
            && !connection.is_silent(self.now_ns);
        if is_only_one { found } else { self.choose_closely(seen, direction, hash, found, next_id) }
    }

    #[inline(never)]
    fn choose_closely(
        &mut self,
        seen: &Digested<'_>,
        direction: &Direction,
        hash: u32,
        (slot, sender): (u32, Side),
        next_id: &mut u32,
    ) -> (u32, Side) {
        let connection = self.slots.get(slot);
        if connection.is_past(self.now_ns) {
            self.remove(slot);
            self.open(seen.digest, direction, hash, None, next_id)
        } else if connection.is_succeeded_by(seen, sender, self.now_ns, &self.recent) {
            self.open(seen.digest, direction, hash, Some((slot, sender)), next_id)
        } else if self.older.is_empty() {
            (slot, sender)
        } else {
            self.between_incarnations(seen.digest, direction, slot, sender)
        }
    }

    /// Takes in an ICMP error; `None` if no connection here sent what it quotes.
    pub(crate) fn observe_icmp(
        &mut self,
        error: &IcmpError,
        direction: &Direction,
        now_ns: i64,
    ) -> Option<Annotation> {
        self.turn_clock(now_ns);
        self.take_icmp(error, direction)
    }

    fn take_icmp(&mut self, error: &IcmpError, direction: &Direction) -> Option<Annotation> {
        let (slot, _) = self.find(direction, self.index.hash(direction))?;
        if self.slots.get(slot).is_past(self.now_ns) {
            self.remove(slot);
            return None;
        }
        let slots = [Some(slot), self.older.of(slot)];
        let slot = slots.into_iter().flatten().find(|slot| self.slots.get(*slot).sent(error))?;
        self.latest = Some(slot);
        Some(self.slots.get_mut(slot).observe_icmp(error))
    }

    /// While a SYN inside a live connection waits for its answer, both stay: what fits the older
    /// one belongs to it.
    fn between_incarnations(
        &self,
        digest: &Digest,
        direction: &Direction,
        slot: u32,
        sender: Side,
    ) -> (u32, Side) {
        let newer = (slot, sender);
        let Some(older) = self.older.of(slot) else { return newer };
        let Some(side) = self.slots.get(older).sender(direction) else { return newer };
        let is_older = !self.slots.get(slot).takes(digest, sender)
            && self.slots.get(older).fits(digest, side)
            && !self.slots.get(older).is_past(self.now_ns);
        if is_older { (older, side) } else { newer }
    }

    /// The connection in `slot` has had its answer: the one before it is over.
    fn settle(&mut self, slot: u32, digest: &Digest, stage: Stage) {
        let cleared = stage == Stage::RstHalfOpen;
        if !cleared && !self.slots.get(slot).is_answered() {
            return;
        }
        if let Some(older) = self.older.take_of(slot) {
            if cleared {
                self.slots.get_mut(older).clear(digest.frame, self.now_ns);
            }
            self.let_leave(older);
        }
    }

    fn let_leave(&mut self, slot: u32) {
        let mut connection = self.slots.remove(slot);
        connection.leave(self.now_ns);
        self.left.push(connection);
    }

    /// Where the connection of the segment observed last is kept.
    #[inline]
    pub(crate) fn latest(&self) -> Option<u32> {
        self.latest
    }

    pub(crate) fn slots(&self) -> &Slots {
        &self.slots
    }

    /// What is in the slots, without what finds it.
    pub(crate) fn into_slots(self) -> Slots {
        self.slots
    }

    /// The connections that have left and were not taken.
    #[inline]
    pub(crate) fn left(&mut self) -> &mut Vec<Connection> {
        &mut self.left
    }

    /// What the last batch has opened, in order.
    pub(crate) fn opened(&self) -> &[Opened] {
        &self.opened
    }

    /// For each of the connections that have left during the last batch, the packet that it left
    /// at.
    pub(crate) fn left_at(&self) -> &[u32] {
        &self.left_at
    }

    /// Gives the connections that the last batch has opened their numbers.
    pub(crate) fn number(&mut self, ids: &[u32]) {
        for connection in &mut self.left {
            let opened = connection.id().checked_sub(PROVISIONAL);
            if let Some(id) = opened.and_then(|opened| ids.get(opened as usize)) {
                connection.renumber(*id);
            }
        }
        for (provisional, (opened, id)) in (PROVISIONAL..).zip(self.opened.iter().zip(ids)) {
            // It may have left, and its slot have another one.
            if self.slots.holding(opened.slot, provisional).is_some() {
                self.slots.get_mut(opened.slot).renumber(*id);
            }
        }
        self.opened.clear();
        self.left_at.clear();
    }

    /// The slot of the newest connection on these addresses and ports, and which end sends.
    #[inline(always)]
    fn find(&self, direction: &Direction, hash: u32) -> Option<(u32, Side)> {
        let mut side = Side::Client;
        let found = self.index.find(hash, |slot| {
            let sender = self.slots.get(slot).sender(direction);
            side = sender.unwrap_or(side);
            sender.is_some()
        });
        found.map(|slot| (slot, side))
    }

    /// Makes room for a new connection, the successor of the one in slot `previous`; gives its slot
    /// and which end sends.
    fn open(
        &mut self,
        first: &Digest,
        direction: &Direction,
        hash: u32,
        previous: Option<(u32, Side)>,
        next_id: &mut u32,
    ) -> (u32, Side) {
        if self.index.is_full() {
            // Connections beside their successors are not listed.
            self.index.enlarge(&self.slots, self.older.iter());
        }
        let reuse =
            previous.map_or(Reuse::No, |(slot, side)| self.slots.get(slot).reuse_by(first, side));
        let previous = previous.map(|(slot, _)| slot);
        let attempt = previous.map_or(1, |slot| self.slots.get(slot).attempt().saturating_add(1));
        let older = previous.and_then(|slot| self.make_older(slot));
        if self.slots.len() >= self.limit {
            self.make_room();
        } else {
            self.look_for_past(SLOTS_AN_OPENING);
        }
        let id = *next_id;
        *next_id = next_id.wrapping_add(1);
        let connection = Connection::new(id, attempt, reuse, first, direction, self.now_ns);
        let sender = connection.sender(direction).unwrap_or(Side::Client);
        let slot = self.slots.insert(connection);
        // Making room may have taken it.
        if let Some((older, _)) =
            older.filter(|(older, id)| self.slots.holding(*older, *id).is_some())
        {
            self.older.insert(slot, older);
        }
        self.index.insert(slot, hash, &self.slots);
        (slot, sender)
    }

    /// The connection in `slot` gets a successor. It leaves, unless it may still be alive: then it
    /// stays beside the successor, and its slot and number are given.
    fn make_older(&mut self, slot: u32) -> Option<(u32, u32)> {
        self.successions = self.successions.wrapping_add(1);
        self.index.remove(slot, &self.slots);
        let mut beside = self.older.take_of(slot);
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

    /// How many left because the shard was full, although they were not closed.
    pub(crate) fn let_go(&self) -> u64 {
        self.let_go
    }

    /// The shard is full: a sixteenth of it leaves at once, finished connections first, then those
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
        order[..leaving].sort_unstable();
        for &(_, _, id, slot) in &order[..leaving] {
            // One that leaves takes the one before it along.
            if let Some(connection) = self.slots.holding(slot, id) {
                self.let_go += u64::from(!connection.is_closed());
                self.remove(slot);
            }
        }
    }

    fn remove(&mut self, slot: u32) {
        // It is not listed if it has a successor.
        if !self.index.remove(slot, &self.slots) {
            self.older.part(slot);
        }
        if let Some(older) = self.older.take_of(slot) {
            self.let_leave(older);
        }
        if self.latest == Some(slot) {
            self.latest = None;
        }
        self.let_leave(slot);
    }
}
