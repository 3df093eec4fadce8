//! Captures that end, shrink and grow while they are read, and work that is interrupted.

mod common;

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use common::tcphs;
use serde_json::Value;
use tempfile::TempDir;

/// Octets of a record: its header, and Ethernet, IPv4 and TCP without options.
const RECORD: usize = 16 + 54;
const FILE_HEADER: usize = 24;

/// A capture of SYNs, each of a connection of its own; little endian, microseconds.
fn syns(numbers: std::ops::Range<u32>) -> Vec<u8> {
    let mut octets = Vec::new();
    for number in numbers {
        for word in [1_700_000_000 + number / 1000, number % 1000, 54, 54] {
            octets.extend(word.to_le_bytes());
        }
        octets.extend([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x00]);
        octets.extend([0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0]);
        let [_, high, middle, low] = number.to_be_bytes();
        octets.extend([10, high, middle, low, 198, 51, 100, 1]);
        octets.extend([
            0x9c, 0x40, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x02, 0xff, 0xff, 0, 0, 0, 0,
        ]);
    }
    octets
}

fn file_header() -> Vec<u8> {
    let mut octets = 0xa1b2_c3d4_u32.to_le_bytes().to_vec();
    octets.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 1, 0, 0, 0]);
    octets
}

/// More than the command reads ahead, and its rows are more than a pipe holds.
const MANY: u32 = 40_000;

fn capture(folder: &TempDir) -> PathBuf {
    let file = folder.path().join("syns.pcap");
    fs::write(&file, [file_header(), syns(0..MANY)].concat()).expect("there is room");
    file
}

/// Whether all threads of a process sleep, rather than wait for a processor.
fn all_threads_sleep(process: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{process}/task")).expect("it runs");
    threads.flatten().all(|thread| {
        // A thread that has ended meanwhile has no state.
        let state = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        state.rsplit(") ").next().is_some_and(|state| state.is_empty() || state.starts_with('S'))
    })
}

/// The command, blocked by a full pipe after it has read a part of the capture.
fn stopped(arguments: &[&str], capture: &Path) -> Child {
    let mut command = tcphs(arguments);
    command.arg(capture).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("the command starts");
    let start = Instant::now();
    let mut asleep = 0;
    while asleep < 5 {
        assert!(start.elapsed() < Duration::from_secs(60), "it is not stopped");
        std::thread::sleep(Duration::from_millis(20));
        asleep = if all_threads_sleep(child.id()) { asleep + 1 } else { 0 };
    }
    child
}

/// Frames of whole rows; a part of a row is a failure.
fn frames(output: &Output) -> Vec<u64> {
    let text = std::str::from_utf8(&output.stdout).expect("text");
    assert!(text.is_empty() || text.ends_with('\n'), "the last row is whole");
    let row = |line| serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("{line}"));
    text.lines().map(|line| row(line)["frame"].as_u64().expect("a number")).collect()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const PACKETS: [&str; 3] = ["packets", "--format", "jsonl"];

#[test]
fn a_capture_that_shrinks_while_it_is_read() {
    let folder = tempfile::tempdir().expect("there is room");
    let file = capture(&folder);
    let child = stopped(&PACKETS, &file);
    // The file ends in the middle of a record.
    let left = FILE_HEADER + 20_000 * RECORD + 30;
    OpenOptions::new().write(true).open(&file).and_then(|file| file.set_len(left as u64)).unwrap();
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("syns.pcap"), "{}", said(&output));
    let frames = frames(&output);
    assert!(frames.iter().copied().eq(1..=20_000), "{} frames", frames.len());
}

#[test]
fn a_capture_that_is_emptied_while_it_is_read() {
    let folder = tempfile::tempdir().expect("there is room");
    let file = capture(&folder);
    let child = stopped(&PACKETS, &file);
    File::create(&file).expect("it is ours");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let frames = frames(&output);
    assert!(frames.iter().copied().eq(1..=frames.len() as u64) && frames.len() > 100);
}

#[test]
fn a_capture_that_grows_while_it_is_read() {
    let folder = tempfile::tempdir().expect("there is room");
    let file = capture(&folder);
    let child = stopped(&PACKETS, &file);
    let mut more = OpenOptions::new().append(true).open(&file).expect("it is ours");
    more.write_all(&syns(MANY..MANY + 100)).expect("there is room");
    // A last record that is not complete yet.
    more.write_all(&syns(0..1)[..40]).expect("there is room");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("syns.pcap"), "{}", said(&output));
    assert!(frames(&output).into_iter().eq(1..=u64::from(MANY) + 100));
}

