//! IEEE 802.11 data frames without encryption, and the headers that receivers put in front.

use super::next::{Next, Octets, Step};
use crate::capture::link_type::LinkType;
use crate::capture::skipped::{Layer, Skipped};

const CUT: Skipped = Skipped::Truncated(Layer::Wlan);
const ADDRESS_OCTETS: usize = 6;

/// The LLC header or the subframes of a data frame (IEEE 802.11-2020 §9.3.2).
pub(crate) fn data_frame(octets: Octets<'_>) -> Step<'_> {
    let &[kind, flags] = octets.header().ok_or(CUT)?;
    const DATA: u8 = 2;
    const NO_DATA: u8 = 0x40;
    const QUALITY_OF_SERVICE: u8 = 0x80;
    const BOTH_WAYS: u8 = 0x03;
    const MORE_FRAGMENTS: u8 = 0x04;
    const PROTECTED: u8 = 0x40;
    const ORDER: u8 = 0x80;
    if kind >> 2 & 3 != DATA || kind & NO_DATA != 0 {
        return Err(Skipped::NotIp);
    }
    if flags & PROTECTED != 0 {
        return Err(Skipped::Encrypted);
    }
    let &sequence_control = octets.captured.get(22).ok_or(CUT)?;
    if flags & MORE_FRAGMENTS != 0 || sequence_control & 0xf != 0 {
        return Err(Skipped::WlanFragment);
    }
    let mut header = 24;
    if flags & BOTH_WAYS == BOTH_WAYS {
        header += ADDRESS_OCTETS;
    }
    if kind & QUALITY_OF_SERVICE == 0 {
        return Ok((Next::Llc, octets.after(header).ok_or(CUT)?));
    }
    const AGGREGATE: u8 = 0x80;
    let &quality = octets.captured.get(header).ok_or(CUT)?;
    header += if flags & ORDER != 0 { 6 } else { 2 };
    let payload = octets.after(header).ok_or(CUT)?;
    Ok((if quality & AGGREGATE != 0 { Next::WlanAggregate } else { Next::Llc }, payload))
}

/// The first subframe of an aggregate (§9.3.2.2.2), and the octets behind it.
pub(crate) fn subframe(octets: Octets<'_>) -> Result<(Octets<'_>, Octets<'_>), Skipped> {
    let &[.., a, b] = octets.header::<14>().ok_or(CUT)?;
    let length = usize::from(u16::from_be_bytes([a, b]));
    let subframe = octets.after(14).ok_or(CUT)?;
    // Each but the last is padded to a multiple of four octets.
    let end = (14 + length).next_multiple_of(4).min(octets.captured.len());
    Ok((subframe.limited(length), octets.after(end).ok_or(CUT)?))
}

/// Radiotap: fields of the receiver, which a bit map lists.
pub(crate) fn radiotap(octets: Octets<'_>) -> Step<'_> {
    const TIME: u32 = 1;
    const FLAGS: u32 = 2;
    const ANOTHER_MAP: u32 = 1 << 31;
    const CHECK_SEQUENCE: u8 = 0x10;
    const PADDED: u8 = 0x20;
    let &[_, _, a, b, present @ ..] = octets.header::<8>().ok_or(CUT)?;
    let header = usize::from(u16::from_le_bytes([a, b]));
    let frame = octets.after(header.max(8)).ok_or(CUT)?;
    let fields = &octets.captured[..header.max(8)];
    let present = u32::from_le_bytes(present);
    let (mut at, mut map) = (8, present);
    while map & ANOTHER_MAP != 0 {
        let another = fields.get(at..at + 4).and_then(<[u8]>::first_chunk);
        map = u32::from_le_bytes(*another.ok_or(CUT)?);
        at += 4;
    }
    if present & TIME != 0 {
        at = at.next_multiple_of(8) + 8;
    }
    let flags = if present & FLAGS != 0 { *fields.get(at).ok_or(CUT)? } else { 0 };
    let frame = if flags & CHECK_SEQUENCE != 0 {
        frame.limited(frame.sent.saturating_sub(4))
    } else {
        frame
    };
    let (next, payload) = data_frame(frame)?;
    if flags & PADDED == 0 {
        return Ok((next, payload));
    }
    // The 802.11 header is padded to a multiple of four octets.
    let padding = (payload.offset - frame.offset).wrapping_neg() % 4;
    Ok((next, payload.after(padding).ok_or(CUT)?))
}

/// Prism or AVS: older headers of receivers. Their second field is the length.
pub(crate) fn prism_or_avs(octets: Octets<'_>) -> Step<'_> {
    let &[magic @ .., a, b, c, d] = octets.header::<8>().ok_or(CUT)?;
    let big = u32::from_be_bytes([a, b, c, d]) as usize;
    let little = u32::from_le_bytes([a, b, c, d]) as usize;
    let is_avs = magic.starts_with(&[0x80, 0x21, 0x10]);
    let header = if is_avs { big } else { big.min(little) };
    Ok((Next::Wlan, octets.after(header.max(8)).ok_or(CUT)?))
}

/// Per-packet information (PPI), in front of a frame of any link type.
pub(crate) fn per_packet_information(octets: Octets<'_>) -> Step<'_> {
    let &[_, _, a, b, c, d, e, f] = octets.header().ok_or(CUT)?;
    let header = usize::from(u16::from_le_bytes([a, b])).max(8);
    let link_type = u16::try_from(u32::from_le_bytes([c, d, e, f])).map_err(|_| CUT)?;
    Ok((Next::Link(LinkType(link_type)), octets.after(header).ok_or(CUT)?))
}
