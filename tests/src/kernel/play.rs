//! Plays a scenario between two hosts, and gives back all that went over the wire.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddrV4, TcpListener, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use testkit::kernel::{Connection, Hosts, Namespace, Recording, Side, SocketStates, Wire};
use testkit::socket;

use super::scenario::{Action, Scenario, Step};

const CLIENT_PORT: u16 = 40_000;
const SERVER_PORT: u16 = 7_000;

/// After a step, the scenario goes on once nothing was under way for so long, or after [`PAUSE`].
const QUIET: Duration = Duration::from_millis(70);
const PAUSE: Duration = Duration::from_millis(250);

/// The longest time that the scenario waits for what a step promises.
const PATIENCE: Duration = Duration::from_secs(15);

/// A host's sockets.
#[derive(Default)]
struct Sockets {
    listener: Option<TcpListener>,
    streams: Vec<TcpStream>,
}

/// The players of a scenario.
struct Play {
    hosts: Hosts,
    wire: Wire,
    states: [SocketStates; 2],
    sockets: [Sockets; 2],
    /// The connection that `is` asks for.
    latest: Connection,
}

/// A scenario that was played.
#[derive(Debug)]
pub struct Played {
    /// What went over the wire.
    pub recording: Recording,
    /// By host: what its kernel had counted before and after, as the files of `/proc/net` have it.
    pub counters: [[String; 2]; 2],
    /// The same as `nstat -az` prints it, where there is such a program.
    pub nstat: [Option<[String; 2]>; 2],
    /// When it ended, in nanoseconds since 1970.
    pub end_ns: i64,
}

/// Plays the scenario to its end.
///
/// # Errors
/// The step that fails, and why.
pub fn play(scenario: &Scenario) -> Result<Played, String> {
    let mut play = Play::new().map_err(|error| format!("{error:#}"))?;
    let before = play.counted().map_err(|error| error.to_string())?;
    for (line, step) in &scenario.steps {
        play.step(step).map_err(|error| format!("`{line}`: {error}"))?;
    }
    sleep(QUIET);
    let after = play.counted().map_err(|error| error.to_string())?;
    let recording = play.wire.end().map_err(|error| format!("{error:#}"))?;
    let host = |side: Side| {
        let [before, after] = [&before[side as usize], &after[side as usize]];
        let counters = [before.0.clone(), after.0.clone()];
        (counters, before.1.clone().zip(after.1.clone()).map(|(before, after)| [before, after]))
    };
    let [client, server] = Side::BOTH.map(host);
    let (counters, nstat) = ([client.0, server.0], [client.1, server.1]);
    let end = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|error| error.to_string())?;
    Ok(Played { recording, counters, nstat, end_ns: end.as_nanos() as i64 })
}

impl Play {
    fn new() -> anyhow::Result<Self> {
        let hosts = Hosts::new()?;
        let wire = Wire::join(&hosts)?;
        let states = |side| SocketStates::of(hosts.at(side), side);
        let states = [states(Side::Client)?, states(Side::Server)?];
        let latest = Connection { client: CLIENT_PORT, server: SERVER_PORT };
        Ok(Self { hosts, wire, states, sockets: Default::default(), latest })
    }

    /// What both kernels have counted, from both sources.
    fn counted(&self) -> io::Result<[(String, Option<String>); 2]> {
        let host = |side| {
            let host = self.hosts.at(side);
            io::Result::Ok((host.counters()?, host.nstat()?))
        };
        Ok([host(Side::Client)?, host(Side::Server)?])
    }

    fn step(&mut self, step: &Step) -> io::Result<()> {
        match step {
            Step::Do(sides, action) => {
                for side in sides {
                    self.act(*side, action)?;
                }
                if !matches!(action, Action::Set(..)) {
                    self.settle();
                }
            }
            Step::Rule(rule) => self.wire.rule(rule.clone()),
            Step::Wait(time) => sleep(*time),
            Step::Is(side, state) => {
                let connection = self.latest;
                let mut last = "";
                let found = patiently(|| {
                    last = self.states[*side as usize].state(connection)?;
                    Ok((last == state).then_some(()))
                });
                found.map_err(|error| io::Error::other(format!("{error}; it is {last}")))?;
                self.settle();
            }
            Step::Packets(number) => {
                patiently(|| Ok((self.wire.packets() >= *number).then_some(())))?;
                self.settle();
            }
        }
        Ok(())
    }

