//! `explain`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};

use super::moment::at_least_one;
use super::{FailOn, OneOrMore, PointCounters, Select};

pub const EXPLAIN: &str = "\
Examples:
  tcphs explain --conn 3 capture.pcapng
  tcphs explain --failed --max 3 capture.pcapng
  tcphs explain --host 10.0.0.2 --outcome not_accepted capture.pcapng
  tcphs explain --conn 3 --format markdown --output ticket.md capture.pcapng
  tcphs explain --conn 3 --nstat before.txt after.txt capture.pcapng
  tcphs explain --conn 3 --nstat server=before.txt,after.txt \\
    --at client=a.pcap --at server=b.pcap

With --nstat, counters of the server's or the client's kernel say which causes
agree with them:
  nstat -az > before.txt; tcpdump -w capture.pcap tcp; nstat -az > after.txt";

#[derive(Args, Debug)]
pub struct ExplainArgs {
    #[command(flatten)]
    pub captures: OneOrMore,

    #[command(flatten)]
    pub select: Select,

    /// Exit with status 3 if any of them failed
    #[arg(long, value_enum, value_name = "WHAT", help_heading = "Output")]
    pub fail_on: Option<FailOn>,

    /// What the kernel of one host counted: two outputs of `nstat -az` (or of /proc/net/netstat and
    /// /proc/net/snmp) on it, from before and after the capture. With --at: NAME=BEFORE,AFTER, those of the
    /// host next to the point NAME; may be repeated for the other end
    #[arg(long, num_args = 1..=2, value_names = ["BEFORE", "AFTER"])]
    pub nstat: Vec<PathBuf>,

    /// The host that the outputs are of; without it, the server, unless they can only be the client's
    #[arg(
        long,
        value_enum,
        requires = "nstat",
        value_name = "SIDE",
        help_heading = "Counters of the kernel"
    )]
    pub nstat_of: Option<CountedOf>,

    /// How to write it
    #[arg(long, value_enum, default_value_t = Prose::Text, help_heading = "Output")]
    pub format: Prose,

    /// How many connections to explain at most
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = at_least_one, help_heading = "Output")]
    pub max: usize,

    /// Write to this file instead of standard output
    #[arg(long, short, value_name = "FILE", help_heading = "Output")]
    pub output: Option<PathBuf>,
}

impl ExplainArgs {
    /// The outputs of the host of one capture.
    pub fn outputs(&self) -> Result<Option<[&PathBuf; 2]>, String> {
        match &self.nstat[..] {
            [] => Ok(None),
            [before, after] if self.nstat_is_once() => Ok(Some([before, after])),
            [only] if PointCounters::from_str(&only.to_string_lossy()).is_ok() => Err(format!(
                "--nstat {} is for several points: name these with --at, or write --nstat BEFORE AFTER",
                only.display()
            )),
            _ => Err("--nstat takes two outputs of one host: --nstat BEFORE AFTER".into()),
        }
    }

    /// Neither of two values is that of a point.
    fn nstat_is_once(&self) -> bool {
        let is_of_point = |text: &PathBuf| PointCounters::from_str(&text.to_string_lossy()).is_ok();
        !self.nstat.iter().all(is_of_point)
    }

    /// The outputs of the hosts next to points.
    pub fn outputs_of_points(&self) -> Result<Vec<PointCounters>, String> {
        self.nstat.iter().map(|text| text.to_string_lossy().parse()).collect()
    }
}

/// How an explanation is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Prose {
    /// For the terminal
    Text,
    /// For a ticket: with the commands as blocks to copy, and the ladder as a Mermaid diagram
    Markdown,
    /// For programs: an array with an object a connection, in sections with names that stay
    Json,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum CountedOf {
    /// The sender of the first SYN
    Client,
    /// The host it was sent to
    Server,
}
