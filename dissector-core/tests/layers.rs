//! Hand-made frames, one for each layer that is decoded between the first octet and TCP. Each is also
//! cut at every length, and compared with tshark if that is installed.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};

use dissector_core::capture::{Capture, Decoder, Frame, IpVersion, LinkType, Skipped};
use hex_literal::hex;
use proptest::prelude::*;

/// SYN/ACK from port 443 to 40000, two octets of payload.
const TCP: [u8; 22] = hex!("01bb9c40 00000001 00000002 5012ffff 00000000 6869");

fn pcap(link_type: u32, frames: &[Vec<u8>]) -> Vec<u8> {
    let mut file = hex!("d4c3b2a1 0200 0400 00000000 00000000 ffff0000").to_vec();
    file.extend(link_type.to_le_bytes());
    for frame in frames {
        file.extend(hex!("01000000 02000000"));
        file.extend((frame.len() as u32).to_le_bytes());
        file.extend((frame.len() as u32).to_le_bytes());
        file.extend(frame);
    }
    file
}

fn ipv4_part(protocol: u8, payload: &[u8], fragment: u16) -> Vec<u8> {
    let mut packet = hex!("4500 0000 0007 0000 40 00 0000 0a000001 0a000002").to_vec();
    packet[2..4].copy_from_slice(&(20 + payload.len() as u16).to_be_bytes());
    packet[6..8].copy_from_slice(&fragment.to_be_bytes());
    packet[9] = protocol;
    packet.extend(payload);
    packet
}

fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    ipv4_part(protocol, payload, 0)
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

fn ethernet(value: u16, payload: &[u8]) -> Vec<u8> {
    [&hex!("020000000001 020000000002")[..], &value.to_be_bytes(), payload].concat()
}

fn tagged(ethertype: u16, tag: &[u8], payload: &[u8]) -> Vec<u8> {
    ethernet(ethertype, &[tag, payload].concat())
}

fn udp(port: u16, payload: &[u8]) -> Vec<u8> {
    let length = (8 + payload.len() as u16).to_be_bytes();
    let datagram =
        [&50_000_u16.to_be_bytes()[..], &port.to_be_bytes(), &length, &[0, 0], payload].concat();
    ethernet(0x800, &ipv4(17, &datagram))
}

fn gre(start: &[u8], payload: &[u8]) -> Vec<u8> {
    ethernet(0x800, &ipv4(47, &[start, payload].concat()))
}

/// An 802.11 data frame; `more` are the octets between its sequence control and its payload.
fn wlan(control: [u8; 2], more: &[u8], payload: &[u8]) -> Vec<u8> {
    [&control[..], &[0, 0], &hex!("020000000001").repeat(3), &[0x10, 0], more, payload].concat()
}

fn subframe(payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u16).to_be_bytes();
    let mut subframe = [&hex!("020000000003 020000000004")[..], &length, payload].concat();
    subframe.resize(subframe.len().next_multiple_of(4), 0);
    subframe
}

const SNAP: [u8; 8] = hex!("aaaa03 000000 0800");
const PPP: [u8; 4] = hex!("ff03 0021");
const LABEL: [u8; 4] = hex!("003e8140");

