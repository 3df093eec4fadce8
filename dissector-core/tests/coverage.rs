//! What a capture tells of its interfaces, its times and what it missed.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::convert::Infallible;
use std::io::Cursor;

use dissector_core::capture::{Capture, CaptureInterface, Captures, Coverage, Input, LinkType};
use dissector_core::compare::{Observer, PointLabel, observe_interfaces};
use dissector_core::{FollowEvent, FollowOptions, follow, follow_packets};
use hex_literal::hex;
use testkit::pcapng::{BIG, LITTLE, Order};

const SECOND: u64 = 1_000_000_000;
/// Some time in 2026, in seconds.
const NOW: u64 = 1_780_000_000;
const RAW: u16 = 101;
const SLL2: u16 = 276;
const NANOSECONDS: [u8; 8] = hex!("0900 0100 09000000");

/// A SYN over IPv4.
const SYN: [u8; 40] = hex!(
    "45000028 0001 0000 40 06 0000 0a000001 0a000002"
    "9c400035 00000007 00000000 5002 ffff 00000000"
);
/// A datagram of UDP.
const UDP: [u8; 28] = hex!("4500001c 0001 0000 40 11 0000 0a000001 0a000002 0035003500080000");

/// The time of nanoseconds since 1970.
fn ns(seconds: u64, nanoseconds: u64) -> Option<i64> {
    Some((seconds * SECOND + nanoseconds) as i64)
}

/// A frame of Linux cooked capture, version 2.
fn cooked(index: u32) -> Vec<u8> {
    [&hex!("0800 0000")[..], &index.to_be_bytes(), &hex!("0001 00 06 0000000000010000"), &SYN]
        .concat()
}

/// The coverage, and the interfaces, after reading packet by packet, and the interface of each packet.
fn read(file: &[u8]) -> (Coverage, Vec<CaptureInterface>, Vec<u32>) {
    let mut capture = Capture::new(file).unwrap();
    let mut numbers = Vec::new();
    while capture.next_packet().unwrap().is_some() {
        numbers.push(capture.interface());
    }
    let mut captures = captures(&[file]);
    let mut followed = Vec::new();
    let _ = follow_packets(&mut captures, FollowOptions::new(), |event| {
        if let FollowEvent::Packet(packet) = event {
            followed.push(packet.interface);
        }
        Ok::<(), Infallible>(())
    });
    assert_eq!(followed, numbers);
    assert_eq!(captures.coverage(0), capture.coverage());
    assert!(captures.interfaces(0).eq(capture.interfaces()));
    (capture.coverage(), capture.interfaces().collect(), numbers)
}

fn captures(files: &[&[u8]]) -> Captures {
    let reader = |file: &&[u8]| Input::Reader(Box::new(Cursor::new(file.to_vec())));
    Captures::open(files.iter().map(reader)).unwrap()
}

/// A file of one interface, with units of nanoseconds.
fn pcapng(order: Order, blocks: &[Vec<u8>]) -> Vec<u8> {
    let resolution = [&order.u16(9)[..], &order.u16(1), &[9, 0, 0, 0]].concat();
    [order.section(), order.interface(RAW, &resolution), blocks.concat()].concat()
}

#[test]
fn frames_of_every_kind_count() {
    let times = [NOW + 1, NOW + 2, NOW + 3].map(|seconds| seconds * SECOND);
    let file = pcapng(
        LITTLE,
        &[
            LITTLE.packet(0, times[0], &UDP),
            LITTLE.packet(0, times[1], &SYN),
            LITTLE.packet(0, times[2], b"junk"),
        ],
    );
    let (coverage, interfaces, numbers) = read(&file);
    assert_eq!((coverage.first_ns, coverage.last_ns), (ns(NOW + 1, 0), ns(NOW + 3, 0)));
    assert_eq!((coverage.frames, coverage.span()), (3, coverage.first_ns.zip(coverage.last_ns)));
    assert_eq!((interfaces.len(), numbers), (1, vec![0]));
    assert_eq!(interfaces[0].coverage, coverage);
}

#[test]
fn a_file_without_frames_has_no_coverage() {
    let statistics = [
        LITTLE.option(2, &LITTLE.time(NOW * SECOND)),
        LITTLE.option(3, &LITTLE.time(NOW * SECOND + 9)),
    ];
    let (coverage, ..) = read(&pcapng(LITTLE, &[LITTLE.statistics(0, 0, &statistics.concat())]));
    assert_eq!((coverage.start_ns, coverage.end_ns), (ns(NOW, 0), ns(NOW, 9)));
    assert_eq!((coverage.first_ns, coverage.frames, coverage.span()), (None, 0, None));
}

