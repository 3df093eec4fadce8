//! RSTs: which are acceptable, why they were sent, and the state of the connection after them.

use dissector_core::connection::{
    Close, ClosedBy, Finding, OpenType, Outcome, Repeat, RstReason, Stage,
};

use testkit::script::Script;

const COOKIE: &[u8] = &[1, 2, 3, 4, 5, 6, 7, 8];

#[test]
fn a_refusal_has_to_acknowledge_the_syn() {
    for (ack, stage) in [
        (0, Stage::RstIgnored),
        (1, Stage::RstRefusal),
        (2, Stage::RstIgnored),
        (0x9000_0000, Stage::RstIgnored),
    ] {
        let mut script = Script::new();
        script.client().syn();
        script.server().refusal().acking(ack).stage(stage);
    }
}

#[test]
fn a_refusal_may_acknowledge_the_data_of_the_syn() {
    for (ack, stage) in [(1, Stage::RstRefusal), (11, Stage::RstRefusal), (12, Stage::RstIgnored)] {
        let mut script = Script::new();
        script.client().syn().carrying(10);
        script.server().refusal().acking(ack).stage(stage);
    }
}

#[test]
fn a_refusal_is_noted() {
    let mut script = Script::new();
    script.client().syn();
    let rst = script.server().refusal().has(Finding::Refused).lacks(Finding::RstUnacceptable);
    rst.lacks(Finding::RstAbort).reason(RstReason::PortClosed);
    assert_eq!(rst.0.rst_acceptable(), Some(true));
    assert_eq!(script.verdict().frames.rst, Some(2));
    assert_eq!(script.verdict().rst_reason, Some(RstReason::PortClosed));
}

#[test]
fn an_rst_before_the_answer_that_is_no_refusal_is_unacceptable() {
    let mut script = Script::new();
    script.client().syn();
    let rst = script.server().refusal().acking(0).has(Finding::RstUnacceptable);
    rst.lacks(Finding::Refused).reason(RstReason::Unacceptable);
    assert_eq!(rst.0.rst_acceptable(), Some(false));
    assert_eq!((script.verdict().frames.rst, script.verdict().rst_reason), (None, None));
}

#[test]
fn a_bare_rst_does_not_refuse_a_syn() {
    let mut script = Script::new();
    script.client().syn();
    script.server().rst().raw_seq(0).stage(Stage::RstIgnored);
    assert_eq!(script.outcome_after_ms(3000), Outcome::NoReply);
}

#[test]
fn a_later_synack_cancels_the_refusal() {
    let mut script = Script::new();
    script.client().syn();
    script.server().refusal();
    assert_eq!(script.outcome(), Outcome::Refused);
    script.server().syn_ack().stage(Stage::SynAck);
    script.client().ack().stage(Stage::FinalAck);
    assert_eq!(script.outcome(), Outcome::Complete);
    assert!(script.verdict().findings.contains(Finding::RstIgnored));
}

#[test]
fn an_unacceptable_rst_does_not_stop_the_handshake() {
    let mut script = Script::new();
    script.client().syn();
    script.server().refusal().acking(0);
    script.server().syn_ack().is(Stage::SynAck, "ESTABLISHED?", "SYN-RECEIVED");
    script.client().ack().stage(Stage::FinalAck);
    assert_eq!((script.outcome(), script.verdict().close), (Outcome::Complete, Close::Open));
}

#[test]
fn the_client_gives_up_after_the_synack() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack();
    let rst = script.client().rst_ack().has(Finding::AbortedByClient);
    rst.is(Stage::RstHandshakeAbort, "CLOSED", "LISTEN?").reason(RstReason::HandshakeAbort);
    assert_eq!(script.outcome(), Outcome::AbortedByClient);
}

#[test]
fn a_bare_rst_of_the_client_after_the_synack_clears_no_older_connection() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack();
    let rst = script.client().reflex().has(Finding::AbortedByClient);
    rst.stage(Stage::RstHandshakeAbort).lacks(Finding::HalfOpenReset);
    assert_eq!(script.outcome(), Outcome::AbortedByClient);
}

#[test]
fn the_client_gives_up_before_any_answer() {
    let mut script = Script::new();
    script.client().syn();
    script.client().rst_ack().stage(Stage::RstHandshakeAbort).has(Finding::AbortedByClient);
    assert_eq!(script.outcome(), Outcome::AbortedByClient);
}

