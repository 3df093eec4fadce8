//! The behaviour of the command: filters, exit statuses, pipes, full disks and interruptions.

mod common;

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use common::{run, samples, stderr, stdout, tcphs, workspace};
use serde_json::Value;

const QUEUE: &str = "samples/accept-queue-full.pcapng";

/// The formats of rows; Parquet only if the feature is enabled.
fn formats() -> impl Iterator<Item = &'static str> {
    let parquet = cfg!(feature = "parquet").then_some("parquet");
    ["table", "jsonl", "csv"].into_iter().chain(parquet)
}

fn numbers(arguments: &[&str]) -> Vec<u64> {
    let text = stdout(&[&["connections", "--format", "jsonl"], arguments].concat());
    let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    rows.map(|row| row["conn"].as_u64().expect("a number")).collect()
}

#[test]
fn filters_choose_connections() {
    assert_eq!(numbers(&[QUEUE]), [0, 1, 2]);
    assert_eq!(numbers(&["--failed", QUEUE]), [2]);
    assert_eq!(numbers(&["--outcome", "complete", QUEUE]), [0, 1]);
    assert_eq!(numbers(&["--outcome", "refused", "--outcome", "no_reply", QUEUE]), [2]);
    assert_eq!(numbers(&["--port", "37954", QUEUE]), [1]);
    assert_eq!(
        numbers(&["--host", "198.51.100.2", "--port", "37946", "--port", "37958", QUEUE]),
        [0, 2]
    );
    assert_eq!(numbers(&["--host", "198.51.100.9", QUEUE]), [0; 0]);
    assert_eq!(numbers(&["--conn", "1", "--conn", "2", "--failed", QUEUE]), [2]);
}

#[test]
fn packets_of_failed_connections_take_two_passes() {
    let text = stdout(&["packets", "--failed", "--format", "jsonl", QUEUE]);
    let frames: Vec<_> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["frame"].as_u64().unwrap())
        .collect();
    assert_eq!(frames, [7, 8, 9, 10]);
    // Standard input can be read once.
    let output = tcphs(["packets", "--failed", "-"])
        .stdin(File::open(workspace().join(QUEUE)).unwrap())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("twice"), "{output:?}");
}

#[test]
fn standard_input_is_a_capture() {
    let sample = File::open(workspace().join(QUEUE)).unwrap();
    let output = tcphs(["connections", "-"]).stdin(sample).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), stdout(&["connections", QUEUE]));
}

#[test]
fn several_files_are_one_stream() {
    let both = stdout(&["connections", "--format", "jsonl", "samples/refused.pcapng", QUEUE]);
    let rows: Vec<Value> = both.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut files: Vec<_> = rows.iter().map(|row| row["file"].as_str().unwrap()).collect();
    files.sort_unstable();
    assert_eq!(files, [QUEUE, QUEUE, QUEUE, "samples/refused.pcapng"]);
}

#[test]
fn exit_statuses() {
    let refused = "samples/refused.pcapng";
    let whole = "samples/telnet-dns.pcapng";
    for command in ["connections", "packets", "servers", "ladder", "explain"] {
        assert_eq!(run(&[command, refused]).status.code(), Some(0), "{command}");
        let fails = run(&[command, "--fail-on", "failed", refused]);
        assert_eq!(fails.status.code(), Some(3), "{command}: {fails:?}");
        assert!(!fails.stdout.is_empty(), "{command}: the rows come all the same");
        let well = run(&[command, "--fail-on", "failed", whole]);
        assert_eq!(well.status.code(), Some(0), "{command}");
        let missing = stderr(&[command, "no-such-file.pcap"], 1);
        assert!(missing.contains("no-such-file.pcap"), "{missing}");
        let other = stderr(&[command, "Cargo.toml"], 1);
        assert!(other.contains("Cargo.toml"), "{other}");
    }
    stderr(&["connections"], 2);
    stderr(&["connections", "--outcome", "nonsense", whole], 2);
    stderr(&["connections", "--format", "nonsense", whole], 2);
    // Connections that the filters reject do not change the exit status.
    let narrowed = run(&["connections", "--fail-on", "failed", "--conn", "0", QUEUE]);
    assert_eq!(narrowed.status.code(), Some(0));
}

