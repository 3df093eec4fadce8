//! Reading the captures that were asked for.

use std::error::Error;
use std::fs::File;
use std::io::{self, Read};
use std::mem::ManuallyDrop;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dissector_core::capture::{self, CaptureError, Captures, FileError, Skipped};
use dissector_core::{DEFAULT_LIMIT, FollowOptions, FollowSummary};

use crate::args::Source;
use crate::output::names::HostNames;
use crate::reading::progress::Progress;
use crate::reading::start;
use crate::surroundings::{self, Program};
use crate::{Failure, Unreadable};

/// Captures being read as one stream, in order of time.
pub struct Input {
    names: Vec<String>,
    captures: Captures,
    progress: Progress,
    threads: Option<NonZero<usize>>,
    /// Whether the names of hosts are wanted.
    wants_names: bool,
    live: bool,
    /// Whether each interface is read by itself.
    by_interface: bool,
    /// Whether the input itself ends after an interruption.
    ends_itself: bool,
    /// The program that it is read for. It may be read in another thread than it was opened in.
    program: Option<Arc<Program>>,
}

/// What to do about frames that are not in order of time.
pub const DISORDER_ADVICE: &str = "results may be wrong; sort the file with reordercap";

/// How the reading ended; [`report`](Self::report) says it once the results are written.
#[must_use]
pub struct Ending {
    /// The names of hosts that the captures bring along, if they are wanted.
    pub hosts: HostNames,
    warnings: Vec<String>,
    failures: Vec<Failure>,
}

impl Input {
    /// Opens the files; `-` is standard input. With `progress`, a bar shows how far it has come.
    pub fn open(source: &Source, progress: bool) -> Result<Self, Failure> {
        Ok(Self::open_each(source, progress, |input| (None, input))?.0)
    }

    /// The same, with the time of the first frame. It waits for that of a stream.
    pub fn open_with_start(
        source: &Source,
        progress: bool,
    ) -> Result<(Self, Option<i64>), Failure> {
        Self::open_each(source, progress, start::of_input)
    }

    /// The same, with what `look` finds out about each source.
    fn open_each(
        source: &Source,
        progress: bool,
        look: impl Fn(capture::Input) -> (Option<i64>, capture::Input),
    ) -> Result<(Self, Option<i64>), Failure> {
        let files = &source.files;
        let names: Vec<_> = files.iter().map(|file| file.to_string_lossy().into_owned()).collect();
        read_stdin_once(files)?;
        let total = octets(files);
        let inputs = files.iter().map(|file| Ok(look(input(file)?)));
        let (starts, inputs): (Vec<_>, Vec<_>) =
            inputs.collect::<Result<Vec<_>, Failure>>()?.into_iter().unzip();
        let captures = Captures::open(inputs).map_err(|error| failure(&names, &error))?;
        let input = Self {
            threads: source.threads,
            wants_names: source.names,
            live: !can_be_read_again(files),
            ..Self::of(names, captures, Progress::new(total, progress))
        };
        Ok((input, starts.into_iter().flatten().min()))
    }

    fn of(names: Vec<String>, captures: Captures, progress: Progress) -> Self {
        Self {
            names,
            captures,
            progress,
            threads: None,
            wants_names: false,
            live: false,
            by_interface: false,
            ends_itself: false,
            program: surroundings::program(),
        }
    }

    /// A capture that comes from this reader, packet by packet. The reader itself ends after an interruption.
    pub fn live(file: &Path, reader: Box<dyn Read + Send>) -> Result<Self, Failure> {
        let names = vec![file.to_string_lossy().into_owned()];
        let captures = Captures::open([capture::Input::Reader(reader)]);
        let captures = captures.map_err(|error| failure(&names, &error))?;
        let input = Self::of(names, captures, Progress::new(None, false));
        Ok(Self { live: true, ends_itself: true, ..input })
    }

    /// Reads each interface by itself: whether its frames are in order of time is for the caller to tell,
    /// for those of several interfaces need not be.
    pub fn by_interface(self) -> Self {
        Self { by_interface: true, ..self }
    }

    /// Whether an input is a pipe: its results are wanted as they come.
    pub fn is_live(&self) -> bool {
        self.live
    }

