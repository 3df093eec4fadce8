//! The packet list: columns, colours, filters and filter buttons.

use testkit::wireshark::profile;
use testkit::wireshark::profile::table::{BUTTONS, COLUMNS, REST, RULES, WINDOW_WIDTH};
use tests::sample;
use tests::window::{Colour, Window, wait, wait_until};

use crate::{desktop, info, open};

const STEPS: [&str; 7] = [
    "1/3 SYN [S] client SYN-SENT server SYN-RECEIVED? | ",
    "2/3 SYN/ACK [S.] client ESTABLISHED? server SYN-RECEIVED | ",
    "3/3 ACK [.] client ESTABLISHED server ESTABLISHED? | ",
    "1/4 FIN [F.] client FIN-WAIT-1 server CLOSE-WAIT? | ",
    "2/4 ACK of FIN [.] client FIN-WAIT-2? server CLOSE-WAIT | ",
    "3/4 FIN [F.] client TIME-WAIT? server LAST-ACK | ",
    "4/4 ACK of FIN [.] client TIME-WAIT server CLOSED? | ",
];

/// Asserts that these are the eleven packets of the Telnet sample, each step where it belongs.
fn assert_telnet(rows: &[Vec<String>]) {
    let info = info(rows);
    let staged: Vec<_> = info.iter().filter(|text| text.contains(" | ")).collect();
    assert_eq!(staged.len(), STEPS.len(), "{info:#?}");
    for (text, step) in staged.iter().zip(STEPS) {
        assert!(text.starts_with(step), "{text}");
    }
}

/// With Wireshark's default profile: a filter is applied and cleared, and a second file is opened.
#[test]
fn annotated_filtered_and_another_file() {
    let Some(desktop) = desktop() else { return };
    let window = open(&desktop, "telnet-dns.pcapng", &[]);
    assert_telnet(&window.packet_rows(11));

    window.filter("tcphs.final_ack");
    let rows = window.packet_rows(1);
    assert!(rows[0][0] == "3" && info(&rows)[0].starts_with(STEPS[2]), "{rows:?}");
    // This filter needs the verdict, which is known after the whole file has been read.
    window.filter("tcphs.outcome == \"complete\" && tcphs.stage == \"SYN\"");
    wait_until("the SYN alone", || {
        let rows = window.packets().rows();
        rows.len() == 1 && rows[0][0] == "1"
    });
    window.filter("tcphs.failed");
    window.packet_rows(0);
    window.filter("");
    assert_telnet(&window.packet_rows(11));

    window.menu(&["File", "Open"]);
    let dialog = window.dialog("Open Capture File");
    let name = wait("the entry for the name", || dialog.find("text", "File name:"));
    name.write(&sample("refused.pcapng").to_string_lossy());
    dialog.find("push button", "Open").expect("a dialog can be confirmed").press();
    let rows = window.packet_rows(2);
    let info = info(&rows);
    assert!(info[0].starts_with(STEPS[0]), "{info:?}");
    let refusal = "RST (refusal) [R.] client CLOSED? server CLOSED | ";
    assert!(info[1].starts_with(refusal), "{info:?}");
    assert_eq!(window.title(), "refused.pcapng");
}

