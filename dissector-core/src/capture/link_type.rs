//! Link types by number.

/// Link-layer type of a capture, by its number in the registry of pcap and pcapng.
///
/// ```
/// use dissector_core::capture::LinkType;
///
/// assert_eq!(LinkType::ETHERNET.to_string(), "1 (Ethernet)");
/// assert_eq!(LinkType(4242).to_string(), "4242");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct LinkType(pub u16);
