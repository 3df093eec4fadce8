//! The rows: a connection has one for each two neighbouring points, and one number.

use std::collections::HashMap;

use dissector_core::compare::{Comparison, JoinedConnection};

/// A connection between two neighbouring points.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    /// Number of the connection: from 0, in order of first segments.
    pub conn: u32,
    /// Place of the first of the two points.
    pub pair: usize,
    pub joined: &'a JoinedConnection,
}

pub struct Rows<'a> {
    /// By number of the connection, then by point.
    pub list: Vec<Row<'a>>,
    /// Number of connections.
    pub connections: u32,
}

impl<'a> Rows<'a> {
    pub fn new(comparisons: &'a [Comparison]) -> Self {
        // Rows of one connection have the number that their middle point has given it in common.
        let mut firsts: Vec<i64> = Vec::new();
        let mut rows: Vec<Row<'a>> = Vec::new();
        let mut known: HashMap<u32, u32> = HashMap::new();
        for (pair, comparison) in comparisons.iter().enumerate() {
            let mut next = HashMap::new();
            for joined in comparison.connections() {
                let chain = joined.ids[0].and_then(|id| known.get(&id).copied());
                let conn = chain.unwrap_or_else(|| {
                    firsts.push(by_first_clock(&comparisons[..pair], joined.first_ns));
                    firsts.len() as u32 - 1
                });
                next.extend(joined.ids[1].map(|id| (id, conn)));
                rows.push(Row { conn, pair, joined });
            }
            known = next;
        }
        let mut order: Vec<u32> = (0..firsts.len() as u32).collect();
        order.sort_by_key(|conn| firsts[*conn as usize]);
        let mut places = vec![0; order.len()];
        for (place, conn) in (0..).zip(&order) {
            places[*conn as usize] = place;
        }
        rows.iter_mut().for_each(|row| row.conn = places[row.conn as usize]);
        rows.sort_by_key(|row| (row.conn, row.pair));
        Self { list: rows, connections: order.len() as u32 }
    }
}

/// A time of the last of these comparisons' second point by the first one's first clock.
fn by_first_clock(before: &[Comparison], time_ns: i64) -> i64 {
    before.iter().rev().fold(time_ns, |time_ns, comparison| comparison.clocks().to_a(time_ns))
}
