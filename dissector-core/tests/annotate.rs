//! Captures with comments: nothing else of them is changed.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::io::{self, Cursor, Read, Write};
use std::path::Path;

use dissector_core::capture::{
    Annotate, Capture, CaptureWarning, Captures, Input, MergeError, Merged, Packet,
};
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use testkit::packet::{ACK, TcpPacket};
use testkit::pcapng::{BIG, LITTLE, Order};

const ETHERNET: u16 = 1;
const RAW: u16 = 101;
const MARK: &str = "mark:";
const END: [u8; 4] = [0; 4];

fn reader(file: &[u8]) -> Input {
    Input::Reader(Box::new(Cursor::new(file.to_vec())))
}

/// Annotates files with these comments.
fn annotate(
    files: &[&[u8]],
    mut comments: impl FnMut(usize, u64) -> Vec<String>,
) -> (Vec<u8>, Merged) {
    let folder = tempfile::tempdir().unwrap();
    let mut annotate = Annotate::new("test", MARK);
    for (number, octets) in files.iter().enumerate() {
        let path = folder.path().join(number.to_string());
        fs::write(&path, octets).unwrap();
        annotate = annotate.input(path);
    }
    let mut output = Vec::new();
    let written = annotate.write(&mut output, |capture, frame, texts| {
        texts.extend(comments(capture, frame));
        Ok(())
    });
    (output, written.unwrap())
}

/// Two comments on every frame, which say which one it is.
fn on_all(capture: usize, frame: u64) -> Vec<String> {
    vec![format!("mark: {capture}/{frame}"), format!("mark: ä{frame}")]
}

fn none(_: usize, _: u64) -> Vec<String> {
    Vec::new()
}

/// A section with every kind of block and option. With `ours`, packets have comments of ours.
fn everything(order: Order, ours: bool) -> Vec<u8> {
    let custom = |code: u16| order.option(code, &[&order.u32(32473)[..], b"kept"].concat());
    let header = [
        &order.u32(0x1a2b_3c4d)[..],
        &order.u16(1),
        &order.u16(0),
        &[0xff; 8],
        &order.option(1, b"of the section"),
        &order.option(2, b"hardware"),
        &order.option(3, b"system"),
        &order.option(4, b"dumpcap"),
        &custom(2989),
        &END,
    ];
    let interface = [
        order.option(9, &[3]),
        order.option(2, b"eth0"),
        order.option(3, b"a port"),
        order.option(14, &order.u64(100)),
        order.option(8, &order.u64(1_000_000_000)),
        order.option(11, b"\0tcp port 80"),
        order.option(13, &[4]),
        custom(19372),
        END.to_vec(),
    ];
    let added = |frame| match ours {
        true => on_all(0, frame).iter().flat_map(|it| order.option(1, it.as_bytes())).collect(),
        false => Vec::new(),
    };
    let of_packet = |frame: u64| {
        [
            order.option(1, b"a comment"),
            order.option(2, &order.u32(0x0102_0304)),
            order.option(4, &order.u64(5)),
            order.option(1, "about mark: things".as_bytes()),
            order.option(6, &order.u32(7)),
            added(frame),
            END.to_vec(),
        ]
        .concat()
    };
    let bare = |frame: u64| if ours { [added(frame), END.to_vec()].concat() } else { Vec::new() };
    // The obsolete Packet Block: interface and count of drops in 16 bits each.
    let old = |frame| {
        let octets = order.u32(3);
        let body = [&order.u16(0)[..], &order.u16(9), &order.time(42), &octets, &octets, b"old\0"]
            .concat();
        order.block(2, &[body, bare(frame)].concat())
    };
    let names = [
        &order.u16(1)[..],
        &order.u16(9),
        &[10, 0, 0, 2],
        b"name\0\0\0\0",
        &END,
        &order.option(1, b"names"),
        &END,
    ];
    let secrets = [&order.u32(0x544c_534b)[..], &order.u32(5), b"CLIEN\0\0\0"];
    [
        order.block(0x0a0d_0d0a, &header.concat()),
        order.block(10, &secrets.concat()),
        order.interface(ETHERNET, &interface.concat()),
        order.interface(RAW, &[]),
        order.packet_with(0, 1_234, b"frame 1", &of_packet(1)),
        order.block(4, &names.concat()),
        order.packet_with(1, 1 << 40, b"frame 2!", &bare(2)),
        old(3),
        order.block(0x0bad, &[&order.u32(32473)[..], b"custom"].concat()),
        order.packet_with(1, 7, b"", &of_packet(5)),
        order.statistics(0, 99, &[order.option(4, &order.u64(5)), END.to_vec()].concat()),
        order.block(0x7777, b"of an unknown kind"),
    ]
    .concat()
}

