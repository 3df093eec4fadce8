//! Each event as a sentence.

use dissector_core::connection::{Close, Finding, FindingSet, Repeat, RstReason, Stage};

use crate::output::{count, duration, octets};
use crate::story::{End, Event, Offer, Run, Story, Told, ToldError};
use crate::words;

/// When, and what: for every event, or for several that belong together.
pub fn all(story: &Story) -> Vec<(String, String)> {
    let mut told = Vec::new();
    let mut offered = None;
    let mut last_ns = None;
    let mut said = FindingSet::EMPTY;
    for group in grouped(&story.events) {
        let (when, sentence) = match &group {
            Group::Alone(one) => {
                let when = moment(one.frame, one.time_ns, last_ns);
                last_ns = Some(one.time_ns);
                (when, segment(one, story, &mut said, &mut offered))
            }
            Group::Again(copies) => {
                let (Some(first), Some(last)) = (copies.first(), copies.last()) else { continue };
                let frames: Vec<_> = copies.iter().map(|one| one.frame.to_string()).collect();
                let frames = match copies.len() {
                    1 => moment(first.frame, first.time_ns, last_ns),
                    _ => format!("Frames {}:", joined(&frames)),
                };
                copies.iter().for_each(|one| said = said.union(one.findings));
                last_ns = Some(last.time_ns);
                (frames, again(first, copies))
            }
            Group::Error(error) => {
                let when = moment(error.frame, error.time_ns, last_ns);
                last_ns = Some(error.time_ns);
                (when, icmp(error))
            }
            Group::File(name) => (format!("In {name}:"), "it goes on there.".into()),
            Group::Run(run) => {
                let when = if run.several_files || story.by_turns && run.segments > 1 {
                    "Then:".into()
                } else if run.first_frame == run.last_frame {
                    moment(run.first_frame, run.first_ns, last_ns)
                } else {
                    let to = if run.segments == 2 { "and" } else { "to" };
                    format!("Frames {} {to} {}:", run.first_frame, run.last_frame)
                };
                last_ns = Some(run.last_ns);
                (when, data(run))
            }
        };
        told.push((when, sentence));
    }
    told
}

