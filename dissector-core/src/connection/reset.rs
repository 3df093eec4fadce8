//! Resets: who sent one, why, and whether its receiver has to believe it
//! (RFC 9293 §3.5.2 and §3.5.3, RFC 5961 §3).

use super::Annotation;
use super::endpoint::Facts;
use super::names::{RstReason, Stage, State};
use super::track::{Connection, Event, Reset, Side};
use crate::wire::TcpFlags;

/// Window scale where the handshake was not seen: the largest there is (RFC 7323 §2.3).
const UNKNOWN_SCALE: u8 = 14;

impl Connection {
    pub(super) fn on_rst(&mut self, event: &Event<'_>, seen: &mut Annotation) {
        let sender = self.end(event.sender);
        let receiver = self.end(event.receiver);
        let answers_syn = receiver.has(Facts::SYN)
            && !receiver.has(Facts::SYN_ACKED)
            && !sender.has(Facts::SYN)
            && event.sender == Side::Server;
        let in_handshake = self.saw_syn() && !self.handshake.complete;
        let unconfirmed = self.handshake.complete
            && event.sender == Side::Server
            && !(self.server_end().state == State::Established && self.server_end().proven)
            && !event.has(TcpFlags::ACK)
            && self.first_closer.is_none();
        let acceptable = if answers_syn {
            event.has(TcpFlags::ACK) && receiver.syn_acknowledged_by(event.acknowledgment())
        } else {
            self.in_window(event)
        };
        let reflex = !event.has(TcpFlags::ACK)
            && receiver.has(Facts::ACK)
            && event.sequence() == receiver.ack;
        let challenged = receiver.has(Facts::CHALLENGE) && reflex;
        let (stage, reason) = match () {
            () if !acceptable => (Stage::RstIgnored, RstReason::Unacceptable),
            () if answers_syn => (Stage::RstRefusal, RstReason::PortClosed),
            () if challenged && in_handshake => (Stage::RstHalfOpen, RstReason::HalfOpenDiscovery),
            () if in_handshake && reflex => (Stage::RstHandshakeAbort, RstReason::NoConnection),
            () if in_handshake => (Stage::RstHandshakeAbort, RstReason::HandshakeAbort),
            () if unconfirmed => (Stage::RstHandshakeAbort, RstReason::NoConnection),
            () if sender.has(Facts::FIN) => (Stage::Rst, RstReason::AfterFin),
            () if reflex => (Stage::Rst, RstReason::NoConnection),
            () => (Stage::Rst, RstReason::Abort),
        };
        seen.stage = stage;
        seen.rst_reason = Some(reason);
        seen.rst_acceptable = acceptable;
        if !acceptable {
            return;
        }
        self.handshake.refuted |= unconfirmed;
        let confirmed = self.server_end().state == State::Established && self.server_end().proven;
        if self.reset.is_none() {
            self.frames.rst = event.segment.packet.frame;
            self.reset = Some(Reset {
                by: event.sender,
                reason,
                bare: !event.has(TcpFlags::ACK),
                after_confirmation: confirmed,
            });
        }
        self.end_mut(event.sender).facts |= Facts::RST;
        self.end_mut(event.sender).prove(State::Closed);
        let receiver = self.end_mut(event.receiver);
        receiver.upcoming = None;
        let passive = event.receiver == Side::Server;
        match receiver.state {
            State::SynReceived | State::Listen if passive => receiver.assume(State::Listen),
            State::Closed => {}
            _ => receiver.assume(State::Closed),
        }
    }

    /// Whether the sequence number of an RST lies in the window of its receiver, or is the one the
    /// sender would use next. Without any ACK of the receiver there is nothing to judge it by.
    fn in_window(&self, event: &Event<'_>) -> bool {
        let (sender, receiver) = (self.end(event.sender), self.end(event.receiver));
        if !receiver.has(Facts::ACK) {
            return true;
        }
        let known = self.ends.iter().all(|end| end.has(Facts::SYN));
        let scale = match (sender.window_scale, receiver.window_scale) {
            (Some(_), Some(shift)) => shift,
            _ if known => 0,
            _ => UNKNOWN_SCALE,
        };
        let window = i64::from(receiver.window) << scale;
        let ahead = i64::from(event.sequence().since(receiver.ack));
        (0..=window).contains(&ahead) || sender.has(Facts::SENT) && event.sequence() == sender.nxt
    }
}
