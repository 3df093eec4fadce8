//! `explain --nstat`: what the kernel of one host counted, beside what the capture has.

mod common;

use std::fs;

use common::{run, stderr, stdout, workspace};
use dissector_core::counters::{About, RULES};
use tempfile::TempDir;

const SYN: u8 = 0x02;
const RST_ACK: u8 = 0x14;

/// A segment of 10.0.0.1:PORT and 10.0.0.2:80: milliseconds, PORT, whether the client sends it, flags.
type Sent = (u32, u16, bool, u8);

/// A folder with a capture and outputs of `nstat -az`.
struct Folder(TempDir);

impl Folder {
    /// RAW, little-endian; the SYN's options are those of an operating system.
    fn new(segments: &[Sent]) -> Self {
        let mut file =
            Vec::from(b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\xff\xff\0\0\x65\0\0\0");
        for (ms, port, from_client, flags) in segments {
            for word in [ms / 1000, ms % 1000 * 1000, 44, 44_u32] {
                file.extend(word.to_le_bytes());
            }
            file.extend([0x45, 0, 0, 44, 0, 0, 0, 0, 64, 6, 0, 0]);
            let ends = [([10, 0, 0, 1], *port), ([10, 0, 0, 2], 80)];
            let (from, to) = if *from_client { (ends[0], ends[1]) } else { (ends[1], ends[0]) };
            file.extend(from.0);
            file.extend(to.0);
            file.extend(from.1.to_be_bytes());
            file.extend(to.1.to_be_bytes());
            let (number, acknowledgment) = if *from_client { (100_u32, 0_u32) } else { (0, 101) };
            file.extend(number.to_be_bytes());
            file.extend(acknowledgment.to_be_bytes());
            // SACK permitted, and padding.
            file.extend([0x60, *flags, 0xff, 0xff, 0, 0, 0, 0, 4, 2, 1, 1]);
        }
        let folder = tempfile::tempdir().expect("there is room");
        fs::write(folder.path().join("a.pcap"), file).expect("there is room");
        Self(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    /// The outputs before and after, between which these counters rose.
    fn counters(&self, rises: &[(&str, u64)]) -> [String; 2] {
        let names = [
            "TcpActiveOpens",
            "TcpPassiveOpens",
            "TcpAttemptFails",
            "TcpInSegs",
            "TcpOutRsts",
            "TcpExtSyncookiesSent",
            "TcpExtListenOverflows",
            "TcpExtListenDrops",
            "TcpExtTCPReqQFullDrop",
            "TcpExtTCPSynRetrans",
            "TcpExtTCPSYNChallenge",
        ];
        let output = |value: &dyn Fn(&str) -> u64| {
            let line = |name: &&str| format!("{name:<32}{:<17}0.0\n", value(name));
            format!(
                "#kernel\nTcpExtPruneCalled  0  0.0\n{}",
                names.iter().map(line).collect::<String>()
            )
        };
        let rise = |name: &str| {
            rises.iter().find(|(risen, _)| *risen == name).map_or(0, |(_, rise)| *rise)
        };
        let (before, after) = (self.path("before"), self.path("after"));
        fs::write(&before, output(&|_| 1000)).expect("there is room");
        fs::write(&after, output(&|name| 1000 + rise(name))).expect("there is room");
        [before, after]
    }

    /// The explanation of the first failure, however it was wrapped.
    fn told(&self, rises: &[(&str, u64)], more: &[&str]) -> String {
        let [before, after] = self.counters(rises);
        let arguments = [
            &["explain", "--failed", "--nstat", &before, &after][..],
            more,
            &[&self.path("a.pcap")],
        ];
        stdout(&arguments.concat()).split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// Three clients that repeat their SYN twice, and a later segment that shows how long they waited.
fn silent() -> Folder {
    let syns =
        (1..=3).flat_map(|port| [0, 1000, 3000].map(|ms| (ms + u32::from(port), port, true, SYN)));
    let mut segments: Vec<_> = syns.collect();
    segments.sort_by_key(|(ms, ..)| *ms);
    segments.extend([(9000, 9, true, SYN), (9001, 9, false, RST_ACK)]);
    Folder::new(&segments)
}

fn order(text: &str, parts: &[&str]) {
    let places: Vec<_> = parts
        .iter()
        .map(|part| text.find(part).unwrap_or_else(|| panic!("{part}: {text}")))
        .collect();
    assert!(places.is_sorted(), "{places:?} of {parts:?}: {text}");
}

#[test]
fn as_many_overflows_as_unanswered_syns_come_first() {
    let folder = silent();
    let rises = [("TcpExtListenOverflows", 9), ("TcpExtListenDrops", 9), ("TcpInSegs", 10)];
    let text = folder.told(&rises, &[]);
    order(
        &text,
        &[
            "What the server's kernel counted",
            "accept_queue_full, agrees: ListenOverflows rose by 9, as many as SYNs stayed unanswered (9).",
            "answer_lost, does not agree: TCPSynRetrans did not rise",
            "Likely causes 1. The server's accept queue is full",
            "[the server's counters agree]",
            "A firewall or a cloud security group drops the SYN",
            "takes a different route and is lost there, or bypasses the capture point. [the server's counters do not agree]",
        ],
    );
    assert!(!text.contains("nstat -az > before"), "{text}");
    // Rare causes that nothing speaks for are not named.
    assert!(!text.contains("request_queue_full") && !text.contains("key_mismatch"), "{text}");
}

#[test]
fn what_did_not_rise_is_refuted_and_stands_last() {
    let folder = silent();
    let text = folder.told(&[], &["--nstat-of", "server"]);
    order(
        &text,
        &[
            "firewall_drops, agrees: TcpInSegs did not rise, fewer than SYNs stayed unanswered (3)",
            "accept_queue_full, does not agree: ListenOverflows did not rise",
            "Likely causes 1. A firewall",
            "[the server's counters agree]",
            "2. The server's accept queue is full",
            "[the server's counters do not agree]",
        ],
    );
}

#[test]
fn what_rose_by_more_decides_nothing() {
    let rises = [("TcpExtListenOverflows", 500), ("TcpExtListenDrops", 500), ("TcpInSegs", 900)];
    let text = silent().told(&rises, &[]);
    let said = "accept_queue_full, not decidable: ListenOverflows rose by 500, more than SYNs stayed \
                unanswered in this capture (9)";
    // It stands first all the same.
    order(
        &text,
        &[said, "firewall_drops, not decidable", "Likely causes 1. The server's accept queue"],
    );
    assert!(!text.contains("queue is full: the application does not call accept() fast enough, and Linux \
                            then drops SYNs and final ACKs silently, even though the port is open. ["));
}

#[test]
fn a_request_queue_is_named_by_the_counters_alone() {
    let rises = [("TcpExtTCPReqQFullDrop", 9), ("TcpExtListenDrops", 9), ("TcpInSegs", 10)];
    let folder = silent();
    let text = folder.told(&rises, &[]);
    order(
        &text,
        &["request_queue_full, agrees", "Likely causes 1. The server's queue of half-open"],
    );
    assert!(!stdout(&["explain", &folder.path("a.pcap")]).contains("half-open"));
}

#[test]
fn counters_of_the_client_are_known_by_their_numbers() {
    let rises = [("TcpActiveOpens", 4), ("TcpExtTCPSynRetrans", 6), ("TcpAttemptFails", 4)];
    let text = silent().told(&rises, &[]);
    order(
        &text,
        &[
            "What the client's kernel counted By their numbers, the outputs are of 10.0.0.1, the client",
            "copies of SYN and SYN/ACK, agrees: TCPSynRetrans rose by 6, as many as",
        ],
    );
    let doubtful = silent().told(&[("TcpActiveOpens", 9)], &[]);
    order(
        &doubtful,
        &["but they may as well be of the client", "accept_queue_full, not decidable"],
    );
    assert!(
        !doubtful.contains("do not agree") && !doubtful.contains("does not agree"),
        "{doubtful}"
    );
}

#[test]
fn outputs_that_give_no_differences_decide_nothing() {
    let folder = silent();
    let [before, after] = folder.counters(&[("TcpExtListenOverflows", 9)]);
    let file = folder.path("a.pcap");
    let text = stdout(&["explain", "--nstat", &after, &before, &file]);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        text.contains("They decide nothing: the counters fell: TcpExtListenOverflows was 1009"),
        "{text}"
    );
    assert!(!text.contains("counters agree") && !text.contains("do not agree"), "{text}");
}

#[test]
fn without_counters_it_says_how_to_take_them() {
    let text = stdout(&["explain", &silent().path("a.pcap")]);
    assert!(text.contains("nstat -az > before; "), "{text}");
    assert!(text.contains("--outcome no_reply --nstat before after again.pcap"), "{text}");
}

#[test]
fn what_is_no_output_of_nstat_is_an_error() {
    let folder = silent();
    let [before, _] = folder.counters(&[]);
    let file = folder.path("a.pcap");
    let said = stderr(&["explain", "--nstat", &before, &file, &file], 1);
    assert!(said.contains("a.pcap: no counters in it"), "{said}");
    let missing = folder.path("missing");
    assert!(stderr(&["explain", "--nstat", &before, &missing, &file], 1).contains("missing: "));
    stderr(&["explain", "--nstat-of", "server", &file], 2);
    let output = run(&["explain", "--nstat", &before, &before, "-o", &before, &file]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

#[test]
fn the_page_names_every_counter_and_cause() {
    let page = fs::read_to_string(workspace().join("docs/COUNTERS.md")).expect("the page is there");
    for rule in RULES {
        for counter in rule.counters {
            assert!(page.contains(&format!("`{counter}`")), "{counter}");
        }
        for about in rule.about {
            if let About::Cause(cause) = about {
                assert!(page.contains(&format!("`{cause}`")), "{cause}");
            }
        }
    }
}
