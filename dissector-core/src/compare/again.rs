//! Comparing what is still being captured: the observations go on after a comparison.

use super::comparison::{Comparison, Entry};
use super::crossing::Crossing;
use super::observer::{Observation, Observer};
use crate::vocabulary::Side;

/// The time that a segment took between the points.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct WayTime {
    /// In nanoseconds; below zero only as far as the clocks are uncertain.
    pub delay_ns: i64,
    /// How far it may be from the truth, in nanoseconds; `None` if segments of one direction only bound
    /// the difference of the clocks.
    pub uncertainty_ns: Option<u64>,
}

impl Comparison {
    /// The point that is nearer this end of a connection, 0 or 1.
    pub fn point_near(&self, conn: usize, side: Side) -> usize {
        let nearer = self.entries.get(conn).and_then(Entry::nearer_client).unwrap_or(0);
        if side == Side::Client { nearer } else { 1 - nearer }
    }

    /// The time on the way of a segment of a connection that both points saw.
    pub fn way_time(&self, conn: usize, crossing: &Crossing) -> Option<WayTime> {
        let (near, far) = crossing.near.as_ref().zip(crossing.far.as_ref())?;
        let clocks = self.clocks();
        let common = |side: Side, time_ns: i64| match self.point_near(conn, side) {
            0 => time_ns,
            _ => clocks.to_a(time_ns),
        };
        let departure = common(crossing.to.other(), near.time_ns);
        let arrival = common(crossing.to, far.time_ns);
        Some(WayTime {
            delay_ns: arrival.saturating_sub(departure),
            uncertainty_ns: clocks.at(departure).uncertainty_ns,
        })
    }

    /// What both points have seen, to go on with.
    #[must_use]
    pub fn into_points(self) -> [Observation; 2] {
        self.points
    }
}

impl Observation {
    /// Goes on with the watch. Every segment is kept by itself from now on.
    #[must_use]
    pub fn resume(self) -> Observer {
        Observer { traces: self.traces, ..Observer::new().keeping_all() }
    }
}
