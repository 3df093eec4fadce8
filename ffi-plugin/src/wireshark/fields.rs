//! The field table of the core as Wireshark wants it registered.

use std::ffi::CString;
use std::ptr;
use std::sync::OnceLock;

use dissector_core::connection::{Enumeration, State};
use dissector_core::schema::{FIELDS, Field, FieldKind, Known};
use libc::{c_char, c_int, c_void};

use crate::show::text::c_string;
use crate::wireshark::headers::{
    self, field_display_e, ftenum, header_field_info, hf_ref_type, hf_register_info, value_string,
};
use c_api::boundary::{entry, guard};

pub const VERSION_MAJOR: c_int = headers::WIRESHARK_VERSION_MAJOR as c_int;
pub const VERSION_MINOR: c_int = headers::WIRESHARK_VERSION_MINOR as c_int;

/// The array for `proto_register_field_array`, in the order of [`FIELDS`]. Wireshark keeps the
/// pointer and writes into the array, so it is made once and never freed.
///
/// The shim declares this function itself: `shim/session.h` has no types of Wireshark.
///
/// # Safety
/// `count` is null or valid for writes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcphs_register_info(count: *mut c_int) -> *mut hf_register_info {
    static REGISTERED: Registered<hf_register_info> = Registered::new();
    // SAFETY: the contract for `count` is the same.
    unsafe {
        REGISTERED.get(count, || {
            entry("register_info");
            FIELDS.iter().map(register_info).collect()
        })
    }
}

/// Whether field `nth` is shown on later passes only.
#[unsafe(no_mangle)]
pub extern "C" fn tcphs_field_needs_later(nth: c_int) -> bool {
    guard(false, || {
        entry("field_needs_later");
        let field = usize::try_from(nth).ok().and_then(|nth| FIELDS.get(nth));
        field.is_some_and(|field| field.known == Known::Connection)
    })
}

/// An array that Wireshark writes into on registration: made once and never freed.
pub struct Registered<T>(OnceLock<(*mut T, usize)>);

// SAFETY: the array is never freed, and only Wireshark's main thread uses it.
unsafe impl<T> Send for Registered<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Registered<T> {}

impl<T: 'static> Registered<T> {
    pub const fn new() -> Self {
        Self(OnceLock::new())
    }

    /// The array, made by `make`, and its length; null and 0 if that panics.
    ///
    /// # Safety
    /// `count` is null or valid for writes.
    pub unsafe fn get(&self, count: *mut c_int, make: impl FnOnce() -> Vec<T>) -> *mut T {
        let (array, length) = guard((ptr::null_mut(), 0), || {
            *self.0.get_or_init(|| {
                let array = make().leak();
                (array.as_mut_ptr(), array.len())
            })
        });
        if !count.is_null() {
            // SAFETY: not null, and the caller guarantees that it is valid for writes.
            unsafe { count.write(length as c_int) };
        }
        array
    }
}

fn register_info(field: &Field) -> hf_register_info {
    let (type_, display) = match field.kind {
        FieldKind::None => (ftenum::FT_NONE, field_display_e::BASE_NONE),
        FieldKind::Boolean => (ftenum::FT_BOOLEAN, field_display_e::BASE_NONE),
        FieldKind::Uint8 => (ftenum::FT_UINT8, field_display_e::BASE_DEC),
        FieldKind::Uint16 => (ftenum::FT_UINT16, field_display_e::BASE_DEC),
        FieldKind::Uint32 => (ftenum::FT_UINT32, field_display_e::BASE_DEC),
        FieldKind::Int8 => (ftenum::FT_INT8, field_display_e::BASE_DEC),
        FieldKind::Int16 => (ftenum::FT_INT16, field_display_e::BASE_DEC),
        FieldKind::FrameNumber => (ftenum::FT_FRAMENUM, field_display_e::BASE_NONE),
        FieldKind::Ipv4 => (ftenum::FT_IPv4, field_display_e::BASE_NONE),
        FieldKind::Ipv6 => (ftenum::FT_IPv6, field_display_e::BASE_NONE),
        FieldKind::RelativeTime => (ftenum::FT_RELATIVE_TIME, field_display_e::BASE_NONE),
        // `FieldKind` may grow; a test holds that every kind in use is listed here.
        _ => (ftenum::FT_STRING, field_display_e::BASE_NONE),
    };
    hf_register_info {
        p_id: Box::leak(Box::new(-1)),
        hfinfo: header_field_info {
            name: leak(field.title),
            abbrev: leak(field.name),
            type_,
            display: display as c_int,
            strings: field.enumeration.map_or(ptr::null(), value_strings),
            blurb: leak(field.doc.trim_end_matches('.')),
            ..unregistered()
        },
    }
}

/// The values of Wireshark's macro `HFILL`, to be filled in on registration.
pub fn unregistered() -> header_field_info {
    header_field_info {
        name: ptr::null(),
        abbrev: ptr::null(),
        type_: ftenum::FT_NONE,
        display: field_display_e::BASE_NONE as c_int,
        strings: ptr::null(),
        bitmask: 0,
        blurb: ptr::null(),
        id: -1,
        parent: 0,
        ref_type: hf_ref_type::HF_REF_TYPE_NONE,
        same_name_prev_id: -1,
        same_name_next: ptr::null_mut(),
    }
}

/// Numbers with labels. A number is shown with its first label; a filter takes any of them.
fn value_strings(enumeration: &'static Enumeration) -> *const c_void {
    let entry =
        |number: u8, label: &str| value_string { value: number.into(), strptr: leak(label) };
    let mut entries: Vec<_> =
        enumeration.values.iter().map(|value| entry(value.number, value.label)).collect();
    if enumeration.name == State::TABLE.name {
        // The names of `netstat`, `ss`, conntrack and Windows work in filters too.
        for state in State::ALL {
            entries.extend(state.aliases().map(|alias| entry(state.number(), alias)));
        }
    }
    entries.push(value_string { value: 0, strptr: ptr::null() });
    entries.leak().as_ptr().cast()
}

/// A C string that is never freed.
pub fn leak(text: &str) -> *const c_char {
    CString::into_raw(c_string(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_strings_are_registered_as_strings() {
        let mut count = 0;
        // SAFETY: the pointer is valid, and the array has the given length and lives for ever.
        let infos = unsafe {
            let infos = tcphs_register_info(&mut count);
            std::slice::from_raw_parts(infos, count as usize)
        };
        for (field, info) in FIELDS.iter().zip(infos) {
            let string = info.hfinfo.type_ == ftenum::FT_STRING;
            assert_eq!(string, field.kind == FieldKind::String, "{}", field.name);
            assert_eq!(info.hfinfo.strings.is_null(), field.enumeration.is_none());
        }
        assert_eq!(infos.len(), FIELDS.len());
    }
}
