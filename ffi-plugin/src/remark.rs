//! What is worth a remark about a segment: Wireshark's expert information.

use dissector_core::connection::{Finding, FindingSet};

use crate::abi::{TCPHS_MAX_REMARKS, TCPHS_NO_TEXT, tcphs_remark, tcphs_remarks};
use crate::remark_text::Line;
use crate::session::{Known, Steps};
use crate::text::TextBuffer;

/// What can be remarked, in the order of registration. A remark of another weight than its finding
/// has is an entry of its own, because Wireshark ties the weight to the entry.
pub fn entries() -> impl Iterator<Item = Entry> {
    let alone = Finding::ALL.iter().map(|&finding| Entry { finding, raised: false });
    alone.chain(RAISED.map(|finding| Entry { finding, raised: true }))
}

/// What is a warning in some cases: a SYN that was repeated often, a port that was used again with
/// numbers that are not new.
const RAISED: [Finding; 2] = [Finding::SynRetx, Finding::PortReused];

/// An entry of Wireshark's expert information.
pub struct Entry {
    pub finding: Finding,
    /// A warning here, though the finding alone is none.
    pub raised: bool,
}

/// From which copy on a repeated SYN is a warning.
const PERSISTENT: u8 = 3;

/// Writes the remarks on a segment; on `later` passes also those that take the future to know.
pub fn write(known: &Known<'_>, later: bool, remarks: &mut tcphs_remarks) {
    let said = known.said;
    let mut findings = said.findings;
    let mut verdict = None;
    // The times of the set-up are known with the final ACK; the rest takes the future.
    if later && known.steps != Steps::default() || said.final_ack {
        let verdict = verdict.insert(known.connection.verdict_at(known.now_ns));
        // What is slow is for the user to say.
        findings.remove(Finding::SlowHandshake);
        let setup_ns = verdict.times.setup_time_ns.filter(|_| said.final_ack);
        if setup_ns.is_some_and(|setup_ns| setup_ns > known.settings.slow_ns) {
            findings.insert(Finding::SlowHandshake);
        }
        if later {
            findings = findings.union(of_the_connection(verdict.findings, known.steps));
        }
    }
    let mut text = TextBuffer::new(&mut remarks.text);
    let mut count = 0;
    for finding in findings.iter().take(TCPHS_MAX_REMARKS) {
        let line = Line { finding, known, verdict: verdict.as_ref() };
        let entry = entry_of(finding, known);
        let place = text.push(line).map_or(TCPHS_NO_TEXT, |place| place as u32);
        remarks.items[count] = tcphs_remark { text: place, entry };
        count += 1;
    }
    remarks.count = count as u32;
}

/// The number of the entry of an finding: its own, or that of the warning.
fn entry_of(finding: Finding, known: &Known<'_>) -> u8 {
    let raised = match finding {
        Finding::SynRetx => known.said.retry >= PERSISTENT,
        Finding::PortReused => known.connection.reuses_numbers(),
        _ => false,
    };
    let place = RAISED.iter().position(|other| *other == finding).filter(|_| raised);
    place.map_or(finding.number(), |place| (Finding::ALL.len() + place) as u8)
}

/// Which of the findings of a connection that need the future belong on this segment.
fn of_the_connection(findings: FindingSet, steps: Steps) -> FindingSet {
    let mut here = FindingSet::EMPTY;
    for finding in findings.iter().filter(|finding| finding.needs_the_future()) {
        let belongs = match finding {
            Finding::NoReply => steps.last_syn,
            Finding::NoFinalAck | Finding::NotAccepted => steps.last_synack,
            Finding::FinUnacked => steps.last_fin,
            Finding::HalfClosedLong => steps.first_fin,
            _ => steps.first,
        };
        if belongs {
            here.insert(finding);
        }
    }
    here
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn what_needs_the_future_has_its_place() {
        let mut all = FindingSet::EMPTY;
        Finding::ALL.iter().for_each(|finding| all.insert(*finding));
        let on = |steps| of_the_connection(all, steps).iter().collect::<Vec<_>>();
        let none = Steps::default();
        assert_eq!(on(none), []);
        assert_eq!(on(Steps { last_syn: true, ..none }), [Finding::NoReply]);
        assert_eq!(
            on(Steps { last_synack: true, ..none }),
            [Finding::NoFinalAck, Finding::NotAccepted]
        );
        assert_eq!(on(Steps { first: true, ..none }), [Finding::OneWayCapture, Finding::Midstream]);
    }

    #[test]
    fn the_entries_are_numbered_as_the_anomalies_are() {
        for (number, entry) in entries().enumerate() {
            let own = usize::from(entry.finding.number()) == number && !entry.raised;
            assert!(own || number >= Finding::ALL.len() && entry.raised);
        }
    }
}
