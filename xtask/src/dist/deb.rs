//! Debian packages: `cargo xtask deb`.
//!
//! cargo-deb packs them. It reads the manifest of a cargo package that is written for it, because
//! places and dependencies of the plugin are those of the Wireshark that it was built with.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use testkit::command::stdout_of;
use testkit::folders::{At, made_folder, make_folder, workspace_root};
use testkit::wireshark::packages::{self, DPKG_DEV, PLUGIN_BUILD};
use testkit::wireshark::{PLUGIN_FILE, Wireshark, fetch, plugin, profile};
use xshell::{Shell, cmd};

use super::{VERSION, build_command, copy, files_below, pages};
use crate::tools::CARGO_DEB;

/// The name of the plugin's package.
const PLUGIN: &str = "wireshark-plugin-tcphs";

/// The maintainer, unless the variables of Debian's own tools name another: the project has no address
/// of mail.
const MAINTAINER: &str = "The tcphs developers";

/// What differs between the two packages.
struct Package<'a> {
    name: &'a str,
    /// Debian's part of the version.
    revision: String,
    title: &'a str,
    text: &'a str,
    depends: String,
    /// Debian's words for a licence, and the text that /usr/share/common-licenses does not have.
    copyright: String,
}

/// Makes the packages of the command, and of the plugin for each version in `versions` or for the
/// installed one; their paths. The same sources and tools give the same octets.
pub fn packages(versions: &[String]) -> Result<Vec<PathBuf>> {
    packages::ensure(PLUGIN_BUILD.iter().chain([&DPKG_DEV]))?;
    let mut made = vec![command()?];
    match versions {
        [] => made.push(plugin(&Wireshark::find()?)?),
        versions => {
            for series in versions {
                made.push(plugin(&fetch::wireshark(series)?)?);
            }
        }
    }
    Ok(made)
}

fn command() -> Result<PathBuf> {
    let program = build_command()?;
    let mit = fs::read_to_string(workspace_root().join("LICENSE-MIT")).at("LICENSE-MIT")?;
    let (_, mit) = mit.split_once("\n\n").context("LICENSE-MIT has no text")?;
    let package = Package {
        name: "tcphs",
        revision: "1".into(),
        title: "how the TCP handshakes of a capture went",
        text: "tcphs reads captures (pcap, pcapng) and says of every TCP connection whether\n\
               it came up, and if not, why and what to check next. It draws connections as\n\
               ladders, counts failures by server, and compares the captures of two points.",
        depends: "$auto".into(),
        copyright: copyright("Expat or Apache-2.0", &[("Expat", mit), ("Apache-2.0", APACHE)]),
    };
    package.make(|tree| {
        let bin = tree.join("usr/bin");
        make_folder(&bin)?;
        place(&program, &bin.join("tcphs"), 0o755)?;
        strip(&bin.join("tcphs"))?;
        let made = tree.join("made");
        make_folder(&made)?;
        pages::write(&made, &pages::UNIX)?;
        for entry in fs::read_dir(made.join("man")).at(&made)?.flatten() {
            place(&entry.path(), &tree.join("usr/share/man/man1").join(entry.file_name()), 0o644)?;
        }
        for (from, to) in [
            ("tcphs.bash", "bash-completion/completions/tcphs"),
            ("_tcphs", "zsh/vendor-completions/_tcphs"),
            ("tcphs.fish", "fish/vendor_completions.d/tcphs.fish"),
        ] {
            let from = made.join("completions").join(from);
            place(&from, &tree.join("usr/share").join(to), 0o644)?;
        }
        fs::remove_dir_all(&made).at(&made)
    })
}

