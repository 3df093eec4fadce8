//! Short texts for the events of a timeline.

use std::net::IpAddr;

use dissector_core::connection::{
    Annotation, Close, Finding, Repeat, Severity, Side, Stage, State, Verdict,
};
use dissector_core::wire::TcpFlags;

use super::{Event, IcmpEvent, Run, SegmentEvent, Timeline};
use crate::output::units::{count, duration, octets};

/// `10.0.0.1:40000 → 10.0.0.2:80`
pub fn addresses(timeline: &Timeline) -> String {
    let [client, server] = &timeline.called;
    format!("{client} → {server}")
}

/// Attempt, set-up time and close: `set-up 21.0 ms, closed by the client`.
pub fn summary(timeline: &Timeline) -> String {
    let attempt = match timeline.attempt {
        1 => String::new(),
        attempt => format!("attempt {attempt} on these ports"),
    };
    let parts = [attempt, setup(timeline), close(&timeline.verdict)];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

/// `set-up 21.0 ms (server 20.0 ms, client 1.0 ms)`; empty unless the handshake is complete.
pub fn setup(timeline: &Timeline) -> String {
    let times = &timeline.verdict.times;
    let Some(setup_ns) = times.setup_time_ns else { return String::new() };
    let setup = format!("set-up {}", duration(setup_ns));
    match (times.rtt_server_ns, times.rtt_client_ns) {
        (Some(server), Some(client)) => {
            format!("{setup} (server {}, client {})", duration(server), duration(client))
        }
        _ => setup,
    }
}

/// `closed by the client`; empty if the connection is open.
pub fn close(verdict: &Verdict) -> String {
    let by = verdict.closed_by.map(|by| by.label());
    match (verdict.close, by) {
        (Close::Open, _) => String::new(),
        (Close::Fin | Close::FinUnacked, Some(by)) => format!("closed by the {by}"),
        (Close::HalfClosed, Some(by)) => format!("half closed by the {by}"),
        (Close::Simultaneous, _) => "closed by both at once".into(),
        (Close::Rst, Some(by)) => format!("reset by the {by}"),
        (Close::RstAfterFin, Some(by)) => format!("closed by the {by}, then reset"),
        (close, _) => close.label().into(),
    }
}

/// The meaning of the outcome if the connection failed; otherwise empty.
pub fn failure(timeline: &Timeline) -> String {
    let outcome = timeline.verdict.outcome;
    if outcome.failed() { format!("{outcome}: {}", outcome.doc()) } else { String::new() }
}

/// States of client and server before the first event; the server's LISTEN is always assumed.
pub fn initial_states(timeline: &Timeline) -> [String; 2] {
    let Some(states) = timeline.events.first().and_then(Event::states) else {
        return Default::default();
    };
    states.map(|states| match states.before() {
        State::Listen => format!("{}?", State::Listen),
        state => state.to_string(),
    })
}

/// `[S.] SYN, ACK seq=0 ack=1 mss 1460`: along the arrow of a segment.
pub fn arrow(segment: &SegmentEvent) -> String {
    let flags = format!("[{}]", segment.annotation.flags.tcpdump());
    format!("{flags:<4} {}", flags_and_numbers(segment))
}

/// The same, followed by shorter ones for where there is no room: without the letters, then without
/// numbers, which tell least.
pub fn arrows(segment: &SegmentEvent) -> Vec<String> {
    let shorter = shorter(segment);
    // For data, the letters are all that names the segment.
    let letters = segment.annotation.flags.tcpdump();
    let named = |label: String| match label.starts_with(|first: char| first.is_lowercase()) {
        true => format!("[{letters}] {label}"),
        false => label,
    };
    let shorter = shorter.into_iter().map(named);
    std::iter::once(arrow(segment)).chain(shorter.map(|label| format!(" {label}"))).collect()
}

/// How much a label says.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
enum Length {
    /// Flags, whether it was sent before, and numbers.
    Kind,
    Numbers,
    /// Everything, with shorter words for a repeated segment.
    Words,
    Full,
}

/// The same without the letters: `SYN, ACK seq=0 ack=1 mss 1460`.
pub fn flags_and_numbers(segment: &SegmentEvent) -> String {
    in_length(segment, Length::Full)
}

/// Shorter ones, the longest first.
pub fn shorter(segment: &SegmentEvent) -> [String; 3] {
    [Length::Words, Length::Numbers, Length::Kind].map(|length| in_length(segment, length))
}

fn in_length(segment: &SegmentEvent, length: Length) -> String {
    let (annotation, flags) = (&segment.annotation, segment.annotation.flags);
    match annotation.stage {
        Stage::ChallengeAck if length == Length::Kind => return "ACK".into(),
        Stage::RstHalfOpen if length == Length::Kind => return "RST".into(),
        Stage::ChallengeAck => return "ACK of an older connection".into(),
        Stage::RstHalfOpen => return "RST to the older connection".into(),
        _ => {}
    }
    let mut parts = Vec::new();
    // For data, tcpdump's letters before it are enough.
    if annotation.stage != Stage::None || segment.len == 0 {
        let main = flags & (TcpFlags::SYN | TcpFlags::FIN | TcpFlags::RST | TcpFlags::ACK);
        parts.push(if main.is_empty() { flags.to_string() } else { main.to_string() });
    }
    match annotation.copy {
        Repeat::Original => {}
        Repeat::Retransmission if length < Length::Full => parts.push("(again)".into()),
        Repeat::Duplicate if length < Length::Full => parts.push("(copy)".into()),
        copy => parts.push(format!("({copy})")),
    }
    let numbered = length > Length::Kind;
    let has_octets = flags.intersects(TcpFlags::SYN | TcpFlags::FIN | TcpFlags::RST);
    if (has_octets || segment.len > 0) && numbered {
        parts.push(format!("seq={}", segment.seq));
    }
    if let Some(ack) = segment.ack.filter(|_| numbered) {
        parts.push(format!("ack={ack}"));
    }
    if segment.len > 0 {
        parts.push(format!("len={}", segment.len));
    }
    if segment.keep_alive {
        parts.push("keep-alive".into());
    }
    if annotation.copy == Repeat::Original
        && length > Length::Numbers
        && let Some(mss) = segment.options.and_then(|options| options.mss)
    {
        parts.push(format!("mss {mss}"));
    }
    parts.join(" ")
}

/// `2/3`; `None` for a segment that is sent again.
pub fn step(segment: &SegmentEvent) -> Option<&'static str> {
    let is_first = segment.annotation.copy == Repeat::Original;
    segment.annotation.stage.step().filter(|_| is_first)
}

