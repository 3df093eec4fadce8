//! Circumstances that bear on the meaning of an outcome.

use dissector_core::connection::{Evidence, Finding, Outcome, Vantage};

use super::resets;
use crate::output::units::{duration, octets};
use crate::timeline::{RepeatedSynAck, Timeline};

/// The longest time after which an event still comes at once, in nanoseconds.
const LATE_NS: u64 = 1_000_000_000;

/// A remark on a connection whose final ACK the server did not take at first.
fn accepted_late(timeline: &Timeline) -> String {
    match timeline.repeated {
        Some(RepeatedSynAck { after_ns, .. }) if timeline.is_deferred() => format!(
            "The server had got the final ACK, as the timestamp shows that its repeated SYN/ACK echoes, \
             and waited for {} before it repeated it: a deferred accept (TCP_DEFER_ACCEPT), which waits \
             for the client's first data.",
            duration(after_ns)
        ),
        Some(RepeatedSynAck { echoes_later: true, .. }) => {
            "The server's host had got the final ACK, as the timestamp shows that its repeated SYN/ACK \
             echoes, and did not accept it at first: probably its accept queue was full. On the server, \
             `nstat -az TcpExtListenOverflows` tells."
                .into()
        }
        _ => "The server did not accept the final ACK at first. A lost ACK, a full accept queue and \
              TCP_DEFER_ACCEPT look alike from here; on the server, `nstat -az TcpExtListenOverflows` \
              tells whether it was the queue."
            .into(),
    }
}

pub fn remarks(timeline: &Timeline) -> Vec<String> {
    let verdict = &timeline.verdict;
    let (times, has) = (&verdict.times, |finding| verdict.findings.contains(finding));
    let mut remarks = Vec::new();
    if let (Some(setup_ns), Some(total_ns)) = (times.setup_time_ns, times.rtt_total_ns) {
        let waited_ns = setup_ns.saturating_sub(total_ns);
        if waited_ns > 0 && verdict.syn_count > 1 && !has(Finding::ChallengeAck) {
            remarks.push(format!(
                "Of the {} that the set-up took, {} passed before the client sent the SYN that was \
                 answered: the earlier ones, or their answers, were lost or dropped.",
                duration(setup_ns),
                duration(waited_ns)
            ));
        }
    }
    if verdict.outcome == Outcome::AbortedByServer {
        remarks.push(if verdict.frames.final_ack.is_some() {
            let waited = timeline.since_final_ack_ns(verdict.frames.rst).unwrap_or(0);
            let when = match waited {
                LATE_NS.. => format!("reset {} later", duration(waited)),
                _ => "reset at once".into(),
            };
            format!(
                "The client had sent its final ACK: its program sees a connection that opens and is \
                 {when} (ECONNRESET)."
            )
        } else if has(Finding::SynAckNotReceived) {
            "The client had not taken the SYN/ACK, or it would not have sent its SYN again: it is still \
             in SYN-SENT when the RST comes, and its program sees “connection refused” (ECONNREFUSED)."
                .into()
        } else {
            "The client had not sent a final ACK when the RST came.".into()
        });
    }
    let complete = verdict.outcome == Outcome::Complete;
    if complete && has(Finding::SynAckRetxAfterAck) {
        remarks.push(accepted_late(timeline));
    }
    if complete
        && !verdict.cause_evidence.contains(Evidence::DataNeverAcknowledged)
        && verdict.synack_count == 1
        && !timeline.server_sent_more
        && timeline.client_resent > 0
    {
        remarks.push(format!(
            "The server has sent nothing since its SYN/ACK, not even an acknowledgment of the data \
             that the client has sent since ({}, and again). It may never have accepted the final \
             ACK: a server that uses SYN cookies and whose accept queue is full drops it without \
             repeating its SYN/ACK. Or the client's data is lost on the way. On the server, `nstat \
             -az TcpExtListenOverflows TcpExtSyncookiesRecv` and `ss -ltn 'sport = :{}'` tell which.",
            octets(timeline.client_octets),
            timeline.server.port()
        ));
    }
    let lost = verdict.outcome == Outcome::NotAccepted
        || verdict.syn_count > 1
        || verdict.synack_count > 1;
    // A server that has the final ACK has lost nothing.
    let lost = lost && !timeline.ack_arrived() && !timeline.is_deferred();
    if let (Some(server_ns), Some(client_ns), true) =
        (times.rtt_server_ns, times.rtt_client_ns, lost)
    {
        let (near, near_ns, far, far_ns) = match verdict.vantage {
            Vantage::NearServer => ("server", server_ns, "client", client_ns),
            _ => ("client", client_ns, "server", server_ns),
        };
        if matches!(verdict.vantage, Vantage::NearClient | Vantage::NearServer) {
            remarks.push(format!(
                "The capture was taken near the {near} (round trip {}; to the {far} {}): what went \
                 wrong lies between this point and the {far}, or in the {far} itself.",
                duration(near_ns),
                duration(far_ns)
            ));
        }
    }
    remarks.extend(resets::remark(timeline));
    if timeline.attempt > 1 {
        remarks.push(format!(
            "This is attempt {} on these addresses and ports in the capture; the others are \
             connections of their own.",
            timeline.attempt
        ));
    }
    if let (Some(side), false) = (verdict.seen.only(), verdict.outcome.failed()) {
        remarks.push(format!("The capture contains no segment of the {}.", side.other()));
    }
    if has(Finding::DataUnanswered) && verdict.end_advice().is_none() {
        remarks.push(Finding::DataUnanswered.text().into());
    }
    // Where the cause is known, "How it ended" says more.
    if has(Finding::HalfClosedLong) && verdict.cause.is_none() {
        remarks.push(Finding::HalfClosedLong.text().into());
    }
    remarks
}