#[test]
fn the_server_gives_up_after_its_synack() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack();
    let rst = script.server().rst_ack().has(Finding::AbortedByServer);
    rst.is(Stage::RstHandshakeAbort, "CLOSED?", "CLOSED").reason(RstReason::HandshakeAbort);
    assert_eq!(script.outcome(), Outcome::AbortedByServer);
}

#[test]
fn a_bare_rst_answers_the_final_ack() {
    let mut script = Script::new();
    script.handshake();
    let rst = script.server().reflex().stage(Stage::RstHandshakeAbort);
    rst.has(Finding::AbortedByServer).lacks(Finding::RstRightAfterHandshake);
    assert_eq!(script.outcome(), Outcome::AbortedByServer);
}

#[test]
fn an_rst_is_believed_where_the_receiver_was_not_captured() {
    let mut script = Script::of_server_only();
    script.used();
    script.server().data(5);
    script.server().rst().seq(1_000_000).stage(Stage::Rst);
    assert_eq!(script.verdict().close, Close::Rst);
}

#[test]
fn an_rst_is_believed_midstream_where_the_receiver_is_silent() {
    let mut script = Script::new();
    script.open_before_capture();
    script.server().data(5);
    script.server().rst().seq(0x3000_0000).is(Stage::Rst, "CLOSED?", "CLOSED");
    assert_eq!(script.verdict().close, Close::Rst);
}

#[test]
fn an_rst_is_believed_before_the_receiver_has_acknowledged_anything() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack();
    let rst = script.server().rst().seq(70_000).stage(Stage::RstHandshakeAbort);
    assert_eq!(rst.0.rst_acceptable(), Some(true));
    assert_eq!(script.outcome(), Outcome::AbortedByServer);
}

/// The window of the receiver is unknown; but the stream that it expects begins with the SYN.
#[test]
fn an_rst_from_elsewhere_is_not_believed_before_the_receiver_has_acknowledged_anything() {
    let mut script = Script::new();
    script.client().syn();
    script.client().rst().seq(1 << 22).is(Stage::RstIgnored, "SYN-SENT", "SYN-RECEIVED?");
    script.server().syn_ack();
    for far in [0x0200_0000, 0xfe00_0000] {
        let rst = script.server().rst().seq(far);
        rst.is(Stage::RstIgnored, "ESTABLISHED?", "SYN-RECEIVED");
    }
    script.client().ack().is(Stage::FinalAck, "ESTABLISHED", "ESTABLISHED?");
    assert_eq!(script.outcome(), Outcome::Complete);
}

#[test]
fn a_refusal_may_come_from_another_responder_than_the_synack() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack().lost();
    script.server().refusal().acking(1).stage(Stage::RstHandshakeAbort);
}

#[test]
fn an_unacceptable_rst_moves_nothing() {
    let mut script = Script::new();
    script.used();
    script.server().rst().seq(70_000).is(Stage::RstIgnored, "ESTABLISHED", "ESTABLISHED");
    script.client().data(5).is(Stage::None, "ESTABLISHED", "ESTABLISHED");
    script.server().ack();
    assert!(!script.verdict().findings.contains(Finding::RstIgnored));
}

#[test]
fn an_abort_of_the_owner_carries_an_ack() {
    let mut script = Script::new();
    script.used();
    let rst = script.server().rst_ack().reason(RstReason::Abort).has(Finding::RstAbort);
    rst.lacks(Finding::RstAfterFin).lacks(Finding::RstRightAfterHandshake);
    assert_eq!(script.verdict().rst_reason, Some(RstReason::Abort));
}

#[test]
fn a_bare_rst_with_the_number_of_the_peer_comes_from_a_stranger() {
    let mut script = Script::new();
    script.used();
    script.client().data(5);
    script.server().reflex().reason(RstReason::NoConnection).stage(Stage::Rst);
}

#[test]
fn an_rst_after_the_own_fin() {
    let mut script = Script::new();
    script.used();
    script.client().fin();
    script.server().data(10);
    let rst = script.client().rst().reason(RstReason::AfterFin).has(Finding::RstAfterFin);
    rst.lacks(Finding::RstAbort);
    assert_eq!(script.verdict().close, Close::RstAfterFin);
    assert_eq!(script.verdict().closed_by, Some(ClosedBy::Client));
}

