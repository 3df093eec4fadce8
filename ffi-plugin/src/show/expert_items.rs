//! The expert items of a segment: its findings, as Wireshark shows them.

use dissector_core::connection::{Finding, FindingSet, Verdict};

use crate::abi::{TCPHS_MAX_EXPERT_ITEMS, TCPHS_NO_TEXT, tcphs_expert_item, tcphs_expert_items};
use crate::session::{Landmarks, SegmentFacts};
use crate::show::finding_text::Line;
use crate::show::text::TextBuffer;

/// The entries to be registered. A finding with a higher severity in some cases has a second entry,
/// because Wireshark ties the severity to the entry.
pub fn entries() -> impl Iterator<Item = Entry> {
    let alone = Finding::ALL.iter().map(|&finding| Entry { finding, raised: false });
    alone.chain(RAISED.map(|finding| Entry { finding, raised: true }))
}

/// Findings that are warnings in some cases: a SYN that was repeated often, a port that was used again
/// with numbers that are not new.
const RAISED: [Finding; 2] = [Finding::SynRetx, Finding::PortReused];

/// An entry of Wireshark's expert information.
pub struct Entry {
    pub finding: Finding,
    /// Whether it is a warning, although the finding alone is none.
    pub raised: bool,
}

/// The first copy of a SYN that is a warning.
const PERSISTENT: u8 = 3;

/// Writes the expert items of a segment; on `later` passes also those that depend on later segments.
/// `earlier` is the same segment at a point before this one on the way, whose items are not said again.
pub fn write(
    facts: &SegmentFacts<'_>,
    later: bool,
    earlier: Option<&SegmentFacts<'_>>,
    items: &mut tcphs_expert_items,
) {
    let (mut findings, verdict) = findings(facts, later);
    if let Some(earlier) = earlier {
        self::findings(earlier, later).0.iter().for_each(|said| findings.remove(said));
    }
    let mut text = TextBuffer::new(&mut items.text);
    let mut count = 0;
    for finding in findings.iter().take(TCPHS_MAX_EXPERT_ITEMS) {
        let line = Line { finding, facts, verdict: verdict.as_ref() };
        let entry = entry_of(finding, facts);
        let place = text.push(line).map_or(TCPHS_NO_TEXT, |place| place as u32);
        items.items[count] = tcphs_expert_item { text: place, entry };
        count += 1;
    }
    items.count = count as u32;
}

/// The findings that belong to a segment, and the verdict, where one was asked for.
fn findings(facts: &SegmentFacts<'_>, later: bool) -> (FindingSet, Option<Verdict>) {
    let annotation = facts.annotation;
    let mut findings = annotation.findings;
    let mut verdict = None;
    // The times of the handshake are known with the final ACK; the rest depends on later segments.
    if later && facts.landmarks != Landmarks::default() || annotation.final_ack {
        let verdict = verdict.insert(facts.connection.verdict_at(facts.now_ns));
        findings.remove(Finding::SlowHandshake);
        if annotation.final_ack && facts.is_slow(&verdict.times) {
            findings.insert(Finding::SlowHandshake);
        }
        if later {
            findings = findings.union(of_the_connection(verdict.findings, facts.landmarks));
        }
    }
    (findings, verdict)
}

/// The number of the entry of a finding: its own, or that of the warning.
fn entry_of(finding: Finding, facts: &SegmentFacts<'_>) -> u8 {
    let raised = match finding {
        Finding::SynRetx => facts.annotation.retry >= PERSISTENT,
        Finding::PortReused => facts.connection.reuses_numbers(),
        _ => false,
    };
    let place = RAISED.iter().position(|other| *other == finding).filter(|_| raised);
    place.map_or(finding.number(), |place| (Finding::ALL.len() + place) as u8)
}

/// The findings about the whole connection that belong to this segment.
fn of_the_connection(findings: FindingSet, landmarks: Landmarks) -> FindingSet {
    let mut here = FindingSet::EMPTY;
    for finding in findings.iter().filter(|finding| finding.needs_the_future()) {
        let belongs = match finding {
            Finding::NoReply => landmarks.last_syn,
            Finding::NoFinalAck | Finding::NotAccepted => landmarks.last_synack,
            Finding::FinUnacked => landmarks.last_fin,
            Finding::HalfClosedLong => landmarks.first_fin,
            _ => landmarks.first,
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
    fn findings_about_the_connection_have_their_place() {
        let mut all = FindingSet::EMPTY;
        Finding::ALL.iter().for_each(|finding| all.insert(*finding));
        let on = |landmarks| of_the_connection(all, landmarks).iter().collect::<Vec<_>>();
        let none = Landmarks::default();
        assert_eq!(on(none), []);
        assert_eq!(on(Landmarks { last_syn: true, ..none }), [Finding::NoReply]);
        assert_eq!(
            on(Landmarks { last_synack: true, ..none }),
            [Finding::NoFinalAck, Finding::NotAccepted]
        );
        assert_eq!(
            on(Landmarks { first: true, ..none }),
            [Finding::OneWayCapture, Finding::Midstream, Finding::DataUnanswered]
        );
    }

    #[test]
    fn the_entries_are_numbered_as_the_findings_are() {
        for (number, entry) in entries().enumerate() {
            let own = usize::from(entry.finding.number()) == number && !entry.raised;
            assert!(own || number >= Finding::ALL.len() && entry.raised);
        }
    }
}
