//! Bounds of the offset, and few of them for any number of segments.

use hashbrown::HashMap;

use super::{Clocks, fit};

/// The way of a segment between two points.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Way {
    /// A saw it before B: the offset is at most the difference.
    AToB,
    /// B saw it before A: the offset is at least the difference.
    BToA,
}

/// A segment that both points have seen, as a bound of the offset of their clocks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Bound {
    /// Time by A's clock, nanoseconds since 1970.
    pub time_ns: i64,
    /// Time by B's clock minus time by A's.
    pub difference_ns: i64,
    /// Its way.
    pub way: Way,
}

/// Bounds are kept until there are so many, then thinned.
const LIMIT: usize = 1 << 17;

/// The first width of a bucket of time.
const WIDTH_NS: i64 = 1_000_000;

/// Beyond it, neither a time nor a difference is believed. It is 126 years, and differences of two
/// such numbers still multiply without overflow.
const FARTHEST_NS: u64 = 4_000_000_000_000_000_000;

/// Collects bounds in any order, and keeps some 10⁵ of them: of each short time and way the strictest.
///
/// A subset of bounds that are true is true, so this costs some sharpness at most.
///
/// ```
/// use dissector_core::compare::{Bound, Bounds, Way};
///
/// let mut bounds = Bounds::new();
/// for time_ns in 1..1_000 {
///     bounds.push(Bound { time_ns, difference_ns: 499 + time_ns, way: Way::AToB });
/// }
/// assert_eq!(bounds.len(), 1, "within a millisecond only the strictest counts");
/// let offset = bounds.clocks().at(1);
/// assert_eq!((offset.offset_ns, offset.uncertainty_ns), (500, None));
/// ```
#[derive(Clone, Debug)]
pub struct Bounds {
    /// The strictest bound of each bucket of time and way.
    strictest: HashMap<(i64, Way), Bound, foldhash::fast::FixedState>,
    width_ns: i64,
    resolution_ns: i64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self::new()
    }
}

impl Bounds {
    /// No bounds yet, from times that are exact.
    pub fn new() -> Self {
        Self { strictest: HashMap::default(), width_ns: WIDTH_NS, resolution_ns: 0 }
    }

    /// No bounds yet, from times that were cut to multiples of this, such as 1,000 where one of the
    /// captures counts microseconds. Each bound is loosened by as much as that may hide.
    pub fn with_resolution(resolution_ns: u32) -> Self {
        Self { resolution_ns: resolution_ns.into(), ..Self::new() }
    }

    /// Adds one. It is left out where a time is 0, since a frame without a time says so, and where its
    /// time or difference is more than 126 years.
    pub fn push(&mut self, bound: Bound) {
        let Bound { time_ns, mut difference_ns, way } = bound;
        if time_ns == 0 || time_ns.checked_add(difference_ns) == Some(0) {
            return;
        }
        if time_ns.unsigned_abs() > FARTHEST_NS || difference_ns.unsigned_abs() > FARTHEST_NS {
            return;
        }
        difference_ns += match way {
            Way::AToB => self.resolution_ns,
            Way::BToA => -self.resolution_ns,
        };
        self.keep(Bound { time_ns, difference_ns, way });
        while self.strictest.len() > LIMIT {
            self.width_ns = self.width_ns.saturating_mul(2);
            for bound in std::mem::take(&mut self.strictest).into_values() {
                self.keep(bound);
            }
        }
    }

    /// Adds those that another collection keeps, which were loosened already.
    pub(in crate::compare) fn merge(&mut self, other: Self) {
        let resolution_ns = std::mem::take(&mut self.resolution_ns);
        other.strictest.into_values().for_each(|bound| self.push(bound));
        self.resolution_ns = resolution_ns;
    }

    /// Number of bounds that are kept.
    pub fn len(&self) -> usize {
        self.strictest.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.strictest.is_empty()
    }

    /// The clocks that fulfil the bounds.
    pub fn clocks(&self) -> Clocks {
        let mut bounds: Vec<_> = self.strictest.values().copied().collect();
        // Time and way are unique but for a bucket's edge; the rest makes the order the same always.
        bounds.sort_unstable_by_key(|bound| {
            (bound.time_ns, bound.way == Way::BToA, bound.difference_ns)
        });
        fit::fit(bounds)
    }

    fn keep(&mut self, bound: Bound) {
        let bucket = bound.time_ns.div_euclid(self.width_ns);
        let kept = self.strictest.entry((bucket, bound.way)).or_insert(bound);
        // The order of coming decides nothing.
        let key = |of: &Bound| match of.way {
            Way::AToB => (of.difference_ns, of.time_ns),
            Way::BToA => (-of.difference_ns, of.time_ns),
        };
        if key(&bound) < key(kept) {
            *kept = bound;
        }
    }
}
