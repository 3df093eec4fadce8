//! A language for captures: a client, a server and a capture point between them.
//!
//! The two ends number their segments by themselves; a script states only what is special. A
//! segment is sent when the statement that describes it ends:
//!
//! ```
//! use dissector_core::connection::Stage;
//! use testkit::script::Script;
//!
//! let mut script = Script::new();
//! script.client().syn().mss(1460).ts();
//! script.server().syn_ack().lost();
//! script.client().repeat().after_ms(1000).is(Stage::Syn, "SYN-SENT", "SYN-RECEIVED");
//! assert_eq!(script.verdict().syn_count, 2);
//! assert_eq!(script.capture(0).frames.len(), 3);
//! ```

mod annotation;
mod endpoint;
mod segment;

use std::net::IpAddr;

use dissector_core::connection::{Annotation, Connection, Outcome, Verdict};
use dissector_core::{ConnectionTable, IcmpError, PacketInfo};

use crate::capture::{Frame, Frames};
use crate::packet::{self, RAW, SYN, TcpPacket};
use endpoint::End;
use segment::SentSegment;

pub use annotation::Reported;
pub use segment::SegmentBuilder;

const MS: i64 = 1_000_000;
const US: i64 = 1_000;

/// Time from one segment to the next, unless the script says otherwise.
const STEP_NS: i64 = 10 * MS;

/// The end whose segments are captured.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Captured {
    Both,
    Only(usize),
}

/// A captured packet and its annotation by the engine.
struct Recorded {
    annotation: Annotation,
    time_ns: i64,
    packet: Packet,
}

enum Packet {
    /// A segment of the script's connection, sent by end `from`.
    Segment { from: usize, wire: SentSegment },
    /// Any other IP packet.
    Other(Vec<u8>),
}

/// The two ends, and what was captured between them so far.
pub struct Script {
    ends: [End; 2],
    table: ConnectionTable,
    captured: Captured,
    time_ns: i64,
    recorded: Vec<Recorded>,
    /// Captured after the next segment.
    held: Option<(usize, SentSegment)>,
}

impl Default for Script {
    fn default() -> Self {
        Self::new()
    }
}

impl Script {
    /// 10.0.0.1:40000 and 10.0.0.2:80, whose initial sequence numbers are 1000 and 5000.
    pub fn new() -> Self {
        Self::between(("10.0.0.1", 40_000), ("10.0.0.2", 80))
    }

    /// The same over IPv6, 2001:db8::1 and 2001:db8::2.
    pub fn over_ipv6() -> Self {
        Self::between(("2001:db8::1", 40_000), ("2001:db8::2", 80))
    }

    /// A client and a server with these addresses and ports.
    pub fn between(client: (&str, u16), server: (&str, u16)) -> Self {
        Self {
            ends: ends(client, server),
            table: ConnectionTable::new(),
            captured: Captured::Both,
            time_ns: 0,
            recorded: Vec::new(),
            held: None,
        }
    }

    /// Continues the capture with two other endpoints.
    pub fn go_on_between(&mut self, client: (&str, u16), server: (&str, u16)) -> &mut Self {
        self.ends = ends(client, server);
        self
    }

    /// The server's segments are not captured.
    pub fn of_client_only() -> Self {
        Self { captured: Captured::Only(0), ..Self::new() }
    }

    /// The client's segments are not captured.
    pub fn of_server_only() -> Self {
        Self { captured: Captured::Only(1), ..Self::new() }
    }

