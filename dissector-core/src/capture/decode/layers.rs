//! From the first octet of a frame to the TCP segments in it, through all layers between.
//!
//! The layers are those that Wireshark opens by default, and its guesses are ours: plugin and
//! command are to see the same segments. Each module of a protocol says what comes next and where;
//! the loop here goes on from there, so nothing nests but the subframes of an 802.11 aggregate and
//! the fragments of one datagram inside another's.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;

use super::fragments::{DatagramId, Fragment, Fragments};
use super::next::{Envelope, Next, Octets};
use super::{ethernet, ip, link, mpls, ppp, tunnel, udp, wlan};
use crate::capture::format::record::Frame;
use crate::capture::skipped::{Layer, Skipped, Tally};
use crate::{IcmpError, PROTOCOL_ICMP, PROTOCOL_ICMPV6, PacketInfo};

/// Layers in a frame that are opened; beyond that the frame is an attack.
const MAX_LAYERS: u32 = 128;
/// Subframes and fragments inside each other.
const MAX_NESTED: u32 = 8;
/// Segments of one frame: an aggregate of 64 KiB holds fewer.
const MAX_SEGMENTS: usize = 4096;

/// Before anything was found.
pub(crate) const NOTHING: PacketInfo = PacketInfo {
    frame: 0,
    time_ns: 0,
    source: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    destination: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    ttl: 0,
    ip_id: None,
    tcp_octets: 0,
};

/// Something found in a frame.
#[derive(Debug)]
pub(crate) enum Found {
    Segment(PacketInfo, Place),
    IcmpError(IcmpError),
}

impl Found {
    pub(crate) fn time_ns(&self) -> i64 {
        match self {
            Self::Segment(packet, _) => packet.time_ns,
            Self::IcmpError(error) => error.packet.time_ns,
        }
    }
}

/// Where a segment lies.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// In the buffer.
    Buffer(Range<usize>),
    /// In a payload that was put together.
    Whole(usize, Range<usize>),
}

/// What the slow way through a frame keeps, and leaves behind.
#[derive(Debug, Default)]
pub(crate) struct Deep {
    fragments: Fragments,
    /// What the last frame holds, last one first.
    pub(crate) found: Vec<Found>,
    /// The payloads that were put together for it.
    pub(crate) wholes: Vec<Vec<u8>>,
}

impl Deep {
    /// Opens a frame whose captured octets lie at `start` in the buffer; what it holds is in
    /// `found` then. A reason for an empty one goes to `skipped`.
    #[cold]
    pub(crate) fn open(
        &mut self,
        number: u64,
        frame: &Frame,
        captured: &[u8],
        start: usize,
        skipped: &mut Tally,
    ) {
        self.found.clear();
        self.wholes.clear();
        let nowhere = Ipv4Addr::UNSPECIFIED.into();
        let envelope = Envelope { source: nowhere, destination: nowhere, ttl: 0, ip_id: None };
        let (whole, layers, nested, vlan) = (None, 0, 0, 0);
        let mut opener = Opener {
            deep: self,
            skipped,
            number,
            frame,
            start,
            whole,
            layers,
            nested,
            vlan,
            envelope,
        };
        let octets = Octets::new(captured, frame.original_octets as usize);
        let result = opener.open(Next::Link(frame.link_type), octets);
        let segments = self.found.iter().any(|found| matches!(found, Found::Segment(..)));
        if let (Err(reason), false) = (result, segments) {
            skipped.add(reason);
        }
        self.found.reverse();
    }
}

struct Opener<'d> {
    deep: &'d mut Deep,
    skipped: &'d mut Tally,
    number: u64,
    frame: &'d Frame,
    /// Where the frame starts in the buffer.
    start: usize,
    /// The payload put together that is being opened; `None` for the frame itself.
    whole: Option<usize>,
    layers: u32,
    nested: u32,
    /// Of the last VLAN tag: fragments of different VLANs belong to different datagrams.
    vlan: u16,
    envelope: Envelope,
}

