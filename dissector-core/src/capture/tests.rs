//! A decoder is given each frame of a capture and finds what the capture finds.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Capture, CaptureError, Decoder, Frame, LinkType, Skipped};

/// Packets, and frames without a segment by reason.
type Found = (Vec<String>, Vec<(Skipped, u64)>);

/// Reads a file on the fast path where that takes a frame.
fn by_capture(path: &Path) -> Result<Found, CaptureError> {
    let mut capture = Capture::open(path)?;
    let mut packets = Vec::new();
    while let Some(packet) = capture.next_packet()? {
        packets.push(format!("{packet:?}"));
    }
    let skipped = capture.skipped().filter(|(reason, _)| *reason != Skipped::NotAPacket);
    Ok((packets, skipped.collect()))
}

/// Gives each frame to a decoder of its link type.
fn by_decoders(path: &Path) -> Result<Found, CaptureError> {
    let mut capture = Capture::open(path)?;
    let mut packets = Vec::new();
    let mut decoders: BTreeMap<LinkType, Decoder> = BTreeMap::new();
    while let Some((record, start)) = capture.next_frame()? {
        let start = start + record.captured.start;
        let octets = &capture.buffer.octets()[start..start + record.captured.len()];
        let frame = Frame::new(octets, record.time_ns)
            .with_wire_octets(record.wire_octets)
            .with_number(capture.frames());
        let link_type = record.link_type;
        let decoder = decoders.entry(link_type).or_insert_with(|| Decoder::new(link_type));
        packets.extend(decoder.decode(frame).map(|packet| format!("{packet:?}")));
    }
    let mut skipped = BTreeMap::new();
    for (reason, frames) in decoders.values().flat_map(Decoder::skipped) {
        *skipped.entry(reason).or_default() += frames;
    }
    Ok((packets, skipped.into_iter().collect()))
}

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in folder.read_dir().into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { files(&path, into) } else { into.push(path) }
    }
}

#[test]
fn decoders_find_what_captures_find() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let (mut captures, mut corpus) = (Vec::new(), Vec::new());
    files(&workspace.join("samples"), &mut captures);
    files(&workspace.join("../shared/captures"), &mut corpus);
    if corpus.is_empty() {
        testkit::skip!(testkit::skip::test_name(), "no captures in ../shared/captures");
    }
    captures.append(&mut corpus);
    let mut compared = 0;
    for path in captures {
        let Ok(expected) = by_capture(&path) else { continue };
        let decoded = by_decoders(&path).expect("it was read before");
        for (ours, theirs) in decoded.0.iter().zip(&expected.0) {
            assert_eq!(ours, theirs, "{}", path.display());
        }
        assert_eq!(decoded.0.len(), expected.0.len(), "{}", path.display());
        assert_eq!(decoded.1, expected.1, "{}", path.display());
        compared += expected.0.len();
    }
    assert!(compared > 100, "{compared} packets compared");
    println!("{compared} packets compared");
}
