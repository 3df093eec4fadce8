//! Batches, and captures read in batches and ahead.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::io::{Cursor, Read, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{fs, thread};

use flate2::Compression;
use flate2::write::GzEncoder;
use hex_literal::hex;

use crate::capture::{Capture, CaptureWarning, Captures, Disorder, Input, Packet};
use crate::pipeline::reader::Origins;
use crate::table::ConnectionTable;
use crate::wire::TcpHeader;
use crate::{PacketInfo, Segment};

/// A pcap file of SYNs at these seconds, the time also being the sequence number.
fn pcap(seconds: &[u32]) -> Vec<u8> {
    let mut file = hex!("d4c3b2a1 0200 0400 00000000 00000000 ffff0000 65000000").to_vec();
    for second in seconds {
        file.extend(second.to_le_bytes());
        file.extend(hex!("00000000 28000000 28000000"));
        file.extend(hex!("45000028 0001 0000 40 06 0000 0a000001 0a000002 9c400035"));
        file.extend(second.to_be_bytes());
        file.extend(hex!("00000000 5002 ffff 00000000"));
    }
    file
}

fn write(folder: &tempfile::TempDir, name: &str, octets: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, octets).unwrap();
    path
}

/// Index, frame and second of each packet.
fn all(captures: &mut Captures) -> Vec<(usize, u64, u32)> {
    let mut packets = Vec::new();
    while let Some((file, packet)) = captures.next_packet().unwrap() {
        let Packet::Segment(segment) = packet else { panic!("{packet:?}") };
        packets.push((file, segment.packet.frame, segment.tcp.sequence.0));
    }
    packets
}

fn sequence(mut capture: Capture<impl Read>) -> (Vec<u32>, Option<CaptureWarning>) {
    let mut seconds = Vec::new();
    while let Some(segment) = capture.next_segment().unwrap() {
        seconds.push(segment.tcp.sequence.0);
    }
    (seconds, capture.warning().copied())
}

fn gzip(octets: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(octets).unwrap();
    encoder.finish().unwrap()
}

/// A reader that fails where the octets end.
struct Failing(Cursor<Vec<u8>>);

impl Read for Failing {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        match self.0.read(into)? {
            0 => Err(std::io::ErrorKind::InvalidData.into()),
            octets => Ok(octets),
        }
    }
}

#[test]
fn the_disorder_of_a_file_does_not_depend_on_threads() {
    let folder = tempfile::tempdir().unwrap();
    let files =
        [write(&folder, "a", &pcap(&[5, 1, 9, 3, 3, 10])), write(&folder, "b", &pcap(&[6, 7]))];
    let disorder = Disorder { frames: 3, furthest_frame: 4, furthest_ns: 6_000_000_000 };
    let expected = [Some(disorder), None];
    let mut one_by_one = Captures::open(files.clone()).unwrap();
    assert_eq!(all(&mut one_by_one).len(), 8);
    assert_eq!([0, 1].map(|index| one_by_one.disorder(index)), expected);
    for most in [1, 2, 100] {
        let mut captures = Captures::open(files.clone()).unwrap();
        let mut batch = ConnectionTable::new().new_batch();
        while captures.fill(&mut batch, most).unwrap() {}
        assert_eq!(batch.len(), 8);
        assert_eq!([0, 1].map(|index| captures.disorder(index)), expected, "{most}");
    }
}

#[test]
fn a_file_that_is_gone_when_its_turn_comes_costs_no_other_a_packet() {
    let folder = tempfile::tempdir().unwrap();
    let files = [write(&folder, "a", &pcap(&[1, 100, 200])), write(&folder, "b", &pcap(&[50, 60]))];
    for batches in [false, true] {
        let gone = write(&folder, "gone", &pcap(&[40]));
        let [a, b] = files.clone();
        let mut captures = Captures::open([a, gone.clone(), b]).unwrap();
        fs::remove_file(gone).unwrap();
        let (mut seconds, mut errors) = (0, Vec::new());
        let mut batch = ConnectionTable::new().new_batch();
        loop {
            let more = match batches {
                true => captures.fill(&mut batch, 1),
                false => captures.next_packet().map(|packet| {
                    seconds += usize::from(packet.is_some());
                    packet.is_some()
                }),
            };
            match more {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => errors.push(error.index),
            }
        }
        assert_eq!((seconds + batch.len(), errors), (5, vec![1]), "{batches}");
    }
}

