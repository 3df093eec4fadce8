//! How connections close, and segments that look like a close and are none.

use dissector_core::connection::{Close, ClosedBy, Finding, Repeat, Stage};

use dissector_core::wire::TcpFlags;
use testkit::script::Script;

#[test]
fn a_connection_without_fin_or_rst_is_open() {
    let mut script = Script::new();
    script.used();
    assert_eq!((script.verdict().close, script.verdict().closed_by), (Close::Open, None));
}

#[test]
fn one_fin_is_half_a_close() {
    let mut script = Script::new();
    script.used();
    script.server().fin().stage(Stage::Fin);
    assert_eq!(script.verdict().close, Close::HalfClosed);
    script.client().ack().stage(Stage::FinAcked);
    assert_eq!(script.verdict().close, Close::HalfClosed);
    assert_eq!(script.verdict().closed_by, Some(ClosedBy::Server));
}

#[test]
fn both_fins_with_the_last_unacknowledged() {
    let mut script = Script::new();
    script.used();
    script.client().fin();
    script.server().fin().stage(Stage::FinAndAck);
    let verdict = script.verdict();
    assert_eq!((verdict.close, verdict.closed_by), (Close::FinUnacked, Some(ClosedBy::Client)));
    assert!(verdict.findings.contains(Finding::FinUnacked));
    script.client().ack();
    assert_eq!(script.verdict().close, Close::Fin);
    assert!(!script.verdict().findings.contains(Finding::FinUnacked));
}

#[test]
fn a_simultaneous_close_whose_acks_are_missing_is_unacknowledged() {
    let mut script = Script::new();
    script.used();
    script.client().fin().lost();
    script.server().fin();
    assert_eq!(script.verdict().close, Close::FinUnacked);
    script.client().ack();
    assert_eq!(script.verdict().close, Close::FinUnacked);
}

#[test]
fn a_simultaneous_close_is_noted() {
    let mut script = Script::new();
    script.used();
    script.client().fin().lost().lacks(Finding::SimultaneousClose);
    script.server().fin().has(Finding::SimultaneousClose).stage(Stage::FinSimultaneous);
    script.client().ack().stage(Stage::SecondFinAcked);
    // The client's FIN arrives at last.
    let ack = script.server().ack().acking(7);
    // The capture does not show whether the server has received the client's ACK by now.
    ack.is(Stage::FinAcked, "TIME-WAIT?", "TIME-WAIT?");
    let verdict = script.verdict();
    assert_eq!((verdict.close, verdict.closed_by), (Close::Simultaneous, Some(ClosedBy::Both)));
}

#[test]
fn an_ordinary_close_is_not_simultaneous() {
    let mut script = Script::new();
    script.closed();
    let verdict = script.verdict();
    assert_eq!((verdict.close, verdict.closed_by), (Close::Fin, Some(ClosedBy::Client)));
    assert!(!verdict.findings.contains(Finding::SimultaneousClose));
}

#[test]
fn the_acks_of_a_simultaneous_close_may_come_in_the_other_order() {
    let mut script = Script::new();
    script.used();
    script.client().fin().lost();
    script.server().fin();
    let first = script.server().ack().acking(7);
    first.is(Stage::FinAcked, "TIME-WAIT?", "CLOSING");
    script.client().ack().is(Stage::SecondFinAcked, "TIME-WAIT?", "TIME-WAIT?");
}

#[test]
fn a_fin_that_acknowledges_the_other_is_step_two_and_three() {
    let mut script = Script::new();
    script.used();
    script.server().fin().is(Stage::Fin, "CLOSE-WAIT?", "FIN-WAIT-1");
    script.client().data(3).and_fin().is(Stage::FinAndAck, "LAST-ACK", "TIME-WAIT?");
    script.server().ack().is(Stage::SecondFinAcked, "CLOSED?", "TIME-WAIT");
}

#[test]
fn an_ack_of_the_data_before_a_fin_is_no_step() {
    let mut script = Script::new();
    script.used();
    script.client().data(50).and_fin().stage(Stage::Fin);
    script.server().ack().acking(56).is(Stage::None, "FIN-WAIT-1", "CLOSE-WAIT?");
    script.server().ack().acking(57).is(Stage::FinAcked, "FIN-WAIT-2?", "CLOSE-WAIT");
    script.server().ack().acking(57).is(Stage::None, "FIN-WAIT-2?", "CLOSE-WAIT");
}

