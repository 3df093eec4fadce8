//! The outcome of a connection, and how it was opened and closed.

use std::net::SocketAddr;

use crate::LINGER_NS;
use crate::clock::LEAP_NS;
use crate::connection::annotation::States;
use crate::connection::state::Connection;
use crate::connection::state::endpoint::{Endpoint, Facts};
use crate::connection::state::extra::{Opening, Reset, SEVERAL};
use crate::connection::state::handshake::Handshake;
use crate::connection::state::offer::{self, Offers};
use crate::connection::state::origin::Reuse;
use crate::connection::state::timestamps::Timestamp;
use crate::connection::verdict::summary::{
    HandshakeTimes, Negotiated, Refusals, RejectedRsts, StepFrames, SynAckAfterRefusal, Verdict,
};
use crate::vocabulary::Side;
use crate::vocabulary::{
    Close, ClosedBy, Ecn, Finding, FindingSet, OpenType, Outcome, RoleBasis, RstReason, Seen,
    Stage, State, Vantage,
};
use crate::wire::SeqNumber;

/// The longest time in nanoseconds that one side stays open after the other closed without a
/// finding.
const HALF_CLOSED_LONG_NS: i64 = 60_000_000_000;
/// The shortest silence, in nanoseconds, that decides an outcome.
const SILENCE_NS: i64 = 3_000_000_000;

impl Connection {
    /// How the connection went, seen from `now_ns`: the end of the capture, or the present. A
    /// connection that has left its table is judged by the time at which it left.
    pub fn verdict_at(&self, now_ns: i64) -> Verdict {
        let (outcome, close, times) = (self.outcome_at(now_ns), self.close(), self.times());
        let mut now_ns = self.own_clock(self.until_it_left(now_ns));
        if self.is_closed() || outcome.failed() {
            // It leaves the table at this time or later, whenever the table comes to it.
            now_ns = now_ns.min(self.last_ns.saturating_add(LINGER_NS));
        }
        let established = self.came_up(outcome);
        let (cause, cause_evidence) = self.cause((outcome, established), close, now_ns);
        Verdict {
            outcome,
            established,
            open_type: self.open_type(),
            close,
            closed_by: self.closer(close),
            seen: self.seen(),
            vantage: vantage(&times),
            ecn: self.ecn(),
            syn_count: self.syn_count(),
            synack_count: self.synack_count(),
            times,
            frames: StepFrames {
                syn: self.syn_frame(),
                synack: self.synack_frame(),
                final_ack: self.final_ack_frame(),
                rst: self.rst_frame(),
                icmp: self.extra.as_ref().and_then(|extra| frame(extra.icmp_frame)),
            },
            rst_reason: self.rst_reason(),
            icmp: self.icmp(),
            negotiated: self.negotiated(),
            cause,
            cause_evidence,
            findings: self.findings.union(self.findings_of_the_whole(outcome, close, now_ns)),
        }
    }

    /// Number of the connection, from 0 in order of first segment.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Number of the incarnation within its addresses and ports, from 1.
    pub fn attempt(&self) -> u16 {
        self.attempt
    }

    /// The evidence that the roles of client and server rest on.
    pub fn role_basis(&self) -> RoleBasis {
        self.origin.basis()
    }

    /// Address and port of the client.
    pub fn client(&self) -> SocketAddr {
        self.key.client()
    }

    /// Address and port of the server.
    pub fn server(&self) -> SocketAddr {
        self.key.server()
    }

    /// Segments of both sides.
    pub fn packets(&self) -> u64 {
        let further = self.extra.as_ref().map_or(0, |extra| extra.packets);
        u64::from(further) << 32 | u64::from(self.packets)
    }

    /// Time of the first segment, in nanoseconds since 1970 UTC.
    pub fn first_ns(&self) -> i64 {
        self.first_ns
    }

    /// Time of the last segment, in nanoseconds since 1970 UTC.
    pub fn last_ns(&self) -> i64 {
        self.last_ns
    }

