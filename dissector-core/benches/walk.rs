//! Reading alone: finds every segment of a capture and reads its TCP header, without following
//! connections.
//!
//! `cargo bench -p dissector-core --bench walk -- FILE` prints the time; under
//! `valgrind --tool=callgrind` the same program counts instructions, which are the same on a busy
//! machine.

use std::hint::black_box;
use std::time::Instant;

use dissector_core::capture::{Capture, Packet};

fn main() {
    let Some(file) = std::env::args().skip(1).find(|argument| !argument.starts_with('-')) else {
        eprintln!("no capture given: nothing measured");
        return;
    };
    let mut capture = Capture::open(&file).expect("the capture can be opened");
    let (mut segments, mut octets) = (0u64, 0u64);
    let start = Instant::now();
    while let Some(packet) = capture.next_packet().expect("the capture can be read") {
        if let Packet::Segment(segment) = &packet {
            segments += 1;
            octets += u64::from(segment.payload_octets());
            // All of the header is wanted, and not only what is added up here.
            black_box(segment);
        }
    }
    let ns = start.elapsed().as_nanos();
    println!(
        "{segments} segments with {octets} octets in {} frames: {} ns each",
        capture.frames(),
        ns / u128::from(capture.frames().max(1))
    );
}
