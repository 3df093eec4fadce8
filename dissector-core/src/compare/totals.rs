//! How much was lost and how much appeared in one direction.

use super::crossing::Crossing;
use super::joining::Joint;
use super::sighting::Sighting;
use super::timing::Timing;
use super::trace::{Counted, Trace, Unkept, Way};
use crate::vocabulary::{Fate, Side};
use crate::wire::TcpFlags;

/// What was lost and what appeared in one direction.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Totals {
    /// Segments that were lost, as their sender sent them; `None` if that cannot be counted, because
    /// offload shows other segments than went over the wire.
    pub lost: Option<u32>,
    /// Octets of payload in lost segments; `None` if not known.
    pub lost_octets: Option<u64>,
    /// Segments that appeared.
    pub appeared: Option<u32>,
    /// Whether any segment is known to be lost, whether all can be counted or not.
    any_lost: bool,
    /// Whether it is not known how many were lost, for another reason than offload.
    uncounted: bool,
}

/// Segments that were only counted may have been queued for longer than those whose time on the way was
/// measured, in nanoseconds.
const QUEUED_NS: i64 = 20_000_000;

/// Payload in one segment of Ethernet without options.
const USUAL_MSS: u32 = 1460;

impl Totals {
    /// Whether anything was lost.
    pub fn is_lossy(&self) -> bool {
        let is_some = self.lost.is_some_and(|lost| lost > 0);
        self.any_lost || is_some || self.lost_octets.is_some_and(|octets| octets > 0)
    }

    /// Whether it is not known if anything was lost.
    pub(super) const fn is_uncounted(&self) -> bool {
        self.uncounted
    }

    pub(super) fn new(
        joint: &Joint<'_>,
        to: Side,
        crossings: &[Crossing],
        timing: &Timing,
    ) -> Self {
        let [near_point, far_point] = [joint.point_near(to.other()), joint.point_near(to)];
        let [near_trace, far_trace] = [near_point, far_point].map(|point| joint.traces[point]);
        let [near, far] = [near_trace, far_trace].map(|trace| trace.way(to.other()));
        let with = |fate: Fate| crossings.iter().filter(move |it| it.fate == fate);
        let octets = |it: &Crossing| u64::from(it.any().payload_octets);
        let lost_alone = with(Fate::Lost).count() as u32;
        let octets_alone = with(Fate::Lost).map(octets).sum();
        let appeared = Some(with(Fate::Appeared).count() as u32);
        let largest = near.largest.max(far.largest);
        let offload = largest > largest_segment([near_trace, far_trace], to);
        let totals = Self {
            lost: Some(lost_alone),
            lost_octets: Some(octets_alone),
            appeared,
            any_lost: lost_alone > 0,
            uncounted: false,
        };
        if near.unkept().is_none() && far.unkept().is_none() && !offload {
            return totals;
        }
        // The rest was only counted, so that all of it has to be in the span of the other point, but for the
        // last ones.
        let left_at = |time_ns: i64| timing.common(near_point, time_ns);
        let came_at = |time_ns: i64| timing.common(far_point, time_ns);
        let sees = |time_ns: i64| {
            timing.sees_arrival(far_point, to, left_at(time_ns).saturating_add(QUEUED_NS))
        };
        let saw = |time_ns: i64| {
            timing.saw_departure(near_point, to, came_at(time_ns).saturating_sub(QUEUED_NS))
        };
        // What arrived earlier tells that both points were capturing then.
        let arrived = || crossings.iter().filter_map(|it| it.near.zip(it.far));
        let had_begun = |point: usize, it: &Unkept| {
            let [here, there] = [point, 1 - point];
            let is_earlier = |near: &Sighting, far: &Sighting| {
                let seen = if point == near_point { near } else { far };
                seen.time_ns <= it.first_ns
            };
            arrived().any(|(near, far)| is_earlier(&near, &far))
                || timing.had_begun(there, to, timing.common(here, it.first_ns))
        };
        // What one point saw last tells that it was capturing until then.
        let numbers = Numbers::new(joint, to);
        let behind = |end: usize, own: &Way, sees: &dyn Fn(i64) -> bool| -> Option<Vec<Counted>> {
            let Some(unkept) = own.unkept() else { return Some(Vec::new()) };
            if sees(unkept.last_ns()) {
                return Some(Vec::new());
            }
            let last = last_counted([near_trace, far_trace][1 - end], to.other())?;
            let is_last = |it: &Counted| {
                if end == 0 { numbers.are_same(it, &last) } else { numbers.are_same(&last, it) }
            };
            let place = unkept.last.iter().position(is_last)?;
            Some(unkept.last[..place].iter().filter(|it| !sees(it.time_ns)).copied().collect())
        };
        let outside = behind(0, near, &sees)
            .filter(|_| near.unkept().is_none_or(|it| had_begun(near_point, &it)));
        let beyond = behind(1, far, &saw)
            .filter(|_| far.unkept().is_none_or(|it| had_begun(far_point, &it)));
        let misses = timing.drops(far_point) || with(Fate::NotCaptured).next().is_some();
        let Some((outside, beyond)) = outside.zip(beyond).filter(|_| !misses) else {
            return Self { lost: None, lost_octets: None, uncounted: !offload, ..totals };
        };
        // Second captures are not counted.
        let is_among_last = |far: &Counted| {
            near.unkept().is_some_and(|it| it.last.iter().any(|near| numbers.are_same(near, far)))
        };
        let is_extra = |it: &&Crossing| {
            let is_new = it.near.is_none()
                && it
                    .far
                    .is_some_and(|far| !timing.saw_departure(near_point, to, came_at(far.time_ns)));
            let is_counted = it.may_be_counted
                && (it.any().payload_octets > 0 || is_among_last(&Counted::of(it.any())));
            (is_new && !is_counted || matches!(it.fate, Fate::Doubled | Fate::Appeared))
                && !it.any().is_second_capture()
        };
        let is_early = |it: &&Crossing| {
            it.far.is_none()
                && it
                    .near
                    .is_some_and(|near| !timing.sees_arrival(far_point, to, left_at(near.time_ns)))
        };
        let of_near = Amount::of(near)
            .less(crossings.iter().filter(is_early).map(Crossing::any).map(Amount::of_sighting))
            .less(outside.iter().map(Amount::of_counted));
        let of_far = Amount::of(far)
            .less(crossings.iter().filter(is_extra).map(Crossing::any).map(Amount::of_sighting))
            .less(beyond.iter().map(Amount::of_counted));
        let lost_octets = Some(of_near.octets.saturating_sub(of_far.octets));
        if offload {
            return Self { lost: None, lost_octets, ..totals };
        }
        let controls = with(Fate::Lost).filter(|it| is_control(it.any())).count() as u32;
        let lost = controls
            + of_near.data.saturating_sub(of_far.data)
            + of_near.acks.saturating_sub(of_far.acks);
        Self { lost: Some(lost), lost_octets, ..totals }
    }
}