    /// State of the client after the last segment.
    pub fn client_state(&self) -> States {
        let end = self.client_end();
        States::new(end.state, end.state, end.proven())
    }

    /// State of the server after the last segment; UNKNOWN if no segment of the server was captured, for
    /// then nothing shows that any of the client's has arrived.
    pub fn server_state(&self) -> States {
        if self.seen() == Seen::ClientOnly {
            return States::new(State::Unknown, State::Unknown, false);
        }
        let end = self.server_end();
        States::new(end.state, end.state, end.proven())
    }

    /// Whether nothing in the capture shows that the server got anything: no segment of it was captured,
    /// and the client's do not answer any. Such a connection may still be [pending](Outcome::Pending).
    pub fn is_unheard(&self) -> bool {
        self.seen() == Seen::ClientOnly
            && self.client_end().has(Facts::SYN)
            && !self.client_end().has(Facts::MORE)
    }

    /// SYNs without ACK that the client sent.
    pub fn syn_count(&self) -> u16 {
        self.syns(Side::Client, false)
    }

    /// SYN/ACKs that the server sent.
    pub fn synack_count(&self) -> u16 {
        self.syns(Side::Server, true)
    }

    /// Frame of the first SYN.
    pub fn syn_frame(&self) -> Option<u64> {
        frame(self.frames.syn)
    }

    /// Frame of the first SYN/ACK.
    pub fn synack_frame(&self) -> Option<u64> {
        frame(self.frames.synack)
    }

    /// Frame of the segment that completes the handshake.
    pub fn final_ack_frame(&self) -> Option<u64> {
        frame(self.frames.final_ack)
    }

    /// Frame of the RST that ended the connection: the first that was believed.
    pub fn rst_frame(&self) -> Option<u64> {
        frame(self.final_reset()?.frame)
    }

    /// The client's initial sequence number, if its SYN was captured.
    pub fn client_isn(&self) -> Option<SeqNumber> {
        let client = self.client_end();
        client.has(Facts::SYN).then_some(client.iss)
    }

    /// TTL or hop limit of the client's last segment that is no RST.
    pub fn client_ttl(&self) -> Option<u8> {
        let client = self.client_end();
        client.has(Facts::TTL).then_some(client.ttl)
    }

    /// The highest number that the server has acknowledged.
    pub fn acknowledged_by_server(&self) -> Option<SeqNumber> {
        let server = self.server_end();
        server.has(Facts::ACK).then_some(server.ack)
    }

    /// Whether the server has sent data of which the client has acknowledged no octet, and sent it again in
    /// vain, or the capture has none of it.
    ///
    /// Data that is under way may be missing from a capture, too: whether it is lost depends on how long it
    /// was.
    pub fn is_answer_unacknowledged(&self) -> bool {
        let [client, server] = &self.ends;
        let first = server.iss + 1;
        let end = server.nxt - u32::from(server.has(Facts::FIN));
        let acknowledged = client.has(Facts::ACK) && client.ack.is_after(first);
        let lost = !server.has(Facts::PAYLOAD) || self.is_repeating(Side::Server);
        server.has(Facts::SYN_ACK) && end.is_after(first) && !acknowledged && lost
    }

    /// First to last copy of the SYN/ACK, in nanoseconds. Means something as long as the server has
    /// sent no FIN.
    pub fn synack_span_ns(&self) -> u64 {
        let first_ns = self.time_of(Timestamp::SynAck);
        self.last_copy_ns(Side::Server).saturating_sub(first_ns).max(0) as u64
    }

    /// Frame of the RST in spite of which the connection went on; `None` if there were several.
    pub fn ignored_rst_frame(&self) -> Option<u64> {
        let number = self.extra.as_ref()?.ignored_rst_frame;
        frame(number).filter(|_| number != SEVERAL)
    }

    /// Whether the connection follows one on the same addresses and ports that ended with FINs, and
    /// its initial sequence number is not beyond what that one has used: an end in TIME-WAIT may
    /// refuse it (RFC 9293 §3.6.1, RFC 6191).
    pub fn reuses_numbers(&self) -> bool {
        self.origin.reuse() == Reuse::AfterCloseBehind
    }

