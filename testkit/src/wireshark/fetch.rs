//! Fetches another version of Wireshark from Debian and unpacks it.
//!
//! Its programs are started by the loader that came with them, so they run on an older system too.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::Wireshark;
use super::stage::stage;
use super::unpacked::Unpacked;
use crate::debian::unpacked::Packages;
use crate::debian::{self, Suite};
use crate::folders::At;

/// The suites that had a version when this was written, and those that may have it later.
const SUITES: [(&str, &[&str]); 6] = [
    ("4.0", &["bookworm"]),
    ("4.4", &["trixie"]),
    ("4.6", &["sid"]),
    ("", &["forky"]),
    ("", &["trixie", "trixie-backports"]),
    ("", &["bookworm", "bookworm-backports"]),
];

/// The programs that are run, and the headers without their dependencies, which are the headers of
/// everything else.
const PACKAGES: Packages<'_> = Packages {
    complete: &["tshark"],
    alone: &["libwireshark-dev", "libwiretap-dev", "libwsutil-dev"],
    programs: &["tshark", "capinfos", "editcap", "sharkd"],
    environment: r#"WIRESHARK_DATA_DIR="$root/usr/share/wireshark" GCONV_PATH="$lib/gconv""#,
};

/// Whether a version can be had.
#[derive(Debug)]
pub enum Provided {
    /// It is here.
    Here(Unpacked),
    /// No suite of Debian has it (any more); the reason, as a sentence.
    Unavailable(String),
}

/// Version `X.Y`, installed or unpacked; fetched if it is neither.
pub fn wireshark(series: &str) -> Result<Wireshark> {
    let installed = Wireshark::installed().is_ok_and(|there| there.series() == series);
    if !installed && let Provided::Unavailable(reason) = provide(series)? {
        bail!("there is no Wireshark {series} to be had: {reason}");
    }
    Wireshark::of(series)
}

/// Fetches and unpacks version `X.Y`, unless that has been done.
pub fn provide(series: &str) -> Result<Provided> {
    if let Some(there) = Unpacked::find(series)? {
        return Ok(Provided::Here(there));
    }
    let Some(mirror) = debian::mirror() else {
        let reason = "apt on this machine has no mirror of Debian to fetch it from";
        return Ok(Provided::Unavailable(reason.into()));
    };
    let folder = stage(&format!("wireshark-{series}"))?;
    let apt = folder.join("apt");
    let provided = search(series, &mirror, &folder, &apt);
    // The packages are unpacked now, and the lists would be old the next time.
    if apt.exists() {
        fs::remove_dir_all(&apt).at(&apt)?;
    }
    // The folder is empty if nothing was found.
    let _ = fs::remove_dir(&folder);
    provided
}

/// Asks one suite after the other, the likely one first; unpacks into `folder`.
fn search(series: &str, mirror: &str, folder: &Path, apt: &Path) -> Result<Provided> {
    let mut found = Vec::new();
    let mut failures = Vec::new();
    let (likely, others): (Vec<_>, Vec<_>) = SUITES.iter().partition(|(had, _)| *had == series);
    for (_, suites) in likely.into_iter().chain(others) {
        let name = suites.last().copied().unwrap_or_default();
        let asked = Suite::open(&apt.join(name), mirror, suites)
            .and_then(|suite| Ok((suite.version("tshark")?, suite)));
        match asked {
            Err(error) => failures.push(format!("{name}: {error:#}")),
            Ok((None, _)) => {}
            Ok((Some(version), suite)) if is_of(series, &version) => {
                eprintln!("xtask: fetching Wireshark {version} from {name}");
                PACKAGES.unpack(&suite, folder)?;
                let there = Unpacked::find(series)?;
                return there.map(Provided::Here).with_context(|| {
                    format!("the packages of Wireshark {version} hold no loader and no libraries")
                });
            }
            Ok((Some(version), _)) => found.push(format!("{name} has {version}")),
        }
    }
    for failure in &failures {
        eprintln!("xtask: {failure}");
    }
    if found.is_empty() {
        bail!("cannot ask Debian for Wireshark {series}: {}", failures.join("; "));
    }
    let reason = format!("no suite of Debian has Wireshark {series}: {}", found.join(", "));
    Ok(Provided::Unavailable(reason))
}

/// Whether Debian's `version` is one of `X.Y`.
fn is_of(series: &str, version: &str) -> bool {
    let upstream = version.split_once(':').map_or(version, |(_, after)| after);
    upstream.strip_prefix(series).is_some_and(|rest| rest.starts_with(['.', '~', '-']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debians_versions() {
        assert!(is_of("4.4", "4.4.19-0+deb13u1"));
        assert!(is_of("4.6", "1:4.6.9-1+b1"));
        assert!(is_of("4.6", "4.6~rc1-1"));
        assert!(!is_of("4.4", "4.40.1-1"));
        assert!(!is_of("4.4", "4.6.9-1"));
    }
}
