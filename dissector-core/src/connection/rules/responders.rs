//! SYN/ACKs with several initial sequence numbers: two responders behind one address (load
//! balancer, anycast, proxy), one that forgot what it sent, or one that does not answer the SYN.
//!
//! One of them counts: the last, until the client acknowledges one. What is known of the others is
//! kept beside.

use crate::connection::Annotation;
use crate::connection::event::{Event, Side};
use crate::connection::state::extra::{MOST_OTHERS, Other};
use crate::connection::state::timestamps::Moment;
use crate::connection::track::Connection;
use crate::wire::SeqNumber;

impl Connection {
    /// Whether any SYN/ACK was seen besides the one that counts.
    pub(crate) fn has_others(&self) -> bool {
        let sides = [Side::Client, Side::Server];
        self.rare
            .as_ref()
            .is_some_and(|rare| sides.iter().any(|side| !rare.others(*side).is_empty()))
    }

    /// Whether a SYN/ACK with this initial sequence number was seen besides the one that counts.
    pub(crate) fn knows_other(&self, side: Side, iss: SeqNumber) -> bool {
        let Some(rare) = &self.rare else { return false };
        rare.others(side).iter().any(|other| other.iss == iss)
    }

    /// Whether this SYN/ACK repeats an acceptable one besides the one that counts.
    pub(crate) fn knows_responder(&self, event: &Event<'_>) -> bool {
        let Some(rare) = &self.rare else { return false };
        let others = rare.others(event.sender);
        others.iter().any(|other| other.iss == event.sequence() && other.acceptable)
    }

    /// Keeps a SYN/ACK beside the one that counts.
    pub(crate) fn add_other(&mut self, event: &Event<'_>) {
        let acceptable = self.end(event.receiver).syn_acknowledged_by(event.acknowledgment());
        let (iss, offer, last_copy_ns) = (event.sequence(), event.offer, event.now_ns);
        let others = self.rare_mut().others_mut(event.sender);
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

    /// From now on the SYN/ACK with this number counts; the one that did is kept beside.
    pub(crate) fn count_on_other(&mut self, side: Side, iss: SeqNumber) {
        if !self.knows_other(side, iss) {
            return;
        }
        if side == Side::Server {
            self.pin(Moment::SynAck);
        }
        let (mut first_copy, mut last_copy_ns) = (self.first_copy(side), self.last_copy_ns(side));
        let Some(rare) = &mut self.rare else { return };
        let mut copies = std::mem::take(rare.copies_mut(side));
        let others = rare.others_mut(side);
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
        if !end.has(crate::connection::state::endpoint::Facts::SYN_ACK) {
            // None did so far.
            others.remove(place);
        }
        *rare.copies_mut(side) = copies;
        self.set_nxt(side, iss + 1);
        self.set_first_copy(side, first_copy);
        self.set_time_of(Moment::last(side), last_copy_ns);
        self.agree();
    }

    /// A SYN/ACK that does not count is sent again.
    pub(crate) fn repeat_other(&mut self, event: &Event<'_>, seen: &mut Annotation) {
        let others = self.rare_mut().others_mut(event.sender);
        let Some(other) = others.iter_mut().find(|other| other.iss == event.sequence()) else {
            return;
        };
        let since = event.now_ns.saturating_sub(other.last_copy_ns);
        other.last_copy_ns = event.now_ns;
        other.retries = other.retries.saturating_add(1);
        seen.retransmission(other.retries, since.max(0) as u64);
        self.count_syn(event.sender, true);
    }
}
