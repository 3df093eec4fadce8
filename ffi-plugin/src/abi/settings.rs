//! The settings of a session.

use dissector_core::connection::StateNames;

use super::{tcphs_session, tcphs_status};
use crate::session::Settings;
use crate::show::text::Style;
use c_api::boundary::entry;

/// The user's settings. `tcphs_settings_default` returns the defaults.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct tcphs_settings {
    /// A handshake that takes longer than this many milliseconds is slow, and a finding.
    pub slow_ms: u32,
    /// The names of states in the Info column and in the lines of the details:
    /// `enum tcphs_state_names`. Labels, filters and text fields keep the names of RFC 9293.
    pub state_names: u8,
    /// Whether assumed states are marked there.
    pub mark_assumed: bool,
    /// Whether the Info column describes every segment, or only those that have a stage.
    pub every_segment: bool,
    /// Whether the Info column says the step alone, without flags and states, and only where there is a
    /// step.
    pub step_only: bool,
}

impl tcphs_settings {
    fn check(self) -> Result<Settings, tcphs_status> {
        let names = StateNames::from_number(self.state_names);
        let names = names.ok_or(tcphs_status::TCPHS_INVALID_ARGUMENT)?;
        Ok(Settings {
            every_segment: self.every_segment && !self.step_only,
            step_only: self.step_only,
            style: Style { names, mark_assumed: self.mark_assumed },
            slow_ns: u64::from(self.slow_ms) * 1_000_000,
        })
    }
}

/// The defaults.
#[unsafe(no_mangle)]
pub extern "C" fn tcphs_settings_default() -> tcphs_settings {
    let Settings { every_segment, step_only, style, slow_ns } = Settings::default();
    tcphs_settings {
        slow_ms: (slow_ns / 1_000_000) as u32,
        state_names: style.names.number(),
        mark_assumed: style.mark_assumed,
        every_segment,
        step_only,
    }
}

/// Changes the settings for everything that is shown from now on.
///
/// # Safety
/// Each pointer is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcphs_session_configure(
    session: *mut tcphs_session,
    settings: *const tcphs_settings,
) -> tcphs_status {
    // SAFETY: the caller guarantees that each pointer is null or valid, and the session not in use.
    let (session, settings) = unsafe { (session.as_mut(), settings.as_ref()) };
    let (Some(session), Some(settings)) = (session, settings) else {
        return tcphs_status::TCPHS_NULL_ARGUMENT;
    };
    let settings = match settings.check() {
        Ok(settings) => settings,
        Err(status) => return status,
    };
    session.guarded.run(|session| {
        entry("session_configure");
        session.configure(settings);
        tcphs_status::TCPHS_OK
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::{tcphs_session_free, tcphs_session_new};
    use std::ptr;

    #[test]
    fn the_default_is_valid_and_nonsense_is_not() {
        use tcphs_status::*;

        let good = tcphs_settings_default();
        assert_eq!(good.check(), Ok(Settings::default()));
        let session = tcphs_session_new();
        // SAFETY: null is allowed everywhere, the rest is valid, and the session is freed once.
        unsafe {
            assert_eq!(tcphs_session_configure(session, &good), TCPHS_OK);
            assert_eq!(tcphs_session_configure(ptr::null_mut(), &good), TCPHS_NULL_ARGUMENT);
            assert_eq!(tcphs_session_configure(session, ptr::null()), TCPHS_NULL_ARGUMENT);
            let bad = tcphs_settings { state_names: 3, ..good };
            assert_eq!(tcphs_session_configure(session, &bad), TCPHS_INVALID_ARGUMENT);
            tcphs_session_free(session);
        }
    }
}
