//! Seconds of CPU and memory: our programs and others, in rounds.

use std::fs;
use std::path::Path;

use anyhow::Result;
use testkit::folders::At;

use super::Programs;
use super::run::{Run, median, median_run, rows_file};
use crate::table::{Table, mib};

/// A common way to see handshakes today: a post-dissector in Lua that follows SYN, SYN/ACK and ACK
/// of each stream.
const SCRIPT: &str = include_str!("handshake.lua");

/// A program that takes more seconds than this is run once.
const RUN_ONCE_ABOVE_S: f64 = 30.0;

/// Runs every program on the capture, in `rounds`, and prints a table. The engine is run before and
/// after each of the others, because the machine is not as fast in one minute as in the next.
pub fn compare(programs: &Programs, capture: &Path, rounds: usize) -> Result<()> {
    let folder = super::folder()?;
    let script = folder.join("handshake.lua");
    fs::write(&script, SCRIPT).at(&script)?;
    let lua = format!("lua_script:{}", script.display());
    let [tcphs, engine, walk] = [&programs.tcphs, &programs.engine, &programs.walk]
        .map(|program| program.to_string_lossy());
    let (file, rows) = (&*capture.to_string_lossy(), rows_file()?);
    let input = format!("if={file}");
    let ours = ["--format", "jsonl", "--threads", "1", "--output", &*rows.to_string_lossy(), file];
    // Name in the table, program and arguments. The others are compared with the first.
    let peers: [(&str, &str, Vec<&str>); 9] = [
        ("engine, all verdicts, no rows", &engine, vec![file]),
        ("tcphs connections, jsonl", &tcphs, [&["connections"], &ours[..]].concat()),
        ("tcphs packets, jsonl", &tcphs, [&["packets"], &ours[..]].concat()),
        ("read alone (dd, 512 KiB)", "dd", vec![&input, "of=/dev/null", "bs=512k"]),
        ("our reading, no engine", &walk, vec![file]),
        ("tcpdump -nn -r", "tcpdump", vec!["-nn", "-r", file]),
        ("tcptrace -n", "tcptrace", vec!["-n", file]),
        ("tshark -q -z conv,tcp", "tshark", vec!["-n", "-q", "-z", "conv,tcp", "-r", file]),
        ("tshark with a Lua script", "tshark", vec!["-n", "-q", "-X", &lua, "-r", file]),
    ];
    let octets = fs::metadata(capture).at(capture)?.len();
    println!("\n{} ({:.1} MB), {rounds} rounds", capture.display(), octets as f64 / 1e6);
    let measured = |at: usize| {
        let (_, program, arguments) = &peers[at];
        median_run(program, arguments)
    };
    let mut runs: Vec<Vec<(Run, f64)>> = peers.iter().map(|_| Vec::new()).collect();
    for round in 1..=rounds {
        for (at, (name, ..)) in peers.iter().enumerate().skip(1) {
            if runs[at].iter().any(|(run, _)| run.cpu_s > RUN_ONCE_ABOVE_S) {
                continue;
            }
            eprintln!("xtask: round {round}: {name}");
            let (before, run, after) = (measured(0)?, measured(at)?, measured(0)?);
            let ratio = 2.0 * run.cpu_s / (before.cpu_s + after.cpu_s);
            runs[at].push((run, ratio));
            runs[0].extend([(before, 1.0), (after, 1.0)]);
        }
    }
    let table = Table::new([("", -32), ("CPU s", 10), ("of engine", 12), ("peak MiB", 12)]);
    for ((name, ..), runs) in peers.iter().zip(&runs) {
        table.row([
            (*name).into(),
            format!("{:.3}", median(runs.iter().map(|(run, _)| run.cpu_s))),
            format!("{:.2}", median(runs.iter().map(|(_, ratio)| *ratio))),
            mib(runs.iter().map(|(run, _)| run.peak_kib).max().unwrap_or(0)),
        ]);
    }
    Ok(())
}
