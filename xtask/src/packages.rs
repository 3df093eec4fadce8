//! Installing what is missing: each need is one Debian package and a way to see that it is there.
//!
//! The check looks for the thing itself, not for the package: whoever built their own Wireshark is
//! not asked to install Debian's.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::command::{as_root, run, stderr_as_stdout, succeeds, which};
use crate::privileges::is_root;

/// One thing a command needs.
#[derive(Debug)]
pub struct Need {
    /// The Debian package that brings it; Debian 12 and later, and Ubuntu, name it the same.
    pub package: &'static str,
    /// What it is, for those who have no Debian.
    pub what: &'static str,
    present: fn() -> bool,
}

/// tshark itself; its package brings capinfos and editcap too.
pub const TSHARK: Need =
    Need { package: "tshark", what: "tshark", present: || which("tshark").is_some() };

/// The window.
pub const WIRESHARK: Need =
    Need { package: "wireshark", what: "wireshark", present: || which("wireshark").is_some() };

/// What building the plugin needs beside Rust and a C compiler.
pub const PLUGIN_BUILD: [Need; 4] = [
    Need {
        package: "libwireshark-dev",
        what: "the headers of Wireshark",
        present: || env::var_os("WIRESHARK_INCLUDE_DIR").is_some() || pkg_config("wireshark"),
    },
    // Debian's libwireshark-dev does not bring it, although Wireshark's headers include it.
    Need {
        package: "libglib2.0-dev",
        what: "the headers of GLib 2",
        present: || pkg_config("glib-2.0"),
    },
    Need { package: "pkg-config", what: "pkg-config", present: || which("pkg-config").is_some() },
    Need { package: "libclang-dev", what: "libclang with its headers", present: libclang },
];

/// What the end-to-end tests compare with.
pub const TCPDUMP: Need =
    Need { package: "tcpdump", what: "tcpdump", present: || which("tcpdump").is_some() };

/// What counts instructions.
pub const VALGRIND: Need =
    Need { package: "valgrind", what: "valgrind", present: || which("valgrind").is_some() };

/// A peer that `cargo xtask bench` runs beside ours.
pub const TCPTRACE: Need =
    Need { package: "tcptrace", what: "tcptrace", present: || which("tcptrace").is_some() };

/// What tells how much memory a program took.
pub const TIME: Need =
    Need { package: "time", what: "GNU time", present: || which("time").is_some() };

/// What recording samples needs beside tcpdump and tshark's package.
pub const SAMPLES: [Need; 3] = [
    Need { package: "iproute2", what: "ip (iproute2)", present: || which("ip").is_some() },
    Need { package: "ethtool", what: "ethtool", present: || which("ethtool").is_some() },
    Need { package: "nftables", what: "nft (nftables)", present: || which("nft").is_some() },
];

/// Installs what is missing of `needs`: by apt-get, through sudo unless we are root. Silent when
/// nothing is missing; never writes to standard output.
pub fn ensure<'a>(needs: impl IntoIterator<Item = &'a Need>) -> Result<(), String> {
    let missing: Vec<&Need> = needs.into_iter().filter(|need| !(need.present)()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if which("apt-get").is_none() {
        let what: Vec<_> = missing.iter().map(|need| need.what).collect();
        return Err(format!(
            "please install {}: this machine has no apt-get to do it with",
            what.join(", ")
        ));
    }
    let packages: Vec<_> = missing.iter().map(|need| need.package).collect();
    if !is_root() && which("sudo").is_none() {
        return Err(format!(
            "`apt-get install {}` needs root, and this machine has no sudo: run it as root",
            packages.join(" ")
        ));
    }
    eprintln!("xtask: installing {}", packages.join(" "));
    if let Err(error) = run(&mut apt_get(&["update"])?) {
        // Often one foreign source is out of reach and the package lists at hand will do.
        eprintln!("xtask: {error}; trying with the package lists that are here");
    }
    run(apt_get(&["install", "--yes", "--no-install-recommends"])?.args(&packages))?;
    match missing.iter().find(|need| !(need.present)()) {
        None => Ok(()),
        Some(need) => {
            Err(format!("package {} is installed, but {} is not found", need.package, need.what))
        }
    }
}

fn apt_get(arguments: &[&str]) -> Result<Command, String> {
    // By env, because sudo passes no environment on.
    let mut command = as_root("env")?;
    command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]).args(arguments);
    command.stdin(Stdio::null()).stdout(stderr_as_stdout());
    Ok(command)
}

fn pkg_config(module: &str) -> bool {
    succeeds(Command::new("pkg-config").args(["--exists", module]))
}

/// bindgen loads libclang at run time and needs clang's own headers (`stddef.h`) beside it.
fn libclang() -> bool {
    if env::var_os("LIBCLANG_PATH").is_some() {
        return true;
    }
    let versions = entries("/usr/lib", "llvm");
    let libraries = versions
        .iter()
        .map(|version| version.join("lib"))
        .chain(["/usr/lib64", "/usr/lib", "/usr/local/lib"].map(PathBuf::from))
        .chain(entries("/usr/lib", "").into_iter().filter(|folder| {
            folder.file_name().is_some_and(|name| name.to_string_lossy().ends_with("-linux-gnu"))
        }))
        .flat_map(|folder| entries(folder, "libclang"))
        .any(|file| {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            !name.starts_with("libclang-cpp") && name.contains(".so")
        });
    let headers = versions
        .iter()
        .map(|version| version.join("lib/clang"))
        .chain(["/usr/lib/clang", "/usr/lib64/clang", "/usr/local/lib/clang"].map(PathBuf::from))
        .flat_map(|folder| entries(folder, ""))
        .any(|version| version.join("include/stddef.h").is_file());
    libraries && headers
}

/// What is in `folder` under names that start with `prefix`.
fn entries(folder: impl AsRef<Path>, prefix: &str) -> Vec<PathBuf> {
    let Ok(read) = fs::read_dir(folder) else { return Vec::new() };
    read.flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| entry.path())
        .collect()
}
