//! The report of several points of capture: what happened to each connection between them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write;
use std::net::SocketAddr;

use dissector_core::compare::{JoinedConnection, Path};
use dissector_core::connection::{CheckTarget, Side, shell_quoted};
use serde_json::{Value, json};

use super::chunks::{self, Chunks, Place};
use super::data::{self, ServerNumbers, Servers, Texts};
use super::details::{self, Details};
use super::head::{self, grouped};
use super::html::{Escaped, class, command, escaped};
use super::page::Contents;
use super::plots::{self, Clock};
use super::redact::{self, Redaction};
use super::survey::{MOST_ROWS, Moment};
use crate::args::{AtPoint, PointFiles, PointOptions, ReportArgs, Select};
use crate::compare::numbers::Numbers;
use crate::compare::pairing::Pairing;
use crate::compare::table::delay_text;
use crate::compare::{Compared, clock, compare_points, head as compared};
use crate::explain::explanation_of_points;
use crate::journey::{self, Journey, Step};
use crate::ladder::points::svg;
use crate::output::Output;
use crate::output::units::count;
use crate::reading::input::{self, Ending};
use crate::reading::points::Points;
use crate::timeline::Event;
use crate::{Done, Failure};

/// Connections whose ladder and explanation are in the page: all of their segments are kept meanwhile.
const MOST_JOURNEYS: usize = 1000;
/// Connections that are shown on paper.
const MOST_EXAMPLES: usize = 8;

/// A connection between two neighbouring points.
struct Row {
    conn: u32,
    pair: usize,
    joined: JoinedConnection,
}

impl Row {
    fn end(&self, side: Side) -> SocketAddr {
        let seen = self.joined.ends.iter().flatten().map(|ends| ends[side as usize]).next();
        seen.unwrap_or_else(|| ([0, 0, 0, 0], 0).into())
    }

    /// Whether there is something to look at; the most telling ones come first.
    fn rank(&self) -> u8 {
        match (self.joined.outcome.failed(), self.joined.path) {
            (true, Path::Clean | Path::Unknown | Path::OnePoint) => 1,
            (true, _) => 0,
            (false, Path::Clean) => 4,
            (false, Path::Unknown | Path::OnePoint) => 3,
            (false, _) => 2,
        }
    }
}

pub fn run(arguments: &ReportArgs, files: &PointFiles) -> Result<Done, Failure> {
    let points = Points::of(files)?;
    let paths = points.files();
    input::keep_apart(arguments.output.as_deref(), &paths)?;
    let mut output = Output::open(arguments.output.as_deref())?;
    let redacted = redacted_points(files);
    // Names are replaced where they come from, addresses at the end.
    let shown = if arguments.redact { &redacted } else { files };
    let named = with_names(files, shown);
    let compared = compare_points(&Points::of(&named)?, None)?;
    let mut rows = rows(&compared, &arguments.select);
    arguments.select.check_numbers(u64::from(Numbers::new(&compared.comparisons).count()))?;
    let failed = rows.iter().any(|row| row.joined.outcome.failed());
    let mut redaction = arguments.redact.then(|| {
        let ends = rows.iter().flat_map(|row| row.joined.ends.iter().flatten().flatten());
        Redaction::new(ends.map(|end| end.ip()))
    });
    let mut head = head_lines(&compared);
    if let Some(redaction) = &mut redaction {
        head.iter_mut().for_each(|(_, line)| *line = redaction.text(line));
    }
    let sample = thin_out(&mut rows);
    let (details, endings) = details(&rows, &named, shown, redaction.as_mut())?;
    let page = Report { rows: &rows, names: &compared.names, head, shown, details, sample };
    let page = page.contents(redaction).page();
    output.text(&page)?;
    output.flush()?;
    endings.into_iter().try_for_each(Ending::report)?;
    Ok(Done::on(arguments.fail_on.is_some() && failed))
}

/// The points with other names, but for those that only say which end they are near.
fn redacted_points(files: &PointFiles) -> PointFiles {
    let mut names: Vec<&str> = Vec::new();
    let at = files.options.at.iter().map(|at| {
        let place = names.iter().position(|name| *name == at.name);
        let place = place.unwrap_or_else(|| {
            names.push(&at.name);
            names.len() - 1
        });
        let name = match &*at.name {
            known @ ("client" | "server") => known.to_owned(),
            _ => format!("point-{}", place + 1),
        };
        AtPoint { file: format!("{name}.pcap").into(), name }
    });
    let at = at.collect();
    PointFiles { files: Vec::new(), options: PointOptions { at, by_interface: false } }
}

