//! Segments after the SYNs: what they prove, and how far their sender has got.

use crate::connection::annotation::Annotation;
use crate::connection::event::Event;
use crate::connection::rules::incarnation::is_within;
use crate::connection::state::Connection;
use crate::connection::state::endpoint::Facts;
use crate::connection::state::handshake::Handshake;
use crate::vocabulary::Side;
use crate::vocabulary::{Finding, Stage, State};
use crate::wire::TcpFlags;

impl Connection {
    /// Mid-stream, a segment with ACK shows that the connection exists, and no more.
    pub(crate) fn leave_unknown(&mut self) {
        if self.saw_syn() {
            return;
        }
        for end in &mut self.ends {
            if end.state == State::Unknown {
                end.assume(State::Established);
            }
        }
    }

    /// The server shows that the final ACK arrived: it goes on in the stream instead of repeating its
    /// SYN/ACK.
    pub(crate) fn confirm(&mut self, event: &Event<'_>) {
        if event.sender != Side::Server {
            return;
        }
        let [client, server] = &self.ends;
        let confirmed = server.proven()
            && server.state != State::SynReceived
            && !self.handshake.has(Handshake::REFUTED);
        if confirmed || !self.saw_syn() {
            return;
        }
        // A segment that answers an older connection says nothing about this one.
        let fits = !client.has(Facts::SENT)
            || client.syn_acknowledged_by(event.acknowledgment())
            || server.has(Facts::SYN_ACK)
                && is_within(client, event.acknowledgment())
                && is_within(server, event.sequence());
        let goes_on = event.payload > 0
            || event.has(TcpFlags::FIN)
            || server.has(Facts::SYN) && event.sequence().is_after(server.iss + 1)
            || client.has(Facts::ISS_KNOWN) && event.acknowledgment().is_after(client.iss + 1);
        // RFC 7413 §3: "MAY send data in response to the SYN before the handshake completes".
        let early_data =
            !self.handshake.has(Handshake::COMPLETE) && self.handshake.has(Handshake::FAST_OPEN);
        if !goes_on || !fits || early_data {
            return;
        }
        self.handshake -= Handshake::REFUTED;
        self.handshake |= Handshake::CONFIRMED;
        let [client, server] = &mut self.ends;
        match server.state {
            State::SynReceived | State::Listen | State::Unknown => server.prove(State::Established),
            State::Established => server.facts |= Facts::PROVEN,
            _ => {}
        }
        if matches!(client.state, State::SynSent | State::Unknown) {
            client.assume(State::Established);
        }
    }

    /// Findings about payload and options of a segment after the SYNs.
    pub(crate) fn check_data(&mut self, event: &Event<'_>, seen: &mut Annotation) {
        let early = event.payload > 0
            && event.sender == Side::Server
            && !self.handshake.intersects(Handshake::COMPLETE | Handshake::FAST_OPEN)
            && self.server_end().has(Facts::SYN_ACK)
            && self.client_end().has(Facts::SENT);
        if early {
            seen.add(Finding::DataBeforeEstablished);
        }
        // RFC 7323 §3.2: "Once TSopt has been successfully negotiated, that is both <SYN> and <SYN,ACK>
        // contain TSopt, the TSopt MUST be sent in every non-<RST> segment".
        if event.timestamps.is_none()
            && self.handshake.has(Handshake::TIMESTAMPS)
            && !self.end(event.sender).has(Facts::TS_DROPPED)
        {
            seen.add(Finding::TsDropped);
            self.end_mut(event.sender).facts |= Facts::TS_DROPPED;
        }
        if self.handshake.has(Handshake::JOIN) && self.awaits_join() {
            // The fourth segment of an MPTCP join confirms the third (RFC 8684 §3.2).
            let confirms = event.sender == Side::Server && event.payload == 0;
            if confirms && seen.stage == Stage::None {
                seen.stage = Stage::MpJoinAck;
                self.handshake |= Handshake::JOIN_CONFIRMED;
            }
        }
    }

    /// Whether the segment that confirms an MPTCP join is the next one.
    fn awaits_join(&self) -> bool {
        self.handshake.has(Handshake::COMPLETE) && !self.handshake.has(Handshake::JOIN_CONFIRMED)
    }

    /// Stores how far the sender has got.
    #[inline(always)]
    pub(crate) fn account(&mut self, event: &Event<'_>) {
        let end = self.end_mut(event.sender);
        let first = !end.has(Facts::SENT);
        end.ttl = event.segment.ttl;
        end.facts |= Facts::TTL;
        let syn = event.has(TcpFlags::SYN);
        if !syn {
            end.facts |= Facts::MORE;
            end.facts.set(Facts::PAYLOAD, event.payload > 0 || end.has(Facts::PAYLOAD));
        }
        if event.has(TcpFlags::ACK) {
            if !end.has(Facts::ACK) || event.acknowledgment().is_after(end.ack) {
                end.ack = event.acknowledgment();
            }
            end.window = event.segment.window;
            // RFC 7323 §2.2: "The window field in a segment where the SYN bit is set (i.e., a <SYN> or
            // <SYN,ACK>) MUST NOT be scaled."
            end.facts.set(Facts::SCALED, !syn);
            end.facts |= Facts::ACK;
        }
        let next = event.end();
        if first || next.is_after(end.nxt) {
            match event.has(TcpFlags::FIN) {
                // The end of this FIN is stored already.
                true => end.nxt = next,
                false => self.set_nxt(event.sender, next),
            }
        }
    }
}
