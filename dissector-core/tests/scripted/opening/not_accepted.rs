//! A server that repeats its SYN/ACK after the final ACK: it waits for data, or never takes the ACK.

use dissector_core::connection::{Close, Finding, Outcome, Stage};

use testkit::script::Script;

/// A handshake whose final ACK comes `ms` milliseconds after the SYN, with timestamps in milliseconds.
fn acknowledged(timestamps: bool, ms: i64) -> Script {
    let mut script = Script::new();
    script.wait_ms(5000);
    script.client().syn().ts_if(timestamps);
    script.server().syn_ack().ts_if(timestamps).after_us(100);
    script.client().ack().after_us(ms * 1000 + 50);
    script
}

/// The SYN/ACK again, `ms` milliseconds after the final ACK.
fn repeat(script: &mut Script, ms: i64) {
    script.server().repeat().after_ms(ms).has(Finding::SynAckRetxAfterAck);
}

#[test]
fn an_echo_of_the_final_ack_after_a_pause_shows_deferred_accept() {
    for (ms, outcome) in [
        (2_400, Outcome::NotAccepted),
        (2_600, Outcome::Deferred),
        (3_000, Outcome::Deferred),
        (7_000, Outcome::Deferred),
        (12_000, Outcome::Deferred),
    ] {
        let mut script = acknowledged(true, 20);
        repeat(&mut script, ms);
        assert_eq!(script.outcome_after_ms(10_000), outcome, "{ms}");
        assert!(script.connection().final_ack_arrived(), "{ms}");
        assert!(!script.verdict_after_ms(10_000).established, "{ms}");
    }
}

/// A repetition that comes so many milliseconds after the final ACK, and is not answered, and the outcome.
const WHERE_TIMESTAMPS_DO_NOT_TELL: &[(i64, Outcome)] = &[
    (1_000, Outcome::NotAccepted),
    (2_499, Outcome::NotAccepted),
    // Others repeat it after three seconds, too.
    (2_501, Outcome::Pending),
    (3_000, Outcome::Pending),
    (3_499, Outcome::Pending),
    (3_501, Outcome::NotAccepted),
    (6_000, Outcome::NotAccepted),
    (6_499, Outcome::NotAccepted),
    (6_501, Outcome::Deferred),
    (7_499, Outcome::Deferred),
    (7_501, Outcome::NotAccepted),
    (15_000, Outcome::Deferred),
    (31_000, Outcome::Deferred),
    (63_000, Outcome::NotAccepted),
];

#[test]
fn an_echo_of_the_syn_does_not_tell() {
    for (ms, outcome) in WHERE_TIMESTAMPS_DO_NOT_TELL {
        let mut script = acknowledged(true, 20);
        let again = script.server().repeat().after_ms(*ms - 20).ts_echo(5_010);
        again.has(Finding::SynAckRetxAfterAck);
        assert_eq!(script.outcome_after_ms(10_000), *outcome, "{ms}");
        assert!(!script.connection().final_ack_arrived(), "{ms}");
    }
}

#[test]
fn where_timestamps_do_not_tell_only_the_times_of_linux_do() {
    for (ms, outcome) in WHERE_TIMESTAMPS_DO_NOT_TELL {
        // None at all, or those of SYN and final ACK are the same.
        for timestamps in [false, true] {
            let mut script = acknowledged(timestamps, 0);
            repeat(&mut script, *ms);
            assert_eq!(script.outcome_after_ms(10_000), *outcome, "{ms} {timestamps}");
            assert!(!script.connection().final_ack_arrived());
        }
    }
}

#[test]
fn a_server_that_does_not_repeat_its_synack_again_has_taken_the_answer() {
    // (milliseconds to the repetition, and after that, outcome)
    for (ms, silent_ms, outcome) in [
        (1_000, 2_900, Outcome::Pending),
        (1_000, 3_000, Outcome::Complete),
        (3_000, 7_000, Outcome::Pending),
        (3_000, 7_600, Outcome::Complete),
        (6_000, 12_000, Outcome::Pending),
        (6_000, 16_000, Outcome::Complete),
    ] {
        for echo in [5_010, 5_030] {
            if ms != 1_000 && echo == 5_030 {
                // An echo of the final ACK: deferred.
                continue;
            }
            let mut script = acknowledged(true, 20);
            script.server().repeat().after_ms(ms).ts_echo(echo);
            script.client().ack().is(Stage::None, "ESTABLISHED", "ESTABLISHED?");
            assert_eq!(script.outcome_after_ms(silent_ms), outcome, "{ms} {silent_ms}");
            let established = outcome == Outcome::Complete;
            assert_eq!(script.verdict_after_ms(silent_ms).established, established);
        }
    }
}

