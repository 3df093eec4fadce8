//! The tests that were skipped: `testkit::skip!` writes their names to a file.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Result, bail};
use testkit::folders::{At, made_folder};

/// The tests that may be skipped in CI, and why.
const ALLOWED: &[(&str, &str)] = &[
    ("pictures", "`cargo xtask screenshots` takes the pictures of the documentation"),
    (
        "the_public_api_is_the_listed_one",
        "each release of Rust describes libraries in its own form",
    ),
];

/// The beginnings of reasons for which any test may be skipped in CI.
const ALLOWED_REASONS: &[(&str, &str)] = &[
    ("no corpus of captures", "the corpus is not part of the project"),
    ("no other Wireshark is here", "`cargo xtask test --wireshark X.Y` gets one"),
    ("the window of Wireshark", "versions that are unpacked have no window"),
    ("valgrind cannot run a tshark", "Debian's loaders have no names, and valgrind needs them"),
];

/// A list of skipped tests, on disk: several programs write to it.
pub struct Skipped {
    list: PathBuf,
}

impl Skipped {
    /// Begins an empty list.
    pub fn begin() -> Result<Self> {
        let list = made_folder("tests")?.join(format!("skipped-{}", std::process::id()));
        fs::write(&list, "").at(&list)?;
        Ok(Self { list })
    }

    /// The environment variable that tells tests where the list is.
    pub fn variable(&self) -> (&'static str, &PathBuf) {
        (testkit::skip::VARIABLE, &self.list)
    }

    /// The skipped tests so far, each with its reason, by name.
    pub fn tests(&self) -> Result<BTreeMap<String, String>> {
        Ok(parse(&fs::read_to_string(&self.list).at(&self.list)?))
    }
}

impl Drop for Skipped {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.list);
    }
}

fn parse(list: &str) -> BTreeMap<String, String> {
    let lines = list.lines().filter_map(|line| line.strip_prefix("SKIPPED "));
    let tests = lines.filter_map(|line| line.split_once(": "));
    tests.map(|(test, reason)| (test.to_owned(), reason.to_owned())).collect()
}

/// Fails if one of the tests may not be skipped in CI.
pub fn check(tests: &BTreeMap<String, String>) -> Result<()> {
    let forbidden = tests.iter().filter(|(test, reason)| {
        !ALLOWED.iter().any(|(allowed, _)| allowed == test)
            && !ALLOWED_REASONS.iter().any(|(allowed, _)| reason.starts_with(allowed))
    });
    let forbidden: Vec<_> = forbidden.map(|(test, _)| test.as_str()).collect();
    if !forbidden.is_empty() {
        bail!("skipped, but CI must run them: {}", forbidden.join(", "));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_tests_may_be_skipped() {
        let list = "SKIPPED pictures: not asked for\nSKIPPED mate: no MATE: none\nother text\n";
        let tests = parse(list);
        assert_eq!(tests.get("mate").map(String::as_str), Some("no MATE: none"));
        let error = check(&tests).map_err(|error| error.to_string());
        assert_eq!(error, Err("skipped, but CI must run them: mate".into()));
        assert!(check(&parse("SKIPPED pictures: not asked for\n")).is_ok());
    }
}
