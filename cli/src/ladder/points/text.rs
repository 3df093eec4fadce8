//! The ladder with several points for a terminal: the frame number of a segment stands in the lane of each
//! point that saw it.

use std::fmt::Write;

use anstyle::Style;
use dissector_core::compare::Fate;
use dissector_core::connection::{Repeat, Side};

use super::said;
use crate::journey::{IcmpPassage, Journey, Passage, Step};
use crate::output::style::{FAINT, STRONG, WARNING, outcome_style, stage_style};
use crate::output::time::Times;
use crate::timeline::{Arrival, labels};

/// Least width between two lanes, and on a terminal that has no room for it.
const LEAST: usize = 30;
const NARROW: usize = 12;
/// Room for a delay beside the longest label.
const DELAY: usize = 18;
/// Columns if the output is no terminal.
const COLUMNS: usize = 100;
/// Width of the shaft between an end and the lane next to it.
const EDGE: usize = 2;

pub fn draw(journey: &Journey, times: Times, columns: Option<usize>) -> String {
    Drawing::new(journey, times, columns.unwrap_or(COLUMNS)).text()
}

/// The lines below the last connection.
pub fn legend(journeys: &[Journey], columns: Option<usize>) -> String {
    let mut legend = String::from(
        "The numbers in a lane are the frames at that point. STATE is proven by the end's own \
                  segments; for STATE~, what leads to it was delivered to the point next to that end. A \
                  segment was lost at ×, and came from in between at •.",
    );
    if journeys.iter().any(Journey::is_proxied) {
        legend.push_str(&format!(
            " {} is the device that has a connection of its own with each end.",
            said::DEVICE
        ));
    }
    textwrap::fill(&legend, columns.unwrap_or(COLUMNS).max(40)) + "\n"
}

struct Drawing<'a> {
    journey: &'a Journey,
    /// The times of the segments and ICMP errors, in order.
    seconds: Vec<String>,
    /// Their title.
    unit: &'static str,
    columns: usize,
    /// Widths of the times, of the client's states, of a lane, and between two lanes.
    times: usize,
    client: usize,
    lane: usize,
    between: usize,
}

impl<'a> Drawing<'a> {
    fn new(journey: &'a Journey, mut times: Times, columns: usize) -> Self {
        let segments = || {
            journey.steps.iter().filter_map(|step| match step {
                Step::Segment(passage) => Some(&**passage),
                _ => None,
            })
        };
        let width = |text: String| text.chars().count();
        let states = |side: Side| {
            let all = segments().filter_map(move |it| it.states[side as usize]);
            all.map(|states| width(said::state(states))).max().unwrap_or(0).max(7)
        };
        let seconds = journey.steps.iter().map(|step| match step {
            Step::Segment(it) => times.text(it.time_ns),
            Step::Icmp(it) => times.text(it.time_ns),
            Step::Run(_) => String::new(),
        });
        let seconds: Vec<_> = seconds.collect();
        let frames = segments().flat_map(|it| it.seen.iter().flatten().map(|seen| seen.frame));
        let labels = journey.steps.iter().map(|step| match step {
            Step::Segment(it) => width(labels::flags_and_numbers(&it.event)),
            Step::Icmp(it) => width(said::icmp(&it.event)),
            Step::Run(_) => 0,
        });
        let mut drawing = Self {
            journey,
            columns,
            unit: times.unit().unwrap_or("time"),
            times: seconds.iter().map(|text| text.chars().count()).max().unwrap_or(0),
            seconds,
            client: states(Side::Client),
            lane: frames.max().map_or(1, |frame| width(frame.to_string())),
            between: labels.max().unwrap_or(0).max(LEAST) + 4,
        };
        let hops = journey.hops.len().max(1);
        let missing =
            (drawing.width() + 1 + states(Side::Server)).saturating_sub(columns).div_ceil(hops);
        drawing.between = drawing.between.saturating_sub(missing).max(NARROW);
        let room = columns.saturating_sub(drawing.width() + 1 + states(Side::Server));
        drawing.between += (room / hops).min(DELAY);
        drawing
    }

    /// Width up to the state of the server.
    fn width(&self) -> usize {
        self.start() + self.arrow_width() + 1
    }

