//! Rows as CSV (RFC 4180, with plain line feeds): absent values empty, lists joined by semicolons.
//!
//! Our own, as JSON is: the crates `csv` and `serde_json` take 60 % and 90 % more instructions for the
//! whole command.

use super::lines::Line;
use super::number;
use super::row::{Column, IN_NS, Kind, Labels, Row, Stamps, Value, Visit};
use super::time::rfc3339;

/// Writes the names of the columns as a line.
pub fn header<'a>(mut line: Line<'a>, columns: &[Column], stamps: Stamps) -> Line<'a> {
    let mut names = Vec::new();
    for column in columns {
        names.push(column.name);
        if matches!(column.kind, Kind::Instant) && stamps == Stamps::Rfc3339 {
            names.extend(column.name.strip_suffix(IN_NS));
        }
    }
    line.put(names.join(",").as_bytes());
    line.put(b"\n");
    line
}

/// Writes `row` as a line.
#[inline(always)]
pub fn row<'a>(mut line: Line<'a>, row: &impl Row, stamps: Stamps) -> Line<'a> {
    row.each(&mut Fields { line: &mut line, first: true, stamps });
    line.put(b"\n");
    line
}

/// Writes each value as a field.
struct Fields<'l, 'a> {
    line: &'l mut Line<'a>,
    first: bool,
    stamps: Stamps,
}

impl Visit for Fields<'_, '_> {
    #[inline(always)]
    fn visit(&mut self, _: &'static Column, value: Value<'_>) {
        let line = &mut *self.line;
        if !std::mem::take(&mut self.first) {
            line.put(b",");
        }
        match value {
            Value::Null => {}
            Value::Boolean(true) => line.put(b"true"),
            Value::Boolean(false) => line.put(b"false"),
            Value::Unsigned(value) => number::unsigned(line, value),
            Value::Signed(value) => number::signed(line, value),
            Value::Instant(time_ns) => {
                number::signed(line, time_ns);
                if self.stamps == Stamps::Rfc3339 {
                    line.put(format!(",{}", rfc3339(time_ns, 9)).as_bytes());
                }
            }
            Value::Float(value) => line.put(value.to_string().as_bytes()),
            Value::Text(text) => quoted(line, text),
            Value::Label(text) | Value::Named(_, text) => line.put(text.as_bytes()),
            Value::Address(address) => number::address(line, address),
            Value::List(labels) => list(line, labels),
        }
    }
}

/// Writes a text, in quotes if it needs them.
#[inline(always)]
fn quoted(line: &mut Line<'_>, text: &str) {
    let special = |octet: &u8| matches!(octet, b',' | b'"' | b'\n' | b'\r');
    // Without an early exit, many octets are compared at once.
    if !text.as_bytes().iter().fold(false, |any, octet| any | special(octet)) {
        line.put(text.as_bytes());
        return;
    }
    line.put(b"\"");
    line.put(text.replace('"', "\"\"").as_bytes());
    line.put(b"\"");
}

#[inline(always)]
fn list(line: &mut Line<'_>, labels: Labels) {
    labels.each(|place, label| {
        if place > 0 {
            line.put(b";");
        }
        line.put(label.as_bytes());
    });
}

#[cfg(test)]
mod tests {
    use super::super::lines::Lines;
    use super::*;

    #[test]
    fn fields_are_quoted_if_they_need_it() {
        for (field, expected) in
            [("S.", "S."), ("SYN, ACK", "\"SYN, ACK\""), ("a \"b\"", "\"a \"\"b\"\"\"")]
        {
            let mut lines = Lines::default();
            lines.add(|mut line| {
                quoted(&mut line, field);
                line
            });
            assert_eq!(lines.as_octets(), expected.as_bytes());
        }
    }
}
