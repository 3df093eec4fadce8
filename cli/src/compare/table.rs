//! The table: a line a connection, and another one for what differs between the points.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use dissector_core::compare::{JoinedConnection, Path};
use dissector_core::connection::Side;

use super::differences::{differences, why_unknown};
use crate::output::style::{FAINT, WARNING, colour_style, outcome_style};
use crate::output::table::{Align, Layout, Shown, Title};
use crate::output::units::{count, duration, octets};

/// A connection between two neighbouring points.
pub struct Line {
    /// Number of the connection.
    pub conn: u32,
    /// Place of the first of the two points.
    pub pair: usize,
    pub joined: JoinedConnection,
}

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

/// Columns to leave out on a narrow terminal, in this order. The losses are what the table is for.
const DISPENSABLE: &[&str] = &["Delay ←", "Delay →", "Outcome", "Points"];

/// Width of lines that are broken, where the output is no terminal.
pub const COLUMNS: usize = 100;
/// Further lines of a connection begin below its client.
const INDENT: &str = "      ";

/// The table of connections between the points with these names.
pub fn text(names: &[String], lines: &[Line], columns: Option<usize>) -> String {
    let several = names.len() > 2;
    let shown = |place: &usize| several || TITLES[*place].0 != "Points";
    let titles: Vec<_> = (0..TITLES.len()).filter(shown).map(|place| TITLES[place]).collect();
    let rows: Vec<Vec<Shown>> = lines
        .iter()
        .map(|line| {
            let cells = line.cells(names).into_iter().enumerate();
            cells.filter(|(place, _)| shown(place)).map(|(_, cell)| cell).collect()
        })
        .collect();
    let layout = Layout { columns, dispensable: DISPENSABLE, foldable: Some(["Client", "Server"]) };
    let (table, end) = layout.lines(&titles, &rows);
    let mut text = String::new();
    // The titles come first.
    for (place, row) in table.iter().enumerate() {
        row.iter().for_each(|line| text.push_str(&format!("{line}\n")));
        let Some(line) = place.checked_sub(1).and_then(|place| lines.get(place)) else { continue };
        let names = [&names[line.pair][..], &names[line.pair + 1]];
        let more = differences(names, &line.joined);
        if !more.is_empty() {
            let options = textwrap::Options::new(columns.unwrap_or(COLUMNS).max(40))
                .initial_indent(INDENT)
                .subsequent_indent(INDENT);
            for more in textwrap::wrap(&more.join("; "), options) {
                let _ = writeln!(text, "{FAINT}{more}{FAINT:#}");
            }
        }
    }
    end.iter().for_each(|line| text.push_str(&format!("{line}\n")));
    text.push('\n');
    text.push_str(&sum(lines, columns));
    text
}

impl Line {
    fn cells(&self, names: &[String]) -> Vec<Shown> {
        let joined = &self.joined;
        let ends = joined.ends.iter().flatten().next();
        let name = |side: Side| ends.map_or_else(String::new, |it| it[side as usize].to_string());
        vec![
            self.conn.into(),
            format!("{} – {}", names[self.pair], names[self.pair + 1]).into(),
            name(Side::Client).into(),
            name(Side::Server).into(),
            Shown::styled(joined.outcome, outcome_style(joined.outcome)),
            Shown::styled(joined.path, colour_style(joined.path.colour())),
            lost(joined, Side::Server),
            lost(joined, Side::Client),
            delay(joined, Side::Server).into(),
            delay(joined, Side::Client).into(),
        ]
    }
}

/// How many segments were lost on the way to this end; with offload, how many octets.
fn lost(joined: &JoinedConnection, to: Side) -> Shown {
    let totals = joined.totals[to as usize];
    let has_fates = !matches!(joined.path, Path::OnePoint | Path::Ambiguous | Path::Proxied);
    match (totals.lost, totals.lost_octets) {
        _ if !has_fates => "-".into(),
        (Some(0), _) | (None, Some(0)) => "0".into(),
        (Some(number), _) => Shown::styled(number, WARNING),
        (None, Some(number)) => Shown::styled(octets(number), WARNING),
        (None, None) => "-".into(),
    }
}

/// The least time on the way to this end.
fn delay(joined: &JoinedConnection, to: Side) -> String {
    match joined.delays_ns[to as usize] {
        Some(delay_ns) => delay_text(delay_ns, joined.uncertainty_ns),
        None => "-".into(),
    }
}

/// `3.1 ms`; with the uncertainty if that is more than a quarter of it: `0.2 ± 0.3 ms`.
pub fn delay_text(delay_ns: i64, uncertainty_ns: Option<u64>) -> String {
    let delay = delay_ns.max(0).unsigned_abs();
    match uncertainty_ns {
        Some(uncertainty) if uncertainty > delay / 4 => {
            let [shown, more] = [duration(delay), duration(uncertainty)];
            match (shown.split_once(' '), more.split_once(' ')) {
                (Some((number, unit)), Some((more, same))) if unit == same => {
                    format!("{number} ± {more} {unit}")
                }
                _ => format!("{shown} ± {more}"),
            }
        }
        Some(_) => duration(delay),
        None => "?".into(),
    }
}

/// The number of connections for each path, and what the paths mean.
fn sum(lines: &[Line], columns: Option<usize>) -> String {
    let mut by_path: BTreeMap<u8, (Path, u64)> = BTreeMap::new();
    for path in lines.iter().map(|line| line.joined.path) {
        by_path.entry(path.number()).or_insert((path, 0)).1 += 1;
    }
    let parts: Vec<_> = by_path.values().map(|(path, number)| format!("{number} {path}")).collect();
    let colon = if parts.is_empty() { "" } else { ": " };
    // Between more than two points, a connection has several rows.
    let conns: BTreeSet<u32> = lines.iter().map(|line| line.conn).collect();
    let mut sum = count(conns.len() as u64, "connection");
    if conns.len() < lines.len() {
        sum = format!("{sum}, {}", count(lines.len() as u64, "row"));
    }
    let sum = format!("{sum}{colon}{}", parts.join(", "));
    let mut text = String::new();
    let mut wrapped = |line: &str, indent: &str| {
        let options =
            textwrap::Options::new(columns.unwrap_or(COLUMNS).max(40)).subsequent_indent(indent);
        for line in textwrap::wrap(line, options) {
            let _ = writeln!(text, "{line}");
        }
    };
    wrapped(&sum, "");
    let known = by_path.values().filter(|(path, _)| !matches!(path, Path::Clean | Path::Unknown));
    for (path, _) in known {
        wrapped(&format!("  {path}: {}", path.doc()), INDENT);
    }
    let mut by_reason: BTreeMap<&str, u64> = BTreeMap::new();
    for line in lines.iter().filter(|line| line.joined.path == Path::Unknown) {
        *by_reason.entry(why_unknown(&line.joined)).or_default() += 1;
    }
    for (reason, number) in &by_reason {
        let number = if by_reason.len() > 1 { format!(" ({number})") } else { String::new() };
        wrapped(&format!("  {}{number}: {reason}", Path::Unknown), INDENT);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_have_their_uncertainty_where_it_matters() {
        assert_eq!(delay_text(20_000_000, Some(100_000)), "20.0 ms");
        assert_eq!(delay_text(20_000_000, Some(10_000_000)), "20.0 ± 10.0 ms");
        assert_eq!(delay_text(90_000, Some(1_500_000)), "90 µs ± 1.5 ms");
        assert_eq!(delay_text(-5_000, Some(20_000)), "0 ± 20 µs");
        assert_eq!(delay_text(20_000_000, None), "?");
    }
}
