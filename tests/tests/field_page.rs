//! `docs/FIELDS.md` equals what is generated from the core's tables, and Wireshark accepts its examples.
//!
//! `cargo xtask bless` writes it again.

use std::fmt::Write as _;
use std::process::Stdio;

use dissector_core::connection::{ENUMERATIONS, Enumeration, Finding, State, StateNames};
use dissector_core::schema::{FIELDS, Field, FieldKind, Known};
use expect_test::expect_file;
use testkit::workspace_root;
use tests::{sample, wireshark};

const INTRODUCTION: &str = "\
# Fields

Every field of the plugin, for filters, columns and `-T fields`. `cargo xtask bless` writes
this page from the engine's own tables.

- **P**: known with the packet, so one pass is enough (`tshark -Y`, and while a file is being opened).
- **F**: P on the final ACK, C on the connection's other packets.
- **C**: known at the end of the connection, and then available on each of its packets: in Wireshark's window once the file is
  open, in tshark with `-2`.

A field with an enumeration accepts the labels listed below (`tcphs.outcome == \"refused\"`) or their numbers. Its twin `…_str`
contains the same as text: `-T fields` prints the numbers of enumerations, and `matches` and `contains` need text.
The rows of the command `tcphs` use the same names without `tcphs.`, with underscores instead of dots.
";

fn generate() -> String {
    let mut page = String::from(INTRODUCTION);
    page += "\n| field | type | known | meaning | example |\n|---|---|---|---|---|\n";
    for field in FIELDS {
        let known = match field.known {
            Known::EachPacket => "P",
            Known::FinalAck => "F",
            Known::Connection => "C",
            other => panic!("{other:?} is not on the page"),
        };
        let values =
            field.enumeration.map_or(String::new(), |table| format!(" [Values](#{})", table.name));
        let example = example(field);
        writeln!(
            page,
            "| `{}` | {} | {known} | {}{values} | `{example}` |",
            field.name,
            kind(field.kind),
            field.doc,
        )
        .expect("a String takes it");
    }
    expert_items(&mut page);
    page += "\n## Values\n";
    let used = |table: &&&Enumeration| {
        FIELDS.iter().any(|field| field.enumeration.is_some_and(|own| own.name == table.name))
    };
    for table in ENUMERATIONS.iter().filter(used) {
        write!(page, "\n### {}\n\n{}\n", table.name, table.doc).expect("likewise");
        page += "\n| number | label | meaning |\n|---|---|---|\n";
        for value in table.values {
            writeln!(page, "| {} | `{}` | {} |", value.number, value.label, value.doc)
                .expect("likewise");
        }
    }
    state_names(&mut page);
    page
}

fn expert_items(page: &mut String) {
    page.push_str(
        "\n## Findings\n\nWireshark calls them expert items: in Analyze → Expert Information, in `-z expert`, and as filters. \
         In rows they are in\nthe column `anomalies`. Severities are those of Wireshark: a chat is a normal milestone, a \
         note is legal but unusual, a\nwarning means that the connection suffers or did not come up, an error that the \
         protocol is violated. P and C as above.\nFrom the third copy on, `syn_retx` is a warning.\n\n| filter | severity \
         | group | known | meaning |\n|---|---|---|---|---|\n",
    );
    for finding in Finding::ALL {
        let known = if finding.needs_the_future() { "C" } else { "P" };
        writeln!(
            page,
            "| `tcphs.expert.{finding}` | {} | {} | {known} | {} |",
            finding.severity(),
            finding.group(),
            finding.text()
        )
        .expect("a String takes it");
    }
}

