//! What happened to one connection, event by event, in bounded memory: what `ladder` draws and
//! `explain` tells.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use dissector_core::capture::Packet;
use dissector_core::connection::{
    Annotation, Connection, Finding, FindingSet, Repeat, Role, RstReason, Stage, States, Verdict,
};
use dissector_core::wire::{TcpFlags, TcpOption};
use dissector_core::{IcmpError, Segment};

use crate::follow::Step;
use crate::input::shown;
use crate::stream::Stream;

/// Segments without a part in handshake or close that are shown at the start of a run of them.
const RUN_HEAD: u32 = 3;
/// Segments after those that are worth a line each, if there are no more.
const RUN_LEAST: usize = 4;
/// Events kept from the start; after them, only the last ones are.
const MOST_HEAD: usize = 300;
/// Events kept from the end.
const MOST_TAIL: usize = 60;

/// One end of the connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    Client,
    Server,
}

impl End {
    pub fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}

/// A segment that is told.
#[derive(Clone, Debug)]
pub struct Told {
    pub frame: u64,
    pub time_ns: i64,
    pub from: End,
    pub flags: TcpFlags,
    /// Relative to the sender's first, as in Wireshark.
    pub seq: i64,
    /// Relative to the other end's first.
    pub ack: Option<i64>,
    /// Octets of payload.
    pub len: u32,
    /// How many of them were sent before.
    pub again: u32,
    pub stage: Stage,
    pub copy: Repeat,
    /// On SYN, SYN/ACK and FIN: how many copies went before.
    pub retry: u8,
    pub rto_ns: Option<u64>,
    pub client: States,
    pub server: States,
    pub findings: FindingSet,
    pub rst_reason: Option<RstReason>,
    pub rst_ttl_delta: Option<i16>,
    /// What a SYN offers.
    pub offer: Option<Offer>,
    /// A later segment shows that it did not arrive, or was not taken.
    pub in_vain: bool,
}

/// What a SYN or SYN/ACK offers.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Offer {
    pub mss: Option<u16>,
    pub window_scale: Option<u8>,
    pub sack: bool,
    pub timestamps: bool,
    /// A cookie for Fast Open, or the request for one.
    pub fast_open: bool,
    pub mptcp: bool,
}

impl Offer {
    fn of(segment: &Segment<'_>) -> Self {
        let mut offer = Self::default();
        for option in segment.tcp.options().map_while(Result::ok) {
            match option {
                TcpOption::Mss(mss) => offer.mss = Some(mss),
                TcpOption::WindowScale(shift) => offer.window_scale = Some(shift),
                TcpOption::SackPermitted => offer.sack = true,
                TcpOption::Timestamps { .. } => offer.timestamps = true,
                TcpOption::FastOpen { .. } => offer.fast_open = true,
                TcpOption::Mptcp { .. } => offer.mptcp = true,
                _ => {}
            }
        }
        offer
    }
}

/// An ICMP error that is told.
#[derive(Clone, Debug)]
pub struct ToldError {
    pub frame: u64,
    pub time_ns: i64,
    /// Who complains.
    pub by: IpAddr,
    /// It is the end that the quoted segment was for.
    pub by_the_other_end: bool,
    /// The end whose segment it quotes, and to which it goes.
    pub to: End,
    pub kind: u8,
    pub code: u8,
    pub client: States,
    pub server: States,
}

/// Segments that are not told one by one.
#[derive(Clone, Debug)]
pub struct Run {
    pub first_frame: u64,
    pub last_frame: u64,
    pub first_ns: i64,
    pub last_ns: i64,
    pub segments: u64,
    /// Octets of payload from client and server.
    pub octets: [u64; 2],
    /// How many of them were sent before.
    pub again: [u64; 2],
    /// Some of them had a part in handshake or close, or deserve a remark.
    pub remarkable: bool,
    /// They are in more than one file.
    pub several_files: bool,
}

