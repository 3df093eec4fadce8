//! Which counters the causes raise, and which events of a capture they are set beside: one row each.
//!
//! Read in `net/ipv4` of Linux 4.20 to 6.18, and provoked one by one (`tests/tests/kernel_counters`).

use super::difference::Rises;
use super::judge::About;
use super::tally::{Counts, HostTally};
use crate::vocabulary::{Cause, Side};

/// A cause, or what a capture shows, and the counters that tell of it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Rule {
    /// The host whose kernel counts.
    pub side: Side,
    /// The causes or the finding that it is about.
    pub about: &'static [About],
    /// The counters, by the names of `nstat`; they are added up. The kernel has to have the first, while
    /// others may be missing in older ones.
    pub counters: &'static [&'static str],
    /// The events that raise them, to read behind “It counts”.
    pub counted: &'static str,
    /// The events of the capture, in the plural, with a verb: `SYNs stayed unanswered`.
    pub events: &'static str,
    pub(super) kind: Kind,
    /// How many of these a connection has; without any, the rule does not apply to it.
    pub(super) own: fn(&Counts) -> u64,
    /// How many segments or connections of the host in the capture may raise the counters at most.
    pub(super) most: fn(&HostTally) -> u64,
    /// How many of the host have raised the counters for another reason.
    pub(super) known: fn(&HostTally) -> u64,
    /// Why counters that did not rise say nothing, if so.
    pub(super) unless: fn(&Rises) -> Option<&'static str>,
}

/// What a rise says.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// Each event raises the counter by one.
    Each,
    /// Events may raise the counter, and need not.
    Some,
    /// The cause means that this host's TCP has not done or seen what the counter counts.
    Without {
        /// The conclusion where it rose by less than this connection's events.
        fewer: &'static str,
        /// The conclusion where it rose by as much, if that speaks against the cause.
        as_many: Option<&'static str>,
    },
    /// The cause means that this host's TCP has done what the counter counts.
    Needs,
    /// The counter counts the same events as the capture.
    Same,
    /// The outputs by themselves refute the cause.
    Never(&'static str),
}

const NONE: fn(&HostTally) -> u64 = |_| 0;

impl Rule {
    const fn new(
        side: Side,
        about: &'static [About],
        counters: &'static [&'static str],
        counted: &'static str,
        kind: Kind,
        (events, own): (&'static str, fn(&Counts) -> u64),
    ) -> Self {
        let (most, known) = (NONE, NONE);
        let unless: fn(&Rises) -> Option<&'static str> = |_| None;
        Self { side, about, counters, counted, events, kind, own, most, known, unless }
    }

    const fn most(self, most: fn(&HostTally) -> u64) -> Self {
        Self { most, ..self }
    }

    const fn known(self, known: fn(&HostTally) -> u64) -> Self {
        Self { known, ..self }
    }

    const fn unless(self, unless: fn(&Rises) -> Option<&'static str>) -> Self {
        Self { unless, ..self }
    }
}

const OVERFLOWS: &[&str] = &["TcpExtListenOverflows"];
const OF_OVERFLOWS: &str = "SYNs that the kernel drops because an accept queue is full, and ACKs that it drops or answers with \
     an RST for the same reason";
const SYN_RETRANS: &[&str] = &["TcpExtTCPSynRetrans"];
const OF_SYN_RETRANS: &str = "SYNs and SYN/ACKs that this host's TCP repeats";
const OUT_RSTS: &[&str] = &["TcpOutRsts"];
const OF_OUT_RSTS: &str =
    "RSTs that this host's TCP sends; those of its packet filter are not among them";
const IN_SEGMENTS: &[&str] = &["TcpInSegs"];
const OF_IN_SEGMENTS: &str = "segments that come to this host's TCP, behind its packet filter";
const ACTIVE_OPENS: &[&str] = &["TcpActiveOpens"];
const OF_ACTIVE_OPENS: &str = "connections that programs open through this host's TCP";

const UNANSWERED: (&str, fn(&Counts) -> u64) =
    ("SYNs stayed unanswered", |counts| counts.unanswered_syns);
