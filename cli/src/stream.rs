//! Which octets of a stream were sent before.

/// What one end has sent after its SYN, as far as it tells what was sent again.
#[derive(Debug, Default)]
pub struct Stream {
    /// From where to where, in order, apart from each other: positions since the first octet, or
    /// some before it.
    sent: Vec<(i64, i64)>,
    /// A sequence number, and its position.
    highest: Option<(u32, i64)>,
    /// Each counted once.
    pub octets: u64,
    /// How many came again.
    pub again: u64,
}

/// Gaps that are remembered; of more, those furthest behind are forgotten.
const MOST_GAPS: usize = 32;

impl Stream {
    /// Takes in octets from this sequence number on; how many of them were sent before.
    pub fn take(&mut self, sequence: u32, len: u32) -> u32 {
        if len == 0 {
            return 0;
        }
        let (number, position) = *self.highest.get_or_insert((sequence, 0));
        let start = position + i64::from(sequence.wrapping_sub(number).cast_signed());
        let end = start + i64::from(len);
        if end > position {
            self.highest = Some((sequence.wrapping_add(len), end));
        }
        let (mut from, mut to, mut before) = (start, end, 0);
        self.sent.retain(|&(first, last)| {
            let apart = last < start || first > end;
            if !apart {
                before += last.min(end) - first.max(start);
                (from, to) = (from.min(first), to.max(last));
            }
            apart
        });
        let place = self.sent.partition_point(|(first, _)| *first < from);
        self.sent.insert(place, (from, to));
        if self.sent.len() > MOST_GAPS + 1 {
            self.sent.remove(0);
        }
        let again = before as u32;
        self.again += u64::from(again);
        self.octets += u64::from(len - again);
        again
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn again<const N: usize>(sent: [(u32, u32); N]) -> ([u32; N], u64, u64) {
        let mut stream = Stream::default();
        let again = sent.map(|(sequence, len)| stream.take(sequence, len));
        (again, stream.octets, stream.again)
    }

    #[test]
    fn octets_are_sent_again_where_they_were_sent_before() {
        let sent = [(10, 5), (10, 5), (13, 4), (30, 5), (17, 13), (10, 30), (9, 0)];
        assert_eq!(again(sent), ([0, 5, 2, 0, 0, 25, 0], 30, 32));
        assert_eq!(again([(u32::MAX, 3), (u32::MAX, 3), (u32::MAX - 4, 4)]), ([0, 3, 0], 7, 3));
    }

    #[test]
    fn what_fills_a_gap_is_new_and_may_come_again() {
        let sent = [(1, 10), (21, 10), (11, 10), (31, 10), (31, 10), (11, 20)];
        assert_eq!(again(sent), ([0, 0, 0, 0, 10, 20], 40, 30));
    }

    #[test]
    fn nothing_is_sent_again_however_long_the_stream_is() {
        let mut stream = Stream::default();
        let sent = (0..50_u64).map(|place| (place * (1 << 27) + 77 * (place / 3)) as u32);
        assert_eq!(sent.map(|sequence| stream.take(sequence, 1)).sum::<u32>(), 0);
        assert!(stream.sent.len() <= MOST_GAPS + 1);
    }
}
