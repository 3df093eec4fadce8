//! How events are put into few words.

use std::net::IpAddr;

use dissector_core::connection::{Close, Finding, Repeat, Severity, Stage};
use dissector_core::wire::TcpFlags;

use crate::output::{count, duration, octets};
use crate::story::{End, Event, Run, Story, Told, ToldError};

/// `[S.] SYN, ACK seq=0 ack=1 mss 1460`: what stands on an arrow.
pub fn on_arrow(told: &Told) -> String {
    let flags = format!("[{}]", told.flags.tcpdump());
    format!("{flags:<4} {}", after_flags(told))
}

/// The same without the flags as tcpdump writes them.
pub fn after_flags(told: &Told) -> String {
    match told.stage {
        Stage::ChallengeAck => return "ACK of an older connection".into(),
        Stage::RstHalfOpen => return "RST to the older connection".into(),
        _ => {}
    }
    let mut words = Vec::new();
    let plain = told.stage == Stage::None;
    // On data and bare ACKs, the letters are enough.
    if !plain || told.len == 0 {
        words.push(named_flags(told.flags));
    }
    match told.copy {
        Repeat::Original => {}
        copy => words.push(format!("({copy})")),
    }
    let syn_or_fin = told.flags.intersects(TcpFlags::SYN | TcpFlags::FIN);
    if syn_or_fin || told.len > 0 || told.flags.contains(TcpFlags::RST) {
        words.push(format!("seq={}", told.seq));
    }
    if let Some(ack) = told.ack {
        words.push(format!("ack={ack}"));
    }
    if told.len > 0 {
        words.push(format!("len={}", told.len));
    }
    if told.copy == Repeat::Original
        && let Some(mss) = told.offer.and_then(|offer| offer.mss)
    {
        words.push(format!("mss {mss}"));
    }
    words.join(" ")
}

/// The flags that matter to handshake and close, as Wireshark writes them.
fn named_flags(flags: TcpFlags) -> String {
    let shown = TcpFlags::SYN | TcpFlags::FIN | TcpFlags::RST | TcpFlags::ACK;
    let shown = flags & shown;
    if shown.is_empty() { flags.to_string() } else { shown.to_string() }
}

/// What stands beside an event: the step, and what is remarkable. The second says whether it
/// should be looked at.
pub fn beside(told: &Told) -> (String, bool) {
    let step = match (told.stage.step(), told.stage) {
        (Some(step), _) if told.copy == Repeat::Original => step,
        (None, Stage::None) | (Some(_), _) => "",
        (None, stage) => stage.label(),
    };
    let mut warns = false;
    let mut remarks = Vec::new();
    for finding in told.findings.iter() {
        let Some(remark) = brief(finding, told) else { continue };
        warns |= matches!(finding.severity(), Severity::Warn | Severity::Error);
        remarks.push(remark);
    }
    let remarks = remarks.join("; ");
    let text = match (step.is_empty(), remarks.is_empty(), warns) {
        (_, true, _) => step.to_owned(),
        (true, false, false) => remarks,
        (true, false, true) => format!("! {remarks}"),
        (false, false, false) => format!("{step}  {remarks}"),
        (false, false, true) => format!("{step}  ! {remarks}"),
    };
    (text, warns)
}

/// An finding in a few words; `None` where the step or the outcome says it already.
fn brief(finding: Finding, told: &Told) -> Option<String> {
    let again = || match told.rto_ns {
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
        Finding::SynRetx if told.findings.contains(Finding::SynAckNotReceived) => return None,
        Finding::SynAckRetx if told.findings.contains(Finding::SynAckRetxAfterAck) => return None,
        Finding::SynAckRetx if told.findings.contains(Finding::SynAckRetxCrossed) => return None,
        Finding::SynRetx | Finding::SynAckRetx => again(),
        Finding::SynAckNotReceived => format!("{}: the client did not get the SYN/ACK", again()),
        Finding::SynAckRetxAfterAck if told.retry > 1 => again(),
        Finding::SynAckRetxAfterAck => "the server did not take the ACK".into(),
        Finding::SynAckRetxCrossed => "sent before the ACK arrived".into(),
        Finding::RstRightAfterHandshake => "accepted and reset without payload".into(),
        Finding::RstIgnored => "the connection goes on after the RST".into(),
        Finding::RstTtlMismatch => match told.rst_ttl_delta {
            Some(delta) => format!("TTL differs by {delta:+}: sent by a middlebox?"),
            None => "TTL differs: sent by a middlebox?".into(),
        },
        Finding::BadSynAck => "does not acknowledge the SYN".into(),
        Finding::SynAckIsnChanged => "numbers its octets anew: a second responder?".into(),
        Finding::PortReused => "the port was used before".into(),
        Finding::SynInEstablished => "inside a live connection".into(),
        Finding::TfoFallback => "the data on the SYN was not taken".into(),
        Finding::SynDataWithoutCookie => "data on a SYN without a cookie".into(),
        Finding::DataBeforeEstablished => "data before the final ACK".into(),
        Finding::SynAckOptionNotOffered => "an option that the SYN did not offer".into(),
        Finding::WscaleOneSided => "no window scaling: only one side offers it".into(),
        Finding::TsDropped => "timestamps are missing from here on".into(),
        Finding::MssSmall => "small MSS".into(),
        Finding::SynOptionsChanged => "other options than the first".into(),
        Finding::EcnBroken => "reflects the ECN bits".into(),
        Finding::MptcpFallback => "no multipath TCP".into(),
        Finding::DuplicateFrame => "captured twice".into(),
        Finding::OutOfOrderHandshake => "recorded after its answer".into(),
        Finding::SlowHandshake => "slow".into(),
        other => other.label().replace('_', " "),
    })
}

