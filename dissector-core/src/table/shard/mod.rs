//! One of the parts that the connections of a table are spread over.

mod deliver;
mod leaving;

use deliver::deliver;
use foldhash::fast::RandomState;

use crate::compact::{CompactSegment, SegmentView};
use crate::connection::annotation::Annotation;
use crate::connection::event::Event;
use crate::connection::state::Connection;
use crate::connection::state::origin::Reuse;
use crate::key::FlowKey;
use crate::pipeline::batch::{Batch, Found};
use crate::table::index::Index;
use crate::table::predecessors::Predecessors;
use crate::table::recent::{Identity, RecentSegments};
use crate::table::slots::Slots;
use crate::vocabulary::{Side, Stage};
use crate::wire::TcpFlags;
use crate::{IcmpError, Segment};

/// Slots that are checked for an expired connection when another is opened.
const SLOTS_AN_OPENING: u32 = 3;
/// Segments after which a slot is checked though no connection was opened.
const SEGMENTS_A_CHECK: u32 = 16;
/// Slots that are checked when the clock advances without a packet.
const SLOTS_AN_ADVANCE: u32 = 1 << 10;

/// The first of the numbers that connections have between their opening and the end of the batch.
const PROVISIONAL: u32 = u32::MAX - Batch::MOST_PACKETS as u32;

/// The part of the connections of a [`ConnectionTable`](crate::ConnectionTable) that one thread
/// follows while other threads follow the others.
#[derive(Debug)]
pub(crate) struct Shard {
    /// The index of this shard's packets in a batch.
    place: usize,
    /// The slots of the connections that may get segments, by addresses and ports: of several on
    /// the same ones, the newest.
    index: Index,
    slots: Slots,
    /// Connections that may still be alive beside an unanswered successor.
    older: Predecessors,
    recent: RecentSegments,
    /// The connections that have left and were not taken.
    closed: Vec<Connection>,
    latest: Option<u32>,
    limit: usize,
    /// How many had to leave because the shard was full, although they were not closed.
    evicted: u64,
    /// How many closed ones had to leave for that before they were past.
    shortened: u64,
    now_ns: i64,
    /// The slot to be checked next for an expired connection.
    hand: u32,
    /// When the longest silence began among the slots checked since the first one.
    silent_since_ns: i64,
    /// No connection can expire before this time.
    none_expires_before_ns: i64,
    /// Segments since a slot was checked.
    unchecked: u32,
    /// The connections that the last batch has opened.
    opened: Vec<Opened>,
    /// For each connection in `closed`, the packet of the batch at which it left.
    closed_at: Vec<u32>,
    /// How many connections have been succeeded by another, modulo 2^32.
    successions: u32,
}

/// A packet of a batch that has opened a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opened {
    pub packet: u32,
    slot: u32,
}

/// The slot that is fetched for a packet of an unknown connection: fetching one in any case costs less
/// than a branch.
const ANYWHERE: u32 = 0;

/// Packets that are looked up before the first of them is observed.
const GROUP: usize = 16;

impl Shard {
    /// An empty shard that holds up to `limit` connections at once.
    pub(crate) fn new(place: usize, limit: usize, hasher: RandomState) -> Self {
        Self {
            place,
            index: Index::new(limit, hasher),
            slots: Slots::default(),
            older: Predecessors::default(),
            recent: RecentSegments::default(),
            closed: Vec::new(),
            latest: None,
            limit,
            evicted: 0,
            shortened: 0,
            now_ns: i64::MIN,
            hand: 0,
            silent_since_ns: i64::MAX,
            none_expires_before_ns: i64::MIN,
            unchecked: 0,
            opened: Vec::new(),
            closed_at: Vec::new(),
            successions: 0,
        }
    }

    /// Whether this is a shard of the table with this hasher.
    pub(crate) fn hashes_as(&self, hasher: &RandomState) -> bool {
        self.index.hashes_as(hasher)
    }

    /// The index of this shard among those of its table.
    pub(crate) fn place(&self) -> usize {
        self.place
    }

