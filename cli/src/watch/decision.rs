//! When a connection is decided.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use dissector_core::capture::Packet;
use dissector_core::connection::{Annotation, Connection, Outcome, OutcomeClass, Stage};

/// Silence after which a connection counts as failed, in nanoseconds: the engine's own measure.
const PATIENCE_NS: i64 = 3_000_000_000;
/// Undecided connections that are kept; those beyond are decided when they leave the table.
const MOST_UNDECIDED: usize = 100_000;

/// A connection that is decided, or decided otherwise than before.
#[derive(Clone, Debug)]
pub struct Decided {
    pub connection: Connection,
    pub outcome: Outcome,
    /// The time at which it is.
    pub now_ns: i64,
    /// Whether the capture itself shows that time; otherwise it has passed since the last packet came.
    pub sure: bool,
    pub before: Option<Said>,
}

/// What was said of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Said {
    pub outcome: Outcome,
    /// Whether a line was written.
    pub shown: bool,
}

/// A connection that waits for its next packet, or for its time to run out.
struct Undecided {
    connection: Connection,
    deadline_ns: i64,
}

#[derive(Default)]
pub struct Decisions {
    /// By number of connection, those in the table.
    said: HashMap<u32, Said>,
    undecided: HashMap<u32, Undecided>,
    deadlines: BinaryHeap<Reverse<(i64, u32)>>,
    /// Decided, and not taken yet.
    decided: Vec<Decided>,
    /// Connections by outcome, as they were decided last.
    pub outcomes: [u64; Outcome::ALL.len()],
}

/// The time of a packet.
pub fn time_ns(packet: &Packet<'_>) -> i64 {
    match packet {
        Packet::Segment(segment) => segment.packet.time_ns,
        Packet::IcmpError(error) => error.packet.time_ns,
        _ => 0,
    }
}

impl Decisions {
    /// A packet of a connection has come.
    pub fn on_packet(&mut self, annotation: &Annotation, connection: &Connection, now_ns: i64) {
        let matters = annotation.stage != Stage::None
            || !annotation.findings.is_empty()
            || self.undecided.contains_key(&connection.id())
            || !self.said.contains_key(&connection.id());
        if matters {
            self.judge(connection, now_ns, true);
        }
    }

    /// A connection has left the table, or the capture has ended.
    pub fn on_closed(&mut self, connection: &Connection, now_ns: i64) {
        let id = connection.id();
        self.undecided.remove(&id);
        let outcome = connection.outcome_at(now_ns);
        if let OutcomeClass::Open | OutcomeClass::Failed(_) = outcome.class() {
            self.decide(connection, outcome, now_ns, true);
        }
        self.said.remove(&id);
    }

    /// Judges the connections whose time has run out.
    pub fn due(&mut self, now_ns: i64, sure: bool) {
        while let Some(Reverse((deadline_ns, id))) = self.deadlines.peek().copied()
            && deadline_ns <= now_ns
        {
            self.deadlines.pop();
            let is_due = |undecided: &Undecided| undecided.deadline_ns == deadline_ns;
            if self.undecided.get(&id).is_some_and(is_due)
                && let Some(undecided) = self.undecided.remove(&id)
            {
                self.judge(&undecided.connection, now_ns, sure);
            }
        }
    }

    /// Connections that wait.
    pub fn waiting(&self) -> usize {
        self.undecided.len()
    }

    /// The connections that were decided since the last call.
    pub fn take(&mut self) -> Vec<Decided> {
        std::mem::take(&mut self.decided)
    }

    /// A line on the connection was written.
    pub fn note_shown(&mut self, id: u32) {
        if let Some(said) = self.said.get_mut(&id) {
            said.shown = true;
        }
    }

    fn judge(&mut self, connection: &Connection, now_ns: i64, sure: bool) {
        let outcome = connection.outcome_at(now_ns);
        let patient_until_ns = connection.first_ns().saturating_add(PATIENCE_NS);
        let deadline_ns = match outcome.class() {
            _ if self.said.get(&connection.id()).is_some_and(|said| said.outcome == outcome) => {
                None
            }
            OutcomeClass::Open => None,
            OutcomeClass::Failed(_) if is_by_act(outcome) || now_ns >= patient_until_ns => None,
            OutcomeClass::Failed(_) => Some(patient_until_ns),
            OutcomeClass::NoAttempt => {
                self.undecided.remove(&connection.id());
                return;
            }
            _ => Some(now_ns.saturating_add(PATIENCE_NS)),
        };
        match deadline_ns {
            Some(deadline_ns) => self.wait(connection, deadline_ns),
            None => {
                self.undecided.remove(&connection.id());
                self.decide(connection, outcome, now_ns, sure);
            }
        }
    }

    fn wait(&mut self, connection: &Connection, deadline_ns: i64) {
        let id = connection.id();
        if self.undecided.len() < MOST_UNDECIDED || self.undecided.contains_key(&id) {
            let connection = connection.clone();
            self.undecided.insert(id, Undecided { connection, deadline_ns });
            self.deadlines.push(Reverse((deadline_ns, id)));
        }
    }

    fn decide(&mut self, connection: &Connection, outcome: Outcome, now_ns: i64, sure: bool) {
        let id = connection.id();
        let before = self.said.get(&id).copied();
        if before.is_some_and(|before| before.outcome == outcome) {
            return;
        }
        if let Some(before) = before {
            self.outcomes[usize::from(before.outcome.number())] -= 1;
        }
        self.outcomes[usize::from(outcome.number())] += 1;
        let shown = before.is_some_and(|before| before.shown);
        self.said.insert(id, Said { outcome, shown });
        let connection = connection.clone();
        self.decided.push(Decided { connection, outcome, now_ns, sure, before });
    }
}

