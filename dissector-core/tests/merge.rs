//! Captures of several points as one: nothing of them is changed but the times.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use dissector_core::capture::{
    Capture, CaptureWarning, Input, Merge, MergeError, Merged, MergedFile,
};
use flate2::Compression;
use flate2::write::GzEncoder;
use hex_literal::hex;
use proptest::prelude::*;
use testkit::pcapng::{BIG, LITTLE, Order};

const SECOND: u64 = 1_000_000_000;
const RAW: u16 = 101;
const ETHERNET: u16 = 1;

fn reader(file: &[u8]) -> Input {
    Input::Reader(Box::new(Cursor::new(file.to_vec())))
}

/// Merges points, each with its files.
fn merge(points: &[(&str, &[&[u8]])]) -> (Vec<u8>, Merged) {
    merge_corrected(points, |_, time_ns| time_ns)
}

fn merge_corrected(
    points: &[(&str, &[&[u8]])],
    correct: impl Fn(usize, i64) -> i64,
) -> (Vec<u8>, Merged) {
    let folder = tempfile::tempdir().unwrap();
    let mut merge = Merge::new("test");
    for (name, files) in points {
        let files = files.iter().enumerate().map(|(number, octets)| {
            let path = folder.path().join(format!("{name}-{number}"));
            fs::write(&path, octets).unwrap();
            path
        });
        merge = merge.point(*name, files.collect::<Vec<_>>());
    }
    let mut output = Vec::new();
    let merged = merge.write(&mut output, correct).unwrap();
    (output, merged)
}

/// A pcap file of frames at these seconds, little-endian.
fn pcap(seconds: &[u32]) -> Vec<u8> {
    let mut file = hex!("d4c3b2a1 0200 0400 00000000 00000000 ffff0000 65000000").to_vec();
    for second in seconds {
        file.extend(second.to_le_bytes());
        file.extend(hex!("07000000 04000000 05000000"));
        file.extend(second.to_be_bytes());
    }
    file
}

/// The frames of a merged file: the name of the interface, the time and the octets.
fn frames(file: &[u8]) -> Vec<(String, u64, Vec<u8>)> {
    let (mut names, mut frames) = (Vec::new(), Vec::new());
    for (kind, body) in blocks(file) {
        match kind {
            1 => {
                let name = option(&body[8..], 2).unwrap();
                names.push(String::from_utf8(name).unwrap());
            }
            6 => {
                let field = |at: usize| u32::from_le_bytes(body[at..at + 4].try_into().unwrap());
                let time = u64::from(field(4)) << 32 | u64::from(field(8));
                let octets = body[20..20 + field(12) as usize].to_vec();
                frames.push((names[field(0) as usize].clone(), time, octets));
            }
            _ => {}
        }
    }
    frames
}

/// Types and bodies of the blocks of a little-endian file.
fn blocks(mut file: &[u8]) -> Vec<(u32, &[u8])> {
    let mut blocks = Vec::new();
    while let Some((start, _)) = file.split_first_chunk::<8>() {
        let kind = u32::from_le_bytes(start[..4].try_into().unwrap());
        let length = u32::from_le_bytes(start[4..].try_into().unwrap()) as usize;
        assert_eq!(file[length - 4..length], start[4..], "the length is there twice");
        blocks.push((kind, &file[8..length - 4]));
        file = &file[length..];
    }
    blocks
}

/// The first value of an option.
fn option(mut options: &[u8], wanted: u16) -> Option<Vec<u8>> {
    while let Some((&[a, b, c, d], rest)) = options.split_first_chunk() {
        let (code, length) = (u16::from_le_bytes([a, b]), usize::from(u16::from_le_bytes([c, d])));
        if code == wanted {
            return Some(rest[..length].to_vec());
        }
        options = &rest[length.next_multiple_of(4)..];
    }
    None
}

const END: [u8; 4] = [0; 4];

