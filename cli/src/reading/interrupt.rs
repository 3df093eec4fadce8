//! Ctrl-C: the first one ends the reading, and what is known is written; the second ends the process.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

static STOP: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Exit status of a program that SIGINT ended, as shells count it.
pub const STATUS: u8 = 130;

/// From now on, SIGINT and SIGTERM set the [`flag`].
pub fn watch() {
    let stop = STOP.get_or_init(|| Arc::new(AtomicBool::new(false)));
    for signal in [SIGINT, SIGTERM] {
        // In this order: the second signal finds the flag set. Where it does not work, signals
        // do what they always do.
        let _ = flag::register_conditional_shutdown(signal, STATUS.into(), Arc::clone(stop));
        let _ = flag::register(signal, Arc::clone(stop));
    }
}

/// The flag that a signal sets to end the reading.
pub fn flag() -> Option<&'static AtomicBool> {
    STOP.get().map(Arc::as_ref)
}

/// Whether a signal has asked for the end.
pub fn is_set() -> bool {
    flag().is_some_and(|flag| flag.load(Ordering::Relaxed))
}
