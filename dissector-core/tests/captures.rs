//! Several captures as one stream, and compressed ones.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::io::{Cursor, Read, Write};
use std::path::PathBuf;

use dissector_core::capture::{Capture, CaptureError, CaptureWarning, Captures, Input, Packet};
use flate2::Compression;
use flate2::write::GzEncoder;
use hex_literal::hex;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

/// A pcap file of SYNs at these seconds, which are also their sequence numbers.
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

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("tcphs-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn write(&self, name: &str, octets: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, octets).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
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

#[test]
fn packets_come_in_order_of_time_and_of_files() {
    let folder = Folder::new("order");
    let files = [
        folder.write("late", &pcap(&[30, 31])),
        folder.write("mixed", &pcap(&[10, 20, 30, 40])),
        folder.write("early", &pcap(&[10, 11, 12])),
        folder.write("empty", &pcap(&[])),
    ];
    let mut captures = Captures::open(files).unwrap();
    let expected = [
        (1, 1, 10),
        (2, 1, 10),
        (2, 2, 11),
        (2, 3, 12),
        (1, 2, 20),
        (0, 1, 30),
        (1, 3, 30),
        (0, 2, 31),
        (1, 4, 40),
    ];
    assert_eq!(all(&mut captures), expected);
    assert_eq!([0, 1, 2, 3].map(|index| captures.frames(index)), [2, 4, 3, 0]);
    assert_eq!((captures.octets_read(), captures.warning(0)), (9 * 56 + 4 * 24, None));
}

#[test]
fn a_file_out_of_order_keeps_its_order() {
    let folder = Folder::new("kept");
    let files = [folder.write("a", &pcap(&[5, 1, 9])), folder.write("b", &pcap(&[6, 7]))];
    let packets = all(&mut Captures::open(files).unwrap());
    assert_eq!(packets, [(0, 1, 5), (0, 2, 1), (1, 1, 6), (1, 2, 7), (0, 3, 9)]);
}

#[test]
fn files_that_do_not_overlap_are_opened_one_at_a_time() {
    let folder = Folder::new("many");
    let files: Vec<PathBuf> = (0..300_u32)
        .map(|number| folder.write(&number.to_string(), &pcap(&[number * 2, number * 2 + 1])))
        .collect();
    let open = || std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    let mut captures = Captures::open(files).unwrap();
    let before = open();
    let (mut second, mut most) = (0, 0);
    while let Some((file, Packet::Segment(segment))) = captures.next_packet().unwrap() {
        assert_eq!((file, segment.tcp.sequence.0), (second as usize / 2, second));
        second += 1;
        most = most.max(open());
    }
    assert_eq!(second, 600);
    // Other tests have files open too.
    assert!(most <= before + 20, "{most} files open, {before} before");
}

#[test]
fn an_unreadable_capture_is_named_in_the_error() {
    let folder = Folder::new("named");
    let good = folder.write("good", &pcap(&[1]));
    let missing = Captures::open([good.clone(), folder.0.join("missing")]).unwrap_err();
    assert!(matches!((missing.index, missing.error), (1, CaptureError::Io(_))));
    let text = folder.write("text", b"no capture at all");
    let text = Captures::open([text, good.clone()]).unwrap_err();
    assert!(matches!((text.index, text.error), (0, CaptureError::NotACapture { .. })));

    // A file that is gone when its turn comes does not stop the others.
    let gone = folder.write("gone", &pcap(&[5]));
    let mut captures = Captures::open([good, gone.clone()]).unwrap();
    std::fs::remove_file(gone).unwrap();
    let mut seconds = Vec::new();
    let mut errors = Vec::new();
    loop {
        match captures.next_packet() {
            Ok(Some((_, Packet::Segment(segment)))) => seconds.push(segment.tcp.sequence.0),
            Ok(_) => break,
            Err(error) => errors.push(error.index),
        }
    }
    assert_eq!((seconds, errors), (vec![1], vec![1]));
}

#[test]
fn a_cut_file_gives_a_warning_and_the_others_go_on() {
    let folder = Folder::new("cut");
    let cut = pcap(&[1, 2, 3]);
    let cut = folder.write("cut", &cut[..cut.len() - 1]);
    let mut captures = Captures::open([cut, folder.write("whole", &pcap(&[2, 9]))]).unwrap();
    assert_eq!(all(&mut captures), [(0, 1, 1), (0, 2, 2), (1, 1, 2), (1, 2, 9)]);
    assert_eq!(captures.warning(0), Some(&CaptureWarning::CutShort { frames: 2 }));
    assert_eq!(captures.warning(1), None);
}

#[test]
fn streams_and_files_together() {
    let folder = Folder::new("streams");
    let stream = Input::Reader(Box::new(Cursor::new(pcap(&[2, 4]))));
    let file = Input::File(folder.write("file", &pcap(&[1, 3])));
    let mut captures = Captures::open([stream, file]).unwrap();
    assert_eq!(all(&mut captures), [(1, 1, 1), (0, 1, 2), (1, 2, 3), (0, 2, 4)]);
    let alone = Input::Reader(Box::new(Cursor::new(pcap(&[2, 4]))));
    assert_eq!(all(&mut Captures::open([alone]).unwrap()), [(0, 1, 2), (0, 2, 4)]);
}

fn gzip(octets: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(octets).unwrap();
    encoder.finish().unwrap()
}

fn zstd(octets: &[u8]) -> Vec<u8> {
    compress_to_vec(octets, CompressionLevel::Fastest)
}

#[test]
fn compressed_files_of_several_members() {
    let seconds: Vec<u32> = (1..=5000).collect();
    let file = pcap(&seconds);
    let (front, back) = file.split_at(100_001);
    let skipped = hex!("502a4d18 03000000 616263");
    for compressed in [
        gzip(&file),
        zstd(&file),
        [gzip(front), gzip(back)].concat(),
        [&skipped[..], &zstd(front), &skipped, &zstd(back)].concat(),
    ] {
        let capture = Capture::new(&compressed[..]).unwrap();
        let (read, warning) = sequence(capture);
        assert!(read == seconds && warning.is_none(), "{} {warning:?}", read.len());
    }
}

#[test]
fn a_damaged_tail_costs_the_tail() {
    let seconds: Vec<u32> = (1..=5000).collect();
    let file = pcap(&seconds);
    let (front, back) = file.split_at(100_024 + 56 - 100_000 % 56);
    let whole = (front.len() - 24) / 56;
    for compress in [gzip, zstd] {
        let both = [compress(front), compress(back)].concat();
        let first = compress(front).len();
        for damaged in [both[..first + 20].to_vec(), [&both[..first], &[7; 40]].concat()] {
            let (read, warning) = sequence(Capture::new(&damaged[..]).unwrap());
            assert!(read.len() >= whole && read[..] == seconds[..read.len()]);
            let frames = read.len() as u64;
            assert_eq!(warning, Some(CaptureWarning::Compressed { frames }));
        }
        for octets in 0..first.min(400) {
            if let Ok(capture) = Capture::new(&both[..octets]) {
                sequence(capture);
            }
        }
    }
}

/// A reader that returns a few octets at a time.
struct Slow<'a>(&'a [u8]);

