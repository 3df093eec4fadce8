//! The points of a capture file that holds several points of the way: each has a table of its own, and
//! what they saw is compared.
//!
//! A segment that several points saw is one segment. So each point follows its connections by itself, and
//! a connection of a point is a half here: one half at each point that saw it, all with one number.

mod compared;
mod halves;

use std::time::{Duration, Instant};

use dissector_core::compare::{
    Coverage, Observation, Observer, PointLabel, compare, compare_with_one_clock,
};
use dissector_core::connection::Annotation;
use dissector_core::{ConnectionTable, IcmpError, Segment};

use self::compared::{Build, Compared};
pub use self::compared::{Crossed, WayOf};
use self::halves::Halves;
use super::chunks::Chunks;
use super::connections::Connections;
use super::store::Store;

/// Points that are told apart at most; further interfaces count as the last one.
const MOST_POINTS: usize = 64;

/// Points each of which is compared with each other one. Of more, those that share a connection are.
const FEW_POINTS: usize = 4;

/// The points of a capture file.
pub struct Points {
    /// Whether the file was merged from captures of several points, in the order of the way.
    merged: bool,
    points: Vec<Point>,
    /// The point of the frame that is taken in.
    current: usize,
    limit: usize,
    halves: Halves,
    /// The serial number of the segment at each place of the store: numbers of places are used again.
    serials: Chunks<u32, 4096>,
    /// The frame of each segment, by serial number.
    frames: Chunks<u32, 4096>,
    /// Frames and segments so far.
    taken_in: u64,
    compared: Compared,
    /// When the comparison ended, how long it took, and `taken_in` then.
    latest: Option<(Instant, Duration, u64)>,
}

/// Which interface a frame was captured at, as Wireshark numbers them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Interface {
    pub section: u32,
    pub id: u32,
}

struct Point {
    interface: Interface,
    /// The place on the way, in a merged file.
    number: Option<u32>,
    name: String,
    /// When it was capturing, as a merged file says.
    label: Coverage,
    table: ConnectionTable,
    connections: Connections,
    observer: Observer,
    /// The half that each connection of the table is.
    halves: Vec<u32>,
    /// The serial number of its first segment.
    first: Option<u32>,
    span_ns: Option<(i64, i64)>,
}

impl Point {
    fn keep_closed(&mut self) {
        if self.table.has_closed() {
            self.connections.keep_closed(self.table.take_closed());
        }
    }

    /// When it was capturing: as the file says, otherwise from its first to its last frame.
    fn coverage(&self) -> Coverage {
        match self.span_ns {
            Some((from, to)) if self.label.spans().len() == 0 => {
                self.label.clone().with_span(from, to)
            }
            _ => self.label.clone(),
        }
    }

    /// Takes down the outcome of each connection as it stands now.
    fn judge(&mut self) {
        let now_ns = self.table.now_ns();
        for id in 0..self.halves.len() as u32 {
            if let Some(connection) = self.connections.get(&self.table, id) {
                self.observer.judge(connection, connection.outcome_at(now_ns));
            }
        }
    }
}

impl Points {
    /// Points that hold up to `limit` connections each.
    pub fn new(limit: usize) -> Self {
        Self {
            merged: false,
            points: Vec::new(),
            current: 0,
            limit,
            halves: Halves::default(),
            serials: Chunks::default(),
            frames: Chunks::default(),
            taken_in: 0,
            compared: Compared::default(),
            latest: None,
        }
    }

    /// Tells at which interface the frames from now on were captured. `description` is that of the
    /// interface, by which a merged file is recognised.
    pub fn turn_to(&mut self, interface: Interface, name: &str, description: &str) {
        let label = PointLabel::parse(description);
        let is_known = |point: &Point| match &label {
            // A point may have several interfaces.
            Some(label) => point.number == Some(label.number),
            None => point.number.is_none() && point.interface == interface,
        };
        self.current = match self.points.iter().position(is_known) {
            Some(known) => known,
            None if self.points.len() < MOST_POINTS => self.begin(interface, name, label),
            None => self.points.len() - 1,
        };
    }