#[test]
fn an_rst_in_reply_to_a_fin_is_not_after_the_own_fin() {
    let mut script = Script::new();
    script.used();
    script.client().fin();
    script.server().rst_ack().reason(RstReason::Abort).is(Stage::Rst, "CLOSED?", "CLOSED");
    assert_eq!(script.verdict().close, Close::RstAfterFin);
    assert_eq!(script.verdict().closed_by, Some(ClosedBy::Client));
}

#[test]
fn an_rst_right_after_the_handshake_is_noted() {
    let mut script = Script::new();
    script.handshake();
    script.server().rst_ack().has(Finding::RstRightAfterHandshake);
    assert_eq!(script.outcome(), Outcome::Complete);
}

#[test]
fn payload_of_either_side_makes_an_rst_an_ordinary_one() {
    for from_client in [true, false] {
        let mut script = Script::new();
        script.handshake();
        let sender = if from_client { script.client() } else { script.server() };
        sender.data(5);
        script.server().rst_ack().lacks(Finding::RstRightAfterHandshake);
    }
}

#[test]
fn an_rst_with_another_ttl_is_suspect() {
    let mut script = Script::new();
    script.used();
    let rst = script.server().rst_ack().ttl(50).has(Finding::RstTtlMismatch);
    assert_eq!(rst.0.rst_ttl_delta(), Some(-14));
}

#[test]
fn an_rst_with_the_usual_ttl_is_not_suspect() {
    let mut script = Script::new();
    script.used();
    let rst = script.server().rst_ack().lacks(Finding::RstTtlMismatch);
    assert_eq!(rst.0.rst_ttl_delta(), Some(0));
}

#[test]
fn a_first_segment_has_no_ttl_to_differ_from() {
    let mut script = Script::new();
    script.client().syn().ttl(64);
    script.server().refusal().ttl(200).lacks(Finding::RstTtlMismatch);
}

#[test]
fn the_first_believed_rst_counts() {
    let mut script = Script::new();
    script.used();
    script.server().rst().seq(70_000);
    script.server().rst_ack();
    script.server().rst().after_ms(1);
    assert_eq!(script.verdict().frames.rst, Some(7));
    assert_eq!(script.verdict().rst_reason, Some(RstReason::Abort));
}

#[test]
fn segments_without_rst_have_no_reason() {
    let mut script = Script::new();
    let syn = script.client().syn().sent();
    assert_eq!(
        (syn.0.rst_reason, syn.0.rst_acceptable(), syn.0.rst_ttl_delta()),
        (None, None, None)
    );
}

#[test]
fn a_reset_connection_is_closed_by_the_sender() {
    for (from_client, by) in [(true, ClosedBy::Client), (false, ClosedBy::Server)] {
        let mut script = Script::new();
        script.used();
        let sender = if from_client { script.client() } else { script.server() };
        sender.rst_ack();
        assert_eq!(script.verdict().closed_by, Some(by));
    }
}

// RFC 9293 §3.10.7.3: to an unacceptable ACK the client answers with an RST, drops the segment and
// stays in SYN-SENT. That RST ends what the server holds, not the client's attempt (Figure 8).

#[test]
fn the_rst_that_answers_a_wrong_synack_leaves_the_client_in_syn_sent() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack().acking(500).has(Finding::BadSynAck);
    let rst = script.client().rst().acking(0).raw_seq(1500);
    let rst = rst.lacks(Finding::AbortedByClient);
    assert_eq!(rst.0.client.to_string(), "SYN-SENT");
}

#[test]
fn a_right_synack_after_a_wrong_one_and_its_rst_is_no_ignored_rst() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack().acking(500);
    script.client().rst().raw_seq(1500);
    script.server().syn_ack().raw_seq(90_000).lacks(Finding::BadSynAck);
    assert_eq!(script.outcome_after_ms(3000), Outcome::NoFinalAck);
    script.client().ack().raw_ack(90_001).stage(Stage::FinalAck).lacks(Finding::RstIgnored);
    assert_eq!(script.outcome(), Outcome::Complete);
}

#[test]
fn the_syn_repeated_after_a_wrong_synack_and_its_rst_is_the_same_attempt() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack().acking(500);
    script.client().rst().raw_seq(1500);
    let again = script.client().repeat().after_ms(1000).of_connection(0);
    again.copy(Repeat::Retransmission);
}

