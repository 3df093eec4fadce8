//! The fate of each segment between the points.

use super::joining::Joint;
use super::matching::{Direction, Links, Passage};
use super::sighting::Sighting;
use super::timing::{LONGEST_WAY_NS, LocalClocks, Timing};
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
    /// Whether the other point may have counted it without keeping it, so that it has no fate of its own.
    pub(super) may_be_counted: bool,
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
    clocks: LocalClocks<'a>,
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
        let [first, last] = joint.span(timing);
        Self { to, traces, points, direction, timing, clocks: timing.local(first, last) }
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
        [self.clocks.common(departs, near.time_ns), self.clocks.common(arrives, far.time_ns)]
    }

    pub fn links(&self) -> Links {
        self.direction.link(|near, far| {
            let [departure, arrival] = self.times(near, far);
            let delay = arrival.saturating_sub(departure);
            // The clocks are such that no segment that bounds them takes less than no time.
            if delay >= 0 {
                Passage::Usual
            } else if self.clocks.uncertainty(departure).is_none_or(|it| delay >= -it) {
                Passage::Possible
            } else {
                Passage::Impossible
            }
        })
    }

    /// The linked sightings of segments with exactly one copy at each point, no RST: near and far.
    pub fn single(&self, links: &Links) -> Vec<(&'a Sighting, &'a Sighting)> {
        let Direction { near, far, .. } = &self.direction;
        let copies = [near, far].map(|sightings| Copies::new(sightings));
        let [near_copies, far_copies] = &copies;
        links
            .linked()
            .filter(|(place, _)| !links.by_octets[*place])
            .map(|(place, other)| (near[place], far[other]))
            .filter(|(left, came)| {
                let only = near_copies.is_only(left) && far_copies.is_only(came);
                only && !left.is(TcpFlags::RST)
            })
            .collect()
    }

    fn judge(&self, links: &Links) -> Crossed {
        let Direction { near, far, .. } = &self.direction;
        let mut crossings = Vec::with_capacity(near.len().max(far.len()));
        let mut delay_ns: Option<i64> = None;
        for (place, other) in links.linked() {
            let (left, came) = (near[place], far[other]);
            let [departure, arrival] = self.times(left, came);
            let delay = arrival.saturating_sub(departure);
            delay_ns = Some(delay_ns.map_or(delay, |least| least.min(delay)));
            let whole = !links.by_octets[place];
            let mut changes =
                if whole { self.changes(left, came, links) } else { ChangeSet::EMPTY };
            // Others look like it, with another window.
            if links.alike[place] {
                changes.remove(Change::Window);
            }
            let fate = if changes.is_empty() { Fate::Arrived } else { Fate::Changed };
            let (near, far) = (Some(*left), Some(*came));
            crossings.push(Crossing {
                to: self.to,
                near,
                far,
                fate,
                changes,
                may_be_counted: false,
            });
        }
        let is_left = |link: &Option<usize>| link.is_none();
        if links.far_of.iter().chain(&links.near_of).any(is_left) {
            self.judge_left(links, &mut crossings);
            crossings.sort_by_key(|it| self.time_of(it));
        }
        Crossed { crossings, delay_ns }
    }

    /// Judges the segments that only one point has seen.
    fn judge_left(&self, links: &Links, crossings: &mut Vec<Crossing>) {
        let Direction { near, far, .. } = &self.direction;
        let missing = Missing::new(self, links);
        // The other capture of a packet that was captured twice has its fate.
        let lost = (0..near.len())
            .filter(|place| links.far_of[*place].is_none() && !near[*place].is_second_capture());
        let lost: Vec<_> = lost.map(|place| (near[place], links.by_octets[place])).collect();
        let fails_to_capture = lost.iter().any(|(it, _)| {
            let departure = self.clocks.common(self.points[0], it.time_ns);
            self.timing.sees_arrival(self.points[1], self.to, departure)
                && missing.is_not_captured(it)
        });
        for (it, in_part) in lost {
            let misses = fails_to_capture || in_part && !missing.goes_on_behind(it);
            let fate = self.fate_of_missing(it, &missing, misses);
            let (near, changes) = (Some(*it), ChangeSet::EMPTY);
            let may_be_counted = fate == Fate::Unknown && missing.may_be_unkept(it, End::Near);
            crossings.push(Crossing {
                to: self.to,
                near,
                far: None,
                fate,
                changes,
                may_be_counted,
            });
        }
        let new = far.iter().zip(&links.near_of).filter(|(_, link)| link.is_none());
        for (it, _) in new {
            let fate = self.fate_of_new(it, links, &missing);
            let (far, changes) = (Some(**it), ChangeSet::EMPTY);
            let may_be_counted = fate == Fate::Unknown && missing.may_be_unkept(it, End::Far);
            crossings.push(Crossing {
                to: self.to,
                near: None,
                far,
                fate,
                changes,
                may_be_counted,
            });
        }
    }

    /// When it left or, where that was not seen, arrived, by the first point's clock.
    fn time_of(&self, it: &Crossing) -> i64 {
        let [near, far] = self.points;
        match (&it.near, &it.far) {
            (Some(left), _) => self.clocks.common(near, left.time_ns),
            (_, Some(arrived)) => self.clocks.common(far, arrived.time_ns),
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
        note(Change::Payload, near.has_other_payload(far));
        // What a snap length has cut is not known to be missing.
        let whole = near.has_all_options() && far.has_all_options();
        let timestamps = [near, far].map(|it| it.timestamps().is_some());
        note(Change::Timestamps, whole && timestamps[0] != timestamps[1]);
        if let (true, Some(offered), Some(arrived)) = (whole, near.offer(), far.offer()) {
            note(Change::Mss, offered.mss != arrived.mss);
            note(Change::WindowScale, offered.window_scale != arrived.window_scale);
            note(Change::Sack, offered.sack != arrived.sack);
            note(Change::Options, offered.others != arrived.others);
        }
        let dropped = i16::from(near.ttl) - i16::from(far.ttl);
        note(Change::Ttl, links.usual_drop.is_some_and(|usual| usual != dropped));
        changes
    }

    /// The fate of a segment that the far point has not seen.
    fn fate_of_missing(&self, it: &Sighting, missing: &Missing<'_>, misses: bool) -> Fate {
        let [near, far] = self.points;
        let departure = self.clocks.common(near, it.time_ns);
        if !self.timing.sees_arrival(far, self.to, departure) {
            return Fate::Unknown;
        }
        if missing.is_not_captured(it) {
            return Fate::NotCaptured;
        }
        if missing.may_be_unkept(it, End::Near) {
            return Fate::Unknown;
        }
        let misses = misses || self.timing.drops(far);
        if misses && !missing.is_repeated(it) { Fate::Unknown } else { Fate::Lost }
    }

    /// The fate of a segment that only the far point has seen.
    fn fate_of_new(&self, it: &Sighting, links: &Links, missing: &Missing<'_>) -> Fate {
        let [near, far] = self.points;
        let arrival = self.clocks.common(far, it.time_ns);
        if it.is_second_capture() || missing.is_doubled(it, links) {
            return Fate::Doubled;
        }
        if !self.timing.saw_departure(near, self.to, arrival) {
            return Fate::Unknown;
        }
        if missing.was_sent(it) {
            return Fate::NotCaptured;
        }
        if missing.may_be_unkept(it, End::Far) {
            return Fate::Unknown;
        }
        if self.timing.drops(near) { Fate::Unknown } else { Fate::Appeared }
    }
}

