//! Every field in the four places where Wireshark shows it: the packet details, `-T fields`, a
//! display filter and a custom column; in one pass and in two.

use std::collections::HashMap;
use std::path::PathBuf;

use dissector_core::connection::{FIELDS, Field, FieldKind};
use tests::{fields, in_parallel, samples, tshark};

/// Where a field has a value.
struct Found {
    field: &'static Field,
    capture: PathBuf,
    frame: String,
    /// As `-T fields` prints it.
    value: String,
}

/// The first frame of the samples in which each field has a value.
fn find(passes: &[&str]) -> Vec<Found> {
    let mut names = vec!["frame.number"];
    names.extend(FIELDS.iter().map(|field| field.name));
    let mut found: HashMap<&str, Found> = HashMap::new();
    for capture in samples() {
        let path = capture.to_string_lossy().into_owned();
        let mut arguments = vec!["-n", "-r", &path];
        arguments.extend(passes);
        for row in fields(&arguments, &names) {
            for (field, value) in FIELDS.iter().zip(&row[1..]) {
                // A value that is more than zero says more.
                let better = |old: &Found| old.value == "0" && value != "0";
                if !value.is_empty() && found.get(field.name).is_none_or(better) {
                    let (capture, frame, value) = (capture.clone(), row[0].clone(), value.clone());
                    found.insert(field.name, Found { field, capture, frame, value });
                }
            }
        }
    }
    let missing: Vec<_> =
        FIELDS.iter().map(|field| field.name).filter(|name| !found.contains_key(name)).collect();
    assert!(missing.is_empty(), "no sample shows {missing:?}");
    found.into_values().collect()
}

/// A filter that this value passes.
fn filter(field: &Field, value: &str) -> String {
    let name = field.name;
    match field.kind {
        FieldKind::None => name.to_owned(),
        FieldKind::String => format!("{name} == \"{value}\""),
        _ => format!("{name} == {value}"),
    }
}

/// The label of a number, or the value itself.
fn label<'a>(field: &Field, value: &'a str) -> &'a str {
    let number: Option<u8> = value.parse().ok();
    let label = field.enumeration.and_then(|table| {
        table.values.iter().find(|entry| Some(entry.number) == number).map(|entry| entry.label)
    });
    label.unwrap_or(value)
}

fn check(found: &Found, passes: &[&str]) -> Vec<String> {
    let Found { field, capture, frame, value } = found;
    let name = field.name;
    let path = capture.to_string_lossy().into_owned();
    let mut wrong = Vec::new();

    // A filter and a column in one run: the frame passes, and the column holds the value.
    let column = format!("gui.column.format:\"No.\",\"%m\",\"Ours\",\"%Cus:{name}:0:R\"");
    let with_column = |filter: &str| {
        let mut arguments = vec!["-n", "-r", &path, "-o", &column, "-Y", filter];
        arguments.extend(passes);
        tshark(&arguments)
    };
    let listed = with_column(&filter(field, value));
    let row = listed.lines().find_map(|line| {
        let (number, rest) = line.trim_start().split_once(char::is_whitespace)?;
        (number == frame).then(|| rest.trim().to_owned())
    });
    match row {
        None => wrong.push(format!("{name}: filter {} misses frame {frame}", filter(field, value))),
        Some(shown) => {
            let plain = shown.trim_end_matches('0').trim_end_matches('.');
            let expected = label(field, value);
            let same = match field.kind {
                FieldKind::None => !shown.is_empty(),
                FieldKind::Boolean => ["1", "0", "True", "False"].contains(&shown.as_str()),
                FieldKind::RelativeTime => expected.starts_with(plain),
                _ => shown == expected,
            };
            if !same {
                wrong.push(format!("{name}: column shows {shown:?}, not {expected:?}"));
            }
        }
    }
    // Labels work in filters too.
    if field.enumeration.is_some() {
        let by_label = format!("{name} == \"{}\"", label(field, value));
        if with_column(&by_label) != listed {
            wrong.push(format!("{name}: filter {by_label} gives other frames than {value}"));
        }
    }
    // And the frames that pass are those where `-T fields` has a value.
    let mut arguments = vec!["-n", "-r", &path, "-Y", name];
    arguments.extend(passes);
    if fields(&arguments, &[name]).iter().any(|row| row[0].is_empty()) {
        wrong.push(format!("{name}: passes on a frame without a value"));
    }
    // In the packet details, hidden or not.
    let number = format!("frame.number == {frame}");
    let mut arguments = vec!["-n", "-r", &path, "-T", "pdml", "-Y", &number];
    arguments.extend(passes);
    let details = tshark(&arguments);
    let Some(item) = details.lines().find(|line| line.contains(&format!("name=\"{name}\""))) else {
        wrong.push(format!("{name}: not in the packet details"));
        return wrong;
    };
    if !item.contains("hide=\"yes\"") {
        let mut arguments = vec!["-n", "-r", &path, "-V", "-Y", &number];
        arguments.extend(passes);
        if !tshark(&arguments).contains(field.title) {
            wrong.push(format!("{name}: -V has no line {:?}", field.title));
        }
    }
    wrong
}

fn check_all(passes: &[&str]) {
    let found = find(passes);
    assert_eq!(found.len(), FIELDS.len());
    let wrong: Vec<_> =
        in_parallel(&found, |found| check(found, passes)).into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn in_one_pass() {
    check_all(&[]);
}

#[test]
fn in_two_passes() {
    check_all(&["-2"]);
}

/// tshark lists the fields under the names, kinds and sentences of the table.
#[test]
fn are_registered_as_defined() {
    let listed = tshark(&["-G", "fields"]);
    let ours: HashMap<&str, Vec<&str>> = listed
        .lines()
        .map(|line| line.split('\t').collect::<Vec<_>>())
        .filter(|row| row[0] == "F" && row[2].starts_with("tcphs."))
        .map(|row| (row[2], row))
        .collect();
    for field in FIELDS {
        let row = ours.get(field.name).unwrap_or_else(|| panic!("{} is missing", field.name));
        let kind = match field.kind {
            FieldKind::None => "FT_NONE",
            FieldKind::Boolean => "FT_BOOLEAN",
            FieldKind::Uint8 => "FT_UINT8",
            FieldKind::Uint16 => "FT_UINT16",
            FieldKind::Uint32 => "FT_UINT32",
            FieldKind::String => "FT_STRING",
            FieldKind::Ipv4 => "FT_IPv4",
            FieldKind::Ipv6 => "FT_IPv6",
            FieldKind::RelativeTime => "FT_RELATIVE_TIME",
            _ => unreachable!("a kind without a test"),
        };
        assert_eq!((row[1], row[3]), (field.title, kind), "{}", field.name);
        assert_eq!(row.last(), Some(&field.doc.trim_end_matches('.')), "{}", field.name);
    }
    let unknown: Vec<_> = ours
        .keys()
        .filter(|name| !FIELDS.iter().any(|field| field.name == **name) && **name != "tcphs.tcp")
        .collect();
    assert!(unknown.is_empty(), "registered but not defined: {unknown:?}");
}
