//! RSTs that turn out not to have been believed: their sender or their receiver goes on.

use crate::connection::annotation::Annotation;
use crate::connection::event::Event;
use crate::connection::state::Connection;
use crate::connection::state::endpoint::Facts;
use crate::connection::state::extra::{Passed, Reset, SEVERAL};
use crate::connection::state::handshake::Handshake;
use crate::vocabulary::Side;
use crate::vocabulary::{Finding, Stage, State};
use crate::wire::TcpFlags;

/// An endpoint that goes on this long after an RST has not received it, in nanoseconds.
const MIN_PATIENCE_NS: u64 = 1_000_000_000;
/// From this many pairs of RST and ACK on, two ends are in a loop.
const LOOP_PAIRS: u8 = 4;

impl Connection {
    /// A segment without RST, which may answer one.
    #[inline]
    pub(crate) fn answer_rst(&mut self, event: &Event<'_>, seen: &mut Annotation) {
        let Some(extra) = &self.extra else { return };
        if extra.is_undisturbed(self.packets) {
            return;
        }
        self.go_round(event, seen);
        self.resolve_doubt(event);
        self.follow_passed_rst(event);
        self.refute_rst(event, seen);
    }

    /// An ACK without anything else that answers the RST directly before it.
    #[cold]
    fn go_round(&mut self, event: &Event<'_>, seen: &mut Annotation) {
        let (is_empty, packets) = (self.is_empty_ack(event), self.packets);
        let rounds = &mut self.extra_mut().rounds;
        if rounds.after != packets || rounds.by != Some(event.receiver) || !is_empty {
            return;
        }
        rounds.after = packets.wrapping_add(1);
        rounds.pairs = rounds.pairs.saturating_add(1);
        if rounds.pairs >= LOOP_PAIRS {
            seen.add(Finding::RstAckLoop);
        }
    }

    /// Counts an RST that answers the ACK directly before it, or begins anew.
    pub(crate) fn begin_round(&mut self, by: Side) {
        let packets = self.packets;
        let rounds = &mut self.extra_mut().rounds;
        if rounds.after != packets || rounds.by != Some(by) {
            (rounds.pairs, rounds.by) = (0, Some(by));
        }
        rounds.after = packets.wrapping_add(1);
    }

    /// Whether a segment is an ACK with the sender's next number and nothing else. A keep-alive has
    /// another number.
    fn is_empty_ack(&self, event: &Event<'_>) -> bool {
        let others = TcpFlags::SYN | TcpFlags::FIN | TcpFlags::RST;
        event.payload == 0
            && !event.segment.flags.intersects(others)
            && event.sequence() == self.end(event.sender).nxt
    }

    /// The receiver of an RST in its window sends something: one ACK may be the challenge, anything more
    /// shows that it did not believe the RST. RFC 5961 §3.2: the challenge is
    /// "<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>"; an ACK of further octets shows that it goes on.
    fn resolve_doubt(&mut self, event: &Event<'_>) {
        let acknowledged = self.end(event.sender).ack;
        let is_empty = self.is_empty_ack(event)
            && !(event.has(TcpFlags::ACK) && event.acknowledgment().is_after(acknowledged));
        let extra = self.extra_mut();
        if extra.doubtful_reset().is_none_or(|reset| reset.by == event.sender) {
            return;
        }
        let doubts = extra.doubts_mut();
        if doubts.challenged || !is_empty {
            doubts.reset = None;
        }
        doubts.challenged = true;
    }

    /// A segment after an RST whose sender went on.
    fn follow_passed_rst(&mut self, event: &Event<'_>) {
        let Some(passed) = self.passed_rst() else { return };
        // A segment that was on its way when the RST arrived shows nothing.
        let late = event.time_ns.saturating_sub(passed.time_ns) > self.patience_ns();
        let answers = event.has(TcpFlags::ACK) && event.acknowledgment().is_after(passed.nxt);
        let acknowledged = event.has(TcpFlags::ACK).then(|| event.acknowledgment());
        let passed = if event.sender == passed.reset.by {
            Some(Passed { acknowledged, ..passed })
        } else {
            Some(passed).filter(|_| !late && !answers)
        };
        self.extra_mut().doubts_mut().passed = passed;
    }

    fn passed_rst(&self) -> Option<Passed> {
        self.extra.as_ref()?.doubts()?.passed
    }

    /// A bare RST with the acknowledgment number of the segment before it says that its sender has no such
    /// connection (RFC 9293 §3.10.7.1). If it answers what the other end has sent after an RST, that RST has
    /// arrived, and what was sent after it opened nothing.
    #[inline]
    pub(crate) fn heed_witness(&mut self, event: &Event<'_>) {
        if let Some(passed) = self.passed_rst()
            && passed.reset.by != event.sender
            && !event.has(TcpFlags::ACK)
            && passed.acknowledged == Some(event.sequence())
        {
            self.believe_after_all(&passed);
        }
    }

    #[cold]
    fn believe_after_all(&mut self, passed: &Passed) {
        for finding in [Finding::RstIgnored, Finding::HandshakeComplete, Finding::SlowHandshake] {
            if !passed.findings.contains(finding) {
                self.findings.remove(finding);
            }
        }
        for side in Side::BOTH {
            if !passed.fins[side as usize] {
                self.forget_fin(side);
            }
        }
        let was_complete = passed.handshake.has(Handshake::COMPLETE);
        if !was_complete {
            self.frames.final_ack = 0;
        }
        self.handshake.set(Handshake::REFUTED, passed.handshake.has(Handshake::REFUTED));
        self.handshake.set(Handshake::CONFIRMED, passed.handshake.has(Handshake::CONFIRMED));
        let complete = self.handshake.has(Handshake::COMPLETE);
        let extra = self.extra_mut();
        extra.is_void = complete && !was_complete;
        extra.reset = Some(Reset { has_arrived: true, ..passed.reset });
        extra.ignored_rst_frame = passed.ignored_rst_frame;
        extra.doubts_mut().passed = None;
    }

