//! Connections that leave their shard: past, evicted, or succeeded.

use super::Shard;
use crate::key::LINGER_NS;

impl Shard {
    /// Checks the next few slots, and removes expired connections.
    ///
    /// Each opening pays for a few checks, so that no queue has to be kept in the order in which
    /// connections expire.
    pub(super) fn remove_expired(&mut self, slots: u32) {
        self.unchecked = 0;
        if self.now_ns < self.none_expires_before_ns {
            return;
        }
        for _ in 0..slots {
            self.hand += 1;
            if self.hand >= self.slots.places() {
                self.hand = 0;
                let silent_since_ns = self.silent_since_ns.min(self.now_ns);
                self.none_expires_before_ns = silent_since_ns.saturating_add(LINGER_NS);
                self.silent_since_ns = self.now_ns;
            }
            let Some(connection) = self.slots.at(self.hand) else { continue };
            if connection.is_past(self.now_ns) {
                self.remove(self.hand);
            } else {
                self.silent_since_ns = self.silent_since_ns.min(connection.last_ns());
            }
        }
    }

    /// Evicts a sixteenth of a full shard: finished connections first, then those silent for longest.
    #[cold]
    pub(super) fn evict(&mut self) {
        let now_ns = self.now_ns;
        let mut order: Vec<_> = self
            .slots
            .iter_with_slots()
            .map(|(slot, connection)| {
                let open = !connection.is_finished(now_ns);
                (open, connection.last_ns(), connection.id(), slot)
            })
            .collect();
        let leaving = (self.limit / 16).clamp(1, order.len());
        order.select_nth_unstable(leaving - 1);
        order[..leaving].sort_unstable();
        for &(_, _, id, slot) in &order[..leaving] {
            // One before another that has left may be gone already.
            let Some(connection) = self.slots.holding(slot, id) else { continue };
            let closed = connection.is_closed();
            self.evicted += u64::from(!closed);
            self.shortened += u64::from(closed && !connection.is_past(now_ns));
            self.remove(slot);
        }
    }

    /// Removes a connection. One before it that is still alive takes its place.
    pub(super) fn remove(&mut self, slot: u32) {
        // A connection with a successor is not in the index.
        if !self.index.remove(slot, &self.slots) {
            self.older.part(slot);
        }
        if let Some(older) = self.older.take_of(slot) {
            let connection = self.slots.get(older);
            if connection.is_past(self.now_ns) {
                self.take_out(older);
            } else {
                let hash = self.index.hash(&connection.key());
                self.index.insert(older, hash, &self.slots);
            }
        }
        self.take_out(slot);
    }

    /// Takes a connection out of its slot, which nothing else points to.
    pub(super) fn take_out(&mut self, slot: u32) {
        if self.latest == Some(slot) {
            self.latest = None;
        }
        let mut connection = self.slots.remove(slot);
        connection.leave(self.now_ns);
        self.closed.push(connection);
    }
}