/// Every kind of block with every option that holds a number. `written` is the form of the output.
fn everything(order: Order, written: bool) -> Vec<u8> {
    let micro = 1_500_000_000_u64 * 1_000_000 + 7;
    // The zero point of the input's clock is 100 seconds after 1970.
    let time = |micro: u64| match written {
        true => order.time((micro + 100_000_000) * 1000),
        false => order.time(micro),
    };
    let name = if written { &b"point"[..] } else { b"eth0" };
    let description = if written { &b"eth0: a port"[..] } else { b"a port" };
    let clock = match written {
        true => order.option(9, &[9]),
        false => [order.option(9, &[6]), order.option(14, &order.u64(100))].concat(),
    };
    let custom = |code: u16| order.option(code, &[&order.u32(32473)[..], b"kept"].concat());
    let interface = [
        order.option(2, name),
        order.option(3, description),
        clock,
        order.option(4, &[10, 0, 0, 1, 255, 0, 0, 0]),
        order.option(8, &order.u64(1_000_000_000)),
        order.option(10, &order.u32(3600)),
        order.option(11, b"\0tcp port 80"),
        order.option(13, &[4]),
        order.option(16, &order.u64(7)),
        custom(2988),
        END.to_vec(),
    ];
    let packet = [
        order.option(1, b"a comment"),
        order.option(2, &order.u32(0x0102_0304)),
        order.option(3, &[2, 1, 2, 3, 4]),
        order.option(4, &order.u64(3)),
        order.option(5, &order.u64(0x0102_0304_0506_0708)),
        order.option(6, &order.u32(5)),
        order.option(7, &[&[1][..], &order.u64(9)].concat()),
        order.option(7, &[0, 1, 2, 3]),
        order.option(1, b"another"),
        custom(2989),
        END.to_vec(),
    ];
    let record = |kind: u16, value: &[u8]| {
        let padding = &[0; 3][..value.len().wrapping_neg() % 4];
        [&order.u16(kind)[..], &order.u16(value.len() as u16), value, padding].concat()
    };
    let names = [
        record(1, b"\x0a\0\0\x01client\0"),
        END.to_vec(),
        order.option(2, b"dns"),
        order.option(3, &[8, 8, 8, 8]),
        END.to_vec(),
    ];
    let secrets = [&order.u32(0x544c_534b)[..], &order.u32(5), b"hello\0\0\0"].concat();
    let statistics = [
        order.option(2, &time(micro - 1_000_000)),
        order.option(3, &time(micro + 1_000_000)),
        order.option(4, &order.u64(10)),
        order.option(5, &order.u64(1)),
        order.option(1, b"end"),
        END.to_vec(),
    ];
    let frame = |captured: &[u8], options: &[u8]| {
        let padding = &[0; 3][..captured.len().wrapping_neg() % 4];
        let lengths = [order.u32(captured.len() as u32), order.u32(1500)];
        let fixed = [&order.u32(0)[..], &time(micro), lengths.as_flattened()].concat();
        order.block(6, &[&fixed, captured, padding, options].concat())
    };
    let header = [&order.u16(RAW)[..], &[0; 2], &order.u32(96), &interface.concat()].concat();
    let when = [&order.u32(0)[..], &time(micro + 5), &statistics.concat()].concat();
    [
        order.block(1, &header),
        order.block(4, &names.concat()),
        order.block(10, &secrets),
        frame(b"octets", &packet.concat()),
        frame(b"four", &[]),
        order.block(0x0bad, &[&order.u32(32473)[..], b"as it was"].concat()),
        order.block(5, &when),
        order.block(9, b"JOURNAL=1\n"),
    ]
    .concat()
}

#[test]
fn everything_is_kept_in_either_byte_order() {
    for (from, to) in [(LITTLE, LITTLE), (BIG, BIG), (LITTLE, BIG), (BIG, LITTLE)] {
        // The first file decides.
        let file = [from.section(), everything(from, false)].concat();
        let (output, merged) = merge(&[("first", &[&to.section()]), ("point", &[&file])]);
        let body = [
            &to.u32(0x1a2b_3c4d)[..],
            &to.u16(1),
            &to.u16(0),
            &[0xff; 8],
            &to.option(4, b"test"),
            &END,
        ];
        let expected = [to.block(0x0a0d_0d0a, &body.concat()), everything(to, true)].concat();
        assert_eq!(output, expected, "from {from:?} to {to:?}");
        let [first, point] = &merged.files[..] else { panic!("{merged:?}") };
        assert_eq!((first.frames, point.frames, point.left_out), (0, 2, 0));
        assert_eq!((point.warning, merged.stopped), (None, false));
    }
}

