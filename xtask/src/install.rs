//! `cargo xtask install` and `uninstall`: the plugin in the user's own Wireshark.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{as_root, run, stdout_of};
use crate::packages::{self, PLUGIN_BUILD, TSHARK};
use crate::privileges::is_root;
use crate::wireshark::{PLUGIN_FILE, Wireshark, about};
use crate::{command, plugin};

/// For whom.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scope {
    /// Everybody on this machine: Wireshark's own plugin folder.
    Global,
    /// This user: the folder in their home.
    Personal,
}

impl Scope {
    /// What `cargo xtask install` means without an option: global for root, else personal.
    pub fn usual() -> Self {
        if is_root() { Self::Global } else { Self::Personal }
    }

    fn folder(self, wireshark: &Wireshark) -> Result<PathBuf, String> {
        match self {
            Self::Global => Ok(wireshark.global_folder()),
            Self::Personal => wireshark.personal_folder(),
        }
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
    if scope == Scope::Personal && is_root() {
        return Err(
            "Wireshark ignores the personal plugin folder of root: use `--global`, or run \
                    this as an ordinary user"
                .into(),
        );
    }
    packages::ensure(PLUGIN_BUILD.iter().chain([&TSHARK]))?;
    let wireshark = Wireshark::installed()?;
    let library = plugin::build(&wireshark)?;
    let other = if scope == Scope::Global { Scope::Personal } else { Scope::Global };
    // Root has no personal copy that Wireshark would read.
    if !is_root() || other == Scope::Global {
        let there = other.folder(&wireshark)?.join(PLUGIN_FILE);
        if there.exists() {
            return Err(format!(
                "{} is there already, and Wireshark loads only one of the two: first run `cargo \
                 xtask uninstall {}`",
                there.display(),
                other.option()
            ));
        }
    }
    let file = scope.folder(&wireshark)?.join(PLUGIN_FILE);
    // install(1) unlinks first, so a Wireshark that runs now keeps its copy.
    let mut copy = program("install", scope)?;
    run(copy.args(["-D", "-m", "644"]).arg(&library).arg(&file))?;
    confirm(&wireshark.tshark, &file)?;
    println!("installed {} for Wireshark {}", file.display(), wireshark.series());
    Ok(())
}

/// Removes what [`install`] put there. Nothing there is no error.
pub fn uninstall(scope: Scope) -> Result<(), String> {
    let wireshark = Wireshark::installed()?;
    let file = scope.folder(&wireshark)?.join(PLUGIN_FILE);
    if !file.exists() {
        println!("nothing to remove: there is no {}", file.display());
        return Ok(());
    }
    run(program("rm", scope)?.arg(&file))?;
    if scope == Scope::Personal {
        // epan, X.Y, plugins and wireshark, as far as install made them and nothing else is there.
        for folder in file.ancestors().skip(1).take(4) {
            if fs::remove_dir(folder).is_err() {
                break;
            }
        }
    }
    println!("removed {}", file.display());
    Ok(())
}

/// `name` with the rights that the folder needs.
fn program(name: &str, scope: Scope) -> Result<Command, String> {
    if scope == Scope::Global { as_root(name) } else { Ok(Command::new(name)) }
}

/// Runs tshark the way this user does and looks for the plugin in its list.
fn confirm(tshark: &Path, file: &Path) -> Result<(), String> {
    let mut list = Command::new(tshark);
    list.args(["-G", "plugins"]).env_remove("WIRESHARK_PLUGIN_DIR");
    let loaded = stdout_of(&mut list)?;
    // The last column is the path, with links resolved or not.
    let real = file.canonicalize().map_err(|error| about(file, &error))?;
    let ours =
        |line: &str| [file, &real].iter().any(|path| line.ends_with(&*path.to_string_lossy()));
    if loaded.lines().any(ours) {
        return Ok(());
    }
    Err(format!(
        "{} is in place, but `{}` does not list it; its standard error says why",
        file.display(),
        command::shown(&list)
    ))
}
