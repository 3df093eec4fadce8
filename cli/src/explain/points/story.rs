//! What the points saw of each segment, as sentences.

use std::collections::BTreeSet;

use dissector_core::compare::Fate;
use dissector_core::connection::{Repeat, Side};
use dissector_core::wire::TcpFlags;

use crate::compare::table::delay_text;
use crate::journey::{IcmpPassage, Journey, Passage, Step};
use crate::output::units::{duration, octets};
use crate::timeline::{Arrival, labels};

/// How far the clocks are apart, and what that means for the delays.
pub fn clocks(journey: &Journey) -> Vec<String> {
    let mut sentences = Vec::new();
    for hop in &journey.hops {
        let mut parts = hop.clocks.iter();
        sentences.extend(parts.next().map(|first| format!("Clocks: {first}.")));
        sentences.extend(parts.map(|more| format!("At some time, {more}.")));
        match hop.joined.as_ref().map(|it| (it.offset_ns, it.uncertainty_ns)) {
            Some((Some(_), Some(0))) => {}
            Some((Some(_), Some(uncertainty))) => sentences.push(format!(
                "Times of the second are put on the first one's clock; a time between the points may be \
                 wrong by {}, which is half of the shortest round trip between them: the two directions need not \
                 take equally long.",
                duration(uncertainty)
            )),
            Some((Some(_), None)) => sentences.push(
                "So times between the points are bounds, not measurements: the way takes at most that \
                 much longer or shorter."
                    .into(),
            ),
            _ => {}
        }
    }
    sentences
}

/// Place and sentence of each segment that matters, or of several that belong together.
pub fn sentences(journey: &Journey) -> Vec<(String, String)> {
    let mut told: Vec<(String, String)> = Vec::new();
    let mut lost: Vec<Vec<&Passage>> = Vec::new();
    let mut quiet = 0_u64;
    for step in &journey.steps {
        // Losses of one segment in a row, of both directions by turns, have one sentence.
        if let Step::Segment(passage) = step
            && passage.lost_behind().is_some()
        {
            end_quiet(journey, &mut told, &mut quiet);
            match lost.iter_mut().find(|copies| is_copy(copies[0], passage)) {
                Some(copies) => copies.push(passage),
                None => lost.push(vec![passage]),
            }
            continue;
        }
        end_lost(journey, &mut told, &mut lost);
        match step {
            // The two handshakes of a device are told by themselves.
            Step::Segment(passage) if passage.apart && is_syn(passage) => {}
            Step::Segment(passage) if passage.is_plain() => quiet += 1,
            Step::Segment(passage) => {
                end_quiet(journey, &mut told, &mut quiet);
                told.push((moment(journey, passage.time_ns), arrived(journey, passage)));
            }
            Step::Icmp(icmp) => {
                end_quiet(journey, &mut told, &mut quiet);
                told.push((moment(journey, icmp.time_ns), self::icmp(journey, icmp)));
            }
            Step::Run(run) => quiet += run.segments,
        }
    }
    end_lost(journey, &mut told, &mut lost);
    end_quiet(journey, &mut told, &mut quiet);
    told
}

fn is_syn(passage: &Passage) -> bool {
    passage.event.annotation.flags.contains(TcpFlags::SYN)
}

/// Whether both carry the same of the same end.
fn is_copy(first: &Passage, other: &Passage) -> bool {
    let numbers = |it: &Passage| (it.from(), it.event.seq, it.event.len, kind(it));
    numbers(first) == numbers(other)
}

fn end_quiet(journey: &Journey, told: &mut Vec<(String, String)>, quiet: &mut u64) {
    let goes_on = |step: &Step| matches!(step, Step::Segment(passage) if passage.goes_on);
    let passed = if journey.is_proxied() {
        "of the two connections"
    } else if journey.steps.iter().any(goes_on) {
        "passed with no other change"
    } else {
        "passed unchanged"
    };
    match std::mem::take(quiet) {
        0 => {}
        1 => told.push(("Then:".into(), format!("one more segment {passed}."))),
        number => told.push(("Then:".into(), format!("{number} more segments {passed}."))),
    }
}

