//! The pictures of the documentation, taken of Wireshark's window and of a browser's.
//!
//! `cargo xtask screenshots` runs this with the folder that the pictures go to.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use testkit::wireshark::profile;
use tests::browser::Browser;
use tests::window::{Accessible, Desktop, Theme, Window, wait, wait_until};
use tests::{finish, sample, tcphs, tshark};

/// Names the folder that the pictures go to.
const FOLDER_VARIABLE: &str = "TCPHS_SCREENSHOTS";

/// The largest size of a picture in octets, so that a page with all of them opens quickly.
const MOST_OCTETS: u64 = 120_000;

const WIDTH: i32 = 1280;
const HEIGHT: i32 = 800;

/// The octets hidden, so that there is room for what the pictures show.
const ARRANGED: &str = "gui.byte_view_show: FALSE\n";

/// Takes pictures of windows on one desktop and writes them to a folder.
struct Camera {
    folder: PathBuf,
    desktop: Desktop,
    /// Behind the name of each picture.
    suffix: &'static str,
}

impl Camera {
    /// Opens a capture in a window with this layout: see [`Window::open_as`].
    fn open(&self, capture: &Path, arranged: &str) -> Window<'_> {
        let arranged = format!("{ARRANGED}{arranged}");
        let arguments = ["-C", profile::NAME, "-r", &*capture.to_string_lossy()];
        let window = Window::open_as(&self.desktop, (WIDTH, HEIGHT), &arranged, &arguments);
        wait_until("packets", || !window.packets().rows().is_empty());
        window
    }

    /// Takes a picture of the screen from its left upper corner, once nothing moves any more.
    fn take(&self, name: &str, width: i32, height: i32) {
        self.desktop.park_mouse();
        let mut last = None;
        wait_until("a quiet screen", || {
            let now = self.desktop.picture();
            let quiet = last.as_ref() == Some(&now);
            last = Some(now);
            sleep(Duration::from_millis(300));
            quiet
        });
        let file = self.folder.join(format!("{name}{}.png", self.suffix));
        self.desktop.keep(Some((0, 0, width, height)), &file);
        let octets = fs::metadata(&file).expect("it has been written").len();
        assert!(octets < MOST_OCTETS, "{}: {octets} octets", file.display());
    }

    /// Gives a dialog that size.
    fn arrange(&self, dialog: &Accessible, width: i32, height: i32) {
        self.desktop.arrange(&dialog.name(), (0, 0, width, height));
        wait_until("the dialog in its place", || dialog.place().2 == width);
    }

    /// Fits the widths of columns to their contents, by a double click on their right edges.
    fn fit_columns(&self, list: &Accessible, titles: &[&str]) {
        for title in titles {
            let header = list.find("column header", title).expect("there is such a column");
            let (left, top, width, height) = header.place();
            self.desktop.double_click((left + width - 1, top + height / 2));
        }
    }
}

/// Selects a row by its number in the first column.
fn select(camera: &Camera, window: &Window<'_>, number: &str) {
    let cells = wait("the row", || {
        window.packets().cells().into_iter().find(|row| row[0].name() == number)
    });
    camera.desktop.click(cells[1].middle(), 1);
}

