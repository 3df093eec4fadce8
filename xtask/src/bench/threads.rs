//! Two threads of the command beside one.

use std::path::Path;

use super::Programs;
use super::peers::{self, Run, median};

/// With a row for each connection, and with none: nothing has this port.
const WAYS: [(&str, &[&str]); 2] = [
    ("connections, jsonl", &["connections", "--format", "jsonl"]),
    ("connections, no rows", &["connections", "--format", "jsonl", "--port", "0"]),
];

/// Runs the command in one thread and in two, in turn, and prints how they compare.
pub fn compare(
    programs: &Programs,
    captures: &[impl AsRef<Path>],
    rounds: usize,
) -> Result<(), String> {
    println!(
        "\n{:<24} {:<24} {:>9} {:>9} {:>12} {:>12}",
        "two threads beside one", "", "1: wall s", "2: wall s", "times faster", "CPU ratio"
    );
    for capture in captures {
        let capture = capture.as_ref();
        for (name, arguments) in WAYS {
            let mut runs: Vec<[Run; 2]> = Vec::new();
            for _ in 0..rounds {
                let run = |threads: &str| {
                    let capture = capture.to_string_lossy();
                    let rows = peers::rows_file()?;
                    let output = rows.to_string_lossy();
                    let own = ["--threads", threads, "--output", &output, &capture];
                    peers::median_run(&programs.tcphs, &[arguments, &own].concat())
                };
                runs.push([run("1")?, run("2")?]);
            }
            let of = |number: fn(&[Run; 2]) -> f64| median(runs.iter().map(number));
            println!(
                "{:<24} {name:<24} {:>9.3} {:>9.3} {:>12.2} {:>12.2}",
                capture.file_stem().unwrap_or_default().to_string_lossy(),
                of(|[one, _]| one.wall_s),
                of(|[_, two]| two.wall_s),
                of(|[one, two]| one.wall_s / two.wall_s),
                of(|[one, two]| two.cpu_s / one.cpu_s),
            );
        }
    }
    Ok(())
}
