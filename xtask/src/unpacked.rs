//! Another version of Wireshark beside the installed one: Debian's packages, unpacked below cargo's
//! target folder with every library they need, and never installed.
//!
//! Its programs are started by the loader that came with them, so they run on an older system too.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::debian::{self, Suite};
use crate::wireshark::{Wireshark, about, is_version, make_folder, place_for};

/// The suites that had a version when this was written, and those that may have it later.
const SUITES: [(&str, &[&str]); 6] = [
    ("4.0", &["bookworm"]),
    ("4.4", &["trixie"]),
    ("4.6", &["sid"]),
    ("", &["forky"]),
    ("", &["trixie", "trixie-backports"]),
    ("", &["bookworm", "bookworm-backports"]),
];

/// The programs that are run.
const PROGRAMS: [&str; 3] = ["tshark", "capinfos", "editcap"];

/// Whether a version is to be had.
#[derive(Debug)]
pub enum Provided {
    /// It is here.
    Here(Unpacked),
    /// No suite of Debian has it (any more); the reason, as a sentence.
    Unavailable(String),
}

/// A version that is unpacked.
#[derive(Clone, Debug)]
pub struct Unpacked {
    /// `<target>/wireshark-X.Y`.
    pub(crate) folder: PathBuf,
    /// Its plugin folder, without the version.
    pub(crate) plugins: PathBuf,
}

impl Unpacked {
    /// The unpacked version `X.Y`, if it has been fetched.
    pub fn find(series: &str) -> Result<Option<Self>, String> {
        let folder = place_for(&format!("wireshark-{series}"))?;
        let root = folder.join("root");
        let Some(libraries) = libraries(&root) else { return Ok(None) };
        Ok(Some(Self { folder, plugins: libraries.join("wireshark/plugins") }))
    }

    /// A program of that version; a script that has the right loader start it.
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join("bin").join(name)
    }

    /// The folder that holds `epan/`.
    pub fn headers(&self) -> PathBuf {
        self.folder.join("root/usr/include/wireshark")
    }

    /// Cargo's target folder for what is built with these headers.
    pub fn build_folder(&self) -> PathBuf {
        self.folder.join("cargo")
    }
}

/// Every version that has been fetched, `X.Y` each.
pub fn here() -> Result<Vec<String>, String> {
    // Where the installed one's folder is, by whatever name, there the others are.
    let beside = place_for("wireshark")?;
    let folder = beside.parent().unwrap_or(&beside);
    let entries = fs::read_dir(folder).map_err(|error| about(folder, &error))?;
    let mut here = Vec::new();
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some((_, series)) = name.rsplit_once("wireshark-") else { continue };
        if is_version(series.as_ref()) && Unpacked::find(series)?.is_some() {
            here.push(series.to_owned());
        }
    }
    here.sort();
    Ok(here)
}

/// Fetches and unpacks version `X.Y`, unless that has been done.
pub fn provide(series: &str) -> Result<Provided, String> {
    if let Some(there) = Unpacked::find(series)? {
        return Ok(Provided::Here(there));
    }
    let Some(mirror) = debian::mirror() else {
        let reason = "apt on this machine has no mirror of Debian to fetch it from";
        return Ok(Provided::Unavailable(reason.into()));
    };
    let folder = place_for(&format!("wireshark-{series}"))?;
    let apt = folder.join("apt");
    let provided = search(series, &mirror, &folder, &apt);
    // Package lists and packages have served, or will be old when they are wanted again.
    if apt.exists() {
        fs::remove_dir_all(&apt).map_err(|error| about(&apt, &error))?;
    }
    // Empty where nothing was found.
    let _ = fs::remove_dir(&folder);
    provided
}

