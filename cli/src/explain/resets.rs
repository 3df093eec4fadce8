//! Resets that change the meaning of an outcome.

use dissector_core::connection::{Evidence, Finding, Outcome, RejectedRsts};

use super::neighbours::Witnessed;
use crate::output::units::count;
use crate::timeline::{Origin, Timeline};

/// The meaning of an outcome where RSTs came that the client has to ignore.
pub fn means(timeline: &Timeline) -> Option<String> {
    if timeline.verdict.outcome == Outcome::Challenged && was_answered(timeline) {
        return Some(
            "The SYN was answered by an ACK that does not acknowledge it, a challenge ACK (RFC 5961): the \
             server still held an older connection on the same addresses and ports. The client answered \
             with an RST, as it should, which ends that one. A new SYN would succeed then, but none \
             followed, or nothing answered it."
                .into(),
        );
    }
    if timeline.verdict.outcome == Outcome::NoFinalAck && timeline.verdict.synack_count == 0 {
        return Some(
            "The server sends data that belongs behind a SYN/ACK (Fast Open), but that SYN/ACK is not in the \
             capture, and the client does not acknowledge any of it: it is still in SYN-SENT and drops \
             what comes without a SYN."
                .into(),
        );
    }
    let rejected = timeline.rejected.filter(|_| timeline.verdict.outcome == Outcome::NoReply)?;
    let RejectedRsts { count: number, .. } = rejected;
    let (came, them) = if number == 1 { ("comes", "it") } else { ("come", "them") };
    let why = match rejected.acknowledgment {
        Some(_) => {
            "Either a device on the path changes the sequence numbers of one direction only, or \
             something refuses in the server's name without counting the SYN (a firewall, an intrusion \
             prevention system, a broken TCP)."
        }
        None => {
            "A TCP answers a SYN to a closed port with RST and ACK: something else refuses in the \
             server's name (a firewall, a load balancer, an intrusion prevention system), or takes the \
             SYN for a segment of an older connection."
        }
    };
    Some(format!(
        "Only {} {came} back, and the client has to ignore {them}: {}. So it repeats its SYN for a \
         while and then gives up with a time-out (ETIMEDOUT), although something answers. {why}",
        count(number.into(), "RST"),
        rejected.flaw()
    ))
}

/// Whether an RST answers the challenge ACK.
pub fn was_answered(timeline: &Timeline) -> bool {
    timeline.verdict.findings.contains(Finding::HalfOpenReset)
}

/// The evidence in the IP identification of the RST on the machine that sent it.
pub fn origin(timeline: &Timeline) -> Option<Witnessed> {
    let (evidence, last, number, what) = match timeline.rst_origin? {
        Origin::Same { last, number } => (Evidence::RstIdFits, last, number, "goes on"),
        Origin::Other { last, number } => (Evidence::RstIdDiffers, last, number, "does not go on"),
    };
    let sentence = format!(
        "The IP identification of the RST, {number}, {what} from the last one of its sender's other \
         packets, {last}."
    );
    Some(Witnessed { evidence, sentence })
}

/// Whether the RST answers anything.
pub fn unasked(timeline: &Timeline) -> Option<Witnessed> {
    let evidence = Evidence::RstUnasked;
    // One of a device on the path answers nothing either.
    let own = timeline.verdict.cause_evidence;
    let foreign =
        [Evidence::RstTtlDiffers, Evidence::RstBare].into_iter().any(|seen| own.contains(seen));
    (timeline.rst_unasked && !foreign)
        .then(|| Witnessed { evidence, sentence: evidence.text().into() })
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
