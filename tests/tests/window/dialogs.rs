//! Packet details and the dialogs that a user opens: expert information, a followed stream, the
//! protocol hierarchy.

use tests::window::{Accessible, wait, wait_until};

use crate::{desktop, open};

/// Unfolds the line of the details that begins with `begins`.
fn unfold(details: &Accessible, begins: &str, desktop: &tests::window::Desktop, title: &str) {
    let line = wait(begins, || details.cell(begins));
    if !line.is_expanded() {
        desktop.click(line.middle(), 1);
        desktop.keys(title, &["Right"]);
        wait_until(&format!("`{begins}` unfolded"), || line.is_expanded());
    }
}

/// States of both ends in the details, and a link that leads to the frame it names.
#[test]
fn details_with_states_and_links() {
    let Some(desktop) = desktop() else { return };
    let window = open(&desktop, "telnet-dns.pcapng", &[]);
    window.packet_rows(11);
    let title = window.title();
    let cells = window.packets().cells();
    desktop.click(cells[0][1].middle(), 1);
    let details = window.details();
    // More room for them: nothing below the list but the details.
    window.menu(&["View", "Packet List"]);
    unfold(&details, "[TCP Handshake", &desktop, &title);
    let client = "[Client 192.168.210.102:60686: CLOSED → SYN-SENT";
    let server = "[Server 168.126.63.1:53: LISTEN → SYN-RECEIVED (assumed";
    for line in [client, server, "[Outcome: complete"] {
        wait(line, || details.cell(line));
    }
    unfold(&details, client, &desktop, &title);
    wait("the state before", || details.cell("[Client state before: CLOSED (1)]"));
    unfold(&details, "[Outcome: complete", &desktop, &title);

    let link = wait("the link", || details.cell("[Final ACK in frame: 3]"));
    desktop.double_click(link.middle());
    wait("the details of frame 3", || details.cell("Frame 3: "));
    let ours = wait("our line", || details.cell("[TCP Handshake"));
    assert!(ours.name().contains("3/3 ACK"), "{ours:?}");
}

#[test]
fn expert_information() {
    let Some(desktop) = desktop() else { return };
    let window = open(&desktop, "no-reply.pcapng", &[]);
    window.packet_rows(4);
    window.menu(&["Analyze", "Expert Information"]);
    let dialog = window.dialog("Expert Information");
    let list = wait("the list", || dialog.find("tree", ""));
    wait_until("our expert items", || {
        let rows = list.rows();
        let ours: Vec<_> = rows.iter().filter(|row| row.contains(&"TCPHS".to_owned())).collect();
        let says = |severity: &str, words: &str| {
            ours.iter().any(|row| row[0] == severity && row[1].contains(words))
        };
        // The second finding is known only at the end of the file.
        says("Note", "SYN") && says("Warning", "Nothing acceptable answers the SYN")
    });
}

/// Dissects the frames of one stream anew, without a tree and with other columns.
#[test]
fn follow_a_stream_and_count_protocols() {
    let Some(desktop) = desktop() else { return };
    let window = open(&desktop, "telnet-dns.pcapng", &[]);
    window.packet_rows(11);
    window.menu(&["Analyze", "Follow", "TCP Stream"]);
    let dialog = window.dialog("Follow TCP Stream");
    wait("both lines that were typed", || {
        dialog.find_by(&|label| {
            label.role() == "label" && label.name().starts_with("2 client pkt(s)")
        })
    });
    assert!(dialog.find("list item", "Entire conversation (13 bytes)").is_some());
    dialog.find("push button", "Close").expect("it can be closed").press();
    // The stream is what is shown now, with our texts as before.
    let rows = window.packet_rows(11);
    assert!(crate::info(&rows)[0].starts_with("1/3 SYN [S] "), "{rows:?}");

    window.menu(&["Statistics", "Protocol Hierarchy"]);
    let dialog = window.dialog("Protocol Hierarchy");
    let list = wait("the protocols", || dialog.find("tree", ""));
    let names: Vec<_> = wait("four protocols", || {
        let rows = list.rows();
        (rows.len() >= 4).then(|| rows.into_iter().map(|row| row[0].clone()).collect())
    });
    let expected =
        ["Frame", "Ethernet", "Internet Protocol Version 4", "Transmission Control Protocol"];
    assert_eq!(names, expected);
}
