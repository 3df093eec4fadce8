//! The close: FINs and what acknowledges them (RFC 9293 §3.6).

use crate::connection::annotation::Annotation;
use crate::connection::event::Event;
use crate::connection::state::Connection;
use crate::connection::state::endpoint::Facts;
use crate::connection::state::timestamps::Timestamp;
use crate::vocabulary::Side;
use crate::vocabulary::{Finding, Stage, State};
use crate::wire::TcpFlags;

impl Connection {
    /// Applies the acknowledgment of the other end's FIN, if this segment carries it. Gives whether it is
    /// the first to do so.
    pub(crate) fn acknowledge_fin(&mut self, event: &Event<'_>, seen: &mut Annotation) -> bool {
        if !self.fin_acknowledged_by(event.receiver, event.acknowledgment()) {
            return false;
        }
        let closer = self.end_mut(event.receiver);
        let first_time = !closer.has(Facts::FIN_ACKED);
        closer.facts |= Facts::FIN_ACKED;
        // RFC 9293 §3.10.7.4: "if the FIN segment is now acknowledged, then enter FIN-WAIT-2"; in CLOSING,
        // "if the ACK acknowledges our FIN, then enter the TIME-WAIT state"; in LAST-ACK, "If our FIN is
        // now acknowledged, delete the TCB, enter the CLOSED state, and return."
        match closer.state {
            State::FinWait1 => closer.assume(State::FinWait2),
            State::Closing => closer.assume(State::TimeWait),
            State::LastAck => closer.assume(State::Closed),
            _ => {}
        }
        let of_first = self.first_closer() == Some(event.receiver);
        if first_time && seen.stage == Stage::None {
            seen.stage = if of_first { Stage::FinAcked } else { Stage::SecondFinAcked };
        }
        // The sender answers the FIN, so it has received it. Where the FINs crossed, this does not show
        // that the sender's own has been acknowledged.
        let crossed = self.end(event.receiver).fin_stage() == Stage::FinSimultaneous
            || self.end(event.sender).fin_stage() == Stage::FinSimultaneous;
        let sender = self.end_mut(event.sender);
        match sender.state {
            // An RST seemed to take it back to LISTEN, but it has a FIN to acknowledge.
            State::Established | State::SynReceived | State::Listen => {
                sender.prove(State::CloseWait);
            }
            State::FinWait1 if crossed => sender.prove(State::Closing),
            // The peer's FIN acknowledged its own, even if that was sent again in the meantime.
            State::FinWait1 => sender.prove(State::TimeWait),
            // The acknowledgment of its own FIN is assumed too.
            State::FinWait2 if crossed => sender.assume(State::TimeWait),
            State::FinWait2 => sender.prove(State::TimeWait),
            State::TimeWait if crossed => {}
            State::CloseWait | State::Closing | State::TimeWait => sender.facts |= Facts::PROVEN,
            _ => {}
        }
        first_time
    }

    /// A FIN, which may also be the first segment to acknowledge the other end's.
    pub(crate) fn on_fin(&mut self, event: &Event<'_>, seen: &mut Annotation, acks_fin: bool) {
        self.note_fin(event);
        let further = self.end(event.sender).has(Facts::FIN);
        if further && !event.end().is_after(self.fin_end(event.sender)) {
            self.repeat_fin(event, seen);
        } else {
            self.first_fin(event, seen, acks_fin);
        }
        if further || self.extra.is_some() {
            self.set_time_of(Timestamp::last(event.sender), event.time_ns);
        }
    }

    fn first_fin(&mut self, event: &Event<'_>, seen: &mut Annotation, acks_fin: bool) {
        let closes_first = self.first_closer().is_none_or(|first| first == event.sender);
        if self.first_closer().is_none() {
            self.set_time_of(Timestamp::FirstFin, event.time_ns);
            self.handshake.set_first_closer(event.sender);
        } else if self.closed_long_ago(event.time_ns) {
            self.findings.insert(Finding::HalfClosedLong);
        }
        if !closes_first {
            self.forget_first_data(event.time_ns);
        }
        let stage = if closes_first {
            Stage::Fin
        } else if !self.fin_acknowledged_by(event.receiver, event.acknowledgment()) {
            Stage::FinSimultaneous
        } else if acks_fin {
            Stage::FinAndAck
        } else {
            Stage::SecondFin
        };
        // A handshake stage wins: the final ACK may carry the FIN. And a client in SYN-SENT drops it.
        let counts = !self.is_ahead_of_synack(event);
        if matches!(seen.stage, Stage::None | Stage::FinAcked | Stage::SecondFinAcked) && counts {
            seen.stage = stage;
        }
        let sender = self.end(event.sender);
        let last = !sender.has(Facts::SENT) || !sender.nxt.is_after(event.end());
        self.set_fin_end(event.sender, event.end(), last);
        // It may be a copy, which says nothing of what came before the first.
        let sender = self.end_mut(event.sender);
        let may_be_copy = sender.has(Facts::MAY_HAVE_CLOSED)
            && !(sender.has(Facts::TTL) && event.end().is_after(sender.nxt));
        sender.facts.set(Facts::MAY_HAVE_CLOSED, may_be_copy);
        sender.take_fin(stage);
        match sender.state {
            _ if stage == Stage::FinSimultaneous => {
                // Sent before the other FIN arrived; that one is still under way to it.
                seen.add(Finding::SimultaneousClose);
                sender.prove(State::FinWait1);
                sender.set_upcoming(Facts::TO_CLOSING);
            }
            // CLOSING, if its first copy crossed the other FIN.
            State::CloseWait if may_be_copy => sender.assume(State::LastAck),
            State::CloseWait => sender.prove(State::LastAck),
            State::TimeWait | State::Closing | State::Closed => {}
            _ => sender.prove(State::FinWait1),
        }
        if counts {
            self.deliver_fin(event);
        }
        if !closes_first {
            self.set_time_of(Timestamp::SecondFin, event.time_ns);
        }
    }

