//! From captured octets to TCP segments: [`Capture`] reads a pcap or pcapng file, [`Captures`] several
//! as one, and [`Decoder`] takes single frames from any other source.
//!
//! A file is read once, from the front, through one buffer, which
//! [`follow`](crate::follow) may fill in other threads. Files compressed with gzip or zstd are decompressed on the way. A
//! capture is hostile input: damage costs its own frame, or ends the reading with a
//! [`CaptureWarning`] if the next frame cannot be found, but it never panics. Segments cut by a snap
//! length are normal and no error.
//!
//! Decoded is what Wireshark decodes by default. [Link types](LinkType): Ethernet, Linux cooked (both
//! versions), NULL, LOOP, RAW, PPP, Cisco HDLC, frame relay, IEEE 802.11 (with radiotap, Prism, AVS
//! and PPI headers), FDDI, token ring, ARCNET, NFLOG, PF log, IP over InfiniBand and a few more.
//! Between them and IP: VLAN and other tags, LLC and SNAP, MPLS with Ethernet pseudowires, PPPoE. IPv4
//! and IPv6 with their options and extension headers, reassembled if they are fragmented: the segment
//! then belongs to the frame that completes it. Tunnels: IP in IP, GRE with all its payloads, ERSPAN,
//! EtherIP, VXLAN, Geneve, GTP-U, L2TP, Teredo, AYIYA, LISP. A frame may hold several segments (802.11
//! aggregates): each is returned by itself, with the same frame number. Frames that hold no segment
//! are counted by reason: see [`Capture::skipped`].

mod captures;
mod coverage;
mod decode;
mod disorder;
mod error;
mod fast_path;
mod format;
mod interface;
mod link_type;
mod names;
mod rewrite;
mod skipped;
mod span;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;
use std::path::Path;

use self::decode::layers::{Decoded, Location};
use self::decode::link::interface_index;
use self::disorder::earliest_near;
use self::fast_path::{Wanted, append};
use self::format::buffer::Buffer;
use self::format::pcap::{self, PcapRecords};
use self::format::pcapng::PcapngRecords;
use self::format::record::{FrameRecord, Record};
use self::interface::Interfaces;
use crate::clock::Clock;
use crate::pipeline::batch::Batch;
use crate::wire::TcpHeader;
use crate::{PacketInfo, Segment};

pub(crate) use captures::Origin;
pub use captures::{Captures, FileError, Input};
pub use coverage::Coverage;
pub use decode::frame::{Frame, Packet};
pub use decode::link::UnknownLinkType;
pub use decode::{Decoder, Packets};
pub use disorder::Disorder;
pub(crate) use disorder::Order;
pub use error::{CaptureError, CaptureWarning, Problem};
pub use format::pcapng::MAX_INTERFACES;
pub(crate) use format::read_ahead::ReadAhead;
pub use interface::CaptureInterface;
pub use link_type::LinkType;
pub use rewrite::{Annotate, Merge, MergeError, Merged, MergedFile};
pub use skipped::{IpVersion, Layer, Skipped};

/// Octets of a record at most; a longer one ends the reading with a warning.
pub const MAX_RECORD_OCTETS: usize = 64 * 1024 * 1024;

