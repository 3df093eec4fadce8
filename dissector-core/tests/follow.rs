//! `follow`, `follow_map` and `follow_packets` report each connection once and in the same order,
//! with any number of threads.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use dissector_core::capture::Captures;
use dissector_core::{
    ClosedConnection, FollowEvent, FollowOptions, FollowSummary, follow, follow_map, follow_packets,
};
use testkit::capture::{Frame, Frames};
use testkit::packet::{ACK, ETHERNET, RST, SYN, TcpPacket};

const CONNECTIONS: u32 = 10_000;

/// Two captures that overlap: SYNs in one, the RSTs that refuse every other one in the other. Many
/// connections have been silent for long enough before the end.
fn captures(folder: &Path) -> [PathBuf; 2] {
    let [mut syns, mut rsts] = [(); 2].map(|()| Frames { link_type: ETHERNET, frames: Vec::new() });
    for number in 0..CONNECTIONS {
        let client = ([10, 1, (number >> 8) as u8, number as u8], 4000);
        let server = ([10, 0, 0, 1], 80);
        let time_ns = u64::from(number) * 100_000_000;
        let syn = TcpPacket { flags: SYN, sequence: 7, ..TcpPacket::between(client, server) };
        syns.frames.push(Frame::whole(time_ns, syn.ethernet()));
        if number % 2 == 0 {
            let rst = TcpPacket::between(server, client);
            let rst = TcpPacket { flags: RST | ACK, acknowledgment: 8, ..rst };
            rsts.frames.push(Frame::whole(time_ns + 1_000_000, rst.ethernet()));
        }
    }
    [("syns.pcap", syns), ("rsts.pcap", rsts)].map(|(name, frames)| {
        let file = folder.join(name);
        frames.write(&file).unwrap();
        file
    })
}

/// Number, capture and outcome.
fn row(closed: &ClosedConnection<'_>) -> (u32, usize, &'static str) {
    (closed.connection.id(), closed.capture, closed.outcome().label())
}

#[test]
fn the_result_does_not_depend_on_how_captures_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let files = captures(folder.path());
    for limit in [100, 100_000] {
        let mut results = Vec::new();
        for (threads, packet_by_packet) in [(1, true), (1, false), (2, false), (3, false)] {
            let options = || {
                let options = FollowOptions::new().with_threads(threads).with_limit(limit);
                options.packet_by_packet(packet_by_packet)
            };
            let mut rows = Vec::new();
            let mut input = Captures::open(files.clone()).unwrap();
            let summary = follow(&mut input, options(), |closed| {
                rows.push(row(&closed));
                Ok::<(), ()>(())
            });
            let summary = summary.unwrap();
            assert!(summary.errors.is_empty() && !summary.stopped);
            let mut mapped = Vec::new();
            let mut input = Captures::open(files.clone()).unwrap();
            let make = |closed: ClosedConnection<'_>, rows: &mut Vec<_>| rows.push(row(&closed));
            let put = |rows: &mut Vec<_>| {
                mapped.append(rows);
                Ok::<(), ()>(())
            };
            assert_eq!(
                follow_map(&mut input, options(), make, put).unwrap().evicted,
                summary.evicted
            );
            assert_eq!(mapped, rows);
            results.push((rows, summary.evicted));
        }
        let (rows, evicted) = &results[0];
        let mut numbers: Vec<_> = rows.iter().map(|(number, ..)| *number).collect();
        // Connections leave before the end, and those of several shards in no order of numbers.
        assert!(
            numbers.is_sorted() == (limit == 100) && rows.iter().all(|(_, file, _)| *file == 0)
        );
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(0..CONNECTIONS));
        assert_eq!(*evicted > 0, limit == 100);
        assert_eq!(rows.iter().filter(|(.., outcome)| *outcome == "refused").count(), 5_000);
        assert!(results.iter().all(|result| *result == results[0]));
    }
}

#[test]
fn packets_come_with_their_connections() {
    let folder = tempfile::tempdir().unwrap();
    let mut input = Captures::open(captures(folder.path())).unwrap();
    let (mut packets, mut closed) = (Vec::new(), 0);
    let summary = follow_packets(&mut input, FollowOptions::new(), |event| {
        match event {
            FollowEvent::Packet(it) => {
                assert_eq!(it.annotation.connection, it.connection.id());
                packets.push((it.capture, it.connection.id(), it.annotation.stage.name()));
            }
            FollowEvent::Closed(it) => closed += u32::from(it.connection.packets() > 0),
            _ => unreachable!("there are no other events"),
        }
        Ok::<(), ()>(())
    });
    assert!(!summary.unwrap().stopped);
    assert_eq!((packets.len(), closed), (15_000, CONNECTIONS));
    assert_eq!(packets[..3], [(0, 0, "SYN"), (1, 0, "RST (refusal)"), (0, 1, "SYN")]);
}

#[test]
fn an_error_of_the_callback_ends_everything() {
    let folder = tempfile::tempdir().unwrap();
    let files = captures(folder.path());
    for threads in [1, 2] {
        let mut calls = 0;
        let mut input = Captures::open(files.clone()).unwrap();
        let result = follow(&mut input, FollowOptions::new().with_threads(threads), |_| {
            calls += 1;
            if calls == 10 { Err("enough") } else { Ok(()) }
        });
        assert_eq!((result.map(|_| ()), calls), (Err("enough"), 10));
    }
}

#[test]
fn reading_stops_when_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let files = captures(folder.path());
    let follow = |options: FollowOptions<'_>| -> (u32, FollowSummary) {
        let (mut connections, mut input) = (0, Captures::open(files.clone()).unwrap());
        let count = |_: ClosedConnection<'_>| {
            connections += 1;
            Ok::<(), ()>(())
        };
        let summary = follow(&mut input, options, count).unwrap();
        (connections, summary)
    };
    for threads in [1, 2] {
        let (stop, octets) = (AtomicBool::new(false), AtomicU64::new(0));
        let options = FollowOptions::new().with_threads(threads).with_stop(&stop);
        let (connections, summary) = follow(options.with_progress(|read| {
            octets.store(read, Ordering::Relaxed);
            stop.store(true, Ordering::Relaxed);
        }));
        assert!(summary.stopped && octets.into_inner() > 0);
        assert!((1..=CONNECTIONS).contains(&connections), "{connections}");
        let options = FollowOptions::new().with_threads(threads).with_stop(&stop);
        let (connections, summary) = follow(options);
        assert_eq!((connections, summary.stopped), (0, true));
    }
}

#[test]
fn a_capture_that_is_gone_is_an_error_and_the_others_go_on() {
    let folder = tempfile::tempdir().unwrap();
    for threads in [1, 2] {
        let [syns, rsts] = captures(folder.path());
        let mut input = Captures::open([syns, rsts.clone()]).unwrap();
        std::fs::remove_file(rsts).unwrap();
        let mut outcomes = Vec::new();
        let summary = follow(&mut input, FollowOptions::new().with_threads(threads), |closed| {
            outcomes.push(closed.outcome().label());
            Ok::<(), ()>(())
        });
        let errors = summary.unwrap().errors;
        assert_eq!(errors.iter().map(|error| error.index).collect::<Vec<_>>(), [1]);
        assert_eq!(outcomes.len(), 10_000);
        assert!(outcomes.iter().all(|outcome| ["no_reply", "pending"].contains(outcome)));
    }
}
