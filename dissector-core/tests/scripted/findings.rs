//! Rules that the engine does not keep yet. Each case moves to the file of its subject once it holds.

use dissector_core::connection::{
    Anomaly, Close, Copy, Ecn, OpenType, Outcome, RstReason, Stage, Vantage,
};

use crate::network::repeats_of_the_synack;
use crate::script::Script;

const COOKIE: &[u8] = &[1, 2, 3, 4, 5, 6, 7, 8];

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
        again.has(Anomaly::SynAckRetxAfterAck).lacks(Anomaly::SynAckRetxCrossed);
        let third = script.server().syn_ack().ts_if(timestamps).after_ms(2000).sent();
        assert_eq!(third.0.server.to_string(), "SYN-RECEIVED");
        assert_eq!(script.outcome(), Outcome::NotAccepted);
    }
}

#[test]
fn a_synack_has_crossed_the_final_ack_within_one_round_trip() {
    let (crossed, refused, wrong) = repeats_of_the_synack();
    assert!(crossed > 50 && refused > 50, "{crossed} {refused}");
    assert_eq!(wrong.len(), 0, "of {crossed} and {refused}, seed and frame: {wrong:?}");
}

// RFC 9293 §3.10.7.3: to an unacceptable ACK the client answers with an RST, drops the segment and
// stays in SYN-SENT. That RST ends what the server holds, not the client's attempt (Figure 8).

#[test]
fn the_rst_that_answers_a_wrong_synack_leaves_the_client_in_syn_sent() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack().acking(500).has(Anomaly::BadSynAck);
    let rst = script.client().rst().acking(0).raw_seq(1500);
    let rst = rst.lacks(Anomaly::AbortedByClient);
    assert_eq!(rst.0.client.to_string(), "SYN-SENT");
}

#[test]
fn a_right_synack_after_a_wrong_one_and_its_rst_is_no_ignored_rst() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack().acking(500);
    script.client().rst().raw_seq(1500);
    script.server().syn_ack().raw_seq(90_000).lacks(Anomaly::BadSynAck);
    assert_eq!(script.outcome_after_ms(3000), Outcome::NoFinalAck);
    script.client().ack().raw_ack(90_001).stage(Stage::FinalAck).lacks(Anomaly::RstIgnored);
    assert_eq!(script.outcome(), Outcome::Complete);
}

#[test]
fn the_syn_repeated_after_a_wrong_synack_and_its_rst_is_the_same_attempt() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack().acking(500);
    script.client().rst().raw_seq(1500);
    let again = script.client().repeat().after_ms(1000).of_connection(0);
    again.copy(Copy::Retransmission);
}

// `no_final_ack`: the client never acknowledges nor resets. It did reset.

#[test]
fn an_rst_of_the_client_that_is_lost_beyond_the_tap_is_an_abort_all_the_same() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack();
    script.client().rst().lost().has(Anomaly::AbortedByClient);
    script.server().repeat().after_ms(1200);
    assert_eq!(script.outcome_after_ms(10_000), Outcome::AbortedByClient);
}

// Options of the SYN/ACK are judged by the SYN copy that it answers.

