//! Which octets of a direction a point has seen.

use crate::wire::SeqNumber;

/// Ranges that are remembered apart; beyond that, the lowest gap is taken for seen.
const MOST_RANGES: usize = 64;

/// The octets of one direction that a point has seen, as merged ranges of positions in its stream.
#[derive(Clone, Debug, Default)]
pub(super) struct SeenOctets {
    /// The number that has position 0: the first one seen.
    anchor: SeqNumber,
    /// The end of the only range, which begins at 0; nearly every stream is one range.
    len: u32,
    /// All ranges, in order and apart, where there are several or they do not fit.
    #[expect(clippy::box_collection, reason = "they are rare, and a vector has 24 octets")]
    ranges: Option<Box<Vec<(i64, i64)>>>,
}

impl SeenOctets {
    fn highest(&self) -> i64 {
        let last = self.ranges.as_ref().and_then(|ranges| ranges.last());
        last.map_or(i64::from(self.len), |(_, end)| *end)
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
            *self = Self { anchor: sequence, len, ranges: None };
            return 0;
        }
        let start = self.position(sequence);
        // Most octets follow those before them.
        if self.ranges.is_none()
            && start == i64::from(self.len)
            && let Some(longer) = self.len.checked_add(len)
        {
            self.len = longer;
            return 0;
        }
        let end = start + i64::from(len);
        let (mut from, mut to, mut overlap) = (start, end, 0);
        let only = (0, i64::from(self.len));
        let ranges = self.ranges.get_or_insert_with(|| Box::new(vec![only]));
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
        if ranges.len() > MOST_RANGES {
            ranges[1].0 = ranges[0].0;
            ranges.remove(0);
        }
        if let [(0, end)] = ranges[..]
            && let Ok(len) = u32::try_from(end)
        {
            (self.len, self.ranges) = (len, None);
        }
        overlap as u32
    }

    /// How many of `len` octets from `sequence` on were seen.
    pub fn count(&self, sequence: SeqNumber, len: u32) -> u32 {
        let start = self.position(sequence);
        let end = start + i64::from(len);
        let common = |&(first, last): &(i64, i64)| (last.min(end) - first.max(start)).max(0);
        let count: i64 = match &self.ranges {
            Some(ranges) => ranges.iter().map(common).sum(),
            None => common(&(0, self.len.into())),
        };
        count as u32
    }

    fn is_empty(&self) -> bool {
        self.len == 0 && self.ranges.is_none()
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
        let mut octets = SeenOctets::default();
        let gib = (0..6_u32).map(|place| place << 30);
        assert_eq!(gib.map(|it| octets.add(SeqNumber(it), 1 << 30)).sum::<u32>(), 0);
        assert_eq!(octets.count(SeqNumber(1 << 30), 1 << 30), 1 << 30);
    }
}
