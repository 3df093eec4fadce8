//! How far the clocks of two points are apart, from nothing but segments that both have seen.

mod band;
mod bounds;
mod fit;
mod line;
mod piece;
#[cfg(test)]
mod tests;

use crate::vocabulary::enumeration::enumeration;
pub use bounds::{Bound, Bounds, Way};
use piece::Piece;

/// So much may two clocks drift apart at any time, in parts per million, and by so much may their rate
/// differ from a piece's own. The uncertainty allows for it.
///
/// Quartz is within 100 ppm, two of them within 200.
pub const RATE_PPM: u32 = 250;

/// A steady drift up to this rate is believed, in parts per million. Anything faster was a clock
/// that was set.
///
/// Two kernels that slew their clocks against each other reach it: adjtimex(2) allows 500 ppm each.
pub const RATE_LIMIT_PPM: u32 = 1_000;

enumeration! {
    /// How the clocks of two points went in a piece of time.
    ClockKind as "clock_kind" {
        /// There is no bound.
        Unknown = 0, UNKNOWN, "unknown";
        /// Both points have the same clock.
        Shared = 1, SHARED, "shared";
        /// One offset fits the whole piece.
        Constant = 2, CONSTANT, "constant";
        /// The offset grows or shrinks steadily.
        Drifting = 3, DRIFTING, "drifting";
        /// The offset changes slowly and unsteadily, as a clock does that is being slewed.
        Varying = 4, VARYING, "varying";
        /// Segments of one direction only bound it.
        OneSided = 5, ONE_SIDED, "one_sided";
    }
}

/// B's clock minus A's at one time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Offset {
    /// The offset, or the bound of it if all bounds are of one direction.
    pub offset_ns: i64,
    /// The true offset is no further away than this. `None`: not known, because the bounds are of one
    /// direction only, there are none, or bounds around this time contradict each other.
    pub uncertainty_ns: Option<u64>,
}

/// A piece of time in which no clock was set.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct ClockPiece {
    /// The earliest time by A's clock that surely belongs to it, nanoseconds since 1970.
    pub first_ns: i64,
    /// The latest time by A's clock that surely belongs to it.
    pub last_ns: i64,
    /// How the clocks went.
    pub kind: ClockKind,
    /// Parts per million by which B's clock is faster than A's; 0 unless it drifts steadily.
    pub drift_ppm: f64,
}

/// A change between two pieces that no drift explains: a clock was set.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ClockStep {
    /// Later than this time of A's clock.
    pub after_ns: i64,
    /// Earlier than this time of A's clock.
    pub before_ns: i64,
    /// The offset after it minus the offset before it.
    pub by_ns: i64,
    /// How far `by_ns` may be from the truth, if both pieces know theirs. If `by_ns` is not larger,
    /// it may be that no clock was set and only its rate changed.
    pub uncertainty_ns: Option<u64>,
}

/// B's clock beside A's, at any time.
///
/// No symmetry of the way is assumed. A segment takes no less than no time, so one that goes from A to
/// B says that the offset is at most B's time minus A's, and one that goes from B to A that it is at
/// least that. Where one constant offset fits all bounds, its middle is taken; else a steady drift up
/// to [`RATE_LIMIT_PPM`], else a rate that changes within [`RATE_PPM`]; else the fewest pieces of
/// time, each judged by itself.
///
/// The uncertainty covers every course of the clocks that fulfils all bounds and whose rate is at any
/// time within [`RATE_PPM`], of none or of the piece's. A clock that is set by less than the bounds
/// leave open goes unnoticed.
///
/// A few bounds of one direction that contradict the many around them are taken for lies (a frame with
/// a wrong time, a segment under way while a clock was set). They bound nothing, and there is no
/// uncertainty from the last bound before them to the first after them.
///
/// ```
/// use dissector_core::compare::{Bound, Bounds, ClockKind, Way};
///
/// // B's clock is two hours behind. A SYN takes 3 ms to B, the SYN/ACK 1 ms back.
/// let behind = -7_200_000_000_000;
/// let time_ns = 1_700_000_000_000_000_000;
/// let mut bounds = Bounds::new();
/// bounds.push(Bound { time_ns, difference_ns: behind + 3_000_000, way: Way::AToB });
/// let answered_ns = time_ns + 4_000_000;
/// bounds.push(Bound {
///     time_ns: answered_ns,
///     difference_ns: behind - 1_000_000,
///     way: Way::BToA,
/// });
///
/// let clocks = bounds.clocks();
/// assert_eq!(clocks.pieces().next().unwrap().kind, ClockKind::Constant);
/// let offset = clocks.at(time_ns);
/// assert_eq!(offset.offset_ns, behind + 1_000_000);
/// // Half of the round trip, and 250 ppm of the time between the two.
/// assert_eq!(offset.uncertainty_ns, Some(2_001_000));
/// assert_eq!(clocks.to_a(time_ns + offset.offset_ns), time_ns);
/// ```
#[derive(Clone, Debug)]
pub struct Clocks {
    pieces: Vec<Piece>,
    /// Open intervals of time in which bounds contradict each other, in order and apart.
    unsettled: Vec<(i64, i64)>,
    ignored: usize,
    shared: bool,
}

impl Clocks {
    /// The clock of the interfaces of one capture: offset 0, uncertainty 0.
    pub const fn shared() -> Self {
        Self { pieces: Vec::new(), unsettled: Vec::new(), ignored: 0, shared: true }
    }

