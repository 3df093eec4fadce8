//! A recorded pair, and its truth.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use dissector_core::capture::{Capture, Packet};
use dissector_core::compare::{
    Comparison, Coverage, Crossing, Observation, Observer, compare, compare_with_one_clock,
};
use dissector_core::wire::TcpHeader;
use dissector_core::{ConnectionTable, PacketInfo, Segment};
use serde_json::Value;

/// A frame with a segment, or with an ICMP error.
#[derive(Clone)]
pub struct Frame {
    pub info: PacketInfo,
    /// Header, options and payload.
    tcp: Vec<u8>,
    icmp: Option<dissector_core::IcmpError>,
}

/// What one point captured.
pub type Frames = Vec<Frame>;

pub struct Pair {
    pub name: String,
    pub points: [Frames; 2],
    pub about: Value,
    pub actions: Vec<Value>,
}

fn folder() -> PathBuf {
    testkit::workspace_root().join("samples/pairs")
}

/// Every pair.
pub fn all() -> Vec<Pair> {
    let mut names: Vec<_> = fs::read_dir(folder())
        .unwrap()
        .filter_map(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            Some(name.strip_suffix(".truth.jsonl")?.to_owned())
        })
        .collect();
    names.sort();
    assert!(names.len() >= 30, "{names:?}");
    names.iter().map(|name| Pair::read(name)).collect()
}

impl Pair {
    pub fn read(name: &str) -> Self {
        let points = ["client", "server"].map(|point| frames(&format!("{name}.{point}.pcapng")));
        let text = fs::read_to_string(folder().join(format!("{name}.truth.jsonl"))).unwrap();
        let mut lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let about = lines.next().unwrap();
        Self { name: name.to_owned(), points, about, actions: lines.collect() }
    }

    pub fn connections(&self) -> &[Value] {
        self.about["connections"].as_array().unwrap()
    }

    /// The segments that the router did this to: the end they go to, sequence number, length and
    /// identification.
    pub fn done(&self, action: &str) -> BTreeSet<Done> {
        let is = |it: &&Value| it["action"] == action;
        self.actions.iter().filter(is).map(Done::of).collect()
    }
}

/// A segment in the log of the router.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Done {
    pub to: String,
    pub sequence: u32,
    pub acknowledgment: u32,
    pub octets: u32,
}

impl Done {
    fn of(action: &Value) -> Self {
        let number = |key: &str| action[key].as_u64().unwrap_or(0) as u32;
        Self {
            to: action["to"].as_str().unwrap().to_owned(),
            sequence: number("seq"),
            acknowledgment: number("ack"),
            octets: number("len"),
        }
    }

    pub fn of_crossing(crossing: &Crossing) -> Self {
        let it = crossing.any();
        Self {
            to: crossing.to.to_string(),
            sequence: it.sequence.0,
            acknowledgment: it.acknowledgment.0,
            octets: it.payload_octets,
        }
    }
}

fn frames(name: &str) -> Frames {
    let mut capture = Capture::open(folder().join(name)).unwrap();
    let mut frames = Vec::new();
    while let Some(packet) = capture.next_packet().unwrap() {
        frames.push(match packet {
            Packet::Segment(segment) => {
                Frame { info: segment.packet, tcp: octets(&segment.tcp), icmp: None }
            }
            Packet::IcmpError(error) => {
                Frame { info: error.packet, tcp: Vec::new(), icmp: Some(error) }
            }
            _ => continue,
        });
    }
    assert_eq!(capture.warning(), None, "{name}");
    frames
}

/// The octets that were parsed.
fn octets(tcp: &TcpHeader<'_>) -> Vec<u8> {
    let offset_and_flags = u16::from(tcp.data_offset) << 12 | tcp.flags.bits();
    [
        &tcp.source_port.to_be_bytes()[..],
        &tcp.destination_port.to_be_bytes(),
        &tcp.sequence.0.to_be_bytes(),
        &tcp.acknowledgment.0.to_be_bytes(),
        &offset_and_flags.to_be_bytes(),
        &tcp.window.to_be_bytes(),
        &tcp.checksum.to_be_bytes(),
        &tcp.urgent_pointer.to_be_bytes(),
        tcp.option_octets,
        tcp.payload,
    ]
    .concat()
}

/// What a point makes of these frames. It was capturing from the first to the last of them.
pub fn observe(frames: &[Frame], observer: Observer, dropped: u64) -> Observation {
    let (mut table, mut observer) = (ConnectionTable::new(), observer);
    for frame in frames {
        if let Some(error) = &frame.icmp {
            if let Some(seen) = table.observe_icmp(error) {
                observer.observe_icmp(error, &seen, table.latest().unwrap());
            }
            continue;
        }
        let segment = Segment::parse(frame.info, &frame.tcp).unwrap();
        let seen = table.observe(&segment);
        observer.observe(&segment, &seen, table.latest().unwrap());
    }
    let closed = table.take_closed();
    closed.iter().chain(table.connections()).for_each(|it| observer.judge(it, table.outcome(it)));
    let times = frames.iter().map(|frame| frame.info.time_ns);
    let span = times.clone().min().zip(times.max());
    let coverage = Coverage::default().with_dropped(dropped);
    observer.finish(match span {
        Some((from, to)) => coverage.with_span(from, to),
        None => coverage,
    })
}

pub fn compared([first, second]: [&[Frame]; 2]) -> Comparison {
    let [first, second] = [first, second].map(|it| observe(it, Observer::new().keeping_all(), 0));
    compare(first, second)
}

/// The same where both have one clock.
pub fn compared_with_one_clock([first, second]: [&[Frame]; 2]) -> Comparison {
    let [first, second] = [first, second].map(|it| observe(it, Observer::new().keeping_all(), 0));
    compare_with_one_clock(first, second)
}

impl Frame {
    /// The sequence number of its segment.
    pub fn sequence(&self) -> u32 {
        TcpHeader::parse(&self.tcp).map_or(0, |tcp| tcp.sequence.0)
    }
}
