//! The table: a line a connection, and another one for what differs between the points.

use std::collections::BTreeMap;
use std::fmt::Write;

use dissector_core::compare::{Change, JoinedConnection, Path, Translated};
use dissector_core::connection::Side;

use super::chain::Row;
use super::head::short;
use crate::output::style::{FAINT, WARNING, colour_style, outcome_style};
use crate::output::table::{Align, Shown, Title, lay_out};
use crate::output::units::count;

const TITLES: &[Title] = &[
    Title("Conn", Align::Right),
    Title("Points", Align::Left),
    Title("Client", Align::Left),
    Title("Server", Align::Left),
    Title("Outcome", Align::Left),
    Title("Path", Align::Left),
    Title("Lost →", Align::Right),
    Title("Lost ←", Align::Right),
    Title("Delay →", Align::Right),
    Title("Delay ←", Align::Right),
];

/// Columns to leave out on a narrow terminal, in this order.
const DISPENSABLE: &[&str] = &["Delay ←", "Delay →", "Lost ←", "Lost →"];

/// Width of lines that are broken, where the output is no terminal.
const COLUMNS: usize = 100;

/// The table of `rows` between the points with these names.
pub fn text(names: &[&str], rows: &[Row<'_>], columns: Option<usize>) -> String {
    let several = names.len() > 2;
    let cells = |row: &Row<'_>| {
        let points = match several {
            true => format!("{} – {}", names[row.pair], names[row.pair + 1]),
            false => String::new(),
        };
        cells(row, points)
    };
    let lines: Vec<_> = rows.iter().map(cells).collect();
    let used: Vec<usize> = (0..TITLES.len()).filter(|place| several || *place != 1).collect();
    let titles: Vec<_> = used.iter().map(|place| TITLES[*place]).collect();
    let lines: Vec<Vec<Shown>> = lines
        .into_iter()
        .map(|line| {
            let kept = line.into_iter().enumerate().filter(|(place, _)| used.contains(place));
            kept.map(|(_, cell)| cell).collect()
        })
        .collect();
    let table = lay_out(&titles, &lines, columns, DISPENSABLE);
    let mut text = String::new();
    // The header comes first; what is behind the rows says which columns are missing.
    for (place, line) in table.lines().enumerate() {
        let _ = writeln!(text, "{line}");
        let Some(row) = place.checked_sub(1).and_then(|place| rows.get(place)) else { continue };
        let names = [names[row.pair], names[row.pair + 1]];
        let more = differences(names, row.joined);
        if !more.is_empty() {
            let options = textwrap::Options::new(columns.unwrap_or(COLUMNS).max(40))
                .initial_indent("      ")
                .subsequent_indent("      ");
            for line in textwrap::wrap(&more.join("; "), options) {
                let _ = writeln!(text, "{FAINT}{line}{FAINT:#}");
            }
        }
    }
    text.push('\n');
    text.push_str(&sum(rows));
    text
}

fn cells(row: &Row<'_>, points: String) -> Vec<Shown> {
    let joined = row.joined;
    let ends = joined.ends.iter().flatten().next();
    let name = |side: Side| ends.map_or_else(String::new, |ends| ends[side as usize].to_string());
    let lost = |side: Side| lost(joined, side);
    let delay = |side: Side| Shown::from(delay(joined, side));
    vec![
        row.conn.into(),
        points.into(),
        name(Side::Client).into(),
        name(Side::Server).into(),
        Shown::styled(joined.outcome, outcome_style(joined.outcome)),
        Shown::styled(joined.path, colour_style(joined.path.colour())),
        lost(Side::Server),
        lost(Side::Client),
        delay(Side::Server),
        delay(Side::Client),
    ]
}

/// How many segments were lost on the way to this end; with offload, only whether octets were.
fn lost(joined: &JoinedConnection, to: Side) -> Shown {
    let totals = joined.totals[to as usize];
    let is_judged = !matches!(joined.path, Path::OnePoint | Path::Ambiguous | Path::Proxied);
    match (totals.lost, totals.lost_octets) {
        _ if !is_judged => "-".into(),
        (Some(0), _) => "0".into(),
        (Some(number), _) => Shown::styled(number, WARNING),
        (None, Some(0)) => "0".into(),
        (None, Some(octets)) => Shown::styled(format!("{octets} B"), WARNING),
        (None, None) => "-".into(),
    }
}

