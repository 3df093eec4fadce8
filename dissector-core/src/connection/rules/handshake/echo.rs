//! SYN/ACKs whose timestamp echo the client has never sent. Linux refuses them; other stacks take them.

use crate::connection::event::Event;
use crate::connection::state::Connection;
use crate::connection::state::copies::FurtherCopies;
use crate::connection::state::endpoint::Facts;
use crate::connection::state::extra::Opening;
use crate::connection::state::handshake::Handshake;
use crate::connection::state::offer::Offer;
use crate::connection::state::timestamps::Timestamp;
use crate::vocabulary::{Side, State};
use crate::wire::TcpFlags;

/// A timestamp clock that is not faster than this is assumed: one tick a millisecond, as nearly everywhere.
const TICK_NS: i64 = 1_000_000;

impl Connection {
    /// Stores whether the client can have sent the timestamp that a SYN/ACK echoes. Gives whether it may take
    /// the SYN/ACK, as far as that goes.
    pub(crate) fn note_echo(&mut self, event: &Event<'_>) -> bool {
        let is_bad = self.echoes_nothing_sent(event);
        if is_bad {
            self.extra_mut().opening |= Opening::BAD_ECHO;
        } else if let Some(extra) = &mut self.extra {
            extra.opening -= Opening::BAD_ECHO;
        }
        !is_bad
    }

    /// Whether the echo of a SYN/ACK lies outside the timestamps of the client since its first SYN.
    fn echoes_nothing_sent(&self, event: &Event<'_>) -> bool {
        let client = self.client_end();
        let Some((_, echo)) = event.timestamps.filter(|(_, echo)| *echo != 0) else { return false };
        let is_known = client.has(Facts::SYN | Facts::COPY_TIMESTAMP)
            && !client.has(Facts::ACK_NEWER)
            && event.sender == Side::Server;
        if !is_known || echo == client.copy_timestamp {
            return false;
        }
        let since = |timestamp: u32| timestamp.wrapping_sub(client.copy_timestamp);
        let waited_ns = event.time_ns.saturating_sub(self.time_of(Timestamp::ClientSyn));
        let ticks = u32::try_from(waited_ns / TICK_NS + 1).unwrap_or(u32::MAX / 2);
        let copies = self.extra.as_ref().and_then(|extra| extra.copies(Side::Client));
        let last = copies.into_iter().flat_map(FurtherCopies::timestamps).map(since).max();
        since(echo) > ticks.max(last.unwrap_or(0)).min(u32::MAX / 2)
    }

    /// Whether this RST of the client answers a SYN/ACK whose echo it has never sent. RFC 9293 §3.10.7.3 knows
    /// no such check; Linux answers as if the acknowledgment number were wrong, and stays in SYN-SENT.
    pub(crate) fn refuses_echo(&self, event: &Event<'_>) -> bool {
        let server = self.server_end();
        self.opening().contains(Opening::BAD_ECHO)
            && event.sender == Side::Client
            && !event.has(TcpFlags::ACK)
            && !self.handshake.has(Handshake::COMPLETE)
            && server.has(Facts::ACK)
            && event.sequence() == server.ack
    }

    /// The client has refused the SYN/ACK: it counts for nothing.
    pub(crate) fn forget_synack(&mut self) {
        self.extra_mut().opening |= Opening::ECHO_REFUSED;
        self.extra_mut().forget_copies(Side::Server);
        self.extra_mut().copies_mut(Side::Client).forget_answer();
        self.client_end_mut().facts -= Facts::SYN_ACKED | Facts::COPY_ANSWERED;
        let server = self.server_end_mut();
        server.facts -= Facts::SYN
            | Facts::SYN_ACK
            | Facts::SYN_ACKED
            | Facts::ISS_KNOWN
            | Facts::COPY
            | Facts::COPY_TIMESTAMP
            | Facts::COPY_ANSWERED;
        server.facts |= Facts::BAD_SYN_ACK;
        (server.offer, server.retries) = (Offer::default(), 0);
        if server.state == State::SynReceived {
            server.assume(State::Listen);
        }
        self.handshake -= Handshake::SYNACK_SEEN | Handshake::FAST_OPEN;
        self.frames.synack = 0;
        self.agree();
    }

    /// Whether the client has refused a SYN/ACK that echoes a timestamp which it has never sent.
    pub fn echo_refused(&self) -> bool {
        self.opening().contains(Opening::ECHO_REFUSED)
    }
}
