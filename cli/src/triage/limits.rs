//! What limits the answers: a line each, only where it holds.

use super::capture::CaptureFacts;
use super::record::Record;
use super::result::Counts;

/// A limit of the answers.
pub struct Limit {
    /// The name for programs.
    pub label: &'static str,
    /// How many packets or connections it concerns; 0 if that is not known.
    pub count: u64,
    pub text: String,
}

pub fn of(facts: &CaptureFacts, all: &[&Record], counts: &Counts, _weight: u64) -> Vec<Limit> {
    let mut limits = Vec::new();
    let mut add = |label, count, text: String| limits.push(Limit { label, count, text });
    if facts.dropped > 0 {
        add(
            "dropped",
            facts.dropped,
            format!(
                "{} packets were dropped while capturing: what is missing below may have been there.",
                facts.dropped
            ),
        );
    }
    for warning in &facts.warnings {
        add("cut_short", 0, format!("{warning}."));
    }
    for disorder in &facts.disorder {
        add("not_in_order", 0, format!("{disorder}; sort the file with reordercap."));
    }
    let lost: u64 = facts.lost.values().sum();
    if lost > 0 {
        let reasons: Vec<_> =
            facts.lost.iter().map(|(reason, frames)| format!("{reason} ({frames})")).collect();
        add("not_decoded", lost, format!("Frames not decoded: {}.", reasons.join(", ")));
    }
    let one_way = all.iter().filter(|record| record.seen.only().is_some()).count();
    if one_way > 0 && one_way == all.len() {
        add(
            "one_way",
            one_way as u64,
            "Only one direction of every connection is in the capture.".into(),
        );
    }
    let _ = counts;
    limits
}
