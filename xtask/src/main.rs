//! `cargo xtask …`: the workspace's own commands. `help.txt` says what each of them does.

mod arguments;
mod bench;
mod callgrind;
mod checks;
mod cost;
mod dist;
mod fuzz;
mod install;
mod python;
mod samples;
mod soak;
mod table;
mod tools;

use std::env;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Error, Result, ensure};
use testkit::c_library;
use testkit::command::{cargo, run};
use testkit::folders::{At, workspace_root};
use testkit::traffic::{self, Kind};
use testkit::wireshark::packages::{
    self, CHROMIUM, PLUGIN_BUILD, TCPDUMP, TSHARK, WINDOW_TESTS, WIRESHARK,
};
use testkit::wireshark::{Wireshark, fetch, named_version, plugin, profile, settings};

use arguments::{Arguments, usage};
use cost::DESIGNS;
use install::Scope;

const HELP: &str = include_str!("help.txt");

fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    let command = arguments.next().unwrap_or_default();
    match dispatch(&command.to_string_lossy(), arguments.collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<lexopt::Error>() => {
            eprintln!("xtask: {error}\n`cargo xtask --help` lists the commands");
            ExitCode::from(2)
        }
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(command: &str, arguments: Vec<OsString>) -> Result<()> {
    let asks_for_help = arguments.iter().any(|argument| argument == "--help");
    let parse = |flags: &[&str], valued: &[&str], most| {
        Arguments::parse(arguments.clone(), flags, valued, most)
    };
    match command {
        // The first three pass on their arguments, which need not be UTF-8.
        "tshark" => run_tshark(&arguments)?,
        "wireshark" => run_wireshark(&arguments)?,
        "test" => test(arguments)?,
        "" | "-h" | "--help" | "help" => print!("{HELP}"),
        _ if asks_for_help => print!("{HELP}"),
        "install" => install::install(scope(&parse(&["global", "personal"], &[], 0)?)?)?,
        "uninstall" => install::uninstall(scope(&parse(&["global", "personal"], &[], 0)?)?)?,
        "dist" => {
            let versions = parse(&[], &["wireshark"], 0)?.series("wireshark")?;
            for archive in dist::plugins(&versions)? {
                println!("{}", archive.display());
            }
        }
        "dist-command" => {
            let windows = parse(&["windows"], &[], 0)?.has("windows");
            let archive = if windows { dist::windows::command()? } else { dist::command()? };
            println!("{}", archive.display());
        }
        "deb" => {
            let versions = parse(&[], &["wireshark"], 0)?.series("wireshark")?;
            for package in dist::deb::packages(&versions)? {
                println!("{}", package.display());
            }
        }
        "install-c" => {
            let prefix = parse(&[], &["prefix"], 0)?.value::<PathBuf>("prefix", "a folder")?;
            let prefix = prefix.unwrap_or_else(|| "/usr/local".into());
            c_library::install(&prefix)?;
            println!("{}", prefix.join("lib/pkgconfig/tcphs.pc").display());
        }
        "python" => {
            let captures = parse(&[], &[], usize::MAX)?.others;
            python::show(&captures.into_iter().map(PathBuf::from).collect::<Vec<_>>())?;
        }
        "cost" => {
            let given = parse(&DESIGNS.map(|design| design.option), &["limit"], 1)?;
            let chosen = |design: &&cost::Design| given.has(design.option);
            cost::measure(&cost::Request {
                capture: given.others.first().map(PathBuf::from),
                limit: given.value("limit", "a ratio such as 1.08")?,
                design: DESIGNS.iter().rfind(chosen).unwrap_or(&DESIGNS[0]),
            })?;
        }
        "bench" => {
            let growth = bench::Growth::ALL;
            let flags = [&["instructions"], &growth.map(|(option, _)| option)[..]].concat();
            let given = parse(&flags, &["rounds"], usize::MAX)?;
            let growth = growth.iter().filter(|(option, _)| given.has(option));
            bench::measure(&bench::Request {
                rounds: given.value("rounds", "a number of rounds")?.unwrap_or(5),
                instructions: given.has("instructions"),
                growth: growth.map(|(_, growth)| *growth).collect(),
                captures: given.others.iter().map(PathBuf::from).collect(),
            })?;
        }
        "fuzz" => {
            let given = parse(&["keep"], &["minutes"], 1)?;
            fuzz::fuzz(&fuzz::Request {
                target: given.texts().pop(),
                minutes: given.value("minutes", "a number of minutes")?.unwrap_or(5),
                keep: given.has("keep"),
            })?;
        }
        "soak" => {
            let given = parse(&[], &["minutes", "rate"], 0)?;
            let minutes = given.value("minutes", "a number of minutes")?.unwrap_or(10);
            let rate = given.value("rate", "a number a second")?.unwrap_or(2000);
            if minutes == 0 || rate == 0 {
                return Err(usage("--minutes and --rate are at least 1").into());
            }
            soak::run_for(&soak::Request { minutes, rate })?;
        }
        "generate" => generate(&parse(&[], &[], 3)?)?,
        "bless" => {
            parse(&[], &[], 0)?;
            bless()?;
        }
        "profile" if parse(&["check"], &[], 0)?.has("check") => profile::check()?,
        "profile" => profile::write()?,
        "screenshots" => {
            parse(&[], &[], 0)?;
            take_screenshots()?;
        }
        "samples" => {
            record_samples(&parse(&[], &["random-loss", "connections", "octets"], usize::MAX)?)?
        }
        samples::TALK => samples::talk(&parse(&[], &[], usize::MAX)?.texts())?,
        other => return Err(usage(&format!("there is no command `{other}`")).into()),
    }
    Ok(())
}

fn run_tshark(arguments: &[OsString]) -> Result<()> {
    packages::ensure(PLUGIN_BUILD.iter().chain([&TSHARK]))?;
    let wireshark = with_plugin_in_place()?;
    become_program(wireshark.with_plugin().args(arguments))
}

fn run_wireshark(arguments: &[OsString]) -> Result<()> {
    // tshark too: it tells its version and folders.
    packages::ensure(PLUGIN_BUILD.iter().chain([&TSHARK, &WIRESHARK]))?;
    let wireshark = with_plugin_in_place()?;
    let mut window = wireshark.window()?;
    if !settings::choose_a_profile(arguments) {
        window.args(["-C", profile::NAME]);
    }
    become_program(window.args(arguments))
}

/// The plugin built and in its place, and Wireshark as its user has set it up.
fn with_plugin_in_place() -> Result<Wireshark> {
    let wireshark = match named_version()? {
        Some(series) => fetch::wireshark(&series)?,
        None => Wireshark::installed()?,
    };
    let wireshark = wireshark.with_users_preferences();
    let library = plugin::build(&wireshark)?;
    plugin::place(&wireshark, &library)?;
    Ok(wireshark)
}

/// Replaces this process, so that signals, standard streams and exit status are the program's own.
fn become_program(command: &mut Command) -> Result<()> {
    let error = command.exec();
    let program = command.get_program().display().to_string();
    Err(Error::new(error).context(format!("cannot run `{program}`")))
}

/// `test`: takes `--full`, `--packages` and `--wireshark X.Y` out of the arguments; the rest is cargo's.
fn test(arguments: Vec<OsString>) -> Result<()> {
    let (mut full, mut packages, mut python) = (false, false, false);
    let (mut versions, mut rest) = (Vec::new(), Vec::new());
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--full") => full = true,
            Some("--packages") => packages = true,
            Some("--python") => python = true,
            Some("--wireshark") => {
                versions.push(arguments::series(&arguments.next().unwrap_or_default())?);
            }
            // The arguments after it are those of the test programs.
            Some("--") => rest.extend([argument].into_iter().chain(arguments.by_ref())),
            _ => rest.push(argument),
        }
    }
    match &versions[..] {
        [] if packages => checks::test_handed_out(),
        [] if python => checks::test_python_wheel(),
        [] => checks::test(full, &rest),
        versions => checks::test_versions(full, versions, &rest),
    }
}

