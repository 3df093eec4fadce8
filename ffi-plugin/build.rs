//! Finds Wireshark's headers, reads them with bindgen, and compiles the shim.
//!
//! Nothing is downloaded, and nothing is linked: Wireshark has loaded its libraries when it loads the
//! plugin, and without `-lwireshark` a plugin for another version gets Wireshark's own message.

use std::env;
use std::path::{Path, PathBuf};

/// Names the folder that holds `epan/`; several, separated by colons, are searched in that order.
const INCLUDE_VARIABLE: &str = "WIRESHARK_INCLUDE_DIR";

const SHIM: &[&str] = &[
    "intercept.c",
    "passes.c",
    "points.c",
    "preferences.c",
    "register.c",
    "report.c",
    "show/expert.c",
    "show/show.c",
    "show/tree.c",
    "state.c",
    "statistics/flow.c",
    "statistics/statistics.c",
    "statistics/tables.c",
    "statistics/tap.c",
];
const SHIM_HEADERS: &[&str] = &["session.h", "shim.h", "weak.h"];

fn main() {
    if let Err(problem) = build() {
        // After a failed exit status cargo would print all other output of this script as well.
        println!("cargo::error={problem}");
    }
}

fn build() -> Result<(), String> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=../include/tcphs.h");
    for file in SHIM.iter().chain(SHIM_HEADERS) {
        println!("cargo::rerun-if-changed=shim/{file}");
    }
    let folders = header_folders()?;
    let own = PathBuf::from(variable("CARGO_MANIFEST_DIR")?).join("../include");
    compile_shim(&folders, &own)?;
    read_headers(&folders)
}

fn header_folders() -> Result<Vec<PathBuf>, String> {
    println!("cargo::rerun-if-env-changed={INCLUDE_VARIABLE}");
    let mut folders = match env::var_os(INCLUDE_VARIABLE).filter(|value| !value.is_empty()) {
        Some(value) => env::split_paths(&value).collect(),
        None => packaged("wireshark").unwrap_or_default(),
    };
    if !folders.iter().any(|folder| folder.join("epan/packet.h").is_file()) {
        return Err(format!(
            "no Wireshark headers: install them (Debian, Ubuntu: apt install libwireshark-dev \
             wireshark-dev pkg-config; Fedora: dnf install wireshark-devel pkgconf) or let \
             {INCLUDE_VARIABLE} name the folder that holds epan/packet.h"
        ));
    }
    if !folders.iter().any(|folder| folder.join("glib.h").is_file()) {
        folders.extend(packaged("glib-2.0").map_err(|_| {
            "no GLib headers: install them (Debian, Ubuntu: apt install libglib2.0-dev \
             pkg-config; Fedora: dnf install glib2-devel pkgconf)"
                .to_owned()
        })?);
    }
    Ok(folders)
}

/// The include folders of a package, by pkg-config.
fn packaged(name: &str) -> Result<Vec<PathBuf>, pkg_config::Error> {
    let library = pkg_config::Config::new().cargo_metadata(false).probe(name)?;
    Ok(library.include_paths)
}

fn compile_shim(folders: &[PathBuf], own: &Path) -> Result<(), String> {
    let mut compiler = cc::Build::new();
    compiler
        .files(SHIM.iter().map(|file| Path::new("shim").join(file)))
        .include(own)
        .std("gnu11")
        .extra_warnings(true)
        // Wireshark prescribes the parameters of dissectors.
        .flag_if_supported("-Wno-unused-parameter")
        .flag_if_supported("-Werror=implicit-function-declaration");
    // Included as system headers, Wireshark's headers cause no warnings. Their assertions name their
    // own files: without the folder, so that the plugin is the same wherever it is built.
    for folder in folders {
        compiler.flag("-isystem").flag(folder);
        compiler.flag_if_supported(format!("-ffile-prefix-map={}=wireshark", folder.display()));
    }
    compiler.try_compile("tcphs_shim").map_err(|error| format!("cannot compile shim/: {error}"))
}

/// Writes `wireshark.rs`: the types and constants for registration.
fn read_headers(folders: &[PathBuf]) -> Result<(), String> {
    let output = PathBuf::from(variable("OUT_DIR")?).join("wireshark.rs");
    let generate = || {
        bindgen::Builder::default()
            .header_contents(
                "wireshark-headers.h",
                "#include <wireshark.h>\n#include <ws_version.h>\n#include <epan/proto.h>\n\
                 #include <epan/expert.h>\n",
            )
            .clang_args(folders.iter().map(|folder| format!("-isystem{}", folder.display())))
            .allowlist_type("hf_register_info|ei_register_info|value_string|field_display_e")
            .allowlist_var("WIRESHARK_VERSION_(MAJOR|MINOR)")
            .allowlist_var("PI_(CHAT|NOTE|WARN|ERROR|SEQUENCE|PROTOCOL)")
            .default_enum_style(bindgen::EnumVariation::ModuleConsts)
            .allowlist_recursively(true)
            .layout_tests(true)
            .derive_debug(false)
            .generate()
    };
    // bindgen panics without libclang; one sentence says more than its backtrace.
    let silent = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let bindings = std::panic::catch_unwind(generate);
    std::panic::set_hook(silent);
    let bindings = bindings.map_err(|_| {
        "no libclang, which bindgen reads the headers with: install it (Debian, Ubuntu: apt \
         install libclang-dev; Fedora: dnf install clang-devel) or let LIBCLANG_PATH name its \
         folder"
            .to_owned()
    })?;
    let bindings = bindings.map_err(|error| format!("cannot read the headers: {error}"))?;
    bindings
        .write_to_file(&output)
        .map_err(|error| format!("cannot write {}: {error}", output.display()))
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|error| format!("{name}: {error}"))
}
