//! `--nstat` with points: what the kernel of the host next to each counted.

mod common;

use std::fs;

use common::{pair, run, stderr, stdout};
use tempfile::TempDir;

/// Outputs of `nstat -az` from before and after, as `NAME=BEFORE,AFTER`.
struct Outputs(TempDir);

const NAMES: [&str; 9] = [
    "TcpActiveOpens",
    "TcpPassiveOpens",
    "TcpInSegs",
    "TcpOutRsts",
    "TcpExtListenOverflows",
    "TcpExtListenDrops",
    "TcpExtTCPReqQFullDrop",
    "TcpExtTCPSynRetrans",
    "TcpExtSyncookiesSent",
];

impl Outputs {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("there is room"))
    }

    fn files(&self, rises: &[(&str, u64)]) -> [String; 2] {
        let output = |value: &dyn Fn(&str) -> u64| {
            let lines = NAMES.map(|name| format!("{name} {} 0.0\n", value(name)));
            format!("#kernel\nTcpExtPruneCalled 0 0.0\n{}", lines.concat())
        };
        let rise = |name: &str| {
            rises.iter().find(|(risen, _)| *risen == name).map_or(0, |(_, rise)| *rise)
        };
        let texts = [("before", output(&|_| 1000)), ("after", output(&|name| 1000 + rise(name)))];
        texts.map(|(name, text)| {
            let file = self.0.path().join(name);
            fs::write(&file, text).expect("there is room");
            file.display().to_string()
        })
    }

    fn of(&self, point: &str, rises: &[(&str, u64)]) -> String {
        format!("{point}={}", self.files(rises).join(","))
    }
}

fn at(name: &str) -> [String; 4] {
    let [client, server] = pair(name);
    ["--at".into(), format!("client={client}"), "--at".into(), format!("server={server}")]
}

