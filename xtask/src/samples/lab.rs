//! The laboratory: two hosts and a cable, as network namespaces that no other program sees.
//!
//! The namespaces have no names. Each lives as long as the process that holds it, and that process
//! ends when its standard input closes: after success, failure or Ctrl-C nothing is left over.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use testkit::command::{cannot_run, run, shown, stdout_of, which};
use testkit::kernel::Namespace;
pub(super) use testkit::kernel::Side;

use super::TALK;

/// Two namespaces, each with an `eth0`; the two are the ends of one cable, or each is joined to a third
/// namespace with a router.
pub(super) struct Lab {
    client: Process,
    server: Process,
    router: Option<Process>,
}

impl Lab {
    /// Makes both hosts, connects them, and gives them their addresses: 10.77.0.1 and fd77::1 the
    /// client, 10.77.0.2 and fd77::2 the server.
    pub(super) fn new() -> Result<Self> {
        let lab = Self { client: namespace()?, server: namespace()?, router: None };
        let peer = lab.server.child.id();
        let cable = format!("ip link add name eth0 type veth peer name eth0 netns {peer}");
        lab.run(Side::Client, &cable)?;
        lab.address()?;
        Ok(lab)
    }

    /// The same with a router in between. What it hands on it has to hand on itself: neither bridge
    /// nor kernel does.
    pub(super) fn with_router() -> Result<Self> {
        let lab = Self { client: namespace()?, server: namespace()?, router: Some(namespace()?) };
        let router = lab.router()?;
        let (middle, peer) = (lab.middle()?, router.child.id());
        for side in Side::BOTH {
            let plug = side.plug();
            let cable = format!("ip link add name eth0 type veth peer name {plug} netns {peer}");
            lab.run(side, &cable)?;
            // Without IPv6 the router has no neighbour discovery of its own.
            middle.set(&format!("ipv6/conf/{plug}/disable_ipv6"), "1")?;
            // With the Ethernet address of the host behind the router, the frames are for the router.
            let mac = side.peer().mac();
            for line in [
                format!("ip link set dev {plug} address {mac}"),
                format!("ethtool -K {plug} tx off tso off gso off gro off"),
                format!("ip link set dev {plug} up"),
            ] {
                lab.run_in_router(&line)?;
            }
        }
        lab.address()?;
        lab.wait_until_it_runs()?;
        Ok(lab)
    }

    /// Gives both hosts their addresses.
    fn address(&self) -> Result<()> {
        for side in Side::BOTH {
            // Duplicate address detection would keep the IPv6 address unusable for a second.
            self.set(side, "ipv6/conf/eth0/accept_dad", "0")?;
            let (mac, host) = (side.mac(), side.number());
            for line in [
                format!("ip link set dev eth0 address {mac}"),
                // Offloading is switched off, so that each segment is captured as it is on the
                // cable, with its checksum.
                "ethtool -K eth0 tx off tso off gso off gro off".into(),
                format!("ip address add 10.77.0.{host}/24 dev eth0"),
                format!("ip address add fd77::{host}/64 dev eth0 nodad"),
                "ip link set dev lo up".into(),
                "ip link set dev eth0 up".into(),
            ] {
                self.run(side, &line)?;
            }
            let peer = side.peer();
            self.neighbour(side, &format!("10.77.0.{}", peer.number()))?;
            self.neighbour(side, &format!("fd77::{}", peer.number()))?;
        }
        Ok(())
    }

    /// Has one host believe that an address is at the other's Ethernet address. A SYN that waits for
    /// a neighbour's Ethernet address carries an old timestamp.
    pub(super) fn neighbour(&self, side: Side, address: &str) -> Result<()> {
        let at = side.peer().mac();
        self.run(side, &format!("ip neighbour add {address} lladdr {at} dev eth0 nud permanent"))
    }

