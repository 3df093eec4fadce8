//! Building the plugin and putting it where our tshark looks for it.

use std::env;
use std::fs;
use std::io::{self, IsTerminal};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::Wireshark;
use crate::command::{built, cargo, shown};
use crate::folders::{At, BUILT_VARIABLE, made_folder, replace, target_folder, workspace_root};

const LIBRARY: &str = "libtcphs.so";

/// Builds the plugin (release), places it as `<target>/wireshark/plugins/X.Y/epan/tcphs.so` beside
/// links to Wireshark's own plugins, and gives that path.
///
/// Quick when nothing changed, and quicker below `cargo xtask test`, which has done it already.
/// Several processes may call it at the same time.
pub fn build_and_place() -> Result<PathBuf> {
    let wireshark = Wireshark::find()?;
    let file = wireshark.plugin_file();
    if env::var_os(BUILT_VARIABLE).is_some() && file.is_file() {
        return Ok(file);
    }
    place(&wireshark, &build(&wireshark)?)
}

/// Arguments of `strip` that make the plugin the same octets wherever its sources are, if tools and
/// place of cargo's registry are the same.
pub const STRIP: [&str; 2] = ["--strip-all", "--remove-section=.note.gnu.build-id"];

/// A way of building the plugin for a test; such a plugin is never handed out.
#[derive(Clone, Copy, Debug)]
pub struct Variant {
    /// Names its folders.
    pub name: &'static str,
    /// Arguments of cargo beside the package.
    pub arguments: &'static [&'static str],
    /// Environment of the build.
    pub environment: &'static [(&'static str, &'static str)],
}

/// Panics at the entry that `TCPHS_PANIC_AT` names, and has every check of a debug build.
pub const FAULTS: Variant =
    Variant { name: "faults", arguments: &["--features", "faults"], environment: &[] };

/// Watches every access to memory. It needs the run-time library of AddressSanitizer loaded in front
/// of everything, and a compiler that takes unstable options, as every stable one does when told so.
pub const ADDRESS_SANITIZER: Variant = Variant {
    name: "address-sanitizer",
    // A target, so that build scripts and macros are built as ever.
    arguments: &["--target", "host-tuple"],
    environment: &[
        ("RUSTC_BOOTSTRAP", "1"),
        ("RUSTFLAGS", "-Zsanitizer=address"),
        ("CFLAGS", "-fsanitize=address -fno-omit-frame-pointer"),
    ],
};

/// Builds the variant and gives a Wireshark that has it in place of the plugin.
///
/// Quick when nothing changed. Several processes may call it at the same time.
pub fn build_and_place_variant(wireshark: &Wireshark, variant: &Variant) -> Result<Wireshark> {
    // One folder for all versions, because most of the build is the same for all. The lock is held
    // until the library has been copied.
    let target = made_folder(variant.name)?;
    let lock = target.join("one-at-a-time");
    let _locked = fs::File::create(&lock).and_then(|file| file.lock().map(|()| file)).at(&lock)?;
    let mut build = cargo();
    build.args(["build", "--package", "ffi-plugin"]).args(variant.arguments);
    build.envs(variant.environment.iter().copied());
    let library = run_build(wireshark, build, &target, "debug")?;
    let beside = wireshark.beside(variant.name);
    place(&beside, &library)?;
    Ok(beside)
}

/// Builds the plugin (release) for `wireshark` and gives the path of cargo's `libtcphs.so`.
///
/// Cargo's progress goes to standard error: always the first time, which takes a while, later only
/// to a terminal.
pub fn build(wireshark: &Wireshark) -> Result<PathBuf> {
    // Each version has a target folder of its own, so that none is built anew after another.
    let target = match &wireshark.unpacked {
        Some(unpacked) => unpacked.build_folder(),
        None => target_folder()?,
    };
    let mut build = cargo();
    build.args(["build", "--release", "--package", "ffi-plugin"]);
    run_build(wireshark, build, &target, "release")
}

fn run_build(
    wireshark: &Wireshark,
    mut build: Command,
    target: &Path,
    profile: &str,
) -> Result<PathBuf> {
    let first_time = !target.join(profile).join(LIBRARY).exists();
    if first_time {
        eprintln!("xtask: building the plugin; the first time takes a minute or two");
    }
    build.current_dir(workspace_root()).arg("--target-dir").arg(target);
    if let Some(unpacked) = &wireshark.unpacked {
        build.env("WIRESHARK_INCLUDE_DIR", unpacked.headers());
    }
    if !first_time && !io::stderr().is_terminal() {
        build.arg("--quiet");
    }
    let name = shown(&build);
    built(build)
        .context("the plugin does not build")?
        .into_iter()
        .rfind(|file| file.ends_with(LIBRARY))
        .with_context(|| format!("`{name}` made no {LIBRARY}"))
}

/// Places a built plugin for `wireshark` and gives its new path.
pub fn place(wireshark: &Wireshark, library: &Path) -> Result<PathBuf> {
    wireshark.prepare_stage()?;
    let file = wireshark.plugin_file();
    let built = fs::read(library).at(library)?;
    // A copy, not a link: a tshark that runs now keeps its own while cargo writes the next.
    if fs::read(&file).ok().as_deref() != Some(&built[..]) {
        replace(&file, |temporary| {
            fs::write(temporary, &built)?;
            fs::set_permissions(temporary, fs::Permissions::from_mode(0o755))
        })?;
    }
    Ok(file)
}
