//! A segment while it is being described, and on the wire.

use std::net::IpAddr;

use dissector_core::connection::{Finding, Repeat, RstReason, Stage};
use dissector_core::wire::TcpFlags;

use super::end::End;
use super::{Captured, MS, STEP_NS, Script, Seen, US};

/// One TCP option.
#[derive(Clone)]
enum Opt {
    Octets(Vec<u8>),
    /// `None` until the segment is sent, or where the case says what it holds.
    Timestamps(Option<u32>, Option<u32>),
}

/// A segment as it is on the wire.
#[derive(Clone)]
pub struct Wire {
    pub flags: TcpFlags,
    pub sequence: u32,
    pub acknowledgment: u32,
    pub payload: usize,
    pub ttl: u8,
    pub ip_id: u16,
    /// Only the headers are captured.
    pub snapped: bool,
    /// Time the tap notes, where it is not the time of the script.
    pub recorded_ns: Option<i64>,
    window: u16,
    damage: u16,
    options: Vec<Opt>,
}

impl Wire {
    pub fn new(flags: TcpFlags, sequence: u32, window: u16, ttl: u8, ip_id: u16) -> Self {
        Self {
            flags,
            sequence,
            acknowledgment: 0,
            payload: 0,
            ttl,
            ip_id,
            snapped: false,
            recorded_ns: None,
            window,
            damage: 0,
            options: Vec::new(),
        }
    }

    /// Adds timestamps, to be filled in on sending.
    pub fn stamp(&mut self) {
        self.options.push(Opt::Timestamps(None, None));
    }

    /// The number that follows it.
    pub fn end(&self) -> u32 {
        let controls = (self.flags & (TcpFlags::SYN | TcpFlags::FIN)).bits().count_ones();
        self.sequence.wrapping_add(self.payload as u32 + controls)
    }

    /// Its timestamp and the one it echoes.
    pub fn timestamps(&self) -> Option<(u32, u32)> {
        self.options.iter().find_map(|option| match option {
            Opt::Timestamps(value, echo) => Some((value.unwrap_or(0), echo.unwrap_or(0))),
            Opt::Octets(_) => None,
        })
    }

    /// Header, options and payload, with a checksum that is right unless damaged.
    pub fn octets(&self, source: &End, destination: &End) -> Vec<u8> {
        let mut options = Vec::new();
        for option in &self.options {
            match option {
                Opt::Octets(octets) => options.extend_from_slice(octets),
                Opt::Timestamps(value, echo) => {
                    options.extend([8, 10]);
                    options.extend(value.unwrap_or(0).to_be_bytes());
                    options.extend(echo.unwrap_or(0).to_be_bytes());
                }
            }
        }
        options.resize(options.len().next_multiple_of(4), 1);
        let offset = (5 + options.len() / 4) as u16;

        let mut octets = Vec::new();
        octets.extend(source.port.to_be_bytes());
        octets.extend(destination.port.to_be_bytes());
        octets.extend(self.sequence.to_be_bytes());
        octets.extend(self.acknowledgment.to_be_bytes());
        octets.extend((offset << 12 | self.flags.bits()).to_be_bytes());
        octets.extend(self.window.to_be_bytes());
        octets.extend([0; 4]);
        octets.extend(options);
        octets.resize(octets.len() + self.payload, b'x');
        let sum = checksum(source.address, destination.address, &octets) ^ self.damage;
        octets[16..18].copy_from_slice(&sum.to_be_bytes());
        octets
    }
}

/// An ICMP message that quotes the IP header and the first 8 octets of a TCP segment.
pub fn icmp_error(kind: u8, code: u8, source: &End, destination: &End, sequence: u32) -> Vec<u8> {
    let mut octets = vec![kind, code, 0, 0, 0, 0, 0, 0];
    match (source.address, destination.address) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            octets.extend([0x45, 0, 0, 40, 0, 1, 0, 0, 63, 6, 0, 0]);
            octets.extend([from.octets(), to.octets()].concat());
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            octets.extend([0x60, 0, 0, 0, 0, 20, 6, 63]);
            octets.extend([from.octets(), to.octets()].concat());
        }
        _ => unreachable!("both ends are of one family"),
    }
    octets.extend(source.port.to_be_bytes());
    octets.extend(destination.port.to_be_bytes());
    octets.extend(sequence.to_be_bytes());
    octets
}

