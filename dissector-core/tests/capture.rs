//! Hand-made capture files with the details of the formats that readers get wrong.

#![allow(clippy::unwrap_used, reason = "a test")]

use dissector_core::capture::{
    Capture, CaptureError, CaptureWarning, IpVersion, Layer, LinkType, Problem, Skipped,
};
use hex_literal::hex;
use proptest::prelude::*;
use testkit::pcapng::{BIG, LITTLE, Order};

/// SYN/ACK from port 443 to 40000, two octets of payload.
const TCP: [u8; 22] = hex!("01bb9c40 00000001 00000002 5012ffff 00000000 6869");

/// The fields of a segment that the tests compare.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    frame: u64,
    time_ns: i64,
    source: String,
    destination: String,
    payload_octets: u32,
    captured: Vec<u8>,
}

#[derive(Debug)]
struct Read {
    rows: Vec<Row>,
    frames: u64,
    warning: Option<CaptureWarning>,
    skipped: Vec<(Skipped, u64)>,
}

fn read(file: &[u8]) -> Result<Read, CaptureError> {
    let mut capture = Capture::new(file)?;
    let mut rows = Vec::new();
    while let Some(segment) = capture.next_segment()? {
        assert_eq!(segment.tcp.source_port, 443);
        rows.push(Row {
            frame: segment.packet.frame,
            time_ns: segment.packet.time_ns,
            source: segment.packet.source.to_string(),
            destination: segment.packet.destination.to_string(),
            payload_octets: segment.payload_octets(),
            captured: segment.tcp.payload.to_vec(),
        });
    }
    Ok(Read {
        rows,
        frames: capture.frames(),
        warning: capture.warning().copied(),
        skipped: capture.skipped().collect(),
    })
}

fn rows(file: &[u8]) -> Vec<Row> {
    let read = read(file).unwrap();
    assert_eq!((read.warning, &read.skipped[..]), (None, &[][..]));
    read.rows
}

/// The segment of a single frame.
fn row(link_type: u32, frame: &[u8]) -> Row {
    let mut rows = rows(&pcap(link_type, &[frame]));
    assert_eq!(rows.len(), 1);
    rows.remove(0)
}

/// The reason why a single frame holds no segment.
fn reason(link_type: u32, frame: &[u8]) -> Skipped {
    let read = read(&pcap(link_type, &[frame])).unwrap();
    assert_eq!((read.rows.len(), read.skipped.len()), (0, 1), "{read:?}");
    read.skipped[0].0
}

fn pcap(link_type: u32, frames: &[&[u8]]) -> Vec<u8> {
    let mut file = hex!("d4c3b2a1 0200 0400 00000000 00000000 ffff0000").to_vec();
    file.extend(link_type.to_le_bytes());
    for frame in frames {
        pcap_record(&mut file, frame, frame.len() as u32);
    }
    file
}

fn pcap_record(file: &mut Vec<u8>, frame: &[u8], original_octets: u32) {
    file.extend(hex!("01000000 02000000"));
    file.extend((frame.len() as u32).to_le_bytes());
    file.extend(original_octets.to_le_bytes());
    file.extend(frame);
}

fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = hex!("4500 0000 0007 0000 40 00 0000 0a000001 0a000002").to_vec();
    packet[2..4].copy_from_slice(&(20 + payload.len() as u16).to_be_bytes());
    packet[9] = protocol;
    packet.extend(payload);
    packet
}

fn ipv6(next_header: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = hex!(
        "60000000 0000 00 40"
        "20010db8000000000000000000000001 20010db8000000000000000000000002"
    )
    .to_vec();
    packet[4..6].copy_from_slice(&(payload.len() as u16).to_be_bytes());
    packet[6] = next_header;
    packet.extend(payload);
    packet
}

fn ethernet(ethertype: [u8; 2], payload: &[u8]) -> Vec<u8> {
    [&[0; 12], &ethertype[..], payload].concat()
}

