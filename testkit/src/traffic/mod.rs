//! Captures made for measurements: as many packets as wanted, of a known kind, the same every time.
//!
//! They are written while they are made, so a capture may be far larger than memory. Addresses are
//! those of RFC 2544 and of private networks; TCP checksums are left 0, as with offload.

mod exchanges;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::{Context, Result};

use crate::capture::PcapFile;
use crate::packet::{ACK, Checksum, ETHERNET, FIN, PSH, RST, SYN, TcpPacket};

pub use exchanges::write_exchanges;

/// The kind of connections in a capture.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Short connections, about one in five of them failing; 6.5 packets each.
    Handshakes,
    /// Long connections that carry data; 48 packets and 36 KB each.
    Data,
    /// Connections that are all open at once: a SYN of each, then a SYN/ACK of each, and so on.
    Concurrent,
    /// SYNs from many addresses, none of them answered.
    Flood,
}

impl Kind {
    /// Every kind with the name that the command line has for it.
    pub const ALL: [(&'static str, Self); 4] = [
        ("handshakes", Self::Handshakes),
        ("data", Self::Data),
        ("concurrent", Self::Concurrent),
        ("flood", Self::Flood),
    ];

    /// The kind of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
    }
}

/// Writes a capture with this many connections; gives the number of packets.
///
/// # Errors
/// One sentence that names the file, where it cannot be written.
pub fn write(file: &Path, kind: Kind, connections: u32) -> Result<u64> {
    let mut capture = PcapFile::create(ETHERNET, file)?;
    let written = match kind {
        Kind::Handshakes => staggered(&mut capture, connections, 500_000, short),
        Kind::Data => staggered(&mut capture, connections, 3_000_000, long),
        Kind::Concurrent => concurrent(&mut capture, connections),
        Kind::Flood => flood(&mut capture, connections),
    };
    written.and_then(|()| capture.finish()).with_context(|| file.display().to_string())
}

const START_NS: u64 = 1_700_000_000_000_000_000;
const MS: u64 = 1_000_000;

/// One segment of a connection, in the terms of the connection.
struct Step {
    /// Since the step before it.
    after_ns: u64,
    from_client: bool,
    flags: u16,
    payload: usize,
}

fn step(after_ns: u64, from_client: bool, flags: u16, payload: usize) -> Step {
    Step { after_ns, from_client, flags, payload }
}

/// Step `number` of a short connection.
fn short(connection: u32, number: u32) -> Option<Step> {
    let mut random = Random::of(connection);
    let rtt = MS * (1 + random.below(60));
    let fate = random.below(100);
    if fate < 7 {
        // No answer.
        return match number {
            0 => Some(step(0, true, SYN, 0)),
            1..=3 => Some(step((1_000 * MS) << (number - 1), true, SYN, 0)),
            _ => None,
        };
    }
    if fate < 20 {
        return match number {
            0 => Some(step(0, true, SYN, 0)),
            1 => Some(step(rtt, false, RST | ACK, 0)),
            _ => None,
        };
    }
    let payloads = if random.below(4) == 0 { 0 } else { 2 };
    match number {
        0 => Some(step(0, true, SYN, 0)),
        1 => Some(step(rtt, false, SYN | ACK, 0)),
        2 => Some(step(rtt / 10, true, ACK, 0)),
        3 if payloads > 0 => Some(step(MS, true, PSH | ACK, 40)),
        4 if payloads > 0 => Some(step(rtt, false, PSH | ACK, 60)),
        _ => close(number - 3 - payloads, rtt),
    }
}

/// Step `number` of a long connection.
fn long(connection: u32, number: u32) -> Option<Step> {
    const DATA: u32 = 42;
    let rtt = MS * (1 + Random::of(connection).below(60));
    match number {
        0 => Some(step(0, true, SYN, 0)),
        1 => Some(step(rtt, false, SYN | ACK, 0)),
        2 => Some(step(rtt / 10, true, ACK, 0)),
        3 => Some(step(MS, true, PSH | ACK, 300)),
        4..=44 if number.is_multiple_of(3) => Some(step(rtt / 20, true, ACK, 0)),
        4..=44 => Some(step(rtt / 20, false, PSH | ACK, 1_300)),
        _ => close(number - 3 - DATA, rtt),
    }
}

/// Step `number` of a close by the client.
fn close(number: u32, rtt: u64) -> Option<Step> {
    match number {
        0 => Some(step(MS, true, FIN | ACK, 0)),
        1 => Some(step(rtt, false, FIN | ACK, 0)),
        2 => Some(step(rtt / 10, true, ACK, 0)),
        _ => None,
    }
}

/// A connection with segments still to be written.
struct Conversation {
    connection: u32,
    next: u32,
    /// Next sequence number of client and server.
    numbers: [u32; 2],
}

impl Conversation {
    fn new(connection: u32) -> Self {
        let mut random = Random::of(!connection);
        Self { connection, next: 0, numbers: [random.next() as u32, random.next() as u32] }
    }

    /// Counts a step that has been sent.
    fn advance(&mut self, step: &Step) {
        let syn_or_fin = u32::from(step.flags & (SYN | FIN) != 0);
        let number = &mut self.numbers[usize::from(!step.from_client)];
        // A refusal and a retransmitted SYN use no sequence numbers.
        let repeated = step.flags == SYN && self.next > 0;
        if step.flags & RST == 0 && !repeated {
            *number = number.wrapping_add(step.payload as u32 + syn_or_fin);
        }
        self.next += 1;
    }

