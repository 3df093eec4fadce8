//! Debian's archive, asked without touching what is installed on this machine.
//!
//! apt gets folders of its own (package lists, downloads, an empty list of installed packages), the
//! mirror that this machine is set up with, and the keys that this machine trusts. Signatures are
//! checked; only the date until which a list calls itself current is not, because mirrors serve old
//! lists of suites that move.

pub mod unpacked;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Result;

use crate::command::{run, stderr_as_stdout, stdout_of, which};
use crate::folders::{At, make_folder};

/// The names that a machine's `sources.list` may have for the suites of Debian's main archive.
const MAIN_SUITES: [&str; 9] = [
    "bookworm",
    "trixie",
    "forky",
    "sid",
    "oldoldstable",
    "oldstable",
    "stable",
    "testing",
    "unstable",
];

/// The keys that Debian's archive is signed with; the second name is that of Debian 13.
const KEYRINGS: [&str; 2] = [
    "/usr/share/keyrings/debian-archive-keyring.gpg",
    "/usr/share/keyrings/debian-archive-keyring.pgp",
];

/// The URI of the mirror of Debian that this machine is set up with; `None` if it has none.
pub fn mirror() -> Option<String> {
    which("apt-get")?;
    let mut targets = Command::new("apt-get");
    targets.args(["indextargets", "--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)"]);
    main_archive(&stdout_of(&mut targets).ok()?)
}

fn main_archive(targets: &str) -> Option<String> {
    targets
        .lines()
        .find_map(|line| {
            let mut words = line.split(' ');
            let (release, component) = (words.next()?, words.next()?);
            (MAIN_SUITES.contains(&release) && component == "main").then(|| words.next())?
        })
        .map(str::to_owned)
}

/// One suite of the archive, with folders of its own for apt.
pub struct Suite {
    folder: PathBuf,
}

impl Suite {
    /// Fetches the package lists of `suites`, and keeps everything in `folder`. Packages may then
    /// come from any of the suites.
    pub fn open(folder: &Path, mirror: &str, suites: &[&str]) -> Result<Self> {
        for name in ["lists/partial", "cache/archives/partial", "preferences.d", "sources.d"] {
            make_folder(&folder.join(name))?;
        }
        let keyring = KEYRINGS.iter().find(|keyring| Path::new(keyring).is_file());
        // Without a keyring of that name, apt takes the keys it trusts for everything.
        let signed_by =
            keyring.map(|keyring| format!("[signed-by={keyring}] ")).unwrap_or_default();
        let sources = suites
            .iter()
            .map(|suite| format!("deb {signed_by}{mirror} {suite} main\n"))
            .collect::<String>();
        let files = [
            ("sources.list", sources),
            ("status", String::new()),
            ("preferences", String::new()),
            ("apt.conf", configuration(folder)),
        ];
        for (name, text) in files {
            let file = folder.join(name);
            fs::write(&file, text).at(&file)?;
        }
        let suite = Self { folder: folder.to_owned() };
        run(suite.apt_get().arg("update"))?;
        Ok(suite)
    }

    /// The newest version of `package` in the suite.
    pub fn version(&self, package: &str) -> Result<Option<String>> {
        let text = stdout_of(self.apt("apt-cache").args(["policy", package]))?;
        let candidate = text.lines().find_map(|line| line.trim().strip_prefix("Candidate: "));
        Ok(candidate.filter(|version| *version != "(none)").map(str::to_owned))
    }

    /// Downloads `packages` with all they depend on, and `alone` without; unpacks them into `root`.
    fn unpack(&self, packages: &[&str], alone: &[&str], root: &Path) -> Result<()> {
        let archives = self.folder.join("cache/archives");
        let mut install = self.apt_get();
        install.args(["install", "--download-only", "--yes", "--no-install-recommends"]);
        run(install.args(packages))?;
        run(self.apt_get().arg("download").args(alone).current_dir(&archives))?;
        make_folder(root)?;
        let entries = fs::read_dir(&archives).at(&archives)?;
        for entry in entries.flatten().map(|entry| entry.path()) {
            if entry.extension().is_some_and(|ending| ending == "deb") {
                run(Command::new("dpkg-deb").arg("--extract").arg(entry).arg(root))?;
            }
        }
        Ok(())
    }

    fn apt_get(&self) -> Command {
        let mut command = self.apt("apt-get");
        command.arg("-q").stdin(Stdio::null()).stdout(stderr_as_stdout());
        command
    }

    fn apt(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        // The last configuration that is read, after this machine's own (its proxy, for example).
        command
            .arg("-c")
            .arg(self.folder.join("apt.conf"))
            .env("DEBIAN_FRONTEND", "noninteractive");
        command
    }
}

fn configuration(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        r#"Dir::State "{folder}";
Dir::State::lists "{folder}/lists";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}/cache";
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "{folder}/sources.d";
Dir::Etc::preferences "{folder}/preferences";
Dir::Etc::preferencesparts "{folder}/preferences.d";
// The hooks around an update are for this machine's own packages.
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
// Run by root, apt would download as a user who may not write here.
APT::Sandbox::User "root";
// Descriptions, icons and lists of files are of no use here.
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
Acquire::Check-Valid-Until "false";
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_the_one_of_the_main_archive() {
        let targets = "bookworm-security main http://mirror.example/debian-security/\n\
                       nodistro main https://other.example/\n\
                       bookworm non-free http://mirror.example/non-free/\n\
                       bookworm main http://mirror.example/debian/\n";
        assert_eq!(main_archive(targets).as_deref(), Some("http://mirror.example/debian/"));
        assert_eq!(main_archive("noble main http://mirror.example/ubuntu/\n"), None);
    }
}
