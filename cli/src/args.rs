//! The command line.

use std::net::IpAddr;
use std::num::NonZero;
use std::path::PathBuf;
use std::str::FromStr;

use anstyle::{AnsiColor, Style};
use clap::builder::{PossibleValuesParser, Styles, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use dissector_core::compare::Path;
use dissector_core::connection::Outcome;

const STYLES: Styles = Styles::styled()
    .header(Style::new().bold())
    .usage(Style::new().bold())
    .literal(AnsiColor::Cyan.on_default())
    .placeholder(AnsiColor::Green.on_default());

/// Which TCP connections of a capture came up, which failed, and why.
///
/// Reads captures (pcap, pcapng) and says of every connection how its handshake went, of every
/// segment which step it is and what state client and server are in, and of every server how
/// often it could be reached.
#[derive(Debug, Parser)]
#[command(name = "tcphs", version, styles = STYLES, after_help = EXAMPLES, after_long_help = LONG)]
#[command(arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,

    /// Colours in the output
    #[arg(long, global = true, value_enum, default_value_t = Colour::Auto, value_name = "WHEN")]
    pub color: Colour,
}

macro_rules! examples {
    () => {
        "\
Examples:
  tcphs connections capture.pcapng               did they come up?
  tcphs connections --failed capture.pcapng      only those that did not
  tcphs ladder --conn 3 capture.pcapng           draw connection 3
  tcphs explain --conn 3 capture.pcapng          what happened to it, and what to check next
  tcphs servers capture.pcapng                   which servers fail, and how often
  tcphs compare client.pcapng server.pcapng      what was lost between two points
"
    };
}

const EXAMPLES: &str = concat!(examples!(), "`tcphs help COMMAND` says more about each.");

const LONG: &str = concat!(
    examples!(),
    "  tcpdump -U -w - tcp | tcphs packets -          every segment as it comes

`tcphs help COMMAND` says more about each.

Terms:
  client, server  the sender of the first SYN, and the host it was sent to
  outcome         how the handshake went: complete, no_reply, refused, unreachable, no_final_ack,
                  not_accepted, …; `tcphs explain` says what each means
  failed          the connection did not come up
  STATE?          an assumed state: the capture cannot show that a segment arrived

Exit status:
  0  success, also for a capture that was cut short (with a warning)
  1  something could not be read or written
  2  the command line is invalid
  3  a connection failed, and --fail-on was given"
);

#[derive(Debug, Subcommand)]
pub enum Command {
    /// One row per connection: did it come up, and if not, why
    #[command(after_help = CONNECTIONS)]
    Connections(RowArgs),
    /// One row per TCP segment: its step, its flags, the states of client and server
    #[command(after_help = PACKETS)]
    Packets(RowArgs),
    /// A ladder diagram: who sent what when, and the states it led to
    #[command(after_help = LADDER)]
    Ladder(LadderArgs),
    /// One row per server: how many attempts it had, and what became of them
    #[command(after_help = SERVERS)]
    Servers(RowArgs),
    /// Prose: what happened to a connection, what it means, what to check next
    #[command(after_help = EXPLAIN)]
    Explain(ExplainArgs),
    /// Captures of two points: what was lost, changed or answered in between
    #[command(after_help = COMPARE)]
    Compare(CompareArgs),
    /// One capture of several points: an interface a point, in order of time
    #[command(after_help = MERGE)]
    Merge(MergeArgs),
}

const CONNECTIONS: &str = "\
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

const PACKETS: &str = "\
Examples:
  tcphs packets capture.pcapng
  tcphs packets --conn 3 capture.pcapng
  tcphs packets --failed --format csv --output failed.csv capture.pcapng
  tcpdump -U -w - tcp | tcphs packets -

With --failed or --outcome, captures are read twice: how a connection went is known at its end.";

const LADDER: &str = "\
Examples:
  tcphs ladder --conn 3 capture.pcapng
  tcphs ladder --failed --max 5 capture.pcapng
  tcphs ladder --conn 3 --format svg --output ticket.svg capture.pcapng
  tcphs ladder --conn 3 --format mermaid capture.pcapng    for Markdown

Numbers are relative to each side's first, as in Wireshark. STATE? is assumed, STATE is proven by
the end's own segments. A dashed arrow was sent before; one that ends in × is known not to have
arrived, or not to have been accepted. Long runs of data are left out.";

const SERVERS: &str = "\
Examples:
  tcphs servers capture.pcapng
  tcphs servers --port 443 --format csv capture.pcapng

RTT is the time from a SYN to its SYN/ACK: from where the capture was taken to the server and
back. Set-up is from the first SYN to the ACK that completes the handshake, retries included.";

