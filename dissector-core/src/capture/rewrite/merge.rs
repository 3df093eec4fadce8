//! Captures of several points as one file, in order of time.

use std::io::{self, Write};
use std::sync::atomic::AtomicBool;

use super::super::Input;
use super::output::{OPTION_APPLICATION, OPTION_COMMENT};
use super::source::{Arrangement, Change, Point};
use super::{MergeError, Merged, Rewriting, opened};

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
        self.points.push(Point { index: point, name: name.into(), ..Point::default() });
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
        let (points, inputs): (Vec<_>, Vec<_>) = self.inputs.into_iter().unzip();
        let opened = opened(inputs)?;
        let mut options = Vec::new();
        for (head, point) in opened.iter().map(|(_, head)| head).zip(&points) {
            let comments = head.options.iter().filter(|(code, _)| *code == OPTION_COMMENT);
            options.extend(comments.cloned());
            self.points[*point].several |= head.interfaces > 1;
        }
        options.push((OPTION_APPLICATION, self.application.into_bytes()));
        let arrangements =
            points.iter().map(|point| Arrangement::Points(self.points[*point].clone()));
        let correction = Correction { points: &points, correct };
        let mut rewriting = Rewriting::new(opened, arrangements, output, correction);
        rewriting.begin(&options)?;
        rewriting.run(self.stop, self.progress)
    }
}

/// Corrects the times of points.
struct Correction<'a, F> {
    /// The index of the point of each capture.
    points: &'a [usize],
    correct: F,
}

impl<F: Fn(usize, i64) -> i64> Change for Correction<'_, F> {
    fn time(&self, capture: usize, time_ns: i64) -> i64 {
        (self.correct)(self.points[capture], time_ns)
    }

    fn comments(&mut self, _: usize, _: u64, _: &mut Vec<String>) -> io::Result<()> {
        Ok(())
    }

    fn mark(&self) -> Option<&str> {
        None
    }
}