// `no_final_ack`: the client never acknowledges nor resets. It did reset.

#[test]
fn an_rst_of_the_client_that_is_lost_beyond_the_tap_is_an_abort_all_the_same() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack();
    script.client().rst().lost().has(Finding::AbortedByClient);
    script.server().repeat().after_ms(1200);
    assert_eq!(script.outcome_after_ms(10_000), Outcome::AbortedByClient);
}

// `rst_right_after_handshake`: no payload either way.

#[test]
fn data_that_the_server_took_from_the_syn_are_payload() {
    let mut script = Script::new();
    script.client().syn().cookie(COOKIE).carrying(10);
    script.server().syn_ack().taking(10);
    script.client().ack();
    script.server().rst_ack().lacks(Finding::RstRightAfterHandshake).has(Finding::RstAbort);
}

// An RST that answers an unsolicited SYN/ACK comes from a host without the connection.

#[test]
fn an_rst_that_answers_backscatter_is_no_abort_by_a_client() {
    let mut script = Script::new();
    script.client().syn().uncaptured();
    script.server().syn_ack();
    let rst = script.client().reflex().reason(RstReason::NoConnection);
    rst.lacks(Finding::AbortedByClient);
}

// The server is proven to be open, so both SYNs were acknowledged: the connection has not failed.

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

#[test]
fn the_rst_in_spite_of_which_it_went_on_is_remembered() {
    let mut script = Script::new();
    script.used();
    script.server().rst_ack();
    assert_eq!(script.connection().ignored_rst_frame(), None);
    script.server().data(5).has(Finding::RstIgnored);
    assert_eq!(script.connection().ignored_rst_frame(), Some(6));
    script.server().rst_ack();
    script.server().data(5).has(Finding::RstIgnored);
    assert_eq!(script.connection().ignored_rst_frame(), None, "there were two");
}

// A client in SYN-SENT drops what is neither SYN nor RST (RFC 9293 §3.10.7.3). Whoever streams at it has
// not refused the SYN, even if an RST follows.

#[test]
fn an_rst_after_data_or_a_fin_instead_of_a_synack_is_an_abort() {
    for (octets, fin) in [(20, false), (20, true), (0, true)] {
        let mut script = Script::new();
        script.client().syn();
        let data = script.server().data(octets).seq(0);
        let data = if fin { data.and_fin() } else { data };
        data.stage(Stage::None).lacks(Finding::SimultaneousClose);
        let rst = script.server().rst_ack().has(Finding::AbortedByServer);
        rst.is(Stage::RstHandshakeAbort, "CLOSED?", "CLOSED").lacks(Finding::Refused);
        let verdict = script.verdict();
        assert_eq!((verdict.outcome, verdict.close), (Outcome::AbortedByServer, Close::Rst));
        assert_eq!(verdict.closed_by, Some(ClosedBy::Server));
    }
}

#[test]
fn an_rst_after_data_that_answers_something_older_is_a_refusal() {
    let mut script = Script::new();
    script.client().syn();
    script.server().data(20).raw_ack(77_000);
    script.server().refusal().stage(Stage::RstRefusal);
    assert_eq!(script.outcome(), Outcome::Refused);
}

#[test]
fn an_rst_after_data_has_to_acknowledge_the_syn_too() {
    let mut script = Script::new();
    script.client().syn();
    script.server().data(20).and_fin();
    script.server().rst().is(Stage::RstIgnored, "SYN-SENT", "FIN-WAIT-1");
}

#[test]
fn a_fin_without_a_synack_counts_if_the_client_acknowledges_it() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack().uncaptured();
    script.server().data(20).and_fin().is(Stage::None, "SYN-SENT", "FIN-WAIT-1");
    script.client().ack().is(Stage::FinAcked, "CLOSE-WAIT", "FIN-WAIT-2?");
    let verdict = script.verdict();
    assert_eq!((verdict.outcome, verdict.close), (Outcome::Complete, Close::HalfClosed));
}

#[test]
fn an_rst_after_a_simultaneous_open_is_no_refusal() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn();
    script.server().rst_ack().lacks(Finding::Refused);
    assert_eq!(script.outcome(), Outcome::AbortedByServer);
}

