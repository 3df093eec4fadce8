//! Memory: valgrind and AddressSanitizer check every access of the plugin, and the memory that is
//! not freed when files are closed.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use testkit::capture::Frames;
use testkit::wireshark::plugin::{ADDRESS_SANITIZER, build_and_place_variant};
use tests::{finish, in_parallel, open_to_all, samples, text, wireshark};

use crate::frames::{folder, write};
use crate::mutated_captures::some_of_everything;
use crate::sharkd::{ask, load, look_at_everything};

/// The report of valgrind on the plugin: errors, and lost or kept octets by kind of record.
#[derive(Debug, Default)]
struct Report {
    errors: Vec<String>,
    octets: BTreeMap<String, u64>,
    /// The octets that are kept to the end, by the functions that allocated them.
    kept: BTreeMap<String, u64>,
}

/// The kinds of records of memory that is kept. A block with pointers into its middle only, such as
/// that of a hash table, is "possibly lost"; a stale pointer to its beginning makes it "reachable".
/// The kind may differ between runs, the sum does not.
const KEPT: [&str; 2] = ["Leak_PossiblyLost", "Leak_StillReachable"];

/// Calls `run` with the words that start a program under memcheck, and reads the report.
fn memcheck(run: impl FnOnce(&[&str])) -> Report {
    let folder = tempfile::tempdir().expect("a folder can be made");
    open_to_all(folder.path());
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(folder.path(), open).expect("it is ours");
    let file = format!("--xml-file={}/%p.xml", folder.path().display());
    run(&[
        "valgrind",
        "--trace-children=yes",
        "--vgdb=no",
        "--num-callers=40",
        "--keep-debuginfo=yes",
        "--leak-check=full",
        "--show-leak-kinds=all",
        "--xml=yes",
        &file,
    ]);
    let mut report = Report::default();
    for entry in std::fs::read_dir(folder.path()).expect("it can be read") {
        let xml = std::fs::read(entry.expect("it can be read").path()).expect("it can be read");
        report.add(&String::from_utf8_lossy(&xml));
    }
    report
}

impl Report {
    fn add(&mut self, xml: &str) {
        assert!(xml.contains("</valgrindoutput>"), "valgrind came to its end");
        for error in xml.split("<error>").skip(1) {
            let error = error.split("</error>").next().unwrap_or(error);
            if !error.contains("tcphs.so</obj>") {
                continue;
            }
            let kind = between(error, "<kind>", "</kind>").to_owned();
            match between(error, "<leakedbytes>", "</leakedbytes>").parse::<u64>() {
                Ok(octets) => {
                    if KEPT.contains(&&*kind) {
                        *self.kept.entry(place(error)).or_default() += octets;
                    }
                    *self.octets.entry(kind).or_default() += octets;
                }
                Err(_) => self.errors.push(error.to_owned()),
            }
        }
    }

    fn of(&self, kind: &str) -> u64 {
        self.octets.get(kind).copied().unwrap_or(0)
    }
}

/// The call stack of an error, the innermost function first.
fn place(error: &str) -> String {
    let functions = error.split("<fn>").skip(1).filter_map(|after| after.split("</fn>").next());
    functions.collect::<Vec<_>>().join(" < ")
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let after = text.split_once(start).map_or("", |(_, after)| after);
    after.split_once(end).map_or("", |(before, _)| before)
}

/// Whether valgrind can run this tshark: it needs the symbols of the loader, which the loader of an
/// unpacked version lacks.
fn valgrind_runs_it() -> bool {
    let mut tshark = wireshark().with_plugin_under(&["valgrind", "--trace-children=yes"]);
    let output = tshark.arg("-v").stdin(Stdio::null()).output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr);
    let runs = !said.contains("Fatal error at startup: a function redirection");
    if !runs {
        let reason = "valgrind cannot run a tshark whose loader has no names";
        testkit::skip!(testkit::skip::test_name(), reason);
    }
    runs
}

/// Switches GLib's and Wireshark's pools off, so that valgrind sees each allocation.
fn plain_memory(command: &mut Command) -> &mut Command {
    command.env("G_SLICE", "always-malloc").env("WIRESHARK_DEBUG_WMEM_OVERRIDE", "simple")
}

fn capture(folder: &Path, frames: &Frames) -> std::path::PathBuf {
    let file = folder.join("hostile.pcap");
    write(frames, &file);
    file
}

/// Runs tshark with every option that calls the plugin, on frames of every kind.
#[test]
#[ignore = "takes minutes"]
fn memcheck_of_tshark() {
    if !valgrind_runs_it() {
        return;
    }
    let folder = folder();
    let file = capture(folder.path(), &some_of_everything());
    let report = memcheck(|wrapper| {
        let mut tshark = wireshark().with_plugin_under(wrapper);
        tshark.args(["-n", "-2", "-P", "-V", "-z", "tcphs,tree", "-z", "tcphs,servers"]);
        tshark.args(["-z", "tcphs,connections", "-z", "flow,tcphs,standard", "-z", "expert"]);
        let shown = text(&finish(plain_memory(&mut tshark).arg("-r").arg(&file)));
        assert!(shown.matches("[TCP Handshake").count() > 100);
    });
    eprintln!("{:?}", report.octets);
    assert!(report.errors.is_empty(), "{:#?}", report.errors);
    for lost in ["Leak_DefinitelyLost", "Leak_IndirectlyLost", "Leak_PossiblyLost"] {
        assert_eq!(report.of(lost), 0, "{lost}: {:?}", report.octets);
    }
    // Registered fields are never freed, so a report without kept memory means that the plugin did
    // not run.
    assert!(report.of("Leak_StillReachable") > 1000, "{:?}", report.octets);
}

