//! One connection over the way: both ends, both points, the middle.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;

use dissector_core::compare::Change;
use dissector_core::connection::State;

use super::host::Host;
use super::middle::{Middle, Passing};
use super::{Origin, Sent};
use crate::packet::TcpPacket;
use crate::random::{Rng, chance, pick};
use crate::simulator::{Action, Segment, Tcp};

const MS: i64 = 1_000_000;

/// The most payload of a packet, below every MSS.
const MOST_OCTETS: u32 = 1_000;

/// A packet at one of the points, 0 being the one nearer the client, by the true time.
#[derive(Clone, Debug)]
pub struct AtPoint {
    pub point: usize,
    pub time_ns: i64,
    pub origin: Origin,
    pub packet: TcpPacket,
}

/// A connection as it was.
#[derive(Debug, Default)]
pub struct Exchange {
    pub at_points: Vec<AtPoint>,
    /// The packets that passed the point nearer their sender.
    pub sent: Vec<Sent>,
}

/// The ends, and the net outside of the points.
#[derive(Debug)]
pub struct Ends {
    /// Client and server, as the client sees them.
    pub addresses: [SocketAddr; 2],
    /// Nanoseconds between each end and the point next to it.
    pub outside_ns: [i64; 2],
    /// Hops there.
    pub hops: [u8; 2],
    /// Percentage lost there.
    pub loss: u32,
    /// Nobody listens at the server.
    pub closed: bool,
}

#[derive(Debug)]
enum Event {
    Acts(usize, Action),
    /// The retransmission timer of an end: the number of the copy that it sends, and of the timer.
    Timer(usize, u32, u32),
    /// A packet of an end passes a point.
    Passes {
        from: usize,
        point: usize,
        origin: Origin,
        packet: TcpPacket,
    },
    Arrives {
        to: usize,
        packet: TcpPacket,
    },
}

struct Run<'a> {
    random: &'a mut Rng,
    hosts: [Host; 2],
    ends: Ends,
    passing: Passing,
    timers: [u32; 2],
    now: i64,
    queue: BinaryHeap<Reverse<(i64, usize)>>,
    events: Vec<Option<Event>>,
    exchange: Exchange,
}

/// Plays a connection that begins at this time.
pub fn play(random: &mut Rng, ends: Ends, middle: Middle, begin_ns: i64) -> Exchange {
    let iss = [random.u32(..), random.u32(..)];
    let listens = if ends.closed { State::Closed } else { State::Listen };
    let [client, mut server] = ends.addresses;
    server = middle.server.unwrap_or(server);
    let shown = middle.client.unwrap_or(client);
    let hosts = [
        Host::random(
            random,
            Tcp::new(0, State::Closed, iss[0]),
            iss[0],
            [client, ends.addresses[1]],
        ),
        Host::random(random, Tcp::new(1, listens, iss[1]), iss[1], [server, shown]),
    ];
    let mut run = Run {
        random,
        hosts,
        ends,
        passing: Passing::new(middle),
        timers: [0; 2],
        now: begin_ns,
        queue: BinaryHeap::new(),
        events: Vec::new(),
        exchange: Exchange::default(),
    };
    run.after(0, Event::Acts(0, Action::Open));
    let mut at = 0;
    for _ in 0..run.random.u32(0..12) {
        at += run.random.i64(1..400) * MS;
        let end = run.random.usize(..2);
        let octets = run.random.u32(1..900);
        run.after(at, Event::Acts(end, Action::Send(octets)));
    }
    let order = pick(run.random, &[[0, 1], [1, 0]]);
    for end in order {
        at += run.random.i64(1..600) * MS;
        let action = if chance(run.random, 15) { Action::Abort } else { Action::Close };
        if chance(run.random, 85) {
            run.after(at, Event::Acts(end, action));
        }
    }
    run.go();
    run.exchange
}

