//! What is handed to a user: a folder with the plugin for one version of Wireshark, the profile and
//! the script that puts both in place; and `cargo xtask dist`, which makes archives of it.

use std::env::consts::{ARCH, OS};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{run, which};
use crate::packages::{self, PLUGIN_BUILD};
use crate::wireshark::{PLUGIN_FILE, Wireshark, about, make_folder, replace, target_folder};
use crate::{plugin, profile, unpacked, workspace_root};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Fills `folder`, which is emptied first, for Wireshark `X.Y`. Without a `library` it serves only
/// to take things out.
pub(crate) fn assemble(folder: &Path, series: &str, library: Option<&Path>) -> Result<(), String> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|error| about(folder, &error))?;
    }
    let epan = folder.join("plugins").join(series).join("epan");
    let profile_folder = folder.join("profile");
    make_folder(&epan)?;
    make_folder(&profile_folder)?;
    let sources = workspace_root().join("ffi-plugin");
    copy(&sources.join("install.sh"), &folder.join("install.sh"), 0o755)?;
    for (name, _) in profile::files() {
        copy(&profile::folder().join(name), &profile_folder.join(name), 0o644)?;
    }
    match library {
        Some(library) => copy(library, &epan.join(PLUGIN_FILE), 0o755),
        None => Ok(()),
    }
}

fn copy(from: &Path, to: &Path, mode: u32) -> Result<(), String> {
    fs::copy(from, to)
        .and_then(|_| fs::set_permissions(to, fs::Permissions::from_mode(mode)))
        .map_err(|error| about(from, &error))
}

/// Makes an archive for each version in `versions`, or for the installed one, and gives their
/// paths. The same sources and tools give the same octets.
pub fn dist(versions: &[String]) -> Result<Vec<PathBuf>, String> {
    packages::ensure(PLUGIN_BUILD.iter())?;
    if versions.is_empty() {
        return Ok(vec![archive(&Wireshark::find()?)?]);
    }
    versions.iter().map(|series| archive(&unpacked::wireshark(series)?)).collect()
}

/// Name of the archive, without its ending, and of the folder in it.
pub fn archive_name(series: &str) -> String {
    format!("tcphs-{VERSION}-wireshark-{series}-{OS}-{ARCH}")
}

fn archive(wireshark: &Wireshark) -> Result<PathBuf, String> {
    let series = wireshark.series();
    let library = plugin::build(wireshark)?;
    let dist = target_folder()?.join("dist");
    make_folder(&dist)?;
    let archive = dist.join(format!("{}.tar.gz", archive_name(&series)));
    // In one step: whoever looks sees a whole archive.
    replace(&archive, |temporary| {
        let mut work = temporary.as_os_str().to_owned();
        work.push(".work");
        let work = PathBuf::from(work);
        let made = pack(&work, &series, &library, temporary);
        let _ = fs::remove_dir_all(&work);
        made.map_err(std::io::Error::other)
    })?;
    Ok(archive)
}

/// What is taken out of the plugin, for `strip`: the same sources, the same tools and the same place
/// of cargo's registry then give the same octets, wherever the sources are.
pub const STRIPPED: [&str; 2] = ["--strip-all", "--remove-section=.note.gnu.build-id"];

/// Writes the archive `to`, working in `work`.
fn pack(work: &Path, series: &str, library: &Path, to: &Path) -> Result<(), String> {
    let name = archive_name(series);
    let folder = work.join(&name);
    assemble(&folder, series, Some(library))?;
    // Symbols would name the folders of whoever built it, and the identifier counts them in.
    let strip = which("strip").ok_or("strip (package binutils) is missing")?;
    let file = folder.join("plugins").join(series).join("epan").join(PLUGIN_FILE);
    run(Command::new(strip).args(STRIPPED).arg(&file))?;
    let readme = folder.join("README");
    fs::write(&readme, self::readme(series)).map_err(|error| about(&readme, &error))?;
    for (from, to) in [("ffi-plugin/LICENSE", "LICENSE"), ("CHANGELOG.md", "CHANGELOG.md")] {
        copy(&workspace_root().join(from), &folder.join(to), 0o644)?;
    }
    let tar = work.join("archive.tar");
    let mut command = Command::new("tar");
    command
        .args(["--create", "--format=ustar", "--sort=name", "--mtime=@0"])
        .args(["--owner=0", "--group=0", "--numeric-owner", "--mode=u=rwX,go=rX"])
        .arg("--directory")
        .arg(work)
        .arg("--file");
    run(command.arg(&tar).arg(&name))?;
    run(Command::new("gzip").args(["--no-name", "--best"]).arg(&tar))?;
    let packed = work.join("archive.tar.gz");
    fs::rename(&packed, to).map_err(|error| about(&packed, &error))
}

fn readme(series: &str) -> String {
    format!(
        "tcphs {VERSION} for Wireshark {series} ({OS} {ARCH})

The TCP handshake in the packet list of Wireshark and tshark: each step, the states of client and
server, and why a connection did not come up.

    sh install.sh                   into your own Wireshark (as root: everybody's)
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
    fn an_archive_says_whose_it_is() {
        let name = archive_name("4.4");
        assert!(name.starts_with("tcphs-") && name.contains("-wireshark-4.4-"), "{name}");
        let readme = readme("4.4");
        assert!(readme.contains("for Wireshark 4.4 ("), "{readme}");
        assert!(readme.lines().all(|line| line.len() <= 100), "{readme}");
    }
}
