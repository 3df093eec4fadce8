//! Names as C strings.

use std::collections::HashMap;
use std::ffi::CString;
use std::ptr;
use std::sync::OnceLock;

use dissector_core::connection::{
    ENUMERATIONS, Enumeration, Repeat, Role, RoleBasis, RstReason, Stage, State,
};
use libc::c_char;

use crate::boundary::{entry, guard};

/// Version of the library, for instance `0.1.0`.
#[unsafe(no_mangle)]
pub extern "C" fn tcphs_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// Name of a state, for instance `SYN-SENT`; null if there is none of this number.
///
/// Like all labels it lives as long as the program.
#[unsafe(no_mangle)]
pub extern "C" fn tcphs_state_label(state: u8) -> *const c_char {
    label(State::TABLE, state)
}

/// Name of a stage, for instance `SYN/ACK`; null if there is none of this number.
#[unsafe(no_mangle)]
pub extern "C" fn tcphs_stage_label(stage: u8) -> *const c_char {
    label(Stage::TABLE, stage)
}

/// Name of a kind of copy, for instance `retransmission`; null if there is none of this number.
#[unsafe(no_mangle)]
pub extern "C" fn tcphs_copy_label(copy: u8) -> *const c_char {
    label(Repeat::TABLE, copy)
}

/// Name of a role, for instance `client`; null if there is none of this number.
#[unsafe(no_mangle)]
pub extern "C" fn tcphs_role_label(role: u8) -> *const c_char {
    label(Role::TABLE, role)
}

/// Name of what the roles rest on, for instance `syn`; null if there is none of this number.
#[unsafe(no_mangle)]
pub extern "C" fn tcphs_role_basis_label(role_basis: u8) -> *const c_char {
    label(RoleBasis::TABLE, role_basis)
}

/// Name of the reason of an RST, for instance `abort`; null if there is none of this number.
#[unsafe(no_mangle)]
pub extern "C" fn tcphs_rst_reason_label(rst_reason: u8) -> *const c_char {
    label(RstReason::TABLE, rst_reason)
}

/// The label as a C string that is never freed; null if there is none of this number.
fn label(enumeration: &Enumeration, number: u8) -> *const c_char {
    static LABELS: OnceLock<HashMap<(&str, u8), CString>> = OnceLock::new();
    guard(ptr::null(), || {
        entry("label");
        let labels = LABELS.get_or_init(|| {
            let values = ENUMERATIONS.iter().flat_map(|table| {
                table.values.iter().map(|value| ((table.name, value.number), value.label))
            });
            values.map(|(key, label)| (key, c_string(label))).collect()
        });
        labels.get(&(enumeration.name, number)).map_or(ptr::null(), |label| label.as_ptr())
    })
}

/// A copy with a NUL at its end; names have none inside.
pub(crate) fn c_string(text: &str) -> CString {
    CString::new(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CStr;

    fn text(label: *const c_char) -> Option<&'static str> {
        // SAFETY: labels are null or C strings that are never freed.
        (!label.is_null()).then(|| unsafe { CStr::from_ptr(label) }.to_str().unwrap())
    }

    #[test]
    fn every_label_and_nothing_else() {
        for number in 0..=u8::MAX {
            let expected = Stage::from_number(number).map(Stage::label);
            assert_eq!(text(tcphs_stage_label(number)), expected);
        }
        assert_eq!(text(tcphs_state_label(3)), Some("SYN-SENT"));
        assert_eq!(text(tcphs_copy_label(1)), Some("retransmission"));
        assert_eq!(text(tcphs_role_label(2)), Some("server"));
        assert_eq!(text(tcphs_role_basis_label(2)), Some("port"));
        assert_eq!(text(tcphs_rst_reason_label(4)), Some("abort"));
        assert_eq!(text(tcphs_version()), Some(env!("CARGO_PKG_VERSION")));
    }
}
