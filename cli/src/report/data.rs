//! The rows of the page's tables, a list a column.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, SocketAddr};

use dissector_core::ServerTally;
use dissector_core::connection::{FailureColumn, Outcome, OutcomeClass};
use serde_json::{Value, json};

use super::chunks::Place;
use super::html::class;
use super::plots::Clock;
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

/// The numbers of one server.
#[derive(Clone, Debug, Default)]
pub struct ServerNumbers {
    pub attempts: u32,
    pub complete: u32,
    pub failures: [u32; FailureColumn::ALL.len()],
    pub retries: Option<f64>,
    pub rtt_ns: Option<u64>,
    pub slowest_ns: Option<u64>,
}

impl From<&ServerTally> for ServerNumbers {
    fn from(tally: &ServerTally) -> Self {
        Self {
            attempts: tally.attempts(),
            complete: tally.complete(),
            failures: tally.failures(),
            retries: tally.syn_retries_per_attempt(),
            rtt_ns: tally.rtt_mean_ns(),
            slowest_ns: tally.slowest_setup_ns(),
        }
    }
}

impl ServerNumbers {
    /// Counts a connection of which only the outcome is known.
    pub fn add(&mut self, outcome: Outcome) {
        let class = outcome.class();
        self.attempts += u32::from(class != OutcomeClass::NoAttempt);
        self.complete += u32::from(class == OutcomeClass::Open);
        if let OutcomeClass::Failed(column) = class {
            self.failures[column as usize] += 1;
        }
    }

    fn failed(&self) -> u64 {
        self.failures.iter().map(|number| u64::from(*number)).sum()
    }

    /// The share that completed the handshake, in per cent with one digit.
    fn percent(&self) -> f64 {
        match self.attempts {
            0 => -1.0,
            all => (f64::from(self.complete) * 1000.0 / f64::from(all)).round() / 10.0,
        }
    }
}

/// The servers in the order of their table, and the place of each.
pub struct Servers {
    list: Vec<(SocketAddr, ServerNumbers)>,
    places: HashMap<SocketAddr, usize>,
}

impl Servers {
    /// Those that failed most come first.
    pub fn new(servers: impl IntoIterator<Item = (SocketAddr, ServerNumbers)>) -> Self {
        let mut list: Vec<_> = servers.into_iter().collect();
        list.sort_by_key(|(server, numbers)| {
            (std::cmp::Reverse((numbers.failed(), numbers.attempts)), *server)
        });
        let places = (0..).zip(&list).map(|(place, (server, _))| (*server, place)).collect();
        Self { list, places }
    }

    pub fn place(&self, server: SocketAddr) -> usize {
        self.places.get(&server).copied().unwrap_or_default()
    }

    /// The columns of the table, times in microseconds; -1 is no value.
    pub fn json(&self) -> Value {
        let column = |value: &dyn Fn(&ServerNumbers) -> Value| -> Value {
            self.list.iter().map(|(_, numbers)| value(numbers)).collect()
        };
        let failures: Vec<Value> = (0..FailureColumn::ALL.len())
            .map(|place| column(&|it| it.failures[place].into()))
            .collect();
        let retries =
            |it: &ServerNumbers| it.retries.map_or(-1.0, |it| (it * 100.0).round() / 100.0);
        json!({
            "name": self.list.iter().map(|(server, _)| server.to_string()).collect::<Vec<_>>(),
            "attempts": column(&|it| it.attempts.into()),
            "percent": column(&|it| it.percent().into()),
            "failures": failures,
            "retries": column(&|it| retries(it).into()),
            "rtt": column(&|it| micros(it.rtt_ns)),
            "slowest": column(&|it| micros(it.slowest_ns)),
        })
    }
}

/// The columns of connections.
pub fn connections(rows: &[Row], servers: &Servers, places: &HashMap<u32, Place>) -> Value {
    let first_ns = rows.iter().map(|row| row.first_ns).min().unwrap_or(0);
    let (mut hosts, mut causes, mut closes) =
        (Texts::default(), Texts::default(), Texts::default());
    let clients: Vec<_> = rows.iter().map(|row| hosts.number(&host(row.client.ip()))).collect();
    let causes_of: Vec<_> = rows
        .iter()
        .map(|row| row.cause.map_or(-1, |it| causes.number(it.label()) as i64))
        .collect();
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

/// What the script needs beside the rows: the names behind numbers, the servers, the connections of each
/// group, and the command that explains the connection `{}`.
pub fn meta(servers: &Servers, clock: Clock, groups: Value, command: &str) -> Value {
    json!({
        "outcomes": outcomes(),
        "failures": failures(),
        "servers": servers.json(),
        "clock": clock.is_known(),
        "days": clock.has_days(),
        "groups": groups,
        "command": command,
    })
}

/// What each outcome is called, by its number.
fn outcomes() -> Value {
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
fn failures() -> Value {
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