fn state_names(page: &mut String) {
    page.push_str(
        "\n## Names of the states\n\nThe names that other tools use. All of them work in filters \
         (`tcphs.server.state == \"SYN_RECV\"`); the preference\n`tcphs.state_names` selects the names in the Info \
         column and the packet details.\n\n\
         | RFC 9293 | `netstat`, conntrack | `ss` | Windows and others |\n|---|---|---|---|\n",
    );
    for state in State::ALL {
        let [netstat, ss] = [StateNames::Netstat, StateNames::Ss].map(|names| state.name_in(names));
        let others: Vec<_> = state
            .aliases()
            .filter(|name| *name != netstat && *name != ss)
            .map(|name| format!("`{name}`"))
            .collect();
        writeln!(page, "| `{state}` | `{netstat}` | `{ss}` | {} |", others.join(", "))
            .expect("a String takes it");
    }
}

/// The name of the type, as Wireshark users know it.
fn kind(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::None => "present or not",
        FieldKind::Boolean => "boolean",
        FieldKind::Uint8 => "number, 8 bits",
        FieldKind::Uint16 => "number, 16 bits",
        FieldKind::Uint32 => "number, 32 bits",
        FieldKind::Int8 => "signed, 8 bits",
        FieldKind::Int16 => "signed, 16 bits",
        FieldKind::FrameNumber => "frame number",
        FieldKind::String => "text",
        FieldKind::Ipv4 => "IPv4 address",
        FieldKind::Ipv6 => "IPv6 address",
        FieldKind::RelativeTime => "time, seconds",
        other => panic!("{other:?} is not on the page"),
    }
}

/// Examples for fields for which [`example`] cannot derive a useful one.
const EXAMPLES: &[(&str, &str)] = &[
    ("tcphs.stage", "tcphs.stage in {\"SYN\", \"SYN/ACK\"}"),
    ("tcphs.stage_str", "tcphs.stage_str contains \"RST\""),
    ("tcphs.stage.copy", "tcphs.stage.copy == \"SYN, again\""),
    ("tcphs.stage.meaning", "tcphs.stage.meaning contains \"server\""),
    ("tcphs.copy", "tcphs.stage == \"SYN\" && tcphs.copy == \"retransmission\""),
    ("tcphs.flags", "tcphs.flags == \"SYN, ACK\""),
    ("tcphs.flags.tcpdump", "tcphs.flags.tcpdump == \"S.\""),
    ("tcphs.client.addr", "tcphs.client.addr matches \"^192[.]0[.]2[.]\""),
    ("tcphs.server.addr", "tcphs.server.addr == \"198.51.100.2\""),
    ("tcphs.client.ip", "tcphs.client.ip == 192.0.2.0/24"),
    ("tcphs.server.ip", "tcphs.server.ip == 198.51.100.2 && tcphs.failed"),
    ("tcphs.client.ipv6", "tcphs.client.ipv6 == 2001:db8:1::/48"),
    ("tcphs.server.ipv6", "tcphs.server.ipv6 == 2001:db8:2::2"),
    ("tcphs.client.port", "tcphs.client.port == 40000"),
    ("tcphs.server.port", "tcphs.server.port in {80, 443}"),
    ("tcphs.client.state", "tcphs.client.state == \"SYN-SENT\""),
    ("tcphs.server.state", "tcphs.server.state == \"SYN-RECEIVED\""),
    ("tcphs.states", "tcphs.states == \"ESTABLISHED / SYN-RECEIVED\""),
    ("tcphs.retry", "tcphs.retry >= 2"),
    ("tcphs.rto", "tcphs.rto > 2"),
    ("tcphs.rst.reason", "tcphs.rst.reason == \"abort\""),
    ("tcphs.rst.acceptable", "tcphs.rst.acceptable == 0"),
    ("tcphs.rst.ttl_delta", "tcphs.rst.ttl_delta != 0"),
    ("tcphs.syn.options", "tcphs.syn.options contains \"mss:1460\""),
    ("tcphs.synack.options", "tcphs.synack.options contains \"sok\""),
    ("tcphs.syn.signature", "tcphs.syn.signature contains \"mss*44\""),
    ("tcphs.outcome", "tcphs.outcome == \"no_reply\""),
    ("tcphs.close", "tcphs.close == \"half_closed\""),
    ("tcphs.history", "tcphs.history matches \"^Sr\""),
    ("tcphs.conn_state", "tcphs.conn_state == \"S0\""),
    ("tcphs.rtt.server", "tcphs.rtt.server > 0.1 && tcphs.final_ack"),
    ("tcphs.setup_time", "tcphs.setup_time >= 0.9"),
    ("tcphs.rtt.exact", "tcphs.rtt.exact == 0"),
    ("tcphs.syn.count", "tcphs.syn.count > 1"),
    ("tcphs.synack.count", "tcphs.synack.count > 1"),
    ("tcphs.seen", "tcphs.seen != \"both\""),
    ("tcphs.ecn", "tcphs.ecn == \"accecn\""),
    ("tcphs.icmp.type", "tcphs.icmp.type == 3"),
    ("tcphs.icmp.code", "tcphs.icmp.code in {9, 10, 13}"),
    ("tcphs.neg.mss.client", "tcphs.neg.mss.client < 1400"),
    ("tcphs.neg.mss.server", "tcphs.neg.mss.server < 1400"),
    ("tcphs.neg.wscale.client", "tcphs.neg.wscale.client == -1"),
    ("tcphs.neg.wscale.server", "tcphs.neg.wscale.server == -1"),
    ("tcphs.point", "tcphs.point == \"client\""),
    ("tcphs.fate", "tcphs.fate == \"lost\""),
    ("tcphs.changed", "tcphs.changed == \"mss\""),
    ("tcphs.path_delay", "tcphs.path_delay > 0.1"),
    ("tcphs.path_delay.uncertainty", "tcphs.path_delay.uncertainty > 0.001"),
    ("tcphs.path", "tcphs.path == \"syn_lost\""),
];

