//! Header prediction: most segments of an open connection move nothing but sequence numbers.

use crate::connection::event::Event;
use crate::connection::state::Connection;
use crate::connection::state::endpoint::Facts;
use crate::connection::state::handshake::Handshake;
use crate::vocabulary::State;
use crate::wire::TcpFlags;

/// The flags that decide the kind of a segment.
const KINDS: TcpFlags =
    TcpFlags::SYN.union(TcpFlags::ACK).union(TcpFlags::FIN).union(TcpFlags::RST);

/// The flags of the handshake that an open connection has, and all those that decide whether the
/// rules are needed.
const OPEN: Handshake = Handshake::COMPLETE.union(Handshake::CONFIRMED);
const LOOKED_AT: Handshake = OPEN
    .union(Handshake::REFUTED)
    .union(Handshake::SELF_CONNECT)
    .union(Handshake::JOIN)
    .union(Handshake::CLOSED_BY_CLIENT)
    .union(Handshake::CLOSED_BY_SERVER);

impl Connection {
    /// Whether [`account`](Self::account) has the same effect on a segment as all rules: an ACK,
    /// with or without data, on a connection that both ends have shown to be ESTABLISHED.
    #[inline(always)]
    pub(crate) fn predicts(&self, event: &Event<'_>) -> bool {
        let [client, server] = &self.ends;
        let facts = client.facts & server.facts;
        event.segment.flags & KINDS == TcpFlags::ACK
            && self.handshake & LOOKED_AT == OPEN
            && [client.state, server.state] == [State::Established; 2]
            && facts.contains(Facts::PROVEN | Facts::SENT)
            && (event.timestamps.is_some() || !self.handshake.has(Handshake::TIMESTAMPS))
            && !self.shows_gap(event)
            && self.extra.as_ref().is_none_or(|extra| extra.is_undisturbed(self.packets))
            && is_allowed()
    }
}

/// False in a test that sends everything through the rules, to compare.
#[inline(always)]
fn is_allowed() -> bool {
    #[cfg(test)]
    {
        let is_allowed = !tests::WITHOUT_PREDICTION.get();
        tests::PREDICTED.set(tests::PREDICTED.get() + u32::from(is_allowed));
        is_allowed
    }
    #[cfg(not(test))]
    true
}

#[cfg(test)]
mod tests;
