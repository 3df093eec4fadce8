//! The engine beside a model: exchanges of ends that follow RFC 9293 over a bad path, and what may
//! be said of each segment that passes.

mod exchange;
mod observer;
mod opinion;
mod tcp;

use dissector_core::connection::{Role, Stage, State, States};
use dissector_core::wire::TcpFlags;

use self::exchange::{Passed, Weather, exchange};
use self::observer::Observer;
use crate::script::{Script, Seen};

/// How often the model had an opinion, and what of.
#[derive(Debug, Default)]
struct Count {
    exchanges: u32,
    packets: u32,
    states: u32,
    certain: u32,
    stages: u32,
    outcomes: u32,
    closers: u32,
}

/// Plays an exchange to the engine.
fn play(passed: &[Passed]) -> (Script, Vec<Seen>) {
    let mut script = Script::new();
    let mut said = Vec::new();
    let mut us = 0;
    for Passed { us: at, packet, .. } in passed {
        let sender = if packet.from == 0 { script.client() } else { script.server() };
        let flags = TcpFlags::empty()
            .with(TcpFlags::SYN, packet.syn)
            .with(TcpFlags::FIN, packet.fin)
            .with(TcpFlags::RST, packet.rst)
            .with(TcpFlags::ACK, packet.ack.is_some());
        let draft = sender.send(flags).raw_seq(packet.seq).raw_ack(packet.ack.unwrap_or(0));
        said.push(draft.carrying(packet.payload as usize).after_us(at - us).sent());
        us = *at;
    }
    (script, said)
}

fn check(seed: u64, weather: Weather, count: &mut Count) {
    let passed = exchange(seed, weather);
    let Some(first) = passed.first() else { return };
    let client = first.packet.from;
    let (script, said) = play(&passed);
    let trace = || -> String {
        let lines =
            passed.iter().zip(&said).map(|(it, seen)| format!("{it:?}\n    {:?}\n", seen.0));
        lines.collect()
    };
    count.exchanges += 1;
    let mut observer = Observer::new(client);
    // What each end could be in when it sent its last segment.
    let mut own = [None, None];
    for (nth, (it, seen)) in passed.iter().zip(&said).enumerate() {
        let seen = seen.0;
        let place = || format!("seed {seed}, segment {nth} of\n{}", trace());
        count.packets += 1;
        let from = it.packet.from;
        let sender = if from == client { Role::Client } else { Role::Server };
        if seen.connection > 0 {
            // What comes after a close is another connection to the engine; the model knows of one.
            let over = |it: &Passed| it.packet.rst || it.packet.fin;
            assert!(passed[..nth].iter().any(over), "{}", place());
            return;
        }
        assert_eq!(seen.sender, sender, "{}", place());
        let states: [States; 2] =
            if client == 0 { [seen.client, seen.server] } else { [seen.server, seen.client] };
        if it.forged {
            // To a receiver that has acknowledged nothing, what an RST acknowledges counts, and its
            // number only where no more than a SYN of its sender is known.
            let of = |side| passed[..nth].iter().filter(move |it| it.packet.from == side);
            let silent = !of(1 - from).any(|it| it.packet.ack.is_some() && !it.packet.rst);
            let only_syn = of(from).all(|it| it.packet.syn || it.forged);
            // Of who was not seen to open it is not known how large its windows are.
            let windows = [0, 1].iter().all(|side| of(*side).any(|it| it.packet.syn && !it.forged));
            let judged = if silent { it.packet.ack.is_none() && only_syn } else { windows };
            if !judged {
                return;
            }
            // Its number cannot be right: it changes nothing.
            assert_eq!(seen.stage, Stage::RstIgnored, "{}", place());
            for states in states {
                assert_eq!(states.before(), states.after(), "{}", place());
            }
            continue;
        }
        let (sent, opinions) = observer.pass(&it.packet);
        own[from] = sent;
        for side in [0, 1] {
            let Some(may_be) = &opinions[side] else { continue };
            count.states += 1;
            let after = states[side].after().number();
            assert!(may_be.contains(&after), "end {side} may be {may_be:?}: {}", place());
            if states[side].proven() {
                count.certain += 1;
                // It was so when the end itself last said something.
                let Some(own) = &own[side] else { panic!("it has said nothing: {}", place()) };
                // What had passed when the end repeated its SYN/ACK or FIN may have been under way;
                // the engine takes it for lost.
                let copies = |fin| {
                    let own = passed[..nth].iter().filter(|it| it.packet.from == side);
                    own.filter(|it| if fin { it.packet.fin } else { it.packet.syn }).count()
                };
                let repeated = copies(after != State::SynReceived.number()) > 1;
                let only = own.contains(&after)
                    && (own.len() == 1 || repeated && own.iter().all(|may| acked(after, *may)));
                assert!(only, "end {side} could be {own:?}: {}", place());
            }
        }
    }
    let before = |nth: usize| passed[..nth].iter().filter(|it| !it.forged).map(|it| it.packet);
    for (nth, (it, seen)) in passed.iter().zip(&said).enumerate().filter(|(_, (it, _))| !it.forged)
    {
        let before: Vec<_> = before(nth).collect();
        if let Some(stage) = opinion::stage(&before, &it.packet) {
            count.stages += 1;
            let what = || format!("seed {seed}, segment {nth} is {stage} of\n{}", trace());
            assert_eq!(seen.0.stage, stage, "{}", what());
        }
    }
    let all: Vec<_> = before(passed.len()).collect();
    let verdict = script.verdict_after_ms(60_000);
    if let Some(outcome) = opinion::outcome(&all) {
        count.outcomes += 1;
        assert_eq!(verdict.outcome, outcome, "seed {seed}\n{}", trace());
    }
    if let Some(closer) = opinion::closer(&all) {
        count.closers += 1;
        assert_eq!(verdict.closed_by, closer, "seed {seed}\n{}", trace());
    }
}

