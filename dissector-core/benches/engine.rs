//! The engine without output: reads a capture, observes every segment, and comes to a verdict on
//! each connection when it leaves, or at the end.
//!
//! `cargo bench -p dissector-core --bench engine -- FILE` prints the time; under
//! `valgrind --tool=callgrind` the same program counts instructions, which are the same on a busy
//! machine.

use std::hint::black_box;
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
            for connection in &table.take_left() {
                black_box(connection.verdict(table.now_ns()));
                connections += 1;
            }
        }
    }
    for connection in table.connections() {
        black_box(connection.verdict(table.now_ns()));
        connections += 1;
    }
    let ns = start.elapsed().as_nanos();
    println!(
        "{segments} segments of {connections} connections: {} ns each",
        ns / u128::from(segments.max(1))
    );
}
