//! The command line.

mod annotate;
pub mod bare;
mod compare;
mod explain;
mod ladder;
mod moment;
pub mod palette;
mod points;
mod report;
mod rows;
mod select;
mod source;
mod triage;
mod watch;

use std::path::PathBuf;

use anstyle::Style;
use clap::builder::Styles;
use clap::{Parser, Subcommand, ValueEnum};

pub use self::annotate::AnnotateArgs;
pub use self::compare::{ClockCorrection, CompareArgs, FailOnWay, MergeArgs};
pub use self::explain::{CountedOf, ExplainArgs, Prose};
pub use self::ladder::{Drawing, LadderArgs};
pub use self::moment::Moment;
#[cfg(feature = "arrow")]
pub use self::moment::long_enough;
pub use self::points::{AtPoint, PointCounters, PointFiles, PointOptions, SEPARATOR};
pub use self::report::ReportArgs;
pub use self::rows::{
    ConnectionArgs, FailOn, Format, PacketArgs, RowArgs, ServerArgs, ServerOrder, TimeShown,
    Timestamps,
};
pub use self::select::{Numbers, Select, Span};
pub use self::source::{OneOrMore, Source};
pub use self::triage::{Report, TriageArgs};
pub use self::watch::{WatchArgs, WatchFormat};

const STYLES: Styles = Styles::styled()
    .header(Style::new().bold())
    .usage(Style::new().bold())
    .literal(palette::TEAL.on_default())
    .placeholder(palette::GREEN.on_default());

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
  tcphs capture.pcapng                        what is wrong, what to do first
  tcphs connections capture.pcapng            did they come up?
  tcphs connections --failed capture.pcapng   only those that did not
  tcphs ladder --conn 3 capture.pcapng        draw connection 3
  tcphs explain --conn 3 capture.pcapng       why, and what to check next
  tcphs servers capture.pcapng                which servers fail, how often
  tcphs compare client.pcapng server.pcapng   what was lost between two points
"
    };
}

const EXAMPLES: &str = concat!(examples!(), "`tcphs help COMMAND` says more about each.");

const LONG: &str = concat!(
    examples!(),
    "  tcpdump -U -w - tcp | tcphs packets -       every segment as it comes

`tcphs help COMMAND` says more about each.

Terms:
  client, server  the sender of the first SYN, and the host it was sent to
  outcome         how the handshake went: complete, no_reply, refused,
                  unreachable, no_final_ack, not_accepted, …;
                  `tcphs explain` says what each means
  failed          the connection did not come up
  STATE?          an assumed state: a capture cannot show that a segment arrived

Width:
  What is for reading fits the terminal: columns for which there is no room are
  left out. In a pipe or a file, tables are as wide as they need to be. COLUMNS,
  if it is exported, is the width of all of them.

Exit status:
  0  success, also for a capture that was cut short (with a warning)
  1  something could not be read or written
  2  the command line is invalid
  3  a connection failed, and --fail-on was given"
);

#[derive(Debug, Subcommand)]
pub enum Command {
    /// At first sight: what failed, what it has in common, and what to do first; also `tcphs FILE`
    #[command(after_help = triage::TRIAGE)]
    Triage(TriageArgs),
    /// One row per connection: did it come up, and if not, why
    #[command(after_help = rows::CONNECTIONS)]
    Connections(ConnectionArgs),
    /// One row per TCP segment: its step, its flags, the states of client and server
    // Threads would have no effect; scripts give them to every command.
    #[command(after_help = rows::PACKETS, mut_arg("threads", |threads| threads.hide(true)))]
    Packets(PacketArgs),
    /// A ladder diagram: who sent what when, and the states it led to
    #[command(after_help = ladder::LADDER)]
    Ladder(LadderArgs),
    /// One row per server: how many attempts it had, and what became of them
    #[command(after_help = rows::SERVERS)]
    Servers(ServerArgs),
    /// Prose: what happened to a connection, what it means, what to check next
    #[command(after_help = explain::EXPLAIN)]
    Explain(ExplainArgs),
    /// Captures of two points: what was lost, changed or answered in between
    #[command(after_help = compare::COMPARE)]
    Compare(CompareArgs),
    /// A page for the browser, for people without tcphs: what failed, when, why, and what to do
    #[command(after_help = report::REPORT)]
    Report(ReportArgs),
    /// One capture of several points: an interface a point, in order of time
    #[command(after_help = compare::MERGE)]
    Merge(MergeArgs),
    /// The capture with the verdicts as packet comments, which any Wireshark shows
    #[command(after_help = annotate::ANNOTATE)]
    Annotate(AnnotateArgs),
    /// Connections of a live capture, each as soon as it is decided
    #[command(after_help = watch::WATCH)]
    Watch(WatchArgs),
}

impl Command {
    /// Which connections are wanted, and the captures whose first frame `--since` and `--until` may count
    /// from: those of one clock.
    pub fn selection(&mut self) -> Option<(&mut Select, Vec<PathBuf>)> {
        match self {
            Self::Triage(triage) => Some((&mut triage.select, triage.source.files.clone())),
            Self::Connections(ConnectionArgs { rows, .. })
            | Self::Packets(PacketArgs { rows, .. })
            | Self::Servers(ServerArgs { rows, .. }) => {
                Some((&mut rows.select, rows.source.files.clone()))
            }
            Self::Ladder(ladder) => Some((&mut ladder.select, ladder.captures.of_one_clock())),
            Self::Explain(explain) => Some((&mut explain.select, explain.captures.of_one_clock())),
            Self::Compare(compare) => Some((&mut compare.select, compare.points.of_one_clock())),
            Self::Report(report) => Some((&mut report.select, report.captures.of_one_clock())),
            Self::Annotate(annotate) => Some((&mut annotate.select, annotate.files.clone())),
            Self::Watch(watch) => Some((&mut watch.select, vec![watch.file.clone()])),
            Self::Merge(_) => None,
        }
    }
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
