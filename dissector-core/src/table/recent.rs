//! Telling a packet captured twice (mirror port, `any` interface) from one sent twice.

use std::collections::VecDeque;

use crate::compact::PacketKind;
use crate::connection::event::Event;
use crate::connection::state::Connection;
use crate::vocabulary::Stage;
use crate::wire::TcpFlags;

const MS: i64 = 1_000_000;
/// No two captures of one packet are further apart, whatever its identification.
const LONGEST_NS: i64 = 1_000 * MS;
/// How many segments of its sender a segment is compared with.
const LAST: u8 = 4;

/// Copies of one packet whose checksums differ are captured in one host, one of them before the
/// checksum was calculated.
const IN_ONE_HOST_NS: i64 = 5 * MS;

/// A device that rewrites numbers does not hold a packet longer.
const THROUGH_A_DEVICE_NS: i64 = 20 * MS;

/// The fields that tell a segment from others: sequence and acknowledgment number, flags, length,
/// window, addresses and ports, mixed; its timestamp; and how many segments were sent before it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity {
    fingerprint: u64,
    /// 0 if there is none.
    timestamp: u32,
    before: Before,
    /// It has passed, or has yet to pass, a device that rewrites numbers, and was captured on both sides.
    renumbered: bool,
}

/// How many segments the ends of a connection had sent before a segment, modulo 256.
#[derive(Clone, Copy, Debug)]
struct Before {
    by_sender: u8,
    by_receiver: u8,
}

impl Identity {
    #[inline(always)]
    pub fn new(event: &Event<'_>, connection: &Connection) -> Self {
        let segment = event.segment;
        let numbers = u64::from(segment.sequence.0) << 32 | u64::from(segment.acknowledgment.0);
        let rest = u64::from(segment.tcp_octets) << 32
            | u64::from(segment.flags.bits()) << 16
            | u64::from(segment.window);
        let places =
            segment.addresses.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(segment.ports) << 32;
        let mixed = u128::from(numbers ^ places) * u128::from(rest ^ 0xd6e8_feb8_6659_fd93);
        Self {
            fingerprint: mixed as u64 ^ (mixed >> 64) as u64,
            timestamp: event.timestamps.map_or(0, |(value, _)| value),
            before: Before {
                by_sender: connection.end(event.sender).sent,
                by_receiver: connection.end(event.sender.other()).sent,
            },
            renumbered: connection.is_renumbered(),
        }
    }

    /// Whether this entry of a set may be that of a segment with the same fingerprint.
    #[inline(always)]
    const fn is_led_to_by(&self, entry: u32) -> bool {
        tag_of(entry ^ self.first_part()) == 0
    }

    /// The part of the fingerprint that the set follows from, and the tag.
    #[inline(always)]
    const fn first_part(&self) -> u32 {
        self.fingerprint as u32
    }

    /// The further bits that are remembered, above those of a number.
    #[inline(always)]
    const fn further_part(&self) -> u32 {
        (self.fingerprint >> 32) as u32 & !NUMBER
    }
}

/// The bits by which an entry of a set tells a fingerprint from others.
const fn tag_of(fingerprint: u32) -> u32 {
    fingerprint & !(NUMBER | FURTHER)
}

/// A remembered segment, two of which share a cache line.
#[derive(Clone, Copy, Debug)]
struct Remembered {
    /// The clock when it came.
    now_ns: i64,
    /// By how many nanoseconds its own time is behind that.
    behind_ns: u32,
    fingerprint: u32,
    /// 0 if there is none.
    timestamp: u32,
    /// The number of an older segment of the same set for which the set has no room, or of none that is
    /// remembered; above it, more of the fingerprint.
    further: u32,
    ip_id: u16,
    checksum: u16,
    ttl: u8,
    stage: Stage,
    before: Before,
}

impl Remembered {
    /// Time between this segment and `event`, which came with the clock at `now_ns`.
    fn ns_to(&self, event: &Event<'_>, now_ns: i64) -> i64 {
        let since_ns = now_ns.saturating_sub(self.now_ns);
        let further_ns = i64::from(self.behind_ns) - i64::from(behind_ns(event, now_ns));
        since_ns.saturating_add(further_ns).saturating_abs()
    }
}

/// By how many nanoseconds a segment's own time is behind the clock. One that is further behind than 4 s, or
/// far ahead, is no capture of a packet that was captured before.
#[inline(always)]
fn behind_ns(event: &Event<'_>, now_ns: i64) -> u32 {
    (now_ns.wrapping_sub(event.time_ns) as u64).min(u32::MAX.into()) as u32
}

