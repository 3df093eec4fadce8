//! The short way of a connection that is established: nearly every segment of a long one.

use super::duplicate::{self, Identity, Recent};
use super::endpoint::{Endpoint, Facts};
use super::event::Side;
use super::names::{Stage, State};
use super::track::Connection;
use super::{Annotation, States};
use crate::Segment;
use crate::wire::TcpFlags;

/// Whether a segment with these flags does no more than go on in the stream.
pub(super) fn goes_on(flags: TcpFlags) -> bool {
    let others = TcpFlags::SYN | TcpFlags::FIN | TcpFlags::RST;
    flags & (others | TcpFlags::ACK) == TcpFlags::ACK
}

impl Connection {
    /// Nearly every segment of a long connection: both ends are ESTABLISHED, and it moves nothing
    /// but sequence numbers. `None`, and nothing changed, where it needs a closer look.
    #[inline]
    pub(super) fn go_on(
        &mut self,
        segment: &Segment<'_>,
        sender: Side,
        now_ns: i64,
        recent: &mut Recent,
    ) -> Option<Annotation> {
        let tcp = &segment.tcp;
        let payload = segment.payload_octets();
        let timestamps = duplicate::timestamps(segment);
        let dropped = self.handshake.timestamps && timestamps.is_none();
        if dropped || self.awaits_join() {
            return None;
        }
        let identity = Identity::of(segment, self.id, sender as usize, timestamps);
        let sent = self.end(sender).sent;
        if recent.first_capture(segment, &identity, sent, now_ns).is_some()
            || !self.zeek.go_on(sender as usize, tcp, payload, &mut self.rare)
        {
            return None;
        }
        recent.remember(segment, &identity, sent, now_ns, Stage::None);
        let end = self.end_mut(sender);
        end.sent = sent.wrapping_add(1);
        end.ttl = segment.packet.ttl;
        let next = tcp.sequence + payload;
        if next.is_after(end.nxt) {
            end.nxt = next;
        }
        if tcp.acknowledgment.is_after(end.ack) || !end.has(Facts::ACK) {
            end.ack = tcp.acknowledgment;
        }
        end.window = tcp.window;
        end.facts |= Facts::TTL | Facts::ACK | Facts::SCALED | Facts::MORE;
        end.facts.set(Facts::PAYLOAD, payload > 0 || end.has(Facts::PAYLOAD));
        self.packets += 1;
        self.last_ns = now_ns;
        let mut seen = Annotation::new(self.id, tcp.flags, sender.role());
        let established = States::new(State::Established, State::Established, true);
        (seen.client, seen.server) = (established, established);
        Some(seen)
    }

    /// Whether the segment that confirms an MPTCP join is still to come.
    pub(super) fn awaits_join(&self) -> bool {
        self.handshake.join && self.handshake.complete && !self.handshake.join_confirmed
    }

    /// Whether both ends are known to be ESTABLISHED, nothing is under way that would change that,
    /// and nothing is left to learn of the handshake.
    pub(super) fn is_steady(&self) -> bool {
        let settled = |end: &Endpoint| {
            end.state == State::Established && end.proven && end.upcoming.is_none()
        };
        self.handshake.complete
            && self.handshake.confirmed
            && self.ends.iter().all(settled)
            && !self.handshake.refuted
            && self.first_closer.is_none()
            && !self.self_connect
            && self.ends.iter().all(|end| end.has(Facts::SENT))
            && self.reset().is_none()
    }
}