#[test]
fn statistics_in_both_byte_orders_and_in_the_units_of_their_interface() {
    for order in [LITTLE, BIG] {
        let milliseconds = [&order.option(9, &[3])[..], &order.option(2, b"eth0")].concat();
        let options = [
            order.option(2, &order.time((NOW - 1) * 1000)),
            order.option(3, &order.time((NOW + 1) * 1000)),
            order.option(4, &order.u64(70)),
            order.option(5, &order.u64(5)),
            order.option(6, &order.u64(60)),
            order.option(7, &order.u64(2)),
        ];
        let file = [
            order.section(),
            order.interface(RAW, &milliseconds),
            order.packet(0, NOW * 1000, &SYN),
            order.statistics(0, (NOW + 1) * 1000, &options.concat()),
        ];
        let (coverage, interfaces, _) = read(&file.concat());
        assert_eq!((coverage.start_ns, coverage.end_ns), (ns(NOW - 1, 0), ns(NOW + 1, 0)));
        assert_eq!((coverage.received, coverage.dropped), (Some(70), 7));
        assert_eq!(coverage.span(), Some((ns(NOW - 1, 0).unwrap(), ns(NOW + 1, 0).unwrap())));
        assert_eq!(interfaces[0].name.as_deref(), Some("eth0"));
    }
}

#[test]
fn statistics_in_microseconds_beside_frames_in_nanoseconds() {
    // So dumpcap writes them.
    let options = [
        LITTLE.option(2, &LITTLE.time((NOW - 1) * 1_000_000)),
        LITTLE.option(3, &LITTLE.time((NOW + 2) * 1_000_000)),
    ];
    let file = pcapng(
        LITTLE,
        &[
            LITTLE.packet(0, NOW * SECOND, &SYN),
            LITTLE.statistics(0, (NOW + 2) * 1_000_000, &options.concat()),
        ],
    );
    let (coverage, ..) = read(&file);
    assert_eq!((coverage.start_ns, coverage.end_ns), (ns(NOW - 1, 0), ns(NOW + 2, 0)));
    assert_eq!(coverage.span(), coverage.start_ns.zip(coverage.end_ns));
}

#[test]
fn statistics_repeat_themselves_and_damaged_ones_say_nothing() {
    let dropped = |dropped: u64| LITTLE.option(5, &LITTLE.u64(dropped));
    let file = pcapng(
        LITTLE,
        &[
            LITTLE.statistics(0, 0, &dropped(4)),
            LITTLE.packet(0, NOW * SECOND, &SYN),
            LITTLE.statistics(0, 0, &dropped(9)),
            // Too short, of no interface, cut in an option.
            LITTLE.block(5, &[0; 8]),
            LITTLE.statistics(7, 0, &dropped(100)),
            LITTLE.statistics(0, 0, &[5, 0, 8, 0, 1]),
            LITTLE.statistics(0, 0, &LITTLE.option(2, &[1, 2])),
            LITTLE.packet(0, NOW * SECOND + 1, &SYN),
        ],
    );
    let (coverage, _, numbers) = read(&file);
    assert_eq!((coverage.dropped, coverage.start_ns), (9, None));
    assert_eq!((coverage.frames, numbers.len()), (2, 2));
}

#[test]
fn interfaces_have_times_of_their_own_and_keep_their_number_in_later_sections() {
    let named = |name: &[u8]| [&NANOSECONDS[..], &LITTLE.option(2, name)].concat();
    let at = |seconds: u64| (NOW + seconds) * SECOND;
    let file = [
        LITTLE.section(),
        LITTLE.interface(RAW, &named(b"eth0")),
        LITTLE.packet(0, at(0), &SYN),
        LITTLE.interface(RAW, &named(b"eth1")),
        LITTLE.packet(1, at(1), &SYN),
        LITTLE.packet(0, at(2), &SYN),
        LITTLE.section(),
        LITTLE.interface(RAW, &named(b"eth1")),
        LITTLE.interface(RAW, &named(b"eth2")),
        LITTLE.packet(0, at(3), &SYN),
        LITTLE.packet(1, at(4), &UDP),
        LITTLE.statistics(0, at(5), &LITTLE.option(5, &LITTLE.u64(3))),
    ];
    let (coverage, interfaces, numbers) = read(&file.concat());
    assert_eq!(numbers, [0, 1, 0, 1]);
    let times: Vec<_> = interfaces
        .iter()
        .map(|it| (it.name.as_deref().unwrap(), it.coverage.first_ns, it.coverage.last_ns))
        .collect();
    assert_eq!(
        times,
        [
            ("eth0", ns(NOW, 0), ns(NOW + 2, 0)),
            ("eth1", ns(NOW + 1, 0), ns(NOW + 3, 0)),
            ("eth2", ns(NOW + 4, 0), ns(NOW + 4, 0)),
        ]
    );
    let dropped: Vec<_> = interfaces.iter().map(|it| it.coverage.dropped).collect();
    assert_eq!((dropped, coverage.dropped), (vec![0, 3, 0], 3));
    assert_eq!((coverage.frames, coverage.last_ns), (5, ns(NOW + 4, 0)));
}

