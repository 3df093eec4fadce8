//! Several captures as one, in order of time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::net::IpAddr;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use super::decode::layers::Decoded;
use super::disorder::{Disorder, Order};
use super::format::read_ahead::ReadAhead;
use super::interface::Interfaces;
use super::skipped::{Skipped, Tally};
use super::{Capture, CaptureError, CaptureInterface, CaptureWarning, Coverage, Packet};
use crate::clock::Clock;
use crate::pipeline::batch::Batch;

/// Several captures read as one stream, in order of time: rotated files, or files of several
/// interfaces.
///
/// Packets of the same time come in the order in which their files are given. Within a file the order
/// is kept, whatever its times are. A file is open from its first time to its end: of rotated files,
/// only one is open at a time.
///
/// ```no_run
/// use dissector_core::ConnectionTable;
/// use dissector_core::capture::{Captures, Packet};
///
/// let mut table = ConnectionTable::new();
/// let mut captures = Captures::open(["monday.pcap.gz", "tuesday.pcap"])?;
/// while let Some((file, packet)) = captures.next_packet()? {
///     if let Packet::Segment(segment) = packet {
///         println!("file {file}, frame {}", segment.packet.frame);
///         table.observe(&segment);
///     }
/// }
/// # Ok::<(), dissector_core::capture::FileError>(())
/// ```
pub struct Captures {
    files: Vec<Item>,
    /// Files not opened yet, by the time of their first frames.
    closed: VecDeque<Head>,
    /// Open files except the current one, by the time of their pending packets.
    open: BinaryHeap<Reverse<Head>>,
    /// The file that is being read, and the turn of the next one.
    current: Option<(usize, Head)>,
    /// The clock at the last packet. Each file has one of its own, which is ahead of this one as long as
    /// its next packet waits for its turn.
    clock: Clock,
    /// The clocks at the ends of the files that have been read.
    ends: Clock,
}

/// A source of a capture.
#[non_exhaustive]
pub enum Input {
    /// A file. With several, each is opened twice: first to read the time of its first frame.
    File(PathBuf),
    /// A stream, such as standard input.
    Reader(Box<dyn Read + Send>),
}

/// One of several captures cannot be read. Reading continues with the others.
#[derive(Debug, thiserror::Error)]
#[error("capture {}", .index + 1)]
pub struct FileError {
    /// Index of the capture, from 0.
    pub index: usize,
    /// The reason.
    #[source]
    pub error: CaptureError,
}

/// The capture of a packet, and its interface in it.
pub(crate) struct Origin {
    pub capture: usize,
    pub interface: u32,
}

/// Time of a packet, and index of its file.
type Head = (i64, usize);

const NEVER: Head = (i64::MAX, usize::MAX);

enum Item {
    Closed(PathBuf),
    Open(Box<Open>),
    Finished(Box<Summary>),
}

struct Open {
    capture: Capture<Box<dyn Read + Send>>,
    /// The file that is read, if it can be read at any offset.
    file: Option<Arc<File>>,
    pending: Option<Decoded>,
}

/// The counts of a file that has been read.
#[derive(Default)]
struct Summary {
    frames: u64,
    octets_read: u64,
    warning: Option<CaptureWarning>,
    interfaces: Interfaces,
    order: Order,
    skipped: Tally,
}

impl From<PathBuf> for Input {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

impl From<&str> for Input {
    fn from(path: &str) -> Self {
        Self::File(path.into())
    }
}

impl Captures {
    /// Opens the captures. With several files, the start of each is read.
    ///
    /// # Errors
    /// [`FileError`] for the first file that cannot be opened or is no capture.
    pub fn open<I: Into<Input>>(inputs: impl IntoIterator<Item = I>) -> Result<Self, FileError> {
        let inputs: Vec<Input> = inputs.into_iter().map(Into::into).collect();
        let several = inputs.len() > 1;
        let mut captures = Self {
            files: Vec::with_capacity(inputs.len()),
            closed: VecDeque::new(),
            open: BinaryHeap::new(),
            current: None,
            clock: Clock::default(),
            ends: Clock::default(),
        };
        let mut closed = Vec::new();
        for (index, input) in inputs.into_iter().enumerate() {
            let at = |error| FileError { index, error };
            match input {
                Input::File(path) if several => {
                    let start = Capture::open(&path).and_then(Capture::start_ns).map_err(at)?;
                    let start = start.unwrap_or(i64::MIN);
                    closed.push((start, index));
                    captures.files.push(Item::Closed(path));
                }
                Input::File(path) => {
                    captures.files.push(Item::Closed(path));
                    captures.start(index)?;
                }
                Input::Reader(reader) => {
                    let capture = Capture::new(reader).map_err(at)?;
                    captures.files.push(Item::Open(Box::new(Open {
                        capture,
                        file: None,
                        pending: None,
                    })));
                    // A stream may not have any octets yet: its first packet is read on demand.
                    closed.push((i64::MIN, index));
                }
            }
        }
        closed.sort_unstable();
        captures.closed = closed.into();
        Ok(captures)
    }

