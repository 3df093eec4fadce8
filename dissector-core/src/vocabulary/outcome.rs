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

/// What an outcome counts as.
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

enumeration! {
    /// A column of a table of servers that counts failed connections; the label names it in rows.
    FailureColumn as "failure_column" {
        /// Outcome `no_reply`.
        NoReply = 0, NO_REPLY, "no_reply";
        /// Outcome `refused`.
        Refused = 1, REFUSED, "refused";
        /// Outcome `unreachable`.
        Unreachable = 2, UNREACHABLE, "unreachable";
        /// Outcome `no_final_ack`.
        NoFinalAck = 3, NO_FINAL_ACK, "no_final_ack";
        /// Outcome `not_accepted`.
        NotAccepted = 4, NOT_ACCEPTED, "not_accepted";
        /// Outcomes `aborted_by_client` and `aborted_by_server`.
        Aborted = 5, ABORTED, "aborted";
        /// Every other failure.
        Other = 6, OTHER, "failed_otherwise";
    }
}

impl FailureColumn {
    /// The heading of the column.
    pub const fn title(self) -> &'static str {
        match self {
            Self::NoReply => "No reply",
            Self::Refused => "Refused",
            Self::Unreachable => "Unreachable",
            Self::NoFinalAck => "No final ACK",
            Self::NotAccepted => "Not accepted",
            Self::Aborted => "Aborted",
            Self::Other => "Other",
        }
    }

    /// How a count above zero is coloured.
    pub const fn colour(self) -> ColourRole {
        match self {
            Self::NotAccepted => ColourRole::Warning,
            _ => ColourRole::Bad,
        }
    }
}

/// What a colour is meant to say, whatever the palette.
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
    /// What the outcome counts as, how it is coloured, and what it means: one row an outcome.
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

    /// What the outcome counts as.
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

    /// What it means, where it may come from and what to look at next.
    pub const fn advice(self) -> &'static Advice {
        self.row().2
    }
}

const QUEUE: Check = check(
    "On the server: is the accept queue full? It is where Recv-Q has reached Send-Q, the most that \
     the application asked for with listen().",
    "ss -ltn 'sport = :{port}'",
);
const OVERFLOWS: Check = check(
    "On the server: do these counters rise while it happens? Then it is the accept queue.",
    "nstat -az TcpExtListenOverflows TcpExtListenDrops",
);
const LISTENS: Check = check(
    "On the server: does anybody listen on the port, and on this address rather than on 127.0.0.1 \
     alone?",
    "ss -ltnp 'sport = :{port}'",
);
const ARRIVES: Check = check(
    "On the server: capture there at the same time. What arrives, and what does it send?",
    "tcpdump -ni any 'tcp port {port} and host {client}'",
);
const FIREWALL: Check = check(
    "On both hosts and on what lies between: firewall rules whose counters rise with each attempt.",
    "nft list ruleset    (or: iptables -L -n -v)",
);
const HOW_FAR: Check = check(
    "From the client: how far does a SYN to this port get?",
    "traceroute -n -T -p {port} {server}",
);

const PENDING: Advice = Advice {
    means: "The capture ends before the handshake does, and too soon after its last segment to call \
            it a failure.",
    causes: &["The capture was stopped while the connection was being opened."],
    checks: &[check(
        "Capture a little longer: three seconds after the last SYN or SYN/ACK decide it.",
        "",
    )],
};

const COMPLETE: Advice = Advice {
    means: "The handshake is complete: each side's SYN was acknowledged by the other, and nothing \
            seen later contradicts it. If the application has trouble all the same, it is not about \
            reaching the server, but about what happens on the open connection.",
    causes: &[],
    checks: &[],
};

const NO_REPLY: Advice = Advice {
    means: "Nothing came back for the SYN: no SYN/ACK, no RST, no ICMP error. The client repeats it \
            for a while and then gives up with a time-out (ETIMEDOUT). A host that is up and has the \
            port closed would have answered with an RST, so somebody drops the SYN, or its answer, \
            without a word.",
    causes: &[
        "A firewall or a cloud security group drops the SYN (DROP, not REJECT).",
        "The server is down, or nobody has the address.",
        "The server's accept queue is full: Linux then drops SYNs silently, although the port is open.",
        "The answer takes another way back, and gets lost there or does not pass where the capture \
         was taken.",
    ],
    checks: &[
        check(
            "On the server: does the SYN arrive, and does an answer leave? This alone halves the \
             search.",
            "tcpdump -ni any 'tcp port {port} and host {client}'",
        ),
        HOW_FAR,
        FIREWALL,
        QUEUE,
        OVERFLOWS,
        check(
            "On the server: does the way back leave through the interface that the SYN came in by? \
             If not, look at rp_filter and at stateful firewalls on the way.",
            "ip route get {client}",
        ),
    ],
};