#[test]
fn a_challenge_acks_number_does_not_acknowledge_a_fin() {
    let mut script = Script::new();
    script.used();
    script.client().fin();
    let ack = script.server().ack().acking(0x4000_0000);
    ack.is(Stage::None, "FIN-WAIT-1", "CLOSE-WAIT?");
}

#[test]
fn a_server_may_close_before_the_final_ack() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack();
    script.server().fin().is(Stage::Fin, "CLOSE-WAIT?", "FIN-WAIT-1");
    script.client().ack().acking(2).stage(Stage::FinalAck);
}

#[test]
fn a_fin_with_data_counts_from_its_end() {
    let mut script = Script::new();
    script.used();
    script.server().data(100).and_fin().is(Stage::Fin, "CLOSE-WAIT?", "FIN-WAIT-1");
    script.client().ack().acking(101).stage(Stage::None);
    script.client().ack().acking(102).stage(Stage::FinAcked);
}

#[test]
fn a_repeated_fin_is_not_the_second_one() {
    let mut script = Script::new();
    script.used();
    script.client().fin().lost();
    let again = script.client().repeat().after_ms(300).copy(Repeat::Retransmission);
    again.is(Stage::Fin, "FIN-WAIT-1", "CLOSE-WAIT?");
    assert_eq!((again.0.retry, again.0.rto_ns()), (1, Some(300_000_000)));
    assert_eq!(script.verdict().close, Close::HalfClosed);
}

#[test]
fn a_fin_repeated_together_with_the_data_before_it_is_the_same() {
    let mut script = Script::new();
    script.used();
    script.client().data(10).lost();
    script.client().fin().lost();
    let again = script.client().data(10).and_fin().seq(6).after_ms(300);
    again.copy(Repeat::Retransmission).is(Stage::Fin, "FIN-WAIT-1", "CLOSE-WAIT?");
    script.server().ack().is(Stage::FinAcked, "FIN-WAIT-2?", "CLOSE-WAIT");
}

#[test]
fn a_keep_alive_moves_nothing() {
    for octets in [0, 1] {
        let mut script = Script::new();
        script.used();
        script.client().keep_alive(octets).is(Stage::None, "ESTABLISHED", "ESTABLISHED");
        script.server().ack().is(Stage::None, "ESTABLISHED", "ESTABLISHED");
    }
}

#[test]
fn a_keep_alive_before_the_server_spoke_proves_nothing() {
    let mut script = Script::new();
    script.handshake();
    script.client().keep_alive(0).is(Stage::None, "ESTABLISHED", "ESTABLISHED?");
    script.server().ack().is(Stage::None, "ESTABLISHED", "ESTABLISHED?");
}

#[test]
fn a_keep_alive_in_fin_wait_2_is_no_second_fin() {
    let mut script = Script::new();
    script.used();
    script.client().fin();
    script.server().ack();
    let probe = script.client().keep_alive(0).copy(Repeat::Original);
    probe.is(Stage::None, "FIN-WAIT-2?", "CLOSE-WAIT");
}

#[test]
fn duplicate_acks_and_window_probes_move_nothing() {
    let mut script = Script::new();
    script.used();
    for _ in 0..3 {
        script.server().ack().is(Stage::None, "ESTABLISHED", "ESTABLISHED");
    }
    script.server().ack().window(0).is(Stage::None, "ESTABLISHED", "ESTABLISHED");
    script.client().data(1).is(Stage::None, "ESTABLISHED", "ESTABLISHED");
}

#[test]
fn a_reset_open_connection() {
    let mut script = Script::new();
    script.used();
    script.server().rst_ack().is(Stage::Rst, "CLOSED?", "CLOSED");
    assert_eq!(script.verdict().close, Close::Rst);
}

#[test]
fn a_half_closed_connection_is_noted_after_a_minute() {
    let mut script = Script::new();
    script.used();
    script.client().fin();
    script.server().ack();
    let noted = |ms| script.verdict_after_ms(ms).findings.contains(Finding::HalfClosedLong);
    assert!(!noted(59_000));
    assert!(noted(61_000));
}

#[test]
fn a_second_fin_after_more_than_a_minute_is_noted_too() {
    let mut script = Script::new();
    script.used();
    script.client().fin();
    script.server().ack();
    script.server().fin().after_ms(61_000);
    script.client().ack();
    assert!(script.verdict().findings.contains(Finding::HalfClosedLong));
}