/// Name, link type and frame; each holds one segment.
fn frames() -> Vec<(&'static str, u32, Vec<u8>)> {
    let (v4, v6) = (ipv4(6, &TCP), ipv6(6, &TCP));
    let bridged = ethernet(0x800, &v4);
    let with = |start: &[u8], payload: &[u8]| [start, payload].concat();
    let snap = with(&SNAP, &v4);
    let ppp = with(&PPP, &v4);
    // Wireshark looks for addresses of known manufacturers in a pseudowire.
    let known = with(&hex!("00000c010203 00000c040506 0800"), &v4);
    let length = |more: usize| (v4.len() as u16 + more as u16).to_be_bytes();
    let gtp = |flags: u8, more: &[u8]| {
        udp(2152, &[&[flags, 255][..], &length(more.len()), &[0, 0, 0, 7], more, &v4].concat())
    };
    vec![
        ("IP in IP", 1, ethernet(0x800, &ipv4(4, &v4))),
        ("6in4", 1, ethernet(0x800, &ipv4(41, &v6))),
        ("4in6", 1, ethernet(0x86dd, &ipv6(4, &v4))),
        ("6in6", 1, ethernet(0x86dd, &ipv6(41, &v6))),
        ("EtherIP", 1, ethernet(0x800, &ipv4(97, &with(&[0x30, 0], &bridged)))),
        ("Ethernet in IPv6", 1, ethernet(0x86dd, &ipv6(143, &bridged))),
        ("MPLS in IP", 1, ethernet(0x800, &ipv4(137, &with(&LABEL, &v4)))),
        ("GRE", 1, gre(&hex!("0000 0800"), &v4)),
        ("GRE, IPv6", 1, gre(&hex!("0000 86dd"), &v6)),
        ("GRE, checksum", 1, gre(&hex!("8000 0800 00000000"), &v4)),
        ("GRE, all fields", 1, gre(&hex!("b000 0800 00000000 00000001 00000002"), &v4)),
        ("GRE, routing", 1, gre(&hex!("4000 0800 00000000 08000004 01020304 00000000"), &v4)),
        ("GRE, Ethernet", 1, gre(&hex!("2000 6558 00000001"), &bridged)),
        ("GRE, EoIP", 1, gre(&hex!("2001 6400 00000001"), &bridged)),
        ("GRE, MPLS", 1, gre(&hex!("0000 8847"), &with(&LABEL, &v4))),
        ("GRE, PPTP", 1, gre(&hex!("3081 880b 00200001 00000002 00000003"), &ppp)),
        ("GRE, frame relay", 1, gre(&hex!("0000 6559 1841 03cc"), &v4)),
        ("GRE, WCCP", 1, gre(&hex!("0000 883e"), &v4)),
        ("GRE, WCCP 2", 1, gre(&hex!("0000 883e 00000000"), &v4)),
        ("GRE, 802.11", 1, gre(&hex!("0000 8200"), &wlan([8, 0], &[], &snap))),
        ("ERSPAN 1", 1, gre(&hex!("0000 88be"), &bridged)),
        ("ERSPAN 2", 1, gre(&hex!("1000 88be 00000001 1000000000000000"), &bridged)),
        ("ERSPAN 3", 1, gre(&hex!("1000 22eb 00000001 200000000000000000000000"), &bridged)),
        (
            "ERSPAN 3, subheader",
            1,
            gre(&hex!("1000 22eb 00000001 200000000000000000000001 0000000000000000"), &bridged),
        ),
        ("VXLAN", 1, udp(4789, &with(&hex!("0800000000000100"), &bridged))),
        ("VXLAN-GPE", 1, udp(4790, &with(&hex!("0c00000100000100"), &v4))),
        ("Geneve", 1, udp(6081, &with(&hex!("0000655800000100"), &bridged))),
        ("Geneve, options", 1, udp(6081, &with(&hex!("0200080000000100 0001800161626364"), &v4))),
        ("GTP", 1, gtp(0x30, &[])),
        ("GTP, sequence", 1, gtp(0x32, &[0, 1, 0, 0])),
        ("GTP, extensions", 1, gtp(0x34, &hex!("00010085 01000085 01000000"))),
        ("GTP 0", 1, udp(3386, &[&[0x1e, 255][..], &length(0), &[0; 16], &v4].concat())),
        ("Teredo", 1, udp(3544, &v6)),
        ("Teredo, origin", 1, udp(3544, &with(&hex!("0000 1234 01020304"), &v6))),
        ("Teredo, authentication", 1, udp(3544, &with(&hex!("00010000 000000000000000000"), &v6))),
        ("L2TP", 1, udp(1701, &with(&hex!("0002 0001 0002"), &ppp))),
        (
            "L2TP, all fields",
            1,
            udp(
                1701,
                &[&[0x4a, 2][..], &length(20), &hex!("0001 0002 0001 0000 0002 6162"), &ppp]
                    .concat(),
            ),
        ),
        ("LISP", 1, udp(4341, &with(&[0; 8], &v4))),
        ("MPLS in UDP", 1, udp(6635, &with(&LABEL, &v4))),
        ("TZSP", 1, udp(37008, &with(&hex!("01000001 00 0a0155 01"), &bridged))),
        ("MPLS", 1, tagged(0x8847, &hex!("003e8040 003e8140"), &v4)),
        ("MPLS, IPv6", 1, tagged(0x8847, &hex!("00002140"), &v6)),
        ("MPLS, channel", 1, tagged(0x8847, &hex!("003e8040 0000d140 10000021"), &v4)),
        ("pseudowire", 1, tagged(0x8847, &LABEL, &known)),
        ("pseudowire, control word", 1, tagged(0x8847, &hex!("003e8140 00000005"), &known)),
        ("PPPoE", 1, tagged(0x8864, &[&[0x11, 0, 0, 1][..], &length(2), &[0, 0x21]].concat(), &v4)),
        ("PPPoE, IPv6", 1, tagged(0x8864, &hex!("11000001 0040 0057"), &v6)),
        ("LLC", 1, ethernet(v4.len() as u16 + 3, &with(&hex!("060603"), &v4))),
        ("SNAP", 1, ethernet(v4.len() as u16 + 8, &snap)),
        ("VLAN, SNAP", 1, tagged(0x8100, &[&[0, 5][..], &length(8)].concat(), &snap)),
        ("jumbo LLC", 1, ethernet(0x8870, &snap)),
        ("FabricPath", 1, tagged(0x8903, &[0, 5], &with(&bridged, &[0; 4]))),
        ("VN-Tag", 1, tagged(0x8926, &hex!("00000000 0800"), &v4)),
        ("E-Tag", 1, tagged(0x893f, &hex!("000000000000 0800"), &v4)),
        ("Cisco metadata", 1, tagged(0x8909, &hex!("010100010064 0800"), &v4)),
        ("802.1ah", 1, tagged(0x88e7, &hex!("00000005 020000000003 020000000004 0800"), &v4)),
        ("HSR", 1, tagged(0x892f, &hex!("00400001 0800"), &v4)),
        ("TRILL", 1, tagged(0x22f3, &hex!("000000010002"), &bridged)),
        ("MACsec", 1, tagged(0x88e5, &hex!("000000000001 0800"), &with(&v4, &[0; 16]))),
        ("NSH", 1, tagged(0x894f, &hex!("0fc2 0203 00000000"), &bridged)),
        ("Ethernet in Ethernet", 1, ethernet(0x6558, &bridged)),
        ("NULL", 0, with(&hex!("02000000"), &v4)),
        ("NULL, IPv6, big-endian", 0, with(&hex!("0000001e"), &v6)),
        ("LOOP", 108, with(&hex!("00000002"), &v4)),
        ("RAW", 101, v6.clone()),
        ("RAW, old number", 12, v4.clone()),
        ("RAW, OpenBSD's number", 14, v4.clone()),
        ("IPv4", 228, v4.clone()),
        ("IPv6", 229, v6.clone()),
        ("SLL 2", 276, with(&hex!("0800 0000 00000002 0001 00 06 0000000000000000"), &v4)),
        ("ATM, old number", 11, snap.clone()),
        ("token ring", 6, with(&hex!("1040 000000000000 000000000000"), &snap)),
        ("ARCNET", 7, with(&hex!("0102 f0"), &v4)),
        ("ARCNET, RFC 1201", 7, with(&hex!("0102 d4 000001"), &v4)),
        ("ARCNET, Linux", 129, with(&hex!("0102 0000 f0"), &v4)),
        ("PPP", 9, ppp.clone()),
        ("PPP without address", 9, with(&hex!("0021"), &v4)),
        ("PPP, compressed protocol", 9, with(&hex!("21"), &v4)),
        ("PPP, MPLS", 9, with(&hex!("ff03 0281 003e8140"), &v4)),
        ("PPP, LLC", 9, with(&hex!("ff03 004b"), &snap)),
        ("PPP line with Cisco HDLC", 50, with(&hex!("0f00 0800"), &v4)),
        ("PPP with direction", 204, with(&[1], &ppp)),
        ("PPPoE alone", 51, [&[0x11, 0, 0, 1][..], &length(2), &[0, 0x21], &v4].concat()),
        ("RAW, PPP", 101, ppp.clone()),
        ("FDDI", 10, with(&hex!("50 020000000001 020000000002"), &snap)),
        ("ATM", 100, snap.clone()),
        ("ATM, bridged", 100, with(&hex!("aaaa03 0080c2 0007 0000"), &bridged)),
        ("Cisco HDLC", 104, with(&hex!("0f00 86dd"), &v6)),
        ("frame relay", 107, with(&hex!("1841 03cc"), &v4)),
        ("frame relay, SNAP", 107, with(&hex!("1841 0300 80 000000 0800"), &v4)),
        ("frame relay, Cisco", 107, with(&hex!("1841 0800"), &v4)),
        ("OpenBSD encapsulation", 109, with(&hex!("02000000 00000001 00000000"), &v4)),
        ("PF log", 117, [&[61, 2][..], &[0; 62], &v4].concat()),
        ("SLL, PPP", 113, with(&hex!("0000 0200 0000 0000000000000000 0007"), &ppp)),
        ("SLL, LLC", 113, with(&hex!("0000 0001 0006 0000000000000000 0004"), &snap)),
        ("SLL, GRE device", 113, with(&hex!("0000 030a 0006 0000000000000000 0800"), &v4)),
        ("802.11", 105, wlan([8, 0], &[], &snap)),
        ("802.11, quality of service", 105, wlan([0x88, 0], &[0, 0], &snap)),
        ("802.11, HT control", 105, wlan([0x88, 0x80], &[0; 6], &snap)),
        ("802.11, four addresses", 105, wlan([8, 3], &hex!("020000000001"), &snap)),
        ("802.11 aggregate of one", 105, wlan([0x88, 0], &[0x80, 0], &subframe(&snap))),
        ("radiotap", 127, with(&hex!("0000 0900 02000000 00"), &wlan([8, 0], &[], &snap))),
        (
            "radiotap, padded",
            127,
            with(&hex!("0000 0900 02000000 20"), &wlan([0x88, 0], &[0; 4], &snap)),
        ),
        (
            "radiotap, time and second map",
            127,
            with(
                &hex!("0000 1900 030000a0 00000000 00000000 0000000000000000 00"),
                &wlan([8, 0], &[], &snap),
            ),
        ),
        (
            "AVS",
            163,
            [&hex!("80211001 00000040")[..], &[0; 56], &wlan([8, 0], &[], &snap)].concat(),
        ),
        (
            "Prism",
            119,
            [&hex!("44000000 90000000")[..], &[0; 136], &wlan([8, 0], &[], &snap)].concat(),
        ),
        ("PPI", 192, with(&hex!("0000 0800 01000000"), &bridged)),
        ("NFLOG", 239, with(&hex!("02000000 0600 0200 61620000 2e00 0900"), &v4)),
        ("Juniper Ethernet", 178, with(&hex!("4d4743 80 0004 01020304"), &bridged)),
        ("IP over InfiniBand", 242, [&[0; 40][..], &hex!("0800 0000"), &v4].concat()),
    ]
}

