//! ICMP errors, tied to the segment that they quote.

use dissector_core::connection::{Finding, IcmpSeen, Outcome, Stage};

use testkit::script::Script;

#[test]
fn an_error_that_quotes_the_syn_makes_the_host_unreachable() {
    let mut script = Script::new();
    script.client().syn();
    let error = script.icmp(3, 1, 1).expect("it is tied to the SYN");
    error.of_connection(0).has(Finding::Unreachable);
    error.is(Stage::IcmpError, "SYN-SENT", "SYN-RECEIVED?");
    let verdict = script.verdict();
    assert_eq!((verdict.outcome, verdict.established), (Outcome::Unreachable, false));
    assert_eq!(verdict.icmp, Some(IcmpSeen { kind: 3, code: 1 }));
    assert_eq!(verdict.frames.icmp, Some(2));
}

#[test]
fn the_quoted_header_is_no_segment() {
    let mut script = Script::new();
    script.client().syn();
    script.icmp(3, 3, 1);
    assert_eq!(script.verdict().syn_count, 1);
    assert_eq!(script.connection().packets(), 1);
    assert_eq!(script.connection().history(), "S");
}

#[test]
fn a_soft_error_does_not_stop_the_handshake() {
    let mut script = Script::new();
    script.client().syn();
    script.icmp(3, 0, 1);
    script.client().repeat().after_ms(1000);
    script.server().syn_ack();
    script.client().ack().stage(Stage::FinalAck);
    let verdict = script.verdict();
    assert_eq!(verdict.outcome, Outcome::Complete);
    assert_eq!(verdict.icmp, Some(IcmpSeen { kind: 3, code: 0 }));
}

#[test]
fn a_synack_outweighs_an_error() {
    let mut script = Script::new();
    script.client().syn();
    script.icmp(3, 1, 1);
    script.server().syn_ack();
    assert_eq!(script.outcome_after_ms(3000), Outcome::NoFinalAck);
}

#[test]
fn a_refusal_outweighs_an_error() {
    let mut script = Script::new();
    script.client().syn();
    script.icmp(3, 1, 1);
    script.server().refusal();
    assert_eq!(script.outcome(), Outcome::Refused);
}

#[test]
fn the_client_giving_up_outweighs_an_error() {
    let mut script = Script::new();
    script.client().syn();
    script.icmp(3, 1, 1);
    script.client().rst_ack();
    assert_eq!(script.outcome(), Outcome::AbortedByClient);
}

#[test]
fn an_error_outweighs_silence() {
    let mut script = Script::new();
    script.client().syn();
    script.client().repeat().after_ms(1000);
    assert_eq!(script.outcome(), Outcome::NoReply);
    script.icmp(3, 13, 2);
    assert_eq!(script.outcome(), Outcome::Unreachable);
}

#[test]
fn the_errors_of_ipv4() {
    for (kind, code, is_error) in [
        (3, 0, true),
        (3, 4, true),
        (3, 10, true),
        (11, 0, true),
        (12, 0, true),
        (4, 0, false),
        (5, 1, false),
        (8, 0, false),
    ] {
        let mut script = Script::new();
        script.client().syn();
        assert_eq!(script.icmp(kind, code, 1).is_some(), is_error, "{kind}/{code}");
        let outcome = if is_error { Outcome::Unreachable } else { Outcome::Pending };
        assert_eq!(script.outcome(), outcome, "{kind}/{code}");
    }
}

#[test]
fn the_errors_of_ipv6() {
    for (kind, code, is_error) in [
        (1, 0, true),
        (1, 4, true),
        (1, 6, true),
        (1, 7, false),
        (3, 0, true),
        (4, 1, true),
        (2, 0, false),
        (128, 0, false),
    ] {
        let mut script = Script::over_ipv6();
        script.client().syn();
        assert_eq!(script.icmp(kind, code, 1).is_some(), is_error, "{kind}/{code}");
    }
}

#[test]
fn an_error_about_other_numbers_belongs_to_no_connection() {
    let mut script = Script::new();
    script.client().syn();
    assert!(script.icmp_quoting(3, 1, 0, 0x8000_0000).is_none());
    // Nothing of the server was seen that could be quoted.
    assert!(script.icmp_quoting(3, 1, 1, 5000).is_none());
    assert_eq!(script.outcome_after_ms(3000), Outcome::NoReply);
}

#[test]
fn an_error_in_an_open_connection_leaves_it_complete() {
    let mut script = Script::new();
    script.used();
    script.client().data(1000);
    let error = script.icmp(3, 4, 6).expect("it is tied to the data");
    error.stage(Stage::IcmpError).lacks(Finding::Unreachable);
    assert_eq!(script.outcome(), Outcome::Complete);
}

#[test]
fn an_error_belongs_to_the_incarnation_that_it_quotes() {
    let mut script = Script::new();
    script.client().syn();
    script.server().refusal();
    script.client().restarts(500_000).syn().of_connection(1);
    script.icmp(3, 1, 3).expect("it is tied to the second SYN").of_connection(1);
    assert_eq!(script.outcome(), Outcome::Unreachable);
}

// `unreachable` is a connection that did not come up; an ICMP error about a segment of an open one
// (path MTU discovery) is none.

#[test]
fn an_icmp_error_about_data_midstream_is_not_unreachable() {
    let mut script = Script::new();
    script.open_before_capture();
    script.client().data(1000);
    script.server().ack();
    script.client().data(1400);
    let error = script.icmp(3, 4, 3).expect("it is tied to the data");
    error.stage(Stage::IcmpError).lacks(Finding::Unreachable);
}

#[test]
fn an_icmp_error_about_data_is_not_unreachable_where_the_synack_was_missed() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack().uncaptured();
    script.server().data(20);
    script.client().ack();
    script.client().data(1400);
    assert_eq!(script.outcome(), Outcome::Complete);
    let error = script.icmp(3, 4, 4).expect("it is tied to the data");
    error.lacks(Finding::Unreachable);
}
