//! How a connection went: every outcome, what it counts as and what to do about it.

use crate::vocabulary::advice::{Advice, Check, check};
use crate::vocabulary::enumeration::enumeration;

enumeration! {
    /// How the connection went.
    Outcome as "outcome" {
        /// The capture is too short to decide.
        Pending = 0, PENDING, "pending";
        /// Each side's SYN was acknowledged by the other.
        Complete = 1, COMPLETE, "complete";
        /// Nothing came back.
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
        /// The server reset the connection after its SYN/ACK, before confirming it.
        AbortedByServer = 8, ABORTED_BY_SERVER, "aborted_by_server";
        /// Only a challenge ACK answered the SYN.
        Challenged = 9, CHALLENGED, "challenged";
        /// Only SYN/ACKs that do not acknowledge the SYN came back.
        BadSynAck = 10, BAD_SYNACK, "bad_synack";
        /// Only one side was captured; what it sent proves that the connection came up.
        OneWay = 11, ONE_WAY, "one_way";
        /// No SYN of either side is in the capture.
        Midstream = 12, MIDSTREAM, "midstream";
        /// SYN/ACKs without a SYN: a late start, or backscatter of forged SYNs.
        UnsolicitedSynAck = 13, UNSOLICITED_SYNACK, "unsolicited_synack";
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

const QUEUE: Check = check(
    "On the server: is the accept queue full? It is when Recv-Q exceeds Send-Q, the limit that the \
     application set with listen().",
    "ss -ltn 'sport = :{port}'",
);
const OVERFLOWS: Check = check(
    "On the server: do these counters rise while it happens? If so, the accept queue overflows.",
    "nstat -az TcpExtListenOverflows TcpExtListenDrops",
);
const LISTENS: Check = check(
    "On the server: is a program listening on the port, and on this address rather than only on \
     127.0.0.1?",
    "ss -ltnp 'sport = :{port}'",
);
const ARRIVES: Check = check(
    "On the server: capture there at the same time. What arrives, and what does the server send?",
    "tcpdump -ni any 'tcp port {port} and host {client}'",
);
const FIREWALL: Check = check(
    "On both hosts and on every firewall in between: which rule's counter rises with each attempt?",
    "nft list ruleset    (or: iptables -L -n -v)",
);
const HOW_FAR: Check = check(
    "From the client: how far does a SYN to this port get?",
    "traceroute -n -T -p {port} {server}",
);

const PENDING: Advice = Advice {
    means: "The capture ends before the handshake does, and too soon after the last segment to call \
            it a failure.",
    causes: &["The capture was stopped while the connection was being opened."],
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
    means: "Nothing answered the SYN: no SYN/ACK, no RST, no ICMP error. The client repeats it for \
            a while and then gives up with a time-out (ETIMEDOUT). A running host whose port is \
            closed would have answered with an RST, so either the SYN or its answer is being \
            dropped silently.",
    causes: &[
        "A firewall or a cloud security group drops the SYN (DROP rather than REJECT).",
        "The server is down, or no host has that address.",
        "The server's accept queue is full: Linux then drops SYNs silently, even though the port is \
         open.",
        "The answer takes a different route and is lost there, or bypasses the capture point.",
    ],
    checks: &[
        check(
            "On the server: does the SYN arrive, and does an answer leave? That alone halves the \
             search.",
            "tcpdump -ni any 'tcp port {port} and host {client}'",
        ),
        HOW_FAR,
        FIREWALL,
        QUEUE,
        OVERFLOWS,
        check(
            "On the server: does the route back leave through the interface on which the SYN \
             arrived? If not, check rp_filter and stateful firewalls along the path.",
            "ip route get {client}",
        ),
    ],
};

const REFUSED: Advice = Advice {
    means: "An RST that acknowledges the SYN answered it, and the client reports “connection \
            refused” (ECONNREFUSED) at once. The host, or a device that answers for it, can be \
            reached. Either nothing listens on this port, or something on the path rejects.",
    causes: &[
        "The service is not running, or is just restarting.",
        "It listens on another port, or on another address (only 127.0.0.1; IPv4 but not IPv6).",
        "A firewall rejects with an RST (REJECT --reject-with tcp-reset), or a load balancer has no \
         backend for the port.",
    ],
    checks: &[
        LISTENS,
        check(
            "Does the RST come from the server itself? A firewall's RST often has a different TTL: \
             compare it with the host's other packets, in Wireshark with tcphs.rst.ttl_delta.",
            "",
        ),
        FIREWALL,
        check(
            "On the server: did the service start, and what does its log say?",
            "journalctl -e -u SERVICE",
        ),
    ],
};

const UNREACHABLE: Advice = Advice {
    means: "An ICMP error answered the SYN, and no SYN/ACK came. Its sender and its code say where \
            to look: an unreachable host or network points to routing or to a host that is down; \
            “administratively prohibited” and “port unreachable” come from a firewall that rejects.",
    causes: &[
        "A firewall rejects with ICMP: port unreachable or administratively prohibited.",
        "The router that sent the error has no route to the server, or cannot resolve its hardware \
         address (ARP, neighbour discovery): the host is down, or no host has that address.",
        "Time exceeded: a routing loop.",
    ],
    checks: &[
        check(
            "Which host or router sent the error? Its log or its routing table shows the reason.",
            "",
        ),
        check(
            "On the router that sent the error: is there a route, and a neighbour entry that is not \
             FAILED?",
            "ip route get {server}; ip neigh show {server}",
        ),
        FIREWALL,
        HOW_FAR,
    ],
};

const NO_FINAL_ACK: Advice = Advice {
    means: "The server answered with a SYN/ACK, but the client neither acknowledged nor reset it. \
            The server keeps the half-open connection in SYN-RECEIVED, repeats its SYN/ACK a few \
            times and then gives up.",
    causes: &[
        "The SYN/ACK does not reach the client: a firewall drops it, or it takes a different route \
         than the SYN.",
        "The SYN was forged. Many of these, from many addresses, are a SYN flood.",
        "The client is gone: it crashed, or left this network.",
        "The final ACK bypasses the capture point.",
    ],
    checks: &[
        check(
            "On the client: does the SYN/ACK arrive?",
            "tcpdump -ni any 'tcp port {port} and host {server}'",
        ),
        check(
            "On the server: how many connections are waiting like this? Hundreds from many addresses \
             are a flood.",
            "ss -tn state syn-recv 'sport = :{port}' | wc -l",
        ),
        check(
            "On the server: are SYN cookies already in use?",
            "nstat -az TcpExtSyncookiesSent; sysctl net.ipv4.tcp_syncookies",
        ),
        FIREWALL,
    ],
};

const NOT_ACCEPTED: Advice = Advice {
    means: "The client sent its final ACK and considers the connection open, but the server keeps \
            repeating its SYN/ACK: it has not accepted the ACK. Data that the client sends in the \
            meantime does not reach the application, and the client may see a time-out or a reset \
            only much later, which is easily mistaken for a slow application.",
    causes: &[
        "The server's accept queue is full: the application does not call accept() fast enough, and \
         Linux drops the final ACK.",
        "The application uses TCP_DEFER_ACCEPT and waits for data that the client does not send.",
        "The final ACK is lost beyond the capture point: a firewall or load balancer drops it.",
    ],
    checks: &[
        QUEUE,
        OVERFLOWS,
        check(
            "On the server: what is the application doing instead of calling accept()? Look at all \
             of its threads.",
            "ss -ltnp 'sport = :{port}'; gdb -p PID -batch -ex 'thread apply all bt'",
        ),
        check(
            "How long may the queue become? The smaller of this value and the backlog that the \
             application gave to listen() is the limit.",
            "sysctl net.core.somaxconn",
        ),
        ARRIVES,
    ],
};

const ABORTED_BY_CLIENT: Advice = Advice {
    means: "The server answered, but the client reset the connection before the handshake was \
            complete. From the server's point of view, nothing is wrong.",
    causes: &[
        "A port scan: the scanner has learned that the port is open, and moves on (SYN scan).",
        "A program tried several addresses at once, and another one answered first (happy eyeballs).",
        "The client gave up waiting, and the SYN/ACK came after its time-out.",
        "The client's kernel does not know the connection: a program sent the SYN through a raw \
         socket, or address translation delivers the answer to the wrong host.",
    ],
    checks: &[
        check(
            "Does the same client do this to many ports or hosts? Then it is a scan.",
            "tcphs connections --host {client} --outcome aborted_by_client {files}",
        ),
        check(
            "How long did the SYN/ACK take? If longer than the client's connect time-out, find out \
             what delays it.",
            "",
        ),
        check(
            "Does address translation on the path fail to translate the answer back?",
            "conntrack -L -d {server}",
        ),
    ],
};

const ABORTED_BY_SERVER: Advice = Advice {
    means: "The server answered with a SYN/ACK and then reset the connection before it was open. The \
            client sees “connection reset by peer” (ECONNRESET) on a connection that it considered \
            open.",
    causes: &[
        "The accept queue is full, and net.ipv4.tcp_abort_on_overflow is set.",
        "A SYN cookie was rejected: the ACK came too late, or reached another machine behind the \
         same address.",
        "A load balancer or proxy took the SYN and found no backend.",
        "The final ACK reached another host than the one that sent the SYN/ACK (a route change, \
         ECMP, a restarted load balancer).",
    ],
    checks: &[
        check(
            "On the server: is it configured to reset when the queue is full?",
            "sysctl net.ipv4.tcp_abort_on_overflow",
        ),
        QUEUE,
        OVERFLOWS,
        check(
            "On the server: do SYN cookies fail?",
            "nstat -az TcpExtSyncookiesFailed TcpExtSyncookiesRecv",
        ),
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
    causes: &[
        "The client, or address translation in front of it, reuses a port while the server still \
         holds the older connection: after a crash, or after a time-out that only one side noticed.",
        "A firewall on the path does not know the older connection, and drops the challenge ACK or \
         the RST that answers it.",
    ],
    checks: &[
        check(
            "On the server: does the older connection still exist?",
            "ss -tnoe 'dst {client} and sport = :{port}'",
        ),
        check(
            "On the client: does the challenge ACK arrive, and does an RST leave?",
            "tcpdump -ni any 'tcp port {port} and host {server}'",
        ),
        check(
            "Where addresses are translated: are ports reused before the server forgets the old \
             connection? Compare the time-outs.",
            "sysctl net.netfilter.nf_conntrack_tcp_timeout_established",
        ),
    ],
};

const BAD_SYNACK: Advice = Advice {
    means: "The only SYN/ACKs that came back do not acknowledge the client's SYN. The client has to \
            answer them with an RST, and goes on waiting.",
    causes: &[
        "A firewall on the path rewrites sequence numbers, and the answer bypasses it.",
        "The SYN/ACK belongs to an earlier attempt on the same ports.",
        "The SYN/ACK is forged.",
    ],
    checks: &[
        ARRIVES,
        check(
            "Compare the SYN's sequence number here and on the server: if they differ, a machine in \
             between rewrites it.",
            "tcpdump -nnSr {file} 'host {server} and tcp[tcpflags] & tcp-syn != 0'",
        ),
    ],
};

const ONE_WAY: Advice = Advice {
    means: "Only one side of the connection is in the capture, but its segments show that the \
            connection came up. This says something about the capture, not about the connection.",
    causes: &[
        "The two directions take different routes (asymmetric routing), and the capture sees only \
         one.",
        "The mirror port or a capture filter passes only one direction.",
    ],
    checks: &[check(
        "Mirror both directions, or capture on one of the two hosts.",
        "tcpdump -ni any 'tcp port {port} and host {server}'",
    )],
};

const MIDSTREAM: Advice = Advice {
    means: "The connection was already open when the capture began: its handshake is missing, so \
            nothing can be said about it. Client and server are guessed from the ports.",
    causes: &["The capture began, or its file was cut, after the connection was opened."],
    checks: &[check(
        "Is the handshake in the preceding file? tcphs reads several files as one capture.",
        "tcphs connections --host {client} EARLIER-FILE {file}",
    )],
};

const UNSOLICITED_SYNACK: Advice = Advice {
    means: "There are SYN/ACKs for a SYN that is not in the capture, and nothing else.",
    causes: &[
        "Backscatter: an attacker sends SYNs with forged source addresses to that server, and its \
         answers go to those addresses.",
        "The capture began between SYN and SYN/ACK, or sees only this direction.",
    ],
    checks: &[check(
        "Are there many, from few servers, to addresses and ports without a pattern? Then they are \
         backscatter of an attack on those servers.",
        "tcphs servers {files}",
    )],
};
