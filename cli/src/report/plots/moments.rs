//! Failures over time: a bar a period, stacked by outcome.

use std::fmt::Write;

use dissector_core::connection::{FailureColumn, OutcomeClass};

use super::{Clock, percent};
use crate::output::units::{count, duration};
use crate::report::survey::Moment;

/// Widths of a bar, in nanoseconds.
const WIDTHS: &[i64] = &[
    1_000_000,
    10_000_000,
    100_000_000,
    1_000_000_000,
    2_000_000_000,
    5_000_000_000,
    10_000_000_000,
    30_000_000_000,
    60_000_000_000,
    120_000_000_000,
    300_000_000_000,
    600_000_000_000,
    1_800_000_000_000,
    3_600_000_000_000,
    3 * 3_600_000_000_000,
    6 * 3_600_000_000_000,
    12 * 3_600_000_000_000,
    24 * 3_600_000_000_000,
    7 * 24 * 3_600_000_000_000,
    30 * 24 * 3_600_000_000_000,
];
const MOST_BARS: i64 = 60;
/// Heights in pixels: of the failures, of all connections, of the times below.
const FAILURES: f64 = 150.0;
const ALL: f64 = 40.0;
const GAP: f64 = 26.0;
const TIMES: f64 = 22.0;
/// The title of all connections, where nothing is above it.
const TITLE: f64 = 20.0;
const LABELS: i64 = 4;

const FAILED: usize = FailureColumn::ALL.len();

/// The connections that began within one period.
#[derive(Clone, Copy, Default)]
struct Bar {
    failures: [u32; FAILED],
    all: u32,
}

impl Bar {
    fn failed(&self) -> u32 {
        self.failures.iter().sum()
    }
}

/// The plot, with its legend and a table of the same; `None` without a connection.
pub fn plot(moments: &[Moment], clock: Clock) -> Option<String> {
    let first_ns = moments.iter().map(|moment| moment.first_ns).min()?;
    let last_ns = moments.iter().map(|moment| moment.first_ns).max()?;
    let span_ns = last_ns.saturating_sub(first_ns);
    let fits = |width: &&i64| span_ns / **width < MOST_BARS;
    let width_ns = WIDTHS.iter().find(fits).copied().unwrap_or(span_ns / MOST_BARS + 1);
    let start_ns = first_ns.div_euclid(width_ns).saturating_mul(width_ns);
    let bar_of = |time_ns: i64| (time_ns.saturating_sub(start_ns) / width_ns).max(0) as usize;
    let mut bars = vec![Bar::default(); bar_of(last_ns) + 1];
    for moment in moments {
        let bar = &mut bars[bar_of(moment.first_ns)];
        bar.all += 1;
        if let OutcomeClass::Failed(column) = moment.outcome.class() {
            bar.failures[column as usize] += 1;
        }
    }
    let plot = Plot { bars, start_ns, width_ns, first_ns, clock };
    Some(format!(
        "{}<div class=\"chart\">{}<div class=\"area\">{}</div></div>{}",
        plot.legend(),
        plot.scale(),
        plot.picture(),
        plot.table()
    ))
}

struct Plot {
    bars: Vec<Bar>,
    start_ns: i64,
    width_ns: i64,
    /// The first connection, from which filters count.
    first_ns: i64,
    clock: Clock,
}

impl Plot {
    /// The upper ends of both scales.
    fn most_failed(&self) -> u32 {
        round_up(self.bars.iter().map(Bar::failed).max().unwrap_or(0))
    }

    fn most(&self) -> u32 {
        round_up(self.bars.iter().map(|bar| bar.all).max().unwrap_or(0))
    }

    fn totals(&self) -> [u64; FAILED] {
        std::array::from_fn(|column| {
            self.bars.iter().map(|bar| u64::from(bar.failures[column])).sum()
        })
    }

