//! What limits the answers: a line each, only where it holds.

use std::collections::HashSet;
use std::net::IpAddr;

use dissector_core::connection::{Evidence, Finding, Outcome, Seen};

use super::capture::CaptureFacts;
use super::failures::falls_back;
use super::record::Record;
use super::result::Counts;
use super::wording::{amount, grouped};
use crate::reading::input::DISORDER_ADVICE;

/// Reasons and protocols that are listed by name.
const NAMED: usize = 3;

/// So many SYNs that are not repeated are no accident.
const CONTENT: u64 = 3;

/// A limit of the answers.
pub struct Limit {
    /// The name for programs.
    pub label: &'static str,
    /// How many packets or connections it concerns; `None` if that is not known.
    pub count: Option<u64>,
    pub text: String,
}

/// The directions of each connection that are in the capture.
pub struct Directions {
    /// Connections of both directions.
    both: u64,
    /// Those of which only the client was captured, and its segments show that the server answered.
    without_server: HashSet<IpAddr>,
    /// The same of only the server.
    without_client: u64,
    /// Hosts of which an answer was captured.
    answering: HashSet<IpAddr>,
    /// ICMP errors were captured, which come the other way.
    errors: bool,
    /// Unanswered SYNs of operating systems that were not repeated, as if an answer had come.
    content: u64,
    /// Other unanswered SYNs.
    waiting: u64,
    /// There are segments without SYN, FIN and RST.
    plain: bool,
    /// There must have been some.
    plain_missing: bool,
}

impl Directions {
    pub fn of(all: &[&Record]) -> Self {
        let mut directions = Self {
            both: 0,
            without_server: HashSet::new(),
            without_client: 0,
            answering: HashSet::new(),
            errors: false,
            content: 0,
            waiting: 0,
            plain: false,
            plain_missing: false,
        };
        for record in all {
            let host = record.neighbour.server.ip();
            directions.errors |= record.icmp.is_some();
            directions.plain |= record.has_plain;
            if record.outcome() == Outcome::NoReply {
                let has = |evidence| record.evidence.contains(evidence);
                match has(Evidence::SynNeverRepeated) && has(Evidence::SynOfOs) {
                    true => directions.content += 1,
                    false => directions.waiting += 1,
                }
            }
            // A server repeats a SYN/ACK that is not acknowledged, and FINs are acknowledged, too.
            directions.plain_missing |= record.synack_count > 0
                && (record.has_fin || record.evidence.contains(Evidence::SynAckNeverRepeated));
            match record.seen {
                Seen::Both => directions.both += 1,
                Seen::ClientOnly if record.neighbour.came_up => {
                    directions.without_server.insert(host);
                }
                Seen::ServerOnly if record.neighbour.came_up => directions.without_client += 1,
                _ => {}
            }
            if record.seen != Seen::ClientOnly {
                directions.answering.insert(host);
            }
        }
        directions
    }

    /// Whether there is a connection of both directions.
    pub const fn has_both(&self) -> bool {
        self.both > 0
    }

    /// Whether what clients sent takes another way than the capture, at least in part.
    pub const fn misses_clients(&self) -> bool {
        self.without_client > 0
    }

    /// Whether nothing but SYNs was captured, and their senders behave as if they had been answered.
    pub fn only_syns(&self) -> bool {
        self.answering.is_empty() && !self.errors && self.content >= CONTENT && self.waiting == 0
    }

    /// Whether a filter has left out all segments without SYN, FIN and RST, final ACKs among them.
    pub const fn lack_plain(&self) -> bool {
        self.plain_missing && !self.plain
    }

    /// Whether the capture cannot show if the handshake went on: the answers of that server, or of all, take
    /// another way, or final ACKs are filtered out.
    pub fn hide(&self, record: &Record) -> bool {
        self.hide_answer(record)
            || self.lack_plain()
                && record.outcome() == Outcome::NoFinalAck
                && record.synack_count > 0
    }

    fn hide_answer(&self, record: &Record) -> bool {
        let host = record.neighbour.server.ip();
        let silent = matches!(record.outcome(), Outcome::NoReply | Outcome::Pending);
        let of_host = self.without_server.contains(&host) && !self.answering.contains(&host);
        let of_all =
            !self.without_server.is_empty() && self.answering.is_empty() || self.only_syns();
        silent && record.seen == Seen::ClientOnly && (of_host || of_all)
    }
}

