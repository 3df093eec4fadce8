//! `cargo xtask install` and `uninstall`: plugin and profile in the user's own Wireshark.
//!
//! `ffi-plugin/install.sh` does the work, as for users of an archive.

use anyhow::{Result, bail};
use std::process::Command;
use testkit::command::run;
use testkit::folders::target_folder;
use testkit::wireshark::packages::{self, PLUGIN_BUILD, TSHARK, as_root};
use testkit::wireshark::privileges::is_root;
use testkit::wireshark::{PLUGIN_FILE, Wireshark, plugin};

use crate::dist::assemble;

/// The folders that plugin and profile go to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scope {
    /// Wireshark's own folders, for all users of this machine.
    Global,
    /// The folders in the home of this user.
    Personal,
}

impl Scope {
    /// The scope of `cargo xtask install` without an option: global for root, else personal.
    pub fn usual() -> Self {
        if is_root() { Self::Global } else { Self::Personal }
    }

    fn option(self) -> &'static str {
        match self {
            Self::Global => "--global",
            Self::Personal => "--personal",
        }
    }
}

/// Installs missing packages, builds the plugin, puts it in place and lets tshark confirm it.
pub fn install(scope: Scope) -> Result<()> {
    packages::ensure(PLUGIN_BUILD.iter().chain([&TSHARK]))?;
    let wireshark = Wireshark::installed()?;
    // The script that root runs does not look into this user's home.
    if scope == Scope::Global && !is_root() {
        let there = wireshark.personal_folder()?.join(PLUGIN_FILE);
        if there.exists() {
            bail!(
                "{} is there already, and Wireshark loads only one of the two: first run `cargo \
                 xtask uninstall {}`",
                there.display(),
                Scope::Personal.option()
            );
        }
    }
    let library = plugin::build(&wireshark)?;
    run_script(scope, &wireshark, Some(&library), &[])
}

/// Takes out what [`install`] put in. It is no error if nothing is there.
pub fn uninstall(scope: Scope) -> Result<()> {
    run_script(scope, &Wireshark::installed()?, None, &["--uninstall"])
}

/// Runs the script, with the rights that the folders need.
fn run_script(
    scope: Scope,
    wireshark: &Wireshark,
    library: Option<&std::path::Path>,
    more: &[&str],
) -> Result<()> {
    let folder = target_folder()?.join("install");
    assemble(&folder, &wireshark.series(), library)?;
    let mut shell = if scope == Scope::Global { as_root("sh")? } else { Command::new("sh") };
    run(shell.arg(folder.join("install.sh")).arg(scope.option()).args(more))
}
