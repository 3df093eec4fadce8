//! `triage`, which is also what `tcphs FILE` does.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{FailOn, Select, Source};

pub const TRIAGE: &str = "\
Examples:
  tcphs capture.pcapng
  tcphs triage --host 10.0.0.2 monday.pcap.gz tuesday.pcap.gz
  tcphs triage --format json capture.pcapng | jq -r '.groups[] | .title'
  tcphs triage --fail-on failed capture.pcapng || echo 'something failed'

First what the capture itself says, and what limits the answers. Then what failed, grouped by what
it has in common: each group with one explanation, the best evidence, and the next command to type.
Then what came up and stayed silent, and what came up slowly. Scans, floods and backscatter are
named as such and are no failures.";

#[derive(Args, Debug)]
pub struct TriageArgs {
    #[command(flatten)]
    pub source: Source,

    #[command(flatten)]
    pub select: Select,

    /// Exit with status 3 if any of them failed
    #[arg(long, value_enum, value_name = "WHAT")]
    pub fail_on: Option<FailOn>,

    /// How to write the result
    #[arg(long, value_enum, default_value_t = Report::Text)]
    pub format: Report,

    /// Write to this file instead of standard output
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Report {
    /// For reading
    Text,
    /// One JSON object
    Json,
}
