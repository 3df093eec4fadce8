//! `tcphs watch`: lines come as soon as something is decided, and Ctrl-C ends with the triage.

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use common::{stderr, stdout, tcphs, workspace};
use serde_json::Value;

const QUEUE: &str = "samples/accept-queue-full.pcapng";
const REFUSED: &str = "samples/refused.pcapng";
/// Longer than anything takes on a busy machine.
const LONG: Duration = Duration::from_secs(60);

/// The command, and the lines that it writes.
struct Watched {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Watched {
    fn start(arguments: &[&str]) -> Self {
        Self::of(tcphs([&["watch"], arguments].concat()))
    }

    fn of(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the command starts");
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let (send, lines) = channel();
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, stdin, lines }
    }

    fn give(&mut self, octets: &[u8]) {
        let stdin = self.stdin.as_mut().expect("it is open");
        stdin.write_all(octets).expect("it is read");
        stdin.flush().expect("likewise");
    }

    /// The next line, which comes while the pipe is open.
    fn line(&self) -> String {
        self.lines.recv_timeout(LONG).expect("a line")
    }

    fn close(mut self) -> (Option<i32>, Vec<String>, String) {
        drop(self.stdin.take());
        let mut said = String::new();
        let mut stderr = self.child.stderr.take().expect("a pipe");
        stderr.read_to_string(&mut said).expect("text");
        let status = self.child.wait().expect("it ends").code();
        (status, self.lines.iter().collect(), said)
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()));
    }
}

/// The blocks of a little-endian pcapng file.
fn blocks(name: &str) -> Vec<Vec<u8>> {
    let file = fs::read(workspace().join(name)).expect("a sample");
    let (mut blocks, mut rest) = (Vec::new(), &file[..]);
    while let Some(length) = rest.get(4..8) {
        let length = u32::from_le_bytes(length.try_into().expect("four octets")) as usize;
        blocks.push(rest[..length].to_vec());
        rest = &rest[length..];
    }
    blocks
}

fn is_packet(block: &[u8]) -> bool {
    block[0] == 6
}

/// The blocks up to a packet, and those behind it.
fn up_to(name: &str, packet: usize) -> (Vec<u8>, Vec<u8>) {
    let blocks = blocks(name);
    let packets: Vec<_> = (0..blocks.len()).filter(|place| is_packet(&blocks[*place])).collect();
    let end = packets[packet - 1] + 1;
    (blocks[..end].concat(), blocks[end..].concat())
}

