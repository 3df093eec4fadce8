//! Captures with comments on their packets.

use std::io::{self, Write};
use std::sync::atomic::AtomicBool;

use super::super::Input;
use super::output::{OPTION_APPLICATION, OPTION_COMMENT};
use super::source::{Arrangement, Change, Head};
use super::{MergeError, Merged, Rewriting, opened};

/// Writes captures again as pcapng, with comments on their packets, which Wireshark shows without a plugin.
///
/// Comments that begin with the mark are replaced; all others stay, in front of the new ones. Nothing else is
/// changed. Of one pcapng file, every block is copied as it is: sections with their byte order, interfaces,
/// options, names, secrets, statistics and custom blocks, except those that say that they must not be copied.
/// A Simple Packet Block that gets a comment becomes an Enhanced Packet Block, whose time is 0, for it has
/// none. A pcap file becomes a section with one interface, with times in the same unit. Several files become
/// one section, in order of time; interfaces with the same options are one.
///
/// ```
/// use dissector_core::capture::{Annotate, Capture};
///
/// let mut file = Vec::new();
/// let written = Annotate::new("example 1.0", "example:")
///     .input("../samples/no-reply.pcapng")
///     .write(&mut file, |_capture, frame, texts| {
///         texts.extend((frame == 1).then(|| "example: the first frame".into()));
///         Ok(())
///     })?;
/// assert!(written.files[0].warning.is_none());
///
/// let comment = b"example: the first frame";
/// assert!(file.windows(comment.len()).any(|octets| octets == comment));
/// let mut capture = Capture::new(&file[..])?;
/// while capture.next_packet()?.is_some() {}
/// assert_eq!(capture.frames(), written.files[0].frames);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub struct Annotate<'a> {
    application: String,
    mark: String,
    inputs: Vec<Input>,
    stop: Option<&'a AtomicBool>,
    progress: Option<Box<dyn FnMut(u64) + 'a>>,
}

impl<'a> Annotate<'a> {
    /// Begins with no captures. `application` is said to have written the output, unless a pcapng file
    /// says it of itself. Comments that begin with `mark` are replaced.
    pub fn new(application: impl Into<String>, mark: impl Into<String>) -> Self {
        let (application, mark, inputs) = (application.into(), mark.into(), Vec::new());
        Self { application, mark, inputs, stop: None, progress: None }
    }

    /// Adds a capture.
    pub fn input(mut self, input: impl Into<Input>) -> Self {
        self.inputs.push(input.into());
        self
    }

    /// Ends the writing once `stop` is true. The output is a whole capture then, too.
    pub fn with_stop(self, stop: &'a AtomicBool) -> Self {
        Self { stop: Some(stop), ..self }
    }

    /// Calls `progress` every few thousand frames with the number of octets read so far.
    pub fn with_progress(self, progress: impl FnMut(u64) + 'a) -> Self {
        Self { progress: Some(Box::new(progress)), ..self }
    }

    /// Reads the captures to their ends, and writes the new one. `comments` gets the index of a capture, from
    /// 0, and the number of a frame in it, from 1, and adds the comments of that frame. The frames of a
    /// capture come in their order. What is longer than 65,535 octets is shortened.
    ///
    /// A capture that cannot be read any further ends there; the others go on, and [`Merged::files`] has
    /// the reason.
    ///
    /// # Errors
    /// [`MergeError`] if a capture cannot be opened, or the output not be written; and the errors of
    /// `comments`, as those of writing.
    pub fn write(
        self,
        output: impl Write,
        comments: impl FnMut(usize, u64, &mut Vec<String>) -> io::Result<()>,
    ) -> Result<Merged, MergeError> {
        let opened = opened(self.inputs)?;
        let heads: Vec<_> = opened.iter().map(|(_, head)| head).collect();
        let options = match &heads[..] {
            [Head { order: Some(_), .. }] => None,
            _ => Some(section_options(&heads, self.application)),
        };
        let arrangement = match options {
            None => Arrangement::SameSections,
            Some(_) => Arrangement::OneSection,
        };
        let arrangements = std::iter::repeat(arrangement);
        let change = Comments { mark: self.mark, comments };
        let mut rewriting = Rewriting::new(opened, arrangements, output, change);
        if let Some(options) = options {
            rewriting.begin(&options)?;
        }
        rewriting.run(self.stop, self.progress)
    }
}

/// The options of the section of several files: those that all have, and every comment once.
fn section_options(heads: &[&Head], application: String) -> Vec<(u16, Vec<u8>)> {
    let mut options: Vec<(u16, Vec<u8>)> = Vec::new();
    for head in heads {
        for option in &head.options {
            let is_common = || heads.iter().all(|head| head.options.contains(option));
            if !options.contains(option) && (option.0 == OPTION_COMMENT || is_common()) {
                options.push(option.clone());
            }
        }
    }
    if options.iter().all(|(code, _)| *code != OPTION_APPLICATION) {
        options.push((OPTION_APPLICATION, application.into_bytes()));
    }
    options
}

/// Adds comments.
struct Comments<F> {
    mark: String,
    comments: F,
}

impl<F: FnMut(usize, u64, &mut Vec<String>) -> io::Result<()>> Change for Comments<F> {
    fn time(&self, _: usize, time_ns: i64) -> i64 {
        time_ns
    }

    fn comments(&mut self, capture: usize, frame: u64, texts: &mut Vec<String>) -> io::Result<()> {
        (self.comments)(capture, frame, texts)
    }

    fn mark(&self) -> Option<&str> {
        Some(&self.mark)
    }
}
