//! TCP options.

use std::fmt;
use std::iter::Map;
use std::slice::Iter;

use nom::Parser;
use nom::number::complete::{be_u16, be_u32, u8};

/// Option-Kind octet (RFC 9293 §3.2). A newtype, not an enumeration: an unassigned value must
/// survive parsing.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct OptionKind(pub u8);

impl OptionKind {
    /// End of Option List.
    pub const END: Self = Self(0);
    /// No-Operation.
    pub const NOP: Self = Self(1);
    /// Maximum Segment Size.
    pub const MSS: Self = Self(2);
    /// Window Scale (RFC 7323).
    pub const WINDOW_SCALE: Self = Self(3);
    /// SACK-Permitted (RFC 2018).
    pub const SACK_PERMITTED: Self = Self(4);
    /// SACK (RFC 2018).
    pub const SACK: Self = Self(5);
    /// Timestamps (RFC 7323).
    pub const TIMESTAMPS: Self = Self(8);
    /// MD5 signature (RFC 2385).
    pub const MD5: Self = Self(19);
    /// User Timeout (RFC 5482).
    pub const USER_TIMEOUT: Self = Self(28);
    /// TCP-AO (RFC 5925).
    pub const AO: Self = Self(29);
    /// Multipath TCP (RFC 8684).
    pub const MPTCP: Self = Self(30);
    /// Fast Open cookie (RFC 7413).
    pub const FAST_OPEN: Self = Self(34);
    /// Shared experiment 1 (RFC 6994).
    pub const EXPERIMENT_1: Self = Self(253);
    /// Shared experiment 2 (RFC 6994).
    pub const EXPERIMENT_2: Self = Self(254);
}

/// Experiment identifier under which Fast Open was sent before kind 34 was assigned.
const FAST_OPEN_EXPERIMENT: [u8; 2] = [0xf9, 0x89];

/// One option.
///
/// An option whose length does not fit its kind is [`Unknown`](Self::Unknown): it is kept as it
/// is, and the options after it are still read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TcpOption<'a> {
    /// End of the list; octets after it are padding and are not read.
    End,
    /// Padding between options.
    Nop,
    /// Largest segment the sender accepts, in octets.
    Mss(u16),
    /// Shift count for the sender's window; RFC 7323 §2.3 caps what is used at 14.
    WindowScale(u8),
    /// The sender can read SACK options.
    SackPermitted,
    /// Ranges received out of order.
    Sack(SackBlocks<'a>),
    /// Timestamps.
    Timestamps {
        /// Timestamp of this segment.
        value: u32,
        /// Timestamp being echoed; significant with ACK only.
        echo: u32,
    },
    /// MD5 digest of the segment.
    Md5(&'a [u8]),
    /// User timeout.
    UserTimeout {
        /// The value is in minutes instead of seconds.
        minutes: bool,
        /// Timeout, 15 bits.
        timeout: u16,
    },
    /// TCP authentication option.
    Ao {
        /// Key used for this segment.
        key_id: u8,
        /// Key the sender is ready to receive with.
        next_key_id: u8,
        /// Message authentication code.
        mac: &'a [u8],
    },
    /// Multipath TCP: subtype (upper half of the first octet) and all octets after the length.
    Mptcp {
        /// 0 MP_CAPABLE, 1 MP_JOIN, … (RFC 8684 §8.3).
        subtype: u8,
        /// The option's data, subtype octet included.
        data: &'a [u8],
    },
    /// Fast Open cookie; empty is a request for one.
    FastOpen {
        /// The cookie.
        cookie: &'a [u8],
        /// Sent as kind 253 or 254 with experiment identifier 0xF989.
        experimental: bool,
    },
    /// Anything else, as it is.
    Unknown {
        /// Kind octet.
        kind: OptionKind,
        /// Octets after the length.
        data: &'a [u8],
    },
}

/// The blocks of a SACK option (RFC 2018 §3): left edge (first octet) and right edge (octet after the
/// last) of each.
///
/// ```
/// use dissector_core::wire::{TcpOption, TcpOptions};
///
/// let mut options = TcpOptions::new(b"\x05\x0a\0\0\0\x07\0\0\0\x09", 0);
/// let Some(Ok(TcpOption::Sack(blocks))) = options.next() else { panic!("it is SACK") };
/// assert_eq!(blocks.into_iter().collect::<Vec<_>>(), [(7, 9)]);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SackBlocks<'a>(&'a [u8]);

impl<'a> SackBlocks<'a> {
    /// The edges of each block.
    pub fn iter(&self) -> <Self as IntoIterator>::IntoIter {
        self.into_iter()
    }
}

impl<'a> IntoIterator for SackBlocks<'a> {
    type Item = (u32, u32);
    type IntoIter = Map<Iter<'a, [u8; 8]>, fn(&[u8; 8]) -> (u32, u32)>;

    fn into_iter(self) -> Self::IntoIter {
        let (blocks, _) = self.0.as_chunks();
        blocks.iter().map(|&[a, b, c, d, e, f, g, h]| {
            (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]))
        })
    }
}

