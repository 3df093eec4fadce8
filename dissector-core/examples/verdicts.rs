//! Says of each connection in a capture whether it came up, and if not, why.
//!
//! ```sh
//! cargo run --example verdicts -- samples/accept-queue-full.pcapng
//! ```

use std::env;
use std::error::Error;

use dissector_core::ConnectionTable;
use dissector_core::capture::{Capture, Packet};
use dissector_core::connection::{Connection, Verdict};

fn main() -> Result<(), Box<dyn Error>> {
    let file = env::args().nth(1).ok_or("usage: verdicts FILE")?;
    let mut table = ConnectionTable::new();
    let mut capture = Capture::open(&file)?;
    while let Some(packet) = capture.next_packet()? {
        match packet {
            Packet::Segment(segment) => drop(table.observe(&segment)),
            // An ICMP error can be the answer to a SYN.
            Packet::IcmpError(error) => drop(table.observe_icmp(&error)),
            _ => {}
        }
        // Taken from time to time, memory does not grow with the capture.
        for connection in table.take_closed() {
            say(&connection, &table.verdict(&connection));
        }
    }
    // Those that are still open, judged by the time of the last packet.
    for connection in table.connections() {
        say(connection, &table.verdict(connection));
    }
    Ok(())
}

fn say(connection: &Connection, verdict: &Verdict) {
    println!(
        "{:>5}  {} → {}  {}",
        connection.id(),
        connection.client(),
        connection.server(),
        verdict.outcome
    );
    if verdict.outcome.failed() {
        println!("       {}", verdict.outcome.advice().means);
    }
    if let Some(setup_ns) = verdict.times.setup_time_ns {
        println!("       set up in {:.3} ms, closed: {}", setup_ns as f64 / 1e6, verdict.close);
    }
}