const EXPLAIN: &str = "\
Examples:
  tcphs explain --conn 3 capture.pcapng
  tcphs explain --failed --max 3 capture.pcapng
  tcphs explain --host 10.0.0.2 --outcome not_accepted capture.pcapng
  tcphs explain --conn 3 --nstat before.txt after.txt capture.pcapng
  tcphs explain --conn 3 --nstat server=before.txt,after.txt --at client=a.pcap --at server=b.pcap

With --nstat, counters of the server's or the client's kernel say which causes agree with them:
  nstat -az > before.txt; tcpdump -w capture.pcap tcp; nstat -az > after.txt";

const COMPARE: &str = "\
Examples:
  tcphs compare client.pcapng server.pcapng
  tcphs compare --at client=a1.pcap.gz --at client=a2.pcap.gz --at server=b.pcap
  tcphs compare --by-interface firewall.pcapng
  tcphs compare --path syn_lost --path synack_lost client.pcapng server.pcapng
  tcphs compare --format jsonl client.pcapng server.pcapng | jq 'select(.lost_to_server > 0)'
  tcphs compare --fail-on lost client.pcapng server.pcapng || echo 'something was lost'
  tcphs compare --nstat server=before.txt,after.txt client.pcapng server.pcapng

The clocks of the points may be hours apart: how far is found out from the segments that both
have seen. → is the way to the server, ← the way to the client. Losses are counted only where both
points were capturing; `-` says that they cannot be counted.";

const MERGE: &str = "\
Examples:
  tcphs merge client.pcap server.pcap --output both.pcapng
  tcphs merge --at client=a1.pcap.gz --at client=a2.pcap.gz --at server=b.pcap -o both.pcapng

The output is a pcapng file. Each point is an interface of it; one with several interfaces has one
of each, named POINT/INTERFACE. Frames, their comments and their other options are as they were.";

/// The captures to read.
#[derive(Args, Clone, Debug)]
pub struct Source {
    /// Captures to read, as one stream in order of time; - for standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// Number of threads; the output does not depend on it. The default is 2, or 1 on one core;
    /// always 1 for standard input, packets, ladder and explain
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZero<usize>>,
}

/// Captures of several points on the way.
#[derive(Args, Clone, Debug, Default)]
pub struct PointFiles {
    /// The captures of two points, that of the client's side first; - for standard input
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,

    #[command(flatten)]
    pub options: PointOptions,
}

/// The captures of one point, or of several.
#[derive(Args, Clone, Debug)]
pub struct OneOrMore {
    /// Captures to read, as one stream in order of time; - for standard input
    #[arg(required_unless_present = "at", value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// A point and a capture of it, as in client=a.pcap, in place of FILE: shows what happened between
    /// the points. Repeat it for other points, and with the same name for further files of one
    #[arg(long, value_name = "NAME=FILE")]
    pub at: Vec<AtPoint>,

    /// Number of threads; the output does not depend on it. The default is 2, or 1 on one core;
    /// always 1 for standard input, packets, ladder and explain
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZero<usize>>,
}

impl OneOrMore {
    /// The captures of one point.
    pub fn source(&self) -> Source {
        Source { files: self.files.clone(), threads: self.threads }
    }

    /// The points, if there are several.
    pub fn points(&self) -> Option<PointFiles> {
        let options = PointOptions { at: self.at.clone(), by_interface: false };
        (!self.at.is_empty()).then(|| PointFiles { files: self.files.clone(), options })
    }
}

/// Names of points, and their captures.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Points of capture")]
pub struct PointOptions {
    /// A point and a capture of it, as in client=a.pcap; repeat it for other points, and with the
    /// same name for further files of one
    #[arg(long, value_name = "NAME=FILE", conflicts_with = "by_interface")]
    pub at: Vec<AtPoint>,

    /// The interfaces of the capture are the points
    #[arg(long)]
    pub by_interface: bool,
}

/// What separates the name of a point from that of its interface.
pub const SEPARATOR: char = '/';

/// The value of `--at`: the name of a point, and a capture of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AtPoint {
    pub name: String,
    pub file: PathBuf,
}

impl FromStr for AtPoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((name, file)) = text.split_once('=') else {
            return Err("write the point in front of its capture, as in client=a.pcap".into());
        };
        let name = name.trim();
        if name.is_empty() {
            return Err(format!("the point has no name; write one, as in client={file}"));
        }
        if name.contains(|letter: char| letter == SEPARATOR || letter.is_control()) {
            return Err(format!(
                "a name has no {SEPARATOR} in it, nor control characters; {SEPARATOR} is written \
                 between a point and its interface"
            ));
        }
        if file.is_empty() {
            return Err(format!("the point has no capture; write one, as in {name}=a.pcap"));
        }
        Ok(Self { name: name.into(), file: file.into() })
    }
}

