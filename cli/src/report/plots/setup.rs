//! How long connections took to come up: for each server, the share of its side and of the client's.

use std::collections::HashMap;
use std::fmt::Write;
use std::net::SocketAddr;

use super::percent;
use crate::output::units::{count, duration};
use crate::report::html::Escaped;
use crate::report::survey::Row;

/// Servers that are shown.
const MOST_SERVERS: usize = 12;
/// From so many times on, they are summed up.
const MANY: usize = 12;
/// Height of a server's lane, and the middles of its two sides.
const LANE: f64 = 40.0;
const SIDES: [(f64, &str); 2] = [(12.0, "server"), (28.0, "client")];

/// The times of one server, in order.
struct Times {
    server: SocketAddr,
    server_ns: Vec<u64>,
    client_ns: Vec<u64>,
    slowest_ns: u64,
}

/// The plot; `None` if no handshake was measured. `place` is that of a server in the tables.
pub fn plot(rows: &[Row], place: impl Fn(SocketAddr) -> usize) -> Option<String> {
    let mut by_server: HashMap<SocketAddr, Times> = HashMap::new();
    for row in rows {
        let Some(setup_ns) = row.setup_ns else { continue };
        let times = by_server.entry(row.server).or_insert_with(|| Times {
            server: row.server,
            server_ns: Vec::new(),
            client_ns: Vec::new(),
            slowest_ns: 0,
        });
        times.server_ns.extend(row.rtt_server_ns);
        times.client_ns.extend(row.rtt_client_ns);
        times.slowest_ns = times.slowest_ns.max(setup_ns);
    }
    let mut servers: Vec<_> = by_server.into_values().collect();
    let number = servers.len();
    servers.sort_by_key(|it| (std::cmp::Reverse(it.server_ns.len()), it.server));
    servers.truncate(MOST_SERVERS);
    for times in &mut servers {
        times.server_ns.sort_unstable();
        times.client_ns.sort_unstable();
    }
    let all = servers
        .iter()
        .flat_map(|it| it.server_ns.iter().chain(&it.client_ns).chain([&it.slowest_ns]).copied());
    let (least, most) = all.fold((u64::MAX, 0), |(least, most), ns| (least.min(ns), most.max(ns)));
    if most == 0 {
        return None;
    }
    let axis = Axis::new(least, most);
    let mut text = String::new();
    if number > MOST_SERVERS {
        let _ = write!(
            text,
            "<p class=\"note\">{MOST_SERVERS} of {number} servers: those with the most connections.</p>"
        );
    }
    text.push_str(
        "<ul class=\"legend\"><li><svg width=\"22\" height=\"12\" aria-hidden=\"true\"><rect y=\"2\" \
         width=\"22\" height=\"8\" rx=\"2\" class=\"side-server\"/></svg>server side: SYN to SYN/ACK\
         <li><svg width=\"22\" height=\"12\" aria-hidden=\"true\"><rect y=\"2\" width=\"22\" height=\"8\" \
         rx=\"2\" class=\"side-client\"/></svg>client side: SYN/ACK to ACK\
         <li><svg width=\"12\" height=\"12\" aria-hidden=\"true\"><path d=\"M6 0l6 6l-6 6l-6 -6z\" \
         class=\"slowest\"/></svg>the slowest set-up, retries included</ul><div class=\"lanes\">",
    );
    for times in &servers {
        let server = times.server.to_string();
        let said = times.said();
        let _ = write!(
            text,
            "<div class=\"lane\"><a class=\"name\" href=\"#show&amp;server={}\">{}</a>\
             <svg class=\"strip\" width=\"100%\" height=\"{LANE}\" role=\"img\" aria-label=\"{}: {}\">\
             <title>{}</title>{}{}</svg><span class=\"figures\">{}</span></div>",
            place(times.server),
            Escaped(&server),
            Escaped(&server),
            Escaped(&said),
            Escaped(&said),
            axis.grid(),
            times.picture(&axis),
            Escaped(&times.figures()),
        );
    }
    let _ = write!(
        text,
        "<div class=\"lane\" aria-hidden=\"true\"><span class=\"name\"></span><svg class=\"strip\" \
         width=\"100%\" height=\"18\">{}</svg><span class=\"figures\"></span></div></div>",
        axis.labels()
    );
    Some(text)
}

impl Times {
    fn sides(&self) -> [&[u64]; 2] {
        [&self.server_ns, &self.client_ns]
    }