/// The point nearer the sender, and the one nearer the receiver.
#[derive(Clone, Copy)]
enum End {
    Near,
    Far,
}

/// What tells copies of a segment: its number and length, and of a bare ACK what it acknowledges.
type Copy = (u32, u32, u32);

fn copy(it: &Sighting) -> Copy {
    let length = it.length();
    (it.sequence.0, length, if length > 0 { 0 } else { it.acknowledgment.0 })
}

/// How many copies of each segment there are.
struct Copies(Vec<Copy>);

impl Copies {
    fn new(sightings: &[&Sighting]) -> Self {
        let mut copies: Vec<_> = sightings.iter().map(|it| copy(it)).collect();
        copies.sort_unstable();
        Self(copies)
    }

    fn is_only(&self, it: &Sighting) -> bool {
        let copy = copy(it);
        let from = self.0.partition_point(|other| *other < copy);
        self.0.get(from) == Some(&copy) && self.0.get(from + 1) != Some(&copy)
    }
}

/// The copies that are compared of a segment, at most.
const MOST_COPIES: usize = 64;

/// The segments with this sequence number, and whether they have arrived.
fn with_number<'s>(
    all: &'s [(u32, bool, &Sighting)],
    sequence: u32,
) -> impl Iterator<Item = (bool, &'s Sighting)> {
    let from = all.partition_point(|(other, ..)| *other < sequence);
    let same = all[from..].iter().take_while(move |(other, ..)| *other == sequence);
    same.take(MOST_COPIES).map(|(_, linked, it)| (*linked, *it))
}

