//! Telling a packet captured twice (mirror port, `any` interface) from one sent twice.

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

    /// The bits by which an entry of a set tells it from others.
    const fn tag(&self) -> u32 {
        tag_of(self.fingerprint)
    }
}

const fn tag_of(fingerprint: u64) -> u32 {
    (fingerprint >> 32) as u32 & !(PLACE | FURTHER)
}

/// A remembered segment.
#[derive(Clone, Copy, Debug)]
struct Remembered {
    time_ns: i64,
    /// The clock when it came.
    now_ns: i64,
    fingerprint: u64,
    /// 0 if there is none.
    timestamp: u32,
    /// The place of an older segment of the same set for which the set has no room; 0 for none.
    further: u32,
    ip_id: u16,
    checksum: u16,
    ttl: u8,
    stage: Stage,
    before: Before,
}

const NOTHING: Remembered = Remembered {
    time_ns: i64::MIN,
    now_ns: i64::MIN,
    fingerprint: 0,
    timestamp: 0,
    further: 0,
    ip_id: 0,
    checksum: 0,
    ttl: 0,
    stage: Stage::None,
    before: Before { by_sender: 0, by_receiver: 0 },
};

/// How many segments whose fingerprints share a set are found at once.
const SET: usize = 4;
/// 6 KiB with the segments they lead to.
const FEWEST_SETS: usize = 1 << 6;
/// 24 MiB: a quarter of a million segments in a second.
const MOST_SETS: usize = 1 << 18;
/// Segments after which the old ones are forgotten; no more than half of the fewest sets.
const CHECK: usize = 1 << 5;
/// Segments of a set that are looked through beyond those found at once: only a flood of segments that
/// are all alike, which nobody needs to tell apart, has more.
const MOST_FURTHER: usize = 32;

