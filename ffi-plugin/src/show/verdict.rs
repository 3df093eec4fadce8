//! The subtree of the packet details for the verdict on the connection, on later passes.

use std::fmt::{self, Display, Formatter};

use dissector_core::connection::{Close, Ecn, HandshakeTimes, OpenType, Seen, Vantage, Verdict};
use dissector_core::schema::FieldId;

use crate::session::SegmentFacts;
use crate::show::list::List;
use crate::show::text::Milliseconds;

/// The fields of [`write_times`].
pub const TIMES: [FieldId; 5] =
    [FieldId::Slow, FieldId::SetupTime, FieldId::RttServer, FieldId::RttClient, FieldId::RttTotal];

/// The number of the subtree.
const SUBTREE: u8 = 3;

/// Writes the verdict as a subtree. Values that are the normal case are for filters only.
pub fn write(facts: &SegmentFacts<'_>, verdict: &Verdict, list: &mut List<'_>) {
    let connection = facts.connection;
    let Verdict { outcome, close, .. } = *verdict;
    list.open(SUBTREE, FieldId::Outcome, outcome.number(), Line(verdict));
    list.twin(FieldId::OutcomeStr, outcome.label());
    if outcome.failed() {
        list.mark(FieldId::Failed);
    }
    if verdict.established {
        list.mark(FieldId::Established);
    }
    if let Some(cause) = verdict.cause {
        list.enumeration(FieldId::Cause, FieldId::CauseStr, cause.number(), cause.label());
    }
    let opened = verdict.open_type;
    list.enumeration(FieldId::OpenType, FieldId::OpenTypeStr, opened.number(), opened.label());
    list.hide_last(opened == OpenType::Unknown);
    write_times(facts, &verdict.times, list);
    if let Some(exact) = verdict.times.rtt_exact {
        list.number(FieldId::RttExact, exact);
        list.hide_last(exact);
    }
    list.number(FieldId::SynCount, verdict.syn_count);
    list.hide_last(verdict.syn_count < 2);
    list.number(FieldId::SynAckCount, verdict.synack_count);
    list.hide_last(verdict.synack_count < 2);
    list.enumeration(FieldId::Close, FieldId::CloseStr, close.number(), close.label());
    list.hide_last(close == Close::Open);
    if let Some(by) = verdict.closed_by {
        list.enumeration(FieldId::CloseBy, FieldId::CloseByStr, by.number(), by.label());
    }
    write_frames(verdict, list);
    write_negotiated(verdict, list);
    let Verdict { seen, vantage, .. } = *verdict;
    list.enumeration(FieldId::Seen, FieldId::SeenStr, seen.number(), seen.label());
    list.hide_last(seen == Seen::Both);
    list.enumeration(FieldId::Vantage, FieldId::VantageStr, vantage.number(), vantage.label());
    list.hide_last(vantage == Vantage::Unknown);
    list.string(FieldId::History, connection.history());
    list.string(FieldId::ConnState, connection.conn_state());
    list.close();
}

/// Writes the times of the handshake that are known, and whether it was slow.
pub fn write_times(facts: &SegmentFacts<'_>, times: &HandshakeTimes, list: &mut List<'_>) {
    if facts.is_slow(times) {
        list.mark(FieldId::Slow);
    }
    let times = [
        (FieldId::SetupTime, times.setup_time_ns),
        (FieldId::RttServer, times.rtt_server_ns),
        (FieldId::RttClient, times.rtt_client_ns),
        (FieldId::RttTotal, times.rtt_total_ns),
    ];
    for (field, time_ns) in times {
        if let Some(time_ns) = time_ns {
            list.number(field, time_ns);
        }
    }
}

/// Writes the frames of the steps, as links.
fn write_frames(verdict: &Verdict, list: &mut List<'_>) {
    let frames = [
        (FieldId::SynFrame, verdict.frames.syn),
        (FieldId::SynAckFrame, verdict.frames.synack),
        (FieldId::FinalAckFrame, verdict.frames.final_ack),
        (FieldId::RstFrame, verdict.frames.rst),
        (FieldId::IcmpFrame, verdict.frames.icmp),
    ];
    for (field, frame) in frames {
        if let Some(frame) = frame {
            list.number(field, frame);
        }
    }
    if let Some(icmp) = verdict.icmp {
        list.number(FieldId::IcmpType, icmp.kind);
        list.number(FieldId::IcmpCode, icmp.code);
    }
}

/// Writes the result of the negotiation.
fn write_negotiated(verdict: &Verdict, list: &mut List<'_>) {
    let negotiated = &verdict.negotiated;
    for (field, octets) in [
        (FieldId::NegMssClient, negotiated.mss_client),
        (FieldId::NegMssServer, negotiated.mss_server),
    ] {
        if let Some(octets) = octets {
            list.number(field, octets);
        }
    }
    for (field, shift) in [
        (FieldId::NegWscaleClient, negotiated.wscale_client),
        (FieldId::NegWscaleServer, negotiated.wscale_server),
    ] {
        if let Some(shift) = shift {
            list.signed(field, shift);
        }
    }
    for (field, agreed) in [(FieldId::NegSack, negotiated.sack), (FieldId::NegTs, negotiated.ts)] {
        if let Some(agreed) = agreed {
            list.number(field, agreed);
        }
    }
    let ecn = verdict.ecn;
    list.enumeration(FieldId::Ecn, FieldId::EcnStr, ecn.number(), ecn.label());
    list.hide_last(matches!(ecn, Ecn::Unknown | Ecn::None));
}

/// The line of the subtree: `Outcome: complete in 21.0 ms (three_way); closed by client`.
struct Line<'a>(&'a Verdict);

impl Display for Line<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Verdict { outcome, open_type, close, .. } = self.0;
        write!(f, "Outcome: {outcome}")?;
        if let Some(setup_ns) = self.0.times.setup_time_ns {
            write!(f, " in {} ms", Milliseconds(setup_ns))?;
        }
        if *open_type != OpenType::Unknown {
            write!(f, " ({open_type})")?;
        }
        let by = self.0.closed_by.map_or("", |by| by.label());
        match close {
            Close::Open => Ok(()),
            Close::HalfClosed => write!(f, "; half closed by {by}"),
            Close::FinUnacked => write!(f, "; closed by {by}, last FIN not acknowledged"),
            Close::Simultaneous => f.write_str("; closed by both at once"),
            // A refused attempt was never open.
            Close::Rst if outcome.failed() => Ok(()),
            Close::Rst => write!(f, "; reset by {by}"),
            Close::RstAfterFin => write!(f, "; closed by {by}, then reset"),
            _ => write!(f, "; closed by {by}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{Session, tests::handshake};

    #[test]
    fn the_line_names_the_open_and_the_close() {
        let mut session = Session::default();
        handshake(&mut session);
        let facts = session.segment(4, 0).unwrap();
        let verdict = facts.connection.verdict_at(facts.now_ns);
        let line = Line(&verdict).to_string();
        assert_eq!(line, "Outcome: complete in 20.0 ms (three_way); half closed by client");
    }
}
