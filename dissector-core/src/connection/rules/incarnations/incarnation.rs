//! Where one incarnation of a connection ends and the next begins on the same addresses and ports.

use crate::compact::CompactSegment;
use crate::connection::annotation::Annotation;
use crate::connection::event::{Event, illegal};
use crate::connection::state::Connection;
use crate::connection::state::endpoint::{Endpoint, Facts};
use crate::connection::state::extra::Reset;
use crate::connection::state::handshake::Handshake;
use crate::connection::state::origin::Reuse;
use crate::connection::state::timestamps::Timestamp;
use crate::key::LINGER_NS;
use crate::vocabulary::Side;
use crate::vocabulary::{Finding, RoleBasis, RstReason, State};
use crate::wire::{SeqNumber, TcpFlags};

/// Octets by which a segment of a live connection may be ahead or behind: a large window.
pub(crate) const MOST_APART: u32 = 1 << 20;

/// Whether `number` lies in the stream of an end whose start is known, not far from what it is known
/// to have sent.
pub(crate) fn is_within(end: &Endpoint, number: SeqNumber) -> bool {
    number.is_after(end.iss) && number.since(end.nxt) <= MOST_APART as i32
}

impl Connection {
    /// Whether a segment with these flags may open another connection on the same addresses and ports;
    /// if it may, [`is_succeeded_by`](Self::is_succeeded_by) decides. A SYN/ACK may only where a SYN or
    /// SYN/ACK of its sender is known.
    #[inline(always)]
    pub(crate) fn may_be_succeeded_by(&self, flags: TcpFlags, sender: Side) -> bool {
        flags.contains(TcpFlags::SYN)
            & (!flags.contains(TcpFlags::ACK) | self.end(sender).has(Facts::ISS_KNOWN))
    }

    /// Whether a segment that was not captured before opens a new connection on the same addresses and
    /// ports.
    ///
    /// A SYN does after the close, or where its sender is known to count from elsewhere. It does
    /// not where it meets the other side's SYN, or is recorded after the SYN/ACK that answers it.
    pub(crate) fn is_succeeded_by(
        &self,
        segment: &CompactSegment,
        sender: Side,
        now_ns: i64,
    ) -> bool {
        let flags = segment.flags;
        flags.contains(TcpFlags::SYN)
            && !illegal(flags)
            && self.starts_anew(segment, sender)
            && !self.is_asked_again(segment, sender, now_ns)
    }

    /// The other end; the same in a connection to itself.
    #[inline(always)]
    pub(crate) fn receiver(&self, sender: Side) -> Side {
        if self.is_self_connect() { sender } else { sender.other() }
    }

    fn starts_anew(&self, segment: &CompactSegment, sender: Side) -> bool {
        let CompactSegment { flags, sequence, acknowledgment, .. } = *segment;
        let (sender, receiver) = (self.end(sender), self.end(self.receiver(sender)));
        let elsewhere = sender.has(Facts::ISS_KNOWN) && sender.iss != sequence;
        if flags.contains(TcpFlags::ACK) {
            // Its SYN was not captured, but the connection before it is over. A second responder's
            // SYN/ACK still acknowledges the old SYN.
            let answers_old_syn =
                receiver.has(Facts::ISS_KNOWN) && acknowledgment == receiver.iss + 1;
            // Where nothing of the client is captured, its FIN is not either. But a server that has
            // sent its own FIN, and acknowledges a number from elsewhere, has another connection.
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
            // Mid-stream so far: only the SYN directly before its first segment belongs to it.
            let is_first = sender.sent == 1 && self.packets <= u32::from(u8::MAX);
            return !is_first || !sender.has(Facts::ACK) || sender.nxt.since(sequence) != 1;
        }
        // The sender was silent so far.
        let crosses = receiver.has(Facts::SYN) && !receiver.has(Facts::SYN_ACK);
        let answered = receiver.has(Facts::ACK) && receiver.ack == sequence + 1;
        let only_server_spoke = receiver.has(Facts::SENT);
        only_server_spoke && !crosses && !answered
    }

