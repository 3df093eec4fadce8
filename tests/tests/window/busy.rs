//! The window during a live capture of thousands of connections per second.

use std::time::{Duration, Instant};

use testkit::loopback::Connections;
use testkit::wireshark::profile;
use tests::window::{Window, wait, wait_until};

use crate::capture::may_capture;
use crate::desktop;

/// The time within which the window has to react, on a machine that is busy with other work.
const PATIENCE: Duration = Duration::from_secs(5);

#[test]
#[ignore = "takes a minute, and all of the machine"]
fn usable_under_thousands_of_connections_a_second() {
    let Some(desktop) = desktop() else { return };
    if !may_capture(&desktop.home()) {
        return;
    }
    let (mut connections, servers) = Connections::listen().expect("ports can be had");
    let filter = connections.filter();
    let arguments = ["-i", "lo", "-f", &filter, "-k", "-C", profile::NAME];
    let window = Window::open(&desktop, (1200, 700), &arguments);
    // Found now: looking for anything later goes through all rows of the list.
    let stop = wait("the capture", || {
        window.program().find("push button", "Stop").filter(|stop| stop.is_enabled())
    });
    let (rate, most) = (2000, 60_000);
    connections.begin(servers, rate, most);
    let start = Instant::now();
    let mut slowest = Duration::ZERO;
    while start.elapsed() < Duration::from_secs(20) {
        let asked = Instant::now();
        assert!(stop.is_enabled());
        slowest = slowest.max(asked.elapsed());
        std::thread::sleep(Duration::from_millis(200));
    }
    let (made, _) = connections.counts();
    stop.press();
    connections.end();
    wait_until("the end of the capture", || !stop.is_enabled());
    eprintln!("{made} connections; the slowest answer took {slowest:?}");
    assert!(made > 10_000, "{made} connections");
    assert!(slowest < PATIENCE, "{slowest:?}");
    let said = window.said();
    assert!(!said.contains("tcphs"), "{said}");
}
