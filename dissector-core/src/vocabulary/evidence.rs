//! Evidence: what a capture shows of the cause, and which causes it speaks for or against.

use crate::vocabulary::cause::Cause;
use crate::vocabulary::enumeration::{enumeration, set};

enumeration! {
    /// How evidence bears on a cause.
    Bearing as "bearing" {
        /// The cause follows from it.
        Proves = 0, PROVES, "proves";
        /// The cause becomes more likely.
        SpeaksFor = 1, SPEAKS_FOR, "speaks_for";
        /// The cause becomes less likely.
        SpeaksAgainst = 2, SPEAKS_AGAINST, "speaks_against";
        /// The cause is ruled out.
        Excludes = 3, EXCLUDES, "excludes";
    }
}

/// The causes that one or several pieces of evidence bear on: for each way, those that it bears on so.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bearings([u64; Bearing::ALL.len()]);

impl Bearings {
    const fn of(bearings: &[(Bearing, &[Cause])]) -> Self {
        let (mut masks, mut row) = ([0; Bearing::ALL.len()], 0);
        while row < bearings.len() {
            let (bearing, causes) = bearings[row];
            masks[bearing as usize] |= Cause::mask(causes);
            row += 1;
        }
        Self(masks)
    }

    /// All that several pieces of evidence bear on.
    pub fn add(&mut self, other: Self) {
        self.0.iter_mut().zip(other.0).for_each(|(mask, other)| *mask |= other);
    }

    /// The causes that they bear on so.
    pub const fn mask(&self, bearing: Bearing) -> u64 {
        self.0[bearing as usize]
    }

    /// The causes that they bear on in any way.
    pub const fn any(&self) -> u64 {
        let [proves, speaks_for, speaks_against, excludes] = self.0;
        proves | speaks_for | speaks_against | excludes
    }
}

/// Defines the evidence. Each row: variant, number, C constant, id, `others` if it is seen in other
/// connections, what it says, and the causes on which it bears.
macro_rules! evidence {
    ($(
        $variant:ident = $number:literal, $constant:ident, $id:literal $($others:ident)?, $text:literal
        $(, $bearing:ident $($cause:ident)+)*;
    )+) => {
        enumeration! {
            /// What the capture shows of the cause.
            Evidence as "evidence" {
                $( #[doc = $text] $variant = $number, $constant, $id; )+
            }
        }

        impl Evidence {
            /// What it says, a sentence to show.
            pub const fn text(self) -> &'static str {
                self.doc()
            }

            /// The causes on which it bears, and how.
            pub const fn bearings(self) -> &'static [(Bearing, &'static [Cause])] {
                match self { $(
                    Self::$variant => &[ $( (Bearing::$bearing, &[ $( Cause::$cause ),+ ]) ),* ],
                )+ }
            }

            /// How it bears on a cause; `None` if it does not.
            pub fn bearing_on(self, cause: Cause) -> Option<Bearing> {
                let mut bearings = self.bearings().iter();
                let on_it = bearings.find(|(_, causes)| causes.contains(&cause));
                on_it.map(|(bearing, _)| *bearing)
            }

            /// The causes on which it bears, by how it does.
            pub(crate) const fn masks(self) -> Bearings {
                const ALL: &[Bearings] = &[ $( Bearings::of(Evidence::$variant.bearings()) ),+ ];
                ALL[self as usize]
            }

            /// Whether it is seen in other connections: then it is in no row and no
            /// [`Verdict`](crate::connection::Verdict), which depend on a connection's own packets.
            pub const fn is_of_others(self) -> bool {
                match self { $( Self::$variant => evidence!(@others $($others)?) ),+ }
            }
        }
    };
    (@others) => { false };
    (@others others) => { true };
}

