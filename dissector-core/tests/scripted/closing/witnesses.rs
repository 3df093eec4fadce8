//! A bare RST with the number that the segment before it acknowledges says that its sender has no such
//! connection (RFC 9293 §3.10.7.1): an RST that it was sent before has arrived.

use dissector_core::connection::{Close, ClosedBy, Finding, Outcome, RstReason, Stage};

use testkit::script::Script;

#[test]
fn what_a_client_sends_after_its_rst_opens_nothing() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack();
    script.client().rst().stage(Stage::RstHandshakeAbort);
    let ack = script.client().ack().after_ms(15_000).has(Finding::RstIgnored);
    ack.is(Stage::FinalAck, "ESTABLISHED", "ESTABLISHED?");
    // As long as nothing answers, it may have been the RST that was lost.
    assert_eq!(script.outcome(), Outcome::Complete);
    let rst = script.server().reflex().lacks(Finding::AbortedByServer);
    rst.is(Stage::RstHandshakeAbort, "CLOSED?", "CLOSED").reason(RstReason::NoConnection);
    let verdict = script.verdict();
    assert_eq!((verdict.outcome, verdict.established), (Outcome::AbortedByClient, false));
    assert_eq!((verdict.close, verdict.closed_by), (Close::Rst, Some(ClosedBy::Client)));
    assert_eq!((verdict.times.setup_time_ns, verdict.frames.final_ack), (None, None));
    assert_eq!((verdict.frames.rst, verdict.rst_reason), (Some(3), Some(RstReason::NoConnection)));
    for finding in [Finding::RstIgnored, Finding::HandshakeComplete, Finding::SlowHandshake] {
        assert!(!verdict.findings.contains(finding), "{finding}");
    }
    assert_eq!(script.connection().ignored_rst_frame(), None);
    // And so does all that follows.
    script.client().data(5).after_ms(300).lacks(Finding::RstIgnored);
    script.server().reflex();
    let verdict = script.verdict_after_ms(10_000);
    assert_eq!((verdict.outcome, verdict.frames.rst), (Outcome::AbortedByClient, Some(3)));
}

#[test]
fn without_the_right_number_it_is_no_witness() {
    for seq in [0, 2] {
        let mut script = Script::new();
        script.client().syn();
        script.server().syn_ack();
        script.client().rst();
        script.client().ack().after_ms(5_000);
        script.server().rst().seq(seq).stage(Stage::RstIgnored);
        script.server().data(5).after_ms(2_000);
        assert_eq!(script.outcome(), Outcome::Complete, "{seq}");
    }
}

#[test]
fn a_server_that_goes_on_has_not_received_the_rst() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack();
    script.client().rst().lost();
    script.client().data(5);
    script.server().ack().is(Stage::None, "ESTABLISHED", "ESTABLISHED");
    script.client().data(5);
    script.server().reflex().stage(Stage::Rst);
    let verdict = script.verdict();
    assert_eq!((verdict.outcome, verdict.closed_by), (Outcome::Complete, Some(ClosedBy::Server)));
    assert!(verdict.findings.contains(Finding::RstIgnored));
}

#[test]
fn an_open_connection_ends_with_the_first_rst_too() {
    for by_client in [true, false] {
        let mut script = Script::new();
        script.used();
        script.sender(usize::from(!by_client)).rst_ack().stage(Stage::Rst);
        script.sender(usize::from(!by_client)).data(7).has(Finding::RstIgnored);
        script.sender(usize::from(by_client)).reflex().stage(Stage::Rst).lacks(Finding::RstAbort);
        let verdict = script.verdict();
        let by = if by_client { ClosedBy::Client } else { ClosedBy::Server };
        assert_eq!((verdict.outcome, verdict.close), (Outcome::Complete, Close::Rst));
        assert_eq!((verdict.closed_by, verdict.frames.rst), (Some(by), Some(6)));
        assert_eq!(verdict.rst_reason, Some(RstReason::Abort));
        assert!(!verdict.findings.contains(Finding::RstIgnored));
        assert_eq!(verdict.frames.final_ack, Some(3));
    }
}

#[test]
fn the_receiver_of_the_rst_may_prove_alive_even_so() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack();
    script.client().rst().lost();
    script.client().ack();
    // Another machine behind the same address.
    script.server().reflex();
    assert_eq!(script.outcome(), Outcome::AbortedByClient);
    script.server().data(5).after_ms(5_000).has(Finding::RstIgnored);
    assert_eq!(script.outcome(), Outcome::Complete);
}

#[test]
fn a_fin_after_an_rst_that_has_arrived_closes_nothing() {
    let mut script = Script::new();
    script.used();
    script.client().rst_ack();
    script.client().fin().has(Finding::RstIgnored).stage(Stage::Fin);
    script.server().reflex().stage(Stage::Rst);
    let verdict = script.verdict();
    assert_eq!((verdict.close, verdict.frames.rst), (Close::Rst, Some(6)));
}
