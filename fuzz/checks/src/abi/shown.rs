//! Digests of the structs that the interface fills, read within their bounds as C would.

use std::ffi::{CStr, c_char};
use std::hash::{DefaultHasher, Hasher};

use dissector_core::connection::Finding;
use dissector_core::schema::FIELDS;
use tcphs::abi::*;

/// The C string at `place`, which ends within `text`.
fn text_at(text: &[u8], place: u32) -> &[u8] {
    let from = text.get(place as usize..).expect("a text begins within its buffer");
    let text = CStr::from_bytes_until_nul(from).expect("a text ends within its buffer");
    text.to_str().expect("UTF-8").as_bytes()
}

/// A digest of the details of a segment.
pub fn of_view(view: &tcphs_view) -> u64 {
    let mut all = DefaultHasher::new();
    if view.summary != TCPHS_NO_TEXT {
        all.write(text_at(&view.text, view.summary));
    }
    let items = view.items.get(..view.item_count as usize).expect("no more than there is room for");
    for item in items {
        let tcphs_item { number, text, field, level, subtree, hidden } = *item;
        assert!(level <= 1 && subtree <= 3);
        assert!(subtree > 0 || usize::from(field) < FIELDS.len(), "{field}");
        all.write_u64(number);
        all.write_u32(u32::from_le_bytes([field, level, subtree, hidden.into()]));
        match text {
            TCPHS_NO_TEXT => {}
            place if subtree > 0 => all.write(text_at(&view.text, place)),
            // An address has no end of its own, and 4 octets at least.
            place => {
                let from = view.text.get(place as usize..).expect("within the buffer");
                all.write(from.get(..4).expect("the shortest has four"));
            }
        }
    }
    all.finish()
}

/// A digest of the expert items of a segment.
pub fn of_expert_items(found: &tcphs_expert_items) -> u64 {
    let items = found.items.get(..found.count as usize).expect("as many as there is room for");
    let entries = Finding::ALL.len() + 2;
    let mut all = DefaultHasher::new();
    for item in items {
        assert!(usize::from(item.entry) < entries, "{}", item.entry);
        all.write_u8(item.entry);
        if item.text != TCPHS_NO_TEXT {
            all.write(text_at(&found.text, item.text));
        }
    }
    all.finish()
}

/// A digest of a segment for the listeners of the tap.
pub fn of_tapped(tapped: &tcphs_tapped) -> u64 {
    assert!(matches!(tapped.ip_version, 0 | 4 | 6));
    let (label, comment) = (text_at(&tapped.label, 0), text_at(&tapped.comment, 0));
    assert!(!tapped.shown || !label.is_empty() && !comment.is_empty(), "a text did not fit");
    let mut all = DefaultHasher::new();
    all.write_u32(tapped.connection);
    all.write(label);
    all.write(comment);
    all.finish()
}

/// A digest of the cells of a row.
pub fn of_row(row: &tcphs_row, columns: usize) -> u64 {
    let mut all = DefaultHasher::new();
    for cell in row.cells.get(..columns).expect("no more columns than cells") {
        match cell.text {
            TCPHS_NO_TEXT => all.write_u32(cell.count),
            place => all.write(text_at(&row.text, place)),
        }
    }
    all.finish()
}

/// The C string at `text`; empty where it is null.
pub fn of_text<'a>(text: *const c_char) -> &'a str {
    if text.is_null() {
        return "";
    }
    // SAFETY: the interface gives C strings, which live until the next call at least.
    unsafe { CStr::from_ptr(text) }.to_str().expect("UTF-8")
}
