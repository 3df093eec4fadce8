//! Running the command on the samples.

#![allow(dead_code, reason = "each test program uses a part")]

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// The folder of the workspace, in which the command runs, so that paths in its output do not
/// depend on the machine.
pub fn workspace() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every committed sample, as `samples/NAME.pcapng`.
pub fn samples() -> Vec<String> {
    let entries = std::fs::read_dir(workspace().join("samples")).expect("the samples are there");
    let mut names: Vec<_> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".pcapng"))
        .map(|name| format!("samples/{name}"))
        .collect();
    names.sort();
    assert!(names.len() > 20, "the samples have shrunk to {}", names.len());
    names
}

/// Every committed pair of captures, that of the client's side first.
pub fn pairs() -> Vec<[String; 2]> {
    let entries =
        std::fs::read_dir(workspace().join("samples/pairs")).expect("the pairs are there");
    let mut names: Vec<_> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".client.pcapng").map(str::to_owned))
        .collect();
    names.sort();
    assert!(names.len() > 20, "the pairs have shrunk to {}", names.len());
    names.iter().map(|name| pair(name)).collect()
}

/// The captures of this pair, that of the client's side first.
pub fn pair(name: &str) -> [String; 2] {
    ["client", "server"].map(|side| format!("samples/pairs/{name}.{side}.pcapng"))
}

/// The command, in the workspace, with nothing on standard input.
pub fn tcphs(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tcphs"));
    command.current_dir(workspace()).args(arguments).stdin(Stdio::null());
    command.env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE");
    command
}

/// Runs the command to its end.
pub fn run(arguments: &[&str]) -> Output {
    tcphs(arguments).output().expect("the command starts")
}

/// Standard output of a command that succeeds.
pub fn stdout(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// Standard error of a run that ends with `status`.
pub fn stderr(arguments: &[&str], status: i32) -> String {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {output:?}");
    String::from_utf8(output.stderr).expect("text")
}
