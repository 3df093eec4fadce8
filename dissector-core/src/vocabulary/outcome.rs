//! How a connection went: every outcome, what it counts as and what to do about it.

use crate::vocabulary::advice::{Advice, Check, check};
use crate::vocabulary::cause::Cause;
use crate::vocabulary::enumeration::enumeration;

enumeration! {
    /// How the connection went.
    Outcome as "outcome" {
        /// The capture is too short to decide.
        Pending = 0, PENDING, "pending";
        /// Each side's SYN was acknowledged by the other.
        Complete = 1, COMPLETE, "complete";
        /// Nothing acceptable came back.
        NoReply = 2, NO_REPLY, "no_reply";
        /// An acceptable RST answered the SYN.
        Refused = 3, REFUSED, "refused";
        /// An ICMP error answered the SYN.
        Unreachable = 4, UNREACHABLE, "unreachable";
        /// The client never answered the SYN/ACK.
        NoFinalAck = 5, NO_FINAL_ACK, "no_final_ack";
        /// The server kept repeating its SYN/ACK although it was acknowledged.
        NotAccepted = 6, NOT_ACCEPTED, "not_accepted";
        /// The client reset the connection before the handshake was complete.
        AbortedByClient = 7, ABORTED_BY_CLIENT, "aborted_by_client";
        /// The server reset the connection after its SYN/ACK, data or FIN, before confirming it.
        AbortedByServer = 8, ABORTED_BY_SERVER, "aborted_by_server";
        /// Only a challenge ACK answered the SYN.
        Challenged = 9, CHALLENGED, "challenged";
        /// Only SYN/ACKs that the client cannot accept came back.
        BadSynAck = 10, BAD_SYNACK, "bad_synack";
        /// Only one side was captured; what it sent proves that the connection came up.
        OneWay = 11, ONE_WAY, "one_way";
        /// No SYN of either side is in the capture.
        Midstream = 12, MIDSTREAM, "midstream";
        /// SYN/ACKs without a SYN: a late start, or backscatter of forged SYNs.
        UnsolicitedSynAck = 13, UNSOLICITED_SYNACK, "unsolicited_synack";
        /// The server has the final ACK, and waits for data before it accepts the connection.
        Deferred = 14, DEFERRED, "deferred";
    }
}

/// The class of an outcome.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum OutcomeClass {
    /// The connection came up.
    Open,
    /// The connection did not come up; tables of servers count it in this column.
    Failed(FailureColumn),
    /// The connection may still come up.
    Undecided,
    /// The capture shows no attempt to open the connection.
    NoAttempt,
}

/// A column of a table of servers that counts failed connections.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum FailureColumn {
    /// Outcome `no_reply`.
    NoReply,
    /// Outcome `refused`.
    Refused,
    /// Outcome `unreachable`.
    Unreachable,
    /// Outcome `no_final_ack`.
    NoFinalAck,
    /// Outcome `not_accepted`.
    NotAccepted,
    /// Outcomes `aborted_by_client` and `aborted_by_server`.
    Aborted,
    /// Every other failure.
    Other,
}

impl FailureColumn {
    /// Every column, in the order of tables.
    pub const ALL: &'static [Self] = &[
        Self::NoReply,
        Self::Refused,
        Self::Unreachable,
        Self::NoFinalAck,
        Self::NotAccepted,
        Self::Aborted,
        Self::Other,
    ];

    /// The heading, and the colour of a count above zero.
    pub const fn heading(self) -> (&'static str, ColourRole) {
        match self {
            Self::NoReply => ("No reply", ColourRole::Bad),
            Self::Refused => ("Refused", ColourRole::Bad),
            Self::Unreachable => ("Unreachable", ColourRole::Bad),
            Self::NoFinalAck => ("No final ACK", ColourRole::Bad),
            Self::NotAccepted => ("Not accepted", ColourRole::Warning),
            Self::Aborted => ("Aborted", ColourRole::Bad),
            Self::Other => ("Other", ColourRole::Bad),
        }
    }
}

/// The role of a colour, whatever the palette.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ColourRole {
    /// All went well.
    Good,
    /// Something failed.
    Bad,
    /// Something failed in a way that is easily overlooked.
    Warning,
    /// Nothing.
    Plain,
}

