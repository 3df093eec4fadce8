//! Requests to sharkd, which opens one file after the other in one process.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::frames::folder;

/// The request that opens a file and closes the one before.
pub fn load(file: &Path) -> Value {
    json!({ "method": "load", "params": { "file": file.to_string_lossy() } })
}

/// The requests for all that a window shows of the open file.
pub fn look_at_everything(frames: usize) -> Vec<Value> {
    let taps = json!({ "tap0": "stat:tcphs", "tap1": "seqa:tcphs", "tap2": "expert" });
    let mut questions = vec![
        json!({ "method": "frames", "params": { "filter": "tcphs" } }),
        json!({ "method": "tap", "params": taps }),
    ];
    questions.extend((1..=frames).map(|frame| {
        json!({ "method": "frame", "params": { "frame": frame, "proto": true, "columns": true } })
    }));
    questions
}

/// The output of sharkd for these requests; each must be answered.
pub fn ask(mut sharkd: Command, questions: &[Value]) -> Output {
    let mut lines = String::new();
    for (id, question) in (1..).zip(questions) {
        let mut question = question.clone();
        (question["jsonrpc"], question["id"]) = ("2.0".into(), json!(id));
        lines += &format!("{question}\n");
    }
    let folder = folder();
    let file = folder.path().join("questions");
    fs::write(&file, lines).expect("there is room");
    sharkd.arg("-").stdin(File::open(&file).expect("it is there"));
    let output = sharkd.output().expect("sharkd starts");
    assert!(output.status.success(), "{:?}", String::from_utf8_lossy(&output.stderr));
    let answers = String::from_utf8_lossy(&output.stdout);
    let answers: Vec<_> = answers.lines().filter(|line| line.starts_with('{')).collect();
    let refused = answers.iter().find(|line| !line.contains("\"result\""));
    assert_eq!((answers.len(), refused), (questions.len(), None));
    output
}
