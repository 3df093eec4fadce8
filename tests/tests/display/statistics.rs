//! The statistics of our tap as tshark prints them: the tree, the tables, the flow graph. They are
//! the same in one pass and in two, and equal the rows of the `tcphs` command.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde_json::Value;
use tests::{everything, rows, sample, tshark};

/// The output of tshark for one `-z` option.
fn statistic(path: &str, what: &str, passes: &[&str]) -> String {
    let mut arguments = vec!["-n", "-q", "-r", path, "-z", what];
    arguments.extend(passes);
    tshark(&arguments)
}

/// The rows of a table by the names of its columns.
fn table(text: &str) -> Vec<HashMap<String, String>> {
    let cells = |line: &str| -> Vec<String> {
        line.trim_end_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let mut lines = text.lines().skip_while(|line| !line.contains(" |") && !line.ends_with('|'));
    let header = cells(lines.next().unwrap_or_else(|| panic!("no table: {text}")));
    let line = lines.next().expect("a line under the header");
    assert!(line.chars().all(|c| c == '-'), "{text}");
    let rows = lines.take_while(|line| !line.starts_with("==="));
    rows.map(|row| {
        // The columns are aligned: each row has as many characters as the header.
        assert_eq!(row.len(), line.len(), "{text}");
        header.iter().cloned().zip(cells(row)).collect()
    })
    .collect()
}

/// The counts of the tree: by outcome and server; the empty server stands for all.
fn tree(text: &str) -> BTreeMap<(String, String), u64> {
    let mut counts = BTreeMap::new();
    let mut outcome = String::new();
    let mut lines = text.lines().skip_while(|line| !line.starts_with("TCP connections"));
    if let Some(total) = lines.next() {
        let total = number(total.split_whitespace().nth(2));
        counts.insert(Default::default(), total);
    }
    for line in lines.take_while(|line| line.starts_with(' ')) {
        let mut words = line.split_whitespace();
        let (name, count) = (words.next().unwrap_or_default(), number(words.next()));
        let server = line.starts_with("  ");
        if !server {
            outcome = name.to_owned();
        }
        let key = (outcome.clone(), if server { name.to_owned() } else { String::new() });
        assert!(counts.insert(key, count).is_none(), "{text}");
    }
    counts
}

fn number(word: Option<&str>) -> u64 {
    word.and_then(|word| word.parse().ok()).expect("a count")
}

fn milliseconds(ns: &Value) -> String {
    ns.as_u64().map_or("-".to_owned(), |ns| format!("{:.3}", ns as f64 / 1e6))
}

fn word(row: &Value, column: &str) -> String {
    match &row[column] {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    }
}

fn endpoint(row: &Value, end: &str) -> String {
    let (address, port) = (word(row, &format!("{end}_addr")), word(row, &format!("{end}_port")));
    if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") }
}

/// The tree that follows from the rows of the command.
fn expected_tree(connections: &[Value]) -> BTreeMap<(String, String), u64> {
    let mut counts = BTreeMap::new();
    for row in connections {
        let outcome = word(row, "outcome");
        for key in [
            Default::default(),
            (outcome.clone(), String::new()),
            (outcome.clone(), endpoint(row, "server")),
        ] {
            *counts.entry(key).or_default() += 1;
        }
    }
    counts
}

fn expected_connection(row: &Value) -> Vec<(&'static str, String)> {
    let opened = word(row, "open_type");
    vec![
        ("Conn", word(row, "conn")),
        ("Client", endpoint(row, "client")),
        ("Server", endpoint(row, "server")),
        ("Outcome", word(row, "outcome")),
        ("Opened as", if opened == "unknown" { "-".to_owned() } else { opened }),
        ("Close", word(row, "close")),
        ("Closed by", word(row, "close_by")),
        ("SYNs", word(row, "syn_count")),
        ("SYN/ACKs", word(row, "synack_count")),
        ("Segments", word(row, "packets")),
        ("Set-up ms", milliseconds(&row["setup_time_ns"])),
        ("RTT server ms", milliseconds(&row["rtt_server_ns"])),
        ("RTT client ms", milliseconds(&row["rtt_client_ns"])),
        ("Zeek", word(row, "conn_state")),
    ]
}

/// The row of one server, from all of its connections.
fn expected_server(connections: &[&Value]) -> Vec<(&'static str, String)> {
    let with = |outcomes: &[&str]| {
        connections.iter().filter(|row| outcomes.contains(&&*word(row, "outcome"))).count()
    };
    let attempts = connections.len() - with(&["midstream", "unsolicited_synack"]);
    let per_attempt = |value: f64| match attempts {
        0 => "-".to_owned(),
        _ => format!("{:.1}", value / attempts as f64),
    };
    let retries: u64 = connections
        .iter()
        .map(|row| row["syn_count"].as_u64().unwrap_or_default().saturating_sub(1))
        .sum();
    let all = |column: &str| -> Vec<u64> {
        connections.iter().filter_map(|row| row[column].as_u64()).collect()
    };
    let rtts = all("rtt_server_ns");
    let mean = (!rtts.is_empty()).then(|| rtts.iter().sum::<u64>() / rtts.len() as u64);
    let complete = with(&["complete", "one_way"]);
    vec![
        ("Server", word(connections[0], "server_addr")),
        ("Port", word(connections[0], "server_port")),
        ("Attempts", attempts.to_string()),
        ("Complete %", per_attempt(complete as f64 * 100.0)),
        ("No reply", with(&["no_reply"]).to_string()),
        ("Refused", with(&["refused"]).to_string()),
        ("Unreachable", with(&["unreachable"]).to_string()),
        ("No final ACK", with(&["no_final_ack"]).to_string()),
        ("Not accepted", with(&["not_accepted"]).to_string()),
        ("Aborted", with(&["aborted_by_client", "aborted_by_server"]).to_string()),
        ("Other", with(&["challenged", "bad_synack"]).to_string()),
        ("Retries/attempt", per_attempt(retries as f64)),
        ("RTT min ms", milliseconds(&rtts.iter().min().into_iter().copied().next().into())),
        ("RTT mean ms", milliseconds(&mean.into())),
        ("RTT max ms", milliseconds(&rtts.iter().max().into_iter().copied().next().into())),
        ("Slowest ms", milliseconds(&all("setup_time_ns").into_iter().max().into())),
    ]
}

/// The columns in which a row differs from the expected one.
fn differences(row: &HashMap<String, String>, expected: &[(&str, String)]) -> Vec<String> {
    assert_eq!(row.len(), expected.len(), "{row:?}");
    let wrong = expected.iter().filter(|(column, value)| row[*column] != *value);
    wrong
        .map(|(column, value)| format!("{column} is {:?}, not {value:?}: {row:?}", row[*column]))
        .collect()
}

/// The part of the output under this title.
fn part<'a>(text: &'a str, title: &str) -> &'a str {
    let titled = text.split_once(&format!("\n{title}:\n"));
    titled.map(|(_, part)| part).unwrap_or_else(|| panic!("no {title}: {text}"))
}

