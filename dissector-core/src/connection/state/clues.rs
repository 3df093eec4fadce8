//! Facts about a connection that are remembered only because they tell its cause: no rule needs them.

use crate::vocabulary::Side;
use crate::wire::SeqNumber;

bitflags::bitflags! {
    /// Facts that tell a cause.
    #[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
    pub(crate) struct Clue: u32 {
        /// The client's SYN carries a signature: TCP-MD5 or TCP-AO.
        const SIGNED_BY_CLIENT = 1 << 0;
        /// The server's SYN/ACK does.
        const SIGNED_BY_SERVER = 1 << 1;
        /// The SYN/ACK's window is 0.
        const WINDOW_ZERO = 1 << 2;
        /// The final ACK lacks the timestamps that were negotiated.
        const TIMESTAMPS_GONE = 1 << 3;
        /// The SYN/ACK was repeated after the client had sent data.
        const DATA_NOT_TAKEN = 1 << 5;
        /// The SYN/ACK was repeated after the client had answered its first repetition.
        const ANSWERED_IN_BETWEEN = 1 << 6;
        /// The ICMP error comes from the server's address.
        const ICMP_FROM_SERVER = 1 << 7;
        /// The server holds the predecessor in TIME-WAIT, and the SYN's number is behind.
        const NUMBER_BEHIND = 1 << 8;
        /// The server holds the predecessor in TIME-WAIT, and the SYN's timestamp is behind.
        const TSVAL_BEHIND = 1 << 9;
        /// The believed RST carries a text.
        const RST_TEXT = 1 << 10;
        /// It carries a reason of MPTCP.
        const RST_MPTCP = 1 << 11;
        /// It carries timestamps.
        const RST_TIMESTAMPS = 1 << 12;
        /// Its sequence number is 0.
        const RST_FROM_ZERO = 1 << 13;
        /// Its number is what the other end has acknowledged, and it has no ACK.
        const RST_REFLEX = 1 << 14;
        /// Its TTL is that of another segment of its sender.
        const RST_TTL_FITS = 1 << 15;
        /// Its TTL is not.
        const RST_TTL_DIFFERS = 1 << 16;
        /// It answers octets that its sender has not acknowledged, after its FIN.
        const RST_TO_DATA_AFTER_FIN = 1 << 17;
        /// It answers the other end's FIN, after its sender's own.
        const RST_TO_FIN_AFTER_FIN = 1 << 18;
        /// Its sender has sent nothing since a long silence that the other end broke.
        const RST_AFTER_SILENCE = 1 << 19;
    }
}

impl Clue {
    /// All that is known of the believed RST.
    pub const OF_RST: Self = Self::RST_TEXT
        .union(Self::RST_MPTCP)
        .union(Self::RST_TIMESTAMPS)
        .union(Self::RST_FROM_ZERO)
        .union(Self::RST_REFLEX)
        .union(Self::RST_TTL_FITS)
        .union(Self::RST_TTL_DIFFERS)
        .union(Self::RST_TO_DATA_AFTER_FIN)
        .union(Self::RST_TO_FIN_AFTER_FIN)
        .union(Self::RST_AFTER_SILENCE);

    pub const fn signed_by(side: Side) -> Self {
        match side {
            Side::Client => Self::SIGNED_BY_CLIENT,
            Side::Server => Self::SIGNED_BY_SERVER,
        }
    }
}

/// Facts that tell a cause, and their times.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clues {
    pub facts: Clue,
    /// The client's count of segments, modulo 256, when the SYN/ACK was first repeated after the final ACK.
    pub sent_before_repeat: u8,
    /// The segments of each end since the other's last one.
    pub unanswered: [Unanswered; 2],
    /// The same of the end that sent the believed RST, before that.
    pub before_rst: Unanswered,
    /// From the first SYN/ACK to its first repetition after the final ACK, in nanoseconds.
    pub first_repeat_ns: i64,
    /// From the segment before the believed RST to it, in nanoseconds.
    pub silence_ns: i64,
}

/// Segments of one end that ask for an answer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Unanswered {
    /// Keep-alives since the other end's last segment.
    pub keep_alives: u8,
    /// Segments with data that was sent before, likewise.
    pub repetitions: u8,
    /// The other end's count of segments, modulo 256, at that time.
    pub received: u8,
}

/// The memory that an end in TIME-WAIT has of the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimeWait {
    /// The number after its last octet and its FIN.
    pub next: SeqNumber,
    /// Its last known timestamp.
    pub timestamp: Option<u32>,
}
