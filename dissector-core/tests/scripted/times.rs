//! Times of the handshake: round trips under retransmission, vantage, retries.

use dissector_core::connection::{Finding, Outcome, Repeat, Severity, Stage, Vantage};

use testkit::script::Script;

const MS: u64 = 1_000_000;

/// A handshake with these times, in microseconds, from SYN to SYN/ACK and from there to the ACK.
fn apart(server_us: i64, client_us: i64) -> Script {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack().after_us(server_us);
    script.client().ack().after_us(client_us);
    script
}

#[test]
fn the_three_round_trips() {
    let times = apart(20_000, 1_000).verdict().times;
    assert_eq!(times.rtt_server_ns, Some(20 * MS));
    assert_eq!(times.rtt_client_ns, Some(MS));
    assert_eq!(times.rtt_total_ns, Some(21 * MS));
    assert_eq!(times.setup_time_ns, Some(21 * MS));
    assert_eq!(times.rtt_exact, Some(true));
}

#[test]
fn without_a_synack_there_are_no_times() {
    let mut script = Script::new();
    script.client().syn();
    let times = script.verdict().times;
    assert_eq!((times.rtt_server_ns, times.rtt_client_ns), (None, None));
    assert_eq!((times.rtt_total_ns, times.setup_time_ns), (None, None));
}

#[test]
fn without_the_syn_there_is_the_time_to_the_client_only() {
    let mut script = Script::new();
    script.client().syn().uncaptured();
    script.server().syn_ack();
    script.client().ack();
    let times = script.verdict().times;
    assert_eq!((times.rtt_server_ns, times.rtt_client_ns), (None, Some(10 * MS)));
    assert_eq!((times.rtt_total_ns, times.setup_time_ns), (None, None));
}

#[test]
fn a_repeated_syn_without_timestamps_makes_the_round_trip_uncertain() {
    let mut script = Script::new();
    script.client().syn().lost();
    script.client().repeat().after_ms(1000);
    script.server().syn_ack().after_ms(20);
    script.client().ack().after_ms(1);
    let times = script.verdict().times;
    assert_eq!(times.rtt_exact, Some(false));
    assert_eq!(times.setup_time_ns, Some(1021 * MS));
}

#[test]
fn timestamps_tell_that_the_second_syn_was_answered() {
    let mut script = Script::new();
    script.client().syn().ts().lost();
    script.client().repeat().after_ms(1000);
    script.server().syn_ack().ts().after_ms(20);
    script.client().ack().after_ms(1);
    let times = script.verdict().times;
    assert_eq!(times.rtt_server_ns, Some(20 * MS));
    assert_eq!(times.rtt_total_ns, Some(21 * MS));
    assert_eq!(times.setup_time_ns, Some(1021 * MS));
    assert_eq!(times.rtt_exact, Some(true));
}

/// Linux echoes the timestamp of the SYN that it got first, whichever it answers: an answer to the
/// second one, where the first was lost, looks like a slow answer to the first.
#[test]
fn an_echo_of_the_first_syn_is_the_likely_answer_but_not_certain() {
    let mut script = Script::new();
    script.client().syn().ts();
    let first = script.clock_ms();
    script.client().repeat().after_ms(1000).lost();
    script.server().syn_ack().ts_echo(first).after_ms(20);
    script.client().ack().after_ms(1);
    let times = script.verdict().times;
    assert_eq!(times.rtt_server_ns, Some(1020 * MS));
    assert_eq!(times.rtt_total_ns, Some(1021 * MS));
    assert_eq!(times.rtt_exact, Some(false));
}

#[test]
fn timestamps_tell_which_of_three_syns_was_answered() {
    let mut script = Script::new();
    script.client().syn().ts();
    script.client().repeat().after_ms(1000);
    let second = script.clock_ms();
    script.client().repeat().after_ms(1000);
    script.server().syn_ack().ts_echo(second).after_ms(5);
    script.client().ack();
    let times = script.verdict().times;
    assert_eq!((times.rtt_server_ns, times.rtt_exact), (Some(1005 * MS), Some(false)));
}

