//! `cargo xtask samples`: records `samples/*.pcapng` from the TCP stack of this machine's kernel.
//!
//! Two network namespaces joined by a cable (`lab`), this program as client and server in them
//! (`scenarios`), tcpdump on the client's side; afterwards the laboratory's addresses are
//! replaced (`rewrite`) and tcpdump has to read the flags that the scenario promises.

mod lab;
mod rewrite;
mod scenarios;
mod socket;

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use crate::command::{run, stdout_of, which};
use crate::packages::{self, SAMPLES, TCPDUMP, TSHARK};
use crate::pcap::Pcap;
use crate::privileges::is_root;
use crate::wireshark::{about, make_folder, target_folder};
use crate::workspace_root;

use lab::{Lab, Side};
use scenarios::Scenario;

/// The hidden command by which this program plays client or server: `talk SCENARIO SIDE`.
pub const TALK: &str = "talk";

/// Once in a while a kernel joins or delays a segment; then the recording is made again.
const ATTEMPTS: usize = 3;

/// Records the named samples, or all.
pub fn record(names: &[String]) -> Result<(), String> {
    for name in names {
        scenario(name)?;
    }
    if !is_root() {
        return Err(
            "recording needs root, because it makes network namespaces: run it by sudo".into()
        );
    }
    packages::ensure(SAMPLES.iter().chain([&TCPDUMP, &TSHARK]))?;
    let work = target_folder()?.join("samples");
    make_folder(&work)?;
    let kernel = kernel()?;
    let mut recorded = Vec::new();
    for scenario in scenarios::all() {
        if names.is_empty() || names.iter().any(|name| name == scenario.name) {
            eprintln!("xtask: recording {}", scenario.name);
            record_one(scenario, &work, &kernel)?;
            recorded.push(scenario.name);
        }
    }
    let readme = workspace_root().join("samples/README.md");
    let before = fs::read_to_string(&readme).unwrap_or_default();
    fs::write(&readme, list(&before, &recorded, &kernel)).map_err(|error| about(&readme, &error))
}

/// Plays one side of a scenario, inside its namespace.
pub fn talk(arguments: &[String]) -> Result<(), String> {
    let [name, side] = arguments else {
        return Err(format!("`{TALK}` takes a scenario and a side"));
    };
    let scenario = scenario(name)?;
    let part = if side == Side::Server.name() { scenario.server } else { Some(scenario.client) };
    let part = part.ok_or_else(|| format!("{name} has no {side}"))?;
    part().map_err(|error| format!("{name}, {side}: {error}"))
}

fn scenario(name: &str) -> Result<&'static Scenario, String> {
    scenarios::all().find(|scenario| scenario.name == name).ok_or_else(|| {
        let names: Vec<_> = scenarios::all().map(|scenario| scenario.name).collect();
        format!("there is no sample `{name}`; there are {}", names.join(", "))
    })
}

fn record_one(scenario: &Scenario, work: &Path, kernel: &str) -> Result<(), String> {
    let raw = work.join(format!("{}.pcap", scenario.name));
    let mut wrong = String::new();
    for _ in 0..ATTEMPTS {
        wrong = match capture(scenario, &raw).and_then(|()| flags_in(&raw)) {
            Ok(flags) if flags == scenario.flags => return finish(scenario, &raw, kernel),
            Ok(flags) => format!(
                "{} came out as `{flags}` and should be `{}`; the last recording is {}",
                scenario.name,
                scenario.flags,
                raw.display()
            ),
            Err(error) => error,
        };
    }
    Err(wrong)
}

/// Runs the scenario in a laboratory of its own while tcpdump writes `raw`.
fn capture(scenario: &Scenario, raw: &Path) -> Result<(), String> {
    let lab = Lab::new()?;
    (scenario.prepare)(&lab)?;
    let server = scenario.server.map(|_| lab.talk(scenario.name, Side::Server)).transpose()?;
    if let Some(server) = &server {
        server.wait_until_ready()?;
    }
    let client;
    let recording;
    if scenario.late {
        client = lab.talk(scenario.name, Side::Client)?;
        client.wait_until_ready()?;
        recording = lab.record(scenario.filter, raw)?;
    } else {
        recording = lab.record(scenario.filter, raw)?;
        client = lab.talk(scenario.name, Side::Client)?;
    }
    client.wait()?;
    if let Some(server) = server {
        server.wait()?;
    }
    // What is still on its way, such as the ACK of the last FIN.
    sleep(Duration::from_millis(500));
    recording.stop()
}

