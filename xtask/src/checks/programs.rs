//! Programs that run side by side, such as the test programs that cargo has built.
//!
//! Cargo runs one test program after the other, and most of them leave a core idle for much of the
//! time. Each program's output is printed in one piece when it ends.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use testkit::command::{cannot_run, json_strings, shown};
use testkit::folders::workspace_root;

/// Test programs that run with nothing beside them: they drive the window, or measure time.
const ALONE: [&str; 3] =
    ["tests/tests/screenshots.rs", "tests/tests/window/main.rs", "dissector-core/tests/hostile.rs"];

/// A program to be run.
pub struct Program {
    /// The name of the test program's source, or what else the program is.
    pub name: String,
    pub command: Command,
    /// Whether nothing may run beside it.
    alone: bool,
}

impl Program {
    /// A program that is no test program.
    pub fn new(name: &str, command: Command) -> Self {
        Self { name: name.into(), command, alone: false }
    }

    /// One beside which nothing may run.
    pub fn alone(name: &str, command: Command) -> Self {
        Self { alone: true, ..Self::new(name, command) }
    }

    /// The test program that a line of cargo's JSON is about; `None` for every other line.
    fn in_line(line: &str) -> Option<Self> {
        let (target, profile) = line.split_once("\"profile\":")?;
        let is_test = profile.split_once("},")?.0.contains("\"test\":true");
        let string = |text: &str, key: &str| {
            let (_, value) = text.split_once(&format!("\"{key}\":\""))?;
            json_strings(&format!("\"{value}"), |_| true).into_iter().next()
        };
        let executable = string(profile, "executable").filter(|_| is_test)?;
        let package = string(target, "manifest_path")?;
        let source = string(target, "src_path")?;
        let name = Path::new(&source).strip_prefix(workspace_root()).ok()?.display().to_string();
        let mut command = Command::new(&executable);
        command.current_dir(Path::new(&package).parent()?);
        Some(Self { alone: ALONE.contains(&&*name), name, command })
    }
}

/// Runs `cargo test --no-run` with more arguments. The test programs that it has built, those of
/// `tests/`, which take longest, first.
pub fn build(mut command: Command) -> Result<Vec<Program>> {
    command.args(["--no-run", "--message-format=json-render-diagnostics"]);
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.with_context(|| cannot_run(&command))?;
    if !output.status.success() {
        bail!("`{}`: {}", shown(&command), output.status);
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let mut programs: Vec<_> = text.lines().filter_map(Program::in_line).collect();
    programs.sort_by_key(|program| (program.alone, !program.name.starts_with("tests/")));
    Ok(programs)
}

/// Runs all programs, as many side by side as there are cores, and hands the output of each to
/// `seen`. Fails with the names of the programs that failed.
pub fn run_all(programs: Vec<Program>, seen: impl FnMut(&str) + Send) -> Result<()> {
    let cores = thread::available_parallelism().map_or(1, Into::into);
    let (alone, others) = programs.into_iter().partition(|program| program.alone);
    let printed = Mutex::new((seen, Vec::new()));
    for (programs, at_once) in [(others, cores), (alone, 1)] {
        let queue: Mutex<VecDeque<Program>> = Mutex::new(programs);
        thread::scope(|scope| {
            for _ in 0..at_once {
                scope.spawn(|| {
                    while let Some(mut program) = next(&queue) {
                        let start = Instant::now();
                        let (output, failure) = run(&mut program.command);
                        let Ok(mut printed) = printed.lock() else { return };
                        let seconds = start.elapsed().as_secs_f64();
                        let mut stdout = io::stdout().lock();
                        // If our output is closed, the exit status still counts.
                        let _ = writeln!(stdout, "     Ran {} in {seconds:.1} s", program.name)
                            .and_then(|()| stdout.write_all(&output))
                            .and_then(|()| stdout.flush());
                        (printed.0)(&String::from_utf8_lossy(&output));
                        printed
                            .1
                            .extend(failure.map(|error| format!("{} ({error})", program.name)));
                    }
                });
            }
        });
    }
    let (_, failed) = printed.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    if !failed.is_empty() {
        bail!("{}", failed.join(", "));
    }
    Ok(())
}

fn next(queue: &Mutex<VecDeque<Program>>) -> Option<Program> {
    queue.lock().ok()?.pop_front()
}

/// Runs a program to its end: all of its output, and why it failed if it did.
fn run(command: &mut Command) -> (Vec<u8>, Option<String>) {
    let mut output = Vec::new();
    let status = (|| -> io::Result<_> {
        let (mut reader, writer) = io::pipe()?;
        command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
        let mut child = command.spawn()?;
        // The command holds the writing ends, and reading ends only when all are closed.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        reader.read_to_end(&mut output)?;
        child.wait()
    })();
    match status {
        Ok(status) if status.success() => (output, None),
        Ok(status) => (output, Some(status.to_string())),
        Err(error) => (output, Some(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Program {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Program::new(script, command)
    }

    #[test]
    fn each_program_is_run_and_those_that_fail_are_named() {
        let mut seen = Vec::new();
        let programs = vec![shell("echo out; echo err >&2"), shell("exit 3"), shell("echo last")];
        let result = run_all(programs, |output| seen.push(output.to_owned()));
        seen.sort();
        assert_eq!(seen, ["", "last\n", "out\nerr\n"]);
        let error = result.map_err(|error| error.to_string());
        assert_eq!(error, Err("exit 3 (exit status: 3)".into()));
    }

    #[test]
    fn test_programs_are_found_in_cargos_json() {
        let root = workspace_root();
        let line = |test: bool, executable: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","manifest_path":"{0}/tests/Cargo.toml","target":{{"src_path":"{0}/tests/tests/fields.rs","test":true}},"profile":{{"opt_level":"0","test":{test}}},"executable":{executable},"fresh":true}}"#,
                root.display()
            )
        };
        let program = Program::in_line(&line(true, "\"/target/fields-1\"")).expect("a program");
        assert_eq!((&*program.name, program.alone), ("tests/tests/fields.rs", false));
        assert_eq!(program.command.get_current_dir(), Some(&*root.join("tests")));
        assert_eq!(program.command.get_program(), "/target/fields-1");
        assert!(Program::in_line(&line(false, "\"/target/tcphs\"")).is_none());
        assert!(Program::in_line(&line(true, "null")).is_none());
    }

    #[test]
    fn programs_that_run_alone_exist() {
        for name in ALONE {
            assert!(workspace_root().join(name).is_file(), "{name}");
        }
    }
}