#[test]
fn pcap_in_both_byte_orders_and_both_units() {
    let packet = ipv4(6, &TCP);
    let headers = [
        (hex!("a1b2c3d4"), true, 1_000_002_000),
        (hex!("d4c3b2a1"), false, 1_000_002_000),
        (hex!("a1b23c4d"), true, 1_000_000_002),
        (hex!("4d3cb2a1"), false, 1_000_000_002),
    ];
    for (magic, big, time_ns) in headers {
        let order = Order { big };
        let octets = order.u32(packet.len() as u32);
        let file = [
            &magic[..],
            &order.u16(2),
            &order.u16(4),
            &[0; 8],
            &order.u32(65535),
            &order.u32(101),
            &order.u32(1),
            &order.u32(2),
            &octets,
            &octets,
            &packet,
        ]
        .concat();
        let rows = rows(&file);
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].frame, rows[0].time_ns), (1, time_ns));
        assert_eq!(rows[0].captured, b"hi");
    }
}

#[test]
fn a_fraction_of_more_than_a_second_is_added() {
    let mut file = pcap(101, &[&ipv4(6, &TCP)]);
    file[24..32].fill(0xff);
    assert_eq!(rows(&file)[0].time_ns, 4_294_967_295_000_000_000 + 4_294_967_295_000);
}

#[test]
fn fcs_bits_beside_the_link_type() {
    let frame = ethernet([8, 0], &[&ipv4(6, &TCP)[..], &[1, 2, 3, 4]].concat());
    assert_eq!(row(0x2400_0001, &frame).captured, b"hi");
    let mut offloaded = frame;
    offloaded[16..18].fill(0);
    assert_eq!(row(0x2400_0001, &offloaded).payload_octets, 2);
    assert_eq!(row(1, &offloaded).payload_octets, 6);
}

#[test]
fn pcapng_in_both_byte_orders() {
    for order in [LITTLE, BIG] {
        let file = [
            order.section(),
            order.interface(101, &[]),
            order.packet(0, 5_000_007, &ipv4(6, &TCP)),
        ];
        let rows = rows(&file.concat());
        assert_eq!(rows[0].time_ns, 5_000_007_000);
        assert_eq!(rows[0].captured, b"hi");
    }
}

#[test]
fn sections_forget_the_interfaces_of_the_one_before() {
    let packet = ipv4(6, &TCP);
    let little = [LITTLE.section(), LITTLE.interface(101, &[]), LITTLE.packet(0, 0, &packet)];
    let big = [BIG.section(), BIG.interface(1, &[]), BIG.packet(0, 0, &ethernet([8, 0], &packet))];
    let both = [little.concat(), big.concat()].concat();
    assert_eq!(rows(&both).iter().map(|row| row.frame).collect::<Vec<_>>(), [1, 2]);

    let without_interface = [little.concat(), BIG.section(), BIG.packet(0, 0, &packet)].concat();
    let read = read(&without_interface).unwrap();
    assert_eq!(read.rows.len(), 1);
    let problem = Problem::Interface { id: 0 };
    assert_eq!(read.warning, Some(CaptureWarning::Damaged { frames: 1, problem }));
}

#[test]
fn two_interfaces_with_different_link_types_and_clocks() {
    let packet = ipv4(6, &TCP);
    let file = [
        LITTLE.section(),
        LITTLE.interface(1, &hex!("0900 0100 09000000")),
        LITTLE.interface(101, &[]),
        LITTLE.packet(1, 1, &packet),
        LITTLE.packet(0, 1, &ethernet([8, 0], &packet)),
    ];
    let times: Vec<i64> = rows(&file.concat()).iter().map(|row| row.time_ns).collect();
    assert_eq!(times, [1000, 1]);
}

#[test]
fn resolution_and_offset_of_an_interface() {
    let time_ns = |options: &[u8], timestamp| {
        let packet = LITTLE.packet(0, timestamp, &ipv4(6, &TCP));
        rows(&[LITTLE.section(), LITTLE.interface(101, options), packet].concat())[0].time_ns
    };
    assert_eq!(time_ns(&hex!("0900 0100 94000000"), 3 << 19), 1_500_000_000);
    assert_eq!(time_ns(&hex!("0e00 0800 6400000000000000"), 1), 100_000_001_000);
    assert_eq!(time_ns(&hex!("0e00 0800 ffffffffffffffff"), 1), -999_999_000);
    // The first of two counts; an option behind the end, or cut off, does not.
    assert_eq!(time_ns(&hex!("0900 0100 09000000 0900 0100 03000000"), 1), 1);
    assert_eq!(time_ns(&hex!("0000 0000 0900 0100 09000000"), 1), 1000);
    assert_eq!(time_ns(&hex!("0200 0100 61000000 0900 c800 09000000"), 1), 1000);
}

