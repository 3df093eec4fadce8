//! The number of a connection, which has a row for each two neighbouring points.

use std::collections::HashMap;

use dissector_core::compare::Comparison;

/// Numbers from 0, in order of first segments. With two points, they are those of the comparison.
pub struct Numbers {
    /// For each pair of points, by the number in its comparison; empty with two points.
    by_pair: Vec<Vec<u32>>,
    count: u32,
}

impl Numbers {
    pub fn new(comparisons: &[Comparison]) -> Self {
        if let [only] = comparisons {
            return Self { by_pair: Vec::new(), count: only.len() as u32 };
        }
        // The point between two pairs numbers its connections for both.
        let mut firsts: Vec<i64> = Vec::new();
        let mut by_pair: Vec<Vec<u32>> = Vec::new();
        let mut known: HashMap<u32, u32> = HashMap::new();
        for (pair, comparison) in comparisons.iter().enumerate() {
            let mut here = HashMap::new();
            let number = |joined: dissector_core::compare::JoinedConnection| {
                let before = joined.ids[0].and_then(|id| known.get(&id).copied());
                let number = before.unwrap_or_else(|| {
                    firsts.push(by_first_clock(&comparisons[..pair], joined.first_ns));
                    firsts.len() as u32 - 1
                });
                here.extend(joined.ids[1].map(|id| (id, number)));
                number
            };
            by_pair.push(comparison.connections().map(number).collect());
            known = here;
        }
        let mut order: Vec<usize> = (0..firsts.len()).collect();
        order.sort_by_key(|number| firsts[*number]);
        let mut places = vec![0; order.len()];
        for (place, number) in (0..).zip(order) {
            places[number] = place;
        }
        by_pair.iter_mut().flatten().for_each(|number| *number = places[*number as usize]);
        Self { by_pair, count: places.len() as u32 }
    }

    /// The number of connection `conn` of the comparison of this pair of points.
    pub fn of(&self, pair: usize, conn: u32) -> u32 {
        self.by_pair.get(pair).map_or(conn, |numbers| numbers[conn as usize])
    }

    pub const fn count(&self) -> u32 {
        self.count
    }
}

/// A time of the last point of these comparisons by the clock of the first.
fn by_first_clock(before: &[Comparison], time_ns: i64) -> i64 {
    before.iter().rev().fold(time_ns, |time_ns, comparison| comparison.clocks().to_a(time_ns))
}
