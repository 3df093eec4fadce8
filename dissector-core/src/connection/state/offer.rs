//! The options and ECN bits of a SYN.

use crate::vocabulary::Ecn;
use crate::wire::{TcpFlags, TcpOption, TcpOptions};

bitflags::bitflags! {
    /// Options without a value, and those whose value does not matter here.
    #[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
    pub(crate) struct Offers: u8 {
        const SACK = 1 << 0;
        const TIMESTAMPS = 1 << 1;
        /// A Fast Open cookie.
        const COOKIE = 1 << 2;
        /// A request for a Fast Open cookie.
        const COOKIE_REQUEST = 1 << 3;
        const MP_CAPABLE = 1 << 4;
        const MP_JOIN = 1 << 5;
        /// A maximum segment size.
        const MSS = 1 << 6;
        /// A window scale.
        const WINDOW_SCALE = 1 << 7;
    }
}

/// The options of a SYN or SYN/ACK, and its ECN bits. From the most significant bit: 16 bits of maximum
/// segment size, eight of [`Offers`], whether options are missing from the capture, AE, CWR and ECE, and
/// four bits of window scale, at most 14.
///
/// One number, because a load that spans several recent stores takes longer than to read all options.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Offer(u32);

/// The largest window scale; a larger one counts as this (RFC 7323 §2.3).
const MAX_SCALE: u8 = 14;

/// Options were cut off by the snap length of the capture.
const CUT: u32 = 1 << 7;

const MP_CAPABLE: u8 = 0;
const MP_JOIN: u8 = 1;

impl Offer {
    /// Reads the offer of a SYN with these flags and options.
    #[inline]
    pub fn read(flags: TcpFlags, options: &[u8]) -> Self {
        // The layout of Linux, in SYN and SYN/ACK: a good half of all SYNs.
        if let (&[[2, 4, m, n], kinds, _, _, [a, b, c, shift]], []) = options.as_chunks()
            && kinds == [4, 2, 8, 10]
            && [a, b, c] == [1, 3, 3]
        {
            let offers = Offers::MSS | Offers::SACK | Offers::TIMESTAMPS | Offers::WINDOW_SCALE;
            return Self::new(u16::from_be_bytes([m, n]), offers, flags, shift);
        }
        Self::read_one_by_one(flags, options)
    }

    #[inline(never)]
    fn read_one_by_one(flags: TcpFlags, options: &[u8]) -> Self {
        let (mut mss, mut offers, mut scale) = (0, Offers::empty(), 0);
        for option in TcpOptions::new(options, 0).map_while(Result::ok) {
            offers |= match option {
                TcpOption::Mss(size) => {
                    mss = size;
                    Offers::MSS
                }
                TcpOption::WindowScale(shift) => {
                    scale = shift;
                    Offers::WINDOW_SCALE
                }
                TcpOption::SackPermitted => Offers::SACK,
                TcpOption::Timestamps { .. } => Offers::TIMESTAMPS,
                TcpOption::FastOpen { cookie: [], .. } => Offers::COOKIE_REQUEST,
                TcpOption::FastOpen { .. } => Offers::COOKIE,
                TcpOption::Mptcp { subtype: MP_CAPABLE, .. } => Offers::MP_CAPABLE,
                TcpOption::Mptcp { subtype: MP_JOIN, .. } => Offers::MP_JOIN,
                _ => Offers::empty(),
            };
        }
        Self::new(mss, offers, flags, scale)
    }

    #[inline(always)]
    fn new(mss: u16, offers: Offers, flags: TcpFlags, scale: u8) -> Self {
        let scale_and_ecn = ecn_bits(flags) << 4 | scale.min(MAX_SCALE);
        Self(u32::from(mss) << 16 | u32::from(offers.bits()) << 8 | u32::from(scale_and_ecn))
    }

    /// The same offer, of whose options some were not captured if `cut`.
    #[inline]
    pub const fn cut_if(self, cut: bool) -> Self {
        if cut { Self(self.0 | CUT) } else { self }
    }

    /// Whether options are missing from the capture.
    pub const fn is_cut(&self) -> bool {
        self.0 & CUT != 0
    }

    /// Whether it is certain that it has none of these. Cut off is not absent.
    pub const fn lacks(&self, offers: Offers) -> bool {
        !self.is_cut() && !self.offers().intersects(offers)
    }

    pub const fn offers(&self) -> Offers {
        Offers::from_bits_retain((self.0 >> 8) as u8)
    }

    pub const fn has(&self, offers: Offers) -> bool {
        self.offers().contains(offers)
    }

    pub fn mss(&self) -> Option<u16> {
        self.has(Offers::MSS).then_some((self.0 >> 16) as u16)
    }

    /// Shift count of the window, at most 14.
    pub fn window_scale(&self) -> Option<u8> {
        self.has(Offers::WINDOW_SCALE).then_some(self.0 as u8 & 0xf)
    }

    /// AE, CWR and ECE as a number of three bits.
    pub const fn ecn(&self) -> u8 {
        self.0 as u8 >> 4 & 0b111
    }

