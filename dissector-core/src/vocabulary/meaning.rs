//! What each stage means, for whoever meets it for the first time.

use crate::vocabulary::names::Stage;

impl Stage {
    /// What a segment of this stage does, in one sentence; `None` for segments without a stage.
    ///
    /// ```
    /// use dissector_core::connection::Stage;
    ///
    /// let meaning = Stage::Syn.meaning().unwrap();
    /// assert!(meaning.starts_with("The client asks the server to open a connection"));
    /// ```
    pub const fn meaning(self) -> Option<&'static str> {
        Some(match self {
            Self::None => return None,
            Self::Syn => {
                "The client asks the server to open a connection and says from which sequence \
                 number it will count its octets."
            }
            Self::SynAck => {
                "The server agrees: it acknowledges the client's SYN and says in its own SYN from \
                 which sequence number it will count."
            }
            Self::FinalAck => {
                "The client acknowledges the server's SYN: now both have heard from each other, \
                 and data may flow both ways."
            }
            Self::SynCrossing => {
                "Both ends ask to open the same connection at once; each will answer the other's \
                 SYN."
            }
            Self::SynAckSimultaneous => {
                "The sender acknowledges the SYN that crossed its own, which it repeats here."
            }
            Self::SplitAck => {
                "The server acknowledges the client's SYN without sending its own yet, which it \
                 usually does in the same segment."
            }
            Self::MpJoinAck => {
                "The server confirms that it has checked the client's key: the new subflow of the \
                 Multipath TCP connection may carry data."
            }
            Self::ChallengeAck => {
                "The server still holds an older connection on the same ports and says where that \
                 one stands; a client that knows nothing of it answers with an RST."
            }
            Self::RstRefusal => {
                "Nobody listens on this port, or a firewall refuses on the server's behalf: the \
                 connection does not come up."
            }
            Self::RstHandshakeAbort => {
                "One end gives up before the handshake is complete: the connection does not come \
                 up."
            }
            Self::RstHalfOpen => {
                "The client tells the server that the older connection is gone, so that its SYN \
                 can be accepted when it comes again."
            }
            Self::RstIgnored => {
                "Its numbers do not fit the connection, so the receiver should ignore it: it is \
                 late, or forged."
            }
            Self::Rst => {
                "One end ends the connection at once: what is still under way is lost, and nothing \
                 acknowledges an RST."
            }
            Self::IcmpError => {
                "A router or a host reports that it could not deliver a segment of this connection."
            }
            Self::Fin => {
                "The sender has sent all its data and closes its direction; it can still receive."
            }
            Self::FinAcked => {
                "The sender has received the other's FIN: that direction is closed, and its own is \
                 open until it sends a FIN too."
            }
            Self::SecondFin => {
                "The sender closes its direction too: once its FIN is acknowledged, the connection \
                 is over."
            }
            Self::FinAndAck => {
                "The sender acknowledges the other's FIN and closes its own direction in the same \
                 segment."
            }
            Self::SecondFinAcked => {
                "The second FIN is acknowledged: the connection is over, and the sender waits in \
                 TIME-WAIT until no late segment can arrive."
            }
            Self::FinSimultaneous => {
                "Both ends close at once: this FIN was sent before the other's was received."
            }
            Self::IllegalFlags => {
                "No TCP sends this combination of flags: it is damaged, or made to probe a host."
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
