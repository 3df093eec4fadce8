//! The outcome of a connection, and the time from which it is decided.

use dissector_core::connection::{Close, Finding, Outcome, Stage};

use testkit::script::Script;

/// Asserts that a finding which depends on later segments is one of the connection, but of none of
/// its segments.
#[track_caller]
fn assert_found_on_the_connection_only(script: &Script, frames: usize, finding: Finding) {
    assert!(script.verdict_after_ms(10_000).findings.contains(finding));
    for frame in 1..=frames {
        script.frame(frame).lacks(finding);
    }
}

#[test]
fn one_syn_waits_three_seconds_for_a_reply() {
    let mut script = Script::new();
    script.client().syn();
    assert_eq!(script.outcome_after_ms(2_999), Outcome::Pending);
    assert_eq!(script.outcome_after_ms(3_000), Outcome::NoReply);
    assert!(!script.verdict_after_ms(2_999).findings.contains(Finding::NoReply));
    assert_found_on_the_connection_only(&script, 1, Finding::NoReply);
}

#[test]
fn two_syns_are_enough_for_no_reply() {
    let mut script = Script::new();
    script.client().syn();
    script.client().repeat().after_ms(25);
    assert_eq!(script.outcome(), Outcome::NoReply);
    let verdict = script.verdict();
    assert_eq!((verdict.syn_count, verdict.established), (2, false));
}

#[test]
fn a_duplicate_syn_is_not_a_second_one() {
    let mut script = Script::new();
    script.client().syn();
    script.mirrored();
    assert_eq!(script.outcome(), Outcome::Pending);
}

#[test]
fn a_synack_waits_three_seconds_for_its_ack() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack();
    assert_eq!(script.outcome_after_ms(2_999), Outcome::Pending);
    assert_eq!(script.outcome_after_ms(3_000), Outcome::NoFinalAck);
    assert_found_on_the_connection_only(&script, 2, Finding::NoFinalAck);
}

#[test]
fn one_repeat_of_the_synack_is_enough_for_no_final_ack() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack();
    script.server().repeat().after_ms(1000);
    assert_eq!(script.outcome(), Outcome::NoFinalAck);
}

#[test]
fn a_synack_of_another_responder_is_no_repeat() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack();
    script.server().syn_ack().raw_seq(9000);
    assert_eq!(script.outcome(), Outcome::Pending);
    assert_eq!(script.outcome_after_ms(3000), Outcome::NoFinalAck);
}

#[test]
fn one_repeat_of_the_synack_after_the_final_ack_waits_three_seconds() {
    let mut script = Script::new();
    script.handshake();
    script.server().syn_ack().after_ms(1000);
    assert_eq!(script.outcome_after_ms(2_999), Outcome::Pending);
    assert_eq!(script.outcome_after_ms(3_000), Outcome::NotAccepted);
    assert_found_on_the_connection_only(&script, 4, Finding::NotAccepted);
}

#[test]
fn two_repeats_of_the_synack_after_the_final_ack_are_enough() {
    let mut script = Script::new();
    script.handshake();
    script.server().syn_ack().after_ms(1000);
    script.server().repeat().after_ms(2000);
    assert_eq!(script.outcome(), Outcome::NotAccepted);
    assert!(!script.verdict().established);
}

#[test]
fn a_repeat_that_crossed_refutes_nothing() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack().after_ms(500);
    script.client().ack().after_ms(600);
    script.server().repeat().after_ms(100).has(Finding::SynAckRetxCrossed);
    assert_eq!(script.outcome_after_ms(10_000), Outcome::Complete);
}

#[test]
fn the_server_takes_the_final_ack_in_the_end() {
    let mut script = Script::new();
    script.handshake();
    script.server().syn_ack().after_ms(1000);
    script.server().repeat().after_ms(2000);
    script.client().data(5);
    script.server().ack();
    assert_eq!(script.outcome(), Outcome::Complete);
    assert!(!script.verdict().findings.contains(Finding::NotAccepted));
}

#[test]
fn complete_stays_complete_whatever_follows() {
    let mut script = Script::new();
    script.used();
    assert_eq!(script.outcome(), Outcome::Complete);
    script.client().rst();
    assert_eq!((script.outcome(), script.verdict().close), (Outcome::Complete, Close::Rst));
    assert!(script.verdict().established);
}

#[test]
fn a_bare_rst_in_a_used_connection_leaves_it_complete() {
    let mut script = Script::new();
    script.used();
    script.client().data(5);
    script.server().reflex();
    assert_eq!(script.outcome(), Outcome::Complete);
}

