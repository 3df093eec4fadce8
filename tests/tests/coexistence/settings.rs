//! Settings of the user: passes, read filters, disabled protocols, Decode As, the limit of tree
//! items.

use tests::{everything, finish, text, wireshark};

use crate::details::{assert_same, assert_theirs_stay, details_as_is, with, without};

#[test]
fn one_pass_and_two() {
    let all: usize = with(&[]).theirs.len();
    for passes in [&[][..], &["-2"]] {
        // Every frame of the samples is a segment, or an ICMP error that quotes one.
        assert_eq!(assert_theirs_stay(passes).annotated(), all);
    }
}

/// Only frames that pass a read filter reach the second pass, with new numbers. A frame must have
/// the same details as without the filter, except for frame numbers and for details that need the
/// other frames.
#[test]
fn a_read_filter() {
    let filters =
        ["tcp.flags.syn == 1", "tcp.dstport == 53", "icmp || icmpv6", "tcphs.final_ack", "udp"];
    for filter in filters {
        let mut theirs_only = filter;
        if filter.starts_with("tcphs") {
            // Without the plugin the field `tcphs` does not exist.
            theirs_only = "tcp.flags.syn == 1";
        }
        assert_theirs_stay(&["-2", "-R", theirs_only]);

        let stages = |arguments: &[&str]| {
            let fields = ["-T", "fields", "-e", "tcphs.stage_str", "-e", "tcphs.flags"];
            let more = ["-e", "tcphs.client.state_str", "-e", "tcphs.server.state_str"];
            let mut tshark = wireshark().with_plugin();
            tshark.args(["-n", "-r", everything()]).args(arguments).args(fields).args(more);
            text(&finish(&mut tshark))
        };
        assert_eq!(stages(&["-2", "-R", filter]), stages(&["-Y", filter]), "{filter}");
    }
}

#[test]
fn protocols_disabled() {
    let usual = with(&[]);
    for (protocol, some) in [("tcp", false), ("ip", true), ("ipv6", true), ("icmp", true)] {
        for passes in [&[][..], &["-2"]] {
            let arguments = [&["--disable-protocol", protocol], passes].concat();
            let seen = assert_theirs_stay(&arguments);
            // Frames that are still dissected have the same details, except for the number of the
            // connection.
            assert_eq!(seen.annotated() > 0, some, "{protocol}");
            assert!(seen.annotated() < usual.annotated(), "{protocol}");
        }
    }
    for passes in [&[][..], &["-2"]] {
        let seen = with(&[&["--disable-protocol", "tcphs"], passes].concat());
        assert_eq!(seen.annotated(), 0);
        assert_same(&seen.theirs, &without(passes).theirs, "with ours disabled");
    }
}

#[test]
fn decode_as() {
    let usual = with(&[]);
    // The dissector of the payload makes no difference to our fields.
    for rule in ["tcp.port==53,http", "tcp.port==7000,tls", "tcp.port==8080,data"] {
        let seen = assert_theirs_stay(&["-d", rule]);
        assert_same(&seen.ours, &usual.ours, rule);
    }
    // Packets that the user decodes as another protocol than TCP get no fields.
    for rule in ["ip.proto==6,udp", "ip.proto==6,data"] {
        assert_eq!(assert_theirs_stay(&["-d", rule]).annotated(), 0, "{rule}");
        assert_eq!(assert_theirs_stay(&["-2", "-d", rule]).annotated(), 0, "{rule}");
    }
}

/// A frame is not marked as malformed because our items exceed the limit, and a limit that leaves
/// room for Wireshark's own items leaves room for ours.
#[test]
fn few_items_in_the_tree() {
    let lines = |plugin: bool, limit: u32, passes: &[&str]| {
        let limit = format!("gui.max_tree_items:{limit}");
        let arguments = [&["-o", &limit], passes].concat();
        let mut tshark =
            if plugin { wireshark().with_plugin() } else { wireshark().without_plugin() };
        details_as_is(&mut tshark, everything(), &arguments)
    };
    // With a lower limit Wireshark 4.6 itself aborts: it has more items in front of those of TCP.
    let least = if wireshark().version >= (4, 6, 0) { 200 } else { 130 };
    for limit in [least, 230] {
        for passes in [&[][..], &["-2"]] {
            let (with, without) = (lines(true, limit, passes), lines(false, limit, passes));
            assert_same(&with.theirs, &without.theirs, &format!("at most {limit} items"));
            assert_eq!(with.annotated(), with.theirs.len(), "at most {limit} items");
        }
    }
    // The lowest limit changes none of our items.
    let about = format!("at most {least} items");
    assert_same(&lines(true, least, &["-2"]).ours, &with(&["-2"]).ours, &about);
}
