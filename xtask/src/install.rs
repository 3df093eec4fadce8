//! `cargo xtask install` and `uninstall`: plugin and profile in the user's own Wireshark.
//!
//! The work is done by `ffi-plugin/install.sh`, as for those who have an archive.

use std::path::PathBuf;
use std::process::Command;

use crate::bundle::assemble;
use crate::command::{as_root, run};
use crate::packages::{self, PLUGIN_BUILD, TSHARK};
use crate::plugin;
use crate::privileges::is_root;
use crate::wireshark::{PLUGIN_FILE, Wireshark, target_folder};

/// For whom.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scope {
    /// Everybody on this machine: Wireshark's own folders.
    Global,
    /// This user: the folders in their home.
    Personal,
}

impl Scope {
    /// What `cargo xtask install` means without an option: global for root, else personal.
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

/// Installs what is missing, builds the plugin, puts it in place and lets tshark confirm it.
pub fn install(scope: Scope) -> Result<(), String> {
    packages::ensure(PLUGIN_BUILD.iter().chain([&TSHARK]))?;
    let wireshark = Wireshark::installed()?;
    // The script that root runs does not look into this user's home.
    if scope == Scope::Global && !is_root() {
        let there = wireshark.personal_folder()?.join(PLUGIN_FILE);
        if there.exists() {
            return Err(format!(
                "{} is there already, and Wireshark loads only one of the two: first run `cargo \
                 xtask uninstall {}`",
                there.display(),
                Scope::Personal.option()
            ));
        }
    }
    let library = plugin::build(&wireshark)?;
    let folder = folder()?;
    assemble(&folder, &wireshark.series(), Some(&library))?;
    run(script(scope)?.arg(folder.join("install.sh")).arg(scope.option()))
}

/// Takes out what [`install`] put in. Nothing there is no error.
pub fn uninstall(scope: Scope) -> Result<(), String> {
    let folder = folder()?;
    assemble(&folder, &Wireshark::installed()?.series(), None)?;
    run(script(scope)?.arg(folder.join("install.sh")).args([scope.option(), "--uninstall"]))
}

fn folder() -> Result<PathBuf, String> {
    Ok(target_folder()?.join("install"))
}

/// The shell with the rights that the folders need.
fn script(scope: Scope) -> Result<Command, String> {
    if scope == Scope::Global { as_root("sh") } else { Ok(Command::new("sh")) }
}
