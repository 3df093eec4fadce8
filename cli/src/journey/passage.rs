//! The segments of a connection on their way from station to station.

use std::collections::HashMap;

use dissector_core::compare::{Change, Comparison, Fate, Path};
use dissector_core::connection::{Side, Stage, States};
use dissector_core::wire::TcpFlags;

use super::changes::texts;
use crate::compare::clock::common;
use crate::timeline::{Arrival, Event, IcmpEvent, Run, SegmentEvent, Timeline};

/// What is drawn as one.
pub enum Step {
    Segment(Box<Passage>),
    Icmp(IcmpPassage),
    /// Segments that arrived unchanged, and nothing else is to be said of them.
    Run(Run),
}

/// A segment on its way.
#[derive(Clone)]
pub struct Passage {
    /// As the first station on its way saw it that did.
    pub event: SegmentEvent,
    /// How each station saw it, from the client's end to the server's.
    pub seen: Vec<Option<Seen>>,
    /// What became of it between each two stations; `None` where neither saw it.
    pub fates: Vec<Option<Fate>>,
    /// What changed between each two stations.
    pub changes: Vec<Vec<String>>,
    /// The time between two stations, in nanoseconds.
    pub delays_ns: Vec<Option<i64>>,
    /// Time of its first sight by the first point's clock.
    pub time_ns: i64,
    /// States of client and server around it, each by the station next to that end, if it was seen there.
    pub states: [Option<States>; 2],
    /// The evidence on its arrival, of the last station on its way; `None` if it did not get there.
    pub arrival: Option<Arrival>,
    /// It belongs to one of two connections that a device between the stations made: that device answers it,
    /// or has sent it.
    pub apart: bool,
    /// Later segments of its direction are changed in the same fields; that is said of this one only.
    pub goes_on: bool,
}

/// A segment at a station.
#[derive(Clone, Copy)]
pub struct Seen {
    pub frame: u64,
    /// By the first point's clock.
    pub time_ns: i64,
    /// TTL or hop limit.
    pub ttl: u8,
}

/// An ICMP error on its way.
pub struct IcmpPassage {
    pub event: IcmpEvent,
    /// The frame at each station.
    pub seen: Vec<Option<u64>>,
    pub time_ns: i64,
}

impl Passage {
    pub fn from(&self) -> Side {
        self.event.from
    }

    /// Whether there is nothing to be said of it.
    pub fn is_plain(&self) -> bool {
        if self.apart {
            return self.event.annotation.stage == Stage::None && !self.event.annotation.final_ack;
        }
        self.event.is_plain()
            && self.changes.iter().all(Vec::is_empty)
            && self.seen.iter().all(Option::is_some)
            && self.event.arrival == Arrival::Assumed
    }

    /// The stations in the order in which it passes them.
    pub fn places(&self) -> Vec<usize> {
        let all = 0..self.seen.len();
        match self.from() {
            Side::Client => all.collect(),
            Side::Server => all.rev().collect(),
        }
    }

    /// The place of the hop that follows this station on its way.
    pub fn hop_after(&self, station: usize) -> Option<usize> {
        match self.from() {
            Side::Client => (station + 1 < self.seen.len()).then_some(station),
            Side::Server => station.checked_sub(1),
        }
    }

    /// The station at which it was seen last, if it was lost behind it.
    pub fn lost_behind(&self) -> Option<usize> {
        let places = self.places();
        let last = places.into_iter().rev().find(|place| self.seen[*place].is_some())?;
        let hop = self.hop_after(last)?;
        (self.fates[hop] == Some(Fate::Lost)).then_some(last)
    }

    /// The station at which it was seen first, if the one before has not seen it, and what became of it in
    /// between.
    fn begins_at(&self) -> Option<(usize, Fate)> {
        let places = self.places();
        let order = places.iter().position(|place| self.seen[*place].is_some())?;
        let hop = self.hop_after(places[order.checked_sub(1)?])?;
        let fate = self.fates[hop]?;
        (fate != Fate::NotCaptured).then_some((places[order], fate))
    }

    /// The station at which it was seen first, if it came from between it and the one before.
    pub fn appeared_at(&self) -> Option<usize> {
        let (place, fate) = self.begins_at()?;
        matches!(fate, Fate::Appeared | Fate::Doubled).then_some(place)
    }

