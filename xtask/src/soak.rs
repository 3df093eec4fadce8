//! `cargo xtask soak`: a live capture of short connections, for as long as wanted.
//!
//! tshark with the plugin captures on the loopback interface while thousands of connections a second
//! are made there. Afterwards the file that it wrote is read again: each frame must be shown as it
//! was live, and the memory of the plugin must keep to its formula.

use std::fs::{self, File, Permissions};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use testkit::command::{cannot_run, run, shown};
use testkit::folders::{At, make_folder};
use testkit::loopback::Connections;
use testkit::wireshark::packages::{self, PLUGIN_BUILD, TSHARK};
use testkit::wireshark::{Wireshark, plugin, stage};

/// The options of the command.
#[derive(Debug)]
pub struct Request {
    /// The minutes for which connections are made.
    pub minutes: u64,
    /// Connections per second.
    pub rate: u64,
}

/// The largest number of connections.
const MOST_CONNECTIONS: u64 = 5_000_000;

/// A tshark that takes more memory has gone wrong, and is ended.
const MOST_MEMORY: u64 = 12 << 30;

/// The most octets that the plugin may take for each frame, for each connection, and in any case.
///
/// A frame with a segment takes 20, and 32 more if it has something rare, here one in four; a
/// connection 176, 34 in the index, some 140 for the headers of its SYN and SYN/ACK, and 350 if
/// something rare happened. The memory of recent segments takes 6 MiB.
const OCTETS_PER_FRAME: u64 = 20 + 32 / 4;
const OCTETS_PER_CONNECTION: u64 = 720;
const FIXED_OCTETS: u64 = 24 << 20;

/// The buffers of a live capture.
const BUFFERS: u64 = 64 << 20;

/// The fields that are compared.
const FIELDS: [&str; 9] = [
    "frame.number",
    "tcphs.conn",
    "tcphs.stage",
    "tcphs.copy",
    "tcphs.flags",
    "tcphs.client.state",
    "tcphs.server.state",
    "tcphs.final_ack",
    "_ws.expert.message",
];

/// Captures and reads again, prints figures, and fails where a frame differs or the formula does not
/// hold.
pub fn run_for(request: &Request) -> Result<()> {
    packages::ensure(PLUGIN_BUILD.iter().chain([&TSHARK]))?;
    let wireshark = Wireshark::find()?;
    plugin::place(&wireshark, &plugin::build(&wireshark)?)?;
    let folder = stage("soak")?;
    make_folder(&folder)?;
    // The user who runs tshark writes there.
    fs::set_permissions(&folder, Permissions::from_mode(0o777)).at(&folder)?;
    let capture = folder.join("capture.pcapng");
    let shown = folder.join("live");
    let _ = fs::remove_file(&capture);

    let live = record(&wireshark, request, &capture, &shown)?;
    let with = read(&mut wireshark.with_plugin(), &capture, &FIELDS, Some(&shown))?;
    println!("{} frames in the file, each shown as it was live", with.frames);
    if live.frames < with.frames {
        bail!("{} frames were shown of {}", live.frames, with.frames);
    }
    let without = read(&mut wireshark.without_plugin(), &capture, &FIELDS[..1], None)?;
    let bound =
        with.frames * OCTETS_PER_FRAME + with.connections * OCTETS_PER_CONNECTION + FIXED_OCTETS;
    let ours = with.memory.saturating_sub(without.memory);
    let of_file = [with.memory, without.memory].map(mib);
    println!("tshark live: {}", mib(live.memory));
    println!("reading the file: {} with the plugin, {} without", of_file[0], of_file[1]);
    println!(
        "the plugin: {} for {} frames of {} connections; at most {}",
        mib(ours),
        with.frames,
        with.connections,
        mib(bound)
    );
    if ours > bound {
        bail!("the plugin takes more memory than its formula says");
    }
    if live.memory > with.memory + with.memory / 10 + BUFFERS {
        bail!("the live capture took more memory than reading its file");
    }
    for file in [&capture, &shown] {
        fs::remove_file(file).at(file)?;
    }
    Ok(())
}

fn mib(octets: u64) -> String {
    format!("{:.1} MiB", octets as f64 / f64::from(1 << 20))
}

/// The frames that a run of tshark showed, and the most memory it took, in octets.
#[derive(Default)]
struct Reading {
    frames: u64,
    connections: u64,
    memory: u64,
}