impl Read for Slow<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let some = into.len().min(16);
        self.0.read(&mut into[..some])
    }
}

#[test]
fn damage_costs_nothing_of_what_was_before_it() {
    let seconds: Vec<u32> = (1..=5000).collect();
    let file = pcap(&seconds);
    // zstd loses a block of 128 KiB.
    for (compress, least) in [(gzip as fn(&[u8]) -> Vec<u8>, 3500), (zstd, 2000)] {
        let whole = compress(&file);
        let middle = whole.len() * 3 / 4;
        // Cut there, or damaged from there on.
        for tail in [vec![], vec![0xff; 40]] {
            let damaged = [&whole[..middle], &tail].concat();
            let (read, warning) = sequence(Capture::new(&damaged[..]).unwrap());
            assert!(read.len() >= least && read[..least] == seconds[..least], "{}", read.len());
            assert!(matches!(warning, Some(CaptureWarning::Compressed { .. })), "{warning:?}");
            // However the reader cuts it into pieces.
            assert_eq!(sequence(Capture::new(Slow(&damaged)).unwrap()), (read, warning));
        }
    }
}

/// A reader that fails at the end of the octets.
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
fn an_error_of_the_reader_is_no_damage() {
    let file = pcap(&(1..=5000).collect::<Vec<_>>());
    for compressed in [gzip(&file), zstd(&file)] {
        let part = compressed[..compressed.len() / 2].to_vec();
        let error = match Capture::new(Failing(Cursor::new(part))) {
            Err(error) => error,
            Ok(mut capture) => loop {
                match capture.next_segment() {
                    Ok(segment) => assert!(segment.is_some()),
                    Err(error) => break error,
                }
            },
        };
        assert!(matches!(error, CaptureError::Io(_)), "{error:?}");
    }
}