#[test]
fn a_connection_closed_by_both_is_not_half_closed() {
    let mut script = Script::new();
    script.closed();
    let verdict = script.verdict_after_ms(100_000);
    assert!(!verdict.findings.contains(Finding::HalfClosedLong));
}

#[test]
fn a_midstream_connection_closes_as_any_other() {
    let mut script = Script::new();
    script.open_before_capture();
    // A FIN of the server may have come before: then this would be LAST-ACK.
    script.client().fin().is(Stage::Fin, "FIN-WAIT-1?", "CLOSE-WAIT?");
    // And this TIME-WAIT.
    script.server().ack().is(Stage::FinAcked, "FIN-WAIT-2?", "CLOSE-WAIT?");
    script.server().fin().is(Stage::SecondFin, "TIME-WAIT?", "LAST-ACK");
    script.client().ack().is(Stage::SecondFinAcked, "TIME-WAIT", "CLOSED?");
    assert_eq!(script.verdict().close, Close::Fin);
}

#[test]
fn an_end_that_sends_data_midstream_has_not_closed_before() {
    let mut script = Script::new();
    script.open_before_capture();
    script.server().data(5);
    script.client().fin().is(Stage::Fin, "FIN-WAIT-1", "CLOSE-WAIT?");
    script.server().ack().is(Stage::FinAcked, "FIN-WAIT-2?", "CLOSE-WAIT");
    let mut script = Script::new();
    script.open_before_capture();
    script.client().data(5);
    script.client().fin().is(Stage::Fin, "FIN-WAIT-1?", "CLOSE-WAIT?");
    script.server().ack().is(Stage::FinAcked, "FIN-WAIT-2?", "CLOSE-WAIT?");
}

#[test]
fn the_ack_of_a_fin_midstream_may_be_the_last() {
    // The server's FIN came first, before the capture.
    let mut script = Script::new();
    script.open_before_capture();
    script.server().fin().uncaptured();
    script.client().fin().is(Stage::Fin, "FIN-WAIT-1?", "CLOSE-WAIT?");
    script.server().ack().is(Stage::FinAcked, "FIN-WAIT-2?", "CLOSE-WAIT?");
}

#[test]
fn a_repeated_fin_midstream_may_have_crossed_the_other() {
    let mut script = Script::new();
    script.open_before_capture();
    script.client().fin().uncaptured().lost();
    script.server().fin();
    script.client().ack().acking(2).seq(2).is(Stage::FinAcked, "CLOSE-WAIT?", "FIN-WAIT-2?");
    script.client().send(TcpFlags::FIN | TcpFlags::ACK).seq(1).acking(2).is(
        Stage::SecondFin,
        "LAST-ACK?",
        "TIME-WAIT?",
    );
}

#[test]
fn an_ack_of_what_is_missing_may_be_that_of_a_fin() {
    let mut script = Script::new();
    script.used();
    script.client().ack().is(Stage::None, "ESTABLISHED", "ESTABLISHED");
    script.server().fin().uncaptured();
    script.client().ack().is(Stage::None, "ESTABLISHED?", "ESTABLISHED?");
    script.client().data(3).is(Stage::None, "ESTABLISHED?", "ESTABLISHED?");
    script.server().ack().is(Stage::None, "ESTABLISHED?", "ESTABLISHED?");
    // It follows with a gap, where the FIN was.
    let mut script = Script::new();
    script.used();
    script.server().fin().uncaptured();
    script.server().ack().is(Stage::None, "ESTABLISHED?", "ESTABLISHED?");
    script.client().fin().is(Stage::Fin, "FIN-WAIT-1?", "CLOSE-WAIT?");
}

#[test]
fn data_behind_what_is_missing_shows_that_it_was_no_fin() {
    for late in [false, true] {
        let mut script = Script::new();
        script.used();
        let next = script.server().data(7).uncaptured();
        drop(next);
        script.client().ack().is(Stage::None, "ESTABLISHED?", "ESTABLISHED?");
        if late {
            // Recorded late.
            script.server().repeat().is(Stage::None, "ESTABLISHED", "ESTABLISHED");
        } else {
            script.server().data(1).is(Stage::None, "ESTABLISHED", "ESTABLISHED");
        }
        script.client().ack().is(Stage::None, "ESTABLISHED", "ESTABLISHED");
    }
}

