//! A question about captures, and connections in them.

use std::num::NonZero;
use std::path::PathBuf;
use std::str::FromStr;

use dissector_core::connection::Outcome;

use super::Error;
use crate::args::{AtPoint, Numbers, OneOrMore, Select};
#[cfg(feature = "arrow")]
use crate::args::{PointFiles, PointOptions, Source};

/// Captures, and the connections in them that are wanted.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// Captures that are read as one stream.
    pub files: Vec<PathBuf>,
    /// In their place, names of points with a capture of each.
    pub at: Vec<(String, PathBuf)>,
    /// The interfaces of the captures are the points.
    pub by_interface: bool,
    /// Which connections are wanted.
    pub choice: Choice,
    /// Number of threads; the answer does not depend on it.
    pub threads: Option<NonZero<usize>>,
}

/// Which connections are wanted, as the options of the command say it: `["10.0.0.0/8"]`, `["3", "5-9"]`,
/// `"+10s"`. Values of one option are alternatives; a connection has to match every option.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// Those that did not come up.
    pub failed: bool,
    /// Those with one of these outcomes.
    pub outcome: Vec<String>,
    /// Those with one of these addresses or networks.
    pub host: Vec<String>,
    /// Those with one of these ports.
    pub port: Vec<u16>,
    /// Those with one of these numbers.
    pub conn: Vec<String>,
    /// Those whose first segment was captured at this time or later.
    pub since: Option<String>,
    /// Those whose first segment was captured before this time.
    pub until: Option<String>,
}

impl Question {
    /// A question about every connection of these captures.
    pub fn of(files: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        Self { files: files.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    #[cfg(feature = "arrow")]
    pub(super) fn source(&self) -> Source {
        Source { files: self.files.clone(), names: false, threads: self.threads }
    }

    pub(super) fn captures(&self) -> OneOrMore {
        OneOrMore {
            files: self.files.clone(),
            at: self.points(),
            names: false,
            threads: self.threads,
        }
    }

    #[cfg(feature = "arrow")]
    pub(super) fn point_files(&self) -> PointFiles {
        let options = PointOptions { at: self.points(), by_interface: self.by_interface };
        PointFiles { files: self.files.clone(), options }
    }

    fn points(&self) -> Vec<AtPoint> {
        let point =
            |(name, file): &(String, PathBuf)| AtPoint { name: name.clone(), file: file.clone() };
        self.at.iter().map(point).collect()
    }

    pub(super) fn select(&self) -> Result<Select, Error> {
        let Choice { failed, outcome, host, port, conn, since, until } = &self.choice;
        Ok(Select {
            failed: *failed,
            outcome: each::<Outcome>("outcome", outcome)?,
            host: each("host", host)?,
            port: port.clone(),
            conn: each::<Numbers>("conn", conn)?,
            since: each("since", since)?.pop(),
            until: each("until", until)?.pop(),
            ..Select::default()
        })
    }
}

/// The values that these texts name.
pub(super) fn each<'t, T: FromStr<Err: ToString>>(
    option: &str,
    texts: impl IntoIterator<Item = &'t String>,
) -> Result<Vec<T>, Error> {
    let value = |text: &String| {
        let value = text.parse();
        value.map_err(|error: T::Err| {
            Error::Question(format!("{option}={text:?}: {}", error.to_string()))
        })
    };
    texts.into_iter().map(value).collect()
}
