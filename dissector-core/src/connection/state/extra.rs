//! State that few connections need, heap-allocated on first use.

use std::num::NonZero;

use crate::connection::state::clues::Clues;
use crate::connection::state::copies::{FirstCopy, FurtherCopies};
use crate::connection::state::gaps::Gaps;
use crate::connection::state::handshake::Handshake;
use crate::connection::state::offer::Offer;
use crate::connection::state::timestamps::Exact;
use crate::connection::verdict::summary::IcmpSeen;
use crate::vocabulary::{FindingSet, RstReason, Side, State};
use crate::wire::SeqNumber;

#[derive(Clone, Debug, Default)]
pub(crate) struct Extra {
    /// The first RST that the receiver had to accept.
    pub reset: Option<Reset>,
    /// RSTs of which it is not certain what became of them.
    doubts: Option<Box<Doubts>>,
    /// RSTs and ACKs that answer each other.
    pub rounds: Rounds,
    /// Frame of an RST in spite of which the connection went on; [`SEVERAL`] if there were more.
    pub ignored_rst_frame: u32,
    /// Frame of the first ICMP error that quotes the SYN.
    pub icmp_frame: u32,
    /// The first ICMP error that quotes the SYN.
    pub icmp: Option<IcmpSeen>,
    /// SYN/ACKs of each end with other initial sequence numbers than the one that counts.
    others: Option<Box<[Vec<Other>; 2]>>,
    /// Octets of each end that are missing from the capture.
    gaps: Option<Box<[Gaps; 2]>>,
    /// Copies of each end's SYN or SYN/ACK after the first.
    copies: [Option<Box<FurtherCopies>>; 2],
    /// Times that do not follow from others.
    pub exact: Exact,
    /// The numbers of SYNs without and with ACK of each end, if they do not fit into its `syns`.
    pub syns: [[u16; 2]; 2],
    /// Sequence number after each end's FIN, if that is not its highest.
    pub fin_end: [Option<SeqNumber>; 2],
    /// SYN/ACKs repeated after the final ACK.
    pub repeats: u8,
    /// The server's doing, as they show it.
    pub after_ack: AfterAck,
    /// The unusual features of the opening.
    pub opening: Opening,
    /// RSTs that refused the SYN.
    pub refusals: u8,
    /// The handshake was completed after an RST that had arrived: nothing came up.
    pub is_void: bool,
    /// How often the client has sent its first data again.
    pub data_repeats: u8,
    /// The numbers on the other side of a device that rewrites them, where both sides were captured.
    pub renumbered: Option<Box<Renumbered>>,
    /// Segments of both sides, in units of 2^32.
    pub packets: u32,
    /// How far the clock was ahead of the last segment, in nanoseconds.
    pub lag_ns: i64,
    /// The clock when the connection left its table, if it was not silent for long by then.
    pub left_ns: Option<NonZero<i64>>,
    /// The facts that tell the cause.
    clues: Option<Box<Clues>>,
}

impl Extra {
    pub fn others(&self, side: Side) -> &[Other] {
        self.others.as_ref().map_or(&[], |others| &others[side as usize])
    }

    pub fn others_mut(&mut self, side: Side) -> &mut Vec<Other> {
        &mut self.others.get_or_insert_default()[side as usize]
    }

    /// The RST that may have been believed.
    pub fn doubtful_reset(&self) -> Option<Reset> {
        self.doubts()?.reset
    }

    pub fn doubts(&self) -> Option<&Doubts> {
        self.doubts.as_deref()
    }

    pub fn doubts_mut(&mut self) -> &mut Doubts {
        self.doubts.get_or_insert_default()
    }

    pub fn gaps(&self, side: Side) -> Option<&Gaps> {
        self.gaps.as_ref().map(|gaps| &gaps[side as usize])
    }

    pub fn gaps_mut(&mut self, side: Side) -> &mut Gaps {
        &mut self.gaps.get_or_insert_default()[side as usize]
    }

    /// Whether there is no RST to which the next segment, after this many, may be an answer.
    #[inline]
    pub fn is_undisturbed(&self, packets: u32) -> bool {
        let has_doubts = self.doubts.as_ref().is_some_and(|doubts| doubts.are_open());
        self.reset.is_none() && !has_doubts && self.rounds.after != packets
    }

    pub fn copies(&self, side: Side) -> Option<&FurtherCopies> {
        self.copies[side as usize].as_deref()
    }

    pub fn copies_mut(&mut self, side: Side) -> &mut FurtherCopies {
        self.copies[side as usize].get_or_insert_default()
    }

    /// Forgets the copies of the SYN or SYN/ACK of `side`, and SYN/ACKs with other numbers.
    pub fn forget_copies(&mut self, side: Side) {
        self.copies[side as usize] = None;
        if let Some(others) = &mut self.others {
            others[side as usize].clear();
        }
    }

    pub fn clues(&self) -> Option<&Clues> {
        self.clues.as_deref()
    }

    pub fn clues_mut(&mut self) -> &mut Clues {
        self.clues.get_or_insert_default()
    }

    /// Both ends are one: what is known of the client is known of the server.
    pub fn mirror(&mut self) {
        if let Some(others) = &mut self.others {
            others[1] = others[0].clone();
        }
        self.copies[1] = self.copies[0].clone();
        self.syns[1] = self.syns[0];
        self.fin_end[1] = self.fin_end[0];
    }
}