#[test]
fn a_synack_may_take_up_what_an_earlier_copy_of_the_syn_offered() {
    let mut script = Script::new();
    script.client().syn().mss(1460).ws(7).sack().ts();
    let first = script.clock_ms();
    script.client().syn().mss(1460).after_ms(1000).has(Anomaly::SynOptionsChanged);
    let answer = script.server().syn_ack().mss(1460).ws(7).sack().ts_echo(first);
    answer.lacks(Anomaly::SynAckOptionNotOffered);
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

// `rst_right_after_handshake`: no payload either way.

#[test]
fn data_that_the_server_took_from_the_syn_are_payload() {
    let mut script = Script::new();
    script.client().syn().cookie(COOKIE).carrying(10);
    script.server().syn_ack().taking(10);
    script.client().ack();
    script.server().rst_ack().lacks(Anomaly::RstRightAfterHandshake).has(Anomaly::RstAbort);
}

// `unreachable` is a connection that did not come up; an ICMP error about a segment of an open one
// (path MTU discovery) is none.

#[test]
fn an_icmp_error_about_data_midstream_is_not_unreachable() {
    let mut script = Script::new();
    script.open_before_capture();
    script.client().data(1000);
    script.server().ack();
    script.client().data(1400);
    let error = script.icmp(3, 4, 3).expect("it is tied to the data");
    error.stage(Stage::IcmpError).lacks(Anomaly::Unreachable);
}

#[test]
fn an_icmp_error_about_data_is_not_unreachable_where_the_synack_was_missed() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack().uncaptured();
    script.server().data(20);
    script.client().ack();
    script.client().data(1400);
    assert_eq!(script.outcome(), Outcome::Complete);
    let error = script.icmp(3, 4, 4).expect("it is tied to the data");
    error.lacks(Anomaly::Unreachable);
}

// `late`: recorded after a segment that answers it.

#[test]
fn a_synack_recorded_after_the_final_ack_is_late() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack().held();
    script.client().ack().stage(Stage::FinalAck);
    script.frame(3).stage(Stage::SynAck).copy(Copy::Late);
}

#[test]
fn a_synack_recorded_late_was_captured() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack().held();
    script.client().ack().stage(Stage::FinalAck);
    assert!(!script.verdict().anomalies.contains(Anomaly::SynAckNotCaptured));
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

// Fast Open: the SYN/ACK may carry data and a FIN.

#[test]
fn a_synack_of_fast_open_may_carry_a_fin() {
    let mut script = Script::new();
    script.client().syn().cookie(COOKIE).carrying(10);
    let answer = script.server().syn_ack().taking(10).carrying(20).and_fin();
    let answer = answer.stage(Stage::SynAck).lacks(Anomaly::IllegalFlags);
    assert_eq!(answer.0.server.to_string(), "FIN-WAIT-1");
    script.client().ack().seq(11).stage(Stage::FinalAck);
    assert_eq!(script.verdict().close, Close::HalfClosed);
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

// Only a full SYN/ACK reflection of 111 is a broken responder; 011 answered by 011 is no ECN.

#[test]
fn classic_ecn_reflected_is_no_broken_accurate_ecn() {
    let mut script = Script::new();
    script.client().syn().ace(0b011);
    script.server().syn_ack().ace(0b011).lacks(Anomaly::EcnBroken);
    assert_eq!(script.verdict().ecn, Ecn::Refused);
}

// An RST that answers a SYN/ACK nobody asked for comes from a host without the connection.

#[test]
fn an_rst_that_answers_backscatter_is_no_abort_by_a_client() {
    let mut script = Script::new();
    script.client().syn().uncaptured();
    script.server().syn_ack();
    let rst = script.client().reflex().reason(RstReason::NoConnection);
    rst.lacks(Anomaly::AbortedByClient);
}

#[test]
fn a_subflow_that_the_server_did_not_join_is_no_join() {
    let mut script = Script::new();
    script.client().syn().mp_join();
    script.server().syn_ack();
    script.client().ack();
    assert_eq!(script.verdict().open_type, OpenType::ThreeWay);
}

// The server is proven to be open, so both SYNs were acknowledged: the connection has not failed.

#[test]
fn a_server_that_is_proven_to_be_open_has_had_its_ack() {
    // The tap misses all that the client sends after its SYN.
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack();
    script.client().ack().uncaptured();
    script.client().data(5).uncaptured();
    let ack = script.server().ack().sent();
    assert_eq!(ack.0.server.to_string(), "ESTABLISHED");
    script.server().data(20);
    assert_eq!(script.outcome_after_ms(10_000), Outcome::Complete);
    assert!(!script.verdict_after_ms(10_000).anomalies.contains(Anomaly::NoFinalAck));
}

#[test]
fn an_ack_of_data_that_the_tap_missed_completes_the_handshake_too() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack();
    script.client().ack().uncaptured();
    script.server().data(100).uncaptured();
    script.client().data(5);
    let ack = script.server().ack().sent();
    assert_eq!(ack.0.server.to_string(), "ESTABLISHED");
    assert_eq!(script.outcome_after_ms(10_000), Outcome::Complete);
}

