//! The command for Windows, under wine: it prints, writes and ends as the command for Linux.
//!
//! `cargo xtask test --packages` builds it first. What wine does not show: the fonts of a console, and
//! how a Windows shell passes names on.

mod wine;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::process::{Command, Stdio};

use tests::{finish, in_parallel, text};
use wine::{archive, windows};

/// Libraries that every Windows has since version 10.
const OF_WINDOWS: [&str; 7] = [
    "kernel32.dll",
    "ntdll.dll",
    "msvcrt.dll",
    "bcryptprimitives.dll",
    "advapi32.dll",
    "userenv.dll",
    "ws2_32.dll",
];

#[test]
#[ignore = "needs the command for Windows"]
fn it_needs_no_library_but_those_of_windows() {
    let Some(windows) = windows() else { return };
    let printed =
        text(&finish(Command::new("x86_64-w64-mingw32-objdump").arg("-p").arg(&windows.program)));
    let names = printed.lines().filter_map(|line| line.trim().strip_prefix("DLL Name: "));
    let names: Vec<_> = names.map(str::to_lowercase).collect();
    let of_windows =
        |name: &String| OF_WINDOWS.contains(&&**name) || name.starts_with("api-ms-win-core-");
    assert!(names.contains(&"kernel32.dll".to_owned()), "{printed}");
    assert!(names.iter().all(of_windows), "{names:?}");
}

#[test]
#[ignore = "needs the command for Windows"]
fn the_archive_is_whole_and_names_no_time_and_no_folder() {
    let Some(windows) = windows() else { return };
    let listed = text(&finish(Command::new("unzip").arg("-Z").arg("-T").arg(archive())));
    let files: Vec<_> = listed.lines().filter(|line| line.starts_with('-')).collect();
    assert!(
        files.len() > 6 && files.iter().all(|file| file.contains(" 19800101.000000 ")),
        "{listed}"
    );
    for name in
        ["README.txt", "manual.txt", "CHANGELOG.md", "LICENSE-MIT", "completions/_tcphs.ps1"]
    {
        assert!(windows.program.with_file_name("").join(name).is_file(), "{name}");
    }
    let manual = windows.program.with_file_name("manual.txt");
    let manual = fs::read_to_string(manual).expect("it is there");
    assert!(manual.contains("tcphs explain\r\n=============\r\n"), "{manual}");
    let octets = fs::read(&windows.program).expect("it is there");
    let root = testkit::workspace_root();
    let root = root.as_os_str().as_encoded_bytes();
    assert!(!octets.windows(root.len()).any(|there| there == root));
}

#[test]
#[ignore = "needs the command for Windows"]
fn every_sample_is_shown_as_on_linux() {
    let Some(windows) = windows() else { return };
    let samples = windows.samples();
    let per_sample: &[&str] = if windows.has("triage") {
        &["ladder", "explain", "triage"]
    } else {
        &["ladder", "explain"]
    };
    in_parallel(&samples, |sample| {
        for command in per_sample {
            windows.same(&[command, sample]);
        }
    });
    let samples: Vec<_> = samples.iter().map(String::as_str).collect();
    let runs = [
        &["ladder", "--color", "always"][..],
        &["ladder", "--format", "svg", "--conn", "0"],
        &["ladder", "--format", "mermaid", "--conn", "0"],
        &["connections"],
        &["packets"],
        &["servers"],
        &["connections", "--format", "csv"],
        &["packets", "--format", "jsonl"],
        &["connections", "--format", "parquet"],
    ];
    in_parallel(&runs, |run| windows.same(&[run, &samples[..]].concat()));
}

#[test]
#[ignore = "needs the command for Windows"]
fn files_are_written_as_on_linux() {
    let Some(windows) = windows() else { return };
    let mut commands = vec![
        (vec!["ladder", "not-accepted.pcapng", "--format", "svg", "--conn", "0"], "--output"),
        (vec!["connections", "telnet-dns.pcapng", "--format", "parquet"], "--output"),
        (vec!["merge", "telnet-dns.pcapng", "refused.pcapng"], "--output"),
    ];
    if windows.has("annotate") {
        commands.push((vec!["annotate", "not-accepted.pcapng"], "--output"));
    }
    for (number, (arguments, option)) in commands.iter().enumerate() {
        let [here, there] = ["Linux", "Windows"].map(|system| format!("Prüfung {number} {system}"));
        let with = |file| [&arguments[..], &[option, file]].concat();
        let (linux, windows_output) = (windows.linux(&with(&here)), windows.run(&with(&there)));
        assert!(linux.status.success(), "{arguments:?}: {linux:?}");
        assert_eq!(windows_output.status.code(), Some(0), "{arguments:?}: {windows_output:?}");
        let read = |file| fs::read(windows.folder.join(file)).expect("it is written");
        assert!(!read(&here).is_empty() && read(&here) == read(&there), "{arguments:?}");
    }
}