impl Outcome {
    /// The class, colour and meaning of the outcome: one row an outcome.
    #[rustfmt::skip]
    const fn row(self) -> (OutcomeClass, ColourRole, &'static Advice) {
        use ColourRole::{Bad, Good, Plain, Warning};
        use FailureColumn as Column;
        use OutcomeClass::{Failed, NoAttempt, Open, Undecided};

        match self {
            Self::Pending           => (Undecided,                   Plain,   &PENDING),
            Self::Complete          => (Open,                        Good,    &COMPLETE),
            Self::NoReply           => (Failed(Column::NoReply),     Bad,     &NO_REPLY),
            Self::Refused           => (Failed(Column::Refused),     Bad,     &REFUSED),
            Self::Unreachable       => (Failed(Column::Unreachable), Bad,     &UNREACHABLE),
            Self::NoFinalAck        => (Failed(Column::NoFinalAck),  Bad,     &NO_FINAL_ACK),
            Self::NotAccepted       => (Failed(Column::NotAccepted), Warning, &NOT_ACCEPTED),
            Self::AbortedByClient   => (Failed(Column::Aborted),     Bad,     &ABORTED_BY_CLIENT),
            Self::AbortedByServer   => (Failed(Column::Aborted),     Bad,     &ABORTED_BY_SERVER),
            Self::Challenged        => (Failed(Column::Other),       Bad,     &CHALLENGED),
            Self::BadSynAck         => (Failed(Column::Other),       Bad,     &BAD_SYNACK),
            Self::OneWay            => (Open,                        Plain,   &ONE_WAY),
            Self::Midstream         => (NoAttempt,                   Plain,   &MIDSTREAM),
            Self::UnsolicitedSynAck => (NoAttempt,                   Plain,   &UNSOLICITED_SYNACK),
            Self::Deferred          => (Undecided,                   Plain,   &DEFERRED),
        }
    }

    /// The class of the outcome.
    pub const fn class(self) -> OutcomeClass {
        self.row().0
    }

    /// Whether the connection did not come up.
    pub const fn failed(self) -> bool {
        matches!(self.class(), OutcomeClass::Failed(_))
    }

    /// How the outcome is coloured.
    pub const fn colour(self) -> ColourRole {
        self.row().1
    }

    /// Meaning, likely causes, and what to check next.
    pub const fn advice(self) -> &'static Advice {
        self.row().2
    }
}

/// The causes that a look at the accept queue confirms or refutes.
const OF_THE_QUEUE: &[Cause] =
    &[Cause::AcceptQueueFull, Cause::AbortOnOverflow, Cause::BacklogFull];
const QUEUE: Check = check(
    "On the server: is the accept queue full? It is when Recv-Q exceeds Send-Q, the limit that the \
     application set with listen().",
    "ss -ltn 'sport = :{port}'",
)
.about(OF_THE_QUEUE);
const OVERFLOWS: Check = check(
    "On the server: do these counters rise while it happens? If so, the accept queue overflows.",
    "nstat -az TcpExtListenOverflows TcpExtListenDrops",
)
.about(OF_THE_QUEUE);
const LISTENS: Check = check(
    "On the server: is a program listening on the port, and on this address rather than only on \
     127.0.0.1?",
    "ss -ltnp 'sport = :{port}'",
)
.about(&[Cause::PortClosed]);
const ARRIVES: Check = check(
    "On the server: capture there at the same time. What arrives, and what does the server send?",
    "tcpdump -ni any 'tcp port {port} and host {client}'",
)
.told_by_points();
const FIREWALL: Check = check(
    "On both hosts and on every firewall in between: which rule's counter rises with each attempt?",
    "nft list ruleset    (or: iptables -L -n -v)",
)
.about(&[
    Cause::FirewallDrops,
    Cause::FirewallRejects,
    Cause::AnswerLost,
    Cause::AnswerUnacceptable,
    Cause::SynAckLost,
])
.told_by_points();
const HOW_FAR: Check = check(
    "From the client: how far does a SYN to this port get?",
    "traceroute -n -T -p {port} {server}",
)
.about(&[Cause::FirewallDrops, Cause::FirewallRejects, Cause::HostDown, Cause::RoutingLoop])
.told_by_points();
const KEYS: Check = check(
    "On both ends: is a key configured for the other's address, and is it the same? Linux counts what \
     does not fit.",
    "nstat -az TcpExtTCPMD5NotFound TcpExtTCPMD5Unexpected TcpExtTCPMD5Failure",
)
.about(&[Cause::KeyMismatch]);
const TRANSLATED: Check = check(
    "Does address translation on the path fail to translate the answer back, because the answer takes \
     another way (both hosts in one network, or on one node)?",
    "conntrack -L -d {server}",
)
.about(&[Cause::NotTranslatedBack]);

