//! Findings: their severities, their meanings and likely causes.

use crate::vocabulary::enumeration::{enumeration, set};

enumeration! {
    /// How much a finding matters, in Wireshark's terms.
    Severity as "severity" {
        /// A normal milestone.
        Chat = 0, CHAT, "chat";
        /// Legal but unusual.
        Note = 1, NOTE, "note";
        /// The connection suffers or did not come up.
        Warn = 2, WARN, "warn";
        /// A violation of the protocol.
        Error = 3, ERROR, "error";
    }
}

enumeration! {
    /// Wireshark's group of a finding.
    Group as "group" {
        /// Order and numbers of segments.
        Sequence = 0, SEQUENCE, "sequence";
        /// The protocol's rules.
        Protocol = 1, PROTOCOL, "protocol";
    }
}

/// Defines the findings. Each row: variant, number, C constant, id, severity, group, `later` if only later
/// segments or their absence show it, and its meaning with the likely causes.
macro_rules! findings {
    ($(
        $variant:ident = $number:literal, $constant:ident, $id:literal, $severity:ident $group:ident
            $($later:ident)?, $text:literal;
    )+) => {
        enumeration! {
            /// A finding: something worth pointing out on a segment or a connection.
            Finding as "finding" {
                $( #[doc = $text] $variant = $number, $constant, $id; )+
            }
        }

        impl Finding {
            /// How much it matters.
            pub const fn severity(self) -> Severity {
                match self { $( Self::$variant => Severity::$severity ),+ }
            }

            /// Where Wireshark lists it.
            pub const fn group(self) -> Group {
                match self { $( Self::$variant => Group::$group ),+ }
            }

            /// Its meaning and likely causes: a sentence to show.
            pub const fn text(self) -> &'static str {
                self.doc()
            }

            /// Whether only later segments, or their absence, show it: then it belongs to the
            /// connection, not to a segment.
            pub const fn needs_the_future(self) -> bool {
                match self { $( Self::$variant => findings!(@later $($later)?) ),+ }
            }
        }
    };
    (@later) => { false };
    (@later later) => { true };
}

