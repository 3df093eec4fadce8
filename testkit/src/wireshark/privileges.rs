//! Running Wireshark's programs as root.
//!
//! If root (user or group 0) starts it, Wireshark silently ignores `WIRESHARK_PLUGIN_DIR` and the
//! personal plugin folder. So root runs it as the user nobody, by setpriv, with three capabilities
//! where the machine grants them: to read and write root's files, and to capture.

use std::ffi::OsStr;
use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command::{succeeds, which};

/// `nobody` and `nogroup`, the same numbers on every Linux.
const NOBODY: &str = "65534";

/// The capabilities that the user nobody keeps: name for setpriv, and bit in `/proc/self/status`.
const KEPT: [(&str, u32); 3] = [(READ_EVERYTHING, 1), ("net_admin", 12), ("net_raw", 13)];
const READ_EVERYTHING: &str = "dac_override";

/// The user as whom Wireshark's programs run.
#[derive(Clone, Debug)]
pub(super) enum RunAs {
    /// The caller: Wireshark looks where it is told.
    Caller,
    /// The user nobody with these capabilities, because the caller is root.
    Nobody(Vec<&'static str>),
}

impl RunAs {
    /// For root the user nobody with as many of the capabilities as can be had, else the caller.
    pub(super) fn choose() -> Result<Self> {
        if !is_root() && number("Gid:", 10) != Some(0) {
            return Ok(Self::Caller);
        }
        if which("setpriv").is_none() {
            bail!(
                "Wireshark loads no plugin from our folder for root, and setpriv (package \
                 util-linux), which would run it as nobody, is not installed"
            );
        }
        // A container may hold back some of them, and a seccomp filter all.
        let held = number("CapEff:", 16).unwrap_or(0) & number("CapBnd:", 16).unwrap_or(0);
        let kept = KEPT.iter().filter(|(_, bit)| held >> bit & 1 == 1).map(|(name, _)| *name);
        [Self::Nobody(kept.collect()), Self::Nobody(Vec::new())]
            .into_iter()
            .find(|nobody| succeeds(&mut nobody.command("true")))
            .context(
                "Wireshark loads no plugin from our folder for root, and setpriv cannot run it as \
                 nobody here: run this command as an ordinary user",
            )
    }

    /// `program`, run as that user.
    pub(super) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let Self::Nobody(kept) = self else { return Command::new(program) };
        let mut command = Command::new("setpriv");
        command.args([&format!("--reuid={NOBODY}"), &format!("--regid={NOBODY}")]);
        command.arg("--clear-groups");
        if !kept.is_empty() {
            let kept = format!("+{}", kept.join(",+"));
            command.args([format!("--inh-caps={kept}"), format!("--ambient-caps={kept}")]);
        }
        command.arg("--").arg(program);
        command
    }

    /// Whether that user reads what the caller reads, whatever the files' modes are.
    pub(super) fn reads_what_caller_reads(&self) -> bool {
        match self {
            Self::Caller => true,
            Self::Nobody(kept) => kept.contains(&READ_EVERYTHING),
        }
    }
}

/// Whether this process runs as root.
pub fn is_root() -> bool {
    number("Uid:", 10) == Some(0)
}

/// The first number of a line of `/proc/self/status`: for `Uid:` and `Gid:` the real one.
fn number(line: &str, radix: u32) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let rest = status.lines().find_map(|text| text.strip_prefix(line))?;
    u64::from_str_radix(rest.split_whitespace().next()?, radix).ok()
}
