//! Inputs that once broke something, each as small as possible.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::io::Read;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use dissector_core::ConnectionTable;
use dissector_core::capture::{Capture, CaptureError, CaptureWarning, Problem};
use dissector_core::connection::{Annotation, Outcome, Repeat};
use hex_literal::hex;
use testkit::packet::{RST, SYN, TcpPacket};

/// A reader that returns one octet at a time.
struct Slow<'a>(&'a [u8]);

impl Read for Slow<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let some = into.len().min(1);
        self.0.read(&mut into[..some])
    }
}

/// Why reading stopped; the same however the reader cuts the file into pieces.
#[track_caller]
fn stopped(file: &[u8]) -> CaptureWarning {
    fn warning(reader: impl Read) -> CaptureWarning {
        let mut capture = Capture::new(reader).unwrap();
        while capture.next_packet().unwrap().is_some() {}
        *capture.warning().expect("it is damaged")
    }
    let whole = warning(file);
    assert_eq!(warning(Slow(file)), whole);
    whole
}

#[test]
fn a_record_header_that_is_not_all_there_is_not_believed() {
    let header = hex!("d4c3b2a1 0200 0400 00000000 00000000 ffff0000 65000000");
    // Its length of 80 MiB is there, and four octets behind it are missing.
    let file = [&header[..], &hex!("00000000 00000000 00000005")].concat();
    assert_eq!(stopped(&file), CaptureWarning::CutShort { frames: 0 });
}

#[test]
fn a_block_of_an_impossible_length_is_damaged_however_much_of_it_is_there() {
    let section = hex!("0a0d0d0a 1c000000 4d3c2b1a 0100 0000 ffffffffffffffff 1c000000");
    let file = [&section[..], &hex!("06000000 4100003c 00000000")].concat();
    let problem = Problem::BlockLength;
    assert_eq!(stopped(&file), CaptureWarning::Damaged { frames: 0, problem });
}

#[test]
fn a_section_header_too_long_to_be_one_is_called_so() {
    let file = hex!("0a0d0d0a f7000000 1a2b3c4d 0001 0000 ffffffffffffffff");
    for error in [Capture::new(&file[..]).map(drop), Capture::new(Slow(&file)).map(drop)] {
        let Err(CaptureError::SectionHeader { problem }) = error else { panic!("{error:?}") };
        assert_eq!(problem, Problem::BlockLength);
    }
}

/// A segment from 10.0.0.1:40000 to 10.0.0.2:80.
fn observe(table: &mut ConnectionTable, seconds: i64, sequence: u32, flags: u16) {
    let packet = TcpPacket {
        sequence,
        flags,
        ..TcpPacket::between(([10, 0, 0, 1], 40_000), ([10, 0, 0, 2], 80))
    };
    packet.with_segment(1, seconds * 1_000_000_000, |segment| table.observe(segment));
}

#[test]
fn a_number_half_a_circle_away() {
    let mut table = ConnectionTable::new();
    // The distance between the two is its own negative.
    observe(&mut table, 0, 0, SYN);
    observe(&mut table, 0, 0x8000_0001, RST);
    assert_eq!(table.connections().count(), 1);
}

#[test]
fn an_evicted_connection_is_judged_at_the_time_of_eviction() {
    let mut table = ConnectionTable::with_limit(1);
    observe(&mut table, 0, 7, SYN);
    // The table has room for one connection: the attempt leaves before its silence is long enough
    // for a verdict.
    syn(&mut table, 2, 99, 2_000_000_000, None);
    let left = table.take_closed();
    assert!(!left.is_empty());
    for connection in left {
        let late_ns = 3_600_000_000_000;
        assert_eq!(connection.outcome_at(late_ns), connection.verdict_at(late_ns).outcome);
        assert_eq!(connection.outcome_at(late_ns), Outcome::Pending);
    }
}

/// A SYN with this number, from port 40000 of one of many clients.
fn syn(
    table: &mut ConnectionTable,
    client: u32,
    number: u32,
    time_ns: i64,
    ip_id: Option<u16>,
) -> Annotation {
    let ends = ((Ipv4Addr::from(0x0a00_0000 | client), 40_000), ([192, 168, 0, 1], 80));
    let packet =
        TcpPacket { sequence: number, flags: SYN, ip_id, ..TcpPacket::between(ends.0, ends.1) };
    packet.with_segment(1, time_ns, |segment| table.observe(segment))
}

/// Time to evict so many connections of reused ports, and then their successors.
fn time_to_evict(connections: u32) -> Duration {
    let mut table = ConnectionTable::new().with_closed_limit(usize::MAX);
    let mut start = Instant::now();
    for (seconds, first, number) in [(0, 0, 100_u32), (1, 0, 900_000), (200, connections, 100)] {
        // Opening the last ones evicts those before.
        start = Instant::now();
        for client in first..first + connections {
            syn(&mut table, client, number, seconds * 1_000_000_000, None);
        }
    }
    assert_eq!(table.take_closed().len(), 2 * connections as usize);
    start.elapsed()
}

#[test]
fn two_syns_on_each_of_many_ports_and_then_silence() {
    // Eight times as many must not take 64 times as long.
    let (few, many) = (time_to_evict(30_000), time_to_evict(240_000));
    assert!(many < 24 * few, "{few:?} and {many:?}");
}

/// A copy is recognised although a thousand other segments came between.
#[test]
fn packets_captured_twice_a_tenth_of_a_second_apart() {
    const BETWEEN: u32 = 1_000;
    let mut table = ConnectionTable::new();
    let mut copy = |client: u32, time_ns| {
        let ip_id = Some(1 + client as u16 % 60_000);
        syn(&mut table, client, client.wrapping_mul(0x9e37_79b9), time_ns, ip_id).copy
    };
    let mut missed = 0;
    for number in 0..50_000 {
        let time_ns = i64::from(number) * 100_000;
        assert_eq!(copy(number, time_ns), Repeat::Original);
        if let Some(before) = number.checked_sub(BETWEEN) {
            missed += u32::from(copy(before, time_ns + 10) != Repeat::Duplicate);
        }
    }
    assert_eq!((missed, table.forgotten_segments()), (0, 0));
}
