//! The negotiation of options and of explicit congestion notification in SYN and SYN/ACK.

use dissector_core::connection::{
    Close, Ecn, Finding, Negotiated, OpenType, Outcome, Repeat, Severity, Stage,
};

use testkit::script::Script;

const COOKIE: &[u8] = &[1, 2, 3, 4, 5, 6, 7, 8];

/// A handshake with these bits AE, CWR and ECE in the SYN and in the SYN/ACK.
fn ecn(syn: u16, syn_ack: u16) -> Script {
    let mut script = Script::new();
    script.client().syn().ace(syn);
    script.server().syn_ack().ace(syn_ack);
    script.client().ack();
    script
}

fn negotiated(script: &Script) -> Negotiated {
    script.verdict().negotiated
}

#[test]
fn everything_offered_and_taken_up() {
    let mut script = Script::new();
    script.client().syn().mss(1460).sack().ts().ws(7);
    script.server().syn_ack().mss(1400).sack().ts().ws(2);
    script.client().ack();
    let in_force = negotiated(&script);
    assert_eq!((in_force.mss_client, in_force.mss_server), (Some(1460), Some(1400)));
    assert_eq!((in_force.wscale_client, in_force.wscale_server), (Some(7), Some(2)));
    assert_eq!((in_force.sack, in_force.ts), (Some(true), Some(true)));
    let findings = script.verdict().findings;
    for finding in [
        Finding::SynAckOptionNotOffered,
        Finding::WscaleOneSided,
        Finding::TsDropped,
        Finding::MssSmall,
        Finding::SynOptionsChanged,
        Finding::MptcpFallback,
    ] {
        assert!(!findings.contains(finding), "{finding:?}");
    }
}

#[test]
fn an_ordinary_syn_offers_no_option() {
    let mut script = Script::new();
    script.handshake();
    let in_force = negotiated(&script);
    assert_eq!((in_force.mss_client, in_force.mss_server), (Some(536), Some(536)));
    assert_eq!((in_force.wscale_client, in_force.wscale_server), (Some(-1), Some(-1)));
    assert_eq!((in_force.sack, in_force.ts), (Some(false), Some(false)));
    assert!(!script.verdict().findings.contains(Finding::WscaleOneSided));
}

#[test]
fn the_default_segment_size_of_ipv6_is_larger() {
    let mut script = Script::over_ipv6();
    script.handshake();
    let in_force = negotiated(&script);
    assert_eq!((in_force.mss_client, in_force.mss_server), (Some(1220), Some(1220)));
}

#[test]
fn a_small_segment_size_is_noted() {
    for (mss, small) in [(535, true), (536, false)] {
        let mut script = Script::new();
        let syn = script.client().syn().mss(mss).sent();
        assert_eq!(syn.0.findings.contains(Finding::MssSmall), small, "{mss}");
        let syn_ack = script.server().syn_ack().mss(mss).sent();
        assert_eq!(syn_ack.0.findings.contains(Finding::MssSmall), small, "{mss}");
    }
}

#[test]
fn a_small_segment_size_of_ipv6_is_noted() {
    for (mss, small) in [(1219, true), (1220, false)] {
        let mut script = Script::over_ipv6();
        let syn = script.client().syn().mss(mss).sent();
        assert_eq!(syn.0.findings.contains(Finding::MssSmall), small, "{mss}");
    }
}

#[test]
fn a_missing_segment_size_is_not_small() {
    let mut script = Script::new();
    script.client().syn().lacks(Finding::MssSmall);
}

#[test]
fn window_scaling_takes_both_sides() {
    let mut script = Script::new();
    script.client().syn().ws(7);
    script.server().syn_ack().has(Finding::WscaleOneSided);
    script.client().ack();
    let in_force = negotiated(&script);
    assert_eq!((in_force.wscale_client, in_force.wscale_server), (Some(-1), Some(-1)));
}

#[test]
fn sack_and_timestamps_take_both_sides() {
    let mut script = Script::new();
    script.client().syn().sack().ts();
    script.server().syn_ack();
    script.client().ack();
    assert_eq!((negotiated(&script).sack, negotiated(&script).ts), (Some(false), Some(false)));
}

