//! Two ends that close as RFC 9293 §3.6 lays down, at random times, over a path that loses and
//! delays. The states that the engine reports are compared with those of the sender.

use dissector_core::connection::{Close, ClosedBy, Repeat, Stage, State};
use testkit::random::{Rng, chance, pick};
use testkit::script::Script;
use testkit::simulator::{Action, Conditions, MS, Segment, Simulation, Tcp, play};

/// The next sequence numbers of both ends when the close begins: after a handshake and five octets
/// of the client.
const NEXT: [u32; 2] = [1006, 5001];

fn simulate(seed: u64) -> Simulation {
    let mut random = Rng::with_seed(seed);
    let delay = [(); 2].map(|()| pick(&mut random, &[20, 5 * MS, 60 * MS, 150 * MS]));
    let conditions = Conditions {
        delay,
        loss: pick(&mut random, &[0, 10, 30]),
        closes_too: 40,
        resets: false,
        rto: 300 * MS,
        ..Default::default()
    };
    let times = [(); 2].map(|()| {
        let at = pick(&mut random, &[0, 50, 200, 2_000]) * MS + 1;
        chance(&mut random, 85).then_some(at)
    });
    let ends = [0, 1].map(|end| Tcp::established(end, NEXT[end], NEXT[1 - end]));
    let mut simulation = Simulation::new(random, ends, conditions);
    for (end, at) in times.into_iter().enumerate() {
        if let Some(at) = at {
            simulation.schedule(at, end, Action::Close);
        }
    }
    simulation.run()
}

fn check(seed: u64) -> Close {
    let passed = simulate(seed).passed;
    let mut script = Script::new();
    script.used();
    let reported = play(&mut script, &passed);
    let rows: Vec<_> = passed.iter().zip(&reported).collect();

    // If the first FIN of an end was lost in front of the capture point, its time is unknown there.
    let lost = [0, 1].map(|end| {
        let sent =
            |segment: &Segment| segment.from == end && (segment.fin || segment.seq > NEXT[end]);
        let first = passed.iter().find(|passed| sent(&passed.segment));
        first.is_some_and(|passed| !passed.segment.fin || passed.copy > 0)
    });
    let mut repeated = [false; 2];
    for (passed, reported) in &rows {
        let from = passed.segment.from;
        if lost[from] {
            continue;
        }
        repeated[from] |= passed.copy > 0;
        let states = if from == 0 { reported.0.client } else { reported.0.server };
        assert_ne!((states.after(), states.proven()), (State::FinWait2, true), "seed {seed}");
        // The ACK of a FIN may be under way to the sender while it sends the FIN again.
        let arrived = (states.after().number(), passed.state)
            == (State::Closing.number(), State::TimeWait.number());
        if states.proven() && !(arrived && repeated[from]) {
            let row = format!("seed {seed}: {passed:?} {reported:?}");
            assert_eq!(states.after().number(), passed.state, "{row}");
        }
    }

    // Each FIN is sent for the first time once, and acknowledged for the first time once.
    let of = |end: usize| rows.iter().filter(move |(passed, _)| passed.segment.from == end);
    let fins = [0, 1].map(|end| of(end).filter(|(passed, _)| passed.segment.fin).count());
    for (end, fins) in fins.into_iter().enumerate() {
        let original = of(end)
            .filter(|(passed, reported)| passed.segment.fin && reported.0.copy == Repeat::Original);
        assert_eq!(original.count(), fins.min(1), "seed {seed}");
    }
    let stages = |stage| rows.iter().filter(|(_, reported)| reported.0.stage == stage).count();
    for stage in [Stage::FinAcked, Stage::SecondFinAcked] {
        assert!(stages(stage) <= 1, "seed {seed}: {stage}");
    }

    // The reported close is the one that the captured segments show.
    let first_fin = |end: usize| of(end).find(|(passed, _)| passed.segment.fin);
    let acknowledged = |end: usize| {
        let first = passed.iter().position(|it| it.segment.from == end && it.segment.fin);
        first.is_some_and(|first| {
            let after = passed[first..].iter().map(|passed| passed.segment);
            after.into_iter().any(|it| it.from != end && it.ack == Some(NEXT[end] + 1))
        })
    };
    let verdict = script.verdict();
    let close = verdict.close;
    match (fins.iter().filter(|fins| **fins > 0).count(), acknowledged(0) && acknowledged(1)) {
        (0, _) => assert_eq!(close, Close::Open, "seed {seed}"),
        (1, _) => assert_eq!(close, Close::HalfClosed, "seed {seed}"),
        (_, false) => assert_eq!(close, Close::FinUnacked, "seed {seed}"),
        (_, true) => {
            // Simultaneous if neither FIN acknowledges the other, as they were first captured.
            let unaware = |end: usize| {
                first_fin(end).map(|(passed, _)| passed.segment.ack) == Some(Some(NEXT[1 - end]))
            };
            let together = unaware(0) && unaware(1);
            let expected = if together { Close::Simultaneous } else { Close::Fin };
            assert_eq!(close, expected, "seed {seed}");
        }
    }
    if close == Close::Fin {
        let first = passed.iter().find(|passed| passed.segment.fin).expect("a FIN passed");
        let by = if first.segment.from == 0 { ClosedBy::Client } else { ClosedBy::Server };
        assert_eq!(verdict.closed_by, Some(by), "seed {seed}");
    }
    close
}

#[test]
fn the_close_reported_is_the_one_that_took_place() {
    let mut closes = Vec::new();
    for seed in 0..5_000 {
        let close = check(seed);
        if !closes.contains(&close) {
            closes.push(close);
        }
    }
    assert_eq!(closes.len(), 5, "{closes:?}");
}
