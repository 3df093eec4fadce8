//! What differs between two points, in a few words.

use dissector_core::compare::{Change, JoinedConnection, Translated};
use dissector_core::connection::Side;

use crate::output::units::count;

/// What differs of a connection between points with these names.
pub fn differences([first, second]: [&str; 2], joined: &JoinedConnection) -> Vec<String> {
    let mut parts = Vec::new();
    if !joined.translated.is_empty() {
        parts.push(format!("at {second} {}", translated(joined).join(", ")));
    }
    let changes: Vec<_> = joined.changes.iter().map(change).collect();
    if !changes.is_empty() {
        parts.push(format!("changed: {}", changes.join(", ")));
    }
    for side in Side::BOTH {
        let appeared = joined.totals[side as usize].appeared.unwrap_or(0);
        if appeared > 0 {
            let segments = count(appeared.into(), "segment");
            parts.push(format!("{segments} to the {side} came from in between"));
        }
    }
    if let [Some(at_first), Some(at_second)] = joined.outcomes
        && at_first != at_second
    {
        parts.push(format!("by itself, {first} shows {at_first}, {second} {at_second}"));
    }
    parts
}

/// The translated ends at the second point: `the client is 203.0.113.9:61000`.
pub fn translated(joined: &JoinedConnection) -> Vec<String> {
    let [_, Some(ends)] = joined.ends else { return Vec::new() };
    let has = |one, other| [one, other].iter().any(|it| joined.translated.contains(*it));
    let sides = [
        (Side::Client, has(Translated::ClientAddr, Translated::ClientPort)),
        (Side::Server, has(Translated::ServerAddr, Translated::ServerPort)),
    ];
    let differing = sides.into_iter().filter(|(_, differs)| *differs);
    differing.map(|(side, _)| format!("the {side} is {}", ends[side as usize])).collect()
}

/// A change in a word or two.
pub fn change(change: Change) -> &'static str {
    match change {
        Change::Mss => "MSS",
        Change::WindowScale => "window scale",
        Change::Timestamps => "timestamps",
        Change::Sack => "SACK",
        Change::Options => "other options",
        Change::Sequence => "sequence numbers",
        Change::Acknowledgment => "acknowledgment numbers",
        Change::Flags => "flags",
        Change::Window => "window",
        Change::Length => "length",
        Change::Payload => "payload",
        Change::Ttl => "TTL",
        _ => change.label(),
    }
}
