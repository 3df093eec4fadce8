//! What triage keeps of a closed connection.

use dissector_core::ClosedConnection;
use dissector_core::connection::{
    Advice, Cause, Close, ClosedBy, EvidenceSet, FindingSet, Outcome, OutcomeClass, Seen, Verdict,
};

use crate::explain::{Explained, Neighbour};

/// A closed connection in about 200 octets.
#[derive(Clone, Copy)]
pub struct Record {
    pub neighbour: Neighbour,
    pub evidence: EvidenceSet,
    pub findings: FindingSet,
    /// The advice on what went wrong; `None` if nothing did.
    pub advice: Option<&'static Advice>,
    /// The cause, if its own packets decide it.
    pub cause: Option<Cause>,
    pub close: Close,
    pub closed_by: Option<ClosedBy>,
    pub seen: Seen,
    /// ICMP type and code.
    pub icmp: Option<(u8, u8)>,
    pub syn_count: u16,
    pub synack_count: u16,
    pub packets: u32,
    pub setup: Micros,
    /// The answered SYN to the final ACK.
    pub rtt_total: Micros,
    pub rtt_server: Micros,
    pub rtt_client: Micros,
    /// The client sent data, and the server none.
    pub unanswered: bool,
    /// The server sent data, and the client acknowledged none of it.
    pub answer_unacknowledged: bool,
    /// It has segments without SYN, FIN and RST.
    pub has_plain: bool,
    pub has_fin: bool,
    /// The options of a SYN were cut off.
    pub options_cut: bool,
    /// The command line asks for it.
    pub selected: bool,
}

/// A time in microseconds, up to 71 minutes.
#[derive(Clone, Copy, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Micros(Option<u32>);

impl Micros {
    fn new(ns: Option<u64>) -> Self {
        Self(ns.map(|ns| u32::try_from(ns / 1000).unwrap_or(u32::MAX)))
    }

    pub fn ns(self) -> Option<u64> {
        self.0.map(|micros| u64::from(micros) * 1000)
    }
}

impl Record {
    /// What is kept of a connection with this verdict.
    pub fn of(closed: &ClosedConnection<'_>, verdict: &Verdict) -> Self {
        let connection = closed.connection;
        let times = &verdict.times;
        let history = connection.history();
        let has = |letter: char| history.contains(letter);
        let negotiated = &verdict.negotiated;
        let both_syns = verdict.frames.syn.is_some() && verdict.frames.synack.is_some();
        Self {
            neighbour: Neighbour::new(connection, verdict),
            evidence: verdict.cause_evidence,
            findings: verdict.findings,
            advice: verdict.advice(),
            cause: verdict.cause,
            close: verdict.close,
            closed_by: verdict.closed_by,
            seen: verdict.seen,
            icmp: verdict.icmp.map(|icmp| (icmp.kind, icmp.code)),
            syn_count: verdict.syn_count,
            synack_count: verdict.synack_count,
            packets: u32::try_from(connection.packets()).unwrap_or(u32::MAX),
            setup: Micros::new(times.setup_time_ns),
            rtt_total: Micros::new(times.rtt_total_ns),
            rtt_server: Micros::new(times.rtt_server_ns),
            rtt_client: Micros::new(times.rtt_client_ns),
            unanswered: has('D') && !has('d'),
            answer_unacknowledged: connection.is_answer_unacknowledged(),
            has_plain: ['A', 'a', 'D', 'd'].into_iter().any(has),
            has_fin: ['F', 'f'].into_iter().any(has),
            options_cut: both_syns && (negotiated.ts.is_none() || negotiated.mss_client.is_none()),
            selected: true,
        }
    }

    pub fn id(&self) -> u32 {
        self.neighbour.id
    }

    pub fn outcome(&self) -> Outcome {
        self.neighbour.outcome
    }

    pub fn failed(&self) -> bool {
        self.outcome().failed()
    }

    /// Whether an RST ended it.
    pub fn was_reset(&self) -> bool {
        matches!(self.close, Close::Rst | Close::RstAfterFin)
    }

    /// Whether it came up, and its opening was captured.
    pub fn is_open(&self) -> bool {
        self.outcome().class() == OutcomeClass::Open
    }

    /// For a brief explanation.
    pub fn explained(&self) -> Option<Explained> {
        let Self { evidence, close, .. } = *self;
        self.advice.map(|advice| Explained { id: self.id(), advice, evidence, close })
    }
}
