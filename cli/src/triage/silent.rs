//! What came up and stayed silent, or ended badly.

use dissector_core::connection::{Cause, Close, Finding, Outcome};

use super::failures::{brief_of, explain};
use super::groups::{Alike, group};
use super::record::Record;
use super::result::{Group, Scene, Section};
use super::wording;

/// After so long without an answer, the server is silent, in nanoseconds.
const SILENT_NS: i64 = 10_000_000_000;

/// What is wrong with a connection that came up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Wrong {
    /// None of the client's data was acknowledged.
    Unacknowledged,
    /// The client's data was acknowledged, and nothing came back.
    Unanswered,
    /// The server closed or reset it before either had sent an octet.
    TurnedAway,
    /// It was reset, and not by the program of one end as far as can be seen.
    Reset,
}

impl Wrong {
    const fn label(self) -> &'static str {
        match self {
            Self::Unacknowledged => "data_unanswered",
            Self::Unanswered => "no_data_back",
            Self::TurnedAway => "turned_away",
            Self::Reset => "reset",
        }
    }

    const fn what(self) -> &'static str {
        match self {
            Self::Unacknowledged => "no data acknowledged",
            Self::Unanswered => "acknowledged, no data came back",
            Self::TurnedAway => "closed without an octet",
            Self::Reset => "reset",
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
            Self::TurnedAway => "It came up and was closed before either side had sent an octet.",
            Self::Reset => "It came up, and ended with a reset.",
        }
    }
}

/// The groups, and how many connections are in them.
pub fn groups(all: &[&Record], scene: &Scene<'_>) -> (Vec<Group>, u64) {
    let (mut bad, mut good) = (Vec::new(), Vec::new());
    for record in all.iter().filter(|record| record.neighbour.came_up) {
        match wrong(record, scene) {
            Some(wrong) => {
                let cause = record.cause.map_or(u8::MAX, Cause::number);
                bad.push((*record, (wrong as u8, cause)));
            }
            None => good.push(*record),
        }
    }
    let count = bad.len() as u64;
    let found = group(&bad, &good, scene.weight);
    let described = found.iter().filter_map(|alike| {
        let wrong = wrong(alike.members.first()?, scene)?;
        describe(alike, wrong, scene)
    });
    (described.collect(), count)
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
    let cause = record.cause;
    match record.close {
        Close::Rst | Close::Fin | Close::Simultaneous | Close::RstAfterFin => match cause? {
            Cause::TurnedAway | Cause::WaitTimedOut => Some(Wrong::TurnedAway),
            Cause::PeerSilent
            | Cause::IdleTimeout
            | Cause::ConnectionForgotten
            | Cause::DeviceRefuses
            | Cause::RstInjected
            | Cause::SynProxy => Some(Wrong::Reset),
            _ => None,
        },
        _ => None,
    }
}

fn describe(alike: &Alike<'_>, wrong: Wrong, scene: &Scene<'_>) -> Option<Group> {
    let example = alike.members.iter().min_by_key(|record| record.id())?;
    let mut group = Group::new(Section::Silent, wrong.label(), &alike.members);
    group.attempts = Some(alike.with_key.all());
    group.title = format!(
        "{}: {} {}{}",
        wording::subject(alike),
        wording::how_many(alike, "connection"),
        wrong.what(),
        wording::when(alike, "were answered")
    );
    explain(&mut group, example, scene);
    let means = wrong.means();
    group.explanation = match brief_of(example, scene) {
        Some(brief) => wording::explanation(&brief, means),
        None => means.into(),
    };
    Some(group)
}
