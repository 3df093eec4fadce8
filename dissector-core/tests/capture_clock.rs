//! The clock of a capture is that of all its frames, however it is read.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::PathBuf;

use dissector_core::capture::{Captures, Decoder, Frame as Captured, LinkType, Packet};
use dissector_core::{ConnectionTable, FollowOptions, follow};
use tempfile::TempDir;
use testkit::capture::{Frame, Frames};
use testkit::packet::{ACK, ETHERNET, FIN, RST, SYN, TcpPacket};

const SECOND: u64 = 1_000_000_000;
const HOUR: u64 = 3600 * SECOND;
/// The time of the first frame.
const START: u64 = 1_700_000_000 * SECOND;

/// Frames of other traffic: ARP, UDP, an unknown protocol, and one that is cut off.
fn others() -> [Vec<u8>; 4] {
    let frame = |ethertype: [u8; 2], rest: &[u8]| {
        let mut octets = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
        octets.extend(ethertype);
        octets.extend(rest);
        octets
    };
    let udp = [0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 9, 10, 0, 0, 8];
    [
        frame([8, 6], &[0; 28]),
        frame([8, 0], &[&udp[..], &[0, 53, 0, 53, 0, 8, 0, 0]].concat()),
        frame([0x12, 0x34], b"nobody knows"),
        vec![2, 0, 0],
    ]
}

fn segment(client: u8, back: bool, flags: u16, sequence: u32, acknowledgment: u32) -> Vec<u8> {
    let ends = (([10, 0, 0, client], 40_000), ([10, 0, 0, 2], 80));
    let (from, to) = if back { (ends.1, ends.0) } else { ends };
    let packet = TcpPacket::between(from, to);
    TcpPacket { flags, sequence, acknowledgment, ..packet }.ethernet()
}

fn syn(client: u8, sequence: u32) -> Vec<u8> {
    segment(client, false, SYN, sequence, 0)
}

/// Frames at these times after the start.
fn frames(timed: impl IntoIterator<Item = (u64, Vec<u8>)>) -> Frames {
    let frames = timed.into_iter().map(|(time_ns, octets)| Frame::whole(START + time_ns, octets));
    Frames { link_type: ETHERNET, frames: frames.collect() }
}

fn files(folder: &TempDir, captures: &[Frames]) -> Vec<PathBuf> {
    let written = captures.iter().enumerate().map(|(number, frames)| {
        let file = folder.path().join(format!("{number}.pcap"));
        frames.write(&file).unwrap();
        file
    });
    written.collect()
}

fn outcomes(captures: &[Frames]) -> Vec<&'static str> {
    let folder = tempfile::tempdir().unwrap();
    outcomes_of(&files(&folder, captures))
}

/// The outcome of each connection by number, which does not depend on how the captures are read.
fn outcomes_of(files: &[PathBuf]) -> Vec<&'static str> {
    let mut all = [(1, true), (1, false), (2, false), (3, false)].map(|(threads, one_by_one)| {
        let mut rows = Vec::new();
        let options = FollowOptions::new().with_threads(threads).packet_by_packet(one_by_one);
        let mut input = Captures::open(files.to_vec()).unwrap();
        let summary = follow(&mut input, options, |closed| {
            rows.push((closed.connection.id(), closed.outcome().label(), closed.now_ns));
            Ok::<(), ()>(())
        });
        assert!(summary.unwrap().errors.is_empty());
        rows.sort_unstable();
        rows.into_iter().map(|(_, outcome, _)| outcome).collect::<Vec<_>>()
    });
    let first = all[0].clone();
    assert!(all.iter_mut().all(|rows| *rows == first), "{all:?}");
    first
}

#[test]
fn frames_of_every_kind_tell_the_time() {
    for other in others() {
        assert_eq!(outcomes(&[frames([(0, syn(1, 7)), (2 * SECOND, other.clone())])]), ["pending"]);
        assert_eq!(outcomes(&[frames([(0, syn(1, 7)), (3 * SECOND, other)])]), ["no_reply"]);
    }
}

#[test]
fn one_wrong_time_counts_for_nothing() {
    let [arp, ..] = others();
    for far in [syn(2, 9), arp.clone()] {
        let last = if far == arp { 1 } else { 2 };
        let wrong = [(0, syn(1, 7)), (9 * HOUR, far.clone()), (SECOND, arp.clone())];
        assert_eq!(outcomes(&[frames(wrong)]), vec!["pending"; last]);
        let right = [(0, syn(1, 7)), (9 * HOUR, far.clone()), (9 * HOUR + SECOND, arp.clone())];
        assert_eq!(outcomes(&[frames(right)])[0], "no_reply");
        // Nothing confirms the last frame.
        assert_eq!(outcomes(&[frames([(0, syn(1, 7)), (9 * HOUR, far)])])[0], "pending");
    }
}

