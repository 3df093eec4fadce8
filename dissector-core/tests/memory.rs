//! The memory of a table stays within its bounds for any input; measured as the resident memory of
//! the process.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::net::SocketAddr;

use dissector_core::ConnectionTable;
use dissector_core::connection::Connection;
use testkit::packet::{ACK, Checksum, RST, SYN, TcpPacket};

const MIB: usize = 1024 * 1024;
/// The memory of the latest segments, by which the table recognises packets captured twice.
const RECENT: usize = 7 * MIB;
/// What the allocator keeps for itself.
const SLACK: usize = 8 * MIB;
/// A connection in the table with its place in the index, of which half may be empty.
const CONNECTION: usize = size_of::<Option<Connection>>() + 48;
/// The most that an attacker makes one connection take, by SYN/ACKs of many responders, each
/// repeated with timestamps of its own.
const WORST: usize = 12 * 1024;

/// Octets of the process that are in memory.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

struct Flood {
    table: ConnectionTable,
    frame: u64,
    /// Filled in anew for each segment.
    packet: TcpPacket,
}

impl Flood {
    fn new(limit: usize) -> Self {
        let mut packet = TcpPacket::between(([10, 0, 0, 2], 80), ([0, 0, 0, 0], 40_000));
        packet.options = vec![1, 1, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0];
        packet.checksum = Checksum::Given(0);
        Self { table: ConnectionTable::with_limit(limit), frame: 0, packet }
    }

    /// Observes a segment from host number `host` to the server, or back.
    fn send(&mut self, host: u32, back: bool, flags: u16, numbers: (u32, u32)) {
        self.frame += 1;
        let packet = &mut self.packet;
        let server = SocketAddr::from(([10, 0, 0, 2], 80));
        let client = SocketAddr::from((host.to_be_bytes(), 40_000));
        (packet.source, packet.destination) =
            if back { (server, client) } else { (client, server) };
        (packet.sequence, packet.acknowledgment) = numbers;
        packet.flags = flags;
        packet.ip_id = Some(self.frame as u16);
        // Each segment has another timestamp, so that none is a duplicate.
        packet.options[4..8].copy_from_slice(&(self.frame as u32).to_be_bytes());
        let time_ns = self.frame as i64 * 1_000_000;
        self.packet.with_segment(self.frame, time_ns, |segment| self.table.observe(segment));
    }
}

const SYN_ACK: u16 = SYN | ACK;

/// Fifteen times as many attempts as the table holds.
fn a_flood_of_syns() -> (Flood, usize) {
    const LIMIT: usize = 20_000;
    let before = resident();
    let mut flood = Flood::new(LIMIT);
    for host in 0..300_000 {
        flood.send(host, false, SYN, (host, 0));
        // One attempt in four is answered, one in eight reset.
        if host % 4 == 0 {
            flood.send(host, true, SYN_ACK, (7, host.wrapping_add(1)));
        }
        if host % 8 == 0 {
            flood.send(host, true, RST, (8, 0));
        }
        if host % 1000 == 0 {
            drop(flood.table.take_closed());
        }
    }
    assert!(flood.table.len() <= LIMIT);
    let taken = resident().saturating_sub(before);
    // A reset connection has rare state (`Extra`) in an allocation of its own.
    let rare = LIMIT / 8 * 768;
    let bound = LIMIT * CONNECTION + rare + RECENT + SLACK;
    assert!(taken <= bound, "{taken} octets, of {bound}");
    (flood, taken)
}

/// Each connection gets every kind of segment that makes it grow.
fn the_worst_connections() -> usize {
    const CONNECTIONS: usize = 2000;
    let before = resident();
    let mut flood = Flood::new(CONNECTIONS);
    for host in 0..CONNECTIONS as u32 {
        for _ in 0..34 {
            flood.send(host, false, SYN, (100, 0));
        }
        for back in [true, false] {
            for responder in 0..9 {
                for _ in 0..34 {
                    flood.send(host, back, SYN_ACK, (1000 * responder, 101));
                }
            }
        }
        flood.send(host, true, RST, (1, 0));
    }
    drop(flood.table.take_closed());
    let taken = resident().saturating_sub(before);
    let bound = CONNECTIONS * WORST + RECENT + SLACK;
    assert!(taken <= bound, "{taken} octets, of {bound}: {} a connection", taken / CONNECTIONS);
    taken
}

/// Each measurement is the growth of the whole process; no memory is returned between them.
#[test]
fn memory_stays_within_its_bounds() {
    let (kept, flood) = a_flood_of_syns();
    let worst = the_worst_connections();
    println!("{} KiB a flood, {} KiB the worst connections", flood / 1024, worst / 1024);
    drop(kept);
}
