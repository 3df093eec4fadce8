//! The router between the two hosts: this program. It hands on, loses, changes and makes up segments
//! as its [`Orders`] say, and keeps a [`Log`] of all that it does but hand on.
//!
//! To the hosts it is a cable with a hop in it: their addresses are of one network. Rules see numbers
//! and addresses as the client's side has them.

mod flow;
mod log;
mod made;
mod packet;
mod rules;

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use testkit::kernel::{Arrived, Plugs, Side};
use testkit::packet::ACK;
use testkit::random::{Rng, chance};

use super::super::lab::Lab;
use flow::Flow;
pub(super) use log::{Action, Done, Ends, Log, Passed, Seen};
pub(super) use packet::{ECN, Header, MSS, Packet, SACK_PERMITTED, TIMESTAMPS, WINDOW_SCALE};
pub(super) use rules::{Answer, Does, Edit, Kind, Orders, PLAIN, Proxy, Rule, Translation, Ttl};

/// How long the router waits before it looks whether it is to end.
const PACE: Duration = Duration::from_millis(20);

/// The router at work, on a thread of its own.
pub(super) struct Router {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<Log>>>,
}

impl Router {
    /// Begins to hand on between the laboratory's hosts.
    pub(super) fn start(lab: &Lab, orders: Orders) -> Result<Self> {
        let stop = Arc::<AtomicBool>::default();
        let mut running = Running {
            orders,
            plugs: Plugs::open(&lab.middle()?)?,
            flows: Vec::new(),
            known: HashMap::new(),
            under_way: BTreeMap::new(),
            sent: 0,
            not_before: [None; 2],
            random: Rng::with_seed(5),
            log: Log::default(),
        };
        let told = Arc::clone(&stop);
        let thread = thread::Builder::new().name("router".into()).spawn(move || {
            while !told.load(Ordering::Relaxed) {
                running.work()?;
            }
            let Running { mut log, flows, .. } = running;
            log.flows = flows.iter().map(|flow| flow.seen).collect();
            Ok(log)
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }

    /// Ends it, and gives what it did.
    pub(super) fn end(mut self) -> Result<Log> {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take().ok_or_else(|| anyhow!("the router has ended"))?;
        thread.join().map_err(|_| anyhow!("the router panicked"))?
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// The data of the router's thread.
struct Running {
    orders: Orders,
    plugs: Plugs,
    flows: Vec<Flow>,
    /// The flows by client and server as the client's side has them.
    known: HashMap<[SocketAddr; 2], usize>,
    /// Frames by the time they leave and the number of their turn.
    under_way: BTreeMap<(Instant, u64), (Side, Vec<u8>)>,
    sent: u64,
    /// Nothing leaves to the client, and to the server, before these.
    not_before: [Option<Instant>; 2],
    random: Rng,
    log: Log,
}

/// A segment on its way through the router.
struct Passing {
    to: Side,
    flow: usize,
    packet: Packet,
    action: Action,
    /// How much longer it is under way than others.
    late: Duration,
    /// The names of what was changed.
    changed: Vec<&'static str>,
}

/// What is done besides handing on a segment.
#[derive(Default)]
struct Besides {
    /// It is handed on once more.
    twice: bool,
    /// RSTs follow it to these sides.
    resets: Vec<Side>,
}

impl Running {
    /// Sends what is due, then takes what has arrived.
    fn work(&mut self) -> Result<()> {
        let mut wait = PACE;
        while let Some(entry) = self.under_way.first_entry() {
            wait = entry.key().0.saturating_duration_since(Instant::now());
            if !wait.is_zero() {
                break;
            }
            let (to, frame) = entry.remove();
            self.plugs.send(to, &frame)?;
            wait = PACE;
        }
        // Whole milliseconds, and not 0.
        self.plugs.wait(wait.min(PACE) + Duration::from_micros(999))?;
        // One at a time: what it causes may be due before the next.
        if let Some(arrived) = self.plugs.take()? {
            self.take(arrived);
        }
        Ok(())
    }

    fn take(&mut self, arrived: Arrived) {
        let to = arrived.from.peer();
        let Some(packet) = Packet::of(arrived.frame) else { return };
        for (index, piece) in packet.pieces().into_iter().enumerate() {
            let passing = self.passing(to, arrived.time_ns, piece);
            if index > 0 {
                self.note(&passing, Done::Cut);
            }
            self.pass(passing);
        }
    }

    /// A segment with the numbers and addresses of the client's side.
    fn passing(&mut self, to: Side, at_ns: u64, mut packet: Packet) -> Passing {
        let header = packet.header();
        match self.orders.ttl {
            Ttl::Less(hops) => packet.set_ttl(packet.ttl().saturating_sub(hops)),
            Ttl::Always(ttl) => packet.set_ttl(ttl),
        }
        if to == Side::Client {
            self.orders.translation.leave(&mut packet);
        }
        let flow = self.flow(to, &packet);
        if to == Side::Client {
            self.flows[flow].renumber(to, &mut packet);
        }
        let action =
            Action { done: Done::Lost, to, flow, header, icmp: false, at_ns, changed: Vec::new() };
        Passing { to, flow, packet, action, late: Duration::ZERO, changed: Vec::new() }
    }

    /// The flow of a packet, by its ends as the client's side has them.
    fn flow(&mut self, to: Side, packet: &Packet) -> usize {
        let header = packet.header();
        let mut near_client = [header.source, header.destination];
        if to == Side::Client {
            near_client.reverse();
        }
        *self.known.entry(near_client).or_insert_with(|| {
            let near_server = self.orders.translation.ends(near_client);
            let ends = Ends { near_client, near_server };
            self.flows.push(Flow::new(ends, &self.orders));
            self.flows.len() - 1
        })
    }

    /// Hands a segment on, or does else what the orders say.
    fn pass(&mut self, mut passing: Passing) {
        let flow = passing.flow;
        if let Some(reset) = self.flows[flow].forgotten {
            return if reset {
                self.reject(&passing, Answer::Rst)
            } else {
                self.note(&passing, Done::Lost)
            };
        }
        if let Some(kind) = self.orders.proxy {
            let served = self.flows[flow].serve(kind, passing.to, &passing.packet);
            if let Some(made) = served {
                self.note(&passing, Done::Taken);
                for (done, to, packet) in made {
                    self.make(&passing, done, to, packet);
                }
                return;
            }
        }
        let Some(Besides { twice, resets }) = self.obey(&mut passing) else { return };
        let seen = passing.packet.header();
        if self.flows[flow].renumbers() && self.orders.proxy.is_none() {
            passing.changed.push("sequence");
        }
        if !passing.changed.is_empty() {
            self.note(&passing, Done::Changed);
        }
        let passed = &mut self.flows[flow].seen.passed[passing.to as usize];
        passed.segments += 1;
        passed.acknowledged |= seen.flags & ACK != 0;
        passed.last_ns = passing.action.at_ns;
        self.hand_on(&passing);
        if twice {
            self.note(&passing, Done::Doubled);
            self.hand_on(&passing);
        }
        for side in resets {
            let reset = made::reset(&seen, side == passing.to);
            self.make(&passing, Done::Injected, side, reset);
        }
    }

    /// Does with a segment as the rules say; none that it is not handed on.
    fn obey(&mut self, passing: &mut Passing) -> Option<Besides> {
        let flow = passing.flow;
        let mut besides = Besides::default();
        for (index, rule) in self.orders.rules.iter().enumerate() {
            let fits = rule.to == passing.to
                && rule.connection.is_none_or(|number| number == flow)
                && rule.kind.contains(&passing.packet.header());
            if !fits {
                continue;
            }
            let count = self.flows[flow].count(index);
            if count < rule.which.0 || count > rule.which.1 {
                continue;
            }
            match rule.does {
                Does::LosePercent(percent) if !chance(&mut self.random, percent) => {}
                Does::Lose | Does::LosePercent(_) => {
                    self.note(passing, Done::Lost);
                    return None;
                }
                Does::Reject(answer) => {
                    self.reject(passing, answer);
                    return None;
                }
                Does::Double => besides.twice = true,
                Does::Late(by) => {
                    passing.late = Duration::from_millis(by);
                    self.note(passing, Done::Reordered);
                }
                Does::Hold(by) => {
                    let until = Instant::now() + Duration::from_millis(by);
                    self.not_before[passing.to as usize] = Some(until);
                    self.note(passing, Done::Delayed);
                }
                Does::Reset(sides) => besides.resets.extend(sides),
                Does::Forget => self.flows[flow].forgotten = Some(false),
                Does::ForgetAndReset => self.flows[flow].forgotten = Some(true),
                Does::Edit(edit) => passing.changed.extend(edit.apply(&mut passing.packet)),
            }
        }
        Some(besides)
    }

    /// Writes down what is done to a segment.
    fn note(&mut self, passing: &Passing, done: Done) {
        let mut action = Action { done, ..passing.action.clone() };
        if done == Done::Changed {
            action.changed.clone_from(&passing.changed);
        }
        self.log.actions.push(action);
    }

    /// Lets a segment leave, as the side that it goes to has it.
    fn hand_on(&mut self, passing: &Passing) {
        let mut packet = passing.packet.clone();
        self.dress(passing.flow, passing.to, &mut packet);
        self.send(passing.to, packet.into_frame(), passing.late);
    }

    /// Gives a packet the numbers and addresses of the side that it goes to.
    fn dress(&self, flow: usize, to: Side, packet: &mut Packet) {
        if to == Side::Server {
            self.flows[flow].renumber(to, packet);
            self.orders.translation.enter(packet);
        }
    }

    fn send(&mut self, to: Side, frame: Vec<u8>, late: Duration) {
        let mut due = Instant::now() + Duration::from_millis(self.orders.delay_ms[to as usize]);
        if let Some(earliest) = self.not_before[to as usize] {
            due = due.max(earliest);
        }
        self.sent += 1;
        self.under_way.insert((due + late, self.sent), (to, frame));
    }

    /// Sends a segment of the router's own.
    fn make(&mut self, cause: &Passing, done: Done, to: Side, mut packet: Packet) {
        packet.set_way(to);
        self.dress(cause.flow, to, &mut packet);
        let header = packet.header();
        let (at_ns, flow) = (cause.action.at_ns, cause.flow);
        let action = Action { done, to, flow, header, icmp: false, at_ns, changed: Vec::new() };
        self.log.actions.push(action);
        self.send(to, packet.into_frame(), Duration::ZERO);
    }

    /// Takes a segment and answers its sender. An RST has no answer.
    fn reject(&mut self, passing: &Passing, answer: Answer) {
        self.note(passing, Done::Taken);
        let header = passing.packet.header();
        let back = passing.to.peer();
        match answer {
            _ if Kind::Rst.contains(&header) => {}
            Answer::Rst => {
                let reset = made::reset(&header, false);
                self.make(passing, Done::Answered, back, reset);
            }
            Answer::AdminProhibited | Answer::TooBig(_) => {
                let mtu = if let Answer::TooBig(mtu) = answer { Some(mtu) } else { None };
                let frame = made::icmp(&passing.packet, back, mtu);
                let action =
                    Action { done: Done::Answered, to: back, icmp: true, ..passing.action.clone() };
                self.log.actions.push(action);
                self.send(back, frame, Duration::ZERO);
            }
        }
    }
}
