//! A SYN inside a live connection, from an end that has lost it, or stray or forged.

use dissector_core::connection::{Close, Finding, Outcome, Repeat, Stage};

use testkit::script::{Script, SegmentBuilder};

/// A SYN with this number that the client has not sent.
fn stray(script: &mut Script, sequence: u32) -> SegmentBuilder<'_> {
    script.client().syn().raw_seq(sequence).stray()
}

/// A live connection, and a stray SYN in it, which the server challenges.
fn challenged() -> Script {
    let mut script = Script::new();
    script.used();
    stray(&mut script, 700_000).of_connection(1);
    script.server().ack().of_connection(1).stage(Stage::ChallengeAck);
    script
}

#[test]
fn the_older_connection_goes_on_after_the_challenge() {
    let mut script = challenged();
    for _ in 0..3 {
        script.client().data(1000).of_connection(0).stage(Stage::None);
        let ack = script.server().ack().of_connection(0);
        ack.is(Stage::None, "ESTABLISHED", "ESTABLISHED").lacks(Finding::ChallengeAck);
    }
    // Answered from behind, and then by data of the server.
    script.server().data(1000).of_connection(0);
    script.client().ack().of_connection(0);
    assert_eq!(script.connection_numbered(1).packets(), 2);
    script.wait_ms(4_000);
    assert_eq!(script.connection_numbered(1).outcome_at(i64::MAX), Outcome::Challenged);
}

#[test]
fn the_older_connection_closes_after_the_challenge() {
    for client_first in [true, false] {
        let mut script = challenged();
        let order = if client_first { [0, 1] } else { [1, 0] };
        let closes = script.sender(order[0]).fin().of_connection(0);
        closes.stage(Stage::Fin);
        script.sender(order[1]).ack().of_connection(0).stage(Stage::FinAcked);
        script.sender(order[1]).fin().of_connection(0).stage(Stage::SecondFin);
        script.sender(order[0]).ack().of_connection(0).stage(Stage::SecondFinAcked);
        assert_eq!(script.connection_numbered(0).close(), Close::Fin, "{client_first}");
        assert_eq!(script.connection_numbered(1).packets(), 2, "{client_first}");
    }
}

#[test]
fn one_challenge_a_syn() {
    let mut script = challenged();
    // An answer to a keep-alive looks the same.
    script.server().ack().of_connection(0).stage(Stage::None);
    // A further SYN is challenged anew.
    stray(&mut script, 700_000).after_ms(1_000).of_connection(1);
    script.server().ack().of_connection(1).stage(Stage::ChallengeAck);
    script.server().ack().of_connection(0).stage(Stage::None);
}

#[test]
fn an_ack_behind_new_octets_is_no_challenge() {
    for from_client in [true, false] {
        let mut script = Script::new();
        script.used();
        stray(&mut script, 700_000).of_connection(1);
        if from_client {
            script.client().data(100).lost().of_connection(0);
        } else {
            script.server().data(100).of_connection(0);
        }
        script.server().ack().of_connection(0).stage(Stage::None).lacks(Finding::ChallengeAck);
        assert_eq!(script.connection_numbered(1).outcome_at(i64::MAX), Outcome::NoReply);
    }
}

#[test]
fn an_ack_of_octets_that_were_sent_before_the_syn_is_the_older_connections() {
    let mut script = Script::new();
    script.used();
    script.client().data(100);
    stray(&mut script, 700_000).of_connection(1);
    script.server().ack().of_connection(0).stage(Stage::None);
    script.server().ack().of_connection(1).stage(Stage::ChallengeAck);
}

#[test]
fn a_stray_syn_in_every_state_of_the_older_connection() {
    // The older connection before the SYN, and what follows: (sender, close), with its stage.
    type Step = (usize, bool, Stage);
    let cases: [(&[Step], &[Step]); 5] = [
        // ESTABLISHED.
        (&[], &[(0, true, Stage::Fin), (1, false, Stage::FinAcked)]),
        // FIN-WAIT-1 and CLOSE-WAIT.
        (&[(0, true, Stage::Fin)], &[(1, false, Stage::FinAcked), (1, true, Stage::SecondFin)]),
        // FIN-WAIT-2.
        (
            &[(0, true, Stage::Fin), (1, false, Stage::FinAcked)],
            &[(1, true, Stage::SecondFin), (0, false, Stage::SecondFinAcked)],
        ),
        // LAST-ACK.
        (
            &[(0, true, Stage::Fin), (1, false, Stage::FinAcked), (1, true, Stage::SecondFin)],
            &[(0, false, Stage::SecondFinAcked)],
        ),
        // The server closes first.
        (&[(1, true, Stage::Fin)], &[(0, false, Stage::FinAcked), (0, true, Stage::SecondFin)]),
    ];
    fn send(script: &mut Script, steps: &[Step]) {
        for (from, closes, stage) in steps {
            let sender = script.sender(*from);
            let draft = if *closes { sender.fin() } else { sender.ack() };
            draft.of_connection(0).stage(*stage);
        }
    }
    for (before, after) in cases {
        // From either end, with a number from elsewhere, that of the client's next octet or FIN, and of
        // the one before.
        for (from, number) in
            [(0, 700_000), (0, 1006), (0, 1007), (0, 1005), (1, 700_000), (1, 5001), (1, 5002)]
        {
            let mut script = Script::new();
            script.used();
            send(&mut script, before);
            script.sender(from).syn().raw_seq(number).stray().of_connection(1);
            send(&mut script, after);
            assert_eq!(script.connection_numbered(1).packets(), 1, "{before:?} {number}");
        }
    }
}

