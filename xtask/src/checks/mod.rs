//! `cargo xtask test`: everything that has to hold.
//!
//! Builds go side by side where their locks allow it, and so do the test programs: see
//! [`programs`].

mod handed_out;
mod programs;
mod skipped;
mod supply;

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail};
use testkit::command::{cannot_run, cargo, run, succeeds};
use testkit::folders::{At, BUILT_VARIABLE, target_folder, workspace_root};
use testkit::wireshark::fetch::{self, Provided};
use testkit::wireshark::packages::{
    self, CHROMIUM, LIBPCAP, Need, PLUGIN_BUILD, TCPDUMP, TSHARK, VALGRIND, WINDOW_TESTS,
};
use testkit::wireshark::{VERSION_VARIABLE, Wireshark, plugin};

use self::programs::Program;
use self::skipped::Skipped;
use crate::bench;
use crate::cost::{self, DESIGNS};
use crate::python;

/// The plugin may make tshark's plain listing this many times as expensive.
const COST_LIMIT: f64 = 1.08;

/// The tests of the whole workspace, as cargo is asked for them.
const ALL_TESTS: &str = "cargo test --workspace";

/// Runs every check; `full` adds those that take minutes. With `arguments`, only the tests run, and
/// get them: `cargo xtask test --test header`.
pub fn test(full: bool, arguments: &[OsString]) -> Result<()> {
    let mut needs: Vec<&Need> = PLUGIN_BUILD.iter().chain([&TSHARK, &TCPDUMP, &LIBPCAP]).collect();
    if full {
        needs.extend([&VALGRIND, &CHROMIUM]);
    }
    packages::ensure(needs)?;
    // The window is tested where it can be had; in CI it must be.
    if let Err(error) = packages::ensure(&WINDOW_TESTS) {
        if env::var_os("CI").is_some() {
            return Err(error);
        }
        eprintln!("xtask: SKIPPED: the tests of the window: {error:#}");
    }
    let mut tests = Tests::begin()?;
    let done = if arguments.is_empty() {
        everything(full, &mut tests)
    } else {
        build_plugin().and_then(|()| {
            step("tests", ALL_TESTS, || tests.by_cargo(&["--workspace"], arguments, None))
        })
    };
    tests.end(done)
}

fn everything(full: bool, tests: &mut Tests) -> Result<()> {
    let format = "cargo fmt --all --check";
    step("format", format, || component("fmt", &["--all", "--check"]))?;
    // Debug and release builds have a lock each, and neither keeps all cores busy.
    let built = thread::scope(|scope| {
        let release = scope.spawn(|| {
            build_plugin()?;
            build_command()
        });
        let lints = "cargo clippy --workspace --all-targets -- -D warnings";
        let debug = step("lints", lints, || {
            component("clippy", &["--workspace", "--all-targets", "--", "-D", "warnings"])
        })
        .and_then(|()| {
            // Debug: overflow checks and assertions are on. The plugin in tshark is the release one.
            step("build of the tests", ALL_TESTS, || {
                programs::build(in_workspace(&["test", "--workspace"]))
            })
        });
        release.join().unwrap_or_else(|_| Err(anyhow!("a thread panicked"))).and(debug)
    })?;
    let mut doc = in_workspace(&["doc", "--no-deps", "--workspace", "--quiet"]);
    doc.env("RUSTDOCFLAGS", "-D warnings");
    let examples = in_workspace(&["test", "--workspace", "--doc"]);
    let mut all = vec![
        Program::new(
            "documentation: RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --workspace",
            doc,
        ),
        Program::new("examples in the documentation: cargo test --workspace --doc", examples),
    ];
    all.splice(0..0, built);
    step("Python package", "cargo build --package tcphs-python", python::build)?;
    all.push(Program::alone("python/tests", python::tests()?));
    step("tests", ALL_TESTS, || tests.side_by_side(all, &[], None))?;
    if full {
        let slow = format!("{ALL_TESTS} -- --ignored");
        let built = programs::build(in_workspace(&["test", "--workspace"]))?;
        let (of_handed_out, others) = built.into_iter().partition(is_of_handed_out);
        step("slow tests", &slow, || tests.side_by_side(others, &["--ignored"], None))?;
        handed_out(tests, of_handed_out)?;
        python_wheel(tests)?;
        let again = format!("cargo xtask cost --limit {COST_LIMIT}");
        step("cost", &again, || {
            let limit = Some(COST_LIMIT);
            cost::measure(&cost::Request { capture: None, limit, design: &DESIGNS[0] })
        })?;
        step("dependencies", "cargo deny check", supply::check)?;
        step("instructions", "cargo xtask bench --instructions", bench::check_instructions)?;
    }
    Ok(())
}