fn end_lost(journey: &Journey, told: &mut Vec<(String, String)>, lost: &mut Vec<Vec<&Passage>>) {
    let is_data =
        |copies: &[&Passage]| copies[0].event.len > 0 && kind(copies[0]).starts_with("data");
    let mut bursts: Vec<Vec<Vec<&Passage>>> = Vec::new();
    for copies in lost.drain(..) {
        let way = |copies: &[&Passage]| (copies[0].from(), copies[0].lost_behind());
        let burst = bursts
            .iter_mut()
            .find(|burst| is_data(&copies) && is_data(&burst[0]) && way(&burst[0]) == way(&copies));
        match burst {
            Some(burst) => burst.push(copies),
            None => bursts.push(vec![copies]),
        }
    }
    for burst in bursts {
        let sentence = match &burst[..] {
            [copies] => lost_copies(journey, copies),
            several => lost_burst(journey, several),
        };
        told.extend(sentence.map(|it| (moment(journey, burst[0][0].time_ns), it)));
    }
}

/// The stations between which a segment was lost, from the sender's side on.
fn lost_between(journey: &Journey, passage: &Passage) -> Option<[String; 2]> {
    let station = passage.lost_behind()?;
    let next = match passage.from() {
        Side::Client => station + 1,
        Side::Server => station - 1,
    };
    Some([station, next].map(|station| journey.stations[station].shown()))
}

/// Several segments of data that were lost in a row.
fn lost_burst(journey: &Journey, burst: &[Vec<&Passage>]) -> Option<String> {
    let [here, there] = lost_between(journey, burst[0][0])?;
    let from = burst[0][0].from();
    let events = || burst.iter().map(|copies| &copies[0].event);
    let first = events().map(|it| it.seq).min()?;
    let end = events().map(|it| it.seq.saturating_add(it.len.into())).max()?;
    let all = || burst.iter().flatten();
    let last_ns = all().map(|it| it.time_ns).max()?;
    let lasted = last_ns.saturating_sub(burst[0][0].time_ns).max(0).unsigned_abs();
    let packets = match all().count() {
        sent if sent == burst.len() => String::new(),
        sent => format!(" in {sent} packets"),
    };
    Some(format!(
        "{} segments of the {from}'s data (seq {first}–{}) left {here}{packets} within {}, and none of them got \
         to {there}.",
        burst.len(),
        end.saturating_sub(1),
        duration(lasted)
    ))
}

/// A segment and its copies that were lost.
fn lost_copies(journey: &Journey, copies: &[&Passage]) -> Option<String> {
    let (first, last) = (copies.first()?, copies.last()?);
    let station = first.lost_behind()?;
    let [here, there] = lost_between(journey, first)?;
    let frames = copies.iter().filter_map(|it| it.seen[station]);
    let frames: Vec<_> = frames.map(|seen| seen.frame.to_string()).collect();
    let what = name(first);
    Some(match &frames[..] {
        [frame] => format!("{what} left {here} in frame {frame} and did not get to {there}."),
        _ => {
            let lasted = last.time_ns.saturating_sub(first.time_ns).max(0).unsigned_abs();
            format!(
                "{what} left {here} {} times within {} (frames {}), and none of them got to {there}.",
                frames.len(),
                duration(lasted),
                frames.join(", ")
            )
        }
    })
}

