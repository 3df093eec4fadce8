//! `cargo xtask dist` and its script: an archive is unpacked, installed into a home, used and taken
//! out again.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;
use testkit::wireshark::plugin;
use testkit::wireshark::profile::NAME;
use tests::{finish, sample, text, wireshark};

/// A home folder that tshark's user may write, with the archive unpacked in it.
struct Home {
    folder: TempDir,
    /// The archive's folder.
    name: String,
}

impl Home {
    fn with_archive() -> Self {
        let folder = tempfile::tempdir().expect("there is room");
        let all_users = fs::Permissions::from_mode(0o777);
        fs::set_permissions(folder.path(), all_users).expect("it is ours");
        let archive = archive();
        finish(Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(folder.path()));
        let name = archive.file_name().expect("it has a name").to_string_lossy();
        let name = name.strip_suffix(".tar.gz").expect("it is compressed").to_owned();
        Self { folder, name }
    }

    fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    fn unpacked(&self) -> PathBuf {
        self.path(&self.name)
    }

    fn script(&self, arguments: &[&str]) -> Output {
        let mut command = wireshark().as_user("sh", self.folder.path());
        command.arg(self.unpacked().join("install.sh")).args(arguments);
        command.stdin(Stdio::null()).output().expect("there is a shell")
    }

    fn tshark(&self, arguments: &[&str]) -> String {
        let mut command = wireshark().as_user("tshark", self.folder.path());
        let capture = sample("telnet-dns.pcapng");
        text(&finish(command.args(["-n", "-r"]).arg(capture).args(arguments)))
    }

    fn profile(&self) -> PathBuf {
        self.path(".config/wireshark/profiles").join(NAME)
    }
}

/// Makes an archive for this Wireshark, by `cargo xtask dist`.
fn archive() -> PathBuf {
    let mut xtask = testkit::command::cargo();
    xtask.args(["run", "--quiet", "--package", "xtask", "--", "dist", "--wireshark"]);
    xtask.arg(wireshark().series()).current_dir(testkit::workspace_root());
    PathBuf::from(text(&finish(&mut xtask)).trim_end())
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    text(output)
}

#[test]
fn installed_it_annotates_and_taken_out_it_is_gone() {
    let home = Home::with_archive();
    let plain = home.tshark(&[]);
    assert!(!plain.contains("3/3 ACK"));

    let series = wireshark().series();
    let plugin = home.path(&format!(".local/lib/wireshark/plugins/{series}/epan/tcphs.so"));
    let installed = said(&home.script(&[]));
    assert!(plugin.is_file() && installed.contains(&*plugin.to_string_lossy()), "{installed}");
    assert!(home.tshark(&[]).contains("3/3 ACK [.] client ESTABLISHED server ESTABLISHED? | "));
    let listed = home.tshark(&["-2", "-C", NAME, "-Y", "tcphs.final_ack"]);
    assert!(listed.contains(" TCP ACK ESTABLISHED / ESTABLISHED? complete 3/3 ACK | "), "{listed}");
    // Installing a second time succeeds with the same output.
    assert_eq!(said(&home.script(&[])), installed);

    let removed = said(&home.script(&["--uninstall"]));
    assert!(removed.contains("removed"), "{removed}");
    assert!(!home.profile().exists(), "{removed}");
    assert!(!home.path(".local/lib/wireshark").exists(), "{removed}");
    assert_eq!(home.tshark(&[]), plain);
    let again = said(&home.script(&["--uninstall"]));
    assert!(again.starts_with("nothing to remove: "), "{again}");
}

