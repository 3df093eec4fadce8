//! Ethernet, EtherTypes, VLAN and other tags, IEEE 802.2 LLC.
//!
//! etherparse cannot read them for us: it does not keep the length on the wire, from which the payload
//! length follows, stops at three VLAN tags, and opens no tunnel.

use super::next::{Network, Next, Octets, Step};
use crate::capture::skipped::{Layer, Skipped};

pub(crate) const ETHERTYPE_IPV4: u16 = 0x0800;
pub(crate) const ETHERTYPE_IPV6: u16 = 0x86dd;
/// Up to this value, an EtherType field is a length.
pub(crate) const IEEE_802_3_MAX_LENGTH: u16 = 1500;
/// In Wireshark a tag takes two of 50 levels; with this many tags it still reaches TCP.
const MAX_VLAN_TAGS: usize = 20;

const SAP_IP: u8 = 0x06;
const SAP_SNAP: u8 = 0xaa;

/// An Ethernet header, or Cisco's FabricPath header, which looks like one and has another behind it.
pub(crate) fn ethernet(octets: Octets<'_>) -> Step<'_> {
    let cut = Skipped::Truncated(Layer::Link);
    let &[.., a, b] = octets.header::<14>().ok_or(cut)?;
    match u16::from_be_bytes([a, b]) {
        // Tree and TTL follow the EtherType, and a frame check sequence the inner frame.
        0x8903 => {
            let inner = octets.after(16).ok_or(cut)?;
            Ok((Next::Ethernet, inner.limited(inner.sent.saturating_sub(4))))
        }
        ethertype => Ok((Next::EtherTypeOrLength(ethertype), octets.after(14).ok_or(cut)?)),
    }
}

/// The payload behind two Ethernet addresses or in a tag, by EtherType or length.
pub(crate) fn ethertype_or_length(value: u16, octets: Octets<'_>) -> Step<'_> {
    if value > IEEE_802_3_MAX_LENGTH {
        return Ok((Next::EtherType(value), octets));
    }
    // Novell's own framing puts IPX there.
    if octets.captured.starts_with(&[0xff, 0xff]) {
        return Err(Skipped::Ieee8023);
    }
    Ok((Next::Llc, octets.limited(value.into())))
}

/// The payload by EtherType, behind any VLAN tags (IEEE 802.1Q, 802.1ad and the older 0x9100). Leaves
/// the number of the last VLAN in `vlan`.
pub(crate) fn ethertype<'a>(
    mut ethertype: u16,
    mut octets: Octets<'a>,
    vlan: &mut u16,
) -> Step<'a> {
    for _ in 0..=MAX_VLAN_TAGS {
        // Octets of the tag. Its last field is the EtherType of the payload.
        let tag = match ethertype {
            ETHERTYPE_IPV4 => return Ok((Next::Ip(Network::Ipv4OrIpv6), octets)),
            ETHERTYPE_IPV6 => return Ok((Next::Ip(Network::Ipv6), octets)),
            0x8100 | 0x88a8 | 0x9100 => {
                let &[a, b] = octets.header().ok_or(Skipped::Truncated(Layer::Vlan))?;
                *vlan = u16::from_be_bytes([a, b]) & 0xfff;
                4
            }
            // VN-Tag, 802.1BR E-Tag, Cisco metadata and 802.1ah, whose tag holds two addresses.
            0x8926 => 6,
            0x893f | 0x8909 => 8,
            0x88e7 => 18,
            // High-availability Seamless Redundancy (IEC 62439-3).
            0x892f => 6,
            0x6558 => return Ok((Next::Ethernet, octets)),
            0x8847 | 0x8848 => return Ok((Next::Mpls, octets)),
            0x8864 => return Ok((Next::Pppoe, octets)),
            0x8870 => return Ok((Next::Llc, octets)),
            0x890d => return Ok((Next::Wlan, octets)),
            0x894f => return Ok((Next::Nsh, octets)),
            0x22f3 => return trill(octets),
            0x88e5 => return macsec(octets),
            0..=IEEE_802_3_MAX_LENGTH => return Err(Skipped::Ieee8023),
            _ => return Err(Skipped::EtherType(ethertype)),
        };
        let cut = Skipped::Truncated(Layer::Vlan);
        let header = octets.captured.get(..tag).ok_or(cut)?;
        let &[.., a, b] = header else { return Err(cut) };
        let inner = u16::from_be_bytes([a, b]);
        octets = octets.after(tag).ok_or(cut)?;
        if inner <= IEEE_802_3_MAX_LENGTH {
            return Ok((Next::EtherTypeOrLength(inner), octets));
        }
        ethertype = inner;
    }
    Err(Skipped::VlanDepth)
}

