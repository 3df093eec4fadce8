//! How often a capture has the events that kernels count.

use std::ops::AddAssign;

use crate::connection::state::endpoint::Facts;
use crate::connection::state::offer::Offers;
use crate::connection::{Connection, Verdict};
use crate::vocabulary::{Evidence, Finding, OpenType, Outcome, Seen, Side};

/// The events of one connection, or of several, that a kernel counts.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct Counts {
    /// Connections that the client's SYN opens.
    pub attempts: u64,
    /// Those of them whose SYN looks like one of an operating system.
    pub attempts_of_os: u64,
    /// Connections that the server has confirmed by what it sent after its SYN/ACK.
    pub opened: u64,
    /// SYNs that repeat one.
    pub syn_copies: u64,
    /// SYN/ACKs that repeat one.
    pub synack_copies: u64,
    /// SYNs that nothing acceptable answers, copies included (`no_reply`).
    pub unanswered_syns: u64,
    /// SYNs of these that repeat one.
    pub unanswered_copies: u64,
    /// Connections that nothing answers.
    pub unanswered: u64,
    /// Those of them whose client repeated its SYN.
    pub repeating: u64,
    /// SYNs of connections of which the capture does not show what becomes (`pending`).
    pub pending_syns: u64,
    /// Connections that are refused (`refused`).
    pub refused: u64,
    /// RSTs that refuse a SYN of these.
    pub refusals: u64,
    /// Connections whose server did not take the ACK (`not_accepted`).
    pub not_accepted: u64,
    /// Connections whose server got the ACK and waits, or did not take it (`deferred`, `not_accepted`).
    pub waiting: u64,
    /// Connections whose data was never acknowledged.
    pub swallowed: u64,
    /// Segments that the client sent after its SYN on connections that did not come up, or whose data was
    /// never acknowledged: each may be an ACK that was not taken.
    pub client_segments: u64,
    /// Connections that only a challenge ACK answered (`challenged`).
    pub challenged: u64,
    /// SYNs of these.
    pub challenged_syns: u64,
    /// SYNs into a connection that was still open, of whatever outcome.
    pub syns_into_open: u64,
    /// SYNs that a SYN/ACK answers and nothing else follows (`no_final_ack`).
    pub half_open_syns: u64,
    /// SYN/ACKs of these.
    pub half_open_synacks: u64,
    /// Connections that the client reset during the handshake (`aborted_by_client`).
    pub aborted_by_client: u64,
    /// Connections that the server reset during the handshake (`aborted_by_server`).
    pub aborted_by_server: u64,
    /// Connections that the client reset.
    pub reset_by_client: u64,
    /// Connections that the server reset, refusals aside.
    pub reset_by_server: u64,
}

