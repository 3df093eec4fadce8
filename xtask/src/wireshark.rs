//! The installed Wireshark: its version, its plugin folders, and its programs with our plugin.
//!
//! `WIRESHARK_PLUGIN_DIR` *replaces* Wireshark's plugin folder, so the folder we name holds links
//! to all of Wireshark's own plugins beside ours. See [`crate::plugin`] for who fills it.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{cargo, json_strings, stdout_of, which};
use crate::privileges::RunAs;
use crate::unpacked::{self, Unpacked};
use crate::{settings, workspace_root};

/// Names the version that the tests run with, `X.Y`, where it is not the installed one.
pub const VERSION_VARIABLE: &str = "TCPHS_WIRESHARK";

/// A tshark, the installed one or an unpacked one, and how to run it with the plugin and without.
///
/// As found, its commands have an empty home, so that nobody's preferences change a test;
/// [`Wireshark::with_users_preferences`] keeps the caller's.
#[derive(Clone, Debug)]
pub struct Wireshark {
    /// `X.Y.Z` as tshark prints it.
    pub version: (u32, u32, u32),
    /// The program.
    pub tshark: PathBuf,
    /// Wireshark's own plugin folder, without the version: `…/wireshark/plugins`.
    pub global_plugins: PathBuf,
    /// Our folder: `plugins` with tcphs.so, `stock` without it, and an empty `home`.
    pub(crate) stage: PathBuf,
    /// Where it is unpacked; `None` for the installed one.
    pub(crate) unpacked: Option<Unpacked>,
    run_as: RunAs,
    users_home: bool,
}

impl Wireshark {
    /// The version that [`VERSION_VARIABLE`] names, else the installed one.
    pub fn find() -> Result<Self, String> {
        match named_version()? {
            Some(series) => Self::of(&series),
            None => Self::installed(),
        }
    }

    /// Looks for tshark in `PATH` and asks it for its version and plugin folder.
    pub fn installed() -> Result<Self, String> {
        let tshark = which("tshark").ok_or(
            "tshark is not installed: `cargo xtask tshark -v` installs it, or install the package \
             tshark",
        )?;
        let version = version_of(&tshark)?;
        let mut folders = Command::new(&tshark);
        folders.args(["-G", "folders"]).env_remove("WIRESHARK_PLUGIN_DIR");
        let global_plugins = folder(&stdout_of(&mut folders)?, "Global Plugins:")
            .ok_or("`tshark -G folders` names no global plugin folder")?;
        let run_as = RunAs::choose()?;
        let stage = place("wireshark", &run_as)?;
        let unpacked = None;
        Ok(Self { version, tshark, global_plugins, stage, unpacked, run_as, users_home: false })
    }

    /// Version `X.Y`: the installed one where it is of that version, else the unpacked one.
    pub fn of(series: &str) -> Result<Self, String> {
        if let Ok(installed) = Self::installed()
            && installed.series() == series
        {
            return Ok(installed);
        }
        let unpacked = Unpacked::find(series)?.ok_or_else(|| {
            format!(
                "Wireshark {series} is not here: `cargo xtask test --wireshark {series}` fetches it"
            )
        })?;
        let tshark = unpacked.program("tshark");
        Ok(Self {
            version: version_of(&tshark)?,
            tshark,
            global_plugins: unpacked.plugins.clone(),
            stage: unpacked.folder.clone(),
            unpacked: Some(unpacked),
            run_as: RunAs::choose()?,
            users_home: false,
        })
    }

    /// The same, with the caller's home and preferences instead of none.
    pub fn with_users_preferences(mut self) -> Self {
        // Nobody who cannot read root's home would only complain about it.
        self.users_home = self.run_as.reads_what_we_read();
        self
    }

    /// tshark with the plugin loaded. Arguments, directory and standard streams are the caller's.
    pub fn with_plugin(&self) -> Command {
        self.command(PLUGINS, &[], self.tshark.as_os_str())
    }

    /// tshark as the same user in the same environment, with Wireshark's own plugins only.
    pub fn without_plugin(&self) -> Command {
        self.command(STOCK, &[], self.tshark.as_os_str())
    }