#[test]
fn only_wrong_synacks() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack().acking(500);
    assert_eq!(script.outcome(), Outcome::BadSynAck);
    // A client has to answer with an RST; that changes nothing.
    script.client().reflex();
    assert_eq!(script.outcome(), Outcome::BadSynAck);
}

#[test]
fn a_refusal_outweighs_a_wrong_synack() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack().acking(500);
    script.server().refusal();
    assert_eq!(script.outcome(), Outcome::Refused);
}

#[test]
fn a_wrong_synack_outweighs_a_challenge() {
    let mut script = Script::new();
    script.client().syn();
    script.server().ack().raw_seq(70_000).raw_ack(90_000).stage(Stage::ChallengeAck);
    script.server().syn_ack().acking(500);
    assert_eq!(script.outcome(), Outcome::BadSynAck);
}

#[test]
fn a_challenge_outweighs_the_clients_rst() {
    let mut script = Script::new();
    script.client().syn();
    script.server().ack().raw_seq(70_000).raw_ack(90_000).has(Finding::ChallengeAck);
    script.client().reflex().stage(Stage::RstHalfOpen);
    assert_eq!(script.outcome(), Outcome::Challenged);
}

#[test]
fn a_challenge_ack_carries_neither_data_nor_fin() {
    let mut script = Script::new();
    script.client().syn();
    script.server().data(5).raw_seq(70_000).raw_ack(90_000).stage(Stage::None);
    script.server().fin().raw_seq(70_000).raw_ack(90_000).lacks(Finding::ChallengeAck);
}

#[test]
fn after_a_synack_there_is_no_challenge() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack();
    script.server().ack().raw_ack(90_000).stage(Stage::None).lacks(Finding::ChallengeAck);
}

#[test]
fn a_client_alone_that_goes_on_is_one_way() {
    let mut script = Script::of_client_only();
    script.used();
    script.client().data(20);
    let verdict = script.verdict();
    assert_eq!((verdict.outcome, verdict.established), (Outcome::OneWay, true));
    assert_found_on_the_connection_only(&script, 3, Finding::OneWayCapture);
}

#[test]
fn a_client_alone_that_acknowledges_the_synack_is_one_way() {
    let mut script = Script::of_client_only();
    script.handshake();
    assert_eq!((script.outcome(), script.verdict().established), (Outcome::OneWay, true));
}

#[test]
fn an_unanswered_syn_is_no_one_way_capture() {
    let mut script = Script::new();
    script.client().syn();
    script.client().repeat().after_ms(1000);
    assert!(!script.verdict_after_ms(10_000).findings.contains(Finding::OneWayCapture));
}

#[test]
fn a_client_alone_that_repeats_its_syn_has_no_reply() {
    let mut script = Script::of_client_only();
    script.client().syn();
    script.client().repeat().after_ms(1000);
    assert_eq!(script.outcome(), Outcome::NoReply);
}

#[test]
fn a_server_alone_that_goes_on_is_one_way() {
    let mut script = Script::of_server_only();
    script.used();
    script.server().data(20);
    assert_eq!(script.outcome(), Outcome::OneWay);
    assert!(script.verdict().established);
}

#[test]
fn lone_synacks_are_unsolicited() {
    let mut script = Script::of_server_only();
    script.client().syn();
    script.server().syn_ack();
    assert_eq!(script.outcome_after_ms(10_000), Outcome::UnsolicitedSynAck);
    script.server().repeat().after_ms(1000);
    assert_eq!(script.outcome_after_ms(10_000), Outcome::UnsolicitedSynAck);
    assert!(!script.verdict().established);
}

#[test]
fn a_synack_that_is_reset_is_unsolicited() {
    let mut script = Script::new();
    script.client().syn().uncaptured();
    script.server().syn_ack();
    script.client().reflex();
    assert_eq!(script.outcome(), Outcome::UnsolicitedSynAck);
}

#[test]
fn a_synack_that_its_sender_resets_is_unsolicited() {
    let mut script = Script::of_server_only();
    script.client().syn();
    script.server().syn_ack();
    script.server().rst();
    assert_eq!(script.outcome(), Outcome::UnsolicitedSynAck);
}

#[test]
fn a_lone_rst_is_midstream_and_establishes_nothing() {
    let mut script = Script::new();
    script.open_before_capture();
    script.server().rst();
    assert_eq!((script.outcome(), script.verdict().established), (Outcome::Midstream, false));
}