#[test]
fn a_connection_that_is_not_there_is_named() {
    let said = stderr(&["explain", "--conn", "7", QUEUE], 2);
    assert!(said.contains("no connection 7") && said.contains("there are 3"), "{said}");
    let said = stderr(&["ladder", "--failed", "samples/telnet-dns.pcapng"], 0);
    assert!(said.contains("no connection matches"), "{said}");
}

#[test]
fn a_capture_that_was_cut_is_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let cut = folder.path().join("cut.pcapng");
    let octets = fs::read(workspace().join(QUEUE)).unwrap();
    fs::write(&cut, &octets[..octets.len() - 20]).unwrap();
    let output = run(&["connections", cut.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("cut.pcapng"), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("3 connections"), "{output:?}");
}

#[test]
fn the_output_is_none_of_the_inputs() {
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("a.pcapng");
    fs::copy(workspace().join(QUEUE), &capture).unwrap();
    let path = capture.to_str().unwrap();
    for command in ["connections", "packets", "servers", "ladder", "explain"] {
        let said = stderr(&[command, "--output", path, path], 2);
        assert!(said.contains("a.pcapng"), "{said}");
    }
    assert_eq!(fs::read(&capture).unwrap(), fs::read(workspace().join(QUEUE)).unwrap());
}

#[test]
fn a_full_disk_is_an_error() {
    for command in ["connections", "packets", "servers"] {
        for format in formats() {
            full(&[command, "--format", format, QUEUE]);
        }
    }
    for format in ["text", "svg", "mermaid"] {
        full(&["ladder", "--format", format, QUEUE]);
    }
    full(&["explain", QUEUE]);
}

fn full(arguments: &[&str]) {
    let disk = OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let output = tcphs(arguments).stdout(disk).output().expect("the command starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:?}");
    assert!(said.contains("No space left on device"), "{arguments:?}: {said}");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    for format in formats() {
        // More than a pipe holds, so that writing finds it closed.
        let files = vec![samples(); 40].concat();
        let arguments = ["packets", "--format", format].map(str::to_owned);
        let mut child = tcphs(arguments.iter().chain(&files))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut [0; 4]).unwrap();
        drop(stdout);
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{format}: {said}");
        assert!(!said.contains("cannot write") && !said.contains("panicked"), "{format}: {said}");
    }
}