#[test]
#[ignore = "needs the command for Windows"]
fn an_input_is_never_overwritten() {
    let Some(windows) = windows() else { return };
    let before = fs::read(windows.folder.join("ipv6.pcapng")).expect("it is there");
    let absolute = format!("Z:{}\\ipv6.pcapng", windows.folder.display()).replace('/', "\\");
    // Windows has many names for a file.
    for name in ["ipv6.pcapng", ".\\ipv6.pcapng", "IPV6.pcapng", "ipv6.PCAPNG", &absolute] {
        let output = windows.run(&["connections", "ipv6.pcapng", "--output", name]);
        assert_eq!(output.status.code(), Some(2), "{name}: {output:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("is an input"), "{name}: {said}");
    }
    assert!(before == fs::read(windows.folder.join("ipv6.pcapng")).expect("it is there"));
    // The absolute name is one that can be read.
    let output = windows.run(&["connections", &absolute]);
    assert!(output.stdout == windows.linux(&["connections", "ipv6.pcapng"]).stdout, "{output:?}");
}

#[test]
#[ignore = "needs the command for Windows"]
fn it_ends_with_the_same_status() {
    let Some(windows) = windows() else { return };
    let status = |arguments: &[&str]| windows.same(arguments).status.code();
    assert_eq!(status(&["connections", "cut-short.pcapng"]), Some(0));
    assert_eq!(status(&["connections", "refused.pcapng", "--fail-on", "failed"]), Some(3));
    assert_eq!(status(&["explain", "--conn", "77", "refused.pcapng"]), Some(2));
    assert_eq!(status(&["--version"]), Some(0));
    // Windows has its own words for a file that is not there, and clap names the program.
    let missing = windows.run(&["connections", "nicht da – größer.pcapng"]);
    assert_eq!(missing.status.code(), Some(1), "{missing:?}");
    let said = String::from_utf8_lossy(&missing.stderr);
    assert!(said.starts_with("tcphs: nicht da – größer.pcapng: "), "{said}");
    assert_eq!(windows.run(&["connections", "--colour", "x"]).status.code(), Some(2));
}

#[test]
#[ignore = "needs the command for Windows"]
fn standard_input_is_read_octet_for_octet() {
    let Some(windows) = windows() else { return };
    for sample in ["telnet-dns.pcapng", "not-accepted.pcapng"] {
        let capture = File::open(windows.folder.join(sample)).expect("it is there");
        let mut command = windows.command();
        let piped = command.args(["packets", "-"]).stdin(capture).output().expect("wine starts");
        assert!(piped.status.success(), "{piped:?}");
        let expected = windows.linux(&["packets", sample]).stdout;
        assert!(piped.stdout == expected, "{sample}: {piped:?}");
        // The same through a pipe, as another program would write it.
        let mut command = windows.command();
        command.args(["packets", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("wine starts");
        let octets = fs::read(windows.folder.join(sample)).expect("it is there");
        let mut pipe = child.stdin.take().expect("it is piped");
        pipe.write_all(&octets).expect("the command reads it");
        drop(pipe);
        let output = child.wait_with_output().expect("the command ends");
        assert!(output.stdout == expected, "{sample}: {output:?}");
    }
}

#[test]
#[ignore = "needs the command for Windows"]
fn a_reader_that_has_seen_enough_is_no_error() {
    let Some(windows) = windows() else { return };
    let sample = "telnet-dns.pcapng";
    let mut command = windows.command();
    // More than a pipe holds.
    command.args(["packets", "--format", "jsonl"]).args(vec![sample; 200]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("wine starts");
    let mut stdout = child.stdout.take().expect("it is piped");
    let mut first = [0; 100];
    stdout.read_exact(&mut first).expect("the command writes");
    drop(stdout);
    let output = child.wait_with_output().expect("the command ends");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

/// No shell of Windows replaces `*.pcapng` by the names of files.
#[test]
#[ignore = "needs the command for Windows"]
fn names_with_an_asterisk_stand_for_files() {
    let Some(windows) = windows() else { return };
    let there = windows.run(&["servers", "syn*.pcapng"]);
    assert!(there.status.success(), "{there:?}");
    let here = windows.linux(&["servers", "syn-cookies.pcapng", "synack-dropped.pcapng"]);
    assert_eq!(text(&there), text(&here));
}

/// Old code pages have no arrows.
#[test]
#[ignore = "needs the command for Windows"]
fn a_console_shows_every_letter_with_colours_and_without() {
    let Some(windows) = windows() else { return };
    let wanted = text(&windows.linux(&["ladder", "not-accepted.pcapng"]));
    let program = windows.program.strip_prefix(&windows.folder).expect("it is below the folder");
    let program = program.display().to_string().replace('/', "\\");
    for (code_page, colours) in [(437, false), (850, true), (65001, true)] {
        let line = format!("chcp {code_page} & {program} ladder not-accepted.pcapng");
        let drawn = windows.console(&line, colours);
        let (shown, coloured) = without_codes(&drawn);
        for line in wanted.lines() {
            assert!(shown.contains(line), "{code_page}: {line}: {drawn:?}");
        }
        // A code that is no code to the console would be shown without its first character.
        assert!(!shown.contains("[38;5;") && !shown.contains('\u{1b}'), "{code_page}: {drawn:?}");
        assert_eq!(coloured, colours, "{code_page}: {drawn:?}");
    }
}

/// The text among the codes of a terminal, and whether one of them sets a colour.
fn without_codes(drawn: &str) -> (String, bool) {
    let mut parts = drawn.split("\u{1b}[");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    let mut coloured = false;
    for part in parts {
        let end = part.find(|letter: char| letter.is_ascii_alphabetic()).unwrap_or(part.len());
        let (number, rest) = part.split_at(end);
        let code = rest.chars().next().unwrap_or_default();
        if code == 'C' {
            shown.push_str(&" ".repeat(number.parse().unwrap_or(1)));
        }
        coloured |= code == 'm' && number.starts_with("38;5;");
        shown.push_str(rest.get(1..).unwrap_or_default());
    }
    (shown, coloured)
}