/// How many segments whose fingerprints share a set are found at once.
const SET: usize = 4;
/// As many as segments have room, so that few sets are full. 48 KiB with the segments.
const FEWEST_SETS: usize = 1 << 10;
/// 12 MiB: a quarter of a million segments in a second.
const MOST_SETS: usize = 1 << 18;
/// The segments that are forgotten at once.
const BLOCK: u32 = 1 << 7;
/// Segments of a set that are looked through beyond those found at once: only a flood of segments that
/// are all alike, which need not be told apart, has more.
const MOST_FURTHER: usize = 32;

/// The bits of an entry that are the number of a segment. More than all places have, so that the number of one
/// that is no longer remembered hardly ever looks like that of another.
const NUMBER: u32 = (1 << 20) - 1;
/// The bit of the last entry of a set from which further segments are found.
const FURTHER: u32 = 1 << 20;

/// The segments of the last second, of all connections of a shard.
///
/// All connections share it: stored with each connection, four segments of either direction would be
/// most of its memory, and idle most of the time. It grows with the rate of the capture, so that a
/// segment is remembered for a second whatever else is captured, up to [`MOST_SETS`].
///
/// Segments are stored one after the other, in a circle. Nearly all are never looked at again, and
/// sequential writes cost least.
#[derive(Debug)]
pub(crate) struct RecentSegments {
    /// As many as there have been, up to the number of sets. The place of each follows from its number.
    segments: Vec<Remembered>,
    /// The clock at the first one of each block.
    blocks: VecDeque<i64>,
    /// The numbers of the oldest one and of the next one, which go round.
    oldest: u32,
    next: u32,
    /// The numbers of segments by fingerprint, the newest first, each below a part of its tag. If that part
    /// differs, as nearly always, nothing else has to be looked at.
    sets: Vec<[u32; SET]>,
    /// How many were forgotten within a second, because there were too many.
    forgotten: u64,
}

impl Default for RecentSegments {
    fn default() -> Self {
        Self::with_sets(FEWEST_SETS)
    }
}

impl RecentSegments {
    fn with_sets(sets: usize) -> Self {
        // The first number leads to the first place. Empty entries are of an older one.
        let first = sets as u32;
        Self {
            segments: Vec::with_capacity(sets),
            blocks: VecDeque::new(),
            oldest: first,
            next: first,
            sets: vec![[0; SET]; sets],
            forgotten: 0,
        }
    }

    /// How many segments were forgotten within a second, because there were too many.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Stage and TTL of the segment that this one is a second capture of; the clock is at `now_ns`.
    #[inline(always)]
    pub fn first_capture(
        &self,
        event: &Event<'_>,
        identity: &Identity,
        now_ns: i64,
    ) -> Option<(Stage, u8)> {
        let set = &self.sets[self.set(identity.first_part())];
        // One branch for all of them.
        let further = set[SET - 1] & FURTHER != 0;
        if !set.iter().fold(further, |found, entry| found | identity.is_led_to_by(*entry)) {
            return None;
        }
        self.find(*set, *event, *identity, now_ns)
    }

    /// Whether this SYN was captured before, on the other side of a device that rewrites numbers; `event` has
    /// the number of that side. IPv4 needs an identification to tell.
    pub fn is_syn_of_other_side(
        &self,
        event: &Event<'_>,
        identity: &Identity,
        now_ns: i64,
    ) -> bool {
        let has_id = event.segment.ip_id != 0 || event.segment.kind == PacketKind::Ipv6;
        let set = self.sets[self.set(identity.first_part())];
        has_id
            && self
                .find_as(set, identity, now_ns, |first| {
                    is_on_other_side(first, event, identity, now_ns)
                })
                .is_some()
    }

    /// The same for a SYN/ACK. Two servers that answer one SYN have different timestamps.
    pub fn is_synack_of_other_side(
        &self,
        event: &Event<'_>,
        identity: &Identity,
        now_ns: i64,
    ) -> bool {
        let set = self.sets[self.set(identity.first_part())];
        let same = |first: &Remembered| {
            first.timestamp == identity.timestamp
                && is_on_other_side(first, event, identity, now_ns)
        };
        self.find_as(set, identity, now_ns, same).is_some()
    }

