//! SYN/ACKs with several initial sequence numbers: two responders behind one address (load
//! balancer, anycast, proxy), one that forgot what it sent, or one that does not answer the SYN.
//!
//! One of them counts: the last, until the client acknowledges one. The others are stored in
//! [`Extra`](crate::connection::state::extra::Extra).

use crate::connection::annotation::Annotation;
use crate::connection::event::Event;
use crate::connection::state::Connection;
use crate::connection::state::endpoint::Facts;
use crate::connection::state::extra::{MOST_OTHERS, Other};
use crate::connection::state::offer::Offer;
use crate::connection::state::timestamps::Timestamp;
use crate::vocabulary::Side;
use crate::wire::SeqNumber;

impl Connection {
    /// Whether a SYN/ACK with this initial sequence number was seen besides the one that counts.
    pub(crate) fn knows_other(&self, side: Side, iss: SeqNumber) -> bool {
        let Some(extra) = &self.extra else { return false };
        extra.others(side).iter().any(|other| other.iss == iss)
    }

    /// Whether this SYN/ACK repeats an acceptable one besides the one that counts.
    pub(crate) fn knows_responder(&self, event: &Event<'_>) -> bool {
        let Some(extra) = &self.extra else { return false };
        let others = extra.others(event.sender);
        others.iter().any(|other| other.iss == event.sequence() && other.acceptable)
    }

    /// Stores a SYN/ACK besides the one that counts.
    pub(crate) fn add_other(&mut self, event: &Event<'_>, offer: Offer) {
        let acceptable = self.end(event.receiver).syn_acknowledged_by(event.acknowledgment());
        let (iss, last_copy_ns) = (event.sequence(), event.time_ns);
        let others = self.extra_mut().others_mut(event.sender);
        others.retain(|other| other.iss != iss);
        if others.len() == MOST_OTHERS {
            others.remove(0);
        }
        others.push(Other {
            iss,
            acceptable,
            offer,
            first_copy: Default::default(),
            copies: Default::default(),
            last_copy_ns,
            retries: 0,
        });
    }

    /// Makes the SYN/ACK with this number the one that counts, and stores the one that did.
    pub(crate) fn count_on_other(&mut self, side: Side, iss: SeqNumber) {
        if !self.knows_other(side, iss) {
            return;
        }
        if side == Side::Server {
            self.pin(Timestamp::SynAck);
        }
        let (mut first_copy, mut last_copy_ns) = (self.first_copy(side), self.last_copy_ns(side));
        let Some(extra) = &mut self.extra else { return };
        let mut copies = std::mem::take(extra.copies_mut(side));
        let others = extra.others_mut(side);
        let Some(place) = others.iter().position(|other| other.iss == iss) else { return };
        let end = &mut self.ends[side as usize];
        let other = &mut others[place];
        std::mem::swap(&mut end.iss, &mut other.iss);
        std::mem::swap(&mut end.offer, &mut other.offer);
        std::mem::swap(&mut first_copy, &mut other.first_copy);
        std::mem::swap(&mut copies, &mut other.copies);
        std::mem::swap(&mut last_copy_ns, &mut other.last_copy_ns);
        std::mem::swap(&mut end.retries, &mut other.retries);
        other.acceptable = true;
        if !end.has(Facts::SYN_ACK) {
            // None counted so far.
            others.remove(place);
        }
        *extra.copies_mut(side) = copies;
        self.set_nxt(side, iss + 1);
        self.set_first_copy(side, first_copy);
        self.set_time_of(Timestamp::last(side), last_copy_ns);
        self.agree();
    }

    /// A further copy of a SYN/ACK that does not count.
    pub(crate) fn repeat_other(&mut self, event: &Event<'_>, seen: &mut Annotation) {
        let others = self.extra_mut().others_mut(event.sender);
        let Some(other) = others.iter_mut().find(|other| other.iss == event.sequence()) else {
            return;
        };
        let since = event.time_ns.saturating_sub(other.last_copy_ns);
        other.last_copy_ns = event.time_ns;
        other.retries = other.retries.saturating_add(1);
        seen.retransmission(other.retries, since.max(0) as u64);
        self.count_syn(event.sender, true);
    }
}