/// Events that one sentence tells.
enum Group<'a> {
    Alone(&'a Told),
    /// Copies of the same, one after another.
    Again(Vec<&'a Told>),
    Error(&'a ToldError),
    /// Nothing but data and its acknowledgments.
    Run(Run),
    File(&'a str),
}

fn grouped(events: &[Event]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for event in events {
        match (event, groups.last_mut()) {
            (Event::Segment(told), Some(Group::Again(copies)))
                if is_again(told) && copies.iter().all(|one| one.stage == told.stage) =>
            {
                copies.push(told);
            }
            (Event::Segment(told), _) if is_again(told) => groups.push(Group::Again(vec![told])),
            (Event::Segment(told), Some(Group::Run(run))) if told.is_plain() => run.add(event),
            (Event::Run(more), Some(Group::Run(run))) if !more.remarkable => run.add(event),
            (Event::Segment(told), _) if told.is_plain() => {
                let mut run = Run::new(told.frame, told.time_ns);
                run.add(event);
                groups.push(Group::Run(run));
            }
            (Event::Segment(told), _) => groups.push(Group::Alone(told)),
            (Event::Error(error), _) => groups.push(Group::Error(error)),
            (Event::Run(run), _) => groups.push(Group::Run(run.clone())),
            (Event::File(name), _) => groups.push(Group::File(name)),
        }
    }
    groups
}

/// A copy that says no more than that the one before it was not answered.
fn is_again(told: &Told) -> bool {
    let more = told.findings.iter().any(|finding| {
        !matches!(finding, Finding::SynRetx | Finding::SynAckRetx | Finding::SynAckRetxAfterAck)
    });
    let first_refutation = told.findings.contains(Finding::SynAckRetxAfterAck) && told.retry < 2;
    told.copy == Repeat::Retransmission && !more && !first_refutation
}

/// `Frame 2, 20.0 ms later:`
fn moment(frame: u64, time_ns: i64, last_ns: Option<i64>) -> String {
    match last_ns {
        None => format!("Frame {frame}:"),
        Some(last_ns) if time_ns < last_ns => {
            format!("Frame {frame}, {} before that:", duration(last_ns.abs_diff(time_ns)))
        }
        Some(last_ns) => {
            format!("Frame {frame}, {} later:", duration(last_ns.abs_diff(time_ns)))
        }
    }
}

/// `1`, `1 and 2`, `1, 2 and 3`; the middle of many left out.
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

fn again(first: &Told, copies: &[&Told]) -> String {
    let (who, what) = match (first.from, first.stage) {
        (End::Client, Stage::Syn) => ("the client", "SYN"),
        (End::Server, Stage::SynAck) => ("the server", "SYN/ACK"),
        (end, stage) if stage.number() >= Stage::Fin.number() => {
            (if end == End::Client { "the client" } else { "the server" }, "FIN")
        }
        (End::Client, _) => ("the client", "segment"),
        (End::Server, _) => ("the server", "segment"),
    };
    let waits: Vec<_> = copies.iter().filter_map(|one| one.rto_ns).map(duration).collect();
    let times = match copies.len() {
        1 => "again".to_owned(),
        2 => "twice more".to_owned(),
        times => format!("{times} times more"),
    };
    let why = match first.stage {
        _ if first.findings.contains(Finding::SynAckRetxAfterAck) => {
            "It still has not taken the ACK."
        }
        Stage::Syn => "No answer has reached it.",
        Stage::SynAck => "No ACK has reached it.",
        _ => "No acknowledgment has reached it.",
    };
    let after =
        if waits.is_empty() { String::new() } else { format!(", after {}", joined(&waits)) };
    format!("{who} sends its {what} {times}{after}. {why}")
}

fn segment(
    told: &Told,
    story: &Story,
    said: &mut FindingSet,
    offered: &mut Option<Offer>,
) -> String {
    let who = told.from.name();
    let mut covered = FindingSet::EMPTY;
    let mut cover = |findings: &[Finding]| findings.iter().for_each(|one| covered.insert(*one));
    let on_it = match told.len {
        0 => String::new(),
        len => format!(" with {} of data on it", octets(len.into())),
    };
    let copy = match told.copy {
        Repeat::Duplicate => {
            cover(&[Finding::DuplicateFrame]);
            return "the same packet again, captured twice; it was sent once.".into();
        }
        Repeat::Retransmission => " again",
        _ => "",
    };
    let after = match told.rto_ns {
        Some(rto_ns) => format!(", {} after the one before", duration(rto_ns)),
        None => String::new(),
    };
    let sentence = match told.stage {
        Stage::Syn | Stage::SynCrossing if copy.is_empty() => {
            let what = match told.stage {
                Stage::Syn => "asks for a connection",
                _ => "asks for a connection, too: neither has seen the other's SYN yet",
            };
            format!("the {who} sends a SYN{on_it} and {what}.{}", offers(told.offer, offered))
        }
        Stage::Syn => {
            cover(&[Finding::SynRetx]);
            format!("the {who} sends its SYN again{after}.")
        }
        Stage::SynAck | Stage::SynAckSimultaneous
            if told.findings.contains(Finding::SynAckRetxAfterAck) =>
        {
            cover(&[Finding::SynAckRetxAfterAck, Finding::SynAckRetx]);
            format!(
                "the {who} sends its SYN/ACK again{after}. It would not if it had taken the ACK: \
                 either that was lost after it passed here, or the server dropped it. The client \
                 holds the connection for open, the server does not."
            )
        }
        Stage::SynAck if told.findings.contains(Finding::BadSynAck) => {
            format!("the {who} answers with SYN/ACK, but acknowledges something that was not sent.")
        }
        Stage::SynAck if copy.is_empty() => {
            format!(
                "the {who} answers with SYN/ACK{on_it}: it is willing.{}",
                offers(told.offer, offered)
            )
        }
        Stage::SynAck | Stage::SynAckSimultaneous => {
            cover(&[Finding::SynAckRetx]);
            format!("the {who} sends SYN/ACK{copy}{after}.")
        }
        Stage::FinalAck => {
            cover(&[Finding::HandshakeComplete]);
            let whose = if told.in_vain { "For the client, the" } else { "The" };
            let times = match words::setup(story) {
                nothing if nothing.is_empty() => nothing,
                times => format!(", {times}"),
            };
            format!(
                "the {who} acknowledges{on_it}: the third step. {whose} handshake is complete{times}."
            )
        }
        Stage::SplitAck => {
            format!("the {who} acknowledges the SYN, but sends none of its own yet.")
        }
        Stage::MpJoinAck => {
            format!(
                "the {who} confirms: the fourth step, by which a subflow of multipath TCP is joined."
            )
        }
        Stage::ChallengeAck => {
            cover(&[Finding::ChallengeAck]);
            format!(
                "the {who} answers with an ACK that does not acknowledge the SYN: a challenge. It still \
                 holds an older connection on these addresses and ports, and asks whether that is gone."
            )
        }
        Stage::RstRefusal => {
            cover(&[Finding::Refused]);
            format!("the {who} answers with an RST that acknowledges the SYN: it refuses.")
        }
        Stage::RstHandshakeAbort => {
            cover(&[Finding::AbortedByClient, Finding::AbortedByServer]);
            format!("the {who} sends an RST and gives the handshake up.")
        }
        Stage::RstHalfOpen => {
            cover(&[Finding::HalfOpenReset]);
            format!(
                "the {who} answers the challenge with an RST: it knows nothing of the older connection, \
                 which is cleared by this."
            )
        }
        Stage::RstIgnored => {
            cover(&[Finding::RstUnacceptable]);
            format!(
                "the {who} sends an RST whose numbers fit nothing that the {} would accept: it should be \
                 ignored.",
                told.from.other().name()
            )
        }
        Stage::Rst => {
            cover(&[Finding::RstAbort, Finding::RstAfterFin]);
            format!("the {who} sends an RST{}.", reset(told.rst_reason))
        }
        Stage::Fin => format!("the {who} closes its side{on_it} (FIN){copy}."),
        Stage::FinAcked | Stage::SecondFinAcked if story.verdict.close == Close::Simultaneous => {
            format!("the {who} acknowledges the other's FIN.")
        }
        Stage::FinAcked => {
            format!("the {who} acknowledges the FIN{on_it}; it may still send.")
        }
        Stage::SecondFin => format!("the {who} closes, too{on_it} (FIN){copy}."),
        Stage::FinAndAck => {
            format!("the {who} acknowledges the FIN and closes, too{on_it} (FIN){copy}.")
        }
        Stage::SecondFinAcked => {
            format!("the {who} acknowledges that. The connection is closed on both sides.")
        }
        Stage::FinSimultaneous => {
            cover(&[Finding::SimultaneousClose]);
            format!("the {who} closes, too (FIN): the FINs cross on their way.")
        }
        Stage::IllegalFlags => {
            cover(&[Finding::IllegalFlags]);
            format!("the {who} sends {}: no TCP does that. A scan, or damage.", told.flags)
        }
        _ if told.len > 0 && told.again == told.len => {
            format!("the {who} sends {} again.", octets(told.len.into()))
        }
        _ if told.len > 0 => format!("the {who} sends {}.", octets(told.len.into())),
        _ => format!("the {who} sends an ACK without data."),
    };
    let mut sentence = sentence;
    for finding in told.findings.iter().filter(|finding| !covered.contains(*finding)) {
        if said.contains(finding) || finding == Finding::SlowHandshake {
            continue;
        }
        sentence.push(' ');
        sentence.push_str(finding.text());
    }
    *said = said.union(told.findings);
    sentence
}

/// What a SYN offers, as a sentence with a space before it.
fn offers(offer: Option<Offer>, offered: &mut Option<Offer>) -> String {
    let Some(offer) = offer else { return String::new() };
    if offered.replace(offer) == Some(offer) {
        return " It offers the same.".into();
    }
    let mut parts = Vec::new();
    if let Some(mss) = offer.mss {
        parts.push(format!("segments of up to {mss} octets"));
    }
    if let Some(shift) = offer.window_scale {
        parts.push(format!("window scaling by {shift}"));
    }
    if offer.sack {
        parts.push("selective acknowledgments".into());
    }
    if offer.timestamps {
        parts.push("timestamps".into());
    }
    if offer.fast_open {
        parts.push("Fast Open".into());
    }
    if offer.mptcp {
        parts.push("multipath TCP".into());
    }
    if parts.is_empty() {
        " It offers no options.".into()
    } else {
        format!(" It offers {}.", joined(&parts))
    }
}

fn reset(reason: Option<RstReason>) -> &'static str {
    match reason {
        Some(RstReason::Abort) => " with ACK: the program there gave the connection up",
        Some(RstReason::NoConnection) => {
            " without ACK, numbered as the other side expects it: it knows no such connection (any more)"
        }
        Some(RstReason::AfterFin) => " after its FIN: it takes nothing more",
        _ => "",
    }
}

fn icmp(error: &ToldError) -> String {
    format!(
        "{} says “{}”, about a segment of the {}.",
        error.by,
        words::icmp(error.by, error.kind, error.code),
        error.to.name()
    )
}

fn data(run: &Run) -> String {
    let sent: Vec<_> = words::sends(run).map(|what| format!("the {what}")).collect();
    let lasted = run.last_ns.saturating_sub(run.first_ns).max(0) as u64;
    let unusual = if run.remarkable { " Some of them are repeated or unusual." } else { "" };
    match (run.segments, sent.is_empty()) {
        (1, true) => "an ACK without data.".into(),
        (1, false) => format!("{}.", joined(&sent)),
        (segments, true) => {
            format!(
                "{} without data, in {}.{unusual}",
                count(segments, "segment"),
                duration(lasted)
            )
        }
        (segments, false) => format!(
            "{}, in {} over {}.{unusual}",
            joined(&sent),
            count(segments, "segment"),
            duration(lasted)
        ),
    }
}