    /// The next packet of all captures, with the index of its capture.
    ///
    /// # Errors
    /// [`FileError`] if a file cannot be read any more. The next call continues with the others.
    pub fn next_packet(&mut self) -> Result<Option<(usize, Packet<'_>)>, FileError> {
        Ok(self.next_with_clock()?.map(|(origin, packet, _)| (origin.capture, packet)))
    }

    /// The same, with the [clock](Self::now_ns) at the packet, and the interface.
    pub(crate) fn next_with_clock(
        &mut self,
    ) -> Result<Option<(Origin, Packet<'_>, i64)>, FileError> {
        if let Some((index, tcp)) = self.fast_path() {
            let Item::Open(open) = &self.files[index] else { return Ok(None) };
            self.clock.turn_to(open.capture.now_ns());
            let now_ns = self.clock.now_ns();
            let origin = Origin { capture: index, interface: open.capture.interface() };
            return Ok(open.capture.fast_packet(tcp).map(|packet| (origin, packet, now_ns)));
        }
        let Some((index, decoded)) = self.next_decoded()? else { return Ok(None) };
        let Item::Open(open) = &self.files[index] else { return Ok(None) };
        let now_ns = self.clock.now_ns();
        let origin = Origin { capture: index, interface: open.capture.interface() };
        Ok(open.capture.packet(&decoded).map(|packet| (origin, packet, now_ns)))
    }

    /// A handle that prefetches the current file in another thread; `None` while several are open.
    ///
    /// It is for one file: ask again from time to time. It has no influence on the packets.
    pub(crate) fn read_ahead(&mut self) -> Option<ReadAhead> {
        let index = self.only_open()?;
        let Item::Open(only) = &mut self.files[index] else { return None };
        Some(only.capture.buffer.read_ahead(only.file.as_ref()))
    }

    /// Index of the only open file; `None` if none or several are open.
    fn only_open(&self) -> Option<usize> {
        let is_open = |index: &usize| matches!(self.files[*index], Item::Open(_));
        let mut open = (0..self.files.len()).filter(is_open);
        open.next().filter(|_| open.next().is_none())
    }

    /// Appends at most `most` packets to `batch`, with the index of their capture as file; `false` at
    /// the end. There may be fewer while another thread [reads ahead](Self::read_ahead) and has not
    /// read the next block yet.
    ///
    /// # Errors
    /// [`FileError`] if a file cannot be read any more. The next call continues with the others.
    pub(crate) fn fill(&mut self, batch: &mut Batch, most: usize) -> Result<bool, FileError> {
        let end = batch.len() + most;
        batch.turn_clock(self.clock.now_ns());
        let more = self.fill_up_to(end, batch);
        self.clock.turn_to(batch.now_ns());
        more
    }

    /// The same, up to a length of the batch.
    fn fill_up_to(&mut self, end: usize, batch: &mut Batch) -> Result<bool, FileError> {
        while batch.len() < end {
            if let Some((index, (until_ns, _))) = self.current
                && let Item::Open(open) = &mut self.files[index]
                && open.capture.fill(index as u32, batch, end - batch.len(), until_ns) > 0
            {
                continue;
            }
            if self.waits() {
                return Ok(true);
            }
            self.clock.turn_to(batch.now_ns());
            let Some((index, decoded)) = self.next_decoded()? else { return Ok(false) };
            batch.turn_clock(self.clock.now_ns());
            let Item::Open(open) = &self.files[index] else { return Ok(false) };
            match open.capture.packet(&decoded) {
                Some(Packet::Segment(segment)) => batch.push_segment(index as u32, &segment),
                Some(Packet::IcmpError(error)) => batch.push_icmp(index as u32, &error),
                _ => {}
            }
        }
        Ok(true)
    }

