//! The findings as Wireshark's expert information wants them registered.

use libc::c_int;
use std::ptr;

use dissector_core::connection::{Group, Severity};

use crate::show::expert_items::{Entry, entries};
use crate::show::finding_text::summary;
use crate::wireshark::fields::{Registered, leak, unregistered};
use crate::wireshark::headers::{
    self, ei_register_info, expert_field, expert_field_info, hf_register_info,
};
use c_api::boundary::{entry, guard};

/// The array for `expert_register_field_array`, in the order of `expert_items::entries`.
///
/// # Safety
/// `count` is null or valid for writes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcphs_register_expert(count: *mut c_int) -> *mut ei_register_info {
    static REGISTERED: Registered<ei_register_info> = Registered::new();
    // SAFETY: the contract for `count` is the same.
    unsafe {
        REGISTERED.get(count, || {
            entry("register_expert");
            entries().map(register_info).collect()
        })
    }
}

/// Whether entry `nth` is shown on later passes only.
#[unsafe(no_mangle)]
pub extern "C" fn tcphs_expert_needs_later(nth: c_int) -> bool {
    guard(false, || {
        entry("expert_needs_later");
        let entry = usize::try_from(nth).ok().and_then(|nth| entries().nth(nth));
        entry.is_some_and(|entry| entry.finding.needs_the_future())
    })
}

fn register_info(Entry { finding, raised }: Entry) -> ei_register_info {
    let severity = match finding.severity() {
        _ if raised => headers::PI_WARN,
        Severity::Chat => headers::PI_CHAT,
        Severity::Warn => headers::PI_WARN,
        Severity::Error => headers::PI_ERROR,
        _ => headers::PI_NOTE,
    };
    let group = match finding.group() {
        Group::Protocol => headers::PI_PROTOCOL,
        _ => headers::PI_SEQUENCE,
    };
    ei_register_info {
        ids: Box::leak(Box::new(expert_field { ei: -1, hf: -1 })),
        eiinfo: expert_field_info {
            name: leak(&format!("tcphs.expert.{finding}")),
            group: group as c_int,
            severity: severity as c_int,
            summary: leak(summary(finding)),
            id: 0,
            protocol: ptr::null(),
            orig_severity: 0,
            hf_info: hf_register_info { p_id: ptr::null_mut(), hfinfo: unregistered() },
        },
    }
}
