//! FINs that may be missing from the capture: they take the proof from the states that they would change.

use crate::connection::event::Event;
use crate::connection::state::Connection;
use crate::connection::state::endpoint::{Endpoint, Facts};
use crate::connection::state::handshake::Handshake;
use crate::vocabulary::{Side, State};
use crate::wire::TcpFlags;

/// The flags of a connection that both ends have shown to be open.
const OPEN: Handshake = Handshake::COMPLETE.union(Handshake::CONFIRMED);
const NOT_OPEN: Handshake =
    Handshake::REFUTED.union(Handshake::CLOSED_BY_CLIENT).union(Handshake::CLOSED_BY_SERVER);

impl Connection {
    /// The capture begins in the middle of the connection.
    pub(crate) fn begin_midstream(&mut self, event: &Event<'_>) {
        if !event.has(TcpFlags::SYN) {
            self.ends.iter_mut().for_each(|end| end.facts |= Facts::MAY_HAVE_CLOSED);
        }
    }

    /// The capture has the beginning after all.
    pub(crate) fn forget_missing(&mut self) {
        self.ends.iter_mut().for_each(|end| end.facts -= Facts::MAY_HAVE_CLOSED);
    }

    /// Whether a segment shows that others are missing from the capture, the last of which may have been a
    /// FIN: it acknowledges more than was captured, or follows with a gap.
    #[inline(always)]
    pub(crate) fn shows_gap(&self, event: &Event<'_>) -> bool {
        let (sender, receiver) = (self.end(event.sender), self.end(event.receiver));
        event.acknowledgment().is_after(receiver.nxt)
            || event.payload == 0 && event.sequence().is_after(sender.nxt)
    }

    /// A segment that is no SYN and no RST: whether it shows that a FIN may be missing, or that none is.
    pub(crate) fn note_missing(&mut self, event: &Event<'_>) {
        if self.shows_gap(event) || !knows_next(self.end(event.receiver)) {
            self.note_gap(event);
        }
        if self.end(event.sender).has(Facts::MAY_HAVE_CLOSED) {
            self.note_stream(event);
        }
    }

    #[cold]
    fn note_gap(&mut self, event: &Event<'_>) {
        let (sender, receiver) = (self.end(event.sender), self.end(event.receiver));
        // An end without any segment has no highest number: only a rise can be told.
        let more = if knows_next(receiver) {
            event.acknowledgment().is_after(receiver.nxt)
        } else {
            sender.has(Facts::ACK) && event.acknowledgment().is_after(sender.ack)
        };
        // In SYN-SENT, the acknowledgment is one of an older connection.
        let acknowledges = event.has(TcpFlags::ACK) && receiver.state != State::SynSent && more;
        let skips = event.payload == 0
            && !event.has(TcpFlags::FIN)
            && knows_next(sender)
            && event.sequence().is_after(sender.nxt);
        let (opens, closes) = (receiver.state == State::SynReceived, receiver.has(Facts::FIN));
        if acknowledges && opens {
            // An ACK of an older connection, or the receiver has gone on.
            self.end_mut(event.receiver).facts -= Facts::PROVEN;
        } else if acknowledges && !closes {
            self.end_mut(event.receiver).facts |= Facts::MAY_HAVE_CLOSED;
        }
        if skips && !self.end(event.sender).has(Facts::FIN) {
            self.end_mut(event.sender).facts |= Facts::MAY_HAVE_CLOSED;
        }
    }

    /// RFC 9293 §3.10.4: after CLOSE, "no more" is sent. An end that sends new octets has not closed before.
    #[cold]
    fn note_stream(&mut self, event: &Event<'_>) {
        let (sender, receiver) = (self.end(event.sender), self.end(event.receiver));
        let end = event.sequence() + event.payload;
        // A keep-alive may carry an octet that was sent before.
        let goes_on = !knows_next(sender)
            || end.is_after(sender.nxt)
            || event.payload > 1 && end == sender.nxt;
        let reaches = !receiver.has(Facts::ACK) || !receiver.ack.is_after(end);
        if event.payload == 0 || !goes_on || !reaches {
            return;
        }
        self.end_mut(event.sender).facts -= Facts::MAY_HAVE_CLOSED;
        let [client, server] = &self.ends;
        let none_missing = !(client.facts | server.facts).contains(Facts::MAY_HAVE_CLOSED);
        if none_missing
            && self.handshake & (OPEN | NOT_OPEN) == OPEN
            && self.states() == [State::Established; 2]
        {
            self.end_mut(event.sender).facts |= Facts::PROVEN;
            // The other end had shown it as well, if it has sent more than its SYN.
            let receiver = self.end_mut(event.receiver);
            receiver.facts.set(Facts::PROVEN, receiver.has_any(Facts::PROVEN | Facts::MORE));
        }
    }

    /// Takes the proof from the states that a missing FIN would have changed.
    #[inline]
    pub(crate) fn withhold_proof(&mut self) {
        let [client, server] = &self.ends;
        if (client.facts | server.facts).contains(Facts::MAY_HAVE_CLOSED) {
            Side::BOTH.into_iter().for_each(|side| self.withhold_proof_of(side));
        }
    }

    #[cold]
    fn withhold_proof_of(&mut self, side: Side) {
        let peer_may_have_closed = self.end(side.other()).has(Facts::MAY_HAVE_CLOSED);
        let end = self.end_mut(side);
        let may_have_moved = match end.state {
            State::SynReceived | State::Established => true,
            State::FinWait1 | State::FinWait2 => peer_may_have_closed,
            State::CloseWait => end.has(Facts::MAY_HAVE_CLOSED),
            _ => false,
        };
        if may_have_moved {
            end.facts -= Facts::PROVEN;
        }
    }
}

/// Whether the highest sequence number of an end is known: an RST does not tell it.
fn knows_next(end: &Endpoint) -> bool {
    end.has_any(Facts::TTL | Facts::ISS_KNOWN)
}
