//! `tcphs servers`: one row per server.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use dissector_core::connection::{ColourRole, FailureColumn, Verdict};
use dissector_core::{ClosedConnection, ServerTally, follow_map};

use crate::args::RowArgs;
use crate::output::Sink;
use crate::output::row::row;
use crate::output::style::colour_style;
use crate::output::table::{Align, Shown, Title, lay_out};
use crate::output::units::duration;
use crate::reading::input::Input;
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
                rows.write(&ServerRow::new(*server, tally, tally.failures()))?;
            }
            rows.finish()?;
        }
        Sink::Table(mut output) => {
            let rows: Vec<_> =
                servers.iter().map(|(server, tally)| cells(*server, tally)).collect();
            let (titles, dispensable) = headings();
            output.text(&lay_out(&titles, &rows, output.columns(), &dispensable))?;
            output.flush()?;
        }
    }
    ending.report()?;
    Ok(Done::on(arguments.fail_on.is_some() && failed))
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
    rtt_server_min_ns: Option<u64> = tally.rtt_min_ns(),
    rtt_server_mean_ns: Option<u64> = tally.rtt_mean_ns(),
    rtt_server_max_ns: Option<u64> = tally.rtt_max_ns(),
    setup_time_max_ns: Option<u64> = tally.slowest_setup_ns(),
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
    (titles, dispensable)
}

/// The cells of a server's line.
fn cells(server: SocketAddr, tally: &ServerTally) -> Vec<Shown> {
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