/// Frame and source of each segment.
fn segments(file: &[u8]) -> Vec<(u64, String, u32)> {
    let mut capture = Capture::new(file).unwrap();
    let mut segments = Vec::new();
    while let Some(segment) = capture.next_segment().unwrap() {
        assert_eq!((segment.tcp.source_port, segment.tcp.destination_port), (443, 40_000));
        let packet = segment.packet;
        segments.push((packet.frame, packet.source.to_string(), segment.payload_octets()));
    }
    segments
}

#[test]
fn each_layer_leads_to_its_segment() {
    for (name, link_type, frame) in frames() {
        let found = segments(&pcap(link_type, std::slice::from_ref(&frame)));
        assert_eq!(found.len(), 1, "{name}");
        assert!(found[0].1 == "10.0.0.1" || found[0].1 == "2001:db8::1", "{name}: {found:?}");
        assert_eq!(found[0].2, 2, "{name}");
    }
}

#[test]
fn each_link_type_that_is_decoded_has_a_frame_here() {
    let tested: BTreeSet<u32> = frames().into_iter().map(|(_, number, _)| number).collect();
    let is_decoded = |number: &u16| {
        let mut decoder = Decoder::new(LinkType(*number));
        let skipped = decoder.decode(Frame::new(&[], 0)).skipped();
        !matches!(skipped, Some(Skipped::LinkType(_)))
    };
    let decoded: BTreeSet<u32> = (0..=u16::MAX).filter(is_decoded).map(u32::from).collect();
    assert_eq!(tested, decoded);
}

