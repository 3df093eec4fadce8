//! The pictures of the README, taken anew.
//!
//! The tests drive the window, so they hold the camera too; this tells them where to put what they
//! take.

use std::fs;
use std::process::Command;

use crate::command::{cargo, run};
use crate::packages::{self, PLUGIN_BUILD, TSHARK, WINDOW_TESTS};
use crate::workspace_root;

/// Names the folder that pictures go to.
pub const FOLDER_VARIABLE: &str = "TCPHS_SCREENSHOTS";

/// No picture is larger, in octets: a page with all of them is to open at once.
pub const MOST_OCTETS: u64 = 120_000;

/// Takes all pictures and puts them into `docs/images/`.
pub fn take() -> Result<(), String> {
    packages::ensure(PLUGIN_BUILD.iter().chain([&TSHARK]).chain(&WINDOW_TESTS))?;
    let folder = workspace_root().join("docs/images");
    fs::create_dir_all(&folder).map_err(|error| crate::wireshark::about(&folder, &error))?;
    let mut camera: Command = cargo();
    camera.args(["test", "--quiet", "--package", "tests", "--test", "screenshots"]);
    camera.current_dir(workspace_root()).env(FOLDER_VARIABLE, &folder);
    run(&mut camera)?;
    println!("{}", folder.display());
    Ok(())
}
