//! The ladder with several points as a picture.

use std::fmt::Write;

use dissector_core::compare::Fate;
use dissector_core::connection::{ColourRole, Repeat, Side, StageClass, State, States};
use jiff::Timestamp;

use super::said;
use crate::journey::{IcmpPassage, Journey, Passage, Step};
use crate::ladder::svg::{Escaped, STYLE, silence_height};
use crate::output::units::duration;
use crate::timeline::{Arrival, Run, labels};

// Lengths are in pixels.
/// Right end of the times, and the axis beside them.
const TIMES: f64 = 86.0;
const AXIS: f64 = 98.0;
const CLIENT: f64 = 236.0;
const STATE_WIDTH: f64 = 112.0;
const STATE_HEIGHT: f64 = 20.0;
/// Distance of the states from their lifeline.
const ASIDE: f64 = 10.0;
/// From an end to the point next to it.
const EDGE: f64 = 74.0;
const LEAST_BETWEEN: f64 = 320.0;
const LEAST_WIDTH: f64 = 1020.0;
/// Widths of a character: on an arrow, in the title, in small letters.
const CHARACTER: f64 = 7.25;
const TITLE_CHARACTER: f64 = 10.3;
const FAINT_CHARACTER: f64 = 6.65;
/// Room that the number of a frame takes beside its lane.
const FRAME: f64 = 34.0;
/// Distance of two events, and what a line below an arrow adds.
const STEP: f64 = 44.0;
const REMARK: f64 = 14.0;
/// Height that an arrow loses between two lanes.
const SLANT: f64 = 14.0;
const SMALL_SLANT: f64 = 3.0;

/// The lanes of points, and numbers on them.
pub const LANES: &str = "\
.lane{stroke:#8c959f;stroke-width:1.2;fill:none}\
.frame{fill:#ffffff;stroke:#8c959f}\
.device{fill:#57606a}\
.small{font-size:10.5px}\
.change{fill:#9a6700;font-weight:bold}\
@media (prefers-color-scheme:dark){.lane{stroke:#656d76}.frame{fill:#0d1117;stroke:#656d76}.device{fill:#8b949e}.change{fill:#d29922}}";

pub fn draw(journey: &Journey) -> String {
    let longest = journey.steps.iter().map(|step| match step {
        Step::Segment(it) => label(journey, it).chars().count(),
        Step::Icmp(it) => said::icmp(&it.event).chars().count(),
        Step::Run(run) => labels::run(run).chars().count() / journey.hops.len().max(1),
    });
    let longest = longest.max().unwrap_or(0) as f64 * CHARACTER + 70.0;
    let names = (0..journey.stations.len()).map(|place| head(journey, place));
    let names = names.flatten().map(|line| line.chars().count()).max().unwrap_or(0);
    let between = longest.max(LEAST_BETWEEN).max(names as f64 * FAINT_CHARACTER + 24.0);
    let lanes: Vec<f64> =
        (0..journey.stations.len()).map(|place| CLIENT + EDGE + place as f64 * between).collect();
    let server = lanes.last().map_or(CLIENT, |last| last + EDGE);
    let width = server + ASIDE + STATE_WIDTH + 30.0;
    let picture = Picture {
        journey,
        body: String::new(),
        lanes,
        server,
        width: width.max(LEAST_WIDTH),
        drawn: [None; 2],
        since: [0.0; 2],
    };
    picture.draw()
}

/// A segment's numbers, and its time between the points.
fn label(journey: &Journey, passage: &Passage) -> String {
    let numbers = labels::flags_and_numbers(&passage.event);
    match said::delay(journey, passage) {
        Some(delay) => format!("{numbers} · {delay}"),
        None => numbers,
    }
}

/// The name of a point, and what it calls the ends if that differs.
fn head(journey: &Journey, place: usize) -> Vec<String> {
    let others = said::other_names(journey, place).into_iter();
    let others = others.map(|(side, name)| format!("{side} is {name}"));
    std::iter::once(journey.stations[place].shown()).chain(others).collect()
}

struct Picture<'a> {
    journey: &'a Journey,
    body: String,
    /// Where the lanes of the points are.
    lanes: Vec<f64>,
    /// The server's lifeline.
    server: f64,
    width: f64,
    /// The last state drawn for each side, and the height from which its lifeline shows it.
    drawn: [Option<States>; 2],
    since: [f64; 2],
}

