//! The number of connections with each outcome to each server: the rows of a tree.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use dissector_core::connection::{Connection, Outcome};

use super::Table;
use super::cell::{Cells, Column, count, text};

/// A branch, a leaf, and three counts: of the leaf, of its branch, in all.
pub const COLUMNS: &[Column] =
    &[text("Outcome"), text("Server"), count("Count"), count("Of outcome"), count("Total")];

#[derive(Default)]
pub struct Outcomes {
    rows: Vec<Row>,
    places: BTreeMap<(u8, SocketAddr), usize>,
    counts: [u32; Outcome::ALL.len()],
    total: u32,
}

struct Row {
    outcome: Outcome,
    server: SocketAddr,
    count: u32,
}

impl Table for Outcomes {
    fn add(&mut self, _: u32, connection: &Connection, now_ns: i64) -> usize {
        let (outcome, server) = (connection.outcome_at(now_ns), connection.server());
        let place = *self.places.entry((outcome.number(), server)).or_insert_with(|| {
            self.rows.push(Row { outcome, server, count: 0 });
            self.rows.len() - 1
        });
        for count in [
            &mut self.rows[place].count,
            &mut self.counts[usize::from(outcome.number())],
            &mut self.total,
        ] {
            *count = count.saturating_add(1);
        }
        place
    }

    /// The counts by outcome and server; Wireshark sorts trees itself.
    fn sort(&mut self) {
        self.rows.sort_by_key(|row| (row.outcome.number(), row.server));
        let key = |row: &Row| (row.outcome.number(), row.server);
        self.places = (0..).zip(&self.rows).map(|(place, row)| (key(row), place)).collect();
    }

    fn clear(&mut self) {
        *self = Self::default();
    }

    fn len(&self) -> usize {
        self.rows.len()
    }

    fn write(&self, nth: usize, cells: &mut Cells<'_>) {
        let Row { outcome, server, count } = self.rows[nth];
        cells.text(outcome);
        cells.text(server);
        cells.count(count);
        cells.count(self.counts[usize::from(outcome.number())]);
        cells.count(self.total);
    }
}
