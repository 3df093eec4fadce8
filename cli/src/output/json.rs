//! Rows as JSON, one object per line.

use super::lines::Line;
use super::number;
use super::row::{Column, IN_NS, Labels, Row, Stamps, Value, Visit};
use super::time::rfc3339;

/// Writes `row` as a line.
#[inline(always)]
pub fn row<'a>(mut line: Line<'a>, row: &impl Row, stamps: Stamps) -> Line<'a> {
    row.each(&mut Members { line: &mut line, first: true, stamps });
    line.put(b"}\n");
    line
}

/// Writes each value as a member of an object.
struct Members<'l, 'a> {
    line: &'l mut Line<'a>,
    first: bool,
    stamps: Stamps,
}

impl Visit for Members<'_, '_> {
    #[inline(always)]
    fn visit(&mut self, column: &'static Column, value: Value<'_>) {
        let line = &mut *self.line;
        // `,"name":"`
        let mut key = column.json_key.as_bytes();
        if std::mem::take(&mut self.first) {
            line.put(b"{");
            key = &key[1..];
        }
        let plain_key = &key[..key.len() - 1];
        match value {
            Value::Text(text) if needs_escapes(text.as_bytes()) => {
                line.put(plain_key);
                line.put(&serde_json::to_vec(text).unwrap_or_default());
            }
            Value::Text(text) | Value::Label(text) | Value::Named(_, text) => {
                line.put(key);
                line.put(text.as_bytes());
                line.put(b"\"");
            }
            Value::Address(address) => {
                line.put(key);
                number::address(line, address);
                line.put(b"\"");
            }
            _ => {
                line.put(plain_key);
                bare(line, value);
                if let (Value::Instant(time_ns), Stamps::Rfc3339) = (value, self.stamps) {
                    text_of_instant(line, column, time_ns);
                }
            }
        }
    }
}

/// A further member with a time as text, behind that in nanoseconds.
#[cold]
fn text_of_instant(line: &mut Line<'_>, column: &Column, time_ns: i64) {
    let name = column.name.strip_suffix(IN_NS).unwrap_or(column.name);
    line.put(format!(",\"{name}\":\"{}\"", rfc3339(time_ns, 9)).as_bytes());
}

/// Writes a value that is not a string.
#[inline(always)]
fn bare(line: &mut Line<'_>, value: Value<'_>) {
    match value {
        Value::Boolean(true) => line.put(b"true"),
        Value::Boolean(false) => line.put(b"false"),
        Value::Unsigned(value) => number::unsigned(line, value),
        Value::Signed(value) | Value::Instant(value) => number::signed(line, value),
        Value::Float(value) => line.put(&serde_json::to_vec(&value).unwrap_or_default()),
        Value::List(labels) => list(line, labels),
        _ => line.put(b"null"),
    }
}

#[inline(always)]
fn list(line: &mut Line<'_>, labels: Labels) {
    line.put(b"[");
    labels.each(|place, label| {
        if place > 0 {
            line.put(b",");
        }
        line.put(b"\"");
        line.put(label.as_bytes());
        line.put(b"\"");
    });
    line.put(b"]");
}

/// Whether JSON needs escapes in `text`. File names rarely do, and are in every row: so this looks at
/// sixteen octets at once.
fn needs_escapes(text: &[u8]) -> bool {
    let any = |octets: &[u8]| {
        let escapes = |octet: u8| octet < b' ' || octet == b'"' || octet == b'\\';
        octets.iter().fold(false, |any, octet| any | escapes(*octet))
    };
    let (chunks, _) = text.as_chunks::<16>();
    let last = text.last_chunk::<16>().map_or(text, |last| last);
    chunks.iter().any(|chunk| any(chunk)) || any(last)
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv6Addr};

    use dissector_core::connection::{Finding, FindingSet, Outcome};
    use dissector_core::wire::TcpFlags;

    use super::super::lines::Lines;
    use super::*;
    use crate::output::row::{Tcpdump, row};

    row! {
    /// Columns of every type.
    Example<'a>(text: &'a str, some: FindingSet) {
        text: &'a str = text,
        label: Outcome = Outcome::NoReply,
        yes: bool = true,
        no: Option<bool> = Some(false),
        nothing: Option<u8> = None,
        port: u16 = 443,
        packets: u64 = 10_000_000_000,
        scale: i8 = -1,
        time_ns: i64 = 1_700_000_000_123_456_789,
        percent: Option<f64> = Some(12.5),
        ipv4: IpAddr = [198, 51, 100, 7].into(),
        ipv6: IpAddr = Ipv6Addr::LOCALHOST.into(),
        flags: TcpFlags = TcpFlags::SYN | TcpFlags::ACK,
        letters: Tcpdump = Tcpdump(TcpFlags::SYN | TcpFlags::ACK),
        none: FindingSet = FindingSet::EMPTY,
        some: FindingSet = some,
    }}

    #[test]
    fn a_row_is_a_line_with_an_object() {
        let mut some = FindingSet::EMPTY;
        [Finding::SynRetx, Finding::RstAbort].into_iter().for_each(|one| some.insert(one));
        let mut lines = Lines::default();
        lines.push(b"before\n");
        lines.add(|line| {
            row(line, &Example::new("a \"capture\" of ours\t.pcap", some), Stamps::NanosecondsOnly)
        });
        let expected = r#"before
{"text":"a \"capture\" of ours\t.pcap","label":"no_reply","yes":true,"no":false,"nothing":null,"port":443,"packets":10000000000,"scale":-1,"time_ns":1700000000123456789,"percent":12.5,"ipv4":"198.51.100.7","ipv6":"::1","flags":"SYN, ACK","letters":"S.","none":[],"some":["syn_retx","rst_abort"]}
"#;
        assert_eq!(std::str::from_utf8(lines.as_octets()).unwrap(), expected);
    }

    row! {
    OneText<'a>(text: &'a str) {
        text: &'a str = text,
    }}

    #[test]
    fn texts_are_escaped_as_serde_does_it() {
        for octet in 0..=u8::MAX {
            let one = char::from(octet).to_string();
            for (before, after) in [(0, 0), (1, 1), (20, 0), (0, 20), (15, 20), (17, 15)] {
                let text = ["-".repeat(before), one.clone(), "-".repeat(after)].concat();
                let mut lines = Lines::default();
                lines.add(|line| row(line, &OneText::new(&text), Stamps::Rfc3339));
                let expected = serde_json::json!({ "text": text }).to_string() + "\n";
                assert_eq!(lines.as_octets(), expected.as_bytes());
            }
        }
    }
}
