//! Sequence numbers.

use std::fmt;
use std::ops::{Add, Sub};

/// Position of an octet in a TCP stream, modulo 2^32 (RFC 9293 §3.4).
///
/// There is no `Ord`: with wrap-around `a < b < c` does not imply `a < c`. Distances are signed.
///
/// ```
/// use dissector_core::wire::SeqNumber;
///
/// let isn = SeqNumber(0xffff_ffff);
/// assert_eq!(isn + 1, SeqNumber(0));
/// assert!((isn + 1).is_after(isn));
/// assert_eq!((isn + 1).since(isn), 1);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct SeqNumber(pub u32);

impl SeqNumber {
    /// Signed distance from `earlier` to `self`, in octets.
    pub const fn since(self, earlier: Self) -> i32 {
        self.0.wrapping_sub(earlier.0) as i32
    }

    /// True if `self` comes later in the stream than `other`.
    pub const fn is_after(self, other: Self) -> bool {
        self.since(other) > 0
    }

    /// True if `self` lies in `(after, up_to]`: an acceptable acknowledgment number (RFC 9293 §3.4,
    /// `SND.UNA < SEG.ACK =< SND.NXT`).
    pub const fn acknowledges(self, after: Self, up_to: Self) -> bool {
        self.is_after(after) && !self.is_after(up_to)
    }
}

impl Add<u32> for SeqNumber {
    type Output = Self;

    fn add(self, octets: u32) -> Self {
        Self(self.0.wrapping_add(octets))
    }
}

impl Sub<u32> for SeqNumber {
    type Output = Self;

    fn sub(self, octets: u32) -> Self {
        Self(self.0.wrapping_sub(octets))
    }
}

impl fmt::Display for SeqNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_crosses_zero() {
        assert_eq!(SeqNumber(5).since(SeqNumber(0xffff_fffb)), 10);
        assert_eq!(SeqNumber(0xffff_fffb).since(SeqNumber(5)), -10);
    }

    #[test]
    fn acknowledges_is_open_below_and_closed_above() {
        let iss = SeqNumber(0xffff_ffff);
        assert!(!iss.acknowledges(iss, iss + 1));
        assert!((iss + 1).acknowledges(iss, iss + 1));
        assert!(!(iss + 2).acknowledges(iss, iss + 1));
    }
}