#[test]
fn every_block_stays_as_it_is() {
    for (one, other) in [(LITTLE, BIG), (BIG, LITTLE)] {
        let (before, after) = (everything(one, false), everything(one, true));
        let (output, written) = annotate(&[&before], none);
        assert!(output == before);
        assert_eq!((written.files[0].frames, written.files[0].left_out), (4, 0));
        let (output, _) = annotate(&[&before], on_all);
        assert!(output == after);
        // Ours are replaced, or taken out again.
        assert!(annotate(&[&after], on_all).0 == after);
        assert!(annotate(&[&after], none).0 == before);

        // Two sections; their frames are counted on.
        let two = [before.clone(), everything(other, false)].concat();
        let (output, written) = annotate(&[&two], |_, frame| match frame {
            1..=5 => on_all(0, frame),
            _ => Vec::new(),
        });
        assert!(output == [after, everything(other, false)].concat());
        assert_eq!(written.files[0].frames, 8);
    }
}

#[test]
fn a_block_that_must_not_be_copied_is_counted() {
    for files in [1, 2] {
        let block = LITTLE.block(0x4000_0bad, &[&LITTLE.u32(32473)[..], b"custom"].concat());
        let start = [LITTLE.section(), LITTLE.interface(RAW, &[])].concat();
        let end = LITTLE.packet(0, 5, b"12345");
        let file = [&start[..], &block, &end].concat();
        let (output, written) = annotate(&vec![&file[..]; files], none);
        assert_eq!(written.files[0].left_out, 1);
        assert_eq!(count(&output), files as u64);
    }
}

/// The number of frames of a capture that can be read to its end.
fn count(file: &[u8]) -> u64 {
    let mut capture = Capture::new(file).unwrap();
    while capture.next_packet().unwrap().is_some() {}
    assert_eq!(capture.warning(), None);
    capture.frames()
}

#[test]
fn a_simple_packet_gets_a_time_of_zero_only_for_a_comment() {
    for order in [LITTLE, BIG] {
        let start = [order.section(), order.interface(RAW, &[])].concat();
        let simple =
            |octets: &[u8]| order.block(3, &[&order.u32(octets.len() as u32)[..], octets].concat());
        let before = [&start[..], &simple(b"12345"), &simple(b"1234567")].concat();
        let second = |_, frame| if frame == 2 { on_all(0, 2) } else { Vec::new() };
        let comments: Vec<_> =
            on_all(0, 2).iter().flat_map(|it| order.option(1, it.as_bytes())).collect();
        let options = [comments, END.to_vec()].concat();
        let enhanced = order.packet_with(0, 0, b"1234567", &options);
        let after = [&start[..], &simple(b"12345"), &enhanced].concat();
        assert!(annotate(&[&before], second).0 == after);
    }
}

/// A pcap file of frames at these times, in units of its magic number.
fn pcap(magic: u32, order: Order, network: u32, frames: &[(u32, u32, &[u8])]) -> Vec<u8> {
    let fields = [magic, 0, 0, 0, 0x4_0000, network].map(|it| order.u32(it));
    let mut file = fields.concat();
    file[4..8].copy_from_slice([order.u16(2), order.u16(4)].as_flattened());
    for (seconds, fraction, octets) in frames {
        let length = octets.len() as u32;
        file.extend([*seconds, *fraction, length, length + 1].map(|it| order.u32(it)).concat());
        file.extend(*octets);
    }
    file
}