/// `… 214 segments, client 12.3 kB, server 1.2 MB, in 3.20 s …`
pub fn of_run(run: &Run) -> String {
    let mut parts = vec![count(run.segments, "segment")];
    parts.extend(sends(run));
    let lasted = run.last_ns.saturating_sub(run.first_ns).max(0) as u64;
    if run.octets == [0, 0] && !run.remarkable {
        parts.push("no data".into());
    }
    if run.segments > 1 {
        parts.push(format!("in {}", duration(lasted)));
    }
    if run.remarkable {
        parts.push("some of them repeated or unusual".into());
    }
    format!("… {} …", parts.join(", "))
}

/// `client sends 7 octets and 14 again`, for each end that sends any.
pub fn sends(run: &Run) -> impl Iterator<Item = String> {
    [End::Client, End::Server].into_iter().filter_map(|end| {
        let (all, again) = (run.octets[end as usize], run.again[end as usize]);
        let what = match all - again {
            0 if again == 0 => return None,
            0 => format!("{} again", octets(again)),
            new if again == 0 => octets(new),
            new => format!("{} and {again} again", octets(new)),
        };
        Some(format!("{} sends {what}", end.name()))
    })
}

/// `from here on in b.pcap`
pub fn of_file(name: &str) -> String {
    format!("from here on in {name}")
}

/// `ICMP host unreachable from 10.0.0.254`
pub fn of_error(error: &ToldError) -> String {
    format!("{} from {}", icmp(error.by, error.kind, error.code), error.by)
}

/// The names of RFC 792, RFC 1812 and RFC 4443.
pub fn icmp(by: IpAddr, kind: u8, code: u8) -> String {
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

/// `setup 21.0 ms (server 20.0 ms, client 1.0 ms)`; empty where the handshake is not complete.
pub fn setup(story: &Story) -> String {
    let times = &story.verdict.times;
    let Some(setup_ns) = times.setup_time_ns else { return String::new() };
    match (times.rtt_server_ns, times.rtt_client_ns) {
        (Some(server), Some(client)) => format!(
            "set-up {} (server {}, client {})",
            duration(setup_ns),
            duration(server),
            duration(client)
        ),
        _ => format!("set-up {}", duration(setup_ns)),
    }
}

/// `closed by the client`; empty where nothing says so.
pub fn close(story: &Story) -> String {
    let by = story.verdict.closed_by.map(|by| by.label());
    match (story.verdict.close, by) {
        (Close::Open, _) => String::new(),
        (Close::Fin | Close::FinUnacked, Some(by)) => format!("closed by the {by}"),
        (Close::HalfClosed, Some(by)) => format!("half closed by the {by}"),
        (Close::Simultaneous, _) => "closed by both at once".into(),
        (Close::Rst, Some(by)) => format!("reset by the {by}"),
        (Close::RstAfterFin, Some(by)) => format!("closed by the {by}, then reset"),
        (close, _) => close.label().into(),
    }
}

/// The first line of a story's picture, without the outcome.
pub fn ends(story: &Story) -> String {
    format!("{} → {}", story.client, story.server)
}

/// What else the first line says.
pub fn circumstances(story: &Story) -> String {
    let attempt = match story.attempt {
        1 => String::new(),
        attempt => format!("attempt {attempt} on these ports"),
    };
    let parts = [attempt, setup(story), close(story)];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

/// The states before the first event; the server's LISTEN is never proven.
pub fn states_before(story: &Story) -> [String; 2] {
    let (client, server) = match story.events.first() {
        Some(Event::Segment(told)) => (told.client.before(), told.server.before()),
        Some(Event::Error(error)) => (error.client.before(), error.server.before()),
        _ => return [String::new(), String::new()],
    };
    [client, server].map(|state| match state {
        dissector_core::connection::State::Listen => format!("{state}?"),
        state => state.to_string(),
    })
}

/// A sentence for those who see only the picture; empty where the handshake went well.
pub fn meaning(story: &Story) -> String {
    let outcome = story.verdict.outcome;
    if outcome.failed() { format!("{outcome}: {}", outcome.doc()) } else { String::new() }
}
