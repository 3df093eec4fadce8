//! Each outcome is provoked between two hosts, with the counters of both taken before and after.

use std::env;
use std::fs;
use std::thread;

use dissector_core::ConnectionTable;
use dissector_core::capture::{Capture, Packet};
use dissector_core::connection::{Cause, Connection, Outcome, Side};
use dissector_core::counters::{
    About, Agreement, Counters, Counts, HostTally, Rises, Testimony, judge,
};
use testkit::folders::made_folder;
use testkit::kernel::{self, Side as Host};
use tests::kernel::{Played, Scenario, Statement, play, scenarios};

const SCENARIOS: &[&str] = &[
    include_str!("scenarios/silent.txt"),
    include_str!("scenarios/waiting.txt"),
    include_str!("scenarios/reset.txt"),
    include_str!("scenarios/repeated.txt"),
];

/// Once in a while a machine with much to do gives a timer its turn too late.
const ATTEMPTS: usize = 3;

#[test]
fn the_counters_say_what_was_provoked() {
    play_all("the_counters_say_what_was_provoked", SCENARIOS);
}

#[test]
#[ignore = "it takes three minutes"]
fn the_counters_say_what_takes_long() {
    play_all("the_counters_say_what_takes_long", &[include_str!("scenarios/slow.txt")]);
}

fn play_all(test: &str, texts: &[&str]) {
    if let Some(lacking) = kernel::lacking() {
        testkit::skip!(test, lacking);
        return;
    }
    let mut scenarios: Vec<_> = texts.iter().flat_map(|text| scenarios(text)).collect();
    if let Ok(name) = env::var("TCPHS_SCENARIO") {
        scenarios.retain(|scenario| scenario.name == name);
    }
    let folder = made_folder("kernel-counters").expect("the folder can be made");
    let failures: Vec<_> = thread::scope(|scope| {
        let players: Vec<_> = scenarios
            .iter()
            .map(|scenario| {
                let folder = &folder;
                scope.spawn(move || {
                    let mut failures = Vec::new();
                    for attempt in 1..=ATTEMPTS {
                        failures = match play(scenario) {
                            Ok(played) => {
                                keep(folder, scenario, &played);
                                failures_of(scenario, &played)
                            }
                            Err(error) => vec![error],
                        };
                        if failures.is_empty() || attempt == ATTEMPTS {
                            break;
                        }
                    }
                    let named = |failure| format!("{}: {failure}", scenario.name);
                    failures.into_iter().map(named).collect::<Vec<_>>()
                })
            })
            .collect();
        players.into_iter().flat_map(|player| player.join().expect("it does not panic")).collect()
    });
    println!("{} scenarios", scenarios.len());
    assert!(failures.is_empty(), "captures in {}:\n{}", folder.display(), failures.join("\n"));
}

/// The second connection of one of them has a SYN that looks like an old duplicate.
#[test]
fn a_server_in_time_wait_counts_what_it_refuses() {
    if let Some(lacking) = kernel::lacking() {
        testkit::skip!("a_server_in_time_wait_counts_what_it_refuses", lacking);
        return;
    }
    // As above, a timer may come late.
    let mut said = refusals();
    for _ in 1..ATTEMPTS {
        if said[1].1.is_some() && said[0].1.is_none() {
            break;
        }
        said = refusals();
    }
    let [(Outcome::Complete, None), (Outcome::NoReply, Some((Agreement::Agrees, sentence)))] =
        &said[..]
    else {
        panic!("{said:?}")
    };
    let counter = if sentence.contains("PAWSTimewait") { "PAWSTimewait" } else { "PAWSEstab" };
    assert!(sentence.starts_with(&format!("{counter} rose by ")), "{sentence}");
}

/// The outcome of the second connection of both scenarios, the complete one first, and what is said of the
/// server's TIME-WAIT.
fn refusals() -> Vec<(Outcome, Option<(Agreement, String)>)> {
    let mut said = Vec::new();
    for scenario in scenarios(include_str!("scenarios/time_wait.txt")) {
        let played = play(&scenario).expect("it can be played");
        let counted = Counted::new(&played);
        let outcome = counted.last().outcome_at(counted.end_ns);
        let testimony = counted.testimony(Host::Server, &played.counters[Host::Server as usize]);
        let time_wait = testimony.on(Cause::TimeWaitRefuses);
        said.push((outcome, time_wait.map(|said| (said.agreement, said.sentence.clone()))));
    }
    said.sort_by_key(|(outcome, _)| outcome.number());
    said
}

/// A second SYN in its place comes so soon that no ACK answers it.
#[test]
fn a_server_in_time_wait_counts_what_it_does_not_even_answer() {
    if let Some(lacking) = kernel::lacking() {
        testkit::skip!("a_server_in_time_wait_counts_what_it_does_not_even_answer", lacking);
        return;
    }
    let once = "client connect 40000\n  wait";
    let text = include_str!("scenarios/time_wait.txt");
    assert!(text.contains(once));
    let twice = "client connect 40000\n  client vanish\n  client connect 40000\n  wait";
    let sentences: Vec<_> = scenarios(&text.replace(once, twice))
        .iter()
        .filter_map(|scenario| {
            let played = play(scenario).expect("it can be played");
            let counted = Counted::new(&played);
            let counters = &played.counters[Host::Server as usize];
            let testimony = counted.testimony(Host::Server, counters);
            let said = testimony.on(Cause::TimeWaitRefuses).expect("it is in question");
            (said.agreement == Agreement::Agrees).then(|| said.sentence.clone())
        })
        .collect();
    assert_eq!(sentences.len(), 1, "{sentences:?}");
    assert!(sentences[0].starts_with("TCPACKSkippedTimeWait and PAWS"), "{sentences:?}");
}

