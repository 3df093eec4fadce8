//! The way from the first octet of a frame to the segments in it, for all link types.

use crate::octets::Octets;
use crate::reading::{Reading, Slow};

/// Link types that are opened, and some that are not.
const LINK_TYPES: &[u16] = &[
    1, 101, 113, 276, 0, 108, 228, 229, 9, 50, 51, 104, 105, 107, 119, 127, 163, 192, 6, 7, 10, 12,
    14, 100, 117, 122, 129, 178, 204, 239, 242, 3, 8, 109, 189, 195, 197, 215, 220, 230, 249, 252,
    253, 283,
];

const PCAP: &[u8] = b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// One octet for the link type; then frames, each behind its length and how much longer it was on
/// the wire.
pub fn check(octets: &[u8]) {
    let mut octets = Octets::new(octets);
    let link_type = octets.choose(LINK_TYPES);
    let frames = frames(&mut octets);
    let classic = pcap(link_type, &frames);
    let whole = Reading::of(&classic[..]);
    assert_eq!((whole.frames, &whole.warning, &whole.error), (frames.len() as u64, &None, &None));

    // Octet by octet nothing is ever all there when it is looked at first: no frame goes the
    // straight way.
    assert_eq!(Reading::of(Slow::new(&classic, 1)), whole);
    // The other format holds the same frames.
    assert_eq!(Reading::of(&pcapng(link_type, &frames)[..]), whole);

    for seen in &whole.packets {
        let index = (seen.packet.frame - 1) as usize;
        let frame = &frames[index];
        // What was put together of fragments is longer than its last frame.
        let sent: usize = frames[..=index].iter().map(|frame| frame.original).sum();
        assert!(seen.packet.tcp_octets as usize <= sent, "{seen:?}");
        assert_eq!(seen.packet.time_ns, index as i64 * 1_000_000_000, "{frame:?}");
    }
}

#[derive(Debug)]
struct Frame<'a> {
    captured: &'a [u8],
    original: usize,
}

fn frames<'a>(octets: &mut Octets<'a>) -> Vec<Frame<'a>> {
    let mut frames = Vec::new();
    while !octets.is_empty() && frames.len() < 64 {
        let length = usize::from(octets.u16());
        let longer = octets.choose(&[0, 0, 0, 1, 4, 20, 1000, 70_000]);
        let captured = octets.take(length);
        frames.push(Frame { captured, original: captured.len() + longer });
    }
    frames
}

fn pcap(link_type: u16, frames: &[Frame<'_>]) -> Vec<u8> {
    let mut file = PCAP.to_vec();
    file.extend(u32::from(link_type).to_le_bytes());
    for (second, frame) in (0_u32..).zip(frames) {
        let lengths = [frame.captured.len(), frame.original].map(|length| length as u32);
        file.extend([second, 0, lengths[0], lengths[1]].into_iter().flat_map(u32::to_le_bytes));
        file.extend(frame.captured);
    }
    file
}

/// The same with the octets of each number the other way round, and times in nanoseconds.
fn pcapng(link_type: u16, frames: &[Frame<'_>]) -> Vec<u8> {
    let mut file = Vec::new();
    block(
        &mut file,
        0x0a0d_0d0a,
        &[&[0x1a, 0x2b, 0x3c, 0x4d, 0, 1, 0, 0][..], &[0xff; 8]].concat(),
    );
    let interface = [&link_type.to_be_bytes()[..], &[0; 6], &[0, 9, 0, 1, 9, 0, 0, 0], &[0; 4]];
    block(&mut file, 1, &interface.concat());
    for (second, frame) in (0_u64..).zip(frames) {
        let time = second * 1_000_000_000;
        let mut body = [0, (time >> 32) as u32, time as u32, frame.captured.len() as u32]
            .map(u32::to_be_bytes)
            .concat();
        body.extend((frame.original as u32).to_be_bytes());
        body.extend(frame.captured);
        block(&mut file, 6, &body);
    }
    file
}

fn block(file: &mut Vec<u8>, kind: u32, body: &[u8]) {
    let padding = body.len().next_multiple_of(4) - body.len();
    let length = ((12 + body.len() + padding) as u32).to_be_bytes();
    file.extend(kind.to_be_bytes());
    file.extend(length);
    file.extend(body);
    file.extend(&[0; 3][..padding]);
    file.extend(length);
}