    /// [`Self::with_plugin`] run by another program, such as valgrind.
    pub fn with_plugin_under(&self, wrapper: &[&str]) -> Command {
        self.command(PLUGINS, wrapper, self.tshark.as_os_str())
    }

    /// [`Self::without_plugin`] run by another program, such as valgrind.
    pub fn without_plugin_under(&self, wrapper: &[&str]) -> Command {
        self.command(STOCK, wrapper, self.tshark.as_os_str())
    }

    /// Another program of Wireshark's that lies beside tshark, such as sharkd, with the plugin
    /// loaded or without; `None` where it is not installed.
    pub fn beside_tshark(&self, program: &str, plugin: bool) -> Option<Command> {
        self.beside_tshark_under(program, plugin, &[])
    }

    /// [`Self::beside_tshark`] run by another program, such as valgrind.
    pub fn beside_tshark_under(
        &self,
        program: &str,
        plugin: bool,
        wrapper: &[&str],
    ) -> Option<Command> {
        let program = self.tshark.with_file_name(program);
        let tree = if plugin { PLUGINS } else { STOCK };
        program.is_file().then(|| self.command(tree, wrapper, program.as_os_str()))
    }

    /// The window with the plugin loaded.
    pub fn window(&self) -> Result<Command, String> {
        if self.unpacked.is_some() {
            return Err(format!("the window of Wireshark {} is not unpacked", self.series()));
        }
        let program = which("wireshark").ok_or("wireshark is not installed")?;
        Ok(self.command(PLUGINS, &[], program.as_os_str()))
    }

    /// The same with a folder for plugins of its own, to hold another build of ours.
    pub(crate) fn beside(&self, name: &str) -> Self {
        Self { stage: self.stage.join(name), ..self.clone() }
    }

    /// The name of the version's folders, `X.Y`.
    pub fn series(&self) -> String {
        format!("{}.{}", self.version.0, self.version.1)
    }

    /// The folder in which Wireshark looks for this user's packet plugins.
    pub fn personal_folder(&self) -> Result<PathBuf, String> {
        let home = env::var_os("HOME").ok_or("HOME is not set, so there is no personal folder")?;
        let plugins = Path::new(&home).join(".local/lib/wireshark/plugins");
        Ok(plugins.join(self.series()).join("epan"))
    }

    fn command(&self, tree: &str, wrapper: &[&str], program: &OsStr) -> Command {
        let mut words = wrapper.iter().map(OsStr::new).chain([program]);
        let first = words.next().unwrap_or(program);
        let mut command = self.run_as.command(first);
        command.args(words);
        command.env("WIRESHARK_PLUGIN_DIR", self.stage.join(tree));
        command.env_remove("WIRESHARK_RUN_FROM_BUILD_DIRECTORY");
        command.env("WIRESHARK_CONFIG_DIR", self.settings());
        if !self.users_home {
            command.env("HOME", self.stage.join(HOME));
            for name in ["XDG_CONFIG_HOME", "XDG_DATA_HOME"] {
                command.env_remove(name);
            }
        }
        command
    }

    /// A program as the user who runs tshark, who finds this tshark first in `PATH`, has `home` for a
    /// home and nothing of ours in the environment.
    pub fn as_user(&self, program: &str, home: &Path) -> Command {
        let mut command = self.run_as.command(program);
        let first = self.tshark.parent().map(Path::to_path_buf);
        let path = env::var_os("PATH").unwrap_or_default();
        let folders = first.into_iter().chain(env::split_paths(&path));
        command.env("PATH", env::join_paths(folders).unwrap_or(path)).env("HOME", home);
        for name in [
            "XDG_CONFIG_HOME",
            "XDG_DATA_HOME",
            "WIRESHARK_CONFIG_DIR",
            "WIRESHARK_PLUGIN_DIR",
            "WIRESHARK_RUN_FROM_BUILD_DIRECTORY",
        ] {
            command.env_remove(name);
        }
        command
    }

    /// The folder of settings that Wireshark is given.
    fn settings(&self) -> PathBuf {
        self.stage.join(if self.users_home { "users-settings" } else { "settings" })
    }

