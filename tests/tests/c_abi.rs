//! The C library, installed as `cargo xtask install-c` does it: its examples and the programs of
//! `tests/c/` are built by pkg-config, as C and as C++, with AddressSanitizer and without, and run.
//! The last test checks the symbols that the plugin imports.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use dissector_core::connection::{ENUMERATIONS, Enumeration, Finding, Outcome};
use testkit::folders::target_folder;
use testkit::workspace_root;
use tests::{finish, rows, samples, text};

/// The prefix of the installed library.
fn prefix() -> &'static Path {
    static PREFIX: OnceLock<PathBuf> = OnceLock::new();
    PREFIX.get_or_init(|| {
        let prefix = target_folder().expect("cargo knows it").join("c-library");
        testkit::c_library::install(&prefix).expect("the library is built and installed");
        prefix
    })
}

/// The words that pkg-config prints.
fn pkg_config(arguments: &[&str]) -> Vec<String> {
    let mut command = Command::new("pkg-config");
    command.env("PKG_CONFIG_PATH", prefix().join("lib/pkgconfig"));
    let words = text(&finish(command.args(arguments)));
    words.split_whitespace().map(str::to_owned).collect()
}

const C: &[&str] = &["-std=c11"];
const CPP: &[&str] = &["-x", "c++"];
const SANITIZED: &[&str] = &["-std=c11", "-fsanitize=address", "-fno-omit-frame-pointer"];

/// A compiled program and the folder that it is in.
struct Program {
    folder: tempfile::TempDir,
}

impl Program {
    fn new(source: &Path, language: &[&str], modules: &[&str]) -> Self {
        Self::linked(source, language, &pkg_config(&[&["--cflags", "--libs"], modules].concat()))
    }

    fn linked(source: &Path, language: &[&str], flags: &[String]) -> Self {
        let folder = tempfile::tempdir().expect("there is room for temporary files");
        let default = if language == CPP { "c++" } else { "cc" };
        let mut compiler =
            Command::new(env::var_os("CC").unwrap_or_else(|| OsString::from(default)));
        compiler.args(language).args(["-O1", "-g", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]);
        compiler.arg(source).arg("-o").arg(folder.path().join("program"));
        // Linker flags come behind the files that need them; `-x none` ends the language that was
        // set for the sources.
        finish(compiler.args(["-x", "none"]).args(flags));
        Self { folder }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.folder.path().join("program"));
        command.env("LD_LIBRARY_PATH", prefix().join("lib"));
        command
    }

    /// The standard output of the program.
    fn run(&self) -> String {
        text(&finish(&mut self.command()))
    }
}

fn example(name: &str) -> PathBuf {
    workspace_root().join("c-api/examples").join(name)
}

fn source(name: &str) -> PathBuf {
    workspace_root().join("tests/c").join(name)
}

const ONE: &str = "\
SYN     client SYN-SENT, server SYN-RECEIVED (assumed)
SYN/ACK client ESTABLISHED, server SYN-RECEIVED
ACK     client ESTABLISHED, server ESTABLISHED (assumed)
complete after 20.0 ms
";

#[test]
fn the_example_of_one_handshake_is_c_and_cpp() {
    for language in [C, CPP, SANITIZED] {
        assert_eq!(Program::new(&example("one.c"), language, &["tcphs"]).run(), ONE);
    }
}

#[test]
fn the_static_library_needs_what_pkg_config_says() {
    let flags = pkg_config(&["--static", "--cflags", "--libs", "tcphs"]);
    let flags = flags.iter().map(|flag| flag.replace("-ltcphs", "-l:libtcphs.a"));
    let program = Program::linked(&example("one.c"), C, &flags.collect::<Vec<_>>());
    assert_eq!(text(&finish(program.command().env_remove("LD_LIBRARY_PATH"))), ONE);
}

#[test]
fn every_function_takes_null_and_nonsense() {
    let expected = format!("tcphs {}: as expected\n", env!("CARGO_PKG_VERSION"));
    let program = Program::new(&source("arguments.c"), C, &["tcphs"]);
    assert_eq!(program.run(), expected);
    let sanitized = Program::new(&source("arguments.c"), SANITIZED, &["tcphs"]);
    assert_eq!(sanitized.run(), expected);

    if Command::new("valgrind").arg("--version").output().is_err() {
        testkit::skip!(
            "every_function_takes_null_and_nonsense",
            "no valgrind to look for leaks with"
        );
        return;
    }
    // Labels live as long as the program, so only definitely lost memory is an error.
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--quiet", "--error-exitcode=9", "--leak-check=full"]);
    valgrind
        .args(["--errors-for-leak-kinds=definite"])
        .env("LD_LIBRARY_PATH", prefix().join("lib"));
    finish(valgrind.arg(program.folder.path().join("program")));
}