const REFUSALS: (&str, fn(&Counts) -> u64) = ("RSTs refused a SYN", |counts| counts.refusals);
/// Connections that a program of the client may have opened and given up, or a scanner may have feigned.
const ASKED: (&str, fn(&Counts) -> u64) =
    ("other connections of this client did not come up", |counts| {
        counts.attempts.saturating_sub(counts.opened)
    });
const RESET_BY_SERVER: (&str, fn(&Counts) -> u64) =
    ("connections were reset by their server", |counts| counts.aborted_by_server);
const RESET_BY_CLIENT: (&str, fn(&Counts) -> u64) =
    ("connections were reset by their client", |counts| counts.aborted_by_client);

/// A host that sends SYN cookies keeps nothing of a half-open connection.
const COOKIES: fn(&Rises) -> Option<&'static str> = |rises| {
    let none = rises.of("TcpExtSyncookiesSent") == Some(0);
    (!none).then_some("the host sent SYN cookies, and keeps nothing of such connections")
};
/// Where SYN cookies are switched off, Linux drops SYNs before the queue is quite full, and counts these
/// among all others that it drops.
const DROPS: fn(&Rises) -> Option<&'static str> = |rises| {
    let [all, overflows] =
        ["TcpExtListenDrops", "TcpExtListenOverflows"].map(|name| rises.of(name));
    let others = all.zip(overflows).is_none_or(|(all, overflows)| all > overflows);
    others.then_some(
        "ListenDrops rose by more than ListenOverflows, and it may have counted such SYNs, too",
    )
};

/// SYNs that may have come into a connection that this host still has.
const INTO_OPEN: fn(&HostTally) -> u64 = |host| {
    let here = &host.as_server;
    here.unanswered_syns + here.pending_syns + here.syns_into_open
};

/// All that a full accept queue may have dropped.
const DROPPED: fn(&HostTally) -> u64 = |host| {
    let here = &host.as_server;
    // Copies of SYNs that were answered later, too.
    let copies = here.syn_copies.saturating_sub(here.unanswered_copies);
    let syns = here.unanswered_syns + here.pending_syns;
    syns + here.client_segments + here.aborted_by_server + copies
};
/// RSTs of this host.
const RSTS: fn(&HostTally) -> u64 = |host| {
    host.as_server.refusals + host.as_server.reset_by_server + host.as_client.reset_by_client
};
/// Copies of SYNs and SYN/ACKs of this host that the capture has.
const COPIES: fn(&HostTally) -> u64 =
    |host| host.as_client.syn_copies + host.as_server.synack_copies;
/// So many times Linux repeats a SYN/ACK by itself (net.ipv4.tcp_synack_retries), as a rule.
const SYNACK_RETRIES: u64 = 5;

