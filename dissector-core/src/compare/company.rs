//! What the connections of two points tell of each other.

use std::net::SocketAddr;

use super::joining::{Pair, unordered};
use super::trace::Trace;
use super::{Map, Set};

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
    /// Servers under the names of both points.
    servers: Set<SocketAddr>,
    /// Both ends of a connection, in the same order whichever is the client.
    ends: Set<[SocketAddr; 2]>,
}

impl Acquaintances {
    pub fn new(point: usize, traces: [&[Trace]; 2], pairs: &[Pair]) -> Self {
        let own = || traces[point].iter().map(Trace::ends);
        let other = 1 - point;
        let there = pairs.iter().map(|pair| traces[other][pair.places[other]].ends()[1]);
        let servers = own().map(|[_, server]| server).chain(there).collect();
        Self { servers, ends: own().map(unordered).collect() }
    }

    /// Whether the point has seen other connections of this one's server.
    pub fn know_server_of(&self, trace: &Trace) -> bool {
        self.servers.contains(&trace.ends()[1])
    }

    /// Whether the point has seen these ends.
    pub fn know_ends_of(&self, trace: &Trace) -> bool {
        self.ends.contains(&unordered(trace.ends()))
    }
}
