//! `tcphs FILE`: what a capture shows at first sight.

mod common;

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use common::{run, samples, stderr, stdout, tcphs, workspace};
use expect_test::expect_file;
use serde_json::Value;
use tempfile::TempDir;

const SYN: u8 = 0x02;
const FIN: u8 = 0x01;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;

/// Address and port in 10.0.0.0/8.
type End = (u32, u16);
/// Milliseconds, sender, receiver, flags, both numbers, and octets of data.
type Sent = (u32, End, End, u8, u32, u32, usize);

/// What an operating system offers in a SYN: size, selective acknowledgments, window scale.
const OFFER: [u8; 12] = [2, 4, 5, 180, 1, 1, 4, 2, 1, 3, 3, 7];

/// A capture in a file; RAW, little-endian.
struct Capture(TempDir);

impl Capture {
    fn new(segments: &[Sent]) -> Self {
        let folder = tempfile::tempdir().expect("there is room");
        let mut segments = segments.to_vec();
        segments.sort_by_key(|(ms, ..)| *ms);
        let mut file =
            Vec::from(b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\xff\xff\0\0\x65\0\0\0");
        for (place, (ms, from, to, flags, seq, ack, data)) in (1_u32..).zip(&segments) {
            // SYNs with an even number are those of an operating system.
            let offer: &[u8] = if flags & SYN != 0 && seq % 2 == 0 { &OFFER } else { &[] };
            let length = (40 + offer.len() + data) as u32;
            for word in [1_700_000_000 + ms / 1000, ms % 1000 * 1000, length, length] {
                file.extend(word.to_le_bytes());
            }
            file.extend([0x45, 0]);
            file.extend((length as u16).to_be_bytes());
            file.extend((place as u16).to_be_bytes());
            file.extend([0, 0, 64, 6, 0, 0]);
            for (host, _) in [from, to] {
                file.extend((10 << 24 | host).to_be_bytes());
            }
            for (_, port) in [from, to] {
                file.extend(port.to_be_bytes());
            }
            file.extend(seq.to_be_bytes());
            file.extend(ack.to_be_bytes());
            file.extend([(5 + offer.len() as u8 / 4) << 4, *flags, 0xff, 0xff, 0, 0, 0, 0]);
            file.extend(offer);
            file.extend(vec![b'x'; *data]);
        }
        fs::write(folder.path().join("a.pcap"), file).expect("there is room");
        Self(folder)
    }

    fn path(&self) -> String {
        self.0.path().join("a.pcap").display().to_string()
    }

    fn json(&self) -> Value {
        json(&self.path())
    }
}

fn json(path: &str) -> Value {
    serde_json::from_str(&stdout(&["triage", "--format", "json", path])).expect("JSON")
}

/// The groups of a section.
fn section<'v>(triage: &'v Value, name: &str) -> Vec<&'v Value> {
    let groups = triage["groups"].as_array().expect("groups");
    groups.iter().filter(|group| group["section"] == name).collect()
}

/// A SYN of an operating system, repeated as one does, and never answered.
fn unanswered(ms: u32, from: End, to: End) -> Vec<Sent> {
    let isn = ms * 1000 + u32::from(from.1) * 2;
    [0, 1000, 3000].map(|later| (ms + later, from, to, SYN, isn, 0, 0)).to_vec()
}

/// A SYN of a scanner, sent once.
fn probe(ms: u32, from: End, to: End) -> Vec<Sent> {
    vec![(ms, from, to, SYN, ms * 2 + 1, 0, 0)]
}

fn refused(ms: u32, from: End, to: End) -> Vec<Sent> {
    vec![(ms, from, to, SYN, 100, 0, 0), (ms + 1, to, from, RST | ACK, 0, 101, 0)]
}

