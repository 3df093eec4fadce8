//! `cargo xtask bench`: what the engine costs, beside other tools that do part of its work.
//!
//! Two measures. Seconds of CPU, of programs that run one after the other in rounds, so that a busy
//! machine disturbs all alike; what is stated is the median of the ratios of one round. And
//! instructions, which are the same on any machine of a kind: those have limits.

mod instructions;
mod memory;
mod peers;
mod threads;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::command::{cannot_run, cargo, json_strings, shown};
use crate::packages::{self, TCPDUMP, TCPTRACE, TIME, TSHARK, VALGRIND};
use crate::traffic::{self, Kind};
use crate::wireshark::{make_folder, target_folder};
use crate::workspace_root;

pub use instructions::check as check_instructions;

/// What to measure.
#[derive(Debug)]
pub struct Request {
    /// How many times each program runs.
    pub rounds: usize,
    /// Count instructions instead.
    pub instructions: bool,
    /// Only what memory and cost come to as captures grow, by any of these.
    pub growth: Vec<Growth>,
    /// Captures of the user's own instead of those that are made.
    pub captures: Vec<PathBuf>,
}

/// What there may be more and more of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Growth {
    /// Connections at once.
    Concurrent,
    /// Attempts that nobody answers.
    Flood,
    /// Octets.
    Large,
}

impl Growth {
    /// Every kind with its option on the command line.
    pub const ALL: [(&'static str, Self); 3] =
        [("--concurrent", Self::Concurrent), ("--flood", Self::Flood), ("--large", Self::Large)];
}

/// As many packets as make start-up small beside the work.
const HANDSHAKES: u32 = 96_000;
const DATA: u32 = 8_400;

/// Measures and prints the tables.
pub fn measure(request: &Request) -> Result<(), String> {
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

/// The machine and the day, for whoever keeps the tables.
fn machine() -> String {
    let processors = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let named = |line: &&str| line.starts_with("model name");
    let model = processors.lines().find(named).and_then(|line| line.split(": ").nth(1));
    let cores = std::thread::available_parallelism().map_or(1, Into::into);
    let date = Command::new("date").arg("+%Y-%m-%d").output();
    let date = date.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    format!("{}, {cores} cores, {}", model.unwrap_or("unknown machine"), date.unwrap_or_default())
}

/// Where captures are made.
fn folder() -> Result<PathBuf, String> {
    let folder = target_folder()?.join("bench");
    make_folder(&folder)?;
    Ok(folder)
}

/// A capture of this kind below the target folder, made unless it is there.
fn made(name: &str, kind: Kind, connections: u32) -> Result<PathBuf, String> {
    let folder = folder()?;
    let file = folder.join(format!("{name}-{connections}.pcap"));
    if !file.is_file() {
        eprintln!("xtask: making {}", file.display());
        // Under another name until it is whole.
        let unfinished = file.with_extension("part");
        traffic::write(&unfinished, kind, connections)?;
        std::fs::rename(&unfinished, &file)
            .map_err(|error| crate::wireshark::about(&file, &error))?;
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
    fn build() -> Result<Self, String> {
        eprintln!("xtask: building the command and the benchmarks");
        let command = executables(&["build", "--release", "--package", "tcphs"])?;
        let benches =
            executables(&["build", "--release", "--benches", "--package", "dissector-core"])?;
        let find = |all: &[PathBuf], name: &str| {
            let named = |file: &&PathBuf| {
                let stem = file.file_name().unwrap_or_default().to_string_lossy();
                stem == name || stem.starts_with(&format!("{name}-"))
            };
            all.iter().find(named).cloned().ok_or_else(|| format!("cargo built no `{name}`"))
        };
        Ok(Self {
            tcphs: find(&command, "tcphs")?,
            engine: find(&benches, "engine")?,
            walk: find(&benches, "walk")?,
            parse: find(&benches, "parse")?,
        })
    }
}

/// Runs cargo; the programs it has built.
fn executables(arguments: &[&str]) -> Result<Vec<PathBuf>, String> {
    let mut build = cargo();
    build.args(arguments).args(["--quiet", "--message-format=json-render-diagnostics"]);
    build.current_dir(workspace_root()).stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = build.output().map_err(|error| cannot_run(&build, &error))?;
    if !output.status.success() {
        return Err(format!("`{}`: {}", shown(&build), output.status));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let is_program = |string: &str| string.starts_with('/') && Path::new(string).is_file();
    Ok(json_strings(&text, is_program).into_iter().map(PathBuf::from).collect())
}
