//! A live capture on the loopback interface.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;

use testkit::wireshark::profile;
use tests::window::{Window, wait_until};
use tests::wireshark;

use crate::{desktop, info};

/// Whether the user of the window may capture on the loopback interface.
pub fn may_capture(home: &std::path::Path) -> bool {
    let mut dumpcap = wireshark().as_user("dumpcap", home);
    dumpcap.args(["-q", "-i", "lo", "-a", "duration:1", "-w", "/dev/null"]);
    dumpcap.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let may = dumpcap.status().is_ok_and(|status| status.success());
    if !may {
        let why = "whoever runs Wireshark here may not capture on the loopback interface";
        assert!(std::env::var_os("CI").is_none(), "{why}");
        testkit::skip!(testkit::skip::test_name(), why);
    }
    may
}

#[test]
fn started_and_stopped() {
    let Some(desktop) = desktop() else { return };
    if !may_capture(&desktop.home()) {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port can be had");
    let address = listener.local_addr().expect("it has one");
    let filter = format!("host 127.0.0.1 and tcp port {}", address.port());
    let arguments = ["-i", "lo", "-f", &filter, "-k", "-C", profile::NAME];
    let window = Window::open(&desktop, (1200, 700), &arguments);

    // A whole connection each time, until the capture has begun and shows one.
    let talk = || {
        let mut client = TcpStream::connect(address).expect("the listener is open");
        let (server, _) = listener.accept().expect("the client connects");
        client.write_all(b"hello").expect("it is open");
        drop(client);
        drop(server);
    };
    let steps = ["1/3 SYN | ", "2/3 SYN/ACK | ", "3/3 ACK | "];
    wait_until("a handshake as it happens", || {
        talk();
        let rows = window.program().find("tree", "Packet list").map(|list| list.rows());
        let rows = rows.unwrap_or_default();
        let info = info(&rows);
        info.windows(3)
            .any(|three| three.iter().zip(steps).all(|(text, step)| text.starts_with(step)))
    });
    window.menu(&["Capture", "Stop"]);
    wait_until("the end of the capture", || {
        window.program().find("push button", "Stop").is_some_and(|stop| !stop.is_enabled())
    });
    // Afterwards it is a file like any other: the verdict is there.
    window.filter("tcphs.final_ack && tcphs.outcome == \"complete\"");
    wait_until("the final ACKs", || {
        let rows = window.packets().rows();
        !rows.is_empty() && info(&rows).iter().all(|text| text.starts_with("3/3 ACK"))
    });
}
