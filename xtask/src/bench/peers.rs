//! Seconds of CPU and memory: our programs and others, in rounds.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Programs;
use crate::command::{cannot_run, shown};
use crate::wireshark::{about, target_folder};

/// A program to be measured, by the name that the table has for it.
struct Peer {
    name: &'static str,
    program: String,
    arguments: Vec<String>,
}

/// Runs every program on the capture, in `rounds`, and prints a table. The engine is run before and
/// after each of the others: the machine is not as fast in one minute as in the next.
pub fn compare(programs: &Programs, capture: &Path, rounds: usize) -> Result<(), String> {
    let script = lua_script()?;
    let file = capture.to_string_lossy().into_owned();
    let ours = |program: &Path| program.to_string_lossy().into_owned();
    let peer = |name, program: String, arguments: &[&str]| Peer {
        name,
        program,
        arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
    };
    let lua = format!("lua_script:{}", script.to_string_lossy());
    let rows = rows_file()?;
    let output = rows.to_string_lossy();
    let peers = [
        // What the others are compared with.
        peer("engine, all verdicts, no rows", ours(&programs.engine), &[&file]),
        peer(
            "tcphs connections, jsonl",
            ours(&programs.tcphs),
            &["connections", "--format", "jsonl", "--threads", "1", "--output", &output, &file],
        ),
        peer(
            "tcphs packets, jsonl",
            ours(&programs.tcphs),
            &["packets", "--format", "jsonl", "--threads", "1", "--output", &output, &file],
        ),
        peer(
            "read alone (dd, 512 KiB)",
            "dd".into(),
            &[&format!("if={file}"), "of=/dev/null", "bs=512k"],
        ),
        peer("our reading, no engine", ours(&programs.walk), &[&file]),
        peer("tcpdump -nn -r", "tcpdump".into(), &["-nn", "-r", &file]),
        peer("tcptrace -n", "tcptrace".into(), &["-n", &file]),
        peer(
            "tshark -q -z conv,tcp",
            "tshark".into(),
            &["-n", "-q", "-z", "conv,tcp", "-r", &file],
        ),
        peer("tshark with a Lua script", "tshark".into(), &["-n", "-q", "-X", &lua, "-r", &file]),
    ];
    let octets = fs::metadata(capture).map_err(|error| about(capture, &error))?.len();
    println!("\n{} ({:.1} MB), {rounds} rounds", capture.display(), octets as f64 / 1e6);
    let [engine, others @ ..] = &peers;
    let measured = |peer: &Peer| median_run(&peer.program, &peer.arguments);
    let (mut of_engine, mut of_others) = (Vec::new(), Vec::new());
    of_others.resize_with(others.len(), Vec::new);
    for round in 1..=rounds {
        for (peer, runs) in others.iter().zip(&mut of_others) {
            // What takes minutes is not waited for again.
            if runs.iter().any(|(run, _): &(Run, f64)| run.cpu_s > LONG_S) {
                continue;
            }
            eprintln!("xtask: round {round}: {}", peer.name);
            let (before, run, after) = (measured(engine)?, measured(peer)?, measured(engine)?);
            let ratio = 2.0 * run.cpu_s / (before.cpu_s + after.cpu_s);
            runs.push((run, ratio));
            of_engine.extend([(before, 1.0), (after, 1.0)]);
        }
    }
    println!("{:<32} {:>10} {:>12} {:>12}", "", "CPU s", "of engine", "peak MiB");
    for (peer, runs) in peers.iter().zip([of_engine].iter().chain(&of_others)) {
        let seconds = median(runs.iter().map(|(run, _)| run.cpu_s));
        let ratio = median(runs.iter().map(|(_, ratio)| *ratio));
        let peak = runs.iter().map(|(run, _)| run.peak_kib).max().unwrap_or(0);
        println!("{:<32} {seconds:>10.3} {ratio:>12.2} {:>12.1}", peer.name, peak as f64 / 1024.0);
    }
    Ok(())
}

/// Where rows are written to. Anew each time: to overwrite a file costs twice what writing it does.
pub fn rows_file() -> Result<PathBuf, String> {
    let file = super::folder()?.join("rows.jsonl");
    match fs::remove_file(&file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(about(&file, &error)),
        _ => Ok(file),
    }
}

