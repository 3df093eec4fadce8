//! An Ethernet frame with a TCP segment in it, whose fields the router reads and changes.

use std::net::{IpAddr, SocketAddr};

use testkit::kernel::Side;
use testkit::packet::{
    ACK, Checksum, ETHERNET_OCTETS, FIN, PSH, RST, SYN, TcpPacket, set_header_checksum,
    set_segment_checksum,
};

/// Option kinds (RFC 9293 §3.2, RFC 7323, RFC 2018).
pub(crate) const MSS: u8 = 2;
/// Window scale.
pub(crate) const WINDOW_SCALE: u8 = 3;
/// SACK permitted.
pub(crate) const SACK_PERMITTED: u8 = 4;
/// SACK.
pub(crate) const SACK: u8 = 5;
/// Timestamps.
pub(crate) const TIMESTAMPS: u8 = 8;

const NO_OPERATION: u8 = 1;

/// ECE and CWR (RFC 3168).
pub(crate) const ECN: u16 = 0xc0;

/// The fields of a segment that the truth names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Header {
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
    pub(crate) sequence: u32,
    pub(crate) acknowledgment: u32,
    pub(crate) flags: u16,
    /// The octets of data.
    pub(crate) data: usize,
    /// The identification of an IPv4 packet.
    pub(crate) ip_id: Option<u16>,
}

impl Header {
    /// Whether exactly these are set, PSH, ECE and CWR aside.
    pub(crate) fn has_only(&self, flags: u16) -> bool {
        self.flags & !(PSH | ECN) == flags
    }

    /// The sequence number behind the segment.
    pub(crate) fn end(&self) -> u32 {
        let counted = u32::from(self.flags & SYN != 0) + u32::from(self.flags & FIN != 0);
        self.sequence.wrapping_add(self.data as u32 + counted)
    }

    /// In tcpdump's letters.
    pub(crate) fn letters(&self) -> String {
        let letters = [(FIN, 'F'), (SYN, 'S'), (RST, 'R'), (PSH, 'P'), (0x20, 'U'), (0x40, 'E')];
        let letters = letters.into_iter().chain([(0x80, 'W'), (ACK, '.')]);
        let set = letters.filter(|(bit, _)| self.flags & bit != 0);
        set.map(|(_, letter)| letter).collect()
    }
}

/// A frame, which has a whole TCP segment in IPv4, or in IPv6 without extension headers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Packet {
    frame: Vec<u8>,
    /// Where the TCP header begins.
    tcp: usize,
    /// Where the IP packet ends.
    end: usize,
}

impl Packet {
    /// The packet of a frame, if it is such a one.
    pub(crate) fn of(mut frame: Vec<u8>) -> Option<Self> {
        const TCP: u8 = 6;
        let ip = frame.get(ETHERNET_OCTETS..)?;
        let length = |at: usize| Some(usize::from(u16::from_be_bytes([*ip.get(at)?, ip[at + 1]])));
        let (protocol, header, total) = match ip.first()? >> 4 {
            4 => (*ip.get(9)?, usize::from(ip[0] & 0x0f) * 4, length(2)?),
            6 => (*ip.get(6)?, 40, 40 + length(4)?),
            _ => return None,
        };
        let (tcp, end) = (ETHERNET_OCTETS + header, ETHERNET_OCTETS + total);
        if protocol != TCP || frame.len() < end || end < tcp + 20 {
            return None;
        }
        let options = usize::from(frame[tcp + 12] >> 4) * 4;
        frame.truncate(end);
        (options >= 20 && tcp + options <= end).then_some(Self { frame, tcp, end })
    }

    /// The octets, with the right checksums.
    pub(crate) fn into_frame(mut self) -> Vec<u8> {
        let packet = &mut self.frame[ETHERNET_OCTETS..];
        if packet[0] >> 4 == 4 {
            set_header_checksum(packet);
        }
        set_segment_checksum(packet);
        self.frame
    }

    fn is_ipv4(&self) -> bool {
        self.frame[ETHERNET_OCTETS] >> 4 == 4
    }

    fn word(&self, at: usize) -> u16 {
        u16::from_be_bytes([self.frame[at], self.frame[at + 1]])
    }

    fn set_word(&mut self, at: usize, to: u16) {
        self.frame[at..at + 2].copy_from_slice(&to.to_be_bytes());
    }

    fn long(&self, at: usize) -> u32 {
        u32::from(self.word(at)) << 16 | u32::from(self.word(at + 2))
    }

    fn set_long(&mut self, at: usize, to: u32) {
        self.frame[at..at + 4].copy_from_slice(&to.to_be_bytes());
    }

    /// Where the addresses begin, and how long each is.
    fn addresses(&self) -> (usize, usize) {
        if self.is_ipv4() { (ETHERNET_OCTETS + 12, 4) } else { (ETHERNET_OCTETS + 8, 16) }
    }

    fn address(&self, index: usize) -> IpAddr {
        let (at, octets) = self.addresses();
        let octets = &self.frame[at + index * octets..][..octets];
        match <[u8; 16]>::try_from(octets) {
            Ok(octets) => octets.into(),
            Err(_) => [octets[0], octets[1], octets[2], octets[3]].into(),
        }
    }

