//! Loss, delay, repetition and swapped order together, at the tap and beyond it.

use dissector_core::connection::{
    Close, Finding, OpenType, Outcome, Repeat, RoleBasis, RstReason, Stage,
};

use testkit::script::Script;

const COOKIE: &[u8] = &[1, 2, 3, 4, 5, 6, 7, 8];

#[test]
fn the_syn_is_lost_then_the_synack_then_the_final_ack() {
    let mut script = Script::new();
    script.client().syn().lost();
    script.client().repeat().after_ms(1000).has(Finding::SynRetx);
    script.server().syn_ack().lost().is(Stage::SynAck, "ESTABLISHED?", "SYN-RECEIVED");
    let third = script.client().repeat().after_ms(2000).has(Finding::SynAckNotReceived);
    third.is(Stage::Syn, "SYN-SENT", "SYN-RECEIVED");
    let again = script.server().repeat().after_ms(20).has(Finding::SynAckRetx);
    again.is(Stage::SynAck, "ESTABLISHED?", "SYN-RECEIVED");
    script.client().ack().lost().is(Stage::FinalAck, "ESTABLISHED", "ESTABLISHED?");
    script.client().data(5).is(Stage::None, "ESTABLISHED", "ESTABLISHED?");
    script.server().ack().acking(6).is(Stage::None, "ESTABLISHED", "ESTABLISHED");
    let verdict = script.verdict();
    assert_eq!(
        (verdict.outcome, verdict.syn_count, verdict.synack_count),
        (Outcome::Complete, 3, 2)
    );
    assert_eq!(script.connections(), 1);
}

#[test]
fn every_packet_twice_and_a_real_retransmission_among_them() {
    let mut script = Script::new();
    script.client().syn();
    script.mirrored().copy(Repeat::Duplicate);
    script.client().repeat().after_ms(1000).copy(Repeat::Retransmission);
    script.mirrored().copy(Repeat::Duplicate);
    script.server().syn_ack();
    script.mirrored().copy(Repeat::Duplicate);
    script.server().repeat().after_ms(1000).copy(Repeat::Retransmission).has(Finding::SynAckRetx);
    script.mirrored().copy(Repeat::Duplicate).lacks(Finding::SynAckRetx);
    assert!(script.client().ack().sent().0.final_ack);
    assert!(!script.mirrored().copy(Repeat::Duplicate).0.final_ack);
    let verdict = script.verdict();
    assert_eq!((verdict.syn_count, verdict.synack_count), (2, 2));
    assert_eq!((verdict.outcome, verdict.frames.final_ack), (Outcome::Complete, Some(9)));
}

#[test]
fn a_repeated_syn_recorded_after_the_synack_it_did_not_wait_for() {
    let mut script = Script::new();
    script.client().syn();
    script.client().repeat().after_ms(1000).held();
    script.server().syn_ack().after_ms(1);
    script.frame(3).stage(Stage::Syn).copy(Repeat::Retransmission).of_connection(0);
    script.client().ack().stage(Stage::FinalAck);
    assert_eq!((script.outcome(), script.connections()), (Outcome::Complete, 1));
}

#[test]
fn the_final_ack_and_the_syn_are_both_recorded_late() {
    let mut script = Script::new();
    script.client().syn().uncaptured();
    script.server().syn_ack().has(Finding::SynNotCaptured);
    script.client().ack().stage(Stage::FinalAck);
    let late =
        script.client().syn().after_us(50).copy(Repeat::Late).has(Finding::OutOfOrderHandshake);
    late.is(Stage::Syn, "ESTABLISHED", "ESTABLISHED?").of_connection(0);
    script.client().data(5);
    script.server().ack().is(Stage::None, "ESTABLISHED", "ESTABLISHED");
    let verdict = script.verdict();
    assert_eq!((verdict.outcome, verdict.open_type), (Outcome::Complete, OpenType::ThreeWay));
    assert!(!verdict.findings.contains(Finding::SynNotCaptured));
    assert!(!verdict.findings.contains(Finding::SynInEstablished));
    assert_eq!(verdict.times.rtt_server_ns, None);
}