/// The rules, by the order in which they are shown.
pub const RULES: &[Rule] = &[
    // tcp_conn_request counts each SYN, copies too, before it drops it; an ACK is counted by
    // tcp_v4_syn_recv_sock. ListenDrops rises with it, and for other failures too.
    Rule::new(Side::Server, &[About::Cause(Cause::AcceptQueueFull)], OVERFLOWS, OF_OVERFLOWS, Kind::Each, UNANSWERED)
        .most(DROPPED),
    // tcp_syn_flood_action: net.ipv4.tcp_syncookies is 0, or the kernel has none.
    Rule::new(
        Side::Server,
        &[About::Cause(Cause::RequestQueueFull)],
        &["TcpExtTCPReqQFullDrop"],
        "SYNs that the kernel drops because too many connections are half open and it may not send cookies",
        Kind::Each,
        UNANSWERED,
    )
    .most(|host| {
        let here = &host.as_server;
        here.unanswered_syns + here.pending_syns + here.syn_copies
    })
    .unless(DROPS),
    // tcp_validate_incoming counts each SYN into a connection before it is answered; a host that has closed
    // first and is in FIN-WAIT-2 answers elsewhere, and does not count.
    Rule::new(
        Side::Server,
        &[About::Cause(Cause::EarlierStillOpen)],
        &["TcpExtTCPSYNChallenge"],
        "SYNs into a connection that this host still has",
        Kind::Some,
        UNANSWERED,
    )
    .most(INTO_OPEN),
    // tcp_timewait_state_process: PAWSTimewait since 6.16, PAWSEstab before. A SYN whose timestamp is not
    // behind raises neither. An ACK answers it unless it comes within half a second of another.
    Rule::new(
        Side::Server,
        &[About::Cause(Cause::TimeWaitRefuses)],
        &["TcpExtTCPACKSkippedTimeWait", "TcpExtPAWSTimewait", "TcpExtPAWSEstab"],
        "SYNs and other segments with an old timestamp, and those to a connection in TIME-WAIT that get no \
         answer because another has just got one",
        Kind::Some,
        ("SYNs stayed unanswered or were only challenged", |counts| counts.unanswered_syns + counts.challenged_syns),
    )
    // A SYN may raise two of them.
    .most(|host| 2 * (host.as_server.unanswered_syns + host.as_server.challenged_syns)),
    // tcp_inbound_hash counts each segment that it drops; TCP-AO is new in 6.7.
    Rule::new(
        Side::Server,
        &[About::Cause(Cause::KeyMismatch)],
        &[
            "TcpExtTCPMD5NotFound",
            "TcpExtTCPMD5Unexpected",
            "TcpExtTCPMD5Failure",
            "TcpExtTCPAORequired",
            "TcpExtTCPAOBad",
            "TcpExtTCPAOKeyNotFound",
        ],
        "segments that the kernel drops because of their signature, or for want of one",
        Kind::Each,
        UNANSWERED,
    )
    .most(|host| {
        let here = &host.as_server;
        here.unanswered_syns + here.pending_syns + here.half_open_syns + here.client_segments
    }),
    // A host that holds the connection in SYN-RECEIVED repeats its SYN/ACK for each further SYN (if not
    // within half a second) and by its timer. With a cookie, it holds none.
    Rule::new(
        Side::Server,
        &[About::Cause(Cause::AnswerLost)],
        SYN_RETRANS,
        OF_SYN_RETRANS,
        Kind::Each,
        ("connections wait for an answer and repeat their SYN", |counts| {
            counts.repeating
        }),
    )
    .known(COPIES)
    .most(|host| {
        let here = &host.as_server;
        here.unanswered_copies + here.unanswered.saturating_mul(SYNACK_RETRIES)
    })
    .unless(COOKIES),
    // tcp_v4_rcv counts each segment for this host, once its packet filter has let it in.
    Rule::new(
        Side::Server,
        &[About::Cause(Cause::FirewallDrops)],
        IN_SEGMENTS,
        OF_IN_SEGMENTS,
        Kind::Without { fewer: "so not all of them came to this host's TCP", as_many: None },
        UNANSWERED,
    ),
    Rule::new(
        Side::Server,
        &[About::Cause(Cause::HostDown)],
        IN_SEGMENTS,
        "",
        Kind::Never("This host counted before and after, so it was running."),
        UNANSWERED,
    ),
    // tcp_v4_send_reset, for a segment without a socket. A packet filter's REJECT does not go there.
    Rule::new(Side::Server, &[About::Cause(Cause::PortClosed)], OUT_RSTS, OF_OUT_RSTS, Kind::Each, REFUSALS)
        .most(RSTS),
    Rule::new(
        Side::Server,
        &[About::Cause(Cause::FirewallRejects), About::Cause(Cause::RstInjected)],
        OUT_RSTS,
        OF_OUT_RSTS,
        Kind::Without {
            fewer: "so this host's TCP did not send all of them",
            as_many: Some("which is what this host's TCP does that sends them itself"),
        },
        REFUSALS,
    )
    .most(RSTS),
    Rule::new(
        Side::Server,
        &[About::Cause(Cause::NoBackend), About::Cause(Cause::DeviceRefuses)],
        OUT_RSTS,
        OF_OUT_RSTS,
        Kind::Without { fewer: "so this host's TCP did not send all of them", as_many: None },
        REFUSALS,
    ),
    Rule::new(
        Side::Server,
        &[About::Cause(Cause::BacklogFull)],
        OUT_RSTS,
        "",
        Kind::Never("These counters are of Linux, which drops SYNs in that case and refuses none."),
        REFUSALS,
    ),
    // tcp_check_req drops each bare ACK until the time of TCP_DEFER_ACCEPT is over; on a connection that
    // comes up without trouble, the first one.
    Rule::new(
        Side::Server,
        &[About::Cause(Cause::DeferredAccept)],
        &["TcpExtTCPDeferAcceptDrop"],
        "ACKs without data that the kernel drops because the program has set TCP_DEFER_ACCEPT",
        Kind::Each,
        ("connections were acknowledged and not taken", |counts| counts.waiting),
    )
    .most(|host| host.as_server.client_segments + host.as_server.opened),
    Rule::new(
        Side::Server,
        &[About::Cause(Cause::AcceptQueueFull)],
        OVERFLOWS,
        OF_OVERFLOWS,
        Kind::Each,
        ("connections were acknowledged and not taken", |counts| counts.not_accepted),
    )
    .most(DROPPED),
    Rule::new(
        Side::Server,
        &[About::Cause(Cause::FinalAckLost)],
        // ListenDrops: for want of memory, too.
        &["TcpExtListenDrops", "TcpExtTCPDeferAcceptDrop", "TcpExtPAWSEstab"],
        "ACKs that the kernel gets in SYN-RECEIVED and drops",
        Kind::Without { fewer: "so nothing shows that they came to this host's TCP", as_many: None },
        ("connections were acknowledged and not taken", |counts| counts.not_accepted),
    ),
    // With a cookie, the kernel keeps nothing of the connection: a full accept queue drops the ACK and
    // whatever the client sends after it, and nothing is repeated.
    Rule::new(
        Side::Server,
        &[About::Cause(Cause::AcceptQueueFull)],
        OVERFLOWS,
        OF_OVERFLOWS,
        Kind::Each,
        ("connections get no answer to their data", |counts| counts.swallowed),
    )
    .most(DROPPED),
    // Likewise. A host in TIME-WAIT answers with an ACK, too, and does not count it here.
    Rule::new(
        Side::Server,
        &[About::Cause(Cause::PortReusedEarly)],
        &["TcpExtTCPSYNChallenge"],
        "SYNs into a connection that this host still has",
        Kind::Some,
        ("SYNs were answered by a challenge ACK only", |counts| counts.challenged_syns),
    )
    .most(INTO_OPEN),
    // tcp_send_challenge_ack, at most once in half a second for a connection.
    Rule::new(
        Side::Server,
        &[About::Outcome],
        &["TcpExtTCPChallengeACK"],
        "challenge ACKs that this host sends, those for RSTs and data too",
        Kind::Some,
        ("connections were challenged only", |counts| counts.challenged),
    )
    .most(INTO_OPEN),
    // tcp_check_req: an RST in SYN-RECEIVED. With a cookie, there is no such state.
    Rule::new(
        Side::Server,
        &[About::Outcome],
        &["TcpExtEmbryonicRsts"],
        "connections that end by an RST, or by another SYN, while they are half open",
        Kind::Each,
        RESET_BY_CLIENT,
    )
    .most(|host| host.as_server.aborted_by_client + host.as_server.aborted_by_server)
    .unless(COOKIES),
    // tcp_v4_syn_recv_sock, then the embryonic reset of tcp_check_req.
    Rule::new(
        Side::Server,
        &[About::Cause(Cause::AbortOnOverflow)],
        OVERFLOWS,
        OF_OVERFLOWS,
        Kind::Each,
        RESET_BY_SERVER,
    )
    .most(DROPPED),
    // cookie_v4_check; after a time without any cookie, it looks at none, and counts none.
    Rule::new(
        Side::Server,
        &[About::Cause(Cause::SynCookieRejected)],
        &["TcpExtSyncookiesFailed"],
        "ACKs whose SYN cookie is wrong or too old",
        Kind::Some,
        RESET_BY_SERVER,
    )
    .most(|host| host.as_server.aborted_by_server),
    Rule::new(
        Side::Server,
        &[About::Cause(Cause::RstInjected)],
        OUT_RSTS,
        OF_OUT_RSTS,
        Kind::Without { fewer: "so this host's TCP did not send all of them", as_many: None },
        RESET_BY_SERVER,
    ),
    // tcp_conn_request: the queue of half-open connections is full, or net.ipv4.tcp_syncookies is 2.
    Rule::new(
        Side::Server,
        &[About::Cause(Cause::ForgedSyn)],
        &["TcpExtSyncookiesSent"],
        "SYNs that the kernel answers with a cookie because too many connections are half open, or always \
         (net.ipv4.tcp_syncookies = 2)",
        Kind::Some,
        ("SYNs were answered and then left half open", |counts| counts.half_open_syns),
    )
    // Where it always sends cookies, they say nothing.
    .most(|host| (host.as_server.attempts + host.as_server.syn_copies).saturating_sub(1)),
    // tcp_rtx_synack and __tcp_retransmit_skb count each copy that leaves. A SYN/ACK with a cookie is a new
    // one each time.
    Rule::new(
        Side::Server,
        &[About::Copies],
        SYN_RETRANS,
        OF_SYN_RETRANS,
        Kind::Same,
        ("SYNs and SYN/ACKs of this host are repeated in the capture", |counts| counts.synack_copies),
    )
    .known(COPIES)
    .unless(COOKIES),
    Rule::new(
        Side::Client,
        &[About::Copies],
        SYN_RETRANS,
        OF_SYN_RETRANS,
        Kind::Same,
        ("SYNs and SYN/ACKs of this host are repeated in the capture", |counts| counts.syn_copies),
    )
    .known(COPIES),
    // tcp_v4_rcv, as above.
    Rule::new(
        Side::Client,
        &[About::Cause(Cause::SynAckLost)],
        IN_SEGMENTS,
        OF_IN_SEGMENTS,
        Kind::Without { fewer: "so not all of them came to this host's TCP", as_many: None },
        ("SYN/ACKs got no final ACK", |counts| counts.half_open_synacks),
    ),
    // tcp_done of a socket in SYN-SENT or SYN-RECEIVED.
    Rule::new(
        Side::Client,
        &[About::Outcome],
        &["TcpAttemptFails"],
        "connections that this host's TCP gives up or loses before they are open",
        Kind::Each,
        ("connections were refused", |counts| counts.refused),
    )
    .most(|host| {
        let (client, server) = (&host.as_client, &host.as_server);
        client.unanswered + client.refused + client.aborted_by_server + server.aborted_by_client
    }),
    // tcp_connect; a SYN from a raw socket does not go there.
    Rule::new(
        Side::Client,
        &[About::Cause(Cause::SynScan), About::Cause(Cause::UnknownToClient), About::Cause(Cause::ForgedSyn)],
        ACTIVE_OPENS,
        OF_ACTIVE_OPENS,
        Kind::Without {
            fewer: "so their SYNs went past this host's TCP",
            as_many: Some("which is what this host's TCP does that opens them itself"),
        },
        ASKED,
    )
    .known(|host| host.as_client.opened),
    Rule::new(
        Side::Client,
        &[
            About::Cause(Cause::ClientGaveUp),
            About::Cause(Cause::HalfOpenCheck),
            About::Cause(Cause::AnotherAddressWon),
        ],
        ACTIVE_OPENS,
        OF_ACTIVE_OPENS,
        Kind::Needs,
        ASKED,
    )
    .known(|host| host.as_client.opened),
    // tcp_send_active_reset of a socket, and tcp_v4_send_reset without one.
    Rule::new(
        Side::Client,
        &[About::Outcome],
        OUT_RSTS,
        OF_OUT_RSTS,
        Kind::Each,
        RESET_BY_CLIENT,
    )
    .most(RSTS),
];