/// The time of each frame of a capture, in seconds.
fn times(capture: &Path) -> Vec<f64> {
    let path = capture.to_string_lossy();
    let text = tshark(&["-n", "-r", &path, "-T", "fields", "-e", "frame.time_epoch"]);
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

/// Concatenates samples into one capture, two seconds apart, whenever they were recorded.
fn concatenate_samples(folder: &Path, name: &str, samples: &[&str]) -> PathBuf {
    let mut parts = Vec::new();
    let mut next = None;
    for sample_name in samples {
        let from = sample(&format!("{sample_name}.pcapng"));
        let times = times(&from);
        let (first, last) = (times[0], times[times.len() - 1]);
        let start = next.unwrap_or(first);
        next = Some(start + last - first + 2.0);
        let part = folder.join(format!("{sample_name}.part"));
        let mut shift = Command::new("editcap");
        shift.arg("-t").arg(format!("{:.6}", start - first)).arg(from).arg(&part);
        finish(&mut shift);
        parts.push(part);
    }
    let file = folder.join(name);
    finish(Command::new("mergecap").arg("-w").arg(&file).args(parts));
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    fs::set_permissions(&file, mode).expect("it is ours");
    file
}

#[test]
fn pictures() {
    let Some(folder) = std::env::var_os(FOLDER_VARIABLE) else {
        testkit::skip!("pictures", "`cargo xtask screenshots` takes the pictures");
        return;
    };
    let captures = tempfile::tempdir().expect("a folder can be made");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(captures.path(), mode).expect("it is ours");
    for (theme, suffix) in [(Theme::Light, ""), (Theme::Dark, "-dark")] {
        let desktop = Desktop::start_as(WIDTH as u32, HEIGHT as u32, theme);
        let desktop = desktop.expect("everything is installed");
        let camera = Camera { folder: folder.clone().into(), desktop, suffix };
        packets_and_details(&camera);
        failures(&camera, captures.path());
        flow_graph(&camera);
        // The colours of tables are Wireshark's own.
        if theme == Theme::Light {
            statistics(&camera, captures.path());
        }
    }
    report(Path::new(&folder), captures.path());
}

/// The top of a page that `tcphs report` writes.
fn report(folder: &Path, captures: &Path) {
    let samples = [
        "telnet-dns",
        "accept-queue-full",
        "no-reply",
        "not-accepted",
        "refused",
        "final-ack-lost",
    ];
    concatenate_samples(captures, "capture.pcapng", &samples);
    let page = captures.join("report.html");
    let mut report = tcphs();
    report.current_dir(captures).args(["report", "--output", "report.html", "capture.pcapng"]);
    finish(&mut report);
    let mut browser = Browser::start().expect("Chromium is installed");
    browser.resize(1100, 860);
    browser.colour_scheme("light");
    browser.open(&page, "");
    browser.wait("document.documentElement.dataset.ready === 'yes'");
    let file = folder.join("report.png");
    fs::write(&file, browser.picture()).expect("there is room");
    // Fewer colours in a third of the octets.
    finish(
        Command::new("convert").arg(&file).args(["-strip", "+dither", "-colors", "64"]).arg(&file),
    );
    let octets = fs::metadata(&file).expect("it has been written").len();
    assert!(octets < MOST_OCTETS, "{}: {octets} octets", file.display());
}

/// One connection from its SYN to its last ACK, and the details of its second packet.
fn packets_and_details(camera: &Camera) {
    let telnet = sample("telnet-dns.pcapng");
    let window = camera.open(&telnet, "gui.geometry_main_upper_pane: 200\n");
    select(camera, &window, "2");
    wait("its details", || window.details().cell("Frame 2:"));
    let ours = wait("our details", || window.details().cell("[TCP Handshake"));
    camera.desktop.click(ours.middle(), 1);
    window.menu(&["View", "Expand Subtrees"]);
    wait_until("our details unfolded", || ours.is_expanded());
    camera.take("packet-list", WIDTH, HEIGHT);
}

/// Connections that do not come up, one of each kind, after one that does.
fn failures(camera: &Camera, folder: &Path) {
    let samples = ["telnet-dns", "refused", "no-reply", "not-accepted", "icmp-reject"];
    let file = concatenate_samples(folder, "failures.pcapng", &samples);
    let window = camera.open(&file, "gui.tree_view_show: FALSE\n");
    select(camera, &window, "5");
    camera.take("failures", WIDTH, HEIGHT);

    window.menu(&["Analyze", "Expert Information"]);
    let dialog = window.dialog("Expert Information");
    camera.arrange(&dialog, 1000, 420);
    let list = wait("the expert items", || dialog.find_by(&|list| list.role() == "tree"));
    camera.fit_columns(&list, &["Summary"]);
    camera.take("expert-information", 1000, 420);
    drop(window);
}

/// Outcomes by server, servers, and connections.
fn statistics(camera: &Camera, folder: &Path) {
    let samples = ["telnet-dns", "refused", "no-reply", "not-accepted", "icmp-reject", "ipv6"];
    let file = concatenate_samples(folder, "several.pcapng", &samples);
    let window = camera.open(&file, "");
    let lists: [(&str, &str, i32, i32); 3] = [
        ("TCP Handshake", "outcomes", 800, 330),
        ("TCP Handshake Servers", "servers", 1200, 240),
        ("TCP Handshake Connections", "connections", 1200, 270),
    ];
    for (entry, name, width, height) in lists {
        window.menu(&["Statistics", entry]);
        let dialog = window.dialog(&format!("· {entry} ·"));
        camera.arrange(&dialog, width, height);
        let list = wait("the list", || dialog.find_by(&|list| list.role() == "tree"));
        wait_until("its rows", || !list.rows().is_empty());
        let headers = list.headers();
        camera.fit_columns(&list, &headers.iter().map(String::as_str).collect::<Vec<_>>());
        camera.take(name, width, height);
        dialog.find("push button", "Close").expect("it can be closed").press();
    }
}

/// A connection whose server did not get the final ACK.
fn flow_graph(camera: &Camera) {
    let window = camera.open(&sample("final-ack-lost.pcapng"), "");
    window.menu(&["Statistics", "Flow Graph"]);
    let dialog = window.dialog("Flow · ");
    camera.arrange(&dialog, 1100, 440);
    let kinds = wait("the kinds of flows", || {
        dialog.find_by(&|kinds| kinds.role() == "combo box" && kinds.name() == "All Flows")
    });
    camera.desktop.choose(&kinds, "TCP Handshake");
    camera.take("flow-graph", 1100, 440);
}
