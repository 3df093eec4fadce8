//! Instructions of our own programs, and their limits.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use testkit::traffic::Kind;
use testkit::wireshark::packages::{self, VALGRIND};

use super::{Programs, made};
use crate::callgrind::{CALLGRIND, count};
use crate::table::Table;

/// Few enough for callgrind, many enough that start-up is little beside them.
const CONNECTIONS: u32 = 5_000;
const LONG_CONNECTIONS: u32 = 700;

/// How many times the segments of a capture are parsed by `benches/parse.rs`.
const PARSE_ROUNDS: f64 = 20.0;

/// The largest numbers allowed, on the machines that CI has: about a twentieth above what was
/// counted when they were set.
const READING: f64 = 335.0;
const ENGINE_HANDSHAKES: f64 = 1_610.0;
const ENGINE_DATA: f64 = 1_010.0;

/// Counts, and fails when a limit is exceeded.
pub fn check() -> Result<()> {
    packages::ensure([&VALGRIND])?;
    print(&Programs::build()?)
}

/// Counts, prints a table, and fails when a limit is exceeded.
pub fn print(programs: &Programs) -> Result<()> {
    let handshakes = made("handshakes", Kind::Handshakes, CONNECTIONS)?;
    let data = made("data", Kind::Data, LONG_CONNECTIONS)?;
    let nothing = per_packet(&programs.parse, &handshakes, &["nothing"])?;
    let parser = |name| -> Result<f64> {
        Ok((per_packet(&programs.parse, &handshakes, &[name])? - nothing) / PARSE_ROUNDS)
    };
    let (ours, etherparse, smoltcp) = (parser("ours")?, parser("etherparse")?, parser("smoltcp")?);
    let counts = [
        ("reading, handshakes", per_packet(&programs.walk, &handshakes, &[])?, READING),
        ("engine, handshakes", per_packet(&programs.engine, &handshakes, &[])?, ENGINE_HANDSHAKES),
        ("engine, data", per_packet(&programs.engine, &data, &[])?, ENGINE_DATA),
        ("TCP header and options: ours", ours, etherparse),
        ("TCP header and options: etherparse", etherparse, f64::INFINITY),
        ("TCP header and options: smoltcp", smoltcp, f64::INFINITY),
    ];
    println!();
    let table = Table::new([("instructions/packet", -40), ("counted", 12), ("limit", 12)]);
    for (what, counted, limit) in counts {
        let limit = if limit.is_finite() { format!("{limit:.0}") } else { "-".into() };
        table.row([what.into(), format!("{counted:.0}"), limit]);
    }
    let above: Vec<_> = counts
        .iter()
        .filter(|(_, counted, limit)| counted > limit)
        .map(|(what, ..)| *what)
        .collect();
    if !above.is_empty() {
        bail!("more than the limit: {}", above.join(", "));
    }
    Ok(())
}

/// Instructions per packet of a run of one of our programs, which prints the number of packets that
/// it read.
pub fn per_packet(program: &Path, capture: &Path, arguments: &[&str]) -> Result<f64> {
    let mut command = Command::new(CALLGRIND[0]);
    command.args(&CALLGRIND[1..]).arg(program).arg(capture).args(arguments);
    let (instructions, printed) = count(&mut command)?;
    let packets = printed.split_whitespace().next().and_then(|word| word.parse::<u64>().ok());
    let packets =
        packets.with_context(|| format!("{} prints no number of packets", program.display()))?;
    Ok(instructions as f64 / packets as f64)
}
