//! tshark with the plugin beside tshark without.

use std::path::Path;
use std::process::{Command, Stdio};

use testkit::capture::Frames;
use tests::{text, wireshark};

use crate::frames::{folder, write};

/// The exit status and the output of a run of tshark.
#[derive(Debug, PartialEq)]
struct Seen {
    /// The exit status as a shell gives it: 128 plus the signal if tshark was killed, 124 if it
    /// timed out.
    status: Option<i32>,
    said: Vec<String>,
    lines: Vec<String>,
}

/// The prefix of a command that is killed after four minutes: a capture usually takes seconds.
const PATIENCE: &[&str] = &["timeout", "--kill-after=5", "240"];

/// The list and the details of each frame. Wireshark aborts if a dissector has a bug or writes
/// outside of its memory.
fn see(plugin: bool, capture: &Path, arguments: &[&str]) -> Seen {
    let wireshark = wireshark();
    let mut tshark = if plugin {
        let mut tshark = wireshark.with_plugin_under(PATIENCE);
        tshark.args(["-o", "tcphs.info:off"]);
        tshark
    } else {
        wireshark.without_plugin_under(PATIENCE)
    };
    tshark.args(["-n", "-P", "-V", "-r"]).arg(capture).args(arguments);
    seen(&mut tshark)
}

fn seen(tshark: &mut Command) -> Seen {
    tshark.env("WIRESHARK_ABORT_ON_DISSECTOR_BUG", "1");
    tshark.env("WIRESHARK_DEBUG_WMEM_OVERRIDE", "strict");
    let output = tshark.stdin(Stdio::null()).output().expect("tshark starts");
    let status = output.status.code().or_else(|| {
        std::os::unix::process::ExitStatusExt::signal(&output.status).map(|signal| 128 + signal)
    });
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().map(without_time).collect();
    Seen { status, said, lines: text(&output).lines().map(str::to_owned).collect() }
}

/// A message of Wireshark's log without the number of the process and the time.
fn without_time(line: &str) -> String {
    match line.split_once(" [") {
        Some((start, rest)) if start.contains("(tshark:") => format!("[{rest}"),
        _ => line.to_owned(),
    }
}

/// Takes our part out of the details.
pub fn without_ours(lines: Vec<String>) -> (Vec<String>, usize) {
    let (mut ours, mut frames) = (false, 0);
    let mut theirs = lines;
    theirs.retain(|line| {
        if !line.starts_with(' ') {
            ours = line.starts_with("[TCP Handshake");
            frames += usize::from(ours);
        }
        !ours
    });
    (theirs, frames)
}

/// Asserts that reading these frames is the same with the plugin and without, in one pass and in
/// two; returns the number of segments that the plugin annotates.
///
/// A frame at which Wireshark itself fails without the plugin is left out.
pub fn assert_same(about: &str, mut frames: Frames) -> usize {
    let folder = folder();
    let capture = folder.path().join("hostile.pcap");
    let mut annotated = 0;
    for passes in [&[][..], &["-2"]] {
        write(&frames, &capture);
        let mut without = see(false, &capture, passes);
        while without.status != Some(0) {
            let frame = first_that_fails(&without, |count| {
                see(false, &capture, &[passes, &["-c", count]].concat())
            });
            eprintln!(
                "{about}: without the plugin, {passes:?} frame {frame}: {:?}",
                without.status
            );
            frames.frames.remove(frame - 1);
            write(&frames, &capture);
            without = see(false, &capture, passes);
        }
        let with = see(true, &capture, passes);
        if with.status != Some(0) {
            let frame = first_that_fails(&with, |count| {
                see(true, &capture, &[passes, &["-c", count]].concat())
            });
            keep(about, &frames, frame);
            panic!("{about}: {passes:?} frame {frame}: {:?}: {:?}", with.status, with.said);
        }
        let (theirs, ours) = without_ours(with.lines);
        let mut frame = 0;
        for (with, without) in theirs.iter().zip(&without.lines) {
            frame = number_of_frame(without).unwrap_or(frame);
            if with != without {
                keep(about, &frames, frame.max(1));
                panic!("{about}: {passes:?} at frame {frame}:\n{with}\n{without}");
            }
        }
        assert_eq!(theirs.len(), without.lines.len(), "{about}: {passes:?}: lines");
        assert_eq!(with.said, without.said, "{about}: {passes:?}: standard error");
        annotated = ours;
    }
    statistics(about, &capture);
    annotated
}

