//! The output of `ladder` and `explain` for kinds of connections that no sample has.

mod common;

use std::fs;
use std::path::Path;

use common::stdout;
use tempfile::TempDir;

const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;
const PSH_ACK: u8 = 0x18;

/// A segment: milliseconds, whether it is the client's, flags, numbers, octets of payload.
type Sent = (u32, bool, u8, u32, u32, u16);

/// The client's numbers begin at 100, the server's at 500.
const HANDSHAKE: [Sent; 3] =
    [(0, true, SYN, 100, 0, 0), (20, false, SYN | ACK, 500, 101, 0), (21, true, ACK, 101, 501, 0)];

/// The handshake, and the same ten octets at each of these milliseconds.
fn with_data_at<const N: usize>(ms: [u32; N]) -> Vec<Sent> {
    let data = ms.map(|ms| (ms, true, PSH_ACK, 101, 501, 10));
    HANDSHAKE.into_iter().chain(data).collect()
}

/// A capture of one connection, from 10.0.0.1:40000 to 10.0.0.2:80; RAW, little-endian.
fn capture(folder: &TempDir, name: &str, segments: &[Sent]) -> String {
    let mut file = Vec::from(b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\xff\xff\0\0\x65\0\0\0");
    for (ms, from_client, flags, seq, ack, len) in segments {
        let octets = 40 + len;
        for word in [ms / 1000, ms % 1000 * 1000, octets.into(), octets.into()] {
            file.extend(word.to_le_bytes());
        }
        file.extend([0x45, 0]);
        file.extend(octets.to_be_bytes());
        // Each packet has an identification of its own.
        file.extend(((file.len() % 65_000) as u16 + 1).to_be_bytes());
        file.extend([0, 0, 64, 6, 0, 0]);
        let ends = [[10, 0, 0, 1], [10, 0, 0, 2]];
        let ports = [40_000_u16, 80];
        let order = if *from_client { [0, 1] } else { [1, 0] };
        order.iter().for_each(|end| file.extend(ends[*end]));
        order.iter().for_each(|end| file.extend(ports[*end].to_be_bytes()));
        file.extend(seq.to_be_bytes());
        file.extend(ack.to_be_bytes());
        file.extend([0x50, *flags, 0xff, 0xff, 0, 0, 0, 0]);
        file.resize(file.len() + usize::from(*len), b'x');
    }
    let path = folder.path().join(name);
    fs::write(&path, file).expect("there is room");
    path.display().to_string()
}

fn told(command: &str, segments: &[Sent]) -> String {
    let folder = tempfile::tempdir().expect("there is room");
    one_line(&stdout(&[command, &capture(&folder, "a.pcap", segments)]))
}

/// `text` without its line breaks and indentation.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_connection_continued_in_another_file_is_marked() {
    let folder = tempfile::tempdir().expect("there is room");
    let (first, second) = HANDSHAKE.split_at(1);
    let files = [capture(&folder, "a.pcap", first), capture(&folder, "b.pcap", second)];
    let b = Path::new(&files[1]).display();
    for (command, words) in [
        ("explain", format!("In {b}: the connection continues. Frame 1, 20.0 ms later")),
        ("ladder", format!("continues in {b} 1 0.020000")),
    ] {
        let text = one_line(&stdout(&[command, &files[0], &files[1]]));
        assert!(text.contains(&words), "{text}");
    }
    for format in ["mermaid", "svg"] {
        let text = stdout(&["ladder", "--format", format, &files[0], &files[1]]);
        assert!(text.contains(&format!("continues in {b}")), "{text}");
    }
}

#[test]
fn retransmitted_octets_are_counted_apart() {
    let mut segments = with_data_at([30, 230, 630]);
    segments.push((650, false, ACK, 501, 111, 0));
    let text = told("explain", &segments);
    assert!(text.contains("the client sends 10 octets and 20 again, in 4 segments"), "{text}");
    assert!(!text.contains("SYN cookies"), "{text}");
}

#[test]
fn a_silent_server_after_its_synack_may_not_have_accepted_the_ack() {
    let text = told("explain", &with_data_at([30, 230, 630, 1430]));
    let words = "The server has sent nothing since its SYN/ACK.";
    assert!(text.contains(words), "{text}");
}

