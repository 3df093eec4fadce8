//! The frames that pass display filters, for many filters at one start of tshark.
//!
//! `-Y` takes one filter, and starting tshark takes longer than reading a sample. The tap
//! `proto,colinfo` takes a filter, too, and appends the value of a field to the Info column of each
//! frame that passes. With another field for each filter, the column shows which ones pass.

use std::collections::BTreeSet;

use crate::{Results, tshark};

/// Fields that may be in every frame.
const MARKERS: &[&str] = &[
    "frame.number",
    "frame.len",
    "frame.cap_len",
    "frame.encap_type",
    "frame.ignored",
    "frame.marked",
    "frame.offset_shift",
    "frame.protocols",
    "frame.section_number",
    "frame.time_delta",
    "frame.time_delta_displayed",
    "frame.time_epoch",
    "frame.time_relative",
    "frame.interface_id",
    "eth.dst",
    "eth.src",
    "eth.type",
    "eth.addr",
    "eth.dst.oui",
    "eth.src.oui",
    "eth.addr.oui",
    "eth.dst_resolved",
    "eth.src_resolved",
    "eth.addr_resolved",
    "eth.lg",
    "eth.ig",
];

/// The frames of a capture that pass each of `filters`, in their order.
///
/// `passes` is `["-2"]` for two passes.
pub fn passing<S: AsRef<str>>(capture: &str, passes: &[&str], filters: &[S]) -> Vec<BTreeSet<u64>> {
    let markers = markers(capture);
    // A comma ends the filter of the tap.
    let (alone, together): (Vec<_>, Vec<_>) =
        (0..filters.len()).partition(|nth| filters[*nth].as_ref().contains(','));
    let mut passing = vec![BTreeSet::new(); filters.len()];
    for nth in alone {
        let filter = filters[nth].as_ref();
        let arguments = ["-n", "-r", capture, "-T", "fields", "-e", "frame.number", "-Y", filter];
        let text = tshark(&[&arguments, passes].concat());
        passing[nth].extend(text.lines().map(|line| line.parse::<u64>().expect("a number")));
    }
    for chunk in together.chunks(markers.len()) {
        let taps: Vec<_> = chunk.iter().map(|nth| filters[*nth].as_ref()).collect();
        for (nth, frames) in chunk.iter().zip(marked(capture, passes, &taps, &markers)) {
            passing[*nth] = frames;
        }
    }
    passing
}

/// The frames that pass each filter, found by the marker in the same place.
fn marked(
    capture: &str,
    passes: &[&str],
    filters: &[&str],
    markers: &[&str],
) -> Vec<BTreeSet<u64>> {
    let taps = filters.iter().zip(markers);
    let taps: Vec<_> = taps
        .map(|(filter, marker)| format!("proto,colinfo,({filter}) && {marker},{marker}"))
        .collect();
    let columns = "gui.column.format:\"No.\",\"%m\",\"Info\",\"%i\"";
    let mut arguments = vec!["-n", "-r", capture, "-o", columns];
    arguments.extend(taps.iter().flat_map(|tap| ["-z", tap]));
    arguments.extend(passes);
    let text = tshark(&arguments);
    let marks: Vec<_> = markers.iter().map(|marker| format!("  {marker} == ")).collect();
    let mut passing = vec![BTreeSet::new(); filters.len()];
    for line in text.lines() {
        let number = line.split_whitespace().next().and_then(|number| number.parse().ok());
        let number = number.unwrap_or_else(|| panic!("a line begins with its number: {line}"));
        for (frames, mark) in passing.iter_mut().zip(&marks) {
            if line.contains(mark) {
                frames.insert(number);
            }
        }
    }
    passing
}

/// Those of [`MARKERS`] that are in every frame of a capture.
fn markers(capture: &str) -> Vec<&'static str> {
    static MARKERS_OF: Results<Vec<&'static str>> = Results::new();
    let markers = MARKERS_OF.get(capture.to_owned(), || {
        let found = marked(capture, &[], &vec!["frame"; MARKERS.len()], MARKERS);
        let most = found.iter().map(BTreeSet::len).max().unwrap_or(0);
        let everywhere = MARKERS.iter().zip(&found).filter(|(_, frames)| frames.len() == most);
        everywhere.map(|(marker, _)| *marker).collect()
    });
    assert!(markers.contains(&"frame.number"), "{markers:?}");
    markers
}
