//! Captures that lack, swap or cut something, and numbers that wrap.

use dissector_core::connection::{Close, Finding, OpenType, Outcome, Repeat, RoleBasis, Stage};

use testkit::script::Script;

#[test]
fn data_recorded_before_the_final_ack_complete_the_handshake() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack();
    script.client().ack().held();
    script.client().data(5).is(Stage::FinalAck, "ESTABLISHED", "ESTABLISHED?");
    assert!(!script.frame(4).stage(Stage::None).0.final_ack);
    assert_eq!(script.verdict().frames.final_ack, Some(3));
}

#[test]
fn a_synack_recorded_after_the_final_ack_refutes_nothing() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack().held();
    script.client().ack().is(Stage::FinalAck, "ESTABLISHED", "ESTABLISHED?");
    let late = script.frame(3).lacks(Finding::SynAckRetxAfterAck).lacks(Finding::SynAckRetxCrossed);
    late.stage(Stage::SynAck).of_connection(0);
    script.client().data(5);
    script.server().ack();
    let verdict = script.verdict();
    assert_eq!((verdict.outcome, verdict.open_type), (Outcome::Complete, OpenType::ThreeWay));
    assert_eq!((verdict.synack_count, verdict.frames.synack), (1, Some(3)));
}

#[test]
fn a_whole_handshake_recorded_backwards_by_the_server_side() {
    let mut script = Script::new();
    script.client().syn().held();
    script.server().syn_ack().is(Stage::SynAck, "UNKNOWN", "SYN-RECEIVED");
    script.frame(2).copy(Repeat::Late).of_connection(0);
    script.client().data(5).stage(Stage::FinalAck);
    script.server().fin();
    script.client().fin();
    script.server().ack();
    let verdict = script.verdict();
    assert_eq!((verdict.outcome, verdict.close), (Outcome::Complete, Close::Fin));
    assert_eq!(script.connection().role_basis(), RoleBasis::SynAck);
}

#[test]
fn swapped_data_are_no_step() {
    let mut script = Script::new();
    script.used();
    script.client().data(10).held();
    script.client().data(10).is(Stage::None, "ESTABLISHED", "ESTABLISHED");
    script.frame(7).is(Stage::None, "ESTABLISHED", "ESTABLISHED");
}

#[test]
fn a_fin_recorded_before_the_data_ahead_of_it() {
    let mut script = Script::new();
    script.used();
    script.client().data(10).held();
    script.client().fin().is(Stage::Fin, "FIN-WAIT-1", "CLOSE-WAIT?");
    script.frame(7).is(Stage::None, "FIN-WAIT-1", "CLOSE-WAIT?");
    script.server().ack().is(Stage::FinAcked, "FIN-WAIT-2?", "CLOSE-WAIT");
}

#[test]
fn numbers_wrap_from_the_first_to_the_last() {
    for isn in [u32::MAX - 7, u32::MAX - 3, u32::MAX - 1, u32::MAX] {
        let mut script = Script::new();
        script.client().restarts(isn);
        script.server().restarts(isn.wrapping_sub(1));
        script.used();
        script.client().fin().stage(Stage::Fin);
        script.server().ack().stage(Stage::FinAcked);
        script.server().fin().stage(Stage::SecondFin);
        script.client().ack().stage(Stage::SecondFinAcked);
        let verdict = script.verdict();
        assert_eq!((verdict.outcome, verdict.close), (Outcome::Complete, Close::Fin), "{isn}");
    }
}

#[test]
fn the_numbers_of_an_rst_wrap() {
    for (seq, stage) in [(15, Stage::Rst), (20, Stage::Rst), (21, Stage::RstIgnored)] {
        let mut script = Script::new();
        script.server().restarts(u32::MAX - 10);
        script.used();
        script.server().data(14);
        script.client().ack();
        script.server().data(5);
        script.server().rst().seq(seq).stage(stage);
    }
}

#[test]
fn the_window_of_an_rst_wraps() {
    for (seq, close) in [(1001, Close::Rst), (1002, Close::Open), (0, Close::Open)] {
        let mut script = Script::new();
        script.server().restarts(u32::MAX - 10);
        script.used();
        script.client().ack();
        script.server().rst().seq(seq).stage(Stage::RstIgnored);
        assert_eq!(script.verdict().close, close, "{seq}");
    }
}

#[test]
fn fast_open_wraps() {
    let mut script = Script::new();
    script.client().restarts(u32::MAX - 3);
    script.client().syn().cookie(&[1; 8]).carrying(10);
    script.server().syn_ack().taking(10).lacks(Finding::BadSynAck);
    script.client().ack().stage(Stage::FinalAck);
    assert_eq!(script.verdict().open_type, OpenType::FastOpen);
}

