//! Archives for users: the plugin for one version of Wireshark, with the profile and the script that
//! puts both in place (`cargo xtask dist`), and the command (`cargo xtask dist-command`).

pub mod deb;
mod pages;
pub mod toolchain;
pub mod windows;

use std::env::consts::{ARCH, OS};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process;

use anyhow::Result;
use testkit::folders::{At, made_folder, make_folder, target_folder, workspace_root};
use testkit::wireshark::packages::{self, PLUGIN_BUILD};
use testkit::wireshark::{PLUGIN_FILE, Wireshark, fetch, plugin, profile};
use xshell::{Shell, cmd};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Fills `folder`, which is emptied first, for Wireshark `X.Y`. Without a `library` its script can
/// only uninstall.
pub fn assemble(folder: &Path, series: &str, library: Option<&Path>) -> Result<()> {
    Shell::new()?.remove_path(folder)?;
    let epan = folder.join("plugins").join(series).join("epan");
    let profile_folder = folder.join("profile");
    make_folder(&epan)?;
    make_folder(&profile_folder)?;
    let script = workspace_root().join("ffi-plugin/install.sh");
    copy(&script, &folder.join("install.sh"), 0o755)?;
    for (name, _) in profile::files() {
        copy(&profile::folder().join(name), &profile_folder.join(name), 0o644)?;
    }
    library.map_or(Ok(()), |library| copy(library, &epan.join(PLUGIN_FILE), 0o755))
}

fn copy(from: &Path, to: &Path, mode: u32) -> Result<()> {
    fs::copy(from, to)
        .and_then(|_| fs::set_permissions(to, fs::Permissions::from_mode(mode)))
        .at(from)
}

/// Makes an archive of the plugin for each version in `versions`, or for the installed one, and
/// gives their paths. The same sources and tools give the same octets.
pub fn plugins(versions: &[String]) -> Result<Vec<PathBuf>> {
    packages::ensure(PLUGIN_BUILD.iter())?;
    if versions.is_empty() {
        return Ok(vec![archive_plugin(&Wireshark::find()?)?]);
    }
    versions.iter().map(|series| archive_plugin(&fetch::wireshark(series)?)).collect()
}

fn archive_plugin(wireshark: &Wireshark) -> Result<PathBuf> {
    let series = wireshark.series();
    let library = plugin::build(wireshark)?;
    archive(&format!("tcphs-{VERSION}-wireshark-{series}-{OS}-{ARCH}"), Kind::TarGz, |folder| {
        assemble(folder, &series, Some(&library))?;
        let shell = Shell::new()?;
        // Symbols would name the folders of this machine, and the identifier depends on them.
        let file = folder.join("plugins").join(&series).join("epan").join(PLUGIN_FILE);
        let strip = plugin::STRIP;
        cmd!(shell, "strip {strip...} {file}").quiet().run()?;
        shell.write_file(folder.join("README"), readme(&series))?;
        for (from, to) in [("ffi-plugin/LICENSE", "LICENSE"), ("CHANGELOG.md", "CHANGELOG.md")] {
            copy(&workspace_root().join(from), &folder.join(to), 0o644)?;
        }
        Ok(())
    })
}

/// Builds the command and packs it with man pages and completions; the path of the archive.
pub fn command() -> Result<PathBuf> {
    let program = build_command()?;
    archive(&format!("tcphs-{VERSION}-{OS}-{ARCH}"), Kind::TarGz, |folder| {
        let shell = Shell::new()?;
        shell.change_dir(workspace_root());
        for file in ["README.md", "CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT"] {
            shell.copy_file(file, folder)?;
        }
        shell.copy_file(&program, folder)?;
        pages::write(folder, &pages::UNIX)
    })
}

/// Builds the command for this machine; the path of the program.
fn build_command() -> Result<PathBuf> {
    let shell = Shell::new()?;
    shell.change_dir(workspace_root());
    cmd!(shell, "cargo build --release --package tcphs --features parquet").quiet().run()?;
    Ok(target_folder()?.join("release/tcphs"))
}

