//! Triage for programs.

use serde_json::{Map, Value, json};

use super::result::{Group, Triage};

impl Triage {
    /// The whole result as one JSON object; times are nanoseconds since 1970 UTC.
    pub fn json(&self) -> Value {
        let (first_ns, last_ns) = self.facts.span_ns.unzip();
        let outcomes: Map<_, _> = self
            .outcomes
            .iter()
            .map(|(outcome, count)| (outcome.label().to_owned(), (*count).into()))
            .collect();
        let limits: Vec<_> = self
            .limits
            .iter()
            .map(|limit| json!({"limit": limit.label, "count": limit.count, "text": limit.text}))
            .collect();
        json!({
            "files": self.files,
            "capture": {
                "first_ns": first_ns,
                "last_ns": last_ns,
                "frames": self.facts.frames,
                "received": self.facts.received,
                "dropped": self.facts.dropped,
                "not_decoded": self.facts.lost,
                "other_protocols": self.facts.others,
            },
            "limits": limits,
            "connections": {
                "total": self.counts.connections,
                "failed": self.counts.failed,
                "came_up": self.counts.came_up,
                "undecided": self.counts.undecided,
                "patterns": self.counts.patterns,
                "not_opened": self.counts.not_opened,
                "slow": self.counts.slow,
                "silent": self.counts.silent,
                "reset": self.counts.reset,
                "not_kept": self.counts.not_kept,
            },
            "outcomes": outcomes,
            "slowest_setup_ns": self.slowest.map(|(setup_ns, _)| setup_ns),
            "slowest_conn": self.slowest.map(|(_, conn)| conn),
            "groups": self.groups.iter().map(group).collect::<Vec<_>>(),
        })
    }
}

fn group(group: &Group) -> Value {
    let (evidence, evidence_text) = match &group.evidence {
        Some((evidence, text)) => (evidence.map(|evidence| evidence.label()), Some(text)),
        None => (None, None),
    };
    let (check, command) = match &group.check {
        Some((what, command)) => (Some(*what), command.as_deref()),
        None => (None, None),
    };
    json!({
        "section": group.section.label(),
        "kind": group.kind,
        "title": group.title,
        "connections": group.count,
        "attempts": group.attempts,
        "outcome": group.outcome.map(|outcome| outcome.label()),
        "cause": group.cause.map(|cause| cause.label()),
        "cause_decided": group.decided,
        "explanation": group.explanation,
        "evidence": evidence,
        "evidence_text": evidence_text,
        "check": check,
        "check_command": command,
        "next": group.next,
        "example_conn": group.example,
        "conns": group.connections,
        "first_ns": group.span_ns.0,
        "last_ns": group.span_ns.1,
    })
}
