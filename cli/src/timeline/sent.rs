//! Which octets of a stream were sent before.

/// The sequence space that one side has sent after its SYN.
#[derive(Debug, Default)]
pub struct SentOctets {
    /// Disjoint ranges, in order; positions count from the first octet seen and may be negative.
    ranges: Vec<(i64, i64)>,
    /// The highest sequence number so far and its position.
    highest: Option<(u32, i64)>,
    /// Octets sent, each counted once.
    pub octets: u64,
    /// Octets sent again.
    pub resent: u64,
}

/// Gaps that are remembered; the lowest ones are forgotten first.
const MOST_GAPS: usize = 32;

impl SentOctets {
    /// Adds `len` octets from `sequence` on, and returns how many of them were sent before.
    pub fn add(&mut self, sequence: u32, len: u32) -> u32 {
        if len == 0 {
            return 0;
        }
        let (number, position) = *self.highest.get_or_insert((sequence, 0));
        let start = position + i64::from(sequence.wrapping_sub(number).cast_signed());
        let end = start + i64::from(len);
        if end > position {
            self.highest = Some((sequence.wrapping_add(len), end));
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
        if self.ranges.len() > MOST_GAPS + 1 {
            self.ranges.remove(0);
        }
        let resent = overlap as u32;
        self.resent += u64::from(resent);
        self.octets += u64::from(len - resent);
        resent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resent<const N: usize>(segments: [(u32, u32); N]) -> ([u32; N], u64, u64) {
        let mut sent = SentOctets::default();
        let resent = segments.map(|(sequence, len)| sent.add(sequence, len));
        (resent, sent.octets, sent.resent)
    }

    #[test]
    fn octets_sent_before_are_counted_as_resent() {
        let segments = [(10, 5), (10, 5), (13, 4), (30, 5), (17, 13), (10, 30), (9, 0)];
        assert_eq!(resent(segments), ([0, 5, 2, 0, 0, 25, 0], 30, 32));
        assert_eq!(resent([(u32::MAX, 3), (u32::MAX, 3), (u32::MAX - 4, 4)]), ([0, 3, 0], 7, 3));
    }

    #[test]
    fn octets_that_fill_a_gap_are_new_the_first_time() {
        let segments = [(1, 10), (21, 10), (11, 10), (31, 10), (31, 10), (11, 20)];
        assert_eq!(resent(segments), ([0, 0, 0, 0, 10, 20], 40, 30));
    }

    #[test]
    fn new_octets_stay_new_in_streams_longer_than_the_sequence_space() {
        let mut sent = SentOctets::default();
        let sequences = (0..50_u64).map(|place| (place * (1 << 27) + 77 * (place / 3)) as u32);
        assert_eq!(sequences.map(|sequence| sent.add(sequence, 1)).sum::<u32>(), 0);
        assert!(sent.ranges.len() <= MOST_GAPS + 1);
    }
}
