//! States that a segment proves, states that it only lets assume, and segments that refute an
//! assumption.

use dissector_core::connection::{Close, Finding, Outcome, Repeat, Stage, State};

use testkit::script::Script;

#[test]
fn a_syn_proves_its_sender_only() {
    let mut script = Script::new();
    let syn = script.client().syn().is(Stage::Syn, "SYN-SENT", "SYN-RECEIVED?").0;
    assert_eq!((syn.client.before(), syn.client.proven()), (State::Closed, true));
    assert_eq!((syn.server.before(), syn.server.proven()), (State::Listen, false));
}

#[test]
fn a_pure_ack_without_news_does_not_prove_that_the_server_is_open() {
    let mut script = Script::new();
    script.handshake();
    script.server().ack().is(Stage::None, "ESTABLISHED", "ESTABLISHED?");
    script.server().keep_alive(0).is(Stage::None, "ESTABLISHED", "ESTABLISHED?");
}

#[test]
fn an_ack_of_data_proves_that_the_server_is_open() {
    let mut script = Script::new();
    script.handshake();
    script.client().data(5).is(Stage::None, "ESTABLISHED", "ESTABLISHED?");
    script.server().ack().is(Stage::None, "ESTABLISHED", "ESTABLISHED");
}

#[test]
fn data_prove_that_the_server_is_open() {
    let mut script = Script::new();
    script.handshake();
    script.server().data(1).is(Stage::None, "ESTABLISHED", "ESTABLISHED");
}

#[test]
fn a_later_sequence_number_proves_that_the_server_is_open() {
    let mut script = Script::new();
    script.handshake();
    script.server().data(9).uncaptured();
    // Or that it has closed since: the last of what is missing may be a FIN.
    script.server().ack().is(Stage::None, "ESTABLISHED?", "ESTABLISHED?");
    script.server().data(1).is(Stage::None, "ESTABLISHED", "ESTABLISHED");
    assert_eq!(script.outcome(), Outcome::Complete);
}

#[test]
fn a_fin_proves_that_the_server_was_open() {
    let mut script = Script::new();
    script.handshake();
    script.server().fin().is(Stage::Fin, "CLOSE-WAIT?", "FIN-WAIT-1");
    // After that proof, a repeated SYN/ACK refutes nothing.
    script.server().syn_ack().after_ms(500);
    assert_eq!(script.outcome(), Outcome::Complete);
}

#[test]
fn a_window_update_of_the_client_proves_nothing_of_the_server() {
    let mut script = Script::new();
    script.handshake();
    script.client().ack().window(2000).is(Stage::None, "ESTABLISHED", "ESTABLISHED?");
}

#[test]
fn an_abort_right_after_the_final_ack_proves_that_there_was_a_socket() {
    let mut script = Script::new();
    script.handshake();
    script.server().rst_ack().is(Stage::Rst, "CLOSED?", "CLOSED");
    assert_eq!(script.outcome(), Outcome::Complete);
    assert_eq!(script.verdict().close, Close::Rst);
}

#[test]
fn fin_wait_2_is_never_proven() {
    let mut script = Script::new();
    script.used();
    script.client().fin();
    script.server().ack().is(Stage::FinAcked, "FIN-WAIT-2?", "CLOSE-WAIT");
    script.client().ack().is(Stage::None, "FIN-WAIT-2?", "CLOSE-WAIT");
    script.server().data(10).is(Stage::None, "FIN-WAIT-2?", "CLOSE-WAIT");
    script.client().ack().is(Stage::None, "FIN-WAIT-2?", "CLOSE-WAIT");
}

#[test]
fn time_wait_is_proven_by_the_last_ack_and_closed_is_not() {
    let mut script = Script::new();
    script.used();
    script.client().fin();
    script.server().ack();
    script.server().fin().is(Stage::SecondFin, "TIME-WAIT?", "LAST-ACK");
    let last = script.client().ack().is(Stage::SecondFinAcked, "TIME-WAIT", "CLOSED?").0;
    assert_eq!((last.client.before(), last.server.before()), (State::TimeWait, State::LastAck));
}

#[test]
fn closing_is_proven_by_an_ack_of_the_other_fin() {
    let mut script = Script::new();
    script.used();
    script.client().fin().lost();
    script.server().fin().is(Stage::FinSimultaneous, "CLOSING?", "FIN-WAIT-1");
    script.client().ack().is(Stage::SecondFinAcked, "CLOSING", "TIME-WAIT?");
}