/// The least time on the way to this end, with its uncertainty if that is as large.
pub fn delay(joined: &JoinedConnection, to: Side) -> String {
    match joined.delays_ns[to as usize] {
        Some(delay_ns) => delay_text(delay_ns, joined.uncertainty_ns),
        None => "-".into(),
    }
}

/// `3.1 ms`, `0.2 ± 0.3 ms`
pub fn delay_text(delay_ns: i64, uncertainty_ns: Option<u64>) -> String {
    let shown = short(delay_ns.max(0).unsigned_abs());
    match uncertainty_ns {
        Some(0) => shown,
        Some(uncertainty) if i128::from(uncertainty) >= i128::from(delay_ns) => {
            format!("{shown} ± {}", short(uncertainty))
        }
        Some(_) => shown,
        None => format!("~{shown}"),
    }
}

/// What differs between the points, in a few words each.
fn differences([first, second]: [&str; 2], joined: &JoinedConnection) -> Vec<String> {
    let mut parts = Vec::new();
    if let [Some(_), Some(ends)] = joined.ends
        && !joined.translated.is_empty()
    {
        let has = |one, other| [one, other].iter().any(|it| joined.translated.contains(*it));
        let sides = [
            (Side::Client, has(Translated::ClientAddr, Translated::ClientPort)),
            (Side::Server, has(Translated::ServerAddr, Translated::ServerPort)),
        ];
        let names: Vec<_> = sides
            .into_iter()
            .filter(|(_, differs)| *differs)
            .map(|(side, _)| format!("the {side} is {}", ends[side as usize]))
            .collect();
        parts.push(format!("at {second} {}", names.join(", ")));
    }
    let changes: Vec<_> = joined.changes.iter().map(change).collect();
    if !changes.is_empty() {
        parts.push(format!("changed: {}", changes.join(", ")));
    }
    for side in Side::BOTH {
        let totals = joined.totals[side as usize];
        let appeared = totals.appeared.unwrap_or(0);
        if appeared > 0 {
            parts.push(format!(
                "{} to the {side} came from in between",
                count(appeared.into(), "segment")
            ));
        }
    }
    let [at_first, at_second] = joined.outcomes;
    if let (Some(at_first), Some(at_second)) = (at_first, at_second)
        && at_first != at_second
    {
        parts.push(format!("alone, {first} says {at_first} and {second} {at_second}"));
    }
    parts
}

/// A change in a word or two.
pub fn change(change: Change) -> &'static str {
    match change {
        Change::Mss => "MSS",
        Change::WindowScale => "window scale",
        Change::Timestamps => "timestamps",
        Change::Sack => "SACK",
        Change::Options => "other options",
        Change::Sequence => "sequence numbers",
        Change::Acknowledgment => "acknowledgment numbers",
        Change::Flags => "flags",
        Change::Window => "window",
        Change::Length => "length",
        Change::Payload => "payload",
        Change::Ttl => "TTL",
        _ => change.label(),
    }
}

/// The number of connections for each path, and what the paths mean.
fn sum(rows: &[Row<'_>]) -> String {
    let mut by_path: BTreeMap<u8, (Path, u64)> = BTreeMap::new();
    for row in rows {
        by_path.entry(row.joined.path.number()).or_insert((row.joined.path, 0)).1 += 1;
    }
    let parts: Vec<_> = by_path.values().map(|(path, number)| format!("{number} {path}")).collect();
    let colon = if parts.is_empty() { "" } else { ": " };
    let mut text =
        format!("{}{colon}{}\n", count(rows.len() as u64, "connection"), parts.join(", "));
    for (path, _) in by_path.values().filter(|(path, _)| *path != Path::Clean) {
        let _ = writeln!(text, "{FAINT}  {path}: {}{FAINT:#}", path.doc());
    }
    text
}
