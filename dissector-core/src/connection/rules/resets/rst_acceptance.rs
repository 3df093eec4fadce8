//! Whether the receiver of an RST has to believe it (RFC 9293 §3.5.3, RFC 5961 §3).

use crate::connection::event::Event;
use crate::connection::rules::incarnations::incarnation::is_within;
use crate::connection::state::Connection;
use crate::connection::state::endpoint::Facts;
use crate::connection::state::gaps::Gaps;
use crate::connection::state::offer::Offers;
use crate::vocabulary::{Side, State};
use crate::wire::TcpFlags;

/// Window scale where the options of the SYNs were not captured: the largest there is (RFC 7323 §2.3).
const UNKNOWN_SCALE: u8 = 14;

/// Whether the receiver of an RST has to believe it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Acceptance {
    /// It has to.
    Acceptable,
    /// The number lies in its window, but is not the next: it has to challenge the RST.
    InWindow,
    /// It has to ignore the RST.
    Unacceptable,
}

impl Acceptance {
    pub const fn is_acceptable(self) -> bool {
        matches!(self, Self::Acceptable)
    }

    const fn acceptable_if(acceptable: bool) -> Self {
        if acceptable { Self::Acceptable } else { Self::Unacceptable }
    }
}

impl Connection {
    /// Whether the receiver of an RST has to believe it; `answers_syn` if it waits in SYN-SENT.
    pub(crate) fn acceptance(&self, event: &Event<'_>, answers_syn: bool) -> Acceptance {
        let (sender, receiver) = (self.end(event.sender), self.end(event.receiver));
        if answers_syn {
            // RFC 9293 §3.5.3: "In the SYN-SENT state (a RST received in response to an initial SYN), the
            // RST is acceptable if the ACK field acknowledges the SYN."
            let acknowledges =
                event.has(TcpFlags::ACK) && receiver.syn_acknowledged_by(event.acknowledgment());
            return Acceptance::acceptable_if(acknowledges);
        }
        if !receiver.has(Facts::ACK) {
            return Acceptance::acceptable_if(self.may_be_expected(event));
        }
        let (in_window, number) = (self.in_window(event), event.sequence());
        if self.lacks_octets(event.sender) {
            // How far the receiver has got is not known.
            let last =
                sender.has(Facts::SENT) && number == sender.nxt && !receiver.ack.is_after(number);
            return Acceptance::acceptable_if(in_window || last);
        }
        // RFC 5961 §3.2: "If the RST bit is set and the sequence number exactly matches the next expected
        // sequence number (RCV.NXT), then TCP MUST reset the connection." That number is at least the one
        // that the receiver has acknowledged last, and at most the one up to which octets have passed here.
        // It includes the right edge of the SACK blocks, which Linux accepts, too.
        let may_be_next = !receiver.ack.is_after(number) && !number.is_after(sender.nxt);
        // An RST sent together with a FIN may have the number before the end of it. Linux takes it in
        // CLOSE-WAIT, CLOSING and LAST-ACK, but not once both FINs have arrived and been acknowledged.
        let in_time_wait = receiver.state == State::TimeWait && receiver.proven();
        let before_end_of_fin =
            sender.has(Facts::FIN) && number == self.fin_end(event.sender) - 1 && !in_time_wait;
        if may_be_next || before_end_of_fin {
            Acceptance::Acceptable
        } else if in_window {
            Acceptance::InWindow
        } else {
            Acceptance::Unacceptable
        }
    }

    /// Whether octets that `side` has sent are known to be missing from the capture.
    fn lacks_octets(&self, side: Side) -> bool {
        let (end, peer) = (self.end(side), self.end(self.receiver(side)));
        let gaps = self.extra.as_ref().and_then(|extra| extra.gaps(side));
        !end.has(Facts::SENT)
            || peer.ack.is_after(end.nxt)
            || gaps.is_some_and(|gaps: &Gaps| gaps.lack_octets(end.nxt))
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

    /// Whether the sequence number of an RST lies in the window of its receiver. RFC 9293 §3.5.3: "A reset
    /// is valid if its sequence number is in the window."
    fn in_window(&self, event: &Event<'_>) -> bool {
        let (sender, receiver) = (self.end(event.sender), self.end(event.receiver));
        let known = self.ends.iter().all(|end| end.has(Facts::SYN));
        let unscaled = self.ends.iter().any(|end| end.offer.lacks(Offers::WINDOW_SCALE));
        let scale = match (sender.offer.window_scale(), receiver.offer.window_scale()) {
            (Some(_), Some(shift)) => shift,
            _ if known && unscaled => 0,
            _ => UNKNOWN_SCALE,
        };
        let scale = if receiver.has(Facts::SCALED) { scale } else { 0 };
        let window = i64::from(receiver.window) << scale;
        let ahead = i64::from(event.sequence().since(receiver.ack));
        (0..=window).contains(&ahead)
    }
}
