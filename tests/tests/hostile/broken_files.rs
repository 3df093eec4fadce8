//! Damaged capture files: by editcap, by a cut at any octet, by changed octets of the framing; and
//! random ones.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use testkit::capture::Frames;
use testkit::random::Rng;
use tests::{all_cases, finish, in_parallel, sample, samples};

use crate::compare::{assert_same, assert_same_file, share};
use crate::frames::{folder, read};

/// Writes octets as a capture that every user can read, and compares tshark with and without the
/// plugin.
fn compare(about: &str, octets: &[u8]) {
    let folder = folder();
    let file = folder.path().join("broken.pcapng");
    fs::write(&file, octets).expect("there is room");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("it is ours");
    assert_same_file(about, &file);
}

fn with_errors(capture: &Path, seed: usize, probability: &str) -> Frames {
    let folder = folder();
    let file = folder.path().join("errors.pcap");
    let mut editcap = Command::new("editcap");
    editcap.args(["-F", "nsecpcap", "-E", probability, "--seed", &seed.to_string()]);
    finish(editcap.arg(capture).arg(&file));
    read(&file).expect("editcap writes a capture")
}

/// `editcap -E`: octets anywhere in a frame get another value.
fn errors(seeds: std::ops::Range<usize>) -> Frames {
    let mut all: Option<Frames> = None;
    for seed in seeds {
        for (place, capture) in samples().iter().enumerate() {
            let probability = ["0.01", "0.03", "0.1", "0.5"][(seed + place) % 4];
            let frames = with_errors(capture, seed, probability);
            match &mut all {
                None => all = Some(frames),
                Some(all) => all.frames.extend(frames.frames),
            }
        }
    }
    all.expect("there are samples")
}

#[test]
fn errors_by_editcap() {
    assert!(assert_same("editcap -E", errors(0..4)) > 100);
}

#[test]
#[ignore = "takes minutes"]
fn many_errors_by_editcap() {
    let seeds = share((0..20).collect());
    in_parallel(&seeds, |seed| {
        assert_same(&format!("editcap -E, seeds from {seed}0"), errors(seed * 10..seed * 10 + 10))
    });
}

/// Files that end in the file header, in a block header or in a frame, and files with changed
/// octets of the framing.
fn files(step: usize, seed: u64) -> Vec<(String, Vec<u8>)> {
    let whole = fs::read(sample("refused.pcapng")).expect("it is there");
    let mut random = Rng::with_seed(seed);
    let cuts = (0..whole.len()).step_by(step);
    let cut = cuts.map(|length| (format!("cut at {length}"), whole[..length].to_vec()));
    let changed = (0..whole.len() / step).map(|number| {
        let mut octets = whole.clone();
        let place = random.usize(..octets.len());
        octets[place] = random.u8(..);
        (format!("change {number}, of octet {place}"), octets)
    });
    let changed: Vec<_> = changed.collect();
    cut.chain(changed).collect()
}

#[test]
fn files_cut_and_changed() {
    in_parallel(&files(100, 3), |(about, octets)| compare(about, octets));
}

#[test]
#[ignore = "takes minutes"]
fn files_cut_at_every_length() {
    in_parallel(&share(files(1, 4)), |(about, octets)| compare(about, octets));
}

/// `randpkt` makes other packets in each run, so a capture that fails is kept.
#[test]
#[ignore = "takes minutes"]
fn random_packets() {
    let kinds = ["tcp", "ip", "ipv6", "icmp", "eth", "udp", "sctp", "llc", "fddi", "tr"];
    let count = if all_cases() { "5000" } else { "2000" };
    in_parallel(&kinds, |kind| {
        let folder = folder();
        let file = folder.path().join("random.pcap");
        finish(Command::new("randpkt").args(["-b", "500", "-c", count, "-t", kind]).arg(&file));
        let frames = read(&file).expect("randpkt writes a capture");
        assert_same(&format!("randpkt -t {kind}"), frames)
    });
}
