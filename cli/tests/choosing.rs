//! Which connections are shown, in which order, and with which times.

mod common;

use std::fs::File;
use std::net::IpAddr;

use common::{run, stderr, stdout, tcphs, workspace};
use serde_json::Value;

const QUEUE: &str = "samples/accept-queue-full.pcapng";
/// Two connections over IPv6.
const IPV6: &str = "samples/icmp-reject-ipv6.pcapng";
const CHALLENGE: &str = "samples/challenge-ack.pcapng";
const WHOLE: &str = "samples/telnet-dns.pcapng";

fn rows(arguments: &[&str]) -> Vec<Value> {
    let text = stdout(arguments);
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn numbers(arguments: &[&str]) -> Vec<u64> {
    let rows = rows(&[&["connections", "--format", "jsonl"], arguments].concat());
    rows.iter().map(|row| row["conn"].as_u64().expect("a number")).collect()
}

#[test]
fn networks_choose_hosts() {
    assert_eq!(numbers(&["--host", "198.51.100.0/24", QUEUE]), [0, 1, 2]);
    assert_eq!(numbers(&["--host", "10.0.0.0/8", QUEUE]), [0; 0]);
    assert_eq!(numbers(&["--host", "2001:db8::/32", IPV6]), [0, 1]);
    assert_eq!(numbers(&["--host", "2001:db8:3::/48", "--host", "2001:db8:2::2", IPV6]), [0, 1]);
    let said = stderr(&["connections", "--host", "10.0.0.0/33", QUEUE], 2);
    assert!(said.contains("10.0.0.0/8"), "{said}");
}

#[test]
fn ranges_choose_numbers() {
    assert_eq!(numbers(&["--conn", "0,2", QUEUE]), [0, 2]);
    assert_eq!(numbers(&["--conn", "1-2", QUEUE]), [1, 2]);
    assert_eq!(numbers(&["--conn", "1-", "--conn", "0", QUEUE]), [0, 1, 2]);
    // A range may reach beyond the last one, but not begin there.
    assert_eq!(numbers(&["--conn", "2-99", QUEUE]), [2]);
    let said = stderr(&["connections", "--conn", "7-9", QUEUE], 2);
    assert!(said.contains("no connection 7"), "{said}");
    stderr(&["connections", "--conn", "2-1", QUEUE], 2);
}

/// The times of the first segments, as `connections` prints them.
fn firsts(file: &str) -> Vec<String> {
    let arguments = ["connections", "--format", "jsonl", "--timestamps", "rfc3339", file];
    rows(&arguments).iter().map(|row| row["first"].as_str().expect("a time").to_owned()).collect()
}

#[test]
fn spans_choose_by_the_first_segment() {
    let firsts = firsts(CHALLENGE);
    assert_eq!(firsts.len(), 2);
    // From the time on, and before the other one.
    assert_eq!(numbers(&["--since", &firsts[1], CHALLENGE]), [1]);
    assert_eq!(numbers(&["--until", &firsts[1], CHALLENGE]), [0]);
    assert_eq!(numbers(&["--since", &firsts[0], "--until", &firsts[1], CHALLENGE]), [0]);
    // The second one begins 0.6 s after the first frame.
    assert_eq!(numbers(&["--since", "+500ms", CHALLENGE]), [1]);
    assert_eq!(numbers(&["--since", "+0s", "--until", "+500ms", CHALLENGE]), [0]);
    let (day, time) = firsts[1].trim_end_matches('Z').split_once('T').expect("a day");
    assert_eq!(numbers(&["--since", time, CHALLENGE]), [1]);
    assert_eq!(numbers(&["--since", &format!("{day} {time}"), CHALLENGE]), [1]);
    // Also where only the outcome tells which connections are wanted, and for the other commands.
    let text = stdout(&["ladder", "--since", "+500ms", CHALLENGE]);
    assert!(text.starts_with("conn 1 ") && !text.contains("conn 0 "), "{text}");
    let rows = rows(&["packets", "--format", "jsonl", "--until", "+500ms", CHALLENGE]);
    assert!(rows.iter().all(|row| row["conn"] == 0) && rows.len() == 5, "{rows:?}");
}

#[test]
fn a_time_of_day_before_the_capture_is_doubted() {
    let output = run(&["connections", "--since", "00:00:01", CHALLENGE]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("write the date, too"), "{said}");
}

#[test]
fn when_a_stream_begins_is_known_too_late() {
    let sample = || File::open(workspace().join(CHALLENGE)).unwrap();
    let output = tcphs(["connections", "--since", "+1s", "-"]).stdin(sample()).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("2026-01-02T10:00:00Z"), "{said}");
    // A date is enough, and the table still counts from the first frame.
    for command in ["connections", "packets", "ladder"] {
        let arguments = [command, "--since", "2026-01-01", "-"];
        let output = tcphs(arguments).stdin(sample()).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), stdout(&[command, CHALLENGE]));
    }
}

