//! Points of capture, and the counters of hosts next to them.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;

/// Captures of several points on the way.
#[derive(Args, Clone, Debug, Default)]
pub struct PointFiles {
    /// The captures of two points, that of the client's side first; - for standard input
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,

    #[command(flatten)]
    pub options: PointOptions,
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

impl PointFiles {
    /// The captures of the first point, or all of them if they are of one clock.
    pub fn of_one_clock(&self) -> Vec<PathBuf> {
        match (&self.options.at[..], &self.files[..]) {
            ([first, ..], _) => {
                let alike = self.options.at.iter().filter(|at| at.name == first.name);
                alike.map(|at| at.file.clone()).collect()
            }
            ([], files) if self.options.by_interface => files.to_vec(),
            ([], files) => files.iter().take(1).cloned().collect(),
        }
    }
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