impl Run {
    pub fn new(frame: u64, time_ns: i64) -> Self {
        let (first_frame, last_frame, first_ns, last_ns) = (frame, frame, time_ns, time_ns);
        let (segments, octets, again, remarkable) = (0, [0; 2], [0; 2], false);
        Self {
            first_frame,
            last_frame,
            first_ns,
            last_ns,
            segments,
            octets,
            again,
            remarkable,
            several_files: false,
        }
    }

    pub fn add(&mut self, event: &Event) {
        match event {
            Event::Segment(told) => {
                self.segments += 1;
                self.octets[told.from as usize] += u64::from(told.len);
                self.again[told.from as usize] += u64::from(told.again);
                self.remarkable |= !told.is_plain();
                (self.last_frame, self.last_ns) = (told.frame, told.time_ns);
            }
            Event::Error(error) => {
                self.remarkable = true;
                (self.last_frame, self.last_ns) = (error.frame, error.time_ns);
            }
            Event::Run(run) => {
                self.segments += run.segments;
                for end in [0, 1] {
                    self.octets[end] += run.octets[end];
                    self.again[end] += run.again[end];
                }
                self.remarkable |= run.remarkable;
                self.several_files |= run.several_files;
                (self.last_frame, self.last_ns) = (run.last_frame, run.last_ns);
            }
            Event::File(_) => self.several_files = true,
        }
    }
}

#[derive(Clone, Debug)]
pub enum Event {
    Segment(Told),
    Error(ToldError),
    Run(Run),
    /// What follows is in this file, or in these by turns.
    File(String),
}

impl Event {
    /// When it began and when it was over, if it was captured.
    pub fn times(&self) -> Option<(i64, i64)> {
        match self {
            Self::Segment(told) => Some((told.time_ns, told.time_ns)),
            Self::Error(error) => Some((error.time_ns, error.time_ns)),
            Self::Run(run) => Some((run.first_ns, run.last_ns)),
            Self::File(_) => None,
        }
    }

    /// Its first frame.
    fn frame(&self) -> Option<u64> {
        match self {
            Self::Segment(told) => Some(told.frame),
            Self::Error(error) => Some(error.frame),
            Self::Run(run) => Some(run.first_frame),
            Self::File(_) => None,
        }
    }
}

impl Told {
    /// Neither a step nor worth a remark.
    pub fn is_plain(&self) -> bool {
        self.stage == Stage::None && self.findings.is_empty() && self.copy == Repeat::Original
    }
}

/// One connection from its first event to its end.
#[derive(Debug)]
pub struct Story {
    /// The file that it begins in, as it was named.
    pub file: String,
    pub id: u32,
    pub attempt: u16,
    pub client: SocketAddr,
    pub server: SocketAddr,
    pub first_ns: i64,
    pub last_ns: i64,
    pub client_state: States,
    pub server_state: States,
    pub verdict: Verdict,
    /// It is in several files, of which the frames come by turns.
    pub by_turns: bool,
    /// Octets that the client has sent after its SYN, each counted once.
    pub client_octets: u64,
    /// How many it has sent again.
    pub client_again: u64,
    /// The server has sent something besides SYNs, whatever it was.
    pub server_went_on: bool,
    pub events: Vec<Event>,
}

/// Collects the events of one connection.
pub struct Recorder {
    /// The files that it has been in so far, from the one that it begins in on.
    files: Vec<String>,
    /// The place of the one that the last event is in.
    current_file: usize,
    by_turns: bool,
    head: Vec<Event>,
    /// What does not fit in the head and is not among the last.
    middle: Option<Run>,
    /// The file in which that ends, where it is another than at its beginning.
    middle_file: Option<String>,
    tail: VecDeque<Event>,
    /// Plain segments in a row so far.
    plain: u32,
    /// The last of them: told one by one unless there are more.
    waiting: VecDeque<Told>,
    /// Those before them that are not told one by one.
    run: Option<Run>,
    /// The numbers that those of client and server are relative to.
    bases: [Option<u32>; 2],
    streams: [Stream; 2],
    server_went_on: bool,
    /// When the client's last SYN came, and how long the server then took to answer.
    syn_ns: Option<i64>,
    synack_delay_ns: Option<i64>,
}

