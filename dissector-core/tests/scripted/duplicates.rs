//! Packets captured twice, distinguished from segments sent twice.

use dissector_core::connection::{Close, Finding, Outcome, Repeat};

use testkit::script::Script;

/// An open connection whose packets have IP ID 0, with timestamps or without.
fn without_ids(mut script: Script, timestamps: bool) -> Script {
    script.client().syn().ts_if(timestamps).ip_id(0);
    script.server().syn_ack().ts_if(timestamps).ip_id(0);
    script.client().ack().ip_id(0);
    script
}

/// The verdict on a second frame with the same 100 octets of data, `us` microseconds after the
/// first.
fn data_again(mut script: Script, ip_id: u16, us: i64) -> Repeat {
    script.client().data(100).ip_id(ip_id);
    script.mirrored().after_us(us).sent().0.copy
}

#[test]
fn the_same_ip_id_marks_a_duplicate_for_a_second() {
    for (us, copy) in [
        (1, Repeat::Duplicate),
        (250_000, Repeat::Duplicate),
        (1_000_000, Repeat::Duplicate),
        (1_000_001, Repeat::Original),
    ] {
        let mut script = Script::new();
        script.handshake();
        assert_eq!(data_again(script, 77, us), copy, "{us} µs");
    }
}

#[test]
fn another_ip_id_is_another_packet_however_soon() {
    let mut script = Script::new();
    script.handshake();
    script.client().data(100).ip_id(77);
    let again = script.client().repeat().ip_id(78).after_us(1).sent();
    again.lacks(Finding::DuplicateFrame);
    assert_ne!(again.0.copy, Repeat::Duplicate);
}

#[test]
fn an_ip_id_of_zero_equals_no_other() {
    let mut script = Script::new();
    script.handshake();
    script.client().data(100).ip_id(0);
    assert_ne!(script.client().repeat().ip_id(5).after_us(1).sent().0.copy, Repeat::Duplicate);
}

#[test]
fn without_ip_ids_the_timestamp_marks_a_duplicate_for_100_ms() {
    for (us, copy) in [
        (1, Repeat::Duplicate),
        (5_001, Repeat::Duplicate),
        (100_000, Repeat::Duplicate),
        (100_001, Repeat::Original),
    ] {
        assert_eq!(data_again(without_ids(Script::new(), true), 0, us), copy, "{us} µs");
    }
}

#[test]
fn without_ip_ids_another_timestamp_is_another_packet() {
    let mut script = without_ids(Script::new(), true);
    script.client().data(100).ip_id(0);
    let again = script.client().repeat().ip_id(0).after_ms(1);
    assert_ne!(again.sent().0.copy, Repeat::Duplicate);
}

#[test]
fn without_ip_ids_and_timestamps_five_milliseconds_mark_a_duplicate() {
    for (us, copy) in [
        (1, Repeat::Duplicate),
        (5_000, Repeat::Duplicate),
        (5_001, Repeat::Original),
        (50_000, Repeat::Original),
    ] {
        assert_eq!(data_again(without_ids(Script::new(), false), 0, us), copy, "{us} µs");
    }
}

#[test]
fn ipv6_is_judged_as_without_ip_ids() {
    for (timestamps, us, copy) in [
        (true, 100_000, Repeat::Duplicate),
        (true, 100_001, Repeat::Original),
        (false, 5_000, Repeat::Duplicate),
        (false, 5_001, Repeat::Original),
    ] {
        let script = without_ids(Script::over_ipv6(), timestamps);
        assert_eq!(data_again(script, 0, us), copy, "{timestamps} {us} µs");
    }
}

#[test]
fn empty_segments_are_duplicates_within_a_millisecond_only() {
    for (us, copy) in
        [(1, Repeat::Duplicate), (1_000, Repeat::Duplicate), (1_001, Repeat::Original)]
    {
        let mut script = Script::new();
        script.used();
        assert_eq!(script.mirrored().after_us(us).sent().0.copy, copy, "{us} µs");
    }
}

