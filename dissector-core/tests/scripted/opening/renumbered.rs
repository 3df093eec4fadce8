//! One connection captured on both sides of a device that rewrites its numbers, and what only looks like it.

use dissector_core::connection::{Outcome, Repeat, Stage};

use testkit::script::Script;

/// Two SYNs with different numbers, `us` microseconds apart, and the identifications of both.
fn two_syns(us: i64, ids: [u16; 2], window: u16) -> Script {
    let mut script = Script::new();
    script.client().syn().mss(1460).ws(8).ip_id(ids[0]);
    let second = script.client().syn().mss(1380).ws(8).raw_seq(700_000).stray();
    second.ip_id(ids[1]).window(window).after_us(us);
    script
}

#[test]
fn the_same_identification_within_20_ms_makes_it_a_copy() {
    for (us, ids, window, connections) in [
        (60, [7, 7], 1000, 1),
        (20_000, [7, 7], 1000, 1),
        (20_001, [7, 7], 1000, 2),
        (60, [7, 8], 1000, 2),
        (60, [0, 0], 1000, 2),
        (60, [7, 7], 2000, 2),
    ] {
        let script = two_syns(us, ids, window);
        assert_eq!(script.connections(), connections, "{us} {ids:?} {window}");
    }
}

#[test]
fn other_options_make_it_another_attempt() {
    let mut script = Script::new();
    script.client().syn().mss(1460).ws(8).ip_id(7);
    let second = script.client().syn().mss(1460).ws(7).raw_seq(700_000).stray();
    second.ip_id(7).after_us(60).of_connection(1);
}

#[test]
fn over_ipv6_only_the_timestamp_tells() {
    for (timestamps, connections) in [(None, 2), (Some([5, 6]), 2), (Some([5, 5]), 1)] {
        let mut script = Script::over_ipv6();
        for (number, sequence) in [1000, 700_000].into_iter().enumerate() {
            let syn = script.client().syn().mss(1460).raw_seq(sequence).after_us(60);
            match timestamps {
                Some(values) => drop(syn.ts_value(values[number]).stray()),
                None => drop(syn.stray()),
            }
        }
        assert_eq!(script.connections(), connections, "{timestamps:?}");
    }
}

#[test]
fn only_one_side_goes_on() {
    // Behind the device, the SYN/ACK is lost.
    let mut script = two_syns(60, [7, 7], 1000);
    script.server().syn_ack().mss(1460).raw_ack(700_001).ip_id(0).lost().stage(Stage::SynAck);
    let again = script.server().syn_ack().mss(1460).raw_ack(700_001).after_ms(1000).ip_id(0);
    again.lost().copy(Repeat::Retransmission);
    assert_eq!((script.outcome(), script.connections()), (Outcome::NoFinalAck, 1));
}

#[test]
fn a_repeated_syn_is_there_twice_too() {
    let mut script = two_syns(60, [7, 7], 1000);
    script.client().syn().mss(1460).ws(8).ip_id(9).after_ms(1000).copy(Repeat::Retransmission);
    let far = script.client().syn().mss(1380).ws(8).raw_seq(700_000).stray().ip_id(9);
    far.after_us(60).copy(Repeat::Duplicate);
    assert_eq!((script.verdict().syn_count, script.connections()), (2, 1));
}

/// The SYN/ACK on both sides of a device that rewrites the server's numbers only.
fn server_only(ipv6: bool, values: [Option<u32>; 2], mirrored: bool) -> Script {
    let mut script = if ipv6 { Script::over_ipv6() } else { Script::new() };
    let syn = script.client().syn().mss(1460).ip_id(7);
    if values[0].is_some() {
        syn.ts().sent();
    } else {
        syn.sent();
    }
    if mirrored {
        script.mirrored().ttl(63).after_us(60).sent();
    }
    for (number, value) in values.into_iter().enumerate() {
        let synack = script.server().syn_ack().mss(1460).ip_id(0).after_us(60);
        let synack = if let Some(value) = value { synack.ts_value(value) } else { synack };
        if number == 0 {
            synack.sent()
        } else {
            synack.raw_seq(900_000).stray().sent()
        };
    }
    script
}

#[test]
fn a_device_may_rewrite_the_numbers_of_the_server_only() {
    for (ipv6, values, mirrored, copy) in [
        (false, [None, None], true, Repeat::Duplicate),
        (false, [Some(5), Some(5)], true, Repeat::Duplicate),
        (true, [Some(5), Some(5)], true, Repeat::Duplicate),
        // Two servers have clocks of their own; over IPv6, nothing else tells.
        (false, [Some(5), Some(9)], true, Repeat::Original),
        (true, [None, None], true, Repeat::Original),
        // The SYN was captured once, so there are not two capture points.
        (false, [Some(5), Some(5)], false, Repeat::Original),
    ] {
        let script = server_only(ipv6, values, mirrored);
        let last = 3 + usize::from(mirrored);
        assert_eq!(script.frame(last).0.copy, copy, "{ipv6} {values:?} {mirrored}");
    }
    let mut script = server_only(false, [None, None], true);
    script.client().ack().ip_id(8).stage(Stage::FinalAck);
    let far = script.client().ack().raw_ack(900_001).ip_id(8).after_us(60).stray();
    far.copy(Repeat::Duplicate);
    script.server().fin().ip_id(3).stage(Stage::Fin);
    script.server().fin().raw_seq(900_001).ip_id(3).after_us(60).stray().copy(Repeat::Duplicate);
    script.client().fin().ip_id(9).stage(Stage::FinAndAck);
    script.server().ack().ip_id(4).stage(Stage::SecondFinAcked);
    assert_eq!((script.outcome(), script.verdict().synack_count), (Outcome::Complete, 1));
}
