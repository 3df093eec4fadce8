//! sharkd, Wireshark's server: it dissects a file once, and then any frame as often as it is asked.

use std::fmt::Write as _;
use std::fs::File;
use std::sync::LazyLock;

use serde_json::{Value, json};
use testkit::random::Rng;
use tests::{everything, finish, text, tshark, wireshark};

use crate::details::{assert_same, file, skipped};

/// The answers of sharkd, one per request; `None` if there is no sharkd.
fn ask(plugin: bool, requests: &[Value]) -> Option<Vec<Value>> {
    let Some(mut sharkd) = wireshark().beside_tshark("sharkd", plugin) else {
        skipped("this Wireshark comes without sharkd");
        return None;
    };
    let mut lines = String::new();
    let load = json!({ "method": "load", "params": { "file": everything() } });
    for (id, request) in [load].iter().chain(requests).enumerate() {
        let mut request = request.clone();
        request["jsonrpc"] = "2.0".into();
        request["id"] = (id + 1).into();
        writeln!(lines, "{request}").expect("a string takes everything");
    }
    let questions = file(&lines, ".json");
    sharkd.arg("-").stdin(File::open(questions.path()).expect("the file is there"));
    sharkd.env("WIRESHARK_DEBUG_WMEM_OVERRIDE", "strict");
    let output = sharkd.env("WIRESHARK_ABORT_ON_DISSECTOR_BUG", "1").output().expect("it starts");
    assert!(output.status.success(), "{output:?}");
    let answers = text(&output);
    let answers = answers.lines().filter(|line| line.starts_with('{'));
    let mut results = Vec::new();
    for (id, line) in (1..).zip(answers) {
        let mut answer: Value = serde_json::from_str(line).expect("sharkd answers in JSON");
        assert_eq!(answer["id"], id, "{line}");
        assert!(answer.get("result").is_some(), "{line}");
        let mut result = answer["result"].take();
        // For a TCP header quoted by ICMP, later versions fill this member from uninitialised
        // memory.
        if let Some(result) = result.as_object_mut() {
            result.remove("followers");
        }
        results.push(result);
    }
    assert_eq!(results.len(), requests.len() + 1, "{}", text(&output));
    results.remove(0);
    Some(results)
}

/// The details of a frame, with its columns.
fn frame(number: usize) -> Value {
    let wanted = json!({ "frame": number, "proto": true, "columns": true, "hidden": true });
    json!({ "method": "frame", "params": wanted })
}

/// The details of each frame in order, with the plugin.
fn frames_in_order() -> Option<Vec<Value>> {
    static FRAMES: LazyLock<Option<Vec<Value>>> =
        LazyLock::new(|| ask(true, &(1..=number_of_frames()).map(frame).collect::<Vec<_>>()));
    if FRAMES.is_none() {
        skipped("this Wireshark comes without sharkd");
    }
    FRAMES.clone()
}

fn number_of_frames() -> usize {
    let count = tshark(&["-n", "-r", everything(), "-T", "fields", "-e", "frame.number"]);
    count.lines().count()
}

/// Removes our lines from the details of a frame and returns them.
fn take_ours(frame: &mut Value) -> Vec<Value> {
    let tree = frame["tree"].as_array_mut().expect("the details are a list");
    let (ours, theirs) = tree.drain(..).partition(|node| node["f"] == "tcphs");
    *tree = theirs;
    ours
}

/// The numbers of subtrees depend on the protocols that were registered before.
fn without_numbers(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(without_numbers),
        Value::Object(entries) => {
            entries.remove("e");
            entries.values_mut().for_each(without_numbers);
        }
        _ => {}
    }
}

/// Removes Wireshark's completeness of a connection: it depends on the order of the requests if the
/// capture begins after the handshake.
fn without_completeness(value: &mut Value) {
    if let Some(nodes) = value.as_array_mut() {
        let is_it = |node: &Value| {
            node["l"].as_str().is_some_and(|label| label.starts_with("Conversation completeness"))
        };
        nodes.retain(|node| !is_it(node));
        nodes.iter_mut().for_each(|node| without_completeness(&mut node["n"]));
    }
}

#[test]
fn thousands_of_frames_in_any_order() {
    let count = number_of_frames();
    let Some(mut expected) = frames_in_order() else { return };
    expected.iter_mut().for_each(|frame| without_completeness(&mut frame["tree"]));
    let annotated = |frame: &&Value| frame["col"].to_string().contains(" | ");
    assert!(expected.iter().filter(annotated).count() > 100);

    let mut random = Rng::with_seed(1);
    let order: Vec<_> = (0..5000).map(|_| random.usize(..count)).collect();
    let requests: Vec<_> = order.iter().map(|place| frame(place + 1)).collect();
    let answers = ask(true, &requests).expect("it was there before");
    for (place, mut answer) in order.into_iter().zip(answers) {
        without_completeness(&mut answer["tree"]);
        assert_eq!(answer, expected[place], "frame {}", place + 1);
    }
}

#[test]
fn each_frame_is_as_without_us() {
    let Some(mut with) = frames_in_order() else { return };
    let requests: Vec<_> = (1..=number_of_frames()).map(frame).collect();
    let mut without = ask(false, &requests).expect("it was there before");
    for (with, without) in with.iter_mut().zip(&mut without) {
        assert!(!take_ours(with).is_empty());
        assert!(take_ours(without).is_empty());
        for column in with["col"].as_array_mut().expect("the columns are a list") {
            if let Some((_, info)) = column.as_str().and_then(|text| text.split_once(" | ")) {
                *column = info.into();
            }
        }
        without_numbers(with);
        without_numbers(without);
    }
    assert_same(&with, &without, "sharkd");
}

