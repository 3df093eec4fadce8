//! Packets on their way from the thread that reads them to those that follow connections.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::connection::Direction;
use crate::table::{direction_of, shard_of};
use crate::wire::{SeqNumber, TcpFlags, TcpHeader};
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
    packets: Vec<Packet>,
    /// Of each segment the options; before them of IPv6 the addresses.
    octets: Vec<u8>,
    errors: Vec<IcmpError>,
}

/// A packet in a batch. Of an ICMP error, only the first two fields.
#[derive(Clone, Copy, Debug)]
struct Packet {
    /// The clock when it came, as far as this batch tells.
    now_ns: i64,
    /// Its place in the batch.
    number: u32,
    /// 0 where it is too large; connections keep no larger ones either.
    frame: u32,
    addresses: [Ipv4Addr; 2],
    ports: [u16; 2],
    sequence: SeqNumber,
    acknowledgment: SeqNumber,
    tcp_octets: u32,
    flags: TcpFlags,
    window: u16,
    checksum: u16,
    urgent_pointer: u16,
    ip_id: u16,
    ttl: u8,
    data_offset: u8,
    option_octets: u8,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Ipv4,
    Ipv4WithoutId,
    Ipv6,
    IcmpError,
}

const NOTHING: Packet = Packet {
    now_ns: 0,
    number: 0,
    frame: 0,
    addresses: [Ipv4Addr::UNSPECIFIED; 2],
    ports: [0; 2],
    sequence: SeqNumber(0),
    acknowledgment: SeqNumber(0),
    tcp_octets: 0,
    flags: TcpFlags::empty(),
    window: 0,
    checksum: 0,
    urgent_pointer: 0,
    ip_id: 0,
    ttl: 0,
    data_offset: 0,
    option_octets: 0,
    kind: Kind::IcmpError,
};

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

/// What [`Batch::each`] finds.
pub(crate) struct Found<'a> {
    /// The place of the packet in the batch.
    pub number: u32,
    /// The clock when it came, as far as this batch tells.
    pub now_ns: i64,
    pub what: What<'a>,
}

