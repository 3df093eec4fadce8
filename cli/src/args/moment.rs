//! Times and durations on the command line.

use std::str::FromStr;
use std::time::Duration;

use jiff::civil::{DateTime, Time};
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

/// A time, as far as the command line tells.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Moment {
    /// Nanoseconds since 1970 UTC.
    At(i64),
    /// Nanoseconds since midnight UTC, on the day of the capture's first frame.
    TimeOfDay(i64),
    /// Nanoseconds since the capture's first frame.
    AfterStart(i64),
}

const DAY_NS: i64 = 86_400_000_000_000;

impl Moment {
    /// Whether only the capture's first frame tells which time it is.
    pub const fn needs_start(self) -> bool {
        !matches!(self, Self::At(_))
    }

    /// In nanoseconds since 1970 UTC, for a capture whose first frame has this time.
    pub const fn resolved(self, start_ns: i64) -> i64 {
        match self {
            Self::At(time_ns) => time_ns,
            Self::TimeOfDay(since_ns) => {
                start_ns.saturating_sub(start_ns.rem_euclid(DAY_NS)).saturating_add(since_ns)
            }
            Self::AfterStart(since_ns) => start_ns.saturating_add(since_ns),
        }
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let wrong = || {
            "write 2026-01-02T10:00:00Z, a time of day (10:00 or 10:00:05.5), or a time after the capture's \
             first frame (+10s, +1m30s)"
                .to_owned()
        };
        if let Some(after) = text.strip_prefix('+') {
            let after = after.parse::<SignedDuration>().map_err(|_| wrong())?;
            let since_ns = i64::try_from(after.as_nanos()).map_err(|_| wrong())?;
            return if since_ns < 0 { Err(wrong()) } else { Ok(Self::AfterStart(since_ns)) };
        }
        let in_ns = |time: Timestamp| i64::try_from(time.as_nanosecond()).map_err(|_| wrong());
        if let Ok(time) = text.parse::<Timestamp>() {
            return in_ns(time).map(Self::At);
        }
        // jiff reads 10 as ten o'clock, and a date with a time as that time.
        let is_of_day = text.contains(':') && !text.contains(['-', 'T', ' ']);
        if let (Ok(time), true) = (text.parse::<Time>(), is_of_day) {
            let since = time.duration_since(Time::midnight()).as_nanos();
            return i64::try_from(since).map(Self::TimeOfDay).map_err(|_| wrong());
        }
        let time = text.parse::<DateTime>().map_err(|_| wrong())?;
        in_ns(Offset::UTC.to_timestamp(time).map_err(|_| wrong())?).map(Self::At)
    }
}

/// A length of time: `1m`, `30s`, `1h30m`.
pub fn interval(text: &str) -> Result<Duration, String> {
    let wrong = || "write a length of time, as in 30s, 1m or 1h30m".to_owned();
    let interval = text.parse::<SignedDuration>().map_err(|_| wrong())?;
    let interval = Duration::try_from(interval).unwrap_or_default();
    long_enough(interval).map_err(|short| format!("{}: {short}", wrong()))
}

/// The interval, unless it is too short to be one.
pub fn long_enough(interval: Duration) -> Result<Duration, String> {
    if interval < Duration::from_millis(1) {
        return Err("an interval takes a millisecond at least".into());
    }
    Ok(interval)
}

/// A number of things that is not 0.
pub fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("at least 1 has to be shown".into()),
        Ok(number) => Ok(number),
        Err(_) => Err("write a number".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_NS: i64 = 1_000_000_000;
    /// 2026-01-02T10:00:00Z.
    const TEN_NS: i64 = 1_767_348_000 * SECOND_NS;

    #[test]
    fn times_are_absolute_or_of_the_capture() {
        let at = |text: &str| text.parse::<Moment>().map(|it| it.resolved(TEN_NS + SECOND_NS));
        assert_eq!(at("2026-01-02T10:00:00Z"), Ok(TEN_NS));
        assert_eq!(at("2026-01-02T11:00:00+01:00"), Ok(TEN_NS));
        assert_eq!(at("2026-01-02 10:00:00.5"), Ok(TEN_NS + SECOND_NS / 2));
        assert_eq!(at("2026-01-02"), Ok(TEN_NS - 36_000 * SECOND_NS));
        assert_eq!(at("10:00"), Ok(TEN_NS));
        assert_eq!(at("09:59:59"), Ok(TEN_NS - SECOND_NS));
        assert_eq!(at("+10s"), Ok(TEN_NS + 11 * SECOND_NS));
        assert_eq!(at("+1m30s"), Ok(TEN_NS + 91 * SECOND_NS));
        assert_eq!(at("+500ms"), Ok(TEN_NS + SECOND_NS * 3 / 2));
        for wrong in ["", "10", "yesterday", "+", "+-5s", "25:00", "2026-13-01"] {
            assert!(at(wrong).is_err(), "{wrong}: {:?}", at(wrong));
        }
    }

    #[test]
    fn intervals_are_not_empty() {
        assert_eq!(interval("1m"), Ok(Duration::from_secs(60)));
        assert_eq!(interval("1h30m"), Ok(Duration::from_secs(5400)));
        for wrong in ["", "0s", "-1m", "1", "1µs"] {
            assert!(interval(wrong).is_err(), "{wrong}");
        }
    }
}
