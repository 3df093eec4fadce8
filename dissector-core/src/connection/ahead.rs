//! What is asked of a connection before its next segment is taken in.

use std::hint::black_box;

use super::track::Connection;
use crate::LINGER_NS;

impl Connection {
    /// Reads something of each cache line that the next segment will need.
    #[inline(always)]
    pub(crate) fn fetch(&self) {
        let [client, server] = &self.ends;
        let last = self.last_ns as u32 ^ self.id;
        let client = client.nxt.0 ^ client.last_copy_ns as u32;
        let server = server.nxt.0 ^ server.last_copy_ns as u32;
        black_box(last ^ client ^ server);
    }

    /// Whether nothing came for so long that it may be past.
    #[inline(always)]
    pub(crate) fn is_silent(&self, now_ns: i64) -> bool {
        self.last_ns.saturating_add(LINGER_NS) <= now_ns
    }
}
