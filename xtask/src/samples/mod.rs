//! `cargo xtask samples`: records `samples/*.pcapng` from the TCP stack of this machine's kernel.
//!
//! Two network namespaces are joined by a cable (`lab`). This program is client and server in them
//! (`scenarios`), and tcpdump records on the client's side. Afterwards the laboratory's addresses are
//! replaced (`rewrite`), and tcpdump has to read the flags that the scenario promises.

mod lab;
mod pairs;
mod rewrite;
mod scenarios;

use std::fs::{self, File};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
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

/// The names of pairs begin with it: that of their folder below `samples/`.
const PAIRS: &str = "pairs/";

/// A pair of captures of many connections, of whose segments some are lost by chance.
pub struct RandomLoss {
    /// Where the pair and its truth are written.
    pub folder: PathBuf,
    /// How many connections.
    pub connections: usize,
    /// How many octets the server sends on each.
    pub octets: usize,
}

/// Records the named samples, or all.
pub fn record(names: &[String]) -> Result<()> {
    let single = || scenarios::all().map(|scenario| scenario.name.to_owned());
    let pairs = || pairs::all().map(|pair| format!("{PAIRS}{}", pair.name));
    let known: Vec<_> = single().chain(pairs()).collect();
    let named: Vec<&String> = known.iter().filter(|name| wanted(names, name)).collect();
    if let Some(unknown) = names.iter().find(|name| *name != PAIRS && !known.contains(name)) {
        bail!("there is no sample `{unknown}`; there are {PAIRS} and {}", known.join(", "));
    }
    let (work, kernel) = prepared()?;
    let folder = workspace_root().join("samples").join(PAIRS);
    for name in &named {
        eprintln!("xtask: recording {name}");
        if let Some(scenario) = scenario(name) {
            record_one(scenario, &work, &kernel)?;
        } else if let Some(pair) = name.strip_prefix(PAIRS).and_then(pairs::named) {
            let job = pairs::Job { connections: 1, octets: 0 };
            let request = pairs::Request { work: &work, folder: &folder, kernel: &kernel, job };
            pairs::record(pair, &request)?;
        }
    }
    let readme = workspace_root().join("samples/README.md");
    let before = fs::read_to_string(&readme).unwrap_or_default();
    fs::write(&readme, list(&before, &named, &kernel)).at(&readme)
}

/// Records a pair with random losses.
pub fn record_random_loss(wanted: &RandomLoss) -> Result<()> {
    let (work, kernel) = prepared()?;
    let job = pairs::Job { connections: wanted.connections, octets: wanted.octets };
    let request = pairs::Request { work: &work, folder: &wanted.folder, kernel: &kernel, job };
    pairs::record_random_loss(&request)
}

/// What recording needs: a folder, and the kernel's name.
fn prepared() -> Result<(PathBuf, String)> {
    if !is_root() {
        bail!("recording needs root, because it makes network namespaces: run it by sudo");
    }
    packages::ensure(SAMPLES.iter().chain([&TCPDUMP, &TSHARK]))?;
    Ok((made_folder("samples")?, kernel()?))
}

/// Plays one side of a scenario, inside its namespace.
pub fn talk(arguments: &[String]) -> Result<()> {
    let [name, side, more @ ..] = arguments else { bail!("`{TALK}` takes a scenario and a side") };
    if let Some(name) = name.strip_prefix(PAIRS) {
        return pairs::talk(name, side, more);
    }
    let scenario = scenario(name).with_context(|| format!("there is no sample `{name}`"))?;
    let part = if side == Side::Server.name() { scenario.server } else { Some(scenario.client) };
    let part = part.with_context(|| format!("{name} has no {side}"))?;
    part().with_context(|| format!("{name}, {side}"))
}

/// Whether a sample is among the named ones. None named is all, the folder's name all pairs.
fn wanted(names: &[String], sample: &str) -> bool {
    let named = |name: &String| name == sample || name == PAIRS && sample.starts_with(PAIRS);
    names.is_empty() || names.iter().any(named)
}

