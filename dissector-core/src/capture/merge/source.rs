//! A capture that is merged: its blocks, with the numbers and times of the output.

use std::collections::HashMap;
use std::io::{self, Read, Write};

use nom::number::Endianness;

use super::super::format::pcap::PcapRecords;
use super::super::format::pcapng::{
    BLOCK_START_OCTETS, INTERFACE_DESCRIPTION, OPTION_DESCRIPTION, OPTION_FCS_LENGTH, OPTION_NAME,
    OPTION_OFFSET, OPTION_RESOLUTION, Options, SECTION_HEADER,
};
use super::super::format::record::Record;
use super::super::{Capture, CaptureError, Records};
use super::Point;
use super::byte_order::Orders;
use super::frames::{self, Block};
use super::output::{Described, OPTION_COMMENT, Output};

/// Octets of a block behind its body.
const BLOCK_END_OCTETS: usize = 4;
/// Octets of the body of a section header in front of its options.
const SECTION_FIXED_OCTETS: usize = 16;

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

/// The start of a capture, up to its first frame.
#[derive(Debug, Default)]
pub(super) struct Head {
    /// The byte order, if the file is one of pcapng.
    pub order: Option<Endianness>,
    /// The comments of the section.
    pub comments: Vec<Vec<u8>>,
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
            let comments = Options { order, octets }.filter(|(code, _)| *code == OPTION_COMMENT);
            head.comments = comments.map(|(_, comment)| comment.to_vec()).collect();
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
    /// The index of its point.
    point: usize,
    named: Point,
    /// The header of a pcap file, until its interface has been described.
    pcap: Option<Vec<u8>>,
    /// The numbers in the output of the interfaces that the section has described.
    interfaces: Vec<u32>,
    /// How many of them have this name and link type.
    namesakes: HashMap<(Vec<u8>, u16), usize>,
    /// The body of the next frame's block.
    pub frame: Vec<u8>,
    /// The time of the last frame in the input.
    frame_ns: Option<i64>,
    /// Blocks of unknown kinds that were left out, since their numbers have another byte order.
    pub left_out: u64,
}

impl<R: Read> Source<R> {
    /// Starts with a capture of which nothing but the header has been read.
    pub fn new(capture: Capture<R>, point: usize, named: Point) -> Self {
        let is_pcap = matches!(capture.records, Records::Pcap(_));
        let pcap = is_pcap.then(|| header(&capture).to_vec());
        let (interfaces, namesakes, frame) = (Vec::new(), HashMap::new(), Vec::new());
        Self {
            capture,
            point,
            named,
            pcap,
            interfaces,
            namesakes,
            frame,
            frame_ns: None,
            left_out: 0,
        }
    }

    /// Reads to the next frame, and writes the blocks before it. Returns its time in the output; `None` at
    /// the end of the capture.
    pub fn advance<W: Write>(
        &mut self,
        output: &mut Output<W>,
        correct: impl Fn(usize, i64) -> i64,
    ) -> Result<Option<i64>, Stop> {
        let point = self.point;
        // A frame without a time says 1970.
        let corrected = |time_ns| if time_ns > 0 { correct(point, time_ns) } else { time_ns };
        if let Some(header) = self.pcap.take()
            && let Some(described) = self.described_by_pcap(output, &header)
        {
            self.describe(described, output)?;
        }
        while let Some((record, start)) = self.capture.next_record()? {
            let (frame, octets) = match record {
                Record::Packet { frame, octets } => (Some(frame), octets),
                Record::Numbered { octets } | Record::Silent { octets } => (None, octets),
                _ => continue,
            };
            let record = &self.capture.buffer.octets()[start..start + octets];
            let records = match &self.capture.records {
                Records::Pcapng(records) => records,
                Records::Pcap(records) => {
                    let Some(frame) = frame else { continue };
                    let (time_ns, into) = (corrected(frame.time_ns), &mut self.frame);
                    let orders = output.from(pcap_order(records));
                    frames::of_pcap(orders, &self.interfaces, time_ns, record, into);
                    return Ok(Some(time_ns));
                }
            };
            let orders = output.from(records.order());
            let (kind, body) = (orders.read_u32(record).unwrap_or(0), body(record));
            let (numbers, frame_ns) = (&self.interfaces, self.frame_ns);
            let block = Block { kind, body, orders, records, numbers, frame_ns };
            if let Some(frame) = frame {
                let (time_ns, into) = (corrected(frame.time_ns), &mut self.frame);
                self.frame_ns = Some(frame.time_ns);
                // A block that was read as a frame has all its fields.
                if block.frame(time_ns, into).is_some() {
                    return Ok(Some(time_ns));
                }
                continue;
            }
            match kind {
                // The first one was read with the header.
                SECTION_HEADER => {
                    self.interfaces.clear();
                    self.namesakes.clear();
                }
                INTERFACE_DESCRIPTION => {
                    if let Some(described) = self.described(orders, body) {
                        self.describe(described, output)?;
                    }
                }
                _ => match block.other(corrected) {
                    Some(body) => output.block(kind, &body)?,
                    None => self.left_out += 1,
                },
            }
        }
        Ok(None)
    }

    /// The interface of a pcap file.
    fn described_by_pcap<W: Write>(&self, output: &Output<W>, header: &[u8]) -> Option<Described> {
        let Records::Pcap(records) = &self.capture.records else { return None };
        let orders = output.from(pcap_order(records));
        let snap_octets = orders.read_u32(header.get(16..)?)?;
        let network = orders.read_u32(header.get(20..)?)?;
        let mut options = Vec::new();
        // The upper bits give the octets of frame check sequence, in units of 16 bits.
        if network & 0x0400_0000 != 0 {
            let fcs_octets = (network >> 28) as u8 * 2;
            orders.option(INTERFACE_DESCRIPTION, OPTION_FCS_LENGTH, &[fcs_octets], &mut options);
        }
        Some(Described {
            point: self.point,
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
        for (code, value) in (Options { order: orders.from, octets: body.get(8..)? }) {
            match code {
                OPTION_NAME if name.is_none() => name = Some(value.to_vec()),
                OPTION_DESCRIPTION if description.is_none() => description = Some(value.to_vec()),
                // They are part of the times that are written.
                OPTION_RESOLUTION | OPTION_OFFSET => {}
                _ => orders.option(INTERFACE_DESCRIPTION, code, value, &mut options),
            }
        }
        let name = name.unwrap_or_default();
        let namesakes = self.namesakes.get(&(name.clone(), link_type)).copied();
        Some(Described {
            point: self.point,
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
        let key = (described.name.clone(), described.link_type);
        let Point { name: point, description, several } = &mut self.named;
        let name = match &described.name[..] {
            _ if !*several => point.clone(),
            [] => format!("{point}/{}", self.interfaces.len()),
            name => format!("{point}/{}", String::from_utf8_lossy(name)),
        };
        // Whatever is described next is another interface, or the same again, which has its name.
        *several = true;
        let number = output.interface(described, &name, description.as_deref())?;
        let number = number.ok_or(Stop::TooManyInterfaces)?;
        self.interfaces.push(number);
        *self.namesakes.entry(key).or_default() += 1;
        Ok(())
    }
}

fn pcap_order(records: &PcapRecords) -> Endianness {
    if records.is_big_endian() { Endianness::Big } else { Endianness::Little }
}