/// What the other segments tell of one that only one point has seen.
struct Missing<'a> {
    way: &'a Way<'a>,
    /// The segments by sequence number, in the numbers of the near point: whether they have arrived.
    near: Vec<(u32, bool, &'a Sighting)>,
    far: Vec<(u32, bool, &'a Sighting)>,
}

impl<'a> Missing<'a> {
    fn new(way: &'a Way<'_>, links: &Links) -> Self {
        let Direction { near, far, sequence_shift, .. } = &way.direction;
        let sorted = |sightings: &[&'a Sighting], shift: u32, links: &[Option<usize>]| {
            let linked = sightings.iter().zip(links);
            let mut all: Vec<_> =
                linked.map(|(it, link)| ((it.sequence - shift).0, link.is_some(), *it)).collect();
            all.sort_unstable_by_key(|(sequence, _, it)| (*sequence, it.frame));
            all
        };
        let near = sorted(near, 0, &links.far_of);
        let far = sorted(far, *sequence_shift, &links.near_of);
        Self { way, near, far }
    }

    /// Whether its receiver acknowledges what is not at the point next to it, in no copy.
    fn is_not_captured(&self, it: &Sighting) -> bool {
        if it.length() == 0 || it.is(TcpFlags::RST) {
            return false;
        }
        let shift = self.way.direction.sequence_shift;
        let there = self.way.traces[1];
        let acknowledged = there.way(self.way.to).acknowledged();
        let is_acknowledged =
            acknowledged.is_some_and(|number| !(it.end() + shift).is_after(number));
        let copy_arrived = with_number(&self.near, it.sequence.0)
            .any(|(linked, other)| linked && other.length() > 0);
        let sent = there.way(self.way.to.other());
        // A FIN may have come with octets before it.
        let controls = TcpFlags::SYN | TcpFlags::FIN;
        let is_it = |other: &Sighting| other.is(controls) && other.end() == it.end() + shift;
        let seen = sent.octets.count(it.sequence + shift, it.payload_octets) > 0
            || it.is(controls) && self.way.direction.far.iter().any(|other| is_it(other));
        is_acknowledged && !copy_arrived && !seen
    }

    /// Whether the other point has seen what its sender sent after it: what is missing of it then is lost, and
    /// not outside the capture.
    fn goes_on_behind(&self, it: &Sighting) -> bool {
        let shift = self.way.direction.sequence_shift;
        let there = self.way.traces[1].way(self.way.to.other());
        there.numbers().is_some_and(|(_, next)| next.is_after(it.end() + shift))
    }

    /// Whether its sender sends it again.
    fn is_repeated(&self, it: &Sighting) -> bool {
        let repeats = |other: &Sighting| other.time_ns > it.time_ns && other.length() > 0;
        it.length() > 0 && with_number(&self.near, it.sequence.0).any(|(_, other)| repeats(other))
    }

    /// Whether it is one more copy of a packet that arrived.
    fn is_doubled(&self, it: &Sighting, links: &Links) -> bool {
        let sequence = (it.sequence - self.way.direction.sequence_shift).0;
        with_number(&self.far, sequence).any(|(linked, other)| {
            let same_packet = match (other.identification(), it.identification()) {
                (Some(a), Some(b)) => a == b,
                (None, None) => other.timestamps() == it.timestamps(),
                _ => false,
            };
            // The TTL tells whose an RST is.
            let same_sender =
                !it.is(TcpFlags::RST) || links.usual_drop.is_none() || other.ttl == it.ttl;
            linked
                && same_packet
                && same_sender
                && other.flags == it.flags
                && other.payload_octets == it.payload_octets
                && other.acknowledgment == it.acknowledgment
        })
    }

    /// Whether the other point may have seen it and not kept it.
    fn may_be_unkept(&self, it: &Sighting, seen_at: End) -> bool {
        let shift = self.way.direction.sequence_shift;
        let (other, sequence) = match seen_at {
            End::Near => (End::Far, it.sequence + shift),
            End::Far => (End::Near, it.sequence - shift),
        };
        let there = self.way.traces[other as usize].way(self.way.to.other());
        let Some(unkept) = there.unkept() else { return false };
        if it.payload_octets > 0 {
            // All octets are known, those of unkept segments, too.
            return there.octets.count(sequence, it.payload_octets) > 0;
        }
        let [here, other] = [seen_at, other].map(|end| self.way.points[end as usize]);
        let begins = self.way.clocks.common(other, unkept.first_ns);
        let time_ns = self.way.clocks.common(here, it.time_ns);
        it.is_bare_ack() && time_ns.saturating_add(LONGEST_WAY_NS) >= begins
    }

    /// Whether its sender has sent it although the point next to it did not see it: it goes on behind it.
    fn was_sent(&self, it: &Sighting) -> bool {
        let shift = self.way.direction.sequence_shift;
        let (start, end) = (it.sequence - shift, it.end() - shift);
        let sent = self.way.traces[0].way(self.way.to.other());
        // A SYN with another number than the sender's, and what lies before it, was not sent.
        let contradicts = sent.initial().is_some_and(|initial| initial.is_after(start))
            || it.is(TcpFlags::SYN) && sent.initial().is_some_and(|initial| initial != start);
        let goes_on = sent.numbers().is_some_and(|(_, next)| !end.is_after(next));
        let is_told = with_number(&self.near, start.0).any(|(_, other)| other.length() > 0)
            || sent.octets.count(start, it.payload_octets) > 0;
        it.length() > 0 && !it.is(TcpFlags::RST) && goes_on && !is_told && !contradicts
    }
}
