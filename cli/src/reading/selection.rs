//! The connections that the command line asks for.

use std::net::SocketAddr;

use dissector_core::connection::{Connection, Outcome};
use dissector_core::{ClosedConnection, follow_map};
use fixedbitset::FixedBitSet;

use crate::Failure;
use crate::args::{Select, Source};
use crate::reading::input::{Input, can_be_read_again};

/// Values of one option are alternatives; a connection has to match every option.
impl Select {
    /// Whether a connection matches at its end.
    pub fn matches(&self, connection: &Connection, outcome: Outcome) -> bool {
        (!self.failed || outcome.failed())
            && (self.outcome.is_empty() || self.outcome.contains(&outcome))
            && self.matches_ends(connection.id(), [connection.client(), connection.server()])
    }

    /// Whether a connection of two points matches, of which both may see other addresses.
    pub fn matches_joined(&self, conn: u32, outcome: Outcome, ends: &[SocketAddr]) -> bool {
        (!self.failed || outcome.failed())
            && (self.outcome.is_empty() || self.outcome.contains(&outcome))
            && self.matches_names(conn, ends)
    }

    /// Whether a connection matches as far as its first segment tells.
    #[inline]
    fn matches_ends(&self, conn: u32, ends: [SocketAddr; 2]) -> bool {
        self.matches_names(conn, &ends)
    }

    #[inline]
    fn matches_names(&self, conn: u32, ends: &[SocketAddr]) -> bool {
        (self.conn.is_empty() || self.conn.contains(&conn))
            && (self.host.is_empty() || ends.iter().any(|end| self.host.contains(&end.ip())))
            && (self.port.is_empty() || ends.iter().any(|end| self.port.contains(&end.port())))
    }

    /// Refuses `--conn` with a number beyond those of the capture.
    pub fn check_numbers(&self, connections: u64) -> Result<(), Failure> {
        let is_missing = |conn: &&u32| u64::from(**conn) >= connections;
        let Some(missing) = self.conn.iter().find(is_missing) else { return Ok(()) };
        Err(Failure::Usage(match connections {
            0 => "there is no TCP connection in the capture".into(),
            1 => format!("there is no connection {missing}: there is only one, number 0"),
            _ => format!(
                "there is no connection {missing}: there are {connections}, numbered from 0"
            ),
        }))
    }
}

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
        let (id, ends) = (connection.id(), [connection.client(), connection.server()]);
        match &self.numbers {
            Some(numbers) => numbers.contains(id as usize),
            None => self.select.matches_ends(id, ends),
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
                conn: conn.to_vec(),
                ..Select::default()
            };
            select.matches_ends(0, ends)
        };
        assert!(matches(&[], &[], &[]));
        assert!(matches(&["10.0.0.9", "10.0.0.2"], &[80], &[]));
        assert!(!matches(&["10.0.0.2"], &[443], &[]));
        assert!(!matches(&[], &[], &[1, 2]));
    }
}
