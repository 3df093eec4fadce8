//! The cause: what the capture shows of it, and which of the likely causes it leaves.

use crate::connection::LONG_SILENCE_NS;
use crate::connection::state::Connection;
use crate::connection::state::clues::{Clue, Unanswered};
use crate::connection::state::endpoint::Facts;
use crate::connection::state::extra::{AfterAck, Extra, Opening, Reset};
use crate::connection::state::handshake::Handshake;
use crate::connection::state::offer::Offers;
use crate::connection::state::timestamps::Timestamp;
use crate::connection::verdict::summary::{IcmpSeen, Verdict};
use crate::vocabulary::evidence::Bearings;
use crate::vocabulary::{
    Advice, Bearing, Cause, Close, Evidence, EvidenceSet, Finding, Outcome, RstReason, Seen, Side,
    UNANSWERED, UNUSED,
};

/// A SYN with no more hops left than this was not meant to arrive.
const FEW_HOPS: u8 = 4;
/// A SYN with more hops left than this is an ordinary one.
const MANY_HOPS: u8 = 32;
/// The port of BGP.
const BGP: u16 = 179;
/// A TCP that waits repeats its SYN within this time (RFC 6298 §2.1: 1 s; before, 3 s), in nanoseconds.
const REPEATED_BY_NS: i64 = 3_500_000_000;
/// The time from which an event comes late, in nanoseconds.
const LATE_NS: i64 = 1_000_000_000;
/// Where nothing is deferred, a SYN/ACK is repeated sooner, in nanoseconds.
const DEFERRED_NS: i64 = 2_500_000_000;
/// How long a closed socket waits for the other end's FIN, in nanoseconds: 60 s on Linux and BSD.
const ORPHAN_NS: i64 = 60_000_000_000;
/// So many repetitions of data without any answer are no accident.
const FEW_REPETITIONS: u8 = 3;
/// So many unanswered keep-alives are no accident.
const FEW_KEEP_ALIVES: u8 = 2;

/// A cause that the evidence leaves possible.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct WeighedCause {
    /// The cause.
    pub cause: Cause,
    /// Whether something proves it.
    pub proven: bool,
    /// The evidence that proves it or speaks for it.
    pub speaks_for: EvidenceSet,
    /// The evidence that speaks against it.
    pub speaks_against: EvidenceSet,
}

impl WeighedCause {
    /// A cause that no evidence of the capture bears on.
    pub const fn without_evidence(cause: Cause) -> Self {
        let none = EvidenceSet::EMPTY;
        Self { cause, proven: false, speaks_for: none, speaks_against: none }
    }

    fn new(cause: Cause, evidence: EvidenceSet) -> Self {
        let with = |bearing| -> EvidenceSet {
            evidence.iter().filter(|seen| seen.bearing_on(cause) == Some(bearing)).collect()
        };
        let proof = with(Bearing::Proves);
        Self {
            cause,
            proven: !proof.is_empty(),
            speaks_for: proof.union(with(Bearing::SpeaksFor)),
            speaks_against: with(Bearing::SpeaksAgainst),
        }
    }

    /// The more, the likelier. What other connections show is a pattern, and counts twice.
    fn weight(&self) -> i32 {
        let counts = |evidence: Evidence| 1 + i32::from(evidence.is_of_others());
        let number = |set: EvidenceSet| set.iter().map(counts).sum::<i32>();
        i32::from(self.proven) * 64 + number(self.speaks_for) - number(self.speaks_against)
    }
}

impl Advice {
    /// The causes that the evidence leaves, the likeliest first.
    pub fn causes_given(&self, evidence: EvidenceSet) -> Vec<WeighedCause> {
        let (left, _) = self.left_by(evidence);
        let causes = self.causes.iter().filter(|cause| left & Cause::mask(&[**cause]) != 0);
        let mut weighed: Vec<_> = causes.map(|cause| WeighedCause::new(*cause, evidence)).collect();
        // The order of the advice decides between equals.
        weighed.sort_by_key(|cause| -cause.weight());
        weighed
    }