    /// The segment's fields.
    pub(crate) fn header(&self) -> Header {
        let ip_id = self.is_ipv4().then(|| self.word(ETHERNET_OCTETS + 4));
        Header {
            source: (self.address(0), self.word(self.tcp)).into(),
            destination: (self.address(1), self.word(self.tcp + 2)).into(),
            sequence: self.long(self.tcp + 4),
            acknowledgment: self.long(self.tcp + 8),
            flags: self.word(self.tcp + 12) & 0x0fff,
            data: self.end - self.payload(),
            ip_id,
        }
    }

    fn payload(&self) -> usize {
        self.tcp + usize::from(self.frame[self.tcp + 12] >> 4) * 4
    }

    fn set_end(&mut self, index: usize, to: SocketAddr) {
        let (at, octets) = self.addresses();
        let field = &mut self.frame[at + index * octets..][..octets];
        match to.ip() {
            IpAddr::V4(address) => field.copy_from_slice(&address.octets()),
            IpAddr::V6(address) => field.copy_from_slice(&address.octets()),
        }
        self.set_word(self.tcp + index * 2, to.port());
    }

    /// Another source, of the same family.
    pub(crate) fn set_source(&mut self, to: SocketAddr) {
        self.set_end(0, to);
    }

    /// Another destination, of the same family.
    pub(crate) fn set_destination(&mut self, to: SocketAddr) {
        self.set_end(1, to);
    }

    /// Adds to the sequence number, and to the numbers of the other direction: acknowledgment and
    /// SACK blocks.
    pub(crate) fn renumber(&mut self, own: u32, other: u32) {
        let header = self.header();
        self.set_long(self.tcp + 4, header.sequence.wrapping_add(own));
        if header.flags & ACK == 0 {
            return;
        }
        self.set_long(self.tcp + 8, header.acknowledgment.wrapping_add(other));
        for (kind, at, octets) in self.options() {
            if kind == SACK {
                for edge in (at + 2..at + octets).step_by(4) {
                    self.set_long(edge, self.long(edge).wrapping_add(other));
                }
            }
        }
    }

    /// Kind, place and octets of each option.
    fn options(&self) -> Vec<(u8, usize, usize)> {
        let (mut at, end) = (self.tcp + 20, self.payload());
        let mut found = Vec::new();
        while at < end && self.frame[at] != 0 {
            let kind = self.frame[at];
            let octets = match kind {
                NO_OPERATION => 1,
                _ if at + 1 < end => usize::from(self.frame[at + 1]),
                _ => break,
            };
            if octets == 0 || at + octets > end {
                break;
            }
            found.push((kind, at, octets));
            at += octets;
        }
        found
    }

    /// The octets of an option behind its kind and length.
    pub(crate) fn option(&self, kind: u8) -> Option<&[u8]> {
        let (_, at, octets) = self.options().into_iter().find(|option| option.0 == kind)?;
        self.frame.get(at + 2..at + octets)
    }

    /// Overwrites an option with such that mean nothing; says whether it was there.
    pub(crate) fn strip(&mut self, kind: u8) -> bool {
        let found = self.options().into_iter().find(|option| option.0 == kind);
        found.is_some_and(|(_, at, octets)| {
            self.frame[at..at + octets].fill(NO_OPERATION);
            true
        })
    }

    /// Lowers the maximum segment size to `most`; says whether it was higher.
    pub(crate) fn clamp_mss(&mut self, most: u16) -> bool {
        let found = self.options().into_iter().find(|option| option.0 == MSS);
        found.is_some_and(|(_, at, _)| {
            let higher = self.word(at + 2) > most;
            self.set_word(at + 2, self.word(at + 2).min(most));
            higher
        })
    }

    /// The window, as it is in the header.
    pub(crate) fn window(&self) -> u16 {
        self.word(self.tcp + 14)
    }

    /// Another window.
    pub(crate) fn set_window(&mut self, to: u16) {
        self.set_word(self.tcp + 14, to);
    }

    /// Clears flags; says whether any of them was set.
    pub(crate) fn clear(&mut self, flags: u16) -> bool {
        let before = self.word(self.tcp + 12);
        self.set_word(self.tcp + 12, before & !flags);
        before & flags != 0
    }

    /// Makes the data's letters capitals; says whether that changed any.
    pub(crate) fn shout(&mut self) -> bool {
        let payload = self.payload();
        let data = &mut self.frame[payload..self.end];
        let before = data.to_vec();
        data.make_ascii_uppercase();
        before != data
    }

    fn ttl_at(&self) -> usize {
        ETHERNET_OCTETS + if self.is_ipv4() { 8 } else { 7 }
    }

    /// Time to live, or hop limit.
    pub(crate) fn ttl(&self) -> u8 {
        self.frame[self.ttl_at()]
    }

    /// Another time to live.
    pub(crate) fn set_ttl(&mut self, to: u8) {
        let at = self.ttl_at();
        self.frame[at] = to;
    }

