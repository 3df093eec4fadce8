//! What the segments of joined connections tell of the clocks, and of which point is nearer the client.

use std::thread;

use super::clocks::{Bound, Bounds, ClockKind, Clocks, Way as BoundWay};
use super::crossing::Way;
use super::joining::{Joint, Pair};
use super::nearness::nearer_client;
use super::observer::Coverage;
use super::timing::Timing;
use super::trace::Trace;
use crate::vocabulary::{JoinedBy, Side};
use crate::wire::TcpFlags;

/// Pairs whose times on the way are all taken; of further ones, every one of [`SAMPLED`].
const ALL_OF: usize = 1 << 12;
const SAMPLED: usize = 16;

/// What the segments of joined connections tell, as it is collected.
pub(super) struct Measures {
    pub bounds: Bounds,
    /// Segments of some pairs: the end they go to, whether the first point saw them first, both times.
    passages: Vec<Passage>,
    pairs: usize,
    unknown: Timing,
}

/// Whether segments would arrive long before they left if there were only one clock: the interfaces are of
/// several hosts.
fn refutes_one_clock(measured: &Clocks) -> bool {
    /// The times of one host's interfaces are not in order to this extent.
    const APART_NS: u64 = 10_000_000;
    measured.pieces().any(|piece| {
        let offset = measured.at(piece.first_ns);
        let within = offset.uncertainty_ns.unwrap_or(u64::MAX).saturating_add(APART_NS);
        piece.kind != ClockKind::Unknown && offset.offset_ns.unsigned_abs() > within
    })
}

/// The unit that the times of a point are multiples of, in nanoseconds: that of its capture.
fn resolution_ns(traces: &[Trace]) -> u32 {
    /// Times that are looked at.
    const SOME: usize = 1 << 10;
    let times = || traces.iter().flat_map(|it| &it.sightings).map(|it| it.time_ns).take(SOME);
    let is_unit = |unit: &u32| times().all(|time_ns| time_ns % i64::from(*unit) == 0);
    [1_000_000_000, 1_000_000, 1_000].into_iter().find(is_unit).unwrap_or(0)
}

/// A segment with exactly one copy at each point.
#[derive(Clone, Copy)]
struct Passage {
    sender: Side,
    /// The times at the first and the second point, by their own clocks.
    times: [i64; 2],
    to_second: bool,
    is_syn: bool,
}

impl Measures {
    /// Nothing yet, of points with these traces.
    pub fn new(traces: [&[Trace]; 2]) -> Self {
        let unknown = Timing::new(Bounds::new().clocks(), [&Coverage::default(); 2]);
        let resolution_ns = traces.map(resolution_ns).into_iter().max().unwrap_or(0);
        let bounds = Bounds::with_resolution(resolution_ns);
        Self { bounds, passages: Vec::new(), pairs: 0, unknown }
    }

    /// Measures these pairs, and notes which point is nearer the client of each.
    pub fn add(&mut self, traces: [&[Trace]; 2], pairs: &mut [Pair]) {
        // The halves are always the same, so that the result does not depend on the threads.
        let (first, second) = pairs.split_at_mut(pairs.len() / 2);
        let mut other = Self::new(traces);
        if first.len() < ALL_OF {
            self.measure(traces, first);
            other.measure(traces, second);
        } else {
            thread::scope(|scope| {
                scope.spawn(|| other.measure(traces, second));
                self.measure(traces, first);
            });
        }
        self.bounds.merge(other.bounds);
        self.passages.append(&mut other.passages);
        // Where nothing tells of any connection, the points are in the order of the way.
        if pairs.iter().all(|pair| pair.nearer_client.is_none()) {
            for pair in pairs {
                let passages = self.passages(pair.joint(traces));
                self.take(pair, passages);
            }
        }
    }

    fn measure(&mut self, traces: [&[Trace]; 2], pairs: &mut [Pair]) {
        for pair in pairs {
            let passages = self.passages(pair.joint(traces));
            let differences = |sender: Side| -> Vec<i64> {
                let of_sender = passages.iter().filter(|it| it.sender == sender);
                of_sender.map(|it| it.times[1].saturating_sub(it.times[0])).collect()
            };
            let [client, server] = Side::BOTH.map(differences);
            pair.nearer_client = nearer_client(pair.joint(traces).traces, [&client, &server]);
            if pair.nearer_client.is_some() {
                self.take(pair, passages);
            }
        }
    }

    fn take(&mut self, pair: &Pair, passages: Vec<Passage>) {
        let rewritten = !matches!(pair.by, JoinedBy::Numbers | JoinedBy::Nat);
        let nearer_client = pair.nearer_client.unwrap_or(0);
        self.pairs += 1;
        let is_sampled = self.pairs <= ALL_OF || self.pairs.is_multiple_of(SAMPLED);
        for mut passage in passages {
            // Where numbers were rewritten, the handshake may be that of a proxy.
            if rewritten && passage.is_syn {
                continue;
            }
            let [first, second] = passage.times;
            passage.to_second = (passage.sender == Side::Client) == (nearer_client == 0);
            let way = if passage.to_second { BoundWay::AToB } else { BoundWay::BToA };
            let difference_ns = second.saturating_sub(first);
            self.bounds.push(Bound { time_ns: first, difference_ns, way });
            if is_sampled {
                self.passages.push(passage);
            }
        }
    }

    fn passages(&self, joint: Joint<'_>) -> Vec<Passage> {
        let mut all = Vec::new();
        for sender in Side::BOTH {
            let way = Way::new(&joint, sender.other(), &self.unknown);
            for (near, far) in way.single(&way.links()) {
                let times = match joint.point_near(sender) {
                    0 => [near.time_ns, far.time_ns],
                    _ => [far.time_ns, near.time_ns],
                };
                let is_syn = near.is(TcpFlags::SYN);
                all.push(Passage { sender, times, to_second: true, is_syn });
            }
        }
        all
    }

    /// The clocks as far as they are known, with the times on the way.
    pub fn timing(&self, shared: bool, coverage: [&Coverage; 2]) -> Timing {
        let measured = self.bounds.clocks();
        let clocks =
            if shared && !refutes_one_clock(&measured) { Clocks::shared() } else { measured };
        let mut timing = Timing::new(clocks, coverage);
        for Passage { sender, times: [first, second], to_second, .. } in &self.passages {
            let delay = timing.common(1, *second).saturating_sub(*first);
            timing.note_delay(sender.other(), if *to_second { delay } else { -delay });
        }
        timing
    }
}
