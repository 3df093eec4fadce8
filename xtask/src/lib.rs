//! The workspace's own commands, and for the end-to-end tests the way to run tshark with the
//! plugin.
//!
//! [`wireshark::Wireshark`] is the installed tshark, [`plugin::build_and_place`] makes the plugin
//! and puts it where that tshark is told to look. Nothing here touches the user's Wireshark, save
//! [`install`].

pub mod bench;
pub mod bundle;
pub mod checks;
mod command;
pub mod cost;
mod debian;
pub mod dist_command;
pub mod fuzz;
pub mod install;
pub mod packages;
mod pcap;
pub mod plugin;
mod privileges;
pub mod profile;
pub mod samples;
pub mod screenshots;
pub mod settings;
pub mod soak;
pub mod supply;
pub mod traffic;
pub mod unpacked;
pub mod wireshark;

use std::path::{Path, PathBuf};

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
