//! What every drawing says of a connection, its points and its segments.

use dissector_core::compare::Fate;
use dissector_core::connection::{Repeat, Side, State, States};

use crate::compare::table::delay_text;
use crate::journey::{Journey, Passage};
use crate::timeline::{Arrival, IcmpEvent, labels};

/// `10.0.0.1:40000 → 10.0.0.2:80`
pub fn addresses(journey: &Journey) -> String {
    journey.ends().map_or_else(String::new, |[client, server]| format!("{client} → {server}"))
}

/// What happened between the points, as `syn_lost: No SYN arrived.`
pub fn paths(journey: &Journey) -> Vec<String> {
    let several = journey.hops.len() > 1;
    let paths = journey.paths().map(|(place, _, path)| match several {
        true => {
            let [one, two] = [place, place + 1].map(|place| journey.stations[place].shown());
            format!("{one} – {two}: {path}: {}", path.doc())
        }
        false => format!("{path}: {}", path.doc()),
    });
    paths.collect()
}

/// How far the clocks are apart, and how sure that is.
pub fn clocks(journey: &Journey) -> Vec<String> {
    let mut lines = Vec::new();
    for hop in &journey.hops {
        let mut sentences = hop.clocks.iter();
        lines.extend(sentences.next().map(|first| format!("clocks: {first}")));
        lines.extend(sentences.cloned());
    }
    lines
}

/// Under which names a station saw the ends, if they differ from those that the one before it saw.
pub fn other_names(journey: &Journey, station: usize) -> Vec<(Side, String)> {
    let before = journey.stations[..station].iter().rev().find_map(|station| station.ends());
    let (Some(before), Some(here)) = (before, journey.stations[station].ends()) else {
        return Vec::new();
    };
    let differ =
        Side::BOTH.into_iter().filter(|side| before[*side as usize] != here[*side as usize]);
    differ.map(|side| (side, here[side as usize].to_string())).collect()
}

/// A state of an end, as the point next to it knows it: proven by the end's own segments, or what it needs
/// was delivered there.
pub fn state(states: States) -> String {
    match states.after() {
        State::Unknown => String::new(),
        state if states.proven() => state.to_string(),
        state => format!("{state}{DELIVERED}"),
    }
}

/// Behind a state: what leads to it was delivered to the point next to the end.
pub const DELIVERED: char = '~';

/// Behind a change that later segments of the direction have, too.
const GOES_ON: &str = "later ones, too";

/// Findings, and what changed: below the arrow of a segment.
pub fn remarks(journey: &Journey, passage: &Passage) -> Vec<String> {
    let mut remarks: Vec<String> = passage.changes.iter().flatten().cloned().collect();
    if passage.goes_on {
        remarks.push(GOES_ON.into());
    }
    let stations = &journey.stations;
    for (hop, fate) in passage.fates.iter().enumerate() {
        let between = || format!("{} and {}", stations[hop].shown(), stations[hop + 1].shown());
        match fate {
            Some(Fate::Appeared) => remarks.push(format!("made between {}", between())),
            Some(Fate::Doubled) => remarks.push(format!("doubled between {}", between())),
            Some(Fate::NotCaptured) => {
                let missed = if passage.seen[hop].is_none() { hop } else { hop + 1 };
                remarks.push(format!("{} did not capture it", stations[missed].shown()));
            }
            Some(Fate::Unknown) if journey.hops[hop].has_fates() => {
                let missed = if passage.seen[hop].is_none() { hop } else { hop + 1 };
                if passage.seen[missed].is_none() {
                    remarks.push(format!("{} may not have captured it", stations[missed].shown()));
                }
            }
            _ => {}
        }
    }
    if is_untaken(passage) {
        remarks
            .push(format!("not taken by the {}, as later segments show", passage.from().other()));
    }
    remarks
}

/// Whether it was delivered at the point next to the receiver, which did not take it all the same.
pub fn is_untaken(passage: &Passage) -> bool {
    passage.arrival == Some(Arrival::Refuted) && passage.appeared_at().is_none()
}

/// Where the device is that answers a segment, or sends it.
pub const DEVICE: char = '◆';

/// Findings of a segment, without its step; empty if they only repeat its flags.
pub fn findings(passage: &Passage) -> String {
    let annotation = &passage.event.annotation;
    let (text, _) = labels::step_and_findings(&passage.event);
    let step = match annotation.stage.step() {
        Some(step) if annotation.copy == Repeat::Original => step,
        _ => "",
    };
    let text = text.strip_prefix(step).unwrap_or(&text).replace("! ", "");
    let parts = text.split("  ").filter(|part| !part.is_empty() && *part != "RST");
    parts.collect::<Vec<_>>().join("; ")
}

/// The time from the first to the last point that saw it: `3.1 ms`.
pub fn delay(journey: &Journey, passage: &Passage) -> Option<String> {
    let known: Option<Vec<i64>> = passage.delays_ns.iter().copied().collect();
    let sum = known?.into_iter().fold(0, i64::saturating_add);
    let uncertainties = journey.hops.iter().map(|hop| hop.joined.as_ref()?.uncertainty_ns);
    let uncertainty: Option<Vec<u64>> = uncertainties.collect();
    let uncertainty = uncertainty.map(|all| all.into_iter().fold(0, u64::saturating_add));
    Some(delay_text(sum, uncertainty))
}

/// `ICMP host unreachable from 10.0.0.254`
pub fn icmp(error: &IcmpEvent) -> String {
    labels::icmp_error(error)
}

/// The stations between which an ICMP error came from, where only some of them saw it.
pub fn icmp_origin(seen: &[Option<u64>], to: Side) -> Option<usize> {
    let order: Vec<usize> = match to {
        Side::Server => (0..seen.len()).collect(),
        Side::Client => (0..seen.len()).rev().collect(),
    };
    order.into_iter().find(|place| seen[*place].is_some())
}
