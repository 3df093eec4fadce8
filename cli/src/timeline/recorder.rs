//! Records the events of one connection.

use std::collections::VecDeque;

use dissector_core::capture::Packet;
use dissector_core::connection::{Annotation, Connection, Finding, Repeat, Role, Side, Stage};
use dissector_core::counters::Counts;
use dissector_core::wire::{TcpFlags, TcpOption};
use dissector_core::{FollowedPacket, IcmpError, Segment};

use super::event::{
    Arrival, Event, IcmpEvent, Run, SegmentEvent, SynOptions, mptcp_reason, text_of_rst,
};
use super::identification::Identifications;
use super::sent::SentOctets;
use super::{RepeatedSynAck, Timeline};
use crate::reading::input::shown;

/// Plain segments at the start of a run that have an event each.
const RUN_HEAD: u32 = 3;
/// A run of at most this many more plain segments is not summed up.
const RUN_LEAST: usize = 4;
/// Events kept from the start of the connection.
const MOST_HEAD: usize = 300;
/// Events kept from the start of a connection that is recorded in full.
const MOST_IN_FULL: usize = 10_000;
/// Events kept from the end; those in between are summed up as one run.
const MOST_TAIL: usize = 60;

/// The longest time after which a segment still comes at once, in nanoseconds.
const AT_ONCE_NS: i64 = 1_000_000_000;
/// RSTs that follow a segment of their own sender, as many as are remembered.
const MOST_UNASKED: usize = 16;

#[derive(Default)]
pub struct Recorder {
    /// Every segment has an event, and runs are not summed up.
    in_full: bool,
    /// The files of the connection so far, in order of its first event in each.
    files: Vec<String>,
    /// Place of the last event's file in `files`.
    current_file: usize,
    interleaved: bool,
    head: Vec<Event>,
    /// The events between `head` and `tail`.
    middle: Option<Run>,
    /// The file in which `middle` ends, if it changed in there.
    middle_file: Option<String>,
    tail: VecDeque<Event>,
    /// Number of plain segments since the last other event.
    plain: u32,
    /// The last of these, which get an event each unless there are more.
    waiting: VecDeque<SegmentEvent>,
    /// Those before `waiting`, beyond [`RUN_HEAD`].
    run: Option<Run>,
    /// Nothing but keep-alives and their answers is sent at present.
    idle: bool,
    /// Initial sequence numbers of client and server. Of several SYN/ACKs, the one that the client has
    /// accepted counts, or the last until it has accepted one.
    initial: [Option<u32>; 2],
    /// Initial sequence numbers on the other side of a device that rewrites them, where both sides were
    /// captured.
    other_side: [Option<u32>; 2],
    /// Initial sequence numbers of the SYN/ACKs that acknowledge the SYN; `None` once one is accepted.
    answers: Option<Vec<u32>>,
    sent: [SentOctets; 2],
    server_sent_more: bool,
    identifications: [Identifications; 2],
    /// The end that sent the last segment, and its time; `None` after a SYN or RST.
    last: Option<(usize, i64)>,
    /// RSTs that follow a segment of their own sender.
    unasked: Vec<u64>,
    /// Time and timestamp of the first SYN/ACK and of the client's last SYN.
    synack_ns: Option<i64>,
    syn_timestamp: Option<u32>,
    repeated: Option<RepeatedSynAck>,
    /// The highest number after a segment of each end, and the highest that the other acknowledged.
    next: [Option<u32>; 2],
    acknowledged: [Option<u32>; 2],
    /// Frames said to lack timestamps, until the next segment of that end confirms it.
    without_timestamps: [Option<u64>; 2],
    /// Time of the client's last SYN, and how long after a SYN the first SYN/ACK came.
    syn_ns: Option<i64>,
    synack_delay_ns: Option<i64>,
}

impl Recorder {
    pub fn new(file: &str) -> Self {
        Self { files: vec![file.into()], answers: Some(Vec::new()), ..Self::default() }
    }

    /// A recorder that gives every segment an event of its own, as long as there are not too many.
    pub fn in_full(file: &str) -> Self {
        Self { in_full: true, ..Self::new(file) }
    }

