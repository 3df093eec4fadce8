//! `connections`, `packets` and `servers`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::moment::interval;
use super::{Select, Source};

pub const CONNECTIONS: &str = "\
Examples:
  tcphs connections capture.pcapng
  tcphs connections --outcome no_reply --outcome refused capture.pcapng
  tcphs connections --host 10.0.0.0/8 --port 443 monday.pcap.gz tuesday.pcap.gz
  tcphs connections --since 10:15 --until 10:20 --time utc capture.pcapng
  tcphs connections --format jsonl capture.pcapng |
    jq 'select(.setup_time_ns > 1e9)'
  tcphs connections --format parquet --output rows.parquet capture.pcapng
  tcphs connections --failed --fail-on failed capture.pcapng || echo 'failed'

`table` is sorted by connection; the other formats write a row when a
connection is over, and those still open at the end. In them, names are those of
Wireshark's fields without `tcphs.`, times are nanoseconds, and frame numbers
are those of Wireshark. jq rounds times since 1970 in nanoseconds; with
--timestamps rfc3339, `first` and `last` stand beside `first_ns` and `last_ns`.";

pub const PACKETS: &str = "\
Examples:
  tcphs packets capture.pcapng
  tcphs packets --conn 3 --handshake --time delta capture.pcapng
  tcphs packets --failed --format csv --output failed.csv capture.pcapng
  tcpdump -U -w - tcp | tcphs packets -

With --failed or --outcome, captures are read twice: how a connection went is
known at its end. On a narrow terminal, addresses stand on lines of their own:
→ is a segment of the client, ← one of the server.";

pub const SERVERS: &str = "\
Examples:
  tcphs servers capture.pcapng
  tcphs servers --sort rate capture.pcapng
  tcphs servers --every 1m --port 443 capture.pcapng
  tcphs servers --port 443 --format csv capture.pcapng

RTT is the time from a SYN to its SYN/ACK: from where the capture was taken to
the server and back. Set-up is from the first SYN to the ACK that completes the
handshake, retries included.";

/// `connections`.
#[derive(Args, Debug)]
pub struct ConnectionArgs {
    #[command(flatten)]
    pub rows: RowArgs,

    /// Times of the table
    #[arg(long, value_enum, value_name = "HOW", default_value_t = TimeShown::Capture, help_heading = "Output")]
    pub time: TimeShown,

    /// Further columns with times as text
    #[arg(long, value_enum, value_name = "FORM", help_heading = "Output")]
    pub timestamps: Option<Timestamps>,
}

/// `packets`.
#[derive(Args, Debug)]
pub struct PacketArgs {
    #[command(flatten)]
    pub rows: RowArgs,

    /// Only the steps of handshakes and closes, and RSTs: segments that have a stage
    #[arg(long, help_heading = "Output")]
    pub handshake: bool,

    /// Times of the table
    #[arg(long, value_enum, value_name = "HOW", default_value_t = TimeShown::Capture, help_heading = "Output")]
    pub time: TimeShown,

    /// Further columns with times as text
    #[arg(long, value_enum, value_name = "FORM", help_heading = "Output")]
    pub timestamps: Option<Timestamps>,
}

/// `servers`.
#[derive(Args, Debug)]
pub struct ServerArgs {
    #[command(flatten)]
    pub rows: RowArgs,

    /// The order of the rows; with --every, of those of one interval
    #[arg(long, value_enum, value_name = "BY", default_value_t = ServerOrder::Attempts, help_heading = "Output")]
    pub sort: ServerOrder,

    /// A row for each server and interval of this length (30s, 1m, 1h30m) in which a connection to it began;
    /// other intervals have no row. They begin at whole multiples of their length since 1970 UTC
    #[arg(long, value_name = "TIME", value_parser = interval, help_heading = "Output")]
    pub every: Option<Duration>,

    /// A further column with the time as text, with --every
    #[arg(long, value_enum, value_name = "FORM", requires = "every", help_heading = "Output")]
    pub timestamps: Option<Timestamps>,
}

/// The times of a table.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum TimeShown {
    /// Seconds since the capture's first frame, whatever is shown of it
    Capture,
    /// Seconds since the previous row that is shown
    Delta,
    /// The time of day, in UTC (RFC 3339)
    Utc,
}

/// Times as text, beside those in nanoseconds.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Timestamps {
    /// 2026-01-02T10:00:00.123456789Z, in columns named without `_ns`
    Rfc3339,
}

/// The order of servers.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum ServerOrder {
    /// Most attempts first
    Attempts,
    /// Most failed attempts first
    Failed,
    /// Highest share of failed attempts first
    Rate,
    /// Slowest mean round trip first
    Rtt,
    /// Slowest set-up first
    Setup,
    /// By address and port
    Address,
}

/// For commands that write rows.
#[derive(Args, Debug)]
pub struct RowArgs {
    #[command(flatten)]
    pub source: Source,

    #[command(flatten)]
    pub select: Select,

    /// Exit with status 3 if any of them failed
    #[arg(long, value_enum, value_name = "WHAT", help_heading = "Output")]
    pub fail_on: Option<FailOn>,

    /// How to write the rows
    #[arg(long, value_enum, default_value_t = Format::Table, help_heading = "Output")]
    pub format: Format,

    /// Write to this file instead of standard output
    #[arg(long, short, value_name = "FILE", help_heading = "Output")]
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
    /// Arrow, for a program that has the command inside
    #[cfg(feature = "arrow")]
    #[value(skip)]
    Batches,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum FailOn {
    /// A connection that did not come up
    Failed,
}
