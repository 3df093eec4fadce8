//! The handshake: SYN, SYN/ACK and the ACKs of both (RFC 9293 §3.5).

use crate::connection::annotation::Annotation;
use crate::connection::event::Event;
use crate::connection::rules::incarnations::incarnation::is_within;
use crate::connection::state::Connection;
use crate::connection::state::copies::Content;
use crate::connection::state::endpoint::{Endpoint, Facts};
use crate::connection::state::handshake::Handshake;
use crate::connection::state::offer::{Offer, Offers, ecn};
use crate::connection::state::timestamps::Timestamp;
use crate::vocabulary::Side;
use crate::vocabulary::{Ecn, Finding, Repeat, Stage, State};
use crate::wire::TcpFlags;

/// A set-up that takes longer is a finding, in nanoseconds.
const SLOW_NS: u64 = 1_000_000_000;
/// A SYN/ACK that comes longer than this after the final ACK was sent again, in nanoseconds; one
/// that comes sooner was recorded late.
const MOST_LATE_NS: i64 = 500_000_000;
/// RFC 9293 §3.7.1: "If an MSS Option is not received at connection setup, TCP implementations MUST
/// assume a default send MSS of 536 (576 - 40) for IPv4 or 1220 (1280 - 60) for IPv6 (MUST-15)."
const DEFAULT_MSS: [u16; 2] = [536, 1220];

impl Connection {
    /// A segment with ACK and without SYN or RST, which may acknowledge the other end's SYN or FIN. Gives
    /// whether it is the first to acknowledge the FIN.
    pub(crate) fn on_ack(&mut self, event: &Event<'_>, seen: &mut Annotation) -> bool {
        let (sender, receiver) = (self.end(event.sender), self.end(event.receiver));
        // Once the handshake is complete, an ACK says something about the SYNs only if it can prove the
        // client's state, or a SYN/ACK was repeated, or there are several.
        let settled = self.handshake.has(Handshake::COMPLETE)
            && receiver.state != State::SynReceived
            && (sender.proven()
                || receiver.has(Facts::SYN_ACKED)
                    && self.extra.is_none()
                    && (event.sender == Side::Server || !is_opening(sender.state)));
        let closed = receiver.has(Facts::FIN);
        if !settled {
            self.on_ack_of_syn(event, seen, false);
        }
        closed && self.acknowledge_fin(event, seen)
    }

    /// An ACK that may acknowledge the other end's SYN, on a SYN or not.
    fn on_ack_of_syn(&mut self, event: &Event<'_>, seen: &mut Annotation, is_syn: bool) {
        let missed = event.sender == Side::Client && !is_syn && self.lacks_synack() && {
            self.take_up_bad_synack(event);
            self.missed_synack(event)
        };
        if missed {
            seen.add(Finding::SynAckNotCaptured);
            self.complete(event, seen);
        } else if self.end(event.receiver).has(Facts::ISS_KNOWN) {
            self.acknowledge_syn(event, seen, is_syn);
        } else if event.sender == Side::Client && !is_syn && self.lacks_synack() {
            self.goes_on_unanswered(event, seen);
        }
    }

    /// Whether the client's SYN was captured, and no SYN/ACK that answers it.
    fn lacks_synack(&self) -> bool {
        let client = self.client_end();
        client.has(Facts::SYN)
            && !self.server_end().has(Facts::SYN)
            && !self.handshake.has(Handshake::COMPLETE)
            && !self.is_self_connect()
    }

    /// The client acknowledges a SYN/ACK that did not seem to answer its SYN: the SYN/ACK was captured
    /// damaged, or the client sent another SYN that was not captured.
    fn take_up_bad_synack(&mut self, event: &Event<'_>) {
        let iss = event.acknowledgment() - 1;
        let in_stream = event.sequence() == self.client_end().iss + 1;
        if !in_stream || !self.knows_other(Side::Server, iss) {
            return;
        }
        self.client_end_mut().facts |= Facts::SYN_ACKED;
        self.count_on_other(Side::Server, iss);
        let server = self.server_end_mut();
        server.facts |= Facts::SYN | Facts::SYN_ACK | Facts::ISS_KNOWN;
        server.syns[1] = server.syns[1].max(1);
        server.prove(State::SynReceived);
    }

