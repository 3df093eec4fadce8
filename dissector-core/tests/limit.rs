//! A full table: which connection is evicted first, and which evictions are counted.

use dissector_core::ConnectionTable;
use dissector_core::connection::{Annotation, Outcome};
use testkit::packet::{ACK, RST, SYN, TcpPacket};

/// The SYN of a client's port, or the RST of the server that refuses it.
fn observe(table: &mut ConnectionTable, tenths: i64, port: u16, to_server: bool) -> Annotation {
    let (client, server) = (([10, 0, 0, 1], port), ([10, 0, 0, 2], 80));
    let packet = if to_server {
        TcpPacket { sequence: 100, flags: SYN, ..TcpPacket::between(client, server) }
    } else {
        let flags = RST | ACK;
        TcpPacket { acknowledgment: 101, flags, ..TcpPacket::between(server, client) }
    };
    packet.with_segment(1, tenths * 100_000_000, |segment| table.observe(segment))
}

#[test]
fn closed_connections_are_evicted_first_and_not_counted() {
    let mut table = ConnectionTable::with_limit(2);
    observe(&mut table, 0, 1000, true);
    observe(&mut table, 1, 1001, true);
    // The younger one is refused.
    observe(&mut table, 2, 1001, false);
    observe(&mut table, 3, 1002, true);
    assert_eq!(table.evicted(), 0);
    let left: Vec<_> = table.take_closed();
    assert_eq!(
        left.iter().map(|one| (one.id(), one.outcome_at(0))).collect::<Vec<_>>(),
        [(1, Outcome::Refused)]
    );

    // Only open connections are left: the one that was silent for longest is evicted.
    observe(&mut table, 4, 1003, true);
    assert_eq!(table.evicted(), 1);
    assert_eq!(table.take_closed().iter().map(|one| one.id()).collect::<Vec<_>>(), [0]);
    // Its later segments belong to another connection.
    assert_eq!(observe(&mut table, 5, 1000, false).connection, 4);
    assert_eq!(table.evicted(), 2);
}
