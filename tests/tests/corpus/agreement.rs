//! The plugin and the command give the same answer for every segment that both see.
//!
//! Segments that only one of them sees are counted by encapsulation and printed. The only allowed
//! reason is that Wireshark opens more tunnels.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use dissector_core::connection::Finding;
use serde_json::Value;
use tests::{OPENED_LAYERS, corpus, everything, in_parallel, wireshark};

use crate::tool_output::{self, Passes, field_of};

/// Fields of the plugin, and the columns of the command that must have the same values.
pub const SEGMENT_FIELDS: &[(&str, &str)] = &[
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
    ("tcphs.rto", "rto_ns"),
];

/// Fields of the plugin that the second pass has, and the columns of a connection that must have
/// the same values.
pub const VERDICT_FIELDS: &[(&str, &str)] = &[
    ("tcphs.outcome_str", "outcome"),
    ("tcphs.failed", "failed"),
    ("tcphs.established", "established"),
    ("tcphs.cause_str", "cause"),
    ("tcphs.open_type_str", "open_type"),
    ("tcphs.close_str", "close"),
    ("tcphs.close.by_str", "close_by"),
    ("tcphs.role.basis_str", "role_basis"),
    ("tcphs.seen_str", "seen"),
    ("tcphs.vantage_str", "vantage"),
    ("tcphs.ecn_str", "ecn"),
    ("tcphs.history", "history"),
    ("tcphs.conn_state", "conn_state"),
    ("tcphs.syn.count", "syn_count"),
    ("tcphs.synack.count", "synack_count"),
    ("tcphs.rtt.server", "rtt_server_ns"),
    ("tcphs.rtt.client", "rtt_client_ns"),
    ("tcphs.rtt.total", "rtt_total_ns"),
    ("tcphs.rtt.exact", "rtt_exact"),
    ("tcphs.setup_time", "setup_time_ns"),
    ("tcphs.syn.frame", "syn_frame"),
    ("tcphs.synack.frame", "synack_frame"),
    ("tcphs.final_ack.frame", "final_ack_frame"),
    ("tcphs.rst.frame", "rst_frame"),
    ("tcphs.icmp.frame", "icmp_frame"),
    ("tcphs.icmp.type", "icmp_type"),
    ("tcphs.icmp.code", "icmp_code"),
    ("tcphs.neg.mss.client", "neg_mss_client"),
    ("tcphs.neg.mss.server", "neg_mss_server"),
    ("tcphs.neg.wscale.client", "neg_wscale_client"),
    ("tcphs.neg.wscale.server", "neg_wscale_server"),
    ("tcphs.neg.sack", "neg_sack"),
    ("tcphs.neg.ts", "neg_ts"),
];

/// Whether the stages of a frame are those of TCP segments. An ICMP error that quotes a segment has
/// fields, but the command has no row for it.
fn is_of_segments(stages: &str) -> bool {
    !stages.is_empty() && stages.split(tool_output::SEPARATOR).all(|stage| stage != "14")
}

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

/// Further fields that tshark prints, in front of those that are compared.
pub const FRAME_FIELDS: &[&str] = &[
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

/// The layers up to the TCP header, which decide whether plugin and command see the segment.
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
    let layers = encapsulation.trim_end_matches(" in fragments");
    layers.split(':').all(|layer| OPENED_LAYERS.contains(&layer))
}

/// The column of all segments of a frame, as tshark prints it.
fn column(rows: &[&Value], column: &str) -> String {
    let shown: Vec<String> = rows
        .iter()
        .filter_map(|row| match &row[column] {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            Value::Bool(value) => Some(boolean(*value).to_owned()),
            Value::Number(ns) if column.ends_with("_ns") => Some(seconds(ns.as_u64()?)),
            other => Some(other.to_string()),
        })
        .collect();
    shown.join(";")
}

/// A boolean as tshark prints it: by its number in 4.0, by its name later.
fn boolean(value: bool) -> &'static str {
    let [no, yes] = if wireshark().version < (4, 2, 0) { ["0", "1"] } else { ["False", "True"] };
    if value { yes } else { no }
}

/// Nanoseconds as tshark prints a time.
fn seconds(ns: u64) -> String {
    format!("{}.{:09}", ns / 1_000_000_000, ns % 1_000_000_000)
}

