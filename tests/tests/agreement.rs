//! The plugin and the command give the same answer for every segment that both see.
//!
//! What only one of them sees is counted by encapsulation and printed; that Wireshark opens more
//! tunnels is the only reason there may be.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;
use tests::{corpus, fields, in_parallel, rows, samples};

/// Fields of the plugin and columns of the command that say the same.
const SAME: &[(&str, &str)] = &[
    ("tcphs.conn", "conn"),
    ("tcphs.attempt", "attempt"),
    ("tcphs.stage_str", "stage"),
    ("tcphs.copy_str", "copy"),
    ("tcphs.role_str", "role"),
    ("tcphs.client.state_str", "client_state"),
    ("tcphs.server.state_str", "server_state"),
    ("tcphs.client.state_before_str", "client_state_before"),
    ("tcphs.server.state_before_str", "server_state_before"),
    ("tcphs.client.state.proven", "client_state_proven"),
    ("tcphs.server.state.proven", "server_state_proven"),
    ("tcphs.flags", "flags"),
    ("tcphs.flags.tcpdump", "flags_tcpdump"),
    ("tcphs.rst.reason_str", "rst_reason"),
    ("tcphs.retry", "retry"),
];

/// Layers that both open. A frame made of these alone, with one IP header and no fragments, has
/// to be in both.
const COMMON: &[&str] = &[
    "eth",
    "ethertype",
    "vlan",
    "ieee8021ad",
    "sll",
    "null",
    "loop",
    "raw",
    "ip",
    "ipv6",
    "tcp",
    "ipv6.hopopts",
    "ipv6.dstopts",
    "ipv6.routing",
    "ah",
    "ipv6.fraghdr",
];

#[derive(Default)]
struct Tally {
    equal: usize,
    /// Frames that only the plugin has, by encapsulation.
    plugin_only: BTreeMap<String, usize>,
    /// Frames of connections that the command sees in part only, so that it has to differ.
    in_part: usize,
    /// Captures that the command cannot read, or that hold times out of range.
    left_out: Vec<String>,
    wrong: Vec<String>,
}

/// What else is asked of tshark, in front of the fields that are compared.
const ABOUT: [&str; 9] = [
    "frame.number",
    "frame.protocols",
    "frame.time_epoch",
    "ip.flags.mf",
    "ip.frag_offset",
    "tcphs.client.addr",
    "tcphs.client.port",
    "tcphs.server.addr",
    "tcphs.server.port",
];

/// The layers up to the TCP header, which is what decides who sees the segment.
fn encapsulation(row: &[String]) -> String {
    let layers: Vec<_> = row[1].split(':').collect();
    let tcp = layers.iter().position(|layer| *layer == "tcp").map_or(layers.len(), |at| at + 1);
    let in_fragments =
        row[3].contains(['1', 'T']) || row[4].split(';').any(|at| !["", "0"].contains(&at));
    let fragments = if in_fragments { " in fragments" } else { "" };
    format!("{}{fragments}", layers[..tcp].join(":"))
}

/// Whether the command promises to open this.
fn is_common(encapsulation: &str) -> bool {
    let layers: Vec<_> = encapsulation.split(':').collect();
    let ip_headers = layers.iter().filter(|layer| ["ip", "ipv6"].contains(layer)).count();
    ip_headers == 1 && layers.iter().all(|layer| COMMON.contains(layer))
}

/// The column of all segments of a frame, as tshark prints it.
fn column(rows: &[&Value], column: &str) -> String {
    let shown: Vec<String> = rows
        .iter()
        .filter_map(|row| match &row[column] {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            Value::Bool(value) => Some(u8::from(*value).to_string()),
            other => Some(other.to_string()),
        })
        .collect();
    shown.join(";")
}