#[test]
fn an_interface_that_pcap_file_rejects_still_counts() {
    let mut reserved = LITTLE.interface(1, &[]);
    reserved[10] = 7;
    let bad_comment = LITTLE.interface(1, &hex!("0100 0200 ffff0000 0900 0300 09000000"));
    for unusual in [reserved, bad_comment] {
        let file = [
            LITTLE.section(),
            unusual,
            LITTLE.interface(101, &[]),
            LITTLE.packet(1, 0, &ipv4(6, &TCP)),
        ];
        assert_eq!(rows(&file.concat()).len(), 1);
    }
}

#[test]
fn a_section_header_that_pcap_file_rejects_is_read() {
    let body = [&hex!("4d3c2b1a 0100 0000")[..], &[0xff; 8], &hex!("0400 0200 ffff0000")].concat();
    let file = [
        LITTLE.block(0x0a0d_0d0a, &body),
        LITTLE.interface(101, &[]),
        LITTLE.packet(0, 0, &ipv4(6, &TCP)),
    ];
    assert_eq!(rows(&file.concat()).len(), 1);
}

#[test]
fn simple_packets_are_cut_by_the_snap_length_and_have_no_time() {
    let packet = [ipv4(6, &TCP), b"padding".to_vec()].concat();
    let mut interface = LITTLE.interface(101, &hex!("0e00 0800 6400000000000000"));
    interface[12] = 41;
    let body = [&49_u32.to_le_bytes()[..], &packet[..41]].concat();
    let rows = rows(&[LITTLE.section(), interface, LITTLE.block(3, &body)].concat());
    assert_eq!((rows[0].time_ns, rows[0].payload_octets), (0, 2));
    assert_eq!(rows[0].captured, b"h");
}

#[test]
fn the_obsolete_packet_block() {
    let packet = ipv4(6, &TCP);
    let fields = hex!("0000 0900 00000000 01000000 2a000000 2a000000");
    let block = LITTLE.block(2, &[&fields[..], &packet].concat());
    let rows = rows(&[LITTLE.section(), LITTLE.interface(101, &[]), block].concat());
    assert_eq!((rows[0].time_ns, &rows[0].captured[..]), (1000, &b"hi"[..]));
}

#[test]
fn blocks_that_wireshark_numbers_count_as_frames_and_others_do_not() {
    let packet = LITTLE.packet(0, 0, &ipv4(6, &TCP));
    let mut file = [LITTLE.section(), LITTLE.interface(101, &[])].concat();
    for silent in [4, 5, 7, 8, 10, 0x201, 0x8000_0001] {
        file.extend(LITTLE.block(silent, &[0; 12]));
    }
    file.extend(&packet);
    for numbered in [9, 0xbad, 0x4000_0bad, 0x204, 0x216, 0x221] {
        file.extend(LITTLE.block(numbered, &[0; 28]));
    }
    file.extend(&packet);
    let read = read(&file).unwrap();
    assert_eq!(read.rows.iter().map(|row| row.frame).collect::<Vec<_>>(), [1, 8]);
    assert_eq!((read.frames, read.skipped), (8, vec![(Skipped::NotAPacket, 6)]));
}

#[test]
fn a_cut_last_record_is_a_warning() {
    let packet = ipv4(6, &TCP);
    let pcap = pcap(101, &[&packet, &packet]);
    let pcapng = [
        LITTLE.section(),
        LITTLE.interface(101, &[]),
        LITTLE.packet(0, 0, &packet),
        LITTLE.packet(0, 0, &packet),
    ];
    for file in [pcap, pcapng.concat()] {
        let read = read(&file[..file.len() - 1]).unwrap();
        assert_eq!((read.rows.len(), read.frames), (1, 1));
        assert_eq!(read.warning, Some(CaptureWarning::CutShort { frames: 1 }));
    }
}

