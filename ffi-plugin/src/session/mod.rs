//! The segments of one capture file, by frame.
//!
//! Wireshark dissects each frame once in the order of the file, and later any number of times in any
//! order. The engine takes a frame in the first time; later calls only read what was stored then.

mod chunks;
mod connections;
mod frames;
mod proofs;
mod store;
mod syns;

use std::net::IpAddr;

use dissector_core::connection::{Annotation, Connection, Side, Stage};
use dissector_core::wire::{SynSignature, TcpFlags};
use dissector_core::{ConnectionTable, IcmpError, Segment};

use crate::session::connections::Connections;
pub use crate::session::connections::Landmarks;
use crate::session::proofs::Proofs;
use crate::session::store::Store;
use crate::session::syns::Syns;
use crate::show::info::InfoTexts;
use crate::show::text::{Evidence, Style};

/// The engine, and its annotation of each segment.
#[derive(Default)]
pub struct Session {
    table: ConnectionTable,
    store: Store,
    connections: Connections,
    syns: Syns,
    icmp: Vec<(u32, IcmpMessage)>,
    texts: InfoTexts,
    proofs: Proofs,
    settings: Settings,
    /// Whether open connections were dropped.
    evicted: bool,
    /// Whether `end_frame` has reported it.
    eviction_reported: bool,
}

/// The user's settings.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Settings {
    /// Whether the Info column describes every segment, or only those that have a stage.
    pub every_segment: bool,
    pub style: Style,
    /// A handshake that takes longer is a finding.
    pub slow_ns: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { every_segment: false, style: Style::default(), slow_ns: 1_000_000_000 }
    }
}

/// Type and code of an ICMP error, and its sender.
#[derive(Clone, Copy)]
pub struct IcmpMessage {
    pub router: IpAddr,
    pub kind: u8,
    pub code: u8,
}

/// Everything known about one segment.
pub struct SegmentFacts<'a> {
    pub annotation: Annotation,
    /// Its connection, as it stands now.
    pub connection: &'a Connection,
    /// The time by which the connection is judged.
    pub now_ns: i64,
    /// Its header, where it has a SYN.
    pub syn: Option<SynSignature<'a>>,
    /// Its message, if it is an ICMP error.
    pub icmp: Option<&'a IcmpMessage>,
    /// Whether it is the first or last segment of a kind in its connection.
    pub landmarks: Landmarks,
    /// Evidence in later frames for the assumed states of client and server.
    pub evidence: [Option<Evidence>; 2],
    pub settings: Settings,
}

impl Session {
    /// A session that holds up to `limit` connections at once.
    pub fn with_limit(limit: usize) -> Self {
        Self { table: ConnectionTable::with_limit(limit), ..Self::default() }
    }

    /// Takes in a segment and stores its annotation. Frames come in order; a frame may hold several
    /// segments.
    pub fn learn(&mut self, frame: u32, segment: &Segment<'_>) {
        let annotation = self.table.observe(segment);
        let place = self.store.push(frame, &annotation);
        self.keep_closed();
        self.connections.note(&self.table, &annotation, place);
        self.syns.note(segment, place);
    }

    /// Keeps the connections that the last segment or ICMP error made leave the table.
    #[inline]
    fn keep_closed(&mut self) {
        if self.table.has_closed() {
            self.connections.keep_closed(self.table.take_closed());
            self.evicted = self.table.evicted() > 0;
        }
    }

    /// Takes in an ICMP error, and stores its annotation if it belongs to a connection.
    pub fn learn_icmp(&mut self, frame: u32, error: &IcmpError) {
        let observed = self.table.observe_icmp(error);
        self.keep_closed();
        if let Some(annotation) = observed {
            let place = self.store.push(frame, &annotation);
            self.connections.note(&self.table, &annotation, place);
            // The places of a frame that a read filter rejected are used again.
            while self.icmp.pop_if(|(last, _)| *last >= place).is_some() {}
            let IcmpError { kind, code, ref packet, .. } = *error;
            self.icmp.push((place, IcmpMessage { router: packet.source, kind, code }));
        }
    }

    /// Ends the first dissection of a frame. Its time is `None` if it is no packet. Returns true once:
    /// when the first open connection was dropped to make room.
    ///
    /// Wireshark gives the number of a frame that a read filter (`-R`) rejected to the next frame
    /// as well. So this call, and not the number, separates the segments of two frames.
    pub fn end_frame(&mut self, frame: u32, time_ns: Option<i64>) -> bool {
        if let Some(time_ns) = time_ns {
            self.table.tell_time(frame.into(), time_ns);
        }
        self.store.end_frame(frame);
        let reported = std::mem::replace(&mut self.eviction_reported, self.evicted);
        self.evicted && !reported
    }

