//! When the steps of a connection came.
//!
//! Many are at the time of another, and the others follow soon: few bits are enough for what usually
//! has to be kept, and the exceptions are kept apart, in full.

use crate::connection::event::Side;
use crate::connection::state::copies::{FirstCopy, FurtherCopies};
use crate::connection::state::endpoint::Facts;
use crate::connection::state::handshake::Handshake;
use crate::connection::track::Connection;

/// A step of a connection that has a time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Moment {
    /// The first copy of the server's SYN or SYN/ACK; means something with [`Facts::COPY`].
    ServerCopy,
    /// The segment that completes the handshake.
    FinalAck,
    /// The first FIN of the side that closed last.
    SecondFin,
    /// The first copy of the client's SYN; means something with [`Facts::COPY`].
    ClientCopy,
    /// The first SYN/ACK; means something with [`Handshake::SYNACK_SEEN`].
    SynAck,
    /// The client's SYN/ACK in a simultaneous open; means something if it is kept in full.
    ClientSynAck,
    /// The last copy of the client's SYN or FIN.
    LastOfClient,
    /// The last copy of the server's SYN, SYN/ACK or FIN.
    LastOfServer,
}

/// Of the first three of them, the lower 32 bits of the nanoseconds since the first segment, or of
/// FINs since the first FIN.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Near([u32; 3]);

/// The next eight bits: 18 minutes in all.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Higher([u8; 3]);

/// Those that [`Near`] cannot tell, and that do not follow from the others.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exact(Vec<(Moment, i64)>);

impl Exact {
    #[inline(never)]
    fn get(&self, moment: Moment) -> Option<i64> {
        self.0.iter().find(|(kept, _)| *kept == moment).map(|(_, time_ns)| *time_ns)
    }

    fn set(&mut self, moment: Moment, time_ns: i64) {
        self.remove(moment);
        if self.0.is_empty() {
            self.0.reserve_exact(1);
        }
        self.0.push((moment, time_ns));
    }

    fn remove(&mut self, moment: Moment) {
        self.0.retain(|(kept, _)| *kept != moment);
    }
}

impl Moment {
    pub const fn copy(side: Side) -> Self {
        match side {
            Side::Client => Self::ClientCopy,
            Side::Server => Self::ServerCopy,
        }
    }

    pub const fn last(side: Side) -> Self {
        match side {
            Side::Client => Self::LastOfClient,
            Side::Server => Self::LastOfServer,
        }
    }
}

impl Connection {
    /// When `moment` was, in nanoseconds since 1970 UTC.
    #[inline(always)]
    pub(crate) fn time_of(&self, moment: Moment) -> i64 {
        self.exact_time_of(moment).unwrap_or_else(|| self.implied(moment))
    }

    /// When it was, if that is kept in full.
    #[inline(always)]
    pub(crate) fn exact_time_of(&self, moment: Moment) -> Option<i64> {
        self.rare.as_ref()?.exact.get(moment)
    }

    /// When it was, unless it is kept in full.
    ///
    /// Inlined, as nearly everybody asks for one that is known beforehand.
    #[inline(always)]
    fn implied(&self, moment: Moment) -> i64 {
        let near = |moment: Moment, base_ns: i64| {
            let higher = i64::from(self.higher.0[moment as usize]);
            base_ns.saturating_add(higher << 32 | i64::from(self.near.0[moment as usize]))
        };
        match moment {
            Moment::ServerCopy | Moment::FinalAck => near(moment, self.first_ns),
            Moment::SecondFin => near(moment, self.first_fin_ns),
            Moment::SynAck if self.handshake.has(Handshake::SYNACK_SEEN) => {
                let kept = self.exact_time_of(Moment::ServerCopy);
                kept.unwrap_or_else(|| near(Moment::ServerCopy, self.first_ns))
            }
            Moment::ClientCopy | Moment::SynAck => self.first_ns,
            Moment::ClientSynAck => i64::MIN,
            Moment::LastOfClient => self.implied_last(Side::Client),
            Moment::LastOfServer => self.implied_last(Side::Server),
        }
    }

    #[inline(never)]
    fn implied_last(&self, side: Side) -> i64 {
        match self.end(side).has(Facts::FIN) {
            false => self.last_listed_syn_ns(side),
            true if self.first_closer() == Some(side) => self.first_fin_ns,
            true => self.time_of(Moment::SecondFin),
        }
    }

    /// When the last copy that is listed of the SYN or SYN/ACK of `side` was sent.
    fn last_listed_syn_ns(&self, side: Side) -> i64 {
        let copies = self.rare.as_ref().and_then(|rare| rare.copies(side));
        let last = copies.and_then(FurtherCopies::last);
        last.map_or_else(|| self.time_of(Moment::copy(side)), |copy| copy.time_ns)
    }

    /// It was at this time.
    #[inline(always)]
    pub(crate) fn set_time_of(&mut self, moment: Moment, time_ns: i64) {
        let base_ns = match moment {
            Moment::ServerCopy | Moment::FinalAck => Some(self.first_ns),
            Moment::SecondFin => Some(self.first_fin_ns),
            _ => None,
        };
        if let Some(base_ns) = base_ns
            && let since_ns = time_ns.saturating_sub(base_ns)
            && let Ok(higher) = u8::try_from(since_ns >> 32)
        {
            self.higher.0[moment as usize] = higher;
            self.near.0[moment as usize] = since_ns as u32;
            if self.rare.is_none() {
                return;
            }
        }
        self.set_exactly(moment, time_ns);
    }

    #[inline(never)]
    fn set_exactly(&mut self, moment: Moment, time_ns: i64) {
        if self.implied(moment) != time_ns {
            self.rare_mut().exact.set(moment, time_ns);
        } else if let Some(rare) = &mut self.rare {
            rare.exact.remove(moment);
        }
    }

    /// What it follows from is about to change.
    pub(crate) fn pin(&mut self, moment: Moment) {
        let time_ns = self.time_of(moment);
        self.rare_mut().exact.set(moment, time_ns);
    }

    /// The first copy of the SYN or SYN/ACK of `side`.
    pub(crate) fn first_copy(&self, side: Side) -> FirstCopy {
        let end = self.end(side);
        FirstCopy {
            time_ns: self.time_of(Moment::copy(side)),
            timestamp: end.has(Facts::COPY_TIMESTAMP).then_some(end.copy_timestamp),
            sent: end.has(Facts::COPY),
            answered: end.has(Facts::COPY_ANSWERED),
        }
    }

    pub(crate) fn set_first_copy(&mut self, side: Side, copy: FirstCopy) {
        let end = self.end_mut(side);
        end.copy_timestamp = copy.timestamp.unwrap_or(0);
        end.facts.set(Facts::COPY, copy.sent);
        end.facts.set(Facts::COPY_TIMESTAMP, copy.timestamp.is_some());
        end.facts.set(Facts::COPY_ANSWERED, copy.answered);
        if copy.sent {
            self.set_time_of(Moment::copy(side), copy.time_ns);
        }
    }

    /// When the last copy of the SYN or SYN/ACK of `side` was sent, whether its FIN has followed or
    /// not.
    pub(crate) fn last_syn_ns(&self, side: Side) -> i64 {
        match self.end(side).has(Facts::FIN) {
            true => self.last_listed_syn_ns(side),
            false => self.last_copy_ns(side),
        }
    }

    /// When the last copy of the SYN, SYN/ACK or FIN of `side` was sent.
    pub(crate) fn last_copy_ns(&self, side: Side) -> i64 {
        self.time_of(Moment::last(side))
    }
}