    /// True if the current file has to wait for another thread that reads ahead. No thread does after
    /// another file has been opened.
    fn waits(&self) -> bool {
        let Some((index, _)) = self.current else { return false };
        matches!(&self.files[index], Item::Open(open) if open.capture.buffer.waits())
            && self.only_open() == Some(index)
    }

    /// Goes on to the next segment if no other file has its turn before the current one ends, and if
    /// the fast path takes the frame.
    #[inline]
    fn fast_path(&mut self) -> Option<(usize, Range<usize>)> {
        let (index, _) = self.current.filter(|(_, limit)| *limit == NEVER)?;
        let Item::Open(open) = &mut self.files[index] else { return None };
        open.capture.fast_path().map(|tcp| (index, tcp))
    }

    /// Goes on to the next packet, and turns the clock.
    fn next_decoded(&mut self) -> Result<Option<(usize, Decoded)>, FileError> {
        let next = self.step()?;
        match &next {
            Some((index, decoded)) => {
                if let Item::Open(open) = &self.files[*index] {
                    self.clock.turn_to(open.capture.now_ns());
                }
                // Where it is no leap for the other files, it is none.
                if !self.clock.leaps_to(decoded.time_ns()) {
                    self.clock.turn_to(decoded.time_ns());
                }
            }
            None => self.clock.turn_to(self.ends.now_ns()),
        }
        Ok(next)
    }

    /// Goes on to the next packet.
    fn step(&mut self) -> Result<Option<(usize, Decoded)>, FileError> {
        if let Some((index, limit)) = self.current
            && let Some(decoded) = self.advance(index)?
        {
            if (decoded.time_ns(), index) <= limit {
                return Ok(Some((index, decoded)));
            }
            self.keep(index, decoded);
        }
        // This file has to wait for its turn even if one of the next cannot be opened.
        self.current = None;
        // Open every file whose time has come, and put its first packet aside.
        while let Some(&(start, index)) = self.closed.front()
            && self.open.peek().is_none_or(|Reverse(first)| (start, index) <= *first)
        {
            self.closed.pop_front();
            if self.ends.now_ns() <= start {
                self.clock.turn_to(self.ends.now_ns());
            }
            self.start(index)?;
        }
        let Some(Reverse((_, index))) = self.open.pop() else { return Ok(None) };
        let waiting = self.open.peek().map_or(NEVER, |Reverse(first)| *first);
        let closed = self.closed.front().copied().unwrap_or(NEVER);
        self.current = Some((index, waiting.min(closed)));
        let Item::Open(open) = &mut self.files[index] else { return Ok(None) };
        Ok(open.pending.take().map(|decoded| (index, decoded)))
    }

    /// Opens a file, and puts its first packet aside.
    fn start(&mut self, index: usize) -> Result<(), FileError> {
        let clock = self.clock;
        if let Item::Closed(path) = &self.files[index] {
            let open = || {
                let file = Arc::new(File::open(path)?);
                let is_file = file.metadata().is_ok_and(|metadata| metadata.is_file());
                let reader: Box<dyn Read + Send> = Box::new(Arc::clone(&file));
                let mut capture = Capture::new(reader)?;
                // The first frame may be a leap, too.
                capture.clock = clock;
                Ok::<_, CaptureError>(Open {
                    capture,
                    file: is_file.then_some(file),
                    pending: None,
                })
            };
            match open() {
                Ok(open) => self.files[index] = Item::Open(Box::new(open)),
                Err(error) => {
                    self.files[index] = Item::Finished(Box::default());
                    return Err(FileError { index, error });
                }
            }
        }
        if let Some(decoded) = self.advance(index)? {
            self.keep(index, decoded);
        }
        Ok(())
    }

    fn keep(&mut self, index: usize, decoded: Decoded) {
        if let Item::Open(open) = &mut self.files[index] {
            self.open.push(Reverse((decoded.time_ns(), index)));
            open.pending = Some(decoded);
        }
    }

    /// The next packet of one file, which is closed at its end.
    #[inline]
    fn advance(&mut self, index: usize) -> Result<Option<Decoded>, FileError> {
        let Item::Open(open) = &mut self.files[index] else { return Ok(None) };
        let error = match open.capture.step() {
            Ok(Some(decoded)) => return Ok(Some(decoded)),
            Ok(None) => None,
            Err(error) => Some(FileError { index, error }),
        };
        self.finish(index);
        error.map_or(Ok(None), Err)
    }

