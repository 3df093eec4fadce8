//! Scans, floods, backscatter and probes: many connections that are no failures of servers.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};

use dissector_core::connection::{Cause, CheckTarget, Close, Evidence, Finding, Outcome, Seen};

use super::beyond::Further;
use super::failures::command;
use super::limits::Directions;
use super::record::Record;
use super::result::{Group, Scene, Section};
use super::wording::{amount, grouped};
use crate::output::units::duration;

/// So many different targets are no accident.
const TARGETS: usize = 15;
/// So many ports of one host, or hosts at one port.
const ALIKE: usize = 12;
/// Probes of a scan for each target: programs that want a connection try more often.
const PROBES: usize = 3;
/// So many ports of one host that all turned the client away are a scan, whatever else it did.
const TURNED_AWAY: usize = 50;
/// Segments of an ACK that belongs to no connection, and of its answer.
const ACK_AND_RST: u32 = 2;
/// SYNs of a flood.
const FLOOD: usize = 50;
/// SYNs in a second, of a flood.
const PER_SECOND: u64 = 5;
/// The same from one address: a busy client opens many connections, too.
const PER_SECOND_OF_ONE: u64 = 50;
/// Unasked answers of backscatter, and the addresses that they go to.
const UNASKED: usize = 10;
const VICTIMS: usize = 5;
/// Numbers of ports that are listed.
const LISTED: usize = 5;
/// Unasked answers that are looked at for the leg of a translation.
const LEGS: usize = 200;

/// A pattern, and the numbers of its connections.
pub struct Found {
    pub group: Group,
    pub members: Vec<u32>,
    /// Further connections of it, which are not kept.
    pub further: Further,
}

/// A group, its members, and how many further ones there are.
type Members<'a> = (Group, Vec<&'a Record>, Further);

/// Finds the patterns; each connection is in one at most.
pub fn find(
    all: &[&Record],
    legs: &HashSet<u32>,
    directions: &Directions,
    scene: &Scene<'_>,
) -> Vec<Found> {
    let mut taken = HashSet::new();
    let mut found = Vec::new();
    let mut add = |more: Vec<Members<'_>>, taken: &mut HashSet<u32>| {
        for (mut group, members, further) in more {
            group.count += further.failed + further.undecided;
            let members: Vec<_> = members.iter().map(|record| record.id()).collect();
            taken.extend(&members);
            found.push(Found { group, members, further });
        }
    };
    let free = |taken: &HashSet<u32>| -> Vec<&Record> {
        all.iter().copied().filter(|record| !taken.contains(&record.id())).collect()
    };
    add(scans(&free(&taken), scene), &mut taken);
    add(floods(&free(&taken), scene), &mut taken);
    add(noise(&free(&taken), scene), &mut taken);
    if !directions.misses_clients() {
        add(backscatter(&free(&taken), legs, scene), &mut taken);
    }
    found
}

/// The SYN/ACKs that answer a SYN which was sent to another address: the other leg of a translation.
pub fn legs(all: &[&Record], scene: &Scene<'_>) -> HashSet<u32> {
    let unasked = all.iter().filter(|it| it.outcome() == Outcome::UnsolicitedSynAck).take(LEGS);
    let is_leg = |record: &&&Record| {
        let others = scene.neighbours.witness_of(record.id(), record.evidence, record.close);
        others.iter().any(|it| it.evidence == Evidence::AnsweredFromElsewhere)
    };
    unasked.filter(is_leg).map(|record| record.id()).collect()
}

/// Whether a connection looks like a question to which only the answer matters.
fn is_probe(record: &Record) -> bool {
    match record.outcome() {
        Outcome::NoReply | Outcome::NoFinalAck | Outcome::Pending => record.syn_count <= 1,
        Outcome::Refused | Outcome::Unreachable => true,
        Outcome::AbortedByClient => true,
        Outcome::Complete => record.evidence.contains(Evidence::NoOctet),
        Outcome::Midstream if record.neighbour.came_up => false,
        Outcome::Midstream => {
            // A scan with ACKs gets an RST from every host that is there.
            let is_ack = record.seen == Seen::Both
                && record.close == Close::Rst
                && record.packets == ACK_AND_RST;
            record.findings.contains(Finding::IllegalFlags) || is_ack
        }
        _ => false,
    }
}

/// One client, many targets, no retries.
fn scans<'a>(all: &[&'a Record], scene: &Scene<'_>) -> Vec<Members<'a>> {
    let mut by_client: BTreeMap<IpAddr, Vec<&Record>> = BTreeMap::new();
    for record in all {
        by_client.entry(record.neighbour.client.ip()).or_default().push(record);
    }
    let found = by_client.into_iter().filter_map(|(client, own)| scan(client, &own, scene));
    found.collect()
}

