//! Blocks from sections of the other byte order.

use nom::number::Endianness;

use super::super::format::pcapng::{
    DECRYPTION_SECRETS, ENHANCED_PACKET, INTERFACE_DESCRIPTION, INTERFACE_STATISTICS,
    NAME_RESOLUTION, Options, PACKET,
};

/// Options that hold the number of an enterprise and then what only that one knows.
const CUSTOM_OPTIONS: [u16; 4] = [2988, 2989, 19372, 19373];

/// The byte order of a section, and that of the output.
#[derive(Clone, Copy, Debug)]
pub(super) struct Orders {
    pub from: Endianness,
    pub to: Endianness,
}

impl Orders {
    pub fn differ(self) -> bool {
        self.from != self.to
    }

    pub fn u16(self, value: u16) -> [u8; 2] {
        if self.to == Endianness::Big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    pub fn u32(self, value: u32) -> [u8; 4] {
        if self.to == Endianness::Big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    pub fn u64(self, value: u64) -> [u8; 8] {
        if self.to == Endianness::Big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    /// A timestamp: its upper half is first in both orders.
    pub fn timestamp(self, timestamp: u64) -> [[u8; 4]; 2] {
        [self.u32((timestamp >> 32) as u32), self.u32(timestamp as u32)]
    }

    /// The timestamp at the start of octets of the section.
    pub fn read_timestamp(self, octets: &[u8]) -> Option<u64> {
        let (high, low) = (self.read_u32(octets)?, self.read_u32(octets.get(4..)?)?);
        Some(u64::from(high) << 32 | u64::from(low))
    }

    /// The number of 16 bits at the start of octets of the section.
    pub fn read_u16(self, octets: &[u8]) -> Option<u16> {
        let octets = *octets.first_chunk()?;
        let big = self.from == Endianness::Big;
        Some(if big { u16::from_be_bytes(octets) } else { u16::from_le_bytes(octets) })
    }

    /// The number of 32 bits at the start of octets of the section.
    pub fn read_u32(self, octets: &[u8]) -> Option<u32> {
        let octets = *octets.first_chunk()?;
        let big = self.from == Endianness::Big;
        Some(if big { u32::from_be_bytes(octets) } else { u32::from_le_bytes(octets) })
    }

    /// Appends the options of a block. Those that are read no more end them.
    pub fn options(self, kind: u32, options: &[u8], into: &mut Vec<u8>) {
        if !self.differ() {
            into.extend(options);
            return;
        }
        let start = into.len();
        for (code, value) in (Options { order: self.from, octets: options }) {
            self.option(kind, code, value, into);
        }
        if into.len() > start {
            self.end_of_options(into);
        }
    }

    pub fn end_of_options(self, into: &mut Vec<u8>) {
        into.extend([0; 4]);
    }

    /// Appends an option whose value is in the byte order of the output already.
    pub fn written_option(self, code: u16, value: &[u8], into: &mut Vec<u8>) {
        // The length was read from 16 bits, or the text was shortened to it.
        into.extend([self.u16(code), self.u16(value.len() as u16)].as_flattened());
        into.extend(value);
        pad(into);
    }

    /// Appends an option of a block.
    pub fn option(self, kind: u32, code: u16, value: &[u8], into: &mut Vec<u8>) {
        let start = into.len() + 4;
        self.written_option(code, value, into);
        if !self.differ() {
            return;
        }
        let value = &mut into[start..start + value.len()];
        match (kind, code) {
            (_, code) if CUSTOM_OPTIONS.contains(&code) => turn(value.get_mut(..4), 4),
            // Flags, queue, process and thread.
            (ENHANCED_PACKET | PACKET, 2) | (ENHANCED_PACKET, 6 | 8) => turn(Some(value), 4),
            // Count of drops, packet id.
            (ENHANCED_PACKET, 4 | 5) => turn(Some(value), 8),
            // Verdict of a Linux eBPF program: what kind, and a number.
            (ENHANCED_PACKET, 7) if matches!(value.first(), Some(1 | 2)) => {
                turn(value.get_mut(1..), 8);
            }
            // Speeds, the zero point of times, and the obsolete time zone.
            (INTERFACE_DESCRIPTION, 8 | 14 | 16 | 17) => turn(Some(value), 8),
            (INTERFACE_DESCRIPTION, 10) => turn(Some(value), 4),
            // Counters.
            (INTERFACE_STATISTICS, 4..=8) => turn(Some(value), 8),
            _ => {}
        }
    }

    /// Appends the body of a Name Resolution Block.
    pub fn names(self, body: &[u8], into: &mut Vec<u8>) {
        if !self.differ() {
            into.extend(body);
            return;
        }
        const END_OF_RECORDS: u16 = 0;
        let mut rest = body;
        while let (Some(record), Some(length)) =
            (self.read_u16(rest), rest.get(2..).and_then(|it| self.read_u16(it)))
        {
            let Some(value) = rest.get(4..4 + usize::from(length)) else { break };
            rest = rest.get(4 + usize::from(length).next_multiple_of(4)..).unwrap_or(&[]);
            if record == END_OF_RECORDS {
                break;
            }
            into.extend(self.u16(record));
            into.extend(self.u16(length));
            into.extend(value);
            pad(into);
        }
        into.extend([0; 4]);
        self.options(NAME_RESOLUTION, rest, into);
    }

    /// Appends the body of a Decryption Secrets Block; returns whether it could be read.
    pub fn secrets(self, body: &[u8], into: &mut Vec<u8>) -> Option<()> {
        let (format, length) = (self.read_u32(body)?, self.read_u32(body.get(4..)?)?);
        let secrets = body.get(8..)?.get(..length as usize)?;
        into.extend(self.u32(format));
        into.extend(self.u32(length));
        into.extend(secrets);
        pad(into);
        let options = body.get(8 + secrets.len().next_multiple_of(4)..).unwrap_or(&[]);
        self.options(DECRYPTION_SECRETS, options, into);
        Some(())
    }

    /// Appends the body of a Custom Block; returns whether it could be read.
    pub fn custom(self, body: &[u8], into: &mut Vec<u8>) -> Option<()> {
        into.extend(self.u32(self.read_u32(body)?));
        into.extend(&body[4..]);
        Some(())
    }
}

/// Turns numbers of so many octets, one after the other.
fn turn(octets: Option<&mut [u8]>, width: usize) {
    octets.into_iter().for_each(|it| it.chunks_exact_mut(width).for_each(<[u8]>::reverse));
}

/// Fills up to a multiple of four octets.
pub(super) fn pad(octets: &mut Vec<u8>) {
    octets.resize(octets.len().next_multiple_of(4), 0);
}
