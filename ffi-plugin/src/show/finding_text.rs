//! The text of a finding on a segment: a summary, which is the same for all segments, and after it the numbers
//! and the likely causes.

use std::fmt::{self, Display, Formatter};

use dissector_core::IcmpError;
use dissector_core::connection::{Finding, OpenType, Verdict};
use dissector_core::wire::{TcpFlags, TcpOption};

use crate::session::{IcmpMessage, SegmentFacts};
use crate::show::text::Milliseconds;

/// The observation alone, without numbers and likely causes. Wireshark groups findings by it.
pub fn summary(finding: Finding) -> &'static str {
    let text = finding.text();
    let end = text.find([':', ';']).unwrap_or(text.len());
    text[..end].trim_end_matches('.')
}

/// What stands behind the summary: ` `, `: ` or `; ` and so on, and the likely causes.
fn rest(finding: Finding) -> &'static str {
    &finding.text()[summary(finding).len()..]
}

/// The likely causes alone.
fn causes(finding: Finding) -> &'static str {
    rest(finding).trim_start_matches([':', ';', ' '])
}

/// A finding on a segment: its line of the packet details after the summary.
pub struct Line<'a> {
    pub finding: Finding,
    pub facts: &'a SegmentFacts<'a>,
    /// The verdict on its connection, if it is known already.
    pub verdict: Option<&'a Verdict>,
}

impl Display for Line<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        // The sentence is complete without numbers.
        self.numbers(f).unwrap_or_else(|| f.write_str(rest(self.finding)))
    }
}

impl Line<'_> {
    /// Writes numbers and causes; `None` if there are no numbers.
    fn numbers(&self, f: &mut Formatter<'_>) -> Option<fmt::Result> {
        let annotation = self.facts.annotation;
        let causes = causes(self.finding);
        Some(match self.finding {
            Finding::HandshakeComplete => write_complete(f, self.verdict?),
            Finding::SlowHandshake => write_slow(f, self.verdict?),
            Finding::SynRetx
            | Finding::SynAckRetx
            | Finding::SynAckRetxAfterAck
            | Finding::SynAckRetxCrossed => {
                let rto_ns = annotation.rto_ns()?;
                let after = if causes.is_empty() { "" } else { "; " };
                write!(f, ": copy {}, after {}{after}{causes}", annotation.retry, Seconds(rto_ns))
            }
            Finding::NoReply | Finding::NoFinalAck | Finding::NotAccepted => {
                self.write_silence(f, self.verdict?)
            }
            Finding::Unreachable => {
                let error = self.facts.icmp?;
                write_icmp(f, error).and_then(|()| write!(f, "; {causes}"))
            }
            Finding::BadSynAck => {
                let acknowledged = self.facts.syn.as_ref()?.tcp.acknowledgment;
                let expected = self.facts.connection.client_isn()? + 1;
                write!(f, ": it acknowledges {acknowledged}, expected {expected}; {causes}")
            }
            Finding::RstIgnored => {
                let frame = self.facts.connection.ignored_rst_frame()?;
                write!(f, " in frame {frame}: {causes}")
            }
            Finding::RstTtlMismatch => {
                let (ttl, other) = annotation.differing_ttls()?;
                write!(f, ": {ttl} instead of {other}; {causes}")
            }
            Finding::DuplicateFrame => {
                let (ttl, first) = annotation.differing_ttls()?;
                write!(f, ": TTL {ttl}, first {first}; {causes}")
            }
            Finding::TfoFallback if !annotation.flags.contains(TcpFlags::ACK) => {
                f.write_str(": SYN sent again without Fast Open.")
            }
            Finding::MssSmall => {
                let mss = self.option(|option| match option {
                    TcpOption::Mss(mss) => Some(mss),
                    _ => None,
                })?;
                write!(f, ": {mss}")
            }
            Finding::WscaleOneSided => {
                self.facts.syn.as_ref()?;
                let scaled =
                    self.option(|option| matches!(option, TcpOption::WindowScale(_)).then_some(()));
                let side = if scaled.is_some() { "server" } else { "client" };
                write!(f, ": the {side}; {causes}")
            }
            Finding::PortReused if self.facts.connection.reuses_numbers() => f.write_str(
                ", with an initial sequence number that the last one has used already: an end in \
                 TIME-WAIT may refuse it, unless timestamps tell the two apart.",
            ),
            _ => return None,
        })
    }

    /// `: 4 SYNs in 7.2 s; host down, …`.
    fn write_silence(&self, f: &mut Formatter<'_>, verdict: &Verdict) -> fmt::Result {
        let connection = self.facts.connection;
        let (count, name, span_ns) = match self.finding {
            Finding::NoReply => {
                let span_ns = connection.last_ns().saturating_sub(connection.first_ns());
                (verdict.syn_count, "SYN", span_ns.max(0) as u64)
            }
            _ => (verdict.synack_count, "SYN/ACK", connection.synack_span_ns()),
        };
        write!(f, ": {count} {name}{}", if count == 1 { "" } else { "s" })?;
        if count > 1 {
            write!(f, " in {}", Seconds(span_ns))?;
        }
        if self.finding == Finding::NoReply
            && let Some(rejected) = connection.rejected_rsts()
        {
            let s = if rejected.count == 1 { "" } else { "s" };
            let flaw = rejected.flaw();
            return write!(f, ", but {} RST{s} to be ignored: {flaw}", rejected.count);
        }
        write!(f, "; {}", causes(self.finding))
    }

    /// The first option of this SYN for which `wanted` returns something.
    fn option<T>(&self, wanted: impl Fn(TcpOption<'_>) -> Option<T>) -> Option<T> {
        let syn = self.facts.syn.as_ref()?;
        syn.tcp.options().map_while(Result::ok).find_map(wanted)
    }
}

