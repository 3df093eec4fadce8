//! What differs between two points, in a few words.

use dissector_core::compare::{Change, JoinedBy, JoinedConnection, Translated};
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

/// Why nothing more is said of what happened on the way.
pub fn why_unknown(joined: &JoinedConnection) -> &'static str {
    let appeared = joined.totals.iter().any(|it| it.appeared.unwrap_or(0) > 0);
    match joined.joined_by {
        None => "One point only has seen it, and it may be one that the other has seen otherwise.",
        Some(JoinedBy::Time) => {
            "The points have addresses and time in common, but no segment: they may be two connections."
        }
        Some(_) if appeared => "Segments came from in between; no loss was seen.",
        Some(_) if joined.delays_ns == [None; 2] => {
            "No segment was seen at both points, and it cannot be told what became of the others."
        }
        Some(_) => "It cannot be told of every segment whether it arrived; no loss was seen.",
    }
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
