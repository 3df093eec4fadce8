//! Times and amounts as people read them.

/// A time difference: `21.0 ms`, `1.02 s`, `85 µs`.
pub fn duration(ns: u64) -> String {
    const MINUTE: u64 = 60_000_000_000;
    match ns {
        0..1_000_000 => format!("{} µs", (ns + 500) / 1_000),
        1_000_000..1_000_000_000 => format!("{:.1} ms", ns as f64 / 1e6),
        1_000_000_000..MINUTE => format!("{:.2} s", ns as f64 / 1e9),
        _ => {
            let seconds = ns / 1_000_000_000;
            let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
            if hours > 0 {
                format!("{hours} h {minutes} min")
            } else {
                format!("{minutes} min {seconds} s")
            }
        }
    }
}

/// A number of octets: `514 octets`, `12.3 kB`.
pub fn octets(count: u64) -> String {
    match count {
        1 => "1 octet".into(),
        0..10_000 => format!("{count} octets"),
        10_000..1_000_000 => format!("{:.1} kB", count as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", count as f64 / 1e6),
        _ => format!("{:.1} GB", count as f64 / 1e9),
    }
}

/// `1 segment`, `3 segments`.
pub fn count(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_fitting_units() {
        assert_eq!(duration(84_600), "85 µs");
        assert_eq!(duration(21_000_000), "21.0 ms");
        assert_eq!(duration(1_023_000_000), "1.02 s");
        assert_eq!(duration(75_000_000_000), "1 min 15 s");
        assert_eq!(duration(7_260_000_000_000), "2 h 1 min");
    }

    #[test]
    fn counts_and_octets_are_words() {
        assert_eq!(count(1, "segment"), "1 segment");
        assert_eq!(count(0, "segment"), "0 segments");
        assert_eq!(
            (octets(1), octets(999), octets(12_345)),
            ("1 octet".into(), "999 octets".into(), "12.3 kB".into())
        );
    }
}
