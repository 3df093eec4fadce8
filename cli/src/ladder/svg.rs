//! The ladder as a picture: self-contained, for light and dark pages.

use std::fmt::{self, Write};

use dissector_core::connection::{ColourRole, Repeat, Side, StageClass, State, States};
use jiff::Timestamp;

use crate::output::units::duration;
use crate::reading::input::shown;
use crate::timeline::{Arrival, Event, IcmpEvent, Run, SegmentEvent, Timeline, labels};

// Lengths are in pixels. The first three are the right ends of frame numbers and times, and the axis.
const FRAMES: f64 = 52.0;
const TIMES: f64 = 138.0;
const AXIS: f64 = 150.0;
/// The client's lifeline; the server's depends on the widest label.
const CLIENT: f64 = 288.0;
/// Width of a state, with room for `SYN-RECEIVED?`.
const STATE_WIDTH: f64 = 108.0;
const STATE_HEIGHT: f64 = 20.0;
/// Distance of the states from their lifeline.
const ASIDE: f64 = 12.0;
/// Least width, for the legend.
const LEAST_WIDTH: f64 = 980.0;
const FINDINGS_CHARACTERS: usize = 42;
/// Widths of a character: on an arrow, in the title, in small letters.
const CHARACTER: f64 = 7.25;
const TITLE_CHARACTER: f64 = 10.3;
const FAINT_CHARACTER: f64 = 6.65;
/// Distance of two events.
const STEP: f64 = 46.0;
/// Height that an arrow loses on its way.
const SLANT: f64 = 14.0;
/// Height of the first event.
const TOP: f64 = 168.0;
/// Height of the initial states.
const BEFORE: f64 = TOP - 32.0;

pub const STYLE: &str = "\
text{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;font-size:12px;fill:#1f2328}\
.bg{fill:#ffffff}\
.title{font-size:17px;font-weight:bold}\
.head{font-size:13px;font-weight:bold}\
.faint{fill:#656d76;font-size:11px}\
.line{stroke:#8c959f;fill:none}\
.life{stroke-width:3;fill:none;stroke:#afb8c1}\
.open{stroke:#2da44e}\
.assumed{stroke-dasharray:4 4}\
.chip{fill:#f6f8fa;stroke:#8c959f}\
.chip.is-open{fill:#dafbe1;stroke:#2da44e}\
.chip.guess{stroke-dasharray:3 3}\
text.undone{text-decoration:line-through;fill:#8c959f}\
.shake{stroke:#1a7f37;fill:#1a7f37}\
.close{stroke:#0969da;fill:#0969da}\
.reset{stroke:#cf222e;fill:#cf222e}\
.plain{stroke:#656d76;fill:#656d76}\
.warn{stroke:#9a6700;fill:#9a6700}\
.arrow{stroke-width:1.6;fill:none}\
.again{stroke-dasharray:6 4}\
.fading{stroke-dasharray:2 5;stroke-opacity:.5}\
.vain{stroke:#cf222e;stroke-width:2.4;fill:none}\
.remark{fill:#9a6700}\
.good{fill:#1a7f37}.bad{fill:#cf222e}.so{fill:#656d76}\
.on{fill:#ffffff;font-weight:bold}\
@media (prefers-color-scheme:dark){\
text{fill:#e6edf3}\
.bg{fill:#0d1117}\
.faint{fill:#9198a1}\
.line{stroke:#656d76}\
.life{stroke:#484f58}\
.open{stroke:#3fb950}\
.chip{fill:#161b22;stroke:#656d76}\
.chip.is-open{fill:#12261e;stroke:#3fb950}\
.shake{stroke:#3fb950;fill:#3fb950}\
.close{stroke:#58a6ff;fill:#58a6ff}\
.reset{stroke:#ff7b72;fill:#ff7b72}\
.plain{stroke:#9198a1;fill:#9198a1}\
.warn{stroke:#d29922;fill:#d29922}\
.vain{stroke:#ff7b72}\
.remark{fill:#d29922}\
.good{fill:#238636}.bad{fill:#da3633}.so{fill:#57606a}\
.on{fill:#ffffff}\
}";

