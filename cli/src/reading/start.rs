//! When captures begin.

use std::io::{Cursor, Read};
use std::path::PathBuf;

use dissector_core::capture::{Capture, Input};

use super::input::can_be_read_again;
use crate::args::{Moment, Select, Span};
use crate::output::time;
use crate::{Failure, warn};

impl Select {
    /// Finds out which span `--since` and `--until` mean in these captures of one clock.
    pub fn place(&mut self, files: &[PathBuf]) -> Result<(), Failure> {
        let given = [("--since", self.since), ("--until", self.until)];
        let needs_start = given.iter().any(|(_, moment)| moment.is_some_and(Moment::needs_start));
        if needs_start && !can_be_read_again(files) {
            return Err(Failure::Usage(
                "--since and --until need a date and a time for standard input and pipes, as in \
                 2026-01-02T10:00:00Z: when a capture begins is known only once it has been read"
                    .into(),
            ));
        }
        let start_ns = if needs_start { of_files(files) } else { Some(0) };
        // Without a frame, there is nothing to choose from.
        let Some(start_ns) = start_ns else { return Ok(()) };
        let resolved = given.map(|(option, moment)| {
            let moment = moment?;
            let time_ns = moment.resolved(start_ns);
            if matches!(moment, Moment::TimeOfDay(_)) && time_ns < start_ns {
                warn(&format!(
                    "{option}: {} is before the first frame, of {}; for another day, write the date, too",
                    shown(time_ns),
                    shown(start_ns)
                ));
            }
            Some(time_ns)
        });
        let [from_ns, before_ns] = resolved;
        self.span = Span { from_ns, before_ns };
        Ok(())
    }
}

fn shown(time_ns: i64) -> String {
    // Whole seconds are enough to tell a day from another.
    time::rfc3339(time_ns - time_ns.rem_euclid(1_000_000_000), 0)
}

/// The time of the first frame of these files: of the earliest one, whatever it holds. `None` if none has
/// a frame, or can be read: the reading itself reports that.
pub fn of_files(files: &[PathBuf]) -> Option<i64> {
    let starts = files.iter().filter_map(|file| Capture::open(file).ok()?.start_ns().ok()?);
    starts.min()
}

/// The same for a source of any kind. A stream is read up to its first frame, and begins anew in the source
/// that is given back.
pub fn of_input(input: Input) -> (Option<i64>, Input) {
    match input {
        Input::File(path) => (of_files(std::slice::from_ref(&path)), Input::File(path)),
        Input::Reader(reader) => {
            let (start_ns, reader) = of_stream(reader);
            (start_ns, Input::Reader(reader))
        }
        other => (None, other),
    }
}

/// The time of the first frame of a capture, in nanoseconds since 1970 UTC, and the same capture from its
/// beginning; `None` if there is no frame, or none can be read.
pub fn of_stream(reader: Box<dyn Read + Send>) -> (Option<i64>, Box<dyn Read + Send>) {
    let mut kept = Kept { reader, octets: Vec::new() };
    let capture = Capture::new(&mut kept);
    let start_ns = capture.ok().and_then(|capture| capture.start_ns().ok()?);
    let Kept { reader, octets } = kept;
    (start_ns, Box::new(Cursor::new(octets).chain(reader)))
}

/// A stream, and all that was read from it.
struct Kept {
    reader: Box<dyn Read + Send>,
    octets: Vec<u8>,
}

impl Read for Kept {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.reader.read(buffer)?;
        self.octets.extend_from_slice(&buffer[..length]);
        Ok(length)
    }
}
