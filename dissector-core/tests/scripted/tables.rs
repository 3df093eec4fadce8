//! Numbers, labels and severities that filters and files depend on: once released they never
//! change.

use dissector_core::connection::{
    Close, ClosedBy, Ecn, Finding, Group, OpenType, Outcome, Repeat, Role, RoleBasis, RstReason,
    Seen, Severity, Stage, State, Vantage,
};

/// Labels in the order of their numbers, which run from 0.
#[track_caller]
fn in_order(labels: &[&str], known: &[(u8, &str)]) {
    let expected: Vec<_> = (0..).zip(labels.iter().copied()).collect();
    assert_eq!(known, expected);
}

macro_rules! known {
    ($name:ident) => {
        $name::ALL.iter().map(|value| (value.number(), value.label())).collect::<Vec<_>>()
    };
}

#[test]
fn states_have_the_numbers_of_the_tcp_mib() {
    let labels = [
        "UNKNOWN",
        "CLOSED",
        "LISTEN",
        "SYN-SENT",
        "SYN-RECEIVED",
        "ESTABLISHED",
        "FIN-WAIT-1",
        "FIN-WAIT-2",
        "CLOSE-WAIT",
        "LAST-ACK",
        "CLOSING",
        "TIME-WAIT",
    ];
    in_order(&labels, &known!(State));
}

#[test]
fn stages() {
    let expected = [
        (0, "-"),
        (1, "SYN"),
        (2, "SYN/ACK"),
        (3, "ACK"),
        (4, "SYN (crossing)"),
        (5, "SYN/ACK (simultaneous)"),
        (6, "ACK of SYN (split)"),
        (7, "ACK (4/4 MP_JOIN)"),
        (8, "challenge ACK"),
        (9, "RST (refusal)"),
        (10, "RST (handshake abort)"),
        (11, "RST (half-open)"),
        (12, "RST (ignored?)"),
        (13, "RST"),
        (14, "ICMP error"),
        (20, "FIN (1/4)"),
        (21, "ACK of FIN (2/4)"),
        (22, "FIN (3/4)"),
        (23, "FIN/ACK (2+3/4)"),
        (24, "ACK of FIN (4/4)"),
        (25, "FIN (simultaneous)"),
        (30, "illegal flags"),
    ];
    assert_eq!(known!(Stage), expected);
    for stage in Stage::ALL {
        assert_eq!(stage.is_handshake(), (1..=8).contains(&stage.number()), "{stage}");
    }
}

#[test]
fn outcomes() {
    let labels = [
        "pending",
        "complete",
        "no_reply",
        "refused",
        "unreachable",
        "no_final_ack",
        "not_accepted",
        "aborted_by_client",
        "aborted_by_server",
        "challenged",
        "bad_synack",
        "one_way",
        "midstream",
        "unsolicited_synack",
        "deferred",
    ];
    in_order(&labels, &known!(Outcome));
}

#[test]
fn the_small_enumerations() {
    in_order(&["original", "retransmission", "duplicate", "late"], &known!(Repeat));
    in_order(
        &["three_way", "fast_open", "simultaneous", "split", "self_connect", "mp_join", "unknown"],
        &known!(OpenType),
    );
    in_order(
        &["open", "half_closed", "fin", "fin_unacked", "simultaneous", "rst", "rst_after_fin"],
        &known!(Close),
    );
    in_order(&["client", "server", "both"], &known!(ClosedBy));
    in_order(
        &[
            "port_closed",
            "handshake_abort",
            "half_open_discovery",
            "no_connection",
            "abort",
            "after_fin",
            "unacceptable",
        ],
        &known!(RstReason),
    );
    in_order(&["syn", "synack", "port", "none"], &known!(RoleBasis));
    in_order(&["near_client", "near_server", "middle", "unknown"], &known!(Vantage));
    in_order(&["unknown", "none", "classic", "accecn", "refused", "broken"], &known!(Ecn));
    in_order(&["both", "client_only", "server_only"], &known!(Seen));
    in_order(&["unknown", "client", "server"], &known!(Role));
}

/// Label, severity, group, and whether the finding depends on later segments.
#[test]
fn findings() {
    use Group::{Protocol, Sequence};
    use Severity::{Chat, Error, Note, Warn};
    let expected = [
        ("handshake_complete", Chat, Sequence, false),
        ("syn_retx", Note, Sequence, false),
        ("synack_retx", Note, Sequence, false),
        ("synack_not_received", Warn, Sequence, false),
        ("synack_retx_after_ack", Warn, Sequence, false),
        ("synack_retx_crossed", Note, Sequence, false),
        ("no_reply", Warn, Sequence, true),
        ("no_final_ack", Warn, Sequence, true),
        ("not_accepted", Warn, Sequence, true),
        ("refused", Warn, Sequence, false),
        ("unreachable", Warn, Sequence, false),
        ("aborted_by_client", Warn, Sequence, false),
        ("aborted_by_server", Warn, Sequence, false),
        ("rst_right_after_handshake", Warn, Sequence, false),
        ("challenge_ack", Note, Sequence, false),
        ("half_open_reset", Note, Sequence, false),
        ("bad_synack", Warn, Sequence, false),
        ("synack_isn_changed", Warn, Sequence, false),
        ("rst_unacceptable", Note, Sequence, false),
        ("rst_ignored", Warn, Sequence, false),
        ("rst_ttl_mismatch", Note, Sequence, false),
        ("port_reused", Note, Sequence, false),
        ("syn_in_established", Warn, Sequence, false),
        ("simultaneous_open", Note, Sequence, false),
        ("split_handshake", Warn, Sequence, false),
        ("self_connect", Note, Sequence, false),
        ("tfo_fallback", Note, Sequence, false),
        ("syn_data_without_cookie", Note, Sequence, false),
        ("data_before_established", Warn, Sequence, false),
        ("synack_option_not_offered", Error, Protocol, false),
        ("wscale_one_sided", Note, Protocol, false),
        ("ts_dropped", Note, Protocol, false),
        ("mss_small", Note, Protocol, false),
        ("syn_options_changed", Note, Sequence, false),
        ("ecn_broken", Note, Sequence, false),
        ("mptcp_fallback", Note, Sequence, false),
        ("illegal_flags", Warn, Protocol, false),
        ("duplicate_frame", Note, Sequence, false),
        ("out_of_order_handshake", Note, Sequence, false),
        ("syn_not_captured", Note, Sequence, false),
        ("synack_not_captured", Note, Sequence, false),
        ("final_ack_not_captured", Note, Sequence, false),
        ("one_way_capture", Note, Sequence, true),
        ("midstream", Note, Sequence, true),
        ("slow_handshake", Note, Sequence, false),
        ("fin_unacked", Note, Sequence, true),
        ("half_closed_long", Note, Sequence, true),
        ("simultaneous_close", Chat, Sequence, false),
        ("rst_after_fin", Note, Sequence, false),
        ("rst_abort", Warn, Sequence, false),
        ("rst_ack_loop", Warn, Sequence, false),
        ("data_unanswered", Warn, Sequence, true),
    ];
    let known = Finding::ALL.iter().map(|finding| {
        (finding.label(), finding.severity(), finding.group(), finding.needs_the_future())
    });
    assert_eq!(known.collect::<Vec<_>>(), expected);
    in_order(&expected.map(|(id, ..)| id), &known!(Finding));
}
