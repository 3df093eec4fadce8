//! `cargo xtask soak`: a live capture of short connections, for as long as wanted.
//!
//! tshark with the plugin captures on the loopback interface while thousands of connections a second
//! are made there. Afterwards the file that it wrote is read again: each frame must be shown as it
//! was live, and what the plugin takes of memory must keep to its formula.

mod connections;

use std::fs::{self, File, Permissions};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::command::{cannot_run, run, shown};
use crate::packages::{self, PLUGIN_BUILD, TSHARK};
use crate::plugin;
use crate::wireshark::{Wireshark, about, make_folder, place_for};
pub use connections::Connections;

/// What to do.
#[derive(Debug)]
pub struct Request {
    /// For how long connections are made.
    pub minutes: u64,
    /// How many a second.
    pub rate: u64,
}

/// Never more connections than this.
const MOST: u64 = 5_000_000;

/// A tshark that takes more has gone wrong, and is ended.
const MOST_MEMORY: u64 = 12 << 30;

/// What the plugin takes in octets at most: for each frame, each connection, and in any case. A
/// frame with a segment has 20, and 32 more where there is something remarkable, here one in four; a connection 176, 34 to find
/// it, some 140 for the headers of its SYN and SYN/ACK, and 350 where something rare happened. The packets captured twice are looked for in
/// 6 MiB.
const A_FRAME: u64 = 20 + 32 / 4;
const A_CONNECTION: u64 = 720;
const IN_ANY_CASE: u64 = 24 << 20;

/// What is compared.
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

/// Runs it all, prints figures, and fails where a frame differs or the formula does not hold.
pub fn run_for(request: &Request) -> Result<(), String> {
    packages::ensure(PLUGIN_BUILD.iter().chain([&TSHARK]))?;
    let wireshark = Wireshark::find()?;
    plugin::place(&wireshark, &plugin::build(&wireshark)?)?;
    let folder = place_for("soak")?;
    make_folder(&folder)?;
    // Whoever runs tshark writes there.
    fs::set_permissions(&folder, Permissions::from_mode(0o777)).map_err(|e| about(&folder, &e))?;
    let capture = folder.join("capture.pcapng");
    let shown = folder.join("live");
    let _ = fs::remove_file(&capture);

    let live = record(&wireshark, request, &capture, &shown)?;
    println!(
        "{} connections in {} s, {} otherwise than they should; {} frames shown, {}",
        live.made,
        live.seconds,
        live.failed,
        live.frames,
        live.dropped.as_deref().unwrap_or("none dropped")
    );
    let with = read(&mut wireshark.with_plugin(), &capture, &FIELDS, Some(&shown))?;
    println!("{} frames in the file, each shown as it was live", with.frames);
    if live.frames < with.frames {
        return Err(format!("{} frames were shown of {}", live.frames, with.frames));
    }
    let without = read(&mut wireshark.without_plugin(), &capture, &FIELDS[..1], None)?;
    let bound = with.frames * A_FRAME + with.connections * A_CONNECTION + IN_ANY_CASE;
    let ours = with.memory.saturating_sub(without.memory);
    println!("tshark live: {}", mib(live.memory));
    println!(
        "reading the file: {} with the plugin, {} without",
        mib(with.memory),
        mib(without.memory)
    );
    println!(
        "the plugin: {} for {} frames of {} connections; at most {}",
        mib(ours),
        with.frames,
        with.connections,
        mib(bound)
    );
    if ours > bound {
        return Err("the plugin takes more memory than its formula says".into());
    }
    // The buffers of a live capture.
    if live.memory > with.memory + with.memory / 10 + (64 << 20) {
        return Err("the live capture took more memory than reading its file".into());
    }
    for file in [&capture, &shown] {
        fs::remove_file(file).map_err(|error| about(file, &error))?;
    }
    Ok(())
}

fn mib(octets: u64) -> String {
    format!("{:.1} MiB", octets as f64 / f64::from(1 << 20))
}

struct Live {
    made: u64,
    failed: u64,
    seconds: u64,
    frames: u64,
    memory: u64,
    dropped: Option<String>,
}