/// The position at which options cannot be read further, and the reason.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, thiserror::Error)]
#[error("option kind {} at octet {offset} of the options: {problem}", kind.0)]
#[non_exhaustive]
pub struct OptionError {
    /// Kind of the option that cannot be read.
    pub kind: OptionKind,
    /// Octets from the start of the options to its kind octet.
    pub offset: usize,
    /// The defect.
    pub problem: OptionProblem,
}

/// A defect of an option.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum OptionProblem {
    /// The length octet is below 2.
    Length(u8),
    /// The option reaches past the header.
    PastHeader,
    /// The option reaches past what was captured.
    NotCaptured,
}

impl fmt::Display for OptionProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(length) => write!(f, "length {length} is below 2"),
            Self::PastHeader => f.write_str("reaches past the header"),
            Self::NotCaptured => f.write_str("was not captured whole"),
        }
    }
}

/// Iterator over the options of a header; ends after [`TcpOption::End`] or the first error.
///
/// ```
/// use dissector_core::wire::{TcpOption, TcpOptions};
///
/// let mut options = TcpOptions::new(b"\x02\x04\x05\xb4\xc8\x03\x07\x00", 0);
/// assert_eq!(options.next(), Some(Ok(TcpOption::Mss(1460))));
/// // Kind 200 is unassigned; it is kept.
/// assert!(matches!(options.next(), Some(Ok(TcpOption::Unknown { data: b"\x07", .. }))));
/// assert_eq!(options.next(), Some(Ok(TcpOption::End)));
/// assert_eq!(options.next(), None);
/// ```
#[derive(Clone, Debug)]
pub struct TcpOptions<'a> {
    rest: &'a [u8],
    offset: usize,
    missing: usize,
}

impl<'a> TcpOptions<'a> {
    /// Reads from the captured octets of an options area of which `missing` more were not captured.
    pub const fn new(captured: &'a [u8], missing: usize) -> Self {
        Self { rest: captured, offset: 0, missing }
    }

    fn fail(&mut self, kind: OptionKind, problem: OptionProblem) -> OptionError {
        self.rest = &[];
        self.missing = 0;
        OptionError { kind, offset: self.offset, problem }
    }
}

impl<'a> Iterator for TcpOptions<'a> {
    type Item = Result<TcpOption<'a>, OptionError>;

    // Inlined, because a caller that wants few kinds then builds none of the others.
    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        let (&kind, after_kind) = self.rest.split_first()?;
        let kind = OptionKind(kind);
        let length = match kind {
            OptionKind::END => {
                self.rest = &[];
                return Some(Ok(TcpOption::End));
            }
            OptionKind::NOP => {
                self.rest = after_kind;
                self.offset += 1;
                return Some(Ok(TcpOption::Nop));
            }
            _ => after_kind.first().copied(),
        };
        let Some(length) = length else {
            let problem = if self.missing > 0 {
                OptionProblem::NotCaptured
            } else {
                OptionProblem::PastHeader
            };
            return Some(Err(self.fail(kind, problem)));
        };
        if length < 2 {
            return Some(Err(self.fail(kind, OptionProblem::Length(length))));
        }
        let length = usize::from(length);
        let Some((option, rest)) = self.rest.split_at_checked(length) else {
            let problem = if length <= self.rest.len().saturating_add(self.missing) {
                OptionProblem::NotCaptured
            } else {
                OptionProblem::PastHeader
            };
            return Some(Err(self.fail(kind, problem)));
        };
        self.rest = rest;
        self.offset += length;
        Some(Ok(interpret(kind, &option[2..])))
    }
}

/// Reads the data of a complete option.
#[inline(always)]
fn interpret(kind: OptionKind, data: &[u8]) -> TcpOption<'_> {
    known(kind, data).unwrap_or(TcpOption::Unknown { kind, data })
}

