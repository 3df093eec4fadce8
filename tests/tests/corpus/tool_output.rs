//! The output of tshark and of the command for a capture, made once and kept for all tests of this
//! program.
//!
//! Starting tshark takes longer than reading most captures, so one run prints the fields of all
//! tests.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, OnceLock};

use dissector_core::connection::Finding;
use serde_json::Value;
use tests::{Results, fields};

use crate::agreement::{FRAME_FIELDS, SEGMENT_FIELDS, VERDICT_FIELDS};
use crate::conformance::TSHARK_FIELDS;
use crate::flags;

/// The separator between the values of a field that a frame has several times.
pub const SEPARATOR: char = ';';

/// How often tshark goes through the capture.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Passes {
    One,
    Two,
}

/// The captures that are also read in one pass, which doubles the time: every second one, or all
/// with [`TCPHS_LONG`](tests::all_cases).
pub fn in_one_pass_too(captures: Vec<PathBuf>) -> Vec<PathBuf> {
    captures.into_iter().step_by(if tests::all_cases() { 1 } else { 2 }).collect()
}

/// The output of tshark and of the command for one capture.
pub struct ToolOutput {
    capture: PathBuf,
    passes: [OnceLock<Vec<Vec<String>>>; 2],
    packets: OnceLock<Option<Vec<Value>>>,
    connections: OnceLock<Option<Vec<Value>>>,
}

/// The output for `capture`; a tool runs when its output is first needed.
pub fn of(capture: &Path) -> Arc<ToolOutput> {
    static ALL: Results<Arc<ToolOutput>> = Results::new();
    ALL.get(capture.to_string_lossy().into_owned(), || {
        Arc::new(ToolOutput {
            capture: capture.to_owned(),
            passes: [OnceLock::new(), OnceLock::new()],
            packets: OnceLock::new(),
            connections: OnceLock::new(),
        })
    })
}

/// The name of the field of a finding.
pub fn field_of(finding: Finding) -> String {
    format!("tcphs.expert.{finding}")
}

/// Every field that tshark prints.
static NAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let pairs = SEGMENT_FIELDS.iter().chain(VERDICT_FIELDS).map(|(field, _)| *field);
    let plain =
        FRAME_FIELDS.iter().chain(TSHARK_FIELDS).chain(flags::FLAG_FIELDS).copied().chain(pairs);
    let mut names: Vec<String> = Vec::new();
    for name in
        plain.map(str::to_owned).chain(Finding::ALL.iter().map(|&finding| field_of(finding)))
    {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
});

impl ToolOutput {
    /// The values of these fields for every frame that has a TCP header or fields of the plugin.
    pub fn rows(&self, passes: Passes, names: &[&str]) -> Vec<Vec<String>> {
        let all = self.passes[passes as usize].get_or_init(|| {
            let path = self.capture.to_string_lossy();
            let aggregator = format!("aggregator={SEPARATOR}");
            let mut arguments = vec!["-n", "-r", &*path, "-Y", "tcp || tcphs"];
            arguments.extend(["-E", &aggregator, "-E", "occurrence=a"]);
            if passes == Passes::Two {
                arguments.push("-2");
            }
            let names: Vec<&str> = NAMES.iter().map(String::as_str).collect();
            fields(&arguments, &names)
        });
        let place = |name: &&str| {
            let place = NAMES.iter().position(|there| there == name);
            place.unwrap_or_else(|| panic!("{name} is not asked for"))
        };
        let places: Vec<usize> = names.iter().map(place).collect();
        // A frame that tshark did not finish has fewer columns.
        let column = |row: &Vec<String>, at: usize| row.get(at).cloned().unwrap_or_default();
        all.iter().map(|row| places.iter().map(|&at| column(row, at)).collect()).collect()
    }

    /// The command's row for each segment; `None` where it cannot read the file.
    pub fn packets(&self) -> Option<&[Value]> {
        self.packets.get_or_init(|| tests::rows("packets", &self.capture)).as_deref()
    }

    /// The command's row for each connection; `None` where it cannot read the file.
    pub fn connections(&self) -> Option<&[Value]> {
        self.connections.get_or_init(|| tests::rows("connections", &self.capture)).as_deref()
    }
}
