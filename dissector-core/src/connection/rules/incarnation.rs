//! Where one incarnation of a connection ends and the next begins on the same addresses and ports.

use crate::compact::{Digest, Digested};
use crate::connection::RstReason;
use crate::connection::event::{Side, illegal};
use crate::connection::predict::Course;
use crate::connection::rules::reset::Reset;
use crate::connection::state::endpoint::{Endpoint, Facts};
use crate::connection::state::handshake::Handshake;
use crate::connection::track::Connection;
use crate::table::recent::{self, Identity, Recent};
use crate::vocabulary::{RoleBasis, State};
use crate::wire::{SeqNumber, TcpFlags};

/// Whether the addresses and ports of a connection were in use before it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reuse {
    No = 0,
    /// By a connection that was closed.
    AfterClose = 1,
    /// By one that was closed with FINs, and has used the initial sequence number of the new one.
    AfterCloseBehind = 2,
    /// By one that was not.
    WhileAlive = 3,
}

/// What the roles rest on, and whether addresses and ports were in use before, in one octet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin(u8);

impl Origin {
    pub const fn new(basis: RoleBasis, reuse: Reuse) -> Self {
        Self(basis.number() << 4 | reuse as u8)
    }

    pub fn basis(self) -> RoleBasis {
        RoleBasis::from_number(self.0 >> 4).unwrap_or(RoleBasis::None)
    }

    pub const fn reuse(self) -> Reuse {
        match self.0 & 0xf {
            1 => Reuse::AfterClose,
            2 => Reuse::AfterCloseBehind,
            3 => Reuse::WhileAlive,
            _ => Reuse::No,
        }
    }
}

/// Octets by which a segment of a live connection may be ahead or behind: a large window.
pub(crate) const MOST_APART: u32 = 1 << 20;

/// Whether `number` lies in the stream of an end whose start is known, not far from what it is known
/// to have sent.
pub(crate) fn is_within(end: &Endpoint, number: SeqNumber) -> bool {
    number.is_after(end.iss) && number.since(end.nxt) <= MOST_APART as i32
}

impl Connection {
    /// Whether a segment of the same addresses and ports opens a new connection.
    ///
    /// A SYN does after the close, or where its sender is known to count from elsewhere. It does
    /// not where it meets the other side's SYN, or is recorded after the SYN/ACK that answers it.
    pub(crate) fn is_succeeded_by(
        &self,
        seen: &Digested<'_>,
        sender: Side,
        now_ns: i64,
        recent: &Recent,
    ) -> bool {
        let Digested { digest, options } = *seen;
        let flags = digest.flags;
        if !flags.contains(TcpFlags::SYN) || illegal(flags) {
            return false;
        }
        let receiver = if self.is_self_connect() { sender } else { sender.other() };
        self.starts_anew(digest, sender, receiver) && {
            let timestamps = recent::timestamps(options);
            let identity = Identity::of(digest, timestamps, self.before(sender));
            recent.first_capture(digest, &identity, now_ns).is_none()
        }
    }

    fn starts_anew(&self, digest: &Digest, sender: Side, receiver: Side) -> bool {
        let Digest { flags, sequence, acknowledgment, .. } = *digest;
        let (sender, receiver) = (self.end(sender), self.end(receiver));
        let elsewhere = sender.has(Facts::ISS_KNOWN) && sender.iss != sequence;
        if flags.contains(TcpFlags::ACK) {
            // Its SYN was not captured, but the connection before it is over. A second responder's
            // SYN/ACK still acknowledges the old SYN.
            let answers_old_syn =
                receiver.has(Facts::ISS_KNOWN) && acknowledgment == receiver.iss + 1;
            // Where nothing of the client is captured, no close is: but who has closed its own side, and
            // acknowledges a SYN from elsewhere, has taken up another connection.
            let only_server_spoke = !receiver.has(Facts::SENT)
                && sender.has(Facts::SYN_ACK | Facts::FIN)
                && acknowledgment.since(sender.ack).unsigned_abs() > MOST_APART;
            return (self.is_closed() || only_server_spoke) && elsewhere && !answers_old_syn;
        }
        if self.is_closed() {
            return true;
        }
        if sender.has(Facts::ISS_KNOWN) {
            return elsewhere;
        }
        if self.handshake.has(Handshake::SPLIT) && receiver.has(Facts::SYN) {
            // The responder's own SYN, after its ACK of the other.
            return false;
        }
        if sender.has(Facts::MORE) {
            // Mid-stream so far. Only the SYN that its first segment followed belongs to it.
            return !sender.has(Facts::ACK) || sender.nxt.since(sequence) != 1;
        }
        // The sender was silent so far.
        let crosses = receiver.has(Facts::SYN) && !receiver.has(Facts::SYN_ACK);
        let answered = receiver.has(Facts::ACK) && receiver.ack == sequence + 1;
        let only_server_spoke = receiver.has(Facts::SENT);
        only_server_spoke && !crosses && !answered
    }

