//! Scans, floods, backscatter and probes: many connections that are no failures of servers.

use super::record::Record;
use super::result::{Group, Scene};

/// A pattern, and the numbers of its connections.
pub struct Found {
    pub group: Group,
    pub members: Vec<u32>,
}

pub fn find(_all: &[&Record], _scene: &Scene<'_>) -> Vec<Found> {
    Vec::new()
}
