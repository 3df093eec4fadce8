//! The public API of `dissector-core` is listed in `dissector-core/api.txt`. A change may break a
//! user's build, so the list is changed on purpose.
//!
//! `cargo xtask bless` writes it anew.

use std::fs;
use std::process::Command;

use expect_test::expect_file;
use serde_json::Value;
use testkit::folders::target_folder;
use tests::finish;

/// Crates whose types must not be in a public signature.
const FOREIGN: [&str; 7] =
    ["bitflags::", "etherparse::", "flate2::", "hashbrown::", "nom::", "pcap_file::", "ruzstd::"];

/// The version of rustdoc's JSON format that the library reads; almost every release of Rust has a
/// new one.
const FORMAT: u64 = 57;

#[test]
#[ignore = "takes a while"]
fn the_public_api_is_the_listed_one() {
    let target = target_folder().expect("cargo knows it").join("public-api");
    let mut rustdoc = Command::new("cargo");
    rustdoc.current_dir(testkit::workspace_root()).env("RUSTC_BOOTSTRAP", "1");
    rustdoc.args(["rustdoc", "--quiet", "--package", "dissector-core", "--lib", "--all-features"]);
    rustdoc.arg("--target-dir").arg(&target);
    rustdoc.args(["--", "-Z", "unstable-options", "--output-format", "json"]);
    finish(&mut rustdoc);

    let description = target.join("doc/dissector_core.json");
    let text = fs::read_to_string(&description).expect("rustdoc has written it");
    let parsed: Value = serde_json::from_str(&text).expect("it is JSON");
    if parsed["format_version"] != FORMAT {
        let format = &parsed["format_version"];
        let reason = format!("this Rust describes libraries in form {format}, not {FORMAT}");
        testkit::skip!("the_public_api_is_the_listed_one", reason);
        return;
    }
    let api = public_api::Builder::from_rustdoc_json(description)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()
        .expect("it is of the form that it says");
    let api = api.to_string();
    // No type of another crate is public.
    for foreign in FOREIGN {
        let shown = api.lines().find(|line| line.contains(foreign));
        assert_eq!(shown, None, "a type of another crate in a public signature");
    }
    let file = testkit::workspace_root().join("dissector-core/api.txt");
    // A difference that is on purpose also belongs in CHANGELOG.md.
    expect_file![file].assert_eq(&api);
}
