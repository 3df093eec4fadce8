//! `ladder`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::moment::at_least_one;
use super::{FailOn, OneOrMore, Select, TimeShown};

pub const LADDER: &str = "\
Examples:
  tcphs ladder --conn 3 capture.pcapng
  tcphs ladder --failed --max 5 capture.pcapng
  tcphs ladder --conn 3 --format svg --output ticket.svg capture.pcapng
  tcphs ladder --conn 3 --format mermaid capture.pcapng    for Markdown

Numbers are relative to each side's first, as in Wireshark. STATE? is assumed,
STATE is proven by the end's own segments. A dashed arrow was sent before; one
that ends in × is known not to have arrived, or not to have been accepted. Long
runs of data are left out. With --at, times are those of the first point's
clock.";

#[derive(Args, Debug)]
pub struct LadderArgs {
    #[command(flatten)]
    pub captures: OneOrMore,

    #[command(flatten)]
    pub select: Select,

    /// Exit with status 3 if any of them failed
    #[arg(long, value_enum, value_name = "WHAT", help_heading = "Output")]
    pub fail_on: Option<FailOn>,

    /// How to draw
    #[arg(long, value_enum, default_value_t = Drawing::Text, help_heading = "Output")]
    pub format: Drawing,

    /// Times of the text
    #[arg(long, value_enum, value_name = "HOW", default_value_t = TimeShown::Capture, help_heading = "Output")]
    pub time: TimeShown,

    /// How many connections to draw at most; svg and mermaid draw one
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = at_least_one, help_heading = "Output")]
    pub max: usize,

    /// Write to this file instead of standard output
    #[arg(long, short, value_name = "FILE", help_heading = "Output")]
    pub output: Option<PathBuf>,
}

/// How a ladder is drawn.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Drawing {
    /// For the terminal
    Text,
    /// A Mermaid sequence diagram, for Markdown
    Mermaid,
    /// A picture
    Svg,
}
