//! Two ends that follow RFC 9293, a path between them that loses, repeats and forges segments, and a
//! capture point somewhere on the path. The same seed gives the same exchange.

mod tcp;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use dissector_core::connection::State;
use dissector_core::wire::TcpFlags;

use crate::random::{Rng, chance};
use crate::script::{Reported, Script};

pub use tcp::{Segment, Tcp, at_least};

/// Microseconds in a millisecond.
pub const MS: i64 = 1_000;
/// Microseconds in a second.
pub const SECOND: i64 = 1_000 * MS;

/// The requests of an application to its TCP.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Action {
    /// Open actively.
    Open,
    /// Send this many octets.
    Send(u32),
    /// Close.
    Close,
    /// Abort.
    Abort,
}

/// A segment on its way, and the state of its sender.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Sent {
    /// The segment.
    pub segment: Segment,
    /// The number of its sender's state ([`State::number`]) once it was sent.
    pub state: u8,
    /// How many copies of it were sent before.
    pub copy: u32,
}

/// A segment that passed the capture point.
#[derive(Clone, Copy, Debug)]
pub struct Passed {
    /// Microseconds since the exchange began.
    pub us: i64,
    /// The segment.
    pub segment: Segment,
    /// The number of its sender's state once it was sent.
    pub state: u8,
    /// How many copies of it were sent before.
    pub copy: u32,
    /// Neither end has sent it.
    pub forged: bool,
    /// The segment before it, captured once more.
    pub duplicate: bool,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Event {
    Passes(Sent),
    Arrives(Segment),
    /// The retransmission timer of an end; the number of the copy that it sends.
    Timer(usize, u32),
    Acts(usize, Action),
}

/// The conditions of the path, and the behaviour of the ends and their applications.
#[derive(Clone, Copy, Debug)]
pub struct Conditions {
    /// Microseconds between each end and the capture point.
    pub delay: [i64; 2],
    /// Percentage lost on each half of the path.
    pub loss: u32,
    /// Percentage that arrives a second time, up to three seconds later.
    pub repeated: u32,
    /// Percentage followed by a forged RST.
    pub forged: u32,
    /// Percentage that arrives without having been captured.
    pub missed: u32,
    /// Percentage captured twice.
    pub duplicated: u32,
    /// Percentage of SYNs arriving in SYN-RECEIVED that are answered by a repeated SYN/ACK instead
    /// of a bare ACK.
    pub synack_again: u32,
    /// Percentage of opened connections on which the opening end sends a request of 50 octets
    /// within three seconds.
    pub requests: u32,
    /// Percentage of FINs that the peer answers with its own FIN at once.
    pub closes_too: u32,
    /// Whether an end in the state CLOSED answers with an RST.
    pub resets: bool,
    /// Microseconds to the first retransmission; doubled for each further one.
    pub rto: i64,
    /// The most retransmissions that a timer makes.
    pub retransmissions: u32,
}

impl Default for Conditions {
    /// A perfect path without delay.
    fn default() -> Self {
        Self {
            delay: [0; 2],
            loss: 0,
            repeated: 0,
            forged: 0,
            missed: 0,
            duplicated: 0,
            synack_again: 100,
            requests: 0,
            closes_too: 0,
            resets: true,
            rto: SECOND,
            retransmissions: 4,
        }
    }
}

/// An exchange while it takes place.
pub struct Simulation {
    random: Rng,
    conditions: Conditions,
    events: BinaryHeap<Reverse<(i64, u64, Event)>>,
    count: u64,
    now: i64,
    /// The two ends.
    pub ends: [Tcp; 2],
    /// The packets captured so far.
    pub passed: Vec<Passed>,
}

impl Simulation {
    /// An exchange between these ends; nothing happens before an action is scheduled.
    pub fn new(random: Rng, ends: [Tcp; 2], conditions: Conditions) -> Self {
        Self {
            random,
            conditions,
            events: BinaryHeap::new(),
            count: 0,
            now: 0,
            ends,
            passed: Vec::new(),
        }
    }

    /// Has the application of an end act in `us` microseconds.
    pub fn schedule(&mut self, us: i64, end: usize, action: Action) {
        self.after(us, Event::Acts(end, action));
    }

    fn after(&mut self, us: i64, event: Event) {
        self.count += 1;
        self.events.push(Reverse((self.now + us, self.count, event)));
    }

    fn chance(&mut self, percent: u32) -> bool {
        chance(&mut self.random, percent)
    }

