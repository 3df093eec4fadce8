//! The pcapng file format (draft-ietf-opsawg-pcapng).

use nom::bytes::complete::take;
use nom::number::Endianness;
use nom::number::complete::{i64, u16, u32, u64};
use nom::{IResult, Parser};
use pcap_file::pcapng::{PcapNgParseError, PcapNgParser};

use super::clock::Clock;
use super::record::{FrameRecord, Interface, Record};
use crate::capture::coverage::Coverage;
use crate::capture::error::Problem;
use crate::capture::interface::{CaptureInterface, Interfaces};
use crate::capture::link_type::LinkType;

/// Interfaces that a pcapng section may describe; more end the reading with a warning.
pub const MAX_INTERFACES: usize = 65_536;

/// Type of a Section Header Block; it reads the same in both byte orders.
pub(crate) const SECTION_HEADER: u32 = 0x0a0d_0d0a;
pub(crate) const INTERFACE_DESCRIPTION: u32 = 1;
/// The obsolete Packet Block.
pub(crate) const PACKET: u32 = 2;
pub(crate) const SIMPLE_PACKET: u32 = 3;
pub(crate) const NAME_RESOLUTION: u32 = 4;
pub(crate) const INTERFACE_STATISTICS: u32 = 5;
pub(crate) const ENHANCED_PACKET: u32 = 6;
pub(crate) const SYSTEMD_JOURNAL: u32 = 9;
pub(crate) const DECRYPTION_SECRETS: u32 = 10;
pub(crate) const CUSTOM: u32 = 0x0bad;
pub(crate) const CUSTOM_NOT_COPIED: u32 = 0x4000_0bad;
/// Event blocks of Sysdig: plain, with flags, and the second version.
const SYSDIG_EVENTS: [u32; 3] = [0x0204, 0x0216, 0x0221];

pub(crate) const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
/// Octets of type and length, in front of the body.
pub(crate) const BLOCK_START_OCTETS: usize = 8;
/// Octets of a block besides its body: type, length, and the length again.
pub(crate) const BLOCK_FRAME_OCTETS: usize = 12;
/// Octets of a section header without options.
pub(crate) const SECTION_HEADER_OCTETS: usize = 28;

const OPTION_END: u16 = 0;
pub(crate) const OPTION_NAME: u16 = 2;
pub(crate) const OPTION_DESCRIPTION: u16 = 3;
pub(crate) const OPTION_RESOLUTION: u16 = 9;
pub(crate) const OPTION_FCS_LENGTH: u16 = 13;
pub(crate) const OPTION_OFFSET: u16 = 14;
const DEFAULT_RESOLUTION: u8 = 6;
const ETHERNET_FCS_OCTETS: u8 = 4;

/// Options of an Interface Statistics Block.
pub(crate) const OPTION_START_TIME: u16 = 2;
pub(crate) const OPTION_END_TIME: u16 = 3;
const OPTION_RECEIVED: u16 = 4;
const OPTION_INTERFACE_DROPPED: u16 = 5;
const OPTION_SYSTEM_DROPPED: u16 = 7;

/// Octets of a name or a description that are kept.
const MOST_TEXT_OCTETS: usize = 256;

type Parsed<'a, T> = IResult<&'a [u8], T, ()>;

/// Reads the blocks of a pcapng file.
///
/// pcap-file cuts the blocks out. Section headers and interface descriptions are read here: pcap-file
/// refuses unusual ones and stores the rest without a limit.
#[derive(Debug)]
pub(crate) struct PcapngRecords {
    section: Option<Section>,
}

#[derive(Debug)]
struct Section {
    parser: PcapNgParser,
    order: Endianness,
    interfaces: Vec<Interface>,
}

impl PcapngRecords {
    /// True if these are the first octets of a pcapng file.
    pub(crate) fn recognises(magic: [u8; 4]) -> bool {
        u32::from_be_bytes(magic) == SECTION_HEADER
    }

    /// Starts before the first section header.
    pub(crate) fn new() -> Self {
        Self { section: None }
    }

    /// The byte order of the section; big-endian before the first.
    pub(crate) fn order(&self) -> Endianness {
        self.section.as_ref().map_or(Endianness::Big, |section| section.order)
    }

    /// An interface that the section has described.
    pub(crate) fn interface(&self, id: u32) -> Option<&Interface> {
        self.section.as_ref()?.interfaces.get(id as usize)
    }