fn scan<'a>(client: IpAddr, own: &[&'a Record], scene: &Scene<'_>) -> Option<Members<'a>> {
    if own.len() < TARGETS {
        return None;
    }
    let probes: Vec<_> = own.iter().copied().filter(|record| is_probe(record)).collect();
    let probes = without_services(probes);
    let targets: BTreeSet<_> = probes.iter().map(|record| record.neighbour.server).collect();
    let (ports_of, hosts_at) = spread(&targets);
    let most_ports = ports_of.values().max().copied().unwrap_or(0);
    let most_hosts = hosts_at.values().max().copied().unwrap_or(0);
    let many = targets.len() >= TARGETS && probes.len() <= PROBES * targets.len();
    let mut turned_away: HashMap<IpAddr, HashSet<u16>> = HashMap::new();
    for record in probes.iter().filter(|record| record.outcome() == Outcome::Refused) {
        let server = record.neighbour.server;
        turned_away.entry(server.ip()).or_default().insert(server.port());
    }
    let mostly = probes.len() * 5 >= own.len() * 4
        || turned_away.values().any(|ports| ports.len() >= TURNED_AWAY);
    // Those that a TCP would have repeated, and those that it would not have sent.
    let silent = own.iter().filter(|record| record.outcome() == Outcome::NoReply);
    let (once, again): (Vec<_>, Vec<_>) =
        silent.map(|record| record.syn_count).partition(|count| *count <= 1);
    let repeats = again.len() > once.len();
    let raw = probes.iter().filter(|record| {
        record.evidence.contains(Evidence::SynWithoutOptions)
            || record.findings.contains(Finding::IllegalFlags)
            || record.outcome() == Outcome::AbortedByClient
    });
    // An operating system takes another port for each connection.
    let mut of_port: HashMap<u16, usize> = HashMap::new();
    for record in &probes {
        *of_port.entry(record.neighbour.client.port()).or_default() += 1;
    }
    let from_one_port = of_port.values().max().copied().unwrap_or(0);
    let made =
        [raw.count(), once.len(), from_one_port].into_iter().any(|it| 2 * it >= probes.len());
    let down = most_ports >= ALIKE;
    let across = most_hosts >= ALIKE && most_hosts * 2 >= targets.len() && made;
    if !many || !mostly || repeats || !(down || across) {
        return None;
    }
    let further = scene.beyond.of(client);
    let mut group = Group::new(Section::Pattern, "scan", &probes);
    let what = match (ports_of.len(), hosts_at.len()) {
        (1, ports) => format!("{} of {}", amount(ports, "port"), targets.first()?.ip()),
        (hosts, 1) => format!("port {} of {}", targets.first()?.port(), amount(hosts, "host")),
        (hosts, _) => format!("{} on {}", amount(targets.len(), "port"), amount(hosts, "host")),
    };
    let retries = if again.is_empty() { ", no retries" } else { "" };
    let least = if further == Further::default() { "" } else { "at least " };
    group.title = format!("{client} scans {least}{what}{retries}");
    let open: BTreeSet<_> = probes
        .iter()
        .filter(|record| record.synack_count > 0)
        .map(|record| record.neighbour.server)
        .collect();
    let number = |outcome| probes.iter().filter(|record| record.outcome() == outcome).count();
    let illegal =
        probes.iter().filter(|record| record.findings.contains(Finding::IllegalFlags)).count();
    let parts = [
        (number(Outcome::Refused), "refused"),
        (number(Outcome::NoReply) + number(Outcome::Pending), "unanswered"),
        (number(Outcome::Unreachable), "unreachable"),
        (illegal, "with flags that no TCP sends"),
        (number(Outcome::Midstream).saturating_sub(illegal), "with an ACK of no connection"),
    ];
    let parts = parts.iter().filter(|(number, _)| *number > 0);
    let mut parts: Vec<_> =
        parts.map(|(number, what)| format!("{} {what}", grouped(*number as u64))).collect();
    parts.push(match open.len() {
        0 => "none open".into(),
        1..=LISTED => {
            let open = open.iter().map(|open| match ports_of.len() {
                1 => open.port().to_string(),
                _ => open.to_string(),
            });
            format!("open: {}", open.collect::<Vec<_>>().join(", "))
        }
        number => format!("{} open", grouped(number as u64)),
    });
    group.explanation = format!(
        "A port scan, or a program that looks for services: {}. These are no failures of the servers.",
        parts.join(", ")
    );
    group.cause = Some(Cause::SynScan);
    group.attempts = Some(own.len() as u64);
    group.next = command(scene, &format!("connections --host {client}"));
    Some((group, probes, further))
}

