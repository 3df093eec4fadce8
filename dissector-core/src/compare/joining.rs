//! Which connection of one point is which of the other.

use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::net::SocketAddr;

use super::Map;
use super::sighting::Sighting;
use super::timing::{LONGEST_WAY_NS, Timing};
use super::trace::{Trace, Way};
use crate::vocabulary::{JoinedBy, Side};
use crate::wire::{SeqNumber, TcpFlags};

/// A connection as both points saw it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Joint<'a> {
    pub traces: [&'a Trace; 2],
    /// The second point's sequence numbers less the first's, of the client and of the server.
    pub shifts: [u32; 2],
    /// The point nearer the client.
    pub nearer_client: usize,
}

impl Joint<'_> {
    /// From its first segment at any point to its last, by the first point's clock.
    pub fn span(&self, timing: &Timing) -> [i64; 2] {
        let [a, b] = self.traces;
        let [from, to] = [b.first_ns, b.last_ns].map(|time_ns| timing.common(1, time_ns));
        [a.first_ns.min(from), a.last_ns.max(to)]
    }

    /// The point that is nearer this end.
    pub fn point_near(&self, side: Side) -> usize {
        match side {
            Side::Client => self.nearer_client,
            Side::Server => 1 - self.nearer_client,
        }
    }
}

/// Two traces of one connection, by their places at both points.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    pub places: [usize; 2],
    pub by: JoinedBy,
    pub shifts: [u32; 2],
    /// The point nearer the client, once that is measured and something tells.
    pub nearer_client: Option<usize>,
}

impl Pair {
    fn new(places: [usize; 2], by: JoinedBy, shifts: [u32; 2]) -> Self {
        Self { places, by, shifts, nearer_client: None }
    }

    pub fn joint<'a>(&self, traces: [&'a [Trace]; 2]) -> Joint<'a> {
        let [first, second] = self.places;
        let traces = [&traces[0][first], &traces[1][second]];
        Joint { traces, shifts: self.shifts, nearer_client: self.nearer_client.unwrap_or(0) }
    }
}

/// The connections of two points, joined as far as that is certain.
#[derive(Debug)]
pub(super) struct Joining<'a> {
    traces: [&'a [Trace]; 2],
    /// Whether each trace still has no partner.
    free: [Vec<bool>; 2],
    /// Whether several partners fit.
    pub ambiguous: [Vec<bool>; 2],
    pub pairs: Vec<Pair>,
}

/// The most traces that are compared with each other where nothing but content tells them apart.
const MOST_ALIKE: usize = 64;

type Ends = [SocketAddr; 2];

impl<'a> Joining<'a> {
    pub fn new(traces: [&'a [Trace]; 2]) -> Self {
        let all = |flag| traces.map(|traces| vec![flag; traces.len()]);
        Self { traces, free: all(true), ambiguous: all(false), pairs: Vec::new() }
    }

    /// The traces of a point that have no partner and are not ambiguous.
    pub fn free(&self, point: usize) -> impl Iterator<Item = usize> {
        let is_free = &self.free[point];
        let ambiguous = &self.ambiguous[point];
        (0..is_free.len()).filter(|place| is_free[*place] && !ambiguous[*place])
    }

    /// The traces of a point that have no partner.
    pub fn left(&self, point: usize) -> impl Iterator<Item = usize> {
        let is_free = &self.free[point];
        (0..is_free.len()).filter(|place| is_free[*place])
    }

    fn trace(&self, point: usize, place: usize) -> &'a Trace {
        &self.traces[point][place]
    }

    /// Groups the free traces of both points by a key, and joins the pairs in each group that fit.
    fn join<K: std::hash::Hash + Eq + Copy>(
        &mut self,
        by: JoinedBy,
        key: impl Fn(&Trace) -> Option<K>,
        fits: impl Fn(&Trace, &Trace) -> Option<[u32; 2]>,
    ) {
        // There may be millions: sorted by the hash of their key, they need little memory.
        let hasher = foldhash::quality::FixedState::default();
        let mut hashed: Vec<(u64, u8, u32)> = Vec::new();
        for point in [0, 1] {
            let keyed = self.free(point).filter_map(|place| {
                let key = key(self.trace(point, place))?;
                Some((hasher.hash_one(key), point as u8, place as u32))
            });
            hashed.extend(keyed);
        }
        hashed.sort_unstable();
        let (known, traces) = (self.pairs.len(), self.traces);
        for same_hash in hashed.chunk_by(|(a, ..), (b, ..)| a == b) {
            let key_of = |(_, point, place): &(u64, u8, u32)| {
                key(&traces[usize::from(*point)][*place as usize])
            };
            let mut rest = same_hash.to_vec();
            while let Some(first) = rest.first().map(key_of) {
                let (same, others): (Vec<_>, Vec<_>) =
                    rest.iter().copied().partition(|it| key_of(it) == first);
                let of = |wanted: u8| -> Vec<usize> {
                    let of_point = same.iter().filter(|(_, point, _)| *point == wanted);
                    of_point.map(|(.., place)| *place as usize).collect()
                };
                let group = [of(0), of(1)];
                if group.iter().all(|places| !places.is_empty()) {
                    self.join_group(by, group, &fits);
                }
                rest = others;
            }
        }
        self.pairs[known..].sort_unstable_by_key(|pair| pair.places);
    }

