//! `tcphs servers`: one row a server.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use dissector_core::ServerTally;
use dissector_core::connection::{Outcome, Verdict};

use crate::args::RowArgs;
use crate::cell::row;
use crate::filter::Filter;
use crate::follow::{self, Ended};
use crate::input::Input;
use crate::output::table::{Align, Shown, Title, lay_out};
use crate::output::{Output, RowWriter, duration};
use crate::style::outcome_style;
use crate::{Done, Failure};

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

/// The failures that have a column of their own.
const NAMED: &[Outcome] = &[
    Outcome::NoReply,
    Outcome::Refused,
    Outcome::Unreachable,
    Outcome::NoFinalAck,
    Outcome::NotAccepted,
    Outcome::AbortedByClient,
    Outcome::AbortedByServer,
];

impl ServerRow {
    fn new(server: SocketAddr, tally: &ServerTally) -> Self {
        Self {
            server_addr: server.ip(),
            server_port: server.port(),
            attempts: tally.attempts(),
            complete: tally.complete(),
            complete_percent: tally.complete_percent(),
            no_reply: tally.count(Outcome::NoReply),
            refused: tally.count(Outcome::Refused),
            unreachable: tally.count(Outcome::Unreachable),
            no_final_ack: tally.count(Outcome::NoFinalAck),
            not_accepted: tally.count(Outcome::NotAccepted),
            aborted: tally.aborted(),
            failed_otherwise: tally.failed_otherwise(NAMED),
            syn_retries_per_attempt: tally.syn_retries_per_attempt(),
            rtt_server_min_ns: tally.rtt_min_ns(),
            rtt_server_mean_ns: tally.rtt_mean_ns(),
            rtt_server_max_ns: tally.rtt_max_ns(),
            setup_time_max_ns: tally.slowest_setup_ns(),
        }
    }

    fn cells(&self) -> Vec<Shown> {
        let failures = |number: u32, outcome| match number {
            0 => Shown::from(0),
            number => Shown::styled(number, outcome_style(outcome)),
        };
        let time = |ns: Option<u64>| Shown::from(ns.map_or_else(|| "-".into(), duration));
        let percent = self.complete_percent.map(|percent| format!("{percent:.1}"));
        let retries = self.syn_retries_per_attempt.map(|retries| format!("{retries:.2}"));
        vec![
            SocketAddr::new(self.server_addr, self.server_port).into(),
            self.attempts.into(),
            percent.unwrap_or_else(|| "-".into()).into(),
            failures(self.no_reply, Outcome::NoReply),
            failures(self.refused, Outcome::Refused),
            failures(self.unreachable, Outcome::Unreachable),
            failures(self.no_final_ack, Outcome::NoFinalAck),
            failures(self.not_accepted, Outcome::NotAccepted),
            failures(self.aborted, Outcome::AbortedByServer),
            failures(self.failed_otherwise, Outcome::BadSynAck),
            retries.unwrap_or_else(|| "-".into()).into(),
            time(self.rtt_server_min_ns),
            time(self.rtt_server_mean_ns),
            time(self.rtt_server_max_ns),
            time(self.setup_time_max_ns),
        ]
    }
}

const TITLES: &[Title] = &[
    Title("Server", Align::Left),
    Title("Attempts", Align::Right),
    Title("Complete %", Align::Right),
    Title("No reply", Align::Right),
    Title("Refused", Align::Right),
    Title("Unreachable", Align::Right),
    Title("No final ACK", Align::Right),
    Title("Not accepted", Align::Right),
    Title("Aborted", Align::Right),
    Title("Other", Align::Right),
    Title("SYN retries", Align::Right),
    Title("RTT min", Align::Right),
    Title("RTT mean", Align::Right),
    Title("RTT max", Align::Right),
    Title("Slowest set-up", Align::Right),
];

/// Columns to do without on a narrow terminal: times, then the kinds of failure from the last one on.
const DISPENSABLE: &[usize] = &[14, 11, 13, 12, 10, 9, 8, 7, 6, 5, 4, 3];

pub fn run(arguments: &RowArgs) -> Result<Done, Failure> {
    let filter = Filter::new(&arguments.select);
    let mut servers: HashMap<SocketAddr, ServerTally> = HashMap::new();
    let mut failed = false;
    let writer = Writer::new(arguments)?;
    let input = Input::open(&arguments.source, true)?;
    let names = input.names();
    let make = |ended: Ended<'_, '_>, verdicts: &mut Vec<(SocketAddr, Verdict)>| {
        let connection = ended.connection;
        let verdict = connection.verdict(ended.now_ns);
        if filter.takes(connection, verdict.outcome) {
            verdicts.push((connection.server(), verdict));
        }
    };
    let ending = follow::connections(input, &names, make, |verdicts| {
        for (server, verdict) in verdicts.drain(..) {
            failed |= verdict.outcome.failed();
            servers.entry(server).or_default().add(&verdict);
        }
        Ok(())
    })?;
    // The busiest first.
    let mut servers: Vec<_> = servers.into_iter().collect();
    servers.sort_by_key(|(server, tally)| (u32::MAX - tally.attempts(), *server));
    let rows: Vec<_> =
        servers.iter().map(|(server, tally)| ServerRow::new(*server, tally)).collect();
    writer.write(&rows)?;
    ending.report()?;
    Ok(Done::unless(arguments.select.fail_on.is_some() && failed))
}

/// Opened before anything is read: a place that cannot be written to is known at once.
enum Writer {
    Rows(RowWriter),
    Table(Output),
}

impl Writer {
    fn new(arguments: &RowArgs) -> Result<Self, Failure> {
        Ok(match arguments.row_format() {
            Some(format) => Self::Rows(RowWriter::new::<ServerRow>(format, arguments.output()?)?),
            None => Self::Table(Output::open(arguments.output()?)?),
        })
    }

    fn write(self, rows: &[ServerRow]) -> Result<(), Failure> {
        match self {
            Self::Rows(mut writer) => {
                rows.iter().try_for_each(|row| writer.write(row))?;
                writer.finish()
            }
            Self::Table(mut output) => {
                let cells: Vec<_> = rows.iter().map(ServerRow::cells).collect();
                let text = lay_out(TITLES, &cells, output.columns(), DISPENSABLE);
                output.text(&text)?;
                Ok(output.flush()?)
            }
        }
    }
}
