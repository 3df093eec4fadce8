//! Rows as JSON, one object a line.

use std::net::IpAddr;

use dissector_core::connection::FindingSet;

use super::number;
use crate::output::row::{Column, Row, Value, Visit};

/// Appends `row` as a line.
pub fn line(to: &mut Vec<u8>, row: &impl Row) {
    let start = to.len();
    row.each(&mut Members(to));
    // There is no comma before the first.
    if let Some(comma) = to.get_mut(start) {
        *comma = b'{';
    }
    to.extend_from_slice(b"}\n");
}

/// Appends each value as a member of an object.
struct Members<'a>(&'a mut Vec<u8>);

impl Visit for Members<'_> {
    #[inline(always)]
    fn visit(&mut self, column: &'static Column, value: Value<'_>) {
        let to = &mut *self.0;
        to.extend_from_slice(column.json_key.as_bytes());
        match value {
            Value::Null => to.extend_from_slice(b"null"),
            Value::Boolean(true) => to.extend_from_slice(b"true"),
            Value::Boolean(false) => to.extend_from_slice(b"false"),
            Value::Unsigned(value) => number::unsigned(to, value),
            Value::Signed(value) => number::signed(to, value),
            Value::Float(value) => float(to, value),
            Value::Text(text) => any(to, text),
            Value::Label(text) | Value::Labels(text) => quoted(to, text),
            Value::Address(value) => address(to, value),
            Value::List(findings) => list(to, findings),
        }
    }
}

/// What needs no escapes.
fn quoted(to: &mut Vec<u8>, text: &str) {
    to.push(b'"');
    to.extend_from_slice(text.as_bytes());
    to.push(b'"');
}

fn address(to: &mut Vec<u8>, address: IpAddr) {
    to.push(b'"');
    number::address(to, &address);
    to.push(b'"');
}

fn list(to: &mut Vec<u8>, findings: FindingSet) {
    to.push(b'[');
    for (place, finding) in findings.iter().enumerate() {
        if place > 0 {
            to.push(b',');
        }
        quoted(to, finding.label());
    }
    to.push(b']');
}

/// Any text, with the escapes that it needs.
fn any(to: &mut Vec<u8>, text: &str) {
    if needs_escapes(text.as_bytes()) {
        // Writing to memory does not fail.
        let _ = serde_json::to_writer(to, text);
    } else {
        quoted(to, text);
    }
}

fn needs_escapes(text: &[u8]) -> bool {
    // Of some octets all are looked at, in one go.
    let any = |octets: &[u8]| {
        let escapes = |octet: u8| octet < b' ' || octet == b'"' || octet == b'\\';
        octets.iter().fold(false, |any, octet| any | escapes(*octet))
    };
    let (chunks, _) = text.as_chunks::<16>();
    let last = text.last_chunk::<16>().map_or(text, |last| last);
    chunks.iter().any(|chunk| any(chunk)) || any(last)
}

fn float(to: &mut Vec<u8>, value: f64) {
    let _ = serde_json::to_writer(to, &value);
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use dissector_core::connection::Finding;
    use dissector_core::wire::TcpFlags;

    use super::*;
    use crate::output::row::{Label, Tcpdump, row};

    row! {
    /// Columns of every type.
    Example<'a> {
        text: &'a str,
        label: Label<&'static str>,
        yes: bool,
        no: Option<bool>,
        nothing: Option<u8>,
        port: u16,
        conn: u32,
        packets: u64,
        scale: i8,
        time_ns: i64,
        percent: Option<f64>,
        ipv4: IpAddr,
        ipv6: IpAddr,
        flags: TcpFlags,
        letters: Tcpdump,
        none: FindingSet,
        some: FindingSet,
    }}

    /// The same members, each as serde writes it.
    struct BySerde(Vec<String>);

    impl Visit for BySerde {
        fn visit(&mut self, column: &'static Column, value: Value<'_>) {
            let labels = |findings: FindingSet| findings.iter().map(|one| one.label()).collect();
            let value = match value {
                Value::Null => serde_json::to_string(&()),
                Value::Boolean(value) => serde_json::to_string(&value),
                Value::Unsigned(value) => serde_json::to_string(&value),
                Value::Signed(value) => serde_json::to_string(&value),
                Value::Float(value) => serde_json::to_string(&value),
                Value::Text(value) | Value::Label(value) | Value::Labels(value) => {
                    serde_json::to_string(value)
                }
                Value::Address(value) => serde_json::to_string(&value),
                Value::List(value) => serde_json::to_string::<Vec<_>>(&labels(value)),
            };
            let name = serde_json::to_string(column.name).unwrap();
            self.0.push(format!("{name}:{}", value.unwrap()));
        }
    }

    #[test]
    fn a_row_is_what_serde_would_write() {
        let mut some = FindingSet::EMPTY;
        [Finding::SynRetx, Finding::RstAbort].into_iter().for_each(|one| some.insert(one));
        let row = Example {
            text: "a \"capture\" of ours\t.pcap",
            label: Label("no_reply"),
            yes: true,
            no: Some(false),
            nothing: None,
            port: 443,
            conn: 4_294_967_295,
            packets: 10_000_000_000,
            scale: -1,
            time_ns: 1_700_000_000_123_456_789,
            percent: Some(12.5),
            ipv4: [198, 51, 100, 7].into(),
            ipv6: Ipv6Addr::LOCALHOST.into(),
            flags: TcpFlags::SYN | TcpFlags::ACK,
            letters: Tcpdump(TcpFlags::SYN | TcpFlags::ACK),
            none: FindingSet::EMPTY,
            some,
        };
        let mut text = b"before\n".to_vec();
        line(&mut text, &row);
        let mut members = BySerde(Vec::new());
        row.each(&mut members);
        let expected = format!("before\n{{{}}}\n", members.0.join(","));
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }

    #[test]
    fn texts_are_escaped_as_serde_does_it() {
        for octet in 0..=u8::MAX {
            let one = char::from(octet).to_string();
            for (before, after) in [(0, 0), (1, 1), (20, 0), (0, 20), (15, 20), (17, 15)] {
                let text = ["-".repeat(before), one.clone(), "-".repeat(after)].concat();
                let mut line = Vec::new();
                any(&mut line, &text);
                assert_eq!(line, serde_json::to_vec(&text).unwrap());
            }
        }
    }
}
