//! `tcphs connections`: one row a connection.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use dissector_core::connection::{Close, ClosedBy, Connection, Outcome, States, Verdict};

use crate::args::RowArgs;
use crate::choose;
use crate::filter::Filter;
use crate::follow::{self, Ended};
use crate::input::Input;
use crate::output::table::{Align, Shown, Title, lay_out};
use crate::output::{MadeRows, Output, RowFormat, RowWriter, count, duration};
use crate::rows::ConnectionRow;
use crate::style::outcome_style;
use crate::{Done, Failure};

pub fn run(arguments: &RowArgs) -> Result<Done, Failure> {
    let filter = Filter::new(&arguments.select);
    // The table comes when all is read; rows would run into the progress bar.
    let all_at_the_end = arguments.row_format().is_none();
    let input = Input::open(&arguments.source, all_at_the_end || !arguments.writes_to_terminal())?;
    let names = input.names();
    let format = arguments.row_format();
    let (mut failed, mut connections) = (false, 0);
    let ending = match format {
        Some(format) => {
            let mut rows = RowWriter::new::<ConnectionRow<'_>>(format, arguments.output()?)?;
            if input.is_live() {
                rows.row_by_row();
            }
            let ending = follow::connections(
                input,
                &names,
                |ended, made: &mut Made<'_>| made.add(&filter, Some(format), ended),
                |made| {
                    failed |= made.failed;
                    connections += std::mem::take(&mut made.connections);
                    rows.write_made(&mut made.rows)
                },
            )?;
            rows.finish()?;
            ending
        }
        None => {
            let mut output = Output::open(arguments.output()?)?;
            let mut lines = Vec::new();
            let ending = follow::connections(
                input,
                &names,
                |ended, made: &mut Made<'_>| made.add(&filter, None, ended),
                |made| {
                    failed |= made.failed;
                    connections += std::mem::take(&mut made.connections);
                    lines.append(&mut made.lines);
                    Ok(())
                },
            )?;
            lines.sort_unstable_by_key(|line| line.conn);
            let text = table(&lines, output.columns());
            output.text(&text)?;
            output.flush()?;
            ending
        }
    };
    ending.report()?;
    choose::known(&arguments.select, connections)?;
    Ok(Done::unless(arguments.select.fail_on.is_some() && failed))
}

/// What was made of connections that are wanted.
#[derive(Default)]
struct Made<'n> {
    /// How many there were, wanted or not.
    connections: u64,
    rows: MadeRows<ConnectionRow<'n>>,
    lines: Vec<Line>,
    /// Whether one of them failed.
    failed: bool,
}

impl<'n> Made<'n> {
    /// The row of a connection, if it is wanted; without a format, its line of the table.
    fn add(&mut self, filter: &Filter, format: Option<RowFormat>, ended: Ended<'n, '_>) {
        let Ended { connection, file, now_ns } = ended;
        self.connections += 1;
        let verdict = connection.verdict_at(now_ns);
        if !filter.takes(connection, verdict.outcome) {
            return;
        }
        self.failed |= verdict.outcome.failed();
        match format {
            Some(format) => self.rows.add(format, ConnectionRow::new(file, connection, &verdict)),
            None => self.lines.push(Line::new(connection, &verdict)),
        }
    }
}

/// What the table shows of a connection: kept until all are there, so small.
struct Line {
    conn: u32,
    client: SocketAddr,
    server: SocketAddr,
    outcome: Outcome,
    close: Close,
    closed_by: Option<ClosedBy>,
    client_state: States,
    server_state: States,
    syn_count: u16,
    setup_time_ns: Option<u64>,
    first_ns: i64,
    packets: u64,
}

impl Line {
    fn new(connection: &Connection, verdict: &Verdict) -> Self {
        Self {
            conn: connection.id(),
            client: connection.client(),
            server: connection.server(),
            outcome: verdict.outcome,
            close: verdict.close,
            closed_by: verdict.closed_by,
            client_state: connection.client_state(),
            server_state: connection.server_state(),
            syn_count: verdict.syn_count,
            setup_time_ns: verdict.times.setup_time_ns,
            first_ns: connection.first_ns(),
            packets: connection.packets(),
        }
    }

    fn cells(&self, start_ns: i64) -> Vec<Shown> {
        let close = match self.closed_by {
            Some(by) => format!("{} by {by}", self.close),
            None => self.close.to_string(),
        };
        vec![
            self.conn.into(),
            format!("{:.6}", self.first_ns.saturating_sub(start_ns) as f64 / 1e9).into(),
            self.client.into(),
            self.server.into(),
            Shown::styled(self.outcome, outcome_style(self.outcome)),
            self.setup_time_ns.map_or_else(|| "-".into(), duration).into(),
            self.syn_count.into(),
            close.into(),
            self.client_state.into(),
            self.server_state.into(),
            self.packets.into(),
        ]
    }
}

const TITLES: &[Title] = &[
    Title("Conn", Align::Right),
    Title("Time", Align::Right),
    Title("Client", Align::Left),
    Title("Server", Align::Left),
    Title("Outcome", Align::Left),
    Title("Set-up", Align::Right),
    Title("SYNs", Align::Right),
    Title("Close", Align::Left),
    Title("Client state", Align::Left),
    Title("Server state", Align::Left),
    Title("Packets", Align::Right),
];

/// Columns to leave out on a narrow terminal, in this order.
const DISPENSABLE: &[&str] =
    &["Packets", "Client state", "Server state", "Time", "SYNs", "Close", "Set-up"];

/// The table, and what it comes to.
fn table(lines: &[Line], columns: Option<usize>) -> String {
    let start_ns = lines.iter().map(|line| line.first_ns).min().unwrap_or(0);
    let rows: Vec<_> = lines.iter().map(|line| line.cells(start_ns)).collect();
    let mut by_outcome = BTreeMap::new();
    for line in lines {
        by_outcome.entry(line.outcome.number()).or_insert((line.outcome, 0_u64)).1 += 1;
    }
    let parts: Vec<_> =
        by_outcome.values().map(|(outcome, number)| format!("{number} {outcome}")).collect();
    let sum = count(lines.len() as u64, "connection");
    let colon = if parts.is_empty() { "" } else { ": " };
    let rows = lay_out(TITLES, &rows, columns, DISPENSABLE);
    format!("{rows}\n{sum}{colon}{}\n", parts.join(", "))
}
