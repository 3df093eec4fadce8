//! Where each connection of a capture file is to be found, at any time and in any order.
//!
//! A verdict is not stored: it is made when it is shown, from what the engine knows at that time.
//! So a connection that leaves the table is kept as it left. A connection costs 24 octets here and
//! its `Connection`, of which there is one, in the table or here.

use dissector_core::ConnectionTable;
use dissector_core::connection::{Annotation, Connection, Repeat};
use dissector_core::wire::TcpFlags;

use crate::chunks::Chunks;

/// The connections by number.
#[derive(Default)]
pub struct Connections {
    entries: Vec<Entry>,
    /// Those that left the table.
    left: Chunks<Connection, 256>,
}

struct Entry {
    /// Its slot in the table; `LEFT` and its place in `left` once it has left.
    home: u32,
    /// Places of the segments that stand for the whole connection; `NOWHERE` for none.
    first: u32,
    last_syn: u32,
    last_synack: u32,
    first_fin: u32,
    last_fin: u32,
}

/// Marks a place in `left`. A table holds far fewer connections than this.
const LEFT: u32 = 1 << 31;
const NOWHERE: u32 = u32::MAX;

/// Which of the places that stand for the whole connection a segment has. What is said of a
/// connection because nothing more came is said there.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Steps {
    pub first: bool,
    pub last_syn: bool,
    pub last_synack: bool,
    pub first_fin: bool,
    pub last_fin: bool,
}

impl Connections {
    /// To be called whenever the table has observed something, known to it or not: a connection may
    /// have left it on that occasion.
    pub fn keep_left(&mut self, table: &mut ConnectionTable) {
        for connection in table.take_closed() {
            let index = connection.id() as usize;
            let home = self.keep(connection);
            if let Some(entry) = self.entries.get_mut(index) {
                entry.home = home;
            }
        }
    }

    /// Takes note of the segment at `place`, which the table has just observed, and of what left
    /// the table on that occasion.
    pub fn note(&mut self, table: &mut ConnectionTable, said: &Annotation, place: u32) {
        self.keep_left(table);
        let Some(slot) = table.latest_slot() else { return };
        let index = said.connection as usize;
        if index >= self.entries.len() {
            let (home, none) = (slot, NOWHERE);
            self.entries.resize_with(index + 1, || Entry {
                home,
                first: place,
                last_syn: none,
                last_synack: none,
                first_fin: none,
                last_fin: none,
            });
        }
        if said.copy == Repeat::Duplicate || !said.counts_copies() {
            return;
        }
        let entry = &mut self.entries[index];
        if said.flags.contains(TcpFlags::FIN) {
            if entry.first_fin == NOWHERE {
                entry.first_fin = place;
            }
            entry.last_fin = place;
        } else if said.flags.contains(TcpFlags::ACK) {
            entry.last_synack = place;
        } else {
            entry.last_syn = place;
        }
    }

    /// Keeps a connection that left the table; gives its home.
    fn keep(&mut self, connection: Connection) -> u32 {
        self.left.push(connection);
        LEFT | (self.left.len() - 1) as u32
    }

    /// Connection `id`, wherever it is.
    pub fn get<'a>(&'a self, table: &'a ConnectionTable, id: u32) -> Option<&'a Connection> {
        let home = self.entries.get(id as usize)?.home;
        match home & LEFT {
            0 => table.get(home, id),
            _ => self.left.get((home & !LEFT) as usize),
        }
    }

    /// What the segment at `place` is to its connection `id`.
    pub fn steps(&self, id: u32, place: u32) -> Steps {
        self.entries.get(id as usize).map_or_else(Steps::default, |entry| Steps {
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
            session.end_frame(frame);
        }
        for frame in 1..=3 {
            let known = session.segment(frame, 0).unwrap();
            assert_eq!(known.connection.id(), frame - 1);
            assert_eq!(known.connection.id(), known.said.connection);
        }
    }

    #[test]
    fn a_connection_is_found_after_an_icmp_error_has_made_it_leave() {
        let mut session = Session::default();
        // Refused; its time is over when a router complains of the SYN.
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
        let steps = |frame| session.segment(frame, 0).unwrap().steps;
        let none = Steps::default();
        assert_eq!(steps(1), Steps { first: true, last_syn: true, ..none });
        assert_eq!(steps(2), Steps { last_synack: true, ..none });
        assert_eq!(steps(3), none);
        assert_eq!(steps(4), Steps { first_fin: true, last_fin: true, ..none });
        assert!(size_of::<Entry>() <= 24);
    }
}
