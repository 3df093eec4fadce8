//! Random courses of two clocks, and ways that delay at random, against what is found out of them.

use proptest::prelude::*;
use testkit::random::{Rng, chance, pick};

use super::{Bound, Bounds, ClockKind, Clocks, RATE_LIMIT_PPM, RATE_PPM, Way};

const SECOND: i64 = 1_000_000_000;
const MILLI: i64 = 1_000_000;
const BEGIN: i64 = 1_700_000_000 * SECOND;

/// B's clock minus A's: from each time on, an offset that drifts by so many parts per billion.
#[derive(Clone, Debug)]
struct Truth(Vec<(i64, i64, i64)>);

impl Truth {
    fn at(&self, time_ns: i64) -> i64 {
        let index = self.0.partition_point(|&(from, ..)| from <= time_ns).saturating_sub(1);
        let (from, offset, ppb) = self.0[index];
        let drift = i128::from(time_ns - from) * i128::from(ppb) / 1_000_000_000;
        offset + drift as i64
    }

    fn steady(random: &mut Rng, most_ppm: u32) -> Self {
        let most = i64::from(most_ppm) * 1_000;
        let offset = random.i64(-7_200 * SECOND..40 * SECOND);
        Self(vec![(BEGIN, offset, random.i64(-most..=most))])
    }

    /// Clocks whose rate changes, but that nobody sets.
    fn slewed(random: &mut Rng, span_ns: i64, most_ppm: u32) -> Self {
        let mut truth = Self::steady(random, most_ppm);
        let most = i64::from(most_ppm) * 1_000;
        for _ in 0..random.usize(1..6) {
            let (last, ..) = truth.0[truth.0.len() - 1];
            let from = last + random.i64(0..=span_ns / 3);
            truth.0.push((from, truth.at(from), random.i64(-most..=most)));
        }
        truth
    }

    /// Clocks that are set now and then, by no less than this.
    fn stepped(random: &mut Rng, span_ns: i64, least_ns: i64) -> Self {
        let mut truth = Self::steady(random, RATE_PPM);
        let steps = random.i64(1..5);
        for step in 1..=steps {
            let part = span_ns / (steps + 1);
            let from = BEGIN + part * step + random.i64(-part / 4..part / 4);
            let by = random.i64(least_ns..=100 * least_ns) * pick(random, &[-1, 1]);
            let rate = truth.0[0].2;
            truth.0.push((from, truth.at(from) + by, rate));
        }
        truth
    }
}

/// Delays of a way: at least the minimum, often exactly that, sometimes much more.
#[derive(Clone, Copy, Debug)]
struct Delays {
    least_ns: i64,
    often_percent: u32,
    tail_ns: i64,
}

impl Delays {
    fn random(random: &mut Rng) -> Self {
        let least_ns = pick(random, &[0, 5_000, 200_000, 3 * MILLI, 40 * MILLI, 300 * MILLI]);
        let tail_ns = pick(random, &[10_000, MILLI, 50 * MILLI]);
        Self { least_ns, often_percent: pick(random, &[0, 20, 80]), tail_ns }
    }

    fn one(self, random: &mut Rng) -> i64 {
        if chance(random, self.often_percent) {
            return self.least_ns;
        }
        let tail = -(1.0 - random.f64()).ln() * self.tail_ns as f64;
        self.least_ns + if chance(random, 3) { 20.0 * tail } else { tail } as i64
    }
}

/// What both points have seen.
#[derive(Clone, Debug)]
struct Seen {
    bounds: Vec<Bound>,
    first_ns: i64,
    last_ns: i64,
    /// The smallest delay of both ways together.
    round_trip_ns: i64,
}

/// A segment that passes A at this time, or leaves B so that it passes A then.
fn bound(truth: &Truth, time_ns: i64, delay_ns: i64, way: Way) -> Bound {
    let difference_ns = match way {
        Way::AToB => delay_ns + truth.at(time_ns + delay_ns),
        Way::BToA => truth.at(time_ns - delay_ns) - delay_ns,
    };
    Bound { time_ns, difference_ns, way }
}

