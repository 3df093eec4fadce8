//! Rows as JSON, one object a line.

use std::io::Write;

use serde::Serialize;

use crate::cell::{Row, Value};

/// Appends `row` as a line.
pub fn line(to: &mut Vec<u8>, row: &impl Row) {
    to.push(b'{');
    let mut separator = "\"";
    row.each(|column, value| {
        to.extend_from_slice(separator.as_bytes());
        to.extend_from_slice(column.name.as_bytes());
        to.extend_from_slice(b"\":");
        separator = ",\"";
        match value {
            Value::Null => to.extend_from_slice(b"null"),
            Value::Boolean(value) => json(to, &value),
            Value::Unsigned(value) => json(to, &value),
            Value::Signed(value) => json(to, &value),
            Value::Float(value) => json(to, &value),
            Value::Text(text) => json(to, text),
            Value::Plain(text) => {
                // Writing to memory does not fail.
                let _ = write!(to, "\"{text}\"");
            }
            Value::List(anomalies) => {
                to.push(b'[');
                for (place, anomaly) in anomalies.iter().enumerate() {
                    let separator = if place > 0 { "," } else { "" };
                    let _ = write!(to, "{separator}\"{anomaly}\"");
                }
                to.push(b']');
            }
        }
    });
    to.extend_from_slice(b"}\n");
}

fn json(to: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    // Neither memory nor these types have a way to fail.
    let _ = serde_json::to_writer(to, value);
}
