//! The preferences, set by `-o`: they change texts and no values of fields.

use tests::{fields, passing, sample, tshark, wireshark};

fn path() -> String {
    sample("telnet-dns.pcapng").to_string_lossy().into_owned()
}

fn with<'a>(path: &'a str, preferences: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    let options = preferences.iter().flat_map(|preference| ["-o", preference]);
    ["-n", "-r", path].into_iter().chain(options).chain(more.iter().copied()).collect()
}

/// The Info column of each packet.
fn info(preferences: &[&str], passes: &[&str]) -> Vec<String> {
    let path = path();
    // The Info text is read from the column, because from 4.2 on the field `_ws.col.info` is made
    // before post-dissectors are called.
    let more = [&["-o", "gui.column.format:\"Info\",\"%i\""], passes].concat();
    let said = tshark(&with(&path, preferences, &more));
    said.lines().map(|line| line.trim().to_owned()).collect()
}

const PASSES: [&[&str]; 2] = [&[], &["-2"]];

#[test]
fn preferences_are_registered_with_their_values() {
    let known = tshark(&["-G", "currentprefs"]);
    for (name, default) in [
        // The values as the window shows them.
        ("info", "In front of the other protocols' text"),
        ("info_scope", "Segments of a handshake or a close"),
        ("state_names", "RFC 9293: SYN-RECEIVED, FIN-WAIT-1"),
        ("mark_assumed", "TRUE"),
        ("slow_ms", "1000"),
        ("points", "In files that tcphs has merged"),
    ] {
        let line = known.lines().find(|line| line.contains(&format!("tcphs.{name}:")));
        let line = line.unwrap_or_else(|| panic!("tcphs.{name} is not known"));
        assert!(line.ends_with(default), "{line}");
    }
}

#[test]
fn the_place_in_the_info_column() {
    for passes in PASSES {
        let before = info(&[], passes);
        let after = info(&["tcphs.info:after"], passes);
        let off = info(&["tcphs.info:off"], passes);
        assert!(before[1].starts_with("2/3 SYN/ACK [S.] client ESTABLISHED? "), "{}", before[1]);
        assert!(after[1].ends_with(" | 2/3 SYN/ACK [S.] client ESTABLISHED? server SYN-RECEIVED"));
        for (nth, off) in off.iter().enumerate() {
            let (first, rest) = before[nth].split_once(" | ").unwrap_or(("", &before[nth]));
            assert_eq!(rest, off);
            let expected = if first.is_empty() { off.clone() } else { format!("{off} | {first}") };
            assert_eq!(after[nth], expected);
        }
    }
}

/// The step alone, for a list with columns for the rest.
#[test]
fn the_step_alone_in_the_info_column() {
    for passes in PASSES {
        let short = info(&["tcphs.info:short", "tcphs.info_scope:all"], passes);
        let off = info(&["tcphs.info:off"], passes);
        let steps = [
            "1/3 SYN",
            "2/3 SYN/ACK",
            "3/3 ACK",
            "",
            "",
            "",
            "",
            "1/4 FIN",
            "2/4 ACK of FIN",
            "3/4 FIN",
            "4/4 ACK of FIN",
        ];
        assert_eq!(short.len(), steps.len());
        for ((short, off), step) in short.iter().zip(off).zip(steps) {
            let separator = if step.is_empty() { "" } else { " | " };
            assert_eq!(*short, format!("{step}{separator}{off}"));
        }
    }
    let path = sample("no-reply.pcapng").to_string_lossy().into_owned();
    let again = tshark(&with(&path, &["tcphs.info:short"], &[]));
    assert_eq!(again.matches(" 1/3 SYN, again | ").count(), 3, "{again}");
}