impl Run<'_> {
    fn after(&mut self, ns: i64, event: Event) {
        self.queue.push(Reverse((self.now + ns, self.events.len())));
        self.events.push(Some(event));
    }

    fn go(&mut self) {
        while let Some(Reverse((at, number))) = self.queue.pop() {
            self.now = at;
            match self.events[number].take() {
                Some(Event::Acts(end, action)) => {
                    let tcp = &mut self.hosts[end].tcp;
                    let segment = match action {
                        Action::Open => tcp.open(),
                        Action::Send(octets) => tcp.send(octets),
                        Action::Close => tcp.close(),
                        Action::Abort => tcp.abort(),
                    };
                    self.send(end, segment, 0);
                }
                Some(Event::Timer(end, copy, number))
                    if copy <= 4 && number == self.timers[end] =>
                {
                    let again = self.hosts[end].tcp.again();
                    self.send(end, again, copy);
                }
                Some(Event::Passes { from, point, origin, packet }) => {
                    self.pass(from, point, origin, packet);
                }
                Some(Event::Arrives { to, packet }) => {
                    let answer = self.hosts[to].receive(&packet, 1 - to);
                    self.send(to, answer, 0);
                }
                _ => {}
            }
        }
    }

    fn send(&mut self, end: usize, segment: Option<Segment>, copy: u32) {
        let Some(mut segment) = segment else { return };
        // What is sent again has to fit into one packet.
        if segment.payload > MOST_OCTETS {
            (segment.payload, segment.fin) = (MOST_OCTETS, false);
        }
        if segment.syn || segment.fin || segment.payload > 0 {
            // An end has one timer, which begins anew with each segment that has to be acknowledged.
            self.timers[end] += 1;
            self.after((1_000 * MS) << copy, Event::Timer(end, copy + 1, self.timers[end]));
        }
        let mut packet = self.hosts[end].packet(&segment, self.now);
        if chance(self.random, self.ends.loss) {
            return;
        }
        packet.ttl -= self.ends.hops[end];
        let id = self.exchange.sent.len();
        self.exchange.sent.push(Sent { from: end, segment, arrived: None, changes: Vec::new() });
        let origin = Origin::Sent(id);
        let outside_ns = self.ends.outside_ns[end];
        self.after(outside_ns, Event::Passes { from: end, point: end, origin, packet });
    }

    fn pass(&mut self, from: usize, point: usize, origin: Origin, packet: TcpPacket) {
        let time_ns = self.now;
        self.exchange.at_points.push(AtPoint { point, time_ns, origin, packet: packet.clone() });
        let to = 1 - from;
        if point == to {
            if !chance(self.random, self.ends.loss) {
                self.after(self.ends.outside_ns[to], Event::Arrives { to, packet });
            }
            return;
        }
        let Origin::Sent(id) = origin else { unreachable!("an end has sent it") };
        for output in self.passing.pass(self.random, from, &packet) {
            let (from, point) = (output.to, 1 - output.to);
            let mut packet = output.packet;
            if from == 1 && output.passes {
                // Back through the translation.
                packet.source = self.ends.addresses[1];
                packet.destination = self.ends.addresses[0];
            }
            let origin = match (output.passes, output.doubled) {
                (true, false) => {
                    let sent = &mut self.exchange.sent[id];
                    sent.arrived = Some(self.now + output.after_ns);
                    sent.changes = output.changes;
                    Origin::Sent(id)
                }
                (true, true) => Origin::Doubled(id),
                _ => Origin::Made,
            };
            if origin == Origin::Made {
                let [client, server] = match point {
                    0 => self.ends.addresses,
                    _ => [self.hosts[1].peer, self.hosts[1].own],
                };
                [packet.source, packet.destination] =
                    if from == 0 { [client, server] } else { [server, client] };
            }
            self.after(output.after_ns, Event::Passes { from, point, origin, packet });
        }
    }
}

impl Sent {
    /// Whether something differs at the point nearer its receiver.
    pub fn is_changed(&self, change: Change) -> bool {
        self.changes.contains(&change)
    }
}
