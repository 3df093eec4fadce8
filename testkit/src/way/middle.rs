//! What stands between the points: it loses, doubles, delays, translates, rewrites, injects, answers,
//! stands in for the server, forgets.

use std::net::SocketAddr;

use dissector_core::compare::Change;

use super::host::segment;
use crate::packet::{ACK, RST, SYN, TcpPacket};
use crate::random::{Rng, chance, pick};

/// The segments that a rule on the way drops.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step {
    /// The client's SYN.
    Syn,
    /// The server's SYN/ACK.
    SynAck,
    /// All of the client that acknowledges the server's SYN.
    FinalAck,
}

/// What it does to the packets of one connection.
#[derive(Clone, Debug, Default)]
pub struct Middle {
    /// Least nanoseconds from the client to the server, and back.
    pub delay_ns: [i64; 2],
    /// So much more at random.
    pub jitter_ns: i64,
    /// Percentage lost to the server, and to the client.
    pub loss: [u32; 2],
    /// Percentage that arrives twice.
    pub doubled: u32,
    /// The client's address behind it.
    pub client: Option<SocketAddr>,
    /// The server's address behind it.
    pub server: Option<SocketAddr>,
    /// It adds this to the sequence numbers of the client, and of the server.
    pub shifts: [u32; 2],
    /// It lowers the MSS of SYNs to this.
    pub clamp: Option<u16>,
    /// It replaces these options of SYNs by NOPs.
    pub strips: Vec<Change>,
    /// It writes this window into everything.
    pub window: Option<u16>,
    /// TTL falls by this on the way.
    pub hops: u8,
    /// It drops all of this step, or so many copies.
    pub drops: Option<(Step, u32)>,
    /// From this packet of the connection on, it drops all that go to these ends.
    pub forgets: Option<(u32, [bool; 2])>,
    /// Behind this packet, it sends an RST to the server, the client.
    pub injects: Option<(u32, [bool; 2], u8)>,
    /// It drops SYNs and answers with this: RST, or SYN/ACK.
    pub answers: Option<u16>,
    /// It is a SYN proxy with this initial number.
    pub proxy: Option<u32>,
}

/// What comes out for a packet that went in.
#[derive(Debug)]
pub struct Output {
    /// The direction: 0 to the server.
    pub to: usize,
    pub after_ns: i64,
    pub packet: TcpPacket,
    /// It is the packet that went in; otherwise the middle has made it.
    pub passes: bool,
    /// One more copy of it.
    pub doubled: bool,
    pub changes: Vec<Change>,
}

/// The middle while a connection passes.
#[derive(Debug)]
pub struct Passing {
    pub middle: Middle,
    packets: u32,
    dropped: u32,
    /// The server's initial number and what it is shown as, once the proxy knows.
    proxied: Option<(u32, u32)>,
    /// The client has acknowledged the proxy's SYN/ACK.
    opened: bool,
    /// The server's initial number, for the final ACK.
    server_isn: Option<u32>,
}

impl Passing {
    pub fn new(middle: Middle) -> Self {
        Self { middle, packets: 0, dropped: 0, proxied: None, opened: false, server_isn: None }
    }

    /// A packet of the client (0) or the server (1) comes; what goes out on account of it.
    pub fn pass(&mut self, random: &mut Rng, from: usize, packet: &TcpPacket) -> Vec<Output> {
        self.packets += 1;
        let mut outputs = Vec::new();
        if let Some(isn) = self.middle.proxy
            && self.stands_in(random, isn, from, packet, &mut outputs)
        {
            return outputs;
        }
        let is_syn = packet.flags & (SYN | ACK | RST) == SYN;
        if is_syn && let Some(flags) = self.middle.answers {
            let answer = self.answer(packet, flags);
            outputs.push(self.made(random, 1, answer));
            return outputs;
        }
        if !self.is_dropped(random, from, packet) {
            let (passed, changes) = self.rewrite(from, packet);
            let after_ns = self.delay(random, from);
            let output = |after_ns, doubled| Output {
                to: from,
                after_ns,
                packet: passed.clone(),
                passes: true,
                doubled,
                changes: changes.clone(),
            };
            outputs.push(output(after_ns, false));
            if chance(random, self.middle.doubled) {
                outputs.push(output(after_ns + random.i64(1_000..3_000_000), true));
            }
        }
        if let Some((at, to, ttl)) = self.middle.injects
            && self.packets == at
            && packet.flags & SYN == 0
        {
            let sides = [from, 1 - from];
            for to in sides.into_iter().filter(|end| to[*end]) {
                let rst = self.inject(from, to, ttl, packet);
                outputs.push(self.made(random, to, rst));
            }
        }
        outputs
    }