    fn begin(&mut self, interface: Interface, name: &str, label: Option<PointLabel<'_>>) -> usize {
        self.merged |= label.is_some();
        let name = label.as_ref().map_or(name, |label| label.name);
        let same = self.points.iter().filter(|point| point.name.split(" #").next() == Some(name));
        let name = match (name, same.count()) {
            ("", _) => format!("interface {}", interface.id),
            (name, 0) => name.to_owned(),
            (name, others) => format!("{name} #{}", others + 1),
        };
        self.points.push(Point {
            interface,
            number: label.as_ref().map(|label| label.number),
            name,
            label: label.map(|label| label.coverage).unwrap_or_default(),
            table: ConnectionTable::with_limit(self.limit),
            connections: Connections::default(),
            observer: Observer::new().keeping_all(),
            halves: Vec::new(),
            first: None,
            span_ns: None,
        });
        self.points.len() - 1
    }

    /// Takes in a segment; returns its place in the store, and its annotation there, whose connection is
    /// its half.
    pub fn learn(
        &mut self,
        frame: u32,
        segment: &Segment<'_>,
        store: &mut Store,
    ) -> Option<(u32, Annotation)> {
        self.taken_in += 1;
        let index = self.current;
        let point = self.points.get_mut(index)?;
        let annotation = point.table.observe(segment);
        point.keep_closed();
        let id = annotation.connection;
        // The numbers of a table rise by one.
        while point.halves.len() <= id as usize {
            point.halves.push(self.halves.begin(index, point.halves.len() as u32, segment));
        }
        let half = point.halves[id as usize];
        let stored = of_half(annotation, half);
        let place = store.push(frame, &stored);
        point.connections.note(&point.table, &annotation, place);
        let serial = note_serial(&mut self.serials, &mut self.frames, place, frame);
        point.first.get_or_insert(serial);
        if let Some(connection) = point.connections.get(&point.table, id) {
            let mut seen = *segment;
            seen.packet.frame = serial.into();
            point.observer.observe(&seen, &annotation, connection);
        }
        Some((place, stored))
    }

    /// Takes in an ICMP error; returns its place in the store if it belongs to a connection.
    pub fn learn_icmp(&mut self, frame: u32, error: &IcmpError, store: &mut Store) -> Option<u32> {
        self.taken_in += 1;
        let point = self.points.get_mut(self.current)?;
        let observed = point.table.observe_icmp(error);
        point.keep_closed();
        let annotation = observed?;
        let half = *point.halves.get(annotation.connection as usize)?;
        let place = store.push(frame, &of_half(annotation, half));
        point.connections.note(&point.table, &annotation, place);
        note_serial(&mut self.serials, &mut self.frames, place, frame);
        if let Some(connection) = point.connections.get(&point.table, annotation.connection) {
            point.observer.observe_icmp(error, &annotation, connection);
        }
        Some(place)
    }

    /// Ends the first dissection of a frame.
    pub fn end_frame(&mut self, frame: u32, time_ns: Option<i64>) {
        self.taken_in += 1;
        let Some(time_ns) = time_ns else { return };
        if !self.merged {
            // The interfaces of one capture have one clock.
            self.points.iter_mut().for_each(|point| point.table.tell_time(frame.into(), time_ns));
        }
        let Some(point) = self.points.get_mut(self.current) else { return };
        point.table.tell_time(frame.into(), time_ns);
        let (first, last) = point.span_ns.unwrap_or((time_ns, time_ns));
        point.span_ns = Some((first.min(time_ns), last.max(time_ns)));
    }

    /// Whether open connections were dropped.
    pub fn evicted(&self) -> bool {
        self.points.iter().any(|point| point.table.evicted() > 0)
    }

    /// The table of a half, the connections of that point, and the half's number there.
    pub fn watched(&self, half: u32) -> Option<(&ConnectionTable, &Connections, u32)> {
        let half = self.halves.get(half)?;
        let point = self.points.get(half.point)?;
        Some((&point.table, &point.connections, half.id))
    }

    /// The name of the point that saw a half.
    pub fn name_of(&self, half: u32) -> &str {
        self.halves.get(half).map_or("", |half| self.name(half.point))
    }

    /// The name of a point.
    pub fn name(&self, point: usize) -> &str {
        self.points.get(point).map_or("", |point| &point.name)
    }

