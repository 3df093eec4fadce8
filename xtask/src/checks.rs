//! `cargo xtask test`: everything that has to hold, one step after another, the quick ones first.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::bench;
use crate::command::{cannot_run, cargo, run, succeeds};
use crate::cost::{self, DESIGNS};
use crate::packages::{self, Need, PLUGIN_BUILD, TCPDUMP, TSHARK, VALGRIND, WINDOW_TESTS};
use crate::unpacked::{self, Provided};
use crate::wireshark::{VERSION_VARIABLE, Wireshark, about};
use crate::{plugin, supply, workspace_root};

/// The plugin may make tshark's plain listing this many times as expensive.
pub const COST_LIMIT: f64 = 1.08;

/// Runs every check; `full` adds what takes minutes. With `arguments`, only the tests run, and get
/// them: `cargo xtask test --test header`.
pub fn test(full: bool, arguments: &[String]) -> Result<(), String> {
    let mut needs: Vec<&Need> = PLUGIN_BUILD.iter().chain([&TSHARK, &TCPDUMP]).collect();
    if full {
        needs.push(&VALGRIND);
    }
    packages::ensure(needs)?;
    // The window is looked at where it can be had; where everything has to hold, it must be.
    if let Err(error) = packages::ensure(&WINDOW_TESTS) {
        if std::env::var_os("CI").is_some() {
            return Err(error);
        }
        eprintln!("xtask: SKIPPED: the tests of the window: {error}");
    }

    let everything = arguments.is_empty();
    let mut counted = Counts::default();
    if everything {
        step("format", "cargo fmt --all --check", || component("fmt", &["--all", "--check"]))?;
        step("lints", "cargo clippy --workspace --all-targets -- -D warnings", || {
            component("clippy", &["--workspace", "--all-targets", "--", "-D", "warnings"])
        })?;
    }
    step("plugin", "cargo build --release --package ffi-plugin", || {
        plugin::build_and_place().map(|_| ())
    })?;
    // Debug: overflow checks and assertions are on. What they run in tshark is the release plugin.
    step("tests", "cargo test --workspace", || tests(arguments, &mut counted))?;
    if full && everything {
        let slow = ["--".to_owned(), "--ignored".to_owned()];
        let again = "cargo test --workspace -- --ignored";
        step("slow tests", again, || tests(&slow, &mut counted))?;
    }
    if everything {
        let doc = "RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --workspace";
        step("documentation", doc, || {
            let mut doc = in_workspace(&["doc", "--no-deps", "--workspace", "--quiet"]);
            run(doc.env("RUSTDOCFLAGS", "-D warnings"))
        })?;
    }
    if full && everything {
        let again = format!("cargo xtask cost --limit {COST_LIMIT}");
        step("cost", &again, || {
            let limit = Some(COST_LIMIT);
            cost::measure(&cost::Request { capture: None, limit, design: &DESIGNS[0] })
        })?;
        step("dependencies", "cargo deny check", supply::check)?;
        step("instructions", "cargo xtask bench --instructions", bench::check_instructions)?;
    }
    println!("{} passed, {} failed", counted.passed, counted.failed);
    Ok(())
}

/// Runs the end-to-end tests with the tshark of each version in `versions` (`X.Y`), fetching what is
/// not here. A version that no suite of Debian has is reported; it is a failure only if `full`.
pub fn test_versions(full: bool, versions: &[String], arguments: &[String]) -> Result<(), String> {
    packages::ensure(PLUGIN_BUILD.iter().chain([&TSHARK, &TCPDUMP]))?;
    let mut counted = Counts::default();
    let mut unavailable = Vec::new();
    for series in versions {
        let again = format!("cargo xtask test --wireshark {series}");
        let installed = Wireshark::installed().is_ok_and(|there| there.series() == *series);
        if !installed && let Provided::Unavailable(reason) = unpacked::provide(series)? {
            println!("Wireshark {series}: UNAVAILABLE, not tested: {reason}");
            unavailable.push(series.as_str());
            continue;
        }
        let wireshark = Wireshark::of(series)?;
        let (major, minor, micro) = wireshark.version;
        eprintln!("xtask: Wireshark {major}.{minor}.{micro}: {}", wireshark.tshark.display());
        step(&format!("plugin for Wireshark {series}"), &again, || {
            plugin::place(&wireshark, &plugin::build(&wireshark)?).map(|_| ())
        })?;
        step(&format!("end-to-end tests with Wireshark {series}"), &again, || {
            let mut command = in_workspace(&["test"]);
            if arguments.is_empty() {
                // Of the whole workspace, though only `tests` matters: what `cargo test` has built
                // for all of it has other features than what it builds for one package.
                command.arg("--workspace").args(programs_with_wireshark()?);
            } else {
                command.args(["--package", "tests"]).args(arguments);
            }
            command.env(VERSION_VARIABLE, series);
            run_tests(command, &mut counted)
        })?;
    }
    println!("{} passed, {} failed", counted.passed, counted.failed);
    if full && !unavailable.is_empty() {
        return Err(format!("not tested with Wireshark {}", unavailable.join(", ")));
    }
    Ok(())
}

