//! `report`.

use std::path::PathBuf;

use clap::Args;

use super::{FailOn, OneOrMore, Select};

pub const REPORT: &str = "\
Examples:
  tcphs report capture.pcapng --output report.html
  tcphs report monday.pcap.gz tuesday.pcap.gz --output report.html
  tcphs report --redact --output for-the-vendor.html capture.pcapng
  tcphs report --host 10.0.0.2 --output report.html capture.pcapng
  tcphs report --at client=a.pcap --at server=b.pcap --output report.html

The page is one file that needs no network and no tcphs: send it by mail, open it in a browser, print
it. It holds no payload. --redact replaces addresses and names, always the same by the same; ports,
times and numbers stay. Captures are read twice.";

#[derive(Args, Debug)]
pub struct ReportArgs {
    #[command(flatten)]
    pub captures: OneOrMore,

    #[command(flatten)]
    pub select: Select,

    /// Replace addresses and the names of files, and leave out the texts of RSTs
    #[arg(long)]
    pub redact: bool,

    /// Exit with status 3 if any of them failed
    #[arg(long, value_enum, value_name = "WHAT")]
    pub fail_on: Option<FailOn>,

    /// Write to this file instead of standard output
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}