    /// Where the arrows begin.
    fn start(&self) -> usize {
        self.times + 2 + self.client + 1
    }

    fn arrow_width(&self) -> usize {
        let lanes = self.journey.stations.len();
        2 * EDGE + lanes * self.lane + lanes.saturating_sub(1) * self.between
    }

    /// Where the lane of a station begins, within the arrow.
    fn lane_at(&self, station: usize) -> usize {
        EDGE + station * (self.lane + self.between)
    }

    fn text(&self) -> String {
        let journey = self.journey;
        let mut text = String::new();
        let outcome = journey.outcome().map_or_else(String::new, |outcome| {
            let style = outcome_style(outcome);
            format!("   {style}{outcome}{style:#}")
        });
        let heading = format!("conn {}  {}", journey.conn, said::addresses(journey));
        let mut wrapped = String::new();
        self.wrapped(&mut wrapped, 0, &format!("{STRONG}{heading}{STRONG:#}{outcome}"));
        text.push_str(&wrapped);
        for line in said::paths(journey) {
            self.wrapped(&mut text, 0, &line);
        }
        for line in said::clocks(journey) {
            self.wrapped(&mut text, 0, &line);
        }
        text.push('\n');
        self.heads(&mut text);
        for (step, time) in journey.steps.iter().zip(&self.seconds) {
            match step {
                Step::Segment(passage) => self.segment(&mut text, passage, time),
                Step::Icmp(icmp) => self.icmp(&mut text, icmp, time),
                Step::Run(run) => self.run(&mut text, &labels::run(run)),
            }
        }
        text
    }

    /// A run of segments, in the middle.
    fn run(&self, text: &mut String, label: &str) {
        let middle = self.start() + self.arrow_width() / 2;
        for line in textwrap::wrap(label, self.columns) {
            let length = line.chars().count();
            let before = middle.saturating_sub(length / 2).min(self.columns.saturating_sub(length));
            let _ = writeln!(text, "{:before$}{FAINT}{line}{FAINT:#}", "");
        }
    }

    /// The names of the lanes, and what the points call the ends.
    fn heads(&self, text: &mut String) {
        let stations = &self.journey.stations;
        let mut head = Canvas::new(self.arrow_width());
        for (place, station) in stations.iter().enumerate() {
            head.put_around(self.lane_at(place), self.lane, &station.shown());
        }
        let line = format!(
            "{:>times$}  {:<client$} {} server",
            self.unit,
            "client",
            head.text(),
            times = self.times,
            client = self.client
        );
        let _ = writeln!(text, "{FAINT}{}{FAINT:#}", line.trim_end());
        let all = (0..stations.len()).flat_map(|place| {
            let names = said::other_names(self.journey, place).into_iter();
            names.map(move |(side, name)| (place, format!("{side} = {name}")))
        });
        let all: Vec<_> = all.collect();
        if all.iter().any(|(_, name)| name.chars().count() > self.lane + self.between) {
            // There is no room for them above the lanes.
            for (place, name) in all {
                self.wrapped(text, 2, &format!("{}: {name}", stations[place].shown()));
            }
            return;
        }
        for side in Side::BOTH {
            let mut names = Canvas::new(self.arrow_width());
            for place in 0..stations.len() {
                let other = said::other_names(self.journey, place);
                for (_, name) in other.iter().filter(|(differs, _)| *differs == side) {
                    names.put_around(self.lane_at(place), self.lane, &format!("{side} = {name}"));
                }
            }
            let line = names.text();
            if !line.trim().is_empty() {
                let _ =
                    writeln!(text, "{FAINT}{:1$}{2}{FAINT:#}", "", self.start(), line.trim_end());
            }
        }
    }