/// The files of the one with the names of the other.
fn with_names(files: &PointFiles, shown: &PointFiles) -> PointFiles {
    let at = files.options.at.iter().zip(&shown.options.at);
    let at = at.map(|(at, shown)| AtPoint { name: shown.name.clone(), file: at.file.clone() });
    let options = PointOptions { at: at.collect(), by_interface: false };
    PointFiles { files: files.files.clone(), options }
}

fn rows(compared: &Compared, select: &Select) -> Vec<Row> {
    let numbers = Numbers::new(&compared.comparisons);
    let mut rows = Vec::new();
    for (pair, comparison) in compared.comparisons.iter().enumerate() {
        for joined in comparison.connections() {
            let conn = numbers.of(pair, joined.conn);
            let ends: Vec<_> = joined.ends.iter().flatten().flatten().copied().collect();
            let first_ns = clock::common(&compared.comparisons, pair, joined.first_ns);
            if select.matches_joined(conn, joined.outcome, &ends, first_ns) {
                rows.push(Row { conn, pair, joined });
            }
        }
    }
    rows.sort_by_key(|row| (row.conn, row.pair));
    rows
}

/// Leaves out rows beyond [`MOST_ROWS`], and says so.
fn thin_out(rows: &mut Vec<Row>) -> String {
    let all = rows.len();
    if all <= MOST_ROWS {
        return String::new();
    }
    rows.sort_by_key(|row| (row.rank(), row.conn, row.pair));
    rows.truncate(MOST_ROWS);
    rows.sort_by_key(|row| (row.conn, row.pair));
    format!(
        "<p class=\"caution\">There are {} rows. This page has {}: those that failed or to which something \
         happened on the way come before others.</p>",
        grouped(all as u64),
        grouped(MOST_ROWS as u64)
    )
}

fn head_lines(compared: &Compared) -> Vec<(String, String)> {
    let Compared { given, names, comparisons, .. } = compared;
    let pairings: Vec<_> = comparisons
        .iter()
        .enumerate()
        .map(|(pair, comparison)| {
            let mut pairing = Pairing::new([&names[pair], &names[pair + 1]]);
            comparison.connections().for_each(|joined| pairing.add(&joined));
            pairing
        })
        .collect();
    let mut lines = compared::lines([given, names], comparisons, &pairings);
    let warnings = pairings.iter().zip(comparisons);
    let warnings = warnings.flat_map(|(pairing, comparison)| pairing.warnings(comparison));
    lines.extend(warnings.map(|warning| (String::new(), warning)));
    lines
}

/// Ladders and explanations, of the most telling connections if there are many.
fn details(
    rows: &[Row],
    points: &PointFiles,
    shown: &PointFiles,
    mut redaction: Option<&mut Redaction>,
) -> Result<(Details, Vec<Ending>), Failure> {
    let mut by_rank: Vec<_> = rows.iter().collect();
    by_rank.sort_by_key(|row| (row.rank(), row.conn, row.pair));
    let mut seen = HashSet::new();
    let telling = by_rank.iter().map(|row| row.conn).filter(|conn| seen.insert(*conn));
    let chosen: Vec<_> = telling.take(MOST_JOURNEYS).collect();
    if chosen.is_empty() {
        return Ok((Details::default(), Vec::new()));
    }
    let mut kinds = HashSet::new();
    let odd = by_rank.iter().filter(|row| row.rank() < 4);
    let odd = odd.filter(|row| kinds.insert((row.joined.path, row.joined.outcome)));
    let mut examples: Vec<_> = odd.map(|row| row.conn).collect();
    examples.dedup();
    examples.truncate(MOST_EXAMPLES);
    let conn = chosen.iter().copied().map(Into::into).collect();
    let select = Select { conn, ..Select::default() };
    let (mut journeys, endings) = journey::collect(points, &select, chosen.len(), None)?;
    let at = command_line(shown);
    let files: Vec<_> =
        shown.options.at.iter().map(|at| at.file.to_string_lossy().into_owned()).collect();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let (mut of_failed, mut of_others, mut on_paper) = <(Chunks, Chunks, Vec<_>)>::default();
    for journey in &mut journeys.list {
        if redaction.is_some() {
            without_texts(journey, points, shown);
        }
        let explanation = explanation_of_points(journey, None, &files, &at);
        let picture = svg::draw(journey);
        let mut text = details::detail(&explanation.document, &picture, 3);
        let ends = journey
            .ends()
            .map_or_else(String::new, |[client, server]| format!("{client} → {server}"));
        let mut paper = details::paper(journey.conn, &ends, &explanation.document, &picture);
        if let Some(redaction) = redaction.as_deref_mut() {
            (text, paper) = (redaction.text(&text), redaction.text(&paper));
        }
        let chunks = if explanation.failed { &mut of_failed } else { &mut of_others };
        chunks.add(journey.conn, &text);
        if examples.contains(&journey.conn) {
            on_paper.push((journey.conn, paper));
        }
    }
    on_paper.sort_by_key(|(conn, _)| examples.iter().position(|example| example == conn));
    Ok((Details::new(of_failed, of_others, on_paper), endings))
}

