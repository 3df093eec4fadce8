//! Running other programs: finding them, reading what they print, naming them in errors.

use std::env;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail};

/// The program of that name in `PATH`, or in the folders that only root has in `PATH`.
pub fn which(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(program))
        .find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    file.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// The cargo that runs this process, or the one in `PATH`.
pub fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// This process's standard error, as the standard output of a child.
pub fn stderr_as_stdout() -> Stdio {
    io::stderr().as_fd().try_clone_to_owned().map_or_else(|_| Stdio::null(), Stdio::from)
}

/// Runs `command` to its end. An exit status other than 0 is an error that names the command.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| cannot_run(command))?;
    if !status.success() {
        bail!("`{}`: {status}", shown(command));
    }
    Ok(())
}

/// Runs `command` to its end and gives what it printed. If it fails, the error carries what it
/// wrote to standard error.
pub fn output_of(command: &mut Command) -> Result<Output> {
    let output = command.stdin(Stdio::null()).output().with_context(|| cannot_run(command))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("`{}`: {}: {}", shown(command), output.status, stderr.trim());
    }
    Ok(output)
}

/// The standard output of [`output_of`] as text.
pub fn stdout_of(command: &mut Command) -> Result<String> {
    Ok(String::from_utf8_lossy(&output_of(command)?.stdout).into_owned())
}

/// Whether `command` runs and exits with status 0; it reads and prints nothing.
pub fn succeeds(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.stdin(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// The sentence for a program that did not even start.
pub fn cannot_run(command: &Command) -> String {
    format!("cannot run `{}`", command.get_program().display())
}

/// `command` as one would type it, without the folder of the program.
pub fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or(program.as_os_str());
    let words = [program].into_iter().chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// The strings of a JSON text that `wanted` accepts.
///
/// Cargo names its folders and the files it built in JSON. A JSON library would take longer to
/// build than all of `cargo xtask`, which is the first thing a new machine builds.
pub fn json_strings(text: &str, wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    let mut characters = text.chars();
    while characters.by_ref().any(|c| c == '"') {
        let mut string = String::new();
        while let Some(c) = characters.next() {
            match c {
                '"' => break,
                '\\' => string.extend(characters.next()),
                _ => string.push(c),
            }
        }
        if wanted(&string) {
            found.push(string);
        }
    }
    found
}

/// Runs `cargo build` with `arguments` and gives the paths of the files it says it has built.
pub fn built(mut build: Command) -> Result<Vec<PathBuf>> {
    build.arg("--message-format=json-render-diagnostics");
    build.stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = build.output().with_context(|| cannot_run(&build))?;
    if !output.status.success() {
        bail!("`{}`: {}", shown(&build), output.status);
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let is_file = |string: &str| string.starts_with('/') && Path::new(string).is_file();
    Ok(json_strings(&text, is_file).into_iter().map(PathBuf::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_of_a_json_text() {
        let text = r#"{"a":"x.so","b":["say \"y.so","z\\.so"],"c":1}"#;
        let found = json_strings(text, |string| string.ends_with(".so"));
        assert_eq!(found, ["x.so", "say \"y.so", "z\\.so"]);
    }

    #[test]
    fn a_shell_is_found_and_nonsense_is_not() {
        assert!(which("sh").is_some());
        assert_eq!(which("no-such-program-anywhere"), None);
    }
}