    /// The station at which it was seen first, if the device that ends both connections sent it.
    pub fn sent_by_device(&self) -> Option<usize> {
        let places = self.places();
        let first = places.iter().position(|place| self.seen[*place].is_some())?;
        (self.apart && first > 0 && self.begins_at().is_none()).then(|| places[first])
    }

    /// The station at which it was seen first, if nothing tells where it came from.
    pub fn begins_unknown_at(&self) -> Option<usize> {
        let (place, fate) = self.begins_at()?;
        (fate == Fate::Unknown).then_some(place)
    }
}

/// Where the traces of one connection are.
pub struct Traces<'a> {
    pub comparisons: &'a [Comparison],
    /// The place of the connection in each comparison.
    pub conns: &'a [Option<usize>],
    /// What each point saw, in the order given.
    pub timelines: &'a [Option<Timeline>],
    /// The first point is nearer the server.
    pub reversed: bool,
}

/// A segment at a point: its frame and time tell it apart in several files, too.
type Key = (usize, u64, i64);

impl Traces<'_> {
    /// Every segment and ICMP error, in order of time.
    pub fn steps(&self) -> Vec<Step> {
        let mut steps: Vec<Step> =
            self.passages().into_iter().map(|it| Step::Segment(Box::new(it))).collect();
        steps.extend(self.icmp().into_iter().map(Step::Icmp));
        steps.sort_by_key(|step| match step {
            Step::Segment(passage) => passage.time_ns,
            Step::Icmp(icmp) => icmp.time_ns,
            Step::Run(run) => run.first_ns,
        });
        steps
    }

    /// The place of a point among the stations.
    fn station(&self, point: usize) -> usize {
        if self.reversed { self.timelines.len() - 1 - point } else { point }
    }

    fn hop(&self, pair: usize) -> usize {
        if self.reversed { self.comparisons.len() - 1 - pair } else { pair }
    }

    /// The event of each segment at its point.
    fn events(&self) -> HashMap<Key, &SegmentEvent> {
        let timelines = self.timelines.iter().enumerate();
        let all = timelines.flat_map(|(point, timeline)| {
            let events = timeline.iter().flat_map(|it| &it.events);
            events.filter_map(move |event| match event {
                Event::Segment(it) => Some(((point, it.frame, it.time_ns), it)),
                _ => None,
            })
        });
        all.collect()
    }

    fn passages(&self) -> Vec<Passage> {
        let (points, hops) = (self.timelines.len(), self.comparisons.len());
        let events = self.events();
        // Each as its frame at each point, and what each comparison says of it.
        struct Found {
            to: Side,
            keys: Vec<Option<(Key, u8)>>,
            fates: Vec<Option<Fate>>,
            changes: Vec<Vec<String>>,
            apart: bool,
            goes_on: bool,
        }
        let mut found: Vec<Found> = Vec::new();
        let mut known: HashMap<Key, usize> = HashMap::new();
        // The first segment of a direction with a change.
        let mut told = vec![[HashMap::<Change, usize>::new(), HashMap::new()]; hops];
        for (pair, comparison) in self.comparisons.iter().enumerate() {
            let Some(conn) = self.conns[pair] else { continue };
            let apart = comparison.get(conn).is_some_and(|it| it.path == Path::Proxied);
            for crossing in comparison.crossings(conn) {
                // The client's segments pass the points in order, unless the first is nearer the server.
                let forwards = (crossing.to == Side::Server) != self.reversed;
                let sighted = if forwards {
                    [crossing.near, crossing.far]
                } else {
                    [crossing.far, crossing.near]
                };
                let keys = [pair, pair + 1].into_iter().zip(sighted);
                let keys: Vec<(Key, u8)> = keys
                    .filter_map(|(point, it)| it.map(|it| ((point, it.frame, it.time_ns), it.ttl)))
                    .collect();
                // What looks alike in the two connections of a device is not one segment.
                let separate = if apart { 1 } else { keys.len().max(1) };
                for keys in keys.chunks(separate) {
                    let before = keys.iter().find_map(|(key, _)| known.get(key).copied());
                    let place = before.unwrap_or_else(|| {
                        found.push(Found {
                            to: crossing.to,
                            keys: vec![None; points],
                            fates: vec![None; hops],
                            changes: vec![Vec::new(); hops],
                            apart: false,
                            goes_on: false,
                        });
                        found.len() - 1
                    });
                    for (key, ttl) in keys {
                        found[place].keys[key.0].get_or_insert((*key, *ttl));
                        known.entry(*key).or_insert(place);
                    }
                    found[place].apart |= apart;
                    if apart {
                        continue;
                    }
                    found[place].fates[pair].get_or_insert(crossing.fate);
                    // What changes throughout a direction is said once: of its numbers, all change alike.
                    let told = &mut told[pair][crossing.to as usize];
                    let is_syn = crossing.any().flags.contains(TcpFlags::SYN);
                    let mut changes = crossing.changes;
                    for change in crossing.changes.iter() {
                        let is_sequence = change == Change::Sequence;
                        let each = is_syn && !is_sequence;
                        if each || matches!(change, Change::Ttl | Change::Flags) {
                            continue;
                        }
                        if let Some(&first) = told.get(&change) {
                            changes.remove(change);
                            found[first].goes_on |= !is_sequence;
                        } else {
                            told.insert(change, place);
                        }
                    }
                    found[place].changes[pair].extend(texts(&crossing, changes));
                }
            }
        }
        let passage = |it: Found| {
            let from = it.to.other();
            let station_key = |station: usize| it.keys[self.station(station)];
            let seen: Vec<Option<Seen>> = (0..points)
                .map(|station| {
                    station_key(station).map(|((point, frame, time_ns), ttl)| Seen {
                        frame,
                        time_ns: common(self.comparisons, point, time_ns),
                        ttl,
                    })
                })
                .collect();
            let order: Vec<usize> = match from {
                Side::Client => (0..points).collect(),
                Side::Server => (0..points).rev().collect(),
            };
            let event_at = |station: usize| events.get(&station_key(station)?.0).copied();
            let first = order.iter().find_map(|station| event_at(*station))?;
            let by_hop = |hop: usize| self.hop(hop);
            let delay = |hop: usize| {
                let [near, far] = match from {
                    Side::Client => [seen[hop]?, seen[hop + 1]?],
                    Side::Server => [seen[hop + 1]?, seen[hop]?],
                };
                Some(far.time_ns.saturating_sub(near.time_ns))
            };
            let last_station = order[points - 1];
            let at_client = event_at(0).map(|event| event.annotation.client);
            let at_server = event_at(points - 1).map(|event| event.annotation.server);
            Some(Passage {
                event: SegmentEvent { from, ..first.clone() },
                fates: (0..hops).map(|hop| it.fates[by_hop(hop)]).collect(),
                changes: (0..hops).map(|hop| it.changes[by_hop(hop)].clone()).collect(),
                delays_ns: (0..hops).map(delay).collect(),
                time_ns: order.iter().find_map(|it| seen[*it]).map_or(0, |it| it.time_ns),
                states: [at_client, at_server],
                arrival: event_at(last_station).map(|event| {
                    // The end in whose name an RST came goes on: that says nothing of the other end.
                    let is_rst = event.annotation.flags.contains(TcpFlags::RST);
                    if is_rst { Arrival::Assumed } else { event.arrival }
                }),
                seen,
                apart: it.apart,
                goes_on: it.goes_on,
            })
        };
        found.into_iter().filter_map(passage).collect()
    }

    fn icmp(&self) -> Vec<IcmpPassage> {
        let points = self.timelines.len();
        let mut all: Vec<IcmpPassage> = Vec::new();
        for (point, timeline) in self.timelines.iter().enumerate() {
            let station = self.station(point);
            let errors = timeline.iter().flat_map(|it| &it.events);
            for error in errors.filter_map(|event| match event {
                Event::Icmp(error) => Some(error),
                _ => None,
            }) {
                let name = |it: &IcmpEvent| (it.kind, it.code, it.to);
                let same = all.iter_mut().find(|it| {
                    name(&it.event) == name(error) && it.seen[station].is_none() && point > 0
                });
                let time_ns = common(self.comparisons, point, error.time_ns);
                match same {
                    Some(same) => {
                        same.seen[station] = Some(error.frame);
                        same.time_ns = same.time_ns.min(time_ns);
                    }
                    None => {
                        let mut seen = vec![None; points];
                        seen[station] = Some(error.frame);
                        all.push(IcmpPassage { event: error.clone(), seen, time_ns });
                    }
                }
            }
        }
        all
    }
}
