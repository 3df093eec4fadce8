//! The boundary between C and Rust: no panic leaves Rust.

use std::any::Any;
use std::cell::RefCell;
use std::ffi::CString;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::status::tcphs_status;

/// A value that C holds by pointer. It is dropped after a panic, because a value that panicked may
/// be in any state; later calls get a status that says so.
pub struct Guarded<T> {
    value: Option<T>,
    failure: Option<CString>,
}

impl<T> Guarded<T> {
    /// A value that has not panicked.
    pub fn new(value: T) -> Self {
        Self { value: Some(value), failure: None }
    }

    /// Runs `work` on the value, unless an earlier run panicked.
    ///
    /// Returns [`tcphs_status::TCPHS_PANIC`] at a panic, and [`tcphs_status::TCPHS_SILENT`] ever
    /// after.
    #[inline]
    pub fn run(&mut self, work: impl FnOnce(&mut T) -> tcphs_status) -> tcphs_status {
        let Some(value) = &mut self.value else {
            return tcphs_status::TCPHS_SILENT;
        };
        match catch_unwind(AssertUnwindSafe(|| work(value))) {
            Ok(status) => status,
            Err(panic) => self.fail(panic),
        }
    }

    /// The message of the panic, if there was one.
    pub fn failure(&self) -> Option<&CString> {
        self.failure.as_ref()
    }

    #[cold]
    fn fail(&mut self, panic: Box<dyn Any + Send>) -> tcphs_status {
        self.failure = Some(describe(panic));
        let value = self.value.take();
        // A value left half changed may panic again when it is dropped.
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(value)));
        if let Err(panic) = dropped {
            std::mem::forget(panic);
        }
        tcphs_status::TCPHS_PANIC
    }
}

/// Runs `work`, which has no object of its own, and returns `fallback` if it panics.
/// [`take_failure`] then gives the message.
pub fn guard<T>(fallback: T, work: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let failure = describe(panic);
        UNREPORTED.with(|unreported| *unreported.borrow_mut() = Some(failure));
        fallback
    })
}

thread_local! {
    static LOCATION: RefCell<Option<String>> = const { RefCell::new(None) };
    static UNREPORTED: RefCell<Option<CString>> = const { RefCell::new(None) };
}

/// Takes the message of the latest panic in [`guard`].
pub fn take_failure() -> Option<CString> {
    UNREPORTED.with(|unreported| unreported.borrow_mut().take())
}

/// Marks the beginning of a function that C calls. With the feature `faults` it panics if
/// `TCPHS_PANIC_AT` names the function: every time, or with `learn:5` from the fifth time on.
#[inline(always)]
#[track_caller]
pub fn entry(name: &str) {
    #[cfg(feature = "faults")]
    faults::panic_if_asked(name);
    let _ = name;
}

#[cfg(feature = "faults")]
mod faults {
    use std::sync::atomic::{AtomicU32, Ordering};

    #[track_caller]
    pub fn panic_if_asked(entry: &str) {
        static TIMES: AtomicU32 = AtomicU32::new(0);
        let Ok(wanted) = std::env::var("TCPHS_PANIC_AT") else { return };
        let (name, from) = wanted.split_once(':').unwrap_or((&wanted, "1"));
        if name == entry && TIMES.fetch_add(1, Ordering::Relaxed) + 1 >= from.parse().unwrap_or(1) {
            panic!("a panic at {entry} was asked for");
        }
    }
}

/// Remembers where a panic was instead of printing it; [`Guarded::failure`] and
/// [`take_failure`] then include the place.
pub fn keep_panics_off_standard_error() {
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string);
        LOCATION.with(|kept| *kept.borrow_mut() = location);
    }));
}

fn describe(panic: Box<dyn Any + Send>) -> CString {
    let message = match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(message), _) => *message,
        (_, Some(message)) => message.as_str(),
        _ => "no message",
    };
    let text = match LOCATION.with(|kept| kept.borrow_mut().take()) {
        Some(location) => format!("{message} at {location}"),
        None => message.to_owned(),
    };
    std::mem::forget(panic);
    CString::new(text.replace('\0', "")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_reported_once_and_then_there_is_silence() {
        let mut guarded = Guarded::new(7);
        let add = |value: &mut i32| {
            *value += 1;
            tcphs_status::TCPHS_OK
        };
        assert_eq!(guarded.run(add), tcphs_status::TCPHS_OK);
        assert_eq!(guarded.run(|value| panic!("at {value}")), tcphs_status::TCPHS_PANIC);
        assert_eq!(guarded.run(add), tcphs_status::TCPHS_SILENT);
        assert_eq!(guarded.run(|_| panic!("again")), tcphs_status::TCPHS_SILENT);
        let failure = guarded.failure().unwrap().to_str().unwrap();
        assert_eq!(failure, "at 8");
    }

    #[test]
    fn a_value_that_panics_when_dropped_stays_inside() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("dropped");
            }
        }
        let mut guarded = Guarded::new(Bomb);
        assert_eq!(guarded.run(|_| panic!("first")), tcphs_status::TCPHS_PANIC);
        assert_eq!(guarded.run(|_| tcphs_status::TCPHS_OK), tcphs_status::TCPHS_SILENT);
    }

    #[test]
    fn without_an_object_the_fallback_is_returned() {
        assert_eq!(guard(3, || 4), 4);
        assert_eq!(take_failure(), None);
        assert_eq!(guard(3, || panic!("x")), 3);
        assert_eq!(take_failure().as_deref(), Some(c"x"));
        assert_eq!(take_failure(), None);
    }
}
