//! Packages that are unpacked below a folder and never installed.
//!
//! Their programs are started by the loader that came with them, so they run on an older system too.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Suite;
use crate::folders::{At, make_folder};

/// What is unpacked.
#[derive(Debug)]
pub struct Packages<'a> {
    /// Packages with all they depend on.
    pub complete: &'a [&'a str],
    /// Packages without.
    pub alone: &'a [&'a str],
    /// Programs in `/usr/bin` that get a script.
    pub programs: &'a [&'a str],
    /// Assignments of the shell for the programs; `$root` and `$lib` are the folders of the packages
    /// and of their libraries.
    pub environment: &'a str,
}

impl Packages<'_> {
    /// Fetches the packages from `suite` and unpacks them as `folder/root`; `folder/bin` gets a script
    /// for each of the programs.
    pub fn unpack(&self, suite: &Suite, folder: &Path) -> Result<()> {
        let half = folder.join("root.half");
        let root = folder.join("root");
        for old in [&half, &root] {
            if old.exists() {
                fs::remove_dir_all(old).at(old)?;
            }
        }
        suite.unpack(self.complete, self.alone, &half)?;
        let library = libraries(&half).context("the packages hold no loader")?;
        let loader = loader(&library).context("the packages hold no loader")?;
        let library = library.strip_prefix(&half).unwrap_or(&library).display().to_string();
        let name = loader.file_name().unwrap_or_default().to_string_lossy();
        let bin = folder.join("bin");
        make_folder(&bin)?;
        for program in self.programs {
            let file = bin.join(program);
            fs::write(&file, self.script(program, &library, &name))
                .and_then(|()| fs::set_permissions(&file, fs::Permissions::from_mode(0o755)))
                .at(&file)?;
        }
        // Last, and in one step: a root that is there is complete.
        fs::rename(&half, &root).at(&root)
    }

    /// The script that starts `program` with its own loader and libraries. It forks nothing, because
    /// tests run it often.
    fn script(&self, program: &str, library: &str, loader: &str) -> String {
        let export = match self.environment {
            "" => String::new(),
            environment => format!("export {environment}\n"),
        };
        format!(
            "#!/bin/sh\n\
             # Debian's {program}, unpacked, with the libraries it came with.\n\
             root=${{0%/*}}/../root\n\
             lib=$root/{library}\n\
             {export}\
             exec \"$lib/{loader}\" --library-path \"$lib\" --argv0 {program} \"$root/usr/bin/{program}\" \"$@\"\n"
        )
    }
}

/// The folder below `root` that the loader and the libraries are in.
pub fn libraries(root: &Path) -> Option<PathBuf> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_sets_the_environment_and_starts_the_loader() {
        let mut packages =
            Packages { complete: &[], alone: &[], programs: &[], environment: "A=\"$root/a\"" };
        let script = packages.script("tool", "usr/lib/x-linux-gnu", "ld-linux.so.2");
        assert!(
            script.contains("\nlib=$root/usr/lib/x-linux-gnu\nexport A=\"$root/a\"\nexec \"$lib/")
        );
        packages.environment = "";
        assert!(
            !packages.script("tool", "usr/lib/x-linux-gnu", "ld-linux.so.2").contains("export")
        );
    }
}
