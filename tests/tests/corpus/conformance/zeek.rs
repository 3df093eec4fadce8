//! Zeek's conn.log against ours, over pairs of addresses and ports for which Zeek has one row.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use serde_json::Value;

use super::Capture;
use super::report::{Difference, Report};

/// One end of a connection.
pub type End = (IpAddr, u64);

/// A row of Zeek's conn.log or of the command.
#[derive(Clone)]
struct Row {
    ends: [End; 2],
    state: String,
    history: String,
    /// The basis of our roles.
    basis: String,
    tunnel: bool,
}

/// Rows by capture and pair; a capture without TCP is there without rows.
pub struct Answers(BTreeMap<String, BTreeMap<[End; 2], Vec<Row>>>);

/// Letters of the history that both produce.
fn core(history: &str) -> String {
    history.chars().filter(|letter| !"tTwWgGcCxX^-".contains(*letter)).collect()
}

pub fn pair(mut ends: [End; 2]) -> [End; 2] {
    ends.sort();
    ends
}

fn end(row: &Value, addr: &str, port: &str) -> Option<End> {
    Some((row[addr].as_str()?.parse().ok()?, row[port].as_u64()?))
}

pub fn answers(file: &Path, variant: Option<&str>) -> Answers {
    let text = std::fs::read_to_string(file).expect("the answers can be read");
    let mut answers = BTreeMap::<_, BTreeMap<_, Vec<_>>>::new();
    for line in text.lines() {
        let row: Value = serde_json::from_str(line).expect("each line is JSON");
        if variant.is_some_and(|variant| row["variant"] != variant) {
            continue;
        }
        let capture = row["capture"].as_str().expect("a capture").to_owned();
        let rows = answers.entry(capture).or_default();
        let ends = (end(&row, "orig_h", "orig_p"), end(&row, "resp_h", "resp_p"));
        let ((Some(originator), Some(responder)), Some(state)) = (ends, row["conn_state"].as_str())
        else {
            continue;
        };
        let ends = [originator, responder];
        rows.entry(pair(ends)).or_default().push(Row {
            ends,
            state: state.to_owned(),
            history: core(row["history"].as_str().unwrap_or_default()),
            basis: String::new(),
            tunnel: row["tunnel"] == true,
        });
    }
    Answers(answers)
}

/// Our rows of a capture.
fn ours(capture: &Capture) -> BTreeMap<[End; 2], Vec<Row>> {
    let mut rows = BTreeMap::<_, Vec<_>>::new();
    for row in capture.connections().unwrap_or_default() {
        let client = end(row, "client_addr", "client_port").expect("a client");
        let server = end(row, "server_addr", "server_port").expect("a server");
        rows.entry(pair([client, server])).or_default().push(Row {
            ends: [client, server],
            state: row["conn_state"].as_str().unwrap_or_default().to_owned(),
            history: core(row["history"].as_str().unwrap_or_default()),
            basis: row["role_basis"].as_str().unwrap_or_default().to_owned(),
            tunnel: false,
        });
    }
    rows
}

/// The encapsulation because of which the command does not see all segments of a pair.
fn unopened(capture: &Capture, pair: &[End; 2], row: &Row, missing: bool) -> Option<String> {
    if capture.connections().is_none() {
        return Some("a file format that the command does not read".to_owned());
    }
    let seen = |number: u64| capture.packets().iter().any(|packet| packet["frame"] == number);
    let frames = capture.frames.iter().filter(|frame| frame.pair.as_ref() == Some(pair));
    let mut unseen = frames.filter(|frame| !seen(frame.number));
    let around = unseen.find_map(|frame| frame.unopened.clone());
    around.or_else(|| (missing && row.tunnel).then(|| "a tunnel".to_owned()))
}

pub fn compare(answers: &Answers, captures: &[Capture], report: &mut Report) {
    for capture in captures {
        let Some(pairs) = answers.0.get(&capture.name) else { continue };
        let ours = ours(capture);
        for (pair, rows) in pairs {
            let [zeek] = &rows[..] else { continue };
            let mine = ours.get(pair).map_or(&[][..], Vec::as_slice);
            if let Some(around) = unopened(capture, pair, zeek, mine.is_empty()) {
                *report.unopened.entry(around).or_default() += 1;
                continue;
            }
            let one = if let [one] = mine { Some(one) } else { None };
            let state = one.is_some_and(|one| one.state == zeek.state);
            let history = one.is_some_and(|one| one.history == zeek.history);
            let roles = one.is_some_and(|one| one.ends == zeek.ends);
            report.opened.add(state, history, roles);
            report.by_state.entry(zeek.state.clone()).or_default().add(state, history, roles);
            let roles_by_rule = match one.map(|one| &*one.basis).filter(|_| !roles) {
                Some("port") => Some("Z4"),
                Some("synack") => Some("Z5"),
                _ => None,
            };
            if let Some(rule) = roles_by_rule {
                *report.roles_by_rule.entry(rule).or_default() += 1;
            }
            if !state || !history || !roles && roles_by_rule.is_none() {
                let said: Vec<_> =
                    mine.iter().map(|row| format!("{} {}", row.state, row.history)).collect();
                let [(from, from_port), (to, to_port)] = zeek.ends;
                report.differences.push(Difference {
                    capture: capture.name.clone(),
                    pair: format!("{from} {from_port} {to} {to_port}"),
                    what: format!("Zeek {} {}, ours {said:?}", zeek.state, zeek.history),
                });
            }
        }
    }
}
