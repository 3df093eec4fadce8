//! `annotate`.

use std::path::PathBuf;

use clap::Args;

use super::{Select, Source};

pub const ANNOTATE: &str = "\
Examples:
  tcphs annotate capture.pcapng --output annotated.pcapng
  tcphs annotate --failed capture.pcap.gz --output annotated.pcapng
  tcphs annotate --remove annotated.pcapng --output without.pcapng

The output is a pcapng file with the same packets. In any Wireshark, the comments of the selected
packet stand on top of its details; frame.comment contains \"tcphs:\" finds them. Comments of others
stay, and those of an earlier run are replaced. Captures are read twice: how a connection went is
known at its end.";

#[derive(Args, Debug)]
pub struct AnnotateArgs {
    /// Captures to read, as one stream in order of time
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,

    #[command(flatten)]
    pub select: Select,

    /// Take out the comments of an earlier run, and write none
    #[arg(long, conflicts_with_all = ["failed", "outcome", "host", "port", "conn", "since", "until"])]
    pub remove: bool,

    /// Write to this file instead of standard output
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

impl AnnotateArgs {
    /// The captures.
    pub fn source(&self) -> Source {
        Source { files: self.files.clone(), threads: None, names: false }
    }
}
