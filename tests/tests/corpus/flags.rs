//! The flags of every segment, letter for letter as tcpdump prints them and word for word as
//! Wireshark does.

use std::collections::HashMap;
use std::path::Path;
use std::process::{Command, Stdio};

use dissector_core::wire::TcpFlags;
use serde_json::Value;
use tests::{corpus, everything, in_parallel, samples, text};

use crate::tool_output::{self, Passes};

/// The fields that tshark prints for this comparison.
pub const FLAG_FIELDS: &[&str] =
    &["frame.number", "tcphs.stage", "tcphs.flags", "tcp.flags", "_ws.col.Info"];

/// The text that tcpdump prints between `Flags [` and `]`, by frame; the last one if it prints
/// several.
fn tcpdump(capture: &Path) -> HashMap<u64, String> {
    let output = Command::new("tcpdump")
        .args(["-nn", "--number", "-r"])
        .arg(capture)
        .stdin(Stdio::null())
        .output()
        .expect("tcpdump is installed");
    let mut flags = HashMap::new();
    for line in text(&output).lines() {
        let Some((number, _)) = line.trim_start().split_once(' ') else { continue };
        let Ok(frame) = number.parse() else { continue };
        let Some((_, after)) = line.rsplit_once("Flags [") else { continue };
        let Some((letters, _)) = after.split_once(']') else { continue };
        flags.insert(frame, letters.to_owned());
    }
    flags
}

fn against_tcpdump(capture: &Path) -> (usize, Vec<String>) {
    let output = tool_output::of(capture);
    let Some(ours) = output.packets() else { return (0, Vec::new()) };
    let theirs = tcpdump(capture);
    let mut equal = 0;
    let mut wrong = Vec::new();
    for row in ours {
        let Some(frame) = row["frame"].as_u64() else { continue };
        let Some(letters) = theirs.get(&frame) else { continue };
        let shown = match row["flags_tcpdump"].as_str().unwrap_or_default() {
            // tcpdump 4.99 has no letter for AE.
            "e" | "none" => "none".to_owned(),
            other => other.replace('e', ""),
        };
        if shown == *letters {
            equal += 1;
        } else {
            wrong.push(format!("{} frame {frame}: {shown}, tcpdump {letters}", capture.display()));
        }
    }
    (equal, wrong)
}

fn report(results: Vec<(usize, Vec<String>)>, tool: &str) {
    let equal: usize = results.iter().map(|(equal, _)| equal).sum();
    let wrong: Vec<_> = results.into_iter().flat_map(|(_, wrong)| wrong).collect();
    println!("{equal} segments with the same flags as {tool}");
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(equal > 0);
}

#[test]
fn flags_as_tcpdump_prints_them() {
    let mut captures = samples();
    captures.extend(corpus());
    report(in_parallel(&captures, |capture| against_tcpdump(capture)), "tcpdump");
}

/// Wireshark writes the words into its Info column, where no other protocol takes it over.
fn against_wireshark(capture: &Path) -> (usize, Vec<String>) {
    let path = capture.to_string_lossy();
    let mut equal = 0;
    let mut wrong = Vec::new();
    for row in tool_output::of(capture).rows(Passes::One, FLAG_FIELDS) {
        let [frame, stage, ours, _, info] = &row[..] else { continue };
        if stage.is_empty() {
            continue;
        }
        let Some((words, _)) = info
            .rsplit_once("] Seq=")
            .and_then(|(before, _)| before.rsplit_once('[').map(|(a, b)| (b, a)))
        else {
            continue;
        };
        // Once accurate ECN is negotiated, Wireshark reads AE, CWR and ECE as a number. The bits are
        // compared in `all_twelve_flag_bits`.
        if ours.contains(tool_output::SEPARATOR) || words.contains("ACE=") {
            continue;
        }
        if ours == words {
            equal += 1;
        } else {
            wrong.push(format!("{path} frame {frame}: {ours}, Wireshark {words}"));
        }
    }
    (equal, wrong)
}

#[test]
fn flags_as_wireshark_writes_them() {
    let mut captures = vec![everything().into()];
    captures.extend(tool_output::in_one_pass_too(corpus()));
    report(in_parallel(&captures, |capture| against_wireshark(capture)), "Wireshark");
}

/// The twelve bits themselves, where a frame holds one segment.
fn twelve_bits(capture: &Path) -> (usize, Vec<String>) {
    let output = tool_output::of(capture);
    let Some(ours) = output.packets() else { return (0, Vec::new()) };
    let path = capture.to_string_lossy();
    let theirs: HashMap<u64, u16> = output
        .rows(Passes::One, &["frame.number", "tcp.flags"])
        .iter()
        .filter_map(|row| {
            let bits = u16::from_str_radix(row[1].strip_prefix("0x")?, 16).ok()?;
            Some((row[0].parse().ok()?, bits))
        })
        .collect();
    let mut equal = 0;
    let mut wrong = Vec::new();
    for row in ours {
        let bits = row["frame"].as_u64().and_then(|frame| theirs.get(&frame));
        let Some(words) = bits.map(|bits| TcpFlags::from_bits(*bits).to_string()) else {
            continue;
        };
        if row["flags"] == Value::String(words.clone()) {
            equal += 1;
        } else {
            wrong.push(format!("{path} frame {}: {}, {words}", row["frame"], row["flags"]));
        }
    }
    (equal, wrong)
}

#[test]
fn all_twelve_flag_bits() {
    let mut captures = vec![everything().into()];
    captures.extend(tool_output::in_one_pass_too(corpus()));
    report(in_parallel(&captures, |capture| twelve_bits(capture)), "Wireshark's number");
}