    /// The outcomes with their colours and numbers; each shows its connections.
    fn legend(&self) -> String {
        let mut text = String::from("<ul class=\"legend\">");
        for (column, total) in FailureColumn::ALL.iter().zip(self.totals()) {
            if total > 0 {
                let (name, _) = column.heading();
                let _ = write!(
                    text,
                    "<li><a href=\"#show&amp;failure={place}\"><svg width=\"12\" height=\"12\" \
                     aria-hidden=\"true\"><rect width=\"12\" height=\"12\" rx=\"2\" \
                     class=\"f{place}\"/></svg>{name} <b>{total}</b></a>",
                    place = *column as usize
                );
            }
        }
        text.push_str("</ul>");
        text
    }

    /// The numbers beside the bars.
    fn scale(&self) -> String {
        let failed = self.most_failed();
        let failures = match failed {
            0 => String::new(),
            1 => "<span>1</span><span>0</span>".into(),
            _ => format!("<span>{failed}</span><span>{}</span><span>0</span>", failed / 2),
        };
        let upper = if failed > 0 {
            format!("<div class=\"upper\">{failures}</div>")
        } else {
            "<div class=\"title\"></div>".into()
        };
        format!(
            "<div class=\"scale\" aria-hidden=\"true\">{upper}<div class=\"lower\"><span>{}</span><span>0</span></div></div>",
            self.most()
        )
    }

    fn picture(&self) -> String {
        let failed = self.most_failed();
        let top = if failed > 0 { FAILURES + GAP } else { TITLE };
        let height = top + ALL + TIMES;
        let mut svg = format!(
            "<svg class=\"bars\" width=\"100%\" height=\"{height}\" role=\"group\" \
             aria-label=\"Failed connections over time, and all connections below; a table follows\">"
        );
        if failed > 0 {
            let lines = if failed > 1 { &[0.0, 0.5, 1.0][..] } else { &[0.0, 1.0] };
            for share in lines {
                let y = 4.0 + (FAILURES - 4.0) * (1.0 - share);
                let _ = write!(svg, "<path d=\"M0 {y:.1}h9999\" class=\"grid\"/>");
            }
        }
        let _ = write!(svg, "<path d=\"M0 {:.1}h9999\" class=\"grid\"/>", top + ALL);
        let title = top - 8.0;
        let _ = write!(svg, "<text x=\"0\" y=\"{title}\" class=\"axis\">all connections</text>");
        let bars = self.bars.len() as f64;
        for (place, bar) in self.bars.iter().enumerate().filter(|(_, bar)| bar.all > 0) {
            let x = percent(place as f64 + 0.08, bars);
            let width = percent(0.84, bars);
            let mut inside = String::new();
            let mut y = FAILURES;
            for (column, number) in
                bar.failures.iter().enumerate().filter(|(_, number)| **number > 0)
            {
                let height = (FAILURES - 4.0) * f64::from(*number) / f64::from(failed);
                y -= height;
                let _ = write!(
                    inside,
                    "<rect x=\"{x}\" y=\"{y:.1}\" width=\"{width}\" height=\"{height:.1}\" class=\"f{column}\"/>"
                );
            }
            let height = (ALL * f64::from(bar.all) / f64::from(self.most())).max(1.0);
            let _ = write!(
                inside,
                "<rect x=\"{x}\" y=\"{:.1}\" width=\"{width}\" height=\"{height:.1}\" class=\"every\"/>",
                top + ALL - height
            );
            let _ = write!(
                inside,
                "<rect x=\"{}\" y=\"0\" width=\"{}\" height=\"{:.1}\" class=\"hit\"/>",
                percent(place as f64, bars),
                percent(1.0, bars),
                top + ALL
            );
            let said = self.said(place, bar);
            let which = if bar.failed() > 0 { "&amp;outcome=failed" } else { "" };
            let _ = write!(
                svg,
                "<a href=\"#show{which}&amp;{}\" aria-label=\"{said}\"><title>{said}</title>{inside}</a>",
                self.period(place)
            );
        }
        let labels = LABELS.min(self.bars.len() as i64);
        for label in 0..=labels {
            let share = label as f64 / labels as f64;
            let anchor = ["start", "middle", "end"][if label == 0 {
                0
            } else if label == labels {
                2
            } else {
                1
            }];
            let time_ns =
                self.start_ns.saturating_add((share * bars * self.width_ns as f64) as i64);
            let narrow = if label % 2 == 1 && labels > 2 { " wide-only" } else { "" };
            let _ = write!(
                svg,
                "<text x=\"{:.2}%\" y=\"{:.1}\" text-anchor=\"{anchor}\" class=\"axis{narrow}\">{}</text>",
                share * 100.0,
                height - 6.0,
                self.clock.shown(
                    time_ns,
                    self.width_ns.min(self.width_ns * self.bars.len() as i64 / labels)
                )
            );
        }
        svg.push_str("</svg>");
        svg
    }

