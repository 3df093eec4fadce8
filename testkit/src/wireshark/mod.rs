//! Wireshark with the plugin: the installed one, or another version unpacked beside it.
//!
//! [`Wireshark`] is a tshark and the programs beside it. [`plugin::build_and_place`] builds the
//! plugin and puts it where that tshark is told to look. `WIRESHARK_PLUGIN_DIR` *replaces*
//! Wireshark's plugin folder, so the folder it names here holds links to all of Wireshark's own
//! plugins beside ours. Nothing here changes the Wireshark that the user has installed.

pub mod fetch;
pub mod packages;
pub mod plugin;
pub mod privileges;
pub mod profile;
pub mod settings;
mod stage;
pub mod unpacked;

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command::{stdout_of, which};
use crate::folders::{make_folder, mirror};
use privileges::RunAs;
pub use stage::stage;
use unpacked::{Unpacked, is_version, series};

/// Names the version that the tests run with, `X.Y`, where it is not the installed one.
pub const VERSION_VARIABLE: &str = "TCPHS_WIRESHARK";

/// The plugin's file name wherever Wireshark looks for it.
pub const PLUGIN_FILE: &str = "tcphs.so";

const PLUGINS: &str = "plugins";
const STOCK: &str = "stock";
const HOME: &str = "home";

/// A tshark, the installed one or an unpacked one, and how to run it with the plugin and without.
///
/// By default its commands have an empty home, so that no preferences change a test;
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
    stage: PathBuf,
    /// The unpacked version; `None` for the installed one.
    unpacked: Option<Unpacked>,
    run_as: RunAs,
    users_home: bool,
}

impl Wireshark {
    /// The version that [`VERSION_VARIABLE`] names, else the installed one.
    pub fn find() -> Result<Self> {
        match named_version()? {
            Some(series) => Self::of(&series),
            None => Self::installed(),
        }
    }

    /// Looks for tshark in `PATH` and asks it for its version and plugin folder.
    pub fn installed() -> Result<Self> {
        let tshark = which("tshark").context(
            "tshark is not installed: `cargo xtask tshark -v` installs it, or install the package \
             tshark",
        )?;
        let version = version_of(&tshark)?;
        let mut folders = Command::new(&tshark);
        folders.args(["-G", "folders"]).env_remove("WIRESHARK_PLUGIN_DIR");
        let global_plugins = global_plugins(&stdout_of(&mut folders)?)
            .context("`tshark -G folders` names no global plugin folder")?;
        let run_as = RunAs::choose()?;
        let stage = stage::stage_for("wireshark", &run_as)?;
        let unpacked = None;
        Ok(Self { version, tshark, global_plugins, stage, unpacked, run_as, users_home: false })
    }