#[test]
fn pcap_becomes_a_section_with_the_same_times() {
    let frames: &[(u32, u32, &[u8])] =
        &[(1_500_000_000, 7, b"1234"), (0, 0, b""), (5, 1_999_999, b"12345")];
    for order in [LITTLE, BIG] {
        for (magic, units) in [(0xa1b2_c3d4, 1_000_000), (0xa1b2_3c4d, 1_000_000_000)] {
            // Ethernet with four octets of frame check sequence.
            let file = pcap(magic, order, 0x2400_0001, frames);
            let resolution = match units {
                1_000_000 => Vec::new(),
                _ => LITTLE.option(9, &[9]),
            };
            let options = [&resolution, &LITTLE.option(13, &[4])[..], &END].concat();
            let header = [
                &LITTLE.u32(0x1a2b_3c4d)[..],
                &LITTLE.u16(1),
                &LITTLE.u16(0),
                &[0xff; 8],
                &LITTLE.option(4, b"test"),
                &END,
            ];
            let interface =
                [&LITTLE.u16(ETHERNET)[..], &[0; 2], &LITTLE.u32(0x4_0000), &options].concat();
            let mut expected =
                [LITTLE.block(0x0a0d_0d0a, &header.concat()), LITTLE.block(1, &interface)].concat();
            for (frame, (seconds, fraction, octets)) in (1..).zip(frames) {
                let time = u64::from(*seconds) * units + u64::from(*fraction);
                let length = octets.len() as u32;
                let comments: Vec<_> = on_all(0, frame)
                    .iter()
                    .flat_map(|it| LITTLE.option(1, it.as_bytes()))
                    .collect();
                let padding = &[0; 3][..octets.len().wrapping_neg() % 4];
                let body = [
                    &LITTLE.u32(0)[..],
                    &LITTLE.time(time),
                    &LITTLE.u32(length),
                    &LITTLE.u32(length + 1),
                    octets,
                    padding,
                    &comments,
                    &END,
                ];
                expected.extend(LITTLE.block(6, &body.concat()));
            }
            assert!(annotate(&[&file], on_all).0 == expected, "{magic:x} {order:?}");
        }
    }
}

/// The frames of files, in order of time: the file, the name of the interface, the time and the octets.
fn frames(files: &[&[u8]]) -> Vec<(String, i64, Vec<u8>)> {
    let mut frames = Vec::new();
    for file in files {
        let mut capture = Capture::new(*file).unwrap();
        while let Some(packet) = capture.next_packet().unwrap() {
            let Packet::Segment(segment) = packet else { continue };
            let (time_ns, payload) = (segment.packet.time_ns, segment.tcp.payload.to_vec());
            let interface = capture.interface() as usize;
            let name = capture.interfaces().nth(interface).and_then(|it| it.name);
            frames.push((name.map(Into::into).unwrap_or_default(), time_ns, payload));
        }
    }
    frames.sort();
    frames
}

/// A segment in an IPv4 packet with this payload.
fn segment(payload: &[u8]) -> Vec<u8> {
    let (client, server) = (([10, 0, 0, 1], 4000), ([10, 0, 0, 2], 80));
    let payload = payload.to_vec();
    TcpPacket { flags: ACK, payload, ..TcpPacket::between(client, server) }.ip()
}

