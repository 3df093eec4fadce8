//! Causes: why a connection did not come up, or ended as it did.

use crate::vocabulary::enumeration::enumeration;

enumeration! {
    /// Why a connection did not come up, or ended as it did.
    Cause as "cause" {
        /// The capture, or its file, ended too soon.
        CaptureEnded = 0, CAPTURE_ENDED, "capture_ended";
        /// The capture, or its file, began after the connection did.
        CaptureBeganLate = 1, CAPTURE_BEGAN_LATE, "capture_began_late";
        /// The two directions take different routes (asymmetric routing), and the capture sees only one.
        AsymmetricRoute = 2, ASYMMETRIC_ROUTE, "asymmetric_route";
        /// The mirror port or a capture filter passes only one direction.
        CaptureOneSided = 3, CAPTURE_ONE_SIDED, "capture_one_sided";
        /// A firewall or a cloud security group drops the SYN (DROP rather than REJECT).
        FirewallDrops = 4, FIREWALL_DROPS, "firewall_drops";
        /// A firewall rejects the connection, with an RST (REJECT --reject-with tcp-reset) or an ICMP error.
        FirewallRejects = 5, FIREWALL_REJECTS, "firewall_rejects";
        /// The server is down, or no host has that address.
        HostDown = 6, HOST_DOWN, "host_down";
        /// The router that sent the error has no route to the server.
        NoRoute = 7, NO_ROUTE, "no_route";
        /// A routing loop: routers send the packet in a circle until its TTL is used up.
        RoutingLoop = 8, ROUTING_LOOP, "routing_loop";
        /// A traceroute: the SYN was sent with a small TTL on purpose, to make a router on the path answer.
        Traceroute = 9, TRACEROUTE, "traceroute";
        /// An eBGP session to a neighbour that is more than one hop away: BGP sends with TTL 1 unless it is configured as multihop.
        BgpNotAdjacent = 10, BGP_NOT_ADJACENT, "bgp_not_adjacent";
        /// The server's accept queue is full: the application does not call accept() fast enough, and Linux then drops SYNs and final ACKs silently, even though the port is open.
        AcceptQueueFull = 11, ACCEPT_QUEUE_FULL, "accept_queue_full";
        /// The server's answer takes a different route and is lost there, or bypasses the capture point.
        AnswerLost = 12, ANSWER_LOST, "answer_lost";
        /// What comes back does not acknowledge the SYN: a device on the path changes the numbers of one direction only, or the answer belongs to an older connection, is forged, or was made by something that does not keep to TCP.
        AnswerUnacceptable = 13, ANSWER_UNACCEPTABLE, "answer_unacceptable";
        /// The server still holds an earlier connection on these ports in TIME-WAIT, and drops a SYN whose timestamp or number is behind that connection's (RFC 9293 §3.6.1, RFC 7323 §5.3).
        TimeWaitRefuses = 14, TIME_WAIT_REFUSES, "time_wait_refuses";
        /// The two ends do not agree on signatures (TCP-MD5 or TCP-AO, which BGP uses): one signs its segments and the other does not, or their keys differ, and what does not fit is dropped silently.
        KeyMismatch = 15, KEY_MISMATCH, "key_mismatch";
        /// Address translation on the path does not translate the answer back: it reaches the client from an address that the client never asked.
        NotTranslatedBack = 16, NOT_TRANSLATED_BACK, "not_translated_back";
        /// A port scan: the scanner sends SYNs past its operating system's TCP, and needs no connection, only the answer (SYN scan).
        SynScan = 17, SYN_SCAN, "syn_scan";
        /// The client's program stopped waiting and closed its socket before the answer came: its own time-out is shorter, or it no longer needed the connection.
        ClientGaveUp = 18, CLIENT_GAVE_UP, "client_gave_up";
        /// Nothing listens on the port: the service is not running or is just restarting, or it listens on another port or address (only 127.0.0.1; IPv4 but not IPv6).
        PortClosed = 19, PORT_CLOSED, "port_closed";
        /// A load balancer or proxy in front of the server has no backend for the connection.
        NoBackend = 20, NO_BACKEND, "no_backend";
        /// The service has too many connections waiting: Windows refuses further ones with an RST, where other systems drop the SYN.
        BacklogFull = 21, BACKLOG_FULL, "backlog_full";
        /// The server does not take a further subflow for a Multipath TCP connection (MP_JOIN); the port itself is open to ordinary connections (RFC 8684 §3.2).
        MpJoinRefused = 22, MP_JOIN_REFUSED, "mp_join_refused";
        /// A load balancer, firewall or proxy refuses or ends the connection in a host's name, and says why in the RST.
        DeviceRefuses = 23, DEVICE_REFUSES, "device_refuses";
        /// The RST does not come from the host in whose name it was sent: a device on the path injects it (intrusion prevention, parental control, censorship).
        RstInjected = 24, RST_INJECTED, "rst_injected";
        /// The SYN/ACK does not reach the client's TCP: a firewall on the path or on the client drops it, it takes a different route than the SYN, or it arrives damaged.
        SynAckLost = 25, SYNACK_LOST, "synack_lost";
        /// The SYN was forged. Many of these, from many addresses, are a SYN flood.
        ForgedSyn = 26, FORGED_SYN, "forged_syn";
        /// The client is gone: it crashed, or left this network.
        ClientGone = 27, CLIENT_GONE, "client_gone";
        /// The final ACK bypasses the capture point.
        FinalAckBypasses = 28, FINAL_ACK_BYPASSES, "final_ack_bypasses";
        /// The application has set TCP_DEFER_ACCEPT on its socket (nginx: “listen … deferred”), and waits for data that the client does not send: the server speaks first in this protocol, or the connection was opened in advance.
        DeferredAccept = 29, DEFERRED_ACCEPT, "deferred_accept";
        /// The final ACK is lost beyond the capture point: a firewall or load balancer drops it.
        FinalAckLost = 30, FINAL_ACK_LOST, "final_ack_lost";
        /// Timestamps were agreed on and are missing from the final ACK on, so the server drops what the client sends (RFC 7323 §3.2); a device on the path removes them, or the client's TCP is broken.
        TimestampsMissing = 31, TIMESTAMPS_MISSING, "timestamps_missing";
        /// A health check that opens the connection only half: a load balancer or monitor that sees the SYN/ACK knows that the port is open, and resets.
        HalfOpenCheck = 32, HALF_OPEN_CHECK, "half_open_check";
        /// A program tried several addresses at once, and another one answered first (happy eyeballs).
        AnotherAddressWon = 33, ANOTHER_ADDRESS_WON, "another_address_won";
        /// The client's kernel does not know the connection: a program sent the SYN through a raw socket, or the kernel's state is gone.
        UnknownToClient = 34, UNKNOWN_TO_CLIENT, "unknown_to_client";
        /// The accept queue is full, and net.ipv4.tcp_abort_on_overflow is set.
        AbortOnOverflow = 35, ABORT_ON_OVERFLOW, "abort_on_overflow";
        /// A SYN cookie was rejected: the ACK came too late, or reached another machine behind the same address.
        SynCookieRejected = 36, SYN_COOKIE_REJECTED, "syn_cookie_rejected";
        /// The final ACK reached another host than the one that sent the SYN/ACK (a route change, ECMP, a restarted load balancer).
        OtherMachine = 37, OTHER_MACHINE, "other_machine";
        /// Something in front of the server sent the SYN/ACK (a SYN proxy, a load balancer, protection against floods), and the RST comes from the server itself, where the port is closed.
        FrontAnswered = 38, FRONT_ANSWERED, "front_answered";
        /// The client, or address translation in front of it, reuses a port while the server still holds the older connection: after a crash, or after a time-out that only one side noticed.
        PortReusedEarly = 39, PORT_REUSED_EARLY, "port_reused_early";
        /// A firewall on the path does not know the older connection, and drops the challenge ACK or the RST that answers it.
        ChallengeLost = 40, CHALLENGE_LOST, "challenge_lost";
        /// A firewall on the path rewrites sequence numbers or timestamps, and the answer bypasses it.
        Renumbered = 41, RENUMBERED, "renumbered";
        /// The SYN/ACK belongs to an earlier attempt on the same ports.
        SynAckOld = 42, SYNACK_OLD, "synack_old";
        /// The SYN/ACK is forged.
        SynAckForged = 43, SYNACK_FORGED, "synack_forged";
        /// Backscatter: an attacker sends SYNs with forged source addresses to that server, and its answers go to those addresses.
        Backscatter = 44, BACKSCATTER, "backscatter";
        /// A SYN proxy (a firewall or protection against floods) completed the handshake in the server's place, and its own connection to the server did not come up.
        SynProxy = 45, SYN_PROXY, "syn_proxy";
        /// The client's data is lost on the way: a firewall drops it, or full-sized segments are too long for a link and nothing tells the client (path MTU).
        DataLost = 46, DATA_LOST, "data_lost";
        /// A program ended the connection with a reset: it closed its socket with unread octets, asked for a reset (SO_LINGER with 0), or crashed.
        ProgramAborts = 47, PROGRAM_ABORTS, "program_aborts";
        /// A firewall, proxy or load balancer on the path timed out after a long silence.
        IdleTimeout = 48, IDLE_TIMEOUT, "idle_timeout";
        /// The host that sent the RST no longer knows the connection: it restarted, or the packets reached another machine.
        ConnectionForgotten = 49, CONNECTION_FORGOTTEN, "connection_forgotten";
        /// The other end no longer answers: its host is down or gone, or a firewall on the path has forgotten the connection and drops its packets.
        PeerSilent = 50, PEER_SILENT, "peer_silent";
        /// The server's program, or a proxy or load balancer in front of it, took the connection and turned it away: an access list, TCP wrappers, a limit of connections, no backend, or a crash at the start.
        TurnedAway = 51, TURNED_AWAY, "turned_away";
        /// The client did not need the connection: a health check or connect scan that only wants to know whether the port is open, or a connection opened in reserve.
        NotNeeded = 52, NOT_NEEDED, "not_needed";
        /// The server waited for the client's first octets, or for a name lookup, and gave up.
        WaitTimedOut = 53, WAIT_TIMED_OUT, "wait_timed_out";
        /// The program that should close its socket does not: it leaks sockets, or is busy.
        SocketLeak = 54, SOCKET_LEAK, "socket_leak";
        /// The other end's data or FIN came after the program had closed its socket and the kernel had stopped waiting for it (FIN-WAIT-2 of a closed socket ends after 60 s on Linux): the other end was slow to answer or to close.
        OrphanTimedOut = 55, ORPHAN_TIMED_OUT, "orphan_timed_out";
        /// A program closed its socket while the other end was still sending: nobody can read that data any more, so an RST answers it.
        ClosedWhileReceiving = 56, CLOSED_WHILE_RECEIVING, "closed_while_receiving";
        /// The packet cannot be passed on or read as it is: it is too long for a link (a tunnel in a tunnel, data with the SYN), a fragment is missing, or a field or option of its IP header is wrong or not allowed.
        PacketNotForwarded = 57, PACKET_NOT_FORWARDED, "packet_not_forwarded";
        /// The server waited for the final ACK in vain and gave up: its SYN/ACK did not arrive, or the SYN was forged, or the client is gone.
        HandshakeTimedOut = 58, HANDSHAKE_TIMED_OUT, "handshake_timed_out";
        /// The server still has the earlier connection on these ports, and its challenge ACK (RFC 5961) does not come through: firewalls that do not know the earlier connection drop it.
        EarlierStillOpen = 59, EARLIER_STILL_OPEN, "earlier_still_open";
        /// The server's queue of half-open connections is full, as in a SYN flood, and SYN cookies are switched off (net.ipv4.tcp_syncookies = 0): Linux then drops further SYNs silently.
        RequestQueueFull = 60, REQUEST_QUEUE_FULL, "request_queue_full";
    }
}