#[test]
fn damage_in_pcapng_ends_the_reading() {
    let packet = ipv4(6, &TCP);
    let start =
        [LITTLE.section(), LITTLE.interface(101, &[]), LITTLE.packet(0, 0, &packet)].concat();
    let mut trailer = LITTLE.packet(0, 0, &packet);
    *trailer.last_mut().unwrap() = 1;
    let mut captured_too_long = LITTLE.packet(0, 0, &packet);
    captured_too_long[20] = 200;
    let mut version = LITTLE.section();
    version[12] = 9;
    let cases = [
        (trailer, Problem::BlockLength),
        (hex!("4d000000 08000000 00000000").to_vec(), Problem::BlockLength),
        (captured_too_long, Problem::BlockContent),
        (LITTLE.block(6, &[0; 16]), Problem::BlockContent),
        (version, Problem::Version { major: 9, minor: 0 }),
        (LITTLE.block(0x0a0d_0d0a, &[7; 16]), Problem::ByteOrder),
    ];
    for (block, problem) in cases {
        let read = read(&[&start[..], &block, &start].concat()).unwrap();
        assert_eq!(read.rows.len(), 1);
        assert_eq!(read.warning, Some(CaptureWarning::Damaged { frames: 1, problem }));
    }
}

#[test]
fn a_record_over_the_limit_ends_the_reading() {
    let mut file = pcap(101, &[&ipv4(6, &TCP)]);
    let octets = 64 * 1024 * 1024;
    file.extend(hex!("00000000 00000000 00000004 00000004 45"));
    let read = read(&file).unwrap();
    let octets = octets + 16;
    assert_eq!(read.warning, Some(CaptureWarning::TooLong { frames: 1, octets }));
    assert_eq!(read.rows.len(), 1);
}

#[test]
fn a_record_longer_than_the_buffer_makes_it_grow() {
    let mut long = ipv4(6, &TCP);
    long.resize(3 << 20, 0);
    let short = ipv4(6, &TCP);
    let rows = rows(&pcap(101, &[&short, &long, &short, &long]));
    assert_eq!(rows.iter().map(|row| row.frame).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert!(rows.iter().all(|row| row.captured == b"hi"));
}

#[test]
fn octets_that_are_no_capture_are_an_error() {
    assert!(matches!(Capture::new(&[][..]), Err(CaptureError::Empty)));
    assert!(matches!(
        Capture::new(&hex!("425a6839 00")[..]),
        Err(CaptureError::NotACapture { magic: [b'B', b'Z', b'h', b'9'] })
    ));
    assert!(matches!(Capture::new(&hex!("1f8b0800 00")[..]), Err(CaptureError::Compressed)));
    assert!(matches!(Capture::new(&hex!("28b52ffd 00")[..]), Err(CaptureError::Compressed)));
    assert!(matches!(
        Capture::new(&hex!("34cdb2a1 0200 0400")[..]),
        Err(CaptureError::NotACapture { .. })
    ));
    let empty = pcap(1, &[]);
    assert!(matches!(
        Capture::new(&empty[..23]),
        Err(CaptureError::HeaderCut { required: 24, available: 23 })
    ));
    assert_eq!(read(&empty).unwrap().frames, 0);
    assert!(matches!(
        Capture::new(&LITTLE.section()[..27]),
        Err(CaptureError::HeaderCut { required: 28, available: 27 })
    ));
    assert_eq!(read(&LITTLE.section()).unwrap().warning, None);
}

#[test]
fn a_reader_that_fails_ends_the_capture() {
    struct Failing(Vec<u8>);
    impl std::io::Read for Failing {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            if self.0.is_empty() {
                return Err(std::io::Error::other("unplugged"));
            }
            into[..self.0.len()].copy_from_slice(&self.0);
            Ok(std::mem::take(&mut self.0).len())
        }
    }
    let mut capture = Capture::new(Failing(pcap(101, &[&ipv4(6, &TCP)]))).unwrap();
    assert!(capture.next_segment().unwrap().is_some());
    assert!(matches!(capture.next_segment(), Err(CaptureError::Io(_))));
    assert!(capture.next_segment().unwrap().is_none());
}

#[test]
fn a_snap_length_shortens_what_is_captured_only() {
    let packet = ipv4(6, &[&TCP[..], &[0; 500]].concat());
    let mut file = pcap(1, &[]);
    pcap_record(&mut file, &ethernet([8, 0], &packet)[..56], 556);
    let rows = rows(&file);
    assert_eq!((rows[0].payload_octets, &rows[0].captured[..]), (502, &b"hi"[..]));
}

