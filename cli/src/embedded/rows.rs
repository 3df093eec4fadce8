//! Rows as Arrow batches.

use std::sync::Arc;
use std::time::Duration;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use clap::ValueEnum;
use dissector_core::connection::{Connection, Verdict};

use super::question::each;
use super::{Error, Question, carry_out};
use crate::args::{Command, CompareArgs, ConnectionArgs, Format, PacketArgs, RowArgs, ServerArgs};
use crate::args::{ServerOrder, TimeShown, long_enough};
use crate::compare::CompareRow;
use crate::output::batch::{Batches, schema};
use crate::output::row::Row;
use crate::rows::connections::ConnectionRow;
use crate::rows::packets::PacketRow;
use crate::rows::servers::{IntervalRow, ServerRow};
use crate::surroundings::Program;

/// A kind of rows: the command that writes them, and its options.
#[derive(Clone, Debug)]
pub enum Rows {
    /// One row a connection.
    Connections,
    /// One row a segment.
    Packets {
        /// Only those that have a stage.
        handshake: bool,
    },
    /// One row a server.
    Servers {
        /// By what they are sorted, as the command names it.
        sort: Option<String>,
        /// One row for a server and each interval of this length.
        every: Option<Duration>,
    },
    /// One row a connection between two points.
    Compare {
        /// What happened between the points, as the command names it.
        path: Vec<String>,
    },
}

impl Rows {
    /// The names and types of the columns.
    pub fn schema(&self) -> SchemaRef {
        schema(match self {
            Self::Connections => ConnectionRow::COLUMNS,
            Self::Packets { .. } => PacketRow::COLUMNS,
            Self::Servers { every: None, .. } => ServerRow::COLUMNS,
            Self::Servers { every: Some(_), .. } => IntervalRow::COLUMNS,
            Self::Compare { .. } => CompareRow::COLUMNS,
        })
    }

    fn command(&self, question: &Question) -> Result<Command, Error> {
        let select = question.select()?;
        if let Self::Compare { path } = self {
            return Ok(Command::Compare(CompareArgs {
                points: question.point_files(),
                select,
                path: each("path", path)?,
                nstat: Vec::new(),
                fail_on: Vec::new(),
                format: Format::Batches,
                output: None,
            }));
        }
        let (source, format) = (question.source(), Format::Batches);
        let rows = RowArgs { source, select, fail_on: None, format, output: None };
        let (time, timestamps) = (TimeShown::Capture, None);
        Ok(match self {
            Self::Packets { handshake } => {
                Command::Packets(PacketArgs { rows, handshake: *handshake, time, timestamps })
            }
            Self::Servers { sort, every } => {
                let sort = sort.as_deref().unwrap_or("attempts");
                let sort = ServerOrder::from_str(sort, false)
                    .map_err(|_| Error::Question(format!("sort={sort:?}: {}", orders())))?;
                if let Some(every) = every {
                    long_enough(*every)
                        .map_err(|wrong| Error::Question(format!("every: {wrong}")))?;
                }
                Command::Servers(ServerArgs { rows, sort, every: *every, timestamps })
            }
            _ => Command::Connections(ConnectionArgs { rows, time, timestamps }),
        })
    }
}

fn orders() -> String {
    let names = ServerOrder::value_variants().iter().filter_map(ValueEnum::to_possible_value);
    let names: Vec<_> = names.map(|name| name.get_name().to_owned()).collect();
    format!("write one of {}", names.join(", "))
}

/// Hands the rows out in batches, in the order of the command's. `on_batch` returns `false` to end it.
///
/// # Errors
/// If the question cannot be answered, or a capture not be read. The rows up to there have been handed out.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::mpsc::channel;
///
/// use tcphs_command::embedded::{Program, Question, Rows, rows};
///
/// let (sender, receiver) = channel();
/// let program = Arc::new(Program::new());
/// let question = Question::of(["../samples/accept-queue-full.pcapng"]);
/// rows(&program, &question, &Rows::Connections, move |batch| sender.send(batch).is_ok())?;
/// let batch = receiver.recv()?;
/// assert_eq!(batch.schema(), Rows::Connections.schema());
/// assert_eq!(batch.num_rows(), 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn rows(
    program: &Arc<Program>,
    question: &Question,
    rows: &Rows,
    on_batch: impl FnMut(RecordBatch) -> bool + Send + 'static,
) -> Result<(), Error> {
    let command = rows.command(question)?;
    program.on_batch(Box::new(on_batch));
    carry_out(program, command)
}

/// Makes batches of connections that were followed elsewhere, with the same columns.
pub struct ConnectionBatches(Batches);

/// Makes batches of connections that were followed elsewhere.
pub fn connection_batches() -> ConnectionBatches {
    ConnectionBatches(Batches::new(ConnectionRow::COLUMNS))
}

impl ConnectionBatches {
    /// Adds the row of a connection whose first segment is in `file`.
    pub fn add(&mut self, file: &str, connection: &Connection, verdict: &Verdict) -> bool {
        self.0.push(&ConnectionRow::new(file, connection, verdict))
    }

    /// The rows since the last batch.
    pub fn take(&mut self) -> Option<RecordBatch> {
        self.0.take().ok().flatten()
    }
}