#[test]
fn a_frame_cut_anywhere_is_skipped_or_read() {
    for (name, link_type, frame) in frames() {
        let mut skipped = 0;
        for octets in 0..frame.len() {
            let file = pcap(link_type, &[frame[..octets].to_vec()]);
            let mut capture = Capture::new(&file[..]).unwrap();
            let mut found = 0;
            while capture.next_segment().unwrap().is_some() {
                found += 1;
            }
            assert!(found <= 1, "{name} cut at {octets}");
            assert_eq!(capture.skipped().count(), 1 - found, "{name} cut at {octets}");
            skipped += 1 - found;
        }
        assert!(skipped >= 40, "{name}: of its headers only {skipped} octets are needed");
    }
}

#[test]
fn tshark_opens_the_same() {
    if Command::new("tshark").arg("--version").stdout(Stdio::null()).status().is_err() {
        testkit::skip!("tshark_opens_the_same", "no tshark");
        return;
    }
    let mut by_link = BTreeMap::<u32, Vec<(&str, Vec<u8>)>>::new();
    for (name, link_type, frame) in frames() {
        by_link.entry(link_type).or_default().push((name, frame));
    }
    let file = std::env::temp_dir().join(format!("tcphs-layers-{}.pcap", std::process::id()));
    for (link_type, frames) in by_link {
        let octets: Vec<_> = frames.iter().map(|(_, frame)| frame.clone()).collect();
        std::fs::write(&file, pcap(link_type, &octets)).unwrap();
        let mut command = Command::new("tshark");
        command.args(["-n", "-T", "fields", "-e", "tcp.srcport", "-e", "tcp.len", "-r"]);
        let output = command.arg(&file).output().unwrap();
        let lines = String::from_utf8(output.stdout).unwrap();
        assert_eq!(lines.lines().count(), frames.len(), "link type {link_type}");
        for (line, (name, _)) in lines.lines().zip(&frames) {
            assert_eq!(line, "443\t2", "{name}, link type {link_type}");
        }
    }
    std::fs::remove_file(file).unwrap();
}

