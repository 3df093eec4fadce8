//! Instructions of a program, counted by callgrind. They are the same on a busy machine.

use std::process::Command;

use anyhow::{Context, Result};
use testkit::command::output_of;

/// Runs the program after it and counts its instructions.
pub const CALLGRIND: &[&str] = &[
    "valgrind",
    "--tool=callgrind",
    "--callgrind-out-file=/dev/null",
    "--vgdb=no",
    "--trace-children=yes",
];

/// Runs a command that begins with [`CALLGRIND`]: its instructions, and what it printed.
pub fn count(command: &mut Command) -> Result<(u64, String)> {
    let output = output_of(command)?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    let collected =
        stderr.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
    let instructions =
        collected.with_context(|| format!("callgrind gave no count: {}", stderr.trim()))?;
    Ok((instructions, String::from_utf8_lossy(&output.stdout).into_owned()))
}
