//! Two ends that follow RFC 9293, a path that loses and delays, and a tap somewhere on it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use dissector_core::connection::State;

use super::tcp::{Packet, Tcp};
use crate::network::Dice;

const MS: i64 = 1_000;
const SECOND: i64 = 1_000 * MS;

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Event {
    Passes(Packet),
    Arrives(Packet),
    /// Copy number so and so of what is not acknowledged yet.
    Timer(usize, u32),
    /// The application of an end does something.
    Acts(usize),
    Opens(usize),
}

/// A segment as it passed the tap.
#[derive(Clone, Copy, Debug)]
pub struct Passed {
    pub us: i64,
    pub packet: Packet,
    /// Nobody has sent it: it was put on the path, and may arrive.
    pub forged: bool,
}

/// What may go wrong.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// Of a hundred segments, how many get lost on each half of the way.
    pub loss: u64,
    /// Of a hundred that arrive, how many come again, later.
    pub repeat: u64,
    /// Of a hundred that pass, how many are followed by a forged one.
    pub forge: u64,
}

pub struct Exchange {
    dice: Dice,
    weather: Weather,
    events: BinaryHeap<Reverse<(i64, u64, Event)>>,
    count: u64,
    now: i64,
    ends: [Tcp; 2],
    /// Microseconds between each end and the tap.
    delay: [i64; 2],
    pub passed: Vec<Passed>,
}

/// What passes the tap in one exchange.
pub fn exchange(seed: u64, weather: Weather) -> Vec<Passed> {
    let mut dice = Dice(seed);
    let mut delay = || [20, 300, 5 * MS, 40 * MS, 350 * MS][dice.roll(5) as usize];
    let delay = [delay(), delay()];
    let mut iss = || [0, u32::MAX, 7_777_777, 0x7fff_ffff, u32::MAX - 20][dice.roll(5) as usize];
    let isss = [iss(), iss()];
    // Of ten, one finds nobody, and in one both ends open at once.
    let (nobody, both) = (dice.percent(10), dice.percent(10));
    let state = if nobody || both { State::Closed } else { State::Listen };
    let ends = [Tcp::new(0, State::Closed, isss[0]), Tcp::new(1, state, isss[1])];
    let mut it = Exchange {
        dice,
        weather,
        events: BinaryHeap::new(),
        count: 0,
        now: 0,
        ends,
        delay,
        passed: Vec::new(),
    };
    it.after(0, Event::Opens(0));
    if both {
        // Before the other's SYN can be there.
        let later = it.dice.roll((delay[0] + delay[1]) as u64) as i64;
        it.after(later, Event::Opens(1));
    }
    for side in [0, 1] {
        for _ in 0..it.dice.roll(4) {
            let later = it.dice.roll(6_000) as i64 * MS;
            it.after(later, Event::Acts(side));
        }
    }
    it.run();
    it.passed
}

impl Exchange {
    fn after(&mut self, us: i64, event: Event) {
        self.count += 1;
        self.events.push(Reverse((self.now + us, self.count, event)));
    }

    fn run(&mut self) {
        while let Some(Reverse((at, _, event))) = self.events.pop() {
            self.now = at;
            match event {
                Event::Passes(packet) => self.pass(packet),
                Event::Arrives(packet) => {
                    let to = 1 - packet.from;
                    let repeats = self.dice.percent(70);
                    let answer = self.ends[to].receive(&packet, repeats);
                    self.send(answer);
                }
                Event::Timer(side, copy) => {
                    let again = self.ends[side].again();
                    if again.is_some() && copy < 5 {
                        self.send_numbered(again, copy);
                    }
                }
                Event::Acts(side) => {
                    let end = &mut self.ends[side];
                    let packet = match self.dice.roll(10) {
                        0..5 => end.send(1 + self.dice.roll(100) as u32),
                        5..9 => end.close(),
                        _ => end.abort(),
                    };
                    self.send(packet);
                }
                Event::Opens(side) => {
                    if self.ends[side].state == State::Closed {
                        let syn = self.ends[side].open();
                        self.send(Some(syn));
                    }
                }
            }
        }
    }

    fn send(&mut self, packet: Option<Packet>) {
        self.send_numbered(packet, 0);
    }

    fn send_numbered(&mut self, packet: Option<Packet>, copy: u32) {
        let Some(packet) = packet else { return };
        let takes_numbers = packet.syn || packet.fin || packet.payload > 0;
        if takes_numbers {
            self.after(SECOND << copy, Event::Timer(packet.from, copy + 1));
        }
        if !self.dice.percent(self.weather.loss) {
            self.after(self.delay[packet.from], Event::Passes(packet));
        }
    }

    fn pass(&mut self, packet: Packet) {
        self.passed.push(Passed { us: self.now, packet, forged: false });
        let way = self.delay[1 - packet.from];
        if !self.dice.percent(self.weather.loss) {
            self.after(way, Event::Arrives(packet));
        }
        if self.dice.percent(self.weather.repeat) {
            let later = self.dice.roll(3_000) as i64 * MS;
            self.after(way + later, Event::Arrives(packet));
        }
        if self.dice.percent(self.weather.forge) {
            let forged = self.forge(&packet);
            self.now += 1;
            self.passed.push(Passed { us: self.now, packet: forged, forged: true });
            self.after(way, Event::Arrives(forged));
        }
    }

    /// An RST in the name of the sender, with a number that lies far from all others.
    fn forge(&mut self, packet: &Packet) -> Packet {
        let far = 1 << (22 + self.dice.roll(8));
        let seq = match self.dice.percent(50) {
            true => packet.end().wrapping_add(far),
            false => packet.end().wrapping_sub(far),
        };
        let ack = packet.ack.filter(|_| self.dice.percent(50));
        Packet { syn: false, fin: false, rst: true, payload: 0, seq, ack, ..*packet }
    }
}
