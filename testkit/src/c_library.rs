//! The C library: built from `c-api/` and installed with its header and its pkg-config file.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use anyhow::{Context, Result};

use crate::command::{cargo, output_of};
use crate::folders::{At, make_folder, replace, target_folder, workspace_root};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The name by which the dynamic linker finds the library; the number rises when a release breaks
/// programs that were linked with an earlier one.
const SONAME: &str = "libtcphs.so.0";

/// Builds the library (release) and installs it below `prefix`: `libtcphs.so` and
/// `libtcphs.a`, `tcphs.h`, and `tcphs.pc` for pkg-config.
///
/// Quick when nothing changed. The installed folder may be moved.
pub fn install(prefix: &Path) -> Result<()> {
    let built = target_folder()?.join("release");
    make_folder(&built)?;
    let dependencies = built.join("libtcphs.dependencies");
    let print = format!("native-static-libs={}", dependencies.display());
    let mut build = cargo();
    build.args(["rustc", "--quiet", "--release", "--package", "c-api", "--lib"]);
    build.args(["--crate-type", "cdylib,staticlib", "--"]);
    build.args(["--print", &print, "-C", "strip=debuginfo"]);
    build.args(["-C", &format!("link-arg=-Wl,-soname,{SONAME}")]);
    output_of(build.current_dir(workspace_root()))?;
    let dependencies = fs::read_to_string(&dependencies).at(&dependencies)?;

    let libraries = prefix.join("lib");
    let full_name = format!("libtcphs.so.{VERSION}");
    copy(&built.join("libc_api.so"), &libraries.join(&full_name), 0o755)?;
    copy(&built.join("libc_api.a"), &libraries.join("libtcphs.a"), 0o644)?;
    for name in [SONAME, "libtcphs.so"] {
        replace(&libraries.join(name), |link| symlink(&full_name, link))?;
    }
    let header = workspace_root().join("include/tcphs.h");
    copy(&header, &prefix.join("include/tcphs.h"), 0o644)?;
    let module = libraries.join("pkgconfig/tcphs.pc");
    make_folder(module.parent().context("a folder")?)?;
    replace(&module, |file| fs::write(file, pkg_config(dependencies.trim())))
}

fn copy(from: &Path, to: &Path, mode: u32) -> Result<()> {
    make_folder(to.parent().context("a folder")?)?;
    replace(to, |file| {
        fs::copy(from, file)?;
        fs::set_permissions(file, fs::Permissions::from_mode(mode))
    })
    .with_context(|| from.display().to_string())
}

/// The text of `tcphs.pc`; `dependencies` are the libraries that the static library needs.
fn pkg_config(dependencies: &str) -> String {
    format!(
        "prefix=${{pcfiledir}}/../..\n\
         libdir=${{prefix}}/lib\n\
         includedir=${{prefix}}/include\n\
         \n\
         Name: tcphs\n\
         Description: The TCP handshake of each connection: steps, states, outcome\n\
         Version: {VERSION}\n\
         Libs: -L${{libdir}} -ltcphs\n\
         Libs.private: {dependencies}\n\
         Cflags: -I${{includedir}}\n"
    )
}