/// `: ICMP 3/13 (administratively prohibited) from 198.51.100.2`.
fn write_icmp(f: &mut Formatter<'_>, error: &IcmpMessage) -> fmt::Result {
    let IcmpMessage { router, kind, code } = *error;
    let name = if router.is_ipv6() { "ICMPv6" } else { "ICMP" };
    write!(f, ": {name} {kind}/{code}")?;
    if let Some(meaning) = IcmpError::meaning(router.is_ipv6(), kind, code) {
        write!(f, " ({meaning})")?;
    }
    write!(f, " from {router}")
}

/// `: 3-way handshake complete in 21.0 ms (server 20.0, client 1.0)`; after repeated SYNs `: 3-way
/// handshake complete in 1041.0 ms, 1020.0 of it for repeated SYNs (server about 20.0, client 1.0)`.
fn write_complete(f: &mut Formatter<'_>, verdict: &Verdict) -> fmt::Result {
    f.write_str(match verdict.open_type {
        OpenType::ThreeWay => ": 3-way handshake complete",
        _ => ": handshake complete",
    })?;
    let times = &verdict.times;
    if let Some(setup_ns) = times.setup_time_ns {
        write!(f, " in {} ms", Milliseconds(setup_ns))?;
        if let Some(retries_ns) = retries_ns(verdict) {
            let about = about(verdict);
            write!(f, ", {about}{} of it for repeated SYNs", Milliseconds(retries_ns))?;
        }
    }
    match (times.rtt_server_ns, times.rtt_client_ns) {
        (Some(server), Some(client)) => {
            let about = about(verdict);
            write!(f, " ({about}server {}, client {})", Milliseconds(server), Milliseconds(client))
        }
        _ => Ok(()),
    }
}

/// `: 1.04 s, of which 1.02 s for repeated SYNs`.
fn write_slow(f: &mut Formatter<'_>, verdict: &Verdict) -> fmt::Result {
    let Some(setup_ns) = verdict.times.setup_time_ns else { return Ok(()) };
    write!(f, ": {}", Seconds(setup_ns))?;
    match retries_ns(verdict) {
        Some(retries_ns) => {
            write!(f, ", of which {}{} for repeated SYNs", about(verdict), Seconds(retries_ns))
        }
        None => Ok(()),
    }
}

/// Time from the first SYN to the SYN that was answered.
fn retries_ns(verdict: &Verdict) -> Option<u64> {
    let (setup_ns, total_ns) = (verdict.times.setup_time_ns?, verdict.times.rtt_total_ns?);
    Some(setup_ns.saturating_sub(total_ns)).filter(|retries_ns| *retries_ns > 0)
}

