//! Which octets of a direction a point has seen.

use crate::wire::SeqNumber;

/// Ranges that are remembered apart; beyond that, the lowest gap is taken for seen.
const MOST_RANGES: usize = 64;

/// The octets of one direction that a point has seen, as merged ranges of positions in its stream.
#[derive(Clone, Debug, Default)]
pub(super) struct SeenOctets {
    /// Disjoint ranges, in order.
    ranges: Vec<(i64, i64)>,
    /// The number that has position 0: the first one seen.
    anchor: Option<SeqNumber>,
    /// The highest position so far.
    highest: i64,
    /// Whether a gap was given up.
    pub lossy: bool,
}

impl SeenOctets {
    /// The position of a sequence number that is within 2 GiB of the highest one so far.
    pub fn position(&self, sequence: SeqNumber) -> i64 {
        let Some(anchor) = self.anchor else { return 0 };
        // The highest position modulo 2^32 is that of this number.
        let number = anchor + self.highest as u32;
        self.highest + i64::from(sequence.since(number))
    }

    /// Adds `len` octets from `sequence` on; returns how many of them were seen before.
    pub fn add(&mut self, sequence: SeqNumber, len: u32) -> u32 {
        if len == 0 {
            return 0;
        }
        self.anchor.get_or_insert(sequence);
        let start = self.position(sequence);
        let end = start + i64::from(len);
        self.highest = self.highest.max(end);
        // Most octets follow those before them.
        if let Some((_, last)) = self.ranges.last_mut()
            && *last == start
        {
            *last = end;
            return 0;
        }
        let (mut from, mut to, mut overlap) = (start, end, 0);
        self.ranges.retain(|&(first, last)| {
            let apart = last < start || first > end;
            if !apart {
                overlap += last.min(end) - first.max(start);
                (from, to) = (from.min(first), to.max(last));
            }
            apart
        });
        let place = self.ranges.partition_point(|(first, _)| *first < from);
        self.ranges.insert(place, (from, to));
        if let [(_, first_end), (second, _), ..] = self.ranges[..]
            && self.ranges.len() > MOST_RANGES
        {
            self.lossy |= first_end < second;
            let (first, _) = self.ranges.remove(0);
            self.ranges[0].0 = first;
        }
        overlap as u32
    }

    /// How many of `len` octets from `sequence` on were seen.
    pub fn count(&self, sequence: SeqNumber, len: u32) -> u32 {
        let start = self.position(sequence);
        let end = start + i64::from(len);
        let common = |&(first, last): &(i64, i64)| (last.min(end) - first.max(start)).max(0);
        self.ranges.iter().map(common).sum::<i64>() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(segments: &[(u32, u32)]) -> SeenOctets {
        let mut seen = SeenOctets::default();
        segments.iter().for_each(|&(sequence, len)| {
            seen.add(SeqNumber(sequence), len);
        });
        seen
    }

    #[test]
    fn repeated_octets_are_told_from_those_that_fill_a_gap() {
        let mut octets = seen(&[(10, 5), (20, 5)]);
        assert_eq!(octets.add(SeqNumber(15), 5), 0);
        assert_eq!(octets.add(SeqNumber(12), 20), 13);
        assert_eq!(octets.count(SeqNumber(0), 100), 22);
    }
}