#[test]
fn times_do_not_depend_on_what_is_shown() {
    for command in ["connections", "packets", "ladder"] {
        let all = stdout(&[command, CHALLENGE]);
        let some = stdout(&[command, "--conn", "1", CHALLENGE]);
        // The lines of the second connection are the same, whether those of the first precede them or not.
        let line = some.lines().find(|line| line.contains("0.600853")).expect("it began then");
        assert!(all.contains(line), "{command}: {line}\n{all}");
    }
    let delta = stdout(&["packets", "--conn", "1", "--time", "delta", CHALLENGE]);
    assert!(delta.lines().nth(1).is_some_and(|line| line.contains(" 0.000000 ")), "{delta}");
    let utc = stdout(&["packets", "--conn", "1", "--time", "utc", CHALLENGE]);
    let micros = &firsts(CHALLENGE)[1][..26];
    assert!(utc.contains(micros), "{micros}: {utc}");
}

#[test]
fn only_the_steps_of_the_handshake() {
    let all = rows(&["packets", "--format", "jsonl", CHALLENGE]);
    let steps = rows(&["packets", "--handshake", "--format", "jsonl", CHALLENGE]);
    let with_stage: Vec<_> = all.iter().filter(|row| row["stage"] != "-").collect();
    assert!(!with_stage.is_empty() && with_stage.len() < all.len());
    assert_eq!(steps.iter().collect::<Vec<_>>(), with_stage);
    assert_eq!(stdout(&["packets", "--handshake", CHALLENGE]).lines().count(), 1 + steps.len());
}

#[test]
fn times_as_text_stand_beside_those_in_nanoseconds() {
    for (command, columns) in [("connections", &["first", "last"][..]), ("packets", &["time"])] {
        let plain = rows(&[command, "--format", "jsonl", CHALLENGE]);
        let stamped = rows(&[command, "--format", "jsonl", "--timestamps", "rfc3339", CHALLENGE]);
        for (mut row, plain) in stamped.into_iter().zip(plain) {
            for column in columns {
                let text = row.as_object_mut().unwrap().remove(*column).expect("a time");
                let ns = row[format!("{column}_ns")].as_i64().expect("a number");
                let text = text.as_str().expect("text").to_owned();
                let time: jiff::Timestamp = text.parse().expect("RFC 3339");
                assert_eq!(time.as_nanosecond(), ns.into());
                assert!(text.len() == 30 && text.ends_with('Z'), "{text}");
            }
            assert_eq!(row, plain, "nothing else changes");
        }
        let csv = stdout(&[command, "--format", "csv", "--timestamps", "rfc3339", CHALLENGE]);
        let mut lines = csv.lines();
        let titles: Vec<_> = lines.next().expect("titles").split(',').collect();
        let place = titles.iter().position(|title| title == &columns[0]).expect("a column");
        assert_eq!(titles[place - 1], format!("{}_ns", columns[0]));
        assert!(
            lines.next().is_some_and(|row| row.split(',').nth(place).unwrap().contains("T01:55:"))
        );
    }
    for format in ["table", "parquet"] {
        stderr(&["connections", "--format", format, "--timestamps", "rfc3339", CHALLENGE], 2);
    }
}

fn servers(arguments: &[&str]) -> Vec<(String, u64, u64)> {
    let rows = rows(&[&["servers", "--format", "jsonl"], arguments].concat());
    let number = |row: &Value, key: &str| row[key].as_u64().unwrap_or(0);
    rows.iter()
        .map(|row| {
            let server =
                format!("{}:{}", row["server_addr"].as_str().expect("text"), row["server_port"]);
            let failed = number(row, "attempts") - number(row, "complete");
            (server, number(row, "attempts"), failed)
        })
        .collect()
}

