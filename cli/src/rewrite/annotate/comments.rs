//! The comments: in the packet list, a column shows the first of each packet, so it says the most in few words.

use dissector_core::capture::Packet;
use dissector_core::connection::{Annotation, CheckTarget, Finding, Repeat, Stage};

use super::steps::Step;
use super::verdicts::{Next, Told};
use crate::timeline::labels;

/// How every comment begins.
pub const MARK: &str = "tcphs: ";

/// The step that a packet is, in a few words: `2/3 SYN/ACK`, `SYN, again, 1.02 s later`. Empty if it is none.
pub fn step(packet: &Packet<'_>, annotation: &Annotation) -> String {
    if let Packet::IcmpError(error) = packet {
        let by = error.packet.source;
        return format!("{} from {by}", labels::icmp_name(by, error.kind, error.code));
    }
    let stage = annotation.stage;
    let name = match stage.step() {
        _ if stage == Stage::None => String::new(),
        Some(step) if annotation.copy == Repeat::Original => format!("{step} {}", stage.name()),
        _ => stage.name().to_owned(),
    };
    let (findings, _) = labels::findings(annotation);
    let why = match annotation.rst_reason {
        _ if annotation.copy == Repeat::Duplicate => "",
        Some(_) if annotation.findings.contains(Finding::Refused) => Finding::Refused.text(),
        Some(reason) => reason.doc(),
        None => "",
    };
    // The packets of such a file say 1970 in Wireshark.
    let is_timeless = matches!(packet, Packet::Segment(segment) if segment.packet.time_ns == 0);
    let timeless = if is_timeless && !name.is_empty() { "without a time" } else { "" };
    let mut text = [&[name][..], &findings, &[timeless.to_owned()]].concat();
    text.retain(|part| !part.is_empty());
    let text = text.join(", ");
    if why.is_empty() { text } else { format!("{text} | {why}") }
}

/// Adds the comments for a step of a connection with this verdict, which is said with the first packet.
pub fn add(step: &Step, told: &Told, files: &[&str], capture: usize, texts: &mut Vec<String>) {
    let Some([client, server]) = step.ends else {
        texts.push(format!("{MARK}{}", step.text));
        return;
    };
    let number = format!("connection {}", step.connection);
    let parts = [&told.outcome, &step.text, told.meaning, &number];
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    texts.push(format!("{MARK}{}", parts.join(" | ")));
    texts.extend(told.reasons.iter().map(|reason| format!("{MARK}{reason}")));
    let (what, command) = match &told.next {
        Some(Next::Check(check)) => {
            let target = CheckTarget::new(client, server, files[capture]).with_files(files);
            (check.what, check.command_line(&target))
        }
        Some(Next::Found(what, command)) => (*what, command.clone()),
        None => return,
    };
    texts.push(format!("{MARK}next: {what}"));
    // Wireshark shows about 240 characters of each comment, and the whole of it in a window of its own.
    texts.extend(command.map(|command| format!("{MARK}command: {command}")));
}
