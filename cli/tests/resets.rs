//! Captures of resets and of cut segments: rows, and what `explain` says.

mod common;

use serde_json::{Map, Value};

use common::stdout;

type Row = Map<String, Value>;

fn capture(name: &str) -> String {
    format!("cli/tests/cases/{name}.pcap")
}

fn rows(command: &str, name: &str) -> Vec<Row> {
    let text = stdout(&[command, "--format", "jsonl", &capture(name)]);
    text.lines().map(|line| serde_json::from_str(line).expect("each line is an object")).collect()
}

/// The only connection of a capture, whose outcome, opening and close are these.
#[track_caller]
fn connection(name: &str, expected: [&str; 3]) -> Row {
    let mut rows = rows("connections", name);
    assert_eq!(rows.len(), 1, "{name}");
    let row = rows.remove(0);
    assert_eq!(["outcome", "open_type", "close"].map(|field| &row[field]), expected, "{name}");
    row
}

/// The explanation of a capture, however it was wrapped.
fn explained(name: &str) -> String {
    let text = stdout(&["explain", &capture(name)]);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_bare_rst_is_not_called_one_with_ack() {
    let row = connection("bare_rst_after_data", ["complete", "three_way", "rst"]);
    assert_eq!(row["rst_frame"], 6);
    let text = explained("bare_rst_after_data");
    assert!(text.contains("the server sends an RST without ACK"), "{text}");
    assert!(!text.contains("with ACK") && !text.contains("the program there"), "{text}");
}

#[test]
fn an_rst_in_the_window_without_the_next_number_closes_nothing() {
    let row = connection("rst_in_window_inexact", ["complete", "three_way", "open"]);
    assert_eq!((&row["rst_frame"], &row["rst_reason"]), (&Value::Null, &Value::Null));
    let rst = &rows("packets", "rst_in_window_inexact")[6];
    assert_eq!(
        (&rst["stage"], &rst["client_state"]),
        (&"RST (ignored?)".into(), &"ESTABLISHED".into())
    );
    let text = explained("rst_in_window_inexact");
    assert!(!text.contains("with ACK"), "{text}");
}

#[test]
fn a_server_that_streams_instead_of_answering_the_syn_has_not_refused_it() {
    let name = "data_and_fin_instead_of_synack";
    connection(name, ["aborted_by_server", "unknown", "rst"]);
    let rows = rows("packets", name);
    assert_eq!(["-", "RST (handshake abort)"], [1, 2].map(|row: usize| rows[row]["stage"].clone()));
    assert_eq!(
        (&rows[1]["client_state"], &rows[2]["client_state"]),
        (&"SYN-SENT".into(), &"CLOSED".into())
    );
    let text = explained(name);
    assert!(text.contains("1400 octets and a FIN without having sent a SYN/ACK"), "{text}");
}

#[test]
fn rsts_that_are_no_answer_are_told_of() {
    let name = "rst_acknowledges_wrong_number";
    connection(name, ["no_reply", "unknown", "open"]);
    let text = explained(name);
    let words = "Only 4 RSTs come back, and the client has to ignore them: they acknowledge \
                 1123117624 instead of 1123117625";
    assert!(text.contains(words), "{text}");
    assert!(text.contains("an RST that acknowledges 0 instead of 1"), "{text}");
    for false_words in ["no RST", "drops", "Nothing answered"] {
        assert!(!text.contains(false_words), "{false_words}: {text}");
    }
}

#[test]
fn a_synack_after_forged_refusals_opens_nothing() {
    let name = "forged_refusals_then_synack";
    let row = connection(name, ["refused", "unknown", "rst"]);
    assert_eq!(row["rst_frame"], 2);
    let anomalies = row["anomalies"].as_array().expect("a list");
    assert!(anomalies.contains(&"rst_ttl_mismatch".into()), "{anomalies:?}");
    assert!(!anomalies.contains(&"aborted_by_client".into()), "{anomalies:?}");
    let text = explained(name);
    for words in ["its TTL is 101, that of the SYN/ACK 52", "its window is 1041", "it came 3 times"]
    {
        assert!(text.contains(words), "{text}");
    }
    assert!(text.contains("the client sends an RST without ACK: it does not know"), "{text}");
}

#[test]
fn options_beyond_the_snap_length_are_not_known() {
    let row = connection("snaplen64", ["complete", "three_way", "open"]);
    for field in ["neg_wscale_client", "neg_wscale_server", "neg_sack", "neg_ts"] {
        assert_eq!(row[field], Value::Null, "{field}");
    }
    assert_eq!((&row["neg_mss_client"], &row["neg_mss_server"]), (&1460.into(), &1460.into()));
    assert_eq!(row["anomalies"], Value::Array(Vec::new()));
    let text = explained("snaplen64");
    assert!(text.contains("its other options were not captured"), "{text}");
}

#[test]
fn data_that_a_syn_proxy_takes_to_nobody_is_found() {
    let row = connection("synproxy", ["complete", "three_way", "open"]);
    assert_eq!(row["anomalies"], Value::Array(vec!["data_unanswered".into()]));
    let text = explained("synproxy");
    let said = "no octet of the data that the client has sent since was ever acknowledged";
    assert!(text.contains(said), "{text}");
}
