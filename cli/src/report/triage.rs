//! Triage, as HTML: what failed, what it has in common, what to do first.

use std::fmt::Write;

use serde_json::{Value, json};

use super::head::grouped;
use super::html::{command, escaped};
use super::redact::Redaction;
use crate::triage::{Group, Triage};

/// The groups, each with the first thing to do.
pub fn section(triage: &Triage) -> String {
    if triage.counts.connections == 0 {
        return "<p>There is no TCP connection in the capture.</p>".into();
    }
    let mut text = String::new();
    if triage.counts.failed == 0 && triage.counts.came_up + triage.counts.undecided > 0 {
        let _ = write!(text, "<p>{}</p>", escaped(&triage.none_failed()));
    }
    let mut section = None;
    for (number, group) in (1..).zip(&triage.groups) {
        if section != Some(group.section) {
            section = Some(group.section);
            let _ = write!(text, "<h3>{}</h3>", escaped(&triage.heading(group.section)));
        }
        write_group(&mut text, number, group);
    }
    text
}

fn write_group(text: &mut String, number: usize, group: &Group) {
    let Group { title, explanation, .. } = group;
    let _ = write!(
        text,
        "<article class=\"group {}\"><h4>{number}. {}</h4>",
        group.section.label(),
        escaped(title)
    );
    if !explanation.is_empty() {
        let _ = write!(text, "<p>{}</p>", escaped(explanation));
    }
    if let Some((_, evidence)) = &group.evidence {
        let _ = write!(text, "<p class=\"evidence\">{}</p>", escaped(evidence));
    }
    if let Some((what, line)) = &group.check {
        let line = line.as_deref().map_or_else(String::new, command);
        let _ = write!(
            text,
            "<div class=\"do\"><p><b>Check first:</b> {}</p>{line}</div>",
            escaped(what)
        );
    }
    let example = group.example;
    let _ = write!(text, "<p class=\"links no-print needs-script\">");
    if group.count > 1 {
        let listed = group.connections.len() as u64;
        let which = match listed == group.count {
            true => format!("all {}", grouped(listed)),
            false => format!("the first {} of {}", grouped(listed), grouped(group.count)),
        };
        let _ = write!(text, "<a href=\"#show&amp;group={number}\">Show {which} connections</a> ");
    }
    let _ = write!(text, "<a href=\"#conn-{example}\">Open connection {example}</a></p>");
    if let Some(next) = &group.next {
        let _ = write!(
            text,
            "<details class=\"no-print\"><summary>With the capture and tcphs</summary>{}</details>",
            command(next)
        );
    }
    text.push_str("</article>");
}

/// The connections of each group.
pub fn members(triage: &Triage) -> Value {
    triage.groups.iter().map(|group| json!(group.connections)).collect()
}

/// Puts stand-ins in place of addresses.
pub fn redact(triage: &mut Triage, redaction: &mut Redaction) {
    for limit in &mut triage.limits {
        limit.text = redaction.text(&limit.text);
    }
    for group in &mut triage.groups {
        let evidence = group.evidence.as_mut().map(|(_, text)| text);
        let check = group.check.as_mut().and_then(|(_, command)| command.as_mut());
        let texts = [&mut group.title, &mut group.explanation].into_iter();
        for text in texts.chain(evidence).chain(check).chain(group.next.as_mut()) {
            *text = redaction.text(text);
        }
    }
}
