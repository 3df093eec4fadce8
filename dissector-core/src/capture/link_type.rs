//! Link types by number; `decode/link.rs` gives them names, and readers.

/// Link-layer type of a capture, by its number in the
/// [registry](https://www.tcpdump.org/linktypes.html) of pcap and pcapng. The constants are those
/// that are decoded.
///
/// ```
/// use dissector_core::capture::LinkType;
///
/// assert_eq!(LinkType::from_name("LINUX_SLL"), Some(LinkType(113)));
/// assert_eq!("ethernet".parse(), Ok(LinkType::ETHERNET));
/// assert_eq!("276".parse(), Ok(LinkType::LINUX_SLL2));
/// let error = "ethernot".parse::<LinkType>().unwrap_err().to_string();
/// assert!(error.starts_with("no such link type; known are NULL, ETHERNET, "));
///
/// assert_eq!(LinkType::ETHERNET.name(), Some("ETHERNET"));
/// assert_eq!(LinkType::ETHERNET.to_string(), "1 (Ethernet)");
/// assert_eq!(LinkType(4242).to_string(), "4242");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct LinkType(pub u16);