    /// The folder of the caller's own settings.
    fn users_settings(&self) -> Result<Option<PathBuf>, String> {
        let mut folders = Command::new(&self.tshark);
        let text = stdout_of(folders.args(["-G", "folders"]))?;
        let path = text.lines().find_map(|line| line.strip_prefix("Personal configuration:"));
        Ok(path.map(|path| PathBuf::from(path.trim())))
    }

    /// Makes `stock` and `plugins` mirror Wireshark's own plugin folder, leaving out tcphs.so, and
    /// gives the folder that tcphs.so itself goes to. Several processes may do so at once.
    pub(crate) fn prepare_stage(&self) -> Result<PathBuf, String> {
        let series = self.series();
        for tree in [PLUGINS, STOCK] {
            let ours = self.stage.join(tree);
            let global = &self.global_plugins;
            // Lua scripts may lie at each level; other versions' folders are none of our business.
            mirror(global, &ours, |name| name == series.as_str() || is_version(name))?;
            mirror(&global.join(&series), &ours.join(&series), |name| name == "epan")?;
            let epan = Path::new(&series).join("epan");
            mirror(&global.join(&epan), &ours.join(&epan), |name| name == PLUGIN_FILE)?;
        }
        make_folder(&self.stage.join(HOME))?;
        let theirs = if self.users_home { self.users_settings()? } else { None };
        settings::prepare(&self.settings(), theirs.as_deref())?;
        Ok(self.stage.join(PLUGINS).join(series).join("epan"))
    }
}

/// The plugin's file name wherever Wireshark looks for it.
pub const PLUGIN_FILE: &str = "tcphs.so";

const PLUGINS: &str = "plugins";
const STOCK: &str = "stock";
const HOME: &str = "home";

/// The first `X.Y.Z` in what `tshark -v` prints.
/// What [`VERSION_VARIABLE`] names.
pub fn named_version() -> Result<Option<String>, String> {
    let text = env::var(VERSION_VARIABLE).unwrap_or_default();
    if text.is_empty() { Ok(None) } else { unpacked::series(&text).map(Some) }
}

fn version_of(tshark: &Path) -> Result<(u32, u32, u32), String> {
    version(&stdout_of(Command::new(tshark).arg("-v"))?)
        .ok_or_else(|| format!("`{} -v` names no version", tshark.display()))
}

fn version(text: &str) -> Option<(u32, u32, u32)> {
    text.split_whitespace().find_map(|word| {
        let mut parts = word.trim_end_matches(['.', ',']).splitn(3, '.');
        let (major, minor) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        // Candidates print 4.6.0rc1.
        let micro = parts.next()?;
        let digits = micro.find(|c: char| !c.is_ascii_digit()).unwrap_or(micro.len());
        Some((major, minor, micro[..digits].parse().ok()?))
    })
}

/// One line of `tshark -G folders`.
fn folder(text: &str, label: &str) -> Option<PathBuf> {
    let path = text.lines().find_map(|line| line.strip_prefix(label))?.trim();
    // Its last part is the version, which `global_folder` adds again.
    Path::new(path).parent().map(Path::to_path_buf)
}

pub(crate) fn is_version(name: &OsStr) -> bool {
    name.to_str()
        .and_then(|name| name.split_once('.'))
        .is_some_and(|(major, minor)| [major, minor].iter().all(|part| part.parse::<u32>().is_ok()))
}

/// [`place`] for whoever runs Wireshark's programs here.
pub(crate) fn place_for(name: &str) -> Result<PathBuf, String> {
    place(name, &RunAs::choose()?)
}

/// `<target>/name`, or a folder that everybody can read where root's target folder is closed to
/// nobody.
fn place(name: &str, run_as: &RunAs) -> Result<PathBuf, String> {
    let target = target_folder()?;
    let stage = target.join(name);
    if run_as.reads_what_we_read() || open_to_all(&target) {
        return Ok(stage);
    }
    // One per checkout; the number only keeps two checkouts apart.
    let number: u64 = target
        .as_os_str()
        .as_encoded_bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3));
    let stage = env::temp_dir().join(format!("tcphs-{number:016x}-{name}"));
    make_folder(&stage)?;
    // Somebody else's folder of that name would let them choose what nobody loads.
    let meta = fs::symlink_metadata(&stage).map_err(|error| about(&stage, &error))?;
    if meta.is_dir() && meta.uid() == 0 && meta.mode() & 0o022 == 0 {
        return Ok(stage);
    }
    Err(format!("{} is not a folder that only root can write: remove it", stage.display()))
}