    /// Records a packet of the connection, from this file.
    pub fn record(&mut self, file: &str, packet: &FollowedPacket<'_>) {
        if self.files[self.current_file] != file {
            self.change_file(file);
        }
        match packet.packet {
            Packet::Segment(segment) => {
                self.note_identification(segment, packet.annotation);
                self.note_repeated_synack(segment, packet.annotation);
                let segment = self.segment(segment, packet.annotation);
                self.check_timestamps(&segment, packet.packet);
                self.mark_undelivered(&segment);
                if segment.is_plain() {
                    // Keep-alives and their answers are not summed up with what is around them.
                    let idle = segment.keep_alive || self.idle && segment.len == 0;
                    if idle != self.idle {
                        self.end_run();
                        self.idle = idle;
                    }
                    self.add_plain(segment);
                } else {
                    self.end_run();
                    self.add(Event::Segment(segment));
                }
            }
            Packet::IcmpError(error) => {
                self.end_run();
                self.add(Event::Icmp(icmp(error, packet)));
            }
            _ => {}
        }
    }

    /// Adds an event for the first change to each file. The first change back to a known file marks
    /// the files as interleaved; after that, only new files get an event.
    fn change_file(&mut self, file: &str) {
        let known = self.files.iter().position(|known| known == file);
        self.current_file = known.unwrap_or(self.files.len());
        if known.is_none() {
            self.files.push(file.into());
        } else if self.interleaved {
            return;
        }
        self.interleaved |= known.is_some();
        let names = match self.interleaved {
            false => shown(file).to_owned(),
            true => {
                let files: Vec<_> = self.files.iter().map(|file| shown(file)).collect();
                format!("{}, by turns", files.join(", "))
            }
        };
        self.end_run();
        self.add(Event::File(names));
    }

    /// The timeline of `connection`, which has ended.
    pub fn finish(mut self, connection: &Connection, now_ns: i64) -> Timeline {
        self.end_run();
        for frame in std::mem::take(&mut self.without_timestamps).into_iter().flatten() {
            self.retract_timestamps(frame);
        }
        let mut events = self.head;
        events.extend(self.middle.map(Event::Run));
        events.extend(self.middle_file.map(Event::File));
        events.extend(self.tail);
        if connection.is_unheard() {
            let segments = events.iter_mut().filter_map(|event| match event {
                Event::Segment(segment) => Some(segment),
                _ => None,
            });
            segments.for_each(|segment| segment.arrival = Arrival::Unknown);
        }
        let verdict = connection.verdict_at(now_ns);
        let origin = |frame| self.identifications.iter().find_map(|end| end.of_rst(frame));
        let rst_unasked = verdict.frames.rst.is_some_and(|frame| self.unasked.contains(&frame));
        let rst_origin = verdict.frames.rst.and_then(origin);
        Timeline {
            file: self.files.swap_remove(0),
            id: connection.id(),
            attempt: connection.attempt(),
            client: connection.client(),
            server: connection.server(),
            called: [connection.client(), connection.server()].map(|end| end.to_string()),
            first_ns: connection.first_ns(),
            last_ns: connection.last_ns(),
            client_state: connection.client_state(),
            server_state: connection.server_state(),
            counts: Counts::of(connection, &verdict),
            verdict,
            rejected: connection.rejected_rsts(),
            refusals: connection.refusals(),
            is_unheard: connection.is_unheard(),
            interleaved: self.interleaved,
            client_octets: self.sent[0].octets,
            client_resent: self.sent[0].resent,
            server_sent_more: self.server_sent_more,
            rst_origin,
            rst_unasked,
            repeated: self.repeated,
            events,
        }
    }

    fn note_identification(&mut self, segment: &Segment<'_>, annotation: &Annotation) {
        let (tcp, packet) = (&segment.tcp, &segment.packet);
        if annotation.copy == Repeat::Duplicate {
            return;
        }
        let own = usize::from(annotation.sender == Role::Server);
        let [syn, rst] = [TcpFlags::SYN, TcpFlags::RST].map(|flag| tcp.flags.contains(flag));
        let last = self.last.take();
        if syn {
            return;
        }
        self.last = Some((own, packet.time_ns)).filter(|_| !rst);
        let follows =
            |(from, time_ns)| from == own && packet.time_ns.saturating_sub(time_ns) < AT_ONCE_NS;
        if rst && last.is_some_and(follows) && self.unasked.len() < MOST_UNASKED {
            self.unasked.push(packet.frame);
        }
        let known = &mut self.identifications[own];
        if rst {
            let bare = !tcp.flags.contains(TcpFlags::ACK);
            known.add_rst(packet.frame, packet.ip_id, packet.time_ns, bare);
        } else {
            known.add(packet.ip_id, packet.time_ns);
        }
    }

