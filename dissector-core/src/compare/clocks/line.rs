//! The lines that fulfil all bounds of a piece: hulls, and the slopes between them.

use super::bounds::{Bound, Way};

/// A point from which a piece is measured: f64 holds what lies within days and hours of it exactly to
/// a nanosecond, and the values themselves not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reference {
    pub time_ns: i64,
    pub difference_ns: i64,
}

impl Reference {
    /// The strictest bound. A lax one may be absurd, and everything else then far from it.
    pub fn of(bounds: &[Bound]) -> Self {
        let upper = of_way(bounds, Way::AToB).min_by_key(|bound| bound.difference_ns);
        let strictest = upper
            .or_else(|| of_way(bounds, Way::BToA).max_by_key(|bound| bound.difference_ns))
            .unwrap_or(&Bound { time_ns: 0, difference_ns: 0, way: Way::AToB });
        Self { time_ns: strictest.time_ns, difference_ns: strictest.difference_ns }
    }

    /// Time since the reference.
    pub fn time(self, time_ns: i64) -> f64 {
        (i128::from(time_ns) - i128::from(self.time_ns)) as f64
    }

    /// Time and difference from the reference.
    pub fn point(self, bound: &Bound) -> [f64; 2] {
        let difference = i128::from(bound.difference_ns) - i128::from(self.difference_ns);
        [self.time(bound.time_ns), difference as f64]
    }

    /// The difference that lies so far from the reference's.
    pub fn difference_ns(self, from_reference: f64) -> i64 {
        let difference = i128::from(self.difference_ns) + from_reference.round() as i128;
        difference.clamp(i64::MIN.into(), i64::MAX.into()) as i64
    }
}

pub(super) fn of_way(bounds: &[Bound], way: Way) -> impl Iterator<Item = &Bound> {
    bounds.iter().filter(move |bound| bound.way == way)
}

/// The slopes of all lines that fulfil the bounds, and a line in their middle.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    /// Value at the reference, relative to the reference's difference.
    pub at_reference: f64,
    /// Nanoseconds a nanosecond.
    pub slope: f64,
    /// No line that fulfils the bounds has a slope further from this one's.
    pub slope_within: f64,
}

/// The lines between the lowest and the highest points of each slope.
struct Between {
    /// Lower hull of the bounds from above.
    above: Vec<[f64; 2]>,
    /// Upper hull of the bounds from below.
    below: Vec<[f64; 2]>,
}

impl Between {
    /// Width of the strip of this slope between the hulls, and how it grows with the slope.
    fn width(&self, slope: f64) -> (f64, f64) {
        let [[x_above, above], [x_below, below]] = self.strip(slope);
        (above - below, x_below - x_above)
    }

    /// Where the strip of this slope touches the hulls: time of the touch, and value at the reference.
    fn strip(&self, slope: f64) -> [[f64; 2]; 2] {
        let at = |&[x, y]: &[f64; 2]| [x, y - slope * x];
        let less = |a: &[f64; 2], b: &[f64; 2]| a[1].total_cmp(&b[1]);
        let none = [0.0, f64::NAN];
        [
            self.above.iter().map(at).min_by(less).unwrap_or(none),
            self.below.iter().map(at).max_by(less).unwrap_or(none),
        ]
    }

    /// The slope in `range` nearest to `outer`, between it and `inner`, whose strip is not empty.
    fn edge(&self, mut inner: f64, mut outer: f64) -> f64 {
        if self.width(outer).0 >= 0.0 {
            return outer;
        }
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(inner, outer);
            if self.width(middle).0 >= 0.0 { inner = middle } else { outer = middle }
        }
        outer
    }
}

/// Halves of the range of slopes that are looked at: it ends below what f64 tells apart.
const HALVINGS: u32 = 64;

/// A line that misses the bounds by less than a nanosecond fulfils them: times are rounded.
pub(super) const ROUNDING_NS: f64 = 1.0;

/// The lines that fulfil all bounds, of both ways, with a slope up to the limit.
pub(super) fn line(bounds: &[Bound], reference: Reference, slope_limit: f64) -> Option<Line> {
    let above = hull(of_way(bounds, Way::AToB), |bound| reference.point(bound));
    let below = hull(of_way(bounds, Way::BToA), |bound| {
        let [x, y] = reference.point(bound);
        [x, -y]
    });
    let below = below.into_iter().map(|[x, y]| [x, -y]).collect();
    let between = Between { above, below };

    // The width is a concave function of the slope: its growth says where it is largest.
    let [mut low, mut high] = [-slope_limit, slope_limit];
    let (mut best, mut best_width) = (0.0, between.width(0.0).0);
    for slope in [low, high] {
        let (width, _) = between.width(slope);
        if width > best_width {
            (best, best_width) = (slope, width);
        }
    }
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        let (width, growth) = between.width(middle);
        if width > best_width {
            (best, best_width) = (middle, width);
        }
        if growth > 0.0 { low = middle } else { high = middle }
    }
    // Fails for NaN too, where a way has no bound.
    let [low, high] = if best_width >= 0.0 {
        [between.edge(best, -slope_limit), between.edge(best, slope_limit)]
    } else if best_width >= -ROUNDING_NS {
        [best, best]
    } else {
        return None;
    };
    let slope = f64::midpoint(low, high);
    let [[_, above], [_, below]] = between.strip(slope);
    Some(Line {
        at_reference: f64::midpoint(above, below),
        slope,
        slope_within: (high - low) / 2.0,
    })
}

/// The lower convex hull of points in order of time.
fn hull<'a>(
    bounds: impl Iterator<Item = &'a Bound>,
    point: impl Fn(&Bound) -> [f64; 2],
) -> Vec<[f64; 2]> {
    let mut hull: Vec<[f64; 2]> = Vec::new();
    for next in bounds.map(point) {
        while let [.., before, last] = hull[..] {
            let turn = (last[0] - before[0]) * (next[1] - before[1])
                - (last[1] - before[1]) * (next[0] - before[0]);
            if turn > 0.0 {
                break;
            }
            hull.pop();
        }
        hull.push(next);
    }
    hull
}
