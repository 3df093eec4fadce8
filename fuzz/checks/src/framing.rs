//! Capture files of arbitrary octets: pcap, pcapng, and both compressed.

use std::io::Cursor;

use dissector_core::capture::{Input, Merge};

use crate::octets::Octets;
use crate::reading::{Reading, Slow};

/// The first three octets choose how reading is disturbed, the rest is the file.
pub fn check(octets: &[u8]) {
    let mut choices = Octets::new(octets);
    let step = choices.choose(&[1, 2, 3, 7, 16, 64, 500, 4096]);
    let place = usize::from(choices.u16());
    let file = octets.get(3..).unwrap_or_default();
    let whole = Reading::of(file);

    // The result does not depend on the sizes of the reads.
    assert_eq!(Reading::of(Slow::new(file, step)), whole, "in steps of {step}");

    // A file that ends early, or a reader that fails: the packets read so far stay.
    let place = if file.is_empty() { 0 } else { place % file.len() };
    let cut = Reading::of(&file[..place]);
    assert!(cut.begins(&whole), "cut after {place}:\n{cut:?}\n{whole:?}");
    let failed = Reading::of(Slow::new(file, step).failing(place));
    assert!(failed.begins(&whole), "failed after {place}:\n{failed:?}\n{whole:?}");
    if failed.error.is_none() {
        // The place of the failure lies behind the last read.
        assert!(failed.unfinished || failed == whole, "failed after {place}: {failed:?}");
    }
    if !whole.unfinished {
        check_merged(file, &whole);
    }
}

/// A merged capture is whole, and holds the packets that could be read.
fn check_merged(file: &[u8], whole: &Reading) {
    let reader = Input::Reader(Box::new(Cursor::new(file.to_vec())));
    let mut output = Vec::new();
    let merge = Merge::new("check").point("point", [reader]);
    let Ok(merged) = merge.write(&mut output, |_, time_ns| time_ns) else {
        assert!(whole.error.is_some());
        return;
    };
    let again = Reading::of(&output[..]);
    assert_eq!((again.warning, &again.error), (None, &None));
    assert_eq!(merged.files[0].warning, whole.warning);
    let rest = |reading: &Reading| -> Vec<_> {
        reading.packets.iter().map(|seen| (seen.packet.source, seen.rest.clone())).collect()
    };
    assert_eq!(rest(&again), rest(whole));
}