impl Recorder {
    pub fn new(file: &str) -> Self {
        Self {
            files: vec![file.into()],
            current_file: 0,
            by_turns: false,
            head: Vec::new(),
            middle: None,
            middle_file: None,
            tail: VecDeque::new(),
            plain: 0,
            waiting: VecDeque::new(),
            run: None,
            bases: [None; 2],
            streams: Default::default(),
            server_went_on: false,
            syn_ns: None,
            synack_delay_ns: None,
        }
    }

    /// Takes in what `step` says of the connection.
    pub fn record(&mut self, step: &Step<'_>) {
        if self.files[self.current_file] != step.file {
            self.change_file(step.file);
        }
        match step.packet {
            Packet::Segment(segment) => {
                let told = self.told(segment, step.seen);
                self.mark_what_was_in_vain(&told);
                if told.is_plain() {
                    self.add_plain(told);
                } else {
                    self.end_run();
                    self.add(Event::Segment(told));
                }
            }
            Packet::IcmpError(error) => {
                self.end_run();
                self.add(Event::Error(told_error(error, step)));
            }
            _ => {}
        }
    }

    /// The next event is in another file than the one before. It is told of each file once; where it
    /// goes back to one, all of them are by turns from then on, and that is told once.
    fn change_file(&mut self, file: &str) {
        let known = self.files.iter().position(|known| known == file);
        self.current_file = known.unwrap_or(self.files.len());
        if known.is_none() {
            self.files.push(file.into());
        } else if self.by_turns {
            return;
        }
        self.by_turns |= known.is_some();
        let names = match self.by_turns {
            false => shown(file).to_owned(),
            true => {
                let files: Vec<_> = self.files.iter().map(|file| shown(file)).collect();
                format!("{}, by turns", files.join(", "))
            }
        };
        self.end_run();
        self.add(Event::File(names));
    }

    /// The whole story, `connection` being at its end.
    pub fn finish(mut self, connection: &Connection, now_ns: i64) -> Story {
        self.end_run();
        let mut events = self.head;
        events.extend(self.middle.map(Event::Run));
        events.extend(self.middle_file.map(Event::File));
        events.extend(self.tail);
        Story {
            file: self.files.swap_remove(0),
            id: connection.id(),
            attempt: connection.attempt(),
            client: connection.client(),
            server: connection.server(),
            first_ns: connection.first_ns(),
            last_ns: connection.last_ns(),
            client_state: connection.client_state(),
            server_state: connection.server_state(),
            verdict: connection.verdict_at(now_ns),
            by_turns: self.by_turns,
            client_octets: self.streams[0].octets,
            client_again: self.streams[0].again,
            server_went_on: self.server_went_on,
            events,
        }
    }

    fn told(&mut self, segment: &Segment<'_>, seen: &Annotation) -> Told {
        let tcp = &segment.tcp;
        // Where both ends are the same, either will do.
        let from = if seen.sender == Role::Server { End::Server } else { End::Client };
        let (own, other) = (from as usize, from.other() as usize);
        let syn = tcp.flags.contains(TcpFlags::SYN);
        let ack = tcp.flags.contains(TcpFlags::ACK).then_some(tcp.acknowledgment.0);
        // What concerns another connection counts from elsewhere.
        let strange = matches!(
            seen.stage,
            Stage::ChallengeAck | Stage::RstHalfOpen | Stage::RstIgnored | Stage::IllegalFlags
        );
        if syn {
            self.bases[own].get_or_insert(tcp.sequence.0);
        } else if !strange {
            self.bases[own].get_or_insert(tcp.sequence.0.wrapping_sub(1));
        }
        // An RST may acknowledge nothing that was ever sent.
        if let Some(ack) = ack.filter(|_| !strange && !tcp.flags.contains(TcpFlags::RST)) {
            self.bases[other].get_or_insert(ack.wrapping_sub(1));
        }
        let len = segment.payload_octets();
        let once = seen.copy != Repeat::Duplicate && !syn;
        let again = match once && !strange && !tcp.flags.contains(TcpFlags::RST) {
            true => self.streams[own].take(tcp.sequence.0, len),
            false => 0,
        };
        self.server_went_on |= from == End::Server && once;
        Told {
            frame: segment.packet.frame,
            time_ns: segment.packet.time_ns,
            from,
            flags: tcp.flags,
            seq: relative(tcp.sequence.0, self.bases[own]),
            ack: ack.map(|ack| relative(ack, self.bases[other])),
            len,
            again,
            stage: seen.stage,
            copy: seen.copy,
            retry: seen.retry,
            rto_ns: seen.rto_ns(),
            client: seen.client,
            server: seen.server,
            findings: seen.findings,
            rst_reason: seen.rst_reason,
            rst_ttl_delta: seen.rst_ttl_delta(),
            offer: syn.then(|| Offer::of(segment)),
            in_vain: false,
        }
    }

