//! `explain` with several points of capture: it names the place where something went wrong.

mod counters;
mod ends;
mod proxied;
mod story;

use std::path::PathBuf;

use dissector_core::compare::{Change, Path};
use dissector_core::connection::{Check, CheckTarget, EvidenceSet, Outcome, Side, shell_quoted};

use super::causes::Weighed;
use super::explanation::{Explanation, ladder_section};
use crate::args::{ExplainArgs, PointFiles};
use crate::compare::differences::translated;
use crate::counted::Witnesses;
use crate::journey::{self, Journey};
use crate::ladder::points::mermaid;
use crate::output::Output;
use crate::output::document::{Document, Part, Section};
use crate::reading::input;
use crate::reading::points::Points;
use crate::{Done, Failure, warn};

pub fn run(arguments: &ExplainArgs, points: &PointFiles) -> Result<Done, Failure> {
    let points_named = Points::of(points)?;
    let files = points_named.files();
    let mut witnesses = witnesses(arguments, &points_named)?;
    let read: Vec<_> = files.iter().cloned().chain(outputs(arguments)?).collect();
    input::keep_apart(arguments.output.as_deref(), &read)?;
    let (journeys, endings) =
        journey::collect(points, &arguments.select, arguments.max, witnesses.as_mut())?;
    let mut output = Output::open(arguments.output.as_deref())?;
    let at: Vec<_> = points
        .options
        .at
        .iter()
        .map(|at| {
            let word = format!("{}={}", at.name, at.file.display());
            format!("--at {}", shell_quoted(&word))
        })
        .collect();
    let at = at.join(" ");
    let files: Vec<_> = files.iter().map(|file| file.to_string_lossy()).collect();
    let files: Vec<&str> = files.iter().map(AsRef::as_ref).collect();
    let explanations =
        journeys.list.iter().map(|it| explanation(it, witnesses.as_ref(), &files, &at));
    super::write(&mut output, arguments, explanations)?;
    output.flush()?;
    if let Some(note) = journeys.note("explains") {
        warn(&note);
    }
    endings.into_iter().try_for_each(input::Ending::report)?;
    Ok(Done::on(arguments.fail_on.is_some() && journeys.failed))
}

/// The outputs of counters that the command line names.
fn outputs(arguments: &ExplainArgs) -> Result<Vec<PathBuf>, Failure> {
    let named = arguments.outputs_of_points().map_err(Failure::Usage)?;
    Ok(named.into_iter().flat_map(|it| [it.before, it.after]).collect())
}

fn witnesses(arguments: &ExplainArgs, points: &Points) -> Result<Option<Witnesses>, Failure> {
    let named = arguments.outputs_of_points().map_err(Failure::Usage)?;
    let Points::Captures(points) = points else { return Ok(None) };
    if named.is_empty() {
        return Ok(None);
    }
    if arguments.nstat_of.is_some() {
        return Err(Failure::Usage(
            "with points, the name says whose counters they are: leave out --nstat-of".into(),
        ));
    }
    let names: Vec<_> = points.iter().map(|point| &point.name[..]).collect();
    Witnesses::read(&named, &names).map(Some)
}

/// The explanation of a connection; `at` are the points as the command line names them.
pub fn explanation(
    journey: &Journey,
    witnesses: Option<&Witnesses>,
    files: &[&str],
    at: &str,
) -> Explanation {
    let names: Vec<_> = journey.stations.iter().map(journey::Station::shown).collect();
    let ends = journey.ends();
    let addresses =
        ends.map_or_else(String::new, |[client, server]| format!(": {client} → {server}"));
    let title = format!("Connection {} at {}{addresses}", journey.conn, names.join(" and "));

    let mut sections = vec![verdicts(journey, &names), clocks(journey), way(journey, &names)];
    sections.push(ladder_section(mermaid::draw(journey)));
    let [client, server] = ends.unwrap_or_else(|| [([0, 0, 0, 0], 0).into(); 2]);
    let file = files.first().copied().unwrap_or_default();
    let target = CheckTarget::new(client, server, file).with_files(files);
    advise(&mut sections, journey, witnesses, &target);

    let mut unknown = Section::new("unknown", "What cannot be known");
    ends::unknown(journey).into_iter().for_each(|sentence| unknown.paragraph(sentence));
    let mut closer = Section::new("closer", "To look closer");
    for (what, command) in [
        ("as a picture:", format!("tcphs ladder --conn {} {at}", journey.conn)),
        ("all connections:", format!("tcphs compare {at}")),
        ("both captures in Wireshark:", format!("tcphs merge {at} --output both.pcapng")),
    ] {
        closer.parts.push(Part::Command { what: what.into(), command });
    }
    sections.extend([unknown, closer]);
    let outcome = journey.outcome();
    Explanation {
        conn: journey.conn,
        points: journey.stations.iter().map(|station| station.name.clone()).collect(),
        file: None,
        client: ends.map(|ends| ends[0]),
        server: ends.map(|ends| ends[1]),
        outcome: outcome.map(Outcome::label),
        failed: outcome.is_some_and(Outcome::failed),
        document: Document::new(title, sections),
    }
}