#[test]
fn a_synack_must_not_bring_what_was_not_offered() {
    assert_eq!(Finding::SynAckOptionNotOffered.severity(), Severity::Error);
    for option in 0..3 {
        let mut script = Script::new();
        script.client().syn().mss(1460);
        let answer = script.server().syn_ack().mss(1460);
        let answer = match option {
            0 => answer.ws(7),
            1 => answer.sack(),
            _ => answer.ts(),
        };
        answer.has(Finding::SynAckOptionNotOffered);
    }
}

#[test]
fn a_segment_size_needs_no_offer() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack().mss(1460).lacks(Finding::SynAckOptionNotOffered);
}

#[test]
fn an_unsolicited_synack_is_not_judged_by_a_syn_that_was_not_seen() {
    let mut script = Script::of_server_only();
    script.client().syn().ws(7).sack().ts();
    script.server().syn_ack().ws(7).sack().ts().lacks(Finding::SynAckOptionNotOffered);
    assert_eq!(negotiated(&script).mss_client, None);
}

#[test]
fn timestamps_once_negotiated_must_stay() {
    let mut script = Script::new();
    script.client().syn().ts();
    script.server().syn_ack().ts();
    script.client().ack().lacks(Finding::TsDropped);
    script.client().data(5).without_options().has(Finding::TsDropped);
}

#[test]
fn an_rst_may_lack_the_timestamps() {
    let mut script = Script::new();
    script.client().syn().ts();
    script.server().syn_ack().ts();
    script.client().ack();
    script.client().rst_ack().lacks(Finding::TsDropped);
}

#[test]
fn timestamps_that_were_not_negotiated_are_not_missed() {
    let mut script = Script::new();
    script.client().syn().ts();
    script.server().syn_ack();
    script.client().ack().lacks(Finding::TsDropped);
}

#[test]
fn a_syn_copy_with_other_options_is_a_fallback() {
    let mut script = Script::new();
    script.client().syn().mss(1460).ws(7).sack().lost();
    script.client().repeat().after_ms(1000).lacks(Finding::SynOptionsChanged);
    let third = script.client().syn().mss(1460).after_ms(2000).has(Finding::SynOptionsChanged);
    third.copy(Repeat::Retransmission);
}

#[test]
fn a_newer_timestamp_is_no_other_option() {
    let mut script = Script::new();
    script.client().syn().mss(1460).ts().lost();
    script.client().repeat().after_ms(1000).lacks(Finding::SynOptionsChanged);
}

#[test]
fn a_syn_copy_without_the_ecn_bits_is_a_fallback_and_no_new_attempt() {
    let mut script = Script::new();
    script.client().syn().ace(0b111).lost();
    script.client().repeat().after_ms(1000).lacks(Finding::SynOptionsChanged);
    let third = script.client().repeat().ace(0).after_ms(1000).has(Finding::SynOptionsChanged);
    third.copy(Repeat::Retransmission).of_connection(0);
    assert_eq!(script.verdict().syn_count, 3);
}

#[test]
fn ecn_is_not_asked_for() {
    assert_eq!(ecn(0, 0).verdict().ecn, Ecn::None);
}

#[test]
fn classic_ecn() {
    assert_eq!(ecn(0b011, 0b001).verdict().ecn, Ecn::Classic);
}

#[test]
fn classic_ecn_is_refused() {
    assert_eq!(ecn(0b011, 0).verdict().ecn, Ecn::Refused);
}

#[test]
fn classic_ecn_is_reflected() {
    let script = ecn(0b011, 0b011);
    assert_ne!(script.verdict().ecn, Ecn::Classic);
    assert_ne!(script.verdict().ecn, Ecn::AccEcn);
}

#[test]
fn accurate_ecn_has_four_answers() {
    for code in [0b010, 0b011, 0b100, 0b110] {
        assert_eq!(ecn(0b111, code).verdict().ecn, Ecn::AccEcn, "{code:03b}");
    }
}

#[test]
fn accurate_ecn_may_fall_back_to_classic() {
    assert_eq!(ecn(0b111, 0b001).verdict().ecn, Ecn::Classic);
}

#[test]
fn accurate_ecn_is_refused() {
    assert_eq!(ecn(0b111, 0).verdict().ecn, Ecn::Refused);
}

