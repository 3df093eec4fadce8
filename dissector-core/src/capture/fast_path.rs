//! The fast path for the most frequent frames: Ethernet or RAW, up to two VLAN tags, IPv4 or IPv6
//! without options, TCP. A [`Decoder`](super::Decoder) decodes all others, and finds the same in these.

use std::net::Ipv6Addr;
use std::ops::Range;

use super::decode::ethernet::{ETHERTYPE_IPV4, ETHERTYPE_IPV6};
use super::decode::ip::PROTOCOL_TCP;
use super::disorder::is_near;
use super::format::record::FrameRecord;
use super::link_type::LinkType;
use crate::pipeline::batch::{Batch, PlainIpv4};
use crate::{PacketInfo, key};

const ETHERNET_OCTETS: usize = 14;
const VLAN_TAG_OCTETS: usize = 4;
const IPV4_OCTETS: usize = 20;
const IPV6_OCTETS: usize = 40;
const TCP_OCTETS: usize = 20;

/// Reads a frame into `packet`, in place, because copies of it would be felt. Returns where TCP header
/// and payload lie in `captured`; `None` if the frame is not for the fast path.
#[inline(always)]
pub(super) fn segment(
    packet: &mut PacketInfo,
    frame: &FrameRecord,
    captured: &[u8],
) -> Option<Range<usize>> {
    let at = match frame.link_type {
        LinkType::ETHERNET => {
            let &[.., a, b] = captured.first_chunk::<ETHERNET_OCTETS>()?;
            match u16::from_be_bytes([a, b]) {
                ETHERTYPE_IPV4 => return ipv4(packet, frame, captured, ETHERNET_OCTETS),
                ETHERTYPE_IPV6 => ETHERNET_OCTETS,
                0x8100 | 0x88a8 => return tagged(packet, frame, captured),
                _ => return None,
            }
        }
        // As in Wireshark, an octet pair of HDLC-like framing there means PPP.
        LinkType::RAW if captured.get(1..3) != Some(&[0xff, 0x03]) => {
            if captured.first()? >> 4 == 4 {
                return ipv4(packet, frame, captured, 0);
            }
            0
        }
        _ => return None,
    };
    ipv6(packet, frame, captured, at)
}

/// One VLAN tag or two.
#[inline(never)]
fn tagged(packet: &mut PacketInfo, frame: &FrameRecord, captured: &[u8]) -> Option<Range<usize>> {
    let mut at = ETHERNET_OCTETS + VLAN_TAG_OCTETS;
    loop {
        match u16::from_be_bytes(*captured.get(at - 2..)?.first_chunk()?) {
            ETHERTYPE_IPV4 => return ipv4(packet, frame, captured, at),
            ETHERTYPE_IPV6 => return ipv6(packet, frame, captured, at),
            0x8100 | 0x88a8 if at == ETHERNET_OCTETS + VLAN_TAG_OCTETS => at += VLAN_TAG_OCTETS,
            _ => return None,
        }
    }
}

/// The fields of an IPv4 header without options.
struct InIpv4 {
    /// Source and destination, as in the header.
    addresses: u64,
    ttl: u8,
    ip_id: u16,
    /// Octets of TCP header and payload that were sent.
    tcp_octets: u32,
    /// Position of TCP header and payload in the captured octets.
    tcp: Range<usize>,
}

/// Reads the most frequent frame of all: untagged Ethernet with IPv4.
#[inline(always)]
fn untagged_ipv4(frame: &FrameRecord, captured: &[u8]) -> Option<InIpv4> {
    let &[.., a, b] = captured.first_chunk::<ETHERNET_OCTETS>()?;
    let known = frame.link_type == LinkType::ETHERNET;
    (known && u16::from_be_bytes([a, b]) == ETHERTYPE_IPV4)
        .then(|| in_ipv4(frame, captured, ETHERNET_OCTETS))?
}

#[inline(always)]
fn ipv4(
    packet: &mut PacketInfo,
    frame: &FrameRecord,
    captured: &[u8],
    at: usize,
) -> Option<Range<usize>> {
    let InIpv4 { addresses, ttl, ip_id, tcp_octets, tcp } = in_ipv4(frame, captured, at)?;
    let [source, destination] = key::ipv4_addresses(addresses);
    packet.time_ns = frame.time_ns;
    packet.source = source.into();
    packet.destination = destination.into();
    packet.ttl = ttl;
    packet.ip_id = Some(ip_id);
    packet.tcp_octets = tcp_octets;
    Some(tcp)
}