    fn join_group(
        &mut self,
        by: JoinedBy,
        group: [Vec<usize>; 2],
        fits: impl Fn(&Trace, &Trace) -> Option<[u32; 2]>,
    ) {
        let [first, second] = group;
        if first.len().saturating_mul(second.len()) > MOST_ALIKE * MOST_ALIKE {
            for (point, places) in [(0, &first), (1, &second)] {
                places.iter().for_each(|place| self.ambiguous[point][*place] = true);
            }
            return;
        }
        let mut fitting = Vec::new();
        for &a in &first {
            for &b in &second {
                if let Some(shifts) = fits(self.trace(0, a), self.trace(1, b)) {
                    fitting.push(Pair::new([a, b], by, shifts));
                }
            }
        }
        let partners = |pairs: &[Pair], pair: &Pair| {
            let with = |point: usize| {
                pairs.iter().filter(|it| it.places[point] == pair.places[point]).count()
            };
            with(0).max(with(1))
        };
        // Attempts with the same numbers are told apart by their segments.
        if fitting.iter().any(|pair| partners(&fitting, pair) > 1) {
            let shared: Vec<_> = fitting
                .iter()
                .map(|pair| {
                    shared_segments(self.trace(0, pair.places[0]), self.trace(1, pair.places[1]))
                })
                .collect();
            let best = |pair: &Pair, common: usize| {
                let rivals = fitting.iter().zip(&shared).filter(|(other, _)| {
                    other.places != pair.places
                        && (other.places[0] == pair.places[0] || other.places[1] == pair.places[1])
                });
                let most = rivals.map(|(_, shared)| *shared).max().unwrap_or(0);
                (common > most, common == most && common > 0)
            };
            let judged: Vec<_> =
                fitting.iter().zip(&shared).map(|(pair, common)| best(pair, *common)).collect();
            let all_alike = shared.iter().all(|common| *common == 0);
            let mut certain = Vec::new();
            for (pair, (wins, ties)) in fitting.iter().zip(judged) {
                if wins {
                    certain.push(*pair);
                } else if (ties || all_alike) && partners(&fitting, pair) > 1 {
                    let [a, b] = pair.places;
                    (self.ambiguous[0][a], self.ambiguous[1][b]) = (true, true);
                }
            }
            fitting = certain;
        }
        for pair in fitting {
            let [a, b] = pair.places;
            (self.free[0][a], self.free[1][b]) = (false, false);
            (self.ambiguous[0][a], self.ambiguous[1][b]) = (false, false);
            self.pairs.push(pair);
        }
    }

    /// Rule 1: the same addresses and ports, and the same numbers.
    pub fn by_numbers(&mut self) {
        let fits = |a: &Trace, b: &Trace| have_same_numbers(a, b).then_some([0; 2]);
        self.join(JoinedBy::Numbers, |trace| Some(unordered(trace.ends())), fits);
    }

    /// Rule 2: the same numbers under other addresses or ports.
    pub fn by_translation(&mut self) {
        let initial = |trace: &Trace| trace.way(Side::Client).initial();
        let fits = |a: &Trace, b: &Trace| is_translated(a, b).then_some([0; 2]);
        self.join(JoinedBy::Nat, |trace| initial(trace).map(|number| number.0), fits);
        // Without a SYN: segments with the same numbers, those of the other direction included.
        let key = |it: &Sighting| {
            let acks = it.is(TcpFlags::ACK) && !it.is(TcpFlags::SYN | TcpFlags::RST);
            let numbers = u64::from(it.sequence.0) << 32 | u64::from(it.acknowledgment.0);
            acks.then_some((numbers, it.payload_octets))
        };
        self.join_by_segments(JoinedBy::Nat, key, |_, _| true);
    }

