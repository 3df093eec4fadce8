//! `cargo xtask …`. What each command does is in the library's modules; this is the command line.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::str::FromStr;

use xtask::bench;
use xtask::cost::{self, DESIGNS};
use xtask::install::{self, Scope};
use xtask::packages::{self, PLUGIN_BUILD, TCPDUMP, TSHARK, WIRESHARK};
use xtask::traffic::{self, Kind};
use xtask::wireshark::{Wireshark, named_version};
use xtask::{
    bundle, checks, dist_command, fuzz, plugin, profile, samples, screenshots, settings, soak,
    unpacked, workspace_root,
};

const HELP: &str = "\
cargo xtask COMMAND

See it work
  tshark ARGS…         run tshark with the plugin; every argument is tshark's own:
                         cargo xtask tshark -r samples/telnet-dns.pcapng
                         cargo xtask tshark -r some.pcapng -Y tcphs.failed
  wireshark ARGS…      the same with the window, in the profile TCP Handshake
Both install what is missing, build the plugin, and leave your Wireshark as it is.
As root, Wireshark runs as nobody, and files it writes belong to nobody.

Keep it
  install              put plugin and profile into your Wireshark (as root: into everybody's)
  uninstall            take it out again
      --personal       the folders in your home
      --global         Wireshark's own folders (by sudo)
  dist                 archives for others in target/dist, one a version: plugin, profile, script
      --wireshark X.Y  for that version; may be given more than once

Work on it
  test [ARGS…]         format, lints, tests, documentation; with ARGS only the tests, and
                         cargo test gets them: cargo xtask test --package tests flags
      --full           and what takes minutes: the cost of the plugin
      --wireshark X.Y  only the end-to-end tests, with the tshark of that version; what is not
                         installed is fetched from Debian into target/, without root. May be
                         given more than once
  cost [CAPTURE]       instructions a packet with the plugin and without
      --limit RATIO    fail above it
      --two-pass       with tshark -2
      --fields         with tshark -T fields
  bench [CAPTURE…]     CPU time of the engine beside tshark, tcptrace, tcpdump and a Lua script,
                         and of two threads beside one
      --rounds N       how often each has its turn (5)
      --instructions   instead, instructions, which have limits
      --concurrent, --flood, --large
                       instead, memory and cost with up to 3 million connections at once, 10
                         million SYNs, 5 GB; each makes captures of up to 7 GB, one at a time
  fuzz [TARGET]        feed invented input to all targets of fuzz/, or to one; cargo-fuzz is
                         installed where it is missing
      --minutes N      for how long each (5)
      --keep           and make fuzz/corpus/ anew from what was found
  soak                 a live capture on the loopback interface with thousands of connections a
                         second, compared with its file and with what memory it may take
      --minutes N      for how long (10)
      --rate N         connections a second (2000)
  generate KIND N FILE a capture to measure with, of N connections: handshakes, data,
                         concurrent or flood
  header [--check]     write include/tcphs.h anew, or only compare
  profile [--check]    write ffi-plugin/profile/ anew, or only compare
  dist-command         the command as an archive in target/dist, with man pages and completions
  screenshots          take the pictures of docs/images/ anew
  samples [NAME…]      record samples/*.pcapng anew, all or some (needs root)

Exit status: 0 done; 1 something failed, standard error says what; 2 a command line that
makes no sense. `tshark` and `wireshark` end with the status of the program they run.
";

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let command = arguments.next().unwrap_or_default();
    let arguments: Vec<OsString> = arguments.collect();
    match dispatch(&command.to_string_lossy(), arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(error)) => {
            eprintln!("xtask: {error}\n`cargo xtask --help` lists the commands");
            ExitCode::from(2)
        }
        Err(Failure::Work(error)) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Why a command did not do its work.
enum Failure {
    /// The command line makes no sense.
    Usage(String),
    /// Something went wrong on the way.
    Work(String),
}

impl From<String> for Failure {
    fn from(error: String) -> Self {
        Self::Work(error)
    }
}

fn dispatch(command: &str, arguments: Vec<OsString>) -> Result<(), Failure> {
    // These two pass on whatever they get, be it text or not.
    match command {
        "tshark" => return Ok(run_tshark(&arguments)?),
        "wireshark" => return Ok(run_wireshark(&arguments)?),
        _ => {}
    }
    let mut arguments: Vec<String> =
        arguments.iter().map(|argument| argument.to_string_lossy().into_owned()).collect();
    if arguments.iter().any(|argument| argument == "--help") && command != "test" {
        print!("{HELP}");
        return Ok(());
    }
    match command {
        "" | "-h" | "--help" | "help" => print!("{HELP}"),
        "install" => install::install(scope(arguments)?)?,
        "uninstall" => install::uninstall(scope(arguments)?)?,
        "test" => {
            let full = take(&mut arguments, "--full");
            match versions(&mut arguments)?.as_slice() {
                [] => checks::test(full, &arguments)?,
                versions => checks::test_versions(full, versions, &arguments)?,
            }
        }
        "dist" => {
            let versions = versions(&mut arguments)?;
            nothing_left(&arguments)?;
            for archive in bundle::dist(&versions)? {
                println!("{}", archive.display());
            }
        }
        "cost" => cost::measure(&cost_request(arguments)?)?,
        "bench" => bench::measure(&bench_request(arguments)?)?,
        "fuzz" => fuzz::fuzz(&fuzz_request(arguments)?)?,
        "soak" => soak::run_for(&soak_request(arguments)?)?,
        "generate" => generate(&arguments)?,
        "header" => {
            let check = take(&mut arguments, "--check");
            nothing_left(&arguments)?;
            header(check)?;
        }
        "profile" => {
            let check = take(&mut arguments, "--check");
            nothing_left(&arguments)?;
            if check { profile::check()? } else { profile::write()? }
        }
        "dist-command" => {
            nothing_left(&arguments)?;
            println!("{}", dist_command::dist()?.display());
        }
        "screenshots" => {
            nothing_left(&arguments)?;
            screenshots::take()?;
        }
        "samples" => samples::record(&arguments)?,
        samples::TALK => samples::talk(&arguments)?,
        other => return Err(Failure::Usage(format!("there is no command `{other}`"))),
    }
    Ok(())
}

fn run_tshark(arguments: &[OsString]) -> Result<(), String> {
    packages::ensure(PLUGIN_BUILD.iter().chain([&TSHARK]))?;
    let wireshark = ready()?;
    become_program(wireshark.with_plugin().args(arguments))
}

fn run_wireshark(arguments: &[OsString]) -> Result<(), String> {
    // tshark too: it is the one that is asked for version and folders.
    packages::ensure(PLUGIN_BUILD.iter().chain([&TSHARK, &WIRESHARK]))?;
    let wireshark = ready()?;
    let mut window = wireshark.window()?;
    if !settings::choose_a_profile(arguments) {
        window.args(["-C", profile::NAME]);
    }
    become_program(window.args(arguments))
}

/// The plugin built and in its place, and Wireshark as its user has set it up.
fn ready() -> Result<Wireshark, String> {
    let wireshark = match named_version()? {
        Some(series) => unpacked::wireshark(&series)?,
        None => Wireshark::installed()?,
    };
    let wireshark = wireshark.with_users_preferences();
    let library = plugin::build(&wireshark)?;
    plugin::place(&wireshark, &library)?;
    Ok(wireshark)
}

/// Replaces this process, so that signals, standard streams and exit status are the program's own.
fn become_program(command: &mut Command) -> Result<(), String> {
    let error = command.exec();
    Err(format!("cannot run `{}`: {error}", command.get_program().display()))
}

/// The test compares the committed header with what cbindgen writes; told so, it writes it.
fn header(check: bool) -> Result<(), String> {
    packages::ensure(PLUGIN_BUILD.iter().chain([&TSHARK, &TCPDUMP]))?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut test = Command::new(cargo);
    test.args(["test", "--package", "tests", "--test", "header"]).current_dir(workspace_root());
    if !check {
        test.env("TCPHS_BLESS", "1");
    }
    match test.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) if check => {
            Err("include/tcphs.h is not what the code says: run `cargo xtask header`".into())
        }
        Ok(status) => Err(format!("include/tcphs.h was not written: {status}")),
        Err(error) => Err(format!("cannot run cargo: {error}")),
    }
}

fn scope(mut arguments: Vec<String>) -> Result<Scope, Failure> {
    let global = take(&mut arguments, "--global");
    let personal = take(&mut arguments, "--personal");
    nothing_left(&arguments)?;
    match (global, personal) {
        (true, true) => Err(Failure::Usage("--global or --personal, not both".into())),
        (true, false) => Ok(Scope::Global),
        (false, true) => Ok(Scope::Personal),
        (false, false) => Ok(Scope::usual()),
    }
}

fn bench_request(mut arguments: Vec<String>) -> Result<bench::Request, Failure> {
    let instructions = take(&mut arguments, "--instructions");
    let growth = bench::Growth::ALL.iter().filter(|(option, _)| take(&mut arguments, option));
    let growth = growth.map(|(_, growth)| *growth).collect();
    let rounds = take_value(&mut arguments, "--rounds", "a number of rounds")?.unwrap_or(5);
    if let Some(option) = arguments.iter().find(|argument| argument.starts_with('-')) {
        return Err(Failure::Usage(format!("`{option}` means nothing here")));
    }
    let captures = arguments.iter().map(PathBuf::from).collect();
    Ok(bench::Request { rounds, instructions, growth, captures })
}

fn fuzz_request(mut arguments: Vec<String>) -> Result<fuzz::Request, Failure> {
    let keep = take(&mut arguments, "--keep");
    let minutes = take_value(&mut arguments, "--minutes", "a number of minutes")?.unwrap_or(5);
    let target = arguments.first().filter(|argument| !argument.starts_with('-')).cloned();
    nothing_left(&arguments[usize::from(target.is_some())..])?;
    Ok(fuzz::Request { target, minutes, keep })
}

fn soak_request(mut arguments: Vec<String>) -> Result<soak::Request, Failure> {
    let minutes = take_value(&mut arguments, "--minutes", "a number of minutes")?.unwrap_or(10);
    let rate = take_value(&mut arguments, "--rate", "a number a second")?.unwrap_or(2000);
    nothing_left(&arguments)?;
    if minutes == 0 || rate == 0 {
        return Err(Failure::Usage("--minutes and --rate are at least 1".into()));
    }
    Ok(soak::Request { minutes, rate })
}

fn generate(arguments: &[String]) -> Result<(), Failure> {
    let [kind, connections, file] = arguments else {
        return Err(Failure::Usage("generate takes a kind, a number and a file".into()));
    };
    let known = Kind::ALL.map(|(name, _)| name).join(", ");
    let kind = Kind::named(kind)
        .ok_or_else(|| Failure::Usage(format!("there is no kind `{kind}`; known are {known}")))?;
    let connections = connections
        .parse()
        .map_err(|_| Failure::Usage(format!("`{connections}` is no number of connections")))?;
    let packets = traffic::write(Path::new(file), kind, connections)?;
    eprintln!("xtask: {packets} packets in {file}");
    Ok(())
}

fn cost_request(mut arguments: Vec<String>) -> Result<cost::Request, Failure> {
    let limit = take_value(&mut arguments, "--limit", "a ratio such as 1.08")?;
    let mut design = &DESIGNS[0];
    for other in &DESIGNS[1..] {
        if take(&mut arguments, other.option) {
            design = other;
        }
    }
    let capture =
        arguments.first().filter(|argument| !argument.starts_with('-')).map(PathBuf::from);
    nothing_left(&arguments[usize::from(capture.is_some())..])?;
    Ok(cost::Request { capture, limit, design })
}

/// Takes `option` out of `arguments`; whether it was there. What follows `--` is not ours.
fn take(arguments: &mut Vec<String>, option: &str) -> bool {
    let ours = arguments.iter().position(|argument| argument == "--").unwrap_or(arguments.len());
    let at = arguments[..ours].iter().position(|argument| argument == option);
    at.map(|at| arguments.remove(at)).is_some()
}

/// Takes every `--wireshark X.Y` out of `arguments`.
fn versions(arguments: &mut Vec<String>) -> Result<Vec<String>, Failure> {
    const OPTION: &str = "--wireshark";
    let mut versions = Vec::new();
    while let Some(at) = arguments.iter().position(|argument| argument == OPTION) {
        let text = arguments.get(at + 1).map_or("", String::as_str);
        versions.push(unpacked::series(text).map_err(Failure::Usage)?);
        arguments.drain(at..=at + 1);
    }
    Ok(versions)
}

/// Takes `option` and the number after it out of `arguments`.
fn take_value<T: FromStr>(
    arguments: &mut Vec<String>,
    option: &str,
    what: &str,
) -> Result<Option<T>, Failure> {
    let Some(at) = arguments.iter().position(|argument| argument == option) else {
        return Ok(None);
    };
    let text = arguments.get(at + 1).cloned().unwrap_or_default();
    let value =
        text.parse().map_err(|_| Failure::Usage(format!("{option} takes {what}, not `{text}`")))?;
    arguments.drain(at..=at + 1);
    Ok(Some(value))
}

fn nothing_left(arguments: &[String]) -> Result<(), Failure> {
    match arguments.first() {
        None => Ok(()),
        Some(argument) => Err(Failure::Usage(format!("`{argument}` means nothing here"))),
    }
}