/// `None` if the kind is unassigned or the length does not fit the kind.
#[inline(always)]
fn known(kind: OptionKind, data: &[u8]) -> Option<TcpOption<'_>> {
    Some(match (kind, data.len()) {
        (OptionKind::MSS, 2) => TcpOption::Mss(be_u16::<_, ()>(data).ok()?.1),
        (OptionKind::WINDOW_SCALE, 1) => TcpOption::WindowScale(data[0]),
        (OptionKind::SACK_PERMITTED, 0) => TcpOption::SackPermitted,
        (OptionKind::SACK, 8 | 16 | 24 | 32) => TcpOption::Sack(SackBlocks(data)),
        (OptionKind::TIMESTAMPS, 8) => {
            let (_, (value, echo)) = (be_u32, be_u32::<_, ()>).parse(data).ok()?;
            TcpOption::Timestamps { value, echo }
        }
        (OptionKind::MD5, 16) => TcpOption::Md5(data),
        (OptionKind::USER_TIMEOUT, 2) => {
            let (_, value) = be_u16::<_, ()>(data).ok()?;
            TcpOption::UserTimeout { minutes: value & 0x8000 != 0, timeout: value & 0x7fff }
        }
        (OptionKind::AO, 2..) => {
            let (mac, (key_id, next_key_id)) = (u8, u8::<_, ()>).parse(data).ok()?;
            TcpOption::Ao { key_id, next_key_id, mac }
        }
        (OptionKind::MPTCP, 1..) => TcpOption::Mptcp { subtype: data[0] >> 4, data },
        (OptionKind::FAST_OPEN, _) => TcpOption::FastOpen { cookie: data, experimental: false },
        (OptionKind::EXPERIMENT_1 | OptionKind::EXPERIMENT_2, 2..) => {
            let cookie = data.strip_prefix(&FAST_OPEN_EXPERIMENT)?;
            TcpOption::FastOpen { cookie, experimental: true }
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use hex_literal::hex;

    fn all(octets: &[u8]) -> Vec<Result<TcpOption<'_>, OptionError>> {
        TcpOptions::new(octets, 0).collect()
    }

    #[test]
    fn a_linux_syn() {
        let options = hex!("020405b4 0402 080a 00000001 00000000 01 030307");
        let expected = [
            TcpOption::Mss(1460),
            TcpOption::SackPermitted,
            TcpOption::Timestamps { value: 1, echo: 0 },
            TcpOption::Nop,
            TcpOption::WindowScale(7),
        ];
        assert_eq!(all(&options), expected.map(Ok));
    }

    #[test]
    fn every_other_known_kind() {
        let md5 = hex!("1312 000102030405060708090a0b0c0d0e0f");
        assert_eq!(all(&md5), [Ok(TcpOption::Md5(&md5[2..]))]);
        assert_eq!(
            all(&hex!("1c04 8005")),
            [Ok(TcpOption::UserTimeout { minutes: true, timeout: 5 })]
        );
        assert_eq!(
            all(&hex!("1d06 0102 aabb")),
            [Ok(TcpOption::Ao { key_id: 1, next_key_id: 2, mac: &hex!("aabb") })]
        );
        assert_eq!(
            all(&hex!("1e04 1001")),
            [Ok(TcpOption::Mptcp { subtype: 1, data: &hex!("1001") })]
        );
        assert_eq!(
            all(&hex!("2202")),
            [Ok(TcpOption::FastOpen { cookie: &[], experimental: false })]
        );
        assert_eq!(
            all(&hex!("fe08 f989 01020304")),
            [Ok(TcpOption::FastOpen { cookie: &hex!("01020304"), experimental: true })]
        );
        let Some(Ok(TcpOption::Sack(blocks))) =
            TcpOptions::new(&hex!("050a 00000001 00000002"), 0).next()
        else {
            panic!("SACK")
        };
        assert_eq!(blocks.iter().collect::<Vec<_>>(), [(1, 2)]);
    }

    #[test]
    fn a_known_kind_of_the_wrong_length_is_kept_as_it_is() {
        assert_eq!(
            all(&hex!("0203 05 01")),
            [Ok(TcpOption::Unknown { kind: OptionKind::MSS, data: &[5] }), Ok(TcpOption::Nop)]
        );
    }

    #[test]
    fn errors_say_where() {
        let error = all(&hex!("01 0200"))[1].unwrap_err();
        assert_eq!(
            (error.kind, error.offset, error.problem),
            (OptionKind::MSS, 1, OptionProblem::Length(0))
        );
        assert_eq!(
            error.to_string(),
            "option kind 2 at octet 1 of the options: length 0 is below 2"
        );
        assert_eq!(all(&hex!("080a0000"))[0].unwrap_err().problem, OptionProblem::PastHeader);
        let cut = TcpOptions::new(&hex!("080a0000"), 8).next();
        assert_eq!(cut.unwrap().unwrap_err().problem, OptionProblem::NotCaptured);
    }
}
