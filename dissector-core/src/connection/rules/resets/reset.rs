//! Resets: why one was sent, and its effect (RFC 9293 §3.5.2 and §3.5.3).

use crate::connection::annotation::Annotation;
use crate::connection::event::Event;
use crate::connection::rules::resets::rst_acceptance::Acceptance;
use crate::connection::state::Connection;
use crate::connection::state::endpoint::Facts;
use crate::connection::state::extra::{Rejected, Reset};
use crate::connection::state::handshake::Handshake;
use crate::vocabulary::Side;
use crate::vocabulary::{Finding, RstReason, Stage, State};
use crate::wire::TcpFlags;

impl Connection {
    /// An RST, of any kind.
    pub(crate) fn on_rst(&mut self, event: &Event<'_>, seen: &mut Annotation) {
        self.heed_witness(event);
        let sender = self.end(event.sender);
        let receiver = self.end(event.receiver);
        let answers_syn = self.is_ahead_of_synack(event);
        // The client drops a SYN/ACK that does not answer its SYN and stays in SYN-SENT; its RST closes
        // the connection that the server holds (RFC 9293 §3.10.7.3 and figure 8).
        let wrong_synack = event.sender == Side::Client
            && sender.has(Facts::SYN)
            && receiver.has(Facts::BAD_SYN_ACK)
            && !receiver.has(Facts::SYN)
            && self.is_reflex(event);
        let (unconfirmed, gives_up) = (self.is_unconfirmed(event), self.gives_up(event));
        let refuses_echo = self.refuses_echo(event);
        let acceptance = self.acceptance(event, answers_syn);
        let (stage, reason) = self.kind_of_rst(event, answers_syn, unconfirmed, gives_up);
        (seen.stage, seen.rst_reason) = match acceptance {
            Acceptance::Acceptable => (stage, Some(reason)),
            _ => (Stage::RstIgnored, Some(RstReason::Unacceptable)),
        };
        if acceptance.is_acceptable() && refuses_echo {
            self.forget_synack();
        }
        self.add_findings_of_rst(event, seen);
        let reset = Reset {
            frame: event.segment.frame,
            by: event.sender,
            reason,
            bare: !event.has(TcpFlags::ACK),
            acknowledges_data: self.acknowledges_data(event),
            after_confirmation: self.handshake.has(Handshake::CONFIRMED),
            asked_again: false,
            has_arrived: false,
            ttl: event.segment.ttl,
            window: event.segment.window,
            time_ns: event.time_ns,
            before: [0, 1].map(|side| (self.ends[side].state, self.ends[side].proven())),
        };
        self.begin_round(event.sender);
        if acceptance == Acceptance::InWindow {
            if self.final_reset().is_none() {
                self.note_reset(event);
            }
            self.extra_mut().doubts_mut().reset.get_or_insert(reset);
        }
        if !acceptance.is_acceptable() && answers_syn {
            self.reject(event);
        }
        if !acceptance.is_acceptable() || refuses_echo {
            return;
        }
        if stage == Stage::RstHalfOpen {
            self.server_end_mut().facts |= Facts::CHALLENGE;
        }
        if stage == Stage::RstHalfOpen || wrong_synack {
            // It closes the connection that the server held; this one goes on.
            if self.server_end().state == State::SynReceived {
                self.server_end_mut().assume(State::Listen);
            }
            return;
        }
        if unconfirmed || gives_up {
            self.handshake |= Handshake::REFUTED;
        } else if self.takes_data(event) {
            self.handshake -= Handshake::REFUTED;
            self.handshake |= Handshake::CONFIRMED;
        }
        if answers_syn {
            // The client has dropped the FIN before it.
            self.forget_fin(event.sender);
        }
        let after_confirmation = self.handshake.has(Handshake::CONFIRMED);
        if self.reset().is_none_or(|reset| reset.asked_again) {
            self.note_reset(event);
        }
        let extra = self.extra_mut();
        match extra.reset {
            None => extra.reset = Some(Reset { after_confirmation, ..reset }),
            Some(Reset { asked_again: true, frame, .. }) => {
                extra.reset = Some(Reset { after_confirmation, frame, ..reset });
            }
            Some(_) => {}
        }
        extra.refusals = extra.refusals.saturating_add(u8::from(reset.is_refusal()));
        match self.may_wait_after(reset) {
            // If it still waits for the answer to its SYN, it will repeat that.
            true => self.end_mut(event.sender).assume(State::Closed),
            false => self.end_mut(event.sender).prove(State::Closed),
        }
        let receiver = self.end_mut(event.receiver);
        receiver.set_upcoming(Facts::empty());
        // RFC 9293 §3.5.3: "If the receiver was in SYN-RECEIVED state and had previously been in the
        // LISTEN state, then the receiver returns to the LISTEN state; otherwise, the receiver aborts the
        // connection and goes to the CLOSED state."
        let passive = event.receiver == Side::Server;
        match receiver.state {
            State::SynReceived | State::Listen if passive => receiver.assume(State::Listen),
            State::Closed => {}
            _ => receiver.assume(State::Closed),
        }
    }

    /// Whether an RST is the answer of a host that knows no such connection. RFC 9293 §3.5.2: "If the
    /// incoming segment has the ACK bit set, the reset takes its sequence number from the ACK field of the
    /// segment".
    fn is_reflex(&self, event: &Event<'_>) -> bool {
        let receiver = self.end(event.receiver);
        !event.has(TcpFlags::ACK) && receiver.has(Facts::ACK) && event.sequence() == receiver.ack
    }

