//! Connections that open over a path that loses, delays and repeats, captured somewhere on it. The
//! states that the engine reports are compared with those of the two ends.

use dissector_core::connection::{Finding, Outcome, Repeat, Stage, State};
use dissector_core::wire::TcpFlags;
use testkit::random::{Rng, pick};
use testkit::script::{Reported, Script};
use testkit::simulator::{Action, Conditions, MS, Passed, SECOND, Segment, Simulation, Tcp, play};

const SYN: TcpFlags = TcpFlags::SYN;
const ACK: TcpFlags = TcpFlags::ACK;

/// An exchange that opens a connection, and what the engine reported.
struct Opening {
    simulation: Simulation,
    /// The client's initial sequence number.
    isn: u32,
    /// Microseconds between the server and the capture point, there and back.
    round_trip: i64,
    script: Script,
    rows: Vec<(Passed, Reported)>,
}

impl Opening {
    /// `missed` of a hundred segments are not captured.
    fn new(seed: u64, missed: u32) -> Self {
        let mut random = Rng::with_seed(seed);
        let delay =
            [(); 2].map(|()| pick(&mut random, &[20, 300, 5 * MS, 40 * MS, 350 * MS, 700 * MS]));
        let isns = [(); 2].map(|()| pick(&mut random, &[0, u32::MAX, 7_777_777, 0x8000_0000]));
        let loss = pick(&mut random, &[0, 10, 35]);
        let conditions =
            Conditions { delay, loss, missed, duplicated: 10, requests: 70, ..Default::default() };
        let ends = [Tcp::new(0, State::Closed, isns[0]), Tcp::new(1, State::Listen, isns[1])];
        let mut simulation = Simulation::new(random, ends, conditions);
        simulation.schedule(0, 0, Action::Open);
        let simulation = simulation.run();
        let mut script = Script::new();
        script.client().restarts(isns[0]);
        script.server().restarts(isns[1]);
        let reported = play(&mut script, &simulation.passed);
        let rows = simulation.passed.iter().copied().zip(reported).collect();
        Self { simulation, isn: isns[0], round_trip: 2 * delay[1], script, rows }
    }

    /// Whether a row is a segment of that end with these flags.
    fn is(row: &(Passed, Reported), from: usize, flags: TcpFlags) -> bool {
        row.0.segment.from == from && row.0.segment.flags() == flags
    }

    /// The place of the client's first ACK among those captured.
    fn first_ack(&self) -> Option<usize> {
        self.rows.iter().position(|row| Self::is(row, 0, ACK))
    }
}

/// The state that the engine reports of the sender.
fn of_sender(segment: &Segment, reported: &Reported) -> dissector_core::connection::States {
    if segment.from == 0 { reported.0.client } else { reported.0.server }
}

fn check(seed: u64) -> Outcome {
    let opening = Opening::new(seed, 0);
    let Opening { simulation, round_trip, script, rows, .. } = &opening;
    if rows.is_empty() {
        return Outcome::Pending;
    }
    let verdict = script.verdict_after_ms(10_000);
    assert_eq!(script.connections(), 1, "seed {seed}");

    // Copies are counted; frames captured twice are not.
    for (flags, count, from) in [(SYN, verdict.syn_count, 0), (SYN | ACK, verdict.synack_count, 1)]
    {
        let sent = rows.iter().filter(|row| !row.0.duplicate && Opening::is(row, from, flags));
        assert_eq!(sent.count(), usize::from(count), "seed {seed}: {flags}");
    }
    for (passed, reported) in rows {
        let duplicate = reported.0.copy == Repeat::Duplicate;
        assert_eq!(duplicate, passed.duplicate, "seed {seed}: {passed:?} {reported:?}");
    }

    // The final ACK is the first ACK of the client that passes, and there is one at most. If it
    // comes behind data that was lost in front of the capture point, the final ACK was lost, too.
    let final_acks: Vec<_> =
        (0..).zip(rows).filter(|(_, row)| row.1.0.final_ack).map(|(nth, _)| nth).collect();
    let first_ack = opening.first_ack();
    let final_ack = first_ack.filter(|nth| rows[*nth].0.segment.seq == opening.isn.wrapping_add(1));
    assert_eq!(final_acks, final_ack.into_iter().collect::<Vec<usize>>(), "seed {seed}");
    if let Some(nth) = final_ack {
        rows[nth].1.stage(Stage::FinalAck);
    }

    // A state that is reported as proven was its sender's when it sent the segment.
    for (passed, reported) in rows {
        let states = of_sender(&passed.segment, reported);
        if states.proven() {
            let row = format!("seed {seed}: {passed:?} {reported:?}");
            assert_eq!(states.after().number(), passed.state, "{row}");
        }
    }

    match verdict.outcome {
        Outcome::Complete => {
            assert_eq!(simulation.ends[0].state, State::Established, "seed {seed}");
        }
        Outcome::NoReply => {
            assert!(rows.iter().all(|(passed, _)| passed.segment.from == 0), "seed {seed}");
        }
        Outcome::NoFinalAck => assert_eq!(first_ack, None, "seed {seed}"),
        Outcome::NotAccepted | Outcome::Pending => {
            let ack = first_ack.expect("there was a final ACK");
            let late = rows[ack..].iter().any(|(passed, reported)| {
                passed.segment.from == 1
                    && reported.0.findings.contains(Finding::SynAckRetxAfterAck)
            });
            assert!(late && *round_trip > 0, "seed {seed}");
            let answered = rows.iter().any(|row| Opening::is(row, 1, ACK));
            assert!(!answered, "seed {seed}: the server has shown that it is open");
        }
        Outcome::Deferred => {
            // The simulated server defers nothing. But the copies of its SYN/ACK before were lost in front
            // of the capture point, so that it looks as if it had not sent them.
            let copies: Vec<_> = rows.iter().filter(|row| Opening::is(row, 1, SYN | ACK)).collect();
            let [.., first, last] = copies[..] else { panic!("seed {seed}: one SYN/ACK") };
            assert!(last.0.copy > first.0.copy + 1, "seed {seed}");
        }
        other => panic!("seed {seed}: {other}"),
    }
    // An ACK of the server proves that it is open.
    if rows.iter().any(|row| Opening::is(row, 1, ACK)) && first_ack.is_some() {
        assert_eq!(verdict.outcome, Outcome::Complete, "seed {seed}");
    }
    verdict.outcome
}