    /// Reads the block at the start of `octets` if it is an Enhanced Packet Block and all there;
    /// returns the frame and the length of the block.
    #[inline(always)]
    pub(crate) fn fast(&self, octets: &[u8]) -> Option<(FrameRecord, usize)> {
        /// Octets of type, length, and the five numbers in front of the captured octets.
        const START_OCTETS: usize = BLOCK_START_OCTETS + 20;
        let section = self.section.as_ref()?;
        let field = |octets| match section.order {
            Endianness::Big => u32::from_be_bytes(octets),
            _ => u32::from_le_bytes(octets),
        };
        let (fields, _) = octets.first_chunk::<START_OCTETS>()?.as_chunks::<4>();
        let &[kind, length, interface, high, low, captured, original] = fields else {
            return None;
        };
        let (length, captured) = (field(length) as usize, field(captured) as usize);
        if field(kind) != ENHANCED_PACKET || !length.is_multiple_of(4) {
            return None;
        }
        let (_, trailer) = octets.get(..length)?.split_last_chunk::<4>()?;
        let end = START_OCTETS + captured;
        if field(*trailer) as usize != length || end + 4 > length {
            return None;
        }
        let interface = section.interfaces.get(field(interface) as usize)?;
        let timestamp = u64::from(field(high)) << 32 | u64::from(field(low));
        Some((FrameRecord::new(interface, timestamp, START_OCTETS..end, field(original)), length))
    }

    /// Reads the block at the start of `octets`. What it says of an interface goes to `all`.
    pub(crate) fn next(&mut self, octets: &[u8], all: &mut Interfaces) -> Record {
        let Some((&kind, _)) = octets.split_first_chunk() else {
            return Record::Incomplete { required: BLOCK_FRAME_OCTETS as u64 };
        };
        if Self::recognises(kind) {
            all.begin_section();
            return self.start_section(octets).unwrap_or_else(|stop| stop);
        }
        match &mut self.section {
            Some(section) => section.next(octets, all).unwrap_or_else(|stop| stop),
            None => Record::Damaged(Problem::BlockContent),
        }
    }

    /// Reads a section header and forgets the interfaces of the section before it.
    #[cold]
    fn start_section(&mut self, octets: &[u8]) -> Result<Record, Record> {
        let Some(magic) = octets.get(8..12) else {
            return Err(Record::Incomplete { required: SECTION_HEADER_OCTETS as u64 });
        };
        let Some(order) = [Endianness::Big, Endianness::Little]
            .into_iter()
            .find(|order| number(u32(*order), magic) == Some(BYTE_ORDER_MAGIC))
        else {
            return Err(Record::Damaged(Problem::ByteOrder));
        };
        let body = block_body(order, octets)?;
        let (_, (_, major, minor)) =
            (u32(order), u16(order), u16(order)).parse(body).map_err(too_short)?;
        // Some writers say 1.2 and mean 1.0.
        if !matches!((major, minor), (1, 0 | 2)) {
            return Err(Record::Damaged(Problem::Version { major, minor }));
        }
        // Reuse the interfaces' memory: many small sections then cost no allocation each.
        let mut interfaces = self.section.take().map(|section| section.interfaces);
        interfaces.iter_mut().for_each(Vec::clear);
        self.section = Some(Section {
            parser: parser(order).ok_or(Record::Damaged(Problem::BlockContent))?,
            order,
            interfaces: interfaces.unwrap_or_default(),
        });
        Ok(Record::Silent { octets: BLOCK_FRAME_OCTETS + body.len() })
    }
}

impl Section {
    #[inline]
    fn next(&mut self, octets: &[u8], all: &mut Interfaces) -> Result<Record, Record> {
        if number(u32(self.order), octets) == Some(INTERFACE_DESCRIPTION) {
            let body = block_body(self.order, octets)?;
            self.describe_interface(body, all)?;
            return Ok(Record::Silent { octets: BLOCK_FRAME_OCTETS + body.len() });
        }
        let (rest, block) = match self.parser.next_raw_block(octets) {
            Ok(block) => block,
            Err(PcapNgParseError::IncompleteBuffer(..)) => {
                return Err(Record::Incomplete { required: block_octets(self.order, octets) });
            }
            Err(_) => return Err(Record::Damaged(Problem::BlockLength)),
        };
        let octets = octets.len() - rest.len();
        let frame = match block.type_ {
            ENHANCED_PACKET | PACKET => self.packet(block.type_, &block.body)?,
            SIMPLE_PACKET => self.simple_packet(&block.body)?,
            INTERFACE_STATISTICS => {
                self.count(&block.body, all);
                return Ok(Record::Silent { octets });
            }
            NAME_RESOLUTION => {
                all.names.add_block(self.order, &block.body);
                return Ok(Record::Silent { octets });
            }
            SYSTEMD_JOURNAL | CUSTOM | CUSTOM_NOT_COPIED => return Ok(Record::Numbered { octets }),
            kind if SYSDIG_EVENTS.contains(&kind) => return Ok(Record::Numbered { octets }),
            _ => return Ok(Record::Silent { octets }),
        };
        Ok(Record::Packet { frame, octets })
    }

