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
use testkit::command::{cannot_run, run, shown, which};

use super::TALK;

/// One of the two hosts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Side {
    /// 10.77.0.1 and fd77::1; tcpdump listens here.
    Client = 1,
    /// 10.77.0.2 and fd77::2.
    Server = 2,
}

impl Side {
    /// The side in the arguments of the hidden command.
    pub(super) fn name(self) -> &'static str {
        if self == Self::Client { "client" } else { "server" }
    }

    /// The Ethernet address: always the same, and marked as locally administered.
    pub(super) fn mac(self) -> String {
        format!("02:00:00:00:00:0{}", self as u8)
    }
}

/// Two namespaces, each with an `eth0`; the two are the ends of one cable.
pub(super) struct Lab {
    client: Process,
    server: Process,
}

impl Lab {
    /// Makes both hosts, connects them, and gives them their addresses.
    pub(super) fn new() -> Result<Self> {
        let lab = Self { client: namespace()?, server: namespace()? };
        let peer = lab.server.child.id();
        let cable = format!("ip link add name eth0 type veth peer name eth0 netns {peer}");
        lab.run(Side::Client, &cable)?;
        for (side, peer) in [(Side::Client, Side::Server), (Side::Server, Side::Client)] {
            // Duplicate address detection would keep the IPv6 address unusable for a second.
            lab.set(side, "ipv6/conf/eth0/accept_dad", "0")?;
            let (mac, host) = (side.mac(), side as u8);
            let (at, peer) = (peer.mac(), peer as u8);
            for line in [
                format!("ip link set dev eth0 address {mac}"),
                // Offloading is switched off, so that each segment is captured as it is on the
                // cable, with its checksum.
                "ethtool -K eth0 tx off tso off gso off gro off".into(),
                format!("ip address add 10.77.0.{host}/24 dev eth0"),
                format!("ip address add fd77::{host}/64 dev eth0 nodad"),
                "ip link set dev lo up".into(),
                "ip link set dev eth0 up".into(),
                // A SYN that waits for the neighbour's Ethernet address carries an old timestamp.
                format!("ip neighbour add 10.77.0.{peer} lladdr {at} dev eth0 nud permanent"),
                format!("ip neighbour add fd77::{peer} lladdr {at} dev eth0 nud permanent"),
            ] {
                lab.run(side, &line)?;
            }
        }
        Ok(lab)
    }

    /// Runs a command line (words without blanks in them) on one host, to its end.
    pub(super) fn run(&self, side: Side, line: &str) -> Result<()> {
        let mut words = line.split_whitespace();
        let mut command = self.command(side, &find(words.next().unwrap_or_default())?);
        // ethtool lists its changes; only errors matter here.
        run(command.args(words).stdin(Stdio::null()).stdout(Stdio::null()))
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

    /// Starts one side of a scenario: this very program, inside.
    pub(super) fn talk(&self, scenario: &str, side: Side) -> Result<Process> {
        let program = env::current_exe().context("this program")?;
        let mut command = self.command(side, &program);
        command.args([TALK, scenario, side.name()]).stdin(Stdio::null()).stdout(Stdio::piped());
        Process::start(&mut command)
    }

    /// Starts tcpdump on the client's side and returns when it captures.
    pub(super) fn record(&self, filter: &str, file: &Path) -> Result<Process> {
        let mut command = self.command(Side::Client, &find("tcpdump")?);
        command.args(["-i", "eth0", "--immediate-mode", "-U", "--time-stamp-precision=nano"]);
        // tcpdump keeps root's rights, because the folder belongs to root.
        command.args(["-s", "0", "-Z", "root", "-w"]).arg(file).arg(filter);
        let mut process = Process::start(command.stdin(Stdio::null()).stderr(Stdio::piped()))?;
        let stderr = process.child.stderr.take().context("tcpdump has no standard error")?;
        let mut stderr = BufReader::new(stderr);
        let mut said = String::new();
        while !said.contains("listening on") {
            if !stderr.read_line(&mut said).is_ok_and(|octets| octets > 0) {
                bail!("tcpdump does not capture: {}", said.trim());
            }
        }
        // Without a reader for its last line, tcpdump would be killed by a signal.
        thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
        Ok(process)
    }

    fn command(&self, side: Side, program: &Path) -> Command {
        let namespace = if side == Side::Client { &self.client } else { &self.server };
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/proc/{}/ns/net", namespace.child.id()));
        command.arg("--").arg(program);
        command
    }
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
    pub(super) fn wait(mut self) -> Result<()> {
        let limit = Instant::now() + Duration::from_secs(30);
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
