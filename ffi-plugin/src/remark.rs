//! What is worth a remark about a segment: Wireshark's expert information.

use std::fmt::{self, Display, Formatter};

use dissector_core::connection::{Anomaly, AnomalySet, OpenType, Verdict};

use crate::abi::{TCPHS_MAX_REMARKS, TCPHS_NO_TEXT, tcphs_remark, tcphs_remarks};
use crate::session::{Known, Steps};
use crate::text::{Milliseconds, TextBuffer};

/// What can be remarked, in the order of registration. A remark of another weight than its anomaly
/// has is an entry of its own, because Wireshark ties the weight to the entry.
pub fn entries() -> impl Iterator<Item = Entry> {
    let alone = Anomaly::ALL.iter().map(|&anomaly| Entry { anomaly, persistent: false });
    alone.chain([Entry { anomaly: Anomaly::SynRetx, persistent: true }])
}

/// An entry of Wireshark's expert information.
pub struct Entry {
    pub anomaly: Anomaly,
    /// A SYN that was repeated often.
    pub persistent: bool,
}

/// From which copy on a repeated SYN is a warning.
const PERSISTENT: u8 = 3;

/// Writes the remarks on a segment; on `later` passes also those that take the future to know.
pub fn write(known: &Known<'_>, later: bool, remarks: &mut tcphs_remarks) {
    let said = known.said;
    let mut anomalies = said.anomalies;
    let mut verdict = None;
    // The times of the set-up are known with the final ACK; the rest takes the future.
    if later && known.steps != Steps::default() || said.final_ack {
        let verdict = verdict.insert(known.connection.verdict(known.now_ns));
        // What is slow is for the user to say.
        anomalies.remove(Anomaly::SlowHandshake);
        let setup_ns = verdict.times.setup_time_ns.filter(|_| said.final_ack);
        if setup_ns.is_some_and(|setup_ns| setup_ns > known.settings.slow_ns) {
            anomalies.insert(Anomaly::SlowHandshake);
        }
        if later {
            anomalies = anomalies.union(of_the_connection(verdict.anomalies, known.steps));
        }
    }
    let mut text = TextBuffer::new(&mut remarks.text);
    let mut count = 0;
    for anomaly in anomalies.iter().take(TCPHS_MAX_REMARKS) {
        let line = Line { anomaly, known, verdict: verdict.as_ref() };
        let persistent = anomaly == Anomaly::SynRetx && said.retry >= PERSISTENT;
        let entry = if persistent { Anomaly::ALL.len() as u8 } else { anomaly.number() };
        let place = text.push(line).map_or(TCPHS_NO_TEXT, |place| place as u32);
        remarks.items[count] = tcphs_remark { text: place, entry };
        count += 1;
    }
    remarks.count = count as u32;
}

/// Which of the anomalies of a connection that need the future belong on this segment.
fn of_the_connection(anomalies: AnomalySet, steps: Steps) -> AnomalySet {
    let mut here = AnomalySet::EMPTY;
    for anomaly in anomalies.iter().filter(|anomaly| anomaly.needs_the_future()) {
        let belongs = match anomaly {
            Anomaly::NoReply => steps.last_syn,
            Anomaly::NoFinalAck | Anomaly::NotAccepted => steps.last_synack,
            Anomaly::FinUnacked => steps.last_fin,
            Anomaly::HalfClosedLong => steps.first_fin,
            _ => steps.first,
        };
        if belongs {
            here.insert(anomaly);
        }
    }
    here
}

/// What a remark says, with the numbers that are at hand.
struct Line<'a> {
    anomaly: Anomaly,
    known: &'a Known<'a>,
    verdict: Option<&'a Verdict>,
}

impl Display for Line<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { anomaly, known, verdict } = self;
        let said = known.said;
        match (anomaly, verdict) {
            (Anomaly::HandshakeComplete, Some(verdict)) => return write_complete(f, verdict),
            (Anomaly::SlowHandshake, Some(verdict)) => return write_slow(f, verdict),
            _ => {}
        }
        let copy = match anomaly {
            Anomaly::SynRetx => "SYN",
            Anomaly::SynAckRetx | Anomaly::SynAckRetxAfterAck | Anomaly::SynAckRetxCrossed => {
                "SYN/ACK"
            }
            Anomaly::RstTtlMismatch => {
                let delta = said.rst_ttl_delta().unwrap_or(0);
                return write!(f, "{} ({delta:+} hops)", anomaly.text().trim_end_matches('.'));
            }
            _ => return f.write_str(anomaly.text()),
        };
        let Some(rto_ns) = said.rto_ns() else { return f.write_str(anomaly.text()) };
        write!(f, "{copy} copy {}, after {}", said.retry, Seconds(rto_ns))?;
        // What a repeated SYN means stands in its own remark, if it means something.
        match anomaly {
            Anomaly::SynRetx | Anomaly::SynAckRetx => Ok(()),
            _ => write!(f, ". {}", anomaly.text()),
        }
    }
}

