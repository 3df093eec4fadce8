//! The state of one endpoint, as far as the capture shows it.

use crate::connection::state::copies::Content;
use crate::connection::state::offer::Offer;
use crate::vocabulary::{Stage, State};
use crate::wire::SeqNumber;

bitflags::bitflags! {
    /// Kinds of segments that one endpoint has sent, and which of them the other has acknowledged.
    #[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
    pub(crate) struct Facts: u32 {
        /// Any segment.
        const SENT = 1 << 0;
        /// A SYN, with or without ACK.
        const SYN = 1 << 1;
        /// A SYN with ACK that is acceptable, or whose acceptability cannot be told.
        const SYN_ACK = 1 << 2;
        /// Its initial sequence number is known, from its SYN or from what acknowledges it.
        const ISS_KNOWN = 1 << 3;
        /// Its SYN was acknowledged by the other end.
        const SYN_ACKED = 1 << 4;
        /// A FIN.
        const FIN = 1 << 5;
        /// Its FIN was acknowledged by the other end.
        const FIN_ACKED = 1 << 6;
        /// A segment with ACK that is no RST.
        const ACK = 1 << 7;
        /// A segment that is no RST: its TTL is known.
        const TTL = 1 << 8;
        /// A SYN/ACK that does not acknowledge the SYN.
        const BAD_SYN_ACK = 1 << 9;
        /// A challenge ACK.
        const CHALLENGE = 1 << 10;
        /// A segment that is neither SYN nor RST.
        const MORE = 1 << 11;
        /// Payload after its SYN.
        const PAYLOAD = 1 << 12;
        /// Payload in its SYN.
        const SYN_PAYLOAD = 1 << 13;
        /// A segment without the timestamps that were negotiated.
        const TS_DROPPED = 1 << 14;
        /// A window that is subject to scaling: not that of a SYN (RFC 7323 §2.2).
        const SCALED = 1 << 15;
        /// Its own segments prove its state.
        const PROVEN = 1 << 16;
        /// A SYN or SYN/ACK whose first copy was captured.
        const COPY = 1 << 17;
        /// The first copy carried a timestamp.
        const COPY_TIMESTAMP = 1 << 18;
        /// The first copy was answered before the second was sent.
        const COPY_ANSWERED = 1 << 19;
        /// Its FIN came after the other end's, and after the acknowledgment of that.
        const SECOND_FIN = 1 << 20;
        /// Its FIN was the first to acknowledge the other end's.
        const FIN_AND_ACK = 1 << 21;
        /// Its FIN was sent without knowing of the other end's.
        const FIN_SIMULTANEOUS = 1 << 22;
        /// A segment under way to it will take it to SYN-RECEIVED.
        const TO_SYN_RECEIVED = 1 << 23;
        /// A segment under way to it will take it to ESTABLISHED.
        const TO_ESTABLISHED = 1 << 24;
        /// A segment under way to it will take it to CLOSING.
        const TO_CLOSING = 1 << 25;
        /// Data before its SYN/ACK, which the SYN allows (Fast Open).
        const EARLY = 1 << 26;
        /// The same data again, or the client's SYN after it.
        const EARLY_AGAIN = 1 << 27;
        /// Its final ACK carries a later timestamp than all copies of its SYN: `copy_timestamp`
        /// is that of the final ACK from then on.
        const ACK_NEWER = 1 << 28;
        /// The other end has broken a long silence, and this one has sent nothing since.
        const AWAITED = 1 << 29;
        /// A FIN of it may be missing from the capture.
        const MAY_HAVE_CLOSED = 1 << 30;
        /// The last segment was behind the clock; stored with the client for both.
        const LAGS = 1 << 31;
        /// A segment under way to it will take it to another state.
        const UPCOMING =
            Self::TO_SYN_RECEIVED.bits() | Self::TO_ESTABLISHED.bits() | Self::TO_CLOSING.bits();
    }
}

/// One end of a connection, in half a cache line. Values that the others usually imply are stored in
/// [`Extra`](crate::connection::state::extra::Extra) where they do not.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    /// Initial sequence number; means something with [`Facts::ISS_KNOWN`].
    pub iss: SeqNumber,
    /// Highest sequence number sent, plus one; means something once anything was sent.
    pub nxt: SeqNumber,
    /// Highest acknowledgment number sent; means something with [`Facts::ACK`].
    pub ack: SeqNumber,
    /// Timestamp of the first copy of its SYN or SYN/ACK, or of its FIN on a connection that came up;
    /// means something with [`Facts::COPY_TIMESTAMP`]. With [`Facts::ACK_NEWER`], timestamp of its
    /// final ACK.
    pub copy_timestamp: u32,
    pub facts: Facts,
    /// Options and ECN bits of its SYN.
    pub offer: Offer,
    /// Window of its last segment with ACK, not scaled.
    pub window: u16,
    /// The numbers of SYNs without and with ACK that it has sent; if one is [`MANY`],
    /// [`Extra`](crate::connection::state::extra::Extra) has the number.
    pub syns: [u8; 2],
    /// TTL of its last segment that is no RST; valid only with [`Facts::TTL`].
    pub ttl: u8,
    /// The number of segments that it has sent, modulo 256, to distinguish duplicates from
    /// retransmissions.
    pub sent: u8,
    /// Copies of the current SYN or FIN after the first.
    pub retries: u8,
    pub state: State,
}

