//! What the workspace is made of: `cargo deny` by the rules in `deny.toml`.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::command::{cannot_run, cargo, run, shown, which};
use crate::wireshark::target_folder;
use crate::workspace_root;

/// The version that is installed where there is none; it takes a few minutes, once.
const VERSION: &str = "0.20.2";

/// Licences, sources and duplicates can be checked anywhere; a list of advisories has to be fetched.
const HERE: [&str; 3] = ["licenses", "bans", "sources"];
const FETCHED: &str = "advisories";

/// Checks what can be checked here, and says what cannot. Where everything has to hold, cargo-deny
/// must be there or be installable.
pub fn check() -> Result<(), String> {
    let program = match find_or_install() {
        Ok(program) => program,
        Err(error) if env::var_os("CI").is_some() => return Err(error),
        Err(error) => {
            eprintln!("xtask: SKIPPED: licences, duplicates and advisories: {error}");
            return Ok(());
        }
    };
    let deny = |what: &[&str]| {
        let mut deny = Command::new(&program);
        deny.arg("check").args(what).current_dir(workspace_root()).stdin(Stdio::null());
        deny
    };
    run(&mut deny(&HERE))?;
    let mut advisories = deny(&[FETCHED]);
    let output = advisories.output().map_err(|error| cannot_run(&advisories, &error))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        return Ok(());
    }
    if said.contains("failed to fetch advisory database") {
        eprintln!("xtask: SKIPPED: advisories: the list of them is out of reach from here");
        return Ok(());
    }
    Err(format!("`{}`: {}: {}", shown(&advisories), output.status, said.trim()))
}

/// cargo-deny in `PATH`, or the one that was installed below the target folder, now or before.
fn find_or_install() -> Result<PathBuf, String> {
    if let Some(program) = which("cargo-deny") {
        return Ok(program);
    }
    let tools = target_folder()?.join("tools");
    let program = tools.join("bin/cargo-deny");
    if !program.is_file() {
        eprintln!("xtask: installing cargo-deny {VERSION} below {}", tools.display());
        let mut install = cargo();
        install.args(["install", "--quiet", "--locked", "cargo-deny", "--version", VERSION]);
        // It runs for seconds: not worth minutes of optimising.
        install.envs([
            ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1"),
            ("CARGO_PROFILE_RELEASE_LTO", "off"),
            ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
            ("CARGO_PROFILE_RELEASE_DEBUG", "false"),
        ]);
        run(install.arg("--root").arg(&tools).stdin(Stdio::null()))?;
    }
    Ok(program)
}
