//! Further evidence on a cause: silence, repetitions, and the segment that an RST answers.

use dissector_core::connection::{Cause, Close, Evidence, Outcome, Verdict};

use testkit::script::Script;

/// The causes that the connection's own packets leave, the likeliest first.
fn causes(verdict: &Verdict) -> Vec<Cause> {
    let advice = verdict.advice().expect("something went wrong");
    advice.causes_given(verdict.cause_evidence).iter().map(|weighed| weighed.cause).collect()
}

fn has(verdict: &Verdict, evidence: Evidence) -> bool {
    verdict.cause_evidence.contains(evidence)
}

#[test]
fn an_rst_to_data_after_a_long_silence() {
    for (silence_ms, after_silence) in [(9_900, false), (10_100, true), (350_000, true)] {
        for bare in [true, false] {
            let mut script = Script::new();
            script.used();
            script.client().data(100).after_ms(silence_ms);
            script.client().repeat().after_ms(300);
            let rst = if bare { script.server().reflex() } else { script.server().rst_ack() };
            rst.after_ms(20).sent();
            let verdict = script.verdict();
            assert_eq!(verdict.close, Close::Rst);
            assert_eq!(has(&verdict, Evidence::SilenceBeforeData), after_silence);
            assert_eq!(has(&verdict, Evidence::RstAtOnce), !after_silence);
            let left = causes(&verdict);
            assert_eq!(left[0] == Cause::IdleTimeout, after_silence, "{left:?}");
        }
    }
}

/// The end that resets has sent something since the silence: it is no answer to what broke it.
#[test]
fn an_rst_long_after_the_silence_is_over() {
    let mut script = Script::new();
    script.used();
    script.client().data(100).after_ms(60_000);
    script.server().ack().after_ms(20);
    script.client().data(100).after_ms(20);
    script.server().rst_ack().after_ms(20);
    let verdict = script.verdict();
    assert!(!has(&verdict, Evidence::SilenceBeforeData));
    assert_eq!(causes(&verdict)[0], Cause::ProgramAborts);
}

#[test]
fn an_rst_after_nothing_but_silence() {
    let mut script = Script::new();
    script.used();
    script.server().rst_ack().after_ms(240_000);
    let verdict = script.verdict();
    assert!(has(&verdict, Evidence::SilenceBeforeRst));
    assert_eq!(causes(&verdict)[..2], [Cause::IdleTimeout, Cause::ProgramAborts]);
}

#[test]
fn keep_alives_without_an_answer_explain_the_silence() {
    for octets in [0, 1] {
        let mut script = Script::new();
        script.used();
        for _ in 0..4 {
            script.client().keep_alive(octets).after_ms(30_000);
        }
        script.client().rst_ack().after_ms(30_000);
        let verdict = script.verdict();
        assert_eq!(verdict.cause, Some(Cause::PeerSilent));
        assert!(!has(&verdict, Evidence::SilenceBeforeRst));
    }
}

#[test]
fn a_syn_ack_that_nothing_acknowledges() {
    let unacknowledged = |repeats: bool, more: bool| {
        let mut script = Script::new();
        script.client().syn().mss(1460).sack().ts();
        script.server().syn_ack().mss(1460).sack().ts();
        if more {
            script.client().ack().raw_ack(77);
        }
        if repeats {
            script.server().repeat().after_ms(1000);
            script.server().repeat().after_ms(2000);
        }
        let verdict = script.verdict_after_ms(10_000);
        assert_eq!((verdict.outcome, verdict.cause), (Outcome::NoFinalAck, None));
        causes(&verdict)
    };
    // A client that is there would have sent its SYN again, and an ACK would have ended the repetitions.
    let repeated = unacknowledged(true, false);
    assert_eq!(repeated, [Cause::ForgedSyn, Cause::ClientGone, Cause::SynAckLost]);
    assert_eq!(unacknowledged(false, false)[0], Cause::FinalAckBypasses);
    // It is there, and has sent an ACK of something else.
    let there = unacknowledged(true, true);
    assert!(!there.contains(&Cause::ClientGone), "{there:?}");
}

