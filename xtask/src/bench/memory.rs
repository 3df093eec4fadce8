//! Memory and cost as captures grow: connections at once, a flood, a large file.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Programs, folder, instructions, peers};
use crate::command::{cannot_run, shown};
use crate::traffic::{self, Kind};
use crate::wireshark::about;

/// Connections that are open at once.
const CONCURRENT: [u32; 4] = [10_000, 100_000, 1_000_000, 3_000_000];
/// Beyond this, callgrind would take too long: three millions take some five minutes.
const MOST_COUNTED: u32 = 3_000_000;
/// SYNs of the flood, and of the shorter one beside it.
const FLOOD: u32 = 10_000_000;
/// Long connections: 0.5, 2.5 and 5 GB. From some 1.6 GB on, as many have left as come.
const LARGE: [u32; 3] = [12_400, 62_000, 124_000];

/// A capture that is gone when it has been measured.
struct Capture(PathBuf);

impl Capture {
    fn made(kind: Kind, connections: u32) -> Result<Self, String> {
        let capture = Self(folder()?.join(format!("once-{}.pcap", std::process::id())));
        traffic::write(&capture.0, kind, connections)?;
        Ok(capture)
    }

    fn octets(&self) -> Result<u64, String> {
        fs::metadata(&self.0).map(|meta| meta.len()).map_err(|error| about(&self.0, &error))
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Connections that are all open at once.
pub fn concurrent(programs: &Programs) -> Result<(), String> {
    println!(
        "\n{:<24} {:>12} {:>14} {:>12} {:>16}",
        "connections at once", "packets", "instr./packet", "peak MiB", "octets/connection"
    );
    let mut least: Option<(u32, u64)> = None;
    for connections in CONCURRENT {
        let capture = Capture::made(Kind::Concurrent, connections)?;
        let peak = peers::run(&programs.engine, &[&capture.0])?.peak_kib;
        let counted = match connections > MOST_COUNTED {
            true => "-".to_owned(),
            false => {
                let counted = instructions::counted(&programs.engine, &capture.0, &[])?;
                format!("{:.0}", counted.instructions as f64 / counted.packets as f64)
            }
        };
        // What the first did not need already.
        let each = least.map_or_else(
            || "-".to_owned(),
            |(fewer, least)| {
                let more = peak.saturating_sub(least) as f64 * 1024.0;
                format!("{:.0}", more / f64::from(connections - fewer))
            },
        );
        least.get_or_insert((connections, peak));
        println!(
            "{connections:<24} {:>12} {counted:>14} {:>12.1} {each:>16}",
            u64::from(connections) * 17,
            peak as f64 / 1024.0,
        );
    }
    Ok(())
}

/// More connections than the table holds, and nothing that would end one.
pub fn flood(programs: &Programs) -> Result<(), String> {
    let capture = Capture::made(Kind::Flood, FLOOD)?;
    println!(
        "\n{:<24} {:>10} {:>10} {:>12} {:>14}",
        "flood of SYNs", "CPU s", "peak MiB", "rows", "first of them"
    );
    for threads in ["1", "2"] {
        let arguments = ["connections", "--format", "jsonl", "--threads", threads];
        let file = capture.0.to_string_lossy();
        let run = peers::run(&programs.tcphs, &[&arguments[..], &[&file]].concat())?;
        let (rows, first) = rows(&programs.tcphs, &arguments, &capture.0)?;
        println!(
            "{:<24} {:>10.1} {:>10.1} {rows:>12} {first:>14}",
            format!("{FLOOD}, {threads} threads"),
            run.cpu_s,
            run.peak_kib as f64 / 1024.0,
        );
    }
    Ok(())
}

/// How many rows the command writes, and the number of the connection in the first of them.
fn rows(tcphs: &Path, arguments: &[&str], capture: &Path) -> Result<(u64, u64), String> {
    let mut command = Command::new(tcphs);
    command.args(arguments).arg(capture).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|error| cannot_run(&command, &error))?;
    let (mut rows, mut first) = (0, None);
    for line in child.stdout.take().into_iter().flat_map(|output| BufReader::new(output).lines()) {
        let line = line.map_err(|error| cannot_run(&command, &error))?;
        rows += 1;
        first = first.or_else(|| {
            let (_, number) = line.split_once("\"conn\":")?;
            number.split(',').next()?.parse().ok()
        });
    }
    let status = child.wait().map_err(|error| cannot_run(&command, &error))?;
    match (status.success(), first) {
        (true, Some(first)) => Ok((rows, first)),
        _ => Err(format!("`{}`: {status}, {rows} rows", shown(&command))),
    }
}

/// Large files, and one of a tenth.
pub fn large(programs: &Programs) -> Result<(), String> {
    println!(
        "\n{:<24} {:>8} {:>10} {:>10} {:>10} {:>10}",
        "connections, jsonl", "threads", "CPU s", "wall s", "MB/s", "peak MiB"
    );
    for connections in LARGE {
        let capture = Capture::made(Kind::Data, connections)?;
        let megabytes = capture.octets()? as f64 / 1e6;
        for threads in ["1", "2"] {
            let file = capture.0.to_string_lossy();
            let arguments = ["connections", "--format", "jsonl", "--threads", threads, &file];
            let run = peers::run(&programs.tcphs, &arguments)?;
            println!(
                "{:<24} {threads:>8} {:>10.2} {:>10.2} {:>10.0} {:>10.1}",
                format!("{megabytes:.0} MB of data"),
                run.cpu_s,
                run.wall_s,
                megabytes / run.wall_s,
                run.peak_kib as f64 / 1024.0
            );
        }
    }
    Ok(())
}