#[test]
fn an_rst_proves_its_sender_closed() {
    let mut script = Script::new();
    script.used();
    let rst = script.client().rst_ack().is(Stage::Rst, "CLOSED", "CLOSED?").0;
    assert_eq!(
        (rst.client.before(), rst.server.before()),
        (State::Established, State::Established)
    );
}

#[test]
fn midstream_nothing_is_proven_before_a_fin() {
    let mut script = Script::new();
    script.open_before_capture();
    let first = script.client().data(5).is(Stage::None, "ESTABLISHED?", "ESTABLISHED?").0;
    assert_eq!((first.client.before(), first.server.before()), (State::Unknown, State::Unknown));
    script.server().data(5).is(Stage::None, "ESTABLISHED?", "ESTABLISHED?");
    script.client().ack().is(Stage::None, "ESTABLISHED?", "ESTABLISHED?");
    script.server().fin().is(Stage::Fin, "CLOSE-WAIT?", "FIN-WAIT-1");
    script.client().ack().is(Stage::FinAcked, "CLOSE-WAIT", "FIN-WAIT-2?");
}

#[test]
fn a_repeated_syn_shows_that_the_synack_was_not_received() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack().lost();
    let again = script.client().repeat().after_ms(1000).has(Finding::SynAckNotReceived);
    again.is(Stage::Syn, "SYN-SENT", "SYN-RECEIVED").copy(Repeat::Retransmission);
    script.server().repeat().is(Stage::SynAck, "ESTABLISHED?", "SYN-RECEIVED");
    script.client().ack();
    assert_eq!(script.outcome(), Outcome::Complete);
}

#[test]
fn a_syn_repeated_before_any_synack_shows_no_such_thing() {
    let mut script = Script::new();
    script.client().syn();
    script.client().repeat().after_ms(1000).lacks(Finding::SynAckNotReceived).has(Finding::SynRetx);
}

#[test]
fn a_synack_repeated_before_the_final_ack_is_a_plain_retransmission() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack().lacks(Finding::SynAckRetx);
    let again = script.server().repeat().after_ms(1000).has(Finding::SynAckRetx);
    again.lacks(Finding::SynAckRetxAfterAck).lacks(Finding::SynAckRetxCrossed);
}

#[test]
fn a_synack_repeated_long_after_the_final_ack_was_not_answered() {
    let mut script = Script::new();
    script.handshake();
    let again = script.server().syn_ack().after_ms(1000).has(Finding::SynAckRetxAfterAck);
    again.is(Stage::SynAck, "ESTABLISHED", "SYN-RECEIVED").lacks(Finding::SynAckRetxCrossed);
    let Some(rto) = again.0.rto_ns() else { panic!("it is a retransmission") };
    assert_eq!(rto, 1_010_000_000);
}

#[test]
fn a_synack_repeated_within_the_time_to_the_server_has_crossed() {
    // The SYN/ACK came 10 ms after the SYN.
    for (us, noted, not) in [
        (9_999, Finding::SynAckRetxCrossed, Finding::SynAckRetxAfterAck),
        (10_000, Finding::SynAckRetxAfterAck, Finding::SynAckRetxCrossed),
    ] {
        let mut script = Script::new();
        script.handshake();
        script.server().syn_ack().after_us(us).has(noted).lacks(not);
    }
}

#[test]
fn a_synack_with_another_isn_refutes_nothing() {
    let mut script = Script::new();
    script.handshake();
    let other = script.server().syn_ack().raw_seq(90_000).after_ms(1000);
    let other = other.has(Finding::SynAckIsnChanged).lacks(Finding::SynAckRetxAfterAck);
    assert_eq!(other.0.server.to_string(), "ESTABLISHED?");
    assert_eq!(script.outcome(), Outcome::Complete);
}

#[test]
fn only_the_synack_that_was_accepted_refutes_the_final_ack() {
    for (sequence, server) in [(5000, "ESTABLISHED?"), (9000, "SYN-RECEIVED")] {
        let mut script = Script::new();
        script.client().syn();
        script.server().syn_ack();
        script.server().syn_ack().raw_seq(9000);
        script.client().ack().raw_ack(9001).stage(Stage::FinalAck);
        let again = script.server().syn_ack().raw_seq(sequence).after_ms(1000).sent();
        assert_eq!(again.0.server.to_string(), server, "{sequence}");
    }
}

