//! The time of both points on one clock, and when each was capturing.

use super::clocks::{ClockKind, Clocks};
use super::observer::Coverage;
use crate::vocabulary::Side;

/// The longest time on the way that is taken into account where capturing began or ended, in nanoseconds.
pub(super) const LONGEST_WAY_NS: i64 = 1_000_000_000;

/// The clocks of both points, and the times in which they were capturing.
#[derive(Debug)]
pub(super) struct Timing {
    pub clocks: Clocks,
    /// When each point was capturing, by the first point's clock.
    spans: [Vec<(i64, i64)>; 2],
    drops: [bool; 2],
    /// The longest time on the way to each end that was seen, in nanoseconds, at most
    /// [`LONGEST_WAY_NS`].
    longest_ns: [Option<i64>; 2],
    /// Number of times between which a clock was set.
    pieces: usize,
    steady: Option<Steady>,
    /// Whether each point sees nothing of what the client, and the server, sends.
    blind: [[bool; 2]; 2],
}

/// Clocks with one offset: what is asked of them for each of many connections, looked up.
#[derive(Debug)]
struct Steady {
    offset_ns: i64,
    first_ns: i64,
    step_ns: i64,
    /// The uncertainty at the first time and after each step. In between, it is no larger than at both ends.
    uncertainties: Vec<i64>,
}

impl Steady {
    /// Steps in which the time between the first and the last bound is cut.
    const STEPS: i64 = 1 << 12;

    fn new(clocks: &Clocks) -> Option<Self> {
        let mut pieces = clocks.pieces();
        let piece = pieces.next().filter(|piece| piece.kind == ClockKind::Constant)?;
        let (first_ns, offset_ns) = (piece.first_ns, clocks.at(piece.first_ns).offset_ns);
        let step_ns = piece.last_ns.saturating_sub(first_ns) / Self::STEPS + 1;
        let uncertainty = |step: i64| {
            let time_ns = first_ns.saturating_add(step.saturating_mul(step_ns));
            i64::try_from(clocks.at(time_ns).uncertainty_ns?).ok()
        };
        let uncertainties = (0..=Self::STEPS).map(uncertainty).collect::<Option<_>>()?;
        pieces.next().is_none().then_some(Self { offset_ns, first_ns, step_ns, uncertainties })
    }

    fn uncertainty(&self, time_ns: i64) -> Option<i64> {
        let step = usize::try_from(time_ns.checked_sub(self.first_ns)? / self.step_ns).ok()?;
        let (before, after) = (self.uncertainties.get(step)?, self.uncertainties.get(step + 1)?);
        (time_ns >= self.first_ns).then(|| *before.max(after))
    }
}

/// The clocks in a short time.
pub(super) struct LocalClocks<'a> {
    timing: &'a Timing,
    /// The offset and its uncertainty, where they are the same all the time.
    constant: Option<(i64, Option<i64>)>,
}

impl LocalClocks<'_> {
    /// A time of a point by the first point's clock.
    pub fn common(&self, point: usize, time_ns: i64) -> i64 {
        match self.constant {
            Some((offset_ns, _)) if point == 1 => time_ns.saturating_sub(offset_ns),
            _ => self.timing.common(point, time_ns),
        }
    }

    /// How far the difference of the clocks may be from the stated one.
    pub fn uncertainty(&self, time_ns: i64) -> Option<i64> {
        match self.constant {
            Some((_, uncertainty)) => uncertainty,
            None => self.timing.uncertainty(time_ns),
        }
    }
}

impl Timing {
    pub fn new(clocks: Clocks, coverage: [&Coverage; 2]) -> Self {
        let [first, second] = coverage;
        let translated = second.spans().map(|(from, to)| (clocks.to_a(from), clocks.to_a(to)));
        let spans = [first.spans().collect(), translated.collect()];
        let drops = coverage.map(|coverage| coverage.dropped() > 0);
        let pieces = clocks.pieces().count();
        Self {
            clocks,
            spans,
            drops,
            longest_ns: [None; 2],
            pieces,
            steady: None,
            blind: [[false; 2]; 2],
        }
    }

    /// This point sees nothing of what this side sends.
    pub fn set_blind(&mut self, point: usize, sender: Side) {
        self.blind[point][sender as usize] = true;
    }

    /// The same, made ready to be asked about many connections.
    pub fn for_many(self) -> Self {
        Self { steady: Steady::new(&self.clocks), ..self }
    }

    /// A segment took this long on the way to this end.
    pub fn note_delay(&mut self, to: Side, delay_ns: i64) {
        let longest = &mut self.longest_ns[to as usize];
        let delay_ns = delay_ns.clamp(0, LONGEST_WAY_NS);
        *longest = Some(longest.map_or(delay_ns, |it| it.max(delay_ns)));
    }

