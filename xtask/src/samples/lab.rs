//! Two hosts and a cable: network namespaces that nobody else sees.
//!
//! The namespaces have no names. Each lives as long as the process that holds it, and that process
//! ends when its standard input closes: after success, failure or Ctrl-C nothing is left over.

use std::cell::RefCell;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, thread};

use super::TALK;
use crate::command::{cannot_run, run, shown, which};

/// Which of the two hosts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Side {
    /// 10.77.0.1 and fd77::1; tcpdump listens here.
    Client,
    /// 10.77.0.2 and fd77::2.
    Server,
}

impl Side {
    /// As the hidden command spells it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }

    /// The Ethernet address: always the same, and marked as locally administered.
    pub(super) fn mac(self) -> &'static str {
        match self {
            Self::Client => "02:00:00:00:00:01",
            Self::Server => "02:00:00:00:00:02",
        }
    }

    fn peer(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }

    fn host(self) -> u8 {
        match self {
            Self::Client => 1,
            Self::Server => 2,
        }
    }
}

/// Two namespaces, each with an `eth0`; the two are the ends of one cable.
pub(super) struct Lab {
    client: Namespace,
    server: Namespace,
}

impl Lab {
    /// Makes both hosts, connects them, and gives them their addresses.
    pub(super) fn new() -> Result<Self, String> {
        let lab = Self { client: Namespace::new()?, server: Namespace::new()? };
        let peer = lab.server.holder.id();
        lab.run(
            Side::Client,
            &format!("ip link add name eth0 type veth peer name eth0 netns {peer}"),
        )?;
        for side in [Side::Client, Side::Server] {
            // Duplicate address detection would keep the IPv6 address unusable for a second.
            lab.set(side, "ipv6/conf/eth0/accept_dad", "0")?;
            let (mac, host) = (side.mac(), side.host());
            lab.run(side, &format!("ip link set dev eth0 address {mac}"))?;
            // So that each segment is captured as it goes over the cable, with its checksum.
            lab.run(side, "ethtool -K eth0 tx off tso off gso off gro off")?;
            lab.run(side, &format!("ip address add 10.77.0.{host}/24 dev eth0"))?;
            lab.run(side, &format!("ip address add fd77::{host}/64 dev eth0 nodad"))?;
            lab.run(side, "ip link set dev lo up")?;
            lab.run(side, "ip link set dev eth0 up")?;
            // A SYN that waits for the neighbour's Ethernet address carries an old timestamp.
            let (peer, at) = (side.peer().host(), side.peer().mac());
            for address in [format!("10.77.0.{peer}"), format!("fd77::{peer}")] {
                let known = format!("{address} lladdr {at} dev eth0 nud permanent");
                lab.run(side, &format!("ip neighbour add {known}"))?;
            }
        }
        Ok(lab)
    }

    /// Runs a command line (words without blanks in them) on one host, to its end.
    pub(super) fn run(&self, side: Side, line: &str) -> Result<(), String> {
        let mut words = line.split_whitespace();
        let program = words.next().unwrap_or_default();
        let program = which(program).ok_or_else(|| format!("{program} is missing"))?;
        // ethtool lists what it changed; only errors matter here.
        run(self.command(side, &program).args(words).stdin(Stdio::null()).stdout(Stdio::null()))
    }

    /// Sets a value below `/proc/sys/net` on one host.
    pub(super) fn set(&self, side: Side, name: &str, value: &str) -> Result<(), String> {
        // That folder shows the namespace of whoever looks, so the shell has to be inside.
        let script = format!("echo {value} > /proc/sys/net/{name}");
        run(self.command(side, Path::new("/bin/sh")).args(["-c", &script]))
    }

    /// The same for a value that not every kernel has.
    pub(super) fn set_if_known(&self, side: Side, name: &str, value: &str) -> Result<(), String> {
        if fs::exists(Path::new("/proc/sys/net").join(name)).unwrap_or(false) {
            self.set(side, name, value)?;
        }
        Ok(())
    }

    /// Starts one side of a scenario: this very program, inside.
    pub(super) fn talk(&self, scenario: &str, side: Side) -> Result<Talker, String> {
        let program = env::current_exe().map_err(|error| format!("this program: {error}"))?;
        let mut command = self.command(side, &program);
        command.args([TALK, scenario, side.name()]).stdin(Stdio::null()).stdout(Stdio::piped());
        Ok(Talker { process: Process::start(&mut command)? })
    }