#[test]
fn data_behind_what_is_missing_proves_nothing_of_an_end_that_has_only_opened() {
    // In a simultaneous open, the client may still be in SYN-RECEIVED.
    let mut script = Script::new();
    script.client().syn().lost();
    script.server().syn();
    script.client().syn_ack();
    script.server().data(7).uncaptured();
    script.server().ack().is(Stage::None, "ESTABLISHED?", "ESTABLISHED?");
    script.server().data(1).is(Stage::None, "ESTABLISHED?", "ESTABLISHED");
}

#[test]
fn a_missing_fin_takes_the_proof_from_the_end_that_waits_for_it() {
    // The client's ACK of the server's FIN, which is missing.
    let mut script = Script::new();
    script.used();
    script.client().fin().is(Stage::Fin, "FIN-WAIT-1", "CLOSE-WAIT?");
    script.server().ack().is(Stage::FinAcked, "FIN-WAIT-2?", "CLOSE-WAIT");
    script.server().fin().uncaptured();
    script.client().ack().is(Stage::None, "FIN-WAIT-2?", "CLOSE-WAIT?");
}

#[test]
fn fins_that_are_repeated_may_cross_again() {
    let mut script = Script::new();
    script.used();
    script.client().fin().lost().is(Stage::Fin, "FIN-WAIT-1", "CLOSE-WAIT?");
    let second = script.server().fin().lost();
    second.is(Stage::FinSimultaneous, "CLOSING?", "FIN-WAIT-1");
    script.client().repeat().after_ms(300).lost();
    // It has still not got the other.
    script.server().repeat().lost().is(Stage::FinSimultaneous, "CLOSING?", "FIN-WAIT-1");
}

#[test]
fn a_midstream_connection_may_be_reset() {
    let mut script = Script::new();
    script.open_before_capture();
    script.client().data(5);
    script.server().rst_ack().is(Stage::Rst, "CLOSED?", "CLOSED");
    assert_eq!(script.verdict().close, Close::Rst);
}

/// The FIN that is acknowledged has itself acknowledged the one that was sent again.
#[test]
fn an_ack_of_the_second_fin_proves_the_own_fin_acknowledged() {
    let mut script = Script::new();
    script.used();
    script.server().fin();
    script.client().fin().lost().stage(Stage::FinAndAck);
    script.server().repeat().after_ms(300).is(Stage::Fin, "LAST-ACK", "FIN-WAIT-1");
    // The client's FIN arrives at last.
    script.server().ack().acking(7).is(Stage::SecondFinAcked, "CLOSED?", "TIME-WAIT");
}

#[test]
fn in_a_simultaneous_close_the_ack_of_the_own_fin_stays_assumed() {
    let mut script = Script::new();
    script.used();
    script.client().fin().lost();
    script.server().fin();
    script.client().ack().lost();
    script.server().repeat().after_ms(300).is(Stage::FinSimultaneous, "CLOSING", "FIN-WAIT-1");
    script.client().ack().is(Stage::None, "CLOSING", "FIN-WAIT-2?");
    // The capture does not show whether that arrived before the client's FIN.
    script.server().ack().acking(7).is(Stage::FinAcked, "TIME-WAIT?", "TIME-WAIT?");
}

#[test]
fn a_fin_on_the_final_ack_that_acknowledges_a_fin_is_both_when_it_is_sent_again() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack();
    script.server().fin().stage(Stage::Fin);
    script.client().fin().stage(Stage::FinalAck);
    script.client().repeat().after_ms(1000).stage(Stage::FinAndAck);
}

/// RFC 9293 §3.10.7.4: a segment whose ACK acknowledges something not yet sent is dropped, with its FIN.
#[test]
fn octets_with_the_number_of_a_fin_take_it_back() {
    for (octets, taken_back) in [(1, false), (2, true), (1000, true)] {
        let mut script = Script::new();
        script.handshake();
        script.client().fin().acking(9_999).stray().is(Stage::Fin, "FIN-WAIT-1?", "CLOSE-WAIT?");
        script.server().ack().stage(Stage::None);
        script.client().data(octets).sent();
        let ack = script.server().ack().sent();
        assert_eq!(ack.0.stage == Stage::FinAcked, !taken_back, "{octets}");
        if taken_back {
            ack.is(Stage::None, "ESTABLISHED", "ESTABLISHED");
            assert_eq!(script.verdict().close, Close::Open, "{octets}");
        }
        let rst = script.server().rst_ack().sent();
        assert_eq!(rst.0.rst_acceptable(), Some(taken_back), "{octets}");
    }
}
