//! Compares what the engine says of a capture with what the kernels said meanwhile.

use std::collections::BTreeMap;

use dissector_core::capture::{Capture, Packet};
use dissector_core::connection::Role;
use dissector_core::{ConnectionTable, Segment};
use testkit::kernel::{Connection, Recording, Side};
use tests::kernel::Contradiction;

/// The states of a connection from one segment to the next.
#[derive(Clone, Copy, Debug)]
struct Shown {
    time_ns: u64,
    /// By side: the state, and whether it is proven.
    ends: [(&'static str, bool); 2],
}

/// How often the two said the same, and where they did not.
#[derive(Debug, Default)]
pub struct Comparison {
    /// Proven states and moments at which they were compared.
    pub proven: usize,
    /// Assumed states that were compared, and those of them that were right.
    pub assumed: usize,
    pub assumed_right: usize,
    /// Proven, but not true, and where.
    pub wrong: BTreeMap<Contradiction, String>,
    /// By number of the connection.
    pub outcomes: Vec<String>,
}

/// A sample counts if nothing was under way for so long before it and after it.
const BEFORE_NS: u64 = 25_000_000;
const AFTER_NS: u64 = 15_000_000;

/// A difference counts if so many samples show it from one packet to the next.
const SAMPLES: usize = 2;

/// Follows such a capture, and compares wherever it has the latest packet.
pub fn compare(recording: &Recording, has: &[bool]) -> Comparison {
    let mut comparison = Comparison::default();
    let shown = follow(&recording.capture(has), &mut comparison.outcomes);
    let mut differences: BTreeMap<(Connection, u64, Contradiction), usize> = BTreeMap::new();
    for sample in &recording.samples {
        let next = recording.busy_ns.partition_point(|busy| *busy <= sample.time_ns);
        let Some(before) = next.checked_sub(1).map(|last| recording.busy_ns[last]) else {
            continue;
        };
        let after = recording.busy_ns.get(next).copied().unwrap_or(u64::MAX);
        if sample.time_ns < before + BEFORE_NS || sample.time_ns + AFTER_NS > after {
            continue;
        }
        let latest = recording.packets.iter().zip(has).rfind(|(packet, _)| {
            packet.connection == Some(sample.connection) && packet.time_ns <= sample.time_ns
        });
        if latest.is_none_or(|(_, has)| !has) {
            continue;
        }
        let Some(shown) = shown.get(&sample.connection) else { continue };
        let Some(last) = shown.partition_point(|row| row.time_ns <= sample.time_ns).checked_sub(1)
        else {
            continue;
        };
        for side in Side::BOTH {
            let (state, proven) = shown[last].ends[side as usize];
            let kernel = sample.states[side as usize];
            if !proven {
                comparison.assumed += 1;
                comparison.assumed_right += usize::from(state == kernel);
                continue;
            }
            comparison.proven += 1;
            if state == kernel {
                continue;
            }
            let (proven, kernel) = (state.to_owned(), kernel.to_owned());
            let contradiction = Contradiction { side, proven, kernel };
            let start = recording.packets.first().map_or(0, |packet| packet.time_ns);
            let at = |time: u64| time.saturating_sub(start) as f64 / 1e9;
            let ports = sample.connection;
            let place = format!(
                "port {}, {:.3} s: the client is {}, the server {}; the last packet was at {:.3} s",
                ports.client,
                at(sample.time_ns),
                sample.states[0],
                sample.states[1],
                at(shown[last].time_ns),
            );
            let key = (sample.connection, before, contradiction.clone());
            let times = differences.entry(key).or_default();
            *times += 1;
            if *times >= SAMPLES {
                comparison.wrong.entry(contradiction).or_insert(place);
            }
        }
    }
    comparison
}

/// The states after each segment, by connection, and the outcomes.
fn follow(capture: &[u8], outcomes: &mut Vec<String>) -> BTreeMap<Connection, Vec<Shown>> {
    let mut table = ConnectionTable::new();
    let mut shown: BTreeMap<Connection, Vec<Shown>> = BTreeMap::new();
    let mut reader = Capture::new(capture).expect("the capture was just written");
    while let Some(packet) = reader.next_packet().expect("the capture was just written") {
        match packet {
            Packet::Segment(segment) => {
                let seen = table.observe(&segment);
                let from = sender(&segment);
                let client_sent = seen.sender == Role::Client;
                let ends = |states: dissector_core::connection::States| {
                    (states.after().label(), states.proven())
                };
                let [own, peer] = if client_sent {
                    [ends(seen.client), ends(seen.server)]
                } else {
                    [ends(seen.server), ends(seen.client)]
                };
                let (source, destination) = (segment.tcp.source_port, segment.tcp.destination_port);
                let (connection, ends) = match from {
                    Side::Client => {
                        (Connection { client: source, server: destination }, [own, peer])
                    }
                    Side::Server => {
                        (Connection { client: destination, server: source }, [peer, own])
                    }
                };
                let time_ns = segment.packet.time_ns as u64;
                shown.entry(connection).or_default().push(Shown { time_ns, ends });
            }
            Packet::IcmpError(error) => drop(table.observe_icmp(&error)),
            _ => {}
        }
    }
    let outcome = |connection| table.outcome(connection).to_string();
    *outcomes = table.connections().map(outcome).collect();
    shown
}

fn sender(segment: &Segment<'_>) -> Side {
    if segment.packet.source == Side::Client.address() { Side::Client } else { Side::Server }
}