/// The three steps of the handshake.
fn opening(ms: u32, from: End, to: End) -> [Sent; 3] {
    [
        (ms, from, to, SYN, 700, 0, 0),
        (ms + 10, to, from, SYN | ACK, 900, 701, 0),
        (ms + 11, from, to, ACK, 701, 901, 0),
    ]
}

/// A connection on which both sides say something and close.
fn good(ms: u32, from: End, to: End) -> Vec<Sent> {
    let rest = [
        (ms + 12, from, to, ACK, 701, 901, 50),
        (ms + 22, to, from, ACK, 901, 751, 50),
        (ms + 23, from, to, ACK | FIN, 751, 951, 0),
        (ms + 33, to, from, ACK | FIN, 951, 752, 0),
        (ms + 34, from, to, ACK, 752, 952, 0),
    ];
    [&opening(ms, from, to)[..], &rest].concat()
}

/// Time goes on for long enough to decide everything.
fn end(ms: u32) -> Vec<Sent> {
    good(ms, (250, 60_000), (451, 9))
}

fn all(parts: impl IntoIterator<Item = Vec<Sent>>) -> Capture {
    Capture::new(&parts.into_iter().flatten().collect::<Vec<_>>())
}

#[test]
fn samples_at_first_sight() {
    for sample in samples() {
        let name = sample.trim_start_matches("samples/").trim_end_matches(".pcapng");
        let told = stdout(&[&sample]);
        let file = workspace().join(format!("cli/tests/golden/triage-{name}.txt"));
        expect_file![file].assert_eq(&told);
        assert_eq!(told, stdout(&["triage", &sample]), "{sample}");
    }
}

/// The captures that come with the project, and those beside it where they are.
fn captures() -> Vec<PathBuf> {
    let mut found: Vec<_> = samples().iter().map(|name| workspace().join(name)).collect();
    let pairs = fs::read_dir(workspace().join("samples/pairs")).expect("the pairs are there");
    found.extend(pairs.filter_map(|entry| Some(entry.ok()?.path())));
    let shared = workspace().join("../shared/captures");
    match shared.canonicalize() {
        Ok(shared) => walk(&shared, &mut found),
        Err(_) => println!("SKIP: there are no captures in {}", shared.display()),
    }
    found.retain(|path| {
        let ending = path.extension().map(|ending| ending.to_string_lossy().into_owned());
        ending.is_some_and(|it| ["pcap", "pcapng", "cap", "gz", "zst"].contains(&&*it))
    });
    found.sort();
    found
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
        match entry.path() {
            path if path.is_dir() => walk(&path, found),
            path => found.push(path),
        }
    }
}

/// Every capture is told on a screen, and every connection is counted once.
#[test]
fn every_capture_fits_on_a_screen_and_every_connection_is_counted_once() {
    for path in captures() {
        let path = path.display().to_string();
        let output = run(&["triage", &path]);
        if output.status.code() == Some(1) {
            // What cannot be read says so.
            assert!(!output.stderr.is_empty(), "{path}");
            continue;
        }
        let text = String::from_utf8(output.stdout).expect("text");
        assert!(text.lines().count() <= 24, "{path}: {text}");
        for line in text.lines().filter(|line| line.chars().count() > 80) {
            // Commands, and names of files without a space, are not cut.
            let words: Vec<_> = line.split_whitespace().collect();
            let is_command = line.starts_with("     ") || line.contains("More: tcphs");
            assert!(
                is_command || words.len() <= 2 || line.contains("tcphs triage"),
                "{path}: {line}"
            );
        }
        let triage = json(&path);
        let count = |name: &str| triage["connections"][name].as_u64().expect(name);
        let total: u64 = triage["outcomes"]
            .as_object()
            .expect("outcomes")
            .values()
            .map(|count| count.as_u64().expect("a number"))
            .sum();
        assert_eq!(count("total"), total, "{path}");
        let buckets = ["failed", "came_up", "undecided", "patterns", "not_opened"];
        assert_eq!(buckets.map(count).iter().sum::<u64>(), total, "{path}: {triage}");
        let mut seen = HashSet::new();
        for section_name in ["failed", "pattern"] {
            for group in section(&triage, section_name) {
                for conn in group["conns"].as_array().expect("numbers") {
                    assert!(seen.insert(conn.as_u64()), "{path}: {conn} is in two groups");
                }
            }
        }
        let in_groups = |name| -> u64 {
            section(&triage, name).iter().filter_map(|group| group["connections"].as_u64()).sum()
        };
        assert_eq!(in_groups("failed"), count("failed"), "{path}: {triage}");
        assert_eq!(in_groups("pattern"), count("patterns"), "{path}: {triage}");
    }
}

