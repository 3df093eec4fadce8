//! What failed: a group for what the failures have in common, explained by one of them.

use std::net::IpAddr;

use dissector_core::connection::{Cause, CheckTarget, Evidence, Outcome, shell_quoted};

use super::groups::{Alike, group};
use super::record::Record;
use super::result::{Group, Scene, Section};
use super::wording;
use crate::explain::{Brief, brief};
use crate::output::units::duration;

/// Groups that are explained.
pub const EXPLAINED: usize = 50;

/// A program that falls back to the other family of addresses does so within this time, in nanoseconds.
const FALLS_BACK_NS: i64 = 3_000_000_000;

/// Groups the failures; `up` are those that came up, asked for or not.
pub fn groups(all: &[&Record], up: &[&Record], scene: &Scene<'_>) -> Vec<Group> {
    let failed = all.iter().filter(|record| record.failed());
    let fate = |record: &Record| {
        let cause = record.cause.map_or(u8::MAX, Cause::number);
        (record.outcome().number(), cause)
    };
    let failed: Vec<_> = failed.map(|record| (*record, fate(record))).collect();
    let found = group(&failed, up, scene.weight);
    let described = found.iter().enumerate();
    described.map(|(place, alike)| describe(alike, up, place < EXPLAINED, scene)).collect()
}

/// Describes a group; its explanation takes a look at all neighbours, so only the first groups get one.
fn describe(alike: &Alike<'_>, up: &[&Record], explained: bool, scene: &Scene<'_>) -> Group {
    let mut group = Group::new(Section::Failed, alike.key.label(), &alike.members);
    let example = alike.members.iter().min_by_key(|record| record.id());
    let Some(example) = example else { return group };
    let outcome = example.outcome();
    group.outcome = Some(outcome);
    group.attempts = Some(alike.with_key.all());
    group.title = format!(
        "{}: {} {outcome}{}{}",
        wording::subject(alike),
        wording::how_many(alike, "attempt"),
        wording::when(alike, "came up"),
        wording::rhythm(alike)
    );
    if !explained {
        group.explanation = outcome.doc().into();
        group.next = command(scene, &format!("explain --conn {}", example.id()));
        return group;
    }
    explain(&mut group, example, scene);
    if let Some(pattern) = pattern(&group, &alike.members) {
        (group.section, group.kind) = (Section::Pattern, pattern);
    } else if let Some(sentence) = falls_back(&alike.members, up) {
        group.evidence = Some((None, sentence));
    }
    group
}

/// Fills in the explanation of this connection.
pub fn explain(group: &mut Group, example: &Record, scene: &Scene<'_>) {
    group.example = example.id();
    group.next = command(scene, &format!("explain --conn {}", example.id()));
    let Some(brief) = brief_of(example, scene) else { return };
    group.explanation = wording::explanation(&brief, example.outcome().doc());
    (group.cause, group.decided) = (brief.cause, brief.decided);
    group.evidence = brief.evidence.map(|(evidence, text)| (Some(evidence), text));
    group.check = brief.check;
}

/// The brief explanation of a connection, if something went wrong.
pub fn brief_of(record: &Record, scene: &Scene<'_>) -> Option<Brief> {
    let (client, server) = (record.neighbour.client, record.neighbour.server);
    let target = CheckTarget::new(client, server, scene.files.first().copied().unwrap_or("-"));
    let explained = record.explained()?;
    let closer = explained.needs_a_look().then(|| scene.closer.look_at(record.id())).flatten();
    Some(brief(&explained, scene.neighbours, closer, &target.with_files(scene.files)))
}

/// A command line on the captures; `None` if they cannot be read again.
pub fn command(scene: &Scene<'_>, what: &str) -> Option<String> {
    let files: Vec<_> = scene.files.iter().map(|file| shell_quoted(file)).collect();
    scene.readable.then(|| format!("tcphs {what} {}", files.join(" ")))
}

/// The pattern that failures are of which are none of the server, by the cause that stands first.
fn pattern(group: &Group, members: &[&Record]) -> Option<&'static str> {
    let made = |record: &&Record| {
        record.syn_count <= 1 && record.evidence.contains(Evidence::SynWithoutOptions)
    };
    let seen = |wanted| group.evidence.as_ref().is_some_and(|(seen, _)| *seen == Some(wanted));
    match group.cause? {
        Cause::HalfOpenCheck if group.decided || seen(Evidence::ClientRepeats) => {
            Some("health_check")
        }
        Cause::AnotherAddressWon if seen(Evidence::AnotherOpened) => Some("another_address"),
        Cause::SynScan if seen(Evidence::ClientAsksMany) && members.iter().all(made) => {
            Some("scan")
        }
        Cause::Traceroute if group.decided => Some("traceroute"),
        _ => None,
    }
}

/// A sentence on programs that tried the other family of addresses instead, and came through.
pub fn falls_back(members: &[&Record], up: &[&Record]) -> Option<String> {
    let is_v6 = |record: &Record| matches!(record.neighbour.server.ip(), IpAddr::V6(_));
    let silent = |record: &Record| {
        matches!(
            record.outcome(),
            Outcome::NoReply | Outcome::Unreachable | Outcome::Refused | Outcome::Pending
        )
    };
    let family = is_v6(members.first()?);
    // More would take long to compare, and prove no more.
    if up.len() > 10_000 || !members.iter().all(|record| silent(record) && is_v6(record) == family)
    {
        return None;
    }
    let instead = |record: &&Record| {
        let after = up.iter().filter(|other| {
            is_v6(other) != family
                && other.neighbour.server.port() == record.neighbour.server.port()
        });
        let after = after.map(|other| other.neighbour.first_ns - record.neighbour.first_ns);
        after.filter(|later_ns| (0..=FALLS_BACK_NS).contains(later_ns)).min()
    };
    let later: Vec<_> = members.iter().take(100).map(instead).collect::<Option<_>>()?;
    let longest = duration(later.into_iter().max()?.unsigned_abs());
    let other = if family { "IPv4" } else { "IPv6" };
    Some(format!(
        "Each time, a connection to the same port over {other} came up, begun within {longest}: probably \
         the same program, which fell back."
    ))
}
