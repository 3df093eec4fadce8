//! `tcphs merge`: the captures of several points as one.

use std::fs::File;
use std::io::{self, IsTerminal, Write};

use dissector_core::capture::{Merge, MergeError};

use crate::args::{ClockCorrection, MergeArgs};
use crate::input::{self, shown, unreadable};
use crate::points::{Point, Points};
use crate::progress::Progress;
use crate::{Done, Failure, interrupt, warn};

/// The name that the output gives for what wrote it.
const APPLICATION: &str = concat!("tcphs ", env!("CARGO_PKG_VERSION"), " merge");

pub fn run(arguments: &MergeArgs) -> Result<Done, Failure> {
    let Points::Captures(points) = Points::of(&arguments.points)? else {
        return Err(Failure::Usage(
            "the interfaces of one capture are merged already; name the captures of two points"
                .into(),
        ));
    };
    let ClockCorrection::None = arguments.clock;
    write(arguments, &points, |_, time_ns| time_ns)
}

/// Merges the captures; `correct` turns the time of a point into that of the common clock.
fn write(
    arguments: &MergeArgs,
    points: &[Point],
    correct: impl Fn(usize, i64) -> i64,
) -> Result<Done, Failure> {
    let files: Vec<_> = points.iter().flat_map(|point| point.files.clone()).collect();
    let names: Vec<_> = files.iter().map(|file| file.to_string_lossy().into_owned()).collect();
    input::keep_apart(arguments.output.as_deref(), &files)?;
    let mut progress = Progress::new(input::octets(&files), true);
    let mut merge = Merge::new(APPLICATION);
    for point in points {
        let inputs = point.files.iter().map(|file| input::input(file));
        merge = merge.point(&point.name, inputs.collect::<Result<Vec<_>, _>>()?);
    }
    if let Some(stop) = interrupt::flag() {
        merge = merge.with_stop(stop);
    }
    if progress.is_wanted() {
        merge = merge.with_progress(|octets| progress.show(octets));
    }
    let merged = merge.write(output(arguments)?, correct);
    progress.clear();
    let merged = merged.map_err(|error| match error {
        MergeError::Open(error) => {
            unreadable(names.get(error.index).map_or("?", |name| name), &error.error)
        }
        MergeError::Write(error) => Failure::Write(error),
        error => Failure::Read(error.to_string()),
    })?;
    let mut failures = Vec::new();
    for (name, file) in names.iter().zip(merged.files) {
        if let Some(warning) = file.warning {
            warn(&format!("{}: {warning}", shown(name)));
        }
        if file.left_out > 0 {
            let blocks = if file.left_out == 1 { "block" } else { "blocks" };
            let left_out = file.left_out;
            warn(&format!("{}: {left_out} {blocks} could not be copied", shown(name)));
        }
        failures.extend(file.error.map(|error| unreadable(name, &error)));
    }
    failures.extend(merged.stopped.then_some(Failure::Interrupted));
    let last = failures.pop();
    failures.iter().for_each(|failure| warn(&failure.to_string()));
    last.map_or(Ok(Done::Well), Err)
}

/// The file to write to, or standard output.
fn output(arguments: &MergeArgs) -> Result<Box<dyn Write>, Failure> {
    match &arguments.output {
        Some(path) => {
            let file = File::create(path);
            let file = file.map_err(|e| Failure::Create(format!("{}: {e}", path.display())))?;
            Ok(Box::new(file))
        }
        None if io::stdout().is_terminal() => Err(Failure::Usage(
            "a capture is binary: name a file with --output FILE, or pipe it on".into(),
        )),
        None => Ok(Box::new(io::stdout())),
    }
}
