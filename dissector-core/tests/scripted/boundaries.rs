//! Exact limits: times, ranges, numbers of things.

use dissector_core::connection::{Ecn, Finding, IcmpSeen, Outcome, Stage};

use testkit::script::Script;

#[test]
fn two_repeats_end_the_wait_and_one_with_three_seconds() {
    // (repeats, milliseconds after the last, outcome)
    for (repeats, ms, outcome) in [
        (0, 100_000, Outcome::Complete),
        (1, 2_999, Outcome::Pending),
        (1, 3_000, Outcome::NotAccepted),
        (2, 0, Outcome::NotAccepted),
    ] {
        let mut script = Script::new();
        script.handshake();
        for _ in 0..repeats {
            script.server().syn_ack().after_ms(1000);
        }
        assert_eq!(script.outcome_after_ms(ms), outcome, "{repeats} {ms}");
    }
}

#[test]
fn the_wait_for_the_final_ack_begins_anew_with_another_responder() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack();
    script.server().syn_ack().raw_seq(9000).after_ms(2000);
    assert_eq!(script.outcome_after_ms(2_999), Outcome::Pending);
    assert_eq!(script.outcome_after_ms(3_000), Outcome::NoFinalAck);
}

#[test]
fn pending_is_neither_failed_nor_established() {
    let mut script = Script::new();
    script.client().syn();
    let verdict = script.verdict();
    assert_eq!(verdict.outcome, Outcome::Pending);
    assert!(!verdict.outcome.failed() && !verdict.established);
}

#[test]
fn rsts_and_icmp_errors_need_no_wait() {
    let mut script = Script::new();
    script.client().syn();
    script.server().refusal();
    assert_eq!(script.outcome(), Outcome::Refused);

    let mut script = Script::new();
    script.client().syn();
    script.icmp(3, 1, 1);
    assert_eq!(script.outcome(), Outcome::Unreachable);

    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack();
    script.client().rst();
    assert_eq!(script.outcome(), Outcome::AbortedByClient);
}

#[test]
fn a_pending_connection_stays_until_it_is_decided() {
    let mut script = Script::new();
    script.client().syn();
    script.wait_ms(119_999).elsewhere();
    assert!(script.take_closed().is_empty());
    script.wait_ms(1).elsewhere_for_a_while();
    assert_eq!(script.take_closed().len(), 1);
}

#[test]
fn a_late_segment_prolongs_the_stay() {
    let mut script = Script::new();
    script.closed();
    script.wait_ms(119_000);
    script.server().ack().of_connection(0);
    script.wait_ms(119_999).elsewhere();
    assert!(script.take_closed().is_empty());
    script.wait_ms(1).elsewhere_for_a_while();
    assert_eq!(script.take_closed().len(), 1);
}

#[test]
fn an_icmp_error_finds_a_closed_connection_while_it_stays() {
    let mut script = Script::new();
    script.client().syn();
    script.client().repeat().after_ms(1000);
    script.wait_ms(119_000);
    assert!(script.icmp(3, 1, 2).is_some());
    assert_eq!(script.outcome(), Outcome::Unreachable);
}

#[test]
fn after_it_has_left_the_ports_begin_anew() {
    let mut script = Script::new();
    script.closed();
    script.wait_ms(120_000).elsewhere();
    script.client().restarts(90_000).syn().lacks(Finding::PortReused);
    assert_eq!(script.connection().attempt(), 1);
}

#[test]
fn an_open_connection_never_leaves_by_itself() {
    let mut script = Script::new();
    script.used();
    script.wait_ms(86_400_000).elsewhere();
    assert!(script.take_closed().is_empty());
    script.server().data(5).of_connection(0);
}

#[test]
fn every_code_of_icmp() {
    let codes = |kind: u8| match kind {
        3 => 0..=15,
        11 => 0..=1,
        12 => 0..=2,
        _ => 0..=0,
    };
    for kind in [0, 3, 4, 5, 8, 9, 10, 11, 12, 13] {
        for code in codes(kind) {
            let mut script = Script::new();
            script.client().syn();
            let seen = script.icmp(kind, code, 1);
            let is_error = matches!(kind, 3 | 11 | 12);
            assert_eq!(seen.is_some(), is_error, "{kind}/{code}");
            if let Some(seen) = seen {
                seen.stage(Stage::IcmpError).has(Finding::Unreachable).of_connection(0);
                assert_eq!(script.verdict().icmp, Some(IcmpSeen { kind, code }));
                assert_eq!(script.verdict().frames.icmp, Some(2));
            }
        }
    }
}