    #[cold]
    fn describe_interface(&mut self, body: &[u8], all: &mut Interfaces) -> Result<(), Record> {
        if self.interfaces.len() == MAX_INTERFACES {
            return Err(Record::Damaged(Problem::TooManyInterfaces));
        }
        let order = self.order;
        let (options, (link_type, _reserved, snap_octets)) =
            (u16(order), u16(order), u32(order)).parse(body).map_err(too_short)?;
        let (mut resolution, mut offset, mut fcs_octets) = (None, None, None);
        let (mut name, mut description) = (None, None);
        // As in Wireshark, the first counts if an option is there twice.
        let options = Options { order, octets: options };
        for (code, value) in options {
            match code {
                OPTION_NAME => name = name.or_else(|| text(value)),
                OPTION_DESCRIPTION => description = description.or_else(|| text(value)),
                OPTION_RESOLUTION => resolution = resolution.or(value.first().copied()),
                OPTION_FCS_LENGTH => fcs_octets = fcs_octets.or(value.first().copied()),
                OPTION_OFFSET => offset = offset.or(number(i64(order), value)),
                _ => {}
            }
        }
        let link_type = LinkType(link_type);
        let ethernet_fcs =
            link_type == LinkType::ETHERNET && fcs_octets == Some(ETHERNET_FCS_OCTETS);
        let interface = CaptureInterface { name, description, ..CaptureInterface::new(link_type) };
        self.interfaces.push(Interface {
            number: all.describe(interface),
            link_type,
            fcs_octets: if ethernet_fcs { ETHERNET_FCS_OCTETS } else { 0 },
            snap_octets,
            clock: Clock::new(resolution.unwrap_or(DEFAULT_RESOLUTION), offset.unwrap_or(0)),
        });
        Ok(())
    }

    /// Interface Statistics. A damaged block says nothing.
    #[cold]
    fn count(&self, body: &[u8], all: &mut Interfaces) {
        let order = self.order;
        let number_of_64_bits = |value| number(u64(order), value);
        let header = (u32::<_, ()>(order), u32(order), u32(order)).parse(body);
        let Ok((options, (interface, _, _))) = header else { return };
        let Some(interface) = self.interfaces.get(interface as usize) else { return };
        // The upper half comes first in both byte orders.
        let time = |value| {
            let (_, (high, low)) = (u32::<_, ()>(order), u32(order)).parse(value).ok()?;
            let timestamp = u64::from(high) << 32 | u64::from(low);
            let time_ns = interface.statistics_time(timestamp, all.last_ns());
            (time_ns > 0 && time_ns < i64::MAX).then_some(time_ns)
        };
        let mut statistics = Coverage::default();
        for (code, value) in (Options { order, octets: options }) {
            match code {
                OPTION_START_TIME => statistics.start_ns = time(value),
                OPTION_END_TIME => statistics.end_ns = time(value),
                OPTION_RECEIVED => statistics.received = number_of_64_bits(value),
                OPTION_INTERFACE_DROPPED | OPTION_SYSTEM_DROPPED => {
                    let dropped = number_of_64_bits(value).unwrap_or(0);
                    statistics.dropped = statistics.dropped.saturating_add(dropped);
                }
                _ => {}
            }
        }
        all.count(interface.number, &statistics);
    }

    /// An Enhanced Packet Block, or the obsolete Packet Block, which has an interface of 16 bits and a
    /// count of drops in its place.
    fn packet(&self, kind: u32, body: &[u8]) -> Result<FrameRecord, Record> {
        let number = || u32::<_, ()>(self.order);
        let (rest, (mut interface, high, low, captured, original)) =
            (number(), number(), number(), number(), number()).parse(body).map_err(too_short)?;
        if kind == PACKET {
            interface = u16::<_, ()>(self.order)(body).map_err(too_short)?.1.into();
        }
        let Some(description) = self.interfaces.get(interface as usize) else {
            return Err(Record::Damaged(Problem::Interface { id: interface }));
        };
        if captured as usize > rest.len() {
            return Err(Record::Damaged(Problem::BlockContent));
        }
        let timestamp = u64::from(high) << 32 | u64::from(low);
        let start = BLOCK_START_OCTETS + body.len() - rest.len();
        Ok(FrameRecord::new(description, timestamp, start..start + captured as usize, original))
    }