    /// What `told` shows of earlier segments: that the other end did not get or take them.
    fn mark_what_was_in_vain(&mut self, told: &Told) {
        match (told.stage, self.syn_ns) {
            (Stage::Syn, _) => self.syn_ns = Some(told.time_ns),
            (Stage::SynAck, Some(syn_ns)) if self.synack_delay_ns.is_none() => {
                self.synack_delay_ns = Some(told.time_ns.saturating_sub(syn_ns));
            }
            _ => {}
        }
        // What the client has sent since may still have been under way to the server.
        let under_way_ns = self.synack_delay_ns.unwrap_or(0);
        let refuted = |was: &Told| match told.stage {
            _ if told.findings.contains(Finding::SynAckNotReceived) => was.stage == Stage::SynAck,
            _ if told.findings.contains(Finding::SynAckRetxAfterAck) => {
                was.from == End::Client
                    && was.ack.is_some()
                    && !was.flags.contains(TcpFlags::RST)
                    && told.time_ns.saturating_sub(was.time_ns) >= under_way_ns
            }
            _ if told.findings.contains(Finding::RstIgnored) => was.rst_reason.is_some(),
            Stage::Fin if told.copy == Repeat::Retransmission => was.stage == Stage::FinAcked,
            Stage::SecondFin | Stage::FinAndAck if told.copy == Repeat::Retransmission => {
                was.stage == Stage::SecondFinAcked
            }
            _ => false,
        };
        let run = self.waiting.iter_mut().rev();
        let kept = self.tail.iter_mut().rev().chain(self.head.iter_mut().rev());
        let kept = kept.filter_map(|event| match event {
            Event::Segment(told) => Some(told),
            _ => None,
        });
        for was in run.chain(kept).filter(|was| refuted(was)) {
            was.in_vain = true;
        }
    }

    fn add_plain(&mut self, told: Told) {
        self.plain += 1;
        if self.plain <= RUN_HEAD {
            self.add(Event::Segment(told));
            return;
        }
        self.waiting.push_back(told);
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
            self.waiting.drain(..).for_each(|told| run.add(&Event::Segment(told)));
            self.waiting.extend(last);
            self.add(Event::Run(run));
        }
        while let Some(told) = self.waiting.pop_front() {
            self.add(Event::Segment(told));
        }
    }

    fn add(&mut self, event: Event) {
        if self.head.len() < MOST_HEAD {
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

fn told_error(error: &IcmpError, step: &Step<'_>) -> ToldError {
    let from_client = error.quoted.source == step.connection.client();
    ToldError {
        frame: error.packet.frame,
        time_ns: error.packet.time_ns,
        by: error.packet.source,
        by_the_other_end: error.packet.source == error.quoted.destination.ip(),
        to: if from_client { End::Client } else { End::Server },
        kind: error.kind,
        code: error.code,
        client: step.seen.client,
        server: step.seen.server,
    }
}

/// Signed where it lies a little before the base; otherwise a position in the stream.
fn relative(number: u32, base: Option<u32>) -> i64 {
    const BEFORE: u32 = u32::MAX - (1 << 16);
    match number.wrapping_sub(base.unwrap_or(0)) {
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
