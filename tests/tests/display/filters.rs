//! The filters that users need, each with the frames that it has to match. An expert picked them
//! from the output of tcpdump for the samples, and for the capture of `built.rs`, which has the
//! kinds that no sample shows.

mod built;
mod findings;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use dissector_core::capture::{Capture, Packet};
use tests::{finish, made_once, passing};

/// A filter, whether it takes two passes, and the frames that match it.
struct Case {
    filter: &'static str,
    passes: &'static [&'static str],
    /// Samples with their frames; nothing passes in the others.
    samples: &'static [(&'static str, &'static str)],
    /// Frames of the built capture.
    built: &'static str,
}

const ONE: &[&str] = &[];
const TWO: &[&str] = &["-2"];

const CASES: &[Case] = &[
    Case {
        filter: "tcphs.final_ack",
        passes: ONE,
        samples: &[
            ("telnet-dns", "3"),
            ("reset", "3"),
            ("ipv6", "3"),
            ("final-ack-lost", "3"),
            ("defer-accept", "3"),
            ("syn-cookies", "3"),
            ("fast-open", "3 11"),
            ("fast-open-ignored", "3"),
            ("simultaneous-open", "4"),
            ("accept-queue-full", "3 6"),
            ("not-accepted", "3"),
            ("half-close", "3"),
            ("simultaneous-close", "3"),
            ("abort-on-overflow", "3"),
            ("challenge-ack", "3 11"),
            ("port-reuse", "3 9"),
            ("time-wait-reuse", "3 10"),
        ],
        built: "5 13 27 30 35 41",
    },
    Case {
        filter: "tcphs.handshake",
        passes: ONE,
        samples: &[
            ("telnet-dns", "1-3"),
            ("refused", "1"),
            ("no-reply", "1-4"),
            ("reset", "1-3"),
            ("ipv6", "1-3"),
            ("final-ack-lost", "1-4"),
            ("defer-accept", "1-4"),
            ("syn-cookies", "1-3"),
            ("fast-open", "1-3 9-11"),
            ("fast-open-ignored", "1-3"),
            ("simultaneous-open", "1-4"),
            ("accept-queue-full", "1-10"),
            ("not-accepted", "1-4 6"),
            ("icmp-reject", "1 3"),
            ("icmp-reject-ipv6", "1 3"),
            ("half-close", "1-3"),
            ("simultaneous-close", "1-3"),
            ("abort-on-overflow", "1-3"),
            ("challenge-ack", "1-3 6-7 9-11"),
            ("port-reuse", "1-3 7-9"),
            ("time-wait-reuse", "1-3 8-10"),
        ],
        built: "1-6 11-13 19-20 22-30 34-35 37 39-41 44-46",
    },
    Case {
        filter: r#"tcphs.outcome == "no_reply""#,
        passes: TWO,
        samples: &[("no-reply", "1-4"), ("accept-queue-full", "7-10")],
        built: "",
    },
    // One row per failed attempt.
    Case {
        filter: r#"tcphs.failed && tcphs.stage == "SYN" && tcphs.copy == "original""#,
        passes: TWO,
        samples: &[
            ("refused", "1"),
            ("no-reply", "1"),
            ("accept-queue-full", "7"),
            ("not-accepted", "1"),
            ("icmp-reject", "1 3"),
            ("icmp-reject-ipv6", "1 3"),
            ("abort-on-overflow", "1"),
        ],
        built: "19 22 44",
    },
    Case {
        filter: r#"tcphs.outcome == "complete""#,
        passes: TWO,
        samples: &[
            ("telnet-dns", "1-11"),
            ("reset", "1-10"),
            ("ipv6", "1-11"),
            ("final-ack-lost", "1-11"),
            ("defer-accept", "1-11"),
            ("syn-cookies", "1-9"),
            ("fast-open", "1-15"),
            ("fast-open-ignored", "1-8"),
            ("simultaneous-open", "1-12"),
            ("accept-queue-full", "1-6"),
            ("half-close", "1-13"),
            ("simultaneous-close", "1-9"),
            ("challenge-ack", "1-17"),
            ("port-reuse", "1-15"),
            ("time-wait-reuse", "1-16"),
        ],
        built: "1-18 24-33 39-43",
    },
    Case {
        filter: "tcphs.setup_time >= 0.9 && tcphs.syn.count > 1",
        passes: TWO,
        samples: &[],
        built: "24-27",
    },
    Case { filter: "tcphs.slow", passes: TWO, samples: &[], built: "24-27" },
    // The ACK that answers a repeated SYN/ACK is repeated, too.
    Case {
        filter: r#"tcphs.stage.copy in {"SYN, again", "ACK, again"}"#,
        passes: ONE,
        samples: &[
            ("no-reply", "2-4"),
            ("accept-queue-full", "8-10"),
            ("challenge-ack", "9"),
            ("final-ack-lost", "5"),
            ("defer-accept", "5"),
            ("not-accepted", "5 7"),
        ],
        built: "25",
    },
    Case {
        filter: r#"tcphs.states == "ESTABLISHED / SYN-RECEIVED""#,
        passes: ONE,
        samples: &[("final-ack-lost", "4"), ("defer-accept", "4"), ("not-accepted", "4 6")],
        built: "",
    },
    Case {
        filter: r#"tcphs.stage == "SYN" && tcphs.copy == "retransmission""#,
        passes: ONE,
        samples: &[("no-reply", "2-4"), ("accept-queue-full", "8-10"), ("challenge-ack", "9")],
        built: "25",
    },
    Case {
        filter: "tcphs.expert.synack_retx_after_ack",
        passes: ONE,
        samples: &[("final-ack-lost", "4"), ("defer-accept", "4"), ("not-accepted", "4 6")],
        built: "",
    },
    Case {
        filter: r#"tcphs.outcome in {"aborted_by_client","bad_synack"}"#,
        passes: TWO,
        samples: &[],
        built: "19-23",
    },
    Case { filter: "tcphs.rst.ttl_delta != 0", passes: ONE, samples: &[], built: "16" },
    // Without connections reset after a FIN, and without RSTs that are not believed.
    Case {
        filter: r#"tcphs.close == "rst""#,
        passes: TWO,
        samples: &[
            ("refused", "1-2"),
            ("reset", "1-10"),
            ("abort-on-overflow", "1-4"),
            ("challenge-ack", "1-5"),
            ("port-reuse", "1-6"),
        ],
        built: "19-21",
    },
    Case {
        filter: r#"tcphs.stage == "challenge ACK""#,
        passes: ONE,
        samples: &[("challenge-ack", "7")],
        built: "",
    },
    // Attempts without an answer match, too: the capture has no segment of the other side.
    Case {
        filter: r#"tcphs.seen != "both""#,
        passes: TWO,
        samples: &[
            ("no-reply", "1-4"),
            ("accept-queue-full", "7-10"),
            ("icmp-reject", "1-4"),
            ("icmp-reject-ipv6", "1-4"),
        ],
        built: "34-38",
    },
    Case { filter: r#"tcphs.copy == "duplicate""#, passes: ONE, samples: &[], built: "2 4 6 8 10" },
    // The same without the stage: whole connections.
    Case {
        filter: "tcphs.failed",
        passes: TWO,
        samples: &[
            ("refused", "1-2"),
            ("no-reply", "1-4"),
            ("accept-queue-full", "7-10"),
            ("not-accepted", "1-7"),
            ("icmp-reject", "1-4"),
            ("icmp-reject-ipv6", "1-4"),
            ("abort-on-overflow", "1-4"),
        ],
        built: "19-23 44-46",
    },
    Case {
        filter: "tcphs.server.addr == 198.51.100.2 && tcphs.failed",
        passes: TWO,
        samples: &[
            ("refused", "1-2"),
            ("accept-queue-full", "7-10"),
            ("not-accepted", "1-7"),
            ("icmp-reject", "1-4"),
            ("abort-on-overflow", "1-4"),
        ],
        built: "",
    },
    Case {
        filter: r#"tcphs.server.addr == "2001:db8:2::2" && tcphs.failed"#,
        passes: TWO,
        samples: &[("icmp-reject-ipv6", "1-4")],
        built: "",
    },
    Case { filter: r#"tcphs.close == "half_closed""#, passes: TWO, samples: &[], built: "28-33" },
    // Now: after each packet.
    Case {
        filter: r#"tcphs.server.state == "SYN-RECEIVED""#,
        passes: ONE,
        samples: &[
            ("telnet-dns", "1-2"),
            ("refused", "1"),
            ("no-reply", "1-4"),
            ("reset", "1-2"),
            ("ipv6", "1-2"),
            ("final-ack-lost", "1-2 4"),
            ("defer-accept", "1-2 4"),
            ("syn-cookies", "1-2"),
            ("fast-open", "1-2 9-10"),
            ("fast-open-ignored", "1-2"),
            ("simultaneous-open", "1 4"),
            ("accept-queue-full", "1-2 4-5 7-10"),
            ("not-accepted", "1-2 4 6"),
            ("icmp-reject", "1-4"),
            ("icmp-reject-ipv6", "1-4"),
            ("half-close", "1-2"),
            ("simultaneous-close", "1-2"),
            ("abort-on-overflow", "1-2"),
            ("challenge-ack", "1-2 6-7 9-10"),
            ("port-reuse", "1-2 7-8"),
            ("time-wait-reuse", "1-2 8-9"),
        ],
        built: "1-4 11-12 19-20 22-26 28-29 34 37 39-40 44-46",
    },
];

/// The server's answer is far off; the client's own SYN/ACK in a simultaneous open is none.
const FAR_SERVERS: &[Case] = &[Case {
    filter: "tcphs.rtt.server > 0.1 && tcphs.final_ack",
    passes: ONE,
    samples: &[("simultaneous-open", "4"), ("not-accepted", "3"), ("abort-on-overflow", "3")],
    built: "",
}];

/// `1-3 7` as numbers.
fn numbers(text: &str) -> Vec<u64> {
    let number = |text: &str| text.parse::<u64>().expect("a frame number");
    text.split_whitespace()
        .flat_map(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            number(first)..=number(last)
        })
        .collect()
}

/// All samples and the built capture in one file, in order of time.
struct Merged {
    capture: String,
    /// Name and number of frames of each, in that order.
    parts: Vec<(String, u64)>,
}

/// Samples that were recorded after the frames were picked, one per outcome. Instead, their ladders
/// in `docs/WHY.md` are compared with the output of the command.
const RECORDED_LATER: &[&str] = &[
    "backscatter",
    "challenge-unanswered",
    "cut-short",
    "given-up",
    "one-direction",
    "renumbered-synack",
    "synack-dropped",
];

/// Time of the first packet, and number of frames.
fn extent(file: &Path) -> (i64, u64) {
    let mut capture = Capture::open(file).expect("it can be read");
    let mut first_ns = None;
    while let Some(packet) = capture.next_packet().expect("it can be read") {
        let info = match packet {
            Packet::Segment(segment) => segment.packet,
            Packet::IcmpError(error) => error.packet,
            other => panic!("neither segment nor ICMP error: {other:?}"),
        };
        first_ns.get_or_insert(info.time_ns);
    }
    (first_ns.expect("it is not empty"), capture.frames())
}

/// Merges samples and built capture. The samples were recorded one after the other, so their times
/// do not overlap.
fn merged() -> &'static Merged {
    static MERGED: LazyLock<Merged> = LazyLock::new(|| {
        let built = made_once("built.pcap", |file| {
            built::capture().write(file).expect("there is room");
        });
        let mut files = tests::samples();
        let name =
            |file: &Path| file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        files.retain(|file| !RECORDED_LATER.contains(&&*name(file)));
        files.push(built);
        let mut parts: Vec<_> = files
            .iter()
            .map(|file| {
                let (first_ns, frames) = extent(file);
                (first_ns, (name(file), frames))
            })
            .collect();
        parts.sort_unstable();
        let capture = made_once("filters.pcapng", |file| {
            finish(Command::new("mergecap").arg("-w").arg(file).args(&files));
        });
        let capture = capture.to_string_lossy().into_owned();
        Merged { capture, parts: parts.into_iter().map(|(_, part)| part).collect() }
    });
    &MERGED
}