/// How many ports of each host are among the targets, and how many hosts at each port.
fn spread(targets: &BTreeSet<SocketAddr>) -> (HashMap<IpAddr, usize>, HashMap<u16, usize>) {
    let mut ports_of: HashMap<IpAddr, usize> = HashMap::new();
    let mut hosts_at: HashMap<u16, usize> = HashMap::new();
    for target in targets {
        *ports_of.entry(target.ip()).or_default() += 1;
        *hosts_at.entry(target.port()).or_default() += 1;
    }
    (ports_of, hosts_at)
}

/// Without the attempts to reach a service: a port that the client comes back to, while it asks few others
/// of that host, and few other hosts at that port.
fn without_services(probes: Vec<&Record>) -> Vec<&Record> {
    let mut attempts: HashMap<SocketAddr, usize> = HashMap::new();
    for record in &probes {
        *attempts.entry(record.neighbour.server).or_default() += 1;
    }
    let (ports_of, hosts_at) = spread(&attempts.keys().copied().collect());
    let is_service = |record: &Record| {
        let server = record.neighbour.server;
        attempts[&server] >= PROBES
            && ports_of[&server.ip()] < ALIKE
            && hosts_at[&server.port()] < ALIKE
    };
    probes.into_iter().filter(|record| !is_service(record)).collect()
}

/// Many SYNs to one server and port in a short time, from clients that want no connection.
fn floods<'a>(all: &[&'a Record], scene: &Scene<'_>) -> Vec<Members<'a>> {
    let mut by_server: BTreeMap<SocketAddr, Vec<&Record>> = BTreeMap::new();
    for record in all.iter().filter(|record| is_flooding(record)) {
        by_server.entry(record.neighbour.server).or_default().push(record);
    }
    let found = by_server.into_iter().filter_map(|(server, own)| flood(server, own, all, scene));
    found.collect()
}

/// Whether its client asked once, and did not care for the answer.
fn is_flooding(record: &Record) -> bool {
    let once = record.syn_count == 1;
    match record.outcome() {
        Outcome::NoFinalAck | Outcome::NoReply | Outcome::Pending => once,
        Outcome::AbortedByClient => once && !record.evidence.contains(Evidence::RstOfSocket),
        _ => false,
    }
}

fn flood<'a>(
    server: SocketAddr,
    own: Vec<&'a Record>,
    all: &[&Record],
    scene: &Scene<'_>,
) -> Option<Members<'a>> {
    if own.len() < FLOOD {
        return None;
    }
    let clients: HashSet<_> = own.iter().map(|record| record.neighbour.client.ip()).collect();
    let mut group = Group::new(Section::Pattern, "syn_flood", &own);
    let (first_ns, last_ns) = group.span_ns;
    let lasted_ns = last_ns.abs_diff(first_ns).max(1_000_000);
    let per_second = (own.len() as u64).saturating_mul(1_000_000_000) / lasted_ns;
    let many_clients = clients.len() * 2 >= own.len();
    let fast = per_second >= if many_clients { PER_SECOND } else { PER_SECOND_OF_ONE };
    // Clients that want a connection repeat their SYNs.
    let to_server = all.iter().filter(|record| record.neighbour.server == server);
    let (mut repeated, mut came_up) = (0, 0);
    for record in to_server {
        came_up += u64::from(record.neighbour.came_up);
        repeated += usize::from(record.failed() && record.syn_count > 1);
    }
    if !fast || repeated * 10 > own.len() || !(many_clients || clients.len() <= 4) {
        return None;
    }
    let from = match clients.iter().next() {
        Some(only) if clients.len() == 1 => only.to_string(),
        _ => amount(clients.len(), "address"),
    };
    let further = scene.beyond.to(server);
    let number = own.len() as u64 + further.failed + further.undecided;
    let (least, lasted) = match number > own.len() as u64 {
        true => ("at least ", format!("about {} a second", grouped(per_second))),
        false => ("", format!("in {}", duration(lasted_ns))),
    };
    group.title = format!(
        "SYN flood on {server}: {} from {least}{from}, {lasted}, none repeated",
        amount(number, "SYN")
    );
    let answered = own.iter().filter(|record| record.synack_count > 0).count() as u64;
    let server_does = match answered {
        0 => "the server answers none of them".into(),
        _ if answered == own.len() as u64 => "the server answers each and waits in vain".into(),
        _ => format!("the server answers {}, in vain", grouped(answered)),
    };
    let meanwhile = match came_up * scene.weight {
        0 => "No connection to it came up.".into(),
        number => format!("{} to it came up all the same.", amount(number, "connection")),
    };
    group.explanation = format!("The senders want no connection: {server_does}. {meanwhile}");
    group.cause = Some(Cause::ForgedSyn);
    let advice = Outcome::NoFinalAck.advice();
    let check = advice.checks.iter().find(|check| check.causes.contains(&Cause::ForgedSyn));
    let client = own.first()?.neighbour.client;
    let target = CheckTarget::new(client, server, "-");
    group.check = check.map(|check| (check.what, check.command_line(&target)));
    group.next =
        command(scene, &format!("connections --host {} --port {}", server.ip(), server.port()));
    Some((group, own, further))
}

