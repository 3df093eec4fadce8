//! What few connections need, kept apart so that the others need no room for it.

use super::IcmpSeen;
use super::offer::Offer;
use super::reset::Reset;
use super::times::{FirstCopy, FurtherCopies};
use super::zeek;
use crate::wire::SeqNumber;

/// Made when the first of these is needed.
#[derive(Clone, Debug, Default)]
pub(super) struct Rare {
    /// Which side's RST was believed, and why it was sent.
    pub reset: Option<Reset>,
    /// Frame of that RST.
    pub rst_frame: u32,
    /// Frame of an RST in spite of which the connection went on; [`SEVERAL`] of several.
    pub ignored_rst_frame: u32,
    /// Frame of the first ICMP error that quotes the SYN.
    pub icmp_frame: u32,
    /// That error.
    pub icmp: Option<IcmpSeen>,
    /// Of each end: SYN/ACKs with other initial sequence numbers than the one that counts.
    pub others: [Vec<Other>; 2],
    /// When the client's SYN/ACK came, in a simultaneous open.
    pub client_synack_ns: Option<i64>,
    /// Of each end: copies of its SYN or SYN/ACK after the first.
    pub copies: [FurtherCopies; 2],
    /// What Zeek counts, and letters of its history that do not fit elsewhere.
    pub zeek: zeek::Counts,
}

/// A SYN/ACK with another initial sequence number than the one that counts: of another responder,
/// of one that forgot the first, or one that does not acknowledge the SYN.
#[derive(Clone, Debug)]
pub(super) struct Other {
    pub iss: SeqNumber,
    /// It acknowledges the SYN.
    pub acceptable: bool,
    pub offer: Offer,
    pub first_copy: FirstCopy,
    pub copies: FurtherCopies,
    pub last_copy_ns: i64,
    pub retries: u8,
}

/// Stands for the frames of several RSTs.
pub(super) const SEVERAL: u32 = u32::MAX;

/// More responders than anybody has; of more, the oldest is forgotten.
pub(super) const MOST_OTHERS: usize = 8;
