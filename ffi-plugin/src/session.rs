//! What is known of the segments of one capture file, by frame.
//!
//! Wireshark dissects a frame once in the order of the file and later as often and in whatever
//! order it likes. The first time the engine learns; afterwards only what is stored is shown.

use std::net::IpAddr;

use dissector_core::connection::{Annotation, Connection, Stage};
use dissector_core::wire::{SynSignature, TcpFlags};
use dissector_core::{ConnectionTable, IcmpError, Segment};

use crate::connections::Connections;
pub use crate::connections::Steps;
use crate::info::InfoTexts;
use crate::proofs::{End, Proofs};
use crate::store::Store;
use crate::syns::Syns;
use crate::text::{Later, Style};

/// The engine, and what it said of each segment.
#[derive(Default)]
pub struct Session {
    table: ConnectionTable,
    store: Store,
    connections: Connections,
    syns: Syns,
    icmp: Vec<(u32, IcmpSaid)>,
    texts: InfoTexts,
    proofs: Proofs,
    settings: Settings,
    /// Whether it was told that connections were let go.
    told_full: bool,
}

/// What there is to tell of the whole file.
pub enum Told {
    Nothing,
    /// The first connection that was not closed was let go.
    Full,
}

/// What the user can choose.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Settings {
    /// Whether the Info column speaks of every segment, or of those that have a stage.
    pub every_segment: bool,
    pub style: Style,
    /// A set-up that takes longer is worth a remark.
    pub slow_ns: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { every_segment: false, style: Style::default(), slow_ns: 1_000_000_000 }
    }
}

/// What an ICMP error says, and who sent it.
#[derive(Clone, Copy)]
pub struct IcmpSaid {
    pub router: IpAddr,
    pub kind: u8,
    pub code: u8,
}

/// Everything that is known of one segment.
pub struct Known<'a> {
    pub said: Annotation,
    /// Its connection, as it stands now.
    pub connection: &'a Connection,
    /// The time by which the connection is judged.
    pub now_ns: i64,
    /// Its header, where it has a SYN.
    pub syn: Option<SynSignature<'a>>,
    /// What it says, if it is an ICMP error.
    pub icmp: Option<&'a IcmpSaid>,
    /// Which of the places that stand for the whole connection it has.
    pub steps: Steps,
    /// What became of the states that client and server were assumed to be in.
    pub later: [Option<Later>; 2],
    pub settings: Settings,
}

impl Session {
    /// A session that holds so many connections at once.
    pub fn with_limit(limit: usize) -> Self {
        Self { table: ConnectionTable::with_limit(limit), ..Self::default() }
    }

    /// Feeds the engine and stores what it says. Frames come in order; a frame may hold several
    /// segments.
    pub fn learn(&mut self, frame: u32, segment: &Segment<'_>) {
        let annotation = self.table.observe(segment);
        let place = self.store.push(frame, &annotation);
        self.connections.note(&mut self.table, &annotation, place);
        self.syns.note(segment, place);
    }

    /// Feeds the engine with an ICMP error; it is stored if it belongs to a connection.
    pub fn learn_icmp(&mut self, frame: u32, error: &IcmpError) {
        let said = self.table.observe_icmp(error);
        self.connections.keep_left(&mut self.table);
        if let Some(annotation) = said {
            let place = self.store.push(frame, &annotation);
            self.connections.note(&mut self.table, &annotation, place);
            // A frame that a read filter rejected gave its places back.
            while self.icmp.pop_if(|(last, _)| *last >= place).is_some() {}
            let IcmpError { kind, code, ref packet, .. } = *error;
            self.icmp.push((place, IcmpSaid { router: packet.source, kind, code }));
        }
    }

    /// To be called when a frame has been dissected for the first time.
    ///
    /// Wireshark gives the number of a frame that a read filter (`-R`) rejected to the next frame
    /// as well. So the segments of a frame are told from those of an earlier frame of the same
    /// number by this call, not by the number.
    pub fn end_frame(&mut self, frame: u32) -> Told {
        self.store.end_frame(frame);
        if self.told_full || self.table.evicted() == 0 {
            return Told::Nothing;
        }
        self.told_full = true;
        Told::Full
    }

    /// What is known of segment `nth` of a frame, from 0 in the order they came in.
    pub fn segment(&self, frame: u32, nth: u32) -> Option<Known<'_>> {
        let (place, said) = self.store.segments(frame).nth(nth as usize)?;
        Some(Known {
            said,
            connection: self.connections.get(&self.table, said.connection)?,
            now_ns: self.table.now_ns(),
            syn: if said.flags.contains(TcpFlags::SYN) { self.syns.get(place) } else { None },
            icmp: if said.stage == Stage::IcmpError { self.icmp_at(place) } else { None },
            steps: self.connections.steps(said.connection, place),
            later: [End::Client, End::Server]
                .map(|end| self.proofs.of(said.connection, end, place)),
            settings: self.settings,
        })
    }

    fn icmp_at(&self, place: u32) -> Option<&IcmpSaid> {
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

    /// To be called before details are shown on a later pass: finds out what became of the states
    /// that were assumed.
    pub fn take_in_proofs(&mut self) {
        let store = &self.store;
        self.proofs.take_in(store.len(), |taken| store.since(taken));
    }

    /// Changes what the user can choose; what is shown follows at once.
    pub fn configure(&mut self, settings: Settings) {
        self.settings = settings;
        self.texts = InfoTexts::new(settings.style);
    }

    /// What the Info column says of a frame, and a NUL; `None` if there is nothing to say.
    pub fn info(&mut self, frame: u32) -> Option<&str> {
        let said = self.store.segments(frame).map(|(_, said)| said);
        let every = self.settings.every_segment;
        let mut staged = said.filter(|said| every || said.stage != Stage::None);
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

    /// What is said of the first segment of a frame.
    pub fn first(session: &Session, frame: u32) -> Annotation {
        session.segment(frame, 0).unwrap().said
    }

    /// A segment with other flags; from the server if `back`. Numbers fit those of `SYN`.
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
            session.end_frame(frame as u32);
        }
    }

    fn flags(session: &Session, frame: u32) -> Vec<String> {
        let said = session.store.segments(frame).map(|(_, said)| said);
        said.map(|said| said.flags.tcpdump().to_string()).collect()
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
        assert_eq!(session.store.len(), 3);
        // Then a frame of that number without TCP.
        session.end_frame(2);
        assert!(flags(&session, 2).is_empty());
        assert_eq!(session.store.len(), 1);
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
        let known = session.segment(1, 0).unwrap();
        assert_eq!(known.connection.id(), known.said.connection);
        assert_eq!(known.connection.client(), "10.0.0.1:40000".parse().unwrap());
        assert!(known.syn.is_some());
        assert!(session.segment(1, 1).is_none() && session.segment(2, 0).is_none());
    }
}
