//! The sentences of `explain` that rest on the other connections of the capture.

mod common;

use std::fs;

use common::stdout;
use tempfile::TempDir;

const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;

/// The last octet of an address in 10.0.0.0/24, and a port.
type End = (u8, u16);

/// A segment: milliseconds, sender, receiver, flags, and both numbers.
type Sent = (u32, End, End, u8, u32, u32);

const CLIENT: End = (1, 40_000);
const SERVER: End = (2, 80);

/// A capture in a file; RAW, little-endian.
fn capture(folder: &TempDir, segments: &[Sent]) -> String {
    let mut file = Vec::from(b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\xff\xff\0\0\x65\0\0\0");
    for (place, (ms, from, to, flags, seq, ack)) in (1_u16..).zip(segments) {
        for word in [ms / 1000, ms % 1000 * 1000, 40, 40_u32] {
            file.extend(word.to_le_bytes());
        }
        file.extend([0x45, 0, 0, 40]);
        file.extend(place.to_be_bytes());
        file.extend([0, 0, 64, 6, 0, 0]);
        for (host, _) in [from, to] {
            file.extend([10, 0, 0, *host]);
        }
        for (_, port) in [from, to] {
            file.extend(port.to_be_bytes());
        }
        file.extend(seq.to_be_bytes());
        file.extend(ack.to_be_bytes());
        file.extend([0x50, *flags, 0xff, 0xff, 0, 0, 0, 0]);
    }
    let path = folder.path().join("a.pcap");
    fs::write(&path, file).expect("there is room");
    path.display().to_string()
}

/// The explanation of connection `conn`, however it was wrapped.
fn told(conn: u32, segments: &[Sent]) -> String {
    let folder = tempfile::tempdir().expect("there is room");
    let mut segments = segments.to_vec();
    segments.sort_by_key(|(ms, ..)| *ms);
    let path = capture(&folder, &segments);
    let text = stdout(&["explain", "--conn", &conn.to_string(), &path]);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A SYN that is repeated and never answered, from this moment on.
fn unanswered(ms: u32, from: End, to: End) -> [Sent; 2] {
    [(ms, from, to, SYN, 100, 0), (ms + 1000, from, to, SYN, 100, 0)]
}

/// A handshake at this moment.
fn handshake(ms: u32, from: End, to: End) -> [Sent; 3] {
    [
        (ms, from, to, SYN, 700, 0),
        (ms + 10, to, from, SYN | ACK, 900, 701),
        (ms + 11, from, to, ACK, 701, 901),
    ]
}

const HOST_DOWN: &str = "no host has that address";

#[test]
fn a_host_that_answers_others_is_not_down() {
    let alone = told(0, &unanswered(0, CLIENT, SERVER));
    assert!(alone.contains(HOST_DOWN), "{alone}");
    // On the same port to another client, on another port, and even with a refusal.
    let same_port = handshake(300, (9, 50_000), SERVER);
    let other_port = handshake(300, (1, 40_001), (2, 22));
    let refusal =
        [(300, (1, 40_001), (2, 23), SYN, 5, 0), (301, (2, 23), (1, 40_001), RST | ACK, 0, 6)];
    for (others, said) in [
        (&same_port[..], "10.0.0.2:80 took another connection 300.0 ms later (connection 1)"),
        (&other_port[..], "The host 10.0.0.2 answered on port 22 300.0 ms later (connection 1)"),
        (&refusal[..], "The host 10.0.0.2 answered on port 23 300.0 ms later (connection 1)"),
    ] {
        let text = told(0, &[&unanswered(0, CLIENT, SERVER)[..], others].concat());
        assert!(text.contains(said) && !text.contains(HOST_DOWN), "{text}");
    }
    // Ten minutes later it may have been started.
    let later = handshake(600_000, (9, 50_000), SERVER);
    let text = told(0, &[&unanswered(0, CLIENT, SERVER)[..], &later].concat());
    assert!(text.contains(HOST_DOWN), "{text}");
}

#[test]
fn a_client_that_reaches_others_has_a_network() {
    let others = handshake(300, (1, 40_001), (3, 443));
    let text = told(0, &[&unanswered(0, CLIENT, SERVER)[..], &others].concat());
    assert!(text.contains("reached another server, 10.0.0.3:443, 300.0 ms later"), "{text}");
    assert!(text.contains(HOST_DOWN), "{text}");
}

/// An answer from another address, of which only the SYN/ACK, a later ACK or an RST of the client may be
/// captured.
#[test]
fn an_answer_from_elsewhere_is_not_translated_back() {
    let elsewhere = (5, 8080);
    let synack = (1, elsewhere, CLIENT, SYN | ACK, 9000, 101);
    let reset = (2, CLIENT, elsewhere, RST, 101, 0);
    let later = (1500, elsewhere, CLIENT, ACK, 9001, 101);
    let syns = unanswered(0, CLIENT, SERVER);
    for others in [&[synack][..], &[synack, reset], &[later]] {
        let text = told(0, &[&syns, others].concat());
        assert!(text.contains("The cause Address translation on the path"), "{text}");
        assert!(text.contains("connection 1 acknowledges this SYN"), "{text}");
    }
    let text = told(1, &[&syns[..], &[synack, reset]].concat());
    assert!(text.contains("It acknowledges the SYN of connection 0"), "{text}");
    assert!(!text.contains("Backscatter"), "{text}");
    // Another number is another connection's.
    let stranger = (1, elsewhere, CLIENT, SYN | ACK, 9000, 0x4000_0000);
    let segments = [&syns[..], &[stranger]].concat();
    assert!(!told(0, &segments).contains("Address translation on the path does"));
    assert!(told(1, &segments).contains("Backscatter"));
}

/// A SYN, its SYN/ACK and the client's bare RST.
fn probe(ms: u32, from: End, to: End) -> [Sent; 3] {
    [
        (ms, from, to, SYN, 100, 0),
        (ms + 1, to, from, SYN | ACK, 900, 101),
        (ms + 2, from, to, RST, 101, 0),
    ]
}

/// The first of the likely causes.
fn first_cause(text: &str) -> &str {
    let (_, causes) = text.split_once("Likely causes 1. ").expect(text);
    causes.split_once(" 2. ").map_or(causes, |(first, _)| first)
}

#[test]
fn a_scan_goes_to_many_ports_and_a_check_to_one() {
    let scan: Vec<_> =
        (0..6_u16).flat_map(|n| probe(u32::from(n) * 100, (1, 40_000 + n), (2, 80 + n))).collect();
    let text = told(0, &scan);
    assert!(first_cause(&text).starts_with("A port scan"), "{text}");
    assert!(text.contains("tried 5 other addresses or ports within a minute"), "{text}");
    let check: Vec<_> =
        (0..4_u16).flat_map(|n| probe(u32::from(n) * 5000, (1, 40_000 + n), SERVER)).collect();
    let text = told(0, &check);
    assert!(first_cause(&text).starts_with("A health check"), "{text}");
    assert!(text.contains("4 times, every 5.00 s on average"), "{text}");
}

/// Nothing that the client tries comes up, at servers that take others.
#[test]
fn a_client_that_fails_at_every_server_is_what_differs() {
    let servers = [(2, 80), (3, 80), (4, 443)];
    let attempts = |servers: &[End]| {
        let each = (1_u16..).zip(servers).flat_map(|(n, server)| {
            let ms = u32::from(n) * 100;
            let others = handshake(ms + 10, (9, 50_000 + n), *server);
            [unanswered(ms, (1, 40_000 + n), *server).to_vec(), others.to_vec()].concat()
        });
        each.collect::<Vec<_>>()
    };
    let text = told(0, &attempts(&servers));
    let said = "None of the 3 attempts of this client came up, while others reached 3 of the same";
    assert!(text.contains(said) && !text.contains(HOST_DOWN), "{text}");
    assert!(first_cause(&text).starts_with("A firewall or"), "{text}");
    // One server alone, or a connection that came up, says nothing of the kind.
    let came_up = handshake(500, (1, 41_000), (5, 80));
    for segments in [attempts(&servers[..1]), [&attempts(&servers)[..], &came_up].concat()] {
        assert!(!told(0, &segments).contains("None of the"), "{}", told(0, &segments));
    }
}

/// A scanner sends from one port and with one number: an answer to one of its SYNs answers none of the
/// others.
#[test]
fn answers_to_a_scanner_are_not_answers_from_elsewhere() {
    let mut segments: Vec<Sent> = (3..9).map(|host| (0, CLIENT, (host, 22), SYN, 100, 0)).collect();
    segments.extend(probe(5, CLIENT, (20, 22)));
    let text = told(6, &segments);
    assert!(text.contains("A port scan") && !text.contains("Address translation"), "{text}");
}

/// Evidence in other connections is in no row.
#[test]
fn rows_depend_on_their_own_packets() {
    let folder = tempfile::tempdir().expect("there is room");
    let others = handshake(300, (9, 50_000), SERVER);
    let path = capture(&folder, &[&unanswered(0, CLIENT, SERVER)[..], &others].concat());
    let rows = stdout(&["connections", "--format", "jsonl", &path]);
    let row = rows.lines().find(|row| row.contains("no_reply")).expect("it is there");
    assert!(!row.contains("server_takes_others"), "{row}");
}
