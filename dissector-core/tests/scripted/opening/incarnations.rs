//! The end of one incarnation and the beginning of the next on the same addresses and ports.

use dissector_core::connection::{Close, Finding, Outcome, Repeat, RoleBasis, Seen, Stage};

use testkit::script::Script;

/// The client of a live connection has restarted and sends a SYN; the server answers as it must.
fn challenged() -> Script {
    let mut script = Script::new();
    script.used();
    script.client().restarts(900_000).syn();
    script.server().ack();
    script
}

#[test]
fn a_syn_in_a_live_connection_is_challenged_cleared_and_repeated() {
    let mut script = Script::new();
    script.used();
    let syn = script.client().restarts(900_000).syn().has(Finding::SynInEstablished);
    syn.stage(Stage::Syn).of_connection(1);
    let challenge = script.server().ack().has(Finding::ChallengeAck);
    challenge.stage(Stage::ChallengeAck).of_connection(1);
    let rst = script.client().reflex().has(Finding::HalfOpenReset);
    rst.stage(Stage::RstHalfOpen).of_connection(1).lacks(Finding::RstUnacceptable);
    script.server().restarts(800_000);
    let again = script.client().repeat().after_ms(1000).copy(Repeat::Retransmission);
    again.stage(Stage::Syn).of_connection(1);
    script.server().syn_ack().of_connection(1).stage(Stage::SynAck);
    script.client().ack().of_connection(1).stage(Stage::FinalAck);

    assert_eq!(script.connections(), 2);
    assert_eq!(script.connection().attempt(), 2);
    assert_eq!(script.verdict().outcome, Outcome::Complete);
    assert_eq!(script.verdict().syn_count, 2);
}

#[test]
fn the_rst_that_answers_a_challenge_closes_the_old_connection_only() {
    let mut script = challenged();
    script.client().reflex();
    let now = i64::from(script.clock_ms()) * 1_000_000;
    let (old, new) = (script.connection_numbered(0), script.connection_numbered(1));
    assert_eq!(old.verdict_at(now).close, Close::Rst);
    assert_eq!(old.verdict_at(now).outcome, Outcome::Complete);
    assert_eq!(new.verdict_at(now).close, Close::Open);
}

#[test]
fn nothing_more_than_a_challenge() {
    let mut script = challenged();
    assert_eq!(script.outcome(), Outcome::Challenged);
    script.client().reflex();
    assert_eq!(script.outcome(), Outcome::Challenged);
}

#[test]
fn the_old_connection_goes_on_until_the_new_syn_is_answered() {
    let mut script = Script::new();
    script.used();
    script.server().data(10);
    script.client().syn().raw_seq(900_000).lost().sent().of_connection(1);
    // The old client has not restarted at all.
    script.client().ack().of_connection(0).stage(Stage::None);
    script.server().data(10).of_connection(0).stage(Stage::None);
    script.client().ack().of_connection(0);
    assert_eq!(script.connection_numbered(0).close(), Close::Open);
}

#[test]
fn the_old_connection_may_close_while_the_new_syn_waits() {
    let mut script = Script::new();
    script.used();
    script.client().syn().raw_seq(900_000).lost().of_connection(1);
    script.client().fin().of_connection(0).stage(Stage::Fin);
    script.server().fin().of_connection(0).stage(Stage::FinAndAck);
    script.client().ack().of_connection(0).stage(Stage::SecondFinAcked);
    assert_eq!(script.connection_numbered(0).close(), Close::Fin);
    assert_eq!(script.connection_numbered(1).syn_count(), 1);
}

#[test]
fn an_rst_of_the_old_connection_leaves_the_new_one_alone() {
    let mut script = Script::new();
    script.used();
    script.client().syn().raw_seq(900_000).lost().of_connection(1);
    script.server().rst_ack().of_connection(0).stage(Stage::Rst);
    assert_eq!(script.connection_numbered(0).close(), Close::Rst);
    assert_eq!(script.connection_numbered(1).close(), Close::Open);
}

