//! The annotation of one segment.

use std::fmt;
use std::time::Duration;

use crate::vocabulary::{Finding, FindingSet};
use crate::vocabulary::{Repeat, Role, RstReason, Stage, State};
use crate::wire::TcpFlags;

/// The stage of a segment, and the states of both ends before and after it.
///
/// Small and `Copy`, so that a million of them can be kept.
///
/// ```
/// use dissector_core::connection::{Finding, Role, Stage};
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
///     let seen = table.observe(&Segment::parse(packet, octets)?);
///     let stages = [Stage::Syn, Stage::SynAck, Stage::FinalAck];
///     assert_eq!((seen.connection, seen.stage), (0, stages[frame as usize - 1]));
///     assert_eq!(seen.sender, if source == client { Role::Client } else { Role::Server });
///     assert_eq!(seen.final_ack, seen.findings.contains(Finding::HandshakeComplete));
///     assert_eq!(seen.retry, 0);
/// }
/// # Ok::<(), dissector_core::wire::HeaderError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Annotation {
    /// Number of its connection, from 0 in order of first segment.
    pub connection: u32,
    /// Its flags.
    pub flags: TcpFlags,
    /// Time since the previous copy, in nanoseconds: 48 bits, the least significant first.
    pub(crate) rto: [u16; 3],
    /// Its part in the handshake or the close.
    pub stage: Stage,
    /// Whether it was sent before. Said of the handshake, the close and duplicates only.
    pub copy: Repeat,
    /// Which end sent it.
    pub sender: Role,
    /// Whether it completes the handshake: the third segment of three.
    pub final_ack: bool,
    /// The number of earlier copies of a SYN, SYN/ACK or FIN, at most 255.
    pub retry: u8,
    /// The client's states.
    pub client: States,
    /// The server's states.
    pub server: States,
    /// The reason of an RST.
    pub rst_reason: Option<RstReason>,
    /// The TTL of an RST or a duplicate, and the one it is compared with.
    pub(crate) ttls: [u8; 2],
    /// Findings about it.
    pub findings: FindingSet,
}

impl Annotation {
    pub(crate) const BLANK: Self = Self::new(0, TcpFlags::empty(), Role::Unknown);

    pub(crate) const fn new(connection: u32, flags: TcpFlags, sender: Role) -> Self {
        Self {
            connection,
            flags,
            rto: [0; 3],
            stage: Stage::None,
            copy: Repeat::Original,
            sender,
            final_ack: false,
            retry: 0,
            client: States::new(State::Unknown, State::Unknown, false),
            server: States::new(State::Unknown, State::Unknown, false),
            rst_reason: None,
            ttls: [0; 2],
            findings: FindingSet::EMPTY,
        }
    }

    /// Marks the segment as copy number `retry`, sent `rto_ns` after the one before.
    pub(crate) fn retransmission(&mut self, retry: u8, rto_ns: u64) {
        self.copy = Repeat::Retransmission;
        self.retry = retry;
        let rto = rto_ns.min((1 << 48) - 1);
        self.rto = [rto as u16, (rto >> 16) as u16, (rto >> 32) as u16];
    }

    /// Time since the previous copy of this SYN, SYN/ACK or FIN, in nanoseconds (at most 2^48 - 1,
    /// three days); `None` unless it is a retransmission.
    pub fn rto_ns(&self) -> Option<u64> {
        let [low, middle, high] = self.rto.map(u64::from);
        (self.retry > 0).then_some(low | middle << 16 | high << 32)
    }

    /// [`rto_ns`](Self::rto_ns) as a duration.
    pub fn rto(&self) -> Option<Duration> {
        self.rto_ns().map(Duration::from_nanos)
    }

    pub(crate) fn add(&mut self, finding: Finding) {
        self.findings.insert(finding);
    }

    /// Stores the TTL of an RST or a duplicate, and the one it is compared with.
    pub(crate) fn set_ttls(&mut self, ttl: u8, other: u8) {
        self.ttls = [ttl, other];
    }

