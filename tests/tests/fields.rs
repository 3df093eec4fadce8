//! Every field in the four places where Wireshark shows it: the packet details, `-T fields`, a
//! display filter and a custom column; in one pass and in two.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex, OnceLock};

use dissector_core::connection::Finding;
use dissector_core::schema::{FIELDS, Field, FieldKind, Known};
use tests::{
    at_length, fields, finish, in_parallel, less_once_more, once_more, sample, samples, tshark,
    wireshark,
};

/// Fields that no sample shows, and why. Whoever records one takes its field out.
const UNSHOWN: &[(&str, &str)] = &[];

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
    let captures = samples();
    let all_rows = in_parallel(&captures, |capture| {
        let path = capture.to_string_lossy();
        let mut arguments = vec!["-n", "-r", &*path];
        arguments.extend(passes);
        fields(&arguments, &names)
    });
    for (capture, rows) in captures.into_iter().zip(all_rows) {
        for row in rows {
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
    let two_pass = passes.contains(&"-2");
    for field in FIELDS {
        let expected = two_pass || field.known != Known::Connection;
        match found.get(field.name) {
            Some(Found { capture, frame, .. }) => assert!(
                expected,
                "{} is said in one pass: {} frame {frame}",
                field.name,
                capture.display()
            ),
            None => assert!(
                !expected || UNSHOWN.iter().any(|(name, _)| *name == field.name),
                "no sample shows {}",
                field.name
            ),
        }
    }
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

/// What tshark says: many fields are looked for in the details of the same frame.
fn remembered(arguments: &[&str]) -> Arc<str> {
    type Said = Arc<OnceLock<Arc<str>>>;
    static ALL: LazyLock<Mutex<HashMap<String, Said>>> = LazyLock::new(Mutex::default);
    let key = arguments.join("\n");
    let said = Arc::clone(ALL.lock().expect("nobody panicked with it").entry(key).or_default());
    Arc::clone(said.get_or_init(|| tshark(arguments).into()))
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
    let details = remembered(&arguments);
    let Some(item) = details.lines().find(|line| line.contains(&format!("name=\"{name}\""))) else {
        wrong.push(format!("{name}: not in the packet details"));
        return wrong;
    };
    if !item.contains("hide=\"yes\"") {
        let mut arguments = vec!["-n", "-r", &path, "-V", "-Y", &number];
        arguments.extend(passes);
        if !remembered(&arguments).contains(field.title) {
            wrong.push(format!("{name}: -V has no line {:?}", field.title));
        }
    }
    wrong
}

/// Three fields of each kind: what there is to see of another version than the installed one.
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
    let mut found = find(passes);
    if once_more() && !at_length() {
        found = some_of_each_kind(found);
        assert!(found.len() > 20, "{}", found.len());
    }
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
        let remark = name.strip_prefix("tcphs.expert.");
        FIELDS.iter().any(|field| field.name == name)
            || remark.is_some_and(|label| label.parse::<Finding>().is_ok())
            || ["tcphs.tcp", "tcphs.icmp_message", "tcphs.icmpv6_message"].contains(&name)
    };
    let unknown: Vec<_> = ours.keys().filter(|name| !is_defined(name)).collect();
    assert!(unknown.is_empty(), "registered but not defined: {unknown:?}");
}

/// Only the final ACK has the times of the handshake in one pass.
#[test]
fn times_are_said_with_the_final_ack() {
    let names = ["tcphs.final_ack", "tcphs.setup_time"];
    let acks = in_parallel(&samples(), |capture| {
        let mut acks = 0;
        let path = capture.to_string_lossy().into_owned();
        for row in fields(&["-n", "-r", &path, "-Y", "tcphs"], &names) {
            assert!(row[1].is_empty() || !row[0].is_empty(), "{path}: {row:?}");
            acks += usize::from(!row[1].is_empty());
        }
        let names = ["tcphs.conn", "tcphs.setup_time"];
        let all = fields(&["-n", "-r", &path, "-2", "-Y", "tcphs"], &names);
        let timed: Vec<_> = all.iter().filter(|row| !row[1].is_empty()).collect();
        let whole = |row: &&Vec<String>| timed.iter().any(|timed| timed[0] == row[0]);
        assert_eq!(all.iter().filter(whole).count(), timed.len(), "{path}: not on every packet");
        acks
    });
    assert!(acks.iter().sum::<usize>() > 0);
}

/// A filter that would find nothing for want of a second pass says so, and only then. (Of `-T fields`
/// nothing can be said: tshark builds the whole tree for it and marks no field as wanted.)
#[test]
fn one_pass_says_that_it_takes_two() {
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
    // A filter that lets nothing through on the second pass either.
    assert_eq!(says(&["-2", "-Y", "tcphs.outcome == \"refused\""]), 0);
    assert_eq!(says(&["-Y", "tcphs.stage == \"SYN\""]), 0);
    assert_eq!(says(&["-V"]), 0);
    assert_eq!(says(&[]), 0);
}

/// Asked for a few, tshark prints what it prints when asked for all: what nobody asks for is not
/// made.
#[test]
fn a_few_are_as_among_all() {
    let mut all = vec!["tcphs", "_ws.expert.message"];
    all.extend(FIELDS.iter().map(|field| field.name));
    let names = vec!["simultaneous-open.pcapng", "icmp-reject.pcapng", "telnet-dns.pcapng"];
    for name in less_once_more(names, 3) {
        let path = sample(name).to_string_lossy().into_owned();
        for passes in [&[][..], &["-2"]] {
            let arguments = [&["-n", "-r", &path], passes].concat();
            let whole = fields(&arguments, &all);
            let parts: Vec<usize> = (0..all.len()).step_by(7).chain([0, 1]).collect();
            let wrong = in_parallel(&parts, |&first| {
                let few: Vec<_> = (first..all.len()).step_by(29).take(3).collect();
                let names: Vec<_> = few.iter().map(|nth| all[*nth]).collect();
                let rows = fields(&arguments, &names);
                let same = rows.iter().zip(&whole).all(|(row, whole)| {
                    few.iter().zip(row).all(|(nth, value)| *value == whole[*nth])
                });
                (!same || rows.len() != whole.len()).then_some(names)
            });
            let wrong: Vec<_> = wrong.into_iter().flatten().collect();
            assert!(wrong.is_empty(), "{name} {passes:?}: {wrong:?}");
            assert!(whole.iter().any(|row| row[0].starts_with("TCP Handshake, connection")));
        }
    }
}

/// A filter has its fields whatever is printed.
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
