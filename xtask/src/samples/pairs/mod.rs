//! Pairs of captures: the same connections recorded at the client and at the server, with a router in
//! between whose log is the truth about what happened on the way.
//!
//! Both hosts are namespaces of one kernel and have one clock. In the file of the server's point, the
//! times are shifted, and drift where the scenario says so.

#[cfg(test)]
mod committed;
mod kernel_router;
mod points;
mod router;
mod scenarios;
mod talk;
mod truth;

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use testkit::folders::{At, make_folder};
use testkit::kernel::Side;

use super::lab::{Lab, Process};
use super::scenarios::Prepare;
use points::{Clock, Point};
use router::{Log, Orders, Router};
pub(super) use scenarios::all;
use talk::Client;
pub(super) use talk::Job;

/// The number of the connection that most scenarios are about. The one before it and the one after it
/// pass untouched: they show that both points were capturing.
const SUBJECT: usize = 1;

/// Once in a while a kernel does something else than usual; then the recording is made again.
const ATTEMPTS: usize = 4;

/// What both points record.
const FILTER: &str = "tcp or icmp or (icmp6 and ip6[40] == 1)";

/// One pair.
pub(super) struct Pair {
    /// The files' name without point and ending.
    pub(super) name: &'static str,
    /// One line for `samples/README.md`.
    pub(super) shows: &'static str,
    /// The subject's path, by its name in the output of `compare`; empty if only the log can tell.
    path: &'static str,
    /// Changes to two hosts that reach each other.
    prepare: &'static [Prepare],
    orders: Orders,
    /// Where the kernel itself is the router, the commands that tell it what to do; `orders` then says
    /// what it translates by that.
    kernel: &'static [&'static str],
    /// The server, as the client knows it.
    target: &'static str,
    /// The client's part between the connections around it.
    client: fn(&Client) -> io::Result<()>,
    /// Whether there are connections around it.
    around: bool,
    /// How far the server's clock is ahead when the recording begins, in milliseconds.
    ahead_ms: i64,
    /// How much faster it goes, in millionths.
    drift_ppm: i32,
    /// Whether the hosts leave it to their network cards to cut data into segments and to compute
    /// checksums.
    offload: bool,
    /// Whether the router's two interfaces are recorded too: in one file that keeps them apart, and in
    /// one of all interfaces as one.
    inside: bool,
    /// Whether the files say when each capture began and ended.
    statistics: bool,
    /// What the router has to have done ([`Log::summary`]); a recording that differs is made again.
    /// Empty if that is a matter of chance.
    pub(super) on_the_way: &'static str,
}

/// Where a pair is written, and the size of its client's part.
pub(super) struct Request<'a> {
    /// For raw recordings.
    pub(super) work: &'a Path,
    /// For the pair.
    pub(super) folder: &'a Path,
    /// The kernel's name.
    pub(super) kernel: &'a str,
    /// What the client is to do.
    pub(super) job: Job,
}

/// The pair of that name.
pub(super) fn named(name: &str) -> Option<&'static Pair> {
    all().chain([&scenarios::RANDOM_LOSS]).find(|pair| pair.name == name)
}

/// Records 5 % random loss in both directions.
pub(super) fn record_random_loss(request: &Request<'_>) -> Result<()> {
    record(&scenarios::RANDOM_LOSS, request)
}

/// Records a pair, and writes both captures and the truth.
pub(super) fn record(pair: &Pair, request: &Request<'_>) -> Result<()> {
    let raw = |side: Side| request.work.join(format!("{}.{}.pcap", pair.name, side.name()));
    let raw = [raw(Side::Client), raw(Side::Server)];
    make_folder(request.folder)?;
    let mut attempts = ATTEMPTS;
    loop {
        attempts -= 1;
        match capture(pair, request, &raw).and_then(|recorded| write(pair, request, recorded)) {
            Ok(()) => return Ok(()),
            Err(error) if attempts == 0 => return Err(error.context(pair.name)),
            Err(error) => eprintln!("xtask: {}: {error:#}; once more", pair.name),
        }
    }
}

