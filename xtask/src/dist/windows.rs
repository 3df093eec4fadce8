//! The command for Windows, built on Linux: `cargo xtask dist-command --windows`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use testkit::command::{cargo, run};
use testkit::folders::{At, made_folder, target_folder, workspace_root};
use testkit::wireshark::packages::{self, MINGW, Need, ZIP};

use super::toolchain::{self, Toolchain};
use super::{Kind, VERSION, archive, copy, pages};

const TARGET: &str = "x86_64-pc-windows-gnu";

/// What the build and the archive need.
pub const NEEDS: [&Need; 2] = [&MINGW, &ZIP];

/// The separator of cargo's variable for flags that may contain spaces.
const SEPARATOR: &str = "\u{1f}";

const README: &str = include_str!("windows.txt");

/// Builds the command and packs it; the path of the archive. The same sources and tools give the same
/// octets, wherever they are.
pub fn command() -> Result<PathBuf> {
    packages::ensure(NEEDS)?;
    command_by(&toolchain::provide()?)
}

/// Removes the archive if there is one.
pub fn remove() -> Result<()> {
    let archive = made_folder("dist")?.join(name()).with_added_extension(Kind::Zip.ending());
    if archive.exists() { fs::remove_file(&archive).at(&archive) } else { Ok(()) }
}

fn name() -> String {
    format!("tcphs-{VERSION}-windows-x86_64")
}

/// The same with this toolchain.
pub fn command_by(toolchain: &Toolchain) -> Result<PathBuf> {
    let program = build(toolchain)?;
    archive(&name(), Kind::Zip, |folder| {
        copy(&program, &folder.join("tcphs.exe"), 0o644)?;
        for file in ["CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT"] {
            copy(&workspace_root().join(file), &folder.join(file), 0o644)?;
        }
        let readme = folder.join("README.txt");
        let text = README.replace("VERSION", VERSION).replace('\n', "\r\n");
        fs::write(&readme, text).at(&readme)?;
        pages::write(folder, &pages::WINDOWS)
    })
}

fn build(toolchain: &Toolchain) -> Result<PathBuf> {
    let target_folder = target_folder()?.join("windows");
    let mut build = cargo();
    build
        .args(["build", "--quiet", "--release", "--package", "tcphs", "--features", "parquet"])
        .args(["-Zbuild-std=std,panic_unwind", "--target", TARGET, "--target-dir"])
        .arg(&target_folder)
        .current_dir(workspace_root())
        .stdin(Stdio::null());
    // The compiler is a stable one, and building its library is an unstable option.
    build.env("RUSTC_BOOTSTRAP", "1").env("RUSTC", toolchain.rustc());
    for theirs in ["RUSTFLAGS", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER"] {
        build.env_remove(theirs);
    }
    build.env("CARGO_ENCODED_RUSTFLAGS", flags(toolchain)?.join(SEPARATOR));
    build.env("CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER", "x86_64-w64-mingw32-gcc");
    build.env("CARGO_PROFILE_RELEASE_STRIP", "symbols");
    build.env("CARGO_PROFILE_RELEASE_DEBUG", "false");
    // Optimising across crates takes as long again, and saves a tenth of the time of a run.
    build.env("CARGO_PROFILE_RELEASE_LTO", "off");
    build.env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
    run(&mut build)?;
    let program = target_folder.join(TARGET).join("release/tcphs.exe");
    names_no_folder_of(&program, &hidden_folders(toolchain)?)?;
    Ok(program)
}

/// Folders of this machine, and the names that the program has for them.
fn hidden_folders(toolchain: &Toolchain) -> Result<[(PathBuf, &'static str); 5]> {
    let home = env::var_os("HOME").map(PathBuf::from);
    let cargo_home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo_home = cargo_home.or_else(|| Some(home?.join(".cargo")));
    Ok([
        (workspace_root(), "."),
        (cargo_home.context("neither HOME nor CARGO_HOME is set")?, "/cargo"),
        (toolchain.root(), "/root-of-rust"),
        (toolchain.sources(), "/rust"),
        // As the script that starts the compiler names it.
        (toolchain.rustc().with_file_name("../root/usr/lib/rustlib/src/rust"), "/rust"),
    ])
}

fn flags(toolchain: &Toolchain) -> Result<Vec<String>> {
    // The last that fits is taken.
    let mut flags: Vec<String> = hidden_folders(toolchain)?
        .iter()
        .map(|(folder, name)| format!("--remap-path-prefix={}={name}", folder.display()))
        .collect();
    flags.push("-Clink-arg=-Wl,--no-insert-timestamp".to_owned());
    Ok(flags)
}

fn names_no_folder_of(program: &Path, folders: &[(PathBuf, &str)]) -> Result<()> {
    let octets = fs::read(program).at(program)?;
    for (folder, _) in folders {
        let name = folder.as_os_str().as_encoded_bytes();
        if octets.windows(name.len()).any(|there| there == name) {
            bail!("{} names {}", program.display(), folder.display());
        }
    }
    Ok(())
}
