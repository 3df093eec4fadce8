//! `watch`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Select;

pub const WATCH: &str = "\
Examples:
  tcpdump -U -w - tcp | tcphs watch -
  tcpdump -U -w - tcp | tcphs watch --failed -
  ssh host tcpdump -U -w - 'tcp and not port 22' | tcphs watch -
  tcpdump -U -w - tcp | tcphs watch --format jsonl - | jq -r .outcome

A connection has a line once it is decided: when its handshake is complete, or as soon as it has
failed for certain. Silence is a failure after three seconds; `?` says that nothing came in the
meantime to tell the time by. A later line says what it was before. Ctrl-C ends with a triage.

Capture both directions and every flag: a filter for SYNs alone loses the final ACK, and every
connection looks as if it had failed.";

#[derive(Args, Debug)]
pub struct WatchArgs {
    /// The capture to watch: - for standard input, a named pipe, or a file
    #[arg(value_name = "FILE", default_value = "-")]
    pub file: PathBuf,

    #[command(flatten)]
    pub select: Select,

    /// How to write connections
    #[arg(long, value_enum, default_value_t = WatchFormat::Text)]
    pub format: WatchFormat,

    /// Write a line with totals to standard error every so many seconds; on a terminal, they stand in the
    /// last line anyway
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    pub totals: Option<u32>,

    /// At the end of a file, wait for more
    #[arg(long)]
    pub follow: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum WatchFormat {
    /// A line for reading
    Text,
    /// One JSON object per line, with the names of `tcphs connections`
    Jsonl,
}