#[test]
fn the_payload_ends_where_the_shortest_length_says() {
    // Ethernet padding.
    let padded = ethernet([8, 0], &[&ipv4(6, &TCP)[..], &[0; 4]].concat());
    assert_eq!((row(1, &padded).payload_octets, row(1, &padded).captured), (2, b"hi".to_vec()));
    // An IP length beyond the frame.
    let mut beyond = ipv4(6, &TCP);
    beyond[2] = 4;
    assert_eq!(row(101, &beyond).payload_octets, 2);
    let mut file = pcap(101, &[]);
    pcap_record(&mut file, &beyond, 500);
    assert_eq!(rows(&file)[0].payload_octets, 460);
    // An original length below the captured one is not believed.
    let mut file = pcap(101, &[]);
    pcap_record(&mut file, &ipv4(6, &TCP), 20);
    assert_eq!(rows(&file)[0].payload_octets, 2);
}

#[test]
fn a_length_of_zero_is_offload_in_ipv4_only() {
    let mut packet = ipv4(6, &TCP);
    packet[2..4].fill(0);
    assert_eq!(row(101, &packet).payload_octets, 2);
    let mut packet = ipv6(6, &TCP);
    packet[4..6].fill(0);
    assert_eq!(reason(101, &packet), Skipped::Truncated(Layer::Tcp));
}

#[test]
fn vlan_tags() {
    let packet = ipv4(6, &TCP);
    let tagged = [&hex!("0005 8100 0006 9100 0007 0800")[..], &packet].concat();
    assert_eq!(row(1, &ethernet([0x88, 0xa8], &tagged)).captured, b"hi");
    let tags = |count: usize| {
        let tags = hex!("0005 8100").repeat(count - 1);
        ethernet([0x81, 0], &[&tags[..], &hex!("0005 0800"), &packet].concat())
    };
    assert_eq!(row(1, &tags(20)).captured, b"hi");
    assert_eq!(reason(1, &tags(21)), Skipped::VlanDepth);
    assert_eq!(reason(1, &tags(3)[..17]), Skipped::Truncated(Layer::Vlan));
}

#[test]
fn linux_cooked_null_loop_and_raw() {
    let (v4, v6) = (ipv4(6, &TCP), ipv6(6, &TCP));
    let sll = hex!("0000 0001 0006 0000000000000000 0800");
    assert_eq!(row(113, &[&sll[..], &v4].concat()).captured, b"hi");
    let sll2 = hex!("86dd 0000 00000001 0001 0006 0000000000000000");
    assert_eq!(row(276, &[&sll2[..], &v6].concat()).source, "2001:db8::1");
    let null = |header: [u8; 4], packet: &[u8]| row(0, &[&header[..], packet].concat()).source;
    for header in [hex!("02000000"), hex!("00000002"), hex!("00020000"), hex!("00000200")] {
        assert_eq!(null(header, &v4), "10.0.0.1");
    }
    for header in [hex!("1e000000"), hex!("0000001e"), hex!("18000000"), hex!("0000001c")] {
        assert_eq!(null(header, &v6), "2001:db8::1");
    }
    assert_eq!(null(hex!("000086dd"), &v6), "2001:db8::1");
    assert_eq!(reason(0, &[&hex!("0a000000")[..], &v6].concat()), Skipped::NotIp);
    assert_eq!(null(hex!("ff030021"), &v4), "10.0.0.1");
    assert_eq!(reason(0, &[&hex!("ff03c021")[..], &v4].concat()), Skipped::Ppp);
    assert_eq!(row(108, &[&hex!("00000002")[..], &v4].concat()).captured, b"hi");
    assert_eq!(reason(108, &[&hex!("02000000")[..], &v4].concat()), Skipped::NotIp);
    for link_type in [12, 14, 101] {
        assert_eq!(row(link_type, &v4).source, "10.0.0.1");
        assert_eq!(row(link_type, &v6).source, "2001:db8::1");
    }
    assert_eq!(row(228, &v4).source, "10.0.0.1");
    assert_eq!(row(229, &v6).source, "2001:db8::1");
    assert_eq!(reason(229, &v4), Skipped::Damaged(Layer::Ip));
}

