//! Compares every TCP segment that both the library and tshark decode.
//!
//! Needs the capture corpus beside the workspace, and a tshark. Only Wireshark dissects the headers
//! quoted by ICMP errors and sampled by sFlow as segments.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use dissector_core::capture::{Capture, CaptureError, CaptureWarning};

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/captures/public");

/// Layers that only tshark decodes: TCP headers in them are no segments, or belong to another frame.
const UNOPENED: [&str; 3] = ["icmp", "icmpv6", "sflow"];

const NO_LENGTH: &str = "-";

/// tshark adds times in 32 bits if the fraction of a second is a second or more.
const ODD_TIMES: [&str; 3] = [
    "tcpdump/timestamp_invalid_nano.pcap",
    "tcpdump/timestamp_invalid_micro.pcap",
    "suricata/transform-base64-7296__input.pcap",
];

/// The rows of a capture by frame.
type Rows = BTreeMap<u64, Vec<String>>;

struct Theirs {
    frames: u64,
    rows: Rows,
    /// Frames in which tshark shows a TCP header that is no segment.
    unopened: BTreeSet<u64>,
    /// The complaint of tshark, if it did not reach the end.
    complaint: String,
}

fn tshark(capture: &Path) -> Theirs {
    let fields = [
        "frame.number",
        "frame.protocols",
        "_ws.col.Source",
        "_ws.col.Destination",
        "tcp.srcport",
        "tcp.dstport",
        "tcp.flags",
        "tcp.len",
        "frame.time_epoch",
        "tcp.hdr_len",
    ];
    let mut command = Command::new("tshark");
    command.args(["-n", "-r"]).arg(capture);
    command.args(["-o", r#"gui.column.format:"Source","%us","Destination","%ud""#, "-T", "fields"]);
    command.args(fields.iter().flat_map(|field| ["-e", field]));
    let output = command.output().expect("tshark runs");
    let mut theirs = Theirs {
        frames: 0,
        rows: Rows::new(),
        unopened: BTreeSet::new(),
        complaint: String::new(),
    };
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        theirs.frames += 1;
        let columns: Vec<&str> = line.split('\t').collect();
        let [number, protocols, source, destination, sport, dport, flags, length, time, header] =
            columns[..]
        else {
            panic!("{line}")
        };
        let number = number.parse().expect("frame number");
        if protocols.split(':').any(|layer| UNOPENED.contains(&layer)) {
            theirs.unopened.insert(number);
            continue;
        }
        let lists = [sport, dport, flags, length, header].map(|column| -> Vec<&str> {
            column.split(',').filter(|value| !value.is_empty()).collect()
        });
        let [sports, dports, flags, lengths, headers] = &lists;
        let whole_header = |octets: &str| octets.parse().is_ok_and(|octets: u32| octets >= 20);
        // A header that is cut leaves columns of different lengths.
        if flags.len() != sports.len() || !headers.iter().all(|octets| whole_header(octets)) {
            if sports.len() > 1 {
                theirs.unopened.insert(number);
            }
            continue;
        }
        let time = time.replace('.', "");
        let time: i128 = if time.is_empty() { 0 } else { time.parse().expect("time") };
        // Our times have 64 bits.
        let time = time.clamp(i64::MIN.into(), i64::MAX.into());
        for (at, (sport, dport)) in sports.iter().zip(dports).enumerate() {
            let flags = flags[at].trim_start_matches("0x");
            let flags = u16::from_str_radix(flags, 16).expect("flags");
            // tshark gives no length if the data offset reaches past the segment, or if a fragment
            // of the datagram was cut.
            let length = if lengths.len() == sports.len() { lengths[at] } else { NO_LENGTH };
            // The columns hold the addresses of the last segment.
            let ends = if at + 1 == sports.len() { [source, destination] } else { ["…"; 2] };
            let [source, destination] = ends;
            let row = format!("{source} {destination} {sport} {dport} {flags:#x} {length} {time}");
            theirs.rows.entry(number).or_default().push(row);
        }
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    let complaints = complaint.lines().filter(|line| line.starts_with("tshark: "));
    theirs.complaint = complaints.collect();
    theirs
}

struct Ours {
    frames: u64,
    rows: Rows,
    warning: Option<CaptureWarning>,
}

fn ours(path: &Path) -> Result<Ours, CaptureError> {
    let mut capture = Capture::open(path)?;
    let mut rows = Rows::new();
    while let Some(segment) = capture.next_segment()? {
        let (packet, tcp) = (segment.packet, segment.tcp);
        let row = format!(
            "{} {} {} {} {:#x} {} {}",
            packet.source,
            packet.destination,
            tcp.source_port,
            tcp.destination_port,
            tcp.flags.bits(),
            segment.payload_octets(),
            packet.time_ns,
        );
        let rows: &mut Vec<String> = rows.entry(packet.frame).or_default();
        if let Some(earlier) = rows.last_mut() {
            let rest: Vec<&str> = earlier.split(' ').skip(2).collect();
            *earlier = format!("… … {}", rest.join(" "));
        }
        rows.push(row);
    }
    Ok(Ours { frames: capture.frames(), rows, warning: capture.warning().copied() })
}

/// The differences in one capture, and the number of segments compared.
fn compare(path: &Path) -> (String, usize) {
    let mut differences = String::new();
    let mut note = |text: String| writeln!(differences, "{}: {text}", path.display()).unwrap();
    let theirs = tshark(path);
    let ours = match ours(path) {
        Ok(ours) => ours,
        Err(CaptureError::NotACapture { .. }) => {
            if !path.to_string_lossy().ends_with(".snoop") {
                note(format!("refused: {}", theirs.complaint));
            }
            return (differences, 0);
        }
        Err(error) => {
            if theirs.frames > 0 {
                note(format!("refused, but tshark reads {} frames: {error}", theirs.frames));
            }
            return (differences, 0);
        }
    };
    if ours.frames != theirs.frames {
        note(format!(
            "{} frames, tshark {} ({:?}; {})",
            ours.frames, theirs.frames, ours.warning, theirs.complaint
        ));
    }
    if ours.warning.is_some() == theirs.complaint.is_empty() {
        note(format!("{:?}, tshark: {}", ours.warning, theirs.complaint));
    }
    let odd_times = ODD_TIMES.iter().any(|file| path.ends_with(file));
    let without_time = |rows: &[String]| -> Vec<Option<String>> {
        rows.iter().map(|row| Some(row.rsplit_once(' ')?.0.to_owned())).collect()
    };
    for (frame, rows) in &theirs.rows {
        let same_row = |(ours, theirs): (&String, &String)| {
            let mut fields = ours.split(' ').zip(theirs.split(' '));
            fields.all(|(ours, theirs)| ours == theirs || theirs == NO_LENGTH)
        };
        match ours.rows.get(frame) {
            Some(same) if same.len() == rows.len() && same.iter().zip(rows).all(same_row) => {}
            Some(same) if odd_times && without_time(same) == without_time(rows) => {}
            // tshark shows the fields in front of the cut of a header, and no length then.
            None if rows.iter().all(|row| row.split(' ').nth(5) == Some(NO_LENGTH)) => {}
            other => note(format!("frame {frame}: {other:?}, tshark {rows:?}")),
        }
    }
    for (frame, rows) in &ours.rows {
        if !theirs.rows.contains_key(frame) && !theirs.unopened.contains(frame) {
            note(format!("frame {frame}: {rows:?}, not in tshark's"));
        }
    }
    (differences, theirs.rows.values().map(Vec::len).sum())
}

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in folder.read_dir().into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { files(&path, into) } else { into.push(path) }
    }
}