/// The number of the frame whose line in the list this is.
fn number_of_frame(line: &str) -> Option<usize> {
    let mut words = line.split_ascii_whitespace();
    let (number, time) = (words.next()?.parse().ok()?, words.next()?);
    (time.contains('.') && time.parse::<f64>().is_ok()).then_some(number)
}

/// The number of the frame at which tshark fails: it reads all frames before without failure.
fn first_that_fails(whole: &Seen, read: impl Fn(&str) -> Seen) -> usize {
    let fails = |count: usize| read(&count.to_string()).status != Some(0);
    let (mut good, mut bad) = (0, 1);
    while !fails(bad) {
        good = bad;
        bad *= 2;
        assert!(bad < 1 << 24, "no frame is to blame: {:?}: {:?}", whole.status, whole.said);
    }
    while bad - good > 1 {
        let middle = good + (bad - good) / 2;
        if fails(middle) { bad = middle } else { good = middle }
    }
    bad
}

/// Keeps the capture up to the first frame that differs, for a look at it.
fn keep(about: &str, frames: &Frames, frame: usize) {
    let kept = testkit::folders::target_folder().expect("cargo knows it").join("hostile");
    std::fs::create_dir_all(&kept).expect("the folder can be made");
    let file = kept.join(format!("{}.pcap", about.replace([' ', '/'], "-")));
    let mut until = frames.clone();
    until.frames.truncate(frame);
    write(&until, &file);
    eprintln!("{about}: kept in {}", file.display());
}

/// Asserts that statistics succeed and print nothing to standard error.
fn statistics(about: &str, capture: &Path) {
    let mut tshark = wireshark().with_plugin_under(PATIENCE);
    tshark.args(["-n", "-q", "-z", "tcphs,tree", "-z", "tcphs,servers", "-z", "tcphs,connections"]);
    tshark.args(["-z", "flow,tcphs,standard", "-r"]).arg(capture);
    let seen = seen(&mut tshark);
    assert_eq!(seen.status, Some(0), "{about}: statistics: {:?}", seen.said);
    let warnings = seen.said.iter().any(|line| line.contains("tcphs") || line.contains("TCP Hand"));
    assert!(!warnings, "{about}: statistics: {:?}", seen.said);
    assert!(!seen.lines.is_empty(), "{about}: statistics");
}

/// Asserts that a file that may be no capture at all is read the same way with and without.
pub fn assert_same_file(about: &str, capture: &Path) {
    let (with, without) = (see(true, capture, &[]), see(false, capture, &[]));
    let (theirs, _) = without_ours(with.lines);
    assert_eq!(with.status, without.status, "{about}: {:?} {:?}", with.said, without.said);
    assert_eq!(with.said, without.said, "{about}");
    assert!(theirs == without.lines, "{about}: the details differ");
}

#[test]
fn the_frame_is_named() {
    let line = "  108 -12.000000000    192.0.2.1 → 198.51.100.2 TCP 74 40002 → 7000 [SYN] Seq=0";
    assert_eq!(number_of_frame(line), Some(108));
    for other in ["    0... .... = Reserved: Not set", "Frame 3: 74 octets", "", "    3 octets"] {
        assert_eq!(number_of_frame(other), None);
    }
}

/// Every tenth case, so that the slow tests take minutes; all cases with `TCPHS_LONG=1` in the
/// environment, which takes an hour.
pub fn share<T>(all: Vec<T>) -> Vec<T> {
    let step = if tests::all_cases() { 1 } else { 10 };
    all.into_iter().step_by(step).collect()
}
