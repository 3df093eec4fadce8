//! The events of a timeline as sentences.

use dissector_core::connection::{
    Annotation, Close, Finding, FindingSet, Repeat, RstReason, Side, Stage, StageClass, State,
};
use dissector_core::wire::TcpFlags;

use crate::output::units::{count, duration, octets};
use crate::timeline::{Arrival, Event, IcmpEvent, Run, SegmentEvent, SynOptions, Timeline, labels};

/// Time and sentence for every event, or for several events that belong together.
pub fn sentences(timeline: &Timeline) -> Vec<(String, String)> {
    let mut narration = Narration {
        timeline,
        options: None,
        offered: [None; 2],
        findings: FindingSet::EMPTY,
        last_ns: None,
    };
    grouped(&timeline.events).iter().map(|group| narration.sentence(group)).collect()
}

/// Events that share a sentence.
enum Group<'a> {
    Single(&'a SegmentEvent),
    /// Consecutive copies of the same segment.
    Copies(Vec<&'a SegmentEvent>),
    Icmp(&'a IcmpEvent),
    /// Data and its acknowledgments.
    Run(Run),
    File(&'a str),
}

fn grouped(events: &[Event]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for event in events {
        match (event, groups.last_mut()) {
            (Event::Segment(segment), Some(Group::Copies(copies)))
                if is_mere_copy(segment)
                    && copies[0].annotation.stage == segment.annotation.stage =>
            {
                copies.push(segment);
            }
            (Event::Segment(segment), _) if is_mere_copy(segment) => {
                groups.push(Group::Copies(vec![segment]));
            }
            (Event::Segment(segment), Some(Group::Run(run)))
                if segment.is_plain() && belongs(segment, run) =>
            {
                run.add(event);
            }
            (Event::Run(more), Some(Group::Run(run))) if !more.remarkable => run.add(event),
            (Event::Segment(segment), _) if segment.is_plain() => {
                let mut run = Run::new(segment.frame, segment.time_ns);
                run.add(event);
                groups.push(Group::Run(run));
            }
            (Event::Segment(segment), _) => groups.push(Group::Single(segment)),
            (Event::Icmp(error), _) => groups.push(Group::Icmp(error)),
            (Event::Run(run), _) => groups.push(Group::Run(run.clone())),
            (Event::File(name), _) => groups.push(Group::File(name)),
        }
    }
    groups
}

/// Whether a segment goes into the same sentence as those of `run`: keep-alives and their answers have a
/// sentence of their own.
fn belongs(segment: &SegmentEvent, run: &Run) -> bool {
    let keep_alives: u64 = run.keep_alives.iter().sum();
    let only_keep_alives = keep_alives > 0 && run.octets.iter().sum::<u64>() <= keep_alives;
    if segment.keep_alive { only_keep_alives } else { !only_keep_alives || segment.len == 0 }
}

/// Whether a segment only shows that the copy before it was not answered.
fn is_mere_copy(segment: &SegmentEvent) -> bool {
    let Annotation { copy, retry, findings, .. } = segment.annotation;
    let more = findings.iter().any(|finding| {
        !matches!(finding, Finding::SynRetx | Finding::SynAckRetx | Finding::SynAckRetxAfterAck)
    });
    let first_refutation = findings.contains(Finding::SynAckRetxAfterAck) && retry < 2;
    copy == Repeat::Retransmission && !more && !first_refutation
}

struct Narration<'a> {
    timeline: &'a Timeline,
    /// Options of the last SYN or SYN/ACK.
    options: Option<SynOptions>,
    /// Options of the last SYN or SYN/ACK of each end.
    offered: [Option<SynOptions>; 2],
    /// Findings that a sentence has explained.
    findings: FindingSet,
    /// Time of the last event.
    last_ns: Option<i64>,
}

impl Narration<'_> {
    fn sentence(&mut self, group: &Group<'_>) -> (String, String) {
        match group {
            Group::Single(segment) => {
                (self.moment(segment.frame, segment.time_ns), self.segment(segment))
            }
            Group::Copies(copies) => (self.moment_of_copies(copies), self.copies(copies)),
            Group::Icmp(error) => (self.moment(error.frame, error.time_ns), icmp(error)),
            Group::Run(run) => (self.moment_of_run(run), data(run)),
            Group::File(name) => (format!("In {name}:"), "the connection continues.".into()),
        }
    }

    /// `Frame 2, 20.0 ms later:`
    fn moment(&mut self, frame: u64, time_ns: i64) -> String {
        match self.last_ns.replace(time_ns) {
            None => format!("Frame {frame}:"),
            Some(last_ns) => {
                let direction = if time_ns < last_ns { "earlier" } else { "later" };
                let distance = duration(last_ns.abs_diff(time_ns));
                format!("Frame {frame}, {distance} {direction}:")
            }
        }
    }

    fn moment_of_copies(&mut self, copies: &[&SegmentEvent]) -> String {
        let last = copies[copies.len() - 1];
        let moment = self.moment(last.frame, last.time_ns);
        if copies.len() == 1 {
            return moment;
        }
        let frames: Vec<_> = copies.iter().map(|copy| copy.frame.to_string()).collect();
        format!("Frames {}:", joined(&frames))
    }

    fn moment_of_run(&mut self, run: &Run) -> String {
        let first = self.moment(run.first_frame, run.first_ns);
        self.last_ns = Some(run.last_ns);
        if run.several_files || self.timeline.interleaved && run.segments > 1 {
            "Then:".into()
        } else if run.first_frame == run.last_frame {
            first
        } else {
            let to = if run.segments == 2 { "and" } else { "to" };
            format!("Frames {} {to} {}:", run.first_frame, run.last_frame)
        }
    }

    fn copies(&mut self, copies: &[&SegmentEvent]) -> String {
        let (from, annotation) = (copies[0].from, &copies[0].annotation);
        let what = match annotation.stage {
            Stage::Syn | Stage::SynCrossing => "SYN",
            Stage::SynAck | Stage::SynAckSimultaneous => "SYN/ACK",
            stage if stage.class() == StageClass::Close => "FIN",
            _ => "segment",
        };
        let times = match copies.len() {
            1 => "again".to_owned(),
            2 => "twice more".to_owned(),
            times => format!("{times} times more"),
        };
        let waits: Vec<_> =
            copies.iter().filter_map(|copy| copy.annotation.rto_ns()).map(duration).collect();
        let after =
            if waits.is_empty() { String::new() } else { format!(", after {}", joined(&waits)) };
        let why = match annotation.stage {
            _ if annotation.findings.contains(Finding::SynAckRetxAfterAck) => {
                "It still has not accepted the ACK."
            }
            Stage::Syn if self.findings.contains(Finding::HalfOpenReset) => {
                "Its RST has cleared the older connection."
            }
            Stage::Syn | Stage::SynCrossing => "No SYN/ACK has reached it.",
            Stage::SynAck | Stage::SynAckSimultaneous => "No ACK has reached it.",
            _ => "No acknowledgment has reached it.",
        };
        for copy in copies {
            self.findings = self.findings.union(copy.annotation.findings);
        }
        format!("the {from} sends its {what} {times}{after}. {why}")
    }

    fn segment(&mut self, segment: &SegmentEvent) -> String {
        if segment.annotation.copy == Repeat::Duplicate {
            let changed = self.changed(segment);
            return format!("the same packet again, captured twice; it was sent once.{changed}");
        }
        let (mut sentence, explained) = self.step(segment);
        if let Some(options) = segment.options {
            self.offered[segment.from as usize] = Some(options);
        }
        sentence.push_str(&said_in(segment));
        let explained = |finding| explained.contains(&finding) || finding == Finding::SlowHandshake;
        for finding in segment.annotation.findings.iter() {
            if !explained(finding) && !self.findings.contains(finding) {
                sentence.push(' ');
                sentence.push_str(finding.text());
            }
        }
        self.findings = self.findings.union(segment.annotation.findings);
        sentence
    }

    /// The sentence for a segment, and the findings that it covers.
    fn step(&mut self, segment: &SegmentEvent) -> (String, &'static [Finding]) {
        let annotation = &segment.annotation;
        let (stage, has) = (annotation.stage, |finding| annotation.findings.contains(finding));
        let (from, peer) = (segment.from, segment.from.other());
        let data = octets(segment.len.into());
        let with_data =
            if segment.len == 0 { String::new() } else { format!(" with {data} of data") };
        let retransmitted = annotation.copy == Repeat::Retransmission;
        let again = if retransmitted { " again" } else { "" };
        let after = match annotation.rto_ns() {
            Some(rto_ns) => format!(", {} after the previous one", duration(rto_ns)),
            None => String::new(),
        };
        let mut explained: &'static [Finding] = &[];
        let sentence = match stage {
            Stage::SynCrossing | Stage::Syn if retransmitted => {
                explained = &[Finding::SynRetx];
                format!("the {from} sends its SYN again{after}.")
            }
            Stage::SynCrossing => format!(
                "the {from} also sends a SYN{with_data} and asks for a connection: neither side has \
                 seen the other's SYN yet.{}",
                self.offer(segment)
            ),
            Stage::Syn => format!(
                "the {from} sends a SYN{with_data} and asks for a connection.{}",
                self.offer(segment)
            ),
            Stage::SynAck | Stage::SynAckSimultaneous if has(Finding::SynAckRetxAfterAck) => {
                explained = &[Finding::SynAckRetxAfterAck, Finding::SynAckRetx];
                let why = if self.timeline.is_deferred() {
                    "the server has got it, and waits for the client's first data (a deferred accept)"
                } else if self.timeline.ack_arrived() {
                    "the server's host has got it, as the timestamp that it echoes shows, and did not \
                     take it"
                } else {
                    "either the ACK was lost after it passed here, or the server dropped it"
                };
                format!(
                    "the {from} sends its SYN/ACK again{after}. It would not if it had accepted the \
                     ACK: {why}. The client considers the connection open, the server does not."
                )
            }
            Stage::SynAck if has(Finding::BadSynAck) => format!(
                "the {from} answers with a SYN/ACK that acknowledges something that was not sent."
            ),
            Stage::SynAck if !retransmitted => {
                format!("the {from} answers with a SYN/ACK{with_data}.{}", self.offer(segment))
            }
            Stage::SynAck | Stage::SynAckSimultaneous => {
                explained = &[Finding::SynAckRetx];
                format!("the {from} sends a SYN/ACK{again}{after}.")
            }
            Stage::FinalAck if self.was_taken_back(segment) => {
                explained =
                    &[Finding::HandshakeComplete, Finding::RstIgnored, Finding::SlowHandshake];
                format!(
                    "the {from} acknowledges{with_data} after all. That opens nothing: the RST before it \
                     had arrived, as the answer shows."
                )
            }
            Stage::FinalAck => {
                explained = &[Finding::HandshakeComplete];
                let whose =
                    if segment.arrival == Arrival::Refuted { "For the client, the" } else { "The" };
                let times = match labels::setup(self.timeline) {
                    times if times.is_empty() => times,
                    times => format!(", {times}"),
                };
                format!(
                    "the {from} acknowledges{with_data}: the third step. {whose} handshake is \
                     complete{times}."
                )
            }
            Stage::SplitAck => {
                format!("the {from} acknowledges the SYN, but does not send its own yet.")
            }
            Stage::MpJoinAck => format!(
                "the {from} confirms: the fourth step, which joins a subflow to a Multipath TCP \
                 connection."
            ),
            Stage::ChallengeAck => {
                explained = &[Finding::ChallengeAck];
                format!(
                    "the {from} answers with an ACK that does not acknowledge the SYN, a challenge. \
                     It still holds an older connection on these addresses and ports, and asks \
                     whether that one is gone."
                )
            }
            Stage::RstRefusal => {
                explained = &[Finding::Refused];
                format!("the {from} refuses with an RST that acknowledges the SYN.")
            }
            Stage::RstHandshakeAbort if is_of_stranger(annotation) => {
                explained = &[Finding::AbortedByClient, Finding::AbortedByServer];
                format!(
                    "the {from} sends an RST without ACK: it does not know the connection (any more)."
                )
            }
            Stage::RstHandshakeAbort => {
                explained = &[Finding::AbortedByClient, Finding::AbortedByServer];
                format!("the {from} sends an RST and gives up the handshake.")
            }
            Stage::RstHalfOpen => {
                explained = &[Finding::HalfOpenReset];
                format!(
                    "the {from} answers the challenge with an RST: it does not know the older \
                     connection, which this clears."
                )
            }
            Stage::RstIgnored if self.timeline.verdict.frames.rst == Some(segment.frame) => {
                explained = &[Finding::RstUnacceptable];
                format!(
                    "the {from} sends an RST in the window of the {peer}, but not with the number that \
                     the {peer} expects next: it should be challenged and not believed (RFC 5961). As \
                     far as can be seen it was believed, since the {peer} does not go on."
                )
            }
            Stage::RstIgnored if annotation.client.after() == State::SynSent => {
                explained = &[Finding::RstUnacceptable];
                let flaw = match segment.ack {
                    Some(ack) => format!("acknowledges {ack} instead of 1, counted from the SYN"),
                    None => "has no ACK".into(),
                };
                format!(
                    "the {from} sends an RST that {flaw}: it does not acknowledge the SYN, and the \
                     {peer} has to ignore it."
                )
            }
            Stage::RstIgnored => {
                explained = &[Finding::RstUnacceptable];
                format!(
                    "the {from} sends an RST with numbers that the {peer} does not accept: it should \
                     be ignored."
                )
            }
            Stage::Rst => {
                explained = &[Finding::RstAbort, Finding::RstAfterFin];
                let is_first = self.timeline.verdict.frames.rst == Some(segment.frame);
                let unasked = is_first && self.timeline.rst_unasked;
                format!("the {from} sends an RST{}.", reset(annotation, unasked))
            }
            Stage::Fin => format!("the {from} closes its side{with_data} (FIN){again}."),
            Stage::FinAcked | Stage::SecondFinAcked
                if matches!(
                    self.timeline.verdict.close,
                    Close::Simultaneous | Close::FinUnacked
                ) =>
            {
                format!("the {from} acknowledges the {peer}'s FIN.")
            }
            Stage::FinAcked => {
                format!("the {from} acknowledges the FIN{with_data}; it may still send.")
            }
            Stage::SecondFin => format!("the {from} closes its side, too{with_data} (FIN){again}."),
            Stage::FinAndAck => format!(
                "the {from} acknowledges the FIN and closes its side, too{with_data} (FIN){again}."
            ),
            Stage::SecondFinAcked => {
                format!("the {from} acknowledges the FIN. The connection is closed on both sides.")
            }
            Stage::FinSimultaneous => {
                explained = &[Finding::SimultaneousClose];
                format!("the {from} closes its side, too (FIN): the FINs cross on their way.")
            }
            Stage::IllegalFlags => {
                explained = &[Finding::IllegalFlags];
                format!(
                    "the {from} sends {}, which no TCP does: a scan, or damage.",
                    annotation.flags
                )
            }
            _ if segment.misses_synack() => format!(
                "the {from} sends an ACK{with_data} that acknowledges {} instead of 1, counted from the \
                 SYN/ACK: it does not acknowledge that.",
                segment.ack.unwrap_or(0)
            ),
            _ if segment.len > 0 && segment.keep_alive => keep_alive(from),
            _ if segment.precedes_synack() => {
                let fin = annotation.flags.contains(TcpFlags::FIN);
                let what = match (segment.len, fin) {
                    (0, true) => "a FIN".into(),
                    (0, false) => "an ACK without data".into(),
                    (_, true) => format!("{data} and a FIN"),
                    (_, false) => data,
                };
                format!(
                    "the {from} sends {what} without having sent a SYN/ACK: a client in SYN-SENT drops \
                     that."
                )
            }
            _ if segment.len > 0 && segment.resent == segment.len => {
                format!("the {from} sends {data} again.")
            }
            _ if segment.len > 0 => format!("the {from} sends {data}."),
            _ if segment.keep_alive => keep_alive(from),
            _ => format!("the {from} sends an ACK without data."),
        };
        (sentence, explained)
    }

    /// Whether a final ACK turned out to have completed nothing.
    fn was_taken_back(&self, segment: &SegmentEvent) -> bool {
        let verdict = &self.timeline.verdict;
        verdict.frames.final_ack.is_none()
            && verdict.frames.rst.is_some_and(|rst| rst < segment.frame)
    }

    /// The offer of a SYN or SYN/ACK, as a sentence after a space.
    fn offer(&mut self, segment: &SegmentEvent) -> String {
        let Some(options) = segment.options else { return String::new() };
        if self.options.replace(options) == Some(options) {
            return " It offers the same.".into();
        }
        let mut parts = Vec::new();
        if let Some(mss) = options.mss {
            parts.push(format!("segments of up to {mss} octets"));
        }
        if let Some(shift) = options.window_scale {
            parts.push(format!("window scaling by {shift}"));
        }
        for (offered, name) in [
            (options.sack, "selective acknowledgments"),
            (options.timestamps, "timestamps"),
            (options.fast_open, "Fast Open"),
            (options.mptcp, "Multipath TCP"),
            (options.mptcp_join, "to join a connection of Multipath TCP (MP_JOIN)"),
        ] {
            if offered {
                parts.push(name.into());
            }
        }
        let signed = if options.signed { " It is signed (TCP-MD5 or TCP-AO)." } else { "" };
        match (parts.is_empty(), options.cut) {
            (true, false) => format!(" It offers no options.{signed}"),
            (true, true) => " Its options were not captured.".into(),
            (false, false) => format!(" It offers {}.{signed}", joined(&parts)),
            (false, true) => {
                format!(" It offers {}; its other options were not captured.", joined(&parts))
            }
        }
    }

    /// The changes in a SYN or SYN/ACK between two capture points, as sentences after a space.
    fn changed(&self, segment: &SegmentEvent) -> String {
        let before = self.offered[segment.from as usize];
        let (Some(before), Some(after)) = (before, segment.options) else { return String::new() };
        let mut changes = Vec::new();
        let mut clamped = false;
        match (before.mss, after.mss) {
            (Some(from), Some(to)) if from != to => {
                clamped = true;
                changes
                    .push(format!("its maximum segment size changed from {from} to {to} octets"));
            }
            (Some(_), None) => changes.push("its maximum segment size was removed".into()),
            _ => {}
        }
        for (before, after, name) in [
            (before.window_scale.is_some(), after.window_scale.is_some(), "window scaling"),
            (before.sack, after.sack, "selective acknowledgments"),
            (before.timestamps, after.timestamps, "timestamps"),
            (before.fast_open, after.fast_open, "Fast Open"),
            (before.mptcp, after.mptcp, "Multipath TCP"),
            (before.signed, after.signed, "the signature"),
        ] {
            match (before, after) {
                (true, false) => changes.push(format!("{name} was taken out")),
                (false, true) => changes.push(format!("{name} was put in")),
                _ => {}
            }
        }
        if changes.is_empty() {
            return String::new();
        }
        let clamps = if clamped {
            " A device between them changes the maximum segment size (MSS clamping), as routers do in \
             front of a tunnel or PPPoE, whose packets have less room."
        } else {
            ""
        };
        format!(" Between the two capture points, {}.{clamps}", joined(&changes))
    }
}

/// The content of an RST besides its flags, as sentences after a space.
fn said_in(segment: &SegmentEvent) -> String {
    let mut said = String::new();
    if let Some(text) = &segment.text {
        said.push_str(&format!(" It carries a text: “{text}”."));
    } else if segment.len > 0 && segment.annotation.flags.contains(TcpFlags::RST) {
        said.push_str(&format!(" It carries {} of data.", octets(segment.len.into())));
    }
    if let Some(reason) = segment.mptcp_reason {
        let name = match reason {
            1 => "MPTCP-specific error",
            2 => "lack of resources",
            3 => "administratively prohibited",
            4 => "too much outstanding data",
            5 => "unacceptable performance",
            6 => "middlebox interference",
            _ => "unspecified",
        };
        said.push_str(&format!(" Its reason is “{name}” ({reason}, an option of Multipath TCP)."));
    }
    said
}

fn keep_alive(from: Side) -> String {
    format!("the {from} sends a keep-alive: it asks whether the other end is still there.")
}

/// `1`, `1 and 2`, `1, 2 and 3`; without the middle of a long list.
fn joined(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [first, second, .., last] if words.len() > 8 => {
            format!("{first}, {second}, … {last} ({} in all)", words.len())
        }
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// Whether an RST comes from a host that has no such connection.
fn is_of_stranger(annotation: &Annotation) -> bool {
    annotation.rst_reason == Some(RstReason::NoConnection)
}

/// How an RST was sent, and what that says of its sender. One that nothing has asked for comes right after
/// another segment of its sender, which knew the connection then.
fn reset(annotation: &Annotation, unasked: bool) -> &'static str {
    match annotation.rst_reason {
        Some(RstReason::Abort) if annotation.flags.contains(TcpFlags::ACK) => {
            " with ACK: the program there, or a device in its name, gave up the connection"
        }
        Some(RstReason::Abort) => {
            " without ACK, and not with the number that its peer has acknowledged: the host, or a \
             device in its name, gave up the connection"
        }
        Some(RstReason::NoConnection) if unasked => {
            " without ACK, with the number that its peer expects, right after another segment: it \
             answers nothing"
        }
        Some(RstReason::NoConnection) => {
            " without ACK, with the number that its peer expects: it does not know the connection \
             (any more)"
        }
        Some(RstReason::AfterFin) => " after its FIN: it accepts nothing more",
        _ => "",
    }
}

fn icmp(error: &IcmpEvent) -> String {
    let name = labels::icmp_name(error.by, error.kind, error.code);
    format!("{} reports “{name}” about a segment of the {}.", error.by, error.to)
}

/// Keep-alives and their answers.
fn keep_alives(run: &Run) -> String {
    let senders = Side::BOTH.into_iter().filter(|side| run.keep_alives[*side as usize] > 0);
    let sent: Vec<_> = senders
        .map(|side| {
            let number = count(run.keep_alives[side as usize], "keep-alive");
            format!("the {side} sends {number}")
        })
        .collect();
    let answers = run.segments.saturating_sub(run.keep_alives.iter().sum());
    let answered = match answers {
        0 => "no answer comes".into(),
        1 => "1 answer comes back".into(),
        _ => format!("{} come back", count(answers, "answer")),
    };
    let lasted = match run.segments {
        1 => String::new(),
        _ => format!(", in {}", duration(run.duration_ns())),
    };
    format!("{}, and {answered}{lasted}.", joined(&sent))
}

fn data(run: &Run) -> String {
    if run.keep_alives != [0; 2] && run.octets.iter().sum::<u64>() <= run.keep_alives.iter().sum() {
        return keep_alives(run);
    }
    let sent: Vec<_> = labels::sent(run).map(|what| format!("the {what}")).collect();
    let (segments, lasted) = (count(run.segments, "segment"), duration(run.duration_ns()));
    let unusual = if run.remarkable { " Some of them are repeated or unusual." } else { "" };
    let unusual = match run.keep_alives.iter().sum() {
        0 => unusual.into(),
        number => format!("{unusual} {} of them are keep-alives.", number),
    };
    match (run.segments, sent.is_empty()) {
        (1, true) => match run.from {
            Some(from) => format!("the {from} sends an ACK without data."),
            None => "an ACK without data.".into(),
        },
        (1, false) => format!("{}.", joined(&sent)),
        (_, true) => format!("{segments} without data, in {lasted}.{unusual}"),
        (_, false) => format!("{}, in {segments} over {lasted}.{unusual}", joined(&sent)),
    }
}