impl Cause {
    /// The cause in a sentence or two, to show.
    pub const fn text(self) -> &'static str {
        self.doc()
    }

    /// Causes as bits, by number; there are no more than 64.
    pub(crate) const fn mask(causes: &[Self]) -> u64 {
        let (mut mask, mut place) = (0, 0);
        while place < causes.len() {
            mask |= 1 << causes[place] as u8;
            place += 1;
        }
        mask
    }

    /// The causes that are too rare to be named where nothing speaks for them, as bits.
    pub(crate) const NEED_EVIDENCE: u64 = {
        assert!(Self::ALL.len() <= 64);
        let (mut mask, mut place) = (0, 0);
        while place < Self::ALL.len() {
            if Self::ALL[place].needs_evidence() {
                mask |= 1 << Self::ALL[place] as u8;
            }
            place += 1;
        }
        mask
    };

    /// Whether it is too rare to be named where nothing speaks for it.
    pub const fn needs_evidence(self) -> bool {
        matches!(
            self,
            Self::AnswerUnacceptable
                | Self::TimeWaitRefuses
                | Self::KeyMismatch
                | Self::NotTranslatedBack
                | Self::BgpNotAdjacent
                | Self::MpJoinRefused
                | Self::DeviceRefuses
                | Self::RstInjected
                | Self::TimestampsMissing
                | Self::FrontAnswered
                | Self::SynProxy
                | Self::PeerSilent
                | Self::TurnedAway
                | Self::NotNeeded
                | Self::WaitTimedOut
                | Self::OrphanTimedOut
                | Self::ClosedWhileReceiving
                | Self::PacketNotForwarded
                | Self::HandshakeTimedOut
                | Self::EarlierStillOpen
                | Self::RequestQueueFull
        )
    }
}
