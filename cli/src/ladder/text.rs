//! The ladder for a terminal.

use std::fmt::Write;

use anstyle::Style;
use dissector_core::connection::{Repeat, States};

use crate::story::{End, Event, Story};
use crate::style::{FAINT, STRONG, WARNING, outcome_style, stage_style};
use crate::words;

/// Columns of a state: the longest is `SYN-RECEIVED?`.
const STATE: usize = 13;
/// Columns of an arrow at least.
const ARROW: usize = 36;

/// Draws `story`, with colours.
pub fn draw(story: &Story) -> String {
    let mut text = String::new();
    let outcome = story.verdict.outcome;
    let style = outcome_style(outcome);
    let circumstances = match words::circumstances(story) {
        nothing if nothing.is_empty() => nothing,
        circumstances => format!("   {circumstances}"),
    };
    let _ = writeln!(
        text,
        "{STRONG}conn {}  {}{STRONG:#}   {style}{outcome}{style:#}{circumstances}",
        story.id,
        words::ends(story),
    );
    let labels = story.events.iter().map(|event| match event {
        Event::Segment(told) => words::on_arrow(told).chars().count() + 5,
        Event::Error(error) => words::of_error(error).chars().count() + 6,
        Event::Run(_) | Event::File(_) => 0,
    });
    let width = labels.max().unwrap_or(0).max(ARROW);
    let (client, server) = ("client", "server");
    let _ = writeln!(
        text,
        "{FAINT} frame      time(s)   {client:<STATE$}  {:width$}  {server}{FAINT:#}",
        ""
    );
    let [client, server] = words::states_before(story);
    let _ = writeln!(text, "{:22}{client:<STATE$}  {:width$}  {server}", "", "");
    let since_first = |time_ns: i64| time_ns.saturating_sub(story.first_ns);
    for event in &story.events {
        match event {
            Event::Segment(told) => {
                let (beside, warns) = words::beside(told);
                let shaft = match told.copy {
                    Repeat::Original => '─',
                    _ => '╌',
                };
                let label = words::on_arrow(told);
                let arrow = arrow(&label, told.from, told.in_vain, shaft, width);
                let style = stage_style(told.stage);
                let arrow = format!("{style}{arrow}{style:#}");
                let states = [told.client, told.server];
                let style = if warns { WARNING } else { FAINT };
                row(&mut text, told.frame, since_first(told.time_ns), states, &arrow);
                beside_it(&mut text, told.server, &beside, style);
            }
            Event::Error(error) => {
                let label = format!(" {}", words::of_error(error));
                let arrow = arrow(&label, error.to.other(), false, '┄', width);
                let arrow = format!("{WARNING}{arrow}{WARNING:#}");
                let states = [error.client, error.server];
                row(&mut text, error.frame, since_first(error.time_ns), states, &arrow);
                beside_it(&mut text, error.server, "", FAINT);
            }
            Event::Run(run) => between(&mut text, width, &words::of_run(run)),
            Event::File(name) => between(&mut text, width, &words::of_file(name)),
        }
    }
    let meaning = words::meaning(story);
    if !meaning.is_empty() {
        let _ = writeln!(text, "{meaning}");
    }
    text
}

/// Words in the middle between the two ends.
fn between(text: &mut String, width: usize, words: &str) {
    let middle = 22 + STATE + 2 + width / 2;
    let before = middle.saturating_sub(words.chars().count() / 2);
    let _ = writeln!(text, "{:before$}{FAINT}{words}{FAINT:#}", "");
}

/// A row up to where the server's state begins.
fn row(text: &mut String, frame: u64, ns: i64, [client, _]: [States; 2], arrow: &str) {
    let (client, seconds) = (client.to_string(), ns as f64 / 1e9);
    let _ = write!(text, "{frame:>6} {seconds:>12.6}   {client:<STATE$}  {arrow}  ");
}

/// The rest of the row, without spaces at its end.
fn beside_it(text: &mut String, server: States, beside: &str, style: Style) {
    let _ = match beside {
        "" => writeln!(text, "{server}"),
        _ => writeln!(text, "{:<STATE$}  {style}{beside}{style:#}", server.to_string()),
    };
}

/// `──[S]  SYN seq=0 ───────────▶`, to the left from the server, with × for a head where it was in
/// vain.
fn arrow(label: &str, from: End, in_vain: bool, shaft: char, width: usize) -> String {
    let head = match (from, in_vain) {
        (_, true) => '×',
        (End::Client, false) => '▶',
        (End::Server, false) => '◀',
    };
    let rest = width.saturating_sub(label.chars().count() + 4);
    let rest = String::from(shaft).repeat(rest);
    match from {
        End::Client => format!("{shaft}{shaft}{label} {rest}{head}"),
        End::Server => format!("{head}{shaft}{label} {rest}{shaft}"),
    }
}