/// Asks one suite after the other, the likely one first; unpacks into `folder`.
fn search(series: &str, mirror: &str, folder: &Path, apt: &Path) -> Result<Provided, String> {
    let mut found = Vec::new();
    let mut failures = Vec::new();
    let (likely, others): (Vec<_>, Vec<_>) = SUITES.iter().partition(|(had, _)| *had == series);
    for (_, suites) in likely.into_iter().chain(others) {
        let name = suites.last().copied().unwrap_or_default();
        let asked = Suite::open(&apt.join(name), mirror, suites)
            .and_then(|suite| Ok((suite.version("tshark")?, suite)));
        match asked {
            Err(error) => failures.push(format!("{name}: {error}")),
            Ok((None, _)) => {}
            Ok((Some(version), suite)) if is_of(series, &version) => {
                eprintln!("xtask: fetching Wireshark {version} from {name}");
                unpack(&suite, folder)?;
                let there = Unpacked::find(series)?;
                return there.map(Provided::Here).ok_or_else(|| {
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
        return Err(format!("cannot ask Debian for Wireshark {series}: {}", failures.join("; ")));
    }
    let reason = format!("no suite of Debian has Wireshark {series}: {}", found.join(", "));
    Ok(Provided::Unavailable(reason))
}

/// Version `X.Y`, installed or unpacked, and fetched where it is neither.
pub fn wireshark(series: &str) -> Result<Wireshark, String> {
    let installed = Wireshark::installed().is_ok_and(|there| there.series() == series);
    if !installed && let Provided::Unavailable(reason) = provide(series)? {
        return Err(format!("there is no Wireshark {series} to be had: {reason}"));
    }
    Wireshark::of(series)
}

/// Whether Debian's `version` is one of `X.Y`.
fn is_of(series: &str, version: &str) -> bool {
    let upstream = version.split_once(':').map_or(version, |(_, after)| after);
    upstream.strip_prefix(series).is_some_and(|rest| rest.starts_with(['.', '~', '-']))
}

fn unpack(suite: &Suite, folder: &Path) -> Result<(), String> {
    let half = folder.join("root.half");
    let root = folder.join("root");
    if half.exists() {
        fs::remove_dir_all(&half).map_err(|error| about(&half, &error))?;
    }
    // The headers alone: what their packages depend on is the headers of everything else.
    suite.unpack(&["tshark"], &["libwireshark-dev", "libwiretap-dev", "libwsutil-dev"], &half)?;
    let library = libraries(&half).ok_or("the packages hold no loader")?;
    let library = library.strip_prefix(&half).unwrap_or(&library);
    let loader = loader(&half.join(library)).ok_or("the packages hold no loader")?;
    let name = loader.file_name().unwrap_or_default().to_string_lossy();
    let bin = folder.join("bin");
    make_folder(&bin)?;
    for program in PROGRAMS {
        let file = bin.join(program);
        let script = script(program, &library.display().to_string(), &name);
        fs::write(&file, script)
            .and_then(|()| fs::set_permissions(&file, fs::Permissions::from_mode(0o755)))
            .map_err(|error| about(&file, &error))?;
    }
    // Last, and in one step: a root that is there is a whole one.
    fs::rename(&half, &root).map_err(|error| about(&root, &error))
}

/// What starts `program` with its own loader and libraries. It forks nothing: tests run it often.
fn script(program: &str, library: &str, loader: &str) -> String {
    format!(
        "#!/bin/sh\n\
         # Wireshark's {program}, unpacked, with the libraries it came with.\n\
         root=${{0%/*}}/../root\n\
         lib=$root/{library}\n\
         export WIRESHARK_DATA_DIR=\"$root/usr/share/wireshark\" GCONV_PATH=\"$lib/gconv\"\n\
         exec \"$lib/{loader}\" --library-path \"$lib\" --argv0 {program} \"$root/usr/bin/{program}\" \"$@\"\n"
    )
}

/// The folder below `root` that the loader and the libraries are in.
fn libraries(root: &Path) -> Option<PathBuf> {
    let folders = fs::read_dir(root.join("usr/lib")).ok()?;
    folders.flatten().map(|entry| entry.path()).find(|folder| {
        folder.file_name().is_some_and(|name| name.to_string_lossy().contains("-linux-"))
            && loader(folder).is_some()
    })
}

fn loader(libraries: &Path) -> Option<PathBuf> {
    let files = fs::read_dir(libraries).ok()?;
    files.flatten().map(|entry| entry.path()).find(|file| {
        file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("ld-linux"))
    })
}

/// `X.Y`, or what is wrong with it.
pub fn series(text: &str) -> Result<String, String> {
    if is_version(text.as_ref()) {
        return Ok(text.to_owned());
    }
    Err(format!("a version of Wireshark is two numbers, such as 4.4, not `{text}`"))
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

    #[test]
    fn a_series_is_two_numbers() {
        assert_eq!(series("4.4").as_deref(), Ok("4.4"));
        for wrong in ["", "4", "4.4.19", "4.x", "--full"] {
            assert!(series(wrong).is_err(), "{wrong}");
        }
    }
}
