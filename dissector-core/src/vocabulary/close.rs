//! How a connection ended, and why an RST was sent.

use crate::vocabulary::advice::{Advice, check};
use crate::vocabulary::enumeration::enumeration;

enumeration! {
    /// How the connection ended.
    Close as "close" {
        /// It did not.
        Open = 0, OPEN, "open";
        /// One side closed; the other has not.
        HalfClosed = 1, HALF_CLOSED, "half_closed";
        /// Both closed, one after the other.
        Fin = 2, FIN, "fin";
        /// Both closed, the last FIN was not acknowledged.
        FinUnacked = 3, FIN_UNACKED, "fin_unacked";
        /// Both closed at once.
        Simultaneous = 4, SIMULTANEOUS, "simultaneous";
        /// Reset.
        Rst = 5, RST, "rst";
        /// Reset after a FIN.
        RstAfterFin = 6, RST_AFTER_FIN, "rst_after_fin";
    }
}

impl Close {
    /// The same for a connection that came up, where its end gives reason to look further.
    pub const fn advice(self) -> Option<&'static Advice> {
        match self {
            Self::HalfClosed => Some(&HALF_CLOSED),
            Self::FinUnacked => Some(&FIN_UNACKED),
            Self::Rst => Some(&RST),
            Self::Open | Self::Fin | Self::Simultaneous | Self::RstAfterFin => None,
        }
    }
}

enumeration! {
    /// Why an RST was sent.
    RstReason as "rst_reason" {
        /// In reply to a SYN: nobody listens.
        PortClosed = 0, PORT_CLOSED, "port_closed";
        /// The handshake was given up.
        HandshakeAbort = 1, HANDSHAKE_ABORT, "handshake_abort";
        /// Tells the peer that the connection it still holds is gone.
        HalfOpenDiscovery = 2, HALF_OPEN_DISCOVERY, "half_open_discovery";
        /// A bare RST with the peer's ACK as its sequence number: the sender knows no such connection.
        NoConnection = 3, NO_CONNECTION, "no_connection";
        /// RST with ACK: the owner of the connection gave it up.
        Abort = 4, ABORT, "abort";
        /// After the sender's own FIN.
        AfterFin = 5, AFTER_FIN, "after_fin";
        /// Its numbers fit nothing that the receiver would accept.
        Unacceptable = 6, UNACCEPTABLE, "unacceptable";
    }
}

const HALF_CLOSED: Advice = Advice {
    means: "One side has closed, the other has not: it sits in CLOSE-WAIT and may still send. That is \
            legal, and short-lived where a program uses shutdown() on purpose. Where it lasts, the \
            other program has not noticed the end, or has forgotten to close its socket.",
    causes: &[
        "The program that should close does not: a leak of sockets, or it is busy.",
        "The capture ends before the second FIN.",
    ],
    checks: &[check(
        "On the side that has not closed: do connections in CLOSE-WAIT pile up, and whose are they?",
        "ss -tnp state close-wait",
    )],
};

const FIN_UNACKED: Advice = Advice {
    means: "Both sides closed, but nobody acknowledged the last FIN: it was lost, or the capture ends \
            too soon.",
    causes: &[],
    checks: &[],
};

const RST: Advice = Advice {
    means: "The connection came up and was then reset instead of closed: whoever had not read \
            everything by then got an error (ECONNRESET).",
    causes: &[
        "The program that reset it closed its socket with octets unread, or asked for it (SO_LINGER \
         with 0), or crashed.",
        "A time-out of a firewall, proxy or load balancer in between, after a long silence.",
        "The host that reset it had lost the connection: restarted, or the packets went to another \
         machine.",
    ],
    checks: &[
        check(
            "How long was it silent before the RST? A round number of seconds is a time-out.",
            "",
        ),
        check(
            "Is the RST the host's own? Compare its TTL with that host's other packets; in Wireshark, \
             tcphs.rst.ttl_delta says the difference.",
            "",
        ),
        check("What does the application's log say at that time?", ""),
    ],
};