    /// B's clock minus A's at this time of A's clock.
    ///
    /// Between two pieces, the uncertainty covers both. Without any bound, the offset is 0 and the
    /// uncertainty `None`.
    pub fn at(&self, time_ns: i64) -> Offset {
        if self.pieces.is_empty() {
            return Offset { offset_ns: 0, uncertainty_ns: self.shared.then_some(0) };
        }
        let index = self.piece_at(time_ns);
        let piece = &self.pieces[index];
        let mut offset = piece.at(time_ns);
        let other = if time_ns < piece.first_ns {
            index.checked_sub(1)
        } else if time_ns > piece.last_ns {
            Some(index + 1)
        } else {
            None
        };
        if let Some(other) = other.and_then(|other| self.pieces.get(other)) {
            let there = other.at(time_ns);
            let apart = there.offset_ns.abs_diff(offset.offset_ns);
            offset.uncertainty_ns = offset
                .uncertainty_ns
                .zip(there.uncertainty_ns)
                .map(|(here, there)| here.max(apart.saturating_add(there)));
        }
        let next = self.unsettled.partition_point(|&(_, to)| to <= time_ns);
        if self.unsettled.get(next).is_some_and(|&(from, _)| from < time_ns) {
            offset.uncertainty_ns = None;
        }
        offset
    }

    /// The time of B's clock at this time of A's.
    pub fn to_b(&self, time_ns: i64) -> i64 {
        time_ns.saturating_add(self.at(time_ns).offset_ns)
    }

    /// The time of A's clock at this time of B's.
    ///
    /// Where B's clock was set back, some of its times came twice: the first is taken. Where it was
    /// set forward, some never came: the time of the step is taken. See [`Self::to_a_near`].
    pub fn to_a(&self, time_ns: i64) -> i64 {
        self.times_of(time_ns).next().unwrap_or_else(|| self.step_over(time_ns))
    }

    /// Like [`Self::to_a`]; of several times of A's clock the one nearest to `near_ns`, such as that
    /// of the frame before in B's capture.
    pub fn to_a_near(&self, time_ns: i64, near_ns: i64) -> i64 {
        self.times_of(time_ns)
            .min_by_key(|time| time.abs_diff(near_ns))
            .unwrap_or_else(|| self.step_over(time_ns))
    }

    /// The pieces in order of time, at least one.
    pub fn pieces(&self) -> impl Iterator<Item = ClockPiece> + '_ {
        let kind = if self.shared { ClockKind::Shared } else { ClockKind::Unknown };
        let none = ClockPiece { first_ns: i64::MIN, last_ns: i64::MAX, kind, drift_ppm: 0.0 };
        let none = self.pieces.is_empty().then_some(none);
        none.into_iter().chain(self.pieces.iter().map(Piece::summary))
    }

    /// The changes between the pieces, in order of time.
    pub fn steps(&self) -> impl Iterator<Item = ClockStep> + '_ {
        self.pieces.windows(2).map(|pair| {
            let [before, after] = pair else { unreachable!("windows of two") };
            let [from, to] = [before.at(before.last_ns), after.at(after.first_ns)];
            ClockStep {
                after_ns: before.last_ns,
                before_ns: after.first_ns,
                by_ns: to.offset_ns.saturating_sub(from.offset_ns),
                uncertainty_ns: from
                    .uncertainty_ns
                    .zip(to.uncertainty_ns)
                    .map(|(from, to)| from.saturating_add(to)),
            }
        })
    }

    /// Number of bounds that were taken for lies.
    pub const fn ignored(&self) -> usize {
        self.ignored
    }

    /// Number of the piece that this time belongs to, or is nearest to. There is one.
    fn piece_at(&self, time_ns: i64) -> usize {
        let begun = self.pieces.partition_point(|piece| piece.first_ns <= time_ns);
        // The next one begins to be nearer before its first bound.
        let next_is_nearer = begun < self.pieces.len() && self.starts_at(begun) <= time_ns;
        if next_is_nearer { begun } else { begun.saturating_sub(1) }
    }

    /// The earliest time that is nearer to this piece than to the one before.
    fn starts_at(&self, index: usize) -> i64 {
        match index.checked_sub(1) {
            Some(before) => midpoint(self.pieces[before].last_ns, self.pieces[index].first_ns),
            None => i64::MIN,
        }
    }

    /// Every time of A's clock at which B's clock showed this time, in order.
    fn times_of(&self, time_ns: i64) -> impl Iterator<Item = i64> + '_ {
        let none = self.pieces.is_empty().then_some(time_ns);
        none.into_iter().chain(self.pieces.iter().enumerate().filter_map(move |(index, piece)| {
            let time = piece.to_a(time_ns);
            let last = index + 1 == self.pieces.len();
            let within =
                self.starts_at(index) <= time && (last || time < self.starts_at(index + 1));
            within.then_some(time)
        }))
    }

    /// The time of the step that left out this time of B's clock.
    fn step_over(&self, time_ns: i64) -> i64 {
        let step = (1..self.pieces.len())
            .map(|index| self.starts_at(index))
            .find(|&start| self.to_b(start) >= time_ns);
        step.unwrap_or_else(|| self.pieces.last().map_or(time_ns, |last| last.to_a(time_ns)))
    }
}

/// The middle of two numbers, without overflow.
const fn midpoint(a: i64, b: i64) -> i64 {
    ((a as i128 + b as i128) >> 1) as i64
}
