//! `tcphs packets`: one row a TCP segment.

use std::net::SocketAddr;

use dissector_core::Segment;
use dissector_core::connection::{Annotation, Repeat};

use crate::args::RowArgs;
use crate::choose;
use crate::filter::Filter;
use crate::follow;
use crate::input::Input;
use crate::output::{Output, RowWriter};
use crate::rows::PacketRow;
use crate::style::{FAINT, stage_style};
use crate::{Done, Failure};

pub fn run(arguments: &RowArgs) -> Result<Done, Failure> {
    let filter = Filter::new(&arguments.select);
    let by_outcome = match filter.needs_the_outcome() {
        true => Some(choose::by_outcome(&arguments.source, &filter)?),
        false => None,
    };
    let mut writer = match arguments.row_format() {
        Some(format) => Writer::Rows(RowWriter::new::<PacketRow<'_>>(format, arguments.output()?)?),
        None => {
            let output = Output::open(arguments.output()?)?;
            Writer::Table { output, start_ns: None, ends: ENDS }
        }
    };
    let input = Input::open(&arguments.source, !arguments.writes_to_terminal())?;
    if input.is_live() {
        writer.row_by_row();
    }
    let mut failed = false;
    let mut connections = 0;
    let ending = follow::steps(
        input,
        &mut writer,
        |writer, step| {
            let connection = step.connection;
            let wanted = match &by_outcome {
                Some(numbers) => numbers.contains(connection.id()),
                None => {
                    filter.takes_ends(connection.id(), [connection.client(), connection.server()])
                }
            };
            let Some(segment) = step.segment().filter(|_| wanted) else { return Ok(()) };
            match writer {
                Writer::Rows(rows) => {
                    rows.write(&PacketRow::new(step.file, segment, step.seen, connection))
                }
                Writer::Table { output, start_ns, ends } => {
                    let now_ns = segment.packet.time_ns;
                    let line = line(segment, step.seen, start_ns.unwrap_or(now_ns), ends);
                    if start_ns.is_none() {
                        *start_ns = Some(now_ns);
                        output.text(&header(*ends))?;
                    }
                    Ok(output.text(&line)?)
                }
            }
        },
        |_, connection, now_ns| {
            connections += 1;
            let outcome = connection.verdict_at(now_ns).outcome;
            failed |= outcome.failed() && filter.takes(connection, outcome);
            Ok(())
        },
    )?;
    match writer {
        Writer::Rows(rows) => rows.finish()?,
        Writer::Table { mut output, start_ns, ends } => {
            if start_ns.is_none() {
                output.text(&header(ends))?;
            }
            output.flush()?;
        }
    }
    ending.report()?;
    choose::known(&arguments.select, connections)?;
    Ok(Done::unless(arguments.select.fail_on.is_some() && failed))
}

enum Writer {
    Rows(RowWriter),
    Table {
        output: Output,
        start_ns: Option<i64>,
        /// Columns of the two ends of a segment.
        ends: usize,
    },
}

impl Writer {
    fn row_by_row(&mut self) {
        match self {
            Self::Rows(rows) => rows.row_by_row(),
            Self::Table { output, .. } => output.row_by_row(),
        }
    }
}

/// Columns of the two ends of a segment at first.
const ENDS: usize = 48;

/// Written with the first line, when as much is known of the widths as will be.
fn header(ends: usize) -> String {
    format!(
        "{:>6} {:>12} {:>5}  {:<ends$} {:<5} {:<5} {:<28} {:<14} Server\n",
        "Frame", "Time", "Conn", "Segment", "Flags", "Step", "Stage", "Client"
    )
}

/// Ends that need more columns than those before have them from then on.
fn line(segment: &Segment<'_>, seen: &Annotation, start_ns: i64, ends: &mut usize) -> String {
    let (packet, tcp) = (&segment.packet, &segment.tcp);
    let source = SocketAddr::new(packet.source, tcp.source_port);
    let destination = SocketAddr::new(packet.destination, tcp.destination_port);
    let copy = match seen.copy {
        Repeat::Original => String::new(),
        copy => format!(" ({copy})"),
    };
    let between = format!("{source} → {destination}");
    let width = between.chars().count().max(*ends);
    *ends = width;
    let (stage, states) = (stage_style(seen.stage), FAINT);
    format!(
        "{:>6} {:>12.6} {:>5}  {between:<width$} {:<5} {stage}{:<5} {:<28}{stage:#} {states}{:<14} {}{states:#}\n",
        packet.frame,
        packet.time_ns.saturating_sub(start_ns) as f64 / 1e9,
        seen.connection,
        tcp.flags.tcpdump().to_string(),
        seen.stage.step().unwrap_or(""),
        format!("{}{copy}", seen.stage.name()),
        seen.client,
        seen.server,
    )
}