#[test]
fn accurate_ecn_is_reflected_by_a_broken_responder() {
    let mut script = Script::new();
    script.client().syn().ace(0b111);
    script.server().syn_ack().ace(0b111).has(Finding::EcnBroken);
    script.client().ack();
    assert_eq!(script.verdict().ecn, Ecn::Broken);
    let verdict = ecn(0b111, 0b010).verdict();
    assert!(!verdict.findings.contains(Finding::EcnBroken));
}

#[test]
fn the_third_ack_of_accurate_ecn_repeats_the_code() {
    for code in [0b010, 0b011, 0b100, 0b110] {
        let mut script = Script::new();
        script.client().syn().ace(0b111).is(Stage::Syn, "SYN-SENT", "SYN-RECEIVED?");
        script.server().syn_ack().ace(code).is(Stage::SynAck, "ESTABLISHED?", "SYN-RECEIVED");
        script.client().ack().ace(code).is(Stage::FinalAck, "ESTABLISHED", "ESTABLISHED?");
        assert_eq!(script.outcome(), Outcome::Complete);
    }
}

#[test]
fn without_the_handshake_ecn_is_unknown() {
    let mut script = Script::new();
    script.open_before_capture();
    script.client().data(5);
    assert_eq!(script.verdict().ecn, Ecn::Unknown);
    assert_eq!(negotiated(&script), Negotiated::default());
}

// Options of the SYN/ACK are judged by the SYN copy that it answers.

#[test]
fn a_synack_may_take_up_what_an_earlier_copy_of_the_syn_offered() {
    let mut script = Script::new();
    script.client().syn().mss(1460).ws(7).sack().ts();
    let first = script.clock_ms();
    script.client().syn().mss(1460).after_ms(1000).has(Finding::SynOptionsChanged);
    let answer = script.server().syn_ack().mss(1460).ws(7).sack().ts_echo(first);
    answer.lacks(Finding::SynAckOptionNotOffered);
    let in_force = script.verdict().negotiated;
    assert_eq!((in_force.sack, in_force.ts), (Some(true), Some(true)));
    assert_eq!((in_force.wscale_client, in_force.wscale_server), (Some(7), Some(7)));
}

#[test]
fn ecn_is_what_the_answered_copy_of_the_syn_asked_for() {
    let mut script = Script::new();
    script.client().syn().ts().ace(0b111);
    let first = script.clock_ms();
    script.client().syn().ts().after_ms(1000);
    script.server().syn_ack().ts_echo(first).ace(0b010);
    script.client().ack();
    assert_eq!(script.verdict().ecn, Ecn::AccEcn);
}

// Fast Open: the SYN/ACK may carry data and a FIN.

#[test]
fn a_synack_of_fast_open_may_carry_a_fin() {
    let mut script = Script::new();
    script.client().syn().cookie(COOKIE).carrying(10);
    let answer = script.server().syn_ack().taking(10).carrying(20).and_fin();
    let answer = answer.stage(Stage::SynAck).lacks(Finding::IllegalFlags);
    assert_eq!(answer.0.server.to_string(), "FIN-WAIT-1");
    script.client().ack().seq(11).stage(Stage::FinalAck);
    assert_eq!(script.verdict().close, Close::HalfClosed);
}

// Only a full SYN/ACK reflection of 111 is a broken responder; 011 answered by 011 is no ECN.

#[test]
fn classic_ecn_reflected_is_no_broken_accurate_ecn() {
    let mut script = Script::new();
    script.client().syn().ace(0b011);
    script.server().syn_ack().ace(0b011).lacks(Finding::EcnBroken);
    assert_eq!(script.verdict().ecn, Ecn::Refused);
}

// A SYN with MP_JOIN that is answered without it opens an ordinary connection.

#[test]
fn a_subflow_that_the_server_did_not_join_is_no_join() {
    let mut script = Script::new();
    script.client().syn().mp_join();
    script.server().syn_ack();
    script.client().ack();
    assert_eq!(script.verdict().open_type, OpenType::ThreeWay);
}

// A fallback from Fast Open is reported once.

#[test]
fn a_syn_that_is_repeated_without_fast_open_falls_back_once() {
    let mut script = Script::new();
    script.client().syn().mss(1460).cookie(COOKIE).carrying(10).lost();
    script.client().syn().mss(1460).after_ms(1000).lost().has(Finding::TfoFallback);
    script.client().syn().mss(1460).after_ms(1000).lacks(Finding::TfoFallback);
}