#[test]
fn a_stray_syn_while_the_older_handshake_is_under_way() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack();
    stray(&mut script, 700_000).of_connection(1);
    script.server().ack().of_connection(1).stage(Stage::ChallengeAck);
    script.server().repeat().after_ms(1_000).of_connection(0).has(Finding::SynAckRetx);
    script.client().ack().of_connection(0).stage(Stage::FinalAck);
    script.client().data(10).of_connection(0);
    script.server().ack().of_connection(0);
    assert_eq!(script.outcome(), Outcome::Complete);
    assert_eq!(script.connection_numbered(1).packets(), 2);
}

#[test]
fn a_stray_syn_before_the_synack() {
    let mut script = Script::new();
    script.client().syn();
    stray(&mut script, 700_000).of_connection(1);
    script.server().syn_ack().of_connection(0).stage(Stage::SynAck);
    script.client().ack().of_connection(0).stage(Stage::FinalAck);
    script.client().data(10).of_connection(0);
    script.server().data(10).of_connection(0);
    assert_eq!(script.outcome(), Outcome::Complete);
    assert_eq!(script.connection_numbered(1).packets(), 1);
}

#[test]
fn the_first_syn_is_repeated_behind_a_stray_one() {
    let mut script = Script::new();
    script.client().syn();
    stray(&mut script, 700_000).of_connection(1);
    script.client().syn().after_ms(1_000).of_connection(0).has(Finding::SynRetx);
    script.server().syn_ack().of_connection(0);
    script.client().ack().of_connection(0).stage(Stage::FinalAck);
    assert_eq!(script.connections(), 2);
}

#[test]
fn a_stray_syn_mid_stream() {
    let mut script = Script::new();
    script.open_before_capture();
    script.client().data(10).of_connection(0);
    script.server().ack().of_connection(0);
    // With the number of the last octet, too.
    for number in [700_000, 1015] {
        let mut script = Script::new();
        script.open_before_capture();
        script.client().data(10);
        script.server().data(10);
        script.client().ack();
        stray(&mut script, number).of_connection(1);
        let challenge = script.server().ack().sent();
        if number == 700_000 {
            challenge.of_connection(1).stage(Stage::ChallengeAck);
        } else {
            // It acknowledges the number of either connection.
            challenge.of_connection(0).stage(Stage::None);
        }
        script.client().data(10).of_connection(0);
        script.server().ack().of_connection(0).stage(Stage::None);
        script.server().fin().of_connection(0).stage(Stage::Fin);
    }
}

#[test]
fn the_refusal_of_a_stray_syn_leaves_the_older_connection_alone() {
    let mut script = Script::new();
    script.used();
    stray(&mut script, 700_000).of_connection(1);
    // A firewall on the path answers it.
    script.server().refusal().raw_ack(700_001).of_connection(1).stage(Stage::RstRefusal);
    script.client().data(10).of_connection(0).lacks(Finding::RstIgnored);
    script.server().ack().of_connection(0);
    script.client().fin().of_connection(0).stage(Stage::Fin);
    assert_eq!(script.connection_numbered(1).outcome_at(i64::MAX), Outcome::Refused);
}

#[test]
fn an_rst_of_the_older_connection_closes_that() {
    for bare in [false, true] {
        let mut script = challenged();
        script.client().data(10).of_connection(0);
        let rst = if bare { script.client().rst() } else { script.client().rst_ack() };
        rst.of_connection(0).stage(Stage::Rst);
        assert_eq!(script.connection_numbered(0).close(), Close::Rst);
        assert_eq!(script.connection_numbered(1).close(), Close::Open);
    }
}

#[test]
fn the_older_connection_outlives_the_stray_syn() {
    let mut script = challenged();
    for _ in 0..10 {
        script.wait_ms(20_000);
        script.client().data(10).of_connection(0);
        script.server().ack().of_connection(0);
        script.elsewhere_for_a_while();
    }
    let closed = script.take_closed();
    assert_eq!(closed.iter().map(|it| it.id()).collect::<Vec<_>>(), [1]);
    script.client().fin().of_connection(0).stage(Stage::Fin);
}

/// The client of a live connection has restarted and sends a SYN, with timestamps or not.
fn restarted() -> Script {
    let mut script = Script::new();
    script.used();
    script.client().restarts(900_000).syn().of_connection(1);
    script
}

