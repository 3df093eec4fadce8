//! The names of everything that is shown: one table each. Numbers and labels never change.

use crate::vocabulary::enumeration::{Enumeration, enumeration};
use crate::vocabulary::finding::{Finding, Group, Severity};
use crate::vocabulary::state_names::StateNames;

enumeration! {
    /// State of one endpoint (RFC 9293 §3.3.2); numbers as in TCP-MIB (RFC 4022), 0 is ours.
    State as "state" {
        /// The capture began too late to tell.
        Unknown = 0, UNKNOWN, "UNKNOWN";
        /// No connection.
        Closed = 1, CLOSED, "CLOSED";
        /// Waiting for a connection request.
        Listen = 2, LISTEN, "LISTEN";
        /// SYN sent, waiting for the peer's.
        SynSent = 3, SYN_SENT, "SYN-SENT";
        /// Both SYNs exchanged, waiting for the acknowledgment of the own one.
        SynReceived = 4, SYN_RECEIVED, "SYN-RECEIVED";
        /// Open: data can flow both ways.
        Established = 5, ESTABLISHED, "ESTABLISHED";
        /// Closed here first, FIN not acknowledged yet.
        FinWait1 = 6, FIN_WAIT_1, "FIN-WAIT-1";
        /// Own FIN acknowledged, waiting for the peer's.
        FinWait2 = 7, FIN_WAIT_2, "FIN-WAIT-2";
        /// The peer has closed, this end has not.
        CloseWait = 8, CLOSE_WAIT, "CLOSE-WAIT";
        /// Closed after the peer, FIN not acknowledged yet.
        LastAck = 9, LAST_ACK, "LAST-ACK";
        /// Both closed at once, own FIN not acknowledged yet.
        Closing = 10, CLOSING, "CLOSING";
        /// Both FINs exchanged; waits so that late segments die out.
        TimeWait = 11, TIME_WAIT, "TIME-WAIT";
    }
}

enumeration! {
    /// What a segment is to the handshake or to the close of its connection.
    Stage as "stage" {
        /// Neither.
        None = 0, NONE, "-";
        /// Opens the connection.
        Syn = 1, SYN, "SYN";
        /// The responder's SYN, which acknowledges the first.
        SynAck = 2, SYN_ACK, "SYN/ACK";
        /// The final acknowledgment: the third segment of the handshake.
        FinalAck = 3, FINAL_ACK, "ACK";
        /// A SYN that meets the peer's own SYN on the way (simultaneous open).
        SynCrossing = 4, SYN_CROSSING, "SYN (crossing)";
        /// SYN repeated with the acknowledgment of the peer's SYN (simultaneous open).
        SynAckSimultaneous = 5, SYN_ACK_SIMULTANEOUS, "SYN/ACK (simultaneous)";
        /// The responder acknowledges the SYN without sending its own yet (split handshake).
        SplitAck = 6, SPLIT_ACK, "ACK of SYN (split)";
        /// The fourth segment of an MPTCP join (RFC 8684 §3.2).
        MpJoinAck = 7, MP_JOIN_ACK, "ACK (4/4 MP_JOIN)";
        /// The responder still holds an older connection and says so (RFC 5961 §4).
        ChallengeAck = 8, CHALLENGE_ACK, "challenge ACK";
        /// Nobody listens: the SYN is refused.
        RstRefusal = 9, RST_REFUSAL, "RST (refusal)";
        /// Reset before the handshake was complete.
        RstHandshakeAbort = 10, RST_HANDSHAKE_ABORT, "RST (handshake abort)";
        /// Clears an older connection that the peer still held (RFC 9293 §3.5.1).
        RstHalfOpen = 11, RST_HALF_OPEN, "RST (half-open)";
        /// Not acceptable: the receiver should ignore it.
        RstIgnored = 12, RST_IGNORED, "RST (ignored?)";
        /// Ends an established connection.
        Rst = 13, RST, "RST";
        /// An ICMP error that quotes a segment of the connection.
        IcmpError = 14, ICMP_ERROR, "ICMP error";
        /// First FIN.
        Fin = 20, FIN, "FIN (1/4)";
        /// Acknowledges the first FIN.
        FinAcked = 21, FIN_ACKED, "ACK of FIN (2/4)";
        /// Second FIN, after the first was acknowledged.
        SecondFin = 22, SECOND_FIN, "FIN (3/4)";
        /// Second FIN, which acknowledges the first.
        FinAndAck = 23, FIN_AND_ACK, "FIN/ACK (2+3/4)";
        /// Acknowledges the second FIN.
        SecondFinAcked = 24, SECOND_FIN_ACKED, "ACK of FIN (4/4)";
        /// Second FIN, sent without knowing of the first (simultaneous close).
        FinSimultaneous = 25, FIN_SIMULTANEOUS, "FIN (simultaneous)";
        /// A combination of flags that no TCP sends: SYN+FIN, SYN+RST, none, FIN without ACK.
        IllegalFlags = 30, ILLEGAL_FLAGS, "illegal flags";
    }
}

