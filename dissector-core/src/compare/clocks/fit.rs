//! The fewest pieces that fulfil the bounds, and the bounds that are lies.

use std::ops::Range;

use super::bounds::{Bound, Way};
use super::piece::{Piece, drifts_steadily};
use super::{Clocks, RATE_PPM};

/// A piece that holds so many times fewer bounds than the largest, all of one way, is no piece.
const FEWER: usize = 16;

/// Only beside a piece of so many bounds is a single bound a lie.
const ENOUGH: usize = 4;

/// Lies are looked for so often. A round finds all that are apart from each other.
const ROUNDS: u32 = 8;

/// Finds the clocks from bounds in order of time.
pub(super) fn fit(mut bounds: Vec<Bound>) -> Clocks {
    let mut lies = Vec::new();
    let mut pieces = pieces(&bounds);
    for _ in 0..ROUNDS {
        let Some(doubtful) = doubtful(&bounds, &pieces) else { break };
        let mut index = 0..;
        let mut next = doubtful.into_iter().peekable();
        bounds.retain(|bound| {
            let index = index.next().unwrap_or(usize::MAX);
            while next.next_if(|range| range.end <= index).is_some() {}
            let lies_here = next.peek().is_some_and(|range| range.contains(&index));
            if lies_here {
                lies.push(bound.time_ns);
            }
            !lies_here
        });
        pieces = self::pieces(&bounds);
    }
    Clocks {
        pieces: pieces.into_iter().map(|piece| Piece::new(&bounds[piece])).collect(),
        unsettled: unsettled(&bounds, &mut lies),
        ignored: lies.len(),
        shared: false,
    }
}

/// The bounds that surely belong to each of the fewest pieces. Those between two pieces may belong to
/// either.
///
/// The longest pieces from the front and the longest from the back are equally many, and the fewest:
/// a part of what fits fits. No division into so few has a piece end later than from the front, or
/// begin earlier than from the back.
fn pieces(bounds: &[Bound]) -> Vec<Range<usize>> {
    let mut ends = Vec::new();
    while let Some(start) = Some(ends.last().copied().unwrap_or(0)).filter(|&n| n < bounds.len()) {
        ends.push(start + longest(&bounds[start..]));
    }
    let reversed: Vec<_> = bounds.iter().rev().map(mirrored).collect();
    let mut starts = Vec::new();
    while let Some(end) = Some(starts.last().copied().unwrap_or(bounds.len())).filter(|&n| n > 0) {
        starts.push(end - longest(&reversed[bounds.len() - end..]));
    }
    starts.reverse();
    (0..ends.len())
        .map(|index| {
            let start = index.checked_sub(1).map_or(0, |before| ends[before]);
            let end = starts.get(index + 1).copied().unwrap_or(bounds.len());
            // Not so only if rounding made the two differ.
            if starts.len() == ends.len() && start < end { start..end } else { start..ends[index] }
        })
        .collect()
}

/// The same bound where time runs backwards.
fn mirrored(bound: &Bound) -> Bound {
    Bound { time_ns: -bound.time_ns, ..*bound }
}

/// How many bounds from the front on are fulfilled by one course of the clocks; 0 without bounds.
fn longest(bounds: &[Bound]) -> usize {
    let varying = longest_varying(bounds);
    // What is known to fit, and the shortest that is known not to.
    let (mut fits, mut too_long) = (varying, bounds.len() + 1);
    let mut step = 1;
    while fits + 1 < too_long {
        let next = if too_long > bounds.len() {
            (fits + step).min(bounds.len())
        } else {
            usize::midpoint(fits, too_long)
        };
        step *= 2;
        if drifts_steadily(&bounds[..next]) { fits = next } else { too_long = next }
    }
    fits
}

/// How many bounds from the front on no two contradict each other, if the rate stays within the usual.
fn longest_varying(bounds: &[Bound]) -> usize {
    const MILLION: i128 = 1_000_000;
    // The strictest so far from above and from below, in millionths, less what it loosens with time.
    let (mut above, mut below) = (i128::MAX / 2, i128::MIN / 2);
    let mut fits = |bound: &Bound| {
        let difference = i128::from(bound.difference_ns) * MILLION;
        let loosened = i128::from(bound.time_ns) * i128::from(RATE_PPM);
        match bound.way {
            Way::AToB => {
                above = above.min(difference - loosened);
                below - loosened <= difference
            }
            Way::BToA => {
                below = below.max(difference + loosened);
                difference <= above + loosened
            }
        }
    };
    bounds.iter().position(|bound| !fits(bound)).unwrap_or(bounds.len())
}

/// The pieces that are none: few bounds of one way beside a piece of many.
fn doubtful(bounds: &[Bound], pieces: &[Range<usize>]) -> Option<Vec<Range<usize>>> {
    let largest = pieces.iter().map(Range::len).max().filter(|&largest| largest >= ENOUGH)?;
    let most = (largest / FEWER).max(1);
    let doubtful: Vec<_> = pieces
        .iter()
        .filter(|piece| piece.len() <= most && one_way(&bounds[(*piece).clone()]))
        .cloned()
        .collect();
    Some(doubtful).filter(|doubtful| !doubtful.is_empty())
}

fn one_way(bounds: &[Bound]) -> bool {
    bounds.iter().all(|bound| bound.way == bounds[0].way)
}

/// From the last bound before each lie to the first after it, in order, overlapping ones joined.
fn unsettled(bounds: &[Bound], lies: &mut [i64]) -> Vec<(i64, i64)> {
    lies.sort_unstable();
    let mut unsettled: Vec<(i64, i64)> = Vec::new();
    for &mut lie in lies {
        let before = bounds.partition_point(|bound| bound.time_ns < lie).checked_sub(1);
        let after = bounds.partition_point(|bound| bound.time_ns <= lie);
        let from = before.map_or(i64::MIN, |index| bounds[index].time_ns);
        let to = bounds.get(after).map_or(i64::MAX, |bound| bound.time_ns);
        match unsettled.last_mut() {
            Some(last) if from < last.1 => last.1 = last.1.max(to),
            _ => unsettled.push((from, to)),
        }
    }
    unsettled
}