/// The plugin and the command read every frame of the samples alike.
#[test]
fn statistics_equal_the_rows_of_the_command() {
    let path = everything();
    let mut connections = rows("connections", Path::new(path)).expect("it can be read");
    // The command prints connections in the order in which they leave its table.
    connections.sort_by_key(|row| row["conn"].as_u64());
    assert!(connections.len() > 30, "{}", connections.len());
    let mut wrong = Vec::new();
    for passes in [&[][..], &["-2"]] {
        // One run prints all tables; `statistics_take_a_filter` prints each of them alone.
        let mut arguments = vec!["-n", "-q", "-r", path];
        for what in ["tcphs,tree", "tcphs,connections", "tcphs,servers"] {
            arguments.extend(["-z", what]);
        }
        arguments.extend(passes);
        let text = tshark(&arguments);
        let counts = tree(part(&text, "TCP Handshake"));
        if counts != expected_tree(&connections) {
            wrong.push(format!("{passes:?}: the tree is {counts:?}"));
        }

        let shown = table(part(&text, "TCP Handshake Connections"));
        if shown.len() != connections.len() {
            wrong.push(format!("{passes:?}: {} connections", shown.len()));
        }
        for (row, expected) in shown.iter().zip(&connections) {
            wrong.extend(differences(row, &expected_connection(expected)));
        }

        let mut servers: BTreeMap<_, Vec<&Value>> = BTreeMap::new();
        for row in &connections {
            servers.entry(endpoint(row, "server")).or_default().push(row);
        }
        let shown = table(part(&text, "TCP Handshake Servers"));
        assert_eq!(shown.len(), servers.len(), "{passes:?}");
        for expected in servers.values().map(|rows| expected_server(rows)) {
            let here = |row: &&HashMap<String, String>| {
                row["Server"] == expected[0].1 && row["Port"] == expected[1].1
            };
            match shown.iter().find(here) {
                Some(row) => wrong.extend(differences(row, &expected)),
                None => wrong.push(format!("no row for {expected:?}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A filter selects connections by their packets; the row of a connection counts all of its
/// packets, including those that the filter rejects.
#[test]
fn statistics_take_a_filter() {
    let path = sample("port-reuse.pcapng").to_string_lossy().into_owned();
    let all = rows("connections", sample("port-reuse.pcapng").as_path()).unwrap();
    let row = all.last().unwrap();
    for passes in [&[][..], &["-2"]] {
        let filter = format!("tcp.flags.syn == 1 && tcphs.conn == {}", row["conn"]);
        let shown = table(&statistic(&path, &format!("tcphs,connections,{filter}"), passes));
        assert_eq!(shown.len(), 1, "{passes:?}");
        assert_eq!(differences(&shown[0], &expected_connection(row)), [""; 0]);
        let counts = tree(&statistic(&path, &format!("tcphs,tree,{filter}"), passes));
        assert_eq!(counts, expected_tree(std::slice::from_ref(row)), "{passes:?}");
        let text = statistic(&path, &format!("tcphs,servers,{filter}"), passes);
        assert!(text.contains(&filter), "{text}");
        assert_eq!(table(&text)[0]["Attempts"], "1", "{passes:?}");
    }
    let nothing = statistic(&path, "tcphs,servers,udp", &[]);
    assert!(nothing.contains("Complete %") && !nothing.contains(" |1"), "{nothing}");
}

/// Several of our statistics in one run with Wireshark's own.
#[test]
fn several_statistics_in_one_run() {
    let path = sample("refused.pcapng").to_string_lossy().into_owned();
    let text = tshark(&[
        "-n",
        "-q",
        "-r",
        &path,
        "-z",
        "tcphs,servers",
        "-z",
        "tcphs,tree",
        "-z",
        "tcphs,tree,tcphs.stage == \"SYN\"",
        "-z",
        "io,phs",
        "-z",
        "tcphs,connections",
    ]);
    assert_eq!(text.matches("TCP connections ").count(), 2, "{text}");
    assert_eq!(text.matches(" refused ").count(), 2, "{text}");
    assert!(text.contains("Attempts") && text.contains("Set-up ms"), "{text}");
}

/// The flow graph has an arrow for each segment with a stage, and its states beside it.
#[test]
fn the_flow_graph_shows_the_steps() {
    let path = sample("telnet-dns.pcapng").to_string_lossy().into_owned();
    let one = statistic(&path, "flow,tcphs,standard", &[]);
    for step in ["1/3 SYN", "2/3 SYN/ACK", "3/3 ACK", "1/4 FIN", "2/4 ACK of FIN", "4/4 ACK of FIN"]
    {
        assert_eq!(one.matches(step).count(), 1, "{step}: {one}");
    }
    assert_eq!(one.matches(", conn 0\n").count(), 7, "{one}");
    assert!(one.contains("ESTABLISHED? / SYN-RECEIVED, conn 0\n"), "{one}");
    assert_eq!(one, statistic(&path, "flow,tcphs,standard", &["-2"]));
    // Wireshark counts an ICMP error for the endpoint that sent it.
    let path = sample("icmp-reject.pcapng").to_string_lossy().into_owned();
    let icmp = statistic(&path, "flow,tcphs,standard", &[]);
    assert_eq!(icmp.matches("ICMP error").count(), 2, "{icmp}");
}

/// A repeated SYN/ACK is shown with the ACK that answers it, although that ACK is no step. Wireshark cuts
/// comments after 45 characters or so.
#[test]
fn the_flow_graph_shows_what_was_sent_again() {
    let path = sample("not-accepted.pcapng").to_string_lossy().into_owned();
    let text = statistic(&path, "flow,tcphs,standard", &[]);
    assert_eq!(text.matches("2/3 SYN/ACK, again").count(), 2, "{text}");
    assert_eq!(text.matches(" ACK, again").count(), 2, "{text}");
    let text = statistic(everything(), "flow,tcphs,standard", &[]);
    let mut comments = 0;
    for comment in text.lines().filter_map(|line| line.rsplit_once('|')).map(|(_, text)| text) {
        comments += usize::from(comment.contains(", conn "));
        assert!(comment.trim().chars().count() <= 45, "{comment}");
    }
    assert!(comments > 150, "{comments}");
}