    /// An interface drops what it is to send until the kernel has seen that the other end is up.
    fn wait_until_it_runs(&self) -> Result<()> {
        let limit = Instant::now() + Duration::from_secs(10);
        for side in Side::BOTH {
            let mut state = self.command(side, &find("ip")?);
            state.args(["-o", "link", "show", "dev", "eth0"]);
            while !stdout_of(&mut state)?.contains("LOWER_UP") {
                if Instant::now() > limit {
                    bail!("the interfaces do not come up");
                }
                thread::sleep(Duration::from_millis(5));
            }
        }
        Ok(())
    }

    /// The namespace of the router.
    pub(super) fn middle(&self) -> Result<Namespace> {
        Namespace::of(self.router()?.child.id())
    }

    fn router(&self) -> Result<&Process> {
        self.router.as_ref().context("this laboratory has no router")
    }

    /// Runs a command line (words without blanks in them) on one host, to its end.
    pub(super) fn run(&self, side: Side, line: &str) -> Result<()> {
        run_quietly(inside(self.host(side), line)?)
    }

    /// The same in the router.
    pub(super) fn run_in_router(&self, line: &str) -> Result<()> {
        run_quietly(inside(self.router()?, line)?)
    }

    /// Sets a value below `/proc/sys/net` on one host.
    pub(super) fn set(&self, side: Side, name: &str, value: &str) -> Result<()> {
        // `/proc/sys/net` shows the namespace of the process that reads it, so the shell has to run
        // inside.
        let script = format!("echo {value} > /proc/sys/net/{name}");
        run(self.command(side, Path::new("/bin/sh")).args(["-c", &script]))
    }

    /// [`Self::set`] for a value that not every kernel has.
    pub(super) fn set_if_known(&self, side: Side, name: &str, value: &str) -> Result<()> {
        let known = fs::exists(Path::new("/proc/sys/net").join(name)).unwrap_or(false);
        if known { self.set(side, name, value) } else { Ok(()) }
    }

    /// Starts one side of a scenario: this very program, inside, with `more` arguments.
    pub(super) fn talk(&self, scenario: &str, side: Side, more: &[String]) -> Result<Process> {
        let program = env::current_exe().context("this program")?;
        let mut command = self.command(side, &program);
        command
            .args([TALK, scenario, side.name()])
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        Process::start(&mut command)
    }

    /// Starts tcpdump on one host and returns when it captures.
    pub(super) fn record(&self, side: Side, filter: &str, file: &Path) -> Result<Process> {
        let mut command = self.command(side, &find("tcpdump")?);
        command.args(["-i", "eth0"]);
        tcpdump(command, filter, file)
    }

    /// The same in the router, on all interfaces as one: link type LINUX_SLL2.
    pub(super) fn record_any(&self, filter: &str, file: &Path) -> Result<Process> {
        let mut command = enter(self.router()?, &find("tcpdump")?);
        command.args(["-i", "any", "-y", "LINUX_SLL2"]);
        // libpcap's buffer has room for so many frames of the largest size only, and `any` has no MTU.
        command.args(["-B", "65536"]);
        tcpdump(command, filter, file)
    }

    /// Starts dumpcap in the router, on both interfaces, which the file keeps apart.
    pub(super) fn record_interfaces(&self, filter: &str, file: &Path) -> Result<Process> {
        let mut command = enter(self.router()?, &find("dumpcap")?);
        for side in Side::BOTH {
            command.args(["-i", &side.plug(), "-f", filter]);
        }
        begun(command.arg("-w").arg(file), "File: ")
    }

    fn host(&self, side: Side) -> &Process {
        if side == Side::Client { &self.client } else { &self.server }
    }

    fn command(&self, side: Side, program: &Path) -> Command {
        enter(self.host(side), program)
    }
}

/// A command that runs in the namespace that a process holds.
fn enter(holder: &Process, program: &Path) -> Command {
    let mut command = Command::new("nsenter");
    command.arg(format!("--net=/proc/{}/ns/net", holder.child.id()));
    command.arg("--").arg(program);
    command
}

