//! The ladder as a Mermaid sequence diagram, for Markdown that renders it.

use std::fmt::Write;

use dissector_core::connection::{Repeat, Side};

use crate::output::units::duration;
use crate::timeline::{Arrival, Event, SegmentEvent, Timeline, labels};

/// Least silence that a note reports, in nanoseconds.
const PAUSE_NS: i64 = 500_000_000;

/// Draws `timeline`.
pub fn draw(timeline: &Timeline) -> String {
    let mut text = String::from("sequenceDiagram\n");
    for (letter, side, address) in
        [('C', Side::Client, &timeline.called[0]), ('S', Side::Server, &timeline.called[1])]
    {
        let address = escaped(address);
        let _ = writeln!(text, "    participant {letter} as {side}<br/>{address}");
    }
    // The participants have the addresses; a long line would not fit the note.
    let mut title = format!("conn {}: {}", timeline.id, timeline.verdict.outcome);
    let summary = labels::summary(timeline);
    if !summary.is_empty() {
        title.push_str(&format!("<br/>{summary}"));
    }
    note(&mut text, &title);
    let mut states = labels::initial_states(timeline);
    note_states(&mut text, &states, &Default::default());
    let mut last_ns = timeline.first_ns;
    for event in &timeline.events {
        let (first_ns, end_ns) = event.times().unwrap_or((last_ns, last_ns));
        let findings = match event {
            Event::Segment(segment) => labels::step_and_findings(segment).0,
            _ => String::new(),
        };
        if let Some(pause) = pause(first_ns.saturating_sub(last_ns), &findings) {
            note(&mut text, &pause);
        }
        last_ns = end_ns;
        match event {
            Event::Segment(segment) => {
                let mut label = escaped(&labels::arrow(segment)).replace("  ", " ");
                if segment.arrival == Arrival::Unknown {
                    label.push_str(" ?");
                }
                label.push_str(&format!(" (frame {})", segment.frame));
                if !findings.is_empty() {
                    label.push_str(&format!("<br/>{}", escaped(&findings)));
                }
                arrow(&mut text, segment.from, shape(segment), &label);
            }
            Event::Icmp(error) => {
                let label =
                    format!("{} (frame {})", escaped(&labels::icmp_error(error)), error.frame);
                arrow(&mut text, error.to.other(), "-->>", &label);
            }
            Event::Run(run) => note(&mut text, &labels::run(run)),
            Event::File(name) => note(&mut text, &labels::file(name)),
        }
        if let Some(after) = event.states() {
            let after = after.map(|states| states.to_string());
            note_states(&mut text, &after, &states);
            states = after;
        }
    }
    text
}

/// `1.95 s later`, if that is long, and not what the findings of the next segment say.
pub fn pause(pause_ns: i64, findings: &str) -> Option<String> {
    let pause = format!("{} later", duration(pause_ns.max(0).unsigned_abs()));
    (pause_ns >= PAUSE_NS && !findings.contains(&pause)).then_some(pause)
}

/// Dashed if sent before, with a cross if undelivered; with an open head if nothing shows that it has
/// arrived.
fn shape(segment: &SegmentEvent) -> &'static str {
    match (segment.arrival, segment.annotation.copy) {
        (Arrival::Refuted, Repeat::Original) => "-x",
        (Arrival::Refuted, _) => "--x",
        (Arrival::Unknown, Repeat::Original) => "-)",
        (Arrival::Unknown, _) => "--)",
        (Arrival::Assumed, Repeat::Original) => "->>",
        (Arrival::Assumed, _) => "-->>",
    }
}

fn arrow(text: &mut String, from: Side, shape: &str, label: &str) {
    let (from, to) = match from {
        Side::Client => ('C', 'S'),
        Side::Server => ('S', 'C'),
    };
    let _ = writeln!(text, "    {from}{shape}{to}: {label}");
}

fn note(text: &mut String, note: &str) {
    let _ = writeln!(text, "    Note over C,S: {}", escaped(note));
}

/// Notes the states that have changed.
fn note_states(text: &mut String, [client, server]: &[String; 2], before: &[String; 2]) {
    if *client != before[0] {
        let _ = writeln!(text, "    Note left of C: {client}");
    }
    if *server != before[1] {
        let _ = writeln!(text, "    Note right of S: {server}");
    }
}

/// In Mermaid, `;` ends a statement and `#` begins an entity.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '#' | ';' => {
                let _ = write!(escaped, "#{};", u32::from(character));
            }
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_characters_are_escaped() {
        assert_eq!(escaped("a; b #1"), "a#59; b #35;1");
    }
}
