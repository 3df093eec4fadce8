//! The verdict on a connection, all in one place.

use std::time::Duration;

use crate::vocabulary::{Cause, EvidenceSet, FindingSet};
use crate::vocabulary::{Close, ClosedBy, Ecn, OpenType, Outcome, RstReason, Seen, Vantage};
use crate::wire::SeqNumber;

/// The verdict on a connection, as things stand at some time: a plain value to show or to keep.
///
/// ```
/// use std::time::Duration;
///
/// use dissector_core::connection::{Outcome, Vantage};
/// use dissector_core::{ConnectionTable, PacketInfo, Segment};
///
/// let [client, server] = [[10, 0, 0, 1], [10, 0, 0, 2]];
/// let syn = b"\x9c\x40\0\x50\0\0\0\x07\0\0\0\0\x50\x02\xff\xff\0\0\0\0";
/// let syn_ack = b"\0\x50\x9c\x40\0\0\0\x09\0\0\0\x08\x50\x12\xff\xff\0\0\0\0";
/// let ack = b"\x9c\x40\0\x50\0\0\0\x08\0\0\0\x0a\x50\x10\xff\xff\0\0\0\0";
/// let sent = [(0, client, server, syn), (20, server, client, syn_ack), (21, client, server, ack)];
///
/// let mut table = ConnectionTable::new();
/// for (frame, (ms, source, destination, octets)) in (1..).zip(sent) {
///     let packet = PacketInfo::new(source, destination, ms * 1_000_000).with_frame(frame);
///     table.observe(&Segment::parse(packet, octets)?);
/// }
/// let verdict = table.verdict(table.latest().expect("the one of the last segment"));
/// assert_eq!((verdict.outcome, verdict.established), (Outcome::Complete, true));
/// assert_eq!((verdict.syn_count, verdict.synack_count), (1, 1));
/// assert_eq!(verdict.times.rtt_server_ns, Some(20_000_000));
/// assert_eq!(verdict.times.setup_time(), Some(Duration::from_millis(21)));
/// assert_eq!(verdict.frames.final_ack, Some(3));
/// assert_eq!(verdict.vantage, Vantage::NearClient);
/// # Ok::<(), dissector_core::wire::HeaderError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[must_use]
#[non_exhaustive]
pub struct Verdict {
    /// The outcome of the handshake.
    pub outcome: Outcome,
    /// Whether the handshake is known to be complete on both sides.
    pub established: bool,
    /// The kind of opening.
    pub open_type: OpenType,
    /// The kind of close.
    pub close: Close,
    /// The end that closed it first.
    pub closed_by: Option<ClosedBy>,
    /// The sides whose segments were captured.
    pub seen: Seen,
    /// The estimated place of the capture point on the path.
    pub vantage: Vantage,
    /// The outcome of explicit congestion notification.
    pub ecn: Ecn,
    /// SYNs without ACK that the client sent, without duplicates.
    pub syn_count: u16,
    /// SYN/ACKs that the server sent, without duplicates.
    pub synack_count: u16,
    /// Times of the handshake.
    pub times: HandshakeTimes,
    /// Frames of its steps.
    pub frames: StepFrames,
    /// The reason of the first accepted RST.
    pub rst_reason: Option<RstReason>,
    /// The first ICMP error that quotes it.
    pub icmp: Option<IcmpSeen>,
    /// The negotiated options.
    pub negotiated: Negotiated,
    /// Why it did not come up, or ended as it did, if its own packets decide that.
    pub cause: Option<Cause>,
    /// The evidence in its own packets on the cause.
    pub cause_evidence: EvidenceSet,
    /// All findings, on its segments and on the connection as a whole.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "anomalies", serialize_with = "crate::serialize::anomalies")
    )]
    pub findings: FindingSet,
}

/// Times of a handshake, in nanoseconds; `None` where a step was not seen.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct HandshakeTimes {
    /// Time from the answered copy of the SYN to the SYN/ACK: the round trip between capture point
    /// and server.
    pub rtt_server_ns: Option<u64>,
    /// Time from the SYN/ACK to the final ACK: the round trip between capture point and client.
    pub rtt_client_ns: Option<u64>,
    /// Time from the answered copy of the SYN to the final ACK: the sum of both.
    pub rtt_total_ns: Option<u64>,
    /// Whether it is certain which copies answer each other: none was sent again, or the
    /// timestamps tell.
    pub rtt_exact: Option<bool>,
    /// Time from the first SYN to the final ACK, including retransmissions.
    pub setup_time_ns: Option<u64>,
}

