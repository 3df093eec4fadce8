//! Memory and cost of captures that grow: connections at once, a flood, a large file.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use testkit::command::{cannot_run, shown};
use testkit::folders::At;
use testkit::traffic::{self, Kind};

use super::run::run;
use super::{Programs, folder, instructions};
use crate::table::{Table, mib};

/// Connections that are open at once. Callgrind takes some five minutes for three million.
const CONCURRENT: [u32; 4] = [10_000, 100_000, 1_000_000, 3_000_000];
/// SYNs of the flood.
const FLOOD: u32 = 10_000_000;
/// Long connections: 0.5, 2.5 and 5 GB. From some 1.6 GB on, as many connections leave the table as
/// are added.
const LARGE: [u32; 3] = [12_400, 62_000, 124_000];

const ROWS: [&str; 4] = ["connections", "--format", "jsonl", "--threads"];

/// A capture that is removed when it has been measured.
struct Capture(PathBuf);

impl Capture {
    fn made(kind: Kind, connections: u32) -> Result<Self> {
        let capture = Self(folder()?.join(format!("once-{}.pcap", std::process::id())));
        traffic::write(&capture.0, kind, connections)?;
        Ok(capture)
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Connections that are all open at once.
pub fn concurrent(programs: &Programs) -> Result<()> {
    println!();
    let table = Table::new([
        ("connections at once", -24),
        ("packets", 12),
        ("instr./packet", 14),
        ("peak MiB", 12),
        ("octets/connection", 16),
    ]);
    let mut least: Option<(u32, u64)> = None;
    for connections in CONCURRENT {
        let capture = Capture::made(Kind::Concurrent, connections)?;
        let peak = run(&programs.engine, &[&capture.0])?.peak_kib;
        let counted = instructions::per_packet(&programs.engine, &capture.0, &[])?;
        // Memory is counted beyond that of the first row.
        let each = least.map_or("-".to_owned(), |(fewer, least)| {
            let more = peak.saturating_sub(least) as f64 * 1024.0;
            format!("{:.0}", more / f64::from(connections - fewer))
        });
        least.get_or_insert((connections, peak));
        let packets = u64::from(connections) * 17;
        table.row([
            connections.to_string(),
            packets.to_string(),
            format!("{counted:.0}"),
            mib(peak),
            each,
        ]);
    }
    Ok(())
}

/// More connections than the table holds, and no segment that would end one.
pub fn flood(programs: &Programs) -> Result<()> {
    let capture = Capture::made(Kind::Flood, FLOOD)?;
    println!();
    let table = Table::new([
        ("flood of SYNs", -24),
        ("CPU s", 10),
        ("peak MiB", 10),
        ("rows", 12),
        ("first of them", 14),
    ]);
    for threads in ["1", "2"] {
        let file = capture.0.to_string_lossy();
        let run = run(&programs.tcphs, &[&ROWS[..], &[threads, &file]].concat())?;
        let (rows, first) = rows(&programs.tcphs, threads, &capture.0)?;
        table.row([
            format!("{FLOOD}, {threads} threads"),
            format!("{:.1}", run.cpu_s),
            mib(run.peak_kib),
            rows.to_string(),
            first.to_string(),
        ]);
    }
    Ok(())
}

/// The number of rows that the command writes, and the number of the connection in the first.
fn rows(tcphs: &Path, threads: &str, capture: &Path) -> Result<(u64, u64)> {
    let mut command = Command::new(tcphs);
    command.args(ROWS).arg(threads).arg(capture).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().with_context(|| cannot_run(&command))?;
    let (mut rows, mut first) = (0, None);
    for line in child.stdout.take().into_iter().flat_map(|output| BufReader::new(output).lines()) {
        let line = line.with_context(|| shown(&command))?;
        rows += 1;
        first = first.or_else(|| {
            let (_, number) = line.split_once("\"conn\":")?;
            number.split(',').next()?.parse().ok()
        });
    }
    let status = child.wait().with_context(|| shown(&command))?;
    match first {
        Some(first) if status.success() => Ok((rows, first)),
        _ => bail!("`{}`: {status}, {rows} rows", shown(&command)),
    }
}

/// Measures large files, and one of a tenth of the size.
pub fn large(programs: &Programs) -> Result<()> {
    println!();
    let table = Table::new([
        ("connections, jsonl", -24),
        ("threads", 8),
        ("CPU s", 10),
        ("wall s", 10),
        ("MB/s", 10),
        ("peak MiB", 10),
    ]);
    for connections in LARGE {
        let capture = Capture::made(Kind::Data, connections)?;
        let megabytes = fs::metadata(&capture.0).at(&capture.0)?.len() as f64 / 1e6;
        for threads in ["1", "2"] {
            let file = capture.0.to_string_lossy();
            let run = run(&programs.tcphs, &[&ROWS[..], &[threads, &file]].concat())?;
            table.row([
                format!("{megabytes:.0} MB of data"),
                threads.into(),
                format!("{:.2}", run.cpu_s),
                format!("{:.2}", run.wall_s),
                format!("{:.0}", megabytes / run.wall_s),
                mib(run.peak_kib),
            ]);
        }
    }
    Ok(())
}