#[test]
fn each_is_told_as_soon_as_it_is_decided() {
    let mut watched = Watched::start(&[]);
    let (to_syn_ack, rest) = up_to(QUEUE, 2);
    watched.give(&to_syn_ack);
    assert!(watched.line().starts_with("Time (UTC)"));
    assert!(watched.lines.recv_timeout(Duration::from_millis(500)).is_err());
    watched.give(&rest);
    let line = watched.line();
    let expected = "complete      192.0.2.1:37946 → 198.51.100.2:7000  76 µs";
    assert!(line.ends_with(expected), "{line}");
    assert!(watched.line().contains("  complete  "));
    // Its last SYN tells that three seconds have passed.
    let line = watched.line();
    assert!(line.contains("  no_reply  ") && line.contains("SYNs, "), "{line}");
    assert!(line.chars().count() <= 80, "{line}");
    let (status, lines, said) = watched.close();
    assert_eq!((status, said.as_str()), (Some(0), ""));
    let text = lines.join("\n");
    assert!(text.contains("1 of 3 connections failed"), "{text}");
    assert!(lines.iter().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn a_quiet_link_tells_that_a_syn_stays_unanswered() {
    let mut watched = Watched::start(&["-"]);
    let (to_syn, rest) = up_to(QUEUE, 1);
    let start = Instant::now();
    watched.give(&to_syn);
    watched.line();
    let line = watched.line();
    assert!(start.elapsed() >= Duration::from_secs(3), "{line}");
    assert!(line.contains("  no_reply?  ") && line.contains("1 SYN, 3."), "{line}");
    // The answer comes late: by a buffer on the way, for instance.
    watched.give(&rest);
    let line = watched.line();
    assert!(line.contains("  complete  ") && line.ends_with(", was no_reply"), "{line}");
    let (status, lines, _) = watched.close();
    assert_eq!(status, Some(0));
    assert!(lines.iter().any(|line| line.contains("1 of 3 connections failed")), "{lines:?}");
}

#[test]
fn rows_have_the_names_of_connections() {
    let file = stdout(&["watch", "--format", "jsonl", QUEUE]);
    let rows = |text: &str| -> Vec<Value> {
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    };
    let (rows, expected) =
        (rows(&file), rows(&stdout(&["connections", "--format", "jsonl", QUEUE])));
    assert_eq!(rows.len(), 3);
    for (row, expected) in rows.iter().zip(&expected) {
        for name in ["file", "conn", "client_port", "outcome", "setup_time_ns", "first_ns"] {
            assert_eq!(row[name], expected[name], "{name}");
        }
        let names = |row: &Value| row.as_object().expect("an object").keys().len();
        assert_eq!(names(row), names(expected));
    }
    // One line at once, while the pipe is open.
    let mut watched = Watched::start(&["--format", "jsonl", "--failed"]);
    watched.give(&fs::read(workspace().join(REFUSED)).expect("a sample"));
    let row: Value = serde_json::from_str(&watched.line()).expect("JSON");
    assert_eq!((&row["outcome"], &row["file"]), (&Value::from("refused"), &Value::from("-")));
    let (status, lines, said) = watched.close();
    assert_eq!((status, lines.len(), said.as_str()), (Some(0), 0, ""));
}

#[test]
fn only_those_that_are_asked_for_have_a_line() {
    let lines = |arguments: &[&str]| {
        let text = stdout(&[&["watch", QUEUE], arguments].concat());
        text.lines().skip(1).take_while(|line| !line.is_empty()).count()
    };
    assert_eq!(lines(&[]), 3);
    assert_eq!(lines(&["--failed"]), 1);
    assert_eq!(lines(&["--port", "37946"]), 1);
    // The triage counts all of them.
    assert!(stdout(&["watch", "--failed", QUEUE]).contains("1 of 3 connections failed"));
}

#[test]
fn a_signal_ends_it_with_the_triage() {
    for name in ["-INT", "-TERM"] {
        let mut watched = Watched::start(&[]);
        watched.give(&fs::read(workspace().join(QUEUE)).expect("a sample"));
        (0..4).for_each(|_| drop(watched.line()));
        // The pipe stays open.
        watched.signal(name);
        let mut text = String::new();
        while let Ok(line) = watched.lines.recv_timeout(LONG) {
            text += &(line + "\n");
        }
        assert!(text.contains("1 of 3 connections failed"), "{text}");
        let (status, ..) = watched.close();
        assert_eq!(status, Some(0), "{name}");
    }
}

#[test]
fn totals_are_written_where_they_are_asked_for() {
    // A width that the environment asks for makes no terminal of a pipe.
    let mut command = tcphs(["watch", "--totals", "1"]);
    command.env("COLUMNS", "60");
    let mut watched = Watched::of(command);
    watched.give(&fs::read(workspace().join(QUEUE)).expect("a sample"));
    (0..4).for_each(|_| drop(watched.line()));
    thread::sleep(Duration::from_millis(2500));
    let (_, _, said) = watched.close();
    assert!(said.contains("tcphs: 2 came up, 1 failed (1 no_reply)\n"), "{said}");
}

#[test]
fn a_file_that_grows_is_followed() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("growing.pcapng");
    let (start, rest) = up_to(QUEUE, 2);
    fs::write(&file, start).expect("there is room");
    let watched = Watched::start(&["--follow", &file.display().to_string()]);
    watched.line();
    thread::sleep(Duration::from_millis(300));
    let mut grown = fs::OpenOptions::new().append(true).open(&file).expect("it is ours");
    grown.write_all(&rest).expect("there is room");
    assert!(watched.line().contains("  complete  "));
    watched.signal("-INT");
    assert_eq!(watched.close().0, Some(0));
}

#[test]
fn what_cannot_be_done_is_said() {
    let told = stderr(&["watch", "missing.pcap"], 1);
    assert!(told.contains("missing.pcap: "), "{told}");
    let told = stderr(&["watch", "Cargo.toml"], 1);
    assert!(told.contains("not a pcap"), "{told}");
    let told = stderr(&["watch", "-"], 1);
    assert!(told.contains("standard input: not a capture file: it is empty"), "{told}");
    // A reader that has seen enough is no error.
    let mut watched = Watched::start(&["-"]);
    let (start, rest) = up_to(QUEUE, 2);
    watched.give(&start);
    watched.line();
    drop(std::mem::replace(&mut watched.lines, channel().1));
    watched.give(&rest);
    let (status, _, said) = watched.close();
    assert_eq!((status, said.as_str()), (Some(0), ""));
}