    /// Runs until nothing is left to happen.
    #[must_use]
    pub fn run(mut self) -> Self {
        while let Some(Reverse((at, _, event))) = self.events.pop() {
            self.now = at.max(self.now);
            match event {
                Event::Passes(sent) => self.pass(sent),
                Event::Arrives(segment) => self.arrive(&segment),
                Event::Timer(end, copy) => {
                    let again = self.ends[end].again();
                    if again.is_some() && copy <= self.conditions.retransmissions {
                        self.send(again, copy);
                    }
                }
                Event::Acts(end, action) => {
                    let tcp = &mut self.ends[end];
                    let segment = match action {
                        Action::Open => tcp.open(),
                        Action::Send(octets) => tcp.send(octets),
                        Action::Close => tcp.close(),
                        Action::Abort => tcp.abort(),
                    };
                    self.send(segment, 0);
                }
            }
        }
        self
    }

    fn arrive(&mut self, segment: &Segment) {
        let to = 1 - segment.from;
        let before = self.ends[to].state;
        if before == State::Closed && !self.conditions.resets {
            return;
        }
        let synack_again = self.chance(self.conditions.synack_again);
        let mut answer = self.ends[to].receive(segment, synack_again);
        let after = self.ends[to].state;
        if (before, after) == (State::SynSent, State::Established)
            && self.chance(self.conditions.requests)
        {
            let later = self.random.i64(0..3_000) * MS;
            self.schedule(later, to, Action::Send(50));
        }
        if (before, after) == (State::Established, State::CloseWait)
            && self.chance(self.conditions.closes_too)
        {
            // The FIN of the answer also acknowledges.
            answer = self.ends[to].close();
        }
        self.send(answer, 0);
    }

    fn send(&mut self, segment: Option<Segment>, copy: u32) {
        let Some(segment) = segment else { return };
        if segment.syn || segment.fin || segment.payload > 0 {
            self.after(self.conditions.rto << copy, Event::Timer(segment.from, copy + 1));
        }
        if !self.chance(self.conditions.loss) {
            let state = self.ends[segment.from].state.number();
            let delay = self.conditions.delay[segment.from];
            self.after(delay, Event::Passes(Sent { segment, state, copy }));
        }
    }

    fn pass(&mut self, sent: Sent) {
        let Sent { segment, state, copy } = sent;
        if !self.chance(self.conditions.missed) {
            let passed =
                Passed { us: self.now, segment, state, copy, forged: false, duplicate: false };
            self.passed.push(passed);
            if self.chance(self.conditions.duplicated) {
                self.now += 10;
                self.passed.push(Passed { us: self.now, duplicate: true, ..passed });
            }
        }
        let delay = self.conditions.delay[1 - segment.from];
        if !self.chance(self.conditions.loss) {
            self.after(delay, Event::Arrives(segment));
        }
        if self.chance(self.conditions.repeated) {
            let later = self.random.i64(0..3_000) * MS;
            self.after(delay + later, Event::Arrives(segment));
        }
        if self.chance(self.conditions.forged) {
            let forged = self.forge(&segment);
            self.now += 1;
            self.passed.push(Passed {
                us: self.now,
                segment: forged,
                state,
                copy: 0,
                forged: true,
                duplicate: false,
            });
            self.after(delay, Event::Arrives(forged));
        }
    }

    /// An RST in the name of the sender, with a sequence number far from all others, or one that may be
    /// in the window of the receiver.
    fn forge(&mut self, segment: &Segment) -> Segment {
        let near = self.random.u32(1..1200);
        let far = if self.random.bool() { near } else { 1 << self.random.u32(22..30) };
        let seq = match self.random.bool() {
            true => segment.end().wrapping_add(far),
            false => segment.end().wrapping_sub(far),
        };
        let ack = segment.ack.filter(|_| self.random.bool());
        Segment { syn: false, fin: false, rst: true, payload: 0, seq, ack, ..*segment }
    }
}

/// Gives the engine the segments that passed; returns its report on each. End 0 is the script's
/// client.
pub fn play(script: &mut Script, passed: &[Passed]) -> Vec<Reported> {
    let mut reported = Vec::new();
    let mut us = 0;
    for Passed { us: at, segment, duplicate, .. } in passed {
        reported.push(if *duplicate {
            script.mirrored().after_us(at - us).sent()
        } else {
            let builder = script.sender(segment.from).send(segment.flags());
            let builder = builder.raw_seq(segment.seq).raw_ack(segment.ack.unwrap_or(0));
            builder.carrying(segment.payload as usize).after_us(at - us).sent()
        });
        us = *at;
    }
    reported
}

impl Segment {
    /// Its control bits.
    pub fn flags(&self) -> TcpFlags {
        TcpFlags::empty()
            .with(TcpFlags::SYN, self.syn)
            .with(TcpFlags::FIN, self.fin)
            .with(TcpFlags::RST, self.rst)
            .with(TcpFlags::ACK, self.ack.is_some())
    }
}
