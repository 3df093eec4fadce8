//! The blocks of frames, and of all else but interfaces, as the output has them.

use super::super::format::pcapng::{
    CUSTOM, CUSTOM_NOT_COPIED, DECRYPTION_SECRETS, ENHANCED_PACKET, INTERFACE_STATISTICS,
    NAME_RESOLUTION, OPTION_END_TIME, OPTION_START_TIME, Options, PACKET, PcapngRecords,
    SIMPLE_PACKET, SYSTEMD_JOURNAL,
};
use super::byte_order::{Orders, pad};

/// Octets of the body of a packet's block in front of its captured octets.
pub(super) const FIXED_OCTETS: usize = 20;
/// The count of drops of an Enhanced Packet Block.
const OPTION_DROPS: u16 = 4;
/// A Packet Block says so if it does not know how many were dropped.
const DROPS_UNKNOWN: u16 = 0xffff;
/// Octets in front of each frame of a pcap file.
const PCAP_RECORD_OCTETS: usize = 16;

/// A time as a timestamp in nanoseconds. A time before 1970 cannot be written.
pub(super) fn nanoseconds(time_ns: i64) -> u64 {
    u64::try_from(time_ns).unwrap_or(0)
}

/// Begins the body of an Enhanced Packet Block.
fn begin(orders: Orders, interface: u32, timestamp: u64, lengths: [u32; 2], into: &mut Vec<u8>) {
    let [high, low] = orders.timestamp(timestamp);
    let [captured, original] = lengths.map(|length| orders.u32(length));
    into.clear();
    into.extend([orders.u32(interface), high, low, captured, original].as_flattened());
}

/// The body of the block of a frame of a pcap file.
pub(super) fn of_pcap(
    orders: Orders,
    numbers: &[u32],
    timestamp: u64,
    record: &[u8],
    into: &mut Vec<u8>,
) {
    let (header, octets) = record.split_at(PCAP_RECORD_OCTETS.min(record.len()));
    let original = header.get(12..).and_then(|it| orders.read_u32(it)).unwrap_or(0);
    let interface = numbers.first().copied().unwrap_or(0);
    begin(orders, interface, timestamp, [octets.len() as u32, original], into);
    into.extend(octets);
    pad(into);
}

/// A block of an input.
pub(super) struct Block<'a> {
    pub kind: u32,
    pub body: &'a [u8],
    pub orders: Orders,
    /// The section, with its interfaces.
    pub records: &'a PcapngRecords,
    /// The numbers of its interfaces in the output.
    pub numbers: &'a [u32],
    /// The time of the last frame before it in the input.
    pub frame_ns: Option<i64>,
}

impl Block<'_> {
    /// The timestamp of a frame, in the unit of its interface: 0 where a block has none.
    pub fn timestamp(&self) -> u64 {
        let octets = self.body.get(4..).filter(|_| self.kind != SIMPLE_PACKET);
        octets.and_then(|octets| self.orders.read_timestamp(octets)).unwrap_or(0)
    }

    /// The body of the Enhanced Packet Block of a frame; `None` if there is none.
    pub fn frame(&self, timestamp: u64, into: &mut Vec<u8>) -> Option<()> {
        match self.kind {
            SIMPLE_PACKET => self.simple_packet(timestamp, into),
            _ => self.packet(timestamp, into),
        }
    }

    /// An Enhanced Packet Block, or the obsolete Packet Block, with all its options.
    fn packet(&self, timestamp: u64, into: &mut Vec<u8>) -> Option<()> {
        let Self { kind, body, orders, .. } = self;
        let field = |at: usize| orders.read_u32(body.get(at..)?);
        let (captured, original) = (field(12)?, field(16)?);
        let (interface, drops) = match *kind {
            ENHANCED_PACKET => (field(0)?, None),
            _ => (orders.read_u16(body)?.into(), Some(orders.read_u16(body.get(2..)?)?)),
        };
        let number = *self.numbers.get(interface as usize)?;
        begin(*orders, number, timestamp, [captured, original], into);
        let end = FIXED_OCTETS + captured as usize;
        into.extend(body.get(FIXED_OCTETS..end)?);
        pad(into);
        let options = body.get(end.next_multiple_of(4)..).unwrap_or(&[]);
        match drops {
            Some(drops) if drops > 0 && drops != DROPS_UNKNOWN => {
                for (code, value) in (Options { order: orders.from, octets: options }) {
                    orders.option(PACKET, code, value, into);
                }
                let drops = orders.u64(drops.into());
                orders.written_option(OPTION_DROPS, &drops, into);
                orders.end_of_options(into);
            }
            _ => orders.options(*kind, options, into),
        }
        Some(())
    }

    /// A Simple Packet Block belongs to the first interface, and has no time.
    fn simple_packet(&self, timestamp: u64, into: &mut Vec<u8>) -> Option<()> {
        let original = self.orders.read_u32(self.body)?;
        let captured = match self.records.interface(0)?.snap_octets {
            0 => original,
            limit => original.min(limit),
        };
        begin(self.orders, *self.numbers.first()?, timestamp, [captured, original], into);
        into.extend(self.body.get(4..4 + captured as usize)?);
        pad(into);
        Some(())
    }

    /// The body of a block that is no frame; `None` if it cannot be written. `corrected` makes times in
    /// nanoseconds those of the output; without it, times stay in the unit of their interface.
    pub fn other(&self, corrected: Option<impl Fn(i64) -> i64>) -> Option<Vec<u8>> {
        let Self { kind, body, orders, .. } = *self;
        let mut into = Vec::with_capacity(body.len());
        match kind {
            INTERFACE_STATISTICS => return self.statistics(corrected),
            NAME_RESOLUTION => orders.names(body, &mut into),
            DECRYPTION_SECRETS => orders.secrets(body, &mut into)?,
            CUSTOM => orders.custom(body, &mut into)?,
            // Its numbers have an order of their own.
            SYSTEMD_JOURNAL => into.extend(body),
            CUSTOM_NOT_COPIED => return None,
            _ if orders.differ() => return None,
            _ => into.extend(body),
        }
        pad(&mut into);
        Some(into)
    }

    /// Interface Statistics, with the times of the output.
    fn statistics(&self, corrected: Option<impl Fn(i64) -> i64>) -> Option<Vec<u8>> {
        let Self { body, orders, .. } = self;
        let interface = orders.read_u32(body)?;
        let described = self.records.interface(interface)?;
        let time = |octets: &[u8]| {
            let timestamp = orders.read_timestamp(octets)?;
            let Some(corrected) = &corrected else { return Some(orders.timestamp(timestamp)) };
            let time_ns = described.statistics_time(timestamp, self.frame_ns);
            Some(orders.timestamp(nanoseconds(corrected(time_ns))))
        };
        let number = orders.u32(*self.numbers.get(interface as usize)?);
        let [high, low] = time(body.get(4..)?)?;
        let mut into = [number, high, low].as_flattened().to_vec();
        for (code, value) in (Options { order: orders.from, octets: body.get(12..)? }) {
            match (code, time(value)) {
                (OPTION_START_TIME | OPTION_END_TIME, Some(time)) => {
                    orders.written_option(code, time.as_flattened(), &mut into);
                }
                _ => orders.option(INTERFACE_STATISTICS, code, value, &mut into),
            }
        }
        orders.end_of_options(&mut into);
        Some(into)
    }
}
