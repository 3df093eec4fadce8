//! Building the plugin and putting it where our tshark looks for it.

use std::fs;
use std::io::{self, IsTerminal};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::command::{cannot_run, cargo, json_strings, shown};
use crate::wireshark::{PLUGIN_FILE, Wireshark, about, make_folder, replace, target_folder};
use crate::workspace_root;

/// Builds the plugin (release), places it as `<target>/wireshark/plugins/X.Y/epan/tcphs.so` beside
/// links to Wireshark's own plugins, and gives that path.
///
/// Quick when nothing changed. Several processes may call it at once.
pub fn build_and_place() -> Result<PathBuf, String> {
    let wireshark = Wireshark::find()?;
    place(&wireshark, &build(&wireshark)?)
}

/// A way of building the plugin that serves a test, and is never handed out.
#[derive(Clone, Copy, Debug)]
pub struct Variant {
    /// Names its folders.
    pub name: &'static str,
    /// What cargo is told beside the package.
    pub arguments: &'static [&'static str],
    /// What is set while it builds.
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
/// Quick when nothing changed. Several processes may call it at once.
pub fn build_and_place_variant(
    wireshark: &Wireshark,
    variant: &Variant,
) -> Result<Wireshark, String> {
    // One folder for all versions, for most of what is built is the same; so one at a time, until
    // what was built has been copied.
    let target = target_folder()?.join(variant.name);
    make_folder(&target)?;
    let lock = target.join("one-at-a-time");
    let _locked = fs::File::create(&lock)
        .and_then(|file| file.lock().map(|()| file))
        .map_err(|error| about(&lock, &error))?;
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
/// onto a terminal.
pub fn build(wireshark: &Wireshark) -> Result<PathBuf, String> {
    let target = target_of(wireshark)?;
    let mut build = cargo();
    build.args(["build", "--release", "--package", "ffi-plugin"]);
    run_build(wireshark, build, &target, "release")
}

/// Cargo's target folder: each version has its own, so that none is built anew after the other.
fn target_of(wireshark: &Wireshark) -> Result<PathBuf, String> {
    match &wireshark.unpacked {
        Some(unpacked) => Ok(unpacked.build_folder()),
        None => target_folder(),
    }
}

fn run_build(
    wireshark: &Wireshark,
    mut build: Command,
    target: &Path,
    profile: &str,
) -> Result<PathBuf, String> {
    let first_time = !target.join(profile).join(LIBRARY).exists();
    if first_time {
        eprintln!("xtask: building the plugin; the first time takes a minute or two");
    }
    build.arg("--message-format=json-render-diagnostics").current_dir(workspace_root());
    build.arg("--target-dir").arg(target);
    if let Some(unpacked) = &wireshark.unpacked {
        build.env("WIRESHARK_INCLUDE_DIR", unpacked.headers());
    }
    if !first_time && !io::stderr().is_terminal() {
        build.arg("--quiet");
    }
    let output = build
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| cannot_run(&build, &error))?;
    if !output.status.success() {
        return Err(format!("the plugin does not build: `{}`: {}", shown(&build), output.status));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    json_strings(&text, |string| string.ends_with(&format!("/{LIBRARY}")))
        .pop()
        .map(PathBuf::from)
        .ok_or_else(|| format!("`{}` made no {LIBRARY}", shown(&build)))
}

/// Places a built plugin for `wireshark` and gives its new path.
pub fn place(wireshark: &Wireshark, library: &Path) -> Result<PathBuf, String> {
    let file = wireshark.prepare_stage()?.join(PLUGIN_FILE);
    let built = fs::read(library).map_err(|error| about(library, &error))?;
    // A copy, not a link: a tshark that runs now keeps its own while cargo writes the next.
    if fs::read(&file).ok().as_deref() != Some(&built[..]) {
        replace(&file, |temporary| {
            fs::write(temporary, &built)?;
            fs::set_permissions(temporary, fs::Permissions::from_mode(0o755))
        })?;
    }
    Ok(file)
}

const LIBRARY: &str = "libtcphs.so";
