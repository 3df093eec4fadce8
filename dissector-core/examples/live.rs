//! A live loop that is fed from any source of packets: here a thread that makes some up, in your
//! program libpcap, AF_PACKET or eBPF. The engine reads no clock and does no I/O: it needs the
//! addresses, the time and the octets of the TCP segment, and nothing of the file reader.
//!
//! ```sh
//! cargo run --example live --no-default-features
//! ```

use std::net::Ipv4Addr;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dissector_core::connection::Connection;
use dissector_core::{ConnectionTable, PacketInfo, Segment};

/// A packet as some source hands it over.
struct Raw {
    source: Ipv4Addr,
    destination: Ipv4Addr,
    time_ns: i64,
    /// From the TCP header on.
    octets: Vec<u8>,
}

fn main() {
    let (sender, packets) = mpsc::channel();
    thread::spawn(move || traffic(&sender));

    // Live, a bound on memory matters more than old connections.
    let mut table = ConnectionTable::with_limit(100_000);
    let mut frame = 0;
    loop {
        match packets.recv_timeout(Duration::from_millis(100)) {
            Ok(raw) => {
                frame += 1;
                let packet = PacketInfo::new(raw.source, raw.destination, raw.time_ns)
                    .with_frame(frame)
                    .with_ttl(64);
                // A damaged packet costs its own row.
                let Ok(segment) = Segment::parse(packet, &raw.octets) else { continue };
                let seen = table.observe(&segment);
                if seen.final_ack {
                    println!("connection {} is open", seen.connection);
                }
                for finding in seen.findings.iter().filter(|one| !one.needs_the_future()) {
                    println!("connection {}: {}", seen.connection, finding.text());
                }
            }
            // Nothing comes, but time passes: what was silent for long is over.
            Err(RecvTimeoutError::Timeout) => table.advance(now_ns()),
            Err(RecvTimeoutError::Disconnected) => break,
        }
        table.take_closed().iter().for_each(|connection| report(connection, &table));
    }
    table.connections().for_each(|connection| report(connection, &table));
}

fn report(connection: &Connection, table: &ConnectionTable) {
    println!("{} → {}: {}", connection.client(), connection.server(), table.outcome(connection));
}

fn now_ns() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as i64
}

/// A connection that comes up, and one that is refused.
fn traffic(sender: &mpsc::Sender<Raw>) {
    const SYN: u8 = 0x02;
    const RST: u8 = 0x04;
    const ACK: u8 = 0x10;
    let [client, server] = [Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2)];
    let talk = [
        (client, server, segment(4000, 80, 100, 0, SYN)),
        (server, client, segment(80, 4000, 900, 101, SYN | ACK)),
        (client, server, segment(4000, 80, 101, 901, ACK)),
        (client, server, segment(4001, 81, 500, 0, SYN)),
        (server, client, segment(81, 4001, 0, 501, RST | ACK)),
    ];
    for (source, destination, octets) in talk {
        let raw = Raw { source, destination, time_ns: now_ns(), octets };
        if sender.send(raw).is_err() {
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

fn segment(from: u16, to: u16, sequence: u32, acknowledgment: u32, flags: u8) -> Vec<u8> {
    let mut octets = Vec::with_capacity(20);
    octets.extend(from.to_be_bytes());
    octets.extend(to.to_be_bytes());
    octets.extend(sequence.to_be_bytes());
    octets.extend(acknowledgment.to_be_bytes());
    octets.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    octets
}