#[test]
fn a_fin_of_the_server_ends_the_doubt_about_the_final_ack() {
    let mut script = Script::new();
    script.handshake();
    script.server().syn_ack().after_ms(1000);
    script.server().repeat().after_ms(2000);
    script.client().ack();
    script.server().fin().is(Stage::Fin, "CLOSE-WAIT?", "FIN-WAIT-1");
    assert_eq!(script.outcome(), Outcome::Complete);
}

#[test]
fn a_refuted_rst_leaves_the_close_to_what_follows() {
    let mut script = Script::new();
    script.used();
    script.server().rst_ack();
    script.server().data(5);
    script.client().fin();
    script.server().fin();
    script.client().ack();
    let verdict = script.verdict();
    assert_eq!((verdict.outcome, verdict.close), (Outcome::Complete, Close::Fin));
    assert_eq!((verdict.rst_reason, verdict.frames.rst), (None, None));
}

#[test]
fn a_proven_state_is_not_refuted() {
    let mut script = Script::new();
    script.used();
    let late = script.server().syn_ack().acking(1).after_ms(1000).sent();
    assert_eq!(late.0.server.to_string(), "ESTABLISHED");
    assert_eq!(script.outcome(), Outcome::Complete);
}

#[test]
fn a_repeated_last_fin_was_not_acknowledged() {
    let mut script = Script::new();
    script.used();
    script.client().fin();
    script.server().fin();
    script.client().ack().lost();
    let again = script.server().repeat().after_ms(300).copy(Repeat::Retransmission);
    assert_eq!(again.0.server.to_string(), "LAST-ACK");
    let answer = script.client().ack().sent();
    assert_eq!(answer.0.server.to_string(), "CLOSED?");
    assert_eq!(script.verdict().close, Close::Fin);
}

#[test]
fn an_rst_is_refuted_by_its_sender_going_on() {
    let mut script = Script::new();
    script.used();
    script.server().rst_ack().is(Stage::Rst, "CLOSED?", "CLOSED");
    let next = script.server().data(5).stage(Stage::None);
    assert_eq!(next.0.server.to_string(), "ESTABLISHED");
    assert!(script.verdict().findings.contains(Finding::RstIgnored));
    assert_eq!(script.verdict().close, Close::Open);
}

#[test]
fn an_rst_is_refuted_by_its_sender_acknowledging_more() {
    let mut script = Script::new();
    script.used();
    script.client().data(7);
    script.server().rst_ack().acking(6);
    script.server().ack();
    assert!(script.verdict().findings.contains(Finding::RstIgnored));
    assert_eq!(script.verdict().close, Close::Open);
}

#[test]
fn an_rst_is_not_refuted_by_its_sender_without_news() {
    let mut script = Script::new();
    script.used();
    script.server().rst_ack();
    script.server().ack();
    script.server().rst_ack().seq(1).after_ms(2000);
    assert!(!script.verdict().findings.contains(Finding::RstIgnored));
    assert_eq!(script.verdict().close, Close::Rst);
}

#[test]
fn data_in_flight_refute_no_rst() {
    let mut script = Script::new();
    script.used();
    script.server().rst_ack();
    script.client().data(100);
    script.client().data(100);
    assert!(!script.verdict().findings.contains(Finding::RstIgnored));
    assert_eq!(script.verdict().close, Close::Rst);
}

#[test]
fn an_rst_is_refuted_by_its_receiver_going_on_after_a_second() {
    for (us, close) in [(1_000_000, Close::Rst), (1_000_001, Close::Open)] {
        let mut script = Script::new();
        script.used();
        script.server().rst_ack();
        script.client().data(5).after_us(us);
        assert_eq!(script.verdict().close, close, "{us} µs");
        let ignored = script.verdict().findings.contains(Finding::RstIgnored);
        assert_eq!(ignored, close == Close::Open);
    }
}

#[test]
fn an_rst_is_given_two_round_trips_to_arrive() {
    for (us, close) in [(1_600_000, Close::Rst), (1_600_001, Close::Open)] {
        let mut script = Script::new();
        script.client().syn();
        script.server().syn_ack().after_ms(500);
        script.client().ack().after_ms(300);
        script.client().data(5);
        script.server().ack();
        script.server().rst_ack();
        script.client().data(5).after_us(us);
        assert_eq!(script.verdict().close, close, "{us} µs");
    }
}

