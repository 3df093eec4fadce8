//! The fields that tshark's command line asks for with `-T fields`.
//!
//! From 4.4 on, Wireshark tells the dissectors. Before, tshark builds all details of each packet to
//! print three fields of them, and only its command line names these.

use std::ffi::OsString;
use std::sync::OnceLock;

use dissector_core::schema::FIELDS;

use crate::abi::tcphs_wanted;
use c_api::boundary::{entry, guard};

/// Our fields that tshark's command line names with `-T fields`; null without that option, when all
/// details may be shown. Fields of filters and columns are not among them.
///
/// The shim declares this function itself.
#[unsafe(no_mangle)]
pub extern "C" fn tcphs_command_line_wanted() -> *const tcphs_wanted {
    static NAMED: OnceLock<Option<tcphs_wanted>> = OnceLock::new();
    guard(std::ptr::null(), || {
        entry("command_line_wanted");
        let named = NAMED.get_or_init(|| named(std::env::args_os().skip(1)));
        named.as_ref().map_or(std::ptr::null(), std::ptr::from_ref)
    })
}

fn named(arguments: impl IntoIterator<Item = OsString>) -> Option<tcphs_wanted> {
    let arguments: Vec<_> =
        arguments.into_iter().map(|argument| argument.to_string_lossy().into_owned()).collect();
    if !prints_fields(&arguments) {
        return None;
    }
    let names = |name| arguments.iter().any(|argument| contains_name(argument, name));
    let mut wanted = tcphs_wanted { summary: names("tcphs"), ..tcphs_wanted::default() };
    for (wanted, field) in wanted.fields.iter_mut().zip(FIELDS) {
        *wanted = u8::from(names(field.name));
    }
    Some(wanted)
}

/// Whether there certainly is a `-T fields`, and no other `-T`.
fn prints_fields(arguments: &[String]) -> bool {
    let mut found = false;
    for (nth, argument) in arguments.iter().enumerate() {
        let Some(letters) = argument.strip_prefix('-').filter(|rest| !rest.starts_with('-')) else {
            continue;
        };
        // Options without a value may stand before it: `-nTfields`.
        let Some((before, value)) = letters.split_once('T') else { continue };
        if !before.chars().all(|letter| letter.is_ascii_alphanumeric()) {
            continue;
        }
        let value = match value {
            "" => arguments.get(nth + 1).map_or("", String::as_str),
            value => value,
        };
        if value != "fields" {
            return false;
        }
        found = true;
    }
    found
}

/// Whether a text contains the name of a field or protocol: `tcphs.stage`, but not as a part of
/// `tcphs.stage_str`.
fn contains_name(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(start, _)| {
        let behind = text[start + name.len()..].chars().next();
        behind.is_none_or(|next| !next.is_alphanumeric() && !matches!(next, '_' | '.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Option<Vec<&'static str>> {
        let wanted = named(line.split_whitespace().map(OsString::from))?;
        let fields = FIELDS.iter().zip(wanted.fields);
        let fields = fields.filter(|(_, wanted)| *wanted != 0).map(|(field, _)| field.name);
        Some(fields.chain(wanted.summary.then_some("tcphs")).collect())
    }

    #[test]
    fn the_fields_that_are_printed() {
        let both = Some(vec!["tcphs.conn", "tcphs.stage"]);
        assert_eq!(of("-r a -T fields -e tcphs.stage -e tcphs.conn"), both);
        assert_eq!(of("-nTfields -etcphs.stage -netcphs.conn -r a"), both);
        assert_eq!(of("-T fields -e ip.src -e tcphs -r a"), Some(vec!["tcphs"]));
        assert_eq!(of("-T fields -e tcphs.stage_str"), Some(vec!["tcphs.stage_str"]));
        assert_eq!(of("-T fields -e frame.number"), Some(vec![]));
        assert_eq!(of("-Tfields -e tcphs.conn*2"), Some(vec!["tcphs.conn"]));
    }

    #[test]
    fn everything_else_may_look_at_all() {
        for line in ["", "-r a -V", "-T json -e tcphs.stage", "-T fields -T pdml", "-T", "-Tek"] {
            assert_eq!(of(line), None, "{line}");
        }
        // A file of that name.
        assert_eq!(of("-r fields -T"), None);
        assert_eq!(of("--T fields"), None);
    }
}