/// Draws `timeline`.
pub fn draw(timeline: &Timeline) -> String {
    let lengths = timeline.events.iter().map(|event| match event {
        Event::Segment(segment) => labels::arrow(segment).chars().count(),
        Event::Icmp(error) => labels::icmp_error(error).chars().count() + 8,
        Event::Run(run) => labels::run(run).chars().count(),
        Event::File(name) => labels::file(name).chars().count(),
    });
    let longest = lengths.max().unwrap_or(0) as f64;
    let [client, at_server] =
        [timeline.client, timeline.server].map(|end| faint_width(&end.to_string()));
    // The addresses stand side by side above the lifelines.
    let client_end = address_x(CLIENT, client) + client / 2.0;
    let apart = client_end - CLIENT + at_server / 2.0 + 24.0;
    let server = CLIENT + (longest * CHARACTER + 64.0).max(400.0).max(apart);
    let least = [
        server + ASIDE + STATE_WIDTH + 80.0,
        server + at_server / 2.0 + 24.0,
        labels::addresses(timeline).chars().count() as f64 * TITLE_CHARACTER + 160.0,
        labels::summary(timeline).chars().count() as f64 * CHARACTER + 190.0,
        labels::failure(timeline).chars().count() as f64 * CHARACTER + 48.0,
    ];
    let mut picture = Picture {
        body: String::new(),
        server,
        first_ns: timeline.first_ns,
        unheard: timeline.is_unheard,
        drawn: [None, None],
        since: [BEFORE; 2],
        width: least.into_iter().fold(LEAST_WIDTH, f64::max),
    };
    let bottom = picture.events(timeline);
    picture.around(timeline, bottom)
}

/// The middle of an address: above its lifeline, or further right if the address would run into the
/// times.
fn address_x(lifeline: f64, width: f64) -> f64 {
    lifeline.max(AXIS + 8.0 + width / 2.0)
}

fn faint_width(text: &str) -> f64 {
    text.chars().count() as f64 * FAINT_CHARACTER
}

struct Picture {
    body: String,
    /// The server's lifeline.
    server: f64,
    first_ns: i64,
    /// Nothing shows that the server got anything.
    unheard: bool,
    /// The last state drawn for each side, and the height from which its lifeline shows it.
    drawn: [Option<States>; 2],
    since: [f64; 2],
    width: f64,
}

impl Picture {
    fn x(&self, side: Side) -> f64 {
        match side {
            Side::Client => CLIENT,
            Side::Server => self.server,
        }
    }

    /// Draws the events, and returns the height below the last one.
    fn events(&mut self, timeline: &Timeline) -> f64 {
        let mut y = TOP;
        let before = labels::initial_states(timeline);
        for (side, state) in Side::BOTH.into_iter().zip(&before) {
            if !state.is_empty() {
                self.chip(side, BEFORE, state, "chip", state.ends_with('?'));
            }
        }
        let mut last_ns = timeline.first_ns;
        let mut findings_until = 0.0;
        for (place, event) in timeline.events.iter().enumerate() {
            let (time_ns, until_ns) = event.times().unwrap_or((last_ns, last_ns));
            if place > 0 {
                let silence_ns = time_ns.saturating_sub(last_ns).max(0) as u64;
                let more = silence_height(silence_ns);
                if more > 0.0 {
                    let middle = y + SLANT + 8.0 + (STEP - SLANT + more) / 2.0 - 4.0;
                    self.text(TIMES, middle, "faint", "end", &format!("+{}", duration(silence_ns)));
                }
                y += STEP + more;
            }
            last_ns = until_ns;
            match event {
                Event::Segment(segment) => {
                    // Below the last line of the findings before.
                    y = y.max(findings_until);
                    self.tick(y, segment.frame, segment.time_ns);
                    findings_until = self.segment(y, segment);
                }
                Event::Icmp(error) => {
                    self.tick(y, error.frame, error.time_ns);
                    self.icmp(y, error);
                }
                Event::Run(run) => self.run(y, run),
                Event::File(name) => self.draw_centred(y + SLANT / 2.0, &labels::file(name)),
            }
        }
        let bottom = y + SLANT + 26.0;
        for side in Side::BOTH {
            self.lifeline(side, bottom);
        }
        bottom
    }