/// The same lines as tshark's second pass shows.
#[test]
fn our_details_are_those_of_tshark() {
    fn lines(node: &Value, depth: usize, all: &mut String) {
        let label = node["l"].as_str().unwrap_or_default();
        // tshark puts generated items, which are not octets of the frame, into brackets.
        writeln!(all, "{}[{label}]", "    ".repeat(depth)).expect("a string takes everything");
        for below in node["n"].as_array().into_iter().flatten() {
            lines(below, depth + 1, all);
        }
    }
    let shown = |number| json!({ "method": "frame", "params": { "frame": number, "proto": true } });
    let requests: Vec<_> = (1..=number_of_frames()).map(shown).collect();
    let Some(mut answers) = ask(true, &requests) else { return };
    let mut sharkd = String::new();
    for answer in &mut answers {
        take_ours(answer).iter().for_each(|node| lines(node, 0, &mut sharkd));
    }
    let details = tshark(&["-n", "-2", "-r", everything(), "-O", "tcphs"]);
    let mut expected = String::new();
    let mut ours = false;
    for line in details.lines() {
        if !line.starts_with(' ') {
            ours = line.starts_with("[TCP Handshake");
        }
        if ours && !line.is_empty() {
            let text = line.trim_start();
            let depth = line.len() - text.len();
            let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
            writeln!(expected, "{}[{}]", " ".repeat(depth), inner.unwrap_or(text))
                .expect("a string takes everything");
        }
    }
    let tidy = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    assert_same(&tidy(&sharkd), &tidy(&expected), "lines of the details");
}

#[test]
fn filters_columns_and_taps() {
    let expert = json!({ "tap0": "expert", "tap1": "conv:TCP", "tap2": "seqa:tcp" });
    let requests = [
        json!({ "method": "frames", "params": { "filter": "tcp.flags.reset == 1" } }),
        json!({ "method": "tap", "params": expert }),
        json!({ "method": "follow", "params": { "follow": "TCP", "filter": "tcp.stream == 1" } }),
    ];
    let Some(with) = ask(true, &requests) else { return };
    let without = ask(false, &requests).expect("it was there before");
    let rows = |answer: &Value| answer.as_array().map_or(0, Vec::len);
    assert_eq!(rows(&with[0]), rows(&without[0]));
    assert_eq!(with[2], without[2]);
    for (with, without) in taps(&with[1]).iter().zip(taps(&without[1])) {
        let mut with = with.clone();
        if let Some(details) = with.get_mut("details").and_then(Value::as_array_mut) {
            let all = details.len();
            details.retain(|entry| entry["p"] != "TCPHS");
            assert!(details.len() < all, "{with}");
        }
        assert_eq!(with, without);
    }

    // The verdict is known, because sharkd has read the whole file before the first request.
    let ours = [
        json!({ "method": "check", "params": { "filter": "tcphs.failed" } }),
        json!({ "method": "frames",
                "params": { "filter": "tcphs.outcome == \"refused\"",
                            "column0": "tcphs.stage_str:1", "column1": "tcphs.outcome:1" } }),
    ];
    let answers = ask(true, &ours).expect("it was there before");
    assert_eq!(answers[0]["status"], "OK");
    let refused = answers[1].as_array().expect("a list of frames");
    assert!(refused.len() >= 2, "{refused:?}");
    let mut stages: Vec<_> = refused.iter().filter_map(|row| row["c"][0].as_str()).collect();
    stages.sort_unstable();
    stages.dedup();
    assert_eq!(stages, ["RST (refusal)", "SYN"]);
    assert!(refused.iter().all(|row| row["c"][1] == "refused"), "{refused:?}");
}

fn taps(answer: &Value) -> Vec<Value> {
    let mut taps = answer["taps"].as_array().expect("a list of taps").clone();
    taps.sort_by_key(|tap| tap["tap"].to_string());
    taps
}

/// When a preference changes, Wireshark dissects the file again, as in the window.
#[test]
fn dissected_again_after_a_preference_has_changed() {
    let Some(mut before) = frames_in_order() else { return };
    let requests: Vec<_> = (1..=number_of_frames()).map(frame).collect();
    let set = |value: &str| {
        let wanted = json!({ "name": "tcp.relative_sequence_numbers", "value": value });
        json!({ "method": "setconf", "params": wanted })
    };
    let mut changed = vec![set("FALSE")];
    changed.extend(requests.iter().cloned());
    let mut after = ask(true, &changed).expect("it was there before");
    after.remove(0);
    let (mut theirs_changed, mut ours) = (false, 0);
    for (before, after) in before.iter_mut().zip(&mut after) {
        let (old, new) = (take_ours(before), take_ours(after));
        assert_eq!(old, new);
        ours += old.len();
        theirs_changed |= before != after;
    }
    assert!(theirs_changed && ours > 100);
}

/// sharkd starts with the plugin and lists our fields, so a failure above is not one of sharkd
/// itself.
#[test]
fn sharkd_knows_our_fields() {
    let requests = [json!({ "method": "complete", "params": { "field": "tcphs.client.st" } })];
    let Some(answers) = ask(true, &requests) else { return };
    let fields = answers[0]["field"].to_string();
    assert!(fields.contains("\"tcphs.client.state\""), "{fields}");
    let fields = text(&finish(wireshark().with_plugin().args(["-G", "fields"])));
    assert!(fields.contains("\ttcphs.client.state\t"));
}
