//! A captured frame, and the packets in it.

use crate::capture::link_type::LinkType;
use crate::{IcmpError, PacketInfo, Segment};

/// A captured frame, as libpcap or a packet socket hands it over: input of a
/// [`Decoder`](super::Decoder).
///
/// ```
/// use dissector_core::capture::Frame;
///
/// // The first 96 octets of a frame of 1514, captured one second after 1970.
/// let octets = [0; 96];
/// let frame = Frame::new(&octets, 1_000_000_000).with_wire_octets(1514).with_number(7);
/// # assert_eq!(format!("{frame:?}").matches("1514").count(), 1);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    pub(super) octets: &'a [u8],
    pub(super) wire_octets: u32,
    pub(crate) time_ns: i64,
    pub(crate) number: Option<u64>,
    pub(super) link_type: Option<LinkType>,
}

impl<'a> Frame<'a> {
    /// A frame of these octets, without a frame check sequence, captured `time_ns` nanoseconds after
    /// 1970 UTC. By default it is whole, and its number follows that of the frame before.
    pub const fn new(octets: &'a [u8], time_ns: i64) -> Self {
        let wire_octets = octets.len() as u32;
        Self { octets, wire_octets, time_ns, number: None, link_type: None }
    }

    /// The same frame with its length on the wire, if a snap length has cut it.
    #[must_use]
    pub const fn with_wire_octets(self, wire_octets: u32) -> Self {
        Self { wire_octets, ..self }
    }

    /// The same frame with its number in the capture, from 1.
    #[must_use]
    pub const fn with_number(self, number: u64) -> Self {
        Self { number: Some(number), ..self }
    }

    /// The same frame from an interface of another link type than the decoder's.
    #[must_use]
    pub const fn with_link_type(self, link_type: LinkType) -> Self {
        Self { link_type: Some(link_type), ..self }
    }
}

/// A packet in a frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Packet<'a> {
    /// A TCP segment.
    Segment(Segment<'a>),
    /// An ICMP error that quotes one.
    IcmpError(IcmpError),
}

impl Packet<'_> {
    /// Its fields in the layers below TCP or ICMP.
    pub fn info(&self) -> &PacketInfo {
        match self {
            Self::Segment(segment) => &segment.packet,
            Self::IcmpError(error) => &error.packet,
        }
    }
}
