//! What usually goes wrong: nobody answers and the SYN is sent again, or it is refused.
//!
//! As on the [usual course](super::usual), the rules are those of the other files, and the same test
//! compares both.

use crate::compact::Digested;
use crate::connection::event::Side;
use crate::connection::predict::{Course, KINDS, is_barred};
use crate::connection::rules::reset::Reset;
use crate::connection::state::copies;
use crate::connection::state::endpoint::Facts;
use crate::connection::state::offer::Offer;
use crate::connection::state::timestamps::Moment;
use crate::connection::track::Connection;
use crate::connection::{Annotation, Finding};
use crate::table::recent::{self, Identity, Recent};
use crate::vocabulary::{RstReason, Stage, State};
use crate::wire::{SeqNumber, TcpFlags};

impl Connection {
    /// Takes in an RST that refuses the SYN as RFC 9293 §3.10.7.1 says, if it is one: with sequence
    /// number 0, and an ACK.
    ///
    /// Nothing but its frame is kept; the rest follows, as long as nothing comes after it.
    #[inline(never)]
    pub(crate) fn take_refusal(
        &mut self,
        seen: &Digested<'_>,
        now_ns: i64,
        recent: &mut Recent,
    ) -> Option<Stage> {
        let Digested { digest, options } = *seen;
        let plain = digest.sequence == SeqNumber(0)
            && self.client_end().syn_acknowledged_by(digest.acknowledgment)
            && digest.payload_octets() == 0;
        if !plain {
            return None;
        }
        let timestamps = recent::timestamps(options);
        let identity = Identity::of(digest, timestamps, self.before(Side::Server));
        if recent.first_capture(digest, &identity, now_ns).is_some() {
            return None;
        }
        recent.remember(digest, &identity, now_ns, Stage::RstRefusal);
        self.frames.answer = digest.frame;
        self.findings.insert(Finding::Refused);
        self.client_end_mut().assume(State::Closed);
        let server = self.server_end_mut();
        server.prove(State::Closed);
        server.facts |= Facts::SENT | Facts::REFUSED;
        server.sent = server.sent.wrapping_add(1);
        self.count_packet();
        self.last_ns = now_ns;
        self.course = Course::Left;
        Some(Stage::RstRefusal)
    }

    /// Whether an RST has refused the SYN, and nothing came after it.
    pub(crate) fn is_plainly_refused(&self) -> bool {
        self.server_end().has(Facts::REFUSED)
    }

    /// What follows from that.
    pub(crate) fn refusal(&self) -> Reset {
        Reset {
            by: Side::Server,
            reason: RstReason::PortClosed,
            bare: false,
            after_confirmation: false,
            time_ns: self.last_ns,
            before: [(State::SynSent, true), (State::SynReceived, false)],
        }
    }

    /// Something comes after the refusal, if there was one.
    pub(crate) fn keep_refusal_in_full(&mut self) {
        if !self.is_plainly_refused() {
            return;
        }
        let reset = self.refusal();
        self.server_end_mut().facts -= Facts::REFUSED;
        let rst_frame = std::mem::take(&mut self.frames.answer);
        let rare = self.rare_mut();
        (rare.reset, rare.rst_frame) = (Some(reset), rst_frame);
    }

    /// Takes in the client's SYN if it was sent before, just like this, and nothing has answered it.
    pub(crate) fn take_repeated_syn(
        &mut self,
        syn: &Digested<'_>,
        sender: Side,
        now_ns: i64,
        recent: &mut Recent,
    ) -> Option<Annotation> {
        let digest = syn.digest;
        let repeats = self.course == Course::SynAck
            && sender == Side::Client
            && digest.flags & KINDS == TcpFlags::SYN
            && digest.sequence == self.client_end().iss
            && digest.payload_octets() == 0;
        if !repeats || is_barred() {
            return None;
        }
        let (offer, timestamps) = Offer::of(syn);
        let identity = Identity::of(digest, timestamps, self.before(Side::Client));
        let content = self.client_end().content();
        if offer != content.offer || recent.first_capture(digest, &identity, now_ns).is_some() {
            return None;
        }
        recent.remember(digest, &identity, now_ns, Stage::Syn);
        let since_ns = now_ns.saturating_sub(self.last_copy_ns(Side::Client));
        let client = self.client_end_mut();
        client.retries = client.retries.saturating_add(1);
        client.sent = client.sent.wrapping_add(1);
        client.ttl = digest.ttl;
        let mut seen = Annotation::new(self.id, digest.flags, Side::Client.role());
        seen.stage = Stage::Syn;
        seen.retransmission(self.client_end().retries, since_ns.max(0) as u64);
        seen.note(Finding::SynRetx);
        self.findings.insert(Finding::SynRetx);
        let timestamp = timestamps.map(|(value, _)| value);
        let copy = copies::Copy { time_ns: now_ns, timestamp, content };
        self.rare_mut().copies_mut(Side::Client).push(copy);
        self.count_syn(Side::Client, false);
        self.set_time_of(Moment::LastOfClient, now_ns);
        self.count_packet();
        self.last_ns = now_ns;
        self.tell_states(&mut seen, self.states());
        Some(seen)
    }
}