#[inline(always)]
fn in_ipv4(frame: &FrameRecord, captured: &[u8], at: usize) -> Option<InIpv4> {
    const MORE_FRAGMENTS_AND_OFFSET: u16 = 0x3fff;
    let (header, rest) = captured.get(at..)?.split_first_chunk::<IPV4_OCTETS>()?;
    let &[first, _, length_1, length_2, id_1, id_2, flags, offset, ttl, protocol, ..] = header;
    let fragment = u16::from_be_bytes([flags, offset]) & MORE_FRAGMENTS_AND_OFFSET;
    if first != 0x45 || protocol != PROTOCOL_TCP || fragment != 0 {
        return None;
    }
    let addresses = u64::from_be_bytes(*header.last_chunk()?);
    let total = usize::from(u16::from_be_bytes([length_1, length_2]));
    let octets = total.checked_sub(IPV4_OCTETS)?;
    let (tcp, tcp_octets) = payload(frame, rest, at + IPV4_OCTETS, octets)?;
    let ip_id = u16::from_be_bytes([id_1, id_2]);
    Some(InIpv4 { addresses, ttl, ip_id, tcp_octets, tcp })
}

#[inline(never)]
fn ipv6(
    packet: &mut PacketInfo,
    frame: &FrameRecord,
    captured: &[u8],
    at: usize,
) -> Option<Range<usize>> {
    let (header, rest) = captured.get(at..)?.split_first_chunk::<IPV6_OCTETS>()?;
    let &[first, _, _, _, length_1, length_2, protocol, ttl, ..] = header;
    if first >> 4 != 6 || protocol != PROTOCOL_TCP {
        return None;
    }
    let (addresses, _) = header.last_chunk::<32>()?.as_chunks::<16>();
    let &[source, destination] = addresses else { return None };
    let length = usize::from(u16::from_be_bytes([length_1, length_2]));
    let (tcp, sent) = payload(frame, rest, at + IPV6_OCTETS, length)?;
    packet.time_ns = frame.time_ns;
    packet.source = Ipv6Addr::from(source).into();
    packet.destination = Ipv6Addr::from(destination).into();
    packet.ttl = ttl;
    packet.ip_id = None;
    packet.tcp_octets = sent;
    Some(tcp)
}

/// Where the first `octets` of the `rest` at `at` lie, and how many of them were sent, if they begin
/// with a TCP header. In a frame that was cut or padded, the shortest length counts.
#[inline(always)]
fn payload(
    frame: &FrameRecord,
    rest: &[u8],
    at: usize,
    octets: usize,
) -> Option<(Range<usize>, u32)> {
    let captured = octets.min(rest.len());
    if captured < TCP_OCTETS || *rest.get(12)? < 0x50 {
        return None;
    }
    // The wire length is not below the captured one: see `FrameRecord::at`.
    let sent = octets.min(frame.wire_octets as usize - at);
    Some((at..at + captured, sent as u32))
}

/// The frames that [`append`] takes. It takes none whose time is far from the clock of the batch.
pub(super) struct Wanted {
    /// Number of the first frame.
    pub frame: u64,
    /// Time at which another file has its turn.
    pub until_ns: i64,
    pub most: usize,
}

/// Number of frames appended, octets of their records, and their latest time.
pub(super) struct Appended {
    pub frames: usize,
    pub octets: usize,
    pub latest_ns: i64,
}

/// Appends the segments in the records at the start of `octets` to `batch`, while each record is all
/// there and the frame is untagged Ethernet with IPv4.
///
/// It nearly never calls a function, so that the fields of a frame stay in registers. It writes to the
/// batch only: reading back a value just written would also wait for the cache lines of the batch,
/// which come from another core.
#[inline(never)]
pub(super) fn append(
    batch: &mut Batch,
    octets: &[u8],
    wanted: &Wanted,
    read: impl Fn(&[u8]) -> Option<(FrameRecord, usize)>,
) -> Appended {
    let (mut rest, mut frames, mut latest_ns) = (octets, 0, i64::MIN);
    while frames < wanted.most {
        let next = wanted.frame + frames as u64;
        match append_one(batch, rest, next, wanted.until_ns, &read) {
            None => break,
            Some(None) => batch.make_room(),
            Some(Some((record_octets, time_ns))) => {
                rest = &rest[record_octets..];
                frames += 1;
                latest_ns = latest_ns.max(time_ns);
            }
        }
    }
    Appended { frames, octets: octets.len() - rest.len(), latest_ns }
}

/// Appends one frame; returns the octets of its record, and its time. `Some(None)` if the batch has no room, `None` if
/// the frame is not wanted; neither changes anything.
#[inline(always)]
fn append_one(
    batch: &mut Batch,
    octets: &[u8],
    number: u64,
    until_ns: i64,
    read: impl Fn(&[u8]) -> Option<(FrameRecord, usize)>,
) -> Option<Option<(usize, i64)>> {
    let (frame, record_octets) = read(octets)?;
    let captured = octets.get(frame.captured.clone())?;
    let packet = untagged_ipv4(&frame, captured)?;
    let following = octets.get(frame.captured.start + packet.tcp.start..)?;
    if frame.time_ns >= until_ns || !is_near(frame.time_ns, batch.now_ns()) {
        return None;
    }
    let known = PlainIpv4 {
        frame: number,
        time_ns: frame.time_ns,
        addresses: packet.addresses,
        ip_id: packet.ip_id,
        ttl: packet.ttl,
        tcp_octets: packet.tcp_octets,
    };
    let appended = batch.push_ipv4(&known, packet.tcp.len(), following)?;
    Some(appended.then_some((record_octets, frame.time_ns)))
}
