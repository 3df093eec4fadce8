//! `tcphs report`: one page for the browser, for people who have nothing installed.

mod chunks;
mod data;
mod details;
mod head;
mod html;
mod page;
mod plots;
mod points;
mod redact;
mod survey;
mod triage;

use std::collections::HashSet;
use std::io::{IsTerminal, stdout};

use self::data::Servers;
use self::details::{Details, Wanted};
use self::head::Head;
use self::page::Contents;
use self::plots::Clock;
use self::redact::Redaction;
use self::survey::{MOST_ROWS, Row, Survey};
use crate::args::ReportArgs;
use crate::output::Output;
use crate::reading::input::{self, can_be_read_again, shown};
use crate::triage::{Section, Triage};
use crate::{Done, Failure};

/// Failed connections that are shown on paper.
const MOST_EXAMPLES: usize = 8;

pub fn run(arguments: &ReportArgs) -> Result<Done, Failure> {
    if arguments.output.is_none() && stdout().is_terminal() {
        return Err(Failure::Usage(
            "a page is for the browser: name a file for it, as in --output report.html".into(),
        ));
    }
    if arguments.captures.names {
        return Err(Failure::Usage(
            "a report shows hosts by their addresses, without --names".into(),
        ));
    }
    if let Some(points) = arguments.captures.points() {
        return points::run(arguments, &points);
    }
    let source = arguments.captures.source();
    input::keep_apart(arguments.output.as_deref(), &source.files)?;
    if !can_be_read_again(&source.files) {
        return Err(Failure::Usage(
            "this command reads the captures twice; standard input and pipes can be read only once: \
             write them to a file first"
                .into(),
        ));
    }
    // Opened first, so that a file that cannot be written is reported before anything is read.
    let mut output = Output::open(arguments.output.as_deref())?;
    let names: Vec<_> =
        source.files.iter().map(|file| file.to_string_lossy().into_owned()).collect();
    let files = if arguments.redact { redact::files(&names) } else { names.clone() };
    let (mut survey, mut triage, first_ending) = survey::read(&source, &arguments.select, &files)?;
    let mut problems = first_ending.failures();
    let mut redaction = arguments.redact.then(|| Redaction::new(survey.hosts()));
    if let Some(redaction) = &mut redaction {
        survey.redact(redaction);
        triage::redact(&mut triage, redaction);
        for problem in &mut problems {
            *problem = redaction.text(&redact::without_names(problem, &names, &files));
        }
    }
    let examples = examples(&survey.rows, &triage);
    let wanted = Wanted {
        survey: &survey,
        files: &files,
        examples: &examples,
        redaction: redaction.as_mut(),
    };
    let (details, ending) = details::read(&source, wanted)?;
    let failed = survey.failed();
    let page = contents(&survey, &triage, &details, &files, &problems, arguments.redact).page();
    output.text(&page)?;
    output.flush()?;
    ending.report()?;
    Ok(Done::on(arguments.fail_on.is_some() && failed > 0))
}

/// Connections that show the most: the examples of groups, then the first failure of each outcome, server
/// and cause.
fn examples(rows: &[Row], triage: &Triage) -> Vec<u32> {
    let groups = triage.groups.iter().filter(|group| group.section != Section::Pattern);
    let mut examples: Vec<_> = groups.map(|group| group.example).collect();
    let mut kinds = HashSet::new();
    let failed = rows.iter().filter(|row| row.outcome.failed());
    let (new, again): (Vec<_>, Vec<_>) =
        failed.partition(|row| kinds.insert((row.outcome, row.server, row.cause)));
    if triage.counts.patterns == 0 {
        examples.extend(new.into_iter().chain(again).map(|row| row.conn));
    }
    let mut seen = HashSet::new();
    examples.retain(|conn| seen.insert(*conn));
    examples.truncate(MOST_EXAMPLES);
    examples
}

fn contents(
    survey: &Survey,
    triage: &Triage,
    details: &Details,
    files: &[String],
    problems: &[String],
    redacted: bool,
) -> Contents {
    let servers = survey.servers.iter().map(|(server, tally)| (*server, tally.into()));
    let servers = Servers::new(servers);
    let first_ns = survey.first_ns().unwrap_or(0);
    let last_ns = survey.last_ns.unwrap_or(first_ns);
    let clock = Clock::new(first_ns, last_ns);
    let shown_files: Vec<_> = files.iter().map(|file| shown(file)).collect();
    let head = Head { survey, triage, files: &shown_files, clock: (first_ns, last_ns), problems };
    let setup = plots::setup::plot(&survey.rows, |server| servers.place(server));
    let command = files.iter().map(|file| dissector_core::connection::shell_quoted(file));
    let command = command.map(|file| file.to_string()).collect::<Vec<_>>().join(" ");
    Contents {
        title: head.title(),
        headline: head.headline(),
        facts: head.facts(),
        notes: head.notes(),
        triage: [triage::section(triage), head.outcomes()].concat(),
        time_title: head.time_title(),
        time: plots::moments::plot(&survey.moments, clock)
            .unwrap_or_else(|| "<p>There is no TCP connection in the capture.</p>".into()),
        setup: setup.map_or_else(String::new, |plot| head::setup(&plot)),
        sample: head.sample(details.places.len()),
        examples: head::examples(&details.examples),
        terms: head::terms(redacted, false),
        privacy: head::privacy(redacted),
        meta: data::meta(
            &servers,
            clock,
            triage::members(triage),
            &format!("tcphs explain --conn {{}} {command}"),
        ),
        rows: chunks::packed(
            &data::connections(&survey.rows, &servers, &details.places).to_string(),
        ),
        chunks: details.chunks.clone(),
    }
}

impl Survey {
    /// Every host in the rows.
    fn hosts(&self) -> impl Iterator<Item = std::net::IpAddr> {
        self.rows.iter().flat_map(|row| [row.client.ip(), row.server.ip()])
    }

    /// Gives every host its stand-in.
    fn redact(&mut self, redaction: &mut Redaction) {
        for row in &mut self.rows {
            row.client.set_ip(redaction.host(row.client.ip()));
            row.server.set_ip(redaction.host(row.server.ip()));
        }
        self.neighbours.rename(|host| redaction.host(host));
        let mut servers: Vec<_> = self.servers.drain().collect();
        servers.sort_unstable_by_key(|(server, _)| *server);
        for (mut server, tally) in servers {
            server.set_ip(redaction.host(server.ip()));
            self.servers.insert(server, tally);
        }
    }

    /// Whether connections are left out.
    fn is_sample(&self) -> bool {
        self.moments.len() > MOST_ROWS
    }
}
