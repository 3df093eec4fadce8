//! `tcphs report --redact`: nothing of the captures that could name a host is in the page.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde_json::Value;

use super::common::{pairs, samples, stdout};
use super::hostile::capture;
use super::{report, rows};

/// Every address that the packets of a capture have, in each form that one may write it in.
fn addresses(file: &str) -> BTreeSet<IpAddr> {
    let text = stdout(&["packets", "--format", "jsonl", file]);
    let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("an object"));
    rows.flat_map(|row| {
        ["src_addr", "dst_addr", "client_addr", "server_addr"].map(|key| row[key].clone())
    })
    .filter_map(|address| address.as_str()?.parse().ok())
    .collect()
}

fn forms(address: IpAddr) -> Vec<String> {
    let mut forms = vec![address.to_string()];
    match address {
        IpAddr::V4(address) => {
            let octets = address.octets();
            forms.push(octets.map(|octet| octet.to_string()).join("-"));
            let hex: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
            forms.extend([format!("0x{hex}"), format!("::ffff:{address}")]);
            let [a, b, c, d] = octets;
            forms.push(format!("{d}.{c}.{b}.{a}.in-addr.arpa"));
        }
        IpAddr::V6(address) => {
            let groups = address.segments().map(|group| format!("{group:04x}")).join(":");
            forms.extend([groups.to_uppercase(), groups]);
            let short = address.segments().map(|group| format!("{group:x}")).join(":");
            forms.extend([short, address.to_string().to_uppercase()]);
        }
    }
    forms
}

/// Whether an address stands in a text, and is no part of a longer one.
fn names(text: &str, address: &str) -> bool {
    let is_part = |letter: char| letter.is_ascii_hexdigit();
    text.match_indices(address).any(|(place, _)| {
        let before = text[..place].chars().next_back();
        let after = text[place + address.len()..].chars().next();
        !before.is_some_and(|it| is_part(it) || it == '.') && !after.is_some_and(is_part)
    })
}

#[track_caller]
fn is_free_of(everything: &str, addresses: &BTreeSet<IpAddr>, file: &str) {
    assert!(!addresses.is_empty(), "{file}");
    for form in addresses.iter().flat_map(|address| forms(*address)) {
        assert!(!names(everything, &form), "{file}: {form}");
    }
    let name = file.rsplit('/').next().expect("a name");
    assert!(!everything.contains(name), "{file}: {name}");
}

#[test]
fn no_address_and_no_file_is_named() {
    for sample in samples() {
        let everything = report(&["--redact", &sample]).everything();
        is_free_of(&everything, &addresses(&sample), &sample);
    }
}

#[test]
fn nor_of_several_points() {
    for [client, server] in pairs().into_iter().step_by(4) {
        let at = [format!("A-host={client}"), format!("B-host={server}")];
        let everything = report(&["--redact", "--at", &at[0], "--at", &at[1]]).everything();
        for file in [&client, &server] {
            is_free_of(&everything, &addresses(file), file);
        }
        assert!(!everything.contains("-host"), "{client}");
    }
}

#[test]
fn texts_of_segments_are_left_out() {
    let folder = tempfile::tempdir().expect("there is room");
    let file = capture(&folder.path().join("secret-name.pcap"), b"blocked by 198.18.7.1, jane.doe");
    let open = report(&[&file]).everything();
    assert!(open.contains("jane.doe") && open.contains("secret-name"));
    let redacted = report(&["--redact", &file]).everything();
    for word in ["jane", "secret-name", "198.18."] {
        assert!(!redacted.contains(word), "{word}");
    }
}

#[test]
fn the_same_host_has_the_same_stand_in_and_the_rest_stays() {
    let samples = samples();
    let files: Vec<&str> = samples.iter().map(String::as_str).collect();
    let [open, redacted] =
        [vec![], vec!["--redact"]].map(|option| report(&[&option[..], &files[..]].concat()));
    for column in ["conn", "time", "port", "outcome", "setup", "syns", "packets", "client"] {
        assert_eq!(open.column(column), redacted.column(column), "{column}");
    }
    let hosts = |page: &super::Page| -> Vec<String> {
        page.column("hosts").iter().map(|it| it.as_str().expect("a host").to_owned()).collect()
    };
    let [open, redacted] = [hosts(&open), hosts(&redacted)];
    assert_eq!(open.len(), redacted.len());
    assert_eq!(redacted.iter().collect::<BTreeSet<_>>().len(), redacted.len());
    let network = |host: &str| {
        let host: IpAddr = host.trim_matches(['[', ']']).parse().expect("an address");
        match host {
            IpAddr::V4(host) => u128::from(u32::from(host) >> 8),
            IpAddr::V6(host) => u128::from(host) >> 64,
        }
    };
    for (a, one) in open.iter().enumerate() {
        for (b, other) in open.iter().enumerate() {
            let together = network(one) == network(other);
            assert_eq!(together, network(&redacted[a]) == network(&redacted[b]), "{one} {other}");
        }
    }
    assert!(!rows(&files).is_empty());
}