// Whoever takes a refusal has no socket any more: a SYN/ACK that comes afterwards opens nothing, and the
// RST that answers it is that of a host which knows no such connection.

#[test]
fn a_synack_after_a_refusal_changes_nothing_until_the_client_acknowledges_it() {
    for rsts in [1, 3] {
        let mut script = Script::new();
        script.client().syn().ts();
        for _ in 0..rsts {
            script.server().refusal().ttl(101).window(1041).stage(Stage::RstRefusal);
        }
        let synack = script.server().syn_ack().ttl(52).is(Stage::SynAck, "CLOSED?", "SYN-RECEIVED");
        synack.lacks(Finding::RstIgnored).lacks(Finding::RstTtlMismatch);
        assert_eq!(script.outcome_after_ms(10_000), Outcome::Refused);
        let rst = script.client().reflex().lacks(Finding::AbortedByClient);
        rst.is(Stage::RstHandshakeAbort, "CLOSED", "LISTEN?").reason(RstReason::NoConnection);
        let rst = script.server().rst_ack().ttl(111).lacks(Finding::AbortedByServer);
        rst.has(Finding::RstTtlMismatch);
        script.server().syn_ack().ttl(52).after_ms(1000);
        let verdict = script.verdict();
        assert_eq!((verdict.outcome, verdict.close), (Outcome::Refused, Close::Rst));
        assert_eq!((verdict.open_type, verdict.frames.rst), (OpenType::Unknown, Some(2)));
        assert!(verdict.findings.contains(Finding::RstTtlMismatch));
        let refusals = script.connection().refusals().unwrap();
        assert_eq!((refusals.count, refusals.ttl, refusals.window), (rsts, 101, 1041));
        assert_eq!(refusals.synack.map(|synack| (synack.ttl, synack.window)), Some((52, 1000)));
    }
}

#[test]
fn who_acknowledges_a_synack_has_not_taken_the_refusal() {
    for ms in [1, 5000] {
        let mut script = Script::new();
        script.client().syn();
        script.server().refusal();
        script.server().syn_ack().is(Stage::SynAck, "CLOSED?", "SYN-RECEIVED");
        let ack = script.client().ack().after_ms(ms).has(Finding::RstIgnored);
        ack.is(Stage::FinalAck, "ESTABLISHED", "ESTABLISHED?");
        let verdict = script.verdict();
        assert_eq!((verdict.outcome, verdict.close), (Outcome::Complete, Close::Open));
        assert_eq!((verdict.open_type, script.connection().refusals()), (OpenType::ThreeWay, None));
    }
}

#[test]
fn who_acknowledges_a_synack_that_was_not_captured_has_not_taken_the_refusal() {
    let mut script = Script::new();
    script.client().syn();
    script.server().refusal();
    script.server().syn_ack().uncaptured();
    script.client().ack().has(Finding::RstIgnored).is(Stage::None, "ESTABLISHED", "ESTABLISHED?");
    script.server().data(5);
    assert_eq!(script.outcome(), Outcome::Complete);
}

// RSTs that the client has to ignore are no answer, but they came.

#[test]
fn rsts_that_acknowledge_something_else_are_counted_and_their_flaw_is_told() {
    for (acks, flaw) in [
        (&[Some(0)][..], "it acknowledges 1000 instead of 1001"),
        (&[Some(0), Some(7), None], "they acknowledge 1000 instead of 1001"),
        (&[None], "it has no ACK, so it does not acknowledge the SYN"),
    ] {
        let mut script = Script::new();
        script.client().syn();
        for ack in acks {
            let rst = match ack {
                Some(ack) => script.server().refusal().acking(*ack),
                None => script.server().rst().raw_seq(0),
            };
            rst.is(Stage::RstIgnored, "SYN-SENT", "SYN-RECEIVED?");
            script.client().repeat().after_ms(1000);
        }
        assert_eq!(script.outcome(), Outcome::NoReply);
        let rejected = script.connection().rejected_rsts().unwrap();
        assert_eq!((usize::from(rejected.count), rejected.frame), (acks.len(), Some(2)));
        assert_eq!(rejected.flaw(), flaw);
    }
    let mut script = Script::new();
    script.used();
    script.server().rst().seq(70_000).stage(Stage::RstIgnored);
    assert_eq!(script.connection().rejected_rsts(), None);
}
