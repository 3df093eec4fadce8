//! What the paths between two points mean, and what to look at there.

use crate::vocabulary::advice::{Advice, Check, check};
use crate::vocabulary::way::{Change, Path};

impl Path {
    /// What it means, and what to look at between the points.
    ///
    /// ```
    /// use dissector_core::compare::Path;
    ///
    /// let advice = Path::SynLost.advice();
    /// assert!(advice.checks.iter().any(|check| check.command.contains("rp_filter")));
    /// ```
    pub const fn advice(self) -> &'static Advice {
        match self {
            Self::Clean => &CLEAN,
            Self::Lossy => &LOSSY,
            Self::CutOff => &CUT_OFF,
            Self::RstInjected => &RST_INJECTED,
            Self::SynLost => &SYN_LOST,
            Self::SynAckLost => &SYNACK_LOST,
            Self::FinalAckLost => &FINAL_ACK_LOST,
            Self::AnsweredOnTheWay => &ANSWERED_ON_THE_WAY,
            Self::Proxied => &PROXIED,
            Self::OnePoint => &ONE_POINT,
            Self::Ambiguous => &AMBIGUOUS,
            Self::Unknown => &UNKNOWN,
        }
    }
}

impl Change {
    /// What the change costs the connection, or why it is wanted; and the check that finds who made it.
    ///
    /// ```
    /// use dissector_core::compare::Change;
    ///
    /// assert!(Change::WindowScale.advice().means.contains("64 KiB"));
    /// ```
    pub const fn advice(self) -> &'static Advice {
        match self {
            Self::Mss => &MSS,
            Self::WindowScale => &WINDOW_SCALE,
            Self::Timestamps => &TIMESTAMPS,
            Self::Sack => &SACK,
            Self::Options => &OPTIONS,
            Self::Sequence => &SEQUENCE,
            Self::Acknowledgment => &ACKNOWLEDGMENT,
            Self::Flags => &FLAGS,
            Self::Window => &WINDOW,
            Self::Length | Self::Payload => &PAYLOAD,
            Self::Ttl => &TTL,
        }
    }
}

const STRIPPED: Check = check(
    "On each firewall and router between the points: which rule changes the options or flags of TCP?",
    "iptables -t mangle -nvL | grep -iE 'TCPMSS|TCPOPTSTRIP|ECN'; nft list ruleset | grep -iE \
     'maxseg|reset tcp option|ecn'",
);

const MSS: Advice = advice(
    "The largest segment that an end announces was changed on the way (MSS clamping). That is usually \
     wanted: a tunnel or link there takes only smaller packets, and the ends send segments that fit.",
    &[STRIPPED],
);

const WINDOW_SCALE: Advice = advice(
    "The window scale was removed or changed on the way. Without it, an end can announce at most 64 KiB, and \
     no more than that is sent in a round trip: some 5 Mbit/s where that takes 100 ms. Where only one end \
     learns of it, windows are misread, and the connection stalls.",
    &[STRIPPED],
);

const TIMESTAMPS: Advice = advice(
    "The timestamps option was removed on the way. Without it, segments of long ago are not told from new \
     ones (PAWS, RFC 7323), round trips are measured less often and not for what was sent again, and a port \
     in TIME-WAIT is free again only later.",
    &[STRIPPED],
);

const SACK: Advice = advice(
    "The permission to send SACK was removed on the way. After a loss, the sender then does not learn what \
     arrived behind it: it mends about one loss a round trip, and sends octets again in vain.",
    &[STRIPPED],
);

const OPTIONS: Advice = advice(
    "Another option of the SYN was removed or changed on the way: the ends do without what it asks for \
     (Fast Open, Multipath TCP), or drop segments whose signature is missing.",
    &[STRIPPED],
);

const SEQUENCE: Advice = advice(
    "A device on the way, usually a firewall that makes initial numbers random, rewrites the sequence numbers \
     by one difference a direction. That does no harm as long as all segments pass it, both ways, and it \
     rewrites the numbers in SACK blocks, too.",
    &[check(
        "On the firewall between the points: does it randomize sequence numbers, and does the connection need \
         that?",
        "",
    )],
);

const ACKNOWLEDGMENT: Advice = advice(
    "Acknowledgment numbers were changed by more than the sequence numbers of the other direction: a device \
     on the way acknowledges in the name of an end.",
    &[check("Is a proxy or an accelerator (WAN optimization) meant to be between the points?", "")],
);

