//! The usual course of a connection: opened in three steps, data, closed in four.
//!
//! A segment that is just what the course so far lets expect is taken in here, at once. It comes to
//! the same as the rules of the other files, which are for everything else: who would change a rule
//! changes it there, and a test that compares both says whether it has to be changed here too.

use std::hint::select_unpredictable;

use crate::compact::{Digest, Digested};
use crate::connection::event::Side;
use crate::connection::rules::closing::HALF_CLOSED_LONG_NS;
use crate::connection::rules::opening::SLOW_NS;
use crate::connection::state::copies::FirstCopy;
use crate::connection::state::endpoint::{Endpoint, Facts};
use crate::connection::state::handshake::Handshake;
use crate::connection::state::offer::{self, Offer, Offers};
use crate::connection::state::timestamps::Moment;
use crate::connection::track::Connection;
use crate::connection::{Annotation, Finding};
use crate::table::recent::{self, Identity, Recent};
use crate::vocabulary::{Ecn, Outcome, RstReason, Stage, State};
use crate::wire::{SeqNumber, TcpFlags};

/// How far a connection has come on its usual course.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Course {
    /// It has left it, or was never on it.
    Left,
    /// Its SYN comes next.
    Syn,
    /// A SYN was all so far, perhaps sent again as it was.
    SynAck,
    /// A SYN and its SYN/ACK.
    FinalAck,
    /// Both ends are ESTABLISHED: the client certainly, the server once it has shown it.
    Open,
    /// One end has sent its FIN, or both have, one after the other.
    Closing,
    /// It has left its table, and this is what it had come to.
    Over(Outcome),
}

/// The flags that decide what a segment is.
pub(crate) const KINDS: TcpFlags =
    TcpFlags::SYN.union(TcpFlags::ACK).union(TcpFlags::FIN).union(TcpFlags::RST);
const SYN_ACK: TcpFlags = TcpFlags::SYN.union(TcpFlags::ACK);
const FIN_ACK: TcpFlags = TcpFlags::FIN.union(TcpFlags::ACK);
const RST_ACK: TcpFlags = TcpFlags::RST.union(TcpFlags::ACK);

/// Whether everything has to go the long way, to compare.
#[inline(always)]
pub(crate) fn is_barred() -> bool {
    #[cfg(test)]
    return tests::ALWAYS_THE_LONG_WAY.get();
    #[cfg(not(test))]
    false
}

/// A segment that was not captured before.
struct Next<'a> {
    digest: &'a Digest,
    identity: Identity,
    sender: Side,
    now_ns: i64,
    payload: u32,
}

impl Next<'_> {
    fn sequence(&self) -> SeqNumber {
        self.digest.sequence
    }

    fn acknowledgment(&self) -> SeqNumber {
        self.digest.acknowledgment
    }

    fn receiver(&self) -> Side {
        self.sender.other()
    }
}

impl Connection {
    /// Takes in the next segment if it is the usual one, and gives its stage; `None`, and nothing
    /// changed, if not.
    #[inline(always)]
    pub(crate) fn take_usual(
        &mut self,
        seen: &Digested<'_>,
        sender: Side,
        now_ns: i64,
        recent: &mut Recent,
    ) -> Option<Stage> {
        if is_barred() {
            return None;
        }
        let kinds = seen.digest.flags & KINDS;
        match (self.course, kinds, sender) {
            (Course::Open, TcpFlags::ACK, _) => {
                self.take_step(seen, sender, now_ns, recent, Self::usual_ack)
            }
            (Course::FinalAck, TcpFlags::ACK, Side::Client) => {
                self.take_step(seen, sender, now_ns, recent, Self::usual_final_ack)
            }
            (Course::Open, FIN_ACK, _) => {
                self.take_step(seen, sender, now_ns, recent, Self::usual_first_fin)
            }
            (Course::Closing, FIN_ACK, _) => {
                self.take_step(seen, sender, now_ns, recent, Self::usual_second_fin)
            }
            (Course::Closing, TcpFlags::ACK, _) => {
                self.take_step(seen, sender, now_ns, recent, Self::usual_ack_while_closing)
            }
            (Course::SynAck, RST_ACK, Side::Server) => self.take_refusal(seen, now_ns, recent),
            (Course::Syn, TcpFlags::SYN, Side::Client) => {
                self.take_syn(seen, sender, now_ns, recent, Self::usual_syn)
            }
            (Course::SynAck, SYN_ACK, Side::Server) => {
                self.take_syn(seen, sender, now_ns, recent, Self::usual_synack)
            }
            _ => None,
        }
    }

