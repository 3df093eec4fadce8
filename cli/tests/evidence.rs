//! The evidence that `explain` takes from the packets of a connection beyond its row.

mod common;

use std::fs;

use common::stdout;
use tempfile::TempDir;

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;

/// A segment: milliseconds, its server's last octet and whether the client sends it, flags, numbers, octets
/// of payload, IP identification.
type Sent = (u32, (u8, bool), u8, u32, u32, u16, u16);

/// A capture of connections from 10.0.0.1:40000 to port 80 of other hosts; RAW, little-endian.
fn capture(folder: &TempDir, segments: &[Sent]) -> String {
    let mut file = Vec::from(b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\xff\xff\0\0\x65\0\0\0");
    for (ms, (server, from_client), flags, seq, ack, len, id) in segments {
        let octets = 40 + len;
        for word in [ms / 1000, ms % 1000 * 1000, octets.into(), octets.into()] {
            file.extend(word.to_le_bytes());
        }
        file.extend([0x45, 0]);
        file.extend(octets.to_be_bytes());
        file.extend(id.to_be_bytes());
        file.extend([0, 0, 64, 6, 0, 0]);
        let mut ends = [(1, 40_000_u16), (*server, 80)];
        if !from_client {
            ends.reverse();
        }
        ends.iter().for_each(|(host, _)| file.extend([10, 0, 0, *host]));
        ends.iter().for_each(|(_, port)| file.extend(port.to_be_bytes()));
        file.extend(seq.to_be_bytes());
        file.extend(ack.to_be_bytes());
        file.extend([0x50, *flags, 0xff, 0xff, 0, 0, 0, 0]);
        file.extend(vec![b'x'; usize::from(*len)]);
    }
    let path = folder.path().join("a.pcap");
    fs::write(&path, file).expect("there is room");
    path.display().to_string()
}

/// The explanation of connection `conn`, however it was wrapped.
#[track_caller]
fn told(conn: u32, segments: &[Sent]) -> String {
    let folder = tempfile::tempdir().expect("there is room");
    let path = capture(&folder, segments);
    let text = stdout(&["explain", "--conn", &conn.to_string(), &path]);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn says(text: &str, said: &[&str], unsaid: &[&str]) {
    said.iter().for_each(|words| assert!(text.contains(words), "{words}: {text}"));
    unsaid.iter().for_each(|words| assert!(!text.contains(words), "{words}: {text}"));
}

const CLIENT: (u8, bool) = (2, true);
const SERVER: (u8, bool) = (2, false);

/// A handshake and an exchange after which the server's identifications are 501 and 502.
const USED: [Sent; 6] = [
    (0, CLIENT, SYN, 100, 0, 0, 1),
    (20, SERVER, SYN | ACK, 500, 101, 0, 0),
    (21, CLIENT, ACK, 101, 501, 0, 2),
    (30, CLIENT, ACK, 101, 501, 10, 3),
    (50, SERVER, ACK, 501, 111, 0, 501),
    (60, SERVER, ACK, 501, 111, 10, 502),
];

fn used_and(more: &[Sent]) -> Vec<Sent> {
    USED.iter().chain(more).copied().collect()
}

#[test]
fn the_identification_of_an_rst_shows_the_machine() {
    let ask = (70, CLIENT, ACK, 111, 511, 10, 4);
    let rst = |id| used_and(&[ask, (90, SERVER, RST | ACK, 511, 121, 0, id)]);
    says(&told(0, &rst(503)), &[], &["device on the path injects", "does not go on from"]);
    let injected = told(0, &rst(40_000));
    says(&injected, &["40000, does not go on from", "1. The RST does not come from the host"], &[]);
    // The kernel's answer without a socket has 0 whatever the sockets send.
    let bare = used_and(&[ask, (90, SERVER, RST, 511, 0, 0, 0)]);
    says(&told(0, &bare), &["no longer knows the connection"], &["identification"]);
}

#[test]
fn an_rst_behind_a_segment_of_its_own_sender_answers_nothing() {
    let closed = [
        (70, CLIENT, FIN | ACK, 111, 511, 0, 4),
        (90, SERVER, ACK, 511, 112, 0, 503),
        (91, SERVER, RST, 511, 0, 0, 0),
    ];
    let text = told(0, &used_and(&closed));
    says(
        &text,
        &[
            "1. A program ended the connection with a reset",
            "right after another segment: it answers nothing",
        ],
        &["its sender has no such connection", "does not know the connection"],
    );
}

#[test]
fn the_same_syn_after_the_clients_rst_is_one_that_still_waits() {
    let round = |ms: u32| {
        [
            (ms, CLIENT, SYN, 100, 0, 0, ms as u16 + 1),
            (ms + 20, SERVER, SYN | ACK, 500, 101, 0, 0),
            (ms + 21, CLIENT, RST, 101, 0, 0, 0),
        ]
    };
    let text = told(0, &[round(0), round(1000)].concat());
    says(
        &text,
        &["Address translation on the path", "The client sent the same SYN again"],
        &["scan", "happy eyeballs"],
    );
}

#[test]
fn another_address_that_opened_shows_happy_eyeballs() {
    let reset = [
        (0, CLIENT, SYN, 100, 0, 0, 1),
        (80, SERVER, SYN | ACK, 500, 101, 0, 0),
        (81, CLIENT, RST, 101, 0, 0, 0),
    ];
    let opened = |ms: u32| {
        [
            (ms, (3, true), SYN, 700, 0, 0, 1),
            (ms + 20, (3, false), SYN | ACK, 900, 701, 0, 0),
            (ms + 21, (3, true), ACK, 701, 901, 0, 2),
        ]
    };
    let first = "1. A program tried several addresses at once";
    says(&told(0, &[reset, opened(200)].concat()), &[first, "10.0.0.3:80"], &[]);
    says(&told(0, &[reset, opened(20_000)].concat()), &[], &[first]);
}

#[test]
fn a_client_that_opens_others_is_neither_gone_nor_forged() {
    let waiting = [
        (0, CLIENT, SYN, 100, 0, 0, 1),
        (20, SERVER, SYN | ACK, 500, 101, 0, 0),
        (1020, SERVER, SYN | ACK, 500, 101, 0, 0),
        (3020, SERVER, SYN | ACK, 500, 101, 0, 0),
    ];
    let later = [
        (9000, (3, true), SYN, 700, 0, 0, 1),
        (9020, (3, false), SYN | ACK, 900, 701, 0, 0),
        (9021, (3, true), ACK, 701, 901, 0, 2),
    ];
    let text = told(0, &[&waiting[..], &later[..]].concat());
    says(
        &text,
        &["connection 1): it is there", "1. The SYN/ACK does not reach the client's TCP"],
        &[],
    );
}

#[test]
fn an_ack_of_something_else_is_told_as_such() {
    let segments = [
        (0, CLIENT, SYN, 100, 0, 0, 1),
        (20, SERVER, SYN | ACK, 500, 101, 0, 0),
        (21, CLIENT, ACK, 101, 900, 0, 2),
        (1020, SERVER, SYN | ACK, 500, 101, 0, 0),
        (3020, SERVER, SYN | ACK, 500, 101, 0, 0),
    ];
    says(&told(0, &segments), &["acknowledges 400 instead of 1", "it is there"], &["it crashed"]);
}

#[test]
fn a_handshake_that_was_taken_back_is_not_complete() {
    let segments = [
        (0, CLIENT, SYN, 100, 0, 0, 1),
        (20, SERVER, SYN | ACK, 500, 101, 0, 0),
        (100, CLIENT, RST, 101, 0, 0, 0),
        (15_000, CLIENT, ACK, 101, 501, 100, 2),
        (15_001, SERVER, RST, 501, 0, 0, 0),
    ];
    says(
        &told(0, &segments),
        &["aborted_by_client", "That opens nothing"],
        &["handshake is complete", "goes on after an RST"],
    );
}

#[test]
fn a_challenge_that_was_answered_is_not_said_to_be_unanswered() {
    let restarted = [
        (10_000, CLIENT, SYN, 900_000, 0, 0, 9),
        (10_020, SERVER, ACK, 511, 111, 0, 503),
        (10_021, CLIENT, RST, 111, 0, 0, 0),
    ];
    says(
        &told(1, &used_and(&restarted)),
        &["The client answered with an RST, as it should"],
        &["here, that did not happen", "still holds the older connection."],
    );
}

#[test]
fn what_belongs_to_no_connection_is_no_connection() {
    let scan = [(0, CLIENT, FIN | SYN, 100, 0, 0, 1), (1, SERVER, RST | ACK, 0, 101, 0, 0)];
    says(
        &told(0, &scan),
        &["flags are some that no TCP sends"],
        &["began after the connection did"],
    );
    let answers = [(0, SERVER, RST | ACK, 0, 101, 0, 0), (1000, SERVER, RST | ACK, 0, 101, 0, 0)];
    says(&told(0, &answers), &["the answer to SYNs where nothing listens"], &["already open"]);
}

/// The capture shows the SYN before and after the translation, and the answer only from behind it.
#[test]
fn a_translated_syn_and_an_answer_that_is_not_translated_back() {
    let (front, back) = ((2, true), 3);
    let segments = [
        (0, front, SYN, 100, 0, 0, 1),
        (1, (back, true), SYN, 100, 0, 0, 1),
        (2, (back, false), SYN | ACK, 500, 101, 0, 0),
        (3, (back, true), RST, 101, 0, 0, 0),
        (1000, front, SYN, 100, 0, 0, 2),
        (9000, (9, true), SYN, 100, 0, 0, 3),
    ];
    let cause = "The cause Address translation on the path does not translate the answer back";
    says(&told(0, &segments), &["no_reply", cause, "The SYN/ACK of connection 1"], &[]);
    says(&told(1, &segments), &["aborted_by_client", cause, "the SYN of connection 0"], &["scan"]);
}

/// Window scaling and timestamps are not there, so the time alone tells: 7 s after the first SYN/ACK.
#[test]
fn a_server_that_defers_has_got_the_ack() {
    let segments = [
        (0, CLIENT, SYN, 100, 0, 0, 1),
        (20, SERVER, SYN | ACK, 500, 101, 0, 0),
        (21, CLIENT, ACK, 101, 501, 0, 2),
        (7050, SERVER, SYN | ACK, 500, 101, 0, 0),
    ];
    says(
        &told(0, &segments),
        &["deferred", "waits for the client's first data"],
        &["the ACK was lost", "what went wrong"],
    );
}

#[test]
fn a_fin_that_is_not_acknowledged_leaves_the_connection_open() {
    let closed = [
        (70, CLIENT, FIN | ACK, 111, 511, 0, 4),
        (71, SERVER, FIN | ACK, 511, 111, 0, 503),
        (90, CLIENT, ACK, 112, 512, 0, 5),
    ];
    let text = told(0, &used_and(&closed));
    says(
        &text,
        &["the client acknowledges the server's FIN", "was not acknowledged"],
        &["closed on both sides"],
    );
    // The capture ends soon after the first FIN: that says nothing of the other program.
    let text = told(0, &used_and(&closed[..1]));
    says(&text, &["1. The capture, or its file, ended too soon"], &[]);
}