    fn delay(&self, random: &mut Rng, to: usize) -> i64 {
        self.middle.delay_ns[to] + random.i64(0..=self.middle.jitter_ns)
    }

    fn made(&self, random: &mut Rng, to: usize, packet: TcpPacket) -> Output {
        let after_ns = random.i64(10_000..=10_000 + self.middle.delay_ns[to]);
        Output { to, after_ns, packet, passes: false, doubled: false, changes: Vec::new() }
    }

    fn is_dropped(&mut self, random: &mut Rng, from: usize, packet: &TcpPacket) -> bool {
        let segment = segment(packet, from);
        if from == 1 && segment.syn {
            self.server_isn = Some(segment.seq);
        }
        if let Some((at, to)) = self.middle.forgets
            && self.packets >= at
            && to[from]
        {
            return true;
        }
        if let Some((step, most)) = self.middle.drops {
            let is_it = match step {
                Step::Syn => from == 0 && segment.syn,
                Step::SynAck => from == 1 && segment.syn,
                Step::FinalAck => {
                    from == 0 && !segment.syn && !segment.rst && self.server_isn.is_some()
                }
            };
            if is_it && self.dropped < most {
                self.dropped += 1;
                return true;
            }
        }
        chance(random, self.middle.loss[from])
    }

    /// The packet as it goes out on the other side.
    fn rewrite(&self, from: usize, packet: &TcpPacket) -> (TcpPacket, Vec<Change>) {
        let Middle { client, server, shifts, clamp, strips, window, hops, .. } = &self.middle;
        let mut changes = Vec::new();
        let mut packet = packet.clone();
        // The addresses of both sides, and which end is the source.
        if from == 0 {
            packet.source = client.unwrap_or(packet.source);
            packet.destination = server.unwrap_or(packet.destination);
        }
        // Before its SYN the middle knows no numbers of the server.
        let knows_server = self.server_isn.is_some() || self.proxied.is_some();
        let shifts = [shifts[0], if knows_server { shifts[1] } else { 0 }];
        let [own, other] = [shifts[from], shifts[1 - from]];
        if own != 0 {
            packet.sequence = packet.sequence.wrapping_add(own);
            changes.push(Change::Sequence);
        }
        if packet.flags & ACK != 0 {
            packet.acknowledgment = packet.acknowledgment.wrapping_sub(other);
        }
        if packet.flags & SYN != 0 {
            let mut at = 0;
            while at < packet.options.len() {
                let kind = packet.options[at];
                let octets = if kind <= 1 { 1 } else { usize::from(packet.options[at + 1]) };
                let option = &mut packet.options[at..at + octets];
                let change = match kind {
                    2 => Change::Mss,
                    3 => Change::WindowScale,
                    4 => Change::Sack,
                    8 => Change::Timestamps,
                    _ => Change::Options,
                };
                if kind > 1 && strips.contains(&change) {
                    option.fill(1);
                    changes.push(change);
                } else if kind == 2
                    && let Some(clamp) = *clamp
                    && clamp < u16::from_be_bytes([option[2], option[3]])
                {
                    option[2..].copy_from_slice(&clamp.to_be_bytes());
                    changes.push(Change::Mss);
                }
                at += octets;
            }
        }
        if let Some(window) = *window
            && packet.window != window
        {
            packet.window = window;
            changes.push(Change::Window);
        }
        packet.ttl -= hops;
        (packet, changes)
    }

    /// The addresses of the answer to the client.
    fn answer(&self, syn: &TcpPacket, flags: u16) -> TcpPacket {
        TcpPacket {
            source: syn.destination,
            destination: syn.source,
            flags: flags | ACK,
            sequence: if flags & SYN != 0 { 0x0123_4567 } else { 0 },
            acknowledgment: syn.sequence.wrapping_add(1 + syn.payload.len() as u32),
            options: Vec::new(),
            payload: Vec::new(),
            ip_id: Some(0),
            ttl: 64,
            ..syn.clone()
        }
    }

