//! `connections`, `packets` and `servers`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{Select, Source};

pub const CONNECTIONS: &str = "\
Examples:
  tcphs connections capture.pcapng
  tcphs connections --outcome no_reply --outcome refused capture.pcapng
  tcphs connections --host 10.0.0.2 --port 443 monday.pcap.gz tuesday.pcap.gz
  tcphs connections --format jsonl capture.pcapng | jq 'select(.setup_time_ns > 1e9)'
  tcphs connections --format parquet --output rows.parquet capture.pcapng
  tcphs connections --failed --fail-on failed capture.pcapng || echo 'something failed'

`table` is sorted by connection; the other formats write a row when a connection is over, and
those still open at the end. In them, names are those of Wireshark's fields without `tcphs.`,
times are nanoseconds, and frame numbers are those of Wireshark.";

pub const PACKETS: &str = "\
Examples:
  tcphs packets capture.pcapng
  tcphs packets --conn 3 capture.pcapng
  tcphs packets --failed --format csv --output failed.csv capture.pcapng
  tcpdump -U -w - tcp | tcphs packets -

With --failed or --outcome, captures are read twice: how a connection went is known at its end.";

pub const SERVERS: &str = "\
Examples:
  tcphs servers capture.pcapng
  tcphs servers --port 443 --format csv capture.pcapng

RTT is the time from a SYN to its SYN/ACK: from where the capture was taken to the server and
back. Set-up is from the first SYN to the ACK that completes the handshake, retries included.";

/// For commands that write rows.
#[derive(Args, Debug)]
pub struct RowArgs {
    #[command(flatten)]
    pub source: Source,

    #[command(flatten)]
    pub select: Select,

    /// Exit with status 3 if any of them failed
    #[arg(long, value_enum, value_name = "WHAT")]
    pub fail_on: Option<FailOn>,

    /// How to write the rows
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,

    /// Write to this file instead of standard output
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Format {
    /// For reading
    Table,
    /// One JSON object per line
    Jsonl,
    /// Comma-separated values with a header line
    Csv,
    /// Apache Parquet
    Parquet,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum FailOn {
    /// A connection that did not come up
    Failed,
}