#[test]
fn equal_timestamps_do_not_tell_which_syn_was_answered() {
    let mut script = Script::new();
    script.client().syn().ts_value(77);
    script.client().syn().ts_value(77).after_ms(1000);
    script.server().syn_ack().ts_echo(77).after_ms(5);
    script.client().ack();
    assert_eq!(script.verdict().times.rtt_exact, Some(false));
}

#[test]
fn timestamps_tell_which_synack_was_acknowledged() {
    for (second, rtt_client) in [(false, 1005), (true, 5)] {
        // An endpoint that has the first one may echo it from then on.
        let exact = second;
        let mut script = Script::new();
        script.client().syn().ts();
        script.server().syn_ack().ts();
        let first = script.clock_ms();
        script.server().repeat().after_ms(1000);
        let echo = if second { script.clock_ms() } else { first };
        script.client().ack().ts_echo(echo).after_ms(5);
        let times = script.verdict().times;
        assert_eq!((times.rtt_client_ns, times.rtt_exact), (Some(rtt_client * MS), Some(exact)));
    }
}

#[test]
fn a_repeated_synack_without_timestamps_makes_the_round_trip_uncertain() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack();
    script.server().repeat().after_ms(1000);
    script.client().ack();
    assert_eq!(script.verdict().times.rtt_exact, Some(false));
}

#[test]
fn a_duplicate_frame_does_not_make_the_round_trip_uncertain() {
    let mut script = Script::new();
    script.client().syn();
    script.mirrored();
    script.server().syn_ack().after_ms(20);
    script.client().ack();
    let times = script.verdict().times;
    assert_eq!((times.rtt_exact, times.rtt_server_ns), (Some(true), Some(20 * MS + 10_000)));
}

#[test]
fn the_vantage_follows_from_the_two_round_trips() {
    for (server_us, client_us, vantage) in [
        (40_000, 10_000, Vantage::NearClient),
        (39_999, 10_000, Vantage::Middle),
        (10_000, 10_000, Vantage::Middle),
        (10_000, 39_999, Vantage::Middle),
        (10_000, 40_000, Vantage::NearServer),
    ] {
        let verdict = apart(server_us, client_us).verdict();
        assert_eq!(verdict.vantage, vantage, "{server_us} {client_us}");
    }
}

#[test]
fn without_both_round_trips_the_vantage_is_unknown() {
    let mut script = Script::new();
    script.client().syn();
    assert_eq!(script.verdict().vantage, Vantage::Unknown);
    script.server().syn_ack();
    assert_eq!(script.verdict().vantage, Vantage::Unknown);
}

#[test]
fn a_set_up_of_more_than_a_second_is_slow() {
    for (us, slow) in [(990_000, false), (990_001, true)] {
        let verdict = apart(us, 10_000).verdict();
        assert_eq!(verdict.findings.contains(Finding::SlowHandshake), slow, "{us}");
    }
}

#[test]
fn retries_count_towards_a_slow_set_up() {
    let mut script = Script::new();
    script.client().syn().lost();
    script.client().repeat().after_ms(1000);
    script.server().syn_ack();
    script.client().ack().has(Finding::SlowHandshake);
}

#[test]
fn copies_of_a_syn_are_numbered_and_timed() {
    let mut script = Script::new();
    let first = script.client().syn().copy(Repeat::Original).lacks(Finding::SynRetx);
    assert_eq!((first.0.retry, first.0.rto_ns()), (0, None));
    // The waits are equal at first and double later, as some kernels do it; no rule depends on
    // them.
    for (number, wait) in [(1, 1030), (2, 1020), (3, 1020), (4, 2020)] {
        let copy = script.client().repeat().after_ms(wait).has(Finding::SynRetx);
        copy.stage(Stage::Syn).copy(Repeat::Retransmission);
        assert_eq!((copy.0.retry, copy.0.rto_ns()), (number, Some(wait as u64 * MS)));
    }
    assert_eq!(script.verdict().syn_count, 5);
}

