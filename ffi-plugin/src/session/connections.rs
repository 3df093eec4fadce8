//! The connections of a capture file by number, in the table or closed.
//!
//! Verdicts are not stored but made when they are shown, from the connection as it stands then. So a
//! connection that leaves the table is kept as it left. A connection costs 24 octets here beside its
//! `Connection`, which exists once.

use dissector_core::ConnectionTable;
use dissector_core::connection::{Annotation, Connection, Repeat};
use dissector_core::wire::TcpFlags;

use crate::session::chunks::Chunks;

/// The connections by number.
#[derive(Default)]
pub struct Connections {
    entries: Vec<Entry>,
    /// Connections that left the table.
    closed: Chunks<Connection, 256>,
}

struct Entry {
    /// Its slot in the table; `CLOSED` and its index in `closed` once it has left.
    slot: u32,
    /// Places of the segments to which findings about the whole connection belong; `NOWHERE` for none.
    first: u32,
    last_syn: u32,
    last_synack: u32,
    first_fin: u32,
    last_fin: u32,
}

/// Marks an index in `closed`. A table holds far fewer connections than this.
const CLOSED: u32 = 1 << 31;
const NOWHERE: u32 = u32::MAX;

/// The places in its connection that a segment has. Findings that are due to the absence of further
/// segments are shown there.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Landmarks {
    pub first: bool,
    pub last_syn: bool,
    pub last_synack: bool,
    pub first_fin: bool,
    pub last_fin: bool,
}

impl Connections {
    /// Keeps the connections that have left the table.
    pub fn keep_closed(&mut self, closed: Vec<Connection>) {
        for connection in closed {
            let index = connection.id() as usize;
            let slot = self.keep(connection);
            if let Some(entry) = self.entries.get_mut(index) {
                entry.slot = slot;
            }
        }
    }

    /// Notes the segment at `place`, which the table has just observed.
    pub fn note(&mut self, table: &ConnectionTable, annotation: &Annotation, place: u32) {
        let Some(slot) = table.latest_slot() else { return };
        let index = annotation.connection as usize;
        if index >= self.entries.len() {
            let none = NOWHERE;
            self.entries.resize_with(index + 1, || Entry {
                slot,
                first: place,
                last_syn: none,
                last_synack: none,
                first_fin: none,
                last_fin: none,
            });
        }
        if annotation.copy == Repeat::Duplicate || !annotation.counts_copies() {
            return;
        }
        let entry = &mut self.entries[index];
        if annotation.flags.contains(TcpFlags::FIN) {
            if entry.first_fin == NOWHERE {
                entry.first_fin = place;
            }
            entry.last_fin = place;
        } else if annotation.flags.contains(TcpFlags::ACK) {
            entry.last_synack = place;
        } else {
            entry.last_syn = place;
        }
    }

    /// Keeps a connection that left the table; returns its index, marked.
    fn keep(&mut self, connection: Connection) -> u32 {
        self.closed.push(connection);
        CLOSED | (self.closed.len() - 1) as u32
    }

    /// Connection `id`, in the table or closed.
    pub fn get<'a>(&'a self, table: &'a ConnectionTable, id: u32) -> Option<&'a Connection> {
        let slot = self.entries.get(id as usize)?.slot;
        match slot & CLOSED {
            0 => table.get(slot, id),
            _ => self.closed.get((slot & !CLOSED) as usize),
        }
    }

    /// The places that the segment at `place` has in its connection `id`.
    pub fn landmarks(&self, id: u32, place: u32) -> Landmarks {
        self.entries.get(id as usize).map_or_else(Landmarks::default, |entry| Landmarks {
            first: entry.first == place,
            last_syn: entry.last_syn == place,
            last_synack: entry.last_synack == place,
            first_fin: entry.first_fin == place,
            last_fin: entry.last_fin == place,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Session;
    use crate::session::tests::{SYN, handshake, octets, segment};
    use dissector_core::{IcmpError, LINGER_NS, PacketInfo};

    #[test]
    fn a_connection_is_found_after_it_has_left() {
        let mut session = Session::default();
        for frame in 1..=3_u32 {
            let mut octets = SYN;
            // A new initial sequence number: a new connection on the same ports.
            octets[7] = frame as u8;
            session.learn(frame, &segment(&octets));
            session.end_frame(frame, None);
        }
        for frame in 1..=3 {
            let facts = session.segment(frame, 0).unwrap();
            assert_eq!(facts.connection.id(), frame - 1);
            assert_eq!(facts.connection.id(), facts.annotation.connection);
        }
    }

    #[test]
    fn a_connection_is_found_after_an_icmp_error_has_made_it_leave() {
        let mut session = Session::default();
        // The SYN is refused; the connection has expired when an ICMP error about the SYN comes.
        session.learn(1, &segment(&SYN));
        let refusal = octets(0x14, true, 0, 101);
        let mut refusal = segment(&refusal);
        std::mem::swap(&mut refusal.packet.source, &mut refusal.packet.destination);
        session.learn(2, &refusal);
        let error = b"\x03\x01\0\0\0\0\0\0\
            \x45\0\0\x28\0\0\0\0\x40\x06\0\0\x0a\0\0\x01\x0a\0\0\x02\
            \x9c\x40\0\x50\0\0\0\x64";
        let packet =
            PacketInfo::new(refusal.packet.source, refusal.packet.destination, 2 * LINGER_NS);
        session.learn_icmp(3, &IcmpError::parse(packet, error).expect("it quotes the SYN"));
        for frame in [1, 2] {
            assert_eq!(session.segment(frame, 0).expect("it was learned").connection.id(), 0);
        }
        assert!(session.segment(3, 0).is_none());
    }

    #[test]
    fn steps_are_the_last_of_their_kind() {
        let mut session = Session::default();
        handshake(&mut session);
        let landmarks = |frame| session.segment(frame, 0).unwrap().landmarks;
        let none = Landmarks::default();
        assert_eq!(landmarks(1), Landmarks { first: true, last_syn: true, ..none });
        assert_eq!(landmarks(2), Landmarks { last_synack: true, ..none });
        assert_eq!(landmarks(3), none);
        assert_eq!(landmarks(4), Landmarks { first_fin: true, last_fin: true, ..none });
        assert!(size_of::<Entry>() <= 24);
    }
}
