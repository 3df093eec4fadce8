//! The times of a connection's steps, stored or implied by others.

use std::num::NonZero;

use crate::clock::LEAP_NS;
use crate::connection::state::Connection;
use crate::connection::state::copies::{FirstCopy, FurtherCopies};
use crate::connection::state::endpoint::Facts;
use crate::connection::state::handshake::Handshake;
use crate::connection::state::timestamps::Timestamp;
use crate::key::LINGER_NS;
use crate::vocabulary::Side;

impl Connection {
    /// The clock as the connection knows it: behind by as much as its last segment was.
    ///
    /// In a capture that is not in order of time, say two in one file, the later first, the clock is far
    /// ahead of the segments of the earlier one. Those are no less close to each other for that.
    ///
    /// Frames without a time say 1970. How long ago they came is not known: it is not half a century.
    #[inline]
    pub(crate) fn own_clock(&self, clock_ns: i64) -> i64 {
        if self.last_ns == 0 && clock_ns > LEAP_NS {
            return 0;
        }
        clock_ns.saturating_sub(self.lag_ns())
    }

    /// How far the clock was ahead of the last segment, in nanoseconds.
    #[inline(always)]
    fn lag_ns(&self) -> i64 {
        self.extra.as_ref().filter(|_| self.lags()).map_or(0, |extra| extra.lag_ns)
    }

    /// The clock, or that at which the connection left its table: after a long silence, its end.
    #[inline]
    pub(crate) fn until_it_left(&self, clock_ns: i64) -> i64 {
        if self.has_left { self.left_at() } else { clock_ns }
    }

    #[cold]
    fn left_at(&self) -> i64 {
        let left_ns = self.extra.as_ref().and_then(|extra| extra.left_ns);
        let after_silence = || self.last_ns.saturating_add(LINGER_NS).saturating_add(self.lag_ns());
        left_ns.map_or_else(after_silence, NonZero::get)
    }

    /// Whether the clock was ahead of the last segment.
    #[inline(always)]
    pub(crate) fn lags(&self) -> bool {
        self.client_end().has(Facts::LAGS)
    }

    /// Stores how far the clock is ahead of a segment, in nanoseconds. A little is nothing: frames of several
    /// interfaces are often stored a little out of order.
    #[inline]
    pub(crate) fn set_lag(&mut self, lag_ns: i64) {
        let lags = lag_ns >= LINGER_NS;
        self.client_end_mut().facts.set(Facts::LAGS, lags);
        if lags {
            self.extra_mut().lag_ns = lag_ns;
        }
    }

    /// The time of a step, in nanoseconds since 1970 UTC.
    #[inline(always)]
    pub(crate) fn time_of(&self, timestamp: Timestamp) -> i64 {
        self.exact_time_of(timestamp).unwrap_or_else(|| self.implied(timestamp))
    }

    /// The time of a step, if it is stored in full.
    #[inline(always)]
    pub(crate) fn exact_time_of(&self, timestamp: Timestamp) -> Option<i64> {
        self.extra.as_ref()?.exact.get(timestamp)
    }

    /// The time of a step that is not stored in full.
    ///
    /// Inlined, as nearly every caller asks for a constant step.
    #[inline(always)]
    fn implied(&self, timestamp: Timestamp) -> i64 {
        match timestamp {
            Timestamp::ServerSyn
            | Timestamp::FinalAck
            | Timestamp::FirstFin
            | Timestamp::SecondFin => self.first_ns.wrapping_add(self.offsets.get(timestamp)),
            Timestamp::SynAck if self.handshake.has(Handshake::SYNACK_SEEN) => {
                let stored = self.exact_time_of(Timestamp::ServerSyn);
                stored.unwrap_or_else(|| self.implied(Timestamp::ServerSyn))
            }
            Timestamp::ClientSyn | Timestamp::SynAck => self.first_ns,
            Timestamp::ClientSynAck => i64::MIN,
            Timestamp::LastOfClient => self.implied_last(Side::Client),
            Timestamp::LastOfServer => self.implied_last(Side::Server),
        }
    }

    #[inline(never)]
    fn implied_last(&self, side: Side) -> i64 {
        match self.end(side).has(Facts::FIN) {
            false => self.last_listed_syn_ns(side),
            true if self.first_closer() == Some(side) => self.time_of(Timestamp::FirstFin),
            true => self.time_of(Timestamp::SecondFin),
        }
    }

    /// The time of the last listed copy of the SYN or SYN/ACK of `side`.
    fn last_listed_syn_ns(&self, side: Side) -> i64 {
        let copies = self.extra.as_ref().and_then(|extra| extra.copies(side));
        let last = copies.and_then(FurtherCopies::last);
        last.map_or_else(|| self.time_of(Timestamp::syn(side)), |copy| copy.time_ns)
    }

    #[inline(always)]
    pub(crate) fn set_time_of(&mut self, timestamp: Timestamp, time_ns: i64) {
        // An earlier time wraps around, and does not fit.
        let since_ns = time_ns.wrapping_sub(self.first_ns) as u64;
        let stored = self.offsets.set(timestamp, since_ns);
        if self.extra.is_some() || !stored && self.implied(timestamp) != time_ns {
            self.set_exactly(timestamp, time_ns);
        }
    }

    /// Stores a time in full if it is not implied by others.
    #[inline(never)]
    fn set_exactly(&mut self, timestamp: Timestamp, time_ns: i64) {
        if self.implied(timestamp) != time_ns {
            self.extra_mut().exact.set(timestamp, time_ns);
        } else if let Some(extra) = &mut self.extra {
            extra.exact.remove(timestamp);
        }
    }

    /// Stores a time in full before the value that it is derived from is overwritten.
    pub(crate) fn pin(&mut self, timestamp: Timestamp) {
        let time_ns = self.time_of(timestamp);
        self.extra_mut().exact.set(timestamp, time_ns);
    }

    /// The first copy of the SYN or SYN/ACK of `side`.
    pub(crate) fn first_copy(&self, side: Side) -> FirstCopy {
        let end = self.end(side);
        FirstCopy {
            time_ns: self.time_of(Timestamp::syn(side)),
            timestamp: end.has(Facts::COPY_TIMESTAMP).then_some(end.copy_timestamp),
            sent: end.has(Facts::COPY),
            answered: end.has(Facts::COPY_ANSWERED),
        }
    }

    pub(crate) fn set_first_copy(&mut self, side: Side, copy: FirstCopy) {
        let end = self.end_mut(side);
        end.copy_timestamp = copy.timestamp.unwrap_or(0);
        end.facts -= Facts::ACK_NEWER;
        end.facts.set(Facts::COPY, copy.sent);
        end.facts.set(Facts::COPY_TIMESTAMP, copy.timestamp.is_some());
        end.facts.set(Facts::COPY_ANSWERED, copy.answered);
        if copy.sent {
            self.set_time_of(Timestamp::syn(side), copy.time_ns);
        }
    }

    /// The time of the last copy of the SYN or SYN/ACK of `side`, even if its FIN has followed.
    pub(crate) fn last_syn_ns(&self, side: Side) -> i64 {
        match self.end(side).has(Facts::FIN) {
            true => self.last_listed_syn_ns(side),
            false => self.last_copy_ns(side),
        }
    }

    /// The time of the last copy of the SYN, SYN/ACK or FIN of `side`.
    pub(crate) fn last_copy_ns(&self, side: Side) -> i64 {
        self.time_of(Timestamp::last(side))
    }
}