/// The outcome, and what happened between each two points.
fn verdicts(journey: &Journey, names: &[String]) -> Section {
    let mut section =
        journey.outcome().map_or_else(|| Section::new("outcome", ""), super::outcome_section);
    section.parts.extend(journey.paths().map(|(place, _, path)| Part::Verdict {
        of: format!("Between {} and {}", names[place], names[place + 1]),
        label: path.label(),
        colour: path.colour(),
        text: path.doc().into(),
    }));
    section
}

fn clocks(journey: &Journey) -> Section {
    let mut section = Section::new("clocks", "How sure the clocks are");
    story::clocks(journey).into_iter().for_each(|sentence| section.paragraph(sentence));
    section
}

fn way(journey: &Journey, names: &[String]) -> Section {
    let mut section = Section::new("happened", "What happened on the way");
    for (_, joined, _) in journey.paths().filter(|(_, joined, _)| !joined.translated.is_empty()) {
        // The second point is the last station, unless the first is nearer the server.
        let second =
            if joined.nearer_client == Some(1) { &names[0] } else { &names[names.len() - 1] };
        section.paragraph(format!("At {second}, {}.", translated(joined).join(", and ")));
    }
    if journey.is_proxied() {
        proxied::sentences(journey).into_iter().for_each(|it| section.paragraph(it));
    }
    let sentences = story::sentences(journey).into_iter();
    section.parts.extend(sentences.map(|(when, text)| Part::Event { when, text }));
    ends::sentences(journey).into_iter().for_each(|sentence| section.paragraph(sentence));
    section
}

/// Sections on the meaning, the kernels' counters, the causes that are left, and the checks.
fn advise(
    sections: &mut Vec<Section>,
    journey: &Journey,
    witnesses: Option<&Witnesses>,
    target: &CheckTarget<'_>,
) {
    let mut section = Section::new("means", "What it means");
    let mut checks: Vec<&Check> = Vec::new();
    let mut own_check = None;
    for (_, joined, path) in journey.paths() {
        let advice = path.advice();
        let means = match path == Path::Clean && joined.changes.is_empty() {
            true => format!("{} {}", advice.means, ends::NOT_BETWEEN),
            false => advice.means.to_owned(),
        };
        section.paragraph(means);
        checks.extend(advice.checks);
        // Those of two connections are no changes.
        let changes = joined.changes.iter().filter(|_| path != Path::Proxied);
        for advice in changes.map(Change::advice) {
            section.paragraph(advice.means);
            let new = |check: &&Check| !checks.contains(check);
            let new: Vec<_> = advice.checks.iter().filter(new).collect();
            checks.extend(new);
        }
        if let Some(means) = ends::means(journey, joined, path) {
            section.paragraph(means);
        }
    }
    sections.push(section);
    let is_past = |path: Path| matches!(path, Path::Clean | Path::Lossy);
    let all_passed = journey.paths().all(|(_, _, path)| is_past(path));
    let failed = journey.outcome().filter(|it| it.failed() && all_passed);
    let heard = counters::hear(journey, witnesses, failed.map(Outcome::advice));
    match failed {
        None => sections.extend(heard.iter().map(|it| it.section(|_| false))),
        Some(outcome) => {
            let evidence = journey.next_to(Side::Server).map(|it| it.verdict.cause_evidence);
            let advice = outcome.advice();
            let weighed = Weighed::new(advice, evidence.unwrap_or(EvidenceSet::EMPTY), &[]);
            let mut weighed = weighed.without(ends::EXCLUDED);
            let told: Vec<_> = heard.iter().filter_map(|it| it.heard.as_ref().ok()).collect();
            weighed.heed(&told, advice);
            sections.extend(heard.iter().map(|it| it.section(|cause| weighed.lists(cause))));
            sections.push(weighed.section());
            let named = weighed.named();
            checks.splice(0..0, advice.checks.iter().filter(|check| check.helps_with(&named)));
            checks.retain(|check| !check.told_by_points);
            own_check = ends::firewall_check(outcome);
        }
    }
    let mut section = Section::new("checks", "What to check next");
    section.parts.extend(
        checks.into_iter().map(|check| Part::Check {
            text: check.what.into(),
            command: check.command_line(target),
        }),
    );
    section.parts.extend(
        own_check.map(|(text, command)| Part::Check {
            text: text.into(),
            command: Some(command.into()),
        }),
    );
    sections.push(section);
}
