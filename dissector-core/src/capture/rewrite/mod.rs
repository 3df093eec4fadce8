//! Captures that are written again: those of several points [as one](Merge), or [with comments](Annotate).

mod annotate;
mod byte_order;
mod comments;
mod frames;
mod merge;
mod output;
mod source;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::fs;
use std::io::{self, BufWriter, Read, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use nom::number::Endianness;

use self::output::Output;
use self::source::{Arrangement, Change, Head, Source, Stop};
use super::{Capture, CaptureError, CaptureWarning, FileError, Input, MAX_INTERFACES};

pub use annotate::Annotate;
pub use merge::Merge;

/// Octets that are written at once.
const OUTPUT_OCTETS: usize = 1 << 18;
/// Frames between two calls of the progress callback.
const FRAMES_PER_REPORT: u64 = 1 << 12;

/// What was written.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Merged {
    /// The captures, in the order in which they were given.
    pub files: Vec<MergedFile>,
    /// Whether the stop flag ended the reading.
    pub stopped: bool,
}

/// What was written of one capture.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct MergedFile {
    /// Its frames.
    pub frames: u64,
    /// Why reading stopped before its end.
    pub warning: Option<CaptureWarning>,
    /// Why it could not be read any further.
    pub error: Option<CaptureError>,
    /// Blocks that were left out.
    pub left_out: u64,
}