    /// Whether this is the client's first ACK although no segment of the server was captured.
    fn missed_synack(&self, event: &Event<'_>) -> bool {
        let client = self.client_end();
        !client.has(Facts::ACK)
            && !self.server_end().has(Facts::SENT)
            && event.sequence() == client.iss + 1
    }

    /// The client goes on in its stream although no SYN/ACK was captured: there was one, so earlier
    /// ACKs of the server do not belong to an older connection.
    fn goes_on_unanswered(&mut self, event: &Event<'_>, seen: &mut Annotation) {
        let (client, server) = (self.client_end(), self.server_end());
        if !is_within(client, event.sequence()) {
            return;
        }
        // With Fast Open, it acknowledges the data of the SYN before it has the final ACK. An ACK of an
        // older connection's server says nothing of this one.
        let acknowledges = server.has(Facts::SENT | Facts::ACK)
            && !server.has(Facts::CHALLENGE)
            && server.ack.is_after(client.iss + 1)
            && !server.ack.is_after(event.end())
            && !self.is_fast_open();
        if client.state == State::SynSent {
            seen.add(Finding::SynAckNotCaptured);
            self.client_end_mut().prove(State::Established);
        }
        let server = self.server_end_mut();
        if server.has(Facts::CHALLENGE) {
            // Its number may be one of an older connection.
            server.facts -= Facts::CHALLENGE | Facts::ACK;
        }
        if matches!(server.state, State::Listen | State::SynReceived) {
            server.assume(State::Established);
        }
        if acknowledges && server.state == State::Established {
            server.facts |= Facts::PROVEN;
        }
        if acknowledges {
            self.handshake |= Handshake::CONFIRMED;
        }
    }

    fn acknowledge_syn(&mut self, event: &Event<'_>, seen: &mut Annotation, is_syn: bool) {
        if self.knows_other(event.receiver, event.acknowledgment() - 1) {
            // Among several responders, the client has accepted the one that it acknowledges.
            self.count_on_other(event.receiver, event.acknowledgment() - 1);
        }
        let receiver = self.end(event.receiver);
        // RFC 9293 §3.10.7.4, SYN-RECEIVED STATE: "If SND.UNA < SEG.ACK =< SND.NXT, then enter
        // ESTABLISHED state".
        if !receiver.syn_acknowledged_by(event.acknowledgment()) {
            self.challenge(event, seen);
            return;
        }
        let sender = self.end(event.sender);
        // Where the sender's SYN is known, an ACK from before its stream (a keep-alive, an old
        // duplicate) completes nothing; one from further on shows that the final ACK was missed.
        // An inferred start may be damaged: then the client's first answer to the SYN/ACK counts.
        let inferred = !sender.has(Facts::SENT) && !receiver.has(Facts::MORE);
        let knows_start = sender.has(Facts::ISS_KNOWN) && !is_syn && !inferred;
        if knows_start && !event.sequence().is_after(sender.iss) {
            self.follow_final_ack(event);
            return;
        }
        let further_on = knows_start && event.sequence().is_after(sender.nxt);
        let first = !receiver.has(Facts::SYN_ACKED);
        let sent_synack = sender.has(Facts::SYN_ACK);
        // Once the client has acknowledged the server's SYN, that is only missing from the capture.
        let instead_of_synack = !is_syn
            && !sender.has(Facts::SYN)
            && event.sender == Side::Server
            && !receiver.has(Facts::ACK);

        self.end_mut(event.receiver).facts |= Facts::SYN_ACKED;
        if self.end(event.receiver).state == State::SynReceived {
            self.end_mut(event.receiver).assume(State::Established);
        }
        self.prove_sender(event, is_syn);
        if first && instead_of_synack && event.payload == 0 && !event.has(TcpFlags::FIN) {
            seen.stage = Stage::SplitAck;
            self.handshake |= Handshake::SPLIT;
            let server = self.end_mut(event.sender);
            if server.state == State::Listen {
                server.assume(State::SynReceived);
            }
        }
        if self.handshake.has(Handshake::REFUTED) && event.sender == Side::Client {
            self.answer_repetition();
        }
        let both = self.ends.iter().all(|end| end.has(Facts::SYN_ACKED));
        // A server that has sent a SYN/ACK waits for the ACK of that; a keep-alive may have shown before that
        // the client has sent it.
        let waits = event.sender == Side::Server
            && sent_synack
            && !self.handshake.intersects(Handshake::SIMULTANEOUS | Handshake::SPLIT);
        if !both || waits || self.handshake.has(Handshake::COMPLETE) {
            return;
        }
        if further_on {
            seen.add(Finding::FinalAckNotCaptured);
            self.handshake |= Handshake::COMPLETE;
            self.set_time_of(Timestamp::FinalAck, event.time_ns);
        } else {
            self.complete(event, seen);
        }
    }

