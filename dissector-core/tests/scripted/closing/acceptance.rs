//! Which RSTs their receiver has to believe (RFC 9293 §3.5.3, RFC 5961 §3).

use dissector_core::connection::{Close, ClosedBy, Finding, Outcome, RstReason, Stage};

use testkit::script::{Reported, Script};

/// Asserts whether an RST has to be believed.
#[track_caller]
fn believed(rst: Reported, acceptable: bool) {
    assert_eq!(rst.0.rst_acceptable(), Some(acceptable));
    assert_eq!(rst.0.findings.contains(Finding::RstUnacceptable), !acceptable);
    rst.reason(if acceptable { RstReason::Abort } else { RstReason::Unacceptable });
    rst.stage(if acceptable { Stage::Rst } else { Stage::RstIgnored });
}

// RFC 5961 §3.2: the number has to be RCV.NXT. That is at least what the receiver acknowledged last,
// and at most what has passed here.

#[test]
fn the_number_has_to_be_one_that_the_receiver_may_expect() {
    // The server's octets 1 to 900 have passed; the client, with a window of 1000, has acknowledged 600.
    for (seq, acceptable, close) in [
        (0, false, Close::Open),
        (600, false, Close::Open),
        (601, true, Close::Rst),
        (750, true, Close::Rst),
        (901, true, Close::Rst),
        (902, false, Close::Rst),
        (1601, false, Close::Rst),
        (1602, false, Close::Open),
    ] {
        for with_ack in [false, true] {
            let mut script = Script::new();
            script.used();
            script.server().data(600);
            script.client().data(1);
            script.server().data(300);
            let server = script.server();
            let rst = if with_ack { server.rst_ack() } else { server.rst() }.seq(seq).sent();
            let reflex = !with_ack && seq == 601;
            if reflex {
                rst.reason(RstReason::NoConnection).stage(Stage::Rst);
            } else {
                believed(rst, acceptable);
            }
            assert_eq!(script.verdict().close, close, "{seq}");
        }
    }
}

#[test]
fn it_may_be_ahead_of_the_acknowledgment_by_more_than_the_window() {
    let mut script = Script::new();
    script.used();
    // More than the client's window holds, none of it acknowledged.
    script.server().data(900);
    script.server().data(900);
    script.server().rst().seq(1801).stage(Stage::Rst);
    assert_eq!(script.verdict().close, Close::Rst);
}

/// macOS sends an RST with the number of its FIN, and Linux takes it.
#[test]
fn after_a_fin_it_may_be_the_number_of_the_fin() {
    for (seq, acceptable) in [(5, false), (6, true), (7, true), (8, false)] {
        let mut script = Script::new();
        script.used();
        script.client().fin();
        script.server().ack();
        let rst = script.client().rst_ack().seq(seq).sent();
        assert_eq!(rst.0.rst_acceptable(), Some(acceptable), "{seq}");
    }
}

/// Linux takes it only until it has acknowledged the FIN of an end that has acknowledged its own.
#[test]
fn in_time_wait_it_may_not_be_the_number_of_the_fin() {
    for (acknowledged, seq, acceptable) in
        [(true, 1, false), (true, 2, true), (true, 3, false), (false, 1, true), (false, 2, true)]
    {
        let mut script = Script::new();
        script.handshake();
        script.client().fin();
        script.server().ack();
        script.server().fin();
        if acknowledged {
            script.client().ack().stage(Stage::SecondFinAcked);
        }
        let rst = script.server().rst().seq(seq).sent();
        assert_eq!(rst.0.rst_acceptable(), Some(acceptable), "{acknowledged}, {seq}");
        let client = if acceptable { "CLOSED" } else { "TIME-WAIT" };
        assert_eq!(rst.0.client.after().label(), client, "{acknowledged}, {seq}");
        assert_eq!(rst.0.client.proven(), !acceptable, "{acknowledged}, {seq}");
    }
}

#[test]
fn before_a_fin_it_may_not_be_the_number_before_the_next() {
    let mut script = Script::new();
    script.used();
    believed(script.client().rst_ack().seq(5).sent(), false);
}

// Where octets of the sender are missing from the capture, all numbers in the window may be the next.

#[test]
fn after_a_hole_the_window_decides() {
    for (seq, acceptable) in [(600, false), (602, true), (1301, true), (1601, true), (1602, false)]
    {
        let mut script = Script::new();
        script.used();
        script.server().data(600);
        script.client().ack();
        script.server().data(100).uncaptured();
        script.server().data(100);
        believed(script.server().rst().seq(seq).sent(), acceptable);
    }
}

