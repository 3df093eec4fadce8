//! A plugin in a Wireshark that it was not built for: Wireshark refuses it with its own message and
//! goes on without it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use testkit::wireshark::plugin;
use testkit::wireshark::unpacked;
use testkit::wireshark::{VERSION_VARIABLE, Wireshark};
use tests::{sample, wireshark};

/// The installed version and those that are unpacked, less the one that the tests run with.
fn others() -> Vec<Wireshark> {
    let installed = Wireshark::installed().ok();
    let unpacked = unpacked::here().expect("the target folder can be read");
    let unpacked = unpacked.iter().map(|series| Wireshark::of(series).expect("it is here"));
    let mut all: Vec<_> = installed.into_iter().chain(unpacked).collect();
    all.retain(|other| other.series() != wireshark().series());
    all
}

/// tshark with the packet plugins in `folder` and no others.
fn list(wireshark: &Wireshark, folder: &Path) -> Output {
    let mut command: Command = wireshark.without_plugin();
    command.env("WIRESHARK_PLUGIN_DIR", folder).args(["-n", "-r"]).arg(sample("refused.pcapng"));
    command.stdin(Stdio::null()).output().expect("tshark starts")
}

/// Loads into `wireshark` the plugin that was built for `other`.
fn is_refused(wireshark: &Wireshark, other: &Wireshark) {
    let library = plugin::build(other).expect("the plugin builds");
    let folder = tempfile::tempdir().expect("there is room");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("it is ours");
    let epan = folder.path().join(wireshark.series()).join("epan");
    fs::create_dir_all(&epan).expect("there is room");
    let without = list(wireshark, folder.path());
    fs::copy(library, epan.join("tcphs.so")).expect("there is room");
    let with = list(wireshark, folder.path());
    assert!(without.status.success() && !without.stdout.is_empty(), "{without:?}");
    assert_eq!((with.status, with.stdout), (without.status, without.stdout));
    let said = String::from_utf8_lossy(&with.stderr);
    let sentence = format!("'tcphs.so' was compiled for Wireshark version {}", other.series());
    assert!(said.contains(&sentence) && said.lines().count() == 1, "{sentence}: {said}");
}

#[test]
fn wireshark_names_the_version_of_the_plugin() {
    let others = others();
    if others.is_empty() {
        assert!(std::env::var_os(VERSION_VARIABLE).is_none(), "no other Wireshark is here");
        let reason = "no other Wireshark is here; `cargo xtask test --wireshark 4.4` gets one";
        testkit::skip!("wireshark_names_the_version_of_the_plugin", reason);
    }
    for other in &others {
        is_refused(wireshark(), other);
        is_refused(other, wireshark());
    }
}
