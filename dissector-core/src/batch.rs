//! Packets on their way from the thread that reads them to those that follow connections.

#[cfg(feature = "capture")]
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::slice;

use foldhash::fast::RandomState;

use crate::connection::{Direction, ends};
use crate::digest::{Digest, Digested, Kind};
use crate::index::Index;
use crate::table::{direction_of, shard_of};
#[cfg(feature = "capture")]
use crate::wire::MOST_OPTION_OCTETS;
use crate::wire::{TcpFlags, TcpHeader};
use crate::{IcmpError, PacketInfo, Segment};

/// Packets of a capture, in order, sorted by the shard that follows their connection.
///
/// One thread fills a batch; then each [shard](crate::ConnectionTable::shards_mut) observes its part
/// of it, in whatever thread. Of a segment, header and options are kept, not the payload. A batch
/// keeps its memory when it is [cleared](Self::clear).
///
/// ```
/// use dissector_core::{ConnectionTable, PacketInfo, Segment};
///
/// let syn = b"\x9c\x40\x00\x50\x00\x00\x00\x07\x00\x00\x00\x00\x50\x02\xff\xff\x00\x00\x00\x00";
/// let mut table = ConnectionTable::new();
/// let mut batch = table.new_batch();
/// for host in 1..=100 {
///     let packet = PacketInfo {
///         frame: host.into(),
///         time_ns: 0,
///         source: [10, 0, 0, host].into(),
///         destination: [10, 0, 1, 1].into(),
///         ttl: 64,
///         ip_id: None,
///         tcp_octets: 20,
///     };
///     batch.push_segment(0, &Segment::parse(packet, syn)?);
/// }
/// std::thread::scope(|scope| {
///     for shard in table.shards_mut() {
///         let batch = &batch;
///         scope.spawn(move || shard.observe_batch(batch));
///     }
/// });
/// table.end_batch(&batch, |_, _| {});
/// let clients = table.connections().map(|connection| connection.client().ip());
/// assert!(clients.eq((1..=100).map(|host| std::net::IpAddr::from([10, 0, 0, host]))));
/// # Ok::<(), dissector_core::wire::HeaderError>(())
/// ```
#[derive(Debug)]
pub struct Batch {
    parts: Vec<Part>,
    hasher: RandomState,
    count: u32,
    /// The files that the packets are in: the first packet of each run, and its file.
    files: Vec<(u32, u32)>,
    now_ns: i64,
}

/// The packets of one shard.
///
/// Small, and in as few streams as can be: what is written in one core and read in another costs by
/// the cache line.
#[derive(Debug, Default)]
struct Part {
    packets: Vec<Digest>,
    /// Of each segment the options; before them of IPv6 the addresses.
    octets: Vec<u8>,
    errors: Vec<IcmpError>,
}

/// What the layers below TCP say of a segment in IPv4.
#[cfg(feature = "capture")]
pub(crate) struct PlainIpv4 {
    pub frame: u64,
    pub time_ns: i64,
    pub addresses: [Ipv4Addr; 2],
    pub ip_id: u16,
    pub ttl: u8,
    pub tcp_octets: u32,
}

/// The packets of one shard.
pub(crate) struct Packets<'a> {
    packets: slice::Iter<'a, Digest>,
    octets: &'a [u8],
    errors: slice::Iter<'a, IcmpError>,
}

/// A packet of a batch.
pub(crate) struct Found<'a> {
    digest: &'a Digest,
    /// The addresses of IPv6.
    addresses: Option<&'a [u8; 32]>,
    /// What it is, if it is no segment.
    pub error: Option<&'a IcmpError>,
    options: &'a [u8],
}

impl Batch {
    /// For so many shards, whose indexes have this hasher.
    pub(crate) fn new(shards: usize, hasher: RandomState) -> Self {
        let parts = (0..shards).map(|_| Part::default()).collect();
        Self { parts, hasher, count: 0, files: Vec::new(), now_ns: i64::MIN }
    }

    /// Empties it.
    pub fn clear(&mut self) {
        for part in &mut self.parts {
            part.packets.clear();
            part.octets.clear();
            part.errors.clear();
        }
        self.files.clear();
        self.count = 0;
        self.now_ns = i64::MIN;
    }