    /// Version `X.Y`: the installed one if it is of that version, else the unpacked one.
    pub fn of(series: &str) -> Result<Self> {
        if let Ok(installed) = Self::installed()
            && installed.series() == series
        {
            return Ok(installed);
        }
        let unpacked = Unpacked::find(series)?.with_context(|| {
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
        // The user nobody complains about a home that it cannot read.
        self.users_home = self.run_as.reads_what_caller_reads();
        self
    }

    /// tshark with the plugin loaded. Arguments, directory and standard streams are the caller's.
    pub fn with_plugin(&self) -> Command {
        self.with_plugin_under(&[])
    }

    /// tshark as the same user in the same environment, with Wireshark's own plugins only.
    pub fn without_plugin(&self) -> Command {
        self.without_plugin_under(&[])
    }

    /// [`Self::with_plugin`] run by another program, such as valgrind.
    pub fn with_plugin_under(&self, wrapper: &[&str]) -> Command {
        self.command(PLUGINS, wrapper, &self.tshark)
    }

    /// [`Self::without_plugin`] run by another program, such as valgrind.
    pub fn without_plugin_under(&self, wrapper: &[&str]) -> Command {
        self.command(STOCK, wrapper, &self.tshark)
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
        program.is_file().then(|| self.command(tree, wrapper, &program))
    }

    /// The window with the plugin loaded.
    pub fn window(&self) -> Result<Command> {
        if self.unpacked.is_some() {
            bail!("the window of Wireshark {} is not unpacked", self.series());
        }
        let program = which("wireshark").context("wireshark is not installed")?;
        Ok(self.command(PLUGINS, &[], &program))
    }

    /// The same Wireshark with a plugin folder of its own, for another build of the plugin.
    fn beside(&self, name: &str) -> Self {
        Self { stage: self.stage.join(name), ..self.clone() }
    }

    /// The name of the version's folders, `X.Y`.
    pub fn series(&self) -> String {
        format!("{}.{}", self.version.0, self.version.1)
    }

    /// The folder that its packages are unpacked in: `/`, unless it is an unpacked version.
    pub fn root(&self) -> PathBuf {
        self.unpacked.as_ref().map_or_else(|| "/".into(), Unpacked::root)
    }

    /// The folder in which Wireshark looks for this user's packet plugins.
    pub fn personal_folder(&self) -> Result<PathBuf> {
        let home =
            env::var_os("HOME").context("HOME is not set, so there is no personal folder")?;
        let plugins = Path::new(&home).join(".local/lib/wireshark/plugins");
        Ok(plugins.join(self.series()).join("epan"))
    }

    fn command(&self, tree: &str, wrapper: &[&str], program: &Path) -> Command {
        let mut words = wrapper.iter().map(OsStr::new).chain([program.as_os_str()]);
        let first = words.next().unwrap_or(program.as_os_str());
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

    /// A program as the user who runs tshark: this tshark is the first in its `PATH`, `home` is its
    /// home, and nothing of ours is in its environment.
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
    fn users_settings(&self) -> Result<Option<PathBuf>> {
        let text = stdout_of(Command::new(&self.tshark).args(["-G", "folders"]))?;
        let path = text.lines().find_map(|line| line.strip_prefix("Personal configuration:"));
        Ok(path.map(|path| PathBuf::from(path.trim())))
    }

    /// The place of tcphs.so.
    fn plugin_file(&self) -> PathBuf {
        self.stage.join(PLUGINS).join(self.series()).join("epan").join(PLUGIN_FILE)
    }

    /// Makes `stock` and `plugins` mirror Wireshark's own plugin folder without tcphs.so. Several
    /// processes may do so at the same time.
    fn prepare_stage(&self) -> Result<()> {
        let series = self.series();
        for tree in [PLUGINS, STOCK] {
            let ours = self.stage.join(tree);
            let global = &self.global_plugins;
            // Lua scripts may lie at each level; the folders of other versions are left out.
            mirror(global, &ours, |name| name == series.as_str() || is_version(name))?;
            mirror(&global.join(&series), &ours.join(&series), |name| name == "epan")?;
            let epan = Path::new(&series).join("epan");
            mirror(&global.join(&epan), &ours.join(&epan), |name| name == PLUGIN_FILE)?;
        }
        make_folder(&self.stage.join(HOME))?;
        let theirs = if self.users_home { self.users_settings()? } else { None };
        settings::prepare(&self.settings(), theirs.as_deref())
    }
}

/// The version that [`VERSION_VARIABLE`] names.
pub fn named_version() -> Result<Option<String>> {
    let text = env::var(VERSION_VARIABLE).unwrap_or_default();
    if text.is_empty() { Ok(None) } else { series(&text).map(Some) }
}

fn version_of(tshark: &Path) -> Result<(u32, u32, u32)> {
    version(&stdout_of(Command::new(tshark).arg("-v"))?)
        .with_context(|| format!("`{} -v` names no version", tshark.display()))
}

/// The first `X.Y.Z` in the output of `tshark -v`.
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

/// Wireshark's own plugin folder, in the output of `tshark -G folders`.
fn global_plugins(text: &str) -> Option<PathBuf> {
    let path = text.lines().find_map(|line| line.strip_prefix("Global Plugins:"))?.trim();
    // The last part is the version.
    Path::new(path).parent().map(Path::to_path_buf)
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
        let found = global_plugins(text);
        assert_eq!(found.as_deref(), Some(Path::new("/usr/lib/wireshark/plugins")));
        assert!(is_version(OsStr::new("4.0")) && !is_version(OsStr::new("a.lua")));
    }
}
