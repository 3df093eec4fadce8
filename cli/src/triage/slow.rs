//! What came up slowly, and why.

use super::record::Record;
use super::result::{Group, Scene};

/// The groups, and how many connections are slow.
pub fn groups(_all: &[&Record], _scene: &Scene<'_>) -> (Vec<Group>, u64) {
    (Vec::new(), 0)
}
