//! The first lines of the table: the points, their clocks, and how the connections were joined.

use std::fmt::Write;

use dissector_core::compare::{ClockKind, Clocks, Comparison, Coverage, JoinedBy, Path};
use jiff::Timestamp;

use crate::output::style::{STRONG, WARNING};
use crate::output::units::{count, duration};

pub fn text(names: &[&str], comparisons: &[Comparison]) -> String {
    let mut text = String::new();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max(6);
    let mut line = |title: &str, rest: &str| {
        let _ = writeln!(text, "{STRONG}{title:<width$}{STRONG:#}  {rest}");
    };
    for (place, comparison) in comparisons.iter().enumerate() {
        let coverage = comparison.coverage();
        let seen = |point: usize| {
            comparison.connections().iter().filter(|it| it.ids[point].is_some()).count() as u64
        };
        if place == 0 {
            line(names[0], &point(seen(0), coverage[0]));
        }
        line(names[place + 1], &point(seen(1), coverage[1]));
    }
    for (place, comparison) in comparisons.iter().enumerate() {
        let names = [names[place], names[place + 1]];
        let first_ns = comparison.connections().first().map_or(0, |it| it.first_ns);
        let mut clocks = clocks(names, comparison.clocks(), first_ns).into_iter();
        line("clocks", &clocks.next().unwrap_or_default());
        clocks.for_each(|more| line("", &format!("{WARNING}{more}{WARNING:#}")));
        line("joined", &joined(names, comparison));
    }
    text
}

/// `12 connections, captured from 2026-01-02 10:00:00.000000 UTC for 13.2 s`
fn point(connections: u64, coverage: Coverage) -> String {
    let connections = count(connections, "connection");
    let Some((first_ns, last_ns)) = coverage.span_ns else {
        return format!("{connections}; the capture is empty");
    };
    let lasted = duration(last_ns.abs_diff(first_ns));
    format!("{connections}, captured from {} for {lasted}", moment(first_ns))
}

/// `2026-01-02 10:00:00.123 UTC`
fn moment(time_ns: i64) -> String {
    match Timestamp::from_nanosecond(time_ns.into()) {
        Ok(time) => time.strftime("%F %H:%M:%S.%3f UTC").to_string(),
        Err(_) => "an unknown time".into(),
    }
}

/// How far the clocks are apart, at `time_ns` and where that changes.
pub fn clocks([first, second]: [&str; 2], clocks: &Clocks, time_ns: i64) -> Vec<String> {
    let pieces: Vec<_> = clocks.pieces().collect();
    let Some(piece) =
        pieces.iter().rev().find(|piece| piece.first_ns <= time_ns).or(pieces.first())
    else {
        return Vec::new();
    };
    let offset = clocks.at(time_ns);
    let apart_ns = offset.offset_ns.unsigned_abs();
    let words = |apart_ns: u64| {
        let direction = if offset.offset_ns < 0 { "behind" } else { "ahead of" };
        format!("{second}'s is {} {direction} {first}'s", duration(apart_ns))
    };
    let exact = exact(offset.offset_ns, offset.uncertainty_ns);
    let mut lines = vec![match (piece.kind, offset.uncertainty_ns) {
        (ClockKind::Shared, _) => "one clock for both".to_owned(),
        (ClockKind::Unknown, _) => {
            "how far they are apart is not known: no segment was seen at both \
                                    points, so nothing can be called lost"
                .to_owned()
        }
        (ClockKind::OneSided, _) | (_, None) => format!(
            "{} ({exact}), give or take the time on the way: only segments of one direction were \
             seen at both",
            words(apart_ns)
        ),
        (_, Some(uncertainty)) if apart_ns <= uncertainty => format!("they agree ({exact})"),
        _ => format!("{} ({exact})", words(apart_ns)),
    }];
    let rate = match piece.kind {
        ClockKind::Drifting => {
            let faster = if piece.drift_ppm < 0.0 { "slower" } else { "faster" };
            format!("; {second}'s runs {:.1} ppm {faster}", piece.drift_ppm.abs())
        }
        ClockKind::Varying => "; they drift apart unsteadily".into(),
        _ => String::new(),
    };
    lines[0].push_str(&rate);
    for step in clocks.steps() {
        let uncertainty = match step.uncertainty_ns {
            Some(ns) => format!(" ± {}", short(ns)),
            None => String::new(),
        };
        lines.push(format!(
            "a clock was set: {second}'s jumps by {}{uncertainty} between {} and {} of {first}'s \
             clock",
            seconds(step.by_ns, step.uncertainty_ns),
            moment(step.after_ns),
            moment(step.before_ns)
        ));
    }
    lines
}

/// `+1.234000 s ± 0.2 ms`
fn exact(offset_ns: i64, uncertainty_ns: Option<u64>) -> String {
    let offset = seconds(offset_ns, uncertainty_ns);
    match uncertainty_ns {
        Some(uncertainty) => format!("{offset} ± {}", short(uncertainty)),
        None => offset,
    }
}

/// Seconds with a sign, and as many digits as are known.
fn seconds(ns: i64, uncertainty_ns: Option<u64>) -> String {
    let digits = match uncertainty_ns {
        Some(0..1_000) => 9,
        Some(1_000..1_000_000) | None => 6,
        Some(_) => 4,
    };
    format!("{:+.digits$} s", ns as f64 / 1e9)
}

/// A short time: `310 ns`, `85 µs`, `0.21 ms`.
pub fn short(ns: u64) -> String {
    match ns {
        0..1_000 => format!("{ns} ns"),
        _ => duration(ns),
    }
}

/// `58 of 61 connections by their sequence numbers, 2 through NAT; 1 only at client`
fn joined([first, second]: [&str; 2], comparison: &Comparison) -> String {
    let connections = comparison.connections();
    let by = |rule| connections.iter().filter(|it| it.joined_by == Some(rule)).count();
    let rules = [
        (JoinedBy::Numbers, "by their sequence numbers"),
        (JoinedBy::Nat, "through NAT"),
        (JoinedBy::Timestamps, "by their timestamps (numbers rewritten)"),
        (JoinedBy::Payload, "by their payload (numbers rewritten)"),
        (JoinedBy::Time, "by time only (likely, not certain)"),
    ];
    let counts: Vec<_> = rules
        .into_iter()
        .map(|(rule, text)| (by(rule), text))
        .filter(|(number, _)| *number > 0)
        .map(|(number, text)| format!("{number} {text}"))
        .collect();
    let mut parts = vec![if counts.is_empty() { "none".into() } else { counts.join(", ") }];
    for (point, name) in [first, second].into_iter().enumerate() {
        let only = || connections.iter().filter(move |it| it.ids[1 - point].is_none());
        let number = only().count();
        if number > 0 {
            let ambiguous = only().filter(|it| it.path == Path::Ambiguous).count();
            let which = match ambiguous {
                0 => String::new(),
                _ if ambiguous == number => " (several there fit each)".into(),
                _ => format!(" ({ambiguous} of them fit several)"),
            };
            parts.push(format!("{number} only at {name}{which}"));
        }
    }
    parts.join("; ")
}
