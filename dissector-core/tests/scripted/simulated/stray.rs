//! A stray SYN in a simulated exchange: every other segment is reported as without it.

use dissector_core::connection::Stage;
use testkit::random::{Rng, chance, pick};
use testkit::script::Script;
use testkit::simulator::{Conditions, Passed, Segment, play};

use super::exchange;

/// Numbers of comparisons.
#[derive(Debug, Default)]
struct Count {
    segments: u32,
    challenges: u32,
    half_open: u32,
}

fn is_bare(segment: &Segment) -> bool {
    segment.payload == 0 && !segment.syn && !segment.fin && !segment.rst
}

/// A SYN of an end that has sent one before, with a number from elsewhere or from close by.
fn stray(random: &mut Rng, before: &[Passed]) -> Option<Passed> {
    let from = random.usize(0..2);
    let own = || before.iter().map(|it| it.segment).filter(|segment| segment.from == from);
    let isn = own().find(|segment| segment.syn)?.seq;
    let last = own().next_back()?;
    let near = [last.seq, last.end(), last.end().wrapping_sub(1), last.end().wrapping_add(1)];
    let seq = if chance(random, 50) { random.u32(..) } else { pick(random, &near) };
    let segment = Segment { from, syn: true, seq, ..Default::default() };
    let us = before.last()?.us;
    (seq != isn).then_some(Passed {
        us,
        segment,
        state: 0,
        copy: 0,
        forged: true,
        duplicate: false,
    })
}

fn check(seed: u64, count: &mut Count) {
    let loss = if seed.is_multiple_of(2) { 0 } else { 15 };
    let passed = exchange(seed, Conditions { loss, ..Default::default() });
    if passed.is_empty() {
        return;
    }
    let mut random = Rng::with_seed(seed);
    let place = random.usize(0..passed.len()) + 1;
    let Some(syn) = stray(&mut random, &passed[..place]) else { return };
    let mut script = Script::new();
    play(&mut script, &passed[..place]);
    if script.connections() > 1 || script.connection().is_closed() {
        return;
    }
    // A SYN that crosses may cross either.
    if passed[place..].iter().any(|it| it.segment.syn && it.segment.ack.is_none()) {
        return;
    }
    let mut all = passed.clone();
    all.insert(place, syn);
    let (mut script, mut reference) = (Script::new(), Script::new());
    let expected = play(&mut reference, &passed);
    let reported = play(&mut script, &all);
    let trace = || -> String {
        let lines =
            all.iter().zip(&reported).map(|(it, seen)| format!("{it:?}\n    {:?}\n", seen.0));
        lines.collect()
    };
    let place_of = |nth: usize| format!("seed {seed}, segment {nth} of\n{}", trace());
    assert_eq!(reported[place].0.connection, 1, "{}", place_of(place));
    let mut challenges = 0;
    for (nth, (it, (seen, expected))) in
        (0..).zip(all.iter().zip(reported.iter().zip(expected_with_gap(&expected, place))))
    {
        let Some(expected) = expected else { continue };
        if expected.0.connection > 0 {
            return;
        }
        count.segments += 1;
        match seen.0.stage {
            Stage::ChallengeAck if nth > place => {
                challenges += 1;
                assert!(challenges == 1 && is_bare(&it.segment), "{}", place_of(nth));
            }
            // An end that answers a challenge with an RST looks like one that has lost the connection.
            Stage::RstHalfOpen if it.segment.from == syn.segment.from => {
                count.half_open += 1;
                break;
            }
            _ if challenges == 0 => assert_eq!(seen.0, expected.0, "{}", place_of(nth)),
            // The proof in the ACK that was taken for a challenge is missing.
            _ => assert_eq!(seen.0.connection, 0, "{}", place_of(nth)),
        }
    }
    count.challenges += challenges;
}

/// The expectation on each segment, with nothing in `place`.
fn expected_with_gap<T: Copy>(expected: &[T], place: usize) -> impl Iterator<Item = Option<T>> {
    let (before, after) = expected.split_at(place);
    before.iter().copied().map(Some).chain([None]).chain(after.iter().copied().map(Some))
}

#[test]
fn a_stray_syn_takes_nothing_from_the_connection() {
    let mut count = Count::default();
    for seed in 0..3_000 {
        check(seed, &mut count);
    }
    let Count { segments, challenges, half_open } = count;
    assert!(segments > 10_000 && challenges > 20 && half_open < challenges, "{count:?}");
}
