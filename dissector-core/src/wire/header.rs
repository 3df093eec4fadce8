//! The TCP header.

use nom::Parser;
use nom::number::complete::{be_u16, be_u32};

use super::{HeaderError, SeqNumber, TcpFlags, TcpOptions};

/// Octets of the header without options.
pub(crate) const FIXED_OCTETS: usize = 20;
/// The most that options can have: the data offset goes up to 15 words.
pub(crate) const MOST_OPTION_OCTETS: usize = 40;

/// A TCP header, with what follows it (RFC 9293 §3.1).
///
/// ```
/// use dissector_core::wire::{SeqNumber, TcpHeader};
///
/// let bytes = b"\x9c\x40\x00\x35\x00\x00\x00\x07\x00\x00\x00\x09\x50\x18\xff\xff\x00\x00\x00\x00hi";
/// let header = TcpHeader::parse(bytes)?;
/// assert_eq!(header.destination_port, 53);
/// assert_eq!(header.sequence, SeqNumber(7));
/// assert_eq!(header.flags.to_string(), "PSH, ACK");
/// assert_eq!(header.payload, b"hi");
/// # Ok::<(), dissector_core::wire::HeaderError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct TcpHeader<'a> {
    /// Port of the sender.
    pub source_port: u16,
    /// Port of the receiver.
    pub destination_port: u16,
    /// Sequence number of the first payload octet, or of the SYN.
    pub sequence: SeqNumber,
    /// Next sequence number that the sender expects; significant with ACK only.
    pub acknowledgment: SeqNumber,
    /// Length of the header in 32-bit words, 5 to 15.
    pub data_offset: u8,
    /// All twelve control bits.
    pub flags: TcpFlags,
    /// Window as sent, before any scaling.
    pub window: u16,
    /// Checksum as sent; never validated (offload makes it wrong in captures of the sender).
    pub checksum: u16,
    /// Urgent pointer; significant with URG only.
    pub urgent_pointer: u16,
    /// The captured octets of the options area.
    pub option_octets: &'a [u8],
    /// The captured octets after the header: fewer than were sent if the capture was cut, and with
    /// Ethernet padding if the caller did not remove it.
    pub payload: &'a [u8],
}

impl<'a> TcpHeader<'a> {
    /// Reads a header from the start of `segment`.
    ///
    /// Options or payload that were not captured are no error; they are absent.
    ///
    /// # Errors
    /// [`HeaderError`] if the 20 fixed octets are not all there, or if the data offset is below 5.
    #[inline(always)]
    pub fn parse(segment: &'a [u8]) -> Result<Self, HeaderError> {
        let truncated = HeaderError::Truncated { available: segment.len() };
        // The octets are an array, so that the compiler needs no further length checks.
        let Some((fixed, rest)) = segment.split_first_chunk::<FIXED_OCTETS>() else {
            return Err(truncated);
        };
        let mut fields = (be_u16, be_u16, be_u32, be_u32, be_u16, be_u16, be_u16, be_u16::<_, ()>);
        let Ok((_, (source, destination, seq, ack, offset_and_flags, window, checksum, urgent))) =
            fields.parse(&fixed[..])
        else {
            return Err(truncated);
        };
        let data_offset = (offset_and_flags >> 12) as u8;
        let Some(option_length) = (usize::from(data_offset) * 4).checked_sub(FIXED_OCTETS) else {
            return Err(HeaderError::DataOffset { words: data_offset });
        };
        let (option_octets, payload) = rest.split_at(option_length.min(rest.len()));
        Ok(Self {
            source_port: source,
            destination_port: destination,
            sequence: SeqNumber(seq),
            acknowledgment: SeqNumber(ack),
            data_offset,
            flags: TcpFlags::from_bits(offset_and_flags),
            window,
            checksum,
            urgent_pointer: urgent,
            option_octets,
            payload,
        })
    }

    /// Length of the header as its data offset gives it, in octets.
    pub const fn header_octets(&self) -> usize {
        self.data_offset as usize * 4
    }

    /// The options, in the order sent.
    pub fn options(&self) -> TcpOptions<'a> {
        let missing = self.header_octets() - FIXED_OCTETS - self.option_octets.len();
        TcpOptions::new(self.option_octets, missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hex_literal::hex;

    #[test]
    fn all_twelve_flag_bits_survive() {
        let mut bytes = hex!("0001 0002 00000003 00000004 5fff 0005 0006 0007");
        let header = TcpHeader::parse(&bytes).unwrap();
        assert_eq!(header.flags, TcpFlags::all());
        bytes[12] = 0x5e;
        bytes[13] = 0;
        assert_eq!(TcpHeader::parse(&bytes).unwrap().flags, TcpFlags::RESERVED);
    }

    #[test]
    fn an_offset_below_five_is_named() {
        let bytes = hex!("0001 0002 00000003 00000004 4002 0005 0006 0007 ffff");
        assert_eq!(TcpHeader::parse(&bytes), Err(HeaderError::DataOffset { words: 4 }));
    }

    #[test]
    fn a_cut_inside_the_options_keeps_the_header() {
        let bytes = hex!("0001 0002 00000003 00000004 7002 0005 0006 0007 0204");
        let header = TcpHeader::parse(&bytes).unwrap();
        assert_eq!(header.header_octets(), 28);
        assert_eq!(header.option_octets, hex!("0204"));
        assert_eq!(header.payload, b"");
    }
}
