//! Captures of several points as one file, in order of time.

mod byte_order;
mod frames;
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
use self::source::{Head, Source, Stop};
use super::format::pcapng::ENHANCED_PACKET;
use super::{Capture, CaptureError, CaptureWarning, FileError, Input, MAX_INTERFACES};

/// Octets that are written at once.
const OUTPUT_OCTETS: usize = 1 << 18;
/// Frames between two calls of the progress callback.
const FRAMES_PER_REPORT: u64 = 1 << 12;

/// Writes captures of several points as one pcapng file, in order of time.
///
/// Each point is an interface of the file that has its name; what that was called in the capture becomes its
/// description. A point with several interfaces, or link types, has one of each, named `POINT/INTERFACE`.
/// Nothing else of the frames, their options and their comments is changed but the times, which may be
/// corrected; names, secrets and statistics are kept. Within a file the order is kept, whatever its times are.
/// Custom blocks that say so are not copied, nor are blocks of unknown kinds from a section whose byte order is
/// not that of the output.
///
/// ```
/// use dissector_core::capture::{Capture, Merge};
///
/// let sample = "../samples/no-reply.pcapng";
/// let mut file = Vec::new();
/// let merged = Merge::new("example 1.0")
///     .point("client", [sample])
///     .point("server", [sample])
///     // The clock of the server is two seconds ahead.
///     .write(&mut file, |point, time_ns| time_ns - point as i64 * 2_000_000_000)?;
/// assert!(merged.files.iter().all(|file| file.error.is_none() && file.warning.is_none()));
///
/// let mut capture = Capture::new(&file[..])?;
/// while capture.next_packet()?.is_some() {}
/// assert_eq!(capture.frames(), merged.files.iter().map(|file| file.frames).sum());
/// // The server's first frame is the first of all.
/// let names: Vec<_> = capture.interfaces().filter_map(|it| it.name).collect();
/// assert_eq!(names, ["server".into(), "client".into()]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub struct Merge<'a> {
    application: String,
    points: Vec<Point>,
    /// The captures, with the indexes of their points.
    inputs: Vec<(usize, Input)>,
    stop: Option<&'a AtomicBool>,
    progress: Option<Box<dyn FnMut(u64) + 'a>>,
}

/// What the output says of a point.
#[derive(Clone, Debug, Default)]
struct Point {
    name: String,
    description: Option<String>,
    /// Whether its interfaces need names of their own.
    several: bool,
}

/// What was merged.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Merged {
    /// The captures, in the order in which they were given.
    pub files: Vec<MergedFile>,
    /// Whether [`Merge::with_stop`] ended the reading.
    pub stopped: bool,
}

/// What was merged of one capture.
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