#[test]
fn data_of_the_server_prove_what_the_tap_missed() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack();
    script.client().ack().uncaptured();
    let data = script.server().data(20).sent();
    assert_eq!(data.0.server.to_string(), "ESTABLISHED");
    assert_eq!(script.outcome_after_ms(10_000), Outcome::Complete);
}

#[test]
fn an_rst_of_a_server_that_is_proven_to_be_open_is_no_abort_of_the_handshake() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack();
    script.client().data(5).uncaptured();
    script.server().data(20);
    script.server().rst_ack().stage(Stage::Rst);
    assert_eq!((script.outcome(), script.verdict().close), (Outcome::Complete, Close::Rst));
}

// The round trips of a simultaneous open: the server's SYN/ACK answers the client's SYN, the
// client's the server's.

#[test]
fn the_round_trips_of_a_simultaneous_open() {
    // The tap is next to the client.
    let mut script = Script::new();
    script.client().syn().ts();
    script.server().syn().ts().after_ms(45);
    script.client().syn_ack().ts().after_us(100);
    script.server().syn_ack().ts().after_ms(75).stage(Stage::SynAckSimultaneous);
    let verdict = script.verdict();
    assert_eq!(verdict.times.rtt_server_ns, Some(120_100_000));
    assert_eq!(verdict.times.rtt_client_ns, Some(100_000));
    assert_eq!(verdict.vantage, Vantage::NearClient);
    assert_eq!((verdict.frames.synack, verdict.synack_count), (Some(4), 1));
}

// A SYN/ACK of one of two responders that has come before is sent again.

#[test]
fn a_repeated_synack_is_a_copy_whoever_answered_in_between() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack();
    script.server().syn_ack().raw_seq(9000).copy(Copy::Original);
    let again = script.server().syn_ack().after_ms(1000).copy(Copy::Retransmission);
    again.lacks(Anomaly::SynAckIsnChanged);
}

// Fast Open falls back once.

#[test]
fn a_syn_that_is_repeated_without_fast_open_falls_back_once() {
    let mut script = Script::new();
    script.client().syn().mss(1460).cookie(COOKIE).carrying(10).lost();
    script.client().syn().mss(1460).after_ms(1000).lost().has(Anomaly::TfoFallback);
    script.client().syn().mss(1460).after_ms(1000).lacks(Anomaly::TfoFallback);
}

// `challenged`: the SYN is answered by a challenge ACK only. Here both sides go on.

#[test]
fn an_ack_ahead_of_what_was_captured_is_no_challenge_in_the_end() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack().uncaptured();
    script.client().data(5).uncaptured();
    script.server().ack();
    script.client().data(5);
    script.server().data(20);
    script.client().ack();
    script.server().ack();
    assert_ne!(script.outcome_after_ms(10_000), Outcome::Challenged);
    assert!(!script.outcome_after_ms(10_000).failed());
}

// Who sends data is past SYN-SENT and SYN-RECEIVED, whatever was missed in between.

#[test]
fn a_client_that_sends_data_is_not_in_syn_sent() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack().uncaptured();
    script.client().data(5).uncaptured();
    script.server().ack();
    let data = script.client().data(5).sent();
    assert_eq!(data.0.client.to_string(), "ESTABLISHED");
}

// Nothing is proven by a sender of whom something was missed: a FIN, perhaps.

#[test]
fn an_ack_ahead_of_its_stream_does_not_prove_close_wait() {
    let mut script = Script::new();
    script.used();
    script.client().fin().uncaptured();
    script.server().fin();
    script.client().ack().seq(7).is(Stage::FinAcked, "CLOSE-WAIT?", "FIN-WAIT-2?");
}