fn scenario(name: &str) -> Option<&'static Scenario> {
    scenarios::all().find(|scenario| scenario.name == name)
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
    let mut server =
        scenario.server.map(|_| lab.talk(scenario.name, Side::Server, &[])).transpose()?;
    if let Some(server) = &mut server {
        server.wait_until_ready()?;
    }
    let mut client;
    let recording;
    if scenario.late {
        client = lab.talk(scenario.name, Side::Client, &[])?;
        client.wait_until_ready()?;
        recording = lab.record(Side::Client, scenario.filter, raw)?;
    } else {
        recording = lab.record(Side::Client, scenario.filter, raw)?;
        client = lab.talk(scenario.name, Side::Client, &[])?;
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
        rewrite::replace_addresses(&mut frame, rewrite::ETHERNET, &addresses);
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
fn list(before: &str, recorded: &[&String], kernel: &str) -> String {
    let line = |name: &str, file: &str, rest: &str| {
        let begin = format!("| `{file}` |");
        if recorded.iter().any(|recorded| *recorded == name) {
            return format!("{begin} {rest} | {kernel} |\n");
        }
        let old = before.lines().find(|line| line.starts_with(&begin));
        old.map_or(String::new(), |line| format!("{line}\n"))
    };
    let single = scenarios::all().map(|scenario| {
        let rest = format!("{} | `{}`", scenario.shows, scenario.flags);
        line(scenario.name, &format!("{}.pcapng", scenario.name), &rest)
    });
    let pairs = pairs::all().map(|pair| {
        let name = format!("{PAIRS}{}", pair.name);
        let rest = format!("{} | {}", pair.shows, pair.on_the_way);
        line(&name, &name, &rest)
    });
    let (single, pairs): (String, String) = (single.collect(), pairs.collect());
    format!("{INTRODUCTION}{single}{PAIRS_INTRODUCTION}{pairs}")
}

/// The part of the list in front of the samples' lines.
const INTRODUCTION: &str = "# Samples

Captures of real Linux TCP stacks. `cargo xtask samples` records them between two network namespaces
joined by a veth pair, with tcpdump on the client's side; the tables in `xtask/src/samples/scenarios/`
say what each does. Afterwards only the addresses were changed, and the checksums with them.
The segments are in tcpdump's notation: `S` SYN, `F` FIN, `R` RST, `P` PSH, `.` ACK; `ICMP` is an ICMP message.

| file | shows | segments | recorded on |
|---|---|---|---|
";

/// The same for pairs.
const PAIRS_INTRODUCTION: &str = r#"
## Pairs

The same connections recorded twice: `NAME.client.pcapng` at the client's interface, `NAME.server.pcapng` at the
server's. The router in between is a program (`xtask/src/samples/pairs/router/`) that hands on all segments but those of
the table: `→` is the way to the server, `←` the way to the client. In pairs named `linux-…` it is Linux with nftables.
Besides the addresses, the times of the server's point were changed: its clock is ahead or behind, and may drift.
`cargo xtask samples pairs/` records them all.

`NAME.truth.jsonl` is what the router did. Its first line is about the pair: `offset_ns` is how far the server's clock is
ahead at the first frame of the client's point, `drift_ppm` how many millionths it is faster from there on. Each of its
`connections` has the ends at the client's point (`client`, `server`) and at the server's (`client_b`, `server_b`), `path`,
whether it was `translated`, what was `changed`, and how many segments were lost or taken. A line follows for each thing that
the router did (Linux has no such log: there it is what differs between the points), with the index of its `connection`, the
side that the segment was on its way `to`, its fields as it came, and `at_ns` by the client's clock:

| action | the segment |
|---|---|
| `lost` | was not handed on |
| `taken` | was not handed on, because the router answered it or serves it itself |
| `answered`, `injected` | was made by the router, in answer to another or not; its fields are those with which it left |
| `changed` | was handed on with another content: `changed` names what |
| `doubled` | was handed on once more |
| `cut` | was part of a larger one that its host left to the network card to cut; none for the first part |
| `delayed`, `reordered` | was handed on late, or behind one that came after it |

So a point has as many frames of a direction as the other, less those `lost` and `taken`, and those `answered`, `injected`,
`doubled` and `cut` more.

| files | shows | on the way | recorded on |
|---|---|---|---|
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_keeps_samples_that_were_not_recorded_again() {
        let mut names = scenarios::all().map(|scenario| scenario.name.to_owned());
        let first = &names.next().expect("there are samples");
        let second = &names.next().expect("there are more");
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
