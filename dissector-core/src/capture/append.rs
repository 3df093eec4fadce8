//! The usual frame's way into a batch.

use super::disorder::is_behind;
use super::fast_path;
use super::format::record::FrameRecord;
use crate::pipeline::batch::{Batch, PlainIpv4};

/// Which frames are wanted.
pub(super) struct Wanted {
    /// The number of the first of them.
    pub frame: u64,
    /// They are not if they are as late as this. Nor are those far behind what is in the batch.
    pub until_ns: i64,
    pub most: usize,
}

/// How many there were, and the octets of their records.
pub(super) struct Appended {
    pub frames: usize,
    pub octets: usize,
}

/// Appends the segments in the records at the start of `octets` to `batch`, as long as each is all
/// there and a usual frame.
///
/// A function that nearly never calls another: most of what it reads of a frame it can keep in
/// registers. And nothing on the way is written to memory but the batch itself: whoever waits for
/// what he has just written waits for the cache lines of the batch too, which come from another core.
#[inline(never)]
pub(super) fn append(
    batch: &mut Batch,
    octets: &[u8],
    wanted: &Wanted,
    read: impl Fn(&[u8]) -> Option<(FrameRecord, usize)>,
) -> Appended {
    let (mut rest, mut frames) = (octets, 0);
    while frames < wanted.most {
        let next = wanted.frame + frames as u64;
        match append_one(batch, rest, next, wanted.until_ns, &read) {
            None => break,
            Some(None) => batch.make_room(),
            Some(Some(record_octets)) => {
                rest = &rest[record_octets..];
                frames += 1;
            }
        }
    }
    Appended { frames, octets: octets.len() - rest.len() }
}

/// How many octets the record has; `Some(None)`, and nothing changed, where the batch has no room.
#[inline(always)]
fn append_one(
    batch: &mut Batch,
    octets: &[u8],
    number: u64,
    until_ns: i64,
    read: impl Fn(&[u8]) -> Option<(FrameRecord, usize)>,
) -> Option<Option<usize>> {
    let (frame, record_octets) = read(octets)?;
    let captured = octets.get(frame.captured.clone())?;
    let packet = fast_path::untagged_ipv4(&frame, captured)?;
    let following = octets.get(frame.captured.start + packet.tcp.start..)?;
    let is_behind = is_behind(frame.time_ns, batch.now_ns());
    if frame.time_ns >= until_ns || is_behind {
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
    Some(appended.then_some(record_octets))
}
