//! The committed pairs: both captures and the truth have to fit together, by plain counting and
//! looking up, without the engine that is tested with them.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::BufReader;
use std::time::Duration;

use pcap_file::pcapng::{Block, PcapNgReader};
use serde_json::Value;
use testkit::kernel::Side;
use testkit::workspace_root;

use super::router::{Done, Header, Packet};
use super::scenarios;

/// A frame of a capture.
struct Frame {
    time: Duration,
    to: Side,
    /// The TCP segment, if it is one.
    header: Option<Header>,
}

/// A pair as it is committed.
struct Committed {
    name: &'static str,
    /// By point.
    frames: [Vec<Frame>; 2],
    about: Value,
    actions: Vec<Value>,
}

impl Committed {
    fn read(name: &'static str) -> Self {
        let folder = workspace_root().join("samples/pairs");
        let frames = Side::BOTH.map(|side| {
            let file = folder.join(format!("{name}.{}.pcapng", side.name()));
            let file = File::open(&file).unwrap_or_else(|error| panic!("{name}: {error}"));
            frames(BufReader::new(file))
        });
        let text = fs::read_to_string(folder.join(format!("{name}.truth.jsonl")));
        let text = text.unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut lines = text.lines().map(|line| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{name}: {error}: {line}"))
        });
        let about = lines.next().expect("a line about the pair");
        Self { name, frames, about, actions: lines.collect() }
    }

    fn at(&self, side: Side) -> &[Frame] {
        &self.frames[side as usize]
    }

    fn count(&self, point: Side, to: Side) -> i64 {
        self.at(point).iter().filter(|frame| frame.to == to).count() as i64
    }

    /// What the server's clock shows, as a time of the client's.
    fn by_clients_clock(&self, time: Duration) -> i64 {
        let first = self.at(Side::Client)[0].time.as_nanos() as i64;
        let number = |key: &str| self.about[key].as_i64().expect("a number");
        let since = time.as_nanos() as i64 - number("offset_ns") - first;
        let slower = i128::from(since) * 1_000_000 / i128::from(1_000_000 + number("drift_ppm"));
        first + slower as i64
    }
}

fn frames(reader: BufReader<File>) -> Vec<Frame> {
    let mut reader = PcapNgReader::new(reader).expect("a pcapng file");
    let mut found = Vec::new();
    while let Some(block) = reader.next_block() {
        let (block, _) = block.expect("a whole block");
        if let Block::EnhancedPacket(packet) = block {
            let number = packet.data[5];
            let to = Side::BOTH.into_iter().find(|side| side.number() == number);
            let to = to.expect("Ethernet addresses end with the host's number");
            let header = Packet::of(packet.data.to_vec()).map(|packet| packet.header());
            found.push(Frame { time: packet.timestamp, to, header });
        }
    }
    found
}

fn side(name: &Value) -> Side {
    let found = Side::BOTH.into_iter().find(|side| name == side.name());
    found.unwrap_or_else(|| panic!("{name} is no side"))
}

/// Whether a frame has the segment that an action is about, or a larger one that was cut into it.
fn has(header: &Header, action: &Value) -> bool {
    let number = |key: &str| action[key].as_u64().expect("a number") as u32;
    let before = number("seq").wrapping_sub(header.sequence) as usize;
    let cut = header.data > 1460
        && action["source"] == header.source.to_string()
        && action["destination"] == header.destination.to_string()
        && before + number("len") as usize <= header.data;
    cut || is(header, action)
}

/// Whether a frame has the segment that an action is about.
fn is(header: &Header, action: &Value) -> bool {
    action["source"] == header.source.to_string()
        && action["destination"] == header.destination.to_string()
        && action["flags"] == header.letters()
        && action["seq"] == header.sequence
        && action["ack"] == header.acknowledgment
        && action["len"] == header.data
        && action["ip_id"] == serde_json::json!(header.ip_id)
}

fn all() -> impl Iterator<Item = Committed> {
    scenarios::all().map(|pair| Committed::read(pair.name))
}

#[test]
fn the_points_differ_by_what_the_router_did() {
    let balance: HashMap<_, _> = Done::ALL.map(|done| (done.name(), done.balance())).into();
    for pair in all() {
        for to in Side::BOTH {
            let there = pair.actions.iter().filter(|action| side(&action["to"]) == to);
            let sum: i64 = there.map(|it| balance[it["action"].as_str().expect("a name")]).sum();
            let difference = pair.count(to, to) - pair.count(to.peer(), to);
            assert_eq!(difference, sum, "{}, to the {}", pair.name, to.name());
        }
    }
}

