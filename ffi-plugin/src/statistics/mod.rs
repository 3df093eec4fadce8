//! Statistics over the connections of a capture file: rows of plain cells.
//!
//! Verdicts are known at the end only, while Wireshark hands over packets as they come. So the numbers
//! of the connections are collected, and the rows are made anew when they are drawn. On later passes
//! the verdicts are known, and each connection is added with its first packet.

mod cell;
mod connections;
mod outcomes;
mod servers;

use dissector_core::connection::Connection;

pub use cell::{Cells, Column, Kind};
use connections::Connections;
use outcomes::Outcomes;
use servers::Servers;

use crate::session::Session;

/// Rows of one kind, filled by connections.
trait Table {
    /// Adds a connection with its number as it stands at `now_ns`; returns the row that shows it.
    fn add(&mut self, number: u32, connection: &Connection, now_ns: i64) -> usize;

    /// Sorts the rows for printing.
    fn sort(&mut self);

    fn clear(&mut self);

    fn len(&self) -> usize;

    /// Writes row `nth`, with a cell for each column.
    fn write(&self, nth: usize, cells: &mut Cells<'_>);
}

/// The kinds of statistics.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Subject {
    Servers,
    Connections,
    Outcomes,
}

impl Subject {
    pub fn columns(self) -> &'static [Column] {
        match self {
            Self::Servers => &servers::COLUMNS,
            Self::Connections => connections::COLUMNS,
            Self::Outcomes => outcomes::COLUMNS,
        }
    }
}

/// A set of numbers: one bit each.
#[derive(Default)]
struct Numbers(Vec<u64>);

impl Numbers {
    fn is_new(&self, number: u32) -> bool {
        self.0.get(number as usize / 64).is_none_or(|word| word >> (number % 64) & 1 == 0)
    }

    fn insert(&mut self, number: u32) {
        let word = number as usize / 64;
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (number % 64);
    }
}

/// The connections whose packets were seen, and the rows that show them.
pub struct Statistics {
    subject: Subject,
    table: Box<dyn Table>,
    seen: Numbers,
    /// Their numbers in the order of their first packets.
    order: Vec<u32>,
}

impl Statistics {
    pub fn new(subject: Subject) -> Self {
        let table: Box<dyn Table> = match subject {
            Subject::Servers => Box::<Servers>::default(),
            Subject::Connections => Box::<Connections>::default(),
            Subject::Outcomes => Box::<Outcomes>::default(),
        };
        Self { subject, table, seen: Numbers::default(), order: Vec::new() }
    }

    /// Forgets all connections.
    pub fn clear(&mut self) {
        *self = Self::new(self.subject);
    }

    /// Takes in a packet of a connection, or of a half of it. On `later` passes returns the row that has
    /// changed.
    pub fn see(&mut self, session: &Session, half: u32, later: bool) -> Option<usize> {
        let (number, half) = session.counted(half);
        if !self.seen.is_new(half) {
            return None;
        }
        // A wrong number would allocate memory for all numbers below it.
        let (connection, now_ns) = session.connection(half)?;
        self.seen.insert(half);
        self.order.push(half);
        later.then(|| self.table.add(number, connection, now_ns))
    }

    /// Makes the rows anew from the verdicts on the connections.
    pub fn settle(&mut self, session: &Session) {
        self.table.clear();
        let mut settled = Numbers::default();
        for half in &self.order {
            let (number, half) = session.counted(*half);
            // Several points have seen one connection.
            if let Some((connection, now_ns)) =
                session.connection(half).filter(|_| settled.is_new(half))
            {
                settled.insert(half);
                self.table.add(number, connection, now_ns);
            }
        }
        self.table.sort();
    }

    pub fn rows(&self) -> usize {
        self.table.len()
    }

    /// Writes row `nth`; nothing if there is none.
    pub fn write(&self, nth: usize, cells: &mut Cells<'_>) {
        if nth < self.rows() {
            self.table.write(nth, cells);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::tests::{SYN, handshake, segment};

    fn text(statistics: &Statistics, nth: usize) -> Vec<String> {
        let mut row = crate::abi::tcphs_row::default();
        statistics.write(nth, &mut Cells::new(&mut row));
        let columns = statistics.subject.columns();
        let cells = columns.iter().zip(&row.cells).map(|(column, cell)| match column.kind {
            Kind::Count => cell.count.to_string(),
            Kind::Text | Kind::Number => {
                let rest = &row.text[cell.text as usize..];
                let end = rest.iter().position(|octet| *octet == 0).unwrap();
                String::from_utf8_lossy(&rest[..end]).trim_start().to_owned()
            }
        });
        cells.collect()
    }

    /// A handshake and a FIN, then another attempt without an answer.
    fn session() -> Session {
        let mut session = Session::default();
        handshake(&mut session);
        for (frame, seconds) in [(5, 10), (6, 11)] {
            let mut octets = SYN;
            octets[1] += 1;
            let mut segment = segment(&octets);
            segment.packet.time_ns = seconds * 1_000_000_000;
            session.learn(frame, &segment);
            session.end_frame(frame, None);
        }
        session
    }

    #[test]
    fn one_pass_and_two_end_with_the_same_rows() {
        for subject in [Subject::Servers, Subject::Connections, Subject::Outcomes] {
            let session = session();
            let [mut one, mut two] = [0, 1].map(|_| Statistics::new(subject));
            for id in [0, 0, 1, 0, 1] {
                assert_eq!(one.see(&session, id, false), None);
                two.see(&session, id, true);
            }
            assert_eq!(one.rows(), 0);
            one.settle(&session);
            let rows =
                |it: &Statistics| (0..it.rows()).map(|nth| text(it, nth)).collect::<Vec<_>>();
            assert!(!rows(&one).is_empty());
            two.settle(&session);
            assert_eq!(rows(&one), rows(&two));
            assert_eq!(text(&one, 0).len(), subject.columns().len());
            one.clear();
            one.settle(&session);
            assert_eq!(one.rows(), 0);
        }
    }

    #[test]
    fn a_server_has_one_row() {
        let session = session();
        let mut servers = Statistics::new(Subject::Servers);
        assert_eq!(servers.see(&session, 0, true), Some(0));
        assert_eq!(servers.see(&session, 1, true), Some(0));
        let row = text(&servers, 0);
        assert_eq!(row[..5], ["10.0.0.2", "80", "2", "50.0", "1"]);
        assert_eq!(row.last().unwrap(), "20.000");
    }

    #[test]
    fn a_connection_that_is_not_there_changes_nothing() {
        let session = session();
        let mut statistics = Statistics::new(Subject::Connections);
        for id in [99, u32::MAX] {
            assert_eq!(statistics.see(&session, id, true), None);
        }
        assert!(statistics.seen.0.is_empty() && statistics.order.is_empty());
        statistics.settle(&session);
        assert_eq!(statistics.rows(), 0);
    }
}
