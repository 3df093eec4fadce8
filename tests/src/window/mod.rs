//! Wireshark's window on a virtual screen: started, used with mouse and keyboard, and read through
//! the accessibility bus, which gives the exact texts that are shown.
//!
//! A test opens a [`Desktop`] and on it a [`Window`]. Nothing waits for a fixed time: [`wait`] looks
//! again until what is expected is there. When a test fails, the screen as it was then is kept.

mod accessible;
mod bus;
mod desktop;
mod picture;
mod wireshark;

pub use accessible::Accessible;
pub use desktop::{Desktop, Theme};
pub use picture::{Colour, Picture};
pub use wireshark::Window;

use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The longest time to wait for anything. Usually it takes seconds; on a busy machine it takes ten
/// times as long to open the window. Only a test that fails waits for the whole time.
const LIMIT: Duration = Duration::from_secs(120);

/// Calls `look` until it returns a value; panics with `what` when the time is up.
pub fn wait<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < LIMIT, "waited {} s in vain for {what}", LIMIT.as_secs());
        sleep(Duration::from_millis(50));
    }
}

/// Waits until `is_so` returns true.
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    wait(what, || is_so().then_some(()));
}

/// Ends a process that leads a group, and what it has started.
fn end_group(leader: &mut Child) {
    let group = format!("-{}", leader.id());
    let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
    let _ = leader.wait();
}
