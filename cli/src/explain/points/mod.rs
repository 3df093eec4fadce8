//! `explain` with several points of capture: it names the place where something went wrong.

mod counters;
mod ends;
mod proxied;
mod story;

use std::path::PathBuf;

use dissector_core::compare::{Change, Path};
use dissector_core::connection::{Check, CheckTarget, EvidenceSet, Outcome, Side, shell_quoted};

use super::causes::Weighed;
use super::columns;
use crate::args::{ExplainArgs, PointFiles};
use crate::compare::differences::translated;
use crate::counted::Witnesses;
use crate::journey::{self, Journey};
use crate::output::Output;
use crate::output::page::Page;
use crate::output::style::{FAINT, colour_style, outcome_style};
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
    let columns = columns(arguments);
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
    for (place, journey) in journeys.list.iter().enumerate() {
        if place > 0 {
            output.text("\n")?;
        }
        output.text(&explanation(journey, witnesses.as_ref(), &files, &at, columns))?;
    }
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

fn explanation(
    journey: &Journey,
    witnesses: Option<&Witnesses>,
    files: &[&str],
    at: &str,
    columns: usize,
) -> String {
    let mut page = Page::new(columns);
    let names: Vec<_> = journey.stations.iter().map(journey::Station::shown).collect();
    let ends = journey.ends();
    let addresses =
        ends.map_or_else(String::new, |[client, server]| format!(": {client} → {server}"));
    page.title(&format!("Connection {} at {}{addresses}", journey.conn, names.join(" and ")));
    if let Some(outcome) = journey.outcome() {
        let style = outcome_style(outcome);
        page.paragraph(&format!("Outcome: {style}{outcome}{style:#}. {}", outcome.doc()));
    }
    for (place, _, path) in journey.paths() {
        let style = colour_style(path.colour());
        let between = format!("Between {} and {}", names[place], names[place + 1]);
        page.paragraph(&format!("{between}: {style}{path}{style:#}. {}", path.doc()));
    }

    page.heading("How sure the clocks are");
    story::clocks(journey).iter().for_each(|sentence| page.paragraph(sentence));

    page.heading("What happened on the way");
    for (_, joined, _) in journey.paths().filter(|(_, joined, _)| !joined.translated.is_empty()) {
        // The second point is the last station, unless the first is nearer the server.
        let second =
            if joined.nearer_client == Some(1) { &names[0] } else { &names[names.len() - 1] };
        page.paragraph(&format!("At {second}, {}.", translated(joined).join(", and ")));
    }
    proxied::sentences(journey)
        .iter()
        .filter(|_| journey.is_proxied())
        .for_each(|it| page.paragraph(it));
    for (when, sentence) in story::sentences(journey) {
        page.item(&format!("{FAINT}{when}{FAINT:#}"), &sentence);
    }
    ends::sentences(journey).iter().for_each(|sentence| page.paragraph(sentence));

    let [client, server] = ends.unwrap_or_else(|| [([0, 0, 0, 0], 0).into(); 2]);
    let file = files.first().copied().unwrap_or_default();
    let target = CheckTarget::new(client, server, file).with_files(files);
    page.heading("What it means");
    let mut checks: Vec<&Check> = Vec::new();
    let mut own_check = None;
    for (_, joined, path) in journey.paths() {
        let advice = path.advice();
        let means = match path == Path::Clean && joined.changes.is_empty() {
            true => format!("{} {}", advice.means, ends::NOT_BETWEEN),
            false => advice.means.to_owned(),
        };
        page.paragraph(&means);
        checks.extend(advice.checks);
        // Those of two connections are no changes.
        let changes = joined.changes.iter().filter(|_| path != Path::Proxied);
        for advice in changes.map(Change::advice) {
            page.paragraph(advice.means);
            let new = |check: &&Check| !checks.contains(check);
            let new: Vec<_> = advice.checks.iter().filter(new).collect();
            checks.extend(new);
        }
        if let Some(means) = ends::means(journey, joined, path) {
            page.paragraph(&means);
        }
    }
    let is_past = |path: Path| matches!(path, Path::Clean | Path::Lossy);
    let all_passed = journey.paths().all(|(_, _, path)| is_past(path));
    let failed = journey.outcome().filter(|it| it.failed() && all_passed);
    let heard = counters::hear(journey, witnesses, failed.map(Outcome::advice));
    if failed.is_none() {
        heard.iter().for_each(|it| it.write(&mut page, |_| false));
    }
    if let Some(outcome) = failed {
        let evidence = journey.next_to(Side::Server).map(|it| it.verdict.cause_evidence);
        let advice = outcome.advice();
        let weighed = Weighed::new(advice, evidence.unwrap_or(EvidenceSet::EMPTY), &[]);
        let mut weighed = weighed.without(&ends::excluded(outcome));
        let told: Vec<_> = heard.iter().filter_map(|it| it.heard.as_ref().ok()).collect();
        weighed.heed(&told, advice);
        heard.iter().for_each(|it| it.write(&mut page, |cause| weighed.lists(cause)));
        weighed.write(&mut page);
        let named = weighed.named();
        checks.splice(0..0, advice.checks.iter().filter(|check| check.helps_with(&named)));
        checks.retain(|check| !check.told_by_points);
        own_check = ends::firewall_check(outcome);
    }
    if !checks.is_empty() || own_check.is_some() {
        page.heading("What to check next");
    }
    let number_of_checks = checks.len();
    for (number, check) in (1..).zip(checks) {
        page.numbered(number, check.what);
        if let Some(command) = check.command_line(&target) {
            page.command(&command);
        }
    }
    if let Some((what, command)) = own_check {
        page.numbered(number_of_checks + 1, what);
        page.command(command);
    }

    page.heading("What cannot be known");
    ends::unknown(journey).iter().for_each(|sentence| page.paragraph(sentence));

    page.heading("To look closer");
    for (what, command) in [
        ("as a picture:", format!("tcphs ladder --conn {} {at}", journey.conn)),
        ("all connections:", format!("tcphs compare {at}")),
        ("both captures in Wireshark:", format!("tcphs merge {at} --output both.pcapng")),
    ] {
        page.item(what, "");
        page.command(&command);
    }
    page.finish()
}
