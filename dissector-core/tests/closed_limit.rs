//! A live program that never takes closed connections runs in constant memory.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test")]

use dissector_core::{ConnectionTable, DEFAULT_CLOSED_LIMIT, PacketInfo, Segment};

const LIMIT: usize = 1_000;
/// Octets by which the memory may grow, whatever the number of connections: what the allocator does.
const SLACK: usize = 2 * 1024 * 1024;

/// Octets of the process that are in memory.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

/// Opens a connection from each of these hosts, and refuses it.
fn refuse(table: &mut ConnectionTable, hosts: std::ops::Range<u32>) {
    let syn = *b"\x9c\x40\0\x50\0\0\0\x07\0\0\0\0\x50\x02\xff\xff\0\0\0\0";
    let rst = *b"\0\x50\x9c\x40\0\0\0\0\0\0\0\x08\x50\x14\0\0\0\0\0\0";
    for host in hosts {
        let (client, server) = (host.to_be_bytes(), [10, 0, 0, 2]);
        let time_ns = i64::from(host) * 1_000_000;
        let packet = PacketInfo::new(client, server, time_ns);
        table.observe(&Segment::parse(packet, &syn).unwrap());
        let packet = PacketInfo::new(server, client, time_ns + 1_000);
        table.observe(&Segment::parse(packet, &rst).unwrap());
    }
}

#[test]
fn closed_connections_that_are_not_taken_are_forgotten() {
    let mut table = ConnectionTable::with_limit(LIMIT);
    refuse(&mut table, 0..120_000);
    let before = resident();
    refuse(&mut table, 120_000..240_000);
    let grown = resident().saturating_sub(before);
    assert!(grown < SLACK, "{grown} octets more for 120,000 connections more");

    // Each one is in the table, can be taken, or was counted: the last ones can be taken.
    let (forgotten, open) = (table.forgotten(), table.len());
    let closed = table.take_closed();
    assert_eq!(forgotten + (open + closed.len()) as u64, 240_000);
    assert!((DEFAULT_CLOSED_LIMIT..DEFAULT_CLOSED_LIMIT + LIMIT).contains(&closed.len()));
    assert!(
        closed
            .iter()
            .map(|connection| u64::from(connection.id()))
            .eq(forgotten..240_000 - open as u64)
    );
    assert_eq!(table.evicted(), 0);
}
