//! What is known of the segments of one capture file, by frame.
//!
//! Wireshark dissects a frame once in the order of the file and later as often and in whatever
//! order it likes. The first time the engine learns; afterwards only what is stored is shown.

use std::net::{IpAddr, SocketAddr};

use dissector_core::connection::{Annotation, RoleBasis, Stage};
use dissector_core::{ConnectionTable, Segment};

use crate::info::InfoTexts;

/// The engine, and what it said of each segment.
#[derive(Default)]
pub struct Session {
    table: ConnectionTable,
    store: Store,
    /// By number of the connection.
    connections: Vec<Option<Facts>>,
    texts: InfoTexts,
}

/// What all segments of a connection have in common.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Facts {
    pub attempt: u16,
    pub client: Endpoint,
    pub server: Endpoint,
    pub role_basis: RoleBasis,
}

/// A `SocketAddr` without the flow label and scope, at two thirds of the size.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Endpoint {
    pub address: IpAddr,
    pub port: u16,
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self { address: address.ip(), port: address.port() }
    }
}

impl Session {
    /// Feeds the engine and stores what it says. Frames come in order; a frame may hold several
    /// segments.
    pub fn learn(&mut self, frame: u32, segment: &Segment<'_>) {
        let annotation = self.table.observe(segment);
        self.note_connection(annotation.connection);
        self.store.push(frame, annotation);
    }

    /// To be called when a frame has been dissected for the first time.
    ///
    /// Wireshark gives the number of a frame that a read filter (`-R`) rejected to the next frame
    /// as well. So the segments of a frame are told from those of an earlier frame of the same
    /// number by this call, not by the number.
    pub fn end_frame(&mut self, frame: u32) {
        self.store.end_frame(frame);
    }

    /// What was said of the segments of a frame, in the order they came in.
    pub fn segments(&self, frame: u32) -> impl Iterator<Item = &Annotation> {
        self.store.segments(frame)
    }

    /// What the Info column says of a frame, and a NUL; `None` if no segment of it has a stage.
    pub fn info(&mut self, frame: u32) -> Option<&str> {
        let mut staged = self.store.segments(frame).filter(|said| said.stage != Stage::None);
        let first = staged.next()?;
        Some(match staged.next() {
            None => self.texts.one(first),
            Some(second) => self.texts.several([first, second].into_iter().chain(staged)),
        })
    }

    pub fn facts(&self, connection: u32) -> Option<&Facts> {
        self.connections.get(connection as usize)?.as_ref()
    }

    fn note_connection(&mut self, id: u32) {
        let index = id as usize;
        if self.connections.get(index).is_some_and(Option::is_some) {
            return;
        }
        let Some(connection) = self.table.latest().filter(|latest| latest.id() == id) else {
            return;
        };
        if self.connections.len() <= index {
            self.connections.resize(index + 1, None);
        }
        self.connections[index] = Some(Facts {
            attempt: connection.attempt(),
            client: connection.client().into(),
            server: connection.server().into(),
            role_basis: connection.role_basis(),
        });
    }
}

/// Annotations by frame: 36 octets a segment, and 4 a frame.
#[derive(Default)]
struct Store {
    /// By frame number: the place in `records` of its first segment, plus 1; 0 for none.
    first: Vec<u32>,
    records: Vec<Record>,
    /// The frame being dissected for the first time, with the place of its last segment.
    open: Option<(u32, usize)>,
}

struct Record {
    annotation: Annotation,
    /// The place of the next segment of the same frame, plus 1; 0 for none.
    next: u32,
}

impl Store {
    fn push(&mut self, frame: u32, annotation: Annotation) {
        let previous = match self.open {
            Some((open, place)) if open == frame => Some(place),
            _ => {
                self.forget(frame);
                None
            }
        };
        let place = self.records.len();
        // A capture of 4 thousand million segments: what comes later stays without annotation.
        let Ok(stored) = u32::try_from(place + 1) else {
            return;
        };
        self.records.push(Record { annotation, next: 0 });
        match previous {
            Some(previous) => self.records[previous].next = stored,
            None => {
                let index = frame as usize;
                if self.first.len() <= index {
                    self.first.resize(index + 1, 0);
                }
                self.first[index] = stored;
            }
        }
        self.open = Some((frame, place));
    }

    fn end_frame(&mut self, frame: u32) {
        match self.open.take() {
            Some((open, _)) if open == frame => {}
            _ => self.forget(frame),
        }
    }

