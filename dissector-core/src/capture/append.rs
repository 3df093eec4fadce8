//! The usual frame's way into a batch.

use super::frame::Frame;
use super::plain;
use crate::batch::{Batch, PlainIpv4};

/// What there is to know of the next frame before it is read.
pub(super) struct Next {
    pub frame: u64,
    /// It is not wanted if it is as late as this.
    pub until_ns: i64,
}

/// Appends the segment in the record at the start of `octets` to `batch`, if that is all there and a
/// usual frame; how many octets the record has. 0 where the batch had no room: now it has.
///
/// A function that calls no other: nearly all that it reads of a frame it can keep in registers. And
/// nothing on the way is written to memory but the batch itself: whoever waits for what he has just
/// written waits for the cache lines of the batch too, which come from another core.
#[inline(never)]
pub(super) fn append(
    batch: &mut Batch,
    octets: &[u8],
    next: &Next,
    read: impl FnOnce(&[u8]) -> Option<(Frame, usize)>,
) -> Option<usize> {
    let (frame, record_octets) = read(octets)?;
    let captured = octets.get(frame.captured.clone())?;
    let packet = plain::untagged_ipv4(&frame, captured)?;
    let following = octets.get(frame.captured.start + packet.tcp.start..)?;
    if frame.time_ns >= next.until_ns {
        return None;
    }
    let known = PlainIpv4 {
        frame: next.frame,
        time_ns: frame.time_ns,
        addresses: packet.addresses,
        ip_id: packet.ip_id,
        ttl: packet.ttl,
        tcp_octets: packet.tcp_octets,
    };
    if batch.push_ipv4(&known, packet.tcp.len(), following)? {
        Some(record_octets)
    } else {
        batch.make_room();
        Some(0)
    }
}