#[test]
fn a_keep_alive_is_not_the_final_ack() {
    for octets in [0, 1] {
        let mut script = Script::new();
        script.client().syn();
        script.server().syn_ack();
        script.client().ack().uncaptured();
        // But it follows the final ACK.
        let probe = script.client().keep_alive(octets);
        let probe = probe.is(Stage::None, "ESTABLISHED", "ESTABLISHED?");
        assert!(!probe.0.final_ack);
        // A server that defers answers it, too.
        script.server().ack().is(Stage::None, "ESTABLISHED", "ESTABLISHED?");
        assert_eq!(script.outcome_after_ms(5_000), Outcome::Complete);
        script.client().ack().stage(Stage::FinalAck);
    }
}

#[test]
fn a_synack_after_a_keep_alive_shows_that_the_final_ack_has_not_arrived() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack();
    script.client().ack().uncaptured().lost();
    script.client().keep_alive(0).lost();
    script.server().repeat().after_ms(1000).is(Stage::SynAck, "ESTABLISHED", "SYN-RECEIVED");
    assert_eq!(script.outcome_after_ms(5_000), Outcome::NoFinalAck);
}

#[test]
fn an_answer_to_a_keep_alive_of_the_server_is_not_the_final_ack_again() {
    let mut script = Script::new();
    script.handshake();
    script.server().keep_alive(1);
    assert!(!script.client().ack().acking(1).stage(Stage::None).0.final_ack);
    assert_eq!(script.verdict().frames.final_ack, Some(3));
}

#[test]
fn a_zero_window_leaves_the_handshake_alone() {
    let mut script = Script::new();
    script.client().syn().window(0);
    script.server().syn_ack().window(0).is(Stage::SynAck, "ESTABLISHED?", "SYN-RECEIVED");
    script.client().ack().window(0).is(Stage::FinalAck, "ESTABLISHED", "ESTABLISHED?");
    script.client().ack().window(1000).is(Stage::None, "ESTABLISHED", "ESTABLISHED?");
}

#[test]
fn a_zero_window_takes_an_rst_with_the_next_number_only() {
    for (seq, stage) in [(0, Stage::RstIgnored), (1, Stage::Rst), (2, Stage::RstIgnored)] {
        let mut script = Script::new();
        script.used();
        script.client().ack().window(0);
        script.server().rst().seq(seq).stage(stage);
    }
}

#[test]
fn resets_that_cross() {
    let mut script = Script::new();
    script.used();
    script.client().rst_ack().is(Stage::Rst, "CLOSED", "CLOSED?").has(Finding::RstAbort);
    let second = script.server().rst_ack().after_ms(1).is(Stage::Rst, "CLOSED", "CLOSED");
    second.lacks(Finding::RstAbort).lacks(Finding::RstIgnored);
    let verdict = script.verdict();
    assert_eq!((verdict.close, verdict.frames.rst), (Close::Rst, Some(6)));
    assert!(!verdict.findings.contains(Finding::RstIgnored));
}

#[test]
fn an_rst_after_both_fins_leaves_the_close_as_it_was() {
    let mut script = Script::new();
    script.closed();
    script.server().rst().after_ms(1);
    let verdict = script.verdict();
    assert_eq!((verdict.outcome, verdict.close), (Outcome::Complete, Close::Fin));
    assert_eq!(script.connections(), 1);
}

#[test]
fn a_forged_rst_does_not_stop_the_handshake_whatever_it_acknowledges() {
    // Injected before the server's answer: nothing acknowledged, too much, and no ACK at all.
    for kind in 0..3 {
        let mut script = Script::new();
        script.client().syn();
        let rst = match kind {
            0 => script.server().refusal().acking(0),
            1 => script.server().refusal().acking(2),
            _ => script.server().rst().raw_seq(0),
        };
        let rst = rst.ttl(200).has(Finding::RstUnacceptable);
        rst.is(Stage::RstIgnored, "SYN-SENT", "SYN-RECEIVED?").lacks(Finding::Refused);
        script.server().syn_ack().is(Stage::SynAck, "ESTABLISHED?", "SYN-RECEIVED");
        script.client().ack().is(Stage::FinalAck, "ESTABLISHED", "ESTABLISHED?");
        let verdict = script.verdict();
        assert_eq!((verdict.outcome, verdict.close), (Outcome::Complete, Close::Open));
        assert!(!verdict.findings.contains(Finding::RstIgnored), "it was not believed before");
    }
}

