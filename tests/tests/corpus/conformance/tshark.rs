//! Wireshark's own TCP analysis against ours: completeness, the initial round trip, and the
//! experts for SYN, SYN/ACK, FIN and RST.
//!
//! A difference is counted under the rule of `docs/DIFFERENCES.md` that explains it; one that no
//! rule explains fails the test.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde_json::Value;
use tests::wireshark;

use super::Capture;
use super::differences::STRANGE_CLOCKS;
use super::encapsulation::unopened;
use super::zeek::{End, pair};
use crate::tool_output::{Passes, SEPARATOR, ToolOutput};

/// Counts by what was compared and how it came out.
pub type Tally = BTreeMap<(&'static str, &'static str), usize>;

/// The fields that tshark prints for this comparison.
pub const TSHARK_FIELDS: &[&str] = &[
    "frame.number",
    "frame.protocols",
    "ip.src",
    "ip.dst",
    "ipv6.src",
    "ipv6.dst",
    "tcp.srcport",
    "tcp.dstport",
    "tcp.stream",
    "tcp.completeness",
    "tcp.analysis.initial_rtt",
    "tcp.connection.syn",
    "tcp.connection.synack",
    "tcp.connection.fin",
    "tcp.connection.rst",
];

/// The values that tshark prints for a frame with a TCP header; those of the last segment if the
/// frame holds several.
pub struct Frame {
    pub number: u64,
    /// `None` for a TCP header quoted in an ICMP error.
    pub pair: Option<[End; 2]>,
    /// The reason why the command does not open it.
    pub unopened: Option<String>,
    /// `None` where the frame holds several TCP headers, or one quoted in an ICMP error.
    stream: Option<u64>,
    completeness: Option<u64>,
    initial_rtt: Option<f64>,
    /// SYN, SYN/ACK, FIN, RST.
    experts: [bool; 4],
}

impl Frame {
    fn parse(row: &[String]) -> Option<Self> {
        let columns: Vec<&str> = row.iter().map(String::as_str).collect();
        let [number, layers, from, to, from6, to6, from_port, to_port, rest @ ..] = &columns[..]
        else {
            return None;
        };
        if !layers.split(':').any(|layer| layer == "tcp") {
            return None;
        }
        let [stream, completeness, initial_rtt, syn, synack, fin, rst] = rest else { return None };
        fn last(column: &str) -> &str {
            column.rsplit(SEPARATOR).next().unwrap_or_default()
        }
        let ipv6 = layers.rfind(":ipv6").unwrap_or(0) > layers.rfind(":ip:").unwrap_or(0);
        let (from, to) = if ipv6 { (from6, to6) } else { (from, to) };
        let end = |addr: &str, port: &str| -> Option<End> {
            Some((last(addr).parse::<IpAddr>().ok()?, last(port).parse().ok()?))
        };
        let ends = end(from, from_port).zip(end(to, to_port));
        let quoted = layers.contains("icmp");
        Some(Self {
            number: number.parse().ok()?,
            pair: ends.filter(|_| !quoted).map(|(from, to)| pair([from, to])),
            unopened: unopened(layers),
            stream: stream.parse().ok().filter(|_| !quoted),
            completeness: last(completeness).parse().ok(),
            initial_rtt: last(initial_rtt).parse().ok(),
            experts: [syn, synack, fin, rst].map(|expert| !expert.is_empty()),
        })
    }
}

/// Every frame with TCP in it, in two passes.
pub fn frames(output: &ToolOutput) -> Vec<Frame> {
    let rows = output.rows(Passes::Two, TSHARK_FIELDS);
    rows.iter().filter_map(|row| Frame::parse(row)).collect()
}