    /// The filter that shows the connections of a bar, in microseconds since the first connection.
    fn period(&self, place: usize) -> String {
        let from_ns = self.start_ns + place as i64 * self.width_ns - self.first_ns;
        let end_ns = from_ns.saturating_add(self.width_ns);
        // A connection in the middle of a microsecond is shown at its beginning.
        format!("from={}&amp;to={}", from_ns.div_euclid(1000), end_ns.div_euclid(1000))
    }

    /// `09:31:20 and the next 10.00 s: 5 of 7 failed (3 No reply, 2 Refused)`
    fn said(&self, place: usize, bar: &Bar) -> String {
        let time_ns = self.start_ns.saturating_add(place as i64 * self.width_ns);
        let time = self.clock.shown(time_ns, self.width_ns);
        let width = duration(self.width_ns.unsigned_abs());
        let kinds = FailureColumn::ALL.iter().zip(bar.failures).filter(|(_, number)| *number > 0);
        let kinds: Vec<_> =
            kinds.map(|(column, number)| format!("{number} {}", column.heading().0)).collect();
        let kinds =
            if kinds.is_empty() { String::new() } else { format!(" ({})", kinds.join(", ")) };
        let all = count(bar.all.into(), "connection");
        format!("{time}, {width}: {} of {all} failed{kinds}", bar.failed())
    }

    fn table(&self) -> String {
        let totals = self.totals();
        let columns: Vec<_> =
            FailureColumn::ALL.iter().filter(|column| totals[**column as usize] > 0).collect();
        let mut text = String::from(
            "<details class=\"as-table\"><summary>The same as a table</summary><div class=\"box\" \
             tabindex=\"0\" role=\"region\" aria-label=\"Failures over time\"><table><thead><tr>\
             <th scope=\"col\">From<th scope=\"col\">Connections<th scope=\"col\">Failed",
        );
        for column in &columns {
            let _ = write!(text, "<th scope=\"col\">{}", column.heading().0);
        }
        text.push_str("</thead><tbody>");
        for (place, bar) in self.bars.iter().enumerate().filter(|(_, bar)| bar.all > 0) {
            let time_ns = self.start_ns.saturating_add(place as i64 * self.width_ns);
            let time = self.clock.shown(time_ns, self.width_ns);
            let _ = write!(text, "<tr><th scope=\"row\">{time}<td>{}<td>{}", bar.all, bar.failed());
            for column in &columns {
                let _ = write!(text, "<td>{}", bar.failures[**column as usize]);
            }
        }
        text.push_str("</table></div></details>");
        text
    }
}

/// A number to end a scale with, half of which is whole.
fn round_up(most: u32) -> u32 {
    let fits = |end: &u32| *end >= most;
    let ends = (0..9)
        .flat_map(|power| [2_u32, 4, 6, 8, 10].map(|it| it.saturating_mul(10_u32.pow(power))));
    if most < 2 { most } else { ends.into_iter().find(fits).unwrap_or(most) }
}
