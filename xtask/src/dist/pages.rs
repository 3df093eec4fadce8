//! Man pages, completions and the manual as text, as the command writes them of itself.

use std::path::Path;

use anyhow::Result;
use testkit::folders::workspace_root;
use xshell::{Shell, cmd};

/// What is written of a command for Linux.
pub const UNIX: [&str; 2] = ["man", "completions"];

/// What is written of a command for Windows.
pub const WINDOWS: [&str; 2] = ["manual.txt", "completions"];

/// Writes the `parts` into `folder`.
pub fn write(folder: &Path, parts: &[&str]) -> Result<()> {
    let shell = Shell::new()?;
    shell.change_dir(workspace_root());
    let pages = ["run", "--quiet", "--package", "tcphs", "--example", "pages", "--"];
    Ok(cmd!(shell, "cargo {pages...} {folder} {parts...}").quiet().run()?)
}