    fn note_repeated_synack(&mut self, segment: &Segment<'_>, annotation: &Annotation) {
        let time_ns = segment.packet.time_ns;
        let timestamps =
            segment.tcp.options().map_while(Result::ok).find_map(|option| match option {
                TcpOption::Timestamps { value, echo } => Some((value, echo)),
                _ => None,
            });
        match annotation.stage {
            Stage::Syn => self.syn_timestamp = timestamps.map(|(value, _)| value),
            Stage::SynAck if annotation.findings.contains(Finding::SynAckRetxAfterAck) => {
                let since = self.synack_ns.map_or(0, |first_ns| time_ns.saturating_sub(first_ns));
                let echo = timestamps.map(|(_, echo)| echo);
                let later = echo
                    .zip(self.syn_timestamp)
                    .is_some_and(|(echo, value)| echo.wrapping_sub(value).cast_signed() > 0);
                self.repeated.get_or_insert(RepeatedSynAck {
                    after_ns: since.max(0).unsigned_abs(),
                    echoes_later: later,
                });
            }
            Stage::SynAck => {
                self.synack_ns.get_or_insert(time_ns);
            }
            _ => {}
        }
    }

    fn segment(&mut self, segment: &Segment<'_>, annotation: &Annotation) -> SegmentEvent {
        let tcp = &segment.tcp;
        // On a connection to itself, either side will do.
        let from = if annotation.sender == Role::Server { Side::Server } else { Side::Client };
        let (own, peer) = (from as usize, from.other() as usize);
        let [syn, rst] = [TcpFlags::SYN, TcpFlags::RST].map(|flag| tcp.flags.contains(flag));
        let ack = tcp.flags.contains(TcpFlags::ACK).then_some(tcp.acknowledgment.0);
        // These carry the sequence numbers of another connection, or of none.
        let foreign = matches!(
            annotation.stage,
            Stage::ChallengeAck | Stage::RstHalfOpen | Stage::RstIgnored | Stage::IllegalFlags
        );
        if syn {
            self.take_initial(own, tcp.sequence.0, annotation);
        } else if !foreign {
            self.initial[own].get_or_insert(tcp.sequence.0.wrapping_sub(1));
        }
        // An RST may acknowledge octets that were never sent.
        if let Some(ack) = ack.filter(|_| !foreign && !rst) {
            self.initial[peer].get_or_insert(ack.wrapping_sub(1));
        }
        if annotation.final_ack {
            let accepted = ack.map(|ack| ack.wrapping_sub(1));
            let accepted = accepted.filter(|it| self.answers.iter().flatten().any(|iss| iss == it));
            self.initial[peer] = accepted.or(self.initial[peer]);
            self.answers = None;
        }
        let len = segment.payload_octets();
        let counts = annotation.copy != Repeat::Duplicate && !syn;
        let resent = match counts && !foreign && !rst {
            true => self.sent[own].add(tcp.sequence.0, len),
            false => 0,
        };
        self.server_sent_more |= from == Side::Server && counts;
        let keep_alive =
            !syn && !foreign && self.is_keep_alive(own, tcp.sequence.0, len, tcp.flags);
        if !foreign && !rst {
            let takes = u32::from(syn) + u32::from(tcp.flags.contains(TcpFlags::FIN));
            let end = tcp.sequence.0.wrapping_add(len).wrapping_add(takes);
            raise(&mut self.next[own], end);
            if let Some(ack) = ack {
                raise(&mut self.acknowledged[peer], ack);
            }
        }
        SegmentEvent {
            frame: segment.packet.frame,
            time_ns: segment.packet.time_ns,
            from,
            seq: self.relative(own, tcp.sequence.0),
            is_from_zero: tcp.sequence.0 == 0,
            ack: ack.map(|ack| self.relative(peer, ack)),
            len,
            resent,
            annotation: *annotation,
            options: syn.then(|| SynOptions::of(segment)),
            arrival: Arrival::Assumed,
            keep_alive,
            text: if rst { text_of_rst(tcp.payload) } else { None },
            mptcp_reason: if rst { mptcp_reason(segment) } else { None },
        }
    }

