//! Packets as octets: TCP segments, ICMP errors, and the headers in front of them.
//!
//! etherparse writes the headers. Its types have no place for TCP's reserved flags and no way to
//! leave a checksum out, so these octets are changed afterwards ([`TcpPacket::tcp`]).

use std::net::{IpAddr, SocketAddr};

#[cfg(feature = "engine")]
use dissector_core::{PacketInfo, Segment};
use etherparse::checksum::Sum16BitWords;
use etherparse::{
    EtherType, Ethernet2Header, Icmpv4Header, Icmpv4Type, Icmpv6Header, Icmpv6Type, IpNumber,
    Ipv4Header, Ipv6FlowLabel, Ipv6Header, TcpHeader,
};

/// The control bits of a TCP header (RFC 9293 §3.1).
pub const FIN: u16 = 0x01;
/// Synchronize sequence numbers.
pub const SYN: u16 = 0x02;
/// Reset the connection.
pub const RST: u16 = 0x04;
/// Push function.
pub const PSH: u16 = 0x08;
/// The acknowledgment number is significant.
pub const ACK: u16 = 0x10;

/// Link types of capture files.
pub const ETHERNET: u32 = 1;
/// Each frame begins with the IP header.
pub const RAW: u32 = 101;

/// Octets in front of the IP packet in a frame that [`TcpPacket::ethernet`] makes.
pub const ETHERNET_OCTETS: usize = 14;

/// One TCP segment over IPv4 or IPv6.
///
/// ```
/// use testkit::packet::{ACK, SYN, TcpPacket};
///
/// let syn = TcpPacket { sequence: 100, flags: SYN, ..TcpPacket::between(CLIENT, SERVER) };
/// let ack = TcpPacket { sequence: 101, flags: ACK, ..syn.clone() };
/// assert_eq!((syn.ip().len(), ack.ethernet().len()), (40, 54));
/// # const CLIENT: ([u8; 4], u16) = ([10, 0, 0, 1], 40_000);
/// # const SERVER: ([u8; 4], u16) = ([10, 0, 0, 2], 80);
/// ```
#[derive(Clone, Debug)]
pub struct TcpPacket {
    /// The sender's address and port.
    pub source: SocketAddr,
    /// The receiver's address and port.
    pub destination: SocketAddr,
    /// Time to live, or hop limit.
    pub ttl: u8,
    /// The identification of an IPv4 packet; `None` for one that is not known, 0 in the octets.
    pub ip_id: Option<u16>,
    /// Sequence number.
    pub sequence: u32,
    /// Acknowledgment number.
    pub acknowledgment: u32,
    /// The twelve bits behind the data offset, FIN being the lowest.
    pub flags: u16,
    /// Window, as it is in the header.
    pub window: u16,
    /// Option octets, 40 at most; padded with zeros to whole words.
    pub options: Vec<u8>,
    /// Octets behind the header.
    pub payload: Vec<u8>,
    /// The checksum field.
    pub checksum: Checksum,
}

/// A TCP checksum.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Checksum {
    /// The right one.
    #[default]
    Right,
    /// A wrong one: these bits of the right one are inverted.
    Damaged(u16),
    /// Any number, such as the 0 of a packet whose checksum the network card fills in.
    Given(u16),
}

impl TcpPacket {
    /// A segment without flags, options and payload, with numbers 0, TTL 64, window 1000 and no IP
    /// identification.
    pub fn between(
        source: (impl Into<IpAddr>, u16),
        destination: (impl Into<IpAddr>, u16),
    ) -> Self {
        Self {
            source: SocketAddr::new(source.0.into(), source.1),
            destination: SocketAddr::new(destination.0.into(), destination.1),
            ttl: 64,
            ip_id: None,
            sequence: 0,
            acknowledgment: 0,
            flags: 0,
            window: 1000,
            options: Vec::new(),
            payload: Vec::new(),
            checksum: Checksum::Right,
        }
    }

    /// The segment: header, options and payload.
    ///
    /// # Panics
    /// If there are more than 40 octets of options, or the ends are of different address families.
    pub fn tcp(&self) -> Vec<u8> {
        let (source, destination) = (self.source.port(), self.destination.port());
        let mut header = TcpHeader::new(source, destination, self.sequence, self.window);
        header.acknowledgment_number = self.acknowledgment;
        header.set_options_raw(&self.options).expect("40 octets of options at most");
        let mut octets = header.to_bytes().to_vec();
        let [high, low] = self.flags.to_be_bytes();
        octets[12] |= high & 0x0f;
        octets[13] = low;
        octets.extend(&self.payload);
        let right = || transport_checksum(self.source.ip(), self.destination.ip(), 6, &octets);
        let checksum = match self.checksum {
            Checksum::Right => right(),
            Checksum::Damaged(bits) => right() ^ bits,
            Checksum::Given(number) => number,
        };
        octets[16..18].copy_from_slice(&checksum.to_be_bytes());
        octets
    }