#[test]
fn the_version_field_counts_more_than_the_ethertype_of_ipv4() {
    assert_eq!(row(1, &ethernet([8, 0], &ipv6(6, &TCP))).source, "2001:db8::1");
    let wrong = ethernet([0x86, 0xdd], &ipv4(6, &TCP));
    assert_eq!(reason(1, &wrong), Skipped::Damaged(Layer::Ip));
}

#[test]
fn ipv4_options_and_bad_lengths() {
    let mut packet = ipv4(6, &[&[1; 4][..], &TCP].concat());
    packet[0] = 0x46;
    assert_eq!(row(101, &packet).captured, b"hi");
    packet[0] = 0x44;
    assert_eq!(reason(101, &packet), Skipped::Damaged(Layer::Ipv4));
    let mut packet = ipv4(6, &TCP);
    packet[3] = 19;
    assert_eq!(reason(101, &packet), Skipped::Damaged(Layer::Ipv4));
    packet[3] = 30;
    assert_eq!(reason(101, &packet), Skipped::Truncated(Layer::Tcp));
}

#[test]
fn the_last_stop_of_a_source_route_is_the_destination() {
    let destination = |option: [u8; 12]| {
        let mut packet = ipv4(6, &[&option[..], &TCP].concat());
        packet[0] = 0x48;
        row(101, &packet).destination
    };
    assert_eq!(destination(hex!("01 830b04 09090901 09090902")), "9.9.9.2");
    assert_eq!(destination(hex!("01 890b08 09090901 09090902")), "9.9.9.2");
    assert_eq!(destination(hex!("01 830b0c 09090901 09090902")), "10.0.0.2");
    assert_eq!(destination(hex!("00 830b04 09090901 09090902")), "10.0.0.2");
}

#[test]
fn extension_headers() {
    let after = |next_header, header: &[u8]| row(101, &ipv6(next_header, &[header, &TCP].concat()));
    assert_eq!(after(0, &hex!("0600 0104 00000000")).captured, b"hi");
    assert_eq!(after(60, &hex!("0600 0104 00000000")).captured, b"hi");
    assert_eq!(after(44, &hex!("0600 0000 00000007")).captured, b"hi");
    assert_eq!(after(51, &hex!("0601 0000 00000000 00000000")).captured, b"hi");
    let chain = hex!("3c00 0104 00000000 0600 0104 00000000");
    assert_eq!(after(0, &chain).payload_octets, 2);
    let home = hex!("0602 c910 20010db80000000000000000000000cc 01020000");
    assert_eq!(after(60, &home).source, "2001:db8::cc");
}

#[test]
fn the_destination_behind_a_routing_header_is_the_final_one() {
    let destination = |header: &[u8]| row(101, &ipv6(43, &[header, &TCP].concat())).destination;
    let (c, d) =
        (hex!("20010db80000000000000000000000cc"), hex!("20010db80000000000000000000000dd"));
    let two = |start: [u8; 8]| destination(&[&start[..], &c, &d].concat());
    assert_eq!(two(hex!("0604 0002 00000000")), "2001:db8::dd");
    assert_eq!(two(hex!("0604 0000 00000000")), "2001:db8::2");
    assert_eq!(two(hex!("0604 0401 01000000")), "2001:db8::cc");
    assert_eq!(two(hex!("0604 fd01 00000000")), "2001:db8::2");
    assert_eq!(destination(&[&hex!("0602 0201 00000000")[..], &c].concat()), "2001:db8::cc");
    let compressed = hex!("0601 0302 ff600000 e1e2 000000000000");
    assert_eq!(destination(&compressed), "2001:db8::e2");
}