    #[cold]
    fn find(
        &self,
        set: [u32; SET],
        event: Event<'_>,
        identity: Identity,
        now_ns: i64,
    ) -> Option<(Stage, u8)> {
        let same = self.find_as(set, &identity, now_ns, |first| {
            is_duplicate(first, &event, &identity, now_ns)
                || identity.renumbered && is_on_other_side(first, &event, &identity, now_ns)
        });
        same.map(|first| (first.stage, first.ttl))
    }

    /// A remembered segment of the same fingerprint, among the last of its sender, for which `is_it` holds.
    fn find_as(
        &self,
        set: [u32; SET],
        identity: &Identity,
        now_ns: i64,
        is_it: impl Fn(&Remembered) -> bool,
    ) -> Option<&Remembered> {
        let segment = |number: u32| self.segments.get(self.place(number));
        let is_wanted = |first: &&Remembered| {
            let since = identity.before.by_sender.wrapping_sub(first.before.by_sender);
            first.fingerprint == identity.first_part()
                && first.further & !NUMBER == identity.further_part()
                && since.wrapping_sub(1) < LAST
                && now_ns.saturating_sub(first.now_ns) <= LONGEST_NS
                && is_it(first)
        };
        let at_once = set.into_iter().filter(|entry| identity.is_led_to_by(*entry));
        let found = at_once.filter_map(|entry| segment(entry & NUMBER)).find(is_wanted);
        let last = set[SET - 1];
        if found.is_some() || last & FURTHER == 0 {
            return found;
        }
        self.further(last & NUMBER).filter_map(segment).find(is_wanted)
    }

    /// The numbers of the segments that are found from that with number `last`, each older than the one
    /// before.
    fn further(&self, last: u32) -> impl Iterator<Item = u32> {
        let next = |number: &u32| {
            let further = self.segments.get(self.place(*number))?.further & NUMBER;
            let is_older = self.age(*number) < self.age(further) && self.is_remembered(further);
            is_older.then_some(further)
        };
        std::iter::successors(Some(last), next).skip(1).take(MOST_FURTHER)
    }

    /// The place of the segment with this number.
    #[inline(always)]
    fn place(&self, number: u32) -> usize {
        number as usize & (self.sets.len() - 1)
    }

    /// How many segments ago that with this number was remembered.
    #[inline(always)]
    fn age(&self, number: u32) -> u32 {
        self.next.wrapping_sub(number) & NUMBER
    }

    #[inline(always)]
    fn is_remembered(&self, number: u32) -> bool {
        self.age(number) <= self.age(self.oldest)
    }

    /// Remembers a segment of this stage; the clock is at `now_ns`.
    #[inline(always)]
    pub fn remember(&mut self, event: &Event<'_>, identity: &Identity, stage: Stage, now_ns: i64) {
        if self.next & (BLOCK - 1) == 0 {
            self.begin_block(now_ns);
        }
        let number = self.next;
        let segment = Remembered {
            now_ns,
            behind_ns: behind_ns(event, now_ns),
            fingerprint: identity.first_part(),
            timestamp: identity.timestamp,
            further: identity.further_part(),
            ip_id: event.segment.ip_id,
            checksum: event.segment.checksum,
            ttl: event.segment.ttl,
            stage,
            before: identity.before,
        };
        let place = self.place(number);
        match self.segments.get_mut(place) {
            Some(old) => *old = segment,
            None => self.segments.push(segment),
        }
        self.next = (number + 1) & NUMBER;
        self.list(number, identity.first_part());
    }

    /// Makes the segment with this number, the newest, the first of its set.
    #[inline(always)]
    fn list(&mut self, number: u32, fingerprint: u32) {
        let set = self.set(fingerprint);
        let [first, second, third, fourth] = self.sets[set];
        self.sets[set] = [tag_of(fingerprint) | number, first, second, third];
        if self.is_remembered(fourth) {
            self.keep_further(set, fourth & NUMBER);
        }
    }

    /// Makes the segment with this number, for which this set has no more room, one that is found further.
    #[cold]
    fn keep_further(&mut self, set: usize, number: u32) {
        let last = self.sets[set][SET - 1] & NUMBER;
        let place = self.place(last);
        // The number may be that of another segment, a million later.
        let is_it = self.set(self.segments[self.place(number)].fingerprint) == set;
        if is_it && self.age(number) > self.age(last) {
            let further = &mut self.segments[place].further;
            *further = *further & !NUMBER | number;
            self.sets[set][SET - 1] |= FURTHER;
        }
    }

