//! `cargo xtask fuzz`: the targets of `fuzz/`, by cargo-fuzz.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{cargo, run, succeeds};
use crate::workspace_root;

/// Longest input: what a capture holds at its start has to be enough.
const MAX_LEN: &str = "-max_len=4096";
/// Seconds that one input may take before it counts as a finding.
const TIMEOUT: &str = "-timeout=60";
/// What instrumentation needs is not in stable Rust; this lets stable have it.
const ALLOW: (&str, &str) = ("RUSTC_BOOTSTRAP", "1");

/// What to run.
#[derive(Debug)]
pub struct Request {
    /// One target, or all, one after the other.
    pub target: Option<String>,
    /// For how long each.
    pub minutes: u64,
    /// Make the committed corpus anew, from what is in it and what was found.
    pub keep: bool,
}

/// Runs the targets. What was found and worth keeping goes to `target/fuzz/corpus`, what broke
/// something to `fuzz/artifacts`.
pub fn fuzz(request: &Request) -> Result<(), String> {
    let targets = targets()?;
    let chosen: Vec<_> = match &request.target {
        None => targets.iter().collect(),
        Some(name) => targets.iter().filter(|target| *target == name).collect(),
    };
    if chosen.is_empty() {
        return Err(format!("there is no such target; known are {}", targets.join(", ")));
    }
    if !succeeds(cargo().args(["fuzz", "--version"])) {
        run(cargo().args(["install", "--locked", "cargo-fuzz"]))?;
    }
    for target in chosen {
        let (found, committed) = (found(target), committed(target));
        for folder in [&found, &committed] {
            fs::create_dir_all(folder).map_err(|error| cannot_write(folder, &error))?;
        }
        if request.minutes > 0 {
            let time = format!("-max_total_time={}", request.minutes * 60);
            let mut command = cargo_fuzz(target);
            command.args([&found, &committed]);
            run(command.args(["--", MAX_LEN, TIMEOUT, &time]))?;
        }
        if request.keep {
            keep(target)?;
        }
    }
    Ok(())
}

/// The corpus becomes the fewest and shortest inputs that reach all that was ever reached.
fn keep(target: &str) -> Result<(), String> {
    let (found, committed) = (found(target), committed(target));
    let fresh = found.with_file_name(format!("{target}.fresh"));
    let _ = fs::remove_dir_all(&fresh);
    fs::create_dir_all(&fresh).map_err(|error| cannot_write(&fresh, &error))?;
    let mut command = cargo_fuzz(target);
    command.args([&fresh, &committed, &found]);
    // Which code is reached counts, not how often: a tenth of the inputs.
    run(command.args(["--", MAX_LEN, "-set_cover_merge=1", "-use_counters=0"]))?;
    // Across file systems nothing can be renamed.
    let kept = fs::read_dir(&fresh).map_err(|error| cannot_read(&fresh, &error))?;
    fs::remove_dir_all(&committed).map_err(|error| cannot_write(&committed, &error))?;
    fs::create_dir_all(&committed).map_err(|error| cannot_write(&committed, &error))?;
    for file in kept.flatten() {
        let place = committed.join(file.file_name());
        fs::copy(file.path(), &place).map_err(|error| cannot_write(&place, &error))?;
    }
    fs::remove_dir_all(&fresh).map_err(|error| cannot_write(&fresh, &error))
}

fn cargo_fuzz(target: &str) -> Command {
    let root = workspace_root();
    let mut command = cargo();
    command.current_dir(&root).env(ALLOW.0, ALLOW.1).args(["fuzz", "run", "--fuzz-dir", "fuzz"]);
    command.arg("--target-dir").arg(root.join("target/fuzz")).arg(target);
    command
}

fn found(target: &str) -> PathBuf {
    workspace_root().join("target/fuzz/corpus").join(target)
}

fn committed(target: &str) -> PathBuf {
    workspace_root().join("fuzz/corpus").join(target)
}

/// The names of all targets.
fn targets() -> Result<Vec<String>, String> {
    let folder = workspace_root().join("fuzz/fuzz_targets");
    let files = fs::read_dir(&folder).map_err(|error| cannot_read(&folder, &error))?;
    let mut targets: Vec<_> = files
        .flatten()
        .filter_map(|file| Some(file.path().file_stem()?.to_string_lossy().into_owned()))
        .collect();
    targets.sort_unstable();
    Ok(targets)
}

fn cannot_read(path: &Path, error: &std::io::Error) -> String {
    format!("cannot read {}: {error}", path.display())
}

fn cannot_write(path: &Path, error: &std::io::Error) -> String {
    format!("cannot write {}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_target_has_a_corpus() {
        for target in targets().expect("the folder is there") {
            let corpus = committed(&target);
            assert!(corpus.read_dir().is_ok_and(|mut files| files.next().is_some()), "{target}");
        }
    }
}
