//! The ladder for a terminal.

use std::fmt::Write;

use anstyle::Style;
use dissector_core::connection::{Repeat, Side, States};

use crate::output::style::{FAINT, STRONG, STRUCK, WARNING, outcome_style, stage_style};
use crate::output::time::Times;
use crate::timeline::{Arrival, Event, IcmpEvent, SegmentEvent, Timeline, labels};

/// Width of a state in columns: the longest is `SYN-RECEIVED?`.
const STATE: usize = 13;
/// Least width of an arrow in columns.
const ARROW: usize = 36;
/// Columns over which an arrow fades.
const FADING: usize = 6;

/// Draws `timeline` with colours, in so many columns; `None` for as many as it takes.
pub fn draw(timeline: &Timeline, times: Times, columns: Option<usize>) -> String {
    let unit = times.unit();
    let mut rows = rows(timeline, times);
    let wide = Layout::wide(&rows);
    let narrow = columns.filter(|columns| rows.iter().any(|row| wide.width(row) > *columns));
    let mut day = None;
    let layout = match narrow {
        Some(columns) => {
            day = without_day(&mut rows);
            Layout::narrow(&rows, columns)
        }
        None => wide,
    };
    let mut text = heading(timeline, columns);
    if let Some(day) = day {
        let _ = writeln!(text, "  {FAINT}on {day}, UTC{FAINT:#}");
    }
    layout.head(&mut text, timeline, unit);
    rows.iter().for_each(|row| layout.row(&mut text, row));
    let failure = labels::failure(timeline);
    if !failure.is_empty() {
        wrap(&mut text, columns, "  ", &failure);
    }
    text
}

/// Takes the day out of the times if it is the same in all of them, and returns it.
fn without_day(rows: &mut [Row]) -> Option<String> {
    let day_of = |row: &ArrowRow| row.time.split_once('T').map(|(day, _)| day.to_owned());
    let day = arrows(rows).next().and_then(day_of)?;
    if !arrows(rows).all(|row| day_of(row).as_ref() == Some(&day)) {
        return None;
    }
    for row in rows {
        if let Row::Arrow(row) = row
            && let Some((_, time)) = row.time.split_once('T')
        {
            row.time = time.to_owned();
        }
    }
    Some(day)
}

fn arrows(rows: &[Row]) -> impl Iterator<Item = &ArrowRow> {
    rows.iter().filter_map(|row| match row {
        Row::Arrow(row) => Some(&**row),
        Row::Between(_) => None,
    })
}

/// The widths of frame numbers and times.
fn leads(rows: &[Row]) -> [usize; 2] {
    let frame = arrows(rows).map(|row| row.frame.len()).max().unwrap_or(0);
    let time = arrows(rows).map(|row| row.time.len()).max().unwrap_or(0);
    [frame, time]
}

/// Connection, addresses, outcome and summary.
fn heading(timeline: &Timeline, columns: Option<usize>) -> String {
    let outcome = timeline.verdict.outcome;
    let style = outcome_style(outcome);
    let summary = match labels::summary(timeline) {
        summary if summary.is_empty() => summary,
        summary => format!("   {summary}"),
    };
    let (id, addresses) = (timeline.id, labels::addresses(timeline));
    let plain = format!("conn {id}  {addresses}   {outcome}{summary}");
    let coloured =
        format!("{STRONG}conn {id}  {addresses}{STRONG:#}   {style}{outcome}{style:#}{summary}\n");
    if columns.is_none_or(|columns| plain.chars().count() <= columns) {
        return coloured;
    }
    let mut text = String::new();
    let mut ends = String::new();
    wrap(&mut ends, columns, "        ", &format!("conn {id}  {addresses}"));
    ends.lines().for_each(|line| {
        let _ = writeln!(text, "{STRONG}{line}{STRONG:#}");
    });
    wrap(&mut text, columns, "  ", &format!("  {style}{outcome}{style:#}{summary}"));
    text
}

/// Writes a text in lines of so many columns.
fn wrap(text: &mut String, columns: Option<usize>, indent: &str, what: &str) {
    let options = textwrap::Options::new(columns.unwrap_or(usize::MAX))
        .subsequent_indent(indent)
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    for line in textwrap::wrap(what, options) {
        let _ = writeln!(text, "{line}");
    }
}

/// A line of the ladder.
enum Row {
    Arrow(Box<ArrowRow>),
    /// A remark between the two sides.
    Between(String),
}

/// An arrow, and the states around it.
struct ArrowRow {
    frame: String,
    time: String,
    client: String,
    server: Server,
    /// The label, and shorter ones for where there is no room, each with what has to stand below it then.
    labels: Vec<(String, String)>,
    from: Side,
    arrival: Arrival,
    shaft: char,
    style: Style,
    /// The step alone, if the segment has one.
    step: &'static str,
    /// Step and findings, and their style.
    remark: (String, Style),
}