#[test]
fn a_synack_ends_the_time_of_two_connections() {
    let mut script = Script::new();
    script.used();
    script.client().restarts(900_000).syn().of_connection(1);
    script.server().restarts(800_000);
    script.client().repeat().after_ms(1000);
    script.server().syn_ack().of_connection(1);
    script.client().ack().of_connection(1).stage(Stage::FinalAck);
    script.client().data(5).of_connection(1);
    script.server().ack().of_connection(1);
    assert_eq!(script.outcome(), Outcome::Complete);
    assert_eq!(script.connections(), 2);
}

#[test]
fn a_syn_with_the_same_isn_belongs_to_the_live_connection() {
    let mut script = Script::new();
    script.used();
    let syn = script.client().syn().after_ms(2000).has(Finding::SynInEstablished);
    syn.of_connection(0);
    assert_eq!(script.connections(), 1);
}

#[test]
fn a_repeated_first_syn_is_not_inside_a_live_connection() {
    let mut script = Script::new();
    script.client().syn();
    script.client().repeat().after_ms(1000).lacks(Finding::SynInEstablished).of_connection(0);
    script.server().syn_ack();
    script.client().ack();
    assert_eq!(script.connections(), 1);
}

#[test]
fn another_isn_before_any_answer_is_another_attempt() {
    let mut script = Script::new();
    script.client().syn();
    let syn = script.client().restarts(70_000).syn().has(Finding::PortReused);
    syn.of_connection(1).copy(Repeat::Original).lacks(Finding::SynInEstablished);
    assert_eq!(script.connection().attempt(), 2);
    assert_eq!(script.verdict().syn_count, 1);
}

#[test]
fn a_closed_connection_gives_its_ports_to_the_next() {
    let mut script = Script::new();
    script.closed();
    let syn = script.client().restarts(90_000).syn().has(Finding::PortReused);
    syn.of_connection(1).is(Stage::Syn, "SYN-SENT", "SYN-RECEIVED?");
    syn.lacks(Finding::SynInEstablished);
    assert_eq!(script.connection().attempt(), 2);
    script.server().restarts(700_000);
    script.client().repeat().after_ms(1000).of_connection(1);
    script.server().syn_ack();
    script.client().ack();
    assert_eq!(script.outcome(), Outcome::Complete);
}

#[test]
fn a_closed_connection_ends_even_for_the_same_isn() {
    let mut script = Script::new();
    script.closed();
    script.client().syn().after_ms(2000).of_connection(1).has(Finding::PortReused);
}

#[test]
fn a_believed_rst_ends_a_connection_even_for_the_same_isn() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack();
    script.client().rst();
    script.client().repeat().after_ms(500).of_connection(1).copy(Repeat::Original);
}

#[test]
fn an_unacceptable_rst_ends_no_connection() {
    let mut script = Script::new();
    script.client().syn();
    script.server().refusal().acking(0);
    script.client().repeat().after_ms(1000).of_connection(0).copy(Repeat::Retransmission);
}

#[test]
fn one_fin_ends_no_connection() {
    let mut script = Script::new();
    script.used();
    script.client().fin();
    script.server().ack();
    script.client().syn().after_ms(1000).of_connection(0);
}

#[test]
fn a_first_connection_reuses_nothing() {
    let mut script = Script::new();
    script.client().syn().lacks(Finding::PortReused);
}

#[test]
fn the_server_may_open_the_next_connection() {
    let mut script = Script::new();
    script.closed();
    script.server().restarts(400_000).syn().of_connection(1).stage(Stage::Syn);
    assert_eq!(script.connection().client().port(), 80);
    assert_eq!(script.connection().role_basis(), RoleBasis::Syn);
}

#[test]
fn numbers_follow_the_first_segments() {
    let mut script = Script::new();
    script.client().syn().of_connection(0);
    script.elsewhere();
    script.frame(2).of_connection(1);
    script.client().restarts(70_000).syn().of_connection(2);
    assert_eq!(script.connection().attempt(), 2);
}

