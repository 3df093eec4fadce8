//! What few connections need, kept apart so that the others need no room for it.

use super::IcmpSeen;
use super::reset::Reset;
use super::times::FurtherCopies;
use super::zeek;
use crate::wire::SeqNumber;

/// Made when the first of these is needed.
#[derive(Clone, Debug, Default)]
pub(super) struct Rare {
    /// Which side's RST was believed, and why it was sent.
    pub reset: Option<Reset>,
    /// Frame of that RST.
    pub rst_frame: u32,
    /// Frame of the first ICMP error that quotes the connection.
    pub icmp_frame: u32,
    /// That error.
    pub icmp: Option<IcmpSeen>,
    /// Of each end: initial sequence number of an earlier SYN/ACK that differs.
    pub other_iss: [Option<SeqNumber>; 2],
    /// Of each end: copies of its SYN or SYN/ACK after the first.
    pub copies: [FurtherCopies; 2],
    /// What Zeek counts, and letters of its history that do not fit elsewhere.
    pub zeek: zeek::Counts,
}
