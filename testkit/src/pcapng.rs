//! Blocks of pcapng files, made by hand: with the details that a library would not write.

/// Writes the numbers of a pcapng file in one byte order.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// Whether the first octet of a number is its highest.
    pub big: bool,
}

/// The order of most files.
pub const LITTLE: Order = Order { big: false };
/// The other one.
pub const BIG: Order = Order { big: true };

impl Order {
    /// A number of 16 bits.
    pub fn u16(self, value: u16) -> [u8; 2] {
        if self.big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    /// A number of 32 bits.
    pub fn u32(self, value: u32) -> [u8; 4] {
        if self.big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    /// A number of 64 bits.
    pub fn u64(self, value: u64) -> [u8; 8] {
        if self.big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    /// A timestamp: its upper half is first in both orders.
    pub fn time(self, timestamp: u64) -> [u8; 8] {
        let halves = [self.u32((timestamp >> 32) as u32), self.u32(timestamp as u32)];
        let mut octets = [0; 8];
        octets.copy_from_slice(halves.as_flattened());
        octets
    }

    /// A block of this type, padded.
    pub fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let padding = &[0; 3][..body.len().wrapping_neg() % 4];
        let octets = self.u32((12 + body.len() + padding.len()) as u32);
        [&self.u32(kind)[..], &octets, body, padding, &octets].concat()
    }

    /// An option, padded.
    pub fn option(self, code: u16, value: &[u8]) -> Vec<u8> {
        let padding = &[0; 3][..value.len().wrapping_neg() % 4];
        [&self.u16(code)[..], &self.u16(value.len() as u16), value, padding].concat()
    }

    /// A Section Header Block of version 1.0 without options.
    pub fn section(self) -> Vec<u8> {
        let body = [&self.u32(0x1a2b_3c4d)[..], &self.u16(1), &self.u16(0), &[0xff; 8]].concat();
        self.block(0x0a0d_0d0a, &body)
    }

    /// An Interface Description Block without a snap length.
    pub fn interface(self, link_type: u16, options: &[u8]) -> Vec<u8> {
        self.block(1, &[&self.u16(link_type)[..], &[0; 6], options].concat())
    }

    /// An Enhanced Packet Block without options.
    pub fn packet(self, interface: u32, timestamp: u64, frame: &[u8]) -> Vec<u8> {
        self.packet_with(interface, timestamp, frame, &[])
    }

    /// An Enhanced Packet Block with options.
    pub fn packet_with(
        self,
        interface: u32,
        timestamp: u64,
        frame: &[u8],
        options: &[u8],
    ) -> Vec<u8> {
        let octets = self.u32(frame.len() as u32);
        let padding = match options {
            [] => &[][..],
            _ => &[0; 3][..frame.len().wrapping_neg() % 4],
        };
        let (interface, time) = (self.u32(interface), self.time(timestamp));
        let body = [&interface[..], &time, &octets, &octets, frame, padding, options];
        self.block(6, &body.concat())
    }

    /// An Interface Statistics Block.
    pub fn statistics(self, interface: u32, timestamp: u64, options: &[u8]) -> Vec<u8> {
        self.block(5, &[&self.u32(interface)[..], &self.time(timestamp), options].concat())
    }
}