#[test]
fn a_forged_rst_with_the_right_numbers_shows_by_its_ttl_and_by_what_follows() {
    let mut script = Script::new();
    script.used();
    let forged = script.server().rst_ack().ttl(63).has(Finding::RstTtlMismatch);
    assert_eq!((forged.0.rst_acceptable(), forged.0.rst_ttl_delta()), (Some(true), Some(-1)));
    let next = script.server().data(5).has(Finding::RstIgnored);
    next.is(Stage::None, "ESTABLISHED", "ESTABLISHED");
    let verdict = script.verdict();
    assert_eq!((verdict.close, verdict.frames.rst), (Close::Open, None));
}

#[test]
fn the_capture_starts_midstream_and_the_ports_are_used_again() {
    let mut script = Script::new();
    script.open_before_capture();
    script.client().data(5).of_connection(0);
    script.server().ack().of_connection(0);
    let syn = script.client().restarts(900_000).syn().of_connection(1);
    syn.has(Finding::SynInEstablished).is(Stage::Syn, "SYN-SENT", "SYN-RECEIVED?");
    script.server().restarts(800_000);
    script.client().repeat().after_ms(1000);
    script.server().syn_ack().of_connection(1).stage(Stage::SynAck);
    script.client().ack().of_connection(1).stage(Stage::FinalAck);
    assert_eq!(script.connection_numbered(0).role_basis(), RoleBasis::Port);
    assert_eq!((script.outcome(), script.connections()), (Outcome::Complete, 2));
}

#[test]
fn the_capture_starts_midstream_the_connection_closes_and_the_ports_are_used_again() {
    let mut script = Script::new();
    script.open_before_capture();
    script.client().fin();
    script.server().fin();
    script.client().ack().stage(Stage::SecondFinAcked);
    let syn = script.client().restarts(900_000).syn().of_connection(1);
    syn.has(Finding::PortReused).lacks(Finding::SynInEstablished);
}

#[test]
fn time_wait_is_reopened_with_a_higher_number() {
    let mut script = Script::new();
    script.closed();
    let syn = script.client().restarts(2_000_000).syn().after_ms(200).has(Finding::PortReused);
    syn.of_connection(1);
    script.server().restarts(9_000_000);
    script.client().repeat().after_ms(1000);
    script.server().syn_ack().of_connection(1).lacks(Finding::PortReused);
    script.client().ack().of_connection(1).stage(Stage::FinalAck);
    assert_eq!((script.outcome(), script.connection().attempt()), (Outcome::Complete, 2));
}

#[test]
fn time_wait_answers_a_lower_number_with_its_last_ack() {
    let mut script = Script::new();
    script.used();
    script.server().fin();
    script.client().fin();
    script.server().ack().is(Stage::SecondFinAcked, "CLOSED?", "TIME-WAIT");
    script.client().restarts(10).syn().of_connection(1).has(Finding::PortReused);
    let last_ack = script.server().ack().of_connection(1).has(Finding::ChallengeAck);
    last_ack.stage(Stage::ChallengeAck);
    script.client().reflex().of_connection(1).stage(Stage::RstHalfOpen);
    assert_eq!(script.outcome(), Outcome::Challenged);
    script.server().restarts(7_000_000);
    let again = script.client().repeat().after_ms(1000).of_connection(1);
    again.copy(Repeat::Retransmission);
    script.server().syn_ack().of_connection(1);
    script.client().ack().of_connection(1).stage(Stage::FinalAck);
    assert_eq!(script.outcome(), Outcome::Complete);
    assert_eq!(script.connection_numbered(0).close(), Close::Fin);
}

