//! Plots, as SVG that is as wide as the window: places from left to right are in per cent.

pub mod moments;
pub mod setup;

use jiff::Timestamp;

/// Times before this one are of captures without a clock, in nanoseconds: the first day of 1970.
const NO_CLOCK_NS: i64 = 86_400_000_000_000;
const SECOND_NS: i64 = 1_000_000_000;

/// How times are written: as time of day, with the day where there are several, or since the first packet.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    first_ns: i64,
    span_ns: i64,
}

impl Clock {
    pub fn new(first_ns: i64, last_ns: i64) -> Self {
        Self { first_ns, span_ns: last_ns.saturating_sub(first_ns).max(0) }
    }

    /// Whether times are those of a clock.
    pub fn is_known(self) -> bool {
        self.first_ns >= NO_CLOCK_NS
    }

    /// Whether a time has to name its day.
    pub fn has_days(self) -> bool {
        self.span_ns >= NO_CLOCK_NS
    }

    /// A time, as exactly as a step of `step_ns` asks for.
    pub fn shown(self, time_ns: i64, step_ns: i64) -> String {
        let time = Timestamp::from_nanosecond(time_ns.into());
        let (Ok(time), true) = (time, self.is_known()) else {
            let since = time_ns.saturating_sub(self.first_ns) as f64 / SECOND_NS as f64;
            return if step_ns >= SECOND_NS {
                format!("{since:.0} s")
            } else {
                format!("{since:.3} s")
            };
        };
        let format = match (self.span_ns >= 2 * NO_CLOCK_NS, step_ns) {
            (true, step_ns) if step_ns >= NO_CLOCK_NS => "%Y-%m-%d",
            (true, _) => "%m-%d %H:%M",
            (_, step_ns) if step_ns >= 60 * SECOND_NS => "%H:%M",
            (_, step_ns) if step_ns >= SECOND_NS => "%H:%M:%S",
            _ => "%H:%M:%S%.3f",
        };
        time.strftime(format).to_string()
    }
}

/// The day and time of the first packet; `None` if the capture has no clock.
pub fn day(time_ns: i64) -> Option<String> {
    let time =
        Timestamp::from_nanosecond(time_ns.into()).ok().filter(|_| time_ns >= NO_CLOCK_NS)?;
    Some(time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
}

/// A share of a whole in per cent, with two digits.
fn percent(part: f64, whole: f64) -> String {
    if whole > 0.0 {
        format!("{:.2}%", (part / whole * 100.0).clamp(0.0, 100.0))
    } else {
        "0%".into()
    }
}
