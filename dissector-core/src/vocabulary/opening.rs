//! How a connection was opened, and what became of ECN.

use crate::vocabulary::enumeration::enumeration;

enumeration! {
    /// How the connection was opened.
    OpenType as "open_type" {
        /// SYN, SYN/ACK, ACK.
        ThreeWay = 0, THREE_WAY, "three_way";
        /// With data in the SYN that the server accepted (RFC 7413).
        FastOpen = 1, FAST_OPEN, "fast_open";
        /// Both sent a SYN before seeing the other's.
        Simultaneous = 2, SIMULTANEOUS, "simultaneous";
        /// The responder sent its ACK and its SYN apart.
        Split = 3, SPLIT, "split";
        /// Both ends are the same address and port.
        SelfConnect = 4, SELF_CONNECT, "self_connect";
        /// A further subflow of an MPTCP connection.
        MpJoin = 5, MP_JOIN, "mp_join";
        /// Not seen.
        Unknown = 6, UNKNOWN, "unknown";
    }
}

enumeration! {
    /// Result of the negotiation of explicit congestion notification.
    Ecn as "ecn" {
        /// The handshake was not seen.
        Unknown = 0, UNKNOWN, "unknown";
        /// Not asked for.
        None = 1, NONE, "none";
        /// Classic ECN (RFC 3168).
        Classic = 2, CLASSIC, "classic";
        /// Accurate ECN (RFC 9768).
        AccEcn = 3, ACC_ECN, "accecn";
        /// Asked for, and refused by the server.
        Refused = 4, REFUSED, "refused";
        /// The SYN/ACK reflects the SYN's bits: a broken responder.
        Broken = 5, BROKEN, "broken";
    }
}