/// Waits until the command catches SIGINT: before that, the signal would kill it at once.
fn wait_until_it_watches_for_interruptions(process: u32) {
    const INTERRUPTION: u64 = 1 << (2 - 1);
    let caught = || {
        let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let caught = caught.expect("the signals that it watches for").trim();
        u64::from_str_radix(caught, 16).expect("a set of signals")
    };
    while caught() & INTERRUPTION == 0 {
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn an_interruption_leaves_whole_rows() {
    let mut child = tcphs(["packets", "--format", "jsonl", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let capture = fs::read(workspace().join(QUEUE)).unwrap();
    stdin.write_all(&capture[..capture.len() / 2]).unwrap();
    wait_until_it_watches_for_interruptions(child.id());
    // Gives the command time to read the first half.
    thread::sleep(Duration::from_millis(300));
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(killed.is_ok_and(|status| status.success()));
    thread::sleep(Duration::from_millis(100));
    // The command may have ended already.
    let _ = stdin.write_all(&capture[capture.len() / 2..]);
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    assert!(text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{text}");
}

#[test]
fn a_picture_is_xml_of_its_own() {
    for sample in samples() {
        let svg = stdout(&["ladder", "--format", "svg", &sample]);
        assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""), "{sample}");
        well_formed(&svg);
        // The picture refers to no other file.
        assert!(!svg.contains("href") && !svg.contains("url("), "{sample}");
    }
}

/// Asserts that elements nest and attributes are quoted.
fn well_formed(svg: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = svg;
    while let Some(at) = rest.find('<') {
        let tag = &rest[at + 1..];
        let end = tag.find('>').expect("each tag ends");
        let (tag, after) = (&tag[..end], &tag[end + 1..]);
        assert!(!tag.contains('<'), "{tag}");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !tag.ends_with('/') {
            open.push(tag.split_whitespace().next().expect("a name"));
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        rest = after;
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn help_shows_how() {
    for command in ["connections", "packets", "ladder", "servers", "explain"] {
        let help = stdout(&[command, "--help"]);
        assert!(help.contains("Examples:") && help.contains(&format!("tcphs {command}")), "{help}");
    }
    assert!(stdout(&["--help"]).contains("Exit status"));
}

#[test]
fn rows_of_a_pipe_are_written_while_it_is_open() {
    for (command, rows) in [("packets", 9), ("connections", 0)] {
        let mut tcphs = tcphs([command, "--format", "jsonl", "-"]);
        let mut child = tcphs.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (to, from) = mpsc::channel();
        let reader = thread::spawn(move || {
            for line in stdout.lines() {
                to.send(line.unwrap()).unwrap();
            }
        });
        stdin.write_all(&fs::read(workspace().join(QUEUE)).unwrap()).unwrap();
        for row in 0..rows {
            // The pipe is still open.
            let line = from.recv_timeout(Duration::from_secs(60));
            assert!(line.is_ok(), "{command}: {row} rows only");
        }
        drop(stdin);
        assert!(child.wait().unwrap().success());
        reader.join().unwrap();
        assert!(from.try_iter().count() > 0, "{command}: nothing at the end");
    }
}

#[test]
fn every_subcommand_with_rows_names_a_connection_that_is_not_there() {
    for command in ["connections", "packets"] {
        for format in ["table", "jsonl"] {
            let said = stderr(&[command, "--format", format, "--conn", "7", QUEUE], 2);
            assert!(said.contains("no connection 7") && said.contains("there are 3"), "{said}");
        }
    }
}

/// A pcapng file of a handshake whose SYN/ACK has the earliest possible time, and the others the
/// latest.
fn ages_apart() -> Vec<u8> {
    let block = |kind: u32, body: &[u8]| {
        let octets = (12 + body.len() as u32).to_le_bytes();
        [&kind.to_le_bytes(), &octets, body, &octets].concat()
    };
    let interface = |offset_s: i64| {
        // Raw IP, nanoseconds, so many seconds added.
        let options = [9, 0, 1, 0, 9, 0, 0, 0, 14, 0, 8, 0];
        let body = [&[101, 0, 0, 0, 0, 0, 0, 0][..], &options, &offset_s.to_le_bytes(), &[0; 4]];
        block(1, &body.concat())
    };
    let packet = |interface: u8, packet: &[u8; 40]| {
        let head = [interface, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 40, 0, 0, 0, 40, 0, 0, 0];
        block(6, &[&head[..], packet].concat())
    };
    let syn = b"E\0\0\x28\0\x01\x40\0\x40\x06\0\0\x0a\0\0\x01\x0a\0\0\x02\x03\xe8\0\x50\
        \0\0\0\x01\0\0\0\0\x50\x02\x03\xe8\0\0\0\0";
    let synack = b"E\0\0\x28\0\0\x40\0\x40\x06\0\0\x0a\0\0\x02\x0a\0\0\x01\0\x50\x03\xe8\
        \0\0\0\x09\0\0\0\x02\x50\x12\x03\xe8\0\0\0\0";
    let ack = b"E\0\0\x28\0\x02\x40\0\x40\x06\0\0\x0a\0\0\x01\x0a\0\0\x02\x03\xe8\0\x50\
        \0\0\0\x02\0\0\0\x0a\x50\x10\x03\xe8\0\0\0\0";
    let section = [0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255];
    let latest_s = i64::MAX / 1_000_000_000 - 1;
    let interfaces = [interface(-latest_s - 1), interface(latest_s)].concat();
    let packets = [packet(1, syn), packet(0, synack), packet(1, ack)].concat();
    [block(0x0a0d_0d0a, &section), interfaces, packets].concat()
}

#[test]
fn times_that_are_ages_apart_are_shown() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ages.pcapng");
    fs::write(&file, ages_apart()).unwrap();
    let file = file.to_str().unwrap();
    let ladder = stdout(&["ladder", file]);
    assert!(ladder.contains("-18446744071.000000"), "{ladder}");
    for arguments in [["--format", "mermaid"], ["--format", "svg"]] {
        stdout(&["ladder", arguments[0], arguments[1], file]);
    }
    stdout(&["explain", file]);
}