#[test]
fn more_than_two_gibibytes_wrap_past_the_first_numbers() {
    let mut script = Script::new();
    script.used();
    let mut seq = 6_u32;
    for _ in 0..5 {
        seq = seq.wrapping_add(0x3000_0000);
        // The capture misses nearly all data: sequence numbers jump by 768 MiB.
        script.client().data(1000).seq(seq).stage(Stage::None);
        script.server().ack().acking(seq.wrapping_add(1000)).stage(Stage::None);
    }
    let end = seq.wrapping_add(1000);
    script.client().fin().seq(end).is(Stage::Fin, "FIN-WAIT-1", "CLOSE-WAIT?");
    script.server().fin().acking(end.wrapping_add(1)).is(
        Stage::FinAndAck,
        "TIME-WAIT?",
        "LAST-ACK",
    );
    script.client().ack().seq(end.wrapping_add(1)).stage(Stage::SecondFinAcked);
    let verdict = script.verdict();
    assert_eq!((verdict.outcome, verdict.close), (Outcome::Complete, Close::Fin));
}

#[test]
fn a_synack_with_the_numbers_of_an_older_syn_does_not_complete_the_newer() {
    let mut script = Script::new();
    script.client().syn();
    script.client().restarts(70_000).syn().of_connection(1);
    script.server().syn_ack().raw_ack(1001).lacks(Finding::BadSynAck).of_connection(0);
    // The client drops it, as it waits for another.
    script.client().rst().raw_seq(1001).of_connection(0).stage(Stage::RstHandshakeAbort);
    assert_eq!(script.outcome(), Outcome::AbortedByClient);
    script.client().repeat().after_ms(1000).of_connection(1);
    script.server().syn_ack().raw_seq(9_000).raw_ack(70_001).of_connection(1);
    script.client().ack().raw_ack(9_001).of_connection(1).stage(Stage::FinalAck);
    assert_eq!(script.outcome(), Outcome::Complete);
}

#[test]
fn the_tap_misses_both_middle_segments() {
    // SYN/ACK and final ACK are missing; what follows shows that the connection is open.
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack().uncaptured();
    script.client().ack().uncaptured();
    // A client in SYN-SENT would drop this.
    script.server().data(20).is(Stage::None, "SYN-SENT", "SYN-RECEIVED?");
    script.client().data(5).is(Stage::None, "ESTABLISHED", "ESTABLISHED?");
    script.server().ack();
    let verdict = script.verdict();
    assert_eq!((verdict.outcome, verdict.frames.synack), (Outcome::Complete, None));
    assert_eq!(verdict.frames.final_ack, None);
}

#[test]
fn the_fin_overtakes_data_and_its_ack_comes_twice() {
    let mut script = Script::new();
    script.used();
    script.client().data(10).held();
    script.client().fin().stage(Stage::Fin);
    script.server().ack().is(Stage::FinAcked, "FIN-WAIT-2?", "CLOSE-WAIT");
    script.mirrored().copy(Repeat::Duplicate).stage(Stage::FinAcked);
    script.server().fin().is(Stage::SecondFin, "TIME-WAIT?", "LAST-ACK");
    script.mirrored().copy(Repeat::Duplicate);
    script.client().ack().is(Stage::SecondFinAcked, "TIME-WAIT", "CLOSED?");
    assert_eq!(script.verdict().close, Close::Fin);
}

#[test]
fn a_fin_that_is_resent_after_its_ack_was_lost() {
    let mut script = Script::new();
    script.used();
    script.client().fin();
    script.server().ack().lost().stage(Stage::FinAcked);
    let again = script.client().repeat().after_ms(200).copy(Repeat::Retransmission);
    again.is(Stage::Fin, "FIN-WAIT-1", "CLOSE-WAIT");
    assert_eq!((again.0.retry, again.0.rto_ns()), (1, Some(210_000_000)));
    script.server().ack().is(Stage::None, "FIN-WAIT-2?", "CLOSE-WAIT");
}

#[test]
fn both_syns_of_a_simultaneous_open_are_lost_and_repeated() {
    let mut script = Script::new();
    script.client().syn().lost();
    script.server().syn().lost();
    script.client().syn().after_ms(1000).copy(Repeat::Retransmission).of_connection(0);
    script.server().syn().copy(Repeat::Retransmission).of_connection(0);
    script.client().syn_ack().raw_ack(5001).stage(Stage::SynAckSimultaneous);
    script.server().syn_ack().raw_ack(1001).stage(Stage::SynAckSimultaneous);
    assert_eq!(script.outcome(), Outcome::Complete);
    assert_eq!(script.verdict().open_type, OpenType::Simultaneous);
    assert_eq!(script.connections(), 1);
}

