//! The wire parser reads headers that etherparse has built, and never panics.

use dissector_core::wire::{TcpFlags, TcpHeader, TcpOption};
use etherparse::{TcpHeader as Built, TcpOptionElement};
use proptest::prelude::*;

/// The flags that etherparse has a field for; it calls AE by its older name, NS.
fn build(
    (source, destination, sequence, acknowledgment): (u16, u16, u32, u32),
    flags: TcpFlags,
    (window, checksum, urgent): (u16, u16, u16),
    options: &[TcpOptionElement],
) -> Built {
    let mut header = Built::new(source, destination, sequence, window);
    header.acknowledgment_number = acknowledgment;
    header.ns = flags.contains(TcpFlags::AE);
    header.fin = flags.contains(TcpFlags::FIN);
    header.syn = flags.contains(TcpFlags::SYN);
    header.rst = flags.contains(TcpFlags::RST);
    header.psh = flags.contains(TcpFlags::PSH);
    header.ack = flags.contains(TcpFlags::ACK);
    header.urg = flags.contains(TcpFlags::URG);
    header.ece = flags.contains(TcpFlags::ECE);
    header.cwr = flags.contains(TcpFlags::CWR);
    header.checksum = checksum;
    header.urgent_pointer = urgent;
    header.set_options(options).expect("the strategy keeps to 40 octets");
    header
}

fn option() -> impl Strategy<Value = TcpOptionElement> {
    prop_oneof![
        Just(TcpOptionElement::Noop),
        any::<u16>().prop_map(TcpOptionElement::MaximumSegmentSize),
        any::<u8>().prop_map(TcpOptionElement::WindowScale),
        Just(TcpOptionElement::SelectiveAcknowledgementPermitted),
        any::<(u32, u32)>()
            .prop_map(|range| TcpOptionElement::SelectiveAcknowledgement(range, [None; 3])),
        any::<(u32, u32)>().prop_map(|(value, echo)| TcpOptionElement::Timestamp(value, echo)),
    ]
}

/// The option that etherparse wrote, in our types.
fn same(ours: &TcpOption<'_>, built: &TcpOptionElement) -> bool {
    match (ours, built) {
        (TcpOption::Nop, TcpOptionElement::Noop)
        | (TcpOption::SackPermitted, TcpOptionElement::SelectiveAcknowledgementPermitted) => true,
        (TcpOption::Mss(a), TcpOptionElement::MaximumSegmentSize(b)) => a == b,
        (TcpOption::WindowScale(a), TcpOptionElement::WindowScale(b)) => a == b,
        (TcpOption::Timestamps { value, echo }, TcpOptionElement::Timestamp(v, e)) => {
            (value, echo) == (v, e)
        }
        (TcpOption::Sack(blocks), TcpOptionElement::SelectiveAcknowledgement(range, _)) => {
            blocks.iter().eq([*range])
        }
        _ => false,
    }
}

proptest! {
    #[test]
    fn what_another_library_writes_is_read_back(
        numbers in any::<(u16, u16, u32, u32)>(),
        bits in 0u16..0x200,
        rest in any::<(u16, u16, u16)>(),
        options in prop::collection::vec(option(), 0..4),
        payload in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let flags = TcpFlags::from_bits(bits);
        let mut bytes = build(numbers, flags, rest, &options).to_bytes().to_vec();
        bytes.extend(&payload);
        let header = TcpHeader::parse(&bytes).expect("another library wrote it");
        let (source, destination, sequence, acknowledgment) = numbers;
        prop_assert_eq!((header.source_port, header.destination_port), (source, destination));
        prop_assert_eq!(header.sequence.0, sequence);
        prop_assert_eq!(header.acknowledgment.0, acknowledgment);
        prop_assert_eq!(header.flags, flags);
        prop_assert_eq!((header.window, header.checksum, header.urgent_pointer), rest);
        prop_assert_eq!(header.payload, &payload[..]);
        let read: Vec<_> = header.options().map_while(Result::ok).collect();
        prop_assert!(read.len() >= options.len());
        for (ours, built) in read.iter().zip(&options) {
            prop_assert!(same(ours, built), "{:?} {:?}", ours, built);
        }
        // The options are followed by padding only.
        let padding = |option: &TcpOption<'_>| matches!(option, TcpOption::End | TcpOption::Nop);
        prop_assert!(read[options.len()..].iter().all(padding));
    }

    #[test]
    fn etherparse_agrees_wherever_it_reads_a_header(
        bytes in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let ours = TcpHeader::parse(&bytes);
        if let Ok((built, rest)) = Built::from_slice(&bytes) {
            let ours = ours.expect("etherparse reads it");
            prop_assert_eq!(ours.source_port, built.source_port);
            prop_assert_eq!(ours.header_octets(), built.header_len());
            prop_assert_eq!(ours.option_octets, built.options.as_slice());
            prop_assert_eq!(ours.payload, rest);
        }
    }

    #[test]
    fn options_never_panic_and_account_for_every_octet(
        octets in prop::collection::vec(any::<u8>(), 0..40),
        missing in prop_oneof![0usize..40, Just(usize::MAX)],
    ) {
        let mut count = 0;
        for option in dissector_core::wire::TcpOptions::new(&octets, missing) {
            count += 1;
            if let Err(error) = option {
                prop_assert!(error.offset < octets.len());
                prop_assert!(error.to_string().contains("at octet"));
            }
        }
        prop_assert!(count <= octets.len());
    }

    #[test]
    fn both_notations_name_every_bit(bits in 0u16..0x1000) {
        let flags = TcpFlags::from_bits(bits);
        let named = (bits & 0x1ff).count_ones() as usize;
        let reserved = usize::from(bits & 0xe00 != 0);
        let (wireshark, tcpdump) = (flags.to_string(), flags.tcpdump().to_string());
        match named {
            0 => prop_assert_eq!(tcpdump.as_str(), "none"),
            _ => prop_assert_eq!(tcpdump.chars().count(), named),
        }
        prop_assert_eq!(wireshark.split(", ").count(), (named + reserved).max(1));
    }
}