    /// The number of the connection that a half belongs to: as the points say when they are compared,
    /// before that as its first segments look.
    pub fn number(&self, half: u32) -> u32 {
        let first_sight = || self.halves.get(half).map_or(half, |half| half.number);
        self.compared.number(half).unwrap_or_else(first_sight)
    }

    /// The half that stands for the connection where connections are counted: the one nearest the client,
    /// or the first.
    pub fn counted(&self, half: u32) -> u32 {
        self.compared.counted(half).unwrap_or(half)
    }

    /// What became of the segment at a place, between each two points that say something of it.
    pub fn crossings(&self, place: u32) -> impl Iterator<Item = &Crossed> {
        let serial = self.serials.get(place as usize);
        serial.into_iter().flat_map(|serial| self.compared.crossings(*serial))
    }

    /// The serial number of the segment at a place.
    pub fn serial(&self, place: u32) -> Option<u32> {
        self.serials.get(place as usize).copied()
    }

    /// The frame of a segment.
    pub fn frame(&self, serial: u32) -> Option<u32> {
        self.frames.get(serial as usize).copied()
    }

    /// What happened to the connection of a half, between each two points.
    pub fn ways(&self, half: u32) -> impl Iterator<Item = &WayOf> {
        self.compared.ways(half)
    }

    /// Compares the points, if there is more than at the last time. While a capture goes on, that takes a
    /// tenth of the time at most.
    pub fn update(&mut self) {
        if let Some((ended, took, taken_in)) = self.latest
            && (taken_in == self.taken_in || ended.elapsed() < took * 10)
        {
            return;
        }
        let begun = Instant::now();
        self.compare();
        self.latest = Some((Instant::now(), begun.elapsed(), self.taken_in));
    }

    fn compare(&mut self) {
        let finished = self.points.iter_mut().map(|point| {
            point.judge();
            let coverage = point.coverage();
            Some(std::mem::take(&mut point.observer).finish(coverage))
        });
        let mut observed: Vec<Option<Observation>> = finished.collect();
        let mut build = Build::new(&self.halves, self.merged);
        for [first, second] in self.pairs() {
            let [Some(one), Some(two)] = [first, second].map(|point| observed[point].take()) else {
                continue;
            };
            let comparison =
                if self.merged { compare(one, two) } else { compare_with_one_clock(one, two) };
            let half = |point: usize, id: u32| self.points[point].halves.get(id as usize).copied();
            build.add([first, second], &comparison, half);
            let [one, two] = comparison.into_points();
            (observed[first], observed[second]) = (Some(one), Some(two));
        }
        self.compared = build.finish();
        for (point, observed) in self.points.iter_mut().zip(observed) {
            if let Some(observed) = observed {
                point.observer = observed.resume();
            }
        }
    }

    /// The points that are compared: in a merged file the neighbours, otherwise those between which
    /// something may have passed, each with those whose first segment came later.
    fn pairs(&self) -> Vec<[usize; 2]> {
        let mut places: Vec<_> = (0..self.points.len()).collect();
        if self.merged {
            places.sort_by_key(|place| self.points[*place].number);
            return places.windows(2).map(|pair| [pair[0], pair[1]]).collect();
        }
        places.retain(|place| self.points[*place].first.is_some());
        places.sort_by_key(|place| self.points[*place].first);
        if places.len() <= FEW_POINTS {
            let later = |nth: usize| places[nth + 1..].iter().map(move |second| (nth, *second));
            let all = (0..places.len()).flat_map(later);
            return all.map(|(nth, second)| [places[nth], second]).collect();
        }
        self.halves.neighbours()
    }
}

fn of_half(mut annotation: Annotation, half: u32) -> Annotation {
    annotation.connection = half;
    annotation
}

