//! The wire between two hosts: it takes each packet from one, records it, and hands it to the other.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

use super::plugs::{Plugs, now_ns};
use super::{Connection, Hosts, Side, SocketStates};
use crate::capture::{Frame, Frames, Pcap};
use crate::packet::set_segment_checksum;

/// How long the wire waits for a packet before it asks for states.
const PACE: Duration = Duration::from_millis(10);

/// The kind of a segment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Segments {
    /// Those with exactly these flags in tcpdump's letters, PSH aside: `S`, `S.`, `F.`, `R`, `R.`; and
    /// `.`, which are those without data.
    Flags(String),
    /// Those with data.
    Data,
    /// All.
    All,
}

impl Segments {
    fn contain(&self, segment: &Segment) -> bool {
        match self {
            Self::Flags(flags) => *flags == segment.flags && !(flags == "." && segment.data),
            Self::Data => segment.data,
            Self::All => true,
        }
    }
}

/// The fate of a packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fate {
    /// It is recorded and does not arrive: lost behind the place where the capture is made.
    Lost,
    /// It is neither recorded nor does it arrive: lost before that place.
    Gone,
    /// It arrives and is not recorded: the capture missed it.
    Missed,
    /// It is recorded, and arrives later.
    Late(Duration),
}

/// The treatment that the wire gives to some of the segments to come.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The sender of the segments.
    pub from: Side,
    /// Their kind.
    pub segments: Segments,
    /// How many of them the rule is still for.
    pub times: usize,
    /// Their fate.
    pub fate: Fate,
}

/// A packet that came over the wire.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// When it left its sender, in nanoseconds since 1970.
    pub time_ns: u64,
    /// The connection of its segment, if it has one.
    pub connection: Option<Connection>,
    /// Its sender.
    pub from: Side,
    /// The Ethernet frame.
    pub frame: Vec<u8>,
    /// Whether a capture on the wire has it.
    pub captured: bool,
}

/// A connection's states, as the kernels told them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sample {
    /// When they were asked, in nanoseconds since 1970.
    pub time_ns: u64,
    /// The connection.
    pub connection: Connection,
    /// The states of the client's end and of the server's, by their names in RFC 9293.
    pub states: [&'static str; 2],
}

/// All that went over the wire.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// Every packet, in order.
    pub packets: Vec<Recorded>,
    /// When something arrived or left, in nanoseconds since 1970, in order.
    pub busy_ns: Vec<u64>,
    /// The states that the kernels told, at least every hundredth of a second while nothing was under way.
    pub samples: Vec<Sample>,
}

impl Recording {
    /// A capture in a file, of those packets that `has` is true for.
    pub fn capture(&self, has: &[bool]) -> Vec<u8> {
        const ETHERNET: u32 = 1;
        let packets = self.packets.iter().zip(has).filter(|(_, has)| **has);
        let frames = packets.map(|(packet, _)| Frame::whole(packet.time_ns, packet.frame.clone()));
        Frames { link_type: ETHERNET, frames: frames.collect() }.pcap(Pcap::Nanoseconds)
    }
}

#[derive(Default)]
struct Shared {
    rules: Mutex<Vec<Rule>>,
    recording: Mutex<Recording>,
    stop: AtomicBool,
}

/// The wire, on a thread of its own.
pub struct Wire {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Wire {
    /// Joins the hosts.
    ///
    /// # Errors
    /// If the kernel does not let the wire's ends be read.
    pub fn join(hosts: &Hosts) -> Result<Self> {
        let shared = Arc::<Shared>::default();
        let run = Running::new(hosts, Arc::clone(&shared))?;
        let thread = thread::Builder::new().name("wire".into()).spawn(|| run.run())?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Adds a rule; the first that fits a packet decides on it.
    pub fn rule(&self, rule: Rule) {
        lock(&self.shared.rules).push(rule);
    }

    /// How many packets there were so far.
    pub fn packets(&self) -> usize {
        lock(&self.shared.recording).packets.len()
    }

    /// How long nothing has been under way; no more than that the wire runs.
    pub fn quiet_for(&self) -> Duration {
        let last = lock(&self.shared.recording).busy_ns.last().copied().unwrap_or(0);
        Duration::from_nanos(now_ns().saturating_sub(last))
    }

    /// Cuts the wire.
    ///
    /// # Errors
    /// The first that the wire met with.
    pub fn end(mut self) -> Result<Recording> {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().map_err(|_| anyhow!("the wire panicked"))??;
        }
        Ok(mem::take(&mut lock(&self.shared.recording)))
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }
}

/// The data of the wire's thread.
struct Running {
    shared: Arc<Shared>,
    plugs: Plugs,
    states: [SocketStates; 2],
    connections: BTreeSet<Connection>,
    /// Packets under way, by the time of their arrival.
    late: BTreeMap<Instant, (Side, Vec<u8>)>,
}

impl Running {
    fn new(hosts: &Hosts, shared: Arc<Shared>) -> Result<Self> {
        let plugs = Plugs::open(&hosts.middle)?;
        let states = |side| SocketStates::of(hosts.at(side), side);
        let states = [states(Side::Client)?, states(Side::Server)?];
        let (connections, late) = (BTreeSet::new(), BTreeMap::new());
        Ok(Self { shared, plugs, states, connections, late })
    }

