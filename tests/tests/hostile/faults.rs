//! Panics inside the plugin: Wireshark goes on as without it, with one warning.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::{Value, json};
use testkit::wireshark::Wireshark;
use testkit::wireshark::plugin::{FAULTS, build_and_place_variant};
use tests::{in_parallel, sample, samples, text, wireshark};

use crate::compare::without_ours;
use crate::sharkd::{self, load};

/// Wireshark with a build of the plugin that panics at the entry that an environment variable
/// names.
pub fn faulty() -> &'static Wireshark {
    static FAULTY: OnceLock<Wireshark> = OnceLock::new();
    FAULTY.get_or_init(|| {
        build_and_place_variant(wireshark(), &FAULTS).expect("the plugin builds with faults")
    })
}

struct Run {
    lines: Vec<String>,
    warnings: Vec<String>,
}

fn run(mut tshark: Command, arguments: &[&str], panic_at: &str) -> Run {
    tshark.args(arguments).env("TCPHS_PANIC_AT", panic_at);
    tshark.env("WIRESHARK_ABORT_ON_DISSECTOR_BUG", "1");
    tshark.env("WIRESHARK_DEBUG_WMEM_OVERRIDE", "strict");
    let output = tshark.stdin(Stdio::null()).output().expect("tshark starts");
    assert!(output.status.success(), "{panic_at} {arguments:?}: {output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    Run {
        lines: text(&output).lines().map(str::to_owned).collect(),
        warnings: said.lines().map(str::to_owned).collect(),
    }
}

/// A capture with IPv4 and IPv6 connections, ICMP errors and findings.
fn capture() -> String {
    sample("icmp-reject.pcapng").to_string_lossy().into_owned()
}

/// The list with details in one pass, and in two with a filter.
const LISTS: [&[&str]; 2] = [&["-n", "-P", "-V"], &["-n", "-2", "-P", "-V", "-Y", "tcp || icmp"]];

const STATISTICS: [&[&str]; 2] =
    [&["-n", "-q", "-z", "tcphs,tree", "-z", "expert"], &["-n", "-q", "-z", "tcphs,connections"]];

/// The entry that is called for files whose interfaces are points.
const POINT_ENTRY: &str = "session_turn_to_point";

/// Entries that the packet list calls; with `:2` the second call panics.
const LIST_ENTRIES: [&str; 15] = [
    "session_new",
    "session_free",
    "session_configure",
    "session_learn",
    "session_learn:2",
    "session_learn_icmp",
    POINT_ENTRY,
    "session_end_frame",
    "session_end_frame:2",
    "session_info",
    "session_info:2",
    "session_view",
    "session_view:2",
    "session_expert_items",
    "register_expert",
];

/// Entries that statistics call.
const STATISTICS_ENTRIES: [&str; 6] = [
    "session_tapped",
    "statistics_new",
    "statistics_clear",
    "statistics_see",
    "statistics_settle",
    "statistics_row",
];

/// Entries that register the plugin, and entries that return a boolean, which is false after a
/// panic.
const OTHER_ENTRIES: [&str; 6] = [
    "register_info",
    "statistics_columns",
    "statistics_free",
    "field_needs_later",
    "command_line_wanted",
    "expert_needs_later",
];

/// Entries that only move constants and pointers, so that no panic is possible in them.
const TRIVIAL_ENTRIES: [&str; 4] =
    ["settings_default", "session_failure", "statistics_failure", "take_failure"];

/// Reads the capture with a panic at `entry`; returns the lines, and whether there was a warning
/// about the panic. There is at most one.
fn fail(entry: &str, arguments: &[&str]) -> (Vec<String>, bool) {
    let capture = capture();
    let points = if entry == POINT_ENTRY { "tcphs.points:interfaces" } else { "tcphs.points:auto" };
    let options = ["-o", "tcphs.info:after", "-o", points, "-r", &capture];
    let arguments = [arguments, &options].concat();
    let seen = run(faulty().with_plugin(), &arguments, entry);
    let about = format!("{entry} {arguments:?}: {:?}", seen.warnings);
    assert!(seen.warnings.len() <= 1, "{about}");
    for warning in &seen.warnings {
        let name = entry.split(':').next().unwrap_or(entry);
        let message = format!("internal error (a panic at {name} was asked for at ");
        assert!(warning.contains("[tcphs WARNING]") && warning.contains(&message), "{about}");
        assert!(warning.ends_with("; please report this"), "{about}");
    }
    (seen.lines, !seen.warnings.is_empty())
}

