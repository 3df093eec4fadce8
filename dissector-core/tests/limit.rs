//! A full table: who leaves first, and what is said of it.

use dissector_core::connection::{Annotation, Outcome};
use dissector_core::{ConnectionTable, PacketInfo, Segment};

const SYN: u8 = 0x02;
const RST_ACK: u8 = 0x14;

/// A segment between port `port` of a client and a server.
fn observe(table: &mut ConnectionTable, tenths: i64, port: u16, to_server: bool) -> Annotation {
    let (client, server) = ([10, 0, 0, 1], [10, 0, 0, 2]);
    let (source, destination) = if to_server { (client, server) } else { (server, client) };
    let packet = PacketInfo::new(source, destination, tenths * 100_000_000)
        .with_frame(1)
        .with_ttl(64)
        .with_tcp_octets(20);
    let ports = if to_server { [port, 80] } else { [80, port] };
    let mut octets: Vec<u8> = ports.iter().flat_map(|port| port.to_be_bytes()).collect();
    // The SYN has 100, which the RST acknowledges.
    octets.extend([0, 0, 0, if to_server { 100 } else { 0 }]);
    octets.extend([0, 0, 0, if to_server { 0 } else { 101 }]);
    octets.extend([0x50, if to_server { SYN } else { RST_ACK }, 0, 0, 0, 0, 0, 0]);
    table.observe(&Segment::parse(packet, &octets).expect("a whole header"))
}

#[test]
fn those_that_are_closed_leave_first_and_nobody_has_to_be_told() {
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

    // Now only open ones are there: the one that was silent for longest goes.
    observe(&mut table, 4, 1003, true);
    assert_eq!(table.evicted(), 1);
    assert_eq!(table.take_closed().iter().map(|one| one.id()).collect::<Vec<_>>(), [0]);
    // What it sends, or is sent, is of another connection.
    assert_eq!(observe(&mut table, 5, 1000, false).connection, 4);
    assert_eq!(table.evicted(), 2);
}
