//! Captures made to measure with: as many packets as wanted, of a known kind, the same every time.
//!
//! Written as they are made, so a capture may be far larger than memory. Addresses are those of
//! RFC 2544 and of private networks; checksums of TCP are left 0, as with offload.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::net::Ipv4Addr;
use std::path::Path;

use crate::pcap;
use crate::wireshark::about;

/// What a capture is full of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Short connections, about one in five of them failing; 6.5 packets each.
    Handshakes,
    /// Long connections that carry data; 48 packets and 36 KB each.
    Data,
    /// Connections that are all open at once: a SYN of each, then a SYN/ACK of each, and so on.
    Concurrent,
    /// SYNs from everywhere that nobody answers.
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
pub fn write(file: &Path, kind: Kind, connections: u32) -> Result<u64, String> {
    let failed = |error| about(file, &error);
    let output = File::create(file).map_err(failed)?;
    let mut writer = Writer { output: BufWriter::with_capacity(1 << 20, output), packets: 0 };
    writer.output.write_all(&pcap::file_header()).map_err(failed)?;
    let written = match kind {
        Kind::Handshakes => writer.staggered(connections, 500_000, short),
        Kind::Data => writer.staggered(connections, 3_000_000, long),
        Kind::Concurrent => writer.concurrent(connections),
        Kind::Flood => writer.flood(connections),
    };
    written.and_then(|()| writer.output.flush()).map_err(failed)?;
    Ok(writer.packets)
}

const START_NS: u64 = 1_700_000_000_000_000_000;
const MS: u64 = 1_000_000;

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const PSH: u8 = 0x08;
const ACK: u8 = 0x10;

/// One segment of a connection, in the terms of the connection.
struct Step {
    /// Since the step before it.
    after_ns: u64,
    from_client: bool,
    flags: u8,
    payload: usize,
}

fn step(after_ns: u64, from_client: bool, flags: u8, payload: usize) -> Step {
    Step { after_ns, from_client, flags, payload }
}

/// Step `number` of a short connection.
fn short(connection: u32, number: u32) -> Option<Step> {
    let mut random = Random::of(connection);
    let rtt = MS * (1 + random.below(60));
    let fate = random.below(100);
    if fate < 7 {
        // Nobody answers.
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
}

struct Writer {
    output: BufWriter<File>,
    packets: u64,
}

impl Writer {
    /// Connections that begin one after the other, every `interval_ns`, and overlap.
    fn staggered(
        &mut self,
        connections: u32,
        interval_ns: u64,
        steps: fn(u32, u32) -> Option<Step>,
    ) -> std::io::Result<()> {
        // By time, then by connection.
        let mut due: BinaryHeap<Reverse<(u64, u32)>> = BinaryHeap::new();
        let mut open = std::collections::HashMap::new();
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
                self.step(time_ns, conversation, &step)?;
            }
            match steps(connection, conversation.next) {
                Some(following) => due.push(Reverse((time_ns + following.after_ns, connection))),
                None => drop(open.remove(&connection)),
            }
        }
    }

    /// The steps of a connection with data, each for all connections before the next.
    fn concurrent(&mut self, connections: u32) -> std::io::Result<()> {
        // Little payload: millions of connections are wanted.
        let long = |connection, number| {
            let step = long(connection, number)?;
            Some(Step { payload: step.payload.min(16), ..step })
        };
        let mut time_ns = START_NS;
        let mut number = 0;
        while let Some(step) = long(0, number) {
            // Ten segments of payload are enough.
            if !(14..45).contains(&number) {
                for connection in 0..connections {
                    // What went before follows from the number of the step.
                    let mut conversation = Conversation::new(connection);
                    for earlier in (0..number).filter(|earlier| !(14..45).contains(earlier)) {
                        let Some(step) = long(0, earlier) else { continue };
                        advance(&mut conversation, &step);
                    }
                    time_ns += 2_000;
                    self.step(time_ns, &mut conversation, &step)?;
                }
            }
            number += 1;
        }
        Ok(())
    }

    fn flood(&mut self, connections: u32) -> std::io::Result<()> {
        for connection in 0..connections {
            let time_ns = START_NS + u64::from(connection) * 1_000;
            let mut conversation = Conversation::new(connection);
            self.step(time_ns, &mut conversation, &step(0, true, SYN, 0))?;
        }
        Ok(())
    }

    fn step(
        &mut self,
        time_ns: u64,
        conversation: &mut Conversation,
        step: &Step,
    ) -> std::io::Result<()> {
        let frame = frame(time_ns, conversation, step);
        advance(conversation, step);
        self.packets += 1;
        self.output.write_all(&pcap::record_header(time_ns, frame.len()))?;
        self.output.write_all(&frame)
    }
}