    /// Whether a segment of `own` is a keep-alive. One with an octet is one only if that octet was
    /// acknowledged before; otherwise it is sent again.
    fn is_keep_alive(&self, own: usize, sequence: u32, len: u32, flags: TcpFlags) -> bool {
        let Some(next) = self.next[own] else { return false };
        let acknowledged = self.acknowledged[own] == Some(next);
        len <= 1
            && sequence == next.wrapping_sub(1)
            && acknowledged
            && !flags.intersects(TcpFlags::SYN | TcpFlags::FIN | TcpFlags::RST)
    }

    /// That timestamps are missing is said of a segment only if the next one of that end lacks them, too:
    /// a single one may come from elsewhere.
    fn check_timestamps(&mut self, new: &SegmentEvent, packet: &Packet<'_>) {
        let Packet::Segment(segment) = packet else { return };
        let Annotation { copy, flags, findings, .. } = new.annotation;
        if copy == Repeat::Duplicate || flags.contains(TcpFlags::RST) {
            return;
        }
        let side = new.from as usize;
        if let Some(frame) = self.without_timestamps[side].take() {
            let is_one = |option| matches!(option, TcpOption::Timestamps { .. });
            if segment.tcp.options().map_while(Result::ok).any(is_one) {
                self.retract_timestamps(frame);
            }
        }
        if findings.contains(Finding::TsDropped) {
            self.without_timestamps[side] = Some(new.frame);
        }
    }

    /// Takes back that this frame lacks timestamps.
    fn retract_timestamps(&mut self, frame: u64) {
        let kept = self.head.iter_mut().chain(&mut self.tail).filter_map(|event| match event {
            Event::Segment(segment) => Some(segment),
            _ => None,
        });
        for segment in kept.filter(|segment| segment.frame == frame) {
            segment.annotation.findings.remove(Finding::TsDropped);
        }
    }

    /// Takes in the initial sequence number of a SYN or SYN/ACK of end `own`.
    fn take_initial(&mut self, own: usize, number: u32, annotation: &Annotation) {
        let answers = matches!(annotation.stage, Stage::SynAck | Stage::SynAckSimultaneous)
            && !annotation.findings.contains(Finding::BadSynAck)
            && annotation.copy != Repeat::Duplicate;
        if annotation.copy == Repeat::Duplicate && self.initial[own].is_some_and(|it| it != number)
        {
            self.other_side[own] = Some(number);
        }
        match &mut self.answers {
            Some(known) if answers => {
                if !known.contains(&number) {
                    known.push(number);
                }
                self.initial[own] = Some(number);
            }
            _ => {
                self.initial[own].get_or_insert(number);
            }
        }
    }

    /// A number of end `side` relative to its initial one: to that of the side where it was captured.
    fn relative(&self, side: usize, number: u32) -> i64 {
        let here = relative(number, self.initial[side]);
        let there = self.other_side[side].map(|initial| relative(number, Some(initial)));
        there.filter(|there| there.abs() < here.abs()).unwrap_or(here)
    }