impl Stage {
    /// Whether the segment is part of the handshake.
    pub const fn is_handshake(self) -> bool {
        matches!(self.number(), 1..=8)
    }

    /// The step, counted as in a textbook: `2/3`, `2+3/4`. `None` outside the three-way handshake
    /// and the four-way close.
    pub const fn step(self) -> Option<&'static str> {
        Some(match self {
            Self::Syn => "1/3",
            Self::SynAck => "2/3",
            Self::FinalAck => "3/3",
            Self::Fin => "1/4",
            Self::FinAcked => "2/4",
            Self::SecondFin => "3/4",
            Self::FinAndAck => "2+3/4",
            Self::SecondFinAcked => "4/4",
            _ => return None,
        })
    }

    /// The label without its step: `FIN/ACK`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fin | Self::SecondFin => "FIN",
            Self::FinAcked | Self::SecondFinAcked => "ACK of FIN",
            Self::FinAndAck => "FIN/ACK",
            _ => self.label(),
        }
    }
}

enumeration! {
    /// Whether a segment of the handshake or the close was sent before.
    Repeat as "copy" {
        /// Sent for the first time.
        Original = 0, ORIGINAL, "original";
        /// Sent again by the endpoint.
        Retransmission = 1, RETRANSMISSION, "retransmission";
        /// Captured twice; sent once.
        Duplicate = 2, DUPLICATE, "duplicate";
        /// Recorded after a segment that answers it.
        Late = 3, LATE, "late";
    }
}

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

impl Outcome {
    /// Whether the connection did not come up.
    pub const fn failed(self) -> bool {
        matches!(self.number(), 2..=10)
    }
}

enumeration! {
    /// How the connection was opened.
    OpenType as "open_type" {
        /// SYN, SYN/ACK, ACK.
        ThreeWay = 0, THREE_WAY, "three_way";
        /// With data in the SYN that the server accepted (RFC 7413).
        FastOpen = 1, FAST_OPEN, "fast_open";
        /// Both sent a SYN before seeing the other's.
        Simultaneous = 2, SIMULTANEOUS, "simultaneous";
        /// The responder sent its ACK and its SYN apart.
        Split = 3, SPLIT, "split";
        /// Both ends are the same address and port.
        SelfConnect = 4, SELF_CONNECT, "self_connect";
        /// A further subflow of an MPTCP connection.
        MpJoin = 5, MP_JOIN, "mp_join";
        /// Not seen.
        Unknown = 6, UNKNOWN, "unknown";
    }
}

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

enumeration! {
    /// Who ended the connection first.
    ClosedBy as "close_by" {
        /// The client.
        Client = 0, CLIENT, "client";
        /// The server.
        Server = 1, SERVER, "server";
        /// Both at once.
        Both = 2, BOTH, "both";
    }
}

