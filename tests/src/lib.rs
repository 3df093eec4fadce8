//! How the end-to-end tests run the real tools: tshark with the plugin, the `tcphs` command, and
//! tcpdump, on the samples and on a corpus of captures where there is one.

pub mod browser;
pub mod kernel;
mod passing;
mod results;
pub mod window;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::thread;

use serde_json::Value;
use testkit::wireshark::Wireshark;

pub use passing::passing;
pub use results::Results;

/// Layers that the command opens, by Wireshark's names. A segment in a frame made of these alone is
/// seen by the plugin and by the command.
pub const OPENED_LAYERS: &[&str] = &[
    // Link types.
    "eth",
    "sll",
    "null",
    "loop",
    "raw",
    "arcnet",
    "chdlc",
    "enc",
    "fddi",
    "fr",
    "ipoib",
    "juniper",
    "nflog",
    "pflog",
    "ppi",
    "pcap_pktdata",
    "ppp",
    "prism",
    "radiotap",
    "tr",
    "wlan",
    "wlan_radio",
    "wlancap",
    // Between the link and IP.
    "ethertype",
    "cfp",
    "cmd",
    "etag",
    "hsr",
    "ieee8021ad",
    "ieee8021ah",
    "llc",
    "macsec",
    "mpls",
    "nsh",
    "pppoes",
    "pwach",
    "trill",
    "vlan",
    "vntag",
    // IP.
    "ip",
    "ipv6",
    "ipv6.hopopts",
    "ipv6.dstopts",
    "ipv6.routing",
    "ah",
    "ipv6.fraghdr",
    "shim6",
    // Tunnels.
    "ayiya",
    "erspan",
    "etherip",
    "geneve",
    "gre",
    "gtp",
    "gtpprime",
    "l2tp",
    "lisp-data",
    "teredo",
    "tzsp",
    "udp",
    "vxlan",
    "vxlan_gpe",
    "tcp",
];

/// The installed Wireshark, with the plugin built and in place.
///
/// # Panics
/// Where tshark is not installed or the plugin does not build; `cargo xtask test` sees to both.
pub fn wireshark() -> &'static Wireshark {
    static WIRESHARK: OnceLock<Wireshark> = OnceLock::new();
    WIRESHARK.get_or_init(|| {
        testkit::wireshark::plugin::build_and_place().expect("the plugin builds");
        Wireshark::find().expect("tshark is installed")
    })
}

/// Path of a committed sample.
pub fn sample(name: &str) -> PathBuf {
    testkit::workspace_root().join("samples").join(name)
}

/// Makes `folder` readable by every user: tests started by root run tshark as the user nobody.
///
/// # Panics
/// Where the folder is not the caller's.
pub fn open_to_all(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder, open).expect("the folder is ours");
}

/// Every committed sample; none of the pairs, which have each connection twice.
pub fn samples() -> Vec<PathBuf> {
    let folder = testkit::workspace_root().join("samples");
    files_below(&folder)
        .into_iter()
        .filter(|file| file.parent() == Some(&folder))
        .filter(|file| file.extension().is_some_and(|ending| ending == "pcapng"))
        .collect()
}

/// All samples one after the other in one file: every kind of connection, ICMP, IPv4 and IPv6.
pub fn everything() -> &'static str {
    static FILE: OnceLock<String> = OnceLock::new();
    FILE.get_or_init(|| {
        let file = made_once("everything.pcapng", |file| {
            // `-a` keeps the order of the files, so that time goes back from one to the next.
            finish(Command::new("mergecap").args(["-a", "-w"]).arg(file).args(samples()));
        });
        file.to_string_lossy().into_owned()
    })
}

/// A file in the target folder that every user can read, written by `make`. Programs that make it
/// at the same time do not disturb each other, if they make the same.
pub fn made_once(name: &str, make: impl FnOnce(&Path)) -> PathBuf {
    let folder = testkit::folders::made_folder("tests").expect("the folder can be made");
    let file = folder.join(name);
    testkit::folders::replace(&file, |temporary| {
        make(temporary);
        std::fs::set_permissions(temporary, std::os::unix::fs::PermissionsExt::from_mode(0o644))
    })
    .expect("the file can be renamed");
    file
}

/// Whether to run every case (`TCPHS_LONG` is set), which takes hours.
pub fn all_cases() -> bool {
    std::env::var_os("TCPHS_LONG").is_some()
}

