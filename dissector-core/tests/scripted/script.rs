//! A client, a server and a tap between them.
//!
//! The two ends number their segments by themselves; a case says only what is special. A segment
//! goes out when the statement that describes it ends:
//!
//! ```text
//! let mut script = Script::new();
//! script.client().syn().mss(1460).ts();
//! script.server().syn_ack().lost();
//! script.client().repeat().after_ms(1000).is(Stage::Syn, "SYN-SENT", "SYN-RECEIVED");
//! ```

mod draft;
mod end;

use std::net::IpAddr;

use dissector_core::connection::{
    Annotation, Connection, Finding, Outcome, Repeat, RstReason, Stage, Verdict,
};
use dissector_core::{ConnectionTable, IcmpError, PacketInfo, Segment};

use draft::{Draft, Wire};
use end::End;

const MS: i64 = 1_000_000;
const US: i64 = 1_000;

/// Time from one segment to the next, unless the script says otherwise.
const STEP_NS: i64 = 10 * MS;

/// Of which end the tap sees the segments.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Captured {
    Both,
    Only(usize),
}

/// The two ends, and what the tap between them has recorded so far.
pub struct Script {
    ends: [End; 2],
    table: ConnectionTable,
    captured: Captured,
    time_ns: i64,
    /// What was said of each frame, and what it was.
    recorded: Vec<(Annotation, Option<(usize, Wire)>)>,
    /// Recorded after the next segment.
    held: Option<(usize, Wire)>,
}

impl Script {
    /// 10.0.0.1:40000 and 10.0.0.2:80.
    pub fn new() -> Self {
        Self::between(("10.0.0.1", 40_000), ("10.0.0.2", 80))
    }

    pub fn over_ipv6() -> Self {
        Self::between(("2001:db8::1", 40_000), ("2001:db8::2", 80))
    }

    pub fn between(client: (&str, u16), server: (&str, u16)) -> Self {
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        Self {
            ends: [
                End::new(address(client.0), client.1, 1000),
                End::new(address(server.0), server.1, 5000),
            ],
            table: ConnectionTable::new(),
            captured: Captured::Both,
            time_ns: 0,
            recorded: Vec::new(),
            held: None,
        }
    }

    /// The tap misses what the server sends.
    pub fn of_client_only() -> Self {
        Self { captured: Captured::Only(0), ..Self::new() }
    }

    /// The tap misses what the client sends.
    pub fn of_server_only() -> Self {
        Self { captured: Captured::Only(1), ..Self::new() }
    }

