//! Two ends that close as RFC 9293 §3.6 lays down, at random times, over a network that loses and
//! delays; what is said of each segment is held against what its sender was.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use dissector_core::connection::{Close, ClosedBy, Repeat, Stage, State};
use dissector_core::wire::TcpFlags;

use crate::network::Dice;
use crate::script::{Script, Seen};

const FIN: TcpFlags = TcpFlags::FIN;
const ACK: TcpFlags = TcpFlags::ACK;
const MS: i64 = 1_000;

/// Numbers of both ends when the close begins: after a handshake and five octets of the client.
const NEXT: [u32; 2] = [1006, 5001];

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Packet {
    from: usize,
    fin: bool,
    /// How many copies of the FIN went before.
    copy: u32,
    seq: u32,
    ack: u32,
    /// State of its sender once it was sent.
    state: u8,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Event {
    Passes(Packet),
    Arrives(Packet),
    Timer(usize, u32),
    Close(usize),
}

struct End {
    state: State,
    /// The peer's FIN has arrived.
    peer_fin: bool,
}

struct Network {
    dice: Dice,
    events: BinaryHeap<Reverse<(i64, u64, Event)>>,
    count: u64,
    now: i64,
    ends: [End; 2],
    delay: [i64; 2],
    loss: u64,
    script: Script,
    recorded_us: i64,
    seen: Vec<(Packet, Seen)>,
}

impl Network {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let mut delay = || [20, 5 * MS, 60 * MS, 150 * MS][dice.roll(4) as usize];
        let delay = [delay(), delay()];
        let loss = [0, 10, 30][dice.roll(3) as usize];
        let mut script = Script::new();
        script.used();
        let end = || End { state: State::Established, peer_fin: false };
        let mut network = Self {
            dice,
            events: BinaryHeap::new(),
            count: 0,
            now: 0,
            ends: [end(), end()],
            delay,
            loss,
            script,
            recorded_us: 0,
            seen: Vec::new(),
        };
        for side in 0..2 {
            if network.dice.percent(85) {
                let at = [0, 50, 200, 2_000][network.dice.roll(4) as usize] * MS;
                network.after(at + 1, Event::Close(side));
            }
        }
        network
    }

    fn after(&mut self, us: i64, event: Event) {
        self.count += 1;
        self.events.push(Reverse((self.now + us, self.count, event)));
    }

    fn send(&mut self, from: usize, fin: bool, copy: u32) {
        let end = &self.ends[from];
        let sent_fin = !matches!(end.state, State::Established | State::CloseWait);
        // A FIN is sent at the next number; what follows it comes one later.
        let seq = NEXT[from] + u32::from(sent_fin && !fin);
        let ack = NEXT[1 - from] + u32::from(end.peer_fin);
        let packet = Packet { from, fin, copy, seq, ack, state: end.state.number() };
        if !self.dice.percent(self.loss) {
            self.after(self.delay[from], Event::Passes(packet));
        }
    }

    fn close(&mut self, side: usize) {
        let end = &mut self.ends[side];
        end.state = match end.state {
            State::Established => State::FinWait1,
            State::CloseWait => State::LastAck,
            _ => return,
        };
        self.send(side, true, 0);
        self.after(300 * MS, Event::Timer(side, 1));
    }

    fn arrive(&mut self, packet: Packet) {
        let to = 1 - packet.from;
        let end = &mut self.ends[to];
        if packet.ack == NEXT[to] + 1 {
            end.state = match end.state {
                State::FinWait1 => State::FinWait2,
                State::Closing => State::TimeWait,
                State::LastAck => State::Closed,
                other => other,
            };
        }
        // A closed end would answer with an RST; here it has gone home.
        if !packet.fin || end.state == State::Closed {
            return;
        }
        end.peer_fin = true;
        end.state = match end.state {
            State::Established => State::CloseWait,
            State::FinWait1 => State::Closing,
            State::FinWait2 => State::TimeWait,
            other => other,
        };
        if end.state == State::CloseWait && self.dice.percent(40) {
            self.close(to);
        } else {
            self.send(to, false, 0);
        }
    }

    fn run(&mut self) {
        while let Some(Reverse((at, _, event))) = self.events.pop() {
            self.now = at;
            match event {
                Event::Passes(packet) => {
                    self.record(packet);
                    if !self.dice.percent(self.loss) {
                        self.after(self.delay[1 - packet.from], Event::Arrives(packet));
                    }
                }
                Event::Arrives(packet) => self.arrive(packet),
                Event::Close(side) => self.close(side),
                Event::Timer(side, copy) => {
                    let state = self.ends[side].state;
                    if matches!(state, State::FinWait1 | State::Closing | State::LastAck) {
                        self.send(side, true, copy);
                        if copy < 4 {
                            self.after((300 * MS) << copy, Event::Timer(side, copy + 1));
                        }
                    }
                }
            }
        }
    }

    fn record(&mut self, packet: Packet) {
        let us = self.now - self.recorded_us;
        self.recorded_us = self.now;
        let sender = if packet.from == 0 { self.script.client() } else { self.script.server() };
        let flags = if packet.fin { FIN | ACK } else { ACK };
        let draft = sender.send(flags).raw_seq(packet.seq).raw_ack(packet.ack);
        let seen = draft.after_us(us).sent();
        self.seen.push((packet, seen));
    }
}