/// The cause that a group names is the one that `explain` names first for its example.
#[test]
fn triage_and_explain_name_the_same_cause() {
    let texts: BTreeMap<_, _> = dissector_core::connection::Cause::ALL
        .iter()
        .map(|cause| (cause.label(), cause.text()))
        .collect();
    let mut compared = 0;
    for path in captures() {
        let path = path.display().to_string();
        if run(&["triage", &path]).status.code() == Some(1) {
            continue;
        }
        let triage = json(&path);
        for group in triage["groups"].as_array().expect("groups") {
            let (Some(cause), Some(next)) = (group["cause"].as_str(), group["next"].as_str())
            else {
                continue;
            };
            if !next.starts_with("tcphs explain") {
                continue;
            }
            let conn = group["example_conn"].to_string();
            let explained = stdout(&["explain", "--conn", &conn, &path]);
            let explained = explained.split_whitespace().collect::<Vec<_>>().join(" ");
            let causes = ["The cause ", "Likely causes 1. "];
            let place = causes
                .iter()
                .find_map(|heading| explained.find(heading).map(|place| place + heading.len()));
            let named = &explained[place.unwrap_or_else(|| panic!("{path}: {explained}"))..];
            assert!(named.starts_with(texts[cause]), "{path} {conn}: {cause}\n{named}");
            compared += 1;
        }
    }
    assert!(compared > 20, "only {compared}");
}

#[test]
fn json_has_the_documented_keys() {
    let triage = json("samples/accept-queue-full.pcapng");
    let keys = |value: &Value| -> Vec<String> {
        value.as_object().expect("an object").keys().cloned().collect()
    };
    let page = fs::read_to_string(workspace().join("docs/TRIAGE.md")).expect("the page");
    let group = &triage["groups"][0];
    for key in
        [&triage, &triage["capture"], &triage["connections"], group].into_iter().flat_map(keys)
    {
        assert!(page.contains(&format!("`{key}`")), "docs/TRIAGE.md does not tell of {key}");
    }
    assert_eq!(group["outcome"], "no_reply");
    assert_eq!(group["cause"], "accept_queue_full");
    assert_eq!(group["evidence"], "server_took_before");
    assert_eq!((&group["connections"], &group["attempts"]), (&1.into(), &3.into()));
    assert_eq!(triage["outcomes"]["complete"], 2);
}

#[test]
fn captures_alone_are_triaged_and_mistakes_answered() {
    let refused = "samples/refused.pcapng";
    let from_stdin = tcphs(["-"]).stdin(File::open(workspace().join(refused)).unwrap()).output();
    let from_stdin = String::from_utf8(from_stdin.unwrap().stdout).unwrap();
    assert!(from_stdin.starts_with("standard input: "), "{from_stdin}");
    // What cannot be read again is not to be read again.
    assert!(from_stdin.contains("refused") && !from_stdin.contains("More:"), "{from_stdin}");
    assert!(stderr(&["conections", refused], 2).contains("`tcphs connections`"));
    assert!(stderr(&["nowhere.pcap"], 2).contains("no such file: nowhere.pcap"));
    assert!(stderr(&["quux"], 2).contains("commands are: triage"));
    assert_eq!(run(&["--fail-on", "failed", refused]).status.code(), Some(3));
    assert_eq!(run(&["--fail-on", "failed", "samples/ipv6.pcapng"]).status.code(), Some(0));
    assert!(stderr(&["triage", "--conn", "9", refused], 2).contains("no connection 9"));
    let selected = json_of(&["--host", "192.0.2.77", refused]);
    assert_eq!(selected["connections"]["total"], 0);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("told.txt").display().to_string();
    assert_eq!(stdout(&["--output", &file, refused]), "");
    assert_eq!(fs::read_to_string(file).unwrap(), stdout(&[refused]));
}