    fn segment(&self, text: &mut String, passage: &Passage, time: &str) {
        let annotation = &passage.event.annotation;
        let shaft = if annotation.copy == Repeat::Original { '─' } else { '╌' };
        let label = self.label(passage);
        let places = passage.places();
        let first = places.iter().position(|place| passage.seen[*place].is_some()).unwrap_or(0);
        let last = places.iter().rposition(|place| passage.seen[*place].is_some()).unwrap_or(0);
        let (first, last) = (places[first], places[last]);
        let mut canvas = self.lanes();
        let forwards = passage.from() == Side::Client;
        // The lane of a station, and what is beside it on the sender's and on the receiver's side.
        let towards = |station: usize, by: usize| {
            let lane = self.lane_at(station);
            if forwards { lane + self.lane + by } else { lane.saturating_sub(1 + by) }
        };
        let backwards = |station: usize, by: usize| {
            let lane = self.lane_at(station);
            if forwards { lane.saturating_sub(1 + by) } else { lane + self.lane + by }
        };
        let origin = match (passage.appeared_at(), passage.begins_unknown_at()) {
            (Some(_), _) => Some('•'),
            (_, Some(_)) => Some('?'),
            _ if passage.sent_by_device().is_some() => Some(said::DEVICE),
            _ => None,
        };
        let at_edge = |by: usize| if forwards { by } else { self.arrow_width() - 1 - by };
        let longest = (label.chars().count() + 6).max(self.between * 3 / 4).min(self.between - 1);
        let tail = if origin.is_some() { backwards(first, longest) } else { at_edge(0) };
        let (tip, head) = match passage.hop_after(last) {
            None => match passage.arrival {
                Some(Arrival::Unknown) => (at_edge(self.arrow_width() - 1), '?'),
                _ => (at_edge(self.arrow_width() - 1), if forwards { '▶' } else { '◀' }),
            },
            Some(hop) => {
                let head = match passage.fates[hop] {
                    Some(Fate::Lost) => '×',
                    None if passage.apart => said::DEVICE,
                    Some(Fate::NotCaptured) => {
                        if forwards {
                            '▶'
                        } else {
                            '◀'
                        }
                    }
                    _ => '?',
                };
                (towards(last, longest), head)
            }
        };
        canvas.fill(tail, tip, shaft);
        canvas.set(tip, head);
        if let Some(origin) = origin {
            canvas.set(tail, origin);
        }
        for (place, seen) in passage.seen.iter().enumerate() {
            if let Some(seen) = seen {
                let frame = seen.frame.to_string();
                canvas.put(self.lane_at(place), &format!("{frame:─^width$}", width = self.lane));
            }
        }
        let inside = self.label_place(tail.min(tip), tail.max(tip));
        let arrow = format!(" {label} ");
        let delay = said::delay(self.journey, passage).map(|delay| format!(" {delay} "));
        if let Some((from, to)) = inside {
            canvas.put(from, &arrow);
            let rest = (to - from).saturating_sub(arrow.chars().count() + 2);
            if let Some(delay) = delay.filter(|it| it.chars().count() < rest) {
                canvas.put(to - 1 - delay.chars().count(), &delay);
            }
        }
        let style = stage_style(annotation.stage);
        let [client, server] = passage.states.map(|it| it.map_or_else(String::new, said::state));
        self.row(text, time, &client, (style, &canvas), &server);
        let mut remarks = said::remarks(self.journey, passage);
        remarks.extend(Some(said::findings(passage)).filter(|it| !it.is_empty()));
        if !remarks.is_empty() {
            self.styled(text, self.remarks_at(), &remarks.join("; "));
        }
    }

    /// The longest label that there is room for between two lanes.
    fn label(&self, passage: &Passage) -> String {
        let fits = |label: &&String| label.chars().count() + 6 <= self.between;
        let label = labels::flags_and_numbers(&passage.event);
        let shorter = labels::shorter(&passage.event);
        let fitting = std::iter::once(&label).chain(&shorter).find(fits);
        fitting.or(shorter.last()).cloned().unwrap_or(label)
    }

    /// Columns for a label between two lanes that an arrow covers.
    fn label_place(&self, from: usize, to: usize) -> Option<(usize, usize)> {
        let stations = self.journey.stations.len();
        let hops = (0..stations.saturating_sub(1)).map(|station| {
            let start = self.lane_at(station) + self.lane;
            (start.max(from) + 2, (start + self.between).min(to + 1))
        });
        // Of equal ones, the first.
        hops.rev().max_by_key(|(from, to)| to.saturating_sub(*from)).filter(|(from, to)| from < to)
    }