fn check(seed: u64) -> Close {
    let mut network = Network::new(seed);
    network.run();
    let Network { script, seen, .. } = &network;

    // Of an end whose first FIN was lost before the capture point nobody there knows when it was.
    let lost = [0, 1].map(|side| {
        let sent = |packet: &Packet| packet.from == side && (packet.fin || packet.seq > NEXT[side]);
        let first = seen.iter().map(|(packet, _)| packet).find(|packet| sent(packet));
        first.is_some_and(|packet| !packet.fin || packet.copy > 0)
    });
    let mut repeated = [false; 2];
    for (packet, seen) in seen {
        if lost[packet.from] {
            continue;
        }
        repeated[packet.from] |= packet.copy > 0;
        let said = if packet.from == 0 { seen.0.client } else { seen.0.server };
        assert_ne!((said.after(), said.proven()), (State::FinWait2, true), "seed {seed}");
        // The ACK of a FIN may be under way to it while it is sent again.
        let arrived = (said.after().number(), packet.state)
            == (State::Closing.number(), State::TimeWait.number());
        if said.proven() && !(arrived && repeated[packet.from]) {
            let what = format!("seed {seed}: {packet:?} {:?}", seen.0);
            assert_eq!(said.after().number(), packet.state, "{what}");
        }
    }

    // Each FIN is sent for the first time once, and acknowledged for the first time once.
    let of = |side: usize| seen.iter().filter(move |(packet, _)| packet.from == side);
    let fins = [0, 1].map(|side| of(side).filter(|(packet, _)| packet.fin).count());
    for (side, fins) in fins.into_iter().enumerate() {
        let first = of(side).filter(|(packet, seen)| packet.fin && seen.0.copy == Repeat::Original);
        assert_eq!(first.count(), fins.min(1), "seed {seed}");
    }
    let stages = |stage| seen.iter().filter(|(_, seen)| seen.0.stage == stage).count();
    for stage in [Stage::FinAcked, Stage::SecondFinAcked] {
        assert!(stages(stage) <= 1, "seed {seed}: {stage}");
    }

    // What passed says how it ended.
    let acknowledged = |side: usize| {
        let first = seen.iter().position(|(packet, _)| packet.from == side && packet.fin);
        first.is_some_and(|first| {
            let after = &seen[first..];
            after.iter().any(|(packet, _)| packet.from != side && packet.ack == NEXT[side] + 1)
        })
    };
    let verdict = script.verdict();
    let close = verdict.close;
    match (fins.iter().filter(|fins| **fins > 0).count(), acknowledged(0) && acknowledged(1)) {
        (0, _) => assert_eq!(close, Close::Open, "seed {seed}"),
        (1, _) => assert_eq!(close, Close::HalfClosed, "seed {seed}"),
        (_, false) => assert_eq!(close, Close::FinUnacked, "seed {seed}"),
        (_, true) => {
            // Neither FIN acknowledges the other, as they were first seen.
            let first =
                |side: usize| of(side).find(|(packet, _)| packet.fin).map(|seen| seen.0.ack);
            let unaware = |side: usize| first(side) == Some(NEXT[1 - side]);
            let together = unaware(0) && unaware(1);
            let expected = if together { Close::Simultaneous } else { Close::Fin };
            assert_eq!(close, expected, "seed {seed}");
        }
    }
    if close == Close::Fin {
        let (first, _) = seen.iter().find(|(packet, _)| packet.fin).expect("a FIN passed");
        let by = if first.from == 0 { ClosedBy::Client } else { ClosedBy::Server };
        assert_eq!(verdict.closed_by, Some(by), "seed {seed}");
    }
    close
}

#[test]
fn a_close_is_said_to_be_what_it_was() {
    let mut closes = Vec::new();
    for seed in 0..5_000 {
        let close = check(seed);
        if !closes.contains(&close) {
            closes.push(close);
        }
    }
    assert_eq!(closes.len(), 5, "{closes:?}");
}