/// The user decides what is slow: for the field, and so for the profile's button, and for the finding.
#[test]
fn what_is_slow() {
    let path = sample("not-accepted.pcapng").to_string_lossy().into_owned();
    let frames = |limit: &str, filter: &str, passes: &[&str]| {
        let more = [&["-Y", filter, "-T", "fields", "-e", "frame.number"], passes].concat();
        let text = tshark(&with(&path, &[limit], &more));
        text.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    // The handshake took 148 ms.
    let (slow, quick) = ("tcphs.slow_ms:147", "tcphs.slow_ms:148");
    assert_eq!(frames(slow, "tcphs.slow", &[]), ["3"]);
    assert_eq!(frames(slow, "tcphs.slow", &["-2"]).len(), 7);
    for passes in PASSES {
        assert_eq!(frames(slow, "tcphs.expert.slow_handshake", passes), ["3"]);
        assert_eq!(frames(quick, "tcphs.slow || tcphs.expert.slow_handshake", passes), [""; 0]);
    }
}

#[test]
fn every_segment_on_demand() {
    for passes in PASSES {
        let staged = info(&[], passes);
        let all = info(&["tcphs.info_scope:all"], passes);
        assert!(!staged[3].contains(" client "), "{}", staged[3]);
        assert!(all[3].starts_with("[P.] client ESTABLISHED server ESTABLISHED? | "), "{}", all[3]);
        assert_eq!(all.iter().filter(|line| line.contains(" client ")).count(), 11);
        assert_eq!(staged[1], all[1]);
    }
}

#[test]
fn the_names_of_the_states() {
    for passes in PASSES {
        let netstat = info(&["tcphs.state_names:netstat"], passes);
        assert!(netstat[0].contains("client SYN_SENT server SYN_RECV?"), "{}", netstat[0]);
        assert!(netstat[7].contains("client FIN_WAIT1 server CLOSE_WAIT?"), "{}", netstat[7]);
        let ss = info(&["tcphs.state_names:ss", "tcphs.mark_assumed:FALSE"], passes);
        assert!(ss[1].contains("client ESTAB server SYN-RECV |"), "{}", ss[1]);
        assert!(ss.iter().all(|line| !line.contains('?')), "{ss:?}");
    }
}

/// Names and marks are texts: fields, labels and filters stay as they are.
#[test]
fn no_field_changes() {
    let path = path();
    let names = [
        "tcphs.client.state",
        "tcphs.client.state_str",
        "tcphs.server.state_str",
        "tcphs.server.state_before_str",
        "tcphs.server.state.proven",
    ];
    let changed = ["tcphs.state_names:netstat", "tcphs.mark_assumed:FALSE"];
    for passes in PASSES {
        let values = |preferences: &[&str]| fields(&with(&path, preferences, passes), &names);
        assert_eq!(values(&changed), values(&[]));
        let mut filter = vec!["-Y", "tcphs.server.state == \"SYN-RECEIVED\"", "-T", "pdml"];
        filter.extend(passes);
        let details = tshark(&with(&path, &changed, &filter));
        assert_eq!(details.matches("<packet>").count(), 2);
        assert!(details.contains("LISTEN → SYN_RECV"), "{details}");
        assert!(!details.contains("(assumed"), "{details}");
        assert!(details.contains("Server state before: LISTEN (2)"), "{details}");
    }
}

/// Every name that other tools have for a state works in filters.
#[test]
fn filters_know_all_names() {
    let names = [
        ("SYN-RECEIVED", 2),
        ("SYN_RECV", 2),
        ("SYN-RECV", 2),
        ("SYN_RECEIVED", 2),
        ("LAST_ACK", 1),
        ("CLOSE", 1),
        ("UNCONN", 1),
    ];
    let filters = names.map(|(name, _)| format!("tcphs.server.state == \"{name}\""));
    for ((name, packets), passed) in names.iter().zip(passing(&path(), &[], &filters)) {
        assert_eq!(passed.len(), *packets, "{name}");
    }
}

#[test]
fn the_threshold_of_slow_handshakes() {
    let path = sample("telnet-dns.pcapng").to_string_lossy().into_owned();
    let slow = |milliseconds: &str, passes: &[&str]| {
        let preference = format!("tcphs.slow_ms:{milliseconds}");
        let mut arguments = with(&path, &[&*preference], &["-Y", "tcphs.expert.slow_handshake"]);
        arguments.extend(passes);
        fields(&arguments, &["frame.number"])
    };
    for passes in PASSES {
        assert_eq!(slow("1000", passes), [[""; 1]; 0]);
        // The handshake took 73 microseconds.
        assert_eq!(slow("0", passes), [["3"]]);
    }
    // This handshake took longer than a second.
    let path = sample("syn-cookies.pcapng").to_string_lossy().into_owned();
    let filter = ["-Y", "tcphs.setup_time > 1"];
    let all = fields(&with(&path, &[], &filter), &["frame.number"]);
    let slow_frames = |preference: &str| {
        let filter = ["-Y", "tcphs.expert.slow_handshake"];
        fields(&with(&path, &[preference], &filter), &["frame.number"])
    };
    assert_eq!(slow_frames("tcphs.slow_ms:1000"), all);
    assert_eq!(slow_frames("tcphs.slow_ms:4000000"), [[""; 1]; 0]);
}

/// Wireshark takes the default for a value that it does not know; a name that it does not know is an
/// error.
#[test]
fn invalid_values_do_no_harm() {
    assert_eq!(info(&["tcphs.info:sideways"], &[]), info(&[], &[]));
    let path = path();
    let output = wireshark().with_plugin().args(with(&path, &["tcphs.inf:off"], &[])).output();
    let output = output.unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && stderr.contains("tcphs.inf"), "{stderr}");
}
