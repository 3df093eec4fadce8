//! `cargo xtask cost`: what the plugin costs tshark, in instructions.
//!
//! Callgrind counts runs over a whole capture and over its first packet, with the plugin and without; the
//! difference between whole capture and first packet is the cost of packets without start-up.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, Result, anyhow, bail};
use testkit::command::{stdout_of, which};
use testkit::folders::made_folder;
use testkit::traffic;
use testkit::wireshark::packages::{self, PLUGIN_BUILD, TSHARK, VALGRIND};
use testkit::wireshark::{Wireshark, plugin};

use crate::callgrind::{CALLGRIND, count};
use crate::table::Table;

/// One way of running tshark.
#[derive(Debug)]
pub struct Design {
    /// The name in the table.
    name: &'static str,
    /// The option that asks for it; empty for the default.
    pub option: &'static str,
    /// tshark's arguments without the plugin.
    without: &'static [&'static str],
    /// tshark's arguments with the plugin.
    with: &'static [&'static str],
}

/// All ways that can be measured. The first one is the default.
pub const DESIGNS: [Design; 3] = [
    Design { name: "one line per packet", option: "", without: &[], with: &[] },
    Design { name: "two passes (-2)", option: "two-pass", without: &["-2"], with: &["-2"] },
    // Both runs print six fields; with the plugin, three of them are ours.
    Design {
        name: "-T fields",
        option: "fields",
        without: &[
            "-Tfields",
            "-etcp.srcport",
            "-etcp.dstport",
            "-etcp.flags",
            "-etcp.seq_raw",
            "-etcp.stream",
            "-etcp.len",
        ],
        with: &[
            "-Tfields",
            "-etcp.srcport",
            "-etcp.dstport",
            "-etcp.flags",
            "-etcphs.stage",
            "-etcphs.conn",
            "-etcphs.flags",
        ],
    },
];

/// The options of the command.
#[derive(Debug)]
pub struct Request {
    /// The capture; without one, a capture with many handshakes is made.
    pub capture: Option<PathBuf>,
    /// The largest ratio that is no failure.
    pub limit: Option<f64>,
    /// The way in which tshark runs.
    pub design: &'static Design,
}

/// Short connections in the capture that is made; eight packets each.
const CONNECTIONS: u16 = 4_000;

/// Wireshark's hash tables have random seeds, by which its instructions differ by a hundredth or two from run
/// to run: the mean of so many is taken.
const ROUNDS: u32 = 3;

/// Measures, prints a small table, and fails when the ratio is above the limit.
pub fn measure(request: &Request) -> Result<()> {
    packages::ensure(PLUGIN_BUILD.iter().chain([&TSHARK, &VALGRIND]))?;
    let file = plugin::build_and_place()?;
    let wireshark = Wireshark::find()?;
    let listed = stdout_of(wireshark.with_plugin().args(["-G", "plugins"]))?;
    if !listed.contains(&*file.to_string_lossy()) {
        bail!("tshark does not load {}, so there is nothing to measure", file.display());
    }
    let capture = match &request.capture {
        Some(capture) => capture.clone(),
        None => {
            let file = made_folder("cost")?.join("handshakes.pcap");
            traffic::write_exchanges(&file, CONNECTIONS)?;
            file
        }
    };
    let packets = packets(&capture)?;
    if packets < 2 {
        bail!("{} has too few packets to measure with", capture.display());
    }
    eprintln!("xtask: counting instructions over {packets} packets of {}", capture.display());

    let per_packet = |command: &dyn Fn() -> Command, arguments: &[&str]| -> Result<f64> {
        let run = |more: &[&str]| {
            let mut command = command();
            command.args(["-n", "-r"]).arg(&capture).args(arguments).args(more);
            count(command.stdout(Stdio::null())).map(|(instructions, _)| instructions)
        };
        let rounds = (0..ROUNDS).map(|_| Ok(run(&[])?.saturating_sub(run(&["-c1"])?)));
        let instructions = rounds.sum::<Result<u64>>()?;
        Ok(instructions as f64 / (u64::from(ROUNDS) * (packets - 1)) as f64)
    };
    let design = request.design;
    let [without, with] = thread::scope(|scope| {
        let without = || wireshark.without_plugin_under(CALLGRIND);
        let other = scope.spawn(move || per_packet(&without, design.without));
        let with = per_packet(&|| wireshark.with_plugin_under(CALLGRIND), design.with);
        [other.join().unwrap_or_else(|_| Err(anyhow!("a measuring thread panicked"))), with]
    });
    let (without, with) = (without?, with?);
    let ratio = with / without;
    let columns = [("instructions/packet", -20), ("tshark", 16), ("with tcphs", 16), ("ratio", 8)];
    let cells = [format!("{without:.0}"), format!("{with:.0}"), format!("{ratio:.4}")];
    let [without, with, shown] = cells;
    Table::new(columns).row([design.name.into(), without, with, shown]);
    match request.limit {
        Some(limit) if ratio > limit => {
            bail!("the plugin makes tshark {ratio:.4} times as expensive; the limit is {limit}")
        }
        _ => Ok(()),
    }
}

fn packets(capture: &Path) -> Result<u64> {
    let capinfos = which("capinfos").context("capinfos (package wireshark-common) is missing")?;
    // -T table, -r no headings, -M plain numbers, -c packets.
    let text = stdout_of(Command::new(capinfos).arg("-TrMc").arg(capture))?;
    text.trim().rsplit('\t').next().and_then(|count| count.parse().ok()).with_context(|| {
        format!("capinfos gives no number of packets for {}: {}", capture.display(), text.trim())
    })
}
