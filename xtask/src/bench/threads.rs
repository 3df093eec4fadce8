//! Two threads of the command beside one.

use std::path::PathBuf;

use anyhow::Result;

use super::Programs;
use super::run::{Run, median, median_run, rows_file};
use crate::table::Table;

/// Runs that write a row per connection, and runs that write none because no connection has this
/// port.
const WAYS: [(&str, &[&str]); 2] = [
    ("connections, jsonl", &["connections", "--format", "jsonl"]),
    ("connections, no rows", &["connections", "--format", "jsonl", "--port", "0"]),
];

/// Runs the command in one thread and in two, in turn, and prints how they compare.
pub fn compare(programs: &Programs, captures: &[PathBuf], rounds: usize) -> Result<()> {
    println!();
    let table = Table::new([
        ("two threads beside one", -24),
        ("", -24),
        ("1: wall s", 9),
        ("2: wall s", 9),
        ("times faster", 12),
        ("CPU ratio", 12),
    ]);
    for capture in captures {
        for (name, arguments) in WAYS {
            let mut runs: Vec<[Run; 2]> = Vec::new();
            for _ in 0..rounds {
                let run = |threads: &str| {
                    let (capture, rows) = (capture.to_string_lossy(), rows_file()?);
                    let output = rows.to_string_lossy();
                    let own = ["--threads", threads, "--output", &output, &capture];
                    median_run(&programs.tcphs, &[arguments, &own].concat())
                };
                runs.push([run("1")?, run("2")?]);
            }
            let of = |number: fn(&[Run; 2]) -> f64| median(runs.iter().map(number));
            table.row([
                capture.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
                name.into(),
                format!("{:.3}", of(|[one, _]| one.wall_s)),
                format!("{:.3}", of(|[_, two]| two.wall_s)),
                format!("{:.2}", of(|[one, two]| one.wall_s / two.wall_s)),
                format!("{:.2}", of(|[one, two]| two.cpu_s / one.cpu_s)),
            ]);
        }
    }
    Ok(())
}