    fn tick(&mut self, y: f64, frame: u64, time_ns: i64) {
        let seconds = time_ns.saturating_sub(self.first_ns) as f64 / 1e9;
        self.text(FRAMES, y + 4.0, "faint", "end", &frame.to_string());
        self.text(TIMES, y + 4.0, "", "end", &format!("{seconds:.6}"));
        self.line(AXIS - 4.0, y, AXIS + 4.0, y, "line");
    }

    /// Draws a segment, and returns the height below its findings.
    fn segment(&mut self, y: f64, segment: &SegmentEvent) -> f64 {
        let annotation = &segment.annotation;
        let colour = match annotation.stage.class() {
            StageClass::None => "plain",
            StageClass::Handshake => "shake",
            StageClass::Close => "close",
            _ => "reset",
        };
        let again = if annotation.copy == Repeat::Original { "" } else { " again" };
        let (from, to) = (self.x(segment.from), self.x(segment.from.other()));
        self.arrow(from, to, y, &format!("{colour}{again}"), segment.arrival);
        self.label(from, to, y, &labels::arrow(segment));
        let states = [annotation.client, annotation.server];
        self.states(y, segment.from, states, segment.arrival);
        let (findings, warning) = labels::step_and_findings(segment);
        let x = self.server + ASIDE + STATE_WIDTH + 14.0;
        let class = if warning { "remark" } else { "" };
        let mut below = y + 4.0;
        for line in textwrap::wrap(&findings, FINDINGS_CHARACTERS) {
            self.text(x, below, class, "start", &line);
            self.width = self.width.max(x + line.chars().count() as f64 * CHARACTER + 24.0);
            below += 15.0;
        }
        below + 2.0
    }

    fn icmp(&mut self, y: f64, error: &IcmpEvent) {
        let to = self.x(error.to);
        let peer = self.x(error.to.other());
        // A router's error begins between the two lifelines.
        let from = if error.by_receiver { peer } else { peer + (to - peer) * 0.12 };
        self.arrow(from, to, y, "warn", Arrival::Assumed);
        let _ =
            write!(self.body, "<circle cx=\"{from:.1}\" cy=\"{y:.1}\" r=\"4\" class=\"warn\"/>");
        self.label(from, to, y, &labels::icmp_error(error));
        self.states(y, error.to.other(), error.states, Arrival::Assumed);
    }

    fn run(&mut self, y: f64, run: &Run) {
        let y = y + SLANT / 2.0;
        for side in Side::BOTH {
            self.lifeline(side, y - 12.0);
            let x = self.x(side);
            let _ = write!(
                self.body,
                "<path d=\"M{x:.1} {:.1}v24\" class=\"line\" stroke-dasharray=\"2 5\" stroke-width=\"3\"/>",
                y - 12.0
            );
            self.since[side as usize] = y + 12.0;
        }
        self.draw_centred(y, &labels::run(run));
    }

    /// Writes `label` in the middle between the lifelines.
    fn draw_centred(&mut self, y: f64, label: &str) {
        let middle = (CLIENT + self.server) / 2.0;
        self.text(middle, y + 4.0, "faint", "middle", label);
    }