#[test]
fn a_hole_that_is_filled_is_none() {
    let mut script = Script::new();
    script.used();
    script.server().data(100).held();
    script.server().data(100);
    believed(script.server().rst().seq(202).sent(), false);
}

#[test]
fn octets_that_are_acknowledged_and_not_captured_are_missing() {
    for (seq, acceptable) in [(50, false), (1, false), (151, true), (1101, true), (1102, false)] {
        let mut script = Script::new();
        script.used();
        script.server().data(100).uncaptured();
        script.client().ack();
        let rst = script.server().rst().seq(seq).sent();
        assert_eq!(rst.0.rst_acceptable(), Some(acceptable), "{seq}");
    }
}

#[test]
fn the_right_edge_of_the_sack_blocks_may_be_the_next_number() {
    // Octets 1 to 500 are under way, 501 to 700 have arrived on another way.
    for (edge, seq, acceptable) in [(501, 501, true), (501, 502, false), (701, 701, true)] {
        let mut script = Script::new();
        script.used();
        script.server().data(500).lost();
        script.client().ack().sacking(301, edge);
        let rst = script.server().rst().seq(seq).sent();
        assert_eq!(rst.0.rst_acceptable(), Some(acceptable), "{edge} {seq}");
    }
}

#[test]
fn an_unknown_window_scale_is_taken_to_be_the_largest() {
    for (seq, acceptable) in [(6 + (1000 << 14), true), (7 + (1000 << 14), false)] {
        let mut script = Script::new();
        script.open_before_capture();
        script.client().data(5);
        script.server().data(5);
        script.client().ack();
        script.server().data(5).uncaptured();
        script.server().data(5);
        let rst = script.server().rst().seq(seq).sent();
        assert_eq!(rst.0.rst_acceptable(), Some(acceptable), "{seq}");
    }
}

#[test]
fn midstream_the_numbers_have_to_fit_too() {
    for (seq, acceptable) in [(5, false), (6, true), (11, true), (12, false)] {
        let mut script = Script::new();
        script.open_before_capture();
        script.server().data(5);
        script.client().ack();
        script.server().data(5);
        let rst = script.server().rst().seq(seq).sent();
        assert_eq!(rst.0.rst_acceptable(), Some(acceptable), "{seq}");
    }
}

/// The number of a challenge ACK is that of an older connection.
#[test]
fn what_was_acknowledged_of_an_older_connection_does_not_count() {
    for (older, seq, acceptable) in
        [(70_000, 6, true), (70_000, 7, false), (0xffff_0000, 6, true), (0xffff_0000, 7, false)]
    {
        let mut script = Script::new();
        script.client().syn();
        script.server().ack().acking(older).stage(Stage::ChallengeAck);
        script.client().rst().seq(older).stage(Stage::RstHalfOpen);
        script.client().repeat();
        script.server().syn_ack();
        script.client().ack();
        script.client().data(5);
        script.server().ack().acking(6);
        let rst = script.client().rst().seq(seq).sent();
        assert_eq!(rst.0.rst_acceptable(), Some(acceptable), "{older} {seq}");
    }
}

// An RST in the window that has not the next number is challenged by a receiver that follows RFC 5961,
// and believed by an older one: what the receiver does afterwards tells.

/// How far the window reaches, after scaling: an RST within it closes if nothing follows.
#[track_caller]
fn window_ends_at(seq: u32, open: impl Fn(&mut Script), by_client: bool) {
    for (seq, close) in [(seq, Close::Rst), (seq + 1, Close::Open)] {
        let mut script = Script::new();
        open(&mut script);
        let sender = if by_client { script.client() } else { script.server() };
        sender.rst().seq(seq).stage(Stage::RstIgnored);
        assert_eq!(script.verdict().close, close, "{seq}");
    }
}

#[test]
fn the_window_is_scaled_as_negotiated() {
    let open = |server_scale: Option<u8>| {
        move |script: &mut Script| {
            script.client().syn().ws(2);
            match server_scale {
                Some(shift) => script.server().syn_ack().ws(shift),
                None => script.server().syn_ack(),
            };
            script.client().ack();
            script.client().data(5);
            script.server().ack();
        }
    };
    window_ends_at(4001, open(Some(7)), false);
    // A scale of one side is not in effect.
    window_ends_at(1001, open(None), false);
}

#[test]
fn the_window_of_a_synack_is_not_scaled() {
    let open = |script: &mut Script| {
        script.client().syn().ws(7);
        script.server().syn_ack().ws(7);
    };
    window_ends_at(1001, open, true);
}