/// The value of `--nstat` with points: the name of a point, and two outputs of the host next to it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PointCounters {
    pub name: String,
    pub before: PathBuf,
    pub after: PathBuf,
}

impl FromStr for PointCounters {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let example = "as in --nstat server=before.txt,after.txt";
        let Some((name, files)) = text.split_once('=') else {
            return Err(format!(
                "{text}: with points, say which one the host is next to, {example}"
            ));
        };
        let name = name.trim();
        if name.is_empty() {
            return Err(format!("the point has no name; write one, {example}"));
        }
        match &files.split(',').collect::<Vec<_>>()[..] {
            ["", ..] | [.., ""] | [_] => Err(format!(
                "{name}: two outputs are needed, of before and after the capture, with a comma in between, \
                 {example}"
            )),
            [before, after] => {
                Ok(Self { name: name.into(), before: before.into(), after: after.into() })
            }
            _ => Err(format!("{name}: more than one comma; no file may have one in its name")),
        }
    }
}

/// Which connections are wanted.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Which connections (repeat an option for more)")]
pub struct Select {
    /// Those that did not come up
    #[arg(long)]
    pub failed: bool,

    /// Those with this outcome
    #[arg(long, value_name = "NAME", value_parser = outcome_parser(), hide_possible_values = false)]
    pub outcome: Vec<Outcome>,

    /// Those with this address as client or server
    #[arg(long, value_name = "ADDR")]
    pub host: Vec<IpAddr>,

    /// Those with this port at either end
    #[arg(long, value_name = "N")]
    pub port: Vec<u16>,

    /// The connection with this number
    #[arg(long, value_name = "N")]
    pub conn: Vec<u32>,
}

fn outcome_parser() -> impl TypedValueParser<Value = Outcome> {
    let labels = Outcome::ALL.iter().map(|outcome| outcome.label());
    PossibleValuesParser::new(labels).try_map(|label| label.parse())
}

fn path_parser() -> impl TypedValueParser<Value = Path> {
    let labels = Path::ALL.iter().map(|path| path.label());
    PossibleValuesParser::new(labels).try_map(|label| label.parse())
}

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
    #[arg(long, value_name = "NAME=BEFORE,AFTER", conflicts_with = "by_interface")]
    pub nstat: Vec<PointCounters>,

    /// Exit with status 3 if any of them failed, or lost a segment between the points
    #[arg(long, value_enum, value_name = "WHAT")]
    pub fail_on: Vec<FailOnWay>,

    /// How to write the rows
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,

    /// Write to this file instead of standard output
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct LadderArgs {
    #[command(flatten)]
    pub captures: OneOrMore,

    #[command(flatten)]
    pub select: Select,

    /// Exit with status 3 if any of them failed
    #[arg(long, value_enum, value_name = "WHAT")]
    pub fail_on: Option<FailOn>,

    /// How to draw
    #[arg(long, value_enum, default_value_t = Drawing::Text)]
    pub format: Drawing,

    /// How many connections to draw at most; svg and mermaid draw one
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub max: usize,

    /// Write to this file instead of standard output
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct ExplainArgs {
    #[command(flatten)]
    pub captures: OneOrMore,

    #[command(flatten)]
    pub select: Select,

    /// Exit with status 3 if any of them failed
    #[arg(long, value_enum, value_name = "WHAT")]
    pub fail_on: Option<FailOn>,

    /// What the kernel of one host counted: two outputs of `nstat -az` (or of /proc/net/netstat and
    /// /proc/net/snmp) on it, from before and after the capture. With --at: NAME=BEFORE,AFTER, those of the
    /// host next to the point NAME; may be repeated for the other end
    #[arg(long, num_args = 1..=2, value_names = ["BEFORE", "AFTER"])]
    pub nstat: Vec<PathBuf>,

    /// The host that the outputs are of; without it, the server, unless they can only be the client's
    #[arg(long, value_enum, requires = "nstat", value_name = "SIDE")]
    pub nstat_of: Option<CountedOf>,

    /// How many connections to explain at most
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub max: usize,

    /// Write to this file instead of standard output
    #[arg(long, short, value_name = "FILE")]
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
pub enum Drawing {
    /// For the terminal
    Text,
    /// A Mermaid sequence diagram, for Markdown
    Mermaid,
    /// A picture
    Svg,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum CountedOf {
    /// The sender of the first SYN
    Client,
    /// The host it was sent to
    Server,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum FailOn {
    /// A connection that did not come up
    Failed,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum FailOnWay {
    /// A connection that did not come up
    Failed,
    /// A segment that was lost between the points
    Lost,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Colour {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    Always,
    Never,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
