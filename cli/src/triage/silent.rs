//! What came up and stayed silent, or ended badly.

use dissector_core::connection::{Cause, Close, ClosedBy, Evidence, Finding, Outcome, Seen};

use super::failures::{EXPLAINED, brief_of, command, explain};
use super::groups::{Alike, group};
use super::record::Record;
use super::result::{Group, Scene, Section};
use super::wording;

/// After so long without an answer, the server is silent, in nanoseconds.
const SILENT_NS: i64 = 10_000_000_000;
/// Data that was not acknowledged for so long was sent again, in nanoseconds.
const LOST_NS: i64 = 3_000_000_000;

/// What is wrong with a connection that came up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Wrong {
    /// None of the client's data was acknowledged.
    Unacknowledged,
    /// The client's data was acknowledged, and nothing came back.
    Unanswered,
    /// The server sent data, and none of it was acknowledged.
    AnswerLost,
    /// The server closed or reset it before either had sent an octet.
    TurnedAway,
    /// The client reset it.
    ResetByClient,
    /// The server, or something in its name, reset it.
    ResetByServer,
}

impl Wrong {
    const fn label(self) -> &'static str {
        match self {
            Self::Unacknowledged => "data_unanswered",
            Self::Unanswered => "no_data_back",
            Self::AnswerLost => "answer_unacknowledged",
            Self::TurnedAway => "turned_away",
            Self::ResetByClient => "reset_by_client",
            Self::ResetByServer => "reset_by_server",
        }
    }

    const fn what(self) -> &'static str {
        match self {
            Self::Unacknowledged => "without any data acknowledged",
            Self::Unanswered => "without any data sent back",
            Self::AnswerLost => "without any of the server's data acknowledged",
            Self::TurnedAway => "closed without an octet",
            Self::ResetByClient => "ended by an RST of the client",
            Self::ResetByServer => "ended by an RST of the server",
        }
    }

    const fn means(self) -> &'static str {
        match self {
            Self::Unacknowledged => {
                "The handshake is complete, and no octet of the client's data was ever acknowledged."
            }
            Self::Unanswered => {
                "The server's host acknowledged the client's data, and its program has sent nothing \
                 back: the program is slow or stuck, or its answer is lost before it gets here (path \
                 MTU, if the answer is large)."
            }
            Self::AnswerLost => {
                "The handshake is complete, and the client acknowledged no octet of what the server sent. \
                 If small packets pass all the while, full-sized segments are too long for a link and \
                 nothing tells the server (path MTU: a tunnel, a VPN, ICMP filtered)."
            }
            Self::TurnedAway => "It came up and was closed before either side had sent an octet.",
            Self::ResetByClient | Self::ResetByServer => "It came up, and an RST ended it.",
        }
    }

    /// The first check, and its command, where no advice has one.
    fn check(self, record: &Record) -> Option<(&'static str, Option<String>)> {
        let client = record.neighbour.client.ip();
        // A packet of 1500 octets has so many in a ping.
        let octets = if client.is_ipv4() { 1472 } else { 1452 };
        let command = format!("ping -M do -c 3 -s {octets} {client}");
        (self == Self::AnswerLost)
            .then_some(("On the server: do full-sized packets reach the client?", Some(command)))
    }
}

/// The groups, and how many connections are in them: silent ones, and those that were reset.
pub fn groups(all: &[&Record], scene: &Scene<'_>) -> (Vec<Group>, [u64; 2]) {
    let (mut bad, mut good) = (Vec::new(), Vec::new());
    for record in all.iter().filter(|record| record.is_open()) {
        match wrong(record, scene) {
            Some(wrong) => {
                let cause = record.cause.map_or(u8::MAX, Cause::number);
                bad.push((*record, (wrong as u8, cause)));
            }
            None => good.push(*record),
        }
    }
    let resets = [Wrong::ResetByClient as u8, Wrong::ResetByServer as u8];
    let reset = bad.iter().filter(|(_, (wrong, _))| resets.contains(wrong)).count() as u64;
    let counts = [bad.len() as u64 - reset, reset];
    let found = group(&bad, &good, scene.weight);
    let described = found.iter().enumerate().filter_map(|(place, alike)| {
        let wrong = wrong(alike.members.first()?, scene)?;
        describe(alike, wrong, place < EXPLAINED, scene)
    });
    (described.collect(), counts)
}

fn wrong(record: &Record, scene: &Scene<'_>) -> Option<Wrong> {
    if record.outcome() != Outcome::Complete {
        return None;
    }
    if record.findings.contains(Finding::DataUnanswered) {
        return Some(Wrong::Unacknowledged);
    }
    let end_ns = scene.span_ns.map_or(record.neighbour.last_ns, |(_, last_ns)| last_ns);
    let idle_ns = end_ns.saturating_sub(record.neighbour.last_ns);
    if record.close == Close::Open && record.unanswered && idle_ns >= SILENT_NS {
        return Some(Wrong::Unanswered);
    }
    let lasted_ns = end_ns.saturating_sub(record.neighbour.first_ns);
    let may_be = record.seen == Seen::Both && !record.was_reset();
    if record.answer_unacknowledged && may_be && lasted_ns >= LOST_NS {
        return Some(Wrong::AnswerLost);
    }
    let by_server = record.closed_by == Some(ClosedBy::Server);
    let has = |evidence| record.evidence.contains(evidence);
    let turned_away = has(Evidence::NoOctet) && has(Evidence::ServerClosedFirst);
    match (record.close, record.cause) {
        (_, Some(Cause::TurnedAway | Cause::WaitTimedOut)) => Some(Wrong::TurnedAway),
        (Close::Rst | Close::Fin | Close::Simultaneous, None) if turned_away => {
            Some(Wrong::TurnedAway)
        }
        // The RST of the next attempt on these ports, after a challenge.
        _ if record.advice.is_none() => None,
        // A health check that resets.
        (Close::Rst, Some(Cause::NotNeeded)) => None,
        (Close::Rst, _) if by_server => Some(Wrong::ResetByServer),
        (Close::Rst, _) => Some(Wrong::ResetByClient),
        _ => None,
    }
}

fn describe(alike: &Alike<'_>, wrong: Wrong, explained: bool, scene: &Scene<'_>) -> Option<Group> {
    let example = alike.members.iter().min_by_key(|record| record.id())?;
    let is_reset = matches!(wrong, Wrong::ResetByClient | Wrong::ResetByServer);
    let section = if is_reset { Section::Reset } else { Section::Silent };
    let mut group = Group::new(section, wrong.label(), &alike.members);
    group.attempts = Some(alike.with_key.all());
    group.title = format!(
        "{}: {} {}{}",
        wording::subject(alike),
        wording::how_many(alike, "connection"),
        wrong.what(),
        wording::when(alike, "went well")
    );
    group.check = wrong.check(example);
    // What has a check of its own is explained by nothing else.
    if !explained || group.check.is_some() {
        group.example = example.id();
        group.explanation = wrong.means().into();
        group.next = command(scene, &format!("explain --conn {}", example.id()));
        return Some(group);
    }
    explain(&mut group, example, scene);
    let means = wrong.means();
    group.explanation = match brief_of(example, scene) {
        Some(brief) => wording::explanation(&brief, means),
        None => means.into(),
    };
    // Many programs close that way.
    group.is_minor = is_reset && group.cause == Some(Cause::ProgramAborts);
    Some(group)
}