#[test]
fn a_panic_leaves_the_list_as_it_is_without_us() {
    let capture = capture();
    let stock = LISTS.map(|list| {
        let arguments = [list, &["-r", &capture]].concat();
        run(wireshark().without_plugin(), &arguments, "").lines
    });
    let told = in_parallel(&LIST_ENTRIES, |entry| {
        let told = LISTS.iter().zip(&stock).map(|(list, stock)| {
            let (lines, told) = fail(entry, list);
            let (theirs, _) = without_ours(lines);
            // Our text in the Info column, if there is any, stands behind Wireshark's own.
            let theirs: Vec<_> =
                theirs.iter().map(|line| line.split(" | ").next().unwrap_or(line)).collect();
            let differ = theirs.iter().zip(stock).find(|(theirs, stock)| *theirs != stock);
            assert_eq!(differ, None, "{entry} {list:?}");
            assert_eq!(theirs.len(), stock.len(), "{entry} {list:?}");
            told
        });
        told.fold(false, |any, told| any | told)
    });
    let silent: Vec<_> = LIST_ENTRIES.iter().zip(told).filter(|(_, told)| !told).collect();
    assert!(silent.is_empty(), "never called: {silent:?}");
}

#[test]
fn a_panic_leaves_statistics_incomplete_with_a_warning() {
    let told = in_parallel(&STATISTICS_ENTRIES, |entry| {
        STATISTICS.map(|statistics| fail(entry, statistics).1).contains(&true)
    });
    let silent: Vec<_> = STATISTICS_ENTRIES.iter().zip(told).filter(|(_, told)| !told).collect();
    assert!(silent.is_empty(), "never called: {silent:?}");
    // A table without columns is not registered; everything else is.
    assert!(fail("statistics_columns", STATISTICS[0]).1);
}

/// No field and no option of ours is registered; the output is the same as without the plugin.
#[test]
fn a_panic_while_fields_are_registered() {
    let capture = capture();
    let arguments = ["-n", "-2", "-P", "-V", "-r", &capture];
    let seen = run(faulty().with_plugin(), &arguments, "register_info");
    assert_eq!(seen.lines, run(wireshark().without_plugin(), &arguments, "").lines);
    let [warning] = &seen.warnings[..] else { panic!("{:?}", seen.warnings) };
    assert!(warning.contains("the TCP handshake is not shown; please report"), "{warning}");
}

/// The text that sharkd writes to standard error for these requests; `None` if there is no sharkd.
fn ask(questions: &[Value], panic_at: &str) -> Option<String> {
    let mut sharkd = faulty().beside_tshark("sharkd", true)?;
    sharkd.env("TCPHS_PANIC_AT", panic_at);
    let output = sharkd::ask(sharkd, questions);
    Some(String::from_utf8_lossy(&output.stderr).into_owned())
}

/// After a panic, the next file is annotated again, and a panic in it has a warning of its own.
#[test]
fn each_file_has_its_own_warning() {
    let loads: Vec<_> = samples().iter().take(4).map(|file| load(file)).collect();
    let Some(said) = ask(&loads, "session_end_frame") else { return };
    assert_eq!(said.matches("internal error").count(), 4, "{said}");
}

/// sharkd is the only program that frees statistics.
#[test]
fn statistics_that_cannot_be_freed() {
    let tap = json!({ "method": "tap", "params": { "tap0": "stat:tcphs" } });
    let questions = [load(&sample("icmp-reject.pcapng")), tap];
    let Some(said) = ask(&questions, "statistics_free") else { return };
    let warning = "(a panic at statistics_free was asked for at ";
    assert!(said.contains(warning) && said.matches("internal error").count() == 1, "{said}");
}

/// Every entry of the interface is in one of the lists above.
#[test]
fn every_entry_is_listed() {
    let folder = testkit::workspace_root().join("ffi-plugin/src");
    let mut known: BTreeSet<&str> =
        LIST_ENTRIES.iter().chain(&STATISTICS_ENTRIES).copied().collect();
    known.extend(OTHER_ENTRIES.iter().chain(&TRIVIAL_ENTRIES));
    known.retain(|name| !name.contains(':'));
    let mut found = BTreeSet::new();
    for file in sources(&folder) {
        let source = fs::read_to_string(&file).expect("it can be read");
        let functions = source.split("extern \"C\" fn tcphs_").skip(1);
        for function in functions {
            let name = function.split('(').next().expect("a name").to_owned();
            let injected = function.contains(&format!("entry(\"{name}\")"));
            assert_eq!(injected, !TRIVIAL_ENTRIES.contains(&&*name), "{name}");
            found.insert(name);
        }
    }
    let found: BTreeSet<_> = found.iter().map(String::as_str).collect();
    assert_eq!(found, known);
}

fn sources(folder: &std::path::Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("it can be read");
    let paths = entries.map(|entry| entry.expect("it can be read").path());
    let (folders, files): (Vec<_>, Vec<_>) = paths.partition(|path| path.is_dir());
    let below = folders.iter().flat_map(|folder| sources(folder));
    files
        .into_iter()
        .chain(below)
        .filter(|file| file.extension().is_some_and(|e| e == "rs"))
        .collect()
}
