//! Rows as CSV (RFC 4180, with plain line feeds): absent values empty, lists joined by semicolons.

use std::io::Write;

use crate::cell::{Column, Row, Value};

/// Appends the names of the columns.
pub fn header(to: &mut Vec<u8>, columns: &[Column]) {
    let names: Vec<_> = columns.iter().map(|column| column.name).collect();
    to.extend_from_slice(names.join(",").as_bytes());
    to.push(b'\n');
}

/// Appends `row` as a line.
pub fn line(to: &mut Vec<u8>, row: &impl Row) {
    let mut first = true;
    row.each(|_, value| {
        if !std::mem::replace(&mut first, false) {
            to.push(b',');
        }
        let start = to.len();
        // Writing to memory does not fail.
        let _ = match value {
            Value::Null => Ok(()),
            Value::Boolean(value) => write!(to, "{value}"),
            Value::Unsigned(value) => write!(to, "{value}"),
            Value::Signed(value) => write!(to, "{value}"),
            Value::Float(value) => write!(to, "{value}"),
            Value::Text(text) | Value::Label(text) => to.write_all(text.as_bytes()),
            Value::Plain(text) => write!(to, "{text}"),
            Value::List(anomalies) => anomalies.iter().enumerate().try_for_each(|(place, one)| {
                let separator = if place > 0 { ";" } else { "" };
                write!(to, "{separator}{one}")
            }),
        };
        quote(to, start);
    });
    to.push(b'\n');
}

/// Puts quotes around what begins at `start`, where it needs them.
fn quote(to: &mut Vec<u8>, start: usize) {
    if !to[start..].iter().any(|octet| matches!(octet, b',' | b'"' | b'\n' | b'\r')) {
        return;
    }
    let field = to.split_off(start);
    to.push(b'"');
    for octet in field {
        if octet == b'"' {
            to.push(b'"');
        }
        to.push(octet);
    }
    to.push(b'"');
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
            line.extend_from_slice(field.as_bytes());
            quote(&mut line, 2);
            assert_eq!(line, format!("x,{expected}").as_bytes());
        }
    }
}
