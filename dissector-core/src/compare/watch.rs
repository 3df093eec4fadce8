//! Observing points by their captures.

use std::collections::BTreeMap;

use super::label::PointLabel;
use super::observer::{Coverage, Observation, Observer};
use crate::capture::{self, CaptureInterface, Captures, Disorder, Order, Packet};
use crate::pipeline::{Exceptions, each_packet};
use crate::{ConnectionTable, FollowOptions, FollowSummary};

/// A point that is being observed: its connections, and what is kept of them.
struct Point {
    table: ConnectionTable,
    observer: Observer,
}

impl Point {
    fn observe(&mut self, packet: &Packet<'_>, now_ns: i64) {
        let Self { table, observer } = self;
        table.turn_clock(now_ns);
        match packet {
            Packet::Segment(segment) => {
                let seen = table.observe(segment);
                if let Some(connection) = table.latest() {
                    observer.observe(segment, &seen, connection);
                }
            }
            Packet::IcmpError(error) => {
                if let Some(seen) = table.observe_icmp(error)
                    && let Some(connection) = table.latest()
                {
                    observer.observe_icmp(error, &seen, connection);
                }
            }
        }
        if table.has_closed() {
            let (closed, now_ns) = (table.take_closed(), table.now_ns());
            closed.iter().for_each(|it| observer.judge(it, it.outcome_at(now_ns)));
        }
    }

    fn finish(mut self, now_ns: i64, coverage: Coverage) -> Observation {
        self.table.turn_clock(now_ns);
        for connection in self.table.connections() {
            self.observer.judge(connection, self.table.outcome(connection));
        }
        self.observer.finish(coverage)
    }
}

/// Reads the captures of one point to their end, such as rotated files.
///
/// The captures of several points can be read at the same time, each in a thread of its own.
pub fn observe(
    captures: &mut Captures,
    options: FollowOptions<'_>,
    observer: Observer,
) -> (Observation, FollowSummary) {
    let mut point = Point { table: options.table(), observer };
    let ended = each_packet(captures, options, |_, packet, now_ns| point.observe(packet, now_ns));
    let exceptions = Exceptions::of(&point.table);
    let files = (0..captures.count()).map(|index| captures.coverage(index));
    let observation = point.finish(captures.now_ns(), coverage(files));
    (observation, FollowSummary::of(ended, exceptions))
}

/// What one interface of a capture has seen.
#[derive(Debug)]
#[non_exhaustive]
pub struct InterfaceObservation {
    /// Its name or, if the capture gives none, its number.
    pub name: String,
    /// What it has seen.
    pub observation: Observation,
    /// How far the times of its own packets go back, whatever those of other interfaces do.
    pub disorder: Option<Disorder>,
    /// Whether it stands for a point whose capture was merged into this one, as a [`PointLabel`] says: its
    /// clock may be another than that of the other points.
    pub is_point: bool,
}

/// Reads captures in which each interface is a point: those of pcapng, and the interface indexes of
/// Linux cooked captures of version 2 (`tcpdump -i any`). They come in the order of their first packets.
///
/// Those that stand for merged points have the points' names, and come in the points' order.
///
/// `observer` makes the observer of each.
pub fn observe_interfaces(
    captures: &mut Captures,
    options: FollowOptions<'_>,
    observer: impl Fn() -> Observer,
) -> (Vec<InterfaceObservation>, FollowSummary) {
    let limit = options.limit();
    let mut points: Vec<(Point, Order)> = Vec::new();
    // The interfaces of rotated files are the same ones.
    let mut places: BTreeMap<(usize, u32), usize> = BTreeMap::new();
    let ended = each_packet(captures, options, |origin, packet, now_ns| {
        let next = points.len();
        let place = *places.entry((origin.capture, origin.interface)).or_insert(next);
        if place == next {
            let table = ConnectionTable::with_limit(limit);
            points.push((Point { table, observer: observer() }, Order::default()));
        }
        let (point, order) = &mut points[place];
        order.note(packet.info().frame, packet.info().time_ns);
        point.observe(packet, now_ns);
    });
    let mut exceptions = Exceptions::default();
    points.iter().for_each(|(point, _)| exceptions.add(&Exceptions::of(&point.table)));
    let mut described: BTreeMap<usize, (u32, Option<CaptureInterface>)> = BTreeMap::new();
    for ((file, interface), place) in &places {
        let known = captures.interfaces(*file).nth(*interface as usize);
        described.insert(*place, (*interface, known));
    }
    let now_ns = captures.now_ns();
    let mut observed: Vec<_> = points
        .into_iter()
        .zip(described.values())
        .map(|((point, order), (number, interface))| {
            let description = interface.as_ref().and_then(|it| it.description.as_deref());
            let label = description.and_then(PointLabel::parse);
            let captured = coverage(interface.as_ref().map(|it| it.coverage));
            let (coverage, is_point) = match &label {
                Some(label) if label.coverage.spans().len() > 0 => (label.coverage.clone(), true),
                _ => (captured, label.is_some()),
            };
            let (place, name) = match label {
                Some(label) => (label.number, point_name(&label, interface.as_ref())),
                None => (0, name(interface.as_ref(), *number)),
            };
            let observation = point.finish(now_ns, coverage);
            let disorder = order.disorder();
            (place, InterfaceObservation { name, observation, disorder, is_point })
        })
        .collect();
    observed.sort_by_key(|(place, _)| *place);
    let observed = observed.into_iter().map(|(_, it)| it).collect();
    (observed, FollowSummary::of(ended, exceptions))
}

/// The name of a merged point; of several interfaces that it has, each has a longer one.
fn point_name(label: &PointLabel<'_>, interface: Option<&CaptureInterface>) -> String {
    let name = interface.and_then(|it| it.name.as_deref());
    name.filter(|name| name.starts_with(label.name)).unwrap_or(label.name).to_owned()
}

fn name(interface: Option<&CaptureInterface>, number: u32) -> String {
    match interface {
        Some(CaptureInterface { index: Some(index), .. }) => format!("interface {index}"),
        Some(CaptureInterface { name: Some(name), .. }) => name.to_string(),
        _ => format!("interface {number}"),
    }
}

/// When a point was capturing by its files.
fn coverage(files: impl IntoIterator<Item = capture::Coverage>) -> Coverage {
    let mut coverage = Coverage::default();
    for file in files {
        coverage = file.span().map_or(coverage.clone(), |(from, to)| coverage.with_span(from, to));
        coverage = coverage.with_dropped(file.dropped);
    }
    coverage
}