/// Marks a guess: without timestamps, the copy that was answered may not be known.
fn about(verdict: &Verdict) -> &'static str {
    if verdict.times.rtt_exact == Some(false) { "about " } else { "" }
}

/// Seconds with three significant digits or so: `1.02 s`, `0.025 s`.
struct Seconds(u64);

impl Display for Seconds {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let seconds = self.0 as f64 / 1e9;
        let places = if seconds < 1.0 { 3 } else { 2 };
        write!(f, "{seconds:.places$} s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Session;
    use crate::session::tests::{handshake, octets, segment};
    use dissector_core::wire::SeqNumber;
    use dissector_core::{PacketInfo, Quoted};

    /// A session that has learned these segments, ten milliseconds apart.
    fn learned(segments: &[([u8; 20], u8)]) -> Session {
        let mut session = Session::default();
        for (frame, (octets, ttl)) in (1..).zip(segments) {
            let mut segment = segment(octets);
            if segment.tcp.source_port == 80 {
                std::mem::swap(&mut segment.packet.source, &mut segment.packet.destination);
            }
            segment.packet.ttl = *ttl;
            segment.packet.ip_id = Some(frame as u16);
            segment.packet.frame = frame;
            segment.packet.time_ns = frame as i64 * 10_000_000;
            session.learn(frame as u32, &segment);
            session.end_frame(frame as u32, None);
        }
        session
    }

    /// The text of a finding on a frame.
    fn line(session: &Session, finding: Finding, frame: u32) -> String {
        let facts = session.segment(frame, 0).unwrap();
        let verdict = facts.connection.verdict_at(facts.now_ns);
        assert!(
            facts.annotation.findings.contains(finding) || verdict.findings.contains(finding),
            "{finding} is noted"
        );
        let line = Line { finding, facts: &facts, verdict: Some(&verdict) };
        format!("{}{line}", summary(finding))
    }

    fn begins(text: &str, start: &str) {
        assert!(text.starts_with(start), "{text}");
    }

    const SYN: u8 = 0x02;
    const SYN_ACK: u8 = 0x12;

    #[test]
    fn a_summary_is_short_and_the_same_for_every_segment() {
        assert_eq!(summary(Finding::Refused), "The SYN is refused");
        assert_eq!(summary(Finding::SimultaneousOpen), "Both sides opened at once");
        for &finding in Finding::ALL {
            assert!(!summary(finding).is_empty() && summary(finding).len() <= 100, "{finding}");
            assert_eq!(format!("{}{}", summary(finding), rest(finding)), finding.text());
        }
    }

    #[test]
    fn numbers_stand_in_the_text() {
        let mut session = Session::default();
        handshake(&mut session);
        let complete = line(&session, Finding::HandshakeComplete, 3);
        assert_eq!(
            complete,
            "Each side's SYN was acknowledged by the other: 3-way handshake complete in 20.0 ms \
             (server 10.0, client 10.0)"
        );
        assert_eq!(Seconds(1_023_000_000).to_string(), "1.02 s");
        assert_eq!(Milliseconds(42_000).to_string(), "0.042");
    }

    #[test]
    fn time_of_repeated_syns_is_not_round_trip_time() {
        let syn = (octets(SYN, false, 100, 0), 64);
        let answer = (octets(SYN_ACK, true, 700, 101), 64);
        let session = learned(&[syn, syn, answer, (octets(0x10, false, 101, 701), 64)]);
        let complete = line(&session, Finding::HandshakeComplete, 4);
        // Without timestamps, the last SYN is taken for the one that was answered.
        assert_eq!(
            complete,
            "Each side's SYN was acknowledged by the other: 3-way handshake complete in 30.0 ms, \
             about 10.0 of it for repeated SYNs (about server 10.0, client 10.0)"
        );
    }

    #[test]
    fn silence_is_counted() {
        let syn = (octets(SYN, false, 100, 0), 64);
        let session = learned(&[syn, syn, syn]);
        begins(
            &line(&session, Finding::NoReply, 3),
            "Nothing acceptable answers the SYN: 3 SYNs in 0.020 s; host",
        );
        let answer = (octets(SYN_ACK, true, 700, 101), 64);
        let session = learned(&[syn, answer, answer]);
        let text = line(&session, Finding::NoFinalAck, 3);
        begins(&text, "Nothing answers the SYN/ACK: 2 SYN/ACKs in 0.010 s; forged");
        let ack = (octets(0x10, false, 101, 701), 64);
        let session = learned(&[syn, answer, ack, ack, answer, answer]);
        let text = line(&session, Finding::NotAccepted, 6);
        let summary = "The server keeps repeating its SYN/ACK although it was acknowledged";
        begins(&text, &format!("{summary}: 3 SYN/ACKs in 0.040 s; accept queue full"));
    }

    #[test]
    fn rsts_that_are_no_answer_show_what_is_wrong_with_them() {
        let syn = (octets(SYN, false, 100, 0), 64);
        let rst = |flags, ack| (octets(flags, true, 0, ack), 64);
        for (answers, words) in [
            (&[rst(0x14, 100)][..], "but 1 RST to be ignored: it acknowledges 100 instead of 101"),
            (
                &[rst(0x14, 7), rst(0x14, 7)],
                "but 2 RSTs to be ignored: they acknowledge 7 instead of 101",
            ),
            (&[rst(0x04, 0)], "but 1 RST to be ignored: it has no ACK"),
        ] {
            let session = learned(&[&[syn], answers, &[syn]].concat());
            let frame = answers.len() as u32 + 2;
            let text = line(&session, Finding::NoReply, frame);
            assert!(text.contains(words), "{text}");
        }
    }

    #[test]
    fn a_wrong_synack_shows_its_number() {
        let syn = (octets(SYN, false, 100, 0), 64);
        let session = learned(&[syn, (octets(SYN_ACK, true, 700, 600), 64)]);
        let text = line(&session, Finding::BadSynAck, 2);
        begins(
            &text,
            "The SYN/ACK does not acknowledge the SYN: it acknowledges 600, expected 101; left",
        );
    }

    #[test]
    fn an_rst_is_compared_and_named() {
        let session = learned(&[
            (octets(SYN, false, 100, 0), 64),
            (octets(SYN_ACK, true, 700, 101), 53),
            (octets(0x10, false, 101, 701), 64),
            (octets(0x14, true, 701, 101), 255),
            (octets(0x10, true, 701, 101), 53),
            (octets(0x10, true, 702, 101), 53),
        ]);
        let text = line(&session, Finding::RstTtlMismatch, 4);
        let summary = "The TTL of this RST differs from that of its sender's other packets";
        begins(&text, &format!("{summary}: 255 instead of 53; a middlebox"));
        let text = line(&session, Finding::RstIgnored, 6);
        begins(&text, "The connection goes on after an RST in frame 4: it did not arrive");
    }

    #[test]
    fn an_icmp_error_is_described_with_its_sender() {
        let mut session = learned(&[(octets(SYN, false, 100, 0), 64)]);
        let [client, server] = [([10, 0, 0, 1], 40_000).into(), ([10, 0, 0, 2], 80).into()];
        let router = PacketInfo::new([198, 51, 100, 2], [10, 0, 0, 1], 0).with_ttl(64);
        let error = IcmpError::new(router, 3, 13, Quoted::new(client, server, SeqNumber(100)));
        session.learn_icmp(2, &error);
        session.end_frame(2, None);
        let text = line(&session, Finding::Unreachable, 2);
        let error = "ICMP 3/13 (administratively prohibited) from 198.51.100.2";
        begins(&text, &format!("An ICMP error answers: {error}; no route"));
    }

    #[test]
    fn a_port_used_again_may_be_a_warning() {
        let closed = [
            (octets(SYN, false, 100, 0), 64),
            (octets(SYN_ACK, true, 700, 101), 64),
            (octets(0x10, false, 101, 701), 64),
            (octets(0x11, false, 101, 701), 64),
            (octets(0x11, true, 701, 102), 64),
            (octets(0x10, false, 102, 702), 64),
        ];
        for (isn, raised) in [(101, true), (50, true), (102, false), (5000, false)] {
            let again = (octets(SYN, false, isn, 0), 64);
            let session = learned(&[&closed[..], &[again]].concat());
            let text = line(&session, Finding::PortReused, 7);
            let warns = text.contains("TIME-WAIT");
            assert_eq!(warns, raised, "{isn}: {text}");
        }
    }
}
