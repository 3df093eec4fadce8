//! The fate of each segment between the points.

use super::joining::Joint;
use super::matching::{Direction, Links};
use super::sighting::Sighting;
use super::timing::Timing;
use super::trace::Trace;
use crate::vocabulary::{Change, ChangeSet, Fate, Side};
use crate::wire::TcpFlags;

/// A segment on its way between two points.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Crossing {
    /// The end that it goes to.
    pub to: Side,
    /// How the point nearer its sender saw it.
    pub near: Option<Sighting>,
    /// How the point nearer its receiver saw it; the first piece, where it arrived in several.
    pub far: Option<Sighting>,
    /// What became of it.
    pub fate: Fate,
    /// What differs between the two.
    pub changes: ChangeSet,
}

impl Crossing {
    /// The sighting at the point nearer its sender, otherwise the other.
    pub fn any(&self) -> &Sighting {
        // One of them is there: a crossing is made from a sighting.
        self.near.as_ref().or(self.far.as_ref()).unwrap_or(&NOTHING)
    }
}

const NOTHING: Sighting = Sighting::NOTHING;

/// The crossings of one direction, and what they came to.
#[derive(Debug)]
pub(super) struct Crossed {
    pub crossings: Vec<Crossing>,
    /// The least time on the way, in nanoseconds.
    pub delay_ns: Option<i64>,
}

/// Judges each segment that goes to this end.
pub(super) fn cross(joint: &Joint<'_>, to: Side, timing: &Timing) -> Crossed {
    let direction = Way::new(joint, to, timing);
    let links = direction.links();
    direction.judge(&links)
}

/// One direction between the points.
pub(super) struct Way<'a> {
    to: Side,
    /// The trace at the point nearer the sender, and at the other.
    traces: [&'a Trace; 2],
    /// The points of these traces.
    points: [usize; 2],
    direction: Direction<'a>,
    timing: &'a Timing,
}

impl<'a> Way<'a> {
    pub fn new(joint: &Joint<'a>, to: Side, timing: &'a Timing) -> Self {
        let sender = to.other();
        let near = joint.point_near(sender);
        let points = [near, 1 - near];
        let traces = points.map(|point| joint.traces[point]);
        let shift = |side: Side| match near {
            0 => joint.shifts[side as usize],
            _ => 0_u32.wrapping_sub(joint.shifts[side as usize]),
        };
        let sightings = |trace: &'a Trace| trace.by(sender).collect();
        let direction = Direction {
            near: sightings(traces[0]),
            far: sightings(traces[1]),
            sequence_shift: shift(sender),
            acknowledgment_shift: shift(to),
        };
        Self { to, traces, points, direction, timing }
    }

