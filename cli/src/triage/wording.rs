//! Sentences about groups.

use std::collections::BTreeSet;

use dissector_core::connection::Outcome;
use jiff::Timestamp;

use super::groups::{Course, Failures};
use super::keys::Key;
use super::result::Scene;
use crate::explain::Brief;
use crate::output::units::count;

/// What happens to which: `10.0.0.5:443: all 7 attempts no_reply, from 3 clients`.
pub fn title(failures: &Failures<'_>, _scene: &Scene<'_>) -> String {
    let members = &failures.members;
    let clients: BTreeSet<_> = members.iter().map(|it| it.neighbour.client.ip()).collect();
    let servers: BTreeSet<_> = members.iter().map(|it| it.neighbour.server).collect();
    let hosts: BTreeSet<_> = servers.iter().map(|server| server.ip()).collect();
    let ports: BTreeSet<_> = servers.iter().map(|server| server.port()).collect();
    let some = |set: &BTreeSet<std::net::IpAddr>, what: &str| match set.first() {
        Some(only) if set.len() == 1 => only.to_string(),
        _ => count(set.len() as u64, what),
    };
    let to = match servers.first() {
        Some(only) if servers.len() == 1 => only.to_string(),
        _ => match ports.first() {
            Some(port) if ports.len() == 1 => format!("port {port} of {}", some(&hosts, "server")),
            _ => format!("{} ports of {}", ports.len(), some(&hosts, "server")),
        },
    };
    let from = some(&clients, "client");
    let (number, tally) = (members.len() as u64, &failures.with_key);
    let how_many = match (number, tally.attempts()) {
        (1, 1) => "the only attempt".into(),
        (2, 2) => "both attempts".into(),
        (number, attempts) if number == attempts => format!("all {number} attempts"),
        (number, attempts) => format!("{number} of {}", count(attempts, "attempt")),
    };
    let subject = match failures.key {
        Key::Server(server) => format!("{server}, from {from}"),
        Key::Pair(client, server) => format!("{client} → {server}"),
        Key::Host(host) => format!("{host}, {} ports, from {from}", ports.len()),
        Key::All => format!("Everything: {from} → {to}"),
        Key::Port(_) => format!("{to}, from {from}"),
        Key::ServerNet(net) => format!("{net}: {to}, from {from}"),
        Key::Client(client) => format!("{client} → {to}"),
        Key::ClientNet(net) => format!("{net} ({from}) → {to}"),
    };
    let when = match (tally.course(), tally.failed_ns) {
        (Course::SinceThen, Some((first, _))) => {
            format!("; from {} on, {} before", clock(first), came_up(tally.came_up))
        }
        (Course::UntilThen, Some((_, last))) => {
            format!("; until {}, {} later", clock(last), came_up(tally.came_up))
        }
        _ => String::new(),
    };
    format!("{subject}: {how_many} {}{when}", failures.outcome)
}

fn came_up(number: u64) -> String {
    format!("{number} came up")
}

/// The time of day, UTC.
pub fn clock(time_ns: i64) -> String {
    let time = Timestamp::from_nanosecond(time_ns.into()).unwrap_or(Timestamp::UNIX_EPOCH);
    time.strftime("%H:%M:%S").to_string()
}

/// The outcome, and the cause as far as it is known.
pub fn explanation(brief: &Brief, outcome: Outcome) -> String {
    let doc = outcome.doc();
    let Some(cause) = brief.cause else { return doc.to_owned() };
    let how = match (brief.decided, brief.others.len()) {
        (true, _) => "Cause".into(),
        (false, 0) => "Likely".into(),
        (false, others) => format!("First of {} possible causes", others + 1),
    };
    format!("{doc} {how}: {}", cause.text())
}
