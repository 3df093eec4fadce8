//! Two hosts with a TCP stack each, which are network namespaces of this machine's kernel, and
//! the [`Wire`] between them, which is this program: it records each packet, loses or delays those
//! that it is told to, and asks both kernels for the [states](Connection) of their sockets while no
//! packet is on its way.
//!
//! A socket stays in the namespace it was made in. So one program can hold the sockets of both hosts.
//! The namespaces have no names, and are gone when the last of their sockets is closed.

mod plugs;
mod states;
mod wire;

use std::fs::{self, File};
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::process::{self, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use nix::sched::{CloneFlags, setns, unshare};

use crate::command::{run, which};
use crate::wireshark::privileges::is_root;

pub use plugs::{Arrived, Plugs};
pub use states::{Connection, SocketStates};
pub use wire::{Fate, Recorded, Recording, Rule, Sample, Segments, Wire};

/// One of the two hosts.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Side {
    /// The host at 10.77.0.1.
    Client,
    /// The host at 10.77.0.2.
    Server,
}

impl Side {
    /// Both, the client first.
    pub const BOTH: [Self; 2] = [Self::Client, Self::Server];

    /// `client` or `server`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }

    /// The other host.
    pub fn peer(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }

    /// The host's address.
    pub fn address(self) -> Ipv4Addr {
        Ipv4Addr::new(10, 77, 0, self.number())
    }

    /// The host's number: the last in its address and in its Ethernet address.
    pub fn number(self) -> u8 {
        self as u8 + 1
    }

    /// The host's Ethernet address: always the same, and marked as locally administered.
    pub fn mac(self) -> String {
        format!("02:00:00:00:00:0{}", self.number())
    }

    /// The name of the wire's end that is plugged into the host.
    pub fn plug(self) -> String {
        format!("to-{}", self.name())
    }
}

/// Why hosts cannot be made here, if so.
pub fn lacking() -> Option<&'static str> {
    if !is_root() {
        Some("network namespaces need root")
    } else if which("ip").is_none() {
        Some("`ip` (package iproute2) is missing")
    } else if Namespace::new().is_err() {
        Some("this machine lets no network namespace be made")
    } else {
        None
    }
}

/// A network namespace.
#[derive(Debug)]
pub struct Namespace(File);

impl Namespace {
    /// Makes an empty one.
    fn new() -> Result<Self> {
        // The calling thread stays where it is.
        let made = thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET)?;
            File::open("/proc/thread-self/ns/net")
        });
        let made = made.join().map_err(|_| anyhow!("the thread of a new namespace panicked"))?;
        Ok(Self(made.context("a network namespace")?))
    }

    /// The one that a process is in.
    ///
    /// # Errors
    /// If there is no such process, or its namespace cannot be opened.
    pub fn of(process: u32) -> Result<Self> {
        let file = format!("/proc/{process}/ns/net");
        Ok(Self(File::open(&file).with_context(|| file)?))
    }

    /// Does `work` on a thread inside.
    ///
    /// # Errors
    /// That of `work`, or that the namespace cannot be entered.
    pub fn inside<R: Send>(&self, work: impl FnOnce() -> io::Result<R> + Send) -> io::Result<R> {
        thread::scope(|scope| {
            let worker = scope.spawn(|| {
                setns(&self.0, CloneFlags::CLONE_NEWNET)?;
                work()
            });
            worker.join().unwrap_or_else(|_| Err(io::Error::other("work in a namespace panicked")))
        })
    }

    /// Runs a command line (words without blanks in them) inside, to its end.
    fn run(&self, line: &str) -> Result<()> {
        let mut words = line.split_whitespace();
        let program = words.next().and_then(which).with_context(|| format!("`{line}`"))?;
        let mut command = Command::new(program);
        command.args(words).stdin(Stdio::null());
        self.inside(|| run(&mut command).map_err(io::Error::other))?;
        Ok(())
    }

    /// Sets a value below `/proc/sys/net`.
    ///
    /// # Errors
    /// If there is no such value, or it cannot be set.
    pub fn set(&self, name: &str, value: &str) -> Result<()> {
        let file = format!("/proc/sys/net/{name}");
        // That folder shows the namespace of the thread that opens a file in it.
        self.inside(|| fs::write(&file, value)).with_context(|| format!("{file} = {value}"))
    }

    /// What the kernel has counted for the namespace: the files that `nstat` reads.
    ///
    /// # Errors
    /// If one cannot be read.
    pub fn counters(&self) -> io::Result<String> {
        // `/proc/net` is that of the process, whose first thread is elsewhere.
        let read = |name| fs::read_to_string(format!("/proc/thread-self/net/{name}"));
        self.inside(|| Ok([read("netstat")?, read("snmp")?].concat()))
    }

    /// The output of `nstat -az`; `None` if there is no such program.
    ///
    /// # Errors
    /// If it fails.
    pub fn nstat(&self) -> io::Result<Option<String>> {
        let Some(program) = which("nstat") else { return Ok(None) };
        let mut command = Command::new(program);
        command.args(["-a", "-z", "-s"]).stdin(Stdio::null());
        let output = self.inside(|| command.output())?;
        Ok(Some(String::from_utf8_lossy(&output.stdout).into_owned()))
    }

    /// The path that `ip` takes for the namespace.
    fn path(&self) -> String {
        format!("/proc/{}/fd/{}", process::id(), self.0.as_raw_fd())
    }
}

