//! `cargo xtask dist-command`: the command for others, with man pages and shell completions.

use std::env::consts::{ARCH, OS};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{cargo, run};
use crate::wireshark::target_folder;
use crate::workspace_root;

/// Files of the workspace that go along.
const ALONG: &[&str] = &["README.md", "CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT"];

/// Builds the command and packs it as `target/dist/tcphs-VERSION-OS-ARCH.tar.gz`; that path.
pub fn dist() -> Result<PathBuf, String> {
    let folder = target_folder()?;
    let mut build = cargo();
    build.args(["build", "--release", "--package", "tcphs", "--features", "parquet"]);
    run(build.current_dir(workspace_root()))?;
    let name = format!("tcphs-{}-{OS}-{ARCH}", env!("CARGO_PKG_VERSION"));
    let dist = folder.join("dist");
    let content = dist.join(&name);
    // What an earlier run has left must not go along.
    if content.exists() {
        fs::remove_dir_all(&content).map_err(|error| about(&content, &error))?;
    }
    fs::create_dir_all(&content).map_err(|error| about(&content, &error))?;
    let along = ALONG.iter().map(|file| workspace_root().join(file));
    for file in along.chain([folder.join("release/tcphs")]) {
        let copy = content.join(file.file_name().unwrap_or_default());
        fs::copy(&file, &copy).map_err(|error| about(&file, &error))?;
    }
    let mut pages = cargo();
    pages.args(["run", "--quiet", "--package", "tcphs", "--example", "pages", "--"]).arg(&content);
    run(pages.current_dir(workspace_root()))?;
    let archive = dist.join(format!("{name}.tar.gz"));
    let mut tar = Command::new("tar");
    tar.args([
        "--create",
        "--gzip",
        "--sort=name",
        "--mtime=@0",
        "--owner=0",
        "--group=0",
        "--file",
    ])
    .arg(&archive);
    run(tar.arg("--directory").arg(&dist).arg(&name))?;
    fs::remove_dir_all(&content).map_err(|error| about(&content, &error))?;
    Ok(archive)
}

fn about(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}
