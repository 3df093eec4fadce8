//! One row a server: how often it was reached, how often not, and how fast.

use std::collections::HashMap;
use std::net::SocketAddr;

use dissector_core::ServerTally;
use dissector_core::connection::{Connection, Outcome};

use super::Table;
use super::cell::{Cells, Column, count, number, text};

pub const COLUMNS: &[Column] = &[
    text("Server"),
    count("Port"),
    count("Attempts"),
    number("Complete %"),
    count("No reply"),
    count("Refused"),
    count("Unreachable"),
    count("No final ACK"),
    count("Not accepted"),
    count("Aborted"),
    count("Other"),
    number("Retries/attempt"),
    number("RTT min ms"),
    number("RTT mean ms"),
    number("RTT max ms"),
    number("Slowest ms"),
];

/// The failures that have a column each.
const NAMED: &[Outcome] = &[
    Outcome::NoReply,
    Outcome::Refused,
    Outcome::Unreachable,
    Outcome::NoFinalAck,
    Outcome::NotAccepted,
    Outcome::AbortedByClient,
    Outcome::AbortedByServer,
];

#[derive(Default)]
pub struct Servers {
    rows: Vec<(SocketAddr, ServerTally)>,
    places: HashMap<SocketAddr, usize>,
}

impl Table for Servers {
    fn add(&mut self, connection: &Connection, now_ns: i64) -> usize {
        let server = connection.server();
        let place = *self.places.entry(server).or_insert_with(|| {
            self.rows.push((server, ServerTally::default()));
            self.rows.len() - 1
        });
        self.rows[place].1.add(&connection.verdict(now_ns));
        place
    }

    /// The busiest first.
    fn sort(&mut self) {
        self.rows.sort_by_key(|(server, tally)| (u32::MAX - tally.attempts(), *server));
        self.places = (0..).zip(&self.rows).map(|(place, (server, _))| (*server, place)).collect();
    }

    fn clear(&mut self) {
        *self = Self::default();
    }

    fn len(&self) -> usize {
        self.rows.len()
    }

    fn write(&self, nth: usize, cells: &mut Cells<'_>) {
        let (server, tally) = &self.rows[nth];
        cells.text(server.ip());
        cells.count(server.port().into());
        cells.count(tally.attempts());
        cells.number(tally.complete_percent());
        cells.count(tally.count(Outcome::NoReply));
        cells.count(tally.count(Outcome::Refused));
        cells.count(tally.count(Outcome::Unreachable));
        cells.count(tally.count(Outcome::NoFinalAck));
        cells.count(tally.count(Outcome::NotAccepted));
        cells.count(tally.aborted());
        cells.count(tally.failed_otherwise(NAMED));
        cells.number(tally.syn_retries_per_attempt());
        cells.time(tally.rtt_min_ns());
        cells.time(tally.rtt_mean_ns());
        cells.time(tally.rtt_max_ns());
        cells.time(tally.slowest_setup_ns());
    }
}