    fn settle(&self) {
        let end = Instant::now() + PAUSE;
        sleep(QUIET);
        while self.wire.quiet_for() < QUIET && Instant::now() < end {
            sleep(Duration::from_millis(5));
        }
    }

    fn act(&mut self, side: Side, action: &Action) -> io::Result<()> {
        let host = self.hosts.at(side);
        let sockets = &mut self.sockets[side as usize];
        match action {
            Action::Set(name, value) => {
                host.set(&format!("ipv4/{name}"), value).map_err(io::Error::other)?;
            }
            Action::Listen { backlog, defer, fast_open } => {
                sockets.listener = Some(listen(host, side, *backlog, *defer, *fast_open)?);
            }
            Action::Unlisten => sockets.listener = None,
            Action::Connect { port, fast_open } => {
                let (own, peer) = match side {
                    Side::Client => (CLIENT_PORT, SERVER_PORT),
                    Side::Server => (SERVER_PORT, CLIENT_PORT),
                };
                let own = SocketAddrV4::new(side.address(), port.unwrap_or(own));
                let peer = SocketAddrV4::new(side.peer().address(), peer);
                if side == Side::Client {
                    self.latest = Connection { client: own.port(), server: peer.port() };
                }
                let stream = host.inside(|| match fast_open {
                    Some(octets) => socket::start_with(own, peer, &vec![b'x'; *octets]),
                    None => socket::start_from(own, peer),
                })?;
                sockets.streams.push(stream);
            }
            Action::Accept => {
                let listener = sockets.listener.as_ref().ok_or_else(missing)?;
                let stream = patiently(|| not_yet(listener.accept()))?.0;
                stream.set_nonblocking(true)?;
                sockets.streams.push(stream);
            }
            Action::Send(octets) => sockets.latest()?.write_all(&vec![b'x'; *octets])?,
            Action::Urgent => socket::send_urgent(sockets.latest()?)?,
            Action::Read => {
                let stream = sockets.latest()?;
                patiently(|| not_yet(stream.read(&mut [0; 1 << 16])))?;
            }
            Action::Shutdown => sockets.latest()?.shutdown(Shutdown::Write)?,
            Action::Close => drop(sockets.take()?),
            Action::Abort => socket::abort(sockets.take()?)?,
            Action::Vanish => socket::vanish(sockets.take()?)?,
            Action::KeepAlive(seconds) => {
                socket::keep_alive(sockets.latest()?, Duration::from_secs(*seconds), 3)?;
            }
        }
        Ok(())
    }
}

impl Sockets {
    fn latest(&mut self) -> io::Result<&mut TcpStream> {
        self.streams.last_mut().ok_or_else(missing)
    }

    fn take(&mut self) -> io::Result<TcpStream> {
        self.streams.pop().ok_or_else(missing)
    }
}

fn listen(
    host: &Namespace,
    side: Side,
    backlog: Option<i32>,
    defer: Option<u32>,
    fast_open: bool,
) -> io::Result<TcpListener> {
    let port = if side == Side::Client { CLIENT_PORT } else { SERVER_PORT };
    let listener = host.inside(|| TcpListener::bind((side.address(), port)))?;
    listener.set_nonblocking(true)?;
    if let Some(backlog) = backlog {
        socket::set_backlog(&listener, backlog)?;
    }
    if let Some(seconds) = defer {
        socket::set(&listener, socket::DeferAccept, seconds)?;
    }
    if fast_open {
        socket::set(&listener, socket::FastOpen, 5)?;
    }
    Ok(listener)
}

/// Tries until there is something.
fn patiently<T>(mut attempt: impl FnMut() -> io::Result<Option<T>>) -> io::Result<T> {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        if let Some(found) = attempt()? {
            return Ok(found);
        }
        sleep(Duration::from_millis(5));
    }
    Err(io::Error::new(ErrorKind::TimedOut, "not in time"))
}

fn not_yet<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

fn missing() -> io::Error {
    io::Error::new(ErrorKind::NotFound, "the host has no such socket")
}