    fn icmp(&self, text: &mut String, icmp: &IcmpPassage, time: &str) {
        let to_client = icmp.event.to == Side::Client;
        let Some(origin) = said::icmp_origin(&icmp.seen, icmp.event.to) else { return };
        let mut canvas = self.lanes();
        let end = if to_client { 0 } else { self.arrow_width() - 1 };
        let lane = self.lane_at(origin);
        let start = match to_client {
            true => (lane + self.lane + self.between - 2).min(self.arrow_width() - 1),
            false => lane.saturating_sub(self.between - 1),
        };
        canvas.fill(start, end, '┄');
        canvas.set(start, '•');
        canvas.set(end, if to_client { '◀' } else { '▶' });
        for (place, frame) in icmp.seen.iter().enumerate() {
            if let Some(frame) = frame {
                canvas.put(self.lane_at(place), &format!("{frame:┄^width$}", width = self.lane));
            }
        }
        let mut below = None;
        if let Some((from, _)) = self.label_place(start.min(end), start.max(end)) {
            let label = said::icmp(&icmp.event);
            let fits = label.chars().count() + 6 <= self.between;
            canvas.put(from, &format!(" {} ", if fits { &label } else { "ICMP error" }));
            below = (!fits).then_some(label);
        }
        self.row(text, time, "", (WARNING, &canvas), "");
        if let Some(label) = below {
            self.styled(text, self.remarks_at(), &label);
        }
    }

    /// Where remarks below an arrow begin.
    fn remarks_at(&self) -> usize {
        self.start() + self.lane_at(0) + self.lane + 3
    }

    fn row(
        &self,
        text: &mut String,
        time: &str,
        client: &str,
        (style, arrow): (Style, &Canvas),
        server: &str,
    ) {
        let (times, width) = (self.times, self.client);
        let arrow = arrow.text();
        // Nothing stands at the end of a line.
        let (arrow, space) =
            if server.is_empty() { (arrow.trim_end(), "") } else { (&*arrow, " ") };
        let _ = writeln!(
            text,
            "{time:>times$}  {client:<width$} {style}{arrow}{style:#}{space}{server}"
        );
    }

    /// The lanes without an arrow.
    fn lanes(&self) -> Canvas {
        let mut canvas = Canvas::new(self.arrow_width());
        for station in 0..self.journey.stations.len() {
            canvas.set(self.lane_at(station) + self.lane / 2, '│');
        }
        canvas
    }

    fn styled(&self, text: &mut String, indent: usize, what: &str) {
        let mut lines = String::new();
        self.wrapped(&mut lines, indent, what);
        for line in lines.lines() {
            let rest = line.trim_start();
            let before = line.len() - rest.len();
            let _ = writeln!(text, "{:before$}{WARNING}{rest}{WARNING:#}", "");
        }
    }

    fn wrapped(&self, text: &mut String, indent: usize, what: &str) {
        let spaces = " ".repeat(indent);
        let options = textwrap::Options::new(self.columns.max(indent + 40))
            .initial_indent(&spaces)
            .subsequent_indent(&spaces)
            .break_words(false);
        for line in textwrap::wrap(what, options) {
            let _ = writeln!(text, "{line}");
        }
    }
}

/// A line of characters that are put over each other.
struct Canvas(Vec<char>);

impl Canvas {
    fn new(width: usize) -> Self {
        Self(vec![' '; width])
    }

    fn set(&mut self, column: usize, character: char) {
        if let Some(place) = self.0.get_mut(column) {
            *place = character;
        }
    }

    fn put(&mut self, column: usize, text: &str) {
        (column..).zip(text.chars()).for_each(|(column, character)| self.set(column, character));
    }

    /// Puts a text above a lane of this width, within the line.
    fn put_around(&mut self, lane: usize, width: usize, text: &str) {
        let length = text.chars().count();
        let column = (lane + width / 2).saturating_sub(length / 2);
        self.put(column.min(self.0.len().saturating_sub(length)), text);
    }

    fn fill(&mut self, from: usize, to: usize, character: char) {
        (from.min(to)..=from.max(to)).for_each(|column| self.set(column, character));
    }

    fn text(&self) -> String {
        self.0.iter().collect()
    }
}