#[test]
#[ignore = "a minute of tshark; run with --ignored"]
fn captures_of_the_corpus_read_as_in_tshark() {
    let version = Command::new("tshark").arg("--version").stderr(Stdio::null()).output();
    let mut captures = Vec::new();
    files(Path::new(CORPUS), &mut captures);
    // The test compares a third of the captures, or all with TCPHS_LONG=1 in the environment. The
    // plugin's tests compare another third.
    if std::env::var_os("TCPHS_LONG").is_none() {
        captures.sort();
        captures = captures.into_iter().skip(1).step_by(3).collect();
    }
    if version.is_err() || captures.is_empty() {
        let reason = format!("no corpus of captures in {CORPUS}, or no tshark");
        testkit::skip!("captures_of_the_corpus_read_as_in_tshark", reason);
        return;
    }
    let queue = Mutex::new(captures.into_iter());
    let results = Mutex::new((String::new(), 0));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some(path) = queue.lock().unwrap().next() else { break };
                    let (differences, compared) = compare(&path);
                    let mut results = results.lock().unwrap();
                    results.0.push_str(&differences);
                    results.1 += compared;
                }
            });
        }
    });
    let (differences, compared) = results.into_inner().unwrap();
    println!("{compared} segments compared");
    assert!(differences.is_empty(), "{differences}");
}
