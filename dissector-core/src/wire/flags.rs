//! The control bits.

use std::fmt::{self, Write as _};
use std::ops::{BitAnd, BitOr, BitOrAssign, Not};

/// The twelve bits after the data offset: three reserved, AE (RFC 9768), CWR and ECE (RFC 3168), URG,
/// ACK, PSH, RST, SYN, FIN (RFC 9293 §3.1).
///
/// `Display` writes them as Wireshark does, [`tcpdump`](Self::tcpdump) as tcpdump does.
///
/// ```
/// use dissector_core::wire::TcpFlags;
///
/// let flags = TcpFlags::SYN | TcpFlags::ACK;
/// assert_eq!(flags.to_string(), "SYN, ACK");
/// assert_eq!(flags.tcpdump().to_string(), "S.");
/// assert_eq!(flags.bits(), 0x012);
/// // Test by bit, never by equality: an ECN set-up SYN/ACK carries ECE as well.
/// assert!((flags | TcpFlags::ECE).contains(TcpFlags::SYN | TcpFlags::ACK));
/// assert!(!flags.intersects(TcpFlags::RST | TcpFlags::FIN));
/// assert_eq!(flags & !TcpFlags::ACK, TcpFlags::SYN);
/// ```
#[derive(Clone, Copy, Default, Eq, Hash, PartialEq)]
pub struct TcpFlags(u16);

impl TcpFlags {
    /// No more data from the sender.
    pub const FIN: Self = Self(0x001);
    /// Synchronise sequence numbers.
    pub const SYN: Self = Self(0x002);
    /// Reset the connection.
    pub const RST: Self = Self(0x004);
    /// Push function.
    pub const PSH: Self = Self(0x008);
    /// The acknowledgment field is significant.
    pub const ACK: Self = Self(0x010);
    /// The urgent pointer is significant.
    pub const URG: Self = Self(0x020);
    /// ECN echo.
    pub const ECE: Self = Self(0x040);
    /// Congestion window reduced.
    pub const CWR: Self = Self(0x080);
    /// Accurate ECN; in older documents NS, the nonce sum.
    pub const AE: Self = Self(0x100);
    /// The three bits that no RFC has given a meaning.
    pub const RESERVED: Self = Self(0xe00);

    /// No bit.
    pub const fn empty() -> Self {
        Self(0)
    }

    /// All twelve bits.
    pub const fn all() -> Self {
        Self(0xfff)
    }

    /// The lower twelve bits of `bits`, as they stand in the header.
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits & Self::all().0)
    }

    /// The bits as they stand in the header, FIN lowest.
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// True if no bit is set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// True if all bits of `other` are set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// True if at least one bit of `other` is set.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The bits of both; `|` in constants.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The same bits with those of `other` set, or cleared.
    #[must_use]
    pub const fn with(self, other: Self, set: bool) -> Self {
        Self(if set { self.0 | other.0 } else { self.0 & !other.0 })
    }
}

impl BitOr for TcpFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.union(other)
    }
}

impl BitOrAssign for TcpFlags {
    fn bitor_assign(&mut self, other: Self) {
        *self = *self | other;
    }
}

impl BitAnd for TcpFlags {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl Not for TcpFlags {
    type Output = Self;

    fn not(self) -> Self {
        Self(!self.0 & Self::all().0)
    }
}

impl fmt::Debug for TcpFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TcpFlags({self})")
    }
}

/// Flag, name, and tcpdump's letter, in the order of both tools.
const NAMES: [(TcpFlags, &str, char); 9] = [
    (TcpFlags::FIN, "FIN", 'F'),
    (TcpFlags::SYN, "SYN", 'S'),
    (TcpFlags::RST, "RST", 'R'),
    (TcpFlags::PSH, "PSH", 'P'),
    (TcpFlags::ACK, "ACK", '.'),
    (TcpFlags::URG, "URG", 'U'),
    (TcpFlags::ECE, "ECE", 'E'),
    (TcpFlags::CWR, "CWR", 'W'),
    (TcpFlags::AE, "AE", 'e'),
];

/// Every bit that has a name.
const NAMED: TcpFlags = TcpFlags::all().with(TcpFlags::RESERVED, false);

impl TcpFlags {
    /// The flags as `tcpdump` writes them: `S.`, and `none` where no bit is set.
    ///
    /// AE is `e`, which tcpdump 4.99 does not print yet.
    pub fn tcpdump(self) -> impl fmt::Display {
        struct Letters(TcpFlags);

        impl fmt::Display for Letters {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                if !self.0.intersects(NAMED) {
                    return f.write_str("none");
                }
                let set = NAMES.iter().filter(|(flag, ..)| self.0.contains(*flag));
                set.map(|(_, _, letter)| *letter).try_for_each(|letter| f.write_char(letter))
            }
        }

        Letters(self)
    }
}

/// Writes the flags as Wireshark's Info column does: `SYN, ACK`, and `<None>` if no bit is set.
/// Reserved bits, however many, are one `Reserved` at the end.
impl fmt::Display for TcpFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("<None>");
        }
        let named =
            NAMES.iter().filter(|(flag, ..)| self.contains(*flag)).map(|(_, name, _)| *name);
        let reserved = self.intersects(Self::RESERVED).then_some("Reserved");
        let mut separator = "";
        for name in named.chain(reserved) {
            f.write_str(separator)?;
            f.write_str(name)?;
            separator = ", ";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_in_both_notations() {
        let all = TcpFlags::all();
        assert_eq!(all.bits(), 0xfff);
        assert_eq!(all.to_string(), "FIN, SYN, RST, PSH, ACK, URG, ECE, CWR, AE, Reserved");
        assert_eq!(all.tcpdump().to_string(), "FSRP.UEWe");
    }

    #[test]
    fn no_flag_has_the_tools_own_word() {
        assert_eq!(TcpFlags::empty().to_string(), "<None>");
        assert_eq!(TcpFlags::empty().tcpdump().to_string(), "none");
        // tcpdump does not look at the reserved bits.
        assert_eq!(TcpFlags::from_bits(0x400).to_string(), "Reserved");
        assert_eq!(TcpFlags::RESERVED.tcpdump().to_string(), "none");
    }
}
