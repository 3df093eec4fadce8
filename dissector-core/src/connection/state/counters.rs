//! Sequence numbers and counts, stored in full only where they do not follow from others.

use crate::connection::state::Connection;
use crate::connection::state::endpoint::{Facts, MANY};
use crate::vocabulary::Side;
use crate::wire::SeqNumber;

impl Connection {
    /// Sequence number after the FIN of `side`; means something with [`Facts::FIN`].
    #[inline]
    pub(crate) fn fin_end(&self, side: Side) -> SeqNumber {
        let stored = self.extra.as_ref().and_then(|extra| extra.fin_end[side as usize]);
        stored.unwrap_or(self.end(side).nxt)
    }

    /// Stores the sequence number after the FIN of `side`; `last` if it is the highest so far.
    pub(crate) fn set_fin_end(&mut self, side: Side, fin_end: SeqNumber, last: bool) {
        if !last {
            self.extra_mut().fin_end[side as usize] = Some(fin_end);
        } else if let Some(extra) = &mut self.extra {
            extra.fin_end[side as usize] = None;
        }
    }

    /// Sets the sequence number from which the stream of `side` goes on.
    #[inline]
    pub(crate) fn set_nxt(&mut self, side: Side, nxt: SeqNumber) {
        if self.end(side).has(Facts::FIN) && self.end(side).nxt != nxt {
            self.pin_fin_end(side);
        }
        self.end_mut(side).nxt = nxt;
    }

    /// `side` sends more after its FIN.
    #[cold]
    fn pin_fin_end(&mut self, side: Side) {
        self.set_fin_end(side, self.fin_end(side), false);
    }

    /// Whether `number` acknowledges the FIN of `side`, and nothing that it has not sent.
    #[inline]
    pub(crate) fn fin_acknowledged_by(&self, side: Side, number: SeqNumber) -> bool {
        let end = self.end(side);
        end.has(Facts::FIN) && number.acknowledges(self.fin_end(side) - 1, end.nxt)
    }

    /// Counts a segment that was not captured before.
    #[inline(always)]
    pub(crate) fn count_packet(&mut self) {
        self.packets = self.packets.wrapping_add(1);
        if self.packets == 0 {
            self.extra_mut().packets += 1;
        }
    }

    /// Counts a SYN of `side`, without or with ACK.
    pub(crate) fn count_syn(&mut self, side: Side, with_ack: bool) {
        let count = &mut self.end_mut(side).syns[usize::from(with_ack)];
        if *count < MANY - 1 {
            *count += 1;
            return;
        }
        *count = MANY;
        let many = &mut self.extra_mut().syns[side as usize][usize::from(with_ack)];
        *many = (*many).max(u16::from(MANY) - 1).saturating_add(1);
    }

    /// How many SYNs without or with ACK `side` has sent, at most 65,535.
    pub(crate) fn syns(&self, side: Side, with_ack: bool) -> u16 {
        let many = |extra: &crate::connection::state::extra::Extra| {
            extra.syns[side as usize][usize::from(with_ack)]
        };
        match self.end(side).syns[usize::from(with_ack)] {
            MANY => self.extra.as_deref().map_or(MANY.into(), many),
            few => few.into(),
        }
    }
}
