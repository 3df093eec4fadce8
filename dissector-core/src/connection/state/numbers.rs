//! Sequence numbers and counts that usually follow from others, and are kept only where they do not.

use crate::connection::event::Side;
use crate::connection::state::endpoint::{Facts, MANY};
use crate::connection::track::Connection;
use crate::wire::SeqNumber;

impl Connection {
    /// Sequence number after the FIN of `side`; means something with [`Facts::FIN`].
    #[inline]
    pub(crate) fn fin_end(&self, side: Side) -> SeqNumber {
        let kept = self.rare.as_ref().and_then(|rare| rare.fin_end[side as usize]);
        kept.unwrap_or(self.end(side).nxt)
    }

    /// The FIN of `side` ends here, and with it what was sent so far, or not.
    pub(crate) fn set_fin_end(&mut self, side: Side, fin_end: SeqNumber, last: bool) {
        if !last {
            self.rare_mut().fin_end[side as usize] = Some(fin_end);
        } else if let Some(rare) = &mut self.rare {
            rare.fin_end[side as usize] = None;
        }
    }

    /// The stream of `side` goes on from here.
    pub(crate) fn set_nxt(&mut self, side: Side, nxt: SeqNumber) {
        if self.end(side).has(Facts::FIN) && self.end(side).nxt != nxt {
            self.pin_fin_end(side);
        }
        self.end_mut(side).nxt = nxt;
    }

    /// `side` sends more after its FIN.
    #[cold]
    pub(crate) fn pin_fin_end(&mut self, side: Side) {
        self.set_fin_end(side, self.fin_end(side), false);
    }

    /// Whether `number` acknowledges the FIN of `side`, and nothing that it has not sent.
    pub(crate) fn fin_acknowledged_by(&self, side: Side, number: SeqNumber) -> bool {
        let end = self.end(side);
        end.has(Facts::FIN) && number.acknowledges(self.fin_end(side) - 1, end.nxt)
    }

    #[inline]
    pub(crate) fn count_packet(&mut self) {
        self.packets = self.packets.wrapping_add(1);
        if self.packets == 0 {
            self.rare_mut().packets += 1;
        }
    }

    /// `side` has sent a SYN, without or with ACK.
    pub(crate) fn count_syn(&mut self, side: Side, with_ack: bool) {
        let count = &mut self.end_mut(side).syns[usize::from(with_ack)];
        if *count < MANY - 1 {
            *count += 1;
            return;
        }
        *count = MANY;
        let many = &mut self.rare_mut().syns[side as usize][usize::from(with_ack)];
        *many = (*many).max(u16::from(MANY) - 1).saturating_add(1);
    }

    /// How many SYNs without or with ACK `side` has sent, at most 65,535.
    pub(crate) fn syns(&self, side: Side, with_ack: bool) -> u16 {
        match self.end(side).syns[usize::from(with_ack)] {
            MANY => self
                .rare
                .as_ref()
                .map_or(u16::from(MANY), |rare| rare.syns[side as usize][usize::from(with_ack)]),
            few => few.into(),
        }
    }
}
