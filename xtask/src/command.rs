//! Running other programs: where they are, what they said, and as whom.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::privileges;

/// The program of that name in `PATH`, or in the folders that only root has in `PATH`.
pub(crate) fn which(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(program))
        .find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    file.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// The cargo that runs us, or the one in `PATH`.
pub(crate) fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// `program`, through sudo unless we are root already.
pub(crate) fn as_root(program: impl AsRef<OsStr>) -> Result<Command, String> {
    if privileges::is_root() {
        return Ok(Command::new(program));
    }
    let sudo = which("sudo").ok_or_else(|| {
        format!("`{}` needs root, and sudo is not installed", program.as_ref().display())
    })?;
    let mut command = Command::new(sudo);
    command.arg(program);
    Ok(command)
}

/// Where a child's standard output goes when ours belongs to somebody else: standard error.
pub(crate) fn stderr_as_stdout() -> Stdio {
    io::stderr().as_fd().try_clone_to_owned().map_or_else(|_| Stdio::null(), Stdio::from)
}

/// Runs `command` to its end; anything but exit status 0 is an error that names it.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|error| cannot_run(command, &error))?;
    if status.success() { Ok(()) } else { Err(format!("`{}`: {status}", shown(command))) }
}

/// Runs `command` to its end and gives its standard output; when it fails, the error carries what
/// it said on standard error.
pub(crate) fn stdout_of(command: &mut Command) -> Result<String, String> {
    let output =
        command.stdin(Stdio::null()).output().map_err(|error| cannot_run(command, &error))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("`{}`: {}: {}", shown(command), output.status, said.trim()))
}

/// Whether `command` runs and exits with status 0. It neither reads nor prints anything.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The sentence for a program that did not even start.
pub(crate) fn cannot_run(command: &Command, error: &io::Error) -> String {
    format!("cannot run `{}`: {error}", command.get_program().display())
}

/// `command` as one would type it, without the folder of the program.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut text = program.file_name().unwrap_or(program.as_os_str()).display().to_string();
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    text
}

/// The strings of a JSON text that `wanted` accepts: enough JSON for what cargo tells about its
/// folders and files, without a JSON library in the first crate that a new machine builds.
pub(crate) fn json_strings(text: &str, wanted: impl Fn(&str) -> bool) -> Vec<String> {
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