pub(crate) enum What<'a> {
    Segment(Segment<'a>),
    IcmpError(&'a IcmpError),
}

impl Batch {
    pub(crate) fn new(shards: usize) -> Self {
        let parts = (0..shards).map(|_| Part::default()).collect();
        Self { parts, count: 0, files: Vec::new(), now_ns: i64::MIN }
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
        let Segment { packet, tcp } = segment;
        let number = self.count(file, packet.time_ns);
        let now_ns = self.now_ns;
        let part = self.part(&direction_of(segment));
        let (addresses, kind) = match (packet.source, packet.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let kind = if packet.ip_id.is_some() { Kind::Ipv4 } else { Kind::Ipv4WithoutId };
                ([source, destination], kind)
            }
            (source, destination) => {
                let (source, destination) = (to_ipv6(source), to_ipv6(destination));
                part.octets.extend(source.octets().iter().chain(&destination.octets()));
                (NOTHING.addresses, Kind::Ipv6)
            }
        };
        part.octets.extend_from_slice(tcp.option_octets);
        part.packets.push(Packet {
            now_ns,
            number,
            frame: u32::try_from(packet.frame).unwrap_or(0),
            addresses,
            tcp_octets: packet.tcp_octets,
            ip_id: packet.ip_id.unwrap_or(0),
            ttl: packet.ttl,
            kind,
            ..Packet::of(tcp)
        });
    }

    /// The same of a segment in IPv4, in pieces.
    #[inline(always)]
    #[cfg(feature = "capture")]
    pub(crate) fn push_ipv4(&mut self, file: u32, packet: PlainIpv4, tcp: &TcpHeader<'_>) {
        let number = self.count(file, packet.time_ns);
        let now_ns = self.now_ns;
        let [source, destination] = packet.addresses.map(Ipv4Addr::to_bits);
        let (addresses, ports) = ([source, destination], [tcp.source_port, tcp.destination_port]);
        let part = self.part(&Direction::V4 { addresses, ports });
        part.octets.extend_from_slice(tcp.option_octets);
        part.packets.push(Packet {
            now_ns,
            number,
            frame: u32::try_from(packet.frame).unwrap_or(0),
            addresses: packet.addresses,
            ip_id: packet.ip_id,
            ttl: packet.ttl,
            tcp_octets: packet.tcp_octets,
            kind: Kind::Ipv4,
            ..Packet::of(tcp)
        });
    }

    /// Appends an ICMP error of a file.
    pub fn push_icmp(&mut self, file: u32, error: &IcmpError) {
        let number = self.count(file, error.packet.time_ns);
        let now_ns = self.now_ns;
        let part = self.part(&Direction::new(error.quoted.source, error.quoted.destination));
        part.packets.push(Packet { now_ns, number, ..NOTHING });
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

    /// Gives the packets of a shard to `visit`, in order.
    #[inline]
    pub(crate) fn each<'a>(&'a self, shard: usize, mut visit: impl FnMut(Found<'a>)) {
        let part = &self.parts[shard];
        let mut octets = &part.octets[..];
        let mut errors = part.errors.iter();
        for packet in &part.packets {
            let what = match packet.kind {
                Kind::IcmpError => errors.next().map(What::IcmpError),
                _ => packet.segment(&mut octets).map(What::Segment),
            };
            let Packet { number, now_ns, .. } = *packet;
            if let Some(what) = what {
                visit(Found { number, now_ns, what });
            }
        }
    }
}

impl Packet {
    /// What the TCP header tells.
    #[inline(always)]
    fn of(tcp: &TcpHeader<'_>) -> Self {
        Self {
            ports: [tcp.source_port, tcp.destination_port],
            sequence: tcp.sequence,
            acknowledgment: tcp.acknowledgment,
            flags: tcp.flags,
            window: tcp.window,
            checksum: tcp.checksum,
            urgent_pointer: tcp.urgent_pointer,
            data_offset: tcp.data_offset,
            // A header has at most 40 of them.
            option_octets: tcp.option_octets.len() as u8,
            ..NOTHING
        }
    }

    /// The segment, whose octets come next.
    #[inline]
    fn segment<'a>(&self, octets: &mut &'a [u8]) -> Option<Segment<'a>> {
        let (source, destination, ip_id) = match self.kind {
            Kind::Ipv6 => {
                let (source, rest) = octets.split_first_chunk::<16>()?;
                let (destination, rest) = rest.split_first_chunk::<16>()?;
                *octets = rest;
                (Ipv6Addr::from(*source).into(), Ipv6Addr::from(*destination).into(), None)
            }
            kind => {
                let [source, destination] = self.addresses;
                let ip_id = Some(self.ip_id).filter(|_| kind == Kind::Ipv4);
                (source.into(), destination.into(), ip_id)
            }
        };
        let (option_octets, rest) = octets.split_at_checked(self.option_octets.into())?;
        *octets = rest;
        let [source_port, destination_port] = self.ports;
        Some(Segment {
            packet: PacketInfo {
                frame: self.frame.into(),
                // Who follows connections is told the clock.
                time_ns: self.now_ns,
                source,
                destination,
                ttl: self.ttl,
                ip_id,
                tcp_octets: self.tcp_octets,
            },
            tcp: TcpHeader {
                source_port,
                destination_port,
                sequence: self.sequence,
                acknowledgment: self.acknowledgment,
                data_offset: self.data_offset,
                flags: self.flags,
                window: self.window,
                checksum: self.checksum,
                urgent_pointer: self.urgent_pointer,
                option_octets,
                payload: &[],
            },
        })
    }
}

/// The two ends of a segment are of one family; where a caller mixes them, both are mapped.
fn to_ipv6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}
