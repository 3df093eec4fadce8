//! The commands that write captures.

pub mod annotate;
pub mod merge;

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use dissector_core::capture::{MergeError, Merged};

use crate::reading::input::{shown, unreadable};
use crate::{Failure, Unreadable, warn};

/// The file to write to, or standard output.
fn output(path: Option<&Path>) -> Result<Box<dyn Write>, Failure> {
    match path {
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

/// Why nothing could be written from the captures of these names.
fn failure(names: &[String], error: MergeError) -> Failure {
    match error {
        MergeError::Open(error) => {
            unreadable(names.get(error.index).map_or("?", |name| name), &error.error)
        }
        MergeError::Write(error) => Failure::Write(error),
        error => Unreadable::told(error.to_string()),
    }
}

/// Says which parts of the captures of these names are not in the output, unless that is `told`, and returns
/// why they could not be read.
fn failures(names: &[String], merged: Merged, told: bool) -> Vec<Failure> {
    let mut failures = Vec::new();
    for (name, file) in names.iter().zip(merged.files) {
        if let Some(warning) = file.warning.filter(|_| !told) {
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
    failures
}

/// Tells all failures; the last one is the result.
fn result(mut failures: Vec<Failure>) -> Result<(), Failure> {
    let last = failures.pop();
    failures.iter().for_each(|failure| warn(&failure.to_string()));
    last.map_or(Ok(()), Err)
}