    /// The IP packet around it.
    pub fn ip(&self) -> Vec<u8> {
        let mut packet = ip(self.source.ip(), self.destination.ip(), 6, &self.tcp());
        let ttl_at = if self.source.is_ipv4() { 8 } else { 7 };
        packet[ttl_at] = self.ttl;
        if self.source.is_ipv4() {
            packet[4..6].copy_from_slice(&self.ip_id.unwrap_or(0).to_be_bytes());
            set_header_checksum(&mut packet);
        }
        packet
    }

    /// The Ethernet frame around that.
    pub fn ethernet(&self) -> Vec<u8> {
        let ether_type = if self.source.is_ipv4() { EtherType::IPV4 } else { EtherType::IPV6 };
        ethernet(ether_type.0, &self.ip())
    }

    /// The packet's description for the engine, beside its octets.
    #[cfg(feature = "engine")]
    pub fn info(&self, frame: u64, time_ns: i64) -> PacketInfo {
        let header = 20 + self.options.len().next_multiple_of(4);
        PacketInfo::new(self.source.ip(), self.destination.ip(), time_ns)
            .with_frame(frame)
            .with_ttl(self.ttl)
            .with_ip_id(self.ip_id.filter(|_| self.source.is_ipv4()))
            .with_tcp_octets((header + self.payload.len()) as u32)
    }

    /// Calls `use_it` with the segment as the engine gets it.
    #[cfg(feature = "engine")]
    pub fn with_segment<R>(
        &self,
        frame: u64,
        time_ns: i64,
        use_it: impl FnOnce(&Segment<'_>) -> R,
    ) -> R {
        let octets = self.tcp();
        let segment = Segment::parse(self.info(frame, time_ns), &octets).expect("a whole header");
        use_it(&segment)
    }
}

/// Octets around `payload` up to an IP packet with TTL 64.
pub fn ip(source: IpAddr, destination: IpAddr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let protocol = IpNumber(protocol);
    let mut packet = match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let octets = payload.len() as u16;
            let (source, destination) = (source.octets(), destination.octets());
            let header = Ipv4Header::new(octets, 64, protocol, source, destination);
            header.expect("an IPv4 packet has at most 65,535 octets").to_bytes().to_vec()
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => Ipv6Header {
            traffic_class: 0,
            flow_label: Ipv6FlowLabel::ZERO,
            payload_length: payload.len() as u16,
            next_header: protocol,
            hop_limit: 64,
            source: source.octets(),
            destination: destination.octets(),
        }
        .to_bytes()
        .to_vec(),
        mixed => panic!("{mixed:?} are of two address families"),
    };
    packet.extend(payload);
    packet
}

/// An Ethernet frame between two addresses that are administered locally.
pub fn ethernet(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    let header = Ethernet2Header {
        source: [2, 0, 0, 0, 0, 1],
        destination: [2, 0, 0, 0, 0, 2],
        ether_type: EtherType(ether_type),
    };
    [&header.to_bytes()[..], payload].concat()
}

/// The ICMP error that a router sends on account of `packet`: it quotes the IP header and the first
/// 8 octets behind it.
pub fn icmp_error(router: IpAddr, kind: u8, code: u8, packet: &TcpPacket) -> Vec<u8> {
    let quoted = packet.ip();
    let header_octets = if packet.source.is_ipv4() { 20 } else { 40 };
    let quoted = &quoted[..header_octets + 8];
    let bytes5to8 = [0; 4];
    let header = match (router, packet.source.ip()) {
        (IpAddr::V4(_), _) => {
            let kind = Icmpv4Type::Unknown { type_u8: kind, code_u8: code, bytes5to8 };
            Icmpv4Header::with_checksum(kind, quoted).to_bytes().to_vec()
        }
        (IpAddr::V6(router), IpAddr::V6(receiver)) => {
            let kind = Icmpv6Type::Unknown { type_u8: kind, code_u8: code, bytes5to8 };
            let (router, receiver) = (router.octets(), receiver.octets());
            let header = Icmpv6Header::with_checksum(kind, router, receiver, quoted);
            header.expect("the quote is short").to_bytes().to_vec()
        }
        mixed => panic!("{mixed:?} are of two address families"),
    };
    [&header[..], quoted].concat()
}

