//! Names of hosts that captures bring along.

mod common;

use std::fs;

use common::{run, stdout, tcphs, workspace};
use tempfile::TempDir;

/// A sample, and behind its packets a Name Resolution Block with these names: IPv4 address and name.
fn named(folder: &TempDir, sample: &str, names: &[([u8; 4], &str)]) -> String {
    let mut file = fs::read(workspace().join(sample)).expect("the sample is there");
    let mut body = Vec::new();
    for (address, name) in names {
        let value = [&address[..], name.as_bytes(), b"\0"].concat();
        body.extend(1_u16.to_le_bytes());
        body.extend((value.len() as u16).to_le_bytes());
        body.extend(&value);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    body.extend([0; 4]);
    let octets = (12 + body.len() as u32).to_le_bytes();
    file.extend([&4_u32.to_le_bytes()[..], &octets, &body, &octets].concat());
    let path = folder.path().join("named.pcapng");
    fs::write(&path, file).expect("there is room");
    path.display().to_string()
}

const SAMPLE: &str = "samples/not-accepted.pcapng";
const CLIENT: [u8; 4] = [192, 0, 2, 1];
const SERVER: [u8; 4] = [198, 51, 100, 2];

#[test]
fn names_are_shown_where_they_are_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let file = named(&folder, SAMPLE, &[(SERVER, "db.example"), (SERVER, "old.example")]);
    for command in ["connections", "packets", "servers", "ladder", "explain"] {
        let plain = stdout(&[command, &file]);
        assert!(!plain.contains("db.example"), "{command}: {plain}");
        let shown = stdout(&[command, "--names", &file]);
        assert!(shown.contains("db.example:7000"), "{command}: {shown}");
        // The client has none.
        assert!(command == "servers" || shown.contains("192.0.2.1:40002"), "{command}: {shown}");
    }
    for command in ["connections", "servers"] {
        let shown = stdout(&[command, "--names", &file]);
        assert!(shown.contains("\n198.51.100.2 = db.example, old.example\n"), "{command}: {shown}");
    }
    // Commands to type, and rows for programs, keep the addresses.
    let explained = stdout(&["explain", "--names", &file]);
    assert!(explained.contains("ip.addr == 198.51.100.2"), "{explained}");
    for command in ["connections", "packets", "servers"] {
        let plain = stdout(&[command, "--format", "csv", &file]);
        assert_eq!(plain, stdout(&[command, "--names", "--format", "csv", &file]), "{command}");
    }
}

#[test]
fn a_name_of_two_hosts_tells_which() {
    let folder = tempfile::tempdir().unwrap();
    let file = named(&folder, SAMPLE, &[(SERVER, "nat.example"), (CLIENT, "nat.example")]);
    let shown = stdout(&["connections", "--names", &file]);
    assert!(shown.contains("nat.example[192.0.2.1]:40002"), "{shown}");
    assert!(shown.contains("nat.example[198.51.100.2]:7000"), "{shown}");
}

#[test]
fn hostile_names_cannot_move_the_cursor() {
    let folder = tempfile::tempdir().unwrap();
    let name = "a\u{1b}[2J\u{202e}evil";
    let file = named(&folder, SAMPLE, &[(SERVER, name), (CLIENT, &"x".repeat(300))]);
    for command in ["connections", "packets", "servers", "ladder", "explain"] {
        let shown = stdout(&[command, "--names", &file]);
        assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{command}: {shown}");
        assert!(shown.contains("a\\u{1b}[2J\\u{202e}evil:7000"), "{command}: {shown}");
        let narrow = tcphs([command, "--names", &file]).env("COLUMNS", "80").output().unwrap();
        let narrow = String::from_utf8_lossy(&narrow.stdout).into_owned();
        let is_long = |line: &&str| line.chars().count() > 80 && !line.starts_with("       ");
        let long: Vec<_> = narrow.lines().filter(is_long).collect();
        // Only the line that tells all names of an address may be long.
        assert!(long.iter().all(|line| line.contains(" = ")), "{command}: {long:?}");
    }
}

#[test]
fn a_stream_has_its_names_too_late_for_packets() {
    let folder = tempfile::tempdir().unwrap();
    let file = named(&folder, SAMPLE, &[(SERVER, "db.example")]);
    let from_pipe = |command: &str| {
        let input = fs::File::open(&file).unwrap();
        tcphs([command, "--names", "-"]).stdin(input).output().unwrap()
    };
    assert!(String::from_utf8_lossy(&from_pipe("connections").stdout).contains("db.example"));
    assert_eq!(from_pipe("packets").status.code(), Some(2));
    assert!(run(&["packets", "--names", SAMPLE]).status.success());
}