/// Captures while connections are made; what tshark shows goes to the file `shown`.
fn record(
    wireshark: &Wireshark,
    request: &Request,
    capture: &Path,
    shown: &Path,
) -> Result<Live, String> {
    let failed = |error| format!("cannot listen on 127.0.0.1: {error}");
    let (mut connections, servers) = Connections::listen().map_err(failed)?;
    let filter = connections.filter();
    let mut command = wireshark.with_plugin();
    command.args(["-n", "-i", "lo", "-B", "64", "-s", "128", "-f", &filter, "-w"]).arg(capture);
    // -l: each frame is counted as soon as it is shown.
    command.args(["-P", "-l"]).args(fields(&FIELDS));
    let mut tshark = spawn(&mut command)?;
    let stderr = BufReader::new(tshark.stderr.take().ok_or("no standard error")?);
    let stdout = BufReader::new(tshark.stdout.take().ok_or("no standard output")?);
    let mut output = BufWriter::new(File::create(shown).map_err(|error| about(shown, &error))?);
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
        connections.begin(servers, request.rate, MOST);
        let start = Instant::now();
        let end = Duration::from_secs(request.minutes * 60);
        let mut memory = 0;
        // One that ended by itself says why on standard error.
        while start.elapsed() < end && memory < MOST_MEMORY && peak(id) > 0 {
            thread::sleep(Duration::from_secs(1));
            memory = memory.max(peak(id));
            if start.elapsed().as_secs().is_multiple_of(30) {
                let (made, failed) = connections.counts();
                eprintln!(
                    "xtask: {} s: {made} connections, {failed} failed, {} frames, {}",
                    start.elapsed().as_secs(),
                    frames.load(Ordering::Relaxed),
                    mib(memory)
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
        let status = tshark.wait().map_err(|error| format!("tshark: {error}"))?;
        reader.join().map_err(|_| "a thread panicked")?.map_err(|error| about(shown, &error))?;
        let said = said.join().map_err(|_| "a thread panicked")?;
        if !status.success() {
            return Err(format!("tshark: {status}: {}", said.join("; ")));
        }
        if let Some(line) = said.iter().find(|line| line.contains("tcphs")) {
            return Err(format!("the plugin said: {line}"));
        }
        if memory >= MOST_MEMORY {
            return Err(format!("tshark took {}", mib(memory)));
        }
        let dropped = said.iter().find(|line| line.contains("dropped")).cloned();
        let (made, failed) = connections.counts();
        let frames = frames.load(Ordering::Relaxed);
        Ok(Live { made, failed, seconds, frames, memory, dropped })
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

struct Reading {
    frames: u64,
    connections: u64,
    memory: u64,
}

/// Reads the capture; each line must be the one in the file `shown`, if there is one.
fn read(
    command: &mut Command,
    capture: &Path,
    names: &[&str],
    shown: Option<&Path>,
) -> Result<Reading, String> {
    command.args(["-n", "-r"]).arg(capture).args(fields(names));
    let mut tshark = spawn(command)?;
    let stdout = BufReader::new(tshark.stdout.take().ok_or("no standard output")?);
    let live = shown.map(File::open).transpose().map_err(|error| format!("{error}"))?;
    let mut live = live.map(|file| BufReader::new(file).split(b'\n'));
    let mut reading = Reading { frames: 0, connections: 0, memory: 0 };
    let mut wrong: Vec<String> = Vec::new();
    for line in stdout.split(b'\n') {
        let line = line.map_err(|error| format!("tshark: {error}"))?;
        reading.frames += 1;
        if reading.frames.is_multiple_of(4096) {
            reading.memory = reading.memory.max(peak(tshark.id()));
        }
        let text = String::from_utf8_lossy(&line);
        if let Some(number) = text.split('\t').nth(1).and_then(|conn| conn.parse::<u64>().ok()) {
            reading.connections = reading.connections.max(number + 1);
        }
        if let Some(live) = &mut live {
            match live.next().transpose().map_err(|error| format!("{error}"))? {
                Some(other) if other == line => {}
                // What came after the end of the capture was not shown.
                None => {}
                Some(other) => {
                    wrong.push(format!("{text}\n  live {}", String::from_utf8_lossy(&other)))
                }
            }
        }
        if wrong.len() > 9 {
            break;
        }
    }
    reading.memory = reading.memory.max(peak(tshark.id()));
    let _ = tshark.kill();
    let _ = tshark.wait();
    match wrong.is_empty() {
        true => Ok(reading),
        false => Err(format!("not shown as it was live:\n{}", wrong.join("\n"))),
    }
}

fn fields(names: &[&str]) -> Vec<String> {
    let mut arguments = vec!["-T".to_owned(), "fields".to_owned()];
    arguments.extend(names.iter().flat_map(|name| ["-e".to_owned(), (*name).to_owned()]));
    arguments
}

fn spawn(command: &mut Command) -> Result<Child, String> {
    eprintln!("xtask: {}", shown(command));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().map_err(|error| cannot_run(command, &error))
}

/// The most memory that a process has had, in octets; 0 once it has ended.
fn peak(id: u32) -> u64 {
    let status = fs::read_to_string(PathBuf::from(format!("/proc/{id}/status")));
    let status = status.unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.unwrap_or(0) << 10
}
