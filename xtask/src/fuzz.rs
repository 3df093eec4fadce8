//! `cargo xtask fuzz`: the targets of `fuzz/`, by cargo-fuzz.

use std::collections::{BTreeSet, BinaryHeap};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{cargo, run, succeeds};
use crate::workspace_root;

/// Longest input: what a capture holds at its start has to be enough.
const MAX_LEN: &str = "-max_len=4096";
/// Seconds that one input may take before it counts as a finding.
const TIMEOUT: &str = "-timeout=60";
/// How many inputs of a target are committed.
const MOST_INPUTS: usize = 190;
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

/// The corpus becomes the few inputs that reach most of what was ever reached.
fn keep(target: &str) -> Result<(), String> {
    let (found, committed) = (found(target), committed(target));
    let fresh = found.with_file_name(format!("{target}.fresh"));
    let control = found.with_file_name(format!("{target}.control"));
    let _ = (fs::remove_dir_all(&fresh), fs::remove_file(&control));
    fs::create_dir_all(&fresh).map_err(|error| cannot_write(&fresh, &error))?;
    let mut command = cargo_fuzz(target);
    command.args([&fresh, &committed, &found]);
    let mut file = std::ffi::OsString::from("-merge_control_file=");
    file.push(&control);
    // Which code is reached counts, not how often. The control file says who reaches what.
    let merge = ["-merge=1", "-set_cover_merge=1", "-use_counters=0"];
    run(command.args(["--", MAX_LEN]).args(merge).arg(file))?;
    let reached = fs::read_to_string(&control).map_err(|error| cannot_read(&control, &error))?;
    let inputs: Vec<_> = Reach::of(&reached).choose(MOST_INPUTS);
    let inputs = inputs.into_iter().map(|file| Ok((file.file_name(), fs::read(file)?)));
    let inputs: Vec<_> = inputs
        .collect::<std::io::Result<_>>()
        .map_err(|error| format!("cannot read an input of {target}: {error}"))?;
    fs::remove_dir_all(&committed).map_err(|error| cannot_write(&committed, &error))?;
    fs::create_dir_all(&committed).map_err(|error| cannot_write(&committed, &error))?;
    for (name, input) in inputs {
        let place = committed.join(name.unwrap_or_default());
        fs::write(&place, input).map_err(|error| cannot_write(&place, &error))?;
    }
    fs::remove_dir_all(&fresh).map_err(|error| cannot_write(&fresh, &error))
}

/// What each input reaches, as libFuzzer writes it down: how many inputs, how many of them were there
/// before, their names, and lines of `FT NUMBER FEATURE…`.
struct Reach<'a> {
    inputs: Vec<(&'a Path, BTreeSet<u32>)>,
}

impl<'a> Reach<'a> {
    fn of(control: &'a str) -> Self {
        let mut lines = control.lines();
        let count = lines.next().and_then(|line| line.parse().ok()).unwrap_or(0);
        let names = lines.by_ref().skip(1).take(count);
        let mut inputs: Vec<_> = names.map(|name| (Path::new(name), BTreeSet::new())).collect();
        for line in lines {
            let mut words = line.split(' ');
            if words.next() != Some("FT") {
                continue;
            }
            let number = words.next().and_then(|word| word.parse::<usize>().ok());
            if let Some((_, features)) = number.and_then(|number| inputs.get_mut(number)) {
                features.extend(words.filter_map(|word| word.parse::<u32>().ok()));
            }
        }
        Self { inputs }
    }

    /// At most so many inputs: always the one that adds most.
    fn choose(&self, most: usize) -> Vec<&'a Path> {
        let mut reached = BTreeSet::new();
        let mut chosen = Vec::new();
        // What an input adds can only become less, so it is counted anew when it comes to the top.
        let counts = self.inputs.iter().map(|(_, features)| features.len());
        let mut heap: BinaryHeap<_> = counts.zip(0..).collect();
        while chosen.len() < most
            && let Some((count, place)) = heap.pop()
        {
            let (path, features) = &self.inputs[place];
            let adds = features.difference(&reached).count();
            if adds < count {
                heap.push((adds, place));
            } else if adds > 0 {
                chosen.push(*path);
                reached.extend(features);
            }
        }
        chosen
    }
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
    fn of_the_inputs_those_that_add_most_are_kept() {
        let control = "3\n0\na\nb\nc\nSTARTED 0 1\nFT 0 1 2\nCOV 0 5\nFT 1 1\nFT 2 3 2\n";
        let chosen = |most| Reach::of(control).choose(most);
        assert_eq!(chosen(9), [Path::new("c"), Path::new("b")]);
        assert_eq!(chosen(1), [Path::new("c")]);
    }

    #[test]
    fn each_target_has_a_corpus() {
        for target in targets().expect("the folder is there") {
            let corpus = committed(&target);
            assert!(corpus.read_dir().is_ok_and(|mut files| files.next().is_some()), "{target}");
        }
    }
}