/// Leaves the capture and the counters to look at.
fn keep(folder: &std::path::Path, scenario: &Scenario, played: &Played) {
    let write = |name: &str, octets: &[u8]| {
        let file = folder.join(format!("{}{name}", scenario.name));
        fs::write(file, octets).expect("the folder has room");
    };
    write(".pcap", &capture(played));
    for host in Host::BOTH {
        let [before, after] = match &played.nstat[host as usize] {
            Some(nstat) => nstat,
            None => &played.counters[host as usize],
        };
        write(&format!(".{}.before.txt", host.name()), before.as_bytes());
        write(&format!(".{}.after.txt", host.name()), after.as_bytes());
    }
}

fn capture(played: &Played) -> Vec<u8> {
    let has: Vec<_> = played.recording.packets.iter().map(|packet| packet.captured).collect();
    played.recording.capture(&has)
}

/// The connections of a capture, and the counts of both hosts.
struct Counted {
    table: ConnectionTable,
    hosts: [HostTally; 2],
    end_ns: i64,
}

impl Counted {
    fn new(played: &Played) -> Self {
        let (capture, end_ns) = (capture(played), played.end_ns);
        let mut table = ConnectionTable::new();
        let mut reader = Capture::new(&capture[..]).expect("the capture was just written");
        while let Some(packet) = reader.next_packet().expect("the capture was just written") {
            match packet {
                Packet::Segment(segment) => drop(table.observe(&segment)),
                Packet::IcmpError(error) => drop(table.observe_icmp(&error)),
                _ => {}
            }
        }
        let mut hosts = [HostTally::default(); 2];
        for connection in table.connections() {
            let counts = Counts::of(connection, &connection.verdict_at(end_ns));
            for (side, end) in
                [(Side::Client, connection.client()), (Side::Server, connection.server())]
            {
                let host = Host::BOTH.into_iter().find(|host| host.address() == end.ip());
                hosts[host.expect("there are two") as usize].add(side, counts);
            }
        }
        Self { table, hosts, end_ns }
    }

    /// The last that failed; where none did, the last.
    fn last(&self) -> &Connection {
        let order = |one: &&Connection| (one.outcome_at(self.end_ns).failed(), one.id());
        self.table.connections().max_by_key(order).expect("there is one")
    }

    fn testimony(&self, host: Host, [before, after]: &[String; 2]) -> Testimony {
        let read = |text: &str| Counters::parse(text).expect("the kernel's own");
        let rises = Rises::between(&read(before), &read(after)).expect("one after the other");
        let verdict = self.last().verdict_at(self.end_ns);
        let own = Counts::of(self.last(), &verdict);
        let side =
            if self.last().client().ip() == host.address() { Side::Client } else { Side::Server };
        let causes = verdict.advice().map_or(&[][..], |advice| advice.causes);
        judge(&rises, side, (&own, &self.hosts[host as usize]), causes)
    }
}

fn failures_of(scenario: &Scenario, played: &Played) -> Vec<String> {
    let counted = Counted::new(played);
    let mut failures = Vec::new();
    let outcomes: Vec<_> = {
        let mut connections: Vec<_> = counted.table.connections().collect();
        connections.sort_by_key(|connection| connection.id());
        connections.iter().map(|one| one.outcome_at(counted.end_ns).to_string()).collect()
    };
    if !scenario.outcomes.is_empty() && outcomes != scenario.outcomes {
        failures.push(format!(
            "the outcomes are {}, and should be {}",
            outcomes.join(" "),
            scenario.outcomes.join(" ")
        ));
    }
    assert!(!scenario.said.is_empty(), "{} says nothing", scenario.name);
    for statement in &scenario.said {
        let host = statement.side;
        let sources = [Some(&played.counters[host as usize]), played.nstat[host as usize].as_ref()];
        for outputs in sources.into_iter().flatten() {
            failures.extend(contradiction(statement, &counted.testimony(host, outputs)));
        }
    }
    failures
}

fn contradiction(statement: &Statement, testimony: &Testimony) -> Option<String> {
    let is_meant = |about: About| match about {
        About::Cause(cause) => cause.label() == statement.subject,
        About::Copies => statement.subject == "copies",
        About::Outcome => statement.subject == "outcome",
        _ => false,
    };
    let said = testimony.said.iter().find(|said| {
        is_meant(said.about)
            && said.agreement.label() == statement.agreement
            && said.sentence.contains(&statement.words)
    });
    let all = || {
        let all = testimony
            .said
            .iter()
            .map(|said| format!("\n    {:?}, {}: {}", said.about, said.agreement, said.sentence));
        all.collect::<String>()
    };
    match said {
        Some(_) => None,
        None => Some(format!(
            "`{} {} {} {}` is not said, but {:?}{}",
            statement.side.name(),
            statement.subject,
            statement.agreement,
            statement.words,
            testimony.not_of_host,
            all()
        )),
    }
}