/// Test programs of what is handed out, which need it built.
const HANDED_OUT: [&str; 2] = ["tests/tests/windows/main.rs", "tests/tests/packages.rs"];

/// Builds the command for Windows and Debian's packages, and tests both.
pub fn test_handed_out() -> Result<()> {
    packages::ensure(PLUGIN_BUILD.iter().chain([&TSHARK]))?;
    let mut tests = Tests::begin()?;
    let done = build_plugin().and_then(|()| build_command()).and_then(|()| {
        let built = programs::build(in_workspace(&["test", "--workspace"]))?;
        handed_out(&mut tests, built.into_iter().filter(is_of_handed_out).collect())
    });
    tests.end(done)
}

fn handed_out(tests: &mut Tests, programs: Vec<Program>) -> Result<()> {
    handed_out::prepare()?;
    step("tests of what is handed out", "cargo xtask test --packages", || {
        tests.side_by_side(programs, &["--ignored"], None)
    })
}

/// The Python package as it is handed out, on all captures, on Spark and on Sail.
pub fn test_python_wheel() -> Result<()> {
    let mut tests = Tests::begin()?;
    let done = build_command().and_then(|()| python_wheel(&mut tests));
    tests.end(done)
}

fn python_wheel(tests: &mut Tests) -> Result<()> {
    let again = "cargo xtask test --python";
    let programs = step("Python wheel", again, python::wheel_tests)?;
    let programs = programs.into_iter().map(|(name, command)| Program::alone(name, command));
    step("tests of the Python wheel", again, || tests.side_by_side(programs.collect(), &[], None))
}

fn is_of_handed_out(program: &Program) -> bool {
    HANDED_OUT.contains(&&*program.name)
}

fn build_command() -> Result<()> {
    let build = ["build", "--release", "--quiet", "--package", "tcphs"];
    step("command", "cargo build --release --package tcphs", || run(&mut in_workspace(&build)))
}

fn build_plugin() -> Result<()> {
    step("plugin", "cargo build --release --package ffi-plugin", || {
        plugin::build_and_place().map(|_| ())
    })
}

/// Runs the end-to-end tests with the tshark of each version in `versions` (`X.Y`), and fetches
/// versions that are not here. A version that no suite of Debian has is reported; it is a failure
/// only if `full`.
pub fn test_versions(full: bool, versions: &[String], arguments: &[OsString]) -> Result<()> {
    packages::ensure(PLUGIN_BUILD.iter().chain([&TSHARK, &TCPDUMP]))?;
    let mut tests = Tests::begin()?;
    let mut unavailable = Vec::new();
    let done = versions.iter().try_for_each(|series| {
        let again = format!("cargo xtask test --wireshark {series}");
        let installed = Wireshark::installed().is_ok_and(|there| there.series() == *series);
        if !installed && let Provided::Unavailable(reason) = fetch::provide(series)? {
            println!("Wireshark {series}: UNAVAILABLE, not tested: {reason}");
            unavailable.push(series.as_str());
            return Ok(());
        }
        let wireshark = Wireshark::of(series)?;
        let (major, minor, micro) = wireshark.version;
        eprintln!("xtask: Wireshark {major}.{minor}.{micro}: {}", wireshark.tshark.display());
        step(&format!("plugin for Wireshark {series}"), &again, || {
            plugin::place(&wireshark, &plugin::build(&wireshark)?).map(|_| ())
        })?;
        let version = Some(series.as_str());
        step(&format!("end-to-end tests with Wireshark {series}"), &again, || {
            if !arguments.is_empty() {
                return tests.by_cargo(&["--package", "tests"], arguments, version);
            }
            // `--workspace` builds with the same features as the tests of the workspace, although
            // only the package `tests` is run.
            let mut build = in_workspace(&["test", "--workspace"]);
            build.args(programs_with_wireshark()?);
            tests.side_by_side(programs::build(build)?, &[], version)
        })
    });
    tests.end(done)?;
    if full && !unavailable.is_empty() {
        bail!("not tested with Wireshark {}", unavailable.join(", "));
    }
    Ok(())
}

/// Test programs of `tests/` that start no program of Wireshark's: their results are the same for
/// every version.
const WITHOUT_WIRESHARK: [&str; 9] = [
    "header",
    "kernel_counters",
    "kernel_states",
    "public_api",
    "report",
    "threads",
    "unsafe_page",
    "watch",
    "windows",
];

