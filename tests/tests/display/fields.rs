//! Every field in the four places where Wireshark shows it: the packet details, `-T fields`, a
//! display filter and a custom column; in one pass and in two.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use dissector_core::connection::Finding;
use dissector_core::schema::{FIELDS, Field, FieldKind, Known};
use tests::{
    all_cases, everything, fewer_for_named_version, fields, finish, in_parallel, named_version_run,
    passing, sample, tshark, wireshark,
};

/// Fields that no sample shows, each with the reason.
const UNSHOWN: &[(&str, &str)] = &[
    ("tcphs.point", OF_POINTS),
    ("tcphs.fate", OF_POINTS),
    ("tcphs.fate_str", OF_POINTS),
    ("tcphs.other.frame", OF_POINTS),
    ("tcphs.changed", OF_POINTS),
    ("tcphs.path_delay", OF_POINTS),
    ("tcphs.path_delay.uncertainty", OF_POINTS),
    ("tcphs.path", OF_POINTS),
    ("tcphs.path_str", OF_POINTS),
    ("tcphs.slow", "no sample is slower than the preference says; preferences.rs lowers it"),
];

const OF_POINTS: &str = "only files with several points have it; points.rs tries it";

/// Every field in every frame of [`everything`].
struct Rows(Vec<Vec<String>>);

impl Rows {
    fn read(passes: &[&str]) -> Self {
        let mut names = vec!["frame.number"];
        names.extend(FIELDS.iter().map(|field| field.name));
        Self(fields(&[&["-n", "-r", everything()], passes].concat(), &names))
    }

    /// The values of a field with their frames.
    fn values(&self, field: usize) -> impl Iterator<Item = (u64, &str)> {
        self.0.iter().filter_map(move |row| {
            let value = row[field + 1].as_str();
            let frame = row[0].parse().expect("a frame number");
            (!value.is_empty()).then_some((frame, value))
        })
    }
}

/// A frame in which a field has a value.
struct Found {
    field: &'static Field,
    frame: u64,
    /// The value as `-T fields` prints it.
    value: String,
    /// Every frame in which the field has a value.
    frames: BTreeSet<u64>,
}

/// The first frame in which each field has a value.
fn find(rows: &Rows, two_passes: bool) -> Vec<Found> {
    let mut found = Vec::new();
    for (nth, field) in FIELDS.iter().enumerate() {
        let known = two_passes || field.known != Known::Connection;
        // A value other than zero makes a stronger test.
        let first = rows.values(nth).find(|(_, value)| *value != "0");
        let first = first.or_else(|| rows.values(nth).next());
        assert!(known || first.is_none(), "{} is shown in one pass: {first:?}", field.name);
        let Some((frame, value)) = first else {
            let unshown = UNSHOWN.iter().any(|(name, _)| *name == field.name);
            assert!(!known || unshown, "no sample shows {}", field.name);
            continue;
        };
        let frames = rows.values(nth).map(|(frame, _)| frame).collect();
        found.push(Found { field, frame, value: value.to_owned(), frames });
    }
    found
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

/// The columns of each frame that hold these fields, by frame number.
fn columns(found: &[Found], passes: &[&str]) -> BTreeMap<u64, Vec<String>> {
    let mut format = String::from("gui.column.format:\"No.\",\"%m\"");
    for Found { field, .. } in found {
        format += &format!(",\"Ours\",\"%Cus:{}:0:R\"", field.name);
    }
    let arguments = ["-n", "-r", everything(), "-T", "tabs", "-o", &format];
    let listed = tshark(&[&arguments, passes].concat());
    let row = |line: &str| {
        let mut columns = line.split('\t').map(|column| column.trim().to_owned());
        let number = columns.next().and_then(|number| number.parse().ok());
        (
            number.unwrap_or_else(|| panic!("a row begins with its number: {line}")),
            columns.collect(),
        )
    };
    listed.lines().map(row).collect()
}

/// The parts of a text about the frames in which the fields were found, by frame number. A part
/// begins with `begins`.
fn parts<'a>(text: &'a str, begins: &str, found: &[Found]) -> BTreeMap<u64, &'a str> {
    let frames: BTreeSet<u64> = found.iter().map(|found| found.frame).collect();
    let starts: Vec<_> = text.match_indices(begins).map(|(start, _)| start).collect();
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    assert_eq!(starts.len(), frames.len(), "a part for each frame");
    frames.into_iter().zip(starts.iter().zip(ends).map(|(start, end)| &text[*start..end])).collect()
}