    /// Rule 3: numbers that were rewritten. Timestamps tell the segments, otherwise payload does.
    pub fn by_content(&mut self, timing: &Timing) {
        let key = |it: &Sighting| {
            let (value, echo) = it.timestamps()?;
            let told = echo != 0 || it.is(TcpFlags::SYN);
            told.then_some((u64::from(value) << 32 | u64::from(echo), it.length()))
        };
        let may_be = |a: &Trace, b: &Trace| !timing.is_known() || overlap(a, b, timing);
        self.join_by_segments(JoinedBy::Timestamps, key, may_be);
        // Programs say the same in many connections, so that the identification has to agree; where there is
        // none, both ends.
        let key = |it: &Sighting| {
            let id = it.identification().map_or(0, u64::from);
            Some((id << 32 | u64::from(it.digest()?), it.payload_octets))
        };
        let may_be = |a: &Trace, b: &Trace| {
            let has_ids =
                |trace: &Trace| trace.sightings.iter().any(|it| it.identification().is_some());
            let is_told = unordered(a.ends()) == unordered(b.ends()) || has_ids(a) && has_ids(b);
            is_told && may_be(a, b)
        };
        self.join_by_segments(JoinedBy::Payload, key, may_be);
        // A device may rewrite the identification. Where nothing else tells of the clocks, one that fits may be
        // of another day.
        if timing.is_known() {
            let key = |it: &Sighting| Some((u64::from(it.digest()?), it.payload_octets));
            self.join_by_segments(JoinedBy::Payload, key, |a, b| overlap(a, b, timing));
        }
    }

    /// Rule 4: what is left of the same addresses and ports at the same time.
    pub fn by_time(&mut self, timing: &Timing) {
        let fits = |a: &Trace, b: &Trace| {
            let both_open = [a, b].iter().all(|it| it.way(Side::Client).initial().is_some());
            (timing.is_known() && both_open && overlap(a, b, timing)).then_some([0; 2])
        };
        self.join(JoinedBy::Time, |trace| Some(unordered(trace.ends())), fits);
    }

    /// Joins traces by segments whose key both have, if the numbers of each direction differ by one constant.
    fn join_by_segments(
        &mut self,
        by: JoinedBy,
        key: impl Fn(&Sighting) -> Option<(u64, u32)>,
        may_be: impl Fn(&Trace, &Trace) -> bool,
    ) {
        // Several connections of one host may have the same timestamps, so a key leads to a few traces.
        let mut known: Map<(u64, u32), Vec<usize>> = Map::default();
        for place in self.free(1) {
            for it in &self.trace(1, place).sightings {
                if let Some(key) = key(it) {
                    let places = known.entry(key).or_default();
                    if places.len() < MOST_ALIKE && places.last() != Some(&place) {
                        places.push(place);
                    }
                }
            }
        }
        if known.is_empty() {
            return;
        }
        let mut fitting: BTreeMap<(usize, usize), [u32; 2]> = BTreeMap::new();
        for a in self.free(0) {
            let mut votes: BTreeMap<usize, usize> = BTreeMap::new();
            for it in &self.trace(0, a).sightings {
                for place in key(it).and_then(|key| known.get(&key)).into_iter().flatten() {
                    *votes.entry(*place).or_default() += 1;
                }
            }
            for (b, _) in votes {
                let [first, second] = [self.trace(0, a), self.trace(1, b)];
                if may_be(first, second)
                    && let Some(shifts) = constant_shifts(first, second, by, &key)
                {
                    fitting.insert((a, b), shifts);
                }
            }
        }
        // Connections with the same addresses come first.
        let same_ends = |(a, b): &(usize, usize)| {
            unordered(self.trace(0, *a).ends()) == unordered(self.trace(1, *b).ends())
        };
        let (same, others): (Vec<_>, Vec<_>) =
            fitting.into_iter().partition(|(places, _)| same_ends(places));
        for candidates in [same, others] {
            let is_open =
                |joining: &Self, (a, b): (usize, usize)| joining.free[0][a] && joining.free[1][b];
            let mut counts: [Map<usize, usize>; 2] = Default::default();
            for &((a, b), _) in &candidates {
                if is_open(self, (a, b)) {
                    *counts[0].entry(a).or_default() += 1;
                    *counts[1].entry(b).or_default() += 1;
                }
            }
            for &((a, b), shifts) in &candidates {
                if !is_open(self, (a, b)) {
                    continue;
                }
                if counts[0][&a] == 1 && counts[1][&b] == 1 {
                    (self.free[0][a], self.free[1][b]) = (false, false);
                    self.pairs.push(Pair::new([a, b], by, shifts));
                } else {
                    (self.ambiguous[0][a], self.ambiguous[1][b]) = (true, true);
                }
            }
        }
    }
}