/// Captures while connections are made; tshark's output goes to the file `shown`.
fn record(
    wireshark: &Wireshark,
    request: &Request,
    capture: &Path,
    shown: &Path,
) -> Result<Reading> {
    let (mut connections, servers) = Connections::listen().context("cannot listen on 127.0.0.1")?;
    let filter = connections.filter();
    let mut command = wireshark.with_plugin();
    command.args(["-n", "-i", "lo", "-B", "64", "-s", "128", "-f", &filter, "-w"]).arg(capture);
    // -l: each frame is counted as soon as it is shown.
    command.args(["-P", "-l"]).args(fields(&FIELDS));
    let mut tshark = spawn(&mut command)?;
    let stderr = BufReader::new(tshark.stderr.take().context("no standard error")?);
    let stdout = BufReader::new(tshark.stdout.take().context("no standard output")?);
    let mut output = BufWriter::new(File::create(shown).at(shown)?);
    let frames = AtomicU64::new(0);
    let id = tshark.id();

    let live = thread::scope(|scope| {
        let reader = scope.spawn(|| -> std::io::Result<()> {
            for line in stdout.split(b'\n') {
                output.write_all(&line?)?;
                output.write_all(b"\n")?;
                frames.fetch_add(1, Ordering::Relaxed);
            }
            output.flush()
        });
        let said = scope.spawn(|| stderr.lines().map_while(Result::ok).collect::<Vec<_>>());
        // It says "Capturing on 'Loopback: lo'" a little before it does.
        thread::sleep(Duration::from_secs(3));
        connections.begin(servers, request.rate, MOST_CONNECTIONS);
        let start = Instant::now();
        let end = Duration::from_secs(request.minutes * 60);
        let mut memory = 0;
        // A tshark that ended by itself says why on standard error.
        while start.elapsed() < end && memory < MOST_MEMORY && peak(id) > 0 {
            thread::sleep(Duration::from_secs(1));
            memory = memory.max(peak(id));
            let (seconds, (made, failed)) = (start.elapsed().as_secs(), connections.counts());
            if seconds.is_multiple_of(30) {
                let (frames, memory) = (frames.load(Ordering::Relaxed), mib(memory));
                eprintln!(
                    "xtask: {seconds} s: {made} connections, {failed} failed, {frames} frames, \
                     {memory}"
                );
            }
        }
        let seconds = start.elapsed().as_secs();
        connections.end();
        wait_until_shown(&frames);
        memory = memory.max(peak(id));
        if peak(id) > 0 {
            run(Command::new("kill").args(["-INT", &id.to_string()]))?;
        }
        let status = tshark.wait().context("tshark")?;
        reader.join().map_err(|_| anyhow!("a thread panicked"))?.at(shown)?;
        let said = said.join().map_err(|_| anyhow!("a thread panicked"))?;
        if !status.success() {
            bail!("tshark: {status}: {}", said.join("; "));
        }
        if let Some(line) = said.iter().find(|line| line.contains("tcphs")) {
            bail!("the plugin said: {line}");
        }
        if memory >= MOST_MEMORY {
            bail!("tshark took {}", mib(memory));
        }
        let dropped = said.iter().find(|line| line.contains("dropped"));
        let dropped = dropped.map_or("none dropped", String::as_str);
        let (made, failed) = connections.counts();
        let frames = frames.load(Ordering::Relaxed);
        println!(
            "{made} connections in {seconds} s, {failed} otherwise than they should; {frames} \
             frames shown, {dropped}"
        );
        Ok(Reading { frames, connections: made, memory })
    });
    if live.is_err() {
        let _ = tshark.kill();
    }
    live
}

/// Waits until tshark has shown what it captured: it may lag behind.
fn wait_until_shown(frames: &AtomicU64) {
    let start = Instant::now();
    let mut last = u64::MAX;
    while start.elapsed() < Duration::from_secs(600) {
        let now = frames.load(Ordering::Relaxed);
        if now == last {
            return;
        }
        last = now;
        thread::sleep(Duration::from_secs(3));
    }
}

/// Reads the capture; each line must be the one in the file `shown`, if there is one.
fn read(
    command: &mut Command,
    capture: &Path,
    names: &[&str],
    shown: Option<&Path>,
) -> Result<Reading> {
    command.args(["-n", "-r"]).arg(capture).args(fields(names));
    let mut tshark = spawn(command)?;
    let stdout = BufReader::new(tshark.stdout.take().context("no standard output")?);
    let live = shown.map(File::open).transpose()?;
    let mut live = live.map(|file| BufReader::new(file).split(b'\n'));
    let mut reading = Reading::default();
    let mut wrong: Vec<String> = Vec::new();
    for line in stdout.split(b'\n') {
        let line = line.context("tshark")?;
        reading.frames += 1;
        if reading.frames.is_multiple_of(4096) {
            reading.memory = reading.memory.max(peak(tshark.id()));
        }
        let text = String::from_utf8_lossy(&line);
        if let Some(number) = text.split('\t').nth(1).and_then(|conn| conn.parse::<u64>().ok()) {
            reading.connections = reading.connections.max(number + 1);
        }
        // Frames after the end of the live capture were not shown.
        let other = live.as_mut().and_then(Iterator::next).transpose()?;
        if let Some(other) = other.filter(|other| *other != line) {
            wrong.push(format!("{text}\n  live {}", String::from_utf8_lossy(&other)));
        }
        if wrong.len() > 9 {
            break;
        }
    }
    reading.memory = reading.memory.max(peak(tshark.id()));
    let _ = tshark.kill();
    let _ = tshark.wait();
    if !wrong.is_empty() {
        bail!("not shown as it was live:\n{}", wrong.join("\n"));
    }
    Ok(reading)
}

fn fields<'a>(names: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
    ["-T", "fields"].into_iter().chain(names.iter().flat_map(|name| ["-e", *name]))
}

fn spawn(command: &mut Command) -> Result<Child> {
    eprintln!("xtask: {}", shown(command));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().with_context(|| cannot_run(command))
}

/// The most memory that a process has had, in octets; 0 once it has ended.
fn peak(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.unwrap_or(0) << 10
}