const PENDING: Advice = Advice {
    means: "The capture ends before the handshake does, and too soon after the last segment to call \
            it a failure.",
    causes: &[Cause::CaptureEnded],
    checks: &[check(
        "Capture a little longer: three seconds after the last SYN or SYN/ACK are enough to decide.",
        "",
    )],
};

const COMPLETE: Advice = Advice {
    means: "The handshake is complete: each side acknowledged the other's SYN, and nothing later \
            contradicts it. If the application has trouble all the same, the cause is not in \
            reaching the server but in what happens on the open connection.",
    causes: &[],
    checks: &[],
};

const NO_REPLY: Advice = Advice {
    means: "No acceptable answer to the SYN is in the capture: neither a SYN/ACK nor an ICMP error, \
            nor an RST that the client would believe. The client waits, may repeat its SYN for a \
            while, and then gives up with a time-out (ETIMEDOUT). A running host whose port is \
            closed answers with an RST that acknowledges the SYN.",
    causes: &[Cause::FirewallDrops, Cause::HostDown, Cause::EarlierStillOpen, Cause::AcceptQueueFull, Cause::RequestQueueFull, Cause::AnswerLost, Cause::KeyMismatch, Cause::TimeWaitRefuses, Cause::AnswerUnacceptable, Cause::NotTranslatedBack, Cause::SynScan],
    checks: &[
        check(
            "On the server: does the SYN arrive, and does an answer leave? That alone halves the \
             search.",
            "tcpdump -ni any 'tcp port {port} and host {client}'",
        )
        .told_by_points(),
        HOW_FAR,
        FIREWALL,
        QUEUE,
        OVERFLOWS,
        check(
            "On the server: does the route back leave through the interface on which the SYN \
             arrived? If not, check rp_filter and stateful firewalls along the path.",
            "ip route get {client}",
        )
        .about(&[Cause::AnswerLost]),
        check(
            "On the server: is the earlier connection on these ports still in TIME-WAIT? The client, or \
             address translation in front of it, uses the port again too soon.",
            "ss -tan state time-wait 'dst {client} and sport = :{port}'",
        )
        .about(&[Cause::TimeWaitRefuses]),
        check(
            "On the server: does the earlier connection on these ports still exist?",
            "ss -tnoe 'dst {client} and sport = :{port}'",
        )
        .about(&[Cause::EarlierStillOpen]),
        KEYS,
        TRANSLATED,
    ],
};

const REFUSED: Advice = Advice {
    means: "An RST that acknowledges the SYN answered it, and the client reports “connection \
            refused” (ECONNREFUSED) at once. The host, or something that answers for it, can be \
            reached, and does not take the connection.",
    causes: &[
        Cause::PortClosed,
        Cause::FirewallRejects,
        Cause::NoBackend,
        Cause::BacklogFull,
        Cause::MpJoinRefused,
        Cause::DeviceRefuses,
        Cause::RstInjected,
    ],
    checks: &[
        LISTENS,
        check(
            "Does the RST come from the server itself? A firewall's RST often has a different TTL: \
             compare it with the host's other packets, in Wireshark with tcphs.rst.ttl_delta.",
            "",
        )
        .about(&[
            Cause::FirewallRejects,
            Cause::NoBackend,
            Cause::RstInjected,
            Cause::DeviceRefuses,
        ])
        .told_by_points(),
        FIREWALL,
        check(
            "On the server: did the service start, and what does its log say?",
            "journalctl -e -u SERVICE",
        )
        .about(&[Cause::PortClosed]),
        check(
            "On the server: is Multipath TCP enabled, and how many subflows does it allow?",
            "sysctl net.mptcp; ip mptcp limits show; nstat -az MPTcpExtMPJoinNoTokenFound",
        )
        .about(&[Cause::MpJoinRefused]),
    ],
};

const UNREACHABLE: Advice = Advice {
    means: "An ICMP error answered the SYN, and no SYN/ACK came. The sender of the error and its \
            code say where to look.",
    causes: &[Cause::FirewallRejects, Cause::HostDown, Cause::NoRoute, Cause::RoutingLoop, Cause::Traceroute, Cause::BgpNotAdjacent, Cause::PacketNotForwarded],
    checks: &[
        check(
            "Which host or router sent the error? Its log or its routing table shows the reason.",
            "",
        ),
        check(
            "On the router that sent the error: is there a route, and a neighbour entry that is not \
             FAILED?",
            "ip route get {server}; ip neigh show {server}",
        )
        .about(&[Cause::NoRoute, Cause::HostDown]),
        check(
            "How long is the packet that the error quotes, and through which tunnels does it go? The \
             error's sender knows the link that is too small.",
            "tcpdump -nvr {file} 'icmp or icmp6'",
        )
        .about(&[Cause::PacketNotForwarded]),
        check(
            "On the router: is the session to this neighbour configured as multihop (ebgp-multihop)?",
            "",
        )
        .about(&[Cause::BgpNotAdjacent]),
        FIREWALL,
        HOW_FAR,
    ],
};