/// A segment that was not lost.
fn arrived(journey: &Journey, passage: &Passage) -> String {
    let places: Vec<_> =
        passage.places().into_iter().filter(|place| passage.seen[*place].is_some()).collect();
    let at = |place: usize| {
        let frame = passage.seen[place].map_or(0, |seen| seen.frame);
        format!("frame {frame} at {}", journey.stations[place].shown())
    };
    let seen: Vec<_> = places.iter().map(|place| at(*place)).collect();
    let what = name(passage);
    let mut sentence = format!("{what}: {}", seen.join(", "));
    let took: Option<Vec<i64>> = passage.delays_ns.iter().copied().collect();
    if let Some(took) = took.filter(|_| places.len() > 1) {
        let uncertainty = journey.hops.iter().map(|hop| hop.joined.as_ref()?.uncertainty_ns).sum();
        let sum = took.into_iter().fold(0, i64::saturating_add);
        match delay_text(sum, uncertainty).as_str() {
            "?" => {}
            delay => sentence.push_str(&format!(", {delay} later")),
        }
    }
    sentence.push('.');
    for (hop, changes) in passage.changes.iter().enumerate().filter(|(_, it)| !it.is_empty()) {
        let [one, two] = [hop, hop + 1].map(|place| journey.stations[place].shown());
        sentence.push_str(&format!(" Changed between {one} and {two}: {}.", changes.join(", ")));
    }
    if passage.goes_on {
        sentence.push_str(&format!(" So are later ones of the {}.", passage.from()));
    }
    for (hop, fate) in passage.fates.iter().enumerate() {
        let [one, two] = [hop, hop + 1].map(|place| journey.stations[place].shown());
        let missing = if passage.seen[hop].is_none() { &one } else { &two };
        match fate {
            Some(Fate::Appeared) => sentence.push_str(&format!(
                " It did not pass {missing}, which was capturing: something between {one} and {two} made it."
            )),
            Some(Fate::Doubled) => sentence.push_str(&format!(
                " It is one more copy of a packet that was sent once: something between {one} and {two} \
                 doubled it."
            )),
            Some(Fate::NotCaptured) => sentence.push_str(&format!(
                " It is not in the capture of {missing}, but the ends show that it passed there."
            )),
            Some(Fate::Unknown)
                if journey.hops[hop].has_fates()
                    && [hop, hop + 1].iter().any(|place| passage.seen[*place].is_none()) =>
            {
                sentence.push_str(&format!(
                    " Whether it passed {missing} cannot be said: that capture does not cover it."
                ));
            }
            _ => {}
        }
    }
    if let Some(station) = passage.appeared_at() {
        sentence.push_str(&ttls(journey, passage, station));
    } else if passage.arrival == Some(Arrival::Refuted) {
        let end = passage.from().other();
        sentence.push_str(&format!(" As later segments show, the {end} did not take it."));
    }
    sentence
}

/// The TTL of a segment that appeared at this station, beside those of what that end sent itself.
fn ttls(journey: &Journey, passage: &Passage, station: usize) -> String {
    let Some(seen) = passage.seen[station] else { return String::new() };
    let others: BTreeSet<u8> = journey
        .steps
        .iter()
        .filter_map(|step| match step {
            Step::Segment(it) if it.from() == passage.from() && it.appeared_at().is_none() => {
                it.seen[station].map(|seen| seen.ttl)
            }
            _ => None,
        })
        .collect();
    let others: Vec<_> = others.iter().map(u8::to_string).collect();
    if others.is_empty() {
        return String::new();
    }
    format!(
        " It came to {} with TTL {}, what the {} sent itself with {}.",
        journey.stations[station].shown(),
        seen.ttl,
        passage.from(),
        others.join(", ")
    )
}

fn icmp(journey: &Journey, icmp: &IcmpPassage) -> String {
    let seen: Vec<_> = icmp
        .seen
        .iter()
        .zip(&journey.stations)
        .filter_map(|(frame, station)| {
            frame.map(|frame| format!("frame {frame} at {}", station.shown()))
        })
        .collect();
    let to = icmp.event.to;
    let what = labels::icmp_error(&icmp.event);
    format!("{what}, to the {to}: {}.", seen.join(", "))
}

/// Seconds since the first segment.
fn moment(journey: &Journey, time_ns: i64) -> String {
    match time_ns.saturating_sub(journey.first_ns).max(0).unsigned_abs() {
        0 => "At the start:".into(),
        since => format!("After {}:", duration(since)),
    }
}

/// `The client's SYN`
fn name(passage: &Passage) -> String {
    let again = match passage.event.annotation.copy {
        Repeat::Retransmission => " (sent again)",
        _ => "",
    };
    if passage.appeared_at().is_some() || passage.sent_by_device().is_some() {
        let kind = kind(passage);
        let (first, rest) = kind.split_at(1);
        return format!("{}{rest} in the {}'s name", first.to_uppercase(), passage.from());
    }
    format!("The {}'s {}{again}", passage.from(), kind(passage))
}

fn kind(passage: &Passage) -> String {
    let annotation = &passage.event.annotation;
    let flags = annotation.flags;
    let has = |these: TcpFlags| flags.contains(these);
    if has(TcpFlags::SYN | TcpFlags::ACK) {
        "SYN/ACK".into()
    } else if has(TcpFlags::SYN) {
        "SYN".into()
    } else if has(TcpFlags::RST) {
        "RST".into()
    } else if has(TcpFlags::FIN) {
        "FIN".into()
    } else if passage.event.len > 0 {
        format!("data (seq={}, {})", passage.event.seq, octets(passage.event.len.into()))
    } else if annotation.final_ack {
        "final ACK".into()
    } else {
        "ACK".into()
    }
}
