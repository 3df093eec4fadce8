//! `cargo xtask deb` and `cargo install`: packages are installed into a bare tree, used and taken out
//! again; the command is installed from its sources.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use testkit::command::{cargo, which};
use testkit::folders::made_folder;
use testkit::wireshark::packages::as_root;
use testkit::wireshark::profile::NAME;
use tests::{finish, sample, text, wireshark};

/// The packages of the command and of the plugin, as `cargo xtask deb` makes them.
fn packages() -> Vec<PathBuf> {
    let mut xtask = cargo();
    xtask.args(["run", "--quiet", "--package", "xtask", "--", "deb"]);
    let printed = text(&finish(xtask.current_dir(testkit::workspace_root())));
    printed.lines().map(PathBuf::from).collect()
}

/// Why no package can be made here; `cargo xtask test --packages` installs what is missing.
fn reason() -> Option<&'static str> {
    let tools = testkit::folders::target_folder().expect("cargo knows it").join("tools/bin");
    let cargo_deb = which("cargo-deb").is_some() || tools.join("cargo-deb").is_file();
    match (cargo_deb, which("dpkg-shlibdeps")) {
        (false, _) => Some("cargo-deb is not installed"),
        (_, None) => Some("dpkg-dev is not installed"),
        _ => None,
    }
}

fn made() -> &'static [PathBuf] {
    static MADE: OnceLock<Vec<PathBuf>> = OnceLock::new();
    MADE.get_or_init(packages)
}

/// A tree of Debian's smallest system, in which programs run by chroot; removed at the end.
struct Tree(PathBuf);

impl Tree {
    /// Of the suites that this machine has, because the plugin is for its Wireshark. An error is the
    /// reason for which there is none.
    fn make() -> Result<Self, String> {
        if which("mmdebstrap").is_none() {
            return Err("mmdebstrap is not installed".into());
        }
        let sources = sources();
        let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
        let suite = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
        let suite = suite.filter(|suite| sources.contains(&format!(" {suite} main")));
        let suite = suite.ok_or("apt on this machine has no suite of Debian's for its version")?;
        let path = std::env::temp_dir().join(format!("tcphs-tree-{}", std::process::id()));
        let tree = Self(path);
        let list = made_folder("tests").expect("the folder can be made").join("sources.list");
        fs::write(&list, sources).expect("there is room");
        let mut make = as_root("mmdebstrap").map_err(|error| error.to_string())?;
        make.args(["--quiet", "--variant=apt", "--mode=root", suite]).arg(&tree.0).arg(&list);
        finish(&mut make);
        Ok(tree)
    }

    fn run(&self, user: &str, arguments: &[&str]) -> String {
        let mut chroot = as_root("chroot").expect("the tree was made by root");
        chroot.arg(format!("--userspec={user}")).arg(&self.0);
        chroot.args([
            "env",
            "-i",
            "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL=C.UTF-8",
            "HOME=/tmp",
        ]);
        chroot.args(["DEBIAN_FRONTEND=noninteractive"]);
        text(&finish(chroot.args(arguments)))
    }

    fn root(&self, arguments: &[&str]) -> String {
        self.run("0:0", arguments)
    }

    /// As a user with no rights.
    fn user(&self, arguments: &[&str]) -> String {
        self.run("65534:65534", arguments)
    }

    fn put(&self, file: &Path, folder: &str) -> String {
        let name = file.file_name().expect("it has a name").to_string_lossy().into_owned();
        let mut copy = as_root("install").expect("the tree was made by root");
        finish(copy.args(["-D", "-m", "644"]).arg(file).arg(self.0.join(folder).join(&name)));
        format!("/{folder}/{name}")
    }

    fn install(&self, files: &[String]) {
        let mut arguments = vec!["apt-get", "-q", "install", "--yes", "--no-install-recommends"];
        arguments.extend(files.iter().map(String::as_str));
        self.root(&arguments);
    }

    /// Every file and folder but those that apt and dpkg keep for themselves, and the settings of the
    /// user, whose home is `/tmp`.
    fn files(&self) -> BTreeSet<String> {
        let own = "/proc /sys /dev /tmp /var/lib/dpkg /var/lib/apt /var/cache /var/log";
        let own: Vec<_> = own.split(' ').collect();
        let listed = self.root(&["find", "/", "-xdev"]);
        let of_others = |file: &&str| !own.iter().any(|folder| file.starts_with(folder));
        listed.lines().filter(of_others).map(str::to_owned).collect()
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        if let Ok(mut remove) = as_root("rm") {
            let _ = remove.args(["-rf", "--one-file-system"]).arg(&self.0).status();
        }
    }
}

