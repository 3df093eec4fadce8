//! The times of all points on the clock of the first.

use dissector_core::compare::Comparison;

/// A time of point `place` by the clock of the first point.
pub fn common(comparisons: &[Comparison], place: usize, time_ns: i64) -> i64 {
    let before = &comparisons[..place.min(comparisons.len())];
    before.iter().rev().fold(time_ns, |time_ns, comparison| comparison.clocks().to_a(time_ns))
}