    /// Marks earlier segments that, as `new` shows, its sender did not get or did not accept.
    fn mark_undelivered(&mut self, new: &SegmentEvent) {
        let Annotation { stage, copy, findings, .. } = new.annotation;
        match (stage, self.syn_ns) {
            (Stage::Syn, _) => self.syn_ns = Some(new.time_ns),
            (Stage::SynAck, Some(syn_ns)) if self.synack_delay_ns.is_none() => {
                self.synack_delay_ns = Some(new.time_ns.saturating_sub(syn_ns));
            }
            _ => {}
        }
        // Younger segments of the client may still have been on their way to the server.
        let in_flight_ns = self.synack_delay_ns.unwrap_or(0);
        let retransmitted = copy == Repeat::Retransmission;
        let refuted = |old: &SegmentEvent| match stage {
            _ if findings.contains(Finding::SynAckNotReceived) => {
                old.annotation.stage == Stage::SynAck
            }
            _ if findings.contains(Finding::SynAckRetxAfterAck) => {
                old.from == Side::Client
                    && old.ack.is_some()
                    && !old.annotation.flags.contains(TcpFlags::RST)
                    && new.time_ns.saturating_sub(old.time_ns) >= in_flight_ns
            }
            _ if findings.contains(Finding::RstIgnored) => old.annotation.rst_reason.is_some(),
            Stage::Fin if retransmitted => old.annotation.stage == Stage::FinAcked,
            Stage::SecondFin | Stage::FinAndAck if retransmitted => {
                old.annotation.stage == Stage::SecondFinAcked
            }
            _ => false,
        };
        let kept = self.head.iter_mut().chain(&mut self.tail).filter_map(|event| match event {
            Event::Segment(segment) => Some(segment),
            _ => None,
        });
        for old in kept.chain(&mut self.waiting).filter(|old| refuted(old)) {
            old.arrival = Arrival::Refuted;
        }
    }

    fn add_plain(&mut self, segment: SegmentEvent) {
        self.plain += 1;
        if self.in_full || self.plain <= RUN_HEAD {
            self.add(Event::Segment(segment));
            return;
        }
        self.waiting.push_back(segment);
        if self.waiting.len() > RUN_LEAST
            && let Some(oldest) = self.waiting.pop_front()
        {
            let run = self.run.get_or_insert_with(|| Run::new(oldest.frame, oldest.time_ns));
            run.add(&Event::Segment(oldest));
        }
    }

    fn end_run(&mut self) {
        self.plain = 0;
        if let Some(mut run) = self.run.take() {
            let last = self.waiting.pop_back();
            self.waiting.drain(..).for_each(|segment| run.add(&Event::Segment(segment)));
            self.waiting.extend(last);
            self.add(Event::Run(run));
        }
        while let Some(segment) = self.waiting.pop_front() {
            self.add(Event::Segment(segment));
        }
    }

    fn add(&mut self, event: Event) {
        let most = if self.in_full { MOST_IN_FULL } else { MOST_HEAD };
        if self.head.len() < most {
            self.head.push(event);
            return;
        }
        if self.tail.len() == MOST_TAIL
            && let Some(oldest) = self.tail.pop_front()
        {
            if let (Some(frame), Some((time_ns, _))) = (oldest.frame(), oldest.times()) {
                self.middle.get_or_insert_with(|| Run::new(frame, time_ns));
            }
            if let Some(middle) = &mut self.middle {
                middle.add(&oldest);
            }
            if let Event::File(file) = oldest {
                self.middle_file = Some(file);
            }
        }
        self.tail.push_back(event);
    }
}

fn icmp(error: &IcmpError, packet: &FollowedPacket<'_>) -> IcmpEvent {
    let from_client = error.quoted.source == packet.connection.client();
    IcmpEvent {
        frame: error.packet.frame,
        time_ns: error.packet.time_ns,
        by: error.packet.source,
        by_receiver: error.packet.source == error.quoted.destination.ip(),
        to: if from_client { Side::Client } else { Side::Server },
        kind: error.kind,
        code: error.code,
        states: [packet.annotation.client, packet.annotation.server],
    }
}

/// Raises a sequence number to `number` if that is ahead.
fn raise(highest: &mut Option<u32>, number: u32) {
    let is_ahead = |known: u32| number.wrapping_sub(known).cast_signed() > 0;
    if highest.is_none_or(is_ahead) {
        *highest = Some(number);
    }
}

/// `number` relative to `initial`: negative within 64 KiB before it, otherwise up to 2^32.
fn relative(number: u32, initial: Option<u32>) -> i64 {
    const BEFORE: u32 = u32::MAX - (1 << 16);
    match number.wrapping_sub(initial.unwrap_or(0)) {
        offset @ BEFORE.. => i64::from(offset) - (1 << 32),
        offset => offset.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_relative_and_may_lie_before() {
        assert_eq!(relative(5, Some(5)), 0);
        assert_eq!(relative(4, Some(5)), -1);
        assert_eq!(relative(3, Some(u32::MAX)), 4);
        assert_eq!(relative(3_000_000_000, Some(0)), 3_000_000_000);
    }
}
