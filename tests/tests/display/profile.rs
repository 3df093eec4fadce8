//! The profile "TCP Handshake": every column has values, every filter is one that Wireshark takes,
//! and every colour is on the packets it is meant for.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;

use dissector_core::connection::{Outcome, Stage};
use testkit::wireshark::profile::NAME;
use testkit::wireshark::profile::table::{BUTTONS, COLUMNS, REST, RULES, WINDOW_WIDTH};
use tests::{sample, tshark, wireshark};

/// The rows of a capture as the profile's columns show them, hidden ones too, the titles first.
fn list(capture: &str, more: &[&str]) -> (Vec<String>, Vec<Vec<String>>) {
    let all = ["-o", "gui.column.hidden:"];
    let arguments =
        [&all[..], &["-n", "-2", "-C", NAME, "-T", "psml", "-r", capture], more].concat();
    let text = tshark(&arguments);
    let (head, body) = text.split_once("</structure>").expect("psml begins with the titles");
    let sections = |text: &str| -> Vec<String> {
        let lines = text.lines().filter_map(|line| line.trim().strip_prefix("<section>"));
        lines.map(|line| line.trim_end_matches("</section>").to_owned()).collect()
    };
    (sections(head), body.split("</packet>").map(sections).filter(|row| !row.is_empty()).collect())
}

#[test]
fn every_column_has_values() {
    let titles: Vec<&str> = COLUMNS.iter().map(|column| column.title).collect();
    let mut filled = BTreeSet::new();
    let points = crate::points::eventful().merged(true);
    for capture in [sample("telnet-dns.pcapng"), sample("refused.pcapng"), points] {
        let (shown, rows) = list(&capture.to_string_lossy(), &[]);
        assert_eq!(shown, titles);
        for row in &rows {
            assert_eq!(row.len(), titles.len(), "{row:?}");
            filled.extend(
                row.iter().enumerate().filter(|(_, text)| !text.is_empty()).map(|(at, _)| at),
            );
        }
    }
    let empty: Vec<_> = (0..titles.len()).filter(|at| !filled.contains(at)).collect();
    assert!(empty.is_empty(), "without a value: {empty:?} of {titles:?}");

    let (_, rows) =
        list(&sample("telnet-dns.pcapng").to_string_lossy(), &["-Y", "tcphs.final_ack"]);
    let [row] = &rows[..] else { panic!("one final ACK: {rows:?}") };
    let of = |title| &*row[titles.iter().position(|there| *there == title).expect("a column")];
    assert_eq!((of("No."), of("Conn"), of("Flags"), of("S.")), ("3", "0", "ACK", "."));
    assert_eq!((of("Stage"), of("Outcome")), ("ACK", "complete"));
    assert_eq!(of("Client / server"), "ESTABLISHED / ESTABLISHED?");
    assert!(of("Info").starts_with("3/3 ACK | 60686 → 53 [ACK] "), "{row:?}");
    assert_eq!((of("Client"), of("Server")), ("ESTABLISHED", "ESTABLISHED"));
    assert!(of("Setup time").starts_with("0.0"), "{row:?}");
}

/// Pixels of a character of the packet list, in Qt's own font for it, and of the space beside a text.
const CHARACTER: i32 = 7;
const MARGIN: i32 = 8;

fn width_of(format: &str) -> i32 {
    COLUMNS.iter().find(|column| column.format == format).expect("a column").width
}

#[test]
fn no_text_is_cut_and_info_has_room() {
    let fits = |format: &str, text: &str| {
        let needed = text.chars().count() as i32 * CHARACTER + MARGIN;
        assert!(needed <= width_of(format), "{text} in {format}: {needed} pixels");
    };
    for stage in Stage::ALL {
        fits("%Cus:tcphs.stage.copy:0:R", stage.label());
    }
    for stage in ["SYN", "SYN/ACK", "FIN (1/4)", "FIN (3/4)", "FIN/ACK (2+3/4)"] {
        assert!(Stage::ALL.iter().any(|it| it.label() == stage), "{stage}");
        fits("%Cus:tcphs.stage.copy:0:R", &format!("{stage}, again"));
    }
    for outcome in Outcome::ALL {
        fits("%Cus:tcphs.outcome:0:R", outcome.label());
    }
    // Both ends at once in the states with the longest names: a simultaneous open.
    fits("%Cus:tcphs.states:0:R", "SYN-RECEIVED / SYN-RECEIVED?");
    for address in ["%s", "%d"] {
        fits(address, "192.168.210.102");
    }
    fits("%t", "999.999999");
    // Beside a scroll bar, Info has the rest of a small screen.
    let others = COLUMNS.iter().filter(|column| column.shown && column.width != REST);
    let rest = WINDOW_WIDTH - 17 - others.map(|column| column.width).sum::<i32>();
    assert!(rest >= 280, "{rest}");
}

