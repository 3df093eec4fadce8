//! `tcphs merge`: what is written, and what is said.

mod common;

use std::fs::{self, File};

use common::{run, stderr, stdout, tcphs, workspace};
use tempfile::tempdir;

const SAMPLE: &str = "samples/no-reply.pcapng";
const OTHER: &str = "samples/accept-queue-full.pcapng";

/// The file and frame of each segment, and its time.
fn packets(file: &str) -> Vec<String> {
    let text = stdout(&["packets", "--format", "csv", file]);
    let mut lines = text.lines();
    let columns: Vec<_> = lines.next().expect("a header").split(',').collect();
    let wanted = ["time_ns", "src_addr", "src_port", "seq", "flags", "stage"];
    let wanted = wanted.map(|name| columns.iter().position(|it| *it == name).expect(name));
    let row = |line: &str| {
        let values: Vec<_> = line.split(',').collect();
        wanted.map(|place| values[place]).join(" ")
    };
    lines.map(row).collect()
}

#[test]
fn both_captures_are_in_the_output() {
    let folder = tempdir().expect("a folder");
    let output = folder.path().join("both.pcapng").display().to_string();
    stdout(&["merge", SAMPLE, OTHER, "--output", &output]);
    let mut expected = [packets(SAMPLE), packets(OTHER)].concat();
    expected.sort();
    assert_eq!(packets(&output), expected);

    // By name, from standard input, to standard output.
    let server = format!("server={OTHER}");
    let piped = tcphs(["merge", "--clock", "none", "--at", "client=-", "--at", &server])
        .stdin(File::open(workspace().join(SAMPLE)).expect("a sample"))
        .output()
        .expect("the command starts");
    assert!(piped.status.success() && piped.stderr.is_empty(), "{piped:?}");
    fs::write(&output, &piped.stdout).expect("it can be written");
    assert_eq!(packets(&output), expected);
    let text = String::from_utf8_lossy(&piped.stdout);
    let application = concat!("tcphs ", env!("CARGO_PKG_VERSION"), " merge");
    assert!([application, "client", "server"].iter().all(|name| text.contains(name)), "{text}");
}

#[test]
fn a_cut_capture_is_merged_as_far_as_it_goes_and_named() {
    let folder = tempdir().expect("a folder");
    let output = folder.path().join("both.pcapng").display().to_string();
    let cut = folder.path().join("cut.pcapng").display().to_string();
    let whole = fs::read(workspace().join(OTHER)).expect("a sample");
    fs::write(&cut, &whole[..whole.len() - 7]).expect("it can be written");
    let told = stderr(&["merge", SAMPLE, &cut, "--output", &output], 0);
    assert!(told.contains(&format!("tcphs: {cut}: the capture is cut short after ")), "{told}");
    assert!(told.contains("nothing tells how far the clocks"), "{told}");
    assert!(packets(&output).len() > packets(SAMPLE).len());
}

#[test]
fn what_cannot_be_done_is_said() {
    for (arguments, status, told) in [
        (&["merge"][..], 2, "no captures"),
        (&["merge", SAMPLE], 2, "the capture of one point"),
        (&["merge", "--by-interface", SAMPLE], 2, "merged already"),
        (&["merge", "-", SAMPLE], 2, "--clock none"),
        (&["merge", SAMPLE, "missing.pcap", "--output", "/dev/null"], 1, "missing.pcap: "),
        (&["merge", SAMPLE, "Cargo.toml", "--output", "/dev/null"], 1, "Cargo.toml: not a pcap"),
        (&["merge", SAMPLE, OTHER, "--output", SAMPLE], 2, "is an input"),
        (&["merge", SAMPLE, OTHER, "--output", "/no/folder"], 1, "cannot write /no/folder"),
        (&["merge", SAMPLE, OTHER, "--output", "/dev/full"], 1, "cannot write the output"),
    ] {
        let text = stderr(arguments, status);
        assert!(text.contains(told), "{arguments:?}: {text}");
    }
    assert!(run(&["merge", "--help"]).status.success());
}
