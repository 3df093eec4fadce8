//! `tcphs`: how the TCP handshake of each connection in a capture went.
//!
//! [`main`] is the command. [`embedded`] has its answers for programs: the rows as Arrow batches, ladders and
//! explanations as text.

mod args;
mod compare;
mod counted;
pub mod embedded;
mod explain;
mod journey;
mod ladder;
mod output;
mod reading;
mod report;
mod rewrite;
mod rows;
mod surroundings;
mod timeline;
mod triage;
mod watch;

use std::io::{self, IsTerminal};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

use crate::args::{Cli, Colour, Command, Format, RowArgs, Timestamps, bare};
use crate::output::RowFormat;
use crate::output::row::Stamps;
use crate::reading::{input, interrupt};
use crate::rewrite::{annotate, merge};
use crate::rows::{connections, packets, servers};

/// Carries out what the command line of the process asks for.
pub fn main() -> ExitCode {
    let mut cli = match bare::with_command(wild::args_os().collect()) {
        Ok(words) => Cli::parse_from(words),
        Err(neither) => {
            warn(&neither);
            return ExitCode::from(2);
        }
    };
    match cli.color {
        Colour::Auto => anstream::ColorChoice::Auto,
        Colour::Always => anstream::ColorChoice::Always,
        Colour::Never => anstream::ColorChoice::Never,
    }
    .write_global();
    interrupt::watch();
    let failure = match run(&mut cli.command) {
        Ok(Done::Well) => return ExitCode::SUCCESS,
        Ok(Done::FailOn) => return ExitCode::from(3),
        // The reader of the output has seen enough.
        Err(Failure::Write(error)) if reader_is_gone(&error) => return ExitCode::SUCCESS,
        Err(failure) => failure,
    };
    warn(&failure.to_string());
    ExitCode::from(match failure {
        Failure::Usage(_) => 2,
        Failure::Interrupted => interrupt::STATUS,
        Failure::Read(_) | Failure::Create(_) | Failure::Write(_) => 1,
    })
}

/// Carries out a command.
fn run(command: &mut Command) -> Result<Done, Failure> {
    if let Some((select, files)) = command.selection() {
        select.place(&files)?;
    }
    match command {
        Command::Triage(arguments) => triage::run(arguments),
        Command::Connections(arguments) => connections::run(arguments),
        Command::Packets(arguments) => packets::run(arguments),
        Command::Ladder(arguments) => ladder::run(arguments),
        Command::Servers(arguments) => servers::run(arguments),
        Command::Explain(arguments) => explain::run(arguments),
        Command::Compare(arguments) => compare::run(arguments),
        Command::Report(arguments) => report::run(arguments),
        Command::Merge(arguments) => merge::run(arguments),
        Command::Annotate(arguments) => annotate::run(arguments),
        Command::Watch(arguments) => watch::run(arguments),
    }
}

/// Whether a write failed because the other end of the pipe is closed.
fn reader_is_gone(error: &io::Error) -> bool {
    /// What Windows says where the pipe has a name, as `Pipe not connected`.
    const PIPE_NOT_CONNECTED: i32 = 233;
    error.kind() == io::ErrorKind::BrokenPipe
        || cfg!(windows) && error.raw_os_error() == Some(PIPE_NOT_CONNECTED)
}

/// How a command that did its work ends.
enum Done {
    Well,
    /// There is a connection that `--fail-on` asks for.
    FailOn,
}

impl Done {
    fn on(fails: bool) -> Self {
        if fails { Self::FailOn } else { Self::Well }
    }
}

/// Why results are missing or incomplete.
enum Failure {
    Read(Unreadable),
    Create(String),
    Write(io::Error),
    /// The command line cannot be carried out.
    Usage(String),
    Interrupted,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Read(unreadable) => f.write_str(&unreadable.text),
            Self::Usage(what) => f.write_str(what),
            Self::Create(what) => write!(f, "cannot write {what}"),
            Self::Write(error) => write!(f, "cannot write the output: {error}"),
            Self::Interrupted => f.write_str("interrupted; the output ends where reading did"),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

/// A file that cannot be read.
struct Unreadable {
    /// As it was named.
    file: Option<String>,
    /// What the operating system says, if it cannot be read at all.
    os_error: Option<i32>,
    /// A sentence with its name.
    text: String,
}

impl Unreadable {
    /// A failure of the operating system.
    fn by_system(file: &Path, error: &io::Error) -> Failure {
        let file = file.display().to_string();
        let text = format!("{file}: {error}");
        Failure::Read(Self { file: Some(file), os_error: error.raw_os_error(), text })
    }

    /// A failure that a sentence tells.
    fn told(text: String) -> Failure {
        Failure::Read(Self { file: None, os_error: None, text })
    }
}

/// Warns the user.
fn warn(text: &str) {
    surroundings::warn_in(surroundings::program().as_deref(), text);
}

impl Format {
    /// The format of rows; `None` for the table.
    fn of_rows(self, stamps: Stamps) -> Option<RowFormat> {
        match self {
            Self::Table => None,
            Self::Jsonl => Some(RowFormat::Jsonl(stamps)),
            Self::Csv => Some(RowFormat::Csv(stamps)),
            Self::Parquet => Some(RowFormat::Parquet),
            #[cfg(feature = "arrow")]
            Self::Batches => Some(RowFormat::Batches),
        }
    }
}

impl RowArgs {
    /// The format of rows; `None` for the table.
    fn row_format(&self, timestamps: Option<Timestamps>) -> Result<Option<RowFormat>, Failure> {
        let stamps = match (timestamps, self.format) {
            (None, _) => Stamps::NanosecondsOnly,
            (Some(Timestamps::Rfc3339), Format::Jsonl | Format::Csv) => Stamps::Rfc3339,
            (Some(_), Format::Table) => {
                return Err(Failure::Usage(
                    "--timestamps is for --format jsonl and csv; a table has --time utc".into(),
                ));
            }
            (Some(_), _) => {
                return Err(Failure::Usage(
                    "--timestamps is for --format jsonl and csv; Parquet holds every nanosecond"
                        .into(),
                ));
            }
        };
        Ok(self.format.of_rows(stamps))
    }

    fn writes_to_terminal(&self) -> bool {
        self.output.is_none() && io::stdout().is_terminal()
    }

    /// The file to write to; an error if it is also read.
    fn output(&self) -> Result<Option<&Path>, Failure> {
        let output = self.output.as_deref();
        input::keep_apart(output, &self.source.files)?;
        Ok(output)
    }
}
