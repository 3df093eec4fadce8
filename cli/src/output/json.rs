//! Rows as JSON, one object a line.

use std::io::Write;

use serde::Serialize;

use crate::cell::{Row, Value};

/// Appends `row` as a line.
pub fn line(to: &mut Vec<u8>, row: &impl Row) {
    to.push(b'{');
    let mut first = true;
    row.each(|column, value| {
        let comma = usize::from(std::mem::replace(&mut first, false));
        to.extend_from_slice(&column.json_key.as_bytes()[comma..]);
        match value {
            Value::Null => to.extend_from_slice(b"null"),
            Value::Boolean(true) => to.extend_from_slice(b"true"),
            Value::Boolean(false) => to.extend_from_slice(b"false"),
            Value::Unsigned(value) => json(to, &value),
            Value::Signed(value) => json(to, &value),
            Value::Float(value) => json(to, &value),
            Value::Text(text) => json(to, text),
            Value::Label(text) => quoted(to, text),
            Value::Plain(text) => {
                // Writing to memory does not fail.
                let _ = write!(to, "\"{text}\"");
            }
            Value::List(anomalies) => {
                to.push(b'[');
                for (place, anomaly) in anomalies.iter().enumerate() {
                    if place > 0 {
                        to.push(b',');
                    }
                    quoted(to, anomaly.label());
                }
                to.push(b']');
            }
        }
    });
    to.extend_from_slice(b"}\n");
}

/// What needs no escapes.
fn quoted(to: &mut Vec<u8>, text: &str) {
    to.push(b'"');
    to.extend_from_slice(text.as_bytes());
    to.push(b'"');
}

fn json(to: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    // Neither memory nor these types have a way to fail.
    let _ = serde_json::to_writer(to, value);
}
