//! The engine without output: reads a capture and observes every segment.
//!
//! `cargo bench -p dissector-core --bench engine -- FILE` prints the time; under
//! `valgrind --tool=callgrind` the same program counts instructions, which are the same on a busy
//! machine.

use std::time::Instant;

use dissector_core::ConnectionTable;
use dissector_core::capture::{Capture, Packet};

fn main() {
    let Some(file) = std::env::args().skip(1).find(|argument| !argument.starts_with('-')) else {
        eprintln!("no capture given: nothing measured");
        return;
    };
    let mut capture = Capture::open(&file).expect("the capture can be opened");
    let mut table = ConnectionTable::new();
    let (mut segments, mut connections) = (0u64, 0u64);
    let start = Instant::now();
    while let Some(packet) = capture.next_packet().expect("the capture can be read") {
        if let Packet::Segment(segment) = packet {
            table.observe(&segment);
            segments += 1;
            connections += table.take_left().len() as u64;
        }
    }
    connections += table.connections().count() as u64;
    let ns = start.elapsed().as_nanos();
    println!(
        "{segments} segments of {connections} connections: {} ns each",
        ns / u128::from(segments.max(1))
    );
}
