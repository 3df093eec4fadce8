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
    /// Advice on how an open connection ended; `None` if the end is nothing to look into.
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
        /// In reply to a SYN: nothing listens on the port.
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
    means: "One side has closed, and the other has not: it is in CLOSE-WAIT and may still send. That \
            is legal, and brief where a program uses shutdown() on purpose. If it lasts, the other \
            program has not noticed the end, or has forgotten to close its socket.",
    causes: &[
        "The program that should close its socket does not: it leaks sockets, or is busy.",
        "The capture ends before the second FIN.",
    ],
    checks: &[check(
        "On the side that has not closed: do connections in CLOSE-WAIT pile up, and which program \
         owns them?",
        "ss -tnp state close-wait",
    )],
};

const FIN_UNACKED: Advice = Advice {
    means: "Both sides closed, but the last FIN was not acknowledged: it was lost, or the capture \
            ends too soon.",
    causes: &[],
    checks: &[],
};

const RST: Advice = Advice {
    means: "The connection came up and was then reset instead of closed: a program that had not \
            read everything by then got an error (ECONNRESET).",
    causes: &[
        "The program that reset it closed its socket with unread octets, requested a reset \
         (SO_LINGER with 0), or crashed.",
        "A firewall, proxy or load balancer on the path timed out after a long silence.",
        "The host that reset it had lost the connection: it restarted, or the packets reached \
         another machine.",
    ],
    checks: &[
        check(
            "How long was the connection silent before the RST? A round number of seconds points to \
             a time-out.",
            "",
        ),
        check(
            "Does the RST come from the host itself? Compare its TTL with that of the host's other \
             packets; in Wireshark, tcphs.rst.ttl_delta is the difference.",
            "",
        ),
        check("What does the application's log say about that time?", ""),
    ],
};