/// TRILL (RFC 6325 §3.2): a header with options, then Ethernet.
fn trill(octets: Octets<'_>) -> Step<'_> {
    let cut = Skipped::Truncated(Layer::Vlan);
    let &[a, b] = octets.header().ok_or(cut)?;
    let options = usize::from(u16::from_be_bytes([a, b]) >> 6 & 0x1f) * 4;
    Ok((Next::Ethernet, octets.after(6 + options).ok_or(cut)?))
}

/// MACsec (IEEE 802.1AE) without encryption.
fn macsec(octets: Octets<'_>) -> Step<'_> {
    const ENCRYPTED: u8 = 0x0c;
    const SECURE_CHANNEL_IDENTIFIER: u8 = 0x20;
    const CHECK_VALUE_OCTETS: usize = 16;
    let cut = Skipped::Truncated(Layer::Vlan);
    let &[control, ..] = octets.header::<6>().ok_or(cut)?;
    if control & ENCRYPTED != 0 {
        return Err(Skipped::Encrypted);
    }
    let header = if control & SECURE_CHANNEL_IDENTIFIER != 0 { 14 } else { 6 };
    let protected = octets.after(header).ok_or(cut)?;
    let protected = protected.limited(protected.sent.saturating_sub(CHECK_VALUE_OCTETS));
    let &[a, b] = protected.header().ok_or(cut)?;
    Ok((Next::EtherType(u16::from_be_bytes([a, b])), protected.after(2).ok_or(cut)?))
}

/// IEEE 802.2 logical link control, with SNAP.
pub(crate) fn llc(octets: Octets<'_>) -> Step<'_> {
    let cut = Skipped::Truncated(Layer::Llc);
    let &[destination, source, control] = octets.header().ok_or(cut)?;
    let header = if control & 3 == 3 { 3 } else { 4 };
    let payload = octets.after(header).ok_or(cut)?;
    match (destination, source) {
        // Bridged Ethernet has two octets of padding in front.
        (SAP_SNAP, SAP_SNAP) => snap(payload, 2),
        (SAP_IP, _) => Ok((Next::Ip(Network::Ipv4OrIpv6), payload)),
        _ => Err(Skipped::Ieee8023),
    }
}

/// SNAP: an organisation and its protocol, with `padding` octets in front of bridged Ethernet.
pub(crate) fn snap(octets: Octets<'_>, padding: usize) -> Step<'_> {
    let cut = Skipped::Truncated(Layer::Llc);
    let &[a, b, c, d, e] = octets.header().ok_or(cut)?;
    let payload = octets.after(5).ok_or(cut)?;
    match ([a, b, c], u16::from_be_bytes([d, e])) {
        ([0, 0, 0 | 0xf8], ethertype) => Ok((Next::EtherType(ethertype), payload)),
        // With the frame check sequence and without (RFC 2427 §4.2).
        ([0, 0x80, 0xc2], 1 | 7) => Ok((Next::Ethernet, payload.after(padding).ok_or(cut)?)),
        _ => Err(Skipped::Ieee8023),
    }
}
