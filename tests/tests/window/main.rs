//! Wireshark's window with the plugin, as a person sees it.

mod busy;
mod capture;
mod dialogs;
mod list;
mod preferences;
mod statistics;

use tests::sample;
use tests::window::{Desktop, Window};

/// A screen with room for the window and dialogs beside it.
fn desktop() -> Option<Desktop> {
    Desktop::start(1280, 800)
}

/// The window with a sample in it, and further arguments.
fn open<'d>(desktop: &'d Desktop, name: &str, arguments: &[&str]) -> Window<'d> {
    let file = sample(name);
    Window::open(desktop, (1200, 700), &[&["-r", &*file.to_string_lossy()], arguments].concat())
}

/// The last column of the packet list: Info.
fn info(rows: &[Vec<String>]) -> Vec<&str> {
    rows.iter().map(|row| row.last().map_or("", String::as_str)).collect()
}
