//! `cargo xtask cost`: what the plugin costs tshark, in instructions.
//!
//! Instructions, not seconds: they are the same on a busy machine. Callgrind counts four runs, a
//! whole capture and its first packet, with the plugin and without; the difference between the
//! two captures is the cost of packets alone, without start-up.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use crate::command::{cannot_run, shown, stdout_of, which};
use crate::packages::{self, PLUGIN_BUILD, TSHARK, VALGRIND};
use crate::pcap::{Pcap, checksum, pseudo_header};
use crate::plugin;
use crate::wireshark::{Wireshark, make_folder, target_folder};

/// One way of running tshark.
#[derive(Debug)]
pub struct Design {
    /// As the table prints it.
    pub name: &'static str,
    /// The option that asks for it; empty for the usual one.
    pub option: &'static str,
    /// tshark's arguments without the plugin.
    without: &'static [&'static str],
    /// tshark's arguments with the plugin, where they differ.
    with: &'static [&'static str],
}

/// All that can be measured. The first one is the default.
pub const DESIGNS: &[Design] = &[
    Design { name: "one line a packet", option: "", without: &[], with: &[] },
    Design { name: "two passes (-2)", option: "--two-pass", without: &["-2"], with: &["-2"] },
    // Six fields against six fields: half of them ours.
    Design {
        name: "-T fields",
        option: "--fields",
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

/// What to measure.
#[derive(Debug)]
pub struct Request {
    /// The capture; without one, a handshake-heavy one is made.
    pub capture: Option<PathBuf>,
    /// The largest ratio that is no failure.
    pub limit: Option<f64>,
    /// How tshark runs.
    pub design: &'static Design,
}

/// Measures, prints a small table, and fails when the ratio is above the limit.
pub fn measure(request: &Request) -> Result<(), String> {
    packages::ensure(PLUGIN_BUILD.iter().chain([&TSHARK, &VALGRIND]))?;
    let file = plugin::build_and_place()?;
    let wireshark = Wireshark::find()?;
    let listed = stdout_of(wireshark.with_plugin().args(["-G", "plugins"]))?;
    if !listed.contains(&*file.to_string_lossy()) {
        return Err(format!(
            "tshark does not load {}, so there is nothing to measure",
            file.display()
        ));
    }
    let capture = match &request.capture {
        Some(capture) => capture.clone(),
        None => handshakes()?,
    };
    let packets = packets(&capture)?;
    if packets < 2 {
        return Err(format!("{} has too few packets to measure with", capture.display()));
    }
    eprintln!("xtask: counting instructions over {packets} packets of {}", capture.display());

    let [without, with] = thread::scope(|scope| {
        let runs = [
            (wireshark.without_plugin_under(CALLGRIND), request.design.without),
            (wireshark.with_plugin_under(CALLGRIND), request.design.with),
        ]
        .map(|(command, arguments)| {
            let capture = &capture;
            scope.spawn(move || per_packet(command, arguments, capture, packets))
        });
        runs.map(|run| run.join().unwrap_or_else(|_| Err("a measuring thread panicked".into())))
    });
    let (without, with) = (without?, with?);
    let ratio = with / without;
    println!("{:<20} {:>16} {:>16} {:>8}", "instructions/packet", "tshark", "with tcphs", "ratio");
    println!("{:<20} {without:>16.0} {with:>16.0} {ratio:>8.4}", request.design.name);
    match request.limit {
        Some(limit) if ratio > limit => Err(format!(
            "the plugin makes tshark {ratio:.4} times as expensive; the limit is {limit}"
        )),
        _ => Ok(()),
    }
}

pub(crate) const CALLGRIND: &[&str] = &[
    "valgrind",
    "--tool=callgrind",
    "--callgrind-out-file=/dev/null",
    "--vgdb=no",
    "--trace-children=yes",
];

/// Instructions a packet of one prepared command, start-up subtracted.
fn per_packet(
    command: Command,
    arguments: &[&str],
    capture: &Path,
    packets: u64,
) -> Result<f64, String> {
    let whole = instructions(&command, arguments, capture, &[])?;
    let first = instructions(&command, arguments, capture, &["-c1"])?;
    Ok(whole.saturating_sub(first) as f64 / (packets - 1) as f64)
}

fn instructions(
    prepared: &Command,
    arguments: &[&str],
    capture: &Path,
    more: &[&str],
) -> Result<u64, String> {
    let mut command = Command::new(prepared.get_program());
    command.args(prepared.get_args()).args(["-n", "-r"]).arg(capture).args(arguments).args(more);
    for (name, value) in prepared.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let output = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .output()
        .map_err(|error| cannot_run(&command, &error))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("`{}`: {}: {}", shown(&command), output.status, said.trim()));
    }
    collected(&said).ok_or_else(|| format!("callgrind gave no count: {}", said.trim()))
}

