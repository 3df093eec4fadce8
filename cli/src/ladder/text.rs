//! The ladder for a terminal.

use std::fmt::Write;

use dissector_core::connection::{Repeat, Side, States};

use crate::output::style::{FAINT, STRONG, STRUCK, WARNING, outcome_style, stage_style};
use crate::timeline::{Arrival, Event, Timeline, labels};

/// Width of a state in columns: the longest is `SYN-RECEIVED?`.
const STATE: usize = 13;
/// Least width of an arrow in columns.
const ARROW: usize = 36;
/// Columns over which an arrow fades.
const FADING: usize = 6;

/// Draws `timeline` with colours.
pub fn draw(timeline: &Timeline) -> String {
    let mut text = String::new();
    let outcome = timeline.verdict.outcome;
    let style = outcome_style(outcome);
    let summary = match labels::summary(timeline) {
        summary if summary.is_empty() => summary,
        summary => format!("   {summary}"),
    };
    let _ = writeln!(
        text,
        "{STRONG}conn {}  {}{STRONG:#}   {style}{outcome}{style:#}{summary}",
        timeline.id,
        labels::addresses(timeline),
    );
    let widths = timeline.events.iter().map(|event| match event {
        Event::Segment(segment) => labels::arrow(segment).chars().count() + 5,
        Event::Icmp(error) => labels::icmp_error(error).chars().count() + 6,
        Event::Run(_) | Event::File(_) => 0,
    });
    let width = widths.max().unwrap_or(0).max(ARROW);
    let _ = writeln!(
        text,
        "{FAINT} frame      time(s)   {:<STATE$}  {:width$}  {}{FAINT:#}",
        Side::Client,
        "",
        Side::Server
    );
    let [client, server] = labels::initial_states(timeline);
    let _ = writeln!(text, "{:22}{client:<STATE$}  {:width$}  {server}", "", "");
    let seconds = |time_ns: i64| time_ns.saturating_sub(timeline.first_ns) as f64 / 1e9;
    for event in &timeline.events {
        match event {
            Event::Segment(segment) => {
                let annotation = &segment.annotation;
                let shaft = if annotation.copy == Repeat::Original { '─' } else { '╌' };
                let label = labels::arrow(segment);
                let arrow = arrow(&label, segment.from, segment.arrival, shaft, width);
                let style = stage_style(annotation.stage);
                let arrow = format!("{style}{arrow}{style:#}");
                let server = struck(annotation.server, timeline.is_unheard);
                row(
                    &mut text,
                    segment.frame,
                    seconds(segment.time_ns),
                    annotation.client,
                    &arrow,
                    &server,
                );
                let (findings, warning) = labels::step_and_findings(segment);
                if !findings.is_empty() {
                    let style = if warning { WARNING } else { FAINT };
                    let rest = STATE.saturating_sub(annotation.server.to_string().len());
                    let _ = write!(text, "{:rest$}  {style}{findings}{style:#}", "");
                }
                text.push('\n');
            }
            Event::Icmp(error) => {
                let label = format!(" {}", labels::icmp_error(error));
                let arrow = arrow(&label, error.to.other(), Arrival::Assumed, '┄', width);
                let arrow = format!("{WARNING}{arrow}{WARNING:#}");
                let server = struck(error.states[1], timeline.is_unheard);
                row(
                    &mut text,
                    error.frame,
                    seconds(error.time_ns),
                    error.states[0],
                    &arrow,
                    &server,
                );
                text.push('\n');
            }
            Event::Run(run) => write_centred(&mut text, width, &labels::run(run)),
            Event::File(name) => write_centred(&mut text, width, &labels::file(name)),
        }
    }
    let failure = labels::failure(timeline);
    if !failure.is_empty() {
        let _ = writeln!(text, "{failure}");
    }
    text
}

/// Writes `label` in the middle between the two sides.
fn write_centred(text: &mut String, width: usize, label: &str) {
    let middle = 22 + STATE + 2 + width / 2;
    let before = middle.saturating_sub(label.chars().count() / 2);
    let _ = writeln!(text, "{:before$}{FAINT}{label}{FAINT:#}", "");
}

/// The state of the server, struck through if it is only assumed and nothing was heard of the server.
fn struck(state: States, unheard: bool) -> String {
    match unheard && !state.proven() {
        true => format!("{STRUCK}{state}{STRUCK:#}"),
        false => state.to_string(),
    }
}

/// Writes a row up to the server's state.
fn row(text: &mut String, frame: u64, seconds: f64, client: States, arrow: &str, server: &str) {
    let client = client.to_string();
    let _ = write!(text, "{frame:>6} {seconds:>12.6}   {client:<STATE$}  {arrow}  {server}");
}

/// `──[S]  SYN seq=0 ───────────▶`; to the left if from the server, with × for a head if
/// undelivered, and fading to a `?` if nothing shows that it has arrived.
fn arrow(label: &str, from: Side, arrival: Arrival, shaft: char, width: usize) -> String {
    let head = match (from, arrival) {
        (_, Arrival::Refuted) => '×',
        (_, Arrival::Unknown) => '?',
        (Side::Client, Arrival::Assumed) => '▶',
        (Side::Server, Arrival::Assumed) => '◀',
    };
    let rest = width.saturating_sub(label.chars().count() + 4);
    let fading = if arrival == Arrival::Unknown { rest.min(FADING) } else { 0 };
    let rest = String::from(shaft).repeat(rest - fading) + &"┄".repeat(fading);
    match from {
        Side::Client => format!("{shaft}{shaft}{label} {rest}{head}"),
        Side::Server => format!("{head}{shaft}{label} {rest}{shaft}"),
    }
}