    fn run(mut self) -> Result<()> {
        while !self.shared.stop.load(Ordering::Relaxed) {
            let mut wait = PACE;
            if let Some(entry) = self.late.first_entry() {
                wait = entry.key().saturating_duration_since(Instant::now());
                if wait.is_zero() {
                    let (from, frame) = entry.remove();
                    self.deliver(from, &frame)?;
                    continue;
                }
                wait = wait.min(PACE);
            }
            // Whole milliseconds, and not 0.
            if !self.plugs.wait(wait + Duration::from_millis(1))? {
                self.ask()?;
            }
            while let Some(arrived) = self.plugs.take()? {
                self.take(arrived.from, arrived.time_ns, arrived.frame)?;
            }
        }
        Ok(())
    }

    /// Does with a packet as the rules say.
    fn take(&mut self, from: Side, time_ns: u64, mut frame: Vec<u8>) -> Result<()> {
        const ETHERNET: usize = 14;
        if frame.len() < ETHERNET + 20 || frame[12..14] != [8, 0] {
            return Ok(());
        }
        set_segment_checksum(&mut frame[ETHERNET..]);
        let segment = Segment::of(&frame[ETHERNET..]);
        let connection = segment.as_ref().map(|segment| segment.connection(from));
        self.connections.extend(connection);
        let fate = segment.and_then(|segment| self.fate(from, &segment));
        let captured = !matches!(fate, Some(Fate::Gone | Fate::Missed));
        {
            let mut recording = lock(&self.shared.recording);
            recording.packets.push(Recorded {
                time_ns,
                connection,
                from,
                frame: frame.clone(),
                captured,
            });
            recording.busy_ns.push(time_ns);
        }
        match fate {
            Some(Fate::Lost | Fate::Gone) => Ok(()),
            Some(Fate::Late(by)) => {
                let mut arrival = Instant::now() + by;
                while self.late.contains_key(&arrival) {
                    arrival += Duration::from_nanos(1);
                }
                self.late.insert(arrival, (from, frame));
                Ok(())
            }
            Some(Fate::Missed) | None => self.deliver(from, &frame),
        }
    }

    /// The fate by the first rule that fits.
    fn fate(&self, from: Side, segment: &Segment) -> Option<Fate> {
        let mut rules = lock(&self.shared.rules);
        let rule = rules
            .iter_mut()
            .find(|rule| rule.from == from && rule.times > 0 && rule.segments.contain(segment))?;
        rule.times -= 1;
        Some(rule.fate)
    }

    fn deliver(&self, from: Side, frame: &[u8]) -> Result<()> {
        self.plugs.send(from.peer(), frame)?;
        lock(&self.shared.recording).busy_ns.push(now_ns());
        Ok(())
    }

    /// Asks both kernels for all connections.
    fn ask(&mut self) -> Result<()> {
        let time_ns = now_ns();
        let mut samples = Vec::new();
        for connection in &self.connections {
            let [client, server] = &mut self.states;
            let states = [client.state(*connection)?, server.state(*connection)?];
            samples.push(Sample { time_ns, connection: *connection, states });
        }
        // A packet that is there by now may have left before the kernels answered.
        if !self.plugs.wait(Duration::ZERO)? {
            lock(&self.shared.recording).samples.extend(samples);
        }
        Ok(())
    }
}

/// A TCP segment, as far as the wire looks at it.
struct Segment {
    ports: [u16; 2],
    flags: String,
    data: bool,
}

impl Segment {
    /// That of an IPv4 packet.
    fn of(packet: &[u8]) -> Option<Self> {
        const TCP: u8 = 6;
        let header = usize::from(packet[0] & 0x0f) * 4;
        let total = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
        if packet[9] != TCP {
            return None;
        }
        let tcp = packet.get(header..total)?;
        let [a, b, c, d] = *tcp.first_chunk()?;
        let octets = usize::from(tcp.get(12)? >> 4) * 4;
        // tcpdump's order and letters, without PSH.
        let letters =
            [(1, 'F'), (2, 'S'), (4, 'R'), (0x20, 'U'), (0x40, 'E'), (0x80, 'W'), (16, '.')];
        let bits = *tcp.get(13)?;
        let set = letters.iter().filter(|(bit, _)| bits & bit != 0);
        Some(Self {
            ports: [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])],
            flags: set.map(|(_, letter)| letter).collect(),
            data: tcp.len() > octets,
        })
    }

    fn connection(&self, from: Side) -> Connection {
        let [own, peer] = self.ports;
        match from {
            Side::Client => Connection { client: own, server: peer },
            Side::Server => Connection { client: peer, server: own },
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
