//! Reading the captures that were asked for.

use std::error::Error;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use dissector_core::Batch;
use dissector_core::capture::{self, Ahead, Captures, FileError, Packet};

use crate::args::Source;
use crate::progress::Progress;
use crate::{Failure, interrupt, threads, warn};

/// Captures being read as one stream, in order of time.
pub struct Input {
    names: Vec<String>,
    captures: Captures,
    progress: Progress,
    failures: Vec<Failure>,
    threads: usize,
    live: bool,
}

/// How the reading ended; [`report`](Self::report) says it once the results are written.
#[must_use]
pub struct Ending {
    warnings: Vec<String>,
    failures: Vec<Failure>,
}

impl Input {
    /// Opens the files; `-` is standard input. With `progress`, a bar shows how far it has come.
    pub fn open(source: &Source, progress: bool) -> Result<Self, Failure> {
        let files = &source.files;
        let names: Vec<_> = files.iter().map(|file| file.to_string_lossy().into_owned()).collect();
        if files.iter().filter(|file| is_stdin(file)).count() > 1 {
            return Err(Failure::Usage("standard input can be read only once".into()));
        }
        let mut total = Some(0);
        let mut inputs = Vec::with_capacity(files.len());
        for (file, name) in files.iter().zip(&names) {
            let length = length(file);
            total = total.zip(length).map(|(total, length)| total + length);
            inputs.push(match length {
                Some(_) => capture::Input::File(file.clone()),
                None if is_stdin(file) => capture::Input::Reader(Box::new(io::stdin())),
                // A pipe with a name: it can be opened once.
                None => {
                    let reader = File::open(file);
                    let reader = reader.map_err(|e| Failure::Read(format!("{name}: {e}")))?;
                    capture::Input::Reader(Box::new(reader))
                }
            });
        }
        let captures = Captures::open(inputs).map_err(|error| failure(&names, &error))?;
        let live = !can_be_read_again(files);
        let threads = if live { 1 } else { threads::number(source.threads) };
        let progress = Progress::new(total, progress);
        Ok(Self { names, captures, progress, failures: Vec::new(), threads, live })
    }

    /// How many threads may work on what is read.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Whether some of it comes from a pipe: what comes from there is wanted as it comes.
    pub fn is_live(&self) -> bool {
        self.live
    }

    /// The files as they were named.
    pub fn names(&self) -> Vec<String> {
        self.names.clone()
    }

    /// Reads to the end and gives `take` each packet with the place of its file among those named.
    ///
    /// # Errors
    /// Those of `take`. Where a file cannot be read any more, the others go on, and the ending
    /// tells; Ctrl-C ends the reading.
    pub fn read(
        mut self,
        mut take: impl FnMut(u32, &Packet<'_>) -> Result<(), Failure>,
    ) -> Result<Ending, Failure> {
        while self.step(&mut take)? {}
        Ok(self.end())
    }

    /// Who reads on in another thread meanwhile: see [`Captures::ahead`].
    pub fn ahead(&mut self) -> Option<Ahead> {
        self.captures.ahead()
    }

    /// Reads on until so many packets more are in `batch`, or until all is walked through that was
    /// read [ahead](Self::ahead); `false` at the end.
    pub fn fill(&mut self, batch: &mut Batch, packets: usize) -> bool {
        let start = batch.len();
        loop {
            if interrupt::requested() {
                self.failures.push(Failure::Interrupted);
                return false;
            }
            match self.captures.fill(batch, start + packets - batch.len()) {
                Ok(true) => break,
                Ok(false) => return false,
                Err(error) => self.failures.push(failure(&self.names, &error)),
            }
        }
        let packets = batch.len() - start;
        self.progress.packets(packets as u32, || self.captures.octets_read());
        true
    }

    /// Reads on by a packet, or to where a file cannot be read any more; `false` at the end.
    #[inline]
    fn step(
        &mut self,
        take: &mut impl FnMut(u32, &Packet<'_>) -> Result<(), Failure>,
    ) -> Result<bool, Failure> {
        if interrupt::requested() {
            self.failures.push(Failure::Interrupted);
            return Ok(false);
        }
        self.progress.packets(1, || self.captures.octets_read());
        // A packet is large: it stays where it was put.
        match &self.captures.next_packet() {
            Ok(Some((file, packet))) => take(*file as u32, packet)?,
            Ok(None) => return Ok(false),
            Err(error) => self.failures.push(failure(&self.names, error)),
        }
        Ok(true)
    }

    /// What there is to say about the reading.
    pub fn end(mut self) -> Ending {
        self.progress.clear();
        let mut warnings = Vec::new();
        for (index, file) in self.names.iter().enumerate() {
            let name = shown(file);
            if let Some(warning) = self.captures.warning(index) {
                warnings.push(format!("{name}: {warning}"));
            }
            if let Some(disorder) = self.captures.disorder(index) {
                let advice = "what this says of connections may be wrong; reordercap sorts frames";
                warnings.push(format!("{name}: {disorder}; {advice}"));
            }
            let lost = self.captures.skipped(index).filter(|(reason, _)| reason.may_hold_tcp());
            let lost: Vec<_> =
                lost.map(|(reason, frames)| format!("{reason} ({frames})")).collect();
            if !lost.is_empty() {
                warnings.push(format!("{name}: frames not opened: {}", lost.join(", ")));
            }
        }
        Ending { warnings, failures: self.failures }
    }
}

impl Ending {
    /// Says on standard error what of the captures could not be used.
    pub fn report(mut self) -> Result<(), Failure> {
        self.warnings.iter().for_each(|warning| warn(warning));
        let last = self.failures.pop();
        self.failures.iter().for_each(|failure| warn(&failure.to_string()));
        last.map_or(Ok(()), Err)
    }
}

/// Whether every one of `files` can be read a second time.
pub fn can_be_read_again(files: &[PathBuf]) -> bool {
    files.iter().all(|file| !is_stdin(file) && file.metadata().is_ok_and(|meta| meta.is_file()))
}

/// Refuses to write to a file that is read.
pub fn keep_apart(output: Option<&Path>, inputs: &[PathBuf]) -> Result<(), Failure> {
    let Some(output) = output else { return Ok(()) };
    let Ok(place) = output.canonicalize() else { return Ok(()) };
    match inputs.iter().any(|input| input.canonicalize().is_ok_and(|input| input == place)) {
        true => Err(Failure::Usage(format!("{} is read; write elsewhere", output.display()))),
        false => Ok(()),
    }
}

fn is_stdin(file: &Path) -> bool {
    file.as_os_str() == "-"
}

/// Octets of a file; `None` for standard input and for pipes. What cannot be opened counts as a
/// file, for the reader to say why.
fn length(file: &Path) -> Option<u64> {
    match file.metadata() {
        _ if is_stdin(file) => None,
        Ok(meta) if meta.is_file() || meta.is_dir() => Some(meta.len()),
        Ok(_) => None,
        Err(_) => Some(0),
    }
}

/// A file as people know it.
pub fn shown(name: &str) -> &str {
    if name == "-" { "standard input" } else { name }
}

/// An error with the name of its file, and its cause.
fn failure(names: &[String], error: &FileError) -> Failure {
    let name = names.get(error.index).map_or("?", |name| shown(name));
    let mut text = format!("{name}: {}", error.error);
    let mut cause = error.error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        // Some say what their cause says.
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    Failure::Read(text)
}
