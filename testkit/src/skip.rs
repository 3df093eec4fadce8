//! Tests that cannot run on this machine say so, and are counted.
//!
//! The test harness knows no skipped tests: one that returns early counts as passed. So such a test
//! calls [`skip!`](crate::skip!), and `cargo xtask test` lists it, with its reason, at the end.

use std::fs::File;
use std::io::Write;

/// Names the file that lists the skipped tests; set by `cargo xtask test`.
pub const VARIABLE: &str = "TCPHS_SKIPS";

/// Says that `test` is skipped, and why.
///
/// Appends the line to the file that [`VARIABLE`] names. Without the variable it goes to standard
/// error.
///
/// # Panics
/// If the file cannot be written.
pub fn report(test: &str, reason: &str) {
    let line = format!("SKIPPED {test}: {reason}\n");
    match std::env::var_os(VARIABLE) {
        // Each line is one write, because several test programs append at the same time.
        Some(list) => File::options()
            .create(true)
            .append(true)
            .open(list)
            .and_then(|mut list| list.write_all(line.as_bytes()))
            .expect("the list of skipped tests can be written"),
        // Written without `eprint!`, which the test harness captures.
        None => {
            let _ = std::io::stderr().write_all(line.as_bytes());
        }
    }
}

/// The name of the running test: the test harness gives it to the test's thread.
pub fn test_name() -> String {
    std::thread::current().name().unwrap_or("a test").to_owned()
}

/// Says that a test is skipped and why: `skip!("name of the test", "reason")`. The test returns
/// after it.
///
/// ```
/// let has_lua = true;
/// if !has_lua {
///     testkit::skip!("a_post_dissector_in_lua", "this Wireshark has no Lua");
///     return;
/// }
/// ```
#[macro_export]
macro_rules! skip {
    ($test:expr, $reason:expr $(,)?) => {
        $crate::skip::report(
            ::std::convert::AsRef::<str>::as_ref(&$test),
            ::std::convert::AsRef::<str>::as_ref(&$reason),
        )
    };
}
