//! The segments of one capture file, by frame.
//!
//! Wireshark dissects each frame once in the order of the file, and later any number of times in any
//! order. The engine takes a frame in the first time; later calls only read what was stored then.

mod answers;
mod chunks;
mod connections;
mod frames;
pub mod points;
mod proofs;
mod store;
mod syns;

use std::net::IpAddr;

use dissector_core::connection::{Annotation, Connection, HandshakeTimes, Path, Side, Stage};
use dissector_core::wire::{SynSignature, TcpFlags};
use dissector_core::{ConnectionTable, DEFAULT_LIMIT, IcmpError, Segment};

use crate::session::answers::Answers;
use crate::session::connections::Connections;
pub use crate::session::connections::Landmarks;
use crate::session::points::{Crossed, Interface, Points};
use crate::session::proofs::Proofs;
use crate::session::store::Store;
use crate::session::syns::Syns;
use crate::show::fate::FateText;
use crate::show::info::InfoTexts;
use crate::show::text::{Evidence, Style};

/// The engine, and its annotation of each segment.
#[derive(Default)]
pub struct Session {
    table: ConnectionTable,
    store: Store,
    connections: Connections,
    answers: Answers,
    /// The points of a file that has several; then the table stays empty.
    points: Option<Box<Points>>,
    /// Connections that a table holds at once.
    limit: Option<usize>,
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
    /// Whether the Info column says the step alone, without flags and states.
    pub step_only: bool,
    pub style: Style,
    /// A handshake that takes longer is slow.
    pub slow_ns: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            every_segment: false,
            step_only: false,
            style: Style::default(),
            slow_ns: 1_000_000_000,
        }
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
    /// Whether it is an ACK that was sent before, and answers a repeated SYN/ACK or FIN.
    pub answers_a_copy: bool,
    /// Evidence in later frames for the assumed states of client and server.
    pub evidence: [Option<Evidence>; 2],
    pub settings: Settings,
    /// Where a file has several points, what these say of the segment.
    pub point: Option<PointFacts<'a>>,
}

impl SegmentFacts<'_> {
    /// Whether a handshake that took so long is slow. The user decides what is slow.
    pub fn is_slow(&self, times: &HandshakeTimes) -> bool {
        times.setup_time_ns.is_some_and(|setup_ns| setup_ns > self.settings.slow_ns)
    }
}

/// What the points of a file say of one segment.
#[derive(Clone, Copy)]
pub struct PointFacts<'a> {
    points: &'a Points,
    /// Its connection at its own point.
    half: u32,
    place: u32,
}

impl<'a> PointFacts<'a> {
    /// The name of its own point.
    pub fn name(self) -> &'a str {
        self.points.name_of(self.half)
    }

    /// Its connection at its own point.
    pub fn half(self) -> u32 {
        self.half
    }

    /// The points between which an arrow of it is drawn; `None` for its sender or receiver. It comes from
    /// the point before this one or from its sender, unless it is new here: then it goes to its receiver.
    pub fn leg(self) -> [Option<&'a str>; 2] {
        let own = self.points.serial(self.place);
        let here = Some(self.name());
        let arrival = self.crossings().find(|crossed| crossed.sightings()[1] == own);
        match arrival.map(|crossed| (crossed.points()[0], crossed.sightings()[0])) {
            Some((before, Some(_))) => [Some(self.name_of(before)), here],
            Some((_, None)) => [here, None],
            None => [None, here],
        }
    }

    pub fn name_of(self, point: usize) -> &'a str {
        self.points.name(point)
    }

    /// What became of it between each two points that say something of it.
    pub fn crossings(self) -> impl Iterator<Item = &'a Crossed> {
        self.points.crossings(self.place)
    }

    /// What happened to its connection between each two points.
    pub fn paths(self) -> impl Iterator<Item = Path> {
        self.points.ways(self.half).map(|way| way.path)
    }

    /// Its frames at other points, those nearer its sender first.
    pub fn other_frames(self) -> impl Iterator<Item = u32> {
        let own = self.points.serial(self.place);
        let serials = self.crossings().flat_map(Crossed::sightings).flatten();
        serials.filter(move |serial| Some(*serial) != own).filter_map(|it| self.points.frame(it))
    }

    /// Its frame at the point before this one on the way.
    pub fn earlier_frame(self) -> Option<u32> {
        let own = self.points.serial(self.place);
        let arrival = self.crossings().find(|crossed| crossed.sightings()[1] == own)?;
        self.points.frame(arrival.sightings()[0]?)
    }
}

impl Session {
    /// A session that holds up to `limit` connections at once.
    pub fn with_limit(limit: usize) -> Self {
        Self { table: ConnectionTable::with_limit(limit), limit: Some(limit), ..Self::default() }
    }

    /// Takes in a segment and stores its annotation. Frames come in order; a frame may hold several
    /// segments.
    pub fn learn(&mut self, frame: u32, segment: &Segment<'_>) {
        if let Some(points) = &mut self.points {
            if let Some((place, annotation)) = points.learn(frame, segment, &mut self.store) {
                self.answers.note(segment, &annotation, place);
                self.syns.note(segment, place);
            }
            return;
        }
        let annotation = self.table.observe(segment);
        let place = self.store.push(frame, &annotation);
        self.keep_closed();
        self.connections.note(&self.table, &annotation, place);
        self.answers.note(segment, &annotation, place);
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
        let place = match &mut self.points {
            Some(points) => points.learn_icmp(frame, error, &mut self.store),
            None => {
                let observed = self.table.observe_icmp(error);
                self.keep_closed();
                observed.map(|annotation| {
                    let place = self.store.push(frame, &annotation);
                    self.connections.note(&self.table, &annotation, place);
                    place
                })
            }
        };
        if let Some(place) = place {
            // The places of a frame that a read filter rejected are used again.
            while self.icmp.pop_if(|(last, _)| *last >= place).is_some() {}
            let IcmpError { kind, code, ref packet, .. } = *error;
            self.icmp.push((place, IcmpMessage { router: packet.source, kind, code }));
        }
    }