#[test]
fn the_index_in_cooked_frames_tells_interfaces_apart() {
    let options = [&NANOSECONDS[..], &LITTLE.option(2, b"any")].concat();
    let at = |seconds: u64| (NOW + seconds) * SECOND;
    let file = [
        LITTLE.section(),
        LITTLE.interface(SLL2, &options),
        LITTLE.packet(0, at(0), &cooked(3)),
        LITTLE.packet(0, at(1), &cooked(2)),
        LITTLE.packet(0, at(2), &cooked(3)),
        LITTLE.packet(0, at(3), &cooked(3)[..7]),
        LITTLE.statistics(0, 0, &LITTLE.option(7, &LITTLE.u64(1))),
    ];
    let (_, interfaces, numbers) = read(&file.concat());
    assert_eq!(numbers, [1, 2, 1]);
    let found: Vec<_> =
        interfaces.iter().map(|it| (it.index, it.coverage.frames, it.coverage.dropped)).collect();
    assert_eq!(found, [(None, 1, 1), (Some(3), 2, 1), (Some(2), 1, 1)]);
    assert!(interfaces.iter().all(|it| it.name.as_deref() == Some("any")));
    assert!(interfaces.iter().all(|it| it.link_type == LinkType::LINUX_SLL2));
}

#[test]
fn many_frames_at_a_time_have_the_same_coverage() {
    // The first frame is not the earliest, one lies, and some are no TCP.
    let mut times: Vec<u64> = (0..5000).map(|number| NOW * SECOND + number * 3_000_000).collect();
    times.swap(0, 2);
    times[2500] = 2 * NOW * SECOND;
    let packets = times.iter().enumerate().map(|(number, time)| {
        let frame = if number % 97 == 0 { &UDP[..] } else { &SYN[..] };
        LITTLE.packet(0, *time, frame)
    });
    let file = pcapng(LITTLE, &packets.collect::<Vec<_>>());
    let (one_by_one, ..) = read(&file);
    assert_eq!(one_by_one.first_ns, ns(NOW, 0));
    assert_eq!(one_by_one.last_ns, ns(NOW, 4999 * 3_000_000));
    for threads in [1, 2] {
        let mut captures = captures(&[&file]);
        let options = FollowOptions::new().with_threads(threads);
        let _ = follow(&mut captures, options, |_| Ok::<(), Infallible>(()));
        assert_eq!(captures.coverage(0), one_by_one);
        assert_eq!(captures.interfaces(0).next().unwrap().coverage, one_by_one);
    }
}

#[test]
fn each_of_several_files_has_a_coverage_of_its_own() {
    let file = |seconds: u64| {
        let packets =
            (0..200).map(|number| LITTLE.packet(0, seconds * SECOND + number * 1_000_000, &SYN));
        pcapng(LITTLE, &packets.collect::<Vec<_>>())
    };
    // The clocks of both are hours apart.
    let (early, late) = (file(NOW), file(NOW + 7200));
    let mut both = captures(&[&late, &early]);
    let _ = follow(&mut both, FollowOptions::new().with_threads(1), |_| Ok::<(), Infallible>(()));
    assert_eq!(both.coverage(0), read(&late).0);
    assert_eq!(both.coverage(1), read(&early).0);
}

/// A file with these interfaces, and a SYN at each of these times, in milliseconds.
fn with_syns(interfaces: &[&str], syns: &[(u32, u64)]) -> Vec<u8> {
    let describe = |name: &&str| {
        // The option of a description, and that of nanoseconds.
        LITTLE.interface(RAW, &[LITTLE.option(3, name.as_bytes()), NANOSECONDS.to_vec()].concat())
    };
    let mut file = LITTLE.section();
    file.extend(interfaces.iter().flat_map(describe));
    for (interface, ms) in syns {
        file.extend(LITTLE.packet(*interface, NOW * SECOND + ms * 1_000_000, &SYN));
    }
    file
}

#[test]
fn the_frames_of_each_interface_have_an_order_of_their_own() {
    let disorders = |syns: &[(u32, u64)]| -> Vec<Option<u64>> {
        let file = with_syns(&["one", "two"], syns);
        let (interfaces, _) =
            observe_interfaces(&mut captures(&[&file]), FollowOptions::new(), Observer::new);
        interfaces.iter().map(|it| it.disorder.map(|it| it.frames)).collect()
    };
    assert_eq!(disorders(&[(0, 0), (0, 900), (1, 100), (1, 1000)]), [None, None]);
    assert_eq!(disorders(&[(0, 0), (0, 900), (1, 1000), (1, 100)]), [None, Some(1)]);
}

#[test]
fn interfaces_that_stand_for_points_have_their_names_and_their_order() {
    let label = |number: u32, name: &'static str| {
        let coverage = dissector_core::compare::Coverage::default().with_span(1, 7);
        PointLabel { number, name, coverage }.to_string()
    };
    let (client, server) = (label(1, "client"), label(2, "server"));
    let file = with_syns(&[&server, &client, "eth0"], &[(0, 5), (1, 6)]);
    let (points, _) =
        observe_interfaces(&mut captures(&[&file]), FollowOptions::new(), Observer::new);
    let names: Vec<_> = points.iter().map(|it| (&it.name[..], it.is_point)).collect();
    assert_eq!(names, [("client", true), ("server", true)]);
    for point in points {
        assert!(point.observation.coverage().spans().eq([(1, 7)]), "{point:?}");
    }
}