#[test]
fn a_server_that_gives_up_its_syn_ack() {
    for bare in [true, false] {
        let mut script = Script::new();
        script.client().syn().sack();
        script.server().syn_ack().sack();
        for wait_ms in [1000, 2000, 4000] {
            script.server().repeat().after_ms(wait_ms);
        }
        let rst = if bare { script.server().rst() } else { script.server().rst_ack() };
        rst.after_ms(8000).sent();
        let verdict = script.verdict();
        assert_eq!(verdict.outcome, Outcome::AbortedByServer);
        assert_eq!(verdict.cause, Some(Cause::HandshakeTimedOut));
        // The client has acknowledged nothing, so the number of a bare RST shows nothing.
        assert!(!has(&verdict, Evidence::RstBare));
    }
    let mut script = Script::new();
    script.client().syn().sack();
    script.server().syn_ack().sack();
    script.server().rst_ack().after_ms(10);
    assert!(!causes(&script.verdict()).contains(&Cause::HandshakeTimedOut));
}

#[test]
fn an_rst_that_answers_a_fin_answers_no_data() {
    for (wait_ms, cause) in [(100, None), (70_000, Some(Cause::OrphanTimedOut))] {
        let mut script = Script::new();
        script.used();
        script.client().fin();
        script.server().ack();
        script.server().fin().after_ms(wait_ms);
        script.client().reflex();
        let verdict = script.verdict();
        assert_eq!((verdict.close, verdict.cause), (Close::RstAfterFin, cause));
        assert!(has(&verdict, Evidence::RstAnswersFin));
        assert!(!has(&verdict, Evidence::RstAnswersDataAfterFin));
        assert!(!causes(&verdict).contains(&Cause::ClosedWhileReceiving));
    }
}

#[test]
fn a_syn_proxy_that_does_not_reach_the_server_resets() {
    let reset = |window: u16, bare_ack: bool| {
        let mut script = Script::new();
        script.client().syn().sack();
        script.server().syn_ack().window(window);
        script.client().ack();
        if bare_ack {
            script.server().ack().window(63);
        }
        script.server().rst_ack().after_ms(3000);
        script.verdict().cause
    };
    assert_eq!(reset(0, false), Some(Cause::SynProxy));
    assert_ne!(reset(1000, false), Some(Cause::SynProxy));
    assert_ne!(reset(0, true), Some(Cause::SynProxy));
}

#[test]
fn a_server_that_acknowledges_has_accepted() {
    for answers in [false, true] {
        let mut script = Script::new();
        script.handshake();
        script.client().data(500).lost();
        if answers {
            script.server().ack().acking(1);
        }
        script.client().repeat().after_ms(300);
        script.client().repeat().after_ms(600);
        script.client().repeat().after_ms(1200);
        let verdict = script.verdict_after_ms(5_000);
        let left = causes(&verdict);
        assert_eq!(left.contains(&Cause::AcceptQueueFull), !answers, "{left:?}");
    }
}

#[test]
fn a_host_that_knows_of_no_connection_may_be_of_several_kinds() {
    let mut script = Script::new();
    script.handshake();
    script.server().reflex().after_ms(20);
    let verdict = script.verdict();
    assert_eq!(verdict.outcome, Outcome::AbortedByServer);
    let left = causes(&verdict);
    assert_eq!(left[0], Cause::AbortOnOverflow, "{left:?}");
    assert!(left.contains(&Cause::SynCookieRejected) && left.contains(&Cause::OtherMachine));
}

#[test]
fn a_syn_into_a_connection_that_is_open() {
    let mut script = Script::new();
    script.used();
    script.client().restarts(900_000);
    script.client().syn().sack().after_ms(30_000);
    script.client().repeat().after_ms(1000);
    script.client().repeat().after_ms(2000);
    let verdict = script.verdict_after_ms(10_000);
    assert_eq!((verdict.outcome, verdict.cause), (Outcome::NoReply, None));
    assert!(has(&verdict, Evidence::SynIntoOpen));
    assert_eq!(causes(&verdict)[0], Cause::EarlierStillOpen);
}

