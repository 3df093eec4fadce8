//! How connections open: the final ACK, Fast Open, simultaneous open, split handshake, MPTCP.

use dissector_core::connection::{Finding, OpenType, Outcome, Repeat, Role, RoleBasis, Stage};
use dissector_core::wire::TcpFlags;

use testkit::script::Script;

const COOKIE: &[u8] = &[1, 2, 3, 4, 5, 6, 7, 8];

#[test]
fn the_final_ack_completes_the_handshake_and_says_so() {
    let mut script = Script::new();
    script.client().syn().lacks(Finding::HandshakeComplete);
    script.server().syn_ack().lacks(Finding::HandshakeComplete);
    let third = script.client().ack().has(Finding::HandshakeComplete);
    assert!(third.0.final_ack);
    script.client().ack().lacks(Finding::HandshakeComplete);
    let verdict = script.verdict();
    assert_eq!((verdict.outcome, verdict.open_type), (Outcome::Complete, OpenType::ThreeWay));
    assert!(verdict.established);
    let frames = verdict.frames;
    assert_eq!((frames.syn, frames.synack, frames.final_ack), (Some(1), Some(2), Some(3)));
}

#[test]
fn the_final_ack_may_carry_options_and_the_urgent_flag() {
    let mut script = Script::new();
    script.client().syn().mss(1460).ws(7).sack().ts();
    script.server().syn_ack().mss(1460).ws(7).sack().ts();
    let third = script.client().data(9).urgent();
    assert!(third.is(Stage::FinalAck, "ESTABLISHED", "ESTABLISHED?").0.final_ack);
}

#[test]
fn the_final_ack_may_carry_data_and_a_fin() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack();
    script.client().data(7).and_fin().is(Stage::FinalAck, "FIN-WAIT-1", "CLOSE-WAIT?");
    script.server().ack().is(Stage::FinAcked, "FIN-WAIT-2?", "CLOSE-WAIT");
}

#[test]
fn no_second_segment_is_the_final_ack() {
    let mut script = Script::new();
    script.handshake();
    assert!(!script.client().data(5).stage(Stage::None).0.final_ack);
    assert!(!script.client().repeat().stage(Stage::None).0.final_ack);
    assert_eq!(script.verdict().frames.final_ack, Some(3));
}

#[test]
fn an_ack_beyond_what_the_server_sent_is_not_the_final_one() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack().carrying(10);
    script.client().ack().acking(12).stage(Stage::None);
    script.client().ack().acking(11).stage(Stage::FinalAck);
}

#[test]
fn an_ack_from_the_server_is_not_the_final_one() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack();
    assert!(!script.server().ack().stage(Stage::None).0.final_ack);
    script.client().ack().stage(Stage::FinalAck);
}

#[test]
fn the_capture_length_does_not_count() {
    let mut script = Script::new();
    script.handshake();
    script.client().data(1000).snapped();
    script.client().data(100).and_fin().snapped();
    script.server().ack().acking(1001).is(Stage::None, "FIN-WAIT-1", "CLOSE-WAIT?");
    script.server().ack().acking(1102).is(Stage::FinAcked, "FIN-WAIT-2?", "CLOSE-WAIT");
}

#[test]
fn fast_open_accepted() {
    let mut script = Script::new();
    script.client().syn().cookie(COOKIE).carrying(10).lacks(Finding::SynDataWithoutCookie);
    script.server().syn_ack().taking(10).lacks(Finding::TfoFallback);
    script.client().ack().seq(11).is(Stage::FinalAck, "ESTABLISHED", "ESTABLISHED?");
    assert_eq!(script.verdict().open_type, OpenType::FastOpen);
    assert_eq!(script.outcome(), Outcome::Complete);
}

#[test]
fn fast_open_accepted_in_part() {
    let mut script = Script::new();
    script.client().syn().cookie(COOKIE).carrying(10);
    script.server().syn_ack().taking(4).is(Stage::SynAck, "ESTABLISHED?", "SYN-RECEIVED");
    script.client().data(6).seq(5).stage(Stage::FinalAck);
}

#[test]
fn fast_open_ignored_is_a_fallback() {
    let mut script = Script::new();
    script.client().syn().cookie(COOKIE).carrying(10);
    script.server().syn_ack().is(Stage::SynAck, "ESTABLISHED?", "SYN-RECEIVED");
    script.client().data(10).seq(1).stage(Stage::FinalAck);
    assert!(script.verdict().findings.contains(Finding::TfoFallback));
    assert_eq!(script.verdict().open_type, OpenType::ThreeWay);
}