fn plugin(wireshark: &Wireshark) -> Result<PathBuf> {
    let library = plugin::build(wireshark)?;
    let (major, minor, micro) = wireshark.version;
    let package = Package {
        name: PLUGIN,
        // Packages for other versions of Wireshark lie beside it.
        revision: format!("1+wireshark{major}.{minor}"),
        title: "the TCP handshake in the packet list of Wireshark and tshark",
        text: "A plugin that shows each step of the handshake, the states of client and\n\
               server, and why a connection did not come up; with the profile\n\
               \"TCP Handshake\".",
        depends: format!(
            "$auto, {} (>= {major}.{minor}.{micro}~), tshark | wireshark",
            library_package(wireshark)?
        ),
        copyright: copyright("GPL-2+", &[("GPL-2+", GPL)]),
    };
    package.make(|tree| {
        let root = wireshark.root();
        let plugins = wireshark.global_plugins.strip_prefix(&root)?;
        let file = tree.join(plugins).join(wireshark.series()).join("epan").join(PLUGIN_FILE);
        place(&library, &file, 0o644)?;
        strip(&file)?;
        let folder = tree.join("usr/share/wireshark/profiles").join(profile::NAME);
        profile::files().iter().try_for_each(|(name, _)| {
            place(&profile::folder().join(name), &folder.join(name), 0o644)
        })
    })
}

/// The package of the library that the plugin is called by: its number changes with every version
/// whose plugins are not exchangeable.
fn library_package(wireshark: &Wireshark) -> Result<String> {
    let root = wireshark.root();
    let tshark = root.join("usr/bin/tshark");
    let needed = stdout_of(Command::new("objdump").arg("-p").arg(&tshark))?;
    let number = needed.split_whitespace().find_map(|word| word.strip_prefix("libwireshark.so."));
    let number = number.with_context(|| format!("{} needs no libwireshark", tshark.display()))?;
    // Each package has a folder of its name.
    let documents = root.join("usr/share/doc");
    let names = ["", "t64"].map(|suffix| format!("libwireshark{number}{suffix}"));
    names.into_iter().find(|name| documents.join(name).is_dir()).with_context(|| {
        format!("libwireshark.so.{number} comes from no package of Debian's, so none can be named")
    })
}

impl Package<'_> {
    /// Has `fill` fill the tree of the files and packs it; the path of the package.
    fn make(&self, fill: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
        let epoch = epoch();
        let folder = made_folder("deb")?.join(format!("{}-{}", self.name, self.revision));
        Shell::new()?.remove_path(&folder)?;
        let tree = folder.join("tree");
        make_folder(&tree)?;
        fill(&tree)?;
        let documents = tree.join("usr/share/doc").join(self.name);
        make_folder(&documents)?;
        place(&workspace_root().join("CHANGELOG.md"), &documents.join("changelog"), 0o644)?;
        let write = |file: PathBuf, text: &str| fs::write(&file, text).at(&file);
        write(documents.join("copyright"), &self.copyright)?;
        write(folder.join("changelog"), &self.changelog(&epoch)?)?;
        write(folder.join("text"), self.text)?;
        // cargo wants a target, which is never built.
        write(folder.join("lib.rs"), "")?;
        write(folder.join("Cargo.toml"), &self.manifest(&tree)?)?;
        let dist = made_folder("dist")?;
        let program = CARGO_DEB.find_or_install()?;
        let mut pack = Command::new(program);
        pack.args(["--no-build", "--no-strip", "--quiet", "--compress-system", "--manifest-path"]);
        pack.arg(folder.join("Cargo.toml")).arg("--output").arg(&dist);
        pack.current_dir(&folder).env("SOURCE_DATE_EPOCH", &epoch);
        // Its cargo looks for the target folder of the written package.
        pack.env("CARGO_TARGET_DIR", folder.join("target"));
        // It prints where it has put the package.
        Ok(stdout_of(&mut pack)?.trim_end().into())
    }

    fn manifest(&self, tree: &Path) -> Result<String> {
        let maintainer = maintainer();
        let Self { name, revision, title, depends, .. } = self;
        let mut files = files_below(tree)?;
        files.sort();
        let mut assets = String::new();
        for file in &files {
            let mode = fs::metadata(file).at(file)?.permissions().mode() & 0o777;
            let to = file.strip_prefix(tree)?.display().to_string();
            // Two strings of TOML and of Rust are written alike.
            writeln!(assets, "    [{:?}, {to:?}, \"{mode:o}\"],", format!("tree/{to}"))?;
        }
        Ok(format!(
            r#"[package]
name = "{name}"
version = "{VERSION}"
edition = "2024"
description = "{title}"
publish = false

[lib]
path = "lib.rs"

[workspace]

[package.metadata.deb]
maintainer = {maintainer:?}
revision = "{revision}"
extended-description-file = "text"
depends = "{depends}"
section = "net"
priority = "optional"
changelog = "changelog"
assets = [
{assets}]
"#
        ))
    }

    fn changelog(&self, epoch: &str) -> Result<String> {
        let date =
            stdout_of(Command::new("date").args(["-u", "-R", "-d"]).arg(format!("@{epoch}")))?;
        let Self { name, revision, .. } = self;
        let maintainer = maintainer();
        // The form of a changelog has an address, be it empty.
        let address = if maintainer.contains('<') { "" } else { " <>" };
        Ok(format!(
            "{name} ({VERSION}-{revision}) unstable; urgency=medium\n\n  \
             * Version {VERSION}: changelog.gz tells what is new.\n\n -- {maintainer}{address}  {}\n",
            date.trim()
        ))
    }
}

