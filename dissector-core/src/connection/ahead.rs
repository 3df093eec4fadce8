//! What is asked of a connection before its next segment is taken in.

use std::hint::black_box;

use crate::connection::predict::Course;
use crate::connection::track::Connection;
use crate::key::LINGER_NS;
use crate::wire::TcpFlags;

impl Connection {
    /// Reads something of each cache line that the next segment will need.
    #[inline(always)]
    pub(crate) fn fetch(&self) {
        let [client, server] = &self.ends;
        let ends = client.nxt.0 ^ server.nxt.0;
        black_box(self.last_ns as u32 ^ ends ^ self.packets ^ self.id);
    }

    /// Whether a segment with these flags may open another connection; if it may,
    /// [`is_succeeded_by`](Self::is_succeeded_by) knows. Of SYN/ACKs, the one that is awaited does not.
    #[inline(always)]
    pub(crate) fn may_be_succeeded_by(&self, flags: TcpFlags) -> bool {
        let awaited = (self.course == Course::SynAck) & flags.contains(TcpFlags::ACK);
        flags.contains(TcpFlags::SYN) & !awaited
    }

    /// Whether nothing came for so long that it may be past. The clock is never earlier than the last
    /// segment.
    #[inline(always)]
    pub(crate) fn is_silent(&self, now_ns: i64) -> bool {
        now_ns.wrapping_sub(self.last_ns) as u64 >= LINGER_NS as u64
    }
}