#[test]
fn fragments_and_other_frames_are_counted_by_reason() {
    let mut fragment = ipv4(6, &TCP);
    fragment[6] = 0x20;
    assert_eq!(reason(101, &fragment), Skipped::Fragment(IpVersion::V4));
    let fragment = ipv6(44, &[&hex!("0600 0001 00000007")[..], &TCP].concat());
    assert_eq!(reason(101, &fragment), Skipped::Fragment(IpVersion::V6));
    assert_eq!(reason(101, &ipv4(17, &hex!("00350035 000a0000 6869"))), Skipped::Protocol(17));
    assert_eq!(reason(101, &ipv4(17, &hex!("00350035 00070000"))), Skipped::Damaged(Layer::Udp));
    assert_eq!(reason(1, &ethernet([0x88, 0x63], &TCP)), Skipped::EtherType(0x8863));
    assert_eq!(reason(1, &ethernet([0, 22], &TCP)), Skipped::Ieee8023);
    assert_eq!(reason(1, &ethernet([8, 6], &TCP)), Skipped::EtherType(0x806));
    assert_eq!(reason(197, &TCP), Skipped::LinkType(LinkType(197)));
    assert_eq!(reason(1, &TCP[..13]), Skipped::Truncated(Layer::Link));
    assert_eq!(reason(101, &ipv4(6, &TCP)[..19]), Skipped::Truncated(Layer::Ipv4));
    assert_eq!(reason(101, &ipv4(6, &TCP)[..39]), Skipped::Truncated(Layer::Tcp));
    let mut offset = TCP;
    offset[12] = 0x40;
    assert_eq!(reason(101, &ipv4(6, &offset)), Skipped::Damaged(Layer::Tcp));
}

/// A file of each format, with most kinds of records and headers.
fn samples() -> [Vec<u8>; 3] {
    let home = hex!("0602 c910 20010db80000000000000000000000cc 01020000");
    let route = hex!("3c02 0001 00000000 20010db80000000000000000000000dd");
    let v6 = ipv6(43, &[&route[..], &home, &TCP].concat());
    let v4 = ipv4(6, &TCP);
    let pcapng = |order: Order| {
        [
            order.section(),
            order.interface(1, &order.u16(9)),
            order.interface(101, &[]),
            order.packet(0, 1, &ethernet([8, 0], &v4)),
            order.block(9, &[0; 28]),
            order.packet(1, 1 << 40, &v6),
            order.section(),
            order.interface(101, &[]),
            order.packet(0, 2, &v4),
        ]
        .concat()
    };
    [pcap(101, &[&v4, &v6, &v4]), pcapng(LITTLE), pcapng(BIG)]
}

#[test]
fn a_file_cut_anywhere_gives_the_first_of_its_segments() {
    for file in samples() {
        let whole = rows_of(&file);
        assert_eq!(whole.len(), 3);
        for octets in 0..file.len() {
            if let Ok(read) = read(&file[..octets]) {
                assert_eq!(read.rows, whole[..read.rows.len()], "cut at {octets}");
            }
        }
    }
}

fn rows_of(file: &[u8]) -> Vec<Row> {
    read(file).unwrap().rows
}

/// Reads any file to its end.
fn exhaust(file: &[u8]) {
    let Ok(mut capture) = Capture::new(file) else { return };
    let (mut frames, mut last) = (0, 0);
    while let Some(segment) = capture.next_segment().expect("memory does not fail") {
        assert!(segment.tcp.payload.len() <= segment.packet.tcp_octets as usize);
        frames += u64::from(segment.packet.frame != last);
        last = segment.packet.frame;
    }
    assert_eq!(frames + capture.skipped().map(|(_, frames)| frames).sum::<u64>(), capture.frames());
}

proptest! {
    #[test]
    fn arbitrary_octets_after_a_header_do_not_panic(octets: Vec<u8>, link_type: u32) {
        exhaust(&[pcap(link_type, &[]), octets.clone()].concat());
        exhaust(&[LITTLE.section(), octets.clone()].concat());
        exhaust(&[BIG.section(), BIG.interface(1, &octets), octets].concat());
    }

    #[test]
    fn arbitrary_packets_do_not_panic(
        link_type in prop_oneof![Just(0), Just(1), Just(101), Just(108), Just(113), Just(229)],
        start in prop_oneof![Just(vec![]), Just(ipv4(6, &[])), Just(ipv6(43, &[])), Just(ipv6(0, &[]))],
        octets: Vec<u8>,
    ) {
        let frame = [start, octets].concat();
        exhaust(&pcap(link_type, &[&frame, &ethernet([8, 0], &frame)]));
    }

    #[test]
    fn changed_octets_do_not_panic(
        file in 0_usize..3,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut file = samples()[file].clone();
        for (at, octet) in changes {
            let at = at.index(file.len());
            file[at] = octet;
        }
        exhaust(&file);
    }
}
