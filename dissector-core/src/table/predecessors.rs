//! Connections that are kept beside their successors.

use std::collections::HashMap;

use foldhash::fast::RandomState;

/// The slots of connections that have a successor which is not answered yet, and the slots of these
/// successors. A pair is found by either slot, so that removing one takes constant time.
#[derive(Debug, Default)]
pub(crate) struct Predecessors {
    by_successor: HashMap<u32, u32, RandomState>,
    by_predecessor: HashMap<u32, u32, RandomState>,
}

impl Predecessors {
    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.by_successor.is_empty()
    }

    /// The slots of all predecessors.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> {
        self.by_successor.values().copied()
    }

    /// The slot of the predecessor of the connection in slot `successor`.
    pub(crate) fn of(&self, successor: u32) -> Option<u32> {
        self.by_successor.get(&successor).copied()
    }

    /// Adds a pair; the predecessor has no other successor.
    pub(crate) fn insert(&mut self, successor: u32, predecessor: u32) {
        self.by_successor.insert(successor, predecessor);
        self.by_predecessor.insert(predecessor, successor);
    }

    /// Removes the pair of the connection in slot `successor`, and returns the slot of its
    /// predecessor.
    pub(crate) fn take_of(&mut self, successor: u32) -> Option<u32> {
        let predecessor = self.by_successor.remove(&successor)?;
        self.by_predecessor.remove(&predecessor);
        Some(predecessor)
    }

    /// Removes the pair of the connection in slot `predecessor`.
    pub(crate) fn part(&mut self, predecessor: u32) {
        if let Some(successor) = self.by_predecessor.remove(&predecessor) {
            self.by_successor.remove(&successor);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_parted_by_either() {
        let mut predecessors = Predecessors::default();
        predecessors.insert(5, 2);
        predecessors.insert(6, 3);
        assert_eq!((predecessors.of(5), predecessors.of(2)), (Some(2), None));
        predecessors.part(2);
        predecessors.part(6);
        assert_eq!((predecessors.of(5), predecessors.take_of(6)), (None, Some(3)));
        assert!(predecessors.is_empty());
        predecessors.part(3);
        assert_eq!(predecessors.iter().count(), 0);
    }
}
