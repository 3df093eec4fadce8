//! Whole captures through a connection table: octets become segments between a few addresses, with
//! few sequence numbers, so that they meet.

pub(crate) mod capture;
mod facts;

use dissector_core::connection::{Annotation, Connection, Outcome};
use dissector_core::{ConnectionTable, ServerTally};

use self::capture::Told;
use self::capture::Told::{Error, Sent};
use self::facts::{Facts, Totals};
use crate::octets::Octets;

/// The first octet says how many connections the table holds at once; then come segments and ICMP
/// errors, 12 octets each.
pub fn check(octets: &[u8]) {
    let mut octets = Octets::new(octets);
    let mut state = State::new(octets.choose(&[1, 2, 3, 5, 64]));
    // The time noted last, which may lie before an earlier one.
    let mut time_ns = 0;
    for frame in 1..=500 {
        if octets.is_empty() {
            break;
        }
        let packet = capture::next(&mut octets, frame, &mut time_ns);
        if let Some(told) = packet.read() {
            state.take_in(&told);
        }
    }
    state.finish();
}

/// A table, and the facts about its connections.
struct State {
    table: ConnectionTable,
    /// A second table with another hash seed, which observes the same segments.
    twin: ConnectionTable,
    limit: usize,
    next_id: u32,
    now_ns: i64,
    /// The time of the last packet, and whether none was earlier than the one before it.
    last_ns: i64,
    in_order: bool,
    /// By number of connection.
    facts: Vec<Facts>,
    taken: usize,
}

impl State {
    fn new(limit: usize) -> Self {
        Self {
            table: ConnectionTable::with_limit(limit),
            twin: ConnectionTable::with_limit(limit),
            limit,
            next_id: 0,
            now_ns: i64::MIN,
            last_ns: i64::MIN,
            in_order: true,
            facts: Vec::new(),
            taken: 0,
        }
    }

    fn take_in(&mut self, told: &Told<'_>) {
        let before = self.table.len();
        let (seen, again) = match told {
            Sent(segment) => (Some(self.table.observe(segment)), Some(self.twin.observe(segment))),
            Error(error) => (self.table.observe_icmp(error), self.twin.observe_icmp(error)),
        };
        assert_eq!(seen, again, "an answer depends on the seed of the table: {told:?}");
        let packet = told.packet();
        let now_ns = self.table.now_ns();
        assert!(self.now_ns <= now_ns && now_ns == self.twin.now_ns(), "the clock: {told:?}");
        self.now_ns = now_ns;
        self.in_order &= self.last_ns <= packet.time_ns;
        self.last_ns = packet.time_ns;
        assert!(self.table.len() <= self.limit && self.twin.len() == self.table.len());
        if let Some(seen) = seen {
            self.check_numbers(&seen, told);
            let latest = self.table.latest().expect("something was just said of it");
            assert_eq!(latest.id(), seen.connection);
            let slot = self.table.latest_slot().expect("it is in the table");
            assert_eq!(self.table.get(slot, latest.id()).map(Connection::id), Some(latest.id()));
            let facts = &mut self.facts[seen.connection as usize];
            facts.check(&seen, told, latest);
        } else {
            assert!(matches!(told, Error(_)) && self.table.len() <= before);
        }
        if packet.frame.is_multiple_of(16) {
            self.take_closed();
        }
    }

    /// Connections are numbered consecutively.
    fn check_numbers(&mut self, seen: &Annotation, told: &Told<'_>) {
        assert!(seen.connection <= self.next_id);
        if seen.connection == self.next_id {
            assert!(matches!(told, Sent(_)), "an ICMP error opens no connection");
            self.facts.push(Facts::default());
            self.next_id += 1;
        }
    }

    fn take_closed(&mut self) {
        let left = self.table.take_closed();
        self.taken += left.len();
        for (connection, other) in left.iter().zip(self.twin.take_closed()) {
            assert_eq!(connection.id(), other.id());
            check_end(connection, self.now_ns, self.in_order);
            assert_eq!(connection.verdict_at(self.now_ns), other.verdict_at(self.now_ns));
            self.facts[connection.id() as usize].leave();
        }
    }

    /// Checks that the table has every connection once and in order, and the verdict of each.
    fn finish(&mut self) {
        let mut tally = ServerTally::default();
        let mut count = 0;
        let mut last = None;
        for connection in self.table.connections() {
            assert!(last < Some(connection.id()));
            last = Some(connection.id());
            count += 1;
            check_end(connection, self.now_ns, self.in_order);
            tally.add(&connection.verdict_at(self.now_ns));
        }
        assert_eq!(count + self.taken, self.next_id as usize);
        check_tally(&tally, count);
    }
}

/// Checks that the verdict is complete now, and that time alone never changes a decided outcome.
fn check_end(connection: &Connection, now_ns: i64, in_order: bool) {
    let now = connection.verdict_at(now_ns);
    assert_eq!(now.outcome, connection.outcome_at(now_ns));
    assert_eq!(now.established, connection.established_at(now_ns));
    Totals::of(connection).check(connection);
    for later_ns in [now_ns.saturating_add(10_000_000_000), i64::MAX] {
        let later = connection.verdict_at(later_ns);
        if now.outcome != Outcome::Pending {
            assert_eq!(now.outcome, later.outcome, "what was decided changes with time alone");
        }
        assert!(later.findings.iter().count() >= now.findings.iter().count());
    }
    facts::check_verdict(&now, connection, in_order);
}

fn check_tally(tally: &ServerTally, connections: usize) {
    let sum: u32 = Outcome::ALL.iter().map(|outcome| tally.count(*outcome)).sum();
    assert_eq!(sum as usize, connections);
    let failed: u32 = tally.failures().iter().sum();
    assert!(tally.complete() + failed <= tally.attempts());
    if let Some(percent) = tally.complete_percent() {
        assert!((0.0..=100.0).contains(&percent));
    }
    let _ = (tally.syn_retries_per_attempt(), tally.rtt_mean_ns(), tally.slowest_setup_ns());
    assert!(tally.rtt_min_ns() <= tally.rtt_max_ns());
}