/// Connections at random times, each with a handshake and some segments.
fn seen(random: &mut Rng, truth: &Truth, span_ns: i64, count: usize, ways: [Delays; 2]) -> Seen {
    let mut bounds = Vec::new();
    let mut least = [i64::MAX; 2];
    for _ in 0..count {
        let mut time_ns = BEGIN + random.i64(0..=span_ns);
        for index in 0..random.usize(3..12) {
            let way = index % 2;
            let delay_ns = ways[way].one(random);
            least[way] = least[way].min(delay_ns);
            bounds.push(bound(truth, time_ns, delay_ns, [Way::AToB, Way::BToA][way]));
            time_ns += delay_ns + random.i64(0..5 * MILLI);
        }
    }
    let times = || bounds.iter().map(|bound| bound.time_ns);
    let [first_ns, last_ns] = [times().min().unwrap(), times().max().unwrap()];
    Seen { first_ns, last_ns, round_trip_ns: least[0] + least[1], bounds }
}

fn clocks(bounds: &[Bound]) -> Clocks {
    let mut all = Bounds::new();
    bounds.iter().for_each(|&bound| all.push(bound));
    all.clocks()
}

/// Fails if the truth is outside of what is stated at some time; otherwise how many of a thousand
/// times have an uncertainty at all.
fn honest(random: &mut Rng, truth: &Truth, seen: &Seen, clocks: &Clocks) -> u32 {
    let span = seen.first_ns..=seen.last_ns;
    let mut stated = 0;
    for index in 0..1_000 {
        let time_ns = if index % 2 == 0 {
            seen.bounds[random.usize(..seen.bounds.len())].time_ns
        } else {
            random.i64(span.clone())
        };
        let offset = clocks.at(time_ns);
        let Some(uncertainty) = offset.uncertainty_ns else { continue };
        stated += 1;
        let apart = offset.offset_ns.abs_diff(truth.at(time_ns));
        // Two nanoseconds: the truth is rounded twice.
        assert!(
            apart <= uncertainty + 2,
            "{} ns after the beginning: {apart} ns from the truth, {offset:?}, {:?}",
            time_ns - seen.first_ns,
            clocks.pieces().collect::<Vec<_>>(),
        );
    }
    stated
}

fn for_seeds(count: u64, test: impl Fn(&mut Rng)) {
    for seed in 0..count {
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            test(&mut Rng::with_seed(seed));
        }));
        if let Err(panic) = result {
            eprintln!("seed {seed}");
            std::panic::resume_unwind(panic);
        }
    }
}

fn random_span(random: &mut Rng) -> i64 {
    pick(random, &[SECOND / 10, 10 * SECOND, 600 * SECOND, 86_400 * SECOND, 5 * 86_400 * SECOND])
}

#[test]
fn the_truth_is_within_the_uncertainty_while_no_clock_is_set() {
    for_seeds(600, |random| {
        let span = random_span(random);
        let truth = match random.u32(..3) {
            0 => Truth::steady(random, 0),
            1 => Truth::steady(random, RATE_PPM),
            // Half of the rate, since a piece may be called steady and its rate be any in between.
            _ => Truth::slewed(random, span, RATE_PPM / 2),
        };
        let count = pick(random, &[1, 3, 30, 300]);
        let ways = [Delays::random(random), Delays::random(random)];
        let seen = seen(random, &truth, span, count, ways);
        let clocks = clocks(&seen.bounds);
        assert_eq!(clocks.pieces().count(), 1, "nothing was set");
        assert_eq!(honest(random, &truth, &seen, &clocks), 1_000, "it is always stated");
    });
}