impl Counts {
    /// Those of one connection.
    pub fn of(connection: &Connection, verdict: &Verdict) -> Self {
        let mut counts = Self::default();
        let (syns, synacks) = (u64::from(verdict.syn_count), u64::from(verdict.synack_count));
        counts.attempts = u64::from(syns > 0);
        counts.syn_copies = syns.saturating_sub(1);
        counts.synack_copies = synacks.saturating_sub(1);
        let usual = Offers::WINDOW_SCALE | Offers::SACK | Offers::TIMESTAMPS;
        let is_of_os = connection.client_end().offer.offers().intersects(usual);
        counts.attempts_of_os = u64::from(syns > 0 && is_of_os);
        // Where both open at once, neither accepts.
        let accepted =
            matches!(verdict.open_type, OpenType::ThreeWay | OpenType::FastOpen | OpenType::MpJoin)
                && connection.server_end().has(Facts::MORE);
        counts.opened = u64::from(verdict.outcome == Outcome::Complete && accepted);
        let has = |finding| verdict.findings.contains(finding);
        if has(Finding::ChallengeAck) || has(Finding::SynInEstablished) {
            counts.syns_into_open = syns;
        }
        let by_client = connection.packets().saturating_sub(syns + synacks);
        match verdict.outcome {
            Outcome::NoReply => {
                (counts.unanswered, counts.unanswered_syns) = (1, syns);
                counts.unanswered_copies = counts.syn_copies;
                counts.repeating = u64::from(counts.syn_copies > 0);
            }
            Outcome::Refused => {
                let refusals = connection.refusals().map_or(0, |refusals| refusals.count);
                (counts.refused, counts.refusals) = (1, u64::from(refusals).max(1));
            }
            Outcome::NotAccepted | Outcome::Deferred => {
                counts.waiting = 1;
                counts.client_segments = by_client;
                counts.not_accepted = u64::from(verdict.outcome == Outcome::NotAccepted);
            }
            Outcome::Pending => {
                (counts.pending_syns, counts.client_segments) = (syns, by_client);
            }
            Outcome::NoFinalAck => {
                (counts.half_open_syns, counts.half_open_synacks) = (syns, synacks);
            }
            Outcome::Challenged => (counts.challenged, counts.challenged_syns) = (1, syns),
            Outcome::AbortedByClient => counts.aborted_by_client = 1,
            Outcome::AbortedByServer => counts.aborted_by_server = 1,
            Outcome::Complete => {
                let unanswered = verdict.cause_evidence.contains(Evidence::DataNeverAcknowledged);
                if unanswered && verdict.seen == Seen::Both {
                    (counts.swallowed, counts.client_segments) = (1, by_client);
                }
            }
            _ => {}
        }
        match connection.final_reset() {
            Some(reset) if reset.by == Side::Client => counts.reset_by_client = 1,
            Some(_) if verdict.outcome != Outcome::Refused => counts.reset_by_server = 1,
            _ => {}
        }
        counts
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        let Self {
            attempts,
            attempts_of_os,
            opened,
            syn_copies,
            synack_copies,
            unanswered_syns,
            unanswered_copies,
            unanswered,
            repeating,
            pending_syns,
            refused,
            refusals,
            not_accepted,
            waiting,
            swallowed,
            client_segments,
            challenged,
            challenged_syns,
            syns_into_open,
            half_open_syns,
            half_open_synacks,
            aborted_by_client,
            aborted_by_server,
            reset_by_client,
            reset_by_server,
        } = self;
        for (sum, more) in [
            (attempts, other.attempts),
            (attempts_of_os, other.attempts_of_os),
            (opened, other.opened),
            (syn_copies, other.syn_copies),
            (synack_copies, other.synack_copies),
            (unanswered_syns, other.unanswered_syns),
            (unanswered_copies, other.unanswered_copies),
            (unanswered, other.unanswered),
            (repeating, other.repeating),
            (pending_syns, other.pending_syns),
            (refused, other.refused),
            (refusals, other.refusals),
            (not_accepted, other.not_accepted),
            (waiting, other.waiting),
            (swallowed, other.swallowed),
            (client_segments, other.client_segments),
            (challenged, other.challenged),
            (challenged_syns, other.challenged_syns),
            (syns_into_open, other.syns_into_open),
            (half_open_syns, other.half_open_syns),
            (half_open_synacks, other.half_open_synacks),
            (aborted_by_client, other.aborted_by_client),
            (aborted_by_server, other.aborted_by_server),
            (reset_by_client, other.reset_by_client),
            (reset_by_server, other.reset_by_server),
        ] {
            *sum = sum.saturating_add(more);
        }
    }
}

/// The events of all connections of a capture that one host is an end of. It may be fed from several
/// captures, if each connection is counted once.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct HostTally {
    /// Those of which it is the client.
    pub as_client: Counts,
    /// Those of which it is the server.
    pub as_server: Counts,
}

impl HostTally {
    /// Counts a connection of which the host is this side.
    pub fn add(&mut self, side: Side, counts: Counts) {
        match side {
            Side::Client => self.as_client += counts,
            Side::Server => self.as_server += counts,
        }
    }

    /// The connections of which it is this side.
    pub const fn on(&self, side: Side) -> &Counts {
        match side {
            Side::Client => &self.as_client,
            Side::Server => &self.as_server,
        }
    }
}