#[test]
fn files_changed_by_the_user_stay() {
    let home = Home::with_archive();
    said(&home.script(&[]));
    let theirs = home.profile().join("colorfilters");
    fs::write(&theirs, "# of the user\n").expect("it is there");
    let word = format!("kept {}, which you have changed", theirs.display());
    // A new version of the profile, with other columns.
    let columns = home.unpacked().join("profile/preferences");
    let new = format!("{}# new\n", fs::read_to_string(&columns).expect("it is there"));
    fs::write(&columns, &new).expect("it is ours");

    assert!(said(&home.script(&[])).contains(&word));
    let read = |name: &str| fs::read_to_string(home.profile().join(name)).expect("it is there");
    assert_eq!((read("colorfilters").as_str(), read("preferences")), ("# of the user\n", new));

    // The file `recent`, which Wireshark wrote, is removed only with the whole profile.
    fs::write(home.profile().join("recent"), "# of Wireshark\n").expect("it is there");
    said(&home.script(&[]));
    assert_eq!(read("recent"), "# of Wireshark\n");
    assert!(said(&home.script(&["--uninstall"])).contains(&word));
    let mut left: Vec<_> = fs::read_dir(home.profile())
        .expect("it is there")
        .map(|entry| entry.expect("it can be read").file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["colorfilters", "recent"]);
}

#[test]
fn another_wireshark_is_refused_in_one_sentence() {
    let home = Home::with_archive();
    let series = wireshark().series();
    let plugins = home.unpacked().join("plugins");
    fs::rename(plugins.join(&series), plugins.join("3.98")).expect("it is ours");
    let output = home.script(&[]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let sentence = String::from_utf8_lossy(&output.stderr);
    assert_eq!(sentence.lines().count(), 1, "{sentence}");
    assert!(
        sentence.contains("this is tcphs for Wireshark 3.98") && sentence.contains(&series),
        "{sentence}"
    );
    assert!(!home.path(".local").exists() && !home.path(".config").exists());

    let output = home.script(&["--everywhere"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

/// Two archives of the same sources are equal octet for octet, and contain no path of the machine
/// that made them.
#[test]
fn archives_are_reproducible() {
    let make = || fs::read(archive()).expect("it can be read");
    let first = make();
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert!(first == make(), "the second archive differs from the first");

    let home = Home::with_archive();
    let series = wireshark().series();
    let plugin = home.unpacked().join(format!("plugins/{series}/epan/tcphs.so"));
    let octets = fs::read(plugin).expect("it is there");
    let root = testkit::workspace_root();
    let named = contains(&octets, root.to_string_lossy().as_bytes());
    assert!(!named, "the plugin names {}", root.display());
    assert!(has_the_fixed_time(&home.unpacked()));
}

/// A clean build of the same sources in another folder gives the same plugin, octet for octet.
#[test]
#[ignore = "builds the plugin anew"]
fn the_plugin_is_the_same_wherever_it_is_built() {
    let folder = tempfile::tempdir().expect("there is room");
    let stripped = |library: &Path| {
        let file = folder.path().join("libtcphs.so");
        fs::copy(library, &file).expect("cargo has built it");
        finish(Command::new("strip").args(plugin::STRIP).arg(&file));
        fs::read(file).expect("it is there")
    };
    let here = stripped(&plugin::build(wireshark()).expect("the plugin builds"));

    let root = testkit::workspace_root();
    let elsewhere = folder.path().join("sources");
    fs::create_dir(&elsewhere).expect("there is room");
    let mut copy = Command::new("cp");
    copy.arg("-a").current_dir(&root);
    for entry in fs::read_dir(&root).expect("it can be read") {
        let name = entry.expect("it can be read").file_name();
        if name != "target" && name != ".git" {
            copy.arg(name);
        }
    }
    finish(copy.arg(&elsewhere));
    let target = folder.path().join("target");
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--quiet", "--release", "--package", "ffi-plugin", "--target-dir"]);
    finish(cargo.arg(&target).current_dir(&elsewhere));
    let there = stripped(&target.join("release/libtcphs.so"));
    assert_eq!(here.len(), there.len());
    assert!(here == there, "built in {} the plugin differs", elsewhere.display());
}

fn contains(octets: &[u8], wanted: &[u8]) -> bool {
    octets.windows(wanted.len()).any(|there| there == wanted)
}

fn has_the_fixed_time(folder: &Path) -> bool {
    let file = folder.join("install.sh");
    file.metadata()
        .is_ok_and(|meta| meta.modified().is_ok_and(|time| time == std::time::UNIX_EPOCH))
}