    /// A client that keeps the connection alive (RFC 9293 §3.8.4: SEG.SEQ = SND.NXT-1) has sent its final ACK.
    #[cold]
    fn follow_final_ack(&mut self, event: &Event<'_>) {
        let (client, server) = (self.client_end(), self.server_end());
        if event.sender == Side::Server
            || event.sequence() != client.iss
            || !server.has(Facts::SYN_ACK)
            || self.handshake.has(Handshake::COMPLETE)
        {
            return;
        }
        self.prove_sender(event, false);
        let server = self.server_end_mut();
        server.facts |= Facts::SYN_ACKED;
        if server.state == State::SynReceived {
            server.assume(State::Established);
        }
    }

    /// The sender acknowledges the other end's SYN, so it has received it.
    fn prove_sender(&mut self, event: &Event<'_>, is_syn: bool) {
        // It takes more than an ACK to prove the server's state: see `confirm`.
        if is_syn || event.sender != Side::Client {
            return;
        }
        let sender = self.end_mut(event.sender);
        if is_opening(sender.state) {
            sender.prove(State::Established);
        }
    }

    /// The segment that completes the handshake: both SYNs are acknowledged.
    fn complete(&mut self, event: &Event<'_>, seen: &mut Annotation) {
        self.handshake |= Handshake::COMPLETE;
        self.handshake.set(Handshake::SYNACK_MISSING, !self.end(event.receiver).has(Facts::SYN));
        self.frames.final_ack = event.segment.frame;
        self.set_time_of(Timestamp::FinalAck, event.time_ns);
        self.answer_copy(event.receiver, event);
        let captured = self.is_copy_answered(event.receiver);
        self.handshake.set_acknowledged(captured.then_some(event.receiver));
        self.note_timestamp_of_final_ack(event);
        seen.final_ack = true;
        seen.add(Finding::HandshakeComplete);
        if self.setup_time_ns().is_some_and(|setup| setup > SLOW_NS) {
            seen.add(Finding::SlowHandshake);
        }
        if event.has(TcpFlags::SYN) {
            return;
        }
        seen.stage = Stage::FinalAck;
        if event.sender == Side::Server && self.handshake.has(Handshake::SIMULTANEOUS) {
            // Its SYN came without an ACK, and its ACK without a SYN. In a simultaneous open, this happens where
            // the other SYN did not arrive; one that splits its SYN/ACK looks the same.
            seen.add(Finding::SplitHandshake);
        }
        self.end_mut(event.sender).prove(State::Established);
        if matches!(self.end(event.receiver).state, State::Listen | State::SynReceived) {
            self.end_mut(event.receiver).assume(State::Established);
        }
    }

