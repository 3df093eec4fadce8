//! The ladder as a Mermaid sequence diagram, for Markdown that renders it.

use std::fmt::Write;

use dissector_core::connection::{Repeat, States};

use crate::output::duration;
use crate::story::{End, Event, Story};
use crate::words;

/// Silence from which on a note says how long it lasted, in nanoseconds.
const PAUSE_NS: i64 = 500_000_000;

/// Draws `story`.
pub fn draw(story: &Story) -> String {
    let mut text = String::new();
    let circumstances = words::circumstances(story);
    let title = format!("conn {} {}: {}", story.id, words::ends(story), story.verdict.outcome);
    let _ = writeln!(text, "sequenceDiagram");
    let _ =
        writeln!(text, "    participant C as client<br/>{}", escaped(&story.client.to_string()));
    let _ =
        writeln!(text, "    participant S as server<br/>{}", escaped(&story.server.to_string()));
    let comma = if circumstances.is_empty() { "" } else { ", " };
    let _ =
        writeln!(text, "    Note over C,S: {}", escaped(&format!("{title}{comma}{circumstances}")));
    let mut states = words::states_before(story);
    note_states(&mut text, &states, &Default::default());
    let mut last_ns = story.first_ns;
    for event in &story.events {
        let (time_ns, until_ns) = event.times().unwrap_or((last_ns, last_ns));
        let (line, after) = match event {
            Event::Segment(told) => {
                let arrow = match (told.in_vain, told.copy) {
                    (true, Repeat::Original) => "-x",
                    (true, _) => "--x",
                    (false, Repeat::Original) => "->>",
                    (false, _) => "-->>",
                };
                let (beside, _) = words::beside(told);
                let beside =
                    if beside.is_empty() { beside } else { format!("<br/>{}", escaped(&beside)) };
                let label = escaped(&words::on_arrow(told)).replace("  ", " ");
                let line = line(told.from, arrow, &format!("{label}{beside}"));
                (line, Some([told.client, told.server]))
            }
            Event::Error(error) => {
                let line = line(error.to.other(), "-->>", &escaped(&words::of_error(error)));
                (line, Some([error.client, error.server]))
            }
            Event::Run(run) => {
                let line = format!("Note over C,S: {}", escaped(&words::of_run(run)));
                (line, None)
            }
            Event::File(name) => {
                let line = format!("Note over C,S: {}", escaped(&words::of_file(name)));
                (line, None)
            }
        };
        let pause_ns = time_ns.saturating_sub(last_ns);
        if pause_ns >= PAUSE_NS {
            let _ = writeln!(text, "    Note over C,S: {} later", duration(pause_ns as u64));
        }
        last_ns = until_ns;
        let _ = writeln!(text, "    {line}");
        if let Some(after) = after {
            let after = after.map(|states: States| states.to_string());
            note_states(&mut text, &after, &states);
            states = after;
        }
    }
    text
}

fn line(from: End, arrow: &str, label: &str) -> String {
    match from {
        End::Client => format!("C{arrow}S: {label}"),
        End::Server => format!("S{arrow}C: {label}"),
    }
}

/// Says which states are new.
fn note_states(text: &mut String, [client, server]: &[String; 2], before: &[String; 2]) {
    if *client != before[0] {
        let _ = writeln!(text, "    Note left of C: {client}");
    }
    if *server != before[1] {
        let _ = writeln!(text, "    Note right of S: {server}");
    }
}

/// `;` and `#` end or begin things in Mermaid.
fn escaped(text: &str) -> String {
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
    fn what_means_something_to_mermaid_is_escaped() {
        assert_eq!(escaped("a; b #1"), "a#59; b #35;1");
    }
}