#[test]
fn the_number_of_a_copy_stops_at_255() {
    let mut script = Script::new();
    script.client().syn();
    for _ in 0..300 {
        script.client().repeat().after_ms(1000);
    }
    assert_eq!(script.frame(301).0.retry, 255);
    assert_eq!(script.verdict().syn_count, 301);
}

#[test]
fn a_syn_repeated_after_25_ms_is_a_retransmission() {
    let mut script = Script::new();
    script.client().syn();
    script.client().repeat().after_ms(25).copy(Repeat::Retransmission);
}

#[test]
fn retries_of_a_synack_are_numbered_and_timed() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack().ip_id(0).lost();
    // Linux numbers no SYN/ACK: only the time tells it from a duplicate.
    let again = script.server().repeat().ip_id(0).after_ms(1000).copy(Repeat::Retransmission);
    assert_eq!((again.0.retry, again.0.rto_ns()), (1, Some(1000 * MS)));
    assert_eq!(script.verdict().synack_count, 2);
}

#[test]
fn only_syn_synack_and_fin_count_copies() {
    let mut script = Script::new();
    script.used();
    let data = script.client().data(5).sent();
    let again = script.client().repeat().after_ms(300).sent();
    for seen in [data, again] {
        assert_eq!((seen.0.retry, seen.0.rto_ns()), (0, None));
        assert!(!seen.0.counts_copies());
    }
}

#[test]
fn findings_have_the_severity_of_their_kind() {
    for (severity, findings) in [
        (Severity::Chat, &[Finding::HandshakeComplete, Finding::SimultaneousClose][..]),
        (
            Severity::Note,
            &[
                Finding::SynRetx,
                Finding::SynAckRetx,
                Finding::SynAckRetxCrossed,
                Finding::ChallengeAck,
                Finding::HalfOpenReset,
                Finding::RstUnacceptable,
                Finding::PortReused,
                Finding::DuplicateFrame,
            ],
        ),
        (
            Severity::Warn,
            &[
                Finding::SynAckNotReceived,
                Finding::SynAckRetxAfterAck,
                Finding::NoReply,
                Finding::Refused,
                Finding::BadSynAck,
                Finding::RstIgnored,
                Finding::SplitHandshake,
                Finding::DataBeforeEstablished,
                Finding::RstAbort,
            ],
        ),
    ] {
        for finding in findings {
            assert_eq!(finding.severity(), severity, "{finding:?}");
        }
    }
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

/// Handshakes 10,000 s after 1970, one segment of which has no time.
#[test]
fn a_segment_without_a_time_belongs_to_its_connection_and_times_nothing() {
    const MS: i64 = 10_000_000;
    for timeless in 0..4 {
        let mut script = Script::new();
        script.wait_ms(MS);
        for number in 0..4 {
            let sender = script.sender([0, 1, 0, 0][number]);
            let draft = match number {
                0 => sender.syn(),
                1 => sender.syn_ack(),
                2 => sender.ack(),
                _ => sender.data(5),
            };
            let draft = draft.after_us(0);
            if number == timeless {
                draft.noted_ms_ago(MS).of_connection(0);
            } else {
                draft.of_connection(0);
            }
        }
        let verdict = script.verdict();
        assert_eq!(verdict.outcome, Outcome::Complete, "{timeless}");
        let times = verdict.times;
        let known = |time: Option<u64>| time.is_some();
        assert_eq!(known(times.rtt_server_ns), timeless > 1, "{timeless}");
        assert_eq!(known(times.rtt_client_ns), ![1, 2].contains(&timeless), "{timeless}");
        assert_eq!(known(times.setup_time_ns), ![0, 2].contains(&timeless), "{timeless}");
    }
    let mut script = Script::new();
    script.wait_ms(MS);
    script.client().syn().after_us(0).noted_ms_ago(MS).sent();
    script.elsewhere();
    assert_eq!(script.connection_numbered(0).verdict_at(MS * 1_000_000).outcome, Outcome::Pending);
}