/// Compares the column, the filters and the details with the values found; returns the differences.
fn check(found: &[Found], passes: &[&str]) -> Vec<String> {
    let mut wrong = Vec::new();
    let frames: BTreeSet<String> = found.iter().map(|found| found.frame.to_string()).collect();
    let frames = frames.into_iter().collect::<Vec<_>>().join(",");
    let chosen = format!("frame.number in {{{frames}}}");
    let shown =
        |form: &str| tshark(&[&["-n", "-r", everything(), form, "-Y", &chosen], passes].concat());
    let (pdml, text) = (shown("-Tpdml"), shown("-V"));
    let text = format!("\n{text}");
    let pdml = parts(&pdml, "<packet>", found);
    let text = parts(&text, "\nFrame ", found);
    let columns = columns(found, passes);
    let by_value: Vec<_> = found.iter().map(|found| filter(found.field, &found.value)).collect();
    // A filter by label, if the field has labels.
    let by_label = |found: &Found| {
        let quoted = format!("\"{}\"", label(found.field, &found.value));
        let value = if found.field.enumeration.is_some() { &quoted } else { &found.value };
        filter(found.field, value)
    };
    let by_label: Vec<_> = found.iter().map(by_label).collect();
    let by_name: Vec<_> = found.iter().map(|found| found.field.name.to_owned()).collect();
    let all = [&by_value[..], &by_label, &by_name].concat();
    let passed = passing(everything(), passes, &all);
    for (nth, Found { field, frame, value, frames }) in found.iter().enumerate() {
        let name = field.name;
        let shown = &columns[frame][nth];
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
        let [value, label, there] =
            [nth, nth + found.len(), nth + 2 * found.len()].map(|nth| &passed[nth]);
        if !value.contains(frame) {
            wrong.push(format!("{name}: filter {} misses frame {frame}", by_value[nth]));
        }
        if label != value {
            wrong.push(format!("{name}: filter {} gives other frames", by_label[nth]));
        }
        // The frames that pass are those in which `-T fields` has a value.
        if there != frames {
            wrong.push(format!("{name}: passes in {there:?}, has a value in {frames:?}"));
        }
        // The packet details have the field, hidden or not.
        let item = pdml[frame].lines().find(|line| line.contains(&format!("name=\"{name}\"")));
        let Some(item) = item else {
            wrong.push(format!("{name}: not in the packet details"));
            continue;
        };
        if !item.contains("hide=\"yes\"") && !text[frame].contains(field.title) {
            wrong.push(format!("{name}: -V has no line {:?}", field.title));
        }
    }
    wrong
}

/// Three fields of each kind: enough for a version that was named after a run with the installed
/// one.
fn some_of_each_kind(mut found: Vec<Found>) -> Vec<Found> {
    found.sort_by_key(|found| found.field.name);
    let mut seen: HashMap<String, usize> = HashMap::new();
    found.retain(|Found { field, .. }| {
        let kind = format!("{:?} {}", field.kind, field.enumeration.is_some());
        let seen = seen.entry(kind).or_default();
        *seen += 1;
        *seen <= 3
    });
    found
}

fn check_all(passes: &[&str]) {
    let mut found = find(&Rows::read(passes), !passes.is_empty());
    if named_version_run() && !all_cases() {
        found = some_of_each_kind(found);
        assert!(found.len() > 20, "{}", found.len());
    }
    let wrong = check(&found, passes);
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
fn fields_are_registered_as_defined() {
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
            FieldKind::Int8 => "FT_INT8",
            FieldKind::Int16 => "FT_INT16",
            FieldKind::FrameNumber => "FT_FRAMENUM",
            FieldKind::String => "FT_STRING",
            FieldKind::Ipv4 => "FT_IPv4",
            FieldKind::Ipv6 => "FT_IPv6",
            FieldKind::RelativeTime => "FT_RELATIVE_TIME",
            _ => unreachable!("a kind without a test"),
        };
        assert_eq!((row[1], row[3]), (field.title, kind), "{}", field.name);
        assert_eq!(row.last(), Some(&field.doc.trim_end_matches('.')), "{}", field.name);
    }
    for finding in Finding::ALL {
        let name = format!("tcphs.expert.{finding}");
        let row = ours.get(&*name).unwrap_or_else(|| panic!("{name} is missing"));
        assert!(finding.text().starts_with(row[1]), "{name}: {}", row[1]);
        assert_eq!(row[3], "FT_NONE", "{name}");
    }
    let is_defined = |name: &str| {
        let finding = name.strip_prefix("tcphs.expert.");
        FIELDS.iter().any(|field| field.name == name)
            || finding.is_some_and(|label| label.parse::<Finding>().is_ok())
            || ["tcphs.tcp", "tcphs.icmp_message", "tcphs.icmpv6_message"].contains(&name)
    };
    let unknown: Vec<_> = ours.keys().filter(|name| !is_defined(name)).collect();
    assert!(unknown.is_empty(), "registered but not defined: {unknown:?}");
}