/// Whether a packet has decided it, rather than silence: what comes after it is another attempt, as a rule.
fn is_by_act(outcome: Outcome) -> bool {
    matches!(
        outcome,
        Outcome::Refused
            | Outcome::Unreachable
            | Outcome::AbortedByClient
            | Outcome::AbortedByServer
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use dissector_core::{ConnectionTable, PacketInfo, Segment};

    const MS: i64 = 1_000_000;
    const SYN: u8 = 0x02;
    const SYN_ACK: u8 = 0x12;
    const ACK: u8 = 0x10;
    const RST_ACK: u8 = 0x14;

    /// A table, and what is decided of its connections.
    #[derive(Default)]
    struct Scene {
        table: ConnectionTable,
        decisions: Decisions,
        frame: u64,
    }

    impl Scene {
        /// A segment of the client with this port, or of the server, whose octets begin with 100 and 500.
        fn send(&mut self, ms: i64, port: u16, from_client: bool, flags: u8, seq: u32, ack: u32) {
            let mut ends = [[10, 0, 0, 1], [10, 0, 0, 2]];
            let mut ports = [port, 80];
            if !from_client {
                ends.reverse();
                ports.reverse();
            }
            self.frame += 1;
            let info = PacketInfo::new(ends[0], ends[1], ms * MS).with_frame(self.frame);
            let mut octets = ports.map(u16::to_be_bytes).concat();
            octets.extend([seq, ack].map(u32::to_be_bytes).as_flattened());
            octets.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
            let segment = Segment::parse(info, &octets).expect("a segment");
            let annotation = self.table.observe(&segment);
            let now_ns = self.table.now_ns();
            self.decisions.due(now_ns, true);
            let connection = self.table.latest().expect("it is there");
            self.decisions.on_packet(&annotation, connection, now_ns);
        }

        fn said(&mut self) -> Vec<String> {
            let decided = self.decisions.take();
            let said = decided.iter().map(|it| {
                let before =
                    it.before.map_or(String::new(), |before| format!(" < {}", before.outcome));
                let sure = if it.sure { "" } else { "?" };
                format!("{} {}{sure}{before}", it.now_ns / MS, it.outcome)
            });
            said.collect()
        }
    }

    #[test]
    fn it_comes_up_with_the_final_ack_and_is_refused_with_the_rst() {
        let mut scene = Scene::default();
        scene.send(0, 1, true, SYN, 100, 0);
        scene.send(10, 1, false, SYN_ACK, 500, 101);
        assert!(scene.said().is_empty());
        scene.send(11, 1, true, ACK, 101, 501);
        assert_eq!(scene.said(), ["11 complete"]);
        scene.send(12, 1, true, ACK, 101, 501);
        scene.send(20, 2, true, SYN, 100, 0);
        scene.send(21, 2, false, RST_ACK, 0, 101);
        assert_eq!(scene.said(), ["21 refused"]);
        assert_eq!(scene.decisions.waiting(), 0);
    }

    #[test]
    fn silence_decides_after_three_seconds_by_either_clock_and_is_taken_back() {
        let mut scene = Scene::default();
        scene.send(0, 1, true, SYN, 100, 0);
        scene.send(1000, 1, true, SYN, 100, 0);
        scene.decisions.due(2999 * MS, false);
        assert!(scene.said().is_empty());
        scene.decisions.due(3050 * MS, false);
        assert_eq!(scene.said(), ["3050 no_reply?"]);
        // The SYN again says nothing new; the handshake does.
        scene.send(3100, 1, true, SYN, 100, 0);
        assert!(scene.said().is_empty());
        scene.send(3110, 1, false, SYN_ACK, 500, 101);
        scene.send(3111, 1, true, ACK, 101, 501);
        assert_eq!(scene.said(), ["3111 complete < no_reply"]);
        let count = |outcome: Outcome| scene.decisions.outcomes[usize::from(outcome.number())];
        assert_eq!((count(Outcome::Complete), count(Outcome::NoReply)), (1, 0));

        // Another connection tells the time as well.
        scene.send(4000, 2, true, SYN, 100, 0);
        scene.send(7001, 1, true, ACK, 101, 501);
        assert_eq!(scene.said(), ["7001 no_reply"]);
    }

    #[test]
    fn a_handshake_that_the_server_does_not_take_is_taken_back_too() {
        let mut scene = Scene::default();
        scene.send(0, 1, true, SYN, 100, 0);
        scene.send(10, 1, false, SYN_ACK, 500, 101);
        scene.send(11, 1, true, ACK, 101, 501);
        assert_eq!(scene.said(), ["11 complete"]);
        scene.send(1010, 1, false, SYN_ACK, 500, 101);
        scene.send(1011, 1, true, ACK, 101, 501);
        scene.send(3010, 1, false, SYN_ACK, 500, 101);
        scene.send(3011, 1, true, ACK, 101, 501);
        scene.decisions.due(9000 * MS, false);
        assert_eq!(scene.said(), ["3010 not_accepted < complete"]);
    }

    #[test]
    fn what_leaves_is_forgotten() {
        let mut scene = Scene::default();
        for port in 1..100 {
            scene.send(i64::from(port), port, true, SYN, 100, 0);
        }
        assert_eq!(scene.decisions.waiting(), 99);
        scene.table.advance(3_600_000_000_000);
        for connection in scene.table.take_closed() {
            scene.decisions.on_closed(&connection, scene.table.now_ns());
        }
        assert_eq!(scene.said().len(), 99);
        assert_eq!((scene.decisions.waiting(), scene.decisions.said.len()), (0, 0));
        scene.decisions.due(i64::MAX, false);
        assert!(scene.decisions.deadlines.is_empty() && scene.said().is_empty());
    }
}