    /// The cause, if the evidence decides: it proves this one and no other, or leaves only this one.
    pub fn cause_given(&self, evidence: EvidenceSet) -> Option<Cause> {
        if evidence.is_empty() {
            return None;
        }
        let (left, proven) = self.left_by(evidence);
        let candidates = if left & proven == 0 { left } else { left & proven };
        // An empty set has 64 trailing zeros, the number of no cause.
        let only = candidates.count_ones() == 1;
        Cause::from_number(candidates.trailing_zeros() as u8).filter(|_| only)
    }

    /// The causes that the evidence does not exclude, and for which there is some if they need it; and those
    /// that it proves. As bits.
    fn left_by(&self, evidence: EvidenceSet) -> (u64, u64) {
        let mut bearings = Bearings::default();
        evidence.iter().for_each(|seen| bearings.add(seen.masks()));
        let proven = bearings.mask(Bearing::Proves);
        let named = !Cause::NEED_EVIDENCE | proven | bearings.mask(Bearing::SpeaksFor);
        let left = Cause::mask(self.causes) & named & !bearings.mask(Bearing::Excludes);
        (left, proven)
    }

    /// The evidence that bears on one of its causes.
    fn concerned(&self, evidence: EvidenceSet) -> EvidenceSet {
        let causes = Cause::mask(self.causes);
        evidence.iter().filter(|seen| seen.masks().any() & causes != 0).collect()
    }
}

impl Verdict {
    /// The advice on ends that are more than a [`Close`], with their titles.
    pub const SPECIAL_ENDS: &'static [(&'static str, &'static Advice)] =
        &[("closed without an octet", &UNUSED), ("no octet acknowledged", &UNANSWERED)];

    /// The advice on what went wrong: on the outcome if the connection did not come up, or else on how it
    /// ended, or on what it suffers. `None` if nothing went wrong.
    pub fn advice(&self) -> Option<&'static Advice> {
        if self.established { self.end_advice() } else { Some(self.outcome.advice()) }
    }

    /// The advice on how a connection that came up ended, or on what it suffers; `None` if that is nothing
    /// to look into.
    pub fn end_advice(&self) -> Option<&'static Advice> {
        end_advice(self.close, self.rst_reason, self.cause_evidence).filter(|_| self.established)
    }
}

fn end_advice(
    close: Close,
    rst_reason: Option<RstReason>,
    evidence: EvidenceSet,
) -> Option<&'static Advice> {
    match close {
        // The next attempt on these ports has cleared it.
        _ if rst_reason == Some(RstReason::HalfOpenDiscovery) => None,
        Close::Open if evidence.contains(Evidence::DataNeverAcknowledged) => Some(&UNANSWERED),
        Close::Fin | Close::Simultaneous if evidence.contains(Evidence::NoOctet) => Some(&UNUSED),
        _ => close.advice(),
    }
}

/// Adds evidence on a condition.
struct Collected(EvidenceSet);

impl Collected {
    fn add(&mut self, evidence: Evidence, seen: bool) {
        if seen {
            self.0.insert(evidence);
        }
    }

    /// One of two.
    fn either(&mut self, seen: bool, [yes, no]: [Evidence; 2]) {
        self.0.insert(if seen { yes } else { no });
    }
}

impl Connection {
    /// The cause, if its own packets decide it, and what they show of it.
    pub(crate) fn cause(
        &self,
        (outcome, established): (Outcome, bool),
        close: Close,
        now_ns: i64,
    ) -> (Option<Cause>, EvidenceSet) {
        let mut collected = Collected(EvidenceSet::EMPTY);
        let advice = if established {
            self.collect_of_end(close, now_ns, &mut collected);
            end_advice(close, self.rst_reason(), collected.0)
        } else {
            self.collect_of_outcome(outcome, now_ns, &mut collected);
            Some(outcome.advice())
        };
        let Some(advice) = advice else { return (None, EvidenceSet::EMPTY) };
        let evidence = advice.concerned(collected.0);
        (advice.cause_given(evidence), evidence)
    }

    fn has_clue(&self, clue: Clue) -> bool {
        self.clues().contains(clue)
    }