/// Step and findings of a segment, and whether one of the findings is a warning.
pub fn step_and_findings(segment: &SegmentEvent) -> (String, bool) {
    let stage = segment.annotation.stage;
    let named = || (stage.step().is_none() && stage != Stage::None).then(|| stage.label());
    let step = step(segment).or_else(named).unwrap_or_default();
    let (findings, warning) = findings(&segment.annotation);
    let mark = if warning { "! " } else { "" };
    let findings = findings.join("; ");
    let text = match (step, findings.as_str()) {
        (step, "") => step.to_owned(),
        ("", findings) => format!("{mark}{findings}"),
        (step, findings) => format!("{step}  {mark}{findings}"),
    };
    (text, warning)
}

/// The findings of a segment, each in a few words, and whether one of them is a warning.
pub fn findings(annotation: &Annotation) -> (Vec<String>, bool) {
    let mut warning = false;
    let mut findings = Vec::new();
    for finding in annotation.findings.iter() {
        let Some(text) = finding_label(finding, annotation) else { continue };
        warning |= matches!(finding.severity(), Severity::Warn | Severity::Error);
        findings.push(text);
    }
    (findings, warning)
}

/// A finding in a few words; `None` if the step or the outcome already says it.
fn finding_label(finding: Finding, annotation: &Annotation) -> Option<String> {
    let has = |finding| annotation.findings.contains(finding);
    let again = || match annotation.rto_ns() {
        Some(rto_ns) => format!("again, {} later", duration(rto_ns)),
        None => "again".into(),
    };
    Some(match finding {
        Finding::HandshakeComplete
        | Finding::Refused
        | Finding::ChallengeAck
        | Finding::RstUnacceptable
        | Finding::HalfOpenReset
        | Finding::IllegalFlags
        | Finding::RstAbort
        | Finding::AbortedByClient
        | Finding::AbortedByServer
        | Finding::Unreachable
        | Finding::SimultaneousOpen
        | Finding::SimultaneousClose
        | Finding::RstAfterFin => return None,
        Finding::SynRetx if has(Finding::SynAckNotReceived) => return None,
        Finding::SynAckRetx
            if has(Finding::SynAckRetxAfterAck) || has(Finding::SynAckRetxCrossed) =>
        {
            return None;
        }
        Finding::SynRetx | Finding::SynAckRetx => again(),
        Finding::SynAckNotReceived => format!("{}: the client did not get the SYN/ACK", again()),
        Finding::SynAckRetxAfterAck if annotation.retry > 1 => again(),
        Finding::SynAckRetxAfterAck => "the server did not accept the ACK".into(),
        Finding::SynAckRetxCrossed => "sent before the ACK arrived".into(),
        Finding::RstRightAfterHandshake => "accepted and reset without payload".into(),
        Finding::RstIgnored => "the connection goes on after the RST".into(),
        Finding::RstTtlMismatch => match annotation.rst_ttl_delta() {
            Some(delta) => format!("TTL differs by {delta:+}: sent by a middlebox?"),
            None => "TTL differs: sent by a middlebox?".into(),
        },
        Finding::BadSynAck => "does not acknowledge the SYN".into(),
        Finding::SynAckIsnChanged => "new initial sequence number: a second responder?".into(),
        Finding::PortReused => "the port was used before".into(),
        Finding::SynInEstablished => "inside a live connection".into(),
        Finding::TfoFallback => "the data on the SYN was not accepted".into(),
        Finding::SynDataWithoutCookie => "data on a SYN without a cookie".into(),
        Finding::DataBeforeEstablished => "data before the final ACK".into(),
        Finding::SynAckOptionNotOffered => "an option that the SYN did not offer".into(),
        Finding::WscaleOneSided => "no window scaling: only one side offers it".into(),
        Finding::TsDropped => "timestamps are missing from here on".into(),
        Finding::MssSmall => "small MSS".into(),
        Finding::SynOptionsChanged => "options differ from the first SYN's".into(),
        Finding::EcnBroken => "reflects the ECN bits".into(),
        Finding::MptcpFallback => "no multipath TCP".into(),
        Finding::DuplicateFrame => "captured twice".into(),
        Finding::OutOfOrderHandshake => "recorded after its answer".into(),
        Finding::SlowHandshake => "slow".into(),
        Finding::RstAckLoop => "RSTs and ACKs answer each other".into(),
        other => other.label().replace('_', " "),
    })
}

