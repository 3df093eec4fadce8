//! The handshake: SYN, SYN/ACK and what acknowledges them (RFC 9293 §3.5).

use super::endpoint::{Endpoint, Facts};
use super::names::{Copy, Stage, State};
use super::offer::{Offer, Offers};
use super::track::{Connection, Event, Side, number_of_32_bits};
use super::{Annotation, Anomaly};
use crate::wire::TcpFlags;

/// A set-up that takes longer is worth a remark, in nanoseconds.
const SLOW_NS: u64 = 1_000_000_000;
/// Default maximum segment size (RFC 9293 §3.7.1): for IPv4, and for IPv6.
pub(super) const DEFAULT_MSS: [u16; 2] = [536, 1220];

impl Connection {
    /// A segment with ACK and without RST: does it acknowledge the other end's SYN or FIN?
    pub(super) fn on_ack(&mut self, event: &Event<'_>, seen: &mut Annotation) {
        let is_syn = event.has(TcpFlags::SYN);
        if event.sender == Side::Client && !is_syn {
            self.take_up_bad_synack(event);
        }
        if event.sender == Side::Client && !is_syn && self.missed_synack(event) {
            seen.note(Anomaly::SynAckNotCaptured);
            self.complete(event, seen);
        } else if self.end(event.receiver).has(Facts::ISS_KNOWN) {
            self.acknowledge_syn(event, seen);
        }
        if !is_syn {
            self.acknowledge_fin(event, seen);
        }
    }

    /// The client acknowledges a SYN/ACK that did not seem to answer its SYN: what was captured of
    /// that SYN/ACK is damaged, or the client knows better.
    fn take_up_bad_synack(&mut self, event: &Event<'_>) {
        let (client, server) = (self.client_end(), self.server_end());
        let acknowledged =
            self.other_iss(Side::Server).filter(|iss| event.acknowledgment() == *iss + 1);
        let in_stream = client.has(Facts::SYN) && event.sequence() == client.iss + 1;
        let Some(iss) = acknowledged.filter(|_| in_stream && !server.has(Facts::SYN)) else {
            return;
        };
        self.client_end_mut().facts |= Facts::SYN_ACKED;
        let server = self.server_end_mut();
        server.facts |= Facts::SYN | Facts::SYN_ACK | Facts::ISS_KNOWN;
        (server.iss, server.nxt) = (iss, iss + 1);
        server.synack_count = server.synack_count.max(1);
        server.prove(State::SynReceived);
        self.rare_mut().other_iss[Side::Server as usize] = None;
    }

    /// Whether this is the client's first ACK although no segment of the server was captured.
    fn missed_synack(&self, event: &Event<'_>) -> bool {
        let client = self.client_end();
        client.has(Facts::SYN)
            && !client.has(Facts::ACK)
            && !self.server_end().has(Facts::SENT)
            && !self.handshake.complete
            && event.sequence() == client.iss + 1
            && !self.is_self_connect()
    }

    fn acknowledge_syn(&mut self, event: &Event<'_>, seen: &mut Annotation) {
        let is_syn = event.has(TcpFlags::SYN);
        let receiver = self.end(event.receiver);
        let settled = self.handshake.complete && receiver.state != State::SynReceived;
        if settled && !is_syn && self.end(event.sender).proven {
            // Nearly every segment of a connection: there is nothing left to learn of its SYNs.
            return;
        }
        if self.other_iss(event.receiver).is_some_and(|iss| event.acknowledgment() == iss + 1) {
            // Of two responders, the client takes the one it acknowledges.
            let receiver = self.end_mut(event.receiver);
            receiver.iss = event.acknowledgment() - 1;
            receiver.nxt = event.acknowledgment();
            self.rare_mut().other_iss[event.receiver as usize] = None;
        }
        let receiver = self.end(event.receiver);
        if !receiver.syn_acknowledged_by(event.acknowledgment()) {
            self.challenge(event, seen);
            return;
        }
        let sender = self.end(event.sender);
        // Where the sender's SYN is known, an ACK from before the stream (a keep-alive, an old
        // duplicate) completes nothing; one from further on shows that the final ACK was missed.
        // An inferred start may be a damaged one: the client's first answer to the SYN/ACK counts.
        let inferred = !sender.has(Facts::SENT) && !receiver.has(Facts::MORE);
        let knows_start = sender.has(Facts::ISS_KNOWN) && !is_syn && !inferred;
        if knows_start && !event.sequence().is_after(sender.iss) {
            return;
        }
        let further_on = knows_start && event.sequence().is_after(sender.nxt);
        let first = !receiver.has(Facts::SYN_ACKED);
        let instead_of_synack = !is_syn && !sender.has(Facts::SYN) && event.sender == Side::Server;

        self.end_mut(event.receiver).facts |= Facts::SYN_ACKED;
        if self.end(event.receiver).state == State::SynReceived {
            self.end_mut(event.receiver).assume(State::Established);
        }
        self.prove_sender(event, is_syn);
        if first && instead_of_synack && event.payload == 0 && !event.has(TcpFlags::FIN) {
            seen.stage = Stage::SplitAck;
            self.handshake.split = true;
            let server = self.end_mut(event.sender);
            if server.state == State::Listen {
                server.assume(State::SynReceived);
            }
        }
        let both = self.ends.iter().all(|end| end.has(Facts::SYN_ACKED));
        if !both || self.handshake.complete {
            return;
        }
        if further_on {
            seen.note(Anomaly::FinalAckNotCaptured);
            self.handshake.complete = true;
            self.final_ack_ns = event.now_ns;
        } else {
            self.complete(event, seen);
        }
    }

