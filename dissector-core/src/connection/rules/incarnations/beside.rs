//! A SYN inside a live connection (RFC 5961 §4): two incarnations on the same addresses and ports, until
//! the newer one is answered.
//!
//! The SYN may come from an end that has lost the older connection, or may be stray or forged. It takes
//! nothing from the older one: what fits there belongs there, except for the challenge ACK and the RST
//! that answers it.

use crate::compact::CompactSegment;
use crate::connection::annotation::Annotation;
use crate::connection::event::Event;
use crate::connection::rules::incarnations::incarnation::MOST_APART;
use crate::connection::state::Connection;
use crate::connection::state::endpoint::{Endpoint, Facts};
use crate::connection::state::extra::Opening;
use crate::connection::state::handshake::Handshake;
use crate::vocabulary::{Finding, Side, Stage, State};
use crate::wire::{SeqNumber, TcpFlags};

/// The kind of segment, and its place in the stream of the older connection.
struct Fit<'a> {
    segment: &'a CompactSegment,
    sender: &'a Endpoint,
    receiver: &'a Endpoint,
}

impl Fit<'_> {
    /// Whether it goes on where its sender was.
    fn continues(&self) -> bool {
        self.sender.has(Facts::SENT) && is_near(self.segment.sequence, self.sender.nxt)
    }

    /// Whether it acknowledges what its receiver has sent, or nearly so.
    fn acknowledges(&self) -> bool {
        self.segment.flags.contains(TcpFlags::ACK)
            && self.receiver.has(Facts::SENT)
            && is_near(self.segment.acknowledgment, self.receiver.nxt)
    }

    /// Whether it acknowledges nothing that its receiver has not sent.
    fn acknowledges_no_more(&self) -> bool {
        self.acknowledges() && !self.segment.acknowledgment.is_after(self.receiver.nxt)
    }

    /// Whether it is an ACK without anything else, whose numbers are those of the sender's last segment.
    fn is_unchanged(&self) -> bool {
        is_bare(self.segment)
            && self.sender.has(Facts::ACK)
            && self.segment.sequence == self.sender.nxt
            && self.segment.acknowledgment == self.sender.ack
    }
}

fn is_near(number: SeqNumber, next: SeqNumber) -> bool {
    number.since(next).unsigned_abs() <= MOST_APART
}

fn is_bare(segment: &CompactSegment) -> bool {
    let besides = TcpFlags::SYN | TcpFlags::FIN | TcpFlags::RST;
    segment.payload_octets() == 0 && !segment.flags.intersects(besides)
}

impl Connection {
    /// Whether this, the newer and unanswered one of two connections on the same addresses and ports,
    /// leaves a segment to the older one, in which `side` sends it.
    pub(crate) fn leaves_to(
        &self,
        older: &Connection,
        segment: &CompactSegment,
        sender: Side,
        side: Side,
    ) -> bool {
        let flags = segment.flags;
        let (own, other) = (self.end(sender), self.end(self.receiver(sender)));
        let fit =
            Fit { segment, sender: older.end(side), receiver: older.end(older.receiver(side)) };
        let answers_syn = flags.contains(TcpFlags::ACK)
            && other.has(Facts::SYN)
            && other.syn_acknowledged_by(segment.acknowledgment);
        if flags.contains(TcpFlags::SYN) {
            // A SYN/ACK that does not answer the newer SYN may be the older connection's.
            let copy = fit.sender.has(Facts::SYN) && fit.sender.iss == segment.sequence;
            return if flags.contains(TcpFlags::ACK) {
                !answers_syn && (copy || fit.continues() || older.awaits(side, segment))
            } else {
                copy && !older.handshake.has(Handshake::COMPLETE) && own.iss != segment.sequence
            };
        }
        if flags.contains(TcpFlags::RST) {
            let to_challenge = own.has(Facts::SYN) && self.is_answer_to_older(segment);
            // A refusal has the number 0.
            let refuses = answers_syn && !(fit.continues() && fit.acknowledges_no_more());
            let fits = fit.continues() || older.awaits(side, segment);
            return !to_challenge && !refuses && fits;
        }
        if own.has(Facts::SYN) {
            // Its own final ACK, if the SYN/ACK is not in the capture.
            let goes_on = segment.sequence == own.iss + 1 && !fit.acknowledges();
            return !goes_on && fit.continues();
        }
        if !fit.continues() || answers_syn && !fit.acknowledges_no_more() {
            return older.awaits(side, segment) && !is_bare(segment);
        }
        // One that also acknowledges the newer SYN would be no challenge there.
        let is_due = !answers_syn && !self.opening().contains(Opening::CHALLENGED);
        let challenges = is_due && fit.is_unchanged();
        !challenges && (fit.acknowledges() || !is_bare(segment))
    }