#[test]
fn every_code_of_icmpv6() {
    for (kind, codes) in
        [(1, 0..=8), (2, 0..=0), (3, 0..=1), (4, 0..=2), (128, 0..=0), (135, 0..=0)]
    {
        for code in codes {
            let mut script = Script::over_ipv6();
            script.client().syn();
            let is_error = matches!((kind, code), (1, 0..=6) | (3 | 4, _));
            assert_eq!(script.icmp(kind, code, 1).is_some(), is_error, "{kind}/{code}");
        }
    }
}

#[test]
fn the_first_icmp_error_counts() {
    let mut script = Script::new();
    script.client().syn();
    script.icmp(11, 0, 1);
    script.client().repeat().after_ms(1000);
    script.icmp(3, 1, 3);
    let verdict = script.verdict();
    assert_eq!(verdict.icmp, Some(IcmpSeen { kind: 11, code: 0 }));
    assert_eq!(verdict.frames.icmp, Some(2));
}

#[test]
fn one_way_outweighs_an_icmp_error() {
    let mut script = Script::of_client_only();
    script.handshake();
    script.client().data(5);
    script.icmp(3, 4, 3);
    assert_eq!(script.outcome(), Outcome::OneWay);
}

/// SYN and SYN/ACK codes of AE, CWR and ECE, and what they agree on (RFC 9768 §3.1.2, RFC 3168 §6.1.1).
#[test]
fn the_table_of_accurate_ecn() {
    for (syn, syn_ack, ecn) in [
        (0b111, 0b000, Ecn::Refused),
        (0b111, 0b001, Ecn::Classic),
        (0b111, 0b010, Ecn::AccEcn),
        (0b111, 0b011, Ecn::AccEcn),
        (0b111, 0b100, Ecn::AccEcn),
        (0b111, 0b101, Ecn::Classic),
        (0b111, 0b110, Ecn::AccEcn),
        (0b111, 0b111, Ecn::Broken),
        (0b011, 0b000, Ecn::Refused),
        (0b011, 0b001, Ecn::Classic),
        (0b000, 0b000, Ecn::None),
        // No set-up asks with these.
        (0b001, 0b001, Ecn::None),
        (0b010, 0b000, Ecn::None),
    ] {
        let mut script = Script::new();
        script.client().syn().ace(syn);
        let answer = script.server().syn_ack().ace(syn_ack).sent();
        let broken = answer.0.findings.contains(Finding::EcnBroken);
        assert_eq!(script.verdict().ecn, ecn, "{syn:03b} {syn_ack:03b}");
        assert_eq!(broken, ecn == Ecn::Broken, "{syn:03b} {syn_ack:03b}");
        script.client().ack().stage(Stage::FinalAck);
    }
}

#[test]
fn ecn_is_unknown_until_the_answer() {
    let mut script = Script::new();
    script.client().syn().ace(0b111);
    assert_eq!(script.verdict().ecn, Ecn::Unknown);
}

#[test]
fn the_final_ack_may_lie_on_either_side_of_zero() {
    // (client's first number, server's)
    for (client, server) in
        [(u32::MAX, u32::MAX), (0, u32::MAX), (u32::MAX, 0), (0x7fff_ffff, 0x8000_0000)]
    {
        let mut script = Script::new();
        script.client().restarts(client);
        script.server().restarts(server);
        script.client().syn();
        script.server().syn_ack().lacks(Finding::BadSynAck);
        assert!(script.client().ack().sent().0.final_ack, "{client} {server}");
        script.server().syn_ack().after_ms(1000).has(Finding::SynAckRetxAfterAck);
    }
}

#[test]
fn refusals_wrap() {
    let mut script = Script::new();
    script.client().restarts(u32::MAX);
    script.client().syn();
    script.server().refusal().raw_ack(0).stage(Stage::RstRefusal);
    assert_eq!(script.outcome(), Outcome::Refused);
}

#[test]
fn a_challenge_wraps() {
    for (ack, stage) in
        [(u32::MAX, Stage::ChallengeAck), (0, Stage::SplitAck), (1, Stage::ChallengeAck)]
    {
        let mut script = Script::new();
        script.client().restarts(u32::MAX);
        script.client().syn();
        script.server().ack().raw_seq(7).raw_ack(ack).stage(stage);
    }
}

#[test]
fn a_half_close_is_long_after_a_minute_exactly() {
    for (ms, long) in [(60_000, false), (60_001, true)] {
        let mut script = Script::new();
        script.used();
        script.client().fin();
        let verdict = script.verdict_after_ms(ms);
        assert_eq!(verdict.findings.contains(Finding::HalfClosedLong), long, "{ms}");
    }
}