    /// A SYN, with or without ACK.
    pub(crate) fn on_syn(&mut self, event: &Event<'_>, seen: &mut Annotation) {
        let has_ack = event.has(TcpFlags::ACK);
        if has_ack {
            self.deny_keep_alive(event);
            self.on_ack_of_syn(event, seen, true);
        }
        let offer = event.offer();
        let sender = self.end(event.sender);
        let receiver = self.end(event.receiver);
        let repeated = sender.has(Facts::SYN) && sender.iss == event.sequence();
        // In a simultaneous open, the SYN/ACK repeats the sequence number of the sender's own SYN
        // (RFC 9293 figure 7).
        let answers_crossing = has_ack && repeated && !sender.has(Facts::SYN_ACK)
            || has_ack && self.handshake.has(Handshake::SIMULTANEOUS);
        seen.stage = match (has_ack, answers_crossing) {
            (true, true) => Stage::SynAckSimultaneous,
            (true, false) => Stage::SynAck,
            (false, _) if self.crosses(event) => Stage::SynCrossing,
            (false, _) => Stage::Syn,
        };
        // A SYN/ACK must acknowledge the SYN. RFC 9293 §3.10.7.3: "If SEG.ACK =< ISS or SEG.ACK >
        // SND.NXT, send a reset (unless the RST bit is set, if so drop the segment and return)".
        let acceptable =
            !receiver.has(Facts::SYN) || receiver.syn_acknowledged_by(event.acknowledgment());
        if has_ack && !acceptable {
            seen.add(Finding::BadSynAck);
            self.end_mut(event.sender).facts |= Facts::BAD_SYN_ACK;
            self.add_other(event, offer);
            return;
        }
        let forgotten = has_ack && changes_isn(sender, event);
        let repeated = if forgotten && self.knows_responder(event) {
            if self.handshake.has(Handshake::COMPLETE) {
                // The client has accepted one responder; repeats of the other change nothing.
                self.repeat_other(event, seen);
                return;
            }
            self.count_on_other(event.sender, event.sequence());
            true
        } else {
            repeated
        };
        let sender = self.end(event.sender);
        if repeated && (!has_ack || sender.has(Facts::SYN_ACK)) {
            self.repeat_syn(event, offer, seen);
        } else if has_ack {
            self.first_synack(event, offer, seen, answers_crossing);
        } else {
            self.first_syn(event, offer, seen);
        }
        self.push_copy(event, offer);
        self.count_syn(event.sender, has_ack);
        self.note_syn(event);
        if self.extra.is_some() && !self.end(event.sender).has(Facts::FIN) {
            self.set_time_of(Timestamp::last(event.sender), event.time_ns);
        }
    }

    /// Whether this SYN crosses the other end's SYN, which has not been answered with a SYN/ACK.
    /// RFC 9293 §3.5: "When simultaneous open occurs, each TCP peer receives a SYN segment that carries
    /// no acknowledgment after it has sent a SYN."
    fn crosses(&self, event: &Event<'_>) -> bool {
        let (sender, receiver) = (self.end(event.sender), self.end(event.receiver));
        let waiting = receiver.has(Facts::SYN) && !receiver.has(Facts::SYN_ACK);
        waiting && !sender.has(Facts::SYN_ACK) && event.sender == Side::Server
    }

    fn first_syn(&mut self, event: &Event<'_>, offer: Offer, seen: &mut Annotation) {
        let crossing = seen.stage == Stage::SynCrossing;
        let answered = self.end(event.receiver).has(Facts::SYN_ACK);
        self.forget_missing();
        if event.sender == Side::Client {
            self.frames.syn = event.segment.frame;
        }
        if event.payload > 0 && offer.lacks(Offers::COOKIE) {
            seen.add(Finding::SynDataWithoutCookie);
        }
        self.check_mss(&offer, seen);
        let sender = self.end_mut(event.sender);
        sender.facts |= Facts::SYN | Facts::ISS_KNOWN;
        sender.facts.set(Facts::SYN_PAYLOAD, event.payload > 0);
        sender.iss = event.sequence();
        sender.offer = offer;
        if answered {
            // Recorded after the SYN/ACK that answers it: the states are further on already.
            seen.copy = Repeat::Late;
            seen.add(Finding::OutOfOrderHandshake);
            self.findings.remove(Finding::SynNotCaptured);
            let sender = self.end_mut(event.sender);
            if sender.state == State::Unknown {
                sender.assume(State::Established);
            }
            return;
        }
        sender.prove(State::SynSent);
        self.set_nxt(event.sender, event.end());
        if crossing {
            if self.handshake.has(Handshake::SPLIT) {
                seen.add(Finding::SplitHandshake);
                // It has got the client's SYN and acknowledged it, and has now sent its own.
                self.end_mut(event.sender).prove(State::SynReceived);
            } else {
                seen.add(Finding::SimultaneousOpen);
                self.handshake |= Handshake::SIMULTANEOUS;
                self.end_mut(event.sender).set_upcoming(Facts::TO_SYN_RECEIVED);
            }
            if self.end(event.receiver).state == State::SynSent {
                self.end_mut(event.receiver).assume(State::SynReceived);
            }
            return;
        }
        if matches!(self.end(event.receiver).state, State::Listen | State::SynSent) {
            self.end_mut(event.receiver).assume(State::SynReceived);
        }
    }

