//! SYN/ACKs that echo a timestamp which the client has never sent.

use dissector_core::connection::{Finding, Outcome, Stage};

use testkit::script::Script;

const NEVER_SENT: u32 = 0xdead_beef;

/// A SYN with timestamps, ten seconds after the client's clock began.
fn opened() -> Script {
    let mut script = Script::new();
    script.wait_ms(10_000);
    script.client().syn().mss(1460).ts();
    script
}

#[test]
fn a_client_that_refuses_the_echo_stays_in_syn_sent() {
    let mut script = opened();
    let synack = script.server().syn_ack().mss(1460).ts_echo(NEVER_SENT);
    synack.is(Stage::SynAck, "SYN-SENT", "SYN-RECEIVED");
    let rst = script.client().reflex().lacks(Finding::AbortedByClient);
    rst.is(Stage::RstHandshakeAbort, "SYN-SENT", "LISTEN?");
    assert_eq!(script.outcome(), Outcome::BadSynAck);
    let again = script.client().repeat().after_ms(1_000).lacks(Finding::SynAckNotReceived);
    again.is(Stage::Syn, "SYN-SENT", "SYN-RECEIVED?").of_connection(0);
    // From a server that has forgotten the first, or repeats it.
    let synack = script.server().syn_ack().raw_seq(77).ts_echo(NEVER_SENT);
    synack.is(Stage::SynAck, "SYN-SENT", "SYN-RECEIVED").lacks(Finding::SynAckIsnChanged);
    script.client().reflex();
    script.server().syn_ack().after_ms(500).raw_seq(77).ts_echo(NEVER_SENT);
    script.client().reflex();
    let verdict = script.verdict_after_ms(60_000);
    assert_eq!((verdict.outcome, verdict.syn_count), (Outcome::BadSynAck, 2));
    assert_eq!((verdict.synack_count, verdict.frames.synack), (3, None));
    assert!(script.connection().echo_refused());
}

#[test]
fn a_synack_with_another_echo_completes_the_attempt_after_all() {
    let mut script = opened();
    script.server().syn_ack().raw_seq(900_000).ts_echo(NEVER_SENT).lost();
    script.client().rst().raw_seq(1_001).stage(Stage::RstHandshakeAbort);
    script.client().repeat().after_ms(1_000);
    script.server().syn_ack().ts().is(Stage::SynAck, "ESTABLISHED?", "SYN-RECEIVED");
    script.client().ack().is(Stage::FinalAck, "ESTABLISHED", "ESTABLISHED?");
    script.server().data(10).is(Stage::None, "ESTABLISHED", "ESTABLISHED");
    let verdict = script.verdict();
    assert_eq!((verdict.outcome, verdict.frames.synack), (Outcome::Complete, Some(5)));
    assert_eq!(verdict.times.rtt_server_ns, Some(10_000_000));
}

#[test]
fn a_stack_that_takes_the_echo_completes_the_handshake() {
    let mut script = opened();
    script.server().syn_ack().mss(1460).ts_echo(NEVER_SENT);
    script.client().ack().is(Stage::FinalAck, "ESTABLISHED", "ESTABLISHED?");
    assert_eq!(script.outcome(), Outcome::Complete);
    assert!(!script.connection().echo_refused());
}

#[test]
fn only_a_bare_rst_refuses_the_echo() {
    let mut script = opened();
    script.server().syn_ack().mss(1460).ts_echo(NEVER_SENT);
    script.client().rst_ack().is(Stage::RstHandshakeAbort, "CLOSED", "LISTEN?");
    assert_eq!(script.outcome(), Outcome::AbortedByClient);
}

#[test]
fn an_echo_that_may_have_been_sent_is_no_reason_for_the_rst() {
    // (echo relative to the SYN's timestamp, whether the client can have sent it)
    for (after, sent) in [(0, true), (5, true), (-1, false), (-10_000, false), (200, false)] {
        let mut script = opened();
        let echo = 10_010_u32.wrapping_add_signed(after);
        let synack = script.server().syn_ack().ts_echo(echo);
        synack.is(Stage::SynAck, if sent { "ESTABLISHED?" } else { "SYN-SENT" }, "SYN-RECEIVED");
        script.client().reflex();
        let outcome = if sent { Outcome::AbortedByClient } else { Outcome::BadSynAck };
        assert_eq!(script.outcome(), outcome, "{after}");
    }
}

#[test]
fn no_echo_is_no_reason_either() {
    for with_zero in [false, true] {
        let mut script = opened();
        let synack = script.server().syn_ack().mss(1460);
        let synack = if with_zero { synack.ts_echo(0) } else { synack };
        synack.is(Stage::SynAck, "ESTABLISHED?", "SYN-RECEIVED");
        script.client().reflex();
        assert_eq!(script.outcome(), Outcome::AbortedByClient);
    }
    // Nor one that answers a SYN which was not captured.
    let mut script = Script::new();
    script.client().syn().ts().uncaptured();
    script.server().syn_ack().ts_echo(NEVER_SENT);
    script.client().reflex();
    assert_eq!(script.outcome(), Outcome::UnsolicitedSynAck);
}

#[test]
fn a_clock_with_faster_ticks_is_known_by_its_syns() {
    // A microsecond a tick: the second SYN carries what the SYN/ACK echoes.
    let mut script = Script::new();
    script.client().syn().ts_value(1_000).lost();
    script.client().syn().ts_value(1_001_000).after_ms(1_000);
    script.server().syn_ack().ts_echo(1_001_000).is(Stage::SynAck, "ESTABLISHED?", "SYN-RECEIVED");
    script.client().reflex();
    assert_eq!(script.outcome(), Outcome::AbortedByClient);
}