#[test]
fn data_that_the_server_does_not_take_change_nothing() {
    let mut script = Script::new();
    script.handshake();
    script.server().syn_ack().after_ms(1000);
    script.client().data(5);
    script.server().repeat().after_ms(2000);
    script.client().repeat();
    assert_eq!(script.outcome_after_ms(10_000), Outcome::NotAccepted);
}

#[test]
fn a_synack_and_its_ack_are_complete() {
    let mut script = Script::new();
    script.client().syn().uncaptured();
    script.server().syn_ack();
    script.client().ack();
    assert_eq!(script.outcome(), Outcome::Complete);
    assert!(script.verdict().findings.contains(Finding::SynNotCaptured));
}

#[test]
fn midstream_is_established_where_both_acknowledge() {
    let mut script = Script::new();
    script.open_before_capture();
    script.client().data(5);
    assert_eq!((script.outcome(), script.verdict().established), (Outcome::Midstream, false));
    script.server().ack();
    assert_eq!((script.outcome(), script.verdict().established), (Outcome::Midstream, true));
    assert_found_on_the_connection_only(&script, 2, Finding::Midstream);
}

#[test]
fn an_rst_does_not_establish_a_midstream_connection() {
    let mut script = Script::new();
    script.open_before_capture();
    script.client().data(5);
    script.server().rst_ack();
    assert_eq!((script.outcome(), script.verdict().established), (Outcome::Midstream, false));
}

#[test]
fn a_whole_connection_is_not_midstream() {
    let mut script = Script::new();
    script.closed();
    let findings = script.verdict_after_ms(100_000).findings;
    for finding in [
        Finding::Midstream,
        Finding::OneWayCapture,
        Finding::NoReply,
        Finding::NoFinalAck,
        Finding::NotAccepted,
        Finding::FinUnacked,
    ] {
        assert!(!findings.contains(finding), "{finding:?}");
    }
}

#[test]
fn outcomes_two_to_ten_have_failed() {
    let failed: Vec<_> = Outcome::ALL.iter().filter(|outcome| outcome.failed()).collect();
    assert_eq!(failed.len(), 9);
    assert!(failed.contains(&&Outcome::NoReply) && failed.contains(&&Outcome::BadSynAck));
}

#[test]
fn history_and_conn_state_are_those_of_zeek() {
    let mut script = Script::new();
    script.closed();
    let connection = script.connection();
    assert_eq!((connection.history().as_str(), connection.conn_state()), ("ShADaFf", "SF"));
}

#[test]
fn a_scan_of_an_open_port_in_the_words_of_zeek() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack();
    script.client().rst();
    let connection = script.connection();
    assert_eq!((connection.history().as_str(), connection.conn_state()), ("ShR", "RSTO"));
}

#[test]
fn a_refusal_in_the_words_of_zeek() {
    let mut script = Script::new();
    script.client().syn();
    script.server().refusal();
    let connection = script.connection();
    assert_eq!((connection.history().as_str(), connection.conn_state()), ("Sr", "REJ"));
}

// The server is proven to be open, so both SYNs were acknowledged: the connection has not failed.

#[test]
fn a_server_that_is_proven_to_be_open_has_had_its_ack() {
    // The tap misses all that the client sends after its SYN.
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack();
    script.client().ack().uncaptured();
    script.client().data(5).uncaptured();
    // Among what is missing may be a FIN.
    let ack = script.server().ack().sent();
    assert_eq!(ack.0.server.to_string(), "ESTABLISHED?");
    script.server().data(20);
    assert_eq!(script.outcome_after_ms(10_000), Outcome::Complete);
    assert!(!script.verdict_after_ms(10_000).findings.contains(Finding::NoFinalAck));
}

#[test]
fn an_ack_of_data_that_the_tap_missed_completes_the_handshake_too() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack();
    script.client().ack().uncaptured();
    script.server().data(100).uncaptured();
    script.client().data(5);
    let ack = script.server().ack().sent();
    assert_eq!(ack.0.server.to_string(), "ESTABLISHED?");
    assert_eq!(script.outcome_after_ms(10_000), Outcome::Complete);
}

// `challenged`: the SYN is answered by a challenge ACK only. Here both sides go on.

#[test]
fn an_ack_ahead_of_what_was_captured_is_no_challenge_in_the_end() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack().uncaptured();
    script.client().data(5).uncaptured();
    script.server().ack();
    script.client().data(5);
    script.server().data(20);
    script.client().ack();
    script.server().ack();
    assert_ne!(script.outcome_after_ms(10_000), Outcome::Challenged);
    assert!(!script.outcome_after_ms(10_000).failed());
}
