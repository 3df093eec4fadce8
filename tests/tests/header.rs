//! The C headers are up to date with their sources: `include/tcphs.h` with those of `c-api/` and
//! the tables of the core, `ffi-plugin/shim/session.h` with those of `ffi-plugin/src/abi/`.
//!
//! `cargo xtask bless` writes them anew.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use dissector_core::connection::{ENUMERATIONS, Enumeration};
use expect_test::expect_file;

/// A header and its sources.
struct Header {
    file: &'static str,
    introduction: &'static str,
    guard: &'static str,
    includes: &'static [&'static str],
    /// The folder of the sources, and these in the order of the header.
    folder: &'static str,
    sources: &'static [&'static str],
    enumerations: bool,
}

const LIBRARY: Header = Header {
    file: "include/tcphs.h",
    introduction: "\
/* tcphs.h
 * The TCP handshake of each connection: which step a segment is, what state both
 * ends are in, and what the connection came to.
 *
 * Link with `pkg-config --cflags --libs tcphs`. Complete programs are
 * c-api/examples/one.c (octets in the program) and live.c (libpcap).
 *
 * Strings are UTF-8. Functions may be called from any thread, but with one table
 * only from one thread at a time. Pointers that they take are null or valid: a null
 * pointer is answered by TCPHS_NULL_ARGUMENT where nothing else is said. Numbers of
 * enumerations never change.
 *
 * Generated from c-api/src/ and the tables of dissector-core.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */",
    guard: "TCPHS_H",
    includes: &["stdbool.h", "stddef.h", "stdint.h", "time.h"],
    folder: "c-api/src",
    sources: &["status.rs", "text.rs", "segment.rs", "annotation.rs", "verdict.rs", "table.rs"],
    enumerations: true,
};

const SESSION: Header = Header {
    file: "ffi-plugin/shim/session.h",
    introduction: "\
/* session.h
 * Functions that the shim calls in Rust: for the segments of the capture file
 * that is open, by frame, and for everything that is shown of them. Pointers are null
 * or valid; functions say what else they need.
 *
 * Generated from ffi-plugin/src/abi/.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */",
    guard: "TCPHS_SESSION_H",
    includes: &["tcphs.h"],
    folder: "ffi-plugin/src/abi",
    sources: &["session.rs", "settings.rs", "statistics.rs", "tapped.rs"],
    enumerations: false,
};

/// Enumerations with functions only: a C program shows these by their labels and sentences, and their
/// hundred values would fill a quarter of the header.
const WITHOUT_CONSTANTS: [&str; 2] = ["cause", "evidence"];

/// Enumerations of what two points of capture tell, which the C library does not compare.
const OF_TWO_POINTS: [&str; 2] = ["fate", "path"];

/// Contracts that the introduction states for all functions. Longer ones stay.
const USUAL_CONTRACTS: [&str; 2] = ["Each pointer is null or valid.", "`table` is null or valid."];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

impl Header {
    fn generate(&self) -> String {
        let config = cbindgen::Config {
            language: cbindgen::Language::C,
            header: Some(self.introduction.to_owned()),
            include_guard: Some(self.guard.to_owned()),
            after_includes: self.enumerations.then(enumerations),
            cpp_compat: true,
            no_includes: true,
            sys_includes: self.includes.iter().map(ToString::to_string).collect(),
            usize_is_size_t: true,
            documentation_style: cbindgen::DocumentationStyle::Cxx,
            line_length: 110,
            tab_width: 4,
            ..Default::default()
        };
        let mut builder = cbindgen::Builder::new().with_config(config);
        for source in self.sources {
            builder = builder.with_src(root().join(self.folder).join(source));
        }
        let mut header = Vec::new();
        builder.generate().expect("the sources are read").write(&mut header);
        let header = String::from_utf8(header).expect("the header is text");
        with_comments_behind(&with_contracts(&header))
    }
}

/// The header without rustdoc's headings above contracts, and without the contracts that hold for
/// all functions.
fn with_contracts(header: &str) -> String {
    let usual = USUAL_CONTRACTS.iter();
    let header = usual.fold(header.to_owned(), |header, contract| {
        ["///\n", ""].iter().fold(header, |header, blank| {
            header.replace(&format!("{blank}/// # Safety\n/// {contract}\n"), "")
        })
    });
    header.replace("/// # Safety\n", "")
}

/// The header with the comment of a field or value behind it, if it has one line and fits there.
fn with_comments_behind(header: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in header.lines() {
        let last = lines.last().and_then(|last| last.strip_prefix("    /// "));
        let several = lines.iter().rev().nth(1).is_some_and(|line| line.starts_with("    ///"));
        let joined = last.map(|comment| format!("{line} ///< {comment}"));
        match joined
            .filter(|joined| !several && joined.chars().count() <= 110 && line.starts_with("    "))
        {
            Some(joined) if line.ends_with([';', ',']) => *lines.last_mut().expect("seen") = joined,
            _ => lines.push(line.to_owned()),
        }
    }
    lines.push(String::new());
    lines.join("\n")
}

/// The enumerations of the core as C enumerations, each with the function that gives its labels.
fn enumerations() -> String {
    let mut text = String::new();
    let of_one_point = |table: &&&Enumeration| !OF_TWO_POINTS.contains(&table.name);
    let with_constants = |table: &&&Enumeration| !WITHOUT_CONSTANTS.contains(&table.name);
    let known = || ENUMERATIONS.iter().filter(of_one_point);
    for Enumeration { name, doc, values, .. } in known().filter(with_constants) {
        let upper = name.to_uppercase();
        write!(text, "\n/// {doc}\nenum tcphs_{name} {{\n").expect("a String takes it");
        for value in *values {
            let (constant, number) = (value.constant, value.number);
            writeln!(text, "    /// {}\n    TCPHS_{upper}_{constant} = {number},", value.doc)
                .expect("likewise");
        }
        text.push_str("};\n");
    }
    text.push_str(
        "\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n\
         /// Labels of the values above, as in columns, filters and rows; null if there is no such\n\
         /// value. Never freed. Causes and evidence have no constants: docs/OUTCOMES.md lists them by\n\
         /// their labels, which never change, like the numbers.\n",
    );
    for Enumeration { name, .. } in known() {
        writeln!(text, "const char *tcphs_{name}_label(uint8_t {name});").expect("likewise");
    }
    text.push_str("\n#ifdef __cplusplus\n}\n#endif");
    text
}

fn is_up_to_date(header: &Header) {
    expect_file![root().join(header.file)].assert_eq(&header.generate());
}

#[test]
fn the_header_of_the_library_is_up_to_date() {
    is_up_to_date(&LIBRARY);
    let header = LIBRARY.generate();
    assert!(header.lines().count() < 600, "{} lines", header.lines().count());
}

#[test]
fn the_header_of_the_session_is_up_to_date() {
    is_up_to_date(&SESSION);
}
