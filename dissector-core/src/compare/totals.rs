//! How much was lost and how much appeared in one direction.

use super::crossing::Crossing;
use super::joining::Joint;
use super::sighting::Sighting;
use super::timing::Timing;
use super::trace::{Counted, Trace, Unkept};
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
}

/// Payload in one segment of Ethernet without options.
const USUAL_MSS: u32 = 1460;

impl Totals {
    /// Whether anything was lost.
    pub fn is_lossy(&self) -> bool {
        let is_some = self.lost.is_some_and(|lost| lost > 0);
        self.any_lost || is_some || self.lost_octets.is_some_and(|octets| octets > 0)
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
        };
        if near.unkept().is_none() && far.unkept().is_none() && !offload {
            return totals;
        }
        // The rest was only counted, so that all of it has to be in the span of the other point, but for the
        // last ones.
        let sees =
            |time_ns: i64| timing.sees_arrival(far_point, to, timing.common(near_point, time_ns));
        let saw =
            |time_ns: i64| timing.saw_departure(near_point, to, timing.common(far_point, time_ns));
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
        // What the far point saw last tells that it was capturing until then.
        let last = last_counted(far_trace, to.other());
        let outside = near.unkept().map_or(Some(0), |it| {
            outside(&it, last, sees, joint, to).filter(|_| had_begun(near_point, &it))
        });
        let was_sent = far.unkept().is_none_or(|it| {
            let until = saw(it.last_ns()) || outside.is_some() && near.unkept().is_some();
            had_begun(far_point, &it) && until
        });
        let misses = timing.drops(far_point) || with(Fate::NotCaptured).next().is_some();
        let Some(outside) = outside.filter(|_| was_sent && !misses) else {
            return Self { lost: None, lost_octets: None, ..totals };
        };
        // Second captures are not counted.
        let is_extra = |it: &&Crossing| {
            let is_new = it.near.is_none() && it.far.is_some_and(|far| !saw(far.time_ns));
            (is_new || matches!(it.fate, Fate::Doubled | Fate::Appeared))
                && !it.any().is_second_capture()
        };
        let is_early =
            |it: &&Crossing| it.far.is_none() && it.near.is_some_and(|near| !sees(near.time_ns));
        let extra = |is: fn(&Sighting) -> bool| {
            crossings.iter().filter(is_extra).filter(|it| is(it.any())).count() as u32
        };
        let early = |is: fn(&Sighting) -> bool| {
            crossings.iter().filter(is_early).filter(|it| is(it.any())).count() as u32
        };
        let extra_octets: u64 = crossings.iter().filter(is_extra).map(octets).sum();
        let far_octets = far.payload_octets.saturating_sub(extra_octets);
        let early_octets: u64 = crossings.iter().filter(is_early).map(octets).sum();
        let near_octets = near.payload_octets.saturating_sub(early_octets);
        let lost_octets = Some(near_octets.saturating_sub(far_octets));
        if offload {
            return Self { lost: None, lost_octets, ..totals };
        }
        let controls = with(Fate::Lost).filter(|it| is_control(it.any())).count() as u32;
        let far_data = far.data.saturating_sub(extra(is_data));
        let far_acks = far.acks.saturating_sub(extra(is_bare_ack));
        let near_data = near.data.saturating_sub(early(is_data));
        let near_acks = near.acks.saturating_sub(early(is_bare_ack));
        let lost =
            controls + near_data.saturating_sub(far_data) + near_acks.saturating_sub(far_acks);
        Self { lost: Some(lost.saturating_sub(outside)), lost_octets, ..totals }
    }
}

/// The last bare ACK or data of a side, kept or only counted.
fn last_counted(trace: &Trace, sender: Side) -> Option<Counted> {
    let counted = trace.way(sender).unkept().map(|it| it.last[0]);
    let plain = trace.by(sender).filter(|it| !is_control(it) && !it.is_second_capture());
    let kept = plain.last().map(Counted::of);
    counted.into_iter().chain(kept).max_by_key(|it| it.time_ns)
}

/// How many of the last segments that were counted left too late for the other point; `None` if it is not
/// known which of them it saw last.
fn outside(
    near: &Unkept,
    last: Option<Counted>,
    sees: impl Fn(i64) -> bool,
    joint: &Joint<'_>,
    to: Side,
) -> Option<u32> {
    if sees(near.last_ns()) {
        return Some(0);
    }
    let near_point = joint.point_near(to.other());
    let [own, peer] = [to.other(), to].map(|side| {
        let shift = joint.shifts[side as usize];
        if near_point == 0 { shift } else { 0_u32.wrapping_sub(shift) }
    });
    let last = last?;
    let is_last = |it: &Counted| {
        (it.sequence + own, it.acknowledgment + peer, it.id)
            == (last.sequence, last.acknowledgment, last.id)
    };
    let behind = near.last.iter().position(is_last)?;
    Some(near.last[..behind].iter().filter(|it| !sees(it.time_ns)).count() as u32)
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