impl Opener<'_> {
    /// Opens one layer after another; why that ended, where it did not end with a segment.
    fn open(&mut self, mut next: Next, mut octets: Octets<'_>) -> Result<(), Skipped> {
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
                    let next = Next::Protocol(datagram.protocol);
                    match datagram.fragment {
                        None => (next, datagram.payload),
                        Some(part) => {
                            let id = datagram.envelope.ip_id.unwrap_or(0).into();
                            let id = self.datagram_id(datagram.protocol, self.vlan, id);
                            return self.fragment(next, part, id, datagram.payload);
                        }
                    }
                }
                Next::Protocol(ip::PROTOCOL_TCP) => return self.segment(octets),
                Next::Protocol(number @ (PROTOCOL_ICMP | PROTOCOL_ICMPV6)) => {
                    if let Some(error) = IcmpError::parse(self.packet_info(octets), octets.captured)
                    {
                        self.deep.found.push(Found::IcmpError(error));
                    }
                    return Err(Skipped::Protocol(number));
                }
                Next::Protocol(ip::PROTOCOL_UDP) => udp::datagram(octets)?,
                Next::Protocol(ip::FRAGMENT) => {
                    let header = ip::fragment_header(octets)?;
                    match header.fragment {
                        None => (header.next, header.payload),
                        Some(part) => {
                            let id = self.datagram_id(0, 0, header.id);
                            return self.fragment(header.next, part, id, header.payload);
                        }
                    }
                }
                Next::Protocol(number) => {
                    match ip::extension(number, octets, &mut self.envelope)? {
                        Some(step) => step,
                        None => tunnel::over_ip(number, octets)?,
                    }
                }
            };
        }
    }

    fn datagram_id(&self, protocol: u8, vlan: u16, identification: u32) -> DatagramId {
        let Envelope { source, destination, .. } = self.envelope;
        DatagramId { source, destination, protocol, vlan, identification }
    }

    /// Takes a fragment, and opens the datagram that it completes.
    fn fragment(
        &mut self,
        next: Next,
        part: ip::Part,
        id: DatagramId,
        payload: Octets<'_>,
    ) -> Result<(), Skipped> {
        let version = part.version;
        // Of a fragment that was not captured to its end, Wireshark opens what there is.
        if payload.captured.len() < part.octets {
            return if part.offset == 0 {
                self.open(next, payload)
            } else {
                Err(Skipped::Fragment(version))
            };
        }
        if self.nested == MAX_NESTED {
            return Err(Skipped::Depth);
        }
        let fragment = Fragment { id, offset: part.offset, more: part.more };
        let Some(whole) = self.deep.fragments.add(&fragment, payload.captured) else {
            return Err(Skipped::Fragment(version));
        };
        let parts = (Skipped::Fragment(version), Skipped::Reassembled(version));
        self.skipped.rename(parts.0, parts.1, whole.waiting);
        let place = self.deep.wholes.len();
        self.deep.wholes.push(Vec::new());
        let outer = self.whole.replace(place);
        self.nested += 1;
        let result = self.open(next, Octets::new(&whole.octets, whole.octets.len()));
        self.nested -= 1;
        self.whole = outer;
        self.deep.wholes[place] = whole.octets;
        result
    }

    /// Opens each subframe of an aggregate; the first reason, where none of them holds a segment.
    fn aggregate(&mut self, mut octets: Octets<'_>) -> Result<(), Skipped> {
        if self.nested == MAX_NESTED {
            return Err(Skipped::Depth);
        }
        if octets.captured.is_empty() {
            return Err(Skipped::Truncated(Layer::Wlan));
        }
        let (layers, mut result) = (self.layers, Ok(()));
        self.nested += 1;
        while !octets.captured.is_empty() && self.deep.found.len() < MAX_SEGMENTS {
            self.layers = layers;
            let opened = wlan::subframe(octets).and_then(|(subframe, rest)| {
                octets = rest;
                self.open(Next::Llc, subframe)
            });
            if let Err(reason) = opened {
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
        // The same checks as `TcpHeader::parse`, which reads the header when it is asked for.
        match octets.captured.get(..20) {
            None => return Err(Skipped::Truncated(Layer::Tcp)),
            Some(fixed) if fixed[12] < 0x50 => return Err(Skipped::Damaged(Layer::Tcp)),
            Some(_) => {}
        }
        let here = octets.offset..octets.offset + octets.captured.len();
        let place = match self.whole {
            None => Place::Buffer(self.start + here.start..self.start + here.end),
            Some(whole) => Place::Whole(whole, here),
        };
        self.deep.found.push(Found::Segment(self.packet_info(octets), place));
        Ok(())
    }

    fn packet_info(&self, payload: Octets<'_>) -> PacketInfo {
        let Envelope { source, destination, ttl, ip_id } = self.envelope;
        PacketInfo {
            frame: self.number,
            time_ns: self.frame.time_ns,
            source,
            destination,
            ttl,
            ip_id,
            tcp_octets: payload.sent as u32,
        }
    }
}
