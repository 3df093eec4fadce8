//! The ladder with several points as a Mermaid sequence diagram.

use std::fmt::Write;

use dissector_core::compare::Fate;
use dissector_core::connection::{Repeat, Side};

use super::said;
use crate::journey::{IcmpPassage, Journey, Passage, Step};
use crate::ladder::mermaid::{escaped, pause};
use crate::timeline::labels;

pub fn draw(journey: &Journey) -> String {
    let mut text = String::from("sequenceDiagram\n");
    let ends = journey.ends().map(|ends| ends.map(|end| escaped(&end.to_string())));
    let [client, server] = ends.unwrap_or_default();
    let _ = writeln!(text, "    participant C as client<br/>{client}");
    for (place, station) in journey.stations.iter().enumerate() {
        let names = said::other_names(journey, place);
        let names = names.iter().map(|(side, name)| format!("<br/>{side} = {}", escaped(name)));
        let names: String = names.collect();
        let _ = writeln!(text, "    participant P{place} as {}{names}", escaped(&station.shown()));
    }
    let _ = writeln!(text, "    participant S as server<br/>{server}");
    let outcome = journey.outcome().map_or_else(String::new, |it| format!(": {it}"));
    note(&mut text, &format!("conn {}{outcome}", journey.conn));
    said::paths(journey).iter().for_each(|line| note(&mut text, line));
    said::clocks(journey).iter().for_each(|line| note(&mut text, line));
    let mut last_ns = journey.first_ns;
    let mut states = [String::new(), String::new()];
    for step in &journey.steps {
        let time_ns = match step {
            Step::Segment(it) => it.time_ns,
            Step::Icmp(it) => it.time_ns,
            Step::Run(it) => it.last_ns,
        };
        let findings = match step {
            Step::Segment(passage) => said::findings(passage),
            _ => String::new(),
        };
        if let Some(pause) = pause(time_ns.saturating_sub(last_ns), &findings) {
            note(&mut text, &pause);
        }
        last_ns = time_ns;
        match step {
            Step::Segment(passage) => {
                segment(&mut text, journey, passage);
                note_states(&mut text, passage, &mut states);
            }
            Step::Icmp(icmp) => self::icmp(&mut text, icmp),
            Step::Run(run) => note(&mut text, &labels::run(run)),
        }
    }
    text
}

fn segment(text: &mut String, journey: &Journey, passage: &Passage) {
    let dashes = if passage.event.annotation.copy == Repeat::Original { "-" } else { "--" };
    let (sender, receiver) = match passage.from() {
        Side::Client => ("C", "S"),
        Side::Server => ("S", "C"),
    };
    let places = passage.places();
    let is_seen = |place: &&usize| passage.seen[**place].is_some();
    let (Some(first), Some(last)) =
        (places.iter().find(is_seen), places.iter().rev().find(is_seen))
    else {
        return;
    };
    let from =
        match passage.appeared_at().or(passage.begins_unknown_at()).or(passage.sent_by_device()) {
            Some(_) => format!("P{first}"),
            None => sender.to_owned(),
        };
    let (to, head) = match passage.hop_after(*last) {
        None => (receiver.to_owned(), ">>"),
        Some(hop) => {
            let next = match passage.from() {
                Side::Client => last + 1,
                Side::Server => last - 1,
            };
            let head = if passage.fates[hop] == Some(Fate::Lost) { "x" } else { ")" };
            (format!("P{next}"), head)
        }
    };
    let frames: Vec<_> = passage
        .seen
        .iter()
        .map(|seen| seen.map_or_else(|| "–".to_owned(), |seen| seen.frame.to_string()))
        .collect();
    let mut label = format!(
        "{} ({})",
        escaped(&labels::flags_and_numbers(&passage.event)),
        escaped(&format!("frames {}", frames.join(", ")))
    );
    let mut remarks = said::remarks(journey, passage);
    remarks.extend(Some(said::findings(passage)).filter(|it| !it.is_empty()));
    if passage.lost_behind().is_some() {
        remarks.insert(0, "lost".into());
    }
    remarks.extend(said::delay(journey, passage));
    if !remarks.is_empty() {
        label.push_str(&format!("<br/>{}", escaped(&remarks.join("; "))));
    }
    let _ = writeln!(text, "    {from}{dashes}{head}{to}: {label}");
}

fn icmp(text: &mut String, icmp: &IcmpPassage) {
    let Some(origin) = said::icmp_origin(&icmp.seen, icmp.event.to) else { return };
    let to = if icmp.event.to == Side::Client { "C" } else { "S" };
    let _ = writeln!(text, "    P{origin}-->>{to}: {}", escaped(&said::icmp(&icmp.event)));
}

fn note(text: &mut String, note: &str) {
    let _ = writeln!(text, "    Note over C,S: {}", escaped(note));
}

/// Notes the states that have changed.
fn note_states(text: &mut String, passage: &Passage, before: &mut [String; 2]) {
    let places = [("left of C", Side::Client), ("right of S", Side::Server)];
    for (place, side) in places {
        let Some(states) = passage.states[side as usize] else { continue };
        let state = said::state(states);
        if !state.is_empty() && state != before[side as usize] {
            let _ = writeln!(text, "    Note {place}: {state}");
            before[side as usize] = state;
        }
    }
}