/// `3-way handshake complete in 21.0 ms (server 20.0, client 1.0)`.
fn write_complete(f: &mut Formatter<'_>, verdict: &Verdict) -> fmt::Result {
    f.write_str(match verdict.open_type {
        OpenType::ThreeWay => "3-way handshake complete",
        _ => "Handshake complete",
    })?;
    let times = &verdict.times;
    if let Some(setup_ns) = times.setup_time_ns {
        write!(f, " in {} ms", Milliseconds(setup_ns))?;
    }
    match (times.rtt_server_ns, times.rtt_client_ns) {
        (Some(server), Some(client)) => {
            write!(f, " (server {}, client {})", Milliseconds(server), Milliseconds(client))
        }
        _ => Ok(()),
    }
}

/// `The set-up took 1.04 s, of which 1.02 s for repeated SYNs`.
fn write_slow(f: &mut Formatter<'_>, verdict: &Verdict) -> fmt::Result {
    let Some(setup_ns) = verdict.times.setup_time_ns else {
        return f.write_str(Anomaly::SlowHandshake.text());
    };
    write!(f, "The set-up took {}", Seconds(setup_ns))?;
    let retries_ns = verdict.times.rtt_total_ns.map(|total| setup_ns.saturating_sub(total));
    match retries_ns {
        Some(retries_ns) if retries_ns > 0 => {
            write!(f, ", of which {} for repeated SYNs", Seconds(retries_ns))
        }
        _ => Ok(()),
    }
}

/// Three places, as far as they say something: `1.02 s`, `0.025 s`.
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
    use crate::session::{Session, tests::handshake};

    /// What is said of an anomaly on a frame of a handshake and a FIN.
    fn line(anomaly: Anomaly, frame: u32) -> String {
        let mut session = Session::default();
        handshake(&mut session);
        let known = session.segment(frame, 0).unwrap();
        let verdict = known.connection.verdict(known.now_ns);
        Line { anomaly, known: &known, verdict: Some(&verdict) }.to_string()
    }

    #[test]
    fn numbers_stand_in_the_text() {
        let complete = line(Anomaly::HandshakeComplete, 3);
        assert!(complete.starts_with("3-way handshake complete in 20.0 ms"), "{complete}");
        let slow = line(Anomaly::SlowHandshake, 3);
        assert!(slow.starts_with("The set-up took 0.020 s"), "{slow}");
        assert_eq!(line(Anomaly::Refused, 3), Anomaly::Refused.text());
        assert_eq!(Seconds(1_023_000_000).to_string(), "1.02 s");
        assert_eq!(Milliseconds(42_000).to_string(), "0.042");
    }

    #[test]
    fn what_needs_the_future_has_its_place() {
        let mut all = AnomalySet::EMPTY;
        Anomaly::ALL.iter().for_each(|anomaly| all.insert(*anomaly));
        let on = |steps| of_the_connection(all, steps).iter().collect::<Vec<_>>();
        let none = Steps::default();
        assert_eq!(on(none), []);
        assert_eq!(on(Steps { last_syn: true, ..none }), [Anomaly::NoReply]);
        assert_eq!(
            on(Steps { last_synack: true, ..none }),
            [Anomaly::NoFinalAck, Anomaly::NotAccepted]
        );
        assert_eq!(on(Steps { first: true, ..none }), [Anomaly::OneWayCapture, Anomaly::Midstream]);
    }

    #[test]
    fn the_entries_are_numbered_as_the_anomalies_are() {
        for (number, entry) in entries().enumerate() {
            let own = usize::from(entry.anomaly.number()) == number && !entry.persistent;
            assert!(own || number == Anomaly::ALL.len() && entry.persistent);
        }
    }
}