/// The tests that compare what is generated with what is committed. With the variable, they write
/// it. The pages quote the command, so they come after its own texts.
const GENERATED: &[&[&str]] = &[
    &["--package", "tests", "--test", "header", "--test", "field_page"],
    &["--package", "tcphs", "--test", "golden", "--test", "cases"],
    &["--package", "tests", "--test", "documentation"],
    &["--package", "tests", "--test", "public_api", "--", "--ignored"],
];

fn bless() -> Result<()> {
    packages::ensure(PLUGIN_BUILD.iter().chain([&TSHARK, &TCPDUMP]))?;
    for tests in GENERATED {
        let mut test = cargo();
        test.arg("test").args(*tests).current_dir(workspace_root()).env("UPDATE_EXPECT", "1");
        let status = test.status()?;
        ensure!(status.success(), "`cargo test {}`: {status}", tests.join(" "));
    }
    Ok(())
}

/// Takes all pictures of the documentation anew. The tests drive the windows, so they take the pictures.
fn take_screenshots() -> Result<()> {
    packages::ensure(PLUGIN_BUILD.iter().chain([&TSHARK]).chain(&WINDOW_TESTS).chain([&CHROMIUM]))?;
    let folder = workspace_root().join("docs/images");
    std::fs::create_dir_all(&folder).at(&folder)?;
    let mut tests = cargo();
    tests.args(["test", "--quiet", "--package", "tests", "--test", "screenshots"]);
    run(tests.current_dir(workspace_root()).env("TCPHS_SCREENSHOTS", &folder))?;
    println!("{}", folder.display());
    Ok(())
}

fn scope(given: &Arguments) -> Result<Scope> {
    match (given.has("global"), given.has("personal")) {
        (true, true) => Err(usage("--global or --personal, not both").into()),
        (true, false) => Ok(Scope::Global),
        (false, true) => Ok(Scope::Personal),
        (false, false) => Ok(Scope::usual()),
    }
}

fn record_samples(given: &Arguments) -> Result<()> {
    match given.value("random-loss", "a folder")? {
        Some(folder) => samples::record_random_loss(&samples::RandomLoss {
            folder,
            connections: given.value("connections", "a number")?.unwrap_or(60),
            octets: given.value("octets", "a number")?.unwrap_or(3000),
        }),
        None => samples::record(&given.texts()),
    }
}

fn generate(given: &Arguments) -> Result<()> {
    let texts = given.texts();
    let [kind, connections, file] = &texts[..] else {
        return Err(usage("generate takes a kind, a number and a file").into());
    };
    let known = Kind::ALL.map(|(name, _)| name).join(", ");
    let kind = Kind::named(kind)
        .ok_or_else(|| usage(&format!("there is no kind `{kind}`; known are {known}")))?;
    let connections = connections
        .parse()
        .map_err(|_| usage(&format!("`{connections}` is no number of connections")))?;
    let packets = traffic::write(Path::new(file), kind, connections)?;
    eprintln!("xtask: {packets} packets in {file}");
    Ok(())
}