    /// How many packets are in it. There should be no more than 16 millions.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether no packet is in it.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Appends a segment of a file, which may have any number.
    #[inline]
    pub fn push_segment(&mut self, file: u32, segment: &Segment<'_>) {
        let number = self.count(file, segment.packet.time_ns);
        let now_ns = self.now_ns;
        let direction = direction_of(segment);
        let hash = direction.hash(&self.hasher);
        let part = self.part(&direction);
        if let Direction::V6 { addresses, .. } = direction {
            let [source, destination] = addresses.map(u128::to_be_bytes);
            part.octets.extend(source.iter().chain(&destination));
        }
        part.octets.extend_from_slice(segment.tcp.option_octets);
        part.packets.push(Digest { now_ns, number, hash, ..Digest::of(segment) });
    }

    /// The same of a segment in IPv4, in pieces; `following` is all that is there from its options
    /// on.
    #[inline(always)]
    #[cfg(feature = "capture")]
    pub(crate) fn push_ipv4(
        &mut self,
        file: u32,
        packet: PlainIpv4,
        tcp: &TcpHeader<'_>,
        following: &[u8],
    ) {
        let number = self.count(file, packet.time_ns);
        let now_ns = self.now_ns;
        let between = packet.addresses.map(Ipv4Addr::to_bits);
        let (addresses, ports) = ends::ipv4(between, [tcp.source_port, tcp.destination_port]);
        let direction = Direction::V4 { addresses, ports };
        let hash = direction.hash(&self.hasher);
        let part = self.part(&direction);
        part.packets.push(Digest {
            now_ns,
            number,
            hash,
            frame: u32::try_from(packet.frame).unwrap_or(0),
            addresses,
            ports,
            ip_id: packet.ip_id,
            ttl: packet.ttl,
            tcp_octets: packet.tcp_octets,
            kind: Kind::Ipv4,
            ..Digest::of_header(tcp)
        });
        append(&mut part.octets, tcp.option_octets, following);
    }

    /// Appends an ICMP error of a file.
    pub fn push_icmp(&mut self, file: u32, error: &IcmpError) {
        let number = self.count(file, error.packet.time_ns);
        let now_ns = self.now_ns;
        let direction = Direction::new(error.quoted.source, error.quoted.destination);
        let hash = direction.hash(&self.hasher);
        let part = self.part(&direction);
        part.packets.push(Digest { now_ns, number, hash, ..Digest::NOTHING });
        part.errors.push(*error);
    }

    /// Counts a packet; its place.
    #[inline]
    fn count(&mut self, file: u32, time_ns: i64) -> u32 {
        let number = self.count;
        self.count += 1;
        self.now_ns = self.now_ns.max(time_ns);
        if self.files.last().is_none_or(|(_, last)| *last != file) {
            self.files.push((number, file));
        }
        number
    }

    #[inline]
    fn part(&mut self, direction: &Direction) -> &mut Part {
        let shard = shard_of(direction, self.parts.len());
        &mut self.parts[shard]
    }

    /// The file that the packet in this place is in.
    pub(crate) fn file(&self, number: u32) -> u32 {
        let run = self.files.partition_point(|(first, _)| *first <= number);
        run.checked_sub(1).map_or(0, |run| self.files[run].1)
    }

    /// The latest time in it.
    pub(crate) fn now_ns(&self) -> i64 {
        self.now_ns
    }

    /// Whether what it was told of its packets is what this index looks for.
    pub(crate) fn is_hashed_as(&self, index: &Index) -> bool {
        index.hashes_as(&self.hasher)
    }

    /// The packets of a shard, in order.
    #[inline]
    pub(crate) fn packets(&self, shard: usize) -> Packets<'_> {
        let part = &self.parts[shard];
        let (packets, errors) = (part.packets.iter(), part.errors.iter());
        Packets { packets, octets: &part.octets, errors }
    }
}

impl<'a> Iterator for Packets<'a> {
    type Item = Found<'a>;