#[test]
fn a_server_that_has_sent_anything_since_is_not_called_silent() {
    for more in [
        // A repeated SYN/ACK, an unacceptable RST, and an ACK that does not acknowledge the data.
        (1020, false, SYN | ACK, 500, 101, 0),
        (1020, false, RST, 900_000, 0, 0),
        (1020, false, ACK, 501, 101, 0),
    ] {
        let mut segments = with_data_at([30, 230, 630]);
        segments.push(more);
        let text = told("explain", &segments);
        assert!(!text.contains("has sent nothing since"), "{text}");
    }
    // Fast Open: the data of the SYN are sent again because the server has not accepted them.
    let mut segments = HANDSHAKE.to_vec();
    segments[0].5 = 5;
    segments.push((22, true, PSH_ACK, 101, 501, 5));
    let text = told("explain", &segments);
    assert!(!text.contains("has sent nothing since"), "{text}");
}

#[test]
fn alternating_files_are_named_once() {
    let folder = tempfile::tempdir().expect("there is room");
    let mut segments = HANDSHAKE.to_vec();
    segments.extend((0..200).map(|place| (30 + place, true, PSH_ACK, 101 + 10 * place, 501, 10)));
    let of = |file: u32| -> Vec<_> {
        segments.iter().copied().filter(|(ms, ..)| ms % 2 == file).collect()
    };
    let files = [capture(&folder, "a.pcap", &of(0)), capture(&folder, "b.pcap", &of(1))];
    for command in ["explain", "ladder"] {
        let text = stdout(&[command, &files[0], &files[1]]);
        assert!(text.lines().count() < 40, "{text}");
        assert_eq!(one_line(&text).matches("b.pcap, by turns").count(), 1, "{text}");
    }
}

/// Segments under way when the server repeated its SYN/ACK may have arrived.
#[test]
fn undelivered_segments_have_a_cross() {
    let mut segments = HANDSHAKE.to_vec();
    segments.extend([
        (30, true, PSH_ACK, 101, 501, 10),
        (1015, true, PSH_ACK, 101, 501, 10),
        (1020, false, SYN | ACK, 500, 101, 0),
        (3020, false, SYN | ACK, 500, 101, 0),
    ]);
    assert_eq!(crossed(&segments), ["3", "4", "5"]);
    assert_eq!(crossed(&segments[..6]), ["3", "4"]);
}

/// The frames whose arrows end in a cross.
fn crossed(segments: &[Sent]) -> Vec<String> {
    let folder = tempfile::tempdir().expect("there is room");
    let text = stdout(&["ladder", &capture(&folder, "a.pcap", segments)]);
    let crossed = text.lines().filter(|line| line.contains('×'));
    crossed.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn a_frame_with_an_earlier_time_is_marked() {
    let text = told("explain", &[HANDSHAKE[0], (2_000, true, SYN, 100, 0, 0), HANDSHAKE[1]]);
    assert!(text.contains("Frame 3, 1.98 s earlier: the server answers"), "{text}");
}

#[test]
fn no_state_of_an_unreached_server_is_narrated() {
    let text = told("explain", &[HANDSHAKE[0], (1_000, true, SYN, 100, 0, 0)]);
    assert!(text.contains("in SYN-SENT; whether the SYN reached the server"), "{text}");
}

#[test]
fn numbers_count_from_the_synack_that_the_client_accepts() {
    // The first SYN/ACK answers another attempt.
    let segments = [
        HANDSHAKE[0],
        (20, false, SYN | ACK, 9_000, 7_777, 0),
        (1_000, true, SYN, 100, 0, 0),
        (1_020, false, SYN | ACK, 500, 101, 0),
        (1_021, true, ACK, 101, 501, 0),
        (1_030, true, PSH_ACK, 101, 501, 10),
    ];
    let text = told("ladder", &segments);
    assert!(text.contains("SYN, ACK seq=0 ack=1 "), "{text}");
    assert!(text.contains("seq=1 ack=1 len=10"), "{text}");
    // The client accepts the first of two responders.
    let segments = [
        HANDSHAKE[0],
        HANDSHAKE[1],
        (21, false, SYN | ACK, 9_000, 101, 0),
        (22, true, ACK, 101, 501, 0),
        (30, true, PSH_ACK, 101, 501, 10),
    ];
    let text = told("ladder", &segments);
    assert!(text.contains("seq=1 ack=1 len=10"), "{text}");
}
