//! The captures of one point, or of several in its place.

use std::num::NonZero;
use std::path::PathBuf;

use clap::Args;

use super::points::{AtPoint, PointFiles, PointOptions};

/// The captures to read.
#[derive(Args, Clone, Debug)]
pub struct Source {
    /// Captures to read, as one stream in order of time; - for standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// Show hosts by the names that the captures bring along (Name Resolution Blocks of pcapng); other
    /// formats than the table keep the addresses
    #[arg(long)]
    pub names: bool,

    /// Number of threads; the output does not depend on it. The default is 2, or 1 on one core; always 1 for
    /// standard input
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZero<usize>>,
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

    /// Show hosts by the names that the captures bring along (Name Resolution Blocks of pcapng)
    #[arg(long, conflicts_with = "at")]
    pub names: bool,

    // It has no effect here; scripts give it to every command.
    #[arg(long, value_name = "N", hide = true)]
    pub threads: Option<NonZero<usize>>,
}

impl OneOrMore {
    /// The captures of one point.
    pub fn source(&self) -> Source {
        Source { files: self.files.clone(), names: self.names, threads: self.threads }
    }

    /// The captures of one point, or those of the first.
    pub fn of_one_clock(&self) -> Vec<PathBuf> {
        self.points().map_or_else(|| self.files.clone(), |points| points.of_one_clock())
    }

    /// The points, if there are several.
    pub fn points(&self) -> Option<PointFiles> {
        let options = PointOptions { at: self.at.clone(), by_interface: false };
        (!self.at.is_empty()).then(|| PointFiles { files: self.files.clone(), options })
    }
}
