//! A SYN that is sent again although it was refused: Windows tries up to three times, half a second
//! apart, before it tells the application.

use crate::compact::CompactSegment;
use crate::connection::event::Event;
use crate::connection::state::Connection;
use crate::connection::state::endpoint::Facts;
use crate::connection::state::extra::Reset;
use crate::vocabulary::{Side, State};
use crate::wire::{SeqNumber, TcpFlags};

/// A SYN with the number of the refused one that comes later is another attempt.
const SAME_ATTEMPT_NS: i64 = 3_000_000_000;

impl Connection {
    /// Whether this SYN repeats one that was refused shortly before: it belongs to the same attempt.
    pub(crate) fn is_asked_again(
        &self,
        segment: &CompactSegment,
        sender: Side,
        now_ns: i64,
    ) -> bool {
        let since_ns = |reset: Reset| now_ns.saturating_sub(reset.time_ns);
        self.reset().is_some_and(|reset| reset.is_refusal() && since_ns(reset) <= SAME_ATTEMPT_NS)
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
        if !reset.is_refusal() {
            return false;
        }
        let again = self.is_syn_again(event.segment.flags, event.sequence(), event.sender);
        if again {
            self.extra_mut().reset = Some(Reset { asked_again: true, ..reset });
            // As on a first SYN.
            self.server_end_mut().assume(State::SynReceived);
        } else if reset.asked_again {
            self.extra_mut().reset = None;
        }
        again || reset.asked_again
    }
}