/// Whether an end in state `one` is in `other` once its SYN or FIN is acknowledged, or in the same.
fn acked(one: u8, other: u8) -> bool {
    let pairs = [
        (State::SynReceived, State::Established),
        (State::FinWait1, State::FinWait2),
        (State::Closing, State::TimeWait),
        (State::LastAck, State::Closed),
    ];
    one == other || pairs.iter().any(|(a, b)| (a.number(), b.number()) == (one, other))
}

const WEATHERS: [Weather; 4] = [
    Weather { loss: 0, repeat: 0, forge: 0 },
    Weather { loss: 15, repeat: 0, forge: 0 },
    Weather { loss: 10, repeat: 20, forge: 0 },
    Weather { loss: 5, repeat: 5, forge: 10 },
];

fn check_all(seeds: std::ops::Range<u64>) -> Count {
    let mut count = Count::default();
    for seed in seeds {
        check(seed, WEATHERS[(seed % 4) as usize], &mut count);
    }
    count
}

#[test]
fn engine_and_model_agree() {
    let count = check_all(0..4_000);
    // The model has its say.
    let Count { exchanges, packets, states, certain, stages, outcomes, closers } = count;
    assert!(states > packets && certain > packets / 2 && stages > packets / 2, "{count:?}");
    assert!(outcomes > exchanges / 3 && closers > exchanges / 3, "{count:?}");
}

#[test]
#[ignore = "takes minutes"]
fn engine_and_model_agree_at_length() {
    // With TCPHS_LONG=1 in the environment, for as long as that takes.
    let last = if std::env::var_os("TCPHS_LONG").is_some() { 200_000 } else { 54_000 };
    // On two threads: nothing else runs beside it.
    let middle = 4_000 + (last - 4_000) / 2;
    std::thread::scope(|scope| {
        let other = scope.spawn(|| check_all(middle..last));
        println!("{:?}", check_all(4_000..middle));
        println!("{:?}", other.join().expect("engine and model agree"));
    });
}