#[test]
fn statistics_have_corrected_times_in_nanoseconds() {
    let statistics = |unit: u64, second: u64| {
        let times = [second, second - 9, second + 1].map(|it| LITTLE.time(it * unit));
        let options = [LITTLE.option(2, &times[1]), LITTLE.option(3, &times[2]), END.to_vec()];
        LITTLE.block(5, &[&LITTLE.u32(0)[..], &times[0], &options.concat()].concat())
    };
    for unit in [1_000_000, SECOND] {
        let file = [
            LITTLE.section(),
            LITTLE.interface(RAW, &LITTLE.option(9, &[9])),
            LITTLE.packet(0, 1_500_000_000 * SECOND, b"frame"),
            // dumpcap gives them in microseconds.
            statistics(unit, 1_500_000_005),
        ];
        let (output, _) =
            merge_corrected(&[("a", &[&file.concat()])], |_, time_ns| time_ns + 7 * SECOND as i64);
        assert!(output.ends_with(&statistics(SECOND, 1_500_000_012)), "{unit}");
    }
}

#[test]
fn unknown_blocks_are_kept_in_their_byte_order_only() {
    for (order, kept) in [(LITTLE, 1), (BIG, 0)] {
        let unknown = [order.block(0x7777, b"what"), order.block(0x4000_0bad, &[0; 8])].concat();
        let file = [order.section(), order.interface(RAW, &[]), unknown].concat();
        let (output, merged) = merge(&[("a", &[&LITTLE.section()]), ("b", &[&file])]);
        let count = blocks(&output).iter().filter(|(kind, _)| *kind == 0x7777).count();
        assert_eq!((count, merged.files[1].left_out), (kept, 2 - kept as u64));
        assert!(blocks(&output).iter().all(|(kind, _)| *kind != 0x4000_0bad));
    }
}

#[test]
fn pcap_of_both_byte_orders_and_both_units() {
    let headers = [
        (hex!("a1b2c3d4"), true, 2_000),
        (hex!("d4c3b2a1"), false, 2_000),
        (hex!("a1b23c4d"), true, 2),
        (hex!("4d3cb2a1"), false, 2),
    ];
    for (magic, big, fraction_ns) in headers {
        let order = Order { big };
        // Ethernet with four octets of frame check sequence.
        let header = [order.u32(65535), order.u32(0x2400_0001)];
        let record = [order.u32(1_500_000_000), order.u32(2), order.u32(5), order.u32(60)];
        let version = [order.u16(2), order.u16(4)].concat();
        let (header, record) = (header.as_flattened(), record.as_flattened());
        let file = [&magic[..], &version, &[0; 8], header, record, b"frame"].concat();
        let (output, _) = merge(&[("only", &[&file])]);
        let expected = [
            LITTLE.block(
                1,
                &[
                    &LITTLE.u16(ETHERNET)[..],
                    &[0; 2],
                    &LITTLE.u32(65535),
                    &LITTLE.option(2, b"only"),
                    &LITTLE.option(9, &[9]),
                    &LITTLE.option(13, &[4]),
                    &END,
                ]
                .concat(),
            ),
            LITTLE.block(
                6,
                &[
                    &LITTLE.u32(0)[..],
                    &LITTLE.time(1_500_000_000 * SECOND + fraction_ns),
                    &LITTLE.u32(5),
                    &LITTLE.u32(60),
                    b"frame",
                ]
                .concat(),
            ),
        ];
        assert!(output.ends_with(&expected.concat()), "{magic:x?}");
    }
}

