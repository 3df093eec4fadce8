//! Resets that change the meaning of an outcome.

use dissector_core::connection::{Outcome, RejectedRsts};

use crate::output::units::count;
use crate::timeline::Timeline;

/// The meaning of an outcome where RSTs came that the client has to ignore.
pub fn means(timeline: &Timeline) -> Option<String> {
    let rejected = timeline.rejected.filter(|_| timeline.verdict.outcome == Outcome::NoReply)?;
    let RejectedRsts { count: number, .. } = rejected;
    let (came, them) = if number == 1 { ("comes", "it") } else { ("come", "them") };
    Some(format!(
        "Only {} {came} back, and the client has to ignore {them}: {}. So it repeats its SYN for a \
         while and then gives up with a time-out (ETIMEDOUT), although something answers at once. \
         Either a device on the path changes the sequence numbers of one direction only, or something \
         refuses in the server's name without counting the SYN (a firewall, an intrusion prevention \
         system, a broken TCP).",
        count(number.into(), "RST"),
        rejected.flaw()
    ))
}

/// A remark on a SYN/ACK that came although the SYN had been refused.
pub fn remark(timeline: &Timeline) -> Option<String> {
    let refusals = timeline.refusals?;
    let synack = refusals.synack?;
    let mut signs = Vec::new();
    if ![refusals.ttl, synack.ttl].contains(&0) && refusals.ttl != synack.ttl {
        signs.push(format!("its TTL is {}, that of the SYN/ACK {}", refusals.ttl, synack.ttl));
    }
    if refusals.window != 0 {
        signs.push(format!("its window is {}, and a host that refuses sends 0", refusals.window));
    }
    if refusals.count > 1 {
        signs.push(format!("it came {} times", refusals.count));
    }
    let start = "The server's own answer, a SYN/ACK, came after the SYN had been refused: the client had \
                 given up by then.";
    Some(match signs.is_empty() {
        true => format!("{start} Two hosts, or a host and a device in its name, have answered."),
        false => format!("{start} The RST was probably forged: {}.", signs.join("; ")),
    })
}