    #[inline(always)]
    fn next(&mut self) -> Option<Found<'a>> {
        let digest = self.packets.next()?;
        let (addresses, error) = match digest.kind {
            Kind::Ipv4 | Kind::Ipv4WithoutId => (None, None),
            Kind::Ipv6 => {
                let (addresses, rest) = self.octets.split_first_chunk()?;
                self.octets = rest;
                (Some(addresses), None)
            }
            Kind::IcmpError => (None, Some(self.errors.next()?)),
        };
        let (options, rest) = self.octets.split_at_checked(digest.option_octets.into())?;
        self.octets = rest;
        Some(Found { digest, addresses, error, options })
    }
}

impl<'a> Packets<'a> {
    /// Those that come next, and whether their shard has them or not: only their hashes are of use.
    #[inline(always)]
    pub(crate) fn coming(&self) -> &'a [Digest] {
        self.packets.as_slice()
    }
}

impl<'a> Found<'a> {
    /// The place of the packet in the batch.
    #[inline(always)]
    pub(crate) fn number(&self) -> u32 {
        self.digest.number
    }

    /// The clock when it came, as far as the batch tells.
    #[inline(always)]
    pub(crate) fn now_ns(&self) -> i64 {
        self.digest.now_ns
    }

    /// Of its addresses and ports.
    #[inline(always)]
    pub(crate) fn hash(&self) -> u32 {
        self.digest.hash
    }

    /// Between which ends it, or what it quotes, was sent.
    #[inline(always)]
    pub(crate) fn direction(&self) -> Direction {
        let Digest { addresses, ports, .. } = *self.digest;
        match (self.addresses, self.error) {
            (None, None) => Direction::V4 { addresses, ports },
            (Some(addresses), _) => {
                let [source, destination] = of_ipv6(addresses);
                Direction::V6 { addresses: [source, destination], ports }
            }
            (None, Some(error)) => Direction::new(error.quoted.source, error.quoted.destination),
        }
    }

    #[inline(always)]
    pub(crate) fn flags(&self) -> TcpFlags {
        self.digest.flags
    }

    /// The segment as it was kept, if it is one.
    #[inline(always)]
    pub(crate) fn digested(&self) -> Digested<'a> {
        Digested { digest: self.digest, options: self.options }
    }

    /// The segment put together again, if it is one.
    pub(crate) fn segment(&self) -> Segment<'a> {
        let packet = self.digest;
        let (source, destination) = match self.direction() {
            Direction::V4 { addresses, .. } => {
                let [source, destination] = ends::of_ipv4(addresses);
                (source.into(), destination.into())
            }
            Direction::V6 { addresses: [source, destination], .. } => {
                (Ipv6Addr::from_bits(source).into(), Ipv6Addr::from_bits(destination).into())
            }
        };
        let [source_port, destination_port] = ends::of_ports(packet.ports);
        Segment {
            packet: PacketInfo {
                frame: packet.frame.into(),
                // Who follows connections is told the clock.
                time_ns: packet.now_ns,
                source,
                destination,
                ttl: packet.ttl,
                ip_id: (packet.kind == Kind::Ipv4).then_some(packet.ip_id),
                tcp_octets: packet.tcp_octets,
            },
            tcp: TcpHeader {
                source_port,
                destination_port,
                sequence: packet.sequence,
                acknowledgment: packet.acknowledgment,
                data_offset: packet.data_offset,
                flags: packet.flags,
                window: packet.window,
                checksum: packet.checksum,
                urgent_pointer: packet.urgent_pointer,
                option_octets: self.options,
                payload: &[],
            },
        }
    }
}

fn of_ipv6(addresses: &[u8; 32]) -> [u128; 2] {
    let (addresses, _) = addresses.as_chunks::<16>();
    let bits = |place: usize| addresses.get(place).map_or(0, |it| u128::from_be_bytes(*it));
    [bits(0), bits(1)]
}

/// Appends the options of a header.
///
/// Where something follows them, as many octets are written as there can be options, and what is too
/// much is taken back: how many there are is anybody's guess, and so no branch depends on it.
#[inline(always)]
#[cfg(feature = "capture")]
fn append(octets: &mut Vec<u8>, options: &[u8], following: &[u8]) {
    match following.first_chunk::<MOST_OPTION_OCTETS>() {
        Some(at_most) => {
            let end = octets.len() + options.len();
            octets.extend_from_slice(at_most);
            octets.truncate(end);
        }
        None => octets.extend_from_slice(options),
    }
}