/// A command line (words without blanks in them) in the namespace that a process holds.
fn inside(holder: &Process, line: &str) -> Result<Command> {
    let mut words = line.split_whitespace();
    let mut command = enter(holder, &find(words.next().unwrap_or_default())?);
    command.args(words);
    Ok(command)
}

/// Starts tcpdump, whose arguments so far say where, and returns when it captures.
fn tcpdump(mut command: Command, filter: &str, file: &Path) -> Result<Process> {
    command.args(["--immediate-mode", "-U", "--time-stamp-precision=nano"]);
    // tcpdump keeps root's rights, because the folder belongs to root.
    begun(command.args(["-s", "0", "-Z", "root", "-w"]).arg(file).arg(filter), "listening on")
}

/// Starts a program that captures, and returns when it has said `sign`.
fn begun(command: &mut Command, sign: &str) -> Result<Process> {
    let mut process = Process::start(command.stdin(Stdio::null()).stderr(Stdio::piped()))?;
    let stderr = process.child.stderr.take().context("the program has no standard error")?;
    let mut stderr = BufReader::new(stderr);
    let mut said = String::new();
    while !said.contains(sign) {
        if !stderr.read_line(&mut said).is_ok_and(|octets| octets > 0) {
            bail!("`{}` does not capture: {}", process.shown, said.trim());
        }
    }
    // Without a reader for its last line, tcpdump would be killed by a signal.
    thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
    Ok(process)
}

fn run_quietly(mut command: Command) -> Result<()> {
    // ethtool lists its changes; only errors matter here.
    run(command.stdin(Stdio::null()).stdout(Stdio::null()))
}

fn find(program: &str) -> Result<std::path::PathBuf> {
    which(program).with_context(|| format!("{program} is missing"))
}

/// A process that holds a network namespace without a name.
fn namespace() -> Result<Process> {
    let mut command = Command::new("unshare");
    // The line says that the shell is inside. It ends when its input does, that is, with us.
    command.args(["--net", "--", "sh", "-c", "echo inside; exec cat > /dev/null"]);
    let mut holder = Process::start(command.stdin(Stdio::piped()).stdout(Stdio::piped()))?;
    if holder.first_line() != "inside" {
        bail!("unshare makes no network namespace here");
    }
    Ok(holder)
}

/// A child that is ended when its value is dropped.
pub(super) struct Process {
    child: Child,
    shown: String,
}

impl Process {
    fn start(command: &mut Command) -> Result<Self> {
        let child = command.spawn().with_context(|| cannot_run(command))?;
        Ok(Self { child, shown: shown(command) })
    }

    fn first_line(&mut self) -> String {
        let mut line = String::new();
        if let Some(output) = self.child.stdout.take() {
            let _ = BufReader::new(output).read_line(&mut line);
        }
        line.trim().to_owned()
    }

    /// Returns when one side of a scenario is ready.
    pub(super) fn wait_until_ready(&mut self) -> Result<()> {
        if self.first_line() != "ready" {
            bail!("`{}` does not listen", self.shown);
        }
        Ok(())
    }

    /// Returns when the child has ended by itself.
    pub(super) fn wait(self) -> Result<()> {
        self.wait_for(Duration::from_secs(30))
    }

    /// The same within a time of the caller's choice.
    pub(super) fn wait_for(mut self, time: Duration) -> Result<()> {
        let limit = Instant::now() + time;
        while Instant::now() < limit {
            match self.child.try_wait().with_context(|| self.shown.clone())? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => bail!("`{}`: {status}", self.shown),
                None => thread::sleep(Duration::from_millis(20)),
            }
        }
        bail!("`{}` does not come to an end", self.shown)
    }

    /// Ends it as Ctrl-C does, so that a capture is complete.
    pub(super) fn interrupt(self) -> Result<()> {
        let interrupt = format!("kill -INT {}", self.child.id());
        run(Command::new("sh").args(["-c", &interrupt]))?;
        self.wait()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Most have ended by themselves.
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}
