//! A SYN that is sent again although it was refused: Windows tries up to three times, half a second
//! apart, before it tells the application.

use crate::compact::CompactSegment;
use crate::connection::event::Event;
use crate::connection::state::Connection;
use crate::connection::state::endpoint::Facts;
use crate::connection::state::extra::{Opening, Reset};
use crate::vocabulary::{Finding, RstReason, Side, State};
use crate::wire::{SeqNumber, TcpFlags};

/// A SYN with the number of the refused one that comes later is another attempt.
const SAME_ATTEMPT_NS: i64 = 3_000_000_000;

impl Connection {
    /// Whether this SYN repeats one that was refused shortly before, or that still waits for its answer: it
    /// belongs to the same attempt.
    pub(crate) fn is_asked_again(
        &self,
        segment: &CompactSegment,
        sender: Side,
        now_ns: i64,
    ) -> bool {
        let since_ns = |reset: Reset| now_ns.saturating_sub(reset.time_ns);
        let refused = |reset: Reset| reset.is_refusal() && since_ns(reset) <= SAME_ATTEMPT_NS;
        self.reset().is_some_and(|reset| refused(reset) || self.may_wait_after(reset))
            && self.is_syn_again(segment.flags, segment.sequence, sender)
    }

    fn is_syn_again(&self, flags: TcpFlags, sequence: SeqNumber, sender: Side) -> bool {
        let client = self.client_end();
        flags.contains(TcpFlags::SYN)
            && !flags.contains(TcpFlags::ACK)
            && sender == Side::Client
            && client.has(Facts::SYN)
            && client.iss == sequence
    }

    /// Whether this segment belongs to a further try after a refusal, which shows nothing of that. The last
    /// answer decides: another refusal takes the place of this one, and anything else cancels it.
    #[cold]
    pub(crate) fn asks_again(&mut self, reset: Reset, event: &Event<'_>) -> bool {
        let again = self.is_syn_again(event.segment.flags, event.sequence(), event.sender);
        if again && self.may_wait_after(reset) {
            self.wait_on();
            return true;
        }
        if !reset.is_refusal() {
            return false;
        }
        if again {
            self.extra_mut().reset = Some(Reset { asked_again: true, ..reset });
            // As on a first SYN.
            self.server_end_mut().assume(State::SynReceived);
        } else if reset.asked_again {
            self.extra_mut().reset = None;
        }
        again || reset.asked_again
    }

    /// Whether the client may still be in SYN-SENT after its own RST. RFC 9293 §3.10.7.3: "If SEG.ACK =<
    /// ISS or SEG.ACK > SND.NXT, send a reset (unless the RST bit is set, if so drop the segment and
    /// return) <SEQ=SEG.ACK><CTL=RST> and discard the segment. Return." A client that has sent more than
    /// the capture holds aborts with the same segment.
    pub(crate) fn may_wait_after(&self, reset: Reset) -> bool {
        let [client, server] = &self.ends;
        reset.by == Side::Client
            && reset.bare
            && reset.reason == RstReason::NoConnection
            && client.has(Facts::SYN)
            && !client.facts.intersects(Facts::ACK | Facts::MORE)
            && !server.has(Facts::SYN)
            && server.has(Facts::ACK)
            && !client.syn_acknowledged_by(server.ack)
    }

    /// The client repeats its SYN: its RST has answered a segment of an older connection, and closed that.
    fn wait_on(&mut self) {
        self.forget_fin(Side::Server);
        self.findings.insert(Finding::HalfOpenReset);
        let extra = self.extra_mut();
        extra.reset = None;
        extra.opening |= Opening::ANSWERED_BY_OLDER;
        let [client, server] = &mut self.ends;
        client.facts -= Facts::SYN_ACKED;
        client.prove(State::SynSent);
        server.facts |= Facts::CHALLENGE;
        // As on a first SYN.
        server.assume(State::SynReceived);
    }
}