#[test]
fn a_syn_repeated_without_fast_open_is_a_fallback() {
    let mut script = Script::new();
    script.client().syn().mss(1460).cookie(COOKIE).carrying(10).lost();
    let again = script.client().syn().mss(1460).after_ms(1000);
    again.has(Finding::TfoFallback).copy(Repeat::Retransmission);
}

#[test]
fn a_cookie_request_is_an_ordinary_handshake() {
    let mut script = Script::new();
    let syn = script.client().syn().cookie(&[]).sent();
    syn.lacks(Finding::SynDataWithoutCookie).lacks(Finding::TfoFallback);
    script.server().syn_ack().cookie(COOKIE).lacks(Finding::SynAckOptionNotOffered);
    script.client().ack().lacks(Finding::TfoFallback);
    assert_eq!(script.verdict().open_type, OpenType::ThreeWay);
}

#[test]
fn data_in_a_syn_without_a_cookie_is_noted() {
    let mut script = Script::new();
    script.client().syn().carrying(10).has(Finding::SynDataWithoutCookie);
}

#[test]
fn the_final_ack_of_fast_open_may_start_anywhere_in_the_data_of_the_syn() {
    for (seq, stage) in [
        (0, Stage::None),
        (1, Stage::FinalAck),
        (6, Stage::FinalAck),
        (11, Stage::FinalAck),
        (12, Stage::None),
    ] {
        let mut script = Script::new();
        script.client().syn().cookie(COOKIE).carrying(10);
        script.server().syn_ack().taking(10);
        script.client().ack().seq(seq).stage(stage);
    }
}

#[test]
fn with_fast_open_the_server_may_send_before_the_final_ack() {
    let mut script = Script::new();
    script.client().syn().cookie(COOKIE).carrying(10);
    script.server().syn_ack().taking(10);
    let early = script.server().data(20).lacks(Finding::DataBeforeEstablished);
    early.is(Stage::None, "ESTABLISHED?", "SYN-RECEIVED");
    script.client().ack().is(Stage::FinalAck, "ESTABLISHED", "ESTABLISHED?");
}

#[test]
fn without_fast_open_data_before_the_final_ack_is_noted() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack();
    script.server().data(20).has(Finding::DataBeforeEstablished);
    script.client().ack().lacks(Finding::DataBeforeEstablished);
    script.server().data(20).lacks(Finding::DataBeforeEstablished);
}

#[test]
fn simultaneous_open_is_noted_and_is_no_retransmission() {
    let mut script = Script::new();
    script.client().syn();
    let crossing = script.server().syn().has(Finding::SimultaneousOpen).copy(Repeat::Original);
    crossing.stage(Stage::SynCrossing).of_connection(0).lacks(Finding::SynRetx);
    script.client().syn_ack().copy(Repeat::Original).lacks(Finding::SynRetx);
    script.server().syn_ack().copy(Repeat::Original).has(Finding::HandshakeComplete);
    assert_eq!(script.verdict().open_type, OpenType::Simultaneous);
    assert_eq!(script.verdict().syn_count, 1);
    assert_eq!(script.connections(), 1);
}

#[test]
fn an_ordinary_handshake_is_not_simultaneous() {
    let mut script = Script::new();
    script.used();
    let findings = script.verdict().findings;
    for finding in [Finding::SimultaneousOpen, Finding::SplitHandshake, Finding::SelfConnect] {
        assert!(!findings.contains(finding));
    }
}

#[test]
fn after_a_simultaneous_open_the_next_row_shows_both_established() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn();
    script.client().syn_ack();
    let fourth = script.server().syn_ack();
    fourth.is(Stage::SynAckSimultaneous, "ESTABLISHED?", "SYN-RECEIVED");
    script.server().ack().is(Stage::None, "ESTABLISHED?", "ESTABLISHED?");
}

#[test]
fn a_repeated_synack_of_a_simultaneous_open_keeps_its_stage() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn();
    script.client().syn_ack().lost();
    let again = script.client().repeat().after_ms(1000).copy(Repeat::Retransmission);
    again.stage(Stage::SynAckSimultaneous).has(Finding::SynAckRetx);
}

#[test]
fn a_reset_of_a_simultaneous_open_closes_the_active_side() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn();
    script.client().syn_ack();
    script.client().rst_ack().is(Stage::RstHandshakeAbort, "CLOSED", "CLOSED?");
}