#[test]
fn an_error_from_the_servers_own_address() {
    let unreachable = |code: u8| {
        let mut script = Script::new();
        script.client().syn().sack();
        script.icmp_of_receiver(3, code, 1);
        let verdict = script.verdict();
        assert!(has(&verdict, Evidence::IcmpFromServer));
        (verdict.cause, causes(&verdict))
    };
    // A firewall there, or a device that translates the address of a host that is down.
    let (cause, left) = unreachable(1);
    assert_eq!((cause, left[0]), (None, Cause::FirewallRejects));
    assert!(left.contains(&Cause::HostDown));
    assert_eq!(unreachable(3).0, Some(Cause::FirewallRejects));
}

#[test]
fn an_ack_of_further_octets_is_no_challenge() {
    for (further, close) in [(true, Close::Open), (false, Close::Rst)] {
        let mut script = Script::new();
        script.used();
        script.client().data(5);
        // In the window, but not the number that the client expects.
        script.server().rst_ack().seq(60);
        if further {
            script.server().data(100);
        }
        script.client().ack();
        assert_eq!(script.verdict().close, close);
    }
}

#[test]
fn a_fin_that_is_never_acknowledged_ends_in_an_rst() {
    let mut script = Script::new();
    script.used();
    script.client().fin();
    for wait_ms in [300, 600, 1200, 2400] {
        script.client().repeat().after_ms(wait_ms);
    }
    script.client().rst_ack().after_ms(4800);
    let verdict = script.verdict();
    assert_eq!((verdict.close, verdict.cause), (Close::RstAfterFin, Some(Cause::PeerSilent)));
}

/// Some systems answer such data with RST and ACK.
#[test]
fn an_rst_with_ack_may_answer_data_after_a_fin() {
    let mut script = Script::new();
    script.used();
    script.client().fin();
    script.server().data(31);
    script.client().rst_ack();
    let verdict = script.verdict();
    let cause = Some(Cause::ClosedWhileReceiving);
    assert_eq!((verdict.close, verdict.cause), (Close::RstAfterFin, cause));
}

#[test]
fn data_behind_a_syn_ack_that_was_not_captured_forges_nothing() {
    let mut script = Script::new();
    script.client().syn().cookie(&[1, 2, 3, 4, 5, 6, 7, 8]).carrying(10);
    script.server().syn_ack().uncaptured();
    script.server().data(300).lost();
    script.server().repeat().after_ms(300).lost();
    let verdict = script.verdict_after_ms(10_000);
    assert_eq!(verdict.outcome, Outcome::NoFinalAck);
    assert_eq!(causes(&verdict)[0], Cause::SynAckLost);
    assert!(!has(&verdict, Evidence::SynAckNeverRepeated));
}

/// The other end is back when the RST comes, and resets too: that answers nothing of before.
#[test]
fn repeated_data_that_ends_in_an_rst_was_not_answered() {
    for answered in [false, true] {
        let mut script = Script::new();
        script.handshake();
        script.client().data(5);
        for wait_ms in [400, 600, 1200] {
            script.client().repeat().after_ms(wait_ms);
        }
        script.client().rst_ack().after_ms(1700);
        if answered {
            script.server().rst_ack().after_ms(50);
        }
        assert_eq!(script.verdict().cause, Some(Cause::PeerSilent));
    }
}

#[test]
fn a_program_that_closes_before_the_answer_gave_up() {
    let mut script = Script::new();
    script.client().syn().mss(1460).sack().ts();
    script.server().syn_ack().mss(1460).sack().ts().after_ms(100);
    script.client().reflex();
    let verdict = script.verdict();
    assert_eq!((verdict.outcome, verdict.cause), (Outcome::AbortedByClient, None));
    assert_eq!(causes(&verdict)[0], Cause::ClientGaveUp);
}
