//! A preference that changes makes Wireshark dissect the file again.

use tests::window::{wait, wait_until};

use crate::{desktop, info, open};

#[test]
fn dissected_again() {
    let Some(desktop) = desktop() else { return };
    let window = open(&desktop, "telnet-dns.pcapng", &[]);
    let before = window.packet_rows(11);
    assert!(info(&before)[2].contains("Seq=1 "), "{before:?}");

    window.menu(&["Edit", "Preferences"]);
    let dialog = window.dialog("Preferences");
    let advanced = wait("the page of all preferences", || {
        dialog.find_by(&|line| line.role() == "tree item" && line.name() == "Advanced")
    });
    desktop.click(advanced.middle(), 1);
    let label = wait("the search", || {
        dialog.find_by(&|label| label.name() == "Search:" && label.is_showing())
    });
    let (left, top, width, height) = label.place();
    desktop.click((left + width + 60, top + height / 2), 1);
    let wanted = "tcp.relative_sequence_numbers";
    desktop.type_text(&dialog.name(), wanted);
    // A double click on the value turns it over.
    let row = || {
        let lists = dialog.all("tree").into_iter().filter(|list| list.headers().len() == 4);
        let mut rows = lists.flat_map(|list| list.cells());
        rows.find(|row| row[0].name() == wanted && row[0].is_showing())
    };
    let value = wait(wanted, || row().filter(|row| row[3].name() == "TRUE"));
    // The list becomes shorter with each letter that is typed.
    wait_until("the place of the line", || {
        let place = value[3].place();
        std::thread::sleep(std::time::Duration::from_millis(200));
        place == value[3].place()
    });
    // The column is wider than what shows of it.
    let (left, top, _, height) = value[3].place();
    desktop.double_click((left + 20, top + height / 2));
    wait_until("the changed value", || row().is_some_and(|row| row[3].name() == "FALSE"));
    dialog.find("push button", "OK").expect("it can be confirmed").press();

    wait_until("raw sequence numbers", || {
        let rows = window.packets().rows();
        rows.len() == 11 && !info(&rows)[2].contains("Seq=1 ")
    });
    let after = window.packet_rows(11);
    let ours = |text: &str| text.split_once(" | ").map(|(ours, _)| ours.to_owned());
    for (before, after) in info(&before).into_iter().zip(info(&after)) {
        assert_eq!(ours(before), ours(after));
    }
}