/// Adds to `tally`, and returns the differences that no rule explains.
pub fn compare(capture: &Capture, tally: &mut Tally) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut packets = BTreeMap::<u64, Vec<&Value>>::new();
    for packet in capture.packets() {
        packets.entry(packet["frame"].as_u64().unwrap_or(0)).or_default().push(packet);
    }
    let mut streams = BTreeMap::<u64, Stream<'_>>::new();
    let mut shared = BTreeMap::<u64, BTreeSet<u64>>::new();
    for frame in &capture.frames {
        let Some(number) = frame.stream else { continue };
        let stream = streams.entry(number).or_default();
        stream.completeness = frame.completeness.or(stream.completeness);
        stream.initial_rtt = frame.initial_rtt.or(stream.initial_rtt);
        let Some([packet]) = packets.get(&frame.number).map(Vec::as_slice) else {
            stream.in_part = true;
            continue;
        };
        let conn = packet["conn"].as_u64().unwrap_or(0);
        stream.packets.push(packet);
        stream.conns.insert(conn);
        shared.entry(conn).or_default().insert(number);
        for (what, verdict) in experts(frame, packet) {
            *tally.entry((what, verdict)).or_default() += 1;
            if verdict == UNEXPLAINED {
                let stage = &packet["stage"];
                wrong
                    .push(format!("{} frame {}: {what}, ours {stage}", capture.name, frame.number));
            }
        }
    }
    let rows: BTreeMap<_, _> = capture
        .connections()
        .unwrap_or_default()
        .iter()
        .map(|row| (row["conn"].as_u64(), row))
        .collect();
    for (number, stream) in &streams {
        let verdict = match stream.conns.first() {
            _ if stream.in_part => "seen in part",
            Some(conn) if stream.conns.len() == 1 && shared[conn].len() == 1 => {
                for (what, verdict) in stream.connection(capture, rows[&Some(*conn)]) {
                    *tally.entry((what, verdict)).or_default() += 1;
                    if verdict == UNEXPLAINED {
                        wrong.push(format!("{} stream {number}: {what}", capture.name));
                    }
                }
                "one connection"
            }
            _ => "T1 divided otherwise",
        };
        *tally.entry(("tcp.stream", verdict)).or_default() += 1;
    }
    wrong
}

const EQUAL: &str = "equal";
const UNEXPLAINED: &str = "UNEXPLAINED";

/// Wireshark's experts on a packet against our stage.
fn experts(frame: &Frame, packet: &Value) -> Vec<(&'static str, &'static str)> {
    const NAMES: [&str; 4] = ["expert SYN", "expert SYN/ACK", "expert FIN", "expert RST"];
    let stage = packet["stage"].as_str().unwrap_or_default();
    let ours = [
        stage.starts_with("SYN") && !stage.starts_with("SYN/ACK"),
        stage.starts_with("SYN/ACK"),
        stage.starts_with("FIN"),
        stage.starts_with("RST"),
    ];
    let mut verdicts = Vec::new();
    for (at, what) in NAMES.into_iter().enumerate() {
        let verdict = match (frame.experts[at], ours[at]) {
            (false, false) => continue,
            (true, true) => EQUAL,
            (true, false) if stage == "illegal flags" => "T2 illegal flags",
            (true, false) if what == "expert FIN" && stage == "ACK" => "T3 also the final ACK",
            _ => UNEXPLAINED,
        };
        verdicts.push((what, verdict));
    }
    verdicts
}

/// A conversation of Wireshark's and our segments of it.
#[derive(Default)]
struct Stream<'a> {
    conns: BTreeSet<u64>,
    packets: Vec<&'a Value>,
    completeness: Option<u64>,
    initial_rtt: Option<f64>,
    /// The command does not open all of its segments.
    in_part: bool,
}

