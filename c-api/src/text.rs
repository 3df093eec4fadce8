//! Names and sentences as C strings.

use std::collections::HashMap;
use std::ffi::CString;
use std::ptr;
use std::sync::{Mutex, PoisonError};

use dissector_core::connection::{
    Bearing, Cause, Close, ClosedBy, Ecn, Enumeration, Evidence, Finding, Group, OpenType, Outcome,
    Repeat, Role, RoleBasis, RstReason, Seen, Severity, Stage, State, StateNames, Vantage,
};
use libc::c_char;

use crate::annotation::TCPHS_NONE;
use crate::boundary::{entry, guard};
use crate::status::STATUS_TEXTS;

/// Version of the library, for instance `0.1.0`. Never freed.
#[unsafe(no_mangle)]
pub extern "C" fn tcphs_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// The text of a `tcphs_status` for an error message; null if there is no such status. Never freed.
#[unsafe(no_mangle)]
pub extern "C" fn tcphs_status_text(status: u32) -> *const c_char {
    forever(|| STATUS_TEXTS.get(status as usize).copied())
}

/// Whether a connection with this outcome did not come up. False if there is no such outcome.
#[unsafe(no_mangle)]
pub extern "C" fn tcphs_outcome_failed(outcome: u8) -> bool {
    guard(false, || {
        entry("outcome_failed");
        Outcome::from_number(outcome).is_some_and(Outcome::failed)
    })
}

/// The meaning of an outcome, a short paragraph; null if there is no such outcome. Never freed.
#[unsafe(no_mangle)]
pub extern "C" fn tcphs_outcome_meaning(outcome: u8) -> *const c_char {
    forever(|| Some(Outcome::from_number(outcome)?.advice().means))
}

/// Likely cause `nth` of an outcome, from 0 with the likeliest; null after the last. Never freed.
#[unsafe(no_mangle)]
pub extern "C" fn tcphs_outcome_cause(outcome: u8, nth: usize) -> *const c_char {
    forever(|| Some(Outcome::from_number(outcome)?.advice().causes.get(nth)?.text()))
}

/// A cause in a sentence or two; null if there is no such cause. Never freed.
#[unsafe(no_mangle)]
pub extern "C" fn tcphs_cause_text(cause: u8) -> *const c_char {
    forever(|| Cause::from_number(cause).map(Cause::text))
}

/// The sentence of a piece of evidence; null if there is no such evidence. Never freed.
#[unsafe(no_mangle)]
pub extern "C" fn tcphs_evidence_text(evidence: u8) -> *const c_char {
    forever(|| Evidence::from_number(evidence).map(Evidence::text))
}

/// How evidence bears on a cause: `enum tcphs_bearing`; `TCPHS_NONE` if it does not.
#[unsafe(no_mangle)]
pub extern "C" fn tcphs_evidence_bearing(evidence: u8, cause: u8) -> u8 {
    guard(TCPHS_NONE, || {
        entry("evidence_bearing");
        let known = Evidence::from_number(evidence).zip(Cause::from_number(cause));
        let bearing = known.and_then(|(evidence, cause)| evidence.bearing_on(cause));
        bearing.map_or(TCPHS_NONE, Bearing::number)
    })
}

/// The severity of a finding: `enum tcphs_severity`; `TCPHS_NONE` if there is no such finding.
#[unsafe(no_mangle)]
pub extern "C" fn tcphs_finding_severity(finding: u8) -> u8 {
    guard(TCPHS_NONE, || {
        entry("finding_severity");
        Finding::from_number(finding).map_or(TCPHS_NONE, |finding| finding.severity().number())
    })
}

/// A finding and its likely causes in a sentence; null if there is no such finding. Never freed.
#[unsafe(no_mangle)]
pub extern "C" fn tcphs_finding_text(finding: u8) -> *const c_char {
    forever(|| Finding::from_number(finding).map(Finding::text))
}

/// One function for each enumeration. The header declares them beside the enumerations, because
/// cbindgen does not expand macros.
macro_rules! labels {
    ($($function:ident: $enumeration:ty),+ $(,)?) => {$(
        /// The label of a value; null if there is no such value. Never freed.
        #[unsafe(no_mangle)]
        pub extern "C" fn $function(number: u8) -> *const c_char {
            label(<$enumeration>::TABLE, number)
        }
    )+};
}

