//! More open connections than the table holds: which connections leave, and one warning to the
//! user.

use std::path::Path;
use std::process::Stdio;

use testkit::capture::{Frame, Frames};
use testkit::packet::{ACK, ETHERNET, FIN, SYN, TcpPacket};
use testkit::wireshark::Wireshark;
use tests::{text, wireshark};

use crate::compare::without_ours;
use crate::faults::faulty;
use crate::frames::folder;

/// A segment between client `10.0.0.number` and a server.
fn segment(second: u32, number: u8, to_server: bool, flags: u16, numbers: (u32, u32)) -> Frame {
    let (client, server) = (([10, 0, 0, number], 40_000), ([198, 51, 100, 1], 80));
    let (from, to) = if to_server { (client, server) } else { (server, client) };
    let (sequence, acknowledgment) = numbers;
    let packet = TcpPacket { sequence, acknowledgment, flags, ..TcpPacket::between(from, to) };
    Frame::whole((1_700_000_000 + u64::from(second)) * 1_000_000_000, packet.ethernet())
}

/// A handshake of client `number`, in one second.
fn handshake(second: u32, number: u8) -> [Frame; 3] {
    [
        segment(second, number, true, SYN, (100, 0)),
        segment(second, number, false, SYN | ACK, (700, 101)),
        segment(second, number, true, ACK, (101, 701)),
    ]
}

/// The close of the connection of client `number`.
fn close(second: u32, number: u8) -> [Frame; 3] {
    [
        segment(second, number, true, FIN | ACK, (101, 701)),
        segment(second, number, false, FIN | ACK, (701, 102)),
        segment(second, number, true, ACK, (102, 702)),
    ]
}

/// Writes a capture of Ethernet frames.
fn write(frames: &[Frame], file: &Path) {
    let frames = Frames { link_type: ETHERNET, frames: frames.to_vec() };
    frames.write(file).expect("there is room");
}

struct Read {
    rows: Vec<Vec<String>>,
    warnings: Vec<String>,
}

/// Connection, stage, and states of each frame, with room for 16 connections.
fn read(tshark: &Wireshark, file: &Path) -> Read {
    let mut command = tshark.with_plugin();
    command.args(["-n", "-T", "fields", "-e", "tcphs.conn", "-e", "tcphs.stage_str"]);
    command.args(["-e", "tcphs.client.state_str", "-e", "tcphs.server.state_str", "-r"]).arg(file);
    let output = command.env("TCPHS_LIMIT", "16").stdin(Stdio::null()).output().expect("it starts");
    assert!(output.status.success(), "{output:?}");
    let row = |line: &str| line.split('\t').map(str::to_owned).collect();
    let said = String::from_utf8_lossy(&output.stderr);
    Read {
        rows: text(&output).lines().map(row).collect(),
        warnings: said.lines().map(str::to_owned).collect(),
    }
}

/// Two of sixteen connections are finished: these leave when the seventeenth and the eighteenth are
/// opened, no other connection is lost, and there is no warning. The nineteenth evicts the
/// connection that was silent for longest.
#[test]
fn finished_connections_leave_before_silent_ones() {
    let mut frames = Vec::new();
    for number in 0..16 {
        frames.extend(handshake(u32::from(number), number));
    }
    frames.extend(close(20, 9).into_iter().chain(close(21, 5)));
    frames.extend(handshake(22, 16).into_iter().chain(handshake(23, 17)));
    let enough = frames.len();
    frames.extend(handshake(24, 18));
    // Connection 0 is evicted and, when it comes again, connection 1; connection 2 is not.
    let (zero, two) = (frames.len(), frames.len() + 3);
    frames.extend(close(25, 0).into_iter().chain(close(26, 2)));

    let folder = folder();
    let file = folder.path().join("many.pcap");
    write(&frames[..enough], &file);
    let without_limit = wireshark();
    assert_eq!(read(faulty(), &file).rows, read(without_limit, &file).rows);
    assert_eq!(read(faulty(), &file).warnings, [""; 0]);

    write(&frames, &file);
    let [full, room] = [faulty(), without_limit].map(|tshark| read(tshark, &file));
    assert_eq!(full.rows[..zero], room.rows[..zero]);
    assert_eq!(full.rows[two..], room.rows[two..]);
    // Later segments of the evicted connection belong to a new one, which is a mid-stream
    // connection.
    assert_eq!(room.rows[zero][0], "0");
    assert_eq!(full.rows[zero][0], "19");
    let [warning] = &full.warnings[..] else { panic!("{:?}", full.warnings) };
    assert!(warning.contains("more TCP connections are open at once than are held"), "{warning}");
    assert_eq!(room.warnings, [""; 0]);
}

/// A SYN flood changes none of Wireshark's own output and causes one warning.
#[test]
fn a_flood_causes_one_warning() {
    let folder = folder();
    let file = folder.path().join("flood.pcap");
    let frames =
        (0..1000).map(|number| segment(number, (number % 200) as u8, true, SYN, (number, 0)));
    write(&frames.collect::<Vec<_>>(), &file);
    let arguments = ["-n", "-2", "-P", "-V", "-r"];
    let mut with = faulty().with_plugin();
    with.args(arguments).arg(&file).args(["-o", "tcphs.info:off"]).env("TCPHS_LIMIT", "16");
    let mut without = wireshark().without_plugin();
    without.args(arguments).arg(&file);
    let [with, without] =
        [with, without].map(|mut tshark| tshark.stdin(Stdio::null()).output().expect("it starts"));
    let said = String::from_utf8_lossy(&with.stderr);
    assert_eq!((said.lines().count(), said.matches("[tcphs WARNING]").count()), (1, 1), "{said}");
    let (theirs, ours) = without_ours(text(&with).lines().map(str::to_owned).collect());
    let stock = text(&without);
    assert!(theirs.iter().map(String::as_str).eq(stock.lines()) && ours == 1000);
}