    /// The client, about to send.
    pub fn client(&mut self) -> Sender<'_> {
        self.sender(0)
    }

    /// The server, about to send.
    pub fn server(&mut self) -> Sender<'_> {
        self.sender(1)
    }

    /// End 0, the client, or end 1, the server, about to send.
    pub fn sender(&mut self, from: usize) -> Sender<'_> {
        Sender { script: self, from }
    }

    /// Nothing happens for a while.
    pub fn wait_ms(&mut self, ms: i64) -> &mut Self {
        self.time_ns += ms * MS;
        self
    }

    /// The last frame is captured once more: same octets, same IP ID, 10 µs later.
    pub fn mirrored(&mut self) -> SegmentBuilder<'_> {
        self.mirror_of(self.recorded.len())
    }

    /// Frame `number` is captured once more.
    pub fn mirror_of(&mut self, number: usize) -> SegmentBuilder<'_> {
        let (from, wire) = self.segment(number);
        let wire = wire.clone();
        SegmentBuilder::mirrored(self, from, wire)
    }

    /// Sender and segment of frame `number`.
    fn segment(&self, number: usize) -> (usize, &SentSegment) {
        match &self.recorded[number - 1].packet {
            Packet::Segment { from, wire } => (*from, wire),
            Packet::Other(_) => panic!("frame {number} is not of this connection"),
        }
    }

    /// From here on, the segments of both ends are captured.
    pub fn capture_all(&mut self) -> &mut Self {
        self.captured = Captured::Both;
        self
    }

    /// Nothing that follows is captured, until [`capture_all`](Self::capture_all).
    pub fn capture_nothing(&mut self) -> &mut Self {
        self.captured = Captured::Only(usize::MAX);
        self
    }

    /// SYN, SYN/ACK, ACK, without options.
    pub fn handshake(&mut self) -> &mut Self {
        self.client().syn();
        self.server().syn_ack();
        self.client().ack();
        self
    }

    /// A handshake, and a request that the server acknowledges: both ends are known to be open.
    pub fn used(&mut self) -> &mut Self {
        self.handshake();
        self.client().data(5);
        self.server().ack();
        self
    }

    /// A connection closed by the client, then by the server.
    pub fn closed(&mut self) -> &mut Self {
        self.used();
        self.client().fin();
        self.server().fin();
        self.client().ack();
        self
    }

    /// A connection that is open when the capture begins.
    pub fn open_before_capture(&mut self) -> &mut Self {
        self.capture_nothing().used().capture_all()
    }

    /// A SYN of two other hosts: it advances the clock of the table and does not belong to this
    /// connection.
    pub fn elsewhere(&mut self) {
        let ends = (([192, 0, 2, 1], 40_000), ([192, 0, 2, 2], 80));
        let syn = TcpPacket {
            flags: SYN,
            sequence: 7,
            ip_id: Some(7),
            ..TcpPacket::between(ends.0, ends.1)
        };
        let frame = self.recorded.len() as u64 + 1;
        let annotation = syn.with_segment(frame, self.time_ns, |syn| self.table.observe(syn));
        self.push(annotation, self.time_ns, Packet::Other(syn.ip()));
    }

    /// Repeats [`elsewhere`](Self::elsewhere) until the table has checked every connection, so that
    /// finished ones leave it.
    pub fn elsewhere_for_a_while(&mut self) {
        for _ in 0..64 {
            self.elsewhere();
        }
    }

    /// A router between the two sends an ICMP error that quotes frame `number`, headers only. `None`
    /// if the engine takes it for no error of a known connection.
    pub fn icmp(&mut self, kind: u8, code: u8, number: usize) -> Option<Reported> {
        let (from, wire) = self.segment(number);
        let sequence = wire.packet.sequence;
        self.icmp_quoting(kind, code, from, sequence)
    }

    /// The same for a segment of end `from` with the number `sequence`.
    pub fn icmp_quoting(
        &mut self,
        kind: u8,
        code: u8,
        from: usize,
        sequence: u32,
    ) -> Option<Reported> {
        let router = match self.ends[from].address {
            IpAddr::V4(_) => IpAddr::from([10, 0, 0, 254]),
            IpAddr::V6(_) => IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0xfe]),
        };
        self.icmp_from(router, [kind, code], from, sequence)
    }

    /// An ICMP error like that of [`icmp`](Self::icmp), from the address of the quoted segment's receiver.
    pub fn icmp_of_receiver(&mut self, kind: u8, code: u8, number: usize) -> Option<Reported> {
        let (from, wire) = self.segment(number);
        let sequence = wire.packet.sequence;
        self.icmp_from(self.ends[1 - from].address, [kind, code], from, sequence)
    }

    fn icmp_from(
        &mut self,
        router: IpAddr,
        [kind, code]: [u8; 2],
        from: usize,
        sequence: u32,
    ) -> Option<Reported> {
        self.time_ns += STEP_NS;
        let ends = [from, 1 - from].map(|end| (self.ends[end].address, self.ends[end].port));
        let quoted = TcpPacket { sequence, ..TcpPacket::between(ends[0], ends[1]) };
        let octets = packet::icmp_error(router, kind, code, &quoted);
        let info = PacketInfo::new(router, ends[0].0, self.time_ns)
            .with_frame(self.recorded.len() as u64 + 1)
            .with_ttl(60)
            .with_ip_id(1);
        let annotation = self.table.observe_icmp(&IcmpError::parse(info, &octets)?)?;
        let protocol = if router.is_ipv4() { 1 } else { 58 };
        let packet = packet::ip(router, ends[0].0, protocol, &octets);
        self.push(annotation, self.time_ns, Packet::Other(packet));
        Some(Reported(annotation))
    }

    /// The connections that have left the table since this was called last.
    pub fn take_closed(&mut self) -> Vec<Connection> {
        self.table.take_closed()
    }

    /// The annotation of frame `number`, from 1.
    pub fn frame(&self, number: usize) -> Reported {
        Reported(self.recorded[number - 1].annotation)
    }

    /// The connection of the frame captured last.
    pub fn connection(&self) -> &Connection {
        self.table.latest().expect("a segment was captured")
    }

    /// Connection number `id`.
    pub fn connection_numbered(&self, id: u32) -> &Connection {
        let mut all = self.table.connections();
        all.find(|connection| connection.id() == id).expect("the connection is known")
    }

    /// How many connections there are.
    pub fn connections(&self) -> usize {
        self.table.connections().count()
    }

    /// The verdict on the last connection now.
    pub fn verdict(&self) -> Verdict {
        self.verdict_after_ms(0)
    }

    /// The verdict on the last connection if nothing more comes for `ms` milliseconds.
    pub fn verdict_after_ms(&self, ms: i64) -> Verdict {
        self.connection().verdict_at(self.time_ns + ms * MS)
    }

    /// The outcome of the last connection now.
    pub fn outcome(&self) -> Outcome {
        self.verdict().outcome
    }

    /// The outcome of the last connection if nothing more comes for `ms` milliseconds.
    pub fn outcome_after_ms(&self, ms: i64) -> Outcome {
        self.verdict_after_ms(ms).outcome
    }

    /// The time now in milliseconds: the clock of the ends' timestamps.
    pub fn clock_ms(&self) -> u32 {
        (self.time_ns / MS) as u32
    }

    /// Everything that was captured, as packets that begin with the IP header; the script begins at
    /// `start` seconds since 1970.
    ///
    /// # Panics
    /// If a frame was captured before 1970.
    pub fn capture(&self, start: u32) -> Frames {
        let frames = self.recorded.iter().map(|Recorded { time_ns, packet, .. }| {
            let time_ns = i64::from(start) * 1_000_000_000 + time_ns;
            let time_ns = time_ns.try_into().expect("a time since 1970");
            match packet {
                Packet::Segment { wire, .. } => {
                    let mut frame = Frame::whole(time_ns, wire.packet.ip());
                    frame.octets.truncate(frame.octets.len() - wire.uncaptured_octets());
                    frame
                }
                Packet::Other(octets) => Frame::whole(time_ns, octets.clone()),
            }
        });
        Frames { link_type: RAW, frames: frames.collect() }
    }

    fn record(&mut self, from: usize, wire: SentSegment) -> Annotation {
        let octets = wire.packet.tcp();
        let time_ns = wire.recorded_ns.unwrap_or(self.time_ns);
        let info = wire.packet.info(self.recorded.len() as u64 + 1, time_ns);
        let captured = &octets[..octets.len() - wire.uncaptured_octets()];
        let segment = dissector_core::Segment::parse(info, captured).expect("a whole header");
        let annotation = self.table.observe(&segment);
        self.push(annotation, time_ns, Packet::Segment { from, wire });
        annotation
    }

    fn push(&mut self, annotation: Annotation, time_ns: i64, packet: Packet) {
        self.recorded.push(Recorded { annotation, time_ns, packet });
    }
}

fn ends(client: (&str, u16), server: (&str, u16)) -> [End; 2] {
    let address = |text: &str| text.parse::<IpAddr>().expect("an address");
    [End::new(address(client.0), client.1, 1000), End::new(address(server.0), server.1, 5000)]
}

/// An end that is about to send.
pub struct Sender<'a> {
    script: &'a mut Script,
    from: usize,
}
