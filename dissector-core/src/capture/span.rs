//! The times of the first and the last frame, as far as the frames confirm them.

use crate::clock::{Clock, LEAP_NS};

/// The times of the first and the last frame.
///
/// A time that is more than an hour before the first or after the last counts only once the next frame
/// confirms it, by the rule of the [clock](Clock). A frame that is the only one so far proves no more
/// than any other: two frames in a row that agree with each other, and not with it, put it out. A frame
/// without a time says nothing, nor does a time that is out of range.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span {
    /// Runs backwards: it shows what is left from the first frame to the end of time.
    first: Clock,
    last: Clock,
    /// The number of the last frame that was told to `first`.
    frame: u64,
    start: Start,
}

#[derive(Clone, Copy, Debug, Default)]
enum Start {
    /// There is no frame with a time.
    #[default]
    None,
    /// No two frames are near each other. The time is that of the last one.
    Unsettled(i64),
    Settled,
}

/// The time that a clock shows when it runs backwards.
const fn backwards(time_ns: i64) -> i64 {
    i64::MAX - time_ns
}

impl Span {
    /// The times of the first and the last frame; `None` before the first frame with a time.
    pub fn get(&self) -> Option<(i64, i64)> {
        let some = !matches!(self.start, Start::None);
        some.then(|| (backwards(self.first.now_ns()), self.last.now_ns()))
    }

    /// Whether frames from `time_ns` on cannot be the first.
    #[inline(always)]
    pub fn begins_before(&self, time_ns: i64) -> bool {
        matches!(self.start, Start::Settled) && backwards(self.first.now_ns()) < time_ns
    }

    /// Takes in the time of a frame. Each frame has a number of its own, and the next frame the next
    /// number.
    #[inline(always)]
    pub fn tell(&mut self, frame: u64, time_ns: i64) {
        let ahead_ns = time_ns.wrapping_sub(self.last.now_ns()) as u64;
        if ahead_ns <= LEAP_NS as u64 && matches!(self.start, Start::Settled) {
            self.last.turn_to(time_ns);
        } else {
            self.tell_other(frame, time_ns);
        }
    }

    #[cold]
    #[inline(never)]
    fn tell_other(&mut self, frame: u64, time_ns: i64) {
        if time_ns <= 0 || time_ns == i64::MAX {
            return;
        }
        self.start = match self.start {
            Start::None => Start::Unsettled(time_ns),
            Start::Unsettled(before_ns) if before_ns.abs_diff(time_ns) <= LEAP_NS as u64 => {
                (self.first, self.last) = Default::default();
                self.tell_both(frame - 1, before_ns);
                Start::Settled
            }
            Start::Unsettled(_) if !self.leaps_to(time_ns) => Start::Settled,
            Start::Unsettled(_) => Start::Unsettled(time_ns),
            Start::Settled => Start::Settled,
        };
        self.tell_both(frame, time_ns);
    }

    fn leaps_to(&self, time_ns: i64) -> bool {
        self.first.leaps_to(backwards(time_ns)) || self.last.leaps_to(time_ns)
    }

    fn tell_both(&mut self, frame: u64, time_ns: i64) {
        if frame != self.frame.wrapping_add(1) {
            // A leap is confirmed by the frame after it, or never. This moves no clock.
            self.first.turn_to(i64::MIN);
        }
        self.frame = frame;
        self.first.tell(frame, backwards(time_ns));
        self.last.tell(frame, time_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = LEAP_NS;
    /// Some time today.
    const NOW: i64 = 500_000 * HOUR;

    /// First and last time after frames with these times.
    fn of(times: &[i64]) -> Option<(i64, i64)> {
        let mut span = Span::default();
        (1..).zip(times).for_each(|(frame, time_ns)| span.tell(frame, *time_ns));
        span.get()
    }

    #[test]
    fn it_spans_all_times_in_any_order() {
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[NOW]), Some((NOW, NOW)));
        assert_eq!(of(&[NOW, NOW + 7, NOW + 3, NOW - 2, NOW + 5]), Some((NOW - 2, NOW + 7)));
    }

    #[test]
    fn a_frame_without_a_time_says_nothing() {
        assert_eq!(of(&[0, 0]), None);
        assert_eq!(of(&[0, NOW, 0, NOW + 1, 0]), Some((NOW, NOW + 1)));
    }

    #[test]
    fn a_single_time_far_from_the_others_is_no_end_wherever_it_is() {
        for wrong in [NOW + 300_000 * HOUR, NOW - 400_000 * HOUR, i64::MAX, 1] {
            for at in 0..5 {
                let mut times = vec![NOW, NOW + 1, NOW + 2, NOW + 3];
                times.insert(at, wrong);
                assert_eq!(of(&times), Some((NOW, NOW + 3)), "{wrong} at {at}");
            }
        }
    }

    #[test]
    fn two_times_in_a_row_that_agree_are_an_end() {
        let later = NOW + 9 * HOUR;
        let both = Some((NOW, later + 1));
        assert_eq!(of(&[NOW, NOW, later, later + 1]), both);
        assert_eq!(of(&[later, later + 1, NOW, NOW + 1]), both);
        assert_eq!(of(&[NOW, NOW, later, NOW, later + 1]), Some((NOW, NOW)));
        assert_eq!(of(&[later, later, NOW, later, NOW + 1]), Some((later, later)));
    }

    #[test]
    fn rare_frames_confirm_each_other_as_for_the_clock() {
        assert_eq!(of(&[NOW, NOW + 2 * HOUR, NOW + 4 * HOUR]), Some((NOW, NOW + 2 * HOUR)));
    }
}
