//! A way with two points of capture: real exchanges of simulated ends, a middle that does to them what
//! the wicked Internet does, what both points saw, and the truth. The same seed gives the same way.
//!
//! ```
//! let way = testkit::way::Way::random(7);
//! let lost = way.connections.iter().flat_map(|it| &it.sent).filter(|it| it.arrived.is_none());
//! assert_eq!(way.points.len(), 2);
//! assert!(lost.count() < way.points.iter().map(|point| point.len()).sum());
//! ```

mod exchange;
mod host;
mod middle;

use std::net::{Ipv4Addr, SocketAddr};

use dissector_core::compare::Change;

use crate::capture::{Frame, Frames};
use crate::packet::{ETHERNET, TcpPacket};
use crate::random::{Rng, chance, pick};
use crate::simulator::Segment;

pub use exchange::Ends;
pub use middle::{Middle, Step};

const SECOND: i64 = 1_000_000_000;
const BEGIN: i64 = 1_700_000_000 * SECOND;

/// Where a packet at a point comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Origin {
    /// An end has sent it; its number among those that its connection sent.
    Sent(usize),
    /// One more copy that the way made of it.
    Doubled(usize),
    /// The middle has made it.
    Made,
}

/// A packet that passed the point nearer its sender.
#[derive(Clone, Debug)]
pub struct Sent {
    /// 0: the client.
    pub from: usize,
    /// The segment as it left.
    pub segment: Segment,
    /// The true time at which it passed the other point; `None` if it was lost.
    pub arrived: Option<i64>,
    /// What the middle changed of it.
    pub changes: Vec<Change>,
}

/// A connection as it was.
#[derive(Debug)]
pub struct Connection {
    /// Client and server at the point nearer the client, and at the other.
    pub ends: [[SocketAddr; 2]; 2],
    /// What stood in between.
    pub middle: Middle,
    /// All that passed the point nearer its sender.
    pub sent: Vec<Sent>,
}

/// A packet that a point has captured.
#[derive(Clone, Debug)]
pub struct Captured {
    /// The time by the point's clock, in nanoseconds since 1970.
    pub time_ns: i64,
    /// The true time, which is A's.
    pub true_ns: i64,
    /// Number of its connection.
    pub connection: usize,
    /// Where it comes from.
    pub origin: Origin,
    /// The packet.
    pub packet: TcpPacket,
}

/// Two points of capture, and the truth.
#[derive(Debug)]
pub struct Way {
    /// What A saw and what B saw, in order of time. A's clock is right.
    pub points: [Vec<Captured>; 2],
    /// The spans in which they were capturing, by their clocks.
    pub spans_ns: [(i64, i64); 2],
    /// The connections.
    pub connections: Vec<Connection>,
    /// The point nearer the clients.
    pub nearer_client: usize,
    /// B's clock less A's at [`Self::begin_ns`].
    offset_ns: i64,
    /// Parts per billion by which B's clock is faster.
    drift_ppb: i64,
}

/// The kinds of ways.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Extent {
    /// Both points captured everything.
    Whole,
    /// Each began and ended at any time.
    Cut,
}

impl Way {
    /// A way on which both points captured everything.
    pub fn random(seed: u64) -> Self {
        Self::with(seed, Extent::Whole)
    }

    /// A way of this kind.
    pub fn with(seed: u64, extent: Extent) -> Self {
        let random = &mut Rng::with_seed(seed);
        let nearer_client = random.usize(..2);
        let usual = usual(random);
        let rare = pick(random, &[0, 20, 60, 100]);
        let drift_ppm = if random.bool() { random.i64(-200..=200) } else { 0 };
        let mut way = Self {
            points: [Vec::new(), Vec::new()],
            spans_ns: [(i64::MIN, i64::MAX); 2],
            connections: Vec::new(),
            nearer_client,
            offset_ns: random.i64(-7_200 * SECOND..40 * SECOND),
            drift_ppb: drift_ppm * 1_000,
        };
        let translates = chance(random, 30);
        let publishes = chance(random, 15);
        let outside_loss = pick(random, &[0, 0, 3]);
        let outside_ns = [random.i64(10_000..5_000_000), random.i64(10_000..5_000_000)];
        let hops = [random.u8(..5), random.u8(..5)];
        let span = pick(random, &[2, 20, 120]) * SECOND;
        for number in 0..random.u16(1..40) {
            let mut middle = {
                let is_rare = chance(random, rare);
                Middle::random(random, &usual, is_rare)
            };
            let client = SocketAddr::new(
                Ipv4Addr::new(10, 0, 0, 1 + (number % 3) as u8).into(),
                40_000 + number,
            );
            let server =
                SocketAddr::new(Ipv4Addr::new(192, 0, 2, 1 + (number % 2) as u8).into(), 443);
            if middle.proxy.is_none() {
                middle.client = translates.then(|| {
                    SocketAddr::new(Ipv4Addr::new(203, 0, 113, 7).into(), 50_000 + number)
                });
                middle.server =
                    publishes.then(|| SocketAddr::new(Ipv4Addr::new(172, 16, 0, 9).into(), 8443));
            }
            let ends = Ends {
                addresses: [client, server],
                outside_ns,
                hops,
                loss: outside_loss,
                closed: chance(random, 6),
            };
            way.add(random, ends, middle, BEGIN + random_time(span, number));
        }
        way.order();
        way.cut(random, extent);
        way
    }