/// Why captures cannot be written again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// A capture cannot be opened.
    #[error(transparent)]
    Open(#[from] FileError),
    /// The output cannot be written.
    #[error("cannot write the new capture")]
    Write(#[from] io::Error),
    /// There are more than [`MAX_INTERFACES`] interfaces.
    #[error("there are more than {MAX_INTERFACES} interfaces")]
    TooManyInterfaces,
}

type Reader = Box<dyn Read + Send>;
/// Time of a frame, and index of its capture.
type Next = (i64, usize);

/// The captures while they are written.
struct Rewriting<W, C> {
    files: Vec<File>,
    merged: Vec<MergedFile>,
    /// Files not opened yet, by the time of their first frames.
    closed: VecDeque<Next>,
    /// Files whose next frame has been read.
    open: BinaryHeap<Reverse<Next>>,
    output: Output<W>,
    change: C,
}

struct File {
    arrangement: Arrangement,
    state: State,
}

enum State {
    Closed(PathBuf),
    Opened(Box<Capture<Reader>>),
    Reading(Box<Source<Reader>>),
    /// Has given so many octets.
    Finished(u64),
}

/// Opens captures, and reads their starts.
fn opened(inputs: Vec<Input>) -> Result<Vec<(State, Head)>, FileError> {
    let inputs = inputs.into_iter().enumerate();
    inputs.map(|(index, input)| open(input).map_err(|error| FileError { index, error })).collect()
}

/// Opens a capture, and reads its start. A stream may not have any octets yet: its header only is read.
fn open(input: Input) -> Result<(State, Head), CaptureError> {
    Ok(match input {
        Input::File(path) => {
            let head = Head::read(Capture::open(&path)?)?;
            (State::Closed(path), head)
        }
        Input::Reader(reader) => {
            let capture = Capture::new(reader)?;
            let head = Head::of(&capture);
            (State::Opened(Box::new(capture)), head)
        }
    })
}

impl<W: Write, C: Change> Rewriting<BufWriter<W>, C> {
    /// Begins with these captures, and an arrangement for each.
    fn new(
        opened: Vec<(State, Head)>,
        arrangements: impl Iterator<Item = Arrangement>,
        output: W,
        change: C,
    ) -> Self {
        let order = opened.iter().find_map(|(_, head)| head.order).unwrap_or(Endianness::Little);
        let output = Output::new(BufWriter::with_capacity(OUTPUT_OCTETS, output), order);
        let (mut files, mut merged, mut closed) = (Vec::new(), Vec::new(), Vec::new());
        for (index, ((state, head), arrangement)) in
            opened.into_iter().zip(arrangements).enumerate()
        {
            let first_ns = head.first_ns.filter(|first_ns| *first_ns > 0);
            let start_ns = first_ns.map_or(i64::MIN, |first_ns| change.time(index, first_ns));
            closed.push((start_ns, index));
            files.push(File { arrangement, state });
            merged.push(MergedFile::default());
        }
        closed.sort_unstable();
        let (closed, open) = (closed.into(), BinaryHeap::new());
        Self { files, merged, closed, open, output, change }
    }

    /// Writes the header of the only section.
    fn begin(&mut self, options: &[(u16, Vec<u8>)]) -> Result<(), MergeError> {
        Ok(self.output.section(options)?)
    }

    /// Reads the captures to their ends, and writes the new one.
    fn run(
        mut self,
        stop: Option<&AtomicBool>,
        mut progress: Option<Box<dyn FnMut(u64) + '_>>,
    ) -> Result<Merged, MergeError> {
        let (mut stopped, mut frames) = (false, 0_u64);
        while let Some(index) = self.next()? {
            stopped = stop.is_some_and(|stop| stop.load(Ordering::Relaxed));
            if stopped {
                break;
            }
            self.write_frame(index)?;
            self.advance(index)?;
            frames += 1;
            if let Some(progress) = &mut progress
                && frames.is_multiple_of(FRAMES_PER_REPORT)
            {
                progress(self.octets_read());
            }
        }
        self.output.flush()?;
        Ok(Merged { files: self.merged, stopped })
    }

    /// The index of the capture that has the next frame.
    fn next(&mut self) -> Result<Option<usize>, MergeError> {
        // Open every file whose time has come.
        while let Some(&(start, index)) = self.closed.front()
            && self.open.peek().is_none_or(|Reverse(first)| (start, index) <= *first)
        {
            self.closed.pop_front();
            let file = &mut self.files[index];
            let capture = match std::mem::replace(&mut file.state, State::Finished(0)) {
                State::Closed(path) => match fs::File::open(path) {
                    Ok(file) => Capture::new(Box::new(file) as Reader),
                    Err(error) => Err(error.into()),
                },
                State::Opened(capture) => Ok(*capture),
                State::Reading(_) | State::Finished(_) => continue,
            };
            match capture {
                Ok(capture) => {
                    let source = Source::new(capture, index, file.arrangement.clone());
                    file.state = State::Reading(Box::new(source));
                    self.advance(index)?;
                }
                Err(error) => self.merged[index].error = Some(error),
            }
        }
        Ok(self.open.pop().map(|Reverse((_, index))| index))
    }

    /// Reads the next frame of a capture, and writes what is before it.
    fn advance(&mut self, index: usize) -> Result<(), MergeError> {
        let State::Reading(source) = &mut self.files[index].state else { return Ok(()) };
        let error = match source.advance(&mut self.output, &mut self.change) {
            Ok(Some(time_ns)) => {
                self.open.push(Reverse((time_ns, index)));
                return Ok(());
            }
            Ok(None) => None,
            Err(Stop::Read(error)) => Some(error),
            Err(Stop::Write(error)) => return Err(error.into()),
            Err(Stop::TooManyInterfaces) => return Err(MergeError::TooManyInterfaces),
        };
        let merged = &mut self.merged[index];
        merged.error = error;
        merged.warning = source.capture.warning().copied();
        merged.left_out = source.left_out;
        let octets = source.capture.octets_read();
        self.files[index].state = State::Finished(octets);
        Ok(())
    }

    fn write_frame(&mut self, index: usize) -> io::Result<()> {
        let State::Reading(source) = &self.files[index].state else { return Ok(()) };
        self.merged[index].frames += 1;
        self.output.block(source.kind, &source.frame)
    }

    /// Octets read so far.
    fn octets_read(&self) -> u64 {
        let octets_read = |file: &File| match &file.state {
            State::Closed(_) => 0,
            State::Opened(capture) => capture.octets_read(),
            State::Reading(source) => source.capture.octets_read(),
            State::Finished(octets) => *octets,
        };
        self.files.iter().map(octets_read).sum()
    }
}
