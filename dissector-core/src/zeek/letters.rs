//! The letters of a history.

/// A letter of the history as its place in the alphabet; the responder's follow the originator's.
pub(crate) type Letter = u8;

/// The history of a capture that began with a SYN/ACK, so far.
pub(crate) const ONLY_SYN_ACK: Letters12 = Letters12::of(1 << 5 | SYN_ACK as u64);

pub(crate) const ALPHABET: &[u8; 21] = b"^SHADFRTWIQshadfrtwiq";
pub(crate) const FLIP: Letter = 0;
pub(crate) const SYN: Letter = 1;
pub(crate) const SYN_ACK: Letter = 2;
pub(crate) const ACK: Letter = 3;
pub(crate) const DATA: Letter = 4;
pub(crate) const FIN: Letter = 5;
pub(crate) const RST: Letter = 6;
pub(crate) const RETRANSMISSION: Letter = 7;
pub(crate) const ZERO_WINDOW: Letter = 8;
pub(crate) const FIN_AND_RST: Letter = 9;
pub(crate) const SYN_AND_MORE: Letter = 10;
pub(crate) const OF_RESPONDER: Letter = 10;

/// How many letters there may be after the first twelve.
pub(crate) const MOST_FURTHER: usize = 13;

/// Up to twelve letters, five bits each; above them a bit that marks the end. In octets, which need
/// no alignment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Letters12([u8; 8]);

impl Default for Letters12 {
    fn default() -> Self {
        Self::of(1)
    }
}

impl Letters12 {
    const fn of(bits: u64) -> Self {
        Self(bits.to_ne_bytes())
    }

    const fn bits(self) -> u64 {
        u64::from_ne_bytes(self.0)
    }

    pub(crate) const fn is_full(self) -> bool {
        self.bits() >> 60 != 0
    }

    pub(crate) fn push(&mut self, letter: Letter) {
        if !self.is_full() {
            *self = Self::of(self.bits() << 5 | u64::from(letter));
        }
    }

    pub(crate) fn letters(self) -> impl Iterator<Item = u8> {
        let bits = self.bits();
        let length = (63 - bits.leading_zeros()) / 5;
        (0..length).rev().map(move |at| ALPHABET[(bits >> (5 * at) & 31) as usize])
    }
}