#[test]
fn a_server_that_has_repeated_its_synack_several_times_may_have_given_up() {
    for (repeats, outcome) in [(1, Outcome::Complete), (2, Outcome::NotAccepted)] {
        let mut script = acknowledged(false, 0);
        for nth in 0..repeats {
            script.server().repeat().after_ms(1_000 << nth);
            script.client().ack();
        }
        assert_eq!(script.outcome_after_ms(200_000), outcome, "{repeats}");
    }
}

#[test]
fn silence_shows_nothing_where_the_client_has_sent_more() {
    // The client sends data before another repetition was due, or long after.
    for (ms, outcome) in [(500, Outcome::NotAccepted), (5_000, Outcome::Complete)] {
        let mut script = acknowledged(false, 0);
        repeat(&mut script, 1_000);
        script.client().ack();
        script.client().data(5).after_ms(ms);
        assert_eq!(script.outcome_after_ms(4_000), outcome, "{ms}");
    }
    // The client has aborted it.
    for (ms, outcome) in [(500, Outcome::Pending), (5_000, Outcome::Complete)] {
        let mut script = acknowledged(false, 0);
        repeat(&mut script, 1_000);
        script.client().ack();
        script.client().rst_ack().after_ms(ms);
        assert_eq!(script.outcome_after_ms(4_000), outcome, "{ms}");
    }
}

#[test]
fn the_answer_to_the_repetition_completes_a_deferred_connection() {
    let mut script = acknowledged(true, 20);
    repeat(&mut script, 3_000);
    let server = script.server().repeat().uncaptured();
    drop(server);
    script.client().ack().is(Stage::None, "ESTABLISHED", "ESTABLISHED?");
    assert_eq!(script.outcome_after_ms(60_000), Outcome::Complete);
    assert!(script.verdict().established);
    // Unless the SYN/ACK comes once more.
    script.server().syn_ack().after_ms(4_000).is(Stage::SynAck, "ESTABLISHED", "SYN-RECEIVED");
    assert_eq!(script.outcome(), Outcome::NotAccepted);
    script.client().ack();
    assert_eq!(script.outcome(), Outcome::NotAccepted);
    script.client().data(5);
    script.server().ack();
    assert_eq!(script.outcome(), Outcome::Complete);
}

#[test]
fn data_completes_a_deferred_connection() {
    let mut script = acknowledged(true, 20);
    repeat(&mut script, 3_000);
    script.client().data(5);
    assert_eq!(script.outcome(), Outcome::Complete);
    script.server().ack().is(Stage::None, "ESTABLISHED", "ESTABLISHED");
}

#[test]
fn a_server_that_has_data_or_a_fin_defers_nothing() {
    for fin in [false, true] {
        let mut script = acknowledged(true, 20);
        if fin {
            script.client().fin().lost();
        } else {
            script.client().data(5).lost();
        }
        script.server().syn_ack().ts().after_ms(7_000).has(Finding::SynAckRetxAfterAck);
        assert_eq!(script.outcome_after_ms(10_000), Outcome::NotAccepted, "{fin}");
        assert!(script.connection().final_ack_arrived());
    }
}

#[test]
fn a_later_repetition_is_no_sign_of_deferred_accept() {
    let mut script = acknowledged(true, 20);
    repeat(&mut script, 1_000);
    repeat(&mut script, 6_000);
    assert_eq!(script.outcome(), Outcome::NotAccepted);
    // Nor is the second that the server sends, where the first came before the final ACK.
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack();
    script.server().repeat().after_ms(1_000);
    script.client().ack();
    script.server().repeat().after_ms(5_980).has(Finding::SynAckRetxAfterAck);
    assert_eq!(script.outcome_after_ms(10_000), Outcome::NotAccepted);
}

#[test]
fn a_repetition_after_a_missed_final_ack_is_no_sign_of_deferred_accept() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack();
    script.client().ack().uncaptured();
    script.server().repeat().after_ms(7_000);
    assert_eq!(script.outcome_after_ms(10_000), Outcome::NoFinalAck);
}

#[test]
fn the_echo_of_a_later_ack_shows_that_one_arrived() {
    let mut script = acknowledged(true, 20);
    // A keep-alive without data.
    script.client().keep_alive(0).after_ms(5_000);
    script.server().repeat().after_ms(2_000);
    assert!(script.connection().final_ack_arrived());
    assert_eq!(script.outcome_after_ms(10_000), Outcome::Deferred);
}

#[test]
fn an_echo_of_the_final_ack_is_no_crossing() {
    let mut script = Script::new();
    script.client().syn().ts();
    script.server().syn_ack().ts().after_ms(900);
    script.client().ack();
    let again = script.server().repeat().after_ms(890);
    again.has(Finding::SynAckRetxAfterAck).lacks(Finding::SynAckRetxCrossed);
    // This one does cross.
    let mut script = Script::new();
    script.client().syn().ts();
    script.server().syn_ack().ts().after_ms(900);
    script.client().ack();
    script.server().repeat().after_ms(890).ts_echo(10).has(Finding::SynAckRetxCrossed);
}

