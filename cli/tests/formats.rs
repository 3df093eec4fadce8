//! The same rows come out in every format.

mod common;

use std::fs::File;

use common::{pairs, run, samples, stdout};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use serde_json::{Map, Value};

const COMMANDS: [&str; 3] = ["connections", "packets", "servers"];

/// Every command that writes rows, with captures for it.
fn commands() -> Vec<Vec<String>> {
    let of_one = samples()
        .into_iter()
        .flat_map(|sample| COMMANDS.map(|command| vec![command.to_owned(), sample.clone()]));
    let of_two = pairs().into_iter().map(|[a, b]| vec!["compare".to_owned(), a, b]);
    of_one.chain(of_two).collect()
}

/// The same command with further arguments.
fn with<'a>(command: &'a [String], more: &[&'a str]) -> Vec<&'a str> {
    command.iter().map(String::as_str).chain(more.iter().copied()).collect()
}

fn json_rows(command: &[String]) -> Vec<Map<String, Value>> {
    let text = stdout(&with(command, &["--format", "jsonl"]));
    text.lines().map(|line| serde_json::from_str(line).expect("each line is an object")).collect()
}

/// One line of CSV; quotes as in RFC 4180.
fn csv_fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        let field = fields.last_mut().expect("there is one");
        match character {
            '"' if quoted && characters.next_if_eq(&'"').is_some() => field.push('"'),
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            character => field.push(character),
        }
    }
    fields
}

/// A value of JSON as CSV writes it.
fn as_csv(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(as_csv).collect::<Vec<_>>().join(";"),
        // The shortest text that means the same number, without a fraction where there is none.
        Value::Number(number) if number.is_f64() => number.as_f64().expect("it is").to_string(),
        other => other.to_string(),
    }
}

#[test]
fn csv_has_the_values_of_json() {
    for command in commands() {
        let text = stdout(&with(&command, &["--format", "csv"]));
        let mut lines = text.lines();
        let names = csv_fields(lines.next().expect("a header"));
        let rows = json_rows(&command);
        assert_eq!(lines.clone().count(), rows.len(), "{command:?}");
        for (line, row) in lines.zip(rows) {
            assert_eq!(names.len(), row.len(), "{command:?}");
            let expected: Vec<_> = names.iter().map(|name| as_csv(&row[name])).collect();
            assert_eq!(csv_fields(line), expected, "{command:?}");
        }
    }
}

/// A value of Parquet as JSON.
fn as_json(field: &Field) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Bool(value) => (*value).into(),
        Field::Byte(value) => (*value).into(),
        Field::Short(value) => (*value).into(),
        Field::Int(value) => (*value).into(),
        Field::Long(value) => (*value).into(),
        Field::UByte(value) => (*value).into(),
        Field::UShort(value) => (*value).into(),
        Field::UInt(value) => (*value).into(),
        Field::ULong(value) => (*value).into(),
        Field::Double(value) => (*value).into(),
        Field::Str(value) => value.as_str().into(),
        Field::ListInternal(items) => items.elements().iter().map(as_json).collect(),
        other => panic!("no column is of this kind: {other:?}"),
    }
}

#[test]
fn parquet_has_the_values_of_json() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rows.parquet");
    let path = file.to_str().unwrap();
    for command in commands() {
        let output = run(&with(&command, &["--format", "parquet", "--output", path]));
        assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
        let reader = SerializedFileReader::new(File::open(&file).unwrap()).unwrap();
        let rows: Vec<Map<String, Value>> = reader
            .get_row_iter(None)
            .unwrap()
            .map(|row| {
                let row = row.unwrap();
                let columns = row.get_column_iter();
                columns.map(|(name, value)| (name.clone(), as_json(value))).collect()
            })
            .collect();
        assert_eq!(rows, json_rows(&command), "{command:?}");
    }
}

#[test]
fn parquet_without_rows_is_still_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("none.parquet");
    let path = file.to_str().unwrap();
    let arguments = ["connections", "--format", "parquet", "-o", path, "--port", "1"];
    let output = run(&[&arguments[..], &["samples/refused.pcapng"]].concat());
    assert!(output.status.success(), "{output:?}");
    let reader = SerializedFileReader::new(File::open(&file).unwrap()).unwrap();
    assert_eq!(reader.metadata().file_metadata().num_rows(), 0);
    assert!(reader.metadata().file_metadata().schema_descr().num_columns() > 40);
}

#[test]
fn connections_come_in_order_whatever_the_format() {
    for sample in samples() {
        let rows = json_rows(&["connections".into(), sample.clone()]);
        let mut numbers: Vec<_> = rows.iter().map(|row| row["conn"].as_u64()).collect();
        numbers.sort();
        let expected: Vec<_> = (0..rows.len() as u64).map(Some).collect();
        assert_eq!(numbers, expected, "{sample}: each once");
        let table = stdout(&["connections", &sample]);
        let first: Vec<_> = table
            .lines()
            .skip(1)
            .map_while(|line| line.split_whitespace().next()?.parse::<u64>().ok())
            .collect();
        assert_eq!(first, (0..rows.len() as u64).collect::<Vec<_>>(), "{sample}");
    }
}

#[test]
fn servers_add_up_what_connections_say() {
    for sample in samples() {
        let rows = json_rows(&["connections".into(), sample.clone()]);
        for server in json_rows(&["servers".into(), sample.clone()]) {
            let own = |row: &&Map<String, Value>| {
                row["server_addr"] == server["server_addr"]
                    && row["server_port"] == server["server_port"]
            };
            let with = |outcome: &str| {
                rows.iter().filter(own).filter(|row| row["outcome"] == outcome).count() as u64
            };
            for outcome in ["no_reply", "refused", "unreachable", "no_final_ack", "not_accepted"] {
                assert_eq!(server[outcome], with(outcome), "{sample} {outcome}");
            }
            let not_tried = with("midstream") + with("unsolicited_synack");
            let attempts = rows.iter().filter(own).count() as u64 - not_tried;
            assert_eq!(server["attempts"], attempts, "{sample}");
            let slowest = rows.iter().filter(own).filter_map(|row| row["setup_time_ns"].as_u64());
            assert_eq!(server["setup_time_max_ns"].as_u64(), slowest.max(), "{sample}");
        }
    }
}
