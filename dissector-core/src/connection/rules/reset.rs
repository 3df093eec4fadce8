//! Resets: why one was sent, and whether its receiver has to believe it
//! (RFC 9293 §3.5.2 and §3.5.3, RFC 5961 §3).

use crate::connection::annotation::Annotation;
use crate::connection::event::Event;
use crate::connection::rules::incarnation::is_within;
use crate::connection::state::Connection;
use crate::connection::state::endpoint::Facts;
use crate::connection::state::extra::{Reset, SEVERAL};
use crate::connection::state::handshake::Handshake;
use crate::vocabulary::Side;
use crate::vocabulary::{Finding, RstReason, Stage, State};
use crate::wire::TcpFlags;

/// Window scale where the handshake was not seen: the largest there is (RFC 7323 §2.3).
const UNKNOWN_SCALE: u8 = 14;
/// An endpoint that goes on this long after an RST has not received it, in nanoseconds.
const MIN_PATIENCE_NS: u64 = 1_000_000_000;

impl Connection {
    /// An RST, of any kind.
    pub(crate) fn on_rst(&mut self, event: &Event<'_>, seen: &mut Annotation) {
        let sender = self.end(event.sender);
        let receiver = self.end(event.receiver);
        let answers_syn = receiver.has(Facts::SYN)
            && !receiver.has(Facts::SYN_ACKED)
            && !sender.has(Facts::SYN)
            && event.sender == Side::Server;
        let in_handshake = self.saw_syn()
            && !self.handshake.has(Handshake::COMPLETE)
            && !self.handshake.has(Handshake::CONFIRMED);
        let unconfirmed = self.handshake.has(Handshake::COMPLETE)
            && event.sender == Side::Server
            && !self.handshake.has(Handshake::CONFIRMED)
            && self.reset().is_none()
            && !event.has(TcpFlags::ACK)
            && self.first_closer().is_none();
        // RFC 9293 §3.5.3: "In the SYN-SENT state (a RST received in response to an initial SYN), the RST
        // is acceptable if the ACK field acknowledges the SYN."
        let acceptable = if answers_syn {
            event.has(TcpFlags::ACK) && receiver.syn_acknowledged_by(event.acknowledgment())
        } else {
            self.in_window(event)
        };
        // RFC 9293 §3.5.2: "If the incoming segment has the ACK bit set, the reset takes its sequence
        // number from the ACK field of the segment".
        let reflex = !event.has(TcpFlags::ACK)
            && receiver.has(Facts::ACK)
            && event.sequence() == receiver.ack;
        let challenged = receiver.has(Facts::CHALLENGE) && reflex;
        // The client drops a SYN/ACK that does not answer its SYN and stays in SYN-SENT; its RST closes
        // the connection that the server holds (RFC 9293 §3.10.7.3 and figure 8).
        let wrong_synack = event.sender == Side::Client
            && sender.has(Facts::SYN)
            && receiver.has(Facts::BAD_SYN_ACK)
            && !receiver.has(Facts::SYN)
            && reflex;
        let (stage, reason) = if !acceptable {
            (Stage::RstIgnored, RstReason::Unacceptable)
        } else if answers_syn {
            (Stage::RstRefusal, RstReason::PortClosed)
        } else if challenged && in_handshake {
            (Stage::RstHalfOpen, RstReason::HalfOpenDiscovery)
        } else if in_handshake && !reflex {
            (Stage::RstHandshakeAbort, RstReason::HandshakeAbort)
        } else if in_handshake || unconfirmed {
            (Stage::RstHandshakeAbort, RstReason::NoConnection)
        } else if sender.has(Facts::FIN) {
            (Stage::Rst, RstReason::AfterFin)
        } else if reflex {
            (Stage::Rst, RstReason::NoConnection)
        } else {
            (Stage::Rst, RstReason::Abort)
        };
        seen.stage = stage;
        seen.rst_reason = Some(reason);
        self.add_findings_of_rst(event, seen);
        if !acceptable {
            return;
        }
        if stage == Stage::RstHalfOpen || wrong_synack {
            // It closes the connection that the server held; this one goes on.
            if self.server_end().state == State::SynReceived {
                self.server_end_mut().assume(State::Listen);
            }
            return;
        }
        if unconfirmed {
            self.handshake |= Handshake::REFUTED;
        }
        let confirmed = self.handshake.has(Handshake::CONFIRMED);
        let before = [0, 1].map(|side| (self.ends[side].state, self.ends[side].proven()));
        let extra = self.extra_mut();
        if extra.reset.is_none() {
            extra.rst_frame = event.segment.frame;
            extra.reset = Some(Reset {
                by: event.sender,
                reason,
                bare: !event.has(TcpFlags::ACK),
                after_confirmation: confirmed,
                time_ns: event.now_ns,
                before,
            });
        }
        self.end_mut(event.sender).prove(State::Closed);
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
        match seen.stage {
            Stage::RstIgnored => seen.add(Finding::RstUnacceptable),
            Stage::RstRefusal => seen.add(Finding::Refused),
            Stage::RstHalfOpen => seen.add(Finding::HalfOpenReset),
            Stage::RstHandshakeAbort if event.sender == Side::Client => {
                // A host that answers a SYN/ACK without having sent a SYN aborts nothing.
                let answered = self.ends.iter().all(|end| end.has(Facts::SYN));
                if answered || seen.rst_reason != Some(RstReason::NoConnection) {
                    seen.add(Finding::AbortedByClient);
                }
            }
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

    /// Whether a believed RST was not believed after all: its sender goes on in the stream, or its
    /// receiver does long after it must have arrived. Segments that were under way to the sender refute
    /// nothing.
    pub(crate) fn refute_rst(&mut self, event: &Event<'_>, seen: &mut Annotation) {
        if let Some(reset) = self.reset() {
            self.check_refutation(reset, event, seen);
        }
    }

    #[cold]
    fn check_refutation(&mut self, reset: Reset, event: &Event<'_>, seen: &mut Annotation) {
        let refuted = if event.sender == reset.by {
            let sender = self.end(event.sender);
            event.end().is_after(sender.nxt)
                || event.has(TcpFlags::ACK)
                    && (!sender.has(Facts::ACK) || event.acknowledgment().is_after(sender.ack))
        } else {
            let rtt_ns = self.rtt_total_ns().unwrap_or(0);
            let patience_ns = (2 * rtt_ns).clamp(MIN_PATIENCE_NS, i64::MAX as u64) as i64;
            event.now_ns.saturating_sub(reset.time_ns) > patience_ns
        };
        if !refuted {
            return;
        }
        seen.add(Finding::RstIgnored);
        let extra = self.extra_mut();
        extra.ignored_rst_frame = match extra.ignored_rst_frame {
            0 => extra.rst_frame,
            known if known == extra.rst_frame => known,
            _ => SEVERAL,
        };
        let repeats_synack = event.has(TcpFlags::SYN | TcpFlags::ACK)
            && event.sender == Side::Server
            && reset.by == Side::Client
            && !self.handshake.has(Handshake::COMPLETE);
        if repeats_synack {
            // The RST was lost beyond here, but the client has given up all the same.
            let server = self.server_end_mut();
            let closed = server.has(Facts::FIN);
            server.prove(if closed { State::FinWait1 } else { State::SynReceived });
            return;
        }
        let extra = self.extra_mut();
        (extra.reset, extra.rst_frame) = (None, 0);
        for (end, (state, proven)) in self.ends.iter_mut().zip(reset.before) {
            end.state = state;
            end.facts.set(Facts::PROVEN, proven);
        }
        self.take_up_fins(event.sender);
    }

    /// Applies the FINs that came after an RST which was not believed to the states before it. The last
    /// one may still be under way to the sender of this segment.
    fn take_up_fins(&mut self, sender: Side) {
        let Some(first) = self.first_closer() else { return };
        for closer in [first as usize, 1 - first as usize] {
            if !self.ends[closer].has(Facts::FIN) {
                continue;
            }
            let end = &mut self.ends[closer];
            // It has acknowledged the peer's FIN with its own FIN, or before.
            let second = matches!(end.fin_stage(), Stage::SecondFin | Stage::FinAndAck);
            let crossing = end.fin_stage() == Stage::FinSimultaneous;
            match end.state {
                State::Established | State::SynReceived | State::CloseWait if crossing => {
                    end.prove(State::FinWait1);
                    if closer == sender as usize {
                        end.set_upcoming(Facts::TO_CLOSING);
                    } else {
                        end.assume(State::Closing);
                    }
                }
                State::Established | State::SynReceived if !second => end.prove(State::FinWait1),
                State::Established | State::SynReceived | State::CloseWait => {
                    end.prove(State::LastAck);
                }
                // The state before the RST includes its FIN already.
                _ => continue,
            }
            let peer = &mut self.ends[1 - closer];
            match peer.state {
                State::Established | State::SynReceived => peer.assume(State::CloseWait),
                State::FinWait1 if !second => peer.assume(State::Closing),
                State::FinWait1 | State::FinWait2 => peer.assume(State::TimeWait),
                _ => {}
            }
        }
    }

    /// Whether a receiver that has acknowledged nothing can expect this RST. In SYN-SENT it takes one
    /// that acknowledges its SYN, afterwards one from the stream that the sender's SYN begins; the size of
    /// its window is not known.
    fn may_be_expected(&self, event: &Event<'_>) -> bool {
        let (sender, receiver) = (self.end(event.sender), self.end(event.receiver));
        let acknowledges = event.has(TcpFlags::ACK)
            && (!receiver.has(Facts::ISS_KNOWN)
                || receiver.syn_acknowledged_by(event.acknowledgment()));
        if acknowledges || !sender.has(Facts::SYN) {
            return true;
        }
        // If the stream has gone on, more of it may be missing from the capture than a window holds.
        let missed = sender.has(Facts::MORE) && event.sequence().is_after(sender.iss);
        missed || is_within(sender, event.sequence())
    }

    /// Whether the sequence number of an RST lies in the window of its receiver, or is the next one of its
    /// sender. RFC 9293 §3.5.3: "A reset is valid if its sequence number is in the window."
    fn in_window(&self, event: &Event<'_>) -> bool {
        let (sender, receiver) = (self.end(event.sender), self.end(event.receiver));
        if !receiver.has(Facts::ACK) {
            return self.may_be_expected(event);
        }
        let known = self.ends.iter().all(|end| end.has(Facts::SYN));
        let scale = match (sender.offer.window_scale(), receiver.offer.window_scale()) {
            (Some(_), Some(shift)) => shift,
            _ if known => 0,
            _ => UNKNOWN_SCALE,
        };
        let scale = if receiver.has(Facts::SCALED) { scale } else { 0 };
        let window = i64::from(receiver.window) << scale;
        let ahead = i64::from(event.sequence().since(receiver.ack));
        (0..=window).contains(&ahead) || sender.has(Facts::SENT) && event.sequence() == sender.nxt
    }
}