#[test]
fn the_timestamps_of_a_repeated_syn_are_compared_too() {
    let mut script = Script::new();
    script.client().syn().ts().lost();
    script.client().repeat().after_ms(1_000);
    script.server().syn_ack().ts();
    script.client().ack();
    script.server().repeat().after_ms(3_000).ts_echo(1_010);
    assert!(!script.connection().final_ack_arrived());
    script.server().repeat().after_ms(4_000).ts_echo(1_030);
    assert!(script.connection().final_ack_arrived());
}

#[test]
fn a_server_that_resets_what_it_has_not_taken_does_not_accept_it() {
    // RST bare or with ACK, after one repetition or two.
    for (bare, repeats) in [(false, 1), (true, 1), (false, 2), (true, 2)] {
        let mut script = Script::new();
        script.handshake();
        for _ in 0..repeats {
            repeat(&mut script, 1_000);
        }
        let rst = if bare { script.server().reflex() } else { script.server().rst_ack() };
        let rst = rst.after_ms(4_000).lacks(Finding::AbortedByServer);
        rst.is(Stage::RstHandshakeAbort, "CLOSED?", "CLOSED");
        let verdict = script.verdict();
        assert_eq!((verdict.outcome, verdict.close), (Outcome::NotAccepted, Close::Rst));
        assert!(!verdict.established);
    }
}

#[test]
fn without_a_repetition_it_aborts_or_had_accepted_it() {
    for (bare, outcome) in [(true, Outcome::AbortedByServer), (false, Outcome::Complete)] {
        let mut script = Script::new();
        script.handshake();
        let rst = if bare { script.server().reflex() } else { script.server().rst_ack() };
        drop(rst);
        assert_eq!(script.outcome(), outcome);
    }
}

#[test]
fn a_crossed_repetition_says_nothing_of_an_rst() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack().after_ms(500);
    script.client().ack().after_ms(600);
    script.server().repeat().after_ms(100).has(Finding::SynAckRetxCrossed);
    script.server().rst_ack().after_ms(3_000).stage(Stage::Rst);
    assert_eq!(script.outcome(), Outcome::Complete);
}

#[test]
fn an_rst_after_the_server_has_gone_on_aborts_an_open_connection() {
    let mut script = Script::new();
    script.handshake();
    repeat(&mut script, 1_000);
    script.client().data(5);
    script.server().ack();
    script.server().rst_ack().stage(Stage::Rst);
    assert_eq!(script.outcome(), Outcome::Complete);
}

#[test]
fn an_rst_that_acknowledges_data_comes_from_an_open_connection() {
    let mut script = Script::new();
    script.handshake();
    repeat(&mut script, 1_000);
    script.client().data(5);
    script.server().rst_ack().stage(Stage::Rst);
    assert_eq!((script.outcome(), script.verdict().close), (Outcome::Complete, Close::Rst));
    // One that acknowledges the SYN only does not.
    let mut script = Script::new();
    script.handshake();
    repeat(&mut script, 1_000);
    script.client().data(5);
    script.server().rst_ack().acking(1).stage(Stage::RstHandshakeAbort);
    assert_eq!(script.outcome(), Outcome::NotAccepted);
}

#[test]
fn a_deferred_connection_that_is_reset_was_not_accepted() {
    for answered in [false, true] {
        let mut script = acknowledged(true, 20);
        repeat(&mut script, 3_000);
        if answered {
            script.client().ack();
        }
        script.server().rst_ack().after_ms(60_000);
        assert_eq!(script.outcome(), Outcome::NotAccepted, "{answered}");
    }
}

#[test]
fn the_server_goes_on_after_an_rst_that_was_forged() {
    let mut script = Script::new();
    script.handshake();
    repeat(&mut script, 1_000);
    script.client().data(5);
    script.server().rst_ack().acking(1);
    script.server().ack().has(Finding::RstIgnored);
    assert_eq!((script.outcome(), script.verdict().close), (Outcome::Complete, Close::Open));
}

#[test]
fn a_late_synack_refutes_nothing_once_the_server_has_acknowledged_the_clients_fin() {
    for (ack_first, closed) in [(false, true), (true, true), (false, false), (true, false)] {
        let mut script = Script::new();
        script.handshake();
        script.client().fin().stage(Stage::Fin);
        if ack_first {
            script.server().ack().stage(Stage::FinAcked);
        }
        script.server().fin();
        if closed {
            script.client().ack().stage(Stage::SecondFinAcked);
        }
        let late = script.server().syn_ack().seq(0).acking(1).after_ms(2_000);
        late.has(Finding::SynAckRetxCrossed).lacks(Finding::SynAckRetxAfterAck);
        let verdict = script.verdict_after_ms(10_000);
        let close = if closed { Close::Fin } else { Close::FinUnacked };
        assert_eq!((verdict.outcome, verdict.close), (Outcome::Complete, close));
    }
}
