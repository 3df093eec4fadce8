//! The output of the command does not depend on the number of threads, octet for octet.

use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::slice::from_ref;

use testkit::traffic::{self, Kind};
use tests::{corpus, in_parallel, tcphs};

fn with_threads(threads: &str, arguments: &[&str], files: &[PathBuf]) -> Output {
    let mut command = tcphs();
    command.args(arguments).args(["--threads", threads]).args(files).stdin(Stdio::null());
    command.output().expect("tcphs starts")
}

/// Asserts that two and three threads give the same standard output, standard error and exit status
/// as one.
fn alike(arguments: &[&str], files: &[PathBuf]) {
    let one = with_threads("1", arguments, files);
    for threads in ["2", "3"] {
        let several = with_threads(threads, arguments, files);
        let what = format!("{threads} threads: {arguments:?} {files:?}");
        assert!(one.stdout == several.stdout, "{what}: other output");
        let said = [&one, &several].map(|run| String::from_utf8_lossy(&run.stderr));
        assert_eq!(said[0], said[1], "{what}");
        assert_eq!(one.status.code(), several.status.code(), "{what}");
    }
}

const JSONL: &[&str] = &["connections", "--format", "jsonl"];

#[test]
fn samples() {
    let samples = tests::samples();
    in_parallel(&samples, |sample| alike(JSONL, from_ref(sample)));
    // Several files are read as one stream.
    alike(JSONL, &samples);
    alike(&["connections", "--format", "csv", "--failed"], &samples);
    alike(&["connections", "--fail-on", "failed"], &samples);
    alike(&["servers", "--format", "jsonl"], &samples);
    alike(&["packets", "--failed", "--format", "jsonl"], &samples);
}

/// A pcap file without its first records.
fn without_first(file: &[u8], records: usize) -> Vec<u8> {
    let mut rest = &file[24..];
    for _ in 0..records {
        let (octets, _) = rest[8..].split_first_chunk().expect("the length of a record");
        rest = &rest[16 + u32::from_le_bytes(*octets) as usize..];
    }
    [&file[..24], rest].concat()
}

/// Enough packets for several batches, and so long that connections leave the table.
#[test]
fn long_captures() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, kind, connections| {
        let file = folder.path().join(name);
        traffic::write(&file, kind, connections).expect("a capture");
        file
    };
    let handshakes = write("handshakes.pcap", Kind::Handshakes, 260_000);
    alike(JSONL, from_ref(&handshakes));
    alike(JSONL, &[write("data.pcap", Kind::Data, 1_500)]);
    // Two files that overlap, with connections in both.
    alike(JSONL, &[handshakes.clone(), write("more.pcap", Kind::Handshakes, 20_000)]);
    // A file whose packets come long after those of the other.
    let later = folder.path().join("later.pcap");
    let octets = std::fs::read(write("whole.pcap", Kind::Handshakes, 20_000)).expect("the capture");
    std::fs::write(&later, without_first(&octets, 50_000)).expect("a shorter one");
    alike(JSONL, &[write("sooner.pcap", Kind::Handshakes, 15_000), later]);
    // A file cut in the middle of a packet: the packets before count, and there is a warning.
    let cut = folder.path().join("cut.pcap");
    let octets = std::fs::read(&handshakes).expect("the capture");
    std::fs::write(&cut, &octets[..octets.len() / 3 + 7]).expect("a shorter one");
    alike(JSONL, &[cut]);
}

#[test]
fn real_captures() {
    in_parallel(&corpus(), |capture| alike(JSONL, from_ref(capture)));
}