    fn first_synack(
        &mut self,
        event: &Event<'_>,
        answer: Offer,
        seen: &mut Annotation,
        simultaneous: bool,
    ) {
        if changes_isn(self.end(event.sender), event) {
            seen.add(Finding::SynAckIsnChanged);
            if self.handshake.has(Handshake::COMPLETE) {
                // The client has accepted one responder; a second one changes nothing.
                return;
            }
        }
        let own_syn_acked = self.end(event.sender).has(Facts::SYN_ACKED);
        let late = self.is_late_synack(event);
        self.forget_missing();
        self.note_synack(event, late, seen);
        self.check_mss(&answer, seen);
        let receiver = self.end_mut(event.receiver);
        if !receiver.has(Facts::ISS_KNOWN) {
            // The SYN was not captured; its number follows from the acknowledgment.
            receiver.facts |= Facts::ISS_KNOWN;
            receiver.iss = event.acknowledgment() - 1;
            self.set_nxt(event.receiver, event.acknowledgment());
        }
        self.end_mut(event.receiver).facts |= Facts::SYN_ACKED;
        self.answer_copy(event.receiver, event);
        self.forget_older(event);
        if self.end(event.receiver).has(Facts::SYN) && !simultaneous {
            self.check_answer(event, &answer, seen);
        }
        if event.acknowledgment().is_after(self.end(event.receiver).iss + 1) {
            self.handshake |= Handshake::FAST_OPEN;
        }
        let sender = self.end_mut(event.sender);
        if changes_isn(sender, event) {
            sender.facts -= Facts::SYN_ACKED;
            self.add_other(event, answer);
            self.count_on_other(event.sender, event.sequence());
            self.set_nxt(event.sender, event.end());
        }
        if !self.end(event.sender).has(Facts::SENT) {
            self.set_nxt(event.sender, event.end());
        }
        let sender = self.end_mut(event.sender);
        sender.facts |= Facts::SYN | Facts::SYN_ACK | Facts::ISS_KNOWN;
        sender.iss = event.sequence();
        sender.offer = answer;
        self.agree();
        if late {
            // The states are further on already.
            self.end_mut(event.sender).facts |= Facts::SYN_ACKED;
            return;
        }
        let sender = self.end_mut(event.sender);
        sender.prove(State::SynReceived);
        if simultaneous && own_syn_acked {
            sender.set_upcoming(Facts::TO_ESTABLISHED);
        }
        // RFC 9293 §3.10.7.3: "If SND.UNA > ISS (our SYN has been ACKed), change the connection state
        // to ESTABLISHED".
        let may_take = self.note_echo(event);
        if !simultaneous && may_take && self.end(event.receiver).state == State::SynSent {
            self.end_mut(event.receiver).assume(State::Established);
        }
    }

    /// Whether a SYN/ACK that answers the SYN was recorded soon after the client's answer to it, sooner
    /// than any server repeats one.
    fn is_late_synack(&self, event: &Event<'_>) -> bool {
        let client = self.client_end();
        self.handshake.has(Handshake::COMPLETE)
            && self.handshake.has(Handshake::SYNACK_MISSING)
            && event.sender == Side::Server
            && client.ack.is_after(event.sequence())
            && event.time_ns.saturating_sub(self.time_of(Timestamp::FinalAck)) < MOST_LATE_NS
    }

    /// Stores time and frame of a SYN/ACK.
    fn note_synack(&mut self, event: &Event<'_>, late: bool, seen: &mut Annotation) {
        let frame = event.segment.frame;
        if event.sender == Side::Client && !self.is_self_connect() {
            // Only a SYN makes a client send one.
            if !self.handshake.has(Handshake::SIMULTANEOUS) && !self.handshake.has(Handshake::SPLIT)
            {
                self.handshake |= Handshake::SIMULTANEOUS;
                seen.add(Finding::SimultaneousOpen);
            }
            if self.exact_time_of(Timestamp::ClientSynAck).is_none() {
                self.set_time_of(Timestamp::ClientSynAck, event.time_ns);
            }
        } else if late {
            seen.copy = Repeat::Late;
            self.findings.remove(Finding::SynAckNotCaptured);
            self.handshake -= Handshake::SYNACK_MISSING;
            self.frames.synack = frame;
        } else if self.frames.synack == 0 {
            self.frames.synack = frame;
            let first = !self.server_end().has(Facts::COPY);
            self.handshake |= Handshake::SYNACK_SEEN;
            if !first {
                // Otherwise the time of the first copy stands for it.
                self.set_time_of(Timestamp::SynAck, event.time_ns);
            }
        }
    }