    /// A Simple Packet Block belongs to the first interface and has no time. Its captured length
    /// follows from the original length and the snap length.
    fn simple_packet(&self, body: &[u8]) -> Result<FrameRecord, Record> {
        let Some(description) = self.interfaces.first() else {
            return Err(Record::Damaged(Problem::Interface { id: 0 }));
        };
        let (rest, original) = u32::<_, ()>(self.order)(body).map_err(too_short)?;
        let captured = match description.snap_octets {
            0 => original,
            limit => original.min(limit),
        } as usize;
        if captured > rest.len() {
            return Err(Record::Damaged(Problem::BlockContent));
        }
        let start = BLOCK_START_OCTETS + body.len() - rest.len();
        let frame = FrameRecord::new(description, 0, start..start + captured, original);
        Ok(FrameRecord { time_ns: 0, ..frame })
    }
}

/// Options of a block, up to the end or the first that does not fit.
pub(crate) struct Options<'a> {
    pub(crate) order: Endianness,
    pub(crate) octets: &'a [u8],
}

impl<'a> Iterator for Options<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (rest, (code, length)) =
            (u16::<_, ()>(self.order), u16(self.order)).parse(self.octets).ok()?;
        let (padded, value) = take::<_, _, ()>(length).parse(rest).ok()?;
        self.octets = padded.get(usize::from(length).wrapping_neg() % 4..).unwrap_or(&[]);
        (code != OPTION_END).then_some((code, value))
    }
}

/// A text for people, shortened if it is long; `None` if it is empty.
fn text(octets: &[u8]) -> Option<Box<str>> {
    let text = String::from_utf8_lossy(&octets[..octets.len().min(MOST_TEXT_OCTETS)]);
    let text = text.trim_end_matches(char::REPLACEMENT_CHARACTER).replace(char::is_control, "");
    (!text.is_empty()).then(|| text.into())
}

/// The value that `parse` reads at the start of `octets`.
fn number<'a, T>(parse: impl Fn(&'a [u8]) -> Parsed<'a, T>, octets: &'a [u8]) -> Option<T> {
    parse(octets).ok().map(|(_, value)| value)
}

/// Length that the block at the start of `octets` gives for itself, at least that of an empty block: a
/// smaller one is refused when that many octets are there.
#[cold]
fn block_octets(order: Endianness, octets: &[u8]) -> u64 {
    let there = octets.len() >= BLOCK_FRAME_OCTETS;
    let length = octets.get(4..).filter(|_| there);
    let length = length.and_then(|after_type| number(u32(order), after_type));
    u64::from(length.unwrap_or(0)).max(BLOCK_FRAME_OCTETS as u64)
}

/// The body of the block at the start of `octets`, for the blocks that pcap-file does not read.
fn block_body(order: Endianness, octets: &[u8]) -> Result<&[u8], Record> {
    let length = block_octets(order, octets);
    if octets.len() < BLOCK_FRAME_OCTETS || (octets.len() as u64) < length {
        return Err(Record::Incomplete { required: length });
    }
    let (start, end) = octets[..length as usize].split_at(length as usize - 4);
    let written = number(u32(order), end);
    if written != number(u32(order), &start[4..]) || !length.is_multiple_of(4) {
        return Err(Record::Damaged(Problem::BlockLength));
    }
    Ok(&start[BLOCK_START_OCTETS..])
}

/// A parser for sections of this byte order, made from a section header without options: pcap-file
/// refuses headers with options that it cannot read.
fn parser(order: Endianness) -> Option<PcapNgParser> {
    let mut header = [SECTION_HEADER, SECTION_HEADER_OCTETS as u32, BYTE_ORDER_MAGIC]
        .map(|field| match order {
            Endianness::Big => field.to_be_bytes(),
            _ => field.to_le_bytes(),
        })
        .concat();
    header.extend(match order {
        Endianness::Big => [0, 1, 0, 0],
        _ => [1, 0, 0, 0],
    });
    // The length of the section is unknown.
    header.extend([0xff; 8]);
    header.extend_from_within(4..8);
    PcapNgParser::new(&header).ok().map(|(_, parser)| parser)
}

fn too_short(_: nom::Err<()>) -> Record {
    Record::Damaged(Problem::BlockContent)
}
