//! The progress of the handshake, and how the connection was opened and closed.

use crate::vocabulary::Side;

bitflags::bitflags! {
    /// Facts about both ends together.
    #[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
    pub(crate) struct Handshake: u16 {
        /// Both SYNs were acknowledged.
        const COMPLETE = 1 << 0;
        /// The final ACK was recognised although the server sent nothing.
        const SYNACK_MISSING = 1 << 1;
        /// After the final ACK, the server repeats its SYN/ACK or has no such connection.
        const REFUTED = 1 << 2;
        /// The SYNs of both ends crossed each other.
        const SIMULTANEOUS = 1 << 3;
        /// The responder acknowledged the SYN before sending its own.
        const SPLIT = 1 << 4;
        /// The SYN carried data, and the SYN/ACK acknowledges some of it.
        const FAST_OPEN = 1 << 5;
        /// A SYN/ACK with acceptable numbers was seen: there is a time of the first.
        const SYNACK_SEEN = 1 << 6;
        /// The server has shown that it took the final ACK.
        const CONFIRMED = 1 << 7;
        /// Both SYNs carry timestamps.
        const TIMESTAMPS = 1 << 8;
        /// Both SYNs join an MPTCP connection.
        const JOIN = 1 << 9;
        /// The server has confirmed an MPTCP join.
        const JOIN_CONFIRMED = 1 << 10;
        /// The final ACK was captured, and acknowledges the client's SYN.
        const OF_CLIENT = 1 << 11;
        /// The final ACK was captured, and acknowledges the server's SYN.
        const OF_SERVER = 1 << 12;
        /// Both ends are one: the same address and port.
        const SELF_CONNECT = 1 << 13;
        /// The client has sent the first FIN.
        const CLOSED_BY_CLIENT = 1 << 14;
        /// The server has sent the first FIN.
        const CLOSED_BY_SERVER = 1 << 15;
    }
}

impl Handshake {
    #[inline]
    pub const fn has(self, flags: Self) -> bool {
        self.contains(flags)
    }

    /// Whether the final ACK was captured, and acknowledges the SYN of `side`.
    pub fn acknowledged(self, side: Side) -> bool {
        self.has(Self::of(side))
    }

    /// Stores whose SYN the final ACK acknowledges; `None` if that SYN was not captured.
    pub fn set_acknowledged(&mut self, side: Option<Side>) {
        *self -= Self::OF_CLIENT | Self::OF_SERVER;
        *self |= side.map_or(Self::empty(), Self::of);
    }

    /// Which end sent the first FIN.
    #[inline]
    pub const fn first_closer(self) -> Option<Side> {
        if self.has(Self::CLOSED_BY_CLIENT) {
            Some(Side::Client)
        } else if self.has(Self::CLOSED_BY_SERVER) {
            Some(Side::Server)
        } else {
            None
        }
    }

    /// Stores which end sent the first FIN.
    pub fn set_first_closer(&mut self, side: Side) {
        *self |= match side {
            Side::Client => Self::CLOSED_BY_CLIENT,
            Side::Server => Self::CLOSED_BY_SERVER,
        };
    }

    /// The FIN of this end, if it was the first, did not count.
    pub fn forget_closer(&mut self, side: Side) {
        *self -= match side {
            Side::Client => Self::CLOSED_BY_CLIENT,
            Side::Server => Self::CLOSED_BY_SERVER,
        };
    }

    const fn of(side: Side) -> Self {
        match side {
            Side::Client => Self::OF_CLIENT,
            Side::Server => Self::OF_SERVER,
        }
    }
}
