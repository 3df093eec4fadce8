//! What is asked of a connection before its next segment is taken in.

use std::hint::black_box;

use super::track::Connection;
use crate::LINGER_NS;

impl Connection {
    /// Reads something of each cache line that the next segment will need.
    #[inline(always)]
    pub(crate) fn fetch(&self) {
        let [client, server] = &self.ends;
        let ends = client.nxt.0 ^ server.nxt.0;
        black_box(self.last_ns as u32 ^ ends ^ self.packets ^ self.id);
    }

    /// Whether nothing came for so long that it may be past.
    #[inline(always)]
    pub(crate) fn is_silent(&self, now_ns: i64) -> bool {
        self.last_ns.saturating_add(LINGER_NS) <= now_ns
    }
}