/// Takes the texts of RSTs away, and gives files their other names.
fn without_texts(journey: &mut Journey, points: &PointFiles, shown: &PointFiles) {
    let pairs: Vec<[String; 2]> = points
        .options
        .at
        .iter()
        .zip(&shown.options.at)
        .map(|(at, shown)| [at, shown].map(|at| at.file.to_string_lossy().into_owned()))
        .collect();
    let [names, others]: [Vec<String>; 2] =
        [0, 1].map(|place| pairs.iter().map(|pair| pair[place].clone()).collect());
    for timeline in journey.stations.iter_mut().filter_map(|station| station.timeline.as_mut()) {
        timeline.file = redact::without_names(&timeline.file, &names, &others);
        for event in &mut timeline.events {
            match event {
                Event::Segment(segment) => segment.text = None,
                Event::File(file) => *file = redact::without_names(file, &names, &others),
                Event::Icmp(_) | Event::Run(_) => {}
            }
        }
    }
    for step in &mut journey.steps {
        if let Step::Segment(passage) = step {
            passage.event.text = None;
        }
    }
}

/// The points as a command line names them.
fn command_line(points: &PointFiles) -> String {
    let at = points.options.at.iter().map(|at| {
        let word = format!("{}={}", at.name, at.file.display());
        format!("--at {}", shell_quoted(&word))
    });
    at.collect::<Vec<_>>().join(" ")
}

struct Report<'a> {
    rows: &'a [Row],
    names: &'a [String],
    head: Vec<(String, String)>,
    shown: &'a PointFiles,
    details: Details,
    sample: String,
}