#[test]
fn obsolete_and_simple_packets_become_enhanced_ones() {
    for order in [LITTLE, BIG] {
        let fixed =
            [&order.u16(0)[..], &order.u16(3), &order.time(5), &order.u32(4), &order.u32(9)];
        let obsolete =
            [&fixed.concat()[..], b"abcd", &order.option(2, &order.u32(7)), &END].concat();
        let unknown_drops = [&order.u16(0)[..], &[0xff; 2], &obsolete[4..]].concat();
        let file = [
            order.section(),
            order.block(1, &[&order.u16(RAW)[..], &[0; 2], &order.u32(3)].concat()),
            order.block(2, &obsolete),
            order.block(2, &unknown_drops),
            order.block(3, &[&order.u32(8)[..], b"xyz"].concat()),
        ];
        let (output, _) = merge(&[("a", &[&LITTLE.section()]), ("b", &[&file.concat()])]);
        let enhanced = |time: u64, captured: &[u8], original: u32, options: &[u8]| {
            let lengths = [LITTLE.u32(captured.len() as u32), LITTLE.u32(original)].concat();
            let padding = &[0; 3][..captured.len().wrapping_neg() % 4];
            let fixed = [&LITTLE.u32(0)[..], &LITTLE.time(time), &lengths].concat();
            [&fixed, captured, padding, options].concat()
        };
        let flags = LITTLE.option(2, &LITTLE.u32(7));
        let drops = LITTLE.option(4, &LITTLE.u64(3));
        let expected = [
            enhanced(5000, b"abcd", 9, &[&flags[..], &drops, &END].concat()),
            enhanced(5000, b"abcd", 9, &[&flags[..], &END].concat()),
            enhanced(0, b"xyz", 8, &[]),
        ];
        let found: Vec<_> = blocks(&output).into_iter().filter(|(kind, _)| *kind == 6).collect();
        assert_eq!(found, expected.iter().map(|body| (6, &body[..])).collect::<Vec<_>>());
    }
}

#[test]
fn frames_are_in_order_of_corrected_time_over_rotated_and_compressed_files() {
    let (one, three) = (pcap(&[10, 11]), pcap(&[1020, 1030, 1025]));
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&pcap(&[13, 20, 40])).unwrap();
    let two = gzip.finish().unwrap();
    let correct = |point: usize, time_ns: i64| time_ns - point as i64 * 1000 * SECOND as i64;
    let (output, merged) =
        merge_corrected(&[("a", &[&two, &one]), ("b", &[&three, &pcap(&[])])], correct);
    let order: Vec<_> = frames(&output)
        .into_iter()
        .map(|(name, time, octets)| {
            assert_eq!(time % SECOND, 7000);
            (name, time / SECOND, u32::from_be_bytes(octets.try_into().unwrap()))
        })
        .collect();
    // Within a file, the order is kept.
    let expected = [
        ("a", 10, 10),
        ("a", 11, 11),
        ("a", 13, 13),
        ("a", 20, 20),
        ("b", 20, 1020),
        ("b", 30, 1030),
        ("b", 25, 1025),
        ("a", 40, 40),
    ];
    assert_eq!(order, expected.map(|(name, time, octets)| (name.to_owned(), time, octets)));
    let counts: Vec<_> = merged.files.iter().map(|file| file.frames).collect();
    assert_eq!(counts, [3, 2, 3, 0]);
    assert_eq!(blocks(&output).iter().filter(|(kind, _)| *kind == 1).count(), 2);
}

#[test]
fn interfaces_of_a_point_have_names_of_their_own() {
    let name = |name: &[u8]| LITTLE.option(2, name);
    let several = [
        LITTLE.section(),
        LITTLE.interface(RAW, &name(b"eth0")),
        LITTLE.interface(ETHERNET, &[]),
        LITTLE.interface(RAW, &name(b"eth0")),
        LITTLE.packet(2, 1, b"c"),
        LITTLE.packet(0, 2, b"a"),
        LITTLE.packet(1, 3, b"b"),
        // The same interfaces in another order.
        LITTLE.section(),
        LITTLE.interface(ETHERNET, &[]),
        LITTLE.interface(RAW, &name(b"eth0")),
        LITTLE.packet(1, 4, b"a"),
        LITTLE.packet(0, 5, b"b"),
    ];
    let one = [LITTLE.section(), LITTLE.interface(RAW, &name(b"wan")), LITTLE.packet(0, 6, b"d")];
    let (output, _) = merge(&[("fw", &[&several.concat()]), ("server", &[&one.concat()])]);
    let found: Vec<_> =
        frames(&output).into_iter().map(|(name, _, octets)| (name, octets[0])).collect();
    let expected = [
        ("fw/eth0", b'c'),
        ("fw/eth0", b'a'),
        ("fw/1", b'b'),
        ("fw/eth0", b'a'),
        ("fw/1", b'b'),
        ("server", b'd'),
    ];
    assert_eq!(found, expected.map(|(name, octet)| (name.to_owned(), octet)));
    let described = blocks(&output).into_iter().filter(|(kind, _)| *kind == 1);
    let described: Vec<_> = described.map(|(_, body)| option(&body[8..], 3)).collect();
    let eth0 = Some(b"eth0".to_vec());
    assert_eq!(described, [eth0.clone(), None, eth0, Some(b"wan".to_vec())]);
}