#[test]
fn empty_segments_with_another_ttl_are_duplicates_for_longer() {
    let mut script = Script::new();
    script.used();
    script.mirrored().ttl(63).after_us(900_000).copy(Repeat::Duplicate);
    script.mirrored().ttl(63).after_us(1_000_001).lacks(Finding::DuplicateFrame);
}

#[test]
fn a_syn_is_judged_by_the_ip_id_although_it_is_empty() {
    let mut script = Script::new();
    script.client().syn();
    script.mirrored().after_us(2_000).copy(Repeat::Duplicate).has(Finding::DuplicateFrame);
}

/// Client and server wait a second each, so that both may repeat at the same moment: the server by its
/// timer, and once more because the SYN comes again.
#[test]
fn a_synack_by_the_timer_and_one_by_the_syn_again_are_two() {
    for timestamps in [false, true] {
        let mut script = Script::new();
        script.client().syn().ts_if(timestamps).ip_id(7);
        script.server().syn_ack().ts_if(timestamps).ip_id(0);
        script.server().repeat().ip_id(0).after_ms(1000).copy(Repeat::Retransmission);
        script.client().repeat().ip_id(8).after_us(100);
        let again = script.server().repeat().ip_id(0).after_us(50);
        again.copy(Repeat::Retransmission).lacks(Finding::DuplicateFrame);
        script.mirrored().after_us(10).copy(Repeat::Duplicate);
    }
}

#[test]
fn another_ttl_alone_makes_no_other_packet() {
    let mut script = Script::new();
    script.handshake();
    script.client().data(100);
    script.mirrored().ttl(63).copy(Repeat::Duplicate).has(Finding::DuplicateFrame);
}

/// A host captures a packet on two interfaces, before and after checksum offload: on the interface
/// of a container or a tunnel the checksum is not filled in yet, on the one behind it is.
#[test]
fn another_checksum_is_the_same_packet_within_five_milliseconds() {
    for (us, copy) in
        [(1, Repeat::Duplicate), (5_000, Repeat::Duplicate), (5_001, Repeat::Original)]
    {
        let mut script = Script::new();
        script.handshake();
        script.client().data(100);
        assert_eq!(script.mirrored().damaged().after_us(us).sent().0.copy, copy, "{us} µs");
    }
}

#[test]
fn a_synack_without_ip_id_may_have_another_checksum_too() {
    for timestamps in [false, true] {
        let mut script = Script::new();
        script.client().syn().ts_if(timestamps);
        script.server().syn_ack().ts_if(timestamps).ip_id(0);
        script.mirrored().damaged().copy(Repeat::Duplicate).lacks(Finding::SynAckRetx);
    }
}

#[test]
fn without_ip_ids_empty_segments_with_another_checksum_are_others() {
    let mut script = without_ids(Script::over_ipv6(), true);
    script.client().data(100);
    script.server().ack();
    // Such segments are duplicate ACKs whose SACK blocks grow behind a gap.
    script.mirrored().damaged().after_us(100).copy(Repeat::Original);
}

#[test]
fn another_window_is_another_packet() {
    let mut script = Script::new();
    script.used();
    script.mirrored().window(77).after_us(100).copy(Repeat::Original);
}

#[test]
fn each_segment_to_a_host_without_the_connection_has_an_rst_of_its_own() {
    let mut script = Script::new();
    script.handshake();
    for _ in 0..2 {
        script.client().data(100);
        let answer = script.server().reflex().raw_seq(9).ip_id(0).after_us(50).sent();
        assert_eq!(answer.0.copy, Repeat::Original);
        script.mirrored().copy(Repeat::Duplicate);
    }
    // Seen behind a router, although something came meanwhile.
    script.client().data(100);
    script.mirror_of(7).ttl(63).after_us(100).copy(Repeat::Duplicate);
}

