//! Telling a packet captured twice (mirror port, `any` interface) from one sent twice.

use super::names::Stage;
use crate::digest::Digest;
use crate::wire::{TcpFlags, TcpOption, TcpOptions};

const MS: i64 = 1_000_000;
/// No two captures of one packet are further apart, whatever its identification.
const LONGEST_NS: i64 = 1_000 * MS;
/// How many segments of its direction a segment is compared with.
const LAST: u8 = 4;

/// A segment with what tells it from others: sequence and acknowledgment number, flags, length,
/// checksum, addresses and ports, mixed; and its timestamps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity {
    fingerprint: u64,
    /// Value and echo of the timestamps option.
    pub timestamps: Option<(u32, u32)>,
}

impl Identity {
    /// Of a segment with these timestamps.
    #[inline(always)]
    pub fn of(digest: &Digest, timestamps: Option<(u32, u32)>) -> Self {
        let Digest { sequence, acknowledgment, addresses, ports, .. } = *digest;
        let numbers = u64::from(sequence.0) << 32 | u64::from(acknowledgment.0);
        let rest = u64::from(digest.tcp_octets) << 32
            | u64::from(digest.flags.bits()) << 16
            | u64::from(digest.checksum);
        let places = addresses.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(ports) << 32;
        let mixed = u128::from(numbers ^ places) * u128::from(rest ^ 0xd6e8_feb8_6659_fd93);
        Self { fingerprint: mixed as u64 ^ (mixed >> 64) as u64, timestamps }
    }
}

/// What is remembered of a segment.
#[derive(Clone, Copy, Debug)]
struct Sent {
    time_ns: i64,
    /// The half of its fingerprint that its set does not follow from.
    tag: u32,
    timestamp: u32,
    ip_id: u16,
    ttl: u8,
    stage: Stage,
    /// Its number in its direction, in a circle.
    number: u8,
    has_timestamp: bool,
}

const NOTHING: Sent = Sent {
    time_ns: i64::MIN,
    tag: 0,
    timestamp: 0,
    ip_id: 0,
    ttl: 0,
    stage: Stage::None,
    number: 0,
    has_timestamp: false,
};

/// How many segments whose fingerprints fall together are found.
const SET: usize = 4;
/// 3.5 KiB with what they lead to.
const FEWEST_SETS: usize = 1 << 5;
/// 896 KiB.
const MOST_SETS: usize = 1 << 13;

/// Where a segment is remembered, below a part of its tag.
const PLACE_BITS: u32 = 15;

/// The segments of the last second, of all connections of a shard of the table.
///
/// One memory for all of them: kept with each connection, four segments of either direction would
/// be most of what a connection needs, and idle most of the time. It grows with the rate of the
/// capture, up to a quarter of a million segments in all eight shards.
///
/// They are remembered one after the other, in a circle. Nearly all are never looked at again, and
/// writing to one place after the other costs least.
#[derive(Debug)]
pub(crate) struct Recent {
    sent: Vec<Sent>,
    /// Where the next one goes.
    next: usize,
    /// By fingerprint, the places of segments, the newest first, each below a part of its tag: if that
    /// differs, and it nearly always does, nothing else has to be looked at.
    sets: Vec<[u32; SET]>,
    /// When the present round began: of as many segments as there are sets.
    round_ns: i64,
}

impl Default for Recent {
    fn default() -> Self {
        Self {
            sent: vec![NOTHING; SET * FEWEST_SETS],
            next: 0,
            sets: vec![[0; SET]; FEWEST_SETS],
            round_ns: i64::MIN,
        }
    }
}

impl Recent {
    /// The segment that `segment` is a second capture of: its stage and TTL. It is the next after
    /// the `sent` segments of its direction.
    #[inline(always)]
    pub fn first_capture(
        &self,
        digest: &Digest,
        identity: &Identity,
        sent: u8,
        now_ns: i64,
    ) -> Option<(Stage, u8)> {
        let set = &self.sets[self.place(identity)];
        // All of them at once, with one branch.
        if !set.iter().fold(false, |led, entry| led | leads_to(*entry, identity)) {
            return None;
        }
        self.find(*set, digest, identity, sent, now_ns)
    }