/// The state of the server, struck through if it is only assumed and nothing was heard of the server.
struct Server {
    state: String,
    struck: bool,
}

impl Server {
    fn new(state: States, unheard: bool) -> Self {
        Self { state: state.to_string(), struck: unheard && !state.proven() }
    }

    fn styled(&self) -> String {
        match self.struck {
            true => format!("{STRUCK}{}{STRUCK:#}", self.state),
            false => self.state.clone(),
        }
    }
}

fn rows(timeline: &Timeline, mut times: Times) -> Vec<Row> {
    let rows = timeline.events.iter().map(|event| match event {
        Event::Segment(segment) => {
            let time = times.text(segment.time_ns);
            Row::Arrow(Box::new(segment_row(timeline, segment, time)))
        }
        Event::Icmp(error) => {
            let time = times.text(error.time_ns);
            Row::Arrow(Box::new(icmp_row(timeline, error, time)))
        }
        Event::Run(run) => Row::Between(labels::run(run)),
        Event::File(name) => Row::Between(labels::file(name)),
    });
    rows.collect()
}

fn segment_row(timeline: &Timeline, segment: &SegmentEvent, time: String) -> ArrowRow {
    let annotation = &segment.annotation;
    let (findings, warning) = labels::step_and_findings(segment);
    ArrowRow {
        frame: segment.frame.to_string(),
        time,
        client: annotation.client.to_string(),
        server: Server::new(annotation.server, timeline.is_unheard),
        labels: labels::arrows(segment).into_iter().map(|label| (label, String::new())).collect(),
        from: segment.from,
        arrival: segment.arrival,
        shaft: if annotation.copy == Repeat::Original { '─' } else { '╌' },
        style: stage_style(annotation.stage),
        step: labels::step(segment).unwrap_or_default(),
        remark: (findings, if warning { WARNING } else { FAINT }),
    }
}

fn icmp_row(timeline: &Timeline, error: &IcmpEvent, time: String) -> ArrowRow {
    let (what, from) = labels::icmp_parts(error);
    ArrowRow {
        frame: error.frame.to_string(),
        time,
        client: error.states[0].to_string(),
        server: Server::new(error.states[1], timeline.is_unheard),
        labels: vec![
            (format!(" {what} {from}"), String::new()),
            (format!(" {what}"), from.clone()),
            (" ICMP error".into(), format!("{what} {from}")),
        ],
        from: error.to.other(),
        arrival: Arrival::Assumed,
        shaft: '┄',
        style: WARNING,
        step: "",
        remark: (String::new(), FAINT),
    }
}

/// Columns of the parts of a row.
struct Layout {
    /// Width of the frame number, and of the time behind it.
    frame: usize,
    time: usize,
    /// Between the time and the state of the client.
    gap: usize,
    client: usize,
    /// Width of the step in front of the arrow; 0 if it stands behind the server's state.
    step: usize,
    arrow: usize,
    /// Width of the terminal, if rows have to be broken.
    columns: Option<usize>,
}

impl Layout {
    /// As wide as the longest label asks.
    fn wide(rows: &[Row]) -> Self {
        let [frame, time] = leads(rows);
        let labels = arrows(rows).map(|row| row.labels[0].0.chars().count() + 5);
        let arrow = labels.max().unwrap_or(0).max(ARROW);
        let (frame, time) = (frame.max(6), time.max(12));
        Self { frame, time, gap: 3, client: STATE, step: 0, arrow, columns: None }
    }

    /// As narrow as the terminal asks.
    fn narrow(rows: &[Row], columns: usize) -> Self {
        let [frame, time] = leads(rows);
        let clients = arrows(rows).map(|row| row.client.chars().count());
        let client = clients.max().unwrap_or(0).max(6);
        let steps = arrows(rows).filter(|row| !row.step.is_empty()).map(|row| row.step.len() + 1);
        let step = steps.max().unwrap_or(0);
        let (frame, time, gap) = (frame.max(5), time.max(8), 1);
        let others = frame + 1 + time + gap + client + 1 + step + 1 + STATE;
        let arrow = columns.saturating_sub(others).max(12);
        Self { frame, time, gap, client, step, arrow, columns: Some(columns) }
    }

    /// Where the arrow begins.
    fn start(&self) -> usize {
        self.frame + 1 + self.time + self.gap + self.client + self.space() + self.step
    }

    /// Spaces beside the arrow.
    fn space(&self) -> usize {
        if self.columns.is_some() { 1 } else { 2 }
    }

    /// The width of a row.
    fn width(&self, row: &Row) -> usize {
        match row {
            Row::Arrow(row) => {
                let states = self.start() + self.arrow + self.space();
                match row.remark.0.chars().count() {
                    0 => states + row.server.state.chars().count(),
                    remark => states + STATE + 2 + remark,
                }
            }
            Row::Between(label) => {
                let middle = self.start() + self.arrow / 2;
                middle.saturating_sub(label.chars().count() / 2) + label.chars().count()
            }
        }
    }