/// Gives the segment at `place` the next serial number.
fn note_serial(
    serials: &mut Chunks<u32, 4096>,
    frames: &mut Chunks<u32, 4096>,
    place: u32,
    frame: u32,
) -> u32 {
    let serial = frames.len() as u32;
    frames.push(frame);
    if place as usize <= serials.len() {
        serials.truncate(place as usize);
        serials.push(serial);
    }
    serial
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Session;
    use crate::session::tests::{octets, segment};
    use dissector_core::compare::{Fate, Path};

    /// Two points that see a handshake, each segment one millisecond later at the second; the client's
    /// first SYN is seen at the first alone. Frames 1 to 7.
    fn session() -> Session {
        let mut session = Session::default();
        let syn = octets(0x02, false, 100, 0);
        let syn_ack = octets(0x12, true, 700, 101);
        let ack = octets(0x10, false, 101, 701);
        let seen = [
            (0, &syn, 0),
            (0, &syn, 1_000),
            (1, &syn, 1_001),
            (1, &syn_ack, 1_002),
            (0, &syn_ack, 1_003),
            (0, &ack, 1_004),
            (1, &ack, 1_005),
        ];
        for (frame, (point, octets, ms)) in (1..).zip(seen) {
            learn(&mut session, frame, point, octets, ms);
        }
        session
    }

    fn learn(session: &mut Session, frame: u32, point: u32, octets: &[u8], ms: i64) {
        let name = ["client", "server"][point as usize];
        let coverage = Coverage::default().with_span(-5_000_000_000, 60_000_000_000);
        let label = PointLabel { number: point + 1, name, coverage };
        session.turn_to_point(Interface { section: 0, id: point }, name, &label.to_string());
        let mut segment = segment(octets);
        let by_server = segment.tcp.source_port == 80;
        if by_server {
            std::mem::swap(&mut segment.packet.source, &mut segment.packet.destination);
        }
        segment.packet.ttl = if by_server == (point == 1) { 64 } else { 63 };
        segment.packet.time_ns = ms * 1_000_000;
        session.learn(frame, &segment);
        session.end_frame(frame, Some(ms * 1_000_000));
    }

    fn fates(session: &Session, frame: u32) -> Vec<Fate> {
        let point = session.segment(frame, 0).expect("a segment").point.expect("a point");
        point.crossings().map(|crossed| crossed.fate).collect()
    }

    #[test]
    fn both_halves_are_one_connection_with_one_fate_each_segment() {
        let mut session = session();
        assert!(fates(&session, 1).is_empty());
        let number = |frame| session.segment(frame, 0).expect("a segment").annotation.connection;
        assert!((1..=7).all(|frame| number(frame) == 0));
        session.compare_points();
        assert_eq!(fates(&session, 1), [Fate::Lost]);
        for (frame, other) in [(2, 3), (3, 2), (4, 5), (5, 4), (6, 7), (7, 6)] {
            assert_eq!(fates(&session, frame), [Fate::Arrived], "{frame}");
            let facts = session.segment(frame, 0).expect("a segment");
            let point = facts.point.expect("a point");
            assert_eq!(point.other_frames().collect::<Vec<_>>(), [other]);
            assert_eq!(point.paths().collect::<Vec<_>>(), [Path::Lossy]);
            assert_eq!(facts.annotation.connection, 0);
            assert_eq!(session.counted(point.half()), (0, 0));
        }
        let info = session.info(1, true).expect("a step");
        assert!(info.ends_with("| lost before server\0"), "{info}");
        assert!(!session.info(1, false).expect("a step").contains("lost"));
        assert!(!session.info(2, true).expect("a step").contains("before"));
    }

    #[test]
    fn a_frame_number_used_again_has_the_fate_of_its_last_segment() {
        let mut session = session();
        session.compare_points();
        // A read filter rejects frame 8; the next one has the number as well.
        let fin = octets(0x11, false, 101, 701);
        learn(&mut session, 8, 0, &fin, 1_010);
        learn(&mut session, 8, 1, &fin, 1_011);
        // Whether there is more is looked at only after a while.
        session.points.as_mut().expect("points").latest = None;
        session.compare_points();
        let facts = session.segment(8, 0).expect("a segment");
        let point = facts.point.expect("a point");
        assert_eq!((point.name(), fates(&session, 8)), ("server", vec![Fate::Arrived]));
        assert_eq!(fates(&session, 1), [Fate::Lost]);
    }

    #[test]
    fn points_beyond_the_limit_count_as_the_last() {
        let mut points = Points::new(8);
        for id in 0..200 {
            points.turn_to(Interface { section: 0, id }, "eth0", "");
        }
        assert_eq!((points.points.len(), points.current), (MOST_POINTS, MOST_POINTS - 1));
        assert_eq!((points.name(0), points.name(1)), ("eth0", "eth0 #2"));
    }
}