/// A pcap or pcapng file, read frame by frame.
///
/// ```
/// use dissector_core::capture::{Capture, Skipped};
///
/// // A pcap file (little-endian, microseconds, RAW) with one packet, captured after one second.
/// let mut file = b"\xd4\xc3\xb2\xa1\x02\x00\x04\x00\0\0\0\0\0\0\0\0\xff\xff\0\0\x65\0\0\0".to_vec();
/// file.extend(b"\x01\0\0\0\0\0\0\0\x28\0\0\0\x28\0\0\0");
/// file.extend(b"\x45\0\0\x28\0\x01\0\0\x40\x06\0\0\x0a\0\0\x01\x0a\0\0\x02");
/// file.extend(b"\x9c\x40\0\x35\0\0\0\x07\0\0\0\0\x50\x02\xff\xff\0\0\0\0");
///
/// let mut capture = Capture::new(&file[..])?;
/// let segment = capture.next_segment()?.expect("one segment");
/// assert_eq!(segment.packet.frame, 1);
/// assert_eq!(segment.packet.time_ns, 1_000_000_000);
/// assert_eq!(segment.packet.source.to_string(), "10.0.0.1");
/// assert_eq!(segment.tcp.destination_port, 53);
/// assert_eq!(segment.tcp.flags.to_string(), "SYN");
///
/// assert!(capture.next_segment()?.is_none());
/// assert_eq!(capture.frames(), 1);
/// assert_eq!(capture.skipped().count(), 0);
/// assert_eq!(capture.warning(), None);
/// # Ok::<(), dissector_core::capture::CaptureError>(())
/// ```
#[derive(Debug)]
pub struct Capture<R> {
    buffer: Buffer<R>,
    records: Records,
    /// The last packet on the fast path. It is filled in place, for copies of it would be felt.
    fast: PacketInfo,
    decoder: Decoder,
    frames: u64,
    interfaces: Interfaces,
    clock: Clock,
    order: Order,
    warning: Option<CaptureWarning>,
    finished: bool,
}

/// The records of a file, by format.
#[derive(Debug)]
enum Records {
    Pcap(PcapRecords),
    Pcapng(PcapngRecords),
}

impl Capture<File> {
    /// Opens the capture file at `path`.
    ///
    /// # Errors
    /// Those of [`Capture::new`], and [`CaptureError::Io`] if the file cannot be opened.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CaptureError> {
        Self::new(File::open(path)?)
    }
}

impl<R: Read> Capture<R> {
    /// Reads the file header. `reader` needs no buffer of its own.
    ///
    /// # Errors
    /// [`CaptureError`] if the octets are not those of a pcap or pcapng file, if the file header is
    /// not all there, or if reading fails.
    pub fn new(reader: R) -> Result<Self, CaptureError> {
        let mut buffer = Buffer::new(reader);
        buffer.fill(pcap::HEADER_OCTETS)?;
        buffer.decompress();
        buffer.fill(pcap::HEADER_OCTETS)?;
        let start = buffer.filled();
        if start.is_empty() {
            let compressed = buffer.is_damaged();
            return Err(if compressed { CaptureError::Compressed } else { CaptureError::Empty });
        }
        let mut magic = [0; 4];
        magic.iter_mut().zip(start).for_each(|(to, from)| *to = *from);
        let mut interfaces = Interfaces::default();
        let records = if PcapRecords::recognises(magic) {
            let records = PcapRecords::new(start)?;
            interfaces.describe(CaptureInterface::new(records.link_type()));
            buffer.consume(pcap::HEADER_OCTETS);
            Records::Pcap(records)
        } else if PcapngRecords::recognises(magic) {
            let mut records = PcapngRecords::new();
            start_section(&mut records, &mut buffer, &mut interfaces)?;
            Records::Pcapng(records)
        } else {
            return Err(CaptureError::NotACapture { magic });
        };
        Ok(Self {
            buffer,
            records,
            fast: PacketInfo::new(Ipv4Addr::UNSPECIFIED, Ipv4Addr::UNSPECIFIED, 0),
            // Each frame brings the link type of its interface.
            decoder: Decoder::new(LinkType::NULL),
            frames: 0,
            interfaces,
            clock: Clock::default(),
            order: Order::default(),
            warning: None,
            finished: false,
        })
    }

