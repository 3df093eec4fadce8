//! The handshake: SYN, SYN/ACK and what acknowledges them (RFC 9293 §3.5).

use super::Annotation;
use super::endpoint::{Endpoint, Facts};
use super::names::{Copy, Stage, State};
use super::track::{Connection, Event, Side};
use crate::wire::TcpFlags;

impl Connection {
    /// A segment with ACK and without RST: does it acknowledge the other end's SYN or FIN?
    pub(super) fn on_ack(&mut self, event: &Event<'_>, seen: &mut Annotation) {
        let is_syn = event.has(TcpFlags::SYN);
        if event.sender == Side::Client && !is_syn && self.missed_synack(event) {
            self.complete(event, seen);
        } else if self.end(event.receiver).has(Facts::ISS_KNOWN) {
            self.acknowledge_syn(event, seen);
        }
        if !is_syn {
            self.acknowledge_fin(event, seen);
        }
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
        let sender = self.end(event.sender);
        let receiver = self.end(event.receiver);
        let is_syn = event.has(TcpFlags::SYN);
        if !receiver.syn_acknowledged_by(event.acknowledgment()) {
            let awaits_answer = receiver.has(Facts::SYN) && !receiver.has(Facts::SYN_ACKED);
            let silent = !sender.has(Facts::SYN) && event.payload == 0;
            if awaits_answer && silent && !is_syn && !event.has(TcpFlags::FIN) {
                seen.stage = Stage::ChallengeAck;
                self.end_mut(event.sender).facts |= Facts::CHALLENGE;
            }
            return;
        }
        // Where the sender's SYN is known, an ACK from before the stream (a keep-alive, an old
        // duplicate) completes nothing; one from further on shows that the final ACK was missed.
        let knows_start = sender.has(Facts::ISS_KNOWN) && !is_syn;
        if knows_start && !event.sequence().is_after(sender.iss) {
            return;
        }
        let further_on = knows_start && event.sequence().is_after(sender.nxt);
        let first = !receiver.has(Facts::SYN_ACKED);
        let split = !is_syn && !sender.has(Facts::SYN) && event.sender == Side::Server;

        self.end_mut(event.receiver).facts |= Facts::SYN_ACKED;
        if self.end(event.receiver).state == State::SynReceived {
            self.end_mut(event.receiver).assume(State::Established);
        }
        if !is_syn && self.end(event.sender).has(Facts::SYN) {
            let sender = self.end_mut(event.sender);
            if matches!(sender.state, State::SynSent | State::SynReceived | State::Unknown)
                || sender.state == State::Established && !sender.proven
            {
                sender.prove(State::Established);
            }
        } else if event.sender == Side::Client && !is_syn {
            // SYN not captured, SYN/ACK captured: this is its answer.
            let client = self.client_end_mut();
            if matches!(client.state, State::Unknown | State::Established) {
                client.prove(State::Established);
            }
        }
        if first && split && event.payload == 0 && !event.has(TcpFlags::FIN) {
            seen.stage = Stage::SplitAck;
            self.handshake.split = true;
            let server = self.end_mut(event.sender);
            if server.state == State::Listen {
                server.assume(State::SynReceived);
            }
        }
        let both = self.ends.iter().all(|end| end.has(Facts::SYN_ACKED));
        if both && !self.handshake.complete {
            if further_on {
                self.handshake.complete = true;
                self.final_ack_ns = event.now_ns;
            } else {
                self.complete(event, seen);
            }
        }
    }

    /// `event` is the segment that completes the handshake.
    fn complete(&mut self, event: &Event<'_>, seen: &mut Annotation) {
        self.handshake.complete = true;
        self.handshake.synack_missing = !self.end(event.receiver).has(Facts::SYN);
        self.frames.final_ack = event.segment.packet.frame;
        self.final_ack_ns = event.now_ns;
        seen.final_ack = true;
        if event.has(TcpFlags::SYN) {
            return;
        }
        seen.stage = Stage::FinalAck;
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
            self.end_mut(event.sender).facts |= Facts::BAD_SYN_ACK;
            return;
        }
        let copy = repeated && (!has_ack || sender.has(Facts::SYN_ACK));
        if copy {
            self.repeat_syn(event, seen);
        } else if has_ack {
            self.first_synack(event, answers_crossing);
        } else {
            self.first_syn(event, seen);
        }
        let end = self.end_mut(event.sender);
        end.syn_count = end.syn_count.saturating_add(1);
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
            self.frames.syn = event.segment.packet.frame;
        }
        let scale = Self::window_scale(event);
        let sender = self.end_mut(event.sender);
        sender.facts |= Facts::SYN | Facts::ISS_KNOWN;
        sender.iss = event.sequence();
        sender.window_scale = scale;
        if answered {
            // Recorded after the SYN/ACK that answers it: the states are already further on.
            seen.copy = Copy::Late;
            if sender.state == State::Unknown {
                sender.assume(State::Established);
            }
            return;
        }
        sender.nxt = event.end();
        sender.prove(State::SynSent);
        if crossing {
            if !self.handshake.split {
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

    fn first_synack(&mut self, event: &Event<'_>, simultaneous: bool) {
        let scale = Self::window_scale(event);
        let own_syn_acked = self.end(event.sender).has(Facts::SYN_ACKED);
        if self.frames.synack == 0 {
            self.frames.synack = event.segment.packet.frame;
            self.synack_delay_ns = event.now_ns.saturating_sub(self.first_ns);
        }
        let receiver = self.end_mut(event.receiver);
        if !receiver.has(Facts::ISS_KNOWN) {
            // The SYN was not captured; this is what it must have been.
            receiver.facts |= Facts::ISS_KNOWN;
            receiver.iss = event.acknowledgment() - 1;
            receiver.nxt = event.acknowledgment();
        }
        receiver.facts |= Facts::SYN_ACKED;
        self.handshake.fast_open |=
            event.acknowledgment().is_after(self.end(event.receiver).iss + 1);
        let sender = self.end_mut(event.sender);
        if changes_isn(sender, event) {
            sender.facts -= Facts::SYN_ACKED;
            sender.nxt = event.end();
            sender.retries = 0;
        }
        if !sender.has(Facts::SENT) {
            sender.nxt = event.end();
        }
        sender.facts |= Facts::SYN | Facts::SYN_ACK | Facts::ISS_KNOWN;
        sender.iss = event.sequence();
        sender.window_scale = scale;
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
            let crossed =
                complete && event.now_ns.saturating_sub(self.final_ack_ns) < self.synack_delay_ns;
            if complete && !crossed && !self.handshake.simultaneous {
                self.handshake.refuted = true;
                self.handshake.repeats = self.handshake.repeats.saturating_add(1);
                self.end_mut(event.sender).prove(State::SynReceived);
            }
            if self.end(event.receiver).state == State::SynSent && !self.handshake.simultaneous {
                self.end_mut(event.receiver).assume(State::Established);
            }
        } else if !complete {
            self.end_mut(event.sender).prove(State::SynSent);
            if self.end(event.receiver).state == State::Listen {
                self.end_mut(event.receiver).assume(State::SynReceived);
            }
        }
    }
}

/// A second SYN/ACK that numbers its octets anew: another responder, or one that forgot the first.
fn changes_isn(sender: &Endpoint, event: &Event<'_>) -> bool {
    sender.has(Facts::SYN_ACK) && sender.iss != event.sequence()
}