/// The bits of an entry that are the place of a segment; 0 for none.
const PLACE: u32 = (1 << 19) - 1;
/// The bit of the last entry of a set from which further segments are found.
const FURTHER: u32 = 1 << 19;

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
    /// Twice as many as there are sets; place 0 is not used.
    segments: Vec<Remembered>,
    /// The places of the oldest one and of the next one.
    oldest: usize,
    next: usize,
    /// The places of segments by fingerprint, the newest first, each below a part of its tag. If that part
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
        Self {
            segments: vec![NOTHING; 2 * sets],
            oldest: 1,
            next: 1,
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
        let set = &self.sets[self.set(identity.fingerprint)];
        // One branch for all of them.
        let leads = |entry: &u32| (entry ^ identity.tag()) & !(PLACE | FURTHER) == 0;
        let further = set[SET - 1] & FURTHER != 0;
        if !set.iter().fold(further, |found, entry| found | leads(entry)) {
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
        let set = self.sets[self.set(identity.fingerprint)];
        has_id
            && self
                .find_as(set, identity, now_ns, |first| is_on_other_side(first, event, identity))
                .is_some()
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
            is_duplicate(first, &event, &identity)
                || identity.renumbered && is_on_other_side(first, &event, &identity)
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
        let further = if set[SET - 1] & FURTHER != 0 { set[SET - 1] & PLACE } else { 0 };
        let at_once = set.into_iter().map(|entry| entry & PLACE);
        let mut segments =
            at_once.chain(self.further(further)).map(|place| &self.segments[place as usize]);
        segments.find(|first| {
            let since = identity.before.by_sender.wrapping_sub(first.before.by_sender);
            first.fingerprint == identity.fingerprint
                && since.wrapping_sub(1) < LAST
                && now_ns.saturating_sub(first.now_ns) <= LONGEST_NS
                && is_it(first)
        })
    }

    /// The places of the segments that are found from the one at `place`, each older than the one before.
    fn further(&self, place: u32) -> impl Iterator<Item = u32> {
        let next = |place: &u32| {
            let further = self.segments[*place as usize].further;
            (further != 0 && self.age(further) > self.age(*place)).then_some(further)
        };
        std::iter::successors(Some(place), next).skip(1).take(MOST_FURTHER)
    }

    /// How many segments ago the one at `place` was remembered.
    fn age(&self, place: u32) -> usize {
        self.next.wrapping_sub(place as usize) & (self.segments.len() - 1)
    }

    /// Remembers a segment of this stage; the clock is at `now_ns`.
    #[inline(always)]
    pub fn remember(&mut self, event: &Event<'_>, identity: &Identity, stage: Stage, now_ns: i64) {
        if self.next & (CHECK - 1) == 0 {
            self.forget(now_ns);
        }
        self.store(Remembered {
            time_ns: event.time_ns,
            now_ns,
            fingerprint: identity.fingerprint,
            timestamp: identity.timestamp,
            further: 0,
            ip_id: event.segment.ip_id,
            checksum: event.segment.checksum,
            ttl: event.segment.ttl,
            stage,
            before: identity.before,
        });
    }

    #[inline(always)]
    fn store(&mut self, segment: Remembered) {
        let (set, at) = (self.set(segment.fingerprint), self.next);
        let [first, second, third, fourth] = self.sets[set];
        self.sets[set] = [tag_of(segment.fingerprint) | at as u32, first, second, third];
        self.segments[at] = segment;
        self.next = self.after(at);
        let young = self.age(self.oldest as u32) >= self.age(fourth & PLACE);
        if young & (fourth & PLACE != 0) {
            self.keep_further(set, fourth & PLACE);
        }
    }

    /// Makes the segment at `place`, for which this set has no more room, one that is found further.
    #[cold]
    fn keep_further(&mut self, set: usize, place: u32) {
        let last = self.sets[set][SET - 1] & PLACE;
        // The place may have been used for another segment.
        let is_it = self.set(self.segments[place as usize].fingerprint) == set;
        if is_it && self.age(place) > self.age(last) {
            self.segments[last as usize].further = place;
            self.sets[set][SET - 1] |= FURTHER;
        }
    }

    #[inline(always)]
    fn set(&self, fingerprint: u64) -> usize {
        fingerprint as usize & (self.sets.len() - 1)
    }

    /// The place after this one.
    #[inline(always)]
    fn after(&self, place: usize) -> usize {
        let next = (place + 1) & (self.segments.len() - 1);
        next + usize::from(next == 0)
    }

    /// Forgets the segments of more than a second ago. If too many are left, doubles the sets.
    #[cold]
    fn forget(&mut self, now_ns: i64) {
        while self.oldest != self.next
            && now_ns.saturating_sub(self.segments[self.oldest].now_ns) > LONGEST_NS
        {
            self.oldest = self.after(self.oldest);
        }
        let count = self.age(self.oldest as u32);
        if count > self.sets.len() && self.sets.len() < MOST_SETS {
            self.grow();
        }
        // There must be room until the next check.
        let room = self.segments.len() - 2 * CHECK;
        for _ in room..count.max(room) {
            self.oldest = self.after(self.oldest);
            self.forgotten += 1;
        }
    }

    #[cold]
    fn grow(&mut self) {
        let mut larger = Self::with_sets(2 * self.sets.len());
        larger.forgotten = self.forgotten;
        let mut place = self.oldest;
        while place != self.next {
            larger.store(Remembered { further: 0, ..self.segments[place] });
            place = self.after(place);
        }
        *self = larger;
    }
}

/// Whether two segments that differ in their numbers only are one packet, captured on both sides of a
/// device that rewrites those, and the checksum with them.
fn is_on_other_side(first: &Remembered, event: &Event<'_>, identity: &Identity) -> bool {
    let segment = event.segment;
    if event.time_ns.saturating_sub(first.time_ns).saturating_abs() > THROUGH_A_DEVICE_NS {
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
fn is_duplicate(first: &Remembered, event: &Event<'_>, identity: &Identity) -> bool {
    let segment = event.segment;
    let since_ns = event.time_ns.saturating_sub(first.time_ns).saturating_abs();
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
    if first.checksum != segment.checksum {
        // Duplicate ACKs also differ in their SACK blocks.
        return since_ns <= IN_ONE_HOST_NS && same_timestamp && (has_id || !is_bare);
    }
    // A host without the connection answers each segment with the same RST.
    let is_reflex = segment.flags.contains(TcpFlags::RST) && !has_id;
    let answers_same = first.before.by_receiver == identity.before.by_receiver;
    !is_reflex || first.ttl != segment.ttl || answers_same
}