fn compare(capture: &Path, two_pass: bool) -> Tally {
    let mut tally = Tally::default();
    let path = capture.to_string_lossy();
    let Some(ours) = rows("packets", capture) else {
        tally.left_out.push(format!("{path}: a file format that only Wireshark reads"));
        return tally;
    };
    let mut names = ABOUT.to_vec();
    names.extend(SAME.iter().map(|(field, _)| *field));
    let mut arguments =
        vec!["-r", &*path, "-Y", "tcphs", "-n", "-E", "aggregator=;", "-E", "occurrence=a"];
    if two_pass {
        arguments.push("-2");
    }
    let theirs = fields(&arguments, &names);

    let mut by_frame: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for row in &ours {
        by_frame.entry(row["frame"].to_string()).or_default().push(row);
    }
    let ends = |row: &[String]| {
        let mut ends = [(row[5].clone(), row[6].clone()), (row[7].clone(), row[8].clone())];
        ends.sort();
        ends
    };
    let mut seen_in_part = BTreeSet::new();
    for row in theirs.iter().filter(|row| !by_frame.contains_key(&row[0])) {
        *tally.plugin_only.entry(encapsulation(row)).or_default() += 1;
        seen_in_part.insert(ends(row));
    }
    // Connections are numbered over all segments seen: where the plugin sees more, its numbers run
    // ahead, so what is compared is which segments share one.
    let mut numbers = BTreeMap::new();
    for frame in &theirs {
        let Some(rows) = by_frame.remove(&frame[0]) else { continue };
        let time = format!("{:.9}", rows[0]["time_ns"].as_i64().unwrap_or(0) as f64 / 1e9);
        if !same_time(&time, &frame[2]) {
            tally
                .left_out
                .push(format!("{path}: frame {} at {time}, tshark {}", frame[0], frame[2]));
            return Tally { left_out: tally.left_out, ..Tally::default() };
        }
        if seen_in_part.contains(&ends(frame)) {
            tally.in_part += 1;
            continue;
        }
        for (position, (field, name)) in SAME.iter().enumerate() {
            let shown = column(&rows, name);
            let seen = frame.get(ABOUT.len() + position).map_or("", String::as_str);
            let same = if *name == "conn" {
                *numbers.entry(shown.clone()).or_insert_with(|| seen.to_owned()) == seen
            } else {
                shown == seen
            };
            if !same {
                let frame = &frame[0];
                tally
                    .wrong
                    .push(format!("{path} frame {frame} {field}: {seen:?}, command {shown:?}"));
            }
        }
        tally.equal += 1;
    }
    for frame in by_frame.keys() {
        tally.wrong.push(format!("{path} frame {frame}: only the command has it"));
    }
    for (encapsulation, count) in tally.plugin_only.iter().filter(|(layers, _)| is_common(layers)) {
        tally.wrong.push(format!("{path}: {count} frames of {encapsulation} only the plugin has"));
    }
    tally
}

/// Whether two times in seconds are the same but for the rounding of their text.
fn same_time(ours: &str, theirs: &str) -> bool {
    match (ours.parse::<f64>(), theirs.parse::<f64>()) {
        (Ok(ours), Ok(theirs)) => (ours - theirs).abs() < 1e-3,
        _ => false,
    }
}

fn check(captures: &[PathBuf], two_pass: bool) {
    let mut sum = Tally::default();
    for tally in in_parallel(captures, |capture| compare(capture, two_pass)) {
        sum.equal += tally.equal;
        sum.in_part += tally.in_part;
        sum.left_out.extend(tally.left_out);
        sum.wrong.extend(tally.wrong);
        for (encapsulation, count) in tally.plugin_only {
            *sum.plugin_only.entry(encapsulation).or_default() += count;
        }
    }
    println!("{} frames equal, of {} captures", sum.equal, captures.len() - sum.left_out.len());
    println!("{} frames of connections that the command sees in part only", sum.in_part);
    println!("captures left out: {:#?}", sum.left_out);
    println!("frames that only Wireshark opens: {:#?}", sum.plugin_only);
    assert!(sum.equal > 0 || captures.is_empty());
    assert!(sum.left_out.len() * 20 <= captures.len(), "too many captures left out");
    assert!(sum.wrong.is_empty(), "{} differences:\n{}", sum.wrong.len(), sum.wrong.join("\n"));
}

#[test]
fn on_the_samples_in_one_pass_and_two() {
    check(&samples(), false);
    check(&samples(), true);
}

#[test]
fn on_the_corpus() {
    check(&corpus(), false);
}
