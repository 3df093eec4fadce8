//! The symbols that Wireshark looks up in a plugin. They are Rust items because rustc exports nothing
//! else from a cdylib; `shim/` does the work.

#![allow(non_upper_case_globals, reason = "Wireshark gives the names")]

use std::cell::RefCell;
use std::ffi::CString;
use std::ptr;

use libc::{c_char, c_int};

use crate::wireshark::fields::{VERSION_MAJOR, VERSION_MINOR};
use c_api::boundary::{guard, keep_panics_off_standard_error, take_failure};

const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");

/// Version of the plugin, as a C string in place.
#[unsafe(no_mangle)]
pub static plugin_version: [u8; VERSION.len()] = {
    let mut octets = [0; VERSION.len()];
    octets.copy_from_slice(VERSION.as_bytes());
    octets
};

/// The Wireshark that the plugin was built for.
#[unsafe(no_mangle)]
pub static plugin_want_major: c_int = VERSION_MAJOR;

/// The Wireshark that the plugin was built for.
#[unsafe(no_mangle)]
pub static plugin_want_minor: c_int = VERSION_MINOR;

/// `WS_PLUGIN_DESC_DISSECTOR` of `wsutil/plugins.h`, which 4.0 does not install.
const DISSECTOR: u32 = 1 << 0;

unsafe extern "C" {
    /// `shim/register.c`. It only hands Wireshark a pointer, which cannot raise an error.
    safe fn tcphs_register_plugin();
}

/// Wireshark calls this after it has loaded the plugin, if the version fits.
#[unsafe(no_mangle)]
pub extern "C" fn plugin_register() {
    guard((), keep_panics_off_standard_error);
    tcphs_register_plugin();
}

/// The message of the latest panic in a function that returns no status; null if there was none since
/// the last call. The text lives until the next call.
///
/// The shim declares this function itself.
#[unsafe(no_mangle)]
pub extern "C" fn tcphs_take_failure() -> *const c_char {
    thread_local! {
        static TAKEN: RefCell<Option<CString>> = const { RefCell::new(None) };
    }
    TAKEN.with(|taken| {
        let mut taken = taken.borrow_mut();
        *taken = take_failure();
        taken.as_ref().map_or(ptr::null(), |failure| failure.as_ptr())
    })
}

/// The kind of the plugin, for Wireshark 4.4 and later.
#[unsafe(no_mangle)]
pub extern "C" fn plugin_describe() -> u32 {
    DISSECTOR
}
