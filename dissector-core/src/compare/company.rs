//! What the connections of two points tell of each other.

use std::net::SocketAddr;

use super::joining::{Pair, unordered};
use super::timing::{LONGEST_WAY_NS, Timing};
use super::trace::Trace;
use super::{Map, Set};
use crate::vocabulary::Side;
use crate::wire::SeqNumber;

/// Which point is nearer the clients that reach a server, as most connections tell.
pub(super) struct Usual {
    /// Connections by server for which the first point is nearer, and the second.
    by_server: Map<SocketAddr, [u32; 2]>,
    all: [u32; 2],
}

impl Usual {
    pub fn new(pairs: &[Pair], traces: [&[Trace]; 2]) -> Self {
        let mut usual = Self { by_server: Map::default(), all: [0; 2] };
        for pair in pairs {
            let Some(nearer) = pair.nearer_client else { continue };
            usual.all[nearer] += 1;
            for trace in pair.joint(traces).traces {
                usual.by_server.entry(trace.ends()[1]).or_default()[nearer] += 1;
            }
        }
        usual
    }

    pub fn nearer(&self, trace: &Trace) -> Option<usize> {
        let counts = self.by_server.get(&trace.ends()[1]).unwrap_or(&self.all);
        let [first, second] = *counts;
        (first != second).then_some(usize::from(second > first))
    }
}

/// What a point has seen of whom.
pub(super) struct Acquaintances {
    /// Servers under their names at this point.
    own: Set<SocketAddr>,
    /// Servers that this point has seen under another name than the other one.
    translated: Set<SocketAddr>,
    /// Both ends of a connection, in the same order whichever is the client.
    ends: Set<[SocketAddr; 2]>,
}

impl Acquaintances {
    /// `strangers` are the traces of the other point that may be asked about; all the rest need not be known.
    pub fn new<'a>(
        point: usize,
        traces: [&[Trace]; 2],
        pairs: &[Pair],
        strangers: impl Iterator<Item = &'a Trace>,
    ) -> Self {
        let wanted: Set<_> = strangers.map(|trace| unordered(trace.ends())).collect();
        let other = 1 - point;
        let (mut own, mut ends) = (Set::default(), Set::default());
        for trace in traces[point] {
            let both = trace.ends();
            own.insert(both[1]);
            if !wanted.is_empty() && wanted.contains(&unordered(both)) {
                ends.insert(unordered(both));
            }
        }
        let there = pairs.iter().map(|pair| traces[other][pair.places[other]].ends()[1]);
        let translated = there.filter(|server| !own.contains(server)).collect();
        Self { own, translated, ends }
    }

    /// Whether the point has seen other connections of this one's server.
    pub fn know_server_of(&self, trace: &Trace) -> bool {
        self.own.contains(&trace.ends()[1]) || self.know_server_of_by_translation(trace)
    }

    /// Whether it knows the server under another name only: there may be several behind that.
    pub fn know_server_of_by_translation(&self, trace: &Trace) -> bool {
        self.translated.contains(&trace.ends()[1])
    }

    /// Whether the point has seen these ends.
    pub fn know_ends_of(&self, trace: &Trace) -> bool {
        self.ends.contains(&unordered(trace.ends()))
    }
}

/// What is left of a point: connections that could not be joined. Times are by the first point's clock.
pub(super) struct Left {
    /// From the first segment to the last of those with the same ends.
    by_ends: Map<[SocketAddr; 2], Vec<[i64; 2]>>,
    /// The first segments in order, each with the latest last segment of those up to it.
    times: Vec<[i64; 2]>,
}

impl Left {
    pub fn new(
        point: usize,
        traces: &[Trace],
        left: impl Iterator<Item = usize>,
        timing: &Timing,
    ) -> Self {
        let mut all = Self { by_ends: Map::default(), times: Vec::new() };
        for trace in left.map(|place| &traces[place]) {
            let times =
                [trace.first_ns, trace.last_ns].map(|time_ns| timing.common(point, time_ns));
            all.by_ends.entry(unordered(trace.ends())).or_default().push(times);
            all.times.push(times);
        }
        all.times.sort_unstable();
        let mut latest = i64::MIN;
        for [_, last] in &mut all.times {
            latest = latest.max(*last);
            *last = latest;
        }
        all
    }

    /// Whether one of them has the same ends at the same time.
    pub fn have_ends_of(&self, trace: &Trace, [first_ns, last_ns]: [i64; 2]) -> bool {
        self.by_ends
            .get(&unordered(trace.ends()))
            .is_some_and(|all| all.iter().any(|[from, to]| *from <= last_ns && first_ns <= *to))
    }

    /// Whether one of them has a segment at about this time.
    pub fn are_there_at(&self, [first_ns, last_ns]: [i64; 2]) -> bool {
        let until = last_ns.saturating_add(LONGEST_WAY_NS);
        let begun = self.times.partition_point(|[from, _]| *from <= until);
        let latest = begun.checked_sub(1).map(|place| self.times[place][1]);
        latest.is_some_and(|latest| latest.saturating_add(LONGEST_WAY_NS) >= first_ns)
    }
}

/// The joined connections of a point by the number of the client's SYN.
pub(super) struct Twins(Map<SeqNumber, [SocketAddr; 2]>);

impl Twins {
    /// `left` are the traces that may be asked about.
    pub fn new<'a>(
        point: usize,
        traces: &[Trace],
        pairs: &[Pair],
        left: impl Iterator<Item = &'a Trace>,
    ) -> Self {
        let initial = |trace: &Trace| trace.way(Side::Client).initial();
        let wanted: Set<_> = left.filter_map(initial).collect();
        if wanted.is_empty() {
            return Self(Map::default());
        }
        let joined = pairs.iter().map(|pair| &traces[pair.places[point]]);
        let numbered = joined.filter_map(|trace| Some((initial(trace)?, trace)));
        let numbered = numbered.filter(|(number, _)| wanted.contains(number));
        Self(numbered.map(|(number, trace)| (number, trace.ends())).collect())
    }

    /// Whether another one has the same number under other addresses or ports.
    pub fn has_other(&self, trace: &Trace) -> bool {
        let initial = trace.way(Side::Client).initial();
        let other = initial.and_then(|number| self.0.get(&number));
        other.is_some_and(|ends| *ends != trace.ends())
    }
}