    /// What a successor that begins so means for the addresses and ports.
    pub(crate) fn reuse_by(&self, first: &Digest, sender: Side) -> Reuse {
        let plain_syn = !first.flags.contains(TcpFlags::ACK);
        // An attempt that was never answered is no live connection.
        let was_open =
            self.handshake.has(Handshake::COMPLETE) || !self.client_end().has(Facts::SYN);
        if plain_syn && was_open && !self.is_closed() {
            Reuse::WhileAlive
        } else if plain_syn
            && self.ends.iter().all(|end| end.has(Facts::FIN_ACKED))
            && self.reset().is_none()
            && !first.sequence.is_after(self.end(sender).nxt - 1)
        {
            Reuse::AfterCloseBehind
        } else {
            Reuse::AfterClose
        }
    }

    /// Whether the SYN has had its answer: an acceptable SYN/ACK, or an RST.
    pub(crate) fn is_answered(&self) -> bool {
        self.server_end().has(Facts::SYN_ACK) || self.reset().is_some()
    }

    /// The peer has cleared the connection, which it knew nothing of.
    pub(crate) fn clear(&mut self, frame: u32, now_ns: i64) {
        let before = [0, 1].map(|side| (self.ends[side].state, self.ends[side].proven()));
        self.course = Course::Left;
        let rare = self.rare_mut();
        rare.rst_frame = frame;
        rare.reset.get_or_insert(Reset {
            by: Side::Client,
            reason: RstReason::HalfOpenDiscovery,
            bare: true,
            after_confirmation: true,
            time_ns: now_ns,
            before,
        });
        self.ends.iter_mut().for_each(|end| end.assume(State::Closed));
    }

    /// Of two connections on the same addresses and ports, this is the newer, still unanswered:
    /// whether the segment is its own. So are the challenge ACK and the RST that answers it.
    pub(crate) fn takes(&self, digest: &Digest, sender: Side) -> bool {
        let Digest { flags, sequence, acknowledgment, .. } = *digest;
        let receiver = if self.is_self_connect() { sender } else { sender.other() };
        if flags.contains(TcpFlags::SYN) {
            // A SYN/ACK that does not answer this SYN may repeat the older connection's.
            return !flags.contains(TcpFlags::ACK)
                || self.end(receiver).syn_acknowledged_by(acknowledgment);
        }
        let rst = flags.contains(TcpFlags::RST);
        let (own, other) = (self.end(sender), self.end(receiver));
        if own.has(Facts::SYN) {
            let answers_challenge = other.has(Facts::ACK) && sequence == other.ack;
            return if rst { answers_challenge } else { sequence == own.iss + 1 };
        }
        let bare = digest.payload_octets() == 0 && !flags.contains(TcpFlags::FIN);
        let answers_syn =
            flags.contains(TcpFlags::ACK) && other.syn_acknowledged_by(acknowledgment);
        answers_syn || bare && !rst
    }

    /// Whether a segment goes on where its sender was.
    pub(crate) fn fits(&self, digest: &Digest, sender: Side) -> bool {
        let end = self.end(sender);
        end.has(Facts::SENT) && digest.sequence.since(end.nxt).unsigned_abs() <= MOST_APART
    }

    /// Whether the connection is over, and was silent for so long that nothing belongs to it any
    /// more.
    pub(crate) fn is_past(&self, now_ns: i64) -> bool {
        self.is_silent(now_ns) && self.is_finished(now_ns)
    }

    /// Whether the connection may leave the table after a silence: closed, or failed.
    pub(crate) fn is_finished(&self, now_ns: i64) -> bool {
        self.is_closed() || self.outcome_at(now_ns).failed()
    }
}