/// Only the final ACK has the times of the handshake in one pass; in two, every packet of the
/// connection has them.
#[test]
fn times_are_shown_with_the_final_ack() {
    let names = ["tcphs.final_ack", "tcphs.setup_time"];
    let mut acks = 0;
    for row in fields(&["-n", "-r", everything(), "-Y", "tcphs"], &names) {
        assert!(row[1].is_empty() || !row[0].is_empty(), "{row:?}");
        acks += usize::from(!row[1].is_empty());
    }
    assert!(acks > 0);
    let names = ["tcphs.conn", "tcphs.setup_time"];
    let all = fields(&["-n", "-r", everything(), "-2", "-Y", "tcphs"], &names);
    let timed: BTreeSet<_> =
        all.iter().filter(|row| !row[1].is_empty()).map(|row| row[0].as_str()).collect();
    for row in &all {
        assert_eq!(row[1].is_empty(), !timed.contains(row[0].as_str()), "not on every packet");
    }
}

/// A filter that matches nothing because it needs the second pass causes a warning, and no other
/// filter does. (`-T fields` cannot cause one: tshark builds the whole tree for it and marks no
/// field as wanted.)
#[test]
fn a_filter_that_needs_two_passes_causes_a_warning() {
    let path = sample("telnet-dns.pcapng").to_string_lossy().into_owned();
    let says = |arguments: &[&str]| {
        let mut command = wireshark().with_plugin();
        let output = finish(command.args(["-n", "-r", &path]).args(arguments));
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        stderr.matches("verdict fields need tshark -2").count()
    };
    assert_eq!(says(&["-Y", "tcphs.outcome == \"complete\""]), 1);
    assert_eq!(says(&["-Y", "tcphs.expert.no_reply"]), 1);
    assert_eq!(says(&["-2", "-Y", "tcphs.outcome == \"complete\""]), 0);
    // This filter matches nothing on the second pass either.
    assert_eq!(says(&["-2", "-Y", "tcphs.outcome == \"refused\""]), 0);
    assert_eq!(says(&["-Y", "tcphs.stage == \"SYN\""]), 0);
    assert_eq!(says(&["-V"]), 0);
    assert_eq!(says(&[]), 0);
}

/// tshark prints the same values for a few fields as for all: the plugin makes only the fields that
/// are wanted.
#[test]
fn a_few_fields_have_the_same_values_as_all() {
    let mut all = vec!["tcphs", "_ws.expert.message"];
    all.extend(FIELDS.iter().map(|field| field.name));
    for passes in fewer_for_named_version(vec![&["-2"][..], &[]], 2) {
        let arguments = [&["-n", "-r", everything()], passes].concat();
        let whole = fields(&arguments, &all);
        let parts: Vec<usize> = (0..all.len()).step_by(7).chain([0, 1]).collect();
        let wrong = in_parallel(&parts, |&first| {
            let few: Vec<_> = (first..all.len()).step_by(29).take(3).collect();
            let names: Vec<_> = few.iter().map(|nth| all[*nth]).collect();
            let rows = fields(&arguments, &names);
            let same = rows
                .iter()
                .zip(&whole)
                .all(|(row, whole)| few.iter().zip(row).all(|(nth, value)| *value == whole[*nth]));
            (!same || rows.len() != whole.len()).then_some(names)
        });
        let wrong: Vec<_> = wrong.into_iter().flatten().collect();
        assert!(wrong.is_empty(), "{passes:?}: {wrong:?}");
        assert!(whole.iter().any(|row| row[0].starts_with("TCP Handshake, connection")));
    }
}

/// A filter finds its fields even if tshark prints others.
#[test]
fn filters_find_fields_that_are_not_printed() {
    let path = sample("telnet-dns.pcapng").to_string_lossy().into_owned();
    let frames = |filter: &str| {
        let arguments = ["-n", "-2", "-r", &path, "-Y", filter];
        fields(&arguments, &["frame.number", "tcphs.conn"]).len()
    };
    assert_eq!(frames("tcphs.final_ack"), 1);
    assert_eq!(frames("tcphs.stage_str == \"SYN\""), 1);
    assert!(frames("tcphs.outcome_str == \"complete\"") > 3);
}