    /// The reason of that RST.
    pub fn rst_reason(&self) -> Option<RstReason> {
        self.final_reset().map(|reset| reset.reason)
    }

    /// First SYN to final ACK, in nanoseconds.
    pub fn setup_time_ns(&self) -> Option<u64> {
        let captured = self.client_end().has(Facts::COPY) && self.frames.syn > 0;
        let syn_ns = captured.then(|| self.time_of(Timestamp::ClientSyn))?;
        let final_ack_ns =
            (self.frames.final_ack > 0).then(|| self.time_of(Timestamp::FinalAck))?;
        let known = !has_no_time(syn_ns, final_ack_ns) && !has_no_time(final_ack_ns, syn_ns);
        known.then(|| final_ack_ns.saturating_sub(syn_ns).max(0) as u64)
    }

    /// The times of the handshake.
    pub fn times(&self) -> HandshakeTimes {
        let since = |from: i64, to: i64| {
            let known = !has_no_time(from, to);
            known.then(|| u64::try_from(to.saturating_sub(from)).ok())?
        };
        let final_ack_ns = (self.frames.final_ack > 0).then(|| self.time_of(Timestamp::FinalAck));
        let answers = |side| {
            let answered = self.handshake.acknowledged(side) || self.is_self_connect();
            final_ack_ns.filter(|_| answered)
        };
        let late = self.findings.contains(Finding::OutOfOrderHandshake);
        // The server answers with its SYN/ACK, or else completes the handshake.
        let server_ns = if self.handshake.has(Handshake::SYNACK_SEEN) {
            (!late).then(|| self.time_of(Timestamp::SynAck))
        } else {
            answers(Side::Client)
        };
        // The client answers with the final ACK, or in a simultaneous open with a SYN/ACK.
        let crossed_ns = self.exact_time_of(Timestamp::ClientSynAck);
        let client_ns = crossed_ns.or_else(|| answers(Side::Server));
        let syn = self.answered_copy(Side::Client);
        let synack = self.answered_copy(Side::Server).filter(|_| client_ns.is_some());
        HandshakeTimes {
            rtt_server_ns: syn.and_then(|syn| since(syn.time_ns, server_ns?)),
            rtt_client_ns: synack.and_then(|synack| since(synack.time_ns, client_ns?)),
            rtt_total_ns: syn.filter(|_| !late).and_then(|syn| since(syn.time_ns, final_ack_ns?)),
            rtt_exact: syn.zip(synack).map(|(syn, synack)| syn.exact && synack.exact),
            setup_time_ns: self.setup_time_ns(),
        }
    }

    /// Time from the copy of the SYN that was answered to the first SYN/ACK, in nanoseconds.
    pub(crate) fn synack_delay_ns(&self) -> i64 {
        let syn = self.answered_copy(Side::Client);
        syn.map_or(0, |syn| self.time_of(Timestamp::SynAck).saturating_sub(syn.time_ns))
    }

    pub(crate) fn rtt_total_ns(&self) -> Option<u64> {
        self.times().rtt_total_ns
    }

    fn ecn(&self) -> Ecn {
        let (client, server) = (self.client_end(), self.server_end());
        if !client.has(Facts::SYN) {
            return Ecn::Unknown;
        }
        let answer = server.has(Facts::SYN_ACK).then_some(server.offer.ecn());
        offer::ecn(client.offer.ecn(), answer)
    }