labels! {
    tcphs_state_label: State,
    tcphs_stage_label: Stage,
    tcphs_copy_label: Repeat,
    tcphs_outcome_label: Outcome,
    tcphs_open_type_label: OpenType,
    tcphs_close_label: Close,
    tcphs_close_by_label: ClosedBy,
    tcphs_rst_reason_label: RstReason,
    tcphs_role_label: Role,
    tcphs_role_basis_label: RoleBasis,
    tcphs_vantage_label: Vantage,
    tcphs_ecn_label: Ecn,
    tcphs_seen_label: Seen,
    tcphs_severity_label: Severity,
    tcphs_group_label: Group,
    tcphs_finding_label: Finding,
    tcphs_cause_label: Cause,
    tcphs_evidence_label: Evidence,
    tcphs_bearing_label: Bearing,
    tcphs_state_names_label: StateNames,
}

fn label(enumeration: &'static Enumeration, number: u8) -> *const c_char {
    forever(|| {
        let mut values = enumeration.values.iter();
        values.find(|value| value.number == number).map(|value| value.label)
    })
}

/// The text as a C string that is never freed; null if there is none. Texts are constants, so there
/// is a limited number of them.
fn forever(text: impl FnOnce() -> Option<&'static str>) -> *const c_char {
    static TEXTS: Mutex<Option<HashMap<&str, CString>>> = Mutex::new(None);
    guard(ptr::null(), || {
        entry("text");
        let Some(text) = text() else { return ptr::null() };
        let mut texts = TEXTS.lock().unwrap_or_else(PoisonError::into_inner);
        let texts = texts.get_or_insert_with(HashMap::new);
        // Constants have no NUL inside.
        texts.entry(text).or_insert_with(|| CString::new(text).unwrap_or_default()).as_ptr()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::tcphs_status;
    use std::ffi::CStr;

    fn text(text: *const c_char) -> Option<&'static str> {
        // SAFETY: texts are null or C strings that are never freed.
        (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_str().unwrap())
    }

    #[test]
    fn every_value_has_its_label_and_nothing_else_has() {
        for number in 0..=u8::MAX {
            let expected = Stage::from_number(number).map(Stage::label);
            assert_eq!(text(tcphs_stage_label(number)), expected);
            let last = tcphs_status::TCPHS_MORE as u8;
            assert_eq!(text(tcphs_status_text(number.into())).is_some(), number <= last);
            let finding = Finding::from_number(number);
            assert_eq!(text(tcphs_finding_text(number)), finding.map(Finding::text));
            assert_eq!(tcphs_finding_severity(number) == TCPHS_NONE, finding.is_none());
        }
        assert_eq!(text(tcphs_version()), Some(env!("CARGO_PKG_VERSION")));
    }

    #[test]
    fn an_outcome_is_explained() {
        let refused = Outcome::Refused.number();
        assert!(tcphs_outcome_failed(refused) && !tcphs_outcome_failed(99));
        assert_eq!(text(tcphs_outcome_meaning(refused)), Some(Outcome::Refused.advice().means));
        let causes = (0..).map_while(|nth| text(tcphs_outcome_cause(refused, nth)));
        assert!(causes.eq(Outcome::Refused.advice().causes.iter().map(|cause| cause.text())));
    }

    #[test]
    fn evidence_bears_on_causes() {
        let [sent, full] = [Evidence::AckArrived.number(), Cause::AcceptQueueFull.number()];
        assert_eq!(tcphs_evidence_bearing(sent, full), TCPHS_NONE);
        let lost = Cause::FinalAckLost.number();
        assert_eq!(tcphs_evidence_bearing(sent, lost), Bearing::Excludes.number());
        assert_eq!(text(tcphs_cause_text(lost)), Some(Cause::FinalAckLost.text()));
        assert_eq!(text(tcphs_evidence_text(sent)), Some(Evidence::AckArrived.text()));
        assert_eq!(tcphs_evidence_bearing(255, 255), TCPHS_NONE);
    }
}
