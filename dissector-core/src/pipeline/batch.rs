//! Batches of packets: filled by the thread that reads captures, observed by the threads that
//! follow connections.

use std::slice;

use foldhash::fast::RandomState;

use crate::compact::{CompactSegment, PacketKind, SegmentView, number_of_32_bits, options};
use crate::key::FlowKey;
use crate::wire::{FIXED_OCTETS, MOST_OPTION_OCTETS, TcpHeader};
use crate::{IcmpError, Segment};

/// Packets of a capture, in order, sorted by the shard that follows their connection.
///
/// One thread fills a batch; then each shard observes its part, in any thread. Headers and options are
/// kept, not payloads. A batch keeps its memory when it is [cleared](Self::clear).
#[derive(Debug)]
pub(crate) struct Batch {
    parts: Vec<Part>,
    hasher: RandomState,
    count: u32,
    /// For each run of packets of one file, the first packet and the file.
    files: Vec<(u32, u32)>,
    now_ns: i64,
}

/// The packets of one shard.
///
/// It is small and has as few streams as possible: octets that one core writes and another reads
/// cost per cache line. The first `count` packets and `octets_used` octets are in use.
#[derive(Debug, Default)]
struct Part {
    packets: Vec<CompactSegment>,
    count: usize,
    /// The options of each segment, with IPv6 after its addresses; in front of all the clock, if it is far
    /// from the segment's time.
    octets: Vec<u8>,
    octets_used: usize,
    errors: Vec<IcmpError>,
}

/// The most octets that a packet takes of [`Part::octets`].
const MOST_OCTETS: usize = 8 + 32 + MOST_OPTION_OCTETS;

/// Packets that there is room for at first.
const FIRST_ROOM: usize = 64;

impl Part {
    fn clear(&mut self) {
        (self.count, self.octets_used) = (0, 0);
        self.errors.clear();
    }

    #[cold]
    #[inline(never)]
    fn make_room(&mut self) {
        if self.count == self.packets.len() {
            self.packets.resize((2 * self.count).max(FIRST_ROOM), CompactSegment::NOTHING);
        }
        if self.octets.len() - self.octets_used < MOST_OCTETS {
            self.octets.resize(2 * self.octets.len() + MOST_OCTETS, 0);
        }
    }

    fn push(&mut self, packet: CompactSegment) {
        if self.count == self.packets.len() {
            self.make_room();
        }
        self.packets[self.count] = packet;
        self.count += 1;
    }

    fn append(&mut self, octets: &[u8]) {
        if self.octets.len() - self.octets_used < MOST_OCTETS {
            self.make_room();
        }
        let end = self.octets_used + octets.len();
        self.octets[self.octets_used..end].copy_from_slice(octets);
        self.octets_used = end;
    }
}

/// The part of the layers below TCP in a segment over IPv4.
pub(crate) struct PlainIpv4 {
    pub frame: u64,
    pub time_ns: i64,
    /// In the form of [`FlowKey`].
    pub addresses: u64,
    pub ip_id: u16,
    pub ttl: u8,
    pub tcp_octets: u32,
}

/// The packets of one shard.
pub(crate) struct Packets<'a> {
    packets: slice::Iter<'a, CompactSegment>,
    octets: &'a [u8],
    errors: slice::Iter<'a, IcmpError>,
}

/// A packet of a batch.
pub(crate) struct Found<'a> {
    segment: &'a CompactSegment,
    /// The addresses of IPv6.
    addresses: Option<&'a [u8; 32]>,
    /// The ICMP error, if the packet is one.
    pub error: Option<&'a IcmpError>,
    options: &'a [u8],
    now_ns: i64,
}

impl Batch {
    /// The most packets of a batch.
    pub(crate) const MOST_PACKETS: usize = 1 << 24;

    /// An empty batch for `shards` shards whose indexes have this hasher, with this clock.
    pub(crate) fn new(shards: usize, hasher: RandomState, now_ns: i64) -> Self {
        let parts = (0..shards).map(|_| Part::default()).collect();
        Self { parts, hasher, count: 0, files: Vec::new(), now_ns }
    }

    /// Empties it; the clock stays.
    pub(crate) fn clear(&mut self) {
        self.parts.iter_mut().for_each(Part::clear);
        self.files.clear();
        self.count = 0;
    }