    /// Octets of all files; `None` if one is a pipe.
    pub fn octets(&self) -> Option<u64> {
        self.progress.total()
    }

    /// The files as they were named.
    pub fn names(&self) -> Vec<String> {
        self.names.clone()
    }

    /// Reads to the end, or until Ctrl-C. A file that cannot be read any further ends there, and the
    /// ending tells why.
    ///
    /// # Errors
    /// Those of `follow`.
    pub fn follow(
        mut self,
        follow: impl FnOnce(&mut Captures, FollowOptions<'_>) -> Result<FollowSummary, Failure>,
    ) -> Result<Ending, Failure> {
        let program = self.program.clone();
        let mut options = FollowOptions::new().packet_by_packet(self.live);
        if let Some(threads) = self.threads {
            options = options.with_threads(threads.get());
        }
        if let Some(stop) =
            surroundings::stop_flag(program.as_deref()).filter(|_| !self.ends_itself)
        {
            options = options.with_stop(stop);
        }
        if self.progress.is_wanted() {
            options = options.with_progress(|octets| self.progress.show(octets));
        }
        // The last connections are not freed one by one: the process is about to end.
        let mut summary = ManuallyDrop::new(follow(&mut self.captures, options)?);
        self.progress.clear();
        tell_of_limits(&summary, |text| surroundings::warn_in(program.as_deref(), text));
        let errors = std::mem::take(&mut summary.errors);
        let failures = errors.iter().map(|error| failure(&self.names, error));
        let interrupted = summary.stopped.then_some(Failure::Interrupted);
        let failures = failures.chain(interrupted).collect();
        Ok(Ending { hosts: self.hosts(), warnings: self.warnings(), failures })
    }

    fn hosts(&self) -> HostNames {
        let mut hosts = HostNames::default();
        let files = (0..self.captures.count()).filter(|_| self.wants_names);
        for (address, name) in files.flat_map(|index| self.captures.names(index)) {
            hosts.add(address, name);
        }
        hosts
    }

    /// Says which parts of the files could not be used.
    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        for (index, file) in self.names.iter().enumerate() {
            let name = shown(file);
            if let Some(warning) = self.captures.warning(index) {
                warnings.push(format!("{name}: {warning}"));
            }
            let disorder = self.captures.disorder(index).filter(|_| !self.by_interface);
            if let Some(disorder) = disorder {
                warnings.push(format!("{name}: {disorder}; {DISORDER_ADVICE}"));
            }
            if let Some(lost) = not_decoded(self.captures.skipped(index)) {
                warnings.push(format!("{name}: {lost}"));
            }
        }
        warnings
    }
}

/// How many frames that may hold TCP could not be decoded, and why; `None` if all could.
pub fn not_decoded(skipped: impl Iterator<Item = (Skipped, u64)>) -> Option<String> {
    let lost = skipped.filter(|(reason, _)| reason.may_hold_tcp());
    let lost: Vec<_> = lost.map(|(reason, frames)| format!("{reason} ({frames})")).collect();
    (!lost.is_empty()).then(|| format!("frames not decoded: {}", lost.join(", ")))
}

impl Ending {
    /// Whether every capture was read as far as it could be.
    pub fn is_whole(&self) -> bool {
        self.failures.is_empty()
    }

    /// Whether the reading was interrupted.
    pub fn is_interrupted(&self) -> bool {
        self.failures.iter().any(|failure| matches!(failure, Failure::Interrupted))
    }

    /// Why the reading ended early, as sentences.
    pub fn failures(&self) -> Vec<String> {
        self.failures.iter().map(Failure::to_string).collect()
    }

    /// The same without what the results say themselves: only what could not be read.
    pub fn report_failures(self) -> Result<(), Failure> {
        Self { warnings: Vec::new(), ..self }.report()
    }

    /// Writes to standard error which parts of the captures could not be used.
    pub fn report(mut self) -> Result<(), Failure> {
        self.warnings.iter().for_each(|warning| crate::warn(warning));
        let last = self.failures.pop();
        self.failures.iter().for_each(|failure| crate::warn(&failure.to_string()));
        last.map_or(Ok(()), Err)
    }
}

