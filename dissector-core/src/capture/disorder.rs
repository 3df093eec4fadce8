//! Checks that the frames of a file are in order of time.

use std::fmt;
use std::time::Duration;

use crate::clock::LEAP_NS;

/// Several cores or queues that record write frames out of order by up to this much, which is normal.
const TOLERANCE_NS: u64 = 10_000_000;

/// How far the times of the segments in a capture go back.
///
/// Frames of several interfaces may be written one interface after the other. An answer may then come
/// before its request, and outcomes may be wrong. Wireshark's `reordercap` puts frames in order.
///
/// ```
/// use dissector_core::capture::Disorder;
///
/// let mut disorder = Disorder::default();
/// (disorder.frames, disorder.furthest_frame, disorder.furthest_ns) = (40, 812, 310_000_000);
/// assert_eq!(disorder.furthest().as_millis(), 310);
/// assert_eq!(
///     disorder.to_string(),
///     "40 frames are not in order of time: frame 812 is 0.310 s earlier than one before it"
/// );
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct Disorder {
    /// Frames with a segment that are more than 10 ms earlier than one before them.
    pub frames: u64,
    /// The frame that is furthest behind; the first of them if there are several.
    pub furthest_frame: u64,
    /// The time in nanoseconds by which it is behind.
    pub furthest_ns: u64,
}

impl Disorder {
    /// [`furthest_ns`](Self::furthest_ns) as a duration.
    pub const fn furthest(&self) -> Duration {
        Duration::from_nanos(self.furthest_ns)
    }
}

impl fmt::Display for Disorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { frames, furthest_frame, furthest_ns } = *self;
        let are = if frames == 1 { "frame is" } else { "frames are" };
        let seconds = furthest_ns as f64 / 1e9;
        write!(
            f,
            "{frames} {are} not in order of time: \
             frame {furthest_frame} is {seconds:.3} s earlier than one before it"
        )
    }
}

/// The order of the segments so far.
#[derive(Debug)]
pub(crate) struct Order {
    /// The latest time so far.
    pub latest_ns: i64,
    disorder: Disorder,
    /// The last frame counted in `disorder`.
    counted: u64,
}

impl Default for Order {
    fn default() -> Self {
        Self { latest_ns: i64::MIN, disorder: Disorder::default(), counted: 0 }
    }
}

impl Order {
    /// Notes a packet in frame `frame`.
    #[inline]
    pub fn note(&mut self, frame: u64, time_ns: i64) {
        if self.latest_ns > time_ns {
            self.note_earlier(frame, time_ns);
        } else {
            self.latest_ns = time_ns;
        }
    }

    #[cold]
    fn note_earlier(&mut self, frame: u64, time_ns: i64) {
        if !is_behind(time_ns, self.latest_ns) {
            return;
        }
        let behind_ns = self.latest_ns.abs_diff(time_ns);
        let disorder = &mut self.disorder;
        if frame != self.counted {
            self.counted = frame;
            disorder.frames += 1;
        }
        if behind_ns > disorder.furthest_ns {
            (disorder.furthest_frame, disorder.furthest_ns) = (frame, behind_ns);
        }
    }

    pub fn disorder(&self) -> Option<Disorder> {
        (self.disorder.frames > 0).then_some(self.disorder)
    }
}

/// Whether a time is neither behind the clock by more than the tolerance nor a leap ahead; never before
/// there is a clock. One comparison is enough.
#[inline(always)]
pub(super) fn is_near(time_ns: i64, now_ns: i64) -> bool {
    let ahead_ns = time_ns.wrapping_sub(now_ns).wrapping_add(TOLERANCE_NS as i64) as u64;
    ahead_ns <= TOLERANCE_NS + LEAP_NS as u64
}

/// The earliest time that is near the clock.
pub(super) fn earliest_near(now_ns: i64) -> i64 {
    now_ns.saturating_sub(TOLERANCE_NS as i64)
}

/// True if a time is behind the latest one by more than the tolerance. It nearly never is behind at
/// all, so one comparison is enough.
#[inline(always)]
fn is_behind(time_ns: i64, latest_ns: i64) -> bool {
    latest_ns > time_ns && latest_ns.abs_diff(time_ns) > TOLERANCE_NS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_furthest_is_named_and_a_frame_counts_once() {
        let mut order = Order::default();
        for (frame, time_ms) in [(1, 100), (2, 90), (3, 89), (3, 89), (4, 50), (5, 60), (6, 101)] {
            order.note(frame, time_ms * 1_000_000);
        }
        let disorder = Disorder { frames: 3, furthest_frame: 4, furthest_ns: 50_000_000 };
        assert_eq!(order.disorder(), Some(disorder));
    }

    #[test]
    fn ten_milliseconds_are_in_order_and_so_is_any_first_time() {
        let mut order = Order::default();
        order.note(1, i64::MIN);
        order.note(2, TOLERANCE_NS as i64);
        order.note(3, 0);
        assert_eq!(order.disorder(), None);
        order.note(4, -1);
        assert_eq!(order.disorder().map(|it| it.furthest_ns), Some(10_000_001));
    }

    #[test]
    fn times_ages_apart_do_not_overflow() {
        let mut order = Order::default();
        order.note(1, i64::MAX);
        order.note(2, i64::MIN);
        assert_eq!(order.disorder().map(|it| it.furthest_ns), Some(u64::MAX));
        let one = order.disorder().map(|it| it.to_string());
        assert!(one.is_some_and(|it| it.starts_with("1 frame is not in order of time: frame 2 ")));
    }
}
