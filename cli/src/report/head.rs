//! The texts of the page around its plots and tables.

use std::collections::BTreeMap;
use std::fmt::Write;

use dissector_core::connection::Outcome;

use super::html::{Escaped, class};
use super::plots::{Clock, day};
use super::survey::Survey;
use crate::output::units::{count, duration};
use crate::triage::Triage;

/// Names of captures that are shown at once.
const MOST_NAMES: usize = 4;

pub struct Head<'a> {
    pub survey: &'a Survey,
    pub triage: &'a Triage,
    /// The names of the captures.
    pub files: &'a [&'a str],
    /// The first and the last time.
    pub clock: (i64, i64),
    /// What could not be used of the captures.
    pub problems: &'a [String],
}

impl Head<'_> {
    pub fn title(&self) -> String {
        format!("{}: TCP handshakes", self.files.join(", "))
    }

    pub fn headline(&self) -> String {
        let counts = &self.triage.counts;
        let failed = counts.failed;
        let attempts = failed + counts.came_up + counts.undecided;
        match (attempts, failed) {
            _ if counts.connections == 0 => "There is no TCP connection in the capture".into(),
            (0, _) => "No attempt to open a connection to judge a server by".into(),
            (all, 0) if counts.undecided > 0 => {
                format!("None of {} is known to have failed", count(all, "TCP connection"))
            }
            (1, 0) => "The TCP connection did not fail".into(),
            (1, _) => "The TCP connection failed".into(),
            (all, 0) => format!("None of {} TCP connections failed", grouped(all)),
            (all, failed) if all == failed => {
                format!("All {} TCP connections failed", grouped(all))
            }
            (all, failed) => {
                format!("{} of {} TCP connections failed", grouped(failed), grouped(all))
            }
        }
    }

    pub fn facts(&self) -> String {
        let mut facts = String::new();
        let mut fact = |what: &str, text: &str| {
            let _ = write!(facts, "<div><dt>{what}</dt><dd>{text}</dd></div>");
        };
        let files: Vec<_> =
            self.files.iter().map(|file| format!("<bdi>{}</bdi>", Escaped(file))).collect();
        let names = match files.split_at_checked(MOST_NAMES) {
            Some((first, rest)) if rest.len() > 1 => format!(
                "{} <details><summary>and {} more</summary>{}</details>",
                first.join(", "),
                rest.len(),
                rest.join(", ")
            ),
            _ => files.join(", "),
        };
        fact(if files.len() == 1 { "Capture" } else { "Captures" }, &names);
        let (first_ns, last_ns) = self.clock;
        if let Some(day) = day(first_ns) {
            fact("Begins", &day);
        }
        if !self.survey.moments.is_empty() {
            let lasted = last_ns.saturating_sub(first_ns).max(0).unsigned_abs();
            fact("From the first connection to the last packet", &duration(lasted));
            fact("Servers", &grouped(self.survey.servers.len() as u64));
        }
        facts
    }

    /// What limits the answers of the page.
    pub fn notes(&self) -> String {
        let mut notes = String::new();
        let limits = self.triage.limits.iter().map(|limit| &limit.text);
        for problem in self.problems.iter().chain(limits) {
            let _ = write!(notes, "<p class=\"caution\"><bdi>{}</bdi></p>", Escaped(problem));
        }
        notes
    }

    /// The outcomes that occur: number and meaning, each with a link to its connections.
    pub fn outcomes(&self) -> String {
        let mut by_outcome: BTreeMap<(bool, u8), (Outcome, u64)> = BTreeMap::new();
        for moment in &self.survey.moments {
            let key = (!moment.outcome.failed(), moment.outcome.number());
            by_outcome.entry(key).or_insert((moment.outcome, 0)).1 += 1;
        }
        if by_outcome.is_empty() {
            return String::new();
        }
        let mut text = String::from("<h3>All connections by outcome</h3><ul class=\"outcomes\">");
        for (outcome, number) in by_outcome.values() {
            let _ = write!(
                text,
                "<li><a href=\"#show&amp;outcome={label}\" aria-label=\"Show {number} {label}\">\
                 <b>{}</b> <span class=\"chip {}\">{label}</span></a> <span>{}</span>",
                grouped(*number),
                class(outcome.colour()),
                Escaped(outcome.doc()),
                label = outcome.label(),
            );
        }
        text.push_str("</ul>");
        text
    }

    pub fn time_title(&self) -> String {
        let (first_ns, last_ns) = self.clock;
        let title =
            if self.survey.failed() == 0 { "Connections over time" } else { "Failures over time" };
        match Clock::new(first_ns, last_ns).is_known() {
            true => format!("{title} (UTC)"),
            false => format!("{title}, since the first one"),
        }
    }

    /// What the table of connections leaves out.
    pub fn sample(&self, explained: usize) -> String {
        let (survey, mut text) = (self.survey, String::new());
        let listed = survey.rows.len() as u64;
        if survey.is_sample() {
            let failed = survey.rows.iter().filter(|row| row.outcome.failed()).count() as u64;
            let which = match self.survey.failed() as u64 {
                all if all > failed => {
                    format!("a sample of {} of {} that failed", grouped(failed), grouped(all))
                }
                0 => format!("a sample of {}", grouped(listed)),
                _ => format!(
                    "all {} that failed, and a sample of {} of the others",
                    grouped(failed),
                    grouped(listed - failed)
                ),
            };
            let _ = write!(
                text,
                "<p class=\"caution\">The captures have {}. This table lists {which}. The numbers of \
                 outcomes, the table of servers and the plot of failures count all of them; the set-up \
                 times are those of the connections in this table.</p>",
                count(survey.moments.len() as u64, "connection"),
            );
        }
        text.push_str(&self::explained(explained, survey.rows.len()));
        text
    }
}