findings! {
    HandshakeComplete = 0, HANDSHAKE_COMPLETE, "handshake_complete", Chat Sequence,
        "Each side's SYN was acknowledged by the other.";
    SynRetx = 1, SYN_RETX, "syn_retx", Note Sequence,
        "SYN sent again: no SYN/ACK has reached its sender yet.";
    SynAckRetx = 2, SYNACK_RETX, "synack_retx", Note Sequence,
        "SYN/ACK sent again: no ACK has reached the server yet.";
    SynAckNotReceived = 3, SYNACK_NOT_RECEIVED, "synack_not_received", Warn Sequence,
        "SYN sent again although the SYN/ACK passed here: it was lost or dropped between here and the client.";
    SynAckRetxAfterAck = 4, SYNACK_RETX_AFTER_ACK, "synack_retx_after_ack", Warn Sequence,
        "SYN/ACK sent again although the final ACK passed here: the ACK was lost beyond here, the accept queue is full, the server defers accepting until data comes (TCP_DEFER_ACCEPT), or a middlebox dropped the ACK.";
    SynAckRetxCrossed = 5, SYNACK_RETX_CROSSED, "synack_retx_crossed", Note Sequence,
        "SYN/ACK sent again while the final ACK was still on its way.";
    NoReply = 6, NO_REPLY, "no_reply", Warn Sequence later,
        "Nothing acceptable answers the SYN: host down, firewall that drops, accept queue full, or the way back is broken.";
    NoFinalAck = 7, NO_FINAL_ACK, "no_final_ack", Warn Sequence later,
        "Nothing answers the SYN/ACK: forged SYN (flood), client gone, or the SYN/ACK does not reach it.";
    NotAccepted = 8, NOT_ACCEPTED, "not_accepted", Warn Sequence later,
        "The server keeps repeating its SYN/ACK although it was acknowledged: accept queue full, final ACK dropped on the way, or an application that waits for data.";
    Refused = 9, REFUSED, "refused", Warn Sequence,
        "The SYN is refused: nothing listens on the port, or a firewall rejects.";
    Unreachable = 10, UNREACHABLE, "unreachable", Warn Sequence,
        "An ICMP error answers: no route, host down, or a firewall that rejects.";
    AbortedByClient = 11, ABORTED_BY_CLIENT, "aborted_by_client", Warn Sequence,
        "The client gives up during the handshake: port scan, time-out, or another address answered first.";
    AbortedByServer = 12, ABORTED_BY_SERVER, "aborted_by_server", Warn Sequence,
        "The server resets during the handshake: accept queue overflow with abort, a SYN cookie that failed, or a load balancer without a backend.";
    RstRightAfterHandshake = 13, RST_RIGHT_AFTER_HANDSHAKE, "rst_right_after_handshake", Warn Sequence,
        "Accepted and reset without payload either way: load balancer without backend, access list of the application, or an application that crashed.";
    ChallengeAck = 14, CHALLENGE_ACK, "challenge_ack", Note Sequence,
        "The answer to the SYN is an ACK of an older connection, which the server still holds; the client should reset it and try again.";
    HalfOpenReset = 15, HALF_OPEN_RESET, "half_open_reset", Note Sequence,
        "Clears the older connection that the server still held.";
    BadSynAck = 16, BAD_SYNACK, "bad_synack", Warn Sequence,
        "The SYN/ACK does not acknowledge the SYN: left over from an older connection, or forged.";
    SynAckIsnChanged = 17, SYNACK_ISN_CHANGED, "synack_isn_changed", Warn Sequence,
        "A second SYN/ACK has another initial sequence number: two responders (load balancer, anycast, proxy) or a server that forgot the first.";
    RstUnacceptable = 18, RST_UNACCEPTABLE, "rst_unacceptable", Note Sequence,
        "This RST has not the number that its receiver expects next: it should be ignored.";
    RstIgnored = 19, RST_IGNORED, "rst_ignored", Warn Sequence,
        "The connection goes on after an RST: it did not arrive, or was injected and ignored.";
    RstTtlMismatch = 20, RST_TTL_MISMATCH, "rst_ttl_mismatch", Note Sequence,
        "The TTL of this RST differs from that of its sender's other packets: a middlebox may have sent it.";
    PortReused = 21, PORT_REUSED, "port_reused", Note Sequence,
        "A new connection on addresses and ports that were used before.";
    SynInEstablished = 22, SYN_IN_ESTABLISHED, "syn_in_established", Warn Sequence,
        "A SYN inside a live connection: the client may have restarted, or the SYN is an old duplicate or forged.";
    SimultaneousOpen = 23, SIMULTANEOUS_OPEN, "simultaneous_open", Note Sequence,
        "Both sides opened at once.";
    SplitHandshake = 24, SPLIT_HANDSHAKE, "split_handshake", Warn Sequence,
        "The responder sends its SYN apart from its ACK: unusual, and a way around some firewalls. A simultaneous open whose first SYN was lost looks the same.";
    SelfConnect = 25, SELF_CONNECT, "self_connect", Note Sequence,
        "Connected to itself: source and destination are the same address and port.";
    TfoFallback = 26, TFO_FALLBACK, "tfo_fallback", Note Sequence,
        "The data in the SYN was not accepted: the server has no Fast Open or does not accept the cookie; the data has to be sent again.";
    SynDataWithoutCookie = 27, SYN_DATA_WITHOUT_COOKIE, "syn_data_without_cookie", Note Sequence,
        "Data in a SYN without a Fast Open cookie.";
    DataBeforeEstablished = 28, DATA_BEFORE_ESTABLISHED, "data_before_established", Warn Sequence,
        "The server sends data before the final ACK, without Fast Open: the ACK was not captured, or the server is early.";
    SynAckOptionNotOffered = 29, SYNACK_OPTION_NOT_OFFERED, "synack_option_not_offered", Error Protocol,
        "The SYN/ACK carries an option that the SYN did not offer.";
    WscaleOneSided = 30, WSCALE_ONE_SIDED, "wscale_one_sided", Note Protocol,
        "Only one side offers window scaling, so it is not in effect: windows of at most 64 KiB.";
    TsDropped = 31, TS_DROPPED, "ts_dropped", Note Protocol,
        "Timestamps were negotiated and are missing here.";
    MssSmall = 32, MSS_SMALL, "mss_small", Note Protocol,
        "The maximum segment size is below the default of 536 (IPv4) or 1220 (IPv6) octets.";
    SynOptionsChanged = 33, SYN_OPTIONS_CHANGED, "syn_options_changed", Note Sequence,
        "This copy of the SYN has other options or ECN bits than the copy before it: a fallback around a middlebox.";
    EcnBroken = 34, ECN_BROKEN, "ecn_broken", Note Sequence,
        "The SYN/ACK reflects the ECN bits of the SYN: a broken responder.";
    MptcpFallback = 35, MPTCP_FALLBACK, "mptcp_fallback", Note Sequence,
        "Multipath TCP was offered and not accepted: an ordinary server, or a middlebox removed the option.";
    IllegalFlags = 36, ILLEGAL_FLAGS, "illegal_flags", Warn Protocol,
        "No TCP sends these flags together: scan or damage.";
    DuplicateFrame = 37, DUPLICATE_FRAME, "duplicate_frame", Note Sequence,
        "The same packet captured twice: mirror port, or an interface seen twice.";
    OutOfOrderHandshake = 38, OUT_OF_ORDER_HANDSHAKE, "out_of_order_handshake", Note Sequence,
        "The SYN/ACK was recorded before the SYN: check the clocks and queues of the capture.";
    SynNotCaptured = 39, SYN_NOT_CAPTURED, "syn_not_captured", Note Sequence,
        "The SYN is not in the capture.";
    SynAckNotCaptured = 40, SYNACK_NOT_CAPTURED, "synack_not_captured", Note Sequence,
        "The SYN/ACK is not in the capture.";
    FinalAckNotCaptured = 41, FINAL_ACK_NOT_CAPTURED, "final_ack_not_captured", Note Sequence,
        "The final ACK is not in the capture.";
    OneWayCapture = 42, ONE_WAY_CAPTURE, "one_way_capture", Note Sequence later,
        "Only one side was captured.";
    Midstream = 43, MIDSTREAM, "midstream", Note Sequence later,
        "The capture began after the handshake.";
    SlowHandshake = 44, SLOW_HANDSHAKE, "slow_handshake", Note Sequence,
        "The set-up took long.";
    FinUnacked = 45, FIN_UNACKED, "fin_unacked", Note Sequence later,
        "The last FIN was not acknowledged: the capture ended, the ACK was lost, or the host is gone.";
    HalfClosedLong = 46, HALF_CLOSED_LONG, "half_closed_long", Note Sequence later,
        "One side stayed open for more than a minute after the other closed: it still sends, its host is gone, or its application does not close (a leak of CLOSE-WAIT).";
    SimultaneousClose = 47, SIMULTANEOUS_CLOSE, "simultaneous_close", Chat Sequence,
        "Both sides closed at once.";
    RstAfterFin = 48, RST_AFTER_FIN, "rst_after_fin", Note Sequence,
        "Reset after a FIN.";
    RstAbort = 49, RST_ABORT, "rst_abort", Warn Sequence,
        "The connection was reset while open.";
    RstAckLoop = 50, RST_ACK_LOOP, "rst_ack_loop", Warn Sequence,
        "RSTs and ACKs answer each other again and again: each end takes the other's numbers for wrong, because a device between them rewrites them or one end has lost the connection.";
    DataUnanswered = 51, DATA_UNANSWERED, "data_unanswered", Warn Sequence later,
        "No octet of the client's data was ever acknowledged, although it was sent again or long ago: the server never took the connection over from its SYN cookie or a SYN proxy, or the data is lost on the way.";
}

set! {
    /// A set of findings.
    ///
    /// ```
    /// use dissector_core::connection::{Finding, FindingSet};
    ///
    /// let mut set = FindingSet::EMPTY;
    /// set.insert(Finding::SynRetx);
    /// assert!(set.contains(Finding::SynRetx));
    /// assert_eq!(set.iter().map(|finding| finding.label()).collect::<Vec<_>>(), ["syn_retx"]);
    /// ```
    FindingSet(u64), FindingIter, Finding
}

impl FindingSet {
    /// Those that are rows' `anomalies`: a complete handshake is the normal course.
    #[must_use]
    pub const fn anomalies(mut self) -> Self {
        self.remove(Finding::HandshakeComplete);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_room_for_all() {
        let mut set = FindingSet::EMPTY;
        Finding::ALL.iter().for_each(|finding| set.insert(*finding));
        assert!(set.iter().eq(Finding::ALL.iter().copied()));
    }
}