#[test]
fn a_drift_up_to_the_limit_is_found_and_covered() {
    for_seeds(300, |random| {
        let span = random_span(random);
        let truth = Truth::steady(random, RATE_LIMIT_PPM);
        let ways = [Delays::random(random), Delays::random(random)];
        let seen = seen(random, &truth, span, 100, ways);
        let clocks = clocks(&seen.bounds);
        let [piece] = clocks.pieces().collect::<Vec<_>>()[..] else { panic!("one piece") };
        let ppm = truth.0[0].2 as f64 / 1e3;
        if piece.kind == ClockKind::Drifting {
            assert_eq!(honest(random, &truth, &seen, &clocks), 1_000);
        } else {
            // A drift goes unnoticed only as long as it adds up to less than the bounds leave open.
            let drift = ppm.abs() * 1e-6 * span as f64;
            assert!(drift <= 2.0 * seen.round_trip_ns as f64 + 200e6 * 20.0, "{ppm} {piece:?}");
        }
        if ppm.abs() * 1e-6 * span as f64 > 100.0 * 3e9 {
            assert!((piece.drift_ppm - ppm).abs() < 5.0, "{ppm} ppm are {piece:?}");
        }
    });
}

#[test]
fn many_bounds_leave_half_of_the_smallest_round_trip() {
    for_seeds(60, |random| {
        let steady = chance(random, 50);
        let truth = Truth::steady(random, if steady { 0 } else { RATE_LIMIT_PPM });
        let span = 60 * SECOND;
        let ways = [Delays::random(random), Delays::random(random)]
            .map(|delays| Delays { often_percent: 50, ..delays });
        let seen = seen(random, &truth, span, 2_000, ways);
        let clocks = clocks(&seen.bounds);
        // Of each way, one of the smallest delay passes within a second.
        let allowance = i64::from(RATE_PPM) * 1_000 * if steady { 1 } else { 60 };
        let most = (seen.round_trip_ns / 2 + allowance) as u64;
        for _ in 0..100 {
            let time_ns = random.i64(BEGIN + SECOND..BEGIN + span - SECOND);
            let uncertainty = clocks.at(time_ns).uncertainty_ns.unwrap();
            assert!(uncertainty <= most, "{uncertainty} of {most}: {:?}", clocks.pieces().next());
        }
    });
}

#[test]
fn steps_are_counted_located_and_measured() {
    for_seeds(200, |random| {
        let span = pick(random, &[20 * SECOND, 600 * SECOND]);
        let ways = [Delays::random(random), Delays::random(random)]
            .map(|delays| Delays { often_percent: 50, ..delays });
        let longest = 200 * 20 * MILLI;
        let truth = Truth::stepped(random, span, 4 * longest);
        let seen = seen(random, &truth, span, 1_000, ways);
        let clocks = clocks(&seen.bounds);
        let steps: Vec<_> = clocks.steps().collect();
        assert_eq!(
            steps.len(),
            truth.0.len() - 1,
            "{truth:?} {:?}",
            clocks.pieces().collect::<Vec<_>>()
        );
        for (step, &(at, offset, _)) in steps.iter().zip(&truth.0[1..]) {
            // The bounds of segments that were under way may be on the other side of it.
            assert!(
                step.after_ns <= at + longest && at - longest <= step.before_ns,
                "{step:?}, {at}"
            );
            let by = offset - truth.at(at - 1);
            let drift = ((step.before_ns - step.after_ns) / 1_000).unsigned_abs();
            let most = step.uncertainty_ns.unwrap() + drift + 2;
            assert!(step.by_ns.abs_diff(by) <= most, "{step:?}, {by}");
        }
        let stated = honest(random, &truth, &seen, &clocks);
        assert!(stated > 700, "stated {stated} times of a thousand");
    });
}

#[test]
fn a_step_between_few_connections_is_found_too() {
    for_seeds(300, |random| {
        let span = 100 * SECOND;
        let truth = Truth::stepped(random, span, 20 * SECOND);
        let ways = [Delays::random(random), Delays::random(random)];
        let count = random.usize(1..20);
        let seen = seen(random, &truth, span, count, ways);
        let clocks = clocks(&seen.bounds);
        let found = clocks.pieces().count();
        assert!(found <= truth.0.len(), "no more than there are");
        // Where nothing was seen between two steps, they look like one.
        if found == truth.0.len() {
            honest(random, &truth, &seen, &clocks);
        }
    });
}

