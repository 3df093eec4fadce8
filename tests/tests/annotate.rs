//! `tcphs annotate`, read by a Wireshark without the plugin: the comments are there, and nothing else has changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use tempfile::TempDir;
use testkit::capture::{Frames, Pcap};
use testkit::pcapng::LITTLE;
use tests::{corpus, finish, in_parallel, open_to_all, sample, samples, tcphs, text, wireshark};

/// Larger captures of the corpus are left to the tests of the library.
const MOST_OCTETS: u64 = 1 << 20;

/// A folder that tshark's user can read.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("there is room");
    open_to_all(folder.path());
    folder
}

/// Runs `tcphs annotate` on a capture; returns the new one.
fn annotated(folder: &TempDir, arguments: &[&str], capture: &Path) -> PathBuf {
    let output = folder.path().join("annotated.pcapng");
    let mut command = tcphs();
    command.arg("annotate").args(arguments).arg(capture).arg("--output").arg(&output);
    finish(&mut command);
    output
}

/// What a stock tshark says of a capture, damaged or not.
fn stock(capture: &Path, arguments: &[&str]) -> Output {
    let mut command = wireshark().without_plugin();
    command.args(["-n", "-r"]).arg(capture).args(arguments).stdin(Stdio::null());
    command.output().expect("tshark starts")
}

/// Frame and comments of the frames that a display filter passes.
fn comments(capture: &Path, filter: &str) -> Vec<(String, Vec<String>)> {
    let fields =
        ["-T", "fields", "-e", "frame.number", "-e", "frame.comment", "-E", "aggregator=|"];
    let output = stock(capture, &[&["-Y", filter][..], &fields].concat());
    assert!(output.status.success(), "{output:?}");
    // A bar within a comment separates its parts.
    let lines = text(&output).replace(" | ", " / ");
    let row = |line: &str| {
        let (frame, comments) = line.split_once('\t').expect("two fields");
        (frame.to_owned(), comments.split('|').map(str::to_owned).collect())
    };
    lines.lines().map(row).collect()
}