/// Whether both traces have a time in common.
fn overlap(a: &Trace, b: &Trace, timing: &Timing) -> bool {
    let slack = timing.uncertainty(a.first_ns).unwrap_or(LONGEST_WAY_NS);
    let [from, to] = [b.first_ns, b.last_ns].map(|time| timing.common(1, time));
    a.first_ns.saturating_sub(slack) <= to && from.saturating_sub(slack) <= a.last_ns
}

/// Segments that have to agree: timestamps are as good as unique, and two payloads that follow each other
/// at the same time and under the same addresses, too.
const LEAST_AGREEING: usize = 2;

/// Both ends in an order that is the same whichever is the client.
pub(super) fn unordered([a, b]: Ends) -> Ends {
    if a <= b { [a, b] } else { [b, a] }
}

/// The sides of the second trace that are the client and the server of the first.
pub(super) fn sides(a: &Trace, b: &Trace) -> [Side; 2] {
    let ([client, server], [other_client, other_server]) = (a.ends(), b.ends());
    let swapped = client == other_server && server == other_client && client != other_client;
    if swapped { [Side::Server, Side::Client] } else { Side::BOTH }
}

/// Rule 1 of the same addresses and ports: the same initial numbers or, where a SYN is missing, numbers
/// that overlap in each direction.
fn have_same_numbers(a: &Trace, b: &Trace) -> bool {
    let sides = sides(a, b);
    let mut common = 0;
    for (side, other) in Side::BOTH.into_iter().zip(sides) {
        let (mine, theirs) = (a.way(side), b.way(other));
        match (mine.initial(), theirs.initial()) {
            (Some(one), Some(two)) if one == two => {}
            (Some(_), Some(_)) => return false,
            _ => {
                let numbers = mine.numbers().zip(theirs.numbers());
                let Some(((low, next), (from, to))) = numbers else { continue };
                if low.is_after(to) || from.is_after(next) {
                    return false;
                }
                // The other direction's numbers may be rewritten.
                let peers = [(mine, b.way(other.other())), (theirs, a.way(side.other()))];
                if !peers.into_iter().all(|(way, peer)| acknowledges_near(way, peer)) {
                    return false;
                }
            }
        }
        common += 1;
    }
    common > 0
}

/// Whether what a direction acknowledges is near what its peer has sent, as the other point saw it.
fn acknowledges_near(way: &Way, peer: &Way) -> bool {
    /// Captures that begin and end at other times miss less than so many octets before or behind.
    const NEAR: u32 = 1 << 26;
    let numbers = way.acknowledged().zip(peer.numbers());
    numbers.is_none_or(|(number, (low, next))| {
        !(low - NEAR).is_after(number) && !number.is_after(next + NEAR)
    })
}

/// Rule 2: the same initial numbers of both sides or, where only the client's SYN is in both, with the
/// same options and timestamps, and one end that is the same.
fn is_translated(a: &Trace, b: &Trace) -> bool {
    let initial = |side: Side| a.way(side).initial().zip(b.way(side).initial());
    let equal = |(one, two): (SeqNumber, SeqNumber)| one == two;
    if !initial(Side::Client).is_some_and(equal) || !initial(Side::Server).is_none_or(equal) {
        return false;
    }
    if initial(Side::Server).is_some() {
        return true;
    }
    let syn = |trace: &'_ Trace| trace.by(Side::Client).find(|it| it.is(TcpFlags::SYN)).copied();
    let (Some(one), Some(two)) = (syn(a), syn(b)) else { return false };
    let offers = one.offer().zip(two.offer());
    // A translator of home lines clamps the MSS, too.
    let same_offer = offers.is_some_and(|(one, two)| {
        (one.window_scale, one.sack, one.others) == (two.window_scale, two.sack, two.others)
    });
    let values = |trace: &Trace| -> Vec<u32> {
        let syns = trace.by(Side::Client).filter(|it| it.is(TcpFlags::SYN));
        syns.filter_map(|it| it.timestamps()).map(|(value, _)| value).collect()
    };
    let (mine, theirs) = (values(a), values(b));
    let same_timestamps = mine.iter().any(|value| theirs.contains(value));
    let none = mine.is_empty() && theirs.is_empty();
    let one_end = a.ends()[0] == b.ends()[0] || a.ends()[1] == b.ends()[1];
    same_offer && (same_timestamps || none && one_end)
}

