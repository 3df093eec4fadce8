//! The clock of an interface: from its timestamps to nanoseconds.

/// Unit and zero point of an interface's timestamps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    unit: Unit,
    offset_ns: i128,
}

#[derive(Clone, Copy, Debug)]
enum Unit {
    /// Units of this many nanoseconds.
    Nanoseconds(u64),
    /// Units of 10^-n seconds, n above 9: this many make a nanosecond.
    PerNanosecond(u128),
    /// Units of 2^-n seconds.
    Binary(u32),
}

const NANOSECONDS_PER_SECOND: u64 = 1_000_000_000;

impl Clock {
    pub(crate) const MICROSECONDS: Self = Self { unit: Unit::Nanoseconds(1000), offset_ns: 0 };
    pub(crate) const NANOSECONDS: Self = Self { unit: Unit::Nanoseconds(1), offset_ns: 0 };

    /// Reads the values of the options `if_tsresol` and `if_tsoffset` of a pcapng interface: a
    /// power of 10, or of 2 where the top bit is set, and seconds.
    pub(crate) fn new(resolution: u8, offset_seconds: i64) -> Self {
        let exponent = u32::from(resolution & 0x7f);
        let unit = if resolution & 0x80 != 0 {
            Unit::Binary(exponent)
        } else if let Some(smaller) = exponent.checked_sub(10) {
            // Beyond 10^38 a unit is so small that every timestamp is the same nanosecond.
            Unit::PerNanosecond(10_u128.checked_pow(smaller + 1).unwrap_or(u128::MAX))
        } else {
            Unit::Nanoseconds(10_u64.pow(9 - exponent))
        };
        let offset_ns = i128::from(offset_seconds) * i128::from(NANOSECONDS_PER_SECOND);
        Self { unit, offset_ns }
    }

    /// `timestamp` in nanoseconds since 1970, or the nearest end of `i64` if it does not fit.
    #[inline]
    pub(crate) fn nanoseconds(&self, timestamp: u64) -> i64 {
        if let Unit::Nanoseconds(unit) = self.unit
            && self.offset_ns == 0
        {
            return i64::try_from(timestamp.saturating_mul(unit)).unwrap_or(i64::MAX);
        }
        self.any_nanoseconds(timestamp)
    }

    fn any_nanoseconds(&self, timestamp: u64) -> i64 {
        let timestamp = u128::from(timestamp);
        let since_offset = match self.unit {
            Unit::Nanoseconds(unit) => timestamp * u128::from(unit),
            Unit::PerNanosecond(units) => timestamp / units,
            Unit::Binary(exponent) => (timestamp * u128::from(NANOSECONDS_PER_SECOND)) >> exponent,
        };
        // 2^64 units of 10^9 nanoseconds are below 2^94: neither the sum nor the cast overflows.
        let time = since_offset as i128 + self.offset_ns;
        time.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_and_binary_units() {
        assert_eq!(Clock::new(0, 0).nanoseconds(7), 7_000_000_000);
        assert_eq!(Clock::new(6, 0).nanoseconds(7), 7_000);
        assert_eq!(Clock::new(9, 0).nanoseconds(7), 7);
        assert_eq!(Clock::new(12, 0).nanoseconds(7_999), 7);
        assert_eq!(Clock::new(0x80 | 20, 0).nanoseconds(3 << 19), 1_500_000_000);
        assert_eq!(Clock::new(0x80 | 40, 0).nanoseconds(5 << 39), 2_500_000_000);
    }

    #[test]
    fn the_offset_counts_in_seconds_both_ways() {
        assert_eq!(Clock::new(6, 100).nanoseconds(1), 100_000_001_000);
        assert_eq!(Clock::new(6, -100).nanoseconds(1), -99_999_999_000);
    }

    #[test]
    fn hostile_values_saturate() {
        for resolution in 0..=255 {
            for offset in [i64::MIN, 0, i64::MAX] {
                let _ = Clock::new(resolution, offset).nanoseconds(u64::MAX);
            }
        }
        assert_eq!(Clock::new(0, i64::MAX).nanoseconds(u64::MAX), i64::MAX);
        assert_eq!(Clock::new(6, i64::MIN).nanoseconds(0), i64::MIN);
        assert_eq!(Clock::new(6, 0).nanoseconds(u64::MAX), i64::MAX);
        assert_eq!(Clock::new(127, 0).nanoseconds(u64::MAX), 0);
        assert_eq!(Clock::new(255, 0).nanoseconds(u64::MAX), 0);
    }
}