/// Replaces the addresses and writes `samples/NAME.pcapng`.
fn finish(scenario: &Scenario, raw: &Path, kernel: &str) -> Result<(), String> {
    let mut addresses: Vec<(IpAddr, IpAddr)> = Vec::new();
    for (inside, outside) in scenario.addresses {
        let parse = |text: &str| text.parse().map_err(|_| format!("`{text}` is no address"));
        addresses.push((parse(inside)?, parse(outside)?));
    }
    let mut pcap = Pcap::read(raw)?;
    pcap.each_frame(|frame| rewrite::replace_addresses(frame, &addresses));
    let rewritten = raw.with_extension("rewritten.pcap");
    pcap.write(&rewritten)?;
    let editcap = which("editcap").ok_or("editcap (package wireshark-common) is missing")?;
    let sample = file(scenario);
    run(Command::new(editcap)
        .args(["-F", "pcapng", "--capture-comment"])
        .arg(format!("{}; {kernel}; cargo xtask samples {}", scenario.shows, scenario.name))
        .args([&rewritten, &sample]))
}

fn file(scenario: &Scenario) -> PathBuf {
    workspace_root().join("samples").join(format!("{}.pcapng", scenario.name))
}

/// The flags of each TCP segment as tcpdump prints them, and `ICMP` for each ICMP message, in order.
fn flags_in(capture: &Path) -> Result<String, String> {
    let tcpdump = which("tcpdump").ok_or("tcpdump is missing")?;
    let text = stdout_of(Command::new(tcpdump).args(["-nn", "-r"]).arg(capture))?;
    let flags = text.lines().filter_map(|line| match line.split_once("Flags [") {
        Some((_, after)) => Some(after.split_once(']')?.0),
        None => line.contains(": ICMP").then_some("ICMP"),
    });
    Ok(flags.collect::<Vec<_>>().join(" "))
}

/// `Linux 6.1.0`, without what the builder of the kernel added.
fn kernel() -> Result<String, String> {
    let file = Path::new("/proc/sys/kernel/osrelease");
    let release = fs::read_to_string(file).map_err(|error| about(file, &error))?;
    let release = release.trim();
    let end = release.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(release.len());
    Ok(format!("Linux {}", &release[..end]))
}

/// The text of `samples/README.md`: new lines for what was recorded, the others as before.
fn list(before: &str, recorded: &[&str], kernel: &str) -> String {
    let mut text = String::from(
        "# Samples

Captures of real Linux TCP stacks. `cargo xtask samples` records them between two network namespaces
joined by a veth pair, with tcpdump on the client's side; the tables in `xtask/src/samples/scenarios/`
say what each does. Afterwards only the addresses were changed, and the checksums with them.
The segments are in tcpdump's notation: `S` SYN, `F` FIN, `R` RST, `P` PSH, `.` ACK; `ICMP` is an ICMP message.

| file | shows | segments | recorded on |
|---|---|---|---|
",
    );
    for scenario in scenarios::all() {
        let name = format!("| `{}.pcapng` |", scenario.name);
        if recorded.contains(&scenario.name) {
            text += &format!("{name} {} | `{}` | {kernel} |\n", scenario.shows, scenario.flags);
        } else if let Some(line) = before.lines().find(|line| line.starts_with(&name)) {
            text += line;
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_keeps_what_was_not_recorded_again() {
        let names: Vec<_> = scenarios::all().map(|scenario| scenario.name).collect();
        let (first, second) = (names[0], names[1]);
        let before = list("", &[first, second], "Linux 1.0");
        let after = list(&before, &[second], "Linux 2.0");
        let line = |name: &str| after.lines().find(|line| line.contains(&format!("`{name}.")));
        assert!(line(first).is_some_and(|line| line.ends_with("Linux 1.0 |")));
        assert!(line(second).is_some_and(|line| line.ends_with("Linux 2.0 |")));
    }

    #[test]
    fn every_scenario_is_in_the_laboratory_only() {
        for scenario in scenarios::all() {
            for (inside, _) in scenario.addresses {
                assert!(inside.starts_with("10.77.0.") || inside.starts_with("fd77::"));
            }
        }
    }
}