#[test]
fn reports_are_what_the_ends_were() {
    let mut outcomes = Vec::new();
    for seed in 0..5_000 {
        let outcome = check(seed);
        if !outcomes.contains(&outcome) {
            outcomes.push(outcome);
        }
    }
    // The simulation has produced every outcome that it can.
    for outcome in [Outcome::Complete, Outcome::NoReply, Outcome::NoFinalAck, Outcome::NotAccepted]
    {
        assert!(outcomes.contains(&outcome), "{outcome} did not happen");
    }
}

/// If arriving packets are missing from the capture, the engine knows less, but reports nothing
/// false.
#[test]
fn a_capture_with_holes_makes_nothing_up() {
    let mut completed = 0;
    for seed in 0..10_000 {
        let Opening { simulation, script, rows, .. } = &Opening::new(seed, 30);
        if rows.is_empty() {
            continue;
        }
        let final_acks = rows.iter().filter(|(_, reported)| reported.0.final_ack);
        assert!(final_acks.clone().count() <= 1, "seed {seed}");
        for row in final_acks {
            assert!(Opening::is(row, 0, ACK), "seed {seed}");
        }
        for (passed, reported) in rows {
            let states = of_sender(&passed.segment, reported);
            // A state kept from before a hole is not reported of the segment.
            let stale = passed.segment.flags() == ACK
                && matches!(states.after(), State::SynSent | State::SynReceived);
            if states.proven() && !stale {
                let row = format!("seed {seed}: {passed:?} {reported:?}");
                assert_eq!(states.after().number(), passed.state, "{row}");
            }
        }
        let outcome = script.verdict_after_ms(10_000).outcome;
        match outcome {
            Outcome::Complete | Outcome::OneWay => {
                let client = simulation.ends[0].state;
                assert_eq!(client, State::Established, "seed {seed}: {outcome}");
                completed += 1;
            }
            Outcome::Refused
            | Outcome::AbortedByClient
            | Outcome::AbortedByServer
            | Outcome::BadSynAck => panic!("seed {seed}: {outcome}"),
            _ => {}
        }
    }
    assert!(completed > 2_000, "{completed}");
}

/// How many repeated SYN/ACKs crossed the final ACK, how many were sent although it had arrived, and
/// for which (seed and frame) the engine reports something else.
fn repeated_synacks() -> (usize, usize, Vec<(u64, usize)>) {
    let (mut crossed, mut refused, mut wrong) = (0, 0, Vec::new());
    for seed in 0..5_000 {
        let opening = Opening::new(seed, 0);
        let Opening { round_trip, rows, .. } = &opening;
        // A longer round trip hides which of two SYNs a SYN/ACK answers.
        if *round_trip >= SECOND {
            continue;
        }
        let Some(ack) = opening.first_ack() else { continue };
        // If the first SYN/ACK was lost, the round trip is not in the capture.
        let answer = rows.iter().position(|(passed, _)| passed.segment.from == 1).unwrap_or(ack);
        let mut syns = (0..answer).rev().filter(|nth| !rows[*nth].0.duplicate);
        let us = |nth: usize| rows[nth].0.us;
        if syns.next().is_none_or(|syn| us(answer) - us(syn) != *round_trip) {
            continue;
        }
        for (nth, row) in rows.iter().enumerate().skip(ack) {
            if Opening::is(row, 1, ACK) {
                break;
            }
            if row.0.segment.from == 0 || row.0.duplicate {
                continue;
            }
            let late = us(nth) - us(ack) >= *round_trip;
            let expected =
                if late { Finding::SynAckRetxAfterAck } else { Finding::SynAckRetxCrossed };
            *(if late { &mut refused } else { &mut crossed }) += 1;
            if !row.1.0.findings.contains(expected) {
                wrong.push((seed, nth + 1));
            }
        }
    }
    (crossed, refused, wrong)
}

/// A SYN/ACK that passes later than a round trip to the server after the final ACK was sent although
/// that had arrived; one that passes earlier may have crossed it. The round trip is counted from the
/// copy of the SYN that was answered, not from the first.
#[test]
fn a_synack_has_crossed_the_final_ack_within_one_round_trip() {
    let (crossed, refused, wrong) = repeated_synacks();
    assert!(crossed > 50 && refused > 50, "{crossed} {refused}");
    assert_eq!(wrong.len(), 0, "of {crossed} and {refused}, seed and frame: {wrong:?}");
}
