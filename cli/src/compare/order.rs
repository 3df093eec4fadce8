//! Which points are neighbours on the way: their order from the clients' end to the servers'.

use std::collections::BTreeMap;

use dissector_core::compare::{Comparison, Observation};

/// So many connections are enough to tell which of two points is nearer the clients.
const ENOUGH: usize = 1000;
/// Where connections are opened in both directions, more than so many must agree for each that does not.
const MAJORITY: u64 = 9;

/// The places of the points in the order of the way, and the comparison of each point with the next one.
///
/// Two points stay as they were given, and so do those of which nothing tells.
pub fn in_order(
    observations: Vec<Observation>,
    compare: impl Fn(Observation, Observation) -> Comparison,
) -> (Vec<usize>, Vec<Comparison>) {
    if observations.len() < 3 {
        return ((0..observations.len()).collect(), neighbours(observations, compare));
    }
    let compare = |pair: &[usize]| {
        let [first, second] = [pair[0], pair[1]];
        compare(observations[first].clone(), observations[second].clone())
    };
    let mut known: BTreeMap<Vec<usize>, Comparison> = BTreeMap::new();
    let mut order: Vec<usize> = Vec::with_capacity(observations.len());
    for point in 0..observations.len() {
        let mut place = order.len();
        while let Some(before) = place.checked_sub(1) {
            let pair = vec![order[before], point];
            let comparison = compare(&pair);
            let is_nearer = nearer_clients(&comparison) == Some(1);
            known.insert(pair, comparison);
            if !is_nearer {
                break;
            }
            place = before;
        }
        // Points between which it stands are no neighbours any more.
        if let (Some(before), Some(after)) = (place.checked_sub(1), order.get(place)) {
            known.remove(&[order[before], *after][..]);
        }
        order.insert(place, point);
    }
    let pairs = order.windows(2);
    let comparisons = pairs.map(|pair| known.remove(pair).unwrap_or_else(|| compare(pair)));
    let comparisons = comparisons.collect();
    (order, comparisons)
}

/// The one of two points that is nearer the clients; `None` if nothing tells, or both are of many.
fn nearer_clients(comparison: &Comparison) -> Option<usize> {
    let mut votes = [0_u64; 2];
    let step = comparison.len() / ENOUGH + 1;
    for joined in (0..comparison.len()).step_by(step).filter_map(|conn| comparison.get(conn)) {
        if let Some(nearer) = joined.nearer_client.filter(|_| joined.joined_by.is_some()) {
            votes[nearer] += 1;
        }
    }
    [0, 1].into_iter().find(|point| votes[*point] > MAJORITY * votes[1 - *point])
}

/// Compares each point with the next one.
pub fn neighbours(
    observations: Vec<Observation>,
    compare: impl Fn(Observation, Observation) -> Comparison,
) -> Vec<Comparison> {
    let mut rest = observations.into_iter();
    let Some(mut first) = rest.next() else { return Vec::new() };
    let mut comparisons = Vec::with_capacity(rest.len());
    while let Some(second) = rest.next() {
        // The last one is not copied, for it may be large.
        let next = (rest.len() > 0).then(|| second.clone());
        comparisons.push(compare(first, second));
        let Some(next) = next else { break };
        first = next;
    }
    comparisons
}
