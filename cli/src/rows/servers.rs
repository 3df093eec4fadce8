//! `tcphs servers`: one row per server.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use dissector_core::connection::{ColourRole, FailureColumn, Verdict};
use dissector_core::{ClosedConnection, ServerTally, follow_map};

use crate::args::{ServerArgs, ServerOrder};
use crate::output::Sink;
use crate::output::row::{Cell, Column, Elapsed, Instant, Row, Visit, row};
use crate::output::style::colour_style;
use crate::output::table::{Align, Layout, Shown, Title};
use crate::output::time::rfc3339;
use crate::output::units::duration;
use crate::reading::input::Input;
use crate::{Done, Failure};

pub fn run(arguments: &ServerArgs) -> Result<Done, Failure> {
    let rows = &arguments.rows;
    let select = &rows.select;
    let mut servers: HashMap<(i64, SocketAddr), ServerTally> = HashMap::new();
    let (mut failed, mut connections, mut matching) = (false, 0, 0);
    let format = rows.row_format(arguments.timestamps)?;
    // Opened first, so that a file that cannot be written is reported before anything is read.
    let sink = match arguments.every {
        None => Sink::open::<ServerRow>(format, rows.output()?)?,
        Some(_) => Sink::open::<IntervalRow>(format, rows.output()?)?,
    };
    let every_ns = arguments.every.map(|every| i64::try_from(every.as_nanos()).unwrap_or(i64::MAX));
    let input = Input::open(&rows.source, true)?;
    let make = |closed: ClosedConnection<'_>, made: &mut Made| {
        let (connection, verdict) = (closed.connection, closed.verdict());
        made.connections += 1;
        if select.matches(connection, verdict.outcome) {
            let from_ns = every_ns.map_or(0, |every_ns| begin(connection.first_ns(), every_ns));
            made.verdicts.push(((from_ns, connection.server()), verdict));
        }
    };
    let put = |made: &mut Made| {
        connections += std::mem::take(&mut made.connections);
        for (key, verdict) in made.verdicts.drain(..) {
            failed |= verdict.outcome.failed();
            matching += 1;
            servers.entry(key).or_default().add(&verdict);
        }
        Ok(())
    };
    let ending = input.follow(|captures, options| follow_map(captures, options, make, put))?;
    let mut servers: Vec<_> = servers.into_iter().collect();
    servers.sort_by_key(|((from_ns, server), tally)| {
        (*from_ns, Reverse(rank(tally, arguments.sort)), *server)
    });
    match sink {
        Sink::Rows(mut rows) => {
            for ((from_ns, server), tally) in &servers {
                let row = ServerRow::new(*server, tally, tally.failures());
                match arguments.every {
                    None => rows.write(&row)?,
                    Some(_) => rows.write(&IntervalRow { from: Instant(*from_ns), row })?,
                }
            }
            rows.finish()?;
        }
        Sink::Table(mut output) => {
            let mut last = None;
            let rows = servers.iter().map(|((from_ns, server), tally)| {
                let mut cells = cells(ending.hosts.end(*server), tally);
                if let Some(every) = arguments.every {
                    // An interval is named once, above all of its servers.
                    let is_next = last.replace(*from_ns) != Some(*from_ns);
                    let digits = if every.subsec_nanos() == 0 { 0 } else { 3 };
                    let from = if is_next { rfc3339(*from_ns, digits) } else { String::new() };
                    cells.insert(0, from.into());
                }
                cells
            });
            let rows: Vec<_> = rows.collect();
            let (mut titles, dispensable) = headings();
            if arguments.every.is_some() {
                titles.insert(0, Title("From", Align::Left));
            }
            let (columns, dispensable) = (output.columns(), &dispensable[..]);
            let layout = Layout { columns, dispensable, foldable: None };
            output.text(&layout.text(&titles, &rows))?;
            let shown = servers.iter().map(|((_, server), _)| server.ip());
            output.text(&ending.hosts.legend(shown))?;
            output.flush()?;
        }
    }
    ending.report()?;
    select.check_numbers(connections)?;
    select.tell_of_none(matching, connections);
    Ok(Done::on(rows.fail_on.is_some() && failed))
}

/// The verdicts that one thread has made.
#[derive(Default)]
struct Made {
    /// Number of connections, matching or not.
    connections: u64,
    /// The verdicts of the matching ones, with the beginning of their intervals.
    verdicts: Vec<((i64, SocketAddr), Verdict)>,
}

/// The beginning of the interval in which a time is: a whole multiple since 1970.
fn begin(time_ns: i64, every_ns: i64) -> i64 {
    time_ns.saturating_sub(time_ns.rem_euclid(every_ns))
}