/// How many segments of both traces are alike in numbers, timestamps and identification.
fn shared_segments(a: &Trace, b: &Trace) -> usize {
    let content = |it: &Sighting| {
        (it.sequence.0, it.acknowledgment.0, it.length(), it.timestamps(), it.identification())
    };
    let mut known: Vec<_> = a.sightings.iter().map(content).collect();
    known.sort_unstable();
    b.sightings.iter().filter(|it| known.binary_search(&content(it)).is_ok()).count()
}

/// The differences of the numbers of both directions, if each is constant over the segments whose key is
/// in both traces, and enough of these agree.
fn constant_shifts(
    a: &Trace,
    b: &Trace,
    by: JoinedBy,
    key: impl Fn(&Sighting) -> Option<(u64, u32)>,
) -> Option<[u32; 2]> {
    let mut shifts = [None; 2];
    // What the acknowledgment numbers of each side tell of the other side's.
    let mut by_peer = [None; 2];
    // What the SYNs tell, if nothing else does: one of them may have been made on the way.
    let mut by_syn = [None; 2];
    let mut agreeing = 0;
    for (side, other) in Side::BOTH.into_iter().zip(sides(a, b)) {
        let (mine, theirs) = (by_key(a, side, &key), by_key(b, other, &key));
        let both = mine.iter().filter_map(|(key, mine)| Some((mine, theirs.get(key)?)));
        let (mut all, mut certain) = (Vec::new(), Vec::new());
        for (mine, theirs) in both {
            if let ([one], [two]) = (&mine[..], &theirs[..]) {
                certain.push(two.sequence.0.wrapping_sub(one.sequence.0));
                if one.is(TcpFlags::ACK) && two.is(TcpFlags::ACK) {
                    let shift = two.acknowledgment.0.wrapping_sub(one.acknowledgment.0);
                    by_peer[side.other() as usize].get_or_insert(shift);
                }
            }
            let pairs = mine.iter().flat_map(|one| theirs.iter().map(move |two| (one, two)));
            all.extend(pairs.map(|(one, two)| two.sequence.0.wrapping_sub(one.sequence.0)));
        }
        // The SYN has the same difference as all that follow.
        let initial = a.way(side).initial().zip(b.way(other).initial());
        let initial = initial.map(|(one, two)| two.0.wrapping_sub(one.0));
        by_syn[side as usize] = initial;
        all.sort_unstable();
        let most = all.chunk_by(u32::eq).max_by_key(|group| group.len()).map(|group| group[0]);
        let Some(most) = most else { continue };
        let shift = initial.unwrap_or(most);
        if certain.iter().any(|other| *other != shift) {
            return None;
        }
        agreeing += all.iter().filter(|other| **other == shift).count();
        shifts[side as usize] = Some(shift);
    }
    let translated = by == JoinedBy::Nat;
    let (one, two) = (a.ends(), b.ends());
    let same_ends = unordered(one) == unordered(two);
    let one_end = one[0] == two[0] || one[1] == two[1];
    // Both numbers of a segment are as good as unique, and so are timestamps.
    let is_enough = same_ends && by == JoinedBy::Timestamps || one_end && translated;
    let least = if is_enough { 1 } else { LEAST_AGREEING };
    let shifts =
        [0, 1].map(|side: usize| shifts[side].or(by_peer[side]).or(by_syn[side]).unwrap_or(0));
    (agreeing >= least && (!translated || shifts == [0; 2])).then_some(shifts)
}

/// The segments of a side by their key, those with the same number once.
fn by_key(
    trace: &Trace,
    side: Side,
    key: impl Fn(&Sighting) -> Option<(u64, u32)>,
) -> BTreeMap<(u64, u32), Vec<&Sighting>> {
    let mut keyed: BTreeMap<(u64, u32), Vec<&Sighting>> = BTreeMap::new();
    for it in trace.by(side).filter(|it| !it.is_second_capture()) {
        let Some(key) = key(it) else { continue };
        let same = keyed.entry(key).or_default();
        if same.len() < MOST_ALIKE && !same.iter().any(|other| other.sequence == it.sequence) {
            same.push(it);
        }
    }
    keyed
}
