//! The clock of a capture: the highest time of its frames so far.

/// An hour in nanoseconds. A frame may turn the clock on by this much, and by more if the next frame says
/// the same. Frames with a wrong time are rare, and seldom follow each other.
pub const LEAP_NS: i64 = 3_600_000_000_000;

/// The highest time of all frames so far, whatever they hold.
///
/// The times of a capture may go back, which moves no clock. A single frame with a time far ahead
/// does not move it either: otherwise one wrong time would judge every later connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    now_ns: i64,
    /// Number and time of the last frame, if its time is far ahead and nothing has confirmed it.
    leap: Option<(u64, i64)>,
}

impl Default for Clock {
    fn default() -> Self {
        Self { now_ns: i64::MIN, leap: None }
    }
}

impl Clock {
    /// The time; `i64::MIN` before the first frame.
    #[inline(always)]
    pub const fn now_ns(&self) -> i64 {
        self.now_ns
    }

    /// Takes in the time of a frame, which may be told several times in a row.
    ///
    /// A frame without a time, or with time 0, moves nothing, and the first time after it is no leap.
    #[inline]
    pub fn tell(&mut self, frame: u64, time_ns: i64) {
        if self.leaps_to(time_ns) {
            self.leap(frame, time_ns);
        } else {
            self.turn_to(time_ns);
        }
    }

    /// Whether this time is so far ahead that another has to confirm it.
    #[inline(always)]
    pub const fn leaps_to(&self, time_ns: i64) -> bool {
        self.now_ns > 0 && time_ns > self.now_ns.saturating_add(LEAP_NS)
    }

    /// Turns the clock to a time that needs no confirmation, unless it is later already.
    #[inline(always)]
    pub fn turn_to(&mut self, time_ns: i64) {
        self.leap = None;
        self.now_ns = self.now_ns.max(time_ns);
    }

    #[cold]
    fn leap(&mut self, frame: u64, time_ns: i64) {
        let Some(before) = self.leap.replace((frame, time_ns)) else { return };
        if before == (frame, time_ns) {
            return;
        }
        // Both frames are far ahead: so much is confirmed as they have in common.
        let (_, before_ns) = before;
        self.turn_to(before_ns.min(time_ns));
        let highest_ns = before_ns.max(time_ns);
        if highest_ns <= self.now_ns.saturating_add(LEAP_NS) {
            self.now_ns = highest_ns;
        } else if time_ns > before_ns {
            self.leap = Some((frame, time_ns));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = LEAP_NS;

    /// The clock after each of these times, of frames numbered from 1.
    fn after(times: &[i64]) -> Vec<i64> {
        let mut clock = Clock::default();
        let tell = |(frame, time_ns): (u64, &i64)| {
            // Each segment of a frame tells its time.
            clock.tell(frame, *time_ns);
            clock.tell(frame, *time_ns);
            clock.now_ns()
        };
        (1..).zip(times).map(tell).collect()
    }

    #[test]
    fn earlier_times_do_not_move_it() {
        assert_eq!(after(&[5, 3, HOUR + 5, 7]), [5, 5, HOUR + 5, HOUR + 5]);
    }

    #[test]
    fn a_leap_counts_once_the_next_frame_confirms_it() {
        assert_eq!(after(&[5, HOUR + 6, 6]), [5, 5, 6]);
        assert_eq!(after(&[5, HOUR + 6, HOUR + 7]), [5, 5, HOUR + 7]);
        assert_eq!(after(&[5, HOUR + 7, HOUR + 6]), [5, 5, HOUR + 7]);
        // Two wrong times that do not follow each other.
        assert_eq!(after(&[5, 9 * HOUR, 6, 9 * HOUR, 7]), [5, 5, 6, 6, 7]);
    }

    #[test]
    fn of_two_leaps_the_lower_is_confirmed() {
        assert_eq!(after(&[5, 9 * HOUR, 2 * HOUR, 9 * HOUR]), [5, 5, 2 * HOUR, 2 * HOUR]);
        assert_eq!(after(&[5, 2 * HOUR, 9 * HOUR, 9 * HOUR + 1]), [5, 5, 2 * HOUR, 9 * HOUR + 1]);
    }

    #[test]
    fn the_first_time_is_no_leap_and_a_frame_without_time_is_none() {
        assert_eq!(after(&[9 * HOUR, 0, 9 * HOUR + 1]), [9 * HOUR, 9 * HOUR, 9 * HOUR + 1]);
        assert_eq!(after(&[0, 9 * HOUR]), [0, 9 * HOUR]);
    }

    #[test]
    fn times_at_the_ends_of_their_range_do_not_overflow() {
        let [low, high] = [i64::MIN, i64::MAX];
        assert_eq!(after(&[low, high, low, high]), [low, high, high, high]);
        assert_eq!(after(&[1, high, low, high, high - 1]), [1, 1, 1, 1, high]);
    }
}
