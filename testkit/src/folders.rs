//! Folders of the workspace, and files that several processes read and write at the same time.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};

use crate::command::{cargo, json_strings, stdout_of};

/// Names the target folder in which `cargo xtask test` has built the plugin and the command, so that
/// each test program need not ask cargo again.
pub const BUILT_VARIABLE: &str = "TCPHS_BUILT";

/// The folder of the workspace: where `samples/` and the root `Cargo.toml` are.
pub fn workspace_root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Captures kept beside the checkout, too many and too large to be committed, if they are there.
pub fn shared_captures() -> Option<PathBuf> {
    let captures = workspace_root().join("../shared/captures");
    captures.canonicalize().ok().filter(|captures| captures.is_dir())
}

/// Cargo's target folder, wherever the user has put it.
pub fn target_folder() -> Result<PathBuf> {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    if let Some(folder) = FOLDER.get() {
        return Ok(folder.clone());
    }
    if let Some(folder) = std::env::var_os(BUILT_VARIABLE) {
        return Ok(FOLDER.get_or_init(|| folder.into()).clone());
    }
    let mut metadata = cargo();
    metadata.args(["metadata", "--format-version=1", "--no-deps", "--offline"]);
    let text = stdout_of(metadata.current_dir(workspace_root()))?;
    let after = text.split_once("\"target_directory\":").map_or("", |(_, after)| after);
    let folder = json_strings(after, |_| true).into_iter().next();
    let folder = folder.context("`cargo metadata` names no target folder")?;
    Ok(FOLDER.get_or_init(|| folder.into()).clone())
}

/// Makes a folder that every user can read, whatever the umask.
pub fn make_folder(folder: &Path) -> Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(folder)
        .and_then(|()| fs::set_permissions(folder, fs::Permissions::from_mode(0o755)))
        .at(folder)
}

/// Makes `target/name` and gives its path.
pub fn made_folder(name: &str) -> Result<PathBuf> {
    let folder = target_folder()?.join(name);
    make_folder(&folder)?;
    Ok(folder)
}

/// Puts what `make` makes in place of `file` in one step: a reader sees the old or the new file.
pub fn replace(file: &Path, make: impl FnOnce(&Path) -> io::Result<()>) -> Result<()> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    // The name must not end in `.so`, or a Wireshark that starts now loads the file.
    let temporary = file.with_file_name(format!(".{name}.{}.{number}", std::process::id()));
    make(&temporary).and_then(|()| fs::rename(&temporary, file)).at(file).inspect_err(|_| {
        let _ = fs::remove_file(&temporary);
    })
}

/// Makes `ours` hold a link to everything in `theirs` that `skip` does not name, and no other link.
pub(crate) fn mirror(
    theirs: &Path,
    ours: &Path,
    skip: impl Fn(&std::ffi::OsStr) -> bool,
) -> Result<()> {
    make_folder(ours)?;
    let mut wanted = Vec::new();
    // Wireshark without any plugin has no such folder.
    for entry in fs::read_dir(theirs).into_iter().flatten().flatten() {
        if !skip(&entry.file_name()) {
            link(&entry.path(), &ours.join(entry.file_name()))?;
            wanted.push(entry.file_name());
        }
    }
    for entry in fs::read_dir(ours).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let stale =
            entry.file_type().is_ok_and(|kind| kind.is_symlink()) && !wanted.contains(&name);
        // A name that begins with a dot is a link that another process is about to rename.
        if stale && !name.as_encoded_bytes().starts_with(b".") {
            // Another process may have removed it already.
            let _ = fs::remove_file(entry.path());
        }
    }
    Ok(())
}

fn link(target: &Path, name: &Path) -> Result<()> {
    if fs::read_link(name).is_ok_and(|there| there == target) {
        return Ok(());
    }
    replace(name, |temporary| std::os::unix::fs::symlink(target, temporary))
}

/// Names the file that an error is about.
pub trait At<T> {
    /// The error as `path: error`.
    fn at(self, path: impl AsRef<Path>) -> Result<T>;
}

impl<T, E> At<T> for std::result::Result<T, E>
where
    Self: Context<T, E>,
{
    fn at(self, path: impl AsRef<Path>) -> Result<T> {
        self.with_context(|| path.as_ref().display().to_string())
    }
}
