//! The Rust that builds for Windows: Debian's packages of the compiler and of the sources of its
//! standard library, unpacked below the target folder.
//!
//! A toolchain of rustup need not have the standard library for Windows, nor its sources; Debian has
//! both packages of the same version. The compiler is started by the loader that came with it. The
//! linker is the installed mingw-w64.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use testkit::command::stdout_of;
use testkit::debian::unpacked::Packages;
use testkit::debian::{self, Suite};
use testkit::folders::{At, target_folder};

/// The suites whose compiler may be new enough.
const SUITES: [&str; 2] = ["sid", "forky"];

/// The packages that have to be of one version.
const SAME_VERSION: [&str; 3] = ["rustc", "libstd-rust-dev", "rust-src"];

/// Without the C compiler that `rustc` depends on. `libstd-rust-dev` brings the compiler's library
/// and everything it needs.
const PACKAGES: Packages<'_> = Packages {
    complete: &["libstd-rust-dev"],
    alone: &["rustc", "rust-src"],
    programs: &["rustc"],
    environment: "",
};

/// A compiler with the sources of its standard library.
#[derive(Debug)]
pub struct Toolchain {
    folder: PathBuf,
}

impl Toolchain {
    /// The program.
    pub fn rustc(&self) -> PathBuf {
        self.folder.join("bin/rustc")
    }

    /// The folder that the packages are unpacked in.
    pub fn root(&self) -> PathBuf {
        self.folder.join("root")
    }

    /// Where the compiler looks for its standard library's sources.
    pub fn sources(&self) -> PathBuf {
        self.root().join("usr/lib/rustlib/src/rust")
    }

    /// Whether it runs and is new enough.
    fn is_usable(&self) -> bool {
        let printed = stdout_of(Command::new(self.rustc()).arg("-vV")).unwrap_or_default();
        let release = printed.lines().find_map(|line| line.strip_prefix("release: "));
        release.is_some_and(is_new_enough) && self.sources().join("library/std").is_dir()
    }
}

/// The toolchain below the target folder; fetched from Debian if it is not there.
pub fn provide() -> Result<Toolchain> {
    let folder = target_folder()?.join("rust-for-windows");
    let toolchain = Toolchain { folder };
    if toolchain.is_usable() {
        return Ok(toolchain);
    }
    let mirror = debian::mirror()
        .context("apt on this machine has no mirror of Debian to fetch a Rust for Windows from")?;
    let apt = toolchain.folder.join("apt");
    let fetched = fetch(&mirror, &apt, &toolchain.folder);
    // The packages are unpacked now, and the lists would be old the next time.
    if apt.exists() {
        fs::remove_dir_all(&apt).at(&apt)?;
    }
    fetched?;
    if !toolchain.is_usable() {
        bail!("the compiler that was unpacked in {} does not run", toolchain.folder.display());
    }
    Ok(toolchain)
}

fn fetch(mirror: &str, apt: &Path, folder: &Path) -> Result<()> {
    let mut reasons = Vec::new();
    for name in SUITES {
        let asked = Suite::open(&apt.join(name), mirror, &[name]).and_then(|suite| {
            let versions = SAME_VERSION.map(|package| suite.version(package));
            let versions: Vec<_> = versions.into_iter().collect::<Result<_>>()?;
            Ok((suite, versions))
        });
        match asked {
            Err(error) => reasons.push(format!("{name}: {error:#}")),
            Ok((suite, versions)) => match usable(&versions) {
                Some(version) => {
                    eprintln!("xtask: fetching Rust {version} from {name}");
                    return PACKAGES.unpack(&suite, folder);
                }
                None => reasons.push(format!("{name} has {versions:?}")),
            },
        }
    }
    bail!(
        "Debian has no Rust of at least {} with its sources: {}",
        env!("CARGO_PKG_RUST_VERSION"),
        reasons.join("; ")
    )
}

/// The version of all packages, if it is one and new enough.
fn usable(versions: &[Option<String>]) -> Option<&str> {
    let first = versions.first()?.as_deref()?;
    let same = versions.iter().all(|version| version.as_deref() == Some(first));
    (same && is_new_enough(first)).then_some(first)
}

/// Whether a version builds this workspace.
fn is_new_enough(version: &str) -> bool {
    let numbers = |text: &str| -> Option<(u32, u32)> {
        let mut parts = text.split(['.', '+', '-', '~']);
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    };
    numbers(version) >= numbers(env!("CARGO_PKG_RUST_VERSION"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compiler_needs_its_own_sources_and_may_not_be_old() {
        let versions =
            |texts: [&str; 3]| texts.map(|text| (!text.is_empty()).then(|| text.to_owned()));
        let new = "1.997.1+dfsg1-1";
        assert_eq!(usable(&versions([new, new, new])), Some(new));
        assert_eq!(usable(&versions([new, new, "1.996.0+dfsg1-1"])), None);
        assert_eq!(usable(&versions([new, new, ""])), None);
        assert_eq!(usable(&versions(["1.63.0+dfsg1-2"; 3])), None);
        assert!(is_new_enough(env!("CARGO_PKG_RUST_VERSION")) && is_new_enough("2.0.0"));
    }
}