    /// An arrow from `from` to `to`, with a cross for a head if undelivered; if nothing shows that it has
    /// arrived, it fades to a `?`.
    fn arrow(&mut self, from: f64, to: f64, y: f64, class: &str, arrival: Arrival) {
        let direction = (to - from).signum();
        let start = from + direction * 3.0;
        let short = arrival != Arrival::Assumed;
        let (end, down) = if short {
            (from + (to - from) * 0.86, SLANT * 0.86)
        } else {
            (to - direction * 3.0, SLANT)
        };
        let shaft = if short { end } else { end - direction * 7.0 };
        let lower = y + down;
        self.line(
            start,
            y,
            shaft,
            lower - if short { 0.0 } else { 0.3 },
            &format!("arrow {class}"),
        );
        if arrival == Arrival::Unknown {
            let (tail, slope) = ((to - from) * 0.08, SLANT * 0.08);
            self.line(end, lower, end + tail, lower + slope, &format!("arrow fading {class}"));
            self.text(end + tail * 1.4, lower + slope + 4.0, "faint", "middle", "?");
        } else if arrival == Arrival::Refuted {
            for (dx, dy) in [(5.0, 5.0), (5.0, -5.0)] {
                self.line(end - dx, lower - dy, end + dx, lower + dy, "vain");
            }
        } else {
            let head = class.split(' ').next().unwrap_or("");
            let back = end - direction * 10.0;
            let _ = write!(
                self.body,
                "<path d=\"M{end:.1} {lower:.1}L{back:.1} {:.1}L{back:.1} {:.1}z\" class=\"{head}\"/>",
                lower - 5.0,
                lower + 4.4,
            );
        }
    }

    /// Text along an arrow.
    fn label(&mut self, from: f64, to: f64, y: f64, text: &str) {
        let (x, y) = ((from + to) / 2.0, y + SLANT / 2.0 - 6.0);
        let angle = (SLANT / (to - from)).atan().to_degrees();
        let _ = write!(
            self.body,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\" transform=\"rotate({angle:.2} {x:.1} {y:.1})\">{}</text>",
            Escaped(text)
        );
    }

    /// The states that an event leads to, if they are new: the sender's where it leaves, the
    /// receiver's where it arrives, struck through if it is undelivered or nothing shows that it has
    /// arrived.
    fn states(&mut self, y: f64, from: Side, states: [States; 2], arrival: Arrival) {
        for (side, new) in Side::BOTH.into_iter().zip(states) {
            let shown = self.drawn[side as usize];
            if shown.is_some_and(|old| old.after() == new.after() && old.proven() == new.proven()) {
                continue;
            }
            let y = if side == from { y } else { y + SLANT };
            if self.unheard && side == Side::Server && side == from {
                // An ICMP error changes no state, and no segment has come.
                continue;
            }
            if arrival != Arrival::Assumed && side != from {
                self.chip(side, y, &new.to_string(), "chip undone", true);
                continue;
            }
            self.lifeline(side, y);
            self.drawn[side as usize] = Some(new);
            let class = if new.after() == State::Established { "chip is-open" } else { "chip" };
            let assumed = !new.proven() && new.after() != State::Unknown;
            self.chip(side, y, &new.to_string(), class, assumed);
        }
    }

    /// Draws the lifeline of `side` down to `y`, styled by the state so far.
    fn lifeline(&mut self, side: Side, y: f64) {
        let (x, since) = (self.x(side), std::mem::replace(&mut self.since[side as usize], y));
        let (mut class, state) = (String::from("life"), self.drawn[side as usize]);
        if state.is_some_and(|state| state.after() == State::Established) {
            class.push_str(" open");
        }
        if state.is_none_or(|state| !state.proven()) {
            class.push_str(" assumed");
        }
        self.line(x, since, x, y, &class);
    }

