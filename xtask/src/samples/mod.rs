//! `cargo xtask samples`: records `samples/*.pcapng` from the TCP stack of this machine's kernel.
//!
//! Two network namespaces are joined by a cable (`lab`). This program is client and server in them
//! (`scenarios`), and tcpdump records on the client's side. Afterwards the laboratory's addresses are
//! replaced (`rewrite`), and tcpdump has to read the flags that the scenario promises.

mod lab;
mod rewrite;
mod scenarios;

use std::fs::{self, File};
use std::net::IpAddr;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use pcap_file::pcap::{PcapReader, PcapWriter, RawPcapPacket};
use testkit::command::which;
use testkit::folders::{At, made_folder, workspace_root};
use testkit::wireshark::packages::{self, SAMPLES, TCPDUMP, TSHARK};
use testkit::wireshark::privileges::is_root;
use xshell::{Shell, cmd};

use lab::{Lab, Side};
use scenarios::Scenario;

/// The hidden command by which this program plays client or server: `talk SCENARIO SIDE`.
pub const TALK: &str = "talk";

/// Once in a while a kernel joins or delays a segment; then the recording is made again.
const ATTEMPTS: usize = 3;

/// Records the named samples, or all.
pub fn record(names: &[String]) -> Result<()> {
    for name in names {
        scenario(name)?;
    }
    if !is_root() {
        bail!("recording needs root, because it makes network namespaces: run it by sudo");
    }
    packages::ensure(SAMPLES.iter().chain([&TCPDUMP, &TSHARK]))?;
    let work = made_folder("samples")?;
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
    fs::write(&readme, list(&before, &recorded, &kernel)).at(&readme)
}

/// Plays one side of a scenario, inside its namespace.
pub fn talk(arguments: &[String]) -> Result<()> {
    let [name, side] = arguments else { bail!("`{TALK}` takes a scenario and a side") };
    let scenario = scenario(name)?;
    let part = if side == Side::Server.name() { scenario.server } else { Some(scenario.client) };
    let part = part.with_context(|| format!("{name} has no {side}"))?;
    part().with_context(|| format!("{name}, {side}"))
}

fn scenario(name: &str) -> Result<&'static Scenario> {
    scenarios::all().find(|scenario| scenario.name == name).with_context(|| {
        let names: Vec<_> = scenarios::all().map(|scenario| scenario.name).collect();
        format!("there is no sample `{name}`; there are {}", names.join(", "))
    })
}

fn record_one(scenario: &Scenario, work: &Path, kernel: &str) -> Result<()> {
    let raw = work.join(format!("{}.pcap", scenario.name));
    let mut attempts = ATTEMPTS;
    loop {
        attempts -= 1;
        let wrong = match capture(scenario, &raw).and_then(|()| flags_in(&raw)) {
            Ok(flags) if flags == scenario.flags => return finish(scenario, &raw, kernel),
            Ok(flags) => anyhow::anyhow!(
                "{} came out as `{flags}` and should be `{}`; the last recording is {}",
                scenario.name,
                scenario.flags,
                raw.display()
            ),
            Err(error) => error,
        };
        if attempts == 0 {
            return Err(wrong);
        }
    }
}

/// Runs the scenario in a laboratory of its own while tcpdump writes `raw`.
fn capture(scenario: &Scenario, raw: &Path) -> Result<()> {
    let lab = Lab::new()?;
    scenario.prepare.iter().try_for_each(|change| change.apply(&lab))?;
    let mut server = scenario.server.map(|_| lab.talk(scenario.name, Side::Server)).transpose()?;
    if let Some(server) = &mut server {
        server.wait_until_ready()?;
    }
    let mut client;
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
    // Segments may still be on their way, such as the ACK of the last FIN.
    sleep(Duration::from_millis(500));
    recording.interrupt()
}

/// Replaces the addresses and writes `samples/NAME.pcapng`.
fn finish(scenario: &Scenario, raw: &Path, kernel: &str) -> Result<()> {
    let mut addresses: Vec<(IpAddr, IpAddr)> = Vec::new();
    for (inside, outside) in scenario.addresses {
        addresses.push((inside.parse()?, outside.parse()?));
    }
    let mut reader = PcapReader::new(File::open(raw).at(raw)?)?;
    let rewritten = raw.with_extension("rewritten.pcap");
    let mut writer =
        PcapWriter::with_header(File::create(&rewritten).at(&rewritten)?, reader.header())?;
    while let Some(packet) = reader.next_raw_packet().transpose()? {
        let mut frame = packet.data.to_vec();
        rewrite::replace_addresses(&mut frame, &addresses);
        writer.write_raw_packet(&RawPcapPacket { data: frame.into(), ..packet })?;
    }
    let editcap = which("editcap").context("editcap (package wireshark-common) is missing")?;
    let name = scenario.name;
    let comment = format!("{}; {kernel}; cargo xtask samples {name}", scenario.shows);
    let sample = workspace_root().join(format!("samples/{name}.pcapng"));
    let shell = Shell::new()?;
    cmd!(shell, "{editcap} -F pcapng --capture-comment {comment} {rewritten} {sample}")
        .quiet()
        .run()?;
    Ok(())
}

/// The flags of each TCP segment as tcpdump prints them, and `ICMP` for each ICMP message, in order.
fn flags_in(capture: &Path) -> Result<String> {
    let tcpdump = which("tcpdump").context("tcpdump is missing")?;
    let shell = Shell::new()?;
    let text = cmd!(shell, "{tcpdump} -nn -r {capture}").quiet().ignore_stderr().read()?;
    let flags = text.lines().filter_map(|line| match line.split_once("Flags [") {
        Some((_, after)) => Some(after.split_once(']')?.0),
        None => line.contains(": ICMP").then_some("ICMP"),
    });
    Ok(flags.collect::<Vec<_>>().join(" "))
}

/// `Linux 6.1.0`: the release without the suffix that distributions add.
fn kernel() -> Result<String> {
    let file = Path::new("/proc/sys/kernel/osrelease");
    let release = fs::read_to_string(file).at(file)?;
    let release = release.trim();
    let end = release.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(release.len());
    Ok(format!("Linux {}", &release[..end]))
}

/// The text of `samples/README.md`: new lines for the recorded samples, the others as before.
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
    fn the_list_keeps_samples_that_were_not_recorded_again() {
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