#[test]
fn a_described_point_keeps_what_its_capture_says_as_a_comment() {
    let file = [LITTLE.section(), LITTLE.interface(RAW, &LITTLE.option(2, b"eth0"))].concat();
    let mut output = Vec::new();
    let merge = Merge::new("test").point("a", [reader(&file)]).described("first");
    let merge = merge.point("b", [reader(&pcap(&[]))]).described("second");
    let _ = merge.write(&mut output, |_, time_ns| time_ns).unwrap();
    let described = blocks(&output).into_iter().filter(|(kind, _)| *kind == 1);
    let described: Vec<_> =
        described.map(|(_, body)| [2, 3, 1].map(|code| option(&body[8..], code))).collect();
    let text = |text: &str| Some(text.as_bytes().to_vec());
    let expected = [[text("a"), text("first"), text("eth0")], [text("b"), text("second"), None]];
    assert_eq!(described, expected);
}

#[test]
fn what_can_be_read_of_damaged_files_is_written() {
    let whole = pcap(&[1, 2, 3]);
    let cut = &whole[..whole.len() - 3];
    let damaged = [
        LITTLE.section(),
        LITTLE.interface(RAW, &[]),
        LITTLE.packet(0, 1, b"good"),
        LITTLE.packet(9, 2, b"no interface"),
    ]
    .concat();
    let (output, merged) = merge(&[("a", &[cut]), ("b", &[&damaged])]);
    assert_eq!(frames(&output).len(), 3);
    let [MergedFile { warning: first, .. }, MergedFile { warning: second, .. }, ..] =
        &merged.files[..]
    else {
        panic!("{merged:?}")
    };
    assert_eq!(*first, Some(CaptureWarning::CutShort { frames: 2 }));
    assert!(matches!(second, Some(CaptureWarning::Damaged { frames: 1, .. })), "{second:?}");
}

#[test]
fn errors_name_the_capture() {
    let (capture, junk) = (pcap(&[1]), b"no capture".to_vec());
    let merge = Merge::new("test").point("a", [reader(&capture)]).point("b", [reader(&junk)]);
    match merge.write(Vec::new(), |_, time_ns| time_ns) {
        Err(MergeError::Open(error)) => assert_eq!(error.index, 1),
        other => panic!("{other:?}"),
    }
    let merge = Merge::new("test").point("a", [reader(&capture)]);
    let full = &mut [0_u8; 8][..];
    assert!(matches!(merge.write(full, |_, time| time), Err(MergeError::Write(_))));
}

#[test]
fn streams_are_read_as_files_are() {
    let file = [
        LITTLE.section(),
        LITTLE.interface(RAW, &LITTLE.option(2, b"eth0")),
        LITTLE.packet(0, 10_000_000, b"one"),
    ]
    .concat();
    let mut output = Vec::new();
    let merge =
        Merge::new("test").point("a", [reader(&pcap(&[9, 11]))]).point("b", [reader(&file)]);
    let _ = merge.write(&mut output, |_, time_ns| time_ns).unwrap();
    let seconds: Vec<_> =
        frames(&output).into_iter().map(|(name, time, _)| (name, time / SECOND)).collect();
    assert_eq!(seconds, [("a".into(), 9), ("b".into(), 10), ("a".into(), 11)]);
}

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in folder.read_dir().into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { files(&path, into) } else { into.push(path) }
    }
}

