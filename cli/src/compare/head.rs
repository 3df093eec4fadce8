//! The first lines of the table: the points, their clocks, and how the connections were joined.

use std::fmt::Write;

use dissector_core::compare::{ClockKind, Clocks, Comparison, Coverage};
use jiff::Timestamp;

use super::pairing::Pairing;
use super::table::COLUMNS;
use crate::output::style::STRONG;
use crate::output::units::{count, duration};

/// The lines as text of so many columns.
pub fn text(names: &[String], lines: &[(String, String)], columns: Option<usize>) -> String {
    let mut text = String::new();
    let longest = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let width = longest.clamp(6, 24);
    for (title, rest) in lines {
        let indent = " ".repeat(width + 2);
        let options = textwrap::Options::new(columns.unwrap_or(COLUMNS).max(width + 30))
            .initial_indent(&indent)
            .subsequent_indent(&indent);
        // The title replaces the indentation of the first line, and may be longer.
        let columns = options.width;
        let wrapped = textwrap::wrap(rest, options);
        let first = wrapped.first().map_or(0, |line| line.trim_start().chars().count());
        if title.chars().count() + 2 + first > columns {
            let _ = writeln!(text, "{STRONG}{title}{STRONG:#}");
            wrapped.iter().for_each(|line| text.push_str(&format!("{line}\n")));
            continue;
        }
        for (place, line) in wrapped.iter().enumerate() {
            let _ = match place {
                0 => writeln!(text, "{STRONG}{title:<width$}{STRONG:#}  {}", line.trim_start()),
                _ => writeln!(text, "{line}"),
            };
        }
    }
    text
}

/// The lines, each with its title. `given` are the names in the order in which they were given, `names` in
/// that of the way.
pub fn lines(
    [given, names]: [&[String]; 2],
    comparisons: &[Comparison],
    pairings: &[Pairing<'_>],
) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    let mut line = |title: &str, rest: &str| lines.push((title.to_owned(), rest.to_owned()));
    for (place, (comparison, pairing)) in comparisons.iter().zip(pairings).enumerate() {
        let [first, second] = comparison.coverage();
        if place == 0 {
            line(&names[0], &point(pairing.seen[0], first));
        }
        line(&names[place + 1], &point(pairing.seen[1], second));
    }
    if given != names {
        let [way, given] = [names.join(" – "), given.join(", ")];
        line("Order", &format!("{way}, as the segments tell (given: {given})"));
    }
    let is_shared = |it: &Comparison| it.clocks().pieces().all(|it| it.kind == ClockKind::Shared);
    let all_shared = comparisons.iter().all(is_shared);
    for (place, (comparison, pairing)) in comparisons.iter().zip(pairings).enumerate() {
        let names = [&names[place][..], &names[place + 1]];
        let between = match comparisons.len() {
            1 => String::new(),
            _ => format!("{} – {}: ", names[0], names[1]),
        };
        let first_ns = comparison.get(0).map_or(0, |it| it.first_ns);
        let mut clocks = clocks(names, comparison.clocks(), first_ns).into_iter();
        let mut first = clocks.next().unwrap_or_default();
        first.push_str(&pairing.uncertainties().map_or_else(String::new, |[least, most]| {
            format!("; ± {least} to {most} in the rows")
        }));
        match all_shared {
            true if place == 0 => line("Clocks", &first),
            true => {}
            false => line("Clocks", &format!("{between}{first}")),
        }
        clocks.for_each(|more| line("", &more));
        line("Joined", &format!("{between}{}", pairing.text()));
    }
    lines
}

/// `12 connections, captured from 2026-01-02 10:00:00.000 UTC for 13.2 s`
fn point(connections: u64, coverage: &Coverage) -> String {
    let mut text = count(connections, "connection");
    for (place, (from_ns, to_ns)) in coverage.spans().enumerate() {
        let before = if place == 0 { ", captured" } else { " and" };
        let lasted = duration(to_ns.abs_diff(from_ns));
        text.push_str(&format!("{before} from {} for {lasted}", moment(from_ns)));
    }
    if coverage.spans().len() == 0 {
        text.push_str(": there is no frame in its capture");
    }
    if coverage.dropped() > 0 {
        text.push_str(&format!("; it dropped {}", count(coverage.dropped(), "packet")));
    }
    text
}

