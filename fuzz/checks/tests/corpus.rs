//! Runs the check of each target on its committed inputs, with stable Rust and without a fuzzer.

use std::fs;
use std::path::Path;

use fuzz_checks::CHECKS;

/// The most octets of all inputs together, so that a checkout stays small.
const MAX_OCTETS: u64 = 512 * 1024;
const MAX_FILES: usize = 200;

#[test]
fn no_committed_input_panics() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus");
    let mut octets = 0;
    for (target, check) in CHECKS {
        let folder = corpus.join(target);
        let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
        let mut files: Vec<_> = files.map(|file| file.expect("it is listed").path()).collect();
        assert!(!files.is_empty() && files.len() <= MAX_FILES, "{target}: {}", files.len());
        files.sort_unstable();
        for file in files {
            let input = fs::read(&file).expect("it can be read");
            octets += input.len() as u64;
            // The test harness shows this line if the check panics.
            eprintln!("{}", file.display());
            check(&input);
        }
    }
    assert!(octets <= MAX_OCTETS, "{octets} octets");
}

#[test]
fn empty_input_does_not_panic() {
    for (_, check) in CHECKS {
        check(&[]);
    }
}
