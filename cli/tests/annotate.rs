//! `tcphs annotate`: what is written, and what is said.

mod common;

use std::fs;
use std::path::Path;

use common::{run, samples, stderr, stdout, workspace};
use tempfile::tempdir;

const QUEUE: &str = "samples/accept-queue-full.pcapng";
const REFUSED: &str = "samples/refused.pcapng";

/// Annotates captures; returns the new one.
fn annotated(folder: &Path, arguments: &[&str]) -> String {
    let output = folder.join("annotated.pcapng").display().to_string();
    stdout(&[&["annotate", "--output", &output], arguments].concat());
    output
}

/// Every comment of ours in a capture, in its order.
fn comments(file: &str) -> Vec<String> {
    let octets = fs::read(workspace().join(file)).expect("it is there");
    let marks = octets.windows(7).enumerate().filter(|(_, octets)| octets == b"tcphs: ");
    let comment = |(place, _): (usize, &[u8])| {
        let length = u16::from_le_bytes([octets[place - 2], octets[place - 1]]);
        let comment = &octets[place..place + usize::from(length)];
        String::from_utf8(comment.to_vec()).expect("UTF-8")
    };
    marks.map(comment).collect()
}

/// The rows of a command about a capture, without its name.
fn rows(command: &str, file: &str) -> String {
    stdout(&[command, "--format", "csv", file]).replace(file, "")
}

#[test]
fn rows_are_the_same_and_a_second_time_replaces_the_first() {
    let folder = tempdir().expect("a folder");
    for sample in samples() {
        let cut = sample.contains("cut-short");
        let new = annotated(folder.path(), &[&sample]);
        for command in ["packets", "connections"] {
            let (before, after) = (rows(command, &sample), rows(command, &new));
            assert_eq!(before.is_empty(), after.is_empty(), "{sample}");
            assert!(cut || before == after, "{sample}");
        }
        let octets = fs::read(&new).expect("it is there");
        let again = folder.path().join("again.pcapng").display().to_string();
        // Checks name the file that was read.
        let of_new = comments(&new).join("\n").replace(&sample, &new);
        stdout(&["annotate", &new, "-o", &again]);
        assert_eq!(comments(&again).join("\n"), of_new, "{sample}");
        let without = folder.path().join("without.pcapng").display().to_string();
        stdout(&["annotate", "--remove", &again, "-o", &without]);
        let original = fs::read(workspace().join(&sample)).expect("it is there");
        let without = fs::read(&without).expect("it is there");
        assert!(if cut { original.starts_with(&without) } else { original == without }, "{sample}");
        assert!(octets.len() > without.len(), "{sample}");
    }
}

#[test]
fn it_says_what_connections_and_packets_say() {
    let folder = tempdir().expect("a folder");
    for sample in samples() {
        let new = annotated(folder.path(), &[&sample]);
        let comments = comments(&new);
        let text = stdout(&["connections", "--format", "csv", &sample]);
        let mut lines = text.lines();
        let header: Vec<_> = lines.next().expect("a header").split(',').collect();
        let place = |name: &str| header.iter().position(|it| *it == name).expect("a column");
        for line in lines {
            let cells: Vec<_> = line.split(',').collect();
            let (conn, outcome) = (cells[place("conn")], cells[place("outcome")]);
            let end = format!(" | connection {conn}");
            let said: Vec<_> = comments.iter().filter(|it| it.ends_with(&end)).collect();
            assert_eq!(said.len(), 1, "{sample}: {conn}");
            let start = ["tcphs: ", outcome].concat();
            assert!(said[0].starts_with(&start), "{sample}: {} is not {outcome}", said[0]);
        }
        assert!(comments.iter().all(|it| it.len() < 1000), "{sample}");
    }
}

