//! `tcphs servers`: one row a server.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use anstyle::Style;
use dissector_core::connection::{FailureColumn, Verdict};
use dissector_core::{ClosedConnection, ServerTally, follow_map};

use crate::args::RowArgs;
use crate::input::Input;
use crate::output::Sink;
use crate::output::row::row;
use crate::output::style::colour_style;
use crate::output::table::{Align, Shown, Title, lay_out};
use crate::output::units::duration;
use crate::{Done, Failure};

pub fn run(arguments: &RowArgs) -> Result<Done, Failure> {
    let select = &arguments.select;
    let mut servers: HashMap<SocketAddr, ServerTally> = HashMap::new();
    let mut failed = false;
    // Opened first, so that a file that cannot be written is reported before anything is read.
    let sink = Sink::open::<ServerRow>(arguments.row_format(), arguments.output()?)?;
    let input = Input::open(&arguments.source, true)?;
    let make = |closed: ClosedConnection<'_>, verdicts: &mut Vec<(SocketAddr, Verdict)>| {
        let (connection, verdict) = (closed.connection, closed.verdict());
        if select.matches(connection, verdict.outcome) {
            verdicts.push((connection.server(), verdict));
        }
    };
    let put = |verdicts: &mut Vec<(SocketAddr, Verdict)>| {
        for (server, verdict) in verdicts.drain(..) {
            failed |= verdict.outcome.failed();
            servers.entry(server).or_default().add(&verdict);
        }
        Ok(())
    };
    let ending = input.follow(|captures, options| follow_map(captures, options, make, put))?;
    let mut servers: Vec<_> = servers.into_iter().collect();
    servers.sort_by_key(|(server, tally)| (Reverse(tally.attempts()), *server));
    match sink {
        Sink::Rows(mut rows) => {
            for (server, tally) in &servers {
                rows.write(&ServerRow::new(*server, tally))?;
            }
            rows.finish()?;
        }
        Sink::Table(mut output) => {
            let rows: Vec<_> =
                servers.iter().map(|(server, tally)| cells(*server, tally)).collect();
            output.text(&lay_out(&titles(), &rows, output.columns(), &dispensable()))?;
            output.flush()?;
        }
    }
    ending.report()?;
    Ok(select.done(failed))
}

row! {
/// One server: address and port.
ServerRow {
    server_addr: IpAddr,
    server_port: u16,
    attempts: u32,
    complete: u32,
    complete_percent: Option<f64>,
    no_reply: u32,
    refused: u32,
    unreachable: u32,
    no_final_ack: u32,
    not_accepted: u32,
    aborted: u32,
    failed_otherwise: u32,
    syn_retries_per_attempt: Option<f64>,
    rtt_server_min_ns: Option<u64>,
    rtt_server_mean_ns: Option<u64>,
    rtt_server_max_ns: Option<u64>,
    setup_time_max_ns: Option<u64>,
}}

impl ServerRow {
    fn new(server: SocketAddr, tally: &ServerTally) -> Self {
        let [no_reply, refused, unreachable, no_final_ack, not_accepted, aborted, failed_otherwise] =
            tally.failures();
        Self {
            server_addr: server.ip(),
            server_port: server.port(),
            attempts: tally.attempts(),
            complete: tally.complete(),
            complete_percent: tally.complete_percent(),
            no_reply,
            refused,
            unreachable,
            no_final_ack,
            not_accepted,
            aborted,
            failed_otherwise,
            syn_retries_per_attempt: tally.syn_retries_per_attempt(),
            rtt_server_min_ns: tally.rtt_min_ns(),
            rtt_server_mean_ns: tally.rtt_mean_ns(),
            rtt_server_max_ns: tally.rtt_max_ns(),
            setup_time_max_ns: tally.slowest_setup_ns(),
        }
    }
}

/// What the table shows of a server.
fn cells(server: SocketAddr, tally: &ServerTally) -> Vec<Shown> {
    let failures = FailureColumn::ALL.iter().zip(tally.failures()).map(|(column, count)| {
        let style = if count == 0 { Style::new() } else { colour_style(column.colour()) };
        Shown::styled(count, style)
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

fn titles() -> Vec<Title> {
    let failures = FailureColumn::ALL.iter().map(|column| column.title());
    let others = ["SYN retries", "RTT min", "RTT mean", "RTT max", "Slowest set-up"];
    let counts = ["Attempts", "Complete %"].into_iter().chain(failures).chain(others);
    let counts = counts.map(|title| Title(title, Align::Right));
    [Title("Server", Align::Left)].into_iter().chain(counts).collect()
}

/// Columns to leave out on a narrow terminal: times, then failures from the last kind on.
fn dispensable() -> Vec<&'static str> {
    let failures = FailureColumn::ALL.iter().rev().map(|column| column.title());
    let times = ["Slowest set-up", "RTT min", "RTT max", "RTT mean", "SYN retries"];
    times.into_iter().chain(failures).collect()
}