    /// The evidence on why the connection did not come up.
    fn collect_of_outcome(&self, outcome: Outcome, now_ns: i64, to: &mut Collected) {
        match outcome {
            Outcome::NoReply => self.collect_of_silence(now_ns, to),
            Outcome::Refused => {
                self.collect_of_rst(to);
                to.add(Evidence::MpJoin, self.client_end().offer.has(Offers::MP_JOIN));
                let answered = self.refusals().is_some_and(|refusals| refusals.synack.is_some());
                to.add(Evidence::SynAckAfterRefusal, answered);
            }
            Outcome::Unreachable => self.collect_of_error(to),
            Outcome::NoFinalAck => {
                let signed = [Side::Client, Side::Server].map(|side| self.is_signed(side));
                to.add(Evidence::SignedOneSided, signed[0] != signed[1]);
                to.add(Evidence::SynAckNotReceived, self.repeats_unanswered_syn());
                to.add(Evidence::ClientSentMore, self.client_end().has(Facts::MORE));
                // With Fast Open, the server may have gone on behind a SYN/ACK that was not captured.
                if self.server_end().has(Facts::SYN_ACK) {
                    self.collect_of_waiting(now_ns, to);
                    self.collect_of_syn(to);
                }
            }
            Outcome::NotAccepted | Outcome::Deferred => self.collect_of_repetition(to),
            Outcome::AbortedByClient if self.seen() == Seen::ClientOnly => {
                self.collect_of_syn(to);
                // A scanner's own TCP knows nothing of the SYN, and so has nothing to reset.
                let knows = self.final_reset().is_some_and(|reset| !reset.bare);
                to.add(Evidence::NeverAnswered, knows || self.syn_count() > 1);
            }
            Outcome::AbortedByClient => {
                self.collect_of_rst(to);
                self.collect_of_syn(to);
                let first_ns = self.time_of(Timestamp::ClientSyn);
                let took_ns = self.time_of(Timestamp::SynAck).saturating_sub(first_ns);
                let known = self.client_end().has(Facts::COPY)
                    && self.handshake.has(Handshake::SYNACK_SEEN);
                if known {
                    let slow = took_ns >= LATE_NS;
                    to.either(slow, [Evidence::SynAckSlow, Evidence::SynAckFast]);
                }
            }
            Outcome::AbortedByServer => {
                self.collect_of_rst(to);
                let answered = self.handshake.has(Handshake::COMPLETE);
                to.add(Evidence::RstWithoutFinalAck, !answered);
                let reset = self.final_reset().is_some_and(|reset| !reset.bare);
                let from_zero = self.has_clue(Clue::RST_FROM_ZERO) && reset && !answered;
                let other_zero = self.server_end().iss.0 != 0;
                let synack = self.server_end().has(Facts::SYN_ACK);
                to.add(Evidence::RstAnswersSyn, from_zero && other_zero && synack);
                // An RST that answers a SYN of the client has waited for nothing.
                let waited = self.server_end().retries > 0 && !self.repeats_unanswered_syn();
                to.add(Evidence::RstGivesUp, waited && !answered && !from_zero);
            }
            Outcome::Challenged => {
                to.add(Evidence::NumberBehind, self.has_clue(Clue::NUMBER_BEHIND));
                to.add(Evidence::TsvalBehind, self.has_clue(Clue::TSVAL_BEHIND));
                let has = |finding| self.findings.contains(finding);
                let silent = !has(Finding::HalfOpenReset) && !has(Finding::RstUnacceptable);
                let waits = self.syn_count() > 1 && silent && self.final_reset().is_none();
                to.add(Evidence::ChallengeNotAnswered, waits);
            }
            Outcome::UnsolicitedSynAck => {
                let reset = self.final_reset().is_some_and(|reset| reset.by == Side::Client);
                to.add(Evidence::SynAckReset, reset);
            }
            _ => {}
        }
    }

    /// Whether the SYN or SYN/ACK of `side` carries a signature.
    fn is_signed(&self, side: Side) -> bool {
        self.has_clue(Clue::signed_by(side))
    }

    /// Whether the client repeated its SYN although a SYN/ACK was captured.
    fn repeats_unanswered_syn(&self) -> bool {
        self.findings.contains(Finding::SynAckNotReceived)
    }

