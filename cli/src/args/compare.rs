//! `compare` and `merge`.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use dissector_core::compare::Path;

use super::{Format, PointCounters, PointFiles, Select};

pub const COMPARE: &str = "\
Examples:
  tcphs compare client.pcapng server.pcapng
  tcphs compare --at client=a1.pcap.gz --at client=a2.pcap --at server=b.pcap
  tcphs compare --by-interface firewall.pcapng
  tcphs compare --path syn_lost --path synack_lost client.pcapng server.pcapng
  tcphs compare --format jsonl client.pcapng server.pcapng |
    jq 'select(.lost_to_server > 0)'
  tcphs compare --fail-on lost client.pcapng server.pcapng || echo 'lost'
  tcphs compare --nstat server=before.txt,after.txt client.pcapng server.pcapng

The clocks of the points may be hours apart: how far is found out from the
segments that both have seen. → is the way to the server, ← the way to the
client. Losses are counted only where both points were capturing; `-` says that
they cannot be counted.";

pub const MERGE: &str = "\
Examples:
  tcphs merge client.pcap server.pcap --output both.pcapng
  tcphs merge --at client=a1.pcap --at client=a2.pcap --at server=b.pcap \\
    -o both.pcapng

The output is a pcapng file. Each point is an interface of it; one with several
interfaces has one of each, named POINT/INTERFACE. Frames, their comments and
their other options are as they were.";

fn path_parser() -> impl TypedValueParser<Value = Path> {
    let labels = Path::ALL.iter().map(|path| path.label());
    PossibleValuesParser::new(labels).try_map(|label| label.parse())
}

#[derive(Args, Debug)]
pub struct CompareArgs {
    #[command(flatten)]
    pub points: PointFiles,

    #[command(flatten)]
    pub select: Select,

    /// Those to which this happened between the points
    #[arg(long, value_name = "NAME", value_parser = path_parser(),
          help_heading = "Which connections (repeat an option for more)")]
    pub path: Vec<Path>,

    /// What the kernel of the host next to a point counted: two outputs of `nstat -az` on it, from before and
    /// after the capture, as in server=before.txt,after.txt; repeat it for the other end
    #[arg(
        long,
        value_name = "NAME=BEFORE,AFTER",
        conflicts_with = "by_interface",
        help_heading = "Counters of the kernel"
    )]
    pub nstat: Vec<PointCounters>,

    /// Exit with status 3 if any of them failed, or lost a segment between the points
    #[arg(long, value_enum, value_name = "WHAT", help_heading = "Output")]
    pub fail_on: Vec<FailOnWay>,

    /// How to write the rows
    #[arg(long, value_enum, default_value_t = Format::Table, help_heading = "Output")]
    pub format: Format,

    /// Write to this file instead of standard output
    #[arg(long, short, value_name = "FILE", help_heading = "Output")]
    pub output: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct MergeArgs {
    #[command(flatten)]
    pub points: PointFiles,

    /// What to do about clocks that are apart
    #[arg(long, value_enum, default_value_t = ClockCorrection::First, value_name = "HOW")]
    pub clock: ClockCorrection,

    /// Write to this file instead of standard output
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum ClockCorrection {
    /// All times are put on the clock of the first point; the captures are read twice
    First,
    /// Times are as each point wrote them
    None,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum FailOnWay {
    /// A connection that did not come up
    Failed,
    /// A segment that was lost between the points
    Lost,
}
