//! The folders from which Wireshark's programs are started: below cargo's target folder, or below
//! the folder of temporary files where the user who runs tshark cannot read the target folder.

use std::env;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::privileges::RunAs;
use crate::folders::{At, make_folder, target_folder};

/// The folder `name` for the user who runs Wireshark's programs here.
pub fn stage(name: &str) -> Result<PathBuf> {
    stage_for(name, &RunAs::choose()?)
}

/// `<target>/name`, or a folder that every user can read if root's target folder is closed to the
/// user nobody.
pub(super) fn stage_for(name: &str, run_as: &RunAs) -> Result<PathBuf> {
    let target = target_folder()?;
    let stage = target.join(name);
    if run_as.reads_what_caller_reads() || open_to_all(&target) {
        return Ok(stage);
    }
    // A number for each checkout keeps two of them apart (FNV-1a of the path).
    let number: u64 = target
        .as_os_str()
        .as_encoded_bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3));
    let stage = env::temp_dir().join(format!("tcphs-{number:016x}-{name}"));
    make_folder(&stage)?;
    // If another user owned a folder of that name, they would choose the plugin that is loaded.
    let meta = fs::symlink_metadata(&stage).at(&stage)?;
    if !meta.is_dir() || meta.uid() != 0 || meta.mode() & 0o022 != 0 {
        bail!("{} is not a folder that only root can write: remove it", stage.display());
    }
    Ok(stage)
}

/// Whether every user may pass through every folder on the way to `folder`.
fn open_to_all(folder: &Path) -> bool {
    folder
        .ancestors()
        .filter_map(|step| step.metadata().ok())
        .all(|meta| meta.permissions().mode() & 0o001 != 0)
}
