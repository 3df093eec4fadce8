//! Rows as CSV (RFC 4180, with plain line feeds): absent values empty, lists joined by semicolons.

use dissector_core::connection::FindingSet;

use super::number;
use crate::output::row::{Column, Row, Value, Visit};

/// Appends the names of the columns.
pub fn header(to: &mut Vec<u8>, columns: &[Column]) {
    let names: Vec<_> = columns.iter().map(|column| column.name).collect();
    to.extend_from_slice(names.join(",").as_bytes());
    to.push(b'\n');
}

/// Appends `row` as a line.
pub fn line(to: &mut Vec<u8>, row: &impl Row) {
    row.each(&mut Fields(to));
    // There is no comma after the last.
    to.pop();
    to.push(b'\n');
}

/// Appends each value as a field, and a comma.
struct Fields<'a>(&'a mut Vec<u8>);

impl Visit for Fields<'_> {
    #[inline(always)]
    fn visit(&mut self, _: &'static Column, value: Value<'_>) {
        let to = &mut *self.0;
        match value {
            Value::Null => {}
            Value::Boolean(true) => to.extend_from_slice(b"true"),
            Value::Boolean(false) => to.extend_from_slice(b"false"),
            Value::Unsigned(value) => number::unsigned(to, value),
            Value::Signed(value) => number::signed(to, value),
            Value::Float(value) => number::shown(to, value),
            Value::Text(text) | Value::Labels(text) => any(to, text),
            Value::Label(text) => to.extend_from_slice(text.as_bytes()),
            Value::Address(value) => number::address(to, &value),
            Value::List(findings) => list(to, findings),
        }
        to.push(b',');
    }
}

/// Any text, with quotes where it needs them.
fn any(to: &mut Vec<u8>, text: &str) {
    let needs_quotes = |octet: &u8| matches!(octet, b',' | b'"' | b'\n' | b'\r');
    // All octets are looked at, so that many can be at once.
    if !text.as_bytes().iter().fold(false, |any, octet| any | needs_quotes(octet)) {
        to.extend_from_slice(text.as_bytes());
        return;
    }
    to.push(b'"');
    for octet in text.bytes() {
        if octet == b'"' {
            to.push(b'"');
        }
        to.push(octet);
    }
    to.push(b'"');
}

fn list(to: &mut Vec<u8>, findings: FindingSet) {
    for (place, finding) in findings.iter().enumerate() {
        if place > 0 {
            to.push(b';');
        }
        to.extend_from_slice(finding.label().as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_where_they_need_it() {
        for (field, expected) in
            [("S.", "S."), ("SYN, ACK", "\"SYN, ACK\""), ("a \"b\"", "\"a \"\"b\"\"\"")]
        {
            let mut line = b"x,".to_vec();
            any(&mut line, field);
            assert_eq!(line, format!("x,{expected}").as_bytes());
        }
    }
}