const NO_FINAL_ACK: Advice = Advice {
    means: "The server answered with a SYN/ACK, but the client neither acknowledged nor reset it. \
            The server keeps the half-open connection in SYN-RECEIVED, repeats its SYN/ACK a few \
            times and then gives up.",
    causes: &[Cause::SynAckLost, Cause::ForgedSyn, Cause::ClientGone, Cause::KeyMismatch, Cause::FinalAckBypasses],
    checks: &[
        check(
            "On the client: does the SYN/ACK arrive?",
            "tcpdump -ni any 'tcp port {port} and host {server}'",
        )
        .told_by_points(),
        check(
            "On the server: how many connections are waiting like this? Hundreds from many addresses \
             are a flood.",
            "ss -tn state syn-recv 'sport = :{port}' | wc -l",
        )
        .about(&[Cause::ForgedSyn]),
        check(
            "On the server: are SYN cookies already in use?",
            "nstat -az TcpExtSyncookiesSent; sysctl net.ipv4.tcp_syncookies",
        )
        .about(&[Cause::ForgedSyn]),
        FIREWALL,
        KEYS,
    ],
};

const NOT_ACCEPTED: Advice = Advice {
    means: "The client sent its final ACK and considers the connection open, but the server keeps \
            repeating its SYN/ACK: it has not accepted the ACK. Data that the client sends in the \
            meantime does not reach the application, and the client may see a time-out or a reset \
            only much later, which is easily mistaken for a slow application.",
    causes: &[
        Cause::AcceptQueueFull,
        Cause::DeferredAccept,
        Cause::FinalAckLost,
        Cause::TimestampsMissing,
    ],
    checks: &[
        QUEUE,
        OVERFLOWS,
        check(
            "On the server: what is the application doing instead of calling accept()? Look at all \
             of its threads.",
            "ss -ltnp 'sport = :{port}'; gdb -p PID -batch -ex 'thread apply all bt'",
        )
        .about(OF_THE_QUEUE),
        check(
            "How long may the queue become? The smaller of this value and the backlog that the \
             application gave to listen() is the limit.",
            "sysctl net.core.somaxconn",
        )
        .about(OF_THE_QUEUE),
        ARRIVES,
    ],
};

const ABORTED_BY_CLIENT: Advice = Advice {
    means: "The client reset the connection before the handshake was complete. Where the server \
            had answered, nothing is wrong from its point of view.",
    causes: &[
        Cause::SynScan,
        Cause::HalfOpenCheck,
        Cause::AnotherAddressWon,
        Cause::ClientGaveUp,
        Cause::UnknownToClient,
        Cause::NotTranslatedBack,
    ],
    checks: &[
        check(
            "Does the same client do this to many ports or hosts? Then it is a scan.",
            "tcphs connections --host {client} --outcome aborted_by_client {files}",
        )
        .about(&[Cause::SynScan, Cause::HalfOpenCheck]),
        check(
            "Did a SYN/ACK come, and how late? Find out what delays it if it came after the client's \
             connect time-out, and whether the SYN arrives if none came.",
            "tcpdump -ni any 'tcp port {port} and host {client}'",
        )
        .about(&[Cause::ClientGaveUp]),
        TRANSLATED,
    ],
};

const ABORTED_BY_SERVER: Advice = Advice {
    means: "The server answered the SYN and then reset the connection before it was open. A \
            client that had taken the SYN/ACK sees “connection reset by peer” (ECONNRESET) on a \
            connection that it considered open; one that was still waiting sees “connection \
            refused” (ECONNREFUSED).",
    causes: &[
        Cause::AbortOnOverflow,
        Cause::SynCookieRejected,
        Cause::NoBackend,
        Cause::OtherMachine,
        Cause::ConnectionForgotten,
        Cause::ProgramAborts,
        Cause::FrontAnswered,
        Cause::HandshakeTimedOut,
        Cause::DeviceRefuses,
        Cause::RstInjected,
    ],
    checks: &[
        check(
            "On the client: does the SYN/ACK arrive, and does an ACK leave?",
            "tcpdump -ni any 'tcp port {port} and host {server}'",
        )
        .about(&[Cause::HandshakeTimedOut])
        .told_by_points(),
        check(
            "On the server: is it configured to reset when the queue is full?",
            "sysctl net.ipv4.tcp_abort_on_overflow",
        )
        .about(&[Cause::AbortOnOverflow]),
        QUEUE,
        OVERFLOWS,
        check(
            "On the server: do SYN cookies fail?",
            "nstat -az TcpExtSyncookiesFailed TcpExtSyncookiesRecv",
        )
        .about(&[Cause::SynCookieRejected]),
        check(
            "Do SYN/ACK and RST have the same TTL? If not, two machines answer.",
            "tcpdump -nvr {file} 'src host {server} and tcp port {port}'",
        ),
    ],
};

