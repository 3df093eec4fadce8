//! What came up slowly, and why.

use std::collections::HashMap;
use std::net::IpAddr;

use dissector_core::connection::{Finding, Outcome};

use super::failures::command;
use super::groups::{Alike, group};
use super::record::Record;
use super::result::{Group, Scene, Section};
use super::wording;
use crate::explain::Closer;
use crate::output::units::duration;

/// Round trips from here on are those of far hosts, in nanoseconds: once around half the earth takes 0.2 s.
const FAR_NS: u64 = 200_000_000;
/// A server that has answered so many times faster was not far away this time either.
const MUCH: u64 = 4;

/// So many round trips show that each takes long.
const SEVERAL: u64 = 3;

const ACK_ARRIVED: &str = "The server's host had the final ACK, as the timestamp in its repeated SYN/ACK \
                           shows, and did not accept it at first: its accept queue was full, or its program \
                           waits for the client's first data (TCP_DEFER_ACCEPT), and nothing is wrong.";

/// Why a connection came up slowly.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Why {
    /// The SYN that was answered was not the first.
    SynRetries,
    /// The SYN/ACK was sent several times before it was acknowledged.
    SynAckRetries,
    /// The server answered the SYN late, and has answered others sooner.
    ServerSlow,
    /// The server is far away, or always slow.
    ServerFar,
    /// The answer to the SYN came late; there are too few others to tell why.
    ServerLate,
    /// The client acknowledged the SYN/ACK late.
    ClientSlow,
    /// The server repeated its SYN/ACK although it was acknowledged, and accepted later.
    AcceptedLate,
    /// It waits for the client's data before it accepts.
    Deferred,
}

impl Why {
    /// The name for programs.
    const fn label(self) -> &'static str {
        match self {
            Self::SynRetries => "syn_retries",
            Self::SynAckRetries => "synack_retries",
            Self::ServerSlow => "server_slow",
            Self::ServerFar => "server_far",
            Self::ServerLate => "server_late",
            Self::ClientSlow => "client_slow",
            Self::AcceptedLate => "accepted_late",
            Self::Deferred => "deferred",
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::SynRetries => {
                "The SYN had to be sent again: the first ones, or their answers, were lost, or the server \
                 dropped them (an accept queue that is full at times does)."
            }
            Self::SynAckRetries => {
                "The SYN/ACK was sent again before the final ACK came: it, or the ACK, was lost between \
                 here and the client."
            }
            Self::ServerSlow => {
                "The answer to the SYN came late, others sooner: the first SYN/ACK was lost before it got \
                 here and repeated (after 1 or 3 s), or the server's host was busy, asleep or not yet \
                 found (ARP)."
            }
            Self::ServerFar => {
                "The answer to the SYN takes that long every time: the server is far away, or the way \
                 to it is slow (satellite, mobile, a full queue)."
            }
            Self::ServerLate => {
                "The answer to the SYN came late: the server is far away or was busy, or its first SYN/ACK \
                 was lost before it got here and repeated (after 1 or 3 s)."
            }
            Self::ClientSlow => {
                "The server answered soon; the client's final ACK came late: the client is far away \
                 from here, or its way is slow."
            }
            Self::AcceptedLate => {
                "The server repeated its SYN/ACK although the final ACK had passed here: that ACK was \
                 lost beyond here, or the accept queue was full for a while, or the server defers."
            }
            Self::Deferred => {
                "The server had the final ACK, and waits for the client's first data before it accepts \
                 (TCP_DEFER_ACCEPT). Nothing has failed."
            }
        }
    }

    /// The first check, and its command.
    fn check(self, record: &Record) -> Option<(&'static str, Option<String>)> {
        let port = record.neighbour.server.port();
        match self {
            Self::SynRetries => Some((
                "On the server: do these counters rise? If not, packets are lost on the way.",
                Some("nstat -az TcpExtListenOverflows TcpExtListenDrops".into()),
            )),
            Self::AcceptedLate => Some((
                "On the server: is the accept queue full (Recv-Q above Send-Q)? If not, does its program \
                 set TCP_DEFER_ACCEPT?",
                Some(format!("ss -ltn 'sport = :{port}'")),
            )),
            _ => None,
        }
    }
}

/// The groups, and how many of those that came up are in them.
pub fn groups(all: &[&Record], scene: &Scene<'_>) -> (Vec<Group>, u64) {
    let known = round_trips(all);
    let why = |record: &Record| {
        let of_host = known.get(&record.neighbour.server.ip()).copied();
        why(record, of_host.unwrap_or_default())
    };
    let (mut slow, mut others) = (Vec::new(), Vec::new());
    for record in all {
        match why(record) {
            Some(why) => slow.push((*record, (why as u8, 0))),
            None if record.is_open() => others.push(*record),
            None => {}
        }
    }
    let count = slow.iter().filter(|(record, _)| record.is_open()).count() as u64;
    let found = group(&slow, &others, scene.weight);
    let described = found.iter().filter_map(|alike| {
        let why = why(alike.members.first()?)?;
        Some(describe(alike, why, scene))
    });
    (described.collect(), count)
}