    /// The sender acknowledges the other end's SYN, so it has received it.
    fn prove_sender(&mut self, event: &Event<'_>, is_syn: bool) {
        // What proves the server is more than an ACK: see `confirm`.
        if is_syn || event.sender != Side::Client {
            return;
        }
        let sender = self.end_mut(event.sender);
        let opening = matches!(sender.state, State::SynSent | State::SynReceived | State::Unknown);
        let assumed = sender.state == State::Established && !sender.proven;
        if opening || assumed {
            sender.prove(State::Established);
        }
    }

    /// An ACK of something that the SYN's sender has never sent: the responder holds an older
    /// connection (RFC 5961 §4.2).
    fn challenge(&mut self, event: &Event<'_>, seen: &mut Annotation) {
        let (sender, receiver) = (self.end(event.sender), self.end(event.receiver));
        let awaits_answer = receiver.has(Facts::SYN) && !receiver.has(Facts::SYN_ACKED);
        let bare = event.payload == 0 && !event.flags.intersects(TcpFlags::SYN | TcpFlags::FIN);
        if awaits_answer && bare && !sender.has(Facts::SYN) {
            seen.stage = Stage::ChallengeAck;
            seen.note(Anomaly::ChallengeAck);
            self.end_mut(event.sender).facts |= Facts::CHALLENGE;
        }
    }

    /// `event` is the segment that completes the handshake.
    fn complete(&mut self, event: &Event<'_>, seen: &mut Annotation) {
        self.handshake.complete = true;
        self.handshake.synack_missing = !self.end(event.receiver).has(Facts::SYN);
        self.frames.final_ack = number_of_32_bits(event.segment.packet.frame);
        self.final_ack_ns = event.now_ns;
        self.answer_copy(event.receiver, event.timestamps.map(|(_, echo)| echo));
        let captured = self.answered_copy(event.receiver).is_some();
        self.handshake.acknowledged = captured.then_some(event.receiver);
        seen.final_ack = true;
        seen.note(Anomaly::HandshakeComplete);
        if self.setup_time_ns().is_some_and(|setup| setup > SLOW_NS) {
            seen.note(Anomaly::SlowHandshake);
        }
        if event.has(TcpFlags::SYN) {
            return;
        }
        seen.stage = Stage::FinalAck;
        if event.sender == Side::Server && self.handshake.simultaneous {
            // Its SYN came without an ACK, and its ACK without a SYN.
            self.handshake.split = true;
            seen.note(Anomaly::SplitHandshake);
        }
        self.end_mut(event.sender).prove(State::Established);
        if matches!(self.end(event.receiver).state, State::Listen | State::SynReceived) {
            self.end_mut(event.receiver).assume(State::Established);
        }
    }

    /// A SYN, with or without ACK.
    pub(super) fn on_syn(&mut self, event: &Event<'_>, seen: &mut Annotation) {
        let has_ack = event.has(TcpFlags::ACK);
        let sender = self.end(event.sender);
        let receiver = self.end(event.receiver);
        let repeated = sender.has(Facts::SYN) && sender.iss == event.sequence();
        // In a simultaneous open the SYN/ACK repeats the sequence number of the sender's own SYN.
        let answers_crossing = has_ack && repeated && !sender.has(Facts::SYN_ACK)
            || has_ack && self.handshake.simultaneous;
        seen.stage = match (has_ack, answers_crossing) {
            (true, true) => Stage::SynAckSimultaneous,
            (true, false) => Stage::SynAck,
            (false, _) if self.crosses(event) => Stage::SynCrossing,
            (false, _) => Stage::Syn,
        };
        let acceptable =
            !receiver.has(Facts::SYN) || receiver.syn_acknowledged_by(event.acknowledgment());
        if has_ack && !acceptable {
            seen.note(Anomaly::BadSynAck);
            self.end_mut(event.sender).facts |= Facts::BAD_SYN_ACK;
            self.rare_mut().other_iss[event.sender as usize] = Some(event.sequence());
            return;
        }
        if repeated && (!has_ack || sender.has(Facts::SYN_ACK)) {
            self.repeat_syn(event, seen);
        } else if has_ack {
            self.first_synack(event, seen, answers_crossing);
        } else {
            self.first_syn(event, seen);
        }
        self.push_copy(event);
        let end = self.end_mut(event.sender);
        let count = if has_ack { &mut end.synack_count } else { &mut end.syn_count };
        *count = count.saturating_add(1);
        end.last_copy_ns = event.now_ns;
    }