    /// Whether the ends repeat what they wait for an answer to: the client its SYN, the server its SYN/ACK.
    fn collect_of_waiting(&self, now_ns: i64, to: &mut Collected) {
        let since_ns = |side| now_ns.saturating_sub(self.last_copy_ns(side));
        let [asked, answered] = [Side::Client, Side::Server]
            .map(|side| (self.end(side).retries > 0, since_ns(side) >= REPEATED_BY_NS));
        to.add(Evidence::SynNeverRepeated, self.syn_count() == 1 && asked.1);
        match answered {
            (true, _) => to.add(Evidence::SynAckRepeated, true),
            (false, late) => to.add(Evidence::SynAckNeverRepeated, late),
        }
    }

    /// Nothing acceptable answers the SYN.
    fn collect_of_silence(&self, now_ns: i64, to: &mut Collected) {
        let repeated = self.syn_count() > 1;
        let waited_ns = now_ns.saturating_sub(self.last_copy_ns(Side::Client));
        to.add(Evidence::SynRepeated, repeated);
        // A client that sends another SYN in its place does not repeat it.
        let waits = !self.opening().contains(Opening::SUPERSEDED);
        to.add(Evidence::SynNeverRepeated, !repeated && waits && waited_ns >= REPEATED_BY_NS);
        self.collect_of_syn(to);
        to.add(Evidence::RstUnacceptable, self.findings.contains(Finding::RstUnacceptable));
        to.add(Evidence::NumberBehind, self.has_clue(Clue::NUMBER_BEHIND));
        to.add(Evidence::TsvalBehind, self.has_clue(Clue::TSVAL_BEHIND));
        let signed = self.is_signed(Side::Client);
        to.add(Evidence::SynIntoOpen, self.findings.contains(Finding::SynInEstablished));
        to.add(Evidence::SynSigned, signed);
        to.add(Evidence::BgpPort, !signed && self.server().port() == BGP);
    }

    /// Whether the SYN looks like one of an operating system.
    fn collect_of_syn(&self, to: &mut Collected) {
        let usual = Offers::WINDOW_SCALE | Offers::SACK | Offers::TIMESTAMPS;
        let client = self.client_end();
        if client.has(Facts::SYN) {
            let some = client.offer.offers().intersects(usual);
            to.either(some, [Evidence::SynOfOs, Evidence::SynWithoutOptions]);
        }
    }

    /// The looks of the RST that was believed.
    fn collect_of_rst(&self, to: &mut Collected) {
        let Some(reset) = self.final_reset() else { return };
        let has = |clue| self.has_clue(clue);
        let differs = self.findings.contains(Finding::RstTtlMismatch);
        to.add(Evidence::RstTtlDiffers, has(Clue::RST_TTL_DIFFERS) || differs);
        to.add(Evidence::RstTtlFits, has(Clue::RST_TTL_FITS));
        to.add(Evidence::RstWithText, has(Clue::RST_TEXT));
        to.add(Evidence::MpTcpRst, has(Clue::RST_MPTCP));
        to.add(Evidence::RstReflex, has(Clue::RST_REFLEX));
        let of_socket = !reset.bare && has(Clue::RST_TIMESTAMPS);
        to.add(Evidence::RstOfSocket, of_socket && reset.by == Side::Client);
        // One that answers a SYN carries an ACK, too.
        to.add(Evidence::RstWithAck, !reset.bare && !has(Clue::RST_FROM_ZERO));
        let acknowledged = self.end(reset.by.other()).has(Facts::ACK);
        to.add(Evidence::RstBare, reset.bare && acknowledged && !has(Clue::RST_REFLEX));
    }

