//! A connection that is complete, and whose first data nothing ever acknowledges.

use dissector_core::connection::{Close, Finding, Outcome};

use testkit::script::Script;

/// Whether it is found that the client's data is not answered, so many milliseconds after the last segment.
fn found(script: &Script, ms: i64) -> bool {
    let verdict = script.verdict_after_ms(ms);
    assert_eq!(verdict.outcome, Outcome::Complete);
    verdict.findings.contains(Finding::DataUnanswered)
}

#[test]
fn data_sent_three_times_without_an_answer_is_found() {
    let mut script = Script::new();
    script.handshake();
    script.server().ack();
    script.client().data(5).lost();
    script.client().repeat().after_ms(200).lost();
    assert!(!found(&script, 0));
    script.client().repeat().after_ms(400).lost();
    assert!(found(&script, 0));
    script.server().ack().acking(1).after_ms(100);
    assert!(found(&script, 0));
    script.server().ack().acking(2);
    assert!(!found(&script, 10_000));
}

#[test]
fn data_that_is_three_seconds_old_is_found() {
    let mut script = Script::new();
    script.handshake();
    script.client().data(5).lost();
    assert!(!found(&script, 2_999) && found(&script, 3_000));
    script.client().data(500).after_ms(2_000).lost();
    assert!(!found(&script, 999) && found(&script, 1_000));
}

#[test]
fn the_payload_of_the_final_ack_is_the_first_data() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack();
    script.client().data(5).lost();
    assert!(!found(&script, 2_999) && found(&script, 3_000));
}

#[test]
fn data_that_is_acknowledged_in_part_is_answered() {
    let mut script = Script::new();
    script.used();
    script.client().data(50).lost();
    script.client().repeat().after_ms(200).lost();
    script.client().repeat().after_ms(400).lost();
    assert!(!found(&script, 10_000));
}

#[test]
fn without_data_nothing_is_unanswered() {
    let mut script = Script::new();
    script.handshake();
    script.client().keep_alive(1);
    assert!(!found(&script, 10_000));
    let mut script = Script::new();
    script.handshake();
    script.server().data(10);
    assert!(!found(&script, 10_000));
}

#[test]
fn where_only_one_side_was_captured_nothing_is_found() {
    let mut script = Script::of_client_only();
    script.used();
    script.client().data(5).lost();
    let verdict = script.verdict_after_ms(10_000);
    assert!(!verdict.findings.contains(Finding::DataUnanswered));
    // The client has received what was not captured.
    let mut script = Script::new();
    script.handshake();
    script.client().data(5);
    script.server().data(7).uncaptured();
    script.client().ack();
    assert!(!found(&script, 10_000));
}

#[test]
fn data_of_a_fast_open_syn_is_answered_by_the_synack() {
    let mut script = Script::new();
    script.client().syn().cookie(&[1; 8]).carrying(10);
    script.server().syn_ack().taking(10);
    script.client().ack();
    script.client().data(5).lost();
    assert!(!found(&script, 10_000));
}

#[test]
fn a_reset_is_an_answer() {
    for (ms, is_found) in [(500, false), (3_500, true)] {
        let mut script = Script::new();
        script.handshake();
        script.server().ack();
        script.client().data(5).lost();
        script.server().rst_ack().after_ms(ms);
        assert_eq!(script.verdict().close, Close::Rst);
        assert_eq!(found(&script, 10_000), is_found);
    }
}

#[test]
fn a_reset_that_acknowledges_the_data_shows_that_it_arrived() {
    for (number, is_found) in [(1, true), (6, false)] {
        let mut script = Script::new();
        script.handshake();
        script.server().ack();
        script.client().data(5).lost();
        script.client().repeat().after_ms(200).lost();
        script.client().repeat().after_ms(400).lost();
        script.server().rst_ack().acking(number).after_ms(100);
        assert_eq!(found(&script, 10_000), is_found);
    }
}

#[test]
fn the_fins_do_not_change_it() {
    for (ms, is_found) in [(500, false), (3_500, true)] {
        let mut script = Script::new();
        script.handshake();
        script.server().ack();
        script.client().data(5).lost();
        script.client().fin().lost();
        script.server().fin().acking(1).after_ms(ms);
        script.client().ack();
        assert_eq!(found(&script, 10_000), is_found);
    }
}

#[test]
fn it_is_said_of_a_connection_that_has_left_too() {
    let mut script = Script::new();
    script.handshake();
    script.server().ack();
    script.client().data(5).lost();
    script.client().rst_ack().after_ms(5_000);
    script.wait_ms(200_000).elsewhere_for_a_while();
    let left = script.take_closed();
    assert_eq!(left.len(), 1);
    assert!(left[0].verdict_at(0).findings.contains(Finding::DataUnanswered));
}
