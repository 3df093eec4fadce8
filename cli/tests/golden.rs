//! What people read, word for word. `TCPHS_BLESS=1 cargo test -p tcphs --test golden` writes the
//! files anew; look at the difference before you commit it.

mod common;

use std::fs;

use common::{stdout, workspace};

/// Compares what the command says with a file in `tests/golden`.
fn golden(file: &str, arguments: &[&str]) {
    let said = stdout(arguments);
    let path = workspace().join("cli/tests/golden").join(file);
    if std::env::var_os("TCPHS_BLESS").is_some() {
        fs::write(&path, &said).expect("the file can be written");
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(said, expected, "{arguments:?} and {}", path.display());
}

const TOLD: &[&str] = &[
    "telnet-dns",
    "refused",
    "no-reply",
    "not-accepted",
    "abort-on-overflow",
    "final-ack-lost",
    "challenge-ack",
    "fast-open",
    "simultaneous-open",
    "icmp-reject",
    "reset",
    "half-close",
    "midstream",
];

#[test]
fn ladders() {
    for name in TOLD {
        let sample = format!("samples/{name}.pcapng");
        golden(&format!("ladder-{name}.txt"), &["ladder", &sample]);
    }
}

#[test]
fn explanations() {
    for name in TOLD {
        let sample = format!("samples/{name}.pcapng");
        golden(&format!("explain-{name}.txt"), &["explain", "--max", "9", &sample]);
    }
}

#[test]
fn tables() {
    let all = ["samples/challenge-ack.pcapng", "samples/icmp-reject.pcapng"];
    for command in ["connections", "packets", "servers"] {
        golden(&format!("{command}.txt"), &[&[command], &all[..]].concat());
    }
}

#[test]
fn pictures() {
    let sample = "samples/not-accepted.pcapng";
    golden("not-accepted.svg", &["ladder", "--format", "svg", sample]);
    golden("not-accepted.mmd", &["ladder", "--format", "mermaid", sample]);
}

#[test]
fn colours_change_nothing_else() {
    for command in ["connections", "packets", "servers", "ladder", "explain"] {
        let sample = "samples/accept-queue-full.pcapng";
        let coloured = stdout(&[command, "--color", "always", sample]);
        assert!(coloured.contains("\u{1b}["), "{command}");
        let plain = stdout(&[command, sample]);
        assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), plain, "{command}");
        assert!(plain.lines().all(|line| line == line.trim_end()), "{command}: {plain}");
    }
}