#[test]
fn the_last_four_segments_of_a_direction_are_compared() {
    for (others, copy) in [(3, Repeat::Duplicate), (4, Repeat::Original)] {
        let mut script = Script::new();
        script.handshake();
        script.client().data(100);
        for _ in 0..others {
            script.client().data(10);
            // The other direction does not count.
            script.server().ack();
        }
        assert_eq!(script.mirror_of(4).sent().0.copy, copy, "{others}");
    }
}

#[test]
fn a_duplicate_is_counted_nowhere() {
    let mut script = Script::new();
    script.client().syn();
    script.mirrored().lacks(Finding::SynRetx);
    script.server().syn_ack();
    script.mirrored().lacks(Finding::SynAckRetx);
    script.client().ack();
    let again = script.mirrored().copy(Repeat::Duplicate);
    assert!(!again.0.final_ack);
    let verdict = script.verdict();
    assert_eq!((verdict.syn_count, verdict.synack_count), (1, 1));
    assert_eq!(script.connection().packets(), 3);
    assert_eq!(verdict.frames.final_ack, Some(5));
    assert_eq!(verdict.times.rtt_exact, Some(true));
    assert_eq!(verdict.outcome, Outcome::Complete);
}

#[test]
fn a_duplicate_has_no_retry_number() {
    let mut script = Script::new();
    script.client().syn();
    let again = script.mirrored().sent();
    assert_eq!((again.0.retry, again.0.rto_ns()), (0, None));
    let real = script.client().repeat().after_ms(1000).copy(Repeat::Retransmission);
    assert_eq!(real.0.retry, 1);
}

#[test]
fn a_duplicate_syn_takes_nothing_back() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack();
    let again = script.mirror_of(1).lacks(Finding::SynAckNotReceived).copy(Repeat::Duplicate);
    assert_eq!(again.0.client.to_string(), "ESTABLISHED?");
    assert_eq!(again.0.server.to_string(), "SYN-RECEIVED");
}

#[test]
fn a_duplicate_synack_does_not_refute_the_final_ack() {
    let mut script = Script::new();
    script.handshake();
    let again = script.mirror_of(2).copy(Repeat::Duplicate);
    again.lacks(Finding::SynAckRetxAfterAck).lacks(Finding::SynAckRetxCrossed);
    assert_eq!(again.0.server.to_string(), "ESTABLISHED?");
    assert_eq!(script.outcome(), Outcome::Complete);
}

#[test]
fn a_duplicate_fin_takes_nothing_back() {
    let mut script = Script::new();
    script.used();
    script.client().fin();
    script.server().ack();
    let again = script.mirror_of(6).copy(Repeat::Duplicate);
    assert_eq!(again.0.client.to_string(), "FIN-WAIT-2?");
    assert_eq!(script.verdict().close, Close::HalfClosed);
}

#[test]
fn a_duplicate_of_a_refused_syn_opens_no_new_connection() {
    let mut script = Script::new();
    script.client().syn();
    script.server().refusal();
    script.mirror_of(1).copy(Repeat::Duplicate).of_connection(0);
    assert_eq!(script.outcome(), Outcome::Refused);
}

#[test]
fn the_whole_exchange_seen_twice_is_one_connection() {
    let steps: [fn(&mut Script); 7] = [
        |script| _ = script.client().syn().sent(),
        |script| _ = script.server().syn_ack().sent(),
        |script| _ = script.client().ack().sent(),
        |script| _ = script.client().data(20).sent(),
        |script| _ = script.server().fin().sent(),
        |script| _ = script.client().fin().sent(),
        |script| _ = script.server().ack().sent(),
    ];
    let mut script = Script::new();
    for step in steps {
        step(&mut script);
        script.mirrored().ttl(63).copy(Repeat::Duplicate);
    }
    let verdict = script.verdict();
    assert_eq!((verdict.outcome, verdict.close), (Outcome::Complete, Close::Fin));
    assert_eq!((script.connections(), script.connection().packets()), (1, 7));
}