const CHALLENGED: Advice = Advice {
    means: "The SYN was answered by an ACK that does not acknowledge it, a challenge ACK (RFC 5961): \
            the server still holds an older connection on the same addresses and ports. The client \
            should answer with an RST, after which a new SYN succeeds; here, that did not happen.",
    causes: &[Cause::PortReusedEarly, Cause::ChallengeLost, Cause::TimeWaitRefuses],
    checks: &[
        check(
            "On the server: does the older connection still exist?",
            "ss -tnoe 'dst {client} and sport = :{port}'",
        ),
        check(
            "On the client: does the challenge ACK arrive, and does an RST leave?",
            "tcpdump -ni any 'tcp port {port} and host {server}'",
        )
        .told_by_points(),
        check(
            "Where addresses are translated: are ports reused before the server forgets the old \
             connection? Compare the time-outs.",
            "sysctl net.netfilter.nf_conntrack_tcp_timeout_established",
        ),
    ],
};

const BAD_SYNACK: Advice = Advice {
    means: "The only SYN/ACKs that came back are not acceptable to the client: they do not acknowledge \
            its SYN, or echo a timestamp that it has never sent, which Linux checks too. The client \
            answers them with an RST, and goes on waiting.",
    causes: &[Cause::Renumbered, Cause::SynAckOld, Cause::SynAckForged],
    checks: &[
        ARRIVES,
        check(
            "Compare the SYN's sequence number here and on the server: if they differ, a machine in \
             between rewrites it.",
            "tcpdump -nnSr {file} 'host {server} and tcp[tcpflags] & tcp-syn != 0'",
        )
        .told_by_points(),
    ],
};

const ONE_WAY: Advice = Advice {
    means: "Only one side of the connection is in the capture, but its segments show that the \
            connection came up. This says something about the capture, not about the connection.",
    causes: &[Cause::AsymmetricRoute, Cause::CaptureOneSided],
    checks: &[check(
        "Mirror both directions, or capture on one of the two hosts.",
        "tcpdump -ni any 'tcp port {port} and host {server}'",
    )],
};

const MIDSTREAM: Advice = Advice {
    means: "The connection was already open when the capture began: its handshake is missing, so \
            nothing can be said about it. Client and server are guessed from the ports.",
    causes: &[Cause::CaptureBeganLate],
    checks: &[check(
        "Is the handshake in the preceding file? tcphs reads several files as one capture.",
        "tcphs connections --host {client} EARLIER-FILE {file}",
    )],
};

const UNSOLICITED_SYNACK: Advice = Advice {
    means: "There are SYN/ACKs from an address and port to which no SYN is in the capture, and nothing \
            else.",
    causes: &[Cause::Backscatter, Cause::CaptureBeganLate, Cause::AsymmetricRoute, Cause::NotTranslatedBack],
    checks: &[check(
        "Are there many, from few servers, to addresses and ports without a pattern? Then they are \
         backscatter of an attack on those servers.",
        "tcphs servers {files}",
    )
    .about(&[Cause::Backscatter]), TRANSLATED],
};

const DEFERRED: Advice = Advice {
    means: "The client sent its final ACK and considers the connection open. The server has received \
            that ACK, but does not hand the connection to its application yet: it waits for the \
            client's first data. When it had waited long enough, it repeated its SYN/ACK, and Linux \
            accepts the connection as soon as the client answers that. Nothing has failed.",
    causes: &[Cause::DeferredAccept],
    checks: &[
        check(
            "On the server: does the program that listens on the port set TCP_DEFER_ACCEPT?",
            "strace -f -e trace=setsockopt PROGRAM",
        ),
        check(
            "On the server: the connection is still in SYN-RECV.",
            "ss -tn state syn-recv 'dst {client} and sport = :{port}'",
        ),
    ],
};