    #[cold]
    fn find(
        &self,
        set: [u32; SET],
        digest: &Digest,
        identity: &Identity,
        number: u8,
        now_ns: i64,
    ) -> Option<(Stage, u8)> {
        let led = set.into_iter().filter(|entry| leads_to(*entry, identity));
        let mut sent = led.map(|entry| &self.sent[(entry & ((1 << PLACE_BITS) - 1)) as usize]);
        let same = sent.find(|sent| {
            sent.tag == identity.tag()
                && (0..LAST).contains(&number.wrapping_sub(sent.number).wrapping_sub(1))
                && is_duplicate(sent, digest, identity, now_ns)
        });
        same.map(|sent| (sent.stage, sent.ttl))
    }

    /// Remembers a segment, number `sent` of its direction.
    #[inline(always)]
    pub fn remember(
        &mut self,
        digest: &Digest,
        identity: &Identity,
        sent: u8,
        now_ns: i64,
        stage: Stage,
    ) {
        if self.next & (self.sets.len() - 1) == 0 {
            self.next_round(now_ns);
        }
        let (place, at) = (self.place(identity), self.next);
        self.next = (at + 1) & (self.sent.len() - 1);
        let [first, second, third, _] = self.sets[place];
        let newest = identity.tag() >> PLACE_BITS << PLACE_BITS | at as u32;
        self.sets[place] = [newest, first, second, third];
        self.sent[at] = Sent {
            time_ns: now_ns,
            tag: identity.tag(),
            timestamp: identity.timestamps.map_or(0, |(value, _)| value),
            ip_id: digest.ip_id,
            ttl: digest.ttl,
            stage,
            number: sent,
            has_timestamp: identity.timestamps.is_some(),
        };
    }

    fn place(&self, identity: &Identity) -> usize {
        identity.fingerprint as usize & (self.sets.len() - 1)
    }

    /// As many segments as there are sets were remembered. Where that took less than a quarter of a
    /// second, there have to be more sets, or segments are forgotten too early.
    #[cold]
    fn next_round(&mut self, now_ns: i64) {
        let took_ns = now_ns.saturating_sub(self.round_ns);
        self.round_ns = now_ns;
        if took_ns < LONGEST_NS / 4 && self.sets.len() < MOST_SETS {
            // Which of the two new sets a segment belongs to is not known any more: it is in both.
            self.sets.extend_from_within(..);
            // What is remembered stays where it is.
            self.next = self.sent.len();
            self.sent.resize(2 * self.next, NOTHING);
        }
    }
}

/// Whether the segment in this place may be the one with this identity.
#[inline(always)]
fn leads_to(entry: u32, identity: &Identity) -> bool {
    (entry ^ identity.tag()) >> PLACE_BITS == 0
}

impl Identity {
    const fn tag(&self) -> u32 {
        (self.fingerprint >> 32) as u32
    }
}

/// The fingerprints are equal; do identification, timestamps and time say that it is one packet?
fn is_duplicate(sent: &Sent, digest: &Digest, identity: &Identity, now_ns: i64) -> bool {
    let since = now_ns.saturating_sub(sent.time_ns);
    let one_packet = if sent.ip_id != 0 || digest.ip_id != 0 {
        sent.ip_id == digest.ip_id && since <= LONGEST_NS
    } else {
        // Linux sends SYN/ACKs and reflex RSTs, new or repeated, with identification 0.
        match (sent.has_timestamp, identity.timestamps.map(|(value, _)| value)) {
            (true, Some(value)) => sent.timestamp == value && since <= 100 * MS,
            (false, None) => since <= 5 * MS,
            _ => false,
        }
    };
    let bare = digest.payload_octets() == 0
        && !digest.flags.intersects(TcpFlags::SYN | TcpFlags::FIN | TcpFlags::RST);
    // Duplicate ACKs look alike too, and follow each other closely.
    one_packet && (!bare || since <= MS || sent.ttl != digest.ttl)
}

/// Value and echo of the timestamps option.
#[inline]
pub(super) fn timestamps(options: &[u8]) -> Option<(u32, u32)> {
    if options.is_empty() {
        return None;
    }
    // What nearly every stack sends: two NOPs and the option.
    if let Some((&[kind, value, echo], _)) = options.as_chunks().0.split_first_chunk()
        && kind == [1, 1, 8, 10]
    {
        return Some((u32::from_be_bytes(value), u32::from_be_bytes(echo)));
    }
    other_timestamps(options)
}

#[inline(never)]
fn other_timestamps(options: &[u8]) -> Option<(u32, u32)> {
    TcpOptions::new(options, 0).map_while(Result::ok).find_map(|option| match option {
        TcpOption::Timestamps { value, echo } => Some((value, echo)),
        _ => None,
    })
}