    /// Whether an RST acknowledges octets of the other end that nothing had acknowledged before: they have
    /// arrived.
    fn acknowledges_data(&self, event: &Event<'_>) -> bool {
        let (sender, receiver) = (self.end(event.sender), self.end(event.receiver));
        let number = event.acknowledgment();
        event.has(TcpFlags::ACK)
            && sender.has(Facts::ACK)
            && receiver.has(Facts::PAYLOAD)
            && number.is_after(sender.ack)
            && !number.is_after(receiver.nxt)
    }

    /// Whether a bare RST of the server answers the final ACK: it does not have the connection.
    fn is_unconfirmed(&self, event: &Event<'_>) -> bool {
        self.handshake.has(Handshake::COMPLETE)
            && event.sender == Side::Server
            && !self.handshake.has(Handshake::CONFIRMED)
            && self.reset().is_none()
            && !event.has(TcpFlags::ACK)
            && self.first_closer().is_none()
    }

    /// Whether the server has answered the SYN with payload or a FIN instead of a SYN/ACK.
    fn streams_unasked(&self) -> bool {
        let [client, server] = &self.ends;
        server.facts.intersects(Facts::PAYLOAD | Facts::FIN)
            && client.syn_acknowledged_by(server.ack)
    }

    /// Stage and reason of an RST, if its receiver believes it.
    fn kind_of_rst(
        &self,
        event: &Event<'_>,
        answers_syn: bool,
        unconfirmed: bool,
        gives_up: bool,
    ) -> (Stage, RstReason) {
        let complete = self.handshake.has(Handshake::COMPLETE) && !self.is_void();
        let in_handshake = self.saw_syn() && !complete && !self.handshake.has(Handshake::CONFIRMED);
        let reflex = self.is_reflex(event);
        let challenged = self.answers_older(event);
        if answers_syn && !self.streams_unasked() {
            (Stage::RstRefusal, RstReason::PortClosed)
        } else if answers_syn {
            (Stage::RstHandshakeAbort, RstReason::HandshakeAbort)
        } else if challenged && in_handshake {
            (Stage::RstHalfOpen, RstReason::HalfOpenDiscovery)
        } else if in_handshake && !reflex || gives_up && event.has(TcpFlags::ACK) {
            (Stage::RstHandshakeAbort, RstReason::HandshakeAbort)
        } else if in_handshake || unconfirmed || gives_up {
            (Stage::RstHandshakeAbort, RstReason::NoConnection)
        } else if self.end(event.sender).has(Facts::FIN) {
            (Stage::Rst, RstReason::AfterFin)
        } else if reflex {
            (Stage::Rst, RstReason::NoConnection)
        } else {
            (Stage::Rst, RstReason::Abort)
        }
    }

    /// An RST that answers the SYN, and that the client has to ignore.
    #[cold]
    fn reject(&mut self, event: &Event<'_>) {
        let acknowledgment = event.has(TcpFlags::ACK).then(|| event.acknowledgment());
        let first = Rejected { count: 0, frame: event.segment.frame, acknowledgment };
        let rejected = self.extra_mut().doubts_mut().rejected.get_or_insert(first);
        rejected.count = rejected.count.saturating_add(1);
    }

    /// Findings about an RST, whose stage and reason are known.
    fn add_findings_of_rst(&self, event: &Event<'_>, seen: &mut Annotation) {
        let sender = self.end(event.sender);
        if sender.has(Facts::TTL) {
            let ttl = event.segment.ttl;
            seen.set_ttls(ttl, sender.ttl);
            if ttl != sender.ttl {
                seen.add(Finding::RstTtlMismatch);
            }
        }
        let given_up = self.reset().is_some_and(|reset| reset.is_refusal() || reset.has_arrived);
        match seen.stage {
            Stage::RstIgnored => seen.add(Finding::RstUnacceptable),
            Stage::RstRefusal => seen.add(Finding::Refused),
            Stage::RstHalfOpen => seen.add(Finding::HalfOpenReset),
            // The connection is over already; this is the RST of a host without a socket.
            Stage::RstHandshakeAbort if given_up => {}
            Stage::RstHandshakeAbort if event.sender == Side::Client => {
                // A host that answers a SYN/ACK without having sent a SYN aborts nothing.
                let answered = self.ends.iter().all(|end| end.has(Facts::SYN));
                if answered || seen.rst_reason != Some(RstReason::NoConnection) {
                    seen.add(Finding::AbortedByClient);
                }
            }
            // After it has repeated its SYN/ACK, it gives up what it has never accepted.
            Stage::RstHandshakeAbort if self.gives_up(event) => {}
            Stage::RstHandshakeAbort => seen.add(Finding::AbortedByServer),
            // Only the first one: a later RST changes nothing.
            Stage::Rst if self.reset().is_none() => {
                let payload = self.handshake.has(Handshake::FAST_OPEN)
                    || self.ends.iter().any(|end| end.has(Facts::PAYLOAD));
                let fin = self.ends.iter().any(|end| end.has(Facts::FIN));
                seen.add(if fin {
                    Finding::RstAfterFin
                } else if self.handshake.has(Handshake::COMPLETE) && !payload {
                    Finding::RstRightAfterHandshake
                } else {
                    Finding::RstAbort
                });
            }
            _ => {}
        }
    }
}
