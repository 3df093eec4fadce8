//! The dependencies of the workspace: `cargo deny` by the rules in `deny.toml`.

use std::env;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Result, bail};
use testkit::command::{cargo, run, which};
use testkit::folders::{target_folder, workspace_root};
use xshell::{Shell, cmd};

/// The version that is installed if there is none; it takes a few minutes, once.
const VERSION: &str = "0.20.2";

/// Runs the checks that can be run here, and names those that cannot. In CI, cargo-deny must be
/// there or be installable.
pub fn check() -> Result<()> {
    let program = match find_or_install() {
        Ok(program) => program,
        Err(error) if env::var_os("CI").is_some() => return Err(error),
        Err(error) => {
            eprintln!("xtask: SKIPPED: licences, duplicates and advisories: {error:#}");
            return Ok(());
        }
    };
    let shell = Shell::new()?;
    shell.change_dir(workspace_root());
    cmd!(shell, "{program} check licenses bans sources").quiet().run()?;
    // The list of advisories is fetched, which not every machine can.
    let advisories = cmd!(shell, "{program} check advisories").quiet().ignore_status().output()?;
    let stderr = String::from_utf8_lossy(&advisories.stderr);
    if stderr.contains("failed to fetch advisory database") {
        eprintln!("xtask: SKIPPED: advisories: the list of them is out of reach from here");
    } else if !advisories.status.success() {
        bail!("`cargo-deny check advisories`: {}: {}", advisories.status, stderr.trim());
    }
    Ok(())
}

/// cargo-deny in `PATH`, or the one that was installed below the target folder, now or before.
fn find_or_install() -> Result<PathBuf> {
    if let Some(program) = which("cargo-deny") {
        return Ok(program);
    }
    let tools = target_folder()?.join("tools");
    let program = tools.join("bin/cargo-deny");
    if !program.is_file() {
        eprintln!("xtask: installing cargo-deny {VERSION} below {}", tools.display());
        let mut install = cargo();
        install.args(["install", "--quiet", "--locked", "cargo-deny", "--version", VERSION]);
        // It runs for seconds, so minutes of optimising do not pay.
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