    /// Segment `nth` of a frame, from 0 in the order in which they were taken in.
    pub fn segment(&self, frame: u32, nth: u32) -> Option<SegmentFacts<'_>> {
        let (place, annotation) = self.store.segments(frame).nth(nth as usize)?;
        Some(SegmentFacts {
            annotation,
            connection: self.connections.get(&self.table, annotation.connection)?,
            now_ns: self.table.now_ns(),
            syn: if annotation.flags.contains(TcpFlags::SYN) { self.syns.get(place) } else { None },
            icmp: if annotation.stage == Stage::IcmpError { self.icmp_at(place) } else { None },
            landmarks: self.connections.landmarks(annotation.connection, place),
            evidence: Side::BOTH.map(|side| self.proofs.of(annotation.connection, side, place)),
            settings: self.settings,
        })
    }

    fn icmp_at(&self, place: u32) -> Option<&IcmpMessage> {
        let index = self.icmp.binary_search_by_key(&place, |(place, _)| *place).ok()?;
        Some(&self.icmp[index].1)
    }

    /// Connection `id` as it stands now.
    pub fn connection(&self, id: u32) -> Option<&Connection> {
        self.connections.get(&self.table, id)
    }

    /// The time by which connections are judged.
    pub fn now_ns(&self) -> i64 {
        self.table.now_ns()
    }

    /// Collects the evidence for assumed states. To be called before details are shown on a later pass.
    pub fn update_proofs(&mut self) {
        let store = &self.store;
        self.proofs.update(store.len(), |place| store.since(place));
    }

    /// Changes the settings for everything that is shown from now on.
    pub fn configure(&mut self, settings: Settings) {
        self.settings = settings;
        self.texts = InfoTexts::new(settings.style);
    }

    /// The text of the Info column for a frame, and a NUL; `None` if the frame adds none.
    pub fn info(&mut self, frame: u32) -> Option<&str> {
        let annotations = self.store.segments(frame).map(|(_, annotation)| annotation);
        let every = self.settings.every_segment;
        let mut staged = annotations.filter(|annotation| every || annotation.stage != Stage::None);
        let first = staged.next()?;
        Some(match staged.next() {
            None => self.texts.one(&first),
            Some(second) => self.texts.several([first, second].into_iter().chain(staged)),
        })
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
        let packet = PacketInfo::new([10, 0, 0, 1], [10, 0, 0, 2], 0).with_frame(1).with_ttl(64);
        Segment::parse(packet, octets).unwrap()
    }

    /// The annotation of the first segment of a frame.
    pub fn first(session: &Session, frame: u32) -> Annotation {
        session.segment(frame, 0).unwrap().annotation
    }

    /// A segment with other flags and numbers; from the server if `back`.
    pub fn octets(flags: u8, back: bool, sequence: u32, acknowledgment: u32) -> [u8; 20] {
        let mut octets = SYN;
        if back {
            octets[..4].rotate_left(2);
        }
        octets[4..8].copy_from_slice(&sequence.to_be_bytes());
        octets[8..12].copy_from_slice(&acknowledgment.to_be_bytes());
        octets[13] = flags;
        octets
    }

    /// Learns SYN, SYN/ACK, ACK and a FIN in frames 1 to 4, ten milliseconds apart.
    pub fn handshake(session: &mut Session) {
        let segments = [
            octets(0x02, false, 100, 0),
            octets(0x12, true, 700, 101),
            octets(0x10, false, 101, 701),
            octets(0x11, false, 101, 701),
        ];
        for (frame, octets) in (1..).zip(&segments) {
            let mut segment = segment(octets);
            if segment.tcp.source_port == 80 {
                std::mem::swap(&mut segment.packet.source, &mut segment.packet.destination);
            }
            segment.packet.frame = frame;
            segment.packet.time_ns = frame as i64 * 10_000_000;
            session.learn(frame as u32, &segment);
            session.end_frame(frame as u32, None);
        }
    }

    fn flags(session: &Session, frame: u32) -> Vec<String> {
        let annotations = session.store.segments(frame).map(|(_, annotation)| annotation);
        annotations.map(|annotation| annotation.flags.tcpdump().to_string()).collect()
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
        session.end_frame(3, None);
        session.end_frame(4, None);
        session.learn(5, &segment(&with_flags(0x10)));
        session.end_frame(5, None);
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
        session.end_frame(1, None);
        // Two frames of two segments have the number 2: a read filter rejected the first one.
        for flag in [0x02, 0x10] {
            session.learn(2, &segment(&with_flags(flag)));
            session.learn(2, &segment(&with_flags(flag | 0x08)));
            session.end_frame(2, None);
        }
        assert_eq!(flags(&session, 2), [".", "P."]);
        assert_eq!(flags(&session, 1), ["."]);
        assert_eq!(session.store.len(), 3);
        // The next frame of that number has no TCP segment.
        session.end_frame(2, None);
        assert!(flags(&session, 2).is_empty());
        assert_eq!(session.store.len(), 1);
    }

    #[test]
    fn a_frame_that_was_never_ended_does_not_run_into_the_next() {
        let mut session = Session::default();
        session.learn(1, &segment(&with_flags(0x02)));
        session.learn(2, &segment(&with_flags(0x10)));
        session.end_frame(2, None);
        assert_eq!(flags(&session, 1), ["S"]);
        assert_eq!(flags(&session, 2), ["."]);
    }

    #[test]
    fn a_segment_leads_to_its_connection() {
        let mut session = Session::default();
        session.learn(1, &segment(&SYN));
        let facts = session.segment(1, 0).unwrap();
        assert_eq!(facts.connection.id(), facts.annotation.connection);
        assert_eq!(facts.connection.client(), "10.0.0.1:40000".parse().unwrap());
        assert!(facts.syn.is_some());
        assert!(session.segment(1, 1).is_none() && session.segment(2, 0).is_none());
    }
}
