//! `explain` as Markdown, for a ticket, and as JSON, for programs.

mod common;

use common::{pair, samples, stdout};
use serde_json::Value;

const SAMPLE: &str = "samples/not-accepted.pcapng";

/// The text without blocks of code, and those: language and content.
fn blocks(markdown: &str) -> (String, Vec<(String, String)>) {
    let (mut text, mut blocks) = (String::new(), Vec::new());
    let mut open: Option<(String, String, String)> = None;
    for line in markdown.lines() {
        let trimmed = line.trim_start();
        match &mut open {
            Some((fence, language, content)) if trimmed == *fence => {
                blocks.push((std::mem::take(language), std::mem::take(content)));
                open = None;
            }
            Some((_, _, content)) => {
                content.push_str(line);
                content.push('\n');
            }
            None if trimmed.starts_with("```") => {
                let fence = "`".repeat(trimmed.chars().take_while(|it| *it == '`').count());
                open = Some((fence.clone(), trimmed[fence.len()..].to_owned(), String::new()));
            }
            None => text.push_str(&format!("{line}\n")),
        }
    }
    assert!(open.is_none(), "a block does not end: {markdown}");
    (text, blocks)
}

#[test]
fn a_ticket_has_it_all() {
    let markdown = stdout(&["explain", "--format", "markdown", SAMPLE]);
    let (text, blocks) = blocks(&markdown);
    assert!(text.starts_with("## Connection 0 of "), "{text}");
    for heading in
        ["What happened", "Ladder", "What it means", "Likely causes", "What to check next"]
    {
        assert!(text.contains(&format!("\n### {heading}\n\n")), "{heading}: {text}");
    }
    assert!(text.contains("\n**Outcome:** `not_accepted`. The server kept repeating"), "{text}");
    assert!(text.contains("\n- **Frame 2, 147.6 ms later:** the server answers"), "{text}");
    assert!(text.contains("\n1. The server's accept queue is full"), "{text}");
    let of = |language: &'static str| blocks.iter().filter(move |(of, _)| of == language);
    assert!(of("sh").any(|(_, command)| command.contains("ss -ltn 'sport = :7000'")), "{blocks:?}");
    // The ladder is the one that `ladder` draws.
    let ladder = stdout(&["ladder", "--format", "mermaid", SAMPLE]);
    assert_eq!(of("mermaid").map(|(_, content)| content).collect::<Vec<_>>(), [&ladder]);
    // The text for the terminal has no diagram, and says the same otherwise.
    assert!(!stdout(&["explain", SAMPLE]).contains("sequenceDiagram"));
}

#[test]
fn points_have_a_ticket_too() {
    let [client, server] = pair("syn-lost").map(|file| file.clone());
    let at = [format!("client={client}"), format!("server={server}")];
    let arguments =
        |format| ["explain", "--format", format, "--conn", "1", "--at", &at[0], "--at", &at[1]];
    let (text, blocks) = blocks(&stdout(&arguments("markdown")));
    assert!(text.starts_with("## Connection 1 at \\[client\\] and \\[server\\]"), "{text}");
    assert!(blocks.iter().any(|(of, ladder)| of == "mermaid" && ladder.contains("participant P1")));
    let json: Value = serde_json::from_str(&stdout(&arguments("json"))).expect("JSON");
    assert_eq!(json[0]["points"], serde_json::json!(["client", "server"]));
    let verdicts = &json[0]["sections"][0]["parts"];
    assert_eq!(verdicts[1]["label"], "syn_lost", "{verdicts}");
}

#[test]
fn markdown_of_every_sample_is_sound() {
    for sample in samples() {
        let markdown = stdout(&["explain", "--max", "9", "--format", "markdown", &sample]);
        let (text, blocks) = blocks(&markdown);
        assert!(blocks.iter().any(|(language, _)| language == "mermaid"), "{sample}");
        // Outside of code, nothing begins a tag, and emphasis ends.
        for line in text.lines() {
            let plain: String = line.split('`').step_by(2).collect();
            assert!(!plain.replace("\\<", "").contains('<'), "{sample}: {line}");
            assert_eq!(plain.matches("**").count() % 2, 0, "{sample}: {line}");
            assert_eq!(line.matches('`').count() % 2, 0, "{sample}: {line}");
        }
        // No section is empty, and nothing is apart by more than a line.
        assert!(!markdown.contains("\n\n\n"), "{sample}");
    }
}

/// The keys on which programs rely.
#[test]
fn json_has_keys_that_stay() {
    let json: Value =
        serde_json::from_str(&stdout(&["explain", "--format", "json", SAMPLE])).expect("JSON");
    let [one] = &json.as_array().expect("an array")[..] else { panic!("{json}") };
    assert_eq!(one["conn"], 0);
    assert_eq!(one["file"], SAMPLE);
    assert_eq!(one["client"], "192.0.2.1:40002");
    assert_eq!(one["server"], "198.51.100.2:7000");
    assert_eq!((&one["outcome"], &one["failed"]), (&"not_accepted".into(), &true.into()));
    let sections = one["sections"].as_array().expect("a list");
    let names: Vec<_> = sections.iter().map(|it| it["name"].as_str().expect("a name")).collect();
    let expected =
        ["outcome", "happened", "ladder", "means", "causes", "checks", "counters", "closer"];
    assert_eq!(names, expected);
    let parts = |name: &str, kind: &str| -> Vec<&Value> {
        let section = sections.iter().find(|it| it["name"] == name).expect("it is there");
        let parts = section["parts"].as_array().expect("a list");
        parts.iter().filter(|part| part["kind"] == kind).collect()
    };
    assert_eq!(parts("happened", "event").len(), 7);
    let cause = parts("causes", "cause")[0];
    assert_eq!((&cause["name"], &cause["decided"]), (&"accept_queue_full".into(), &false.into()));
    assert!(cause["speaks_for"].is_array() && cause["text"].is_string());
    let evidence = parts("causes", "evidence")[0]["name"].as_str().expect("a name");
    assert!(dissector_core::connection::Evidence::ALL.iter().any(|it| it.label() == evidence));
    assert!(parts("checks", "check")[0]["command"].as_str().expect("text").starts_with("ss -ltn"));
    let ladder = parts("ladder", "diagram")[0]["mermaid"].as_str().expect("text");
    assert!(ladder.starts_with("sequenceDiagram\n"));
    // Without a connection, it is an empty array.
    let none = stdout(&["explain", "--format", "json", "--outcome", "refused", SAMPLE]);
    assert_eq!(none.trim(), "[]");
}

#[test]
fn hostile_names_of_files_stay_text() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("<img src=x>@you\n# **b**`.pcapng");
    std::fs::copy(common::workspace().join(SAMPLE), &file).unwrap();
    let markdown = stdout(&["explain", "--format", "markdown", file.to_str().unwrap()]);
    let (text, _) = blocks(&markdown);
    let title = text.lines().next().unwrap_or_default();
    assert!(title.contains("\\<img") && !text.contains("\n# "), "{title}");
    assert!(title.contains("\\*\\*b\\*\\*"), "{title}");
}