/// An amount of data and bare ACKs.
#[derive(Clone, Copy, Default)]
struct Amount {
    data: u32,
    acks: u32,
    octets: u64,
}

impl Amount {
    fn of(way: &Way) -> Self {
        Self { data: way.data, acks: way.acks, octets: way.payload_octets }
    }

    fn of_segment(payload_octets: u32) -> Self {
        match payload_octets {
            0 => Self { acks: 1, ..Self::default() },
            octets => Self { data: 1, octets: octets.into(), ..Self::default() },
        }
    }

    fn of_counted(it: &Counted) -> Self {
        Self::of_segment(it.payload_octets)
    }

    fn of_sighting(it: &Sighting) -> Self {
        if is_control(it) { Self::default() } else { Self::of_segment(it.payload_octets) }
    }

    fn less(self, others: impl Iterator<Item = Self>) -> Self {
        others.fold(self, |all, it| Self {
            data: all.data.saturating_sub(it.data),
            acks: all.acks.saturating_sub(it.acks),
            octets: all.octets.saturating_sub(it.octets),
        })
    }
}

/// The differences of the far point's numbers.
struct Numbers {
    sequence: u32,
    acknowledgment: u32,
}

impl Numbers {
    fn new(joint: &Joint<'_>, to: Side) -> Self {
        let near = joint.point_near(to.other());
        let [sequence, acknowledgment] = [to.other(), to].map(|side| {
            let shift = joint.shifts[side as usize];
            if near == 0 { shift } else { 0_u32.wrapping_sub(shift) }
        });
        Self { sequence, acknowledgment }
    }

    fn are_same(&self, near: &Counted, far: &Counted) -> bool {
        (near.sequence + self.sequence, near.acknowledgment + self.acknowledgment, near.id)
            == (far.sequence, far.acknowledgment, far.id)
    }
}

/// The last bare ACK or data of a side, kept or only counted.
fn last_counted(trace: &Trace, sender: Side) -> Option<Counted> {
    let counted = trace.way(sender).unkept().map(|it| it.last[0]);
    let plain = trace.by(sender).filter(|it| !is_control(it) && !it.is_second_capture());
    let kept = plain.last().map(Counted::of);
    counted.into_iter().chain(kept).max_by_key(|it| it.time_ns)
}

fn is_control(it: &Sighting) -> bool {
    !is_data(it) && !is_bare_ack(it)
}

/// The same division as that of the counters: see `Trace::segment`.
fn is_data(it: &Sighting) -> bool {
    it.payload_octets > 0 && !it.is(TcpFlags::RST)
}

fn is_bare_ack(it: &Sighting) -> bool {
    it.is_bare_ack()
}

/// The most payload that one segment to this end may have.
fn largest_segment(traces: [&Trace; 2], to: Side) -> u32 {
    let offers = traces.into_iter().flat_map(|trace| trace.by(to)).filter_map(Sighting::offer);
    let mss = offers.filter_map(|offer| offer.mss).max();
    mss.map_or(USUAL_MSS, u32::from)
}