    /// Its TTL and the one it is compared with, where an RST differs from its sender's other packets, or
    /// a duplicate from the first capture of the packet.
    pub fn differing_ttls(&self) -> Option<(u8, u8)> {
        let [ttl, other] = self.ttls;
        (ttl != other).then_some((ttl, other))
    }

    /// Whether the receiver of an RST has to believe it (RFC 9293 §3.5.3, RFC 5961 §3); `None` unless it
    /// is an RST.
    pub fn rst_acceptable(&self) -> Option<bool> {
        self.rst_reason.map(|_| self.stage != Stage::RstIgnored)
    }

    /// The TTL of an RST less that of its sender's other packets, 0 where those were not seen; `None`
    /// unless it is an RST.
    pub fn rst_ttl_delta(&self) -> Option<i16> {
        let [ttl, other] = self.ttls.map(i16::from);
        self.rst_reason.map(|_| ttl - other)
    }

    /// Whether SYN, SYN/ACK and FIN count copies: whether [`retry`](Self::retry) has a meaning.
    pub fn counts_copies(&self) -> bool {
        self.stage != Stage::IllegalFlags && self.flags.intersects(TcpFlags::SYN | TcpFlags::FIN)
    }
}

/// The states of one endpoint before and after a segment.
///
/// `Display` writes the state after it, with `?` where it is assumed: `ESTABLISHED?`.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct States {
    /// The state before in the upper four bits, the state after in the lower.
    packed: u8,
    proven: bool,
}

impl States {
    pub(crate) const fn new(before: State, after: State, proven: bool) -> Self {
        Self { packed: before.number() << 4 | after.number(), proven }
    }

    /// The state before in the upper four bits, the state after in the lower.
    pub(crate) const fn packed(self) -> u8 {
        self.packed
    }

    pub(crate) const fn unpacked(packed: u8, proven: bool) -> Self {
        Self { packed, proven }
    }

    /// State before the segment.
    pub fn before(self) -> State {
        State::from_number(self.packed >> 4).unwrap_or(State::Unknown)
    }

    /// State after it was sent or, on the other end, received.
    pub fn after(self) -> State {
        State::from_number(self.packed & 0xf).unwrap_or(State::Unknown)
    }

    /// Whether the endpoint's own segments prove the state after; otherwise delivery is assumed.
    pub const fn proven(self) -> bool {
        self.proven
    }
}

impl fmt::Debug for States {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} → {self}", self.before())
    }
}

impl fmt::Display for States {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.after(), self.proven) {
            (State::Unknown, _) | (_, true) => f.pad(self.after().label()),
            // Padding counts the mark too.
            (state, false) => match f.width() {
                Some(width) => write!(f, "{:width$}", format!("{state}?")),
                None => write!(f, "{state}?"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_small() {
        assert!(size_of::<Annotation>() <= 32);
    }

    #[test]
    fn rto_keeps_nanoseconds_and_saturates() {
        let mut annotation = Annotation::new(0, TcpFlags::SYN, Role::Client);
        assert_eq!(annotation.rto_ns(), None);
        annotation.retransmission(1, 1_023_456_789);
        assert_eq!(annotation.rto_ns(), Some(1_023_456_789));
        annotation.retransmission(2, u64::MAX);
        assert_eq!(annotation.rto_ns(), Some((1 << 48) - 1));
    }

    #[test]
    fn assumed_states_carry_a_question_mark() {
        let assumed = States::new(State::Listen, State::SynReceived, false);
        assert_eq!(assumed.to_string(), "SYN-RECEIVED?");
        assert_eq!(format!("{assumed:15}|"), "SYN-RECEIVED?  |");
        let unknown = States::new(State::Unknown, State::Unknown, false);
        assert_eq!(unknown.to_string(), "UNKNOWN");
    }
}