fn json_of(arguments: &[&str]) -> Value {
    let text = stdout(&[&["triage", "--format", "json"], arguments].concat());
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn failures_are_grouped_by_what_they_share() {
    // A server that worked, and then never again; others go on.
    let since = all((0..20)
        .map(|n| {
            let (client, server) = ((n % 4, 20_000 + n as u16), (500, 443));
            if n < 12 {
                good(n * 1000, client, server)
            } else {
                unanswered(n * 1000, client, server)
            }
        })
        .chain((0..20).map(|n| good(n * 1000, (9, 30_000 + n as u16), (501, 443))))
        .chain([end(60_000)]));
    let triage = since.json();
    let groups = section(&triage, "failed");
    assert_eq!(groups.len(), 1, "{triage}");
    assert_eq!((&groups[0]["kind"], &groups[0]["connections"]), (&"server".into(), &8.into()));
    assert_eq!(groups[0]["attempts"], 20);
    let title = groups[0]["title"].as_str().unwrap();
    assert!(title.ends_with("from 22:13:32 on, 12 came up before"), "{title}");

    // A network of servers; another is well.
    let network = all((0..12)
        .map(|n| unanswered(n * 1000, (n % 3, 20_000 + n as u16), (0x1_0500 + n % 6, 443)))
        .chain((0..20).map(|n| good(n * 1000, (n % 3, 30_000 + n as u16), (0x2_0600 + n, 443))))
        .chain([end(60_000)]));
    let triage = network.json();
    let groups = section(&triage, "failed");
    assert_eq!((groups.len(), &groups[0]["kind"]), (1, &"server_net".into()), "{triage}");

    // The same, where most of the others fail in another way.
    let network = all((0..10)
        .map(|n| unanswered(n * 1000, (n % 2, 20_000 + n as u16), (0x1_0500 + n % 5, 443)))
        .chain((0..3).map(|n| refused(n * 500, (0, 30_000 + n as u16), (0x2_0600 + n, 443))))
        .chain((3..5).map(|n| good(n * 500, (0, 30_000 + n as u16), (0x2_0600 + n, 443))))
        .chain([end(60_000)]));
    let triage = network.json();
    let groups = section(&triage, "failed");
    let [kind, count, attempts] = ["kind", "connections", "attempts"].map(|key| &groups[0][key]);
    assert_eq!((kind, count), (&"server_net".into(), attempts), "{triage}");

    // At once, and so not again and again; and only one of the clients.
    let at_once = all((0..10)
        .map(|n| unanswered(n * 5, (66, 20_000 + n as u16), (500, 443)))
        .chain([good(20_000, (67, 9), (500, 443)), end(60_000)]));
    let triage = at_once.json();
    let groups = section(&triage, "failed");
    assert_eq!(groups[0]["kind"], "client_and_server", "{triage}");
    let title = groups[0]["title"].as_str().unwrap();
    assert!(title.ends_with("all 10 attempts no_reply"), "{title}");

    // One client of several.
    let client = all((0..12)
        .map(|n| unanswered(n * 1000, (66, 20_000 + n as u16), (500 + n % 6 * 300, 443)))
        .chain(
            (0..24).map(|n| good(n * 1000, (n % 3, 30_000 + n as u16), (500 + n % 6 * 300, 443))),
        )
        .chain([end(60_000)]));
    let triage = client.json();
    let groups = section(&triage, "failed");
    assert_eq!((groups.len(), &groups[0]["kind"]), (1, &"client_addr".into()), "{triage}");
    assert_eq!(groups[0]["evidence"], "only_this_client");
    assert_eq!(groups[0]["cause"], "firewall_drops");

    // A port that is blocked everywhere.
    let port = all((0..12)
        .map(|n| unanswered(n * 1000, (n % 3, 20_000 + n as u16), (500 + n % 6 * 300, 25)))
        .chain(
            (0..24).map(|n| good(n * 1000, (n % 3, 30_000 + n as u16), (500 + n % 6 * 300, 443))),
        )
        .chain([end(60_000)]));
    let triage = port.json();
    let groups = section(&triage, "failed");
    assert_eq!((groups.len(), &groups[0]["kind"]), (1, &"server_port".into()), "{triage}");

    // Everything for a while.
    let outage = all((0..40)
        .map(|n| {
            let (client, server) = ((n % 4, 20_000 + n as u16), (500 + n % 5 * 300, 443));
            let fails = (15..25).contains(&n);
            if fails {
                unanswered(n * 1000, client, server)
            } else {
                good(n * 1000, client, server)
            }
        })
        .chain([end(60_000)]));
    let triage = outage.json();
    let groups = section(&triage, "failed");
    assert_eq!((groups.len(), &groups[0]["kind"]), (1, &"all".into()), "{triage}");
    let title = groups[0]["title"].as_str().unwrap();
    assert!(title.contains("from 22:13:35 to 22:13:44"), "{title}");
}

#[test]
fn scans_floods_and_backscatter_are_no_failures() {
    // One host, many ports, no retries.
    let scan = all((0..200)
        .map(|n| refused(n * 5, (9, 40_000), (500, 1 + n as u16)))
        .chain((0..30).map(|n| probe(n * 5, (9, 40_001), (500, 5000 + n as u16))))
        .chain([end(30_000)]));
    let triage = scan.json();
    assert_eq!(section(&triage, "failed").len(), 0, "{triage}");
    assert_eq!(section(&triage, "pattern")[0]["kind"], "scan");
    assert_eq!(triage["connections"]["patterns"], 230);
    let text = stdout(&[&scan.path()]);
    assert!(text.contains("10.0.0.9 scans 230 ports of 10.0.1.244, no retries"), "{text}");

    // From one port, as no operating system does, and over before anything is decided.
    let sweep = all((0..100)
        .map(|n| vec![(n * 5, (9, 40_000), (500 + n, 22), SYN, 100, 0, 0)])
        .chain([vec![(30, (505, 22), (9, 40_000), SYN | ACK, 7, 101, 0)]]));
    let triage = sweep.json();
    assert_eq!(section(&triage, "pattern")[0]["kind"], "scan", "{triage}");
    assert_eq!(triage["connections"]["patterns"], 100);

    // Many addresses, one server.
    let flood = all((0..300)
        .map(|n| probe(n * 5, (7 + n * 97, 40_000), (500, 80)))
        .chain((0..5).map(|n| good(n * 300, (3, 50_000 + n as u16), (500, 80))))
        .chain([end(30_000)]));
    let triage = flood.json();
    assert_eq!(section(&triage, "failed").len(), 0, "{triage}");
    assert_eq!(section(&triage, "pattern")[0]["kind"], "syn_flood");
    assert_eq!(triage["connections"]["came_up"], 6);

    // Answers to SYNs that are not there.
    let backscatter = all((0..60)
        .map(|n| vec![(n * 50, (500 + n % 3, 80), (9000 + n * 31, 1024), SYN | ACK, 5, 7 + n, 0)])
        .chain([end(30_000)]));
    let triage = backscatter.json();
    assert_eq!(section(&triage, "pattern")[0]["kind"], "backscatter");
    assert_eq!(triage["connections"]["patterns"], 60);
}

#[test]
fn what_only_looks_like_a_scan_or_a_flood_stays_a_failure() {
    // Many clients of a server that is down repeat their SYNs.
    let outage = all((0..100)
        .map(|n| unanswered(n * 100, (7 + n * 97, 40_000), (500, 443)))
        .chain([end(60_000)]));
    let triage = outage.json();
    assert_eq!(triage["connections"]["failed"], 100);
    assert_eq!(section(&triage, "failed")[0]["kind"], "server");

    // A program that talks with many peers, some of which are gone.
    let peers = all((0..90)
        .map(|n| {
            let (from, to) = ((7, 20_000 + n as u16), (9000 + n * 531, 2000 + n as u16 * 37));
            match n % 3 {
                0 => good(n * 300, from, to),
                1 => refused(n * 300, from, to),
                _ => unanswered(n * 300, from, to),
            }
        })
        .chain([end(60_000)]));
    let triage = peers.json();
    assert_eq!(section(&triage, "pattern").len(), 0, "{triage}");
    assert!(section(&triage, "failed").len() <= 3, "{triage}");

    // A file transfer whose data connections a firewall drops.
    let passive = all((0..14)
        .map(|n| unanswered(n * 3000, (7, 20_000 + n as u16), (500, 50_000 + n as u16 * 17)))
        .chain([good(0, (7, 19_000), (500, 21)), end(90_000)]));
    let triage = passive.json();
    assert_eq!(triage["connections"]["failed"], 14, "{triage}");
    assert_eq!(section(&triage, "failed")[0]["kind"], "server_addr");
}

/// Cause and evidence of the first failing group.
#[track_caller]
fn first_failure(capture: &Capture) -> (String, String) {
    let json = capture.json();
    let group = section(&json, "failed")[0];
    let of = |key: &str| group[key].as_str().unwrap_or_default().to_owned();
    (of("cause"), of("evidence"))
}

#[test]
fn a_service_that_was_down_for_a_while_was_not_too_busy() {
    let (server, client) = ((1, 80), |port: u16| (9, 40_000 + port));
    let refusals =
        (1..5_u16).map(|port| refused(2000 + u32::from(port) * 300, client(port), server));
    let around = [good(1000, client(0), server), good(5000, client(9), server), end(9000)];
    let down = all(refusals.clone().chain(around));
    assert_eq!(first_failure(&down), ("port_closed".into(), "server_restarted".into()));
    // It took one in between.
    let around = [good(1000, client(0), server), good(5000, client(9), server), end(9000)];
    let busy = all(refusals.chain(around).chain([good(2700, client(8), server)]));
    assert_eq!(first_failure(&busy), ("no_backend".into(), "server_takes_others".into()));
}

#[test]
fn a_connection_that_goes_on_shows_that_the_network_is_there() {
    let (client, mail) = ((9, 40_000), (7, 25));
    let silent = |(place, at): (u16, u32)| {
        unanswered(2000 + u32::from(place) * 100, (9, 41_000 + place), (at << 8, 80))
    };
    let lost = (0..).zip([1, 2, 3]).map(silent);
    let alone = all(lost.clone().chain([end(20_000)]));
    assert_eq!(first_failure(&alone).1, "nothing_answers");
    // Open since before the capture began, and alive throughout.
    let talk = (0..40_u32).map(|turn| {
        let (from, to, numbers) = match turn % 2 {
            0 => (client, mail, (500 + turn, 900 + turn)),
            _ => (mail, client, (900 + turn - 1, 500 + turn + 1)),
        };
        (turn * 200, from, to, ACK, numbers.0, numbers.1, 2)
    });
    let beside = all(lost.chain([talk.collect(), end(20_000)]));
    assert_ne!(first_failure(&beside).1, "nothing_answers");
}

#[test]
fn resets_by_servers_of_many_networks_are_one_devices() {
    let reset = |place: u16| {
        let (client, server) = ((9, 40_000 + place), (u32::from(place) << 8 | 1, 443));
        let ms = 1000 + u32::from(place) * 200;
        let rst = (ms + 12, server, client, RST, 901, 0, 0);
        [&opening(ms, client, server)[..], &[rst]].concat()
    };
    let many = all((1..12).map(reset).chain([end(9000)]));
    let json = many.json();
    let group = section(&json, "failed");
    if let Some(group) = group.first() {
        assert_eq!(group["evidence"], "reset_elsewhere", "{group}");
        assert_eq!(group["cause"], "rst_injected", "{group}");
    } else {
        panic!("{json:#}");
    }
}

#[test]
fn the_router_that_sent_an_error_is_named() {
    for (pair, router) in
        [("rejected-icmp", "203.0.113.254."), ("rejected-icmp-ipv6", "2001:db8:3::fe.")]
    {
        let file = workspace().join(format!("samples/pairs/{pair}.client.pcapng"));
        let json = json(&file.display().to_string());
        let group = section(&json, "failed")[0];
        let text = group["evidence_text"].as_str().unwrap_or_default();
        assert!(text.contains(&format!(" It came from {router}")), "{group}");
    }
}

/// A request that is acknowledged, and an answer that is not: full-sized segments do not arrive.
#[test]
fn an_answer_that_never_arrives_is_told_at_both_ends() {
    let ends = |place: u32| ((9, 40_000 + place as u16), (1, 443));
    let asked = |ms: u32, client: End, server: End| {
        let request = (ms + 12, client, server, ACK, 701, 901, 50);
        let taken = (ms + 13, server, client, ACK, 901, 751, 0);
        [&opening(ms, client, server)[..], &[request, taken]].concat()
    };
    let at_server = all((0..3).map(|place| {
        let (ms, (client, server)) = (1000 + place * 100, ends(place));
        let again = [14, 214, 614, 1414, 3014, 6214].map(|later| ms + later);
        let data = again.map(|ms| (ms, server, client, ACK, 901, 751, 1448));
        let fin = (ms + 4000, client, server, ACK | FIN, 751, 901, 0);
        [asked(ms, client, server), data.to_vec(), vec![fin]].concat()
    }));
    let at_client = all((0..3).map(|place| {
        let (ms, (client, server)) = (1000 + place * 100, ends(place));
        let fin = (ms + 4000, client, server, ACK | FIN, 751, 901, 0);
        // Behind the octets that did not get here.
        let answer = (ms + 4001, server, client, ACK, 901 + 15_928, 752, 0);
        [asked(ms, client, server), vec![fin, answer]].concat()
    }));
    for capture in [at_server, at_client] {
        let json = capture.json();
        let silent = section(&json, "silent");
        assert_eq!(silent.len(), 1, "{json:#}");
        assert_eq!(silent[0]["kind"], "answer_unacknowledged");
        assert_eq!(silent[0]["connections"], 3);
    }
}

#[test]
fn a_service_that_fails_is_not_hidden_in_a_scan_by_the_same_host() {
    let scanner = |place: u16| (9, 50_000 + place);
    let scan = (0..60).map(|place| probe(5000 + u32::from(place) * 10, (9, 4444), (3, 1 + place)));
    let service =
        (0..5).map(|place| refused(1000 + u32::from(place) * 1900, scanner(place), (5, 8000)));
    let capture = all(scan.chain(service).chain([end(30_000)]));
    let json = capture.json();
    let failed = section(&json, "failed");
    assert_eq!(failed.len(), 1, "{json:#}");
    assert_eq!(failed[0]["connections"], 5, "{json:#}");
    assert_eq!(section(&json, "pattern")[0]["kind"], "scan");
}

#[test]
fn a_capture_of_one_direction_decides_nothing() {
    let from_clients = |segments: Vec<Sent>| -> Vec<Sent> {
        segments.into_iter().filter(|(_, (host, _), ..)| *host < 400).collect()
    };
    let capture = all((0..6)
        .map(|n| from_clients(good(n * 1000, (7, 20_000 + n as u16), (500 + n % 2, 443))))
        .chain([unanswered(2000, (7, 30_000), (502, 443)), from_clients(end(60_000))]));
    let triage = capture.json();
    assert_eq!(triage["connections"]["failed"], 0, "{triage}");
    assert_eq!(triage["connections"]["undecided"], 1, "{triage}");
    assert_eq!(triage["limits"][0]["limit"], "one_way");
    let text = stdout(&[&capture.path()]);
    assert!(text.contains("Only what clients sent was captured"), "{text}");
}

#[test]
fn a_filter_for_syns_and_fins_decides_nothing() {
    let marked = |segments: Vec<Sent>| -> Vec<Sent> {
        segments.into_iter().filter(|(_, _, _, flags, ..)| flags & (SYN | FIN | RST) != 0).collect()
    };
    let capture = all((0..6)
        .map(|n| marked(good(n * 1000, (7, 20_000 + n as u16), (500, 443))))
        .chain([marked(end(60_000))]));
    let triage = capture.json();
    let limits: Vec<_> =
        triage["limits"].as_array().unwrap().iter().map(|it| &it["limit"]).collect();
    assert!(limits.contains(&&"no_plain_acks".into()), "{triage}");
    assert_eq!(triage["connections"]["failed"], 0, "{triage}");
    assert_eq!(triage["connections"]["slow"], 0, "{triage}");
}

#[test]
fn a_filter_for_syns_decides_nothing() {
    let first = |n: u32| unanswered(n * 1000, (7, 20_000 + n as u16), (500 + n, 443))[..1].to_vec();
    let triage =
        all((0..6).map(first).chain([vec![(60_000, (7, 9), (8, 9), ACK, 1, 1, 0)]])).json();
    assert_eq!(triage["limits"][0]["limit"], "only_syns", "{triage}");
    assert_eq!(triage["connections"]["failed"], 0, "{triage}");
    // One that waits for its answer shows that answers are captured, or that there is none.
    let waits = unanswered(1000, (7, 30_000), (600, 443));
    let triage = all((0..6).map(first).chain([waits, end(60_000)])).json();
    assert_eq!(triage["connections"]["failed"], 7, "{triage}");
}

#[test]
fn slow_and_silent_connections_are_told() {
    let silent = |ms: u32, port: u16| -> Vec<Sent> {
        let (from, to) = ((7, port), (500, 443));
        let mut segments = good(ms, from, to)[..3].to_vec();
        segments.extend(
            [20, 220, 620, 1420, 3020].map(|later| (ms + later, from, to, ACK, 701, 901, 100)),
        );
        segments
    };
    let retried = |ms: u32, port: u16| -> Vec<Sent> {
        let mut segments = vec![(ms, (7, port), (501, 443), SYN, 700, 0, 0)];
        segments.extend(good(ms + 1000, (7, port), (501, 443)));
        segments
    };
    let capture = all((0..3)
        .map(|n| silent(n * 1000, 20_000 + n as u16))
        .chain((0..4).map(|n| retried(n * 1000, 21_000 + n as u16)))
        .chain((0..4).map(|n| good(n * 1000, (7, 22_000 + n as u16), (501, 443))))
        .chain([end(60_000)]));
    let triage = capture.json();
    assert_eq!(triage["connections"]["failed"], 0, "{triage}");
    assert_eq!(triage["connections"]["silent"], 3, "{triage}");
    assert_eq!(triage["connections"]["slow"], 4, "{triage}");
    assert_eq!(section(&triage, "silent")[0]["kind"], "data_unanswered");
    assert_eq!(section(&triage, "slow")[0]["kind"], "syn_retries");
    assert_eq!(section(&triage, "slow")[0]["attempts"], 8);
}