/// Test programs of `tests/` that start no program of Wireshark's: they say the same whatever its
/// version.
const WITHOUT_WIRESHARK: [&str; 5] =
    ["header", "kernel_states", "public_api", "threads", "unsafe_page"];

/// The others, as arguments of `cargo test`.
fn programs_with_wireshark() -> Result<Vec<String>, String> {
    let folder = workspace_root().join("tests/tests");
    let entries = std::fs::read_dir(&folder).map_err(|error| about(&folder, &error))?;
    let stem = |path: PathBuf| Some(path.file_stem()?.to_string_lossy().into_owned());
    let mut names: Vec<_> = entries.flatten().filter_map(|entry| stem(entry.path())).collect();
    names.retain(|name| !WITHOUT_WIRESHARK.contains(&&**name));
    names.sort();
    Ok(names.into_iter().flat_map(|name| ["--test".to_owned(), name]).collect())
}

/// Announces a step on standard error and says how it ended; `again` is how to run it alone.
fn step(name: &str, again: &str, work: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    eprintln!("xtask: {name}: {again}");
    let start = Instant::now();
    work().map_err(|error| format!("{name} failed: {error}\nto run it alone: {again}"))?;
    eprintln!("xtask: {name}: done in {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}

/// Runs a part of the toolchain that not every machine has.
fn component(name: &str, arguments: &[&str]) -> Result<(), String> {
    if !succeeds(&mut in_workspace(&[name, "--version"])) {
        eprintln!("xtask: skipped: this toolchain has no `cargo {name}`");
        return Ok(());
    }
    run(in_workspace(&[name]).args(arguments))
}

fn in_workspace(arguments: &[&str]) -> Command {
    let mut command = cargo();
    command.args(arguments).current_dir(workspace_root()).stdin(Stdio::null());
    command
}

#[derive(Debug, Default, Eq, PartialEq)]
struct Counts {
    passed: u64,
    failed: u64,
}

impl Counts {
    /// Adds what one line of a test program says, if it is its last.
    fn add(&mut self, line: &str) {
        let Some((_, counts)) = line.split_once("test result: ") else { return };
        let mut words = counts.split([' ', ';']).peekable();
        while let Some(word) = words.next() {
            let (Ok(number), Some(what)) = (word.parse::<u64>(), words.peek()) else { continue };
            match *what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,

                _ => {}
            }
        }
    }
}

/// The tests and the examples in the documentation; their output goes on as it comes.
fn tests(arguments: &[String], counts: &mut Counts) -> Result<(), String> {
    let mut command = in_workspace(&["test", "--workspace"]);
    command.args(arguments);
    run_tests(command, counts)
}

fn run_tests(mut command: Command, counts: &mut Counts) -> Result<(), String> {
    command.stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|error| cannot_run(&command, &error))?;
    let output = child.stdout.take().ok_or("the tests have no standard output")?;
    let mut lines = BufReader::new(output);
    let mut line = Vec::new();
    let mut stdout = std::io::stdout().lock();
    while lines.read_until(b'\n', &mut line).is_ok_and(|octets| octets > 0) {
        counts.add(&String::from_utf8_lossy(&line));
        // Whoever closed our output still wants the exit status.
        let _ = stdout.write_all(&line).and_then(|()| stdout.flush());
        line.clear();
    }
    let status = child.wait().map_err(|error| cannot_run(&command, &error))?;
    if status.success() {
        return Ok(());
    }
    Err(format!("{} passed, {} failed ({status})", counts.passed, counts.failed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_with_other_versions_starts_no_wireshark() {
        let folder = workspace_root().join("tests/tests");
        for name in WITHOUT_WIRESHARK {
            let file = folder.join(format!("{name}.rs"));
            let source = std::fs::read_to_string(file).expect("the program is there");
            for starts in ["wireshark()", "tshark(", "fields(", "with_plugin", "Window::open"] {
                assert!(!source.contains(starts), "{name}: {starts}");
            }
        }
        let others = programs_with_wireshark().expect("the folder can be read");
        assert!(others.contains(&"hostile".to_owned()) && others.len() > 20, "{others:?}");
    }

    #[test]
    fn counts_are_added_up() {
        let mut counts = Counts::default();
        counts.add("test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out");
        counts
            .add("test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out");
        counts.add("test wire::flags ... ok");
        assert_eq!(counts, Counts { passed: 15, failed: 2 });
    }
}