fn example(field: &Field) -> String {
    let name = field.name;
    if let Some((_, example)) = EXAMPLES.iter().find(|(there, _)| *there == name) {
        return (*example).to_owned();
    }
    let twin = |other: &&Field| Some(other.name) == name.strip_suffix("_str");
    let of = |table: &Enumeration| table.values[1].label;
    match (field.kind, field.enumeration, FIELDS.iter().find(twin).and_then(|f| f.enumeration)) {
        (FieldKind::None, ..) => name.to_owned(),
        (FieldKind::Boolean, ..) => format!("{name} == 1"),
        (_, Some(table), _) => format!("{name} == \"{}\"", of(table)),
        (_, _, Some(table)) => format!("{name} matches \"^{}\"", of(table)),
        (FieldKind::String, ..) => panic!("{name} needs an example"),
        _ => format!("{name} == 1"),
    }
}

#[test]
fn the_page_is_up_to_date() {
    expect_file![workspace_root().join("docs/FIELDS.md")].assert_eq(&generate());
}

/// Every example belongs to a field, and Wireshark accepts it as a filter.
#[test]
fn wireshark_takes_every_example() {
    for (name, example) in EXAMPLES {
        assert!(FIELDS.iter().any(|field| field.name == *name), "{name}");
        assert!(example.contains(name), "{example}");
    }
    let path = sample("telnet-dns.pcapng").to_string_lossy().into_owned();
    let mut examples: Vec<String> = FIELDS.iter().map(example).collect();
    examples.extend(Finding::ALL.iter().map(|finding| format!("tcphs.expert.{finding}")));
    let takes = |filter: &str| {
        let mut tshark = wireshark().with_plugin();
        tshark.args(["-n", "-2", "-r", &path, "-Y", filter]).stdin(Stdio::null());
        tshark.output().expect("tshark starts").status.success()
    };
    // Starting tshark takes most of the time, so all examples are tried in one filter, and one by
    // one if that fails.
    let all: Vec<_> = examples.iter().map(|example| format!("({example})")).collect();
    if !takes(&all.join(" || ")) {
        let wrong: Vec<_> = examples.iter().filter(|example| !takes(example)).collect();
        panic!("not taken: {wrong:?}");
    }
    // The check notices a wrong filter.
    assert!(!takes(&format!("{} || (tcphs.no_such_field)", all.join(" || "))));
}