// The server is proven to be open, so both SYNs were acknowledged: the connection has not failed.

#[test]
fn data_of_the_server_prove_what_the_tap_missed() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack();
    script.client().ack().uncaptured();
    let data = script.server().data(20).sent();
    assert_eq!(data.0.server.to_string(), "ESTABLISHED");
    assert_eq!(script.outcome_after_ms(10_000), Outcome::Complete);
}

// An endpoint that sends data is past SYN-SENT and SYN-RECEIVED, whatever was missed in between.

#[test]
fn a_client_that_sends_data_is_not_in_syn_sent() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack().uncaptured();
    script.client().data(5).uncaptured();
    script.server().ack();
    let data = script.client().data(5).sent();
    assert_eq!(data.0.client.to_string(), "ESTABLISHED");
}

// A sender of which segments were missed proves no state: one of them may have been a FIN.

#[test]
fn an_ack_ahead_of_its_stream_does_not_prove_close_wait() {
    let mut script = Script::new();
    script.used();
    script.client().fin().uncaptured();
    script.server().fin();
    script.client().ack().seq(7).is(Stage::FinAcked, "CLOSE-WAIT?", "FIN-WAIT-2?");
}

// Where segments are missing, one that would have changed a state may be among them.

#[test]
fn a_server_that_answers_what_is_missing_may_have_left_syn_received() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack().is(Stage::SynAck, "ESTABLISHED?", "SYN-RECEIVED");
    script.client().ack().uncaptured();
    script.server().ack().is(Stage::None, "ESTABLISHED?", "SYN-RECEIVED?");
}

#[test]
fn one_end_alone_shows_no_state_that_a_fin_of_the_other_would_change() {
    for fin in [false, true] {
        let mut script = Script::of_client_only();
        script.client().syn();
        script.server().syn_ack();
        script.client().ack().is(Stage::FinalAck, "ESTABLISHED", "ESTABLISHED?");
        script.client().data(5).is(Stage::None, "ESTABLISHED", "ESTABLISHED?");
        if fin {
            script.server().fin();
        } else {
            script.server().data(1);
        }
        script.client().ack().is(Stage::None, "ESTABLISHED?", "ESTABLISHED?");
        script.client().fin().is(Stage::Fin, "FIN-WAIT-1?", "CLOSE-WAIT?");
    }
    let mut script = Script::of_client_only();
    script.client().syn();
    script.server().syn_ack();
    script.client().ack();
    script.client().fin().is(Stage::Fin, "FIN-WAIT-1", "CLOSE-WAIT?");
    script.server().fin();
    script.client().ack().is(Stage::None, "FIN-WAIT-1?", "CLOSE-WAIT?");
}

#[test]
fn without_the_syn_a_server_that_sends_first_may_have_been_asked_for_fast_open() {
    let mut script = Script::new();
    script.client().syn().uncaptured();
    script.server().syn_ack();
    script.client().ack();
    script.server().data(5).is(Stage::None, "ESTABLISHED", "ESTABLISHED?");
    script.client().data(5);
    assert_eq!(script.outcome(), Outcome::Complete);
    assert_eq!(script.outcome(), Outcome::Complete);
    // Nor whether the data of a SYN without a cookie were taken.
    let mut script = Script::new();
    script.client().syn().carrying(10);
    script.server().syn_ack().taking(10).uncaptured();
    script.server().data(5).stage(Stage::None);
    assert_ne!(script.frame(2).0.server.to_string(), "ESTABLISHED");
}

#[test]
fn what_an_older_connection_acknowledged_does_not_open_the_next() {
    // Its server has acknowledged a number that the next connection has not reached.
    let mut script = Script::new();
    script.used();
    script.client().data(100);
    script.server().ack();
    script.client().restarts(900).syn();
    script.server().ack().stray();
    script.client().ack().acking(9);
    for _ in 0..2 {
        assert!(!script.client().data(200).sent().0.server.proven());
    }
    // Nor where that is not in the capture.
    let mut script = Script::new();
    script.client().syn();
    script.server().ack().acking(100).stray().stage(Stage::ChallengeAck);
    script.server().syn_ack().uncaptured();
    for _ in 0..2 {
        assert!(!script.client().data(200).sent().0.server.proven());
    }
    assert_eq!(script.outcome(), Outcome::Complete);
}
