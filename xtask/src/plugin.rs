//! Building the plugin and putting it where our tshark looks for it.

use std::fs;
use std::io::{self, IsTerminal};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::command::{cannot_run, cargo, json_strings, shown};
use crate::wireshark::{PLUGIN_FILE, Wireshark, replace, target_folder};
use crate::workspace_root;

/// Builds the plugin (release), places it as `<target>/wireshark/plugins/X.Y/epan/tcphs.so` beside
/// links to Wireshark's own plugins, and gives that path.
///
/// Quick when nothing changed. Several processes may call it at once.
pub fn build_and_place() -> Result<PathBuf, String> {
    let wireshark = Wireshark::find()?;
    place(&wireshark, &build(&wireshark)?)
}

/// Builds the plugin (release) for `wireshark` and gives the path of cargo's `libtcphs.so`.
///
/// Cargo's progress goes to standard error: always the first time, which takes a while, later only
/// onto a terminal.
pub fn build(wireshark: &Wireshark) -> Result<PathBuf, String> {
    // Each version in a folder of its own, so that none is built anew after the other.
    let target = match &wireshark.unpacked {
        Some(unpacked) => unpacked.build_folder(),
        None => target_folder()?,
    };
    let first_time = !target.join("release").join(LIBRARY).exists();
    if first_time {
        eprintln!("xtask: building the plugin; the first time takes a minute or two");
    }
    let mut build = cargo();
    build.args(["build", "--release", "--package", "ffi-plugin"]);
    build.arg("--message-format=json-render-diagnostics").current_dir(workspace_root());
    if let Some(unpacked) = &wireshark.unpacked {
        build.arg("--target-dir").arg(target).env("WIRESHARK_INCLUDE_DIR", unpacked.headers());
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
    let built = fs::read(library).map_err(|error| crate::wireshark::about(library, &error))?;
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