    /// Starts tcpdump on the client's side and returns when it captures.
    pub(super) fn record(&self, filter: &str, file: &Path) -> Result<Recording, String> {
        let tcpdump = which("tcpdump").ok_or("tcpdump is missing")?;
        let mut command = self.command(Side::Client, &tcpdump);
        command.args(["-i", "eth0", "--immediate-mode", "-U", "--time-stamp-precision=nano"]);
        // As root to the end: the folder is root's.
        command.args(["-s", "0", "-Z", "root", "-w"]).arg(file).arg(filter);
        let mut process = Process::start(command.stdin(Stdio::null()).stderr(Stdio::piped()))?;
        let stderr = process.child.stderr.take().ok_or("tcpdump has no standard error")?;
        let mut stderr = BufReader::new(stderr);
        let mut said = String::new();
        while !said.contains("listening on") {
            match stderr.read_line(&mut said) {
                Ok(octets) if octets > 0 => {}
                _ => return Err(format!("tcpdump does not capture: {}", said.trim())),
            }
        }
        // Its last words need a reader, or it dies of them.
        thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
        Ok(Recording { process })
    }

    fn command(&self, side: Side, program: &Path) -> Command {
        let namespace = match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        };
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/proc/{}/ns/net", namespace.holder.id()));
        command.arg("--").arg(program);
        command
    }
}

/// A network namespace without a name.
struct Namespace {
    holder: Child,
}

impl Namespace {
    fn new() -> Result<Self, String> {
        let mut command = Command::new("unshare");
        // The line tells us that it is inside; the end of its input, that we are gone.
        command.args(["--net", "--", "sh", "-c", "echo inside; exec cat > /dev/null"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let holder = command.spawn().map_err(|error| cannot_run(&command, &error))?;
        let mut namespace = Self { holder };
        match namespace.holder.stdout.take().map(first_line) {
            Some(line) if line == "inside" => Ok(namespace),
            _ => Err("unshare makes no network namespace here".into()),
        }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = self.holder.kill().and_then(|()| self.holder.wait());
    }
}

/// One side of a scenario at work.
pub(super) struct Talker {
    process: Process,
}

impl Talker {
    /// Returns when a server listens.
    pub(super) fn wait_until_ready(&self) -> Result<(), String> {
        match self.process.stdout.borrow_mut().take().map(first_line) {
            Some(line) if line == "ready" => Ok(()),
            _ => Err(format!("`{}` does not listen", self.process.shown)),
        }
    }

    /// Returns when it has done its part.
    pub(super) fn wait(mut self) -> Result<(), String> {
        self.process.wait()
    }
}

/// tcpdump at work.
pub(super) struct Recording {
    process: Process,
}

impl Recording {
    /// Ends it the way Ctrl-C does, so that the file is whole.
    pub(super) fn stop(mut self) -> Result<(), String> {
        let interrupt = format!("kill -INT {}", self.process.child.id());
        run(Command::new("sh").args(["-c", &interrupt]))?;
        self.process.wait()
    }
}

/// A child that does not outlive its place in our program.
struct Process {
    child: Child,
    stdout: RefCell<Option<ChildStdout>>,
    shown: String,
}

impl Process {
    fn start(command: &mut Command) -> Result<Self, String> {
        let mut child = command.spawn().map_err(|error| cannot_run(command, &error))?;
        let stdout = RefCell::new(child.stdout.take());
        Ok(Self { child, stdout, shown: shown(command) })
    }

    fn wait(&mut self) -> Result<(), String> {
        let limit = Instant::now() + Duration::from_secs(30);
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(status)) => return Err(format!("`{}`: {status}", self.shown)),
                Ok(None) if Instant::now() < limit => thread::sleep(Duration::from_millis(20)),
                Ok(None) => return Err(format!("`{}` does not come to an end", self.shown)),
                Err(error) => return Err(format!("`{}`: {error}", self.shown)),
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Most have ended by themselves.
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}

fn first_line(output: ChildStdout) -> String {
    let mut line = String::new();
    let _ = BufReader::new(output).read_line(&mut line);
    line.trim().to_owned()
}