#[test]
fn a_pipe_with_a_name_that_ends_early() {
    let folder = tempfile::tempdir().expect("there is room");
    let pipe = folder.path().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.is_ok_and(|status| status.success()));
    for (octets, rows) in [(FILE_HEADER + 3 * RECORD - 1, 2), (FILE_HEADER, 0), (10, 0), (0, 0)] {
        let child = tcphs(PACKETS)
            .arg(&pipe)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command starts");
        let whole = [file_header(), syns(0..3)].concat();
        fs::write(&pipe, &whole[..octets]).expect("the command reads");
        let output = child.wait_with_output().expect("it ends");
        let readable = octets >= FILE_HEADER;
        assert_eq!(output.status.code(), Some(i32::from(!readable)), "{octets}: {}", said(&output));
        // A file that ends after its header is a complete capture without packets.
        assert_eq!(said(&output).contains("pipe"), octets != FILE_HEADER, "{}", said(&output));
        assert_eq!(frames(&output).len(), rows, "{octets}");
    }
}

fn interrupt(id: u32) {
    let killed = Command::new("kill").args(["-INT", &id.to_string()]).status();
    assert!(killed.is_ok_and(|status| status.success()));
}

#[test]
fn an_interruption_in_the_middle_of_a_long_job() {
    let folder = tempfile::tempdir().expect("there is room");
    let file = capture(&folder);
    for format in ["jsonl", "csv", "table"] {
        let child = stopped(&["packets", "--format", format], &file);
        interrupt(child.id());
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(130), "{format}: {}", said(&output));
        assert!(said(&output).contains("interrupted"), "{format}: {}", said(&output));
        let text = String::from_utf8_lossy(&output.stdout);
        let rows = text.lines().count();
        assert!(text.ends_with('\n') && (100..40_000).contains(&rows), "{format}: {rows}");
        match format {
            "jsonl" => drop(frames(&output)),
            "csv" => {
                let cells = |line: &str| line.matches(',').count();
                let titles = cells(text.lines().next().expect("titles"));
                assert!(text.lines().all(|line| cells(line) == titles));
            }
            _ => {}
        }
    }
}

/// A Parquet file cannot be read without its footer: an interrupted command writes it, too.
#[cfg(feature = "parquet")]
#[test]
fn an_interruption_leaves_a_whole_parquet_file() {
    let folder = tempfile::tempdir().expect("there is room");
    let rows = folder.path().join("rows.parquet");
    let mut child = tcphs(["packets", "--format", "parquet", "--output"])
        .arg(&rows)
        .arg("-")
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(&[file_header(), syns(0..MANY)].concat()).expect("the command reads");
    interrupt(child.id());
    // The command may have stopped reading already.
    let _ = stdin.write_all(&syns(0..MANY));
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130), "{}", said(&output));
    let octets = fs::read(&rows).expect("it is there");
    assert!(octets.len() > 1000 && octets.starts_with(b"PAR1") && octets.ends_with(b"PAR1"));
}

/// A file like that of two interfaces of which one was written after the other.
#[test]
fn frames_out_of_order_of_time_cause_a_warning() {
    let folder = tempfile::tempdir().expect("there is room");
    let file = folder.path().join("two.pcap");
    fs::write(&file, [file_header(), syns(1900..2001), syns(1500..1600)].concat())
        .expect("there is room");
    for command in ["connections", "packets", "servers"] {
        let output = tcphs([command]).arg(&file).output().expect("the command starts");
        assert!(output.status.success(), "{}", said(&output));
        let warning = "two.pcap: 100 frames are not in order of time: \
                       frame 102 is 1.000 s earlier than one before it";
        assert!(said(&output).contains(warning), "{}", said(&output));
    }
}

/// Memory stays bounded while the reader of the rows is blocked: neither rows nor closed
/// connections pile up.
#[test]
fn memory_is_bounded_while_the_reader_is_blocked() {
    // A thousand connections per second, each of which stays in the table for two minutes.
    let folder = tempfile::tempdir().expect("there is room");
    let file = folder.path().join("long.pcap");
    fs::write(&file, [file_header(), syns(0..600_000)].concat()).expect("there is room");
    for threads in ["1", "2"] {
        let arguments = ["connections", "--threads", threads, "--format", "jsonl"];
        let mut child = stopped(&arguments, &file);
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).expect("it runs");
        let kilobytes = |name| {
            let value = status.lines().find_map(|line| line.strip_prefix(name));
            value.and_then(|value| value.trim().strip_suffix(" kB")?.parse::<u64>().ok())
        };
        // Without the pages of the program itself.
        let peak = kilobytes("VmHWM:").zip(kilobytes("RssFile:"));
        let peak = peak.map(|(peak, of_files)| peak.saturating_sub(of_files));
        assert!(peak.is_some_and(|peak| peak < 75_000), "{threads} threads: {peak:?} kB");
        child.kill().and_then(|()| child.wait()).expect("it can be stopped");
    }
}
