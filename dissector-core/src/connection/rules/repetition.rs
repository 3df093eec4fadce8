//! SYNs and SYN/ACKs that are sent again, and which of their copies is answered.

use crate::connection::annotation::Annotation;
use crate::connection::event::Event;
use crate::connection::state::Connection;
use crate::connection::state::copies::{
    Answer, Answered, Content, FirstCopy, FurtherCopies, SynCopy,
};
use crate::connection::state::endpoint::Facts;
use crate::connection::state::handshake::Handshake;
use crate::connection::state::offer::{Offer, Offers};
use crate::connection::state::timestamps::Timestamp;
use crate::vocabulary::Side;
use crate::vocabulary::{Finding, State};
use crate::wire::TcpFlags;

impl Connection {
    /// A further copy of a SYN or SYN/ACK: its answer did not arrive, or not in time.
    pub(crate) fn repeat_syn(&mut self, event: &Event<'_>, offer: Offer, seen: &mut Annotation) {
        let since = event.time_ns.saturating_sub(self.last_syn_ns(event.sender));
        let complete = self.handshake.has(Handshake::COMPLETE);
        let sender = self.end_mut(event.sender);
        sender.retries = sender.retries.saturating_add(1);
        seen.retransmission(sender.retries, since.max(0) as u64);
        self.renew_challenge();
        if event.has(TcpFlags::ACK) {
            self.repeat_synack(event, seen, complete);
            return;
        }
        seen.add(Finding::SynRetx);
        let last = self.last_content(event.sender);
        let without_data = last.payload && event.payload == 0;
        let without_cookie = last.offer.has(Offers::COOKIE) && offer.lacks(Offers::COOKIE);
        if without_data || without_cookie {
            seen.add(Finding::TfoFallback);
        }
        if last.offer.differs_from(&offer) {
            seen.add(Finding::SynOptionsChanged);
        }
        if complete {
            seen.add(Finding::SynInEstablished);
            return;
        }
        if self.end(event.receiver).has(Facts::SYN_ACK) {
            seen.add(Finding::SynAckNotReceived);
        }
        self.end_mut(event.sender).prove(State::SynSent);
        let early = self.end(event.receiver).has(Facts::EARLY);
        self.end_mut(event.receiver).facts.set(Facts::EARLY_AGAIN, early);
        if self.end(event.receiver).state == State::Listen {
            self.end_mut(event.receiver).assume(State::SynReceived);
        }
    }

    fn repeat_synack(&mut self, event: &Event<'_>, seen: &mut Annotation, complete: bool) {
        if !complete || self.handshake.has(Handshake::SIMULTANEOUS) {
            seen.add(Finding::SynAckRetx);
            let may_take = self.note_echo(event);
            if self.end(event.receiver).state == State::SynSent
                && may_take
                && !self.handshake.has(Handshake::SIMULTANEOUS)
            {
                self.end_mut(event.receiver).assume(State::Established);
            }
            return;
        }
        // Sent before the final ACK can have arrived, or recorded late: it refutes nothing.
        let since_ns = event.time_ns.saturating_sub(self.time_of(Timestamp::FinalAck));
        let crossed = since_ns < self.synack_delay_ns() && !self.echoes_final_ack(event);
        if crossed || self.handshake.has(Handshake::CONFIRMED) {
            seen.add(Finding::SynAckRetxCrossed);
            return;
        }
        seen.add(Finding::SynAckRetxAfterAck);
        self.refute_final_ack(event);
        self.note_repeated_synack(event);
    }

    /// A SYN/ACK after a keep-alive: the server has not got the final ACK, which was not captured either.
    pub(crate) fn deny_keep_alive(&mut self, event: &Event<'_>) {
        let server = self.server_end();
        if server.has(Facts::SYN_ACK | Facts::SYN_ACKED)
            && event.sender == Side::Server
            && server.iss == event.sequence()
            && !self
                .handshake
                .intersects(Handshake::COMPLETE | Handshake::CONFIRMED | Handshake::SIMULTANEOUS)
        {
            let server = self.server_end_mut();
            server.facts -= Facts::SYN_ACKED;
            server.prove(State::SynReceived);
        }
    }

    /// Stores a copy of a SYN or SYN/ACK.
    pub(crate) fn push_copy(&mut self, event: &Event<'_>, offer: Offer) {
        let (time_ns, timestamp) = (event.time_ns, event.timestamps.map(|(value, _)| value));
        if self.end(event.sender).has(Facts::COPY) {
            let content =
                Content { offer, payload: event.payload > 0, synack: event.has(TcpFlags::ACK) };
            let copy = SynCopy { time_ns, timestamp, content };
            self.extra_mut().copies_mut(event.sender).push(copy);
        } else {
            self.set_first_copy(event.sender, FirstCopy::new(time_ns, timestamp));
        }
    }

    /// The SYN or SYN/ACK of `side` has its first answer. From now on the content of the answered copy
    /// counts.
    pub(crate) fn answer_copy(&mut self, side: Side, event: &Event<'_>) {
        if self.end(side).has(Facts::COPY_ANSWERED) {
            return;
        }
        let further = self.extra.as_ref().and_then(|extra| extra.copies(side));
        if further.is_none_or(FurtherCopies::is_empty) {
            self.end_mut(side).answer_copy();
            return;
        }
        let echo = event.timestamps.map(|(_, echo)| echo);
        let offer = event.has(TcpFlags::SYN).then(|| event.offer());
        let (first, content) = (self.first_copy(side), self.end(side).content());
        let copies = self.extra_mut().copies_mut(side);
        if let Some(content) = copies.answer(&first, content, &Answer { echo, offer }) {
            let end = self.end_mut(side);
            end.offer = content.offer;
            end.facts.set(Facts::SYN_PAYLOAD, content.payload);
            self.agree();
        }
    }

    /// The content of the last copy of the SYN of `side`.
    fn last_content(&self, side: Side) -> Content {
        let copies = self.extra.as_ref().and_then(|extra| extra.copies(side));
        let last = copies.and_then(FurtherCopies::last).map(|copy| copy.content);
        last.unwrap_or_else(|| self.end(side).content())
    }

    /// Whether a copy of the SYN or SYN/ACK of `side` was answered.
    pub(crate) fn is_copy_answered(&self, side: Side) -> bool {
        let copies = || self.extra.as_ref()?.copies(side)?.answered();
        self.end(side).has(Facts::COPY_ANSWERED) || copies().is_some()
    }

    /// Which copy of the SYN or SYN/ACK of `side` was answered.
    pub(crate) fn answered_copy(&self, side: Side) -> Option<Answered> {
        let first = self.first_copy(side).answered();
        first.or_else(|| self.extra.as_ref()?.copies(side)?.answered())
    }
}
