//! The Python package: in virtual environments below `target/python`, shown at work and tested.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Result, ensure};
use testkit::command::{cargo, run};
use testkit::folders::{At, target_folder, workspace_root};
use testkit::wireshark::packages::{self, JAVA, PYTHON};

/// The files of requirements of the package's tests, with versions.
const TESTS: &str = "python/tests/requirements.txt";
const SPARK: &str = "python/tests/spark/requirements.txt";
const SAIL: &str = "python/tests/spark/requirements-sail.txt";

/// A virtual environment.
pub struct Environment(PathBuf);

impl Environment {
    /// That of this name, with these requirements. It is made anew if they have changed.
    fn of(name: &str, requirements: &[&str]) -> Result<Self> {
        packages::ensure(&PYTHON)?;
        let folder = target_folder()?.join("python").join(name);
        let files: Vec<_> = requirements.iter().map(|it| workspace_root().join(it)).collect();
        let texts = files.iter().map(|file| fs::read_to_string(file).at(file));
        let wanted = texts.collect::<Result<Vec<_>>>()?.concat();
        let stamp = folder.join("requirements");
        let environment = Self(folder);
        if fs::read_to_string(&stamp).is_ok_and(|there| there == wanted) {
            return Ok(environment);
        }
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment.0))?;
        for file in &files {
            environment.pip(&["install", "--requirement", &file.display().to_string()])?;
        }
        fs::write(&stamp, wanted).at(&stamp)?;
        Ok(environment)
    }

    /// Its Python, in the root of the workspace.
    fn python(&self) -> Command {
        let mut command = Command::new(self.0.join("bin/python"));
        command.current_dir(workspace_root()).stdin(Stdio::null());
        command
    }

    fn pip(&self, arguments: &[&str]) -> Result<()> {
        let mut command = self.python();
        command.args(["-m", "pip", "--quiet", "--disable-pip-version-check"]).args(arguments);
        run(&mut command)
    }
}

/// Builds the wheel into a virtual environment, and runs the example on these captures.
pub fn show(captures: &[PathBuf]) -> Result<()> {
    let environment = Environment::of("venv", &[])?;
    environment.pip(&["install", "./python[pandas]"])?;
    let samples;
    let captures = if captures.is_empty() {
        samples = ["accept-queue-full", "refused", "telnet-dns"]
            .map(|name| PathBuf::from(format!("samples/{name}.pcapng")));
        &samples[..]
    } else {
        captures
    };
    run(environment.python().arg("python/examples/failures.py").args(captures))?;
    let activate = environment.0.join("bin/activate");
    eprintln!("xtask: it is installed in a virtual environment: . {}", activate.display());
    Ok(())
}

/// Puts the extension module, built for debugging, into the package in this checkout.
pub fn build() -> Result<()> {
    let mut command = cargo();
    // With the features that the tests of the workspace are built with.
    command.args(["build", "--quiet", "--workspace", "--lib", "--bin", "tcphs"]);
    run(command.current_dir(workspace_root()))?;
    let target = target_folder()?;
    let package = workspace_root().join("python/tcphs");
    // A Python that is running keeps the one that it has.
    let (from, beside) = (target.join("debug/lib_native.so"), package.join("_native.new"));
    fs::copy(&from, &beside).at(&from)?;
    let to = package.join("_native.abi3.so");
    fs::rename(&beside, &to).at(&to)
}

/// The tests of the package in this checkout, without Spark. The module is [built](build).
pub fn tests() -> Result<Command> {
    let environment = Environment::of("tests", &[TESTS])?;
    let mut command = environment.python();
    command.args(["-m", "pytest", "-q", "--doctest-modules", "python/tcphs", "python/tests"]);
    command.args(["--ignore=python/tcphs/spark.py", "--ignore=python/tests/spark"]);
    command.env("PYTHONPATH", workspace_root().join("python"));
    command.env("TCPHS_COMMAND", target_folder()?.join("debug/tcphs"));
    Ok(command)
}

/// The tests of the wheel: of its rows on all captures, on a cluster of Spark, and on Sail.
pub fn wheel_tests() -> Result<Vec<(&'static str, Command)>> {
    packages::ensure([&JAVA])?;
    let spark = Environment::of("spark", &[TESTS, SPARK])?;
    let sail = Environment::of("sail", &[SAIL])?;
    let folder = target_folder()?.join("python/wheel");
    let _ = fs::remove_dir_all(&folder);
    let to = folder.display().to_string();
    spark.pip(&["wheel", "./python", "--no-deps", "--wheel-dir", &to])?;
    let wheel = only_file(&folder)?.display().to_string();
    let mut tests = Vec::new();
    for (name, environment, what) in [
        ("rows of the wheel on all captures", &spark, &["python/tests/test_rows.py"][..]),
        ("Spark, in a cluster of processes", &spark, &["python/tests/spark"]),
        ("Sail", &sail, &["python/tests/spark/test_cluster_rows.py"]),
    ] {
        environment.pip(&["install", "--force-reinstall", "--no-deps", &wheel])?;
        let mut command = environment.python();
        command.args(["-m", "pytest", "-q"]).args(what);
        command.env("TCPHS_FULL", "1");
        command.env("TCPHS_COMMAND", target_folder()?.join("release/tcphs"));
        tests.push((name, command));
    }
    Ok(tests)
}

fn only_file(folder: &Path) -> Result<PathBuf> {
    let files: Vec<_> = fs::read_dir(folder).at(folder)?.flatten().map(|it| it.path()).collect();
    ensure!(files.len() == 1, "{}: {} files", folder.display(), files.len());
    Ok(files[0].clone())
}