/// The SYN is repeated and answered.
fn goes_on(script: &mut Script) {
    script.server().restarts(800_000);
    script.client().repeat().after_ms(1_000).of_connection(1).stage(Stage::Syn);
    script.server().syn_ack().of_connection(1).is(Stage::SynAck, "ESTABLISHED?", "SYN-RECEIVED");
    let ack = script.client().ack().of_connection(1);
    ack.is(Stage::FinalAck, "ESTABLISHED", "ESTABLISHED?");
    let verdict = script.verdict();
    assert_eq!((verdict.outcome, verdict.syn_count), (Outcome::Complete, 2));
    assert_eq!(script.connections(), 2);
}

#[test]
fn the_challenge_may_be_answered_by_an_rst_with_the_old_numbers() {
    let mut script = restarted();
    script.server().ack().of_connection(1).stage(Stage::ChallengeAck);
    let rst = script.client().rst_ack().raw_seq(1006).raw_ack(5001).of_connection(1);
    rst.is(Stage::RstHalfOpen, "SYN-SENT", "LISTEN?").has(Finding::HalfOpenReset);
    assert_eq!(script.outcome(), Outcome::Challenged);
    goes_on(&mut script);
}

#[test]
fn the_older_connection_may_answer_with_data_or_a_fin() {
    for (octets, fin) in [(20, false), (0, true), (20, true)] {
        let mut script = restarted();
        let draft = script.server().data(octets);
        let old = if fin { draft.and_fin() } else { draft };
        old.of_connection(0);
        let rst = script.client().reflex().of_connection(1).has(Finding::HalfOpenReset);
        rst.is(Stage::RstHalfOpen, "SYN-SENT", "LISTEN?");
        assert_eq!(script.outcome(), Outcome::Challenged, "{octets} {fin}");
        // The other segments under way change nothing.
        let late = script.server().data(10).raw_seq(5100).raw_ack(1006).of_connection(1);
        late.is(Stage::None, "SYN-SENT", "LISTEN?");
        goes_on(&mut script);
    }
}

#[test]
fn an_older_connection_that_was_not_captured_may_answer() {
    for (octets, fin, with_ack) in
        [(3, false, false), (0, true, false), (3, true, false), (3, false, true)]
    {
        let mut script = Script::new();
        script.client().restarts(900_000).syn();
        let draft = script.server().data(octets).raw_seq(5_000).raw_ack(400_000);
        let old = if fin { draft.and_fin() } else { draft };
        old.is(Stage::None, "SYN-SENT", "SYN-RECEIVED?");
        let rst = if with_ack {
            script.client().rst_ack().raw_seq(400_000).raw_ack(5_003)
        } else {
            script.client().rst().raw_seq(400_000)
        };
        rst.is(Stage::RstHalfOpen, "SYN-SENT", "LISTEN?").has(Finding::HalfOpenReset);
        assert_eq!(script.outcome(), Outcome::Challenged);
        script.server().restarts(800_000);
        script.client().repeat().after_ms(1_000).of_connection(0);
        script.server().syn_ack().is(Stage::SynAck, "ESTABLISHED?", "SYN-RECEIVED");
        script.client().ack().is(Stage::FinalAck, "ESTABLISHED", "ESTABLISHED?");
        assert_eq!(script.verdict().close, Close::Open);
        // No number of the older connection is left.
        script.client().ack().raw_ack(5_000).stage(Stage::None);
        script.server().rst_ack().raw_seq(5_003).stage(Stage::RstIgnored);
    }
}

/// The older connection acknowledges a number a little ahead of the SYN, as if the client had gone on.
#[test]
fn a_client_that_has_reset_the_older_connection_repeats_its_syn() {
    for (octets, fin, acked) in
        [(3, false, 2), (3, true, 2), (0, true, 2), (100, false, 5000), (3, false, 0)]
    {
        let mut script = Script::new();
        script.client().syn();
        let server = script.server();
        let older = if fin { server.fin().carrying(octets) } else { server.data(octets) };
        older.raw_seq(900_000).acking(acked).stray().sent();
        let rst = script.client().rst().seq(acked).of_connection(0);
        assert!(!rst.0.client.proven() || rst.0.client.after().label() == "SYN-SENT");
        let again = script.client().repeat().after_ms(900).of_connection(0);
        again.copy(Repeat::Retransmission).is(Stage::Syn, "SYN-SENT", "SYN-RECEIVED?");
        assert_eq!(script.outcome(), Outcome::Challenged, "{octets} {fin} {acked}");
        script.server().syn_ack().is(Stage::SynAck, "ESTABLISHED?", "SYN-RECEIVED");
        script.client().ack().is(Stage::FinalAck, "ESTABLISHED", "ESTABLISHED?");
        assert_eq!(script.verdict().close, Close::Open, "{octets} {fin} {acked}");
        assert_eq!(script.outcome(), Outcome::Complete, "{octets} {fin} {acked}");
        assert_eq!(script.connections(), 1, "{octets} {fin} {acked}");
    }
}