/// The plugin keeps as much memory with the last of many files open as with the second.
#[test]
#[ignore = "takes minutes"]
fn memcheck_of_many_files() {
    if !valgrind_runs_it() {
        return;
    }
    if wireshark().beside_tshark("sharkd", true).is_none() {
        testkit::skip!("memcheck_of_many_files", "this Wireshark comes without sharkd");
        return;
    }
    let opened = |times: usize| {
        memcheck(|wrapper| {
            let mut sharkd = wireshark()
                .beside_tshark_under("sharkd", true, wrapper)
                .expect("it was there before");
            let mut questions = Vec::new();
            for _ in 0..times {
                for sample in samples().iter().step_by(4) {
                    questions.push(load(sample));
                    questions.extend(look_at_everything(1));
                }
            }
            plain_memory(&mut sharkd);
            ask(sharkd, &questions);
        })
    };
    let reports = in_parallel(&[1, 4], |times| opened(*times));
    let [few, many] = &reports[..] else { panic!("two reports") };
    eprintln!("{:?}\n{:?}", few.octets, many.octets);
    for report in [few, many] {
        assert!(report.errors.is_empty(), "{:#?}", report.errors);
        for lost in ["Leak_DefinitelyLost", "Leak_IndirectlyLost"] {
            assert_eq!(report.of(lost), 0, "{lost}: {:?}", report.octets);
        }
    }
    // The memory of the file that is open at the end, and of registered fields.
    let [in_few, in_many] = [few, many].map(|report| KEPT.map(|kind| report.of(kind)));
    let differs = |report: &Report, other: &Report| -> Vec<String> {
        let only_here =
            report.kept.iter().filter(|(place, kept)| other.kept.get(*place) != Some(kept));
        only_here.map(|(place, kept)| format!("{kept} octets: {place}")).collect()
    };
    assert!(in_few.iter().sum::<u64>() > 1000, "{in_few:?}");
    assert_eq!(
        in_few.iter().sum::<u64>(),
        in_many.iter().sum::<u64>(),
        "few files {in_few:?}: {:#?}\nmany files {in_many:?}: {:#?}",
        differs(few, many),
        differs(many, few)
    );
}

/// The run-time library of AddressSanitizer, from the compiler that builds the shim.
fn run_time() -> String {
    let mut gcc = Command::new("gcc");
    let file = text(&finish(gcc.arg("-print-file-name=libasan.so")));
    let file = std::fs::canonicalize(file.trim()).expect("gcc has AddressSanitizer");
    format!("LD_PRELOAD={}", file.display())
}

#[test]
#[ignore = "builds the plugin anew"]
fn address_sanitizer() {
    let watched = build_and_place_variant(wireshark(), &ADDRESS_SANITIZER).expect("it builds");
    let run_time = run_time();
    // `env` sets LD_PRELOAD for tshark only, not for setpriv, which starts it.
    let wrapper = ["env", &run_time, "ASAN_OPTIONS=detect_leaks=0:exitcode=99"];
    let folder = folder();
    let file = capture(folder.path(), &some_of_everything());

    // Without the run-time library the plugin is not loaded, so this build is the instrumented one.
    let mut bare = watched.with_plugin();
    let bare = bare.arg("-G").arg("plugins").stdin(Stdio::null()).output().expect("it starts");
    let said = String::from_utf8_lossy(&bare.stderr);
    assert!(said.contains("undefined symbol: __asan"), "{said}");

    for arguments in [
        &["-n", "-P", "-V"][..],
        &["-n", "-2", "-P", "-V", "-z", "tcphs,tree", "-z", "tcphs,servers"],
        &["-n", "-2", "-T", "fields", "-e", "tcphs.stage", "-e", "tcphs.outcome"],
        &["-n", "-q", "-z", "tcphs,connections", "-z", "flow,tcphs,standard", "-z", "expert"],
    ] {
        let mut tshark = watched.with_plugin_under(&wrapper);
        let output = finish(tshark.args(arguments).arg("-r").arg(&file));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("Sanitizer") && !said.contains("tcphs"), "{said}");
        assert!(!output.stdout.is_empty());
    }
    let Some(sharkd) = watched.beside_tshark_under("sharkd", true, &wrapper) else { return };
    let mut questions = Vec::new();
    for sample in &samples() {
        questions.push(load(sample));
        questions.extend(look_at_everything(1));
    }
    questions.push(load(&file));
    questions.extend(look_at_everything(500));
    let said = ask(sharkd, &questions).stderr;
    assert!(!String::from_utf8_lossy(&said).contains("Sanitizer"), "{said:?}");
}