/// The two kinds of archives.
#[derive(Clone, Copy, Debug)]
enum Kind {
    TarGz,
    /// What Windows opens without another program.
    Zip,
}

impl Kind {
    fn ending(self) -> &'static str {
        match self {
            Self::TarGz => "tar.gz",
            Self::Zip => "zip",
        }
    }

    /// Packs `work/name` as `archive`. The same files give the same octets.
    fn pack(self, work: &Path, name: &str, archive: &Path) -> Result<()> {
        let shell = Shell::new()?;
        match self {
            Self::TarGz => {
                let same_octets = [
                    "--format=ustar",
                    "--sort=name",
                    "--mtime=@0",
                    "--owner=0",
                    "--group=0",
                    "--numeric-owner",
                    "--mode=u=rwX,go=rX",
                ];
                let tar = archive.with_extension("");
                cmd!(shell, "tar --create {same_octets...} --directory {work} --file {tar} {name}")
                    .quiet()
                    .run()?;
                Ok(cmd!(shell, "gzip --no-name --best {tar}").quiet().run()?)
            }
            Self::Zip => {
                shell.change_dir(work);
                shell.set_var("TZ", "UTC");
                let mut files = files_below(&work.join(name))?;
                files.sort();
                for file in &files {
                    fs::set_permissions(file, fs::Permissions::from_mode(0o644)).at(file)?;
                }
                let files: Vec<_> =
                    files.iter().filter_map(|file| file.strip_prefix(work).ok()).collect();
                // The first moment that a zip can name.
                cmd!(shell, "touch --date=1980-01-01T00:00:00Z").args(&files).quiet().run()?;
                // No users, no times of access.
                Ok(cmd!(shell, "zip -X -9 --quiet {archive} {files...}").quiet().run()?)
            }
        }
    }
}

/// Every file below `folder`.
fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).at(folder)?.flatten() {
        let path = entry.path();
        if path.is_dir() { files.extend(files_below(&path)?) } else { files.push(path) }
    }
    Ok(files)
}

/// Has `fill` fill a folder, and packs it as `target/dist/NAME.ENDING`; that path.
fn archive(name: &str, kind: Kind, fill: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let dist = made_folder("dist")?;
    let file = format!("{name}.{}", kind.ending());
    let archive = dist.join(&file);
    let work = dist.join(format!(".{name}.{}", process::id()));
    let folder = work.join(name);
    let packed = make_folder(&folder).and_then(|()| fill(&folder)).and_then(|()| {
        kind.pack(&work, name, &work.join(&file))?;
        // Renamed in one step, so that no reader finds an incomplete archive.
        fs::rename(work.join(&file), &archive).at(&archive)
    });
    let _ = fs::remove_dir_all(&work);
    packed.map(|()| archive)
}

fn readme(series: &str) -> String {
    format!(
        "tcphs {VERSION} for Wireshark {series} ({OS} {ARCH})

The TCP handshake in the packet list of Wireshark and tshark: each step, the states of client and
server, and why a connection did not come up.

    sh install.sh                   into your own Wireshark (as root: for all users)
    sh install.sh --uninstall       out again

It fits Wireshark {series}, whatever the third number (Help, About Wireshark; or tshark --version).
For another version take another archive.

Restart Wireshark. To see it all, choose the profile \"{profile}\" at the right end of the status
bar, or

    wireshark -C \"{profile}\" some.pcapng
    tshark -2 -C \"{profile}\" -r some.pcapng

Licence: GPL-2.0-or-later (LICENSE).
",
        profile = profile::NAME
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_names_the_version() {
        let readme = readme("4.4");
        assert!(readme.contains("for Wireshark 4.4 ("), "{readme}");
        assert!(readme.lines().all(|line| line.len() <= 100), "{readme}");
    }
}