    /// The next TCP segment, which borrows from the read buffer; `None` at the end. ICMP errors are
    /// passed over.
    ///
    /// `None` may also mean that reading had to stop: then there is a [`warning`](Self::warning).
    ///
    /// # Errors
    /// [`CaptureError::Io`] if the reader fails; after that the capture is at its end.
    #[inline]
    pub fn next_segment(&mut self) -> Result<Option<Segment<'_>>, CaptureError> {
        loop {
            match self.step()? {
                None => return Ok(None),
                Some(Decoded::IcmpError(_)) => {}
                Some(decoded) => {
                    return Ok(match self.packet(&decoded) {
                        Some(Packet::Segment(segment)) => Some(segment),
                        _ => None,
                    });
                }
            }
        }
    }

    /// The next TCP segment, or ICMP error that quotes one; otherwise as
    /// [`next_segment`](Self::next_segment).
    ///
    /// # Errors
    /// [`CaptureError::Io`] if the reader fails; after that the capture is at its end.
    #[inline]
    pub fn next_packet(&mut self) -> Result<Option<Packet<'_>>, CaptureError> {
        let Some(tcp) = self.fast_path() else {
            return Ok(match self.slow_path()? {
                None => None,
                Some(decoded) => self.packet(&decoded),
            });
        };
        Ok(self.fast_packet(tcp))
    }

    /// The segment of the last packet on the fast path.
    #[inline]
    fn fast_packet(&self, tcp: Range<usize>) -> Option<Packet<'_>> {
        let tcp = TcpHeader::parse(&self.buffer.octets()[tcp]).ok()?;
        Some(Packet::Segment(Segment { packet: self.fast, tcp }))
    }

    /// Appends at most `most` segments to `batch`, as those of a file, while each is in a frame for
    /// the fast path, all there, and earlier than `until_ns`; returns how many. The clock of the batch is
    /// that of all captures.
    fn fill(&mut self, file: u32, batch: &mut Batch, most: usize, until_ns: i64) -> usize {
        // Disorder is noted packet by packet, and so are the frames that may be the first.
        if !self.decoder.is_drained()
            || batch.now_ns() < self.order.latest_ns
            || !self.interfaces.begin_before(earliest_near(batch.now_ns()))
        {
            return 0;
        }
        batch.begin_file(file);
        let octets = self.buffer.filled();
        let wanted = Wanted { frame: self.frames + 1, until_ns, most };
        let appended = match &self.records {
            Records::Pcap(records) if records.is_big_endian() => {
                append(batch, octets, &wanted, |it| records.fast::<true>(it))
            }
            Records::Pcap(records) => {
                append(batch, octets, &wanted, |it| records.fast::<false>(it))
            }
            Records::Pcapng(records) => append(batch, octets, &wanted, |it| records.fast(it)),
        };
        self.buffer.consume(appended.octets);
        self.frames += appended.frames as u64;
        if appended.frames > 0 {
            self.order.latest_ns = self.order.latest_ns.max(appended.latest_ns);
            self.clock.turn_to(appended.latest_ns);
            self.interfaces.tell_last(self.frames, appended.latest_ns);
        }
        appended.frames
    }

    /// The packet decoded last, with its octets.
    fn packet(&self, decoded: &Decoded) -> Option<Packet<'_>> {
        self.decoder.packet(decoded, self.buffer.octets())
    }

    /// Goes on to the next packet. The result is no borrow of the buffer, so that the caller may go
    /// on.
    #[inline]
    fn step(&mut self) -> Result<Option<Decoded>, CaptureError> {
        match self.fast_path() {
            Some(tcp) => Ok(Some(Decoded::Segment(self.fast, Location::Frame(tcp)))),
            None => self.slow_path(),
        }
    }

    /// Steps over the next record if the fast path takes its frame, it is all there, and no packet is
    /// left of the frame before; otherwise changes nothing. The packet is in `fast` afterwards;
    /// returns where TCP header and payload lie in the buffer.
    #[inline(never)]
    fn fast_path(&mut self) -> Option<Range<usize>> {
        if !self.decoder.is_drained() {
            return None;
        }
        let octets = self.buffer.filled();
        let (frame, record_octets) = match &self.records {
            Records::Pcap(records) if records.is_big_endian() => records.fast::<true>(octets)?,
            Records::Pcap(records) => records.fast::<false>(octets)?,
            Records::Pcapng(records) => records.fast(octets)?,
        };
        let captured = octets.get(frame.captured.clone())?;
        let tcp = fast_path::segment(&mut self.fast, &frame, captured)?;
        let start = self.buffer.start() + frame.captured.start;
        self.buffer.consume(record_octets);
        self.frames += 1;
        self.fast.frame = self.frames;
        self.interfaces.tell(self.frames, frame.interface, self.fast.time_ns);
        self.clock.tell(self.frames, self.fast.time_ns);
        self.order.note(self.frames, self.fast.time_ns);
        Some(start + tcp.start..start + tcp.end)
    }

    /// Goes on to the next packet, whatever the records and the frames are.
    #[inline(never)]
    fn slow_path(&mut self) -> Result<Option<Decoded>, CaptureError> {
        loop {
            if let Some(decoded) = self.decoder.pop() {
                self.order.note(self.frames, decoded.time_ns());
                return Ok(Some(decoded));
            }
            if let Some(tcp) = self.fast_path() {
                return Ok(Some(Decoded::Segment(self.fast, Location::Frame(tcp))));
            }
            let Some((frame, start)) = self.next_frame()? else { return Ok(None) };
            let start = start + frame.captured.start;
            let captured = &self.buffer.octets()[start..start + frame.captured.len()];
            let decoded = Frame::new(captured, frame.time_ns)
                .with_wire_octets(frame.wire_octets)
                .with_number(self.frames)
                .with_link_type(frame.link_type);
            self.decoder.decode_at(decoded, start);
        }
    }

    /// The clock of the capture: the highest time of all frames so far, in nanoseconds since 1970 UTC;
    /// `i64::MIN` before the first. A time that is more than an hour ahead counts only once the next frame
    /// confirms it.
    pub fn now_ns(&self) -> i64 {
        self.clock.now_ns()
    }

    /// Number of frames so far, which is the number of the last one in Wireshark.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Octets read so far from the reader; compressed ones if the file is compressed.
    pub fn octets_read(&self) -> u64 {
        self.buffer.octets_read()
    }

    /// Why reading stopped before the end of the file; `None` if it did not. All segments returned
    /// are valid.
    pub fn warning(&self) -> Option<&CaptureWarning> {
        self.warning.as_ref()
    }

    /// How far the times of the segments so far go back; `None` if they are in order.
    pub fn disorder(&self) -> Option<Disorder> {
        self.order.disorder()
    }

    /// When the capture was taken and what it missed, as far as it has been read.
    pub fn coverage(&self) -> Coverage {
        self.interfaces.coverage()
    }

    /// The interfaces that the capture has described so far, by number.
    pub fn interfaces(&self) -> impl Iterator<Item = CaptureInterface> {
        self.interfaces.iter()
    }

    /// The number of the interface that the last packet came from; 0 before the first. See
    /// [`interfaces`](Self::interfaces).
    pub fn interface(&self) -> u32 {
        self.interfaces.last
    }

    /// The frames so far that hold no segment, counted by reason.
    pub fn skipped(&self) -> impl Iterator<Item = (Skipped, u64)> {
        self.decoder.skipped()
    }

    /// The names of hosts that a pcapng file has brought along so far, in the order of the file: an address may
    /// have several. They are what the file says, and may hold any letters.
    pub fn names(&self) -> impl Iterator<Item = (IpAddr, &str)> {
        self.interfaces.names.iter()
    }

    /// The time of the next frame, whatever it holds, in nanoseconds since 1970 UTC: of a capture that was
    /// just opened, of the first. `None` if there is none.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn start_ns(mut self) -> Result<Option<i64>, CaptureError> {
        Ok(self.next_frame()?.map(|(frame, _)| frame.time_ns))
    }

    /// Steps over the record of the next frame, and counts it. The record stays in the buffer; returns
    /// its position there too.
    fn next_frame(&mut self) -> Result<Option<(FrameRecord, usize)>, CaptureError> {
        while let Some((record, start)) = self.next_record()? {
            match record {
                Record::Packet { frame, .. } => {
                    let interface = match frame.link_type {
                        LinkType::LINUX_SLL2 => self.interface_by_index(&frame, start),
                        _ => frame.interface,
                    };
                    self.interfaces.tell(self.frames, interface, frame.time_ns);
                    self.clock.tell(self.frames, frame.time_ns);
                    return Ok(Some((frame, start)));
                }
                Record::Numbered { .. } => self.decoder.skipped.add(Skipped::NotAPacket),
                _ => {}
            }
        }
        Ok(None)
    }

    /// Steps over the next record that is whole, which stays in the buffer; returns its position there too.
    fn next_record(&mut self) -> Result<Option<(Record, usize)>, CaptureError> {
        while !self.finished {
            let octets = self.buffer.filled();
            let record = match &mut self.records {
                Records::Pcap(records) => records.next(octets),
                Records::Pcapng(records) => records.next(octets, &mut self.interfaces),
            };
            let octets = match record {
                Record::Packet { octets, .. } | Record::Numbered { octets } => {
                    self.frames += 1;
                    octets
                }
                Record::Silent { octets } => octets,
                Record::Incomplete { required } => {
                    self.read_more(required)?;
                    continue;
                }
                Record::Damaged(problem) => {
                    self.stop(CaptureWarning::Damaged { frames: self.frames, problem });
                    continue;
                }
            };
            let start = self.buffer.start();
            self.buffer.consume(octets);
            return Ok(Some((record, start)));
        }
        Ok(None)
    }

    /// The number of the interface whose index is in a frame of a Linux cooked capture of version 2, whose
    /// record is at `start` in the buffer.
    fn interface_by_index(&mut self, frame: &FrameRecord, start: usize) -> u32 {
        let captured = self.buffer.octets()[start..].get(frame.captured.clone());
        match captured.and_then(interface_index) {
            Some(index) => self.interfaces.of_index(frame.interface, index),
            None => frame.interface,
        }
    }

    /// Reads until `required` octets are there, or finishes.
    #[cold]
    fn read_more(&mut self, required: u64) -> Result<(), CaptureError> {
        let frames = self.frames;
        let Some(within) = usize::try_from(required).ok().filter(|&it| it <= MAX_RECORD_OCTETS)
        else {
            self.stop(CaptureWarning::TooLong { frames, octets: required });
            return Ok(());
        };
        match self.buffer.fill(within) {
            Ok(true) => {}
            Ok(false) if self.buffer.is_damaged() => {
                self.stop(CaptureWarning::Compressed { frames });
            }
            Ok(false) if self.buffer.filled().is_empty() => self.finished = true,
            Ok(false) => self.stop(CaptureWarning::CutShort { frames }),
            Err(error) => {
                self.finished = true;
                return Err(error.into());
            }
        }
        Ok(())
    }

    fn stop(&mut self, warning: CaptureWarning) {
        self.warning = Some(warning);
        self.finished = true;
    }
}

/// Reads the section header that a pcapng file starts with.
fn start_section<R: Read>(
    records: &mut PcapngRecords,
    buffer: &mut Buffer<R>,
    interfaces: &mut Interfaces,
) -> Result<(), CaptureError> {
    loop {
        match records.next(buffer.filled(), interfaces) {
            Record::Incomplete { required } => {
                let required = usize::try_from(required).unwrap_or(usize::MAX);
                if required > MAX_RECORD_OCTETS {
                    return Err(CaptureError::SectionHeader { problem: Problem::BlockLength });
                }
                if !buffer.fill(required)? {
                    let available = buffer.filled().len();
                    return Err(CaptureError::HeaderCut { required, available });
                }
            }
            Record::Damaged(problem) => return Err(CaptureError::SectionHeader { problem }),
            Record::Packet { octets, .. }
            | Record::Numbered { octets }
            | Record::Silent { octets } => {
                buffer.consume(octets);
                return Ok(());
            }
        }
    }
}
