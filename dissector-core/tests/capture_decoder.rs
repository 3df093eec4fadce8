//! Single frames and IP packets, from elsewhere than a file.

use std::net::Ipv6Addr;

use dissector_core::Segment;
use dissector_core::capture::{Decoder, Frame, IpVersion, Layer, LinkType, Packet, Skipped};
use etherparse::{IpFragOffset, Ipv4Header, PacketBuilder};

/// A SYN/ACK with two octets of payload, in IPv4.
fn ipv4() -> Vec<u8> {
    let builder = PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64);
    let mut packet = Vec::new();
    builder.tcp(443, 40_000, 1, 100).syn().ack(2).write(&mut packet, b"hi").expect("memory");
    packet
}

/// The same in IPv6, with a destination options header.
fn ipv6() -> Vec<u8> {
    let addresses = [1, 2].map(|host| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, host).octets());
    let builder = PacketBuilder::ipv6(addresses[0], addresses[1], 64);
    let mut packet = Vec::new();
    builder.tcp(443, 40_000, 1, 100).syn().ack(2).write(&mut packet, b"hi").expect("memory");
    let options = [6, 0, 1, 4, 0, 0, 0, 0];
    packet.splice(40..40, options);
    (packet[5], packet[6]) = (packet[5] + 8, 60);
    packet
}

#[test]
fn an_ip_packet_is_a_segment_at_any_snap_length() {
    for (packet, header) in [(ipv4(), 20), (ipv6(), 48)] {
        let whole = Segment::from_ip_packet(&packet, 7).expect("a segment");
        assert_eq!((whole.packet.time_ns, whole.packet.frame, whole.packet.ttl), (7, 1, 64));
        assert_eq!((whole.tcp.source_port, whole.tcp.payload), (443, &b"hi"[..]));
        let padded = [&packet[..], &[0; 6]].concat();
        assert_eq!(Segment::from_ip_packet(&padded, 7).as_ref(), Ok(&whole));
        for captured in 0..packet.len() {
            match Segment::from_ip_packet(&packet[..captured], 7) {
                Ok(cut) => assert_eq!((cut.payload_octets(), captured >= header + 20), (2, true)),
                Err(reason) => assert!(captured < header + 20, "{captured}: {reason}"),
            }
        }
    }
}

#[test]
fn an_ip_packet_without_a_segment_says_why() {
    let with = |at: usize, value: u8| {
        let mut packet = ipv4();
        packet[at] = value;
        Segment::from_ip_packet(&packet, 0).map(|segment| segment.payload_octets())
    };
    assert_eq!(with(9, 17), Err(Skipped::Protocol(17)));
    assert_eq!(with(6, 0x20), Err(Skipped::Fragment(IpVersion::V4)));
    assert_eq!(with(0, 0x75), Err(Skipped::Damaged(Layer::Ip)));
    assert_eq!(with(32, 0x40), Err(Skipped::Damaged(Layer::Tcp)));
    assert_eq!(with(3, 39), Err(Skipped::Truncated(Layer::Tcp)));
    // A length of 0 means segmentation offload.
    assert_eq!(with(3, 0), Ok(2));
}

#[test]
fn fragments_are_reassembled_in_the_frame_that_completes_them() {
    let packet = ipv4();
    let fragment = |range: std::ops::Range<usize>, more: bool| {
        let mut header = Ipv4Header::from_slice(&packet).expect("a header").0;
        header.total_len = 20 + range.len() as u16;
        header.more_fragments = more;
        header.fragment_offset = IpFragOffset::try_new(range.start as u16 / 8).expect("it fits");
        let mut fragment = Vec::new();
        header.write_raw(&mut fragment).expect("memory");
        fragment.extend(&packet[20..][range]);
        fragment
    };
    let mut decoder = Decoder::new(LinkType::IPV4);
    let (second, first) = (fragment(16..22, false), fragment(0..16, true));
    let packets = decoder.decode(Frame::new(&second, 5));
    assert_eq!((packets.skipped(), packets.count()), (Some(Skipped::Fragment(IpVersion::V4)), 0));
    let mut packets = decoder.decode(Frame::new(&first, 6));
    let Some(Packet::Segment(segment)) = packets.next() else { panic!("it is complete") };
    assert_eq!((segment.packet.frame, segment.packet.time_ns), (2, 6));
    assert_eq!((segment.tcp.payload, packets.skipped()), (&b"hi"[..], None));
    assert!(packets.next().is_none());
    assert!(decoder.skipped().eq([(Skipped::Reassembled(IpVersion::V4), 1)]));
}

#[test]
fn a_frame_has_the_number_and_the_link_type_it_is_given() {
    let mut decoder = Decoder::new(LinkType::ETHERNET);
    let packet = ipv4();
    let numbers = [Some(7), None].map(|number| {
        let frame = Frame::new(&packet, 0).with_link_type(LinkType::RAW).with_wire_octets(1000);
        let frame = number.map_or(frame, |number| frame.with_number(number));
        decoder.decode(frame).next().expect("a segment").info().frame
    });
    assert_eq!((numbers, decoder.frames()), ([7, 8], 8));
    assert!(decoder.decode(Frame::new(&packet, 0)).next().is_none());
}

#[test]
fn link_types_are_known_by_number_and_by_name() {
    assert_eq!("LINKTYPE_ETHERNET".parse(), Ok(LinkType::ETHERNET));
    assert_eq!("DLT_EN10MB".parse(), Ok(LinkType::ETHERNET));
    assert_eq!("raw".parse(), Ok(LinkType::RAW));
    assert_eq!("12".parse(), Ok(LinkType(12)));
    assert_eq!((LinkType(12).name(), LinkType(4242).name()), (Some("RAW"), None));
    assert_eq!(LinkType::from_name("ERF"), Some(LinkType(197)));
    for number in 0..=u16::MAX {
        if let Some(name) = LinkType(number).name() {
            assert_eq!(LinkType::from_name(name).and_then(LinkType::name), Some(name));
        }
    }
    assert!("65536".parse::<LinkType>().is_err());
}
