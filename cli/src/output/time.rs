//! Times of rows.

use jiff::Timestamp;

use crate::args::TimeShown;

/// A time in UTC with so many digits of the second's fraction: `2026-01-02T10:00:00.123456Z`.
pub fn rfc3339(time_ns: i64, digits: usize) -> String {
    match Timestamp::from_nanosecond(time_ns.into()) {
        Ok(time) if digits > 0 => {
            time.strftime(&format!("%Y-%m-%dT%H:%M:%S.%{digits}fZ")).to_string()
        }
        Ok(time) => time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        // 64 bits of nanoseconds end in 2262.
        Err(_) => "-".into(),
    }
}

/// Digits of the fraction of a second in a table.
const DIGITS: usize = 6;

/// The times of the rows of a table, from the first row on.
#[derive(Clone, Debug)]
pub struct Times {
    shown: TimeShown,
    /// The time of the capture's first frame.
    start_ns: i64,
    /// The time of the row before.
    last_ns: Option<i64>,
}

impl Times {
    pub fn new(shown: TimeShown, start_ns: i64) -> Self {
        Self { shown, start_ns, last_ns: None }
    }

    /// The unit, if the times are differences.
    pub const fn unit(&self) -> Option<&'static str> {
        match self.shown {
            TimeShown::Utc => None,
            _ => Some("s"),
        }
    }

    /// The time of the next row.
    pub fn text(&mut self, time_ns: i64) -> String {
        let last_ns = self.last_ns.replace(time_ns).unwrap_or(time_ns);
        match self.shown {
            TimeShown::Capture => seconds(time_ns, self.start_ns),
            TimeShown::Delta => seconds(time_ns, last_ns),
            TimeShown::Utc => rfc3339(time_ns, DIGITS),
        }
    }
}

/// `12.345678`, from one time to another.
fn seconds(time_ns: i64, from_ns: i64) -> String {
    // The difference of two times may take 65 bits, and a float would round its last digits.
    let apart = i128::from(time_ns) - i128::from(from_ns);
    let micros = (apart.unsigned_abs() + 500) / 1000;
    let sign = if apart < 0 && micros > 0 { "-" } else { "" };
    format!("{sign}{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NS: i64 = 1_767_348_000_123_456_789;

    #[test]
    fn times_are_text_with_all_digits() {
        assert_eq!(rfc3339(NS, 9), "2026-01-02T10:00:00.123456789Z");
        assert_eq!(rfc3339(NS, 6), "2026-01-02T10:00:00.123456Z");
        assert_eq!(rfc3339(NS, 0), "2026-01-02T10:00:00Z");
        assert_eq!(rfc3339(i64::MAX, 9), "2262-04-11T23:47:16.854775807Z");
        assert_eq!(rfc3339(i64::MIN, 9), "1677-09-21T00:12:43.145224192Z");
    }

    #[test]
    fn rows_count_from_the_start_or_from_the_row_before() {
        let texts = |shown| {
            let mut times = Times::new(shown, NS - 1_000_000_000);
            [0, 1_500_000, -2_000_400].map(|after| times.text(NS + after))
        };
        assert_eq!(texts(TimeShown::Capture), ["1.000000", "1.001500", "0.998000"]);
        assert_eq!(texts(TimeShown::Delta), ["0.000000", "0.001500", "-0.003500"]);
        assert_eq!(texts(TimeShown::Utc)[1], "2026-01-02T10:00:00.124956Z");
        assert_eq!(seconds(i64::MIN, i64::MAX), "-18446744073.709552");
        assert_eq!(seconds(0, 400), "0.000000");
    }
}