/// Packets as they are decoded, without the number of their frame: blocks that are no packets may be
/// left out.
fn packets(mut capture: Capture<impl std::io::Read>) -> Vec<String> {
    let mut packets = Vec::new();
    while let Ok(Some(packet)) = capture.next_packet() {
        let packet = format!("{packet:?}");
        let (start, rest) = packet.split_once("frame: ").unwrap();
        let rest = rest.trim_start_matches(|letter: char| letter.is_ascii_digit());
        packets.push(format!("{start}{rest}"));
    }
    packets
}

#[test]
fn packets_of_all_captures_are_what_they_were() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let (mut captures, mut compared) = (Vec::new(), 0);
    files(&workspace.join("samples"), &mut captures);
    files(&workspace.join("../shared/captures"), &mut captures);
    for path in captures {
        let Ok(original) = Capture::open(&path) else { continue };
        let mut output = Vec::new();
        let merge = Merge::new("test").point("only", [path.clone()]);
        let merged = merge.write(&mut output, |_, time_ns| time_ns).unwrap();
        let (before, after) = (packets(original), packets(Capture::new(&output[..]).unwrap()));
        // One at a time, for the difference to be readable.
        for (before, after) in before.iter().zip(&after) {
            assert_eq!(before, after, "{}", path.display());
        }
        assert_eq!(before.len(), after.len(), "{}", path.display());
        compared += merged.files[0].frames;
    }
    assert!(compared > 100, "{compared} frames compared");
}

/// A read of the whole output has nothing to complain about.
fn read_whole(output: &[u8]) -> u64 {
    let mut capture = Capture::new(output).unwrap();
    while capture.next_packet().unwrap().is_some() {}
    assert_eq!(capture.warning(), None);
    capture.frames()
}

proptest! {
    #[test]
    fn whatever_is_damaged_the_output_is_whole(
        big in any::<bool>(),
        octets in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let order = Order { big };
        let mut file = [order.section(), everything(order, false)].concat();
        file.truncate(28 + cut.index(file.len() - 27));
        // The section header is not damaged: otherwise there would be nothing to read.
        for (place, octet) in octets {
            if let Some(rest) = file.get_mut(28..).filter(|rest| !rest.is_empty()) {
                let place = place.index(rest.len());
                rest[place] = octet;
            }
        }
        let mut output = Vec::new();
        let merge = Merge::new("test").point("a", [reader(&pcap(&[1, 2]))]).point("b", [reader(&file)]);
        let merged = merge.write(&mut output, |_, time_ns| time_ns.wrapping_mul(3)).unwrap();
        let frames: u64 = merged.files.iter().map(|file| file.frames).sum();
        prop_assert!(read_whole(&output) >= frames);
    }
}

/// The rows of tshark: time, lengths, octets and comments of each frame.
fn rows(tshark: &str, file: &Path) -> Vec<String> {
    let fields = ["frame.time_epoch", "frame.len", "frame.cap_len", "frame.comment", "tcp.seq_raw"];
    let mut command = Command::new(tshark);
    command.args(["-n", "-r"]).arg(file).args(["-T", "fields"]);
    command.args(fields.iter().flat_map(|field| ["-e", field]));
    let output = command.output().unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    let complaints = complaints.lines().filter(|line| !line.starts_with("Running as user"));
    assert_eq!(complaints.collect::<Vec<_>>(), [""; 0], "{}", file.display());
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn stock_wireshark_reads_it_without_a_complaint() {
    if Command::new("tshark").arg("--version").output().is_err() {
        testkit::skip!("stock_wireshark_reads_it_without_a_complaint", "no tshark");
    }
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples");
    let [client, server] =
        ["no-reply", "accept-queue-full"].map(|name| samples.join(name).with_extension("pcapng"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("both.pcapng");
    let merge =
        Merge::new("tcphs").point("client", [client.clone()]).point("server", [server.clone()]);
    let file = fs::File::create(&path).unwrap();
    let _ = merge.write(file, |_, time_ns| time_ns).unwrap();
    let mut expected = [rows("tshark", &client), rows("tshark", &server)].concat();
    expected.sort();
    assert_eq!(rows("tshark", &path), expected);
    let capinfos = Command::new("capinfos").arg(&path).output();
    if let Ok(output) = capinfos {
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        for line in ["Strict time order:   True", "Name = client", "Name = server"] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }
}
