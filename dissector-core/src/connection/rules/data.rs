//! Segments after the SYNs: what they prove, and how far their sender has got.

use crate::connection::annotation::Annotation;
use crate::connection::event::Event;
use crate::connection::rules::incarnations::incarnation::is_within;
use crate::connection::state::Connection;
use crate::connection::state::endpoint::Facts;
use crate::connection::state::handshake::Handshake;
use crate::connection::state::timestamps::Timestamp;
use crate::vocabulary::Side;
use crate::vocabulary::{Finding, Stage, State};
use crate::wire::{SeqNumber, TcpFlags, TcpOption, TcpOptions};

/// Data that was sent this many times more is not answered.
const FEW_REPEATS: u8 = 2;
/// Data that was sent this long ago is not answered, in nanoseconds.
const OLD_NS: i64 = 3_000_000_000;

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

    /// Whether a segment of the server comes without that a SYN/ACK has passed, or an ACK of the client:
    /// as far as can be seen, the client is in SYN-SENT and takes nothing but a SYN or an RST.
    pub(crate) fn is_ahead_of_synack(&self, event: &Event<'_>) -> bool {
        let [client, server] = &self.ends;
        event.sender == Side::Server
            && client.has(Facts::SYN)
            && !client.has(Facts::ACK)
            && !server.has(Facts::SYN)
    }

    /// The server shows that the final ACK arrived: it goes on in the stream instead of repeating its
    /// SYN/ACK.
    pub(crate) fn confirm(&mut self, event: &Event<'_>) {
        if event.sender != Side::Server {
            return;
        }
        let [client, server] = &self.ends;
        // Its state may be proven by the same segment, which acknowledges the client's FIN.
        let confirmed = server.proven()
            && server.state != State::SynReceived
            && self.handshake.has(Handshake::CONFIRMED)
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
        if !goes_on || !fits {
            self.answer_from_synack(event);
            return;
        }
        if self.may_be_early(event) {
            self.note_early(event);
            return;
        }
        if self.is_ahead_of_synack(event) {
            return;
        }
        let unsure = self.may_have_been_early(event);
        self.handshake -= Handshake::REFUTED;
        self.handshake |= Handshake::CONFIRMED;
        let [client, server] = &mut self.ends;
        match server.state {
            State::SynReceived | State::Listen | State::Unknown if unsure => {
                server.assume(State::Established);
            }
            State::Established if unsure => {}
            State::SynReceived | State::Listen | State::Unknown => server.prove(State::Established),
            State::Established => server.facts |= Facts::PROVEN,
            _ => {}
        }
        if matches!(client.state, State::SynSent | State::Unknown) {
            client.assume(State::Established);
        }
    }

    /// The server answers a segment that was not captured, in SYN-RECEIVED or after it.
    fn answer_from_synack(&mut self, event: &Event<'_>) {
        let server = self.server_end();
        let in_stream = event.sequence() == server.iss + 1;
        if server.state == State::SynReceived && in_stream && !self.is_fast_open() {
            self.server_end_mut().facts -= Facts::PROVEN;
        }
    }

    /// Findings about payload and options of a segment after the SYNs.
    pub(crate) fn check_data(&mut self, event: &Event<'_>, seen: &mut Annotation) {
        let early = event.payload > 0
            && event.sender == Side::Server
            && !self.handshake.has(Handshake::COMPLETE)
            && !self.is_fast_open()
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
            && !event.lacks_options()
        {
            seen.add(Finding::TsDropped);
            self.end_mut(event.sender).facts |= Facts::TS_DROPPED;
            if seen.final_ack && event.sender == Side::Client {
                self.note_missing_timestamps();
            }
        } else if event.timestamps.is_some() && self.end(event.sender).has(Facts::TS_DROPPED) {
            self.forget_missing_timestamps();
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

    /// Stores how far the sender has got. A predicted segment is an ACK, with or without payload, of an
    /// open connection: the compiler leaves out the rest.
    #[inline(always)]
    pub(crate) fn account<const PREDICTED: bool>(&mut self, event: &Event<'_>) {
        let end = self.end_mut(event.sender);
        let first = !PREDICTED && !end.has(Facts::SENT);
        let [syn, fin] = [TcpFlags::SYN, TcpFlags::FIN].map(|flag| !PREDICTED && event.has(flag));
        let next = if PREDICTED { event.sequence() + event.payload } else { event.end() };
        let nxt = end.nxt;
        let goes_on = first || next.is_after(nxt);
        end.ttl = event.segment.ttl;
        end.facts |= Facts::TTL;
        let (mut first_data, mut more) = (false, false);
        if !syn {
            end.facts |= Facts::MORE;
            // A keep-alive may carry an octet that was sent before.
            if event.payload > 0 && goes_on {
                first_data = !end.has(Facts::PAYLOAD) & (event.sender == Side::Client);
                end.facts |= Facts::PAYLOAD;
            }
            more = event.may_have_sack();
        }
        if PREDICTED || event.has(TcpFlags::ACK) {
            // A challenge ACK carries the number of an older connection.
            let anew = !end.has(Facts::ACK) || syn && end.has(Facts::CHALLENGE);
            if anew || event.acknowledgment().is_after(end.ack) {
                end.ack = event.acknowledgment();
            }
            end.window = event.segment.window;
            // RFC 7323 §2.2: "The window field in a segment where the SYN bit is set (i.e., a <SYN> or
            // <SYN,ACK>) MUST NOT be scaled."
            end.facts.set(Facts::SCALED, !syn);
            end.facts |= Facts::ACK;
        }
        if goes_on {
            match fin {
                // The end of this FIN is stored already.
                true => end.nxt = next,
                false => self.set_nxt(event.sender, next),
            }
        }
        if (event.sequence() != nxt) & !(first & syn) | more | first_data {
            self.account_rare(*event, nxt, first, first_data);
        }
    }

    /// The same, for what hardly any segment has. Its sender had got up to `nxt`, unless it is its first. The
    /// segment is a copy, so that nothing has to be stored of the others.
    #[cold]
    fn account_rare(&mut self, event: Event<'_>, nxt: SeqNumber, first: bool, first_data: bool) {
        let (event, syn) = (&event, event.has(TcpFlags::SYN));
        if !first && event.sequence() != nxt && !event.end().is_after(nxt) {
            self.note_behind(event);
        }
        let is_known = !first || self.end(event.sender).has(Facts::ISS_KNOWN);
        if is_known && event.sequence() != nxt && !syn {
            self.note_disorder(event, nxt);
        }
        if !syn && event.may_have_sack() {
            self.read_sack(event);
        }
        if first_data && !self.closed_by_both() {
            self.set_time_of(Timestamp::FirstData, event.time_ns);
        }
    }

    /// Whether both ends have sent a FIN.
    fn closed_by_both(&self) -> bool {
        self.ends.iter().all(|end| end.has(Facts::FIN))
    }

    /// Whether the client's first data was sent twice more, or is old, and no octet of it acknowledged,
    /// although the answers of the server are in the capture.
    pub(crate) fn is_data_unanswered(&self, now_ns: i64) -> bool {
        let [client, server] = &self.ends;
        let unanswered = client.has(Facts::SYN | Facts::PAYLOAD)
            && server.has(Facts::SYN_ACK)
            && !self.handshake.has(Handshake::FAST_OPEN)
            && !server.ack.is_after(client.iss + 1)
            // Otherwise segments of the server are missing.
            && !client.ack.is_after(server.nxt);
        let repeats = self.extra.as_ref().map_or(0, |extra| extra.data_repeats);
        let reset = self.final_reset();
        let taken = reset.is_some_and(|reset| reset.by == Side::Server && reset.acknowledges_data);
        let end_ns = reset.map_or(now_ns, |reset| reset.time_ns.min(now_ns));
        let is_old = || end_ns.saturating_sub(self.time_of(Timestamp::FirstData)) >= OLD_NS;
        unanswered && !taken && (repeats >= FEW_REPEATS || !self.closed_by_both() && is_old())
    }

    /// The second FIN takes the place of the time of the client's first data.
    pub(crate) fn forget_first_data(&mut self, now_ns: i64) {
        if self.client_end().has(Facts::PAYLOAD) && self.is_data_unanswered(now_ns) {
            self.extra_mut().data_repeats = FEW_REPEATS;
        }
    }

    /// A segment that does not begin at `nxt`, up to which its sender had got: octets before it are missing
    /// from the capture, or it brings some that were missing.
    fn note_disorder(&mut self, event: &Event<'_>, nxt: SeqNumber) {
        let [client, server] = &self.ends;
        let first = event.sender == Side::Client
            && event.payload > 0
            && client.has(Facts::SYN)
            && server.has(Facts::SYN_ACK)
            && event.sequence() == client.iss + 1
            && !server.ack.is_after(event.sequence());
        if first && !event.sequence().is_after(nxt) {
            let repeats = &mut self.extra_mut().data_repeats;
            *repeats = repeats.saturating_add(1);
        }
        if event.sequence().is_after(nxt) {
            self.extra_mut().gaps_mut(event.sender).open(nxt, event.sequence());
        } else if let Some(extra) = &mut self.extra
            && extra.gaps(event.sender).is_some()
        {
            extra.gaps_mut(event.sender).fill(event.sequence(), event.end());
        }
    }

    /// Stores how far the receiver has got, if it acknowledges selectively what has not passed here.
    fn read_sack(&mut self, event: &Event<'_>) {
        let nxt = self.end(event.receiver).nxt;
        for option in TcpOptions::new(event.options, 0).map_while(Result::ok) {
            let TcpOption::Sack(blocks) = option else { continue };
            for end in blocks.iter().map(|(_, end)| SeqNumber(end)) {
                if end.is_after(nxt) {
                    self.extra_mut().gaps_mut(event.receiver).sack(end);
                }
            }
        }
    }
}