#[test]
fn several_segments_in_one_frame() {
    let (v4, v6) = (ipv4(6, &TCP), ipv6(6, &TCP));
    let six = [&hex!("aaaa03 000000 86dd")[..], &v6].concat();
    let subframes = [subframe(&[&SNAP[..], &v4].concat()), subframe(&six), subframe(b"nothing")];
    let frame = wlan([0x88, 0], &[0x80, 0], &subframes.concat());
    let found = segments(&pcap(105, &[frame.clone(), frame]));
    let expected = [(1, "10.0.0.1"), (1, "2001:db8::1"), (2, "10.0.0.1"), (2, "2001:db8::1")];
    assert_eq!(found, expected.map(|(frame, source)| (frame, source.to_owned(), 2)));
}

#[test]
fn a_datagram_belongs_to_the_frame_that_completes_it() {
    let tcp = [&TCP[..], b" and more octets"].concat();
    let parts = [ipv4_part(6, &tcp[..24], 0x2000), ipv4_part(6, &tcp[24..], 3)];
    let v6_part = |field: u16, octets: &[u8]| {
        let header = [&[6, 0][..], &field.to_be_bytes(), &[0, 0, 0, 7]].concat();
        ipv6(44, &[&header[..], octets].concat())
    };
    let v6_parts = [v6_part(1, &tcp[..24]), v6_part(24, &tcp[24..])];
    for (parts, source) in [(&parts, "10.0.0.1"), (&v6_parts, "2001:db8::1")] {
        let reversed = [parts[1].clone(), parts[0].clone()];
        for order in [parts, &reversed] {
            let found = segments(&pcap(101, order));
            assert_eq!(found, [(2, source.to_owned(), 18)]);
        }
        let tunnelled = [ethernet(0x800, &ipv4(41, &parts[0])), ethernet(0x86dd, &parts[1])];
        if source.contains(':') {
            assert_eq!(segments(&pcap(1, &tunnelled)), [(2, source.to_owned(), 18)]);
        }
    }
    let mut capture =
        Capture::new(std::io::Cursor::new(pcap(101, &[&parts[..], &parts[..1]].concat()))).unwrap();
    while capture.next_segment().unwrap().is_some() {}
    let skipped: Vec<_> = capture.skipped().collect();
    let (waiting, done) = (Skipped::Fragment(IpVersion::V4), Skipped::Reassembled(IpVersion::V4));
    assert_eq!(skipped, [(waiting, 1), (done, 1)]);
}

