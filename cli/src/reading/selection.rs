//! The connections that the command line asks for.

use std::net::SocketAddr;

use dissector_core::connection::{Connection, Outcome};
use dissector_core::{ClosedConnection, follow_map};
use fixedbitset::FixedBitSet;

use crate::args::{Numbers, Select, Source};
use crate::reading::input::{Input, can_be_read_again};
use crate::{Failure, warn};

/// Values of one option are alternatives; a connection has to match every option.
impl Select {
    /// Whether a connection matches at its end.
    pub fn matches(&self, connection: &Connection, outcome: Outcome) -> bool {
        (!self.failed || outcome.failed())
            && (self.outcome.is_empty() || self.outcome.contains(&outcome))
            && self.matches_start(connection)
    }

    /// Whether a connection of two points matches, of which both may see other addresses. Its first segment
    /// has this time by the clock of the first point.
    pub fn matches_joined(
        &self,
        conn: u32,
        outcome: Outcome,
        ends: &[SocketAddr],
        first_ns: i64,
    ) -> bool {
        (!self.failed || outcome.failed())
            && (self.outcome.is_empty() || self.outcome.contains(&outcome))
            && self.matches_names(conn, ends)
            && self.span.contains(first_ns)
    }

    /// Whether a connection matches as far as its first segment tells.
    #[inline]
    fn matches_start(&self, connection: &Connection) -> bool {
        let ends = [connection.client(), connection.server()];
        self.matches_names(connection.id(), &ends) && self.span.contains(connection.first_ns())
    }

    #[inline]
    fn matches_names(&self, conn: u32, ends: &[SocketAddr]) -> bool {
        let is_host = |end: &SocketAddr| self.host.iter().any(|hosts| hosts.contains(end.ip()));
        (self.conn.is_empty() || self.conn.iter().any(|numbers| numbers.contains(conn)))
            && (self.host.is_empty() || ends.iter().any(is_host))
            && (self.port.is_empty() || ends.iter().any(|end| self.port.contains(&end.port())))
    }

    /// Whether every connection matches.
    fn is_all(&self) -> bool {
        let Self { failed, outcome, host, port, conn, since, until, span: _ } = self;
        !failed
            && outcome.is_empty()
            && (host.is_empty() && port.is_empty() && conn.is_empty())
            && since.or(*until).is_none()
    }

    /// Refuses `--conn` with a number beyond those of the captures.
    pub fn check_numbers(&self, connections: u64) -> Result<(), Failure> {
        let is_missing = |numbers: &&Numbers| u64::from(numbers.first) >= connections;
        let Some(Numbers { first, .. }) = self.conn.iter().find(is_missing) else { return Ok(()) };
        Err(Failure::Usage(match connections {
            0 => NO_CONNECTION.into(),
            1 => format!("there is no connection {first}: there is only one, number 0"),
            _ => {
                format!("there is no connection {first}: there are {connections}, numbered from 0")
            }
        }))
    }

    /// Says on standard error that there is nothing to show, if no connection matches. That is no error: a
    /// question has been answered.
    pub fn tell_of_none(&self, matching: u64, connections: u64) {
        self.tell_of_none_but(false, matching, connections);
    }

    /// The same where something else may choose, too.
    pub fn tell_of_none_but(&self, chosen: bool, matching: u64, connections: u64) {
        match connections {
            _ if matching > 0 => {}
            0 => warn(NO_CONNECTION),
            _ if self.is_all() && !chosen => {}
            1 => warn("no connection matches: there is one, of another kind"),
            _ => warn(&format!("no connection matches: there are {connections}, of other kinds")),
        }
    }
}

/// The message of every command for captures without TCP.
const NO_CONNECTION: &str = "there is no TCP connection in the captures";

/// The same connections, known from their first segment on.
pub struct Selection<'a> {
    select: &'a Select,
    /// The matching numbers, if only the outcome tells.
    numbers: Option<FixedBitSet>,
}

impl<'a> Selection<'a> {
    /// Reads the captures once if only the outcome tells which connections match.
    pub fn new(source: &Source, select: &'a Select) -> Result<Self, Failure> {
        let by_outcome = select.failed || !select.outcome.is_empty();
        let numbers = if by_outcome { Some(matching_numbers(source, select)?) } else { None };
        Ok(Self { select, numbers })
    }

    /// Whether the connection is asked for.
    pub fn contains(&self, connection: &Connection) -> bool {
        match &self.numbers {
            Some(numbers) => numbers.contains(connection.id() as usize),
            None => self.select.matches_start(connection),
        }
    }
}

fn matching_numbers(source: &Source, select: &Select) -> Result<FixedBitSet, Failure> {
    if !can_be_read_again(&source.files) {
        return Err(Failure::Usage(
            "with --failed or --outcome, this command reads the captures twice; standard input \
             and pipes can be read only once"
                .into(),
        ));
    }
    let mut numbers = FixedBitSet::new();
    let input = Input::open(source, true)?;
    let make = |closed: ClosedConnection<'_>, matching: &mut Vec<usize>| {
        if select.matches(closed.connection, closed.outcome()) {
            matching.push(closed.connection.id() as usize);
        }
    };
    let put = |matching: &mut Vec<usize>| {
        matching.drain(..).for_each(|number| numbers.grow_and_insert(number));
        Ok(())
    };
    let ending = input.follow(|captures, options| follow_map(captures, options, make, put))?;
    // Problems of the files are reported when they are read again.
    drop(ending);
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_an_option_are_alternatives_and_all_options_have_to_match() {
        let ends = ["10.0.0.1:4000".parse().unwrap(), "10.0.0.2:80".parse().unwrap()];
        let matches = |hosts: &[&str], port: &[u16], conn: &[u32]| {
            let select = Select {
                host: hosts.iter().map(|host| host.parse().unwrap()).collect(),
                port: port.to_vec(),
                conn: conn.iter().map(|conn| Numbers::from(*conn)).collect(),
                ..Select::default()
            };
            select.matches_names(0, &ends)
        };
        assert!(matches(&[], &[], &[]));
        assert!(matches(&["10.0.0.9", "10.0.0.2"], &[80], &[]));
        assert!(!matches(&["10.0.0.2"], &[443], &[]));
        assert!(!matches(&[], &[], &[1, 2]));
    }
}