#[test]
fn durations_are_of_the_segments_own_times() {
    let folder = tempfile::tempdir().unwrap();
    let [arp, ..] = others();
    let ms = SECOND / 1000;
    let shaken = frames([
        (0, syn(1, 7)),
        // Other frames may be recorded late or with a wrong time.
        (500 * ms, arp),
        (20 * ms, segment(1, true, SYN | ACK, 70, 8)),
        (21 * ms, segment(1, false, ACK, 8, 71)),
    ]);
    let mut times = Vec::new();
    let mut input = Captures::open(files(&folder, &[shaken])).unwrap();
    let done = follow(&mut input, FollowOptions::new(), |closed| {
        times.push(closed.verdict().times.setup_time_ns);
        Ok::<(), ()>(())
    });
    assert!(done.is_ok());
    assert_eq!(times, [Some(21_000_000)]);
}

#[test]
fn the_end_of_a_file_counts_when_its_time_has_come() {
    let [arp, ..] = others();
    // The other frames of the first file come long after the SYN of the second is answered by a newer
    // one.
    let first = frames([(0, syn(1, 7)), (60 * SECOND, arp)]);
    let second = frames([
        (SECOND, syn(3, 1)),
        (2 * SECOND, syn(3, 900)),
        (2 * SECOND + 1, segment(3, true, RST | ACK, 0, 901)),
    ]);
    let told = outcomes(&[first, second]);
    assert_eq!((told[0], told[2]), ("no_reply", "refused"));
}

/// Files put together in another order than that of time: each connection is that of its own file.
#[test]
fn segments_far_behind_the_clock_belong_together() {
    let latest = [(HOUR, syn(1, 7))];
    let earlier = [
        (0, syn(2, 7)),
        (1, segment(2, true, SYN | ACK, 70, 8)),
        (2, segment(2, false, ACK, 8, 71)),
        (SECOND, syn(3, 7)),
        (SECOND + 1, segment(3, true, RST | ACK, 0, 8)),
        (2 * SECOND, syn(4, 7)),
        (5 * SECOND, syn(4, 7)),
        (5 * SECOND + 1, segment(4, true, SYN | ACK, 70, 8)),
        (5 * SECOND + 2, segment(4, false, ACK, 8, 71)),
    ];
    let told = outcomes(&[frames(latest.into_iter().chain(earlier))]);
    assert_eq!(told, ["pending", "complete", "refused", "complete"]);
}

#[test]
fn one_syn_before_a_minute_of_other_traffic_was_not_answered() {
    let cases = testkit::workspace_root().join("cli/tests/cases");
    assert_eq!(outcomes_of(&[cases.join("single_syn_then_other_traffic.pcap")]), ["no_reply"]);
}

/// A program that decodes frames itself tells the time of each.
#[test]
fn a_table_is_told_the_time() {
    let [arp, ..] = others();
    let mut table = ConnectionTable::new();
    let mut decoder = Decoder::new(LinkType::ETHERNET);
    let frames = [(0, syn(1, 7)), (2 * SECOND, arp.clone()), (4 * SECOND, arp)];
    let mut outcomes = Vec::new();
    for (frame, (time_ns, octets)) in (1..).zip(&frames) {
        let time_ns = (START + time_ns) as i64;
        table.tell_time(frame, time_ns);
        for packet in decoder.decode(Captured::new(octets, time_ns)) {
            let Packet::Segment(segment) = packet else { continue };
            table.observe(&segment);
        }
        outcomes.push(table.connections().map(|it| table.outcome(it).label()).collect::<Vec<_>>());
    }
    assert_eq!(outcomes, [["pending"], ["pending"], ["no_reply"]]);
}

/// A day in one file, and behind it the day before: the connections of that one are no other for it.
#[test]
fn an_earlier_part_behind_a_later_one() {
    let day = 24 * HOUR;
    let earlier = |client: u8, at: u64| {
        [
            (at, segment(client, false, SYN, 7, 0)),
            (at + 30, segment(client, true, SYN | ACK, 99, 8)),
            (at + 60, segment(client, false, ACK, 8, 100)),
            (at + 90, segment(client, false, FIN | ACK, 8, 100)),
            (at + 120, segment(client, true, FIN | ACK, 100, 9)),
            (at + 150, segment(client, false, ACK, 9, 101)),
        ]
    };
    let unanswered = [(0, syn(5, 1)), (SECOND, syn(5, 1)), (3 * SECOND, syn(5, 1))];
    let refused = [(SECOND, syn(6, 1)), (SECOND + 9, segment(6, true, RST | ACK, 0, 2))];
    let part: Vec<_> = [earlier(3, 0), earlier(4, 10 * SECOND)].concat();
    let part = [part, unanswered.to_vec(), refused.to_vec()].concat();
    let alone = outcomes(&[frames(part.clone())]);
    assert_eq!(alone, ["complete", "complete", "no_reply", "refused"]);
    let [_, udp, ..] = others();
    let later = [(day, udp.clone()), (day + SECOND, udp)];
    assert_eq!(outcomes(&[frames([later.to_vec(), part].concat())]), alone);
}