#[test]
fn a_simultaneous_open_whose_first_syn_was_lost_looks_like_a_split_handshake() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn();
    script.client().syn_ack();
    let last = script.server().ack().has(Finding::SplitHandshake);
    assert!(last.0.final_ack);
    last.is(Stage::FinalAck, "ESTABLISHED?", "ESTABLISHED");
    let verdict = script.verdict();
    assert_eq!((verdict.outcome, verdict.open_type), (Outcome::Complete, OpenType::Simultaneous));
    assert!(verdict.findings.contains(Finding::SimultaneousOpen));
}

#[test]
fn an_rst_in_a_simultaneous_open_refuses_nothing() {
    // After the second SYN, or after the SYN/ACK of either end.
    for (from, outcome) in [(0, Outcome::AbortedByClient), (1, Outcome::AbortedByServer)] {
        for with_ack in [false, true] {
            for synacks in [&[][..], &[0], &[1]] {
                let mut script = Script::new();
                script.client().syn();
                script.server().syn();
                for end in synacks {
                    script.sender(*end).syn_ack();
                }
                let sender = script.sender(from);
                let rst = if with_ack { sender.rst_ack() } else { sender.rst() };
                let rst = rst.stage(Stage::RstHandshakeAbort);
                rst.lacks(Finding::Refused);
                assert_eq!(script.outcome(), outcome, "{with_ack} {synacks:?}");
            }
        }
    }
}

#[test]
fn split_handshake_in_five_segments() {
    let mut script = Script::new();
    script.client().syn();
    let ack = script.server().ack().seq(0).raw_ack(1001);
    ack.stage(Stage::SplitAck).lacks(Finding::ChallengeAck);
    let syn = script.server().syn().of_connection(0);
    syn.is(Stage::SynCrossing, "SYN-RECEIVED?", "SYN-RECEIVED");
    let both_acknowledged = script.client().syn_ack().sent();
    both_acknowledged.is(Stage::SynAckSimultaneous, "SYN-RECEIVED", "ESTABLISHED?");
    assert!(both_acknowledged.0.final_ack);
    assert!(!script.server().ack().sent().0.final_ack);
    let verdict = script.verdict();
    assert_eq!((verdict.outcome, verdict.open_type), (Outcome::Complete, OpenType::Split));
    assert!(verdict.findings.contains(Finding::SplitHandshake));
}

#[test]
fn the_client_may_answer_a_split_syn_with_a_plain_ack() {
    let mut script = Script::new();
    script.client().syn();
    script.server().ack().seq(0).raw_ack(1001).stage(Stage::SplitAck);
    script.server().syn().of_connection(0);
    let ack = script.client().ack().sent();
    assert!(ack.0.final_ack);
    ack.is(Stage::FinalAck, "ESTABLISHED", "ESTABLISHED?");
    script.server().data(5).is(Stage::None, "ESTABLISHED", "ESTABLISHED");
    let verdict = script.verdict();
    assert_eq!((verdict.outcome, verdict.open_type), (Outcome::Complete, OpenType::Split));
}

#[test]
fn an_ack_behind_a_syn_ack_that_was_not_captured_splits_nothing() {
    for data in [0, 5] {
        let mut script = Script::new();
        script.client().syn();
        script.server().syn_ack().uncaptured();
        if data == 0 {
            script.client().ack().has(Finding::SynAckNotCaptured);
        }
        script.client().data(100);
        script.server().ack().is(Stage::None, "ESTABLISHED", "ESTABLISHED");
        let verdict = script.verdict();
        assert_eq!(verdict.open_type, OpenType::ThreeWay);
        assert!(!verdict.findings.contains(Finding::SplitHandshake));
    }
}

#[test]
fn a_lone_ack_does_not_determine_the_number_of_the_syn_that_follows() {
    for sequence in [0, 4999, 5001, 0x9000_0000] {
        let mut script = Script::new();
        script.client().syn();
        script.server().ack().raw_seq(sequence).raw_ack(1001).stage(Stage::SplitAck);
        script.server().syn().of_connection(0);
        script.client().syn_ack();
        assert_eq!(script.outcome(), Outcome::Complete, "{sequence}");
    }
}

#[test]
fn a_connection_to_itself_has_no_roles() {
    let mut script = Script::between(("10.0.0.1", 40_000), ("10.0.0.1", 40_000));
    let syn = script.client().syn().has(Finding::SelfConnect);
    assert_eq!(syn.0.sender, Role::Unknown);
    let syn_ack = script.client().syn_ack().raw_ack(1001).sent();
    assert_eq!(syn_ack.0.sender, Role::Unknown);
    script.client().ack().raw_ack(1001);
    let verdict = script.verdict();
    assert_eq!((verdict.outcome, verdict.open_type), (Outcome::Complete, OpenType::SelfConnect));
}