#[test]
fn each_action_is_about_a_frame() {
    for pair in all() {
        for action in pair.actions.iter().filter(|action| action["flags"] != "ICMP") {
            let to = side(&action["to"]);
            // A segment that the router made is only where it went to.
            let made = matches!(action["action"].as_str(), Some("answered" | "injected"));
            let point = if made { to } else { to.peer() };
            let here = pair.at(point).iter().filter(|frame| frame.to == to);
            let found =
                here.filter(|frame| frame.header.as_ref().is_some_and(|it| has(it, action)));
            let times: Vec<i64> = found
                .map(|frame| match point {
                    Side::Client => frame.time.as_nanos() as i64,
                    Side::Server => pair.by_clients_clock(frame.time),
                })
                .collect();
            assert!(!times.is_empty(), "{}: no frame for {action}", pair.name);
            // The log's clock is the client's: so offset and drift are right too.
            let at = action["at_ns"].as_i64().expect("a time");
            let nearest = times.iter().map(|time| (time - at).abs()).min().unwrap_or(i64::MAX);
            assert!(nearest < 50_000_000, "{}: {nearest} ns away: {action}", pair.name);
        }
    }
}

#[test]
fn lost_segments_are_missing_at_the_other_point() {
    for pair in all() {
        let connections = pair.about["connections"].as_array().expect("a list");
        for action in pair.actions.iter().filter(|action| action["action"] == "lost") {
            let connection =
                &connections[action["connection"].as_u64().expect("a number") as usize];
            if connection["translated"] == true || connection["changed"] != serde_json::json!([]) {
                continue;
            }
            let to = side(&action["to"]);
            let count = |point: Side| {
                let here = pair.at(point).iter().filter(|frame| frame.to == to);
                here.filter(|frame| frame.header.as_ref().is_some_and(|it| has(it, action))).count()
            };
            assert!(count(to) < count(to.peer()), "{}: it arrived: {action}", pair.name);
        }
    }
}

#[test]
fn connections_have_their_ends_at_both_points() {
    for pair in all() {
        for connection in pair.about["connections"].as_array().expect("a list") {
            for (point, client, server) in
                [(Side::Client, "client", "server"), (Side::Server, "client_b", "server_b")]
            {
                let here = pair.at(point).iter().filter_map(|frame| frame.header.as_ref());
                let found = here.filter(|header| {
                    connection[client] == header.source.to_string()
                        && connection[server] == header.destination.to_string()
                });
                let path = connection["path"].as_str().expect("a name");
                let arrives = !["one_point", "syn_lost", "answered_on_the_way"].contains(&path);
                let wanted = arrives || point == Side::Client;
                assert_eq!(found.count() > 0, wanted, "{}: {connection}", pair.name);
            }
        }
    }
}

#[test]
fn no_segment_arrives_before_it_left() {
    for pair in all() {
        let renumbered = pair.about.to_string().contains(r#""sequence""#)
            || pair.about.to_string().contains(r#""proxied""#);
        let mut seen: HashMap<_, [Vec<i64>; 2]> = HashMap::new();
        for point in Side::BOTH {
            for frame in pair.at(point) {
                let Some(header) = &frame.header else { continue };
                // Without its numbers, only its IP identification tells a segment.
                if renumbered && header.ip_id == Some(0) {
                    continue;
                }
                let numbers = (!renumbered).then_some((header.sequence, header.acknowledgment));
                let time = match point {
                    Side::Client => frame.time.as_nanos() as i64,
                    Side::Server => pair.by_clients_clock(frame.time),
                };
                let key = (frame.to, header.flags, header.data, header.ip_id, numbers);
                seen.entry(key).or_default()[point as usize].push(time);
            }
        }
        let mut compared = 0;
        for ((to, ..), times) in &seen {
            // Only those with one copy at each point are surely the same.
            let [&[at_client], &[at_server]] = times.each_ref().map(Vec::as_slice) else {
                continue;
            };
            let way =
                if *to == Side::Server { at_server - at_client } else { at_client - at_server };
            assert!((0..250_000_000).contains(&way), "{}: {way} ns on the way", pair.name);
            compared += 1;
        }
        assert!(compared > 3 || pair.name == "refused", "{}: {compared} compared", pair.name);
    }
}