/// How many connections have a ladder and an explanation, unless all have.
pub fn explained(explained: usize, all: usize) -> String {
    match explained < all {
        true => format!(
            "<p class=\"note\">Ladder and explanation of {} of these {} connections are in this page.</p>",
            grouped(explained as u64),
            grouped(all as u64)
        ),
        false => String::new(),
    }
}

/// What the words of the page mean.
pub fn terms(redacted: bool, points: bool) -> String {
    let mut terms = vec![
        ("Client, server", "The sender of the first SYN, and the host it was sent to."),
        (
            "Handshake",
            "A connection is opened by three packets: SYN from the client, SYN/ACK from the server, ACK \
             from the client. If one is missing, no data can be sent.",
        ),
        ("Failed", "The connection did not come up."),
        (
            "Set-up time",
            "From the first SYN to the ACK that completes the handshake, retries included. The \
             server's side is the time from SYN to SYN/ACK, the client's that from SYN/ACK to ACK: the \
             round trips from where the capture was taken to either end.",
        ),
        (
            "STATE?",
            "In a ladder: an assumed state. A capture shows that a packet was sent, not that it \
             arrived.",
        ),
        ("RST", "The packet that refuses a connection, or ends it at once."),
    ];
    if points {
        terms.extend([
            (
                "→, ←",
                "The way to the server, and the way to the client. Losses are counted only where both \
                 points were capturing.",
            ),
            ("Delay", "The least time that a segment was on its way between the points."),
        ]);
    }
    if redacted {
        terms.push((
            "240.0.1.1, 2001:db8:…",
            "Stand-ins for the addresses in the capture, always the same for the same. Those that \
             share all but their last number were in one /24, or in one /64 of IPv6.",
        ));
    }
    let mut text = String::from("<dl class=\"terms\">");
    for (term, meaning) in terms {
        let _ = write!(text, "<dt>{term}</dt><dd>{meaning}</dd>");
    }
    text.push_str("</dl>");
    text
}

/// What of the captures is in the page.
pub fn privacy(redacted: bool) -> String {
    match redacted {
        true => "Addresses and names in it are stand-ins; it holds no payload.".into(),
        false => "It holds no payload but the text of an RST.".into(),
    }
}

/// The section of set-up times.
pub fn setup(plot: &str) -> String {
    format!(
        "<section id=\"setup\" aria-labelledby=\"setup-title\"><h2 id=\"setup-title\">Set-up times by \
         server</h2>{plot}</section>"
    )
}

/// Connections for paper, and for browsers that run no scripts.
pub fn examples(examples: &[(u32, String)]) -> String {
    if examples.is_empty() {
        return String::new();
    }
    let articles: String = examples.iter().map(|(_, article)| article.as_str()).collect();
    format!(
        "<section class=\"without-script on-paper\" aria-labelledby=\"examples-title\">\
         <h2 id=\"examples-title\">Connections to look at</h2>{articles}</section>"
    )
}

/// A number with separators between its thousands.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