/// Frames and the rule that colours each.
fn coloured(capture: &str) -> Vec<(String, Option<String>)> {
    let text = tshark(&["-n", "-2", "-C", NAME, "--color", "-O", "frame", "-r", capture]);
    let mut frames: Vec<(String, Option<String>)> = Vec::new();
    for line in text.lines() {
        // Escape sequences stand before and after what is coloured.
        if let Some((_, rest)) = line.split_once("Frame ").filter(|_| line.contains(" on wire (")) {
            let number = rest.split_once(':').map_or(rest, |(number, _)| number);
            frames.push((number.to_owned(), None));
        } else if let Some((_, name)) = line.split_once("[Coloring Rule Name: ") {
            let name = name.split_once(']').map_or(name, |(name, _)| name);
            frames.last_mut().expect("a frame has begun").1 = Some(name.to_owned());
        }
    }
    frames
}

#[test]
fn every_colour_is_where_it_belongs() {
    let expected: [(&str, &[(&str, usize)]); 7] = [
        (
            "telnet-dns.pcapng",
            &[
                ("1/3 SYN", 1),
                ("2/3 SYN/ACK", 1),
                ("3/3 final ACK", 1),
                ("FIN", 2),
                ("ACK of FIN", 2),
            ],
        ),
        ("refused.pcapng", &[("Failed", 2)]),
        ("no-reply.pcapng", &[("Failed", 1), ("Failed, sent again", 3)]),
        ("not-accepted.pcapng", &[("Not accepted", 7)]),
        ("reset.pcapng", &[("RST", 1)]),
        ("challenge-ack.pcapng", &[("SYN retransmission", 1)]),
        ("midstream.pcapng", &[("Captured twice, or midstream", 2)]),
    ];
    let mut used = BTreeSet::new();
    for (name, counts) in expected {
        let frames = coloured(&sample(name).to_string_lossy());
        for (rule, count) in counts {
            let seen = frames.iter().filter(|(_, there)| there.as_deref() == Some(rule)).count();
            assert_eq!(seen, *count, "{name}: {rule} in {frames:?}");
            used.insert(*rule);
        }
    }
    // What happened between two points has a colour of its own.
    let points = crate::points::eventful().merged(true).to_string_lossy().into_owned();
    let colours: BTreeMap<String, Option<String>> = coloured(&points).into_iter().collect();
    for (rule, filter) in [
        ("Lost on the way", "tcphs.fate == \"lost\""),
        ("Appeared on the way", "tcphs.fate == \"appeared\""),
        ("Changed on the way", "tcphs.changed == \"mss\""),
        ("Doubled on the way", "tcphs.fate == \"doubled\" && !tcphs.changed"),
    ] {
        let (_, rows) = list(&points, &["-Y", filter]);
        assert!(!rows.is_empty(), "no packet for {rule}");
        for row in rows {
            assert_eq!(colours[&row[0]].as_deref(), Some(rule), "{row:?}");
        }
        used.insert(rule);
    }
    let unused: Vec<_> =
        RULES.iter().map(|rule| rule.name).filter(|name| !used.contains(name)).collect();
    assert!(unused.is_empty(), "no sample shows {unused:?}");
}

/// Wireshark reads the profile's files and accepts every filter, without a message on standard
/// error.
#[test]
fn wireshark_takes_every_filter() {
    let path = sample("telnet-dns.pcapng").to_string_lossy().into_owned();
    let mut filters: Vec<String> =
        RULES.iter().map(testkit::wireshark::profile::table::Rule::filter).collect();
    filters.extend(BUTTONS.iter().map(|(_, filter)| (*filter).to_owned()));
    let said = |filter: &str| {
        let mut command = wireshark().with_plugin();
        command.args(["-n", "-2", "-C", NAME, "--color", "-r", &path, "-Y", filter]);
        let output = command.stdin(Stdio::null()).output().expect("tshark starts");
        // There is no message either about the user of the tests or about the file.
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let nothing = (true, String::new());
    // All filters are tried in one run, because starting tshark takes most of the time; only if
    // that fails, one by one.
    let all: Vec<_> = filters.iter().map(|filter| format!("({filter})")).collect();
    let together = said(&all.join(" || "));
    if together != nothing {
        let alone = filters.iter().map(|filter| (filter, said(filter)));
        let wrong: Vec<_> = alone.filter(|(_, said)| *said != nothing).collect();
        panic!("{together:?}, and one by one: {wrong:?}");
    }
}

/// The filter of each button that matches packets of some sample.
#[test]
fn buttons_find_what_they_say() {
    let shows = |name: &str, label: &str| {
        let (_, filter) =
            BUTTONS.iter().find(|(there, _)| *there == label).expect("there is such a button");
        list(&sample(name).to_string_lossy(), &["-Y", filter]).1.len()
    };
    assert_eq!(shows("telnet-dns.pcapng", "3WHS"), 3);
    assert_eq!(shows("telnet-dns.pcapng", "Final ACK"), 1);
    assert_eq!(shows("telnet-dns.pcapng", "Failed"), 0);
    assert_eq!(shows("refused.pcapng", "Refused"), 2);
    assert_eq!(shows("no-reply.pcapng", "No reply"), 4);
    assert_eq!(shows("no-reply.pcapng", "SYN retries"), 3);
    assert_eq!(shows("not-accepted.pcapng", "Not accepted"), 7);
    assert_eq!(shows("reset.pcapng", "RST"), 1);
    assert_eq!(shows("telnet-dns.pcapng", "Slow"), 0);
}