/// The core's tables, as C sees them: each value with its label, and no further label. The constants
/// of causes and evidence are not in the header, and nothing of two points of capture is.
#[test]
fn every_enumeration_has_its_constants_and_labels() {
    let mut program =
        "#include <stdio.h>\n#include <string.h>\n#include <tcphs.h>\nint main(void)\n{\n"
            .to_owned();
    let of_one_point = |table: &&&Enumeration| !matches!(table.name, "fate" | "path");
    for table in ENUMERATIONS.iter().filter(of_one_point) {
        let (name, upper) = (table.name, table.name.to_uppercase());
        for value in table.values {
            let (constant, number, label) = (value.constant, value.number, value.label);
            let constant = match name {
                "cause" | "evidence" => number.to_string(),
                _ => format!("TCPHS_{upper}_{constant}"),
            };
            writeln!(
                program,
                "    if ({constant} != {number} ||\n            \
                 strcmp(tcphs_{name}_label({number}), {label:?}) != 0)\n        \
                 puts(\"{name} {number}\");"
            )
            .expect("a String takes it");
        }
        let count = table.values.len();
        writeln!(
            program,
            "    {{\n        int count = 0;\n\n        for (int i = 0; i < 256; i++)\n            \
             count += tcphs_{name}_label((uint8_t)i) != NULL;\n        if (count != {count})\n            \
             puts(\"{name}\");\n    }}"
        )
        .expect("likewise");
    }
    for outcome in Outcome::ALL {
        let (number, failed) = (outcome.number(), outcome.failed());
        writeln!(
            program,
            "    if (tcphs_outcome_failed({number}) != {failed})\n        puts(\"{outcome}\");"
        )
        .expect("likewise");
    }
    for finding in Finding::ALL {
        let (number, severity) = (finding.number(), finding.severity().number());
        writeln!(
            program,
            "    if (tcphs_finding_severity({number}) != {severity})\n        puts(\"{finding}\");"
        )
        .expect("likewise");
    }
    program.push_str("    return 0;\n}\n");
    let folder = tempfile::tempdir().expect("there is room for temporary files");
    let source = folder.path().join("labels.c");
    fs::write(&source, program).expect("the folder is writable");
    assert_eq!(Program::new(&source, C, &["tcphs"]).run(), "");
}

/// The output of `live.c` for a capture on its standard input.
fn live(program: &Program, capture: &Path) -> Vec<String> {
    let capture = File::open(capture).expect("a sample");
    let output = program.command().stdin(capture).output().expect("the program starts");
    assert!(output.status.success(), "{output:?}");
    text(&output).lines().map(str::to_owned).collect()
}

#[test]
fn the_live_example_agrees_with_the_command() {
    let modules = ["tcphs", "libpcap"];
    let sanitized = Program::new(&example("live.c"), SANITIZED, &modules);
    Program::new(&example("live.c"), CPP, &modules);
    let mut compared = 0;
    for sample in samples() {
        let Some(rows) = rows("connections", &sample) else { continue };
        let mut expected = BTreeMap::new();
        let mut retransmissions = 0;
        for row in rows {
            let of = |name: &str| row[name].as_str().expect("a text").to_owned();
            let end = |role: &str| {
                let address = of(&format!("{role}_addr")).parse().expect("an address");
                let port = row[format!("{role}_port")].as_u64().expect("a number");
                SocketAddr::new(address, port as u16)
            };
            let (client, server) = (end("client"), end("server"));
            let connection = format!("{client} -> {server} {}, {}", of("outcome"), of("close"));
            *expected.entry(connection).or_insert(0) += 1;
            retransmissions += row["syn_count"].as_u64().unwrap_or(0).saturating_sub(1);
        }
        let mut printed = BTreeMap::new();
        let mut printed_retransmissions = 0;
        for line in live(&sanitized, &sample) {
            if line.starts_with("SYN retransmission ") {
                printed_retransmissions += 1;
                continue;
            }
            let end = [": ", ", set up"].iter().filter_map(|behind| line.find(behind)).min();
            *printed.entry(line[..end.unwrap_or(line.len())].to_owned()).or_insert(0) += 1;
        }
        assert_eq!(printed, expected, "{}", sample.display());
        assert_eq!(printed_retransmissions, retransmissions, "{}", sample.display());
        compared += expected.len();
    }
    assert!(compared > 20, "{compared} connections were compared");
}

/// Feeds many connections, and compares the memory in the middle with that at the end.
fn many(connections: u64) {
    // The library is a release; only the C program is not optimised much.
    let program = Program::new(&source("many.c"), C, &["tcphs"]);
    for asks in ["ask", "never"] {
        let mut command = program.command();
        let printed = text(&finish(command.arg(connections.to_string()).arg(asks)));
        let numbers: Vec<u64> =
            printed.split_whitespace().map(|number| number.parse().expect("a number")).collect();
        let &[middle, end, asked, forgotten] = &numbers[..] else { panic!("{printed}") };
        assert!(end < middle + (1 << 20), "{asks}: {middle} octets, then {end}");
        assert!(end < 64 << 20, "{asks}: {end} octets");
        // Connections that were silent for less than two minutes are still in the table.
        let expected = if asks == "ask" { connections - 20_000..connections } else { 0..1 };
        assert!(expected.contains(&asked), "{asks}: {asked}");
        let expected = if asks == "ask" { 0..1 } else { connections - 100_000..connections };
        assert!(expected.contains(&forgotten), "{asks}: {forgotten}");
    }
}

#[test]
fn memory_is_constant() {
    many(300_000);
}

#[test]
#[ignore = "takes a minute"]
fn memory_is_constant_over_ten_million_connections() {
    many(10_000_000);
}

/// If a symbol were not weak and missing in a Wireshark, it would report "undefined symbol" instead
/// of naming the version that the plugin was built for.
#[test]
fn the_plugin_imports_wireshark_weakly() {
    let plugin = testkit::wireshark::plugin::build(tests::wireshark()).expect("the plugin builds");
    let imports = text(&finish(Command::new("nm").args(["-D", "--undefined-only"]).arg(&plugin)));
    // Wireshark's symbols have no version; those of libc and libgcc have.
    let wireshark: Vec<_> = imports
        .lines()
        .filter_map(|line| line.trim().split_once(' '))
        .filter(|(_, name)| !name.contains('@'))
        .collect();
    let is_weak = |wanted: &str| wireshark.contains(&("w", wanted));
    assert!(is_weak("proto_register_plugin") && is_weak("call_dissector_only"), "{imports}");
    let strong: Vec<_> = wireshark.iter().filter(|(kind, _)| *kind != "w").collect();
    assert!(strong.is_empty(), "to be added to ffi-plugin/shim/weak.h: {strong:?}");
}
