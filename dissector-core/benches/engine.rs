//! The engine without output, in one thread: reads a capture, observes every packet, and gives the
//! verdict on each connection when it leaves, or at the end.
//!
//! `cargo bench -p dissector-core --bench engine -- FILE` prints the time; under
//! `valgrind --tool=callgrind` the same program counts instructions, which are the same on a busy
//! machine.

use std::convert::Infallible;
use std::hint::black_box;
use std::time::Instant;

use dissector_core::capture::Captures;
use dissector_core::{FollowOptions, follow};

fn main() {
    let Some(file) = std::env::args().skip(1).find(|argument| !argument.starts_with('-')) else {
        eprintln!("no capture given: nothing measured");
        return;
    };
    let mut captures = Captures::open([&*file]).expect("the capture can be opened");
    let (mut packets, mut connections) = (0u64, 0u64);
    let start = Instant::now();
    let summary = follow(&mut captures, FollowOptions::new().with_threads(1), |closed| {
        let _ = black_box(closed.verdict());
        packets += closed.connection.packets();
        connections += 1;
        Ok::<(), Infallible>(())
    });
    // Freeing the last connections is not measured: the command does not, either.
    std::mem::forget(summary);
    let ns = start.elapsed().as_nanos();
    println!(
        "{packets} packets of {connections} connections: {} ns each",
        ns / u128::from(packets.max(1))
    );
}