    /// Whether `side` answers the SYN of this connection, which was not answered so far.
    fn awaits(&self, side: Side, segment: &CompactSegment) -> bool {
        let other = self.end(self.receiver(side));
        !self.end(side).has(Facts::SENT)
            && other.has(Facts::SYN)
            && segment.flags.contains(TcpFlags::ACK)
            && other.syn_acknowledged_by(segment.acknowledgment)
    }

    /// The facts about the opening that few connections need.
    pub(crate) fn opening(&self) -> Opening {
        self.extra.as_ref().map_or(Opening::empty(), |extra| extra.opening)
    }

    /// Whether the end that should answer the SYN has sent a segment of the older connection instead, and
    /// the end that sent the SYN has not gone on there.
    fn is_answered_by_older(&self) -> bool {
        let instead = self.server_end().has(Facts::CHALLENGE)
            || self.opening().contains(Opening::ANSWERED_BY_OLDER);
        instead && !self.opening().contains(Opening::STRAY)
    }

    /// A segment is left to the older connection, in which `side` sends it.
    pub(crate) fn note_left(&mut self, segment: &CompactSegment, sender: Side, is_new: bool) {
        if segment.flags.contains(TcpFlags::RST) {
            return;
        }
        let goes_on = self.end(sender).has(Facts::SYN);
        // An empty ACK behind it may answer it, or what it answers.
        let is_answered = if goes_on { !is_bare(segment) } else { is_new };
        let opening = &mut self.extra_mut().opening;
        opening.set(Opening::CHALLENGED, is_answered || opening.contains(Opening::CHALLENGED));
        if segment.flags.contains(TcpFlags::SYN) {
            return;
        }
        if goes_on {
            // An end that goes on there has not lost it.
            *opening |= Opening::STRAY;
        } else {
            *opening |= Opening::ANSWERED_BY_OLDER;
            let end = self.end_mut(sender);
            end.facts |= Facts::ACK;
            (end.ack, end.nxt) = (segment.acknowledgment, end_of(segment));
        }
    }

    /// Whether a segment carries a SYN, octets or a FIN that `side` has not sent before.
    pub(crate) fn is_new(&self, segment: &CompactSegment, side: Side) -> bool {
        !is_bare(segment) && end_of(segment).is_after(self.end(side).nxt)
    }

    /// An ACK of a number that the sender of the SYN has not sent: the responder holds an older
    /// connection. RFC 5961 §4.2: "If the SYN bit is set, irrespective of the sequence number, TCP MUST
    /// send an ACK (also referred to as challenge ACK) to the remote peer".
    pub(crate) fn challenge(&mut self, event: &Event<'_>, seen: &mut Annotation) {
        let (sender, receiver) = (self.end(event.sender), self.end(event.receiver));
        let awaits_answer = receiver.has(Facts::SYN) && !receiver.has(Facts::SYN_ACKED);
        let due = is_bare(event.segment) && !self.opening().contains(Opening::CHALLENGED);
        if awaits_answer && due && !sender.has(Facts::SYN) {
            seen.stage = Stage::ChallengeAck;
            seen.add(Finding::ChallengeAck);
            self.end_mut(event.sender).facts |= Facts::CHALLENGE;
            // One for each SYN.
            self.extra_mut().opening |= Opening::CHALLENGED;
        }
    }