enumeration! {
    /// Why an RST was sent.
    RstReason as "rst_reason" {
        /// In reply to a SYN: nobody listens.
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

enumeration! {
    /// Which end sent the segment.
    Role as "role" {
        /// Cannot be told: both ends are the same address and port.
        Unknown = 0, UNKNOWN, "unknown";
        /// The end that opens.
        Client = 1, CLIENT, "client";
        /// The end that is opened to.
        Server = 2, SERVER, "server";
    }
}

enumeration! {
    /// What the roles of client and server rest on.
    RoleBasis as "role_basis" {
        /// The sender of the first SYN is the client.
        Syn = 0, SYN, "syn";
        /// The sender of the SYN/ACK is the server.
        SynAck = 1, SYN_ACK, "synack";
        /// The end with the higher port is taken for the client.
        Port = 2, PORT, "port";
        /// Equal ports: the sender of the first segment is taken for the client.
        None = 3, NONE, "none";
    }
}

enumeration! {
    /// Where on the path the capture was taken.
    Vantage as "vantage" {
        /// Near the client.
        NearClient = 0, NEAR_CLIENT, "near_client";
        /// Near the server.
        NearServer = 1, NEAR_SERVER, "near_server";
        /// In the middle.
        Middle = 2, MIDDLE, "middle";
        /// Cannot be told.
        Unknown = 3, UNKNOWN, "unknown";
    }
}

enumeration! {
    /// What became of the negotiation of explicit congestion notification.
    Ecn as "ecn" {
        /// The handshake was not seen.
        Unknown = 0, UNKNOWN, "unknown";
        /// Not asked for.
        None = 1, NONE, "none";
        /// Classic ECN (RFC 3168).
        Classic = 2, CLASSIC, "classic";
        /// Accurate ECN (RFC 9768).
        AccEcn = 3, ACC_ECN, "accecn";
        /// Asked for, and refused by the server.
        Refused = 4, REFUSED, "refused";
        /// The SYN/ACK reflects the SYN's bits: a broken responder.
        Broken = 5, BROKEN, "broken";
    }
}

enumeration! {
    /// Of which sides segments were captured.
    Seen as "seen" {
        /// Both.
        Both = 0, BOTH, "both";
        /// The client's only.
        ClientOnly = 1, CLIENT_ONLY, "client_only";
        /// The server's only.
        ServerOnly = 2, SERVER_ONLY, "server_only";
    }
}

/// Every enumeration, in the order of their first use in a row.
pub const ENUMERATIONS: &[&Enumeration] = &[
    State::TABLE,
    Stage::TABLE,
    Repeat::TABLE,
    Outcome::TABLE,
    OpenType::TABLE,
    Close::TABLE,
    ClosedBy::TABLE,
    RstReason::TABLE,
    Role::TABLE,
    RoleBasis::TABLE,
    Vantage::TABLE,
    Ecn::TABLE,
    Seen::TABLE,
    Severity::TABLE,
    Group::TABLE,
    Finding::TABLE,
    StateNames::TABLE,
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn labels_and_constants_are_unique_and_numbers_rise() {
        for table in ENUMERATIONS {
            let labels: HashSet<_> = table.values.iter().map(|v| v.label).collect();
            let constants: HashSet<_> = table.values.iter().map(|v| v.constant).collect();
            assert_eq!(labels.len(), table.values.len(), "{}", table.name);
            assert_eq!(constants.len(), table.values.len(), "{}", table.name);
            assert!(table.values.is_sorted_by(|a, b| a.number < b.number), "{}", table.name);
        }
    }

    #[test]
    fn numbers_and_labels_lead_back_to_the_value() {
        for &stage in Stage::ALL {
            assert_eq!(Stage::from_number(stage.number()), Some(stage));
            assert_eq!(stage.label().parse::<Stage>().unwrap(), stage);
        }
        let error = "Syn".parse::<Role>().unwrap_err();
        assert_eq!(error.to_string(), "no such role; known are unknown, client, server");
    }

    #[test]
    fn steps_stand_apart_from_names() {
        let text = |stage: Stage| format!("{} {}", stage.step().unwrap_or(""), stage.name());
        assert_eq!(text(Stage::FinalAck), "3/3 ACK");
        assert_eq!(text(Stage::FinAndAck), "2+3/4 FIN/ACK");
        assert_eq!(text(Stage::RstRefusal), " RST (refusal)");
        for stage in
            Stage::ALL.iter().filter(|stage| stage.number() >= 20 && stage.step().is_some())
        {
            let step = stage.step().unwrap();
            assert_eq!(stage.label(), format!("{} ({step})", stage.name()));
        }
    }

    #[test]
    fn documentation_is_a_sentence() {
        for value in ENUMERATIONS.iter().flat_map(|table| table.values) {
            assert!(value.doc.ends_with('.') && !value.doc.starts_with(' '), "{value:?}");
        }
    }
}
