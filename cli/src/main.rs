//! `tcphs`: how the TCP handshake of each connection in a capture went.

mod connections;
mod input;
mod output;
mod packets;
mod rows;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// How the TCP handshake of each connection in a capture went.
///
/// Reads pcap and pcapng. Says for every segment which step of the handshake or of the close it
/// is and what state client and server are in, and for every connection whether it came up.
#[derive(Parser)]
#[command(version, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  tcphs connections capture.pcapng                  one line a connection: did it come up?
  tcphs packets capture.pcapng                      one line a TCP segment: stage and states
  tcphs connections --format jsonl - < capture.pcap  one JSON object a line, from standard input

A state with ? is assumed: the capture cannot show that a segment arrived.
Exit status: 0 done (also for a capture that was cut short, with a warning), 1 cannot read or
write, 2 usage.";

#[derive(Subcommand)]
enum Command {
    /// One row a connection: ends, outcome, how it opened and closed
    Connections(Source),
    /// One row a TCP segment: stage, flags, states of client and server
    Packets(Source),
}

#[derive(Args)]
struct Source {
    /// Capture to read, pcap or pcapng; - for standard input
    file: PathBuf,

    /// How to write the rows
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// For reading
    Table,
    /// One JSON object a line
    Jsonl,
}

fn main() -> ExitCode {
    let result = match &Cli::parse().command {
        Command::Connections(source) => connections::run(&source.file, source.format),
        Command::Packets(source) => packets::run(&source.file, source.format),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads our output has seen enough.
        Err(Failure::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("tcphs: {failure}");
            ExitCode::from(1)
        }
    }
}

/// Why there are no, or not all, results.
enum Failure {
    Read(String),
    Write(io::Error),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Read(what) => f.write_str(what),
            Self::Write(error) => write!(f, "cannot write the output: {error}"),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}