/// The suites of Debian's that apt on this machine has, as lines of a sources.list.
fn sources() -> String {
    let mut targets = Command::new("apt-get");
    targets.args(["indextargets", "--format", "$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)"]);
    let targets = text(&finish(&mut targets));
    let lines: BTreeSet<_> = targets
        .lines()
        .filter_map(|line| {
            let [origin, uri, suite, "main"] = line.split('|').collect::<Vec<_>>()[..] else {
                return None;
            };
            (origin == "Debian").then(|| format!("deb {uri} {suite} main\n"))
        })
        .collect();
    lines.into_iter().collect()
}

#[test]
#[ignore = "makes a bare tree of Debian's packages"]
fn installed_in_a_bare_tree_they_work_and_purged_they_are_gone() {
    if let Some(reason) = reason() {
        return testkit::skip!(testkit::skip::test_name(), reason);
    }
    let files = made();
    let tree = match Tree::make() {
        Ok(tree) => tree,
        Err(reason) => return testkit::skip!(testkit::skip::test_name(), reason),
    };
    let series = wireshark().series();
    let files: Vec<_> = files.iter().map(|file| tree.put(file, "packages")).collect();
    assert_eq!(files.len(), 2, "{files:?}");
    let capture = tree.put(&sample("not-accepted.pcapng"), "captures");
    let bare = tree.files();

    // apt brings what they depend on: Wireshark's libraries and tshark.
    tree.root(&["apt-get", "-q", "update"]);
    tree.install(&files);
    let version = format!("tcphs {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(tree.user(&["tcphs", "--version"]), version);
    let ladder = tree.user(&["tcphs", "ladder", &capture]);
    assert!(ladder.contains("not_accepted: The server kept repeating its SYN/ACK"), "{ladder}");

    let filter = "tcphs.outcome == \"not_accepted\"";
    let fields = ["-n", "-2", "-r", &capture, "-Y", filter, "-T", "fields", "-e", "tcphs.attempt"];
    let rows = tree.user(&[&["tshark"][..], &fields].concat());
    assert_eq!(rows, "1\n".repeat(7));
    let listed = tree.user(&["tshark", "-n", "-2", "-C", NAME, "-r", &capture]);
    assert!(listed.contains("SYN-SENT") && listed.contains("not_accepted"), "{listed}");
    let plugins = tree.user(&["tshark", "-G", "plugins"]);
    assert!(plugins.contains(&format!("/plugins/{series}/epan/tcphs.so")), "{plugins}");

    let own = tree.root(&["dpkg", "-L", "tcphs", "wireshark-plugin-tcphs"]);
    for wanted in [
        "/usr/share/man/man1/tcphs.1.gz",
        "/usr/share/man/man1/tcphs-explain.1.gz",
        "/usr/share/bash-completion/completions/tcphs",
        "/usr/share/zsh/vendor-completions/_tcphs",
        "/usr/share/fish/vendor_completions.d/tcphs.fish",
        "/usr/share/doc/tcphs/copyright",
        "/usr/share/doc/tcphs/changelog.Debian.gz",
        "/usr/share/doc/wireshark-plugin-tcphs/copyright",
    ] {
        assert!(own.lines().any(|line| line == wanted), "{wanted}: {own}");
    }

    // What they depend on stays, and nothing of theirs.
    let purge = ["dpkg", "--purge", "tcphs", "wireshark-plugin-tcphs"];
    tree.root(&purge);
    let without = tree.files();
    let added: Vec<_> = without.difference(&bare).filter(|file| file.contains("tcphs")).collect();
    assert!(added.is_empty(), "{added:?}");
    tree.install(&files);
    assert!(tree.files().len() > without.len());
    tree.root(&purge);
    let again = tree.files();
    let difference: Vec<_> = again.symmetric_difference(&without).collect();
    assert!(difference.is_empty(), "{difference:?}");
    let known = tree.root(&["dpkg-query", "-W", "-f", "${Package}\n"]);
    assert!(!known.contains("tcphs"), "{known}");
}

#[test]
#[ignore = "builds the command for release"]
fn packages_are_the_same_octets_when_made_again() {
    if let Some(reason) = reason() {
        return testkit::skip!(testkit::skip::test_name(), reason);
    }
    let read = |files: &[PathBuf]| -> Vec<_> {
        files.iter().map(|file| fs::read(file).expect("it is made")).collect()
    };
    let first = read(made());
    assert_eq!(first.len(), 2);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert!(first == read(&packages()), "a second package differs from the first");
}

/// As the README says, into a folder of its own and from what is built already.
#[test]
#[ignore = "builds the command for release"]
fn cargo_installs_the_command() {
    let root = tempfile::tempdir().expect("there is room");
    let mut install = cargo();
    install.args(["install", "--path", "cli", "--locked", "--offline", "--no-track", "--root"]);
    finish(install.arg(root.path()).current_dir(testkit::workspace_root()));
    let program = root.path().join("bin/tcphs");
    let version = format!("tcphs {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(text(&finish(Command::new(&program).arg("--version"))), version);
    let explained = finish(Command::new(&program).arg("explain").arg(sample("refused.pcapng")));
    assert!(text(&explained).contains("refused"), "{explained:?}");
}
