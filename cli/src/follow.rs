//! Following the connections of captures from the first packet to the last.

use dissector_core::ConnectionTable;
use dissector_core::Segment;
use dissector_core::capture::Packet;
use dissector_core::connection::{Annotation, Connection};

use crate::Failure;
use crate::input::{Ending, Input};

/// Which file each connection began in: the numbers rise, so a change of file is enough.
struct Origins {
    changes: Vec<(u32, u32)>,
    next: u32,
}

impl Origins {
    fn new() -> Self {
        Self { changes: Vec::new(), next: 0 }
    }

    #[inline]
    fn saw(&mut self, connection: u32, file: u32) {
        if connection >= self.next {
            self.next = connection + 1;
            if self.changes.last().is_none_or(|(_, last)| *last != file) {
                self.changes.push((connection, file));
            }
        }
    }

    fn of(&self, connection: u32) -> usize {
        let place = self.changes.partition_point(|(first, _)| *first <= connection);
        place.checked_sub(1).map_or(0, |place| self.changes[place].1 as usize)
    }
}

/// A connection at its end, or at the end of the captures.
pub struct Ended<'a> {
    pub connection: &'a Connection,
    /// The file that it began in, as it was named.
    pub file: &'a str,
    /// The time to judge it by.
    pub now_ns: i64,
}

/// Reads `input` and gives each connection when it leaves the table, and the rest at the end in
/// order of number.
pub fn connections(
    input: Input,
    mut take: impl FnMut(Ended<'_>) -> Result<(), Failure>,
) -> Result<Ending, Failure> {
    let names = input.names();
    let mut table = ConnectionTable::new();
    let mut origins = Origins::new();
    let ending = input.read(|file, packet| {
        match packet {
            Packet::Segment(segment) => origins.saw(table.observe(segment).connection, file),
            Packet::IcmpError(error) => drop(table.observe_icmp(error)),
            _ => {}
        }
        for connection in &table.take_left() {
            let file = &names[origins.of(connection.id())];
            take(Ended { connection, file, now_ns: table.now_ns() })?;
        }
        Ok(())
    })?;
    for connection in table.connections() {
        let file = &names[origins.of(connection.id())];
        take(Ended { connection, file, now_ns: table.now_ns() })?;
    }
    Ok(ending)
}

/// A packet that belongs to a connection.
pub struct Step<'a> {
    /// The file that it is in, as it was named.
    pub file: &'a str,
    pub packet: &'a Packet<'a>,
    pub seen: &'a Annotation,
    pub connection: &'a Connection,
}

impl Step<'_> {
    /// The segment, if it is one.
    pub fn segment(&self) -> Option<&Segment<'_>> {
        match self.packet {
            Packet::Segment(segment) => Some(segment),
            _ => None,
        }
    }
}

/// Reads `input` and gives each segment and ICMP error with what it was, and each connection as
/// [`connections`] does.
pub fn steps<S>(
    input: Input,
    state: &mut S,
    mut step: impl FnMut(&mut S, Step<'_>) -> Result<(), Failure>,
    mut ended: impl FnMut(&mut S, &Connection, i64) -> Result<(), Failure>,
) -> Result<Ending, Failure> {
    let names = input.names();
    let mut table = ConnectionTable::new();
    let ending = input.read(|file, packet| {
        let seen = match packet {
            Packet::Segment(segment) => Some(table.observe(segment)),
            Packet::IcmpError(error) => table.observe_icmp(error),
            _ => None,
        };
        for connection in &table.take_left() {
            ended(state, connection, table.now_ns())?;
        }
        match (&seen, table.latest()) {
            (Some(seen), Some(connection)) => {
                let file = &names[file as usize];
                step(state, Step { file, packet, seen, connection })
            }
            _ => Ok(()),
        }
    })?;
    for connection in table.connections() {
        ended(state, connection, table.now_ns())?;
    }
    Ok(ending)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_belongs_to_the_file_it_began_in() {
        let mut origins = Origins::new();
        for (connection, file) in [(0, 0), (1, 0), (0, 1), (2, 1), (3, 0), (2, 2)] {
            origins.saw(connection, file);
        }
        assert_eq!([0, 1, 2, 3].map(|connection| origins.of(connection)), [0, 0, 1, 0]);
    }
}