/// `… 214 segments, client sends 12.3 kB, server sends 1.2 MB, in 3.20 s …`
pub fn run(run: &Run) -> String {
    let mut parts = vec![count(run.segments, "segment")];
    parts.extend(sent(run));
    if run.octets == [0, 0] && !run.remarkable {
        parts.push("no data".into());
    }
    if run.segments > 1 {
        parts.push(format!("in {}", duration(run.duration_ns())));
    }
    if run.remarkable {
        parts.push("some of them repeated or unusual".into());
    }
    format!("… {} …", parts.join(", "))
}

/// For each side that sends data: `client sends 7 octets and 14 again`.
pub fn sent(run: &Run) -> impl Iterator<Item = String> {
    Side::BOTH.into_iter().filter_map(|side| {
        let (all, resent) = (run.octets[side as usize], run.resent[side as usize]);
        let what = match all - resent {
            0 if resent == 0 => return None,
            0 => format!("{} again", octets(resent)),
            new if resent == 0 => octets(new),
            new => format!("{} and {resent} again", octets(new)),
        };
        Some(format!("{side} sends {what}"))
    })
}

/// `continues in b.pcap`
pub fn file(name: &str) -> String {
    format!("continues in {name}")
}

/// `ICMP host unreachable from 10.0.0.254`
pub fn icmp_error(error: &IcmpEvent) -> String {
    let (what, from) = icmp_parts(error);
    format!("{what} {from}")
}

/// `ICMP host unreachable`, `from 10.0.0.254`
pub fn icmp_parts(error: &IcmpEvent) -> (String, String) {
    (icmp_name(error.by, error.kind, error.code), format!("from {}", error.by))
}

/// The name of an ICMP error (RFC 792, RFC 1812, RFC 4443).
pub fn icmp_name(by: IpAddr, kind: u8, code: u8) -> String {
    let name = match (by.is_ipv4(), kind, code) {
        (true, 3, 0) => "ICMP network unreachable",
        (true, 3, 1) => "ICMP host unreachable",
        (true, 3, 2) => "ICMP protocol unreachable",
        (true, 3, 3) => "ICMP port unreachable",
        (true, 3, 4) => "ICMP fragmentation needed",
        (true, 3, 5) => "ICMP source route failed",
        (true, 3, 9 | 10 | 13) => "ICMP administratively prohibited",
        (true, 11, _) => "ICMP time exceeded",
        (true, 12, _) => "ICMP parameter problem",
        (false, 1, 0) => "ICMPv6 no route",
        (false, 1, 1) => "ICMPv6 administratively prohibited",
        (false, 1, 2) => "ICMPv6 beyond scope of source address",
        (false, 1, 3) => "ICMPv6 address unreachable",
        (false, 1, 4) => "ICMPv6 port unreachable",
        (false, 1, 5 | 6) => "ICMPv6 rejected by policy",
        (false, 3, _) => "ICMPv6 time exceeded",
        (false, 4, _) => "ICMPv6 parameter problem",
        (true, ..) => return format!("ICMP type {kind} code {code}"),
        (false, ..) => return format!("ICMPv6 type {kind} code {code}"),
    };
    name.into()
}
