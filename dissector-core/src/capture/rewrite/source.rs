//! A capture that is rewritten: its blocks, with the numbers and times of the output.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::ops::Range;

use nom::number::Endianness;

use super::super::format::pcap::PcapRecords;
use super::super::format::pcapng::{
    BLOCK_START_OCTETS, CUSTOM_NOT_COPIED, ENHANCED_PACKET, INTERFACE_DESCRIPTION,
    OPTION_DESCRIPTION, OPTION_FCS_LENGTH, OPTION_NAME, OPTION_OFFSET, OPTION_RESOLUTION, Options,
    PACKET, SECTION_HEADER, SIMPLE_PACKET,
};
use super::super::format::record::{FrameRecord, Record};
use super::super::{Capture, CaptureError, Records};
use super::byte_order::Orders;
use super::comments;
use super::frames::{self, Block, nanoseconds};
use super::output::{Described, NANOSECONDS, OPTION_APPLICATION, Output};

/// Octets of a block behind its body.
const BLOCK_END_OCTETS: usize = 4;
/// Octets of the body of a section header in front of its options.
const SECTION_FIXED_OCTETS: usize = 16;
const NANOSECONDS_PER_MICROSECOND: u64 = 1_000;

/// Why a capture is read no further.
#[derive(Debug)]
pub(super) enum Stop {
    Read(CaptureError),
    Write(io::Error),
    TooManyInterfaces,
}