/// The instructions that callgrind says it has counted.
pub(crate) fn collected(said: &str) -> Option<u64> {
    said.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok())
}

fn packets(capture: &Path) -> Result<u64, String> {
    let capinfos = which("capinfos").ok_or("capinfos (package wireshark-common) is missing")?;
    // -T table, -r no headings, -M plain numbers, -c packets.
    let text = stdout_of(Command::new(capinfos).arg("-TrMc").arg(capture))?;
    text.trim().rsplit('\t').next().and_then(|count| count.parse().ok()).ok_or_else(|| {
        format!("capinfos gives no number of packets for {}: {}", capture.display(), text.trim())
    })
}

const CONNECTIONS: u16 = 4_000;

/// Writes many short connections: handshake, a little data both ways, close. 32,000 packets.
fn handshakes() -> Result<PathBuf, String> {
    let mut pcap = Pcap::new();
    let mut time_ns = 1_700_000_000_000_000_000;
    for number in 0..CONNECTIONS {
        let [high, low] = number.to_be_bytes();
        // The addresses of RFC 2544 belong to measurements.
        let client = (Ipv4Addr::new(198, 18, high, low), 49_152 + number % 16_000);
        let server = (Ipv4Addr::new(198, 19, 0, 1), 4_242);
        let isn = u32::from(number).wrapping_mul(2_654_435_761);
        let (c, s) = (isn, isn ^ 0x5a5a_5a5a);
        const SYN: u8 = 0x02;
        const ACK: u8 = 0x10;
        const PSH: u8 = 0x08;
        const FIN: u8 = 0x01;
        // To the server or not, sequence and acknowledgment number, flags, payload.
        let segments: [(bool, u32, u32, u8, &[u8]); 8] = [
            (true, c, 0, SYN, b""),
            (false, s, 1, SYN | ACK, b""),
            (true, c, 1, ACK, b""),
            (true, c, 1, PSH | ACK, b"hello\r\n"),
            (false, s, 8, PSH | ACK, b"good day\r\n"),
            (true, c, 11, FIN | ACK, b""),
            (false, s, 9, FIN | ACK, b""),
            (true, c, 12, ACK, b""),
        ];
        // Octets of each side that went before, in the order above.
        let sent = [0, 0, 1, 1, 1, 8, 11, 9];
        for ((to_server, start, heard, flags, payload), sent) in segments.into_iter().zip(sent) {
            let (from, to, other) =
                if to_server { (client, server, s) } else { (server, client, c) };
            let acknowledgment = if flags & ACK == 0 { 0 } else { other.wrapping_add(heard) };
            let numbers = (start.wrapping_add(sent), acknowledgment);
            time_ns += 100_000;
            pcap.push(time_ns, &frame(from, to, numbers, flags, payload));
        }
    }
    let folder = target_folder()?.join("cost");
    make_folder(&folder)?;
    let file = folder.join("handshakes.pcap");
    pcap.write(&file)?;
    Ok(file)
}

/// An Ethernet frame with one TCP segment; a SYN carries the options that Linux sends.
fn frame(
    (from, from_port): (Ipv4Addr, u16),
    (to, to_port): (Ipv4Addr, u16),
    (sequence, acknowledgment): (u32, u32),
    flags: u8,
    payload: &[u8],
) -> Vec<u8> {
    const OPTIONS: [u8; 12] = [2, 4, 0x05, 0xb4, 1, 1, 4, 2, 1, 3, 3, 7];
    let options: &[u8] = if flags & 0x02 != 0 { &OPTIONS } else { &[] };
    let mut tcp = Vec::with_capacity(32 + payload.len());
    tcp.extend(from_port.to_be_bytes());
    tcp.extend(to_port.to_be_bytes());
    tcp.extend(sequence.to_be_bytes());
    tcp.extend(acknowledgment.to_be_bytes());
    tcp.extend([(20 + options.len() as u8) << 2, flags]);
    tcp.extend([0xfa, 0xf0, 0, 0, 0, 0]); // window, checksum, urgent pointer
    tcp.extend(options);
    tcp.extend(payload);
    let pseudo = pseudo_header(IpAddr::V4(from), IpAddr::V4(to), 6, tcp.len());
    let sum = checksum(pseudo, &tcp);
    tcp[16..18].copy_from_slice(&sum.to_be_bytes());

    let mut ip = vec![0x45, 0];
    ip.extend((20 + tcp.len() as u16).to_be_bytes());
    ip.extend([0, 0, 0x40, 0, 64, 6, 0, 0]); // DF, TTL 64, TCP
    ip.extend(from.octets());
    ip.extend(to.octets());
    let sum = checksum(0, &ip);
    ip[10..12].copy_from_slice(&sum.to_be_bytes());

    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x00];
    frame.extend(ip);
    frame.extend(tcp);
    frame
}
