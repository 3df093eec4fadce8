//! Sentences about groups.

use std::collections::BTreeSet;
use std::net::IpAddr;

use dissector_core::connection::Cause;
use jiff::Timestamp;

use super::groups::{Alike, Course};
use super::keys::Key;
use super::record::Record;
use crate::explain::Brief;
use crate::output::units::duration;

/// What the members of a group share: `10.0.0.5:443, from 3 clients`.
pub fn subject(alike: &Alike<'_>) -> String {
    let members = &alike.members;
    let clients: BTreeSet<_> = members.iter().map(|it| it.neighbour.client.ip()).collect();
    let servers: BTreeSet<_> = members.iter().map(|it| it.neighbour.server).collect();
    let hosts: BTreeSet<_> = servers.iter().map(|server| server.ip()).collect();
    let ports: BTreeSet<_> = servers.iter().map(|server| server.port()).collect();
    let to = match (servers.first(), ports.first()) {
        (Some(only), _) if servers.len() == 1 => only.to_string(),
        (_, Some(port)) if ports.len() == 1 => format!("port {port} of {}", some(&hosts, "server")),
        _ => format!("{} of {}", amount(ports.len(), "port"), some(&hosts, "server")),
    };
    let from = some(&clients, "client");
    match alike.key {
        Key::Server(server) => format!("{server} from {from}"),
        Key::Pair(client, server) => format!("{server} from {client}"),
        Key::Host(_) | Key::Port(_) => format!("{to}, from {from}"),
        Key::All => format!("{to} from {from}"),
        Key::ServerNet(net) => format!("{to} in {net}, from {from}"),
        Key::Client(client) => format!("from {client} to {to}"),
        Key::ClientNet(net) => format!("from {from} in {net} to {to}"),
    }
}

/// The only one, or how many.
fn some(set: &BTreeSet<IpAddr>, what: &str) -> String {
    match set.first() {
        Some(only) if set.len() == 1 => only.to_string(),
        _ => amount(set.len(), what),
    }
}

/// `all 7 attempts`, `3 of 7 attempts`
pub fn how_many(alike: &Alike<'_>, what: &str) -> String {
    match (alike.members.len() as u64, alike.with_key.all()) {
        (1, 1) => format!("the only {what}"),
        (2, 2) => format!("both {what}s"),
        (number, all) if number == all => format!("all {} {what}s", grouped(number)),
        (number, all) => format!("{} of {} {what}s", grouped(number), grouped(all)),
    }
}

/// From when on, or until when, if the others are earlier or later.
pub fn when(alike: &Alike<'_>, verb: &str) -> String {
    let good = grouped(alike.with_key.good);
    match alike.with_key.course() {
        Course::SinceThen(first) => format!("; from {} on, {good} {verb} before", clock(first)),
        Course::UntilThen(last) => format!("; until {}, {good} {verb} later", clock(last)),
        Course::Between(first, last) => {
            format!("; from {} to {}, {good} {verb} before or after", clock(first), clock(last))
        }
        Course::Always | Course::Mixed => String::new(),
    }
}

/// How often one client tried one server, if it did so again and again.
pub fn rhythm(alike: &Alike<'_>) -> String {
    let Some(first) = alike.members.first() else { return String::new() };
    let ends = |it: &Record| (it.neighbour.client.ip(), it.neighbour.server);
    let is_one = alike.members.iter().all(|it| ends(it) == ends(first));
    let mut times: Vec<_> =
        alike.members.iter().map(|it| (it.neighbour.first_ns, it.neighbour.last_ns)).collect();
    times.sort_unstable();
    let (Some((start, _)), Some((end, _))) = (times.first(), times.last()) else {
        return String::new();
    };
    // Attempts at the same time are several programs, or one that wants several connections.
    let one_by_one = times.windows(2).all(|pair| pair[0].1 <= pair[1].0);
    if !is_one || times.len() < 3 || !one_by_one {
        return String::new();
    }
    let interval_ns = end.abs_diff(*start) / (times.len() as u64 - 1);
    format!("; one client that tries again, every {} on average", duration(interval_ns))
}

/// The time of day, UTC.
pub fn clock(time_ns: i64) -> String {
    let time = Timestamp::from_nanosecond(time_ns.into()).unwrap_or(Timestamp::UNIX_EPOCH);
    time.strftime("%H:%M:%S").to_string()
}

/// What happened, and the cause as far as it is known.
pub fn explanation(brief: &Brief, happened: &str) -> String {
    let Some(cause) = brief.cause else { return happened.to_owned() };
    let how = match (brief.decided, &brief.evidence, brief.others.len()) {
        (true, ..) => "Cause",
        (false, Some(_), _) | (false, None, 0) => "Likeliest cause",
        (false, None, _) => "Usual cause",
    };
    let others = match brief.others.len() {
        0 => String::new(),
        1 => " (Another is possible.)".into(),
        others => format!(" ({others} others are possible.)"),
    };
    format!("{happened} {how}: {}{others}", lowered(cause))
}

/// The text of a cause, to follow a colon.
fn lowered(cause: Cause) -> String {
    let text = cause.text();
    let mut letters = text.chars();
    let (first, second) = (letters.next(), letters.next());
    match (first, second) {
        // An article or another word, not an abbreviation.
        (Some(first), Some(second)) if !second.is_uppercase() => {
            format!("{}{}", first.to_lowercase(), &text[first.len_utf8()..])
        }
        _ => text.to_owned(),
    }
}

/// `1 port`, `1,994 ports`
pub fn amount(number: impl TryInto<u64>, what: &str) -> String {
    match number.try_into().unwrap_or(u64::MAX) {
        1 => format!("1 {what}"),
        number if what.ends_with('s') => format!("{} {what}es", grouped(number)),
        number => format!("{} {what}s", grouped(number)),
    }
}

/// Digits in groups of three: `1,994`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `second`, `5th`
pub fn ordinal(number: u16) -> String {
    match number {
        1 => "first".into(),
        2 => "second".into(),
        3 => "third".into(),
        _ => format!("{number}th"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!((grouped(7), grouped(999)), ("7".into(), "999".into()));
        assert_eq!(grouped(1_994), "1,994");
        assert_eq!(grouped(10_000_000), "10,000,000");
        assert_eq!(
            (amount(1_u64, "port"), amount(2_u64, "port")),
            ("1 port".into(), "2 ports".into())
        );
    }

    #[test]
    fn causes_follow_a_colon() {
        assert!(lowered(Cause::FirewallDrops).starts_with("a firewall"));
        assert!(lowered(Cause::HostDown).starts_with("the server"));
        assert_eq!(lowered(Cause::SynScan).chars().next(), Some('a'));
    }
}
