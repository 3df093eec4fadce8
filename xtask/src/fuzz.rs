//! `cargo xtask fuzz`: the targets of `fuzz/`, by cargo-fuzz.

use std::collections::{BTreeSet, BinaryHeap};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use testkit::workspace_root;
use xshell::{Cmd, Shell, cmd};

/// Longest input: enough for the first packets of a capture.
const MAX_LEN: &str = "-max_len=4096";
/// Seconds that one input may take before it counts as a finding.
const TIMEOUT: &str = "-timeout=60";
/// The largest number of committed inputs per target.
const MOST_INPUTS: usize = 190;

/// The options of the command.
#[derive(Debug)]
pub struct Request {
    /// The target; `None` runs all, one after the other.
    pub target: Option<String>,
    /// The time per target in minutes.
    pub minutes: u64,
    /// Write the committed corpus anew, from its inputs and those that were found.
    pub keep: bool,
}

/// Runs the targets. Inputs that reach new code go to `target/fuzz/corpus`, those that break
/// something to `fuzz/artifacts`.
pub fn fuzz(request: &Request) -> Result<()> {
    let shell = Shell::new()?;
    shell.change_dir(workspace_root());
    let targets = targets(&shell)?;
    let is_chosen = |target: &&String| request.target.as_ref().is_none_or(|name| name == *target);
    let chosen: Vec<_> = targets.iter().filter(is_chosen).collect();
    if chosen.is_empty() {
        bail!("there is no such target; known are {}", targets.join(", "));
    }
    if cmd!(shell, "cargo fuzz --version").quiet().ignore_stdout().ignore_stderr().run().is_err() {
        cmd!(shell, "cargo install --locked cargo-fuzz").quiet().run()?;
    }
    for target in chosen {
        let (found, committed) = (found(target), committed(target));
        for folder in [&found, &committed] {
            shell.create_dir(folder)?;
        }
        if request.minutes > 0 {
            let time = format!("-max_total_time={}", request.minutes * 60);
            let run = cargo_fuzz(&shell, target).args([&found, &committed]);
            run.args(["--", MAX_LEN, TIMEOUT, &time]).run()?;
        }
        if request.keep {
            keep(&shell, target)?;
        }
    }
    Ok(())
}

/// Replaces the committed corpus by the few inputs that reach most of all code that was reached.
fn keep(shell: &Shell, target: &str) -> Result<()> {
    let (found, committed) = (found(target), committed(target));
    let fresh = found.with_file_name(format!("{target}.fresh"));
    let control = found.with_file_name(format!("{target}.control"));
    shell.remove_path(&fresh)?;
    shell.remove_path(&control)?;
    shell.create_dir(&fresh)?;
    // The merge counts the code that an input reaches, not how often. The control file lists the
    // code per input.
    let merge = ["-merge=1", "-set_cover_merge=1", "-use_counters=0"];
    let file = format!("-merge_control_file={}", control.display());
    let run = cargo_fuzz(shell, target).args([&fresh, &committed, &found]);
    run.args(["--", MAX_LEN]).args(merge).arg(file).run()?;
    let reached = shell.read_file(&control)?;
    let chosen = Reach::parse(&reached).choose(MOST_INPUTS);
    let inputs =
        chosen.into_iter().map(|file| Ok((file.file_name(), shell.read_binary_file(file)?)));
    let inputs = inputs.collect::<Result<Vec<_>>>()?;
    shell.remove_path(&committed)?;
    for (name, input) in inputs {
        shell.write_file(committed.join(name.unwrap_or_default()), input)?;
    }
    Ok(shell.remove_path(&fresh)?)
}

/// The code that each input reaches, as features with numbers.
struct Reach<'a> {
    inputs: Vec<(&'a Path, BTreeSet<u32>)>,
}

impl<'a> Reach<'a> {
    /// Reads libFuzzer's control file: the number of inputs, how many of them were there before,
    /// their names, and lines of `FT NUMBER FEATURE…`.
    fn parse(control: &'a str) -> Self {
        let mut lines = control.lines();
        let count = lines.next().and_then(|line| line.parse().ok()).unwrap_or(0);
        let names = lines.by_ref().skip(1).take(count);
        let mut inputs: Vec<_> = names.map(|name| (Path::new(name), BTreeSet::new())).collect();
        for line in lines {
            let Some(numbers) = line.strip_prefix("FT ") else { continue };
            let mut numbers = numbers.split(' ').filter_map(|word| word.parse::<u32>().ok());
            let input = numbers.next().and_then(|number| inputs.get_mut(number as usize));
            if let Some((_, features)) = input {
                features.extend(numbers);
            }
        }
        Self { inputs }
    }

    /// Chooses at most `most` inputs, each the one that adds most to those before it.
    fn choose(&self, most: usize) -> Vec<&'a Path> {
        let mut reached = BTreeSet::new();
        let mut chosen = Vec::new();
        // An input can only come to add less, so it is counted again when it comes to the top.
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

fn cargo_fuzz<'a>(shell: &'a Shell, target: &str) -> Cmd<'a> {
    let folder = workspace_root().join("target/fuzz");
    // Instrumentation is not part of stable Rust; the variable lets a stable compiler have it.
    cmd!(shell, "cargo fuzz run --fuzz-dir fuzz --target-dir {folder} {target}")
        .env("RUSTC_BOOTSTRAP", "1")
        .quiet()
}

fn found(target: &str) -> PathBuf {
    workspace_root().join("target/fuzz/corpus").join(target)
}

fn committed(target: &str) -> PathBuf {
    workspace_root().join("fuzz/corpus").join(target)
}

/// The names of all targets, sorted.
fn targets(shell: &Shell) -> Result<Vec<String>> {
    let files = shell.read_dir(workspace_root().join("fuzz/fuzz_targets"))?;
    let stem = |file: PathBuf| Some(file.file_stem()?.to_string_lossy().into_owned());
    Ok(files.into_iter().filter_map(stem).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inputs_that_add_most_are_kept() {
        let control = "3\n0\na\nb\nc\nSTARTED 0 1\nFT 0 1 2\nCOV 0 5\nFT 1 1\nFT 2 3 2\n";
        let chosen = |most| Reach::parse(control).choose(most);
        assert_eq!(chosen(9), [Path::new("c"), Path::new("b")]);
        assert_eq!(chosen(1), [Path::new("c")]);
    }

    #[test]
    fn each_target_has_a_corpus() {
        let shell = Shell::new().expect("the working folder is there");
        for target in targets(&shell).expect("the folder is there") {
            let corpus = committed(&target);
            assert!(corpus.read_dir().is_ok_and(|mut files| files.next().is_some()), "{target}");
        }
    }
}