#[test]
fn the_sender_of_the_first_syn_is_the_client_whatever_the_ports() {
    let mut script = Script::between(("10.0.0.1", 20), ("10.0.0.2", 50_000));
    script.used();
    assert_eq!(script.connection().client().port(), 20);
    assert_eq!(script.connection().role_basis(), RoleBasis::Syn);
}

#[test]
fn the_client_resets_right_after_its_final_ack() {
    let mut script = Script::new();
    script.handshake();
    script.client().rst_ack().is(Stage::Rst, "CLOSED", "CLOSED?");
    assert_eq!((script.outcome(), script.verdict().close), (Outcome::Complete, Close::Rst));
}

#[test]
fn a_new_syn_in_a_live_connection_may_be_refused() {
    let mut script = Script::new();
    script.used();
    script.client().restarts(900_000).syn().of_connection(1);
    let refusal = script.server().refusal().raw_ack(900_001).of_connection(1);
    refusal.stage(Stage::RstRefusal);
    assert_eq!(script.outcome(), Outcome::Refused);
}

#[test]
fn a_challenge_may_be_repeated() {
    let mut script = Script::new();
    script.used();
    script.client().restarts(900_000).syn().of_connection(1);
    script.server().ack().lost().stage(Stage::ChallengeAck).of_connection(1);
    script.client().repeat().after_ms(1000).copy(Repeat::Retransmission).of_connection(1);
    script.server().ack().stage(Stage::ChallengeAck).of_connection(1);
    assert_eq!(script.outcome(), Outcome::Challenged);
    assert_eq!(script.connections(), 2);
}

#[test]
fn an_rst_to_a_client_that_has_acknowledged_needs_no_ack() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack().uncaptured();
    script.client().ack();
    script.client().data(5);
    script.server().reflex().is(Stage::RstHandshakeAbort, "CLOSED?", "CLOSED");
    assert_eq!(script.outcome(), Outcome::AbortedByServer);
}

#[test]
fn a_capture_that_starts_with_a_fin() {
    let mut script = Script::new();
    script.open_before_capture();
    // The client's FIN may have come before, and this may be a copy, as the client's may be.
    script.server().fin().is(Stage::Fin, "CLOSE-WAIT?", "FIN-WAIT-1?");
    script.client().fin().is(Stage::FinAndAck, "LAST-ACK?", "TIME-WAIT?");
    script.server().ack().is(Stage::SecondFinAcked, "CLOSED?", "TIME-WAIT");
    let verdict = script.verdict();
    assert_eq!((verdict.outcome, verdict.close), (Outcome::Midstream, Close::Fin));
}

// A repeated SYN/ACK has crossed the final ACK where it comes sooner than the server's round trip,
// which is counted from the SYN copy that was answered, not from the first.

#[test]
fn a_lost_first_syn_does_not_make_a_repeated_synack_a_crossed_one() {
    for timestamps in [false, true] {
        let mut script = Script::new();
        script.client().syn().ts_if(timestamps).lost();
        script.client().repeat().after_ms(1000);
        script.server().syn_ack().ts_if(timestamps).after_ms(20);
        script.client().ack().after_ms(1).stage(Stage::FinalAck);
        let again = script.server().syn_ack().ts_if(timestamps).after_ms(1000);
        again.has(Finding::SynAckRetxAfterAck).lacks(Finding::SynAckRetxCrossed);
        let third = script.server().syn_ack().ts_if(timestamps).after_ms(2000).sent();
        assert_eq!(third.0.server.to_string(), "SYN-RECEIVED");
        assert_eq!(script.outcome(), Outcome::NotAccepted);
    }
}

// The final ACK acknowledges one of the SYN/ACK numbers seen.

#[test]
fn any_of_three_synacks_may_be_acknowledged() {
    for choice in [5000, 9000, 13_000] {
        let mut script = Script::new();
        script.client().syn();
        script.server().syn_ack();
        script.server().syn_ack().raw_seq(9000);
        script.server().syn_ack().raw_seq(13_000);
        let third = script.client().ack().raw_ack(choice + 1).sent();
        assert!(third.0.final_ack, "{choice}");
    }
}

// A SYN/ACK of one of two responders that has come before is sent again.

#[test]
fn a_repeated_synack_is_a_copy_despite_another_responder() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack();
    script.server().syn_ack().raw_seq(9000).copy(Repeat::Original);
    let again = script.server().syn_ack().after_ms(1000).copy(Repeat::Retransmission);
    again.lacks(Finding::SynAckIsnChanged);
}
