//! Octets of an end that are not in the capture, although later ones are.

use crate::wire::SeqNumber;

/// Holes in the captured stream of one end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gaps {
    /// First number and number after the last, the oldest first.
    holes: Vec<(SeqNumber, SeqNumber)>,
    /// There were more holes than are stored: whether all are filled is not known.
    untold: bool,
    /// The highest number that the other end has acknowledged selectively (RFC 2018), if that was
    /// beyond all captured octets.
    sacked: Option<SeqNumber>,
}

/// More holes at a time than a path leaves open.
const MOST_HOLES: usize = 16;

impl Gaps {
    /// Octets from `start` up to `end` were skipped.
    pub fn open(&mut self, start: SeqNumber, end: SeqNumber) {
        if self.holes.len() < MOST_HOLES {
            self.holes.push((start, end));
        } else {
            self.untold = true;
        }
    }

    /// Octets from `start` up to `end` came late.
    pub fn fill(&mut self, start: SeqNumber, end: SeqNumber) {
        let mut rests = Vec::new();
        self.holes.retain_mut(|hole| {
            let (from, to) = *hole;
            if !end.is_after(from) || !to.is_after(start) {
                return true;
            }
            let before = start.is_after(from);
            if before {
                hole.1 = start;
            }
            if to.is_after(end) {
                rests.push((end, to));
            }
            before
        });
        rests.into_iter().for_each(|(start, end)| self.open(start, end));
    }

    /// The other end has acknowledged octets up to `number` selectively.
    pub fn sack(&mut self, number: SeqNumber) {
        if self.sacked.is_none_or(|sacked| number.is_after(sacked)) {
            self.sacked = Some(number);
        }
    }

    /// Whether octets before or behind `nxt`, the number after the last captured octet, are missing.
    pub fn lack_octets(&self, nxt: SeqNumber) -> bool {
        let behind = self.sacked.is_some_and(|sacked| sacked.is_after(nxt));
        !self.holes.is_empty() || self.untold || behind
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gaps(holes: &[(u32, u32)]) -> Gaps {
        let mut gaps = Gaps::default();
        for (start, end) in holes {
            gaps.open(SeqNumber(*start), SeqNumber(*end));
        }
        gaps
    }

    fn holes(gaps: &Gaps) -> Vec<(u32, u32)> {
        gaps.holes.iter().map(|(start, end)| (start.0, end.0)).collect()
    }

    #[test]
    fn a_hole_is_filled_from_either_side_or_in_the_middle() {
        let around_zero = u32::MAX - 9;
        for (fill, left) in [
            ((0, 10), vec![(around_zero, 0)]),
            ((around_zero, 0), vec![(0, 10)]),
            ((u32::MAX, 1), vec![(around_zero, u32::MAX), (1, 10)]),
            ((around_zero, 10), vec![]),
            ((around_zero - 5, 15), vec![]),
            ((10, 20), vec![(around_zero, 10)]),
            ((around_zero - 9, around_zero), vec![(around_zero, 10)]),
        ] {
            let mut gaps = gaps(&[(around_zero, 10)]);
            gaps.fill(SeqNumber(fill.0), SeqNumber(fill.1));
            assert_eq!(holes(&gaps), left, "{fill:?}");
            assert_eq!(gaps.lack_octets(SeqNumber(20)), !left.is_empty());
        }
    }

    #[test]
    fn holes_that_are_not_stored_stay_open() {
        let mut gaps = gaps(&(0..20).map(|nth| (10 * nth, 10 * nth + 5)).collect::<Vec<_>>());
        assert_eq!(gaps.holes.len(), MOST_HOLES);
        gaps.fill(SeqNumber(0), SeqNumber(1000));
        assert!(gaps.holes.is_empty() && gaps.lack_octets(SeqNumber(1000)));
    }

    #[test]
    fn octets_that_are_acknowledged_selectively_are_missing_until_they_come() {
        let mut gaps = Gaps::default();
        gaps.sack(SeqNumber(30));
        gaps.sack(SeqNumber(20));
        assert!(gaps.lack_octets(SeqNumber(20)));
        assert!(!gaps.lack_octets(SeqNumber(30)));
    }
}