    pub fn near(&self, place: usize) -> &'a Sighting {
        self.direction.near[place]
    }

    pub fn far(&self, place: usize) -> &'a Sighting {
        self.direction.far[place]
    }

    /// The sightings with all of these flags at the point nearer the sender.
    pub fn near_with(&self, flags: TcpFlags) -> Vec<&'a Sighting> {
        self.direction.near.iter().copied().filter(|it| it.flags.contains(flags)).collect()
    }

    /// The same at the other point.
    pub fn far_with(&self, flags: TcpFlags) -> Vec<&'a Sighting> {
        self.direction.far.iter().copied().filter(|it| it.flags.contains(flags)).collect()
    }

    fn times(&self, near: &Sighting, far: &Sighting) -> [i64; 2] {
        let [departs, arrives] = self.points;
        [self.timing.common(departs, near.time_ns), self.timing.common(arrives, far.time_ns)]
    }

    pub fn links(&self) -> Links {
        self.direction.link(|near, far| {
            let [departure, arrival] = self.times(near, far);
            let early = departure.saturating_sub(arrival);
            self.timing.uncertainty(departure).is_none_or(|uncertainty| early <= uncertainty)
        })
    }

    /// The linked sightings of segments with exactly one copy at each point, no RST: near and far.
    pub fn single(&self, links: &Links) -> Vec<(&'a Sighting, &'a Sighting)> {
        let Direction { near, far, .. } = &self.direction;
        let is_single = |sightings: &[&Sighting], place: usize| {
            let it = sightings[place];
            let is_copy = |other: &&Sighting| {
                other.sequence == it.sequence
                    && other.length() == it.length()
                    && (it.length() > 0 || other.acknowledgment == it.acknowledgment)
            };
            sightings.iter().filter(|other| is_copy(other)).count() == 1
        };
        let linked = links.far_of.iter().enumerate();
        linked
            .filter_map(|(place, other)| Some((place, (*other)?)))
            .filter(|(place, _)| !links.by_octets[*place] && !near[*place].is(TcpFlags::RST))
            .filter(|(place, other)| is_single(near, *place) && is_single(far, *other))
            .map(|(place, other)| (near[place], far[other]))
            .collect()
    }

    fn judge(&self, links: &Links) -> Crossed {
        let Direction { near, far, .. } = &self.direction;
        let mut crossings = Vec::with_capacity(near.len().max(far.len()));
        let mut delay_ns: Option<i64> = None;
        let fails_to_capture = self.fails_to_capture(links);
        for (place, it) in near.iter().enumerate() {
            let arrived = links.far_of[place].map(|place| far[place]);
            let (fate, changes) = match arrived {
                Some(arrived) => {
                    let [departure, arrival] = self.times(it, arrived);
                    let delay = arrival.saturating_sub(departure);
                    delay_ns = Some(delay_ns.map_or(delay, |least| least.min(delay)));
                    let whole = !links.by_octets[place];
                    let changes =
                        if whole { self.changes(it, arrived, links) } else { ChangeSet::EMPTY };
                    (if changes.is_empty() { Fate::Arrived } else { Fate::Changed }, changes)
                }
                // The other capture of this packet has the fate.
                None if it.is_second_capture() => continue,
                None => (self.fate_of_missing(it, links, fails_to_capture), ChangeSet::EMPTY),
            };
            crossings.push(Crossing {
                to: self.to,
                near: Some(**it),
                far: arrived.copied(),
                fate,
                changes,
            });
        }
        for (place, it) in far.iter().enumerate() {
            if links.near_of[place].is_none() {
                let fate = self.fate_of_new(it, links);
                let (near, far) = (None, Some(**it));
                let changes = ChangeSet::EMPTY;
                crossings.push(Crossing { to: self.to, near, far, fate, changes });
            }
        }
        crossings.sort_by_key(|it| self.time_of(it));
        Crossed { crossings, delay_ns }
    }

    /// When it left or, where that was not seen, arrived, by the first point's clock.
    fn time_of(&self, it: &Crossing) -> i64 {
        let [near, far] = self.points;
        match (&it.near, &it.far) {
            (Some(left), _) => self.timing.common(near, left.time_ns),
            (_, Some(arrived)) => self.timing.common(far, arrived.time_ns),
            _ => 0,
        }
    }

    /// What differs between two sightings of one segment.
    fn changes(&self, near: &Sighting, far: &Sighting, links: &Links) -> ChangeSet {
        let mut changes = ChangeSet::EMPTY;
        let mut note = |change, differs: bool| {
            if differs {
                changes.insert(change);
            }
        };
        let Direction { sequence_shift, acknowledgment_shift, .. } = self.direction;
        note(Change::Sequence, sequence_shift != 0);
        let acknowledged = far.acknowledgment - acknowledgment_shift;
        let acks = near.is(TcpFlags::ACK) && !near.is(TcpFlags::RST);
        note(Change::Acknowledgment, acks && acknowledged != near.acknowledgment);
        note(Change::Flags, near.flags != far.flags);
        note(Change::Window, near.window != far.window);
        note(Change::Length, near.payload_octets != far.payload_octets);
        let digests = near.digest().zip(far.digest());
        note(Change::Payload, digests.is_some_and(|(a, b)| a != b));
        note(Change::Timestamps, near.timestamps().is_some() != far.timestamps().is_some());
        if let (Some(offered), Some(arrived)) = (near.offer(), far.offer()) {
            note(Change::Mss, offered.mss != arrived.mss);
            note(Change::WindowScale, offered.window_scale != arrived.window_scale);
            note(Change::Sack, offered.sack != arrived.sack);
            note(Change::Options, offered.others != arrived.others);
        }
        let dropped = i16::from(near.ttl) - i16::from(far.ttl);
        note(Change::Ttl, links.usual_drop.is_some_and(|usual| usual != dropped));
        changes
    }

    /// Whether the far point missed segments that passed there, without saying so.
    fn fails_to_capture(&self, links: &Links) -> bool {
        let near = self.direction.near.iter().zip(&links.far_of);
        near.filter(|(_, far)| far.is_none()).any(|(it, _)| self.is_not_captured(it, links))
    }

    /// Whether its receiver acknowledges what is not at the point next to it, in no copy.
    fn is_not_captured(&self, it: &Sighting, links: &Links) -> bool {
        if it.length() == 0 || it.is(TcpFlags::RST) {
            return false;
        }
        let Direction { near, far, sequence_shift, acknowledgment_shift: _ } = &self.direction;
        let is_copy = |other: &Sighting| other.sequence == it.sequence;
        let copy_arrived =
            near.iter().zip(&links.far_of).any(|(other, link)| is_copy(other) && link.is_some());
        let (sequence, shift) = (it.sequence, *sequence_shift);
        let there = self.traces[1].way(self.to.other());
        let seen = there.octets.count(sequence + shift, it.payload_octets) > 0
            || far.iter().any(|other| is_copy_at(other, it, shift));
        let acknowledged = self.traces[1].way(self.to).acknowledged();
        let is_acknowledged =
            acknowledged.is_some_and(|number| !(it.end() + shift).is_after(number));
        !copy_arrived && !seen && is_acknowledged
    }

    /// The fate of a segment that the far point has not seen.
    fn fate_of_missing(&self, it: &Sighting, links: &Links, fails_to_capture: bool) -> Fate {
        let [near, far] = self.points;
        let departure = self.timing.common(near, it.time_ns);
        if !self.timing.sees_arrival(far, self.to, departure) {
            return Fate::Unknown;
        }
        if self.is_not_captured(it, links) {
            return Fate::NotCaptured;
        }
        let repeats = |other: &&Sighting| {
            other.time_ns > it.time_ns && other.sequence == it.sequence && other.length() > 0
        };
        let was_repeated =
            it.length() > 0 && self.direction.near.iter().any(|other| repeats(other));
        let misses = fails_to_capture || self.timing.drops(far);
        if misses && !was_repeated { Fate::Unknown } else { Fate::Lost }
    }

    /// The fate of a segment that only the far point has seen.
    fn fate_of_new(&self, it: &Sighting, links: &Links) -> Fate {
        let [near, far] = self.points;
        let arrival = self.timing.common(far, it.time_ns);
        let Direction { far: others, sequence_shift, .. } = &self.direction;
        let is_twin = |(other, link): (&&Sighting, &Option<usize>)| {
            let same_packet = match (other.identification(), it.identification()) {
                (Some(a), Some(b)) => a == b,
                (None, None) => other.timestamps() == it.timestamps(),
                _ => false,
            };
            link.is_some()
                && same_packet
                && other.sequence == it.sequence
                && other.flags == it.flags
                && other.payload_octets == it.payload_octets
                && other.acknowledgment == it.acknowledgment
        };
        let drop = links.usual_drop;
        let is_doubled = others.iter().zip(&links.near_of).any(|(other, link)| {
            is_twin((other, link))
                && (!it.is(TcpFlags::RST) || drop.is_none() || other.ttl == it.ttl)
        });
        if is_doubled || it.is_second_capture() {
            return Fate::Doubled;
        }
        if !self.timing.saw_departure(near, self.to, arrival) {
            return Fate::Unknown;
        }
        // Its sender goes on behind it: it has sent it.
        let sent = self.traces[0].way(self.to.other());
        let end = it.end() - *sequence_shift;
        let start = it.sequence - *sequence_shift;
        let goes_on = self.direction.near.iter().any(|other| !end.is_after(other.sequence));
        let knows = it.payload_octets > 0 && sent.octets.count(start, it.payload_octets) > 0;
        if it.length() > 0 && !it.is(TcpFlags::RST) && goes_on && !knows {
            return Fate::NotCaptured;
        }
        if self.timing.drops(near) { Fate::Unknown } else { Fate::Appeared }
    }
}

/// Whether `other`, at the far point, is a copy of `it`.
fn is_copy_at(other: &Sighting, it: &Sighting, shift: u32) -> bool {
    other.sequence == it.sequence + shift && other.length() == it.length()
}
