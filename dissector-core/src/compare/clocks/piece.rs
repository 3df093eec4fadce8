//! A piece of time in which no clock was set.

use super::band::Band;
use super::bounds::{Bound, Way};
use super::line::{Line, ROUNDING_NS, Reference, line, of_way};
use super::{ClockKind, ClockPiece, Offset, RATE_LIMIT_PPM, RATE_PPM, midpoint};

/// Parts per million as nanoseconds a nanosecond.
const PPM: f64 = 1e-6;

/// Fewer rounds suffice: each makes the error a thousand times smaller.
const ROUNDS: u32 = 12;

/// A longer delay of a segment between the points is not believed without need.
const CREDIBLE_DELAY_NS: f64 = 1e9;

/// A piece, and how the clocks went in it.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub first_ns: i64,
    pub last_ns: i64,
    course: Course,
    reference: Reference,
    band: Band,
}

/// How the reported offset goes.
#[derive(Clone, Copy, Debug)]
enum Course {
    /// The offset itself.
    Constant(i64),
    Line(Line),
    /// The middle of the band.
    Middle,
    /// The only edge of the band.
    Edge,
}

impl Piece {
    /// The bounds are in order of time, not empty, and either a line or a band fits them.
    pub fn new(bounds: &[Bound]) -> Self {
        let reference = Reference::of(bounds);
        let course = course(bounds, reference);
        let (slope, within) = match course {
            Course::Line(line) => (line.slope, line.slope_within),
            _ => (0.0, 0.0),
        };
        // Not only lines: also clocks that go as one line now and with no drift then.
        let rate = within.max(f64::from(RATE_PPM) * PPM + slope.abs());
        let band = Band::new(bounds, reference, slope, rate);
        let [first_ns, last_ns] = extent(bounds, reference, &band);
        Self { first_ns, last_ns, course, reference, band }
    }

    /// The offset by this piece, at any time.
    pub fn at(&self, time_ns: i64) -> Offset {
        let time = self.reference.time(time_ns);
        let [below, above] = self.band.at(time);
        let reported = match self.course {
            Course::Constant(offset_ns) => return self.offset(offset_ns, [below, above]),
            Course::Line(line) => line.at_reference + line.slope * time,
            Course::Middle | Course::Edge => match (below, above) {
                (Some(below), Some(above)) => f64::midpoint(below, above),
                (one, other) => one.or(other).unwrap_or(0.0),
            },
        };
        self.offset(self.reference.difference_ns(reported), [below, above])
    }

    /// The time of A's clock at which B's showed this time, if this piece were all.
    pub fn to_a(&self, time_ns: i64) -> i64 {
        let mut time = time_ns.saturating_sub(self.at(self.first_ns).offset_ns);
        for _ in 0..ROUNDS {
            let next = time_ns.saturating_sub(self.at(time).offset_ns);
            if next == time {
                break;
            }
            time = next;
        }
        time
    }

    pub fn summary(&self) -> ClockPiece {
        let (kind, drift_ppm) = match self.course {
            Course::Constant(_) => (ClockKind::Constant, 0.0),
            Course::Line(line) => (ClockKind::Drifting, line.slope / PPM),
            Course::Middle => (ClockKind::Varying, 0.0),
            Course::Edge => (ClockKind::OneSided, 0.0),
        };
        ClockPiece { first_ns: self.first_ns, last_ns: self.last_ns, kind, drift_ppm }
    }

    /// With the farthest distance to an edge of the band.
    fn offset(&self, offset_ns: i64, [below, above]: [Option<f64>; 2]) -> Offset {
        let from_reference = i128::from(offset_ns) - i128::from(self.reference.difference_ns);
        // Rounding may turn the edges by a nanosecond. By more, and the band is empty.
        let edges = below.zip(above).filter(|(below, above)| below - above <= ROUNDING_NS);
        let uncertainty_ns = edges.map(|(below, above)| {
            let reported = from_reference as f64;
            (above - reported).max(reported - below).ceil() as u64
        });
        Offset { offset_ns, uncertainty_ns }
    }
}

/// The time in which the clocks surely went as in this piece.
///
/// A bound is of the time at which B saw the segment. It is later than A's by the delay of a segment
/// to B, and earlier by that of one from B. A bound that would belong here only with an incredible
/// delay may as well be of a segment that was under way while a clock was set: it extends nothing.
fn extent(bounds: &[Bound], reference: Reference, band: &Band) -> [i64; 2] {
    let (mut first, mut last) = (i64::MAX, i64::MIN);
    for bound in bounds {
        let [time, difference] = reference.point(bound);
        // The longest delay that the band leaves open.
        let delay = match (bound.way, band.at(time)) {
            (Way::AToB, [Some(below), _]) => difference - below,
            (Way::BToA, [_, Some(above)]) => above - difference,
            _ => 0.0,
        };
        if delay > CREDIBLE_DELAY_NS {
            continue;
        }
        let delay = delay.ceil() as i64;
        let [earliest, latest] = match bound.way {
            Way::AToB => [bound.time_ns, bound.time_ns.saturating_add(delay)],
            Way::BToA => [bound.time_ns.saturating_sub(delay), bound.time_ns],
        };
        first = first.min(latest);
        last = last.max(earliest);
    }
    if first <= last {
        return [first, last];
    }
    // Every segment may have been under way at one time, or none has a credible delay.
    let [begin, end] = [bounds.first(), bounds.last()].map(|b| b.map_or(0, |b| b.time_ns));
    [midpoint(begin, end); 2]
}

fn course(bounds: &[Bound], reference: Reference) -> Course {
    let above = of_way(bounds, Way::AToB).map(|bound| bound.difference_ns).min();
    let below = of_way(bounds, Way::BToA).map(|bound| bound.difference_ns).max();
    match (below, above) {
        (Some(below), Some(above)) if below <= above => Course::Constant(midpoint(below, above)),
        (Some(_), Some(_)) => line(bounds, reference, f64::from(RATE_LIMIT_PPM) * PPM)
            .map_or(Course::Middle, Course::Line),
        _ => Course::Edge,
    }
}

/// Whether a steady drift fulfils all bounds.
pub(super) fn drifts_steadily(bounds: &[Bound]) -> bool {
    let way = bounds.first().map(|bound| bound.way);
    bounds.iter().all(|bound| Some(bound.way) == way)
        || line(bounds, Reference::of(bounds), f64::from(RATE_LIMIT_PPM) * PPM).is_some()
}
