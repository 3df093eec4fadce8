//! Entries of ours in Wireshark's menus: statistics, flow graph, conversation filter.

use tests::window::{Accessible, wait, wait_until};

use crate::{desktop, info, open};

/// The rows of the first list in a dialog, once `wanted` accepts them.
fn rows(dialog: &Accessible, wanted: impl Fn(&[Vec<String>]) -> bool) -> Vec<Vec<String>> {
    let list = wait("the list", || dialog.find_by(&|list| list.role() == "tree"));
    wait("its rows", || Some(list.rows()).filter(|rows| wanted(rows)))
}

/// Three attempts at one server, of which one is never answered.
#[test]
fn outcomes_servers_and_connections() {
    let Some(desktop) = desktop() else { return };
    let window = open(&desktop, "accept-queue-full.pcapng", &[]);
    window.packet_rows(10);

    window.menu(&["Statistics", "TCP Handshake"]);
    let counts = rows(&window.dialog("TCP Handshake · "), |rows| rows.len() >= 3);
    let count = |name: &str| counts.iter().find(|row| row[0] == name).map(|row| row[1].as_str());
    assert_eq!(count("TCP connections"), Some("3"), "{counts:?}");
    assert_eq!(count("complete"), Some("2"), "{counts:?}");
    assert_eq!(count("no_reply"), Some("1"), "{counts:?}");

    window.menu(&["Statistics", "TCP Handshake Servers"]);
    let servers = rows(&window.dialog("TCP Handshake Servers"), |rows| !rows.is_empty());
    assert_eq!(servers.len(), 1, "{servers:?}");
    let row: Vec<_> = servers[0].iter().map(|cell| cell.trim()).collect();
    assert_eq!(row[..5], ["198.51.100.2", "7000", "3", "66.7", "1"]);

    window.menu(&["Statistics", "TCP Handshake Connections"]);
    let all = rows(&window.dialog("TCP Handshake Connections"), |rows| rows.len() == 3);
    let outcomes: Vec<_> = all.iter().map(|row| row[3].as_str()).collect();
    assert_eq!(outcomes, ["complete", "complete", "no_reply"]);
}

#[test]
fn flow_graph_and_conversation_filter() {
    let Some(desktop) = desktop() else { return };
    let window = open(&desktop, "port-reuse.pcapng", &[]);
    let all = window.packet_rows(15);
    window.menu(&["Statistics", "Flow Graph"]);
    let dialog = window.dialog("Flow · ");
    let kinds = wait("the kinds of flows", || {
        dialog.find_by(&|kinds| kinds.role() == "combo box" && kinds.name() == "All Flows")
    });
    desktop.choose(&kinds, "TCP Handshake");
    // An arrow for each step of either connection, none for data.
    let steps = info(&all).iter().filter(|text| text.contains(" | ")).count();
    let label = format!("2 node(s), {steps} item(s)");
    wait(&label, || {
        dialog.find_by(&|thing| thing.role() == "label" && thing.name().trim() == label)
    });
    dialog.find("push button", "Close").expect("it can be closed").press();

    // Wireshark sees one conversation of these addresses and ports where there are two connections.
    desktop.click(window.packets().cells()[14][1].middle(), 1);
    window.menu(&["Analyze", "Conversation Filter", "TCP Handshake"]);
    wait_until("the second connection alone", || {
        let rows = window.packets().rows();
        rows.len() < 15 && rows.last().is_some_and(|row| row[0] == "15")
    });
    let second = window.packets().rows();
    assert!(info(&second)[0].starts_with("1/3 SYN [S] "), "{second:?}");
}