bitflags::bitflags! {
    /// Facts about the opening of few connections.
    #[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
    pub(crate) struct Opening: u8 {
        /// An older connection on the same addresses and ports goes on behind the last SYN, or has
        /// challenged it: no further ACK challenges it.
        const CHALLENGED = 1 << 0;
        /// The end that should answer the SYN has sent a segment of an older connection.
        const ANSWERED_BY_OLDER = 1 << 1;
        /// The end that sent the SYN goes on with the older connection.
        const STRAY = 1 << 2;
        /// The last SYN/ACK echoes a timestamp that the client cannot have sent.
        const BAD_ECHO = 1 << 3;
        /// The client has refused such a SYN/ACK.
        const ECHO_REFUSED = 1 << 4;
        /// The client has sent a SYN with another number instead of waiting for an answer.
        const SUPERSEDED = 1 << 5;
    }
}

bitflags::bitflags! {
    /// Facts about a server that repeats its SYN/ACK after the final ACK.
    #[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
    pub(crate) struct AfterAck: u8 {
        /// The final ACK arrived.
        const ARRIVED = 1 << 0;
        /// The server waits for data before it accepts the connection.
        const DEFERRED = 1 << 1;
        /// The client has answered the last repetition.
        const ANSWERED = 1 << 2;
        /// The server may wait for data, or the final ACK was lost.
        const MAY_BE_DEFERRED = 1 << 3;
    }
}

/// The numbers of a connection on both sides of a device that rewrites them.
#[derive(Clone, Debug)]
pub(crate) struct Renumbered {
    /// The client's numbers on the far side, less those on the near side, where its first SYN was
    /// captured.
    pub client: u32,
    /// The server's initial sequence number on the near and on the far side.
    pub server: [Option<SeqNumber>; 2],
}

/// RSTs of which it is not certain what became of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Doubts {
    /// An RST in the window of its receiver, but not with the number that the receiver expects next, as
    /// long as its receiver has sent nothing after it but one challenge ACK.
    ///
    /// RFC 5961 §3.2: "If the RST bit is set and the sequence number does not exactly match the next
    /// expected sequence value, yet is within the current receive window, TCP MUST send an acknowledgment
    /// (challenge ACK)". Older stacks believe it.
    pub reset: Option<Reset>,
    /// The receiver has sent that ACK, or has gone on after an earlier RST: whatever it sends next shows
    /// that it still has the connection.
    pub challenged: bool,
    /// A believed RST after which its sender went on.
    pub passed: Option<Passed>,
    /// RSTs that answer the SYN, and that the client has to ignore.
    pub rejected: Option<Rejected>,
}

impl Doubts {
    /// Whether the next segment may decide something.
    fn are_open(&self) -> bool {
        self.reset.is_some() || self.passed.is_some()
    }
}

/// A believed RST after which its sender went on: it did not arrive, unless the other end shows that it
/// has no connection any more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Passed {
    pub reset: Reset,
    /// The state before the sender went on.
    pub handshake: Handshake,
    pub findings: FindingSet,
    /// Which ends had sent a FIN.
    pub fins: [bool; 2],
    pub ignored_rst_frame: u32,
    /// When the sender went on, and the acknowledgment number of the last segment that it has sent.
    pub time_ns: i64,
    pub acknowledged: Option<SeqNumber>,
    /// How far the sender had got with the RST.
    pub nxt: SeqNumber,
}

/// RSTs that answer the SYN, and that the client has to ignore.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rejected {
    pub count: u8,
    /// Frame and acknowledgment number of the first.
    pub frame: u32,
    pub acknowledgment: Option<SeqNumber>,
}

/// RSTs of one end, each answered at once by an ACK of the other that the next RST answers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rounds {
    /// How many segments of the connection there were with the last RST or ACK.
    pub after: u32,
    /// Pairs of RST and ACK.
    pub pairs: u8,
    /// The end that sends the RSTs.
    pub by: Option<Side>,
}

/// An RST that its receiver has to believe, or may.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Reset {
    pub frame: u32,
    pub by: Side,
    pub reason: RstReason,
    /// It carried no ACK.
    pub bare: bool,
    /// It acknowledges octets of the other end that nothing had acknowledged before.
    pub acknowledges_data: bool,
    /// The server had proved before it that it accepted the connection.
    pub after_confirmation: bool,
    /// It refused a SYN that the client has sent again since.
    pub asked_again: bool,
    /// The other end has shown that it arrived.
    pub has_arrived: bool,
    pub ttl: u8,
    pub window: u16,
    pub time_ns: i64,
    /// State of each end before it, and whether that was proven: the RST may be refuted.
    pub before: [(State, bool); 2],
}

/// A SYN/ACK with another initial sequence number than the one that counts: of another responder,
/// of a responder that forgot the first, or one that does not acknowledge the SYN.
#[derive(Clone, Debug)]
pub(crate) struct Other {
    pub iss: SeqNumber,
    /// It acknowledges the SYN.
    pub acceptable: bool,
    pub offer: Offer,
    pub first_copy: FirstCopy,
    pub copies: FurtherCopies,
    pub last_copy_ns: i64,
    pub retries: u8,
}

impl Reset {
    /// Whether it refused the SYN.
    pub fn is_refusal(&self) -> bool {
        self.by == Side::Server && self.reason == RstReason::PortClosed
    }
}

/// Stands for the frames of several RSTs.
pub(crate) const SEVERAL: u32 = u32::MAX;

/// More responders than any service has; beyond that, the oldest is forgotten.
pub(crate) const MOST_OTHERS: usize = 8;