    fn chip(&mut self, side: Side, y: f64, text: &str, class: &str, assumed: bool) {
        let x = match side {
            Side::Client => CLIENT - ASIDE - STATE_WIDTH,
            Side::Server => self.server + ASIDE,
        };
        let guess = if assumed { " guess" } else { "" };
        let _ = write!(
            self.body,
            "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"{STATE_WIDTH}\" height=\"{STATE_HEIGHT}\" rx=\"5\" class=\"{class}{guess}\"/>",
            y - STATE_HEIGHT / 2.0
        );
        let class = if class.ends_with("undone") { "undone" } else { "" };
        self.text(x + STATE_WIDTH / 2.0, y + 4.0, class, "middle", text);
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

    /// The whole picture: the body with title, heads, axis and legend around it.
    fn around(mut self, timeline: &Timeline, bottom: f64) -> String {
        let inside = std::mem::take(&mut self.body);
        let width = self.width;
        let outcome = timeline.verdict.outcome;
        let title = format!("conn {}   {}", timeline.id, labels::addresses(timeline));
        self.text(24.0, 36.0, "title", "start", &title);
        let label = outcome.label();
        let chip = label.len() as f64 * CHARACTER + 20.0;
        let class = match outcome.colour() {
            ColourRole::Good => "good",
            ColourRole::Bad | ColourRole::Warning => "bad",
            _ => "so",
        };
        let _ = write!(
            self.body,
            "<rect x=\"24\" y=\"50\" width=\"{chip:.1}\" height=\"22\" rx=\"11\" class=\"{class}\"/>"
        );
        self.text(24.0 + chip / 2.0, 65.0, "on", "middle", label);
        self.text(24.0 + chip + 12.0, 65.0, "", "start", &labels::summary(timeline));
        for (side, address) in Side::BOTH.into_iter().zip([timeline.client, timeline.server]) {
            self.text(self.x(side), 98.0, "head", "middle", side.label());
            let address = address.to_string();
            let x = address_x(self.x(side), faint_width(&address));
            self.text(x, 114.0, "faint", "middle", &address);
        }
        self.text(FRAMES, 114.0, "faint", "end", "frame");
        self.text(TIMES, 114.0, "faint", "end", "time (s)");
        self.line(AXIS, BEFORE - 10.0, AXIS, bottom, "line");
        self.body.push_str(&inside);
        let mut y = bottom + 24.0;
        let meaning = labels::failure(timeline);
        if !meaning.is_empty() {
            self.text(24.0, y, "", "start", &meaning);
            y += 20.0;
        }
        let heads = match self.unheard {
            true => "?: nothing came back",
            false => "×: not received or not accepted",
        };
        let legend = format!(
            "STATE? and broken lines: assumed, the capture cannot show that a segment arrived · \
             dashed arrow: sent before · {heads}"
        );
        self.text(24.0, y, "faint", "start", &legend);
        let start = Timestamp::from_nanosecond(timeline.first_ns.into());
        let start = start.map_or_else(|_| String::new(), |start| format!(", from {start}"));
        let source = format!("{}{start}", shown(&timeline.file));
        self.text(24.0, y + 17.0, "faint", "start", &source);
        let height = y + 36.0;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
             width=\"{width:.0}\" height=\"{height:.0}\" role=\"img\">\n<title>{}: {label}</title>\n\
             <style>{STYLE}</style>\n<rect width=\"100%\" height=\"100%\" class=\"bg\"/>\n{}</svg>\n",
            Escaped(&title),
            self.body
        )
    }
}

/// Height of a silence, which grows with its logarithm: none below 10 ms.
pub fn silence_height(ns: u64) -> f64 {
    if ns < 10_000_000 { 0.0 } else { ((ns as f64 / 1e7).log10() * 9.0 + 8.0).min(48.0) }
}

/// Text escaped for XML.
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                // XML 1.0 forbids most control characters, even escaped.
                character if character.is_control() => f.write_char('\u{fffd}')?,
                character => f.write_char(character)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_fit_for_xml() {
        assert_eq!(
            Escaped("a<b> & \"c\"\u{1}").to_string(),
            "a&lt;b&gt; &amp; &quot;c&quot;\u{fffd}"
        );
    }

    #[test]
    fn silence_takes_height_by_its_logarithm() {
        assert_eq!(silence_height(1_000), 0.0);
        assert!(silence_height(1_000_000_000) > silence_height(100_000_000));
        assert!(silence_height(u64::MAX) <= 48.0);
    }
}
