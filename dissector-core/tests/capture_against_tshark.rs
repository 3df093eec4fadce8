//! Every TCP segment that the library and tshark both open, side by side.
//!
//! Takes the capture corpus beside the workspace, and a tshark; says so where one is absent. What
//! is compared are frames whose protocols are all opened by both; fragments, tunnels and the
//! quotes inside ICMP errors are Wireshark's alone.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use dissector_core::capture::{Capture, CaptureError, CaptureWarning};

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/captures/public");

/// Layers that both open, in front of TCP.
const OPENED: [&str; 16] = [
    "eth",
    "ethertype",
    "vlan",
    "ieee8021ad",
    "sll",
    "null",
    "raw",
    "ip",
    "ipv6",
    "ipv6.hopopts",
    "ipv6.routing",
    "ipv6.dstopts",
    "ipv6.fraghdr",
    "ah",
    "shim6",
    "tcp",
];

/// tshark adds up times in 32 bits where the part below a second is a second or more.
const ODD_TIMES: [&str; 3] = [
    "tcpdump/timestamp_invalid_nano.pcap",
    "tcpdump/timestamp_invalid_micro.pcap",
    "suricata/transform-base64-7296__input.pcap",
];

/// One line of tshark's, or what we make of a segment.
type Rows = BTreeMap<u64, String>;

struct Theirs {
    frames: u64,
    rows: Rows,
    /// Frames with a second TCP header inside, whose fields cannot be told apart.
    nested: BTreeSet<u64>,
    /// tshark's own complaint, if it did not reach the end.
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
        "ip.flags.mf",
        "ip.frag_offset",
        "ip.fragment",
        "ipv6.fragment",
    ];
    let mut command = Command::new("tshark");
    command.args(["-n", "-r"]).arg(capture);
    command.args(["-o", r#"gui.column.format:"Source","%us","Destination","%ud""#, "-T", "fields"]);
    command.args(fields.iter().flat_map(|field| ["-e", field]));
    let output = command.output().expect("tshark runs");
    let mut theirs =
        Theirs { frames: 0, rows: Rows::new(), nested: BTreeSet::new(), complaint: String::new() };
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        theirs.frames += 1;
        let columns: Vec<&str> = line.split('\t').collect();
        let [
            number,
            protocols,
            source,
            destination,
            sport,
            dport,
            flags,
            length,
            time,
            header,
            rest @ ..,
        ] = &columns[..]
        else {
            panic!("{line}")
        };
        let number = number.parse().expect("frame number");
        if sport.contains(',') {
            theirs.nested.insert(number);
            continue;
        }
        let before_tcp = protocols.split_once(":tcp").map(|(before, _)| before);
        let opened = before_tcp.is_some_and(|before| {
            let ip = before.split(':').filter(|layer| matches!(*layer, "ip" | "ipv6"));
            before.split(':').all(|layer| OPENED.contains(&layer)) && ip.count() == 1
        });
        let whole_header =
            header.parse().is_ok_and(|octets: u32| octets >= 20) && !flags.is_empty();
        // Of a cut first fragment tshark still shows the TCP header.
        let mut outer = rest.iter().filter_map(|field| field.split(',').next());
        let is_fragment = outer.any(|field| !matches!(field, "" | "0"));
        if !opened || !whole_header || is_fragment {
            continue;
        }
        let flags = u16::from_str_radix(flags.trim_start_matches("0x"), 16).expect("flags");
        // Where the data offset reaches past the segment tshark gives no length.
        let length = if length.is_empty() { "0" } else { length };
        let time = time.replace('.', "");
        let time: i128 = if time.is_empty() { 0 } else { time.parse().expect("time") };
        // Ours end where 64 bits do.
        let time = time.clamp(i64::MIN.into(), i64::MAX.into());
        let row = format!("{source} {destination} {sport} {dport} {flags:#x} {length} {time}");
        theirs.rows.insert(number, row);
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
            tcp.flags,
            segment.payload_octets(),
            packet.time_ns,
        );
        rows.insert(packet.frame, row);
    }
    Ok(Ours { frames: capture.frames(), rows, warning: capture.warning().copied() })
}

/// What differs in one capture, and how many segments were compared.
fn compare(path: &Path) -> (String, usize) {
    let mut differences = String::new();
    let mut note = |text: String| writeln!(differences, "{}: {text}", path.display()).unwrap();
    let theirs = tshark(path);
    let ours = match ours(path) {
        Ok(ours) => ours,
        Err(CaptureError::NotACapture { .. }) => {
            let formats = [".gz", ".zst", ".snoop"];
            if !formats.iter().any(|format| path.to_string_lossy().ends_with(format)) {
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
    let without_time = |row: &str| row.rsplit_once(' ').map(|(rest, _)| rest.to_owned());
    for (frame, row) in &theirs.rows {
        match ours.rows.get(frame) {
            Some(same) if same == row => {}
            Some(same) if odd_times && without_time(same) == without_time(row) => {}
            other => note(format!("frame {frame}: {other:?}, tshark {row}")),
        }
    }
    for (frame, row) in &ours.rows {
        if !theirs.rows.contains_key(frame) && !theirs.nested.contains(frame) {
            note(format!("frame {frame}: {row}, not in tshark's"));
        }
    }
    (differences, theirs.rows.len())
}

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in folder.read_dir().into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { files(&path, into) } else { into.push(path) }
    }
}

#[test]
#[ignore = "a minute of tshark; run with --ignored"]
fn the_corpus_reads_as_in_tshark() {
    let version = Command::new("tshark").arg("--version").stderr(Stdio::null()).output();
    let mut captures = Vec::new();
    files(Path::new(CORPUS), &mut captures);
    if version.is_err() || captures.is_empty() {
        eprintln!("skipped: needs tshark and captures in {CORPUS}");
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