fn advance(conversation: &mut Conversation, step: &Step) {
    let syn_or_fin = u32::from(step.flags & (SYN | FIN) != 0);
    let number = &mut conversation.numbers[usize::from(!step.from_client)];
    // A refusal and a SYN sent again take nothing up.
    let repeated = step.flags == SYN && conversation.next > 0;
    if step.flags & RST == 0 && !repeated {
        *number = number.wrapping_add(step.payload as u32 + syn_or_fin);
    }
    conversation.next += 1;
}

/// The Ethernet frame of a segment, with the options that Linux sends.
fn frame(time_ns: u64, conversation: &Conversation, step: &Step) -> Vec<u8> {
    let connection = conversation.connection;
    let client = Ipv4Addr::from(0x0a00_0000 | connection & 0x00ff_ffff);
    let server = Ipv4Addr::from(0xc612_0000 | (connection.wrapping_mul(7) % 4_000));
    let client_port = 32_768 + (connection >> 8).wrapping_mul(31) as u16 % 28_000;
    let server_port = [80, 443, 22, 3_306][connection as usize % 4];
    let mut numbers = conversation.numbers;
    if step.flags == SYN && conversation.next > 0 {
        numbers[0] = numbers[0].wrapping_sub(1);
    }
    let [own, other] = if step.from_client { numbers } else { [numbers[1], numbers[0]] };
    let milliseconds = (time_ns / MS) as u32;
    let mut options = Vec::with_capacity(20);
    if step.flags & RST != 0 {
    } else if step.flags & SYN != 0 {
        options.extend([2, 4, 0x05, 0xb4, 4, 2, 8, 10]);
        options.extend(milliseconds.to_be_bytes());
        options.extend(if step.flags & ACK != 0 { milliseconds } else { 0 }.to_be_bytes());
        options.extend([1, 3, 3, 7]);
    } else {
        options.extend([1, 1, 8, 10]);
        options.extend(milliseconds.to_be_bytes());
        options.extend(milliseconds.to_be_bytes());
    }
    let tcp_octets = 20 + options.len() + step.payload;

    let mut frame = Vec::with_capacity(pcap::ETHERNET + 20 + tcp_octets);
    frame.extend([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x00]);
    // As Linux: 0 for a SYN/ACK, and otherwise none twice, that of a SYN sent again neither.
    let identification = if step.flags & SYN != 0 && step.flags & ACK != 0 {
        0
    } else {
        1 + (connection.wrapping_add(conversation.next) % 0xffff) as u16
    };
    let ip = frame.len();
    frame.extend([0x45, 0]);
    frame.extend((20 + tcp_octets as u16).to_be_bytes());
    frame.extend(identification.to_be_bytes());
    frame.extend([0x40, 0, 64, 6, 0, 0]);
    let addresses = if step.from_client { [client, server] } else { [server, client] };
    addresses.iter().for_each(|address| frame.extend(address.octets()));
    let sum = pcap::checksum(0, &frame[ip..]);
    frame[ip + 10..ip + 12].copy_from_slice(&sum.to_be_bytes());

    let ports =
        if step.from_client { [client_port, server_port] } else { [server_port, client_port] };
    ports.iter().for_each(|port| frame.extend(port.to_be_bytes()));
    // A refusal has no number of its own.
    frame.extend(if step.flags & RST != 0 { 0 } else { own }.to_be_bytes());
    frame.extend(if step.flags & ACK != 0 { other } else { 0 }.to_be_bytes());
    frame.extend([((20 + options.len()) << 2) as u8, step.flags]);
    frame.extend([0xfa, 0xf0, 0, 0, 0, 0]); // window, checksum, urgent pointer
    frame.extend(&options);
    frame.resize(frame.len() + step.payload, b'.');
    frame
}

/// Xorshift: the same numbers every time.
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