#[test]
fn the_fourth_segment_of_an_mptcp_join() {
    let mut script = Script::new();
    script.client().syn().mp_join();
    script.server().syn_ack().mp_join().lacks(Finding::MptcpFallback);
    script.client().ack().mp_join().is(Stage::FinalAck, "ESTABLISHED", "ESTABLISHED?");
    script.server().ack().stage(Stage::MpJoinAck);
    script.server().ack().stage(Stage::None);
    assert_eq!(script.verdict().open_type, OpenType::MpJoin);
}

#[test]
fn an_ordinary_connection_has_no_fourth_step() {
    let mut script = Script::new();
    script.handshake().server().ack().stage(Stage::None);
}

#[test]
fn the_third_segment_of_mptcp_may_carry_the_keys() {
    let mut script = Script::new();
    script.client().syn().mp_capable();
    script.server().syn_ack().mp_capable().lacks(Finding::MptcpFallback);
    script.client().ack().mp_capable().stage(Stage::FinalAck).lacks(Finding::MptcpFallback);
    assert_eq!(script.verdict().open_type, OpenType::ThreeWay);
}

#[test]
fn mptcp_that_is_not_taken_up_is_a_fallback() {
    let mut script = Script::new();
    script.client().syn().mp_capable();
    script.server().syn_ack().has(Finding::MptcpFallback);
    script.client().ack();
    assert_eq!(script.outcome(), Outcome::Complete);
}

#[test]
fn either_of_two_synacks_may_be_acknowledged() {
    for choice in [5000, 9000] {
        let mut script = Script::new();
        script.client().syn();
        script.server().syn_ack().lacks(Finding::SynAckIsnChanged);
        let second = script.server().syn_ack().raw_seq(9000).has(Finding::SynAckIsnChanged);
        second.copy(Repeat::Original).lacks(Finding::SynAckRetx);
        script.client().ack().raw_ack(choice + 1).stage(Stage::FinalAck);
        assert_eq!(script.outcome(), Outcome::Complete, "{choice}");
    }
}

#[test]
fn the_final_ack_need_not_take_all_the_data_of_the_synack() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack().carrying(10);
    script.client().ack().acking(5).stage(Stage::FinalAck);
    assert_eq!(script.outcome(), Outcome::Complete);
}

#[test]
fn a_synack_has_to_acknowledge_the_syn() {
    for ack in [0, 2, 0x8000_0000] {
        let mut script = Script::new();
        script.client().syn();
        let bad = script.server().syn_ack().acking(ack).has(Finding::BadSynAck);
        assert_eq!(bad.0.client.to_string(), "SYN-SENT", "{ack}");
        // The right one is accepted all the same.
        script.server().syn_ack().lacks(Finding::BadSynAck);
        script.client().ack().stage(Stage::FinalAck);
        assert_eq!(script.outcome(), Outcome::Complete);
    }
}

#[test]
fn the_capture_lacks_the_syn() {
    let mut script = Script::new();
    script.client().syn().uncaptured();
    script.server().syn_ack().has(Finding::SynNotCaptured);
    script.client().ack().stage(Stage::FinalAck);
    assert_eq!(script.connection().role_basis(), RoleBasis::SynAck);
    assert_eq!(script.connection().client().port(), 40_000);
    assert_eq!((script.outcome(), script.verdict().frames.syn), (Outcome::Complete, None));
}

#[test]
fn the_capture_lacks_the_synack() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack().uncaptured();
    let third = script.client().ack().has(Finding::SynAckNotCaptured);
    third.is(Stage::FinalAck, "ESTABLISHED", "ESTABLISHED?");
    assert_eq!(script.verdict().frames.synack, None);
}

#[test]
fn without_the_synack_the_final_ack_has_to_follow_the_syn() {
    let mut script = Script::of_client_only();
    script.client().syn();
    script.server().syn_ack();
    script.client().data(5).seq(100).stage(Stage::None);
}

#[test]
fn the_capture_lacks_the_final_ack() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack();
    script.client().data(5).uncaptured();
    let next = script.client().data(5).has(Finding::FinalAckNotCaptured);
    next.is(Stage::None, "ESTABLISHED", "ESTABLISHED?");
    assert_eq!((script.outcome(), script.verdict().frames.final_ack), (Outcome::Complete, None));
}

