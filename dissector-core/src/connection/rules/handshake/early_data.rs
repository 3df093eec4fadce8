//! Data of a server that has not received the final ACK: with Fast Open, it need not wait.

use crate::connection::event::Event;
use crate::connection::state::Connection;
use crate::connection::state::endpoint::Facts;
use crate::connection::state::handshake::Handshake;
use crate::connection::state::offer::Offers;
use crate::vocabulary::State;
use crate::wire::TcpFlags;

/// The largest window of a SYN, which is never scaled: more can be on the way only after a further
/// segment of the client has arrived.
const WINDOW_OF_SYN: i32 = 0xffff;

impl Connection {
    /// Whether the server may send before it has the final ACK: it has taken data of the SYN, or the SYN
    /// shows it a cookie. RFC 7413 §3: "MAY send data in response to the SYN before the handshake
    /// completes".
    pub(crate) fn is_fast_open(&self) -> bool {
        let [client, server] = &self.ends;
        // Without the SYN/ACK, nothing shows whether a server that asks for no cookie has taken the data.
        let has_data = client.has(Facts::SYN_PAYLOAD) && !server.has(Facts::SYN);
        self.handshake.has(Handshake::FAST_OPEN) || client.offer.has(Offers::COOKIE) || has_data
    }

    /// Whether the server may have sent this in SYN-RECEIVED: it answers no segment of the client but the
    /// SYN, as far as can be told.
    pub(crate) fn may_be_early(&self, event: &Event<'_>) -> bool {
        self.is_fast_open() && !self.has_answered_repetition() && !self.answers_more_than_syn(event)
    }

    /// Whether that cannot be told, as the SYN was not captured, which may have asked for Fast Open.
    pub(crate) fn may_have_been_early(&self, event: &Event<'_>) -> bool {
        let [client, server] = &self.ends;
        server.has(Facts::SYN_ACK)
            && !client.has(Facts::SYN)
            && !event.has(TcpFlags::FIN)
            && !self.answers_more_than_syn(event)
    }

    /// Whether a segment of the server in a Fast Open connection shows that another segment of the client
    /// than its SYN has arrived.
    #[cold]
    fn answers_more_than_syn(&self, event: &Event<'_>) -> bool {
        let (client, server) = (self.client_end(), self.server_end());
        let number = event.acknowledgment();
        let before = if server.has(Facts::ACK) { server.ack } else { client.nxt };
        let takes = number.is_after(before) || client.has(Facts::PAYLOAD) && number == client.nxt;
        let exceeds =
            || server.has(Facts::SYN_ACK) && event.end().since(server.iss + 1) > WINDOW_OF_SYN;
        takes || exceeds() || self.echoes_final_ack(event)
    }

    /// The server sends data before its SYN/ACK arrives, or was captured: the client drops it, and stays
    /// in SYN-SENT.
    pub(crate) fn note_early(&mut self, event: &Event<'_>) {
        let server = self.server_end();
        let sends = event.payload > 0 || event.has(TcpFlags::FIN);
        if !sends || server.has(Facts::SYN) || self.handshake.has(Handshake::COMPLETE) {
            return;
        }
        let again = server.has(Facts::EARLY) && !event.end().is_after(server.nxt);
        let server = self.server_end_mut();
        server.facts |= Facts::EARLY;
        server.facts.set(Facts::EARLY_AGAIN, again || server.has(Facts::EARLY_AGAIN));
        if server.state == State::Listen {
            server.assume(State::SynReceived);
        }
    }
}
