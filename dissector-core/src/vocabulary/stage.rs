//! The part of a segment in the handshake or the close, and whether it was sent before.

use crate::vocabulary::enumeration::enumeration;

enumeration! {
    /// The segment's part in the handshake or the close of its connection.
    Stage as "stage" {
        /// No part in either.
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
        /// Acknowledges the SYN; the responder's own comes later (split).
        SplitAck = 6, SPLIT_ACK, "ACK of SYN (split)";
        /// The fourth segment of an MPTCP join (RFC 8684 §3.2).
        MpJoinAck = 7, MP_JOIN_ACK, "ACK (4/4 MP_JOIN)";
        /// The peer still holds an older connection (RFC 5961 §4).
        ChallengeAck = 8, CHALLENGE_ACK, "challenge ACK";
        /// The SYN is refused: nothing listens on the port.
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

/// The part of a connection's life that a stage belongs to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum StageClass {
    /// None in particular: data and its acknowledgments.
    None,
    /// The handshake.
    Handshake,
    /// An abrupt end or a disturbance: RST, ICMP error, illegal flags.
    Failure,
    /// The orderly close.
    Close,
}

impl Stage {
    /// The part of a connection's life that the stage belongs to.
    pub const fn class(self) -> StageClass {
        match self {
            Self::None => StageClass::None,
            Self::Syn
            | Self::SynAck
            | Self::FinalAck
            | Self::SynCrossing
            | Self::SynAckSimultaneous
            | Self::SplitAck
            | Self::MpJoinAck
            | Self::ChallengeAck => StageClass::Handshake,
            Self::RstRefusal
            | Self::RstHandshakeAbort
            | Self::RstHalfOpen
            | Self::RstIgnored
            | Self::Rst
            | Self::IcmpError
            | Self::IllegalFlags => StageClass::Failure,
            Self::Fin
            | Self::FinAcked
            | Self::SecondFin
            | Self::FinAndAck
            | Self::SecondFinAcked
            | Self::FinSimultaneous => StageClass::Close,
        }
    }

    /// Whether the segment is part of the handshake.
    pub const fn is_handshake(self) -> bool {
        matches!(self.class(), StageClass::Handshake)
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

    /// One sentence on what a segment of this stage does; `None` for segments without a stage.
    ///
    /// ```
    /// use dissector_core::connection::Stage;
    ///
    /// let meaning = Stage::Syn.meaning().unwrap();
    /// assert!(meaning.starts_with("The client asks the server to open a connection"));
    /// ```
    #[rustfmt::skip]
    pub const fn meaning(self) -> Option<&'static str> {
        Some(match self {
            Self::None => return None,
            Self::Syn => "The client asks the server to open a connection, and says from which sequence number it will count its octets.",
            Self::SynAck => "The server agrees: it acknowledges the client's SYN, and says in its own SYN from which sequence number it will count.",
            Self::FinalAck => "The client acknowledges the server's SYN: both have now heard from each other, and data may flow both ways.",
            Self::SynCrossing => "Both ends ask to open the same connection at once; each will answer the other's SYN.",
            Self::SynAckSimultaneous => "The sender acknowledges the SYN that crossed its own, which it repeats here.",
            Self::SplitAck => "The server acknowledges the client's SYN without sending its own yet, which it usually does in the same segment.",
            Self::MpJoinAck => "The server confirms that it has checked the client's key: the new subflow of the Multipath TCP connection may carry data.",
            Self::ChallengeAck => "The server still holds an older connection on the same ports and says where that one stands; a client that does not know it answers with an RST.",
            Self::RstRefusal => "Nothing listens on this port, or a firewall refuses on the server's behalf: the connection does not come up.",
            Self::RstHandshakeAbort => "One end gives up before the handshake is complete: the connection does not come up.",
            Self::RstHalfOpen => "The client tells the server that the older connection is gone, so that the server can accept its next SYN.",
            Self::RstIgnored => "Its numbers do not fit the connection, so the receiver should ignore it: it is late or forged.",
            Self::Rst => "One end aborts the connection at once: data under way is lost, and an RST is not acknowledged.",
            Self::IcmpError => "A router or a host reports that it could not deliver a segment of this connection.",
            Self::Fin => "The sender has sent all its data and closes its direction; it can still receive.",
            Self::FinAcked => "The sender has received the other end's FIN: that direction is closed, and its own stays open until it sends a FIN, too.",
            Self::SecondFin => "The sender closes its direction, too: once its FIN is acknowledged, the connection is closed.",
            Self::FinAndAck => "The sender acknowledges the other end's FIN and closes its own direction in the same segment.",
            Self::SecondFinAcked => "The second FIN is acknowledged: the connection is closed, and one end stays in TIME-WAIT until no late segment can arrive.",
            Self::FinSimultaneous => "Both ends close at once: this FIN was sent before the other one was received.",
            Self::IllegalFlags => "No TCP sends this combination of flags: the segment is damaged, or made to probe a host.",
        })
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

impl Repeat {
    /// The word for it beside the name of a segment: `SYN, again`. `None` for an original.
    ///
    /// ```
    /// use dissector_core::connection::Repeat;
    ///
    /// assert_eq!(Repeat::Retransmission.word(), Some("again"));
    /// ```
    pub const fn word(self) -> Option<&'static str> {
        match self {
            Self::Original => None,
            Self::Retransmission => Some("again"),
            _ => Some(self.label()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_stand_apart_from_names() {
        let text = |stage: Stage| format!("{} {}", stage.step().unwrap_or(""), stage.name());
        assert_eq!(text(Stage::FinalAck), "3/3 ACK");
        assert_eq!(text(Stage::FinAndAck), "2+3/4 FIN/ACK");
        assert_eq!(text(Stage::RstRefusal), " RST (refusal)");
        for stage in
            Stage::ALL.iter().filter(|s| s.class() == StageClass::Close && s.step().is_some())
        {
            let step = stage.step().unwrap();
            assert_eq!(stage.label(), format!("{} ({step})", stage.name()));
        }
    }

    #[test]
    fn every_stage_has_one_sentence_of_its_own() {
        let meanings: Vec<_> = Stage::ALL.iter().filter_map(|stage| stage.meaning()).collect();
        assert_eq!(meanings.len(), Stage::ALL.len() - 1);
        for (nth, meaning) in meanings.iter().enumerate() {
            assert!(meaning.ends_with('.') && meaning.matches(". ").count() == 0, "{meaning}");
            assert!(meaning.len() < 180, "{meaning}");
            assert!(!meanings[..nth].contains(meaning), "{meaning}");
        }
    }
}