    /// Number of packets.
    pub(crate) fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there is no packet.
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Turns the clock for the packets that are appended from now on. The clock is that of the table:
    /// all batches of a table are filled one after the other.
    #[inline]
    pub(crate) fn turn_clock(&mut self, now_ns: i64) {
        self.now_ns = self.now_ns.max(now_ns);
    }

    /// Appends a segment of file number `file`, after the clock was turned.
    #[inline]
    pub(crate) fn push_segment(&mut self, file: u32, segment: &Segment<'_>) {
        let number = self.count(file);
        let now_ns = self.now_ns;
        let direction = FlowKey::of_segment(segment);
        let hash = direction.hash(&self.hasher);
        let mut compact = CompactSegment { number, hash, ..CompactSegment::new(segment) };
        let part = self.part(&direction);
        if !compact.set_clock(now_ns) {
            part.append(&now_ns.to_be_bytes());
        }
        if let FlowKey::V6 { addresses, .. } = direction {
            addresses.iter().for_each(|address| part.append(&address.to_be_bytes()));
        }
        part.append(options(&segment.tcp));
        part.push(compact);
    }

    /// Appends a segment over IPv4 of the file that was [begun](Self::begin_file), which turns the clock
    /// to its time; that is no more than a little behind the clock. Its header and
    /// payload are the first `captured` octets of `following`, which goes on to the end of the read
    /// buffer. `Some(false)`, without a change, if [more room](Self::make_room) is needed first;
    /// `None` if there is no TCP header, or if fewer octets follow than options can have.
    ///
    /// Each value is written as soon as it is read, so that few registers are in use.
    #[inline(always)]
    pub(crate) fn push_ipv4(
        &mut self,
        packet: &PlainIpv4,
        captured: usize,
        following: &[u8],
    ) -> Option<bool> {
        let addresses = packet.addresses;
        let ports = u32::from_be_bytes(*following.first_chunk()?);
        let direction = FlowKey::V4 { addresses, ports };
        let shard = direction.shard(self.parts.len());
        let part = &mut self.parts[shard];
        let (count, used) = (part.count, part.octets_used);
        let (Some(place), Some(room)) = (part.packets.get_mut(count), part.octets.get_mut(used..))
        else {
            return Some(false);
        };
        let Some(room) = room.first_chunk_mut::<MOST_OPTION_OCTETS>() else { return Some(false) };
        let now_ns = self.now_ns.max(packet.time_ns);
        place.time_ns = packet.time_ns;
        place.ahead_ns = (now_ns - packet.time_ns) as u32;
        place.addresses = addresses;
        place.ports = ports;
        place.hash = direction.hash(&self.hasher);
        place.number = self.count;
        place.frame = number_of_32_bits(packet.frame);
        place.tcp_octets = packet.tcp_octets;
        place.ip_id = packet.ip_id;
        place.ttl = packet.ttl;
        place.kind = PacketKind::Ipv4;
        let tcp = TcpHeader::parse(following.get(..captured)?).ok()?;
        place.read_header(&tcp);
        let options = options(&tcp);
        // The most octets that options can have are written: their number cannot be predicted, so no
        // branch may depend on it.
        *room = *following.get(FIXED_OCTETS..)?.first_chunk()?;
        part.octets_used = used + options.len();
        part.count = count + 1;
        self.now_ns = now_ns;
        self.count += 1;
        Some(true)
    }

    /// Makes room for at least one more packet.
    #[cold]
    #[inline(never)]
    pub(crate) fn make_room(&mut self) {
        self.parts.iter_mut().for_each(Part::make_room);
    }

    /// Appends an ICMP error of file number `file`.
    pub(crate) fn push_icmp(&mut self, file: u32, error: &IcmpError) {
        let number = self.count(file);
        let time_ns = self.now_ns;
        let direction = FlowKey::new(error.quoted.source, error.quoted.destination);
        let hash = direction.hash(&self.hasher);
        let part = self.part(&direction);
        part.push(CompactSegment { time_ns, number, hash, ..CompactSegment::NOTHING });
        part.errors.push(*error);
    }