/// The profile's columns, colours and buttons.
#[test]
fn the_profile() {
    let Some(desktop) = desktop() else { return };
    let window = open(&desktop, "telnet-dns.pcapng", &["-C", profile::NAME]);
    let rows = window.packet_rows(11);
    assert!(window.status("Profile: ").is_some_and(|text| text.ends_with(profile::NAME)));
    // Hidden ones are read, too.
    let titles: Vec<_> = COLUMNS.iter().map(|column| column.title).collect();
    let headers = window.packets().headers();
    assert_eq!(headers, titles);

    let column = |title: &str, row: usize| {
        let place = headers.iter().position(|header| header == title).expect("there is one");
        rows[row][place].as_str()
    };
    let words = ["Conn", "Protocol", "Stage", "Client / server", "Outcome"];
    let expected = [
        ["0", "TCP", "SYN", "SYN-SENT / SYN-RECEIVED?", "complete"],
        ["0", "TCP", "SYN/ACK", "ESTABLISHED? / SYN-RECEIVED", "complete"],
        ["0", "TCP", "ACK", "ESTABLISHED / ESTABLISHED?", "complete"],
    ];
    for (row, expected) in expected.iter().enumerate() {
        assert_eq!(words.map(|word| column(word, row)), *expected);
    }
    assert!(column("Info", 2).starts_with("3/3 ACK | "), "{rows:?}");
    assert_eq!(column("Time", 2), "0.000073");

    // The selected row has a colour of its own, so a row is selected that the test does not check.
    let cells = window.packets().cells();
    desktop.click(cells[3][1].middle(), 1);
    desktop.park_mouse();
    let rule = |name: &str| {
        let rule = RULES.iter().find(|rule| rule.name == name).expect("a rule");
        let [_, red, green, blue] = rule.background.to_be_bytes();
        [red, green, blue]
    };
    let colours = [
        (0, rule("1/3 SYN")),
        (1, rule("2/3 SYN/ACK")),
        (2, rule("3/3 final ACK")),
        (7, rule("FIN")),
        (8, rule("ACK of FIN")),
        (9, rule("FIN")),
        (10, rule("ACK of FIN")),
    ];
    let mut seen: Vec<(usize, Colour)> = Vec::new();
    wait_until("the colours of the rows", || {
        let picture = desktop.picture();
        let ground = |(row, _): &(usize, Colour)| (*row, picture.ground(cells[*row][1].place()));
        seen = colours.iter().map(ground).collect();
        seen == colours
    });
}

/// At 1280 pixels every title and button can be read, and Info is on the screen.
#[test]
fn the_profile_fits_a_small_screen() {
    let Some(desktop) = desktop() else { return };
    let file = sample("accept-queue-full.pcapng");
    let arguments = ["-C", profile::NAME, "-r", &*file.to_string_lossy()];
    let window = Window::open(&desktop, (WINDOW_WIDTH, 800), &arguments);
    window.packet_rows(10);
    let packets = window.packets();
    let place =
        |title: &str| packets.find("column header", title).expect("there is such a column").place();
    for column in COLUMNS {
        let (left, _, width, _) = place(column.title);
        if !column.shown {
            assert_eq!(width, 0, "{}", column.title);
        } else if column.width == REST {
            assert!(left + 280 <= WINDOW_WIDTH, "{} begins at {left}", column.title);
        } else {
            assert_eq!(width, column.width, "{}", column.title);
        }
    }
    for (label, _) in BUTTONS {
        let button = window.program().find("push button", label).expect("there is such a button");
        let (left, _, width, _) = button.place();
        assert!(button.is_showing() && left + width <= WINDOW_WIDTH, "{label}: {left} {width}");
    }
}

/// A failing connection is red from its first packet on, and the buttons find it.
#[test]
fn failures_by_colour_and_button() {
    let Some(desktop) = desktop() else { return };
    let window = open(&desktop, "accept-queue-full.pcapng", &["-C", profile::NAME]);
    let rows = window.packet_rows(10);
    assert!(rows.iter().any(|row| row.contains(&"no_reply".to_owned())), "{rows:?}");
    let press = |label: &str| {
        wait(label, || window.program().find("push button", label)).press();
    };
    press("Failed");
    let rows = window.packet_rows(4);
    assert!(rows.iter().all(|row| row.contains(&"no_reply".to_owned())), "{rows:?}");
    let cells = window.packets().cells();
    desktop.click(cells[3][1].middle(), 1);
    desktop.park_mouse();
    // The first SYN of the attempt, and its copies.
    let expected = ["Failed", "Failed, sent again", "Failed, sent again"].map(|name| {
        let rule = RULES.iter().find(|rule| rule.name == name).expect("a rule of failures");
        let [_, red, green, blue] = rule.background.to_be_bytes();
        [red, green, blue]
    });
    wait_until("the colours of a failure", || {
        let picture = desktop.picture();
        [0, 1, 2].map(|row: usize| picture.ground(cells[row][1].place())) == expected
    });
    press("Final ACK");
    let rows = window.packet_rows(2);
    assert!(info(&rows).iter().all(|text| text.starts_with("3/3 ACK | ")), "{rows:?}");
}
