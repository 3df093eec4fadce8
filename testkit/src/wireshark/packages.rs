//! Installing missing packages: each need is one Debian package and a way to see that it is there.
//!
//! The check looks for the thing itself, not for the package, so a Wireshark that was built from
//! sources is good enough.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::privileges::is_root;
use crate::command::{run, stderr_as_stdout, succeeds, which};

/// A program, file or library that a command needs.
#[derive(Debug)]
pub struct Need {
    /// The Debian package that brings it; Debian 12 and later, and Ubuntu, name it the same.
    pub package: &'static str,
    /// Its name in a sentence, for machines without Debian.
    pub what: &'static str,
    present: Present,
}

/// How to see that it is there.
#[derive(Debug)]
enum Present {
    /// The program of that name can be found.
    Program(&'static str),
    /// The file is there.
    File(&'static str),
    /// pkg-config knows the module.
    Module(&'static str),
    /// libclang and its headers are there.
    Libclang,
    /// Python can make virtual environments.
    PythonVenv,
}

impl Need {
    const fn program(package: &'static str, what: &'static str, program: &'static str) -> Self {
        Self { package, what, present: Present::Program(program) }
    }

    fn is_present(&self) -> bool {
        match self.present {
            Present::Program(name) => which(name).is_some(),
            Present::File(path) => Path::new(path).is_file(),
            Present::Module("wireshark") if env::var_os("WIRESHARK_INCLUDE_DIR").is_some() => true,
            Present::Module(name) => succeeds(Command::new("pkg-config").args(["--exists", name])),
            Present::Libclang => libclang(),
            Present::PythonVenv => {
                succeeds(Command::new("python3").args(["-c", "import ensurepip"]))
            }
        }
    }
}

/// tshark itself; its package brings capinfos and editcap too.
pub const TSHARK: Need = Need::program("tshark", "tshark", "tshark");

/// The window.
pub const WIRESHARK: Need = Need::program("wireshark", "wireshark", "wireshark");

/// Needs of the tests of the window: the window, a screen, a bus to read it through, mouse
/// and keyboard, pictures, and fonts.
pub const WINDOW_TESTS: [Need; 7] = [
    WIRESHARK,
    Need::program("xvfb", "Xvfb", "Xvfb"),
    Need::program("dbus-daemon", "dbus-daemon", "dbus-daemon"),
    Need {
        package: "at-spi2-core",
        what: "the accessibility service at-spi2",
        present: Present::File("/usr/share/dbus-1/services/org.a11y.Bus.service"),
    },
    Need::program("xdotool", "xdotool", "xdotool"),
    Need::program("imagemagick", "import (ImageMagick)", "import"),
    Need {
        package: "fonts-dejavu-core",
        what: "the fonts DejaVu",
        present: Present::File("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"),
    },
];

/// Needs of the build of the plugin, beside Rust and a C compiler.
pub const PLUGIN_BUILD: [Need; 4] = [
    Need {
        package: "libwireshark-dev",
        what: "the headers of Wireshark",
        present: Present::Module("wireshark"),
    },
    // Debian's libwireshark-dev does not bring it, although Wireshark's headers include it.
    Need {
        package: "libglib2.0-dev",
        what: "the headers of GLib 2",
        present: Present::Module("glib-2.0"),
    },
    Need::program("pkg-config", "pkg-config", "pkg-config"),
    Need { package: "libclang-dev", what: "libclang with its headers", present: Present::Libclang },
];

/// The example `c-api/examples/live.c` reads captures by it.
pub const LIBPCAP: Need = Need {
    package: "libpcap-dev",
    what: "the headers of libpcap",
    present: Present::Module("libpcap"),
};

/// The end-to-end tests compare with it.
pub const TCPDUMP: Need = Need::program("tcpdump", "tcpdump", "tcpdump");

/// The page of `tcphs report` is opened in it.
pub const CHROMIUM: Need = Need::program("chromium", "chromium", "chromium");

/// The Python package is installed into a virtual environment.
pub const PYTHON: [Need; 2] = [
    Need::program("python3", "Python 3", "python3"),
    Need {
        package: "python3-venv",
        what: "the virtual environments of Python",
        present: Present::PythonVenv,
    },
];

/// Spark runs in it.
pub const JAVA: Need = Need::program("openjdk-17-jre-headless", "Java 17", "java");

/// Counts instructions.
pub const VALGRIND: Need = Need::program("valgrind", "valgrind", "valgrind");

/// `cargo xtask bench` runs it beside our own programs.
pub const TCPTRACE: Need = Need::program("tcptrace", "tcptrace", "tcptrace");

/// Tells how much memory a program took.
pub const TIME: Need = Need::program("time", "GNU time", "time");

/// Links the command for Windows, and the library that its tests put beside it.
pub const MINGW: Need =
    Need::program("gcc-mingw-w64-x86-64", "gcc for Windows (mingw-w64)", "x86_64-w64-mingw32-gcc");

/// Packs the command for Windows.
pub const ZIP: Need = Need::program("zip", "zip", "zip");

/// Needs of the tests of the command for Windows, beside what builds it.
pub const WINDOWS_TESTS: [Need; 2] = [
    Need { package: "wine64", what: "wine (64 bit)", present: Present::File(WINE) },
    Need::program("unzip", "unzip", "unzip"),
];

/// The program itself: the script in `PATH` asks for a wine of 32 bits as well.
pub const WINE: &str = "/usr/lib/wine/wine64";

/// Finds out which packages a program needs.
pub const DPKG_DEV: Need = Need::program("dpkg-dev", "dpkg-shlibdeps", "dpkg-shlibdeps");

/// Makes a bare tree to install packages into.
pub const MMDEBSTRAP: Need = Need::program("mmdebstrap", "mmdebstrap", "mmdebstrap");

/// Needs of recording samples, beside tcpdump and tshark's package.
pub const SAMPLES: [Need; 3] = [
    Need::program("iproute2", "ip (iproute2)", "ip"),
    Need::program("ethtool", "ethtool", "ethtool"),
    Need::program("nftables", "nft (nftables)", "nft"),
];

/// The `needs` that are missing, for a sentence.
pub fn missing<'a>(needs: impl IntoIterator<Item = &'a Need>) -> Vec<&'static str> {
    needs.into_iter().filter(|need| !need.is_present()).map(|need| need.what).collect()
}

/// Installs the `needs` that are missing: by apt-get, through sudo unless this process runs as root.
/// Prints nothing if none is missing, and never writes to standard output.
pub fn ensure<'a>(needs: impl IntoIterator<Item = &'a Need>) -> Result<()> {
    let missing: Vec<&Need> = needs.into_iter().filter(|need| !need.is_present()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if which("apt-get").is_none() {
        let what: Vec<_> = missing.iter().map(|need| need.what).collect();
        bail!("please install {}: this machine has no apt-get to do it with", what.join(", "));
    }
    let packages: Vec<_> = missing.iter().map(|need| need.package).collect();
    if !is_root() && which("sudo").is_none() {
        bail!(
            "`apt-get install {}` needs root, and this machine has no sudo: run it as root",
            packages.join(" ")
        );
    }
    eprintln!("xtask: installing {}", packages.join(" "));
    if let Err(error) = run(&mut apt_get(&["update"])?) {
        // Often one foreign source is out of reach and the package lists at hand will do.
        eprintln!("xtask: {error:#}; trying with the package lists that are here");
    }
    run(apt_get(&["install", "--yes", "--no-install-recommends"])?.args(&packages))?;
    if let Some(need) = missing.iter().find(|need| !need.is_present()) {
        bail!("package {} is installed, but {} is not found", need.package, need.what);
    }
    Ok(())
}

/// `program`, through sudo unless this process runs as root.
pub fn as_root(program: &str) -> Result<Command> {
    if is_root() {
        return Ok(Command::new(program));
    }
    let sudo = which("sudo")
        .with_context(|| format!("`{program}` needs root, and sudo is not installed"))?;
    let mut command = Command::new(sudo);
    command.arg(program);
    Ok(command)
}

fn apt_get(arguments: &[&str]) -> Result<Command> {
    // `env` sets the variables, because sudo does not pass them on.
    let mut command = as_root("env")?;
    command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]).args(arguments);
    command.stdin(Stdio::null()).stdout(stderr_as_stdout());
    Ok(command)
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

/// The entries of `folder` whose names start with `prefix`.
fn entries(folder: impl AsRef<Path>, prefix: &str) -> Vec<PathBuf> {
    let Ok(read) = fs::read_dir(folder) else { return Vec::new() };
    read.flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| entry.path())
        .collect()
}