pub fn of(
    facts: &CaptureFacts,
    all: &[&Record],
    is_pattern: impl Fn(&Record) -> bool,
    legs: &HashSet<u32>,
    counts: &Counts,
    directions: &Directions,
    weight: u64,
) -> Vec<Limit> {
    let mut limits = Vec::new();
    let all: Vec<_> = all.iter().copied().filter(|record| !is_pattern(record)).collect();
    let all = &all[..];
    let mut add = |label, count, text: String| limits.push(Limit { label, count, text });
    for warning in &facts.warnings {
        add("cut_short", None, format!("{warning}; what comes after that is not known."));
    }
    if facts.dropped > 0 {
        let of = facts.received.filter(|received| *received >= facts.dropped);
        let of = of.map_or(String::new(), |of| format!(" of {}", grouped(of)));
        let text = format!(
            "{}{of} packets were dropped while capturing: what is missing may have been there.",
            grouped(facts.dropped)
        );
        add("dropped", Some(facts.dropped), text);
    }
    for disorder in &facts.disorder {
        add("not_in_order", None, format!("{disorder}; {DISORDER_ADVICE}."));
    }
    if facts.headers_cut > 0 {
        let text = format!(
            "{} cut off inside the TCP header (snap length): they are not counted here.",
            were(facts.headers_cut, "packet")
        );
        add("headers_cut", Some(facts.headers_cut), text);
    }
    let lost: u64 = facts.lost.values().sum();
    let lost = lost.saturating_sub(facts.headers_cut);
    if lost > 0 {
        let reasons = facts.lost.iter().filter(|(reason, _)| !reason.ends_with("TCP header"));
        let text = format!(
            "{} not decoded and may hold TCP: {}.",
            were(lost, "packet"),
            listed(reasons.map(|(reason, frames)| (reason.as_str(), *frames)))
        );
        add("not_decoded", Some(lost), text);
    }
    of_directions(all, directions, &mut add);
    if directions.lack_plain() {
        add(
            "no_plain_acks",
            None,
            "Only SYNs, FINs and RSTs were captured (a filter?): without ACKs, whether and when a \
             connection came up cannot be told."
                .into(),
        );
    }
    let already_open = all
        .iter()
        .filter(|record| record.outcome() == Outcome::Midstream && record.neighbour.came_up)
        .count() as u64;
    if already_open > 0 {
        let text = format!(
            "{} open when the capture began: how {} came up is not known.",
            were_already(already_open),
            if already_open == 1 { "it" } else { "they" }
        );
        add("midstream", Some(already_open), text);
    }
    let unasked = all.iter().filter(|it| it.outcome() == Outcome::UnsolicitedSynAck);
    let unasked = unasked.filter(|record| !legs.contains(&record.id())).count() as u64;
    if unasked > 0 {
        let text = format!(
            "{} without a SYN: it was not captured, or its sender's address was forged.",
            amount(unasked, "SYN/ACK")
        );
        add("unsolicited_synack", Some(unasked), text);
    }
    let stray = all
        .iter()
        .filter(|record| record.outcome() == Outcome::Midstream && !record.neighbour.came_up)
        .count() as u64;
    if stray > 0 {
        let text = format!(
            "{} only stray segments: no opening, and not enough to show that it was open.",
            match stray {
                1 => "1 connection shows".into(),
                number => format!("{} connections show", grouped(number)),
            }
        );
        add("stray", Some(stray), text);
    }
    let is_pending = |record: &&Record| record.outcome() == Outcome::Pending;
    let (pending, others): (Vec<&Record>, Vec<&Record>) = all.iter().copied().partition(is_pending);
    if !pending.is_empty() {
        let number = pending.len() as u64;
        let up: Vec<_> = others.into_iter().filter(|record| record.neighbour.came_up).collect();
        let instead = falls_back(&pending, &up).map_or(String::new(), |it| format!(" {it}"));
        let text = format!(
            "{} still being opened when the capture ended: too soon to say.{instead}",
            were(number, "connection")
        );
        add("pending", Some(number), text);
    }
    let cut = all.iter().filter(|record| record.options_cut).count() as u64;
    if cut > 0 {
        let text = format!(
            "The options of SYNs are cut off (snap length) in {}: causes that they show are not seen.",
            amount(cut, "connection")
        );
        add("options_cut", Some(cut), text);
    }
    // A host without the connection answers each of several segments with the same RST.
    let others = all.iter().filter(|it| !it.was_reset());
    let copied = |it: &&&Record| it.findings.contains(Finding::DuplicateFrame);
    let twice = all.iter().filter(copied).count() as u64;
    // A few may also be segments that were sent again at once.
    let mostly = others.clone().filter(copied).count() * 2 >= others.count().max(1);
    if mostly && twice * 2 >= all.len() as u64 {
        let text = format!(
            "Packets of {} were captured twice: the copies are not counted.",
            amount(twice, "connection")
        );
        add("duplicates", Some(twice), text);
    }
    if weight > 1 || counts.not_kept > 0 {
        let mut text = String::from("There is too much to look at everything: ");
        if weight > 1 {
            text.push_str(&format!(
                "of the connections that came up, one in {} was looked at",
                grouped(weight)
            ));
        }
        if counts.not_kept > 0 {
            text.push_str(if weight > 1 { "; " } else { "" });
            text.push_str(&format!("{} failures are only counted", grouped(counts.not_kept)));
        }
        add("too_many", Some(counts.not_kept), format!("{text}."));
    }
    limits
}

