//! From the first octet of a frame to the TCP segments in it, through all layers between.
//!
//! The layers are those that Wireshark decodes by default, and where it guesses, we guess the same:
//! plugin and command must see the same segments. The reader of a layer says what follows and where;
//! the loop here continues there. It only recurses for the subframes of an 802.11 aggregate and for a
//! reassembled datagram.

use std::net::Ipv4Addr;
use std::ops::Range;

use super::fragments::{DatagramId, Fragment, Fragments};
use super::frame::{Frame, Packet};
use super::next::{Envelope, Next, Octets};
use super::{ethernet, ip, link, mpls, ppp, tunnel, udp, wlan};
use crate::capture::link_type::LinkType;
use crate::capture::skipped::{IpVersion, Layer, Skipped, Tally};
use crate::{IcmpError, PROTOCOL_ICMP, PROTOCOL_ICMPV6, PacketInfo, Segment};

/// Layers of a frame that are decoded; a frame with more is an attack.
const MAX_LAYERS: u32 = 128;
/// Depth of aggregates and reassembled datagrams inside each other.
const MAX_NESTED: u32 = 8;
/// Packets of one frame: an aggregate of 64 KiB holds fewer.
const MAX_PACKETS: usize = 4096;

/// A packet of a frame. It holds no reference, so that the reader of a file can put it aside.
#[derive(Debug)]
pub(crate) enum Decoded {
    Segment(PacketInfo, Location),
    IcmpError(IcmpError),
}

/// Where TCP header and payload of a segment lie.
#[derive(Clone, Debug)]
pub(crate) enum Location {
    /// In the octets that the frame lies in.
    Frame(Range<usize>),
    /// In the reassembled datagram with this index.
    Reassembled(usize, Range<usize>),
}

/// The state that decoding keeps from frame to frame, and the packets of the last one.
#[derive(Debug, Default)]
pub(crate) struct Layers {
    fragments: Fragments,
    /// The packets of the last frame, the last one first.
    pub(crate) decoded: Vec<Decoded>,
    /// The payloads of the datagrams that the last frame has completed.
    pub(crate) reassembled: Vec<Vec<u8>>,
}

impl Decoded {
    pub(crate) fn time_ns(&self) -> i64 {
        match self {
            Self::Segment(packet, _) => packet.time_ns,
            Self::IcmpError(error) => error.packet.time_ns,
        }
    }

    /// The packet with its octets: those that the frame lies in, and the reassembled ones.
    pub(crate) fn packet<'a>(
        &self,
        octets: &'a [u8],
        reassembled: &'a [Vec<u8>],
    ) -> Option<Packet<'a>> {
        let (packet, tcp) = match self {
            Self::IcmpError(error) => return Some(Packet::IcmpError(*error)),
            Self::Segment(packet, Location::Frame(range)) => (packet, octets.get(range.clone())),
            Self::Segment(packet, Location::Reassembled(index, range)) => {
                (packet, reassembled.get(*index)?.get(range.clone()))
            }
        };
        Segment::parse(*packet, tcp?).ok().map(Packet::Segment)
    }
}

impl Layers {
    /// Decodes a frame that lies at `start` in the octets that locations count in. Its packets are in
    /// `decoded` afterwards; returns the reason if no segment is among them.
    #[cold]
    pub(crate) fn decode(
        &mut self,
        link_type: LinkType,
        number: u64,
        frame: &Frame<'_>,
        start: usize,
        skipped: &mut Tally,
    ) -> Option<Skipped> {
        self.decoded.clear();
        self.reassembled.clear();
        let nowhere = Ipv4Addr::UNSPECIFIED.into();
        let result = FrameDecoder {
            state: self,
            skipped,
            number,
            time_ns: frame.time_ns,
            start,
            datagram: None,
            layers: 0,
            nested: 0,
            vlan: 0,
            envelope: Envelope { source: nowhere, destination: nowhere, ttl: 0, ip_id: None },
        }
        .decode(Next::Link(link_type), Octets::new(frame.octets, frame.wire_octets as usize));
        let has_segment = self.decoded.iter().any(|one| matches!(one, Decoded::Segment(..)));
        self.decoded.reverse();
        result.err().filter(|_| !has_segment)
    }
}

/// Decodes one frame.
struct FrameDecoder<'d> {
    state: &'d mut Layers,
    skipped: &'d mut Tally,
    number: u64,
    time_ns: i64,
    /// Position of the frame in the octets that locations count in.
    start: usize,
    /// Index of the reassembled datagram that is being decoded; `None` in the frame itself.
    datagram: Option<usize>,
    layers: u32,
    nested: u32,
    /// Number of the last VLAN tag: fragments in different VLANs belong to different datagrams.
    vlan: u16,
    envelope: Envelope,
}

