//! The profile "TCP Handshake": columns, colouring rules and filter buttons for Wireshark.
//!
//! Its files lie in `ffi-plugin/profile/`, written from the tables in [`table`] by
//! `cargo xtask profile`. Nothing but text in them depends on the version of Wireshark, and 4.0 to
//! 4.6 read the same text.

pub mod table;

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::folders::{At, workspace_root};
use table::{BUTTONS, COLUMNS, Column, RULES};

/// The name for `-C` and in the list of profiles, and of the folder.
pub const NAME: &str = "TCP Handshake";

/// The file that Wireshark writes anew whenever its window is closed: it is put in place once, and
/// a later difference is no change by the user.
pub const NOTES: &str = "recent";

/// The files by name, as Wireshark reads them.
pub fn files() -> [(&'static str, String); 4] {
    [
        ("colorfilters", colorfilters()),
        ("dfilter_buttons", buttons()),
        ("preferences", columns()),
        (NOTES, widths()),
    ]
}

/// The folder of the files in the workspace.
pub fn folder() -> PathBuf {
    workspace_root().join("ffi-plugin/profile")
}

/// Writes the files anew.
pub fn write() -> Result<()> {
    for (name, text) in files() {
        let file = folder().join(name);
        fs::write(&file, text).at(&file)?;
    }
    Ok(())
}

/// Fails if a file differs from the tables.
pub fn check() -> Result<()> {
    for (name, text) in files() {
        let file = folder().join(name);
        if fs::read_to_string(&file).at(&file)? != text {
            bail!("{} is not what the tables say: run `cargo xtask profile`", file.display());
        }
    }
    Ok(())
}

/// `@name@filter@[background][foreground]`, colours as red, green and blue of 16 bits each; the
/// first that fits counts.
fn colorfilters() -> String {
    let mut text = String::from("# Colouring rules of tcphs: the first that fits counts.\n");
    for rule in RULES {
        let [background, text_colour] = [rule.background, rule.text].map(|colour| {
            let [_, red, green, blue] = colour.to_be_bytes().map(|part| u32::from(part) * 0x101);
            format!("[{red},{green},{blue}]")
        });
        let _ = writeln!(text, "@{}@{}@{background}{text_colour}", rule.name, rule.filter());
    }
    text
}

/// `"enabled","label","filter","comment"`.
fn buttons() -> String {
    let mut text = String::from("# Filter buttons of tcphs.\n");
    for (label, filter) in BUTTONS {
        // Wireshark writes a quotation mark inside its lists as `\x22`.
        let filter = filter.replace('"', "\\x22");
        let _ = writeln!(text, "\"TRUE\",\"{label}\",\"{filter}\",\"\"");
    }
    text
}

/// Columns, and the step alone in the Info column: the other columns say the rest.
fn columns() -> String {
    let lines = COLUMNS.iter().map(|column| format!("\"{}\", \"{}\"", column.title, column.format));
    let hidden = COLUMNS.iter().filter(|column| !column.shown).map(|column| column.format);
    format!(
        "# Columns of tcphs.\ngui.column.hidden: {}\n{}tcphs.info: short\n",
        hidden.collect::<Vec<_>>().join(","),
        list("gui.column.format", lines)
    )
}

/// The widths at first, and times of microseconds, which are as wide in each capture. A custom column goes
/// by its field alone here.
fn widths() -> String {
    let line = |column: &Column| {
        let format = column.format.strip_suffix(":0:R").unwrap_or(column.format);
        format!("\"{format}\", {}", column.width)
    };
    format!(
        "# Widths of the columns of tcphs, at first.\ngui.time_precision: USEC\n{}",
        list("column.width", COLUMNS.iter().map(line))
    )
}

/// A list of Wireshark's files, an entry a line.
fn list(name: &str, lines: impl Iterator<Item = String>) -> String {
    let lines: Vec<_> = lines.map(|line| format!("\t{line}")).collect();
    format!("{name}: \n{}\n", lines.join(",\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_are_what_the_tables_say() {
        check().expect("they are");
    }

    /// Relative luminance, as the Web Content Accessibility Guidelines define it.
    fn luminance(colour: u32) -> f64 {
        let [_, red, green, blue] = colour.to_be_bytes().map(|part| {
            let part = f64::from(part) / 255.0;
            if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    fn contrast(one: u32, other: u32) -> f64 {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn every_text_can_be_read_without_seeing_colours() {
        assert!((contrast(0x00_0000, 0xff_ffff) - 21.0).abs() < 1e-9);
        for rule in RULES {
            let contrast = contrast(rule.background, rule.text);
            assert!(contrast >= 4.5, "{}: contrast {contrast:.2}", rule.name);
        }
    }

    /// Red and green look alike to some; light and dark do not. Rules that say different things
    /// differ in how light they are: bad from good, and the three steps from one another.
    #[test]
    fn bad_and_good_differ_in_lightness() {
        let rule = |name: &str| RULES.iter().find(|rule| rule.name == name).expect("a rule");
        let [failed, reset] = ["Failed", "RST"].map(rule);
        let steps = ["1/3 SYN", "2/3 SYN/ACK", "3/3 final ACK"].map(rule);
        for step in steps {
            for bad in [failed, reset] {
                assert!(contrast(step.background, bad.background) > 3.0, "{}", step.name);
            }
        }
        for pair in [[failed, reset], [steps[0], steps[1]], [steps[1], steps[2]]] {
            let contrast = contrast(pair[0].background, pair[1].background);
            assert!(contrast > 1.25, "{} and {}: {contrast:.2}", pair[0].name, pair[1].name);
        }
    }

    /// A repeated SYN is told from the first of its attempt, whether that fails or not.
    #[test]
    fn repeated_segments_look_different() {
        let ground =
            |name: &str| RULES.iter().find(|rule| rule.name == name).expect("a rule").background;
        for (first, again) in [("Failed", "Failed, sent again"), ("1/3 SYN", "SYN retransmission")]
        {
            let contrast = contrast(ground(first), ground(again));
            assert!(contrast > 1.25, "{first}: {contrast:.2}");
        }
        assert!(contrast(ground("Failed"), ground("Failed, sent again")) > 3.0);
    }

    #[test]
    fn no_name_contains_a_separator_of_the_files() {
        for rule in RULES {
            assert!(!rule.name.contains('@') && !rule.filter().contains('@'), "{}", rule.name);
        }
        for (label, _) in BUTTONS {
            assert!(!label.contains(['"', '\\']), "{label}");
        }
    }
}
