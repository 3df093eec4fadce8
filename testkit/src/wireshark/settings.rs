//! The settings that Wireshark is started with: none, or links to the user's own, and in both cases
//! the profile "TCP Handshake" beside them. Installed settings stay as they are.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use anyhow::Result;

use super::profile;
use crate::folders::{At, make_folder, mirror, replace};

/// Wireshark's own notes, among them the last profile and the last files: not linked.
const NOTES: &str = "recent_common";

const PROFILES: &str = "profiles";

/// Makes `ours` hold the settings in `theirs`, if any, and the profile.
pub(super) fn prepare(ours: &Path, theirs: Option<&Path>) -> Result<()> {
    let profiles = ours.join(PROFILES);
    let installed = theirs
        .map(|theirs| theirs.join(PROFILES).join(profile::NAME))
        .is_some_and(|installed| installed.is_dir());
    let profile = profiles.join(profile::NAME);
    if installed && fs::symlink_metadata(&profile).is_ok_and(|there| there.is_dir()) {
        // The installed profile is the one to be shown.
        fs::remove_dir_all(&profile).at(&profile)?;
    }
    if let Some(theirs) = theirs {
        mirror(theirs, ours, |name| name == PROFILES || name == NOTES)?;
        mirror(&theirs.join(PROFILES), &profiles, |_| false)?;
    }
    if installed { Ok(()) } else { place_profile(&profile) }
}

/// Writes the files of the profile, except those that have been changed since they were written.
fn place_profile(folder: &Path) -> Result<()> {
    let originals = folder.join(".tcphs");
    make_folder(&originals)?;
    for (name, text) in profile::files() {
        let (file, original) = (folder.join(name), originals.join(name));
        let there = |file: &Path| fs::read(file).is_ok_and(|there| there == text.as_bytes());
        if file.is_file() && (there(&original) || name == profile::NOTES) {
            continue;
        }
        for file in [&file, &original] {
            replace(file, |temporary| fs::write(temporary, &text))?;
        }
    }
    Ok(())
}

/// Whether `arguments` choose a profile themselves.
pub fn choose_a_profile<S: AsRef<OsStr>>(arguments: &[S]) -> bool {
    arguments
        .iter()
        .map(|argument| argument.as_ref().as_encoded_bytes())
        .any(|argument| argument.starts_with(b"-C") || argument.starts_with(b"--config-profile"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> std::path::PathBuf {
        let folder =
            std::env::temp_dir().join(format!("tcphs-settings-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        make_folder(&folder).expect("there is room");
        folder
    }

    #[test]
    fn the_users_settings_stand_beside_the_profile_and_stay_as_they_are() {
        let (theirs, ours) = (folder("theirs"), folder("ours"));
        make_folder(&theirs.join("profiles/Mine")).expect("there is room");
        for name in ["preferences", "recent_common"] {
            fs::write(theirs.join(name), "of the user").expect("there is room");
        }
        let profile = ours.join("profiles").join(profile::NAME);
        let is_ours = || fs::symlink_metadata(&profile).is_ok_and(|there| there.is_dir());

        prepare(&ours, Some(&theirs)).expect("it is prepared");
        assert!(ours.join("preferences").is_symlink() && !ours.join("recent_common").exists());
        assert!(ours.join("profiles/Mine").is_dir() && is_ours());
        assert!(!theirs.join("profiles").join(profile::NAME).exists());

        // A changed file stays.
        fs::write(profile.join("preferences"), "changed").expect("there is room");
        prepare(&ours, Some(&theirs)).expect("it is prepared");
        assert_eq!(fs::read(profile.join("preferences")).ok().as_deref(), Some(&b"changed"[..]));

        // An installed profile is the one to be shown, until it is gone.
        let installed = theirs.join("profiles").join(profile::NAME);
        make_folder(&installed).expect("there is room");
        prepare(&ours, Some(&theirs)).expect("it is prepared");
        assert!(profile.is_symlink() && fs::read_dir(&installed).is_ok_and(|is| is.count() == 0));
        fs::remove_dir(&installed).expect("it is empty");
        prepare(&ours, Some(&theirs)).expect("it is prepared");
        assert!(is_ours());

        for folder in [theirs, ours] {
            let _ = fs::remove_dir_all(folder);
        }
    }

    #[test]
    fn a_profile_may_be_chosen() {
        assert!(choose_a_profile(&["-C", "Mine"]) && choose_a_profile(&["-CMine"]));
        assert!(!choose_a_profile(&["-r", "a.pcap"]));
    }
}
