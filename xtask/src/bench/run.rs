//! One run of a program: seconds of CPU, seconds by the clock, and memory.

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use testkit::command::{output_of, shown};
use testkit::folders::At;

/// The cost of a run. A peak of 0 was not measured.
pub struct Run {
    pub cpu_s: f64,
    pub wall_s: f64,
    pub peak_kib: u64,
}

/// bash's own `time` knows milliseconds; GNU time knows the memory, but takes some time of its own.
const TIME: &str = "TIMEFORMAT='took %3U %3S %3R'; time \"$@\"";
const TIME_AND_MEMORY: &str =
    "TIMEFORMAT='took %3U %3S %3R'; time /usr/bin/time -f 'peak %M' -- \"$@\"";

/// A program that takes less than this many seconds is run [`AGAIN`] times in its turn, to run for
/// some seconds as the others do: the first few runs find other caches and less free memory.
const SHORT_S: f64 = 1.0;
const AGAIN: usize = 15;

/// Runs a program and discards its output.
pub fn run(program: impl AsRef<OsStr>, arguments: &[impl AsRef<OsStr>]) -> Result<Run> {
    timed(program, arguments, TIME_AND_MEMORY)
}

/// Runs a program in its turn: once, or several times if it is done soon.
pub fn median_run(program: impl AsRef<OsStr>, arguments: &[impl AsRef<OsStr>]) -> Result<Run> {
    let first = run(&program, arguments)?;
    if first.cpu_s >= SHORT_S {
        return Ok(first);
    }
    let mut runs = Vec::new();
    for _ in 0..AGAIN {
        rows_file()?;
        runs.push(timed(&program, arguments, TIME)?);
    }
    Ok(Run {
        cpu_s: median(runs.iter().map(|run| run.cpu_s)),
        wall_s: median(runs.iter().map(|run| run.wall_s)),
        peak_kib: first.peak_kib,
    })
}

fn timed(program: impl AsRef<OsStr>, arguments: &[impl AsRef<OsStr>], script: &str) -> Result<Run> {
    let mut command = Command::new("bash");
    command.args(["-c", script, "bash"]).arg(program).args(arguments);
    command.stdout(Stdio::null());
    let output = output_of(&mut command)?;
    // tshark as root writes warnings before it.
    let stderr = String::from_utf8_lossy(&output.stderr);
    let numbers = |word: &str| {
        let line = stderr.lines().rev().find_map(|line| line.strip_prefix(word))?;
        line.split_whitespace().map(|number| number.parse().ok()).collect::<Option<Vec<f64>>>()
    };
    let peak_kib = numbers("peak ").and_then(|it| it.first().copied()).unwrap_or_default() as u64;
    let took = numbers("took ").and_then(|took| <[f64; 3]>::try_from(took).ok());
    let [user, system, wall_s] =
        took.with_context(|| format!("`{}`: {}", shown(&command), stderr.trim()))?;
    Ok(Run { cpu_s: user + system, wall_s, peak_kib })
}

/// The file for rows. It is removed each time: to overwrite a file costs twice what writing it does.
pub fn rows_file() -> Result<PathBuf> {
    let file = super::folder()?.join("rows.jsonl");
    match fs::remove_file(&file) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error).at(&file),
        _ => Ok(file),
    }
}

/// The median; of an even number, the upper of the two in the middle.
pub fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_one_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
        assert!(median(std::iter::empty()).is_nan());
    }
}