evidence! {
    IcmpProhibited = 0, ICMP_PROHIBITED, "icmp_prohibited",
        "The ICMP error says that the connection is administratively prohibited, which only a firewall says.",
        Proves FirewallRejects,
        Excludes HostDown NoRoute RoutingLoop Traceroute BgpNotAdjacent;
    IcmpPortUnreachable = 1, ICMP_PORT_UNREACHABLE, "icmp_port_unreachable",
        "The ICMP error says that the port or TCP itself cannot be reached: a host answers a SYN to a closed port with an RST, so this is a firewall that rejects.",
        Proves FirewallRejects,
        Excludes HostDown NoRoute RoutingLoop Traceroute BgpNotAdjacent;
    IcmpHostUnreachable = 2, ICMP_HOST_UNREACHABLE, "icmp_host_unreachable",
        "The ICMP error says “host unreachable”: the last router, or the client itself, got no answer when it asked for a hardware address (ARP, neighbour discovery), or has no route.",
        SpeaksFor HostDown NoRoute,
        Excludes RoutingLoop Traceroute BgpNotAdjacent;
    IcmpNoRoute = 3, ICMP_NO_ROUTE, "icmp_no_route",
        "The ICMP error says that there is no route to the server.",
        Proves NoRoute,
        Excludes HostDown RoutingLoop Traceroute BgpNotAdjacent;
    IcmpTimeExceeded = 4, ICMP_TIME_EXCEEDED, "icmp_time_exceeded",
        "The ICMP error says that the SYN's TTL was used up on the way.",
        Excludes FirewallRejects HostDown NoRoute;
    IcmpFromServer = 5, ICMP_FROM_SERVER, "icmp_from_server",
        "The ICMP error comes from the server's own address: the packet reached that host, or a device that translates the address.",
        SpeaksFor FirewallRejects,
        SpeaksAgainst HostDown NoRoute,
        Excludes RoutingLoop Traceroute BgpNotAdjacent;
    SynTtlLow = 6, SYN_TTL_LOW, "syn_ttl_low",
        "The SYN passed here with a TTL of 4 or less: no system sends ordinary connections with so few hops.",
        Proves Traceroute,
        SpeaksAgainst RoutingLoop,
        Excludes BgpNotAdjacent;
    SynTtlHigh = 7, SYN_TTL_HIGH, "syn_ttl_high",
        "The SYN passed here with a TTL of more than 32, as ordinary connections have it.",
        Excludes Traceroute BgpNotAdjacent;
    BgpTtl = 8, BGP_TTL, "bgp_ttl",
        "The SYN is one of BGP (port 179) and has a TTL of 1, which eBGP uses towards a neighbour.",
        Proves BgpNotAdjacent,
        Excludes Traceroute RoutingLoop;
    SynNeverRepeated = 9, SYN_NEVER_REPEATED, "syn_never_repeated",
        "The SYN was never repeated, as a TCP would do that waits for its answer: a scanner sent it, or its sender did not wait, or is gone.",
        SpeaksFor SynScan ClientGaveUp ForgedSyn ClientGone,
        SpeaksAgainst SynAckLost;
    SynRepeated = 10, SYN_REPEATED, "syn_repeated",
        "The client's TCP repeated its SYN and waited: this is no scanner that asks once.",
        Excludes SynScan ClientGaveUp;
    SynWithoutOptions = 11, SYN_WITHOUT_OPTIONS, "syn_without_options",
        "The SYN offers neither window scaling nor selective acknowledgments nor timestamps: it looks made by a program, not by an operating system.",
        SpeaksFor SynScan UnknownToClient ForgedSyn;
    SynOfOs = 12, SYN_OF_OS, "syn_of_os",
        "The SYN offers what the TCP of an operating system offers.",
        SpeaksFor ClientGaveUp,
        SpeaksAgainst SynScan UnknownToClient;
    RstUnacceptable = 13, RST_UNACCEPTABLE, "rst_unacceptable",
        "An RST came back, but it does not acknowledge the SYN, so the client ignores it and waits on: something answers.",
        Proves AnswerUnacceptable,
        Excludes FirewallDrops HostDown AcceptQueueFull AnswerLost TimeWaitRefuses KeyMismatch SynScan
            ClientGaveUp;
    NumberBehind = 14, NUMBER_BEHIND, "number_behind",
        "The server closed the connection before on these ports first, so it is in TIME-WAIT, and the new SYN's sequence number is behind that connection's.",
        Proves TimeWaitRefuses;
    TsvalBehind = 15, TSVAL_BEHIND, "tsval_behind",
        "The server closed the connection before on these ports first, so it is in TIME-WAIT, and the new SYN's timestamp is behind that connection's: it looks like an old duplicate.",
        Proves TimeWaitRefuses;
    SignedOneSided = 16, SIGNED_ONE_SIDED, "signed_one_sided",
        "Only one of SYN and SYN/ACK carries a signature (TCP-MD5 or TCP-AO): the end that signs drops what is not signed.",
        Proves KeyMismatch,
        Excludes ForgedSyn ClientGone FinalAckBypasses;
    SynSigned = 17, SYN_SIGNED, "syn_signed",
        "The SYN carries a signature (TCP-MD5 or TCP-AO): a server that has no such key, or another one, drops it silently.",
        SpeaksFor KeyMismatch;
    BgpPort = 18, BGP_PORT, "bgp_port",
        "The port is that of BGP, and the SYN is not signed: a router that expects a signature drops it silently.",
        SpeaksFor KeyMismatch;
    SynAckNotReceived = 19, SYNACK_NOT_RECEIVED, "synack_not_received",
        "The client repeats its SYN although the SYN/ACK passed here: it is there, and did not get the SYN/ACK or did not take it.",
        SpeaksFor SynAckLost,
        Excludes ForgedSyn ClientGone FinalAckBypasses;
    RstWithoutFinalAck = 20, RST_WITHOUT_FINAL_ACK, "rst_without_final_ack",
        "The RST came although the client had not sent a final ACK.",
        SpeaksFor NoBackend,
        Excludes AbortOnOverflow SynCookieRejected OtherMachine;
    RstAnswersSyn = 21, RST_ANSWERS_SYN, "rst_answers_syn",
        "The RST has sequence number 0 and acknowledges the SYN, as a host answers where nothing listens: its sender does not know of the SYN/ACK.",
        Proves FrontAnswered;
    MpJoin = 22, MP_JOIN, "mp_join",
        "The SYN asks to join a Multipath TCP connection (MP_JOIN), and a server that does not know its token answers as if the port were closed.",
        SpeaksFor MpJoinRefused;
    MpTcpRst = 23, MP_TCPRST, "mp_tcprst",
        "The RST carries a reason of Multipath TCP (MP_TCPRST): a TCP that knows Multipath took the SYN and refused the subflow.",
        Proves MpJoinRefused,
        Excludes PortClosed FirewallRejects BacklogFull NoBackend DeviceRefuses;
    RstWithText = 24, RST_WITH_TEXT, "rst_with_text",
        "The RST carries a text, which no operating system sends: load balancers and firewalls explain themselves this way.",
        Proves DeviceRefuses,
        Excludes PortClosed BacklogFull;
    RstTtlDiffers = 25, RST_TTL_DIFFERS, "rst_ttl_differs",
        "The RST's TTL differs from that of its sender's other packets: another machine may have sent it.",
        SpeaksFor RstInjected OtherMachine FrontAnswered IdleTimeout,
        SpeaksAgainst PortClosed ProgramAborts;
    RstTtlFits = 26, RST_TTL_FITS, "rst_ttl_fits",
        "The RST's TTL is that of its sender's other packets.",
        SpeaksAgainst RstInjected;
    AckArrived = 27, ACK_ARRIVED, "ack_arrived",
        "The repeated SYN/ACK echoes a timestamp that the client sent after its SYN, so the client's ACK arrived: the server's host has it.",
        Excludes FinalAckLost TimestampsMissing;
    DataNotTaken = 28, DATA_NOT_TAKEN, "data_not_taken",
        "The server repeated its SYN/ACK although the client had sent data, which ends a deferred accept.",
        Excludes DeferredAccept;
    SynAckRepeatedAgain = 29, SYNACK_REPEATED_AGAIN, "synack_repeated_again",
        "The server repeated its SYN/ACK more than once, and the client acknowledged in between: after the first repetition, a deferred accept takes the ACK.",
        Excludes DeferredAccept;
    FirstRepetitionLate = 30, FIRST_REPETITION_LATE, "first_repetition_late",
        "The first repetition of the SYN/ACK came after 2.5 s or more, later than the usual second: a deferred accept lets time pass first.",
        SpeaksFor DeferredAccept;
    TimestampsGone = 31, TIMESTAMPS_GONE, "timestamps_gone",
        "Both SYNs carry timestamps, and from the final ACK on the client's segments carry none.",
        SpeaksFor TimestampsMissing,
        SpeaksAgainst DeferredAccept;
    RstReflex = 32, RST_REFLEX, "rst_reflex",
        "The RST carries no ACK, and its number is the one that the other end acknowledged last: its sender has no such connection (any more).",
        SpeaksFor UnknownToClient SynScan ClientGaveUp ConnectionForgotten AbortOnOverflow
            SynCookieRejected OtherMachine,
        SpeaksAgainst ProgramAborts;
    RstOfSocket = 33, RST_OF_SOCKET, "rst_of_socket",
        "The RST carries an ACK and timestamps: it comes from the client's own socket, which was closed on purpose before it sent the final ACK.",
        Proves HalfOpenCheck,
        Excludes UnknownToClient NotTranslatedBack ClientGaveUp AnotherAddressWon SynScan;
    RstWithAck = 34, RST_WITH_ACK, "rst_with_ack",
        "The RST carries an ACK: its sender still had the connection.",
        SpeaksFor ProgramAborts HalfOpenCheck,
        Excludes ConnectionForgotten UnknownToClient;
    SynAckSlow = 35, SYNACK_SLOW, "synack_slow",
        "The SYN/ACK came a second or more after the first SYN.",
        SpeaksFor ClientGaveUp;
    SynAckFast = 36, SYNACK_FAST, "synack_fast",
        "The SYN/ACK came less than a second after the first SYN.",
        SpeaksAgainst ClientGaveUp;
    ChallengeNotAnswered = 37, CHALLENGE_NOT_ANSWERED, "challenge_not_answered",
        "The client repeats its SYN and never answered the challenge ACK with an RST, as it would if it had got it.",
        SpeaksFor ChallengeLost;
    SynAckReset = 38, SYNACK_RESET, "synack_reset",
        "The host that got the SYN/ACK answered with an RST: it had not asked for a connection there.",
        SpeaksFor Backscatter NotTranslatedBack,
        Excludes CaptureBeganLate;
    WindowZeroInSynAck = 39, WINDOW_ZERO_IN_SYNACK, "window_zero_in_synack",
        "The SYN/ACK closes the window (0 octets), so that the client sends nothing yet: a SYN proxy does that, a server does not.",
        Proves SynProxy;
    DataNeverAcknowledged = 40, DATA_NEVER_ACKNOWLEDGED, "data_never_acknowledged",
        "No octet of the data that the client sent was ever acknowledged.",
        SpeaksFor DataLost;
    ServerSilent = 41, SERVER_SILENT, "server_silent",
        "The server has sent nothing since its SYN/ACK.",
        SpeaksFor AcceptQueueFull;
    KeepAlivesUnanswered = 42, KEEPALIVES_UNANSWERED, "keepalives_unanswered",
        "The end that reset the connection had sent keep-alives, and none of them was answered.",
        Proves PeerSilent,
        Excludes ConnectionForgotten TurnedAway NotNeeded;
    SilenceBeforeRst = 43, SILENCE_BEFORE_RST, "silence_before_rst",
        "Nothing was sent for ten seconds or more before the RST.",
        SpeaksFor IdleTimeout,
        SpeaksAgainst ProgramAborts RstInjected;
    RstAtOnce = 44, RST_AT_ONCE, "rst_at_once",
        "The RST came within a second of the segment before it, and no silence of ten seconds or more was before that one.",
        SpeaksAgainst IdleTimeout;
    NoOctet = 45, NO_OCTET, "no_octet",
        "The connection was opened and ended without an octet in either direction.",
        SpeaksFor TurnedAway NotNeeded;
    ServerClosedFirst = 46, SERVER_CLOSED_FIRST, "server_closed_first",
        "It was the server that ended it.",
        Excludes NotNeeded;
    ClientClosedFirst = 47, CLIENT_CLOSED_FIRST, "client_closed_first",
        "It was the client that ended it.",
        Excludes TurnedAway WaitTimedOut;
    EndedAtOnce = 48, ENDED_AT_ONCE, "ended_at_once",
        "It ended within a second after the handshake.",
        SpeaksFor TurnedAway NotNeeded,
        Excludes WaitTimedOut;
    EndedAfterWait = 49, ENDED_AFTER_WAIT, "ended_after_wait",
        "It ended a second or more after the handshake.",
        SpeaksFor WaitTimedOut;
    HalfClosedLong = 50, HALF_CLOSED_LONG, "half_closed_long",
        "The other side stayed open for more than a minute.",
        SpeaksFor SocketLeak,
        SpeaksAgainst CaptureEnded;
    RstAnswersDataAfterFin = 51, RST_ANSWERS_DATA_AFTER_FIN, "rst_answers_data_after_fin",
        "The RST answers data that came after its sender's FIN.",
        SpeaksFor OrphanTimedOut ClosedWhileReceiving,
        Excludes ProgramAborts;
    FinLongBefore = 52, FIN_LONG_BEFORE, "fin_long_before",
        "Its sender's FIN was a minute or more before.",
        Proves OrphanTimedOut,
        Excludes ClosedWhileReceiving;
    FinJustBefore = 53, FIN_JUST_BEFORE, "fin_just_before",
        "Its sender's FIN was less than a minute before.",
        Proves ClosedWhileReceiving,
        Excludes OrphanTimedOut;
    IcmpNotForwarded = 54, ICMP_NOT_FORWARDED, "icmp_not_forwarded",
        "The ICMP error is about the packet itself (its length, a fragment, or a field of its header), not about the way to the server.",
        Proves PacketNotForwarded,
        Excludes FirewallRejects HostDown NoRoute RoutingLoop Traceroute BgpNotAdjacent;
    SynAckRepeated = 55, SYNACK_REPEATED, "synack_repeated",
        "The server repeated its SYN/ACK: no ACK of it had arrived, so none took another way.",
        Excludes FinalAckBypasses;
    SynAckNeverRepeated = 56, SYNACK_NEVER_REPEATED, "synack_never_repeated",
        "The server did not repeat its SYN/ACK, as a TCP does that waits for the ACK: it has got one, or it answers with SYN cookies.",
        SpeaksFor FinalAckBypasses,
        SpeaksAgainst SynAckLost ForgedSyn ClientGone;
    SilenceBeforeData = 57, SILENCE_BEFORE_DATA, "silence_before_data",
        "Nothing was sent for ten seconds or more before the segment that the RST answers.",
        SpeaksFor IdleTimeout,
        SpeaksAgainst ProgramAborts RstInjected;
    ServerSentMore = 58, SERVER_SENT_MORE, "server_sent_more",
        "The server has sent more than its SYN/ACK: it has accepted the connection, and the way from it works.",
        Excludes AcceptQueueFull;
    RstAnswersFin = 59, RST_ANSWERS_FIN, "rst_answers_fin",
        "The RST answers the other end's FIN, which came after its sender's own.",
        SpeaksFor OrphanTimedOut;
    RstBare = 60, RST_BARE, "rst_bare",
        "The RST carries no ACK, and its number is not the one that the other end acknowledged last.",
        SpeaksFor RstInjected,
        SpeaksAgainst ProgramAborts ConnectionForgotten;
    RepetitionsUnanswered = 61, REPETITIONS_UNANSWERED, "repetitions_unanswered",
        "The end that reset the connection had sent its data or its FIN again and again, and no acknowledgment came back.",
        Proves PeerSilent,
        Excludes ConnectionForgotten TurnedAway NotNeeded;
    RstGivesUp = 62, RST_GIVES_UP, "rst_gives_up",
        "The server had repeated its SYN/ACK, and no ACK came: its RST gives up what it waited for in vain.",
        Proves HandshakeTimedOut;
    SynAckAfterRefusal = 63, SYNACK_AFTER_REFUSAL, "synack_after_refusal",
        "A SYN/ACK of the server came although the SYN had been refused: the port is open.",
        SpeaksFor RstInjected,
        Excludes PortClosed BacklogFull;
    AnsweredFromElsewhere = 64, ANSWERED_FROM_ELSEWHERE, "answered_from_elsewhere" others,
        "The answer to this SYN came from another address.",
        Proves NotTranslatedBack,
        Excludes FirewallDrops HostDown AcceptQueueFull AnswerLost TimeWaitRefuses KeyMismatch SynScan
            ClientGaveUp Backscatter CaptureBeganLate EarlierStillOpen AnotherAddressWon HalfOpenCheck;
    HostAnswers = 65, HOST_ANSWERS, "host_answers" others,
        "The same host answered other connections at about that time: it is up and can be reached.",
        SpeaksFor FirewallDrops,
        Excludes HostDown;
    ServerTakesOthers = 66, SERVER_TAKES_OTHERS, "server_takes_others" others,
        "The same server and port took other connections at about that time: the service was running.",
        SpeaksFor AcceptQueueFull NoBackend BacklogFull,
        SpeaksAgainst PortClosed FirewallDrops,
        Excludes HostDown;
    PathWorks = 67, PATH_WORKS, "path_works" others,
        "Other servers answered the same client at the same time: its own network works.",
        SpeaksFor FirewallDrops HostDown;
    ClientAsksMany = 68, CLIENT_ASKS_MANY, "client_asks_many" others,
        "The same client did the same to other hosts or ports.",
        SpeaksFor SynScan,
        SpeaksAgainst HalfOpenCheck;
    ClientRepeats = 69, CLIENT_REPEATS, "client_repeats" others,
        "The same client did the same to this server and port several times.",
        SpeaksFor HalfOpenCheck NotNeeded,
        SpeaksAgainst SynScan UnknownToClient AnotherAddressWon ClientGaveUp;
    TtlsDiffer = 70, TTLS_DIFFER, "ttls_differ" others,
        "The same client sent SYNs to the same server with other small TTLs.",
        Proves Traceroute,
        Excludes RoutingLoop BgpNotAdjacent;
    AnotherOpened = 71, ANOTHER_OPENED, "another_opened" others,
        "The same client opened a connection to the same port of another address at that time.",
        SpeaksFor AnotherAddressWon,
        SpeaksAgainst SynScan;
    RstIdDiffers = 72, RST_ID_DIFFERS, "rst_id_differs" others,
        "The IP identification of the RST does not go on from those of its sender's other packets: another machine may have sent it.",
        SpeaksFor RstInjected OtherMachine FrontAnswered,
        SpeaksAgainst ProgramAborts;
    RstIdFits = 73, RST_ID_FITS, "rst_id_fits" others,
        "The IP identification of the RST goes on from those of its sender's other packets: the same machine sent it.",
        SpeaksAgainst RstInjected;
    ClientOpensOthers = 74, CLIENT_OPENS_OTHERS, "client_opens_others" others,
        "The same client opened other connections at about that time: it is there.",
        SpeaksFor SynAckLost,
        SpeaksAgainst ForgedSyn ClientGone;
    SynSentAgain = 75, SYN_SENT_AGAIN, "syn_sent_again" others,
        "The client sent the same SYN again after its RST: its program still waits, and the RST came from a kernel that does not take the SYN/ACK for the answer.",
        SpeaksFor NotTranslatedBack,
        Excludes SynScan ClientGaveUp AnotherAddressWon HalfOpenCheck;
    SynIntoOpen = 76, SYN_INTO_OPEN, "syn_into_open",
        "The connection before on these ports was still open, as far as the capture shows: a server that has it answers a SYN with an ACK of that connection, a challenge, and not with a SYN/ACK.",
        SpeaksFor EarlierStillOpen,
        SpeaksAgainst AcceptQueueFull,
        Excludes SynScan;
    ClientSentMore = 77, CLIENT_SENT_MORE, "client_sent_more",
        "The client has sent more than its SYN, but nothing that acknowledges the SYN/ACK: it is there.",
        SpeaksFor SynAckLost,
        SpeaksAgainst ForgedSyn,
        Excludes ClientGone;
    RstUnasked = 78, RST_UNASKED, "rst_unasked" others,
        "The RST follows another segment of its sender within a second and answers nothing: a host without the connection only answers.",
        SpeaksFor ProgramAborts,
        SpeaksAgainst ConnectionForgotten;
    OnlyThisClient = 79, ONLY_THIS_CLIENT, "only_this_client" others,
        "Other clients reached the same server and port, or other servers that this one tried, at about that time, and this one never did.",
        SpeaksFor FirewallDrops FirewallRejects AnswerLost,
        SpeaksAgainst AcceptQueueFull RequestQueueFull BacklogFull PortClosed NoBackend,
        Excludes HostDown;
    ServerTookBefore = 80, SERVER_TOOK_BEFORE, "server_took_before" others,
        "The same server and port took other connections shortly before, and none since.",
        SpeaksFor AcceptQueueFull;
    RefusedElsewhere = 81, REFUSED_ELSEWHERE, "refused_elsewhere" others,
        "Servers in several networks refused the same client at the same port, and few or none took it.",
        SpeaksFor FirewallRejects,
        SpeaksAgainst PortClosed NoBackend BacklogFull;
    NothingAnswers = 82, NOTHING_ANSWERS, "nothing_answers" others,
        "Several hosts left the same client without an answer at the same moment, and none answered it.",
        SpeaksFor FirewallDrops SynScan,
        SpeaksAgainst AcceptQueueFull HostDown RequestQueueFull;
    ServerRestarted = 83, SERVER_RESTARTED, "server_restarted" others,
        "The same server and port took connections before and after, and refused every one in between.",
        SpeaksFor PortClosed,
        SpeaksAgainst FirewallRejects NoBackend BacklogFull;
    ResetElsewhere = 84, RESET_ELSEWHERE, "reset_elsewhere" others,
        "Servers in several networks reset connections of the same client before these were open, and few or none took one.",
        SpeaksFor RstInjected,
        SpeaksAgainst AbortOnOverflow SynCookieRejected NoBackend OtherMachine ConnectionForgotten ProgramAborts
            FrontAnswered;
    NeverAnswered = 85, NEVER_ANSWERED, "never_answered",
        "No answer to the SYN was captured, and the client's own TCP reset what it had asked for.",
        SpeaksFor ClientGaveUp,
        Excludes SynScan HalfOpenCheck UnknownToClient NotTranslatedBack;
}

set! {
    /// A set of evidence.
    ///
    /// ```
    /// use dissector_core::connection::{Evidence, EvidenceSet};
    ///
    /// let mut set = EvidenceSet::EMPTY;
    /// set.insert(Evidence::AckArrived);
    /// assert!(set.contains(Evidence::AckArrived));
    /// assert_eq!(set.iter().map(|evidence| evidence.label()).collect::<Vec<_>>(), ["ack_arrived"]);
    /// ```
    EvidenceSet(u128), EvidenceIter, Evidence
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_room_for_all() {
        let mut set = EvidenceSet::EMPTY;
        Evidence::ALL.iter().for_each(|evidence| set.insert(*evidence));
        assert!(set.iter().eq(Evidence::ALL.iter().copied()));
    }

    #[test]
    fn evidence_bears_on_a_cause_in_one_way() {
        for evidence in Evidence::ALL {
            let mut causes: Vec<_> =
                evidence.bearings().iter().flat_map(|(_, causes)| *causes).collect();
            assert!(!causes.is_empty(), "{evidence}");
            let all = causes.len();
            causes.sort_by_key(|cause| cause.number());
            causes.dedup();
            assert_eq!(causes.len(), all, "{evidence}");
        }
    }
}