    /// After this time, an end that goes on has not received an RST, in nanoseconds.
    fn patience_ns(&self) -> i64 {
        let rtt_ns = self.rtt_total_ns().unwrap_or(0);
        rtt_ns.saturating_mul(2).clamp(MIN_PATIENCE_NS, i64::MAX as u64) as i64
    }

    /// Whether a believed RST was not believed after all: its sender goes on in the stream, or its
    /// receiver does long after it must have arrived. Segments that were under way to the sender refute
    /// nothing.
    fn refute_rst(&mut self, event: &Event<'_>, seen: &mut Annotation) {
        if let Some(reset) = self.reset()
            && !self.asks_again(reset, event)
        {
            self.check_refutation(reset, event, seen);
        }
    }

    #[cold]
    fn check_refutation(&mut self, reset: Reset, event: &Event<'_>, seen: &mut Annotation) {
        let refuted = if reset.is_refusal() {
            self.compare_with_refusal(&reset, event);
            // In SYN-SENT the client sends no ACK: it has received a SYN/ACK, and had not taken the RST.
            let server = self.server_end();
            event.sender == Side::Client
                && event.has(TcpFlags::ACK)
                && (!server.has(Facts::SYN) || server.syn_acknowledged_by(event.acknowledgment()))
        } else if event.sender == reset.by {
            // A segment that it sends after an RST that has arrived shows nothing.
            let sender = self.end(event.sender);
            let acknowledges = event.has(TcpFlags::ACK)
                && (!sender.has(Facts::ACK) || event.acknowledgment().is_after(sender.ack));
            !reset.has_arrived && (event.end().is_after(sender.nxt) || acknowledges)
        } else {
            event.time_ns.saturating_sub(reset.time_ns) > self.patience_ns()
        };
        if !refuted {
            return;
        }
        seen.add(Finding::RstIgnored);
        let extra = self.extra_mut();
        let ignored_rst_frame = extra.ignored_rst_frame;
        extra.ignored_rst_frame = match extra.ignored_rst_frame {
            0 => reset.frame,
            known if known == reset.frame => known,
            _ => SEVERAL,
        };
        let repeats_synack = event.has(TcpFlags::SYN | TcpFlags::ACK)
            && event.sender == Side::Server
            && reset.by == Side::Client
            && !self.handshake.has(Handshake::COMPLETE);
        if repeats_synack {
            // The RST was lost beyond here, but the client has given up all the same.
            let server = self.server_end_mut();
            let closed = server.has(Facts::FIN);
            server.prove(if closed { State::FinWait1 } else { State::SynReceived });
            return;
        }
        if event.sender == reset.by {
            let passed = Passed {
                reset,
                handshake: self.handshake,
                findings: self.findings,
                fins: [0, 1].map(|side| self.ends[side].has(Facts::FIN)),
                ignored_rst_frame,
                time_ns: event.time_ns,
                acknowledged: event.has(TcpFlags::ACK).then(|| event.acknowledgment()),
                nxt: self.end(event.sender).nxt,
            };
            self.extra_mut().doubts_mut().passed = Some(passed);
        }
        let extra = self.extra_mut();
        (extra.reset, extra.is_void) = (None, false);
        for (end, (state, proven)) in self.ends.iter_mut().zip(reset.before) {
            end.state = state;
            end.facts.set(Facts::PROVEN, proven);
        }
        self.take_up_fins(event.sender);
    }

    /// A SYN/ACK after a refusal comes from another host, if it has another TTL.
    fn compare_with_refusal(&mut self, reset: &Reset, event: &Event<'_>) {
        let ttls = [reset.ttl, event.segment.ttl];
        if event.sender == Side::Server
            && event.has(TcpFlags::SYN | TcpFlags::ACK)
            && !ttls.contains(&0)
            && ttls[0] != ttls[1]
        {
            self.findings.insert(Finding::RstTtlMismatch);
        }
    }

    /// Applies the FINs that came after an RST which was not believed to the states before it. The last
    /// one may still be under way to the sender of this segment.
    fn take_up_fins(&mut self, sender: Side) {
        let Some(first) = self.first_closer() else { return };
        for closer in [first as usize, 1 - first as usize] {
            if !self.ends[closer].has(Facts::FIN) {
                continue;
            }
            let end = &mut self.ends[closer];
            // It has acknowledged the peer's FIN with its own FIN, or before.
            let second = matches!(end.fin_stage(), Stage::SecondFin | Stage::FinAndAck);
            let crossing = end.fin_stage() == Stage::FinSimultaneous;
            match end.state {
                State::Established | State::SynReceived | State::CloseWait if crossing => {
                    end.prove(State::FinWait1);
                    if closer == sender as usize {
                        end.set_upcoming(Facts::TO_CLOSING);
                    } else {
                        end.assume(State::Closing);
                    }
                }
                State::Established | State::SynReceived if !second => end.prove(State::FinWait1),
                State::Established | State::SynReceived | State::CloseWait => {
                    end.prove(State::LastAck);
                }
                // The state before the RST includes its FIN already.
                _ => continue,
            }
            let peer = &mut self.ends[1 - closer];
            match peer.state {
                State::Established | State::SynReceived => peer.assume(State::CloseWait),
                State::FinWait1 if !second => peer.assume(State::Closing),
                State::FinWait1 | State::FinWait2 => peer.assume(State::TimeWait),
                _ => {}
            }
        }
    }
}