    /// An RST to this end in the name of the other, on account of a packet.
    fn inject(&self, from: usize, to: usize, ttl: u8, packet: &TcpPacket) -> TcpPacket {
        let next = segment(packet, from).end();
        let (passed, _) = self.rewrite(from, packet);
        let blank = |packet: &TcpPacket| TcpPacket {
            flags: RST | ACK,
            ip_id: Some(0),
            ttl,
            options: Vec::new(),
            payload: Vec::new(),
            ..packet.clone()
        };
        if to == from {
            // Behind the packet itself, as it left here.
            let end = next.wrapping_sub(packet.sequence).wrapping_add(passed.sequence);
            return TcpPacket { sequence: end, ..blank(&passed) };
        }
        let rst = blank(packet);
        TcpPacket {
            source: packet.destination,
            destination: packet.source,
            sequence: packet.acknowledgment,
            acknowledgment: next,
            ..rst
        }
    }

    /// The SYN proxy's own part; whether the packet was for it.
    fn stands_in(
        &mut self,
        random: &mut Rng,
        isn: u32,
        from: usize,
        packet: &TcpPacket,
        outputs: &mut Vec<Output>,
    ) -> bool {
        let segment = segment(packet, from);
        match (from, segment.syn) {
            (0, true) => {
                let answer = TcpPacket { sequence: isn, ..self.answer(packet, SYN) };
                outputs.push(self.made(random, 1, answer));
                true
            }
            (0, false) if self.proxied.is_none() => {
                if segment.ack == Some(isn.wrapping_add(1)) && !segment.rst {
                    self.opened = true;
                    let syn = TcpPacket {
                        sequence: packet.sequence.wrapping_sub(1),
                        acknowledgment: 0,
                        flags: SYN,
                        options: vec![2, 4, 5, 0xb4],
                        payload: Vec::new(),
                        ip_id: Some(0),
                        ttl: 64,
                        ..packet.clone()
                    };
                    outputs.push(self.made(random, 0, syn));
                }
                true
            }
            (1, true) => {
                self.proxied = Some((segment.seq, isn));
                self.middle.shifts[1] = isn.wrapping_sub(segment.seq);
                let ack = TcpPacket {
                    source: packet.destination,
                    destination: packet.source,
                    sequence: packet.acknowledgment,
                    acknowledgment: segment.seq.wrapping_add(1),
                    flags: ACK,
                    options: Vec::new(),
                    payload: Vec::new(),
                    ip_id: Some(0),
                    ttl: 64,
                    ..packet.clone()
                };
                outputs.push(self.made(random, 0, ack));
                true
            }
            _ => false,
        }
    }
}

impl Middle {
    /// The way of one connection. `delay_ns`, `hops` and so on are those of the whole capture.
    pub fn random(random: &mut Rng, usual: &Self, rare: bool) -> Self {
        let mut middle = usual.clone();
        if !rare {
            return middle;
        }
        let ends = |random: &mut Rng| pick(random, &[[true, false], [false, true], [true; 2]]);
        match random.u32(..10) {
            0 | 1 => {
                let step = pick(random, &[Step::Syn, Step::SynAck, Step::FinalAck]);
                middle.drops = Some((step, pick(random, &[1, 2, u32::MAX])));
            }
            2 => middle.forgets = Some((random.u32(1..12), ends(random))),
            3 | 4 => {
                let ttl = pick(random, &[50, 63, 64, 128]);
                middle.injects = Some((random.u32(3..10), ends(random), ttl));
            }
            5 => middle.answers = Some(pick(random, &[RST, RST, SYN])),
            6 => {
                middle.proxy = Some(random.u32(..));
                (middle.loss, middle.doubled, middle.shifts) = ([0; 2], 0, [0; 2]);
                (middle.client, middle.server) = (None, None);
            }
            7 => middle.shifts = [random.u32(1..), random.u32(1..)],
            8 => {
                middle.shifts[random.usize(..2)] = random.u32(1..);
            }
            _ => {
                middle.loss = [random.u32(..40), random.u32(..40)];
            }
        }
        middle
    }
}
