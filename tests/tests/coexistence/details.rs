//! The packet details of a capture, split into Wireshark's own part and ours.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use serde_json::Value;
use tempfile::NamedTempFile;
use tests::{Results, everything, finish, text, wireshark};

/// The details of each frame.
#[derive(Debug)]
pub struct Details {
    /// Wireshark's own layers.
    pub theirs: Vec<Value>,
    /// Our layer; null if the frame has none.
    pub ours: Vec<Value>,
}

impl Details {
    /// The number of frames with our layer.
    pub fn annotated(&self) -> usize {
        self.ours.iter().filter(|ours| !ours.is_null()).count()
    }
}

/// The details of each frame of [`everything`] with the plugin; tshark is started once for the same
/// arguments.
pub fn with(arguments: &[&str]) -> Arc<Details> {
    once(arguments, true)
}

/// The same without the plugin.
pub fn without(arguments: &[&str]) -> Arc<Details> {
    once(arguments, false)
}

fn once(arguments: &[&str], plugin: bool) -> Arc<Details> {
    static ALL: Results<Arc<Details>> = Results::new();
    ALL.get(format!("{plugin} {arguments:?}"), || {
        let wireshark = wireshark();
        let tshark = if plugin { wireshark.with_plugin() } else { wireshark.without_plugin() };
        Arc::new(details(tshark, everything(), arguments))
    })
}

/// The details of each frame of a capture; Wireshark aborts if a dissector has a bug or writes
/// outside of its memory.
pub fn details(mut tshark: Command, capture: &str, arguments: &[&str]) -> Details {
    tshark.env("WIRESHARK_ABORT_ON_DISSECTOR_BUG", "1");
    details_as_is(tshark.env("WIRESHARK_DEBUG_WMEM_OVERRIDE", "strict"), capture, arguments)
}

/// The same, in the command's own environment.
pub fn details_as_is(tshark: &mut Command, capture: &str, arguments: &[&str]) -> Details {
    tshark.args(["-n", "-r", capture, "-T", "json", "--no-duplicate-keys"]).args(arguments);
    let output = tshark.stdin(std::process::Stdio::null()).output().expect("tshark starts");
    let said = String::from_utf8_lossy(&output.stderr);
    // tshark exits with 2 for a capture that is damaged at its end.
    assert!(output.status.code().is_some_and(|code| code <= 2), "{tshark:?}: {said}");
    let json = String::from_utf8_lossy(&output.stdout);
    // tshark writes lone surrogates as it finds them in a frame, which JSON does not allow.
    let frames: Value = serde_json::from_str(&json)
        .or_else(|_| serde_json::from_str(&json.replace("\\ud", "\\\\ud")))
        .unwrap_or_else(|error| panic!("tshark writes JSON of {capture}: {error}"));
    let frames = frames.as_array().expect("a list of frames").clone();
    let ours = frames.iter().map(|frame| layer_of(frame).cloned().unwrap_or_default()).collect();
    let theirs = frames.into_iter().map(without_ours).collect();
    Details { theirs, ours }
}

fn layer_of(frame: &Value) -> Option<&Value> {
    frame.pointer("/_source/layers")?.get("tcphs")
}

fn without_ours(mut frame: Value) -> Value {
    let layers = frame.pointer_mut("/_source/layers").and_then(Value::as_object_mut);
    layers.expect("a frame has layers").remove("tcphs");
    frame
}

/// Asserts that two lists are equal, and names the first frame where they are not.
pub fn assert_same<T: PartialEq + std::fmt::Debug>(one: &[T], other: &[T], about: &str) {
    for (frame, (one, other)) in (1..).zip(one.iter().zip(other)) {
        assert!(one == other, "{about}: frame {frame}:\n{one:#?}\n{other:#?}");
    }
    assert_eq!(one.len(), other.len(), "{about}: number of frames");
}

/// Asserts that with these arguments the plugin changes none of Wireshark's own details; returns
/// the details.
pub fn assert_theirs_stay(arguments: &[&str]) -> Arc<Details> {
    let (with, without) = (with(arguments), without(arguments));
    assert_same(&with.theirs, &without.theirs, &arguments.join(" "));
    assert_eq!(without.annotated(), 0);
    with
}

/// Whether the plugin's tshark has Lua. If not, the test is reported as skipped.
pub fn has_lua() -> bool {
    let version = text(&finish(wireshark().with_plugin().arg("-v")));
    // "with Lua 5.4.7" in the sentence of 4.0 to 4.4, "+Lua 5.4.9" in the list of 4.6.
    let words = version.split_whitespace().collect::<Vec<_>>().join(" ");
    let has = words.contains("with Lua") || words.contains("+Lua");
    if !has {
        skipped("this Wireshark has no Lua");
    }
    has
}

/// Reports the test as skipped; in CI, where no test may be skipped, it fails.
pub fn skipped(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "{why}");
    testkit::skip!(testkit::skip::test_name(), why);
}

/// A temporary file with this text that every user can read; it is removed with the returned value.
pub fn file(text: &str, ending: &str) -> NamedTempFile {
    let file = tempfile::Builder::new().suffix(ending).tempfile().expect("a file can be made");
    std::fs::write(file.path(), text).expect("the file can be written");
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(file.path(), open).expect("the file is ours");
    file
}

/// A path as an argument.
pub fn path(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