    /// The segments that fit into Ethernet frames: a host that leaves it to its network card to cut
    /// its data hands over more than fits.
    pub(crate) fn pieces(self) -> Vec<Self> {
        const MOST: usize = 1500;
        let (header, payload) = (self.header(), self.payload());
        let room = (MOST + ETHERNET_OCTETS).saturating_sub(payload);
        if self.end - ETHERNET_OCTETS <= MOST || room == 0 {
            return vec![self];
        }
        let count = header.data.div_ceil(room);
        let pieces = (0..count).map(|index| {
            let data = index * room..header.data.min((index + 1) * room);
            let mut frame = self.frame[..payload].to_vec();
            frame.extend(&self.frame[payload..][data.clone()]);
            let end = frame.len();
            let mut piece = Self { frame, tcp: self.tcp, end };
            let octets = (end - ETHERNET_OCTETS) as u16;
            if let Some(ip_id) = header.ip_id {
                piece.set_word(ETHERNET_OCTETS + 2, octets);
                piece.set_word(ETHERNET_OCTETS + 4, ip_id.wrapping_add(index as u16));
            } else {
                piece.set_word(ETHERNET_OCTETS + 4, octets - 40);
            }
            piece.set_long(piece.tcp + 4, header.sequence.wrapping_add(data.start as u32));
            if index + 1 < count {
                piece.clear(PSH | FIN);
            }
            piece
        });
        pieces.collect()
    }

    /// The Ethernet addresses of the way to one side.
    pub(crate) fn set_way(&mut self, to: Side) {
        for (at, side) in [(0, to), (6, to.peer())] {
            self.frame[at..at + 6].copy_from_slice(&[2, 0, 0, 0, 0, side.number()]);
        }
    }

    /// The packet as it would be made anew.
    pub(crate) fn described(&self) -> TcpPacket {
        let header = self.header();
        let payload = self.payload();
        TcpPacket {
            source: header.source,
            destination: header.destination,
            ttl: self.ttl(),
            ip_id: header.ip_id,
            sequence: header.sequence,
            acknowledgment: header.acknowledgment,
            flags: header.flags,
            window: self.window(),
            options: self.frame[self.tcp + 20..payload].to_vec(),
            payload: self.frame[payload..self.end].to_vec(),
            checksum: Checksum::Given(self.word(self.tcp + 16)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment() -> TcpPacket {
        TcpPacket {
            sequence: 100,
            acknowledgment: 200,
            flags: PSH | ACK,
            // Nothing, nothing, one SACK block; then the largest segment.
            options: [&[1, 1, 5, 10], &[0, 0, 0, 210, 0, 0, 0, 220][..], &[2, 4, 5, 180]].concat(),
            payload: b"hello".to_vec(),
            ..TcpPacket::between(([10, 0, 0, 1], 4000), ([10, 0, 0, 2], 80))
        }
    }

    #[test]
    fn other_numbers_reach_into_sack_blocks() {
        let mut packet = Packet::of(segment().ethernet()).expect("a segment");
        packet.renumber(1, 10);
        let mut wanted = segment();
        (wanted.sequence, wanted.acknowledgment) = (101, 210);
        (wanted.options[7], wanted.options[11]) = (220, 230);
        assert_eq!(packet.into_frame(), wanted.ethernet());
    }

    #[test]
    fn a_large_segment_is_cut() {
        let data: Vec<u8> = (0..3000_u16).map(|number| number as u8).collect();
        let large = TcpPacket { payload: data.clone(), ip_id: Some(7), ..segment() };
        let pieces = Packet::of(large.ethernet()).expect("a segment").pieces();
        let room = 1500 - 20 - 36;
        let wanted = [(100, 7, ACK), (100 + room, 8, ACK), (100 + 2 * room, 9, PSH | ACK)];
        let wanted = wanted.into_iter().zip(data.chunks(room as usize)).map(|(piece, payload)| {
            let (sequence, ip_id, flags) = piece;
            let payload = payload.to_vec();
            TcpPacket { sequence, ip_id: Some(ip_id), flags, payload, ..segment() }.ethernet()
        });
        let pieces: Vec<_> = pieces.into_iter().map(Packet::into_frame).collect();
        assert_eq!(pieces, wanted.collect::<Vec<_>>());
        assert_eq!(Packet::of(segment().ethernet()).map(|it| it.pieces().len()), Some(1));
    }

    #[test]
    fn changes_keep_the_checksums_right() {
        let mut packet = Packet::of(segment().ethernet()).expect("a segment");
        assert!(packet.clamp_mss(1100) && !packet.clamp_mss(1200));
        assert!(packet.strip(SACK) && !packet.strip(SACK));
        assert!(packet.shout());
        packet.set_source(([10, 0, 0, 9], 4001).into());
        let mut wanted = segment();
        wanted.source = ([10, 0, 0, 9], 4001).into();
        wanted.options = [&[1; 12], &[2, 4, 4, 76][..]].concat();
        wanted.payload = b"HELLO".to_vec();
        assert_eq!(packet.into_frame(), wanted.ethernet());
    }
}
