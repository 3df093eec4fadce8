//! The answers of the command for a program that has it inside: Python.
//!
//! A [`Question`] names captures and connections, as a command line does; [`rows()`], [`ladder`] and
//! [`explain`] answer it for a [`Program`], which hears warnings and progress and can end the reading.
//!
//! ```
//! use std::sync::Arc;
//!
//! use tcphs_command::embedded::{Drawing, Program, Question, ladder};
//!
//! let program = Arc::new(Program::new());
//! let question = Question::of(["../samples/no-reply.pcapng"]);
//! let drawn = ladder(&program, &question, Drawing::Text, 1)?;
//! assert!(drawn.contains("no_reply"));
//! assert!(program.take_warnings().is_empty());
//! # Ok::<(), tcphs_command::embedded::Error>(())
//! ```

mod question;
#[cfg(feature = "arrow")]
mod rows;

use std::sync::Arc;

pub use self::question::{Choice, Question};
#[cfg(feature = "arrow")]
pub use self::rows::{ConnectionBatches, Rows, connection_batches, rows};
use crate::args::{Command, ExplainArgs, LadderArgs, TimeShown};
pub use crate::args::{Drawing, Prose};
pub use crate::reading::input::not_decoded;
pub use crate::reading::start::of_stream as first_frame_ns;
pub use crate::surroundings::Program;
use crate::{Failure, Unreadable};

/// Why there is no answer, or only a part of one.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// A capture cannot be read.
    Unreadable {
        /// As the question names it; `None` if it is not one of its captures.
        file: Option<String>,
        /// The error of the operating system, if it is one.
        os_error: Option<i32>,
        /// A sentence with the name.
        text: String,
    },
    /// The question cannot be answered.
    Question(String),
    /// The program ended the reading.
    Interrupted,
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreadable { text, .. } | Self::Question(text) => f.write_str(text),
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}

impl std::error::Error for Error {}

impl Error {
    /// Nothing failed if the program wants no more.
    fn of(failure: Failure) -> Option<Self> {
        Some(match failure {
            Failure::Read(Unreadable { file, os_error, text }) => {
                Self::Unreadable { file, os_error, text }
            }
            Failure::Usage(text) => Self::Question(text),
            Failure::Interrupted => Self::Interrupted,
            Failure::Write(error) if crate::reader_is_gone(&error) => return None,
            failure => Self::Question(failure.to_string()),
        })
    }
}

/// The ladders of up to `max` connections; of one in a picture.
///
/// # Errors
/// If the question cannot be answered, or a capture not be read.
pub fn ladder(
    program: &Arc<Program>,
    question: &Question,
    format: Drawing,
    max: usize,
) -> Result<String, Error> {
    let arguments = LadderArgs {
        captures: question.captures(),
        select: question.select()?,
        fail_on: None,
        format,
        time: TimeShown::Capture,
        max,
        output: None,
    };
    text(program, Command::Ladder(arguments))
}

/// The explanations of up to `max` connections.
///
/// # Errors
/// If the question cannot be answered, or a capture not be read.
pub fn explain(
    program: &Arc<Program>,
    question: &Question,
    format: Prose,
    max: usize,
) -> Result<String, Error> {
    let arguments = ExplainArgs {
        captures: question.captures(),
        select: question.select()?,
        fail_on: None,
        nstat: Vec::new(),
        nstat_of: None,
        format,
        max,
        output: None,
    };
    text(program, Command::Explain(arguments))
}

fn text(program: &Arc<Program>, command: Command) -> Result<String, Error> {
    carry_out(program, command)?;
    Ok(String::from_utf8_lossy(&program.take_output()).into_owned())
}

fn carry_out(program: &Arc<Program>, mut command: Command) -> Result<(), Error> {
    match program.within(|| crate::run(&mut command)) {
        Ok(_) => Ok(()),
        Err(failure) => Error::of(failure).map_or(Ok(()), Err),
    }
}