/// This value stands for itself and all larger numbers.
pub(crate) const MANY: u8 = u8::MAX;

const STAGE_OF_FIN: Facts =
    Facts::SECOND_FIN.union(Facts::FIN_AND_ACK).union(Facts::FIN_SIMULTANEOUS);

impl Endpoint {
    pub fn new(state: State) -> Self {
        Self {
            iss: SeqNumber(0),
            nxt: SeqNumber(0),
            ack: SeqNumber(0),
            copy_timestamp: 0,
            facts: Facts::empty(),
            offer: Offer::default(),
            window: 0,
            syns: [0; 2],
            ttl: 0,
            sent: 0,
            retries: 0,
            state,
        }
    }

    #[inline]
    pub const fn has(&self, facts: Facts) -> bool {
        self.facts.contains(facts)
    }

    #[inline]
    pub const fn has_any(&self, facts: Facts) -> bool {
        self.facts.intersects(facts)
    }

    /// Whether its own segments prove its state.
    #[inline]
    pub const fn proven(&self) -> bool {
        self.has(Facts::PROVEN)
    }

    /// Its own segment shows this state.
    pub fn prove(&mut self, state: State) {
        self.state = state;
        self.facts = self.facts.difference(Facts::UPCOMING) | Facts::PROVEN;
    }

    /// A segment that it should receive takes it to this state.
    pub fn assume(&mut self, state: State) {
        self.state = state;
        self.facts -= Facts::PROVEN;
    }

    /// The state that a segment under way will take it to, from the next segment of the connection
    /// on.
    pub fn upcoming(&self) -> Option<State> {
        match self.facts & Facts::UPCOMING {
            Facts::TO_SYN_RECEIVED => Some(State::SynReceived),
            Facts::TO_ESTABLISHED => Some(State::Established),
            Facts::TO_CLOSING => Some(State::Closing),
            _ => None,
        }
    }

    pub fn set_upcoming(&mut self, fact: Facts) {
        self.facts = self.facts.difference(Facts::UPCOMING) | fact;
    }

    #[inline(always)]
    pub fn count_sent(&mut self) {
        self.sent = self.sent.wrapping_add(1);
    }

    /// The segment that was under way to it has arrived.
    pub fn arrive(&mut self) {
        if let Some(state) = self.upcoming() {
            self.set_upcoming(Facts::empty());
            self.assume(state);
        }
    }

    /// The stage of its FIN.
    pub fn fin_stage(&self) -> Stage {
        match self.facts & (Facts::FIN | STAGE_OF_FIN) {
            Facts::FIN => Stage::Fin,
            facts if facts.contains(Facts::SECOND_FIN) => Stage::SecondFin,
            facts if facts.contains(Facts::FIN_AND_ACK) => Stage::FinAndAck,
            facts if facts.contains(Facts::FIN_SIMULTANEOUS) => Stage::FinSimultaneous,
            _ => Stage::None,
        }
    }

    /// It sends a FIN of this stage.
    pub fn take_fin(&mut self, stage: Stage) {
        let fact = match stage {
            Stage::SecondFin => Facts::SECOND_FIN,
            Stage::FinAndAck => Facts::FIN_AND_ACK,
            Stage::FinSimultaneous => Facts::FIN_SIMULTANEOUS,
            _ => Facts::empty(),
        };
        self.facts = self.facts.difference(STAGE_OF_FIN | Facts::FIN_ACKED) | Facts::FIN | fact;
        self.retries = 0;
    }

    /// Its FIN did not count.
    pub fn forget_fin(&mut self) {
        self.facts -= STAGE_OF_FIN | Facts::FIN_ACKED | Facts::FIN;
    }

    /// The first answer to its SYN came, which has no other copy that the answer could be for.
    pub fn answer_copy(&mut self) {
        self.facts.set(Facts::COPY_ANSWERED, self.has(Facts::COPY));
    }

    /// The content of its SYN.
    pub fn content(&self) -> Content {
        Content {
            offer: self.offer,
            payload: self.has(Facts::SYN_PAYLOAD),
            synack: self.has(Facts::SYN_ACK),
        }
    }

    /// Whether `number` acknowledges its SYN, and nothing that it has not sent.
    pub fn syn_acknowledged_by(&self, number: SeqNumber) -> bool {
        number.acknowledges(self.iss, self.nxt)
    }
}