    /// A time of a point by the first point's clock.
    pub fn common(&self, point: usize, time_ns: i64) -> i64 {
        match &self.steady {
            _ if point == 0 => time_ns,
            Some(steady) => time_ns.saturating_sub(steady.offset_ns),
            None => self.clocks.to_a(time_ns),
        }
    }

    /// How far the difference of the clocks may be from the stated one; `None` if that is not known.
    pub fn uncertainty(&self, time_ns: i64) -> Option<i64> {
        if let Some(known) = self.steady.as_ref().and_then(|it| it.uncertainty(time_ns)) {
            return Some(known);
        }
        self.clocks.at(time_ns).uncertainty_ns.map(|it| i64::try_from(it).unwrap_or(i64::MAX))
    }

    /// Whether anything is known of the difference of the clocks.
    pub fn is_known(&self) -> bool {
        self.clocks.pieces().next().is_some_and(|piece| piece.kind != ClockKind::Unknown)
    }

    /// The clocks in a span of the first point's clock, for many questions about a short time.
    pub fn local(&self, first_ns: i64, last_ns: i64) -> LocalClocks<'_> {
        if let Some(steady) = &self.steady {
            let uncertainty = self.uncertainty(first_ns).zip(self.uncertainty(last_ns));
            let uncertainty = uncertainty.map(|(a, b)| a.max(b));
            return LocalClocks { timing: self, constant: Some((steady.offset_ns, uncertainty)) };
        }
        let [first, last] = [first_ns, last_ns].map(|time_ns| self.clocks.at(time_ns));
        let is_one = self.pieces == 1 && first.offset_ns == last.offset_ns;
        let uncertainty = self.uncertainty(first_ns).zip(self.uncertainty(last_ns));
        LocalClocks {
            timing: self,
            // Within a piece, it is largest at one of the ends.
            constant: is_one.then(|| (first.offset_ns, uncertainty.map(|(a, b)| a.max(b)))),
        }
    }

    pub fn drops(&self, point: usize) -> bool {
        self.drops[point]
    }

    /// Whether the point captured everything in this span of the first point's clock.
    fn captures(&self, point: usize, from_ns: i64, to_ns: i64) -> bool {
        self.spans[point].iter().any(|(start, end)| *start <= from_ns && to_ns <= *end)
    }

    fn margins(&self, to: Side, time_ns: i64) -> Option<(i64, i64)> {
        self.is_known().then(|| match self.uncertainty(time_ns) {
            Some(uncertainty) => {
                // Not all of them were measured.
                let longest = self.longest_ns[to as usize].map_or(LONGEST_WAY_NS, |it| it * 2);
                (uncertainty, longest.saturating_add(uncertainty))
            }
            // The offset is a bound of one side only.
            None => (LONGEST_WAY_NS, LONGEST_WAY_NS),
        })
    }

    /// Whether the point had begun to capture, once and for all, before anything passed it that the other one
    /// saw at this time.
    pub fn had_begun(&self, point: usize, to: Side, time_ns: i64) -> bool {
        let [(start, _)] = self.spans[point][..] else { return false };
        self.margins(to, time_ns).is_some_and(|(_, margin)| start <= time_ns.saturating_sub(margin))
    }

    /// Whether the point must have captured what left for it at this time, if it came.
    pub fn sees_arrival(&self, point: usize, to: Side, departure_ns: i64) -> bool {
        let is_blind = self.blind[point][to.other() as usize];
        !is_blind
            && self.margins(to, departure_ns).is_some_and(|(before, after)| {
                let (from, until) =
                    (departure_ns.saturating_sub(before), departure_ns.saturating_add(after));
                self.captures(point, from, until)
            })
    }

    /// Whether the point must have captured the departure of what arrived at this time.
    pub fn saw_departure(&self, point: usize, to: Side, arrival_ns: i64) -> bool {
        let is_blind = self.blind[point][to.other() as usize];
        !is_blind
            && self.margins(to, arrival_ns).is_some_and(|(before, after)| {
                let (from, until) =
                    (arrival_ns.saturating_sub(after), arrival_ns.saturating_add(before));
                self.captures(point, from, until)
            })
    }

    /// Whether the point was capturing at this time, and for some time before and after it.
    pub fn captures_about(&self, point: usize, time_ns: i64) -> bool {
        /// Longer than nearly all segments are on their way.
        const ABOUT_NS: i64 = 100_000_000;
        let (from, to) = (time_ns.saturating_sub(ABOUT_NS), time_ns.saturating_add(ABOUT_NS));
        self.captures(point, from, to)
    }

    /// Whether the point was capturing at all while this time passed.
    pub fn overlaps(&self, point: usize, [first_ns, last_ns]: [i64; 2]) -> bool {
        self.spans[point].iter().any(|(start, end)| *start <= last_ns && first_ns <= *end)
    }
}
