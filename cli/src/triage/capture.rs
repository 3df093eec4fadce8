//! What the captures say of themselves.

use std::collections::BTreeMap;

use dissector_core::capture::{Captures, Layer, Skipped};

use crate::reading::input::shown;

/// The captures, as one stream.
#[derive(Clone, Debug, Default)]
pub struct CaptureFacts {
    /// Times of the first and the last frame, in nanoseconds since 1970 UTC.
    pub span_ns: Option<(i64, i64)>,
    pub frames: u64,
    /// Packets that were dropped, by the statistics of the files.
    pub dropped: u64,
    /// Packets that were received, likewise.
    pub received: Option<u64>,
    /// Why files were not read to their end.
    pub warnings: Vec<String>,
    /// Files that are not in order of time.
    pub disorder: Vec<String>,
    /// Frames that may hold a segment, but were not decoded, by reason.
    pub lost: BTreeMap<String, u64>,
    /// Frames whose TCP header was cut off by the snap length.
    pub headers_cut: u64,
    /// Frames of other protocols, by their names.
    pub others: BTreeMap<String, u64>,
}

impl CaptureFacts {
    /// Reads them off captures that were read; `names` are the files as they were named.
    pub fn of(captures: &Captures, names: &[String]) -> Self {
        let mut facts = Self::default();
        for (index, name) in names.iter().enumerate() {
            let coverage = captures.coverage(index);
            if let Some((first, last)) = coverage.span() {
                let (start, end) = facts.span_ns.unwrap_or((first, last));
                facts.span_ns = Some((start.min(first), end.max(last)));
            }
            facts.frames += captures.frames(index);
            facts.dropped = facts.dropped.saturating_add(coverage.dropped);
            let received = facts.received.into_iter().chain(coverage.received);
            facts.received = received.reduce(u64::saturating_add);
            let of_file =
                if names.len() > 1 { format!("{}: ", shown(name)) } else { String::new() };
            if let Some(warning) = captures.warning(index) {
                facts.warnings.push(format!("{of_file}{warning}"));
            }
            if let Some(disorder) = captures.disorder(index) {
                facts.disorder.push(format!("{of_file}{disorder}"));
            }
            for (reason, frames) in captures.skipped(index) {
                facts.skip(reason, frames);
            }
        }
        facts
    }

    fn skip(&mut self, reason: Skipped, frames: u64) {
        if reason == Skipped::Truncated(Layer::Tcp) {
            self.headers_cut += frames;
        }
        let by_reason = if reason.may_hold_tcp() { &mut self.lost } else { &mut self.others };
        let name = reason.to_string();
        let name = name.strip_prefix("not TCP: ").unwrap_or(&name).to_owned();
        *by_reason.entry(name).or_default() += frames;
    }
}