    /// Whether a segment that answers the SYN is of an older connection: it does not acknowledge the SYN.
    /// RFC 9293 §3.10.7.3: "If SEG.ACK =< ISS or SEG.ACK > SND.NXT, send a reset (unless the RST bit is
    /// set, if so drop the segment and return)". The client stays in SYN-SENT.
    pub(crate) fn is_of_older(&self, event: &Event<'_>) -> bool {
        let (client, server) = (self.client_end(), self.server_end());
        event.sender == Side::Server
            && client.state == State::SynSent
            && client.has(Facts::SYN)
            && !client.facts.intersects(Facts::SYN_ACKED | Facts::MORE)
            && !server.has(Facts::SYN)
            && event.has(TcpFlags::ACK)
            // Where the acknowledgment is a little ahead, more of the connection may have been missed.
            && !crate::connection::rules::incarnations::incarnation::is_within(client, event.acknowledgment())
    }

    /// The responder goes on with an older connection.
    #[cold]
    pub(crate) fn note_older(&mut self, event: &Event<'_>) {
        if event.payload > 0 || event.has(TcpFlags::FIN) {
            self.extra_mut().opening |= Opening::ANSWERED_BY_OLDER;
        }
        self.account::<false>(event);
        // The RST that answers it takes its numbers from here.
        let end = self.end_mut(event.sender);
        (end.ack, end.nxt) = (event.acknowledgment(), event.end());
    }

    /// Whether an RST of the client answers what the other end has sent of the older connection. Some
    /// clients (lwIP) send it with ACK, and both numbers of that connection.
    fn is_answer_to_older(&self, rst: &CompactSegment) -> bool {
        let server = self.server_end();
        let with_old_number =
            !rst.flags.contains(TcpFlags::ACK) || rst.acknowledgment == server.nxt;
        server.has(Facts::ACK)
            && self.is_answered_by_older()
            && rst.sequence == server.ack
            && with_old_number
    }

    /// Whether this RST clears the older connection.
    pub(crate) fn answers_older(&self, event: &Event<'_>) -> bool {
        event.sender == Side::Client
            && !self.server_end().has(Facts::SYN)
            && self.is_answer_to_older(event.segment)
    }

    /// `side` sends a SYN with another number. Where it waits for an answer here, it will wait no longer: the
    /// attempt is judged by what came until the newer SYN is answered.
    pub(crate) fn supersede(&mut self, side: Side) {
        let waits = self.client_end().has(Facts::SYN) && !self.handshake.has(Handshake::COMPLETE);
        if side == Side::Client && waits && !self.is_closed() {
            self.extra_mut().opening |= Opening::SUPERSEDED;
        }
    }

    /// The SYN or SYN/ACK is sent again: a further challenge may answer it.
    pub(crate) fn renew_challenge(&mut self) {
        if let Some(extra) = &mut self.extra {
            extra.opening -= Opening::CHALLENGED;
        }
    }

    /// A SYN/ACK answers the SYN: the numbers of an older connection, and of SYN/ACKs that were not
    /// acceptable, are forgotten.
    pub(crate) fn forget_older(&mut self, event: &Event<'_>) {
        let sender = self.end(event.sender);
        let instead = sender.facts.intersects(Facts::CHALLENGE | Facts::BAD_SYN_ACK)
            || self.opening().contains(Opening::ANSWERED_BY_OLDER);
        if instead && !sender.has(Facts::SYN) && !self.handshake.has(Handshake::COMPLETE) {
            self.end_mut(event.sender).facts -= Facts::ACK;
            self.set_nxt(event.sender, event.end());
        }
    }
}

fn end_of(segment: &CompactSegment) -> SeqNumber {
    let controls = (segment.flags & (TcpFlags::SYN | TcpFlags::FIN)).bits().count_ones();
    segment.sequence + segment.payload_octets() + controls
}