/// Two hosts, each with an `eth0`, and the namespace of the wire that joins them.
#[derive(Debug)]
pub struct Hosts {
    client: Namespace,
    server: Namespace,
    middle: Namespace,
}

impl Hosts {
    /// Makes both hosts, and gives them their addresses.
    ///
    /// # Errors
    /// Where a step fails, for instance for want of root.
    pub fn new() -> Result<Self> {
        let hosts = Self {
            client: Namespace::new()?,
            server: Namespace::new()?,
            middle: Namespace::new()?,
        };
        // Without IPv6 there is no neighbour discovery on the wire.
        hosts.middle.set("ipv6/conf/default/disable_ipv6", "1")?;
        for side in Side::BOTH {
            let host = hosts.at(side);
            let peer = side.peer();
            host.set("ipv6/conf/default/disable_ipv6", "1")?;
            // The kernel's choices are the same each time.
            host.set("ipv4/tcp_ecn", "0")?;
            let (plug, middle) = (side.plug(), hosts.middle.path());
            for line in [
                format!(
                    "ip link add eth0 address {} type veth peer name {plug} netns {middle}",
                    side.mac()
                ),
                format!("ip address add {}/24 dev eth0", side.address()),
                "ip link set lo up".to_owned(),
                // So that the wire gets each segment by itself.
                "ip link set eth0 gso_max_segs 1".to_owned(),
                "ip link set eth0 up".to_owned(),
                format!(
                    "ip neighbour add {} lladdr {} dev eth0 nud permanent",
                    peer.address(),
                    peer.mac()
                ),
            ] {
                host.run(&line)?;
            }
            hosts.middle.run(&format!("ip link set {plug} up"))?;
        }
        hosts.middle.run("ip link set lo up")?;
        hosts.wait_until_they_run()?;
        Ok(hosts)
    }

    /// An interface drops what it is to send until the kernel has seen that the other end is up.
    fn wait_until_they_run(&self) -> Result<()> {
        let mut namespaces = vec![&self.middle, &self.client, &self.server];
        let end = Instant::now() + Duration::from_secs(10);
        while let Some(namespace) = namespaces.last() {
            let running = namespace.inside(|| {
                Ok(getifaddrs()?
                    .all(|interface| interface.flags.contains(InterfaceFlags::IFF_RUNNING)))
            })?;
            if running {
                namespaces.pop();
            } else {
                ensure!(Instant::now() < end, "the interfaces do not come up");
                thread::sleep(Duration::from_millis(5));
            }
        }
        Ok(())
    }

    /// One of the hosts.
    pub fn at(&self, side: Side) -> &Namespace {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }
}