    /// Observes this shard's packets of a batch. The connections that they open have no numbers until
    /// the table [ends the batch](crate::ConnectionTable::end_batch).
    ///
    /// # Panics
    /// If the batch belongs to another table, or has more than [`Batch::MOST_PACKETS`].
    pub(crate) fn observe_batch(&mut self, batch: &Batch) {
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

    /// The slots in which the connections of the next packets are expected.
    ///
    /// Fetches the memory of all of them at once, instead of one after the other when each is needed.
    /// Hardly any branch depends on a value that has to be waited for.
    #[inline(always)]
    fn look_ahead(&self, coming: &[CompactSegment]) -> [u32; GROUP] {
        let mut slots = [ANYWHERE; GROUP];
        for (slot, segment) in slots.iter_mut().zip(coming) {
            *slot = self.index.find(segment.hash, |_| true).unwrap_or(ANYWHERE);
        }
        for slot in &slots {
            if let Some(connection) = self.slots.at(*slot) {
                connection.prefetch();
            }
        }
        slots
    }

    /// Takes in a packet of a batch. When its connection was looked up, it was in slot `slot`, and
    /// `successions` connections had been succeeded.
    #[inline(always)]
    fn observe_packet(&mut self, packet: &Found<'_>, slot: u32, successions: u32) {
        if self.turn_clock(self.now_ns.max(packet.now_ns())) {
            self.closed_at.resize(self.closed.len(), packet.number());
        }
        // Nearly all packets need no decision. The slot may have been given to another connection
        // since; but unless one was succeeded, it holds the newest of its addresses and ports.
        if packet.error.is_none()
            && successions == self.successions
            && self.older.is_empty()
            && let Some(connection) = self.slots.at_mut(slot)
            && let Some(sender) = connection.sender(&packet.key())
            && !connection.may_be_succeeded_by(packet.view().segment.flags, sender)
            && connection.is_up_to_date(self.now_ns)
        {
            deliver::<false>(&packet.view(), sender, self.now_ns, connection, &mut self.recent);
        } else {
            self.observe_closely(packet);
        }
    }

    #[inline(never)]
    fn observe_closely(&mut self, packet: &Found<'_>) {
        let key = packet.key();
        if let Some(error) = packet.error {
            self.take_icmp(error, &key);
        } else {
            let provisional = PROVISIONAL + self.opened.len() as u32;
            let mut next_id = provisional;
            let seen = packet.view();
            let (slot, sender) = self.find_or_open(&seen, &key, packet.hash(), &mut next_id);
            let connection = self.slots.get_mut(slot);
            let recent = &mut self.recent;
            let stage = deliver::<false>(&seen, sender, self.now_ns, connection, recent).stage;
            if !self.older.is_empty() {
                self.settle(slot, seen.segment, stage);
            }
            if next_id != provisional {
                self.opened.push(Opened { packet: packet.number(), slot });
            }
        }
        self.closed_at.resize(self.closed.len(), packet.number());
    }

    /// Turns the clock to `now_ns`, unless it is later already.
    pub(crate) fn set_clock(&mut self, now_ns: i64) {
        self.now_ns = self.now_ns.max(now_ns);
    }

    /// Turns the clock to `now_ns`, which is not earlier, and removes expired connections.
    pub(crate) fn advance(&mut self, now_ns: i64) {
        self.now_ns = now_ns;
        self.remove_expired(SLOTS_AN_ADVANCE.min(self.slots.places()));
    }

    /// Takes in one segment at `now_ns`, the time of the table's clock, and says what it was. A new
    /// connection gets the number `next_id`, which then rises.
    #[inline(always)]
    pub(crate) fn observe(
        &mut self,
        segment: &Segment<'_>,
        key: &FlowKey,
        now_ns: i64,
        next_id: &mut u32,
    ) -> Annotation {
        self.turn_clock(now_ns);
        let compact = &CompactSegment::new(segment);
        let seen = SegmentView { segment: compact, options: segment.tcp.option_octets };
        let (slot, sender) = self.find_or_open(&seen, key, self.index.hash(key), next_id);
        let connection = self.slots.get_mut(slot);
        let annotation = deliver::<true>(&seen, sender, now_ns, connection, &mut self.recent);
        if !self.older.is_empty() {
            self.settle(slot, compact, annotation.stage);
        }
        annotation
    }

    /// Sets the clock for one more segment. True if a slot was checked, whose connection may have
    /// left.
    #[inline(always)]
    fn turn_clock(&mut self, now_ns: i64) -> bool {
        self.now_ns = now_ns;
        self.unchecked += 1;
        let is_time = self.unchecked >= SEGMENTS_A_CHECK;
        if is_time {
            self.remove_expired(1);
        }
        is_time
    }

    /// The slot of the connection of a segment, and the end that sent it.
    #[inline(always)]
    fn find_or_open(
        &mut self,
        seen: &SegmentView<'_>,
        key: &FlowKey,
        hash: u32,
        next_id: &mut u32,
    ) -> (u32, Side) {
        let (slot, sender) = match self.find(key, hash) {
            None => self.open(seen.segment, key, hash, None, next_id),
            Some(found) => self.choose(seen, key, hash, found, next_id),
        };
        self.latest = Some(slot);
        (slot, sender)
    }

    /// The slot of the connection of a segment, given the newest on its addresses and ports.
    #[inline(always)]
    fn choose(
        &mut self,
        seen: &SegmentView<'_>,
        key: &FlowKey,
        hash: u32,
        found: (u32, Side),
        next_id: &mut u32,
    ) -> (u32, Side) {
        let connection = self.slots.get(found.0);
        let is_only_one = self.older.is_empty()
            && !connection.may_be_succeeded_by(seen.segment.flags, found.1)
            && connection.is_up_to_date(self.now_ns);
        if is_only_one { found } else { self.choose_closely(seen, key, hash, found, next_id) }
    }

    #[inline(never)]
    fn choose_closely(
        &mut self,
        seen: &SegmentView<'_>,
        key: &FlowKey,
        hash: u32,
        (slot, sender): (u32, Side),
        next_id: &mut u32,
    ) -> (u32, Side) {
        let connection = self.slots.get(slot);
        if connection.is_past(self.now_ns) {
            self.remove(slot);
            // The one before it may have gone on.
            return match self.find(key, hash) {
                None => self.open(seen.segment, key, hash, None, next_id),
                Some(found) => self.choose_closely(seen, key, hash, found, next_id),
            };
        }
        if let Some(older) = self.left_to_older(seen.segment, key, (slot, sender)) {
            self.slots.get_mut(older.0).set_lag(self.now_ns.saturating_sub(seen.segment.time_ns));
            return older;
        }
        if self.is_from_other_side(seen, sender, self.slots.get(slot)) {
            self.slots.get_mut(slot).begin_renumbered(seen.segment.sequence, sender);
        }
        let connection = self.slots.get(slot);
        let own = &connection.in_own_numbers(seen.segment, sender);
        let seen = &SegmentView { segment: own, options: seen.options };
        if connection.is_succeeded_by(own, sender, own.time_ns)
            && !self.is_duplicate(seen, sender, connection)
        {
            let time_wait = connection.time_wait(sender);
            let opened = self.open(seen.segment, key, hash, Some((slot, sender)), next_id);
            if let Some(before) = time_wait {
                self.slots.get_mut(opened.0).note_time_wait(&before, seen);
            }
            return opened;
        }
        let lag_ns = self.now_ns.saturating_sub(own.time_ns);
        self.slots.get_mut(slot).set_lag(lag_ns);
        (slot, sender)
    }

    /// Whether this SYN or SYN/ACK is that of `connection`, captured on the other side of a device that
    /// rewrites numbers.
    fn is_from_other_side(
        &self,
        seen: &SegmentView<'_>,
        sender: Side,
        connection: &Connection,
    ) -> bool {
        let of_server = sender == Side::Server;
        let own = match of_server {
            false => connection.as_other_side(seen, sender),
            true => connection.as_other_side_of_server(seen, sender),
        };
        let Some(own) = own else { return false };
        let view = SegmentView { segment: &own, options: seen.options };
        let event = Event::new(&view, sender, connection.receiver(sender));
        let identity = Identity::new(&event, connection);
        seen.segment.sequence != own.sequence
            && match of_server {
                false => self.recent.is_syn_of_other_side(&event, &identity, self.now_ns),
                true => self.recent.is_synack_of_other_side(&event, &identity, self.now_ns),
            }
    }

    fn is_duplicate(&self, seen: &SegmentView<'_>, sender: Side, connection: &Connection) -> bool {
        let event = Event::new(seen, sender, connection.receiver(sender));
        self.recent.first_capture(&event, &Identity::new(&event, connection), self.now_ns).is_some()
    }

    /// Takes in an ICMP error; `None` if no connection here sent the segment that it quotes.
    pub(crate) fn observe_icmp(
        &mut self,
        error: &IcmpError,
        key: &FlowKey,
        now_ns: i64,
    ) -> Option<Annotation> {
        self.turn_clock(now_ns);
        self.take_icmp(error, key)
    }

    fn take_icmp(&mut self, error: &IcmpError, key: &FlowKey) -> Option<Annotation> {
        let hash = self.index.hash(key);
        let (mut slot, _) = self.find(key, hash)?;
        while self.slots.get(slot).is_past(self.now_ns) {
            self.remove(slot);
            (slot, _) = self.find(key, hash)?;
        }
        let slots = [Some(slot), self.older.of(slot)];
        let slot =
            slots.into_iter().flatten().find(|slot| self.slots.get(*slot).has_sent(error))?;
        self.latest = Some(slot);
        Some(self.slots.get_mut(slot).observe_icmp(error))
    }

    /// The connection before the one in slot `newer`, which is not answered yet (RFC 5961 §4), and the end
    /// that sends there, if the segment belongs to it.
    fn left_to_older(
        &mut self,
        segment: &CompactSegment,
        key: &FlowKey,
        (newer, sender): (u32, Side),
    ) -> Option<(u32, Side)> {
        if self.older.is_empty() {
            return None;
        }
        let slot = self.older.of(newer)?;
        let older = self.slots.get(slot);
        let side = older.sender(key)?;
        if older.is_past(self.now_ns)
            || !self.slots.get(newer).leaves_to(older, segment, sender, side)
        {
            return None;
        }
        let is_new = older.is_new(segment, side);
        self.slots.get_mut(newer).note_left(segment, sender, is_new);
        Some((slot, side))
    }

    /// Removes the connection before the one in `slot` once the latter is answered.
    fn settle(&mut self, slot: u32, segment: &CompactSegment, stage: Stage) {
        let Some(older) = self.older.of(slot) else { return };
        let (newer, connection) = (self.slots.get(slot), self.slots.get(older));
        let cleared = stage == Stage::RstHalfOpen;
        if !cleared && !newer.displaces(connection) {
            return;
        }
        self.older.take_of(slot);
        if cleared {
            let by = connection.sender(&newer.key()).unwrap_or(Side::Client);
            self.slots.get_mut(older).clear(by, segment.frame, segment.time_ns);
        }
        self.take_out(older);
    }

    /// The slot of the connection of the segment observed last.
    #[inline]
    pub(crate) fn latest(&self) -> Option<u32> {
        self.latest
    }

    pub(crate) fn slots(&self) -> &Slots {
        &self.slots
    }

    /// The slots, without what finds a connection there.
    pub(crate) fn into_slots(self) -> Slots {
        self.slots
    }

    /// How many segments were remembered for less than a second, to know their second captures.
    pub(crate) fn forgotten_segments(&self) -> u64 {
        self.recent.forgotten()
    }

    /// The connections that have left and were not taken.
    #[inline]
    pub(crate) fn closed(&mut self) -> &mut Vec<Connection> {
        &mut self.closed
    }

    /// The connections that the last batch has opened, in order.
    pub(crate) fn opened(&self) -> &[Opened] {
        &self.opened
    }

    /// For each connection that has left during the last batch, the packet at which it left.
    pub(crate) fn closed_at(&self) -> &[u32] {
        &self.closed_at
    }

    /// Gives the connections that the last batch has opened their numbers.
    pub(crate) fn number(&mut self, ids: &[u32]) {
        for connection in &mut self.closed {
            let opened = connection.id().checked_sub(PROVISIONAL);
            if let Some(id) = opened.and_then(|opened| ids.get(opened as usize)) {
                connection.renumber(*id);
            }
        }
        for (provisional, (opened, id)) in (PROVISIONAL..).zip(self.opened.iter().zip(ids)) {
            // The connection may have left, and another be in its slot.
            if self.slots.holding(opened.slot, provisional).is_some() {
                self.slots.get_mut(opened.slot).renumber(*id);
            }
        }
        self.opened.clear();
        self.closed_at.clear();
    }

    /// The slot of the newest connection on these addresses and ports, and the end that sends.
    #[inline(always)]
    fn find(&self, key: &FlowKey, hash: u32) -> Option<(u32, Side)> {
        let mut side = Side::Client;
        let found = self.index.find(hash, |slot| {
            let sender = self.slots.get(slot).sender(key);
            side = sender.unwrap_or(side);
            sender.is_some()
        });
        found.map(|slot| (slot, side))
    }

    /// Opens a connection, the successor of the one in slot `previous`; gives its slot and the end
    /// that sends.
    fn open(
        &mut self,
        first: &CompactSegment,
        key: &FlowKey,
        hash: u32,
        previous: Option<(u32, Side)>,
        next_id: &mut u32,
    ) -> (u32, Side) {
        if self.index.is_full() {
            // Connections beside their successors are not in the index.
            self.index.enlarge(&self.slots, self.older.iter());
        }
        let reuse =
            previous.map_or(Reuse::No, |(slot, side)| self.slots.get(slot).reuse_by(first, side));
        if let Some((slot, side)) = previous
            && !first.flags.contains(TcpFlags::ACK)
        {
            self.slots.get_mut(slot).supersede(side);
        }
        let previous = previous.map(|(slot, _)| slot);
        let attempt = previous.map_or(1, |slot| self.slots.get(slot).attempt().saturating_add(1));
        let older = previous.and_then(|slot| self.make_older(slot));
        if self.slots.len() >= self.limit {
            self.evict();
        } else {
            self.remove_expired(SLOTS_AN_OPENING);
        }
        let id = *next_id;
        *next_id = next_id.wrapping_add(1);
        let mut connection = Connection::new(id, attempt, reuse, first, key);
        connection.set_lag(self.now_ns.saturating_sub(first.time_ns));
        let sender = connection.sender(key).unwrap_or(Side::Client);
        let slot = self.slots.insert(connection);
        // It may have been evicted.
        if let Some((older, _)) =
            older.filter(|(older, id)| self.slots.holding(*older, *id).is_some())
        {
            self.older.insert(slot, older);
        }
        self.index.insert(slot, hash, &self.slots);
        (slot, sender)
    }

    /// Makes way for the successor of the connection in `slot`. A connection that may still be alive
    /// stays beside its successor: gives its slot and number.
    fn make_older(&mut self, slot: u32) -> Option<(u32, u32)> {
        self.successions = self.successions.wrapping_add(1);
        self.index.remove(slot, &self.slots);
        let mut beside = self.older.take_of(slot);
        if let Some(expired) = beside.filter(|older| self.slots.get(*older).is_past(self.now_ns)) {
            self.take_out(expired);
            beside = None;
        }
        if beside.is_none() && !self.slots.get(slot).is_closed() {
            return Some((slot, self.slots.get(slot).id()));
        }
        // A closed connection, or an attempt between two others.
        self.take_out(slot);
        beside.map(|older| (older, self.slots.get(older).id()))
    }

    /// How many had to leave because the shard was full, although they were not closed.
    pub(crate) fn evicted(&self) -> u64 {
        self.evicted
    }

    /// How many closed ones had to leave for that before they were past.
    pub(crate) fn shortened(&self) -> u64 {
        self.shortened
    }
}