/// What a command says of this pair, however it was wrapped.
fn said(command: &[&str], name: &str, nstat: &str) -> String {
    let at = at(name);
    let at: Vec<_> = at.iter().map(String::as_str).collect();
    let text = stdout(&[command, &["--nstat", nstat], &at].concat());
    if command[0] == "compare" {
        let told = text.split("What the").skip(1).collect::<String>();
        assert!(told.lines().all(|line| line.chars().count() <= 80), "{told}");
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Both connections of the pairs were accepted by the server, unless one failed.
const CALM: &[(&str, u64)] = &[("TcpPassiveOpens", 50), ("TcpInSegs", 900)];

#[test]
fn a_server_to_which_no_syn_came_has_dropped_none() {
    let outputs = Outputs::new();
    let calm = outputs.of("server", CALM);
    for text in [
        said(&["compare"], "syn-lost", &calm),
        said(&["explain", "--conn", "1"], "syn-lost", &calm),
    ] {
        assert!(text.contains("What the server's kernel counted"), "{text}");
        assert!(
            text.contains(
                "ListenOverflows and TCPReqQFullDrop did not rise, and its SYN did not come to [server]: no \
                 queue of this host dropped it."
            ),
            "{text}"
        );
    }
    assert!(
        said(&["compare"], "syn-lost", &calm)
            .contains("syn_lost, agrees (no_reply, 1 connection):")
    );
    // What rose was raised by others: no SYN of this connection is counted as unanswered.
    let full = outputs.of("server", &[CALM, &[("TcpExtListenOverflows", 4)]].concat());
    for text in [
        said(&["compare"], "syn-lost", &full),
        said(&["explain", "--conn", "1"], "syn-lost", &full),
    ] {
        assert!(text.contains("not decidable"), "{text}");
        assert!(
            text.contains(
                "ListenOverflows rose by 4, for others: its SYN did not come to [server]."
            ),
            "{text}"
        );
        assert!(!text.contains("accept_queue_full, agrees"), "{text}");
    }
}

#[test]
fn a_rst_that_the_servers_kernel_did_not_send_is_of_another() {
    let outputs = Outputs::new();
    let text = said(&["compare"], "rejected-rst", &outputs.of("server", CALM));
    assert!(
        text.contains(
            "TcpOutRsts did not rise, and its SYN did not come to [server]: the RST is not"
        ),
        "{text}"
    );
    let sent = outputs.of("server", &[CALM, &[("TcpOutRsts", 1)]].concat());
    let text = said(&["compare"], "rejected-rst", &sent);
    assert!(text.contains("answered_on_the_way, not decidable"), "{text}");
    // The server's own refusal comes to its point, and its counter has it.
    let text = said(&["compare"], "refused", &sent);
    assert!(
        text.contains("port_closed, agrees (refused, 1 connection): TcpOutRsts rose by 1,"),
        "{text}"
    );
    let text = said(&["explain", "--conn", "0"], "refused", &outputs.of("server", CALM));
    assert!(text.contains("port_closed, does not agree"), "{text}");
    assert!(text.contains("[the server's counters do not agree]"), "{text}");
}

#[test]
fn each_point_has_its_host() {
    let outputs = Outputs::new();
    // The client repeats its SYN, which is lost once: its kernel counts the copy, the server's does not.
    let client = outputs.of("client", &[("TcpActiveOpens", 50), ("TcpExtTCPSynRetrans", 1)]);
    let text = said(&["compare"], "syn-lost-once", &client);
    assert!(text.contains("What the client's kernel counted, at [client]"), "{text}");
    assert!(
        text.contains(
            "copies of SYN and SYN/ACK, agrees (1 connection): TCPSynRetrans rose by 1, as many as"
        ),
        "{text}"
    );
    let none = outputs.of("client", &[("TcpActiveOpens", 50)]);
    let text = said(&["explain", "--conn", "1"], "syn-lost-once", &none);
    assert!(
        text.contains("copies of SYN and SYN/ACK, does not agree: TCPSynRetrans did not"),
        "{text}"
    );
}

#[test]
fn outputs_that_give_no_differences_decide_nothing() {
    let outputs = Outputs::new();
    let [before, after] = outputs.files(CALM);
    let swapped = format!("server={after},{before}");
    for command in [&["compare"][..], &["explain", "--conn", "1"]] {
        let text = said(command, "syn-lost", &swapped);
        assert!(text.contains("wrong order?"), "{text}");
        assert!(!text.contains(", agrees") && !text.contains("does not agree"), "{text}");
    }
}

#[test]
fn errors_say_what_to_write() {
    let outputs = Outputs::new();
    let [before, after] = outputs.files(CALM);
    let missing = format!("server={before},{after}.missing");
    let good = format!("server={before},{after}");
    let at = at("clean");
    for (nstat, status, told) in [
        (format!("middle={before},{after}"), 2, "the points are client, server"),
        (format!("server={before}"), 2, "two outputs are needed"),
        (format!("server={before},"), 2, "two outputs are needed"),
        (format!("={before},{after}"), 2, "the point has no name"),
        (before.clone(), 2, "say which one the host is next to"),
        (missing, 1, "after.missing: "),
        (format!("server={before},samples/pairs/clean.client.pcapng"), 1, "no counters in it"),
    ] {
        for command in ["compare", "explain"] {
            let mut arguments = vec![command, "--nstat", &nstat];
            arguments.extend(at.iter().map(String::as_str));
            let said = stderr(&arguments, status);
            assert!(said.contains(told), "{arguments:?}: {said}");
        }
    }
    let [client, server] = pair("clean");
    for (arguments, told) in [
        (vec!["compare", "--nstat", &good, "--nstat", &good, &client, &server], "the points are"),
        (vec!["compare", "--format", "csv", "--nstat", &good, &client, &server], "below the table"),
        (vec!["compare", "--by-interface", "--nstat", &good, &client], "cannot be used"),
        (vec!["explain", "--nstat", &good, "--conn", "0", &client], "name these with --at"),
    ] {
        let said = stderr(&arguments, 2);
        assert!(said.contains(told), "{arguments:?}: {said}");
    }
    let twice =
        [&["compare", "--nstat", &good, "--nstat", &good][..], &at.each_ref().map(String::as_str)];
    assert!(stderr(&twice.concat(), 2).contains("given twice"));
    let middle = "server=samples/pairs/firewall.router.pcapng";
    let [client, server] = ["client", "far"].map(|name| {
        let side = if name == "far" { "server" } else { name };
        format!("{name}=samples/pairs/firewall.{side}.pcapng")
    });
    let arguments = ["compare", "--nstat", &good, "--at", &client, "--at", middle, "--at", &server];
    assert!(stderr(&arguments, 2).contains("lies between others"));
    let onto = run(&[
        &["compare", "--nstat", &good, "-o", &before][..],
        &at.each_ref().map(String::as_str),
    ]
    .concat());
    assert_eq!(onto.status.code(), Some(2), "{onto:?}");
}