/// Why captures cannot be merged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// A capture cannot be opened.
    #[error(transparent)]
    Open(#[from] FileError),
    /// The output cannot be written.
    #[error("cannot write the merged capture")]
    Write(#[from] io::Error),
    /// There are more than [`MAX_INTERFACES`] interfaces.
    #[error("there are more than {MAX_INTERFACES} interfaces")]
    TooManyInterfaces,
}

type Reader = Box<dyn Read + Send>;
/// Time of a frame, and index of its capture.
type Next = (i64, usize);

/// The captures while they are merged.
struct Merging<W> {
    files: Vec<File>,
    merged: Vec<MergedFile>,
    /// Files not opened yet, by the time of their first frames.
    closed: VecDeque<Next>,
    /// Files whose next frame has been read.
    open: BinaryHeap<Reverse<Next>>,
    output: Output<W>,
}

struct File {
    point: usize,
    state: State,
}

enum State {
    Closed(PathBuf),
    Opened(Box<Capture<Reader>>),
    Reading(Box<Source<Reader>>),
    /// Has given so many octets.
    Finished(u64),
}

impl<'a> Merge<'a> {
    /// Begins with no points. The output says that `application` wrote it.
    pub fn new(application: impl Into<String>) -> Self {
        let (application, points, inputs) = (application.into(), Vec::new(), Vec::new());
        Self { application, points, inputs, stop: None, progress: None }
    }

    /// Adds a point with its captures: rotated files, or only one.
    pub fn point<I: Into<Input>>(
        mut self,
        name: impl Into<String>,
        inputs: impl IntoIterator<Item = I>,
    ) -> Self {
        let point = self.points.len();
        self.points.push(Point { name: name.into(), ..Point::default() });
        self.inputs.extend(inputs.into_iter().map(|input| (point, input.into())));
        self
    }

    /// Describes the interfaces of the point that was added last. What their captures say of them becomes a
    /// comment.
    pub fn described(mut self, description: impl Into<String>) -> Self {
        if let Some(point) = self.points.last_mut() {
            point.description = Some(description.into());
        }
        self
    }

    /// Ends the merging once `stop` is true. The output is a whole capture then, too.
    pub fn with_stop(self, stop: &'a AtomicBool) -> Self {
        Self { stop: Some(stop), ..self }
    }

    /// Calls `progress` every few thousand frames with the number of octets read so far.
    pub fn with_progress(self, progress: impl FnMut(u64) + 'a) -> Self {
        Self { progress: Some(Box::new(progress)), ..self }
    }

    /// Reads the captures to their ends, and writes the merged one. `correct` gets the index of a point and a
    /// time of its clock, in nanoseconds since 1970 UTC, and returns that of the common clock; times are
    /// written as 0 if they are before 1970.
    ///
    /// A capture that cannot be read any further ends there; the others go on, and [`Merged::files`] has
    /// the reason.
    ///
    /// # Errors
    /// [`MergeError`] if a capture cannot be opened, or the output not be written.
    pub fn write(
        mut self,
        output: impl Write,
        correct: impl Fn(usize, i64) -> i64,
    ) -> Result<Merged, MergeError> {
        let (mut files, mut heads) = (Vec::new(), Vec::new());
        for (index, (point, input)) in self.inputs.into_iter().enumerate() {
            let (state, head) = open(input).map_err(|error| FileError { index, error })?;
            files.push(File { point, state });
            heads.push(head);
        }
        let order = heads.iter().find_map(|head| head.order).unwrap_or(Endianness::Little);
        let mut output = Output::new(BufWriter::with_capacity(OUTPUT_OCTETS, output), order);
        let comments: Vec<_> = heads.iter().flat_map(|head| head.comments.clone()).collect();
        output.section(&self.application, &comments)?;
        let mut closed = Vec::new();
        for (index, (file, head)) in files.iter().zip(&heads).enumerate() {
            self.points[file.point].several |= head.interfaces > 1;
            let first_ns = head.first_ns.filter(|first_ns| *first_ns > 0);
            let start_ns = first_ns.map_or(i64::MIN, |first_ns| correct(file.point, first_ns));
            closed.push((start_ns, index));
        }
        closed.sort_unstable();
        let merged = files.iter().map(|_| MergedFile::default()).collect();
        let (closed, open) = (closed.into(), BinaryHeap::new());
        let mut merging = Merging { files, merged, closed, open, output };
        let points = &self.points;
        let (mut stopped, mut frames) = (false, 0_u64);
        while let Some(index) = merging.next(points, &correct)? {
            stopped = self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed));
            if stopped {
                break;
            }
            merging.write_frame(index)?;
            merging.advance(index, &correct)?;
            frames += 1;
            if let Some(progress) = &mut self.progress
                && frames.is_multiple_of(FRAMES_PER_REPORT)
            {
                progress(merging.octets_read());
            }
        }
        merging.output.flush()?;
        Ok(Merged { files: merging.merged, stopped })
    }
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

impl<W: Write> Merging<W> {
    /// The index of the capture that has the next frame.
    fn next(
        &mut self,
        points: &[Point],
        correct: &impl Fn(usize, i64) -> i64,
    ) -> Result<Option<usize>, MergeError> {
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
                    let source = Source::new(capture, file.point, points[file.point].clone());
                    file.state = State::Reading(Box::new(source));
                    self.advance(index, correct)?;
                }
                Err(error) => self.merged[index].error = Some(error),
            }
        }
        Ok(self.open.pop().map(|Reverse((_, index))| index))
    }

    /// Reads the next frame of a capture, and writes what is before it.
    fn advance(
        &mut self,
        index: usize,
        correct: &impl Fn(usize, i64) -> i64,
    ) -> Result<(), MergeError> {
        let State::Reading(source) = &mut self.files[index].state else { return Ok(()) };
        let error = match source.advance(&mut self.output, correct) {
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
        self.output.block(ENHANCED_PACKET, &source.frame)
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