const FLAGS: Advice = advice(
    "Flags were changed on the way. Where ECE and CWR were cleared from a SYN or SYN/ACK, the ends do without \
     ECN, and learn of a full queue only by losses.",
    &[STRIPPED],
);

const WINDOW: Advice = advice(
    "The window was changed on the way: a device there slows the sender down, or answers for the receiver.",
    &[check("Is a traffic shaper or an accelerator (WAN optimization) between the points?", "")],
);

const PAYLOAD: Advice = advice(
    "The payload was rewritten on the way: what one program reads is not what the other one sent! A proxy, a \
     content filter or a helper for a protocol (ALG: FTP, SIP) does that; or a faulty device damages octets \
     and makes the checksum fit again.",
    &[
        check(
            "Which octets differ? Follow the stream in both captures.",
            "for f in {files}; do tcpdump -nXr \"$f\" 'tcp port {port}'; done",
        ),
        check(
            "On each firewall and router between the points: is a helper or filter for this protocol active? \
             Only encryption of the ends (TLS) keeps octets from being changed unseen.",
            "lsmod | grep -E 'nf_(nat|conntrack)_'; conntrack -L expect",
        ),
    ],
);

const TTL: Advice = advice(
    "Some segments came by another number of hops than the others of their direction: the route changed or \
     is split, or a device in between made them.",
    &[],
);

const fn advice(means: &'static str, checks: &'static [Check]) -> Advice {
    Advice { means, causes: &[], checks }
}

const RULES: Check = check(
    "On each router and firewall between the points: does the counter of a rule that drops rise with each \
     attempt?",
    "iptables -nvL; ip6tables -nvL; nft list ruleset",
);

const REVERSE_PATH: Check = check(
    "On each Linux router between them: does it drop what comes in by another interface than its route \
     back leads out by? The counter rises with each attempt then.",
    "nstat -az TcpExtIPReversePathFilter; sysctl net.ipv4.conf.all.rp_filter",
);

const STATE_TABLE: Check = check(
    "On a firewall or NAT between them: is its table of connections full, or does it hold this one no longer?",
    "dmesg | grep -i 'table full'; conntrack -C; sysctl net.netfilter.nf_conntrack_max; conntrack -L -p tcp \
     --dport {port}",
);

const WAY_THERE: Check = check(
    "From the client: does the way to the server lead past the second point at all, and where does it end?",
    "ip route get {server}; traceroute -T -p {port} {server}",
);

const WAY_BACK: Check = check(
    "On the server: does the answer leave by the interface on which the SYN came, and through the same \
     firewall? One that has not seen the SYN drops the SYN/ACK.",
    "ip route get {client}",
);

const INVALID: Check = check(
    "On a stateful firewall between them: does it call the segments invalid, because it has seen one \
     direction only or has other numbers in mind?",
    "conntrack -S; iptables -nvL | grep -iE 'invalid|state'",
);

const CLEAN: Advice = advice(
    "All that one point saw on its way got to the other, and nothing came from in between.",
    &[],
);

const LOSSY: Advice = advice(
    "TCP sends what was lost between the points again, at the cost of time: a second and more for a SYN, a \
     round trip or some 200 ms for data.",
    &[
        check(
            "On each device between the points: does an interface or queue count drops or errors while it \
             happens?",
            "ip -s -s link; tc -s qdisc; ethtool -S INTERFACE | grep -iE 'drop|err|miss|over'",
        ),
        check(
            "Is it always large segments, while small ones pass? Then a tunnel or link takes only smaller \
             packets, and its ICMP errors do not get back.",
            "tracepath -n {server}; ping -M do -s 1472 -c 3 {server}",
        ),
        check(
            "Is it the same share in all connections and both directions (a link), or bursts at the same \
             time (a full queue, a policer)?",
            "",
        ),
    ],
);

const CUT_OFF: Advice = advice(
    "Up to some segment, the way worked; after it, nothing of one direction arrived any more, however often \
     it was sent again. Something on the way has forgotten the connection, or leads elsewhere now.",
    &[
        check(
            "How long was the connection silent before? Firewalls and NAT forget idle ones, often after a \
             round number of seconds. Keep-alives have to come more often than that.",
            "sysctl net.netfilter.nf_conntrack_tcp_timeout_established net.ipv4.tcp_keepalive_time",
        ),
        STATE_TABLE,
        check(
            "Did a route, a tunnel or the active one of two firewalls change at that time?",
            "ip monitor route; ip route get {server}",
        ),
    ],
);

