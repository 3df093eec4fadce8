//! `include/tcphs.h` is what `ffi-plugin/src/abi/` and the tables of the core say.
//!
//! `TCPHS_BLESS=1 cargo test -p tests --test header` writes it anew.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use dissector_core::connection::{ENUMERATIONS, Enumeration};

const INTRODUCTION: &str = "\
/* tcphs.h
 * TCP handshakes: which step a segment is, and what state both ends are in.
 *
 * Generated; see ffi-plugin/src/abi/. The plugin for Wireshark is built on this
 * interface, and other C programs may be: build the library without Wireshark by
 * `cargo build --release -p ffi-plugin --no-default-features` and link libtcphs.a
 * or libtcphs.so. tests/c/three_segments.c is a small complete program.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */";

/// Sources of the interface, in the order of the header.
const SOURCES: &[&str] = &[
    "status.rs",
    "label.rs",
    "segment.rs",
    "table.rs",
    "session.rs",
    "settings.rs",
    "statistics.rs",
    "tapped.rs",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn generate() -> String {
    let config = cbindgen::Config {
        language: cbindgen::Language::C,
        header: Some(INTRODUCTION.to_owned()),
        include_guard: Some("TCPHS_H".to_owned()),
        after_includes: Some(enumerations()),
        cpp_compat: true,
        no_includes: true,
        sys_includes: ["stdbool.h", "stddef.h", "stdint.h", "time.h"].map(str::to_owned).to_vec(),
        usize_is_size_t: true,
        documentation_style: cbindgen::DocumentationStyle::Doxy,
        line_length: 100,
        tab_width: 4,
        ..Default::default()
    };
    let sources = SOURCES.iter().map(|file| root().join("ffi-plugin/src/abi").join(file));
    let mut builder = cbindgen::Builder::new().with_config(config);
    for source in sources {
        builder = builder.with_src(source);
    }
    let mut header = Vec::new();
    builder.generate().expect("the sources are read").write(&mut header);
    // A heading of rustdoc; what stands under it is said of C as well.
    String::from_utf8(header).expect("the header is text").replace(" * # Safety\n", "")
}

/// The enumerations of the core as C enumerations.
fn enumerations() -> String {
    let mut text = String::new();
    for Enumeration { name, doc, values, .. } in ENUMERATIONS {
        let upper = name.to_uppercase();
        write!(text, "\n/**\n * {doc}\n */\nenum tcphs_{name} {{\n").expect("a String takes it");
        for value in *values {
            let (constant, number) = (value.constant, value.number);
            let (doc, label) = (value.doc, value.label);
            writeln!(text, "    /**\n     * {doc} Label: `{label}`.\n     */").expect("likewise");
            writeln!(text, "    TCPHS_{upper}_{constant} = {number},").expect("likewise");
        }
        text.push_str("};\n");
    }
    text
}

#[test]
fn the_header_is_up_to_date() {
    let path = root().join("include/tcphs.h");
    let generated = generate();
    if std::env::var_os("TCPHS_BLESS").is_some() {
        fs::write(&path, &generated).expect("include/ is writable");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    let differing = committed
        .lines()
        .chain(std::iter::repeat("(end)"))
        .zip(generated.lines())
        .enumerate()
        .find(|(_, (committed, generated))| committed != generated);
    if let Some((line, (committed, generated))) = differing {
        panic!(
            "include/tcphs.h is out of date from line {} on: it has\n  {committed}\nand should have\n  \
             {generated}\nWrite it anew: TCPHS_BLESS=1 cargo test -p tests --test header",
            line + 1
        );
    }
    assert_eq!(committed, generated);
}
