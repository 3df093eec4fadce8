//! `cargo xtask bench`: what the engine costs, beside other tools that do part of its work.
//!
//! Two measures. Seconds of CPU, of programs that run one after the other in rounds, so that a busy
//! machine disturbs all alike; the figure is the median of the ratios of one round. And
//! instructions, which are the same on any machine of a kind and have limits.

mod instructions;
mod memory;
mod peers;
mod run;
mod threads;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use testkit::command::{built, cargo, stdout_of};
use testkit::folders::{At, made_folder, workspace_root};
use testkit::traffic::{self, Kind};
use testkit::wireshark::packages::{self, TCPDUMP, TCPTRACE, TIME, TSHARK, VALGRIND};

pub use instructions::check as check_instructions;

/// The options of the command.
#[derive(Debug)]
pub struct Request {
    /// The number of runs of each program.
    pub rounds: usize,
    /// Count instructions instead.
    pub instructions: bool,
    /// Only memory and cost of captures that grow in these ways.
    pub growth: Vec<Growth>,
    /// Captures of the user's own instead of generated ones.
    pub captures: Vec<PathBuf>,
}

/// A way in which captures grow.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Growth {
    /// Connections at once.
    Concurrent,
    /// Unanswered SYNs.
    Flood,
    /// Octets.
    Large,
}

impl Growth {
    /// Every way with its option on the command line.
    pub const ALL: [(&'static str, Self); 3] =
        [("concurrent", Self::Concurrent), ("flood", Self::Flood), ("large", Self::Large)];
}

/// Enough packets to make start-up small beside the work.
const HANDSHAKES: u32 = 96_000;
const DATA: u32 = 8_400;

/// Measures and prints the tables.
pub fn measure(request: &Request) -> Result<()> {
    packages::ensure([&TSHARK, &TCPDUMP, &TCPTRACE, &TIME, &VALGRIND])?;
    let programs = Programs::build()?;
    println!("{}", machine());
    if request.instructions {
        return instructions::print(&programs);
    }
    if !request.growth.is_empty() {
        return request.growth.iter().try_for_each(|growth| match growth {
            Growth::Concurrent => memory::concurrent(&programs),
            Growth::Flood => memory::flood(&programs),
            Growth::Large => memory::large(&programs),
        });
    }
    let captures = match &request.captures[..] {
        [] => {
            vec![made("handshakes", Kind::Handshakes, HANDSHAKES)?, made("data", Kind::Data, DATA)?]
        }
        given => given.to_vec(),
    };
    for capture in &captures {
        peers::compare(&programs, capture, request.rounds)?;
    }
    threads::compare(&programs, &captures, request.rounds)
}

/// The machine and the day, to be kept with the tables.
fn machine() -> String {
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let named = |line: &&str| line.starts_with("model name");
    let model = processors.lines().find(named).and_then(|line| line.split(": ").nth(1));
    let cores = std::thread::available_parallelism().map_or(1, Into::into);
    let date = stdout_of(Command::new("date").arg("+%Y-%m-%d")).unwrap_or_default();
    format!("{}, {cores} cores, {}", model.unwrap_or("unknown machine"), date.trim())
}

/// The folder of the captures that are made.
fn folder() -> Result<PathBuf> {
    made_folder("bench")
}

/// A capture of this kind below the target folder, made unless it is there.
fn made(name: &str, kind: Kind, connections: u32) -> Result<PathBuf> {
    let file = folder()?.join(format!("{name}-{connections}.pcap"));
    if !file.is_file() {
        eprintln!("xtask: making {}", file.display());
        // The file has another name until it is complete.
        let unfinished = file.with_extension("part");
        traffic::write(&unfinished, kind, connections)?;
        fs::rename(&unfinished, &file).at(&file)?;
    }
    Ok(file)
}

/// Our own programs, built for release.
struct Programs {
    tcphs: PathBuf,
    engine: PathBuf,
    walk: PathBuf,
    parse: PathBuf,
}

impl Programs {
    fn build() -> Result<Self> {
        eprintln!("xtask: building the command and the benchmarks");
        let release = |arguments: &[&str]| {
            let mut build = cargo();
            build.args(["build", "--release", "--quiet"]).args(arguments);
            build.current_dir(workspace_root());
            built(build)
        };
        let command = release(&["--package", "tcphs"])?;
        let benches = release(&["--benches", "--package", "dissector-core"])?;
        let find = |all: &[PathBuf], name: &str| {
            let named = |file: &&PathBuf| {
                let stem = file.file_name().unwrap_or_default().to_string_lossy();
                stem == name || stem.starts_with(&format!("{name}-"))
            };
            all.iter().find(named).cloned().with_context(|| format!("cargo built no `{name}`"))
        };
        Ok(Self {
            tcphs: find(&command, "tcphs")?,
            engine: find(&benches, "engine")?,
            walk: find(&benches, "walk")?,
            parse: find(&benches, "parse")?,
        })
    }
}