/// SYNs that programs made, each from another address, to hosts that did not ask for them: what every host
/// with a public address gets.
fn noise<'a>(all: &[&'a Record], scene: &Scene<'_>) -> Vec<Members<'a>> {
    let mut of_client: HashMap<IpAddr, usize> = HashMap::new();
    for record in all {
        *of_client.entry(record.neighbour.client.ip()).or_default() += 1;
    }
    let probes: Vec<_> = all
        .iter()
        .copied()
        .filter(|record| {
            let is_lone = of_client[&record.neighbour.client.ip()] <= PROBES;
            let made = record.evidence.contains(Evidence::SynWithoutOptions);
            is_lone && made && is_flooding(record)
        })
        .collect();
    let clients: HashSet<_> = probes.iter().map(|record| record.neighbour.client.ip()).collect();
    let hosts: BTreeSet<_> = probes.iter().map(|record| record.neighbour.server.ip()).collect();
    let servers: HashSet<_> = probes.iter().map(|record| record.neighbour.server).collect();
    if clients.len() < TARGETS || hosts.len() * VICTIMS > clients.len() {
        return Vec::new();
    }
    let mut group = Group::new(Section::Pattern, "probes", &probes);
    let to = match hosts.first() {
        Some(only) if hosts.len() == 1 => only.to_string(),
        _ => amount(hosts.len(), "host"),
    };
    group.title = format!(
        "{} probe {} of {to}, no retries",
        amount(clients.len(), "address"),
        amount(servers.len(), "port"),
    );
    group.explanation =
        "SYNs made by programs that only look for open ports, or with forged senders: \
                         what hosts on the Internet get all the time. These are no failures of the \
                         servers."
            .into();
    group.cause = Some(Cause::SynScan);
    group.next = command(scene, "connections --failed");
    vec![(group, probes, Further::default())]
}

/// Answers to SYNs that are not in the capture: their senders were attacked with forged addresses.
fn backscatter<'a>(all: &[&'a Record], legs: &HashSet<u32>, scene: &Scene<'_>) -> Vec<Members<'a>> {
    let unasked = all.iter().copied().filter(|record| {
        let stray = record.outcome() == Outcome::Midstream
            && record.seen.only().is_some()
            && record.close == Close::Rst
            && record.packets <= 2
            && !record.neighbour.came_up
            && !record.findings.contains(Finding::IllegalFlags);
        record.outcome() == Outcome::UnsolicitedSynAck && record.seen != Seen::ClientOnly || stray
    });
    let unasked: Vec<_> = unasked.filter(|record| !legs.contains(&record.id())).collect();
    // The sender of a stray RST is a server if it looks like one by its port; so many different ones are.
    let to: HashSet<_> = unasked.iter().map(|record| record.neighbour.client.ip()).collect();
    let rejected = unasked.iter().filter(|it| it.evidence.contains(Evidence::SynAckReset)).count();
    if unasked.len() < UNASKED || to.len() < VICTIMS && rejected * 2 < unasked.len() {
        return Vec::new();
    }
    let servers: BTreeSet<_> = unasked.iter().map(|record| record.neighbour.server.ip()).collect();
    let mut group = Group::new(Section::Pattern, "backscatter", &unasked);
    let from = match servers.first() {
        Some(only) if servers.len() == 1 => only.to_string(),
        _ => amount(servers.len(), "host"),
    };
    let synacks =
        unasked.iter().filter(|record| record.outcome() == Outcome::UnsolicitedSynAck).count();
    let what = match synacks {
        0 => "RSTs".into(),
        _ if synacks == unasked.len() => "SYN/ACKs".to_owned(),
        _ => "SYN/ACKs and RSTs".into(),
    };
    group.title = format!(
        "{} {what} of {from} to {} that never asked",
        grouped(unasked.len() as u64),
        match to.iter().next() {
            Some(only) if to.len() == 1 => format!("{only}"),
            _ => format!("{} addresses", grouped(to.len() as u64)),
        }
    );
    group.explanation =
        "Backscatter: those hosts answer SYNs with forged sender addresses, so they \
                         are under attack; or this capture misses the SYNs."
            .into();
    group.cause = Some(Cause::Backscatter);
    group.next = command(scene, "servers");
    vec![(group, unasked, Further::default())]
}
