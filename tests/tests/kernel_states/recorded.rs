//! Recordings whose hosts wrote down the true states of their sockets, polled every few milliseconds.
//!
//! Polling misses short states, so a host's list is a subsequence of its states.

use std::collections::BTreeMap;

use serde_json::Value;
use tests::rows;

/// The RFC's name of a state that the kernel names.
fn rfc(state: &str) -> String {
    state.replace('_', "-")
}

/// A state in the order shown.
struct Shown {
    state: String,
    /// The time from which the end's own segments prove it.
    proven_ns: Option<i64>,
    to_ns: i64,
}

/// States of one end, each from the row that shows it to the row that shows the next.
fn shown(rows: &[Value], end: &str, peer: &str) -> Vec<Shown> {
    let text = |row: &Value, column: &str| row[column].as_str().unwrap_or("").to_owned();
    let address = |row: &Value, side: &str| {
        format!("{} {}", text(row, &format!("{side}_addr")), row[format!("{side}_port")])
    };
    let mut states: Vec<Shown> = Vec::new();
    for row in rows {
        let (from, to) = (address(row, "src"), address(row, "dst"));
        let sent = from == end && to == peer;
        let received = from == peer && to == end;
        if !sent && !received {
            continue;
        }
        let role = if (row["role"] == "client") == sent { "client" } else { "server" };
        let now_ns = row["time_ns"].as_i64().unwrap_or(0);
        let mut show = |state: String, proven: bool| {
            let last = states.last_mut();
            match last {
                Some(last) if last.state == state => {
                    last.proven_ns = last.proven_ns.or(proven.then_some(now_ns));
                }
                _ => {
                    if let Some(last) = last {
                        last.to_ns = now_ns;
                    }
                    let proven_ns = proven.then_some(now_ns);
                    states.push(Shown { state, proven_ns, to_ns: i64::MAX });
                }
            }
        };
        show(text(row, &format!("{role}_state_before")), false);
        let proven = row[format!("{role}_state_proven")] == true;
        show(text(row, &format!("{role}_state")), proven);
    }
    states
}

/// States shorter than this may be missed by polling every few milliseconds.
const POLLED_NS: i64 = 20_000_000;

#[test]
fn proven_states_are_those_the_kernel_was_in() {
    let Some(folder) = testkit::shared_captures() else {
        let reason = "no corpus of captures beside the project";
        testkit::skip!("proven_states_are_those_the_kernel_was_in", reason);
        return;
    };
    let answers = std::fs::read_to_string(folder.join("answers/kernel_states.jsonl"));
    let answers = answers.expect("the kernel's answers can be read");
    let mut captures: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for line in answers.lines() {
        let answer: Value = serde_json::from_str(line).expect("each line is JSON");
        let capture = answer["capture"].as_str().expect("a capture").to_owned();
        captures.entry(capture).or_default().push(answer);
    }
    let mut histories = 0;
    for (capture, answers) in captures {
        let rows = rows("packets", &folder.join("public").join(&capture)).expect("it can be read");
        for answer in answers {
            let end = format!("{} {}", answer["addr"].as_str().unwrap_or(""), answer["port"]);
            let peer =
                format!("{} {}", answer["peer_addr"].as_str().unwrap_or(""), answer["peer_port"]);
            let states = shown(&rows, &end, &peer);
            let truth: Vec<String> = answer["states"]
                .as_array()
                .expect("a list of states")
                .iter()
                .filter_map(Value::as_str)
                .filter(|state| *state != "GONE")
                .map(rfc)
                .collect();
            let names: Vec<_> = states.iter().map(|shown| shown.state.as_str()).collect();
            let what = format!("{capture} {end}: the kernel {truth:?}, shown {names:?}");
            let mut rest = names.iter();
            assert!(truth.iter().all(|state| rest.any(|other| other == state)), "{what}");
            // A closed socket does not exist any more, so the kernel lists no CLOSED.
            let wrong: Vec<_> = states
                .iter()
                .filter(|shown| shown.state != "CLOSED")
                .filter(|shown| {
                    shown
                        .proven_ns
                        .is_some_and(|since| shown.to_ns.saturating_sub(since) > POLLED_NS)
                })
                .filter(|shown| !truth.contains(&shown.state))
                .map(|shown| shown.state.as_str())
                .collect();
            assert!(wrong.is_empty(), "{what}; proven, but not true: {wrong:?}");
            histories += 1;
        }
    }
    println!("{histories} histories of the kernel");
    assert!(histories >= 54);
}