#[test]
fn several_files_become_one_section_in_order_of_time() {
    let named = |order: Order, name: &[u8], resolution: u8, offset: u64| {
        let options = [
            order.option(2, name),
            order.option(9, &[resolution]),
            order.option(14, &order.u64(offset)),
            END.to_vec(),
        ];
        order.interface(RAW, &options.concat())
    };
    let one = [
        LITTLE.section(),
        named(LITTLE, b"eth0", 6, 0),
        LITTLE.packet(0, 5_000_000, &segment(b"a")),
        LITTLE.packet(0, 9_000_000, &segment(b"b")),
    ]
    .concat();
    // Its zero point is a second later.
    let other = [
        BIG.section(),
        named(BIG, b"eth1", 3, 1),
        named(BIG, b"eth1", 3, 1),
        BIG.packet(0, 6_000, &segment(b"c")),
        BIG.packet(1, 4_000, &segment(b"d")),
    ]
    .concat();
    let rotated = [
        LITTLE.section(),
        named(LITTLE, b"eth0", 6, 0),
        LITTLE.packet(0, 10_000_000, &segment(b"e")),
    ]
    .concat();
    let files = [&rotated[..], &other, &one];
    let mut told = Vec::new();
    let (output, written) = annotate(&files, |capture, frame| {
        told.push((capture, frame));
        on_all(capture, frame)
    });
    assert!(written.files.iter().all(|file| file.error.is_none() && file.left_out == 0));
    assert_eq!(frames(&[&output]), frames(&files));
    assert_eq!(frames(&files).len(), 5);
    // Each file's frames come in their order.
    told.sort();
    assert_eq!(told, [(0, 1), (1, 1), (1, 2), (2, 1), (2, 2)]);
    let mut capture = Capture::new(&output[..]).unwrap();
    let mut times = Vec::new();
    while let Some(segment) = capture.next_segment().unwrap() {
        times.push(segment.packet.time_ns / 1_000_000_000);
    }
    assert_eq!(times, [5, 7, 5, 9, 10], "the second file goes back in time itself");
    // The rotated file has the same interface; the two that are alike in one file are two.
    assert_eq!(capture.interfaces().count(), 3);
}

#[test]
fn what_can_be_read_is_written() {
    let file = everything(LITTLE, false);
    let (whole, _) = annotate(&[&file], on_all);
    for end in 0..file.len() {
        let cut = &file[..end];
        if Capture::new(cut).is_err() {
            continue;
        }
        let (output, written) = annotate(&[cut], on_all);
        assert!(whole.starts_with(&output), "{end}");
        let said = written.files[0].warning.is_some();
        assert_eq!(said, annotate(&[cut], none).0 != cut, "{end}");
    }
    let mut zipped = GzEncoder::new(Vec::new(), Compression::default());
    zipped.write_all(&file).unwrap();
    let zipped = zipped.finish().unwrap();
    assert!(annotate(&[&zipped], on_all).0 == whole);
    let (output, written) = annotate(&[&zipped[..zipped.len() - 20]], on_all);
    let warning = written.files[0].warning;
    assert!(matches!(warning, Some(CaptureWarning::Compressed { .. })), "{warning:?}");
    assert!(whole.starts_with(&output));
}

#[test]
fn errors_are_told() {
    let file = everything(LITTLE, false);
    let fails = |_: usize, frame: u64, _: &mut Vec<String>| match frame {
        2 => Err(io::Error::other("no comment")),
        _ => Ok(()),
    };
    let told = Annotate::new("test", MARK).input(reader(&file)).write(io::sink(), fails);
    assert!(matches!(&told, Err(MergeError::Write(error)) if error.to_string() == "no comment"));
    let missing = Annotate::new("test", MARK).input("missing").write(io::sink(), |_, _, _| Ok(()));
    assert!(matches!(missing, Err(MergeError::Open(error)) if error.index == 0));

    /// Gives octets, and then fails.
    struct Failing(Cursor<Vec<u8>>);
    impl Read for Failing {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            match self.0.read(into)? {
                0 => Err(io::Error::other("broken")),
                octets => Ok(octets),
            }
        }
    }
    let broken = Input::Reader(Box::new(Failing(Cursor::new(file.clone()))));
    let mut output = Vec::new();
    let written =
        Annotate::new("test", MARK).input(broken).write(&mut output, |_, _, _| Ok(())).unwrap();
    assert!(written.files[0].error.is_some());
    assert!(output == file);
}