impl FrameDecoder<'_> {
    /// Decodes one layer after another, down to a segment.
    ///
    /// # Errors
    /// The reason why there is none.
    fn decode(&mut self, mut next: Next, mut octets: Octets<'_>) -> Result<(), Skipped> {
        loop {
            self.layers += 1;
            if self.layers > MAX_LAYERS {
                return Err(Skipped::Depth);
            }
            (next, octets) = match next {
                Next::Link(link_type) => link::first(link_type, octets)?,
                Next::Ethernet => ethernet::ethernet(octets)?,
                Next::EtherType(ethertype) => {
                    ethernet::ethertype(ethertype, octets, &mut self.vlan)?
                }
                Next::EtherTypeOrLength(value) => ethernet::ethertype_or_length(value, octets)?,
                Next::Llc => ethernet::llc(octets)?,
                Next::CiscoHdlc => ppp::cisco_hdlc(octets)?,
                Next::FrameRelay => ppp::frame_relay(octets)?,
                Next::Ppp => ppp::ppp(octets)?,
                Next::PppHdlc => ppp::ppp_hdlc(octets)?,
                Next::Pppoe => ppp::pppoe(octets)?,
                Next::Mpls => mpls::labels(octets)?,
                Next::Nsh => tunnel::nsh(octets)?,
                Next::Wlan => wlan::data_frame(octets)?,
                Next::WlanAggregate => return self.aggregate(octets),
                Next::Gre => tunnel::gre(octets)?,
                Next::Ip(network) => {
                    let datagram = ip::datagram(network, octets)?;
                    self.envelope = datagram.envelope;
                    if let Some(part) = datagram.fragment {
                        return self.fragment(datagram.protocol, part, datagram.payload);
                    }
                    (Next::Protocol(datagram.protocol), datagram.payload)
                }
                Next::Protocol(ip::PROTOCOL_TCP) => return self.segment(octets),
                Next::Protocol(number @ (PROTOCOL_ICMP | PROTOCOL_ICMPV6)) => {
                    if let Some(error) = IcmpError::parse(self.packet_info(octets), octets.captured)
                    {
                        self.state.decoded.push(Decoded::IcmpError(error));
                    }
                    return Err(Skipped::Protocol(number));
                }
                Next::Protocol(ip::PROTOCOL_UDP) => udp::datagram(octets)?,
                Next::Protocol(ip::FRAGMENT) => {
                    let (protocol, payload, fragment) = ip::fragment_header(octets)?;
                    if let Some(part) = fragment {
                        return self.fragment(protocol, part, payload);
                    }
                    (Next::Protocol(protocol), payload)
                }
                Next::Protocol(number) => {
                    match ip::extension(number, octets, &mut self.envelope)? {
                        Some((protocol, payload)) => (Next::Protocol(protocol), payload),
                        None => tunnel::over_ip(number, octets)?,
                    }
                }
            };
        }
    }

    /// Takes a fragment, and decodes the datagram that it completes.
    fn fragment(
        &mut self,
        protocol: u8,
        part: ip::Part,
        payload: Octets<'_>,
    ) -> Result<(), Skipped> {
        let next = Next::Protocol(protocol);
        let version = part.version;
        // Wireshark reassembles no fragment that a snap length has cut, and decodes the first one
        // by itself.
        if payload.captured.len() < part.octets {
            return if part.offset == 0 {
                self.decode(next, payload)
            } else {
                Err(Skipped::Fragment(version))
            };
        }
        if self.nested == MAX_NESTED {
            return Err(Skipped::Depth);
        }
        let Envelope { source, destination, .. } = self.envelope;
        // As in Wireshark, protocol and VLAN only distinguish datagrams of IPv4.
        let (protocol, vlan) = match version {
            IpVersion::V4 => (protocol, self.vlan),
            IpVersion::V6 => (0, 0),
        };
        let id = DatagramId { source, destination, protocol, vlan, identification: part.id };
        let fragment = Fragment { id, offset: part.offset, more: part.more };
        let Some(datagram) = self.state.fragments.add(&fragment, payload.captured) else {
            return Err(Skipped::Fragment(version));
        };
        let parts = (Skipped::Fragment(version), Skipped::Reassembled(version));
        self.skipped.rename(parts.0, parts.1, datagram.waiting);
        let index = self.state.reassembled.len();
        self.state.reassembled.push(Vec::new());
        let outer = self.datagram.replace(index);
        self.nested += 1;
        let result = self.decode(next, Octets::new(&datagram.octets, datagram.octets.len()));
        self.nested -= 1;
        self.datagram = outer;
        self.state.reassembled[index] = datagram.octets;
        result
    }

    /// Decodes each subframe of an aggregate. The first reason counts if none holds a segment.
    fn aggregate(&mut self, mut octets: Octets<'_>) -> Result<(), Skipped> {
        if self.nested == MAX_NESTED {
            return Err(Skipped::Depth);
        }
        if octets.captured.is_empty() {
            return Err(Skipped::Truncated(Layer::Wlan));
        }
        let (layers, mut result) = (self.layers, Ok(()));
        self.nested += 1;
        while !octets.captured.is_empty() && self.state.decoded.len() < MAX_PACKETS {
            self.layers = layers;
            let decoded = wlan::subframe(octets).and_then(|(subframe, rest)| {
                octets = rest;
                self.decode(Next::Llc, subframe)
            });
            if let Err(reason) = decoded {
                result = result.and(Err(reason));
                if let Skipped::Truncated(Layer::Wlan) = reason {
                    break;
                }
            }
        }
        self.nested -= 1;
        result
    }

    fn segment(&mut self, octets: Octets<'_>) -> Result<(), Skipped> {
        // The checks of `TcpHeader::parse`, which reads the header later.
        match octets.captured.get(..20) {
            None => return Err(Skipped::Truncated(Layer::Tcp)),
            Some(fixed) if fixed[12] < 0x50 => return Err(Skipped::Damaged(Layer::Tcp)),
            Some(_) => {}
        }
        let here = octets.offset..octets.offset + octets.captured.len();
        let location = match self.datagram {
            None => Location::Frame(self.start + here.start..self.start + here.end),
            Some(index) => Location::Reassembled(index, here),
        };
        self.state.decoded.push(Decoded::Segment(self.packet_info(octets), location));
        Ok(())
    }

    fn packet_info(&self, payload: Octets<'_>) -> PacketInfo {
        let Envelope { source, destination, ttl, ip_id } = self.envelope;
        PacketInfo {
            frame: self.number,
            time_ns: self.time_ns,
            source,
            destination,
            ttl,
            ip_id,
            tcp_octets: payload.sent as u32,
        }
    }
}