/// Whether this run tests a version of Wireshark that was named, after a run with the installed
/// one.
pub fn named_version_run() -> bool {
    testkit::wireshark::named_version().is_ok_and(|named| named.is_some())
}

/// All cases in a run with the installed version or with [`TCPHS_LONG`](all_cases); every `step`th
/// one in a run with a named version.
pub fn fewer_for_named_version<T>(all: Vec<T>, step: usize) -> Vec<T> {
    let step = if named_version_run() && !all_cases() { step } else { 1 };
    all.into_iter().step_by(step).collect()
}

/// Every capture of the corpus; empty if there is no corpus, which is reported as a skipped test.
pub fn corpus() -> Vec<PathBuf> {
    fewer_for_named_version(whole_corpus(), 5)
}

fn whole_corpus() -> Vec<PathBuf> {
    let Some(folder) = testkit::shared_captures() else {
        testkit::skip!(testkit::skip::test_name(), "no corpus of captures beside the project");
        return Vec::new();
    };
    let captures = files_below(&folder.join("public"));
    assert!(captures.len() > 100, "the corpus has shrunk to {}", captures.len());
    captures
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder can be read");
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The standard output of tshark with the plugin. It is started once for the same arguments.
///
/// # Panics
/// If tshark fails.
pub fn tshark(arguments: &[&str]) -> String {
    once(arguments, true)
}

/// The same without the plugin.
///
/// # Panics
/// If tshark fails.
pub fn tshark_without(arguments: &[&str]) -> String {
    once(arguments, false)
}

fn once(arguments: &[&str], plugin: bool) -> String {
    static OUTPUTS: Results<String> = Results::new();
    OUTPUTS.get(format!("{plugin} {arguments:?}"), || {
        let wireshark = wireshark();
        let mut command = if plugin { wireshark.with_plugin() } else { wireshark.without_plugin() };
        text(&finish(command.args(arguments)))
    })
}

/// Runs a command; panics with its standard error if it fails.
pub fn finish(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).output().expect("the command starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}: {stderr}", output.status);
    output
}

/// Standard output as text; what is not UTF-8 is replaced.
pub fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs `tshark -T fields` with a tab between fields and a comma between values: one row per frame.
///
/// The rows of a damaged capture up to the damage count; only a tshark that was killed is a
/// failure.
pub fn fields(arguments: &[&str], names: &[&str]) -> Vec<Vec<String>> {
    let mut command = wireshark().with_plugin();
    command.args(["-T", "fields"]).args(arguments).stdin(Stdio::null());
    for name in names {
        command.args(["-e", name]);
    }
    let output = command.output().expect("tshark starts");
    // tshark exits with 2 for a damaged capture; 4.6 exits with 14 for a format it does not
    // support.
    let known = |code| code <= 2 || code == 14;
    assert!(output.status.code().is_some_and(known), "{command:?}: {output:?}");
    text(&output).lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

/// The `tcphs` command, built.
pub fn tcphs() -> Command {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let program = BUILT.get_or_init(|| {
        if std::env::var_os(testkit::folders::BUILT_VARIABLE).is_none() {
            let mut build = testkit::command::cargo();
            build.current_dir(testkit::workspace_root());
            finish(build.args(["build", "--quiet", "--release", "--package", "tcphs"]));
        }
        testkit::folders::target_folder().expect("cargo knows it").join("release/tcphs")
    });
    Command::new(program)
}

/// The rows of `tcphs COMMAND --format jsonl` for a capture; `None` where it cannot read the file.
pub fn rows(command: &str, capture: &Path) -> Option<Vec<Value>> {
    let output = tcphs()
        .args([command, "--format", "jsonl"])
        .arg(capture)
        .stdin(Stdio::null())
        .output()
        .expect("tcphs starts");
    match output.status.code() {
        Some(0) => {}
        Some(1) => return None,
        _ => panic!("tcphs {command} {}: {output:?}", capture.display()),
    }
    let parse = |line: &str| serde_json::from_str(line).expect("each line is JSON");
    Some(text(&output).lines().map(parse).collect())
}

/// Calls `work` for every item, on as many threads as there are cores; returns the results in
/// order.
pub fn in_parallel<I: Sync, R: Send>(items: &[I], work: impl Fn(&I) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(items.len()));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, Into::into) {
            scope.spawn(|| {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(place) else { return };
                    let result = work(item);
                    done.lock().expect("no worker panicked").push((place, result));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("no worker panicked");
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, result)| result).collect()
}