    fn add(&mut self, random: &mut Rng, ends: Ends, middle: Middle, begin_ns: i64) {
        let [client, server] = ends.addresses;
        let there = [middle.client.unwrap_or(client), middle.server.unwrap_or(server)];
        let exchange = exchange::play(random, ends, middle.clone(), begin_ns);
        let connection = self.connections.len();
        for at in exchange.at_points {
            let place = if at.point == 0 { self.nearer_client } else { 1 - self.nearer_client };
            let time_ns = at.time_ns + if place == 1 { self.offset_at(at.time_ns) } else { 0 };
            self.points[place].push(Captured {
                time_ns,
                true_ns: at.time_ns,
                connection,
                origin: at.origin,
                packet: at.packet,
            });
        }
        self.connections.push(Connection {
            ends: [[client, server], there],
            middle,
            sent: exchange.sent,
        });
    }

    /// Both points begin before everything and end after it.
    fn order(&mut self) {
        for point in &mut self.points {
            point.sort_by_key(|it| it.true_ns);
        }
        let all = || self.points.iter().flatten().map(|it| it.true_ns);
        let first = all().min().unwrap_or(BEGIN) - 5 * SECOND;
        let last = all().max().unwrap_or(BEGIN) + 5 * SECOND;
        self.spans_ns =
            [(first, last), (first + self.offset_at(first), last + self.offset_at(last))];
    }

    fn cut(&mut self, random: &mut Rng, extent: Extent) {
        if extent == Extent::Whole {
            return;
        }
        for point in [0, 1] {
            let (first, last) = self.spans_ns[point];
            let [from, to] = [random.i64(first..last), random.i64(first..last)];
            let (from, to) = (from.min(to), from.max(to));
            let (from, to) = match random.u32(..3) {
                0 => (first, to),
                1 => (from, last),
                _ => (from, to),
            };
            self.points[point].retain(|it| (from..=to).contains(&it.time_ns));
            self.spans_ns[point] = (from, to);
        }
    }

    /// B's clock less A's at this time of A's.
    pub fn offset_at(&self, time_ns: i64) -> i64 {
        let drift = i128::from(time_ns - BEGIN) * i128::from(self.drift_ppb) / 1_000_000_000;
        self.offset_ns + drift as i64
    }

    /// What a point captured, as a capture file of Ethernet frames.
    pub fn frames(&self, point: usize) -> Frames {
        let frame = |it: &Captured| Frame::whole(it.time_ns as u64, it.packet.ethernet());
        Frames { link_type: ETHERNET, frames: self.points[point].iter().map(frame).collect() }
    }
}

/// What the way does to every connection.
fn usual(random: &mut Rng) -> Middle {
    let least = |random: &mut Rng| pick(random, &[30_000, 1_000_000, 20_000_000, 150_000_000]);
    let loss = pick(random, &[0, 0, 5, 15]);
    Middle {
        delay_ns: [least(random), least(random)],
        jitter_ns: pick(random, &[0, 20_000, 2_000_000, 30_000_000]),
        loss: [loss, loss],
        doubled: pick(random, &[0, 0, 3]),
        clamp: chance(random, 20).then_some(1_100),
        strips: if chance(random, 10) {
            vec![pick(random, &[Change::WindowScale, Change::Sack, Change::Timestamps])]
        } else {
            Vec::new()
        },
        window: chance(random, 8).then_some(4_321),
        hops: random.u8(1..8),
        ..Middle::default()
    }
}

/// Connections are spread evenly, and some begin together.
fn random_time(span: i64, number: u16) -> i64 {
    span / 40 * i64::from(number - number % 4) + 777_777 * i64::from(number % 4)
}
