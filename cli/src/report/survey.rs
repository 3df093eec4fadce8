//! The first reading: every connection as a row, and what all of them come to.

use std::collections::HashMap;
use std::net::SocketAddr;

use dissector_core::connection::{Cause, Close, ClosedBy, Connection, Outcome, Verdict};
use dissector_core::{ClosedConnection, ServerTally, follow_map};

use crate::Failure;
use crate::args::{Select, Source};
use crate::explain::Neighbours;
use crate::reading::input::{Ending, Input};
use crate::triage::{CaptureFacts, Collector, Record, Triage};

/// Connections that the page lists. Beyond that, it lists those that failed and a sample of the others.
pub const MOST_ROWS: usize = 100_000;

/// A connection.
#[derive(Clone, Debug)]
pub struct Row {
    pub conn: u32,
    pub client: SocketAddr,
    pub server: SocketAddr,
    pub first_ns: i64,
    pub last_ns: i64,
    pub outcome: Outcome,
    pub cause: Option<Cause>,
    pub close: Close,
    pub closed_by: Option<ClosedBy>,
    pub syn_count: u16,
    pub packets: u64,
    pub setup_ns: Option<u64>,
    pub rtt_server_ns: Option<u64>,
    pub rtt_client_ns: Option<u64>,
}

impl Row {
    fn new(connection: &Connection, verdict: &Verdict) -> Self {
        Self {
            conn: connection.id(),
            client: connection.client(),
            server: connection.server(),
            first_ns: connection.first_ns(),
            last_ns: connection.last_ns(),
            outcome: verdict.outcome,
            cause: verdict.cause,
            close: verdict.close,
            closed_by: verdict.closed_by,
            syn_count: verdict.syn_count,
            packets: connection.packets(),
            setup_ns: verdict.times.setup_time_ns,
            rtt_server_ns: verdict.times.rtt_server_ns,
            rtt_client_ns: verdict.times.rtt_client_ns,
        }
    }
}

/// When a connection began, and how it went.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    pub first_ns: i64,
    pub outcome: Outcome,
}

/// What all matching connections come to.
#[derive(Default)]
pub struct Survey {
    /// The connections to list, by number.
    pub rows: Vec<Row>,
    /// All matching connections.
    pub moments: Vec<Moment>,
    pub servers: HashMap<SocketAddr, ServerTally>,
    pub neighbours: Neighbours,
    /// The last time in a matching connection.
    pub last_ns: Option<i64>,
}

impl Survey {
    pub fn first_ns(&self) -> Option<i64> {
        self.moments.iter().map(|moment| moment.first_ns).min()
    }

    pub fn failed(&self) -> usize {
        self.moments.iter().filter(|moment| moment.outcome.failed()).count()
    }

    fn add(&mut self, row: Row, verdict: &Verdict) {
        self.moments.push(Moment { first_ns: row.first_ns, outcome: row.outcome });
        self.last_ns = self.last_ns.max(Some(row.last_ns));
        self.servers.entry(row.server).or_default().add(verdict);
        self.rows.push(row);
        if self.rows.len() > 4 * MOST_ROWS {
            self.thin_out();
        }
    }

    /// Leaves out connections beyond [`MOST_ROWS`], those that came up first. Which ones does not depend on
    /// the order in which they were added.
    fn thin_out(&mut self) {
        if self.rows.len() <= MOST_ROWS {
            return;
        }
        let rank = |row: &Row| (!row.outcome.failed(), spread(row.conn));
        self.rows.select_nth_unstable_by_key(MOST_ROWS, rank);
        self.rows.truncate(MOST_ROWS);
    }
}

/// Numbers that have nothing to do with the order of connections: the finalizer of splitmix64.
fn spread(conn: u32) -> u64 {
    let mut number = u64::from(conn).wrapping_add(0x9e37_79b9_7f4a_7c15);
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// What one thread has made of connections.
#[derive(Default)]
struct Made {
    connections: u64,
    neighbours: Neighbours,
    rows: Vec<(Row, Verdict)>,
    records: Vec<Record>,
}

/// Reads the captures, which are called `files`.
pub fn read(
    source: &Source,
    select: &Select,
    files: &[String],
) -> Result<(Survey, Triage, Ending), Failure> {
    let (mut collector, mut facts) = (Collector::new(), CaptureFacts::default());
    let mut survey = Survey::default();
    let mut connections = 0;
    let make = |closed: ClosedConnection<'_>, made: &mut Made| {
        let (connection, verdict) = (closed.connection, closed.verdict());
        made.connections += 1;
        made.neighbours.add(connection, &verdict);
        let selected = select.matches(connection, verdict.outcome);
        made.records.push(Record { selected, ..Record::of(&closed, &verdict) });
        if selected {
            made.rows.push((Row::new(connection, &verdict), verdict));
        }
    };
    let put = |made: &mut Made| {
        connections += std::mem::take(&mut made.connections);
        survey.neighbours.append(&mut made.neighbours);
        made.records.drain(..).for_each(|record| collector.put(record));
        made.rows.drain(..).for_each(|(row, verdict)| survey.add(row, &verdict));
        Ok::<_, Failure>(())
    };
    let input = Input::open(source, true)?;
    let ending = input.follow(|captures, options| {
        let summary = follow_map(captures, options, make, put)?;
        facts = CaptureFacts::of(captures, files);
        Ok(summary)
    })?;
    survey.thin_out();
    survey.rows.sort_unstable_by_key(|row| row.conn);
    survey.neighbours.sort();
    select.check_numbers(connections)?;
    Ok((survey, collector.finish(facts, files, select), ending))
}