#[test]
fn a_closed_connection_leaves_after_two_minutes() {
    let mut script = Script::new();
    script.closed();
    script.wait_ms(119_999).elsewhere();
    assert!(script.take_closed().is_empty());
    script.wait_ms(1);
    script.elsewhere_for_a_while();
    assert_eq!(script.take_closed().len(), 1);
}

#[test]
fn a_decided_failure_leaves_after_two_minutes() {
    let mut script = Script::new();
    script.client().syn();
    script.client().repeat().after_ms(1000);
    script.wait_ms(120_000);
    script.elsewhere_for_a_while();
    let left = script.take_closed();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].outcome_at(left[0].last_ns()), Outcome::NoReply);
}

#[test]
fn a_half_closed_connection_stays() {
    let mut script = Script::new();
    script.used();
    script.client().fin();
    script.server().ack();
    script.wait_ms(10_000_000).elsewhere();
    assert!(script.take_closed().is_empty());
    script.server().data(5).of_connection(0);
}

#[test]
fn equal_ports_make_the_first_sender_the_client() {
    let mut script = Script::between(("10.0.0.1", 179), ("10.0.0.2", 179));
    script.capture_nothing().used().capture_all();
    script.server().data(5);
    assert_eq!(script.connection().client().ip().to_string(), "10.0.0.2");
    assert_eq!(script.connection().role_basis(), RoleBasis::None);
}

#[test]
fn the_higher_port_is_taken_for_the_client() {
    let mut script = Script::between(("10.0.0.1", 22), ("10.0.0.2", 50_000));
    script.open_before_capture();
    script.client().data(5);
    assert_eq!(script.connection().client().port(), 50_000);
    assert_eq!(script.connection().role_basis(), RoleBasis::Port);
}

#[test]
fn the_receiver_of_a_synack_is_the_client_whatever_the_ports() {
    let mut script = Script::between(("10.0.0.1", 22), ("10.0.0.2", 50_000));
    script.client().syn().uncaptured();
    script.server().syn_ack();
    assert_eq!(script.connection().client().port(), 22);
    assert_eq!(script.connection().role_basis(), RoleBasis::SynAck);
}

#[test]
fn a_role_never_changes() {
    let mut script = Script::new();
    script.client().syn().held();
    script.server().syn_ack();
    assert_eq!(script.connection().client().port(), 40_000);
    script.client().ack();
    script.server().data(5);
    assert_eq!(script.connection().client().port(), 40_000);
}

#[test]
fn the_sides_seen_are_reported() {
    for (mut script, seen) in [
        (Script::new(), Seen::Both),
        (Script::of_client_only(), Seen::ClientOnly),
        (Script::of_server_only(), Seen::ServerOnly),
    ] {
        script.used();
        assert_eq!(script.verdict().seen, seen);
        let one_way = script.verdict().findings.contains(Finding::OneWayCapture);
        assert_eq!(one_way, seen != Seen::Both, "{seen:?}");
    }
}

#[test]
fn where_only_the_server_is_captured_each_of_its_connections_is_one() {
    let mut script = Script::of_server_only();
    script.used();
    script.server().fin();
    script.client().fin();
    script.server().ack();
    let _ = script.server().restarts(4_000_000_000);
    script.client().restarts(3_000_000_000).syn();
    script.server().syn_ack().of_connection(1).lacks(Finding::SynAckIsnChanged);
    assert_eq!(script.connection_numbered(1).attempt(), 2);
}

#[test]
fn a_second_responder_is_no_second_connection_even_after_the_first_has_closed() {
    let mut script = Script::of_server_only();
    script.used();
    script.server().fin();
    script.server().syn_ack().raw_seq(4_000_000_000).acking(1).of_connection(0);
}