    /// Tells at which interface the frames from now on were captured: the interfaces of this file are
    /// points of the way.
    pub fn turn_to_point(&mut self, interface: Interface, name: &str, description: &str) {
        let limit = self.limit.unwrap_or(DEFAULT_LIMIT);
        let points = self.points.get_or_insert_with(|| Box::new(Points::new(limit)));
        points.turn_to(interface, name, description);
    }

    /// Compares the points, where the file has several. To be called before anything is shown on a later
    /// pass.
    #[inline]
    pub fn compare_points(&mut self) {
        if let Some(points) = &mut self.points {
            points.update();
        }
    }

    /// The number of the connection that a half belongs to, and the half that stands for it. Without
    /// points a connection is its own half.
    pub fn counted(&self, half: u32) -> (u32, u32) {
        match &self.points {
            Some(points) => (points.number(half), points.counted(half)),
            None => (half, half),
        }
    }

    /// Ends the first dissection of a frame. Its time is `None` if it is no packet. Returns true once:
    /// when the first open connection was dropped to make room.
    ///
    /// Wireshark gives the number of a frame that a read filter (`-R`) rejected to the next frame
    /// as well. So this call, and not the number, separates the segments of two frames.
    pub fn end_frame(&mut self, frame: u32, time_ns: Option<i64>) -> bool {
        if let Some(points) = &mut self.points {
            points.end_frame(frame, time_ns);
            self.evicted = points.evicted();
        } else if let Some(time_ns) = time_ns {
            self.table.tell_time(frame.into(), time_ns);
        }
        self.store.end_frame(frame);
        let reported = std::mem::replace(&mut self.eviction_reported, self.evicted);
        self.evicted && !reported
    }

    /// Segment `nth` of a frame, from 0 in the order in which they were taken in.
    pub fn segment(&self, frame: u32, nth: u32) -> Option<SegmentFacts<'_>> {
        let (place, mut annotation) = self.store.segments(frame).nth(nth as usize)?;
        let half = annotation.connection;
        let (table, connections, id) = self.watched(half)?;
        let point = self.points.as_deref().map(|points| PointFacts { points, half, place });
        annotation.connection = point.map_or(half, |point| point.points.number(half));
        Some(SegmentFacts {
            annotation,
            connection: connections.get(table, id)?,
            now_ns: table.now_ns(),
            syn: if annotation.flags.contains(TcpFlags::SYN) { self.syns.get(place) } else { None },
            icmp: if annotation.stage == Stage::IcmpError { self.icmp_at(place) } else { None },
            landmarks: connections.landmarks(id, place),
            answers_a_copy: self.answers.contains(place),
            evidence: Side::BOTH.map(|side| self.proofs.of(half, side, place)),
            settings: self.settings,
            point,
        })
    }

    /// The table that follows a half, its connections, and the half's number there.
    fn watched(&self, half: u32) -> Option<(&ConnectionTable, &Connections, u32)> {
        match &self.points {
            None => Some((&self.table, &self.connections, half)),
            Some(points) => points.watched(half),
        }
    }

    fn icmp_at(&self, place: u32) -> Option<&IcmpMessage> {
        let index = self.icmp.binary_search_by_key(&place, |(place, _)| *place).ok()?;
        Some(&self.icmp[index].1)
    }

    /// A connection, or its half, as it stands now, and the time by which it is judged.
    pub fn connection(&self, half: u32) -> Option<(&Connection, i64)> {
        let (table, connections, id) = self.watched(half)?;
        Some((connections.get(table, id)?, table.now_ns()))
    }

    /// Collects the evidence for assumed states. To be called before details are shown on a later pass.
    pub fn update_proofs(&mut self) {
        let store = &self.store;
        self.proofs.update(store.len(), |place| store.since(place));
    }

    /// Changes the settings for everything that is shown from now on.
    pub fn configure(&mut self, settings: Settings) {
        self.settings = settings;
        self.texts = InfoTexts::new(settings.style, settings.step_only);
    }

    /// The text of the Info column for a frame, and a NUL; `None` if the frame adds none. On `later`
    /// passes it says what became of a segment between points.
    pub fn info(&mut self, frame: u32, later: bool) -> Option<&str> {
        if later && self.points.is_some() {
            return self.info_at_point(frame);
        }
        let annotations = self.store.segments(frame).map(|(_, annotation)| annotation);
        let every = self.settings.every_segment;
        let mut staged = annotations.filter(|annotation| every || annotation.stage != Stage::None);
        let first = staged.next()?;
        Some(match staged.next() {
            None => self.texts.one(&first),
            Some(second) => self.texts.several([first, second].into_iter().chain(staged)),
        })
    }

    fn info_at_point(&mut self, frame: u32) -> Option<&str> {
        self.compare_points();
        let points = self.points.as_deref()?;
        let every = self.settings.every_segment;
        let segments = self.store.segments(frame).map(|(place, annotation)| {
            let staged = every || annotation.stage != Stage::None;
            let point = PointFacts { points, half: annotation.connection, place };
            (staged.then_some(annotation), FateText(point))
        });
        self.texts.at_point(segments)
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