/// Whether everybody may pass through every folder on the way to `folder`.
fn open_to_all(folder: &Path) -> bool {
    folder
        .ancestors()
        .filter_map(|step| step.metadata().ok())
        .all(|meta| meta.permissions().mode() & 0o001 != 0)
}

/// Cargo's target folder, wherever the user has put it.
pub fn target_folder() -> Result<PathBuf, String> {
    let mut metadata = cargo();
    metadata.args(["metadata", "--format-version=1", "--no-deps", "--offline"]);
    let text = stdout_of(metadata.current_dir(workspace_root()))?;
    let after = text.split_once("\"target_directory\":").map_or("", |(_, after)| after);
    let folder = json_strings(after, |_| true).into_iter().next();
    folder.map(PathBuf::from).ok_or_else(|| "`cargo metadata` names no target folder".into())
}

/// Makes `ours` hold a link to everything in `theirs` save what `skip` names, and no other link.
pub(crate) fn mirror(
    theirs: &Path,
    ours: &Path,
    skip: impl Fn(&OsStr) -> bool,
) -> Result<(), String> {
    make_folder(ours)?;
    let mut wanted = Vec::new();
    // Wireshark without any plugin has no such folder.
    for entry in fs::read_dir(theirs).into_iter().flatten().flatten() {
        if !skip(&entry.file_name()) {
            link(&entry.path(), &ours.join(entry.file_name()))?;
            wanted.push(entry.file_name());
        }
    }
    for entry in fs::read_dir(ours).into_iter().flatten().flatten() {
        let stale = entry.file_type().is_ok_and(|kind| kind.is_symlink())
            && !wanted.contains(&entry.file_name());
        // Another process may have been faster, or be about to rename its own.
        if stale && !is_temporary(&entry.file_name()) {
            let _ = fs::remove_file(entry.path());
        }
    }
    Ok(())
}

fn link(target: &Path, name: &Path) -> Result<(), String> {
    if fs::read_link(name).is_ok_and(|there| there == target) {
        return Ok(());
    }
    replace(name, |temporary| std::os::unix::fs::symlink(target, temporary))
}

/// Puts in place of `file` what `make` makes, in one step: whoever looks sees the old or the new.
pub(crate) fn replace(
    file: &Path,
    make: impl FnOnce(&Path) -> std::io::Result<()>,
) -> Result<(), String> {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    // It must not end in `.so`, or a Wireshark that starts now loads it.
    let temporary = file.with_file_name(format!(".{name}.{}.{number}", std::process::id()));
    make(&temporary).and_then(|()| fs::rename(&temporary, file)).map_err(|error| {
        let _ = fs::remove_file(&temporary);
        about(file, &error)
    })
}

fn is_temporary(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// Makes a folder that everybody can read, whatever the umask.
pub(crate) fn make_folder(folder: &Path) -> Result<(), String> {
    if folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(folder)
        .and_then(|()| fs::set_permissions(folder, fs::Permissions::from_mode(0o755)))
        .map_err(|error| about(folder, &error))
}

pub(crate) fn about(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_as_tshark_prints_them() {
        let debian = "TShark (Wireshark) 4.0.17 (Git v4.0.17 packaged as 4.0.17-0+deb12u3).\n";
        assert_eq!(version(debian), Some((4, 0, 17)));
        assert_eq!(version("TShark (Wireshark) 4.6.9.\n"), Some((4, 6, 9)));
        assert_eq!(version("TShark (Wireshark) 4.6.0rc1 (v4.6.0rc1)"), Some((4, 6, 0)));
        assert_eq!(version("no version at all"), None);
    }

    #[test]
    fn the_global_folder_as_tshark_prints_it() {
        let text = "Temp:\t/tmp\nGlobal Plugins:      \t/usr/lib/wireshark/plugins/4.0\n";
        let found = folder(text, "Global Plugins:");
        assert_eq!(found.as_deref(), Some(Path::new("/usr/lib/wireshark/plugins")));
        assert!(is_version(OsStr::new("4.0")) && !is_version(OsStr::new("a.lua")));
    }
}