fn of_directions(
    all: &[&Record],
    directions: &Directions,
    add: &mut impl FnMut(&'static str, Option<u64>, String),
) {
    let hidden = all.iter().filter(|record| directions.hide_answer(record)).count() as u64;
    let one_way = all.iter().filter(|it| it.seen.only().is_some() && it.neighbour.came_up).count();
    let silent = all.iter().filter(|record| record.outcome() == Outcome::NoReply).count() as u64;
    let undecided = match hidden {
        0 => String::new(),
        hidden => format!(" Whether {} ever answered cannot be told.", were(hidden, "SYN")),
    };
    if one_way > 0 && directions.both == 0 {
        let only = match (directions.without_server.is_empty(), directions.without_client) {
            (false, 0) => "Only what clients sent was captured",
            (true, _) => "Only what servers sent was captured",
            _ => "Only one direction of each connection was captured",
        };
        let text = format!("{only} (mirror port, filter, or another route back).{undecided}");
        add("one_way", Some(all.len() as u64), text);
    } else if one_way > 0 {
        let text = format!(
            "Only one direction of {} was captured (another route back?).{undecided}",
            amount(one_way, "connection")
        );
        add("one_way", Some(one_way as u64), text);
    } else if directions.only_syns() {
        add(
            "only_syns",
            Some(silent),
            "Only SYNs were captured, and none was repeated, as if all had been answered (a filter, or a \
             mirror port of one direction?): whether they were cannot be told."
                .into(),
        );
    } else if silent > 0 && directions.answering.is_empty() && !directions.errors {
        add(
            "nothing_back",
            Some(silent),
            "No packet of any server was captured: if the capture sees only one direction, whether they \
             answered cannot be told."
                .into(),
        );
    }
}

fn were(number: u64, what: &str) -> String {
    let verb = if number == 1 { "was" } else { "were" };
    format!("{} {verb}", amount(number, what))
}

fn were_already(number: u64) -> String {
    format!("{} already", were(number, "connection"))
}

/// `IPv4 fragment (7), encrypted (2), and others (3)`
pub fn listed<'n>(names: impl Iterator<Item = (&'n str, u64)>) -> String {
    let mut names: Vec<_> = names.collect();
    names.sort_by_key(|(_, number)| std::cmp::Reverse(*number));
    let rest: u64 = names.iter().skip(NAMED).map(|(_, number)| number).sum();
    let named = names.iter().take(NAMED).map(|(name, number)| (*name, *number));
    let others = (rest > 0).then_some(("others", rest));
    let named = named.chain(others).map(|(name, number)| format!("{name} ({})", grouped(number)));
    named.collect::<Vec<_>>().join(", ")
}
