//! Following the connections of captures from the first packet to the last.

use std::mem::ManuallyDrop;

use dissector_core::capture::Packet;
use dissector_core::connection::{Annotation, Connection};
use dissector_core::{ConnectionTable, DEFAULT_LIMIT, Remaining, Segment};

use crate::input::{Ending, Input};
use crate::{Failure, threads, warn};

/// Which file each connection began in: the numbers rise, so a change of file is enough.
pub struct Origins {
    changes: Vec<(u32, u32)>,
    next: u32,
}

impl Origins {
    pub fn new() -> Self {
        Self { changes: Vec::new(), next: 0 }
    }

    #[inline]
    pub fn saw(&mut self, connection: u32, file: u32) {
        if connection >= self.next {
            self.next = connection + 1;
            if self.changes.last().is_none_or(|(_, last)| *last != file) {
                self.changes.push((connection, file));
            }
        }
    }

    pub fn of(&self, connection: u32) -> usize {
        let place = self.changes.partition_point(|(first, _)| *first <= connection);
        place.checked_sub(1).map_or(0, |place| self.changes[place].1 as usize)
    }
}

/// A connection at its end, or at the end of the captures.
pub struct Ended<'n, 'c> {
    pub connection: &'c Connection,
    /// The file that it began in, as it was named.
    pub file: &'n str,
    /// The time to judge it by.
    pub now_ns: i64,
}

/// Packets that one thread reads before it follows them: so few that they stay in a core's own cache.
const BATCH: usize = 1 << 11;

/// Reads `input` and gives each connection when it leaves the table, and the rest at the end in
/// order of number: to `make`, in whatever thread, and what that has made of them to `put`, in
/// order. `names` are those of the files.
pub fn connections<'n, M: Default + Send>(
    input: Input,
    names: &'n [String],
    make: impl Fn(Ended<'n, '_>, &mut M) + Sync,
    put: impl FnMut(&mut M) -> Result<(), Failure> + Send,
) -> Result<Ending, Failure> {
    match input.threads() {
        _ if input.is_live() => one_by_one(input, names, make, put),
        1 => by_one_thread(input, names, make, put),
        threads => threads::follow(threads, input, names, make, put),
    }
}

/// Packet by packet: what each of them ends is told before the next one is read.
fn one_by_one<'n, M: Default>(
    input: Input,
    names: &'n [String],
    make: impl Fn(Ended<'n, '_>, &mut M),
    mut put: impl FnMut(&mut M) -> Result<(), Failure>,
) -> Result<Ending, Failure> {
    let mut table = ConnectionTable::new();
    let mut origins = Origins::new();
    let mut made = M::default();
    let ending = input.read(|file, packet| {
        match packet {
            Packet::Segment(segment) => origins.saw(table.observe(segment).connection, file),
            Packet::IcmpError(error) => drop(table.observe_icmp(error)),
            _ => {}
        }
        let left = table.take_closed();
        tell(left.iter(), table.now_ns(), &origins, names, &make, &mut made, &mut put)
    })?;
    at_the_end(table, &origins, names, make, put)?;
    Ok(ending)
}

/// Many packets at a time, each shard for itself: several can be looked up together, and what a shard
/// needs stays in the cache meanwhile.
fn by_one_thread<'n, M: Default>(
    mut input: Input,
    names: &'n [String],
    make: impl Fn(Ended<'n, '_>, &mut M),
    mut put: impl FnMut(&mut M) -> Result<(), Failure>,
) -> Result<Ending, Failure> {
    let mut table = ConnectionTable::new();
    let mut origins = Origins::new();
    let mut batch = table.new_batch();
    let mut made = M::default();
    let mut more = true;
    while more {
        more = input.fill(&mut batch, BATCH);
        table.shards_mut().for_each(|shard| shard.observe_batch(&batch));
        let left = table.end_batch(&batch, |connection, file| origins.saw(connection, file));
        batch.clear();
        tell(left.iter(), table.now_ns(), &origins, names, &make, &mut made, &mut put)?;
    }
    at_the_end(table, &origins, names, make, put)?;
    Ok(input.end())
}

/// Tells the connections that have not left.
fn at_the_end<'n, M: Default>(
    table: ConnectionTable,
    origins: &Origins,
    names: &'n [String],
    make: impl Fn(Ended<'n, '_>, &mut M),
    mut put: impl FnMut(&mut M) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let (now_ns, let_go) = (table.now_ns(), table.let_go());
    let remaining = never_freed(table.into_remaining());
    tell(remaining.iter(), now_ns, origins, names, &make, &mut M::default(), &mut put)?;
    tell_of_those_let_go(let_go);
    Ok(())
}

/// The last connections are not freed one by one: the process is about to end.
pub fn never_freed(remaining: Remaining) -> ManuallyDrop<Remaining> {
    ManuallyDrop::new(remaining)
}

/// Tells connections one after the other.
fn tell<'n, 'c, M>(
    connections: impl Iterator<Item = &'c Connection>,
    now_ns: i64,
    origins: &Origins,
    names: &'n [String],
    make: &impl Fn(Ended<'n, '_>, &mut M),
    made: &mut M,
    put: &mut impl FnMut(&mut M) -> Result<(), Failure>,
) -> Result<(), Failure> {
    for connection in connections {
        let file = &names[origins.of(connection.id())];
        make(Ended { connection, file, now_ns }, made);
        put(made)?;
    }
    Ok(())
}

/// Says that the table was full.
pub fn tell_of_those_let_go(connections: u64) {
    if connections > 0 {
        warn(&format!(
            "too many connections were open at once (some {DEFAULT_LIMIT} have room, an eighth of \
             them in each part of the table): {connections} were let go, and what they sent after \
             that is shown as of other connections"
        ));
    }
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
        for connection in &table.take_closed() {
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
    let (now_ns, let_go) = (table.now_ns(), table.let_go());
    for connection in table.into_remaining().iter() {
        ended(state, connection, now_ns)?;
    }
    tell_of_those_let_go(let_go);
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