    /// Updates what both ends offer in their SYNs.
    pub(crate) fn agree(&mut self) {
        let ends = &self.ends;
        self.handshake
            .set(Handshake::TIMESTAMPS, ends.iter().all(|end| end.offer.has(Offers::TIMESTAMPS)));
        self.handshake.set(Handshake::JOIN, ends.iter().all(|end| end.offer.has(Offers::MP_JOIN)));
    }

    /// Whether SYN, ACK and FIN in one segment are legal: a server that takes the data of a Fast Open
    /// SYN may answer and close at once (RFC 7413 §4.2.2).
    #[cold]
    pub(crate) fn opens_and_closes(&self, event: &Event<'_>) -> bool {
        let client = self.client_end();
        let flags = TcpFlags::SYN | TcpFlags::ACK | TcpFlags::FIN;
        event.has(flags)
            && !event.has(TcpFlags::RST)
            && event.sender == Side::Server
            && client.has(Facts::SYN | Facts::SYN_PAYLOAD)
            && client.offer.has(Offers::COOKIE)
            && client.syn_acknowledged_by(event.acknowledgment())
            && event.acknowledgment().is_after(client.iss + 1)
    }

    /// Findings about a SYN/ACK that takes up other options than the SYN offered.
    fn check_answer(&self, event: &Event<'_>, answer: &Offer, seen: &mut Annotation) {
        let client = self.end(event.receiver);
        let offer = &client.offer;
        // A server that received a copy with fewer options may still answer the one before.
        let offered = |content: &Content| !content.offer.is_exceeded_by(answer);
        let copies = self.extra.as_ref().and_then(|extra| extra.copies(event.receiver));
        let earlier = || copies.is_some_and(|copies| copies.any(offered));
        if offer.is_exceeded_by(answer) && !earlier() {
            seen.add(Finding::SynAckOptionNotOffered);
        } else if offer.has(Offers::WINDOW_SCALE) && answer.lacks(Offers::WINDOW_SCALE)
            || offer.lacks(Offers::WINDOW_SCALE) && answer.has(Offers::WINDOW_SCALE)
        {
            seen.add(Finding::WscaleOneSided);
        }
        let only_syn = event.acknowledgment() == client.iss + 1;
        if client.has(Facts::SYN_PAYLOAD) && only_syn {
            seen.add(Finding::TfoFallback);
        }
        if offer.has(Offers::MP_CAPABLE) && answer.lacks(Offers::MP_CAPABLE) {
            seen.add(Finding::MptcpFallback);
        }
        if ecn(offer.ecn(), Some(answer.ecn())) == Ecn::Broken {
            seen.add(Finding::EcnBroken);
        }
    }

    fn check_mss(&self, offer: &Offer, seen: &mut Annotation) {
        if offer.mss().is_some_and(|mss| mss < self.default_mss()) {
            seen.add(Finding::MssSmall);
        }
    }

    /// The maximum segment size of an end whose SYN does not name one.
    pub(crate) fn default_mss(&self) -> u16 {
        DEFAULT_MSS[usize::from(self.key.is_ipv6())]
    }
}

/// Whether an ACK of the other end's SYN proves that an end in this state is ESTABLISHED.
fn is_opening(state: State) -> bool {
    matches!(state, State::SynSent | State::SynReceived | State::Unknown | State::Established)
}

/// Whether this is a second SYN/ACK that numbers its octets anew: from another responder, or from one
/// that forgot the first.
fn changes_isn(sender: &Endpoint, event: &Event<'_>) -> bool {
    sender.has(Facts::SYN_ACK) && sender.iss != event.sequence()
}
