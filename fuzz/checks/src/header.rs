//! TCP headers with options, from arbitrary octets.

use dissector_core::wire::{
    HeaderError, OptionsText, SeqNumber, SynSignature, TcpFlags, TcpHeader, TcpOption, TcpOptions,
};

const FIXED_OCTETS: usize = 20;

/// Reads the octets as a segment that may be cut at any octet.
pub fn check(segment: &[u8]) {
    let header = match TcpHeader::parse(segment) {
        Ok(header) => header,
        Err(error) => return check_refusal(segment, &error),
    };
    check_fields(segment, &header);
    check_options(TcpOptions::new(header.option_octets, 0), header.option_octets);
    check_options(TcpOptions::new(header.option_octets, usize::MAX), header.option_octets);
    check_options(header.options(), header.option_octets);
    check_texts(&header);
    check_cuts(segment, &header);
    check_numbers(header.sequence, header.acknowledgment);
}

fn check_refusal(segment: &[u8], error: &HeaderError) {
    let named = match error {
        HeaderError::Truncated { available } => *available == segment.len(),
        HeaderError::DataOffset { words } => *words == segment[12] >> 4 && *words < 5,
        other => panic!("an error that no header has: {other}"),
    };
    assert!(named && !error.to_string().is_empty(), "{error:?}");
    assert!(segment.len() < FIXED_OCTETS || segment[12] >> 4 < 5, "{error:?}");
}

/// Compares the fields with those read octet by octet, as in the figure of RFC 9293 §3.1.
fn check_fields(segment: &[u8], header: &TcpHeader<'_>) {
    let word = |at: usize| u16::from_be_bytes([segment[at], segment[at + 1]]);
    let long = |at: usize| u32::from(word(at)) << 16 | u32::from(word(at + 2));
    assert_eq!((header.source_port, header.destination_port), (word(0), word(2)));
    assert_eq!((header.sequence.0, header.acknowledgment.0), (long(4), long(8)));
    assert_eq!(u16::from(header.data_offset) << 12 | header.flags.bits(), word(12));
    assert_eq!(
        (header.window, header.checksum, header.urgent_pointer),
        (word(14), word(16), word(18))
    );
    let octets = header.header_octets();
    assert!((FIXED_OCTETS..=60).contains(&octets));
    assert_eq!(header.option_octets, &segment[FIXED_OCTETS..octets.min(segment.len())]);
    assert_eq!(header.payload, segment.get(octets..).unwrap_or_default());
}

/// The options account for every octet up to the end of the list, or to the first that cannot be
/// read, and nothing comes after that one.
fn check_options(options: TcpOptions<'_>, octets: &[u8]) {
    let mut at = 0;
    let mut ended = false;
    for option in options {
        assert!(!ended, "something follows the end");
        let Some(kind) = octets.get(at) else { panic!("an option behind the last octet") };
        match option {
            Ok(TcpOption::End) => {
                assert_eq!(*kind, 0);
                ended = true;
            }
            Ok(TcpOption::Nop) => {
                assert_eq!(*kind, 1);
                at += 1;
            }
            Ok(option) => {
                if let TcpOption::Sack(blocks) = option {
                    assert_eq!(blocks.iter().count() * 8 + 2, usize::from(octets[at + 1]));
                }
                if let TcpOption::Unknown { kind: said, data } = option {
                    assert_eq!((said.0, data.len() + 2), (*kind, usize::from(octets[at + 1])));
                }
                at += usize::from(octets[at + 1]);
            }
            Err(error) => {
                assert_eq!((error.kind.0, error.offset), (*kind, at));
                assert!(!error.to_string().is_empty());
                ended = true;
            }
        }
    }
    assert!(ended || at == octets.len(), "{at} of {} octets", octets.len());
}

fn check_texts(header: &TcpHeader<'_>) {
    let flags = header.flags;
    assert_eq!(TcpFlags::from_bits(flags.bits()), flags);
    let named = (flags & !TcpFlags::RESERVED).bits().count_ones() as usize;
    let reserved = usize::from(flags.intersects(TcpFlags::RESERVED));
    assert_eq!(flags.to_string().split(", ").count(), (named + reserved).max(1));
    assert!(flags.tcpdump().to_string().is_ascii());

    // As many words as options.
    let options = header.options().count();
    let text = OptionsText(header.options()).to_string();
    assert_eq!(text.split(',').filter(|word| !word.is_empty()).count(), options, "{text}");
    for ttl in [0, 1, 32, 64, 65, 128, 255] {
        let signature = SynSignature { version: 4, ttl, tcp: *header, payload: false };
        let text = signature.to_string();
        assert_eq!(text.split(':').count(), 8, "{text}");
    }
}

/// A segment cut by a snap length loses what was cut, and nothing else.
fn check_cuts(segment: &[u8], whole: &TcpHeader<'_>) {
    for length in (0..segment.len().min(64)).rev() {
        let Ok(cut) = TcpHeader::parse(&segment[..length]) else {
            assert!(length < FIXED_OCTETS);
            continue;
        };
        let same = TcpHeader { option_octets: cut.option_octets, payload: cut.payload, ..*whole };
        assert_eq!(cut, same);
        // The options before the cut are those of the whole.
        let before = cut.options().take_while(Result::is_ok);
        assert!(before.zip(whole.options()).all(|(cut, whole)| cut == whole), "cut at {length}");
    }
}

/// Sequence numbers compare as RFC 9293 §3.4 has it: around the circle.
fn check_numbers(a: SeqNumber, b: SeqNumber) {
    assert_eq!(a.since(b), b.since(a).wrapping_neg());
    let opposite = a.since(b) == i32::MIN;
    assert!(opposite || a == b || a.is_after(b) != b.is_after(a));
    assert_eq!(a + b.0.wrapping_sub(a.0), b);
    assert!(!a.acknowledges(a, b), "nothing of it is new");
    assert!(a == b || b.is_after(a) == b.acknowledges(a, b));
}