/// The samples, and those of the corpus that are not large.
fn captures() -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    let mut folders = vec![Path::new("../samples").to_owned()];
    folders.extend(testkit::shared_captures().map(|folder| folder.join("public")));
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.metadata().unwrap().len() < 1 << 20 {
                files.push(path);
            }
        }
    }
    files.sort();
    files.into_iter().map(|file| fs::read(file).unwrap()).collect()
}

/// What a reader finds in a file: time, addresses and payload of each segment, and how reading ended.
fn found(file: &[u8]) -> (Vec<(i64, String)>, u64) {
    let mut capture = Capture::new(file).unwrap();
    let mut found = Vec::new();
    while let Some(segment) = capture.next_segment().unwrap() {
        found.push((segment.packet.time_ns, format!("{segment:?}")));
    }
    (found, capture.frames())
}

#[test]
fn real_captures_stay_the_same() {
    let files = captures();
    let mut annotated = 0;
    for file in files.iter().filter(|file| Capture::new(&file[..]).is_ok()) {
        let (with, written) = annotate(&[file], on_all);
        let (without, _) = annotate(&[file], none);
        assert!(annotate(&[&with], none).0.len() <= with.len());
        let before = found(file);
        if written.files[0].left_out == 0 {
            assert_eq!(found(&with), before);
            assert_eq!(found(&without), before);
        }
        annotated += 1;
    }
    assert!(annotated > 20, "only {annotated} captures");
    // All as one stream. Without comments, it is that of the library itself.
    let small: Vec<_> = files
        .iter()
        .filter(|file| file.len() < 20_000 && Capture::new(&file[..]).is_ok())
        .collect();
    let small: Vec<&[u8]> = small.iter().take(60).map(|file| &file[..]).collect();
    let (output, _) = annotate(&small, on_all);
    let mut captures = Captures::open(small.iter().map(|file| reader(file))).unwrap();
    let mut segments = Vec::new();
    while let Some((_, packet)) = captures.next_packet().unwrap() {
        if let Packet::Segment(segment) = packet {
            segments.push((segment.packet.time_ns, segment.tcp.payload.to_vec()));
        }
    }
    let mut merged = Vec::new();
    let mut capture = Capture::new(&output[..]).unwrap();
    while let Some(segment) = capture.next_segment().unwrap() {
        merged.push((segment.packet.time_ns, segment.tcp.payload.to_vec()));
    }
    segments.sort();
    merged.sort();
    assert!(segments == merged);
}

proptest! {
    /// Damage ends the copying where it ends the reading, and taking the comments out leaves the packets.
    #[test]
    fn damaged_captures_are_copied_as_far_as_they_are_read(
        sample in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        end in any::<prop::sample::Index>(),
        big in any::<bool>(),
    ) {
        let order = if big { BIG } else { LITTLE };
        let names = ["refused", "icmp-reject", "fast-open", "challenge-ack"];
        let name = sample.get(&names);
        let mut file = fs::read(format!("../samples/{name}.pcapng")).unwrap();
        file.extend(everything(order, false));
        for (place, value) in changes {
            let place = place.index(file.len());
            file[place] = value;
        }
        file.truncate(end.index(file.len()) + 1);
        if Capture::new(&file[..]).is_ok() {
            let (with, written) = annotate(&[&file], on_all);
            let (without, _) = annotate(&[&file], none);
            let frames = written.files[0].frames;
            if written.files[0].left_out == 0 {
                prop_assert_eq!(found(&with), found(&file));
            }
            let (stripped, again) = annotate(&[&with], none);
            prop_assert_eq!(again.files[0].frames, frames);
            prop_assert_eq!(found(&stripped), found(&without));
            let (twice, _) = annotate(&[&with], on_all);
            prop_assert!(twice == with);
        }
    }
}