    /// Both sides, a dot a connection, or where there are many, a box from the first to the third quarter
    /// with a line from the first to the last twentieth.
    fn picture(&self, axis: &Axis) -> String {
        let mut svg = String::new();
        for ((y, class), times) in SIDES.iter().zip(self.sides()) {
            if times.len() < MANY {
                for ns in times {
                    let x = axis.place(*ns);
                    let _ = write!(
                        svg,
                        "<circle cx=\"{x}\" cy=\"{y}\" r=\"4\" class=\"side-{class} dot\"/>"
                    );
                }
                continue;
            }
            let at = |share| axis.share(quantile(times, share));
            let [low, first, middle, third, high] = [0.05, 0.25, 0.5, 0.75, 0.95].map(at);
            let _ = write!(
                svg,
                "<rect x=\"{low:.2}%\" y=\"{:.1}\" width=\"{:.2}%\" height=\"2\" class=\"side-{class} thin\"/>\
                 <rect x=\"{first:.2}%\" y=\"{:.1}\" width=\"{:.2}%\" height=\"10\" rx=\"2\" class=\"side-{class}\"/>\
                 <rect x=\"{middle:.2}%\" y=\"{:.1}\" width=\"2\" height=\"14\" class=\"median\"/>",
                y - 1.0,
                high - low,
                y - 5.0,
                (third - first).max(0.4),
                y - 7.0,
            );
        }
        if self.slowest_ns > 0 {
            let _ = write!(
                svg,
                "<svg x=\"{}\" y=\"{}\" overflow=\"visible\"><path d=\"M0 -5l5 5l-5 5l-5 -5z\" class=\"slowest\"/></svg>",
                axis.place(self.slowest_ns),
                LANE / 2.0
            );
        }
        svg
    }

    /// `30.1 ms + 41 µs`: the medians of both sides.
    fn figures(&self) -> String {
        let medians = self.sides().map(|times| match times {
            [] => "?".to_owned(),
            times => duration(quantile(times, 0.5)),
        });
        medians.join(" + ")
    }

    fn said(&self) -> String {
        let mut parts = vec![count(self.server_ns.len() as u64, "connection")];
        for ((_, side), times) in SIDES.iter().zip(self.sides()) {
            if let (Some(least), Some(most)) = (times.first(), times.last()) {
                parts.push(format!(
                    "round trip on the {side}'s side {}, at least {}, at most {}",
                    duration(quantile(times, 0.5)),
                    duration(*least),
                    duration(*most)
                ));
            }
        }
        parts.push(format!("slowest set-up {}", duration(self.slowest_ns)));
        parts.join("; ")
    }
}

/// The value that this share of `sorted` does not exceed.
fn quantile(sorted: &[u64], share: f64) -> u64 {
    let place = (sorted.len().saturating_sub(1) as f64 * share).round() as usize;
    sorted.get(place).copied().unwrap_or(0)
}

/// Times by their logarithm, from one power of ten to another.
struct Axis {
    from: i32,
    to: i32,
}

impl Axis {
    fn new(least_ns: u64, most_ns: u64) -> Self {
        let from = (least_ns.max(1_000) as f64).log10().floor() as i32;
        let to = (most_ns as f64).log10().ceil() as i32;
        Self { from, to: to.max(from + 1) }
    }

    /// In per cent from the left.
    fn share(&self, ns: u64) -> f64 {
        let decades = f64::from(self.to - self.from);
        (((ns.max(1) as f64).log10() - f64::from(self.from)) / decades * 96.0 + 2.0)
            .clamp(1.0, 98.0)
    }

    fn place(&self, ns: u64) -> String {
        percent(self.share(ns), 100.0)
    }

    fn powers(&self) -> impl Iterator<Item = u64> {
        (self.from..=self.to).map(|power| 10_u64.saturating_pow(power.unsigned_abs()))
    }

    fn grid(&self) -> String {
        let lines = self.powers().map(|ns| {
            format!(
                "<rect x=\"{}\" y=\"0\" width=\"1\" height=\"{LANE}\" class=\"gridline\"/>",
                self.place(ns)
            )
        });
        lines.collect()
    }

    fn labels(&self) -> String {
        let last = self.powers().count() - 1;
        let labels = self.powers().enumerate().map(|(place, ns)| {
            let anchor = if place == 0 {
                "start"
            } else if place == last {
                "end"
            } else {
                "middle"
            };
            format!(
                "<text x=\"{}\" y=\"13\" text-anchor=\"{anchor}\" class=\"axis\">{}</text>",
                self.place(ns),
                power(ns)
            )
        });
        labels.collect()
    }
}

/// A power of ten: `10 ms`.
fn power(ns: u64) -> String {
    match ns {
        0..1_000_000 => format!("{} µs", ns / 1_000),
        1_000_000..1_000_000_000 => format!("{} ms", ns / 1_000_000),
        _ => format!("{} s", ns / 1_000_000_000),
    }
}
