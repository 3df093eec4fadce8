//! Which octets of a direction a point has seen.

use crate::wire::SeqNumber;

/// Ranges that are remembered apart; beyond that, the lowest gap is taken for seen.
const MOST_RANGES: usize = 64;

/// The octets of one direction that a point has seen, as merged ranges of positions in its stream.
///
/// Nearly every stream is one range, which needs no memory of its own.
#[derive(Clone, Debug, Default)]
pub(super) struct SeenOctets {
    /// The number that has position 0: the first one seen.
    anchor: SeqNumber,
    /// The lowest range.
    first: (i64, i64),
    /// Further ranges, in order and apart.
    #[expect(
        clippy::box_collection,
        reason = "a stream with gaps is rare, and a vector has 24 octets"
    )]
    others: Option<Box<Vec<(i64, i64)>>>,
}

impl SeenOctets {
    fn highest(&self) -> i64 {
        let last = self.others.as_ref().and_then(|others| others.last());
        last.map_or(self.first.1, |(_, end)| *end)
    }

    /// The position of a sequence number that is within 2 GiB of the highest one so far.
    fn position(&self, sequence: SeqNumber) -> i64 {
        let highest = self.highest();
        // The highest position modulo 2^32 is that of this number.
        let number = self.anchor + highest as u32;
        highest + i64::from(sequence.since(number))
    }

    /// Adds `len` octets from `sequence` on; returns how many of them were seen before.
    pub fn add(&mut self, sequence: SeqNumber, len: u32) -> u32 {
        if len == 0 {
            return 0;
        }
        if self.is_empty() {
            *self = Self { anchor: sequence, first: (0, len.into()), others: None };
            return 0;
        }
        let start = self.position(sequence);
        let end = start + i64::from(len);
        // Most octets follow those before them.
        if self.others.is_none() && self.first.1 == start {
            self.first.1 = end;
            return 0;
        }
        let (mut from, mut to, mut overlap) = (start, end, 0);
        let mut ranges = self.others.take().unwrap_or_default();
        ranges.insert(0, self.first);
        ranges.retain(|&(first, last)| {
            let apart = last < start || first > end;
            if !apart {
                overlap += last.min(end) - first.max(start);
                (from, to) = (from.min(first), to.max(last));
            }
            apart
        });
        let place = ranges.partition_point(|(first, _)| *first < from);
        ranges.insert(place, (from, to));
        self.first = ranges.remove(0);
        if ranges.len() > MOST_RANGES {
            self.first.1 = ranges.remove(0).1;
        }
        self.others = (!ranges.is_empty()).then_some(ranges);
        overlap as u32
    }

    /// How many of `len` octets from `sequence` on were seen.
    pub fn count(&self, sequence: SeqNumber, len: u32) -> u32 {
        let start = self.position(sequence);
        let end = start + i64::from(len);
        let others = self.others.iter().flat_map(|others| others.iter());
        let ranges = std::iter::once(&self.first).chain(others);
        let common = |&(first, last): &(i64, i64)| (last.min(end) - first.max(start)).max(0);
        ranges.map(common).sum::<i64>() as u32
    }

    fn is_empty(&self) -> bool {
        self.first == (0, 0) && self.others.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_octets_are_told_from_those_that_fill_a_gap() {
        let mut octets = SeenOctets::default();
        let added = [(10, 5), (20, 5), (15, 5), (12, 20), (100, 1), (9, 1)]
            .map(|(sequence, len)| octets.add(SeqNumber(sequence), len));
        assert_eq!(added, [0, 0, 0, 13, 0, 0]);
        assert_eq!(octets.count(SeqNumber(0), 200), 24);
        assert_eq!(octets.count(SeqNumber(31), 80), 2);
    }

    #[test]
    fn numbers_wrap_and_streams_may_be_longer_than_their_numbers() {
        let mut octets = SeenOctets::default();
        let sequences = (0..50_u64).map(|place| (place * (1 << 27) + 77 * (place / 3)) as u32);
        assert_eq!(sequences.map(|it| octets.add(SeqNumber(it), 1)).sum::<u32>(), 0);
        let mut octets = SeenOctets::default();
        assert_eq!(
            [(u32::MAX, 3), (u32::MAX, 3)].map(|(a, b)| octets.add(SeqNumber(a), b)),
            [0, 3]
        );
    }
}