fn checksum(source: IpAddr, destination: IpAddr, segment: &[u8]) -> u16 {
    let address = |address| match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    };
    let parts = [&address(source)[..], &address(destination), segment];
    let words = parts.iter().flat_map(|part| part.chunks(2));
    let mut sum = 6 + segment.len() as u32;
    sum += words
        .map(|word| u32::from(word[0]) << 8 | u32::from(*word.get(1).unwrap_or(&0)))
        .sum::<u32>();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// A segment while it is being described. It is sent when the statement ends.
pub struct Draft<'a> {
    script: &'a mut Script,
    from: usize,
    wire: Wire,
    step_ns: i64,
    captured: bool,
    delivered: bool,
    held: bool,
    /// Not sent by the end: the tap saw it once more.
    mirrored: bool,
    sent: bool,
}

impl<'a> Draft<'a> {
    pub fn new(script: &'a mut Script, from: usize, wire: Wire) -> Self {
        let captured = match script.captured {
            Captured::Both => true,
            Captured::Only(end) => end == from,
        };
        Self {
            script,
            from,
            wire,
            step_ns: STEP_NS,
            captured,
            delivered: true,
            held: false,
            mirrored: false,
            sent: false,
        }
    }

    pub fn mirrored(script: &'a mut Script, from: usize, wire: Wire) -> Self {
        let mut draft = Self::new(script, from, wire);
        draft.mirrored = true;
        draft.step_ns = 10 * US;
        draft
    }

