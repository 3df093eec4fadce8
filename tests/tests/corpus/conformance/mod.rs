//! Conformance with the tools that people know: Zeek's conn.log and Wireshark's own TCP analysis.
//!
//! Prints a table, holds floors, and fails on every difference that `docs/DIFFERENCES.md` does not
//! explain by rule, and on every listed one that is gone. tcpdump's flags are compared in
//! `flags.rs`.

mod differences;
mod encapsulation;
mod report;
mod tshark;
mod zeek;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use tests::{all_cases, corpus, in_parallel, named_version_run};

use self::report::Report;
use self::tshark::Frame;
pub use self::tshark::TSHARK_FIELDS;
use crate::tool_output::{self, ToolOutput};

/// The rows of the command and of tshark for one capture.
struct Capture {
    /// Path below the corpus.
    name: String,
    output: Arc<ToolOutput>,
    frames: Vec<Frame>,
}

impl Capture {
    fn read(root: &Path, file: &Path) -> Self {
        Self {
            name: file.strip_prefix(root).expect("below the root").to_string_lossy().into_owned(),
            output: tool_output::of(file),
            frames: Vec::new(),
        }
    }

    fn with_frames(mut self) -> Self {
        self.frames = tshark::frames(&self.output);
        self
    }

    /// `None` where the command cannot read the file.
    fn connections(&self) -> Option<&[Value]> {
        self.output.connections()
    }

    fn packets(&self) -> &[Value] {
        self.output.packets().unwrap_or_default()
    }
}

#[test]
fn every_rule_is_explained() {
    let file = testkit::workspace_root().join("docs/DIFFERENCES.md");
    let text = std::fs::read_to_string(file).expect("it can be read");
    for rule in differences::rules() {
        assert!(text.contains(&format!("### {rule} ")), "docs/DIFFERENCES.md lacks {rule}");
    }
}

#[test]
fn with_zeek_and_wireshark() {
    let files = corpus();
    let Some(folder) = testkit::shared_captures().filter(|_| !files.is_empty()) else { return };
    let root = folder.join("public");
    let captures = in_parallel(&files, |file| Capture::read(&root, file).with_frames());
    let mut wrong = Vec::new();

    // The rows of the command do not depend on the version of Wireshark, so one comparison with
    // Zeek is enough.
    if !named_version_run() || all_cases() {
        wrong.extend(with_zeek(&folder, &captures));
    }

    let mut tally = BTreeMap::new();
    for capture in &captures {
        wrong.extend(tshark::compare(capture, &mut tally));
    }
    println!("\nWireshark's TCP analysis");
    for ((what, verdict), count) in &tally {
        println!("  {what:22} {verdict:32} {count:6}");
    }
    assert!(wrong.is_empty(), "{} unexplained:\n{}", wrong.len(), wrong.join("\n"));
}

/// The differences from Zeek's rows that no rule explains.
fn with_zeek(folder: &Path, captures: &[Capture]) -> Vec<String> {
    let mut wrong = Vec::new();
    let answers = zeek::answers(&folder.join("answers/zeek.jsonl"), Some("nochk"));
    let mut report = Report::new("Zeek, captures from elsewhere");
    zeek::compare(&answers, captures, &mut report);
    report.print();
    assert!(report.opened.share(report.opened.state) >= 0.97, "conn_state below its floor");
    assert!(report.opened.share(report.opened.history) >= 0.95, "history below its floor");
    wrong.extend(report.unexplained(differences::ZEEK));

    let folder = folder.join("zeek_micro");
    let files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .expect("the folder can be read")
        .map(|entry| entry.expect("the folder can be read").path())
        .filter(|file| file.extension().is_some_and(|ending| ending == "pcap"))
        .collect();
    let answers = zeek::answers(&folder.join("expected.jsonl"), None);
    let micro = in_parallel(&files, |file| Capture::read(&folder, file));
    let mut report = Report::new("Zeek, one rule each");
    zeek::compare(&answers, &micro, &mut report);
    report.print();
    wrong.extend(report.unexplained(&[]));
    wrong
}