    /// Writes the segment of a step, with the options that Linux sends, and counts it.
    fn send(&mut self, capture: &mut PcapFile, time_ns: u64, step: &Step) -> Result<()> {
        let connection = self.connection;
        let is = |flag: u16| step.flags & flag != 0;
        let client = (
            Ipv4Addr::from(0x0a00_0000 | connection & 0x00ff_ffff),
            32_768 + (connection >> 8).wrapping_mul(31) as u16 % 28_000,
        );
        let server = (
            Ipv4Addr::from(0xc612_0000 | (connection.wrapping_mul(7) % 4_000)),
            [80, 443, 22, 3_306][connection as usize % 4],
        );
        let mut numbers = self.numbers;
        if step.flags == SYN && self.next > 0 {
            numbers[0] = numbers[0].wrapping_sub(1);
        }
        let [own, other] = if step.from_client { numbers } else { [numbers[1], numbers[0]] };
        let [source, destination] =
            if step.from_client { [client, server] } else { [server, client] };
        let milliseconds = ((time_ns / MS) as u32).to_be_bytes();
        let echoed = if is(ACK) { milliseconds } else { [0; 4] };
        let options = if is(RST) {
            Vec::new()
        } else if is(SYN) {
            // MSS 1460, SACK permitted, timestamps, window scale 7.
            [&[2, 4, 5, 0xb4, 4, 2, 8, 10], &milliseconds[..], &echoed, &[1, 3, 3, 7]].concat()
        } else {
            [&[1, 1, 8, 10], &milliseconds[..], &echoed].concat()
        };
        // As Linux does it: 0 for a SYN/ACK; every other value occurs only once, even in a
        // retransmitted SYN.
        let identification = match is(SYN) && is(ACK) {
            true => 0,
            false => 1 + (connection.wrapping_add(self.next) % 0xffff) as u16,
        };
        let packet = TcpPacket {
            ip_id: Some(identification),
            // A refusal has no sequence number of its own.
            sequence: if is(RST) { 0 } else { own },
            acknowledgment: if is(ACK) { other } else { 0 },
            flags: step.flags,
            window: 0xfaf0,
            options,
            payload: vec![b'.'; step.payload],
            checksum: Checksum::Given(0),
            ..TcpPacket::between(source, destination)
        };
        self.advance(step);
        capture.push(time_ns, &packet.ethernet())
    }
}

/// Connections that begin one after the other, every `interval_ns`, and overlap.
fn staggered(
    capture: &mut PcapFile,
    connections: u32,
    interval_ns: u64,
    steps: fn(u32, u32) -> Option<Step>,
) -> Result<()> {
    // By time, then by connection.
    let mut due: BinaryHeap<Reverse<(u64, u32)>> = BinaryHeap::new();
    let mut open = HashMap::new();
    let mut begun = 0;
    loop {
        let begins_ns = START_NS + u64::from(begun) * interval_ns;
        let next = due.peek().map(|Reverse((time_ns, _))| *time_ns);
        if begun < connections && next.is_none_or(|time_ns| begins_ns <= time_ns) {
            open.insert(begun, Conversation::new(begun));
            due.push(Reverse((begins_ns, begun)));
            begun += 1;
            continue;
        }
        let Some(Reverse((time_ns, connection))) = due.pop() else { return Ok(()) };
        let Some(conversation) = open.get_mut(&connection) else { continue };
        if let Some(step) = steps(connection, conversation.next) {
            conversation.send(capture, time_ns, &step)?;
        }
        match steps(connection, conversation.next) {
            Some(following) => due.push(Reverse((time_ns + following.after_ns, connection))),
            None => drop(open.remove(&connection)),
        }
    }
}

/// The steps of a connection with data, each for all connections before the next.
fn concurrent(capture: &mut PcapFile, connections: u32) -> Result<()> {
    // Ten segments with data are enough, and little payload in each: there may be millions of
    // connections.
    let steps: Vec<Step> = (0..)
        .map_while(|number| Some((number, long(0, number)?)))
        .filter(|(number, _)| !(14..45).contains(number))
        .map(|(_, step)| Step { payload: step.payload.min(16), ..step })
        .collect();
    let mut time_ns = START_NS;
    for (number, step) in steps.iter().enumerate() {
        for connection in 0..connections {
            // The sequence numbers follow from the steps before.
            let mut conversation = Conversation::new(connection);
            steps[..number].iter().for_each(|earlier| conversation.advance(earlier));
            time_ns += 2_000;
            conversation.send(capture, time_ns, step)?;
        }
    }
    Ok(())
}

fn flood(capture: &mut PcapFile, connections: u32) -> Result<()> {
    for connection in 0..connections {
        let time_ns = START_NS + u64::from(connection) * 1_000;
        Conversation::new(connection).send(capture, time_ns, &step(0, true, SYN, 0))?;
    }
    Ok(())
}

/// Xorshift. No other generator may take its place: figures and limits of many measurements belong
/// to the captures that it makes.
struct Random(u64);

impl Random {
    fn of(seed: u32) -> Self {
        let mut random = Self(u64::from(seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        random.next();
        random.next();
        random
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 8
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kinds_have_the_packets_they_promise() {
        let folder = std::env::temp_dir().join(format!("tcphs-traffic-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        for (name, kind, connections, packets) in [
            ("handshakes", Kind::Handshakes, 1_000, 6_000..7_000),
            ("data", Kind::Data, 100, 4_800..4_801),
            ("concurrent", Kind::Concurrent, 100, 1_700..1_701),
            ("flood", Kind::Flood, 1_000, 1_000..1_001),
        ] {
            let written = write(&folder.join(name), kind, connections).expect("it is written");
            assert!(packets.contains(&written), "{name}: {written}");
        }
        std::fs::remove_dir_all(&folder).expect("the folder goes");
    }
}