    pub fn repeat(script: &'a mut Script, from: usize, wire: Wire) -> Self {
        let end = &script.ends[from];
        let mut again = Wire { ip_id: end.ip_id, recorded_ns: None, snapped: false, ..wire };
        if again.flags.contains(TcpFlags::ACK) {
            again.acknowledgment = end.expected;
        }
        for option in &mut again.options {
            if let Opt::Timestamps(value, echo) = option {
                (*value, *echo) = (None, None);
            }
        }
        Self::new(script, from, again)
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn option(self, kind: u8, value: &[u8]) -> Self {
        let mut octets = vec![kind, value.len() as u8 + 2];
        octets.extend_from_slice(value);
        self.with(|draft| draft.wire.options.push(Opt::Octets(octets)))
    }

    pub fn mss(self, octets: u16) -> Self {
        self.option(2, &octets.to_be_bytes())
    }

    /// Window scale.
    pub fn ws(self, shift: u8) -> Self {
        self.option(3, &[shift])
    }

    /// Selective acknowledgments permitted.
    pub fn sack(self) -> Self {
        self.option(4, &[])
    }

    /// Timestamps: the time of the script, and what came from the peer last.
    pub fn ts(self) -> Self {
        self.with(|draft| draft.wire.stamp())
    }

    pub fn ts_if(self, wanted: bool) -> Self {
        if wanted { self.ts() } else { self }
    }

    /// With this timestamp, and the last one that came from the peer.
    pub fn ts_value(self, value: u32) -> Self {
        self.with(|draft| draft.set_timestamps(Some(value), None))
    }

    /// Echoes this timestamp.
    pub fn ts_echo(self, echo: u32) -> Self {
        self.with(|draft| draft.set_timestamps(None, Some(echo)))
    }

    fn set_timestamps(&mut self, value: Option<u32>, echo: Option<u32>) {
        self.wire.options.retain(|option| matches!(option, Opt::Octets(_)));
        self.wire.options.push(Opt::Timestamps(value, echo));
    }

    pub fn without_options(self) -> Self {
        self.with(|draft| draft.wire.options.clear())
    }

    /// Fast Open: a cookie, or the request of one where it is empty.
    pub fn cookie(self, cookie: &[u8]) -> Self {
        self.option(34, cookie)
    }

    /// Multipath TCP: a new connection.
    pub fn mp_capable(self) -> Self {
        self.option(30, &[0x01, 0x81])
    }

    /// Multipath TCP: a further subflow; the three steps differ in length.
    pub fn mp_join(self) -> Self {
        let octets = match (self.wire.flags.contains(TcpFlags::SYN), self.wire.flags.bits() & 16) {
            (true, 0) => 10,
            (true, _) => 14,
            _ => 22,
        };
        self.option(30, &[&[0x10], &vec![7; octets - 1][..]].concat())
    }

    /// The three bits AE, CWR and ECE.
    pub fn ace(self, code: u16) -> Self {
        let bits = TcpFlags::from_bits(code << 6);
        let all = TcpFlags::AE | TcpFlags::CWR | TcpFlags::ECE;
        self.with(|draft| draft.wire.flags = draft.wire.flags.with(all, false) | bits)
    }

    pub fn urgent(self) -> Self {
        self.with(|draft| draft.wire.flags |= TcpFlags::URG)
    }

    pub fn carrying(self, octets: usize) -> Self {
        self.with(|draft| draft.wire.payload = octets)
    }

    /// Closes as well.
    pub fn and_fin(self) -> Self {
        self.with(|draft| draft.wire.flags |= TcpFlags::FIN)
    }

    /// Sequence number from the sender's first.
    pub fn seq(self, relative: u32) -> Self {
        let isn = self.script.ends[self.from].isn;
        self.raw_seq(isn.wrapping_add(relative))
    }

    /// Acknowledgment number from the peer's first.
    pub fn acking(self, relative: u32) -> Self {
        let isn = self.script.ends[1 - self.from].isn;
        self.raw_ack(isn.wrapping_add(relative))
    }

    pub fn raw_seq(self, sequence: u32) -> Self {
        self.with(|draft| draft.wire.sequence = sequence)
    }

    pub fn raw_ack(self, acknowledgment: u32) -> Self {
        self.with(|draft| draft.wire.acknowledgment = acknowledgment)
    }

    /// A SYN/ACK that takes so many octets of the SYN's data.
    pub fn taking(self, octets: u32) -> Self {
        let end = &mut self.script.ends[self.from];
        end.expected = end.expected.wrapping_add(octets);
        let expected = end.expected;
        self.raw_ack(expected)
    }

    pub fn window(self, window: u16) -> Self {
        self.with(|draft| draft.wire.window = window)
    }

    pub fn ttl(self, ttl: u8) -> Self {
        self.with(|draft| draft.wire.ttl = ttl)
    }

    pub fn ip_id(self, ip_id: u16) -> Self {
        self.with(|draft| draft.wire.ip_id = ip_id)
    }

    /// A checksum that is not right.
    pub fn damaged(self) -> Self {
        self.with(|draft| draft.wire.damage = 0x5555)
    }

    /// The capture holds its headers only.
    pub fn snapped(self) -> Self {
        self.with(|draft| draft.wire.snapped = true)
    }

    /// Time since the segment before.
    pub fn after_ms(self, ms: i64) -> Self {
        self.after_us(ms * 1000)
    }

    pub fn after_us(self, us: i64) -> Self {
        self.with(|draft| draft.step_ns = us * US)
    }

    /// The tap notes a time that lies this far back.
    pub fn noted_ms_ago(self, ms: i64) -> Self {
        self.with(|draft| {
            let now = draft.script.time_ns + draft.step_ns;
            draft.wire.recorded_ns = Some(now - ms * MS);
        })
    }

    /// Lost between the tap and the receiver.
    pub fn lost(self) -> Self {
        self.with(|draft| draft.delivered = false)
    }

    /// Arrives, but the tap misses it.
    pub fn uncaptured(self) -> Self {
        self.with(|draft| draft.captured = false)
    }

    /// The tap records it after the next segment.
    pub fn held(self) -> Self {
        self.with(|draft| draft.held = true)
    }

    /// Sends it, and checks what was said of it.
    #[track_caller]
    pub fn is(self, stage: Stage, client: &str, server: &str) -> Seen {
        self.sent().is(stage, client, server)
    }

    #[track_caller]
    pub fn stage(self, stage: Stage) -> Seen {
        self.sent().stage(stage)
    }

    #[track_caller]
    pub fn copy(self, copy: Repeat) -> Seen {
        self.sent().copy(copy)
    }

    #[track_caller]
    pub fn has(self, finding: Finding) -> Seen {
        self.sent().has(finding)
    }

    #[track_caller]
    pub fn lacks(self, finding: Finding) -> Seen {
        self.sent().lacks(finding)
    }

    #[track_caller]
    pub fn of_connection(self, id: u32) -> Seen {
        self.sent().of_connection(id)
    }

    #[track_caller]
    pub fn reason(self, reason: RstReason) -> Seen {
        self.sent().reason(reason)
    }

    /// Sends it.
    #[track_caller]
    pub fn sent(mut self) -> Seen {
        self.go().expect("the tap records it")
    }

    fn go(&mut self) -> Option<Seen> {
        self.sent = true;
        self.script.time_ns += self.step_ns;
        if !self.mirrored {
            self.leave();
        }
        if !self.captured {
            return None;
        }
        if self.held {
            self.script.held = Some((self.from, self.wire.clone()));
            return None;
        }
        let seen = self.script.record(self.from, &self.wire);
        if let Some((from, wire)) = self.script.held.take() {
            self.script.time_ns += US;
            self.script.record(from, &wire);
        }
        Some(Seen(seen))
    }

    /// Leaves the sender, and arrives unless lost.
    fn leave(&mut self) {
        let clock = self.script.clock_ms();
        let [client, server] = &mut self.script.ends;
        let (own, peer) = if self.from == 0 { (client, server) } else { (server, client) };
        let answers = self.wire.flags.contains(TcpFlags::ACK);
        for option in &mut self.wire.options {
            if let Opt::Timestamps(value, echo) = option {
                value.get_or_insert(clock);
                echo.get_or_insert(if answers { own.echo } else { 0 });
                own.timestamps = true;
            }
        }
        if self.wire.ip_id == own.ip_id {
            own.ip_id += 1;
        }
        let (start, end) = (self.wire.sequence, self.wire.end());
        let numbered = end != start && !self.wire.flags.contains(TcpFlags::RST);
        // A stray segment moves nothing.
        if numbered && start.wrapping_sub(own.next) as i32 <= 0 {
            own.last = Some(self.wire.clone());
            if end.wrapping_sub(own.next) as i32 > 0 {
                own.next = end;
            }
        }
        if self.delivered {
            peer.receive(&self.wire);
        }
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if !self.sent {
            self.go();
        }
    }
}

#[test]
fn the_octets_are_a_whole_segment_with_a_right_checksum() {
    let ends = [("10.0.0.1", 40_000), ("10.0.0.2", 80)]
        .map(|(address, port)| End::new(address.parse().unwrap(), port, 1000));
    let mut wire = Wire::new(TcpFlags::SYN, 7, 1000, 64, 1);
    wire.stamp();
    wire.payload = 3;
    let octets = wire.octets(&ends[0], &ends[1]);
    let (header, payload) = etherparse::TcpHeader::from_slice(&octets).unwrap();
    assert_eq!((header.sequence_number, header.syn, payload.len()), (7, true, 3));
    let sum = header.calc_checksum_ipv4_raw([10, 0, 0, 1], [10, 0, 0, 2], payload).unwrap();
    assert_eq!(sum, header.checksum);
}