/// The checksum of TCP, UDP and ICMPv6 over the pseudo-header and `octets`, whose own checksum
/// field is 0 (RFC 9293 §3.1, RFC 8200 §8.1).
fn transport_checksum(source: IpAddr, destination: IpAddr, protocol: u8, octets: &[u8]) -> u16 {
    let mut sum = Sum16BitWords::new();
    for address in [source, destination] {
        sum = match address {
            IpAddr::V4(address) => sum.add_4bytes(address.octets()),
            IpAddr::V6(address) => sum.add_16bytes(address.octets()),
        };
    }
    sum = sum.add_4bytes((octets.len() as u32).to_be_bytes()).add_2bytes([0, protocol]);
    sum.add_slice(octets).ones_complement().to_be()
}

/// Writes the right checksum into the header of an IPv4 packet.
pub fn set_header_checksum(packet: &mut [u8]) {
    let octets = usize::from(packet[0] & 0x0f) * 4;
    packet[10..12].fill(0);
    let sum = Sum16BitWords::new().add_slice(&packet[..octets]).ones_complement();
    packet[10..12].copy_from_slice(&sum.to_ne_bytes());
}

/// Writes the right checksum into the TCP segment of an IP packet without extension headers, which a
/// network card would do otherwise. Any other packet stays as it is.
pub fn set_segment_checksum(packet: &mut [u8]) {
    const TCP: u8 = 6;
    let (header, protocol, addresses) = match packet.first().map(|first| first >> 4) {
        Some(4) if packet.len() >= 20 => {
            let fragmented = packet[6] & 0x3f != 0 || packet[7] != 0;
            (usize::from(packet[0] & 0x0f) * 4, if fragmented { 0 } else { packet[9] }, 12..20)
        }
        Some(6) if packet.len() >= 40 => (40, packet[6], 8..40),
        _ => return,
    };
    if protocol != TCP || packet.len() < header + 20 {
        return;
    }
    let (ip, segment) = packet.split_at_mut(header);
    let (source, destination) = ip[addresses.clone()].split_at(addresses.len() / 2);
    let (source, destination) = (address(source), address(destination));
    segment[16..18].fill(0);
    let sum = transport_checksum(source, destination, TCP, segment);
    segment[16..18].copy_from_slice(&sum.to_be_bytes());
}

/// The address of 4 or 16 octets.
fn address(octets: &[u8]) -> IpAddr {
    match <[u8; 16]>::try_from(octets) {
        Ok(octets) => IpAddr::from(octets),
        Err(_) => IpAddr::from([octets[0], octets[1], octets[2], octets[3]]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: ([u8; 4], u16) = ([10, 0, 0, 1], 40_000);
    const SERVER: ([u8; 4], u16) = ([10, 0, 0, 2], 80);

    #[test]
    fn a_segment_reads_as_it_was_described() {
        let packet = TcpPacket {
            sequence: 7,
            flags: SYN | 0x0800,
            options: vec![2, 4, 5, 0xb4],
            payload: vec![b'x'; 3],
            ip_id: Some(9),
            ttl: 60,
            ..TcpPacket::between(CLIENT, SERVER)
        };
        let octets = packet.ip();
        let (ip, rest) = Ipv4Header::from_slice(&octets).expect("an IPv4 header");
        assert_eq!((ip.identification, ip.time_to_live, ip.total_len), (9, 60, 47));
        assert_eq!(ip.header_checksum, ip.calc_header_checksum());
        let (header, payload) = TcpHeader::from_slice(rest).expect("a TCP header");
        assert_eq!((header.sequence_number, header.syn, payload.len()), (7, true, 3));
        assert_eq!(rest[12], 0x68, "data offset and reserved bits");
        // etherparse does not keep the reserved bits: without them its checksum is the right one.
        let plain = TcpPacket { flags: SYN, ..packet }.tcp();
        let (header, payload) = TcpHeader::from_slice(&plain).expect("a TCP header");
        let sum = header.calc_checksum_ipv4(&ip, payload).expect("it is short");
        assert_eq!(sum, header.checksum);
    }

    #[test]
    fn an_icmp_error_quotes_the_segment() {
        let end = |host: u16| (IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, host]), 4000 + host);
        let packet = TcpPacket { sequence: 0x0102_0304, ..TcpPacket::between(end(1), end(2)) };
        let octets = icmp_error(end(9).0, 1, 4, &packet);
        assert_eq!((octets[0], octets[1], octets.len()), (1, 4, 8 + 40 + 8));
        assert_eq!(octets[8 + 44..], [1, 2, 3, 4]);
    }
}
