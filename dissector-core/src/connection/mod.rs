//! One connection: its states, the stage of each segment, its outcome.
//!
//! [`ConnectionTable`](crate::ConnectionTable) finds the connection of a segment; here it is
//! followed. A sender's state is proven by its segment. What the segment does to the receiver is
//! assumed: the capture point cannot know that it arrives, until the receiver answers.

pub(crate) mod annotation;
mod compact_annotation;
pub(crate) mod event;
mod predict;
mod rules;
pub(crate) mod state;
#[cfg(test)]
mod tests;
mod verdict;

#[doc(no_inline)]
pub use crate::vocabulary::*;
pub use annotation::{Annotation, States};
pub use compact_annotation::{AnnotationOverflow, CompactAnnotation};
pub use state::Connection;
pub use verdict::{
    HandshakeTimes, IcmpSeen, Negotiated, Refusals, RejectedRsts, StepFrames, SynAckAfterRefusal,
    Verdict, WeighedCause,
};

use std::num::NonZero;

use crate::wire::TcpFlags;
use event::{Event, illegal};
use state::endpoint::{Endpoint, Facts};

/// A silence that may make something on the path forget the connection, in nanoseconds.
pub(crate) const LONG_SILENCE_NS: i64 = 10_000_000_000;

impl Connection {
    /// Takes in the next segment, which was not captured before. Fills in `seen`, except for what
    /// [`report`](Self::report) adds.
    #[inline(always)]
    pub(crate) fn observe(&mut self, event: &Event<'_>, seen: &mut Annotation) {
        self.zeek.observe(event.segment, event.payload, event.sender);
        if self.predicts(event) {
            self.account::<true>(event);
            self.count(event);
        } else {
            self.apply_rules(*event, seen);
        }
    }

    /// The rules, in the order of RFC 9293 §3.10.7.
    #[inline(never)]
    fn apply_rules(&mut self, event: Event<'_>, seen: &mut Annotation) {
        let event = &event;
        if self.packets == 0 {
            self.begin(event, seen);
            self.begin_midstream(event);
        }
        if illegal(event.segment.flags) && !self.opens_and_closes(event) {
            seen.stage = Stage::IllegalFlags;
            seen.add(Finding::IllegalFlags);
        } else if event.has(TcpFlags::RST) {
            self.on_rst(event, seen);
        } else {
            self.answer_rst(event, seen);
            let syn = event.has(TcpFlags::SYN);
            let mut acks_fin = false;
            let of_older = !syn && self.is_of_older(event);
            if syn {
                self.on_syn(event, seen);
            } else if of_older {
                self.challenge(event, seen);
            } else {
                self.leave_unknown();
                if event.payload > 0 {
                    self.take_back_fin(event);
                }
                self.note_missing(event);
                acks_fin = event.has(TcpFlags::ACK) && self.on_ack(event, seen);
                self.confirm(event);
            }
            if event.has(TcpFlags::FIN) && !of_older {
                self.on_fin(event, seen, acks_fin);
            }
            if !syn && !of_older {
                self.check_data(event, seen);
                self.withhold_proof();
            }
            if of_older {
                self.note_older(event);
            } else {
                self.account::<false>(event);
            }
        }
        self.findings = self.findings.union(seen.findings);
        self.count(event);
        if self.is_self_connect() {
            self.mirror();
        }
    }

    #[inline(always)]
    fn count(&mut self, event: &Event<'_>) {
        let end = self.end_mut(event.sender);
        end.facts = end.facts.difference(Facts::AWAITED) | Facts::SENT;
        self.count_packet();
        if event.time_ns.saturating_sub(self.last_ns) >= LONG_SILENCE_NS {
            self.end_mut(event.receiver).facts |= Facts::AWAITED;
        }
        self.last_ns = event.time_ns.max(self.first_ns);
    }

    /// The segment that was under way when the last one was seen has arrived.
    #[inline(always)]
    pub(crate) fn arrive(&mut self) {
        let [client, server] = &self.ends;
        if (client.facts | server.facts).intersects(Facts::UPCOMING) {
            self.ends.iter_mut().for_each(Endpoint::arrive);
        }
    }

    /// Takes in a segment that was captured before, with this stage and TTL. It changes nothing.
    #[cold]
    pub(crate) fn observe_duplicate(
        &mut self,
        event: Event<'_>,
        (stage, ttl): (Stage, u8),
        seen: &mut Annotation,
    ) {
        self.zeek.observe(event.segment, event.payload, event.sender);
        seen.set_ttls(event.segment.ttl, ttl);
        seen.stage = stage;
        seen.copy = Repeat::Duplicate;
        seen.add(Finding::DuplicateFrame);
        self.findings.insert(Finding::DuplicateFrame);
        self.last_ns = event.time_ns.max(self.first_ns);
    }

    /// Adds number, flags and sender to the annotation of a segment, and the states of both ends, given
    /// those before it.
    pub(crate) fn report(&self, event: &Event<'_>, before: [State; 2], seen: &mut Annotation) {
        seen.connection = self.id;
        seen.flags = event.segment.flags;
        seen.sender = if self.is_self_connect() { Role::Unknown } else { event.sender.role() };
        self.report_states(before, seen);
    }

    pub(crate) fn report_states(&self, before: [State; 2], seen: &mut Annotation) {
        let [client, server] = [0, 1].map(|side| {
            let end = &self.ends[side];
            States::new(before[side], end.state, end.proven())
        });
        (seen.client, seen.server) = (client, server);
    }

    /// Gives the connection its number, where it had a provisional one.
    pub(crate) fn renumber(&mut self, id: u32) {
        self.id = id;
    }

    /// The connection leaves its table: it is judged as it stands now.
    pub(crate) fn leave(&mut self, now_ns: i64) {
        // After a long silence, it is the same whenever it leaves.
        if !self.is_past(now_ns) {
            self.extra_mut().left_ns = NonZero::new(now_ns);
        }
        self.has_left = true;
    }
}