    /// A further copy of a FIN: its acknowledgment did not arrive.
    fn repeat_fin(&mut self, event: &Event<'_>, seen: &mut Annotation) {
        let since = event.time_ns.saturating_sub(self.last_copy_ns(event.sender));
        let answers = self.fin_acknowledged_by(event.receiver, event.acknowledgment());
        let reset = self.reset().is_some();
        let counts = !self.is_ahead_of_synack(event);
        let sender = self.end_mut(event.sender);
        sender.retries = sender.retries.saturating_add(1);
        seen.retransmission(sender.retries, since.max(0) as u64);
        if !seen.stage.is_handshake() && counts {
            seen.stage = sender.fin_stage();
        }
        match sender.state {
            State::FinWait1 => sender.facts |= Facts::PROVEN,
            State::FinWait2 => sender.prove(State::FinWait1),
            State::Closing if !answers => {
                // The other FIN is still under way to it.
                sender.prove(State::FinWait1);
                sender.set_upcoming(Facts::TO_CLOSING);
            }
            State::TimeWait if answers => sender.prove(State::Closing),
            State::TimeWait => sender.prove(State::FinWait1),
            State::Closed if sender.has(Facts::MAY_HAVE_CLOSED) && !reset => {
                sender.assume(State::LastAck);
            }
            State::Closed if !reset => sender.prove(State::LastAck),
            _ => {}
        }
        if counts {
            self.deliver_fin(event);
        }
    }

    /// An octet has the number of the sender's FIN, and more follow it: the receiver has dropped that FIN,
    /// as one whose ACK is not acceptable. RFC 9293 §3.10.7.4, ESTABLISHED STATE: "If the ACK acks
    /// something not yet sent (SEG.ACK > SND.NXT), then send an ACK, drop the segment, and return."
    pub(crate) fn take_back_fin(&mut self, event: &Event<'_>) {
        let (sender, receiver) = (self.end(event.sender), self.end(event.receiver));
        let fin_end = self.fin_end(event.sender);
        let waits = matches!(sender.state, State::FinWait1 | State::FinWait2);
        let replaces = sender.has(Facts::FIN)
            && !event.sequence().is_after(fin_end - 1)
            && (event.sequence() + event.payload).is_after(fin_end);
        if !replaces || !waits || receiver.has(Facts::FIN) || self.reset().is_some() {
            return;
        }
        // The acknowledgment number did not count either.
        let ahead = event.has(TcpFlags::ACK) && sender.ack.is_after(receiver.nxt);
        self.forget_fin(event.sender);
        let sender = self.end_mut(event.sender);
        sender.nxt = fin_end - 1;
        if ahead {
            sender.ack = event.acknowledgment();
        }
        sender.assume(State::Established);
        let receiver = self.end_mut(event.receiver);
        if ahead {
            receiver.facts -= Facts::MAY_HAVE_CLOSED;
        }
        if receiver.state == State::CloseWait {
            receiver.assume(State::Established);
        }
    }

    /// The FIN of `side` did not count.
    pub(crate) fn forget_fin(&mut self, side: Side) {
        if !self.end(side).has(Facts::FIN) {
            return;
        }
        self.end_mut(side).forget_fin();
        self.handshake.forget_closer(side);
        self.set_fin_end(side, self.end(side).nxt, true);
    }

    /// The receiver's state after a FIN has arrived. RFC 9293 §3.10.7.4, ESTABLISHED STATE: "Enter the
    /// CLOSE-WAIT state."; FIN-WAIT-1 STATE: "If our FIN has been ACKed (perhaps in this segment), then
    /// enter TIME-WAIT, start the time-wait timer, turn off the other timers; otherwise, enter the CLOSING
    /// state."
    fn deliver_fin(&mut self, event: &Event<'_>) {
        let receiver = self.end_mut(event.receiver);
        match receiver.state {
            State::Established | State::SynReceived | State::SynSent | State::Unknown => {
                receiver.assume(State::CloseWait);
            }
            State::FinWait1 if receiver.upcoming().is_none() => receiver.assume(State::Closing),
            State::FinWait2 => receiver.assume(State::TimeWait),
            _ => {}
        }
    }
}
