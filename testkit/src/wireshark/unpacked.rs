//! Another version of Wireshark beside the installed one: Debian's packages, unpacked below cargo's
//! target folder with every library they need, and never installed. [`super::fetch`] gets them.

use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;

use anyhow::{Result, bail};

use super::stage::stage;
use crate::debian::unpacked::libraries;
use crate::folders::At;

/// A version that is unpacked.
#[derive(Clone, Debug)]
pub struct Unpacked {
    /// `<target>/wireshark-X.Y`.
    pub(super) folder: PathBuf,
    /// Its plugin folder, without the version.
    pub(super) plugins: PathBuf,
}

impl Unpacked {
    /// The unpacked version `X.Y`, if it has been fetched.
    pub fn find(series: &str) -> Result<Option<Self>> {
        let folder = stage(&format!("wireshark-{series}"))?;
        let libraries = libraries(&folder.join("root"));
        Ok(libraries.map(|libraries| Self { folder, plugins: libraries.join("wireshark/plugins") }))
    }

    /// A program of that version: a script that starts it with its own loader.
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join("bin").join(name)
    }

    /// The folder that holds `usr/`.
    pub fn root(&self) -> PathBuf {
        self.folder.join("root")
    }

    /// The folder that holds `epan/`.
    pub fn headers(&self) -> PathBuf {
        self.root().join("usr/include/wireshark")
    }

    /// Cargo's target folder for builds with these headers.
    pub fn build_folder(&self) -> PathBuf {
        self.folder.join("cargo")
    }
}

/// Every version that has been fetched, `X.Y` each.
pub fn here() -> Result<Vec<String>> {
    // The folders of all versions lie side by side, whatever their parent is.
    let beside = stage("wireshark")?;
    let folder = beside.parent().unwrap_or(&beside);
    let mut here = Vec::new();
    for entry in fs::read_dir(folder).at(folder)?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some((_, series)) = name.rsplit_once("wireshark-") else { continue };
        if is_version(series.as_ref()) && Unpacked::find(series)?.is_some() {
            here.push(series.to_owned());
        }
    }
    here.sort();
    Ok(here)
}

/// The text as a version `X.Y`, or an error with an example of one.
pub fn series(text: &str) -> Result<String> {
    if !is_version(text.as_ref()) {
        bail!("a version of Wireshark is two numbers, such as 4.4, not `{text}`");
    }
    Ok(text.to_owned())
}

pub(super) fn is_version(name: &OsStr) -> bool {
    name.to_str()
        .and_then(|name| name.split_once('.'))
        .is_some_and(|(major, minor)| [major, minor].iter().all(|part| part.parse::<u32>().is_ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_two_numbers() {
        assert_eq!(series("4.4").ok().as_deref(), Some("4.4"));
        for wrong in ["", "4", "4.4.19", "4.x", "--full"] {
            assert!(series(wrong).is_err(), "{wrong}");
        }
    }
}