#[test]
fn any_wireshark_shows_the_verdicts() {
    let folder = folder();
    let file = annotated(&folder, &[], &sample("accept-queue-full.pcapng"));
    let found = comments(&file, "frame.comment contains \"tcphs:\"");
    let frames: Vec<_> = found.iter().map(|(frame, _)| frame.as_str()).collect();
    assert_eq!(frames, ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"]);
    let comments_of = |frame: usize| &found[frame - 1].1;
    let first = &comments_of(1)[0];
    assert!(first.starts_with("tcphs: complete, set-up "), "{first}");
    assert!(first.ends_with(" / 1/3 SYN / connection 0"), "{first}");
    assert_eq!(comments_of(2), &["tcphs: 2/3 SYN/ACK"]);
    assert_eq!(comments_of(3), &["tcphs: 3/3 ACK"]);
    let failed = comments_of(7);
    let expected = "tcphs: no_reply / 1/3 SYN / Nothing acceptable came back. / connection 2";
    assert_eq!(failed[0], expected);
    assert!(
        failed[1].starts_with("tcphs: likely: The server's accept queue is full"),
        "{failed:?}"
    );
    assert_eq!(failed.last().map(String::as_str), Some("tcphs: command: ss -ltn 'sport = :7000'"));
    assert!(comments_of(8)[0].starts_with("tcphs: SYN, again, 1.0"), "{found:?}");

    let only = annotated(&folder, &["--failed"], &sample("accept-queue-full.pcapng"));
    let found = comments(&only, "frame.comment");
    let frames: Vec<_> = found.iter().map(|(frame, _)| frame.as_str()).collect();
    assert_eq!(frames, ["7", "8", "9", "10"]);
}

/// The octets of every packet, with their times, lengths and interfaces.
fn packets(capture: &Path) -> (String, String) {
    let fields = [
        "frame.number",
        "frame.time_epoch",
        "frame.len",
        "frame.cap_len",
        "frame.encap_type",
        "frame.interface_id",
        "frame.interface_name",
        "frame.interface_description",
        "frame.packet_flags",
    ];
    let fields = fields.iter().flat_map(|name| ["-e", name]);
    let fields: Vec<_> = ["-T", "fields"].into_iter().chain(fields).collect();
    (text(&stock(capture, &["-x"])), text(&stock(capture, &fields)))
}

#[test]
fn packets_are_the_same_octet_for_octet() {
    let small = |file: &PathBuf| file.metadata().is_ok_and(|it| it.len() <= MOST_OCTETS);
    let mut captures = samples();
    captures.extend(corpus().into_iter().filter(small).step_by(7));
    let compared = in_parallel(&captures, |capture| {
        let folder = folder();
        let output = folder.path().join("annotated.pcapng");
        let mut command = tcphs();
        command.arg("annotate").arg(capture).arg("--output").arg(&output);
        let said = command.stdin(Stdio::null()).output().expect("tcphs starts");
        let told = String::from_utf8_lossy(&said.stderr);
        // What is no capture for tcphs, and blocks that must not be copied, are told.
        if said.status.code() == Some(1) || told.contains("could not be copied") {
            return 0;
        }
        assert!(said.status.success(), "{capture:?}: {said:?}");
        // Where the capture is damaged, a new one ends.
        let (before, after) = (packets(capture), packets(&output));
        let is_damaged = told.contains("cut short") || told.contains("damaged after");
        let as_pcap = before.1.contains("\t\t\t\t") != after.1.contains("\t\t\t\t");
        if is_damaged {
            assert!(before.0.starts_with(after.0.trim_end()), "{capture:?}");
            return 0;
        }
        assert!(before.0 == after.0, "{capture:?}");
        if capture.extension().is_some_and(|it| it == "pcapng") && !as_pcap {
            assert!(before.1 == after.1, "{capture:?}");
        }
        1
    });
    assert!(compared.iter().sum::<usize>() > 20, "too few of {}", captures.len());
}

#[test]
fn pcap_keeps_its_times() {
    let folder = folder();
    let frames = sample("refused.pcapng");
    let pcap = folder.path().join("of.pcap");
    finish(std::process::Command::new("editcap").args(["-F", "nsecpcap"]).arg(&frames).arg(&pcap));
    let frames = Frames::read(fs::File::open(&pcap).expect("it is there")).expect("a pcap file");
    for form in [Pcap::Nanoseconds, Pcap::Microseconds] {
        let file = folder.path().join("in.pcap");
        fs::write(&file, frames.pcap(form)).expect("there is room");
        open_file(&file);
        let new = annotated(&folder, &[], &file);
        let times = |file: &Path| text(&stock(file, &["-T", "fields", "-e", "frame.time_epoch"]));
        assert_eq!(times(&file), times(&new));
        assert_eq!(packets(&file).0, packets(&new).0);
    }
}

fn open_file(file: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(file, fs::Permissions::from_mode(0o644)).expect("it is ours");
}

/// The lines of `capinfos` about a capture, but for those about the file itself and the
/// comments, which some versions list.
fn capinfos(capture: &Path) -> Option<String> {
    let mut command = wireshark().beside_tshark("capinfos", false)?;
    let said = text(&finish(command.arg(capture)));
    let of_file = ["File name", "File size", "SHA", "RIPEMD", "MD5", "File type", "Packet "];
    let kept = said.lines().filter(|line| !of_file.iter().any(|it| line.starts_with(it)));
    Some(kept.collect::<Vec<_>>().join("\n"))
}

#[test]
fn secrets_interfaces_and_comments_of_others_stay() {
    let folder = folder();
    let tls = testkit::workspace_root().join("tests/data/tls-with-secrets.pcapng");
    let new = annotated(&folder, &[], &tls);
    let http = ["-d", "tcp.port==4433,tls", "-Y", "http", "-T", "fields", "-e", "http.request.uri"];
    let decrypted = text(&stock(&new, &http));
    assert_eq!(decrypted, text(&stock(&tls, &http)));
    assert!(decrypted.contains("/page.txt"), "{decrypted}");
    match (capinfos(&tls), capinfos(&new)) {
        (Some(before), Some(after)) => {
            assert!(after.contains("Number of decryption secrets in file: 1"), "{after}");
            assert_eq!(before, after);
        }
        _ => testkit::skip!("secrets_interfaces_and_comments_of_others_stay", "no capinfos"),
    }

    // A comment of another, an interface with options, a name and statistics.
    let ends = (([10, 0, 0, 1], 4000), ([10, 0, 0, 2], 80));
    let syn = testkit::packet::TcpPacket {
        flags: testkit::packet::SYN,
        ..testkit::packet::TcpPacket::between(ends.0, ends.1)
    };
    let end = [0; 4];
    let interface = [
        LITTLE.option(2, b"eth7"),
        LITTLE.option(3, b"seven"),
        LITTLE.option(9, &[9]),
        end.to_vec(),
    ];
    let names = [&LITTLE.u16(1)[..], &LITTLE.u16(9), &[10, 0, 0, 2], b"name\0\0\0\0", &end];
    let theirs = [LITTLE.option(1, "by someone else: ä".as_bytes()), end.to_vec()];
    let file = [
        LITTLE.section(),
        LITTLE.interface(101, &interface.concat()),
        LITTLE.block(4, &names.concat()),
        LITTLE.packet_with(0, 1_500_000_000_000_000_007, &syn.ip(), &theirs.concat()),
        LITTLE.packet(0, 1_500_000_009_000_000_007, &syn.ip()),
        LITTLE.statistics(0, 9, &[LITTLE.option(4, &LITTLE.u64(5)), end.to_vec()].concat()),
    ];
    let before = folder.path().join("before.pcapng");
    fs::write(&before, file.concat()).expect("there is room");
    open_file(&before);
    let new = annotated(&folder, &[], &before);
    let found = comments(&new, "frame.number == 1");
    assert_eq!(found[0].1[0], "by someone else: ä");
    assert!(found[0].1[1].starts_with("tcphs: no_reply"), "{found:?}");
    let seen = text(&stock(&new, &["-N", "n", "-T", "fields", "-e", "frame.interface_name"]));
    assert_eq!(seen, "eth7\neth7\n");
    if let (Some(then), Some(now)) = (capinfos(&before), capinfos(&new)) {
        assert_eq!(then, now);
    }
    // Once more, they are replaced; taken out, the file is what it was.
    let again = folder.path().join("again.pcapng");
    fs::copy(&new, &again).expect("there is room");
    assert_eq!(comments(&annotated(&folder, &[], &again), "frame.number == 1"), found);
    let without = annotated(&folder, &["--remove"], &again);
    assert_eq!(fs::read(without).expect("it is there"), file.concat());
}

#[test]
fn blocks_without_room_or_out_of_use_have_comments_too() {
    let folder = folder();
    let ends = (([10, 0, 0, 1], 4000), ([10, 0, 0, 2], 80));
    let syn = testkit::packet::TcpPacket {
        flags: testkit::packet::SYN,
        ..testkit::packet::TcpPacket::between(ends.0, ends.1)
    };
    let rst = testkit::packet::TcpPacket {
        flags: testkit::packet::RST | testkit::packet::ACK,
        acknowledgment: 1,
        ..testkit::packet::TcpPacket::between(ends.1, ends.0)
    };
    let octets = |frame: &[u8]| LITTLE.u32(frame.len() as u32);
    let simple = |frame: &[u8]| LITTLE.block(3, &[&octets(frame)[..], frame].concat());
    let old = |time: u64, frame: &[u8]| {
        let (interface, drops, length) = (LITTLE.u16(0), LITTLE.u16(0xffff), octets(frame));
        let start = [&interface[..], &drops, &LITTLE.time(time), &length, &length];
        LITTLE.block(2, &[&start.concat()[..], frame].concat())
    };
    let start = [LITTLE.section(), LITTLE.interface(101, &[])].concat();
    for (frames, word) in [
        ([simple(&syn.ip()), simple(&rst.ip())], ", without a time"),
        ([old(1_000_000, &syn.ip()), old(1_000_009, &rst.ip())], ""),
    ] {
        let before = folder.path().join("before.pcapng");
        fs::write(&before, [&start[..], &frames.concat()].concat()).expect("there is room");
        open_file(&before);
        let new = annotated(&folder, &[], &before);
        let found = comments(&new, "frame.comment");
        let said: Vec<_> = found.iter().map(|(_, comments)| comments[0].as_str()).collect();
        assert_eq!(said.len(), 2, "{found:?}");
        assert!(said[0].starts_with(&format!("tcphs: refused / 1/3 SYN{word} / ")), "{said:?}");
        assert!(said[1].starts_with(&format!("tcphs: RST (refusal){word} / ")), "{said:?}");
        assert_eq!(packets(&before).0, packets(&new).0);
    }
}