    fn negotiated(&self) -> Negotiated {
        let (client, server) = (self.client_end(), self.server_end());
        let known = |end: &Endpoint| end.has(Facts::SYN);
        let both = known(client) && known(server);
        let mss = |end: &Endpoint| {
            let default = (!end.offer.is_cut()).then(|| self.default_mss());
            end.offer.mss().or(default).filter(|_| known(end))
        };
        // Both have the option; or one certainly has not.
        let agree = |option| {
            let offers = [client, server].map(|end| end.offer);
            let all = offers.iter().all(|offer| offer.has(option));
            let one_lacks = offers.iter().any(|offer| offer.lacks(option));
            (all || one_lacks).then_some(all).filter(|_| both)
        };
        let scaled = agree(Offers::WINDOW_SCALE);
        let scale = |end: &Endpoint| {
            let shift = end.offer.window_scale().map_or(-1, |shift| shift as i8);
            scaled.map(|scaled| if scaled { shift } else { -1 })
        };
        Negotiated {
            mss_client: mss(client),
            mss_server: mss(server),
            wscale_client: scale(client),
            wscale_server: scale(server),
            sack: agree(Offers::SACK),
            ts: agree(Offers::TIMESTAMPS),
        }
    }

    /// Findings about the connection as a whole.
    fn findings_of_the_whole(&self, outcome: Outcome, close: Close, now_ns: i64) -> FindingSet {
        let mut set = FindingSet::EMPTY;
        match outcome {
            Outcome::NoReply => set.insert(Finding::NoReply),
            Outcome::NoFinalAck => set.insert(Finding::NoFinalAck),
            Outcome::NotAccepted => set.insert(Finding::NotAccepted),
            Outcome::Complete if self.is_data_unanswered(now_ns) => {
                set.insert(Finding::DataUnanswered);
            }
            Outcome::OneWay => set.insert(Finding::OneWayCapture),
            Outcome::Midstream => set.insert(Finding::Midstream),
            _ => {}
        }
        match close {
            Close::FinUnacked => set.insert(Finding::FinUnacked),
            Close::HalfClosed if self.closed_long_ago(now_ns) => {
                set.insert(Finding::HalfClosedLong);
            }
            _ => {}
        }
        set
    }

    /// Whether the first FIN, if there is one, was long ago.
    pub(crate) fn closed_long_ago(&self, now_ns: i64) -> bool {
        now_ns.saturating_sub(self.time_of(Timestamp::FirstFin)) > HALF_CLOSED_LONG_NS
    }

    /// The sides whose segments were captured.
    pub fn seen(&self) -> Seen {
        Seen::of([self.client_end(), self.server_end()].map(|end| end.has(Facts::SENT)))
    }

    /// How the connection was opened.
    pub fn open_type(&self) -> OpenType {
        let handshake = &self.handshake;
        if self.is_self_connect() {
            OpenType::SelfConnect
        } else if handshake.has(Handshake::JOIN) && handshake.has(Handshake::COMPLETE) {
            OpenType::MpJoin
        } else if handshake.has(Handshake::SPLIT) {
            OpenType::Split
        } else if handshake.has(Handshake::SIMULTANEOUS) {
            OpenType::Simultaneous
        } else if handshake.has(Handshake::FAST_OPEN) {
            OpenType::FastOpen
        } else if self.is_refused() {
            OpenType::Unknown
        } else if self.server_end().has(Facts::SYN_ACK) || handshake.has(Handshake::COMPLETE) {
            OpenType::ThreeWay
        } else {
            OpenType::Unknown
        }
    }

    /// The connection in Zeek's letters: what was sent, in upper case by Zeek's originator.
    pub fn history(&self) -> String {
        self.zeek.history()
    }

