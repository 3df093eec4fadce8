//! What users get beside the plugin, made for the slow tests: the command for Windows, and what the
//! tests of Debian's packages need.

use std::env;
use std::thread;

use anyhow::{Result, anyhow};
use testkit::wireshark::packages::{self, DPKG_DEV, MMDEBSTRAP, WINDOWS_TESTS};

use super::step;
use crate::dist::{toolchain, windows};
use crate::tools::CARGO_DEB;

/// In CI, everything must be there or be installable. Elsewhere, tests without what they need say so
/// and are skipped.
pub fn prepare() -> Result<()> {
    let again = "cargo xtask dist-command --windows";
    // The tests must not run an older one.
    windows::remove()?;
    let toolchain = obtain("the command for Windows", || {
        packages::ensure(windows::NEEDS.into_iter().chain(&WINDOWS_TESTS))?;
        step("Rust for Windows", again, toolchain::provide)
    })?;
    // Neither keeps all cores busy.
    thread::scope(|scope| {
        let cargo_deb = scope.spawn(|| {
            obtain("Debian's packages", || {
                packages::ensure([&DPKG_DEV, &MMDEBSTRAP])?;
                step("cargo-deb", "cargo xtask deb", || CARGO_DEB.find_or_install())
            })
        });
        let command = match &toolchain {
            Some(toolchain) => {
                step("command for Windows", again, || windows::command_by(toolchain)).map(drop)
            }
            None => Ok(()),
        };
        let cargo_deb = cargo_deb.join().unwrap_or_else(|_| Err(anyhow!("a thread panicked")));
        command.and(cargo_deb.map(drop))
    })
}

fn obtain<T>(what: &str, obtain: impl FnOnce() -> Result<T>) -> Result<Option<T>> {
    match obtain() {
        Err(error) if env::var_os("CI").is_none() => {
            eprintln!("xtask: SKIPPED: {what}: {error:#}");
            Ok(None)
        }
        done => done.map(Some),
    }
}
