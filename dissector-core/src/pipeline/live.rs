//! Connections of a live source.

use crate::capture::{Decoder, Frame, LinkType, Packet};
use crate::connection::Annotation;
use crate::table::ConnectionTable;

/// A connection table that takes in frames as a live source delivers them, one after the other.
///
/// Its clock is that of all frames, of those without TCP, too, and of [`tell_time`](Self::tell_time).
///
/// ```
/// use dissector_core::capture::{Frame, LinkType};
/// use dissector_core::connection::Stage;
/// use dissector_core::{ConnectionTable, LiveTable};
///
/// // The limit bounds the memory of a program that runs for long.
/// let mut live = LiveTable::new(ConnectionTable::with_limit(100_000));
/// // A SYN from port 1024 to port 80, in an IPv4 packet without a link layer.
/// let mut octets = vec![0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
/// octets.extend([4, 0, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x02, 0, 0, 0, 0, 0, 0]);
/// let start_ns = 1_800_000_000_000_000_000;
/// let frame = Frame::new(&octets, start_ns).with_link_type(LinkType::RAW);
/// live.observe(frame, |_, seen| assert_eq!(seen.stage, Stage::Syn));
///
/// // No frame comes, but time passes. What is far ahead needs to be told twice.
/// live.tell_time(start_ns + 7_200_000_000_000);
/// live.tell_time(start_ns + 7_200_000_000_000);
/// let closed = live.table_mut().take_closed();
/// assert_eq!(live.table().outcome(&closed[0]).label(), "no_reply");
/// ```
#[derive(Debug)]
pub struct LiveTable {
    table: ConnectionTable,
    decoder: Decoder,
    /// How often the time was told without a frame.
    told: u64,
}

impl LiveTable {
    /// Follows connections in `table`, which is to be empty.
    pub fn new(table: ConnectionTable) -> Self {
        Self { table, decoder: Decoder::new(LinkType::NULL), told: 0 }
    }

    /// The table.
    #[inline]
    pub fn table(&self) -> &ConnectionTable {
        &self.table
    }

    /// The table, to take closed connections out, or for segments from elsewhere.
    #[inline]
    pub fn table_mut(&mut self) -> &mut ConnectionTable {
        &mut self.table
    }

    /// The decoder, which counts frames without a segment.
    pub fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    /// Takes in a frame, which has to name its [link type](Frame::with_link_type), and calls `on_seen`
    /// after each of its segments and ICMP errors with what it is in its connection.
    pub fn observe(
        &mut self,
        frame: Frame<'_>,
        mut on_seen: impl FnMut(&ConnectionTable, Annotation),
    ) {
        let number = frame.number.unwrap_or(self.decoder.frames() + 1);
        self.table.tell_time(number, frame.time_ns);
        for packet in self.decoder.decode(frame) {
            let seen = match packet {
                Packet::Segment(segment) => Some(self.table.observe(&segment)),
                Packet::IcmpError(error) => self.table.observe_icmp(&error),
            };
            if let Some(seen) = seen {
                on_seen(&self.table, seen);
            }
        }
    }

    /// Turns the clock on while no frame comes; connections may close because of that. A time that is
    /// more than an hour ahead waits for the next one, like that of a frame.
    pub fn tell_time(&mut self, time_ns: i64) {
        // Numbers that no frame has: each call confirms the one before.
        self.table.tell_time(u64::MAX - self.told, time_ns);
        self.told += 1;
        if self.table.now_ns() >= time_ns {
            self.table.advance(self.table.now_ns());
        }
    }
}
