//! How a connection ended, and why an RST was sent.

use crate::vocabulary::advice::{Advice, check};
use crate::vocabulary::cause::Cause;
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
            Self::RstAfterFin => Some(&RST_AFTER_FIN),
            Self::Open | Self::Fin | Self::Simultaneous => None,
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
        /// The owner of the connection, or a device in its name, gave it up.
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
    causes: &[Cause::CaptureEnded, Cause::SocketLeak],
    checks: &[check(
        "On the side that has not closed: do connections in CLOSE-WAIT pile up, and which program \
         owns them?",
        "ss -tnp state close-wait",
    )
    .about(&[Cause::SocketLeak])],
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
        Cause::ProgramAborts,
        Cause::IdleTimeout,
        Cause::ConnectionForgotten,
        Cause::PeerSilent,
        Cause::DeviceRefuses,
        Cause::RstInjected,
        Cause::TurnedAway,
        Cause::NotNeeded,
        Cause::SynProxy,
    ],
    checks: &[
        check(
            "How long was the connection silent before the RST? A round number of seconds points to \
             a time-out.",
            "",
        )
        .about(&[Cause::IdleTimeout, Cause::PeerSilent]),
        check(
            "Does the RST come from the host itself? Compare its TTL with that of the host's other \
             packets; in Wireshark, tcphs.rst.ttl_delta is the difference.",
            "",
        )
        .about(&[Cause::IdleTimeout, Cause::RstInjected]),
        check(
            "Is the other host still up, and how long do firewalls on the path remember an idle \
             connection? Keep-alives have to come more often than that.",
            "sysctl net.ipv4.tcp_keepalive_time net.netfilter.nf_conntrack_tcp_timeout_established",
        )
        .about(&[Cause::PeerSilent, Cause::IdleTimeout]),
        check("What does the application's log say about that time?", ""),
    ],
};

const RST_AFTER_FIN: Advice = Advice {
    means: "One side had closed, and then the connection was reset. Everything that was sent before the \
            RST and acknowledged has arrived; what came after it is lost. Where both programs had \
            already said all they had to say, the RST does no harm.",
    causes: &[
        Cause::ProgramAborts,
        Cause::ClosedWhileReceiving,
        Cause::OrphanTimedOut,
        Cause::ConnectionForgotten,
        Cause::IdleTimeout,
        Cause::PeerSilent,
        Cause::DeviceRefuses,
        Cause::RstInjected,
    ],
    checks: &[
        check(
            "Why does the program close while the other end may still send? To close only its own \
             direction it has to call shutdown() and read on until the other end has closed.",
            "",
        )
        .about(&[Cause::ClosedWhileReceiving, Cause::OrphanTimedOut, Cause::ProgramAborts]),
        check("What took the other end so long to answer or to close? Its log may tell.", "")
            .about(&[Cause::OrphanTimedOut]),
    ],
};

/// Advice on a connection that both sides closed before either had sent anything.
pub(crate) const UNUSED: Advice = Advice {
    means: "The connection came up, and one side closed it before either had sent an octet. TCP did its \
            part; the decision was a program's.",
    causes: &[Cause::TurnedAway, Cause::WaitTimedOut, Cause::NotNeeded],
    checks: &[
        check(
            "On the server: what does the service's log say of this client, and do access lists \
             (hosts.deny, limits of connections) concern it?",
            "",
        )
        .about(&[Cause::TurnedAway, Cause::WaitTimedOut]),
        check(
            "Behind which proxy or load balancer is the server, and does it reach its backends?",
            "",
        )
        .about(&[Cause::TurnedAway]),
    ],
};

/// Advice on an open connection on which no octet of the client's data was acknowledged.
pub(crate) const UNANSWERED: Advice = Advice {
    means: "The handshake is complete, but no octet of the data that the client has sent since was ever \
            acknowledged. The application waits, and what it sees is a time-out.",
    causes: &[Cause::AcceptQueueFull, Cause::DataLost, Cause::SynProxy],
    checks: &[
        check(
            "On the server: does the connection exist, and do these counters rise? With SYN cookies, a \
             full accept queue drops the final ACK without repeating the SYN/ACK.",
            "ss -tn 'sport = :{port}'; nstat -az TcpExtListenOverflows TcpExtSyncookiesRecv",
        )
        .about(&[Cause::AcceptQueueFull]),
        check(
            "On the server: does the client's data arrive?",
            "tcpdump -ni any 'tcp port {port} and host {client}'",
        )
        .about(&[Cause::DataLost]),
        check(
            "On the firewall or load balancer that answers in the server's place: can it reach the \
             server, and do its own SYNs to it get an answer?",
            "nft list ruleset | grep -i synproxy    (or: iptables -S | grep -i synproxy)",
        )
        .about(&[Cause::SynProxy]),
    ],
};