#[test]
fn a_whole_handshake_lacks_nothing() {
    let mut script = Script::new();
    script.used();
    let findings = script.verdict().findings;
    for finding in
        [Finding::SynNotCaptured, Finding::SynAckNotCaptured, Finding::FinalAckNotCaptured]
    {
        assert!(!findings.contains(finding));
    }
}

#[test]
fn a_syn_recorded_after_its_synack_is_late() {
    let mut script = Script::new();
    script.client().syn().held();
    script.server().syn_ack();
    let syn = script.frame(2).has(Finding::OutOfOrderHandshake).copy(Repeat::Late);
    syn.is(Stage::Syn, "ESTABLISHED?", "SYN-RECEIVED").of_connection(0);
    script.client().ack().stage(Stage::FinalAck);
    let verdict = script.verdict();
    assert_eq!((verdict.outcome, verdict.syn_count), (Outcome::Complete, 1));
    assert_eq!(script.connections(), 1);
}

#[test]
fn a_handshake_in_order_is_not_out_of_order() {
    let mut script = Script::new();
    script.used();
    assert!(!script.verdict().findings.contains(Finding::OutOfOrderHandshake));
}

#[test]
fn flags_that_do_not_go_together_are_noted() {
    for flags in [
        TcpFlags::SYN | TcpFlags::FIN,
        TcpFlags::SYN | TcpFlags::RST,
        TcpFlags::empty(),
        TcpFlags::FIN,
        TcpFlags::FIN | TcpFlags::PSH | TcpFlags::URG,
    ] {
        let mut script = Script::new();
        script.client().send(flags).stage(Stage::IllegalFlags).has(Finding::IllegalFlags);
        script.client().syn().lacks(Finding::IllegalFlags);
    }
}

#[test]
fn ipv6_is_no_different() {
    let mut script = Script::over_ipv6();
    script.client().syn().is(Stage::Syn, "SYN-SENT", "SYN-RECEIVED?");
    script.server().syn_ack().is(Stage::SynAck, "ESTABLISHED?", "SYN-RECEIVED");
    script.client().ack().is(Stage::FinalAck, "ESTABLISHED", "ESTABLISHED?");
    assert_eq!(script.outcome(), Outcome::Complete);
}

// `late`: recorded after a segment that answers it.

#[test]
fn a_synack_recorded_after_the_final_ack_is_late() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack().held();
    script.client().ack().stage(Stage::FinalAck);
    script.frame(3).stage(Stage::SynAck).copy(Repeat::Late);
}

#[test]
fn a_synack_recorded_late_was_captured() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack().held();
    script.client().ack().stage(Stage::FinalAck);
    assert!(!script.verdict().findings.contains(Finding::SynAckNotCaptured));
}

// Simultaneous open where the tap misses one of the SYNs: both sides send SYN/ACKs.

#[test]
fn two_synacks_are_a_simultaneous_open_though_one_syn_was_missed() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn().uncaptured();
    script.client().syn_ack().stage(Stage::SynAckSimultaneous);
    script.server().syn_ack().stage(Stage::SynAckSimultaneous);
    let verdict = script.verdict();
    assert_eq!((verdict.outcome, verdict.open_type), (Outcome::Complete, OpenType::Simultaneous));
}

#[test]
fn two_synacks_are_a_simultaneous_open_though_the_first_syn_was_missed() {
    let mut script = Script::new();
    script.client().syn().uncaptured();
    script.server().syn();
    script.client().syn_ack();
    assert!(script.server().syn_ack().sent().0.final_ack);
    let verdict = script.verdict();
    assert_eq!((verdict.outcome, verdict.open_type), (Outcome::Complete, OpenType::Simultaneous));
}

#[test]
fn a_synack_that_comes_a_second_after_the_final_ack_is_not_late() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack().uncaptured();
    script.client().ack().stage(Stage::FinalAck);
    script.server().syn_ack().after_ms(1000).copy(Repeat::Original);
}

#[test]
fn a_split_handshake_is_no_simultaneous_open() {
    let mut script = Script::new();
    script.client().syn();
    script.server().ack().stage(Stage::SplitAck);
    script.server().syn().has(Finding::SplitHandshake);
    script.client().syn_ack().lacks(Finding::SimultaneousOpen);
    script.server().ack();
    assert_eq!(script.verdict().open_type, OpenType::Split);
}