/// The frames that match and should not, and those that should match and do not.
fn differences(case: &Case, merged: &Merged, passed: &BTreeSet<u64>, wrong: &mut String) {
    let mut before = 0;
    for (name, frames) in &merged.parts {
        let samples = [case.samples, &[("built", case.built)]].concat();
        let expected = samples.iter().find(|(sample, _)| sample == name);
        let expected = numbers(expected.map_or("", |(_, frames)| *frames));
        let here = passed.range(before + 1..=before + frames);
        let here: Vec<_> = here.map(|frame| frame - before).collect();
        if expected != here {
            let filter = case.filter;
            let _ =
                writeln!(wrong, "{filter}\n   {name}: expected {expected:?}\n   passed {here:?}");
        }
        before += frames;
    }
}

fn check(cases: &[Case]) {
    let merged = merged();
    let mut wrong = String::new();
    for passes in [ONE, TWO] {
        let cases: Vec<_> = cases.iter().filter(|case| case.passes == passes).collect();
        let filters: Vec<_> = cases.iter().map(|case| case.filter).collect();
        for (case, passed) in cases.iter().zip(passing(&merged.capture, passes, &filters)) {
            differences(case, merged, &passed, &mut wrong);
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn the_samples_named_are_there() {
    let known = tests::samples();
    let names: Vec<_> =
        known.iter().map(|file| file.file_stem().unwrap_or_default().to_string_lossy()).collect();
    for (name, _) in
        CASES.iter().chain(findings::CASES).chain(FAR_SERVERS).flat_map(|case| case.samples)
    {
        assert!(names.iter().any(|known| known == name), "{name}");
    }
}

#[test]
fn filters_match_the_frames_an_expert_picked() {
    check(CASES);
}

#[test]
fn expert_filters_match_the_packets_of_each_finding() {
    check(findings::CASES);
}

#[test]
fn filters_match_far_servers() {
    check(FAR_SERVERS);
}