impl HandshakeTimes {
    /// [`rtt_server_ns`](Self::rtt_server_ns) as a duration.
    pub fn rtt_server(&self) -> Option<Duration> {
        self.rtt_server_ns.map(Duration::from_nanos)
    }

    /// [`rtt_client_ns`](Self::rtt_client_ns) as a duration.
    pub fn rtt_client(&self) -> Option<Duration> {
        self.rtt_client_ns.map(Duration::from_nanos)
    }

    /// [`rtt_total_ns`](Self::rtt_total_ns) as a duration.
    pub fn rtt_total(&self) -> Option<Duration> {
        self.rtt_total_ns.map(Duration::from_nanos)
    }

    /// [`setup_time_ns`](Self::setup_time_ns) as a duration.
    pub fn setup_time(&self) -> Option<Duration> {
        self.setup_time_ns.map(Duration::from_nanos)
    }
}

/// Frames in which the steps of a connection were seen.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct StepFrames {
    /// First SYN of the client.
    pub syn: Option<u64>,
    /// First SYN/ACK.
    pub synack: Option<u64>,
    /// The segment that completes the handshake.
    pub final_ack: Option<u64>,
    /// First RST that was believed.
    pub rst: Option<u64>,
    /// First ICMP error.
    pub icmp: Option<u64>,
}

/// An ICMP or ICMPv6 error that quotes a segment of the connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct IcmpSeen {
    /// Its type.
    pub kind: u8,
    /// Its code.
    pub code: u8,
}

/// The options that client and server agreed on in their SYNs; `None` where a SYN was not seen, or was
/// captured without its last options and they decide.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Negotiated {
    /// Largest segment the client accepts, in octets; 536 or 1220 where its SYN does not say, `None` where
    /// that option may have been cut off.
    pub mss_client: Option<u16>,
    /// Largest segment the server accepts, in octets.
    pub mss_server: Option<u16>,
    /// Shift count of the client's window; -1 where scaling is not in effect.
    pub wscale_client: Option<i8>,
    /// Shift count of the server's window; -1 where scaling is not in effect.
    pub wscale_server: Option<i8>,
    /// Both permit selective acknowledgments.
    pub sack: Option<bool>,
    /// Both send timestamps.
    pub ts: Option<bool>,
}

/// RSTs that refused a SYN, and the SYN/ACK that came in spite of them: a forger and the server, if
/// they differ.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Refusals {
    /// How many, at most 255.
    pub count: u8,
    /// TTL of the first; 0 if unknown.
    pub ttl: u8,
    /// Window of the first. A host that refuses sends 0.
    pub window: u16,
    /// The SYN/ACK after them.
    pub synack: Option<SynAckAfterRefusal>,
}

/// A SYN/ACK that came after the SYN had been refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct SynAckAfterRefusal {
    /// Its TTL; 0 if unknown.
    pub ttl: u8,
    /// Its window.
    pub window: u16,
}

/// RSTs that answer a SYN, and that the client has to ignore. RFC 9293 §3.5.3: "In the SYN-SENT state
/// […], the RST is acceptable if the ACK field acknowledges the SYN."
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct RejectedRsts {
    /// How many, at most 255.
    pub count: u8,
    /// Frame of the first.
    pub frame: Option<u64>,
    /// Acknowledgment number of the first; `None` if it has no ACK.
    pub acknowledgment: Option<SeqNumber>,
    /// The number that acknowledges the SYN.
    pub expected: SeqNumber,
}

impl RejectedRsts {
    /// The fault in them: `they acknowledge 1000 instead of 1001`.
    pub fn flaw(&self) -> String {
        let (they, s) = if self.count == 1 { ("it", "s") } else { ("they", "") };
        match self.acknowledgment {
            Some(number) => format!("{they} acknowledge{s} {number} instead of {}", self.expected),
            None if self.count == 1 => "it has no ACK, so it does not acknowledge the SYN".into(),
            None => "they have no ACK, so they do not acknowledge the SYN".into(),
        }
    }
}
