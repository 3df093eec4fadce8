//! Instructions, counted by callgrind, and the limits that they are held to.

use std::path::Path;
use std::process::{Command, Stdio};

use super::{Programs, made};
use crate::command::{cannot_run, shown};
use crate::cost::{CALLGRIND, collected};
use crate::packages::{self, VALGRIND};
use crate::traffic::Kind;

/// Few enough for callgrind, many enough that start-up is little beside them.
const CONNECTIONS: u32 = 5_000;
const LONG_CONNECTIONS: u32 = 700;

/// How many times the segments of a capture are parsed by `benches/parse.rs`.
const PARSE_ROUNDS: f64 = 20.0;

/// One number with its limit.
struct Count {
    what: &'static str,
    per_packet: f64,
    /// The most that is allowed, on the machines that CI has. About a twentieth above what it was
    /// when it was last looked at.
    limit: f64,
}

/// Fails when a limit is exceeded.
pub fn check() -> Result<(), String> {
    packages::ensure([&VALGRIND])?;
    print(&Programs::build()?)
}

/// Counts, prints a table, and fails when a limit is exceeded.
pub fn print(programs: &Programs) -> Result<(), String> {
    let counts = count(programs)?;
    println!("\n{:<40} {:>12} {:>12}", "instructions/packet", "counted", "limit");
    for count in &counts {
        let limit = match count.limit.is_finite() {
            true => format!("{:.0}", count.limit),
            false => "-".to_owned(),
        };
        println!("{:<40} {:>12.0} {limit:>12}", count.what, count.per_packet);
    }
    let above: Vec<_> = counts
        .iter()
        .filter(|count| count.per_packet > count.limit)
        .map(|count| count.what)
        .collect();
    if above.is_empty() {
        Ok(())
    } else {
        Err(format!("more than the limit: {}", above.join(", ")))
    }
}

fn count(programs: &Programs) -> Result<Vec<Count>, String> {
    let handshakes = made("handshakes", Kind::Handshakes, CONNECTIONS)?;
    let data = made("data", Kind::Data, LONG_CONNECTIONS)?;
    let per_packet = |program: &Path, capture: &Path, arguments: &[&str]| {
        let counted = counted(program, capture, arguments)?;
        Ok::<f64, String>(counted.instructions as f64 / counted.packets as f64)
    };
    let nothing = per_packet(&programs.parse, &handshakes, &["nothing"])?;
    let parser = |name| {
        let counted = per_packet(&programs.parse, &handshakes, &[name])?;
        Ok::<f64, String>((counted - nothing) / PARSE_ROUNDS)
    };
    let etherparse = parser("etherparse")?;
    let unlimited = f64::INFINITY;
    Ok(vec![
        Count {
            what: "reading, handshakes",
            per_packet: per_packet(&programs.walk, &handshakes, &[])?,
            limit: READING,
        },
        Count {
            what: "engine, handshakes",
            per_packet: per_packet(&programs.engine, &handshakes, &[])?,
            limit: ENGINE_HANDSHAKES,
        },
        Count {
            what: "engine, data",
            per_packet: per_packet(&programs.engine, &data, &[])?,
            limit: ENGINE_DATA,
        },
        Count {
            what: "TCP header and options: ours",
            per_packet: parser("ours")?,
            limit: etherparse,
        },
        Count {
            what: "TCP header and options: etherparse",
            per_packet: etherparse,
            limit: unlimited,
        },
        Count {
            what: "TCP header and options: smoltcp",
            per_packet: parser("smoltcp")?,
            limit: unlimited,
        },
    ])
}

const READING: f64 = 335.0;
const ENGINE_HANDSHAKES: f64 = 1_035.0;
const ENGINE_DATA: f64 = 800.0;

/// What a run of one of our programs came to.
pub struct Counted {
    pub instructions: u64,
    pub packets: u64,
}

/// Runs one of our programs under callgrind.
pub fn counted(program: &Path, capture: &Path, arguments: &[&str]) -> Result<Counted, String> {
    let mut command = Command::new(CALLGRIND[0]);
    command.args(&CALLGRIND[1..]);
    command.arg(program).arg(capture).args(arguments).stdin(Stdio::null());
    let output = command.output().map_err(|error| cannot_run(&command, &error))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let instructions = collected(&said).filter(|_| output.status.success());
    let printed = String::from_utf8_lossy(&output.stdout);
    let packets = printed.split_whitespace().next().and_then(|word| word.parse().ok());
    match (instructions, packets) {
        (Some(instructions), Some(packets)) => Ok(Counted { instructions, packets }),
        _ => Err(format!("`{}`: {}: {}", shown(&command), output.status, said.trim())),
    }
}