    /// An ICMP error answers the SYN.
    fn collect_of_error(&self, to: &mut Collected) {
        let Some(IcmpSeen { kind, code }) = self.icmp() else { return };
        let evidence = match (self.key.is_ipv6(), kind, code) {
            (false, 3, 9 | 10 | 13) | (true, 1, 1 | 5 | 6) => Some(Evidence::IcmpProhibited),
            (false, 3, 2 | 3) | (true, 1, 4) => Some(Evidence::IcmpPortUnreachable),
            (false, 3, 1 | 7) | (true, 1, 3) => Some(Evidence::IcmpHostUnreachable),
            (false, 3, 0 | 6 | 11 | 12) | (true, 1, 0 | 2) => Some(Evidence::IcmpNoRoute),
            (false, 11, 0) | (true, 3, 0) => Some(Evidence::IcmpTimeExceeded),
            (false, 3, 4 | 5) | (false, 11 | 12, _) | (true, 3 | 4, _) => {
                Some(Evidence::IcmpNotForwarded)
            }
            _ => None,
        };
        evidence.into_iter().for_each(|evidence| to.add(evidence, true));
        to.add(Evidence::IcmpFromServer, self.has_clue(Clue::ICMP_FROM_SERVER));
        let client = self.client_end();
        if evidence == Some(Evidence::IcmpTimeExceeded) && client.has(Facts::TTL) && client.ttl > 0
        {
            let of_bgp = self.server().port() == BGP && client.ttl == 1;
            match client.ttl {
                _ if of_bgp => to.add(Evidence::BgpTtl, true),
                ..=FEW_HOPS => to.add(Evidence::SynTtlLow, true),
                // A traceroute goes on to higher ones.
                ttl => to.add(Evidence::SynTtlHigh, ttl > MANY_HOPS),
            }
        }
    }

    /// The server repeats its SYN/ACK after the final ACK.
    fn collect_of_repetition(&self, to: &mut Collected) {
        let arrived = |extra: &Extra| extra.after_ack.contains(AfterAck::ARRIVED);
        to.add(Evidence::AckArrived, self.extra.as_deref().is_some_and(arrived));
        let Some(clues) = self.all_clues() else { return };
        let has = |clue| clues.facts.contains(clue);
        to.add(Evidence::DataNotTaken, has(Clue::DATA_NOT_TAKEN));
        to.add(Evidence::SynAckRepeatedAgain, has(Clue::ANSWERED_IN_BETWEEN));
        to.add(Evidence::TimestampsGone, has(Clue::TIMESTAMPS_GONE));
        to.add(Evidence::FirstRepetitionLate, clues.first_repeat_ns >= DEFERRED_NS);
    }

    /// The evidence on why a connection that came up ended as it did, or on what it suffers.
    fn collect_of_end(&self, close: Close, now_ns: i64, to: &mut Collected) {
        match close {
            Close::Open => self.collect_of_unanswered_data(now_ns, to),
            Close::HalfClosed => {
                let long = self.closed_long_ago(now_ns);
                // Otherwise the other FIN may be among what was not captured.
                to.add(Evidence::HalfClosedLong, long && self.seen() == Seen::Both);
            }
            Close::Fin | Close::Simultaneous if self.is_unused() => {
                to.add(Evidence::NoOctet, true);
                if close == Close::Fin {
                    self.collect_of_closer(self.first_closer(), to);
                }
                self.collect_of_use(self.time_of(Timestamp::FirstFin), to);
            }
            Close::Rst => {
                if let Some(reset) = self.final_reset() {
                    self.collect_of_abort(&reset, to);
                }
            }
            Close::RstAfterFin => {
                self.collect_of_rst(to);
                self.collect_of_late_rst(to);
            }
            _ => {}
        }
    }

    /// Whether both SYNs were captured, and no octet in either direction.
    fn is_unused(&self) -> bool {
        let unused = |side| {
            let end = self.end(side);
            let fin = u32::from(end.has(Facts::FIN));
            end.has(Facts::SYN | Facts::SENT) && end.nxt == end.iss + 1 + fin
        };
        self.seen() == Seen::Both && !self.is_self_connect() && Side::BOTH.into_iter().all(unused)
    }

    fn collect_of_closer(&self, closer: Option<Side>, to: &mut Collected) {
        if let Some(side) = closer {
            let server = side == Side::Server;
            to.either(server, [Evidence::ServerClosedFirst, Evidence::ClientClosedFirst]);
        }
    }