#[test]
fn an_rst_in_the_window_closes_if_its_receiver_is_silent() {
    let mut script = Script::new();
    script.used();
    script.client().ack();
    let rst = script.server().rst().seq(100);
    rst.is(Stage::RstIgnored, "ESTABLISHED", "ESTABLISHED").reason(RstReason::Unacceptable);
    let verdict = script.verdict();
    assert_eq!((verdict.close, verdict.closed_by), (Close::Rst, Some(ClosedBy::Server)));
    assert_eq!((verdict.frames.rst, verdict.rst_reason), (Some(7), Some(RstReason::Abort)));
    // The sender goes on, which says nothing of the receiver.
    script.server().data(5).is(Stage::None, "ESTABLISHED", "ESTABLISHED");
    assert_eq!(script.verdict().close, Close::Rst);
    script.client().ack().lacks(Finding::RstIgnored);
    script.client().ack();
    let verdict = script.verdict();
    assert_eq!((verdict.close, verdict.closed_by), (Close::Open, None));
    assert_eq!((verdict.frames.rst, verdict.rst_reason), (None, None));
}

#[test]
fn one_challenge_ack_leaves_it_open_and_more_does_not() {
    let mut script = Script::new();
    script.used();
    script.client().ack();
    script.server().rst().seq(100);
    script.client().ack();
    assert_eq!(script.verdict().close, Close::Rst);
    script.client().ack();
    assert_eq!(script.verdict().close, Close::Open);
    // By now it is known to answer such RSTs.
    script.server().rst().seq(100);
    assert_eq!(script.verdict().close, Close::Rst);
    script.client().ack();
    assert_eq!(script.verdict().close, Close::Open);
}

#[test]
fn data_or_a_keep_alive_of_the_receiver_shows_that_it_is_alive() {
    for keep_alive in [false, true] {
        let mut script = Script::new();
        script.used();
        script.client().ack();
        script.server().rst().seq(100);
        let client = script.client();
        if keep_alive { client.keep_alive(0) } else { client.data(5) }.stage(Stage::None);
        assert_eq!(script.verdict().close, Close::Open);
    }
}

/// RFC 5961 §3.2: the sender answers the challenge with an RST that has the number of its ACK.
#[test]
fn an_exact_rst_answers_the_challenge() {
    let mut script = Script::new();
    script.used();
    script.client().ack();
    script.server().rst_ack().seq(100);
    script.client().ack();
    script.server().reflex().is(Stage::Rst, "CLOSED?", "CLOSED");
    let verdict = script.verdict();
    assert_eq!((verdict.close, verdict.frames.rst), (Close::Rst, Some(9)));
    assert_eq!(verdict.rst_reason, Some(RstReason::NoConnection));
}

#[test]
fn an_rst_in_the_window_of_a_server_in_syn_received_aborts_if_it_is_silent() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack();
    script.client().rst().seq(100).is(Stage::RstIgnored, "ESTABLISHED?", "SYN-RECEIVED");
    assert_eq!(script.outcome(), Outcome::AbortedByClient);
    script.server().repeat().after_ms(1000);
    assert_eq!(script.outcome(), Outcome::NoFinalAck);
}

#[test]
fn a_doubtful_rst_does_not_stop_the_handshake() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack();
    script.client().rst().seq(100);
    script.client().ack().stage(Stage::FinalAck);
    script.server().data(5);
    assert_eq!((script.outcome(), script.verdict().close), (Outcome::Complete, Close::Open));
}

// Two ends that take each other's numbers for wrong go on for ever.

#[test]
fn four_pairs_of_rst_and_ack_are_a_loop() {
    // In the window, beyond it, and exact but never believed.
    for seq in [100, 70_000, 1] {
        let mut script = Script::new();
        script.used();
        script.client().ack();
        for pair in 1..=6 {
            script.server().rst().seq(seq).after_ms(1);
            let ack = script.client().ack().after_ms(1).sent();
            assert_eq!(ack.0.findings.contains(Finding::RstAckLoop), pair >= 4, "{seq} {pair}");
        }
        assert!(script.verdict().findings.contains(Finding::RstAckLoop));
    }
}

#[test]
fn pairs_with_something_between_them_are_no_loop() {
    for disturbance in 0..3 {
        let mut script = Script::new();
        script.used();
        script.client().ack();
        for _ in 1..=6 {
            script.server().rst().seq(70_000);
            match disturbance {
                // A keep-alive is sent for its own sake.
                0 => script.client().keep_alive(0).sent(),
                1 => script.client().data(1).sent(),
                _ => script.client().ack().sent(),
            };
            if disturbance == 2 {
                script.server().data(1);
            }
        }
        assert!(!script.verdict().findings.contains(Finding::RstAckLoop), "{disturbance}");
    }
}
