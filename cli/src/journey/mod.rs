//! A connection on its way through several points of capture: for `ladder` and `explain`.

mod changes;
mod collection;
mod passage;
mod runs;

use std::net::SocketAddr;

use dissector_core::compare::{JoinedBy, JoinedConnection, Path};
use dissector_core::connection::{Outcome, Side};

pub use collection::collect;
pub use passage::{IcmpPassage, Passage, Step};

use crate::timeline::Timeline;

/// One connection between client and server.
pub struct Journey {
    /// Its number among all connections of the points.
    pub conn: u32,
    /// From the client's end to the server's.
    pub stations: Vec<Station>,
    /// What is between neighbouring stations: one less.
    pub hops: Vec<Hop>,
    /// In order of time.
    pub steps: Vec<Step>,
    /// Time of the first of them by the first point's clock, in nanoseconds since 1970 UTC.
    pub first_ns: i64,
}

/// A point that the connection passes, or should have passed.
pub struct Station {
    pub name: String,
    /// Its place among the points, as they were named.
    pub point: usize,
    /// What it saw of the connection.
    pub timeline: Option<Timeline>,
}

/// Between two neighbouring stations.
pub struct Hop {
    /// What is said of the connection between them; `None` if neither has seen it.
    pub joined: Option<JoinedConnection>,
    /// How far the clocks are apart, in whole sentences.
    pub clocks: Vec<String>,
}

impl Hop {
    /// Whether the segments have fates: those of two connections, or of one that the other point need not
    /// have seen, have none.
    pub fn has_fates(&self) -> bool {
        let none = [Path::Proxied, Path::Ambiguous, Path::OnePoint];
        self.joined
            .as_ref()
            .is_some_and(|it| !none.contains(&it.path) && it.joined_by != Some(JoinedBy::Time))
    }
}

impl Journey {
    /// The names of the ends at the station nearest the client that has seen them.
    pub fn ends(&self) -> Option<[SocketAddr; 2]> {
        self.stations.iter().find_map(Station::ends)
    }

    /// The outcome by the segments that arrived: that of the first hop that is known.
    pub fn outcome(&self) -> Option<Outcome> {
        self.hops.iter().find_map(|hop| hop.joined.as_ref()).map(|it| it.outcome)
    }

    /// What happened between each two stations, with their places.
    pub fn paths(&self) -> impl Iterator<Item = (usize, &JoinedConnection, Path)> {
        let hops = self.hops.iter().enumerate();
        hops.filter_map(|(place, hop)| hop.joined.as_ref().map(|it| (place, it, it.path)))
    }

    /// Whether a device between the stations made two connections of it.
    pub fn is_proxied(&self) -> bool {
        self.paths().any(|(_, _, path)| path == Path::Proxied)
    }

    /// What the station next to this end saw.
    pub fn next_to(&self, side: Side) -> Option<&Timeline> {
        match side {
            Side::Client => self.stations.first(),
            Side::Server => self.stations.last(),
        }
        .and_then(|station| station.timeline.as_ref())
    }
}

impl Station {
    /// Its name in brackets: it may be called as an end is.
    pub fn shown(&self) -> String {
        format!("[{}]", self.name)
    }

    /// Client and server as the point saw them.
    pub fn ends(&self) -> Option<[SocketAddr; 2]> {
        self.timeline.as_ref().map(|timeline| [timeline.client, timeline.server])
    }
}
