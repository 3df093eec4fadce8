//! The way from the first octet of a frame to the segments in it, for all link types.

use testkit::capture::{Frames, Pcap};

use crate::octets::Octets;
use crate::reading::{Reading, Slow};

/// Link types that are opened, and some that are not.
const LINK_TYPES: &[u16] = &[
    1, 101, 113, 276, 0, 108, 228, 229, 9, 50, 51, 104, 105, 107, 119, 127, 163, 192, 6, 7, 10, 12,
    14, 100, 117, 122, 129, 178, 204, 239, 242, 3, 8, 109, 189, 195, 197, 215, 220, 230, 249, 252,
    253, 283,
];

/// Reads one octet for the link type, then frames: length, missing octets, and contents.
pub fn check(octets: &[u8]) {
    let mut octets = Octets::new(octets);
    let link_type = octets.choose(LINK_TYPES);
    let frames = frames(link_type, &mut octets);
    let classic = frames.pcap(Pcap::Microseconds);
    let whole = Reading::of(&classic[..]);
    assert_eq!(
        (whole.frames, &whole.warning, &whole.error),
        (frames.frames.len() as u64, &None, &None)
    );

    // With reads of one octet, no frame is complete in the buffer when it is first looked at, so
    // that none takes the fast path.
    assert_eq!(Reading::of(Slow::new(&classic, 1)), whole);
    // The other format holds the same frames.
    assert_eq!(Reading::of(&frames.pcapng()[..]), whole);

    for seen in &whole.packets {
        let index = (seen.packet.frame - 1) as usize;
        let frame = &frames.frames[index];
        // A reassembled segment may be longer than the frame that completes it.
        let sent: usize = frames.frames[..=index].iter().map(|frame| frame.wire as usize).sum();
        assert!(seen.packet.tcp_octets as usize <= sent, "{seen:?}");
        assert_eq!(seen.packet.time_ns, index as i64 * 1_000_000_000, "{frame:?}");
    }
}

fn frames(link_type: u16, octets: &mut Octets<'_>) -> Frames {
    let mut frames = Vec::new();
    while !octets.is_empty() && frames.len() < 64 {
        let length = usize::from(octets.u16());
        let longer = octets.choose(&[0, 0, 0, 1, 4, 20, 1000, 70_000]);
        frames.push((octets.take(length).to_vec(), longer));
    }
    let (captured, longer): (Vec<_>, Vec<_>) = frames.into_iter().unzip();
    let mut frames = Frames::each_second(link_type.into(), captured);
    for (frame, longer) in frames.frames.iter_mut().zip(longer) {
        frame.wire += longer;
    }
    frames
}
