//! The times of the steps of a connection.
//!
//! Many are at the time of another, and the others follow soon: few bits are enough for what usually
//! has to be stored, and exceptions are heap-allocated.

use crate::vocabulary::Side;

/// A step of a connection that has a time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Timestamp {
    /// The first copy of the server's SYN or SYN/ACK; means something with
    /// [`Facts::COPY`](super::endpoint::Facts::COPY).
    ServerSyn,
    /// The segment that completes the handshake.
    FinalAck,
    /// The first FIN of the side that closed first.
    FirstFin,
    /// The first FIN of the side that closed last; until then, the client's first data.
    SecondFin,
    /// The first copy of the client's SYN; means something with
    /// [`Facts::COPY`](super::endpoint::Facts::COPY).
    ClientSyn,
    /// The first SYN/ACK; means something with
    /// [`Handshake::SYNACK_SEEN`](super::handshake::Handshake::SYNACK_SEEN).
    SynAck,
    /// The client's SYN/ACK in a simultaneous open; means something if it is stored exactly.
    ClientSynAck,
    /// The last copy of the client's SYN or FIN.
    LastOfClient,
    /// The last copy of the server's SYN, SYN/ACK or FIN.
    LastOfServer,
}

impl Timestamp {
    /// The client's first data, as long as only one end has sent a FIN.
    #[expect(non_upper_case_globals, reason = "another name for a variant")]
    pub const FirstData: Self = Self::SecondFin;

    pub const fn syn(side: Side) -> Self {
        match side {
            Side::Client => Self::ClientSyn,
            Side::Server => Self::ServerSyn,
        }
    }

    pub const fn last(side: Side) -> Self {
        match side {
            Side::Client => Self::LastOfClient,
            Side::Server => Self::LastOfServer,
        }
    }
}

/// How many timestamps, the first of [`Timestamp`], have an offset.
const OFFSETS: usize = Timestamp::SecondFin as usize + 1;

/// Nanoseconds from the first segment to steps of the connection: 40 bits each, 18 minutes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Offsets {
    low: [u32; OFFSETS],
    high: [u8; OFFSETS],
}

impl Offsets {
    /// The offset of one of the first four timestamps.
    #[inline(always)]
    pub const fn get(&self, timestamp: Timestamp) -> i64 {
        let place = timestamp as usize;
        (self.high[place] as i64) << 32 | self.low[place] as i64
    }

    /// Stores an offset; `false`, and nothing changed, if `timestamp` has none or it is too large.
    #[inline(always)]
    pub const fn set(&mut self, timestamp: Timestamp, since_ns: u64) -> bool {
        let place = timestamp as usize;
        let fits = place < OFFSETS && since_ns >> 40 == 0;
        if fits {
            (self.low[place], self.high[place]) = (since_ns as u32, (since_ns >> 32) as u8);
        }
        fits
    }
}

/// The times that have to be stored in full.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exact(Vec<(Timestamp, i64)>);

impl Exact {
    #[inline(never)]
    pub fn get(&self, timestamp: Timestamp) -> Option<i64> {
        self.0.iter().find(|(stored, _)| *stored == timestamp).map(|(_, time_ns)| *time_ns)
    }

    pub fn set(&mut self, timestamp: Timestamp, time_ns: i64) {
        self.remove(timestamp);
        if self.0.is_empty() {
            self.0.reserve_exact(1);
        }
        self.0.push((timestamp, time_ns));
    }

    pub fn remove(&mut self, timestamp: Timestamp) {
        self.0.retain(|(stored, _)| *stored != timestamp);
    }
}