    /// The client, about to send.
    pub fn client(&mut self) -> Sender<'_> {
        Sender { script: self, from: 0 }
    }

    /// The server, about to send.
    pub fn server(&mut self) -> Sender<'_> {
        Sender { script: self, from: 1 }
    }

    /// Nothing happens for a while.
    pub fn wait_ms(&mut self, ms: i64) -> &mut Self {
        self.time_ns += ms * MS;
        self
    }

    /// The tap records the last frame once more: same octets, same IP ID, 10 µs later.
    pub fn mirrored(&mut self) -> Draft<'_> {
        self.mirror_of(self.recorded.len())
    }

    /// The tap records frame `number` once more.
    pub fn mirror_of(&mut self, number: usize) -> Draft<'_> {
        let (_, wire) = &self.recorded[number - 1];
        let (from, wire) = wire.clone().expect("the frame is of this connection");
        Draft::mirrored(self, from, wire)
    }

    /// The tap starts to see both ends.
    pub fn capture_all(&mut self) -> &mut Self {
        self.captured = Captured::Both;
        self
    }

    /// The tap sees nothing of the steps that follow, until [`capture_all`](Self::capture_all).
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

    /// Another host sends a SYN somewhere: the clock moves on, this connection does not.
    pub fn elsewhere(&mut self) {
        let octets = b"\x9c\x40\x00\x50\0\0\0\x07\0\0\0\0\x50\x02\xff\xff\0\0\0\0";
        let packet = PacketInfo::new([192, 0, 2, 1], [192, 0, 2, 2], self.time_ns)
            .with_frame(self.recorded.len() as u64 + 1)
            .with_ttl(64)
            .with_ip_id(7)
            .with_tcp_octets(20);
        let seen = self.table.observe(&Segment::parse(packet, octets).expect("a whole header"));
        self.recorded.push((seen, None));
    }

    /// As [`elsewhere`](Self::elsewhere), until the table has come to look at every connection:
    /// one that is past leaves then.
    pub fn elsewhere_for_a_while(&mut self) {
        for _ in 0..64 {
            self.elsewhere();
        }
    }

    /// A router between the two sends an ICMP error that quotes frame `number`, headers only. `None`
    /// if it is taken for no error of a known connection.
    pub fn icmp(&mut self, kind: u8, code: u8, number: usize) -> Option<Seen> {
        let (_, wire) = &self.recorded[number - 1];
        let (from, wire) = wire.clone().expect("the frame is of this connection");
        self.icmp_quoting(kind, code, from, wire.sequence)
    }

    /// The same for a segment of end `from` with the number `sequence`.
    pub fn icmp_quoting(&mut self, kind: u8, code: u8, from: usize, sequence: u32) -> Option<Seen> {
        self.time_ns += STEP_NS;
        let (source, destination) = (&self.ends[from], &self.ends[1 - from]);
        let octets = draft::icmp_error(kind, code, source, destination, sequence);
        let router = match source.address {
            IpAddr::V4(_) => IpAddr::from([10, 0, 0, 254]),
            IpAddr::V6(_) => "2001:db8::fe".parse().expect("an address"),
        };
        let packet = PacketInfo::new(router, source.address, self.time_ns)
            .with_frame(self.recorded.len() as u64 + 1)
            .with_ttl(60)
            .with_ip_id(1);
        let seen = self.table.observe_icmp(&IcmpError::parse(packet, &octets)?)?;
        self.recorded.push((seen, None));
        Some(Seen(seen))
    }

    pub fn take_closed(&mut self) -> Vec<Connection> {
        self.table.take_closed()
    }

    /// What was said of frame `number`, from 1.
    pub fn frame(&self, number: usize) -> Seen {
        Seen(self.recorded[number - 1].0)
    }

    /// The connection of the frame recorded last.
    pub fn connection(&self) -> &Connection {
        self.table.latest().expect("a segment was recorded")
    }

    /// Connection number `id`.
    pub fn connection_numbered(&self, id: u32) -> &Connection {
        let mut all = self.table.connections();
        all.find(|connection| connection.id() == id).expect("the connection is known")
    }

    /// How many connections there were.
    pub fn connections(&self) -> usize {
        self.table.connections().count()
    }

    /// What the last connection has come to now.
    pub fn verdict(&self) -> Verdict {
        self.verdict_after_ms(0)
    }

    /// What the last connection has come to if nothing more comes for `ms` milliseconds.
    pub fn verdict_after_ms(&self, ms: i64) -> Verdict {
        self.connection().verdict_at(self.time_ns + ms * MS)
    }

    pub fn outcome(&self) -> Outcome {
        self.verdict().outcome
    }

    pub fn outcome_after_ms(&self, ms: i64) -> Outcome {
        self.verdict_after_ms(ms).outcome
    }

    /// The time now, in milliseconds: the ends' timestamps.
    pub fn clock_ms(&self) -> u32 {
        (self.time_ns / MS) as u32
    }

    fn record(&mut self, from: usize, wire: &Wire) -> Annotation {
        let (source, destination) = (&self.ends[from], &self.ends[1 - from]);
        let octets = wire.octets(source, destination);
        let packet = PacketInfo::new(
            source.address,
            destination.address,
            wire.recorded_ns.unwrap_or(self.time_ns),
        )
        .with_frame(self.recorded.len() as u64 + 1)
        .with_ttl(wire.ttl)
        .with_ip_id(source.address.is_ipv4().then_some(wire.ip_id))
        .with_tcp_octets(octets.len() as u32);
        let captured = octets.len() - if wire.snapped { wire.payload } else { 0 };
        let segment = Segment::parse(packet, &octets[..captured]).expect("a whole header");
        let seen = self.table.observe(&segment);
        self.recorded.push((seen, Some((from, wire.clone()))));
        seen
    }
}

/// An end that is about to send.
pub struct Sender<'a> {
    script: &'a mut Script,
    from: usize,
}

/// What was said of a segment.
#[derive(Clone, Copy)]
pub struct Seen(pub Annotation);

impl Seen {
    /// Its stage, and the client's and the server's state, with `?` where it is assumed.
    #[track_caller]
    pub fn is(self, stage: Stage, client: &str, server: &str) -> Self {
        let shown = (self.0.stage, self.0.client.to_string(), self.0.server.to_string());
        assert_eq!(shown, (stage, client.into(), server.into()));
        self
    }

    #[track_caller]
    pub fn stage(self, stage: Stage) -> Self {
        assert_eq!(self.0.stage, stage);
        self
    }

    #[track_caller]
    pub fn copy(self, copy: Repeat) -> Self {
        assert_eq!(self.0.copy, copy);
        self
    }

    #[track_caller]
    pub fn has(self, finding: Finding) -> Self {
        let all: Vec<_> = self.0.findings.iter().collect();
        assert!(all.contains(&finding), "{finding:?} is not among {all:?}");
        self
    }

    #[track_caller]
    pub fn lacks(self, finding: Finding) -> Self {
        assert!(!self.0.findings.contains(finding), "{finding:?} is noted");
        self
    }

    /// Of an RST.
    #[track_caller]
    pub fn reason(self, reason: RstReason) -> Self {
        assert_eq!(self.0.rst_reason, Some(reason));
        self
    }

    /// The number of its connection.
    #[track_caller]
    pub fn of_connection(self, id: u32) -> Self {
        assert_eq!(self.0.connection, id);
        self
    }
}