    /// Whether this SYN meets the other end's SYN, which nobody has answered with a SYN/ACK.
    fn crosses(&self, event: &Event<'_>) -> bool {
        let (sender, receiver) = (self.end(event.sender), self.end(event.receiver));
        let waiting = receiver.has(Facts::SYN) && !receiver.has(Facts::SYN_ACK);
        waiting && !sender.has(Facts::SYN_ACK) && event.sender == Side::Server
    }

    fn first_syn(&mut self, event: &Event<'_>, seen: &mut Annotation) {
        let crossing = seen.stage == Stage::SynCrossing;
        let answered = self.end(event.receiver).has(Facts::SYN_ACK);
        if event.sender == Side::Client {
            self.frames.syn = number_of_32_bits(event.segment.packet.frame);
        }
        let offer = event.offer;
        if event.payload > 0 && !offer.has(Offers::COOKIE) {
            seen.note(Anomaly::SynDataWithoutCookie);
        }
        self.check_mss(&offer, seen);
        let sender = self.end_mut(event.sender);
        sender.facts |= Facts::SYN | Facts::ISS_KNOWN;
        sender.facts.set(Facts::SYN_PAYLOAD, event.payload > 0);
        sender.iss = event.sequence();
        sender.offer = offer;
        if answered {
            // Recorded after the SYN/ACK that answers it: the states are already further on.
            seen.copy = Copy::Late;
            seen.note(Anomaly::OutOfOrderHandshake);
            self.anomalies.remove(Anomaly::SynNotCaptured);
            let sender = self.end_mut(event.sender);
            if sender.state == State::Unknown {
                sender.assume(State::Established);
            }
            return;
        }
        sender.nxt = event.end();
        sender.prove(State::SynSent);
        if crossing {
            if self.handshake.split {
                seen.note(Anomaly::SplitHandshake);
            } else {
                seen.note(Anomaly::SimultaneousOpen);
                self.handshake.simultaneous = true;
                self.end_mut(event.sender).upcoming = Some(State::SynReceived);
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

    fn first_synack(&mut self, event: &Event<'_>, seen: &mut Annotation, simultaneous: bool) {
        if changes_isn(self.end(event.sender), event) {
            seen.note(Anomaly::SynAckIsnChanged);
            if self.handshake.complete {
                // The client has chosen; a second responder changes nothing.
                return;
            }
        }
        let answer = event.offer;
        let own_syn_acked = self.end(event.sender).has(Facts::SYN_ACKED);
        if self.frames.synack == 0 {
            self.frames.synack = number_of_32_bits(event.segment.packet.frame);
            self.synack_ns = event.now_ns;
            self.handshake.synack_seen = true;
        }
        self.check_mss(&answer, seen);
        if self.end(event.receiver).has(Facts::SYN) && !simultaneous {
            self.check_answer(event, &answer, seen);
        }
        let receiver = self.end_mut(event.receiver);
        if !receiver.has(Facts::ISS_KNOWN) {
            // The SYN was not captured; this is what it must have been.
            receiver.facts |= Facts::ISS_KNOWN;
            receiver.iss = event.acknowledgment() - 1;
            receiver.nxt = event.acknowledgment();
        }
        receiver.facts |= Facts::SYN_ACKED;
        self.answer_copy(event.receiver, event.timestamps.map(|(_, echo)| echo));
        self.handshake.fast_open |=
            event.acknowledgment().is_after(self.end(event.receiver).iss + 1);
        let sender = self.end_mut(event.sender);
        if changes_isn(sender, event) {
            let iss = sender.iss;
            sender.facts -= Facts::SYN_ACKED;
            sender.nxt = event.end();
            sender.retries = 0;
            self.rare_mut().other_iss[event.sender as usize] = Some(iss);
            self.restart_copies(event.sender);
        }
        let sender = self.end_mut(event.sender);
        if !sender.has(Facts::SENT) {
            sender.nxt = event.end();
        }
        sender.facts |= Facts::SYN | Facts::SYN_ACK | Facts::ISS_KNOWN;
        sender.iss = event.sequence();
        sender.offer = answer;
        let ends = &self.ends;
        self.handshake.timestamps = ends.iter().all(|end| end.offer.has(Offers::TIMESTAMPS));
        self.handshake.join = ends.iter().all(|end| end.offer.has(Offers::MP_JOIN));
        let sender = self.end_mut(event.sender);
        sender.prove(State::SynReceived);
        if simultaneous && own_syn_acked {
            sender.upcoming = Some(State::Established);
        }
        if !simultaneous && self.end(event.receiver).state == State::SynSent {
            self.end_mut(event.receiver).assume(State::Established);
        }
    }

    /// A further copy of a SYN or SYN/ACK: what it answers did not arrive, or not in time.
    fn repeat_syn(&mut self, event: &Event<'_>, seen: &mut Annotation) {
        let since = event.now_ns.saturating_sub(self.end(event.sender).last_copy_ns);
        let complete = self.handshake.complete;
        let sender = self.end_mut(event.sender);
        sender.retries = sender.retries.saturating_add(1);
        seen.retransmission(sender.retries, since.max(0) as u64);
        if event.has(TcpFlags::ACK) {
            self.repeat_synack(event, seen, complete);
            return;
        }
        seen.note(Anomaly::SynRetx);
        let offer = event.offer;
        let sender = self.end_mut(event.sender);
        let without_data = sender.has(Facts::SYN_PAYLOAD) && event.payload == 0;
        let without_cookie = sender.offer.has(Offers::COOKIE) && !offer.has(Offers::COOKIE);
        if without_data || without_cookie {
            seen.note(Anomaly::TfoFallback);
        }
        if sender.offer != offer {
            seen.note(Anomaly::SynOptionsChanged);
            sender.offer = offer;
        }
        if complete {
            seen.note(Anomaly::SynInEstablished);
            return;
        }
        if self.end(event.receiver).has(Facts::SYN_ACK) {
            seen.note(Anomaly::SynAckNotReceived);
        }
        self.end_mut(event.sender).prove(State::SynSent);
        if self.end(event.receiver).state == State::Listen {
            self.end_mut(event.receiver).assume(State::SynReceived);
        }
    }

    fn repeat_synack(&mut self, event: &Event<'_>, seen: &mut Annotation, complete: bool) {
        if !complete || self.handshake.simultaneous {
            seen.note(Anomaly::SynAckRetx);
            if self.end(event.receiver).state == State::SynSent && !self.handshake.simultaneous {
                self.end_mut(event.receiver).assume(State::Established);
            }
            return;
        }
        // Sent before the final ACK can have been there, or late: it refutes nothing.
        if self.handshake.confirmed
            || event.now_ns.saturating_sub(self.final_ack_ns) < self.synack_delay_ns()
        {
            seen.note(Anomaly::SynAckRetxCrossed);
            return;
        }
        seen.note(Anomaly::SynAckRetxAfterAck);
        self.handshake.refuted = true;
        self.handshake.repeats = self.handshake.repeats.saturating_add(1);
        self.end_mut(event.sender).prove(State::SynReceived);
    }

    /// First segment to first SYN/ACK.
    fn synack_delay_ns(&self) -> i64 {
        self.synack_ns.saturating_sub(self.first_ns)
    }

    /// What a SYN/ACK takes up of what the SYN offered.
    fn check_answer(&self, event: &Event<'_>, answer: &Offer, seen: &mut Annotation) {
        let client = self.end(event.receiver);
        let offer = &client.offer;
        if offer.is_exceeded_by(answer) {
            seen.note(Anomaly::SynAckOptionNotOffered);
        } else if offer.window_scale().is_some() != answer.window_scale().is_some() {
            seen.note(Anomaly::WscaleOneSided);
        }
        let only_syn = event.acknowledgment() == client.iss + 1;
        if client.has(Facts::SYN_PAYLOAD) && only_syn {
            seen.note(Anomaly::TfoFallback);
        }
        if offer.has(Offers::MP_CAPABLE) && !answer.has(Offers::MP_CAPABLE) {
            seen.note(Anomaly::MptcpFallback);
        }
        if super::offer::ecn(offer.ecn, Some(answer.ecn)) == super::Ecn::Broken {
            seen.note(Anomaly::EcnBroken);
        }
    }

    fn check_mss(&self, offer: &Offer, seen: &mut Annotation) {
        if offer.mss().is_some_and(|mss| mss < self.default_mss()) {
            seen.note(Anomaly::MssSmall);
        }
    }

    /// The maximum segment size of an end whose SYN does not name one.
    pub(super) fn default_mss(&self) -> u16 {
        DEFAULT_MSS[usize::from(self.addresses.are_ipv6())]
    }
}

/// A second SYN/ACK that numbers its octets anew: another responder, or one that forgot the first.
fn changes_isn(sender: &Endpoint, event: &Event<'_>) -> bool {
    sender.has(Facts::SYN_ACK) && sender.iss != event.sequence()
}
