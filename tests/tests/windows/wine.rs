//! The command for Windows, unpacked, and wine to run it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use testkit::folders::{made_folder, make_folder};
use testkit::wireshark::packages::WINE;
use tests::{finish, samples, tcphs, text};

/// A name with a space and letters that code pages of Windows write in different ways.
const FOLDER: &str = "Mitschnitte für Jürgen";

/// The command, in a folder with all samples.
pub struct Windows {
    /// The folder, which has a space and umlauts in its name; programs run in it.
    pub folder: PathBuf,
    /// The unpacked archive.
    pub program: PathBuf,
    prefix: PathBuf,
}

/// The command that `cargo xtask dist-command --windows` has packed; without it, the test is skipped.
pub fn windows() -> Option<&'static Windows> {
    static WINDOWS: OnceLock<Option<Windows>> = OnceLock::new();
    let windows = WINDOWS.get_or_init(unpack);
    if windows.is_none() {
        let reason = "the command for Windows is not here: `cargo xtask dist-command --windows`";
        testkit::skip!(testkit::skip::test_name(), reason);
    }
    windows.as_ref()
}

/// The archive for Windows.
pub fn archive() -> PathBuf {
    let dist = made_folder("dist").expect("the folder can be made");
    dist.join(format!("tcphs-{}-windows-x86_64.zip", env!("CARGO_PKG_VERSION")))
}

fn unpack() -> Option<Windows> {
    let archive = archive();
    if !archive.is_file() || !Path::new(WINE).is_file() {
        return None;
    }
    let wine = made_folder("wine").expect("the folder can be made");
    let folder = wine.join(FOLDER);
    if folder.exists() {
        fs::remove_dir_all(&folder).expect("it is ours");
    }
    make_folder(&folder).expect("the folder can be made");
    finish(Command::new("unzip").arg("-q").arg(&archive).arg("-d").arg(&folder));
    let name = archive.file_stem().expect("it has a name");
    let program = folder.join(name).join("tcphs.exe");
    // Beside the program, as Windows looks for libraries.
    let mut shim = Command::new("x86_64-w64-mingw32-gcc");
    shim.args(["-shared", "-O", "-o"]).arg(program.with_file_name("bcryptprimitives.dll"));
    shim.arg(testkit::workspace_root().join("tests/c/process_prng.c")).arg("-ladvapi32");
    finish(&mut shim);
    for sample in samples() {
        let name = sample.file_name().expect("it has a name");
        fs::copy(&sample, folder.join(name)).expect("there is room");
    }
    let windows = Windows { folder, program, prefix: wine.join("prefix") };
    // The first start sets wine up. Tests at the same time would do so in each other's way.
    finish(windows.command().arg("--version"));
    Some(windows)
}

impl Windows {
    /// The command under wine, in the folder.
    pub fn command(&self) -> Command {
        let mut command = self.wine();
        command.arg(&self.program);
        command
    }

    /// wine with the environment it needs and no screen.
    pub fn wine(&self) -> Command {
        let mut command = Command::new(WINE);
        command.current_dir(&self.folder).env("WINEPREFIX", &self.prefix);
        // wine writes what it lacks to standard error, and asks whether to install .NET.
        command.env("WINEDEBUG", "-all").env("WINEDLLOVERRIDES", "mscoree,mshtml=");
        // Names of files are UTF-8.
        command.env("LC_ALL", "C.UTF-8").env_remove("DISPLAY").stdin(Stdio::null());
        command
    }

    /// What the command for Windows does with these arguments.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().expect("wine starts")
    }

    /// What a console shows where `line` is typed into cmd; with the codes of the terminal that wine
    /// draws the console on.
    pub fn console(&self, line: &str, colours: bool) -> String {
        let wine = self.wine();
        let typed = format!("stty cols 200 rows 50; exec {WINE} cmd /c '{line}'");
        let mut script = Command::new("script");
        script.args(["-qec", &typed, "/dev/null"]).current_dir(&self.folder).stdin(Stdio::null());
        for (name, value) in wine.get_envs() {
            match value {
                Some(value) => script.env(name, value),
                None => script.env_remove(name),
            };
        }
        for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
            script.env_remove(name);
        }
        if !colours {
            script.env("NO_COLOR", "1");
        }
        text(&finish(script.env("TERM", "xterm")))
    }

    /// What the command for Linux does with them in the same folder.
    pub fn linux(&self, arguments: &[&str]) -> Output {
        let mut command = tcphs();
        command.args(arguments).current_dir(&self.folder).stdin(Stdio::null());
        command.output().expect("tcphs starts")
    }

    /// Runs both and compares status, standard output and standard error.
    pub fn same(&self, arguments: &[&str]) -> Output {
        let (here, there) = (self.linux(arguments), self.run(arguments));
        let text = |output: &Output| {
            let said = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
            said.join("\n--\n")
        };
        assert_eq!(text(&there), text(&here), "{arguments:?}");
        assert!(there.stdout == here.stdout, "{arguments:?}");
        assert_eq!(there.status.code(), here.status.code(), "{arguments:?}");
        there
    }

    /// Whether the command has a command of this name.
    pub fn has(&self, command: &str) -> bool {
        self.linux(&["help", command]).status.success()
    }

    /// The names of the samples in the folder.
    pub fn samples(&self) -> Vec<String> {
        let names = samples().into_iter();
        names.filter_map(|file| Some(file.file_name()?.to_string_lossy().into_owned())).collect()
    }
}
