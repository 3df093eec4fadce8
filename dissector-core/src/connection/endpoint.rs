//! What is known of one end of a connection.

use super::names::{Stage, State};
use super::offer::Offer;
use super::times::{Content, FirstCopy};
use crate::wire::SeqNumber;

bitflags::bitflags! {
    /// What one end has sent, and what the other has said of it.
    #[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
    pub(super) struct Facts: u16 {
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
        /// Something besides SYNs and RSTs.
        const MORE = 1 << 11;
        /// Payload after its SYN.
        const PAYLOAD = 1 << 12;
        /// Payload in its SYN.
        const SYN_PAYLOAD = 1 << 13;
        /// A segment without the timestamps that were negotiated.
        const TS_DROPPED = 1 << 14;
        /// A window that is subject to scaling: not that of a SYN (RFC 7323 §2.2).
        const SCALED = 1 << 15;
    }
}

/// One end of a connection.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    /// Initial sequence number; means something with [`Facts::ISS_KNOWN`].
    pub iss: SeqNumber,
    /// Highest sequence number sent, plus one; means something once anything was sent.
    pub nxt: SeqNumber,
    /// Highest acknowledgment number sent; means something with [`Facts::ACK`].
    pub ack: SeqNumber,
    /// Sequence number after the FIN; means something with [`Facts::FIN`].
    pub fin_end: SeqNumber,
    /// Time of the last copy of its SYN, SYN/ACK or FIN.
    pub last_copy_ns: i64,
    /// Window of its last segment with ACK, not scaled.
    pub window: u16,
    /// SYNs without ACK.
    pub syn_count: u16,
    /// SYNs with ACK.
    pub synack_count: u16,
    pub facts: Facts,
    /// What its SYN offers.
    pub offer: Offer,
    /// TTL of its last segment that is no RST; means something with [`Facts::TTL`].
    pub ttl: u8,
    /// The first copy of its SYN or SYN/ACK.
    pub first_copy: FirstCopy,
    /// How many segments it has sent, in a circle: what [`Recent`](super::duplicate::Recent)
    /// counts by.
    pub sent: u8,
    /// Copies of the current SYN or FIN after the first.
    pub retries: u8,
    pub state: State,
    /// Whether its own segments prove its state.
    pub proven: bool,
    /// Stage of its FIN.
    pub fin_stage: Stage,
    /// State it is taken to reach once what is under way to it has arrived; from the next segment
    /// of the connection on.
    pub upcoming: Option<State>,
}

impl Endpoint {
    pub fn new(state: State) -> Self {
        Self {
            iss: SeqNumber(0),
            nxt: SeqNumber(0),
            ack: SeqNumber(0),
            fin_end: SeqNumber(0),
            last_copy_ns: 0,
            window: 0,
            syn_count: 0,
            synack_count: 0,
            facts: Facts::empty(),
            offer: Offer::default(),
            ttl: 0,
            first_copy: FirstCopy::default(),
            sent: 0,
            retries: 0,
            state,
            proven: false,
            fin_stage: Stage::None,
            upcoming: None,
        }
    }

    #[inline]
    pub const fn has(&self, facts: Facts) -> bool {
        self.facts.contains(facts)
    }

    /// Its own segment shows this state.
    pub fn prove(&mut self, state: State) {
        self.state = state;
        self.proven = true;
        self.upcoming = None;
    }

    /// A segment that it should receive takes it to this state.
    pub fn assume(&mut self, state: State) {
        self.state = state;
        self.proven = false;
    }

    /// What its SYN says.
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

    /// Whether `number` acknowledges its FIN, and nothing that it has not sent.
    pub fn fin_acknowledged_by(&self, number: SeqNumber) -> bool {
        self.has(Facts::FIN) && number.acknowledges(self.fin_end - 1, self.nxt)
    }
}