const RST_INJECTED: Advice = advice(
    "An RST arrived that the other end has not sent, as the point next to that end shows: a device between \
     the points made it.",
    &[
        check(
            "How far away is the device? Compare the TTL of the RST with those of the other segments that \
             come from the same side.",
            "tcpdump -nvr {file} 'host {server} and tcp port {port}'",
        ),
        check(
            "Was the connection silent for a round number of seconds before it? Then a firewall or load \
             balancer ends idle connections.",
            "",
        ),
        check(
            "Who runs firewalls, load balancers and intrusion prevention between the points? Their logs of \
             that moment name the rule.",
            "iptables -nvL | grep -i reset; nft list ruleset | grep -i reset",
        ),
    ],
);

const SYN_LOST: Advice = advice(
    "The client's SYN passed the point next to the client, and no copy of it got to the one next to the \
     server: it was dropped in between. The server knows nothing of this attempt; its program, its queues \
     and its own firewall have no part in it.",
    &[RULES, WAY_THERE, REVERSE_PATH, STATE_TABLE],
);

const SYNACK_LOST: Advice = advice(
    "The SYN got to the server, and the server answered. Its SYN/ACK was dropped on the way back: the server \
     is well, and what lets the SYN pass does not let the answer pass.",
    &[WAY_BACK, INVALID, REVERSE_PATH, RULES],
);

const FINAL_ACK_LOST: Advice = advice(
    "The SYN/ACK got to the client, for which the connection is open. But nothing that acknowledges it got to \
     the server, which repeats its SYN/ACK and gives up after a while.",
    &[INVALID, WAY_THERE, STATE_TABLE, RULES],
);

const ANSWERED_ON_THE_WAY: Advice = advice(
    "A device between the points answered the SYN in the server's place: a firewall that rejects, a router \
     without a route, a load balancer without a server behind it. The server had not answered by then.",
    &[
        check(
            "Which device is it? An ICMP error comes from its address; the TTL of an RST or SYN/ACK tells how \
             many hops away it is.",
            "tcpdump -nvr {file} 'icmp or icmp6 or (host {server} and tcp port {port})'",
        ),
        check(
            "On firewalls between the points: which rule rejects?",
            "iptables -nvL | grep -i reject; nft list ruleset | grep -i reject",
        ),
        check(
            "On a router that says unreachable: has it a route, and does the next hop answer?",
            "ip route get {server}; ip neigh",
        ),
    ],
);

const PROXIED: Advice = advice(
    "A device between the points answered the client by itself and has a connection of its own to the server: \
     a SYN proxy, or a load balancer that ends TCP. These are two connections; what is lost between them \
     cannot be told.",
    &[
        check(
            "Is the proxy meant to be there?",
            "iptables -nvL | grep -i synproxy; nft list ruleset | grep -i synproxy",
        ),
        check(
            "Look at each side by itself, with tcphs explain and one capture: a client that is let in before \
             the server has answered finds out late that the server is down.",
            "",
        ),
    ],
);

const ONE_POINT: Advice = advice(
    "Only one point saw this connection. The other was not capturing then, or saw nothing else of that \
     server's address and port: so it need not have passed there, and nothing can be called lost.",
    &[check(
        "Did both captures run at that time, and with a filter that takes it? Does it pass the interface of \
         the other capture, under which address?",
        "capinfos {files}",
    )],
);

const AMBIGUOUS: Advice = advice(
    "Several connections of the other point could be this one, and none is taken: ports and numbers do not tell \
     them apart.",
    &[check(
        "A capture that begins before the connections has their SYNs, whose numbers tell them apart.",
        "",
    )],
);

const UNKNOWN: Advice = advice(
    "What the points saw does not decide what happened between them: at the time, one of them was not \
     capturing, or missed packets.",
    &[check(
        "Capture again at both points, first started and last ended, with a snap length of 128 octets and \
         without drops.",
        "tcpdump -s 128 -B 65536 -w POINT.pcap 'tcp port {port} or icmp or icmp6'",
    )],
);