    /// The titles, and the states before the first event.
    fn head(&self, text: &mut String, timeline: &Timeline, unit: Option<&str>) {
        let Self { frame, time, gap, client: width, .. } = *self;
        let arrow = self.step + self.arrow;
        let space = self.space();
        let seconds = match unit {
            Some(unit) if self.columns.is_none() => format!("time({unit})"),
            _ => "time".into(),
        };
        let (client, server) = (Side::Client, Side::Server);
        let _ = writeln!(
            text,
            "{FAINT}{:>frame$} {seconds:>time$}{:gap$}{client:<width$}{:space$}{:arrow$}{:space$}{server}\
             {FAINT:#}",
            "frame", "", "", "", ""
        );
        let [client, server] = labels::initial_states(timeline);
        let before = frame + 1 + time + gap;
        let _ = writeln!(
            text,
            "{:before$}{client:<width$}{:space$}{:arrow$}{:space$}{server}",
            "", "", "", ""
        );
    }

    fn row(&self, text: &mut String, row: &Row) {
        match row {
            Row::Arrow(row) => self.arrow_row(text, row),
            Row::Between(label) => self.centred(text, label),
        }
    }

    fn arrow_row(&self, text: &mut String, row: &ArrowRow) {
        let Self { frame, time, gap, client: width, .. } = *self;
        let fits = |(label, _): &&(String, String)| label.chars().count() + 5 <= self.arrow;
        let fitting = row.labels.iter().find(fits).or(row.labels.last());
        let (label, rest) = fitting.map_or(("", ""), |(label, rest)| (label, rest));
        let step = if self.step > 0 { row.step } else { "" };
        let arrow = arrow(label, row.from, row.arrival, row.shaft, self.arrow);
        let (style, space) = (row.style, self.space());
        let _ = write!(
            text,
            "{:>frame$} {:>time$}{:gap$}{:<width$}{:space$}{FAINT}{step:<steps$}{FAINT:#}",
            row.frame,
            row.time,
            "",
            row.client,
            "",
            steps = self.step
        );
        let _ = write!(text, "{style}{arrow}{style:#}{:space$}{}", "", row.server.styled());
        let (remark, style) = &row.remark;
        match self.columns {
            None if remark.is_empty() => text.push('\n'),
            None => {
                let rest = STATE.saturating_sub(row.server.state.len());
                let _ = writeln!(text, "{:rest$}  {style}{remark}{style:#}", "");
            }
            Some(columns) => {
                text.push('\n');
                let remark = remark.strip_prefix(step).unwrap_or(remark).trim_start();
                self.below(text, columns, rest, WARNING);
                self.below(text, columns, remark, *style);
            }
        }
    }

    /// A remark below an arrow, in as many lines as it takes.
    fn below(&self, text: &mut String, columns: usize, remark: &str, style: Style) {
        let indent = " ".repeat((self.start() + 3).min(columns / 2));
        let options =
            textwrap::Options::new(columns).initial_indent(&indent).subsequent_indent(&indent);
        for line in textwrap::wrap(remark, options).iter().filter(|line| !line.trim().is_empty()) {
            let _ = writeln!(text, "{indent}{style}{}{style:#}", line.trim_start());
        }
    }

    /// Writes `label` in the middle between the two sides.
    fn centred(&self, text: &mut String, label: &str) {
        let middle = self.start() + self.arrow / 2;
        let width = self.columns.unwrap_or(usize::MAX);
        for line in textwrap::wrap(label, width) {
            let length = line.chars().count();
            let before = middle.saturating_sub(length / 2).min(width.saturating_sub(length));
            let _ = writeln!(text, "{:before$}{FAINT}{line}{FAINT:#}", "");
        }
    }
}

/// `──[S]  SYN seq=0 ───────────▶`; to the left if from the server, with × for a head if
/// undelivered, and fading to a `?` if nothing shows that it has arrived.
fn arrow(label: &str, from: Side, arrival: Arrival, shaft: char, width: usize) -> String {
    let head = match (from, arrival) {
        (_, Arrival::Refuted) => '×',
        (_, Arrival::Unknown) => '?',
        (Side::Client, Arrival::Assumed) => '▶',
        (Side::Server, Arrival::Assumed) => '◀',
    };
    let rest = width.saturating_sub(label.chars().count() + 4);
    let fading = if arrival == Arrival::Unknown { rest.min(FADING) } else { 0 };
    let rest = String::from(shaft).repeat(rest - fading) + &"┄".repeat(fading);
    match from {
        Side::Client => format!("{shaft}{shaft}{label} {rest}{head}"),
        Side::Server => format!("{head}{shaft}{label} {rest}{shaft}"),
    }
}