    /// Counts a packet, and gives its place.
    #[inline]
    fn count(&mut self, file: u32) -> u32 {
        self.begin_file(file);
        let number = self.count;
        self.count += 1;
        number
    }

    /// The packets appended from now on are of this file.
    #[inline]
    pub(crate) fn begin_file(&mut self, file: u32) {
        if self.files.last().is_none_or(|(_, last)| *last != file) {
            self.files.push((self.count, file));
        }
    }

    #[inline]
    fn part(&mut self, direction: &FlowKey) -> &mut Part {
        let shard = direction.shard(self.parts.len());
        &mut self.parts[shard]
    }

    /// The file of the packet in this place.
    pub(crate) fn file(&self, number: u32) -> u32 {
        let run = self.files.partition_point(|(first, _)| *first <= number);
        run.checked_sub(1).map_or(0, |run| self.files[run].1)
    }

    /// The clock after its packets.
    pub(crate) fn now_ns(&self) -> i64 {
        self.now_ns
    }

    /// The hasher of the packets' addresses and ports.
    pub(crate) fn hasher(&self) -> &RandomState {
        &self.hasher
    }

    /// The packets of a shard, in order.
    #[inline]
    pub(crate) fn packets(&self, shard: usize) -> Packets<'_> {
        let part = &self.parts[shard];
        let (packets, errors) = (part.packets[..part.count].iter(), part.errors.iter());
        Packets { packets, octets: &part.octets[..part.octets_used], errors }
    }
}

impl<'a> Iterator for Packets<'a> {
    type Item = Found<'a>;

    #[inline(always)]
    fn next(&mut self) -> Option<Found<'a>> {
        let segment = self.packets.next()?;
        let now_ns = match segment.now_ns() {
            Some(now_ns) => now_ns,
            None => {
                let (now_ns, rest) = self.octets.split_first_chunk()?;
                self.octets = rest;
                i64::from_be_bytes(*now_ns)
            }
        };
        let (addresses, error) = match segment.kind {
            PacketKind::Ipv4 | PacketKind::Ipv4WithoutId => (None, None),
            PacketKind::Ipv6 => {
                let (addresses, rest) = self.octets.split_first_chunk()?;
                self.octets = rest;
                (Some(addresses), None)
            }
            PacketKind::IcmpError => (None, Some(self.errors.next()?)),
        };
        let (options, rest) = self.octets.split_at_checked(segment.option_octets.into())?;
        self.octets = rest;
        Some(Found { segment, addresses, error, options, now_ns })
    }
}

impl<'a> Packets<'a> {
    /// The packets that come next; only their hashes are of use.
    #[inline(always)]
    pub(crate) fn coming(&self) -> &'a [CompactSegment] {
        self.packets.as_slice()
    }
}

impl<'a> Found<'a> {
    /// The place of the packet in the batch.
    #[inline(always)]
    pub(crate) fn number(&self) -> u32 {
        self.segment.number
    }

    /// The clock at this packet.
    #[inline(always)]
    pub(crate) fn now_ns(&self) -> i64 {
        self.now_ns
    }

    /// The hash of its addresses and ports.
    #[inline(always)]
    pub(crate) fn hash(&self) -> u32 {
        self.segment.hash
    }

    /// The direction of the segment, or of the segment that the error quotes.
    #[inline(always)]
    pub(crate) fn key(&self) -> FlowKey {
        let CompactSegment { addresses, ports, .. } = *self.segment;
        match (self.addresses, self.error) {
            (None, None) => FlowKey::V4 { addresses, ports },
            (Some(addresses), _) => {
                let [source, destination] = of_ipv6(addresses);
                FlowKey::V6 { addresses: [source, destination], ports }
            }
            (None, Some(error)) => FlowKey::new(error.quoted.source, error.quoted.destination),
        }
    }

    /// The segment as it was kept, if it is one.
    #[inline(always)]
    pub(crate) fn view(&self) -> SegmentView<'a> {
        SegmentView { segment: self.segment, options: self.options }
    }
}

fn of_ipv6(addresses: &[u8; 32]) -> [u128; 2] {
    let (addresses, _) = addresses.as_chunks::<16>();
    let bits = |place: usize| addresses.get(place).map_or(0, |it| u128::from_be_bytes(*it));
    [bits(0), bits(1)]
}