fn compare(capture: &Path, passes: Passes) -> Tally {
    let mut tally = Tally::default();
    let path = capture.to_string_lossy();
    let output = tool_output::of(capture);
    let Some(ours) = output.packets() else {
        tally.left_out.push(format!("{path}: a file format that only Wireshark reads"));
        return tally;
    };
    let mut names = FRAME_FIELDS.to_vec();
    names.extend(SEGMENT_FIELDS.iter().map(|(field, _)| *field));
    names.push("tcphs.stage");
    let mut theirs = output.rows(passes, &names);
    theirs.retain(|row| row.last().is_some_and(|stages| is_of_segments(stages)));

    let mut by_frame: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for row in ours {
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
        for (position, (field, name)) in SEGMENT_FIELDS.iter().enumerate() {
            let shown = column(&rows, name);
            let seen = frame.get(FRAME_FIELDS.len() + position).map_or("", String::as_str);
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

/// Holds the verdicts that the packets of a connection carry on the second pass against the row of
/// the connection; only where both see the same segments.
fn compare_verdicts(capture: &Path, tally: &mut Tally) {
    let path = capture.to_string_lossy();
    let output = tool_output::of(capture);
    let (Some(packets), Some(connections)) = (output.packets(), output.connections()) else {
        return;
    };
    let mut names = vec!["frame.number", "tcphs.conn", "frame.time_epoch"];
    names.extend(VERDICT_FIELDS.iter().map(|(field, _)| *field));
    let fields: Vec<_> = Finding::ALL.iter().map(|&finding| field_of(finding)).collect();
    names.extend(fields.iter().map(String::as_str));
    // An ICMP error that quotes a segment has the verdict and may have the finding, but no row.
    names.push("tcphs.stage");
    let is_segment = |row: &&Vec<String>| row.last().is_none_or(|stage| stage != "14");
    let mut theirs = output.rows(Passes::Two, &names);
    theirs.retain(|row| row.last().is_some_and(|stage| !stage.is_empty()));
    let frames = |numbers: Vec<String>| numbers.into_iter().collect::<BTreeSet<_>>();
    let plugin = frames(theirs.iter().filter(is_segment).map(|row| row[0].clone()).collect());
    let command = frames(packets.iter().map(|row| row["frame"].to_string()).collect());
    if plugin != command {
        return;
    }
    // `compare` lists captures with times out of range as left out.
    let times = packets.iter().map(|row| (row["frame"].to_string(), row["time_ns"].as_i64()));
    let times: BTreeMap<_, _> = times.collect();
    let in_range = |row: &Vec<String>| {
        let ns = times[&row[0]].unwrap_or(0);
        same_time(&format!("{:.9}", ns as f64 / 1e9), &row[2])
    };
    if !theirs.iter().filter(is_segment).all(in_range) {
        return;
    }
    let by_number: BTreeMap<String, &Value> =
        connections.iter().map(|row| (row["conn"].to_string(), row)).collect();
    // Each finding of a connection is on one of its packets, and no packet has another finding.
    let mut reported: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let (verdict_end, several) = (3 + VERDICT_FIELDS.len(), |row: &[String]| row[1].contains(';'));
    for row in theirs.iter().filter(|row| !several(row)) {
        let connection = by_number[&row[1]];
        for ((field, name), seen) in VERDICT_FIELDS.iter().zip(&row[3..verdict_end]) {
            let shown = column(&[connection], name);
            // These fields have no value: they are present or absent.
            let (seen, shown) = if ["failed", "established"].contains(name) {
                let there = !seen.is_empty();
                (boolean(there), boolean(connection[*name] == true).to_owned())
            } else {
                (seen.as_str(), shown)
            };
            if seen != shown {
                let frame = &row[0];
                tally
                    .wrong
                    .push(format!("{path} frame {frame} {field}: {seen:?}, command {shown:?}"));
            }
        }
        let here = reported.entry(&row[1]).or_default();
        for (finding, seen) in Finding::ALL.iter().zip(&row[verdict_end..]) {
            if !seen.is_empty() {
                here.insert(finding.label());
            }
        }
        tally.equal += 1;
    }
    if theirs.iter().any(|row| several(row)) {
        return;
    }
    for (number, reported) in reported {
        let row = &by_number[number];
        let listed = row["anomalies"].as_array().expect("a list").iter().filter_map(Value::as_str);
        let listed: BTreeSet<_> = listed.collect();
        // A segment reported as missing may still come, out of order, and an RST that seemed to be
        // ignored may turn out to have arrived; the finding stays on its packet, but not on the
        // connection.
        let is_reset = row["close"] == "rst";
        let taken_back = |id: &&&str| {
            let of_rst = is_reset && ["rst_ignored", "slow_handshake"].contains(*id);
            (id.ends_with("_not_captured") || of_rst) && !listed.contains(**id)
        };
        // The normal course is an expert item, but no finding of the row.
        let is_normal = |id: &&&str| **id == "handshake_complete";
        let remaining = reported.iter().filter(|id| !taken_back(id) && !is_normal(id));
        let reported: BTreeSet<_> = remaining.copied().collect();
        if reported != listed {
            let why = format!("findings {reported:?}, command {listed:?}");
            tally.wrong.push(format!("{path} connection {number}: {why}"));
        }
    }
}

/// Whether two times in seconds are the same but for the rounding of their text.
fn same_time(ours: &str, theirs: &str) -> bool {
    match (ours.parse::<f64>(), theirs.parse::<f64>()) {
        (Ok(ours), Ok(theirs)) => (ours - theirs).abs() < 1e-3,
        _ => false,
    }
}

/// Captures that Wireshark 4.6 reads differently from 4.0 and 4.4, which the command agrees with:
/// 4.6 takes no check sequence off the inner frame of FabricPath, and does not open a GTP-U packet
/// that is shorter than its header says.
const OTHERWISE_FROM_4_6: &[(&str, &str)] = &[
    ("cisco-fabric-path.pcap", "only the plugin has"),
    ("gtp9_unknown_or_too_short_payload.pcap", "frame 11: only the command has it"),
];

fn is_of_later_versions(difference: &str) -> bool {
    wireshark().version >= (4, 6, 0)
        && OTHERWISE_FROM_4_6
            .iter()
            .any(|(capture, what)| difference.contains(capture) && difference.contains(what))
}

fn check(captures: &[PathBuf], work: impl Fn(&Path) -> Tally + Sync) {
    let mut sum = Tally::default();
    for tally in in_parallel(captures, |capture| work(capture)) {
        sum.equal += tally.equal;
        sum.in_part += tally.in_part;
        sum.left_out.extend(tally.left_out);
        sum.wrong.extend(tally.wrong);
        for (encapsulation, count) in tally.plugin_only {
            *sum.plugin_only.entry(encapsulation).or_default() += count;
        }
    }
    sum.wrong.retain(|difference| !is_of_later_versions(difference));
    println!("{} frames equal, of {} captures", sum.equal, captures.len() - sum.left_out.len());
    println!("{} frames of connections that the command sees in part only", sum.in_part);
    println!("captures left out: {:#?}", sum.left_out);
    println!("frames that only Wireshark opens: {:#?}", sum.plugin_only);
    assert!(sum.equal > 0 || captures.is_empty());
    assert!(sum.left_out.len() * 20 <= captures.len(), "too many captures left out");
    assert!(sum.wrong.is_empty(), "{} differences:\n{}", sum.wrong.len(), sum.wrong.join("\n"));
}

fn verdicts(capture: &Path) -> Tally {
    let mut tally = Tally::default();
    compare_verdicts(capture, &mut tally);
    tally
}

#[test]
fn segments_agree_on_the_samples_in_one_pass_and_two() {
    for passes in [Passes::One, Passes::Two] {
        check(&[everything().into()], |capture| compare(capture, passes));
    }
}

#[test]
fn segments_agree_on_the_corpus_in_one_pass_and_two() {
    check(&tool_output::in_one_pass_too(corpus()), |capture| compare(capture, Passes::One));
    check(&corpus(), |capture| compare(capture, Passes::Two));
}

#[test]
fn verdicts_agree_on_the_samples() {
    check(&[everything().into()], verdicts);
}

#[test]
fn verdicts_agree_on_the_corpus() {
    check(&corpus(), verdicts);
}