#[test]
fn what_failed_has_its_reason_and_the_next_step() {
    let folder = tempdir().expect("a folder");
    let comments = comments(&annotated(folder.path(), &["--failed", QUEUE]));
    let begins = |start: &str| comments.iter().filter(|it| it.starts_with(start)).count();
    assert_eq!(begins("tcphs: no_reply | 1/3 SYN | "), 1, "{comments:?}");
    assert_eq!(begins("tcphs: complete"), 0);
    assert_eq!(begins("tcphs: SYN, again, "), 3);
    // The other connections show that the host is there.
    assert_eq!(begins("tcphs: likely: The server's accept queue is full"), 1, "{comments:?}");
    assert_eq!(begins("tcphs: evidence: 198.51.100.2:7000 took another connection"), 1);
    assert_eq!(begins("tcphs: next: "), 1);
    assert_eq!(begins("tcphs: command: ss -ltn 'sport = :7000'"), 1, "{comments:?}");
    // The page shows them.
    let page = fs::read_to_string(workspace().join("docs/ANNOTATE.md")).expect("it is there");
    let quoted: Vec<_> = page.lines().filter(|line| line.starts_with("tcphs: ")).collect();
    assert!(quoted.len() > 5 && quoted.iter().all(|it| comments.iter().any(|own| own == it)));

    let only = [["--port", "37946"], ["--conn", "0"], ["--host", "192.0.2.1"]];
    for (options, count) in only.iter().zip([3, 3, 10]) {
        let new = annotated(folder.path(), &[options[0], options[1], QUEUE]);
        let steps = self::comments(&new);
        let is_reason = |it: &&String| {
            ["likely", "or", "evidence", "next", "command", "possible", "cause", "note"]
                .iter()
                .any(|word| it.starts_with(&format!("tcphs: {word}: ")))
        };
        assert_eq!(steps.len() - steps.iter().filter(is_reason).count(), count, "{options:?}");
    }
}

#[test]
fn several_captures_are_one_stream() {
    let folder = tempdir().expect("a folder");
    let new = annotated(folder.path(), &[REFUSED, QUEUE]);
    let outcomes = |files: &[&str]| {
        let text = stdout(&[&["connections", "--format", "csv"][..], files].concat());
        let cell = |line: &str| line.split(',').nth(10).expect("the outcome").to_owned();
        let mut outcomes: Vec<_> = text.lines().map(cell).collect();
        outcomes.sort();
        outcomes
    };
    assert_eq!(outcomes(&[&new]), outcomes(&[REFUSED, QUEUE]));
    assert!(comments(&new).iter().any(|it| it.starts_with("tcphs: refused")));
}

#[test]
fn what_cannot_be_done_is_said() {
    let folder = tempdir().expect("a folder");
    let copy = folder.path().join("copy.pcapng");
    fs::copy(workspace().join(QUEUE), &copy).expect("there is room");
    let copy = copy.display().to_string();
    for (arguments, status, told) in [
        (&["annotate"][..], 2, "required"),
        (&["annotate", "-", "--output", "/dev/null"], 2, "write them to a file first"),
        (&["annotate", "missing.pcap", "--output", "/dev/null"], 1, "missing.pcap: "),
        (&["annotate", "Cargo.toml", "--output", "/dev/null"], 1, "Cargo.toml: not a pcap"),
        (&["annotate", &copy, "--output", &copy], 2, "is an input"),
        (&["annotate", QUEUE, "--output", "/no/folder"], 1, "cannot write /no/folder"),
        (&["annotate", QUEUE, "--output", "/dev/full"], 1, "cannot write the output"),
        (&["annotate", QUEUE, "--conn", "7", "--output", "/dev/null"], 2, "no connection 7"),
        (&["annotate", QUEUE, "--remove", "--failed", "--output", "/dev/null"], 2, "--failed"),
    ] {
        let text = stderr(arguments, status);
        assert!(text.contains(told), "{arguments:?}: {text}");
    }
    assert_eq!(fs::read(&copy).ok(), fs::read(workspace().join(QUEUE)).ok());
    let cut = folder.path().join("cut.pcapng").display().to_string();
    let whole = fs::read(workspace().join(QUEUE)).expect("a sample");
    fs::write(&cut, &whole[..whole.len() - 7]).expect("there is room");
    let output = folder.path().join("new.pcapng").display().to_string();
    let told = stderr(&["annotate", &cut, "-o", &output], 0);
    assert_eq!(told.matches("is cut short after ").count(), 1, "{told}");
    assert!(!comments(&output).is_empty());
    // To a pipe, and from one where nothing has to be known before.
    let piped = run(&["annotate", REFUSED]);
    assert!(piped.status.success() && piped.stderr.is_empty(), "{piped:?}");
    fs::write(&output, &piped.stdout).expect("there is room");
    assert_eq!(comments(&output), comments(&annotated(folder.path(), &[REFUSED])));
}
