//! The C library: `c/three_segments.c`, compiled with `include/tcphs.h` and linked with the static
//! and the shared library; and the symbols that the plugin imports.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn succeeds(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{error}", output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
}

/// Builds the C library; gives the folder it is in.
fn library() -> PathBuf {
    // Not the folder of this run: cargo holds a lock on it.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("c-api");
    succeeds(
        cargo()
            .current_dir(root())
            .args(["rustc", "--package", "c-api", "--lib", "--crate-type", "cdylib,staticlib"])
            .arg("--target-dir")
            .arg(&target),
    );
    target.join("debug")
}

fn compile(library: &Path, program: &Path, link: &[&str]) {
    let compiler = env::var_os("CC").unwrap_or_else(|| OsString::from("cc"));
    succeeds(
        Command::new(compiler)
            .args(["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-g", "-I"])
            .arg(root().join("include"))
            .arg(root().join("tests/c/three_segments.c"))
            .arg("-o")
            .arg(program)
            .arg("-L")
            .arg(library)
            .args(link),
    );
}

#[test]
fn a_c_program_sees_the_handshake() {
    let library = library();
    let folder = tempfile::tempdir().expect("there is room for temporary files");

    let with_archive = folder.path().join("with_archive");
    compile(&library, &with_archive, &["-l:libc_api.a", "-lpthread", "-ldl", "-lm", "-lgcc_s"]);
    let said = succeeds(&mut Command::new(&with_archive));
    assert_eq!(said, format!("tcphs {}: three segments, as expected\n", env!("CARGO_PKG_VERSION")));

    let with_library = folder.path().join("with_library");
    compile(&library, &with_library, &["-lc_api"]);
    let loaded = succeeds(Command::new(&with_library).env("LD_LIBRARY_PATH", &library));
    assert_eq!(loaded, said);

    if Command::new("valgrind").arg("--version").output().is_err() {
        testkit::skip!("a_c_program_sees_the_handshake", "no valgrind to look for leaks with");
        return;
    }
    // The labels live as long as the program, so only what is lost for certain counts.
    let valgrind =
        ["--quiet", "--error-exitcode=9", "--leak-check=full", "--errors-for-leak-kinds=definite"];
    succeeds(Command::new("valgrind").args(valgrind).arg(&with_archive));
}

/// With a symbol that is not weak and not there, Wireshark would say "undefined symbol" instead of
/// naming the version that the plugin was built for.
#[test]
fn the_plugin_imports_wireshark_weakly() {
    let plugin = testkit::wireshark::plugin::build(tests::wireshark()).expect("the plugin builds");
    let imports = succeeds(Command::new("nm").args(["-D", "--undefined-only"]).arg(&plugin));
    // Wireshark's symbols have no version; those of libc and libgcc have.
    let wireshark: Vec<_> = imports
        .lines()
        .filter_map(|line| line.trim().split_once(' '))
        .filter(|(_, name)| !name.contains('@'))
        .collect();
    let is_weak = |wanted: &str| wireshark.contains(&("w", wanted));
    assert!(is_weak("proto_register_plugin") && is_weak("call_dissector_only"), "{imports}");
    let strong: Vec<_> = wireshark.iter().filter(|(kind, _)| *kind != "w").collect();
    assert!(strong.is_empty(), "to be added to ffi-plugin/shim/weak.h: {strong:?}");
}
