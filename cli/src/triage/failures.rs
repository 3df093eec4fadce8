//! What failed: a group for what the failures have in common, explained by one of them.

use dissector_core::connection::{CheckTarget, shell_quoted};

use super::groups::{Failures, group};
use super::record::Record;
use super::result::{Group, Scene, Section};
use super::wording;
use crate::explain::brief;

pub fn groups(all: &[&Record], scene: &Scene<'_>) -> Vec<Group> {
    let is_up = |record: &Record| record.neighbour.came_up && !record.failed();
    let failed: Vec<_> = all.iter().copied().filter(|record| record.failed()).collect();
    let others: Vec<_> = all.iter().copied().filter(|record| is_up(record)).collect();
    let found = group(&failed, &others, scene.weight);
    found.into_iter().map(|failures| describe(failures, scene)).collect()
}

fn describe(failures: Failures<'_>, scene: &Scene<'_>) -> Group {
    let mut described = Group::new(Section::Failed, failures.key.label(), &failures.members);
    described.title = wording::title(&failures, scene);
    described.outcome = Some(failures.outcome);
    described.attempts = Some(failures.with_key.attempts());
    let example = failures.members.iter().find(|record| record.id() == described.example);
    if let Some(example) = example {
        explain(&mut described, example, scene);
    }
    described
}

/// Fills in the explanation of this connection.
pub fn explain(group: &mut Group, example: &Record, scene: &Scene<'_>) {
    group.example = example.id();
    group.next = command(scene, &format!("explain --conn {}", example.id()));
    let Some(explained) = example.explained() else { return };
    let (client, server) = (example.neighbour.client, example.neighbour.server);
    let target = CheckTarget::new(client, server, scene.files.first().copied().unwrap_or("-"));
    let brief = brief(&explained, scene.neighbours, &target.with_files(scene.files));
    group.explanation = wording::explanation(&brief, example.outcome());
    (group.cause, group.decided) = (brief.cause, brief.decided);
    group.evidence = brief.evidence.map(|(evidence, text)| (Some(evidence), text));
    group.check = brief.check;
}

/// A command line on the captures; `None` if they cannot be read again.
pub fn command(scene: &Scene<'_>, what: &str) -> Option<String> {
    let files: Vec<_> = scene.files.iter().map(|file| shell_quoted(file)).collect();
    scene.readable.then(|| format!("tcphs {what} {}", files.join(" ")))
}
