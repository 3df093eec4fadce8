//! This machine's kernel as both ends of a connection, in scenarios that bring it into every state.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fmt;
use std::fs;
use std::thread;

use testkit::folders::made_folder;
use testkit::kernel::{self, Recording, Side};
use tests::kernel::{Scenario, play, scenarios};

use super::compare::{Comparison, compare};

const SCENARIOS: &[&str] = &[
    include_str!("scenarios/opening.txt"),
    include_str!("scenarios/waiting.txt"),
    include_str!("scenarios/deferred.txt"),
    include_str!("scenarios/fast_open.txt"),
    include_str!("scenarios/closing.txt"),
    include_str!("scenarios/windows.txt"),
    include_str!("scenarios/resetting.txt"),
    include_str!("scenarios/reuse.txt"),
];

/// Once in a while a machine with much to do gives a timer its turn too late: a step comes after the
/// retransmission that it was to forestall, and another story is told.
const ATTEMPTS: usize = 3;

#[test]
fn what_is_proven_is_what_the_kernel_says() {
    if let Some(lacking) = kernel::lacking() {
        testkit::skip!("what_is_proven_is_what_the_kernel_says", lacking);
        return;
    }
    let mut scenarios: Vec<_> = SCENARIOS.iter().flat_map(|text| scenarios(text)).collect();
    if let Ok(name) = env::var("TCPHS_SCENARIO") {
        scenarios.retain(|scenario| scenario.name == name);
    }
    // They wait most of the time.
    let results: Vec<_> = thread::scope(|scope| {
        let play = |scenario| scope.spawn(move || play(scenario).map(|played| played.recording));
        let players: Vec<_> = scenarios.iter().map(play).collect();
        players.into_iter().map(|player| player.join().expect("it does not panic")).collect()
    });
    let folder = made_folder("kernel-states").expect("the folder can be made");
    let mut failures = Vec::new();
    let mut whole = Sums::default();
    let mut parts = Sums::default();
    for (scenario, result) in scenarios.iter().zip(results) {
        let mut attempt = result.map(|recording| Attempt::of(scenario, recording));
        for _ in 1..ATTEMPTS {
            match &attempt {
                Ok(attempt) if attempt.failures.is_empty() => break,
                Ok(attempt) => eprintln!("played again, alone: {}", attempt.failures.join("\n")),
                Err(error) => eprintln!("played again, alone: {}: {error}", scenario.name),
            }
            attempt = play(scenario).map(|played| Attempt::of(scenario, played.recording));
        }
        let Attempt { recording, captured: all, comparison, failures: wrong } = match attempt {
            Ok(attempt) => attempt,
            Err(error) => {
                failures.push(format!("{}: {error}", scenario.name));
                continue;
            }
        };
        let file = folder.join(format!("{}.pcap", scenario.name));
        fs::write(&file, recording.capture(&all)).expect("the capture can be written");
        whole.add(&comparison);
        failures.extend(wrong);
        let known: BTreeSet<_> = comparison.wrong.into_keys().collect();
        let mut wrong = BTreeMap::new();
        for (name, has) in incomplete(&recording) {
            let comparison = compare(&recording, &has);
            parts.add(&comparison);
            for (contradiction, place) in comparison.wrong {
                if !known.contains(&contradiction) {
                    wrong.entry(contradiction).or_insert(format!("{name}; {place}"));
                }
            }
        }
        for (contradiction, place) in wrong {
            eprintln!("{}: {contradiction} ({place})", scenario.name);
        }
    }
    println!("{} scenarios: {whole}\nparts of their captures: {parts}", scenarios.len());
    assert!(failures.is_empty(), "captures in {}:\n{}", folder.display(), failures.join("\n"));
}

/// A scenario as it was played once.
struct Attempt {
    recording: Recording,
    /// Whether the capture has each packet.
    captured: Vec<bool>,
    comparison: Comparison,
    failures: Vec<String>,
}

impl Attempt {
    fn of(scenario: &Scenario, recording: Recording) -> Attempt {
        let captured: Vec<_> = recording.packets.iter().map(|packet| packet.captured).collect();
        let comparison = compare(&recording, &captured);
        let failures = judged(scenario, &comparison);
        Attempt { recording, captured, comparison, failures }
    }
}

/// How many states were compared.
#[derive(Default)]
struct Sums {
    captures: usize,
    proven: usize,
    assumed: usize,
    assumed_right: usize,
}

impl Sums {
    fn add(&mut self, comparison: &Comparison) {
        self.captures += 1;
        self.proven += comparison.proven;
        self.assumed += comparison.assumed;
        self.assumed_right += comparison.assumed_right;
    }
}

impl fmt::Display for Sums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} captures, {} proven states compared; of {} assumed, {} right",
            self.captures, self.proven, self.assumed, self.assumed_right
        )
    }
}

/// Captures of the same packets that begin later, lack a packet, or have one direction.
fn incomplete(recording: &Recording) -> Vec<(String, Vec<bool>)> {
    let all: Vec<_> = recording.packets.iter().map(|packet| packet.captured).collect();
    let mut captures = Vec::new();
    for place in 0..all.len() {
        let mut begins = all.clone();
        begins[..=place].fill(false);
        captures.push((format!("it begins after packet {}", place + 1), begins));
        let mut lacks = all.clone();
        lacks[place] = false;
        captures.push((format!("it lacks packet {}", place + 1), lacks));
    }
    for side in Side::BOTH {
        let packets = recording.packets.iter();
        let sent = packets.map(|packet| packet.captured && packet.from == side).collect();
        captures.push((format!("it has the packets of the {} only", side.name()), sent));
    }
    captures
}

/// The differences from the scenario.
fn judged(scenario: &Scenario, comparison: &Comparison) -> Vec<String> {
    let mut failures = Vec::new();
    let name = &scenario.name;
    let said: BTreeSet<_> = scenario.silent.iter().collect();
    for (contradiction, place) in &comparison.wrong {
        if !said.contains(contradiction) {
            failures.push(format!("{name}: {contradiction} ({place})"));
        }
    }
    for contradiction in said {
        if !comparison.wrong.contains_key(contradiction) {
            failures.push(format!("{name}: no longer {contradiction}"));
        }
    }
    let (outcomes, wanted) = (&comparison.outcomes, &scenario.outcomes);
    if !wanted.is_empty() && outcomes != wanted {
        let (is, wanted) = (outcomes.join(" "), wanted.join(" "));
        failures.push(format!("{name}: the outcomes are {is}, and should be {wanted}"));
    }
    failures
}
