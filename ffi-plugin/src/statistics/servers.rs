//! Statistics with one row for each server: attempts, failures, times.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::LazyLock;

use dissector_core::ServerTally;
use dissector_core::connection::{Connection, FailureColumn};

use super::Table;
use super::cell::{Cells, Column, count, number, text};

pub static COLUMNS: LazyLock<Vec<Column>> = LazyLock::new(|| {
    let before = [text("Server"), count("Port"), count("Attempts"), number("Complete %")];
    let failures = FailureColumn::ALL.iter().map(|column| count(column.heading().0));
    let after = [
        number("Retries/attempt"),
        number("RTT min ms"),
        number("RTT mean ms"),
        number("RTT max ms"),
        number("Slowest ms"),
    ];
    before.into_iter().chain(failures).chain(after).collect()
});

#[derive(Default)]
pub struct Servers {
    rows: Vec<(SocketAddr, ServerTally)>,
    places: HashMap<SocketAddr, usize>,
}

impl Table for Servers {
    fn add(&mut self, _: u32, connection: &Connection, now_ns: i64) -> usize {
        let server = connection.server();
        let place = *self.places.entry(server).or_insert_with(|| {
            self.rows.push((server, ServerTally::default()));
            self.rows.len() - 1
        });
        self.rows[place].1.add(&connection.verdict_at(now_ns));
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
        tally.failures().into_iter().for_each(|count| cells.count(count));
        cells.number(tally.syn_retries_per_attempt());
        cells.time(tally.rtt_min_ns());
        cells.time(tally.rtt_mean_ns());
        cells.time(tally.rtt_max_ns());
        cells.time(tally.slowest_setup_ns());
    }
}