    #[cold]
    fn finish(&mut self, index: usize) {
        self.current = None;
        let finished = Item::Finished(Box::default());
        if let Item::Open(open) = std::mem::replace(&mut self.files[index], finished) {
            let octets_read = open.capture.octets_read();
            self.ends.turn_to(open.capture.now_ns());
            let Capture { frames, warning, interfaces, order, decoder, .. } = open.capture;
            let skipped = decoder.skipped;
            let summary = Summary { frames, octets_read, warning, interfaces, order, skipped };
            self.files[index] = Item::Finished(Box::new(summary));
        }
    }

    /// The clock: the highest time of all frames up to the last packet, or to the end once there is no
    /// further packet. See [`Capture::now_ns`].
    pub fn now_ns(&self) -> i64 {
        self.clock.now_ns()
    }

    /// Number of captures.
    pub fn count(&self) -> usize {
        self.files.len()
    }

    /// Frames read so far of the capture with this index: see [`Capture::frames`].
    ///
    /// # Panics
    /// If `index` is not below [`count`](Self::count). The methods below panic likewise.
    pub fn frames(&self, index: usize) -> u64 {
        match &self.files[index] {
            Item::Closed(_) => 0,
            Item::Open(open) => open.capture.frames(),
            Item::Finished(summary) => summary.frames,
        }
    }

    /// Why reading the capture with this index stopped before its end: see [`Capture::warning`].
    pub fn warning(&self, index: usize) -> Option<&CaptureWarning> {
        match &self.files[index] {
            Item::Closed(_) => None,
            Item::Open(open) => open.capture.warning(),
            Item::Finished(summary) => summary.warning.as_ref(),
        }
    }

    /// How far the times in the capture with this index go back: see [`Capture::disorder`].
    pub fn disorder(&self, index: usize) -> Option<Disorder> {
        match &self.files[index] {
            Item::Closed(_) => None,
            Item::Open(open) => open.capture.disorder(),
            Item::Finished(summary) => summary.order.disorder(),
        }
    }

    /// When the capture with this index was taken and what it missed: see [`Capture::coverage`].
    pub fn coverage(&self, index: usize) -> Coverage {
        self.interfaces_of(index).map(Interfaces::coverage).unwrap_or_default()
    }

    /// The interfaces that the capture with this index has described so far: see
    /// [`Capture::interfaces`].
    pub fn interfaces(&self, index: usize) -> impl Iterator<Item = CaptureInterface> {
        self.interfaces_of(index).into_iter().flat_map(Interfaces::iter)
    }

    /// The names of hosts that the capture with this index has brought along so far: see
    /// [`Capture::names`].
    pub fn names(&self, index: usize) -> impl Iterator<Item = (IpAddr, &str)> {
        self.interfaces_of(index).into_iter().flat_map(|interfaces| interfaces.names.iter())
    }

    fn interfaces_of(&self, index: usize) -> Option<&Interfaces> {
        match &self.files[index] {
            Item::Closed(_) => None,
            Item::Open(open) => Some(&open.capture.interfaces),
            Item::Finished(summary) => Some(&summary.interfaces),
        }
    }

    /// The frames of the capture with this index that hold no segment: see [`Capture::skipped`].
    pub fn skipped(&self, index: usize) -> impl Iterator<Item = (Skipped, u64)> {
        let tally = match &self.files[index] {
            Item::Closed(_) => None,
            Item::Open(open) => Some(&open.capture.decoder.skipped),
            Item::Finished(summary) => Some(&summary.skipped),
        };
        tally.into_iter().flat_map(Tally::iter)
    }

    /// Octets read so far from all captures; compressed ones if a file is compressed.
    pub fn octets_read(&self) -> u64 {
        let octets_read = |file: &Item| match file {
            Item::Closed(_) => 0,
            Item::Open(open) => open.capture.octets_read(),
            Item::Finished(summary) => summary.octets_read,
        };
        self.files.iter().map(octets_read).sum()
    }
}

impl fmt::Debug for Captures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Captures")
            .field("count", &self.count())
            .field("closed", &self.closed)
            .field("open", &self.open)
            .field("current", &self.current)
            .finish_non_exhaustive()
    }
}