/// A program that takes less than this many seconds is run [`AGAIN`] times in its turn, to come to some
/// seconds as the others do: the first few find neither caches nor free memory as it left them.
const SHORT_S: f64 = 1.0;
const AGAIN: usize = 15;

/// A program that takes more than this is run once.
const LONG_S: f64 = 30.0;

/// Runs a program in its turn: once, or a few times if it is soon done.
pub fn median_run(
    program: impl AsRef<OsStr>,
    arguments: &[impl AsRef<OsStr>],
) -> Result<Run, String> {
    let first = run(&program, arguments)?;
    if first.cpu_s >= SHORT_S {
        return Ok(first);
    }
    let mut runs = Vec::new();
    for _ in 0..AGAIN {
        rows_file()?;
        runs.push(timed(&program, arguments, TIME)?);
    }
    Ok(Run {
        cpu_s: median(runs.iter().map(|run| run.cpu_s)),
        wall_s: median(runs.iter().map(|run| run.wall_s)),
        peak_kib: first.peak_kib,
    })
}

/// What a run of a program took; a peak of 0 was not looked at.
pub struct Run {
    pub cpu_s: f64,
    pub wall_s: f64,
    pub peak_kib: u64,
}

/// bash's own `time` knows milliseconds; GNU time knows the memory, but takes some time of its own.
const TIME: &str = "TIMEFORMAT='took %3U %3S %3R'; time \"$@\"";
const TIME_AND_MEMORY: &str =
    "TIMEFORMAT='took %3U %3S %3R'; time /usr/bin/time -f 'peak %M' -- \"$@\"";

/// Runs a program with its output thrown away.
pub fn run(program: impl AsRef<OsStr>, arguments: &[impl AsRef<OsStr>]) -> Result<Run, String> {
    timed(program, arguments, TIME_AND_MEMORY)
}

fn timed(
    program: impl AsRef<OsStr>,
    arguments: &[impl AsRef<OsStr>],
    script: &str,
) -> Result<Run, String> {
    let mut command = Command::new("bash");
    command.args(["-c", script, "bash"]).arg(program).args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    // tshark as root has much to say about it.
    let output = command.output().map_err(|error| cannot_run(&command, &error))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let numbers = |word: &str| {
        let line = said.lines().rev().find_map(|line| line.strip_prefix(word))?;
        line.split_whitespace().map(|number| number.parse().ok()).collect::<Option<Vec<f64>>>()
    };
    let peak_kib = numbers("peak ").and_then(|it| it.first().copied()).unwrap_or_default() as u64;
    match (output.status.success(), numbers("took ").as_deref()) {
        (true, Some([user, system, wall])) => {
            Ok(Run { cpu_s: user + system, wall_s: *wall, peak_kib })
        }
        _ => Err(format!("`{}`: {}: {}", shown(&command), output.status, said.trim())),
    }
}

/// The one in the middle; of an even number, the upper of the two.
pub fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}

/// What people write today when they want handshakes: a post-dissector in Lua that follows SYN,
/// SYN/ACK and ACK by stream.
fn lua_script() -> Result<PathBuf, String> {
    const SCRIPT: &str = r#"
local stream, flags = Field.new("tcp.stream"), Field.new("tcp.flags")
local seq, ack = Field.new("tcp.seq"), Field.new("tcp.ack")
local handshake = Proto("lua_handshake", "Handshake in Lua")
local states = {}
function handshake.init() states = {} end
function handshake.dissector(tvb, pinfo, tree)
    local number = stream()
    if not number then return end
    local bits, key = flags().value, number.value
    local syn, acks = bit.band(bits, 2) ~= 0, bit.band(bits, 16) ~= 0
    if syn and not acks then states[key] = "syn"
    elseif syn then states[key] = "synack"
    elseif acks and states[key] == "synack" and seq().value == 1 and ack().value == 1 then
        states[key] = "complete"
    end
end
register_postdissector(handshake)
"#;
    let file = target_folder()?.join("bench").join("handshake.lua");
    if let Some(folder) = file.parent() {
        crate::wireshark::make_folder(folder)?;
    }
    fs::write(&file, SCRIPT).map_err(|error| about(&file, &error))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_one_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
        assert!(median(std::iter::empty()).is_nan());
    }
}