    /// Whether the offers are the same, but for what devices on the path rewrite or take out: maximum segment
    /// size, selective acknowledgments and timestamps.
    pub fn is_same_besides_sizes(&self, other: &Self) -> bool {
        let rewritten = Offers::MSS | Offers::SACK | Offers::TIMESTAMPS;
        self.offers() - rewritten == other.offers() - rewritten
            && self.window_scale() == other.window_scale()
            && self.ecn() == other.ecn()
    }

    /// Whether `answer`, a SYN/ACK, carries an option that needs an offer first
    /// (RFC 7323 §2.2 and §3.2, RFC 2018 §2).
    pub fn is_exceeded_by(&self, answer: &Self) -> bool {
        let needs_offer = Offers::WINDOW_SCALE | Offers::SACK | Offers::TIMESTAMPS;
        !self.is_cut() && (answer.offers() & needs_offer).intersects(!self.offers())
    }

    /// Whether another copy of the SYN certainly has other options or ECN bits.
    pub fn differs_from(&self, other: &Self) -> bool {
        if !self.is_cut() && !other.is_cut() {
            return self != other;
        }
        let differ = |one: Option<u16>, other: Option<u16>| {
            one.zip(other).is_some_and(|(one, other)| one != other)
        };
        let shift = |offer: &Self| offer.window_scale().map(u16::from);
        let gone = |one: &Self, other: &Self| one.offers().iter().any(|option| other.lacks(option));
        self.ecn() != other.ecn()
            || differ(self.mss(), other.mss())
            || differ(shift(self), shift(other))
            || gone(self, other)
            || gone(other, self)
    }
}

fn ecn_bits(flags: TcpFlags) -> u8 {
    let bit = |flag, value| if flags.contains(flag) { value } else { 0 };
    bit(TcpFlags::AE, 0b100) | bit(TcpFlags::CWR, 0b010) | bit(TcpFlags::ECE, 0b001)
}

/// ECN-setup SYN (RFC 3168 §6.1.1).
const CLASSIC_SETUP: u8 = 0b011;
/// AccECN-setup SYN (RFC 9768 §3.1.1).
const ACCURATE_SETUP: u8 = 0b111;

/// The outcome of the negotiation by the ECN bits of SYN and SYN/ACK.
pub(crate) fn ecn(syn: u8, synack: Option<u8>) -> Ecn {
    match (syn, synack) {
        (CLASSIC_SETUP | ACCURATE_SETUP, None) => Ecn::Unknown,
        (CLASSIC_SETUP, Some(0b001)) => Ecn::Classic,
        // A responder that reflects reserved bits (RFC 9768 §3.1.2); 011 answered by 011 is no ECN.
        (ACCURATE_SETUP, Some(ACCURATE_SETUP)) => Ecn::Broken,
        (ACCURATE_SETUP, Some(0b010 | 0b011 | 0b100 | 0b110)) => Ecn::AccEcn,
        // 101 is the answer of a server with the ECN nonce, which is otherwise classic.
        (ACCURATE_SETUP, Some(0b001 | 0b101)) => Ecn::Classic,
        (CLASSIC_SETUP | ACCURATE_SETUP, Some(_)) => Ecn::Refused,
        _ => Ecn::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hex_literal::hex;

    #[test]
    fn of_a_cut_offer_only_what_was_captured_is_known() {
        let whole = Offer::read(TcpFlags::SYN, &hex!("020405b4 0402 0303 07 00"));
        let cut = |options: &[u8]| Offer::read(TcpFlags::SYN, options).cut_if(true);
        let without_scale = cut(&hex!("020405b4 0402"));
        assert!(whole.lacks(Offers::TIMESTAMPS) && !without_scale.lacks(Offers::TIMESTAMPS));
        assert!(!whole.is_cut() && without_scale.is_cut());
        assert_eq!((without_scale.mss(), without_scale.ecn()), (Some(1460), 0));
        assert!(!without_scale.is_exceeded_by(&whole));
        assert!(whole.is_exceeded_by(&cut(&hex!("080a 00000001 00000002"))));
        for (options, differs) in [
            (&hex!("020405b4")[..], false),
            (&hex!("02040200"), true),
            (&hex!("020405b4 030307"), false),
            (&hex!("020405b4 030306"), true),
            (&hex!("020405b4 0402 080a 00000001 00000002"), true),
            (&[], false),
        ] {
            assert_eq!(cut(options).differs_from(&whole), differs, "{options:?}");
            assert_eq!(whole.differs_from(&cut(options)), differs, "{options:?}");
        }
    }

    #[test]
    fn the_layout_of_linux_is_read_like_any_other() {
        for shift in [0, 7, 14, 15, 255] {
            let mut options = hex!("020405b4 0402 080a 00000001 00000002 01 0303ff 00000000");
            options[19] = shift;
            let flags = TcpFlags::SYN | TcpFlags::ECE | TcpFlags::CWR;
            let offer = Offer::read(flags, &options[..20]);
            assert_eq!(offer, Offer::read(flags, &options));
            assert_eq!((offer.window_scale(), offer.ecn()), (Some(shift.min(14)), 0b011));
        }
    }
}