    /// How a successor that begins with `first` uses the addresses and ports again.
    pub(crate) fn reuse_by(&self, first: &CompactSegment, sender: Side) -> Reuse {
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
            // RFC 9293 §3.6.1: "it MAY accept a new SYN from the remote TCP endpoint to reopen the
            // connection directly from TIME-WAIT state (MAY-2), if it: (1) assigns its initial sequence
            // number for the new connection to be larger than the largest sequence number it used on
            // the previous connection incarnation".
            Reuse::AfterCloseBehind
        } else {
            Reuse::AfterClose
        }
    }

    /// Whether a SYN/ACK has answered the SYN, or an RST one that belongs to an attempt like this: `older`,
    /// the connection before this one, is over.
    pub(crate) fn displaces(&self, older: &Connection) -> bool {
        let refused = || self.reset().is_some() && older.is_unanswered();
        self.server_end().has(Facts::SYN_ACK) || refused()
    }

    /// Whether this is an attempt that has had no answer so far.
    pub(crate) fn is_unanswered(&self) -> bool {
        let [client, server] = &self.ends;
        let opens = client.has(Facts::SYN) && !client.has(Facts::MORE);
        opens && !server.facts.intersects(Facts::SYN | Facts::MORE)
    }

    /// The peer, which no longer has the connection, has reset it.
    pub(crate) fn clear(&mut self, by: Side, frame: u32, time_ns: i64) {
        let before = [0, 1].map(|side| (self.ends[side].state, self.ends[side].proven()));
        let extra = self.extra_mut();
        extra.reset.get_or_insert(Reset {
            frame,
            by,
            reason: RstReason::HalfOpenDiscovery,
            acknowledges_data: false,
            bare: true,
            after_confirmation: true,
            asked_again: false,
            has_arrived: true,
            ttl: 0,
            window: 0,
            time_ns,
            before,
        });
        self.ends.iter_mut().for_each(|end| end.assume(State::Closed));
    }

    /// Whether no decision is needed before the next segment: the clock is not far from the last one.
    #[inline(always)]
    pub(crate) fn is_up_to_date(&self, clock_ns: i64) -> bool {
        !self.lags() & (clock_ns.wrapping_sub(self.last_ns) < LINGER_NS)
    }

    /// Whether the connection is over, and was silent for so long that no more segments belong to it.
    pub(crate) fn is_past(&self, clock_ns: i64) -> bool {
        self.own_clock(clock_ns).saturating_sub(self.last_ns) >= LINGER_NS
            && self.is_finished(clock_ns)
    }

    /// Whether the connection may leave the table after a silence: closed, or failed.
    pub(crate) fn is_finished(&self, now_ns: i64) -> bool {
        self.is_closed() || self.outcome_at(now_ns).failed()
    }

    /// Findings about the connection as a whole, on its first segment.
    #[inline(never)]
    pub(crate) fn begin(&self, event: &Event<'_>, seen: &mut Annotation) {
        if self.is_self_connect() {
            seen.add(Finding::SelfConnect);
        }
        match self.origin.reuse() {
            Reuse::No => {}
            Reuse::AfterClose | Reuse::AfterCloseBehind => seen.add(Finding::PortReused),
            Reuse::WhileAlive => seen.add(Finding::SynInEstablished),
        }
        if self.origin.basis() == RoleBasis::SynAck && event.has(TcpFlags::SYN) {
            seen.add(Finding::SynNotCaptured);
        }
    }

    /// One end talks to itself: what is known of the client is known of the server.
    #[cold]
    pub(crate) fn mirror(&mut self) {
        self.pin(Timestamp::SynAck);
        self.ends[1] = self.ends[0].clone();
        if let Some(extra) = &mut self.extra {
            extra.mirror();
        }
        self.set_time_of(Timestamp::ServerSyn, self.time_of(Timestamp::ClientSyn));
        self.set_time_of(Timestamp::LastOfServer, self.last_copy_ns(Side::Client));
    }
}
