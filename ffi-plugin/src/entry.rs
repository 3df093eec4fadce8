//! What Wireshark looks up in a plugin. These are Rust items because rustc exports nothing else
//! from a cdylib; the work is done in `shim/`.

#![allow(non_upper_case_globals, reason = "Wireshark gives the names")]

use std::cell::RefCell;
use std::ffi::CString;
use std::ptr;

use libc::{c_char, c_int};

use crate::fields::{VERSION_MAJOR, VERSION_MINOR};
use c_api::boundary::{guard, keep_panics_off_standard_error, unreported_failure};

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

/// `WS_PLUGIN_DESC_DISSECTOR`; `wsutil/plugins.h`, where it stands, is not installed by 4.0.
const DISSECTOR: u32 = 1 << 0;

unsafe extern "C" {
    /// `shim/register.c`. It only hands Wireshark a pointer, which cannot raise an error.
    safe fn tcphs_register_plugin();
}

/// Called when the plugin was loaded and its version fits.
#[unsafe(no_mangle)]
pub extern "C" fn plugin_register() {
    guard((), keep_panics_off_standard_error);
    tcphs_register_plugin();
}

/// What the latest panic said in a call that has no status to tell it by; null where there was none,
/// or it was told already. The text lives until the next call.
///
/// The shim declares this function itself: C programs have statuses.
#[unsafe(no_mangle)]
pub extern "C" fn tcphs_untold_failure() -> *const c_char {
    thread_local! {
        static TOLD: RefCell<Option<CString>> = const { RefCell::new(None) };
    }
    TOLD.with(|told| {
        let mut told = told.borrow_mut();
        *told = unreported_failure();
        told.as_ref().map_or(ptr::null(), |failure| failure.as_ptr())
    })
}

/// What kind of plugin this is (Wireshark 4.4 and later).
#[unsafe(no_mangle)]
pub extern "C" fn plugin_describe() -> u32 {
    DISSECTOR
}