#[test]
fn servers_are_sorted() {
    let files =
        [QUEUE, "samples/refused.pcapng", "samples/no-reply.pcapng", CHALLENGE, IPV6, WHOLE];
    let sorted = |by: &str| servers(&[&["--sort", by], &files[..]].concat());
    let order = |by: &str, key: &dyn Fn(&(String, u64, u64)) -> u64| {
        let keys: Vec<_> = sorted(by).iter().map(key).collect();
        assert!(keys.len() > 4 && keys.is_sorted_by(|one, next| one >= next), "{by}: {keys:?}");
    };
    order("attempts", &|(_, attempts, _)| *attempts);
    order("failed", &|(.., failed)| *failed);
    order("rate", &|(_, attempts, failed)| failed * 1000 / attempts.max(&1));
    assert_eq!(sorted("attempts"), servers(&files));
    let addresses: Vec<_> = sorted("address").into_iter().map(|(server, ..)| server).collect();
    let ends: Vec<_> = addresses.iter().map(|server| server.rsplit_once(':').unwrap()).collect();
    let ends = ends.iter().map(|(host, port)| (host.parse().unwrap(), port.parse().unwrap()));
    let ends: Vec<(IpAddr, u16)> = ends.collect();
    assert!(ends.is_sorted(), "{ends:?}");
    let same = |mut rows: Vec<(String, u64, u64)>| {
        rows.sort();
        rows
    };
    assert_eq!(same(sorted("rtt")), same(sorted("setup")));
}

#[test]
fn servers_have_a_row_for_each_interval() {
    let every = rows(&["servers", "--every", "1s", "--format", "jsonl", CHALLENGE]);
    let whole = rows(&["servers", "--format", "jsonl", CHALLENGE]);
    assert_eq!((every.len(), whole.len()), (2, 1));
    let begins: Vec<_> = every.iter().map(|row| row["from_ns"].as_i64().unwrap()).collect();
    assert!(begins.iter().all(|begin| begin % 1_000_000_000 == 0) && begins[0] < begins[1]);
    // Together, they count what the row without intervals does.
    let sum = |key: &str| every.iter().map(|row| row[key].as_u64().unwrap()).sum::<u64>();
    for key in ["attempts", "complete", "no_reply", "refused"] {
        assert_eq!(sum(key), whole[0][key].as_u64().unwrap(), "{key}");
    }
    let texts =
        ["servers", "--every", "1s", "--format", "csv", "--timestamps", "rfc3339", CHALLENGE];
    let csv = stdout(&texts);
    assert!(csv.starts_with("from_ns,from,server_addr,"), "{csv}");
    assert!(csv.contains(",2026-11-23T01:55:52.000000000Z,"), "{csv}");
    let table = stdout(&["servers", "--every", "1s", CHALLENGE]);
    assert!(table.contains("2026-11-23T01:55:53Z"), "{table}");
    stderr(&["servers", "--every", "0s", CHALLENGE], 2);
    stderr(&["servers", "--timestamps", "rfc3339", "--format", "csv", CHALLENGE], 2);
}

#[test]
fn nothing_that_matches_is_said_in_the_same_words() {
    let nothing = ["--outcome", "refused"];
    let mut told = Vec::new();
    for command in ["connections", "packets", "servers", "ladder", "explain"] {
        told.push(stderr(&[&[command], &nothing[..], &[QUEUE]].concat(), 0));
    }
    let pair = common::pair("clean");
    told.push(stderr(&["compare", "--outcome", "refused", &pair[0], &pair[1]], 0));
    for said in &told {
        assert!(said.starts_with("tcphs: no connection matches: there are "), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    // With one that matches, nothing is said.
    for command in ["connections", "packets", "servers", "explain"] {
        let output = run(&[command, "--outcome", "no_reply", QUEUE]);
        assert!(output.status.success());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!said.contains("matches"), "{command}: {said}");
    }
}

#[test]
fn nothing_to_show_is_no_number() {
    for command in ["ladder", "explain"] {
        let said = stderr(&[command, "--max", "0", QUEUE], 2);
        assert!(said.contains("at least 1"), "{said}");
    }
}

#[test]
fn threads_are_offered_where_they_do_something() {
    for command in ["connections", "servers"] {
        assert!(stdout(&[command, "--help"]).contains("--threads"), "{command}");
    }
    for command in ["packets", "ladder", "explain"] {
        assert!(!stdout(&[command, "--help"]).contains("--threads"), "{command}");
        // Scripts that give it go on to work.
        assert!(run(&[command, "--threads", "2", QUEUE]).status.success(), "{command}");
    }
}