#[test]
fn durations_are_of_the_segments_own_times_and_never_negative() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack().noted_ms_ago(5000);
    script.client().ack();
    let times = script.verdict().times;
    // No answer comes before its question: the time that it took is not known.
    assert_eq!(times.rtt_server_ns, None);
    assert_eq!(times.rtt_client_ns, Some(5_010_000_000));
    assert_eq!(times.setup_time_ns, Some(20_000_000));
}

#[test]
fn a_port_used_again_should_count_from_beyond() {
    // The client has used the numbers up to 1006, its FIN.
    for (isn, behind) in [(90_000, false), (1007, false), (1006, true), (500, true)] {
        let mut script = Script::new();
        script.closed();
        script.client().restarts(isn).syn().has(Finding::PortReused);
        assert_eq!(script.connection().reuses_numbers(), behind, "{isn}");
    }
    // An RST leaves no TIME-WAIT behind.
    let mut script = Script::new();
    script.used();
    script.client().rst_ack();
    script.client().restarts(500).syn().has(Finding::PortReused);
    assert!(!script.connection().reuses_numbers());
}

#[test]
fn a_syn_that_another_supersedes_is_not_pending() {
    // The newer SYN gets a SYN/ACK, an RST, or nothing until the capture ends.
    for answer in 0..3 {
        let mut script = Script::new();
        script.client().syn();
        assert_eq!(script.outcome(), Outcome::Pending);
        script.client().restarts(700_000).syn().after_ms(500).of_connection(1);
        match answer {
            0 => drop(script.server().syn_ack().raw_ack(700_001).of_connection(1)),
            1 => drop(script.server().refusal().raw_ack(700_001).of_connection(1)),
            _ => {}
        }
        let now = i64::from(script.clock_ms()) * 1_000_000;
        let mut all = script.take_closed();
        all.extend((answer == 2).then(|| script.connection_numbered(0).clone()));
        let outcomes: Vec<_> = all.iter().map(|it| (it.id(), it.outcome_at(now))).collect();
        assert_eq!(outcomes, [(0, Outcome::NoReply)], "{answer}");
    }
}

#[test]
fn a_superseded_attempt_is_judged_by_what_came() {
    // Its SYN/ACK comes before the newer SYN, or behind it.
    for behind in [false, true] {
        let mut script = Script::new();
        script.client().syn();
        if !behind {
            script.server().syn_ack().lost();
        }
        script.client().syn().raw_seq(700_000).stray().after_ms(500).of_connection(1);
        if behind {
            script.server().syn_ack().raw_ack(1001).lost().of_connection(0);
        }
        let second = script.server().syn_ack().raw_seq(9_000).raw_ack(700_001);
        second.of_connection(1);
        let closed = script.take_closed();
        let outcomes: Vec<_> = closed.iter().map(|it| it.outcome_at(0)).collect();
        assert_eq!(outcomes, [Outcome::NoFinalAck], "{behind}");
    }
}

#[test]
fn the_answer_to_a_superseded_syn_is_its_own() {
    let mut script = Script::new();
    script.client().syn();
    script.client().syn().raw_seq(700_000).stray().of_connection(1);
    script.server().refusal().raw_ack(1001).of_connection(0).stage(Stage::RstRefusal);
    assert_eq!(script.outcome(), Outcome::Refused);
    script.server().refusal().raw_ack(700_001).of_connection(1).stage(Stage::RstRefusal);
    assert_eq!(script.outcome(), Outcome::Refused);
}

#[test]
fn a_synack_into_time_wait_that_is_challenged_is_no_connection() {
    for copies in 1..3 {
        let mut script = Script::new();
        script.closed();
        for _ in 0..copies {
            let synack = script.server().syn_ack().raw_seq(900_000).raw_ack(600_000).lost();
            synack.after_ms(500).of_connection(1).stage(Stage::SynAck);
            script.client().ack().of_connection(1).stage(Stage::ChallengeAck);
        }
        assert_eq!(script.outcome_after_ms(10_000), Outcome::UnsolicitedSynAck);
        assert!(!script.verdict().established);
    }
}
