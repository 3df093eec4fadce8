//! Between what the offset lies at a time, if its rate is within some limit of the piece's.

use super::bounds::{Bound, Way};
use super::line::{Reference, of_way};

/// The bounds of one way, so that the strictest at any time is found without looking at all.
#[derive(Clone, Debug)]
struct Envelope {
    /// Time from the reference, in order.
    times: Vec<f64>,
    /// Lowest of `value - rate * time` up to each bound.
    rising: Vec<f64>,
    /// Lowest of `value + rate * time` from each bound on.
    falling: Vec<f64>,
    rate: f64,
}

impl Envelope {
    /// Of bounds from above, as times and values relative to the piece's slope.
    fn new(points: impl Iterator<Item = [f64; 2]>, rate: f64) -> Self {
        let (times, values): (Vec<f64>, Vec<f64>) = points.map(|[x, y]| (x, y)).unzip();
        let mut lowest = f64::INFINITY;
        let mut running = |index: usize, sign: f64| {
            lowest = lowest.min(values[index] + sign * rate * times[index]);
            lowest
        };
        let rising = (0..times.len()).map(|index| running(index, -1.0)).collect();
        lowest = f64::INFINITY;
        let mut running = |index: usize| {
            lowest = lowest.min(values[index] + rate * times[index]);
            lowest
        };
        let mut falling: Vec<_> = (0..times.len()).rev().map(&mut running).collect();
        falling.reverse();
        Self { times, rising, falling, rate }
    }

    /// The strictest bound at this time; `None` without any.
    fn at(&self, time: f64) -> Option<f64> {
        let next = self.times.partition_point(|&other| other <= time);
        let before = next.checked_sub(1).map(|last| self.rising[last] + self.rate * time);
        let after = self.falling.get(next).map(|lowest| lowest - self.rate * time);
        match (before, after) {
            (Some(before), Some(after)) => Some(before.min(after)),
            (one, other) => one.or(other),
        }
    }
}

/// The band in which the offset of a piece lies.
///
/// Wherever the rate of the offset is within `rate` of `slope`, a bound of one time bounds every other
/// time too, the less strictly the farther it is.
#[derive(Clone, Debug)]
pub(super) struct Band {
    slope: f64,
    above: Envelope,
    /// With the values' signs changed.
    below: Envelope,
}

impl Band {
    /// The bounds are in order of time. `slope` and `rate` are nanoseconds a nanosecond.
    pub fn new(bounds: &[Bound], reference: Reference, slope: f64, rate: f64) -> Self {
        let points = |way, sign: f64| {
            of_way(bounds, way).map(move |bound| {
                let [x, y] = reference.point(bound);
                [x, sign * (y - slope * x)]
            })
        };
        Self {
            slope,
            above: Envelope::new(points(Way::AToB, 1.0), rate),
            below: Envelope::new(points(Way::BToA, -1.0), rate),
        }
    }

    /// Its lower and its upper edge at this time from the reference; `None` where nothing bounds it.
    pub fn at(&self, time: f64) -> [Option<f64>; 2] {
        let middle = self.slope * time;
        [
            self.below.at(time).map(|below| middle - below),
            self.above.at(time).map(|above| middle + above),
        ]
    }
}
