//! `tcphs report`: what is in the page, and what must not be.

#[path = "../common/mod.rs"]
mod common;
mod hostile;
mod page;
mod redacted;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use common::{pair, pairs, samples, stderr, stdout, tcphs};
use page::Page;

fn report(arguments: &[&str]) -> Page {
    Page::read(stdout(&[&["report"], arguments].concat()))
}

fn rows(arguments: &[&str]) -> Vec<Value> {
    let text = stdout(&[&["connections", "--format", "jsonl"], arguments].concat());
    let mut rows: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
    rows.sort_by_key(|row| row["conn"].as_u64());
    rows
}

/// A text as it stands in HTML, without the marks of code.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[test]
fn only_what_the_policy_allows_is_in_the_page() {
    let samples = samples();
    let files: Vec<&str> = samples.iter().map(String::as_str).collect();
    let page = report(&files);
    let (policy, [script, style]) = page.policy();
    assert!(policy.starts_with("default-src 'none'; "), "{policy}");
    assert!(policy.contains(&format!("script-src 'sha256-{script}'")), "{policy}");
    assert!(policy.contains(&format!("style-src 'sha256-{style}'")), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    let everything = page.everything();
    // Nothing is loaded, and nothing in the page is what the policy forbids.
    let (_, body) = everything.split_once("<body>").expect("a body");
    let body = body.replace("http://www.w3.org/2000/svg", "");
    for forbidden in
        [" style=", "javascript:", "http://", "https://", "<link", "<iframe", "<img", "url("]
    {
        assert!(!body.contains(forbidden), "{forbidden}");
    }
    let handlers = body.match_indices(" on").filter(|(place, _)| {
        let rest = &body[place + 3..];
        let name = rest.find(|letter: char| !letter.is_ascii_lowercase()).unwrap_or(0);
        name > 2 && rest[name..].starts_with("=\"")
    });
    assert_eq!(handlers.count(), 0);
    assert_eq!(body.matches("<style").count(), 0);
}

#[test]
fn the_tables_count_what_the_other_commands_count() {
    let samples = samples();
    let files: Vec<&str> = samples.iter().map(String::as_str).collect();
    let page = report(&files);
    let rows = rows(&files);
    let (conns, outcomes) = (page.column("conn"), page.column("outcome"));
    assert_eq!(conns.len(), rows.len());
    let micros = |ns: &Value| ns.as_u64().map_or(-1, |ns| (ns as i64 + 500) / 1000);
    for (place, row) in rows.iter().enumerate() {
        let conn = &row["conn"];
        assert_eq!(&conns[place], conn);
        let outcome = &page.meta["outcomes"][outcomes[place].to_string()];
        assert_eq!(outcome["label"], row["outcome"], "{conn}");
        assert_eq!(outcome["failure"].as_i64() >= Some(0), row["failed"] == true, "{conn}");
        assert_eq!(page.column("syns")[place], row["syn_count"], "{conn}");
        assert_eq!(page.column("packets")[place], row["packets"], "{conn}");
        assert_eq!(page.column("port")[place], row["client_port"], "{conn}");
        assert_eq!(
            page.column("setup")[place].as_i64(),
            Some(micros(&row["setup_time_ns"])),
            "{conn}"
        );
    }
    let servers: BTreeMap<String, Value> =
        stdout(&[&["servers", "--format", "jsonl"], &files[..]].concat())
            .lines()
            .map(|line| serde_json::from_str(line).expect("an object"))
            .map(|row: Value| {
                let address = row["server_addr"].as_str().expect("an address");
                let host =
                    if address.contains(':') { format!("[{address}]") } else { address.into() };
                (format!("{host}:{}", row["server_port"]), row)
            })
            .collect();
    let names = page.meta["servers"]["name"].as_array().expect("names");
    assert_eq!(names.len(), servers.len());
    for (place, name) in names.iter().enumerate() {
        let row = &servers[name.as_str().expect("a name")];
        assert_eq!(page.meta["servers"]["attempts"][place], row["attempts"], "{name}");
        assert_eq!(page.meta["servers"]["failures"][0][place], row["no_reply"], "{name}");
    }
}

#[test]
fn every_connection_has_its_explanation_and_its_ladder() {
    for sample in samples() {
        let page = report(&[&sample]);
        for (row, conn) in page.column("conn").iter().enumerate() {
            let conn = conn.to_string();
            let detail = page.detail(row).unwrap_or_else(|| panic!("{sample} {conn}: nothing"));
            let detail_text = detail.replace("<code>", "`").replace("</code>", "`");
            let json = stdout(&["explain", "--format", "json", "--conn", &conn, &sample]);
            let json: Value = serde_json::from_str(&json).expect("JSON");
            for part in json[0]["sections"]
                .as_array()
                .into_iter()
                .flatten()
                .flat_map(|it| it["parts"].as_array().expect("parts"))
            {
                for key in ["text", "command", "filter"] {
                    let Some(words) = part[key].as_str() else { continue };
                    assert!(
                        detail_text.contains(&escaped(words)),
                        "{sample} {conn}: {words}\n{detail}"
                    );
                }
            }
            let svg = stdout(&["ladder", "--format", "svg", "--conn", &conn, &sample]);
            let (before, after) = svg.split_once("<style>").expect("a style");
            let after = after.split_once("</style>").expect("its end").1;
            assert!(detail.contains(&[before, after].concat()), "{sample} {conn}");
        }
    }
}

#[test]
fn triage_stands_on_top_and_needs_no_script() {
    let page = report(&["samples/not-accepted.pcapng"]);
    let json = stdout(&["--format", "json", "samples/not-accepted.pcapng"]);
    let triage: Value = serde_json::from_str(&json).expect("JSON");
    let (above, _) = page.text.split_once("id=\"time\"").expect("the plot");
    assert!(above.contains("<h1>The TCP connection failed</h1>"), "{above}");
    for group in triage["groups"].as_array().expect("groups") {
        for key in ["title", "explanation", "evidence_text", "check", "check_command", "next"] {
            let Some(words) = group[key].as_str() else { continue };
            assert!(above.replace("<code>", "").contains(&escaped(words)), "{key}: {words}");
        }
    }
}

#[test]
fn points_are_compared_as_compare_does() {
    for [client, server] in pairs() {
        let at = [format!("client={client}"), format!("server={server}")];
        let page = report(&["--at", &at[0], "--at", &at[1]]);
        let rows = stdout(&["compare", "--at", &at[0], "--at", &at[1], "--format", "jsonl"]);
        let mut rows: Vec<Value> =
            rows.lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
        rows.sort_by_key(|row| row["conn"].as_u64());
        assert_eq!(page.column("conn").len(), rows.len(), "{client}");
        for (place, row) in rows.iter().enumerate() {
            assert_eq!(page.column("conn")[place], row["conn"], "{client}");
            let path = page.rows["paths"][page.column("path")[place].to_string()][0].clone();
            assert_eq!(path, row["path"], "{client}");
            let lost = |way: usize| page.column("lost")[way][place].as_i64();
            assert_eq!(lost(0), Some(row["lost_to_server"].as_i64().unwrap_or(-1)), "{client}");
            assert_eq!(lost(1), Some(row["lost_to_client"].as_i64().unwrap_or(-1)), "{client}");
            assert!(page.detail(place).expect("a ladder").contains("<svg"), "{client}");
        }
    }
}

#[test]
fn the_same_captures_give_the_same_octets() {
    let [client, server] = pair("syn-lost");
    let at = [format!("client={client}"), format!("server={server}")];
    for arguments in [
        vec!["samples/telnet-dns.pcapng", "samples/no-reply.pcapng"],
        vec!["--redact", "samples/icmp-reject.pcapng", "samples/ipv6.pcapng"],
        vec!["--at", &at[0], "--at", &at[1]],
    ] {
        let once = report(&arguments).text;
        for threads in ["1", "3"] {
            let again = [&arguments[..], &["--threads", threads]].concat();
            assert_eq!(report(&again).text, once, "{arguments:?}");
        }
    }
}

#[test]
fn a_filter_selects_connections() {
    let page = report(&["--failed", "samples/no-reply.pcapng", "samples/telnet-dns.pcapng"]);
    let failed = page
        .column("outcome")
        .iter()
        .all(|outcome| page.meta["outcomes"][outcome.to_string()]["failure"].as_i64() >= Some(0));
    assert!(failed && !page.column("conn").is_empty());
    let none = report(&["--host", "203.0.113.200", "samples/telnet-dns.pcapng"]);
    assert_eq!(none.column("conn").len(), 0);
    assert!(none.text.contains("<h1>There is no TCP connection in the capture</h1>"));
}

#[test]
fn a_damaged_capture_is_said_to_be_one() {
    let output = common::run(&["report", "samples/cut-short.pcapng"]);
    let page = Page::read(String::from_utf8(output.stdout).expect("text"));
    let (head, _) = page.text.split_once("<main").expect("a main part");
    assert!(head.contains("class=\"caution\""), "{head}");
}

#[test]
fn errors_name_what_is_wrong() {
    assert!(stderr(&["report", "-"], 2).contains("reads the captures twice"));
    let folder = tempfile::tempdir().expect("there is room");
    let copy = folder.path().join("a.pcapng");
    std::fs::copy(common::workspace().join("samples/refused.pcapng"), &copy)
        .expect("there is room");
    let copy = copy.display().to_string();
    assert!(stderr(&["report", &copy, "--output", &copy], 2).contains("is an input"));
    assert!(stderr(&["report", "missing.pcap"], 1).contains("missing.pcap"));
    let nowhere = folder.path().join("no/report.html").display().to_string();
    assert!(stderr(&["report", &copy, "--output", &nowhere], 1).contains("no/report.html"));
    let output = folder.path().join("report.html").display().to_string();
    let status = tcphs(["report", "--fail-on", "failed", &copy, "--output", &output]).status();
    assert_eq!(status.expect("it starts").code(), Some(3));
    assert!(Path::new(&output).metadata().expect("the page").len() > 10_000);
}