impl Stream<'_> {
    fn connection(&self, capture: &Capture, row: &Value) -> Vec<(&'static str, &'static str)> {
        let mut verdicts = Vec::new();
        if let Some(bits) = self.completeness {
            verdicts.extend(self.completeness(bits, row));
        }
        let initial_rtt = self.initial_rtt(capture, row);
        verdicts.extend(initial_rtt.map(|verdict| ("initial_rtt", verdict)));
        verdicts
    }

    fn flags(&self, letter: char) -> impl Iterator<Item = &Value> {
        let with = move |packet: &&&Value| {
            packet["flags_tcpdump"].as_str().is_some_and(|flags| flags.contains(letter))
        };
        self.packets.iter().filter(with).copied()
    }

    fn completeness(&self, bits: u64, row: &Value) -> Vec<(&'static str, &'static str)> {
        let illegal = |letter| self.flags(letter).any(|packet| packet["stage"] == "illegal flags");
        let opens = |stage: &str| {
            self.packets
                .first()
                .and_then(|packet| packet["stage"].as_str())
                .is_some_and(|first| first.starts_with(stage))
        };
        let [syns, synacks] = ["syn_count", "synack_count"].map(|name| row[name] != 0);
        let close = row["close"].as_str().unwrap_or_default();
        let fin =
            ["half_closed", "fin", "fin_unacked", "simultaneous", "rst_after_fin"].contains(&close);
        let rst = !row["rst_frame"].is_null();
        let has =
            |id: &str| row["anomalies"].as_array().is_some_and(|ids| ids.iter().any(|it| it == id));
        let goes_on = has("rst_ignored");
        let final_ack = !row["final_ack_frame"].is_null();
        let bit = |number: u64| bits & number != 0;
        let syn = match (bit(1), syns) {
            (true, true) | (false, false) => EQUAL,
            (true, false) if illegal('S') => "T2 illegal flags",
            (false, true) if !opens("SYN") || opens("SYN/ACK") => "T4 SYN not first",
            // Another dissector, of FTP for one, has announced the conversation.
            (false, true) => "T4 conversation announced",
            (true, false) => UNEXPLAINED,
        };
        let synack = match (bit(2), synacks) {
            (true, true) | (false, false) => EQUAL,
            // Wireshark 4.0 leaves the completeness of such a segment alone at 0.
            (true, false) if illegal('S') => "T2 illegal flags",
            (true, false)
                if row["open_type"] == "split"
                    || row["open_type"] == "simultaneous"
                    || row["outcome"] == "bad_synack" =>
            {
                "T5 bare ACK or own SYN/ACK"
            }
            (false, true) if bits == 0 => "T6 nothing but this",
            _ => UNEXPLAINED,
        };
        let ack = match (bit(4), final_ack) {
            (true, true) | (false, false) => EQUAL,
            (true, false) => "T7 some other ACK",
            (false, true) => "T8 third packet with data",
        };
        let fin = match (bit(16), fin) {
            (true, true) | (false, false) => EQUAL,
            (true, false) if illegal('F') => "T2 illegal flags",
            (false, true) if bits == 0 => "T6 nothing but this",
            _ => UNEXPLAINED,
        };
        let rst = match (bit(32), rst) {
            (true, true) | (false, false) => EQUAL,
            (true, false) if illegal('R') => "T2 illegal flags",
            (true, false) if self.flags('R').all(ends_nothing) || goes_on => {
                "T9 RST that ends nothing here"
            }
            (false, true) if bits == 0 => "T6 nothing but this",
            _ => UNEXPLAINED,
        };
        vec![
            ("completeness SYN", syn),
            ("completeness SYN/ACK", synack),
            ("completeness ACK", ack),
            ("completeness FIN", fin),
            ("completeness RST", rst),
        ]
    }

    /// The initial round trip against our set-up time, which are the same where nothing was
    /// repeated.
    fn initial_rtt(&self, capture: &Capture, row: &Value) -> Option<&'static str> {
        let ours = row["setup_time_ns"].as_i64();
        if ours.is_none() {
            return self.initial_rtt.map(|_| "T10 no handshake completed");
        }
        let ours = ours.unwrap_or(0) as f64 / 1e9;
        let theirs = self.initial_rtt.unwrap_or(0.0);
        if (theirs - ours).abs() < 2e-6 {
            return Some(EQUAL);
        }
        let stage = |packet: &Value, name| packet["stage"] == name;
        let syns = self.packets.iter().filter(|packet| stage(packet, "SYN")).count();
        let another_ack = self
            .packets
            .iter()
            .find(|packet| {
                let flags = packet["flags_tcpdump"].as_str().unwrap_or_default();
                flags.contains('.') && !flags.contains('S')
            })
            .is_some_and(|packet| packet["final_ack"] != true);
        // 4.6 needs segments of both sides; older versions must not reach this branch.
        let one_side =
            self.initial_rtt.is_none() && row["seen"] != "both" && wireshark().version >= (4, 6, 0);
        Some(if one_side {
            "T13 one side captured"
        } else if syns > 1 || self.packets.iter().any(|packet| stage(packet, "SYN (crossing)")) {
            "T11 from the last SYN"
        } else if self.span() == 0.0 {
            "T12 zero taken for none"
        } else if another_ack {
            "T11 to another ACK"
        } else if !in_order_of_time(capture) && (theirs - self.span()).abs() < 2e-6 {
            "T12 file not in order of time"
        } else if STRANGE_CLOCKS.contains(&&*capture.name) {
            "T12 impossible time"
        } else {
            UNEXPLAINED
        })
    }

    /// The time from the SYN to the final ACK, by the timestamps of the file.
    fn span(&self) -> f64 {
        let time = |packet: &&Value| packet["time_ns"].as_i64().unwrap_or(0);
        let syn = self.packets.iter().find(|packet| packet["stage"] == "SYN");
        let ack = self.packets.iter().find(|packet| packet["final_ack"] == true);
        syn.zip(ack).map_or(0.0, |(syn, ack)| (time(ack) - time(syn)) as f64 / 1e9)
    }
}

/// Whether an RST leaves the connection it was seen in as it was.
fn ends_nothing(packet: &Value) -> bool {
    packet["stage"] == "RST (ignored?)" || packet["stage"] == "RST (half-open)"
}

fn in_order_of_time(capture: &Capture) -> bool {
    capture.packets().is_sorted_by_key(|packet| packet["time_ns"].as_i64())
}
