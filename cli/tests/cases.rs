//! Captures that are easily misread: what the rows say of them, and `docs/CASES.md`, which shows what
//! `explain` says. `cargo xtask bless` writes the page anew.

mod common;

use std::fs;

use common::{stdout, workspace};
use expect_test::expect_file;
use serde_json::Value;

/// A line of `cases.tsv`.
struct Case {
    file: String,
    conn: usize,
    outcome: String,
    close: String,
    cause: Option<String>,
    title: String,
}

impl Case {
    fn path(&self) -> String {
        format!("cli/tests/cases/{}.pcap", self.file)
    }

    fn row(&self) -> Value {
        let rows = stdout(&["connections", "--format", "jsonl", &self.path()]);
        let rows = rows.lines().map(|row| serde_json::from_str::<Value>(row).expect("it is JSON"));
        rows.into_iter().find(|row| row["conn"] == self.conn).expect("there is this connection")
    }
}

fn cases() -> Vec<Case> {
    let table = fs::read_to_string(workspace().join("cli/tests/cases/cases.tsv"));
    let table = table.expect("the table can be read");
    let cases = table.lines().skip(1).map(|line| {
        let columns: Vec<_> = line.split('\t').map(str::to_owned).collect();
        let [file, conn, outcome, close, cause, title] = columns.try_into().expect(line);
        let cause = Some(cause).filter(|cause| !cause.is_empty());
        Case { file, conn: conn.parse().expect("a number"), outcome, close, cause, title }
    });
    cases.collect()
}

#[test]
fn every_case_has_its_outcome_and_cause() {
    for case in cases() {
        let row = case.row();
        let cause = case.cause.clone().map_or(Value::Null, Value::from);
        let expected = [&case.outcome[..], &case.close].map(Value::from);
        assert_eq!([&row["outcome"], &row["close"]], expected.each_ref(), "{}", case.file);
        assert_eq!(row["cause"], cause, "{}: {}", case.file, row["cause_evidence"]);
    }
}

/// Each case has these words, so that they are found where the page is read in a hurry.
#[test]
fn every_case_says_what_matters() {
    for (file, conn, said, unsaid) in [
        ("md5_synack", 0, "Only one of SYN and SYN/ACK carries a signature", "forged"),
        (
            "tw_paws_noreply",
            1,
            "it is in TIME-WAIT, and the new SYN's timestamp is behind",
            "host has",
        ),
        ("answer_not_translated_back", 0, "The SYN/ACK of connection 1 acknowledges", "firewall"),
        ("answer_not_translated_back", 1, "the SYN of connection 0", "Backscatter"),
        (
            "timestamps_missing_from_final_ack",
            0,
            "from the final ACK on the client's",
            "DEFER_ACCEPT",
        ),
        ("syn_again_then_rst", 0, "its program sees “connection refused”", "SYN cookie was"),
        ("mpjoin_rst", 0, "reason is “MPTCP-specific error”", "Nothing listens"),
        ("synproxy", 0, "The SYN/ACK closes the window", "queue"),
        (
            "keepalive_dead",
            0,
            "the client sends 5 keep-alives, and 1 answer comes back",
            "ACK without data",
        ),
        (
            "closed_without_an_octet",
            0,
            "one side closed it before either had sent an octet",
            "scan",
        ),
        ("rst_to_orphan", 0, "How it ended", "crashed"),
        ("half_open_health_check", 0, "3 times, every 2.00 s", "happy eyeballs"),
        ("traceroute_by_syn", 0, "A traceroute", "irewall"),
        ("rst_with_text", 0, "It carries a text: “[0x26a3bb8:2164] No local listener”", "listens"),
        ("mss_clamped_between_interfaces", 0, "changed from 1460 to 1452 octets", "MSS removed"),
        ("rst_acknowledges_wrong_number", 0, "it does not acknowledge the SYN", "drops the SYN"),
    ] {
        let path = format!("cli/tests/cases/{file}.pcap");
        let text = stdout(&["explain", "--conn", &format!("{conn}"), &path]);
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(said), "{file}: {text}");
        assert!(!text.contains(unsaid), "{file} says {unsaid}: {text}");
    }
}

#[test]
fn the_page_of_cases() {
    let mut page = String::from(
        "# Cases\n\nCaptures that are easily misread, and what tcphs says of them: the columns of \
         `tcphs connections` that say how it went and why, and the part of\n`tcphs explain` that \
         gives the reasons. [OUTCOMES.md](OUTCOMES.md) lists all causes and the evidence for them. \
         Written by\n`cargo xtask bless` from the captures in \
         `cli/tests/cases/`.\n",
    );
    for case in cases() {
        let row = case.row();
        let path = case.path();
        let text = stdout(&["explain", "--conn", &case.conn.to_string(), &path]);
        let lines = text.lines().skip_while(|line| *line != "What happened");
        let lines =
            lines.take_while(|line| *line != "What to check next" && *line != "To look closer");
        let lines: Vec<_> = lines.collect();
        let list = |column: &str| {
            let labels = row[column].as_array().map_or(&[][..], Vec::as_slice);
            let labels: Vec<_> = labels.iter().filter_map(Value::as_str).collect();
            if labels.is_empty() { "-".to_owned() } else { labels.join(", ") }
        };
        let text = |column: &str| row[column].as_str().unwrap_or("-").to_owned();
        page.push_str(&format!(
            "\n## {}\n\n[{}.pcap](../{path}), connection {}\n\n| outcome | close | cause | \
             cause_evidence | anomalies |\n|---|---|---|---|---|\n| {} | {} | {} | {} | {} |\n\n```\n\
             {}\n```\n",
            case.title,
            case.file,
            case.conn,
            text("outcome"),
            text("close"),
            text("cause"),
            list("cause_evidence"),
            list("anomalies"),
            lines.join("\n").trim_end()
        ));
    }
    expect_file![workspace().join("docs/CASES.md")].assert_eq(&page);
}