/// `2026-01-02 10:00:00.123 UTC`
fn moment(time_ns: i64) -> String {
    match Timestamp::from_nanosecond(time_ns.into()) {
        Ok(time) => time.strftime("%F %H:%M:%S.%3f UTC").to_string(),
        Err(_) => "an unknown time".into(),
    }
}

const SECOND_NS: u64 = 1_000_000_000;
/// From here on, a difference is said in words, too.
const MINUTE_NS: u64 = 60 * SECOND_NS;

/// How far the clocks are apart at `time_ns`, and where that changes.
pub fn clocks([first, second]: [&str; 2], clocks: &Clocks, time_ns: i64) -> Vec<String> {
    let pieces: Vec<_> = clocks.pieces().collect();
    let current = pieces.iter().rev().find(|piece| piece.first_ns <= time_ns);
    let Some(piece) = current.or(pieces.first()) else { return Vec::new() };
    let offset = clocks.at(time_ns);
    let apart = offset.offset_ns.unsigned_abs();
    let direction = if offset.offset_ns < 0 { "behind" } else { "ahead of" };
    let exact = exact(offset.offset_ns, offset.uncertainty_ns);
    let is_apart = match apart {
        0..MINUTE_NS => format!("{second}'s − {first}'s is {exact}"),
        _ => {
            let unit = if apart < 60 * MINUTE_NS { SECOND_NS } else { MINUTE_NS };
            let rounded = apart.saturating_add(unit / 2) / unit * unit;
            format!("{second}'s is {} {direction} {first}'s ({exact})", duration(rounded))
        }
    };
    let mut lines = vec![match (piece.kind, offset.uncertainty_ns) {
        (ClockKind::Shared, _) => "one for all points".to_owned(),
        (ClockKind::Unknown, _) => {
            "how far they are apart is not known, for nothing that both have seen tells; \
                                    nothing can be called lost"
                .to_owned()
        }
        (ClockKind::OneSided, _) => format!(
            "{is_apart}, less the time on the way: segments of one direction only were seen at both"
        ),
        (_, Some(uncertainty)) if apart <= uncertainty => {
            let within = short(apart.saturating_add(uncertainty));
            format!("{second}'s and {first}'s agree to within {within}")
        }
        _ => is_apart,
    }];
    let rate = match piece.kind {
        ClockKind::Drifting => {
            let rate = if piece.drift_ppm < 0.0 { "slower" } else { "faster" };
            format!("; {second}'s runs {:.0} ppm {rate}", piece.drift_ppm.abs())
        }
        ClockKind::Varying => "; they drift apart unsteadily".into(),
        _ => String::new(),
    };
    lines[0].push_str(&rate);
    for step in clocks.steps() {
        lines.push(format!(
            "one of them was set: {second}'s − {first}'s changes by {} between {} and {} ({first}'s)",
            self::exact(step.by_ns, step.uncertainty_ns),
            moment(step.after_ns),
            moment(step.before_ns)
        ));
    }
    lines
}

/// `+1.234000 s ± 210 µs`
fn exact(offset_ns: i64, uncertainty_ns: Option<u64>) -> String {
    let digits = match uncertainty_ns {
        Some(0..1_000) => 9,
        Some(1_000..1_000_000) | None => 6,
        Some(_) => 4,
    };
    let offset = format!("{:.digits$} s", offset_ns.unsigned_abs() as f64 / 1e9);
    let sign = match offset_ns {
        _ if !offset.contains(|digit| matches!(digit, '1'..='9')) => "",
        ..0 => "−",
        _ => "+",
    };
    match uncertainty_ns {
        Some(ns) => format!("{sign}{offset} ± {}", short(ns)),
        None => format!("{sign}{offset}"),
    }
}

/// A duration that may be less than a microsecond.
pub fn short(ns: u64) -> String {
    if ns < 1_000 { format!("{ns} ns") } else { duration(ns) }
}