/// Times so far apart that their difference has no place in 64 bits.
#[test]
fn the_disorder_of_extreme_times_does_not_depend_on_threads() {
    let record = |ticks: u64| {
        let mut block = hex!("06000000 48000000 00000000").to_vec();
        block.extend(((ticks >> 32) as u32).to_le_bytes());
        block.extend((ticks as u32).to_le_bytes());
        block.extend(hex!("28000000 28000000"));
        block.extend(hex!("45000028 0001 0000 40 06 0000 0a000001 0a000002 9c400035"));
        block.extend(hex!("00000001 00000000 5002 ffff 00000000 48000000"));
        block
    };
    let mut file = hex!("0a0d0d0a 1c000000 4d3c2b1a 0100 0000 ffffffffffffffff 1c000000").to_vec();
    // In seconds, from 9 thousand million before 1970 on.
    file.extend(hex!("01000000 28000000 6500 0000 00000000 0900 0100 00000000 0e00 0800"));
    file.extend((-9_000_000_000_i64).to_le_bytes());
    file.extend(hex!("28000000"));
    for ticks in [0, 18_000_000_000, 0, 1, 18_000_000_000] {
        file.extend(record(ticks));
    }
    let open = || Captures::open([Input::Reader(Box::new(Cursor::new(file.clone())))]).unwrap();
    let mut one_by_one = open();
    assert_eq!(std::iter::from_fn(|| one_by_one.next_packet().unwrap().map(|_| ())).count(), 5);
    let mut captures = open();
    let mut batch = ConnectionTable::new().new_batch();
    while captures.fill(&mut batch, 100).unwrap() {}
    assert_eq!(one_by_one.disorder(0).map(|it| it.frames), Some(2));
    assert_eq!(captures.disorder(0), one_by_one.disorder(0));
}

/// The packets, the warning, and whether reading failed, with blocks read ahead whenever there is room,
/// or never.
fn ahead(reader: Box<dyn Read + Send>, reads: bool) -> (Vec<u32>, Option<CaptureWarning>, bool) {
    let mut captures = Captures::open([Input::Reader(reader)]).unwrap();
    let mut seconds = Vec::new();
    let failed = loop {
        let ahead = captures.read_ahead();
        while let Some(ahead) = ahead.as_ref().filter(|ahead| reads && ahead.has_room()) {
            ahead.read();
            assert!(ahead.is_ready());
        }
        match captures.next_packet() {
            Ok(Some((0, Packet::Segment(segment)))) => seconds.push(segment.tcp.sequence.0),
            Ok(None) => break false,
            Ok(Some(packet)) => panic!("{packet:?}"),
            Err(_) => break true,
        }
    };
    (seconds, captures.warning(0).copied(), failed)
}

/// A pcap file of SYNs in frames that are padded, some so much that no block holds one.
fn padded() -> Vec<u8> {
    let mut file = pcap(&[]);
    for second in 1..=400 {
        let octets = match second {
            7 | 8 | 300 => 70_000,
            20 | 301 => 400_000,
            30 => 1_500_000,
            _ => second as usize * 7 % 5000,
        };
        let record = &pcap(&[second])[24..];
        let captured = (40 + octets as u32).to_le_bytes();
        file.extend(&record[..8]);
        file.extend([captured, captured].concat());
        file.extend(&record[16..]);
        file.extend(vec![0; octets]);
    }
    file
}

