//! The engine without output, on one thread, the way that the command goes: reads a capture in
//! batches, observes every packet, and comes to a verdict on each connection when it leaves, or at
//! the end.
//!
//! `cargo bench -p dissector-core --bench engine -- FILE` prints the time; under
//! `valgrind --tool=callgrind` the same program counts instructions, which are the same on a busy
//! machine.

use std::hint::black_box;
use std::time::Instant;

use dissector_core::ConnectionTable;
use dissector_core::capture::Captures;

/// As many packets as the command takes in at a time.
const BATCH: usize = 1 << 11;

fn main() {
    let Some(file) = std::env::args().skip(1).find(|argument| !argument.starts_with('-')) else {
        eprintln!("no capture given: nothing measured");
        return;
    };
    let mut captures = Captures::open([&*file]).expect("the capture can be opened");
    let mut table = ConnectionTable::new();
    let mut batch = table.new_batch();
    let (mut packets, mut connections) = (0u64, 0u64);
    let start = Instant::now();
    loop {
        let more = captures.fill(&mut batch, BATCH).expect("the capture can be read");
        packets += batch.len() as u64;
        table.shards_mut().for_each(|shard| shard.observe_batch(&batch));
        let left = table.end_batch(&batch, |_, _| {});
        batch.clear();
        for connection in left.iter() {
            black_box(connection.verdict(table.now_ns()));
            connections += 1;
        }
        if !more {
            break;
        }
    }
    let now_ns = table.now_ns();
    let remaining = table.into_remaining();
    for connection in remaining.iter() {
        black_box(connection.verdict(now_ns));
        connections += 1;
    }
    // As the command, which ends here.
    std::mem::forget(remaining);
    let ns = start.elapsed().as_nanos();
    println!(
        "{packets} packets of {connections} connections: {} ns each",
        ns / u128::from(packets.max(1))
    );
}
