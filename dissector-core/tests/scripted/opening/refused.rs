//! A SYN sent again after a refusal, as Windows does.

use dissector_core::connection::{Close, Finding, Outcome, Repeat, RstReason, Stage};

use testkit::script::Script;

/// A SYN, a refusal, and the SYN again `ms` milliseconds later.
fn asked_again(ms: i64) -> Script {
    let mut script = Script::new();
    script.client().syn().mss(1460).ws(8);
    script.server().refusal();
    script.client().repeat().after_ms(ms);
    script
}

#[test]
fn a_syn_soon_after_a_refusal_belongs_to_the_same_attempt() {
    for (ms, connections) in [(500, 1), (1_000, 1), (3_000, 1), (3_001, 2), (20_000, 2)] {
        assert_eq!(asked_again(ms).connections(), connections, "{ms}");
    }
}

#[test]
fn three_refusals_in_a_row_are_one() {
    let mut script = Script::new();
    script.client().syn().mss(1460).ws(8);
    script.server().refusal().is(Stage::RstRefusal, "CLOSED?", "CLOSED");
    let again = script.client().repeat().after_ms(500).has(Finding::SynRetx);
    again.lacks(Finding::RstIgnored).lacks(Finding::PortReused).copy(Repeat::Retransmission);
    again.is(Stage::Syn, "SYN-SENT", "SYN-RECEIVED?").of_connection(0);
    script.server().refusal().is(Stage::RstRefusal, "CLOSED?", "CLOSED").has(Finding::Refused);
    script.client().syn().mss(1460).after_ms(500).has(Finding::SynOptionsChanged).of_connection(0);
    script.server().refusal().is(Stage::RstRefusal, "CLOSED?", "CLOSED");
    let verdict = script.verdict();
    assert_eq!((verdict.outcome, verdict.close), (Outcome::Refused, Close::Rst));
    assert_eq!((verdict.syn_count, verdict.frames.rst), (3, Some(2)));
    assert_eq!(verdict.rst_reason, Some(RstReason::PortClosed));
}

#[test]
fn silence_after_the_second_syn_leaves_it_refused() {
    let script = asked_again(500);
    assert_eq!(script.outcome(), Outcome::Refused);
    assert_eq!(script.outcome_after_ms(60_000), Outcome::Refused);
    assert_eq!(script.verdict().close, Close::Rst);
}

#[test]
fn a_synack_after_the_second_syn_completes_the_attempt() {
    let mut script = asked_again(500);
    let synack = script.server().syn_ack().lacks(Finding::RstIgnored);
    synack.is(Stage::SynAck, "ESTABLISHED?", "SYN-RECEIVED").of_connection(0);
    script.client().ack().is(Stage::FinalAck, "ESTABLISHED", "ESTABLISHED?");
    let verdict = script.verdict();
    assert_eq!((verdict.outcome, verdict.close), (Outcome::Complete, Close::Open));
    assert_eq!((verdict.rst_reason, verdict.frames.rst), (None, None));
    // From the first SYN, 10 ms before the refusal.
    assert_eq!(verdict.times.setup_time_ns, Some(530_000_000));
}

#[test]
fn a_missed_synack_after_the_second_syn_completes_it_too() {
    let mut script = asked_again(500);
    script.server().syn_ack().uncaptured();
    script.client().ack().lacks(Finding::RstIgnored).of_connection(0);
    script.server().data(5);
    assert_eq!(script.outcome(), Outcome::Complete);
}

#[test]
fn the_ack_of_a_synack_without_another_syn_ignores_the_refusal() {
    let mut script = Script::new();
    script.client().syn();
    script.server().refusal();
    script.server().syn_ack().lacks(Finding::RstIgnored);
    assert_eq!(script.outcome(), Outcome::Refused);
    script.client().ack().has(Finding::RstIgnored);
    assert_eq!(script.outcome(), Outcome::Complete);
}

#[test]
fn another_number_after_a_refusal_is_another_attempt() {
    let mut script = Script::new();
    script.client().syn();
    script.server().refusal();
    script.client().restarts(90_000).syn().after_ms(500).of_connection(1).has(Finding::PortReused);
}

#[test]
fn an_rst_that_does_not_acknowledge_the_second_syn_changes_nothing() {
    let mut script = asked_again(500);
    script.server().refusal().acking(0).stage(Stage::RstIgnored);
    assert_eq!(script.outcome(), Outcome::Refused);
}

#[test]
fn an_icmp_error_may_answer_the_second_syn() {
    let mut script = asked_again(500);
    script.icmp(3, 13, 3).expect("an error of the connection");
    assert_eq!(script.outcome(), Outcome::Unreachable);
    // After the first SYN only, the refusal decides.
    let mut script = Script::new();
    script.client().syn();
    script.server().refusal();
    script.icmp(3, 13, 1).expect("an error of the connection");
    assert_eq!(script.outcome(), Outcome::Refused);
}