    /// Zeek's `conn_state`: `S0`, `REJ`, `SF`, …
    pub fn conn_state(&self) -> &'static str {
        self.zeek.conn_state()
    }

    /// Whether the first RST that was believed refused the SYN.
    fn is_refused(&self) -> bool {
        self.reset().is_some_and(|reset| reset.is_refusal())
    }

    /// The RSTs that refused the SYN; `None` if there were none, or the connection went on after them.
    pub fn refusals(&self) -> Option<Refusals> {
        let reset = self.reset().filter(Reset::is_refusal)?;
        let server = self.server_end();
        let answered = server.has(Facts::SYN_ACK);
        Some(Refusals {
            count: self.extra.as_ref().map_or(0, |extra| extra.refusals),
            ttl: reset.ttl,
            window: reset.window,
            synack: answered
                .then_some(SynAckAfterRefusal { ttl: server.ttl, window: server.window }),
        })
    }

    /// The RSTs that came in answer to the SYN, and that the client has to ignore; `None` if there were
    /// none.
    pub fn rejected_rsts(&self) -> Option<RejectedRsts> {
        let rejected = self.extra.as_ref()?.doubts()?.rejected?;
        Some(RejectedRsts {
            count: rejected.count,
            frame: frame(rejected.frame),
            acknowledgment: rejected.acknowledgment,
            expected: self.client_end().iss + 1,
        })
    }

    /// Whether nothing more is expected: both FINs acknowledged, or reset.
    pub fn is_closed(&self) -> bool {
        self.reset().is_some() || self.ends.iter().all(|end| end.has(Facts::FIN_ACKED))
    }

    /// The outcome, seen from `now_ns`: the end of the capture, or the present. A connection that has
    /// left its table is judged by the time at which it left.
    #[must_use]
    pub fn outcome_at(&self, now_ns: i64) -> Outcome {
        let now_ns = self.own_clock(self.until_it_left(now_ns));
        let quiet = |since: i64| now_ns.saturating_sub(since) >= SILENCE_NS;
        let superseded = self.opening().contains(Opening::SUPERSEDED);
        let unless_pending = |decided: bool, outcome| {
            if decided || superseded { outcome } else { Outcome::Pending }
        };
        let (client, server) = (self.client_end(), self.server_end());
        let both_sides = self.seen() == Seen::Both;
        let complete = self.handshake.has(Handshake::COMPLETE) && !self.is_void();
        if complete && !self.handshake.has(Handshake::REFUTED) {
            let one_sided = self.handshake.has(Handshake::SYNACK_MISSING) && !both_sides;
            return if one_sided { Outcome::OneWay } else { Outcome::Complete };
        }
        if complete {
            let by_server = self.final_reset().filter(|reset| reset.by == Side::Server);
            let repeats = self.repeats_after_ack();
            let instead = by_server.filter(|_| repeats == 0);
            if instead.is_some_and(|reset| reset.bare && !reset.after_confirmation) {
                return Outcome::AbortedByServer;
            }
            if by_server.is_none() && self.is_deferred() {
                return Outcome::Deferred;
            }
            if by_server.is_none() && self.accepts_silently(now_ns) {
                return Outcome::Complete;
            }
            let decided = repeats >= 2
                || by_server.is_some()
                || repeats > 0 && self.owes_answer_since_ns().is_some_and(quiet);
            return unless_pending(decided, Outcome::NotAccepted);
        }
        if client.has(Facts::SYN) && server.has(Facts::SYN_ACK) {
            if self.handshake.has(Handshake::CONFIRMED) {
                // The final ACK was not captured; what the server sent shows that it came.
                return Outcome::Complete;
            }
            return match self.final_reset().map(|reset| reset.by) {
                // The client had given up when the SYN/ACK came.
                Some(_) if self.is_refused() => Outcome::Refused,
                Some(Side::Client) => Outcome::AbortedByClient,
                Some(Side::Server) => Outcome::AbortedByServer,
                // A keep-alive acknowledges the SYN/ACK.
                None if server.has(Facts::SYN_ACKED) => Outcome::Complete,
                None => unless_pending(
                    server.retries > 0 || quiet(self.last_copy_ns(Side::Server)),
                    Outcome::NoFinalAck,
                ),
            };
        }
        if client.has(Facts::SYN) {
            let by = self.reset().map(|reset| reset.by);
            match by {
                Some(Side::Server) if self.is_refused() && !server.has(Facts::SYN) => {
                    return Outcome::Refused;
                }
                Some(Side::Server) => return Outcome::AbortedByServer,
                // Both have opened: there was something to abort.
                Some(Side::Client) if server.has(Facts::SYN) => return Outcome::AbortedByClient,
                _ => {}
            }
            if server.has(Facts::BAD_SYN_ACK) {
                return Outcome::BadSynAck;
            }
            if server.has(Facts::CHALLENGE) {
                return Outcome::Challenged;
            }
            if self.final_reset().is_some() {
                return Outcome::AbortedByClient;
            }
            let goes_on = self.findings.contains(Finding::SynAckNotCaptured);
            if (self.handshake.has(Handshake::CONFIRMED) || goes_on) && both_sides {
                // The SYN/ACK was not captured; what one of them sent shows that it is open.
                return Outcome::Complete;
            }
            if client.has(Facts::MORE) && !both_sides {
                return Outcome::OneWay;
            }
            if server.has(Facts::EARLY) {
                // The server goes on behind its SYN/ACK, which the client has not received.
                let decided = server.has(Facts::EARLY_AGAIN) || quiet(self.last_ns);
                return unless_pending(decided, Outcome::NoFinalAck);
            }
            if self.icmp().is_some() {
                return Outcome::Unreachable;
            }
            return unless_pending(
                client.syns[0] > 1 || quiet(self.last_copy_ns(Side::Client)),
                Outcome::NoReply,
            );
        }
        if server.has(Facts::SYN_ACK) {
            // An end in TIME-WAIT answers a SYN/ACK with a challenge ACK; that goes on with nothing.
            let challenges = client.has(Facts::CHALLENGE)
                && !client.facts.intersects(Facts::PAYLOAD | Facts::FIN);
            let more = client.has(Facts::MORE) && !challenges || server.has(Facts::MORE);
            return match (more, both_sides) {
                (false, _) => Outcome::UnsolicitedSynAck,
                (true, false) => Outcome::OneWay,
                (true, true) => Outcome::Midstream,
            };
        }
        Outcome::Midstream
    }

    /// Whether the connection is known to have come up.
    pub fn established_at(&self, now_ns: i64) -> bool {
        self.came_up(self.outcome_at(now_ns))
    }

    fn came_up(&self, outcome: Outcome) -> bool {
        match outcome {
            Outcome::Complete | Outcome::OneWay => true,
            Outcome::Midstream => self.ends.iter().all(|end| end.has(Facts::ACK)),
            _ => false,
        }
    }

    /// How the connection ended.
    pub fn close(&self) -> Close {
        let fins = self.ends.iter().filter(|end| end.has(Facts::FIN)).count();
        let acked = self.ends.iter().all(|end| end.has(Facts::FIN_ACKED));
        let simultaneous = self.ends.iter().any(|end| end.fin_stage() == Stage::FinSimultaneous);
        match (fins, self.final_reset()) {
            (2, _) if acked && simultaneous => Close::Simultaneous,
            (2, _) if acked => Close::Fin,
            (0, Some(_)) => Close::Rst,
            (_, Some(_)) => Close::RstAfterFin,
            (0, None) => Close::Open,
            (1, None) => Close::HalfClosed,
            (_, None) => Close::FinUnacked,
        }
    }

    /// Which end closed the connection first.
    pub fn closed_by(&self) -> Option<ClosedBy> {
        self.closer(self.close())
    }

    fn closer(&self, close: Close) -> Option<ClosedBy> {
        if close == Close::Simultaneous {
            return Some(ClosedBy::Both);
        }
        let side = self.first_closer().or(self.final_reset().map(|reset| reset.by))?;
        Some(side.into())
    }
}

/// Where on the path the capture was taken: nearer to the end that answers sooner.
fn vantage(times: &HandshakeTimes) -> Vantage {
    match (times.rtt_server_ns, times.rtt_client_ns) {
        (Some(server), Some(client)) if server >= client.saturating_mul(4) => Vantage::NearClient,
        (Some(server), Some(client)) if client >= server.saturating_mul(4) => Vantage::NearServer,
        (Some(_), Some(_)) => Vantage::Middle,
        _ => Vantage::Unknown,
    }
}

fn frame(number: u32) -> Option<u64> {
    (number > 0).then_some(number.into())
}

/// Whether the first of two times is that of a frame without a time, which says 1970, beside one with a time.
const fn has_no_time(time_ns: i64, other_ns: i64) -> bool {
    time_ns == 0 && other_ns > LEAP_NS
}