const REFUSED: Advice = Advice {
    means: "The SYN was answered with an RST that acknowledges it, and the client reports “connection \
            refused” (ECONNREFUSED) at once. The host, or something that speaks for it, can be \
            reached, and says that nobody listens on this port.",
    causes: &[
        "The service is not running, or has just been restarted.",
        "It listens on another port, or on another address (127.0.0.1 only; IPv4 but not IPv6).",
        "A firewall rejects with an RST (REJECT --reject-with tcp-reset), or a load balancer has no \
         backend for the port.",
    ],
    checks: &[
        LISTENS,
        check(
            "Is the RST the server's own? A firewall's often has another TTL: compare with other \
             packets of this host, in Wireshark by tcphs.rst.ttl_delta.",
            "",
        ),
        FIREWALL,
        check(
            "On the server: did the service start, and what does it say?",
            "journalctl -e -u SERVICE",
        ),
    ],
};

const UNREACHABLE: Advice = Advice {
    means: "The SYN was answered by an ICMP error, and no SYN/ACK came. Who sent the error, and which \
            error it is, says where to look: a host or network that cannot be reached is a matter of \
            routing or of a host that is down; “administratively prohibited” and “port unreachable” \
            come from a firewall that rejects.",
    causes: &[
        "A firewall rejects with ICMP: port unreachable or administratively prohibited.",
        "The router that complains has no route to the server, or gets no answer when it asks for its \
         hardware address (ARP, neighbour discovery): the host is down or nobody has the address.",
        "Time exceeded: a routing loop.",
    ],
    checks: &[
        check("Whose address is it that complains? That host or router knows the reason.", ""),
        check(
            "On the router that complains: has it a route, and a neighbour entry that is not FAILED?",
            "ip route get {server}; ip neigh show {server}",
        ),
        FIREWALL,
        HOW_FAR,
    ],
};

const NO_FINAL_ACK: Advice = Advice {
    means: "The server answered with SYN/ACK, but the client neither acknowledged nor reset it. The \
            server keeps the half-open connection in SYN-RECEIVED, repeats its SYN/ACK some times \
            and forgets it.",
    causes: &[
        "The SYN/ACK does not reach the client: dropped on the way back by a firewall, or sent by \
         another way than the SYN came.",
        "The SYN was forged. Many of these, from many addresses, are a SYN flood.",
        "The client has gone: crashed, or no longer on this network.",
        "The final ACK does not pass where the capture was taken.",
    ],
    checks: &[
        check(
            "On the client: does the SYN/ACK arrive?",
            "tcpdump -ni any 'tcp port {port} and host {server}'",
        ),
        check(
            "On the server: how many wait like this? Hundreds from many addresses are a flood.",
            "ss -tn state syn-recv 'sport = :{port}' | wc -l",
        ),
        check(
            "On the server: are SYN cookies in use already?",
            "nstat -az TcpExtSyncookiesSent; sysctl net.ipv4.tcp_syncookies",
        ),
        FIREWALL,
    ],
};

const NOT_ACCEPTED: Advice = Advice {
    means: "The client sent its final ACK and holds the connection for open, but the server keeps \
            repeating its SYN/ACK: it did not take the ACK. The client may send data into the void \
            meanwhile and see a time-out or a reset much later, which makes this easy to mistake for \
            a slow application.",
    causes: &[
        "The server's accept queue is full: the application does not call accept() fast enough, and \
         Linux drops the final ACK.",
        "The application asked for TCP_DEFER_ACCEPT, and waits for data that the client does not send.",
        "The final ACK is lost after the place where the capture was taken: a firewall or load \
         balancer on the way drops it.",
    ],
    checks: &[
        QUEUE,
        OVERFLOWS,
        check(
            "On the server: what does the application do instead of accepting? Look at all of its \
             threads.",
            "ss -ltnp 'sport = :{port}'; gdb -p PID -batch -ex 'thread apply all bt'",
        ),
        check(
            "How long is the queue allowed to be? The smaller of these and of the application's \
             backlog counts.",
            "sysctl net.core.somaxconn net.ipv4.tcp_max_syn_backlog",
        ),
        ARRIVES,
    ],
};

const ABORTED_BY_CLIENT: Advice = Advice {
    means: "The server answered, but the client reset the connection before the handshake was \
            complete. Seen from the server, nothing is wrong.",
    causes: &[
        "A port scan: it has learned that the port is open and goes on (SYN scan).",
        "A program that tries several addresses at once took another one that answered first (happy \
         eyeballs).",
        "The client gave up waiting, and the SYN/ACK came after its time-out.",
        "The client's kernel knows nothing of the connection: a program with a raw socket sent the \
         SYN, or address translation sends the answer to the wrong host.",
    ],
    checks: &[
        check(
            "Does the same client do this to many ports or hosts? Then it is a scan.",
            "tcphs connections --host {client} --outcome aborted_by_client FILE",
        ),
        check(
            "How long did the SYN/ACK take? If longer than the client's connect time-out, the delay \
             is what to look for.",
            "",
        ),
        check(
            "Is there address translation on the way that does not turn the answer back?",
            "conntrack -L -d {server}",
        ),
    ],
};