impl From<CaptureError> for Stop {
    fn from(error: CaptureError) -> Self {
        Self::Read(error)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

/// A point of capture, as the output names it.
#[derive(Clone, Debug, Default)]
pub(super) struct Point {
    /// Its index.
    pub index: usize,
    pub name: String,
    pub description: Option<String>,
    /// Whether its interfaces need names of their own.
    pub several: bool,
}

/// How the output arranges a capture.
#[derive(Clone, Debug)]
pub(super) enum Arrangement {
    /// One section. Interfaces have the names of points, and times are in nanoseconds.
    Points(Point),
    /// One section. Interfaces are as the capture describes them, and times in their units.
    OneSection,
    /// Every section is like that of the capture, with the same interfaces.
    SameSections,
}

/// What happens to frames on their way to the output.
pub(super) trait Change {
    /// The time of a frame in the output, by the time in this capture.
    fn time(&self, capture: usize, time_ns: i64) -> i64;

    /// Adds the comments for a frame of this capture to `texts`.
    ///
    /// # Errors
    /// Those of reading the comments.
    fn comments(&mut self, capture: usize, frame: u64, texts: &mut Vec<String>) -> io::Result<()>;

    /// How comments begin that are replaced; `None` if all stay as they are.
    fn mark(&self) -> Option<&str>;
}

/// The start of a capture, up to its first frame.
#[derive(Debug, Default)]
pub(super) struct Head {
    /// The byte order, if the file is one of pcapng.
    pub order: Option<Endianness>,
    /// The options of the section, except those of other enterprises.
    pub options: Vec<(u16, Vec<u8>)>,
    /// The number of interfaces.
    pub interfaces: usize,
    /// The time of the first frame, if there is one.
    pub first_ns: Option<i64>,
}

impl Head {
    /// Reads the start of a capture of which nothing but the header has been read.
    pub fn of<R: Read>(capture: &Capture<R>) -> Self {
        let mut head = Self::default();
        if let Records::Pcapng(records) = &capture.records {
            let order = records.order();
            head.order = Some(order);
            let octets = body(header(capture)).get(SECTION_FIXED_OCTETS..).unwrap_or(&[]);
            let options = Options { order, octets }.filter(|(code, _)| *code <= OPTION_APPLICATION);
            head.options = options.map(|(code, value)| (code, value.to_vec())).collect();
        }
        head
    }

    /// Reads on to the first frame.
    pub fn read<R: Read>(mut capture: Capture<R>) -> Result<Self, CaptureError> {
        let mut head = Self::of(&capture);
        while let Some((record, _)) = capture.next_record()? {
            if let Record::Packet { frame, .. } = record {
                head.first_ns = Some(frame.time_ns);
                break;
            }
        }
        head.interfaces = capture.interfaces().count();
        Ok(head)
    }
}

/// The octets of the header of a capture of which nothing else has been read.
fn header<R: Read>(capture: &Capture<R>) -> &[u8] {
    &capture.buffer.octets()[..capture.buffer.start()]
}

/// The body of a whole block.
fn body(block: &[u8]) -> &[u8] {
    let end = block.len().saturating_sub(BLOCK_END_OCTETS);
    block.get(BLOCK_START_OCTETS..end).unwrap_or(&[])
}

/// A capture that is being read.
pub(super) struct Source<R> {
    pub capture: Capture<R>,
    /// The index of the capture.
    index: usize,
    arrangement: Arrangement,
    /// The header of the file, until it has been written.
    header: Option<Vec<u8>>,
    /// The numbers in the output of the interfaces that the section has described.
    interfaces: Vec<u32>,
    /// How many of them have this description, or name, and this link type.
    namesakes: HashMap<(Vec<u8>, u16), usize>,
    /// The type of the next frame's block.
    pub kind: u32,
    /// The body of the next frame's block.
    pub frame: Vec<u8>,
    /// The time of the last frame in the input.
    frame_ns: Option<i64>,
    /// Comments for the next frame.
    texts: Vec<String>,
    /// Blocks of unknown kinds that were left out, since their numbers have another byte order.
    pub left_out: u64,
}

impl<R: Read> Source<R> {
    /// Starts with a capture of which nothing but the header has been read.
    pub fn new(capture: Capture<R>, index: usize, arrangement: Arrangement) -> Self {
        let header = Some(header(&capture).to_vec());
        let (interfaces, namesakes) = (Vec::new(), HashMap::new());
        let (frame, texts) = (Vec::new(), Vec::new());
        Self {
            capture,
            index,
            arrangement,
            header,
            interfaces,
            namesakes,
            kind: ENHANCED_PACKET,
            frame,
            frame_ns: None,
            texts,
            left_out: 0,
        }
    }

    /// Reads to the next frame, and writes the blocks before it. Returns its time in the output; `None` at
    /// the end of the capture.
    pub fn advance<W: Write>(
        &mut self,
        output: &mut Output<W>,
        change: &mut impl Change,
    ) -> Result<Option<i64>, Stop> {
        if let Some(header) = self.header.take() {
            self.begin(&header, output)?;
        }
        while let Some((record, start)) = self.capture.next_record()? {
            let octets = match record {
                Record::Packet { frame, octets } => {
                    if let Some(time_ns) =
                        self.frame(&frame, start..start + octets, output, change)?
                    {
                        return Ok(Some(time_ns));
                    }
                    continue;
                }
                Record::Numbered { octets } | Record::Silent { octets } => octets,
                _ => continue,
            };
            let Records::Pcapng(records) = &self.capture.records else { continue };
            let block = &self.capture.buffer.octets()[start..start + octets];
            let orders = output.from(records.order());
            let (kind, body) = (orders.read_u32(block).unwrap_or(0), body(block));
            let is_same = matches!(self.arrangement, Arrangement::SameSections);
            match kind {
                // The first one was read with the header.
                SECTION_HEADER => {
                    self.interfaces.clear();
                    self.namesakes.clear();
                    if is_same {
                        output.same_section(records.order(), body)?;
                    }
                }
                INTERFACE_DESCRIPTION if is_same => {
                    output.block(kind, body)?;
                    self.interfaces.push(self.interfaces.len() as u32);
                }
                INTERFACE_DESCRIPTION => {
                    if let Some(described) = self.described(orders, body) {
                        self.describe(described, output)?;
                    }
                }
                CUSTOM_NOT_COPIED => self.left_out += 1,
                _ if is_same => output.block(kind, body)?,
                _ => {
                    let (numbers, frame_ns) = (&self.interfaces, self.frame_ns);
                    let block = Block { kind, body, orders, records, numbers, frame_ns };
                    let is_corrected = matches!(self.arrangement, Arrangement::Points(_));
                    let corrected = |time_ns| corrected(change, self.index, time_ns);
                    match block.other(is_corrected.then_some(corrected)) {
                        Some(body) => output.block(kind, &body)?,
                        None => self.left_out += 1,
                    }
                }
            }
        }
        Ok(None)
    }

    /// Writes the header of a section that is kept, and describes the interface of a pcap file.
    fn begin<W: Write>(&mut self, header: &[u8], output: &mut Output<W>) -> Result<(), Stop> {
        let is_same = matches!(self.arrangement, Arrangement::SameSections);
        match &self.capture.records {
            Records::Pcap(records) => {
                let orders = output.from(pcap_order(records));
                match self.described_by_pcap(orders, header) {
                    Some(described) => self.describe(described, output),
                    None => Ok(()),
                }
            }
            Records::Pcapng(records) if is_same => {
                Ok(output.same_section(records.order(), body(header))?)
            }
            Records::Pcapng(_) => Ok(()),
        }
    }

    /// Makes the block of a frame, whose record lies at `record` in the buffer. Returns its time in the
    /// output.
    fn frame<W: Write>(
        &mut self,
        frame: &FrameRecord,
        record: Range<usize>,
        output: &Output<W>,
        change: &mut impl Change,
    ) -> Result<Option<i64>, Stop> {
        let time_ns = corrected(change, self.index, frame.time_ns);
        self.texts.clear();
        change.comments(self.index, self.capture.frames(), &mut self.texts)?;
        let keeps_times = !matches!(self.arrangement, Arrangement::Points(_));
        let record = &self.capture.buffer.octets()[record];
        let into = &mut self.frame;
        self.kind = ENHANCED_PACKET;
        match &self.capture.records {
            Records::Pcap(records) => {
                let unit_ns = if keeps_times { records.unit_ns() } else { 1 };
                let timestamp = nanoseconds(time_ns) / unit_ns;
                let orders = output.from(pcap_order(records));
                frames::of_pcap(orders, &self.interfaces, timestamp, record, into);
            }
            Records::Pcapng(records) => {
                let orders = output.from(records.order());
                let (kind, body) = (orders.read_u32(record).unwrap_or(0), body(record));
                let (numbers, frame_ns) = (&self.interfaces, self.frame_ns);
                let block = Block { kind, body, orders, records, numbers, frame_ns };
                self.frame_ns = Some(frame.time_ns);
                let is_same = matches!(self.arrangement, Arrangement::SameSections);
                // A Simple Packet Block has no room for comments.
                if is_same && (kind != SIMPLE_PACKET || self.texts.is_empty()) {
                    self.kind = kind;
                    into.clear();
                    into.extend(body);
                } else {
                    let timestamp =
                        if keeps_times { block.timestamp() } else { nanoseconds(time_ns) };
                    // A block that was read as a frame has all its fields.
                    if block.frame(timestamp, into).is_none() {
                        return Ok(None);
                    }
                }
            }
        }
        if let Some(mark) = change.mark()
            && matches!(self.kind, ENHANCED_PACKET | PACKET)
        {
            comments::replace(output.from(output.order), into, mark, &self.texts);
        }
        Ok(Some(time_ns))
    }

    /// The interface of a pcap file.
    fn described_by_pcap(&self, orders: Orders, header: &[u8]) -> Option<Described> {
        let Records::Pcap(records) = &self.capture.records else { return None };
        let snap_octets = orders.read_u32(header.get(16..)?)?;
        let network = orders.read_u32(header.get(20..)?)?;
        let mut options = Vec::new();
        let mut option =
            |code, value| orders.option(INTERFACE_DESCRIPTION, code, &[value], &mut options);
        if !matches!(self.arrangement, Arrangement::Points(_))
            && records.unit_ns() < NANOSECONDS_PER_MICROSECOND
        {
            option(OPTION_RESOLUTION, NANOSECONDS);
        }
        // The upper bits give the octets of frame check sequence, in units of 16 bits.
        if network & 0x0400_0000 != 0 {
            option(OPTION_FCS_LENGTH, (network >> 28) as u8 * 2);
        }
        Some(Described {
            point: self.point(),
            namesakes: 0,
            name: Vec::new(),
            description: Vec::new(),
            link_type: network as u16,
            snap_octets,
            options,
        })
    }

    /// Reads an Interface Description Block; `None` if it is too short, which ends the reading anyway.
    fn described(&self, orders: Orders, body: &[u8]) -> Option<Described> {
        let link_type = orders.read_u16(body)?;
        let snap_octets = orders.read_u32(body.get(4..)?)?;
        let (mut name, mut description, mut options) = (None, None, Vec::new());
        let is_named = matches!(self.arrangement, Arrangement::Points(_));
        for (code, value) in (Options { order: orders.from, octets: body.get(8..)? }) {
            match code {
                OPTION_NAME if is_named && name.is_none() => name = Some(value.to_vec()),
                OPTION_DESCRIPTION if is_named && description.is_none() => {
                    description = Some(value.to_vec());
                }
                // They are part of the times that are written.
                OPTION_RESOLUTION | OPTION_OFFSET if is_named => {}
                _ => orders.option(INTERFACE_DESCRIPTION, code, value, &mut options),
            }
        }
        let name = name.unwrap_or_default();
        let alike = if is_named { &name } else { &options };
        let namesakes = self.namesakes.get(&(alike.clone(), link_type)).copied();
        Some(Described {
            point: self.point(),
            namesakes: namesakes.unwrap_or(0),
            name,
            description: description.unwrap_or_default(),
            link_type,
            snap_octets,
            options,
        })
    }

    /// Describes the next interface of the section in the output.
    fn describe<W: Write>(
        &mut self,
        described: Described,
        output: &mut Output<W>,
    ) -> Result<(), Stop> {
        let (key, number) = match &mut self.arrangement {
            Arrangement::Points(Point { name: point, description, several, .. }) => {
                let name = match &described.name[..] {
                    _ if !*several => point.clone(),
                    [] => format!("{point}/{}", self.interfaces.len()),
                    name => format!("{point}/{}", String::from_utf8_lossy(name)),
                };
                // Whatever is described next is another interface, or the same again, which has its name.
                *several = true;
                let key = (described.name.clone(), described.link_type);
                (key, output.interface(described, Some((&name, description.as_deref())))?)
            }
            Arrangement::OneSection | Arrangement::SameSections => {
                let key = (described.options.clone(), described.link_type);
                (key, output.interface(described, None)?)
            }
        };
        self.interfaces.push(number.ok_or(Stop::TooManyInterfaces)?);
        *self.namesakes.entry(key).or_default() += 1;
        Ok(())
    }

    /// The index of the point.
    fn point(&self) -> usize {
        match &self.arrangement {
            Arrangement::Points(point) => point.index,
            Arrangement::OneSection | Arrangement::SameSections => 0,
        }
    }
}

/// The time of a frame in the output. A frame without a time says 1970.
fn corrected(change: &impl Change, capture: usize, time_ns: i64) -> i64 {
    if time_ns > 0 { change.time(capture, time_ns) } else { time_ns }
}

fn pcap_order(records: &PcapRecords) -> Endianness {
    if records.is_big_endian() { Endianness::Big } else { Endianness::Little }
}
