//! Frames: through all layers between the first octet and TCP.

pub(super) mod ethernet;
mod fragments;
pub(super) mod frame;
pub(super) mod ip;
pub(super) mod layers;
pub(super) mod link;
mod mpls;
mod next;
mod ppp;
mod tunnel;
mod udp;
mod wlan;

use std::iter::Rev;
use std::slice::Iter;

use self::frame::{Frame, Packet};
use self::layers::{Decoded, Layers};
use super::link_type::LinkType;
use super::skipped::{Skipped, Tally};

/// Turns captured frames into TCP segments and ICMP errors, through tags, tunnels and IP fragments,
/// exactly as [`Capture`](super::Capture) does with the frames of a file.
///
/// One decoder belongs to one capture: it keeps the fragments of datagrams that are not complete yet
/// (16 MiB at most) and counts the frames. Damaged frames are [skipped](Self::skipped).
///
/// ```
/// use dissector_core::ConnectionTable;
/// use dissector_core::capture::{Decoder, Frame, LinkType, Packet};
///
/// let mut syn = *b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x08\0\
///     \x45\0\0\x28\0\x01\0\0\x40\x06\0\0\x0a\0\0\x01\x0a\0\0\x02\
///     \x9c\x40\0\x50\0\0\0\x07\0\0\0\0\x50\x02\xff\xff\0\0\0\0";
/// let mut decoder = Decoder::new(LinkType::ETHERNET);
/// let mut table = ConnectionTable::new();
/// let mut retransmissions = 0;
/// for (id, seconds) in [(1, 0), (2, 1), (3, 3)] {
///     syn[19] = id;
///     for packet in decoder.decode(Frame::new(&syn, seconds * 1_000_000_000)) {
///         if let Packet::Segment(segment) = packet {
///             let seen = table.observe(&segment);
///             retransmissions += u32::from(seen.retry > 0);
///         }
///     }
/// }
/// assert_eq!(retransmissions, 2);
/// ```
#[derive(Debug)]
pub struct Decoder {
    link_type: LinkType,
    frames: u64,
    layers: Layers,
    pub(super) skipped: Tally,
}

/// The packets of one frame: nearly always one or none.
#[derive(Clone, Debug)]
pub struct Packets<'a> {
    octets: &'a [u8],
    decoded: Rev<Iter<'a, Decoded>>,
    reassembled: &'a [Vec<u8>],
    skipped: Option<Skipped>,
}

impl Decoder {
    /// A decoder of frames that begin with the headers of `link_type`.
    pub fn new(link_type: LinkType) -> Self {
        let (layers, skipped) = (Layers::default(), Tally::default());
        Self { link_type, frames: 0, layers, skipped }
    }

    /// The packets in `frame`. A segment whose IP packet was fragmented belongs to the frame that
    /// completes it.
    ///
    /// No frame is an error: without a segment, the reason is in [`Packets::skipped`].
    #[must_use]
    pub fn decode<'a>(&'a mut self, frame: Frame<'a>) -> Packets<'a> {
        let skipped = self.decode_at(frame, 0);
        Packets {
            octets: frame.octets,
            decoded: self.layers.decoded.iter().rev(),
            reassembled: &self.layers.reassembled,
            skipped,
        }
    }

    /// Number of the last frame.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// The frames so far that gave no segment, counted by reason.
    pub fn skipped(&self) -> impl Iterator<Item = (Skipped, u64)> {
        self.skipped.iter()
    }

    /// Takes the next packet of the last frame.
    pub(super) fn pop(&mut self) -> Option<Decoded> {
        self.layers.decoded.pop()
    }

    /// True if all packets of the last frame have been taken.
    #[inline]
    pub(super) fn is_drained(&self) -> bool {
        self.layers.decoded.is_empty()
    }

    /// The octets of a packet of the last frame, which lies in `buffer`.
    pub(super) fn packet<'a>(&'a self, decoded: &Decoded, buffer: &'a [u8]) -> Option<Packet<'a>> {
        decoded.packet(buffer, &self.layers.reassembled)
    }

    /// Decodes a frame that lies at `start` in a buffer, where its segments are located then.
    pub(super) fn decode_at(&mut self, frame: Frame<'_>, start: usize) -> Option<Skipped> {
        self.frames = frame.number.unwrap_or(self.frames + 1);
        let link_type = frame.link_type.unwrap_or(self.link_type);
        let reason = self.layers.decode(link_type, self.frames, &frame, start, &mut self.skipped);
        reason.inspect(|reason| self.skipped.add(*reason))
    }
}

impl Packets<'_> {
    /// Why the frame holds no TCP segment; `None` if it holds one.
    pub fn skipped(&self) -> Option<Skipped> {
        self.skipped
    }
}

impl<'a> Iterator for Packets<'a> {
    type Item = Packet<'a>;

    fn next(&mut self) -> Option<Packet<'a>> {
        self.decoded.next()?.packet(self.octets, self.reassembled)
    }
}