    /// How long after the handshake an unused connection ended.
    fn collect_of_use(&self, end_ns: i64, to: &mut Collected) {
        if self.frames.final_ack > 0 {
            let lasted_ns = end_ns.saturating_sub(self.time_of(Timestamp::FinalAck));
            to.either(lasted_ns < LATE_NS, [Evidence::EndedAtOnce, Evidence::EndedAfterWait]);
        }
    }

    /// An open connection was reset.
    fn collect_of_abort(&self, reset: &Reset, to: &mut Collected) {
        self.collect_of_rst(to);
        let Unanswered { keep_alives, repetitions, .. } = self.unanswered_before_rst();
        let (keep_alives, repetitions) =
            (keep_alives >= FEW_KEEP_ALIVES, repetitions >= FEW_REPETITIONS);
        to.add(Evidence::KeepAlivesUnanswered, keep_alives);
        to.add(Evidence::RepetitionsUnanswered, repetitions);
        self.collect_of_pause(keep_alives || repetitions, to);
        // A SYN proxy that does not reach the server.
        let of_proxy = reset.by == Side::Server && !self.server_end().has(Facts::MORE);
        to.add(Evidence::WindowZeroInSynAck, of_proxy && self.has_clue(Clue::WINDOW_ZERO));
        let unused = self.is_unused();
        to.add(Evidence::NoOctet, unused);
        if unused {
            self.collect_of_closer(Some(reset.by), to);
            self.collect_of_use(reset.time_ns, to);
        }
    }

    /// How long nothing was sent before the RST.
    fn collect_of_pause(&self, is_explained: bool, to: &mut Collected) {
        let silence_ns = self.all_clues().map_or(0, |clues| clues.silence_ns);
        let before_data = self.has_clue(Clue::RST_AFTER_SILENCE);
        to.add(Evidence::SilenceBeforeRst, silence_ns >= LONG_SILENCE_NS && !is_explained);
        to.add(Evidence::SilenceBeforeData, before_data && !is_explained);
        to.add(Evidence::RstAtOnce, silence_ns < LATE_NS && !before_data);
    }

    /// A connection was reset after a FIN.
    fn collect_of_late_rst(&self, to: &mut Collected) {
        let Some(reset) = self.final_reset() else { return };
        let sender = self.end(reset.by);
        let fins = if sender.has(Facts::FIN_ACKED) { 0 } else { sender.retries };
        let repetitions = self.unanswered_before_rst().repetitions.max(fins);
        let unanswered = sender.has(Facts::FIN) && repetitions >= FEW_REPETITIONS;
        to.add(Evidence::RepetitionsUnanswered, unanswered);
        self.collect_of_pause(unanswered, to);
        let first = self.first_closer() == Some(reset.by);
        let fin = if first { Timestamp::FirstFin } else { Timestamp::SecondFin };
        let since_ns = reset.time_ns.saturating_sub(self.time_of(fin));
        let long = since_ns >= ORPHAN_NS;
        if self.has_clue(Clue::RST_TO_DATA_AFTER_FIN) {
            to.add(Evidence::RstAnswersDataAfterFin, true);
            to.either(long, [Evidence::FinLongBefore, Evidence::FinJustBefore]);
        } else if self.has_clue(Clue::RST_TO_FIN_AFTER_FIN) {
            to.add(Evidence::RstAnswersFin, true);
            to.add(Evidence::FinLongBefore, long);
        }
    }

    /// The client's data is not acknowledged.
    fn collect_of_unanswered_data(&self, now_ns: i64, to: &mut Collected) {
        let server = self.server_end();
        if self.seen() == Seen::Both && self.is_data_unanswered(now_ns) {
            to.add(Evidence::DataNeverAcknowledged, true);
            to.add(Evidence::WindowZeroInSynAck, self.has_clue(Clue::WINDOW_ZERO));
            let reset = self.findings.contains(Finding::RstUnacceptable);
            let more = server.has(Facts::MORE);
            to.add(Evidence::ServerSilent, !more && !reset);
            // The acknowledgment of data that was sent once may be missing from the capture.
            let again = self.extra.as_ref().is_some_and(|extra| extra.data_repeats > 0);
            to.add(Evidence::ServerSentMore, more && again);
        }
    }
}