impl Report<'_> {
    fn contents(&self, mut redaction: Option<Redaction>) -> Contents {
        let mut stand_in = |end: SocketAddr| match &mut redaction {
            Some(redaction) => (redaction.host(end.ip()), end.port()).into(),
            None => end,
        };
        let ends: Vec<[SocketAddr; 2]> = self
            .rows
            .iter()
            .map(|row| [Side::Client, Side::Server].map(|side| stand_in(row.end(side))))
            .collect();
        let moments: Vec<_> = self
            .rows
            .iter()
            .map(|row| Moment { first_ns: row.joined.first_ns, outcome: row.joined.outcome })
            .collect();
        let first_ns = moments.iter().map(|moment| moment.first_ns).min().unwrap_or(0);
        let last_ns = moments.iter().map(|moment| moment.first_ns).max().unwrap_or(0);
        let clock = Clock::new(first_ns, last_ns);
        let mut servers: HashMap<SocketAddr, ServerNumbers> = HashMap::new();
        for (row, [_, server]) in self.rows.iter().zip(&ends) {
            servers.entry(*server).or_default().add(row.joined.outcome);
        }
        let servers = Servers::new(servers);
        let is_redacted = redaction.is_some();
        let command = format!("tcphs explain --conn {{}} {}", command_line(self.shown));
        let names = self.names.join(" and ");
        let title =
            if moments.iter().any(|it| it.outcome.failed()) { "Failures" } else { "Connections" };
        let zone = if clock.is_known() {
            format!(" (UTC, clock of {})", self.names[0])
        } else {
            String::new()
        };
        let (groups, members) = self.groups(&ends);
        let mut meta = data::meta(&servers, clock, members.into(), &command);
        meta["points"] = true.into();
        Contents {
            title: format!("{names}: TCP handshakes between points"),
            headline: escaped(&self.headline()),
            facts: self.facts(),
            triage: groups,
            time_title: escaped(&format!("{title} over time{zone}")),
            time: plots::moments::plot(&moments, clock)
                .unwrap_or_else(|| "<p>There is no TCP connection in the captures.</p>".into()),
            sample: format!(
                "{}{}",
                self.sample,
                head::explained(self.details.places.len(), self.conns())
            ),
            examples: head::examples(&self.details.examples),
            terms: head::terms(is_redacted, true),
            privacy: head::privacy(is_redacted),
            meta,
            rows: chunks::packed(&self.json(&ends, &servers).to_string()),
            chunks: self.details.chunks.clone(),
            ..Contents::default()
        }
    }

    fn conns(&self) -> usize {
        self.rows.iter().map(|row| row.conn).collect::<HashSet<_>>().len()
    }

    fn headline(&self) -> String {
        let names = self.names.join(" and ");
        let conns: BTreeMap<u32, bool> =
            self.rows.iter().fold(BTreeMap::new(), |mut conns, row| {
                *conns.entry(row.conn).or_default() |= row.joined.outcome.failed();
                conns
            });
        let failed = conns.values().filter(|failed| **failed).count() as u64;
        let lossy: HashSet<_> =
            self.rows.iter().filter(|row| row.joined.is_lossy()).map(|row| row.conn).collect();
        let lost = match lossy.len() as u64 {
            0 => format!("no loss was seen between {names}"),
            number => format!("segments of {} were lost between {names}", grouped(number)),
        };
        format!(
            "{} of {} failed; {lost}",
            grouped(failed),
            count(conns.len() as u64, "TCP connection")
        )
    }

    fn facts(&self) -> String {
        let mut facts = String::new();
        for at in &self.shown.options.at {
            let _ = write!(
                facts,
                "<div><dt>Capture of {}</dt><dd><bdi>{}</bdi></dd></div>",
                Escaped(&at.name),
                Escaped(&at.file.to_string_lossy())
            );
        }
        facts
    }

    /// The points and their clocks, then what happened between them, the worst first, and the connections
    /// of each group.
    fn groups(&self, ends: &[[SocketAddr; 2]]) -> (String, Vec<Vec<u32>>) {
        let mut text = String::from("<dl class=\"points\">");
        for (title, line) in &self.head {
            let title = if title.is_empty() { "Note" } else { title };
            let _ =
                write!(text, "<div><dt>{}</dt><dd>{}</dd></div>", escaped(title), escaped(line));
        }
        text.push_str("</dl>");
        let mut groups: BTreeMap<(u8, u8, u8, usize), Vec<usize>> = BTreeMap::new();
        for (place, row) in self.rows.iter().enumerate() {
            let (path, outcome) = (row.joined.path.number(), row.joined.outcome.number());
            groups.entry((row.rank(), path, outcome, row.pair)).or_default().push(place);
        }
        let mut members = Vec::new();
        let files: Vec<_> =
            self.shown.options.at.iter().map(|at| at.file.to_string_lossy()).collect();
        let files: Vec<&str> = files.iter().map(AsRef::as_ref).collect();
        for (number, places) in (1..).zip(groups.values()) {
            let (row, [client, server]) = (&self.rows[places[0]], ends[places[0]]);
            let (path, outcome) = (row.joined.path, row.joined.outcome);
            let between = format!("{} and {}", self.names[row.pair], self.names[row.pair + 1]);
            let label = if row.rank() < 3 { "failed" } else { "good" };
            let advice = path.advice();
            let file = files.first().copied().unwrap_or_default();
            let target = CheckTarget::new(client, server, file).with_files(&files);
            let lost = |side: Side| {
                let lost =
                    places.iter().map(|place| self.rows[*place].joined.totals[side as usize].lost);
                lost.map(|lost| u64::from(lost.unwrap_or(0))).sum::<u64>()
            };
            let _ = write!(
                text,
                "<article class=\"group {label}\"><h4>{number}. {}, {}: <span class=\"chip {}\">{}</span> \
                 between {}, outcome <span class=\"chip {}\">{}</span></h4><p>{} {}</p>",
                count(places.len() as u64, "connection"),
                escaped(&format!("such as {client} → {server}")),
                class(path.colour()),
                path.label(),
                escaped(&between),
                class(outcome.colour()),
                outcome.label(),
                escaped(path.doc()),
                escaped(advice.means),
            );
            if lost(Side::Server) + lost(Side::Client) > 0 {
                let _ = write!(
                    text,
                    "<p class=\"evidence\">Lost on the way to the server: {}; to the client: {}.</p>",
                    grouped(lost(Side::Server)),
                    grouped(lost(Side::Client))
                );
            }
            let checks = advice
                .checks
                .iter()
                .chain(outcome.advice().checks.iter().filter(|_| outcome.failed()));
            if let Some(check) = checks.into_iter().next() {
                let line =
                    check.command_line(&target).map_or_else(String::new, |line| command(&line));
                let _ = write!(
                    text,
                    "<div class=\"do\"><p><b>Check first:</b> {}</p>{line}</div>",
                    escaped(check.what)
                );
            }
            let conn = row.conn;
            let _ = write!(
                text,
                "<p class=\"links no-print needs-script\"><a href=\"#show&amp;group={number}\">Show \
                 {}</a> <a href=\"#conn-{conn}\">Open connection {conn}</a></p></article>",
                match places.len() {
                    1 => "it in the table".into(),
                    all => format!("all {}", grouped(all as u64)),
                }
            );
            members.push(places.iter().map(|place| self.rows[*place].conn).collect());
        }
        (text, members)
    }

    /// The columns of the table.
    fn json(&self, ends: &[[SocketAddr; 2]], servers: &Servers) -> Value {
        let first_ns = self.rows.iter().map(|row| row.joined.first_ns).min().unwrap_or(0);
        let mut hosts = Texts::default();
        let clients: Vec<_> =
            ends.iter().map(|[client, _]| hosts.number(&data::host(client.ip()))).collect();
        let column =
            |value: &dyn Fn(&Row) -> Value| -> Value { self.rows.iter().map(value).collect() };
        let place = |row: &Row| -> Option<&Place> { self.details.places.get(&row.conn) };
        let since = |ns: i64| ns.saturating_sub(first_ns).div_euclid(1000);
        let paths: BTreeMap<String, [&str; 2]> = Path::ALL
            .iter()
            .map(|path| (path.number().to_string(), [path.label(), class(path.colour())]))
            .collect();
        let both = |value: &dyn Fn(&Row, Side) -> Value| -> Value {
            [Side::Server, Side::Client]
                .map(|side| column(&|row| value(row, side)))
                .into_iter()
                .collect()
        };
        json!({
            "first": first_ns.div_euclid(1000),
            "hosts": hosts.list(),
            "conn": column(&|row| row.conn.into()),
            "time": column(&|row| since(row.joined.first_ns).into()),
            "client": clients,
            "port": ends.iter().map(|[client, _]| client.port()).collect::<Vec<_>>(),
            "server": ends.iter().map(|[_, server]| servers.place(*server)).collect::<Vec<_>>(),
            "outcome": column(&|row| row.joined.outcome.number().into()),
            "path": column(&|row| row.joined.path.number().into()),
            "paths": paths,
            "between": (self.names.len() > 2).then(|| column(&|row| {
                format!("{} – {}", self.names[row.pair], self.names[row.pair + 1]).into()
            })),
            "lost": both(&|row, side| {
                row.joined.totals[side as usize].lost.map_or(-1, i64::from).into()
            }),
            "delay": both(&|row, side| match row.joined.delays_ns[side as usize] {
                Some(delay_ns) => delay_text(delay_ns, row.joined.uncertainty_ns).into(),
                None => "-".into(),
            }),
            "delayed": both(&|row, side| {
                row.joined.delays_ns[side as usize].map_or(-1, |ns| ns.max(0)).into()
            }),
            "chunk": column(&|row| place(row).map_or(-1, |it| i64::from(it.chunk)).into()),
            "item": column(&|row| place(row).map_or(-1, |it| i64::from(it.item)).into()),
        })
    }
}