    #[inline(always)]
    fn set(&self, fingerprint: u32) -> usize {
        fingerprint as usize & (self.sets.len() - 1)
    }

    /// Forgets the blocks that are older than a second, and begins another. If there are too many, there have
    /// to be more sets.
    #[cold]
    fn begin_block(&mut self, now_ns: i64) {
        self.blocks.push_back(now_ns);
        // The clock never goes back.
        while self.blocks.get(1).is_some_and(|next| now_ns.saturating_sub(*next) > LONGEST_NS) {
            self.forget_block();
        }
        if self.blocks.len() * BLOCK as usize <= self.sets.len() {
            return;
        }
        if self.sets.len() < MOST_SETS {
            self.grow();
        } else {
            self.forget_block();
            self.forgotten += u64::from(BLOCK);
        }
    }

    fn forget_block(&mut self) {
        self.blocks.pop_front();
        self.oldest = (self.oldest + BLOCK) & NUMBER;
    }

    #[cold]
    fn grow(&mut self) {
        let mut larger = Self::with_sets(2 * self.sets.len());
        larger.forgotten = self.forgotten;
        larger.blocks = std::mem::take(&mut self.blocks);
        for ago in (1..=self.age(self.oldest)).rev() {
            let place = self.place(self.next.wrapping_sub(ago));
            let Remembered { further, .. } = self.segments[place];
            let segment = Remembered { further: further & !NUMBER, ..self.segments[place] };
            let number = larger.next;
            larger.segments.push(segment);
            larger.next += 1;
            larger.list(number, segment.fingerprint);
        }
        *self = larger;
    }
}

/// Whether two segments that differ in their numbers only are one packet, captured on both sides of a
/// device that rewrites those, and the checksum with them.
fn is_on_other_side(
    first: &Remembered,
    event: &Event<'_>,
    identity: &Identity,
    now_ns: i64,
) -> bool {
    let segment = event.segment;
    if first.ns_to(event, now_ns) > THROUGH_A_DEVICE_NS {
        return false;
    }
    if first.ip_id != 0 || segment.ip_id != 0 {
        return first.ip_id == segment.ip_id;
    }
    // Linux sends SYN/ACKs with identification 0; the SYN that both acknowledge had another.
    let synack = segment.flags.contains(TcpFlags::SYN | TcpFlags::ACK);
    let same_timestamp = identity.timestamp != 0 && first.timestamp == identity.timestamp;
    // Other numbers have another checksum; a repetition on the same side has not.
    first.checksum != segment.checksum
        && (same_timestamp || synack && segment.kind == PacketKind::Ipv4)
}

/// Whether identification, timestamp, checksum and time of two segments with the same fingerprint say
/// that they are one packet.
fn is_duplicate(first: &Remembered, event: &Event<'_>, identity: &Identity, now_ns: i64) -> bool {
    let segment = event.segment;
    let since_ns = first.ns_to(event, now_ns);
    let has_id = first.ip_id != 0 || segment.ip_id != 0;
    let is_bare = event.payload == 0
        && !segment.flags.intersects(TcpFlags::SYN | TcpFlags::FIN | TcpFlags::RST);
    // Linux sends SYN/ACKs and reflex RSTs, new or repeated, with identification 0.
    let longest_ns = match (has_id, identity.timestamp) {
        (true, _) => LONGEST_NS,
        (false, 0) => 5 * MS,
        (false, _) => 100 * MS,
    };
    // Duplicate ACKs look alike too, and follow each other closely.
    let longest_ns = if is_bare && first.ttl == segment.ttl { MS } else { longest_ns };
    let same_timestamp = first.timestamp == identity.timestamp;
    if first.ip_id != segment.ip_id || !has_id && !same_timestamp || since_ns > longest_ns {
        return false;
    }
    // A host without the connection answers each segment with the same RST, and a server may answer a
    // SYN that is sent again in the millisecond in which its timer has repeated the SYN/ACK.
    let answers = segment.flags.contains(TcpFlags::RST)
        || segment.flags.contains(TcpFlags::SYN | TcpFlags::ACK);
    let answers_same = first.before.by_receiver == identity.before.by_receiver;
    if answers && !has_id && first.ttl == segment.ttl && !answers_same {
        return false;
    }
    // Duplicate ACKs also differ in their SACK blocks.
    first.checksum == segment.checksum
        || since_ns <= IN_ONE_HOST_NS && same_timestamp && (has_id || !is_bare)
}