fn maintainer() -> String {
    match (env::var("DEBFULLNAME"), env::var("DEBEMAIL")) {
        (Ok(name), Ok(address)) => format!("{name} <{address}>"),
        _ => MAINTAINER.to_owned(),
    }
}

/// The time that files and changelog get: the caller's, else that of the last commit.
fn epoch() -> String {
    env::var("SOURCE_DATE_EPOCH").ok().or_else(commit_time).unwrap_or_else(|| "0".into())
}

fn commit_time() -> Option<String> {
    let mut git = Command::new("git");
    git.args(["log", "-1", "--format=%ct"]).current_dir(workspace_root());
    let time = stdout_of(&mut git).ok()?.trim().to_owned();
    time.parse::<u64>().ok().map(|_| time)
}

/// Copies a file into a folder, which is made.
fn place(from: &Path, to: &Path, mode: u32) -> Result<()> {
    make_folder(to.parent().unwrap_or(to))?;
    copy(from, to, mode)
}

/// Takes out what names folders of this machine.
fn strip(file: &Path) -> Result<()> {
    let strip = plugin::STRIP;
    let shell = Shell::new()?;
    Ok(cmd!(shell, "strip {strip...} {file}").quiet().run()?)
}

/// Debian's file of copyrights: the whole tree has one licence, in the given words.
fn copyright(licence: &str, texts: &[(&str, &str)]) -> String {
    let mut text = format!(
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\
         Upstream-Name: tcphs\n\nFiles: *\nCopyright: The tcphs developers\nLicense: {licence}\n"
    );
    for (name, words) in texts {
        text.push_str(&format!("\nLicense: {name}\n"));
        for line in words.trim_end().lines() {
            text.push_str(if line.is_empty() { " ." } else { " " });
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

const APACHE: &str = "On Debian systems, the text of the Apache License, version 2.0, is in\n\
                      /usr/share/common-licenses/Apache-2.0.";

const GPL: &str = "This program is free software; you can redistribute it and/or modify it under the\n\
                   terms of the GNU General Public License, version 2 or (at your option) any later\n\
                   version. There is no warranty. On Debian systems, the text of version 2 is in\n\
                   /usr/share/common-licenses/GPL-2.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_copyrights_has_no_empty_line_within_a_licence() {
        let text = copyright("Expat", &[("Expat", "one\n\ntwo\n")]);
        assert!(text.ends_with("License: Expat\n one\n .\n two\n"), "{text}");
    }
}
