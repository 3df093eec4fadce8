//! A simulated exchange captured on both sides of a device that rewrites its numbers: one connection,
//! whose packets are there twice.

use dissector_core::connection::Repeat;
use testkit::random::{Rng, pick};
use testkit::script::{Reported, Script};
use testkit::simulator::{Conditions, Passed};

use super::exchange;

/// The numbers on the far side less those on the near side: of client and server.
type Offsets = [u32; 2];

/// The sides on which a segment of end `from` is captured, in order.
fn both(from: usize) -> Vec<bool> {
    if from == 0 { vec![false, true] } else { vec![true, false] }
}

/// Plays each segment on each of the `sides` where it is captured; `true` stands for the far one.
fn play_on(
    script: &mut Script,
    passed: &[Passed],
    offsets: Offsets,
    sides: impl Fn(usize) -> Vec<bool>,
) -> Vec<Vec<Reported>> {
    let (mut reported, mut us) = (Vec::new(), 0);
    for (number, Passed { us: at, segment, .. }) in (1..).zip(passed) {
        // Linux sends SYN/ACKs with identification 0.
        let ip_id = if segment.syn && segment.ack.is_some() { 0 } else { number };
        let captures = sides(segment.from).into_iter().map(|far| {
            let [client, server] = if far { offsets } else { [0; 2] };
            let (own, other) = if segment.from == 0 { (client, server) } else { (server, client) };
            let builder = script.sender(segment.from).send(segment.flags());
            let ack = segment.ack.map_or(0, |ack| ack.wrapping_add(other));
            let builder = builder.raw_seq(segment.seq.wrapping_add(own)).raw_ack(ack);
            let builder = builder.carrying(segment.payload as usize).ip_id(ip_id);
            let seen = builder.after_us(at - us).sent();
            us = *at;
            seen
        });
        reported.push(captures.collect());
    }
    reported
}

fn check(seed: u64) -> bool {
    let loss = if seed.is_multiple_of(2) { 0 } else { 15 };
    let passed = exchange(seed, Conditions { loss, ..Default::default() });
    // The client's first SYN is there, and does not cross another.
    let mut crossing = passed.iter().filter(|it| it.segment.syn && it.segment.ack.is_none());
    if passed.is_empty() || passed[0].segment.from == 1 || crossing.any(|it| it.segment.from == 1) {
        return false;
    }
    // The server's numbers are learned from its SYN/ACK.
    let mut server = passed.iter().filter(|it| it.segment.from == 1);
    if server.next().is_some_and(|it| !it.segment.syn && !it.segment.rst) {
        return false;
    }
    let mut random = Rng::with_seed(seed);
    let near_numbers = [1 << 20, 0x7fff_fff0, 0x8000_0010, u32::MAX - (1 << 20)];
    // Some devices rewrite the numbers of one end only.
    let offsets = match random.u32(0..3) {
        0 => [random.u32(1..), 0],
        1 => [pick(&mut random, &near_numbers), pick(&mut random, &near_numbers)],
        _ => [random.u32(1..), random.u32(1..)],
    };
    let (mut script, mut reference) = (Script::new(), Script::new());
    let expected = play_on(&mut reference, &passed, offsets, |_| vec![false]).concat();
    let reported = play_on(&mut script, &passed, offsets, both);
    if expected.iter().any(|seen| seen.0.connection > 0) {
        return false;
    }
    for (nth, (seen, expected)) in (0..).zip(reported.iter().zip(&expected)) {
        let [first, second] = seen[..] else { panic!("two captures") };
        let place = || {
            let lines = passed.iter().zip(&reported);
            let lines =
                lines.map(|(it, seen)| format!("{it:?}\n  {:?}\n  {:?}\n", seen[0].0, seen[1].0));
            format!("seed {seed}, {offsets:x?}, segment {nth} of\n{}", lines.collect::<String>())
        };
        assert_eq!(second.0.copy, Repeat::Duplicate, "{}", place());
        let rest = |seen: Reported| {
            let it = seen.0;
            (it.connection, it.stage, it.copy, it.client, it.server, it.final_ack)
        };
        assert_eq!(rest(first), rest(*expected), "{}", place());
    }
    assert_eq!(script.connections(), 1, "seed {seed}");
    let verdicts = [&script, &reference].map(|it| it.verdict_after_ms(60_000));
    let [outcome, expected] =
        verdicts.map(|it| (it.outcome, it.close, it.syn_count, it.synack_count));
    assert_eq!(outcome, expected, "seed {seed}");
    true
}

#[test]
fn a_device_that_rewrites_numbers_makes_no_second_connection() {
    let checked = (0..3_000).filter(|seed| check(*seed)).count();
    assert!(checked > 1_000, "{checked}");
}