impl Picture<'_> {
    fn draw(mut self) -> String {
        let top = self.heads();
        self.since = [top - 26.0; 2];
        let mut y = top;
        let mut last_ns = self.journey.first_ns;
        for (place, step) in self.journey.steps.iter().enumerate() {
            let (first_ns, until_ns) = match step {
                Step::Segment(it) => (it.time_ns, it.time_ns),
                Step::Icmp(it) => (it.time_ns, it.time_ns),
                Step::Run(it) => (it.first_ns, it.last_ns),
            };
            if place > 0 {
                let silence_ns = first_ns.saturating_sub(last_ns).max(0).unsigned_abs();
                let more = silence_height(silence_ns);
                if more > 0.0 {
                    let middle = y - (STEP - SLANT) / 2.0 + more / 2.0 + 4.0;
                    self.text(TIMES, middle, "faint", "end", &format!("+{}", duration(silence_ns)));
                }
                y += more;
            }
            last_ns = until_ns;
            y += match step {
                Step::Segment(passage) => {
                    self.tick(y, first_ns);
                    self.segment(y, passage)
                }
                Step::Icmp(icmp) => {
                    self.tick(y, first_ns);
                    self.icmp(y, icmp);
                    STEP
                }
                Step::Run(run) => {
                    self.run(y, run);
                    STEP
                }
            };
        }
        self.finish(top, y)
    }

    /// Title and names; the height of the first step.
    fn heads(&mut self) -> f64 {
        let journey = self.journey;
        let title = format!("conn {}   {}", journey.conn, said::addresses(journey));
        self.text(24.0, 36.0, "title", "start", &title);
        self.width = self.width.max(title.chars().count() as f64 * TITLE_CHARACTER + 60.0);
        let mut x = 24.0;
        if let Some(outcome) = journey.outcome() {
            x = self.badge(x, 50.0, outcome.label(), outcome.colour()) + 10.0;
        }
        let paths: Vec<_> = journey.paths().map(|(_, _, path)| path).collect();
        for path in paths {
            x = self.badge(x, 50.0, path.label(), path.colour()) + 10.0;
        }
        let mut y = 92.0;
        for line in said::paths(journey).into_iter().chain(said::clocks(journey)) {
            self.text(24.0, y, "", "start", &line);
            self.width = self.width.max(line.chars().count() as f64 * CHARACTER + 48.0);
            y += 17.0;
        }
        y += 16.0;
        let ends = journey.ends();
        for side in Side::BOTH {
            let x = self.x(side);
            self.text(x, y, "head", "middle", side.label());
            let address = ends.map_or_else(String::new, |it| it[side as usize].to_string());
            self.text(x, y + 16.0, "faint", "middle", &address);
        }
        let mut lowest = y + 16.0;
        for place in 0..self.lanes.len() {
            for (row, line) in head(journey, place).iter().enumerate() {
                let class = if row == 0 { "head" } else { "faint" };
                // The names of the points are one line below those of the ends.
                let height = y + 34.0 + row as f64 * 15.0;
                self.text(self.lanes[place], height, class, "middle", line);
                lowest = lowest.max(height);
            }
        }
        self.text(TIMES, lowest, "faint", "end", "time (s)");
        lowest + 42.0
    }

    /// A label on a coloured ground; gives where it ends.
    fn badge(&mut self, x: f64, y: f64, label: &str, colour: ColourRole) -> f64 {
        let width = label.chars().count() as f64 * CHARACTER + 20.0;
        let class = match colour {
            ColourRole::Good => "good",
            ColourRole::Bad | ColourRole::Warning => "bad",
            _ => "so",
        };
        let _ = write!(
            self.body,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"22\" rx=\"11\" class=\"{class}\"/>"
        );
        self.text(x + width / 2.0, y + 15.0, "on", "middle", label);
        x + width
    }

    fn x(&self, side: Side) -> f64 {
        match side {
            Side::Client => CLIENT,
            Side::Server => self.server,
        }
    }

    fn tick(&mut self, y: f64, time_ns: i64) {
        let seconds = time_ns.saturating_sub(self.journey.first_ns) as f64 / 1e9;
        self.text(TIMES, y + 4.0, "", "end", &format!("{seconds:.6}"));
        self.line(AXIS - 4.0, y, AXIS + 4.0, y, "line");
    }

    /// Height of an arrow above its end, at this place on the way of this end's segments.
    fn slope(&self, from: Side, x: f64) -> f64 {
        let way = (x - self.x(from)).abs();
        let whole = (self.server - CLIENT).max(1.0);
        let falls = SLANT + 2.0 * SMALL_SLANT;
        falls * (way / whole).clamp(0.0, 1.0)
    }

    /// Draws a segment; gives the height that it takes.
    fn segment(&mut self, y: f64, passage: &Passage) -> f64 {
        let annotation = &passage.event.annotation;
        let colour = match annotation.stage.class() {
            StageClass::None => "plain",
            StageClass::Handshake => "shake",
            StageClass::Close => "close",
            _ => "reset",
        };
        let again = if annotation.copy == Repeat::Original { "" } else { " again" };
        let (from, places) = (passage.from(), passage.places());
        let is_seen = |place: &&usize| passage.seen[**place].is_some();
        let (Some(&first), Some(&last)) =
            (places.iter().find(is_seen), places.iter().rev().find(is_seen))
        else {
            return 0.0;
        };
        let direction = if from == Side::Client { 1.0 } else { -1.0 };
        let between = self.between();
        let appeared = passage.appeared_at().is_some();
        let unknown = passage.begins_unknown_at().is_some();
        let by_device = passage.sent_by_device().is_some();
        let back = self.lanes[first] - direction * between;
        let start = if by_device {
            // Half way, where what comes from the other side ends at the device, too.
            back + direction * between * 0.5
        } else if appeared || unknown {
            back + direction * between * 0.45
        } else {
            self.x(from) + direction * 3.0
        };
        let (end, head) = match passage.hop_after(last) {
            None => {
                let end = self.x(from.other());
                match passage.arrival {
                    Some(Arrival::Unknown) => (end - direction * EDGE * 0.35, Head::Unknown),
                    _ => (end - direction * 3.0, Head::Arrow),
                }
            }
            Some(hop) => match passage.fates[hop] {
                Some(Fate::Lost) => (self.lanes[last] + direction * between * 0.88, Head::Cross),
                None if passage.apart => {
                    (self.lanes[last] + direction * between * 0.5, Head::Device)
                }
                _ => (self.lanes[last] + direction * between * 0.88, Head::Unknown),
            },
        };
        self.arrow((start, end), y, from, &format!("{colour}{again}"), head);
        if unknown {
            let at = y + self.slope(from, start) + 4.0;
            self.text(start - direction * 8.0, at, "faint", "middle", "?");
        }
        if by_device {
            self.device(start, y + self.slope(from, start));
        }
        if appeared {
            let at = y + self.slope(from, start);
            let _ = write!(
                self.body,
                "<circle cx=\"{start:.1}\" cy=\"{at:.1}\" r=\"4.5\" class=\"{colour}\"/>"
            );
        }
        for (place, seen) in passage.seen.iter().enumerate() {
            if let Some(seen) = seen {
                self.frame(place, y + self.slope(from, self.lanes[place]), seen.frame);
            }
        }
        // The label stands between the two lanes that the arrow covers most of.
        let (low, high) = (start.min(end), start.max(end));
        let middle = self.label_middle(low, high);
        let at = y + self.slope(from, middle);
        self.slanted(middle, at - 6.0, from, "", &label(self.journey, passage));
        // Between the lanes, where there is most room.
        let middle = self.middle_of_hop(middle);
        let mut below = y + self.slope(from, middle) + 17.0;
        let changes: Vec<_> = passage.changes.iter().flatten().cloned().collect();
        let mut lines = 0.0;
        if !changes.is_empty() {
            self.text(middle, below, "change", "middle", &changes.join(", "));
            below += REMARK;
            lines += 1.0;
        }
        let mut remarks = said::remarks(self.journey, passage);
        // The dot says what came from in between.
        remarks
            .retain(|remark| !(changes.contains(remark) || appeared && remark.starts_with("made")));
        remarks.extend(Some(said::findings(passage)).filter(|it| !it.is_empty()));
        // The frame numbers on both lanes stay free.
        let room = (((between - 2.0 * FRAME) / FAINT_CHARACTER) as usize).max(30);
        for line in textwrap::wrap(&remarks.join("; "), room) {
            self.text(middle, below, "faint remark", "middle", &line);
            below += REMARK;
            lines += 1.0;
        }
        self.states(y, passage);
        STEP + REMARK * lines
    }

    fn between(&self) -> f64 {
        self.lanes.get(1).zip(self.lanes.first()).map_or(LEAST_BETWEEN, |(two, one)| two - one)
    }

    /// The middle between the two lanes of which an arrow covers most.
    fn label_middle(&self, low: f64, high: f64) -> f64 {
        let covered = |pair: &&[f64]| (pair[1].min(high) - pair[0].max(low)) as i64;
        let best = self.lanes.windows(2).rev().max_by_key(covered);
        best.map_or((low + high) / 2.0, |pair| (pair[0].max(low) + pair[1].min(high)) / 2.0)
    }

    /// The middle between the two lanes around this place.
    fn middle_of_hop(&self, x: f64) -> f64 {
        let hop = self.lanes.windows(2).find(|pair| pair[0] <= x && x <= pair[1]);
        hop.map_or(x, |pair| (pair[0] + pair[1]) / 2.0)
    }

    fn frame(&mut self, place: usize, y: f64, frame: u64) {
        let text = frame.to_string();
        let width = text.chars().count() as f64 * FAINT_CHARACTER + 8.0;
        let x = self.lanes[place];
        let _ = write!(
            self.body,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"15\" rx=\"4\" class=\"frame\"/>",
            x - width / 2.0,
            y - 7.5
        );
        self.text(x, y + 4.0, "small", "middle", &text);
    }

    fn icmp(&mut self, y: f64, icmp: &IcmpPassage) {
        let Some(origin) = said::icmp_origin(&icmp.seen, icmp.event.to) else { return };
        let from = icmp.event.to.other();
        let direction = if from == Side::Client { 1.0 } else { -1.0 };
        let start = self.lanes[origin] - direction * self.between() * 0.88;
        let start = start.clamp(CLIENT, self.server);
        let end = self.x(icmp.event.to) - direction * 3.0;
        self.arrow((start, end), y, from, "warn", Head::Arrow);
        let at = y + self.slope(from, start);
        let _ = write!(
            self.body,
            "<circle cx=\"{start:.1}\" cy=\"{at:.1}\" r=\"4.5\" class=\"warn\"/>"
        );
        for (place, frame) in icmp.seen.iter().enumerate() {
            if let Some(frame) = frame {
                self.frame(place, y + self.slope(from, self.lanes[place]), *frame);
            }
        }
        let middle = self.label_middle(start.min(end), start.max(end));
        self.slanted(
            middle,
            y + self.slope(from, middle) - 6.0,
            from,
            "",
            &said::icmp(&icmp.event),
        );
    }

    fn run(&mut self, y: f64, run: &Run) {
        let middle = (CLIENT + self.server) / 2.0;
        self.text(middle, y + 10.0, "faint", "middle", &labels::run(run));
    }

    /// An arrow of a segment of this end, between two places.
    fn arrow(&mut self, (start, end): (f64, f64), y: f64, from: Side, class: &str, head: Head) {
        let direction = (end - start).signum();
        let [from_y, to_y] = [start, end].map(|x| y + self.slope(from, x));
        let shaft = if head == Head::Arrow { end - direction * 7.0 } else { end };
        self.line(start, from_y, shaft, to_y, &format!("arrow {class}"));
        match head {
            Head::Arrow => {
                let head = class.split(' ').next().unwrap_or("");
                let back = end - direction * 10.0;
                let _ = write!(
                    self.body,
                    "<path d=\"M{end:.1} {to_y:.1}L{back:.1} {:.1}L{back:.1} {:.1}z\" class=\"{head}\"/>",
                    to_y - 5.0,
                    to_y + 4.4
                );
            }
            Head::Cross => {
                for (dx, dy) in [(6.0, 6.0), (6.0, -6.0)] {
                    self.line(end - dx, to_y - dy, end + dx, to_y + dy, "vain");
                }
            }
            Head::Device => self.device(end, to_y),
            Head::Unknown => self.text(end + direction * 8.0, to_y + 4.0, "faint", "middle", "?"),
        }
    }

    fn device(&mut self, x: f64, y: f64) {
        let _ = write!(
            self.body,
            "<path d=\"M{:.1} {y:.1}L{x:.1} {:.1}L{:.1} {y:.1}L{x:.1} {:.1}z\" class=\"device\"/>",
            x - 7.0,
            y - 7.0,
            x + 7.0,
            y + 7.0
        );
    }

    /// Text along the arrow of a segment of this end.
    fn slanted(&mut self, x: f64, y: f64, from: Side, class: &str, text: &str) {
        let angle = ((SLANT + 2.0 * SMALL_SLANT) / (self.server - CLIENT)).atan().to_degrees();
        let angle = if from == Side::Client { angle } else { -angle };
        let _ = write!(
            self.body,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"{class}\" text-anchor=\"middle\" transform=\"rotate({angle:.2} {x:.1} {y:.1})\">{}</text>",
            Escaped(text)
        );
    }

    /// The states that a segment leads to, if they are new: the sender's where it leaves, the receiver's
    /// where it arrives.
    fn states(&mut self, y: f64, passage: &Passage) {
        for side in Side::BOTH {
            let Some(new) = passage.states[side as usize] else { continue };
            let shown = self.drawn[side as usize];
            let same =
                shown.is_some_and(|old| old.after() == new.after() && old.proven() == new.proven());
            if same || new.after() == State::Unknown {
                continue;
            }
            let y = if side == passage.from() { y } else { y + SLANT + 2.0 * SMALL_SLANT };
            self.lifeline(side, y);
            self.drawn[side as usize] = Some(new);
            let class = if new.after() == State::Established { "chip is-open" } else { "chip" };
            let guess = if new.proven() { "" } else { " guess" };
            let x = match side {
                Side::Client => CLIENT - ASIDE - STATE_WIDTH,
                Side::Server => self.server + ASIDE,
            };
            let _ = write!(
                self.body,
                "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"{STATE_WIDTH}\" height=\"{STATE_HEIGHT}\" rx=\"5\" class=\"{class}{guess}\"/>",
                y - STATE_HEIGHT / 2.0
            );
            self.text(x + STATE_WIDTH / 2.0, y + 4.0, "", "middle", &said::state(new));
        }
    }

    /// Draws the lifeline of `side` down to `y`, styled by the state so far.
    fn lifeline(&mut self, side: Side, y: f64) {
        let (x, since) = (self.x(side), std::mem::replace(&mut self.since[side as usize], y));
        let state = self.drawn[side as usize];
        let open = state.is_some_and(|state| state.after() == State::Established);
        let proven = state.is_some_and(States::proven);
        let class = match (open, proven) {
            (true, true) => "life open",
            (true, false) => "life open assumed",
            (false, true) => "life",
            (false, false) => "life assumed",
        };
        self.line(x, since, x, y, class);
    }

    fn line(&mut self, x1: f64, y1: f64, x2: f64, y2: f64, class: &str) {
        let _ =
            writeln!(self.body, "<path d=\"M{x1:.1} {y1:.1}L{x2:.1} {y2:.1}\" class=\"{class}\"/>");
    }

    fn text(&mut self, x: f64, y: f64, class: &str, anchor: &str, text: &str) {
        let _ = write!(self.body, "<text x=\"{x:.1}\" y=\"{y:.1}\"");
        if !class.is_empty() {
            let _ = write!(self.body, " class=\"{class}\"");
        }
        let _ = writeln!(self.body, " text-anchor=\"{anchor}\">{}</text>", Escaped(text));
    }

    /// The whole picture, from the height of the first step to that below the last.
    fn finish(mut self, top: f64, bottom: f64) -> String {
        let bottom = bottom + 6.0;
        for side in Side::BOTH {
            self.lifeline(side, bottom);
        }
        let mut y = bottom + 26.0;
        let legend = [
            "numbers on the lanes: the frames at each point · behind the other numbers: the time between the points",
            "STATE: proven by the end's own segments · STATE~: what leads to it was delivered to the point next to it",
            "×: lost there · •: came from in between · ◆: device with a connection to each end · dashed arrow: sent before",
        ];
        for line in legend {
            self.text(24.0, y, "faint", "start", line);
            self.width = self.width.max(line.chars().count() as f64 * FAINT_CHARACTER + 48.0);
            y += 16.0;
        }
        let start = Timestamp::from_nanosecond(self.journey.first_ns.into());
        if let Ok(start) = start {
            self.text(24.0, y, "faint", "start", &format!("from {start}"));
            y += 16.0;
        }
        let mut behind = String::new();
        for x in &self.lanes {
            let _ = writeln!(
                behind,
                "<path d=\"M{x:.1} {:.1}L{x:.1} {bottom:.1}\" class=\"lane\"/>",
                top - 26.0
            );
        }
        let _ = writeln!(
            behind,
            "<path d=\"M{AXIS:.1} {:.1}L{AXIS:.1} {bottom:.1}\" class=\"line\"/>",
            top - 10.0
        );
        let title = format!("conn {}   {}", self.journey.conn, said::addresses(self.journey));
        let (width, height) = (self.width, y + 6.0);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
             width=\"{width:.0}\" height=\"{height:.0}\" role=\"img\">\n<title>{}</title>\n\
             <style>{STYLE}{LANES}</style>\n<rect width=\"100%\" height=\"100%\" class=\"bg\"/>\n{behind}{}</svg>\n",
            Escaped(&title),
            self.body
        )
    }
}

/// How an arrow ends.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Head {
    Arrow,
    /// It was lost there.
    Cross,
    /// A device in between answers it.
    Device,
    /// Nothing shows that it went on.
    Unknown,
}