#[test]
fn a_few_lies_cost_no_more_than_their_surroundings() {
    for_seeds(300, |random| {
        let span = 600 * SECOND;
        let truth = Truth::steady(random, RATE_PPM);
        let ways = [Delays::random(random), Delays::random(random)];
        let mut seen = seen(random, &truth, span, 200, ways);
        let honest_ones = clocks(&seen.bounds);
        let lies = random.usize(1..6);
        let mut bounds = seen.bounds.clone();
        for _ in 0..lies {
            let index = random.usize(..bounds.len());
            let Bound { time_ns, difference_ns, .. } = &mut bounds[index];
            let b_ns = *time_ns + *difference_ns;
            match random.u32(..4) {
                // B's frame says 1970, or A's does.
                0 => *difference_ns = -*time_ns,
                1 => (*time_ns, *difference_ns) = (0, b_ns),
                2 => *difference_ns += random.i64(-9_000..9_000) * SECOND,
                _ => {
                    let by = random.i64(-100..100) * SECOND;
                    (*time_ns, *difference_ns) = (*time_ns + by, *difference_ns - by);
                }
            }
        }
        let found = clocks(&bounds);
        // One that is true may stand between two lies.
        assert!(found.ignored() <= 2 * lies);
        assert_eq!(found.pieces().count(), 1, "{:?}", found.pieces().collect::<Vec<_>>());
        // Times of the lies are none of the capture's.
        seen.bounds.retain(|bound| bounds.contains(bound));
        let stated = honest(random, &truth, &seen, &found);
        assert!(stated > 900, "stated {stated} times of a thousand");
        let middle = BEGIN + span / 2;
        let [with, without] = [found.at(middle), honest_ones.at(middle)];
        if let [Some(with), Some(without)] = [with.uncertainty_ns, without.uncertainty_ns] {
            assert!(with < 2 * without + 20 * MILLI as u64, "{with} of {without}");
        }
    });
}

#[test]
fn bounds_of_one_way_are_a_bound_without_uncertainty() {
    for_seeds(100, |random| {
        let truth = Truth::steady(random, RATE_PPM);
        let ways = [Delays::random(random), Delays::random(random)];
        let seen = seen(random, &truth, 10 * SECOND, 30, ways);
        let way = pick(random, &[Way::AToB, Way::BToA]);
        let one: Vec<_> = seen.bounds.iter().filter(|bound| bound.way == way).copied().collect();
        let clocks = clocks(&one);
        let [piece] = clocks.pieces().collect::<Vec<_>>()[..] else { panic!("one piece") };
        assert_eq!(piece.kind, ClockKind::OneSided);
        for bound in one {
            let offset = clocks.at(bound.time_ns);
            assert_eq!(offset.uncertainty_ns, None);
            let truth = truth.at(bound.time_ns);
            // Of a millisecond, one bound is kept, and another time of it may have drifted.
            let [lower, upper] = match way {
                Way::AToB => [truth - 2, bound.difference_ns + 300],
                Way::BToA => [bound.difference_ns - 300, truth + 2],
            };
            assert!((lower..=upper).contains(&offset.offset_ns), "{offset:?} {lower} {upper}");
        }
    });
}

#[test]
fn times_of_one_clock_lead_to_the_other_and_back() {
    for_seeds(200, |random| {
        let truth = Truth::stepped(random, 600 * SECOND, 20 * SECOND);
        let ways = [Delays::random(random), Delays::random(random)];
        let seen = seen(random, &truth, 600 * SECOND, 300, ways);
        let clocks = clocks(&seen.bounds);
        for _ in 0..200 {
            let time_ns = random.i64(seen.first_ns..=seen.last_ns);
            let back = clocks.to_a_near(clocks.to_b(time_ns), time_ns);
            assert!(back.abs_diff(time_ns) <= 1, "{back} {time_ns}");
            // Times that came twice: the first.
            assert!(clocks.to_a(clocks.to_b(time_ns)) <= time_ns + 1);
        }
    });
}