/// Runs the scenario in a laboratory of its own while tcpdump records at both hosts.
fn capture(pair: &Pair, request: &Request<'_>, raw: &[PathBuf; 2]) -> Result<Recorded> {
    let lab = Lab::with_router()?;
    // Addresses that only the router translates.
    for (side, address) in [(Side::Client, "10.77.0.3"), (Side::Server, "10.77.0.4")] {
        lab.neighbour(side, address)?;
    }
    if pair.offload {
        for side in Side::BOTH {
            lab.run(side, "ethtool -K eth0 tx on sg on gso on tso on")?;
        }
    }
    pair.prepare.iter().try_for_each(|change| change.apply(&lab))?;
    let router = if pair.kernel.is_empty() {
        Some(Router::start(&lab, pair.orders)?)
    } else {
        kernel_router::start(&lab, pair.kernel)?;
        None
    };
    let scenario = format!("pairs/{}", pair.name);
    let mut server = lab.talk(&scenario, Side::Server, &[])?;
    server.wait_until_ready()?;
    let mut recordings = Vec::new();
    for (side, file) in Side::BOTH.into_iter().zip(raw) {
        recordings.push((points::now(), lab.record(side, FILTER, file)?));
    }
    let mut inside = Vec::new();
    if pair.inside {
        let [interfaces, any] = inside_files(pair, request.work);
        inside.push(lab.record_interfaces(FILTER, &interfaces)?);
        inside.push(lab.record_any(FILTER, &any)?);
    }
    let limit = Duration::from_secs(60 + request.job.connections as u64 / 20);
    lab.talk(&scenario, Side::Client, &request.job.words())?.wait_for(limit)?;
    // Segments may still be on their way, such as the ACK of the last FIN.
    sleep(Duration::from_millis(500));
    let mut points = Vec::new();
    for ((begin, recording), file) in recordings.into_iter().zip(raw) {
        recording.interrupt()?;
        let spanned = pair.statistics.then(|| [begin, points::now()]);
        points.push(Point { file: file.clone(), spanned });
    }
    inside.into_iter().try_for_each(Process::interrupt)?;
    let log = match router {
        Some(router) => router.end()?,
        None => kernel_router::log(raw, pair.orders.translation)?,
    };
    drop(server);
    let counted = [points::count(&raw[0])?, points::count(&raw[1])?];
    check(pair, &log, counted)?;
    if pair.inside {
        points::check_inside(&inside_files(pair, request.work), counted)?;
    }
    Ok(Recorded { points, log })
}

/// The recordings in the router, below a folder.
fn inside_files(pair: &Pair, folder: &Path) -> [PathBuf; 2] {
    ["router.pcapng", "router-any.pcap"].map(|end| folder.join(format!("{}.{end}", pair.name)))
}

/// What came of a scenario.
struct Recorded {
    /// The client's and the server's.
    points: Vec<Point>,
    log: Log,
}

/// The frames at both points and the router's log have to fit together, and the log the promise.
fn check(pair: &Pair, log: &Log, counted: [points::Counted; 2]) -> Result<()> {
    let [at_client, at_server] = counted;
    let balance = [log.balance(Side::Client), log.balance(Side::Server)];
    let difference =
        [at_client.to_client - at_server.to_client, at_server.to_server - at_client.to_server];
    ensure!(difference == balance, "the points differ by {difference:?}, the log by {balance:?}");
    let summary = log.summary();
    let promised = pair.on_the_way.is_empty() && pair.path.is_empty() || summary == pair.on_the_way;
    ensure!(promised, "came out as `{summary}` and should be `{}`", pair.on_the_way);
    for (flow, seen) in log.flows.iter().enumerate() {
        let path = truth::path(pair, log, flow);
        let by_losses = seen.path(log, flow);
        // The other paths are not a matter of losses alone.
        let by_losses_alone =
            ["clean", "lossy", "syn_lost", "synack_lost", "final_ack_lost", "cut_off"];
        let decided_otherwise = !by_losses_alone.contains(&path);
        ensure!(
            decided_otherwise || path == by_losses,
            "connection {flow} was promised as {path} and is {by_losses}"
        );
    }
    Ok(())
}

fn write(pair: &Pair, request: &Request<'_>, recorded: Recorded) -> Result<()> {
    let addresses = scenarios::addresses()?;
    let first_ns = points::first_ns(&recorded.points[0].file)?;
    let kernel = request.kernel;
    let comment = format!("{}; {kernel}; cargo xtask samples pairs/{}", pair.shows, pair.name);
    for (side, point) in Side::BOTH.into_iter().zip(&recorded.points) {
        let clock = match side {
            Side::Client => Clock::default(),
            Side::Server => Clock {
                first_ns,
                ahead_ns: pair.ahead_ms * 1_000_000,
                drift_ppm: pair.drift_ppm.into(),
            },
        };
        let file = request.folder.join(format!("{}.{}.pcapng", pair.name, side.name()));
        points::write(point, &file, clock, &addresses, &comment)?;
    }
    if pair.inside {
        let [from, from_any] = inside_files(pair, request.work);
        let [file, file_any] = inside_files(pair, request.folder);
        points::write_interfaces(&from, &file, &addresses, &comment)?;
        points::write_any(&from_any, &file_any, &addresses)?;
    }
    let file = request.folder.join(format!("{}.truth.jsonl", pair.name));
    fs::write(&file, truth::text(pair, &recorded.log, &addresses)).at(&file)
}

/// Addresses in the laboratory, and those that replace them in the files.
type Addresses = [(IpAddr, IpAddr)];

/// Plays one side of a pair, inside its namespace.
pub(super) fn talk(name: &str, side: &str, words: &[String]) -> Result<()> {
    let pair = named(name).with_context(|| format!("there is no pair `{name}`"))?;
    let part = if side == Side::Server.name() { talk::serve() } else { talk::play(pair, words) };
    part.with_context(|| format!("{name}, {side}"))
}