const ABORTED_BY_SERVER: Advice = Advice {
    means: "The server answered with SYN/ACK, and then reset the connection before it was open. The \
            client sees “connection reset by peer” (ECONNRESET) on a connection that it believed to \
            be open.",
    causes: &[
        "The accept queue is full and net.ipv4.tcp_abort_on_overflow is set.",
        "A SYN cookie did not check out: the ACK came too late, or to another machine behind the same \
         address.",
        "A load balancer or proxy took the SYN and found no backend.",
        "The final ACK reached another host than the one that sent the SYN/ACK (changed routing, ECMP, \
         a restarted load balancer).",
    ],
    checks: &[
        check(
            "On the server: is it told to reset when the queue is full?",
            "sysctl net.ipv4.tcp_abort_on_overflow",
        ),
        QUEUE,
        OVERFLOWS,
        check(
            "On the server: do SYN cookies fail?",
            "nstat -az TcpExtSyncookiesFailed TcpExtSyncookiesRecv",
        ),
        check(
            "Have SYN/ACK and RST the same TTL? If not, two machines answer.",
            "tcpdump -nvr FILE 'src host {server} and tcp port {port}'",
        ),
    ],
};

const CHALLENGED: Advice = Advice {
    means: "The SYN was answered with an ACK that does not acknowledge it: the server still holds an \
            older connection on the same addresses and ports, and asks whether this is meant (a \
            challenge ACK, RFC 5961). The client should answer with an RST, after which a new SYN \
            succeeds; here that did not happen.",
    causes: &[
        "The client, or address translation in front of it, uses a port again while the server still \
         holds the older connection: after a crash, or a time-out that only one side noticed.",
        "A firewall on the way knows nothing of the older connection and drops the challenge ACK or \
         the RST that answers it.",
    ],
    checks: &[
        check(
            "On the server: does the older connection still stand?",
            "ss -tnoe 'dst {client} and sport = :{port}'",
        ),
        check(
            "On the client: does the challenge ACK arrive, and does an RST leave?",
            "tcpdump -ni any 'tcp port {port} and host {server}'",
        ),
        check(
            "Where addresses are translated: are ports used again sooner than the server forgets? \
             Compare the time-outs.",
            "sysctl net.netfilter.nf_conntrack_tcp_timeout_established",
        ),
    ],
};

const BAD_SYNACK: Advice = Advice {
    means: "The only SYN/ACKs that came back do not acknowledge the client's SYN. The client has to \
            answer them with an RST and goes on waiting.",
    causes: &[
        "Something on the way changes sequence numbers in one direction only: a firewall that \
         randomises them, with the answer going around it.",
        "The SYN/ACK belongs to an older attempt on the same ports.",
        "It is forged.",
    ],
    checks: &[
        ARRIVES,
        check(
            "Compare the sequence number of the SYN here and on the server: if they differ, a machine \
             in between rewrites them.",
            "tcpdump -nnSr FILE 'host {server} and tcp[tcpflags] & tcp-syn != 0'",
        ),
    ],
};

const ONE_WAY: Advice = Advice {
    means: "Only one side of the connection is in the capture, but what it sent shows that the \
            connection came up. That says something of the capture, not of the connection.",
    causes: &[
        "The two directions take different ways (asymmetric routing), and the capture sees one.",
        "The mirror port copies one direction only, or a capture filter does.",
    ],
    checks: &[check(
        "Mirror both directions, or capture on one of the two hosts.",
        "tcpdump -ni any 'tcp port {port} and host {server}'",
    )],
};

const MIDSTREAM: Advice = Advice {
    means: "The connection was open before the capture began: its handshake is not in it, so nothing \
            can be said of how it went. Who is client and who is server is guessed by the ports.",
    causes: &["The capture began, or its file was cut, after the connection was opened."],
    checks: &[check(
        "Does the file before this one hold the handshake? Several files are read as one capture.",
        "tcphs connections --host {client} EARLIER-FILE FILE",
    )],
};

const UNSOLICITED_SYNACK: Advice = Advice {
    means: "There are SYN/ACKs for a SYN that is not in the capture, and nothing else.",
    causes: &[
        "Backscatter: somebody sends SYNs with forged addresses to that server, and its answers go to \
         those whose addresses were used.",
        "The capture began between SYN and SYN/ACK, or sees only this direction.",
    ],
    checks: &[check(
        "Are there many, from few servers, to addresses and ports without a pattern? Then it is \
         backscatter of an attack on those servers.",
        "tcphs servers FILE",
    )],
};
