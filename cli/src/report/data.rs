//! The rows of the page's tables, a list a column.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, SocketAddr};

use dissector_core::ServerTally;
use dissector_core::connection::{FailureColumn, Outcome, OutcomeClass};
use serde_json::{Value, json};

use super::chunks::Place;
use super::html::class;
use super::survey::Row;

/// Texts, each with a number.
#[derive(Default)]
pub struct Texts {
    numbers: HashMap<String, usize>,
    list: Vec<String>,
}

impl Texts {
    pub fn number(&mut self, text: &str) -> usize {
        match self.numbers.entry(text.into()) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                self.list.push(text.into());
                *new.insert(self.list.len() - 1)
            }
        }
    }

    pub fn list(&self) -> &[String] {
        &self.list
    }
}

/// The servers in the order of their table, and the place of each.
pub struct Servers {
    pub list: Vec<(SocketAddr, ServerTally)>,
    places: HashMap<SocketAddr, usize>,
}

impl Servers {
    /// Those that failed most come first.
    pub fn new(servers: HashMap<SocketAddr, ServerTally>) -> Self {
        let mut list: Vec<_> = servers.into_iter().collect();
        list.sort_by_key(|(server, tally)| {
            let failed: u64 = tally.failures().iter().map(|number| u64::from(*number)).sum();
            (std::cmp::Reverse((failed, tally.attempts())), *server)
        });
        let places = (0..).zip(&list).map(|(place, (server, _))| (*server, place)).collect();
        Self { list, places }
    }

    pub fn place(&self, server: SocketAddr) -> usize {
        self.places.get(&server).copied().unwrap_or_default()
    }

    /// The columns of the table, times in microseconds; -1 is no value.
    pub fn json(&self) -> Value {
        let column = |value: &dyn Fn(&ServerTally) -> Value| -> Value {
            self.list.iter().map(|(_, tally)| value(tally)).collect()
        };
        let failures: Vec<Value> = (0..FailureColumn::ALL.len())
            .map(|place| column(&|tally| tally.failures()[place].into()))
            .collect();
        let percent = |tally: &ServerTally| tally.complete_percent().map_or(-1.0, |it| (it * 10.0).round() / 10.0);
        let retries =
            |tally: &ServerTally| tally.syn_retries_per_attempt().map_or(-1.0, |it| (it * 100.0).round() / 100.0);
        json!({
            "name": self.list.iter().map(|(server, _)| server.to_string()).collect::<Vec<_>>(),
            "attempts": column(&|tally| tally.attempts().into()),
            "percent": column(&|tally| percent(tally).into()),
            "failures": failures,
            "retries": column(&|tally| retries(tally).into()),
            "rtt": column(&|tally| micros(tally.rtt_mean_ns())),
            "slowest": column(&|tally| micros(tally.slowest_setup_ns())),
        })
    }
}

/// The columns of connections that every kind of report has.
pub fn connections(rows: &[Row], servers: &Servers, places: &HashMap<u32, Place>) -> Value {
    let first_ns = rows.iter().map(|row| row.first_ns).min().unwrap_or(0);
    let (mut hosts, mut causes, mut closes) = (Texts::default(), Texts::default(), Texts::default());
    let clients: Vec<_> = rows.iter().map(|row| hosts.number(&host(row.client.ip()))).collect();
    let causes_of: Vec<_> =
        rows.iter().map(|row| row.cause.map_or(-1, |it| causes.number(it.label()) as i64)).collect();
    let closes_of: Vec<_> = rows.iter().map(|row| closes.number(&close(row))).collect();
    let since = |ns: i64| ns.saturating_sub(first_ns).div_euclid(1000);
    let column = |value: &dyn Fn(&Row) -> Value| -> Value { rows.iter().map(value).collect() };
    let place = |row: &Row| places.get(&row.conn);
    json!({
        "first": first_ns.div_euclid(1000),
        "hosts": hosts.list(),
        "causes": causes.list(),
        "closes": closes.list(),
        "conn": column(&|row| row.conn.into()),
        "time": column(&|row| since(row.first_ns).into()),
        "lasted": column(&|row| (row.last_ns.saturating_sub(row.first_ns) / 1000).max(0).into()),
        "client": clients,
        "port": column(&|row| row.client.port().into()),
        "server": column(&|row| servers.place(row.server).into()),
        "outcome": column(&|row| row.outcome.number().into()),
        "cause": causes_of,
        "setup": column(&|row| micros(row.setup_ns)),
        "rtt_server": column(&|row| micros(row.rtt_server_ns)),
        "rtt_client": column(&|row| micros(row.rtt_client_ns)),
        "syns": column(&|row| row.syn_count.into()),
        "packets": column(&|row| row.packets.into()),
        "close": closes_of,
        "chunk": column(&|row| place(row).map_or(-1, |it| i64::from(it.chunk)).into()),
        "item": column(&|row| place(row).map_or(-1, |it| i64::from(it.item)).into()),
    })
}

/// What each outcome is called, by its number.
pub fn outcomes() -> Value {
    let outcomes = Outcome::ALL.iter().map(|outcome| {
        let failure = match outcome.class() {
            OutcomeClass::Failed(column) => column as i64,
            _ => -1,
        };
        (
            outcome.number().to_string(),
            json!({
                "label": outcome.label(),
                "class": class(outcome.colour()),
                "failure": failure,
                "doc": outcome.doc(),
            }),
        )
    });
    Value::Object(outcomes.collect())
}

/// What each column of failures is called.
pub fn failures() -> Value {
    FailureColumn::ALL.iter().map(|column| Value::from(column.heading().0)).collect()
}

/// Microseconds, as other times are shown; -1 is no time.
pub fn micros(ns: Option<u64>) -> Value {
    ns.map_or(Value::from(-1), |ns| (ns.saturating_add(500) / 1000).into())
}

/// The host of a socket address as it is written with its port.
pub fn host(host: IpAddr) -> String {
    match host {
        IpAddr::V4(host) => host.to_string(),
        IpAddr::V6(host) => format!("[{host}]"),
    }
}

fn close(row: &Row) -> String {
    match row.closed_by {
        Some(by) => format!("{} by {by}", row.close),
        None => row.close.to_string(),
    }
}
