//! Writing rows.

use std::io::{self, BufWriter, StdoutLock, Write};

use serde::Serialize;

/// Standard output, buffered.
pub type Output = BufWriter<StdoutLock<'static>>;

pub fn stdout() -> Output {
    BufWriter::with_capacity(1 << 16, io::stdout().lock())
}

/// Writes `row` as one line of JSON.
pub fn json_line(output: &mut Output, row: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *output, row)?;
    output.write_all(b"\n")
}

/// A time difference as people read it: `21.0 ms`, `1.02 s`, `85 µs`.
pub fn duration(ns: u64) -> String {
    match ns {
        0..1_000_000 => format!("{} µs", (ns + 500) / 1_000),
        1_000_000..1_000_000_000 => format!("{:.1} ms", ns as f64 / 1e6),
        _ => format!("{:.2} s", ns as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_fitting_units() {
        assert_eq!(duration(84_600), "85 µs");
        assert_eq!(duration(21_000_000), "21.0 ms");
        assert_eq!(duration(1_023_000_000), "1.02 s");
    }
}