/// The round trips to a host.
#[derive(Clone, Copy, Default)]
struct RoundTrips {
    shortest_ns: u64,
    number: u64,
}

fn round_trips(all: &[&Record]) -> HashMap<IpAddr, RoundTrips> {
    let mut known: HashMap<_, RoundTrips> = HashMap::new();
    for record in all {
        if let Some(rtt_ns) = record.rtt_server.ns() {
            let known = known.entry(record.neighbour.server.ip()).or_default();
            let shortest_ns = if known.number == 0 { rtt_ns } else { known.shortest_ns };
            (known.shortest_ns, known.number) = (rtt_ns.min(shortest_ns), known.number + 1);
        }
    }
    known
}

fn why(record: &Record, known: RoundTrips) -> Option<Why> {
    let has = |finding| record.findings.contains(finding);
    if record.outcome() == Outcome::Deferred {
        return Some(Why::Deferred);
    }
    if record.outcome() != Outcome::Complete {
        return None;
    }
    if has(Finding::SynAckRetxAfterAck) {
        return Some(Why::AcceptedLate);
    }
    if !has(Finding::SlowHandshake) {
        return None;
    }
    let (setup_ns, total_ns) = (record.setup.ns()?, record.rtt_total.ns().unwrap_or(0));
    let waited_ns = setup_ns.saturating_sub(total_ns);
    if record.syn_count > 1 && waited_ns >= setup_ns / 2 {
        return Some(Why::SynRetries);
    }
    let (server_ns, client_ns) =
        (record.rtt_server.ns().unwrap_or(0), record.rtt_client.ns().unwrap_or(0));
    Some(if client_ns > server_ns {
        if record.synack_count > 1 { Why::SynAckRetries } else { Why::ClientSlow }
    } else {
        match known.shortest_ns {
            shortest if shortest.saturating_mul(MUCH) < server_ns => Why::ServerSlow,
            shortest if shortest >= FAR_NS && known.number >= SEVERAL => Why::ServerFar,
            _ => Why::ServerLate,
        }
    })
}

fn describe(alike: &Alike<'_>, why: Why, scene: &Scene<'_>) -> Group {
    let mut group = Group::new(Section::Slow, why.label(), &alike.members);
    let slowest = alike.members.iter().max_by_key(|it| (it.setup, std::cmp::Reverse(it.id())));
    let Some(slowest) = slowest else { return group };
    group.attempts = Some(alike.with_key.all());
    group.example = slowest.id();
    let times = alike.members.iter().filter_map(|record| record.setup.ns());
    let took = match (why, times.clone().min(), times.max()) {
        (Why::AcceptedLate, ..) => " accepted late".into(),
        (Why::Deferred, ..) => " deferred".into(),
        (_, None, _) | (_, _, None) => String::new(),
        (_, Some(least), Some(most)) if duration(least) == duration(most) => {
            format!(" took {}", duration(most))
        }
        (_, Some(least), Some(most)) => {
            format!(" took {} to {}", duration(least), duration(most))
        }
    };
    group.title = format!(
        "{}: {}{took}{}",
        wording::subject(alike),
        wording::how_many(alike, "set-up"),
        wording::when(alike, "went well")
    );
    let closer = (why == Why::AcceptedLate).then(|| scene.closer.look_at(slowest.id())).flatten();
    let why = if closer.is_some_and(|closer| closer.deferred) { Why::Deferred } else { why };
    group.kind = why.label();
    group.explanation = match closer {
        Some(Closer { deferred: false, ack_arrived: true, .. }) => ACK_ARRIVED.into(),
        _ => why.text().into(),
    };
    group.evidence = evidence(slowest, why).map(|sentence| (None, sentence));
    group.check = why.check(slowest);
    group.next = command(scene, &format!("ladder --conn {}", slowest.id()));
    group
}

fn evidence(record: &Record, why: Why) -> Option<String> {
    let id = record.id();
    match why {
        Why::SynRetries => {
            let waited = record.setup.ns()?.saturating_sub(record.rtt_total.ns()?);
            Some(format!(
                "Connection {id}: {} passed before the SYN that was answered, the {}; its answer took {}.",
                duration(waited),
                wording::ordinal(record.syn_count),
                duration(record.rtt_server.ns()?)
            ))
        }
        Why::ServerSlow | Why::ServerFar | Why::ServerLate => {
            Some(format!("Connection {id}: SYN to SYN/ACK {}.", duration(record.rtt_server.ns()?)))
        }
        Why::ClientSlow | Why::SynAckRetries => Some(format!(
            "Connection {id}: SYN/ACK to final ACK {}, SYN to SYN/ACK {}.",
            duration(record.rtt_client.ns()?),
            duration(record.rtt_server.ns()?)
        )),
        Why::AcceptedLate | Why::Deferred => None,
    }
}
