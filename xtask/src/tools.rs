//! Programs of cargo's that are installed below the target folder where there are none.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::Result;
use testkit::command::{cargo, run, which};
use testkit::folders::target_folder;

/// A program and the version that is installed if there is none.
#[derive(Debug)]
pub struct Tool {
    pub name: &'static str,
    pub version: &'static str,
    /// Arguments of `cargo install`.
    pub arguments: &'static [&'static str],
}

/// Checks the dependencies; it takes a few minutes, once.
pub const CARGO_DENY: Tool = Tool { name: "cargo-deny", version: "0.20.2", arguments: &[] };

/// Makes packages of Debian's. Compressing is left to the program xz.
pub const CARGO_DEB: Tool =
    Tool { name: "cargo-deb", version: "3.8.0", arguments: &["--no-default-features"] };

impl Tool {
    /// The program in `PATH`, or the one that was installed below the target folder, now or before.
    pub fn find_or_install(&self) -> Result<PathBuf> {
        let Self { name, version, arguments } = self;
        if let Some(program) = which(name) {
            return Ok(program);
        }
        let tools = target_folder()?.join("tools");
        let program = tools.join("bin").join(name);
        if !program.is_file() {
            eprintln!("xtask: installing {name} {version} below {}", tools.display());
            let mut install = cargo();
            install.args(["install", "--quiet", "--locked", name, "--version", version]);
            // It runs for seconds, so minutes of optimising do not pay.
            install.args(*arguments).envs([
                ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1"),
                ("CARGO_PROFILE_RELEASE_LTO", "off"),
                ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
                ("CARGO_PROFILE_RELEASE_DEBUG", "false"),
            ]);
            run(install.arg("--root").arg(&tools).stdin(Stdio::null()))?;
        }
        Ok(program)
    }
}