    /// A SYN, or a SYN/ACK.
    #[inline(never)]
    fn take_syn(
        &mut self,
        seen: &Digested<'_>,
        sender: Side,
        now_ns: i64,
        recent: &mut Recent,
        step: impl FnOnce(&mut Self, &Next<'_>, Offer) -> Option<Stage>,
    ) -> Option<Stage> {
        let (offer, timestamps) = Offer::of(seen);
        self.take(seen.digest, sender, now_ns, recent, timestamps, |connection, next| {
            step(connection, next, offer)
        })
    }

    /// An ACK, or a segment of the close.
    ///
    /// One for each `step`: which of them comes next is anybody's guess, once is enough.
    #[inline(never)]
    fn take_step(
        &mut self,
        seen: &Digested<'_>,
        sender: Side,
        now_ns: i64,
        recent: &mut Recent,
        step: impl FnOnce(&mut Self, &Next<'_>) -> Option<Stage>,
    ) -> Option<Stage> {
        let timestamps = recent::timestamps(seen.options);
        self.take(seen.digest, sender, now_ns, recent, timestamps, step)
    }

    /// What all of them have in common; `step` takes in the segment if it is the usual one.
    #[inline(always)]
    fn take<'a>(
        &mut self,
        digest: &'a Digest,
        sender: Side,
        now_ns: i64,
        recent: &mut Recent,
        timestamps: Option<(u32, u32)>,
        step: impl FnOnce(&mut Self, &Next<'a>) -> Option<Stage>,
    ) -> Option<Stage> {
        if self.handshake.has(Handshake::TIMESTAMPS) && timestamps.is_none() {
            return None;
        }
        let identity = Identity::of(digest, timestamps, self.before(sender));
        if recent.first_capture(digest, &identity, now_ns).is_some() {
            return None;
        }
        let payload = digest.payload_octets();
        let next = Next { digest, identity, sender, now_ns, payload };
        let stage = step(self, &next)?;
        recent.remember(digest, &identity, now_ns, stage);
        let end = self.end_mut(sender);
        end.sent = end.sent.wrapping_add(1);
        end.ttl = digest.ttl;
        end.facts |= Facts::TTL | Facts::SENT;
        self.count_packet();
        self.last_ns = now_ns;
        Some(stage)
    }

    /// What is said of a usual segment of this stage, given the states before it.
    #[inline(always)]
    pub(crate) fn usual_annotation(
        &self,
        stage: Stage,
        flags: TcpFlags,
        sender: Side,
        before: [State; 2],
    ) -> Annotation {
        let mut seen = Annotation::new(self.id, flags, sender.role());
        seen.stage = stage;
        match stage {
            Stage::FinalAck => {
                seen.final_ack = true;
                seen.note(Finding::HandshakeComplete);
            }
            Stage::RstRefusal => {
                seen.rst_reason = Some(RstReason::PortClosed);
                seen.note(Finding::Refused);
            }
            _ => {}
        }
        self.tell_states(&mut seen, before);
        seen
    }

    fn usual_syn(&mut self, next: &Next<'_>, offer: Offer) -> Option<Stage> {
        if next.payload > 0 || self.has_small_mss(&offer) {
            return None;
        }
        self.frames.syn = next.digest.frame;
        self.take_usual_syn(next, offer, Facts::SYN | Facts::ISS_KNOWN);
        let [client, server] = &mut self.ends;
        client.syns[0] = 1;
        client.prove(State::SynSent);
        server.assume(State::SynReceived);
        self.course = Course::SynAck;
        Some(Stage::Syn)
    }

    fn usual_synack(&mut self, next: &Next<'_>, answer: Offer) -> Option<Stage> {
        let digest = next.digest;
        let client = self.client_end();
        let offer = &client.offer;
        let remarkable = self.has_small_mss(&answer)
            || offer.is_exceeded_by(&answer)
            || offer.window_scale().is_some() != answer.window_scale().is_some()
            || (offer.offers() | answer.offers()).intersects(Offers::MP_CAPABLE | Offers::MP_JOIN)
            || offer::ecn(offer.ecn(), Some(answer.ecn())) == Ecn::Broken;
        if next.payload > 0
            || remarkable
            || digest.acknowledgment != client.iss + 1
            || client.retries > 0
        {
            return None;
        }
        self.frames.answer = next.digest.frame;
        self.handshake |= Handshake::SYNACK_SEEN;
        let facts = Facts::SYN | Facts::SYN_ACK | Facts::ISS_KNOWN | Facts::ACK;
        self.take_usual_syn(next, answer, facts);
        let [client, server] = &mut self.ends;
        if client.offer.has(Offers::TIMESTAMPS) && answer.has(Offers::TIMESTAMPS) {
            self.handshake |= Handshake::TIMESTAMPS;
        }
        client.facts |= Facts::SYN_ACKED;
        client.answer_copy();
        client.assume(State::Established);
        server.syns[1] = 1;
        server.ack = digest.acknowledgment;
        server.window = digest.window;
        server.prove(State::SynReceived);
        self.course = Course::FinalAck;
        Some(Stage::SynAck)
    }

    /// What a SYN and a SYN/ACK have in common.
    fn take_usual_syn(&mut self, next: &Next<'_>, offer: Offer, facts: Facts) {
        let timestamp = next.identity.timestamps.map(|(value, _)| value);
        let end = self.end_mut(next.sender);
        end.facts |= facts;
        end.iss = next.sequence();
        end.nxt = next.sequence() + 1;
        end.offer = offer;
        self.set_first_copy(next.sender, FirstCopy::new(next.now_ns, timestamp));
    }

    /// The third segment; it may carry data.
    fn usual_final_ack(&mut self, next: &Next<'_>) -> Option<Stage> {
        let [client, server] = &self.ends;
        let slow = next.now_ns.saturating_sub(self.first_ns) as u64 > SLOW_NS;
        if next.sequence() != client.nxt || next.acknowledgment() != server.iss + 1 || slow {
            return None;
        }
        self.takes_stream(next);
        self.findings.insert(Finding::HandshakeComplete);
        self.frames.final_ack = next.digest.frame;
        self.set_time_of(Moment::FinalAck, next.now_ns);
        self.handshake |= Handshake::COMPLETE;
        self.handshake.set_acknowledged(Some(Side::Server));
        let [client, server] = &mut self.ends;
        client.prove(State::Established);
        server.answer_copy();
        server.facts |= Facts::SYN_ACKED;
        server.assume(State::Established);
        self.course = Course::Open;
        Some(Stage::FinalAck)
    }

    /// Nearly every segment of a long connection: it moves nothing but sequence numbers. The first
    /// of the server shows that it is ESTABLISHED.
    #[inline(always)]
    fn usual_ack(&mut self, next: &Next<'_>) -> Option<Stage> {
        let [client, server] = &self.ends;
        let confirms = !self.handshake.has(Handshake::CONFIRMED)
            && next.sender == Side::Server
            && (next.payload > 0
                || next.sequence().is_after(server.iss + 1)
                || next.acknowledgment().is_after(client.iss + 1));
        if confirms && !client.syn_acknowledged_by(next.acknowledgment()) || self.awaits_join() {
            return None;
        }
        self.takes_stream(next);
        if confirms {
            self.handshake |= Handshake::CONFIRMED;
            self.server_end_mut().facts |= Facts::PROVEN;
        }
        Some(Stage::None)
    }

    /// Takes in the numbers of a segment of the stream.
    #[inline(always)]
    fn takes_stream(&mut self, next: &Next<'_>) {
        let end_of_segment = next.sequence() + next.payload;
        self.account_usual(next.digest, next.sender, next.payload, end_of_segment);
    }

    #[inline(always)]
    fn account_usual(
        &mut self,
        digest: &Digest,
        sender: Side,
        payload: u32,
        end_of_segment: SeqNumber,
    ) {
        if end_of_segment.is_after(self.end(sender).nxt) {
            self.set_nxt(sender, end_of_segment);
        }
        let end = self.end_mut(sender);
        let further = digest.acknowledgment.is_after(end.ack) | !end.has(Facts::ACK);
        end.ack = select_unpredictable(further, digest.acknowledgment, end.ack);
        end.window = digest.window;
        end.facts |= Facts::ACK | Facts::SCALED | Facts::MORE;
        end.facts.set(Facts::PAYLOAD, payload > 0 || end.has(Facts::PAYLOAD));
    }

    fn usual_first_fin(&mut self, next: &Next<'_>) -> Option<Stage> {
        let unconfirmed = !self.handshake.has(Handshake::CONFIRMED);
        if unconfirmed && next.sender == Side::Server
            || self.awaits_join()
            || !self.takes_fin(next, Stage::Fin)
        {
            return None;
        }
        self.handshake.set_first_closer(next.sender);
        self.first_fin_ns = next.now_ns;
        self.forget_last_copy(next);
        self.end_mut(next.sender).prove(State::FinWait1);
        self.end_mut(next.receiver()).assume(State::CloseWait);
        self.course = Course::Closing;
        Some(Stage::Fin)
    }

    /// The other end closes too; it may acknowledge the first FIN by the way.
    fn usual_second_fin(&mut self, next: &Next<'_>) -> Option<Stage> {
        let (own, other) = (self.end(next.sender), self.end(next.receiver()));
        let answers = self.first_closer() == Some(next.receiver())
            && own.state == State::CloseWait
            && matches!(other.state, State::FinWait1 | State::FinWait2)
            && self.fin_acknowledged_by(next.receiver(), next.acknowledgment())
            && !next.sequence().is_after(own.nxt)
            && next.now_ns.saturating_sub(self.first_fin_ns) <= HALF_CLOSED_LONG_NS;
        let stage = match other.has(Facts::FIN_ACKED) {
            true => Stage::SecondFin,
            false => Stage::FinAndAck,
        };
        if !answers || !self.takes_fin(next, stage) {
            return None;
        }
        self.set_time_of(Moment::SecondFin, next.now_ns);
        self.forget_last_copy(next);
        self.end_mut(next.sender).prove(State::LastAck);
        let other = self.end_mut(next.receiver());
        other.facts |= Facts::FIN_ACKED;
        other.assume(State::TimeWait);
        Some(stage)
    }

    /// The last copy of a FIN is this, the first.
    fn forget_last_copy(&mut self, next: &Next<'_>) {
        if self.rare.is_some() {
            self.set_time_of(Moment::last(next.sender), next.now_ns);
        }
    }

    /// What both FINs have in common.
    fn takes_fin(&mut self, next: &Next<'_>, stage: Stage) -> bool {
        let digest = next.digest;
        let end_of_segment = next.sequence() + next.payload + 1;
        let own = self.end(next.sender);
        if own.has(Facts::FIN) || !end_of_segment.is_after(own.nxt) {
            return false;
        }
        self.account_usual(digest, next.sender, next.payload, end_of_segment);
        let end = self.end_mut(next.sender);
        end.take_fin(stage);
        end.retries = 0;
        true
    }

    /// It may acknowledge a FIN, and so be the second segment of the close, or the last.
    fn usual_ack_while_closing(&mut self, next: &Next<'_>) -> Option<Stage> {
        let (own, other) = (self.end(next.sender), self.end(next.receiver()));
        if !self.fin_acknowledged_by(next.receiver(), next.acknowledgment()) {
            // It may be the first of the server, and confirm the handshake.
            let confirmed = self.handshake.has(Handshake::CONFIRMED);
            let usual = confirmed || next.sender == Side::Client;
            if usual {
                self.takes_stream(next);
            }
            return usual.then_some(Stage::None);
        }
        let receives = matches!(own.state, State::CloseWait | State::TimeWait);
        let next_state = match other.state {
            State::FinWait1 => State::FinWait2,
            State::LastAck => State::Closed,
            state @ (State::FinWait2 | State::TimeWait | State::Closed) => state,
            _ => return None,
        };
        if !receives || next.sequence().is_after(own.nxt) {
            return None;
        }
        self.takes_stream(next);
        let of_first = self.first_closer() == Some(next.receiver());
        self.end_mut(next.sender).facts |= Facts::PROVEN;
        let mut stage = Stage::None;
        let other = self.end_mut(next.receiver());
        if !other.has(Facts::FIN_ACKED) {
            stage = if of_first { Stage::FinAcked } else { Stage::SecondFinAcked };
            other.facts |= Facts::FIN_ACKED;
        }
        if other.state != next_state {
            other.assume(next_state);
        }
        Some(stage)
    }

    /// Whether the segment that confirms an MPTCP join is still to come.
    pub(crate) fn awaits_join(&self) -> bool {
        self.handshake.has(Handshake::JOIN)
            && self.handshake.has(Handshake::COMPLETE)
            && !self.handshake.has(Handshake::JOIN_CONFIRMED)
    }

    /// Where a connection is that was on no usual course so far: it may come back once both ends
    /// are known to be ESTABLISHED, nothing is under way that would change that, and nothing is
    /// left to learn of the handshake.
    pub(crate) fn find_course(&self) -> Course {
        let settled = |end: &Endpoint| {
            end.state == State::Established && end.proven() && end.upcoming().is_none()
        };
        let open = self.handshake.has(Handshake::COMPLETE)
            && self.handshake.has(Handshake::CONFIRMED)
            && self.ends.iter().all(settled)
            && !self.handshake.has(Handshake::REFUTED)
            && self.first_closer().is_none()
            && !self.is_self_connect()
            && self.ends.iter().all(|end| end.has(Facts::SENT))
            && self.reset().is_none()
            && !self.has_others();
        if open { Course::Open } else { Course::Left }
    }
}

#[cfg(test)]
mod tests;