    fn segments(&self, frame: u32) -> impl Iterator<Item = &Annotation> {
        let first = self.first.get(frame as usize).copied().unwrap_or(0);
        std::iter::successors(self.record(first), |record| self.record(record.next))
            .map(|record| &record.annotation)
    }

    fn record(&self, place: u32) -> Option<&Record> {
        self.records.get((place as usize).checked_sub(1)?)
    }

    /// Drops what an earlier frame of the same number left.
    fn forget(&mut self, frame: u32) {
        let Some(first) = self.first.get_mut(frame as usize) else {
            return;
        };
        let place = std::mem::take(first) as usize;
        // The number that is used again is always the latest, so its records are the last ones.
        if place > 0 && frame as usize + 1 == self.first.len() {
            self.records.truncate(place - 1);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use dissector_core::PacketInfo;
    use hex_literal::hex;

    /// 10.0.0.1:40000 → 10.0.0.2:80, with the low octet of the flags to be set.
    pub const SYN: [u8; 20] = hex!("9c40 0050 00000064 00000000 5002 ffff 0000 0000");

    pub fn segment(octets: &[u8]) -> Segment<'_> {
        let packet = PacketInfo {
            frame: 1,
            time_ns: 0,
            source: [10, 0, 0, 1].into(),
            destination: [10, 0, 0, 2].into(),
            ttl: 64,
            ip_id: None,
            tcp_octets: octets.len() as u32,
        };
        Segment::parse(packet, octets).unwrap()
    }

    fn flags(session: &Session, frame: u32) -> Vec<String> {
        session.segments(frame).map(|said| said.flags.tcpdump().to_string()).collect()
    }

    fn with_flags(flags: u8) -> [u8; 20] {
        let mut octets = SYN;
        octets[13] = flags;
        octets
    }

    #[test]
    fn several_segments_of_a_frame_keep_their_order() {
        let mut session = Session::default();
        session.learn(3, &segment(&with_flags(0x02)));
        session.learn(3, &segment(&with_flags(0x18)));
        session.learn(3, &segment(&with_flags(0x11)));
        session.end_frame(3);
        session.end_frame(4);
        session.learn(5, &segment(&with_flags(0x10)));
        session.end_frame(5);
        assert_eq!(flags(&session, 3), ["S", "P.", "F."]);
        assert_eq!(flags(&session, 5), ["."]);
        for none in [0, 1, 4, 6, u32::MAX] {
            assert!(flags(&session, none).is_empty());
        }
    }

    #[test]
    fn a_frame_number_used_again_replaces_what_it_held() {
        let mut session = Session::default();
        session.learn(1, &segment(&with_flags(0x10)));
        session.end_frame(1);
        // Twice two segments under the number 2: the first frame was rejected.
        for flag in [0x02, 0x10] {
            session.learn(2, &segment(&with_flags(flag)));
            session.learn(2, &segment(&with_flags(flag | 0x08)));
            session.end_frame(2);
        }
        assert_eq!(flags(&session, 2), [".", "P."]);
        assert_eq!(flags(&session, 1), ["."]);
        assert_eq!(session.store.records.len(), 3);
        // Then a frame of that number without TCP.
        session.end_frame(2);
        assert!(flags(&session, 2).is_empty());
        assert_eq!(session.store.records.len(), 1);
    }

    #[test]
    fn a_frame_that_was_never_ended_does_not_run_into_the_next() {
        let mut session = Session::default();
        session.learn(1, &segment(&with_flags(0x02)));
        session.learn(2, &segment(&with_flags(0x10)));
        session.end_frame(2);
        assert_eq!(flags(&session, 1), ["S"]);
        assert_eq!(flags(&session, 2), ["."]);
    }

    #[test]
    fn a_segment_leads_to_its_connection() {
        let mut session = Session::default();
        session.learn(1, &segment(&SYN));
        let said = *session.segments(1).next().unwrap();
        let facts = session.facts(said.connection).unwrap();
        assert_eq!(facts.attempt, 1);
        assert_eq!(facts.client, Endpoint { address: [10, 0, 0, 1].into(), port: 40000 });
        assert_eq!(facts.server, Endpoint { address: [10, 0, 0, 2].into(), port: 80 });
        assert!(session.facts(said.connection + 1).is_none());
    }

    #[test]
    fn stays_small() {
        assert!(size_of::<Record>() <= 36);
        assert!(size_of::<Option<Facts>>() <= 48);
    }
}