/// The others, as arguments of `cargo test`.
fn programs_with_wireshark() -> Result<Vec<String>> {
    let folder = workspace_root().join("tests/tests");
    let entries = fs::read_dir(&folder).at(&folder)?.flatten();
    let mut names: Vec<_> = entries
        .filter_map(|entry| Some(entry.path().file_stem()?.to_string_lossy().into_owned()))
        .filter(|name| !WITHOUT_WIRESHARK.contains(&&**name))
        .collect();
    names.sort();
    Ok(names.into_iter().flat_map(|name| ["--test".to_owned(), name]).collect())
}

/// Announces a step on standard error and says how it ended; `again` is how to run it alone.
fn step<T>(name: &str, again: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    eprintln!("xtask: {name}: {again}");
    let start = Instant::now();
    let done =
        work().map_err(|error| anyhow!("{name} failed: {error:#}\nto run it alone: {again}"))?;
    eprintln!("xtask: {name}: done in {:.1} s", start.elapsed().as_secs_f64());
    Ok(done)
}

/// Runs a part of the toolchain that not every machine has.
fn component(name: &str, arguments: &[&str]) -> Result<()> {
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

/// The tests of a run, counted.
struct Tests {
    counts: Counts,
    skipped: Skipped,
}

impl Tests {
    fn begin() -> Result<Self> {
        Ok(Self { counts: Counts::default(), skipped: Skipped::begin()? })
    }

    /// Runs test programs, which are built, with these arguments; `version` names the Wireshark.
    fn side_by_side(
        &mut self,
        mut programs: Vec<Program>,
        arguments: &[&str],
        version: Option<&str>,
    ) -> Result<()> {
        let (variable, list) = self.skipped.variable();
        let target = target_folder()?;
        for program in &mut programs {
            program.command.args(arguments).env(variable, list).env(BUILT_VARIABLE, &target);
            program.command.envs(version.map(|series| (VERSION_VARIABLE, series)));
        }
        let counts = &mut self.counts;
        programs::run_all(programs, |output| output.lines().for_each(|line| counts.add(line)))
            .map_err(|error| {
                anyhow!("{} passed, {} failed: {error}", self.counts.passed, self.counts.failed)
            })
    }

    /// Runs `cargo test` with these arguments; its output is passed on as it comes.
    fn by_cargo(
        &mut self,
        packages: &[&str],
        arguments: &[OsString],
        version: Option<&str>,
    ) -> Result<()> {
        let mut command = in_workspace(&["test"]);
        let (variable, list) = self.skipped.variable();
        command.args(packages).args(arguments).env(variable, list).stdout(Stdio::piped());
        command.envs(version.map(|series| (VERSION_VARIABLE, series)));
        let mut child = command.spawn().with_context(|| cannot_run(&command))?;
        let output = child.stdout.take().context("the tests have no standard output")?;
        let mut stdout = io::stdout().lock();
        for line in BufReader::new(output).split(b'\n').map_while(io::Result::ok) {
            self.counts.add(&String::from_utf8_lossy(&line));
            // If our output is closed, the exit status still counts.
            let _ = stdout.write_all(&[&line[..], b"\n"].concat()).and_then(|()| stdout.flush());
        }
        let status = child.wait().with_context(|| cannot_run(&command))?;
        if !status.success() {
            bail!("{} passed, {} failed ({status})", self.counts.passed, self.counts.failed);
        }
        Ok(())
    }

    /// Prints the skipped tests and the counts. `done` is the result of the run; in CI, a test that
    /// may not be skipped is a failure.
    fn end(self, done: Result<()>) -> Result<()> {
        let skipped = self.skipped.tests()?;
        for (test, reason) in &skipped {
            println!("SKIPPED {test}: {reason}");
        }
        let Counts { passed, failed } = self.counts;
        // The test harness counts them as passed.
        let passed = passed.saturating_sub(skipped.len() as u64);
        println!("{passed} passed, {failed} failed, {} skipped", skipped.len());
        done?;
        if env::var_os("CI").is_some() { skipped::check(&skipped) } else { Ok(()) }
    }
}

#[derive(Debug, Default, Eq, PartialEq)]
struct Counts {
    passed: u64,
    failed: u64,
}

impl Counts {
    /// Adds the numbers in the last line of a test program; other lines have none.
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

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn programs_left_out_with_other_versions_start_no_wireshark() {
        let folder = workspace_root().join("tests/tests");
        for name in WITHOUT_WIRESHARK {
            let files = match fs::read_dir(folder.join(name)) {
                Ok(modules) => modules.map(|file| file.expect("it can be read").path()).collect(),
                Err(_) => vec![folder.join(format!("{name}.rs"))],
            };
            let read = |file: PathBuf| fs::read_to_string(file).expect("the program is there");
            let source: String =
                files.into_iter().filter(|file| !file.is_dir()).map(read).collect();
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
