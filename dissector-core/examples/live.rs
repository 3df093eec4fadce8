//! Counts SYN retransmissions of live Ethernet frames. The frames come from a thread that makes some
//! up; in your program they come from libpcap, AF_PACKET or eBPF. The engine does no I/O and reads no
//! clock.
//!
//! ```sh
//! cargo run --example live
//! ```

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dissector_core::capture::{Frame, LinkType};
use dissector_core::connection::Stage;
use dissector_core::{ConnectionTable, LiveTable};
use etherparse::PacketBuilder;

fn main() {
    let (sender, frames) = mpsc::channel();
    thread::spawn(move || send_syns(&sender));

    // The limit bounds the memory of a program that runs for long.
    let mut live = LiveTable::new(ConnectionTable::with_limit(100_000));
    let mut retransmissions = 0;
    loop {
        match frames.recv_timeout(Duration::from_millis(100)) {
            Ok(octets) => {
                let frame = Frame::new(&octets, now_ns()).with_link_type(LinkType::ETHERNET);
                live.observe(frame, |table, seen| {
                    if seen.stage == Stage::Syn && seen.retry > 0 {
                        retransmissions += 1;
                        let client =
                            table.latest().map(|connection| connection.client().to_string());
                        let client = client.unwrap_or_default();
                        println!("{client}: SYN again, {retransmissions} so far");
                    }
                });
            }
            // No frame comes, but time passes: connections may be over.
            Err(RecvTimeoutError::Timeout) => live.tell_time(now_ns()),
            Err(RecvTimeoutError::Disconnected) => break,
        }
        for connection in live.table_mut().take_closed() {
            println!("{}: {}", connection.server(), live.table().outcome(&connection));
        }
    }
    let skipped = live.decoder().skipped();
    skipped.for_each(|(reason, frames)| println!("{frames} frames skipped: {reason}"));
}

fn now_ns() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as i64
}

/// Sends a SYN three times, and an ICMP echo request.
fn send_syns(sender: &Sender<Vec<u8>>) {
    let ethernet = || PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
    let ipv4 = || ethernet().ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64);
    for _ in 0..3 {
        let mut octets = Vec::new();
        let syn = ipv4().tcp(40_000, 80, 7, 64_240).syn();
        syn.write(&mut octets, &[]).expect("there is memory");
        sender.send(octets).expect("main receives it");
        thread::sleep(Duration::from_millis(300));
    }
    let mut octets = Vec::new();
    ipv4().icmpv4_echo_request(1, 1).write(&mut octets, &[]).expect("there is memory");
    sender.send(octets).expect("main receives it");
}
