//! What the connections of two points tell of each other.

use std::net::SocketAddr;

use super::joining::Pair;
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

/// The servers that a point has seen, under the names of both points.
pub(super) struct Servers(Set<SocketAddr>);

impl Servers {
    pub fn new(own: &[Trace], pairs: &[Pair], point: usize, traces: [&[Trace]; 2]) -> Self {
        let mut servers: Set<_> = own.iter().map(|trace| trace.ends()[1]).collect();
        let other = 1 - point;
        let there = pairs.iter().map(|pair| traces[other][pair.places[other]].ends()[1]);
        servers.extend(there);
        Self(servers)
    }

    pub fn contains(&self, server: SocketAddr) -> bool {
        self.0.contains(&server)
    }
}