/// Whether every one of `files` can be read a second time.
pub fn can_be_read_again(files: &[PathBuf]) -> bool {
    // Of one that is not there, the reader tells.
    let is_file = |file: &PathBuf| {
        !surroundings::is_stream(file) && file.metadata().map_or(true, |meta| meta.is_file())
    };
    files.iter().all(|file| !is_stdin(file) && is_file(file))
}

/// Refuses to write to a file that is read.
pub fn keep_apart(output: Option<&Path>, inputs: &[PathBuf]) -> Result<(), Failure> {
    let Some(output) = output else { return Ok(()) };
    let Ok(place) = output.canonicalize() else { return Ok(()) };
    match inputs.iter().any(|input| input.canonicalize().is_ok_and(|input| input == place)) {
        true => Err(Failure::Usage(format!(
            "{} is an input; choose another --output",
            output.display()
        ))),
        false => Ok(()),
    }
}

/// Refuses to read standard input twice.
pub fn read_stdin_once<'a>(files: impl IntoIterator<Item = &'a PathBuf>) -> Result<(), Failure> {
    match files.into_iter().filter(|file| is_stdin(file)).count() {
        0 | 1 => Ok(()),
        _ => Err(Failure::Usage("standard input can be read only once".into())),
    }
}

/// Whether this is the name of standard input.
pub fn is_stdin(file: &Path) -> bool {
    file.as_os_str() == "-"
}

/// Octets of a file; `None` for standard input and for pipes. A file that cannot be opened counts as
/// empty: the reader reports the error.
fn length(file: &Path) -> Option<u64> {
    match file.metadata() {
        _ if is_stdin(file) || surroundings::is_stream(file) => None,
        Ok(meta) if meta.is_file() || meta.is_dir() => Some(meta.len()),
        Ok(_) => None,
        Err(_) => Some(0),
    }
}

/// Octets of all files; `None` if one is a pipe.
pub fn octets(files: &[PathBuf]) -> Option<u64> {
    files.iter().map(|file| length(file)).sum()
}

/// The source of a capture; a named pipe is opened, which can be done only once.
pub fn input(file: &Path) -> Result<capture::Input, Failure> {
    if let Some(stream) = surroundings::take_stream(file) {
        return Ok(capture::Input::Reader(stream));
    }
    Ok(match length(file) {
        Some(_) => capture::Input::File(file.into()),
        None if is_stdin(file) => capture::Input::Reader(Box::new(io::stdin())),
        None => {
            let reader = File::open(file);
            let reader = reader.map_err(|error| Unreadable::by_system(file, &error))?;
            capture::Input::Reader(Box::new(reader))
        }
    })
}

/// The name of a file for people.
pub fn shown(name: &str) -> &str {
    if name == "-" { "standard input" } else { name }
}

/// An error with the name of its file, and its cause.
fn failure(names: &[String], error: &FileError) -> Failure {
    unreadable(names.get(error.index).map_or("?", |name| name), &error.error)
}

/// The same for an error of this file.
pub fn unreadable(name: &str, error: &CaptureError) -> Failure {
    let mut text = format!("{}: {error}", shown(name));
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        // Some errors include the text of their cause.
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    let os_error = match error {
        CaptureError::Io(error) => error.raw_os_error(),
        _ => None,
    };
    Failure::Read(Unreadable { file: Some(name.into()), os_error, text })
}

/// Warns that there was too much at once, so that rows may depend on other connections.
fn tell_of_limits(summary: &FollowSummary, warn: impl Fn(&str)) {
    let connections = summary.evicted;
    if connections > 0 {
        warn(&format!(
            "more connections were open at once than the table holds (about {DEFAULT_LIMIT}, an \
             eighth of them in each of its parts): {connections} were dropped, and their later \
             segments are shown as new connections"
        ));
    }
    if summary.shortened > 0 {
        warn(&format!(
            "the table (about {DEFAULT_LIMIT} connections) was full: {} closed connections were \
             dropped early, and late segments of theirs are shown as new connections",
            summary.shortened
        ));
    }
    if summary.forgotten_segments > 0 {
        warn(&format!(
            "too many segments in a second to remember: {} could not be told from second captures \
             of the same packets",
            summary.forgotten_segments
        ));
    }
}
