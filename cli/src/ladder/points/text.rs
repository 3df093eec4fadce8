//! The ladder with several points for a terminal: the frame number of a segment stands in the lane of each
//! point that saw it.

use std::fmt::Write;

use anstyle::Style;
use dissector_core::compare::Fate;
use dissector_core::connection::{Repeat, Side};

use super::said;
use crate::journey::{IcmpPassage, Journey, Passage, Step};
use crate::output::style::{FAINT, STRONG, WARNING, outcome_style, stage_style};
use crate::timeline::{Arrival, labels};

/// Least width between two lanes.
const LEAST: usize = 30;
/// Room for a delay beside the longest label.
const DELAY: usize = 18;
/// Columns if the output is no terminal.
const COLUMNS: usize = 100;
/// Width of the shaft between an end and the lane next to it.
const EDGE: usize = 2;

pub fn draw(journey: &Journey, columns: Option<usize>) -> String {
    Drawing::new(journey, columns.unwrap_or(COLUMNS)).text()
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
    columns: usize,
    /// Widths of the times, of the client's states, of a lane, and between two lanes.
    times: usize,
    client: usize,
    lane: usize,
    between: usize,
}

impl<'a> Drawing<'a> {
    fn new(journey: &'a Journey, columns: usize) -> Self {
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
        let times = journey.steps.iter().filter_map(|step| match step {
            Step::Segment(it) => Some(it.time_ns),
            Step::Icmp(it) => Some(it.time_ns),
            Step::Run(_) => None,
        });
        let last_ns = times.max().unwrap_or(0);
        let frames = segments().flat_map(|it| it.seen.iter().flatten().map(|seen| seen.frame));
        let labels = journey.steps.iter().map(|step| match step {
            Step::Segment(it) => width(labels::flags_and_numbers(&it.event)),
            Step::Icmp(it) => width(said::icmp(&it.event)),
            Step::Run(_) => 0,
        });
        let mut drawing = Self {
            journey,
            columns,
            times: width(seconds(journey, last_ns)),
            client: states(Side::Client),
            lane: frames.max().map_or(1, |frame| width(frame.to_string())),
            between: labels.max().unwrap_or(0).max(LEAST) + 4,
        };
        let hops = journey.hops.len().max(1);
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
        let addresses = said::addresses(journey);
        let _ = writeln!(text, "{STRONG}conn {}  {addresses}{STRONG:#}{outcome}", journey.conn);
        for line in said::paths(journey) {
            let _ = writeln!(text, "{line}");
        }
        for line in said::clocks(journey) {
            self.wrapped(&mut text, 0, &line);
        }
        text.push('\n');
        self.heads(&mut text);
        for step in &journey.steps {
            match step {
                Step::Segment(passage) => self.segment(&mut text, passage),
                Step::Icmp(icmp) => self.icmp(&mut text, icmp),
                Step::Run(run) => {
                    let label = labels::run(run);
                    let middle = self.start() + self.arrow_width() / 2;
                    let before = middle.saturating_sub(label.chars().count() / 2);
                    let _ = writeln!(text, "{:before$}{FAINT}{label}{FAINT:#}", "");
                }
            }
        }
        text
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
            "s",
            "client",
            head.text(),
            times = self.times,
            client = self.client
        );
        let _ = writeln!(text, "{FAINT}{}{FAINT:#}", line.trim_end());
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

    fn segment(&self, text: &mut String, passage: &Passage) {
        let annotation = &passage.event.annotation;
        let shaft = if annotation.copy == Repeat::Original { '─' } else { '╌' };
        let label = labels::flags_and_numbers(&passage.event);
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
        self.row(text, passage.time_ns, &client, (style, &canvas), &server);
        let mut remarks = said::remarks(self.journey, passage);
        remarks.extend(Some(said::findings(passage)).filter(|it| !it.is_empty()));
        if !remarks.is_empty() {
            let indent = self.start() + self.lane_at(0) + self.lane + 3;
            self.styled(text, indent, &remarks.join("; "));
        }
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

    fn icmp(&self, text: &mut String, icmp: &IcmpPassage) {
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
        if let Some((from, _)) = self.label_place(start.min(end), start.max(end)) {
            canvas.put(from, &format!(" {} ", said::icmp(&icmp.event)));
        }
        self.row(text, icmp.time_ns, "", (WARNING, &canvas), "");
    }

    fn row(
        &self,
        text: &mut String,
        time_ns: i64,
        client: &str,
        (style, arrow): (Style, &Canvas),
        server: &str,
    ) {
        let (time, times, width) = (seconds(self.journey, time_ns), self.times, self.client);
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

fn seconds(journey: &Journey, time_ns: i64) -> String {
    format!("{:.6}", time_ns.saturating_sub(journey.first_ns) as f64 / 1e9)
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
