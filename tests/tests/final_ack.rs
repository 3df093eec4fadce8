//! The final ACK of every handshake, compared with a list made by hand from tcpdump's output.

use std::path::PathBuf;

use tests::{fields, in_parallel, rows, sample};

const LIST: &str = include_str!("../data/final_acks.tsv");

/// Captures that the command and Wireshark read alike.
const IN_WIRESHARK_TOO: &[&str] = &[
    "arkime/tcp_handshake_synthetic.pcap",
    "arkime/wireshark-retrans.pcap",
    "linux-kernel/simultaneous_open.pcap",
    "linux-kernel/tfo_cookie_and_data.pcap",
    "suricata/decode-sll2-01__input.pcap",
    "zeek/http__bro.org-filtered.pcap",
    "zeek/ipv6-http-atomic-frag.pcap",
    "zeek/tcp__handshake-reorder.pcap",
    "zeek/vlan-collisions.pcap",
];

struct Entry {
    name: &'static str,
    capture: PathBuf,
    frames: Vec<u64>,
}

/// The entries whose capture exists on this machine.
fn entries() -> Vec<Entry> {
    let corpus = testkit::shared_captures();
    if corpus.is_none() {
        let reason = "no corpus of captures beside the project: only the samples are checked";
        testkit::skip!("final_acks_are_those_found_by_hand", reason);
    }
    let lines = LIST.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| {
            let mut columns = line.split('\t');
            let (name, frames) = (columns.next()?, columns.next()?);
            let capture = match name.strip_prefix("samples/") {
                Some(file) => sample(file),
                None => corpus.as_ref()?.join("public").join(name),
            };
            let frames = frames.split(' ').filter(|frame| *frame != "-");
            let frames = frames.map(|frame| frame.parse().expect("a frame number")).collect();
            Some(Entry { name, capture, frames })
        })
        .collect()
}

/// The difference between the list and the final ACKs that a tool reports.
fn wrong(entry: &Entry, tool: &str, said: &[u64]) -> Option<String> {
    let Entry { name, frames, .. } = entry;
    (said != frames).then(|| format!("{name}: by hand {frames:?}, {tool} {said:?}"))
}

fn in_the_command(entry: &Entry) -> Option<String> {
    let rows = rows("packets", &entry.capture).expect("the command reads it");
    let said: Vec<u64> = rows
        .iter()
        .filter(|row| row["final_ack"] == true)
        .filter_map(|row| row["frame"].as_u64())
        .collect();
    wrong(entry, "tcphs", &said)
}

fn in_wireshark(entry: &Entry) -> Option<String> {
    let path = entry.capture.to_string_lossy();
    let rows = fields(&["-n", "-r", &*path, "-Y", "tcphs.final_ack"], &["frame.number"]);
    let said: Vec<u64> = rows.iter().filter_map(|row| row[0].parse().ok()).collect();
    wrong(entry, "tshark", &said)
}

#[test]
fn the_list_is_sixty_captures_and_more() {
    let lines: Vec<_> = LIST.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(lines.len() >= 60);
    assert!(lines.iter().all(|line| line.split('\t').count() == 3));
    assert!(lines.iter().filter(|line| line.contains("\t-\t")).count() >= 15);
}

#[test]
fn final_acks_are_those_found_by_hand() {
    let entries = entries();
    let mut wrong: Vec<_> = in_parallel(&entries, in_the_command).into_iter().flatten().collect();
    let in_both = |entry: &&Entry| IN_WIRESHARK_TOO.contains(&entry.name);
    wrong.extend(entries.iter().filter(in_both).filter_map(in_wireshark));
    println!("{} captures checked by hand", entries.len());
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}