#[test]
fn reading_ahead_changes_nothing() {
    let file = padded();
    let compressed = gzip(&file);
    let damaged = compressed[..compressed.len() * 9 / 10].to_vec();
    let mut inputs = vec![compressed, damaged];
    let lengths = [file.len(), file.len() - 1, 3_000_000, 300_000, 100];
    inputs.extend(lengths.map(|octets| file[..octets].to_vec()));
    for input in inputs {
        let (seconds, warning) = sequence(Capture::new(&input[..]).unwrap());
        for reads in [true, false] {
            let found = ahead(Box::new(Cursor::new(input.clone())), reads);
            assert_eq!(found, (seconds.clone(), warning, false));
        }
    }
}

#[test]
fn an_error_ahead_costs_nothing_of_what_was_before_it() {
    let file = padded();
    for reads in [true, false] {
        let reader = Box::new(Failing(Cursor::new(file.clone())));
        assert_eq!(ahead(reader, reads), ((1..=400).collect(), None, true));
    }
}

#[test]
fn another_thread_may_read_ahead() {
    let file = pcap(&(1..=100_000).collect::<Vec<_>>());
    let reader = Box::new(Cursor::new(file));
    let mut captures = Captures::open([Input::Reader(reader)]).unwrap();
    let ahead = captures.read_ahead().unwrap();
    let stop = AtomicBool::new(false);
    let packets = thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                ahead.read();
            }
        });
        let packets = all(&mut captures);
        stop.store(true, Ordering::Relaxed);
        packets
    });
    assert!(packets.iter().map(|(_, _, second)| *second).eq(1..=100_000));
}

/// The first of two files that overlap is read ahead until the second begins: after that, the walk does
/// not wait for blocks read ahead.
#[test]
fn the_read_ahead_is_not_waited_for_while_two_files_are_open() {
    let folder = tempfile::tempdir().unwrap();
    let long = write(&folder, "long", &pcap(&(1..=60_000).collect::<Vec<_>>()));
    let short = write(&folder, "short", &pcap(&[30_000, 60_005]));
    let mut captures = Captures::open([long, short]).unwrap();
    let table = ConnectionTable::new();
    let (mut batch, mut packets, mut more) = (table.new_batch(), 0, true);
    while more {
        let ahead = captures.read_ahead();
        while let Some(ahead) = ahead.as_ref().filter(|ahead| ahead.has_room()) {
            ahead.read();
        }
        more = captures.fill(&mut batch, 1_000).unwrap();
        assert!(!more || !batch.is_empty(), "nothing after {packets} packets");
        packets += batch.len();
        batch.clear();
    }
    assert_eq!(packets, 60_002);
}

#[test]
fn a_connection_belongs_to_the_capture_it_began_in() {
    let mut origins = Origins::default();
    for (connection, capture) in [(0, 0), (1, 0), (0, 1), (2, 1), (3, 0), (2, 2)] {
        origins.note(connection, capture);
    }
    assert_eq!([0, 1, 2, 3].map(|connection| origins.of(connection)), [0, 0, 1, 0]);
}

#[test]
fn more_options_than_a_header_has_room_for_are_cut() {
    let fixed = b"\x9c\x40\x00\x50\x00\x00\x00\x07\x00\x00\x00\x00\x50\x02\xff\xff\0\0\0\0";
    let mut tcp = TcpHeader::parse(fixed).expect("it is whole");
    tcp.option_octets = &[1; 300];
    let packet = PacketInfo::new([10, 0, 0, 1], [10, 0, 0, 2], 0)
        .with_frame(1)
        .with_ttl(64)
        .with_tcp_octets(20);
    let mut table = ConnectionTable::new();
    let mut batch = table.new_batch();
    (0..100).for_each(|_| batch.push_segment(0, &Segment { packet, tcp }));
    table.observe_batch(&batch, |_, _| {});
    assert_eq!(table.len(), 1);
}