#[test]
fn fragments_of_different_vlans_are_not_one_datagram() {
    let tcp = [&TCP[..], b" and more octets"].concat();
    let part = |vlan: u8, octets: &[u8], field: u16| {
        tagged(0x8100, &[0, vlan, 8, 0], &ipv4_part(6, octets, field))
    };
    let file = |vlan| pcap(1, &[part(5, &tcp[..24], 0x2000), part(vlan, &tcp[24..], 3)]);
    assert_eq!(segments(&file(5)).len(), 1);
    assert_eq!(segments(&file(6)).len(), 0);
}

#[test]
fn a_cut_first_fragment_gives_a_segment_with_its_header() {
    let part = ipv4_part(6, &[&TCP[..], &[0; 26]].concat(), 0x2000);
    let mut file = pcap(101, &[part[..44].to_vec()]);
    file[36..40].copy_from_slice(&(part.len() as u32).to_le_bytes());
    assert_eq!(segments(&file), [(1, "10.0.0.1".to_owned(), 28)]);
}

#[test]
fn layers_without_end_are_skipped() {
    let mut packet = ipv4(6, &TCP);
    for _ in 0..200 {
        packet = ipv4(4, &packet);
    }
    let mut capture = Capture::new(std::io::Cursor::new(pcap(101, &[packet]))).unwrap();
    assert!(capture.next_segment().unwrap().is_none());
    assert_eq!(capture.skipped().collect::<Vec<_>>(), [(Skipped::Depth, 1)]);
}

/// All fields of the segments of a file, except the length of the frame.
fn all(file: &[u8]) -> Vec<String> {
    let mut capture = Capture::new(file).unwrap();
    let mut all = Vec::new();
    while let Some(segment) = capture.next_segment().unwrap() {
        all.push(format!("{segment:?}"));
    }
    all
}

proptest! {
    /// Per-packet information in front takes a frame off the fast path.
    #[test]
    fn the_straight_way_finds_what_the_long_way_does(
        v6: bool,
        tags in 0_usize..4,
        payload in prop::collection::vec(any::<u8>(), 0..40),
        changes in prop::collection::vec((0_usize..80, any::<u8>()), 0..3),
        cut in 0_usize..120,
    ) {
        let tcp = [&TCP[..], &payload].concat();
        let (packet, ethertype) =
            if v6 { (ipv6(6, &tcp), [0x86, 0xdd]) } else { (ipv4(6, &tcp), [8, 0]) };
        let tag = hex!("8100 0005").repeat(tags);
        let mut frame = [&[2; 12][..], &tag, &ethertype, &packet].concat();
        for (at, octet) in changes {
            if let Some(changed) = frame.get_mut(at) {
                *changed = octet;
            }
        }
        frame.truncate(cut.max(14));
        let long = [&hex!("0000 0800 01000000")[..], &frame].concat();
        prop_assert_eq!(all(&pcap(1, &[frame])), all(&pcap(192, &[long])));
    }

    #[test]
    fn changed_frames_do_not_panic(
        which: prop::sample::Index,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let frames = frames();
        let (_, link_type, mut frame) = frames[which.index(frames.len())].clone();
        for (at, octet) in changes {
            let at = at.index(frame.len());
            frame[at] = octet;
        }
        all(&pcap(link_type, &[frame.clone(), frame]));
    }
}
