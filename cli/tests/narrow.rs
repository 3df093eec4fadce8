//! Nothing that is for reading is wider than the terminal, which `COLUMNS` stands for here.

mod common;

use common::{pairs, samples, tcphs};

/// Output of the command on a terminal of so many columns.
fn written(columns: usize, arguments: &[&str]) -> String {
    let output = tcphs(arguments).env("COLUMNS", columns.to_string()).output().expect("it starts");
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// Asserts that each line fits, unless it is a command to copy or one word.
fn fits(columns: usize, arguments: &[&str]) {
    for line in written(columns, arguments).lines() {
        let width = line.chars().count();
        let is_command = line.starts_with("       ");
        assert!(width <= columns || is_command, "{arguments:?}: {width} columns: {line}");
    }
}

#[test]
fn tables_and_ladders_fit_eighty_columns() {
    for sample in samples() {
        for command in ["connections", "packets", "servers"] {
            fits(80, &[command, &sample]);
        }
        for time in ["capture", "delta", "utc"] {
            for command in ["connections", "packets", "ladder"] {
                fits(80, &[command, "--time", time, &sample]);
            }
        }
        fits(80, &["servers", "--every", "1s", &sample]);
        for columns in [60, 80] {
            fits(columns, &["explain", "--max", "3", &sample]);
        }
        fits(80, &[&sample]);
    }
}

#[test]
fn points_fit_eighty_columns() {
    for [client, server] in pairs() {
        fits(80, &["compare", &client, &server]);
        let at = [format!("client={client}"), format!("server={server}")];
        for time in ["capture", "utc"] {
            fits(80, &["ladder", "--time", time, "--max", "3", "--at", &at[0], "--at", &at[1]]);
        }
        fits(80, &["explain", "--at", &at[0], "--at", &at[1]]);
    }
}

#[test]
fn several_files_fit_eighty_columns() {
    let files = ["samples/not-accepted.pcapng", "samples/icmp-reject-ipv6.pcapng"];
    for command in ["connections", "packets", "ladder"] {
        fits(80, &[&[command], &files[..]].concat());
    }
    // Every file is named, and a pipe has room for a column of its own.
    let wide = common::stdout(&[&["packets"], &files[..]].concat());
    assert!(wide.lines().next().is_some_and(|titles| titles.ends_with("File")), "{wide}");
    assert!(
        wide.contains("  not-accepted.pcapng") || wide.contains(" not-accepted.pcapng\n"),
        "{wide}"
    );
    let narrow = written(80, &[&["packets"], &files[..]].concat());
    assert!(narrow.contains("in\u{a0}not-accepted.pcapng"), "{narrow}");
}

#[test]
fn a_wide_terminal_has_everything() {
    let sample = "samples/not-accepted.pcapng";
    for command in ["connections", "packets", "servers", "ladder"] {
        assert_eq!(
            written(250, &[command, sample]),
            common::stdout(&[command, sample]),
            "{command}"
        );
    }
    // Rows for programs do not depend on the terminal.
    for command in ["connections", "packets", "servers"] {
        let arguments = [command, "--format", "csv", sample];
        assert_eq!(written(80, &arguments), common::stdout(&arguments));
    }
}