/// The key by which servers are ordered, highest first; those with the same by the number of attempts.
fn rank(tally: &ServerTally, order: ServerOrder) -> (u64, u32) {
    let failed = || tally.failures().iter().sum::<u32>();
    let first = match order {
        ServerOrder::Attempts => 0,
        ServerOrder::Failed => failed().into(),
        // In millionths.
        ServerOrder::Rate => u64::from(failed()) * 1_000_000 / u64::from(tally.attempts().max(1)),
        ServerOrder::Rtt => tally.rtt_mean_ns().unwrap_or(0),
        ServerOrder::Setup => tally.slowest_setup_ns().unwrap_or(0),
        ServerOrder::Address => return (0, 0),
    };
    (first, tally.attempts())
}

/// The outcomes of a server's attempts in one interval.
pub struct IntervalRow {
    from: Instant,
    row: ServerRow,
}

impl Row for IntervalRow {
    const COLUMNS: &'static [Column] = &{
        const FROM: Column = Column {
            name: "from_ns",
            json_key: ",\"from_ns\":\"",
            kind: Instant::KIND,
            optional: Instant::OPTIONAL,
        };
        let mut columns = [FROM; ServerRow::COLUMNS.len() + 1];
        let mut place = 0;
        while place < ServerRow::COLUMNS.len() {
            columns[place + 1] = ServerRow::COLUMNS[place];
            place += 1;
        }
        columns
    };

    fn each(&self, visitor: &mut impl Visit) {
        visitor.visit(&Self::COLUMNS[0], self.from.value());
        self.row.each(visitor);
    }
}

row! {
/// One server: address and port.
ServerRow(server: SocketAddr, tally: &ServerTally, failures: [u32; 7]) {
    server_addr: IpAddr = server.ip(),
    server_port: u16 = server.port(),
    attempts: u32 = tally.attempts(),
    complete: u32 = tally.complete(),
    complete_percent: Option<f64> = tally.complete_percent(),
    no_reply: u32 = failures[FailureColumn::NoReply as usize],
    refused: u32 = failures[FailureColumn::Refused as usize],
    unreachable: u32 = failures[FailureColumn::Unreachable as usize],
    no_final_ack: u32 = failures[FailureColumn::NoFinalAck as usize],
    not_accepted: u32 = failures[FailureColumn::NotAccepted as usize],
    aborted: u32 = failures[FailureColumn::Aborted as usize],
    failed_otherwise: u32 = failures[FailureColumn::Other as usize],
    syn_retries_per_attempt: Option<f64> = tally.syn_retries_per_attempt(),
    rtt_server_min_ns: Option<Elapsed> = tally.rtt_min_ns().map(Elapsed),
    rtt_server_mean_ns: Option<Elapsed> = tally.rtt_mean_ns().map(Elapsed),
    rtt_server_max_ns: Option<Elapsed> = tally.rtt_max_ns().map(Elapsed),
    setup_time_max_ns: Option<Elapsed> = tally.slowest_setup_ns().map(Elapsed),
}}

/// The headings of the table, and the columns to leave out on a narrow terminal: times, then failures
/// from the last kind on.
fn headings() -> (Vec<Title>, Vec<&'static str>) {
    let failures: Vec<_> = FailureColumn::ALL.iter().map(|column| column.heading().0).collect();
    let others = ["SYN retries", "RTT min", "RTT mean", "RTT max", "Slowest set-up"];
    let counts = [&["Attempts", "Complete %"], &failures[..], &others].concat();
    let mut titles = vec![Title("Server", Align::Left)];
    titles.extend(counts.into_iter().map(|title| Title(title, Align::Right)));
    let mut dispensable = vec!["Slowest set-up", "RTT min", "RTT max", "RTT mean", "SYN retries"];
    dispensable.extend(failures.iter().rev());
    dispensable.push("Complete %");
    (titles, dispensable)
}

/// The cells of a server's line.
fn cells(server: String, tally: &ServerTally) -> Vec<Shown> {
    let failures = FailureColumn::ALL.iter().zip(tally.failures()).map(|(column, count)| {
        let colour = if count == 0 { ColourRole::Plain } else { column.heading().1 };
        Shown::styled(count, colour_style(colour))
    });
    let number = |text: Option<String>| Shown::from(text.unwrap_or_else(|| "-".into()));
    let times =
        [tally.rtt_min_ns(), tally.rtt_mean_ns(), tally.rtt_max_ns(), tally.slowest_setup_ns()];
    let percent = tally.complete_percent().map(|percent| format!("{percent:.1}"));
    let retries = tally.syn_retries_per_attempt().map(|retries| format!("{retries:.2}"));
    let mut cells = vec![server.into(), tally.attempts().into(), number(percent)];
    cells.extend(failures);
    cells.push(number(retries));
    cells.extend(times.map(|ns| number(ns.map(duration))));
    cells
}
