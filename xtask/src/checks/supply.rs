//! The dependencies of the workspace: `cargo deny` by the rules in `deny.toml`.

use std::env;

use anyhow::{Result, bail};
use testkit::folders::workspace_root;
use xshell::{Shell, cmd};

use crate::tools::CARGO_DENY;

/// Runs the checks that can be run here, and names those that cannot. In CI, cargo-deny must be
/// there or be installable.
pub fn check() -> Result<()> {
    let program = match CARGO_DENY.find_or_install() {
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