#[test]
fn without_bounds_nothing_is_known_and_a_shared_clock_is_exact() {
    let none = Bounds::new().clocks();
    assert_eq!((none.at(5).offset_ns, none.at(5).uncertainty_ns), (0, None));
    assert_eq!(none.pieces().next().unwrap().kind, ClockKind::Unknown);
    let shared = Clocks::shared();
    assert_eq!((shared.at(5).offset_ns, shared.at(5).uncertainty_ns), (0, Some(0)));
    assert_eq!((shared.to_a(5), shared.to_b(5), shared.steps().count()), (5, 5, 0));
    assert_eq!(shared.pieces().next().unwrap().kind, ClockKind::Shared);
}

#[test]
fn millions_of_bounds_become_some_thousands_and_stay_true() {
    let mut random = Rng::with_seed(1);
    let truth = Truth::steady(&mut random, 100);
    let delays = Delays { least_ns: 2 * MILLI, often_percent: 1, tail_ns: 3 * MILLI };
    let mut bounds = Bounds::new();
    let mut times = Vec::new();
    for index in 0..1_000_000 {
        let time_ns = BEGIN + index * 3_600_000;
        let way = pick(&mut random, &[Way::AToB, Way::BToA]);
        let bound = bound(&truth, time_ns, delays.one(&mut random), way);
        bounds.push(bound);
        times.push(bound);
    }
    assert!((50_000..=131_072).contains(&bounds.len()), "{}", bounds.len());
    let seen = Seen {
        first_ns: BEGIN,
        last_ns: BEGIN + 3_600 * SECOND,
        round_trip_ns: 4 * MILLI,
        bounds: times,
    };
    let clocks = bounds.clocks();
    assert_eq!(honest(&mut random, &truth, &seen, &clocks), 1_000);
    let uncertainty = clocks.at(BEGIN + 1_800 * SECOND).uncertainty_ns.unwrap();
    assert!(uncertainty < 2_300_000, "{uncertainty}");
}

#[test]
fn times_in_microseconds_contradict_nothing() {
    let mut random = Rng::with_seed(2);
    let truth = Truth(vec![(BEGIN, 123_456_789, 0)]);
    let cut = |time_ns: i64| time_ns.div_euclid(1_000) * 1_000;
    let mut bounds = Bounds::with_resolution(1_000);
    for _ in 0..10_000 {
        let time_ns = BEGIN + random.i64(0..60 * SECOND);
        let way = pick(&mut random, &[Way::AToB, Way::BToA]);
        let Bound { time_ns, difference_ns, way } = bound(&truth, time_ns, random.i64(0..100), way);
        let [a_ns, b_ns] = [cut(time_ns), cut(time_ns + difference_ns)];
        bounds.push(Bound { time_ns: a_ns, difference_ns: b_ns - a_ns, way });
    }
    let clocks = bounds.clocks();
    let [piece] = clocks.pieces().collect::<Vec<_>>()[..] else { panic!("one piece") };
    assert_eq!(piece.kind, ClockKind::Constant);
    let offset = clocks.at(BEGIN + 30 * SECOND);
    let uncertainty = offset.uncertainty_ns.unwrap();
    assert!(offset.offset_ns.abs_diff(123_456_789) <= uncertainty, "{offset:?}");
    assert!(uncertainty < 20_000, "{uncertainty}");
}

/// Any number, and often one at an end of the range, or near another.
fn any_number() -> impl Strategy<Value = i64> {
    prop_oneof![any::<i64>(), Just(i64::MIN), Just(i64::MAX), -3..3_i64, BEGIN..BEGIN + 9]
}

proptest! {
    #[test]
    fn no_numbers_overflow(
        bounds in proptest::collection::vec((any_number(), any_number(), any::<bool>()), 0..40),
        times in proptest::collection::vec(any_number(), 1..20),
    ) {
        let bounds: Vec<_> = bounds
            .into_iter()
            .map(|(time_ns, difference_ns, to_b)| {
                Bound { time_ns, difference_ns, way: if to_b { Way::AToB } else { Way::BToA } }
            })
            .collect();
        let clocks = clocks(&bounds);
        for time in times {
            clocks.at(time);
            clocks.to_b(time);
            clocks.to_a_near(clocks.to_a(time), time);
        }
        prop_assert_eq!(clocks.steps().count() + 1, clocks.pieces().count());
    }
}
