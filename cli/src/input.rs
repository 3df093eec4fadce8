//! Reading the captures that were asked for.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dissector_core::capture::{Capture, Packet};

use crate::progress::Progress;
use crate::{Failure, interrupt, warn};

/// Captures being read as one stream.
pub struct Input {
    names: Vec<String>,
    captures: Vec<Capture<Box<dyn Read>>>,
    octets: Arc<AtomicU64>,
    progress: Progress,
}

/// How the reading ended; [`report`](Self::report) says it once the results are written.
#[must_use]
pub struct Ending {
    warnings: Vec<String>,
    failure: Option<Failure>,
}

impl Input {
    /// Opens `files`; `-` is standard input. With `progress`, a bar shows how far it has come.
    pub fn open(files: &[PathBuf], progress: bool) -> Result<Self, Failure> {
        let octets = Arc::new(AtomicU64::new(0));
        let mut total = Some(0);
        let mut captures = Vec::with_capacity(files.len());
        for file in files {
            let name = shown(file);
            let reader: Box<dyn Read> = if is_stdin(file) {
                total = None;
                Box::new(io::stdin().lock())
            } else {
                let file = File::open(file).map_err(|e| Failure::Read(format!("{name}: {e}")))?;
                let length =
                    file.metadata().ok().filter(|meta| meta.is_file()).map(|meta| meta.len());
                total = total.zip(length).map(|(total, length)| total + length);
                Box::new(file)
            };
            let counted = Counted { reader, octets: Arc::clone(&octets) };
            let capture = Capture::new(Box::new(counted) as Box<dyn Read>);
            captures.push(capture.map_err(|e| Failure::Read(format!("{name}: {e}")))?);
        }
        Ok(Self {
            names: files.iter().map(|file| file.to_string_lossy().into_owned()).collect(),
            captures,
            octets,
            progress: Progress::new(total, progress),
        })
    }

    /// The files as they were named.
    pub fn names(&self) -> Vec<String> {
        self.names.clone()
    }

    /// Reads to the end and gives `take` each packet with the place of its file among those named.
    ///
    /// # Errors
    /// Those of `take`. Where reading fails or Ctrl-C comes, there are no more packets, and the
    /// ending tells.
    pub fn read(
        mut self,
        mut take: impl FnMut(u32, &Packet<'_>) -> Result<(), Failure>,
    ) -> Result<Ending, Failure> {
        let mut failure = None;
        'files: for (place, capture) in self.captures.iter_mut().enumerate() {
            loop {
                if interrupt::requested() {
                    failure = Some(Failure::Interrupted);
                    break 'files;
                }
                self.progress.packet(|| self.octets.load(Ordering::Relaxed));
                match capture.next_packet() {
                    Ok(Some(packet)) => take(place as u32, &packet)?,
                    Ok(None) => break,
                    Err(error) => {
                        failure = Some(Failure::Read(format!("{}: {error}", self.names[place])));
                        break 'files;
                    }
                }
            }
        }
        self.progress.clear();
        let mut warnings = Vec::new();
        for (name, capture) in self.names.iter().zip(&self.captures) {
            if let Some(warning) = capture.warning() {
                warnings.push(format!("{name}: {warning}"));
            }
            let lost = capture.skipped().filter(|(reason, _)| reason.may_hold_tcp());
            let lost: Vec<_> =
                lost.map(|(reason, frames)| format!("{reason} ({frames})")).collect();
            if !lost.is_empty() {
                warnings.push(format!("{name}: frames not opened: {}", lost.join(", ")));
            }
        }
        Ok(Ending { warnings, failure })
    }
}

impl Ending {
    /// Says on standard error what of the captures could not be used.
    pub fn report(self) -> Result<(), Failure> {
        self.warnings.iter().for_each(|warning| warn(warning));
        self.failure.map_or(Ok(()), Err)
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

fn shown(file: &Path) -> String {
    if is_stdin(file) { "standard input".into() } else { file.display().to_string() }
}

/// Counts the octets that are read.
struct Counted<R> {
    reader: R,
    octets: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let octets = self.reader.read(buffer)?;
        self.octets.fetch_add(octets as u64, Ordering::Relaxed);
        Ok(octets)
    }
}
