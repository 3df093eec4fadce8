//! Statistics, lists and written files that use none of our fields.

use std::process::Command;

use tests::{everything, finish, tshark, tshark_without, wireshark};

/// The output of tshark with the plugin, and without.
fn both(arguments: &[&str]) -> (String, String) {
    let arguments = [&["-n", "-r", everything()], arguments].concat();
    (tshark(&arguments), tshark_without(&arguments))
}

#[test]
fn statistics_stay() {
    let taps = [
        "io,phs",
        "conv,tcp",
        "conv,ip",
        "endpoints,tcp",
        "endpoints,ipv6",
        "flow,tcp,standard",
        "follow,tcp,ascii,0",
        "follow,tcp,hex,3",
        "io,stat,1,tcp.flags.syn==1,tcp.analysis.retransmission",
        "plen,tree",
        "ip_hosts,tree",
        "dests,tree",
        "http,tree",
        "icmp,srt",
    ];
    // All statistics in one run, and one that needs no tree.
    let all: Vec<_> = taps.iter().flat_map(|tap| ["-z", tap]).collect();
    for wanted in [&all[..], &["-z", "conv,tcp"]] {
        for passes in [&["-q"][..], &["-q", "-2"]] {
            let (with, without) = both(&[passes, wanted].concat());
            for (with, without) in with.lines().zip(without.lines()) {
                assert_eq!(with, without, "{wanted:?}");
            }
            assert_eq!(with.len(), without.len(), "{wanted:?}");
            assert!(with.lines().count() > 20, "{with}");
        }
    }
    // This statistic writes into the Info column, behind our text.
    let (with, without) = both(&["-z", "proto,colinfo,tcp.flags,tcp.flags"]);
    for (with, without) in with.lines().zip(without.lines()) {
        let info = with.split_once(" | ").map_or(with, |(_, info)| info);
        assert!(without.ends_with(info) && info.contains("tcp.flags == 0x"), "{with}");
    }
}

/// Wireshark's own expert items stay the same; ours are added under their own protocol.
#[test]
fn expert_information_stays() {
    for passes in [&["-q"][..], &["-q", "-2"]] {
        let (with, without) = both(&[passes, &["-z", "expert"]].concat());
        // Each line has frequency, group, protocol and summary; headings have the sum of
        // frequencies.
        let tidy = |text: &str| {
            let entries = text.lines().filter(|line| {
                line.trim_start().starts_with(|first: char| first.is_ascii_digit())
                    && !line.contains(" TCPHS ")
            });
            entries.map(|line| line.trim().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(tidy(&with), tidy(&without));
        assert!(with.contains(" TCPHS ") && tidy(&without).len() > 3, "{with}");
    }
}

/// A capture that tshark writes holds the packets that it read.
#[test]
fn captures_written_again() {
    for arguments in [&[][..], &["-Y", "tcp.flags.syn == 1"], &["-2", "-R", "tcp"]] {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(folder.path(), open).expect("the folder is ours");
        let written = |mut tshark: Command, name: &str| {
            let file = folder.path().join(name);
            tshark.args(["-n", "-r", everything()]).args(arguments).arg("-w").arg(&file);
            finish(&mut tshark);
            std::fs::read(file).expect("tshark wrote it")
        };
        let with = written(wireshark().with_plugin(), "with.pcapng");
        assert!(with == written(wireshark().without_plugin(), "without.pcapng"), "{arguments:?}");
        assert!(with.len() > 1000);
    }
}

/// The plugin adds protocols and fields to Wireshark's lists and changes none.
#[test]
fn lists_of_protocols_and_fields_stay() {
    for list in ["protocols", "fields", "heuristic-decodes", "values", "ftypes"] {
        let (with, without) = (tshark(&["-G", list]), tshark_without(&["-G", list]));
        let is_ours = |line: &&str| line.split('\t').any(|word| word.starts_with("tcphs"));
        let mut theirs: Vec<_> = with.lines().filter(|line| !is_ours(line)).collect();
        let mut without: Vec<_> = without.lines().collect();
        // Entries with equal names are in another order in each run.
        theirs.sort_unstable();
        without.sort_unstable();
        assert_eq!(theirs.len(), without.len(), "-G {list}");
        assert!(theirs == without, "-G {list}");
    }
}

/// Each line is JSON, with our layer in it.
#[test]
fn other_formats_can_be_read() {
    let shown = |form: &str| tshark(&["-n", "-r", everything(), "-2", "-T", form]);
    let ek = shown("ek");
    let ours = ek
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("each line is JSON"))
        .filter(|line| line["layers"].get("tcphs").is_some())
        .count();
    assert!(ours > 100);
    assert_eq!(shown("pdml").matches("<proto name=\"tcphs\"").count(), ours);
    let json = shown("jsonraw");
    let frames: Vec<serde_json::Value> = serde_json::from_str(&json).expect("it is JSON");
    assert!(frames.len() >= ours);
}