#[test]
fn a_refusal_after_the_ack_of_the_syn() {
    let mut script = Script::new();
    script.client().syn();
    script.server().ack().seq(0).raw_ack(1001).stage(Stage::SplitAck);
    script.server().refusal().raw_ack(1001);
    assert_eq!(script.outcome(), Outcome::Refused);
}

#[test]
fn a_syn_repeated_without_its_data_is_answered_as_any_other() {
    let mut script = Script::new();
    script.client().syn().cookie(COOKIE).carrying(10).lost();
    script.client().syn().after_ms(1000).has(Finding::TfoFallback);
    script.server().syn_ack().raw_ack(1001).is(Stage::SynAck, "ESTABLISHED?", "SYN-RECEIVED");
    script.client().data(10).seq(1).stage(Stage::FinalAck);
    assert_eq!(script.verdict().open_type, OpenType::ThreeWay);
    assert_eq!(script.outcome(), Outcome::Complete);
}

#[test]
fn data_in_flight_towards_a_client_that_has_reset() {
    let mut script = Script::new();
    script.used();
    script.server().data(1000);
    script.client().rst_ack();
    script.server().data(1000).after_ms(1);
    script.client().reflex();
    assert_eq!(script.verdict().close, Close::Rst);
    assert!(!script.verdict().findings.contains(Finding::RstIgnored));
}

#[test]
fn an_ack_after_the_close_belongs_to_it() {
    let mut script = Script::new();
    script.closed();
    script.client().ack().after_ms(500).of_connection(0);
    assert_eq!(script.verdict().close, Close::Fin);
}

#[test]
fn data_for_a_closed_client_are_answered_by_an_rst() {
    let mut script = Script::new();
    script.used();
    script.client().fin();
    script.server().ack();
    script.server().data(10);
    script.client().rst().raw_seq(1007).reason(RstReason::AfterFin);
}

#[test]
fn the_fin_overtakes_the_final_ack() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack();
    script.client().ack().held();
    script.client().fin().stage(Stage::FinalAck);
    assert_eq!(script.verdict().close, Close::HalfClosed);
}

#[test]
fn data_of_the_server_overtake_its_synack() {
    // the server's data are recorded before its SYN/ACK
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack().uncaptured();
    script.client().ack().uncaptured();
    script.server().data(10).seq(1);
    script.server().syn_ack().raw_ack(1001).after_us(5).of_connection(0);
    script.client().ack().seq(1).acking(11);
    assert_eq!(script.outcome(), Outcome::Complete);
}

#[test]
fn the_syn_arrives_again_after_the_handshake() {
    let mut script = Script::new();
    script.handshake();
    script.client().syn().after_ms(3).copy(Repeat::Retransmission).has(Finding::SynInEstablished);
    assert_eq!(script.outcome(), Outcome::Complete);
}

#[test]
fn a_connection_to_itself_is_open_in_the_end() {
    let mut script = Script::between(("10.0.0.1", 40_000), ("10.0.0.1", 40_000));
    script.client().syn();
    script.client().syn_ack().raw_ack(1001);
    let t = script.client().ack().raw_ack(1001).sent();
    assert_eq!(t.0.client.to_string(), "ESTABLISHED");
}

#[test]
fn the_client_starts_anew_while_the_server_waits_for_the_final_ack() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack();
    script.client().restarts(70_000).syn().of_connection(1).lacks(Finding::SynInEstablished);
    script.server().syn_ack().raw_ack(1001);
    script.client().rst().raw_seq(1001);
    script.server().restarts(60_000);
    script.client().syn().after_ms(1000).copy(Repeat::Retransmission).of_connection(1);
    script.server().syn_ack().of_connection(1);
    script.client().ack().raw_ack(60_001).stage(Stage::FinalAck).of_connection(1);
    assert_eq!((script.outcome(), script.connections()), (Outcome::Complete, 2));
}
